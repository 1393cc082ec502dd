//! Streams: adding, reading, deleting, trimming. Waiting for entries is in `stream_read`, groups in `stream_group`.

use crate::base::number::{format_uint, parse_int};
use crate::command;
use crate::data::stream::{Keep, Order, Stream};
use crate::data::stream_id::Id;
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::stream_args::{NewId, Preamble, Reader, Trim, id, lower, upper, write_items};

pub const STREAM: Family = Family {
    name: "stream",
    category: Categories::STREAM,
    commands: &[&XADD, &XDEL, &XLEN, &XRANGE, &XREVRANGE, &XSETID, &XTRIM],
};

command! {
    /// Adds an entry to a stream, which is made if the key does not exist.
    ///
    /// An entry is a row of fields and values. Its id, two numbers with `-` between them, must be higher than all before
    /// it; `*` makes one from the time, `ms-*` the next one of a millisecond. The reply is the id. `MAXLEN` and `MINID`
    /// trim the stream as `XTRIM` does; with `NOMKSTREAM` the reply is null if there is no stream yet.
    ///
    /// ```redis
    /// > XADD events 1-1 user ann action login
    /// "1-1"
    /// > XADD events MAXLEN = 1 1-* user bob action login
    /// "1-2"
    /// > XLEN events
    /// (integer) 1
    /// ```
    XADD("key [NOMKSTREAM] [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> <field value>...")
        -> "string | null";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "5.0.0";
    takes "O(1), and O(N) to trim N entries";
    run xadd;
}

fn xadd(call: &mut Call<'_>) -> Result {
    let (args, key, limits) = (call.args, call.args.at(1), call.db.limits.stream);
    let Preamble { trim, no_create, id: new_id, id_at } = Preamble::read(args, &call.db, Reader::Xadd)?;
    let pairs = args.from(id_at + 1);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::WrongArity("XADD"));
    }
    if matches!(new_id, NewId::Given(Id::MIN)) {
        return Err(Error::Text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let last = call.db.write::<Stream>(key)?.map(|stream| stream.last());
    if last.is_none() && no_create {
        call.reply.null();
        return Ok(());
    }
    let id = next_id(new_id, last.unwrap_or_default(), call.db.now.millis())?;
    if pairs.iter().map(<[u8]>::len).sum::<usize>() > Stream::ENTRY_MAX {
        return Err(Error::Text("ERR Elements are too large to be stored"));
    }
    let stream = call.db.write_or_new::<Stream>(key)?;
    stream.append(id, pairs.iter(), limits);
    let trimmed = trim.map_or(0, |trim| stream.trim(trim.keep, trim.precision));
    let bound = trim.map(|trim| bound(trim, stream));
    call.db.touch(key, Event::stream("xadd"));
    if trimmed > 0 {
        call.db.note(key, Event::stream("xtrim"));
    }
    call.reply.bulk(&id.text());
    let as_it_came = matches!(new_id, NewId::Given(_)) && bound.is_none();
    if call.db.effects.logging && !as_it_came {
        let (bound, text) = (bound.unwrap_or_default(), id.text());
        let logged = trim.and_then(|trim| trim.logged(args, &bound));
        let mut logged = logged.unwrap_or_else(|| args.iter().collect());
        if !matches!(new_id, NewId::Given(_)) {
            logged[id_at] = &text;
        }
        call.db.log_as(&logged);
    }
    Ok(())
}

/// Returns the id that an entry gets behind the last one.
fn next_id(new: NewId, last: Id, now_ms: u64) -> Result<Id> {
    if last == Id::MAX {
        return Err(Error::Text(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = match new {
        NewId::Auto if now_ms > last.ms => Some(Id::new(now_ms, 0)),
        NewId::Auto => last.next(),
        NewId::Within(ms) if ms == last.ms => last.next().filter(|next| next.ms == ms),
        NewId::Within(ms) => Some(Id::new(ms, 0)),
        NewId::Given(id) => Some(id),
    };
    id.filter(|id| *id > last).ok_or(Error::Text(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    ))
}

/// Returns what an exact trim would be told to leave the stream as it is.
fn bound(trim: Trim, stream: &Stream) -> Vec<u8> {
    match trim.keep {
        Keep::Newest(_) => format_uint(stream.len()).to_vec(),
        Keep::From(_) if stream.is_empty() => Id::MAX.text().to_vec(),
        Keep::From(_) => stream.first().text().to_vec(),
    }
}

command! {
    /// Trims a stream: deletes its oldest entries.
    ///
    /// `MAXLEN` leaves so many of the newest, `MINID` those from an id on. With `~` it is enough to delete what can go
    /// together, whole nodes, which is faster; `LIMIT` says how many entries may go at most. The reply is how many have
    /// gone.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XADD events 2-1 n 2
    /// "2-1"
    /// > XTRIM events MAXLEN 1
    /// (integer) 1
    /// > XLEN events
    /// (integer) 1
    /// ```
    XTRIM("key <MAXLEN|MINID> [=|~] threshold [LIMIT count]") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "5.0.0";
    takes "O(N) for N entries that go";
    run xtrim;
}

fn xtrim(call: &mut Call<'_>) -> Result {
    let (args, key) = (call.args, call.args.at(1));
    let Preamble { trim, .. } = Preamble::read(args, &call.db, Reader::Xtrim)?;
    let (Some(trim), Some(stream)) = (trim, call.db.write::<Stream>(key)?) else {
        call.reply.int(0);
        return Ok(());
    };
    let trimmed = stream.trim(trim.keep, trim.precision);
    if trimmed > 0 {
        let bound = bound(trim, stream);
        call.db.touch(key, Event::stream("xtrim"));
        call.db.effects.count(trimmed - 1);
        if let Some(logged) = trim.logged(args, &bound) {
            call.db.log_as(&logged);
        }
    }
    call.reply.int(trimmed as i64);
    Ok(())
}

command! {
    /// Counts the entries of a stream.
    ///
    /// A key that does not exist counts as an empty stream; unlike other collections, a stream stays when it is empty.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XLEN events
    /// (integer) 1
    /// ```
    XLEN("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "5.0.0";
    takes "O(1)";
    run xlen;
}

fn xlen(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<Stream>(call.args.at(1))?.map_or(0, Stream::len);
    call.reply.int(len as i64);
    Ok(())
}

command! {
    /// Returns the entries of a stream between two ids, both included.
    ///
    /// `-` is the lowest id, `+` the highest. Only the first half of an id stands for the whole millisecond; `(` in front
    /// of an id leaves its entry out. With `COUNT` the reply has at most so many entries.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XADD events 1-2 n 2
    /// "1-2"
    /// > XRANGE events (1-1 + COUNT 10
    /// 1) 1) "1-2"
    ///    2) 1) "n"
    ///       2) "2"
    /// ```
    XRANGE("key start:string end:string [COUNT count]") -> "[id: string, pairs: string[]][] | null";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) for N entries returned";
    run xrange;
}

fn xrange(call: &mut Call<'_>) -> Result {
    range(call, Order::OldestFirst)
}

command! {
    /// Returns the entries of a stream between two ids, both included, the newest first.
    ///
    /// The higher end comes first; otherwise it is `XRANGE`.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XADD events 1-2 n 2
    /// "1-2"
    /// > XREVRANGE events + - COUNT 1
    /// 1) 1) "1-2"
    ///    2) 1) "n"
    ///       2) "2"
    /// ```
    XREVRANGE("key end:string start:string [COUNT count]") -> "[id: string, pairs: string[]][] | null";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) for N entries returned";
    run xrevrange;
}

fn xrevrange(call: &mut Call<'_>) -> Result {
    range(call, Order::NewestFirst)
}

fn range(call: &mut Call<'_>, order: Order) -> Result {
    let (first, second) = match order {
        Order::OldestFirst => (2, 3),
        Order::NewestFirst => (3, 2),
    };
    let (from, to) = (lower(call.args.at(first))?, upper(call.args.at(second))?);
    let mut count = None;
    let mut options = call.args.options(4);
    while !options.is_empty() {
        let number = options.after("COUNT")?.ok_or(Error::Syntax)?;
        count = Some(parse_int(number).ok_or(Error::NotInteger)?);
    }
    match (call.db.read::<Stream>(call.args.at(1))?, count) {
        (None, _) => call.reply.array(0),
        (Some(_), Some(..=0)) => call.reply.null_array(),
        (Some(stream), count) => {
            let most = count.map_or(usize::MAX, |count| count as usize);
            write_items(&mut call.reply, stream.range(from, to, order).take(most));
        }
    }
    Ok(())
}

command! {
    /// Deletes entries of a stream by their ids.
    ///
    /// The reply is how many were there. Groups that have such an entry pending keep it so.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XADD events 2-1 n 2
    /// "2-1"
    /// > XDEL events 1-1 9-9
    /// (integer) 1
    /// ```
    XDEL("key id...") -> "number";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "5.0.0";
    takes "O(log N) for each of the ids";
    run xdel;
}

fn xdel(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let ids = call.args.from(2);
    let Some(stream) = call.db.write::<Stream>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    ids.iter().try_for_each(|arg| id(arg, 0).map(drop))?;
    let deleted = ids.iter().filter(|arg| id(arg, 0).is_ok_and(|id| stream.delete(id))).count();
    if deleted > 0 {
        call.db.touch(key, Event::stream("xdel"));
        call.db.effects.count(deleted as u64 - 1);
    }
    call.reply.len(deleted);
    Ok(())
}

command! {
    /// Sets the id that the next entry of a stream must be higher than.
    ///
    /// `ENTRIESADDED` sets how many entries were ever added, `MAXDELETEDID` the highest id that was deleted. It is what a
    /// log needs to make a stream anew.
    ///
    /// ```redis
    /// > XADD events 1-1 n 1
    /// "1-1"
    /// > XSETID events 5-0
    /// OK
    /// > XADD events 5-* n 2
    /// "5-1"
    /// ```
    XSETID("key last-id [ENTRIESADDED entries-added:integer] [MAXDELETEDID max-deleted-id]") -> "'OK'";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "5.0.0";
    takes "O(1)";
    run xsetid;
}

fn xsetid(call: &mut Call<'_>) -> Result {
    let (key, last) = (call.args.at(1), id(call.args.at(2), 0)?);
    let (mut added, mut max_deleted) = (None, None);
    let mut options = call.args.options(3);
    while !options.is_empty() {
        if let Some(count) = options.int_after("ENTRIESADDED")? {
            let count = u64::try_from(count);
            added = Some(count.map_err(|_| Error::Text("ERR entries_added must be positive"))?);
        } else if let Some(arg) = options.after("MAXDELETEDID")? {
            max_deleted = Some(id(arg, 0)?).filter(|id| *id != Id::MIN);
            if max_deleted.is_some_and(|id| last < id) {
                return Err(Error::Text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::Syntax);
        }
    }
    let stream = call.db.write::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    check_last(stream, last, added)?;
    stream.set_last(last, added, max_deleted);
    // Who watches or caches the stream is not told, as in Redis.
    call.db.note(key, Event::stream("xsetid"));
    call.db.effects.count(1);
    call.reply.ok();
    Ok(())
}

/// Refuses a last id, or a number of entries added, that can't be true of a stream.
fn check_last(stream: &Stream, last: Id, added: Option<u64>) -> Result {
    let Some(newest) = stream.newest() else { return Ok(()) };
    if last < newest {
        return Err(Error::Text("ERR The ID specified in XSETID is smaller than the target stream top item"));
    }
    if added.is_some_and(|added| added < stream.len()) {
        return Err(Error::Text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    Ok(())
}
