//! Hashes. The deadlines of their fields are in `hash_expiry`.

use crate::base::long_double::LongDouble;
use crate::base::number::{format_int, parse_int};
use crate::command;
use crate::data::hash::{Hash, Lifetime, Pair};
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Error, Reply, Result};
use crate::spec::Categories;

use super::elements::{Draw, Named, begin_element, begin_elements, draw_in_turns, scan_in};

pub const HASH: Family = Family {
    name: "hash",
    category: Categories::HASH,
    commands: &[
        &HDEL,
        &HEXISTS,
        &HGET,
        &HGETALL,
        &HINCRBY,
        &HINCRBYFLOAT,
        &HKEYS,
        &HLEN,
        &HMGET,
        &HMSET,
        &HRANDFIELD,
        &HSCAN,
        &HSET,
        &HSETNX,
        &HSTRLEN,
        &HVALS,
    ],
};

command! {
    /// Gives fields of a hash values; the hash is made if the key does not exist.
    ///
    /// The reply is how many of the fields are new.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HSET user born 1816
    /// (integer) 0
    /// ```
    HSET("key <field value>...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "2.0.0";
    takes "O(1) for each field";
    run hset;
}

fn hset(call: &mut Call<'_>) -> Result {
    let added = set_fields(call, "HSET")?;
    call.reply.len(added);
    Ok(())
}

command! {
    /// Gives fields of a hash values, and says only that it did.
    ///
    /// `HSET` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > HMSET user name Ada born 1815
    /// OK
    /// ```
    HMSET("key <field value>...") -> "'OK'";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "2.0.0";
    takes "O(1) for each field";
    run hmset;
}

fn hmset(call: &mut Call<'_>) -> Result {
    set_fields(call, "HMSET")?;
    call.reply.ok();
    Ok(())
}

/// Sets the fields that the arguments name; returns how many are new.
fn set_fields(call: &mut Call<'_>, name: &'static str) -> Result<usize> {
    let (key, pairs) = (call.args.at(1), call.args.from(2));
    if pairs.len() % 2 == 1 {
        return Err(Error::WrongArity(name));
    }
    let limits = call.db.limits;
    let hash = call.db.write_or_new::<Hash>(key)?;
    let fields = (0..pairs.len()).step_by(2);
    let added =
        fields.filter(|i| hash.set(pairs.at(*i), pairs.at(i + 1), Lifetime::Forever, &limits)).count();
    call.db.touch(key, Event::hash("hset"));
    call.db.effects.count(pairs.len() as u64 / 2 - 1);
    Ok(added)
}

command! {
    /// Gives a field of a hash a value, if there is no such field yet.
    ///
    /// The reply is 1 if the field is new, and else 0.
    ///
    /// ```redis
    /// > HSETNX user name Ada
    /// (integer) 1
    /// > HSETNX user name Grace
    /// (integer) 0
    /// > HGET user name
    /// "Ada"
    /// ```
    HSETNX("key field value") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "2.0.0";
    takes "O(1)";
    run hsetnx;
}

fn hsetnx(call: &mut Call<'_>) -> Result {
    let (key, field, value) = (call.args.at(1), call.args.at(2), call.args.at(3));
    let limits = call.db.limits;
    let hash = call.db.write_or_new::<Hash>(key)?;
    let free = !hash.has(field);
    if free {
        hash.set(field, value, Lifetime::Forever, &limits);
        call.db.touch(key, Event::hash("hset"));
    }
    call.reply.int(i64::from(free));
    Ok(())
}

command! {
    /// Returns the value of a field of a hash.
    ///
    /// The reply is null if there is no such field, or no such key.
    ///
    /// ```redis
    /// > HSET user name Ada
    /// (integer) 1
    /// > HGET user name
    /// "Ada"
    /// > HGET user email
    /// (nil)
    /// ```
    HGET("key field") -> "string | null";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(1)";
    run hget;
}

fn hget(call: &mut Call<'_>) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let value = hash.and_then(|hash| hash.get(call.args.at(2)));
    call.reply.bulk_or_null(value.as_deref());
    Ok(())
}

command! {
    /// Returns the values of fields of a hash.
    ///
    /// In the order in which they were asked for; null stands for a field that is not there.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HMGET user born email name
    /// 1) "1815"
    /// 2) (nil)
    /// 3) "Ada"
    /// ```
    HMGET("key field...") -> "(string | null)[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(1) for each field";
    run hmget;
}

fn hmget(call: &mut Call<'_>) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let fields = call.args.from(2);
    call.reply.array(fields.len());
    for field in fields.iter() {
        let value = hash.and_then(|hash| hash.get(field));
        call.reply.bulk_or_null(value.as_deref());
    }
    Ok(())
}

command! {
    /// Returns all fields of a hash with their values.
    ///
    /// A key that does not exist counts as a hash without fields.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HGETALL user
    /// 1) "name"
    /// 2) "Ada"
    /// 3) "born"
    /// 4) "1815"
    /// ```
    HGETALL("key") -> "Record<string, string>";
    flags READONLY;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(N) for N fields";
    run hgetall;
}

fn hgetall(call: &mut Call<'_>) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    call.reply.map(hash.map_or(0, Hash::len));
    for pair in hash.into_iter().flat_map(Hash::iter) {
        call.reply.bulk(&pair.field());
        call.reply.bulk(&pair.value());
    }
    Ok(())
}

command! {
    /// Returns all fields of a hash without their values.
    ///
    /// A key that does not exist counts as a hash without fields.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HKEYS user
    /// 1) "name"
    /// 2) "born"
    /// ```
    HKEYS("key") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(N) for N fields";
    run hkeys;
}

fn hkeys(call: &mut Call<'_>) -> Result {
    list(call, |reply, pair| reply.bulk(&pair.field()))
}

command! {
    /// Returns the values of all fields of a hash.
    ///
    /// A key that does not exist counts as a hash without fields.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HVALS user
    /// 1) "Ada"
    /// 2) "1815"
    /// ```
    HVALS("key") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(N) for N fields";
    run hvals;
}

fn hvals(call: &mut Call<'_>) -> Result {
    list(call, |reply, pair| reply.bulk(&pair.value()))
}

/// Answers with an array of what `show` writes for each field.
fn list(call: &mut Call<'_>, show: impl Fn(&mut Reply<'_>, Pair<'_>)) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    call.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|pair| show(&mut call.reply, pair));
    Ok(())
}

command! {
    /// Returns how many fields a hash has.
    ///
    /// A key that does not exist counts as a hash without fields.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HLEN user
    /// (integer) 2
    /// ```
    HLEN("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "2.0.0";
    takes "O(1)";
    run hlen;
}

fn hlen(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<Hash>(call.args.at(1))?.map_or(0, Hash::len);
    call.reply.len(len);
    Ok(())
}

command! {
    /// Returns the length in bytes of a field's value.
    ///
    /// It is 0 if there is no such field, or no such key.
    ///
    /// ```redis
    /// > HSET user name Ada
    /// (integer) 1
    /// > HSTRLEN user name
    /// (integer) 3
    /// ```
    HSTRLEN("key field") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "3.2.0";
    takes "O(1)";
    run hstrlen;
}

fn hstrlen(call: &mut Call<'_>) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let value = hash.and_then(|hash| hash.get(call.args.at(2)));
    call.reply.len(value.map_or(0, |value| value.len()));
    Ok(())
}

command! {
    /// Tells whether a hash has a field.
    ///
    /// The reply is 1 if it has, and else 0.
    ///
    /// ```redis
    /// > HSET user name Ada
    /// (integer) 1
    /// > HEXISTS user email
    /// (integer) 0
    /// ```
    HEXISTS("key field") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "2.0.0";
    takes "O(1)";
    run hexists;
}

fn hexists(call: &mut Call<'_>) -> Result {
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let found = hash.is_some_and(|hash| hash.has(call.args.at(2)));
    call.reply.int(i64::from(found));
    Ok(())
}

command! {
    /// Removes fields of a hash.
    ///
    /// The reply is how many there were. A hash without fields does not exist.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HDEL user born email
    /// (integer) 1
    /// ```
    HDEL("key field...") -> "number";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "2.0.0";
    takes "O(1) for each field";
    run hdel;
}

fn hdel(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let Some(hash) = call.db.write::<Hash>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = call.args.from(2).iter().filter(|field| hash.remove(field)).count();
    let left = hash.len();
    call.db.shrank(key, Event::hash("hdel"), removed, left);
    call.reply.len(removed);
    Ok(())
}

command! {
    /// Adds an integer to the one that a field holds.
    ///
    /// A field that does not exist counts as zero. The reply is the new value.
    ///
    /// ```redis
    /// > HINCRBY page views 1
    /// (integer) 1
    /// > HINCRBY page views 41
    /// (integer) 42
    /// ```
    HINCRBY("key field increment:integer") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "2.0.0";
    takes "O(1)";
    run hincrby;
}

fn hincrby(call: &mut Call<'_>) -> Result {
    let (key, field, by) = (call.args.at(1), call.args.at(2), call.args.int(3)?);
    let limits = call.db.limits;
    let hash = call.db.write::<Hash>(key)?;
    let old = match hash.as_ref().and_then(|hash| hash.get(field)) {
        Some(value) => parse_int(&value).ok_or(Error::Text("ERR hash value is not an integer"))?,
        None => 0,
    };
    let new = old.checked_add(by).ok_or(Error::Overflow)?;
    call.db.write_or_new::<Hash>(key)?.set(field, &format_int(new), Lifetime::Keep, &limits);
    call.db.touch(key, Event::hash("hincrby"));
    call.reply.int(new);
    Ok(())
}

command! {
    /// Adds a number with a fraction to the one that a field holds.
    ///
    /// A field that does not exist counts as zero. The reply is the new value, with at most 17 digits behind the point.
    ///
    /// ```redis
    /// > HSET cart total 10.50
    /// (integer) 1
    /// > HINCRBYFLOAT cart total 0.1
    /// "10.6"
    /// ```
    HINCRBYFLOAT("key field increment:double") -> "string";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "2.6.0";
    takes "O(1)";
    run hincrbyfloat;
}

fn hincrbyfloat(call: &mut Call<'_>) -> Result {
    let (key, field) = (call.args.at(1), call.args.at(2));
    let by = LongDouble::parse(call.args.at(3)).ok_or(Error::NotFloat)?;
    if !by.is_finite() {
        return Err(Error::Text("ERR value is NaN or Infinity"));
    }
    let limits = call.db.limits;
    let hash = call.db.write::<Hash>(key)?;
    let pair = hash.as_ref().and_then(|hash| hash.find(field));
    let timed = pair.as_ref().is_some_and(|pair| pair.deadline.is_some());
    let old = pair.map_or(LongDouble::parse(b"0"), |pair| LongDouble::parse(&pair.value()));
    let old = old.ok_or(Error::Text("ERR hash value is not a float"))?;
    let new = old.checked_add(by).ok_or(Error::Text("ERR increment would produce NaN or Infinity"))?.format();
    call.db.write_or_new::<Hash>(key)?.set(field, &new, Lifetime::Keep, &limits);
    call.db.touch(key, Event::hash("hincrbyfloat"));
    if timed {
        call.db.log_as(&[b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, &new]);
    } else {
        call.db.log_as(&[b"HSET", key, field, &new]);
    }
    call.reply.bulk(&new);
    Ok(())
}

command! {
    /// Returns random fields of a hash.
    ///
    /// One without a count. With one there is an array of so many different fields, all of them if there are fewer; a
    /// negative count allows a field to come more than once. `WITHVALUES` adds their values.
    ///
    /// ```redis
    /// > HSET coin heads obverse
    /// (integer) 1
    /// > HRANDFIELD coin
    /// "heads"
    /// > HRANDFIELD coin 5 WITHVALUES
    /// 1) "heads"
    /// 2) "obverse"
    /// > HRANDFIELD coin -2
    /// 1) "heads"
    /// 2) "heads"
    /// ```
    HRANDFIELD("key [count [WITHVALUES]]") -> "string | null | string[] | [field: string, value: string][]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(N) for N fields returned";
    run hrandfield;
}

fn hrandfield(call: &mut Call<'_>) -> Result {
    let draw = Draw::read(call.args, "WITHVALUES")?;
    let hash = call.db.read::<Hash>(call.args.at(1))?;
    let (random, reply) = (&mut call.shared.random, &mut call.reply);
    match (hash, draw) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(hash), None) => hash.draw(1, random, |pair| reply.bulk(&pair.field())),
        (Some(hash), Some(draw)) => {
            let n = draw.of(hash.len());
            begin_elements(reply, n, draw.with_values);
            let show = |reply: &mut Reply<'_>, pair: Pair<'_>| {
                begin_element(reply, &pair.field(), draw.with_values);
                if draw.with_values {
                    reply.bulk(&pair.value());
                }
            };
            if draw.repeats {
                draw_in_turns(reply, n, |reply, n| hash.draw(n, random, |pair| show(reply, pair)));
            } else {
                hash.sample(n, random, |pair| show(reply, pair));
            }
        }
    }
    Ok(())
}

command! {
    /// Goes through the fields of a hash in steps.
    ///
    /// As SCAN goes through keys: fields that are there all the time are all returned. A small hash comes at once.
    /// `NOVALUES` (Redis 7.4) leaves the values out.
    ///
    /// ```redis
    /// > HSET user name Ada born 1815
    /// (integer) 2
    /// > HSCAN user 0 MATCH n*
    /// 1) "0"
    /// 2) 1) "name"
    ///    2) "Ada"
    /// ```
    HSCAN("key cursor [MATCH pattern] [COUNT count] [NOVALUES]") -> "[cursor: string, pairs: string[]]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.0";
    takes "O(1) for each step, O(N) for all, with N fields";
    run hscan;
}

fn hscan(call: &mut Call<'_>) -> Result {
    scan_in::<Hash>(call, Named::Fields, |hash, step| {
        hash.scan(step.cursor, step.wanted.count, |pair| step.meet(&pair.field(), Some(&pair.value())))
    })
}
