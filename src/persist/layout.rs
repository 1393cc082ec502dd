//! What a browser's storage holds, and how it is changed: a snapshot in chunks, the ring of the log since then, and one
//! record that says what counts. Where that lies is a host's affair.

use std::ops::Range;

use super::ring::Segment;

/// The layout that this version writes.
///
/// In format 1, which IndexedDB alone may hold, the record that says what counts is an object of JavaScript.
pub const FORMAT: u64 = 2;
/// How many segments the ring can hold.
pub const SLOTS: u64 = 16_384;
/// Of how many bytes the chunks of a snapshot are that are written. A chunk is smaller where a host's slice of time was
/// over, or the snapshot; any size is read.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// How many damaged snapshots are kept.
const ASIDE_MAX: usize = 1_000;

/// Why something could not be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Somebody else has opened the database since.
    Superseded,
    /// Somebody else has the files of the database open.
    Locked,
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
            Failure::Locked => {
                "the files of the database are open in another tab or worker of this origin: close it there first".into()
            }
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
        Self { epoch, generation, chunks, snapshot_bytes, first_seq: 1, slots: SLOTS, aside }
    }
}

impl Meta {
    /// Returns what will count when the next snapshot is complete.
    pub fn next(&self, chunks: u64, snapshot_bytes: u64, first_seq: u64) -> Self {
        let (generation, aside) = (self.generation + 1, self.aside.clone());
        Self { generation, chunks, snapshot_bytes, first_seq, aside, ..*self }
    }

    /// Writes it as words of 64 bits, little-endian: the format, the numbers in the order of the fields, and what is
    /// kept aside.
    pub fn encode(&self) -> Vec<u8> {
        let Self { epoch, generation, chunks, snapshot_bytes, first_seq, slots, aside } = self;
        let numbers = [FORMAT, *epoch, *generation, *chunks, *snapshot_bytes, *first_seq, *slots];
        let aside = &aside[aside.len().saturating_sub(ASIDE_MAX)..];
        numbers.iter().chain(aside).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads what [`encode`](Self::encode) has written. A later version may have changed all but the format's place.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        match words[..] {
            [format, ..] if format > FORMAT => Err(Failure::newer(&format!("format {format}"))),
            [FORMAT, epoch, generation, chunks, snapshot_bytes, first_seq, SLOTS, ..] if rest.is_empty() => {
                let aside = words[7..].to_vec();
                Ok(Self { epoch, generation, chunks, snapshot_bytes, first_seq, slots: SLOTS, aside })
            }
            _ => Err(Failure::Damaged("the record `meta` makes no sense".into())),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_read_as_it_was_written() {
        let meta = Meta { epoch: 3, chunks: 2, aside: vec![4, 9], ..Meta::default().next(1, 2, 3) };
        assert_eq!(Meta::decode(&meta.encode()), Ok(meta.clone()));
        let many = Meta { aside: (0..5_000).collect(), ..meta.clone() };
        assert_eq!(Meta::decode(&many.encode()).map(|meta| meta.aside), Ok((4_000..5_000).collect()));

        let bytes = meta.encode();
        let later = [&7u64.to_le_bytes(), &b"whatever"[..]].concat();
        assert!(matches!(Meta::decode(&later), Err(Failure::Newer(why)) if why.contains("it has format 7,")));
        for len in 0..7 * 8 {
            assert!(matches!(Meta::decode(&bytes[..len]), Err(Failure::Damaged(_))));
        }
        assert!(matches!(Meta::decode(&[&bytes[..], b"x"].concat()), Err(Failure::Damaged(_))));
    }
}
