//! Strings as rows of bits. Numbers of any width in them are in `bitfield`.

use std::ops::Range;

use crate::base::number::parse_int;
use crate::command;
use crate::data::bits::{self, Fold};
use crate::data::entry::{NewValue, Str, ValueRef};
use crate::engine::{Call, Family, Shared};
use crate::keyspace::{Db, Event, Expiry};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::bitfield::{BITFIELD, BITFIELD_RO};

pub const BITMAP: Family = Family {
    name: "bitmap",
    category: Categories::BITMAP,
    commands: &[&BITCOUNT, &BITFIELD, &BITFIELD_RO, &BITOP, &BITPOS, &GETBIT, &SETBIT],
};

command! {
    /// Sets or clears one bit of a string, and returns what it was.
    ///
    /// Bit 0 is the highest of the first byte. A string that is too short, or not there, is filled up with zeros.
    ///
    /// ```redis
    /// > SETBIT visits:monday 7 1
    /// (integer) 0
    /// > SETBIT visits:monday 7 1
    /// (integer) 1
    /// > STRLEN visits:monday
    /// (integer) 1
    /// ```
    SETBIT("key offset value:integer") -> "number";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | UPDATE;
    since "2.2.0";
    takes "O(1)";
    run setbit;
}

fn setbit(call: &mut Call<'_>) -> Result {
    let (key, at) = (call.args.at(1), offset(call.shared, call.args.at(2))?);
    let bit = match parse_int(call.args.at(3)) {
        Some(bit @ 0..=1) => bit as u64,
        _ => return Err(Error::Text("ERR bit is not an integer or out of range")),
    };
    let mut string = call.db.write_or_new::<Str>(key)?;
    let before = string.len();
    let bytes = string.bytes_mut((at / 8) as usize + 1);
    let old = bits::field(bytes, at, 1);
    bits::set_field(bytes, at, 1, bit);
    if bytes.len() > before || old != bit {
        call.db.touch(key, Event::string("setbit"));
    }
    call.reply.int(old as i64);
    Ok(())
}

/// Reads the place of a bit; it must lie in the longest string that is allowed.
fn offset(shared: &Shared, arg: &[u8]) -> Result<u64> {
    let at = parse_int(arg).and_then(|at| u64::try_from(at).ok());
    at.filter(|at| is_inside(shared, *at)).ok_or(OFFSET)
}

pub(super) const OFFSET: Error = Error::Text("ERR bit offset is not an integer or out of range");

/// Says whether the longest string that is allowed has such a bit.
pub(super) fn is_inside(shared: &Shared, at: u64) -> bool {
    at / 8 < shared.config.proto_max_bulk_len.get().min(isize::MAX as u64)
}

command! {
    /// Returns one bit of a string.
    ///
    /// It is 0 beyond the string's end, and if there is no such key.
    ///
    /// ```redis
    /// > SET letter a
    /// OK
    /// > GETBIT letter 1
    /// (integer) 1
    /// > GETBIT letter 100
    /// (integer) 0
    /// ```
    GETBIT("key offset") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.2.0";
    takes "O(1)";
    run getbit;
}

fn getbit(call: &mut Call<'_>) -> Result {
    let at = offset(call.shared, call.args.at(2))?;
    let mut digits = [0; 20];
    let string = call.db.read::<Str>(call.args.at(1))?;
    let bit = string.is_some_and(|string| bits::get(string.as_bytes(&mut digits), at));
    call.reply.int(bit.into());
    Ok(())
}

command! {
    /// Counts the ones in a string.
    ///
    /// Between two places, both included, if they are given: of bytes, or of bits with `BIT`. Places count from zero at
    /// the beginning, or from -1 at the end.
    ///
    /// ```redis
    /// > SET word foobar
    /// OK
    /// > BITCOUNT word
    /// (integer) 26
    /// > BITCOUNT word 1 1
    /// (integer) 6
    /// > BITCOUNT word 5 30 BIT
    /// (integer) 17
    /// ```
    BITCOUNT("key [start end [BYTE|BIT]]") -> "number";
    flags READONLY;
    keys RO | ACCESS;
    since "2.6.0";
    takes "O(N) for N bytes";
    run bitcount;
}

fn bitcount(call: &mut Call<'_>) -> Result {
    let mut digits = [0; 20];
    // As in Redis, nothing is wrong with places in a string that is not there.
    let Some(string) = call.db.read::<Str>(call.args.at(1))? else {
        call.reply.int(0);
        return Ok(());
    };
    let bytes = string.as_bytes(&mut digits);
    let range = match call.args.len() {
        2 => Some(0..bytes.len() as u64 * 8),
        4 | 5 => {
            let (start, end) = (call.args.int(2)?, call.args.int(3)?);
            // Redis answers this before it looks at the unit.
            if start < 0 && end < 0 && start > end {
                call.reply.int(0);
                return Ok(());
            }
            Unit::read(call.args, 4)?.range(bytes, start, Some(end))
        }
        _ => return Err(Error::Syntax),
    };
    let ones = range.map_or(0, |range| bits::count(bytes, range));
    call.reply.int(ones as i64);
    Ok(())
}

/// What places count.
#[derive(Clone, Copy)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    /// Reads the argument at `i`; bytes are meant if there is none.
    fn read(args: Args<'_>, i: usize) -> Result<Self> {
        match args.get(i) {
            None => Ok(Unit::Byte),
            Some(_) if args.is(i, "BYTE") => Ok(Unit::Byte),
            Some(_) if args.is(i, "BIT") => Ok(Unit::Bit),
            Some(_) => Err(Error::Syntax),
        }
    }

    /// Returns the bits from one place to another, both included, as far as they lie in the bytes; up to the end if no
    /// other is given. Negative places count from the end.
    fn range(self, bytes: &[u8], start: i64, end: Option<i64>) -> Option<Range<u64>> {
        let size = match self {
            Unit::Byte => 8,
            Unit::Bit => 1,
        };
        let len = bytes.len() as i64 * 8 / size;
        // A place that lies before the first one stands for it, as in Redis.
        let from_start = |place: i64| if place < 0 { (len + place).max(0) } else { place };
        let (start, end) = (from_start(start), from_start(end.unwrap_or(-1)).min(len - 1));
        (start <= end).then(|| (start * size) as u64..((end + 1) * size) as u64)
    }
}

command! {
    /// Returns the place of the first one or the first zero in a string.
    ///
    /// Between two places, both included, if they are given: of bytes, or of bits with `BIT`. The reply is a bit's place
    /// in the whole string, or -1 if there is none. Without an end the zeros beyond the string count as well.
    ///
    /// ```redis
    /// > SETBIT row 12 1
    /// (integer) 0
    /// > BITPOS row 1
    /// (integer) 12
    /// > BITPOS row 1 0 0
    /// (integer) -1
    /// > BITPOS row 0 12 -1 BIT
    /// (integer) 13
    /// ```
    BITPOS("key bit:integer [start [end [BYTE|BIT]]]") -> "number";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.7";
    takes "O(N) for N bytes";
    run bitpos;
}

fn bitpos(call: &mut Call<'_>) -> Result {
    let bit = match call.args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::Text("ERR The bit argument must be 1 or 0.")),
    };
    let mut digits = [0; 20];
    let Some(string) = call.db.read::<Str>(call.args.at(1))? else {
        call.reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = string.as_bytes(&mut digits);
    let args = call.args;
    if args.len() > 6 {
        return Err(Error::Syntax);
    }
    let start = if args.len() > 3 { args.int(3)? } else { 0 };
    let unit = Unit::read(args, 5)?;
    let end = if args.len() > 4 { Some(args.int(4)?) } else { None };
    let range = unit.range(bytes, start, end);
    let found = match range {
        Some(range) => {
            let beyond = range.end;
            let padded = !bit && end.is_none();
            bits::find(bytes, bit, range).or(padded.then_some(beyond))
        }
        None => None,
    };
    call.reply.int(found.map_or(-1, |place| place as i64));
    Ok(())
}

command! {
    /// Combines strings bit by bit into another one.
    ///
    /// Shorter ones, and those that are not there, are filled up with zeros; the reply is the length of the longest. If
    /// that is zero the destination is removed. `AND`, `OR`, `XOR`, and `NOT` of one string, are those of Redis 2.6.
    /// Since Redis 8.2: `DIFF` keeps the bits of the first string that no other has, `DIFF1` those of the others that the
    /// first has not, `ANDOR` those of the first that any other has, and `ONE` those that exactly one string has.
    ///
    /// ```redis
    /// > MSET one abc two bc
    /// OK
    /// > BITOP XOR both one two
    /// (integer) 3
    /// > GET both
    /// "\x03\x01c"
    /// ```
    BITOP("<AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey:key key...") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "2.6.0";
    takes "O(N) for N bytes of all strings";
    run bitop;
}

fn bitop(call: &mut Call<'_>) -> Result {
    let (operation, to, keys) = (Operation::read(call.args)?, call.args.at(2), call.args.from(3));
    let mut len = 0;
    for key in keys.iter() {
        len = len.max(call.db.read::<Str>(key)?.map_or(0, Str::len));
    }
    if len > 0 {
        let row = operation.combine(&mut call.db, keys, len);
        call.db.set(to, NewValue::Vec(row), Expiry::Never);
        call.db.touch(to, Event::string("set"));
    } else if call.db.remove(to) {
        call.db.touch(to, Event::DEL);
    }
    call.reply.len(len);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    Diff,
    Diff1,
    AndOr,
    One,
}

impl Operation {
    const WORDS: [(&'static str, Self); 8] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("DIFF", Self::Diff),
        ("DIFF1", Self::Diff1),
        ("ANDOR", Self::AndOr),
        ("ONE", Self::One),
    ];

    /// Reads the operation's word, and checks that the number of keys is right for it.
    fn read(args: Args<'_>) -> Result<Self> {
        let known = Self::WORDS.iter().find(|(word, _)| args.is(1, word));
        let (_, operation) = known.ok_or(Error::Syntax)?;
        let keys = args.len() - 3;
        match operation {
            Self::Not if keys != 1 => {
                Err(Error::Text("ERR BITOP NOT must be called with a single source key."))
            }
            Self::Diff if keys < 2 => {
                Err(Error::Text("ERR BITOP DIFF must be called with at least two source keys."))
            }
            Self::Diff1 if keys < 2 => {
                Err(Error::Text("ERR BITOP DIFF1 must be called with at least two source keys."))
            }
            Self::AndOr if keys < 2 => {
                Err(Error::Text("ERR BITOP ANDOR must be called with at least two source keys."))
            }
            _ => Ok(*operation),
        }
    }

    /// Returns the combination of strings, of which `len` is the length of the longest.
    fn combine(self, db: &mut Db<'_>, keys: Args<'_>, len: usize) -> Vec<u8> {
        if self == Self::One {
            return exactly_one(db, keys, len);
        }
        let mut row = vec![0; len];
        let (first, others) = match self {
            Self::And => (Fold::Or, Fold::And),
            Self::Or | Self::Not | Self::One => (Fold::Or, Fold::Or),
            Self::Xor => (Fold::Xor, Fold::Xor),
            Self::Diff => (Fold::Or, Fold::AndNot),
            Self::Diff1 => (Fold::AndNot, Fold::Or),
            Self::AndOr => (Fold::And, Fold::Or),
        };
        // Where the others are joined before the first one meets them, it comes last.
        let first_is_last = matches!(self, Self::Diff1 | Self::AndOr);
        if !first_is_last {
            with_bytes(db, keys.at(0), |bytes| bits::fold(&mut row, bytes, first));
        }
        for key in keys.from(1).iter() {
            with_bytes(db, key, |bytes| bits::fold(&mut row, bytes, others));
        }
        if first_is_last {
            with_bytes(db, keys.at(0), |bytes| bits::fold(&mut row, bytes, first));
        }
        if self == Self::Not {
            row.iter_mut().for_each(|byte| *byte = !*byte);
        }
        row
    }
}

/// Returns the bits that exactly one of the strings has.
fn exactly_one(db: &mut Db<'_>, keys: Args<'_>, len: usize) -> Vec<u8> {
    let (mut seen, mut twice) = (vec![0; len], vec![0; len]);
    for key in keys.iter() {
        with_bytes(db, key, |bytes| bits::tally(&mut seen, &mut twice, bytes));
    }
    bits::fold(&mut seen, &twice, Fold::AndNot);
    seen
}

/// Calls `visit` with the bytes of a string; with none if there is no such key.
fn with_bytes(db: &mut Db<'_>, key: &[u8], visit: impl FnOnce(&[u8])) {
    match db.entry(key).map(|entry| entry.value()) {
        Some(ValueRef::Str(string)) => visit(string.as_bytes(&mut [0; 20])),
        Some(ValueRef::Object(_)) | None => visit(&[]),
    }
}
