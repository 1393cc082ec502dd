//! The places in linear memory that JavaScript writes to and reads from.

use crate::resp::Span;

/// Numbers that a call returns besides its result. JavaScript knows the indexes, in pkg-template/src/scratch.ts.
#[derive(Default)]
pub struct Cells(Box<[u32; 5]>);

impl Cells {
    /// Where the reply, or the output, begins.
    pub const ADDRESS: usize = 0;
    /// Its length, where a call returns something else.
    pub const LENGTH: usize = 1;
    /// The session that a waiting call has moved to; the one that `next` speaks of.
    pub const SESSION: usize = 2;
    /// How many bytes of the input `receive` took.
    pub const TAKEN: usize = 3;
    /// What to look at after a call, as bits.
    pub const ATTENTION: usize = 4;

    /// `next` has something.
    pub const HAPPENED: u32 = 1;
    /// The call has changed something that must not be acknowledged before it is stored.
    pub const UNSTORED: u32 = 2;

    pub fn address(&self) -> u32 {
        address(self.0.as_ptr())
    }

    pub fn set(&mut self, cell: usize, value: u32) {
        self.0[cell] = value;
    }

    /// Points to bytes that stay where they are until the next call.
    pub fn point(&mut self, bytes: &[u8]) -> u32 {
        self.0[Self::ADDRESS] = address(bytes.as_ptr());
        self.0[Self::LENGTH] = bytes.len() as u32;
        bytes.len() as u32
    }
}

/// Words of an input that is given back when less is asked for.
const LARGE: usize = (1 << 20) / 4;

/// What JavaScript writes its calls into.
#[derive(Default)]
pub struct Input {
    /// Words, so that the lengths in front of the arguments lie where they can be read as numbers.
    words: Vec<u32>,
    spans: Vec<Span>,
}

impl Input {
    /// Makes room for `len` bytes; returns where.
    pub fn reserve(&mut self, len: u32) -> u32 {
        let words = len.div_ceil(4) as usize;
        if self.words.len() > LARGE.max(2 * words) {
            self.words = Vec::new();
        }
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        address(self.words.as_ptr())
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the words are initialised, and any byte of them is a valid one.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.words.len() * 4) }
    }

    /// Finds the arguments of the call that begins at a word; returns them with the word that the next call begins at.
    /// None if they do not lie inside the input.
    #[inline(always)]
    pub fn call(&mut self, word: usize) -> Option<(&[u8], &[Span], usize)> {
        let argc = *self.words.get(word)? as usize;
        let lengths = self.words.get(word + 1..)?.get(..argc)?;
        let mut start = 4 * (word + 1 + argc) as u64;
        if self.spans.len() < argc {
            self.spans.resize(argc, Span { start: 0, len: 0 });
        }
        let spans = &mut self.spans[..argc];
        for (span, len) in spans.iter_mut().zip(lengths) {
            *span = Span { start: start as u32, len: *len };
            start += u64::from(*len);
        }
        if start > 4 * self.words.len() as u64 {
            return None;
        }
        Some((self.bytes(), &self.spans[..argc], start.div_ceil(4) as usize))
    }
}

fn address<T>(pointer: *const T) -> u32 {
    pointer.expose_provenance() as u32
}
