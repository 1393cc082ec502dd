//! Databases: keys, their values and deadlines, and what changing them brings about.

mod alarms;
mod db;
mod digest;
mod effects;
mod event;
mod evict;
mod freeze;
pub mod rubbish;
mod usage;

use crate::base::bytes::Bytes;
use crate::base::random::Random;
use crate::base::time::Time;
use crate::data::Limits;
use crate::data::entry::Entry;
use crate::data::table::{Batch, HashKey, Occupied, Table};

use alarms::Alarms;
use freeze::Freeze;
use rubbish::Rubbish;

pub use db::{Db, Expiry};
pub use digest::Digest;
pub use effects::{Effects, Happening, Touched};
pub use event::{Classes, Event};
pub use evict::{Order, Policy};
pub use freeze::{Facts, Visit};
pub(crate) use usage::access_clock;
pub use usage::{Usage, idle_seconds};

/// Counters for INFO stats.
#[derive(Default, Debug, Clone, Copy)]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub evicted: u64,
    /// Fields of hashes.
    pub expired_fields: u64,
    /// Keys that were freed some time after they were removed.
    pub freed_later: u64,
}

/// All databases.
pub struct Keyspace {
    dbs: Vec<Database>,
    /// What collections are told when they grow.
    pub limits: Limits,
    pub stats: Stats,
    /// Whether an access removes a key whose deadline has passed. Not while a log is replayed: it says itself when.
    pub lazy_expiry: bool,
    /// Whether keys are removed without being accessed: DEBUG SET-ACTIVE-EXPIRE.
    pub active_expiry: bool,
    /// Whether keys past their deadline stay, though nobody sees them: CLIENT PAUSE.
    pub holds_expiry: bool,
    /// Whether another server says when keys and fields go. Nobody sees a key past its deadline meanwhile.
    pub follows: bool,
    /// The sources of libraries of functions, kept for whoever can run them.
    pub libraries: Vec<Box<[u8]>>,
    /// Grows when they change.
    pub libraries_version: u64,
    /// What access clocks mean.
    pub usage: Usage,
    random: Random,
    /// Keys that may be evicted next.
    candidates: evict::Candidates,
    /// What is still to be written of the snapshot that is being taken.
    freeze: Option<Box<Freeze>>,
    /// What is removed and not freed yet.
    pub rubbish: Rubbish,
    /// What a snapshot was kept for and has been written. Nobody asked for it to be freed later, so it is not told of.
    left_over: Rubbish,
}

/// Names a database for good: SWAPDB exchanges numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DatabaseId(u32);

/// One database.
pub struct Database {
    id: DatabaseId,
    pub(crate) table: Table<Entry>,
    /// Where active expiry goes on.
    expiry_from: u64,
    alarms: Alarms,
    /// Keys that got their deadlines here although another server says when keys go: a replica that may be written to.
    own: Alarms,
}

impl Database {
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns the bytes that the table takes, without its entries.
    pub fn table_bytes(&self) -> usize {
        self.table.heap_bytes()
    }

    /// Returns how many keys have a deadline.
    pub fn volatile(&self) -> usize {
        self.table.volatile()
    }

    /// Estimates how many milliseconds keys with a deadline have left on the average, from the first ones of a walk.
    pub fn average_ttl_ms(&self, now: Time) -> u64 {
        let few = if self.volatile() == 0 { 0 } else { 10_000 };
        let ttls = self.iter().take(few).filter_map(|entry| entry.deadline());
        let (sum, count) = ttls.fold((0u128, 0u128), |(sum, count), deadline| {
            (sum + u128::from(deadline.micros_since(now)) / 1000, count + 1)
        });
        (sum / count.max(1)) as u64
    }

    /// Returns a key's entry, past its deadline or not.
    pub fn find(&self, key: &[u8]) -> Option<&Entry> {
        self.table.find(key)
    }

    /// Visits every entry, those past their deadline too, in the order of SCAN.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }
}

impl Keyspace {
    pub fn new(key: HashKey, databases: usize) -> Self {
        let database = |id| {
            let table = Table::new(key);
            let (alarms, own) = (Alarms::like(&table), Alarms::like(&table));
            Database { id: DatabaseId(id), alarms, own, table, expiry_from: 0 }
        };
        let dbs = (0..databases as u32).map(database).collect();
        Self {
            dbs,
            limits: Limits::new(key),
            stats: Stats::default(),
            lazy_expiry: true,
            active_expiry: true,
            holds_expiry: false,
            follows: false,
            libraries: vec![],
            libraries_version: 0,
            usage: Usage::default(),
            random: Random::new(key.0 ^ key.1),
            candidates: evict::Candidates::default(),
            freeze: None,
            rubbish: Rubbish::default(),
            left_over: Rubbish::default(),
        }
    }

    /// Returns how many databases there are.
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// Panics if there is no such database.
    pub fn database(&self, db: u32) -> &Database {
        &self.dbs[db as usize]
    }

    /// Returns how many keys there are in all databases.
    pub fn len(&self) -> usize {
        self.dbs.iter().map(Database::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that the tables take, without their entries.
    pub fn table_bytes(&self) -> usize {
        self.dbs.iter().map(|db| db.table.heap_bytes()).sum()
    }

    /// Returns whether any key, or field of a hash, has a deadline.
    pub fn has_volatile(&self) -> bool {
        self.dbs.iter().any(|db| db.volatile() > 0 || !db.alarms.is_empty())
    }

    /// Returns whether a key is there, past its deadline or not.
    pub fn contains(&self, db: u32, key: &[u8]) -> bool {
        self.dbs[db as usize].table.find(key).is_some()
    }

    /// Returns whether a key is there and not past its deadline.
    pub fn has(&self, db: u32, key: &[u8], now: Time) -> bool {
        let entry = self.dbs[db as usize].table.find(key);
        entry.is_some_and(|entry| entry.deadline().is_none_or(|deadline| deadline > now))
    }

    /// Puts an entry in as it is, for a host that loads a snapshot: nothing is noted. Returns false if the key is
    /// there already, or the database is not.
    pub fn load(&mut self, db: u32, entry: Entry) -> bool {
        let Some(db) = self.dbs.get_mut(db as usize) else { return false };
        db.alarms.set_for(&entry);
        db.table.insert(entry).is_none()
    }

    /// Adds an entry to those that are to go into a database together.
    ///
    /// Panics if there is no such database.
    pub fn load_later(&mut self, db: u32, entry: Entry, batch: &mut Batch<Entry>) {
        let db = &mut self.dbs[db as usize];
        db.alarms.set_for(&entry);
        batch.push(db.table.hash(entry.key()), entry);
    }

    /// Puts in what was to go into this database; returns the first entry whose key was there already, and its number in
    /// the batch.
    pub fn load_batch(&mut self, db: u32, batch: &mut Batch<Entry>) -> Option<(usize, Entry)> {
        self.dbs[db as usize].table.insert_batch(batch)
    }

    /// Gets ready for so many keys in a database, if it is empty.
    pub fn expect(&mut self, db: u32, keys: u64) {
        if let Some(db) = self.dbs.get_mut(db as usize) {
            db.table.expect(usize::try_from(keys).unwrap_or(usize::MAX));
        }
    }

    /// Returns whether any field of a hash has a deadline.
    pub fn has_timed_fields(&self) -> bool {
        self.dbs.iter().any(|db| !db.alarms.is_empty())
    }

    /// Drops everything, unnoted, before a host loads something else.
    pub fn clear(&mut self) {
        self.libraries.clear();
        self.libraries_version += 1;
        (0..self.dbs.len()).for_each(|db| self.clear_database(db as u32, false));
    }

    /// Puts everything that another keyspace holds in place of what there is, unnoted. A point in time stays what it was.
    pub fn replace_with(&mut self, other: Keyspace) {
        self.clear();
        self.libraries = other.libraries;
        for (database, new) in self.dbs.iter_mut().zip(other.dbs) {
            (database.table, database.alarms, database.expiry_from) = (new.table, new.alarms, 0);
        }
    }

    /// Makes an empty keyspace whose contents may [replace](Self::replace_with) this one's.
    pub fn sibling(&self) -> Self {
        let mut sibling = Self::new(self.limits.secret, self.dbs.len());
        (sibling.limits, sibling.usage) = (self.limits, self.usage);
        sibling
    }

    /// Returns whether keys past their deadline stay where they are.
    pub(crate) fn holds_expiry(&self) -> bool {
        self.holds_expiry || self.follows
    }

    /// Sets the point in time that [`Keyspace::walk_frozen`] tells of. There is one at a time.
    pub fn freeze(&mut self) {
        self.thaw();
        self.freeze = Some(Box::new(Freeze::new(&self.dbs)));
    }

    /// Takes a run of entries out, from a position on, for a host that moves them elsewhere; also returns the position
    /// that it goes on from. `None` at the end. See [`Table::walk`].
    pub fn take_run(&mut self, db: u32, from: u64) -> Option<(Vec<Entry>, u64)> {
        let table = &mut self.dbs.get_mut(db as usize)?.table;
        let (run, next) = table.walk(from)?;
        let keys: Vec<Bytes> = run.iter().map(|entry| Bytes::from(entry.key())).collect();
        Some((keys.iter().filter_map(|key| table.remove(key)).collect(), next))
    }

    /// Takes the point in time away, for as long as nothing changes.
    pub(crate) fn set_freeze_aside(&mut self) -> Option<Box<Freeze>> {
        self.freeze.take()
    }

    /// Brings back what [`Keyspace::set_freeze_aside`] took.
    pub(crate) fn put_freeze_back(&mut self, freeze: Option<Box<Freeze>>) {
        self.freeze = freeze;
    }

    /// Forgets the point in time and what was kept for it.
    pub fn thaw(&mut self) {
        if let Some(freeze) = self.freeze.take() {
            freeze.dissolve(&mut self.left_over);
        }
    }

    /// Returns how many bytes were kept for the walk so far because they were changed before it came there.
    pub fn kept_bytes(&self) -> u64 {
        self.freeze.as_ref().map_or(0, |freeze| freeze.kept_bytes())
    }

    /// Visits every entry that there was at the point in time once, as it was then; returns false once that is done.
    ///
    /// What has changed since comes before the walk goes on, so databases are not in order.
    pub fn walk_frozen(&mut self, visit: impl FnMut(Facts, &Entry) -> Visit) -> bool {
        let Some(mut freeze) = self.freeze.take() else { return false };
        let more = freeze.walk(&self.dbs, &mut self.left_over, visit);
        self.freeze = Some(freeze);
        if !more {
            self.thaw();
        }
        more
    }

    /// Keeps what a key holds, or that it is not there, if the snapshot has yet to write that. `old` copies the entry,
    /// or leaves another of the same key in its place; it also returns how much memory it keeps with that.
    #[cold]
    fn keep(&mut self, db: u32, key: &[u8], old: impl FnOnce(Occupied<'_, Entry>) -> (Entry, usize)) {
        let (Some(freeze), Database { id, table, .. }) = (&mut self.freeze, &mut self.dbs[db as usize])
        else {
            return;
        };
        let hash = table.hash(key);
        if freeze.needs(*id, hash, key) {
            let (entry, bytes) = table.find_mut_hashed(hash, key).map(old).unzip();
            freeze.keep(*id, hash, key, entry, bytes.unwrap_or(0));
        }
    }

    /// Keeps an entry that was removed, if the snapshot has yet to write it; returns it if not.
    #[cold]
    fn keep_entry(&mut self, db: u32, entry: Entry) -> Option<Entry> {
        let (Some(freeze), Database { id, table, .. }) = (&mut self.freeze, &self.dbs[db as usize]) else {
            return Some(entry);
        };
        let (hash, key) = (table.hash(entry.key()), Bytes::from(entry.key()));
        if !freeze.needs(*id, hash, &key) {
            return Some(entry);
        }
        let bytes = entry.heap_bytes();
        freeze.keep(*id, hash, &key, Some(entry), bytes);
        None
    }

    /// Tells whether there is anything to be freed.
    pub fn has_rubbish(&self) -> bool {
        !self.rubbish.is_empty() || !self.left_over.is_empty()
    }

    /// Frees about so many elements of what nobody can reach any more.
    pub fn free_rubbish(&mut self, budget: usize) {
        if self.rubbish.is_empty() {
            self.left_over.free(budget);
        } else {
            self.stats.freed_later += self.rubbish.free(budget);
        }
    }

    fn clear_database(&mut self, db: u32, later: bool) {
        let database = &mut self.dbs[db as usize];
        let table = std::mem::replace(&mut database.table, Table::new(self.limits.secret));
        (database.alarms, database.own) = (Alarms::like(&table), Alarms::like(&table));
        if let Some(freeze) = &mut self.freeze {
            freeze.keep_all(database.id, table);
        } else if later {
            self.rubbish.put_all(table);
        }
    }

    /// Returns keys whose deadline has passed, after looking at about `budget` of them. They are still there.
    pub(crate) fn due(&mut self, now: Time, budget: usize) -> Vec<(u32, Bytes)> {
        let mut due = vec![];
        for (db, database) in self.dbs.iter_mut().enumerate() {
            let from = database.expiry_from;
            database.expiry_from = database.table.expired(now, from, budget, |entry| {
                due.push((db as u32, Bytes::from(entry.key())));
            });
        }
        due
    }

    /// Returns keys past a deadline that they got here, after looking at about `budget` of them. They are still there.
    pub(crate) fn due_own(&mut self, now: Time, budget: usize) -> Vec<(u32, Bytes)> {
        let mut due = vec![];
        for (db, Database { own, table, .. }) in self.dbs.iter_mut().enumerate() {
            for key in own.due(now, budget) {
                own.clear(&key);
                match table.find(&key).and_then(|entry| entry.deadline()) {
                    Some(at) if at > now => own.set(&key, at),
                    Some(_) => due.push((db as u32, key)),
                    None => {}
                }
            }
        }
        due
    }

    /// Returns keys of hashes that may have fields whose deadline has passed, after looking at about `budget` hashes.
    pub(crate) fn due_hashes(&mut self, now: Time, budget: usize) -> Vec<(u32, Bytes)> {
        let due = |(db, database): (usize, &mut Database)| {
            database.alarms.due(now, budget).into_iter().map(move |key| (db as u32, key))
        };
        self.dbs.iter_mut().enumerate().flat_map(due).collect()
    }

    pub(crate) fn random(&self, db: u32, random: &mut Random) -> Option<&Entry> {
        self.dbs[db as usize].table.random(random)
    }
}
