//! How a database lies in files that can be torn and can't be renamed: frames one behind the other, and a record in two
//! slots of one file.
//!
//! ```text
//! frame    [ number ][ length ][ crc64 of number and bytes ][ bytes… ]     three times u64, little-endian
//! record   [ frame of turn 4 … ][ frame of turn 5 … ]                      turn % 2 says in which slot
//! ```
//!
//! A record is replaced by writing the next turn over the one before the last. If that is torn, the last one is still
//! there; a slot whose frame is not whole does not count.

use std::ops::Range;

use super::ring::Segment;

/// Bytes in front of those that a frame holds.
pub const HEAD: usize = 24;
/// Bytes of a slot, its frame's head among them.
pub const SLOT: usize = 16 * 1024;

/// What stands in front of a frame's bytes.
pub struct Head {
    pub number: u64,
    pub length: u64,
    pub checksum: u64,
}

impl Head {
    pub fn read(bytes: [u8; HEAD]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Self { number: word(0), length: word(8), checksum: word(16) }
    }
}

/// Makes a frame.
pub fn frame(number: u64, checksum: u64, bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + bytes.len());
    for word in [number, bytes.len() as u64, checksum] {
        frame.extend_from_slice(&word.to_le_bytes());
    }
    frame.extend_from_slice(bytes);
    frame
}

/// Reads the frame at the beginning of some bytes, whether or not its checksum is right; none if they end within it.
pub fn first(bytes: &[u8]) -> Option<Segment> {
    let (head, rest) = bytes.split_first_chunk()?;
    let Head { number, length, checksum } = Head::read(*head);
    let bytes = rest.get(..usize::try_from(length).ok()?)?.to_vec();
    Some(Segment { seq: number, bytes, checksum })
}

/// Reads the frames of these numbers, one behind the other. At the first that is none, what is left becomes a segment
/// that is not whole.
pub fn segments(mut bytes: &[u8], numbers: Range<u64>) -> Vec<Segment> {
    let mut segments = Vec::new();
    for seq in numbers {
        match first(bytes) {
            _ if bytes.is_empty() => break,
            Some(segment) if segment.seq == seq && segment.is_whole() => {
                bytes = &bytes[HEAD + segment.bytes.len()..];
                segments.push(segment);
            }
            _ => {
                segments.push(Segment { seq, checksum: !Segment::seal(seq, bytes), bytes: bytes.to_vec() });
                break;
            }
        }
    }
    segments
}

/// Returns the newest record of a file of two slots, and its turn; none if neither is whole.
pub fn newest(file: &[u8]) -> Option<(u64, Vec<u8>)> {
    let slots = [file, file.get(SLOT..).unwrap_or_default()];
    // The first turn is one: zeros are no record.
    let whole = slots.into_iter().filter_map(first).filter(|record| record.seq > 0 && record.is_whole());
    whole.max_by_key(|record| record.seq).map(|record| (record.seq, record.bytes))
}

/// Returns where the record of a turn belongs, and the bytes to be written there. Panics if it is too large for a slot.
pub fn record(turn: u64, bytes: &[u8]) -> (u64, Vec<u8>) {
    assert!(HEAD + bytes.len() <= SLOT, "a record fits into its slot");
    (turn % 2 * SLOT as u64, frame(turn, Segment::seal(turn, bytes), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
        file.resize(file.len().max(at + bytes.len()), 0);
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn frames(numbers: Range<u64>) -> Vec<u8> {
        let bytes = |n: u64| vec![n as u8; 3 + n as usize];
        numbers.flat_map(|n| frame(n, Segment::seal(n, &bytes(n)), &bytes(n))).collect()
    }

    #[test]
    fn a_record_that_is_torn_leaves_the_one_before() {
        let mut file = vec![];
        assert_eq!(newest(&file), None);
        assert_eq!(newest(&[0; 2 * SLOT]), None);
        for turn in 1..6u64 {
            let (at, bytes) = record(turn, &turn.to_le_bytes());
            let before = newest(&file);
            for torn in 0..bytes.len() {
                let mut file = file.clone();
                write(&mut file, at as usize, &bytes[..torn]);
                let found = newest(&file);
                assert!(found == before || torn > HEAD && found.is_some_and(|(found, _)| found == turn));
            }
            write(&mut file, at as usize, &bytes);
            assert_eq!(newest(&file), Some((turn, turn.to_le_bytes().to_vec())));
        }
        file[3] ^= 1;
        file[SLOT + 3] ^= 1;
        assert_eq!(newest(&file), None);
    }

    #[test]
    fn frames_end_where_they_are_torn_or_changed() {
        let file = frames(7..11);
        let found = segments(&file, 7..99);
        assert!(found.iter().map(|segment| segment.seq).eq(7..11) && found.iter().all(Segment::is_whole));
        assert!(!segments(&file, 8..99)[0].is_whole(), "they begin with another number");
        let mut at = 0;
        let ends: Vec<usize> = found
            .iter()
            .map(|segment| {
                at += HEAD + segment.bytes.len();
                at
            })
            .collect();
        for cut in 0..file.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let found = segments(&file[..cut], 7..99);
            assert!(found[..whole].iter().all(Segment::is_whole));
            assert_eq!(found.len() - whole, usize::from(cut != 0 && !ends.contains(&cut)));
            let mut flipped = file.clone();
            flipped[cut] ^= 0x10;
            let found = segments(&flipped, 7..99);
            assert!(found[..whole].iter().all(Segment::is_whole) && !found[whole].is_whole());
        }
    }

    #[test]
    fn lengths_beyond_the_file_are_no_frames() {
        let mut file = frames(1..2);
        file[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(first(&file), None);
        assert_eq!(segments(&file, 1..99).len(), 1);
        assert_eq!(first(&file[..HEAD - 1]), None);
    }
}
