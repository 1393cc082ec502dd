//! What is done when memory is short: keys are evicted, commands refused, clients disconnected.

use crate::base::bytes::Bytes;
use crate::base::sort;
use crate::base::time::Time;
use crate::keyspace::{Db, Order, Policy, Usage};
use crate::resp::{Error, Result, SessionId};
use crate::spec::Flags;

use super::Engine;
use super::call::Call;
use super::config::{Config, EvictionPolicy};
use super::pause::queued_flags;
use super::request::Request;
use super::session::Session;
use super::shared::{Client, Shared};

/// Keys that are evicted between two looks at the stopwatch.
const KEYS_A_LOOK: usize = 16;

impl Config {
    /// Returns what access clocks count under the policy of eviction.
    pub fn usage(&self) -> Usage {
        match self.maxmemory_policy {
            EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => Usage::Often {
                log_factor: self.lfu_log_factor.get() as u32,
                decay_minutes: self.lfu_decay_time.get() as u32,
            },
            _ => Usage::Lately,
        }
    }

    /// Returns whether Redis would keep one copy of each small integer: not where each key has an access clock of its own
    /// that matters.
    pub fn shares_integers(&self) -> bool {
        let by_clock = self
            .eviction()
            .is_some_and(|policy| matches!(policy.order, Order::LeastLately | Order::LeastOften));
        self.maxmemory.get() == 0 || !by_clock
    }

    /// Returns which keys go first when memory is short; none if none may.
    fn eviction(&self) -> Option<Policy> {
        let (volatile, order) = match self.maxmemory_policy {
            EvictionPolicy::VolatileLru => (true, Order::LeastLately),
            EvictionPolicy::VolatileLfu => (true, Order::LeastOften),
            EvictionPolicy::VolatileRandom => (true, Order::Random),
            EvictionPolicy::VolatileTtl => (true, Order::SoonestDeadline),
            EvictionPolicy::AllKeysLru => (false, Order::LeastLately),
            EvictionPolicy::AllKeysLfu => (false, Order::LeastOften),
            EvictionPolicy::AllKeysRandom => (false, Order::Random),
            EvictionPolicy::NoEviction => return None,
        };
        Some(Policy { volatile, order })
    }

    /// Returns how many nanoseconds one turn of eviction may take; any number, if none is returned.
    fn eviction_nanos(&self) -> Option<u64> {
        match self.maxmemory_eviction_tenacity.get() {
            tenacity @ ..=10 => Some(50_000 * tenacity.max(0) as u64),
            // 15 per cent more each.
            tenacity @ 11..100 => Some((10..tenacity).fold(500_000, |nanos, _| nanos * 115 / 100)),
            _ => None,
        }
    }

    /// Returns how much memory all clients together may take; none for any amount.
    fn clients_limit(&self) -> Option<u64> {
        let limit = self.maxmemory_clients;
        let bytes = match limit.percent() {
            true => (u128::from(self.maxmemory.get()) * u128::from(limit.get()) / 100) as u64,
            false => limit.get(),
        };
        (bytes > 0).then_some(bytes)
    }
}

impl Shared {
    /// Returns by how many bytes there is more than `maxmemory` allows.
    #[inline]
    pub(super) fn excess(&self) -> u64 {
        match self.config.maxmemory.get() {
            0 => 0,
            most => self.excess_over(most),
        }
    }

    /// Returns whether there is more than is allowed, of memory or of keys that are tracked.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        self.excess() > 0 || self.readers.exceed(self.config.tracking_table_max_keys.get() as usize)
    }

    #[cold]
    fn excess_over(&self, most: u64) -> u64 {
        let Some(gauge) = self.host.gauge else { return 0 };
        // What replicas are still to be sent does not count: evicting would only make it more.
        gauge().saturating_sub(most).saturating_sub(self.replica_bytes())
    }

    /// Returns how many bytes replicas are still to be sent.
    pub fn replica_bytes(&self) -> u64 {
        let replicas = self.clients.iter().filter(|client| client.session.replica);
        replicas.map(|client| client.out.capacity() as u64).sum()
    }
}

impl Shared {
    /// Estimates the memory that all clients but replicas and the one that speaks take.
    pub fn client_bytes(&self) -> u64 {
        let clients = self.clients.iter().filter(|client| !client.session.replica);
        clients.map(|client| client.bytes() as u64).sum()
    }
}

impl Client {
    /// Estimates the memory that a client takes.
    pub fn bytes(&self) -> usize {
        bytes_of(&self.session, self.out.capacity())
    }
}

/// Estimates the memory that a client takes with so large a buffer for output.
pub fn bytes_of(session: &Session, output: usize) -> usize {
    let queued = session.transaction.iter().flat_map(|transaction| &transaction.queue);
    let waiting = session.waiting.as_ref().map_or(0, |waiting| waiting.args.heap_bytes());
    let listens = session.subscriptions.heap_bytes();
    let prefixes = session.tracking.iter().flat_map(|tracking| &tracking.prefixes);
    size_of::<Client>()
        + output
        // The room behind it depends on how its parts came in, and would make equal clients unequal.
        + session.unread().max(session.announced)
        + waiting
        + listens
        // Each is also in the index of who hears of what.
        + prefixes.map(|prefix| 2 * (prefix.len() + size_of::<Bytes>()) + 48).sum::<usize>()
        + session.watched.iter().map(|watched| watched.key.len() + 48).sum::<usize>()
        + queued.map(|args| args.heap_bytes()).sum::<usize>()
}

impl Engine {
    /// Forgets who read what beyond `tracking-table-max-keys`, and evicts keys until memory suffices, or for as long as
    /// `maxmemory-eviction-tenacity` says. Says whether there is nothing left that may go.
    #[inline(always)]
    pub(super) fn make_room(&mut self, now: Time) {
        let shared = &mut self.shared;
        if shared.busy.is_none() && shared.readers.is_empty() && shared.config.maxmemory.get() == 0 {
            shared.out_of_memory = false;
        } else {
            self.make_more_room(now);
        }
    }

    fn make_more_room(&mut self, now: Time) {
        if self.shared.busy.is_some() {
            return;
        }
        if !self.shared.readers.is_empty() {
            self.shared.readers.shrink(self.shared.config.tracking_table_max_keys.get() as usize);
            self.send_invalidations();
        }
        self.shared.out_of_memory = false;
        if self.shared.excess() == 0 {
            return;
        }
        let left_to_primary = self.shared.following.is_some() && self.shared.config.replica_ignore_maxmemory;
        // What is being loaded is there first, then it may be too much.
        let loading = self.shared.persistence.loading.is_some();
        if self.shared.is_paused(now) || left_to_primary || loading {
            return;
        }
        while self.keyspace.has_rubbish() && self.shared.excess() > 0 {
            self.keyspace.free_rubbish(1_000);
        }
        // Room that clients do not need goes before keys do, and so do clients that take more than their share.
        self.shared.clients.give_back_outputs();
        self.evict_clients();
        let excess = self.shared.excess();
        if excess == 0 {
            return;
        }
        let (Some(policy), Some(gauge)) = (self.shared.config.eviction(), self.shared.host.gauge) else {
            self.shared.out_of_memory = true;
            return;
        };
        let samples = self.shared.config.maxmemory_samples.get() as usize;
        let (began, limit) = (self.shared.measure.now(), self.shared.config.eviction_nanos());
        self.effects.observed = self.shared.observes_keys();
        let mut freed = 0;
        let mut keys = 0;
        while freed < excess {
            let Some((db, key)) = self.keyspace.victim(policy, samples, now) else {
                self.shared.out_of_memory = true;
                break;
            };
            // Only what the key itself took: telling of it takes memory too.
            let before = gauge();
            Db::new(&mut self.keyspace, &mut self.effects, now, db).evict(&key);
            freed += before.saturating_sub(gauge());
            drop(key);
            self.settle_unit(now);
            keys += 1;
            if keys % KEYS_A_LOOK == 0
                && limit.is_some_and(|limit| self.shared.measure.now().saturating_sub(began) > limit)
            {
                break;
            }
        }
        self.note_latency("eviction-cycle", began, now);
    }

    /// Disconnects clients, those first that take the most memory, until all together take no more than
    /// `maxmemory-clients`.
    pub(super) fn evict_clients(&mut self) {
        let Some(limit) = self.shared.config.clients_limit() else { return };
        let counted = |client: &&Client| !client.session.closing && !client.session.replica;
        let mut clients: Vec<(usize, SessionId, bool)> = self
            .shared
            .clients
            .iter()
            .filter(counted)
            .map(|client| {
                let spared = client.session.no_evict || client.session.peer.trusted;
                (client.bytes(), client.session.id, spared)
            })
            .collect();
        let mut sum: u64 =
            clients.iter().filter(|(_, _, spared)| !spared).map(|(bytes, ..)| *bytes as u64).sum();
        sort::sort(&mut clients);
        while sum > limit
            && let Some((bytes, id, spared)) = clients.pop()
        {
            if spared {
                continue;
            }
            sum -= bytes as u64;
            self.shared.measure.evicted_clients += 1;
            if let Some(client) = self.shared.clients.get_mut(id) {
                client.give_up();
            }
            self.shared.requests.push(Request::Close(id));
        }
    }
}

impl Call<'_> {
    /// Refuses a call that may need more memory when there is none.
    #[cold]
    pub(super) fn refuse_without_memory(&self, name: &str, flags: Flags) -> Result {
        let queues = self.session.transaction.is_some()
            && !matches!(name, "EXEC" | "DISCARD" | "QUIT" | "RESET" | "MULTI" | "WATCH");
        let runs = name == "EXEC" && queued_flags(self.shared, self.session).has(Flags::DENYOOM);
        let obeys = self.session.is_obeyed();
        if self.session.turn.is_sent() && !obeys && (flags.has(Flags::DENYOOM) || queues || runs) {
            return Err(Error::Text("OOM command not allowed when used memory > 'maxmemory'."));
        }
        Ok(())
    }
}
