//! Streams: reading on from an id, alone or in a group, and waiting for what is to come.

use std::ops::Range;

use crate::base::number::{parse_int, to_count};
use crate::base::time::Time;
use crate::command;
use crate::data::stream::{Order, Stream};
use crate::data::stream_group::{ConsumerId, Delivery, Group};
use crate::data::stream_id::Id;
use crate::engine::session::Turn;
use crate::engine::{Call, Family};
use crate::keyspace::Db;
use crate::resp::{Args, Error, OwnedArgs, Protocol, Reply, Result};
use crate::spec::Categories;

use super::stream_args::{id, write_item, write_items};
use super::stream_group::{Claim, log_claims, log_consumer, log_position, note_consumer};

pub const STREAM_READ: Family =
    Family { name: "stream", category: Categories::STREAM, commands: &[&XREAD, &XREADGROUP] };

command! {
    /// Returns the entries of streams whose ids are higher than the ones given.
    ///
    /// Each of the keys has an id at its place among the ids. `$` stands for the last one that there is now, so that only
    /// what comes later is read; `+` (of Redis 7.4) reads the last entry itself. With `BLOCK` the client waits so many
    /// milliseconds if there is nothing to read, without end if it is 0; then the reply is null.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XADD events 2-1 n 2
    /// "2-1"
    /// > XREAD COUNT 10 STREAMS events 1-1
    /// 1) 1) "events"
    ///    2) 1) 1) "2-1"
    ///          2) 1) "n"
    ///             2) "2"
    /// ```
    XREAD("[COUNT count] [BLOCK milliseconds] STREAMS key... id...")
        -> "Record<string, [id: string, pairs: string[]][]> | null";
    flags READONLY | BLOCKING;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) for N entries returned";
    run xread;
}

fn xread(call: &mut Call<'_>) -> Result {
    let request = Request::read(call.args, &call.db, Reader::Alone)?;
    if request.block.is_some() && call.session.turn == Turn::Script {
        return Err(Error::Text("ERR xread command is not allowed with BLOCK option from scripts"));
    }
    let mut starts = vec![];
    for i in call.tried(request.keys.clone()) {
        let start = alone_from(call, i, request.id_of(i))?;
        starts.push((i, start));
    }
    let resolved = starts.clone();
    starts.retain(|(i, start)| {
        let stream = call.db.read::<Stream>(call.args.at(*i)).ok().flatten();
        stream.and_then(|stream| stream.newest()).is_some_and(|newest| newest > *start)
    });
    if starts.is_empty() {
        return wait(call, &request, &resolved);
    }
    let (mark, count) = (call.reply.mark(), starts.len());
    for (i, start) in starts {
        let key = call.args.at(i);
        begin_stream(call, key);
        if let (Some(stream), Some(from)) = (call.db.write::<Stream>(key)?, start.next()) {
            let items = stream.range(from, Id::MAX, Order::OldestFirst);
            write_items(&mut call.reply, items.take(request.count));
        }
    }
    call.reply.end_map_of_pairs(mark, count);
    Ok(())
}

/// Returns the id that a stream is to be read from, which does not belong to it.
fn alone_from(call: &mut Call<'_>, key: usize, arg: &[u8]) -> Result<Id> {
    let resumed = call.is_resumed();
    let stream = match call.db.read::<Stream>(call.args.at(key)) {
        // To a client that has waited, a key of another kind is as good as none.
        Err(_) if resumed => None,
        found => found?,
    };
    match arg {
        b"$" => Ok(stream.map(Stream::last).unwrap_or_default()),
        b"+" => Ok(stream.and_then(|stream| stream.newest()?.previous()).unwrap_or_default()),
        b">" => Err(Error::Text(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        _ => id(arg, 0),
    }
}

command! {
    /// Returns entries of streams for a consumer of a group, which has them pending until it acknowledges them.
    ///
    /// The id `>` stands for entries that no consumer of the group was given; any other id reads on in what this consumer
    /// has pending. With `NOACK` nothing is pending. A consumer is made when it first reads. With `BLOCK` the client
    /// waits so many milliseconds for new entries, without end if it is 0; then the reply is null.
    ///
    /// ```redis
    /// > XADD jobs 1-1 do sweep
    /// "1-1"
    /// > XGROUP CREATE jobs workers 0
    /// OK
    /// > XREADGROUP GROUP workers ann COUNT 1 STREAMS jobs >
    /// 1) 1) "jobs"
    ///    2) 1) 1) "1-1"
    ///          2) 1) "do"
    ///             2) "sweep"
    /// > XACK jobs workers 1-1
    /// (integer) 1
    /// ```
    XREADGROUP("GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key... id...")
        -> "Record<string, [id: string, pairs: string[] | null][]> | null";
    flags WRITE | BLOCKING;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) for N entries returned";
    run xreadgroup;
}

fn xreadgroup(call: &mut Call<'_>) -> Result {
    let request = Request::read(call.args, &call.db, Reader::Group)?;
    if request.block.is_some() && call.session.turn == Turn::Script {
        return Err(Error::Text("ERR xreadgroup command is not allowed with BLOCK option from scripts"));
    }
    let mut starts = vec![];
    for i in call.tried(request.keys.clone()) {
        starts.push((i, group_from(call, i, &request)?));
    }
    call.db.log_nothing();
    let (mark, mut served) = (call.reply.mark(), 0);
    for (i, start) in starts {
        let key = call.args.at(i);
        // A stream that is named twice may have nothing new the second time.
        if has_new(&mut call.db, key, request.group) || matches!(start, Start::Pending(_)) {
            serve(call, key, start, &request)?;
            served += 1;
        }
    }
    if served == 0 {
        return wait(call, &request, &[]);
    }
    call.reply.end_map_of_pairs(mark, served);
    Ok(())
}

/// What a consumer reads.
#[derive(Clone, Copy)]
enum Start {
    New,
    /// What it has pending behind this id.
    Pending(Id),
}

fn group_from(call: &mut Call<'_>, key: usize, request: &Request<'_>) -> Result<Start> {
    let resumed = call.is_resumed();
    let (key, arg) = (call.args.at(key), request.id_of(key));
    match call.db.read::<Stream>(key) {
        Err(_) | Ok(None) if resumed => {
            return Err(Error::Text("UNBLOCKED the stream key no longer exists"));
        }
        found if found.as_ref().is_ok_and(|stream| lacks(*stream, request.group)) => {
            return Err(if resumed {
                Error::Text("NOGROUP the consumer group this client was blocked on no longer exists")
            } else {
                let text = "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option";
                Error::quoting(text, &[key, request.group])
            });
        }
        found => drop(found?),
    }
    match arg {
        b"$" => Err(Error::Text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
             by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
             result set.",
        )),
        b"+" => Err(Error::Text(
            "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
             by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty \
             result set.",
        )),
        b">" => Ok(Start::New),
        _ => id(arg, 0).map(|id| if id == Id::MAX { Start::New } else { Start::Pending(id) }),
    }
}

fn lacks(stream: Option<&Stream>, group: &[u8]) -> bool {
    stream.is_none_or(|stream| stream.groups.get(group).is_none())
}

/// Returns whether a stream has an entry that the group was not given.
fn has_new(db: &mut Db<'_>, key: &[u8], group: &[u8]) -> bool {
    let Ok(Some(stream)) = db.read::<Stream>(key) else { return false };
    let last = stream.groups.get(group).map_or(Id::MAX, |group| group.last);
    stream.newest().is_some_and(|newest| newest > last)
}

/// Gives a consumer entries of one stream.
fn serve(call: &mut Call<'_>, key: &[u8], start: Start, request: &Request<'_>) -> Result {
    begin_stream(call, key);
    let now_ms = call.db.now.millis();
    let stream = call.db.write::<Stream>(key)?.expect("it was just found");
    // The groups are changed while the entries are read.
    let mut groups = std::mem::take(&mut stream.groups);
    let group = groups.get_mut(request.group).expect("it was just found");
    let found = group.find_consumer(request.consumer);
    let made = found.is_none();
    let consumer = found.or_else(|| group.create_consumer(request.consumer, now_ms));
    let mut giving = Giving { stream, group, consumer: consumer.expect("it is there or was made"), now_ms };
    let claims = match start {
        Start::New => giving.new_entries(&mut call.reply, request),
        Start::Pending(after) => giving.pending_entries(&mut call.reply, request, after),
    };
    let (last, read) = (group.last, group.read);
    stream.groups = groups;
    if made {
        note_consumer(&mut call.db, key);
    }
    call.db.effects.count(1);
    if made && claims.is_empty() {
        log_consumer(&mut call.db, key, request.group, request.consumer);
    }
    log_claims(&mut call.db, key, request.group, &claims);
    if matches!(start, Start::New) {
        log_position(&mut call.db, key, request.group, last, read);
    }
    Ok(())
}

/// A consumer that is being given entries, and where they come from.
struct Giving<'a> {
    stream: &'a Stream,
    group: &'a mut Group,
    consumer: ConsumerId,
    now_ms: u64,
}

impl Giving<'_> {
    /// Writes entries that the group was not given yet; returns what is pending of them now.
    fn new_entries(&mut self, reply: &mut Reply<'_>, request: &Request<'_>) -> Vec<Claim> {
        let (mark, mut count, mut claims) = (reply.mark(), 0, vec![]);
        let from = self.group.last.next().unwrap_or(Id::MAX);
        let items = self.stream.range(from, Id::MAX, Order::OldestFirst);
        self.group.consumer_mut(self.consumer).seen_ms = self.now_ms;
        for item in items.take(request.count) {
            self.group.advance(self.stream, item.id);
            if !request.noack {
                claims.push(self.deliver(item.id, 1));
            }
            write_item(reply, item);
            count += 1;
        }
        reply.end_array(mark, count);
        claims
    }

    /// Writes what the consumer has pending behind an id; of what was deleted, only the id.
    fn pending_entries(&mut self, reply: &mut Reply<'_>, request: &Request<'_>, after: Id) -> Vec<Claim> {
        let consumer = self.group.consumer_mut(self.consumer);
        consumer.seen_ms = self.now_ms;
        let from = after.next().unwrap_or(Id::MAX);
        let ids: Vec<Id> =
            consumer.pending().iter_from(from).take(request.count).map(|(id, ())| id).collect();
        let mut claims = vec![];
        reply.array(ids.len());
        for id in ids {
            if let Some(item) = self.stream.get(id) {
                let count = self.group.pending().get(id).map_or(0, |delivery| delivery.count);
                claims.push(self.deliver(id, count.saturating_add(1)));
                write_item(reply, item);
            } else {
                reply.array(2);
                reply.bulk(&id.text());
                reply.null_array();
            }
        }
        claims
    }

    fn deliver(&mut self, id: Id, count: u64) -> Claim {
        let delivery = Delivery { consumer: self.consumer, at_ms: self.now_ms, count };
        self.group.deliver(id, delivery);
        Claim::of(self.group, id, delivery)
    }
}

/// What XREAD and XREADGROUP are asked for.
struct Request<'a> {
    args: Args<'a>,
    /// Where the keys are; the ids are as far behind them as there are keys.
    keys: Range<usize>,
    count: usize,
    /// Whether to wait, and until when.
    block: Option<Option<Time>>,
    group: &'a [u8],
    consumer: &'a [u8],
    noack: bool,
    reader: Reader,
}

/// Who makes a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Alone,
    Group,
}

impl<'a> Request<'a> {
    fn read(args: Args<'a>, db: &Db<'_>, reader: Reader) -> Result<Self> {
        let (group, consumer) = (&b""[..], &b""[..]);
        let mut read =
            Self { args, keys: 0..0, count: usize::MAX, block: None, group, consumer, noack: false, reader };
        let (mut grouped, mut at) = (false, 1);
        while at < args.len() {
            let more = args.len() - 1 - at;
            if args.is(at, "BLOCK") && more > 0 {
                read.block = Some(timeout(args.at(at + 1), db.now)?);
                at += 2;
            } else if args.is(at, "COUNT") && more > 0 {
                // None, or fewer, are as good as no limit.
                let count = to_count(args.int(at + 1)?).unwrap_or(0);
                read.count = if count == 0 { usize::MAX } else { count };
                at += 2;
            } else if args.is(at, "STREAMS") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(Error::Text(
                        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                    ));
                }
                read.keys = at + 1..at + 1 + more / 2;
                break;
            } else if args.is(at, "GROUP") && more >= 2 {
                if reader == Reader::Alone {
                    return Err(Error::Text(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                (grouped, read.group, read.consumer) = (true, args.at(at + 1), args.at(at + 2));
                at += 3;
            } else if args.is(at, "NOACK") {
                if reader == Reader::Alone {
                    return Err(Error::Text(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                read.noack = true;
                at += 1;
            } else {
                return Err(Error::Syntax);
            }
        }
        if read.keys.is_empty() {
            return Err(Error::Syntax);
        }
        if reader == Reader::Group && !grouped {
            return Err(Error::Text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(read)
    }

    /// Returns the id that belongs to the key at a place.
    fn id_of(&self, key: usize) -> &'a [u8] {
        self.args.at(key + self.keys.len())
    }
}

/// Reads milliseconds to wait.
fn timeout(arg: &[u8], now: Time) -> Result<Option<Time>> {
    let ms = parse_int(arg).ok_or(Error::Text("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| Error::Text("ERR timeout is negative"))?;
    Ok((ms > 0).then(|| now.plus_millis(ms)))
}

/// Waits for the streams, if that was asked for. What stands for a present id means that one for ever.
fn wait(call: &mut Call<'_>, request: &Request<'_>, resolved: &[(usize, Id)]) -> Result {
    let Some(until) = request.block else {
        call.reply.null_array();
        return Ok(());
    };
    let mut args = OwnedArgs::default();
    for (i, arg) in call.args.iter().enumerate() {
        let start = resolved.iter().find(|(key, _)| key + request.keys.len() == i);
        match start {
            Some((_, id)) => args.push(&id.text()),
            None => args.push(arg),
        }
    }
    call.wait_with(args, request.keys.clone(), until, request.reader == Reader::Group)
}

/// Writes a key in front of its entries: a pair of a map, or in RESP2 an array.
fn begin_stream(call: &mut Call<'_>, key: &[u8]) {
    if call.reply.protocol() == Protocol::Resp2 {
        call.reply.array(2);
    }
    call.reply.bulk(key);
}
