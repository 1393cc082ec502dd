//! A hash: fields and their values, packed while they are few and short, and else in a table.

use super::limits::{Limits, Small};
use super::list::Item;
use super::listpack::Entry;
use super::packed::{Entries, Run};
use super::table::{self, HashKey, Keyed, Shared, Slot, Table};
use crate::base::bytes::Bytes;
use crate::base::random::{Chooser, Random};
use crate::base::time::Time;

/// Fields, their values, and when they expire.
#[derive(Clone, Default)]
pub struct Hash(Form);

#[derive(Clone)]
enum Form {
    /// Field and value in turn. Once a field was given a deadline, there is a third entry: microseconds, or 0 for none.
    Packed {
        run: Run,
        timed: bool,
    },
    Table(Box<Table<Field>>),
}

impl Default for Form {
    fn default() -> Self {
        Form::Packed { run: Run::default(), timed: false }
    }
}

/// A field with its value.
pub struct Pair<'a> {
    field: Entry<'a>,
    value: Entry<'a>,
    pub deadline: Option<Time>,
}

impl<'a> Pair<'a> {
    pub fn field(&self) -> Item<'a> {
        self.field.into()
    }

    pub fn value(&self) -> Item<'a> {
        self.value.into()
    }
}

/// What becomes of a field's deadline when it gets a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    Keep,
    Forever,
    Until(Time),
}

impl Lifetime {
    fn deadline(self, old: Option<Time>) -> Option<Time> {
        match self {
            Lifetime::Keep => old,
            Lifetime::Forever => None,
            Lifetime::Until(time) => Some(time),
        }
    }
}

impl Hash {
    /// Makes an empty hash that is to have so many fields.
    pub fn for_fields(count: u64, limits: &Limits) -> Self {
        let mut hash = Self::default();
        if count > limits.hash.entries as u64 {
            hash.make_table(limits.secret);
        }
        hash
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed { run, timed } => run.len() / width(*timed),
            Form::Table(table) => table.len(),
        }
    }

    /// Tells whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what is known of a field.
    pub fn find(&self, field: &[u8]) -> Option<Pair<'_>> {
        match &self.0 {
            Form::Packed { run, timed } => {
                let place = run.find(Entry::new(field), width(*timed))?;
                read_pair(&mut run.from(place), *timed)
            }
            Form::Table(table) => table.find(field).map(Field::pair),
        }
    }

    /// Returns the value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        self.find(field).map(|pair| pair.value())
    }

    /// Tells whether there is such a field.
    pub fn has(&self, field: &[u8]) -> bool {
        match &self.0 {
            Form::Packed { run, timed } => run.find(Entry::new(field), width(*timed)).is_some(),
            Form::Table(table) => table.find(field).is_some(),
        }
    }

    /// Gives a field a value; tells whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], lifetime: Lifetime, limits: &Limits) -> bool {
        self.keep_within(&limits.hash, field.len().max(value.len()), limits.secret);
        if let Lifetime::Until(_) = lifetime {
            self.add_deadlines();
        }
        let is_new = match &mut self.0 {
            Form::Packed { run, timed } => set_packed(run, *timed, field, value, lifetime),
            Form::Table(table) => set_in_table(table, field, value, lifetime),
        };
        if is_new && self.len() > limits.hash.entries {
            self.make_table(limits.secret);
        }
        is_new
    }

    /// Removes a field; tells whether there was one.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed { run, timed } => {
                let place = run.find(Entry::new(field), width(*timed));
                place.inspect(|place| run.remove(*place, width(*timed))).is_some()
            }
            Form::Table(table) => table.remove(field).is_some(),
        }
    }

    /// Goes through the fields.
    pub fn iter(&self) -> Pairs<'_> {
        match &self.0 {
            Form::Packed { run, timed } => Pairs::Packed(run.iter(), *timed),
            Form::Table(table) => Pairs::Table(table.iter()),
        }
    }

    /// Visits about `count` fields from a cursor on, all if they are packed; returns the next cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Pair<'_>)) -> u64 {
        match &self.0 {
            Form::Packed { .. } => {
                self.iter().for_each(visit);
                0
            }
            Form::Table(table) => table.scan(cursor, count, |field| visit(field.pair())),
        }
    }

    /// Visits a run of fields from a position on, and returns the position to go on from, if there is more.
    pub fn walk(&self, from: u64, mut visit: impl FnMut(Pair<'_>)) -> Option<u64> {
        match &self.0 {
            Form::Packed { .. } => {
                self.iter().for_each(visit);
                None
            }
            Form::Table(table) => {
                let (fields, next) = table.walk(from)?;
                fields.iter().for_each(|field| visit(field.pair()));
                (next < table::END).then_some(next)
            }
        }
    }

    /// Visits `count` fields, each as likely as any other each time.
    pub fn draw(&self, count: usize, random: &mut Random, mut visit: impl FnMut(Pair<'_>)) {
        match &self.0 {
            Form::Packed { run, timed } if count == 1 => {
                let index = random.below(self.len().max(1) as u64) as usize;
                read_pair(&mut run.from(run.place(index * width(*timed))), *timed)
                    .into_iter()
                    .for_each(visit);
            }
            Form::Packed { run, .. } => {
                // One walk, for a place is found only by walking.
                let places: Vec<usize> = self.places().collect();
                for _ in 0..if places.is_empty() { 0 } else { count } {
                    let place = places[random.below(places.len() as u64) as usize];
                    read_pair(&mut run.from(place), false).into_iter().for_each(&mut visit);
                }
            }
            Form::Table(table) => {
                (0..count).filter_map(|_| table.random(random)).for_each(|field| visit(field.pair()));
            }
        }
    }

    /// Visits `count` fields, all if there are fewer, none twice; any choice is as likely as any other.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(Pair<'_>)) {
        match &self.0 {
            Form::Packed { .. } => {
                let mut chooser = Chooser::new(self.len(), count);
                self.iter().filter(|_| chooser.takes(random)).for_each(visit);
            }
            Form::Table(table) => table.sample(count, random, |field| visit(field.pair())),
        }
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed { timed: false, .. } => "listpack",
            Form::Packed { timed: true, .. } => "listpackex",
            Form::Table(_) => "hashtable",
        }
    }

    /// See [`Object::dismantle`](super::object::Object::dismantle).
    pub fn dismantle(&mut self, budget: usize) -> usize {
        if let Form::Table(table) = &mut self.0 { table.dismantle(budget, drop) } else { 0 }
    }

    /// Returns how many bytes are allocated besides the hash itself; of a large table an estimate.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed { run, .. } => run.heap_bytes(),
            Form::Table(table) => {
                size_of::<Table<Field>>() + table.heap_bytes() + table.estimate(|field| field.0.len())
            }
        }
    }

    /// Returns how many bytes a clone allocates besides itself.
    pub fn cloned_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed { run, .. } => run.heap_bytes(),
            Form::Table(table) => size_of::<Table<Field>>() + table.cloned_bytes(),
        }
    }

    /// Returns the table, if that is what the hash has become.
    pub fn table(&self) -> Option<&Table<Field>> {
        match &self.0 {
            Form::Packed { .. } => None,
            Form::Table(table) => Some(table),
        }
    }

    /// Returns the packed fields and values, if they are packed and none was ever given a deadline.
    pub fn packed(&self) -> Option<&Run> {
        match &self.0 {
            Form::Packed { run, timed: false } => Some(run),
            Form::Packed { timed: true, .. } | Form::Table(_) => None,
        }
    }

    /// Makes a hash of fields and values in turn, no field of which comes twice.
    pub fn from_packed(run: Run, limits: &Limits) -> Self {
        let longest = run.iter().map(|entry| Item::from(entry).len()).max().unwrap_or(0);
        let mut hash = Self(Form::Packed { run, timed: false });
        hash.keep_within(&limits.hash, longest, limits.secret);
        if hash.len() > limits.hash.entries {
            hash.make_table(limits.secret);
        }
        hash
    }

    // Deadlines -------------------------------------------------------------------------------------------------

    /// Changes when a field expires; tells whether there is such a field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<Time>) -> bool {
        if deadline.is_some() {
            self.add_deadlines();
        }
        match &mut self.0 {
            Form::Packed { run, timed } => {
                let Some(place) = run.find(Entry::new(field), width(*timed)) else { return false };
                if *timed {
                    run.replace(run.next(run.next(place)), packed_deadline(deadline));
                }
                true
            }
            Form::Table(table) => {
                let Some(mut entry) = table.find_mut(field) else { return false };
                if entry.deadline() != deadline {
                    entry.update(|field| *field = Field::new(field.key(), field.value(), deadline));
                }
                true
            }
        }
    }

    /// Returns a moment before which no field is to expire; none if no field has a deadline.
    pub fn soonest(&self) -> Option<Time> {
        match &self.0 {
            Form::Packed { timed: false, .. } => None,
            Form::Packed { .. } => self.iter().filter_map(|pair| pair.deadline).min(),
            Form::Table(table) => table.soonest(),
        }
    }

    /// Takes out fields whose deadline has passed, after looking at about `budget`; returns their names.
    pub fn expire(&mut self, now: Time, budget: usize) -> Vec<Bytes> {
        let mut due = vec![];
        match &mut self.0 {
            Form::Packed { .. } => {
                let late = self.iter().filter(|pair| pair.deadline.is_some_and(|at| at <= now));
                due.extend(late.map(|pair| Bytes::from(&*pair.field())));
            }
            Form::Table(table) => {
                table.expired(now, 0, budget, |field| due.push(Bytes::from(field.key())));
            }
        }
        due.iter().for_each(|field| _ = self.remove(field));
        due
    }

    /// Makes room for deadlines beside packed values.
    fn add_deadlines(&mut self) {
        if let Form::Packed { run, timed: timed @ false } = &mut self.0 {
            let mut wide = Run::default();
            let mut entries = run.iter();
            while let (Some(field), Some(value)) = (entries.next(), entries.next()) {
                [field, value, packed_deadline(None)].iter().for_each(|entry| wide.push(*entry));
            }
            (*run, *timed) = (wide, true);
        }
    }

    // ---------------------------------------------------------------------------------------------------------------

    /// Turns to a table unless something of `size` bytes may be packed.
    fn keep_within(&mut self, small: &Small, size: usize, secret: HashKey) {
        if size > small.bytes {
            self.make_table(secret);
        }
    }

    fn make_table(&mut self, secret: HashKey) {
        if let Form::Packed { .. } = self.0 {
            let mut table = Table::new(secret);
            for pair in self.iter() {
                table.insert(Field::new(&pair.field(), &pair.value(), pair.deadline));
            }
            self.0 = Form::Table(Box::new(table));
        }
    }

    /// Goes through the places of packed fields.
    fn places(&self) -> impl Iterator<Item = usize> {
        let (run, width) = match &self.0 {
            Form::Packed { run, timed } => (Some(run), width(*timed)),
            Form::Table(_) => (None, 1),
        };
        let mut place = 0;
        run.into_iter().flat_map(move |run| {
            (0..run.len() / width).map(move |_| {
                let here = place;
                (0..width).for_each(|_| place = run.next(place));
                here
            })
        })
    }
}

/// Returns how many entries stand for a field.
fn width(timed: bool) -> usize {
    if timed { 3 } else { 2 }
}

fn packed_deadline(deadline: Option<Time>) -> Entry<'static> {
    Entry::Int(deadline.map_or(0, |at| at.0.clamp(1, i64::MAX as u64) as i64))
}

/// Reads a field that is packed. Without its deadline, if `timed` is false.
fn read_pair<'a>(entries: &mut Entries<'a>, timed: bool) -> Option<Pair<'a>> {
    let (field, value) = (entries.next()?, entries.next()?);
    let deadline = match if timed { entries.next() } else { None } {
        Some(Entry::Int(at)) if at > 0 => Some(Time(at as u64)),
        _ => None,
    };
    Some(Pair { field, value, deadline })
}

fn set_packed(run: &mut Run, timed: bool, field: &[u8], value: &[u8], lifetime: Lifetime) -> bool {
    let (field, value) = (Entry::new(field), Entry::new(value));
    let Some(place) = run.find(field, width(timed)) else {
        run.push(field);
        run.push(value);
        if timed {
            run.push(packed_deadline(lifetime.deadline(None)));
        }
        return true;
    };
    let place = run.next(place);
    run.replace(place, value);
    if timed && lifetime != Lifetime::Keep {
        run.replace(run.next(place), packed_deadline(lifetime.deadline(None)));
    }
    false
}

fn set_in_table(table: &mut Table<Field>, field: &[u8], value: &[u8], lifetime: Lifetime) -> bool {
    match table.slot(table.hash(field), field) {
        Slot::Occupied(mut old) => {
            let deadline = lifetime.deadline(old.deadline());
            if old.deadline() == deadline && old.value().len() == value.len() {
                old.into_mut().value_mut().copy_from_slice(value);
            } else {
                old.replace(Field::new(field, value, deadline));
            }
            false
        }
        Slot::Vacant(place) => {
            place.insert(Field::new(field, value, lifetime.deadline(None)));
            true
        }
    }
}

/// The fields of a hash, one after the other.
pub enum Pairs<'a> {
    Packed(Entries<'a>, bool),
    Table(table::Iter<'a, Field>),
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        match self {
            Pairs::Packed(entries, timed) => read_pair(entries, *timed),
            Pairs::Table(fields) => fields.next().map(Field::pair),
        }
    }
}

/// A field of a table, with its value, in one allocation.
///
/// ```text
/// lllllllt              t: there is a deadline; l: the field's length, or 127
/// llll                  the field's length, if it is 127 or more; low byte first
/// dddddddd              the deadline in microseconds, if there is one; low byte first
/// field
/// value
/// ```
#[derive(Clone)]
pub struct Field(Box<[u8]>);

/// Stands for a length that takes four bytes.
const LONG: usize = 127;

impl Field {
    fn new(field: &[u8], value: &[u8], deadline: Option<Time>) -> Self {
        let mut head = [0; 13];
        head[0] = (field.len().min(LONG) as u8) << 1 | u8::from(deadline.is_some());
        let mut len = 1;
        if field.len() >= LONG {
            let long = u32::try_from(field.len()).expect("arguments are shorter than 4 GB");
            head[len..len + 4].copy_from_slice(&long.to_le_bytes());
            len += 4;
        }
        if let Some(Time(micros)) = deadline {
            head[len..len + 8].copy_from_slice(&micros.to_le_bytes());
            len += 8;
        }
        Self([&head[..len], field, value].concat().into())
    }

    fn pair(&self) -> Pair<'_> {
        Pair { field: Entry::Bytes(self.key()), value: Entry::Bytes(self.value()), deadline: self.deadline() }
    }

    /// Returns where the value begins.
    fn middle(&self) -> usize {
        let (at, len) = self.name();
        at + len
    }

    fn value(&self) -> &[u8] {
        &self.0[self.middle()..]
    }

    fn value_mut(&mut self) -> &mut [u8] {
        let middle = self.middle();
        &mut self.0[middle..]
    }

    /// Returns where the field's name begins, and its length.
    #[inline]
    fn name(&self) -> (usize, usize) {
        let (first, timed) = (usize::from(self.0[0] >> 1), usize::from(self.0[0] & 1));
        if first < LONG {
            return (1 + 8 * timed, first);
        }
        let len = u32::from_le_bytes(*self.0[1..].first_chunk().expect("the length is there"));
        (5 + 8 * timed, len as usize)
    }
}

impl Keyed for Field {
    type Held = Shared<Self>;

    #[inline]
    fn key(&self) -> &[u8] {
        let (at, len) = self.name();
        &self.0[at..at + len]
    }

    #[inline]
    fn deadline(&self) -> Option<Time> {
        if self.0[0] & 1 == 0 {
            return None;
        }
        let at = self.name().0 - 8;
        Some(Time(u64::from_le_bytes(*self.0[at..].first_chunk().expect("the deadline is there"))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<Time>)>;

    fn limits(entries: usize, bytes: usize) -> Limits {
        Limits { hash: Small { entries, bytes }, ..Limits::new(HashKey(1, 2)) }
    }

    /// Draws bytes: often of few, at times an integer, at times long.
    fn bytes(random: &mut Random, kinds: u64) -> Vec<u8> {
        match random.below(20) {
            0..12 => format!("f{}", random.below(kinds)).into_bytes(),
            12..18 => (random.below(kinds) as i64 - 5).to_string().into_bytes(),
            18 => vec![],
            _ => vec![b'x'; 100 + random.below(100) as usize],
        }
    }

    fn check(hash: &Hash, model: &Model) {
        assert_eq!(hash.len(), model.len());
        let found: Model =
            hash.iter().map(|pair| (pair.field().to_vec(), (pair.value().to_vec(), pair.deadline))).collect();
        assert_eq!(found, *model);
        assert!(hash.soonest() <= model.values().filter_map(|(_, deadline)| *deadline).min());
    }

    fn step(hash: &mut Hash, model: &mut Model, random: &mut Random, limits: &Limits, timed: bool) {
        let (field, value) = (bytes(random, 40), bytes(random, 400));
        let at = Time(1 + random.below(1000));
        let old = model.get(&field).cloned();
        match random.below(12) {
            0..6 => {
                let lifetime = match random.below(3) {
                    0 if timed => Lifetime::Until(at),
                    1 => Lifetime::Keep,
                    _ => Lifetime::Forever,
                };
                assert_eq!(hash.set(&field, &value, lifetime, limits), old.is_none());
                let deadline = lifetime.deadline(old.and_then(|(_, deadline)| deadline));
                model.insert(field, (value, deadline));
            }
            6..9 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
            9 if timed => {
                let deadline = (random.below(3) > 0).then_some(at);
                assert_eq!(hash.set_deadline(&field, deadline), old.is_some());
                model.entry(field).and_modify(|(_, old)| *old = deadline);
            }
            10 if timed => {
                let now = Time(random.below(300));
                let mut due = hash.expire(now, usize::MAX);
                due.sort_unstable();
                let late = |held: &(Vec<u8>, Option<Time>)| held.1.is_some_and(|at| at <= now);
                let expected = model.iter().filter(|(_, held)| late(held)).map(|(field, _)| field);
                assert!(due.iter().map(|field| field.to_vec()).eq(expected.cloned()));
                model.retain(|_, held| !late(held));
            }
            _ => {
                assert_eq!(
                    hash.get(&field).map(|item| item.to_vec()),
                    old.as_ref().map(|(value, _)| value.clone())
                );
                assert_eq!(hash.has(&field), old.is_some());
            }
        }
    }

    #[test]
    fn behaves_as_a_map() {
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let limits =
                limits([5, 40, 1000][random.below(3) as usize], [64, 1000][random.below(2) as usize]);
            let (mut hash, mut model) = (Hash::default(), Model::new());
            for _ in 0..300 {
                step(&mut hash, &mut model, &mut random, &limits, seed % 2 == 0);
                check(&hash, &model);
                assert!(hash.table().is_some() || hash.len() <= limits.hash.entries);
            }
            check(&hash.clone(), &model);
        }
    }

    #[test]
    fn draws_are_even_whatever_the_form() {
        for entries in [0, 100] {
            let limits = limits(entries, 64);
            let (mut hash, mut random) = (Hash::default(), Random::new(3));
            for n in 0..20 {
                let lifetime = if n == 7 { Lifetime::Until(Time(5)) } else { Lifetime::Forever };
                hash.set(format!("f{n}").as_bytes(), b"v", lifetime, &limits);
            }
            let mut counts: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
            let mut count = |pair: Pair<'_>| *counts.entry(pair.field().to_vec()).or_insert(0) += 1;
            hash.draw(10_000, &mut random, &mut count);
            (0..5_000).for_each(|_| hash.draw(1, &mut random, &mut count));
            (0..1_000).for_each(|_| hash.sample(5, &mut random, &mut count));
            assert_eq!(counts.len(), 20);
            assert!(counts.values().all(|n| (800..1_200).contains(n)), "{counts:?}");
        }
    }

    #[test]
    fn a_scan_meets_all_that_stays() {
        let limits = limits(0, 64);
        let (mut hash, mut random) = (Hash::default(), Random::new(9));
        (0..500).for_each(|n: i32| _ = hash.set(&n.to_le_bytes(), b"", Lifetime::Forever, &limits));
        let (mut seen, mut cursor) = (BTreeMap::new(), 0);
        loop {
            cursor = hash.scan(cursor, 10, |pair| _ = seen.insert(pair.field().to_vec(), ()));
            hash.set(&random.next().to_le_bytes(), b"", Lifetime::Forever, &limits);
            hash.remove(&(100 + random.below(400) as i32).to_le_bytes());
            if cursor == 0 {
                break;
            }
        }
        assert!((0..100i32).all(|n| seen.contains_key(&n.to_le_bytes()[..])));
    }

    #[test]
    fn a_small_hash_takes_little_more_than_its_bytes() {
        let limits = Limits::new(HashKey(1, 2));
        let mut hash = Hash::default();
        (0..10)
            .for_each(|n| _ = hash.set(format!("field{n}").as_bytes(), b"value", Lifetime::Forever, &limits));
        assert!(hash.heap_bytes() < 10 * (8 + 7) + 40, "{}", hash.heap_bytes());
        const { assert!(size_of::<Hash>() <= 40) };
    }
}
