//! The keyspace as commands that make it anew: what a log begins with that is not to begin with a snapshot.
//!
//! A value is written by one command, or by several of some elements each, so that no reader has to hold a large one
//! twice. A deadline follows its value.

mod stream;

use crate::base::number::{format_float, format_uint};
use crate::base::time::Time;
use crate::data::entry::{Entry, ValueRef};
use crate::data::hash::Hash;
use crate::data::list::{List, Side};
use crate::data::object::Object;
use crate::data::set::Set;
use crate::data::sorted_set::SortedSet;
use crate::keyspace::{Facts, Keyspace, Visit};
use crate::resp::{Protocol, Reply};

use super::rdb::Progress;

/// The most elements that one command adds.
const ELEMENTS: usize = 64;

/// Writes the keyspace as it was when the writer was made.
pub struct Writer {
    /// The database that what is written next belongs to.
    selected: Option<u32>,
    /// How much of the present value is written, if not all.
    begun: Option<usize>,
    keys: u64,
    all_keys: u64,
    /// What comes first: when it was written, if that is to be told, and the libraries of functions.
    head: Vec<u8>,
    is_done: bool,
}

impl Writer {
    /// Begins to write the present state; another walk that was under way can't go on. `told` is the time that the log
    /// is to begin with.
    pub fn new(keyspace: &mut Keyspace, told: Option<Time>) -> Self {
        keyspace.freeze();
        let mut head = told.map(time_note).unwrap_or_default();
        for code in &keyspace.libraries {
            Out { limit: usize::MAX, bytes: &mut head }.call(&[b"FUNCTION", b"LOAD", code]);
        }
        Self { selected: None, begun: None, keys: 0, all_keys: keyspace.len() as u64, head, is_done: false }
    }

    /// Appends about `budget` bytes to `out`. A command may exceed it.
    pub fn step(&mut self, keyspace: &mut Keyspace, budget: usize, out: &mut Vec<u8>) -> Progress {
        let limit = out.len() + budget.max(1);
        out.append(&mut self.head);
        self.is_done =
            self.is_done || !keyspace.walk_frozen(|facts, entry| self.entry(facts, entry, limit, out));
        if self.is_done { Progress::Done } else { Progress::Working }
    }

    /// Returns how many keys are written, and how many there are.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys, self.all_keys)
    }

    fn entry(&mut self, facts: Facts, entry: &Entry, limit: usize, out: &mut Vec<u8>) -> Visit {
        let mut out = Out { limit, bytes: out };
        if self.selected != Some(facts.db) {
            self.selected = Some(facts.db);
            out.call(&[b"SELECT", &format_uint(facts.db.into())]);
        }
        let key = entry.key();
        let from = self.begun.unwrap_or(0);
        self.begun = match entry.value() {
            ValueRef::Str(string) => {
                out.call(&[b"SET", key, string.as_bytes(&mut [0; 20])]);
                None
            }
            ValueRef::Object(Object::List(list)) => write_list(list, key, from, &mut out),
            ValueRef::Object(Object::Set(set)) => write_set(set, key, from, &mut out),
            ValueRef::Object(Object::SortedSet(set)) => write_sorted_set(set, key, from, &mut out),
            ValueRef::Object(Object::Hash(hash)) => write_hash(hash, key, from, &mut out),
            ValueRef::Object(Object::Stream(stream)) => stream::write(stream, key, from, &mut out),
        };
        if self.begun.is_some() {
            return Visit::Again;
        }
        if let Some(deadline) = entry.deadline() {
            out.call(&[b"PEXPIREAT", key, &format_uint(deadline.millis())]);
        }
        self.keys += 1;
        if out.is_full() { Visit::Pause } else { Visit::Next }
    }
}

/// Returns the remark that tells the time of what follows it in a log.
pub fn time_note(now: Time) -> Vec<u8> {
    [b"#TS:", &format_uint(now.seconds())[..], b"\r\n"].concat()
}

/// Where commands are written.
struct Out<'a> {
    limit: usize,
    bytes: &'a mut Vec<u8>,
}

impl Out<'_> {
    fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit
    }

    fn call(&mut self, args: &[&[u8]]) {
        self.begin(args.len());
        args.iter().for_each(|arg| self.arg(arg));
    }

    /// Begins a command of so many words.
    fn begin(&mut self, words: usize) {
        Reply::new(self.bytes, Protocol::Resp2).array(words);
    }

    fn arg(&mut self, arg: &[u8]) {
        Reply::new(self.bytes, Protocol::Resp2).bulk(arg);
    }

    /// Writes a command for each [`ELEMENTS`] of `count` elements from one on, until there is no more room; returns
    /// where to go on. An element is `width` words, which `write` writes.
    fn in_portions<T>(
        &mut self,
        head: [&[u8]; 2],
        (mut at, count): (usize, usize),
        width: usize,
        elements: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> Option<usize> {
        let mut left = 0;
        for element in elements {
            if left == 0 {
                if self.is_full() {
                    return Some(at);
                }
                left = (count - at).min(ELEMENTS);
                self.begin(2 + width * left);
                head.iter().for_each(|word| self.arg(word));
            }
            write(self, element);
            (left, at) = (left - 1, at + 1);
        }
        None
    }
}

fn write_list(list: &List, key: &[u8], from: usize, out: &mut Out<'_>) -> Option<usize> {
    let elements = list.range(from as i64, -1);
    out.in_portions([b"RPUSH", key], (from, list.len()), 1, elements, |out, element| out.arg(&element))
}

fn write_sorted_set(set: &SortedSet, key: &[u8], from: usize, out: &mut Out<'_>) -> Option<usize> {
    let members = set.range(from..set.len(), Side::Head);
    out.in_portions([b"ZADD", key], (from, set.len()), 2, members, |out, (member, score)| {
        out.arg(&format_float(score));
        out.arg(&member);
    })
}

/// A set, or a hash, is walked from a position, run by run. A run is written whole, for positions lie between runs.
fn write_set(set: &Set, key: &[u8], from: usize, out: &mut Out<'_>) -> Option<usize> {
    let mut from = Some(from as u64);
    while let Some(position) = from {
        let mut members = vec![];
        from = set.walk(position, |member| members.push(member.to_vec()));
        let count = members.len();
        let limit = std::mem::replace(&mut out.limit, usize::MAX);
        out.in_portions([b"SADD", key], (0, count), 1, members.iter(), |out, member| out.arg(member));
        out.limit = limit;
        if from.is_some() && out.is_full() {
            break;
        }
    }
    from.and_then(|position| usize::try_from(position).ok())
}

fn write_hash(hash: &Hash, key: &[u8], from: usize, out: &mut Out<'_>) -> Option<usize> {
    let mut from = Some(from as u64);
    while let Some(position) = from {
        let mut pairs = vec![];
        from = hash.walk(position, |pair| {
            pairs.push((pair.field().to_vec(), pair.value().to_vec(), pair.deadline));
        });
        let limit = std::mem::replace(&mut out.limit, usize::MAX);
        out.in_portions([b"HSET", key], (0, pairs.len()), 2, pairs.iter(), |out, (field, value, _)| {
            out.arg(field);
            out.arg(value);
        });
        out.limit = limit;
        for (field, _, deadline) in &pairs {
            if let Some(deadline) = deadline {
                let deadline = format_uint(deadline.millis());
                out.call(&[b"HPEXPIREAT", key, &deadline, b"FIELDS", b"1", field]);
            }
        }
        if from.is_some() && out.is_full() {
            break;
        }
    }
    from.and_then(|position| usize::try_from(position).ok())
}
