//! A byte string that keeps up to 22 bytes without a heap allocation.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// An immutable byte string, 24 bytes wide.
///
/// ```text
/// inline   0 │ len │ up to 22 bytes
/// heap     1 │ ··· │ pointer │ length      (4 bytes each on wasm32)
/// ```
#[derive(Clone)]
pub struct Bytes(Form);

#[derive(Clone)]
enum Form {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

/// The longest string kept inline.
const INLINE: usize = 22;

// The tag has 254 unused values, in which an enum around `Bytes` finds room for its own.
const _: () = assert!(size_of::<Bytes>() == 24 && size_of::<Option<Bytes>>() == 24);

impl Bytes {
    /// Returns the empty string.
    pub const fn new() -> Self {
        Self(Form::Inline { len: 0, bytes: [0; INLINE] })
    }

    /// Returns the bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Heap(bytes) => bytes,
        }
    }

    /// Returns how many bytes are allocated besides the 24.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Inline { .. } => 0,
            Form::Heap(bytes) => bytes.len(),
        }
    }

    fn inline(from: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        bytes[..from.len()].copy_from_slice(from);
        Self(Form::Inline { len: from.len() as u8, bytes })
    }
}

impl From<&[u8]> for Bytes {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() <= INLINE { Self::inline(bytes) } else { Self(Form::Heap(bytes.into())) }
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<Vec<u8>> for Bytes {
    /// Takes over the allocation, without its spare capacity, if the bytes do not fit inline.
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE { Self::inline(&bytes) } else { Self(Form::Heap(bytes.into())) }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// `Borrow` promises that these four are those of the slice: a map keyed by `Bytes` is searched by `&[u8]`.
impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};

    #[test]
    fn keeps_any_length() {
        let all: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 21, 22, 23, 24, 100, 256] {
            let bytes = Bytes::from(&all[..len]);
            assert_eq!(&*bytes, &all[..len]);
            assert_eq!(bytes, Bytes::from(all[..len].to_vec()));
            assert_eq!(bytes.clone(), bytes);
            assert_eq!(bytes.heap_bytes(), if len <= 22 { 0 } else { len });
        }
    }

    #[test]
    fn is_a_key_found_by_a_slice() {
        let words = ["", "a", "b", "a word of more than 22 bytes", "ab"];
        let hashed: HashMap<Bytes, usize> =
            words.iter().enumerate().map(|(i, &word)| (word.into(), i)).collect();
        let ordered: BTreeMap<Bytes, usize> =
            words.iter().enumerate().map(|(i, &word)| (word.into(), i)).collect();
        for (i, word) in words.iter().enumerate() {
            assert_eq!(hashed.get(word.as_bytes()), Some(&i));
            assert_eq!(ordered.get(word.as_bytes()), Some(&i));
        }
        let order: Vec<&[u8]> = ordered.keys().map(Bytes::as_slice).collect();
        assert!(order.is_sorted());
    }

    #[test]
    fn shows_what_is_not_text() {
        assert_eq!(format!("{:?}", Bytes::from(b"a\"\x00\xff")), r#""a\"\x00\xff""#);
    }
}
