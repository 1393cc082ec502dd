//! The functions that are global variables.

use crate::lua::Lua;
use crate::lua::heap::{Event, OutOfMemory};
use crate::lua::native::{Call, Entry, Fault, NativeFn, Ret, Task, Then};
use crate::lua::number;
use crate::lua::value::{StrId, Value};

/// How many values a function in Rust may return, as the reference implementation has room for.
const RESULTS: usize = 8_000;

const FUNCTIONS: super::Functions = &[
    ("assert", assert),
    ("collectgarbage", collect_garbage),
    ("error", error),
    ("gcinfo", gc_info),
    ("getmetatable", get_metatable),
    ("load", load),
    ("loadstring", load_string),
    ("next", next),
    ("pcall", pcall),
    ("rawequal", raw_equal),
    ("rawget", raw_get),
    ("rawset", raw_set),
    ("select", select),
    ("setmetatable", set_metatable),
    ("tonumber", to_number),
    ("tostring", to_string),
    ("type", type_of),
    ("unpack", unpack),
    ("xpcall", xpcall),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    let globals = lua.globals();
    lua.set_name(globals, "_G", Value::Table(globals))?;
    let version = lua.string(b"Lua 5.1")?;
    lua.set_name(globals, "_VERSION", version)?;
    super::add(lua, globals, FUNCTIONS)?;
    for (name, function, iterator) in
        [("ipairs", ipairs as NativeFn, ipairs_next as NativeFn), ("pairs", pairs, next)]
    {
        let iterator = lua.native(Entry::Own(iterator), &[])?;
        let function = lua.native(Entry::Own(function), &[iterator])?;
        lua.set_name(globals, name, function)?;
    }
    Ok(())
}

/// What the metatable of sealed globals calls for a name that is not there.
pub(in crate::lua) fn missing_global(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let mut text = b"Script attempted to access nonexistent global variable '".to_vec();
    text.extend(call.text(call.arg(1)).unwrap_or_default());
    text.push(b'\'');
    Err(call.error(text))
}

fn assert(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.any(0)?.truth() {
        return all_args(call);
    }
    let message = match call.arg(1) {
        Value::Nil => b"assertion failed!".to_vec(),
        _ => {
            let id = call.str(1)?;
            let message = call.bytes(id);
            message.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        }
    };
    Err(call.error(message))
}

/// Returns the arguments as they are.
fn all_args(call: &mut Call<'_>) -> Result<Ret, Fault> {
    for i in 0..call.len() {
        call.push(call.arg(i))?;
    }
    Ok(Ret::Pushed(call.len()))
}

fn collect_garbage(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let option = match call.arg(0) {
        Value::Nil => b"collect".to_vec(),
        _ => {
            let id = call.str(0)?;
            call.bytes(id).to_vec()
        }
    };
    let used = call.vm.heap.used() as f64 / 1024.0;
    call.int_or(1, 0)?;
    Ok(Ret::One(match &*option {
        b"collect" => {
            call.vm.heap.collect_soon();
            Value::Number(0.0)
        }
        b"count" => Value::Number(used),
        b"step" => {
            call.vm.heap.collect_soon();
            Value::Bool(false)
        }
        b"stop" | b"restart" => Value::Number(0.0),
        b"setpause" | b"setstepmul" => Value::Number(200.0),
        other => {
            let text = ["invalid option '", &String::from_utf8_lossy(other), "'"].concat();
            return Err(call.arg_error(0, &text));
        }
    }))
}

fn gc_info(call: &mut Call<'_>) -> Result<Ret, Fault> {
    Ok(Ret::One(Value::Number((call.vm.heap.used() / 1024) as f64)))
}

fn error(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let level = call.int_or(1, 1)?;
    let value = call.arg(0);
    let text = match value {
        Value::Str(_) | Value::Number(_) if level > 0 => call.text(value).unwrap_or_default(),
        _ => return Err(Fault::Value(value)),
    };
    let mut message = vec![];
    call.push_position(&mut message, level);
    message.extend_from_slice(&text);
    Err(call.plain_error(message))
}

fn get_metatable(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let value = call.any(0)?;
    let Some(meta) = call.vm.heap.metatable(value) else { return Ok(Ret::One(Value::Nil)) };
    let hidden = call.vm.heap.handler(meta, Event::Metatable);
    Ok(Ret::One(if hidden.is_nil() { Value::Table(meta) } else { hidden }))
}

fn set_metatable(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let meta = match call.arg(1) {
        Value::Table(meta) => Some(meta),
        Value::Nil if call.len() > 1 => None,
        _ => return Err(call.arg_error(1, "nil or table expected")),
    };
    if !call.handler(Value::Table(table), Event::Metatable).is_nil() {
        return Err(call.error("cannot change a protected metatable"));
    }
    call.check_writable(table)?;
    call.vm.set_metatable(table, meta);
    Ok(Ret::One(Value::Table(table)))
}

fn next(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.table_arg(0)?;
    let table = call.vm.heap.table(id);
    let Some(place) = table.place_after(call.arg(1)) else {
        return Err(call.plain_error("invalid key to 'next'"));
    };
    match table.entry_from(place) {
        Some((at, key, value)) => {
            call.vm.heap.fuel -= (at - place) as i64 / 8;
            call.push(key)?;
            call.push(value)?;
            Ok(Ret::Pushed(2))
        }
        None => Ok(Ret::One(Value::Nil)),
    }
}

fn pairs(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    for value in [call.upvalue(0), Value::Table(table), Value::Nil] {
        call.push(value)?;
    }
    Ok(Ret::Pushed(3))
}

fn ipairs(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    for value in [call.upvalue(0), Value::Table(table), Value::Number(0.0)] {
        call.push(value)?;
    }
    Ok(Ret::Pushed(3))
}

fn ipairs_next(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let index = call.number(1)? + 1.0;
    let value = call.get(table, Value::Number(index));
    if value.is_nil() {
        return Ok(Ret::None);
    }
    call.push(Value::Number(index))?;
    call.push(value)?;
    Ok(Ret::Pushed(2))
}

fn raw_equal(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let equal = call.any(0)? == call.any(1)?;
    Ok(Ret::One(Value::Bool(equal)))
}

fn raw_get(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let key = call.any(1)?;
    Ok(Ret::One(call.get(table, key)))
}

fn raw_set(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let (key, value) = (call.any(1)?, call.any(2)?);
    call.check_writable(table)?;
    match key {
        Value::Nil => return Err(call.plain_error("table index is nil")),
        Value::Number(number) if number.is_nan() => return Err(call.plain_error("table index is NaN")),
        _ => {}
    }
    call.set(table, key, value)?;
    Ok(Ret::One(Value::Table(table)))
}

fn select(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if let Value::Str(id) = call.arg(0)
        && call.bytes(id).first() == Some(&b'#')
    {
        return Ok(Ret::One(Value::Number((call.len() - 1) as f64)));
    }
    let (wanted, count) = (i64::from(call.int(0)? as i32), call.len() as i64);
    let first = if wanted < 0 { count.saturating_add(wanted) } else { wanted.min(count) };
    if first < 1 {
        return Err(call.arg_error(0, "index out of range"));
    }
    call.vm.heap.work((count - first) as usize * 16);
    for i in first..count {
        call.push(call.arg(i as usize))?;
    }
    Ok(Ret::Pushed((count - first) as usize))
}

fn to_number(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let base = call.int_or(1, 10)?;
    if base == 10 {
        let value = call.any(0)?;
        return Ok(Ret::One(call.vm.to_number(value).map_or(Value::Nil, Value::Number)));
    }
    let id = call.str(0)?;
    if !(2..=36).contains(&base) {
        return Err(call.arg_error(1, "base out of range"));
    }
    let number = parse_base(call.bytes(id), base as u32);
    Ok(Ret::One(number.map_or(Value::Nil, Value::Number)))
}

/// Reads an integer as C's `strtoul`: a sign wraps around, what is too large is the largest.
fn parse_base(text: &[u8], base: u32) -> Option<f64> {
    let text = number::trim(text.split(|byte| *byte == 0).next()?);
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let digits = match digits {
        [b'0', b'x' | b'X', rest @ ..] if base == 16 && rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            rest
        }
        digits => digits,
    };
    if digits.is_empty() {
        return None;
    }
    let (mut number, mut overflow) = (0u64, false);
    for digit in digits {
        let digit = char::from(*digit).to_digit(base)?;
        match number.checked_mul(base.into()).and_then(|number| number.checked_add(digit.into())) {
            Some(next) => number = next,
            None => overflow = true,
        }
    }
    Some(match (overflow, negative) {
        (true, _) => u64::MAX,
        (false, true) => number.wrapping_neg(),
        (false, false) => number,
    } as f64)
}

/// Returns the text of a value without asking metatables.
pub(super) fn plain_text(call: &mut Call<'_>, value: Value) -> Result<Value, Fault> {
    let (name, address) = match value {
        Value::Str(_) => return Ok(value),
        Value::Number(number) => return call.string(&number::format(number)),
        Value::Nil => return call.string(b"nil"),
        Value::Bool(true) => return call.string(b"true"),
        Value::Bool(false) => return call.string(b"false"),
        Value::Null => return call.string(b"userdata: (nil)"),
        Value::Table(id) => ("table: 0x", id.0 * 64 + 0x10_0000),
        Value::Closure(id) => ("function: 0x", id.0 * 64 + 0x4000_0000),
        Value::Native(id) => ("function: 0x", id.0 * 64 + 0x6000_0000),
        Value::Thread(id) => ("thread: 0x", id.0 * 64 + 0x7000_0000),
    };
    // What looks like an address is the place in the heap, the same on every machine.
    let mut text = name.as_bytes().to_vec();
    text.extend_from_slice(b"7f00");
    text.extend((0..8).rev().map(|place| b"0123456789abcdef"[(address >> (4 * place) & 15) as usize]));
    call.string_from(text)
}

fn to_string(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let value = call.any(0)?;
    let handler = call.handler(value, Event::ToString);
    if handler.is_nil() {
        return Ok(Ret::One(plain_text(call, value)?));
    }
    call.push(handler)?;
    call.push(value)?;
    Ok(Ret::call(1, Box::new(First)))
}

/// Hands on the first result of a call.
struct First;

impl Task for First {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        Ok(Ret::One(if results > 0 { call.pushed(results - 1) } else { Value::Nil }))
    }
}

fn type_of(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let name = call.any(0)?.type_name();
    Ok(Ret::One(call.string(name.as_bytes())?))
}

fn unpack(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let first = call.int_or(1, 1)?;
    let last = if call.arg(2).is_nil() { call.len_of(table) as i64 } else { call.int(2)? };
    // The reference implementation counts in 32 bits.
    let (first, last) = (i64::from(first as i32), i64::from(last as i32));
    if first > last {
        return Ok(Ret::None);
    }
    let count = last - first + 1;
    if count + call.len() as i64 > RESULTS as i64 {
        return Err(call.error("too many results to unpack"));
    }
    call.vm.heap.work(count as usize * 16);
    for i in first..=last {
        let value = call.get(table, Value::Number(i as f64));
        call.push(value)?;
    }
    Ok(Ret::Pushed(count as usize))
}

fn pcall(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.is_empty() {
        // Redis has a `pcall` of its own, which calls what it has put there itself.
        let text = call.string(b"attempt to call a boolean value")?;
        call.push(Value::Bool(false))?;
        call.push(text)?;
        return Ok(Ret::Pushed(2));
    }
    // The function lies where the results go, so that `true` can be put before them.
    Ok(Ret::more(Then::Protect(call.len() - 1, false)))
}

fn xpcall(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.len() < 2 {
        return Err(call.arg_error(1, "value expected"));
    }
    call.push(call.arg(0))?;
    Ok(Ret::more(Then::Protect(0, true)))
}

fn load_string(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let name = if call.arg(1).is_nil() { id } else { call.str(1)? };
    compile(call, id, name)
}

fn compile(call: &mut Call<'_>, source: StrId, name: StrId) -> Result<Ret, Fault> {
    let len = call.bytes(source).len();
    call.charge(len)?;
    let source = call.bytes(source).to_vec();
    Ok(Ret::more(Then::Load(source, name)))
}

fn load(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let name = match call.arg(1) {
        Value::Nil => match call.string(b"=(load)")? {
            Value::Str(id) => id,
            _ => return Ok(Ret::None),
        },
        _ => call.str(1)?,
    };
    if !matches!(call.arg(0), Value::Closure(_) | Value::Native(_)) {
        return Err(call.type_error(0, "function"));
    }
    call.push(Value::Str(name))?;
    call.push(call.arg(0))?;
    Ok(Ret::call(0, Box::new(Pieces(vec![]))))
}

/// A source that is asked for piece by piece.
struct Pieces(Vec<u8>);

impl Task for Pieces {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        let piece = if results > 0 { call.pushed(results - 1) } else { Value::Nil };
        call.pop(results);
        match (piece, call.text(piece)) {
            (_, Some(text)) if !text.is_empty() => {
                if self.0.capacity() - self.0.len() < text.len() {
                    let more = text.len().max(self.0.len());
                    call.charge(more)?;
                    self.0.reserve_exact(more);
                }
                self.0.extend_from_slice(&text);
                call.push(call.arg(0))?;
                Ok(Ret::call_again(0))
            }
            (Value::Nil, _) | (_, Some(_)) => {
                let Value::Str(name) = call.pushed(0) else { return Ok(Ret::None) };
                Ok(Ret::more(Then::Load(std::mem::take(&mut self.0), name)))
            }
            _ => {
                // As every error of a chunk: nil and a message.
                let Fault::Value(message) = call.error("reader function must return a string") else {
                    return Err(Fault::Memory);
                };
                call.push(Value::Nil)?;
                call.push(message)?;
                Ok(Ret::Pushed(2))
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }
}
