//! Lists in snapshots.

use crate::base::number::format_int;
use crate::data::Limits;
use crate::data::list::{List, Side};
use crate::data::listpack;
use crate::data::object::Object;

use super::build::Build;
use super::input::{Input, Read};
use super::output::{Encoder, write_len};
use super::ziplist::{self, Element};
use super::{Fault, kind};

/// A list that is being read.
pub(super) struct Builder {
    nodes: Nodes,
    left: u64,
    list: List,
}

enum Nodes {
    Elements,
    Ziplists,
    Listpacks,
}

impl Builder {
    /// Begins to read a list of one of its types.
    pub fn begin(kind: u8, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
        let (nodes, left) = match kind {
            kind::LIST => (Nodes::Elements, input.len()?),
            kind::LIST_ZIPLIST => (Nodes::Ziplists, 1),
            kind::LIST_OF_ZIPLISTS => (Nodes::Ziplists, input.len()?),
            _ => (Nodes::Listpacks, input.len()?),
        };
        Ok(Box::new(Self { nodes, left, list: List::new() }))
    }
}

impl Build for Builder {
    fn is_whole(&self) -> bool {
        self.left == 0
    }

    fn item(&mut self, input: &mut Input<'_>, _: &Limits) -> Read<()> {
        let list = &mut self.list;
        match self.nodes {
            Nodes::Elements => list.push(Side::Tail, &input.string()?.into_bytes()),
            Nodes::Ziplists => ziplist::read(&input.string()?.into_bytes(), |element| match element {
                Element::Int(n) => list.push(Side::Tail, &format_int(n)),
                Element::Bytes(bytes) => list.push(Side::Tail, bytes),
            })
            .ok_or(Fault::BadNode("Ziplist"))?,
            Nodes::Listpacks => match input.len()? {
                kind::NODE_PLAIN => {
                    let element = input.string()?.into_bytes();
                    // Only what is long is by itself.
                    if element.is_empty() {
                        return Err(Fault::BadNode("Quicklist").into());
                    }
                    list.push(Side::Tail, &element);
                }
                kind::NODE_PACKED => {
                    list.push_listpack(&input.string()?.into_bytes()).ok_or(Fault::BadNode("Listpack"))?;
                }
                _ => return Err(Fault::BadNode("Quicklist").into()),
            },
        }
        self.left -= 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Option<Object> {
        (!self.list.is_empty()).then(|| Object::List(Box::new(self.list)))
    }
}

/// Writes nodes of a list from the one `begun` up to the limit; returns how many of them are written then, if not all.
pub(super) fn save(
    list: &List,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if encoder.plain {
        return save_elements(list, begun, limit, encoder, out);
    }
    let nodes = list.listpacks();
    let count = nodes.len();
    if begun.is_none() {
        write_len(count as u64, out);
    }
    let mut node = vec![];
    for (i, (elements, packed)) in nodes.enumerate().skip(begun.unwrap_or(0)) {
        node.clear();
        node.extend_from_slice(&listpack::header(elements, packed.len()));
        node.extend_from_slice(packed);
        node.push(listpack::END);
        write_len(kind::NODE_PACKED, out);
        encoder.string(&node, out);
        if out.len() >= limit && i + 1 < count {
            return Some(i + 1);
        }
    }
    None
}

/// Writes elements one by one, as Redis could always read them.
fn save_elements(
    list: &List,
    begun: Option<usize>,
    limit: usize,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let from = begun.unwrap_or_else(|| {
        write_len(list.len() as u64, out);
        0
    });
    for (i, element) in (from..).zip(list.range(from as i64, -1)) {
        encoder.string(&element, out);
        if out.len() >= limit && i + 1 < list.len() {
            return Some(i + 1);
        }
    }
    None
}
