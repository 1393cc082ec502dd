//! Libraries of functions: loaded once, called by name.

use crate::base::bytes::Bytes;
use crate::base::sort;
use crate::engine::interpreter::{Library, LibraryFunction};
use crate::lua::{self, Fault, Limits, Lua, OutOfMemory, Outcome, Outside, Ret, TableId, Value};
use crate::resp::{Args, Error, Result, split_line};

use super::bridge::{self, REGISTER_FUNCTION, thrown};
use super::convert;
use super::shebang::Flags;

const NAME: &[u8] = b"@user_function";
/// Instructions that loading a library may take.
const LOADING: u64 = 5_000_000;

/// All libraries, and the functions in them.
pub(super) struct Libraries {
    lua: Lua,
    /// The globals while a library is loaded.
    loading: TableId,
    limits: Limits,
    /// The keyspace's number for them.
    pub version: u64,
    /// By name.
    all: Vec<Library>,
    /// By name.
    functions: Vec<Registered>,
}

/// A function that a library has registered.
#[derive(Clone)]
pub(super) struct Registered {
    name: Bytes,
    pub flags: Flags,
    description: Option<Bytes>,
    library: Bytes,
    callback: Value,
}

impl Libraries {
    pub fn new(limits: Limits) -> Self {
        let (lua, loading) = new_lua(limits);
        Self { lua, loading, limits, version: 0, all: vec![], functions: vec![] }
    }

    pub fn lua(&mut self) -> &mut Lua {
        &mut self.lua
    }

    pub fn limit_memory(&mut self, bytes: usize) {
        self.limits.memory = bytes;
        self.lua.limit_memory(bytes);
    }

    pub fn memory(&self) -> usize {
        self.lua.memory()
    }

    pub fn all(&self) -> &[Library] {
        &self.all
    }

    /// Returns the function of this name.
    pub fn function(&self, name: &[u8]) -> Result<&Registered> {
        let found = self.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name));
        found.ok_or(Error::Text("ERR Function not found"))
    }

    /// Prepares a call of the function of this name.
    pub fn start(&mut self, name: &[u8], keys: Args<'_>, args: Args<'_>) -> Result<(), OutOfMemory> {
        self.lua.make_room();
        let callback = self.function(name).map_or(Value::Nil, |function| function.callback);
        let keys = convert::list(&mut self.lua, keys)?;
        let args = convert::list(&mut self.lua, args)?;
        self.lua.call(callback, &[keys, args])
    }

    /// Loads a library; returns its name.
    pub fn load(&mut self, code: &[u8], replace: bool) -> Result<Bytes> {
        let (name, body) = metadata(code)?;
        let known = self.all.binary_search_by(|library| (*library.name).cmp(&name));
        if known.is_ok() && !replace {
            let name = String::from_utf8_lossy(&name).into_owned();
            return Err(Error::said(format!("ERR Library '{name}' already exists")));
        }
        let mut loading = Loading { name: name.clone(), found: vec![] };
        self.run(body, &mut loading)?;
        if loading.found.is_empty() {
            return Err(Error::Text("ERR No functions registered"));
        }
        for new in &loading.found {
            if self.functions.iter().any(|old| old.name == new.name && old.library != name) {
                let name = String::from_utf8_lossy(&new.name).into_owned();
                self.unpin(&loading.found);
                return Err(Error::said(format!("ERR Function {name} already exists")));
            }
        }
        self.remove(&name);
        let library = Library { name: name.clone(), code: code.into(), functions: describe(&loading.found) };
        let at = self.all.partition_point(|other| other.name < name);
        self.all.insert(at, library);
        self.functions.append(&mut loading.found);
        sort::sort_by(&mut self.functions, |a, b| a.name.cmp(&b.name));
        Ok(name)
    }

    /// Runs a library's code, which sees nothing of what its functions will but the library `redis`, and less of that.
    fn run(&mut self, body: &[u8], loading: &mut Loading) -> Result {
        self.lua.make_room();
        let globals = self.lua.swap_globals(self.loading);
        let result = self.run_body(body, loading);
        self.lua.swap_globals(globals);
        result
    }

    fn run_body(&mut self, body: &[u8], loading: &mut Loading) -> Result {
        let function = self
            .lua
            .load(body, NAME)
            .map_err(|why| Error::said([b"ERR Error compiling function: ", &*why].concat()))?;
        let started = self.lua.start(function, &[]);
        started.map_err(|_| Error::Text("ERR not enough memory for the library"))?;
        let outcome = self.lua.run(LOADING, loading);
        let result = match outcome {
            Outcome::Done(_) => Ok(()),
            Outcome::Paused => Err(Error::Text("ERR FUNCTION LOAD timeout")),
            Outcome::Failed(failure) => {
                let text = super::message(&mut self.lua, failure.value);
                Err(Error::said([b"ERR Error registering functions: ", &*text].concat()))
            }
        };
        self.lua.stop();
        self.lua.unload(function);
        if result.is_err() {
            self.unpin(&loading.found);
        }
        result
    }

    /// Forgets a library; returns whether there was one of this name.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let was_there = self.remove(name);
        if self.all.is_empty() {
            (self.lua, self.loading) = new_lua(self.limits);
        }
        was_there
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Ok(at) = self.all.binary_search_by(|library| (*library.name).cmp(name)) else { return false };
        self.all.remove(at);
        let gone: Vec<_> = self.functions.extract_if(.., |function| &*function.library == name).collect();
        self.unpin(&gone);
        true
    }

    fn unpin(&mut self, functions: &[Registered]) {
        for function in functions {
            self.lua.unpin(function.callback);
        }
    }
}

fn describe(functions: &[Registered]) -> Vec<LibraryFunction> {
    let describe = |function: &Registered| LibraryFunction {
        name: function.name.clone(),
        description: function.description.clone(),
        flags: function.flags.names(),
    };
    functions.iter().map(describe).collect()
}

/// Returns an interpreter, and the globals of code that is being loaded.
fn new_lua(limits: Limits) -> (Lua, TableId) {
    let made = Lua::new(limits).and_then(|mut lua| {
        bridge::open(&mut lua, bridge::is_for_functions)?;
        let redis = bridge::open_for_loading(&mut lua)?;
        let loading = lua.new_table(0, 1)?;
        lua.set_name(loading, "redis", Value::Table(redis))?;
        lua.pin(Value::Table(loading));
        lua.seal()?;
        lua.guard(redis);
        lua.guard(loading);
        Ok((lua, loading))
    });
    made.expect("the limit has room for the libraries")
}

/// Reads a library's first line: returns its name, and the rest with as many lines as before.
fn metadata(code: &[u8]) -> Result<(Bytes, &[u8])> {
    if !code.starts_with(b"#!") {
        return Err(Error::Text("ERR Missing library metadata"));
    }
    let end =
        code.iter().position(|byte| *byte == b'\n').ok_or(Error::Text("ERR Invalid library metadata"))?;
    let words = split_line(&code[..end]).ok_or(Error::Text("ERR Invalid library metadata"))?;
    let (engine, words) = words.split_first().ok_or(Error::Text("ERR Invalid library metadata"))?;
    let engine = &engine[2..];
    if !engine.eq_ignore_ascii_case(b"lua") {
        let engine = String::from_utf8_lossy(engine);
        return Err(Error::said(format!("ERR Engine '{engine}' not found")));
    }
    let mut name = None;
    for word in words {
        let Some(value) = word.strip_prefix(b"name=") else {
            let word = String::from_utf8_lossy(word);
            return Err(Error::said(format!("ERR Invalid metadata value given: {word}")));
        };
        if name.replace(value).is_some() {
            return Err(Error::Text("ERR Invalid metadata value, name argument was given multiple times"));
        }
    }
    let name = name.ok_or(Error::Text("ERR Library name was not given"))?;
    if !is_name(name) {
        return Err(Error::Text(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ));
    }
    Ok((Bytes::from(name), &code[end..]))
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// A library while its code runs.
struct Loading {
    name: Bytes,
    found: Vec<Registered>,
}

impl Outside for Loading {
    fn call(&mut self, function: u32, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        if function != REGISTER_FUNCTION {
            return bridge::plain(function, lua);
        }
        match self.register(lua) {
            Ok(()) => Ok(Ret::None),
            Err(Refused::Text(text)) => Err(thrown(lua, text)),
            Err(Refused::Fault(fault)) => Err(fault),
        }
    }
}

enum Refused {
    Text(&'static str),
    Fault(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused::Fault(fault)
    }
}

impl Loading {
    fn register(&mut self, lua: &mut lua::Call<'_>) -> Result<(), Refused> {
        let new = match (lua.len(), lua.arg(0)) {
            (1, Value::Table(_)) => self.named(lua)?,
            (1, _) => {
                return Err(Refused::Text(
                    "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
                ));
            }
            (2, name) => {
                let name = lua.text(name);
                let name = name
                    .ok_or(Refused::Text("ERR first argument to redis.register_function must be a string"))?;
                self.new_function(name.into(), lua.arg(1))?
            }
            _ => return Err(Refused::Text("ERR wrong number of arguments to redis.register_function")),
        };
        if !is_name(&new.name) {
            return Err(Refused::Text(
                "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ));
        }
        if self.found.iter().any(|other| other.name == new.name) {
            return Err(Refused::Text("ERR Function already exists in the library"));
        }
        lua.keep(new.callback)?;
        self.found.push(new);
        Ok(())
    }

    fn new_function(&self, name: Bytes, callback: Value) -> Result<Registered, Refused> {
        if !matches!(callback, Value::Closure(_) | Value::Native(_)) {
            return Err(Refused::Text("ERR second argument to redis.register_function must be a function"));
        }
        let library = self.name.clone();
        Ok(Registered { name, flags: Flags::default(), description: None, library, callback })
    }

    /// Reads the one table of named arguments.
    fn named(&self, lua: &mut lua::Call<'_>) -> Result<Registered, Refused> {
        let Value::Table(table) = lua.arg(0) else { unreachable!("the caller has looked") };
        let entries: Vec<(Value, Value)> = lua.entries(table);
        let (mut name, mut callback, mut flags, mut description) = (None, None, Flags::default(), None);
        for (key, value) in entries {
            let Some(key) = lua.text(key) else {
                return Err(Refused::Text(
                    "ERR named argument key given to redis.register_function is not a string",
                ));
            };
            match (&key.to_ascii_lowercase()[..], value) {
                (b"function_name", value) => {
                    let text = lua.text(value).ok_or(Refused::Text(
                        "ERR function_name argument given to redis.register_function must be a string",
                    ))?;
                    name = Some(Bytes::from(text));
                }
                (b"description", value) => {
                    let text = lua.text(value).ok_or(Refused::Text(
                        "ERR description argument given to redis.register_function must be a string",
                    ))?;
                    description = Some(Bytes::from(text));
                }
                (b"callback", Value::Closure(_) | Value::Native(_)) => callback = Some(value),
                (b"callback", _) => {
                    return Err(Refused::Text(
                        "ERR callback argument given to redis.register_function must be a function",
                    ));
                }
                (b"flags", Value::Table(list)) => {
                    let mut i = 1;
                    while let value = lua.get_int(list, i)
                        && !value.is_nil()
                    {
                        let known = matches!(value, Value::Str(id) if flags.set(lua.bytes(id)));
                        if !known {
                            return Err(Refused::Text("ERR unknown flag given"));
                        }
                        i += 1;
                    }
                }
                (b"flags", _) => {
                    return Err(Refused::Text(
                        "ERR flags argument to redis.register_function must be a table representing function flags",
                    ));
                }
                _ => return Err(Refused::Text("ERR unknown argument given to redis.register_function")),
            }
        }
        let name =
            name.ok_or(Refused::Text("ERR redis.register_function must get a function name argument"))?;
        let callback =
            callback.ok_or(Refused::Text("ERR redis.register_function must get a callback argument"))?;
        Ok(Registered { flags, description, ..self.new_function(name, callback)? })
    }
}
