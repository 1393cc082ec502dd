//! Strings as rows of numbers of any width.

use crate::base::number::parse_int;
use crate::command;
use crate::data::bits;
use crate::data::entry::Str;
use crate::engine::{Call, Shared};
use crate::keyspace::Event;
use crate::resp::{Args, Error, Result};

use super::bitmap::{OFFSET, is_inside};

command! {
    /// Reads, sets and counts up numbers of up to 64 bits anywhere in a string.
    ///
    /// A type is `i` or `u`, with or without a sign, and the number of bits, of which `u` takes at most 63. An offset is
    /// in bits, or behind a `#` in numbers of that type. `GET` returns a number, `SET` what it was before, and `INCRBY`
    /// what it is now. `OVERFLOW` says what becomes of numbers that don't fit, from there on: `WRAP` drops high bits,
    /// `SAT` takes the nearest number that fits, and `FAIL` changes nothing and returns null.
    ///
    /// ```redis
    /// > BITFIELD stats SET u8 #0 250 INCRBY u8 #0 10
    /// 1) (integer) 0
    /// 2) (integer) 4
    /// > BITFIELD stats OVERFLOW SAT INCRBY i5 100 100 OVERFLOW FAIL INCRBY i5 100 1
    /// 1) (integer) 15
    /// 2) (nil)
    /// ```
    pub(super) BITFIELD("key [GET encoding offset:string|[OVERFLOW <WRAP|SAT|FAIL>] <SET encoding offset:string value:integer|INCRBY encoding offset:string increment:integer>]...")
        -> "(number | null)[]";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | UPDATE | VARIABLE_FLAGS;
    since "3.2.0";
    takes "O(1) for each number";
    run bitfield;
}

command! {
    /// Reads numbers of up to 64 bits anywhere in a string.
    ///
    /// As `BITFIELD`, but only with `GET`.
    ///
    /// ```redis
    /// > SET pair "\x01\x02"
    /// OK
    /// > BITFIELD_RO pair GET u8 #1 GET i4 12
    /// 1) (integer) 2
    /// 2) (integer) 2
    /// ```
    pub(super) BITFIELD_RO("key [GET encoding offset:string]...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "6.0.0";
    takes "O(1) for each number";
    run bitfield_ro;
}

/// One thing to be done with one number.
struct Step {
    field: Field,
    action: Action,
    overflow: Overflow,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

/// What becomes of a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

fn bitfield(call: &mut Call<'_>) -> Result {
    let steps = steps(call.shared, call.args)?;
    let ends = steps.iter().filter(|step| !matches!(step.action, Action::Get)).map(|step| step.field.end());
    let Some(end) = ends.max() else { return read(call, &steps) };
    let key = call.args.at(1);
    let mut string = call.db.write_or_new::<Str>(key)?;
    let before = string.len();
    let bytes = string.bytes_mut(end.div_ceil(8) as usize);
    let grown = bytes.len() > before;
    call.reply.array(steps.len());
    let mut changes = 0;
    for step in &steps {
        let old = step.field.get(bytes);
        match step.result(old) {
            None => call.reply.null(),
            Some((new, shown)) => {
                if !matches!(step.action, Action::Get) {
                    step.field.set(bytes, new);
                    changes += u64::from(grown || step.field.get(bytes) != old);
                }
                call.reply.int(shown);
            }
        }
    }
    if changes > 0 {
        call.db.touch(key, Event::string("setbit"));
        call.db.effects.count(changes - 1);
    } else if grown {
        // The zeros that were added are a change too, though Redis counts none here.
        call.db.touch_silently(key);
    }
    Ok(())
}

fn bitfield_ro(call: &mut Call<'_>) -> Result {
    let steps = steps(call.shared, call.args)?;
    if steps.iter().any(|step| !matches!(step.action, Action::Get)) {
        return Err(Error::Text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(call, &steps)
}

fn read(call: &mut Call<'_>, steps: &[Step]) -> Result {
    let mut digits = [0; 20];
    let string = call.db.read::<Str>(call.args.at(1))?;
    let bytes = string.map_or(&[][..], |string| string.as_bytes(&mut digits));
    call.reply.array(steps.len());
    steps.iter().for_each(|step| call.reply.int(step.field.get(bytes)));
    Ok(())
}

/// Reads what is to be done.
fn steps(shared: &Shared, args: Args<'_>) -> Result<Vec<Step>> {
    let (mut steps, mut overflow) = (vec![], Overflow::Wrap);
    let mut options = args.options(2);
    while !options.is_empty() {
        let left = options.len();
        if left > 2 && options.word("GET") {
            let field = Field::read(shared, options.take()?, options.take()?)?;
            steps.push(Step { field, action: Action::Get, overflow });
        } else if left > 3 && options.word("SET") {
            let field = Field::read(shared, options.take()?, options.take()?)?;
            let value = parse_int(options.take()?).ok_or(Error::NotInteger)?;
            steps.push(Step { field, action: Action::Set(value), overflow });
        } else if left > 3 && options.word("INCRBY") {
            let field = Field::read(shared, options.take()?, options.take()?)?;
            let by = parse_int(options.take()?).ok_or(Error::NotInteger)?;
            steps.push(Step { field, action: Action::Add(by), overflow });
        } else if left > 1 && options.word("OVERFLOW") {
            overflow = if options.word("WRAP") {
                Overflow::Wrap
            } else if options.word("SAT") {
                Overflow::Saturate
            } else if options.word("FAIL") {
                Overflow::Fail
            } else {
                return Err(Error::Text("ERR Invalid OVERFLOW type specified"));
            };
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(steps)
}

impl Step {
    /// Returns what the number becomes and what the client is shown, from what it is; `None` if that must not be.
    fn result(&self, old: i64) -> Option<(i64, i64)> {
        let (wanted, shows_old) = match self.action {
            Action::Get => return Some((old, old)),
            // Set to a number below zero, one without sign is taken for a very large one.
            Action::Set(value) if !self.field.signed => (i128::from(value as u64), true),
            Action::Set(value) => (value.into(), true),
            Action::Add(by) => (i128::from(old) + i128::from(by), false),
        };
        let (least, most) = self.field.bounds();
        let new = if (least..=most).contains(&wanted) {
            wanted as i64
        } else {
            match self.overflow {
                Overflow::Wrap => self.field.fitted(wanted as u64),
                Overflow::Saturate => wanted.clamp(least, most) as i64,
                Overflow::Fail => return None,
            }
        };
        Some((new, if shows_old { old } else { new }))
    }
}

/// Where a number lies, and how it is spelled.
#[derive(Clone, Copy)]
struct Field {
    at: u64,
    width: u32,
    signed: bool,
}

impl Field {
    /// Reads a type such as `u8` and an offset such as `100` or `#3`.
    fn read(shared: &Shared, ty: &[u8], offset: &[u8]) -> Result<Self> {
        let (signed, most) = match ty.first() {
            Some(b'i') => (true, 64),
            Some(b'u') => (false, 63),
            _ => return Err(INVALID_TYPE),
        };
        let width = parse_int(&ty[1..]).filter(|width| (1..=most).contains(width)).ok_or(INVALID_TYPE)?;
        let (digits, scale) = match offset.split_first() {
            Some((b'#', digits)) => (digits, width),
            _ => (offset, 1),
        };
        let at = parse_int(digits).and_then(|at| u64::try_from(at.checked_mul(scale)?).ok());
        let at = at.filter(|at| is_inside(shared, *at)).ok_or(OFFSET)?;
        Ok(Self { at, width: width as u32, signed })
    }

    /// Returns the place behind the last bit.
    fn end(&self) -> u64 {
        self.at + u64::from(self.width)
    }

    fn get(&self, bytes: &[u8]) -> i64 {
        self.fitted(bits::field(bytes, self.at, self.width))
    }

    fn set(&self, bytes: &mut [u8], value: i64) {
        bits::set_field(bytes, self.at, self.width, value as u64);
    }

    /// Returns the number that the lower bits of a word spell.
    fn fitted(&self, word: u64) -> i64 {
        let top = word << (64 - self.width);
        if self.signed { top as i64 >> (64 - self.width) } else { (top >> (64 - self.width)) as i64 }
    }

    /// Returns the least and the greatest number that fits.
    fn bounds(&self) -> (i128, i128) {
        if self.signed {
            (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1)
        } else {
            (0, (1 << self.width) - 1)
        }
    }
}

const INVALID_TYPE: Error = Error::Text(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);
