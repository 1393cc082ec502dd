//! Writes a snapshot, a piece at a time.

use crate::base::checksum::Crc64;
use crate::base::number::{format_int, format_uint, parse_int};
use crate::base::time::Time;
use crate::data::entry::{Entry, Str, ValueRef};
use crate::data::list::List;
use crate::data::listpack;
use crate::data::object::Object;
use crate::keyspace::{Facts, Keyspace, Visit};

use super::lzf::Compressor;
use super::{Purpose, VERSION, kind, opcode};

/// A longer string is written as it is, so that no step takes long.
const COMPRESSED_MAX: usize = 1 << 20;
/// A shorter string would hardly become shorter yet.
const COMPRESSED_MIN: usize = 21;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub purpose: Purpose,
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
    compressor: Compressor,
    /// Memory for a compressed string, and for a node of a list.
    scratch: Vec<u8>,
    node: Vec<u8>,
    /// The database that what is written next belongs to, and all that were ever selected.
    selected: Option<u32>,
    announced: Vec<u32>,
    /// How much of the present value is written: bytes of a string, nodes of a list.
    begun: Option<usize>,
    keys: u64,
    all_keys: u64,
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
            compressor: Compressor::new(),
            scratch: Vec::new(),
            node: Vec::new(),
            selected: None,
            announced: Vec::new(),
            begun: None,
            keys: 0,
            all_keys: keyspace.len() as u64,
        }
    }

    /// Appends about `budget` bytes to `out`. One value's part may exceed it: a string of a megabyte at most, a node of
    /// a list.
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
        out.extend_from_slice(format!("REDIS{VERSION:04}").as_bytes());
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
            self.string(name, out);
            self.string(value, out);
        }
    }

    fn entry(&mut self, facts: Facts, entry: &Entry, limit: usize, out: &mut Vec<u8>) -> Visit {
        if self.begun.is_none() {
            self.select(facts, out);
            if let Some(deadline) = entry.deadline() {
                out.push(opcode::DEADLINE_MS);
                out.extend_from_slice(&deadline.millis().to_le_bytes());
            }
            out.push(match entry.value() {
                ValueRef::Str(_) => kind::STRING,
                ValueRef::Object(Object::List(_)) => kind::LIST_OF_LISTPACKS,
            });
            self.string(entry.key(), out);
        }
        let begun = match entry.value() {
            ValueRef::Str(Str::Int(n)) => self.int(n, out),
            ValueRef::Str(Str::Bytes(bytes)) if bytes.len() > COMPRESSED_MAX => self.long(bytes, limit, out),
            ValueRef::Str(Str::Bytes(bytes)) => self.string(bytes, out),
            ValueRef::Object(Object::List(list)) => self.list(list, limit, out),
        };
        self.begun = begun;
        if begun.is_some() {
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

    fn int(&mut self, n: i64, out: &mut Vec<u8>) -> Option<usize> {
        if !write_int(n, out) {
            let digits = format_int(n);
            write_len(digits.len() as u64, out);
            out.extend_from_slice(&digits);
        }
        None
    }

    fn string(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        if bytes.len() <= 11 && parse_int(bytes).is_some_and(|n| write_int(n, out)) {
            return None;
        }
        let compress = self.options.compress && (COMPRESSED_MIN..=COMPRESSED_MAX).contains(&bytes.len());
        self.scratch.clear();
        if compress && self.compressor.compress(bytes, bytes.len() - 4, &mut self.scratch) {
            out.push(0xc3);
            write_len(self.scratch.len() as u64, out);
            write_len(bytes.len() as u64, out);
            out.extend_from_slice(&self.scratch);
        } else {
            write_len(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
        None
    }

    /// Writes nodes of a list up to the limit; returns how many of them are written then, if not all.
    fn list(&mut self, list: &List, limit: usize, out: &mut Vec<u8>) -> Option<usize> {
        let nodes = list.listpacks();
        let count = nodes.len();
        let begun = self.begun.unwrap_or_else(|| {
            write_len(count as u64, out);
            0
        });
        let mut node = std::mem::take(&mut self.node);
        for (i, (elements, packed)) in nodes.enumerate().skip(begun) {
            node.clear();
            node.extend_from_slice(&listpack::header(elements, packed.len()));
            node.extend_from_slice(packed);
            node.push(listpack::END);
            write_len(kind::NODE_PACKED, out);
            self.string(&node, out);
            if out.len() >= limit && i + 1 < count {
                self.node = node;
                return Some(i + 1);
            }
        }
        self.node = node;
        None
    }

    /// Writes a long string up to the limit; returns how much of it is written then, if not all.
    fn long(&mut self, bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
        let begun = self.begun.unwrap_or_else(|| {
            write_len(bytes.len() as u64, out);
            0
        });
        let end = bytes.len().min(begun + limit.saturating_sub(out.len()));
        out.extend_from_slice(&bytes[begun..end]);
        (end < bytes.len()).then_some(end)
    }
}

/// Writes a number.
fn write_len(n: u64, out: &mut Vec<u8>) {
    match n {
        0..0x40 => out.push(n as u8),
        0x40..0x4000 => out.extend_from_slice(&(n as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// Writes an integer in the special form; returns false if it needs more than 32 bits.
fn write_int(n: i64, out: &mut Vec<u8>) -> bool {
    if let Ok(n) = i8::try_from(n) {
        out.extend_from_slice(&[0xc0, n as u8]);
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xc1);
        out.extend_from_slice(&n.to_le_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(0xc2);
        out.extend_from_slice(&n.to_le_bytes());
    } else {
        return false;
    }
    true
}
