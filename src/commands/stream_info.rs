//! XINFO: looks into streams and their groups.

use crate::base::number::to_count;
use crate::command;
use crate::data::stream::{Item, Order, Stream};
use crate::data::stream_group::{Consumer, Group};
use crate::data::stream_id::Id;
use crate::engine::{Call, Family};
use crate::resp::{Args, Error, Reply, Result};
use crate::spec::Categories;

use super::command::help;
use super::stream_args::{write_item, write_items};
use super::stream_group::no_group;

pub const STREAM_INFO: Family = Family {
    name: "stream",
    category: Categories::STREAM,
    commands: &[&XINFO, &XINFO_CONSUMERS, &XINFO_GROUPS, &XINFO_HELP, &XINFO_STREAM],
};

command! {
    /// Looks into streams and their groups.
    XINFO("subcommand [arg...]") -> "unknown";
    since "5.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    XINFO_HELP "XINFO HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Describes a stream: its length, its ids, its first and last entry.
    ///
    /// With `FULL` its entries, groups, consumers and what they have pending are there too, ten of each or `COUNT`; a
    /// count of 0 is all.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XINFO STREAM events
    ///  1) "length"
    ///  2) (integer) 1
    ///  3) "radix-tree-keys"
    ///  4) (integer) 1
    ///  5) "radix-tree-nodes"
    ///  6) (integer) 2
    ///  7) "last-generated-id"
    ///  8) "1-1"
    ///  9) "max-deleted-entry-id"
    /// 10) "0-0"
    /// 11) "entries-added"
    /// 12) (integer) 1
    /// 13) "recorded-first-entry-id"
    /// 14) "1-1"
    /// 15) "groups"
    /// 16) (integer) 0
    /// 17) "first-entry"
    /// 18) 1) "1-1"
    ///     2) 1) "n"
    ///        2) "1"
    /// 19) "last-entry"
    /// 20) 1) "1-1"
    ///     2) 1) "n"
    ///        2) "1"
    /// ```
    XINFO_STREAM "XINFO STREAM" ("key [FULL [COUNT count]]") -> "Record<string, unknown>";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(1), and O(N) for N entries returned";
    run stream;
}

fn stream(call: &mut Call<'_>) -> Result {
    let stream = call.db.read::<Stream>(call.args.at(2))?.ok_or(Error::NoSuchKey)?;
    let full = full_count(call.args)?;
    let reply = &mut call.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    field(reply, "length", stream.len());
    field(reply, "radix-tree-keys", stream.node_count() as u64);
    field(reply, "radix-tree-nodes", stream.radix_nodes());
    id_field(reply, "last-generated-id", stream.last());
    id_field(reply, "max-deleted-entry-id", stream.max_deleted());
    field(reply, "entries-added", stream.added());
    id_field(reply, "recorded-first-entry-id", stream.first());
    match full {
        Some(count) => details(reply, stream, count),
        None => {
            field(reply, "groups", stream.groups.len() as u64);
            let edge = |order| stream.range(Id::MIN, Id::MAX, order).next();
            item_field(reply, "first-entry", edge(Order::OldestFirst));
            item_field(reply, "last-entry", edge(Order::NewestFirst));
        }
    }
    Ok(())
}

/// Reads `FULL` and how many of each kind it is to show.
fn full_count(args: Args<'_>) -> Result<Option<usize>> {
    let wrong = || Error::wrong_subcommand(args.at(1), "XINFO");
    match args.len() {
        3 => return Ok(None),
        4 | 6 if args.is(3, "FULL") => {}
        _ => return Err(wrong()),
    }
    if args.len() == 4 {
        return Ok(Some(10));
    }
    if !args.is(4, "COUNT") {
        return Err(wrong());
    }
    Ok(Some(match args.int(5)? {
        0 => usize::MAX,
        count => to_count(count).unwrap_or(10),
    }))
}

fn details(reply: &mut Reply<'_>, stream: &Stream, count: usize) {
    reply.bulk(b"entries");
    write_items(reply, stream.iter().take(count));
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for group in stream.groups.iter() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(group.name());
        position(reply, stream, group);
        let pending = group.pending();
        field(reply, "pel-count", pending.len() as u64);
        reply.bulk(b"pending");
        reply.array(pending.len().min(count));
        for (id, delivery) in pending.iter().take(count) {
            reply.array(4);
            reply.bulk(&id.text());
            reply.bulk(group.consumer(delivery.consumer).name());
            reply.int(delivery.at_ms as i64);
            reply.int(delivery.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        group.consumers().for_each(|consumer| consumer_details(reply, group, consumer, count));
    }
}

fn consumer_details(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, count: usize) {
    let pending = consumer.pending();
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    field(reply, "seen-time", consumer.seen_ms);
    field(reply, "pel-count", pending.len() as u64);
    reply.bulk(b"pending");
    reply.array(pending.len().min(count));
    for (id, ()) in pending.iter().take(count) {
        let delivery = group.pending().get(id);
        reply.array(3);
        reply.bulk(&id.text());
        reply.int(delivery.map_or(0, |delivery| delivery.at_ms as i64));
        reply.int(delivery.map_or(0, |delivery| delivery.count as i64));
    }
}

/// Writes where a group has got: three fields.
fn position(reply: &mut Reply<'_>, stream: &Stream, group: &Group) {
    id_field(reply, "last-delivered-id", group.last);
    for (name, number) in [("entries-read", group.read.map(|read| read as i64)), ("lag", group.lag(stream))] {
        reply.bulk(name.as_bytes());
        match number {
            Some(number) => reply.int(number),
            None => reply.null(),
        }
    }
}

command! {
    /// Describes the groups of a stream: consumers, how much is pending, where each has got and how far it lags.
    ///
    /// Entries read and lag are null where they can't be told, because entries were deleted.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XINFO GROUPS jobs
    /// 1)  1) "name"
    ///     2) "workers"
    ///     3) "consumers"
    ///     4) (integer) 0
    ///     5) "pending"
    ///     6) (integer) 0
    ///     7) "last-delivered-id"
    ///     8) "0-0"
    ///     9) "entries-read"
    ///    10) (nil)
    ///    11) "lag"
    ///    12) (integer) 0
    /// ```
    XINFO_GROUPS "XINFO GROUPS" ("key") -> "Record<string, unknown>[]";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) with N groups";
    run groups;
}

fn groups(call: &mut Call<'_>) -> Result {
    let stream = call.db.read::<Stream>(call.args.at(2))?.ok_or(Error::NoSuchKey)?;
    let reply = &mut call.reply;
    reply.array(stream.groups.len());
    for group in stream.groups.iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(group.name());
        field(reply, "consumers", group.consumers().len() as u64);
        field(reply, "pending", group.pending().len() as u64);
        position(reply, stream, group);
    }
    Ok(())
}

command! {
    /// Describes the consumers of a group: how much each has pending, and the milliseconds since it was heard of.
    ///
    /// ```redis
    /// > XGROUP CREATE jobs workers $ MKSTREAM
    /// OK
    /// > XINFO CONSUMERS jobs workers
    /// (empty array)
    /// ```
    XINFO_CONSUMERS "XINFO CONSUMERS" ("key group") -> "Record<string, unknown>[]";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) with N consumers";
    run consumers;
}

fn consumers(call: &mut Call<'_>) -> Result {
    let (key, name, now_ms) = (call.args.at(2), call.args.at(3), call.db.now.millis());
    let stream = call.db.read::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    let group = stream.groups.get(name).ok_or_else(|| no_group(key, name))?;
    let reply = &mut call.reply;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        field(reply, "pending", consumer.pending().len() as u64);
        field(reply, "idle", now_ms.saturating_sub(consumer.seen_ms));
    }
    Ok(())
}

fn field(reply: &mut Reply<'_>, name: &str, n: u64) {
    reply.bulk(name.as_bytes());
    reply.int(n as i64);
}

fn id_field(reply: &mut Reply<'_>, name: &str, id: Id) {
    reply.bulk(name.as_bytes());
    reply.bulk(&id.text());
}

fn item_field(reply: &mut Reply<'_>, name: &str, item: Option<Item<'_>>) {
    reply.bulk(name.as_bytes());
    match item {
        Some(item) => write_item(reply, item),
        None => reply.null(),
    }
}
