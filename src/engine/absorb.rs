//! Takes over the keys of another keyspace: what an import has read, once all of it is known to be in order.

use crate::base::time::Time;
use crate::data::entry::Entry;
use crate::keyspace::{Db, Event, Keyspace};

use super::Engine;

const RESTORE: Event = Event::generic("restore");

/// What became of the other's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Absorbed {
    /// Keys that are here now, those that took the place of others among them.
    pub keys: u64,
    /// Keys of ours that were replaced.
    pub replaced: u64,
    /// Keys that were left out because we have keys of those names.
    pub skipped: u64,
    /// Keys that were left out because their deadline had passed.
    pub expired: u64,
}

impl Engine {
    /// Moves all keys of `from` into the databases of the same numbers, and its libraries of functions; where both have a
    /// key or a library of a name, `replace` says whose stays.
    ///
    /// Those who watch, track or wait for the keys are told. Nothing is logged: a snapshot has to follow before
    /// whatever is logged later can be kept.
    pub fn absorb(&mut self, from: &mut Keyspace, replace: bool, now: Time) -> Absorbed {
        let logging = std::mem::replace(&mut self.effects.logging, false);
        self.effects.observed = self.shared.observes_keys();
        let mut absorbed = Absorbed::default();
        for db in 0..from.databases().min(self.keyspace.databases()) as u32 {
            let mut at = 0;
            while let Some((entries, next)) = from.take_run(db, at) {
                at = next;
                for entry in entries {
                    self.absorb_entry(db, entry, replace, now, &mut absorbed);
                }
            }
        }
        for library in from.libraries.drain(..) {
            self.absorb_library(library, replace);
        }
        self.settle(now);
        self.effects.logging = logging;
        absorbed
    }

    /// Returns the name of a key or a library that is both here and in `other`.
    pub fn collision<'a>(&self, other: &'a Keyspace) -> Option<&'a [u8]> {
        let shared =
            |db| other.database(db).iter().find(move |entry| self.keyspace.contains(db, entry.key()));
        let databases = 0..other.databases().min(self.keyspace.databases()) as u32;
        let key = databases.filter_map(shared).map(Entry::key).next();
        let own: Vec<_> = self.keyspace.libraries.iter().map(|code| library_name(code)).collect();
        key.or_else(|| {
            other.libraries.iter().map(|code| library_name(code)).find(|name| own.contains(name))?
        })
    }

    fn absorb_library(&mut self, code: Box<[u8]>, replace: bool) {
        let keyspace = &mut self.keyspace;
        let place = keyspace.libraries.iter_mut().find(|own| library_name(own) == library_name(&code));
        match place {
            Some(own) if replace => *own = code,
            Some(_) => return,
            None => keyspace.libraries.push(code),
        }
        keyspace.libraries_version += 1;
    }

    fn absorb_entry(&mut self, db: u32, entry: Entry, replace: bool, now: Time, absorbed: &mut Absorbed) {
        if entry.deadline().is_some_and(|deadline| deadline <= now) {
            absorbed.expired += 1;
            return;
        }
        let mut db = Db::new(&mut self.keyspace, &mut self.effects, now, db);
        let key = entry.key().to_vec();
        let is_there = db.exists(&key);
        if is_there && !replace {
            absorbed.skipped += 1;
            return;
        }
        db.put(entry);
        db.touch(&key, RESTORE);
        absorbed.keys += 1;
        absorbed.replaced += u64::from(is_there);
    }
}

/// Returns the name that a library's first line gives it.
fn library_name(code: &[u8]) -> Option<&[u8]> {
    let line = code.split(|byte| *byte == b'\n').next()?;
    line.split(u8::is_ascii_whitespace).find_map(|word| word.strip_prefix(b"name="))
}
