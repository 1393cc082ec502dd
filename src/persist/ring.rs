//! A bounded log between two snapshots: numbered segments in a ring of slots.
//!
//! ```text
//! slot    0    1    2    3    4    5
//!       [ 12 ][ 13 ][  8 ][  9 ][ 10 ][ 11 ]     first = 9: the snapshot holds what 8 did; 13 is the newest
//! ```
//!
//! A segment of number `seq` lies in slot `seq % slots`, with a checksum of both its number and its bytes. What a
//! snapshot holds already is released, and its slots are used again.

use std::fmt;

use crate::base::checksum::Crc64;

/// Which segments there are, and how much they take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    slots: u64,
    capacity: u64,
    first: u64,
    /// The sizes of the segments from `first` on.
    sizes: Vec<u64>,
    bytes: u64,
}

impl Ring {
    /// Makes a ring without segments whose next one will be `first`. Panics if there are no slots.
    pub fn new(first: u64, slots: u64, capacity: u64) -> Self {
        assert!(slots > 0, "a ring has slots");
        Self { slots, capacity, first, sizes: Vec::new(), bytes: 0 }
    }

    /// Returns the number of the oldest segment that is needed.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number that the next segment will have.
    pub fn next(&self) -> u64 {
        self.first + self.sizes.len() as u64
    }

    /// Returns how many bytes the segments hold.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns how many bytes they may hold.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    pub fn slot(&self, seq: u64) -> u64 {
        seq % self.slots
    }

    /// Returns whether a segment of so many bytes can be added. One that is larger than the ring fits into an empty one.
    pub fn has_room(&self, bytes: u64) -> bool {
        let fits = self.bytes.saturating_add(bytes) <= self.capacity;
        (fits && self.has_slot()) || self.sizes.is_empty()
    }

    /// Returns whether there is a slot for another segment, of whatever size.
    pub fn has_slot(&self) -> bool {
        (self.sizes.len() as u64) < self.slots
    }

    /// Returns whether three quarters are used, so that it is time for a snapshot.
    pub fn is_filling(&self) -> bool {
        self.bytes > self.capacity / 4 * 3 || self.sizes.len() as u64 > self.slots / 4 * 3
    }

    /// Adds a segment; returns its number.
    pub fn push(&mut self, bytes: u64) -> u64 {
        let seq = self.next();
        self.sizes.push(bytes);
        self.bytes += bytes;
        seq
    }

    /// Takes the newest segment back: it was not stored.
    pub fn pop(&mut self) {
        self.bytes -= self.sizes.pop().unwrap_or(0);
    }

    /// Releases the segments below `first`; returns the slots that they lay in, as one or two runs.
    pub fn release(&mut self, first: u64) -> Vec<std::ops::Range<u64>> {
        let first = first.min(self.next());
        let count = first.saturating_sub(self.first);
        let (from, to) = (self.slot(self.first), self.slot(self.first) + count);
        for bytes in self.sizes.drain(..count as usize) {
            self.bytes -= bytes;
        }
        self.first += count;
        let runs = [from..to.min(self.slots), 0..to.saturating_sub(self.slots)];
        runs.into_iter().filter(|run| !run.is_empty()).collect()
    }
}

/// A segment as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    pub seq: u64,
    pub bytes: Vec<u8>,
    pub checksum: u64,
}

impl Segment {
    /// Makes a segment as it is to be stored.
    pub fn new(seq: u64, bytes: Vec<u8>) -> Self {
        Self { seq, checksum: Self::seal(seq, &bytes), bytes }
    }

    /// Returns the checksum that a segment is stored with.
    pub fn seal(seq: u64, bytes: &[u8]) -> u64 {
        let mut crc = Crc64::new();
        crc.update(&seq.to_le_bytes());
        crc.update(bytes);
        crc.value()
    }

    /// Returns whether it is as it was stored.
    pub fn is_whole(&self) -> bool {
        self.checksum == Self::seal(self.seq, &self.bytes)
    }
}

/// Why the log ends before the last segment that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Break {
    /// Its bytes are not the ones that were written.
    Torn(u64),
    /// It is not there, though later ones are.
    Missing(u64),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Break::Torn(seq) => write!(f, "segment {seq} of the log is damaged"),
            Break::Missing(seq) => write!(f, "segment {seq} of the log is missing"),
        }
    }
}

/// Segments in the order to replay them, and what follows a break.
#[derive(Debug, Default)]
pub struct Found {
    pub unbroken: Vec<Segment>,
    /// Why it ends here, and the segments from there on.
    pub rest: Option<(Break, Vec<Segment>)>,
}

/// Puts the segments of a ring into order; they come in the order of their slots. Those below `first` are left over
/// from before the snapshot.
pub fn order(mut segments: Vec<Segment>, first: u64) -> Found {
    segments.retain(|segment| segment.seq >= first);
    // Only where the ring begins anew does a lower number follow a higher one.
    let turn = segments.windows(2).position(|pair| pair[0].seq > pair[1].seq);
    segments.rotate_left(turn.map_or(0, |last| last + 1));
    let expected = (first..).zip(&segments);
    let intact = expected.take_while(|(seq, segment)| segment.seq == *seq && segment.is_whole()).count();
    let rest = segments.split_off(intact);
    let seq = first + intact as u64;
    let rest = match rest.first() {
        None => None,
        Some(segment) if segment.seq == seq => Some((Break::Torn(seq), rest)),
        Some(_) => Some((Break::Missing(seq), rest)),
    };
    Found { unbroken: segments, rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(seq: u64) -> Segment {
        Segment::new(seq, vec![seq as u8; 3])
    }

    fn slots(runs: Vec<std::ops::Range<u64>>) -> Vec<u64> {
        runs.into_iter().flatten().collect()
    }

    fn numbers(segments: &[Segment]) -> Vec<u64> {
        segments.iter().map(|segment| segment.seq).collect()
    }

    #[test]
    fn slots_are_used_again_when_they_are_released() {
        let mut ring = Ring::new(9, 6, 100);
        assert_eq!((0..5).map(|_| ring.push(10)).collect::<Vec<_>>(), [9, 10, 11, 12, 13]);
        assert!(ring.is_filling() && ring.has_room(50) && !ring.has_room(51));
        ring.push(10);
        assert!(!ring.has_room(1), "every slot is taken");
        assert_eq!(slots(ring.release(12)), [3, 4, 5], "9, 10 and 11 lay there");
        assert_eq!((ring.first(), ring.next(), ring.bytes()), (12, 15, 30));
        ring.push(10);
        assert_eq!(slots(ring.release(16)), [0, 1, 2, 3]);
        ring.push(1);
        ring.push(1);
        ring.push(1);
        assert_eq!(ring.release(19), [4..6, 0..1], "two runs");
        assert!(slots(ring.release(5)).is_empty());
        assert_eq!(ring.bytes(), 0);
    }

    #[test]
    fn an_empty_ring_takes_a_segment_of_any_size() {
        let mut ring = Ring::new(1, 6, 100);
        assert!(ring.has_room(1_000));
        assert_eq!(ring.push(1_000), 1);
        assert!(ring.is_filling() && !ring.has_room(0));
        ring.pop();
        assert_eq!((ring.next(), ring.bytes()), (1, 0));
    }

    #[test]
    fn segments_are_ordered_and_old_ones_left_out() {
        let found = order([12, 13, 8, 9, 10, 11].map(segment).to_vec(), 9);
        assert_eq!(numbers(&found.unbroken), [9, 10, 11, 12, 13]);
        assert_eq!(found.rest, None);
        assert_eq!(order(vec![segment(8)], 9).rest, None);
    }

    #[test]
    fn the_log_ends_at_a_break() {
        let found = order([9, 11, 12].map(segment).to_vec(), 9);
        assert_eq!(numbers(&found.unbroken), [9]);
        assert_eq!(found.rest, Some((Break::Missing(10), [11, 12].map(segment).to_vec())));

        let mut torn = [9, 10, 11].map(segment);
        torn[1].bytes.pop();
        let found = order(torn.to_vec(), 9);
        assert_eq!(numbers(&found.unbroken), [9]);
        assert_eq!(found.rest, Some((Break::Torn(10), torn[1..].to_vec())));
    }

    #[test]
    fn a_segment_under_another_number_is_no_segment() {
        let foreign = Segment { seq: 10, ..segment(9) };
        assert_eq!(order(vec![foreign.clone()], 10).rest, Some((Break::Torn(10), vec![foreign])));
    }
}
