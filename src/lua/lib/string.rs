//! The library `string`, but for patterns and formats.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret};
use crate::lua::value::Value;

use super::pattern::from_end;
use super::{format, pattern};

/// How many values may be pushed at once, as the reference implementation has room for.
const PUSHED: i64 = 7_990;

const FUNCTIONS: super::Functions = &[
    ("byte", byte),
    ("char", char),
    ("dump", dump),
    ("find", pattern::find),
    ("format", format::format),
    ("gfind", pattern::gmatch),
    ("gmatch", pattern::gmatch),
    ("gsub", pattern::gsub),
    ("len", len),
    ("lower", |call| mapped(call, <[u8]>::make_ascii_lowercase)),
    ("match", pattern::match_),
    ("rep", rep),
    ("reverse", |call| mapped(call, <[u8]>::reverse)),
    ("sub", sub),
    ("upper", |call| mapped(call, <[u8]>::make_ascii_uppercase)),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    let table = super::library(lua, "string", FUNCTIONS)?;
    let meta = lua.new_table(0, 1)?;
    lua.set_name(meta, "__index", Value::Table(table))?;
    lua.vm.heap.string_meta = Some(meta);
    Ok(())
}

fn len(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    Ok(Ret::One(Value::Number(call.bytes(id).len() as f64)))
}

fn sub(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let len = call.bytes(id).len();
    let (start, end) = (call.int(1)?, call.int_or(2, -1)?);
    let (start, end) = (from_end(start, len).max(1), from_end(end, len).min(len as i64));
    if start > end {
        return Ok(Ret::One(call.string(b"")?));
    }
    let part = call.bytes(id)[start as usize - 1..end as usize].to_vec();
    Ok(Ret::One(call.string_from(part)?))
}

fn byte(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let len = call.bytes(id).len();
    let first = call.int_or(1, 1)?;
    let start = from_end(first, len);
    let end = call.int_or(2, start)?;
    let (start, end) = (start.max(1), from_end(end, len).min(len as i64));
    if start > end {
        return Ok(Ret::None);
    }
    if end - start >= PUSHED {
        return Err(call.error("stack overflow (string slice too long)"));
    }
    for i in start..=end {
        let byte = call.bytes(id)[i as usize - 1];
        call.push(Value::Number(byte.into()))?;
    }
    Ok(Ret::Pushed((end - start + 1) as usize))
}

fn char(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let mut text = Vec::with_capacity(call.len());
    for i in 0..call.len() {
        let Ok(byte) = u8::try_from(call.int(i)? as i32) else {
            return Err(call.arg_error(i, "invalid value"));
        };
        text.push(byte);
    }
    Ok(Ret::One(call.string_from(text)?))
}

/// Compiled functions stay where they are: what it returns is no chunk, as Redis takes none.
fn dump(call: &mut Call<'_>) -> Result<Ret, Fault> {
    match call.arg(0) {
        Value::Closure(_) => Ok(Ret::One(call.string(b"\x1bLuaQ\0\x01\x04\x08\x04\x08\0")?)),
        Value::Native(_) => Err(call.error("unable to dump given function")),
        _ => Err(call.type_error(0, "function")),
    }
}

fn mapped(call: &mut Call<'_>, map: fn(&mut [u8])) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let len = call.bytes(id).len();
    call.charge(len)?;
    call.vm.heap.refund(len);
    call.work(len);
    let mut text = call.bytes(id).to_vec();
    map(&mut text);
    Ok(Ret::One(call.string_from(text)?))
}

fn rep(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let count = call.int(1)? as i32;
    let len = call.bytes(id).len().saturating_mul(usize::try_from(count).unwrap_or(0));
    call.charge(len)?;
    call.vm.heap.refund(len);
    call.work(len);
    if len == 0 {
        return Ok(Ret::One(call.string(b"")?));
    }
    let text = call.bytes(id).repeat(count as usize);
    Ok(Ret::One(call.string_from(text)?))
}
