//! Walks a written reply in place: scripts, the wasm host, tests.

use std::str::from_utf8;

use crate::base::number;

/// One step of a walk: a whole scalar, or the head of a collection whose parts follow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Item<'a> {
    Simple(&'a [u8]),
    Error(&'a [u8]),
    Int(i64),
    Double(f64),
    Bool(bool),
    Null,
    Bulk(&'a [u8]),
    /// The format (three letters) and the text.
    Verbatim(&'a [u8], &'a [u8]),
    BigNumber(&'a [u8]),
    Array(usize),
    /// Pairs, not parts.
    Map(usize),
    Set(usize),
    Push(usize),
    /// Pairs that describe the reply behind them.
    Attribute(usize),
}

/// Reads items off the front of a buffer.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns how many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Reads one item; `None` if it is incomplete or not RESP, and the position stays where it was.
    pub fn item(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        let item = self.read();
        if item.is_none() {
            self.at = start;
        }
        item
    }

    /// Reads past one whole reply, parts included.
    pub fn skip(&mut self) -> Option<()> {
        let start = self.at;
        let mut open = 1usize;
        while open > 0 {
            open -= 1;
            let parts = match self.item() {
                Some(Item::Array(n) | Item::Set(n) | Item::Push(n)) => n,
                Some(Item::Map(n)) => n.checked_mul(2)?,
                Some(Item::Attribute(n)) => n.checked_mul(2)?.checked_add(1)?,
                Some(_) => 0,
                None => {
                    self.at = start;
                    return None;
                }
            };
            open = open.checked_add(parts)?;
        }
        Some(())
    }

    fn read(&mut self) -> Option<Item<'a>> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        let line = self.line()?;
        Some(match kind {
            b'+' => Item::Simple(line),
            b'-' => Item::Error(line),
            b':' => Item::Int(number::parse_int(line)?),
            b',' => Item::Double(double(line)?),
            b'#' => Item::Bool(line == b"t"),
            b'_' => Item::Null,
            b'(' => Item::BigNumber(line),
            b'$' | b'*' if line == b"-1" => Item::Null,
            b'$' => Item::Bulk(self.run(count(line)?)?),
            b'=' => {
                let text = self.run(count(line)?)?;
                Item::Verbatim(text.get(..3)?, text.get(4..)?)
            }
            b'*' => Item::Array(count(line)?),
            b'%' => Item::Map(count(line)?),
            b'~' => Item::Set(count(line)?),
            b'>' => Item::Push(count(line)?),
            b'|' => Item::Attribute(count(line)?),
            _ => return None,
        })
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += end + 2;
        Some(&rest[..end])
    }

    fn run(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let run = self.bytes.get(self.at..end)?;
        self.bytes.get(end..end + 2)?;
        self.at = end + 2;
        Some(run)
    }
}

fn count(line: &[u8]) -> Option<usize> {
    from_utf8(line).ok()?.parse().ok()
}

fn double(line: &[u8]) -> Option<f64> {
    if line == b"nan" { Some(f64::NAN) } else { number::parse_float(line) }
}
