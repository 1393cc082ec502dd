//! A sorted set: members with scores, in order.
//!
//! A small one is a run of packed pairs, each a member and its printed score. A large one is a table, which knows the
//! score of a member, and ranks, which know the order; the bytes of a member belong to both.
//!
//! A *rank* is a place in the order, which goes by score, and by bytes where scores are equal. Ranges of scores, of
//! bytes and of ranks are all ranges of ranks: what bounds them is found by [`SortedSet::count_before`].

use std::ops::Range;

use super::limits::Limits;
use super::list::{Item, Side};
use super::listpack::Entry;
use super::member::Member;
use super::packed::Run;
use super::ranks::{Before, Ranks, Scored, compare};
use super::table::{Slot, Table};
use crate::base::number::{format_float, parse_float};

/// Members with scores, which are numbers. A key never holds an empty one.
#[derive(Clone)]
pub struct SortedSet {
    form: Form,
}

#[derive(Clone)]
enum Form {
    Packed(Run),
    Ranked(Box<Ranked>),
}

#[derive(Clone)]
struct Ranked {
    scores: Table<Scored>,
    ranks: Ranks,
    /// What the members themselves have asked the allocator for.
    member_bytes: usize,
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::new()
    }
}

impl SortedSet {
    /// Returns a set without members, which has allocated nothing.
    pub fn new() -> Self {
        Self { form: Form::Packed(Run::default()) }
    }

    /// Returns a set without members that stays in the large form until it is packed: it keeps the sign of zeros.
    pub fn unpacked(limits: &Limits) -> Self {
        let mut set = Self::new();
        set.unpack(limits);
        set
    }

    /// Makes a set of members and printed scores in turn, if they are as the small form has them.
    pub fn from_packed(run: Run, limits: &Limits) -> Option<Self> {
        if run.len() / 2 > limits.sorted_set.entries || run.len() % 2 == 1 || run.repeats(2) {
            return None;
        }
        let mut entries = run.iter();
        let mut last: Option<(f64, Item<'_>)> = None;
        while let (Some(member), Some(score)) = (entries.next_item(), entries.next()) {
            let score = match score {
                Entry::Int(n) => Some(n as f64).filter(|score| whole(*score) == Some(n))?,
                Entry::Bytes(text) => parse_float(text).filter(|score| whole(*score).is_none())?,
            };
            let rises =
                last.is_none_or(|(before, other)| compare((before, &other), (score, &member)).is_lt());
            if !rises || member.len() > limits.sorted_set.bytes {
                return None;
            }
            last = Some((score, member));
        }
        Some(Self { form: Form::Packed(run) })
    }

    /// Changes to the small form, if the set is small enough.
    pub fn pack(&mut self, limits: &Limits) {
        let Form::Ranked(ranked) = &self.form else { return };
        let longest = self.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
        if ranked.ranks.len() > limits.sorted_set.entries || longest > limits.sorted_set.bytes {
            return;
        }
        let mut run = Run::default();
        self.iter().for_each(|(member, score)| push_packed(&mut run, &member, score));
        self.form = Form::Packed(run);
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(run) => run.len() / 2,
            Form::Ranked(ranked) => ranked.ranks.len(),
        }
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Packed(_) => "listpack",
            Form::Ranked(_) => "skiplist",
        }
    }

    /// Returns how many pieces of memory the set consists of, about.
    pub fn parts(&self) -> usize {
        if let Form::Ranked(ranked) = &self.form { ranked.scores.len() } else { 1 }
    }

    /// See [`Object::dismantle`](super::object::Object::dismantle).
    pub fn dismantle(&mut self, budget: usize) -> usize {
        let Form::Ranked(ranked) = &mut self.form else { return 0 };
        match ranked.ranks.dismantle(budget) {
            0 => ranked.scores.dismantle(budget, drop),
            freed => freed,
        }
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(run) => run.heap_bytes(),
            Form::Ranked(ranked) => {
                let blocks = ranked.scores.heap_bytes() + ranked.ranks.heap_bytes();
                size_of::<Ranked>() + ranked.member_bytes + blocks
            }
        }
    }

    /// Returns how many bytes a clone allocates besides itself.
    pub fn cloned_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(run) => run.heap_bytes(),
            Form::Ranked(ranked) => size_of::<Ranked>() + ranked.scores.cloned_bytes(),
        }
    }

    /// Returns the run of a small set, for a snapshot.
    pub fn packed(&self) -> Option<&Run> {
        if let Form::Packed(run) = &self.form { Some(run) } else { None }
    }

    /// Returns the score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Packed(run) => {
                let place = run.find(Entry::new(member), 2)?;
                Some(score_at(run, place))
            }
            Form::Ranked(ranked) => ranked.scores.find(member).map(|item| item.score),
        }
    }

    /// Returns the rank of a member, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.form {
            Form::Packed(run) => {
                let wanted = Entry::new(member);
                let (mut entries, mut rank) = (run.iter(), 0);
                while let Some(entry) = entries.next() {
                    let score = entries.next().expect("entries come in pairs");
                    if entry == wanted {
                        return Some((rank, read_score(score)));
                    }
                    rank += 1;
                }
                None
            }
            Form::Ranked(ranked) => {
                let score = ranked.scores.find(member)?.score;
                Some((ranked.rank_of(score, member), score))
            }
        }
    }

    /// Gives a member a score; returns the one it had.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> Option<f64> {
        if let Form::Packed(run) = &mut self.form {
            let old = run.find(Entry::new(member), 2).map(|place| (place, score_at(run, place)));
            match old {
                Some((_, old)) if old == score => return Some(old),
                Some((place, old)) => {
                    run.remove(place, 2);
                    insert_packed(run, member, score);
                    return Some(old);
                }
                None if run.len() / 2 < limits.sorted_set.entries
                    && member.len() <= limits.sorted_set.bytes =>
                {
                    insert_packed(run, member, score);
                    return None;
                }
                None => self.unpack(limits),
            }
        }
        self.ranked_mut().insert(member, score)
    }

    /// Takes a member out; returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.form {
            Form::Packed(run) => {
                let place = run.find(Entry::new(member), 2)?;
                let score = score_at(run, place);
                run.remove(place, 2);
                Some(score)
            }
            Form::Ranked(ranked) => ranked.remove(member),
        }
    }

    /// Takes the members with these ranks out, of which none is past the last.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match &mut self.form {
            Form::Packed(run) => run.remove(run.place(2 * ranks.start), 2 * ranks.len()),
            Form::Ranked(ranked) => ranks.clone().for_each(|_| ranked.remove_rank(ranks.start)),
        }
    }

    /// Returns how many members lie before a place in the order, of which `before` tells whether something does.
    pub fn count_before(&self, before: Before<'_>) -> usize {
        match &self.form {
            Form::Packed(_) => self.iter().take_while(|(member, score)| before(*score, member)).count(),
            Form::Ranked(ranked) => ranked.ranks.count_before(before),
        }
    }

    /// Returns the member with a rank, and its score.
    pub fn nth(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        (rank < self.len()).then(|| self.range(rank..rank + 1, Side::Head).next()).flatten()
    }

    /// Goes through all members in order.
    pub fn iter(&self) -> Members<'_> {
        self.range(0..self.len(), Side::Head)
    }

    /// Goes through the members with these ranks, of which none is past the last, beginning at one of their ends.
    pub fn range(&self, ranks: Range<usize>, from: Side) -> Members<'_> {
        let at = match (&self.form, from) {
            (Form::Packed(run), Side::Head) => Walk::Packed { run, place: run.place(2 * ranks.start) },
            (Form::Packed(run), Side::Tail) => Walk::Packed { run, place: run.place(2 * ranks.end) },
            (Form::Ranked(ranked), _) => Walk::Ranked { ranks: &ranked.ranks, rest: &[] },
        };
        Members { at, from, left: ranks }
    }

    /// Visits about `count` members and their printed scores from a cursor on, all of a small set; returns the next
    /// cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        match &self.form {
            Form::Packed(run) => {
                let mut entries = run.iter();
                while let (Some(member), Some(score)) = (entries.next_item(), entries.next_item()) {
                    visit(&member, &score);
                }
                0
            }
            Form::Ranked(ranked) => {
                let print = |item: &Scored| visit(&item.member, &format_float(item.score));
                ranked.scores.scan(cursor, count, print)
            }
        }
    }

    /// Changes from the small form to the large one.
    fn unpack(&mut self, limits: &Limits) {
        let mut ranked = Ranked { scores: Table::new(limits.secret), ranks: Ranks::new(), member_bytes: 0 };
        self.iter().for_each(|(member, score)| _ = ranked.insert(&member, score));
        self.form = Form::Ranked(Box::new(ranked));
    }

    fn ranked_mut(&mut self) -> &mut Ranked {
        match &mut self.form {
            Form::Ranked(ranked) => ranked,
            Form::Packed(_) => unreachable!("it was unpacked"),
        }
    }
}

impl Ranked {
    fn rank_of(&self, score: f64, member: &[u8]) -> usize {
        self.ranks.count_before(&|other, bytes| compare((other, bytes), (score, member)).is_lt())
    }

    fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let (old, item) = match self.scores.slot(self.scores.hash(member), member) {
            Slot::Vacant(place) => {
                let item = Scored { score, member: Member::new(member) };
                (None, place.insert(item).clone())
            }
            Slot::Occupied(found) => {
                let item = found.into_mut();
                let old = std::mem::replace(&mut item.score, score);
                (Some(old), item.clone())
            }
        };
        match old {
            Some(old) if old.to_bits() == score.to_bits() => return Some(old),
            Some(old) => _ = self.ranks.remove(self.rank_of(old, member)),
            None => self.member_bytes += Member::heap_bytes(member.len()),
        }
        self.ranks.insert(item);
        old
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.scores.remove(member)?.score;
        self.ranks.remove(self.rank_of(score, member));
        self.member_bytes -= Member::heap_bytes(member.len());
        Some(score)
    }

    fn remove_rank(&mut self, rank: usize) {
        let removed = self.ranks.remove(rank);
        self.scores.remove(&removed.member);
        self.member_bytes -= Member::heap_bytes(removed.member.len());
    }
}

/// Puts a member that is not there into its place.
fn insert_packed(run: &mut Run, member: &[u8], score: f64) {
    let mut place = 0;
    let mut rest = run.iter();
    while let (Some(other), Some(at)) = (rest.next(), rest.next())
        && compare((read_score(at), &Item::from(other)), (score, member)).is_lt()
    {
        place = run.next(run.next(place));
    }
    let text = format_float(score);
    run.insert(place, Entry::new(member));
    run.insert(run.next(place), score_entry(score, &text));
}

/// Puts a member behind all others.
fn push_packed(run: &mut Run, member: &[u8], score: f64) {
    let text = format_float(score);
    run.push(Entry::new(member));
    run.push(score_entry(score, &text));
}

/// Returns what stands for a score that is printed as `text`.
fn score_entry(score: f64, text: &[u8]) -> Entry<'_> {
    whole(score).map_or(Entry::Bytes(text), Entry::Int)
}

/// Returns a score as an integer, if Redis packs it as one: not beyond half of what integers reach. The negative zero
/// loses its sign.
fn whole(score: f64) -> Option<i64> {
    let whole = score as i64;
    (whole as f64 == score && score.abs() <= (1u64 << 62) as f64).then_some(whole)
}

/// Returns the score of the member at a place.
fn score_at(run: &Run, place: usize) -> f64 {
    read_score(run.at(run.next(place)))
}

fn read_score(entry: Entry<'_>) -> f64 {
    match entry {
        Entry::Int(n) => n as f64,
        Entry::Bytes(text) => parse_float(text).expect("we have printed it"),
    }
}

/// Members and their scores, one after the other in either direction.
pub struct Members<'a> {
    at: Walk<'a>,
    from: Side,
    /// The ranks that are still to come.
    left: Range<usize>,
}

enum Walk<'a> {
    Packed {
        run: &'a Run,
        /// Where the next pair begins, or ends.
        place: usize,
    },
    Ranked {
        ranks: &'a Ranks,
        /// What is still to be seen of the leaf.
        rest: &'a [Scored],
    },
}

impl<'a> Iterator for Members<'a> {
    type Item = (Item<'a>, f64);

    fn next(&mut self) -> Option<(Item<'a>, f64)> {
        let rank = match self.from {
            Side::Head => self.left.next()?,
            Side::Tail => self.left.next_back()?,
        };
        Some(match &mut self.at {
            Walk::Packed { run, place } => {
                let pair = match self.from {
                    Side::Head => *place,
                    Side::Tail => run.before(run.before(*place)),
                };
                let mut entries = run.from(pair);
                let member = entries.next_item().expect("the rank is below the length");
                let score = read_score(entries.next().expect("entries come in pairs"));
                *place = match self.from {
                    Side::Head => run.next(run.next(pair)),
                    Side::Tail => pair,
                };
                (member, score)
            }
            Walk::Ranked { ranks, rest } => {
                if rest.is_empty() {
                    let (items, at) = ranks.leaf(rank);
                    *rest = match self.from {
                        Side::Head => &items[at..],
                        Side::Tail => &items[..=at],
                    };
                }
                let item = match self.from {
                    Side::Head => rest.split_off_first(),
                    Side::Tail => rest.split_off_last(),
                }
                .expect("leaves are not empty");
                (Entry::Bytes(&item.member).into(), item.score)
            }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use crate::data::limits::Small;
    use crate::data::table::HashKey;

    type Model = Vec<(Vec<u8>, f64)>;

    fn limits(entries: usize) -> Limits {
        Limits { sorted_set: Small { entries, bytes: 64 }, ..Limits::new(HashKey(1, 2)) }
    }

    fn order(one: &(Vec<u8>, f64), other: &(Vec<u8>, f64)) -> std::cmp::Ordering {
        compare((one.1, &one.0), (other.1, &other.0))
    }

    fn member(random: &mut Random) -> Vec<u8> {
        match random.below(40) {
            0 => vec![b'x'; 60 + random.below(8) as usize],
            1 => vec![0xff; random.below(3) as usize],
            2..20 => random.below(600).to_string().into_bytes(),
            _ => format!("member:{}", random.below(600)).into_bytes(),
        }
    }

    fn score(random: &mut Random) -> f64 {
        match random.below(10) {
            0 => [f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 5e-324][random.below(5) as usize],
            1..5 => random.below(20) as f64 - 10.0,
            5..8 => random.below(1000) as f64 / 8.0,
            _ => f64::from_bits(random.next() >> 2) * 1e-3,
        }
    }

    fn pair((member, score): (Item<'_>, f64)) -> (Vec<u8>, f64) {
        (member.to_vec(), score)
    }

    fn check(set: &SortedSet, model: &Model) {
        let expected = || model.iter().cloned();
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert!(set.iter().map(pair).eq(expected()));
        assert!(set.range(0..set.len(), Side::Tail).map(pair).eq(expected().rev()));
        let mut scanned = vec![];
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, 10, &mut |member, score| {
                scanned.push((member.to_vec(), parse_float(score).expect("it was printed")));
            });
            if cursor == 0 {
                break;
            }
        }
        scanned.sort_by(order);
        assert!(scanned == *model);
    }

    fn step(set: &mut SortedSet, model: &mut Model, random: &mut Random, limits: &Limits) {
        let known = |random: &mut Random| {
            let place = random.below(model.len() as u64 + 1) as usize;
            model.get(place).map_or(b"nobody".to_vec(), |(member, _)| member.clone())
        };
        match random.below(10) {
            0..5 => {
                let member = if random.below(4) == 0 { known(random) } else { member(random) };
                let score = score(random);
                let old = model.iter().position(|(other, _)| *other == member);
                let before = old.map(|at| model[at].1);
                assert_eq!(set.insert(&member, score, limits), before);
                old.map(|at| model.remove(at));
                let new = (member, score);
                let at = model.partition_point(|other| order(other, &new).is_lt());
                model.insert(at, new);
            }
            5..7 => {
                let member = known(random);
                let place = model.iter().position(|(other, _)| *other == member);
                let expected = place.map(|rank| (rank, model[rank].1));
                assert_eq!((set.score(&member), set.rank(&member)), (expected.map(|(_, s)| s), expected));
                assert_eq!(set.remove(&member), place.map(|place| model.remove(place).1));
            }
            7 => {
                let start = random.below(model.len() as u64 + 1) as usize;
                let end = (start + random.below(5) as usize).min(model.len());
                assert_eq!(set.range(start..end, Side::Tail).len(), end - start);
                set.remove_range(start..end);
                model.drain(start..end);
            }
            8 => {
                let least = score(random);
                let expected = model.iter().filter(|(_, score)| *score < least).count();
                assert_eq!(set.count_before(&|score, _| score < least), expected);
            }
            _ => {
                let rank = random.below(model.len() as u64 + 2) as usize;
                let expected = model.get(rank).cloned();
                assert_eq!(set.nth(rank).map(pair), expected);
            }
        }
    }

    #[test]
    fn behaves_as_a_sorted_vector() {
        for seed in 0..24 {
            let mut random = Random::new(seed);
            let limits = limits([0, 16, 1_000_000][seed as usize % 3]);
            let (mut set, mut model) = (SortedSet::new(), Model::new());
            for round in 0..600 {
                step(&mut set, &mut model, &mut random, &limits);
                if round % 20 == 0 {
                    check(&set, &model);
                }
            }
            let copy = set.clone();
            set.pack(&limits);
            check(&set, &model);
            set.remove_range(0..set.len());
            assert!(set.is_empty());
            check(&copy, &model);
        }
    }

    #[test]
    fn becomes_ranked_past_its_limits() {
        let limits = limits(3);
        let mut set = SortedSet::new();
        for (n, member) in [b"a", b"b", b"c", b"a"].iter().enumerate() {
            set.insert(*member, n as f64, &limits);
        }
        assert_eq!(set.encoding(), "listpack");
        set.insert(b"d", 0.0, &limits);
        assert_eq!(set.encoding(), "skiplist");
        let mut set = SortedSet::new();
        set.insert(&[b'x'; 64], 1.0, &limits);
        assert_eq!(set.encoding(), "listpack");
        set.insert(&[b'x'; 65], 1.0, &limits);
        assert_eq!(set.encoding(), "skiplist");
    }

    #[test]
    fn takes_little_more_than_half_of_what_redis_takes() {
        // MEMORY USAGE of redis-server 7.0.15 says 120 bytes a member of 16 bytes.
        let limits = limits(128);
        let mut set = SortedSet::new();
        for n in 0..50_000u64 {
            let score = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64;
            set.insert(format!("member:{n:09}").as_bytes(), score, &limits);
        }
        let each = set.heap_bytes() / 50_000;
        assert!((50..68).contains(&each), "{each}");
    }
}
