//! Writes a snapshot, a piece at a time.

use crate::base::checksum::Crc64;
use crate::base::number::format_uint;
use crate::base::time::Time;
use crate::data::entry::{Entry, Str, ValueRef};
use crate::data::object::Object;
use crate::keyspace::{Facts, Keyspace, Visit};

use super::output::{COMPRESSED_MAX, Encoder, write_len};
use super::{
    Purpose, VERSION, VERSION_PLAIN, VERSION_TIMED, hash, kind, list, opcode, set, sorted_set, stream,
};

/// How a snapshot is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub purpose: Purpose,
    /// The version, from [`version_for`].
    pub version: u32,
    /// `rdbcompression`.
    pub compress: bool,
    /// `rdbchecksum`.
    pub checksum: bool,
    /// The moment that the snapshot says it was begun at.
    pub now: Time,
    /// The bytes of memory that the snapshot says were in use.
    pub used_memory: u64,
    /// The version of Redis that the snapshot says it comes from.
    pub redis_version: &'static str,
}

/// Whether there is more to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    Working,
    Done,
}

/// Writes the keyspace as it was when the saver was made.
pub struct Saver {
    options: Options,
    stage: Stage,
    checksum: Crc64,
    encoder: Encoder,
    /// The database that what is written next belongs to, and all that were ever selected.
    selected: Option<u32>,
    announced: Vec<u32>,
    /// How much of the present value is written, if not all: bytes of a string, and what a collection counts in.
    begun: Option<usize>,
    keys: u64,
    all_keys: u64,
    libraries: Vec<Box<[u8]>>,
    /// The database that a stream of changes which goes on from the snapshot begins in, if it does not say so itself.
    pub stream_db: Option<u32>,
}

#[derive(PartialEq)]
enum Stage {
    Head,
    Entries,
    Done,
}

impl Saver {
    /// Begins a snapshot of the present state; another one that was being written can't go on.
    pub fn new(keyspace: &mut Keyspace, options: Options) -> Self {
        keyspace.freeze();
        Self {
            options,
            stage: Stage::Head,
            checksum: Crc64::new(),
            encoder: Encoder::new(options.compress, options.version <= VERSION_PLAIN),
            selected: None,
            announced: Vec::new(),
            begun: None,
            keys: 0,
            all_keys: keyspace.len() as u64,
            libraries: keyspace.libraries.clone(),
            stream_db: None,
        }
    }

    /// Appends about `budget` bytes to `out`. One value's part may exceed it: a string of 128 kB at most, a node of a
    /// list.
    pub fn step(&mut self, keyspace: &mut Keyspace, budget: usize, out: &mut Vec<u8>) -> Progress {
        let start = out.len();
        let limit = start + budget.max(1);
        if self.stage == Stage::Head {
            self.stage = Stage::Entries;
            self.head(out);
        }
        if self.stage == Stage::Entries
            && !keyspace.walk_frozen(|facts, entry| self.entry(facts, entry, limit, out))
        {
            self.stage = Stage::Done;
            out.push(opcode::END);
            self.sum(&out[start..]);
            out.extend_from_slice(&self.checksum.value().to_le_bytes());
            return Progress::Done;
        }
        self.sum(&out[start..]);
        if self.stage == Stage::Done { Progress::Done } else { Progress::Working }
    }

    /// Returns how many keys are written, and how many there are.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys, self.all_keys)
    }

    fn sum(&mut self, bytes: &[u8]) {
        if self.options.checksum {
            self.checksum.update(bytes);
        }
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("REDIS{:04}", self.options.version).as_bytes());
        let base = u64::from(self.options.purpose == Purpose::Base);
        let facts: [(&[u8], &[u8]); 5] = [
            (b"redis-ver", self.options.redis_version.as_bytes()),
            (b"redis-bits", b"64"),
            (b"ctime", &format_uint(self.options.now.seconds())),
            (b"used-mem", &format_uint(self.options.used_memory)),
            (b"aof-base", &format_uint(base)),
        ];
        for (name, value) in facts {
            out.push(opcode::AUX);
            self.encoder.string(name, out);
            self.encoder.string(value, out);
        }
        if let Some(db) = self.stream_db {
            out.push(opcode::AUX);
            self.encoder.string(b"repl-stream-db", out);
            self.encoder.string(&format_uint(db.into()), out);
        }
        for code in std::mem::take(&mut self.libraries) {
            out.push(opcode::FUNCTION);
            self.encoder.string(&code, out);
        }
    }

    fn entry(&mut self, facts: Facts, entry: &Entry, limit: usize, out: &mut Vec<u8>) -> Visit {
        if self.begun.is_none() {
            self.select(facts, out);
            if let Some(deadline) = entry.deadline() {
                out.push(opcode::DEADLINE_MS);
                out.extend_from_slice(&deadline.millis().to_le_bytes());
            }
            out.push(kind_of(entry.value(), self.encoder.plain));
            self.encoder.string(entry.key(), out);
        }
        self.begun = write(entry.value(), self.begun, limit, &mut self.encoder, out);
        if self.begun.is_some() {
            return Visit::Again;
        }
        self.keys += 1;
        if out.len() < limit { Visit::Next } else { Visit::Pause }
    }

    fn select(&mut self, facts: Facts, out: &mut Vec<u8>) {
        if self.selected == Some(facts.db) {
            return;
        }
        self.selected = Some(facts.db);
        out.push(opcode::SELECT);
        write_len(facts.db.into(), out);
        if !self.announced.contains(&facts.db) {
            self.announced.push(facts.db);
            out.push(opcode::RESIZE);
            write_len(facts.keys, out);
            write_len(facts.volatile, out);
        }
    }
}

/// Returns the version to write a keyspace in if that of the setting is wished for, or 0 for the lowest that holds it;
/// says why it can't be that one otherwise.
pub fn version_for(keyspace: &Keyspace, wished: u32) -> Result<u32, &'static str> {
    let lowest = if keyspace.has_timed_fields() { VERSION_TIMED } else { VERSION };
    match wished {
        0 => Ok(lowest),
        1..VERSION_PLAIN => Err("rdb-version is below 9, the earliest that is written"),
        _ if wished >= lowest => Ok(wished),
        VERSION_PLAIN if lowest == VERSION && keyspace.libraries.is_empty() => Ok(wished),
        _ if lowest == VERSION_TIMED => Err("rdb-version is below 12, which deadlines of fields need"),
        _ => Err("rdb-version is below 10, which libraries of functions need"),
    }
}

/// Returns the type that a value is written as; `plain` is for version 9.
pub(super) fn kind_of(value: ValueRef<'_>, plain: bool) -> u8 {
    match value {
        ValueRef::Str(_) => kind::STRING,
        ValueRef::Object(Object::Hash(hash)) => hash::kind_of(hash, plain),
        ValueRef::Object(Object::List(_)) if plain => kind::LIST,
        ValueRef::Object(Object::List(_)) => kind::LIST_OF_LISTPACKS,
        ValueRef::Object(Object::Set(set)) => set::kind_of(set),
        ValueRef::Object(Object::SortedSet(set)) => sorted_set::kind_of(set, plain),
        ValueRef::Object(Object::Stream(_)) if plain => kind::STREAM,
        ValueRef::Object(Object::Stream(_)) => kind::STREAM_WITH_TOTALS,
    }
}

/// Writes a value behind its type, from what is `begun` up to the limit; returns how much of it is written then, if not
/// all.
pub(super) fn write(
    value: ValueRef<'_>,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    match value {
        ValueRef::Str(Str::Bytes(bytes)) if bytes.len() > COMPRESSED_MAX => long(bytes, begun, limit, out),
        ValueRef::Str(string) => {
            encoder.text(string, out);
            None
        }
        ValueRef::Object(Object::Hash(hash)) => hash::save(hash, begun, limit, encoder, out),
        ValueRef::Object(Object::List(list)) => list::save(list, begun, limit, encoder, out),
        ValueRef::Object(Object::Set(set)) => set::save(set, begun, limit, encoder, out),
        ValueRef::Object(Object::SortedSet(set)) => sorted_set::save(set, begun, limit, encoder, out),
        ValueRef::Object(Object::Stream(stream)) => stream::save(stream, begun, limit, encoder, out),
    }
}

/// Writes a long string up to the limit; returns how much of it is written then, if not all.
fn long(bytes: &[u8], begun: Option<usize>, limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    let begun = begun.unwrap_or_else(|| {
        write_len(bytes.len() as u64, out);
        0
    });
    let end = bytes.len().min(begun.saturating_add(limit.saturating_sub(out.len())));
    out.extend_from_slice(&bytes[begun..end]);
    (end < bytes.len()).then_some(end)
}
