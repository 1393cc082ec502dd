//! HyperLogLog: how many different elements there were, in 16,384 small registers, as Redis keeps them in a string.
//!
//! ```text
//! "HYLL"   u8 0 dense, 1 sparse   three zeros   u64 cached count   registers
//!
//! dense:   six bits a register, the low ones first: 12,288 bytes
//! sparse:  00llllll            l + 1 registers hold zero
//!          01llllll llllllll   l + 1 registers hold zero
//!          1vvvvvll            l + 1 registers hold v + 1
//! ```
//!
//! The cached count is out of date if its top bit is set. An element's hash chooses a register by its lower 14 bits; the
//! register holds the longest run of zeros that the other 50 bits of any element began with, plus one.

use super::entry::{Str, StrMut};

const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// The bits of a hash that are counted, and so one less than the highest value of a register.
const COUNTED_BITS: u32 = 64 - INDEX_BITS;

const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
/// What the top byte of the cached count has where it is out of date.
const OUT_OF_DATE: u8 = 0x80;

/// The highest value, and the most registers with one value, in a byte of a sparse sketch.
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
/// The most registers that hold zero in one byte.
const ZERO_RUN_MAX: usize = 64;

/// A sketch of no elements.
pub const EMPTY: [u8; HEADER + 2] = *b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff";

/// The registers of a sketch are not as they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupt;

/// Tells whether a string begins as a sketch does. Its registers may be corrupt yet.
pub fn is_sketch(bytes: &[u8]) -> bool {
    let known = match bytes.get(MAGIC.len()) {
        Some(&DENSE) => bytes.len() == DENSE_LEN,
        Some(&SPARSE) => true,
        _ => false,
    };
    known && bytes.len() >= HEADER && bytes.starts_with(MAGIC)
}

/// Tells whether a sketch is dense.
pub fn is_dense(sketch: &[u8]) -> bool {
    sketch[MAGIC.len()] == DENSE
}

/// Returns the count that a sketch has cached, unless it is out of date.
pub fn cached(sketch: &[u8]) -> Option<u64> {
    let count = u64::from_le_bytes(*sketch[8..].first_chunk().expect("a sketch has a header"));
    (count.to_le_bytes()[7] & OUT_OF_DATE == 0).then_some(count)
}

/// Caches the count of a sketch.
pub fn cache(sketch: &mut [u8], count: u64) {
    sketch[8..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// Says that the cached count of a sketch is out of date.
pub fn outdate(sketch: &mut [u8]) {
    sketch[HEADER - 1] |= OUT_OF_DATE;
}

/// Estimates how many different elements a sketch has met.
pub fn count(sketch: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0; 64];
    if is_dense(sketch) {
        dense(sketch).for_each(|value| histogram[usize::from(value)] += 1);
    } else {
        let mut found = 0;
        for run in runs(sketch) {
            found += run.len;
            if found > REGISTERS {
                return Err(Corrupt);
            }
            histogram[usize::from(run.value)] += run.len as u32;
        }
        if found < REGISTERS {
            return Err(Corrupt);
        }
    }
    Ok(estimate(&histogram))
}

/// Registers, a byte each, that take the greatest of several sketches.
pub struct Union(Box<[u8]>);

impl Default for Union {
    fn default() -> Self {
        Self(vec![0; REGISTERS].into())
    }
}

impl Union {
    /// Takes in the registers of a sketch.
    pub fn add(&mut self, sketch: &[u8]) -> Result<(), Corrupt> {
        if is_dense(sketch) {
            self.0.iter_mut().zip(dense(sketch)).for_each(|(most, value)| *most = value.max(*most));
            return Ok(());
        }
        let mut rest = &mut *self.0;
        for run in runs(sketch) {
            let (here, behind) = rest.split_at_mut_checked(run.len).ok_or(Corrupt)?;
            here.iter_mut().for_each(|most| *most = run.value.max(*most));
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(Corrupt) }
    }

    /// Estimates how many different elements all the sketches have met.
    pub fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        self.0.iter().for_each(|value| histogram[usize::from(*value)] += 1);
        estimate(&histogram)
    }

    /// Raises the registers of a sketch to these.
    pub fn raise(&self, sketch: &mut StrMut<'_>, sparse_max: usize) -> Result<(), Corrupt> {
        for (register, value) in self.0.iter().enumerate().filter(|(_, value)| **value > 0) {
            raise(sketch, register, *value, sparse_max)?;
        }
        Ok(())
    }

    /// Returns the registers.
    pub fn registers(&self) -> &[u8] {
        &self.0
    }
}

/// Takes an element into a sketch; returns whether that changed a register. A sketch that would be longer than
/// `sparse_max` bytes becomes dense.
pub fn add(sketch: &mut StrMut<'_>, element: &[u8], sparse_max: usize) -> Result<bool, Corrupt> {
    let hash = murmur64(element);
    let register = hash as usize % REGISTERS;
    // The bit above those that are counted ends the run.
    let counted = hash >> INDEX_BITS | 1 << COUNTED_BITS;
    raise(sketch, register, counted.trailing_zeros() as u8 + 1, sparse_max)
}

/// Makes a sketch dense; returns whether it was not.
pub fn make_dense(sketch: &mut StrMut<'_>) -> Result<bool, Corrupt> {
    let old = bytes(sketch);
    if is_dense(old) {
        return Ok(false);
    }
    let mut new = vec![0; DENSE_LEN];
    new[..HEADER].copy_from_slice(&old[..HEADER]);
    new[MAGIC.len()] = DENSE;
    let mut first = 0;
    for run in runs(old) {
        let end = first + run.len;
        if end > REGISTERS {
            return Err(Corrupt);
        }
        if run.value > 0 {
            (first..end).for_each(|register| _ = raise_dense(&mut new, register, run.value));
        }
        first = end;
    }
    if first < REGISTERS {
        return Err(Corrupt);
    }
    sketch.set_vec(new);
    Ok(true)
}

/// Shows the runs of a sparse sketch: `z` and `Z` for zeros in one byte and in two, `v` for a value, and how many.
pub fn runs_as_text(sketch: &[u8]) -> String {
    let shown = runs(sketch).map(|run| match (run.value, run.size) {
        (0, 1) => format!("z:{}", run.len),
        (0, _) => format!("Z:{}", run.len),
        (value, _) => format!("v:{value},{}", run.len),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn bytes<'a>(sketch: &'a StrMut<'_>) -> &'a [u8] {
    match sketch.get() {
        Str::Bytes(bytes) => bytes,
        Str::Int(_) => &EMPTY,
    }
}

/// Raises a register to a value; returns whether it was lower.
fn raise(sketch: &mut StrMut<'_>, register: usize, value: u8, sparse_max: usize) -> Result<bool, Corrupt> {
    if is_dense(bytes(sketch)) {
        return Ok(raise_dense(sketch.bytes_mut(0), register, value));
    }
    if value <= VALUE_MAX {
        match raise_sparse(sketch, register, value, sparse_max)? {
            Raised::Done => return Ok(true),
            Raised::Unneeded => return Ok(false),
            Raised::TooLong => {}
        }
    }
    make_dense(sketch)?;
    Ok(raise_dense(sketch.bytes_mut(0), register, value))
}

// Dense -----------------------------------------------------------------------------------------------------------

fn dense(sketch: &[u8]) -> impl Iterator<Item = u8> {
    let (threes, _) = sketch[HEADER..].as_chunks::<3>();
    threes.iter().flat_map(|[a, b, c]| [a & 63, (a >> 6 | b << 2) & 63, (b >> 4 | c << 4) & 63, c >> 2])
}

fn raise_dense(sketch: &mut [u8], register: usize, value: u8) -> bool {
    let at = HEADER + register / 4 * 3;
    let [a, b, c] = *sketch[at..].first_chunk().expect("a dense sketch has all registers");
    let (four, shift) = (u32::from_le_bytes([a, b, c, 0]), register % 4 * 6);
    if (four >> shift & 63) as u8 >= value {
        return false;
    }
    let four = four & !(63 << shift) | u32::from(value) << shift;
    sketch[at..at + 3].copy_from_slice(&four.to_le_bytes()[..3]);
    true
}

// Sparse ----------------------------------------------------------------------------------------------------------

/// Registers side by side with one value.
#[derive(Clone, Copy)]
struct Run {
    /// Where it is in the sketch, and in how many bytes.
    at: usize,
    size: usize,
    value: u8,
    len: usize,
}

impl Run {
    /// Reads what is at a place in a sketch. A second byte that is missing counts as zero, as in Redis.
    fn read(sketch: &[u8], at: usize) -> Option<Self> {
        let byte = *sketch.get(at)?;
        let low = usize::from(byte & 63);
        Some(match byte >> 6 {
            0 => Self { at, size: 1, value: 0, len: low + 1 },
            1 => {
                let next = sketch.get(at + 1).copied().unwrap_or(0);
                Self { at, size: 2, value: 0, len: (low << 8 | usize::from(next)) + 1 }
            }
            _ => Self { at, size: 1, value: (byte >> 2 & 31) + 1, len: usize::from(byte & 3) + 1 },
        })
    }
}

fn runs(sketch: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = HEADER;
    std::iter::from_fn(move || {
        let run = Run::read(sketch, at)?;
        at += run.size;
        Some(run)
    })
}

/// A few runs that take the place of one.
#[derive(Default)]
struct Pieces {
    bytes: [u8; 5],
    len: usize,
}

impl Pieces {
    fn push(&mut self, value: u8, len: usize) {
        let (bytes, size) = match (value, len) {
            (_, 0) => return,
            (0, 1..=ZERO_RUN_MAX) => ([(len - 1) as u8, 0], 1),
            (0, _) => ([0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8], 2),
            _ => ([0x80 | (value - 1) << 2 | (len - 1) as u8, 0], 1),
        };
        self.bytes[self.len..self.len + size].copy_from_slice(&bytes[..size]);
        self.len += size;
    }
}

enum Raised {
    Done,
    Unneeded,
    /// The sketch would be too long; it is as it was.
    TooLong,
}

fn raise_sparse(
    sketch: &mut StrMut<'_>,
    register: usize,
    value: u8,
    sparse_max: usize,
) -> Result<Raised, Corrupt> {
    let old = bytes(sketch);
    let (mut first, mut before) = (0, HEADER);
    let run = runs(old).find(|run| {
        let here = register < first + run.len;
        if !here {
            (first, before) = (first + run.len, run.at);
        }
        here
    });
    let run = run.ok_or(Corrupt)?;
    if run.value >= value {
        return Ok(Raised::Unneeded);
    }
    let mut pieces = Pieces::default();
    pieces.push(run.value, register - first);
    pieces.push(value, 1);
    pieces.push(run.value, first + run.len - register - 1);
    let len = old.len();
    let end = (run.at + run.size).min(len);
    if pieces.len > run.size && len + pieces.len - run.size > sparse_max {
        return Ok(Raised::TooLong);
    }
    replace(sketch, run.at, end, &pieces.bytes[..pieces.len]);
    merge(sketch, before);
    Ok(Raised::Done)
}

/// Replaces the bytes from `start` to `end` by others.
fn replace(sketch: &mut StrMut<'_>, start: usize, end: usize, new: &[u8]) {
    let (old_len, new_end) = (sketch.len(), start + new.len());
    let len = old_len + new_end - end;
    let bytes = sketch.bytes_mut(len);
    bytes.copy_within(end..old_len, new_end);
    bytes[start..new_end].copy_from_slice(new);
    sketch.truncate(len);
}

/// Joins neighbours with the same value that fit into one byte, among the next five runs.
fn merge(sketch: &mut StrMut<'_>, mut at: usize) {
    for _ in 0..5 {
        let old = bytes(sketch);
        let Some(run) = Run::read(old, at) else { break };
        let next = Run::read(old, at + run.size).filter(|next| run.value > 0 && next.value == run.value);
        match next {
            Some(next) if run.len + next.len <= VALUE_RUN_MAX => {
                let mut joined = Pieces::default();
                joined.push(run.value, run.len + next.len);
                replace(sketch, at, next.at + 1, &joined.bytes[..joined.len]);
            }
            _ => at += run.size,
        }
    }
}

// Estimating ------------------------------------------------------------------------------------------------------

/// Estimates a count from how many registers hold each value, by Ertl's improved formula ("New cardinality estimation
/// algorithms for HyperLogLog sketches", 2017).
fn estimate(histogram: &[u32; 64]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let m = REGISTERS as f64;
    let highest = COUNTED_BITS as usize + 1;
    let mut z = m * tau((m - f64::from(histogram[highest])) / m);
    for &registers in histogram[1..highest].iter().rev() {
        z = (z + f64::from(registers)) * 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    let count = (ALPHA * m * m / z).round();
    // What a C compiler makes of numbers that are too large, which only a forged sketch gives.
    if count < i64::MAX as f64 { count as u64 } else { 1 << 63 }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        y *= 0.5;
        let before = z;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Returns the hash of an element: MurmurHash64A with the seed of Redis' sketches.
fn murmur64(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0xadc8_3b19;
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |word: u64| word ^ word >> 47;
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = mix(u64::from_le_bytes(*word).wrapping_mul(M)).wrapping_mul(M);
        hash = (hash ^ word).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    mix(mix(hash).wrapping_mul(M))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use crate::data::entry::{Entry, NewValue, ValueMut};

    fn sketch() -> Entry {
        Entry::new(b"k", NewValue::Raw(&EMPTY), None, 0)
    }

    fn string(entry: &mut Entry) -> StrMut<'_> {
        match entry.value_mut() {
            ValueMut::Str(string) => string,
            ValueMut::Object(_) => panic!("it is a string"),
        }
    }

    fn registers(entry: &mut Entry) -> Vec<u8> {
        let mut union = Union::default();
        union.add(bytes(&string(entry))).expect("sound");
        union.0.into_vec()
    }

    #[test]
    fn registers_hold_the_greatest_value_in_either_form() {
        let mut random = Random::new(3);
        for sparse_max in [0, 100, 3_000, usize::MAX] {
            let (mut entry, mut model) = (sketch(), vec![0; REGISTERS]);
            let most = if sparse_max == usize::MAX { u64::from(VALUE_MAX) } else { 51 };
            for _ in 0..3_000 {
                let bits = random.below(15);
                let register = random.below(1 << bits) as usize;
                let value = 1 + random.below(most) as u8;
                let raised = raise(&mut string(&mut entry), register, value, sparse_max);
                assert_eq!(raised, Ok(value > model[register]));
                model[register] = value.max(model[register]);
            }
            assert_eq!(registers(&mut entry), model);
            let counts = count(bytes(&string(&mut entry)));
            make_dense(&mut string(&mut entry)).expect("sound");
            assert_eq!(registers(&mut entry), model);
            assert_eq!(count(bytes(&string(&mut entry))), counts);
        }
    }

    #[test]
    fn estimates_are_near_the_truth() {
        let mut random = Random::new(4);
        let mut entry = sketch();
        for n in 1..=200_000u64 {
            add(&mut string(&mut entry), &random.next().to_le_bytes(), 3_000).expect("sound");
            if n.is_power_of_two() || n == 200_000 {
                let counted = count(bytes(&string(&mut entry))).expect("sound");
                assert!(counted.abs_diff(n) <= n / 25 + 1, "{counted} for {n}");
            }
        }
    }

    #[test]
    fn hashes_are_those_of_redis() {
        // As PFADD of redis-server leaves them: the register and its value.
        for (element, register, value) in
            [("a", 12_711, 2), ("hello", 9_216, 1), ("0123456789abcdef", 5_949, 1)]
        {
            let hash = murmur64(element.as_bytes());
            let counted = (hash >> INDEX_BITS | 1 << COUNTED_BITS).trailing_zeros() + 1;
            assert_eq!((hash as usize % REGISTERS, counted), (register, value), "{element}");
        }
    }

    #[test]
    fn what_is_corrupt_is_refused() {
        let mut random = Random::new(5);
        for _ in 0..5_000 {
            let mut forged = EMPTY.to_vec();
            forged.truncate(HEADER);
            forged.extend((0..random.below(40)).map(|_| random.next() as u8));
            let sum: usize = runs(&forged).map(|run| run.len).sum();
            let sound = if sum == REGISTERS { Ok(()) } else { Err(Corrupt) };
            assert_eq!(count(&forged).map(drop), sound);
            assert_eq!(Union::default().add(&forged), sound);
            let mut entry = Entry::new(b"k", NewValue::Raw(&forged), None, 0);
            let _ = raise(&mut string(&mut entry), random.below(REGISTERS as u64) as usize, 7, 3_000);
            let _ = make_dense(&mut string(&mut entry));
        }
        let mut full = vec![0xff; DENSE_LEN];
        full[..HEADER].copy_from_slice(b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80");
        assert_eq!(count(&full), Ok(1 << 63));
    }
}
