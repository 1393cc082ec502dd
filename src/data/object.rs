//! The values that are not strings.

use crate::data::hash::Hash;
use crate::data::list::List;
use crate::data::set::Set;
use crate::data::sorted_set::SortedSet;
use crate::data::stream::Stream;
use crate::data::table::Table;

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

    /// Returns how many pieces of memory the collection consists of, about.
    pub fn parts(&self) -> usize {
        match self {
            Object::Hash(hash) => hash.table().map_or(1, Table::len),
            Object::List(list) => list.parts(),
            Object::Set(set) => set.parts(),
            Object::SortedSet(set) => set.parts(),
            Object::Stream(stream) => stream.node_count(),
        }
    }

    /// Frees about so many parts of a collection that is good for more of this alone; returns how many. None are left
    /// that are worth it, if that is 0.
    pub fn dismantle(&mut self, budget: usize) -> usize {
        match self {
            Object::Hash(hash) => hash.dismantle(budget),
            Object::List(list) => list.dismantle(budget),
            Object::Set(set) => set.dismantle(budget),
            Object::SortedSet(set) => set.dismantle(budget),
            Object::Stream(_) => 0,
        }
    }

    /// Returns how many bytes a clone takes of its own while nothing has changed.
    pub fn cloned_bytes(&self) -> usize {
        match self {
            Object::Hash(hash) => size_of::<Hash>() + hash.cloned_bytes(),
            Object::Set(set) => size_of::<Set>() + set.cloned_bytes(),
            Object::SortedSet(set) => size_of::<SortedSet>() + set.cloned_bytes(),
            Object::List(_) | Object::Stream(_) => self.heap_bytes(),
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
