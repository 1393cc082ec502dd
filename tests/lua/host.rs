//! A stand-in for Redis around the bare interpreter: a few commands over strings, and answers as text.

use std::collections::BTreeMap;

use redlet::lua::{Call, Failure, Fault, Limits, Lua, Outcome, Outside, Ret, StrId, Value};

const CALL: u32 = 0;
const PCALL: u32 = 1;
const ERROR_REPLY: u32 = 2;
const STATUS_REPLY: u32 = 3;
const SHA1_HEX: u32 = 4;

/// Strings by key.
#[derive(Default)]
pub struct Host(BTreeMap<Vec<u8>, Vec<u8>>);

impl Outside for Host {
    fn call(&mut self, function: u32, call: &mut Call<'_>) -> Result<Ret, Fault> {
        match function {
            CALL | PCALL => {
                let reply = self.command(call)?;
                match reply {
                    Err(text) => {
                        let table = error(call, &text)?;
                        if function == CALL { Err(Fault::Value(table)) } else { Ok(Ret::One(table)) }
                    }
                    Ok(value) => Ok(Ret::One(value)),
                }
            }
            SHA1_HEX => match call.len() {
                1 => {
                    let id = call.str(0)?;
                    let hex = redlet::base::checksum::sha1_hex(call.bytes(id));
                    Ok(Ret::One(call.string(&hex)?))
                }
                _ => {
                    let table = error(call, "ERR wrong number of arguments")?;
                    Err(Fault::Value(table))
                }
            },
            ERROR_REPLY | STATUS_REPLY => {
                let field = if function == ERROR_REPLY { "err" } else { "ok" };
                let table = call.table(0, 1)?;
                call.set_name(table, field, call.arg(0))?;
                Ok(Ret::One(Value::Table(table)))
            }
            _ => Ok(Ret::One(Value::Nil)),
        }
    }
}

fn error(call: &mut Call<'_>, text: &str) -> Result<Value, Fault> {
    let table = call.table(0, 1)?;
    let text = call.string(text.as_bytes())?;
    call.set_name(table, "err", text)?;
    Ok(Value::Table(table))
}

impl Host {
    /// Runs a command of which a few are known. Numbers are arguments as Redis prints them.
    fn command(&mut self, call: &mut Call<'_>) -> Result<Result<Value, String>, Fault> {
        let mut args = vec![];
        for i in 0..call.len() {
            args.push(match call.arg(i) {
                Value::Number(number) => redlet::base::number::format_float(number).to_vec(),
                value => call.text(value).unwrap_or_default(),
            });
        }
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let Some((name, rest)) = args.split_first() else { return Ok(Err("ERR no command".into())) };
        Ok(Ok(match (&*name.to_ascii_uppercase(), rest) {
            (b"SET", [key, value]) => {
                self.0.insert(key.to_vec(), value.to_vec());
                let table = call.table(0, 1)?;
                let ok = call.string(b"OK")?;
                call.set_name(table, "ok", ok)?;
                Value::Table(table)
            }
            (b"GET", [key]) => match self.0.get(*key) {
                Some(value) => call.string(value)?,
                None => Value::Bool(false),
            },
            (b"INCR", [key]) => {
                let old = self.0.get(*key).and_then(|text| String::from_utf8_lossy(text).parse().ok());
                let new = old.unwrap_or(0i64) + 1;
                self.0.insert(key.to_vec(), new.to_string().into());
                Value::Number(new as f64)
            }
            (b"ECHO", [text]) => call.string(text)?,
            (b"STUB", []) => Value::Number(1.0),
            _ => return Ok(Err("ERR Wrong number of args calling Redis command from script".into())),
        }))
    }
}

/// Makes an interpreter with `redis`, `KEYS` and `ARGV`, sealed.
pub fn interpreter(memory: usize) -> Lua {
    let mut lua = Lua::new(Limits { memory, seed: 1 }).expect("room for the libraries");
    let redis = lua.new_table(0, 8).expect("room");
    let functions = [
        ("call", CALL),
        ("pcall", PCALL),
        ("error_reply", ERROR_REPLY),
        ("status_reply", STATUS_REPLY),
        ("sha1hex", SHA1_HEX),
    ];
    for (name, number) in functions {
        let function = lua.outside(number).expect("room");
        lua.set_name(redis, name, function).expect("room");
    }
    let globals = lua.globals();
    lua.set_name(globals, "redis", Value::Table(redis)).expect("room");
    lua.seal().expect("room");
    let lists: [(&str, &[&[u8]]); 2] =
        [("KEYS", &[b"k1", b"k2"]), ("ARGV", &[b"a1", b"2", b"bin\0\xff\r\n\x80"])];
    for (name, list) in lists {
        let table = lua.new_table(list.len(), 0).expect("room");
        for (i, text) in list.iter().enumerate() {
            let text = lua.string(text).expect("room");
            lua.set(table, Value::Number((i + 1) as f64), text).expect("room");
        }
        lua.set_name(globals, name, Value::Table(table)).expect("room");
    }
    lua
}

/// How a script ends.
pub enum End {
    /// With an answer or an error, as text.
    Answer(String),
    /// Without having come to an end.
    Spent,
}

/// Runs a script in slices of a budget.
pub fn run(lua: &mut Lua, source: &[u8], slice: u64, slices: usize) -> End {
    let function = match lua.load(source, b"@user_script") {
        Ok(function) => function,
        Err(text) => {
            return End::Answer(format!("-ERR Error compiling script (new function): {}", escape(&text)));
        }
    };
    let mut host = Host::default();
    lua.start(function, &[]).expect("room");
    let mut end = End::Spent;
    for _ in 0..slices {
        match lua.run(slice, &mut host) {
            Outcome::Paused => continue,
            Outcome::Done(values) => {
                end = End::Answer(answer(lua, values.first().copied().unwrap_or(Value::Nil)));
            }
            Outcome::Failed(Failure { value, .. }) => end = End::Answer(failure(lua, value)),
        }
        break;
    }
    lua.unload(function);
    end
}

fn failure(lua: &Lua, value: Value) -> String {
    match value {
        Value::Str(id) => format!("-ERR {}", text(lua, id)),
        Value::Table(_) => answer(lua, value),
        value => format!("-ERR {}", value.type_name()),
    }
}

fn text(lua: &Lua, id: StrId) -> String {
    escape(lua.bytes(id))
}

fn answer(lua: &Lua, value: Value) -> String {
    match value {
        Value::Number(number) => {
            let in_range = number > i64::MIN as f64 && number < i64::MAX as f64;
            format!(":{}", if in_range { number as i64 } else { i64::MIN })
        }
        Value::Str(id) => format!("${}", text(lua, id)),
        Value::Bool(true) => ":1".into(),
        Value::Table(table) => {
            let table = lua.table(table);
            for (field, sign) in [("err", '-'), ("ok", '+')] {
                for (key, value) in table.entries() {
                    if let (Value::Str(key), Value::Str(value)) = (key, value)
                        && lua.bytes(key) == field.as_bytes()
                    {
                        return format!("{sign}{}", text(lua, value));
                    }
                }
            }
            let items = (1..).map(|i| table.get_int(i)).take_while(|value| !value.is_nil());
            let items: Vec<String> = items.map(|value| answer(lua, value)).collect();
            format!("[{}]", items.join("|"))
        }
        _ => "_".into(),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            32..127 if *byte != b'\\' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}
