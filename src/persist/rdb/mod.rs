//! Snapshots in the format of Redis' RDB files: version 10, or 12 where fields of hashes have deadlines.
//!
//! ```text
//! "REDIS" "0010"
//! FA key value           facts about the file, as strings: redis-ver, ctime, …
//! F5 code                a library of functions, which no database has
//! FE n                   what follows is in database n
//! FB keys volatile       how many keys are to come, as a hint
//! FC ms  type key value  a key with a deadline: eight bytes, low one first
//! type key value         a key without one
//! FF crc64               the end; eight bytes, low one first, of all bytes before, or zeros
//! ```
//!
//! A number is written in 1, 2, 5 or 9 bytes, which the two upper bits of the first tell apart: `00` and `01` are
//! followed by 6 and 14 bits, `10` by 32 or 64 bits, the high byte first. With `11` it is not a number but begins a
//! string in a special form: an integer of 1, 2 or 4 bytes, or one that LZF made shorter. Other strings are their
//! length and their bytes.

mod build;
mod dump;
mod hash;
mod input;
mod list;
mod load;
mod lzf;
mod module;
mod output;
mod save;
mod set;
mod sorted_set;
mod stream;
mod ziplist;

use std::fmt;

pub use dump::{BadPayload, dump, dump_libraries, restore, restore_libraries};
pub use load::{Loaded, Loader, Note, begins_snapshot};
pub use save::{Options, Progress, Saver, version_for};

/// The versions that are written: Redis 5 and 6 read the first, Redis 7.0 the second, and Redis 7.4 the last, which alone
/// has deadlines of fields.
const VERSION_PLAIN: u32 = 9;
const VERSION: u32 = 10;
const VERSION_TIMED: u32 = 12;

/// What a byte stands for where a type could stand.
mod opcode {
    pub const SLOT_INFO: u8 = 0xf4;
    pub const FUNCTION: u8 = 0xf5;
    pub const FUNCTION_EARLY: u8 = 0xf6;
    pub const MODULE: u8 = 0xf7;
    pub const IDLE: u8 = 0xf8;
    pub const FREQUENCY: u8 = 0xf9;
    pub const AUX: u8 = 0xfa;
    pub const RESIZE: u8 = 0xfb;
    pub const DEADLINE_MS: u8 = 0xfc;
    pub const DEADLINE_SECONDS: u8 = 0xfd;
    pub const SELECT: u8 = 0xfe;
    pub const END: u8 = 0xff;
}

/// The types of values that are read, and the ones of them that are written.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const SORTED_SET_ASCII: u8 = 3;
    pub const HASH: u8 = 4;
    pub const SORTED_SET: u8 = 5;
    pub const MODULE: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_OF_INTEGERS: u8 = 11;
    pub const SORTED_SET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_OF_ZIPLISTS: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const SORTED_SET_LISTPACK: u8 = 17;
    pub const LIST_OF_LISTPACKS: u8 = 18;
    pub const STREAM_WITH_TOTALS: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_WITH_ACTIVE_TIMES: u8 = 21;
    /// Hashes with deadlines of fields, in Valkey.
    pub const HASH_OF_VALKEY: u8 = 22;
    /// Those of release candidates of Redis 7.4, and those of the release.
    pub const HASH_TIMED_EARLY: u8 = 22;
    pub const HASH_TIMED_LISTPACK_EARLY: u8 = 23;
    pub const HASH_TIMED: u8 = 24;
    pub const HASH_TIMED_LISTPACK: u8 = 25;

    /// Kinds of nodes in a list of listpacks: an element by itself, or a listpack.
    pub const NODE_PLAIN: u64 = 1;
    pub const NODE_PACKED: u64 = 2;
}

/// What a snapshot is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// It stands for itself. Keys past their deadline are left out when it is loaded.
    Dump,
    /// A log goes on from it, which tells itself when a key expired.
    Base,
}

/// Why a snapshot can't be read, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// How many bytes in front of the fault are in order.
    pub at: u64,
    /// The key that was being read.
    pub key: Option<Box<[u8]>>,
    pub fault: Fault,
}

/// What is wrong with a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    NotASnapshot,
    Version(u32),
    EndsEarly,
    Checksum {
        found: u64,
        computed: u64,
    },
    /// A database that is not configured.
    Database(u64),
    DuplicateKey,
    UnknownType(u8),
    /// A type that is known but not read.
    Unsupported(&'static str),
    /// Data of the module that has this type.
    Module(String),
    BadLength,
    BadCompression,
    /// A packed form of this kind is not as it should be.
    BadNode(&'static str),
    /// A group of a stream has a consumer twice.
    DuplicateConsumer,
    BadScore,
    DuplicateMember,
    /// A collection that holds nothing, by itself.
    Empty,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} at byte {}, key '{}'", self.fault, self.at, key.escape_ascii()),
            None => write!(f, "{} at byte {}", self.fault, self.at),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotASnapshot => f.write_str("no snapshot begins like this"),
            Fault::Version(version) => write!(f, "RDB version {version} is not known"),
            Fault::EndsEarly => f.write_str("the snapshot ends early"),
            Fault::Checksum { found, computed } => {
                write!(f, "RDB CRC error: the checksum is {found:016x}, the content's is {computed:016x}")
            }
            Fault::Database(n) => write!(f, "there is no database {n}"),
            Fault::DuplicateKey => f.write_str("the key is there twice"),
            Fault::UnknownType(byte) => write!(f, "unknown type {byte}"),
            Fault::Unsupported(what) => write!(f, "{what} can't be loaded by this version"),
            Fault::Module(name) => write!(f, "there is no module for data of type '{name}'"),
            Fault::BadLength => f.write_str("a length makes no sense"),
            Fault::BadCompression => f.write_str("a compressed string is damaged"),
            Fault::BadNode(what) => write!(f, "{what} integrity check failed"),
            Fault::DuplicateConsumer => f.write_str("Duplicate stream consumer detected"),
            Fault::BadScore => f.write_str("a score is not a number"),
            Fault::Empty => f.write_str("the value is empty"),
            Fault::DuplicateMember => f.write_str("a member is there twice"),
        }
    }
}

impl std::error::Error for Damage {}
