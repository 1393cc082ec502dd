//! A set: sorted integers, a few packed strings, or a table.

use super::int_set::IntSet;
use super::limits::{Limits, Small};
use super::list::Item;
use super::listpack::Entry;
use super::packed::{Entries, Run};
use super::table::{self, HashKey, Keyed, Shared, Slot, Table};
use crate::base::random::{Chooser, Random};

/// Members, each once.
#[derive(Clone, Default)]
pub struct Set(Form);

#[derive(Clone)]
enum Form {
    Ints(IntSet),
    Packed(Run),
    Table(Box<Table<Member>>),
}

impl Default for Form {
    fn default() -> Self {
        Form::Ints(IntSet::default())
    }
}

/// Until when strings are packed. Redis 7.0 knows no such form of sets, so nothing tells it from a table; 7.2 has it,
/// with these limits.
const PACKED: Small = Small { entries: 128, bytes: 64 };

impl Set {
    /// Makes an empty set that is to have so many members of about this size, the first of which is no integer.
    pub fn for_members(count: usize, size: usize, limits: &Limits) -> Self {
        Self(if count <= PACKED.entries && size <= PACKED.bytes {
            Form::Packed(Run::with_room(count * (size + 2)))
        } else {
            Form::Table(Box::new(Table::new(limits.secret)))
        })
    }

    /// Gives memory back that no member takes.
    pub fn fit(&mut self) {
        if let Form::Packed(run) = &mut self.0 {
            run.fit();
        }
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.len(),
            Form::Packed(run) => run.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether something is a member.
    pub fn has(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Table(table) => table.find(member).is_some(),
            Form::Ints(_) | Form::Packed(_) => self.has_entry(Entry::new(member)),
        }
    }

    /// Tells whether something is a member that another set has.
    pub fn has_entry(&self, member: Entry<'_>) -> bool {
        match (&self.0, canonical(member)) {
            (Form::Ints(ints), Entry::Int(n)) => ints.has(n),
            (Form::Ints(_), Entry::Bytes(_)) => false,
            (Form::Packed(run), member) => run.find(member, 1).is_some(),
            (Form::Table(table), _) => table.find(&Item::from(member)).is_some(),
        }
    }

    /// Puts a member in; tells whether it is new.
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        self.insert_entry(Entry::Bytes(member), limits)
    }

    /// Puts a member in that another set has; tells whether it is new.
    pub fn insert_entry(&mut self, member: Entry<'_>, limits: &Limits) -> bool {
        if let Form::Table(table) = &mut self.0 {
            return insert_in_table(table, &Item::from(member));
        }
        let member = canonical(member);
        if self.has_entry(member) {
            return false;
        }
        self.make_room(member, limits);
        match &mut self.0 {
            Form::Ints(ints) => matches!(member, Entry::Int(n) if ints.insert(n)),
            Form::Packed(run) => {
                run.push(member);
                true
            }
            Form::Table(table) => insert_in_table(table, &Item::from(member)),
        }
    }

    /// Takes a member out; tells whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Ints(ints) => matches!(Entry::new(member), Entry::Int(n) if ints.remove(n)),
            Form::Packed(run) => {
                let place = run.find(Entry::new(member), 1);
                place.inspect(|place| run.remove(*place, 1)).is_some()
            }
            Form::Table(table) => table.remove(member).is_some(),
        }
    }

    /// Goes through the members.
    pub fn iter(&self) -> Members<'_> {
        match &self.0 {
            Form::Ints(ints) => Members::Ints(ints, 0),
            Form::Packed(run) => Members::Packed(run.iter()),
            Form::Table(table) => Members::Table(table.iter()),
        }
    }

    /// Visits about `count` members from a cursor on, or all of a small set; returns the next cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8])) -> u64 {
        match &self.0 {
            Form::Table(table) => table.scan(cursor, count, |member| visit(&member.0)),
            Form::Ints(_) | Form::Packed(_) => {
                self.iter().for_each(|member| visit(&Item::from(member)));
                0
            }
        }
    }

    /// Visits a run of members from a position on, and returns the position to go on from, if there is more.
    pub fn walk(&self, from: u64, mut visit: impl FnMut(&[u8])) -> Option<u64> {
        let Form::Table(table) = &self.0 else {
            self.iter().for_each(|member| visit(&Item::from(member)));
            return None;
        };
        let (members, next) = table.walk(from)?;
        members.iter().for_each(|member| visit(&member.0));
        (next < table::END).then_some(next)
    }

    /// Visits `count` members, each as likely as any other each time.
    pub fn draw(&self, count: usize, random: &mut Random, mut visit: impl FnMut(&[u8])) {
        let mut below = |n: usize| random.below(n.max(1) as u64) as usize;
        match &self.0 {
            Form::Ints(ints) => {
                (0..count).for_each(|_| visit(&Item::from(Entry::Int(ints.get(below(ints.len()))))));
            }
            Form::Packed(run) if count == 1 => visit(&Item::from(run.at(run.place(below(run.len()))))),
            Form::Packed(run) => {
                // One walk, for a place is found only by walking.
                let members: Vec<Entry<'_>> = run.iter().collect();
                (0..count).for_each(|_| visit(&Item::from(members[below(members.len())])));
            }
            Form::Table(table) => {
                (0..count).filter_map(|_| table.random(random)).for_each(|member| visit(&member.0));
            }
        }
    }

    /// Visits `count` members, all if there are fewer, none twice; any choice is as likely as any other.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(&[u8])) {
        if let Form::Table(table) = &self.0 {
            return table.sample(count, random, |member| visit(&member.0));
        }
        let mut chooser = Chooser::new(self.len(), count);
        self.iter().filter(|_| chooser.takes(random)).for_each(|member| visit(&Item::from(member)));
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Ints(_) => "intset",
            Form::Packed(_) | Form::Table(_) => "hashtable",
        }
    }

    /// Returns how many pieces of memory the set consists of, about.
    pub fn parts(&self) -> usize {
        if let Form::Table(table) = &self.0 { table.len() } else { 1 }
    }

    /// See [`Object::dismantle`](super::object::Object::dismantle).
    pub fn dismantle(&mut self, budget: usize) -> usize {
        if let Form::Table(table) = &mut self.0 { table.dismantle(budget, drop) } else { 0 }
    }

    /// Returns how many bytes are allocated besides the set itself; of a large table an estimate.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.heap_bytes(),
            Form::Packed(run) => run.heap_bytes(),
            Form::Table(table) => {
                size_of::<Table<Member>>() + table.heap_bytes() + table.estimate(|member| member.0.len())
            }
        }
    }

    /// Returns how many bytes a clone allocates besides itself.
    pub fn cloned_bytes(&self) -> usize {
        match &self.0 {
            Form::Ints(_) | Form::Packed(_) => self.heap_bytes(),
            Form::Table(table) => size_of::<Table<Member>>() + table.cloned_bytes(),
        }
    }

    /// Returns the integers, if that is what the set is kept as.
    pub fn ints(&self) -> Option<&IntSet> {
        if let Form::Ints(ints) = &self.0 { Some(ints) } else { None }
    }

    /// Makes a set of integers.
    pub fn from_ints(ints: IntSet, limits: &Limits) -> Self {
        let mut set = Self(Form::Ints(ints));
        if set.len() > limits.set_integers {
            set.make_table(limits.secret);
        }
        set
    }

    /// Turns to the form that the set has with one more member.
    fn make_room(&mut self, member: Entry<'_>, limits: &Limits) {
        let len = match member {
            Entry::Int(_) => 0,
            Entry::Bytes(bytes) => bytes.len(),
        };
        let stays = match &self.0 {
            Form::Ints(ints) => matches!(member, Entry::Int(_)) && ints.len() < limits.set_integers,
            Form::Packed(run) => len <= PACKED.bytes && run.len() < PACKED.entries,
            Form::Table(_) => true,
        };
        if stays {
            return;
        }
        if self.ints().is_some() && len <= PACKED.bytes && self.len() < PACKED.entries {
            self.0 = Form::Packed(self.iter().collect());
        } else {
            self.make_table(limits.secret);
        }
    }

    fn make_table(&mut self, secret: HashKey) {
        let mut table = Table::new(secret);
        self.iter().for_each(|member| drop(table.insert(Member((*Item::from(member)).into()))));
        self.0 = Form::Table(Box::new(table));
    }
}

/// Returns the entry by which equal members are equal: tables keep digits as bytes.
fn canonical(member: Entry<'_>) -> Entry<'_> {
    match member {
        Entry::Bytes(bytes) => Entry::new(bytes),
        Entry::Int(_) => member,
    }
}

fn insert_in_table(table: &mut Table<Member>, member: &[u8]) -> bool {
    match table.slot(table.hash(member), member) {
        Slot::Occupied(_) => false,
        Slot::Vacant(place) => {
            place.insert(Member(member.into()));
            true
        }
    }
}

/// The members of a set, one after the other.
pub enum Members<'a> {
    Ints(&'a IntSet, usize),
    Packed(Entries<'a>),
    Table(table::Iter<'a, Member>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        match self {
            Members::Ints(ints, index) => {
                *index += 1;
                (*index <= ints.len()).then(|| Entry::Int(ints.get(*index - 1)))
            }
            Members::Packed(entries) => entries.next(),
            Members::Table(members) => members.next().map(|member| Entry::Bytes(&member.0)),
        }
    }
}

/// A member in a table.
#[derive(Clone)]
pub struct Member(Box<[u8]>);

impl Keyed for Member {
    type Held = Shared<Self>;

    #[inline]
    fn key(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn limits(integers: usize) -> Limits {
        Limits { set_integers: integers, ..Limits::new(HashKey(1, 2)) }
    }

    /// Draws a member: an integer, with one in `strings` a string of any length.
    fn member(random: &mut Random, strings: u64) -> Vec<u8> {
        if random.below(strings) > 0 {
            return (random.below(200) as i64 - 100).to_string().into_bytes();
        }
        match random.below(30) {
            0..25 => format!("member {}", random.below(150)).into_bytes(),
            25..29 => b"0012"[..random.below(4) as usize].to_vec(),
            _ => vec![b'x'; 64 + random.below(2) as usize],
        }
    }

    #[test]
    fn behaves_as_a_set() {
        for seed in 0..80 {
            let mut random = Random::new(seed);
            let limits = limits([3, 50, 500][random.below(3) as usize]);
            let strings = [1, 2, 100, u64::MAX][random.below(4) as usize];
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            for _ in 0..500 {
                let member = member(&mut random, strings);
                match random.below(5) {
                    0 => assert_eq!(set.remove(&member), model.remove(&member)),
                    1 => assert_eq!(set.has(&member), model.contains(&member)),
                    _ => assert_eq!(set.insert(&member, &limits), model.insert(member)),
                }
                assert_eq!(set.len(), model.len());
            }
            let members: BTreeSet<Vec<u8>> = set.iter().map(|member| Item::from(member).to_vec()).collect();
            assert_eq!(members, model);
            assert!(set.iter().all(|member| set.has_entry(member)));
            let (mut seen, mut cursor) = (BTreeSet::new(), 0);
            loop {
                cursor = set.scan(cursor, 7, |member| assert!(seen.insert(member.to_vec())));
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(seen, model);
        }
    }

    #[test]
    fn draws_are_even_whatever_the_form() {
        let numbers: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let words: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
        for (limit, members) in [(512, &numbers), (512, &words), (3, &numbers)] {
            let (mut set, mut random) = (Set::default(), Random::new(3));
            members.iter().for_each(|member| _ = set.insert(member.as_bytes(), &limits(limit)));
            let mut counts: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
            let mut count = |member: &[u8]| *counts.entry(member.to_vec()).or_insert(0) += 1;
            set.draw(10_000, &mut random, &mut count);
            (0..5_000).for_each(|_| set.draw(1, &mut random, &mut count));
            (0..1_000).for_each(|_| set.sample(5, &mut random, &mut count));
            assert_eq!(counts.len(), 20);
            assert!(counts.values().all(|n| (800..1_200).contains(n)), "{counts:?}");
        }
    }

    #[test]
    fn small_sets_take_little_more_than_their_bytes() {
        let (mut ints, mut words) = (Set::default(), Set::default());
        (0..100i64).for_each(|n| _ = ints.insert(n.to_string().as_bytes(), &limits(512)));
        (0..20).for_each(|n| _ = words.insert(format!("word{n:02}").as_bytes(), &limits(512)));
        assert!(ints.heap_bytes() <= 240, "{}", ints.heap_bytes());
        assert!(words.heap_bytes() <= 20 * 8 + 30, "{}", words.heap_bytes());
        const { assert!(size_of::<Set>() <= 40) };
    }
}
