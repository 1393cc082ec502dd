//! The calls that took long: SLOWLOG.

use std::collections::VecDeque;

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::Args;

use super::redact::shown;

/// Arguments of an entry, and bytes of an argument, at the most.
const MOST_ARGS: usize = 32;
const MOST_BYTES: usize = 128;

/// A call that took long.
pub struct Entry {
    pub id: u64,
    pub time: Time,
    pub micros: u64,
    pub args: Vec<Bytes>,
    pub address: String,
    pub client: Bytes,
}

/// Calls that took long, the newest first.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<Entry>,
    /// Entries there have ever been.
    count: u64,
}

impl SlowLog {
    /// Notes an entry, whose number this gives, and forgets the oldest beyond `most`.
    pub fn note(&mut self, mut entry: Entry, most: usize) {
        entry.id = self.count;
        self.count += 1;
        self.entries.push_front(entry);
        self.entries.truncate(most);
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Returns the arguments as an entry keeps them: not too many, none too long, and no secrets.
pub fn trimmed(name: &str, args: Args<'_>) -> Vec<Bytes> {
    let whole = if args.len() > MOST_ARGS { MOST_ARGS - 1 } else { args.len() };
    let mut kept: Vec<Bytes> = (0..whole)
        .map(|i| {
            let arg = shown(name, args, i);
            let Some((kept, more)) = arg.split_at_checked(MOST_BYTES).filter(|(_, more)| !more.is_empty())
            else {
                return Bytes::from(arg);
            };
            Bytes::from([kept, format!("... ({} more bytes)", more.len()).as_bytes()].concat())
        })
        .collect();
    if whole < args.len() {
        kept.push(Bytes::from(&*format!("... ({} more arguments)", args.len() - whole)));
    }
    kept
}
