//! Streams as commands.

use crate::base::number::{format_int, format_uint};
use crate::data::stream::{Order, Stream};
use crate::data::stream_group::{Delivery, Group};
use crate::data::stream_id::Id;

use super::super::parts::{Full, Parts};
use super::Out;

/// Writes the commands of a stream after the first `from` parts; returns how many are written then, if not all.
pub(super) fn write(stream: &Stream, key: &[u8], from: usize, out: &mut Out<'_>) -> Option<usize> {
    let mut parts = Parts::new(from, out.limit);
    write_parts(stream, key, &mut parts, out).err().map(|Full| parts.done())
}

fn write_parts(stream: &Stream, key: &[u8], parts: &mut Parts, out: &mut Out<'_>) -> Result<(), Full> {
    let mut nodes = stream.nodes_after(parts.skip(stream.node_count())).map(|(id, _)| id).peekable();
    while let Some(first) = nodes.next() {
        let last = nodes.peek().and_then(|next| next.previous()).unwrap_or(Id::MAX);
        for item in stream.range(first, last, Order::OldestFirst) {
            out.begin(3 + 2 * item.pairs.len());
            [b"XADD", key, &item.id.text()].iter().for_each(|word| out.arg(word));
            for (field, value) in item.pairs {
                out.arg(&field);
                out.arg(&value);
            }
        }
        parts.wrote(out.bytes)?;
    }
    if parts.skip(1) == 0 {
        if stream.is_empty() {
            // An entry that goes at once leaves a stream; its id must be one that an entry can have.
            let id = stream.last().max(Id::new(0, 1));
            out.call(&[b"XADD", key, b"MAXLEN", b"0", &id.text(), b"x", b"y"]);
        }
        let (last, deleted) = (stream.last().text(), stream.max_deleted().text());
        let added = format_uint(stream.added());
        out.call(&[b"XSETID", key, &last, b"ENTRIESADDED", &added, b"MAXDELETEDID", &deleted]);
        parts.wrote(out.bytes)?;
    }
    stream.groups.iter().try_for_each(|group| write_group(group, key, parts, out))
}

fn write_group(group: &Group, key: &[u8], parts: &mut Parts, out: &mut Out<'_>) -> Result<(), Full> {
    if parts.skip(1) == 0 {
        let read = format_int(group.read.map_or(-1, |read| read as i64));
        out.call(&[b"XGROUP", b"CREATE", key, group.name(), &group.last.text(), b"ENTRIESREAD", &read]);
        parts.wrote(out.bytes)?;
    }
    for consumer in group.consumers() {
        if parts.skip(1) == 0 {
            out.call(&[b"XGROUP", b"CREATECONSUMER", key, group.name(), consumer.name()]);
            parts.wrote(out.bytes)?;
        }
    }
    for (id, delivery) in group.pending().iter_after(parts.skip(group.pending().len())) {
        write_claim(group, key, id, delivery, out);
        parts.wrote(out.bytes)?;
    }
    Ok(())
}

fn write_claim(group: &Group, key: &[u8], id: Id, delivery: Delivery, out: &mut Out<'_>) {
    out.call(&[
        b"XCLAIM",
        key,
        group.name(),
        group.consumer(delivery.consumer).name(),
        b"0",
        &id.text(),
        b"TIME",
        &format_uint(delivery.at_ms),
        b"RETRYCOUNT",
        &format_uint(delivery.count),
        b"FORCE",
        b"JUSTID",
    ]);
}
