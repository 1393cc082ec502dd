//! Sets in snapshots.

use crate::base::number::parse_int;
use crate::data::Limits;
use crate::data::int_set::IntSet;
use crate::data::listpack;
use crate::data::object::Object;
use crate::data::set::Set;

use super::build::Build;
use super::input::{Input, Read};
use super::output::{Encoder, write_len};
use super::{Fault, kind};

/// A set that is being read.
pub(super) struct Builder {
    items: Items,
    left: u64,
    set: Set,
}

enum Items {
    Members,
    Integers,
    Listpack,
}

impl Builder {
    /// Begins to read a set of one of its types.
    pub fn begin(kind: u8, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        let (items, left) = match kind {
            kind::SET => (Items::Members, input.len()?),
            kind::SET_OF_INTEGERS => (Items::Integers, 1),
            _ => (Items::Listpack, 1),
        };
        Ok(Box::new(Self { items, left, set: Set::default() }))
    }
}

impl Build for Builder {
    fn is_whole(&self) -> bool {
        self.left == 0
    }

    fn item(&mut self, input: &mut Input<'_>, limits: &Limits) -> Read<()> {
        let bytes = input.string()?.into_bytes();
        let is_new = match self.items {
            Items::Members => {
                if self.set.is_empty() && parse_int(&bytes).is_none() {
                    let count = usize::try_from(self.left).unwrap_or(usize::MAX);
                    self.set = Set::for_members(count, bytes.len(), limits);
                }
                self.set.insert(&bytes, limits)
            }
            Items::Integers => {
                let ints = IntSet::read(&bytes).ok_or(Fault::BadNode("Intset"))?;
                self.set = Set::from_ints(ints, limits);
                true
            }
            Items::Listpack => {
                let members = listpack::read(&bytes).ok_or(Fault::BadNode("Set listpack"))?;
                members.entries().all(|member| self.set.insert_entry(member, limits))
            }
        };
        if !is_new {
            return Err(Fault::DuplicateMember.into());
        }
        self.left -= 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Option<Object> {
        self.set.fit();
        (!self.set.is_empty()).then(|| Object::Set(Box::new(self.set)))
    }
}

/// Returns the type that a set is saved as.
pub(super) fn kind_of(set: &Set) -> u8 {
    if set.ints().is_some() { kind::SET_OF_INTEGERS } else { kind::SET }
}

/// Writes members from the position where it `begun` up to the limit; returns the position reached then, if not the end.
pub(super) fn save(
    set: &Set,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if let Some(ints) = set.ints() {
        encoder.string(&ints.to_intset(), out);
        return None;
    }
    if begun.is_none() {
        write_len(set.len() as u64, out);
    }
    let mut from = begun.unwrap_or(0) as u64;
    while let Some(next) = set.walk(from, |member| encoder.string(member, out)) {
        from = next;
        if out.len() >= limit {
            return usize::try_from(from).ok();
        }
    }
    None
}
