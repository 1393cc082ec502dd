//! Replies, written straight into a client's output in the protocol it speaks.

use crate::base::append::append;
use crate::base::long_double::LongDouble;
use crate::base::number;

use super::Error;

/// Which version of RESP a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// A place in an output to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// Writes one reply after another.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    /// More output than this is never sent.
    most: usize,
}

impl<'a> Reply<'a> {
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol, most: usize::MAX }
    }

    /// Says that an output of more bytes than this is never sent.
    pub fn within(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Returns whether there is no use in writing more.
    pub fn is_full(&self) -> bool {
        self.out.len() > self.most
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol of what is written from now on: HELLO.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    pub fn reborrow(&mut self) -> Reply<'_> {
        Reply { out: self.out, protocol: self.protocol, most: self.most }
    }

    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// Writes a refusal; line breaks in it become blanks, those at its end nothing.
    pub fn error(&mut self, error: &Error) {
        let text = error.bytes();
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        self.unbroken_line(b'-', &text[..end.map_or(0, |end| end + 1)]);
    }

    /// Writes a line; line breaks in it become blanks.
    fn unbroken_line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.unbroken_rest(text);
    }

    fn unbroken_rest(&mut self, text: &[u8]) {
        let blank = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.out.extend(text.iter().map(blank));
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn int(&mut self, n: i64) {
        self.number(b':', n);
    }

    /// Writes a count.
    pub fn len(&mut self, n: usize) {
        self.int(n as i64);
    }

    pub fn bool(&mut self, value: bool) {
        match self.protocol {
            Protocol::Resp2 => self.int(i64::from(value)),
            Protocol::Resp3 => self.out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }

    pub fn double(&mut self, n: f64) {
        self.double_in_digits(&number::format_float(n));
    }

    /// Writes a double that is in digits already.
    pub fn double_in_digits(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits),
            Protocol::Resp3 => self.line(b',', digits),
        }
    }

    /// Writes a double in digits without an exponent: a coordinate.
    pub fn plain_double(&mut self, n: f64) {
        let text = LongDouble::from(n).format();
        match self.protocol {
            Protocol::Resp2 => self.bulk(&text),
            Protocol::Resp3 => self.line(b',', &text),
        }
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        if (10..100).contains(&len) {
            // Most values are so long, and this is how to write them in one go.
            let head = [b'$', b'0' + (len / 10) as u8, b'0' + (len % 10) as u8, b'\r', b'\n'];
            append(self.out, [&head, bytes, b"\r\n"]);
        } else {
            self.number(b'$', len as i64);
            append(self.out, [bytes, b"\r\n"]);
        }
    }

    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Writes an integer as a bulk string: what GET answers for a counter.
    pub fn bulk_int(&mut self, n: i64) {
        self.bulk(&number::format_int(n));
    }

    /// Writes text of a format: `txt` or `mkd`; RESP2 has plain bulk strings for it.
    pub fn verbatim(&mut self, format: &str, text: &str) {
        self.verbatim_bytes(format.as_bytes(), text.as_bytes());
    }

    /// Writes text of a format, whose name has its first three bytes.
    pub fn verbatim_bytes(&mut self, format: &[u8], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                let mut name = *b"   ";
                name.iter_mut().zip(format).for_each(|(to, from)| *to = *from);
                self.number(b'=', text.len() as i64 + 4);
                append(self.out, [&name, b":", text, b"\r\n"]);
            }
        }
    }

    /// Writes an integer of any size, in digits; RESP2 has bulk strings for it. Line breaks become blanks.
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => {
                self.number(b'$', digits.len() as i64);
                self.unbroken_rest(digits);
            }
            Protocol::Resp3 => self.unbroken_line(b'(', digits),
        }
    }

    /// Writes a status whose text may be anything; line breaks become blanks.
    pub fn status(&mut self, text: &[u8]) {
        self.unbroken_line(b'+', text);
    }

    pub fn null(&mut self) {
        self.out.extend_from_slice(self.either(b"$-1\r\n", b"_\r\n"));
    }

    /// Writes the null that stands for an array in RESP2.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(self.either(b"*-1\r\n", b"_\r\n"));
    }

    pub fn array(&mut self, n: usize) {
        self.number(b'*', n as i64);
    }

    /// Begins a map of `n` pairs; in RESP2 an array of twice as many.
    pub fn map(&mut self, n: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(n * 2),
            Protocol::Resp3 => self.number(b'%', n as i64),
        }
    }

    pub fn set(&mut self, n: usize) {
        self.number(self.either(b'*', b'~'), n as i64);
    }

    /// Begins `n` pairs that say something about the reply behind them. RESP2 has nothing of the kind.
    pub fn attribute(&mut self, n: usize) {
        self.number(b'|', n as i64);
    }

    /// Begins a message out of band of `n` parts; in RESP2 an array.
    pub fn push(&mut self, n: usize) {
        self.number(self.either(b'*', b'>'), n as i64);
    }

    /// Copies a reply that was written elsewhere, in the same protocol.
    pub fn copy(&mut self, reply: &[u8]) {
        self.out.extend_from_slice(reply);
    }

    /// Returns the place where the next reply will stand.
    pub fn mark(&self) -> Mark {
        Mark(self.out.len())
    }

    /// Returns whether nothing was written since `mark`.
    pub fn is_at(&self, mark: Mark) -> bool {
        self.out.len() == mark.0
    }

    /// Takes back all that was written since `mark`.
    pub fn cut(&mut self, mark: Mark) {
        self.out.truncate(mark.0);
    }

    /// Returns what was written since `mark`.
    pub fn written(&self, mark: Mark) -> &[u8] {
        &self.out[mark.0..]
    }

    /// Puts an array's header of `n` elements in front of what was written since `mark`.
    pub fn end_array(&mut self, mark: Mark, n: usize) {
        let header = format!("*{n}\r\n");
        self.out.splice(mark.0..mark.0, header.into_bytes());
    }

    /// Puts a set's header of `n` members in front of what was written since `mark`.
    pub fn end_set(&mut self, mark: Mark, n: usize) {
        let kind = char::from(self.either(b'*', b'~'));
        let header = format!("{kind}{n}\r\n");
        self.out.splice(mark.0..mark.0, header.into_bytes());
    }

    /// Puts a map's header of `n` pairs in front of what was written since `mark`; in RESP2 an array's, of `n` arrays
    /// of two.
    pub fn end_map_of_pairs(&mut self, mark: Mark, n: usize) {
        let kind = self.either('*', '%');
        let header = format!("{kind}{n}\r\n");
        self.out.splice(mark.0..mark.0, header.into_bytes());
    }

    /// Puts a bulk string in front of what was written since `mark`.
    pub fn insert_bulk(&mut self, mark: Mark, bytes: &[u8]) {
        let end = self.out.len();
        self.bulk(bytes);
        let len = self.out.len() - end;
        self.out[mark.0..].rotate_right(len);
    }

    fn either<T>(&self, resp2: T, resp3: T) -> T {
        match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        }
    }

    #[inline]
    fn number(&mut self, kind: u8, n: i64) {
        match n {
            // Nearly all lengths and counts are short, and shorter than the way to print any number.
            0..10 => append(self.out, [&[kind, b'0' + n as u8, b'\r', b'\n']]),
            10..100 => append(self.out, [&[kind, b'0' + n as u8 / 10, b'0' + n as u8 % 10, b'\r', b'\n']]),
            _ => self.line(kind, &number::format_int(n)),
        }
    }

    #[inline]
    fn line(&mut self, kind: u8, text: &[u8]) {
        append(self.out, [&[kind], text, b"\r\n"]);
    }
}
