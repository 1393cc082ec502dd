//! Sorted sets: unions, intersections and differences of several.

use std::ops::Range;

use crate::base::number::{parse_float, parse_int, to_count};
use crate::base::sort;
use crate::command;
use crate::data::entry::{Entry, ValueRef};
use crate::data::limits::Limits;
use crate::data::list::Item;
use crate::data::object::Object;
use crate::data::set::Set;
use crate::data::sorted_set::SortedSet;
use crate::engine::{Call, Family};
use crate::resp::{Error, Options, Result};
use crate::spec::Categories;

use super::sorted_set::write_members;
use super::sorted_set_range::store;

pub const SORTED_SET_STORE: Family = Family {
    name: "sorted-set",
    category: Categories::SORTEDSET,
    commands: &[&ZDIFF, &ZDIFFSTORE, &ZINTER, &ZINTERCARD, &ZINTERSTORE, &ZUNION, &ZUNIONSTORE],
};

command! {
    /// Returns the members that are in any of several sorted sets.
    ///
    /// A member's scores are added, or the least or the greatest is taken, as `AGGREGATE` says; before that they are
    /// multiplied by the `WEIGHTS` of their sets. The members of a set that is not sorted have the score 1.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZUNION 2 mon tue WITHSCORES
    /// 1) "bob"
    /// 2) "20"
    /// 3) "ann"
    /// 4) "25"
    /// ```
    ZUNION("numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]")
        -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(N + M log M) for N members in all and M in the result";
    run zunion;
}

fn zunion(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Union, To::Client)
}

command! {
    /// Stores the members that are in any of several sorted sets as a sorted set.
    ///
    /// Scores become one as with `ZUNION`. What the destination held is gone. The reply is how many members were stored.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZUNIONSTORE best 2 mon tue AGGREGATE MAX
    /// (integer) 2
    /// > ZSCORE best ann
    /// "15"
    /// ```
    ZUNIONSTORE("destination:key numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>]") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "2.0.0";
    takes "O(N + M log M) for N members in all and M in the result";
    run zunionstore;
}

fn zunionstore(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Union, To::Key("zunionstore"))
}

command! {
    /// Returns the members that are in all of several sorted sets.
    ///
    /// Scores become one as with `ZUNION`.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZINTER 2 mon tue WEIGHTS 1 2 WITHSCORES
    /// 1) "ann"
    /// 2) "40"
    /// ```
    ZINTER("numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]")
        -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(N * K + M log M) for the smallest of K sets with N members and M in the result";
    run zinter;
}

fn zinter(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Intersection, To::Client)
}

command! {
    /// Stores the members that are in all of several sorted sets as a sorted set.
    ///
    /// Scores become one as with `ZUNION`. What the destination held is gone. The reply is how many members were stored.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZINTERSTORE both 2 mon tue
    /// (integer) 1
    /// > ZSCORE both ann
    /// "25"
    /// ```
    ZINTERSTORE("destination:key numkeys key... [WEIGHTS weight:integer...] [AGGREGATE <SUM|MIN|MAX>]") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "2.0.0";
    takes "O(N * K + M log M) for the smallest of K sets with N members and M in the result";
    run zinterstore;
}

fn zinterstore(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Intersection, To::Key("zinterstore"))
}

command! {
    /// Counts the members that are in all of several sorted sets.
    ///
    /// `LIMIT` says at how many it stops counting, which is never for 0.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann 25 bob
    /// (integer) 2
    /// > ZINTERCARD 2 mon tue
    /// (integer) 2
    /// > ZINTERCARD 2 mon tue LIMIT 1
    /// (integer) 1
    /// ```
    ZINTERCARD("numkeys key... [LIMIT limit:integer]") -> "number";
    flags READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "O(N * K) for the smallest of K sets with N members";
    run zintercard;
}

fn zintercard(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Intersection, To::Count)
}

command! {
    /// Returns the members of a sorted set that are in none of several others.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZDIFF 2 mon tue WITHSCORES
    /// 1) "bob"
    /// 2) "20"
    /// ```
    ZDIFF("numkeys key... [WITHSCORES]") -> "string[] | [member: string, score: number][]";
    flags READONLY;
    keys RO | ACCESS;
    since "6.2.0";
    takes "O(N + M log M) for N members in all and M of the first set";
    run zdiff;
}

fn zdiff(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Difference, To::Client)
}

command! {
    /// Stores the members of a sorted set that are in none of several others as a sorted set.
    ///
    /// What the destination held is gone. The reply is how many members were stored.
    ///
    /// ```redis
    /// > ZADD mon 10 ann 20 bob
    /// (integer) 2
    /// > ZADD tue 15 ann
    /// (integer) 1
    /// > ZDIFFSTORE missed 2 mon tue
    /// (integer) 1
    /// ```
    ZDIFFSTORE("destination:key numkeys key...") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    since "6.2.0";
    takes "O(N + M log M) for N members in all and M of the first set";
    run zdiffstore;
}

fn zdiffstore(call: &mut Call<'_>) -> Result {
    combine(call, Operation::Difference, To::Key("zdiffstore"))
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// Where a result goes.
#[derive(Clone, Copy, PartialEq)]
enum To {
    Client,
    /// The key that comes first, with an event.
    Key(&'static str),
    /// Nowhere: its members are counted.
    Count,
}

fn combine(call: &mut Call<'_>, operation: Operation, to: To) -> Result {
    let numkeys = if matches!(to, To::Key(_)) { 2 } else { 1 };
    let keys = read_keys(call, numkeys)?;
    // As in Redis, keys are looked at before options are.
    for i in keys.clone() {
        let entry = call.db.entry_counted(call.args.at(i));
        if entry.is_some_and(|entry| Source::of(entry).is_none()) {
            return Err(Error::WrongType);
        }
    }
    let mut how = How { weights: None, aggregate: Aggregate::Sum, limit: usize::MAX, with_scores: false };
    let mut options = call.args.options(keys.end);
    while !options.is_empty() {
        how.take(&mut options, keys.len(), operation, to)?;
    }
    let sources: Vec<Weighted<'_>> = keys
        .clone()
        .map(|i| {
            let table = &call.db.keyspace().database(call.db.index()).table;
            let source = table.find(call.args.at(i)).and_then(Source::of).unwrap_or(Source::None);
            let weight =
                how.weights.map_or(1.0, |first| call.args.float(first + i - keys.start).unwrap_or(1.0));
            Weighted { source, weight }
        })
        .collect();
    let limits = &call.db.limits;
    let mut result = match operation {
        Operation::Union => union(sources, &how, limits),
        Operation::Intersection => intersection(sources, &how, limits),
        Operation::Difference => difference(&sources, limits),
    };
    match to {
        To::Client => write_members(&mut call.reply, result.iter(), how.with_scores),
        To::Key(event) => {
            result.pack(limits);
            store(call, call.args.at(1), result, event);
        }
        To::Count => call.reply.len(result.len()),
    }
    Ok(())
}

/// Reads the number of keys at `at`; returns where they are.
fn read_keys(call: &Call<'_>, at: usize) -> Result<Range<usize>> {
    let count = call.args.int(at)?;
    if count < 1 {
        let name = String::from_utf8_lossy(call.args.at(0)).to_ascii_lowercase();
        return Err(Error::said(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    let end = to_count(count).and_then(|count| count.checked_add(at + 1));
    let end = end.filter(|end| *end <= call.args.len()).ok_or(Error::Syntax)?;
    Ok(at + 1..end)
}

/// How scores become one, and what becomes of them.
struct How {
    /// Where the weights begin among the arguments.
    weights: Option<usize>,
    aggregate: Aggregate,
    limit: usize,
    with_scores: bool,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl How {
    fn take(&mut self, options: &mut Options<'_>, keys: usize, operation: Operation, to: To) -> Result {
        let weighs = operation != Operation::Difference && to != To::Count;
        if weighs && options.len() > keys && options.word("WEIGHTS") {
            self.weights = Some(options.position());
            for _ in 0..keys {
                parse_float(options.take()?).ok_or(Error::Text("ERR weight value is not a float"))?;
            }
        } else if weighs && options.len() > 1 && options.word("AGGREGATE") {
            let words = [("SUM", Aggregate::Sum), ("MIN", Aggregate::Min), ("MAX", Aggregate::Max)];
            let found = words.into_iter().find(|(word, _)| options.word(word));
            self.aggregate = found.ok_or(Error::Syntax)?.1;
        } else if to == To::Client && options.word("WITHSCORES") {
            self.with_scores = true;
        } else if to == To::Count && options.len() > 1 && options.word("LIMIT") {
            let limit = parse_int(options.take()?).and_then(to_count);
            let limit = limit.ok_or(Error::Text("ERR LIMIT can't be negative"))?;
            self.limit = if limit == 0 { usize::MAX } else { limit };
        } else {
            return Err(Error::Syntax);
        }
        Ok(())
    }
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // The infinities add up to 0.
            Aggregate::Sum => number(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

/// Returns 0 in place of what is not a number.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Something with members.
#[derive(Clone, Copy)]
enum Source<'a> {
    None,
    Sorted(&'a SortedSet),
    /// Whose members have the score 1.
    Plain(&'a Set),
}

/// A source, and what its scores are multiplied by.
#[derive(Clone, Copy)]
struct Weighted<'a> {
    source: Source<'a>,
    weight: f64,
}

impl<'a> Source<'a> {
    fn of(entry: &'a Entry) -> Option<Self> {
        match entry.value() {
            ValueRef::Object(Object::SortedSet(set)) => Some(Self::Sorted(set)),
            ValueRef::Object(Object::Set(set)) => Some(Self::Plain(set)),
            _ => None,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Sorted(set) => set.len(),
            Self::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Sorted(set) => set.score(member),
            Self::Plain(set) => set.has(member).then_some(1.0),
        }
    }

    /// Visits every member with its score, for as long as the visitor wants more.
    fn visit(self, visit: &mut dyn FnMut(&[u8], f64) -> bool) {
        match self {
            Self::None => {}
            Self::Sorted(set) => _ = set.iter().all(|(member, score)| visit(&member, score)),
            Self::Plain(set) => _ = set.iter().all(|member| visit(&Item::from(member), 1.0)),
        }
    }
}

fn union(mut sources: Vec<Weighted<'_>>, how: &How, limits: &Limits) -> SortedSet {
    // Sums of floats depend on the order, which in Redis is that of size.
    sort::sort_by(&mut sources, |one, other| one.source.len().cmp(&other.source.len()));
    let mut result = SortedSet::unpacked(limits);
    for Weighted { source, weight } in sources {
        source.visit(&mut |member, score| {
            let score = number(weight * score);
            let score = result.score(member).map_or(score, |sum| how.aggregate.of(sum, score));
            result.insert(member, score, limits);
            true
        });
    }
    result
}

fn intersection(mut sources: Vec<Weighted<'_>>, how: &How, limits: &Limits) -> SortedSet {
    sort::sort_by(&mut sources, |one, other| one.source.len().cmp(&other.source.len()));
    let mut result = SortedSet::unpacked(limits);
    let Some((first, others)) = sources.split_first() else { return result };
    first.source.visit(&mut |member, score| {
        let sum = others.iter().try_fold(number(first.weight * score), |sum, other| {
            Some(how.aggregate.of(sum, other.weight * other.source.score(member)?))
        });
        if let Some(sum) = sum {
            result.insert(member, sum, limits);
        }
        result.len() < how.limit
    });
    result
}

fn difference(sources: &[Weighted<'_>], limits: &Limits) -> SortedSet {
    let mut result = SortedSet::unpacked(limits);
    let Some((first, others)) = sources.split_first() else { return result };
    let all: usize = sources.iter().map(|one| one.source.len()).sum();
    // Looking in the others stops early; it is the better way unless they are much smaller.
    let looks = first.source.len().saturating_mul(others.len()) / 2 <= all;
    first.source.visit(&mut |member, score| {
        if !looks || others.iter().all(|other| other.source.score(member).is_none()) {
            result.insert(member, score, limits);
        }
        true
    });
    if !looks {
        for other in others {
            other.source.visit(&mut |member, _| {
                result.remove(member);
                !result.is_empty()
            });
        }
    }
    result
}
