//! Sorted sets in snapshots.

use crate::base::number::{format_int, parse_float};
use crate::data::Limits;
use crate::data::list::{Item, Side};
use crate::data::listpack;
use crate::data::object::Object;
use crate::data::packed::Run;
use crate::data::sorted_set::SortedSet;

use super::build::Build;
use super::input::{Input, Read};
use super::output::{Encoder, write_len};
use super::ziplist::{self, Element};
use super::{Fault, kind};

/// A sorted set that is being read.
pub(super) struct Builder {
    form: Form,
    left: u64,
    set: SortedSet,
}

enum Form {
    /// Members with scores as text.
    Ascii,
    /// Members with scores as they are in memory.
    Binary,
    Ziplist,
    Listpack,
}

impl Builder {
    /// Begins to read a sorted set of one of its types.
    pub fn begin(kind: u8, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        let (form, left) = match kind {
            kind::SORTED_SET_ASCII => (Form::Ascii, input.len()?),
            kind::SORTED_SET => (Form::Binary, input.len()?),
            kind::SORTED_SET_ZIPLIST => (Form::Ziplist, 1),
            _ => (Form::Listpack, 1),
        };
        Ok(Box::new(Self { form, left, set: SortedSet::new() }))
    }

    fn add(&mut self, member: &[u8], score: f64, limits: &Limits) -> Result<(), Fault> {
        if score.is_nan() {
            return Err(Fault::BadScore);
        }
        match self.set.insert(member, score, limits) {
            None => Ok(()),
            Some(_) => Err(Fault::DuplicateMember),
        }
    }

    /// Takes in an entry of a packed run: a member, or the score of the one that is kept in `member`.
    fn add_packed(
        &mut self,
        member: &mut Option<Vec<u8>>,
        entry: &[u8],
        limits: &Limits,
    ) -> Result<(), Fault> {
        match member.take() {
            None => *member = Some(entry.to_vec()),
            Some(member) => self.add(&member, parse_float(entry).ok_or(Fault::BadScore)?, limits)?,
        }
        Ok(())
    }

    fn ziplist(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Fault> {
        let (mut member, mut result) = (None, Ok(()));
        ziplist::read(bytes, |element| {
            if result.is_ok() {
                result = match element {
                    Element::Int(n) => self.add_packed(&mut member, &format_int(n), limits),
                    Element::Bytes(bytes) => self.add_packed(&mut member, bytes, limits),
                };
            }
        })
        .ok_or(Fault::BadNode("Zset ziplist"))?;
        result.and(if member.is_none() { Ok(()) } else { Err(Fault::BadNode("Zset ziplist")) })
    }

    fn listpack(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Fault> {
        let listpack = listpack::read(bytes).ok_or(Fault::BadNode("Zset listpack"))?;
        if let Some(set) = SortedSet::from_packed(Run::of(listpack), limits) {
            self.set = set;
            return Ok(());
        }
        let mut member = None;
        for entry in listpack.entries() {
            self.add_packed(&mut member, &Item::from(entry), limits)?;
        }
        if member.is_none() { Ok(()) } else { Err(Fault::BadNode("Zset listpack")) }
    }
}

impl Build for Builder {
    fn is_whole(&self) -> bool {
        self.left == 0
    }

    fn item(&mut self, input: &mut Input<'_>, limits: &Limits) -> Read<()> {
        let text = input.string()?.into_bytes();
        if self.set.is_empty() && matches!(self.form, Form::Ascii | Form::Binary) {
            // A negative zero is one as long as it was not packed.
            self.set = SortedSet::unpacked(limits);
        }
        match self.form {
            Form::Ascii => {
                let score = ascii_score(input)?;
                self.add(&text, score, limits)?;
            }
            Form::Binary => {
                let score = f64::from_le_bytes(input.array()?);
                self.add(&text, score, limits)?;
            }
            Form::Ziplist => self.ziplist(&text, limits)?,
            Form::Listpack => self.listpack(&text, limits)?,
        }
        self.left -= 1;
        if self.left == 0 {
            self.set.pack(limits);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Option<Object> {
        (!self.set.is_empty()).then(|| Object::SortedSet(Box::new(self.set)))
    }
}

/// Reads a score as text, in front of which is its length, or a byte that stands for what has no digits.
fn ascii_score(input: &mut Input<'_>) -> Read<f64> {
    Ok(match input.byte()? {
        253 => f64::NAN,
        254 => f64::INFINITY,
        255 => f64::NEG_INFINITY,
        len => parse_float(input.take(len.into())?).ok_or(Fault::BadScore)?,
    })
}

/// Returns the type that a sorted set is written as.
pub(super) fn kind_of(set: &SortedSet, plain: bool) -> u8 {
    if set.packed().is_some() && !plain { kind::SORTED_SET_LISTPACK } else { kind::SORTED_SET }
}

/// Writes members of a sorted set, or the whole run of a small one, from the member `begun` up to the limit; returns
/// how many of them are written then, if not all.
pub(super) fn save(
    set: &SortedSet,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if let Some(run) = set.packed().filter(|_| !encoder.plain) {
        let mut whole = vec![];
        run.write_listpack(&mut whole);
        encoder.string(&whole, out);
        return None;
    }
    let written = begun.unwrap_or_else(|| {
        write_len(set.len() as u64, out);
        0
    });
    // The last member comes first, as in Redis, whose skip lists are quickest to build from there.
    let left = set.len() - written;
    for (i, (member, score)) in set.range(0..left, Side::Tail).enumerate() {
        encoder.string(&member, out);
        out.extend_from_slice(&score.to_le_bytes());
        if out.len() >= limit && i + 1 < left {
            return Some(written + i + 1);
        }
    }
    None
}
