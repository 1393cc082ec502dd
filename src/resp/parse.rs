//! Whole commands out of a stream, as places in it.
//!
//! Two forms, as Redis reads them: an array of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`), and a line of words
//! with the quoting of a shell (`SET k "two words"\n`). A parser remembers how far it got, so that a command that
//! arrives in a thousand pieces is read once.

use super::Span;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument in bytes: `proto-max-bulk-len`.
    pub bulk: u64,
    /// Whether the client has yet to authenticate; such a client may send few and short arguments only.
    pub unauthenticated: bool,
}

/// The longest line: a header, or a command of words.
const LINE_MAX: usize = 64 * 1024;
const UNAUTHENTICATED_ARGS: i64 = 10;
const UNAUTHENTICATED_BULK: i64 = 16 * 1024;

/// What [`Parser::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command that ends before this place in the input. It may have no arguments: an empty line, or `*0`.
    Command { end: usize },
    /// More input is needed.
    Partial,
}

/// Places of arguments for which a client keeps memory.
const KEPT_SPANS: usize = 1024;

/// Reads one client's stream.
#[derive(Default, Debug)]
pub struct Parser {
    spans: Vec<Span>,
    /// The words of an inline command with its quotes undone; its spans lie here, not in the input.
    words: Vec<u8>,
    inline: bool,
    /// Relative to the command's start: the next byte to read, when `missing` arguments are still to come.
    at: usize,
    missing: usize,
}

impl Parser {
    /// Returns how long the command at `input[from]` is up to the end of the argument whose length was read last, after
    /// [`Parsed::Partial`]: so much its sender is going to take, at the least.
    pub fn announced(&self, input: &[u8], from: usize) -> usize {
        self.awaited(input, from).map_or(0, |(start, len)| start.saturating_add(len))
    }

    /// Returns how much of the command at `input[from]` is read, after [`Parsed::Partial`]: arguments and headers.
    pub fn parsed(&self, input: &[u8], from: usize) -> usize {
        let begun = if self.missing > 0 { self.at } else { 0 };
        self.awaited(input, from).map_or(begun, |(start, _)| start)
    }

    /// Returns where the argument begins that is to come next, and how long it is, if its header is there.
    fn awaited(&self, input: &[u8], from: usize) -> Option<(usize, usize)> {
        let at = from + self.at;
        if self.missing == 0 || input.get(at) != Some(&b'$') {
            return None;
        }
        let (len, end) = header(input, at + 1, "").ok()??;
        Some((end.saturating_sub(from), usize::try_from(len?).unwrap_or(0)))
    }

    /// Finds the command that starts at `input[from]`.
    ///
    /// On [`Parsed::Partial`] the next call must be given the same bytes again, and more, from the same command on.
    /// An error is the text that follows `ERR Protocol error: `; the stream is of no more use then.
    #[inline]
    pub fn next(&mut self, input: &[u8], from: usize, limits: Limits) -> Result<Parsed, String> {
        if self.missing == 0 {
            match input.get(from) {
                None => return Ok(Parsed::Partial),
                Some(b'*') => {}
                Some(_) => return self.line(input, from),
            }
            let Some((n, end)) = header(input, from + 1, "too big mbulk count string")? else {
                return Ok(Parsed::Partial);
            };
            let n = n.filter(|n| *n <= i64::from(i32::MAX)).ok_or("invalid multibulk length")?;
            if limits.unauthenticated && n > UNAUTHENTICATED_ARGS {
                return Err("unauthenticated multibulk length".into());
            }
            self.inline = false;
            self.spans.clear();
            if n <= 0 {
                return Ok(Parsed::Command { end });
            }
            self.missing = n as usize;
            self.at = end - from;
        }
        self.bulks(input, from, limits)
    }

    fn bulks(&mut self, input: &[u8], from: usize, limits: Limits) -> Result<Parsed, String> {
        while self.missing > 0 {
            let at = from + self.at;
            let Some(&kind) = input.get(at) else { return Ok(Parsed::Partial) };
            if kind != b'$' {
                return Err(format!("expected '$', got '{}'", printable(kind)));
            }
            let Some((len, start)) = header(input, at + 1, "too big bulk count string")? else {
                return Ok(Parsed::Partial);
            };
            let len = len.filter(|n| *n >= 0 && *n as u64 <= limits.bulk).ok_or("invalid bulk length")?;
            if limits.unauthenticated && len > UNAUTHENTICATED_BULK {
                return Err("unauthenticated bulk length".into());
            }
            let len = len as usize;
            if input.len() - start < len + 2 {
                return Ok(Parsed::Partial);
            }
            self.spans.push(Span { start: start as u32, len: len as u32 });
            self.at = start + len + 2 - from;
            self.missing -= 1;
        }
        Ok(Parsed::Command { end: from + self.at })
    }

    fn line(&mut self, input: &[u8], from: usize) -> Result<Parsed, String> {
        let rest = &input[from..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            return if rest.len() > LINE_MAX {
                Err("too big inline request".into())
            } else {
                Ok(Parsed::Partial)
            };
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        self.inline = true;
        self.spans.clear();
        self.words.clear();
        split_words(line, &mut self.words, &mut self.spans).ok_or("unbalanced quotes in request")?;
        Ok(Parsed::Command { end: from + end + 1 })
    }

    /// Returns the command just found; `input` as it was given to `next`.
    #[inline]
    pub fn command<'a>(&'a self, input: &'a [u8]) -> super::Args<'a> {
        super::Args::new(if self.inline { &self.words } else { input }, &self.spans)
    }

    /// Gives back the memory that a command with very many arguments took, once it has run.
    pub fn shrink(&mut self) {
        if self.missing == 0 && self.spans.capacity() > KEPT_SPANS {
            self.spans = Vec::new();
        }
    }

    /// Returns the arguments already found of a command that is still coming in: what a client owes.
    pub fn pending_args(&self) -> usize {
        if self.missing > 0 { self.spans.len() } else { 0 }
    }

    /// Says that the input will be given again from `moved` bytes further on: spans found so far move with it.
    ///
    /// A host that drops consumed bytes in front of a half-read command calls nothing; the engine does.
    pub(crate) fn rebase(&mut self, moved: usize) {
        if self.missing > 0 {
            for span in &mut self.spans {
                span.start -= moved as u32;
            }
        }
    }
}

/// Reads digits up to `\r\n`: the number (`None` if it is none) and the place after it, or `None` while incomplete.
#[inline]
fn header(input: &[u8], from: usize, too_big: &str) -> Result<Option<(Option<i64>, usize)>, String> {
    let mut at = from;
    let mut n = 0i64;
    let negative = input.get(at) == Some(&b'-');
    at += usize::from(negative);
    let digits = at;
    let mut valid = true;
    loop {
        match input.get(at) {
            None if at - from > LINE_MAX => return Err(too_big.into()),
            None => return Ok(None),
            Some(b'\r') => break,
            Some(digit @ b'0'..=b'9') => {
                let digit = i64::from(digit - b'0') * if negative { -1 } else { 1 };
                match n.checked_mul(10).and_then(|n| n.checked_add(digit)) {
                    Some(sum) => n = sum,
                    None => valid = false,
                }
            }
            Some(_) => valid = false,
        }
        at += 1;
    }
    if at + 1 >= input.len() {
        return Ok(None);
    }
    let leading_zero = at - digits > 1 && input[digits] == b'0';
    valid &= at > digits && !leading_zero && !(negative && n == 0);
    Ok(Some((valid.then_some(n), at + 2)))
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '?' }
}

/// Returns the words of a line, split and unquoted as those of an inline command: how redis.conf is written, too.
///
/// `None` if a quote is left open, or closed in the middle of a word.
pub fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut words, mut spans) = (vec![], vec![]);
    split_words(line, &mut words, &mut spans)?;
    let place = |span: &Span| words[span.start as usize..][..span.len as usize].to_vec();
    Some(spans.iter().map(place).collect())
}

/// Splits a line into words: blanks separate, `"…"` knows `\n \r \t \b \a \\ \" \xhh`, `'…'` knows `\'`.
///
/// Returns `None` if a quote is left open, or closed in the middle of a word.
pub(crate) fn split_words(line: &[u8], words: &mut Vec<u8>, spans: &mut Vec<Span>) -> Option<()> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(());
        }
        let start = words.len();
        while let Some((&byte, tail)) = rest.split_first() {
            rest = match byte {
                b'"' | b'\'' => quoted(tail, byte, words)?,
                _ if byte.is_ascii_whitespace() || byte == 0 => break,
                _ => {
                    words.push(byte);
                    tail
                }
            };
        }
        spans.push(Span { start: start as u32, len: (words.len() - start) as u32 });
        if rest.first() == Some(&0) {
            return Some(());
        }
    }
}

/// Reads up to the closing quote, which must end the word; returns what comes after it.
fn quoted<'a>(mut rest: &'a [u8], quote: u8, words: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = match (byte, tail) {
            (b'\\', [b'x', a, b, tail @ ..])
                if quote == b'"' && a.is_ascii_hexdigit() && b.is_ascii_hexdigit() =>
            {
                words.push(hex(*a) << 4 | hex(*b));
                tail
            }
            (b'\\', [escaped, tail @ ..]) if quote == b'"' => {
                words.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                tail
            }
            (b'\\', [b'\'', tail @ ..]) if quote == b'\'' => {
                words.push(b'\'');
                tail
            }
            _ if byte == quote => {
                return tail.first().is_none_or(|b| b.is_ascii_whitespace()).then_some(tail);
            }
            _ => {
                words.push(byte);
                tail
            }
        };
    }
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("a hexadecimal digit") as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bulk: 1 << 29, unauthenticated: false };

    fn words(input: &[u8]) -> Vec<Vec<u8>> {
        let mut parser = Parser::default();
        parser.next(input, 0, LIMITS).expect("a command");
        parser.command(input).iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_command_in_pieces_is_found_once_it_is_whole() {
        let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\nvv\r\n";
        let mut parser = Parser::default();
        for end in 0..input.len() {
            assert_eq!(parser.next(&input[..end], 0, LIMITS), Ok(Parsed::Partial), "after {end} bytes");
        }
        assert_eq!(parser.next(input, 0, LIMITS), Ok(Parsed::Command { end: input.len() }));
        assert_eq!(parser.command(input).at(2), b"v\r\nvv");
    }

    #[test]
    fn quotes_of_a_line_are_undone() {
        assert_eq!(words(b"SET  k \"a\\x41\\n\" 'it\\'s'\r\n"), [&b"SET"[..], b"k", b"aA\n", b"it's"]);
        assert_eq!(words(b"\n"), Vec::<Vec<u8>>::new());
        assert!(Parser::default().next(b"SET \"k\n", 0, LIMITS).is_err());
        assert!(Parser::default().next(b"SET \"k\"x\n", 0, LIMITS).is_err());
    }

    #[test]
    fn bad_headers_are_refused() {
        for bad in
            ["*x\r\n", "*2147483648\r\n", "*1\r\nPING", "*1\r\n$-1\r\n", "*1\r\n$536870913\r\n", "*01\r\n"]
        {
            assert!(Parser::default().next(bad.as_bytes(), 0, LIMITS).is_err(), "{bad:?}");
        }
    }
}
