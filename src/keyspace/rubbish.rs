//! What was removed and is to be freed later, a little at a time: UNLINK, FLUSHALL ASYNC.

use crate::data::entry::{Entry, ValueMut, ValueRef};
use crate::data::table::Table;

/// A value of fewer parts is freed at once.
const LATER: usize = 64;

/// Values and whole databases that nobody can reach any more.
#[derive(Default)]
pub struct Rubbish {
    entries: Vec<Entry>,
    tables: Vec<Table<Entry>>,
}

impl Rubbish {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.tables.is_empty()
    }

    /// Returns how many keys are to be freed.
    pub fn len(&self) -> usize {
        self.entries.len() + self.tables.iter().map(Table::len).sum::<usize>()
    }

    /// Takes a key that was removed.
    pub(super) fn put(&mut self, entry: Entry) {
        if is_large(&entry) {
            self.entries.push(entry);
        }
    }

    /// Takes all keys of a database.
    pub(super) fn put_all(&mut self, table: Table<Entry>) {
        if !table.is_empty() {
            self.tables.push(table);
        }
    }

    /// Frees about as many elements and keys; returns how many keys are gone.
    pub fn free(&mut self, mut budget: usize) -> u64 {
        let mut keys = 0;
        while budget > 0 {
            if let Some(entry) = self.entries.last_mut() {
                let freed = match entry.value_mut() {
                    ValueMut::Object(object) => object.dismantle(budget),
                    ValueMut::Str(_) => 0,
                };
                if freed == 0 {
                    self.entries.pop();
                    keys += 1;
                }
                budget = budget.saturating_sub(freed.max(1));
            } else if let Some(table) = self.tables.last_mut() {
                let large = &mut self.entries;
                let mut small = 0;
                let taken = table.dismantle(budget, |entry| match is_large(&entry) {
                    true => large.push(entry),
                    false => small += 1,
                });
                if table.is_empty() {
                    self.tables.pop();
                }
                keys += small;
                budget = budget.saturating_sub(taken.max(1));
            } else {
                break;
            }
        }
        keys
    }
}

fn is_large(entry: &Entry) -> bool {
    match entry.value() {
        ValueRef::Object(object) => object.parts() > LATER,
        ValueRef::Str(_) => false,
    }
}
