//! Many entries that go into a table at once.

use super::{Hold, Keyed, Segment, Slot, Table, tag};

/// Entries that are to go into a table together, each with its hash.
///
/// A table takes them in the order of positions: what has to be moved in a segment is moved once for all that go into it,
/// and memory is gone through in one direction.
pub struct Batch<T> {
    /// For each entry its position, and below that its number in `items`.
    order: Vec<u64>,
    /// All are there, but those that a table has just taken.
    items: Vec<Option<T>>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { order: Vec::new(), items: Vec::new() }
    }
}

impl<T> Batch<T> {
    /// Adds an entry of whose key a table says this [hash](Table::hash). Panics at the 2^32nd.
    pub fn push(&mut self, hash: u64, entry: T) {
        let number = u32::try_from(self.items.len()).expect("a batch is a small part of memory");
        self.order.push(u64::from(tag(hash)) << 32 | u64::from(number));
        self.items.push(Some(entry));
    }

    fn take(&mut self, place: u64) -> T {
        self.items[number(place)].take().expect("each is taken once")
    }
}

/// Returns which entry of its batch is meant.
fn number(place: u64) -> usize {
    place as u32 as usize
}

/// Sorts places that are in order of their numbers, byte by byte. The standard library's sorting makes the module for the
/// web 1.4 kB heavier.
fn sort_by_position(order: &mut Vec<u64>) {
    let mut sorted = vec![0; order.len()];
    for shift in [32, 40, 48, 56] {
        let mut ends = [0usize; 257];
        for &place in &*order {
            ends[(place >> shift) as u8 as usize + 1] += 1;
        }
        for byte in 0..256 {
            ends[byte + 1] += ends[byte];
        }
        for &place in &*order {
            let next = &mut ends[(place >> shift) as u8 as usize];
            sorted[*next] = place;
            *next += 1;
        }
        std::mem::swap(order, &mut sorted);
    }
}

/// The first entry of a batch that there was no place for, and its number.
struct Twin<T>(Option<(usize, T)>);

impl<T> Twin<T> {
    fn note(&mut self, number: usize, entry: T) {
        if self.0.as_ref().is_none_or(|(first, _)| number < *first) {
            self.0 = Some((number, entry));
        }
    }
}

impl<T: Keyed> Table<T> {
    /// Puts the entries of a batch in and leaves it empty. An entry whose key is there already is dropped; the first of
    /// those is returned, with its number in the batch.
    pub fn insert_batch(&mut self, batch: &mut Batch<T>) -> Option<(usize, T)> {
        let mut twin = Twin(None);
        let mut aside = Segment::default();
        let mut order = std::mem::take(&mut batch.order);
        sort_by_position(&mut order);
        let mut rest = &order[..];
        while let Some(&first) = rest.first() {
            let segment = self.segment_of(tag(first));
            let end = segment.map_or(0, |segment| self.segments[segment].end());
            let len = rest.iter().take_while(|&&place| place >> 32 < end).count().max(1);
            let (group, later) = rest.split_at(len);
            rest = later;
            match segment {
                Some(segment) if self.segments[segment].len() + len <= Segment::<T>::LIMIT => {
                    self.insert_sorted(segment, group, batch, &mut aside, &mut twin);
                }
                _ => group.iter().for_each(|&place| self.insert_one(place, batch, &mut twin)),
            }
        }
        order.clear();
        batch.order = order;
        batch.items.clear();
        twin.0
    }

    fn insert_one(&mut self, place: u64, batch: &mut Batch<T>, twin: &mut Twin<T>) {
        let entry = batch.take(place);
        match self.slot(place, entry.key()) {
            Slot::Occupied(_) => twin.note(number(place), entry),
            Slot::Vacant(vacant) => _ = vacant.insert(entry),
        }
    }

    /// Puts in entries that a segment has room for and that belong there, in order of position. `aside` is empty, and
    /// stays so.
    fn insert_sorted(
        &mut self,
        segment: usize,
        group: &[u64],
        batch: &mut Batch<T>,
        aside: &mut Segment<T>,
        twin: &mut Twin<T>,
    ) {
        let segment = self.segments[segment].edit();
        segment.make_room(group.len());
        let before = segment.len();
        aside.tags.append(&mut segment.tags);
        aside.items.append(&mut segment.items);
        let (mut old_tags, mut old) = (&aside.tags[..], aside.items.drain(..));
        for &place in group {
            let (tag, entry) = (tag(place), batch.take(place));
            let (passed, later) = old_tags.split_at(old_tags.iter().take_while(|old| **old <= tag).count());
            old_tags = later;
            segment.tags.extend_from_slice(passed);
            segment.items.extend(old.by_ref().take(passed.len()));
            if segment.ends_with(tag, entry.key()) {
                twin.note(number(place), entry);
                continue;
            }
            segment.hurry(entry.deadline());
            self.volatile += usize::from(entry.deadline().is_some());
            segment.tags.push(tag);
            segment.items.push(entry);
        }
        segment.tags.extend_from_slice(old_tags);
        segment.items.extend(old);
        aside.tags.clear();
        self.len += segment.len() - before;
    }
}

impl<T: Keyed> Segment<T> {
    /// Tells whether a key is among the last entries, those of its position.
    fn ends_with(&self, tag: u32, key: &[u8]) -> bool {
        let last = self.tags.iter().zip(&self.items).rev().take_while(|(other, _)| **other == tag);
        last.map(|(_, entry)| entry.key()).any(|other| other == key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_DEPTH;
    use super::super::tests::{Item, KEY};
    use super::*;
    use crate::base::random::Random;
    use crate::base::time::Time;

    #[test]
    fn a_batch_goes_in_as_one_entry_after_the_other() {
        let mut random = Random::new(11);
        for round in 0..300 {
            let keys = [40, 2_000, 30_000][round % 3];
            let depths = [MAX_DEPTH, MAX_DEPTH, 2];
            let mut table = Table::<Item>::with_max_depth(KEY, depths[random.below(3) as usize]);
            let mut model = Table::<Item>::new(KEY);
            if random.below(2) == 0 {
                table.expect(keys as usize);
            }
            for _ in 0..random.below(6) {
                let mut batch = Batch::default();
                let mut twin = None;
                for number in 0..random.below(keys) as usize {
                    let deadline = (random.below(4) == 0).then(|| Time(random.below(1_000)));
                    let item = Item(random.below(keys).to_string().into_bytes(), deadline);
                    match model.slot(model.hash(item.key()), item.key()) {
                        Slot::Occupied(_) => twin = twin.or(Some((number, item.clone()))),
                        Slot::Vacant(vacant) => _ = vacant.insert(item.clone()),
                    }
                    batch.push(table.hash(item.key()), item);
                }
                assert_eq!(table.insert_batch(&mut batch), twin);
                assert!(batch.items.is_empty());
                table.check();
                assert!(table.iter().eq(model.iter()), "round {round}");
            }
        }
    }
}
