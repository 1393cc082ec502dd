//! When what is written to a browser's storage: the log as `appendfsync` says, and snapshots a slice at a time.
//!
//! The host has one task for as long as the database is open. It asks for the next job, carries it out without holding
//! anything, and reports how that went. So there is one transaction at a time, and whatever is logged while one is
//! under way goes into the next: many writers share one.

use std::ops::Range;
use std::task::Waker;

use super::{Progress, Purpose, Store};
use crate::base::time::Time;
use crate::engine::config::AppendFsync;
use crate::engine::persistence::RingUse;
use crate::persist::layout::{CHUNK_BYTES, Change, Failure, Meta, Write};
use crate::persist::ring::{Ring, Segment};

/// A snapshot is asked for about so many bytes at a time.
const STEP_BYTES: usize = 8 * 1024;
/// What is logged is stored in pieces of about this size, as long as no slice of time: checksum, copy and crossing to
/// JavaScript are a millisecond or two. A call and what it logs are in one piece, however long.
const PIECE_BYTES: u64 = 256 * 1024;
/// A piece takes no more than one of so many parts of the ring.
const PIECES_LEAST: u64 = 8;
/// With `appendfsync no`, the log is stored when nothing was logged for as long, and at the latest after so long.
const IDLE_SECONDS: u64 = 1;
const LATEST_SECONDS: u64 = 30;
/// What failed is tried again this much later.
const RETRY_SECONDS: u64 = 1;
/// When so much more log is stored, it is time to ask how much room there is.
const MEASURE_BYTES: u64 = 256 * 1024;
/// A log as short as this is not replaced by a snapshot because room is short.
const LEAST_LOG: u64 = 64 * 1024;

/// What is to be done next.
pub enum Job {
    Write(Write, Purport),
    /// Nothing, until somebody wakes the task.
    Wait,
    /// Everything is stored, and the database is to be closed.
    Stop,
}

/// What a write means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Purport {
    /// The log is stored up to here.
    Log {
        up_to: u64,
        bytes: u64,
        strict: bool,
    },
    Chunk,
    /// The new snapshot is the one that counts.
    Switch,
    Clean,
}

/// What those outside are to be told, of whom `W` is one.
pub enum News<W> {
    /// What was awaited has come, or can't.
    Settle(W, Option<Failure>),
    /// Storage fails, with a text.
    Failing(String),
    /// It works again.
    Working,
    /// It will not work again until the database is opened anew.
    Lost(Failure),
    /// More is stored by now: the keeper wants to know how much [room](Keeper::set_room) there is.
    Grown,
}

/// Somebody who waits until the log is stored up to a place.
struct Waiter<W> {
    up_to: u64,
    who: W,
}

/// A snapshot that is being written.
struct Writing {
    chunks: u64,
    bytes: u64,
    first_seq: u64,
    /// Logged before the snapshot began and not stored, because the ring was full; the snapshot has it.
    covered: Pieces,
    /// What is left over from the last chunk.
    rest: Vec<u8>,
    /// Nothing comes behind `rest`.
    walked: bool,
    /// The last chunk is on its way.
    complete: bool,
    /// Data has come since that no log tells of: this is not the snapshot that the log goes on from.
    outdated: bool,
}

/// Log in pieces, each of whole units: what is missing behind a piece makes none of it a half.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Vec<u8>>,
    bytes: u64,
    /// The first one is on its way, and not to grow.
    is_under_way: bool,
}

impl Pieces {
    /// Adds units; the last piece grows with them up to about so many bytes.
    fn push(&mut self, units: &[u8], most: u64) {
        self.bytes += units.len() as u64;
        let may_grow = self.pieces.len() > usize::from(self.is_under_way);
        match self.pieces.last_mut().filter(|last| may_grow && (last.len() as u64) < most) {
            Some(last) => last.extend_from_slice(units),
            None if units.is_empty() => {}
            None => self.pieces.push(units.to_vec()),
        }
    }

    fn drop_first(&mut self) {
        self.is_under_way = false;
        self.bytes -= self.pieces.remove(0).len() as u64;
    }
}

/// Decides what to write, and tells those who wait for it, each a `W`.
pub struct Keeper<W> {
    meta: Meta,
    ring: Ring,
    /// The least that the ring may hold; a larger snapshot lets it hold as much as the snapshot.
    ring_bytes: u64,
    /// What was taken from the engine's log and is not stored.
    pending: Pieces,
    /// How many bytes were logged, up to where they are stored, and up to where they are on the disk.
    logged: u64,
    stored: u64,
    safe: u64,
    waiters: Vec<Waiter<W>>,
    /// Somebody wants what is logged stored at once.
    hurried: bool,
    last_store: Time,
    first_unstored: Option<Time>,
    last_logged: Time,
    snapshot_wanted: Option<Purpose>,
    writing: Option<Writing>,
    /// No snapshot is begun before.
    not_before: Time,
    /// Old generations and freed slots, which are deleted after a switch.
    cleaning: Option<(Range<u64>, Vec<Range<u64>>)>,
    /// The log goes on from a snapshot that is still to be written.
    held: bool,
    /// How many more bytes the storage would take, as far as that is known.
    room: Option<u64>,
    /// Bytes that were stored since somebody was asked for that.
    unmeasured: u64,
    failing: bool,
    lost: Option<Failure>,
    closing: bool,
    pub news: Vec<News<W>>,
    idle: Option<Waker>,
    /// A chunk and a piece of log take turns.
    stored_last: bool,
}

impl<W> Keeper<W> {
    pub fn new(meta: Meta, next_seq: u64, used: u64, ring_bytes: u64, now: Time) -> Self {
        let mut ring = Ring::new(meta.first_seq, meta.slots, ring_bytes.max(meta.snapshot_bytes));
        // How the bytes are spread over the segments is of no interest any more.
        for seq in meta.first_seq..next_seq {
            ring.push(if seq == meta.first_seq { used } else { 0 });
        }
        Self {
            meta,
            ring,
            ring_bytes,
            pending: Pieces::default(),
            logged: 0,
            stored: 0,
            safe: 0,
            waiters: Vec::new(),
            hurried: false,
            last_store: Time::default(),
            first_unstored: None,
            last_logged: now,
            snapshot_wanted: None,
            writing: None,
            not_before: Time::default(),
            cleaning: None,
            held: false,
            room: None,
            unmeasured: 0,
            failing: false,
            lost: None,
            closing: false,
            news: Vec::new(),
            idle: None,
            stored_last: false,
        }
    }

    // What the host tells ---------------------------------------------------------------------------------------

    /// Takes note that the engine's log has grown. Returns whether the change may not be acknowledged yet.
    pub fn logged(&mut self, store: &mut Store, now: Time) -> bool {
        if store.log().len() as u64 >= self.piece_bytes() {
            self.take_log(store);
        }
        self.show(store);
        self.last_logged = now;
        self.first_unstored.get_or_insert(now);
        if self.deadline(store).is_some_and(|due| due <= now) {
            self.wake();
        }
        policy(store) == AppendFsync::Always
    }

    /// Lets the task look for work.
    pub fn wake(&mut self) {
        if let Some(waker) = self.idle.take() {
            waker.wake();
        }
    }

    /// Keeps who is to be woken when there may be work.
    pub fn sleep(&mut self, waker: Waker) {
        self.idle = Some(waker);
    }

    /// Stores what is logged as soon as possible.
    pub fn hurry(&mut self) {
        self.hurried = true;
        self.wake();
    }

    /// Has somebody told when all that is logged is on the disk, or when that failed.
    pub fn await_safety(&mut self, store: &Store, who: W) {
        if let Some(failure) = &self.lost {
            self.news.push(News::Settle(who, Some(failure.clone())));
            return;
        }
        let up_to = self.logged + store.log().len() as u64;
        if up_to <= self.safe && !self.held {
            self.news.push(News::Settle(who, None));
            return;
        }
        self.waiters.push(Waiter { up_to, who });
        self.hurry();
    }

    /// Writes a snapshot as soon as possible.
    pub fn want_snapshot(&mut self, purpose: Purpose, store: &mut Store, now: Time) {
        if let Some(failure) = &self.lost {
            return store.snapshot_done(Err(failure.describe()), now);
        }
        self.snapshot_wanted = Some(purpose);
        self.not_before = Time::default();
        self.wake();
    }

    /// Takes note of how many more bytes the storage would take, of whatever. When they are few, a snapshot takes the
    /// place of the log while there is still room for both.
    pub fn set_room(&mut self, bytes: u64) {
        self.room = Some(bytes);
        self.wake();
    }

    /// Begins to log, or ends it. A log goes on from a snapshot, and is not stored before that one is.
    pub fn set_logging(&mut self, logging: bool, store: &mut Store, now: Time) {
        store.engine_mut().set_logging(logging && self.lost.is_none());
        store.engine_mut().shared_mut().persistence.log_enabled = logging;
        self.held = false;
        self.go_on_from_snapshot(store, now);
    }

    /// Lets the log go on from a new snapshot, if there is a log: data has come that it does not tell of.
    pub fn go_on_from_snapshot(&mut self, store: &mut Store, now: Time) {
        if !store.engine().shared().persistence.log_enabled || self.lost.is_some() {
            return;
        }
        self.held = true;
        if let Some(writing) = &mut self.writing {
            writing.outdated = true;
        }
        self.want_snapshot(Purpose::Base, store, now);
    }

    /// Stores what is logged, if that is possible at all, and then stops.
    pub fn close(&mut self, store: &mut Store, now: Time) {
        self.closing = true;
        self.failing = false;
        store.end_export();
        // Without the snapshot that it goes on from, the log is worth nothing.
        // One that is complete is on its way to count, and must not be deleted.
        let is_complete = self.writing.as_ref().is_some_and(|writing| writing.complete);
        if !self.held && !is_complete {
            self.give_up_snapshot("the database is being closed", store, now);
        }
        self.wake();
    }

    /// Returns why what is logged is not stored, or not on the disk for certain.
    pub fn left_over(&self, store: &Store) -> Option<String> {
        let state = &store.engine().shared().persistence;
        let is_unsafe = self.safe < self.logged && self.lost.is_none();
        (self.unstored(store) > 0 || self.held || is_unsafe).then(|| state.last_error.clone())
    }

    /// Gives up storing: the database is gone, or somebody else's.
    pub fn lose(&mut self, failure: Failure, store: &mut Store, now: Time) {
        if self.lost.is_some() || self.closing {
            return;
        }
        self.note_failure(&failure, store);
        store.engine_mut().set_logging(false);
        if self.snapshot_wanted.take().is_some() {
            store.snapshot_done(Err(failure.describe()), now);
        }
        self.give_up_snapshot(&failure.describe(), store, now);
        self.reject_waiters(&failure);
        self.news.push(News::Lost(failure.clone()));
        self.lost = Some(failure);
        self.wake();
    }

    /// Returns when there will be something to do, if nothing else happens.
    pub fn deadline(&self, store: &Store) -> Option<Time> {
        if self.lost.is_some() {
            return None;
        }
        let snapshot = self.wants_snapshot(store).then_some(self.not_before);
        [self.log_due(store), snapshot].into_iter().flatten().min()
    }

    /// Shows INFO how full the ring is.
    fn show(&self, store: &mut Store) {
        let unstored = self.unstored(store);
        let waiting = unstored > 0 && self.is_waiting(store);
        let (bytes, capacity) = (self.ring.bytes(), self.ring.capacity());
        store.engine_mut().shared_mut().persistence.ring =
            Some(RingUse { bytes, capacity, unstored, waiting });
    }

    // What the task does ----------------------------------------------------------------------------------------

    /// Returns what to do now. A snapshot is written for as long as `has_time` says.
    pub fn next_job(&mut self, store: &mut Store, now: Time, has_time: impl Fn() -> bool) -> Job {
        if self.lost.is_some() {
            return if self.closing { Job::Stop } else { Job::Wait };
        }
        if let Some((generations, slots)) = self.cleaning.take() {
            let kept = self.meta.aside.clone();
            let write = Write::new(false).delete_generations(generations, &kept);
            let write = slots.into_iter().map(Change::DeleteSlots).fold(write, Write::and);
            return Job::Write(write, Purport::Clean);
        }
        let due = match self.closing {
            // What fails now is not tried again: it is left over.
            true => !self.failing,
            false => self.log_due(store).is_some_and(|due| due <= now),
        };
        let turn = !(self.stored_last && self.writing.is_some());
        let may_begin = match self.closing {
            // Only if the log can't be stored otherwise, and then there is no time to wait.
            true => (self.held || !self.ring.has_slot()) && !self.failing,
            false => self.not_before <= now,
        };
        let begins = may_begin && !store.is_inside_a_unit() && self.wants_snapshot(store);
        let log = (due && turn || begins && !self.held).then(|| self.store_log(store, now)).flatten();
        // What is left to be stored would be in the snapshot, and in the log that goes on from it too.
        if begins && (log.is_none() || self.pending.pieces.len() == 1) {
            self.begin_snapshot(log.is_none(), store, now);
        }
        self.stored_last = log.is_some();
        if let Some(log) = log {
            return log;
        }
        if self.writing.is_some() {
            return self.write_chunk(store, has_time);
        }
        let done = self.unstored(store) == 0 && !self.held || self.failing;
        if self.closing && done { Job::Stop } else { Job::Wait }
    }

    /// Takes note of how a job ended.
    pub fn done(&mut self, purport: Purport, result: Result<(), Failure>, store: &mut Store, now: Time) {
        match result {
            Ok(()) => self.succeeded(purport, store, now),
            Err(failure) => self.failed(purport, failure, store, now),
        }
        self.show(store);
    }

    fn succeeded(&mut self, purport: Purport, store: &mut Store, now: Time) {
        match purport {
            Purport::Log { up_to, bytes, strict } => {
                if bytes > 0 {
                    self.pending.drop_first();
                }
                self.now_stored(up_to, strict);
                self.unmeasured += bytes;
                if self.unmeasured >= MEASURE_BYTES {
                    self.measure();
                }
                self.work_again(store);
            }
            Purport::Switch => self.switched(store, now),
            Purport::Chunk | Purport::Clean => {}
        }
    }

    fn failed(&mut self, purport: Purport, failure: Failure, store: &mut Store, now: Time) {
        if let Failure::Superseded = failure {
            return self.lose(failure, store, now);
        }
        match purport {
            Purport::Log { bytes, .. } => {
                if bytes > 0 {
                    self.ring.pop();
                    self.pending.is_under_way = false;
                }
                self.last_store = now;
                if !self.failing {
                    self.news.push(News::Failing(failure.describe()));
                }
                self.failing = true;
                self.note_failure(&failure, store);
                self.reject_waiters(&failure);
                // The segment that comes first after the snapshot would have another number.
                self.give_up_snapshot(&failure.describe(), store, now);
            }
            Purport::Chunk | Purport::Switch => {
                if !store.engine().shared().persistence.log_failed {
                    self.news.push(News::Failing(failure.describe()));
                }
                if self.is_waiting(store) {
                    self.note_failure(&failure, store);
                    self.reject_waiters(&failure);
                }
                if self.held {
                    self.snapshot_wanted = Some(Purpose::Base);
                }
                self.failing |= self.closing;
                self.give_up_snapshot(&failure.describe(), store, now);
            }
            // What is left over is deleted with the next generation.
            Purport::Clean => {}
        }
    }

    // The log ---------------------------------------------------------------------------------------------------

    fn unstored(&self, store: &Store) -> u64 {
        self.pending.bytes + store.log().len() as u64
    }

    /// Returns when the log is to be stored; none if there is nothing to store.
    fn log_due(&self, store: &Store) -> Option<Time> {
        let unstored = self.unstored(store);
        let wanted = self.hurried || !self.waiters.is_empty();
        let unsafe_only = !self.waiters.is_empty() && self.safe < self.logged;
        if self.is_held() || unstored == 0 && !unsafe_only || unstored > 0 && !self.ring.has_room(unstored) {
            return None;
        }
        let first = self.first_unstored.unwrap_or_default();
        Some(match policy(store) {
            _ if wanted => Time::default(),
            _ if self.failing => self.last_store.plus_seconds(RETRY_SECONDS),
            AppendFsync::Always => Time::default(),
            AppendFsync::EverySecond => self.last_store.plus_seconds(1),
            AppendFsync::No => {
                self.last_logged.plus_seconds(IDLE_SECONDS).min(first.plus_seconds(LATEST_SECONDS))
            }
        })
    }

    /// Returns whether what is logged has to wait for a snapshot, since it goes on from it.
    fn is_held(&self) -> bool {
        self.held || self.writing.as_ref().is_some_and(|writing| !writing.covered.pieces.is_empty())
    }

    /// Returns whether what is logged can't be stored before a snapshot is.
    fn is_waiting(&self, store: &Store) -> bool {
        let unstored = self.unstored(store);
        self.is_held() || unstored > 0 && !self.ring.has_room(unstored)
    }

    /// Takes what is logged into a segment, or its first piece, if there is room for all of it.
    fn store_log(&mut self, store: &mut Store, now: Time) -> Option<Job> {
        self.take_log(store);
        self.first_unstored = None;
        let strict = policy(store) == AppendFsync::Always || !self.waiters.is_empty() || self.closing;
        let first = self.pending.pieces.first();
        let bytes = first.map_or(0, |piece| piece.len() as u64);
        let (hurried, unstored) = (std::mem::take(&mut self.hurried), self.pending.bytes);
        let room = self.ring.has_room(unstored) || self.closing && self.ring.has_slot();
        if self.is_held() || bytes > 0 && !room || bytes == 0 && !(strict && self.safe < self.logged) {
            return None;
        }
        if bytes == unstored {
            self.last_store = now;
        } else {
            self.hurried = hurried;
        }
        let mut write = Write::new(strict);
        if let Some(piece) = first {
            let seq = self.ring.push(bytes);
            let segment = Segment::new(seq, piece.clone());
            write = write.and(Change::Segment { slot: self.ring.slot(seq), segment });
            self.pending.is_under_way = true;
        }
        let up_to = self.logged - (unstored - bytes);
        Some(Job::Write(write, Purport::Log { up_to, bytes, strict }))
    }

    fn take_log(&mut self, store: &mut Store) {
        self.logged += store.log().len() as u64;
        self.pending.push(store.log(), self.piece_bytes());
        store.clear_log();
    }

    fn piece_bytes(&self) -> u64 {
        PIECE_BYTES.min(self.ring_bytes / PIECES_LEAST)
    }

    fn now_stored(&mut self, up_to: u64, strict: bool) {
        self.stored = self.stored.max(up_to);
        if strict {
            self.safe = self.stored;
        }
        if self.held {
            return;
        }
        let safe = self.safe;
        for waiter in self.waiters.extract_if(.., |waiter| waiter.up_to <= safe) {
            self.news.push(News::Settle(waiter.who, None));
        }
    }

    /// Takes note that what is logged can be stored.
    fn work_again(&mut self, store: &mut Store) {
        self.failing = false;
        let state = &mut store.engine_mut().shared_mut().persistence;
        if std::mem::take(&mut state.log_failed) {
            self.news.push(News::Working);
        }
    }

    fn reject_waiters(&mut self, failure: &Failure) {
        for waiter in self.waiters.drain(..) {
            self.news.push(News::Settle(waiter.who, Some(failure.clone())));
        }
    }

    fn note_failure(&mut self, failure: &Failure, store: &mut Store) {
        let state = &mut store.engine_mut().shared_mut().persistence;
        state.log_failed = true;
        state.last_error = failure.describe();
    }

    // Snapshots -------------------------------------------------------------------------------------------------

    fn wants_snapshot(&self, store: &Store) -> bool {
        let unstored = self.unstored(store);
        let full = unstored > 0 && !self.ring.has_room(unstored);
        let may_begin = self.writing.is_none() && !store.is_exporting();
        may_begin && (self.snapshot_wanted.is_some() || self.ring.is_filling() || full || self.is_short())
    }

    /// Returns whether there is not much more room than for a snapshot that would free that of the log.
    fn is_short(&self) -> bool {
        let (log, snapshot) = (self.ring.bytes(), self.meta.snapshot_bytes);
        // No snapshot is larger than the last one and what was logged since.
        let is_short = self.room.is_some_and(|room| room / 2 < log.saturating_add(snapshot));
        is_short && log >= LEAST_LOG.max(snapshot / 4)
    }

    fn measure(&mut self) {
        self.unmeasured = 0;
        self.news.push(News::Grown);
    }

    /// Sets the snapshot's moment, which is now: whatever was logged is in it.
    ///
    /// `full` says that the ring had no room for that; otherwise it is on its way.
    fn begin_snapshot(&mut self, full: bool, store: &mut Store, now: Time) {
        if full {
            self.take_log(store);
        }
        let covered = if full { std::mem::take(&mut self.pending) } else { Pieces::default() };
        store.begin_snapshot(self.snapshot_wanted.take().unwrap_or(Purpose::Base), now);
        if store.engine().shared().persistence.log_enabled {
            // Reading begins here, in the first database: the log says anew which one is meant.
            store.engine_mut().set_logging(true);
        }
        let first_seq = self.ring.next();
        self.writing = Some(Writing {
            chunks: 0,
            bytes: 0,
            first_seq,
            covered,
            rest: vec![],
            walked: false,
            complete: false,
            outdated: false,
        });
    }

    /// Saves for a while, and makes a chunk of it, a smaller one if there is no more time; with the last one the new
    /// generation begins to count.
    fn write_chunk(&mut self, store: &mut Store, has_time: impl Fn() -> bool) -> Job {
        let Some(writing) = &mut self.writing else { return Job::Wait };
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + STEP_BYTES);
        chunk.append(&mut writing.rest);
        while !writing.walked && chunk.len() < CHUNK_BYTES && has_time() {
            writing.walked = store.step_snapshot(STEP_BYTES, &mut chunk) == Progress::Done;
        }
        if chunk.len() > CHUNK_BYTES {
            writing.rest = chunk.split_off(CHUNK_BYTES);
        }
        writing.complete = writing.walked && writing.rest.is_empty();
        let (generation, n) = (self.meta.generation + 1, writing.chunks);
        writing.chunks += 1;
        writing.bytes += chunk.len() as u64;
        let write = Write::new(writing.complete).and(Change::Chunk { generation, n, bytes: chunk });
        if !writing.complete {
            return Job::Write(write, Purport::Chunk);
        }
        let meta = self.meta.next(writing.chunks, writing.bytes, writing.first_seq);
        Job::Write(write.and(Change::Meta(meta)), Purport::Switch)
    }

    fn switched(&mut self, store: &mut Store, now: Time) {
        let Some(writing) = self.writing.take() else { return };
        let old = self.meta.generation;
        self.meta = self.meta.next(writing.chunks, writing.bytes, writing.first_seq);
        if !writing.outdated {
            self.held = false;
            self.work_again(store);
        }
        // What is known of the room was true while the old log was there.
        self.room = None;
        self.measure();
        let slots = self.ring.release(writing.first_seq);
        self.ring.set_capacity(self.ring_bytes.max(writing.bytes));
        self.cleaning = Some((0..old + 1, slots));
        store.snapshot_done(Ok(()), now);
        self.now_stored(self.stored + writing.covered.bytes, true);
    }

    fn give_up_snapshot(&mut self, why: &str, store: &mut Store, now: Time) {
        let Some(writing) = self.writing.take() else { return };
        self.pending.bytes += writing.covered.bytes;
        self.pending.pieces.splice(..0, writing.covered.pieces);
        self.not_before = now.plus_seconds(RETRY_SECONDS);
        self.room = None;
        store.snapshot_done(Err(why.into()), now);
        let next = self.meta.generation + 1;
        self.cleaning = Some((next..next + 1, Vec::new()));
    }
}

fn policy(store: &Store) -> AppendFsync {
    store.engine().shared().config.appendfsync
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Config, Peer};
    use crate::resp::{OwnedArgs, SessionId};

    const NOW: Time = Time::from_seconds(1_700_000_000);

    /// A store that is kept with `appendfsync always` in a ring of so many bytes, and a client of it.
    fn kept(ring_bytes: u64) -> (Store, Keeper<&'static str>, SessionId) {
        let mut config = Config::default();
        for (name, value) in [("appendonly", "yes"), ("appendfsync", "always")] {
            Config::parameter(name).expect("one of ours").set(&mut config, value).expect("a value of it");
        }
        let mut store = Store::new(config, 1);
        store.engine_mut().set_logging(true);
        let client = store.connect(Peer::default(), NOW);
        (store, Keeper::new(Meta::default(), 1, 0, ring_bytes, NOW), client)
    }

    fn set(store: &mut Store, client: SessionId, bytes: usize) {
        let value = (0..bytes).map(|i| i.wrapping_mul(i).to_le_bytes()[1]).collect::<Vec<u8>>();
        let args: OwnedArgs = [b"SET", &b"key"[..], &value].into_iter().collect();
        store.execute(client, args.as_args(), NOW);
    }

    /// Carries out all that is to be done; returns what that was. Snapshots fail if they are to.
    fn work(keeper: &mut Keeper<&'static str>, store: &mut Store, snapshots_fail: bool) -> Vec<Purport> {
        let mut done = vec![];
        while let Job::Write(_, purport) = keeper.next_job(store, NOW, || true) {
            let fails = snapshots_fail && matches!(purport, Purport::Chunk | Purport::Switch);
            let result = if fails { Err(Failure::Storage("full".into())) } else { Ok(()) };
            keeper.done(purport, result, store, NOW);
            done.push(purport);
        }
        done
    }

    #[test]
    fn a_snapshot_comes_early_where_room_is_short() {
        let (mut store, mut keeper, client) = kept(1_000_000);
        for room in [None, Some(1_000_000), Some(100_000)] {
            set(&mut store, client, 70_000);
            assert!(matches!(work(&mut keeper, &mut store, false)[..], [Purport::Log { .. }]));
            let Some(room) = room else { continue };
            keeper.set_room(room);
            let done = work(&mut keeper, &mut store, false);
            assert_eq!(
                done.contains(&Purport::Switch),
                room < 140_000,
                "with room for {room} bytes: {done:?}"
            );
        }
        keeper.set_room(100_000);
        set(&mut store, client, 100);
        let done = work(&mut keeper, &mut store, false);
        assert!(matches!(done[..], [Purport::Log { .. }]), "a short log is not worth it: {done:?}");
    }

    #[test]
    fn who_waits_for_a_full_ring_is_told_when_the_snapshot_fails() {
        let (mut store, mut keeper, client) = kept(200_000);
        set(&mut store, client, 140_000);
        work(&mut keeper, &mut store, false);
        set(&mut store, client, 100_000);
        keeper.await_safety(&store, "writer");
        work(&mut keeper, &mut store, true);
        let settled = |keeper: &mut Keeper<_>| {
            let news = std::mem::take(&mut keeper.news);
            news.into_iter().find_map(|news| match news {
                News::Settle(who, why) => Some((who, why)),
                _ => None,
            })
        };
        assert_eq!(settled(&mut keeper), Some(("writer", Some(Failure::Storage("full".into())))));
        assert!(store.engine().shared().persistence.log_failed);

        keeper.await_safety(&store, "patient writer");
        keeper.not_before = NOW;
        work(&mut keeper, &mut store, false);
        assert_eq!(settled(&mut keeper), Some(("patient writer", None)));
        assert!(!store.engine().shared().persistence.log_failed);
    }

    #[test]
    fn a_database_that_takes_nothing_is_closed_and_tells_so() {
        for bytes in [0, 100, 300_000] {
            let (mut store, mut keeper, client) = kept(200_000);
            store.engine_mut().shared_mut().config.appendfsync = AppendFsync::No;
            set(&mut store, client, 1_000);
            keeper.hurry();
            assert!(matches!(work(&mut keeper, &mut store, false)[..], [Purport::Log { strict: false, .. }]));
            if bytes > 0 {
                set(&mut store, client, bytes);
            }
            keeper.close(&mut store, NOW);
            let mut attempts = 0;
            while let Job::Write(_, purport) = keeper.next_job(&mut store, NOW, || true) {
                keeper.done(purport, Err(Failure::Storage("full".into())), &mut store, NOW);
                attempts += 1;
                assert!(attempts < 10, "with {bytes} bytes it is tried again and again");
            }
            // What was stored before is perhaps not on the disk.
            assert_eq!(keeper.left_over(&store), Some("full".into()), "with {bytes} bytes");
        }
    }
}
