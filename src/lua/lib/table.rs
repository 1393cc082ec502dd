//! The library `table`, but for sorting.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret, Task, Then};
use crate::lua::number;
use crate::lua::value::{TableId, Value};

const FUNCTIONS: super::Functions = &[
    ("concat", concat),
    ("foreach", foreach),
    ("foreachi", foreachi),
    ("getn", get_n),
    ("insert", insert),
    ("maxn", max_n),
    ("remove", remove),
    ("setn", set_n),
    ("sort", super::sort::sort),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    super::library(lua, "table", FUNCTIONS).map(drop)
}

fn concat(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let separator = match call.arg(1) {
        Value::Nil => vec![],
        _ => {
            let id = call.str(1)?;
            call.bytes(id).to_vec()
        }
    };
    let table = call.table_arg(0)?;
    let first = i64::from(call.int_or(2, 1)? as i32);
    let last = if call.arg(3).is_nil() { call.len_of(table) as i64 } else { i64::from(call.int(3)? as i32) };
    // How long the text is comes first, so that it is made once and counted before.
    let mut len = 0usize;
    for i in first..=last {
        call.vm.heap.fuel -= 1;
        len += match call.get(table, Value::Number(i as f64)) {
            Value::Str(id) => call.bytes(id).len(),
            Value::Number(number) => number::format(number).len(),
            value => {
                let name = value.type_name();
                let place = String::from_utf8_lossy(&crate::base::number::format_int(i)).into_owned();
                let text =
                    ["invalid value (", name, ") at index ", &place, " in table for 'concat'"].concat();
                return Err(call.error(text));
            }
        };
        len += if i < last { separator.len() } else { 0 };
    }
    call.charge(len)?;
    call.vm.heap.refund(len);
    call.work(len);
    let mut text = Vec::with_capacity(len);
    for i in first..=last {
        match call.get(table, Value::Number(i as f64)) {
            Value::Str(id) => text.extend_from_slice(call.bytes(id)),
            Value::Number(number) => text.extend_from_slice(&number::format(number)),
            _ => {}
        }
        if i < last {
            text.extend_from_slice(&separator);
        }
    }
    Ok(Ret::One(call.string_from(text)?))
}

fn get_n(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    Ok(Ret::One(Value::Number(call.len_of(table) as f64)))
}

fn set_n(call: &mut Call<'_>) -> Result<Ret, Fault> {
    call.table_arg(0)?;
    Err(call.error("'setn' is obsolete"))
}

fn max_n(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let mut max = 0.0f64;
    let parts = call.vm.heap.table(table).len_of_parts();
    call.vm.heap.fuel -= parts as i64 / 4;
    for (key, _) in call.vm.heap.table(table).entries() {
        if let Value::Number(key) = key
            && key > max
        {
            max = key;
        }
    }
    Ok(Ret::One(Value::Number(max)))
}

fn insert(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let end = call.len_of(table) as i64 + 1;
    let place = match call.len() {
        2 => end,
        3 => {
            let place = i64::from(call.int(1)? as i32);
            call.check_writable(table)?;
            let mut insertion = Insertion { at: end.max(place), place };
            let done = insertion.go(call, table)?;
            return Ok(done.unwrap_or_else(|| Ret::more(Then::Pause(Some(Box::new(insertion))))));
        }
        _ => return Err(call.error("wrong number of arguments to 'insert'")),
    };
    call.check_writable(table)?;
    call.set(table, Value::Number(place as f64), call.arg(call.len() - 1))?;
    Ok(Ret::None)
}

/// Moves what is behind a place up by one. Since that may lie far below the first element, it can take long.
struct Insertion {
    /// The place that is free.
    at: i64,
    place: i64,
}

impl Insertion {
    /// Returns `None` when the fuel is spent.
    fn go(&mut self, call: &mut Call<'_>, table: TableId) -> Result<Option<Ret>, Fault> {
        while self.at > self.place {
            if call.vm.heap.fuel < 0 {
                return Ok(None);
            }
            call.vm.heap.fuel -= 1;
            let value = call.get(table, Value::Number((self.at - 1) as f64));
            call.set(table, Value::Number(self.at as f64), value)?;
            self.at -= 1;
        }
        call.set(table, Value::Number(self.place as f64), call.arg(2))?;
        Ok(Some(Ret::None))
    }
}

impl Task for Insertion {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        call.pop(results);
        let table = call.table_arg(0)?;
        Ok(self.go(call, table)?.unwrap_or_else(|| Ret::more(Then::Pause(None))))
    }
}

fn remove(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let table = call.table_arg(0)?;
    let end = call.len_of(table) as i64;
    let place = if call.arg(1).is_nil() { end } else { i64::from(call.int(1)? as i32) };
    if place < 1 || place > end {
        return Ok(Ret::None);
    }
    call.check_writable(table)?;
    let value = call.get(table, Value::Number(place as f64));
    call.vm.heap.fuel -= (end - place) / 2;
    for at in place..end {
        let next = call.get(table, Value::Number((at + 1) as f64));
        call.set(table, Value::Number(at as f64), next)?;
    }
    call.set(table, Value::Number(end as f64), Value::Nil)?;
    Ok(Ret::One(value))
}

fn function_arg(call: &mut Call<'_>, i: usize) -> Result<Value, Fault> {
    match call.arg(i) {
        function @ (Value::Closure(_) | Value::Native(_)) => Ok(function),
        _ => Err(call.type_error(i, "function")),
    }
}

fn foreach(call: &mut Call<'_>) -> Result<Ret, Fault> {
    call.table_arg(0)?;
    function_arg(call, 1)?;
    Each { key: Value::Nil, listed: false }.next(call)
}

fn foreachi(call: &mut Call<'_>) -> Result<Ret, Fault> {
    call.table_arg(0)?;
    function_arg(call, 1)?;
    Each { key: Value::Number(0.0), listed: true }.next(call)
}

/// Calls a function for each entry, until it returns something.
struct Each {
    key: Value,
    listed: bool,
}

impl Each {
    fn next(mut self, call: &mut Call<'_>) -> Result<Ret, Fault> {
        if !self.advance(call)? { Ok(Ret::None) } else { Ok(Ret::call(2, Box::new(self))) }
    }

    /// Pushes a call for the next entry, if there is one. The key is kept alive by the table.
    fn advance(&mut self, call: &mut Call<'_>) -> Result<bool, Fault> {
        let table = call.table_arg(0)?;
        let (key, value) = if self.listed {
            let Value::Number(last) = self.key else { return Ok(false) };
            if last >= call.len_of(table) as f64 {
                return Ok(false);
            }
            let key = Value::Number(last + 1.0);
            (key, call.get(table, key))
        } else {
            let entries = call.vm.heap.table(table);
            let Some(place) = entries.place_after(self.key) else {
                return Err(call.plain_error("invalid key to 'next'"));
            };
            let Some((_, key, value)) = entries.entry_from(place) else { return Ok(false) };
            (key, value)
        };
        self.key = key;
        for pushed in [call.arg(1), key, value] {
            call.push(pushed)?;
        }
        Ok(true)
    }
}

impl Task for Each {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        let first = if results > 0 { call.pushed(results - 1) } else { Value::Nil };
        call.pop(results);
        if !first.is_nil() {
            return Ok(Ret::One(first));
        }
        if self.advance(call)? { Ok(Ret::call_again(2)) } else { Ok(Ret::None) }
    }
}
