//! Which key is given up when memory is short: the best of a few that are drawn, and of those drawn before.

use crate::base::bytes::Bytes;
use crate::base::random::Random;
use crate::base::time::Time;
use crate::data::entry::Entry;

use super::usage::{Usage, idle_seconds};
use super::{Database, Keyspace};

/// How many candidates are remembered from one draw to the next.
const REMEMBERED: usize = 16;
/// Draws for one key with a deadline, before such keys are looked for in order.
const DRAWS: usize = 4;

/// Which keys go first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Only keys with a deadline go.
    pub volatile: bool,
    pub order: Order,
}

/// In what order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    LeastLately,
    LeastOften,
    SoonestDeadline,
    Random,
}

/// Keys that may go, the best last.
#[derive(Default, Debug)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    /// The database that a random key was last taken of.
    turn: usize,
}

#[derive(Debug)]
struct Candidate {
    /// The larger, the sooner it goes.
    score: u64,
    db: u32,
    key: Bytes,
}

impl Candidates {
    fn offer(&mut self, score: u64, db: u32, key: &[u8]) {
        let at = self.all.partition_point(|other| other.score <= score);
        let full = self.all.len() >= REMEMBERED;
        if full && at == 0 || self.all.iter().any(|other| other.db == db && &*other.key == key) {
            return;
        }
        self.all.insert(at, Candidate { score, db, key: Bytes::from(key) });
        if full {
            self.all.remove(0);
        }
    }
}

impl Keyspace {
    /// Returns the key that is to go next, if any may: the best of `samples` keys of each database.
    pub(crate) fn victim(&mut self, policy: Policy, samples: usize, now: Time) -> Option<(u32, Bytes)> {
        if policy.order == Order::Random {
            return self.random_victim(policy.volatile);
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        let mut victim = None;
        while victim.is_none() && self.draw(&mut candidates, policy, samples, now) {
            while let (None, Some(Candidate { db, key, .. })) = (&victim, candidates.all.pop()) {
                let entry = self.dbs.get(db as usize).and_then(|database| database.table.find(&key));
                // What was remembered may have gone since.
                victim = entry
                    .is_some_and(|entry| !policy.volatile || entry.deadline().is_some())
                    .then_some((db, key));
            }
        }
        self.candidates = candidates;
        victim
    }

    /// Draws keys of every database; returns whether there was any.
    fn draw(&mut self, candidates: &mut Candidates, policy: Policy, samples: usize, now: Time) -> bool {
        let usage = self.usage;
        let mut any = false;
        for (db, database) in self.dbs.iter_mut().enumerate().filter(|(_, database)| !database.is_empty()) {
            sample(database, policy.volatile, samples, &mut self.random, |entry| {
                any = true;
                candidates.offer(score(entry, policy.order, usage, now), db as u32, entry.key());
            });
        }
        any
    }

    fn random_victim(&mut self, volatile: bool) -> Option<(u32, Bytes)> {
        let count = self.dbs.len();
        for _ in 0..count {
            self.candidates.turn = (self.candidates.turn + 1) % count;
            let db = self.candidates.turn;
            let mut found = None;
            sample(&mut self.dbs[db], volatile, 1, &mut self.random, |entry| {
                found = Some(Bytes::from(entry.key()));
            });
            if let Some(key) = found {
                return Some((db as u32, key));
            }
        }
        None
    }
}

/// Returns how much a key is to go, compared with others.
fn score(entry: &Entry, order: Order, usage: Usage, now: Time) -> u64 {
    match order {
        Order::LeastLately => idle_seconds(entry.clock(), now).into(),
        Order::LeastOften => u64::from(u8::MAX - usage.count(entry.clock(), now)),
        Order::SoonestDeadline => u64::MAX - entry.deadline().map_or(u64::MAX, |deadline| deadline.0),
        Order::Random => 0,
    }
}

/// Visits so many random keys, or fewer; only those with a deadline if `volatile`.
fn sample(
    database: &mut Database,
    volatile: bool,
    samples: usize,
    random: &mut Random,
    mut visit: impl FnMut(&Entry),
) {
    if !volatile {
        return database.table.sample(samples, random, visit);
    }
    if database.volatile() == 0 {
        return;
    }
    let mut found = 0;
    for _ in 0..samples * DRAWS {
        let drawn = database.table.random(random).filter(|entry| entry.deadline().is_some());
        if let Some(entry) = drawn {
            visit(entry);
            found += 1;
        }
        if found == samples {
            return;
        }
    }
    // They are few: the next ones in order will do, from some place on or from the beginning.
    for from in [random.below(1 << 32), 0] {
        let mut at = Some(from);
        while let Some(from) = at.filter(|_| found == 0) {
            let next = database.table.expired(Time(u64::MAX), from, 1, |entry| {
                if found < samples {
                    visit(entry);
                    found += 1;
                }
            });
            at = (next != 0).then_some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::entry::NewValue;
    use crate::data::table::HashKey;

    fn filled(keys: u32, deadline_every: u32) -> Keyspace {
        let mut keyspace = Keyspace::new(HashKey(1, 2), 2);
        for i in 0..keys {
            let deadline = i.is_multiple_of(deadline_every).then(|| Time::from_seconds(1000 + u64::from(i)));
            let entry = Entry::new(&i.to_le_bytes(), NewValue::Int(1), deadline, i);
            assert!(keyspace.load(i % 2, entry));
        }
        keyspace
    }

    fn evict(keyspace: &mut Keyspace, policy: Policy, count: usize) -> Vec<u32> {
        let now = Time::from_seconds(100_000);
        let mut gone = vec![];
        for _ in 0..count {
            let Some((db, key)) = keyspace.victim(policy, 5, now) else { break };
            keyspace.dbs[db as usize].table.remove(&key).expect("a victim is there");
            gone.push(u32::from_le_bytes((*key).try_into().expect("four bytes")));
        }
        gone
    }

    #[test]
    fn old_keys_go_first() {
        let mut keyspace = filled(10_000, 10);
        let gone = evict(&mut keyspace, Policy { volatile: false, order: Order::LeastLately }, 2000);
        let old = gone.iter().filter(|clock| **clock < 4000).count();
        assert!(old > 1900, "{old} of 2000");
    }

    #[test]
    fn only_volatile_keys_go_until_there_are_none() {
        for order in [Order::LeastLately, Order::LeastOften, Order::SoonestDeadline, Order::Random] {
            let mut keyspace = filled(3000, 100);
            let gone = evict(&mut keyspace, Policy { volatile: true, order }, 3000);
            assert_eq!(gone.len(), 30, "{order:?}");
            assert!(gone.iter().all(|key| key.is_multiple_of(100)));
        }
    }

    #[test]
    fn every_key_goes_in_the_end() {
        for order in [Order::LeastLately, Order::Random] {
            let gone = evict(&mut filled(500, 3), Policy { volatile: false, order }, 1000);
            assert_eq!(gone.len(), 500, "{order:?}");
        }
    }
}
