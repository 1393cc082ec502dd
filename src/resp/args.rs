//! The arguments of one call.

use std::ops::Range;

use crate::base::number;

use super::{Error, Result};

/// Where one argument lies in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// The arguments of one call: places in a buffer that somebody else owns.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Panics on access, not here, if a span lies outside `bytes`.
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    pub fn len(self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    #[inline]
    pub fn get(self, i: usize) -> Option<&'a [u8]> {
        if i < self.len() { Some(self.at(i)) } else { None }
    }

    /// Returns the argument at `i`, which the arity has promised.
    #[inline]
    pub fn at(self, i: usize) -> &'a [u8] {
        let Span { start, len } = self.spans[i];
        &self.bytes[start as usize..][..len as usize]
    }

    pub fn last(self) -> &'a [u8] {
        self.at(self.len() - 1)
    }

    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone {
        (0..self.len()).map(move |i| self.at(i))
    }

    /// Returns the arguments from `i` on; none if there are fewer.
    pub fn from(self, i: usize) -> Args<'a> {
        Self { bytes: self.bytes, spans: self.spans.get(i..).unwrap_or_default() }
    }

    /// Returns the arguments at these places, which must be there.
    pub fn range(self, places: Range<usize>) -> Args<'a> {
        Self { bytes: self.bytes, spans: &self.spans[places] }
    }

    /// Returns the arguments from `start` to `end`; none if there are fewer.
    pub fn part(self, start: usize, end: usize) -> Args<'a> {
        Self { bytes: self.bytes, spans: self.spans.get(start..end).unwrap_or_default() }
    }

    /// Returns the arguments from `i` on, to be taken one by one.
    pub fn options(self, from: usize) -> Options<'a> {
        Options { args: self, at: from }
    }

    /// Reads the argument at `i` as a signed 64-bit integer.
    pub fn int(self, i: usize) -> Result<i64> {
        number::parse_int(self.at(i)).ok_or(Error::NotInteger)
    }

    /// Reads the argument at `i` as a double; infinities are doubles, NaN is not.
    pub fn float(self, i: usize) -> Result<f64> {
        number::parse_float(self.at(i)).ok_or(Error::NotFloat)
    }

    /// Returns whether the argument at `i` is `word`, in any case.
    pub fn is(self, i: usize, word: &str) -> bool {
        self.get(i).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    pub fn to_owned(self) -> OwnedArgs {
        let size = self.spans.iter().map(|s| s.len as usize).sum();
        let mut owned =
            OwnedArgs { bytes: Vec::with_capacity(size), spans: Vec::with_capacity(self.spans.len()) };
        for arg in self.iter() {
            owned.push(arg);
        }
        owned
    }
}

/// The arguments from some place on, taken one by one: a command's options.
pub struct Options<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Options<'a> {
    pub fn is_empty(&self) -> bool {
        self.at >= self.args.len()
    }

    /// Returns where the next argument is among all.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Passes over as many arguments.
    pub fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Returns how many arguments are left.
    pub fn len(&self) -> usize {
        self.args.len().saturating_sub(self.at)
    }

    /// Takes the next argument when it is `word`, in any case.
    #[inline]
    pub fn word(&mut self, word: &str) -> bool {
        let hit = self.args.is(self.at, word);
        self.at += usize::from(hit);
        hit
    }

    /// Takes the next two arguments when the first is `word`, and returns the second.
    pub fn after(&mut self, word: &str) -> Result<Option<&'a [u8]>> {
        if !self.word(word) {
            return Ok(None);
        }
        self.take().map(Some)
    }

    /// Takes the next two arguments when the first is `word`, and reads the second as an integer.
    pub fn int_after(&mut self, word: &str) -> Result<Option<i64>> {
        let Some(value) = self.after(word)? else { return Ok(None) };
        number::parse_int(value).map(Some).ok_or(Error::NotInteger)
    }

    /// Takes the next argument, whatever it is.
    pub fn take(&mut self) -> Result<&'a [u8]> {
        let value = self.args.get(self.at).ok_or(Error::Syntax)?;
        self.at += 1;
        Ok(value)
    }
}

/// Arguments that outlive their input: queued by MULTI, kept by a waiting client, read back by a script.
#[derive(Default, Clone, Debug)]
pub struct OwnedArgs {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span { start: self.bytes.len() as u32, len: arg.len() as u32 });
        self.bytes.extend_from_slice(arg);
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl<'a> FromIterator<&'a [u8]> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(args: I) -> Self {
        let mut owned = Self::default();
        for arg in args {
            owned.push(arg);
        }
        owned
    }
}
