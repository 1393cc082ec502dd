//! DEBUG and MEMORY: looks inside, for tests and for the curious.

use crate::base::number;
use crate::command;
use crate::data::entry::{Entry, ValueRef};
use crate::engine::{Call, Family, Request};
use crate::keyspace::{Digest, access_clock};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;
use super::object::entry_encoding;

pub const DEBUG_FAMILY: Family = Family {
    name: "debug",
    category: Categories::NONE,
    commands: &[&DEBUG, &MEMORY, &MEMORY_HELP, &MEMORY_USAGE],
};

command! {
    /// Looks inside, and holds things up: for tests.
    ///
    /// Refused unless `enable-debug-command` allows it. SLEEP, OBJECT, SET-ACTIVE-EXPIRE, DIGEST,
    /// DIGEST-VALUE, RELOAD and LOADAOF are those of Redis.
    DEBUG("subcommand [arg...]") -> "unknown";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "1.0.0";
    takes "Depends on the subcommand";
    run debug;
}

fn debug(call: &mut Call<'_>) -> Result {
    if !call.shared.config.enable_debug_command.allows(&call.session.peer) {
        return Err(Error::Text(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
             from a local connection, otherwise you need to set this option in the configuration file, and then \
             restart the server.",
        ));
    }
    let (sub, n) = (call.args.at(1).to_ascii_uppercase(), call.args.len());
    match (sub.as_slice(), n) {
        (b"SLEEP", 3) => sleep(call),
        (b"OBJECT", 3) => object(call),
        (b"SET-ACTIVE-EXPIRE", 3) => {
            call.db.keyspace_mut().active_expiry = number::parse_int(call.args.at(2)).unwrap_or(0) != 0;
            call.reply.ok();
            Ok(())
        }
        (b"DIGEST", 2) => {
            call.reply.simple(&call.db.keyspace().redis_digest().to_hex());
            Ok(())
        }
        (b"DIGEST-VALUE", _) => {
            call.reply.array(n - 2);
            for key in call.args.from(2).iter() {
                let digest = call.db.entry(key).map(Digest::of_value).unwrap_or_default();
                call.reply.simple(&digest.to_hex());
            }
            Ok(())
        }
        (b"RELOAD", 2) => {
            call.wait_for_host(Request::Reload { log: false });
            Ok(())
        }
        (b"LOADAOF", 2) => {
            call.wait_for_host(Request::Reload { log: true });
            Ok(())
        }
        _ => {
            let sub = String::from_utf8_lossy(call.args.at(1));
            Err(Error::said(format!(
                "ERR unknown subcommand or wrong number of arguments for '{sub}'. Try DEBUG HELP."
            )))
        }
    }
}

fn sleep(call: &mut Call<'_>) -> Result {
    let seconds = number::parse_float(call.args.at(2)).unwrap_or(0.0).max(0.0);
    let until = call.db.now.plus_micros((seconds * 1e6) as u64);
    call.wait_for_host(Request::Sleep { until });
    Ok(())
}

fn object(call: &mut Call<'_>) -> Result {
    let now = access_clock(call.db.now);
    let Some(entry) = call.db.entry(call.args.at(2)) else { return Err(Error::NoSuchKey) };
    let idle = now.wrapping_sub(entry.clock()) & 0x00FF_FFFF;
    // A stand-in for an address: there is none to show in safe code, and nobody can use it.
    let line = format!(
        "Value at:0x000000000000 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle}",
        entry_encoding(entry),
        serialized_len(entry),
        entry.clock(),
    );
    call.reply.simple(&line);
    Ok(())
}

/// Returns about how long the value is in a snapshot, uncompressed.
fn serialized_len(entry: &Entry) -> usize {
    match entry.value() {
        ValueRef::Str(string) => string.len() + 1,
        ValueRef::Object(object) => object.heap_bytes(),
    }
}

command! {
    /// Tells how much memory is used, and for what.
    MEMORY("subcommand [arg...]") -> "unknown";
    since "4.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    MEMORY_HELP "MEMORY HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "4.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns how many bytes a key and its value take.
    ///
    /// What the allocator was asked for, and the key's share of the table. Nothing is sampled, so SAMPLES makes no
    /// difference.
    ///
    /// ```redis
    /// > MEMORY USAGE nothing
    /// (nil)
    /// ```
    MEMORY_USAGE "MEMORY USAGE" ("key [SAMPLES count]") -> "number | null";
    flags READONLY;
    keys RO;
    since "4.0.0";
    takes "O(N) with N chunks of the value";
    run usage;
}

fn usage(call: &mut Call<'_>) -> Result {
    let mut options = call.args.options(3);
    while !options.is_empty() {
        match options.int_after("SAMPLES")? {
            Some(samples) if samples >= 0 => {}
            _ => return Err(Error::Syntax),
        }
    }
    let keys = call.db.len().max(1);
    let share = call.db.keyspace().database(call.db.index()).table.heap_bytes() / keys;
    match call.db.entry(call.args.at(2)) {
        Some(entry) => call.reply.len(entry.heap_bytes() + share.min(64)),
        None => call.reply.null(),
    }
    Ok(())
}
