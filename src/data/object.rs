//! The values that are not strings.

use crate::data::list::List;

/// A collection that a key holds.
#[derive(Clone)]
pub enum Object {
    List(Box<List>),
}

impl Object {
    /// Returns what TYPE says.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Object::List(_) => "list",
        }
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::List(_) => "quicklist",
        }
    }

    /// Returns how many bytes the collection has asked the allocator for.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::List(list) => size_of::<List>() + list.heap_bytes(),
        }
    }
}
