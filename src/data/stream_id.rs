//! The ids of a stream's entries.

use crate::base::number::Text;

/// A moment in milliseconds, and a number that tells entries of the same moment apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

impl Id {
    /// The lowest id, which no entry has.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Returns the next higher id, if there is one.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// Returns the next lower id, if there is one.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Returns the id as sixteen bytes in whose order ids are.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let n = u128::from_be_bytes(bytes);
        Self { ms: (n >> 64) as u64, seq: n as u64 }
    }

    /// Prints the id: `1526919030474-55`.
    pub fn text(self) -> Text<41> {
        self.joined(b'-')
    }

    /// Prints the id with another byte between its halves.
    pub fn joined(self, between: u8) -> Text<41> {
        let mut text = Text::new(b"");
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(&[between]);
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_cross_the_milliseconds() {
        let last = Id::new(5, u64::MAX);
        assert_eq!(last.next(), Some(Id::new(6, 0)));
        assert_eq!(Id::new(6, 0).previous(), Some(last));
        assert_eq!((Id::MAX.next(), Id::MIN.previous()), (None, None));
    }

    #[test]
    fn bytes_and_texts_are_those_of_redis() {
        let id = Id::new(0x0102, 3);
        assert_eq!(id.to_bytes(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(Id::from_bytes(id.to_bytes()), id);
        assert_eq!(&*Id::MAX.text(), b"18446744073709551615-18446744073709551615");
        assert_eq!(&*id.joined(b'.'), b"258.3");
    }
}
