//! The values that are not strings.

use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::set::Set;
use crate::data::sorted_set::SortedSet;
use crate::data::stream::Stream;

/// A collection that a key holds.
#[derive(Clone)]
pub enum Object {
    Hash(Box<Hash>),
    List(Box<List>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
    Stream(Box<Stream>),
}

impl Object {
    /// Returns what TYPE says.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Object::Hash(_) => "hash",
            Object::List(_) => "list",
            Object::Set(_) => "set",
            Object::SortedSet(_) => "zset",
            Object::Stream(_) => "stream",
        }
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::Hash(hash) => hash.encoding(),
            Object::List(_) => "quicklist",
            Object::Set(set) => set.encoding(),
            Object::SortedSet(set) => set.encoding(),
            Object::Stream(_) => "stream",
        }
    }

    /// Returns how many bytes the collection has asked the allocator for.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Object::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(),
            Object::List(list) => size_of::<List>() + list.heap_bytes(),
            Object::Set(set) => size_of::<Set>() + set.heap_bytes(),
            Object::SortedSet(set) => size_of::<SortedSet>() + set.heap_bytes(),
            Object::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }
}
