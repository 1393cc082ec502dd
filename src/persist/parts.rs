//! The parts of a value that is written a few at a time.

/// There is no more room.
pub(super) struct Full;

/// Counts parts: ones to be skipped, since they are written already, then ones that are written now.
pub(super) struct Parts {
    skipped: usize,
    done: usize,
    limit: usize,
}

impl Parts {
    /// Begins after the first `from` parts; there is room until `limit` bytes are written.
    pub fn new(from: usize, limit: usize) -> Self {
        Self { skipped: from, done: 0, limit }
    }

    /// Returns how many of the next parts are written already.
    pub fn skip(&mut self, parts: usize) -> usize {
        let count = parts.min(self.skipped);
        self.skipped -= count;
        self.done += count;
        count
    }

    /// Counts a part that was just written.
    pub fn wrote(&mut self, out: &[u8]) -> Result<(), Full> {
        self.done += 1;
        if out.len() < self.limit { Ok(()) } else { Err(Full) }
    }

    /// Returns how many parts are written.
    pub fn done(&self) -> usize {
        self.done
    }
}
