//! One database as one call sees it.

use std::ops::Deref;

use crate::base::random::Random;
use crate::base::time::Time;
use crate::data::Kind;
use crate::data::entry::{Entry, NewValue, ValueRef};
use crate::data::object::Object;
use crate::data::table::{Occupied, Place, Slot, Table};
use crate::resp::{Error, Result};

use super::alarms::hash_of;
use super::effects::{Effects, Happening};
use super::event::Event;
use super::usage::{Usage, Use};
use super::{Keyspace, Stats};

/// What becomes of a key's deadline when it gets a new value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    Keep,
    Never,
    At(Time),
}

/// The selected database at one moment. What is done to it is noted.
///
/// Every method that finds a key first removes it if its deadline has passed.
pub struct Db<'a> {
    keyspace: &'a mut Keyspace,
    pub effects: &'a mut Effects,
    /// The moment of the unit; it does not pass.
    pub now: Time,
    index: u32,
    /// Reads leave the access clock alone: CLIENT NO-TOUCH, OBJECT.
    pub no_touch: bool,
}

impl<'a> Db<'a> {
    /// Panics later if there is no database `index`.
    pub fn new(keyspace: &'a mut Keyspace, effects: &'a mut Effects, now: Time, index: u32) -> Self {
        Self { keyspace, effects, now, index, no_touch: false }
    }

    /// Returns another database at the same moment: SELECT, MOVE, COPY.
    pub fn other(&mut self, index: u32) -> Db<'_> {
        Db { keyspace: self.keyspace, effects: self.effects, now: self.now, index, no_touch: self.no_touch }
    }

    pub fn index(&self) -> u32 {
        self.index
    }

    pub fn keyspace(&self) -> &Keyspace {
        self.keyspace
    }

    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        self.keyspace
    }

    // Looking up ------------------------------------------------------------------------------------------------

    /// Returns the value of a key to be read; counts a hit or a miss.
    #[inline]
    pub fn read<K: Kind>(&mut self, key: &[u8]) -> Result<Option<K::Ref<'_>>> {
        let Some(entry) = self.find_counted(key, true) else { return Ok(None) };
        K::of(entry.value()).map(Some).ok_or(Error::WrongType)
    }

    /// Returns the value of a key to be changed.
    #[inline]
    pub fn write<K: Kind>(&mut self, key: &[u8]) -> Result<Option<K::Mut<'_>>> {
        let used = self.use_now();
        let Some(entry) = self.find_to_change(key) else { return Ok(None) };
        let entry = entry.into_mut();
        entry.set_clock(used.next(entry.clock()));
        K::of_mut(entry.value_mut()).map(Some).ok_or(Error::WrongType)
    }

    /// Returns the value of a key to be changed; an empty one of its kind if there was none.
    #[inline]
    pub fn write_or_new<K: Kind>(&mut self, key: &[u8]) -> Result<K::Mut<'_>> {
        let hash = self.hash_to_change(key);
        let used = self.use_now();
        let entry = match self.keyspace.dbs[self.index as usize].table.slot(hash, key) {
            Slot::Occupied(entry) => {
                let entry = entry.into_mut();
                entry.set_clock(used.next(entry.clock()));
                entry
            }
            Slot::Vacant(place) => {
                self.effects.note(self.index, key, Event::NEW);
                place.insert(Entry::new(key, K::empty(), None, used.first())).into_mut()
            }
        };
        K::of_mut(entry.value_mut()).ok_or(Error::WrongType)
    }

    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// Returns a key's entry to be looked at, whatever its kind; the access clock is left alone.
    pub fn entry(&mut self, key: &[u8]) -> Option<&Entry> {
        self.find(key).map(|entry| &*entry.into_mut())
    }

    /// Returns a key's entry to be looked at, as by OBJECT; counts a hit or a miss, of which nobody is told.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Entry> {
        if self.exists(key) {
            self.stats().hits += 1;
        } else {
            self.stats().misses += 1;
        }
        self.entry(key)
    }

    /// Returns a key's entry to be looked at, whatever its kind; counts a hit or a miss, and leaves the access clock.
    pub fn peek_counted(&mut self, key: &[u8]) -> Option<&Entry> {
        self.find_counted(key, false)
    }

    /// Returns a key's entry to be read, whatever its kind; counts a hit or a miss.
    pub fn entry_counted(&mut self, key: &[u8]) -> Option<&Entry> {
        self.find_counted(key, true)
    }

    /// Returns a key's deadline, if the key is there and has one.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Time> {
        self.find(key)?.deadline()
    }

    /// Returns whether a key is there but past its deadline. It stays there.
    pub fn is_late(&self, key: &[u8]) -> bool {
        let entry = self.keyspace.database(self.index).table.find(key);
        entry.is_some_and(|entry| is_late(entry, self.now))
    }

    /// Returns how many keys there are, those past their deadline too.
    pub fn len(&self) -> usize {
        self.keyspace.database(self.index).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a random key that is not past its deadline.
    pub fn random_key(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        // Where nearly every key is past its deadline, one of those has to do, as in Redis.
        for _ in 0..100 {
            let key = self.keyspace.random(self.index, random)?.key().to_vec();
            if self.exists(&key) || !self.keyspace.lazy_expiry {
                return Some(key);
            }
        }
        None
    }

    /// Visits about `count` keys from a cursor on, and returns the next cursor; 0 begins and ends. Keys past their
    /// deadline are left out, and removed.
    pub fn scan(&mut self, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> u64 {
        let (now, lazy) = (self.now, self.keyspace.lazy_expiry);
        let mut late = vec![];
        let next = self.table().scan(cursor, count, |entry| {
            if lazy && is_late(entry, now) { late.push(entry.key().to_vec()) } else { visit(entry) }
        });
        if !self.keyspace.holds_expiry() {
            late.iter().for_each(|key| self.expire(key));
        }
        next
    }

    // Changing --------------------------------------------------------------------------------------------------

    /// Gives a key a value, whatever it held before.
    pub fn set(&mut self, key: &[u8], value: NewValue<'_>, expiry: Expiry) {
        let hash = self.hash_to_overwrite(key);
        let used = self.use_now();
        let deadline = match expiry {
            Expiry::At(deadline) => Some(deadline),
            Expiry::Keep | Expiry::Never => None,
        };
        self.own_deadline(key, deadline);
        match self.table().slot(hash, key) {
            Slot::Occupied(mut entry) => entry.update(|entry| {
                entry.set_value(value);
                if expiry != Expiry::Keep && entry.deadline() != deadline {
                    entry.set_deadline(deadline);
                }
                entry.set_clock(used.next(entry.clock()));
            }),
            Slot::Vacant(place) => {
                place.insert(Entry::new(key, value, deadline, used.first()));
                self.note(key, Event::NEW);
            }
        }
    }

    /// Changes a key's deadline; returns false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<Time>) -> bool {
        let Some(mut entry) = self.find_to_change(key) else { return false };
        entry.update(|entry| entry.set_deadline(deadline));
        self.own_deadline(key, deadline);
        true
    }

    /// Removes a key; returns whether it was there. Notes nothing: `touch` does.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let entry = self.find(key).map(Occupied::remove);
        entry.map(|entry| self.discard(entry)).is_some()
    }

    /// Removes a key as [`Db::remove`] does, but frees a large value bit by bit, later.
    pub fn unlink(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.find(key).map(Occupied::remove) else { return false };
        if let Some(entry) = self.keyspace.keep_entry(self.index, entry) {
            self.keyspace.rubbish.put(entry);
        }
        true
    }

    /// Takes an entry out, to be put elsewhere. Notes nothing.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.find_to_change(key).map(Occupied::remove)
    }

    /// Puts an entry in, in place of what its key held. Notes nothing but that the key is new.
    pub fn put(&mut self, entry: Entry) {
        let key = entry.key().to_vec();
        let hash = self.hash_to_overwrite(&key);
        self.own_deadline(&key, entry.deadline());
        self.keyspace.dbs[self.index as usize].alarms.set_for(&entry);
        if self.table().insert_hashed(hash, entry).is_none() {
            self.note(&key, Event::NEW);
        }
    }

    /// Notes that a collection has lost `removed` elements, if that is any, and removes its key if there are none `left`.
    pub fn shrank(&mut self, key: &[u8], event: Event, removed: usize, left: usize) {
        if removed == 0 {
            return;
        }
        self.touch(key, event);
        self.effects.count(removed as u64 - 1);
        if left == 0 {
            self.remove_emptied(key);
        }
    }

    /// Removes a key whose collection has lost its last element, which the caller has touched it for; notes `del`.
    pub fn remove_emptied(&mut self, key: &[u8]) {
        self.remove(key);
        self.note(key, Event::DEL);
    }

    /// Removes all keys of the database, and notes that. They are freed at once or `later`.
    pub fn flush(&mut self, later: bool) {
        self.effects.count(self.len().max(1) as u64);
        self.keyspace.clear_database(self.index, later);
        self.effects.all(self.index, Happening::Flushed);
    }

    /// Exchanges the contents of two databases, and notes that.
    pub fn swap(&mut self, one: u32, other: u32) {
        self.keyspace.dbs.swap(one as usize, other as usize);
        self.effects.count(1);
        if one != other {
            self.effects.all(one, Happening::Swapped(other));
        }
    }

    // Noting ----------------------------------------------------------------------------------------------------

    /// Notes that `key` has changed, and how. The one thing to remember after a change: watches, waiting clients,
    /// caches, events, the number of changes and the log follow from it.
    #[inline]
    pub fn touch(&mut self, key: &[u8], event: Event) {
        self.effects.touch(self.index, key, event);
    }

    /// Notes what `touch` does, but counts no change: there is none, or it is a part of one that is counted.
    pub fn touch_uncounted(&mut self, key: &[u8], event: Event) {
        self.effects.touch_uncounted(self.index, key, event);
    }

    /// Notes that `key` is about to change with its whole database, for those who watch it.
    pub fn touch_silently(&mut self, key: &[u8]) {
        self.effects.touch(self.index, key, Event::SILENT);
    }

    /// Notes an event that changed no value.
    pub fn note(&mut self, key: &[u8], event: Event) {
        self.effects.note(self.index, key, event);
    }

    /// Notes an event that changed no value, but is news to those who wait for the key.
    pub fn signal(&mut self, key: &[u8], event: Event) {
        self.effects.signal(self.index, key, event);
    }

    /// Logs this call instead of the one that runs: what came of a random choice or of a relative time.
    pub fn log_as(&mut self, args: &[&[u8]]) {
        self.effects.log_as(self.index, &[args]);
    }

    /// Logs nothing for the call that runs.
    pub fn log_nothing(&mut self) {
        self.effects.log_as(self.index, &[]);
    }

    /// Removes a key because its deadline has passed, and notes that.
    pub fn expire(&mut self, key: &[u8]) {
        if let Some(entry) = self.table().remove(key) {
            self.discard(entry);
            self.keyspace.stats.expired += 1;
            self.effects.remove_by_itself(self.index, key, Event::EXPIRED);
        }
    }

    /// Removes a key because memory is short, and notes that.
    pub fn evict(&mut self, key: &[u8]) {
        if let Some(entry) = self.table().remove(key) {
            self.discard(entry);
            self.keyspace.stats.evicted += 1;
            self.effects.remove_by_itself(self.index, key, Event::EVICTED);
        }
    }

    /// Has a hash looked at when a field of it expires.
    pub fn watch_fields(&mut self, key: &[u8], at: Time) {
        self.keyspace.dbs[self.index as usize].alarms.set(key, at);
    }

    /// Removes fields of a hash whose deadline has passed, after looking at about `budget` of them, and notes that.
    #[cold]
    pub fn expire_fields(&mut self, key: &[u8], budget: usize) {
        let now = self.now;
        let database = &mut self.keyspace.dbs[self.index as usize];
        database.alarms.clear(key);
        let Some(entry) = database.table.find(key) else { return };
        if !matches!(entry.value(), ValueRef::Object(Object::Hash(_))) {
            return;
        }
        self.keep(key);
        let database = &mut self.keyspace.dbs[self.index as usize];
        let Some(entry) = database.table.find_mut(key) else { return };
        let Some(hash) = hash_of(entry.into_mut()) else { return };
        let due = hash.expire(now, budget);
        let (emptied, soonest) = (hash.is_empty(), hash.soonest());
        if let Some(at) = soonest {
            database.alarms.set(key, at);
        }
        if !due.is_empty() {
            self.keyspace.stats.expired_fields += due.len() as u64;
            self.effects.expire_fields(self.index, key, &due);
        }
        if emptied && let Some(entry) = self.table().remove(key) {
            self.discard(entry);
            self.note(key, Event::DEL);
        }
    }

    // ---------------------------------------------------------------------------------------------------------------

    /// Takes note of a deadline that a key gets here, if it is another server that says when others have passed.
    #[inline]
    fn own_deadline(&mut self, key: &[u8], deadline: Option<Time>) {
        if let Some(at) = deadline
            && self.keyspace.follows
            && self.keyspace.lazy_expiry
        {
            self.keyspace.dbs[self.index as usize].own.set(key, at);
        }
    }

    /// Removes the fields of a hash whose deadline has passed, before anybody sees them.
    #[inline(always)]
    fn tidy(&mut self, key: &[u8]) {
        let alarms = &self.keyspace.dbs[self.index as usize].alarms;
        if !alarms.is_empty()
            && self.keyspace.lazy_expiry
            && !self.keyspace.follows
            && alarms.is_due(key, self.now)
        {
            self.expire_fields(key, usize::MAX);
        }
    }

    /// Returns what a use of a key means now.
    #[inline(always)]
    fn use_now(&mut self) -> Use {
        let usage = self.keyspace.usage;
        let drawn = if usage == Usage::Lately { 0 } else { self.keyspace.random.next() };
        Use { usage, now: self.now, drawn }
    }

    #[inline(always)]
    fn table(&mut self) -> &mut Table<Entry> {
        &mut self.keyspace.dbs[self.index as usize].table
    }

    /// Returns the hash of a key, which is gone if it was past its deadline.
    #[inline]
    fn live_hash(&mut self, key: &[u8]) -> u64 {
        self.tidy(key);
        let now = self.now;
        let database = &self.keyspace.dbs[self.index as usize];
        let hash = database.table.hash(key);
        if database.volatile() > 0
            && self.keyspace.lazy_expiry
            && database.table.find_hashed(hash, key).is_some_and(|entry| is_late(entry, now))
        {
            self.expire(key);
        }
        hash
    }

    /// Returns where a key is, unless it was past its deadline and is gone now.
    #[inline(always)]
    fn place(&mut self, key: &[u8]) -> Option<Place> {
        self.tidy(key);
        let database = &self.keyspace.dbs[self.index as usize];
        let place = database.table.locate(database.table.hash(key), key)?;
        if self.keyspace.lazy_expiry && is_late(database.table.at(place), self.now) {
            if !self.keyspace.holds_expiry() {
                self.expire(key);
            }
            return None;
        }
        Some(place)
    }

    #[inline]
    fn find(&mut self, key: &[u8]) -> Option<Occupied<'_, Entry>> {
        let place = self.place(key)?;
        Some(self.table().at_mut(place))
    }

    #[inline]
    fn find_to_change(&mut self, key: &[u8]) -> Option<Occupied<'_, Entry>> {
        let place = self.place(key)?;
        self.keep(key);
        Some(self.table().at_mut(place))
    }

    /// Returns the hash of a key whose entry is about to change. If it was past its deadline it is gone now.
    #[inline]
    fn hash_to_change(&mut self, key: &[u8]) -> u64 {
        let hash = self.live_hash(key);
        self.keep(key);
        hash
    }

    /// Keeps what a key holds for the snapshot that is being taken, if there is one that needs it.
    #[inline(always)]
    fn keep(&mut self, key: &[u8]) {
        if self.keyspace.freeze.is_some() {
            self.keyspace.keep(self.index, key, |entry| (entry.clone(), entry.cloned_bytes()));
        }
    }

    /// Returns the hash of a key whose entry gets another value, whatever it is. The old one moves to the snapshot that
    /// needs it.
    #[inline]
    fn hash_to_overwrite(&mut self, key: &[u8]) -> u64 {
        let hash = self.live_hash(key);
        if self.keyspace.freeze.is_some() {
            self.keyspace.keep(self.index, key, |mut entry| {
                let bare = Entry::new(key, NewValue::Int(0), entry.deadline(), entry.clock());
                let old = entry.replace(bare);
                let bytes = old.heap_bytes();
                (old, bytes)
            });
        }
        hash
    }

    /// Drops an entry that was taken out, or moves it to the snapshot that needs it.
    fn discard(&mut self, entry: Entry) {
        if self.keyspace.freeze.is_some() {
            drop(self.keyspace.keep_entry(self.index, entry));
        }
    }

    /// Finds a key for a reader: counts a hit or a miss, and moves the access clock unless `touch` is false.
    #[inline]
    fn find_counted(&mut self, key: &[u8], touch: bool) -> Option<&Entry> {
        let Some(place) = self.place(key) else {
            self.stats().misses += 1;
            self.note(key, Event::KEY_MISS);
            return None;
        };
        self.stats().hits += 1;
        let used = self.use_now();
        let touch = touch && !self.no_touch;
        let entry = self.table().at_mut(place).into_mut();
        if touch {
            entry.set_clock(used.next(entry.clock()));
        }
        Some(entry)
    }

    #[inline(always)]
    fn stats(&mut self) -> &mut Stats {
        &mut self.keyspace.stats
    }
}

impl Deref for Db<'_> {
    type Target = Keyspace;

    fn deref(&self) -> &Keyspace {
        self.keyspace
    }
}

#[inline(always)]
fn is_late(entry: &Entry, now: Time) -> bool {
    entry.deadline().is_some_and(|deadline| deadline <= now)
}
