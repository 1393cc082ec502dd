//! Strings as rows of bits. Bit 0 is the highest of the first byte; beyond the end all bits are zero.

use std::ops::Range;

/// Returns a bit.
pub fn get(bytes: &[u8], at: u64) -> bool {
    field(bytes, at, 1) == 1
}

/// Counts the ones in a range of bits.
pub fn count(bytes: &[u8], range: Range<u64>) -> u64 {
    let end = range.end.min(bytes.len() as u64 * 8);
    if range.start >= end {
        return 0;
    }
    let (first, last) = ((range.start / 8) as usize, ((end - 1) / 8) as usize);
    // Whole bytes are counted, and what they have outside the range taken off.
    let before = bytes[first] & !(0xff >> (range.start % 8));
    let behind = bytes[last] & (0x7f >> ((end - 1) % 8));
    ones(&bytes[first..=last]) - u64::from(before.count_ones() + behind.count_ones())
}

fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Returns the first place in a range of bits that holds `bit`. What lies beyond the end is not looked at.
pub fn find(bytes: &[u8], bit: bool, range: Range<u64>) -> Option<u64> {
    let end = range.end.min(bytes.len() as u64 * 8);
    if range.start >= end {
        return None;
    }
    let (first, last) = ((range.start / 8) as usize, ((end - 1) / 8) as usize);
    // Turned so that a one is looked for.
    let turned = |byte: u8| if bit { byte } else { !byte };
    let head = turned(bytes[first]) & (0xff >> (range.start % 8));
    let (at, byte) = if head > 0 {
        (first, head)
    } else {
        let at = first + 1 + unlike(&bytes[first + 1..=last], turned(0))?;
        (at, turned(bytes[at]))
    };
    let place = at as u64 * 8 + u64::from(byte.leading_zeros());
    (place < end).then_some(place)
}

/// Returns the place of the first byte that is not `byte`.
fn unlike(bytes: &[u8], byte: u8) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let same = words.iter().take_while(|word| **word == [byte; 8]).count() * 8;
    bytes[same..].iter().position(|other| *other != byte).map(|place| same + place)
}

/// Returns the number that `width` bits spell from a place on, the highest first.
///
/// # Panics
/// If the width is none of 1 to 64.
pub fn field(bytes: &[u8], at: u64, width: u32) -> u64 {
    assert!((1..=64).contains(&width), "a field has 1 to 64 bits");
    (window(bytes, at) << (at % 8) >> (128 - width)) as u64
}

/// Writes the lower `width` bits of a number from a place on, the highest first.
///
/// # Panics
/// If they don't lie in the bytes, or the width is none of 1 to 64.
pub fn set_field(bytes: &mut [u8], at: u64, width: u32, value: u64) {
    assert!((1..=64).contains(&width), "a field has 1 to 64 bits");
    let shift = 128 - width - (at % 8) as u32;
    let mask = (u128::MAX >> (128 - width)) << shift;
    let row = window(bytes, at) & !mask | u128::from(value) << shift & mask;
    let (first, len) = ((at / 8) as usize, ((at % 8) as usize + width as usize).div_ceil(8));
    bytes[first..first + len].copy_from_slice(&row.to_be_bytes()[..len]);
}

/// Returns the nine bytes that a field from this place on can touch, at the top of a word.
fn window(bytes: &[u8], at: u64) -> u128 {
    let mut window = [0; 16];
    let there = usize::try_from(at / 8).ok().and_then(|first| bytes.get(first..)).unwrap_or_default();
    let len = there.len().min(9);
    window[..len].copy_from_slice(&there[..len]);
    u128::from_be_bytes(window)
}

/// How a row takes another one in.
#[derive(Clone, Copy)]
pub enum Fold {
    And,
    Or,
    Xor,
    AndNot,
}

/// Changes a row by another one that is at most as long.
pub fn fold(row: &mut [u8], other: &[u8], how: Fold) {
    let (row, beyond) = row.split_at_mut(other.len());
    match how {
        Fold::And => {
            zip(row, other, |a, b| a & b);
            beyond.fill(0);
        }
        Fold::Or => zip(row, other, |a, b| a | b),
        Fold::Xor => zip(row, other, |a, b| a ^ b),
        Fold::AndNot => zip(row, other, |a, b| a & !b),
    }
}

fn zip(row: &mut [u8], other: &[u8], change: impl Fn(u64, u64) -> u64) {
    let (words, rest) = row.as_chunks_mut::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    for (word, other) in words.iter_mut().zip(others) {
        *word = change(u64::from_ne_bytes(*word), u64::from_ne_bytes(*other)).to_ne_bytes();
    }
    for (byte, other) in rest.iter_mut().zip(other_rest) {
        *byte = change((*byte).into(), (*other).into()) as u8;
    }
}

/// Notes the bits of a row among those that were `seen`, and among those seen `twice` if they had been before.
pub fn tally(seen: &mut [u8], twice: &mut [u8], row: &[u8]) {
    for ((seen, twice), byte) in seen.iter_mut().zip(twice).zip(row) {
        *twice |= *seen & byte;
        *seen |= byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn rows(random: &mut Random) -> (Vec<u8>, Vec<bool>) {
        let sparse = random.below(2) == 0;
        let byte = |random: &mut Random| match random.below(20) {
            0 => 0xff,
            n if n > 2 && sparse => 0,
            _ => random.next() as u8,
        };
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| byte(random)).collect();
        let bits = bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1 == 1)).collect();
        (bytes, bits)
    }

    #[test]
    fn bits_are_counted_and_found_as_one_by_one() {
        let mut random = Random::new(1);
        for _ in 0..3_000 {
            let (bytes, bits) = rows(&mut random);
            let [start, end] = [0, 1].map(|_| random.below(bits.len() as u64 + 20));
            let inside: Vec<_> =
                (start..end).filter_map(|at| bits.get(at as usize).map(|bit| (at, *bit))).collect();
            let ones = inside.iter().filter(|(_, bit)| *bit).count();
            assert_eq!(count(&bytes, start..end), ones as u64);
            for bit in [false, true] {
                let first = inside.iter().find(|(_, other)| *other == bit).map(|(at, _)| *at);
                assert_eq!(find(&bytes, bit, start..end), first, "{bit} {start}..{end} {bytes:?}");
            }
            assert_eq!(get(&bytes, start), bits.get(start as usize).copied().unwrap_or(false));
        }
    }

    #[test]
    fn fields_are_read_and_written_as_bit_by_bit() {
        let mut random = Random::new(2);
        for _ in 0..3_000 {
            let (mut bytes, mut bits) = rows(&mut random);
            let (at, width) = (random.below(bits.len() as u64 + 70), 1 + random.below(64) as u32);
            let spelled = |bits: &[bool]| {
                (at..at + u64::from(width)).fold(0u64, |value, at| {
                    value << 1 | u64::from(bits.get(at as usize).copied().unwrap_or(false))
                })
            };
            assert_eq!(field(&bytes, at, width), spelled(&bits));
            let value = random.next();
            let len = (at + u64::from(width)).div_ceil(8).max(bytes.len() as u64) as usize;
            bytes.resize(len, 0);
            bits.resize(len * 8, false);
            for i in 0..u64::from(width) {
                bits[(at + i) as usize] = value >> (u64::from(width) - 1 - i) & 1 == 1;
            }
            set_field(&mut bytes, at, width, value);
            let packed: Vec<u8> = bits
                .chunks(8)
                .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
                .collect();
            assert_eq!(bytes, packed);
        }
    }

    #[test]
    fn rows_fold_byte_by_byte() {
        let mut random = Random::new(3);
        for _ in 0..500 {
            let (row, _) = rows(&mut random);
            let (mut other, _) = rows(&mut random);
            other.truncate(row.len());
            let at = |i: usize| other.get(i).copied().unwrap_or(0);
            let check = |how, naive: fn(u8, u8) -> u8| {
                let mut folded = row.clone();
                fold(&mut folded, &other, how);
                let naive: Vec<u8> = row.iter().enumerate().map(|(i, byte)| naive(*byte, at(i))).collect();
                assert_eq!(folded, naive);
            };
            check(Fold::And, |a, b| a & b);
            check(Fold::Or, |a, b| a | b);
            check(Fold::Xor, |a, b| a ^ b);
            check(Fold::AndNot, |a, b| a & !b);
        }
    }
}
