//! Streams: groups, their consumers, and what is pending. Reading for a group is in `stream_read`.

use crate::base::bytes::Bytes;
use crate::base::number::{format_int, format_uint};
use crate::command;
use crate::data::stream::Stream;
use crate::data::stream_group::{Delivery, Group};
use crate::data::stream_id::Id;
use crate::engine::{Call, Family};
use crate::keyspace::{Db, Event};
use crate::resp::{Args, Error, Options, Result};
use crate::spec::Categories;

use super::command::help;
use super::stream_args::{id, id_or_end};

pub const STREAM_GROUP: Family = Family {
    name: "stream",
    category: Categories::STREAM,
    commands: &[
        &XACK,
        &XGROUP,
        &XGROUP_CREATE,
        &XGROUP_CREATECONSUMER,
        &XGROUP_DELCONSUMER,
        &XGROUP_DESTROY,
        &XGROUP_HELP,
        &XGROUP_SETID,
    ],
};

command! {
    /// Changes the groups of consumers that read a stream.
    XGROUP("subcommand [arg...]") -> "unknown";
    since "5.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    XGROUP_HELP "XGROUP HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Makes a group of consumers that share the entries of a stream.
    ///
    /// The group is given the entries behind an id, or with `$` those to come. `MKSTREAM` makes an empty stream if the
    /// key does not exist.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XGROUP CREATE jobs workers $
    /// (error) BUSYGROUP Consumer Group name already exists
    /// ```
    XGROUP_CREATE "XGROUP CREATE" ("key group <id|$> [MKSTREAM] [ENTRIESREAD entries-read:integer]") -> "'OK'";
    flags WRITE | DENYOOM;
    keys RW | INSERT;
    since "5.0.0";
    takes "O(1)";
    run create;
}

fn create(call: &mut Call<'_>) -> Result {
    let (key, name) = (call.args.at(2), call.args.at(3));
    let (mut make, mut read) = (false, None);
    let mut options = call.args.options(5);
    while !options.is_empty() {
        if options.word("MKSTREAM") {
            make = true;
        } else {
            read = entries_read(&mut options, call.args)?;
        }
    }
    let stream = call.db.write::<Stream>(key)?;
    let exists = stream.is_some();
    let last = stream.map(|stream| stream.last());
    if !exists && !make {
        return Err(NO_KEY);
    }
    if call.args.len() > 8 {
        return Err(wrong(call.args));
    }
    let last = match call.args.at(4) {
        b"$" => last.unwrap_or_default(),
        arg => id(arg, 0)?,
    };
    let stream = call.db.write_or_new::<Stream>(key)?;
    if stream.groups.create(name, last, read).is_none() {
        return Err(Error::Text("BUSYGROUP Consumer Group name already exists"));
    }
    if exists {
        changed(&mut call.db, key, "xgroup-create");
    } else {
        call.db.touch(key, Event::stream("xgroup-create"));
    }
    call.reply.ok();
    Ok(())
}

const NO_KEY: Error = Error::Text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);

/// Reads `ENTRIESREAD` and its number, in the syntax of a subcommand.
fn entries_read(options: &mut Options<'_>, args: Args<'_>) -> Result<Option<u64>> {
    if options.len() < 2 {
        return Err(wrong(args));
    }
    let read = options.int_after("ENTRIESREAD")?.ok_or_else(|| wrong(args))?;
    if read < -1 {
        return Err(Error::Text("ERR value for ENTRIESREAD must be positive or -1"));
    }
    Ok(u64::try_from(read).ok())
}

fn wrong(args: Args<'_>) -> Error {
    Error::wrong_subcommand(args.at(1), "XGROUP")
}

/// Notes a change to a group, which those who watch or cache the stream are not told of.
fn changed(db: &mut Db<'_>, key: &[u8], event: &'static str) {
    db.note(key, Event::stream(event));
    db.effects.count(1);
}

/// Returns the group that a subcommand names.
fn group<'a>(db: &'a mut Db<'_>, args: Args<'_>) -> Result<&'a mut Group> {
    let (key, name) = (args.at(2), args.at(3));
    let stream = db.write::<Stream>(key)?.ok_or(NO_KEY)?;
    stream.groups.get_mut(name).ok_or_else(|| no_group(key, name))
}

pub(super) fn no_group(key: &[u8], name: &[u8]) -> Error {
    Error::quoting("NOGROUP No such consumer group '{}' for key name '{}'", &[name, key])
}

command! {
    /// Sets where a group has got in its stream.
    ///
    /// It is given the entries behind the id next, or with `$` those to come. What is pending stays so.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XGROUP SETID jobs workers 0
    /// OK
    /// ```
    XGROUP_SETID "XGROUP SETID" ("key group <id|$> [ENTRIESREAD entries-read:integer]") -> "'OK'";
    flags WRITE;
    keys RW | UPDATE;
    since "5.0.0";
    takes "O(1)";
    run set_id;
}

fn set_id(call: &mut Call<'_>) -> Result {
    let (args, key) = (call.args, call.args.at(2));
    let mut read = None;
    let mut options = args.options(5);
    while !options.is_empty() {
        read = entries_read(&mut options, args)?;
    }
    group(&mut call.db, args)?;
    if args.len() > 7 {
        return Err(wrong(args));
    }
    let last = match args.at(4) {
        b"$" => call.db.write::<Stream>(key)?.map(|stream| stream.last()).unwrap_or_default(),
        arg => id_or_end(arg, 0)?,
    };
    let group = group(&mut call.db, args)?;
    (group.last, group.read) = (last, read);
    changed(&mut call.db, key, "xgroup-setid");
    call.reply.ok();
    Ok(())
}

command! {
    /// Removes a group with its consumers and what they have pending.
    ///
    /// The reply is 1 if there was one. Clients that wait to read for it are told.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XGROUP DESTROY jobs workers
    /// (integer) 1
    /// ```
    XGROUP_DESTROY "XGROUP DESTROY" ("key group") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "5.0.0";
    takes "O(N) for N entries pending";
    run destroy;
}

fn destroy(call: &mut Call<'_>) -> Result {
    let (key, name) = (call.args.at(2), call.args.at(3));
    let stream = call.db.write::<Stream>(key)?.ok_or(NO_KEY)?;
    let done = stream.groups.remove(name);
    if done {
        call.db.signal(key, Event::stream("xgroup-destroy"));
        call.db.effects.count(1);
    }
    call.reply.int(done.into());
    Ok(())
}

command! {
    /// Makes a consumer of a group.
    ///
    /// The reply is 1 if there was none of this name. Consumers are made by themselves when they first read.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XGROUP CREATECONSUMER jobs workers ann
    /// (integer) 1
    /// ```
    XGROUP_CREATECONSUMER "XGROUP CREATECONSUMER" ("key group consumer") -> "number";
    flags WRITE | DENYOOM;
    keys RW | INSERT;
    since "6.2.0";
    takes "O(1)";
    run create_consumer;
}

fn create_consumer(call: &mut Call<'_>) -> Result {
    let (args, now_ms) = (call.args, call.db.now.millis());
    let made = group(&mut call.db, args)?.create_consumer(args.at(4), now_ms).is_some();
    if made {
        note_consumer(&mut call.db, args.at(2));
    }
    call.reply.int(made.into());
    Ok(())
}

/// Notes that a consumer was made.
pub(super) fn note_consumer(db: &mut Db<'_>, key: &[u8]) {
    changed(db, key, "xgroup-createconsumer");
}

command! {
    /// Removes a consumer of a group with what it has pending.
    ///
    /// The reply is how many entries it had pending: nobody will be given them again but by their ids.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XGROUP DELCONSUMER jobs workers ann
    /// (integer) 0
    /// ```
    XGROUP_DELCONSUMER "XGROUP DELCONSUMER" ("key group consumer") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "5.0.0";
    takes "O(N log N) for N entries pending";
    run delete_consumer;
}

fn delete_consumer(call: &mut Call<'_>) -> Result {
    let args = call.args;
    let pending = group(&mut call.db, args)?.remove_consumer(args.at(4));
    if pending.is_some() {
        changed(&mut call.db, args.at(2), "xgroup-delconsumer");
    }
    call.reply.len(pending.unwrap_or_default());
    Ok(())
}

command! {
    /// Acknowledges entries that a group has pending: they are done.
    ///
    /// The reply is how many were pending.
    ///
    /// ```redis
    /// > XADD jobs 1-1 do sweep
    /// "1-1"
    /// > XGROUP CREATE jobs workers 0
    /// OK
    /// > XREADGROUP GROUP workers ann STREAMS jobs >
    /// 1) 1) "jobs"
    ///    2) 1) 1) "1-1"
    ///          2) 1) "do"
    ///             2) "sweep"
    /// > XACK jobs workers 1-1 2-1
    /// (integer) 1
    /// ```
    XACK("key group id...") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    since "5.0.0";
    takes "O(log N) for each of the ids, with N entries pending";
    run xack;
}

fn xack(call: &mut Call<'_>) -> Result {
    let ids = call.args.from(3);
    let key = call.args.at(1);
    call.db.read::<Stream>(key)?;
    let stream = call.db.write::<Stream>(key)?;
    let Some(group) = stream.and_then(|stream| stream.groups.get_mut(call.args.at(2))) else {
        call.reply.int(0);
        return Ok(());
    };
    ids.iter().try_for_each(|arg| id(arg, 0).map(drop))?;
    let done = ids.iter().filter(|arg| id(arg, 0).is_ok_and(|id| group.acknowledge(id))).count();
    call.db.effects.count(done as u64);
    call.reply.len(done);
    Ok(())
}

// The log ---------------------------------------------------------------------------------------------------------

/// A delivery as it is logged.
pub(super) struct Claim {
    id: Id,
    consumer: Bytes,
    at_ms: u64,
    count: u64,
    /// Where the group had got.
    last: Id,
}

impl Claim {
    pub fn of(group: &Group, id: Id, delivery: Delivery) -> Self {
        let consumer = group.consumer(delivery.consumer).name().into();
        Self { id, consumer, at_ms: delivery.at_ms, count: delivery.count, last: group.last }
    }
}

/// Logs deliveries as claims of exactly what came of them.
pub(super) fn log_claims(db: &mut Db<'_>, key: &[u8], group: &[u8], claims: &[Claim]) {
    for claim in claims {
        db.log_as(&[
            b"XCLAIM",
            key,
            group,
            &claim.consumer,
            b"0",
            &claim.id.text(),
            b"TIME",
            &format_uint(claim.at_ms),
            b"RETRYCOUNT",
            &format_uint(claim.count),
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            &claim.last.text(),
        ]);
    }
}

/// Logs that a consumer was made.
pub(super) fn log_consumer(db: &mut Db<'_>, key: &[u8], group: &[u8], consumer: &[u8]) {
    db.log_as(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
}

/// Logs where a group has got.
pub(super) fn log_position(db: &mut Db<'_>, key: &[u8], group: &[u8], last: Id, read: Option<u64>) {
    let read = format_int(read.map_or(-1, |read| read as i64));
    db.log_as(&[b"XGROUP", b"SETID", key, group, &last.text(), b"ENTRIESREAD", &read]);
}
