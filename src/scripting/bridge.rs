//! The library `redis` of scripts.

use crate::base::checksum::sha1_hex;
use crate::engine::request::Request;
use crate::engine::session::Turn;
use crate::engine::{Call, REDIS_VERSION, dispatch};
use crate::lua::{self, Fault, Lua, OutOfMemory, Outside, Ret, TableId, Value};
use crate::resp::{Args, Error, OwnedArgs, Protocol, Reader, Reply};
use crate::spec::Flags;

use super::{Run, convert};

/// What the library's functions are called and numbered.
const FUNCTIONS: [(&str, Do); 13] = [
    ("call", Do::Call),
    ("pcall", Do::ProtectedCall),
    ("error_reply", Do::ErrorReply),
    ("status_reply", Do::StatusReply),
    ("sha1hex", Do::Sha1Hex),
    ("log", Do::Log),
    ("setresp", Do::SetResp),
    ("set_repl", Do::SetReplication),
    ("replicate_commands", Do::ReplicateCommands),
    ("breakpoint", Do::Breakpoint),
    ("debug", Do::Debug),
    ("acl_check_cmd", Do::CheckAcl),
    ("register_function", Do::RegisterFunction),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Do {
    Call,
    ProtectedCall,
    ErrorReply,
    StatusReply,
    Sha1Hex,
    Log,
    SetResp,
    SetReplication,
    ReplicateCommands,
    Breakpoint,
    Debug,
    CheckAcl,
    RegisterFunction,
}

/// The number of `redis.register_function`, which only libraries being loaded have.
pub(super) const REGISTER_FUNCTION: u32 = FUNCTIONS.len() as u32 - 1;

/// Which readers of the log get what the script does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Replication(u8);

impl Replication {
    const AOF: u8 = 1;
    const REPLICA: u8 = 2;
}

impl Default for Replication {
    fn default() -> Self {
        Self(Self::AOF | Self::REPLICA)
    }
}

/// Tells whether functions of libraries have what scripts have under this name.
pub(super) fn is_for_functions(name: &str) -> bool {
    !matches!(name, "replicate_commands" | "breakpoint" | "debug")
}

/// Makes the library, with those of its functions that `has` says.
pub(super) fn open(lua: &mut Lua, has: fn(&str) -> bool) -> Result<(), OutOfMemory> {
    let table = lua.new_table(0, 32)?;
    let globals = lua.globals();
    lua.set_name(globals, "redis", Value::Table(table))?;
    for (i, (name, what)) in FUNCTIONS.iter().enumerate() {
        if *what != Do::RegisterFunction && has(name) {
            let function = lua.outside(i as u32)?;
            lua.set_name(table, name, function)?;
        }
    }
    describe(lua, table)?;
    let numbers = [
        ("REPL_NONE", 0),
        ("REPL_AOF", Replication::AOF.into()),
        ("REPL_SLAVE", Replication::REPLICA.into()),
        ("REPL_REPLICA", Replication::REPLICA.into()),
        ("REPL_ALL", 3),
    ];
    for (name, number) in numbers {
        lua.set_name(table, name, Value::Number(number.into()))?;
    }
    Ok(())
}

/// Makes the library as libraries of functions have it while they are loaded.
pub(super) fn open_for_loading(lua: &mut Lua) -> Result<TableId, OutOfMemory> {
    let table = lua.new_table(0, 16)?;
    for (i, (name, what)) in FUNCTIONS.iter().enumerate() {
        if matches!(what, Do::RegisterFunction | Do::Log) {
            let function = lua.outside(i as u32)?;
            lua.set_name(table, name, function)?;
        }
    }
    describe(lua, table)?;
    Ok(table)
}

/// Adds the version, and the levels of logs.
fn describe(lua: &mut Lua, table: TableId) -> Result<(), OutOfMemory> {
    let version = lua.string(REDIS_VERSION.as_bytes())?;
    lua.set_name(table, "REDIS_VERSION", version)?;
    let parts = REDIS_VERSION.split('.').map(|part| part.parse().unwrap_or(0u32));
    let number = parts.fold(0, |number, part| number << 8 | part);
    let numbers = [
        ("REDIS_VERSION_NUM", number),
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
    ];
    for (name, number) in numbers {
        lua.set_name(table, name, Value::Number(number.into()))?;
    }
    Ok(())
}

/// Carries out what a script asks for, on behalf of its caller.
pub(super) struct Bridge<'a, 'c> {
    call: &'a mut Call<'c>,
    run: &'a mut Run,
    args: OwnedArgs,
    reply: Vec<u8>,
}

impl<'a, 'c> Bridge<'a, 'c> {
    pub fn new(call: &'a mut Call<'c>, run: &'a mut Run) -> Self {
        Self { call, run, args: OwnedArgs::default(), reply: vec![] }
    }

    /// Runs a command; an error is thrown, or returned as a table.
    fn command(&mut self, lua: &mut lua::Call<'_>, protected: bool) -> Result<Ret, Fault> {
        if let Err(text) = self.arguments(lua) {
            let error = convert::field(lua, "err", text.as_bytes())?;
            return if protected { Ok(Ret::One(error)) } else { Err(Fault::Value(error)) };
        }
        if let Err(error) = &self.dispatch() {
            self.call.shared.measure.error(error);
            self.reply.clear();
            Reply::new(&mut self.reply, Protocol::Resp2).error(error);
        }
        lua.work(self.reply.len());
        let is_error = self.reply.first() == Some(&b'-');
        let null = if self.run.protocol == Protocol::Resp2 { Value::Bool(false) } else { Value::Nil };
        let value = convert::value(lua, &mut Reader::new(&self.reply), null)?;
        if is_error && let Value::Table(table) = value {
            lua.set_name(table, "ignore_error_stats_update", Value::Bool(true))?;
            if !protected {
                return Err(Fault::Value(value));
            }
        }
        Ok(Ret::One(value))
    }

    fn arguments(&mut self, lua: &lua::Call<'_>) -> Result<(), &'static str> {
        self.args.clear();
        if lua.is_empty() {
            return Err("ERR Please specify at least one argument for this redis lib call");
        }
        for i in 0..lua.len() {
            if !convert::push_argument(lua, lua.arg(i), &mut self.args) {
                return Err("ERR Lua redis lib command arguments must be strings or integers");
            }
        }
        Ok(())
    }

    fn dispatch(&mut self) -> crate::resp::Result {
        let args = self.args.as_args();
        let flags = admit(self.call, args, self.run)?;
        self.reply.clear();
        let changes = self.call.db.effects.dirty();
        let before = std::mem::replace(&mut self.call.session.turn, Turn::Script);
        {
            let mut nested = self.call.nested_into(args, Reply::new(&mut self.reply, self.run.protocol));
            dispatch(&mut nested);
        }
        self.call.session.turn = before;
        self.run.wrote |= flags.has(Flags::WRITE) && self.call.db.effects.dirty() != changes;
        Ok(())
    }

    fn set_resp(&mut self, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        if lua.len() != 1 {
            return Err(thrown(lua, "ERR redis.setresp() requires one argument."));
        }
        self.run.protocol = match lua.int(0) {
            Ok(2) => Protocol::Resp2,
            Ok(3) => Protocol::Resp3,
            _ => return Err(thrown(lua, "ERR RESP version must be 2 or 3.")),
        };
        Ok(Ret::None)
    }

    fn set_replication(&mut self, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        if lua.len() != 1 {
            return Err(thrown(lua, "ERR redis.set_repl() requires two arguments."));
        }
        // What is no number is none of them.
        let flags = lua.int(0).unwrap_or(0);
        let Some(flags) = u8::try_from(flags).ok().filter(|flags| *flags <= 3) else {
            let text = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
            return Err(thrown(lua, text));
        };
        self.run.replication = Replication(flags);
        if flags == 0 {
            self.call.db.effects.mute();
        } else {
            self.call.db.effects.unmute();
        }
        Ok(Ret::None)
    }

    fn log(&mut self, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        let (level, text) = logged(lua)?;
        if level >= 2.0 {
            let text = String::from_utf8_lossy(&text).into_owned();
            self.call.shared.requests.push(Request::Warn(text));
        }
        Ok(Ret::None)
    }

    fn check_acl(&mut self, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        if let Err(text) = self.arguments(lua) {
            return Err(thrown(lua, text));
        }
        let args = self.args.as_args();
        let shared = &*self.call.shared;
        match shared.table.find(args) {
            Some(place) => {
                let allowed = shared.acl.check(self.call.session.user, &shared.table, place, args).is_ok();
                Ok(Ret::One(Value::Bool(allowed)))
            }
            None => Err(thrown(lua, "ERR Invalid command passed to redis.acl_check_cmd()")),
        }
    }
}

impl Outside for Bridge<'_, '_> {
    fn call(&mut self, function: u32, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
        match FUNCTIONS[function as usize].1 {
            Do::Call => self.command(lua, false),
            Do::ProtectedCall => self.command(lua, true),
            Do::Log => self.log(lua),
            Do::SetResp => self.set_resp(lua),
            Do::SetReplication => self.set_replication(lua),
            Do::CheckAcl => self.check_acl(lua),
            _ => plain(function, lua),
        }
    }
}

/// Reads what is to be logged, and at which level.
fn logged(lua: &mut lua::Call<'_>) -> Result<(f64, Vec<u8>), Fault> {
    if lua.len() < 2 {
        return Err(thrown(lua, "ERR redis.log() requires two arguments or more."));
    }
    let Ok(level) = lua.number(0) else {
        return Err(thrown(lua, "ERR First argument must be a number (log level)."));
    };
    if !(0.0..4.0).contains(&level) {
        return Err(thrown(lua, "ERR Invalid debug level."));
    }
    let words: Vec<Vec<u8>> = (1..lua.len()).filter_map(|i| lua.text(lua.arg(i))).collect();
    Ok((level, words.join(&b' ')))
}

/// Carries out what needs no caller.
pub(super) fn plain(function: u32, lua: &mut lua::Call<'_>) -> Result<Ret, Fault> {
    match FUNCTIONS[function as usize].1 {
        // Nobody is there whom it could be told.
        Do::Log => logged(lua).map(|_| Ret::None),
        Do::ErrorReply => one_field(lua, "err"),
        Do::StatusReply => one_field(lua, "ok"),
        Do::Sha1Hex => {
            if lua.len() != 1 {
                return Err(thrown(lua, "ERR wrong number of arguments"));
            }
            let text = lua.text(lua.arg(0)).unwrap_or_default();
            lua.work(text.len());
            Ok(Ret::One(lua.string(&sha1_hex(&text))?))
        }
        Do::ReplicateCommands => Ok(Ret::One(Value::Bool(true))),
        Do::Breakpoint => Ok(Ret::One(Value::Bool(false))),
        Do::Debug => Ok(Ret::None),
        Do::Call | Do::ProtectedCall => {
            Err(thrown(lua, "ERR redis.call/pcall can only be called inside a script invocation"))
        }
        Do::RegisterFunction => {
            Err(thrown(lua, "ERR redis.register_function can only be called on FUNCTION LOAD command"))
        }
        _ => Err(thrown(lua, "ERR this function can only be called inside a script invocation")),
    }
}

fn one_field(lua: &mut lua::Call<'_>, name: &str) -> Result<Ret, Fault> {
    let (Value::Str(id), 1) = (lua.arg(0), lua.len()) else {
        return Ok(Ret::One(convert::field(lua, "err", b"ERR wrong number or type of arguments")?));
    };
    let text = lua.bytes(id);
    let text = if name == "err" { with_code(text) } else { text.to_vec() };
    Ok(Ret::One(convert::field(lua, name, &text)?))
}

/// Returns the text of an error as Redis takes it, up to a zero byte: a single word gets a code in front of it, and line
/// breaks at its ends are left out.
fn with_code(text: &[u8]) -> Vec<u8> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let trim = |text: &mut &[u8]| {
        while let Some(rest) = text.split_last().filter(|(last, _)| is_break(last)) {
            *text = rest.1;
        }
    };
    let mut text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    text = text.strip_prefix(b"-").unwrap_or(text);
    trim(&mut text);
    let (code, mut rest) = match text.iter().position(|byte| *byte == b' ') {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => (&b"ERR"[..], text),
    };
    while let Some((first, tail)) = rest.split_first().filter(|(first, _)| is_break(first)) {
        (_, rest) = (first, tail);
    }
    [code, b" ", rest].concat()
}

/// Returns the error that is thrown as a table.
pub(super) fn thrown(lua: &mut lua::Call<'_>, text: &str) -> Fault {
    convert::field(lua, "err", text.as_bytes()).map_or_else(|fault| fault, Fault::Value)
}

/// Returns the flags of the command that a script may run now.
fn admit(call: &mut Call<'_>, args: Args<'_>, run: &Run) -> crate::resp::Result<Flags> {
    let place = call.shared.table.find(args);
    let place = place.ok_or(Error::Text("ERR Unknown Redis command called from script"))?;
    let result = allow(call, place, args, run);
    if result.is_err() {
        call.shared.table.stats(place).rejected += 1;
    }
    result
}

fn allow(call: &Call<'_>, place: usize, args: Args<'_>, run: &Run) -> crate::resp::Result<Flags> {
    let known = call.shared.table.at(place);
    let flags = known.command.spec.flags;
    let is_container = !known.subcommands.is_empty();
    if is_container && args.len() > 1 {
        return Err(Error::Text("ERR Unknown Redis command called from script"));
    }
    if !known.command.spec.shape.admits(args.len()) {
        return Err(Error::Text("ERR Wrong number of args calling Redis command from script"));
    }
    if flags.has(Flags::NOSCRIPT) && !call.shared.unbridled_scripts {
        return Err(Error::Text("ERR This Redis command is not allowed from script"));
    }
    if flags.any(Flags::WRITE.or(Flags::MAY_REPLICATE)) && run.flags.no_writes {
        return Err(Error::Text("ERR Write commands are not allowed from read-only scripts."));
    }
    if flags.has(Flags::WRITE)
        && !run.wrote
        && let Some(error) = call.shared.refuses_writes_of(call.session, call.db.now)
    {
        return Err(error);
    }
    if !flags.has(Flags::STALE) && !call.session.is_obeyed() && call.shared.is_stale() {
        return Err(Error::Text("ERR Can not execute the command on a stale replica"));
    }
    // A script that has begun to write may go on.
    if call.shared.out_of_memory && flags.has(Flags::DENYOOM) && !run.flags.allow_oom && !run.wrote {
        return Err(Error::Text("OOM command not allowed when used memory > 'maxmemory'."));
    }
    Ok(flags)
}
