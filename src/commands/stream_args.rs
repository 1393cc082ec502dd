//! What arguments and replies of the stream commands have in common: ids, intervals, entries, trimming.

use crate::base::number::{parse_int, parse_uint};
use crate::data::stream::{Item, Keep, Precision};
use crate::data::stream_id::Id;
use crate::keyspace::Db;
use crate::resp::{Args, Error, Reply, Result};

const INVALID_ID: Error = Error::Text("ERR Invalid stream ID specified as stream command argument");

/// Reads `ms`, which stands for `ms-seq` with the number given, or `ms-seq`.
pub(super) fn id(arg: &[u8], seq: u64) -> Result<Id> {
    match halves(arg)? {
        (ms, None) => Ok(Id { ms, seq }),
        (ms, Some(half)) => Ok(Id { ms, seq: parse_uint(half).ok_or(INVALID_ID)? }),
    }
}

/// Reads what [`id`] reads, or `-` for the lowest id, or `+` for the highest.
pub(super) fn id_or_end(arg: &[u8], seq: u64) -> Result<Id> {
    match arg {
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => id(arg, seq),
    }
}

/// Returns the first half of an id as a number, and the second half if there is one.
fn halves(arg: &[u8]) -> Result<(u64, Option<&[u8]>)> {
    // Redis reads a copy of at most 127 bytes that ends with its first NUL.
    let text = arg.split(|byte| *byte == 0).next().filter(|_| arg.len() <= 127).ok_or(INVALID_ID)?;
    let dash = text.iter().position(|byte| *byte == b'-');
    let (ms, seq) = dash.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
    Ok((parse_uint(ms).ok_or(INVALID_ID)?, seq))
}

/// Reads the lower end of an interval; behind `(` it does not belong to it.
pub(super) fn lower(arg: &[u8]) -> Result<Id> {
    match arg {
        [b'(', arg @ ..] if !arg.is_empty() => {
            id(arg, 0)?.next().ok_or(Error::Text("ERR invalid start ID for the interval"))
        }
        _ => id_or_end(arg, 0),
    }
}

/// Reads the upper end of an interval; behind `(` it does not belong to it.
pub(super) fn upper(arg: &[u8]) -> Result<Id> {
    match arg {
        [b'(', arg @ ..] if !arg.is_empty() => {
            id(arg, u64::MAX)?.previous().ok_or(Error::Text("ERR invalid end ID for the interval"))
        }
        _ => id_or_end(arg, u64::MAX),
    }
}

/// The id of an entry to be added.
#[derive(Clone, Copy)]
pub(super) enum NewId {
    Auto,
    /// The next one of this millisecond.
    Within(u64),
    Given(Id),
}

impl NewId {
    fn read(arg: &[u8]) -> Result<Self> {
        match halves(arg)? {
            (ms, Some(b"*")) => Ok(NewId::Within(ms)),
            _ => id(arg, 0).map(NewId::Given),
        }
    }
}

/// What XADD and XTRIM say in front of the id or of the end.
pub(super) struct Preamble {
    pub trim: Option<Trim>,
    pub no_create: bool,
    /// XADD's id, and where it stands.
    pub id: NewId,
    pub id_at: usize,
}

/// How a stream is to be trimmed.
#[derive(Clone, Copy)]
pub(super) struct Trim {
    pub keep: Keep,
    pub precision: Precision,
    /// Where the number or id stands that is the limit.
    at: usize,
}

/// Who reads a [`Preamble`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Xadd,
    Xtrim,
}

impl Preamble {
    pub fn read(args: Args<'_>, db: &Db<'_>, reader: Reader) -> Result<Self> {
        let mut read = Self { trim: None, no_create: false, id: NewId::Auto, id_at: args.len() };
        let (mut limit, mut at) = (None, 2);
        while at < args.len() {
            let more = args.len() - 1 - at;
            if reader == Reader::Xadd && args.at(at) == b"*" {
                read.id_at = at;
                break;
            } else if args.is(at, "MAXLEN") && more > 0 {
                at = read.trim(args, at, |arg| {
                    let count = parse_int(arg).ok_or(Error::NotInteger)?;
                    let count = u64::try_from(count);
                    count.map(Keep::Newest).map_err(|_| Error::Text("ERR The MAXLEN argument must be >= 0."))
                })?;
            } else if args.is(at, "MINID") && more > 0 {
                at = read.trim(args, at, |arg| id(arg, 0).map(Keep::From))?;
            } else if args.is(at, "LIMIT") && more > 0 {
                let count = u64::try_from(args.int(at + 1)?);
                limit = Some(count.map_err(|_| Error::Text("ERR The LIMIT argument must be >= 0."))?);
                at += 2;
            } else if reader == Reader::Xtrim {
                return Err(Error::Syntax);
            } else if args.is(at, "NOMKSTREAM") {
                read.no_create = true;
                at += 1;
            } else {
                (read.id, read.id_at) = (NewId::read(args.at(at))?, at);
                break;
            }
        }
        read.set_limit(limit, db, reader)?;
        Ok(read)
    }

    /// Reads what follows the word at a place; returns the place behind it.
    fn trim(&mut self, args: Args<'_>, at: usize, keep: impl Fn(&[u8]) -> Result<Keep>) -> Result<usize> {
        if self.trim.is_some() {
            return Err(Error::Text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let sign = args.at(at + 1);
        let signed = at + 2 < args.len() && matches!(sign, b"~" | b"=");
        let precision = if signed && sign == b"~" { Precision::Nodes { limit: 0 } } else { Precision::Exact };
        let at = at + 1 + usize::from(signed);
        self.trim = Some(Trim { keep: keep(args.at(at))?, precision, at });
        Ok(at + 1)
    }

    /// Settles how many entries may go at most.
    fn set_limit(&mut self, limit: Option<u64>, db: &Db<'_>, reader: Reader) -> Result {
        match (&self.trim, limit) {
            (None, Some(1..)) => {
                return Err(Error::Text(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            (None, _) if reader == Reader::Xtrim => {
                return Err(Error::Text("ERR syntax error, XTRIM must be called with a trimming strategy"));
            }
            _ => {}
        }
        // What Redis logs may have a LIMIT that has done its work.
        let replayed = !db.keyspace().lazy_expiry;
        match self.trim.as_mut().map(|trim| &mut trim.precision) {
            Some(Precision::Nodes { limit: most }) if !replayed => {
                // A hundred nodes take no time to speak of.
                let hundred = db.keyspace().limits.stream.entries.saturating_mul(100) as u64;
                let usual = if hundred == 0 { 10_000 } else { hundred.min(1_000_000) };
                *most = limit.unwrap_or(usual);
            }
            Some(Precision::Nodes { .. }) => {}
            Some(Precision::Exact) | None if limit.is_some() && !replayed => {
                return Err(Error::Text(
                    "ERR syntax error, LIMIT cannot be used without the special ~ option",
                ));
            }
            Some(Precision::Exact) | None => {}
        }
        Ok(())
    }
}

impl Trim {
    /// Returns how a call is logged that has trimmed by nodes: exactly to where it has got, whatever nodes its reader
    /// has. `None` if it is logged as it came.
    pub fn logged<'a>(&self, args: Args<'a>, bound: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        if self.precision == Precision::Exact {
            return None;
        }
        let mut logged: Vec<&[u8]> = args.iter().collect();
        logged[self.at - 1] = b"=";
        logged[self.at] = bound;
        Some(logged)
    }
}

/// Writes an entry: its id, then fields and values.
pub(super) fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    reply.array(2);
    reply.bulk(&item.id.text());
    reply.array(2 * item.pairs.len());
    for (field, value) in item.pairs {
        reply.bulk(&field);
        reply.bulk(&value);
    }
}

/// Writes entries, and how many they are in front of them; returns that.
pub(super) fn write_items<'a>(reply: &mut Reply<'_>, items: impl Iterator<Item = Item<'a>>) -> usize {
    let mark = reply.mark();
    let count = items.map(|item| write_item(reply, item)).count();
    reply.end_array(mark, count);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        assert_eq!(id(b"5", 7), Ok(Id::new(5, 7)));
        assert_eq!(id(b"5-", 7), Err(INVALID_ID));
        assert_eq!(id(b"5-6", 7), Ok(Id::new(5, 6)));
        assert_eq!(id(b"5\0-6", 7), Ok(Id::new(5, 7)));
        assert_eq!(id(b"5-6-7", 7), Err(INVALID_ID));
        assert_eq!(id(b"-", 7), Err(INVALID_ID));
        assert_eq!(id(b"", 7), Err(INVALID_ID));
        assert_eq!(id(b"18446744073709551615-18446744073709551615", 0), Ok(Id::MAX));
        assert_eq!(id(b"18446744073709551616", 0), Err(INVALID_ID));
        assert_eq!(id(&[b'0'; 128], 0), Err(INVALID_ID));
        assert_eq!(lower(b"(5"), Ok(Id::new(5, 1)));
        assert_eq!(upper(b"(5"), Ok(Id::new(5, u64::MAX - 1)));
        assert_eq!(upper(b"+"), Ok(Id::MAX));
        assert!(lower(b"(").is_err() && lower(b"(-").is_err());
    }
}
