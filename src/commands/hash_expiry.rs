//! Deadlines of fields of hashes, and what sets or removes fields besides.

use crate::base::number::{format_int, parse_int};
use crate::base::time::Time;
use crate::command;
use crate::data::hash::{Hash, Lifetime};
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::expiry::{From, Unit, moment};

pub const HASH_EXPIRY: Family = Family {
    name: "hash",
    category: Categories::HASH,
    commands: &[
        &HEXPIRE,
        &HEXPIREAT,
        &HEXPIRETIME,
        &HGETDEL,
        &HGETEX,
        &HPERSIST,
        &HPEXPIRE,
        &HPEXPIREAT,
        &HPEXPIRETIME,
        &HPTTL,
        &HSETEX,
        &HTTL,
    ],
};

command! {
    /// Sets when fields of a hash expire, in seconds from now.
    ///
    /// NX wants fields without a deadline and XX ones with; GT and LT want the new deadline to be later or earlier than
    /// the old one. The reply has for each field a 1 if the deadline was set, 0 if a condition forbade it, 2 if the field
    /// is gone at once because the deadline is not ahead, and -2 if there is no such field. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session user ann token x1
    /// (integer) 2
    /// > HEXPIRE session 60 FIELDS 2 token nothing
    /// 1) (integer) 1
    /// 2) (integer) -2
    /// ```
    HEXPIRE("key seconds [NX|XX|GT|LT] FIELDS numfields field...") -> "number[]";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    arity -6;
    since "7.4.0";
    takes "O(N) for N fields";
    run hexpire;
}

fn hexpire(call: &mut Call<'_>) -> Result {
    set_deadlines(call, Unit::Seconds, From::Now)
}

command! {
    /// Sets when fields of a hash expire, in milliseconds from now.
    ///
    /// Conditions and reply are those of HEXPIRE. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HPEXPIRE session 1500 FIELDS 1 token
    /// 1) (integer) 1
    /// ```
    HPEXPIRE("key milliseconds [NX|XX|GT|LT] FIELDS numfields field...") -> "number[]";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    arity -6;
    since "7.4.0";
    takes "O(N) for N fields";
    run hpexpire;
}

fn hpexpire(call: &mut Call<'_>) -> Result {
    set_deadlines(call, Unit::Milliseconds, From::Now)
}

command! {
    /// Sets when fields of a hash expire, in seconds since 1970.
    ///
    /// Conditions and reply are those of HEXPIRE. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HEXPIREAT session 33177117420 FIELDS 1 token
    /// 1) (integer) 1
    /// ```
    HEXPIREAT("key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field...") -> "number[]";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    arity -6;
    since "7.4.0";
    takes "O(N) for N fields";
    run hexpireat;
}

fn hexpireat(call: &mut Call<'_>) -> Result {
    set_deadlines(call, Unit::Seconds, From::Epoch)
}

command! {
    /// Sets when fields of a hash expire, in milliseconds since 1970.
    ///
    /// Conditions and reply are those of HEXPIRE. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HPEXPIREAT session 33177117420000 FIELDS 1 token
    /// 1) (integer) 1
    /// ```
    HPEXPIREAT("key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field...") -> "number[]";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    arity -6;
    since "7.4.0";
    takes "O(N) for N fields";
    run hpexpireat;
}

fn hpexpireat(call: &mut Call<'_>) -> Result {
    set_deadlines(call, Unit::Milliseconds, From::Epoch)
}

/// What an old deadline must be like for a new one to be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Any,
    None,
    Some,
    Later,
    Earlier,
}

impl Condition {
    const WORDS: [(&str, Self); 4] =
        [("NX", Self::None), ("XX", Self::Some), ("GT", Self::Later), ("LT", Self::Earlier)];

    /// A field without a deadline counts as one that expires never.
    fn holds(self, old: Option<Time>, new: Time) -> bool {
        match self {
            Condition::Any => true,
            Condition::None => old.is_none(),
            Condition::Some => old.is_some(),
            Condition::Later => old.is_some_and(|old| new > old),
            Condition::Earlier => old.is_none_or(|old| new < old),
        }
    }
}

/// No deadline of a field is later: 46 bits of milliseconds.
const LAST_MS: i64 = (1 << 46) - 1;

/// Reads a deadline.
fn deadline(call: &Call<'_>, text: &[u8], unit: Unit, from: From) -> Result<Time> {
    let n = parse_int(text).ok_or(Error::NotInteger)?;
    if n < 0 {
        return Err(Error::Text("ERR invalid expire time, must be >= 0"));
    }
    let ms = moment(n, unit, from, call.db.now).filter(|ms| *ms <= LAST_MS);
    let ms = ms.ok_or_else(|| {
        let name = String::from_utf8_lossy(call.args.at(0)).to_ascii_lowercase();
        Error::said(format!("ERR invalid expire time in '{name}' command"))
    })?;
    Ok(Time::from_millis(ms as u64))
}

/// Reads `FIELDS`, a number, and so many fields, from a place to the end.
fn fields<'a>(args: Args<'a>, at: usize, bad_number: &'static str) -> Result<Args<'a>> {
    if !args.is(at, "FIELDS") {
        return Err(Error::Text("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count =
        args.get(at + 1).and_then(parse_int).filter(|count| *count > 0).ok_or(Error::Text(bad_number))?;
    let fields = args.from(at + 2);
    if count != fields.len() as i64 {
        return Err(Error::Text("ERR The `numfields` parameter must match the number of arguments"));
    }
    Ok(fields)
}

const NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";

fn set_deadlines(call: &mut Call<'_>, unit: Unit, from: From) -> Result {
    let key = call.args.at(1);
    let known = call.db.write::<Hash>(key)?.is_some();
    let at = deadline(call, call.args.at(2), unit, from)?;
    let word = Condition::WORDS.iter().find(|(word, _)| call.args.is(3, word));
    let condition = word.map_or(Condition::Any, |(_, condition)| *condition);
    let place = if word.is_some() { 4 } else { 3 };
    let fields = fields(call.args, place, "ERR Parameter `numFields` should be greater than 0")?;
    call.reply.array(fields.len());
    if !known {
        fields.iter().for_each(|_| call.reply.int(-2));
        return Ok(());
    }
    let mut change = Change::new(call, Some(at));
    let hash = call.db.write::<Hash>(key)?.expect("it was just found");
    for field in fields.iter() {
        let answer = match hash.find(field) {
            None => -2,
            Some(pair) if !condition.holds(pair.deadline, at) => 0,
            Some(_) => {
                change.make(hash, field);
                if change.removes { 2 } else { 1 }
            }
        };
        call.reply.int(answer);
    }
    change.end(call, key);
    Ok(())
}

/// Fields getting a deadline, or losing theirs, and those that go because the deadline is not ahead.
struct Change<'a> {
    deadline: Option<Time>,
    /// While a log is replayed, what it says of deadlines holds, even of those that have passed since.
    removes: bool,
    changed: Vec<&'a [u8]>,
}

impl<'a> Change<'a> {
    fn new(call: &Call<'_>, deadline: Option<Time>) -> Self {
        let late = deadline.is_some_and(|at| at <= call.db.now);
        Self { deadline, removes: late && call.db.lazy_expiry, changed: vec![] }
    }

    fn make(&mut self, hash: &mut Hash, field: &'a [u8]) {
        if self.removes {
            hash.remove(field);
        } else {
            hash.set_deadline(field, self.deadline);
        }
        self.changed.push(field);
    }

    /// Notes and logs what was done to the fields of a key.
    fn end(self, call: &mut Call<'_>, key: &[u8]) {
        if self.changed.is_empty() {
            return call.db.log_nothing();
        }
        let (count, ms) =
            (format_int(self.changed.len() as i64), self.deadline.map(|at| format_int(at.millis() as i64)));
        let (event, mut words): (_, Vec<&[u8]>) = match &ms {
            _ if self.removes => ("hdel", vec![b"HDEL", key]),
            Some(ms) => ("hexpire", vec![b"HPEXPIREAT", key, ms, b"FIELDS", &count]),
            None => ("hpersist", vec![b"HPERSIST", key, b"FIELDS", &count]),
        };
        words.extend(&self.changed);
        call.db.touch(key, Event::hash(event));
        call.db.effects.count(self.changed.len() as u64 - 1);
        call.db.log_as(&words);
        if self.removes {
            remove_if_empty(call, key);
        } else if let Some(at) = self.deadline {
            call.db.watch_fields(key, at);
        }
    }
}

fn remove_if_empty(call: &mut Call<'_>, key: &[u8]) {
    if call.db.write::<Hash>(key).is_ok_and(|hash| hash.is_some_and(|hash| hash.is_empty())) {
        call.db.remove_emptied(key);
    }
}

command! {
    /// Takes the deadlines of fields of a hash away.
    ///
    /// The reply has for each field a 1 if it had one, -1 if it had none, and -2 if there is no such field. New in Redis
    /// 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HPERSIST session FIELDS 1 token
    /// 1) (integer) -1
    /// ```
    HPERSIST("key FIELDS numfields field...") -> "number[]";
    flags WRITE | FAST;
    keys RW | UPDATE;
    since "7.4.0";
    takes "O(N) for N fields";
    run hpersist;
}

fn hpersist(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let known = call.db.write::<Hash>(key)?.is_some();
    let fields = fields(call.args, 2, NOT_POSITIVE)?;
    call.reply.array(fields.len());
    if !known {
        fields.iter().for_each(|_| call.reply.int(-2));
        return Ok(());
    }
    let mut change = Change::new(call, None);
    let hash = call.db.write::<Hash>(key)?.expect("it was just found");
    for field in fields.iter() {
        let answer = match hash.find(field).map(|pair| pair.deadline) {
            None => -2,
            Some(None) => -1,
            Some(Some(_)) => {
                change.make(hash, field);
                1
            }
        };
        call.reply.int(answer);
    }
    change.end(call, key);
    Ok(())
}

command! {
    /// Returns how many seconds fields of a hash have left.
    ///
    /// -1 stands for a field without a deadline, -2 for one that is not there. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session user ann token x1
    /// (integer) 2
    /// > HEXPIRE session 60 FIELDS 1 token
    /// 1) (integer) 1
    /// > HTTL session FIELDS 3 token user nothing
    /// 1) (integer) 60
    /// 2) (integer) -1
    /// 3) (integer) -2
    /// ```
    HTTL("key FIELDS numfields field...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.4.0";
    takes "O(N) for N fields";
    run httl;
}

fn httl(call: &mut Call<'_>) -> Result {
    let now = call.db.now.millis() as i64;
    show(call, |at| (at - now).max(0).saturating_add(999) / 1000)
}

command! {
    /// Returns how many milliseconds fields of a hash have left.
    ///
    /// -1 stands for a field without a deadline, -2 for one that is not there. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HPTTL session FIELDS 1 token
    /// 1) (integer) -1
    /// ```
    HPTTL("key FIELDS numfields field...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.4.0";
    takes "O(N) for N fields";
    run hpttl;
}

fn hpttl(call: &mut Call<'_>) -> Result {
    let now = call.db.now.millis() as i64;
    show(call, |at| (at - now).max(0))
}

command! {
    /// Returns when fields of a hash expire, in seconds since 1970.
    ///
    /// -1 stands for a field without a deadline, -2 for one that is not there. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HEXPIREAT session 33177117420 FIELDS 1 token
    /// 1) (integer) 1
    /// > HEXPIRETIME session FIELDS 1 token
    /// 1) (integer) 33177117420
    /// ```
    HEXPIRETIME("key FIELDS numfields field...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.4.0";
    takes "O(N) for N fields";
    run hexpiretime;
}

fn hexpiretime(call: &mut Call<'_>) -> Result {
    show(call, |at| at.saturating_add(999) / 1000)
}

command! {
    /// Returns when fields of a hash expire, in milliseconds since 1970.
    ///
    /// -1 stands for a field without a deadline, -2 for one that is not there. New in Redis 7.4.
    ///
    /// ```redis
    /// > HSET session token x1
    /// (integer) 1
    /// > HPEXPIREAT session 33177117420000 FIELDS 1 token
    /// 1) (integer) 1
    /// > HPEXPIRETIME session FIELDS 1 token
    /// 1) (integer) 33177117420000
    /// ```
    HPEXPIRETIME("key FIELDS numfields field...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.4.0";
    takes "O(N) for N fields";
    run hpexpiretime;
}

fn hpexpiretime(call: &mut Call<'_>) -> Result {
    show(call, |at| at)
}

/// Answers with what `shown` makes of the fields' deadlines in milliseconds since 1970.
fn show(call: &mut Call<'_>, shown: impl Fn(i64) -> i64) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let fields = fields(call.args, 2, NOT_POSITIVE)?;
    call.reply.array(fields.len());
    for field in fields.iter() {
        call.reply.int(match hash.and_then(|hash| hash.find(field)) {
            None => -2,
            Some(pair) => pair.deadline.map_or(-1, |at| shown(at.millis() as i64)),
        });
    }
    Ok(())
}

/// How HGETEX and HSETEX spell deadlines.
const SPELLINGS: [(&str, Unit, From); 4] = [
    ("EX", Unit::Seconds, From::Now),
    ("PX", Unit::Milliseconds, From::Now),
    ("EXAT", Unit::Seconds, From::Epoch),
    ("PXAT", Unit::Milliseconds, From::Epoch),
];

command! {
    /// Returns the values of fields of a hash, and sets when the fields expire, or that they don't.
    ///
    /// A deadline that is not ahead removes them. Without an option it does what HMGET does. New in Redis 8.0.
    ///
    /// ```redis
    /// > HSET session user ann token x1
    /// (integer) 2
    /// > HGETEX session EX 60 FIELDS 2 token nothing
    /// 1) "x1"
    /// 2) (nil)
    /// > HTTL session FIELDS 1 token
    /// 1) (integer) 60
    /// ```
    HGETEX("key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST] FIELDS numfields field...")
        -> "(string | null)[]";
    flags WRITE | FAST;
    keys RW | ACCESS | UPDATE;
    since "8.0.0";
    takes "O(N) for N fields";
    run hgetex;
}

fn hgetex(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let known = call.db.write::<Hash>(key)?.is_some();
    let spelling = SPELLINGS.iter().find(|(word, ..)| call.args.is(2, word));
    let persists = call.args.is(2, "PERSIST");
    let (at, place) = match spelling {
        Some((_, unit, from)) => {
            (Some(deadline(call, call.args.get(3).ok_or(Error::Syntax)?, *unit, *from)?), 4)
        }
        None => (None, if persists { 3 } else { 2 }),
    };
    let fields = fields(call.args, place, NOT_POSITIVE)?;
    call.reply.array(fields.len());
    if !known {
        fields.iter().for_each(|_| call.reply.null());
        return Ok(());
    }
    let mut change = Change::new(call, at);
    let hash = call.db.write::<Hash>(key)?.expect("it was just found");
    for field in fields.iter() {
        let pair = hash.find(field);
        call.reply.bulk_or_null(pair.as_ref().map(|pair| pair.value()).as_deref());
        let changes = pair.is_some_and(|pair| at.is_some() || persists && pair.deadline.is_some());
        if changes {
            change.make(hash, field);
        }
    }
    change.end(call, key);
    Ok(())
}

command! {
    /// Returns the values of fields of a hash, and removes the fields.
    ///
    /// In the order in which they were asked for; null stands for a field that is not there. New in Redis 8.0.
    ///
    /// ```redis
    /// > HSET session user ann token x1
    /// (integer) 2
    /// > HGETDEL session FIELDS 2 token nothing
    /// 1) "x1"
    /// 2) (nil)
    /// > HEXISTS session token
    /// (integer) 0
    /// ```
    HGETDEL("key FIELDS numfields field...") -> "(string | null)[]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "8.0.0";
    takes "O(N) for N fields";
    run hgetdel;
}

fn hgetdel(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let known = call.db.write::<Hash>(key)?.is_some();
    let fields = fields(call.args, 2, NOT_POSITIVE)?;
    call.reply.array(fields.len());
    if !known {
        fields.iter().for_each(|_| call.reply.null());
        return Ok(());
    }
    let mut change = Change { deadline: None, removes: true, changed: vec![] };
    let hash = call.db.write::<Hash>(key)?.expect("it was just found");
    for field in fields.iter() {
        call.reply.bulk_or_null(hash.get(field).as_deref());
        if hash.has(field) {
            change.make(hash, field);
        }
    }
    change.end(call, key);
    Ok(())
}

command! {
    /// Gives fields of a hash values, and sets when the fields expire.
    ///
    /// FNX wants none of the fields to exist, FXX all of them; if that does not hold nothing is done, and the reply is 0
    /// instead of 1. Without KEEPTTL and a deadline the fields lose theirs. New in Redis 8.0.
    ///
    /// ```redis
    /// > HSETEX session FNX EX 60 FIELDS 2 user ann token x1
    /// (integer) 1
    /// > HTTL session FIELDS 1 user
    /// 1) (integer) 60
    /// > HSETEX session FNX FIELDS 1 user bob
    /// (integer) 0
    /// ```
    HSETEX("key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields <field value>...")
        -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "8.0.0";
    takes "O(N) for N fields";
    run hsetex;
}

/// What HSETEX is asked for.
struct Wanted<'a> {
    lifetime: Lifetime,
    /// Whether all fields must be there, or none.
    all: Option<bool>,
    pairs: Args<'a>,
}

impl<'a> Wanted<'a> {
    fn read(call: &Call<'a>) -> Result<Self> {
        let args = call.args;
        let (mut lifetime, mut all) = (None, None);
        let mut at = 2;
        while !args.is(at, "FIELDS") {
            let one_lifetime = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
            let word = args.get(at).ok_or(Error::WrongArity("HSETEX"))?;
            let spelling = SPELLINGS.iter().find(|(word, ..)| args.is(at, word));
            if (spelling.is_some() || args.is(at, "KEEPTTL")) && lifetime.is_some() {
                return Err(Error::Text(one_lifetime));
            }
            if let Some((_, unit, from)) = spelling {
                at += 1;
                let text = args.get(at).ok_or(Error::Text("ERR missing expire time"))?;
                lifetime = Some(Lifetime::Until(deadline(call, text, *unit, *from)?));
            } else if args.is(at, "KEEPTTL") {
                lifetime = Some(Lifetime::Keep);
            } else if args.is(at, "FXX") || args.is(at, "FNX") {
                if all.is_some() {
                    return Err(Error::Text("ERR Only one of FXX or FNX arguments can be specified"));
                }
                all = Some(args.is(at, "FXX"));
            } else {
                return Err(Error::quoting("ERR unknown argument: {}", &[word]));
            }
            at += 1;
        }
        let pairs = args.from(at + 2);
        if pairs.len() < 2 {
            return Err(Error::WrongArity("HSETEX"));
        }
        let count = parse_int(args.at(at + 1)).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
        let count = count.ok_or(Error::Text("ERR invalid number of fields"))?;
        if pairs.len() as i64 != 2 * count {
            return Err(Error::WrongArity("HSETEX"));
        }
        Ok(Self { lifetime: lifetime.unwrap_or(Lifetime::Forever), all, pairs })
    }

    fn allows(&self, hash: Option<&Hash>) -> bool {
        let names = (0..self.pairs.len()).step_by(2).map(|i| self.pairs.at(i));
        let mut found = names.map(|field| hash.is_some_and(|hash| hash.has(field)));
        self.all.is_none_or(|all| found.all(|found| found == all))
    }
}

fn hsetex(call: &mut Call<'_>) -> Result {
    let wanted = Wanted::read(call)?;
    let (key, limits, pairs) = (call.args.at(1), call.db.limits, wanted.pairs);
    if !wanted.allows(call.db.write::<Hash>(key)?.as_deref()) {
        call.reply.int(0);
        return Ok(());
    }
    let hash = call.db.write_or_new::<Hash>(key)?;
    let places = (0..pairs.len()).step_by(2);
    for i in places.clone() {
        hash.set(pairs.at(i), pairs.at(i + 1), wanted.lifetime, &limits);
    }
    call.db.touch(key, Event::hash("hset"));
    call.db.effects.count(pairs.len() as u64 / 2 - 1);
    call.reply.int(1);
    let Lifetime::Until(at) = wanted.lifetime else { return Ok(()) };
    let mut change = Change::new(call, Some(at));
    if change.removes {
        let hash = call.db.write::<Hash>(key)?.expect("it was just made");
        places.for_each(|i| change.make(hash, pairs.at(i)));
        change.end(call, key);
        return Ok(());
    }
    call.db.touch_uncounted(key, Event::hash("hexpire"));
    call.db.watch_fields(key, at);
    let (ms, count) = (format_int(at.millis() as i64), format_int(pairs.len() as i64 / 2));
    let mut words: Vec<&[u8]> = vec![b"HSETEX", key, b"PXAT", &ms, b"FIELDS", &count];
    words.extend(pairs.iter());
    call.db.log_as(&words);
    Ok(())
}
