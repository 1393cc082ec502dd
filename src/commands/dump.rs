//! Values as bytes, to be taken to another server.

use crate::base::number::{format_int, parse_int};
use crate::command;
use crate::data::entry::Entry;
use crate::engine::{Call, Family, Request};
use crate::keyspace::Event;
use crate::persist::rdb::{self, BadPayload};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::expiry::deadline;

pub const DUMP_FAMILY: Family =
    Family { name: "generic", category: Categories::KEYSPACE, commands: &[&DUMP, &RESTORE, &RESTORE_ASKING] };

command! {
    /// Returns a key's value as bytes that RESTORE takes, here or in Redis.
    ///
    /// They are those of a snapshot, with the version of the format and a checksum behind them. The key's deadline is not
    /// among them. The reply is null if there is no such key.
    ///
    /// ```redis
    /// > SET answer 42
    /// OK
    /// > DUMP answer
    /// "\x00\xc0*\n\x00\x81\xfb\\\xfa\x86cOP"
    /// ```
    DUMP("key") -> "string | null";
    flags READONLY;
    keys RO | ACCESS;
    since "2.6.0";
    takes "O(N) for N bytes";
    run dump;
}

fn dump(call: &mut Call<'_>) -> Result {
    let compress = call.shared.config.rdbcompression;
    match call.db.entry_counted(call.args.at(1)) {
        Some(entry) => call.reply.bulk(&rdb::dump(entry, compress)),
        None => call.reply.null(),
    }
    Ok(())
}

command! {
    /// Makes a key of what DUMP has returned.
    ///
    /// It gets a deadline so many milliseconds from now, none for zero; with `ABSTTL` they count from 1970. A key that
    /// exists stays, and is an error, unless `REPLACE` is given. `IDLETIME` and `FREQ` say how it was used.
    ///
    /// ```redis
    /// > RESTORE answer 0 "\x00\xc0*\n\x00\x81\xfb\\\xfa\x86cOP"
    /// OK
    /// > GET answer
    /// "42"
    /// ```
    RESTORE("key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds|FREQ frequency:integer]") -> "'OK'";
    flags WRITE | DENYOOM;
    keys OW | UPDATE;
    also DANGEROUS;
    since "2.6.0";
    takes "O(N) for N bytes";
    run restore;
}

command! {
    /// Makes a key of what DUMP has returned, while a cluster moves its slot.
    ///
    /// Here as `RESTORE`.
    ///
    /// ```redis
    /// > RESTORE-ASKING answer 0 "\x00\xc0*\n\x00\x81\xfb\\\xfa\x86cOP"
    /// OK
    /// ```
    RESTORE_ASKING "RESTORE-ASKING" ("key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds|FREQ frequency:integer]") -> "'OK'";
    flags WRITE | DENYOOM | ASKING;
    keys OW | UPDATE;
    also DANGEROUS;
    since "3.0.0";
    takes "O(N) for N bytes";
    run restore;
}

/// How a key is to be restored.
#[derive(Default)]
struct Manner {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<i64>,
}

impl Manner {
    fn read(args: Args<'_>) -> Result<Self> {
        let mut manner = Self::default();
        let mut options = args.options(4);
        while !options.is_empty() {
            let left = options.len();
            if options.word("REPLACE") {
                manner.replace = true;
            } else if options.word("ABSTTL") {
                manner.absolute = true;
            } else if left > 1 && manner.frequency.is_none() && options.word("IDLETIME") {
                let seconds = parse_int(options.take()?).ok_or(Error::NotInteger)?;
                if seconds < 0 {
                    return Err(Error::Text("ERR Invalid IDLETIME value, must be >= 0"));
                }
                manner.idle_seconds = Some(seconds);
            } else if left > 1 && manner.idle_seconds.is_none() && options.word("FREQ") {
                let frequency = parse_int(options.take()?).ok_or(Error::NotInteger)?;
                if !(0..=255).contains(&frequency) {
                    return Err(Error::Text("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                }
                manner.frequency = Some(frequency);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(manner)
    }
}

fn restore(call: &mut Call<'_>) -> Result {
    let (key, manner) = (call.args.at(1), Manner::read(call.args)?);
    if !manner.replace && call.db.exists(key) {
        return Err(Error::Text("BUSYKEY Target key name already exists."));
    }
    let ms = call.args.int(2)?;
    if ms < 0 {
        return Err(Error::Text("ERR Invalid TTL value, must be >= 0"));
    }
    let limits = &call.db.keyspace().limits;
    let entry = rdb::restore(key, call.args.at(3), !call.shared.skip_checksums, limits);
    let mut entry = entry.map_err(|bad| match bad {
        BadPayload::Footer => Error::Text("ERR DUMP payload version or checksum are wrong"),
        BadPayload::Value(fault) => {
            call.shared
                .requests
                .push(Request::Warn(format!("RESTORE was given a payload that is damaged: {fault}")));
            Error::Text("ERR Bad data format")
        }
    })?;
    let start = if manner.absolute { 0 } else { call.db.now.millis() as i64 };
    let until = (ms > 0).then(|| ms.saturating_add(start));
    let replaced = manner.replace && call.db.remove(key);
    call.reply.ok();
    // While a log is replayed, what it says of deadlines holds, even of those that have passed since.
    if until.is_some_and(|until| deadline(until) <= call.db.now) && call.db.lazy_expiry {
        if replaced {
            call.db.touch(key, Event::DEL);
            call.db.log_as(&[b"DEL", key]);
        }
        return Ok(());
    }
    entry.set_deadline(until.map(deadline));
    set_use(call, &mut entry, &manner);
    call.db.put(entry);
    call.db.touch(key, Event::generic("restore"));
    if let Some(until) = until.filter(|_| !manner.absolute) {
        let until = format_int(until);
        let mut logged: Vec<&[u8]> = call.args.iter().collect();
        logged[2] = &until;
        logged.push(b"ABSTTL");
        call.db.log_as(&logged);
    }
    Ok(())
}

/// Makes an entry look as used as it was.
fn set_use(call: &Call<'_>, entry: &mut Entry, manner: &Manner) {
    let idle_seconds = manner.idle_seconds.unwrap_or(0) as u64;
    let count = manner.frequency.and_then(|count| u8::try_from(count).ok());
    entry.set_clock(call.db.usage.told(idle_seconds, count, call.db.now));
}
