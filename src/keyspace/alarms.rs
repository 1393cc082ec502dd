//! When hashes are to be looked at for fields to expire.

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::data::Kind;
use crate::data::entry::{Entry, ValueRef};
use crate::data::hash::Hash;
use crate::data::object::Object;
use crate::data::table::{Keyed, Owned, Table};

/// The keys of hashes whose fields have deadlines, and a moment that none of these is before.
///
/// An alarm may stay behind when its hash has gone, or go off too early. Then there is nothing to be done.
pub(super) struct Alarms {
    table: Table<Alarm>,
    /// Where active expiry goes on.
    from: u64,
}

struct Alarm {
    key: Bytes,
    at: Time,
}

impl Keyed for Alarm {
    type Held = Owned<Self>;

    fn key(&self) -> &[u8] {
        &self.key
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.at)
    }
}

impl Alarms {
    /// Makes an empty collection that hashes as a table does.
    pub fn like(table: &Table<Entry>) -> Self {
        Self { table: Table::new(table.secret()), from: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Tells whether a key is to be looked at.
    pub fn is_due(&self, key: &[u8], now: Time) -> bool {
        self.table.find(key).is_some_and(|alarm| alarm.at <= now)
    }

    /// Has a key looked at then, if not earlier.
    pub fn set(&mut self, key: &[u8], at: Time) {
        if self.table.find(key).is_none_or(|alarm| at < alarm.at) {
            self.table.insert(Alarm { key: key.into(), at });
        }
    }

    /// Sets the alarm that an entry needs, if it does.
    pub fn set_for(&mut self, entry: &Entry) {
        if let ValueRef::Object(Object::Hash(hash)) = entry.value()
            && let Some(at) = hash.soonest()
        {
            self.set(entry.key(), at);
        }
    }

    pub fn clear(&mut self, key: &[u8]) {
        self.table.remove(key);
    }

    /// Returns keys that are to be looked at, after looking at about `budget` alarms.
    pub fn due(&mut self, now: Time, budget: usize) -> Vec<Bytes> {
        let mut due = vec![];
        self.from = self.table.expired(now, self.from, budget, |alarm| due.push(alarm.key.clone()));
        due
    }
}

/// Returns the hash that an entry holds.
pub(super) fn hash_of(entry: &mut Entry) -> Option<&mut Hash> {
    Hash::of_mut(entry.value_mut())
}
