//! Scripts: commands that clients put together.

use crate::command;
use crate::engine::interpreter::{Interpreter, NO_SCRIPT, Script, Source};
use crate::engine::{Call, Family, Request};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const SCRIPT_FAMILY: Family = Family {
    name: "scripting",
    category: Categories::SCRIPTING,
    commands: &[
        &EVAL,
        &EVAL_RO,
        &EVALSHA,
        &EVALSHA_RO,
        &SCRIPT,
        &SCRIPT_DEBUG,
        &SCRIPT_EXISTS,
        &SCRIPT_FLUSH,
        &SCRIPT_HELP,
        &SCRIPT_KILL,
        &SCRIPT_LOAD,
    ],
};

/// The letters of a SHA-1.
const DIGEST: usize = 40;

/// Lets the interpreter work on a call; an error where the build has none.
pub(super) fn with_interpreter<R>(
    call: &mut Call<'_>,
    work: impl FnOnce(&mut dyn Interpreter, &mut Call<'_>) -> Result<R>,
) -> Result<R> {
    // Out of its place, so that it can be given the call.
    let Some(mut interpreter) = call.shared.interpreter.take() else {
        return Err(Error::Text(
            "ERR this build runs no scripts: import redlet/scripting, or enable the crate's feature `scripting`",
        ));
    };
    interpreter.limit_memory(call.shared.config.lua_memory_limit.get());
    let result = work(&mut *interpreter, call);
    call.shared.interpreter = Some(interpreter);
    result
}

/// Lets the interpreter work with the libraries that the keyspace has.
pub(super) fn with_libraries<R>(
    call: &mut Call<'_>,
    work: impl FnOnce(&mut dyn Interpreter, &mut Call<'_>) -> Result<R>,
) -> Result<R> {
    with_interpreter(call, |interpreter, call| {
        let keyspace = call.db.keyspace();
        if interpreter.libraries_version() != keyspace.libraries_version {
            let refused = interpreter.take_libraries(&keyspace.libraries, keyspace.libraries_version);
            for error in refused {
                let why = format!("a library of functions can't be used: {}", error.text());
                call.shared.requests.push(Request::Warn(why));
            }
        }
        work(interpreter, call)
    })
}

/// Runs what the first argument names or holds, with the keys and arguments behind it.
pub(super) fn run<'a>(call: &mut Call<'a>, source: Source<'a>, read_only: bool) -> Result {
    if !call.is_resumed() {
        call.show();
    }
    let is_function = matches!(source, Source::Function(_));
    if matches!(source, Source::Digest(digest) if digest.len() != DIGEST) {
        return Err(NO_SCRIPT);
    }
    let (keys, args) = match keys_and_args(call.args) {
        Ok(parts) => parts,
        Err(error) => return Err(refusal(call, source, error)),
    };
    let script = Script { source, keys, args, read_only };
    match is_function {
        true => with_libraries(call, |interpreter, call| interpreter.run(call, script)),
        false => with_interpreter(call, |interpreter, call| interpreter.run(call, script)),
    }
}

/// Returns why a call has no number of keys. A function that is not there is missed first.
fn refusal(call: &mut Call<'_>, source: Source<'_>, error: Error) -> Error {
    let Source::Function(name) = source else { return error };
    let known = with_libraries(call, |interpreter, _| {
        let mut functions = interpreter.libraries().iter().flat_map(|library| &library.functions);
        Ok(functions.any(|function| function.name.eq_ignore_ascii_case(name)))
    });
    match (known, error) {
        (Err(error), _) => error,
        (Ok(false), _) => Error::Text("ERR Function not found"),
        (Ok(true), Error::NotInteger) => Error::Text("ERR Bad number of keys provided"),
        (Ok(true), error) => error,
    }
}

fn keys_and_args(args: Args<'_>) -> Result<(Args<'_>, Args<'_>)> {
    let count = args.int(2)?;
    let rest = args.from(3);
    if count > rest.len() as i64 {
        return Err(Error::Text("ERR Number of keys can't be greater than number of args"));
    }
    let count = usize::try_from(count).map_err(|_| Error::Text("ERR Number of keys can't be negative"))?;
    Ok((rest.part(0, count), rest.from(count)))
}

command! {
    /// Runs a script in Lua.
    ///
    /// The script sees the keys in `KEYS` and the other arguments in `ARGV`, runs commands by `redis.call`, and what it
    /// returns is the reply. Nothing else runs in between.
    ///
    /// ```redis
    /// > EVAL "return redis.call('INCRBY', KEYS[1], ARGV[1])" 1 visits 10
    /// (integer) 10
    /// ```
    EVAL("script numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS | STALE;
    keys RW | ACCESS | UPDATE;
    since "2.6.0";
    takes "Depends on the script";
    run eval;
}

fn eval(call: &mut Call<'_>) -> Result {
    run(call, Source::Code(call.args.at(1)), false)
}

command! {
    /// Runs a script that changes nothing.
    ///
    /// ```redis
    /// > EVAL_RO "return redis.call('EXISTS', KEYS[1])" 1 visits
    /// (integer) 0
    /// ```
    EVAL_RO("script numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | NO_MANDATORY_KEYS | STALE | READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "Depends on the script";
    run eval_ro;
}

fn eval_ro(call: &mut Call<'_>) -> Result {
    run(call, Source::Code(call.args.at(1)), true)
}

command! {
    /// Runs a script that was run or loaded before, by its SHA-1.
    ///
    /// ```redis
    /// > SCRIPT LOAD "return ARGV[1]"
    /// "098e0f0d1448c0a81dafe820f66d460eb09263da"
    /// > EVALSHA 098e0f0d1448c0a81dafe820f66d460eb09263da 0 hello
    /// "hello"
    /// ```
    EVALSHA("sha1 numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS | STALE;
    keys RW | ACCESS | UPDATE;
    since "2.6.0";
    takes "Depends on the script";
    run evalsha;
}

fn evalsha(call: &mut Call<'_>) -> Result {
    run(call, Source::Digest(call.args.at(1)), false)
}

command! {
    /// Runs a script that changes nothing, by its SHA-1.
    ///
    /// ```redis
    /// > SCRIPT LOAD "return redis.call('GET', KEYS[1])"
    /// "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f"
    /// > EVALSHA_RO d3c21d0c2b9ca22f82737626a27bcaf5d288f99f 1 greeting
    /// (nil)
    /// ```
    EVALSHA_RO("sha1 numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | NO_MANDATORY_KEYS | STALE | READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "Depends on the script";
    run evalsha_ro;
}

fn evalsha_ro(call: &mut Call<'_>) -> Result {
    run(call, Source::Digest(call.args.at(1)), true)
}

command! {
    /// Looks after scripts.
    SCRIPT("subcommand [arg...]") -> "unknown";
    since "2.6.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    SCRIPT_HELP "SCRIPT HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Switches the debugger of scripts, which is not there: NO is all that is accepted.
    ///
    /// ```redis
    /// > SCRIPT DEBUG NO
    /// OK
    /// ```
    SCRIPT_DEBUG "SCRIPT DEBUG" ("<YES|SYNC|NO>") -> "'OK'";
    flags NOSCRIPT;
    since "3.2.0";
    takes "O(1)";
    run debug;
}

fn debug(call: &mut Call<'_>) -> Result {
    if call.args.is(2, "NO") {
        call.reply.ok();
        return Ok(());
    }
    Err(Error::Text(if call.args.is(2, "YES") || call.args.is(2, "SYNC") {
        "ERR there is no debugger of scripts here"
    } else {
        "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    }))
}

command! {
    /// Says of each SHA-1 whether there is such a script.
    ///
    /// ```redis
    /// > SCRIPT EXISTS 098e0f0d1448c0a81dafe820f66d460eb09263da
    /// 1) (integer) 0
    /// ```
    SCRIPT_EXISTS "SCRIPT EXISTS" ("sha1...") -> "number[]";
    flags NOSCRIPT;
    since "2.6.0";
    takes "O(N) with N digests";
    run exists;
}

fn exists(call: &mut Call<'_>) -> Result {
    with_interpreter(call, |interpreter, call| {
        let digests = call.args.from(2);
        call.reply.array(digests.len());
        digests.iter().for_each(|digest| call.reply.int(interpreter.has(digest).into()));
        Ok(())
    })
}

command! {
    /// Forgets all scripts.
    ///
    /// ```redis
    /// > SCRIPT FLUSH
    /// OK
    /// ```
    SCRIPT_FLUSH "SCRIPT FLUSH" ("[ASYNC|SYNC]") -> "'OK'";
    flags NOSCRIPT;
    since "2.6.0";
    takes "O(N) with N scripts";
    run flush;
}

fn flush(call: &mut Call<'_>) -> Result {
    if call.args.len() > 3 || (call.args.len() == 3 && !call.args.is(2, "ASYNC") && !call.args.is(2, "SYNC"))
    {
        return Err(Error::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    with_interpreter(call, |interpreter, call| {
        interpreter.flush();
        call.reply.ok();
        Ok(())
    })
}

command! {
    /// Ends the script that is running, unless it has changed something.
    SCRIPT_KILL "SCRIPT KILL" ("") -> "'OK'";
    flags NOSCRIPT | ALLOW_BUSY;
    since "2.6.0";
    takes "O(1)";
    run kill;
}

fn kill(call: &mut Call<'_>) -> Result {
    kill_running(call, false)
}

/// Ends what is running, if it is a function or not.
pub(super) fn kill_running(call: &mut Call<'_>, function: bool) -> Result {
    let busy = call.shared.busy.as_mut().ok_or(Error::Text("NOTBUSY No scripts in execution right now."))?;
    if busy.function.is_some() != function {
        return Err(busy.refusal());
    }
    if busy.wrote {
        return Err(Error::Text(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ));
    }
    busy.killed = true;
    call.reply.ok();
    Ok(())
}

command! {
    /// Compiles a script without running it; returns its SHA-1.
    ///
    /// ```redis
    /// > SCRIPT LOAD "return 1"
    /// "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    /// ```
    SCRIPT_LOAD "SCRIPT LOAD" ("script") -> "string";
    flags NOSCRIPT | STALE;
    since "2.6.0";
    takes "O(N) with N bytes";
    run load;
}

fn load(call: &mut Call<'_>) -> Result {
    with_interpreter(call, |interpreter, call| {
        let digest = interpreter.load(call.args.at(2))?;
        call.reply.bulk(&digest);
        Ok(())
    })
}
