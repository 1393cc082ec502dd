//! From what a browser's storage holds to a running engine: the chunks of the snapshot that counts, then the segments of
//! the ring. What is damaged is told and kept aside.

use std::ops::RangeInclusive;
use std::vec;

use super::Store;
use super::keeper::Keeper;
use crate::base::time::Time;
use crate::persist::layout::Meta;
use crate::persist::ring::{self, Segment};
use crate::store::Purpose;

/// A storage that is being read into a store, which is empty:
///
/// ```text
/// wanted() → the number of a chunk to read, chunk(what is found there), while there is one
/// begin_log(all segments), run_log() while there is more, end_log() → those that are to be moved aside
/// meta() → to be stored, and from then on the storage is ours
/// finish() → who keeps it
/// ```
pub struct Restore {
    meta: Meta,
    /// The next chunk of the snapshot; none if all are read, or one was damaged.
    wanted: Option<u64>,
    damage: Vec<String>,
    /// The snapshot was not whole.
    incomplete: bool,
    /// The segments that were not run yet.
    log: vec::IntoIter<Segment>,
    /// How much of the first of them was run.
    run: usize,
    /// Why the log ends before the last segment that was found, which has this number.
    broken: Option<String>,
    last_seq: u64,
    next_seq: u64,
    used: u64,
}

impl Restore {
    /// Begins to read what counts according to `meta`.
    pub fn begin(meta: Meta, store: &mut Store, now: Time) -> Self {
        let next_seq = meta.first_seq;
        let (log, broken) = (Vec::new().into_iter(), None);
        let (wanted, damage, incomplete) = (None, Vec::new(), false);
        let mut restore =
            Self { meta, wanted, damage, incomplete, log, run: 0, broken, last_seq: 0, next_seq, used: 0 };
        if restore.meta.generation > 0 {
            store.begin_load(Purpose::Base, now);
            restore.wanted = Some(0);
            restore.end_if_whole(store);
        }
        restore
    }

    /// Returns the generation and the number of the chunk to be read next.
    pub fn wanted(&self) -> Option<(u64, u64)> {
        self.wanted.map(|n| (self.meta.generation, n))
    }

    /// Takes in the chunk that was wanted, with the checksum that it was stored with, if it is there.
    pub fn chunk(&mut self, found: Option<(Vec<u8>, u64)>, store: &mut Store) {
        let Some(n) = self.wanted else { return };
        let loaded = match found {
            None => Err(format!("chunk {n} of the snapshot is missing")),
            Some((bytes, checksum)) if checksum == Segment::seal(n, &bytes) => {
                store.load_snapshot(&bytes).map_err(|damage| damage.to_string())
            }
            Some(_) => Err(format!("chunk {n} of the snapshot is damaged")),
        };
        match loaded {
            Ok(()) => {
                self.wanted = Some(n + 1);
                self.end_if_whole(store);
            }
            Err(why) => {
                // It ends early: that much is known.
                let _ = store.load_done();
                let keys = store.engine().keyspace().len();
                self.snapshot_ends(Some(format!("{why}: the {keys} keys in front of it were loaded")));
            }
        }
    }

    fn end_if_whole(&mut self, store: &mut Store) {
        if self.wanted == Some(self.meta.chunks) {
            let damage = store.load_done().err().map(|damage| damage.to_string());
            self.snapshot_ends(damage);
        }
    }

    fn snapshot_ends(&mut self, damage: Option<String>) {
        self.wanted = None;
        if let Some(why) = damage {
            self.incomplete = true;
            self.damage.push(why);
            self.meta.aside.push(self.meta.generation);
        }
    }

    /// Takes all segments that were found, in the order of their slots. What follows a break is left out.
    pub fn begin_log(&mut self, segments: Vec<Segment>) {
        self.last_seq = segments.iter().map(|segment| segment.seq).max().unwrap_or(0);
        let found = ring::order(segments, self.meta.first_seq);
        self.broken = found.rest.map(|(why, _)| why.to_string());
        self.log = found.unbroken.into_iter();
    }

    /// Runs the next bytes of the log, at the most so many; returns how many, and none when all were run.
    pub fn run_log(&mut self, most: usize, store: &mut Store, now: Time) -> Option<usize> {
        let segment = self.log.as_slice().first()?;
        let piece = &segment.bytes[self.run..];
        let piece = &piece[..piece.len().min(most)];
        self.run += piece.len();
        if let Err(why) = store.replay(piece, now) {
            self.broken = Some(format!("segment {} of the log: {why}", segment.seq));
            self.log = Vec::new().into_iter();
            return None;
        }
        let run = piece.len();
        if self.run == segment.bytes.len() {
            self.next_seq = segment.seq + 1;
            self.used += self.run as u64;
            self.run = 0;
            self.log.next();
        }
        Some(run)
    }

    /// Ends the log. Returns the segments that are to be moved out of the ring, to where they stay for inspection.
    pub fn end_log(&mut self, store: &mut Store, now: Time) -> Option<RangeInclusive<u64>> {
        // A segment holds whole units, so nothing can be missing at its end.
        let _ = store.replay_done(now);
        let why = self.broken.take()?;
        self.damage.push(format!("{why}: it and what was logged later was left out"));
        Some(self.next_seq..=self.last_seq)
    }

    /// Returns what counts now.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Returns whether something was left out.
    pub fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// Lets the store log what changes from now on. Returns who keeps it, and what was damaged.
    pub fn finish<W>(self, ring_bytes: u64, store: &mut Store, now: Time) -> (Keeper<W>, Option<String>) {
        let mut keeper = Keeper::new(self.meta, self.next_seq, self.used, ring_bytes, now);
        let warning = (!self.damage.is_empty()).then(|| self.damage.join("; "));
        let dirty = store.engine().dirty();
        let logging = store.engine().shared().config.appendonly;
        store.engine_mut().set_logging(logging);
        let state = &mut store.engine_mut().shared_mut().persistence;
        (state.log_enabled, state.last_save, state.saved_at_dirty) = (logging, now, dirty);
        (state.log_size, state.warning) = (self.used, warning.clone().unwrap_or_default());
        if self.incomplete {
            keeper.want_snapshot(Purpose::Base, store, now);
        }
        (keeper, warning)
    }
}
