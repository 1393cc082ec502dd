//! The libraries.

mod base;
mod bit;
mod cjson;
mod cmsgpack;
mod coroutine;
mod decimal;
mod format;
mod json;
mod matcher;
mod math;
mod pattern;
mod sort;
mod string;
mod structs;
mod table;

use super::Lua;
use super::heap::OutOfMemory;
use super::native::{Entry, NativeFn};
use super::value::{TableId, Value};

pub(super) use base::missing_global;

/// The state of `math.random` before its first seed: C's `lrand48` begins with it.
pub(super) const FIRST_RANDOM: u64 = 0x1234_abcd_330e;

/// Functions by name.
type Functions = &'static [(&'static str, NativeFn)];

/// Makes all libraries.
pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    base::open(lua)?;
    bit::open(lua)?;
    cjson::open(lua)?;
    cmsgpack::open(lua)?;
    coroutine::open(lua)?;
    math::open(lua)?;
    string::open(lua)?;
    structs::open(lua)?;
    table::open(lua)?;
    Ok(())
}

/// Makes a table of functions, a global variable.
fn library(lua: &mut Lua, name: &str, functions: Functions) -> Result<TableId, OutOfMemory> {
    let table = lua.new_table(0, functions.len())?;
    let globals = lua.globals();
    lua.set_name(globals, name, Value::Table(table))?;
    add(lua, table, functions)?;
    Ok(table)
}

fn add(lua: &mut Lua, table: TableId, functions: Functions) -> Result<(), OutOfMemory> {
    for (name, function) in functions {
        let function = lua.native(Entry::Own(*function), &[])?;
        lua.set_name(table, name, function)?;
    }
    Ok(())
}
