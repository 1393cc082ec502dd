//! A stream: entries in the order of their ids, in nodes of neighbours, and the groups that read it.

use std::collections::VecDeque;

use super::limits::Small;
use super::stream_group::Groups;
use super::stream_id::Id;
use super::stream_node::{Head, NODE_MAX, Node, Pairs};

/// A log of entries that are never changed.
#[derive(Clone, Default)]
pub struct Stream {
    /// In order; none is without an entry that is not deleted.
    nodes: VecDeque<Node>,
    len: u64,
    first: Id,
    /// The highest id that an entry ever had, or that was set.
    last: Id,
    max_deleted: Id,
    /// How many entries were ever added.
    added: u64,
    pub groups: Groups,
}

/// What trimming leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// So many entries, the newest.
    Newest(u64),
    /// The entries from this id on.
    From(Id),
}

/// How closely trimming does what it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    Exact,
    /// Whole nodes go, and no more than so many entries unless that is 0.
    Nodes {
        limit: u64,
    },
}

/// A direction in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// One entry.
pub struct Item<'a> {
    pub id: Id,
    pub pairs: Pairs<'a>,
}

impl Stream {
    /// The most bytes of fields and values in an entry.
    pub const ENTRY_MAX: usize = NODE_MAX;

    /// Returns the number of entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the id of the oldest entry, or the lowest one if there is none.
    pub fn first(&self) -> Id {
        self.first
    }

    /// Returns the id that the next entry's must be higher than.
    pub fn last(&self) -> Id {
        self.last
    }

    /// Returns the highest id of an entry that was deleted by its id.
    pub fn max_deleted(&self) -> Id {
        self.max_deleted
    }

    /// Returns how many entries were ever added.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Adds an entry: fields and values in turn. Its id must be higher than the last one.
    pub fn append<'a>(
        &mut self,
        id: Id,
        pairs: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
        limits: Small,
    ) {
        debug_assert!(id > self.last && pairs.len().is_multiple_of(2));
        let bytes = pairs.clone().map(<[u8]>::len).sum();
        match self.nodes.back_mut() {
            Some(node) if node.fits(bytes, limits) => node.append(id, pairs),
            full => {
                if let Some(node) = full {
                    node.finish();
                }
                self.nodes.push_back(Node::new(id, pairs));
            }
        }
        if self.len == 0 {
            self.first = id;
        }
        (self.last, self.len, self.added) = (id, self.len + 1, self.added.wrapping_add(1));
    }

    /// Deletes an entry; tells whether there is one of this id.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some(at) = self.node_of(id) else { return false };
        let Some(place) = self.nodes[at].find(id) else { return false };
        if self.nodes[at].head().is_some_and(|head| head.live == 1) {
            self.nodes.remove(at);
        } else {
            self.nodes[at].delete(&place);
        }
        self.len -= 1;
        self.max_deleted = self.max_deleted.max(id);
        if id == self.first {
            self.find_first();
        }
        true
    }

    /// Deletes entries from the oldest on; returns how many.
    pub fn trim(&mut self, keep: Keep, precision: Precision) -> u64 {
        let mut deleted = 0;
        let limit = match precision {
            Precision::Nodes { limit } if limit > 0 => limit,
            Precision::Nodes { .. } | Precision::Exact => u64::MAX,
        };
        while let Some(node) = self.nodes.front_mut() {
            let Some(Head { live, .. }) = node.head() else { break };
            let whole = match keep {
                Keep::Newest(count) if self.len <= count => break,
                Keep::Newest(count) => self.len - live >= count,
                Keep::From(id) => node.last() < id,
            };
            if deleted + live > limit {
                break;
            }
            if whole {
                self.nodes.pop_front();
                (deleted, self.len) = (deleted + live, self.len - live);
                continue;
            }
            if precision == Precision::Exact {
                let len = self.len;
                let count = node.delete_front(|other, marked| match keep {
                    Keep::Newest(count) => len - marked > count,
                    Keep::From(id) => other < id,
                });
                (deleted, self.len) = (deleted + count, self.len - count);
            }
            break;
        }
        if deleted > 0 {
            self.find_first();
        }
        if self.nodes.capacity() > 2 * self.nodes.len() + 8 {
            self.nodes.shrink_to_fit();
        }
        deleted
    }

    /// Sets the last id, and what else is given.
    pub fn set_last(&mut self, last: Id, added: Option<u64>, max_deleted: Option<Id>) {
        self.last = last;
        self.added = added.unwrap_or(self.added);
        self.max_deleted = max_deleted.unwrap_or(self.max_deleted);
    }

    /// Tells whether there is an entry of this id.
    pub fn contains(&self, id: Id) -> bool {
        self.node_of(id).is_some_and(|at| self.nodes[at].find(id).is_some())
    }

    /// Returns the entry of this id.
    pub fn get(&self, id: Id) -> Option<Item<'_>> {
        let node = &self.nodes[self.node_of(id)?];
        let place = node.find(id)?;
        Some(Item { id, pairs: node.pairs(&node.head()?, &place) })
    }

    /// Goes through the entries from one id to another, both included.
    pub fn range(&self, from: Id, to: Id, order: Order) -> Items<'_> {
        let edge = match order {
            Order::OldestFirst => from,
            Order::NewestFirst => to,
        };
        let node = match (self.node_of(edge), order) {
            (Some(node), _) => node,
            (None, Order::OldestFirst) => 0,
            (None, Order::NewestFirst) => usize::MAX,
        };
        Items { stream: self, from, to, order, node, at: None }
    }

    /// Goes through all entries.
    pub fn iter(&self) -> Items<'_> {
        self.range(Id::MIN, Id::MAX, Order::OldestFirst)
    }

    /// Returns the highest id of an entry that is there.
    pub fn newest(&self) -> Option<Id> {
        self.range(Id::MIN, Id::MAX, Order::NewestFirst).next().map(|item| item.id)
    }

    /// Returns how many entries were ever added up to this id, if that can be told.
    pub fn added_until(&self, id: Id) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last {
            return Some(self.added);
        }
        if id == self.last {
            return Some(self.added);
        }
        // Below the first entry, and at it, only entries are missing that were trimmed or deleted all together.
        if id < self.last && (self.max_deleted == Id::MIN || self.max_deleted < self.first) {
            let gone = self.added.saturating_sub(self.len);
            match id.cmp(&self.first) {
                std::cmp::Ordering::Less => return Some(gone),
                std::cmp::Ordering::Equal => return Some(gone + 1),
                std::cmp::Ordering::Greater => {}
            }
        }
        None
    }

    /// Tells whether an entry from this id on was deleted by its id, so that counting on from there goes wrong.
    pub fn has_gap_from(&self, id: Id) -> bool {
        self.max_deleted >= self.first
            && self.max_deleted != Id::MIN
            && self.len > 0
            && id <= self.max_deleted
    }

    /// Returns how many bytes are allocated besides the stream itself.
    pub fn heap_bytes(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(Node::heap_bytes).sum();
        nodes + self.nodes.capacity() * size_of::<Node>() + self.groups.heap_bytes()
    }

    // Nodes, for snapshots and the curious -------------------------------------------------------------------------

    /// Returns the number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Returns each node after the first `skipped` ones: the id of its first entry, and its listpack.
    pub fn nodes_after(&self, skipped: usize) -> impl Iterator<Item = (Id, &[u8])> {
        self.nodes.range(skipped.min(self.nodes.len())..).map(|node| (node.first, node.pack()))
    }

    /// Appends a node from outside; returns `None`, with the stream as it was, unless it is one and its ids are higher.
    pub fn push_node(&mut self, first: Id, pack: Vec<u8>) -> Option<()> {
        let node = Node::read(first, pack)?;
        let (head, last) = (node.head()?, node.last());
        let lowest = node.place(&head, head.entries)?.id;
        if lowest < first || (self.last >= lowest && !self.nodes.is_empty()) {
            return None;
        }
        self.len += head.live;
        self.last = last;
        self.nodes.push_back(node);
        if self.first == Id::MIN {
            self.find_first();
        }
        Some(())
    }

    /// Returns how many nodes a radix tree of Redis would have for the ids of the nodes here. Of many nodes the first
    /// ones are counted, and the rest is thought to be like them.
    pub fn radix_nodes(&self) -> u64 {
        const COUNTED: usize = 1_000;
        let ids: Vec<_> = self.nodes.iter().take(COUNTED).map(|node| node.first.to_bytes()).collect();
        let counted = radix_nodes(&ids, 0);
        if self.nodes.len() <= COUNTED { counted } else { counted * self.nodes.len() as u64 / COUNTED as u64 }
    }

    // --------------------------------------------------------------------------------------------------------------

    /// Returns the node that an id belongs to, if it is not in front of all.
    fn node_of(&self, id: Id) -> Option<usize> {
        self.nodes.partition_point(|node| node.first <= id).checked_sub(1)
    }

    fn find_first(&mut self) {
        self.first = self.iter().next().map_or(Id::MIN, |item| item.id);
    }
}

/// Counts the nodes of a radix tree with these keys, which are in order and agree in so many first bytes: one for the
/// end of each key, each place where keys part, and each run of bytes without one.
fn radix_nodes(keys: &[[u8; 16]], depth: usize) -> u64 {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return 1 };
    let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let ways = keys.chunk_by(|a, b| a.get(common) == b.get(common));
    let below: u64 = if keys.len() == 1 { 0 } else { ways.map(|way| radix_nodes(way, common + 1)).sum() };
    u64::from(common > depth) + 1 + below
}

/// Entries one after the other, in either direction.
pub struct Items<'a> {
    stream: &'a Stream,
    from: Id,
    to: Id,
    order: Order,
    /// The node, and the place in it to go on from; `None` if it has just been entered.
    node: usize,
    at: Option<(Head, usize)>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let node = self.stream.nodes.get(self.node)?;
            let (head, at) = match self.at {
                Some(place) => place,
                None => {
                    let head = node.head()?;
                    let at = match self.order {
                        Order::OldestFirst => head.entries,
                        Order::NewestFirst => node.end(),
                    };
                    (head, at)
                }
            };
            let place = match self.order {
                Order::OldestFirst => node.place(&head, at),
                Order::NewestFirst => node.place_before(&head, at),
            };
            let Some(place) = place else {
                self.at = None;
                self.node = match self.order {
                    Order::OldestFirst => self.node + 1,
                    Order::NewestFirst => self.node.checked_sub(1).unwrap_or(usize::MAX),
                };
                continue;
            };
            let (next, past) = match self.order {
                Order::OldestFirst => (place.end, place.id > self.to),
                Order::NewestFirst => (place.start, place.id < self.from),
            };
            self.at = Some((head, next));
            if past {
                self.node = usize::MAX;
            } else if !place.is_deleted() && (self.from..=self.to).contains(&place.id) {
                return Some(Item { id: place.id, pairs: node.pairs(&head, &place) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    const LIMITS: Small = Small { entries: 10, bytes: 200 };

    /// A stream as a vector of ids and values.
    type Naive = Vec<(Id, String)>;

    fn add(stream: &mut Stream, naive: &mut Naive, id: Id, random: &mut Random) {
        let bits = random.below(60);
        let value = random.below(1 << bits).to_string();
        let field: &[u8] = if random.below(4) == 0 { b"other" } else { b"field" };
        stream.append(id, [field, value.as_bytes()].into_iter(), LIMITS);
        naive.push((id, value));
    }

    fn read<'a>(items: impl Iterator<Item = Item<'a>>) -> Naive {
        items
            .map(|item| {
                let values = item.pairs.map(|(_, value)| String::from_utf8_lossy(&value).into_owned());
                (item.id, values.collect())
            })
            .collect()
    }

    #[test]
    fn behaves_as_a_sorted_vector() {
        let mut random = Random::new(3);
        let (mut stream, mut naive) = (Stream::default(), vec![]);
        let mut added = 0;
        for _ in 0..4_000 {
            let id = Id::new(stream.last().ms + random.below(3), random.below(4));
            let any = Id::new(random.below(stream.last().ms + 2), random.below(4));
            match random.below(12) {
                0..6 if id > stream.last() => {
                    add(&mut stream, &mut naive, id, &mut random);
                    added += 1;
                }
                6 | 7 => {
                    let at = naive.iter().position(|(id, _)| *id == any);
                    assert_eq!(stream.delete(any), at.is_some());
                    at.map(|at| naive.remove(at));
                }
                8 if random.below(8) == 0 => {
                    let count = random.below(naive.len() as u64 + 2);
                    let gone = naive.len().saturating_sub(count as usize);
                    assert_eq!(stream.trim(Keep::Newest(count), Precision::Exact), gone as u64);
                    naive.drain(..gone);
                }
                9 if random.below(8) == 0 => {
                    let gone = naive.partition_point(|(id, _)| *id < any);
                    assert_eq!(stream.trim(Keep::From(any), Precision::Exact), gone as u64);
                    naive.drain(..gone);
                }
                _ => {
                    let (from, to) = (any.min(id), any.max(id));
                    let inside: Naive =
                        naive.iter().filter(|(id, _)| (from..=to).contains(id)).cloned().collect();
                    assert_eq!(read(stream.range(from, to, Order::OldestFirst)), inside);
                    let back: Naive = inside.into_iter().rev().collect();
                    assert_eq!(read(stream.range(from, to, Order::NewestFirst)), back);
                }
            }
            assert_eq!((stream.len(), stream.added()), (naive.len() as u64, added));
            assert_eq!(stream.first(), naive.first().map_or(Id::MIN, |(id, _)| *id));
            assert_eq!(stream.contains(any), naive.iter().any(|(id, _)| *id == any));
        }
        let mut copy = Stream::default();
        stream.nodes_after(0).for_each(|(id, pack)| copy.push_node(id, pack.to_vec()).expect("a node"));
        assert_eq!(read(copy.iter()), naive);
    }

    #[test]
    fn trimming_by_nodes_leaves_whole_ones() {
        let filled = || {
            let mut stream = Stream::default();
            let limits = Small { entries: 10, bytes: 0 };
            (1..=95).for_each(|ms| stream.append(Id::new(ms, 0), [&b"f"[..], b"v"].into_iter(), limits));
            stream
        };
        let trim = |keep, limit| filled().trim(keep, Precision::Nodes { limit });
        assert_eq!(trim(Keep::Newest(34), 0), 60);
        assert_eq!(trim(Keep::Newest(34), 25), 20);
        assert_eq!(trim(Keep::Newest(34), 5), 0);
        assert_eq!(trim(Keep::From(Id::new(40, 0)), 0), 30);
        assert_eq!(trim(Keep::From(Id::new(41, 0)), 0), 40);
        assert_eq!(trim(Keep::From(Id::MAX), 0), 95);
        assert_eq!(filled().node_count(), 10);
    }

    #[test]
    fn the_radix_tree_is_that_of_redis() {
        // XINFO STREAM of redis-server 7.0 with stream-node-max-entries 1.
        let nodes = |ids: &[(u64, u64)]| {
            let keys: Vec<_> = ids.iter().map(|(ms, seq)| Id::new(*ms, *seq).to_bytes()).collect();
            radix_nodes(&keys, 0)
        };
        assert_eq!(nodes(&[]), 1);
        assert_eq!(nodes(&[(1, 1)]), 2);
        assert_eq!(nodes(&[(1, 1), (1, 2)]), 4);
        assert_eq!(nodes(&[(1, 1), (2, 1)]), 6);
        assert_eq!(nodes(&[(1, 1), (1, 2), (2, 1), (256, 0), (257, 0)]), 14);
    }
}
