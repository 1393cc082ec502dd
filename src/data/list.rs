//! A list: packed chunks in a row, so that both ends are near and no element has an allocation of its own.

use std::collections::VecDeque;
use std::ops::Deref;

use super::chunk::{CHUNK, Chunk};
use super::listpack::{self, Entry, Packed};
use crate::base::number::{Text, format_int};

/// A list of byte strings.
///
/// Indexes count from zero at the head. Those given as `i64` count from -1 at the tail too, as in the commands.
#[derive(Clone, Default)]
pub struct List {
    /// None of them is empty.
    chunks: VecDeque<Chunk>,
    len: usize,
}

/// An end of a list, or a direction in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The left end: index 0.
    Head,
    /// The right end: index -1.
    Tail,
}

impl List {
    /// Returns an empty list, which has allocated nothing.
    pub const fn new() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an element at an end.
    pub fn push(&mut self, side: Side, element: &[u8]) {
        self.push_packed(side, Entry::new(element).pack());
    }

    /// Takes the element at an end away; returns what `read` makes of it.
    pub fn pop_with<R>(&mut self, side: Side, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let at = self.end(side);
        let chunk = self.chunks.get_mut(at)?;
        let place = chunk.end(side);
        let result = read(&Item::from(chunk.entry(place)));
        chunk.remove(place);
        if chunk.len() == 0 {
            self.remove_chunk(at);
        }
        self.len -= 1;
        Some(result)
    }

    /// Takes the element at an end away and returns it.
    pub fn pop(&mut self, side: Side) -> Option<Vec<u8>> {
        self.pop_with(side, <[u8]>::to_vec)
    }

    /// Returns the element with an index.
    pub fn get(&self, index: i64) -> Option<Item<'_>> {
        let (at, index) = self.locate(self.resolve(index)?);
        let chunk = &self.chunks[at];
        Some(chunk.entry(chunk.place(index)).into())
    }

    /// Replaces the element with an index; tells whether there is one.
    pub fn set(&mut self, index: i64, element: &[u8]) -> bool {
        let Some(index) = self.resolve(index) else { return false };
        let (at, index) = self.locate(index);
        let chunk = &mut self.chunks[at];
        chunk.remove(chunk.place(index));
        self.insert_at(at, index, Entry::new(element).pack());
        self.tidy(at);
        true
    }

    /// Puts an element next to the first one equal to `pivot`, towards the side given; tells whether there is one.
    pub fn insert(&mut self, side: Side, pivot: &[u8], element: &[u8]) -> bool {
        let Some(index) = self.find(pivot, Side::Head, self.len).next() else { return false };
        let (at, index) = self.locate(index);
        let index = match side {
            Side::Head => index,
            Side::Tail => index + 1,
        };
        self.insert_at(at, index, Entry::new(element).pack());
        self.len += 1;
        true
    }

    /// Removes the elements equal to `element`: the first `count` from the head, the first `-count` from the tail,
    /// or all if `count` is zero. Returns how many.
    pub fn remove(&mut self, count: i64, element: &[u8]) -> usize {
        let entry = Entry::new(element);
        let most =
            if count == 0 { self.len } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
        let mut removed = 0;
        for step in 0..self.chunks.len() {
            let left = most - removed;
            if left == 0 {
                break;
            }
            let at = if count < 0 { self.chunks.len() - 1 - step } else { step };
            let chunk = &mut self.chunks[at];
            // Within a chunk the way is always forwards; from the tail, the first of too many are passed over.
            let skip = if count < 0 { chunk.count(entry).saturating_sub(left) } else { 0 };
            removed += chunk.remove_equal(entry, skip, left);
        }
        if removed > 0 {
            self.len -= removed;
            self.tidy_all();
        }
        removed
    }

    /// Keeps the elements from `start` to `stop`, both included, and drops the others.
    pub fn trim(&mut self, start: i64, stop: i64) {
        let (start, count) = self.span(start, stop);
        self.cut(Side::Tail, self.len - start - count);
        self.cut(Side::Head, start);
    }

    /// Goes through the elements from `start` to `stop`, both included.
    pub fn range(&self, start: i64, stop: i64) -> Items<'_> {
        let (start, count) = self.span(start, stop);
        let (chunk, rest) = if count == 0 {
            (0, &[][..])
        } else {
            let (at, index) = self.locate(start);
            (at, &self.chunks[at].packed()[self.chunks[at].place(index)..])
        };
        Items(Walk { list: self, from: Side::Head, chunk, rest, left: count })
    }

    /// Goes through all elements, starting from an end.
    pub fn iter(&self, from: Side) -> Items<'_> {
        Items(self.walk(from))
    }

    /// Finds the elements equal to `element` among the first `within`, starting from an end. Returns their indexes,
    /// which count from the head in any case.
    pub fn find(&self, element: &[u8], from: Side, within: usize) -> impl Iterator<Item = usize> {
        let entry = Entry::new(element);
        self.walk(from).take(within).enumerate().filter(move |&(_, found)| found == entry).map(
            move |(i, _)| match from {
                Side::Head => i,
                Side::Tail => self.len - 1 - i,
            },
        )
    }

    /// Returns how many chunks there are.
    pub fn parts(&self) -> usize {
        self.chunks.len()
    }

    /// See [`Object::dismantle`](super::object::Object::dismantle).
    pub fn dismantle(&mut self, budget: usize) -> usize {
        let freed = self.chunks.len().min(budget);
        self.chunks.truncate(self.chunks.len() - freed);
        freed
    }

    /// Returns how many bytes are allocated besides the list itself.
    pub fn heap_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Chunk::heap_bytes).sum();
        chunks + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Returns each chunk as a listpack: the number of elements, and the packed entries without header and end.
    pub fn listpacks(&self) -> impl ExactSizeIterator<Item = (usize, &[u8])> {
        self.chunks.iter().map(|chunk| (chunk.len(), chunk.packed()))
    }

    /// Appends the elements of a listpack from outside; returns `None`, with the list as it was, if it is not one.
    pub fn push_listpack(&mut self, listpack: &[u8]) -> Option<()> {
        let listpack = listpack::read(listpack)?;
        match listpack.as_it_is() {
            Some((0, _)) => {}
            Some((count, packed)) if packed.len() <= CHUNK => {
                match self.chunks.back_mut() {
                    Some(last) if last.fits(packed.len()) => last.append_packed(count, packed),
                    _ => self.add_chunk(self.chunks.len(), Chunk::of(count, packed)),
                }
                self.len += count;
            }
            _ => listpack.entries().for_each(|entry| self.push_packed(Side::Tail, entry.pack())),
        }
        Some(())
    }

    fn push_packed(&mut self, side: Side, entry: Packed<'_>) {
        let end = self.end(side);
        match (self.chunks.get_mut(end), side) {
            (Some(chunk), _) if chunk.fits(entry.size()) => chunk.push(side, entry),
            (_, Side::Head) => self.insert_chunk(0, entry),
            (_, Side::Tail) => self.insert_chunk(self.chunks.len(), entry),
        }
        self.len += 1;
    }

    /// Puts an entry in front of the one with this index in a chunk, or behind the last, and leaves `len` alone.
    fn insert_at(&mut self, at: usize, index: usize, entry: Packed<'_>) {
        let size = entry.size();
        let chunk = &mut self.chunks[at];
        if chunk.fits(size) {
            chunk.insert(chunk.place(index), entry);
            return;
        }
        if index > 0 && index < chunk.len() {
            let behind = chunk.split_off(index);
            self.chunks.insert(at + 1, behind);
        }
        // The entry now belongs between two chunks, of which this is the second.
        let next = if index == 0 { at } else { at + 1 };
        if next > 0 && self.chunks[next - 1].fits(size) {
            self.chunks[next - 1].push(Side::Tail, entry);
        } else if self.chunks.get(next).is_some_and(|chunk| chunk.fits(size)) {
            self.chunks[next].push(Side::Head, entry);
        } else {
            self.insert_chunk(next, entry);
        }
    }

    /// Drops `count` elements at an end.
    fn cut(&mut self, side: Side, count: usize) {
        self.len -= count;
        let mut left = count;
        while left > 0 {
            let at = self.end(side);
            let chunk = &mut self.chunks[at];
            if left < chunk.len() {
                return chunk.cut(side, left);
            }
            left -= chunk.len();
            self.remove_chunk(at);
        }
    }

    fn insert_chunk(&mut self, at: usize, entry: Packed<'_>) {
        let mut chunk = Chunk::default();
        chunk.push(Side::Tail, entry);
        self.add_chunk(at, chunk);
    }

    fn add_chunk(&mut self, at: usize, chunk: Chunk) {
        if self.chunks.len() == self.chunks.capacity() {
            // Most lists have one chunk, for which a deque would otherwise make room for four.
            self.chunks.reserve_exact(1 + self.chunks.len() / 2);
        }
        self.chunks.insert(at, chunk);
    }

    fn remove_chunk(&mut self, at: usize) {
        self.chunks.remove(at);
        if self.chunks.capacity() > 2 * self.chunks.len() + 8 {
            self.chunks.shrink_to_fit();
        }
    }

    /// Joins a chunk that has become small with a neighbour.
    fn tidy(&mut self, at: usize) {
        for first in [at, at.wrapping_sub(1)] {
            if first < self.chunks.len().saturating_sub(1)
                && self.chunks[first].joins(&self.chunks[first + 1])
            {
                let second = self.chunks.remove(first + 1).expect("it was just looked at");
                self.chunks[first].append(&second);
            }
        }
    }

    /// Drops empty chunks and joins small ones.
    fn tidy_all(&mut self) {
        for chunk in std::mem::take(&mut self.chunks) {
            match self.chunks.back_mut() {
                _ if chunk.len() == 0 => {}
                Some(last) if last.joins(&chunk) => last.append(&chunk),
                _ => self.chunks.push_back(chunk),
            }
        }
        self.chunks.shrink_to_fit();
    }

    fn walk(&self, from: Side) -> Walk<'_> {
        let chunk = self.end(from);
        let rest = self.chunks.get(chunk).map_or(&[][..], Chunk::packed);
        Walk { list: self, from, chunk, rest, left: self.len }
    }

    /// Returns the index of the chunk at an end, which is zero too if there is none.
    fn end(&self, side: Side) -> usize {
        match side {
            Side::Head => 0,
            Side::Tail => self.chunks.len().saturating_sub(1),
        }
    }

    /// Returns the chunk of the element with an index, which must be there, and the index within the chunk.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index < self.len / 2 {
            let mut left = index;
            for (at, chunk) in self.chunks.iter().enumerate() {
                if left < chunk.len() {
                    return (at, left);
                }
                left -= chunk.len();
            }
        } else {
            let mut behind = self.len - index;
            for (at, chunk) in self.chunks.iter().enumerate().rev() {
                if behind <= chunk.len() {
                    return (at, chunk.len() - behind);
                }
                behind -= chunk.len();
            }
        }
        unreachable!("the index is below the length")
    }

    /// Returns an index that counts from the head.
    fn resolve(&self, index: i64) -> Option<usize> {
        let len = self.len as i64;
        let index = if index < 0 { index + len } else { index };
        (0..len).contains(&index).then_some(index as usize)
    }

    /// Returns where a range begins and how many elements are in it.
    fn span(&self, start: i64, stop: i64) -> (usize, usize) {
        let len = self.len as i64;
        let from_head = |index: i64| if index < 0 { index + len } else { index };
        let start = from_head(start).clamp(0, len);
        let stop = from_head(stop).min(len - 1);
        (start as usize, (stop - start + 1).max(0) as usize)
    }
}

/// An element of a list: bytes, which it dereferences to.
pub struct Item<'a>(Form<'a>);

enum Form<'a> {
    Printed(Text<20>),
    Bytes(&'a [u8]),
}

impl<'a> From<Entry<'a>> for Item<'a> {
    #[inline]
    fn from(entry: Entry<'a>) -> Self {
        Self(match entry {
            Entry::Int(n) => Form::Printed(format_int(n)),
            Entry::Bytes(bytes) => Form::Bytes(bytes),
        })
    }
}

impl Deref for Item<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Printed(text) => text,
            Form::Bytes(bytes) => bytes,
        }
    }
}

/// Elements one after the other, in either direction.
pub struct Items<'a>(Walk<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.0.next().map(Item::from)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left, Some(self.0.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// Entries one after the other, in either direction.
struct Walk<'a> {
    list: &'a List,
    from: Side,
    chunk: usize,
    /// What is still to be seen of the chunk.
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        if self.rest.is_empty() {
            self.chunk = match self.from {
                Side::Head => self.chunk + 1,
                Side::Tail => self.chunk - 1,
            };
            self.rest = self.list.chunks[self.chunk].packed();
        }
        let packed = match self.from {
            Side::Head => self.rest,
            Side::Tail => &self.rest[self.rest.len() - listpack::size_before(self.rest)..],
        };
        let (entry, size) = Entry::read(packed);
        self.rest = match self.from {
            Side::Head => &self.rest[size..],
            Side::Tail => &self.rest[..self.rest.len() - size],
        };
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use crate::data::chunk::CHUNK;

    /// A list beside a plain deque that is treated alike.
    struct Pair {
        list: List,
        model: VecDeque<Vec<u8>>,
        random: Random,
    }

    impl Pair {
        fn new(seed: u64) -> Self {
            Self { list: List::new(), model: VecDeque::new(), random: Random::new(seed) }
        }

        fn below(&mut self, n: u64) -> usize {
            self.random.below(n) as usize
        }

        fn side(&mut self) -> Side {
            if self.below(2) == 0 { Side::Head } else { Side::Tail }
        }

        /// Draws an index, sometimes off either end.
        fn index(&mut self) -> i64 {
            let len = self.model.len() as u64;
            self.below(2 * len + 5) as i64 - len as i64 - 2
        }

        /// Draws an element: often one of few, so that there are equal ones, rarely one longer than a chunk.
        fn element(&mut self) -> Vec<u8> {
            let mut bytes = match self.below(100) {
                0..50 => return self.below(20).to_string().into_bytes(),
                50..60 => return (self.random.next() as i64 >> self.below(64)).to_string().into_bytes(),
                60..90 => vec![b'x'; self.below(30)],
                90..99 => vec![b'y'; self.below(2000)],
                _ => vec![b'z'; self.below(20_000)],
            };
            self.random.fill(&mut bytes);
            bytes
        }

        fn known(&mut self) -> Vec<u8> {
            match self.below(self.model.len() as u64 + 1) {
                0 => b"7".to_vec(),
                n => self.model[n - 1].clone(),
            }
        }

        /// The places that `start` and `stop` stand for in the model.
        fn places(&self, start: i64, stop: i64) -> std::ops::Range<usize> {
            let len = self.model.len() as i64;
            let from_head = |index: i64| if index < 0 { index + len } else { index };
            let (start, stop) = (from_head(start).max(0), from_head(stop).min(len - 1));
            if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
        }

        fn step(&mut self, growth: usize) {
            match self.below(14) {
                0..4 => self.push(growth),
                4..6 => self.pop(),
                6 => {
                    let (index, element) = (self.index(), self.element());
                    let slot = self.places(index, index).next().and_then(|place| self.model.get_mut(place));
                    assert_eq!(self.list.set(index, &element), slot.is_some());
                    slot.into_iter().for_each(|slot| slot.clone_from(&element));
                }
                7..9 => {
                    let (side, pivot, element) = (self.side(), self.known(), self.element());
                    let place = self.model.iter().position(|found| *found == pivot);
                    assert_eq!(self.list.insert(side, &pivot, &element), place.is_some());
                    if let Some(place) = place {
                        self.model.insert(place + usize::from(side == Side::Tail), element);
                    }
                }
                9 => self.remove(),
                10 => {
                    let (start, stop) = (self.index(), self.index());
                    let found: Vec<Vec<u8>> =
                        self.list.range(start, stop).map(|item| item.to_vec()).collect();
                    assert!(found.iter().eq(self.model.range(self.places(start, stop))));
                }
                11 => self.find(),
                12 => {
                    let index = self.index();
                    let place = self.places(index, index).next();
                    assert_eq!(
                        self.list.get(index).map(|item| item.to_vec()),
                        place.map(|at| self.model[at].clone())
                    );
                }
                _ if self.below(8) == 0 => {
                    let (start, stop) = (self.index(), self.index());
                    self.list.trim(start, stop);
                    self.model = self.model.range(self.places(start, stop)).cloned().collect();
                }
                _ => {}
            }
        }

        fn push(&mut self, most: usize) {
            let side = self.side();
            for _ in 0..self.below(most as u64) {
                let element = self.element();
                self.list.push(side, &element);
                match side {
                    Side::Head => self.model.push_front(element),
                    Side::Tail => self.model.push_back(element),
                }
            }
        }

        fn pop(&mut self) {
            let side = self.side();
            for _ in 0..self.below(10) {
                let popped = match side {
                    Side::Head => self.model.pop_front(),
                    Side::Tail => self.model.pop_back(),
                };
                assert_eq!(self.list.pop(side), popped);
            }
        }

        fn remove(&mut self) {
            let (count, element) = (self.below(7) as i64 - 3, self.known());
            let equal = self.model.iter().filter(|found| **found == element).count();
            let most = if count == 0 { equal } else { equal.min(count.unsigned_abs() as usize) };
            let (mut seen, first) = (0, if count < 0 { equal - most } else { 0 });
            self.model.retain(|found| {
                seen += usize::from(*found == element);
                *found != element || !(first + 1..=first + most).contains(&seen)
            });
            assert_eq!(self.list.remove(count, &element), most);
        }

        fn find(&mut self) {
            let (element, from, within) = (self.known(), self.side(), self.below(100));
            let mut places: Vec<usize> = (0..self.model.len()).collect();
            if from == Side::Tail {
                places.reverse();
            }
            places.truncate(within);
            places.retain(|&place| self.model[place] == element);
            assert!(self.list.find(&element, from, within).eq(places));
        }

        fn check(&self) {
            assert_eq!(self.list.len(), self.model.len());
            assert!(self.list.iter(Side::Head).map(|item| item.to_vec()).eq(self.model.iter().cloned()));
            assert!(
                self.list.iter(Side::Tail).map(|item| item.to_vec()).eq(self.model.iter().rev().cloned())
            );
            let chunks = &self.list.chunks;
            assert_eq!(chunks.iter().map(Chunk::len).sum::<usize>(), self.list.len());
            assert!(
                chunks.iter().all(|chunk| chunk.len() == 1 || (chunk.len() > 0 && chunk.size() <= CHUNK))
            );
        }
    }

    #[test]
    fn behaves_as_a_deque() {
        for seed in 0..40 {
            let mut pair = Pair::new(seed);
            for step in 0..400 {
                pair.step(if step % 200 < 100 { 20 } else { 5 });
                if step % 10 == 0 {
                    pair.check();
                }
            }
            let copy = pair.list.clone();
            while pair.list.pop(Side::Head).is_some() {}
            assert_eq!(pair.list.len(), 0);
            pair.list = copy;
            pair.check();
        }
    }

    #[test]
    fn is_no_larger_than_its_listpacks_by_much() {
        let mut list = List::new();
        for n in 0..100_000i64 {
            list.push(if n % 3 == 0 { Side::Head } else { Side::Tail }, &format_int(n * n));
        }
        let packed: usize = list.listpacks().map(|(_, packed)| packed.len()).sum();
        assert!(list.heap_bytes() < packed + packed / 50, "{} for {packed}", list.heap_bytes());
        // A queue in motion, and what is left of a long list, hold little more than they must.
        for n in 0..300_000 {
            list.push(Side::Tail, &format_int(n));
            list.pop(Side::Head);
        }
        assert!(list.heap_bytes() < 700_000);
        while list.len() > 10 {
            list.pop(Side::Tail);
        }
        assert!(list.heap_bytes() < 600, "{}", list.heap_bytes());
    }

    #[test]
    fn comes_back_from_listpacks() {
        let mut pair = Pair::new(99);
        (0..50).for_each(|_| pair.push(20));
        let mut copy = List::new();
        for (count, packed) in pair.list.listpacks() {
            let whole = [&listpack::header(count, packed.len())[..], packed, &[listpack::END]].concat();
            assert_eq!(copy.push_listpack(&whole), Some(()));
            assert_eq!(copy.push_listpack(&whole[..whole.len() - 1]), None);
        }
        pair.list = copy;
        pair.check();
    }
}
