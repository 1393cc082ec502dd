//! The server: its databases as wholes, its clock, what it tells of itself.

use crate::base::bytes::Bytes;
use crate::command;
use crate::engine::info::{self, Source};
use crate::engine::{Call, Family, Request};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::key::database;

pub const SERVER: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[&DBSIZE, &FLUSHALL, &FLUSHDB, &INFO, &SHUTDOWN, &SWAPDB, &TIME],
};

command! {
    /// Counts the keys of the database.
    ///
    /// ```redis
    /// > MSET one 1 two 2
    /// OK
    /// > DBSIZE
    /// (integer) 2
    /// ```
    DBSIZE("") -> "number";
    flags READONLY | FAST;
    also KEYSPACE;
    since "1.0.0";
    takes "O(1)";
    run size;
}

fn size(call: &mut Call<'_>) -> Result {
    call.reply.len(call.db.len());
    Ok(())
}

command! {
    /// Removes the keys of all databases.
    ///
    /// Where snapshots are configured, one of the empty keyspace is taken at once. With ASYNC the memory is freed bit by
    /// bit, between other calls.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > FLUSHALL
    /// OK
    /// > DBSIZE
    /// (integer) 0
    /// ```
    FLUSHALL("[ASYNC|SYNC]") -> "'OK'";
    flags WRITE;
    also KEYSPACE | DANGEROUS;
    since "1.0.0";
    takes "O(N) with N keys";
    run flush_all;
}

fn flush_all(call: &mut Call<'_>) -> Result {
    let later = is_later(call)?;
    for db in 0..call.db.databases() as u32 {
        flush(call, db, later);
    }
    if call.shared.persistence.saving.is_some() {
        call.shared.requests.push(Request::GiveUpSave);
    }
    if !call.shared.config.save.is_empty() && call.shared.persistence.loading.is_none() {
        call.shared.requests.push(Request::Save);
    }
    call.reply.ok();
    Ok(())
}

command! {
    /// Removes the keys of the database.
    ///
    /// With ASYNC their memory is freed bit by bit, between other calls.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > FLUSHDB
    /// OK
    /// ```
    FLUSHDB("[ASYNC|SYNC]") -> "'OK'";
    flags WRITE;
    also KEYSPACE | DANGEROUS;
    since "1.0.0";
    takes "O(N) with N keys";
    run flush_db;
}

fn flush_db(call: &mut Call<'_>) -> Result {
    let later = is_later(call)?;
    flush(call, call.db.index(), later);
    call.reply.ok();
    Ok(())
}

/// Says whether what is removed is to be freed later.
fn is_later(call: &Call<'_>) -> Result<bool> {
    match call.args.len() {
        1 => Ok(call.shared.config.lazyfree_lazy_user_flush),
        2 if call.args.is(1, "ASYNC") => Ok(true),
        2 if call.args.is(1, "SYNC") => Ok(false),
        _ => Err(Error::Syntax),
    }
}

fn flush(call: &mut Call<'_>, db: u32, later: bool) {
    let watched = call.shared.watches.keys_of(db);
    let mut db = call.db.other(db);
    for key in watched.iter().filter(|key| db.keyspace().contains(db.index(), key)).collect::<Vec<&Bytes>>() {
        db.touch_silently(key);
    }
    db.flush(later);
}

command! {
    /// Exchanges two databases.
    ///
    /// Connections keep their number, and find the other's keys under it.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > SWAPDB 0 1
    /// OK
    /// > GET greeting
    /// (nil)
    /// ```
    SWAPDB("index1:integer index2:integer") -> "'OK'";
    flags WRITE | FAST;
    also KEYSPACE | DANGEROUS;
    since "4.0.0";
    takes "O(N) with N connections that watch or wait for keys of either";
    run swap;
}

fn swap(call: &mut Call<'_>) -> Result {
    let number = |i| call.args.int(i).ok().filter(|number| i32::try_from(*number).is_ok());
    let first = number(1).ok_or(Error::Text("ERR invalid first DB index"))?;
    let second = number(2).ok_or(Error::Text("ERR invalid second DB index"))?;
    let (first, second) = (database(call, first)?, database(call, second)?);
    call.db.swap(first, second);
    call.reply.ok();
    Ok(())
}

command! {
    /// Returns the time: seconds since 1970, and microseconds in the second.
    TIME("") -> "[string, string]";
    flags LOADING | STALE | FAST;
    since "2.6.0";
    takes "O(1)";
    run time;
}

fn time(call: &mut Call<'_>) -> Result {
    let now = call.db.now.0;
    call.reply.array(2);
    call.reply.bulk_int((now / 1_000_000) as i64);
    call.reply.bulk_int((now % 1_000_000) as i64);
    Ok(())
}

command! {
    /// Tells about the server: its version, clients, memory, storage, counters and databases.
    ///
    /// In lines of `name:value` under the titles of sections. Without arguments the usual sections come; `all` asks
    /// for the others too.
    INFO("[section...]") -> "string";
    flags LOADING | STALE;
    also DANGEROUS;
    since "1.0.0";
    takes "O(1)";
    run tell;
}

fn tell(call: &mut Call<'_>) -> Result {
    let names: Vec<&[u8]> = call.args.iter().skip(1).collect();
    let source = Source {
        shared: call.shared,
        speaking: call.session,
        keyspace: call.db.keyspace(),
        dirty: call.db.effects.dirty(),
        now: call.db.now,
    };
    let text = info::write(&source, &names);
    call.reply.verbatim("txt", &text);
    Ok(())
}

command! {
    /// Ends the server.
    ///
    /// A snapshot is taken before, if snapshots are configured or SAVE asks for it. NOW does not wait for replicas,
    /// FORCE ends even if the snapshot fails, and ABORT takes back an end that waits.
    SHUTDOWN("[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY;
    since "1.0.0";
    takes "O(N) with N keys when saving";
    run shut_down;
}

fn shut_down(call: &mut Call<'_>) -> Result {
    use crate::engine::request::Save;
    let (mut save, mut now, mut force, mut abort) = (Save::Configured, false, false, false);
    let mut options = call.args.options(1);
    while !options.is_empty() {
        if save != Save::Yes && options.word("NOSAVE") {
            save = Save::No;
        } else if save != Save::No && options.word("SAVE") {
            save = Save::Yes;
        } else if options.word("NOW") {
            now = true;
        } else if options.word("FORCE") {
            force = true;
        } else if options.word("ABORT") {
            abort = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    if abort {
        if call.args.len() > 2 {
            return Err(Error::Syntax);
        }
        return Err(Error::Text("ERR No shutdown in progress."));
    }
    call.wait_for_host(Request::Shutdown { save, now, force });
    Ok(())
}
