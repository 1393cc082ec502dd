//! LZF, the compression of strings in RDB files.
//!
//! ```text
//! 000nnnnn                      n + 1 bytes follow as they are
//! nnnooooo oooooooo             n + 2 bytes as those o + 1 bytes back; n is not 0 or 7
//! 111ooooo nnnnnnnn oooooooo    n + 9 bytes as those o + 1 bytes back
//! ```

const HASH_BITS: u32 = 13;
const LITERALS_MAX: usize = 32;
const DISTANCE_MAX: usize = 1 << 13;
const MATCH_MIN: usize = 3;
const MATCH_MAX: usize = 264;
/// A byte of compressed input gives no more bytes than this.
const EXPANSION_MAX: usize = MATCH_MAX / 3;

/// Compresses strings, one after the other.
pub(super) struct Compressor {
    /// For each hash of three bytes, where they were last seen, counted over all strings so far and from 1.
    seen: Box<[u32]>,
    /// Where the present string begins in that count.
    base: u32,
}

impl Compressor {
    pub fn new() -> Self {
        Self { seen: vec![0; 1 << HASH_BITS].into(), base: 1 }
    }

    /// Appends the compressed form of `input` if it is shorter than `limit`; otherwise leaves `out` as it was and
    /// returns false.
    pub fn compress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Some(end) = u32::try_from(input.len()).ok().and_then(|len| self.base.checked_add(len)) else {
            *self = Self::new();
            return (input.len() as u64) < u64::from(u32::MAX) && self.compress(input, limit, out);
        };
        let start = out.len();
        let (mut at, mut literals) = (0, 0);
        while let Some(&three) = input[at..].first_chunk::<MATCH_MIN>() {
            if out.len() - start + at - literals >= limit {
                out.truncate(start);
                self.base = end;
                return false;
            }
            let place = &mut self.seen[hash(three)];
            let before = std::mem::replace(place, self.base + at as u32).checked_sub(self.base);
            let distance = before.map_or(0, |before| at - before as usize);
            if !(1..=DISTANCE_MAX).contains(&distance) || input[at - distance..][..MATCH_MIN] != three {
                at += 1;
                continue;
            }
            let len = match_len(&input[at - distance..], &input[at..]);
            write_literals(&input[literals..at], out);
            write_match(len, distance, out);
            at += len;
            literals = at;
        }
        self.base = end;
        write_literals(&input[literals..], out);
        let short = out.len() - start < limit;
        if !short {
            out.truncate(start);
        }
        short
    }
}

fn hash([a, b, c]: [u8; 3]) -> usize {
    let three = u32::from_be_bytes([0, a, b, c]);
    (three.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

fn match_len(earlier: &[u8], here: &[u8]) -> usize {
    earlier.iter().zip(here).take(MATCH_MAX).take_while(|(a, b)| a == b).count()
}

fn write_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn write_match(len: usize, distance: usize, out: &mut Vec<u8>) {
    let offset = distance - 1;
    let high = (offset >> 8) as u8;
    match len - 2 {
        n @ 1..7 => out.push((n as u8) << 5 | high),
        n => out.extend_from_slice(&[7 << 5 | high, (n - 7) as u8]),
    }
    out.push(offset as u8);
}

/// Returns the `len` bytes that `input` was made from; `None` if it was not made from so many.
pub(super) fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > input.len().saturating_mul(EXPANSION_MAX) {
        return None;
    }
    // What the input claims is made room for as it turns out to be true.
    let mut out = Vec::with_capacity(len.min(4 * input.len()));
    let mut rest = input;
    while let Some((&head, tail)) = rest.split_first() {
        let (n, high) = (usize::from(head >> 5), usize::from(head & 31));
        if n == 0 {
            let (run, tail) = tail.split_at_checked(high + 1)?;
            out.extend_from_slice(run);
            rest = tail;
        } else {
            let (n, tail) = if n == 7 {
                let (&more, tail) = tail.split_first()?;
                (n + usize::from(more), tail)
            } else {
                (n, tail)
            };
            let (&low, tail) = tail.split_first()?;
            let from = out.len().checked_sub((high << 8) + usize::from(low) + 1)?;
            copy_within(&mut out, from, n + 2);
            rest = tail;
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// Appends `count` bytes from a place on; the first ones that it appends may be among them.
fn copy_within(out: &mut Vec<u8>, from: usize, count: usize) {
    let mut left = count;
    while left > 0 {
        let run = left.min(out.len() - from);
        out.extend_from_within(from..from + run);
        left -= run;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn what_was_compressed_comes_back() {
        let mut random = Random::new(7);
        let mut compressor = Compressor::new();
        for round in 0..3_000 {
            let len = random.below(1 << (round % 15)) as usize;
            let letters = 1 + random.below(40);
            let input: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
            let mut out = b"before".to_vec();
            if compressor.compress(&input, input.len(), &mut out) {
                let packed = out.strip_prefix(b"before").expect("appended");
                assert!(packed.len() < input.len());
                assert_eq!(decompress(packed, len), Some(input));
            } else {
                assert_eq!(out, b"before");
            }
        }
    }

    #[test]
    fn a_run_of_one_byte_becomes_short() {
        let mut out = vec![];
        assert!(Compressor::new().compress(&[b'a'; 10_000], 200, &mut out));
        assert_eq!(decompress(&out, 10_000), Some(vec![b'a'; 10_000]));
    }

    #[test]
    fn damaged_input_gives_nothing() {
        assert_eq!(decompress(&[0x20, 0], 3), None, "nothing lies before the first byte");
        assert_eq!(decompress(&[5, 1, 2], 6), None, "literals are missing");
        assert_eq!(decompress(&[0, b'a', 0xe0], 10), None, "a length is missing");
        assert_eq!(decompress(&[0, b'a'], usize::MAX), None, "no byte gives that many");
        let mut random = Random::new(3);
        for _ in 0..20_000 {
            let input: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            let len = random.below(300) as usize;
            assert!(decompress(&input, len).is_none_or(|out| out.len() == len));
        }
    }
}
