//! Sorted sets: ranges of ranks, of scores and of members, to be returned, counted, stored or removed.

use std::ops::Range;

use crate::base::number::{parse_c_float, parse_int};
use crate::command;
use crate::data::entry::NewValue;
use crate::data::list::Side;
use crate::data::object::Object;
use crate::data::sorted_set::SortedSet;
use crate::engine::{Call, Family};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::sorted_set::write_members;

pub const SORTED_SET_RANGE: Family = Family {
    name: "sorted-set",
    category: Categories::SORTEDSET,
    commands: &[
        &ZCOUNT,
        &ZLEXCOUNT,
        &ZRANGE,
        &ZRANGEBYLEX,
        &ZRANGEBYSCORE,
        &ZRANGESTORE,
        &ZREMRANGEBYLEX,
        &ZREMRANGEBYRANK,
        &ZREMRANGEBYSCORE,
        &ZREVRANGE,
        &ZREVRANGEBYLEX,
        &ZREVRANGEBYSCORE,
    ],
};

command! {
    /// Returns the members of a sorted set in a range.
    ///
    /// The range is of ranks, which count from zero at the lowest score, or from -1 at the highest. With `BYSCORE` it is
    /// of scores: a bound with a `(` in front is left out, and `-inf` and `+inf` are below and above all. With `BYLEX` it
    /// is of members, which should have equal scores: bounds begin with `[` or, to be left out, with `(`, and `-` and `+`
    /// are before and after all. `REV` goes from the highest down, and takes the higher bound first unless it is a rank.
    /// `LIMIT` passes over some of what is found, and returns at most so many, or all for a negative count.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZRANGE board 0 1
    /// 1) "bob"
    /// 2) "eve"
    /// > ZRANGE board +inf (80 BYSCORE REV LIMIT 0 1 WITHSCORES
    /// 1) "ann"
    /// 2) "100"
    /// > ZADD names 0 ann 0 bob 0 eve
    /// (integer) 3
    /// > ZRANGE names [b (e BYLEX
    /// 1) "bob"
    /// ```
    ZRANGE("key start:string stop:string [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]")
        -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.2.0";
    takes "O(log N + M) for M members returned of N";
    run zrange;
}

fn zrange(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::Any)?)
}

command! {
    /// Returns the members of a sorted set in a range of ranks, the highest score first.
    ///
    /// `ZRANGE` with `REV` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZREVRANGE board 0 1 WITHSCORES
    /// 1) "ann"
    /// 2) "100"
    /// 3) "eve"
    /// 4) "90"
    /// ```
    ZREVRANGE("key start stop [WITHSCORES]") -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.2.0";
    takes "O(log N + M) for M members returned of N";
    run zrevrange;
}

fn zrevrange(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::These(Order::Rank, Side::Tail))?)
}

command! {
    /// Returns the members of a sorted set with scores between two bounds.
    ///
    /// A bound with a `(` in front is left out. `ZRANGE` with `BYSCORE` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZRANGEBYSCORE board (80 +inf
    /// 1) "eve"
    /// 2) "ann"
    /// ```
    ZRANGEBYSCORE("key min:string max:string [WITHSCORES] [LIMIT offset count]")
        -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.5";
    takes "O(log N + M) for M members returned of N";
    run zrangebyscore;
}

fn zrangebyscore(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::These(Order::Score, Side::Head))?)
}

command! {
    /// Returns the members of a sorted set with scores between two bounds, the highest score first.
    ///
    /// The higher bound comes first. `ZRANGE` with `BYSCORE` and `REV` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZREVRANGEBYSCORE board +inf 90
    /// 1) "ann"
    /// 2) "eve"
    /// ```
    ZREVRANGEBYSCORE("key max:string min:string [WITHSCORES] [LIMIT offset count]")
        -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.2.0";
    takes "O(log N + M) for M members returned of N";
    run zrevrangebyscore;
}

fn zrevrangebyscore(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::These(Order::Score, Side::Tail))?)
}

command! {
    /// Returns the members of a sorted set between two others, if all have the same score.
    ///
    /// `ZRANGE` with `BYLEX` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > ZADD words 0 apple 0 banana 0 cherry
    /// (integer) 3
    /// > ZRANGEBYLEX words [b +
    /// 1) "banana"
    /// 2) "cherry"
    /// ```
    ZRANGEBYLEX("key min:string max:string [LIMIT offset count]") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.9";
    takes "O(log N + M) for M members returned of N";
    run zrangebylex;
}

fn zrangebylex(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::These(Order::Lex, Side::Head))?)
}

command! {
    /// Returns the members of a sorted set between two others, the last one first, if all have the same score.
    ///
    /// The later bound comes first. `ZRANGE` with `BYLEX` and `REV` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > ZADD words 0 apple 0 banana 0 cherry
    /// (integer) 3
    /// > ZREVRANGEBYLEX words (cherry -
    /// 1) "banana"
    /// 2) "apple"
    /// ```
    ZREVRANGEBYLEX("key max:string min:string [LIMIT offset count]") -> "string[]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.9";
    takes "O(log N + M) for M members returned of N";
    run zrevrangebylex;
}

fn zrevrangebylex(call: &mut Call<'_>) -> Result {
    answer(call, Query::read(call.args, 1, Words::These(Order::Lex, Side::Tail))?)
}

fn answer(call: &mut Call<'_>, query: Query<'_>) -> Result {
    match call.db.read::<SortedSet>(call.args.at(1))? {
        Some(set) => {
            write_members(&mut call.reply, set.range(query.ranks(set), query.from), query.with_scores)
        }
        None => call.reply.array(0),
    }
    Ok(())
}

command! {
    /// Stores the members of a sorted set in a range as another sorted set.
    ///
    /// The range is said as with `ZRANGE`. What the destination held is gone, also when nothing is found; then there is
    /// no such key afterwards. The reply is how many members were stored.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZRANGESTORE best board 90 +inf BYSCORE
    /// (integer) 2
    /// > ZRANGE best 0 -1
    /// 1) "eve"
    /// 2) "ann"
    /// ```
    ZRANGESTORE("dst:key src:key min:string max:string [BYSCORE|BYLEX] [REV] [LIMIT offset count]") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "6.2.0";
    takes "O(log N + M) for M members stored of N";
    run zrangestore;
}

fn zrangestore(call: &mut Call<'_>) -> Result {
    let query = Query::read(call.args, 2, Words::Unscored)?;
    let limits = call.db.limits;
    let mut result = SortedSet::new();
    if let Some(set) = call.db.read::<SortedSet>(call.args.at(2))? {
        for (member, score) in set.range(query.ranks(set), Side::Head) {
            result.insert(&member, score, &limits);
        }
    }
    store(call, call.args.at(1), result, "zrangestore");
    Ok(())
}

/// Stores what a command has made, or removes the key if that is nothing; replies with the number of members.
pub(super) fn store(call: &mut Call<'_>, key: &[u8], result: SortedSet, event: &'static str) {
    let len = result.len();
    if len > 0 {
        let object = Object::SortedSet(Box::new(result));
        call.db.set(key, NewValue::Object(object), Expiry::Never);
        call.db.touch(key, Event::sorted_set(event));
    } else if call.db.remove(key) {
        call.db.touch(key, Event::DEL);
    }
    call.reply.len(len);
}

/// A part of a sorted set, as arguments say it.
struct Query<'a> {
    bounds: Bounds<'a>,
    from: Side,
    offset: i64,
    most: Option<usize>,
    with_scores: bool,
}

/// What a command's own name says of a query.
#[derive(Clone, Copy)]
enum Words {
    /// Nothing: words say it.
    Any,
    /// That nothing is returned, so that scores can't be.
    Unscored,
    These(Order, Side),
}

/// What the bounds of a range are.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Rank,
    Score,
    Lex,
}

impl<'a> Query<'a> {
    /// Reads the arguments behind the key at `key`: two bounds, then options.
    fn read(args: Args<'a>, key: usize, words: Words) -> Result<Self> {
        let (mut order, mut from) = match words {
            Words::These(order, side) => (Some(order), Some(side)),
            Words::Any | Words::Unscored => (None, None),
        };
        let (mut offset, mut count, mut with_scores) = (0, -1, false);
        let mut options = args.options(key + 3);
        while !options.is_empty() {
            if !matches!(words, Words::Unscored) && options.word("WITHSCORES") {
                with_scores = true;
            } else if options.len() > 2 && options.word("LIMIT") {
                let mut number = || parse_int(options.take()?).ok_or(Error::NotInteger);
                (offset, count) = (number()?, number()?);
            } else if from.is_none() && options.word("REV") {
                from = Some(Side::Tail);
            } else if order.is_none() && options.word("BYLEX") {
                order = Some(Order::Lex);
            } else if order.is_none() && options.word("BYSCORE") {
                order = Some(Order::Score);
            } else {
                return Err(Error::Syntax);
            }
        }
        let (order, from) = (order.unwrap_or(Order::Rank), from.unwrap_or(Side::Head));
        if count != -1 && order == Order::Rank {
            return Err(Error::Text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && order == Order::Lex {
            return Err(Error::Text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let swapped = from == Side::Tail && order != Order::Rank;
        let (min, max) = if swapped { (key + 2, key + 1) } else { (key + 1, key + 2) };
        let bounds = Bounds::read(order, args, min, max)?;
        Ok(Self { bounds, from, offset, most: usize::try_from(count).ok(), with_scores })
    }

    /// Returns the ranks of what is found.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let found = self.bounds.ranks(set);
        if let Bounds::Rank(..) = self.bounds {
            return match self.from {
                Side::Head => found,
                Side::Tail => set.len() - found.end..set.len() - found.start,
            };
        }
        // To a negative offset Redis counts down for ever.
        let passed = usize::try_from(self.offset).map_or(found.len(), |offset| offset.min(found.len()));
        let taken = (found.len() - passed).min(self.most.unwrap_or(usize::MAX));
        match self.from {
            Side::Head => found.start + passed..found.start + passed + taken,
            Side::Tail => found.end - passed - taken..found.end - passed,
        }
    }
}

/// What a range lies between.
enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreBound, ScoreBound),
    Lex(LexBound<'a>, LexBound<'a>),
}

impl<'a> Bounds<'a> {
    /// Reads the lower bound at `min` and the upper one at `max`.
    fn read(order: Order, args: Args<'a>, min: usize, max: usize) -> Result<Self> {
        Ok(match order {
            Order::Rank => Bounds::Rank(args.int(min)?, args.int(max)?),
            Order::Score => {
                let bound =
                    |i| ScoreBound::read(args.at(i)).ok_or(Error::Text("ERR min or max is not a float"));
                Bounds::Score(bound(min)?, bound(max)?)
            }
            Order::Lex => {
                let refusal = Error::Text("ERR min or max not valid string range item");
                let bound = |i| LexBound::read(args.at(i));
                let bounds = bound(min).zip(bound(max)).ok_or(refusal)?;
                Bounds::Lex(bounds.0, bounds.1)
            }
        })
    }

    /// Returns the ranks of the members between the bounds.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let (start, end) = match self {
            Bounds::Rank(start, stop) => {
                let len = set.len() as i64;
                let from_head = |rank: i64| if rank < 0 { rank + len } else { rank };
                let (start, end) = (from_head(*start).clamp(0, len), from_head(*stop).min(len - 1) + 1);
                (start as usize, end.max(0) as usize)
            }
            Bounds::Score(min, max) => (
                set.count_before(&|score, _| score < min.score || (min.open && score == min.score)),
                set.count_before(&|score, _| score < max.score || (!max.open && score == max.score)),
            ),
            Bounds::Lex(min, max) => (
                set.count_before(&|_, member| min.is_behind(member, Side::Head)),
                set.count_before(&|_, member| max.is_behind(member, Side::Tail)),
            ),
        };
        start..end.max(start)
    }
}

/// One end of a range of scores.
#[derive(Clone, Copy)]
struct ScoreBound {
    score: f64,
    /// The score itself is not in the range.
    open: bool,
}

impl ScoreBound {
    fn read(arg: &[u8]) -> Option<Self> {
        let (open, number) = match arg {
            [b'(', number @ ..] => (true, number),
            number => (false, number),
        };
        Some(Self { score: parse_c_float(number)?, open })
    }
}

/// One end of a range of members.
#[derive(Clone, Copy)]
enum LexBound<'a> {
    First,
    Last,
    Closed(&'a [u8]),
    Open(&'a [u8]),
}

impl<'a> LexBound<'a> {
    fn read(arg: &'a [u8]) -> Option<Self> {
        Some(match arg {
            [b'-'] | [b'-', 0, ..] => Self::First,
            [b'+'] | [b'+', 0, ..] => Self::Last,
            [b'[', member @ ..] => Self::Closed(member),
            [b'(', member @ ..] => Self::Open(member),
            _ => return None,
        })
    }

    /// Tells whether the place of this bound is behind a member. A bound that is a member itself and belongs to the
    /// range has its place in front of that as the lower end, and behind it as the upper one.
    fn is_behind(&self, member: &[u8], end: Side) -> bool {
        match (*self, end) {
            (Self::First, _) => false,
            (Self::Last, _) => true,
            (Self::Closed(bound), Side::Head) | (Self::Open(bound), Side::Tail) => member < bound,
            (Self::Open(bound), Side::Head) | (Self::Closed(bound), Side::Tail) => member <= bound,
        }
    }
}

command! {
    /// Counts the members of a sorted set with scores between two bounds.
    ///
    /// A bound with a `(` in front is left out.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZCOUNT board (80 +inf
    /// (integer) 2
    /// ```
    ZCOUNT("key min:string max:string") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(log N) with N members of the set";
    run zcount;
}

fn zcount(call: &mut Call<'_>) -> Result {
    count(call, Order::Score)
}

command! {
    /// Counts the members of a sorted set between two others, if all have the same score.
    ///
    /// Bounds are said as with `ZRANGE` and `BYLEX`.
    ///
    /// ```redis
    /// > ZADD words 0 apple 0 banana 0 cherry
    /// (integer) 3
    /// > ZLEXCOUNT words - (cherry
    /// (integer) 2
    /// ```
    ZLEXCOUNT("key min:string max:string") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.8.9";
    takes "O(log N) with N members of the set";
    run zlexcount;
}

fn zlexcount(call: &mut Call<'_>) -> Result {
    count(call, Order::Lex)
}

fn count(call: &mut Call<'_>, order: Order) -> Result {
    let bounds = Bounds::read(order, call.args, 2, 3)?;
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    call.reply.len(set.map_or(0, |set| bounds.ranks(set).len()));
    Ok(())
}

command! {
    /// Removes the members of a sorted set in a range of ranks.
    ///
    /// Ranks count from zero at the lowest score, or from -1 at the highest. The reply is how many were removed.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZREMRANGEBYRANK board 0 -2
    /// (integer) 2
    /// ```
    ZREMRANGEBYRANK("key start stop") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "2.0.0";
    takes "O(M log N) for M members removed of N";
    run zremrangebyrank;
}

fn zremrangebyrank(call: &mut Call<'_>) -> Result {
    remove(call, Order::Rank, "zremrangebyrank")
}

command! {
    /// Removes the members of a sorted set with scores between two bounds.
    ///
    /// A bound with a `(` in front is left out. The reply is how many were removed.
    ///
    /// ```redis
    /// > ZADD board 80 bob 90 eve 100 ann
    /// (integer) 3
    /// > ZREMRANGEBYSCORE board -inf (90
    /// (integer) 1
    /// ```
    ZREMRANGEBYSCORE("key min:string max:string") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "1.2.0";
    takes "O(M log N) for M members removed of N";
    run zremrangebyscore;
}

fn zremrangebyscore(call: &mut Call<'_>) -> Result {
    remove(call, Order::Score, "zremrangebyscore")
}

command! {
    /// Removes the members of a sorted set between two others, if all have the same score.
    ///
    /// Bounds are said as with `ZRANGE` and `BYLEX`. The reply is how many were removed.
    ///
    /// ```redis
    /// > ZADD words 0 apple 0 banana 0 cherry
    /// (integer) 3
    /// > ZREMRANGEBYLEX words [b +
    /// (integer) 2
    /// ```
    ZREMRANGEBYLEX("key min:string max:string") -> "number";
    flags WRITE;
    keys RW | DELETE;
    since "2.8.9";
    takes "O(M log N) for M members removed of N";
    run zremrangebylex;
}

fn zremrangebylex(call: &mut Call<'_>) -> Result {
    remove(call, Order::Lex, "zremrangebylex")
}

fn remove(call: &mut Call<'_>, order: Order, event: &'static str) -> Result {
    let key = call.args.at(1);
    let bounds = Bounds::read(order, call.args, 2, 3)?;
    let Some(set) = call.db.write::<SortedSet>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let ranks = bounds.ranks(set);
    let count = ranks.len();
    set.remove_range(ranks);
    let left = set.len();
    call.db.shrank(key, Event::sorted_set(event), count, left);
    call.reply.len(count);
    Ok(())
}
