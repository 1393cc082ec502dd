//! Sorted sets: members and their scores. Ranges are in `sorted_set_range`, what several sets make together is in
//! `sorted_set_store`, and what waits for members in `sorted_set_blocking`.

use std::ops::Range;

use crate::base::number::format_int;
use crate::base::random::Random;
use crate::base::sort;
use crate::command;
use crate::data::list::Side;
use crate::data::sorted_set::{Members, SortedSet};
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Args, Error, Options, Reply, Result};
use crate::spec::Categories;

use super::elements::{Draw, Named, begin_element, begin_elements, draw_in_turns, scan_in};
use super::list::{Wanted, count, first_of};

pub const SORTED_SET: Family = Family {
    name: "sorted-set",
    category: Categories::SORTEDSET,
    commands: &[
        &ZADD,
        &ZCARD,
        &ZINCRBY,
        &ZMPOP,
        &ZMSCORE,
        &ZPOPMAX,
        &ZPOPMIN,
        &ZRANDMEMBER,
        &ZRANK,
        &ZREM,
        &ZREVRANK,
        &ZSCAN,
        &ZSCORE,
    ],
};

command! {
    /// Gives members of a sorted set their scores; the set is made if the key does not exist.
    ///
    /// `NX` only adds members, `XX` only changes the scores of those there are; with `GT` and `LT` the score of a member
    /// that is there only rises or only falls. The reply is how many members are new, with `CH` how many are new or have
    /// another score. With `INCR` the score, of a single member, is added to the one it has; the reply is then the new
    /// score, or null if nothing was done.
    ///
    /// ```redis
    /// > ZADD board 100 ann 80 bob
    /// (integer) 2
    /// > ZADD board GT CH 90 ann 95 bob
    /// (integer) 1
    /// > ZRANGE board 0 -1 WITHSCORES
    /// 1) "bob"
    /// 2) "95"
    /// 3) "ann"
    /// 4) "100"
    /// ```
    ZADD("key [NX|XX] [GT|LT] [CH] [INCR] <score member>...") -> "number | null";
    flags WRITE | DENYOOM | FAST;
    keys RW | UPDATE;
    since "1.2.0";
    takes "O(log N) for each member, with N members of the set";
    run zadd;
}

fn zadd(call: &mut Call<'_>) -> Result {
    add(call, call.args, Rules::default()).map(drop)
}

command! {
    /// Adds to the score of a member, which is 0 for one that is not there yet.
    ///
    /// The reply is the new score. A negative increment subtracts.
    ///
    /// ```redis
    /// > ZADD board 100 ann
    /// (integer) 1
    /// > ZINCRBY board 10.5 ann
    /// "110.5"
    /// ```
    ZINCRBY("key increment:double member") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.2.0";
    takes "O(log N) with N members of the set";
    run zincrby;
}

fn zincrby(call: &mut Call<'_>) -> Result {
    add(call, call.args, Rules { incr: true, ..Rules::default() }).map(drop)
}

/// What ZADD may do.
#[derive(Default)]
pub(super) struct Rules {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Rules {
    /// Takes the next argument if it is one of ours.
    fn take(&mut self, options: &mut Options<'_>) -> bool {
        let words = [
            ("NX", &mut self.nx),
            ("XX", &mut self.xx),
            ("GT", &mut self.gt),
            ("LT", &mut self.lt),
            ("CH", &mut self.ch),
            ("INCR", &mut self.incr),
        ];
        words.into_iter().any(|(word, rule)| {
            let hit = options.word(word);
            *rule |= hit;
            hit
        })
    }

    fn check(&self, members: usize) -> Result {
        if self.nx && self.xx {
            return Err(Error::Text("ERR XX and NX options at the same time are not compatible"));
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            return Err(Error::Text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.incr && members > 1 {
            return Err(Error::Text("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// Returns the score that a member is to have which has `old`, if that is allowed.
    fn score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(old) = old else { return Ok((!self.xx).then_some(given)) };
        if self.nx {
            return Ok(None);
        }
        let score = if self.incr { old + given } else { given };
        if score.is_nan() {
            return Err(Error::Text("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.lt && score >= old) || (self.gt && score <= old);
        Ok((!refused).then_some(score))
    }
}

/// Runs ZADD with these arguments; returns whether anything has changed.
pub(super) fn add(call: &mut Call<'_>, args: Args<'_>, mut rules: Rules) -> Result<bool> {
    let mut options = args.options(2);
    while rules.take(&mut options) {}
    let (key, pairs) = (args.at(1), args.from(options.position()));
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    rules.check(pairs.len() / 2)?;
    for i in (0..pairs.len()).step_by(2) {
        pairs.float(i)?;
    }
    let limits = call.db.limits;
    let set = if rules.xx {
        call.db.write::<SortedSet>(key)?
    } else {
        Some(call.db.write_or_new::<SortedSet>(key)?)
    };
    let (mut added, mut changed, mut last) = (0, 0, None);
    if let Some(set) = set {
        for i in (0..pairs.len()).step_by(2) {
            let (given, member) = (pairs.float(i)?, pairs.at(i + 1));
            let old = set.score(member);
            last = rules.score(old, given)?;
            if let Some(score) = last.filter(|score| old != Some(*score)) {
                set.insert(member, score, &limits);
                added += i64::from(old.is_none());
                changed += 1;
            }
        }
    }
    if changed > 0 {
        call.db.touch(key, Event::sorted_set(if rules.incr { "zincr" } else { "zadd" }));
        call.db.effects.count(changed as u64 - 1);
    }
    match (rules.incr, last) {
        (true, Some(score)) => call.reply.double(score),
        (true, None) => call.reply.null(),
        (false, _) => call.reply.int(if rules.ch { changed } else { added }),
    }
    Ok(changed > 0)
}

command! {
    /// Removes members of a sorted set.
    ///
    /// The reply is how many there were. A set that has become empty is removed.
    ///
    /// ```redis
    /// > ZADD board 1 ann 2 bob
    /// (integer) 2
    /// > ZREM board ann nobody
    /// (integer) 1
    /// ```
    ZREM("key member...") -> "number";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "1.2.0";
    takes "O(log N) for each member, with N members of the set";
    run zrem;
}

fn zrem(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let Some(set) = call.db.write::<SortedSet>(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let removed = call.args.from(2).iter().filter(|member| set.remove(member).is_some()).count();
    let left = set.len();
    call.db.shrank(key, Event::sorted_set("zrem"), removed, left);
    call.reply.len(removed);
    Ok(())
}

command! {
    /// Returns how many members a sorted set has.
    ///
    /// A key that does not exist counts as an empty set.
    ///
    /// ```redis
    /// > ZADD board 1 ann 2 bob
    /// (integer) 2
    /// > ZCARD board
    /// (integer) 2
    /// ```
    ZCARD("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "1.2.0";
    takes "O(1)";
    run zcard;
}

fn zcard(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<SortedSet>(call.args.at(1))?.map_or(0, SortedSet::len);
    call.reply.len(len);
    Ok(())
}

command! {
    /// Returns the score of a member.
    ///
    /// The reply is null if there is no such member, or no such key.
    ///
    /// ```redis
    /// > ZADD board 99.5 ann
    /// (integer) 1
    /// > ZSCORE board ann
    /// "99.5"
    /// > ZSCORE board bob
    /// (nil)
    /// ```
    ZSCORE("key member") -> "number | null";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "1.2.0";
    takes "O(1)";
    run zscore;
}

fn zscore(call: &mut Call<'_>) -> Result {
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    write_score(&mut call.reply, set, call.args.at(2));
    Ok(())
}

command! {
    /// Returns the scores of several members.
    ///
    /// The score of a member that is not there is null.
    ///
    /// ```redis
    /// > ZADD board 1 ann 2 bob
    /// (integer) 2
    /// > ZMSCORE board bob eve ann
    /// 1) "2"
    /// 2) (nil)
    /// 3) "1"
    /// ```
    ZMSCORE("key member...") -> "(number | null)[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(N) for N members asked for";
    run zmscore;
}

fn zmscore(call: &mut Call<'_>) -> Result {
    let members = call.args.from(2);
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    call.reply.array(members.len());
    members.iter().for_each(|member| write_score(&mut call.reply, set, member));
    Ok(())
}

fn write_score(reply: &mut Reply<'_>, set: Option<&SortedSet>, member: &[u8]) {
    match set.and_then(|set| set.score(member)) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

command! {
    /// Returns how many members of a sorted set come before one of them.
    ///
    /// The member with the lowest score has the rank 0. The reply is null if there is no such member. With `WITHSCORE`,
    /// which is of Redis 7.2, it is the rank and the score.
    ///
    /// ```redis
    /// > ZADD board 80 bob 100 ann
    /// (integer) 2
    /// > ZRANK board ann
    /// (integer) 1
    /// ```
    ZRANK("key member [WITHSCORE]") -> "number | null | [rank: number, score: number]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(log N) with N members of the set";
    run zrank;
}

fn zrank(call: &mut Call<'_>) -> Result {
    rank(call, Side::Head)
}

command! {
    /// Returns how many members of a sorted set come after one of them.
    ///
    /// The member with the highest score has the rank 0. The reply is null if there is no such member. With `WITHSCORE`,
    /// which is of Redis 7.2, it is the rank and the score.
    ///
    /// ```redis
    /// > ZADD board 80 bob 100 ann
    /// (integer) 2
    /// > ZREVRANK board ann
    /// (integer) 0
    /// ```
    ZREVRANK("key member [WITHSCORE]") -> "number | null | [rank: number, score: number]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.0.0";
    takes "O(log N) with N members of the set";
    run zrevrank;
}

fn zrevrank(call: &mut Call<'_>) -> Result {
    rank(call, Side::Tail)
}

fn rank(call: &mut Call<'_>, from: Side) -> Result {
    let with_score = match call.args.len() {
        3 => false,
        4 if call.args.is(3, "WITHSCORE") => true,
        4 => return Err(Error::Syntax),
        _ if from == Side::Head => return Err(Error::WrongArity("ZRANK")),
        _ => return Err(Error::WrongArity("ZREVRANK")),
    };
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(call.args.at(2))?;
        Some((if from == Side::Head { rank } else { set.len() - 1 - rank }, score))
    });
    match (found, with_score) {
        (Some((rank, _)), false) => call.reply.len(rank),
        (Some((rank, score)), true) => {
            call.reply.array(2);
            call.reply.len(rank);
            call.reply.double(score);
        }
        (None, false) => call.reply.null(),
        (None, true) => call.reply.null_array(),
    }
    Ok(())
}

command! {
    /// Takes the member with the lowest score out of a sorted set, or the first few.
    ///
    /// The reply has each member with its score, and is empty if there is no such key.
    ///
    /// ```redis
    /// > ZADD jobs 1 sweep 2 mop 3 dust
    /// (integer) 3
    /// > ZPOPMIN jobs
    /// 1) "sweep"
    /// 2) "1"
    /// > ZPOPMIN jobs 5
    /// 1) "mop"
    /// 2) "2"
    /// 3) "dust"
    /// 4) "3"
    /// ```
    ZPOPMIN("key [count]") -> "[string?, number?] | [member: string, score: number][]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "5.0.0";
    takes "O(M log N) for M members returned of N";
    run zpopmin;
}

fn zpopmin(call: &mut Call<'_>) -> Result {
    pop(call, Side::Head)
}

command! {
    /// Takes the member with the highest score out of a sorted set, or the last few.
    ///
    /// The reply has each member with its score, the highest one first, and is empty if there is no such key.
    ///
    /// ```redis
    /// > ZADD jobs 1 sweep 2 mop 3 dust
    /// (integer) 3
    /// > ZPOPMAX jobs
    /// 1) "dust"
    /// 2) "3"
    /// ```
    ZPOPMAX("key [count]") -> "[string?, number?] | [member: string, score: number][]";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "5.0.0";
    takes "O(M log N) for M members returned of N";
    run zpopmax;
}

fn zpopmax(call: &mut Call<'_>) -> Result {
    pop(call, Side::Tail)
}

fn pop(call: &mut Call<'_>, side: Side) -> Result {
    if call.args.len() > 3 {
        return Err(Error::Syntax);
    }
    let key = call.args.at(1);
    let wanted = call.args.get(2).map(|arg| count(arg, 0, "ERR value is out of range, must be positive"));
    let wanted = wanted.transpose()?;
    let Some(set) = call.db.write::<SortedSet>(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let ranks = end(set, side, wanted.unwrap_or(1));
    match wanted {
        None => {
            call.reply.array(2 * ranks.len());
            set.range(ranks.clone(), side).for_each(|(member, score)| {
                call.reply.bulk(&member);
                call.reply.double(score);
            });
        }
        Some(_) => write_members(&mut call.reply, set.range(ranks.clone(), side), true),
    }
    let count = ranks.len();
    set.remove_range(ranks);
    let left = set.len();
    call.db.shrank(key, pop_event(side), count, left);
    Ok(())
}

/// Returns the ranks of so many members at an end of a set.
fn end(set: &SortedSet, side: Side, count: usize) -> Range<usize> {
    let (len, count) = (set.len(), count.min(set.len()));
    match side {
        Side::Head => 0..count,
        Side::Tail => len - count..len,
    }
}

pub(super) fn pop_event(side: Side) -> Event {
    Event::sorted_set(match side {
        Side::Head => "zpopmin",
        Side::Tail => "zpopmax",
    })
}

/// Returns the name of the command that pops from an end.
pub(super) fn pop_name(side: Side) -> &'static [u8] {
    match side {
        Side::Head => b"ZPOPMIN",
        Side::Tail => b"ZPOPMAX",
    }
}

/// Writes members with their scores or without, in an array: flat in RESP2, of pairs in RESP3.
pub(super) fn write_members(reply: &mut Reply<'_>, members: Members<'_>, with_scores: bool) {
    begin_elements(reply, members.len(), with_scores);
    members.for_each(|(member, score)| write_member(reply, &member, with_scores.then_some(score)));
}

pub(super) fn write_member(reply: &mut Reply<'_>, member: &[u8], score: Option<f64>) {
    begin_element(reply, member, score.is_some());
    if let Some(score) = score {
        reply.double(score);
    }
}

command! {
    /// Takes members from an end of the first of several sorted sets that exists.
    ///
    /// The reply names the key and has at most as many members with their scores as the count says, which is one if not
    /// given; it is null if none of the keys exists.
    ///
    /// ```redis
    /// > ZADD low 1 sweep 2 mop
    /// (integer) 2
    /// > ZMPOP 2 high low MIN COUNT 5
    /// 1) "low"
    /// 2) 1) 1) "sweep"
    ///       2) "1"
    ///    2) 1) "mop"
    ///       2) "2"
    /// ```
    ZMPOP("numkeys key... <MIN|MAX> [COUNT count]")
        -> "[key: string, members: [member: string, score: number][]] | null";
    flags WRITE;
    keys RW | ACCESS | DELETE;
    since "7.0.0";
    takes "O(K) + O(M log N) for K keys and M members returned of N";
    run zmpop;
}

fn zmpop(call: &mut Call<'_>) -> Result {
    let wanted = Wanted::read(call.args, 1, ENDS)?;
    if !pop_wanted(call, &wanted)? {
        call.reply.null_array();
    }
    Ok(())
}

/// The words for the ends of a sorted set.
pub(super) const ENDS: [&str; 2] = ["MIN", "MAX"];

/// Pops from the first sorted set there is; returns whether there is one.
pub(super) fn pop_wanted(call: &mut Call<'_>, wanted: &Wanted) -> Result<bool> {
    let Some(key) = first_of::<SortedSet>(call, wanted.keys.clone())? else { return Ok(false) };
    call.reply.array(2);
    call.reply.bulk(key);
    let set = call.db.write::<SortedSet>(key)?.expect("it was just found");
    let ranks = end(set, wanted.side, wanted.count);
    let count = ranks.len();
    call.reply.array(count);
    for (member, score) in set.range(ranks.clone(), wanted.side) {
        call.reply.array(2);
        call.reply.bulk(&member);
        call.reply.double(score);
    }
    set.remove_range(ranks);
    let left = set.len();
    call.db.shrank(key, pop_event(wanted.side), count, left);
    call.db.log_as(&[pop_name(wanted.side), key, &format_int(count as i64)]);
    Ok(true)
}

command! {
    /// Returns a random member of a sorted set, or several of them.
    ///
    /// With a count the reply is an array of so many members, all of them if there are fewer, each once. A negative
    /// count returns exactly as many, and may repeat members. Without a count the reply is null if there is no such key.
    ///
    /// ```redis
    /// > ZADD dice 1 one
    /// (integer) 1
    /// > ZRANDMEMBER dice
    /// "one"
    /// > ZRANDMEMBER dice -2 WITHSCORES
    /// 1) "one"
    /// 2) "1"
    /// 3) "one"
    /// 4) "1"
    /// ```
    ZRANDMEMBER("key [count [WITHSCORES]]") -> "string | null | string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(M log N) for M members returned of N";
    run zrandmember;
}

fn zrandmember(call: &mut Call<'_>) -> Result {
    let draw = Draw::read(call.args, "WITHSCORES")?;
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    let (random, reply) = (&mut call.shared.random, &mut call.reply);
    match (set, draw) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(set), None) => {
            let (member, _) =
                set.nth(random.below(set.len() as u64) as usize).expect("a key never holds an empty set");
            reply.bulk(&member);
        }
        (Some(set), Some(draw)) => write_random(reply, set, &draw, random),
    }
    Ok(())
}

fn write_random(reply: &mut Reply<'_>, set: &SortedSet, draw: &Draw, random: &mut Random) {
    let (n, len) = (draw.of(set.len()), set.len());
    begin_elements(reply, n, draw.with_values);
    let write = |reply: &mut Reply<'_>, rank: usize| {
        let (member, score) = set.nth(rank).expect("the rank is below the length");
        write_member(reply, &member, draw.with_values.then_some(score));
    };
    if draw.repeats {
        draw_in_turns(reply, n, |reply, n| {
            (0..n).for_each(|_| write(reply, random.below(len as u64) as usize));
        });
    } else if n == len {
        // All of them come the last one first, as in Redis.
        (0..len).rev().for_each(|rank| write(reply, rank));
    } else {
        distinct(n, len, random).into_iter().for_each(|rank| write(reply, rank));
    }
}

/// Draws so many different ranks below a length that is greater.
fn distinct(count: usize, len: usize, random: &mut Random) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(count);
    if count > len / 3 {
        // Each is taken with the chance that so many of those left are wanted.
        for rank in 0..len {
            if random.below((len - rank) as u64) < (count - ranks.len()) as u64 {
                ranks.push(rank);
            }
        }
    }
    while ranks.len() < count {
        ranks.extend((ranks.len()..count).map(|_| random.below(len as u64) as usize));
        sort::sort(&mut ranks);
        ranks.dedup();
    }
    ranks
}

command! {
    /// Goes through the members of a sorted set in steps.
    ///
    /// The first step has the cursor 0; each answers with the cursor of the next one, and 0 comes back at the end.
    /// Members that are there from the first step to the last are all returned, each with its score.
    ///
    /// ```redis
    /// > ZADD board 1 ann 2 bob
    /// (integer) 2
    /// > ZSCAN board 0 MATCH b*
    /// 1) "0"
    /// 2) 1) "bob"
    ///    2) "2"
    /// ```
    ZSCAN("key cursor [MATCH pattern] [COUNT count]") -> "[cursor: string, members: string[]]";
    flags READONLY;
    keys RO | ACCESS;
    since "2.8.0";
    takes "O(1) for each step, O(N) for all, with N members of the set";
    run zscan;
}

fn zscan(call: &mut Call<'_>) -> Result {
    scan_in::<SortedSet>(call, Named::Members, |set, step| {
        set.scan(step.cursor, step.wanted.count, &mut |member, score| step.meet(member, Some(score)))
    })
}
