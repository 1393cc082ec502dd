//! The log of refusals: who tried what, how often.

use std::collections::VecDeque;

use super::Denied;
use crate::base::bytes::Bytes;
use crate::base::time::Time;

/// Entries alike that are nearer to each other than this are one.
const GROUPED_SECONDS: u64 = 60;
/// How many of the newest entries are looked at for one alike.
const COMPARED: usize = 10;

/// What was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Command,
    Key,
    Channel,
    Auth,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

impl From<Denied> for Reason {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Command => Reason::Command,
            Denied::Key(_) => Reason::Key,
            Denied::Channel(_) => Reason::Channel,
        }
    }
}

/// Where a call came from that was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    TopLevel,
    Transaction,
    Script,
}

impl Context {
    pub fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Transaction => "multi",
            Context::Script => "lua",
        }
    }
}

/// Refusals alike.
#[derive(Clone, Debug)]
pub struct Entry {
    pub count: u64,
    pub reason: Reason,
    pub context: Context,
    /// The command, key or channel that was refused.
    pub object: Bytes,
    pub username: Bytes,
    /// When it happened last.
    pub time: Time,
    /// Who it was, last, as CLIENT LIST describes it.
    pub client: String,
}

impl Entry {
    fn is_alike(&self, other: &Entry) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.time.micros_since(other.time) <= GROUPED_SECONDS * 1_000_000
            && self.object == other.object
            && self.username == other.username
    }
}

/// Refusals, the newest first.
#[derive(Default)]
pub struct Log(VecDeque<Entry>);

impl Log {
    /// Notes a refusal, and forgets the oldest beyond `most`.
    pub fn note(&mut self, mut entry: Entry, most: usize) {
        let alike = self.0.iter().take(COMPARED).position(|other| entry.is_alike(other));
        if let Some(other) = alike.and_then(|at| self.0.remove(at)) {
            entry.count += other.count;
        }
        self.0.push_front(entry);
        self.0.truncate(most);
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.0.iter()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &[u8], seconds: u64) -> Entry {
        Entry {
            count: 1,
            reason: Reason::Key,
            context: Context::TopLevel,
            object: Bytes::from(object),
            username: Bytes::from(&b"ann"[..]),
            time: Time::default().plus_seconds(seconds),
            client: String::new(),
        }
    }

    #[test]
    fn entries_alike_are_one_for_a_minute() {
        let mut log = Log::default();
        for (object, seconds) in [(b"a", 0), (b"b", 1), (b"a", 60), (b"a", 121)] {
            log.note(entry(object, seconds), 10);
        }
        let seen: Vec<_> = log.iter().map(|entry| (&*entry.object, entry.count)).collect();
        assert_eq!(seen, [(&b"a"[..], 1), (b"a", 2), (b"b", 1)]);
    }

    #[test]
    fn the_oldest_entries_go() {
        let mut log = Log::default();
        (0..20u8).for_each(|n| log.note(entry(&[n], 0), 5));
        assert_eq!(log.iter().map(|entry| entry.object[0]).collect::<Vec<_>>(), [19, 18, 17, 16, 15]);
        log.note(entry(&[0], 0), 0);
        assert_eq!(log.iter().len(), 0);
    }
}
