//! Random entries of a table.

use crate::base::random::{Chooser, Random};
use crate::base::sort;

use super::{Keyed, Table, tag};

impl<T: Keyed> Table<T> {
    /// Returns an entry, each as likely as any other.
    ///
    /// A segment is drawn with the share of positions it holds, and kept with a chance that makes up for how full
    /// it is.
    pub fn random(&self, random: &mut Random) -> Option<&T> {
        let mut position = 0;
        for _ in 0..if self.is_empty() { 0 } else { 64 } {
            let drawn = random.next();
            position = tag(drawn);
            let segment = &self.segments[self.segment_of(position)?];
            // One of `fullest << spare` seats in the segment's share of the directory; most seats are empty.
            let seats = (self.fullest as u128) << (self.depth - segment.depth);
            let room = if self.segments.len() == 1 { segment.len() as u128 } else { seats };
            let seat = (u128::from(drawn as u32) * room) >> 32;
            if let Some(item) = segment.items.get(seat as usize) {
                return Some(item);
            }
        }
        // All but empty everywhere: the next one in order will do.
        let after = (self.walk_to_entry(u64::from(position))).or_else(|| self.walk_to_entry(0));
        after.and_then(<[T]>::first)
    }

    /// Visits so many entries, all of them if there are fewer, none twice; any choice is as likely as any other.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(&T)) {
        if count.saturating_mul(3) > self.len() {
            let mut chooser = Chooser::new(self.len(), count);
            return self.iter().filter(|_| chooser.takes(random)).for_each(visit);
        }
        let mut drawn: Vec<(u64, &T)> = Vec::with_capacity(count);
        while drawn.len() < count {
            for _ in drawn.len()..count {
                drawn.extend(self.random(random).map(|entry| (self.hash(entry.key()), entry)));
            }
            sort::sort_by(&mut drawn, |one, other| (one.0, one.1.key()).cmp(&(other.0, other.1.key())));
            drawn.dedup_by(|one, other| one.1.key() == other.1.key());
        }
        drawn.iter().for_each(|(_, entry)| visit(entry));
    }

    fn walk_to_entry(&self, mut from: u64) -> Option<&[T]> {
        loop {
            let (items, next) = self.walk(from)?;
            if !items.is_empty() {
                return Some(items);
            }
            from = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::data::table::{HashKey, Owned};

    struct Item([u8; 1]);

    impl Keyed for Item {
        type Held = Owned<Self>;

        fn key(&self) -> &[u8] {
            &self.0
        }
    }

    #[test]
    fn samples_are_even_and_without_repetition() {
        let mut table = Table::new(HashKey(1, 2));
        for n in 0..30u8 {
            table.insert(Item([n]));
        }
        let mut random = Random::new(5);
        for count in [0, 1, 5, 9, 11, 29, 30, 31] {
            let mut counts = HashMap::new();
            for _ in 0..3_000 {
                let mut sample = HashSet::new();
                table.sample(count, &mut random, |item| assert!(sample.insert(item.0)));
                assert_eq!(sample.len(), count.min(30));
                sample.into_iter().for_each(|key| *counts.entry(key).or_insert(0) += 1);
            }
            let expected = 100 * count.min(30);
            assert!(
                counts.values().all(|&n| n <= expected + 120 && n + 120 >= expected),
                "{count}: {counts:?}"
            );
        }
    }
}
