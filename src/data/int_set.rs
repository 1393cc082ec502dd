//! A set of integers, sorted: to the byte as in Redis' intsets, which snapshots hold.
//!
//! ```text
//! u32 width of a member in bytes: 2, 4 or 8   u32 members   members…          all with the low byte first
//! ```

/// Integers in order, as wide as the widest that was ever among them.
#[derive(Clone)]
pub struct IntSet {
    width: usize,
    /// The members, without the header.
    bytes: Vec<u8>,
}

impl Default for IntSet {
    fn default() -> Self {
        Self { width: 2, bytes: Vec::new() }
    }
}

const HEADER: usize = 8;

impl IntSet {
    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the member with an index, which must be there.
    pub fn get(&self, index: usize) -> i64 {
        let member = &self.bytes[index * self.width..][..self.width];
        match *member {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => unreachable!("there is no other width"),
        }
    }

    /// Tells whether an integer is a member.
    pub fn has(&self, n: i64) -> bool {
        self.search(n).is_ok()
    }

    /// Puts an integer in; tells whether it is new.
    pub fn insert(&mut self, n: i64) -> bool {
        let Err(index) = self.search(n) else { return false };
        self.widen(width(n));
        let (at, end) = (index * self.width, self.bytes.len());
        if self.bytes.capacity() - end < self.width {
            // An eighth more than is needed, so that growing to n members moves O(n) bytes and little lies idle.
            self.bytes.reserve_exact(self.width + end / 8);
        }
        self.bytes.resize(end + self.width, 0);
        self.bytes.copy_within(at..end, at + self.width);
        self.bytes[at..at + self.width].copy_from_slice(&n.to_le_bytes()[..self.width]);
        true
    }

    /// Takes an integer out; tells whether it was there.
    pub fn remove(&mut self, n: i64) -> bool {
        let Ok(index) = self.search(n) else { return false };
        let at = index * self.width;
        self.bytes.drain(at..at + self.width);
        if self.bytes.capacity() > 2 * self.bytes.len() + 64 {
            self.bytes.shrink_to_fit();
        }
        true
    }

    /// Goes through the members in order.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Returns the set as Redis keeps it.
    pub fn to_intset(&self) -> Vec<u8> {
        let (width, len) = (self.width as u32, self.len() as u32);
        [&width.to_le_bytes(), &len.to_le_bytes(), &self.bytes[..]].concat()
    }

    /// Reads a set from outside; `None` if it is not as it should be.
    pub fn read(intset: &[u8]) -> Option<Self> {
        let (header, members) = intset.split_first_chunk::<HEADER>()?;
        let [width, len] =
            [0, 4].map(|at| u32::from_le_bytes(*header[at..].first_chunk().expect("eight bytes")));
        let whole = matches!(width, 2 | 4 | 8) && u64::from(width) * u64::from(len) == members.len() as u64;
        let set = whole.then(|| Self { width: width as usize, bytes: members.to_vec() })?;
        (1..set.len()).all(|i| set.get(i - 1) < set.get(i)).then_some(set)
    }

    /// Returns the index of an integer, or the one where it belongs.
    fn search(&self, n: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(&n) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Sees to it that members are at least so wide.
    fn widen(&mut self, width: usize) {
        if width > self.width {
            let bytes = self.iter().flat_map(|n| n.to_le_bytes().into_iter().take(width)).collect();
            *self = Self { width, bytes };
        }
    }
}

/// Returns how many bytes an integer takes.
fn width(n: i64) -> usize {
    if i16::try_from(n).is_ok() {
        2
    } else if i32::try_from(n).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::base::random::Random;

    #[test]
    fn behaves_as_a_sorted_set_of_integers() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let (mut set, mut model) = (IntSet::default(), BTreeSet::new());
            let bits = [10, 20, 40, 64][random.below(4) as usize];
            for _ in 0..400 {
                let n = random.next() as i64 >> (64 - 1 - random.below(bits));
                match random.below(3) {
                    0 => assert_eq!(set.remove(n), model.remove(&n)),
                    1 => assert_eq!(set.insert(n), model.insert(n)),
                    _ => assert_eq!(set.has(n), model.contains(&n)),
                }
                assert_eq!(set.len(), model.len());
            }
            assert!(set.iter().eq(model.iter().copied()));
            let copy = IntSet::read(&set.to_intset());
            assert!(copy.is_some_and(|copy| copy.iter().eq(model.iter().copied())));
        }
    }

    #[test]
    fn is_the_intset_of_a_real_server() {
        // Saved by redis-server 7.0 after SADD s 1 -70000 5.
        let mut set = IntSet::default();
        [1, -70_000, 5].iter().for_each(|n| assert!(set.insert(*n)));
        assert_eq!(set.to_intset(), b"\x04\0\0\0\x03\0\0\0\x90\xee\xfe\xff\x01\0\0\0\x05\0\0\0");
    }

    #[test]
    fn anything_else_is_refused() {
        let refused: [&[u8]; 6] = [
            b"",
            b"\x02\0\0\0\x01\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0",
            b"\x03\0\0\0\x01\0\0\0\x01\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        ];
        assert!(refused.iter().all(|bytes| IntSet::read(bytes).is_none()));
        assert!(IntSet::read(b"\x02\0\0\0\0\0\0\0").is_some_and(|set| set.is_empty()));
    }
}
