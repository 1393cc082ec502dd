//! Tables that are about to get many entries.

use super::segment::slack;
use super::{Keyed, Segment, Table};

/// No table is prepared for more entries, whoever announces them: that takes five megabytes.
const EXPECTED_MAX: usize = 1 << 23;

impl<T: Keyed> Table<T> {
    /// Prepares an empty table for about so many entries, which then move no others as they come. If fewer come, what was
    /// not to be is a small part of what they would have taken.
    pub fn expect(&mut self, count: usize) {
        let count = count.min(EXPECTED_MAX);
        let full = Segment::<T>::LIMIT - Segment::<T>::LIMIT / 8;
        let depth = (0..self.max_depth).find(|depth| count >> depth <= full).unwrap_or(self.max_depth);
        if depth == 0 || !self.segments.is_empty() {
            return;
        }
        let room = (count >> depth) + slack(count >> depth) / 2;
        let segment =
            |n: u32| Segment { prefix: n << (32 - depth), depth, room: room as u16, ..Segment::default() };
        self.segments = (0..1 << depth).map(|n| segment(n).into()).collect();
        self.directory = (0..1 << depth).collect();
        (self.depth, self.deepest) = (depth, 1 << depth);
    }
}
