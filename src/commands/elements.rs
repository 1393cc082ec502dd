//! What commands on the elements of keys, hashes, sets and sorted sets share: steps through them, and random choices.

use crate::base::glob::{self, Case};
use crate::base::number::{format_uint, parse_int, parse_uint, to_count};
use crate::data::Kind;
use crate::engine::Call;
use crate::resp::{Args, Error, Options, Protocol, Reply, Result};

/// One step of SCAN or its kin: where it begins, what it is to meet, and the array that it fills.
pub(super) struct Step<'a, 'r> {
    pub cursor: u64,
    pub wanted: Wanted<'a>,
    reply: &'a mut Reply<'r>,
    written: usize,
}

impl<'a, 'r> Step<'a, 'r> {
    /// Answers with the elements that `walk` meets and the cursor that it returns.
    pub fn take(
        reply: &'a mut Reply<'r>,
        cursor: u64,
        wanted: Wanted<'a>,
        walk: impl FnOnce(&mut Step<'_, 'r>) -> u64,
    ) {
        reply.array(2);
        let mark = reply.mark();
        let mut step = Step { cursor, wanted, reply, written: 0 };
        let next = walk(&mut step);
        let written = step.written;
        reply.end_array(mark, written);
        reply.insert_bulk(mark, &format_uint(next));
    }

    /// Writes an element, and what belongs to it, if its name is wanted.
    pub fn meet(&mut self, name: &[u8], value: Option<&[u8]>) {
        if self.wanted.pattern.is_some_and(|pattern| !glob::matches(pattern, name, Case::Exact)) {
            return;
        }
        let value = value.filter(|_| !self.wanted.no_values);
        for part in [Some(name), value].into_iter().flatten() {
            self.reply.bulk(part);
            self.written += 1;
        }
    }
}

/// What a step through a key's value meets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Members of sets; their scores come with them.
    Members,
    /// Fields of hashes, whose values may be left out.
    Fields,
}

/// Answers HSCAN and its kin: one step through what a key holds.
pub(super) fn scan_in<K: Kind>(
    call: &mut Call<'_>,
    named: Named,
    walk: impl FnOnce(K::Ref<'_>, &mut Step<'_, '_>) -> u64,
) -> Result {
    let cursor = scan_cursor(call.args.at(2))?;
    let collection = call.db.read::<K>(call.args.at(1))?;
    // As in Redis, options that can't be are no error for a key that is not there.
    let wanted = if collection.is_some() { Wanted::read(call.args, 3, named)? } else { Wanted::default() };
    Step::take(&mut call.reply, cursor, wanted, |step| {
        collection.map_or(0, |collection| walk(collection, step))
    });
    Ok(())
}

/// Reads a cursor as Redis does by C's `strtoul`: nothing at all is 0, negative numbers wrap around, and whatever follows
/// a NUL is not seen.
pub(super) fn scan_cursor(text: &[u8]) -> Result<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let cursor = match text {
        [] => Some(0),
        [b' ' | b'\t'..=b'\r', ..] => None,
        _ => parse_uint(text).or_else(|| parse_int(text).map(|n| n as u64)),
    };
    cursor.ok_or(Error::Text("ERR invalid cursor"))
}

/// What a step is to return.
pub(super) struct Wanted<'a> {
    pub count: usize,
    pattern: Option<&'a [u8]>,
    no_values: bool,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self { count: 10, pattern: None, no_values: false }
    }
}

impl<'a> Wanted<'a> {
    fn read(args: Args<'a>, from: usize, named: Named) -> Result<Self> {
        let mut wanted = Self::default();
        let mut options = args.options(from);
        while !options.is_empty() {
            if named == Named::Fields && options.word("NOVALUES") {
                wanted.no_values = true;
            } else if !wanted.option(&mut options)? {
                return Err(Error::Syntax);
            }
        }
        Ok(wanted)
    }

    /// Takes MATCH or COUNT with its value; returns false if neither comes next.
    pub fn option(&mut self, options: &mut Options<'a>) -> Result<bool> {
        if options.len() < 2 {
            return Ok(false);
        }
        if let Some(count) = options.int_after("COUNT")? {
            self.count = to_count(count).filter(|count| *count > 0).ok_or(Error::Syntax)?;
        } else if let Some(pattern) = options.after("MATCH")? {
            self.pattern = (pattern != b"*").then_some(pattern);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// What SRANDMEMBER and its kin are to draw.
pub(super) struct Draw {
    count: usize,
    /// An element may come more than once.
    pub repeats: bool,
    pub with_values: bool,
}

impl Draw {
    /// Reads a count and, behind it, the word that asks for values. Returns none if there is no count: then one element
    /// is drawn, and not in an array.
    pub fn read(args: Args<'_>, word: &str) -> Result<Option<Self>> {
        let Some(count) = args.get(2) else { return Ok(None) };
        let count = match parse_int(count) {
            Some(i64::MIN) => Err(Error::Text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            )),
            Some(count) => Ok(count),
            None => Err(Error::NotInteger),
        }?;
        let with_values = match args.len() {
            3 => false,
            4 if args.is(3, word) => true,
            _ => return Err(Error::Syntax),
        };
        if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Error::Text("ERR value is out of range"));
        }
        let repeats = count < 0;
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(Some(Self { count, repeats, with_values }))
    }

    /// Returns how many elements are drawn of so many.
    pub fn of(&self, len: usize) -> usize {
        if self.repeats { self.count } else { self.count.min(len) }
    }
}

/// Draws `n` elements that may come more than once, so many at a time, for as long as the reply is of use.
pub(super) fn draw_in_turns(reply: &mut Reply<'_>, n: usize, mut draw: impl FnMut(&mut Reply<'_>, usize)) {
    let mut left = n;
    while left > 0 && !reply.is_full() {
        let turn = left.min(1024);
        draw(reply, turn);
        left -= turn;
    }
}

/// Begins the array of `count` elements, each with its value or without.
pub(super) fn begin_elements(reply: &mut Reply<'_>, count: usize, with_values: bool) {
    let flat = with_values && reply.protocol() == Protocol::Resp2;
    reply.array(if flat { count.saturating_mul(2) } else { count });
}

/// Writes the name of an element, in front of its value if that follows: a pair is an array of its own in RESP3.
pub(super) fn begin_element(reply: &mut Reply<'_>, name: &[u8], with_value: bool) {
    if with_value && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(name);
}
