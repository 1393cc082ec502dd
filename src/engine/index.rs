//! Which clients by which name: who listens to a channel, watches, waits for or has read a key.

use std::hash::BuildHasher;

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use crate::base::bytes::Bytes;
use crate::base::sort;
use crate::data::table::HashKey;
use crate::resp::SessionId;

/// Lists of clients under names, each in the order in which they came. One type serves all, which keeps the wasm small.
#[derive(Debug)]
pub struct Index {
    lists: HashMap<Bytes, Vec<SessionId>, Hashing>,
}

/// Hashes names so that nobody outside can choose ones that collide.
#[derive(Clone, Copy, Debug)]
struct Hashing(HashKey);

impl BuildHasher for Hashing {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0.0, self.0.1)
    }
}

/// Returns the name of a key of a database.
pub fn place(db: u32, key: &[u8]) -> Bytes {
    let mut name = Vec::with_capacity(4 + key.len());
    name.extend_from_slice(&db.to_be_bytes());
    name.extend_from_slice(key);
    Bytes::from(&name[..])
}

impl Index {
    pub fn new(key: HashKey) -> Self {
        Self { lists: HashMap::with_hasher(Hashing(key)) }
    }

    pub fn len(&self) -> usize {
        self.lists.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.lists.contains_key(name)
    }

    /// Puts a client at the end of a list, if it is not in it; returns whether it was not.
    pub fn add(&mut self, name: &[u8], id: SessionId) -> bool {
        let list = match self.lists.get_mut(name) {
            Some(list) => list,
            None => self.lists.entry(Bytes::from(name)).or_default(),
        };
        // Whoever comes again came last, more often than not.
        let new = list.last() != Some(&id) && !list.contains(&id);
        if new {
            list.push(id);
        }
        new
    }

    /// Takes a client out of a list; a list without clients goes with it.
    pub fn remove(&mut self, name: &[u8], id: SessionId) {
        let Some(list) = self.lists.get_mut(name) else { return };
        list.retain(|other| *other != id);
        if list.is_empty() {
            self.lists.remove(name);
        }
    }

    /// Takes a client out of all lists.
    pub fn remove_everywhere(&mut self, id: SessionId) {
        self.lists.retain(|_, list| {
            list.retain(|other| *other != id);
            !list.is_empty()
        });
    }

    /// Takes a whole list out.
    pub fn take(&mut self, name: &[u8]) -> Vec<SessionId> {
        self.lists.remove(name).unwrap_or_default()
    }

    /// Takes any list out, with its name.
    pub fn take_any(&mut self) -> Option<(Bytes, Vec<SessionId>)> {
        let name = self.lists.keys().next()?.clone();
        self.lists.remove_entry(&*name)
    }

    /// Returns a list; an empty one if there is none.
    pub fn of(&self, name: &[u8]) -> &[SessionId] {
        self.lists.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Visits the lists, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &[SessionId])> {
        self.lists.iter().map(|(name, list)| (name, list.as_slice()))
    }

    /// Estimates the memory that the lists take.
    pub fn heap_bytes(&self) -> usize {
        let slot = size_of::<(Bytes, Vec<SessionId>)>() + size_of::<SessionId>();
        self.lists.capacity() * slot + self.lists.keys().map(|name| name.len()).sum::<usize>()
    }

    pub fn clear(&mut self) {
        self.lists.clear();
    }

    /// Returns the keys of a database among names made by [`place`], sorted.
    pub fn keys_of(&self, db: u32) -> Vec<Bytes> {
        let prefix = db.to_be_bytes();
        let names = self.lists.keys().filter_map(|name| name.strip_prefix(&prefix));
        let mut keys: Vec<Bytes> = names.map(Bytes::from).collect();
        sort::sort(&mut keys);
        keys
    }
}
