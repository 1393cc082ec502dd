//! Groups of consumers that share a stream, and what they were given but have not acknowledged.

use super::id_map::IdMap;
use super::stream::Stream;
use super::stream_id::Id;
use crate::base::bytes::Bytes;

/// The groups of a stream, in the order of their names.
#[derive(Clone, Default)]
pub struct Groups(Vec<Group>);

/// Consumers that share the entries of a stream.
#[derive(Clone, Default)]
pub struct Group {
    name: Bytes,
    /// The last entry that was given to a consumer.
    pub last: Id,
    /// How many entries were added up to that one, if it is known.
    pub read: Option<u64>,
    pending: IdMap<Delivery>,
    /// By the numbers that deliveries name them by; those of consumers that are gone are free.
    consumers: Vec<Option<Consumer>>,
    /// The numbers in the order of the names.
    order: Vec<u32>,
}

/// Somebody who reads for a group.
#[derive(Clone)]
pub struct Consumer {
    name: Bytes,
    /// When it was last heard of, in milliseconds since 1970.
    pub seen_ms: u64,
    pending: IdMap<()>,
}

/// An entry that a consumer was given and has not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub consumer: ConsumerId,
    /// When it was given out last, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often it was given out.
    pub count: u64,
}

/// Names a consumer of a group for as long as it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerId(u32);

impl Groups {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.0.iter_mut()
    }

    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.find(name).ok().map(|at| &self.0[at])
    }

    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.find(name).ok().map(|at| &mut self.0[at])
    }

    /// Makes a group; returns `None` if there is one of this name.
    pub fn create(&mut self, name: &[u8], last: Id, read: Option<u64>) -> Option<&mut Group> {
        let at = self.find(name).err()?;
        self.0.insert(at, Group { name: name.into(), last, read, ..Group::default() });
        Some(&mut self.0[at])
    }

    /// Removes a group; tells whether there was one of this name.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let place = self.find(name);
        place.map(|at| self.0.remove(at)).is_ok()
    }

    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Group>() + self.iter().map(Group::heap_bytes).sum::<usize>()
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|group| group.name.as_slice().cmp(name))
    }
}

impl Group {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.order.iter().map(|number| self.consumer(ConsumerId(*number)))
    }

    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.place(name).ok().map(|at| ConsumerId(self.order[at]))
    }

    /// Panics if the consumer is no longer there.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("deliveries go with their consumer")
    }

    /// Panics if the consumer is no longer there.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("deliveries go with their consumer")
    }

    /// Makes a consumer; returns `None` if there is one of this name.
    pub fn create_consumer(&mut self, name: &[u8], seen_ms: u64) -> Option<ConsumerId> {
        let at = self.place(name).err()?;
        let consumer = Some(Consumer { name: name.into(), seen_ms, pending: IdMap::default() });
        let number = match self.consumers.iter().position(Option::is_none) {
            Some(free) if self.order.len() < self.consumers.len() => {
                self.consumers[free] = consumer;
                free
            }
            _ => {
                self.consumers.push(consumer);
                self.consumers.len() - 1
            }
        };
        self.order.insert(at, number as u32);
        Some(ConsumerId(number as u32))
    }

    /// Removes a consumer and all that it has pending; returns how much that was, if there is one of this name.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let at = self.place(name).ok()?;
        let consumer = self.consumers[self.order.remove(at) as usize].take()?;
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Returns all that is pending.
    pub fn pending(&self) -> &IdMap<Delivery> {
        &self.pending
    }

    /// Notes that a consumer was given an entry, whoever had it before.
    pub fn deliver(&mut self, id: Id, delivery: Delivery) {
        let before = self.pending.insert(id, delivery);
        if let Some(before) = before
            && before.consumer != delivery.consumer
        {
            self.consumer_mut(before.consumer).pending.remove(id);
        }
        if before.is_none_or(|before| before.consumer != delivery.consumer) {
            self.consumer_mut(delivery.consumer).pending.insert(id, ());
        }
    }

    /// Notes that the entries of a stream were given out up to this one.
    pub fn advance(&mut self, stream: &Stream, id: Id) {
        if id <= self.last {
            return;
        }
        self.read = match self.read {
            Some(read) if !stream.has_gap_from(id) => Some(read.saturating_add(1)),
            read if stream.added() == 0 => read,
            _ => stream.added_until(id),
        };
        self.last = id;
    }

    /// Returns how many entries of its stream the group has yet to be given, if that can be told.
    pub fn lag(&self, stream: &Stream) -> Option<i64> {
        let read = match self.read {
            _ if stream.added() == 0 => return Some(0),
            Some(read) if !stream.has_gap_from(self.last) => read,
            _ => stream.added_until(self.last)?,
        };
        Some((stream.added() as i64).wrapping_sub(read as i64))
    }

    /// Takes an entry off what is pending; tells whether it was there.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(delivery) = self.pending.remove(id) else { return false };
        self.consumer_mut(delivery.consumer).pending.remove(id);
        true
    }

    fn heap_bytes(&self) -> usize {
        let consumers = self.consumers.iter().flatten();
        let of_consumers: usize =
            consumers.map(|consumer| consumer.name.heap_bytes() + consumer.pending.heap_bytes()).sum();
        let tables = self.consumers.capacity() * size_of::<Option<Consumer>>() + self.order.capacity() * 4;
        self.name.heap_bytes() + self.pending.heap_bytes() + tables + of_consumers
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.order.binary_search_by(|number| self.consumer(ConsumerId(*number)).name.as_slice().cmp(name))
    }
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the ids of what it has pending.
    pub fn pending(&self) -> &IdMap<()> {
        &self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn an_entry_is_pending_with_one_consumer() {
        let mut groups = Groups::default();
        let group = groups.create(b"g", Id::MIN, None).expect("the first");
        let mut random = Random::new(7);
        for step in 0..5_000 {
            let name = [b'a' + random.below(5) as u8];
            let id = Id::new(random.below(50), 0);
            match random.below(10) {
                0 if step % 7 == 0 => {
                    let count = group.find_consumer(&name).map(|id| group.consumer(id).pending.len());
                    assert_eq!(group.remove_consumer(&name), count);
                }
                1..4 => assert_eq!(group.pending.get(id).is_some(), group.acknowledge(id)),
                _ => {
                    let found = group.find_consumer(&name);
                    let consumer = found.or_else(|| group.create_consumer(&name, step));
                    let consumer = consumer.expect("it is there or was made");
                    group.deliver(id, Delivery { consumer, at_ms: step, count: 1 });
                }
            }
            let total: usize = group.consumers().map(|consumer| consumer.pending.len()).sum();
            assert_eq!(total, group.pending.len());
            for (id, delivery) in group.pending.iter() {
                assert!(group.consumer(delivery.consumer).pending.get(id).is_some());
            }
            assert!(group.consumers().is_sorted_by(|a, b| a.name < b.name));
        }
        assert!(group.consumers.len() <= 5);
    }
}
