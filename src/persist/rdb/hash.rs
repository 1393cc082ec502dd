//! Hashes in snapshots.

use crate::base::time::Time;
use crate::data::Limits;
use crate::data::hash::{Hash, Lifetime};
use crate::data::list::Item;
use crate::data::listpack::{self, Entry};
use crate::data::object::Object;
use crate::data::packed::Run;

use super::build::Build;
use super::input::{Input, Read};
use super::output::{Encoder, write_len};
use super::ziplist::{self, Element};
use super::{Fault, kind};

/// A hash that is being read.
pub(super) struct Builder {
    items: Items,
    left: u64,
    hash: Hash,
}

enum Items {
    Pairs,
    /// Deadlines, fields and values. A deadline that is not 0 is one more than the milliseconds since this moment.
    Timed(u64),
    /// Fields, values and deadlines in milliseconds since 1970, or -1.
    TimedBehind,
    /// One string with everything in it.
    Zipmap,
    Ziplist,
    Listpack,
    /// Fields, values and deadlines in milliseconds since 1970, in one string.
    TimedListpack,
}

impl Builder {
    /// Begins to read a hash of one of its types.
    pub fn begin(kind: u8, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        let mut moment = || input.array().map(u64::from_le_bytes);
        let items = match kind {
            kind::HASH => Items::Pairs,
            // Whose deadlines are in milliseconds since 1970, with 0 for none.
            kind::HASH_TIMED_EARLY => Items::Timed(1),
            kind::HASH_TIMED => Items::Timed(moment()?),
            kind::HASH_ZIPMAP => Items::Zipmap,
            kind::HASH_ZIPLIST => Items::Ziplist,
            kind::HASH_LISTPACK => Items::Listpack,
            kind::HASH_TIMED_LISTPACK_EARLY => Items::TimedListpack,
            _ => {
                moment()?;
                Items::TimedListpack
            }
        };
        let left = if let Items::Pairs | Items::Timed(_) = items { input.len()? } else { 1 };
        Ok(Box::new(Self { items, left, hash: Hash::default() }))
    }

    /// Begins to read a hash as Valkey writes those whose fields have deadlines.
    pub fn of_valkey(input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        Ok(Box::new(Self { items: Items::TimedBehind, left: input.len()?, hash: Hash::default() }))
    }

    /// Reads a hash that is one string.
    fn whole(&mut self, bytes: &[u8], limits: &Limits) -> Option<()> {
        match self.items {
            Items::Zipmap => {
                zipmap(bytes, |field, value| {
                    self.hash.set(field, value, Lifetime::Forever, limits).then_some(())
                })?;
                // Redis never wrote an empty one.
                (!self.hash.is_empty()).then_some(())
            }
            Items::Ziplist => {
                let mut run = Run::default();
                ziplist::read(bytes, |element| {
                    run.push(match element {
                        Element::Int(n) => Entry::Int(n),
                        Element::Bytes(bytes) => Entry::new(bytes),
                    });
                })?;
                self.packed(run, limits)
            }
            Items::Listpack => self.packed(Run::of(listpack::read(bytes)?), limits),
            Items::TimedListpack => self.timed(listpack::read(bytes)?.entries(), limits),
            Items::Pairs | Items::Timed(_) | Items::TimedBehind => None,
        }
    }

    fn packed(&mut self, run: Run, limits: &Limits) -> Option<()> {
        if run.len() % 2 == 1 || run.repeats(2) {
            return None;
        }
        self.hash = Hash::from_packed(run, limits);
        Some(())
    }

    fn timed<'a>(&mut self, mut entries: impl Iterator<Item = Entry<'a>>, limits: &Limits) -> Option<()> {
        while let Some(field) = entries.next() {
            let (value, Entry::Int(ms)) = (entries.next()?, entries.next()?) else { return None };
            let lifetime = lifetime(u64::try_from(ms).ok()?);
            let is_new = self.hash.set(&Item::from(field), &Item::from(value), lifetime, limits);
            is_new.then_some(())?;
        }
        Some(())
    }
}

/// Returns how long a field lives whose deadline is in milliseconds since 1970, or 0 for ever.
fn lifetime(ms: u64) -> Lifetime {
    if ms == 0 { Lifetime::Forever } else { Lifetime::Until(Time::from_millis(ms)) }
}

impl Build for Builder {
    fn is_whole(&self) -> bool {
        self.left == 0
    }

    fn item(&mut self, input: &mut Input<'_>, limits: &Limits) -> Read<()> {
        let lifetime = match self.items {
            Items::Pairs | Items::TimedBehind => Lifetime::Forever,
            Items::Timed(since) => match input.len()? {
                0 => Lifetime::Forever,
                ms => lifetime(since.saturating_add(ms - 1)),
            },
            _ => {
                let what = match self.items {
                    Items::Zipmap => "Zipmap",
                    Items::Ziplist => "Hash ziplist",
                    _ => "Hash listpack",
                };
                self.whole(&input.string()?.into_bytes(), limits).ok_or(Fault::BadNode(what))?;
                self.left = 0;
                return Ok(());
            }
        };
        let (field, value) = (input.string()?.into_bytes(), input.string()?.into_bytes());
        if self.hash.is_empty() {
            self.hash = Hash::for_fields(self.left, limits);
        }
        let lifetime = match self.items {
            // -1 is for ever, and no deadline is before 1970.
            Items::TimedBehind => self::lifetime(i64::from_le_bytes(input.array()?).max(0) as u64),
            _ => lifetime,
        };
        if !self.hash.set(&field, &value, lifetime, limits) {
            return Err(Fault::DuplicateMember.into());
        }
        self.left -= 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Option<Object> {
        (!self.hash.is_empty()).then(|| Object::Hash(Box::new(self.hash)))
    }
}

/// Calls `visit` with the fields and values of a zipmap, in which Redis kept small hashes before 2.6: a byte for their
/// number, and for each the lengths before field and value, and behind the latter's a byte for how much is unused behind
/// it. A length is a byte below 254, or FE and four bytes.
fn zipmap(bytes: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Option<()>) -> Option<()> {
    fn len(bytes: &[u8]) -> Option<(usize, &[u8])> {
        match bytes.split_first()? {
            (&len @ ..254, rest) => Some((len.into(), rest)),
            (254, rest) => {
                let (len, rest) = rest.split_first_chunk()?;
                Some((u32::from_le_bytes(*len) as usize, rest))
            }
            _ => None,
        }
    }
    let (_, mut rest) = bytes.split_first()?;
    while *rest.first()? != 0xff {
        let (size, tail) = len(rest)?;
        let (field, tail) = tail.split_at_checked(size)?;
        let (size, tail) = len(tail)?;
        let (&unused, tail) = tail.split_first()?;
        let (value, tail) = tail.split_at_checked(size)?;
        visit(field, value)?;
        rest = tail.get(unused.into()..)?;
    }
    (rest.len() == 1).then_some(())
}

/// Returns the type that a hash is saved as.
pub(super) fn kind_of(hash: &Hash, plain: bool) -> u8 {
    if hash.packed().is_some() && !plain {
        kind::HASH_LISTPACK
    } else if hash.soonest().is_some() {
        kind::HASH_TIMED
    } else {
        kind::HASH
    }
}

/// Writes fields from the position where it `begun` up to the limit; returns the position reached then, if not the end.
pub(super) fn save(
    hash: &Hash,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if let Some(run) = hash.packed().filter(|_| !encoder.plain) {
        let mut listpack = vec![];
        run.write_listpack(&mut listpack);
        encoder.string(&listpack, out);
        return None;
    }
    let soonest = hash.soonest().map(Time::millis);
    if begun.is_none() {
        out.extend(soonest.map(u64::to_le_bytes).into_iter().flatten());
        write_len(hash.len() as u64, out);
    }
    let mut from = begun.unwrap_or(0) as u64;
    while let Some(next) = hash.walk(from, |pair| {
        if let Some(soonest) = soonest {
            write_len(pair.deadline.map_or(0, |at| at.millis() - soonest + 1), out);
        }
        encoder.string(&pair.field(), out);
        encoder.string(&pair.value(), out);
    }) {
        from = next;
        if out.len() >= limit {
            return usize::try_from(from).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::HashKey;

    fn limits(entries: usize) -> Limits {
        let mut limits = Limits::new(HashKey(1, 2));
        limits.hash.entries = entries;
        limits
    }

    /// A field, its value, and its deadline in milliseconds.
    type Row = (Vec<u8>, Vec<u8>, Option<u64>);

    /// Reads a hash; returns its fields in order.
    fn read(kind: u8, bytes: &[u8]) -> Option<Vec<Row>> {
        let mut input = Input { bytes, at: 0 };
        let mut builder = Builder::begin(kind, &mut input).ok()?;
        while !builder.is_whole() {
            builder.item(&mut input, &limits(512)).ok()?;
        }
        assert_eq!(input.at, bytes.len());
        let Some(Object::Hash(hash)) = builder.finish() else { return None };
        let pairs = hash
            .iter()
            .map(|pair| (pair.field().to_vec(), pair.value().to_vec(), pair.deadline.map(Time::millis)));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        Some(pairs)
    }

    #[test]
    fn every_form_with_deadlines_is_read() {
        let expected =
            Some(vec![(b"a".to_vec(), b"1".to_vec(), None), (b"b".to_vec(), b"2".to_vec(), Some(5_000))]);
        let run: Run = [b"a", b"1", b"0"].into_iter().map(|bytes| Entry::new(bytes)).collect();
        let mut run = run;
        [Entry::Bytes(b"b"), Entry::Int(2), Entry::Int(5_000)].iter().for_each(|entry| run.push(*entry));
        let mut listpack = vec![];
        run.write_listpack(&mut listpack);
        let listpack = [&[listpack.len() as u8][..], &listpack].concat();
        let since = 4_000u64.to_le_bytes();
        // 5,000 in 14 bits, and the 1,001 that it is after the moment in front.
        assert_eq!(read(22, b"\x02\x00\x01a\x011\x53\x88\x01b\x012"), expected);
        assert_eq!(read(23, &listpack), expected);
        assert_eq!(read(24, &[&since, &b"\x02\x00\x01a\x011\x43\xe9\x01b\x012"[..]].concat()), expected);
        assert_eq!(read(25, &[&since[..], &listpack].concat()), expected);
        // A field that comes twice, one without a deadline beside it, and one whose deadline is negative.
        assert_eq!(read(22, b"\x02\x00\x01a\x011\x00\x01a\x012"), None);
        assert_eq!(read(23, b"\x0b\x0b\0\0\0\x02\0\x01\x01\x01\x01\xff"), None);
        assert_eq!(read(23, b"\x0e\x0e\0\0\0\x03\0\x01\x01\x01\x01\xdf\xff\x02\xff"), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (entries, timed) in [(512, false), (512, true), (10, false), (10, true)] {
            let (limits, mut hash) = (limits(entries), Hash::default());
            for n in 0..300u64 {
                let lifetime = match n % 3 {
                    0 if timed => Lifetime::Until(Time::from_millis(7_000_000 + n * n)),
                    _ => Lifetime::Forever,
                };
                hash.set(format!("field {n}").as_bytes(), &n.to_le_bytes(), lifetime, &limits);
            }
            let (mut encoder, mut out, mut begun) = (Encoder::new(true, false), vec![], None);
            loop {
                let limit = out.len() + 500;
                begun = save(&hash, begun, limit, &mut encoder, &mut out);
                if begun.is_none() {
                    break;
                }
            }
            let mut expected: Vec<_> = hash
                .iter()
                .map(|pair| (pair.field().to_vec(), pair.value().to_vec(), pair.deadline.map(Time::millis)))
                .collect();
            expected.sort_unstable();
            assert_eq!(kind_of(&hash, false) == kind::HASH_TIMED, timed);
            assert_eq!(read(kind_of(&hash, false), &out), Some(expected));
        }
    }
}
