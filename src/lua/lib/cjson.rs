//! The library `cjson`: its functions and settings. Encoding is here, decoding in `json`.

use crate::base::number::{format_int, format_significant};
use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Entry, Fault, Native, NativeFn, Ret};
use crate::lua::value::{TableId, Value};

/// The settings, by their place in the table that the functions of a module share.
const SPARSE_CONVERT: usize = 1;
const SPARSE_RATIO: usize = 2;
const SPARSE_SAFE: usize = 3;
const ENCODE_DEPTH: usize = 4;
pub(super) const DECODE_DEPTH: usize = 5;
const PRECISION: usize = 6;
const KEEP_BUFFER: usize = 7;
/// 0: refused, 1: printed, 2: null.
const ENCODE_INVALID: usize = 8;
pub(super) const DECODE_INVALID: usize = 9;

const DEFAULTS: [f64; 9] = [0.0, 2.0, 10.0, 1000.0, 1000.0, 14.0, 1.0, 0.0, 1.0];

const FUNCTIONS: super::Functions = &[
    ("decode", super::json::decode),
    ("decode_invalid_numbers", |call| choice(call, DECODE_INVALID, &["off", "on"])),
    ("decode_max_depth", |call| integer_option(call, 0, DECODE_DEPTH, 1, i32::MAX)),
    ("encode", encode),
    ("encode_invalid_numbers", |call| choice(call, ENCODE_INVALID, &["off", "on", "null"])),
    ("encode_keep_buffer", |call| choice(call, KEEP_BUFFER, &["off", "on"])),
    ("encode_max_depth", |call| integer_option(call, 0, ENCODE_DEPTH, 1, i32::MAX)),
    ("encode_number_precision", |call| integer_option(call, 0, PRECISION, 1, 14)),
    ("encode_sparse_array", sparse_array),
    ("new", new),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    let table = lua.new_table(0, 16)?;
    let globals = lua.globals();
    lua.set_name(globals, "cjson", Value::Table(table))?;
    fill(&mut lua.vm.heap, table)
}

fn fill(heap: &mut crate::lua::heap::Heap, table: TableId) -> Result<(), OutOfMemory> {
    let settings = heap.new_table(DEFAULTS.len(), 0)?;
    for (i, value) in DEFAULTS.iter().enumerate() {
        heap.set_int(settings, i + 1, Value::Number(*value))?;
    }
    for (name, function) in FUNCTIONS {
        let upvalues = [Value::Table(settings)].into();
        let function = heap.new_native(Native { entry: Entry::Own(*function as NativeFn), upvalues })?;
        heap.set_name(table, name, Value::Native(function))?;
    }
    heap.set_name(table, "null", Value::Null)?;
    for (name, text) in [("_NAME", "cjson"), ("_VERSION", "2.1.0")] {
        let text = heap.string(text.as_bytes())?;
        heap.set_name(table, name, text)?;
    }
    Ok(())
}

/// Makes another module, with settings of its own.
fn new(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table(0, 16)?;
    fill(&mut call.vm.heap, table)?;
    Ok(Ret::One(Value::Table(table)))
}

// Settings --------------------------------------------------------------------------------------------------------

pub(super) fn setting(call: &Call<'_>, place: usize) -> i64 {
    let Value::Table(settings) = call.upvalue(0) else { return 0 };
    match call.get_int(settings, place) {
        Value::Number(number) => number as i64,
        _ => 0,
    }
}

fn set(call: &mut Call<'_>, place: usize, value: i64) -> Result<(), Fault> {
    let Value::Table(settings) = call.upvalue(0) else { return Ok(()) };
    call.set_int(settings, place, Value::Number(value as f64))
}

fn check_count(call: &mut Call<'_>, most: usize) -> Result<(), Fault> {
    if call.len() > most { Err(call.arg_error(most, "found too many arguments")) } else { Ok(()) }
}

/// Sets a number from an argument, if there is one.
fn take_integer(call: &mut Call<'_>, arg: usize, place: usize, min: i32, max: i32) -> Result<(), Fault> {
    if call.arg(arg).is_nil() {
        return Ok(());
    }
    let value = call.int(arg)?;
    if !(i64::from(min)..=i64::from(max)).contains(&value) {
        let number = |n: i32| String::from_utf8_lossy(&format_int(n.into())).into_owned();
        let text = ["expected integer between ", &number(min), " and ", &number(max)].concat();
        return Err(call.arg_error(arg, &text));
    }
    set(call, place, value)
}

fn integer_option(call: &mut Call<'_>, arg: usize, place: usize, min: i32, max: i32) -> Result<Ret, Fault> {
    check_count(call, arg + 1)?;
    take_integer(call, arg, place, min, max)?;
    Ok(Ret::One(Value::Number(setting(call, place) as f64)))
}

fn sparse_array(call: &mut Call<'_>) -> Result<Ret, Fault> {
    check_count(call, 3)?;
    take_choice(call, SPARSE_CONVERT, &["off", "on"])?;
    take_integer(call, 1, SPARSE_RATIO, 0, i32::MAX)?;
    take_integer(call, 2, SPARSE_SAFE, 0, i32::MAX)?;
    let convert = setting(call, SPARSE_CONVERT) == 1;
    call.push(Value::Bool(convert))?;
    for place in [SPARSE_RATIO, SPARSE_SAFE] {
        let value = setting(call, place) as f64;
        call.push(Value::Number(value))?;
    }
    Ok(Ret::Pushed(3))
}

fn take_choice(call: &mut Call<'_>, place: usize, names: &[&str]) -> Result<(), Fault> {
    match call.arg(0) {
        Value::Nil => Ok(()),
        Value::Bool(truth) => set(call, place, truth.into()),
        _ => {
            let id = call.str(0)?;
            let name = call.bytes(id).to_vec();
            match names.iter().position(|other| other.as_bytes() == name) {
                Some(value) => set(call, place, value as i64),
                None => {
                    let text = ["invalid option '", &String::from_utf8_lossy(&name), "'"].concat();
                    Err(call.arg_error(0, &text))
                }
            }
        }
    }
}

fn choice(call: &mut Call<'_>, place: usize, names: &[&str]) -> Result<Ret, Fault> {
    check_count(call, 1)?;
    take_choice(call, place, names)?;
    Ok(Ret::One(match setting(call, place) {
        value @ 0..=1 => Value::Bool(value == 1),
        value => call.string(names[value as usize].as_bytes())?,
    }))
}

// Encoding --------------------------------------------------------------------------------------------------------

fn encode(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.len() != 1 {
        return Err(call.arg_error(0, "expected 1 argument"));
    }
    let mut encoder = Encoder { out: vec![], counted: 0, open: vec![] };
    let value = call.arg(0);
    encoder.run(call, value)?;
    call.vm.heap.refund(encoder.counted);
    Ok(Ret::One(call.string_from(encoder.out)?))
}

struct Encoder {
    out: Vec<u8>,
    counted: usize,
    /// The tables around the present place.
    open: Vec<Open>,
}

struct Open {
    table: TableId,
    /// The next index of a list and its length, or the next place among all entries.
    next: usize,
    len: Option<usize>,
    first: bool,
}

impl Encoder {
    fn count(&mut self, call: &mut Call<'_>) -> Result<(), Fault> {
        let capacity = self.out.capacity() + self.open.capacity() * size_of::<Open>();
        if capacity > self.counted {
            call.charge(capacity - self.counted)?;
            self.counted = capacity;
        }
        Ok(())
    }

    fn run(&mut self, call: &mut Call<'_>, value: Value) -> Result<(), Fault> {
        self.value(call, value)?;
        while let Some(open) = self.open.last_mut() {
            call.vm.heap.fuel -= 1;
            let entry = match open.len {
                Some(len) if open.next <= len => {
                    open.next += 1;
                    Some((None, call.get_int(open.table, open.next - 1)))
                }
                Some(_) => None,
                None => call.vm.heap.table(open.table).entry_from(open.next).map(|(at, key, value)| {
                    open.next = at + 1;
                    (Some(key), value)
                }),
            };
            let Some((key, value)) = entry else {
                self.out.push(if open.len.is_some() { b']' } else { b'}' });
                self.open.pop();
                continue;
            };
            if !std::mem::take(&mut open.first) {
                self.out.push(b',');
            }
            if let Some(key) = key {
                self.key(call, key)?;
            }
            self.value(call, value)?;
        }
        Ok(())
    }

    fn key(&mut self, call: &mut Call<'_>, key: Value) -> Result<(), Fault> {
        match key {
            Value::Str(_) => self.value(call, key)?,
            Value::Number(_) => {
                self.out.push(b'"');
                self.value(call, key)?;
                self.out.push(b'"');
            }
            _ => return Err(refuse(call, key, "table key must be a number or string")),
        }
        self.out.push(b':');
        Ok(())
    }

    /// Appends a value; of a table, only its beginning.
    fn value(&mut self, call: &mut Call<'_>, value: Value) -> Result<(), Fault> {
        match value {
            Value::Nil | Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Number(number) => self.number(call, number)?,
            Value::Str(id) => {
                let len = call.bytes(id).len();
                // Escaping may make it six times as long.
                let most = len.saturating_mul(6);
                if self.out.capacity() - self.out.len() < most {
                    call.charge(most + self.out.len())?;
                    call.vm.heap.refund(most + self.out.len());
                }
                call.work(len);
                quote(&mut self.out, call.bytes(id));
            }
            Value::Table(table) => self.table(call, table)?,
            _ => return Err(refuse(call, value, "type not supported")),
        }
        self.count(call)
    }

    fn number(&mut self, call: &mut Call<'_>, number: f64) -> Result<(), Fault> {
        if !number.is_finite() {
            match setting(call, ENCODE_INVALID) {
                0 => return Err(refuse(call, Value::Number(number), "must not be NaN or Inf")),
                1 if number.is_nan() && number.is_sign_negative() => self.out.push(b'-'),
                1 => {}
                _ => {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                }
            }
        }
        let digits = setting(call, PRECISION) as u32;
        self.out.extend_from_slice(&format_significant(number, digits));
        Ok(())
    }

    fn table(&mut self, call: &mut Call<'_>, table: TableId) -> Result<(), Fault> {
        let depth = self.open.len() as i64 + 1;
        if depth > setting(call, ENCODE_DEPTH) {
            let depth = String::from_utf8_lossy(&format_int(depth)).into_owned();
            return Err(call.error(["Cannot serialise, excessive nesting (", &depth, ")"].concat()));
        }
        let len = self.list_len(call, table)?;
        self.out.push(if len.is_some() { b'[' } else { b'{' });
        let next = usize::from(len.is_some());
        self.open.push(Open { table, next, len, first: true });
        Ok(())
    }

    /// Returns how long a table is as a list; `None` if it is an object. A key that is too large for C's `int` becomes the
    /// least one, so that a table in which it comes last is no list.
    fn list_len(&self, call: &mut Call<'_>, table: TableId) -> Result<Option<usize>, Fault> {
        let (mut max, mut items) = (0i32, 0i64);
        call.vm.heap.fuel -= call.vm.heap.table(table).len_of_parts() as i64 / 4;
        for (key, _) in call.vm.heap.table(table).entries() {
            match key {
                Value::Number(key) if key >= 1.0 && key.floor() == key => {
                    if key > f64::from(max) {
                        max = if key > f64::from(i32::MAX) { i32::MIN } else { key as i32 };
                    }
                    items += 1;
                }
                _ => return Ok(None),
            }
        }
        let (ratio, length) = (setting(call, SPARSE_RATIO), i64::from(max));
        if ratio > 0 && length > items.saturating_mul(ratio) && length > setting(call, SPARSE_SAFE) {
            if setting(call, SPARSE_CONVERT) == 0 {
                return Err(refuse(call, Value::Table(table), "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok((max > 0).then_some(max as usize))
    }
}

fn refuse(call: &mut Call<'_>, value: Value, why: &str) -> Fault {
    call.error(["Cannot serialise ", value.type_name(), ": ", why].concat())
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        let short = match byte {
            b'"' | b'\\' | b'/' => *byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            0..32 | 127 => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}
