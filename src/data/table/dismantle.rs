//! A table that nobody needs any more, taken apart piece by piece.

use super::{Hold, Keyed, Table};

impl<T: Keyed> Table<T> {
    /// Takes about `budget` entries out, and gives those away that no clone has in common; returns how many there were.
    /// From then on nothing can be looked up: the table is good for more of this alone.
    pub fn dismantle(&mut self, budget: usize, mut give: impl FnMut(T)) -> usize {
        self.directory = Vec::new();
        let mut taken = 0;
        while taken < budget
            && let Some(segment) = self.segments.last_mut()
        {
            let len = segment.len();
            match segment.own().map(|segment| segment.items.pop()) {
                Some(Some(entry)) => {
                    give(entry);
                    taken += 1;
                    continue;
                }
                Some(None) => {}
                // Somebody else goes on with it.
                None => taken += len,
            }
            self.segments.pop();
        }
        self.len -= taken;
        taken
    }
}
