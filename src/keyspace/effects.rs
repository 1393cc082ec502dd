//! What calls did that others must learn of: noted while they run, settled when a unit is done.

use crate::base::arena::Arena;
use crate::base::bytes::Bytes;
use crate::resp::{Args, Protocol, Reply, SessionId};

use super::event::{Classes, Event};

/// Something that happened to keys of one database.
#[derive(Clone, Copy, Debug)]
pub struct Touched {
    pub db: u32,
    pub what: Happening,
}

/// What happened, in the order in which it did.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// The key changed.
    Changed(Event),
    /// Subscribers are told; the key's value is as before.
    Noted(Event),
    /// Those who wait for the key are to look again, and subscribers are told; the value is as before to others.
    Signalled(Event),
    /// The whole database was emptied.
    Flushed,
    /// The database changed places with this one.
    Swapped(u32),
}

/// The effects of the unit that is being run, and the log of all units since it was last taken.
///
/// A unit is one call of a client, a whole transaction, a whole script, or one waiting client served.
#[derive(Default)]
pub struct Effects {
    /// Changes that calls made.
    changes: u64,
    /// Changes that time or a lack of memory made.
    expired: u64,
    /// Whether anybody reads the log: an append-only file, a replica.
    pub logging: bool,
    /// Whether anybody waits for, watches or tracks keys.
    pub observed: bool,
    /// Events that somebody may listen to.
    pub classes: Classes,
    /// Who runs the unit; nobody, when time does.
    pub actor: Option<SessionId>,
    log: Vec<u8>,
    /// Where the unit's calls begin in the log, and how many there are.
    unit: usize,
    calls: usize,
    /// How many of those remove a key that was past its deadline.
    expiries: usize,
    /// The database that the log's reader has selected.
    selected: Option<u32>,
    /// What runs is not to be logged.
    muted: bool,
    /// The running call has said itself what is to be logged.
    rewritten: bool,
    /// Calls that replicas are told of, but no log.
    beside: Vec<u8>,
    touched: Arena<Touched>,
    pushes: Arena<Push>,
    /// Where messages belong that are queued now, if not behind all that was touched.
    place: Option<usize>,
}

/// For whom a message is, and where it belongs among all of the unit: behind so many touched keys, twice; odd numbers
/// are for what is said of the key before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Push {
    pub to: SessionId,
    pub place: usize,
}

impl Effects {
    /// Returns the number of changes that calls made since the engine began. As in Redis, keys that expire don't count.
    #[inline]
    pub fn dirty(&self) -> u64 {
        self.changes
    }

    /// Returns the number of changes since the engine began, those that time made among them.
    pub fn noted(&self) -> u64 {
        self.changes + self.expired
    }

    /// Counts changes beyond the one that `touch` counts: the second and later elements of a push.
    #[inline]
    pub fn count(&mut self, more: u64) {
        self.changes += more;
    }

    #[inline]
    pub(super) fn touch(&mut self, db: u32, key: &[u8], event: Event) {
        self.changes += 1;
        self.touch_uncounted(db, key, event);
    }

    #[inline]
    pub(super) fn touch_uncounted(&mut self, db: u32, key: &[u8], event: Event) {
        if self.observed || self.classes.any(event.class) {
            self.touched.push(Touched { db, what: Happening::Changed(event) }, key);
        }
    }

    #[inline]
    pub(super) fn note(&mut self, db: u32, key: &[u8], event: Event) {
        if self.classes.any(event.class) {
            self.touched.push(Touched { db, what: Happening::Noted(event) }, key);
        }
    }

    pub(super) fn signal(&mut self, db: u32, key: &[u8], event: Event) {
        if self.observed || self.classes.any(event.class) {
            self.touched.push(Touched { db, what: Happening::Signalled(event) }, key);
        }
    }

    /// Notes that a key is gone without anybody having asked for that: it expired or was evicted.
    pub(super) fn remove_by_itself(&mut self, db: u32, key: &[u8], event: Event) {
        self.expired += 1;
        if self.logging {
            self.expiries += 1;
            self.log_call(db, &[b"DEL", key]);
        }
        if self.observed || self.classes.any(event.class) {
            self.touched.push(Touched { db, what: Happening::Changed(event) }, key);
        }
    }

    pub(super) fn expire_fields(&mut self, db: u32, key: &[u8], fields: &[Bytes]) {
        self.expired += fields.len() as u64;
        let mut call: Vec<&[u8]> = vec![b"HDEL", key];
        call.extend(fields.iter().map(Bytes::as_slice));
        self.log_call(db, &call);
        self.touch_uncounted(db, key, Event::hash("hexpired"));
    }

    pub(crate) fn all(&mut self, db: u32, what: Happening) {
        if self.observed {
            self.touched.push(Touched { db, what }, b"");
        }
    }

    /// Queues a message for a client. Written as RESP2 or RESP3 when it is delivered, so it may hold bulk strings,
    /// integers and arrays only; `write` is given a reply that stands after the message's own header.
    pub fn push(&mut self, to: SessionId, parts: usize, write: impl FnOnce(&mut Reply<'_>)) {
        let place = self.place.unwrap_or(2 * self.touched.len());
        self.pushes.push_with(Push { to, place }, |out| {
            let mut reply = Reply::new(out, Protocol::Resp3);
            reply.push(parts);
            write(&mut reply);
        });
    }

    /// Returns whether the unit left anything to settle.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.touched.is_empty() && self.pushes.is_empty() && self.calls == 0 && self.beside.is_empty()
    }

    /// Returns how many changes and events the unit has noted so far.
    pub fn changes_of_unit(&self) -> usize {
        self.touched.len()
    }

    pub(crate) fn take_touched(&mut self) -> Arena<Touched> {
        std::mem::take(&mut self.touched)
    }

    /// Says that messages queued from now on are about the `i`th thing that was touched.
    pub(crate) fn tell_of(&mut self, i: usize) {
        self.place = Some(2 * i + 1);
    }

    pub(crate) fn take_pushes(&mut self) -> Arena<Push> {
        self.place = None;
        std::mem::take(&mut self.pushes)
    }

    /// Gives back what was taken, for its memory.
    pub(crate) fn put_back(&mut self, mut touched: Arena<Touched>) {
        if self.touched.is_empty() {
            touched.clear();
            self.touched = touched;
        }
    }

    // The log ---------------------------------------------------------------------------------------------------

    /// Begins a call, and returns what [`Effects::end_call`] must be given.
    #[inline]
    pub(crate) fn begin_call(&mut self) -> CallMark {
        CallMark { changes: self.changes, rewritten: std::mem::take(&mut self.rewritten) }
    }

    /// Logs the call as it came, if it changed something and did not say otherwise.
    #[inline(always)]
    pub(crate) fn end_call(&mut self, mark: CallMark, db: u32, args: Args<'_>) {
        if self.logging && !self.muted && self.changes != mark.changes && !self.rewritten {
            self.append(db, args.iter());
        }
        self.rewritten = mark.rewritten;
    }

    /// Logs `args` instead of the running call; may be called several times, or with nothing to log.
    pub fn log_as(&mut self, db: u32, calls: &[&[&[u8]]]) {
        self.rewritten = true;
        for args in calls {
            self.log_call(db, args);
        }
    }

    /// Logs a call of our own making beside the running one.
    pub fn log_call(&mut self, db: u32, args: &[&[u8]]) {
        if self.logging && !self.muted {
            self.append(db, args.iter().copied());
        }
    }

    /// Tells replicas of a call that changes nothing, behind what the unit logs.
    pub fn tell_replicas(&mut self, db: u32, args: Args<'_>) {
        self.select(db);
        let mut reply = Reply::new(&mut self.beside, Protocol::Resp2);
        reply.array(args.len());
        args.iter().for_each(|arg| reply.bulk(arg));
    }

    pub(crate) fn take_beside(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.beside)
    }

    fn select(&mut self, db: u32) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            let mut reply = Reply::new(&mut self.log, Protocol::Resp2);
            reply.array(2);
            reply.bulk(b"SELECT");
            reply.bulk_int(db.into());
        }
    }

    fn append<'a>(&mut self, db: u32, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.select(db);
        if self.calls == 0 {
            // A transaction begins behind the SELECT of its first call.
            self.unit = self.log.len();
        }
        let mut reply = Reply::new(&mut self.log, Protocol::Resp2);
        reply.array(args.len());
        args.for_each(|arg| reply.bulk(arg));
        self.calls += 1;
    }

    /// Ends the unit: its calls become one transaction if there are several. Keys that have expired do so one by one.
    pub(crate) fn end_unit(&mut self) {
        if self.calls > 1 && self.calls > self.expiries {
            self.log.splice(self.unit..self.unit, *b"*1\r\n$5\r\nMULTI\r\n");
            self.log.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
        }
        (self.calls, self.expiries) = (0, 0);
    }

    /// Returns the log of whole units since it was last cleared.
    pub fn log(&self) -> &[u8] {
        if self.calls > 0 { &self.log[..self.unit] } else { &self.log }
    }

    /// Returns the memory that the log takes.
    pub fn log_bytes(&self) -> usize {
        self.log.capacity()
    }

    /// Drops what [`Effects::log`] returned.
    pub fn clear_log(&mut self) {
        match self.calls {
            0 => self.log.clear(),
            _ => drop(self.log.drain(..std::mem::take(&mut self.unit))),
        }
    }

    /// Logs nothing until [`Effects::unmute`]: what a script asked for.
    pub fn mute(&mut self) {
        self.muted = true;
    }

    pub fn unmute(&mut self) {
        self.muted = false;
    }

    /// Makes the log select its database again: its next bytes begin a new file or a new replica's stream.
    pub fn restart_log(&mut self) {
        self.selected = None;
    }
}

/// What a call found when it began.
pub(crate) struct CallMark {
    changes: u64,
    rewritten: bool,
}
