//! Sets. What combines several is in `set_algebra`.

use crate::base::bytes::Bytes;
use crate::base::number::{parse_int, to_count};
use crate::command;
use crate::data::list::Item;
use crate::data::set::Set;
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::elements::{Draw, Named, draw_in_turns, scan_in};

pub const SET_FAMILY: Family = Family {
    name: "set",
    category: Categories::SET,
    commands: &[
        &SADD,
        &SCARD,
        &SISMEMBER,
        &SMEMBERS,
        &SMISMEMBER,
        &SMOVE,
        &SPOP,
        &SRANDMEMBER,
        &SREM,
        &SSCAN,
    ],
};

command! {
    /// Puts members into a set, which is made if the key does not exist.
    ///
    /// The reply is how many of them were not there before.
    ///
    /// ```redis
    /// > SADD colours red green
    /// (integer) 2
    /// > SADD colours green blue
    /// (integer) 1
    /// ```
    SADD("key member...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "1.0.0";
    takes "O(1) for each member";
    run sadd;
}

fn sadd(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let limits = call.db.limits;
    let set = call.db.write_or_new::<Set>(key)?;
    let added = call.args.from(2).iter().filter(|member| set.insert(member, &limits)).count();
    if added > 0 {
        call.db.touch(key, Event::set("sadd"));
        call.db.effects.count(added as u64 - 1);
    }
    call.reply.len(added);
    Ok(())
}

command! {
    /// Takes members out of a set.
    ///
    /// The reply is how many of them were there. A set without members does not exist.
    ///
    /// ```redis
    /// > SADD colours red green
    /// (integer) 2
    /// > SREM colours green blue
    /// (integer) 1
    /// ```
    SREM("key member...") -> "number";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "1.0.0";
    takes "O(1) for each member";
    run srem;
}

fn srem(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let Some(set) = call.db.write::<Set>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = call.args.from(2).iter().filter(|member| set.remove(member)).count();
    let left = set.len();
    call.db.shrank(key, Event::set("srem"), removed, left);
    call.reply.len(removed);
    Ok(())
}

command! {
    /// Returns all members of a set.
    ///
    /// In no order; integers happen to come in theirs. A key that does not exist counts as a set without members.
    ///
    /// ```redis
    /// > SADD primes 5 2 3
    /// (integer) 3
    /// > SMEMBERS primes
    /// 1) "2"
    /// 2) "3"
    /// 3) "5"
    /// ```
    SMEMBERS("key") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N members";
    run smembers;
}

fn smembers(call: &mut Call<'_>) -> Result {
    let set = call.db.read::<Set>(call.args.at(1))?;
    call.reply.set(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| call.reply.bulk(&Item::from(member)));
    Ok(())
}

command! {
    /// Tells whether something is a member of a set.
    ///
    /// The reply is 1 if it is, and else 0.
    ///
    /// ```redis
    /// > SADD colours red
    /// (integer) 1
    /// > SISMEMBER colours blue
    /// (integer) 0
    /// ```
    SISMEMBER("key member") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "1.0.0";
    takes "O(1)";
    run sismember;
}

fn sismember(call: &mut Call<'_>) -> Result {
    let set = call.db.read::<Set>(call.args.at(1))?;
    let found = set.is_some_and(|set| set.has(call.args.at(2)));
    call.reply.int(i64::from(found));
    Ok(())
}

command! {
    /// Tells of several things whether they are members of a set.
    ///
    /// The reply has a 1 or a 0 for each, in the order in which they were asked for.
    ///
    /// ```redis
    /// > SADD colours red green
    /// (integer) 2
    /// > SMISMEMBER colours red blue
    /// 1) (integer) 1
    /// 2) (integer) 0
    /// ```
    SMISMEMBER("key member...") -> "number[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(1) for each member";
    run smismember;
}

fn smismember(call: &mut Call<'_>) -> Result {
    let set = call.db.read::<Set>(call.args.at(1))?;
    let members = call.args.from(2);
    call.reply.array(members.len());
    for member in members.iter() {
        call.reply.int(i64::from(set.is_some_and(|set| set.has(member))));
    }
    Ok(())
}

command! {
    /// Returns how many members a set has.
    ///
    /// A key that does not exist counts as a set without members.
    ///
    /// ```redis
    /// > SADD colours red green
    /// (integer) 2
    /// > SCARD colours
    /// (integer) 2
    /// ```
    SCARD("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "1.0.0";
    takes "O(1)";
    run scard;
}

fn scard(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<Set>(call.args.at(1))?.map_or(0, Set::len);
    call.reply.len(len);
    Ok(())
}

command! {
    /// Takes random members out of a set, and returns them.
    ///
    /// One without a count, and null if there is no such key. With a count there is an array of at most so many.
    ///
    /// ```redis
    /// > SADD colours red
    /// (integer) 1
    /// > SPOP colours
    /// "red"
    /// > SPOP colours 3
    /// (empty array)
    /// ```
    SPOP("key [count]") -> "string | null | string[]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "1.0.0";
    takes "O(1), and O(N) for N members with a count";
    run spop;
}

fn spop(call: &mut Call<'_>) -> Result {
    match call.args.len() {
        2 => pop_one(call),
        3 => pop_several(call),
        _ => Err(Error::Syntax),
    }
}

fn pop_one(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let Some(set) = call.db.write::<Set>(key)? else {
        call.reply.null();
        return Ok(());
    };
    let mut popped = Bytes::new();
    set.draw(1, &mut call.shared.random, |member| popped = Bytes::from(member));
    set.remove(&popped);
    let left = set.len();
    call.db.shrank(key, Event::set("spop"), 1, left);
    call.db.log_as(&[b"SREM", key, &popped]);
    call.reply.bulk(&popped);
    Ok(())
}

/// So many members are logged as removed by one call.
const LOGGED: usize = 1_000;

fn pop_several(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let count = parse_int(call.args.at(2)).and_then(to_count);
    let count = count.ok_or(Error::Text("ERR value is out of range, must be positive"))?;
    let Some(set) = call.db.write::<Set>(key)? else {
        call.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        call.reply.set(0);
        return Ok(());
    }
    let mut popped = Vec::with_capacity(count.min(set.len()));
    set.sample(count, &mut call.shared.random, |member| popped.push(Bytes::from(member)));
    let left = set.len() - popped.len();
    call.reply.set(popped.len());
    popped.iter().for_each(|member| call.reply.bulk(member));
    call.db.shrank(key, Event::set("spop"), popped.len(), left);
    if left == 0 {
        call.db.log_as(&[b"DEL", key]);
        return Ok(());
    }
    let set = call.db.write::<Set>(key)?.expect("it was just found");
    popped.iter().for_each(|member| _ = set.remove(member));
    for some in popped.chunks(LOGGED) {
        let mut words: Vec<&[u8]> = vec![b"SREM", key];
        words.extend(some.iter().map(Bytes::as_slice));
        call.db.log_as(&words);
    }
    Ok(())
}

command! {
    /// Returns random members of a set.
    ///
    /// One without a count, and null if there is no such key. With a count there is an array of so many different ones,
    /// all of them if there are fewer; a negative count allows a member to come more than once.
    ///
    /// ```redis
    /// > SADD coin heads
    /// (integer) 1
    /// > SRANDMEMBER coin
    /// "heads"
    /// > SRANDMEMBER coin -2
    /// 1) "heads"
    /// 2) "heads"
    /// ```
    SRANDMEMBER("key [count]") -> "string | null | string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(1), and O(N) for N members returned";
    run srandmember;
}

fn srandmember(call: &mut Call<'_>) -> Result {
    if call.args.len() > 3 {
        return Err(Error::Syntax);
    }
    let draw = Draw::read(call.args, "")?;
    let set = call.db.read::<Set>(call.args.at(1))?;
    let (random, reply) = (&mut call.shared.random, &mut call.reply);
    match (set, draw) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => set.draw(1, random, |member| reply.bulk(member)),
        (Some(set), Some(draw)) => {
            let n = draw.of(set.len());
            reply.array(n);
            if draw.repeats {
                draw_in_turns(reply, n, |reply, n| set.draw(n, random, |member| reply.bulk(member)));
            } else {
                set.sample(n, random, |member| reply.bulk(member));
            }
        }
    }
    Ok(())
}

command! {
    /// Moves a member from one set to another.
    ///
    /// The reply is 1 if it was in the first set, and else 0: then nothing is done.
    ///
    /// ```redis
    /// > SADD todo write test
    /// (integer) 2
    /// > SMOVE todo done write
    /// (integer) 1
    /// > SMEMBERS done
    /// 1) "write"
    /// ```
    SMOVE("source:key destination:key member") -> "number";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE, RW | INSERT;
    since "1.0.0";
    takes "O(1)";
    run smove;
}

fn smove(call: &mut Call<'_>) -> Result {
    let (source, destination, member) = (call.args.at(1), call.args.at(2), call.args.at(3));
    let limits = call.db.limits;
    // Whatever comes of it, both are gone that are past their deadlines.
    for key in [source, destination] {
        call.db.exists(key);
    }
    let found = call.db.write::<Set>(source)?.map(|set| set.has(member));
    // As in Redis, what the destination holds does not matter if there is no source.
    if found.is_some() {
        call.db.write::<Set>(destination)?;
    }
    if found == Some(true) && source != destination {
        let set = call.db.write::<Set>(source)?.expect("it was just found");
        set.remove(member);
        let left = set.len();
        call.db.shrank(source, Event::set("srem"), 1, left);
        if call.db.write_or_new::<Set>(destination)?.insert(member, &limits) {
            call.db.touch(destination, Event::set("sadd"));
        }
    }
    call.reply.int(i64::from(found == Some(true)));
    Ok(())
}

command! {
    /// Goes through the members of a set in steps.
    ///
    /// As SCAN goes through keys: members that are there all the time are all returned. A small set comes at once.
    ///
    /// ```redis
    /// > SADD colours red
    /// (integer) 1
    /// > SSCAN colours 0 MATCH r*
    /// 1) "0"
    /// 2) 1) "red"
    /// ```
    SSCAN("key cursor [MATCH pattern] [COUNT count]") -> "[cursor: string, members: string[]]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.0";
    takes "O(1) for each step, O(N) for all, with N members";
    run sscan;
}

fn sscan(call: &mut Call<'_>) -> Result {
    scan_in::<Set>(call, Named::Members, |set, step| {
        set.scan(step.cursor, step.wanted.count, |member| step.meet(member, None))
    })
}
