//! Functions: scripts with names, kept with the data.

use crate::base::glob::{self, Case};
use crate::command;
use crate::engine::acl::UserId;
use crate::engine::interpreter::{Interpreter, Source};
use crate::engine::{Call, Family};
use crate::persist::rdb;
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;
use super::script::{kill_running, run, with_libraries};

pub const FUNCTION_FAMILY: Family = Family {
    name: "scripting",
    category: Categories::SCRIPTING,
    commands: &[
        &FCALL,
        &FCALL_RO,
        &FUNCTION,
        &FUNCTION_DELETE,
        &FUNCTION_DUMP,
        &FUNCTION_FLUSH,
        &FUNCTION_HELP,
        &FUNCTION_KILL,
        &FUNCTION_LIST,
        &FUNCTION_LOAD,
        &FUNCTION_RESTORE,
        &FUNCTION_STATS,
    ],
};

command! {
    /// Calls a function of a library.
    ///
    /// The function gets two lists: the keys, and the other arguments.
    ///
    /// ```redis
    /// > FUNCTION LOAD "#!lua name=greetings\nredis.register_function('hello', function(keys, args) return 'hello ' .. args[1] end)"
    /// "greetings"
    /// > FCALL hello 0 ann
    /// "hello ann"
    /// ```
    FCALL("function numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | MAY_REPLICATE | NO_MANDATORY_KEYS | STALE;
    keys RW | ACCESS | UPDATE;
    since "7.0.0";
    takes "Depends on the function";
    run fcall;
}

fn fcall(call: &mut Call<'_>) -> Result {
    run(call, Source::Function(call.args.at(1)), false)
}

command! {
    /// Calls a function that changes nothing.
    ///
    /// ```redis
    /// > FCALL_RO hello 0 ann
    /// (error) ERR Function not found
    /// ```
    FCALL_RO("function numkeys [key...] [arg...]") -> "unknown";
    flags NOSCRIPT | SKIP_MONITOR | NO_MANDATORY_KEYS | STALE | READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "Depends on the function";
    run fcall_ro;
}

fn fcall_ro(call: &mut Call<'_>) -> Result {
    run(call, Source::Function(call.args.at(1)), true)
}

command! {
    /// Looks after libraries of functions.
    FUNCTION("subcommand [arg...]") -> "unknown";
    since "7.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    FUNCTION_HELP "FUNCTION HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "7.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Loads a library; returns its name.
    ///
    /// The first line of the code names the language and the library. With REPLACE a library of the same name gives way.
    ///
    /// ```redis
    /// > FUNCTION LOAD "#!lua name=mylib\nredis.register_function('one', function() return 1 end)"
    /// "mylib"
    /// ```
    FUNCTION_LOAD "FUNCTION LOAD" ("[REPLACE] function-code") -> "string";
    flags WRITE | DENYOOM | NOSCRIPT;
    since "7.0.0";
    takes "O(N) with N bytes";
    run load;
}

fn load(call: &mut Call<'_>) -> Result {
    let mut options = call.args.options(2);
    let mut replace = false;
    while options.len() > 1 {
        if !options.word("REPLACE") {
            return Err(Error::quoting("ERR Unknown option given: {}", &[options.take()?]));
        }
        replace = true;
    }
    let code = options.take().map_err(|_| Error::Text("ERR Function code is missing"))?;
    if is_kept_unread(call) {
        return change_sources(call, |libraries| put(libraries, code));
    }
    with_libraries(call, |interpreter, call| {
        let name = interpreter.load_library(code, replace)?;
        keep(interpreter, call);
        call.reply.bulk(&name);
        Ok(())
    })
}

/// Returns whether a log, or a primary, speaks of libraries that nothing here can run: their sources are kept all the
/// same.
fn is_kept_unread(call: &Call<'_>) -> bool {
    call.shared.interpreter.is_none() && call.session.user == UserId::HOST
}

/// Changes the sources that are kept with the data.
fn change_sources(call: &mut Call<'_>, change: impl FnOnce(&mut Vec<Box<[u8]>>)) -> Result {
    let keyspace = call.db.keyspace_mut();
    change(&mut keyspace.libraries);
    keyspace.libraries_version += 1;
    call.db.effects.count(1);
    call.reply.ok();
    Ok(())
}

/// Puts a library among others, in place of one of its name.
fn put(libraries: &mut Vec<Box<[u8]>>, code: &[u8]) {
    libraries.retain(|other| name_of(other) != name_of(code));
    libraries.push(code.into());
}

/// Returns the name in a library's first line: `#!lua name=NAME`.
fn name_of(code: &[u8]) -> Option<&[u8]> {
    let line = code.split(|byte| *byte == b'\n').next()?;
    line.split(u8::is_ascii_whitespace).find_map(|word| word.strip_prefix(b"name="))
}

/// Keeps the libraries that the interpreter has now with the data.
fn keep(interpreter: &mut dyn Interpreter, call: &mut Call<'_>) {
    let keyspace = call.db.keyspace_mut();
    keyspace.libraries = interpreter.libraries().iter().map(|library| library.code.clone()).collect();
    keyspace.libraries_version += 1;
    interpreter.set_libraries_version(keyspace.libraries_version);
    call.db.effects.count(1);
}

command! {
    /// Returns all libraries as bytes that FUNCTION RESTORE takes, here or in Redis.
    ///
    /// ```redis
    /// > FUNCTION DUMP
    /// "\n\x00]\x9b\\@\x0f\x7f\xa2\xda"
    /// ```
    FUNCTION_DUMP "FUNCTION DUMP" ("") -> "string";
    flags NOSCRIPT;
    since "7.0.0";
    takes "O(N) with N functions";
    run dump;
}

fn dump(call: &mut Call<'_>) -> Result {
    let compress = call.shared.config.rdbcompression;
    call.reply.bulk(&rdb::dump_libraries(&call.db.keyspace().libraries, compress));
    Ok(())
}

command! {
    /// Loads the libraries that FUNCTION DUMP has returned.
    ///
    /// A library that is there already is an error, unless those there are give way: all with FLUSH, those of the same
    /// names with REPLACE.
    ///
    /// ```redis
    /// > FUNCTION RESTORE nonsense
    /// (error) ERR DUMP payload version or checksum are wrong
    /// ```
    FUNCTION_RESTORE "FUNCTION RESTORE" ("serialized-value [FLUSH|APPEND|REPLACE]") -> "'OK'";
    flags WRITE | DENYOOM | NOSCRIPT;
    since "7.0.0";
    takes "O(N) with N functions";
    run restore;
}

fn restore(call: &mut Call<'_>) -> Result {
    if call.args.len() > 4 {
        return Err(Error::Text(
            "ERR unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.",
        ));
    }
    let (flush, replace) = (call.args.is(3, "FLUSH"), call.args.is(3, "REPLACE"));
    if call.args.len() == 4 && !flush && !replace && !call.args.is(3, "APPEND") {
        return Err(Error::Text(
            "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ));
    }
    let payload = rdb::restore_libraries(call.args.at(2), !call.shared.skip_checksums);
    let sources = payload.map_err(|_| Error::Text("ERR DUMP payload version or checksum are wrong"))?;
    if is_kept_unread(call) {
        return change_sources(call, |libraries| {
            libraries.retain(|_| !flush);
            sources.iter().for_each(|code| put(libraries, code));
        });
    }
    with_libraries(call, |interpreter, call| {
        let keyspace = call.db.keyspace();
        let version = keyspace.libraries_version;
        if flush {
            interpreter.take_libraries(&[], version);
        }
        let loaded = sources.iter().try_for_each(|code| interpreter.load_library(code, replace).map(drop));
        if let Err(error) = loaded {
            interpreter.take_libraries(&keyspace.libraries, version);
            // Here Redis does not quote the name.
            return Err(Error::said(
                error.text().replace("Library '", "Library ").replace("' already", " already"),
            ));
        }
        keep(interpreter, call);
        call.reply.ok();
        Ok(())
    })
}

command! {
    /// Forgets a library.
    ///
    /// ```redis
    /// > FUNCTION DELETE mylib
    /// (error) ERR Library not found
    /// ```
    FUNCTION_DELETE "FUNCTION DELETE" ("library-name") -> "'OK'";
    flags WRITE | NOSCRIPT;
    since "7.0.0";
    takes "O(1)";
    run delete;
}

fn delete(call: &mut Call<'_>) -> Result {
    let name = call.args.at(2);
    if is_kept_unread(call) {
        return change_sources(call, |libraries| libraries.retain(|code| name_of(code) != Some(name)));
    }
    with_libraries(call, |interpreter, call| {
        if !interpreter.delete_library(name) {
            return Err(Error::Text("ERR Library not found"));
        }
        keep(interpreter, call);
        call.reply.ok();
        Ok(())
    })
}

command! {
    /// Forgets all libraries.
    ///
    /// ```redis
    /// > FUNCTION FLUSH
    /// OK
    /// ```
    FUNCTION_FLUSH "FUNCTION FLUSH" ("[ASYNC|SYNC]") -> "'OK'";
    flags WRITE | NOSCRIPT;
    since "7.0.0";
    takes "O(N) with N functions";
    run flush;
}

fn flush(call: &mut Call<'_>) -> Result {
    if call.args.len() > 3 {
        return Err(Error::Text(
            "ERR unknown subcommand or wrong number of arguments for 'flush'. Try FUNCTION HELP.",
        ));
    }
    if call.args.len() == 3 && !call.args.is(2, "ASYNC") && !call.args.is(2, "SYNC") {
        return Err(Error::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    change_sources(call, Vec::clear)
}

command! {
    /// Ends the function that is running, unless it has changed something.
    FUNCTION_KILL "FUNCTION KILL" ("") -> "'OK'";
    flags NOSCRIPT | ALLOW_BUSY;
    since "7.0.0";
    takes "O(1)";
    run kill;
}

fn kill(call: &mut Call<'_>) -> Result {
    kill_running(call, true)
}

command! {
    /// Lists libraries, all or those whose names match a pattern, and their functions.
    ///
    /// ```redis
    /// > FUNCTION LIST
    /// (empty array)
    /// ```
    FUNCTION_LIST "FUNCTION LIST" ("[LIBRARYNAME library-name-pattern] [WITHCODE]") -> "unknown[]";
    flags NOSCRIPT;
    since "7.0.0";
    takes "O(N) with N functions";
    run list;
}

fn list(call: &mut Call<'_>) -> Result {
    let (mut pattern, mut with_code) = (None, false);
    let mut options = call.args.options(2);
    while !options.is_empty() {
        if !with_code && options.word("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && options.word("LIBRARYNAME") {
            pattern =
                Some(options.take().map_err(|_| Error::Text("ERR library name argument was not given"))?);
        } else {
            let option = String::from_utf8_lossy(options.take()?).into_owned();
            return Err(Error::said(format!("ERR Unknown argument {option}")));
        }
    }
    with_libraries(call, |interpreter, call| {
        let matches = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Ignored));
        let libraries = interpreter.libraries().iter().filter(|library| matches(&library.name));
        let reply = &mut call.reply;
        reply.array(libraries.clone().count());
        for library in libraries {
            reply.map(if with_code { 4 } else { 3 });
            reply.bulk(b"library_name");
            reply.bulk(&library.name);
            reply.bulk(b"engine");
            reply.bulk(b"LUA");
            reply.bulk(b"functions");
            reply.array(library.functions.len());
            for function in &library.functions {
                reply.map(3);
                reply.bulk(b"name");
                reply.bulk(&function.name);
                reply.bulk(b"description");
                reply.bulk_or_null(function.description.as_deref());
                reply.bulk(b"flags");
                reply.set(function.flags.len());
                function.flags.iter().for_each(|flag| reply.simple(flag));
            }
            if with_code {
                reply.bulk(b"library_code");
                reply.bulk(&library.code);
            }
        }
        Ok(())
    })
}

command! {
    /// Tells of the function that is running, and how many there are.
    FUNCTION_STATS "FUNCTION STATS" ("") -> "unknown";
    flags NOSCRIPT | ALLOW_BUSY;
    since "7.0.0";
    takes "O(1)";
    run stats;
}

fn stats(call: &mut Call<'_>) -> Result {
    // While a function runs, the interpreter is at work.
    let (libraries, functions) = with_libraries(call, |interpreter, _| {
        let all = interpreter.libraries();
        Ok((all.len(), all.iter().map(|library| library.functions.len()).sum()))
    })?;
    let reply = &mut call.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match call.shared.busy.as_ref().and_then(|busy| busy.function.as_ref().map(|name| (busy, name))) {
        None => reply.null(),
        Some((busy, name)) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"command");
            let command = busy.command.as_args();
            reply.array(command.len());
            command.iter().for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            reply.int(call.db.now.micros_since(busy.since) as i64 / 1000);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.len(libraries);
    reply.bulk(b"functions_count");
    reply.len(functions);
    Ok(())
}
