//! Lists. What waits for elements is in `list_blocking`.

use std::ops::Range;

use crate::base::bytes::Bytes;
use crate::base::number::{format_int, parse_int};
use crate::command;
use crate::data::Kind;
use crate::data::list::{List, Side};
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Args, Error, Reply, Result};
use crate::spec::Categories;

pub const LIST: Family = Family {
    name: "list",
    category: Categories::LIST,
    commands: &[
        &LINDEX, &LINSERT, &LLEN, &LMOVE, &LMPOP, &LPOP, &LPOS, &LPUSH, &LPUSHX, &LRANGE, &LREM, &LSET,
        &LTRIM, &RPOP, &RPOPLPUSH, &RPUSH, &RPUSHX,
    ],
};

command! {
    /// Puts elements in front of a list, which is made if the key does not exist.
    ///
    /// They are put there one after the other, so that the last one becomes the first of the list. The reply is the
    /// new length.
    ///
    /// ```redis
    /// > LPUSH stack a b c
    /// (integer) 3
    /// > LRANGE stack 0 -1
    /// 1) "c"
    /// 2) "b"
    /// 3) "a"
    /// ```
    LPUSH("key element...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "1.0.0";
    takes "O(1) for each element";
    run lpush;
}

fn lpush(call: &mut Call<'_>) -> Result {
    push(call, Side::Head, Missing::Made)
}

command! {
    /// Puts elements behind a list, which is made if the key does not exist.
    ///
    /// The reply is the new length.
    ///
    /// ```redis
    /// > RPUSH queue a b c
    /// (integer) 3
    /// > LRANGE queue 0 -1
    /// 1) "a"
    /// 2) "b"
    /// 3) "c"
    /// ```
    RPUSH("key element...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "1.0.0";
    takes "O(1) for each element";
    run rpush;
}

fn rpush(call: &mut Call<'_>) -> Result {
    push(call, Side::Tail, Missing::Made)
}

command! {
    /// Puts elements in front of a list that exists.
    ///
    /// The reply is the new length, or 0 if there is no such key; then nothing is done.
    ///
    /// ```redis
    /// > LPUSHX nobody a
    /// (integer) 0
    /// > RPUSH somebody a
    /// (integer) 1
    /// > LPUSHX somebody b
    /// (integer) 2
    /// ```
    LPUSHX("key element...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "2.2.0";
    takes "O(1) for each element";
    run lpushx;
}

fn lpushx(call: &mut Call<'_>) -> Result {
    push(call, Side::Head, Missing::Left)
}

command! {
    /// Puts elements behind a list that exists.
    ///
    /// The reply is the new length, or 0 if there is no such key; then nothing is done.
    ///
    /// ```redis
    /// > RPUSHX nobody a
    /// (integer) 0
    /// > EXISTS nobody
    /// (integer) 0
    /// ```
    RPUSHX("key element...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "2.2.0";
    takes "O(1) for each element";
    run rpushx;
}

fn rpushx(call: &mut Call<'_>) -> Result {
    push(call, Side::Tail, Missing::Left)
}

/// What becomes of a list that is not there.
#[derive(Clone, Copy)]
enum Missing {
    Made,
    Left,
}

fn push(call: &mut Call<'_>, side: Side, missing: Missing) -> Result {
    let (key, elements) = (call.args.at(1), call.args.from(2));
    let list = match missing {
        Missing::Made => Some(call.db.write_or_new::<List>(key)?),
        Missing::Left => call.db.write::<List>(key)?,
    };
    let Some(list) = list else {
        call.reply.int(0);
        return Ok(());
    };
    elements.iter().for_each(|element| list.push(side, element));
    let len = list.len();
    call.db.touch(key, push_event(side));
    call.db.effects.count(elements.len() as u64 - 1);
    call.reply.len(len);
    Ok(())
}

fn push_event(side: Side) -> Event {
    Event::list(match side {
        Side::Head => "lpush",
        Side::Tail => "rpush",
    })
}

command! {
    /// Takes the first element of a list away and returns it, or the first few.
    ///
    /// With a count the reply is an array of at most so many elements. A list that has become empty is removed.
    ///
    /// ```redis
    /// > RPUSH queue a b c d
    /// (integer) 4
    /// > LPOP queue
    /// "a"
    /// > LPOP queue 2
    /// 1) "b"
    /// 2) "c"
    /// ```
    LPOP("key [count]") -> "string | null | string[]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "1.0.0";
    takes "O(N) for N elements returned";
    run lpop;
}

fn lpop(call: &mut Call<'_>) -> Result {
    pop(call, Side::Head)
}

command! {
    /// Takes the last element of a list away and returns it, or the last few.
    ///
    /// With a count the reply is an array of at most so many elements, the last one first. A list that has become
    /// empty is removed.
    ///
    /// ```redis
    /// > RPUSH queue a b c d
    /// (integer) 4
    /// > RPOP queue
    /// "d"
    /// > RPOP queue 2
    /// 1) "c"
    /// 2) "b"
    /// ```
    RPOP("key [count]") -> "string | null | string[]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "1.0.0";
    takes "O(N) for N elements returned";
    run rpop;
}

fn rpop(call: &mut Call<'_>) -> Result {
    pop(call, Side::Tail)
}

fn pop(call: &mut Call<'_>, side: Side) -> Result {
    if call.args.len() > 3 {
        return Err(Error::WrongArity(pop_name(side)));
    }
    let key = call.args.at(1);
    let count = call.args.get(2).map(|arg| count(arg, 0, "ERR value is out of range, must be positive"));
    let count = count.transpose()?;
    let Some(list) = call.db.write::<List>(key)? else {
        match count {
            None => call.reply.null(),
            Some(_) => call.reply.null_array(),
        }
        return Ok(());
    };
    let count = match count {
        None => list.pop_with(side, |element| call.reply.bulk(element)).map_or(0, |()| 1),
        Some(count) => pop_into(&mut call.reply, list, side, count),
    };
    let left = list.len();
    call.db.shrank(key, pop_event(side), count, left);
    Ok(())
}

/// Moves at most `count` elements from an end of a list into an array of the reply; returns how many.
fn pop_into(reply: &mut Reply<'_>, list: &mut List, side: Side, count: usize) -> usize {
    let count = count.min(list.len());
    reply.array(count);
    list.iter(side).take(count).for_each(|element| reply.bulk(&element));
    match side {
        Side::Head => list.trim(count as i64, -1),
        Side::Tail => list.trim(0, -1 - count as i64),
    }
    count
}

pub(super) fn pop_event(side: Side) -> Event {
    Event::list(match side {
        Side::Head => "lpop",
        Side::Tail => "rpop",
    })
}

/// Returns the name of the command that pops from an end.
pub(super) fn pop_name(side: Side) -> &'static str {
    match side {
        Side::Head => "LPOP",
        Side::Tail => "RPOP",
    }
}

/// Reads a count that is at least `least`; anything else is refused with `refusal`.
pub(super) fn count(arg: &[u8], least: i64, refusal: &'static str) -> Result<usize> {
    let count = parse_int(arg).filter(|count| *count >= least).ok_or(Error::Text(refusal))?;
    // More than memory can hold is as good as all.
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

command! {
    /// Takes elements from an end of the first of several lists that exists.
    ///
    /// The reply names the key and has at most as many elements as the count says, which is one if not given; it is
    /// null if none of the keys exists.
    ///
    /// ```redis
    /// > RPUSH low a b c
    /// (integer) 3
    /// > LMPOP 2 high low LEFT COUNT 2
    /// 1) "low"
    /// 2) 1) "a"
    ///    2) "b"
    /// ```
    LMPOP("numkeys key... <LEFT|RIGHT> [COUNT count]") -> "[key: string, elements: string[]] | null";
    flags WRITE;
    keys RW | ACCESS | DELETE;
    since "7.0.0";
    takes "O(N+M) for N keys and M elements returned";
    run lmpop;
}

fn lmpop(call: &mut Call<'_>) -> Result {
    let wanted = Wanted::read(call.args, 1, ENDS)?;
    if !pop_wanted(call, &wanted)? {
        call.reply.null_array();
    }
    Ok(())
}

/// The words for the ends of a list.
pub(super) const ENDS: [&str; 2] = ["LEFT", "RIGHT"];

/// What LMPOP and its kin are asked for.
pub(super) struct Wanted {
    /// Where the keys are among the arguments.
    pub keys: Range<usize>,
    pub side: Side,
    pub count: usize,
}

impl Wanted {
    /// Reads the arguments from the number of keys on, which is at `at`; one of two words says which end is meant.
    pub fn read(args: Args<'_>, at: usize, ends: [&str; 2]) -> Result<Self> {
        let keys = count(args.at(at), 1, "ERR numkeys should be greater than 0")?;
        let end = keys.saturating_add(at + 1);
        if end >= args.len() {
            return Err(Error::Syntax);
        }
        let mut wanted = Self { keys: at + 1..end, side: end_of(args, end, ends)?, count: 1 };
        let mut options = args.options(end + 1);
        if let Some(number) = options.after("COUNT")? {
            wanted.count = count(number, 1, "ERR count should be greater than 0")?;
        }
        if options.is_empty() { Ok(wanted) } else { Err(Error::Syntax) }
    }
}

/// Pops from the first list there is; returns whether there is one.
pub(super) fn pop_wanted(call: &mut Call<'_>, wanted: &Wanted) -> Result<bool> {
    let Some(key) = first_of::<List>(call, wanted.keys.clone())? else { return Ok(false) };
    call.reply.array(2);
    call.reply.bulk(key);
    let list = call.db.write::<List>(key)?.expect("it was just found");
    let count = pop_into(&mut call.reply, list, wanted.side, wanted.count);
    let left = list.len();
    call.db.shrank(key, pop_event(wanted.side), count, left);
    call.db.log_as(&[pop_name(wanted.side).as_bytes(), key, &format_int(count as i64)]);
    Ok(true)
}

/// Returns the first of the keys to be tried that holds a value of a kind.
pub(super) fn first_of<'a, K: Kind>(call: &mut Call<'a>, keys: Range<usize>) -> Result<Option<&'a [u8]>> {
    let resumed = call.is_resumed();
    for i in call.tried(keys) {
        let key = call.args.at(i);
        match call.db.write::<K>(key) {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(Some(key)),
            // To a client that has waited, a key of another kind is as good as none.
            Err(_) if resumed => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Reads the word for an end of a list.
pub(super) fn side(args: Args<'_>, i: usize) -> Result<Side> {
    end_of(args, i, ENDS)
}

fn end_of(args: Args<'_>, i: usize, [head, tail]: [&str; 2]) -> Result<Side> {
    if args.is(i, head) {
        Ok(Side::Head)
    } else if args.is(i, tail) {
        Ok(Side::Tail)
    } else {
        Err(Error::Syntax)
    }
}

command! {
    /// Moves an element from an end of one list to an end of another, and returns it.
    ///
    /// The lists may be the same one, which is then rotated. The reply is null if there is no element to move.
    ///
    /// ```redis
    /// > RPUSH todo write test
    /// (integer) 2
    /// > LMOVE todo done LEFT RIGHT
    /// "write"
    /// > LRANGE done 0 -1
    /// 1) "write"
    /// ```
    LMOVE("source:key destination:key <LEFT|RIGHT> <LEFT|RIGHT>") -> "string | null";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | DELETE, RW | INSERT;
    since "6.2.0";
    takes "O(1)";
    run lmove;
}

fn lmove(call: &mut Call<'_>) -> Result {
    let (from, to) = (side(call.args, 3)?, side(call.args, 4)?);
    shift(call, from, to)
}

command! {
    /// Moves the last element of one list to the front of another, and returns it.
    ///
    /// `LMOVE` with `RIGHT LEFT` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > RPUSH ring a b c
    /// (integer) 3
    /// > RPOPLPUSH ring ring
    /// "c"
    /// > LRANGE ring 0 -1
    /// 1) "c"
    /// 2) "a"
    /// 3) "b"
    /// ```
    RPOPLPUSH("source:key destination:key") -> "string | null";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | DELETE, RW | INSERT;
    since "1.2.0";
    takes "O(1)";
    run rpoplpush;
}

fn rpoplpush(call: &mut Call<'_>) -> Result {
    shift(call, Side::Tail, Side::Head)
}

/// Moves an element between the lists at the first two arguments.
pub(super) fn shift(call: &mut Call<'_>, from: Side, to: Side) -> Result {
    let (source, destination) = (call.args.at(1), call.args.at(2));
    if call.db.write::<List>(source)?.is_none() {
        call.reply.null();
        return Ok(());
    }
    call.db.write::<List>(destination)?;
    let list = call.db.write::<List>(source)?.expect("it was just found");
    let element = list.pop_with(from, |element| Bytes::from(element)).expect("an emptied list is removed");
    let left = list.len() + usize::from(source == destination);
    call.db.write_or_new::<List>(destination)?.push(to, &element);
    call.db.touch_uncounted(destination, push_event(to));
    call.db.shrank(source, pop_event(from), 1, left);
    call.reply.bulk(&element);
    Ok(())
}

command! {
    /// Returns the length of a list.
    ///
    /// A key that does not exist counts as an empty list.
    ///
    /// ```redis
    /// > RPUSH queue a b
    /// (integer) 2
    /// > LLEN queue
    /// (integer) 2
    /// ```
    LLEN("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "1.0.0";
    takes "O(1)";
    run llen;
}

fn llen(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<List>(call.args.at(1))?.map_or(0, List::len);
    call.reply.len(len);
    Ok(())
}

command! {
    /// Returns the elements of a list between two places, both included.
    ///
    /// Places count from zero at the front, or from -1 at the back. What lies outside the list is left out.
    ///
    /// ```redis
    /// > RPUSH days mon tue wed thu
    /// (integer) 4
    /// > LRANGE days 1 2
    /// 1) "tue"
    /// 2) "wed"
    /// > LRANGE days -1 10
    /// 1) "thu"
    /// ```
    LRANGE("key start stop") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(S+N) for N elements, S away from the nearer end";
    run lrange;
}

fn lrange(call: &mut Call<'_>) -> Result {
    let (start, stop) = (call.args.int(2)?, call.args.int(3)?);
    let Some(list) = call.db.read::<List>(call.args.at(1))? else {
        call.reply.array(0);
        return Ok(());
    };
    let elements = list.range(start, stop);
    call.reply.array(elements.len());
    elements.for_each(|element| call.reply.bulk(&element));
    Ok(())
}

command! {
    /// Returns the element at a place of a list.
    ///
    /// Places count from zero at the front, or from -1 at the back. The reply is null if there is no such place.
    ///
    /// ```redis
    /// > RPUSH days mon tue wed
    /// (integer) 3
    /// > LINDEX days 0
    /// "mon"
    /// > LINDEX days -1
    /// "wed"
    /// > LINDEX days 3
    /// (nil)
    /// ```
    LINDEX("key index") -> "string | null";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for a place N away from the nearer end";
    run lindex;
}

fn lindex(call: &mut Call<'_>) -> Result {
    // As in Redis, an index that is no number is no error for a key that is not there.
    let element = match call.db.read::<List>(call.args.at(1))? {
        Some(list) => list.get(call.args.int(2)?),
        None => None,
    };
    call.reply.bulk_or_null(element.as_deref());
    Ok(())
}

command! {
    /// Replaces the element at a place of a list.
    ///
    /// Places count from zero at the front, or from -1 at the back; one outside the list is an error.
    ///
    /// ```redis
    /// > RPUSH days mon tue wed
    /// (integer) 3
    /// > LSET days -1 sun
    /// OK
    /// > LINDEX days 2
    /// "sun"
    /// ```
    LSET("key index element") -> "'OK'";
    flags WRITE | DENYOOM;
    keys RW | UPDATE;
    since "1.0.0";
    takes "O(N) for a place N away from the nearer end";
    run lset;
}

fn lset(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let list = call.db.write::<List>(key)?.ok_or(Error::NoSuchKey)?;
    if !list.set(call.args.int(2)?, call.args.at(3)) {
        return Err(Error::IndexOutOfRange);
    }
    call.db.touch(key, Event::list("lset"));
    call.reply.ok();
    Ok(())
}

command! {
    /// Puts an element before or behind the first one that equals another.
    ///
    /// The reply is the new length, -1 if nothing equals the pivot, or 0 if there is no such key.
    ///
    /// ```redis
    /// > RPUSH days mon wed
    /// (integer) 2
    /// > LINSERT days BEFORE wed tue
    /// (integer) 3
    /// > LRANGE days 0 -1
    /// 1) "mon"
    /// 2) "tue"
    /// 3) "wed"
    /// ```
    LINSERT("key <BEFORE|AFTER> pivot element") -> "number";
    flags WRITE | DENYOOM;
    keys RW | INSERT;
    since "2.2.0";
    takes "O(N) for N elements before the pivot";
    run linsert;
}

fn linsert(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let side = if call.args.is(2, "BEFORE") {
        Side::Head
    } else if call.args.is(2, "AFTER") {
        Side::Tail
    } else {
        return Err(Error::Syntax);
    };
    let Some(list) = call.db.write::<List>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    if !list.insert(side, call.args.at(3), call.args.at(4)) {
        call.reply.int(-1);
        return Ok(());
    }
    let len = list.len();
    call.db.touch(key, Event::list("linsert"));
    call.reply.len(len);
    Ok(())
}

command! {
    /// Removes the elements of a list that equal a value.
    ///
    /// A positive count removes so many from the front on, a negative one from the back on, zero removes all. The
    /// reply is how many were removed.
    ///
    /// ```redis
    /// > RPUSH letters a b a c a
    /// (integer) 5
    /// > LREM letters -2 a
    /// (integer) 2
    /// > LRANGE letters 0 -1
    /// 1) "a"
    /// 2) "b"
    /// 3) "c"
    /// ```
    LREM("key count element") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "1.0.0";
    takes "O(N) for N elements";
    run lrem;
}

fn lrem(call: &mut Call<'_>) -> Result {
    let (key, count) = (call.args.at(1), call.args.int(2)?);
    let Some(list) = call.db.write::<List>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = list.remove(count, call.args.at(3));
    let left = list.len();
    call.db.shrank(key, Event::list("lrem"), removed, left);
    call.reply.len(removed);
    Ok(())
}

command! {
    /// Keeps the elements of a list between two places, both included, and removes the others.
    ///
    /// Places count from zero at the front, or from -1 at the back. With `LPUSH` it keeps a list of the latest few.
    ///
    /// ```redis
    /// > RPUSH log a b c d
    /// (integer) 4
    /// > LTRIM log -2 -1
    /// OK
    /// > LRANGE log 0 -1
    /// 1) "c"
    /// 2) "d"
    /// ```
    LTRIM("key start stop") -> "'OK'";
    flags WRITE;
    keys RW | DELETE;
    since "1.0.0";
    takes "O(N) for N elements removed";
    run ltrim;
}

fn ltrim(call: &mut Call<'_>) -> Result {
    let (key, start, stop) = (call.args.at(1), call.args.int(2)?, call.args.int(3)?);
    if let Some(list) = call.db.write::<List>(key)? {
        let before = list.len();
        list.trim(start, stop);
        let left = list.len();
        // Redis announces the trimming even if it took nothing.
        call.db.touch_uncounted(key, Event::list("ltrim"));
        call.db.effects.count((before - left) as u64);
        if left == 0 {
            call.db.remove_emptied(key);
        }
    }
    call.reply.ok();
    Ok(())
}

command! {
    /// Returns the place of an element that equals a value.
    ///
    /// `RANK` says which one is meant of several: 2 is the second, -1 the last. With `COUNT` the reply is an array of
    /// the places of so many from there on, of all for zero. `MAXLEN` says how many elements are looked at.
    ///
    /// ```redis
    /// > RPUSH letters a b c a b
    /// (integer) 5
    /// > LPOS letters b
    /// (integer) 1
    /// > LPOS letters a RANK -1
    /// (integer) 3
    /// > LPOS letters b COUNT 0
    /// 1) (integer) 1
    /// 2) (integer) 4
    /// ```
    LPOS("key element [RANK rank] [COUNT num-matches:integer] [MAXLEN len]") -> "number | null | number[]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.0.6";
    takes "O(N) for N elements looked at";
    run lpos;
}

fn lpos(call: &mut Call<'_>) -> Result {
    let (key, element) = (call.args.at(1), call.args.at(2));
    let (mut rank, mut most, mut within) = (1, None, 0);
    let mut options = call.args.options(3);
    while !options.is_empty() {
        if let Some(new) = options.int_after("RANK")? {
            rank = new;
            if rank == 0 {
                return Err(Error::Text(NO_RANK));
            }
        } else if let Some(number) = options.after("COUNT")? {
            most = Some(count(number, 0, "ERR COUNT can't be negative")?);
        } else if let Some(number) = options.after("MAXLEN")? {
            within = count(number, 0, "ERR MAXLEN can't be negative")?;
        } else {
            return Err(Error::Syntax);
        }
    }
    let unlimited = |n: usize| if n == 0 { usize::MAX } else { n };
    // The lowest integer has no opposite; to Redis it is the first from the back.
    let (from, rank) =
        if rank < 0 { (Side::Tail, rank.checked_neg().unwrap_or(1)) } else { (Side::Head, rank) };
    let skipped = usize::try_from(rank - 1).unwrap_or(usize::MAX);
    let list = call.db.read::<List>(key)?;
    let found = list.into_iter().flat_map(|list| list.find(element, from, unlimited(within)));
    let mut found = found.skip(skipped);
    let Some(most) = most else {
        match found.next() {
            Some(place) => call.reply.len(place),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let mark = call.reply.mark();
    let n = found.take(unlimited(most)).map(|place| call.reply.len(place)).count();
    call.reply.end_array(mark, n);
    Ok(())
}

const NO_RANK: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                       or use negative to start from the end of the list";
