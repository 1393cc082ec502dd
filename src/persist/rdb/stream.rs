//! Streams in snapshots.
//!
//! ```text
//! nodes (id listpack)…            how many, then each
//! length last first deleted added  ids are two numbers; 15 has neither of the last three
//! groups
//!   name last read                 15 has no `read`
//!   pending (id ms count)…         ids are sixteen bytes from here on, times eight
//!   consumers
//!     name seen active             only 21 has `active`
//!     pending (id)…
//! ```

use crate::data::Limits;
use crate::data::id_map::IdMap;
use crate::data::object::Object;
use crate::data::stream::Stream;
use crate::data::stream_group::{ConsumerId, Delivery, Group};
use crate::data::stream_id::Id;

use super::super::parts::{Full, Parts};
use super::build::Build;
use super::input::{Input, Read};
use super::output::{Encoder, write_len};
use super::{Fault, kind};

/// What stands for an unknown number of entries read.
const UNKNOWN: u64 = u64::MAX;

/// A stream that is being read.
pub(super) struct Builder {
    kind: u8,
    stage: Stage,
    stream: Stream,
    /// The group that is being read.
    group: Vec<u8>,
    /// What it has pending of which no consumer is known yet: times and counts.
    unclaimed: IdMap<(u64, u64)>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Nodes { left: u64 },
    Totals,
    Groups { left: u64 },
    Pending { left: u64, groups: u64 },
    Consumers { groups: u64 },
    Consumer { left: u64, groups: u64 },
    Claims { left: u64, consumer: ConsumerId, consumers: u64, groups: u64 },
    Whole,
}

impl Stage {
    /// Returns what really comes next where none are left of what was to come.
    fn settled(self) -> Self {
        match self {
            Self::Nodes { left: 0 } => Self::Totals,
            Self::Pending { left: 0, groups } => Self::Consumers { groups },
            Self::Claims { left: 0, consumers, groups, .. } => {
                Self::Consumer { left: consumers, groups }.settled()
            }
            Self::Consumer { left: 0, groups } => Self::Groups { left: groups }.settled(),
            Self::Groups { left: 0 } => Self::Whole,
            other => other,
        }
    }
}

impl Builder {
    /// Begins to read a stream of one of its types.
    pub fn begin(kind: u8, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        let stage = Stage::Nodes { left: input.len()? }.settled();
        let stream = Stream::default();
        Ok(Box::new(Self { kind, stage, stream, group: vec![], unclaimed: IdMap::default() }))
    }

    fn node(&mut self, input: &mut Input<'_>) -> Read<()> {
        let id =
            <[u8; 16]>::try_from(&*input.string()?.into_bytes()).map_err(|_| Fault::BadNode("Stream"))?;
        let pack = input.string()?.into_bytes();
        Ok(self
            .stream
            .push_node(Id::from_bytes(id), pack.into_owned())
            .ok_or(Fault::BadNode("Stream listpack"))?)
    }

    /// Reads what is said of the whole stream; returns the number of groups.
    fn totals(&mut self, input: &mut Input<'_>) -> Read<u64> {
        let stream = &mut self.stream;
        let (len, last) = (input.len()?, numbers(input)?);
        let (mut max_deleted, mut added) = (Id::MIN, len);
        if self.kind != kind::STREAM {
            // The first id follows from the nodes.
            numbers(input)?;
            (max_deleted, added) = (numbers(input)?, input.len()?);
        }
        let groups = input.len()?;
        if len != stream.len() || last < stream.last() {
            return Err(Fault::BadNode("Stream").into());
        }
        stream.set_last(last, Some(added), Some(max_deleted));
        Ok(groups)
    }

    /// Reads the beginning of a group; returns how much it has pending.
    fn group(&mut self, input: &mut Input<'_>) -> Read<u64> {
        let (name, last) = (input.string()?.into_bytes(), numbers(input)?);
        let read = match self.kind {
            kind::STREAM => self.stream.added_until(last),
            _ => Some(input.len()?).filter(|read| *read != UNKNOWN),
        };
        let pending = input.len()?;
        self.stream.groups.create(&name, last, read).ok_or(Fault::BadNode("Stream"))?;
        self.group = name.into_owned();
        Ok(pending)
    }

    fn pending(&mut self, input: &mut Input<'_>) -> Read<()> {
        let (id, at_ms) = (Id::from_bytes(input.array()?), u64::from_le_bytes(input.array()?));
        let delivery = (at_ms, input.len()?);
        let before = self.unclaimed.insert(id, delivery);
        if before.is_some() { Err(Fault::BadNode("Stream").into()) } else { Ok(()) }
    }

    /// Reads the beginning of a consumer; returns how much it has pending.
    fn consumer(&mut self, input: &mut Input<'_>) -> Read<(ConsumerId, u64)> {
        let (name, seen_ms) = (input.string()?.into_bytes(), u64::from_le_bytes(input.array()?));
        if self.kind == kind::STREAM_WITH_ACTIVE_TIMES {
            input.array::<8>()?;
        }
        let claims = input.len()?;
        let consumer = self.reading().and_then(|group| group.create_consumer(&name, seen_ms));
        Ok((consumer.ok_or(Fault::DuplicateConsumer)?, claims))
    }

    fn claim(&mut self, consumer: ConsumerId, input: &mut Input<'_>) -> Read<()> {
        let id = Id::from_bytes(input.array()?);
        let (at_ms, count) = self.unclaimed.remove(id).ok_or(Fault::BadNode("Stream"))?;
        if let Some(group) = self.reading() {
            group.deliver(id, Delivery { consumer, at_ms, count });
        }
        Ok(())
    }

    fn reading(&mut self) -> Option<&mut Group> {
        self.stream.groups.get_mut(&self.group)
    }
}

impl Build for Builder {
    fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    fn item(&mut self, input: &mut Input<'_>, _: &Limits) -> Read<()> {
        let next = match self.stage {
            Stage::Nodes { left } => {
                self.node(input)?;
                Stage::Nodes { left: left - 1 }
            }
            Stage::Totals => Stage::Groups { left: self.totals(input)? },
            Stage::Groups { left } => Stage::Pending { left: self.group(input)?, groups: left - 1 },
            Stage::Pending { left, groups } => {
                self.pending(input)?;
                Stage::Pending { left: left - 1, groups }
            }
            Stage::Consumers { groups } => Stage::Consumer { left: input.len()?, groups },
            Stage::Consumer { left, groups } => {
                let (consumer, claims) = self.consumer(input)?;
                Stage::Claims { left: claims, consumer, consumers: left - 1, groups }
            }
            Stage::Claims { left, consumer, consumers, groups } => {
                self.claim(consumer, input)?;
                Stage::Claims { left: left - 1, consumer, consumers, groups }
            }
            Stage::Whole => Stage::Whole,
        };
        self.stage = next.settled();
        // What a group has pending, one of its consumers has.
        if matches!(self.stage, Stage::Groups { .. } | Stage::Whole) && !self.unclaimed.is_empty() {
            return Err(Fault::BadNode("Stream").into());
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Option<Object> {
        Some(Object::Stream(Box::new(self.stream)))
    }
}

fn numbers(input: &mut Input<'_>) -> Read<Id> {
    Ok(Id { ms: input.len()?, seq: input.len()? })
}

/// Writes parts of a stream from the one `begun` up to the limit; returns how many of them are written then, if not
/// all.
pub(super) fn save(
    stream: &Stream,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if begun.is_none() {
        write_len(stream.node_count() as u64, out);
    }
    let mut parts = Parts::new(begun.unwrap_or(0), limit);
    save_parts(stream, &mut parts, encoder, out).err().map(|Full| parts.done())
}

fn save_parts(
    stream: &Stream,
    parts: &mut Parts,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Result<(), Full> {
    for (id, pack) in stream.nodes_after(parts.skip(stream.node_count())) {
        encoder.string(&id.to_bytes(), out);
        encoder.string(pack, out);
        parts.wrote(out)?;
    }
    if parts.skip(1) == 0 {
        write_len(stream.len(), out);
        write_id(stream.last(), out);
        if !encoder.plain {
            write_id(stream.first(), out);
            write_id(stream.max_deleted(), out);
            write_len(stream.added(), out);
        }
        write_len(stream.groups.len() as u64, out);
        parts.wrote(out)?;
    }
    for group in stream.groups.iter() {
        save_group(group, parts, encoder, out)?;
    }
    Ok(())
}

fn save_group(
    group: &Group,
    parts: &mut Parts,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Result<(), Full> {
    let pending = group.pending();
    if parts.skip(1) == 0 {
        encoder.string(group.name(), out);
        write_id(group.last, out);
        if !encoder.plain {
            write_len(group.read.unwrap_or(UNKNOWN), out);
        }
        write_len(pending.len() as u64, out);
        parts.wrote(out)?;
    }
    for (id, delivery) in pending.iter_after(parts.skip(pending.len())) {
        out.extend_from_slice(&id.to_bytes());
        out.extend_from_slice(&delivery.at_ms.to_le_bytes());
        write_len(delivery.count, out);
        parts.wrote(out)?;
    }
    if parts.skip(1) == 0 {
        write_len(group.consumers().len() as u64, out);
        parts.wrote(out)?;
    }
    for consumer in group.consumers() {
        let pending = consumer.pending();
        if parts.skip(1) == 0 {
            encoder.string(consumer.name(), out);
            out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
            write_len(pending.len() as u64, out);
            parts.wrote(out)?;
        }
        for (id, ()) in pending.iter_after(parts.skip(pending.len())) {
            out.extend_from_slice(&id.to_bytes());
            parts.wrote(out)?;
        }
    }
    Ok(())
}

fn write_id(id: Id, out: &mut Vec<u8>) {
    write_len(id.ms, out);
    write_len(id.seq, out);
}
