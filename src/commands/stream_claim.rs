//! Streams: what groups have pending, and taking it over.

use crate::base::number::{format_uint, parse_int, to_count};
use crate::base::time::Time;
use crate::command;
use crate::data::stream::Stream;
use crate::data::stream_group::{ConsumerId, Delivery, Group};
use crate::data::stream_id::Id;
use crate::engine::{Call, Family};
use crate::resp::{Args, Error, Options, Reply, Result};
use crate::spec::Categories;

use super::stream_args::{id, lower, upper, write_item};
use super::stream_group::{Claim, log_claims, log_position, note_consumer};

pub const STREAM_CLAIM: Family =
    Family { name: "stream", category: Categories::STREAM, commands: &[&XAUTOCLAIM, &XCLAIM, &XPENDING] };

fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    Error::quoting("NOGROUP No such key '{}' or consumer group '{}'", &[key, group])
}

command! {
    /// Tells what a group has pending: entries that a consumer was given and has not acknowledged.
    ///
    /// In short: how many there are, the lowest and the highest id, and how many each consumer has. With a range and a
    /// count, each entry: its id, its consumer, the milliseconds since it was given out last, and how often it was. They
    /// can be those of one consumer, or those that were given out at least so many milliseconds ago.
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
    /// > XPENDING jobs workers
    /// 1) (integer) 1
    /// 2) "1-1"
    /// 3) "1-1"
    /// 4) 1) 1) "ann"
    ///       2) "1"
    /// ```
    XPENDING("key group [[IDLE min-idle-time:integer] start:string end:string count [consumer]]") -> "unknown[]";
    flags READONLY;
    keys RO | ACCESS;
    since "5.0.0";
    takes "O(N) for N entries returned or passed over";
    run xpending;
}

fn xpending(call: &mut Call<'_>) -> Result {
    let args = call.args;
    let wanted = Pending::read(args)?;
    let now_ms = call.db.now.millis();
    let stream = call.db.read::<Stream>(args.at(1))?;
    let group = stream.and_then(|stream| stream.groups.get(args.at(2)));
    let group = group.ok_or_else(|| no_key_or_group(args.at(1), args.at(2)))?;
    match wanted {
        None => summary(&mut call.reply, group),
        Some(wanted) => wanted.write(&mut call.reply, group, now_ms),
    }
    Ok(())
}

fn summary(reply: &mut Reply<'_>, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.len(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply.bulk(&first.text());
    reply.bulk(&last.text());
    let mark = reply.mark();
    let owners = group.consumers().filter(|consumer| !consumer.pending().is_empty());
    let count = owners
        .map(|consumer| {
            reply.array(2);
            reply.bulk(consumer.name());
            reply.bulk(&format_uint(consumer.pending().len() as u64));
        })
        .count();
    reply.end_array(mark, count);
}

/// Which of a group's pending entries are asked for.
struct Pending<'a> {
    min_idle: i64,
    from: Id,
    to: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Pending<'a> {
    fn read(args: Args<'a>) -> Result<Option<Self>> {
        let mut min_idle = 0;
        let at = match args.len() {
            3 => return Ok(None),
            6..=9 if args.is(3, "IDLE") => {
                min_idle = args.int(4)?;
                5
            }
            6..=9 => 3,
            _ => return Err(Error::Syntax),
        };
        if args.len() < at + 3 {
            return Err(Error::Syntax);
        }
        let count = to_count(args.int(at + 2)?).unwrap_or(0);
        let (from, to) = (lower(args.at(at))?, upper(args.at(at + 1))?);
        Ok(Some(Self { min_idle, from, to, count, consumer: args.get(at + 3) }))
    }

    fn write(self, reply: &mut Reply<'_>, group: &Group, now_ms: u64) {
        let (mark, mut count) = (reply.mark(), 0);
        let mut write = |id: Id, delivery: Delivery| {
            let idle = now_ms.saturating_sub(delivery.at_ms) as i64;
            if self.min_idle == 0 || idle >= self.min_idle {
                reply.array(4);
                reply.bulk(&id.text());
                reply.bulk(group.consumer(delivery.consumer).name());
                reply.int(idle);
                reply.int(delivery.count as i64);
                count += 1;
            }
            count < self.count
        };
        let (from, to) = (self.from, self.to);
        match self.consumer.map(|name| group.find_consumer(name)) {
            _ if self.count == 0 => {}
            Some(None) => {}
            None => {
                let pending = group.pending().iter_from(from).take_while(|(id, _)| *id <= to);
                pending.take_while(|(id, delivery)| write(*id, *delivery)).for_each(drop);
            }
            Some(Some(consumer)) => {
                let pending =
                    group.consumer(consumer).pending().iter_from(from).take_while(|(id, _)| *id <= to);
                let known = pending.filter_map(|(id, ())| Some((id, group.pending().get(id)?)));
                known.take_while(|(id, delivery)| write(*id, *delivery)).for_each(drop);
            }
        }
        reply.end_array(mark, count);
    }
}

command! {
    /// Gives entries that a group has pending to another consumer.
    ///
    /// Only those that were given out at least so many milliseconds ago. The reply has the entries, or with `JUSTID` their
    /// ids. `IDLE` or `TIME` sets when they were given out, `RETRYCOUNT` how often; `FORCE` takes entries that are not
    /// pending too. What was deleted from the stream is no longer pending then.
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
    /// > XCLAIM jobs workers bob 0 1-1 JUSTID
    /// 1) "1-1"
    /// ```
    XCLAIM("key group consumer min-idle-time:integer id... [IDLE ms:integer] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]")
        -> "([id: string, pairs: string[]] | string)[]";
    flags WRITE | FAST;
    keys RW | UPDATE;
    since "5.0.0";
    takes "O(log N) for each of the ids, with N entries pending";
    run xclaim;
}

fn xclaim(call: &mut Call<'_>) -> Result {
    let (args, now) = (call.args, call.db.now);
    let (key, name) = (args.at(1), args.at(2));
    let stream = call.db.read::<Stream>(key)?;
    if stream.is_none_or(|stream| stream.groups.get(name).is_none()) {
        return Err(no_key_or_group(key, name));
    }
    let (ids, options) = ClaimOptions::read(args, now)?;
    let stream = call.db.write::<Stream>(key)?.expect("it was just found");
    let mut groups = std::mem::take(&mut stream.groups);
    let group = groups.get_mut(name).expect("it was just found");
    let moved = options.last > group.last;
    group.last = group.last.max(options.last);
    let mut claiming = Claiming::new(stream, group, args.at(3), options.rules, now);
    let (mark, mut count) = (call.reply.mark(), 0);
    for arg in args.from(5).iter().take(ids) {
        count += usize::from(claiming.take(&mut call.reply, id(arg, 0)?));
    }
    call.reply.end_array(mark, count);
    let Claiming { claims, made, .. } = claiming;
    let (last, read) = (group.last, group.read);
    stream.groups = groups;
    if made {
        note_consumer(&mut call.db, key);
    }
    call.db.log_nothing();
    call.db.effects.count(claims.len() as u64);
    log_claims(&mut call.db, key, name, &claims);
    if moved && claims.is_empty() {
        call.db.effects.count(1);
        log_position(&mut call.db, key, name, last, read);
    }
    Ok(())
}

/// How entries are claimed.
#[derive(Clone, Copy)]
struct Rules {
    min_idle: i64,
    at_ms: u64,
    /// How often they were given out, instead of once more.
    count: Option<u64>,
    force: bool,
    just_id: bool,
}

/// What XCLAIM is told besides the ids.
struct ClaimOptions {
    rules: Rules,
    last: Id,
}

impl ClaimOptions {
    /// Returns how many ids there are too.
    fn read(args: Args<'_>, now: Time) -> Result<(usize, Self)> {
        let min_idle = min_idle(args, "ERR Invalid min-idle-time argument for XCLAIM")?;
        let ids = args.from(5).iter().take_while(|arg| id(arg, 0).is_ok()).count();
        let now_ms = now.millis() as i64;
        let (mut at_ms, mut count, mut last) = (None, None, Id::MIN);
        let (mut force, mut just_id) = (false, false);
        let mut options = args.options(5 + ids);
        while !options.is_empty() {
            if options.word("FORCE") {
                force = true;
            } else if options.word("JUSTID") {
                just_id = true;
            } else if let Some(idle) =
                number(&mut options, "IDLE", "ERR Invalid IDLE option argument for XCLAIM")?
            {
                at_ms = Some(now_ms.wrapping_sub(idle));
            } else if let Some(time) =
                number(&mut options, "TIME", "ERR Invalid TIME option argument for XCLAIM")?
            {
                at_ms = Some(time);
            } else if let Some(n) =
                number(&mut options, "RETRYCOUNT", "ERR Invalid RETRYCOUNT option argument for XCLAIM")?
            {
                count = u64::try_from(n).ok();
            } else if options.len() > 1 && options.word("LASTID") {
                last = id(options.take()?, 0)?;
            } else {
                return Err(Error::quoting("ERR Unrecognized XCLAIM option '{}'", &[options.take()?]));
            }
        }
        // A moment that can't have been is now.
        let at_ms = at_ms.filter(|at| (0..=now_ms).contains(at)).unwrap_or(now_ms) as u64;
        Ok((ids, Self { rules: Rules { min_idle, at_ms, count, force, just_id }, last }))
    }
}

/// Takes a word and the number behind it.
fn number(options: &mut Options<'_>, word: &str, refusal: &'static str) -> Result<Option<i64>> {
    if options.len() < 2 || !options.word(word) {
        return Ok(None);
    }
    parse_int(options.take()?).map(Some).ok_or(Error::Text(refusal))
}

fn min_idle(args: Args<'_>, refusal: &'static str) -> Result<i64> {
    parse_int(args.at(4)).map(|ms| ms.max(0)).ok_or(Error::Text(refusal))
}

/// A consumer that takes entries over.
struct Claiming<'a> {
    stream: &'a Stream,
    group: &'a mut Group,
    name: &'a [u8],
    rules: Rules,
    now_ms: u64,
    /// Whether the consumer had to be made.
    made: bool,
    claims: Vec<Claim>,
}

impl<'a> Claiming<'a> {
    fn new(stream: &'a Stream, group: &'a mut Group, name: &'a [u8], rules: Rules, now: Time) -> Self {
        Self { stream, group, name, rules, now_ms: now.millis(), made: false, claims: vec![] }
    }

    /// Takes an entry over if the rules allow it, and writes it; returns whether it did.
    fn take(&mut self, reply: &mut Reply<'_>, id: Id) -> bool {
        let held = self.group.pending().get(id);
        let Some(item) = self.stream.get(id) else {
            if let Some(held) = held {
                self.forget(id, held);
            }
            return false;
        };
        let idle = held.map(|held| self.now_ms.wrapping_sub(held.at_ms) as i64);
        match idle {
            None if !self.rules.force => return false,
            Some(idle) if self.rules.min_idle > 0 && idle < self.rules.min_idle => return false,
            None | Some(_) => {}
        }
        let consumer = self.consumer();
        // What is pending from now on counts as given out once before.
        let before = held.map_or(1, |held| held.count);
        let more = u64::from(!self.rules.just_id);
        let count = self.rules.count.unwrap_or(before.saturating_add(more));
        let delivery = Delivery { consumer, at_ms: self.rules.at_ms, count };
        self.group.deliver(id, delivery);
        self.claims.push(Claim::of(self.group, id, delivery));
        if self.rules.just_id {
            reply.bulk(&id.text());
        } else {
            write_item(reply, item);
        }
        true
    }

    /// Takes an entry that was deleted off what is pending. The log has a claim for it, which finds it deleted too.
    fn forget(&mut self, id: Id, held: Delivery) {
        self.claims.push(Claim::of(self.group, id, held));
        self.group.acknowledge(id);
    }

    fn consumer(&mut self) -> ConsumerId {
        let found = self.group.find_consumer(self.name).or_else(|| {
            self.made = true;
            self.group.create_consumer(self.name, self.now_ms)
        });
        let consumer = found.expect("it is there or was made");
        self.group.consumer_mut(consumer).seen_ms = self.now_ms;
        consumer
    }
}

command! {
    /// Gives what a group has had pending for long to another consumer, from an id on.
    ///
    /// The reply is the id to go on from, `0-0` at the end; the entries, or with `JUSTID` their ids; and the ids of those
    /// that were deleted from the stream, which are no longer pending. At most `COUNT` entries are taken over, 100 if not
    /// given.
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
    /// > XAUTOCLAIM jobs workers bob 0 0 JUSTID
    /// 1) "0-0"
    /// 2) 1) "1-1"
    /// 3) (empty array)
    /// ```
    XAUTOCLAIM("key group consumer min-idle-time:integer start:string [COUNT count] [JUSTID]")
        -> "[next: string, entries: ([id: string, pairs: string[]] | string)[], deleted: string[]]";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "6.2.0";
    takes "O(1) if COUNT is small";
    run xautoclaim;
}

fn xautoclaim(call: &mut Call<'_>) -> Result {
    let (args, now) = (call.args, call.db.now);
    let (key, name) = (args.at(1), args.at(2));
    // It is looked up first, which counts.
    call.db.entry_counted(key);
    let (rules, mut next, count) = autoclaim_options(args, now)?;
    let stream = call.db.write::<Stream>(key)?;
    let Some(stream) = stream.filter(|stream| stream.groups.get(name).is_some()) else {
        return Err(no_key_or_group(key, name));
    };
    let mut groups = std::mem::take(&mut stream.groups);
    let group = groups.get_mut(name).expect("it was just found");
    let mut claiming = Claiming::new(stream, group, args.at(3), rules, now);
    let (start, mut taken, mut deleted) = (call.reply.mark(), 0, vec![]);
    // Entries that are not idle for long enough are passed over, but not for ever.
    let (mut left, mut attempts) = (count, count.saturating_mul(10));
    while left > 0
        && attempts > 0
        && let Some((id, _)) = next.and_then(|next| claiming.group.pending().first_from(next))
    {
        attempts -= 1;
        let before = claiming.group.pending().len();
        if claiming.take(&mut call.reply, id) {
            (taken, left) = (taken + 1, left - 1);
        } else if claiming.group.pending().len() < before {
            deleted.push(id);
            left -= 1;
        }
        next = id.next();
    }
    let next = next.and_then(|next| claiming.group.pending().first_from(next)).map_or(Id::MIN, |(id, _)| id);
    call.reply.end_array(start, taken);
    call.reply.insert_bulk(start, &next.text());
    let Claiming { claims, made, .. } = claiming;
    stream.groups = groups;
    call.reply.array(deleted.len());
    deleted.iter().for_each(|id| call.reply.bulk(&id.text()));
    call.reply.end_array(start, 3);
    if made {
        note_consumer(&mut call.db, key);
    }
    call.db.log_nothing();
    call.db.effects.count(claims.len() as u64);
    log_claims(&mut call.db, key, name, &claims);
    Ok(())
}

/// Returns how to claim, where to begin, and how many entries at most.
fn autoclaim_options(args: Args<'_>, now: Time) -> Result<(Rules, Option<Id>, usize)> {
    const COUNT: Error = Error::Text("ERR COUNT must be > 0");
    let min_idle = min_idle(args, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let from = lower(args.at(5))?;
    let (mut count, mut just_id) = (100, false);
    let mut options = args.options(6);
    while !options.is_empty() {
        if options.len() > 1 && options.word("COUNT") {
            let number = parse_int(options.take()?).filter(|n| (1..=i64::MAX / 16).contains(n));
            count = usize::try_from(number.ok_or(COUNT)?).unwrap_or(usize::MAX);
        } else if options.word("JUSTID") {
            just_id = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    let rules = Rules { min_idle, at_ms: now.millis(), count: None, force: false, just_id };
    Ok((rules, Some(from), count))
}
