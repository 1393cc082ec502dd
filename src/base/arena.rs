//! Many byte runs in one vector, emptied at once.

use std::ops::Index;

/// A list of values, each with a run of bytes. Neither costs an allocation of its own.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    /// Each value with the place in `bytes` where its run ends, which is where the next one starts.
    values: Vec<(T, usize)>,
    bytes: Vec<u8>,
}

impl<T> Arena<T> {
    /// Returns an empty arena, which has allocated nothing.
    pub const fn new() -> Self {
        Self { values: Vec::new(), bytes: Vec::new() }
    }

    /// Appends a value and its bytes.
    pub fn push(&mut self, value: T, bytes: &[u8]) {
        self.push_with(value, |run| run.extend_from_slice(bytes));
    }

    /// Appends a value and whatever `write` appends to the vector that it is given, which is not empty.
    ///
    /// # Panics
    /// If `write` takes away what was there before.
    pub fn push_with(&mut self, value: T, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        assert!(self.bytes.len() >= start, "a run is only appended to");
        self.values.push((value, self.bytes.len()));
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Tells whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns a value and its bytes.
    pub fn get(&self, index: usize) -> Option<(&T, &[u8])> {
        let (value, end) = self.values.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.values[before].1);
        Some((value, &self.bytes[start..*end]))
    }

    /// Returns the values and their bytes in the order they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&T, &[u8])> + DoubleEndedIterator {
        (0..self.len()).map(|index| self.get(index).expect("the index is below the length"))
    }

    /// Drops all values and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.values.clear();
        self.bytes.clear();
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        self.values.capacity() * size_of::<(T, usize)>() + self.bytes.capacity()
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Index<usize> for Arena<T> {
    type Output = [u8];

    /// Returns the bytes of a value.
    fn index(&self, index: usize) -> &[u8] {
        self.get(index).expect("an index below the length").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_runs_apart() {
        let mut arena = Arena::new();
        arena.push('a', b"one");
        arena.push('b', b"");
        arena.push_with('c', |run| {
            run.extend_from_slice(b"thr");
            run.extend_from_slice(b"ee");
        });
        let all: Vec<(char, &[u8])> = arena.iter().map(|(&value, bytes)| (value, bytes)).collect();
        assert_eq!(all, [('a', &b"one"[..]), ('b', b""), ('c', b"three")]);
        assert_eq!(&arena[2], b"three");
        assert_eq!(arena.get(3), None);
        assert_eq!(arena.len(), 3);
    }

    #[test]
    fn clearing_keeps_the_memory() {
        let mut arena = Arena::new();
        arena.push(1, &[7; 1000]);
        let before = arena.heap_bytes();
        arena.clear();
        assert!(arena.is_empty());
        arena.push(2, &[8; 1000]);
        assert_eq!(arena.heap_bytes(), before);
        assert_eq!(arena.get(0), Some((&2, &[8; 1000][..])));
    }
}
