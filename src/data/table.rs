//! A hash table that never stops to rehash: segments in hash order behind a directory.
//!
//! ```text
//!  position   the top 32 bits of a keyed 64-bit hash
//!  directory  00  01  10  11          the top `depth` bits → a segment; a segment of fewer bits fills several slots
//!              │   │   └─┬─┘
//!  segments   [·] [·]   [·]           each the entries of one range of positions, sorted by position:
//!                                     tags  [u32]  their positions
//!                                     items [T]    the entries themselves
//! ```
//!
//! A segment that is full splits into the two halves of its range (extendible hashing); two that are nearly empty
//! become one again. Since positions are kept beside the entries and in order, a split copies two runs of memory and
//! neither hashes nor touches an entry; a look-up guesses the place from the position, since hashes are spread evenly,
//! and looks at one or two cache lines around it. SCAN, snapshots and expiry walk in the order of positions, which no
//! split or merge changes: "up to here" is one number, good for ever.

mod batch;
mod dismantle;
mod draw;
mod prepare;
mod segment;

use std::ops::Deref;
use std::slice;

use siphasher::sip::SipHasher13;

pub use batch::Batch;
pub use segment::{Hold, Owned, Shared};

use segment::Segment;

use crate::base::time::Time;

/// What a table can hold: something that knows its own key.
pub trait Keyed: Sized {
    /// How its tables hold their segments: [`Owned`], or [`Shared`] where a table may be cloned that is large.
    type Held: Hold<Self>;

    /// Returns the bytes that the entry is found by. They must not change while it is in a table.
    fn key(&self) -> &[u8];

    /// Returns when the entry is to expire, if it is.
    fn deadline(&self) -> Option<Time> {
        None
    }
}

/// The secret that a table hashes with, so that nobody outside can choose keys that collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKey(pub u64, pub u64);

/// Entries found by their keys.
///
/// A *hash* is what [`Table::hash`] makes of a key; a caller that needs it more than once computes it once and uses the
/// methods called `…_hashed`. A *position* is the upper half of a hash; everything that walks goes by position.
#[derive(Clone)]
pub struct Table<T: Keyed> {
    key: HashKey,
    /// For every prefix of `depth` bits, which of `segments` holds it. Empty until the first entry comes.
    directory: Vec<u32>,
    segments: Vec<T::Held>,
    depth: u8,
    /// How many segments are told apart by all `depth` bits. With none, the directory is twice as long as need be.
    deepest: usize,
    len: usize,
    volatile: usize,
    /// No segment at the greatest depth was ever fuller than this.
    fullest: usize,
    max_depth: u8,
}

/// Where an entry is, for one who looks it up once and uses it twice.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    segment: usize,
    index: usize,
}

/// An upper bound of every position: the end of a walk.
pub const END: u64 = 1 << 32;

/// Deeper than this, segments grow instead of splitting. It takes 2^33 entries to get there, or a leaked [`HashKey`].
const MAX_DEPTH: u8 = 26;

impl<T: Keyed> Table<T> {
    /// Makes an empty table, which takes no memory yet.
    pub fn new(key: HashKey) -> Self {
        Self::with_max_depth(key, MAX_DEPTH)
    }

    fn with_max_depth(key: HashKey, max_depth: u8) -> Self {
        Self {
            key,
            directory: Vec::new(),
            segments: Vec::new(),
            depth: 0,
            deepest: 0,
            len: 0,
            volatile: 0,
            fullest: Segment::<T>::LIMIT,
            max_depth,
        }
    }

    /// Returns what the table hashes with.
    pub fn secret(&self) -> HashKey {
        self.key
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many entries have a deadline.
    pub fn volatile(&self) -> usize {
        self.volatile
    }

    /// Returns how many segments the entries are spread over.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Returns the bytes that the table has allocated, without what its entries own.
    pub fn heap_bytes(&self) -> usize {
        let lists: usize = self.segments.iter().map(|segment| segment.heap_bytes()).sum();
        self.directory.capacity() * size_of::<u32>() + self.segments.capacity() * size_of::<T::Held>() + lists
    }

    /// Returns the bytes that a clone allocates, of a table whose segments are shared.
    pub fn cloned_bytes(&self) -> usize {
        self.directory.len() * size_of::<u32>() + self.segments.len() * size_of::<T::Held>()
    }

    /// Returns the sum of what `measure` says of the entries; of more than a thousand, an estimate from the first ones.
    pub fn estimate(&self, measure: impl Fn(&T) -> usize) -> usize {
        const ENOUGH: usize = 1_000;
        let sum: usize = self.iter().take(ENOUGH).map(measure).sum();
        if self.len <= ENOUGH { sum } else { (sum as u128 * self.len as u128 / ENOUGH as u128) as usize }
    }

    /// Returns the hash of a key: SipHash-1-3 under the table's secret.
    pub fn hash(&self, key: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.key.0, self.key.1).hash(key)
    }

    /// Returns where in every walk an entry of this hash comes.
    pub fn position(hash: u64) -> u64 {
        hash >> 32
    }

    /// Returns the entry of a key.
    pub fn find(&self, key: &[u8]) -> Option<&T> {
        self.find_hashed(self.hash(key), key)
    }

    /// Returns the entry of a key whose hash is known.
    pub fn find_hashed(&self, hash: u64, key: &[u8]) -> Option<&T> {
        let segment = &self.segments[self.segment_of(tag(hash))?];
        let index = segment.find(tag(hash), key).ok()?;
        Some(&segment.items[index])
    }

    /// Returns where the entry of a key is, whose hash is known. Good until the table next changes.
    #[inline(always)]
    pub fn locate(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let segment = self.segment_of(tag(hash))?;
        let index = self.segments[segment].find(tag(hash), key).ok()?;
        Some(Place { segment, index })
    }

    /// Returns the entry at a place.
    #[inline(always)]
    pub fn at(&self, place: Place) -> &T {
        &self.segments[place.segment].items[place.index]
    }

    /// Returns the entry at a place, to change or remove.
    #[inline(always)]
    pub fn at_mut(&mut self, place: Place) -> Occupied<'_, T> {
        Occupied { table: self, segment: place.segment, index: place.index }
    }

    /// Returns the entry of a key, to change or remove.
    pub fn find_mut(&mut self, key: &[u8]) -> Option<Occupied<'_, T>> {
        self.find_mut_hashed(self.hash(key), key)
    }

    /// Returns the entry of a key whose hash is known, to change or remove.
    pub fn find_mut_hashed(&mut self, hash: u64, key: &[u8]) -> Option<Occupied<'_, T>> {
        match self.slot(hash, key) {
            Slot::Occupied(entry) => Some(entry),
            Slot::Vacant(_) => None,
        }
    }

    /// Returns the place of a key whose hash is known, whether or not there is an entry.
    pub fn slot(&mut self, hash: u64, key: &[u8]) -> Slot<'_, T> {
        let tag = tag(hash);
        let Some(segment) = self.segment_of(tag) else {
            return Slot::Vacant(Vacant { table: self, tag, segment: 0, index: 0 });
        };
        match self.segments[segment].find(tag, key) {
            Ok(index) => Slot::Occupied(Occupied { table: self, segment, index }),
            Err(index) => Slot::Vacant(Vacant { table: self, tag, segment, index }),
        }
    }

    /// Puts an entry in; returns the one of the same key that it replaces.
    pub fn insert(&mut self, entry: T) -> Option<T> {
        self.insert_hashed(self.hash(entry.key()), entry)
    }

    /// Puts an entry in whose key's hash is known; returns the one of the same key that it replaces.
    pub fn insert_hashed(&mut self, hash: u64, entry: T) -> Option<T> {
        match self.slot(hash, entry.key()) {
            Slot::Occupied(mut old) => Some(old.replace(entry)),
            Slot::Vacant(place) => {
                place.insert(entry);
                None
            }
        }
    }

    /// Takes the entry of a key out.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        self.remove_hashed(self.hash(key), key)
    }

    /// Takes the entry of a key out whose hash is known.
    pub fn remove_hashed(&mut self, hash: u64, key: &[u8]) -> Option<T> {
        self.find_mut_hashed(hash, key).map(Occupied::remove)
    }

    /// Drops all entries and gives their memory back.
    pub fn clear(&mut self) {
        *self = self.emptied();
    }

    /// Makes an empty table that hashes as this one does.
    pub fn emptied(&self) -> Self {
        Self::with_max_depth(self.key, self.max_depth)
    }

    /// Visits every entry in order of position.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { table: self, run: [].iter(), from: 0 }
    }

    /// Returns a run of entries from a position on, and the position that the walk goes on from. `None` at the end.
    ///
    /// A walk that starts at 0 and is resumed with each answer meets every entry that stays exactly once, whatever
    /// happens to others in between. It has met an entry whose [`Table::position`] is below the last answer.
    pub fn walk(&self, from: u64) -> Option<(&[T], u64)> {
        let first = u32::try_from(from).ok()?;
        let segment = &self.segments[self.segment_of(first)?];
        Some((&segment.items[segment.lower_bound(first)..], segment.end()))
    }

    /// Visits about `count` entries from a cursor on, and returns the cursor to go on from, 0 at the end.
    ///
    /// Cursors are positions, so they stay good for ever; entries of one position always come together. A pass over an
    /// empty stretch counts as an entry, so that no call takes long.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&T)) -> u64 {
        let mut from = cursor;
        let mut left = count.max(1);
        while let Some(segment) = u32::try_from(from).ok().and_then(|first| self.segment_of(first)) {
            let segment = &self.segments[segment];
            let mut index = segment.lower_bound(from as u32);
            while let Some(&tag) = segment.tags.get(index) {
                if left == 0 && u64::from(tag) >= from {
                    return from;
                }
                visit(&segment.items[index]);
                left = left.saturating_sub(1);
                from = u64::from(tag) + 1;
                index += 1;
            }
            from = segment.end();
            left = left.saturating_sub(1);
            if left == 0 && from < END {
                return from;
            }
        }
        0
    }

    /// Returns a moment before which nothing is to expire; none if nothing ever is.
    pub fn soonest(&self) -> Option<Time> {
        let segments = if self.volatile == 0 { &[][..] } else { &self.segments[..] };
        segments.iter().filter_map(|segment| segment.soonest).min()
    }

    /// Calls `due` with entries whose deadline has passed, from a position on; returns where to go on, 0 at the end.
    ///
    /// Looks at segments that may hold one only, and stops after the one that brings the number of entries and segments
    /// looked at to `budget`. The entries stay until the caller removes them.
    pub fn expired(&mut self, now: Time, from: u64, budget: usize, mut due: impl FnMut(&T)) -> u64 {
        let mut from = if self.volatile == 0 { END } else { from };
        let mut looked_at = 0;
        while let Some(segment) = u32::try_from(from).ok().and_then(|first| self.segment_of(first)) {
            if looked_at >= budget {
                return from;
            }
            let segment = &mut self.segments[segment];
            looked_at += 1;
            if segment.soonest.is_some_and(|soonest| soonest <= now) {
                let segment = segment.edit();
                looked_at += segment.len();
                segment.soonest = segment.items.iter().filter_map(T::deadline).min();
                segment
                    .items
                    .iter()
                    .filter(|item| item.deadline().is_some_and(|at| at <= now))
                    .for_each(&mut due);
            }
            from = segment.end();
        }
        0
    }

    /// Returns which segment holds a position; none does in a table that never held anything.
    #[inline(always)]
    fn segment_of(&self, tag: u32) -> Option<usize> {
        self.directory.get(self.slot_of(tag)).map(|&segment| segment as usize)
    }

    #[inline(always)]
    fn slot_of(&self, tag: u32) -> usize {
        ((u64::from(tag) << self.depth) >> 32) as usize
    }

    /// Makes the directory's slots of a segment's range point to it.
    fn point_to(&mut self, segment: usize) {
        let Segment { prefix, depth, .. } = *self.segments[segment];
        let first = self.slot_of(prefix);
        let slots = 1 << (self.depth - depth);
        self.directory[first..first + slots].fill(segment as u32);
    }

    /// Splits a segment in two.
    fn split(&mut self, segment: usize) {
        if self.segments[segment].depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&segment| [segment, segment]).collect();
            self.depth += 1;
            self.deepest = 0;
        }
        let upper = self.segments[segment].edit().split();
        if upper.depth == self.depth {
            self.deepest += 2;
        }
        self.segments.push(upper.into());
        self.point_to(self.segments.len() - 1);
    }

    /// Merges a segment with its other half for as long as both together are sparse.
    fn merge(&mut self, mut segment: usize) {
        while let Some((lower, upper)) = self.sparse_pair(segment) {
            if self.segments[lower].depth == self.depth {
                self.deepest -= 2;
            }
            let taken = std::mem::take(self.segments[upper].edit());
            self.segments[lower].edit().merge(taken);
            self.point_to(lower);
            // The last segment moves into the hole.
            self.segments.swap_remove(upper);
            if upper < self.segments.len() {
                self.point_to(upper);
            }
            segment = if lower == self.segments.len() { upper } else { lower };
        }
        self.shrink();
    }

    /// Returns a segment and its other half, in order, if they would fit well into one.
    fn sparse_pair(&self, segment: usize) -> Option<(usize, usize)> {
        let one = &self.segments[segment];
        let sibling_bit = 1u32.checked_shl(32u32.checked_sub(u32::from(one.depth))?)?;
        let other = self.segment_of(one.prefix ^ sibling_bit)?;
        let sparse = self.segments[other].depth == one.depth
            && one.len() + self.segments[other].len() <= Segment::<T>::LIMIT / 2;
        let pair = if one.prefix & sibling_bit == 0 { (segment, other) } else { (other, segment) };
        sparse.then_some(pair)
    }

    /// Gives back what the directory and the list of segments no longer need, well after they stopped needing it.
    fn shrink(&mut self) {
        while self.deepest == 0 && self.depth > 0 && self.segments.len() * 4 <= self.directory.len() {
            self.directory = self.directory.iter().copied().step_by(2).collect();
            self.depth -= 1;
            self.deepest = self.segments.iter().filter(|segment| segment.depth == self.depth).count();
        }
        if self.segments.capacity() > 4 * self.segments.len() {
            self.segments.shrink_to(2 * self.segments.len());
        }
    }
}

/// The entries of a table in order of position.
pub struct Iter<'a, T: Keyed> {
    table: &'a Table<T>,
    run: slice::Iter<'a, T>,
    /// Where the run after this one begins.
    from: u64,
}

impl<'a, T: Keyed> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(entry) = self.run.next() {
                return Some(entry);
            }
            let (run, from) = self.table.walk(self.from)?;
            (self.run, self.from) = (run.iter(), from);
        }
    }
}

/// The place of a key: taken or free.
pub enum Slot<'a, T: Keyed> {
    Occupied(Occupied<'a, T>),
    Vacant(Vacant<'a, T>),
}

/// An entry found in its table.
///
/// Reads as the entry. What could change its deadline goes through [`Occupied::update`], which keeps the table's
/// counts right.
pub struct Occupied<'a, T: Keyed> {
    table: &'a mut Table<T>,
    segment: usize,
    index: usize,
}

impl<'a, T: Keyed> Occupied<'a, T> {
    /// Changes the entry, its deadline too, but not its key.
    #[inline(always)]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let segment = self.table.segments[self.segment].edit();
        let item = &mut segment.items[self.index];
        let before = item.deadline();
        let result = change(item);
        let after = item.deadline();
        segment.hurry(after);
        self.table.volatile += usize::from(after.is_some());
        self.table.volatile -= usize::from(before.is_some());
        result
    }

    /// Puts another entry of the same key in its place, and returns the old one.
    pub fn replace(&mut self, entry: T) -> T {
        debug_assert_eq!(self.key(), entry.key());
        self.update(|old| std::mem::replace(old, entry))
    }

    /// Returns the entry for as long as the table was borrowed. Its key and deadline must stay as they are.
    #[inline(always)]
    pub fn into_mut(self) -> &'a mut T {
        &mut self.table.segments[self.segment].edit().items[self.index]
    }

    /// Takes the entry out.
    pub fn remove(self) -> T {
        let segment = self.table.segments[self.segment].edit();
        let item = segment.remove(self.index);
        self.table.len -= 1;
        self.table.volatile -= usize::from(item.deadline().is_some());
        if segment.len() <= Segment::<T>::LIMIT / 4 {
            self.table.merge(self.segment);
        }
        item
    }
}

impl<T: Keyed> Deref for Occupied<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.table.segments[self.segment].items[self.index]
    }
}

/// A place where a key's entry can go.
pub struct Vacant<'a, T: Keyed> {
    table: &'a mut Table<T>,
    tag: u32,
    segment: usize,
    index: usize,
}

impl<'a, T: Keyed> Vacant<'a, T> {
    /// Puts in an entry, which must have the key that was looked for.
    pub fn insert(self, entry: T) -> Occupied<'a, T> {
        debug_assert_eq!(self.tag, tag(self.table.hash(entry.key())));
        self.insert_unchecked(entry)
    }

    fn insert_unchecked(mut self, entry: T) -> Occupied<'a, T> {
        let table = &mut *self.table;
        if table.directory.is_empty() {
            table.directory = vec![0];
            table.segments.push(Segment::default().into());
            table.deepest = 1;
        }
        while table.segments[self.segment].is_full() {
            if table.segments[self.segment].depth == table.max_depth {
                table.fullest = table.fullest.max(table.segments[self.segment].len() + 1);
                break;
            }
            table.split(self.segment);
            self.segment = table.segment_of(self.tag).expect("it has segments");
            self.index = table.segments[self.segment].lower_bound(self.tag);
        }
        let segment = table.segments[self.segment].edit();
        table.len += 1;
        table.volatile += usize::from(entry.deadline().is_some());
        segment.hurry(entry.deadline());
        segment.insert(self.index, self.tag, entry);
        Occupied { table: self.table, segment: self.segment, index: self.index }
    }
}

/// Returns the part of a hash that entries are ordered by.
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use super::*;
    use crate::base::random::Random;

    /// A key and when it expires.
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Item(pub Vec<u8>, pub Option<Time>);

    impl Keyed for Item {
        type Held = Shared<Self>;

        fn key(&self) -> &[u8] {
            &self.0
        }

        fn deadline(&self) -> Option<Time> {
            self.1
        }
    }

    pub(super) const KEY: HashKey = HashKey(1, 2);

    fn item(n: u64) -> Item {
        Item(format!("key:{n}").into_bytes(), None)
    }

    fn key(n: u64) -> Vec<u8> {
        item(n).0
    }

    impl<T: Keyed> Table<T> {
        /// Asserts all that the fields promise of one another.
        pub(super) fn check(&self) {
            let mut slot = 0;
            let mut seen = HashSet::new();
            while let Some(&id) = self.directory.get(slot) {
                let segment = &self.segments[id as usize];
                let slots = 1 << (self.depth - segment.depth);
                assert!(seen.insert(id));
                assert_eq!(slot, self.slot_of(segment.prefix));
                assert!(self.directory[slot..slot + slots].iter().all(|&other| other == id));
                assert_eq!(segment.tags.len(), segment.items.len());
                assert!(segment.tags.is_sorted());
                for (item, &tag) in segment.items.iter().zip(&segment.tags) {
                    assert_eq!(u64::from(tag), Self::position(self.hash(item.key())));
                    assert!((u64::from(segment.prefix)..segment.end()).contains(&u64::from(tag)));
                    let due = item.deadline();
                    assert!(due.is_none() || segment.soonest <= due, "a bound above what it bounds");
                }
                slot += slots;
            }
            assert_eq!(slot, self.directory.len());
            assert_eq!(seen.len(), self.segments.len());
            let deepest = self.segments.iter().filter(|segment| segment.depth == self.depth).count();
            assert_eq!(deepest, self.deepest);
            assert_eq!(self.iter().count(), self.len());
            assert_eq!(self.iter().filter(|item| item.deadline().is_some()).count(), self.volatile());
        }
    }

    #[test]
    fn clones_share_what_none_has_changed() {
        let mut random = Random::new(3);
        let mut table = Table::new(KEY);
        (0..20_000).for_each(|n| drop(table.insert(item(n))));
        let mut clones = vec![];
        for round in 0..20 {
            let contents: Vec<Item> = table.iter().cloned().collect();
            clones.push((table.clone(), contents));
            for _ in 0..[1, 50, 5_000][round % 3] {
                let n = random.below(30_000);
                match random.below(3) {
                    0 => drop(table.insert(item(n))),
                    1 => drop(table.remove(&key(n))),
                    _ => {
                        if let Some(mut entry) = table.find_mut(&key(n)) {
                            entry.update(|entry| entry.1 = Some(Time(n)));
                        }
                    }
                }
            }
            table.check();
        }
        let shared = |one: &Table<Item>, other: &Table<Item>| {
            let all = one.segments.iter().zip(&other.segments);
            all.filter(|(one, other)| std::ptr::eq::<Segment<Item>>(&***one, &***other)).count()
        };
        assert!(shared(&clones[0].0, &clones[1].0) + 1 >= clones[0].0.segments());
        for (mut clone, contents) in clones {
            clone.check();
            assert!(clone.iter().eq(&contents));
            let mut taken = 0;
            while clone.dismantle(100, |_| ()) > 0 {
                taken += 1;
            }
            assert!(taken > 0 && clone.is_empty());
        }
        table.check();
    }

    #[test]
    fn behaves_as_a_map_while_it_grows_and_shrinks() {
        let mut random = Random::new(7);
        for max_depth in [0, 3, MAX_DEPTH] {
            let mut table = Table::<Item>::with_max_depth(KEY, max_depth);
            let mut model: HashMap<Vec<u8>, Option<Time>> = HashMap::new();
            for step in 0..60_000 {
                // Mostly insertions for a while, then mostly removals.
                let grows = step / 10_000 % 2 == 0;
                let n = random.below(6_000);
                match (random.below(10), grows) {
                    (0, _) => {
                        let deadline = (random.below(3) > 0).then(|| Time(random.below(1_000)));
                        if let Some(mut found) = table.find_mut(&key(n)) {
                            found.update(|item| item.1 = deadline);
                            model.insert(key(n), deadline);
                        }
                    }
                    (1..=7, true) | (1, false) => {
                        let entry = Item(key(n), n.is_multiple_of(3).then_some(Time(n)));
                        let old = table.insert(entry.clone());
                        assert_eq!(old.map(|item| item.1), model.insert(entry.0, entry.1));
                    }
                    _ => assert_eq!(table.remove(&key(n)).map(|item| item.1), model.remove(&key(n))),
                }
                let n = random.below(6_000);
                assert_eq!(table.find(&key(n)).map(|item| item.1), model.get(&key(n)).copied());
                if step % 1_000 == 0 {
                    table.check();
                    assert_eq!(table.len(), model.len());
                }
            }
            model.keys().for_each(|key| assert!(table.remove(key).is_some()));
            table.check();
            assert!(table.is_empty());
            assert!(table.segments() == 1 && table.directory.len() <= 2);
            assert!(table.heap_bytes() < 2_000, "{}", table.heap_bytes());
        }
    }

    #[test]
    fn a_table_that_was_prepared_is_as_any_other() {
        for (expected, come) in
            [(0, 10), (200, 300), (230, 3), (10_000, 9_000), (10_000, 30_000), (1 << 40, 5)]
        {
            let mut table = Table::new(KEY);
            table.expect(expected);
            table.check();
            for n in 0..come {
                assert_eq!(table.find(&key(n)), None);
                table.insert(item(n));
            }
            table.check();
            assert!((0..come).all(|n| table.find(&key(n)) == Some(&item(n))));
            let mut seen = 0;
            let mut cursor = table.scan(0, 100, |_| seen += 1);
            while cursor != 0 {
                cursor = table.scan(cursor, 100, |_| seen += 1);
            }
            assert_eq!(seen, come);
            (0..come).for_each(|n| assert!(table.remove(&key(n)).is_some()));
            table.check();
            table.insert(item(1));
            table.check();
        }
    }

    #[test]
    fn scan_returns_whatever_stays() {
        let mut random = Random::new(11);
        for round in 0..40 {
            let mut table = Table::new(KEY);
            let (first, last) = if round % 2 == 0 { (500, 20_000) } else { (20_000, 500) };
            (0..first).for_each(|n| drop(table.insert(item(n))));
            let staying = first.min(last);
            let mut seen = HashSet::new();
            let mut cursor = 0;
            let mut n = first;
            loop {
                let count = 1 + random.below(40) as usize;
                cursor = table.scan(cursor, count, |item| seen.extend([item.0.clone()]));
                assert!(cursor < 1 << 53);
                if cursor == 0 {
                    break;
                }
                for _ in 0..random.below(400) {
                    if n < last {
                        table.insert(item(n));
                        n += 1;
                    } else if n > last {
                        n -= 1;
                        table.remove(&key(n));
                    }
                }
            }
            (0..staying).for_each(|n| assert!(seen.contains(&key(n)), "{n} is missing"));
        }
    }

    #[test]
    fn scan_meets_each_entry_once_in_order_if_nothing_changes() {
        let mut table = Table::new(KEY);
        (0..5_000).for_each(|n| drop(table.insert(item(n))));
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            let before = seen.len();
            cursor = table.scan(cursor, 10, |item| seen.push(Table::<Item>::position(table.hash(&item.0))));
            assert!((1..=11).contains(&(seen.len() - before)));
            assert!(seen.last() < Some(&cursor) || cursor == 0);
            if cursor == 0 {
                break;
            }
        }
        assert!(seen.is_sorted());
        assert_eq!(seen.len(), 5_000);
        assert_eq!(Table::<Item>::new(KEY).scan(0, 10, |_| panic!()), 0);
        assert_eq!(table.scan(u64::MAX, 10, |_| panic!()), 0);
    }

    /// Puts items in as if they all had the same position, which honest keys never do.
    fn crowd(table: &mut Table<Item>, hash: u64, n: std::ops::Range<u64>) {
        for n in n {
            let Slot::Vacant(place) = table.slot(hash, &key(n)) else { panic!() };
            place.insert_unchecked(item(n));
        }
    }

    #[test]
    fn collisions_cannot_make_the_directory_explode() {
        let mut table = Table::with_max_depth(KEY, 6);
        (0..1_000).for_each(|n| drop(table.insert(item(n))));
        let hash = table.hash(b"some");
        crowd(&mut table, hash, 1_000..4_000);
        assert_eq!(table.len(), 4_000);
        assert!(table.directory.len() <= 64);
        for n in 1_000..4_000 {
            assert!(table.find_hashed(hash, &key(n)).is_some());
        }
        // One position is never torn apart.
        let mut largest = 0;
        let mut cursor = 0;
        loop {
            let mut visited = 0;
            cursor = table.scan(cursor, 10, |_| visited += 1);
            largest = largest.max(visited);
            if cursor == 0 {
                break;
            }
        }
        assert!((3_000..3_020).contains(&largest));
        for n in 1_000..4_000 {
            assert!(table.remove_hashed(hash, &key(n)).is_some());
        }
        table.check();
        assert_eq!(table.len(), 1_000);
    }

    #[test]
    fn random_entries_are_even() {
        let mut random = Random::new(3);
        for len in [1, 2, 50, 300, 5_000] {
            let mut table = Table::new(KEY);
            (0..len).for_each(|n| drop(table.insert(item(n))));
            let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
            for _ in 0..len * 100 {
                *counts.entry(table.random(&mut random).unwrap().0.clone()).or_default() += 1;
            }
            assert_eq!(counts.len() as u64, len);
            // Six standard deviations around the mean of 100.
            assert!(counts.values().all(|count| (40..=160).contains(count)));
        }
        assert!(Table::<Item>::new(KEY).random(&mut random).is_none());
    }

    #[test]
    fn a_random_entry_is_found_however_sparse_the_table() {
        let mut random = Random::new(4);
        let mut table = Table::with_max_depth(KEY, 3);
        let hash = table.hash(b"some");
        crowd(&mut table, hash, 0..10_000);
        (0..10_000).for_each(|n| drop(table.remove_hashed(hash, &key(n))));
        (0..300).for_each(|n| drop(table.insert(item(n))));
        for _ in 0..1_000 {
            assert!(table.random(&mut random).is_some());
        }
    }

    #[test]
    fn expired_finds_all_that_are_due_and_settles() {
        let mut random = Random::new(5);
        let mut table = Table::new(KEY);
        for n in 0..10_000u64 {
            let deadline = n.is_multiple_of(4).then(|| Time(random.below(1_000)));
            table.insert(Item(key(n), deadline));
        }
        for now in (0..=1_000).step_by(100).map(Time) {
            let mut due = Vec::new();
            let mut from = 0;
            loop {
                from = table.expired(now, from, 300, |item| due.push(item.0.clone()));
                if from == 0 {
                    break;
                }
            }
            assert!(due.iter().all(|key| table.remove(key).is_some_and(|item| item.1 <= Some(now))));
            assert!(table.iter().all(|item| item.1.is_none_or(|at| at > now)));
            table.check();
        }
        assert_eq!((table.len(), table.volatile()), (7_500, 0));
    }

    #[test]
    fn a_walk_and_positions_agree() {
        let mut table = Table::new(KEY);
        (0..3_000).for_each(|n| drop(table.insert(item(n))));
        let mut walked = HashSet::new();
        let mut from = 0;
        while let Some((items, next)) = table.walk(from) {
            walked.extend(items.iter().map(|item| item.0.clone()));
            from = next;
            for n in 0..3_000 {
                let passed = Table::<Item>::position(table.hash(&key(n))) < from;
                assert_eq!(walked.contains(&key(n)), passed);
            }
        }
        assert_eq!(walked.len(), 3_000);
    }

    #[test]
    fn an_entry_can_be_swapped_in_place() {
        let mut table = Table::new(KEY);
        assert_eq!(table.insert(Item(b"a".to_vec(), None)), None);
        assert_eq!(table.insert(Item(b"a".to_vec(), Some(Time(5)))), Some(Item(b"a".to_vec(), None)));
        assert_eq!(table.volatile(), 1);
        let mut found = table.find_mut(b"a").unwrap();
        assert_eq!(found.update(|item| item.1.take()), Some(Time(5)));
        assert_eq!(found.deadline(), None);
        found.into_mut();
        assert_eq!(table.volatile(), 0);
        table.clear();
        assert_eq!((table.len(), table.heap_bytes()), (0, 0));
        assert!(table.find(b"a").is_none());
    }
}
