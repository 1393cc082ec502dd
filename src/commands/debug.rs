//! DEBUG and MEMORY: looks inside, for tests and for the curious.

use crate::base::number;
use crate::command;
use crate::data::entry::{Entry, NewValue, ValueRef};
use crate::data::object::Object;
use crate::engine::config::parse_memory;
use crate::engine::output::ReplyBuffers;
use crate::engine::request::Reload;
use crate::engine::session::Turn;
use crate::engine::shared::random_id;
use crate::engine::{Call, Family, Request};
use crate::keyspace::{Digest, Event, Expiry, access_clock};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;
use super::debug_protocol::protocol;
use super::object::entry_encoding;

pub const DEBUG_FAMILY: Family = Family {
    name: "debug",
    category: Categories::NONE,
    commands: &[&DEBUG, &MEMORY, &MEMORY_HELP, &MEMORY_USAGE],
};

command! {
    /// Looks inside, and holds things up: for tests.
    ///
    /// Refused unless `enable-debug-command` allows it. DEBUG HELP lists the subcommands.
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
        (b"HELP", 2) => help_debug(call),
        (b"SLEEP", 3) => return sleep(call),
        (b"OBJECT", 3) => return object(call),
        (b"HTSTATS-KEY", 3) => return table_statistics(call),
        (b"PROTOCOL", 3) => return protocol(call),
        (b"POPULATE", 3..=5) => return populate(call),
        (b"QUICKLIST-PACKED-THRESHOLD", 3) => return packed_threshold(call),
        (b"REPLYBUFFER", 4) => return reply_buffer(call),
        (b"SET-ACTIVE-EXPIRE", 3) => {
            call.db.keyspace_mut().active_expiry = flag(call);
            call.reply.ok();
        }
        (b"PAUSE-CRON", 3) => {
            call.shared.cron_paused = flag(call);
            call.reply.ok();
        }
        (b"LOG", 3) => {
            let text = String::from_utf8_lossy(call.args.at(2));
            call.shared.requests.push(Request::Warn(format!("DEBUG LOG: {text}")));
            call.reply.ok();
        }
        (b"ERROR", 3) => {
            let text = String::from_utf8_lossy(call.args.at(2)).into_owned();
            call.reply.error(&Error::said(text));
        }
        (b"CHANGE-REPL-ID", 2) => {
            call.shared.primary.id = random_id(&mut call.shared.random);
            call.reply.ok();
        }
        (b"REPLICATE", 3..) => {
            let words: Vec<&[u8]> = call.args.from(2).iter().collect();
            call.db.effects.log_call(call.db.index(), &words);
            call.reply.ok();
        }
        (b"CONFIG-REWRITE-FORCE-ALL", 2) if !call.shared.host.config_file.is_empty() => {
            call.wait_for_host(Request::RewriteConfig { whole: true });
        }
        (b"CONFIG-REWRITE-FORCE-ALL", 2) => {
            return Err(Error::Text("ERR CONFIG-REWRITE-FORCE-ALL failed"));
        }
        (b"DIGEST", 2) => call.reply.simple(&call.db.keyspace().redis_digest().to_hex()),
        (b"DIGEST-VALUE", _) => {
            call.reply.array(n - 2);
            for key in call.args.from(2).iter() {
                let digest = call.db.entry(key).map(Digest::of_value).unwrap_or_default();
                call.reply.simple(&digest.to_hex());
            }
        }
        (b"RELOAD", _) => return reload(call),
        (b"LOADAOF", 2) => drop(call.wait_for_host(Request::ReloadLog)),
        // There is nothing here that this would change.
        (b"AOF-FLUSH-SLEEP", 3) => call.reply.ok(),
        (b"SET-SKIP-CHECKSUM-VALIDATION", 3) => {
            call.shared.skip_checksums = flag(call);
            call.reply.ok();
        }
        (b"SET-DISABLE-DENY-SCRIPTS", 3) => {
            call.shared.unbridled_scripts = call.args.int(2)? != 0;
            call.reply.ok();
        }
        _ => return Err(wrong_subcommand(call)),
    }
    Ok(())
}

fn wrong_subcommand(call: &Call<'_>) -> Error {
    Error::wrong_subcommand(call.args.at(1), "DEBUG")
}

/// Returns whether the argument behind the subcommand is a number other than 0.
fn flag(call: &Call<'_>) -> bool {
    number::parse_int(call.args.at(2)).unwrap_or(0) != 0
}

/// Subcommands with their arguments, and what they do.
const HELP: &[(&str, &str)] = &[
    ("CHANGE-REPL-ID", "Gives the history that replicas follow another name."),
    ("CONFIG-REWRITE-FORCE-ALL", "Writes all parameters to the configuration's file."),
    ("DIGEST", "Returns a hash of all databases."),
    ("DIGEST-VALUE key...", "Returns a hash of each key's value."),
    ("ERROR text", "Answers with this error."),
    ("HTSTATS-KEY key", "Tells how full the table is that keeps a large value."),
    ("LOADAOF", "Loads everything from the log again."),
    ("LOG text", "Writes a line to the server's log."),
    ("OBJECT key", "Shows how a value is kept."),
    ("PAUSE-CRON 0|1", "Stops what is done a few times a second."),
    ("POPULATE count [prefix [size]]", "Makes so many strings."),
    ("PROTOCOL type", "Answers with a reply of a type."),
    ("QUICKLIST-PACKED-THRESHOLD size", "Makes no difference here: long elements have chunks of their own."),
    (
        "RELOAD [MERGE|NOFLUSH|NOSAVE]...",
        "Takes a snapshot, unless NOSAVE, removes all there is, unless NOFLUSH, and loads the snapshot; with MERGE over \
         what there is.",
    ),
    ("REPLICATE call...", "Logs a call, and tells replicas of it, without running it."),
    ("REPLYBUFFER PEAK-RESET-TIME|RESIZING value", "Says when reply buffers become smaller."),
    ("SET-ACTIVE-EXPIRE 0|1", "Lets keys past their deadline be until they are asked for."),
    ("SET-SKIP-CHECKSUM-VALIDATION 0|1", "Restores payloads whose checksum is wrong."),
    ("SLEEP seconds", "Holds the server up."),
];

fn help_debug(call: &mut Call<'_>) {
    call.reply.array(HELP.len() * 2 + 3);
    call.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for (usage, does) in HELP.iter().chain(&[("HELP", "Prints this help.")]) {
        call.reply.simple(usage);
        call.reply.simple(&format!("    {does}"));
    }
}

/// Makes strings. Redis does not log them; here the log leads to the keyspace that there is, without exception.
fn populate(call: &mut Call<'_>) -> Result {
    const RANGE: Error = Error::Text("ERR value is out of range, must be positive");
    let positive = |n: i64| usize::try_from(n).map_err(|_| RANGE);
    let count = call.args.int(2).map_err(|_| RANGE).and_then(positive)?;
    let prefix = if call.args.len() > 3 { call.args.at(3) } else { b"key" };
    let size = if call.args.len() > 4 {
        Some(call.args.int(4).map_err(|_| RANGE).and_then(positive)?)
    } else {
        None
    };
    if size.is_some_and(|size| size as u64 > call.shared.config.proto_max_bulk_len.get()) {
        return Err(RANGE);
    }
    for i in 0..count {
        let key = [prefix, b":", &*number::format_int(i as i64)].concat();
        if call.db.exists(&key) {
            continue;
        }
        let mut value = [b"value:", &*number::format_int(i as i64)].concat();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        call.db.set(&key, NewValue::Bytes(&value), Expiry::Never);
        call.db.touch(&key, Event::SILENT);
        call.db.log_as(&[b"SET", &key, &value]);
    }
    call.reply.ok();
    Ok(())
}

fn reload(call: &mut Call<'_>) -> Result {
    let mut how = Reload::default();
    for i in 2..call.args.len() {
        match call.args.at(i).to_ascii_uppercase().as_slice() {
            b"MERGE" => how.merge = true,
            b"NOFLUSH" => how.flush = false,
            b"NOSAVE" => how.save = false,
            _ => {
                return Err(Error::Text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    call.wait_for_host(Request::Reload(how));
    Ok(())
}

fn packed_threshold(call: &mut Call<'_>) -> Result {
    let size = str::from_utf8(call.args.at(2)).ok().and_then(parse_memory);
    match size {
        Some(size) if size < 1 << 32 => call.reply.ok(),
        _ => {
            return Err(Error::Text(
                "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
            ));
        }
    }
    Ok(())
}

/// Says when reply buffers become smaller.
fn reply_buffer(call: &mut Call<'_>) -> Result {
    let args = call.args;
    let buffers = &mut call.shared.reply_buffers;
    if args.is(2, "RESIZING") {
        buffers.resizing = args.int(3)? != 0;
    } else if !args.is(2, "PEAK-RESET-TIME") {
        return Err(wrong_subcommand(call));
    } else if args.is(3, "NEVER") {
        buffers.peak_ms = None;
    } else if args.is(3, "RESET") {
        buffers.peak_ms = ReplyBuffers::default().peak_ms;
    } else {
        buffers.peak_ms = u64::try_from(args.int(3)?).ok();
    }
    call.reply.ok();
    Ok(())
}

fn sleep(call: &mut Call<'_>) -> Result {
    let seconds = number::parse_float(call.args.at(2)).unwrap_or(0.0).max(0.0);
    let until = call.db.now.plus_micros((seconds * 1e6) as u64);
    if call.session.turn == Turn::Nested {
        call.shared.asleep_until = Some(until);
    }
    call.wait_for_host(Request::Sleep { until });
    Ok(())
}

fn object(call: &mut Call<'_>) -> Result {
    let now = access_clock(call.db.now);
    // A key past its deadline is there as long as nobody has removed it.
    let entry = call.db.keyspace().database(call.db.index()).find(call.args.at(2));
    let entry = entry.ok_or(Error::NoSuchKey)?;
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

/// Tells of the table of a value what Redis tells of its hash tables. Ours are in order, and have no chains.
fn table_statistics(call: &mut Call<'_>) -> Result {
    let entry = call.db.entry(call.args.at(2)).ok_or(Error::NoSuchKey)?;
    let len = match entry.value() {
        ValueRef::Object(Object::Set(set)) if set.encoding() == "hashtable" => set.len(),
        ValueRef::Object(Object::Hash(hash)) if hash.encoding() == "hashtable" => hash.len(),
        ValueRef::Object(Object::SortedSet(set)) if set.encoding() == "skiplist" => set.len(),
        _ => {
            return Err(Error::Text(
                "ERR The value stored at the specified key is not represented using an hash table",
            ));
        }
    };
    let text = format!(
        "Hash table 0 stats (main hash table):\n table size: {len}\n number of elements: {len}\n different slots: \
         {len}\n max chain length: 1\n"
    );
    call.reply.verbatim("txt", &text);
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
