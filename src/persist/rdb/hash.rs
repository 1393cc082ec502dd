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

    /// Reads a hash that is one string.
    fn whole(&mut self, bytes: &[u8], limits: &Limits) -> Option<()> {
        match self.items {
            Items::Zipmap => zipmap(bytes, |field, value| {
                self.hash.set(field, value, Lifetime::Forever, limits).then_some(())
            }),
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
            Items::Listpack => self.packed(listpack::read(bytes)?.collect(), limits),
            Items::TimedListpack => self.timed(listpack::read(bytes)?, limits),
            Items::Pairs | Items::Timed(_) => None,
        }
    }

    fn packed(&mut self, run: Run, limits: &Limits) -> Option<()> {
        let mut fields: Vec<Entry<'_>> = run.iter().step_by(2).collect();
        fields.sort_unstable();
        if run.len() % 2 == 1 || fields.windows(2).any(|pair| pair[0] == pair[1]) {
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
            Items::Pairs => Lifetime::Forever,
            Items::Timed(since) => match input.len()? {
                0 => Lifetime::Forever,
                ms => lifetime(since.saturating_add(ms - 1)),
            },
            _ => {
                self.whole(&input.string()?.into_bytes(), limits).ok_or(Fault::BadNode)?;
                self.left = 0;
                return Ok(());
            }
        };
        let (field, value) = (input.string()?.into_bytes(), input.string()?.into_bytes());
        if !self.hash.set(&field, &value, lifetime, limits) {
            return Err(Fault::BadNode.into());
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
pub(super) fn kind_of(hash: &Hash) -> u8 {
    if hash.packed().is_some() {
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
    if let Some(run) = hash.packed() {
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
