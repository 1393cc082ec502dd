//! What a browser's storage holds, and how it is changed: a snapshot in chunks, the ring of the log since then, and one
//! record that says what counts. Where that lies is a host's affair.

use std::ops::Range;

use super::ring::Segment;

/// The layout that this version writes.
pub const FORMAT: u32 = 1;
/// How many segments the ring can hold.
pub const SLOTS: u64 = 16_384;

/// Why something could not be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Somebody else has opened the database since.
    Superseded,
    /// The storage refuses: its name for the reason, and its text.
    Storage(String),
    /// What is stored can't be understood.
    Damaged(String),
    /// A later version has stored it in a way of its own.
    Newer(String),
    /// There is no such storage here.
    Unavailable(String),
}

impl Failure {
    /// Says what failed, in one line.
    pub fn describe(&self) -> String {
        match self {
            Failure::Superseded => "another tab or worker has taken the database over".into(),
            Failure::Storage(text)
            | Failure::Damaged(text)
            | Failure::Newer(text)
            | Failure::Unavailable(text) => text.clone(),
        }
    }

    /// Makes the refusal of what a later version has stored, which shows in `what`.
    pub fn newer(what: &str) -> Self {
        Failure::Newer(format!(
            "the database was stored by a later version of Redlet: it has {what}, and this version knows format \
             {FORMAT}. It was left as it is: open it with the later version"
        ))
    }
}

/// What counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    pub format: u32,
    /// How many times the database was opened.
    pub epoch: u64,
    /// The snapshot that counts; zero if there is none.
    pub generation: u64,
    pub chunks: u64,
    pub snapshot_bytes: u64,
    /// The first segment of the log that goes on from it.
    pub first_seq: u64,
    pub slots: u64,
    /// Generations that are kept because they are damaged.
    pub aside: Vec<u64>,
}

impl Default for Meta {
    fn default() -> Self {
        let (epoch, generation, chunks, snapshot_bytes, aside) = (0, 0, 0, 0, Vec::new());
        Self { format: FORMAT, epoch, generation, chunks, snapshot_bytes, first_seq: 1, slots: SLOTS, aside }
    }
}

impl Meta {
    /// Returns what will count when the next snapshot is complete.
    pub fn next(&self, chunks: u64, snapshot_bytes: u64, first_seq: u64) -> Self {
        let (generation, aside) = (self.generation + 1, self.aside.clone());
        Self { generation, chunks, snapshot_bytes, first_seq, aside, ..*self }
    }
}

/// One change of what is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Puts a segment into a slot of the ring.
    Segment { slot: u64, segment: Segment },
    /// Puts a chunk of a snapshot.
    Chunk { generation: u64, n: u64, bytes: Vec<u8> },
    /// Says what counts from now on.
    Meta(Meta),
    /// Deletes the chunks of these generations.
    DeleteChunks(Range<u64>),
    /// Deletes what lies in these slots.
    DeleteSlots(Range<u64>),
}

/// Changes that are made together or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Write {
    /// Whether it is over only when the disk has it. Even an empty one brings earlier ones to the disk then.
    pub strict: bool,
    pub changes: Vec<Change>,
}

impl Write {
    pub fn new(strict: bool) -> Self {
        Self { strict, changes: Vec::new() }
    }

    /// Adds a change.
    pub fn and(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds the deletion of generations, but for those that are kept.
    pub fn delete_generations(mut self, generations: Range<u64>, kept: &[u64]) -> Self {
        let mut from = generations.start;
        for kept in kept.iter().filter(|kept| generations.contains(kept)) {
            self = self.delete_chunks(from..*kept);
            from = kept + 1;
        }
        self.delete_chunks(from..generations.end)
    }

    fn delete_chunks(self, generations: Range<u64>) -> Self {
        if generations.is_empty() { self } else { self.and(Change::DeleteChunks(generations)) }
    }
}
