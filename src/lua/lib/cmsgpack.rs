//! The library `cmsgpack`: MessagePack.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret};
use crate::lua::value::{TableId, Value};

/// Tables within tables beyond this become nil.
const NESTING: usize = 16;

const FUNCTIONS: super::Functions =
    &[("pack", pack), ("unpack", unpack), ("unpack_limit", unpack_limit), ("unpack_one", unpack_one)];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    let table = super::library(lua, "cmsgpack", FUNCTIONS)?;
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        let text = lua.string(text.as_bytes())?;
        lua.set_name(table, name, text)?;
    }
    Ok(())
}

// Packing ---------------------------------------------------------------------------------------------------------

fn pack(call: &mut Call<'_>) -> Result<Ret, Fault> {
    if call.is_empty() {
        return Err(call.numbered_error(0, "MessagePack pack needs input."));
    }
    let mut out = Packer { out: vec![], counted: 0 };
    for i in 0..call.len() {
        let value = call.arg(i);
        out.value(call, value, 0)?;
    }
    call.vm.heap.refund(out.counted);
    Ok(Ret::One(call.string_from(out.out)?))
}

struct Packer {
    out: Vec<u8>,
    /// How much of it has been counted.
    counted: usize,
}

impl Packer {
    fn push(&mut self, call: &mut Call<'_>, tag: u8, bytes: &[u8]) -> Result<(), Fault> {
        call.vm.heap.fuel -= 1;
        self.out.push(tag);
        self.out.extend_from_slice(bytes);
        self.count(call)
    }

    fn count(&mut self, call: &mut Call<'_>) -> Result<(), Fault> {
        let capacity = self.out.capacity();
        if capacity > self.counted {
            call.charge(capacity - self.counted)?;
            self.counted = capacity;
        }
        Ok(())
    }

    /// Packs a value. It calls itself for tables, as deep as they may be nested.
    fn value(&mut self, call: &mut Call<'_>, value: Value, level: usize) -> Result<(), Fault> {
        match value {
            Value::Str(id) => {
                let len = call.bytes(id).len();
                match len {
                    0..32 => self.push(call, 0xa0 | len as u8, &[])?,
                    32..0x100 => self.push(call, 0xd9, &[len as u8])?,
                    0x100..0x1_0000 => self.push(call, 0xda, &(len as u16).to_be_bytes())?,
                    _ => self.push(call, 0xdb, &(len as u32).to_be_bytes())?,
                }
                call.charge(len)?;
                call.vm.heap.refund(len);
                call.work(len);
                self.out.extend_from_slice(call.bytes(id));
                self.count(call)
            }
            Value::Bool(truth) => self.push(call, 0xc2 | u8::from(truth), &[]),
            Value::Number(number) => self.number(call, number),
            Value::Table(table) if level < NESTING => self.table(call, table, level),
            _ => self.push(call, 0xc0, &[]),
        }
    }

    fn number(&mut self, call: &mut Call<'_>, number: f64) -> Result<(), Fault> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if number.trunc() != number || !(-LIMIT..LIMIT).contains(&number) {
            let short = number as f32;
            return if f64::from(short) == number {
                self.push(call, 0xca, &short.to_be_bytes())
            } else {
                self.push(call, 0xcb, &number.to_be_bytes())
            };
        }
        match number as i64 {
            n @ 0..0x80 => self.push(call, n as u8, &[]),
            n @ 0x80..0x100 => self.push(call, 0xcc, &[n as u8]),
            n @ 0x100..0x1_0000 => self.push(call, 0xcd, &(n as u16).to_be_bytes()),
            n @ 0x1_0000..0x1_0000_0000 => self.push(call, 0xce, &(n as u32).to_be_bytes()),
            n @ 0x1_0000_0000.. => self.push(call, 0xcf, &n.to_be_bytes()),
            n @ -32..0 => self.push(call, n as u8, &[]),
            n @ -128..-32 => self.push(call, 0xd0, &[n as u8]),
            n @ -0x8000..-128 => self.push(call, 0xd1, &(n as i16).to_be_bytes()),
            n @ -0x8000_0000..-0x8000 => self.push(call, 0xd2, &(n as i32).to_be_bytes()),
            n => self.push(call, 0xd3, &n.to_be_bytes()),
        }
    }

    fn table(&mut self, call: &mut Call<'_>, table: TableId, level: usize) -> Result<(), Fault> {
        let (mut count, mut max, mut listed) = (0usize, 0.0f64, true);
        call.vm.heap.fuel -= call.vm.heap.table(table).len_of_parts() as i64 / 4;
        for (key, _) in call.vm.heap.table(table).entries() {
            count += 1;
            match key {
                Value::Number(key) if key > 0.0 && key.trunc() == key => max = max.max(key),
                _ => listed = false,
            }
        }
        let is_list = listed && max == count as f64;
        let (fix, short, long) = if is_list { (0x90, 0xdc, 0xdd) } else { (0x80, 0xde, 0xdf) };
        match count {
            0..16 => self.push(call, fix | count as u8, &[])?,
            16..0x1_0000 => self.push(call, short, &(count as u16).to_be_bytes())?,
            _ => self.push(call, long, &(count as u32).to_be_bytes())?,
        }
        if is_list {
            for i in 1..=count {
                let value = call.get_int(table, i);
                self.value(call, value, level + 1)?;
            }
            return Ok(());
        }
        let mut place = 0;
        while let Some((at, key, value)) = call.vm.heap.table(table).entry_from(place) {
            self.value(call, key, level + 1)?;
            self.value(call, value, level + 1)?;
            place = at + 1;
        }
        Ok(())
    }
}

// Unpacking -------------------------------------------------------------------------------------------------------

fn unpack(call: &mut Call<'_>) -> Result<Ret, Fault> {
    unpack_some(call, 0, 0)
}

fn unpack_one(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let offset = call.int_or(1, 0)?;
    unpack_some(call, 1, offset)
}

fn unpack_limit(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let limit = call.int(1)?;
    let offset = call.int_or(2, 0)?;
    unpack_some(call, limit, offset)
}

fn unpack_some(call: &mut Call<'_>, limit: i64, offset: i64) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let len = call.bytes(id).len();
    // Printed as the C library does: the lower half.
    let number =
        |n: i64| String::from_utf8_lossy(&crate::base::number::format_int((n as i32).into())).into_owned();
    if offset < 0 || limit < 0 {
        let (offset, len) = (number(offset), number(len as i64));
        let text =
            ["Invalid request to unpack with offset of ", &offset, " and limit of ", &len, "."].concat();
        return Err(call.error(text));
    }
    if offset > len as i64 {
        let (offset, len) = (number(offset), number(len as i64));
        return Err(call.error(["Start offset ", &offset, " greater than input length ", &len, "."].concat()));
    }
    let all = limit == 0 && offset == 0;
    call.charge(len)?;
    let bytes = call.bytes(id).to_vec();
    call.vm.heap.refund(len);
    let mut reader = Reader { bytes: &bytes, at: offset as usize };
    if !all {
        call.push(Value::Nil)?;
    }
    let mut count = 0;
    while reader.at < bytes.len() && (all || count < limit) {
        let value = reader.value(call)?;
        call.push(value)?;
        count += 1;
    }
    if !all {
        let next = if reader.at == bytes.len() { -1.0 } else { reader.at as f64 };
        let place = call.top - 1 - count as usize;
        call.vm.thread.stack[place] = Value::Number(next);
        count += 1;
    }
    Ok(Ret::Pushed(count as usize))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What is being read into a table.
struct Open {
    table: TableId,
    /// How many values are to come, of which those of a map are pairs.
    left: usize,
    next: usize,
    map: bool,
    key: Option<Value>,
}

enum Item {
    Value(Value),
    List(usize),
    Map(usize),
}

impl<'a> Reader<'a> {
    fn take(&mut self, call: &mut Call<'_>, len: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(call.error("Missing bytes in input.")) };
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn unsigned(&mut self, call: &mut Call<'_>, width: usize) -> Result<u64, Fault> {
        let bytes = self.take(call, width)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Reads a value, with whatever is nested in it.
    fn value(&mut self, call: &mut Call<'_>) -> Result<Value, Fault> {
        let mut open: Vec<Open> = vec![];
        loop {
            call.vm.heap.fuel -= 1;
            let mut value = match self.item(call)? {
                Item::Value(value) => value,
                Item::List(len) | Item::Map(len) if len == 0 => Value::Table(call.table(0, 0)?),
                Item::List(len) => {
                    open.push(Open { table: call.table(0, 0)?, left: len, next: 1, map: false, key: None });
                    call.charge(size_of::<Open>())?;
                    continue;
                }
                Item::Map(len) => {
                    let left = len.saturating_mul(2);
                    open.push(Open { table: call.table(0, 0)?, left, next: 1, map: true, key: None });
                    call.charge(size_of::<Open>())?;
                    continue;
                }
            };
            loop {
                let Some(last) = open.last_mut() else { return Ok(value) };
                last.left -= 1;
                if !last.map {
                    call.set_int(last.table, last.next, value)?;
                    last.next += 1;
                } else if let Some(key) = last.key.take() {
                    match key {
                        Value::Nil => return Err(call.plain_error("table index is nil")),
                        Value::Number(n) if n.is_nan() => return Err(call.plain_error("table index is NaN")),
                        _ => call.set(last.table, key, value)?,
                    }
                } else {
                    last.key = Some(value);
                }
                if last.left > 0 {
                    break;
                }
                value = Value::Table(last.table);
                open.pop();
                call.vm.heap.refund(size_of::<Open>());
            }
        }
    }

    fn item(&mut self, call: &mut Call<'_>) -> Result<Item, Fault> {
        let tag = self.take(call, 1)?[0];
        let number = match tag {
            0x00..=0x7f => f64::from(tag),
            0xe0..=0xff => f64::from(tag as i8),
            0x80..=0x8f => return Ok(Item::Map((tag & 15).into())),
            0x90..=0x9f => return Ok(Item::List((tag & 15).into())),
            0xa0..=0xbf => return self.text(call, (tag & 31).into()),
            0xc0 => return Ok(Item::Value(Value::Nil)),
            0xc2 | 0xc3 => return Ok(Item::Value(Value::Bool(tag == 0xc3))),
            0xd9 => return self.long_text(call, 1),
            0xda => return self.long_text(call, 2),
            0xdb => return self.long_text(call, 4),
            0xca => f64::from(f32::from_bits(self.unsigned(call, 4)? as u32)),
            0xcb => f64::from_bits(self.unsigned(call, 8)?),
            0xcc => self.unsigned(call, 1)? as f64,
            0xcd => self.unsigned(call, 2)? as f64,
            0xce => self.unsigned(call, 4)? as f64,
            0xcf => self.unsigned(call, 8)? as f64,
            0xd0 => f64::from(self.unsigned(call, 1)? as i8),
            0xd1 => f64::from(self.unsigned(call, 2)? as i16),
            0xd2 => f64::from(self.unsigned(call, 4)? as i32),
            0xd3 => self.unsigned(call, 8)? as i64 as f64,
            0xdc => return Ok(Item::List(self.unsigned(call, 2)? as usize)),
            0xdd => return Ok(Item::List(self.unsigned(call, 4)? as usize)),
            0xde => return Ok(Item::Map(self.unsigned(call, 2)? as usize)),
            0xdf => return Ok(Item::Map(self.unsigned(call, 4)? as usize)),
            _ => return Err(call.error("Bad data format in input.")),
        };
        Ok(Item::Value(Value::Number(number)))
    }

    fn long_text(&mut self, call: &mut Call<'_>, width: usize) -> Result<Item, Fault> {
        let len = self.unsigned(call, width)? as usize;
        self.text(call, len)
    }

    fn text(&mut self, call: &mut Call<'_>, len: usize) -> Result<Item, Fault> {
        let bytes = self.take(call, len)?;
        Ok(Item::Value(call.string(bytes)?))
    }
}
