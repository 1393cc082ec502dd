//! How collections are read.

use crate::data::Limits;
use crate::data::object::Object;

use super::input::{Input, Read};

/// A collection that is read item by item, so that little of a large one has to be there at once.
pub(super) trait Build {
    /// Returns whether its last item was read.
    fn is_whole(&self) -> bool;

    /// Reads the next item. If that fails, nothing has changed.
    fn item(&mut self, input: &mut Input<'_>, limits: &Limits) -> Read<()>;

    /// Returns the collection, unless it is empty, which no key can hold.
    fn finish(self: Box<Self>) -> Option<Object>;
}
