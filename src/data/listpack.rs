//! Entries packed one behind the other, readable from both ends, to the byte as in Redis' listpacks.
//!
//! ```text
//! head                      body        back
//! 0nnnnnnn                                     0 to 127
//! 110nnnnn n                                   -4,096 to 4,095, high bits first
//! 11110001 … 11110100       n            ·     an integer of 2, 3, 4, 8 bytes, the low one first
//! 10llllll                  l bytes            up to 63 bytes
//! 1110llll l                l bytes            up to 4,095 bytes, high bits of the length first
//! 11110000 llll             l bytes            up to 2^32 - 1 bytes, low byte of the length first
//! ```
//!
//! `back` is the length of head and body in groups of seven bits, the high ones first. All of its bytes but the
//! first have their high bit set, so one who comes from behind knows where it begins.

use crate::base::number::parse_int;

/// One entry. Bytes that print an integer are that integer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entry<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// The head of a string whose length takes four bytes.
const LONG: u8 = 0xf0;

/// The head of the first kind of integers with a body.
const INT: u8 = 0xf1;

/// How wide the bodies of the four kinds are.
const INTS: [usize; 4] = [2, 3, 4, 8];

impl<'a> Entry<'a> {
    /// Returns the entry that stands for some bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        parse_int(bytes).map_or(Self::Bytes(bytes), Self::Int)
    }

    /// Works out how the entry is packed.
    #[inline]
    pub fn pack(self) -> Packed<'a> {
        let mut head = [0; 9];
        let (head_len, body) = match self {
            Self::Int(n) => (write_int(n, &mut head), &[][..]),
            Self::Bytes(bytes) => (write_len(bytes.len(), &mut head), bytes),
        };
        Packed { head, head_len, body }
    }

    /// Reads the entry that starts `packed`, which others have made sure is whole; returns its size too.
    #[inline]
    pub fn read(packed: &'a [u8]) -> (Self, usize) {
        let (head, len) = extent(packed);
        let entry = match packed[0] {
            first @ 0..=0x7f => Self::Int(i64::from(first)),
            // Five bits are moved to the top and back, which fills in the sign.
            first @ 0xc0..=0xdf => Self::Int(i64::from((i16::from(first) << 11 >> 3) | i16::from(packed[1]))),
            0x80..=0xbf | 0xe0..=LONG => Self::Bytes(&packed[head..len]),
            _ => Self::Int(int(&packed[1..len])),
        };
        (entry, len + back_size(len))
    }
}

/// An entry with its head made.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
}

impl Packed<'_> {
    /// Returns how many bytes the entry takes.
    #[inline]
    pub fn size(&self) -> usize {
        let len = self.head_len + self.body.len();
        len + back_size(len)
    }

    /// Writes the entry to as many bytes as its size.
    #[inline]
    pub fn write(&self, to: &mut [u8]) {
        let (head, rest) = to.split_at_mut(self.head_len);
        let (body, back) = rest.split_at_mut(self.body.len());
        head.copy_from_slice(&self.head[..self.head_len]);
        body.copy_from_slice(self.body);
        write_back(self.head_len + self.body.len(), back);
    }
}

/// Writes the head of an integer, with its body; returns the length.
fn write_int(n: i64, head: &mut [u8; 9]) -> usize {
    match n {
        0..=127 => {
            head[0] = n as u8;
            1
        }
        -4096..=4095 => {
            head[..2].copy_from_slice(&[0xc0 | ((n >> 8) as u8 & 0x1f), n as u8]);
            2
        }
        _ => {
            // One bit for the sign, and those up to the highest that differs from it.
            let bits = 65 - (n ^ (n >> 63)).leading_zeros();
            let kind =
                INTS.iter().position(|&width| bits <= 8 * width as u32).expect("no integer has more bits");
            head[0] = INT + kind as u8;
            head[1..].copy_from_slice(&n.to_le_bytes());
            1 + INTS[kind]
        }
    }
}

/// Writes the head of a string; returns its length.
fn write_len(len: usize, head: &mut [u8; 9]) -> usize {
    match len {
        0..=63 => {
            head[0] = 0x80 | len as u8;
            1
        }
        64..=4095 => {
            head[..2].copy_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]);
            2
        }
        _ => {
            head[0] = LONG;
            head[1..5]
                .copy_from_slice(&u32::try_from(len).expect("arguments are shorter than 4 GB").to_le_bytes());
            5
        }
    }
}

/// A whole listpack from outside in which every byte is as it should be.
#[derive(Clone, Copy)]
pub struct Whole<'a> {
    packed: &'a [u8],
    count: usize,
    /// Whether an integer was left as text.
    spelled: bool,
}

impl<'a> Whole<'a> {
    /// Returns the number of entries, and the entries as they are packed here too; `None` if they are not.
    pub fn as_it_is(self) -> Option<(usize, &'a [u8])> {
        (!self.spelled).then_some((self.count, self.packed))
    }

    /// Goes through the entries.
    pub fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        let mut rest = self.packed;
        (0..self.count).map(move |_| {
            let (entry, size) = Entry::read(rest);
            rest = &rest[size..];
            match entry {
                // Other writers may have left an integer as text.
                Entry::Bytes(bytes) if self.spelled => Entry::new(bytes),
                other => other,
            }
        })
    }
}

/// Reads a whole listpack from outside, header and end included. Returns `None` unless every byte is as it should be.
pub fn read(listpack: &[u8]) -> Option<Whole<'_>> {
    let (header, packed) = listpack.split_first_chunk::<HEADER>()?;
    let packed = packed.strip_suffix(&[END])?;
    let (mut rest, mut count, mut spelled) = (packed, 0, false);
    while !rest.is_empty() {
        let size = checked_size(rest)?;
        if let (Entry::Bytes(bytes @ [b'-' | b'0'..=b'9', ..]), _) = Entry::read(rest) {
            spelled |= parse_int(bytes).is_some();
        }
        rest = &rest[size..];
        count += 1;
    }
    let whole = [count, COUNT_UNKNOWN].iter().any(|&count| *header == self::header(count, packed.len()));
    whole.then_some(Whole { packed, count, spelled })
}

/// The length of what precedes the entries of a whole listpack.
pub const HEADER: usize = 6;

/// What follows the entries of a whole listpack.
pub const END: u8 = 0xff;

/// The count of entries in a header that says nothing.
const COUNT_UNKNOWN: usize = 0xffff;

/// Returns the header of a whole listpack with so many entries in so many bytes.
pub fn header(count: usize, packed: usize) -> [u8; HEADER] {
    let [a, b, c, d] = ((HEADER + packed + 1) as u32).to_le_bytes();
    let [e, f] = (count.min(COUNT_UNKNOWN) as u16).to_le_bytes();
    [a, b, c, d, e, f]
}

/// Returns the size of the entry that starts `packed`, if it is whole and its two lengths agree.
fn checked_size(packed: &[u8]) -> Option<usize> {
    let head = match *packed.first()? {
        0..=0xbf => 1,
        0xc0..=0xef => 2,
        LONG => 5,
        INT..=0xf4 => 1,
        _ => return None,
    };
    packed.get(..head)?;
    // A body of nearly 2^32 bytes wraps around where addresses have 32 bits, and is then shorter than its head.
    let (_, len) = extent(packed);
    let mut back = [0; 5];
    let back = &mut back[..back_size(len)];
    write_back(len, back);
    (len >= head && *packed.get(len..)?.get(..back.len())? == *back).then_some(len + back.len())
}

/// Returns the size of the entry that starts `packed`.
#[inline]
pub fn size_at(packed: &[u8]) -> usize {
    let (_, len) = extent(packed);
    len + back_size(len)
}

/// Returns the size of the entry that ends `packed`.
#[inline]
pub fn size_before(packed: &[u8]) -> usize {
    let mut len = 0;
    for (group, &byte) in packed.iter().rev().enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return len + group + 1;
        }
    }
    unreachable!("the first byte of a length has its high bit clear")
}

/// Returns the lengths of head, and of head and body together, of the entry that starts `packed`.
#[inline]
fn extent(packed: &[u8]) -> (usize, usize) {
    match packed[0] {
        0..=0x7f => (1, 1),
        first @ 0x80..=0xbf => (1, 1 + usize::from(first & 0x3f)),
        0xc0..=0xdf => (2, 2),
        first @ 0xe0..=0xef => (2, 2 + usize::from(u16::from_be_bytes([first & 0x0f, packed[1]]))),
        LONG => {
            (5, (u32::from_le_bytes([packed[1], packed[2], packed[3], packed[4]]) as usize).wrapping_add(5))
        }
        first => (1, 1 + INTS[usize::from(first - INT)]),
    }
}

/// Reads the body of an integer, the low byte first.
#[inline]
fn int(body: &[u8]) -> i64 {
    match *body {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        // Moved to the top and back, which fills in the sign.
        [a, b, c] => i64::from(i32::from_le_bytes([0, a, b, c]) >> 8),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("INTS has no other widths"),
    }
}

/// Returns how many bytes the length of an entry takes behind it. The limits are one short of full in Redis.
fn back_size(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

fn write_back(len: usize, to: &mut [u8]) {
    let mut rest = len;
    for byte in to.iter_mut().rev() {
        *byte = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    to[0] &= 0x7f;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a whole listpack with these entries.
    fn pack(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut packed = Vec::new();
        for entry in entries.iter().map(|entry| entry.pack()) {
            let end = packed.len();
            packed.resize(end + entry.size(), 0);
            entry.write(&mut packed[end..]);
        }
        [&header(entries.len(), packed.len()), &packed[..], &[END]].concat()
    }

    #[test]
    fn is_read_from_both_ends() {
        let mut ints: Vec<i64> =
            [0, 7, 12, 15, 23, 31, 63].iter().flat_map(|&bits| around(1 << bits)).collect();
        ints.extend([i64::MIN, i64::MAX]);
        let bytes: Vec<Vec<u8>> = [0, 1, 63, 64, 125, 126, 4095, 4096, 16_377, 16_378, 16_379, 2_100_000]
            .iter()
            .map(|&len| vec![b'x'; len])
            .collect();
        let entries: Vec<Entry> =
            ints.into_iter().map(Entry::Int).chain(bytes.iter().map(|bytes| Entry::new(bytes))).collect();
        let whole = pack(&entries);
        assert!(read(&whole).is_some_and(|found| found.entries().eq(entries.iter().copied())));
        let mut rest = &whole[HEADER..whole.len() - 1];
        for entry in entries.iter().rev() {
            let size = size_before(rest);
            assert_eq!(Entry::read(&rest[rest.len() - size..]), (*entry, size));
            assert_eq!(entry.pack().size(), size);
            rest = &rest[..rest.len() - size];
        }
        assert!(rest.is_empty());
    }

    fn around(n: i64) -> Vec<i64> {
        [-1, 0, 1]
            .iter()
            .flat_map(|&more| [n.wrapping_add(more), n.wrapping_add(more).wrapping_neg()])
            .collect()
    }

    #[test]
    fn is_the_listpack_of_a_real_server() {
        // Saved by redis-server 7.0 after RPUSH l a -1 5000 70000 -9000000 -9000000000 -4611686018427387904 x…x.
        let long = [b'x'; 64];
        let texts: [&[u8]; 8] =
            [b"a", b"-1", b"5000", b"70000", b"-9000000", b"-9000000000", b"-4611686018427387904", &long];
        let expected = [
            "730000000800",
            "816102",
            "dfff02",
            "f1881303",
            "f270110104",
            "f3c0ab76ff05",
            "f400e68ee7fdffffff09",
            "f400000000000000c009",
            "e040",
            &"78".repeat(64),
            "42",
            "ff",
        ];
        assert_eq!(hex(&pack(&texts.map(Entry::new))), expected.concat());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn anything_else_is_refused() {
        let whole =
            pack(&[Entry::new(b"one"), Entry::new(b"300"), Entry::new(&[7; 100]), Entry::new(&[7; 5000])]);
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_none());
        }
        for at in (0..20).chain(115..130) {
            for bit in 0..8 {
                let mut broken = whole.clone();
                broken[at] ^= 1 << bit;
                if let Some(whole) = read(&broken) {
                    assert_eq!(whole.entries().count(), 4);
                }
            }
        }
        assert!(read(b"\x0e\0\0\0\x01\0\xf0\xff\xff\xff\xff\x01\x01\xff").is_none());
    }
}
