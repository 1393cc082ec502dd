//! Channels, patterns and shard channels, and who listens to them.

use crate::base::bytes::Bytes;
use crate::base::glob::{self, Case};
use crate::data::table::HashKey;
use crate::keyspace::Effects;
use crate::resp::SessionId;

use super::index::Index;

/// The three kinds of subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Channel,
    Pattern,
    Shard,
}

impl Way {
    /// Returns the first word of the confirmation of a subscription, of its end, and of a message.
    pub fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Way::Channel => ("subscribe", "unsubscribe", "message"),
            Way::Pattern => ("psubscribe", "punsubscribe", "pmessage"),
            Way::Shard => ("ssubscribe", "sunsubscribe", "smessage"),
        }
    }
}

/// Names of each kind, and who listens to them: those of one client, or of all.
#[derive(Debug)]
pub struct Subscriptions {
    channels: Index,
    patterns: Index,
    shards: Index,
}

impl Subscriptions {
    pub fn new(key: HashKey) -> Self {
        Self { channels: Index::new(key), patterns: Index::new(key), shards: Index::new(key) }
    }

    /// Returns the names, in no order that means anything.
    pub fn names(&self, way: Way) -> Vec<Bytes> {
        self.of(way).iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn of(&self, way: Way) -> &Index {
        match way {
            Way::Channel => &self.channels,
            Way::Pattern => &self.patterns,
            Way::Shard => &self.shards,
        }
    }

    fn of_mut(&mut self, way: Way) -> &mut Index {
        match way {
            Way::Channel => &mut self.channels,
            Way::Pattern => &mut self.patterns,
            Way::Shard => &mut self.shards,
        }
    }

    /// Returns how many names there are of all kinds: so many subscriptions a client of RESP2 must end before it may
    /// do anything else.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shards.len()
    }

    /// Estimates the memory that the names take.
    pub fn heap_bytes(&self) -> usize {
        self.channels.heap_bytes() + self.patterns.heap_bytes() + self.shards.heap_bytes()
    }

    /// Returns the number that a confirmation shows: shard channels are counted apart.
    pub fn shown(&self, way: Way) -> usize {
        match way {
            Way::Channel | Way::Pattern => self.channels.len() + self.patterns.len(),
            Way::Shard => self.shards.len(),
        }
    }
}

/// Everybody who listens.
pub struct PubSub(Subscriptions);

impl PubSub {
    pub fn new(key: HashKey) -> Self {
        Self(Subscriptions::new(key))
    }

    pub fn of(&self, way: Way) -> &Index {
        self.0.of(way)
    }

    /// Returns whether nobody listens to anything.
    pub fn is_empty(&self) -> bool {
        self.0.count() == 0
    }

    pub fn subscribe(&mut self, id: SessionId, own: &mut Subscriptions, way: Way, name: &[u8]) {
        if own.of_mut(way).add(name, id) {
            self.0.of_mut(way).add(name, id);
        }
    }

    pub fn unsubscribe(&mut self, id: SessionId, own: &mut Subscriptions, way: Way, name: &[u8]) {
        own.of_mut(way).remove(name, id);
        self.0.of_mut(way).remove(name, id);
    }

    /// Ends every subscription of a client that goes.
    pub fn leave(&mut self, id: SessionId, own: &mut Subscriptions) {
        for way in [Way::Channel, Way::Pattern, Way::Shard] {
            for name in own.names(way) {
                self.unsubscribe(id, own, way, &name);
            }
        }
    }

    /// Queues a message for all who listen to the channel or to a pattern that it matches; returns how many.
    pub fn publish(&self, effects: &mut Effects, channel: &[u8], message: &[u8]) -> usize {
        let mut told = self.tell(effects, Way::Channel, channel, message);
        for (pattern, listeners) in self.of(Way::Pattern).iter() {
            if !glob::matches(pattern, channel, Case::Exact) {
                continue;
            }
            for id in listeners {
                effects.push(*id, 4, |reply| {
                    reply.bulk(b"pmessage");
                    reply.bulk(pattern);
                    reply.bulk(channel);
                    reply.bulk(message);
                });
            }
            told += listeners.len();
        }
        told
    }

    /// Queues a message for all who listen to a shard channel; returns how many.
    pub fn publish_shard(&self, effects: &mut Effects, channel: &[u8], message: &[u8]) -> usize {
        self.tell(effects, Way::Shard, channel, message)
    }

    fn tell(&self, effects: &mut Effects, way: Way, channel: &[u8], message: &[u8]) -> usize {
        let listeners = self.of(way).of(channel);
        for id in listeners {
            effects.push(*id, 3, |reply| {
                reply.bulk(way.words().2.as_bytes());
                reply.bulk(channel);
                reply.bulk(message);
            });
        }
        listeners.len()
    }
}
