//! What combines several sets.

use std::ptr;

use crate::base::number::{parse_int, to_count};
use crate::base::sort;
use crate::command;
use crate::data::entry::NewValue;
use crate::data::list::Item;
use crate::data::listpack::Entry;
use crate::data::object::Object;
use crate::data::set::Set;
use crate::data::{Kind, Limits};
use crate::engine::{Call, Family};
use crate::keyspace::{Db, Event, Expiry};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

pub const SET_ALGEBRA: Family = Family {
    name: "set",
    category: Categories::SET,
    commands: &[&SDIFF, &SDIFFSTORE, &SINTER, &SINTERCARD, &SINTERSTORE, &SUNION, &SUNIONSTORE],
};

command! {
    /// Returns the members that all of several sets have.
    ///
    /// A key that does not exist counts as a set without members.
    ///
    /// ```redis
    /// > SADD evens 2 4 6
    /// (integer) 3
    /// > SADD threes 3 6
    /// (integer) 2
    /// > SINTER evens threes
    /// 1) "6"
    /// ```
    SINTER("key...") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N*M) for M sets, the smallest with N members";
    run sinter;
}

fn sinter(call: &mut Call<'_>) -> Result {
    let sets = operands(&mut call.db, call.args.from(1))?;
    let mark = call.reply.mark();
    let mut count = 0;
    intersect(sets, |member| {
        call.reply.bulk(&Item::from(member));
        count += 1;
        true
    });
    call.reply.end_set(mark, count);
    Ok(())
}

command! {
    /// Counts the members that all of several sets have.
    ///
    /// With `LIMIT` it stops counting there, unless that is 0.
    ///
    /// ```redis
    /// > SADD evens 2 4 6
    /// (integer) 3
    /// > SADD small 1 2 3 4
    /// (integer) 4
    /// > SINTERCARD 2 evens small
    /// (integer) 2
    /// > SINTERCARD 2 evens small LIMIT 1
    /// (integer) 1
    /// ```
    SINTERCARD("numkeys key... [LIMIT limit:integer]") -> "number";
    flags READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "O(N*M) for M sets, the smallest with N members";
    run sintercard;
}

fn sintercard(call: &mut Call<'_>) -> Result {
    let numkeys = parse_int(call.args.at(1)).and_then(to_count).filter(|n| *n > 0);
    let numkeys = numkeys.ok_or(Error::Text("ERR numkeys should be greater than 0"))?;
    if numkeys > call.args.len() - 2 {
        return Err(Error::Text("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = usize::MAX;
    let mut options = call.args.options(2 + numkeys);
    while !options.is_empty() {
        let Some(number) = options.after("LIMIT")? else { return Err(Error::Syntax) };
        let number = parse_int(number).and_then(to_count);
        limit = match number.ok_or(Error::Text("ERR LIMIT can't be negative"))? {
            0 => usize::MAX,
            n => n,
        };
    }
    let sets = operands(&mut call.db, call.args.range(2..2 + numkeys))?;
    let mut count = 0;
    intersect(sets, |_| {
        count += 1;
        count < limit
    });
    call.reply.len(count);
    Ok(())
}

command! {
    /// Keeps the members that all of several sets have as a set of their own.
    ///
    /// What the destination held is gone. The reply is how many members it has now.
    ///
    /// ```redis
    /// > SADD evens 2 4 6
    /// (integer) 3
    /// > SADD threes 3 6
    /// (integer) 2
    /// > SINTERSTORE sixes evens threes
    /// (integer) 1
    /// > SMEMBERS sixes
    /// 1) "6"
    /// ```
    SINTERSTORE("destination:key key...") -> "number";
    flags WRITE | DENYOOM;
    keys RW | UPDATE, RO | ACCESS;
    since "1.0.0";
    takes "O(N*M) for M sets, the smallest with N members";
    run sinterstore;
}

fn sinterstore(call: &mut Call<'_>) -> Result {
    let limits = call.db.limits;
    let mut result = Set::default();
    intersect(operands(&mut call.db, call.args.from(2))?, |member| {
        result.insert_entry(member, &limits);
        true
    });
    store(call, result, "sinterstore")
}

command! {
    /// Returns the members that any of several sets has.
    ///
    /// A key that does not exist counts as a set without members.
    ///
    /// ```redis
    /// > SADD evens 2 4
    /// (integer) 2
    /// > SADD threes 3
    /// (integer) 1
    /// > SUNION evens threes
    /// 1) "2"
    /// 2) "3"
    /// 3) "4"
    /// ```
    SUNION("key...") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N members of all sets together";
    run sunion;
}

fn sunion(call: &mut Call<'_>) -> Result {
    let limits = call.db.limits;
    let result = unite(operands(&mut call.db, call.args.from(1))?, &limits);
    reply(call, &result)
}

command! {
    /// Keeps the members that any of several sets has as a set of their own.
    ///
    /// What the destination held is gone. The reply is how many members it has now.
    ///
    /// ```redis
    /// > SADD evens 2 4
    /// (integer) 2
    /// > SADD threes 3
    /// (integer) 1
    /// > SUNIONSTORE both evens threes
    /// (integer) 3
    /// ```
    SUNIONSTORE("destination:key key...") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N members of all sets together";
    run sunionstore;
}

fn sunionstore(call: &mut Call<'_>) -> Result {
    let limits = call.db.limits;
    let result = unite(operands(&mut call.db, call.args.from(2))?, &limits);
    store(call, result, "sunionstore")
}

command! {
    /// Returns the members of a set that none of several others has.
    ///
    /// A key that does not exist counts as a set without members.
    ///
    /// ```redis
    /// > SADD small 1 2 3 4
    /// (integer) 4
    /// > SADD evens 2 4 6
    /// (integer) 3
    /// > SDIFF small evens
    /// 1) "1"
    /// 2) "3"
    /// ```
    SDIFF("key...") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N members of all sets together";
    run sdiff;
}

fn sdiff(call: &mut Call<'_>) -> Result {
    let limits = call.db.limits;
    let result = differ(operands(&mut call.db, call.args.from(1))?, &limits);
    reply(call, &result)
}

command! {
    /// Keeps the members of a set that none of several others has as a set of their own.
    ///
    /// What the destination held is gone. The reply is how many members it has now.
    ///
    /// ```redis
    /// > SADD small 1 2 3 4
    /// (integer) 4
    /// > SADD evens 2 4 6
    /// (integer) 3
    /// > SDIFFSTORE odds small evens
    /// (integer) 2
    /// ```
    SDIFFSTORE("destination:key key...") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N members of all sets together";
    run sdiffstore;
}

fn sdiffstore(call: &mut Call<'_>) -> Result {
    let limits = call.db.limits;
    let result = differ(operands(&mut call.db, call.args.from(2))?, &limits);
    store(call, result, "sdiffstore")
}

/// Returns the sets at some keys. All of them are looked at, so that a key of another kind is an error in any case.
fn operands<'a>(db: &'a mut Db<'_>, keys: Args<'_>) -> Result<Vec<Option<&'a Set>>> {
    for key in keys.iter() {
        db.read::<Set>(key)?;
    }
    let table = &db.keyspace().database(db.index()).table;
    Ok(keys.iter().map(|key| Set::of(table.find(key)?.value())).collect())
}

/// Visits what all sets have, for as long as `visit` says.
fn intersect(sets: Vec<Option<&Set>>, mut visit: impl FnMut(Entry<'_>) -> bool) {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<_>>>() else { return };
    // The fewer members there are to be looked for, and the sooner one is missed, the better.
    sort::sort_by(&mut sets, |one, other| one.len().cmp(&other.len()));
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        let everywhere = others.iter().all(|set| ptr::eq(*set, *smallest) || set.has_entry(member));
        if everywhere && !visit(member) {
            return;
        }
    }
}

fn unite(sets: Vec<Option<&Set>>, limits: &Limits) -> Set {
    let mut result = Set::default();
    for member in sets.into_iter().flatten().flat_map(Set::iter) {
        result.insert_entry(member, limits);
    }
    result
}

/// Returns what the first set has and none of the others, in the cheaper of two ways: either every member of the first
/// is looked for in the others, or those of all the others are removed from a copy of the first.
fn differ(sets: Vec<Option<&Set>>, limits: &Limits) -> Set {
    let mut result = Set::default();
    let Some((Some(first), others)) = sets.split_first() else { return result };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    if others.iter().any(|set| ptr::eq(*set, *first)) {
        return result;
    }
    let looking = first.len() as u64 * (others.len() as u64 + 1) / 2;
    let removing = first.len() as u64 + others.iter().map(|set| set.len() as u64).sum::<u64>();
    if looking <= removing {
        // The largest is the likeliest to have it.
        sort::sort_by(&mut others, |one, other| other.len().cmp(&one.len()));
        for member in first.iter().filter(|member| !others.iter().any(|set| set.has_entry(*member))) {
            result.insert_entry(member, limits);
        }
    } else {
        first.iter().for_each(|member| _ = result.insert_entry(member, limits));
        for member in others.into_iter().flat_map(Set::iter) {
            result.remove(&Item::from(member));
            if result.is_empty() {
                break;
            }
        }
    }
    result
}

fn reply(call: &mut Call<'_>, result: &Set) -> Result {
    call.reply.set(result.len());
    result.iter().for_each(|member| call.reply.bulk(&Item::from(member)));
    Ok(())
}

/// Puts a set in place of whatever the first key holds, and answers with its size.
fn store(call: &mut Call<'_>, result: Set, event: &'static str) -> Result {
    let (destination, len) = (call.args.at(1), result.len());
    if len > 0 {
        let value = NewValue::Object(Object::Set(Box::new(result)));
        call.db.set(destination, value, Expiry::Never);
        call.db.touch(destination, Event::set(event));
    } else if call.db.remove(destination) {
        call.db.touch(destination, Event::DEL);
    }
    call.reply.len(len);
    Ok(())
}
