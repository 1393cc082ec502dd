//! Lua behind EVAL and FCALL: what scripts are, how they reach commands, and what becomes of their results.

mod bridge;
mod convert;
mod library;
mod shebang;

use crate::base::bytes::Bytes;
use crate::base::checksum::sha1_hex;
use crate::base::number;
use crate::base::sort;
use crate::engine::Call;
use crate::engine::interpreter::{Busy, Interpreter, Library, NO_SCRIPT, Script, Source};
use crate::lua::{Failure, Function, Limits, Lua, OutOfMemory, Outcome, StrId, Value};
use crate::resp::{Args, Error, Protocol, Result};
use crate::spec;

use bridge::{Bridge, Replication};
use library::Libraries;
use shebang::Flags;

/// Instructions that a script runs before others may be looked after.
const SLICE: u64 = 200_000;
/// Instructions of a script that can't be interrupted: it is part of a transaction, or who calls can't wait.
const UNINTERRUPTED: u64 = 2_000_000_000;
const NAME: &[u8] = b"@user_script";
/// What scripts that were only run may take of the limit of memory, so that there is room to run some.
const KEPT_PART: usize = 8;

/// Every script and library, and the one that runs.
pub struct Scripting {
    lua: Lua,
    limits: Limits,
    /// Sorted by digest.
    scripts: Vec<([u8; 40], Kept)>,
    /// How often any of them was run.
    runs: u64,
    /// With so much memory in use there may be too many of them.
    crowded_at: usize,
    libraries: Libraries,
    run: Option<Run>,
}

/// A script that can be run again.
struct Kept {
    function: Function,
    flags: Flags,
    /// SCRIPT LOAD has asked to keep it.
    loaded: bool,
    /// Which of all runs was its last one.
    last_run: u64,
}

/// What is known of the script that runs, besides what Lua knows.
struct Run {
    /// Its digest, or the function's name.
    name: Bytes,
    is_function: bool,
    flags: Flags,
    /// The protocol of the replies that it gets.
    protocol: Protocol,
    replication: Replication,
    /// The caller's database: SELECT holds for the script alone.
    db: u32,
    wrote: bool,
}

impl Scripting {
    /// Makes an interpreter. `seed` is unknown to clients.
    pub fn new(seed: u64) -> Self {
        let limits = Limits { memory: 256 << 20, seed };
        let (lua, libraries) = (new_lua(limits), Libraries::new(limits));
        let crowded_at = limits.memory / KEPT_PART;
        Self { lua, limits, scripts: vec![], runs: 0, crowded_at, libraries, run: None }
    }

    /// Returns the place of a script, which is compiled if it is not there yet.
    fn compiled(&mut self, code: &[u8]) -> Result<usize> {
        let digest = sha1_hex(code);
        if let Ok(at) = self.find(&digest) {
            return Ok(at);
        }
        let (flags, body) = shebang::of_script(code)?;
        self.lua.make_room();
        self.forget_some();
        let function = self
            .lua
            .load(&body, NAME)
            .map_err(|why| Error::said([b"ERR Error compiling script (new function): ", &*why].concat()))?;
        let at = self.find(&digest).unwrap_or_else(|at| at);
        self.scripts.insert(at, (digest, Kept { function, flags, loaded: false, last_run: self.runs }));
        Ok(at)
    }

    /// Forgets half of the scripts that nobody has loaded, the ones that were not run for longest, if what is kept takes
    /// more than its part of the memory. So does Redis from 7.4 on, when there are more than 500.
    fn forget_some(&mut self) {
        if self.lua.memory() < self.crowded_at {
            return;
        }
        self.lua.collect();
        let part = self.limits.memory / KEPT_PART;
        if self.lua.memory() > part {
            let mut runs: Vec<u64> =
                self.scripts.iter().filter(|(_, kept)| !kept.loaded).map(|(_, kept)| kept.last_run).collect();
            sort::sort(&mut runs);
            let until = runs.get(runs.len() / 2).copied().unwrap_or_default();
            let mut gone = vec![];
            self.scripts.retain(|(_, kept)| {
                let stays = kept.loaded || kept.last_run > until;
                if !stays {
                    gone.push(kept.function);
                }
                stays
            });
            self.lua.unload_all(&gone);
        }
        self.crowded_at = part.max(self.lua.memory() + part / 2);
    }

    fn find(&self, digest: &[u8]) -> Result<usize, usize> {
        let digest = digest.to_ascii_lowercase();
        self.scripts.binary_search_by(|(other, _)| other[..].cmp(&digest))
    }

    /// Prepares the run of a script.
    fn begin(&mut self, call: &mut Call<'_>, script: Script<'_>) -> Result {
        let (name, is_function, flags) = match script.source {
            Source::Function(name) => {
                let function = self.libraries.function(name)?;
                (Bytes::from(name), true, function.flags)
            }
            source => {
                let at = match source {
                    Source::Code(code) => self.compiled(code)?,
                    Source::Digest(digest) | Source::Function(digest) => {
                        self.find(digest).map_err(|_| NO_SCRIPT)?
                    }
                };
                self.runs += 1;
                let (digest, kept) = &mut self.scripts[at];
                kept.last_run = self.runs;
                (Bytes::from(&digest[..]), false, kept.flags)
            }
        };
        let flags = flags.admitted(call, script.read_only)?;
        let prepared = if is_function {
            self.libraries.start(&name, script.keys, script.args)
        } else {
            let at = self.find(&name).expect("it was found above");
            self.lua.make_room();
            start_script(&mut self.lua, self.scripts[at].1.function, script.keys, script.args)
        };
        prepared.map_err(|_| Error::Text("ERR not enough memory for the script"))?;
        self.run = Some(Run {
            name,
            is_function,
            flags,
            protocol: Protocol::Resp2,
            replication: Replication::default(),
            db: call.session.db,
            wrote: false,
        });
        Ok(())
    }

    /// Runs the script for a slice, or to its end if it can't wait.
    fn go_on(&mut self, call: &mut Call<'_>) -> Result {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        let turn = call.session.turn.clone();
        let uninterrupted = call.shared.uninterrupted;
        let mut left = UNINTERRUPTED;
        let lua = if run.is_function { self.libraries.lua() } else { &mut self.lua };
        loop {
            let killed = call.shared.busy.as_ref().is_some_and(|busy| busy.killed);
            let outcome = match killed {
                true => None,
                false => Some(lua.run(SLICE, &mut Bridge::new(call, &mut run))),
            };
            call.session.turn = turn.clone();
            match outcome {
                Some(Outcome::Paused) if uninterrupted && left > 0 => left = left.saturating_sub(SLICE),
                Some(Outcome::Paused) if !uninterrupted => {
                    note_busy(call, &run);
                    self.run = Some(run);
                    return call.wait_for_slice();
                }
                Some(Outcome::Done(values)) => {
                    end(call, &run);
                    let value = values.first().copied().unwrap_or_default();
                    let result = convert::reply(lua, value, run.protocol, &mut call.reply);
                    call.shared.measure.is_counted = result.is_err() && is_counted(lua, value);
                    return result;
                }
                Some(Outcome::Failed(failure)) => {
                    end(call, &run);
                    call.shared.measure.is_counted = is_counted(lua, failure.value);
                    return Err(describe(lua, failure, &run));
                }
                None | Some(Outcome::Paused) => {
                    end(call, &run);
                    return Err(stop(lua, &run, killed));
                }
            }
        }
    }
}

impl Interpreter for Scripting {
    fn limit_memory(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes == self.limits.memory {
            return;
        }
        (self.limits.memory, self.crowded_at) = (bytes, bytes / KEPT_PART);
        self.lua.limit_memory(self.limits.memory);
        self.libraries.limit_memory(self.limits.memory);
    }

    fn run(&mut self, call: &mut Call<'_>, script: Script<'_>) -> Result {
        if !call.is_resumed() {
            self.begin(call, script)?;
        }
        // Each command has logged itself.
        call.db.log_nothing();
        self.go_on(call)
    }

    fn flags(&self, source: Source<'_>, command: spec::Flags) -> spec::Flags {
        let known = |digest: &[u8]| self.find(digest).ok().map(|at| self.scripts[at].1.flags);
        let declared = match source {
            Source::Digest(digest) => known(digest),
            Source::Function(name) => self.libraries.function(name).ok().map(|function| function.flags),
            Source::Code(code) if !code.starts_with(b"#!") => None,
            Source::Code(code) => {
                known(&sha1_hex(code)).or_else(|| shebang::of_script(code).ok().map(|(flags, _)| flags))
            }
        };
        declared.map_or(command, |flags| flags.of_command(command))
    }

    fn load(&mut self, code: &[u8]) -> Result<[u8; 40]> {
        let at = self.compiled(code)?;
        let (digest, kept) = &mut self.scripts[at];
        kept.loaded = true;
        Ok(*digest)
    }

    fn has(&self, digest: &[u8]) -> bool {
        self.find(digest).is_ok()
    }

    fn flush(&mut self) {
        self.scripts.clear();
        self.lua = new_lua(self.limits);
        self.crowded_at = self.limits.memory / KEPT_PART;
    }

    fn usage(&self) -> (usize, usize) {
        (self.scripts.len(), self.lua.memory() + self.libraries.memory())
    }

    fn load_library(&mut self, code: &[u8], replace: bool) -> Result<Bytes> {
        self.libraries.load(code, replace)
    }

    fn delete_library(&mut self, name: &[u8]) -> bool {
        self.libraries.delete(name)
    }

    fn take_libraries(&mut self, sources: &[Box<[u8]>], version: u64) -> Vec<Error> {
        self.libraries = Libraries::new(self.limits);
        self.libraries.version = version;
        sources.iter().filter_map(|code| self.libraries.load(code, false).err()).collect()
    }

    fn libraries_version(&self) -> u64 {
        self.libraries.version
    }

    fn set_libraries_version(&mut self, version: u64) {
        self.libraries.version = version;
    }

    fn libraries(&self) -> &[Library] {
        self.libraries.all()
    }
}

fn new_lua(limits: Limits) -> Lua {
    let made = Lua::new(limits).and_then(|mut lua| {
        bridge::open(&mut lua, |_| true)?;
        let globals = lua.globals();
        for name in ["KEYS", "ARGV"] {
            let empty = lua.new_table(0, 0)?;
            lua.set_name(globals, name, Value::Table(empty))?;
        }
        lua.seal()?;
        Ok(lua)
    });
    made.expect("the limit has room for the libraries")
}

fn start_script(
    lua: &mut Lua,
    function: Function,
    keys: Args<'_>,
    args: Args<'_>,
) -> Result<(), OutOfMemory> {
    let globals = lua.globals();
    for (name, list) in [("KEYS", keys), ("ARGV", args)] {
        let table = convert::list(lua, list)?;
        lua.set_name(globals, name, table)?;
    }
    lua.start(function, &[])
}

/// Lets everybody know that a script goes on for longer than a slice.
fn note_busy(call: &mut Call<'_>, run: &Run) {
    let (session, now, args) = (call.session.id, call.db.now, call.args);
    let function = run.is_function.then(|| run.name.clone());
    let is_known = call.is_resumed();
    let busy = call.shared.busy.get_or_insert_with(|| Busy {
        session,
        since: now,
        command: args.to_owned(),
        function: function.clone(),
        wrote: false,
        killed: false,
        told: false,
        gone: false,
        transaction: None,
    });
    if !is_known {
        // In a transaction another one may have been busy before it.
        (busy.command, busy.function) = (args.to_owned(), function);
    }
    busy.wrote = run.wrote;
}

/// Gives back what the script had of its caller.
fn end(call: &mut Call<'_>, run: &Run) {
    call.session.db = run.db;
    call.db.effects.unmute();
    if let Some(busy) = &mut call.shared.busy {
        busy.killed = false;
    }
}

/// Returns the error that ends a script.
fn describe(lua: &mut Lua, failure: Failure, run: &Run) -> Error {
    let text = message(lua, failure.value);
    placed(lua, text, failure.place, run)
}

/// Says where a script has failed.
fn placed(lua: &Lua, mut text: Vec<u8>, place: Option<(StrId, u32)>, run: &Run) -> Error {
    if let Some((chunk, line)) = place {
        let line = number::format_int(line.into());
        let parts = [b" script: ", &*run.name, b", on ", lua.bytes(chunk), b":", &*line, b"."];
        text.extend_from_slice(&parts.concat());
    }
    Error::said(text)
}

/// Returns whether what was thrown is the error of a command, which was counted when the command failed.
fn is_counted(lua: &mut Lua, thrown: Value) -> bool {
    let Value::Table(table) = thrown else { return false };
    lua.string(b"ignore_error_stats_update").is_ok_and(|name| !lua.table(table).get(name).is_nil())
}

/// Returns what was thrown as the text of an error, which ends where C's would.
fn message(lua: &mut Lua, thrown: Value) -> Vec<u8> {
    let mut text = whole_message(lua, thrown);
    let end = text.iter().position(|byte| *byte == 0);
    text.truncate(end.unwrap_or(text.len()));
    text
}

fn whole_message(lua: &mut Lua, thrown: Value) -> Vec<u8> {
    match thrown {
        Value::Table(table) => match lua.string(b"err").map(|name| lua.table(table).get(name)) {
            Ok(Value::Str(id)) => lua.bytes(id).to_vec(),
            _ => b"ERR unknown error".to_vec(),
        },
        Value::Str(id) => [b"ERR ", lua.bytes(id)].concat(),
        Value::Number(number) => [b"ERR ", &*number::format_significant(number, 14)].concat(),
        Value::Nil => b"ERR nil".to_vec(),
        Value::Bool(value) => format!("ERR {value}").into_bytes(),
        _ => b"ERR unknown error".to_vec(),
    }
}

/// Ends a script that was killed, or may not pause; returns the error that it ends with.
fn stop(lua: &mut Lua, run: &Run, killed: bool) -> Error {
    let text = match (killed, run.is_function) {
        (false, _) => "ERR the script ran for too long where nothing can interrupt it",
        (true, false) => "ERR Script killed by user with SCRIPT KILL...",
        (true, true) => "ERR Script killed by user with FUNCTION KILL...",
    };
    let place = lua.place();
    lua.stop();
    placed(lua, text.into(), place, run)
}
