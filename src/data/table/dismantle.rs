//! A table that nobody needs any more, taken apart piece by piece.

use super::Table;

impl<T> Table<T> {
    /// Takes up to `budget` entries out and gives them away; returns how many. From then on nothing can be looked up:
    /// the table is good for more of this alone.
    pub fn dismantle(&mut self, budget: usize, mut give: impl FnMut(T)) -> usize {
        self.directory = Vec::new();
        let mut taken = 0;
        while taken < budget
            && let Some(segment) = self.segments.last_mut()
        {
            match segment.items.pop() {
                Some(entry) => {
                    give(entry);
                    taken += 1;
                }
                None => drop(self.segments.pop()),
            }
        }
        self.len -= taken;
        taken
    }
}
