//! Lists.

/// A list of strings.
#[derive(Clone, Default)]
pub struct List {
    len: usize,
}

impl List {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many bytes the list has asked the allocator for.
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
