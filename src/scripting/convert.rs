//! Between replies and Lua's values.

use std::ops::Deref;

use crate::base::number;
use crate::lua::{Call, Fault, Lua, OutOfMemory, StrId, Table, TableId, Value};
use crate::resp::{Args, Error, Item, OwnedArgs, Protocol, Reader, Reply, Result};

/// How deep tables may lie in one another to be a reply.
const DEPTH: usize = 256;

/// Returns arguments as a list of strings.
pub(super) fn list(lua: &mut Lua, args: Args<'_>) -> Result<Value, OutOfMemory> {
    let table = lua.new_table(args.len(), 0)?;
    for (i, arg) in args.iter().enumerate() {
        let arg = lua.string(arg)?;
        lua.set(table, Value::Number((i + 1) as f64), arg)?;
    }
    Ok(Value::Table(table))
}

/// Reads one reply as the value that `redis.call` returns. `null` is what nothing is for the script: false in RESP2.
pub(super) fn value(call: &mut Call<'_>, reader: &mut Reader<'_>, null: Value) -> Result<Value, Fault> {
    let item = reader.item().expect("replies are whole");
    Ok(match item {
        Item::Int(n) => Value::Number(n as f64),
        Item::Bulk(bytes) => call.string(bytes)?,
        Item::Simple(text) => field(call, "ok", text)?,
        Item::Error(text) => field(call, "err", text)?,
        Item::BigNumber(digits) => field(call, "big_number", digits)?,
        Item::Bool(truth) => Value::Bool(truth),
        Item::Null => null,
        Item::Double(double) => {
            let table = call.table(0, 1)?;
            call.set_name(table, "double", Value::Number(double))?;
            Value::Table(table)
        }
        Item::Verbatim(format, text) => {
            let (outer, inner) = (call.table(0, 1)?, call.table(0, 2)?);
            call.set_name(outer, "verbatim_string", Value::Table(inner))?;
            for (name, text) in [("format", format), ("string", text)] {
                let text = call.string(text)?;
                call.set_name(inner, name, text)?;
            }
            Value::Table(outer)
        }
        Item::Array(n) | Item::Push(n) => {
            let table = call.table(n, 0)?;
            for i in 1..=n {
                let part = value(call, reader, null)?;
                call.set_int(table, i, part)?;
            }
            Value::Table(table)
        }
        Item::Map(n) => {
            let (outer, inner) = (call.table(0, 1)?, call.table(0, 0)?);
            call.set_name(outer, "map", Value::Table(inner))?;
            for _ in 0..n {
                let (key, part) = (value(call, reader, null)?, value(call, reader, null)?);
                put(call, inner, key, part)?;
            }
            Value::Table(outer)
        }
        Item::Set(n) => {
            let (outer, inner) = (call.table(0, 1)?, call.table(0, 0)?);
            call.set_name(outer, "set", Value::Table(inner))?;
            for _ in 0..n {
                let member = value(call, reader, null)?;
                put(call, inner, member, Value::Bool(true))?;
            }
            Value::Table(outer)
        }
        Item::Attribute(n) => {
            for _ in 0..n {
                value(call, reader, null)?;
                value(call, reader, null)?;
            }
            value(call, reader, null)?
        }
    })
}

fn put(call: &mut Call<'_>, table: TableId, key: Value, value: Value) -> Result<(), Fault> {
    let is_key = match key {
        Value::Nil => false,
        Value::Number(number) => !number.is_nan(),
        _ => true,
    };
    if is_key { call.set(table, key, value) } else { Ok(()) }
}

/// Returns a table with one field of text.
pub(super) fn field(call: &mut Call<'_>, name: &str, text: &[u8]) -> Result<Value, Fault> {
    let table = call.table(0, 1)?;
    let text = call.string(text)?;
    call.set_name(table, name, text)?;
    Ok(Value::Table(table))
}

/// Writes what a script returned. `protocol` is the one that the script chose for itself.
pub(super) fn reply(lua: &mut Lua, value: Value, protocol: Protocol, reply: &mut Reply<'_>) -> Result {
    let names = Names::new(lua).map_err(|_| Error::Text("ERR not enough memory for the reply"))?;
    if let Value::Table(table) = value
        && let table = lua.table(table)
        && let Value::Str(text) = table.get(names.err)
    {
        return Err(Error::said(c_string(lua.bytes(text))));
    }
    let mut writer = Writer { lua, names, protocol, reply };
    writer.write(value, DEPTH)
}

/// The fields that make a table something else than an array.
struct Names {
    err: Value,
    ok: Value,
    double: Value,
    map: Value,
    set: Value,
    big_number: Value,
    verbatim_string: Value,
    format: Value,
    string: Value,
}

impl Names {
    fn new(lua: &mut Lua) -> Result<Self, OutOfMemory> {
        Ok(Self {
            err: lua.string(b"err")?,
            ok: lua.string(b"ok")?,
            double: lua.string(b"double")?,
            map: lua.string(b"map")?,
            set: lua.string(b"set")?,
            big_number: lua.string(b"big_number")?,
            verbatim_string: lua.string(b"verbatim_string")?,
            format: lua.string(b"format")?,
            string: lua.string(b"string")?,
        })
    }
}

struct Writer<'a, 'r> {
    lua: &'a Lua,
    names: Names,
    protocol: Protocol,
    reply: &'a mut Reply<'r>,
}

impl Writer<'_, '_> {
    fn write(&mut self, value: Value, depth: usize) -> Result {
        match value {
            Value::Str(id) => self.reply.bulk(self.lua.bytes(id)),
            Value::Number(number) => self.reply.int(number::to_int(number)),
            Value::Bool(truth) if self.protocol == Protocol::Resp3 => self.reply.bool(truth),
            Value::Bool(true) => self.reply.int(1),
            Value::Table(table) => return self.table(table, depth),
            _ => self.reply.null(),
        }
        Ok(())
    }

    fn table(&mut self, id: TableId, depth: usize) -> Result {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Error::Text("ERR reached lua stack limit"));
        };
        let table = self.lua.table(id);
        if let Value::Str(text) = table.get(self.names.err) {
            self.reply.error(&Error::said(c_string(self.lua.bytes(text))));
        } else if let Value::Str(text) = table.get(self.names.ok) {
            self.reply.status(c_string(self.lua.bytes(text)));
        } else if let Value::Number(double) = table.get(self.names.double) {
            self.reply.double_in_digits(&digits(double));
        } else if let Value::Table(map) = table.get(self.names.map) {
            return self.map(self.lua.table(map), depth);
        } else if let Value::Table(set) = table.get(self.names.set) {
            return self.set(self.lua.table(set), depth);
        } else if let Value::Str(digits) = table.get(self.names.big_number) {
            self.reply.big_number(self.lua.bytes(digits));
        } else if let Some((format, text)) = self.verbatim(table) {
            self.reply.verbatim_bytes(c_string(self.lua.bytes(format)), self.lua.bytes(text));
        } else {
            return self.array(table, depth);
        }
        Ok(())
    }

    fn verbatim(&self, table: &Table) -> Option<(StrId, StrId)> {
        let Value::Table(inner) = table.get(self.names.verbatim_string) else { return None };
        let inner = self.lua.table(inner);
        match (inner.get(self.names.format), inner.get(self.names.string)) {
            (Value::Str(format), Value::Str(text)) => Some((format, text)),
            _ => None,
        }
    }

    /// Writes the elements up to the first nil.
    fn array(&mut self, table: &Table, depth: usize) -> Result {
        let len = (1..).take_while(|i| !table.get_int(*i).is_nil()).count();
        self.reply.array(len);
        (1..=len).try_for_each(|i| self.write(table.get_int(i), depth))
    }

    fn map(&mut self, table: &Table, depth: usize) -> Result {
        self.reply.map(table.entries().count());
        for (key, value) in table.entries() {
            self.write(key, depth)?;
            self.write(value, depth)?;
        }
        Ok(())
    }

    fn set(&mut self, table: &Table, depth: usize) -> Result {
        self.reply.set(table.entries().count());
        table.entries().try_for_each(|(member, _)| self.write(member, depth))
    }
}

/// Returns a text up to its first zero, as Redis reads errors and statuses.
fn c_string(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Appends an argument of `redis.call`; returns whether it is a string or a number.
pub(super) fn push_argument(call: &Call<'_>, value: Value, args: &mut OwnedArgs) -> bool {
    match value {
        Value::Str(id) => args.push(call.bytes(id)),
        Value::Number(number) => args.push(&digits(number)),
        _ => return false,
    }
    true
}

/// Returns all digits of a number. What is not a number has a sign, as in C.
fn digits(number: f64) -> impl Deref<Target = [u8]> {
    match number.is_nan() && number.is_sign_negative() {
        true => number::Text::new(b"-nan"),
        false => number::format_significant(number, 17),
    }
}
