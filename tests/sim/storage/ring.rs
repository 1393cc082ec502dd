//! What a browser keeps in a database whose transactions fail: the ring of the log and the generations of the snapshot.

use std::collections::BTreeMap;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::persist::layout::{Change, Failure, Meta, Write};
use redlet::persist::ring::Segment;
use redlet::store::Store;
use redlet::store::restore::Restore;

use super::crash::Crash;
use super::tab::{Opened, Place};

/// So few that the ring often begins anew.
const SLOTS: u64 = 8;

/// What is stored.
#[derive(Clone)]
struct Stored {
    meta: Meta,
    chunks: BTreeMap<(u64, u64), (Vec<u8>, u64)>,
    ring: BTreeMap<u64, Segment>,
}

impl Stored {
    fn apply(&mut self, write: &Write) {
        for change in &write.changes {
            match change.clone() {
                Change::Segment { slot, segment } => drop(self.ring.insert(slot, segment)),
                Change::Chunk { generation, n, bytes } => {
                    let checksum = Segment::seal(n, &bytes);
                    self.chunks.insert((generation, n), (bytes, checksum));
                }
                Change::Meta(meta) => self.meta = meta,
                Change::DeleteChunks(generations) => {
                    self.chunks.retain(|(of, _), _| !generations.contains(of))
                }
                Change::DeleteSlots(slots) => self.ring.retain(|slot, _| !slots.contains(slot)),
            }
        }
    }

    fn bytes(&self) -> usize {
        let chunks = self.chunks.values().map(|(bytes, _)| bytes.len());
        let segments = self.ring.values().map(|segment| segment.bytes.len());
        chunks.chain(segments).sum()
    }
}

/// One that may be damaged.
#[derive(Clone, Copy, Debug)]
enum Record {
    Slot(u64),
    Chunk((u64, u64)),
}

/// A database whose transactions are whole or not at all, one after the other; those that are not strict may be lost
/// with the machine, the last ones first.
pub struct Database {
    kept: Stored,
    /// What has been committed since.
    relaxed: Vec<Write>,
    transactions: u64,
    /// The one that fails, and the one from which on there is nobody any more.
    fails_at: Option<u64>,
    ends_at: Option<u64>,
    /// One transaction in so many fails; none if zero.
    fails_one_in: u64,
    quota: Option<usize>,
}

impl Database {
    fn present(&self) -> Stored {
        let mut stored = self.kept.clone();
        self.relaxed.iter().for_each(|write| stored.apply(write));
        stored
    }
}

impl Place for Database {
    const IS_SHARED: bool = true;

    fn new(_: u64) -> Self {
        let meta = Meta { slots: SLOTS, ..Meta::default() };
        let kept = Stored { meta, chunks: BTreeMap::new(), ring: BTreeMap::new() };
        let (relaxed, fails_at, ends_at, quota) = (vec![], None, None, None);
        Self { kept, relaxed, transactions: 0, fails_at, ends_at, fails_one_in: 0, quota }
    }

    fn open(&mut self, store: &mut Store, ring_bytes: u64, now: Time) -> Result<Opened, Failure> {
        let mut stored = self.present();
        stored.meta.epoch += 1;
        let epoch = stored.meta.epoch;
        let mut restore = Restore::begin(stored.meta.clone(), store, now);
        while let Some(place) = restore.wanted() {
            restore.chunk(stored.chunks.get(&place).cloned(), store);
        }
        restore.begin_log(stored.ring.values().cloned().collect());
        while restore.run_log(1_000, store, now).is_some() {}
        if let Some(broken) = restore.end_log(store, now) {
            broken.take(SLOTS as usize).for_each(|seq| drop(stored.ring.remove(&(seq % SLOTS))));
        }
        stored.meta = restore.meta().clone();
        (self.kept, self.relaxed) = (stored, vec![]);
        let (keeper, warning) = restore.finish(ring_bytes, store, now);
        Ok(Opened { keeper, warning, epoch })
    }

    fn write(&mut self, write: Write, epoch: u64, random: &mut Random) -> Option<Result<(), Failure>> {
        if self.present().meta.epoch != epoch {
            return Some(Err(Failure::Superseded));
        }
        self.transactions += 1;
        let by_chance = self.fails_one_in > 0 && random.below(self.fails_one_in) == 0;
        if by_chance || self.fails_at == Some(self.transactions) {
            return Some(Err(Failure::Storage("UnknownError: the disk fails".into())));
        }
        let strict = write.strict;
        self.relaxed.push(write);
        let after = self.present();
        if self.quota.is_some_and(|quota| after.bytes() > quota) {
            self.relaxed.pop();
            return Some(Err(Failure::Storage("QuotaExceededError: there is no room".into())));
        }
        if strict {
            (self.kept, self.relaxed) = (after, vec![]);
        }
        Some(Ok(()))
    }

    fn operations(&self) -> u64 {
        self.transactions
    }

    fn fail_at(&mut self, nth: u64) {
        self.fails_at = Some(self.transactions + nth);
    }

    fn end_at(&mut self, nth: u64) {
        self.ends_at = Some(self.transactions + nth);
    }

    fn has_ended(&self) -> bool {
        self.ends_at.is_some_and(|end| self.transactions >= end)
    }

    fn fail_one_in(&mut self, operations: u64) {
        self.fails_one_in = operations;
    }

    fn leave_room(&mut self, more: Option<u64>) {
        self.quota = more.map(|more| self.present().bytes() + more as usize);
    }

    fn room(&self) -> u64 {
        self.quota.map_or(u64::MAX, |quota| quota.saturating_sub(self.present().bytes()) as u64)
    }

    fn crash(&mut self, crash: Crash, under_way: Option<Write>, random: &mut Random) -> bool {
        self.relaxed.extend(under_way.filter(|_| random.below(2) == 0));
        if crash != Crash::Killed {
            let survive = random.below(self.relaxed.len() as u64 + 1);
            self.relaxed.truncate(survive as usize);
        }
        self.kept = self.present();
        self.relaxed.clear();
        (self.fails_at, self.ends_at) = (None, None);
        (self.fails_one_in, self.quota) = (0, None);
        false
    }

    /// Changes a byte of a record, or takes one away that others follow: what is missing at the end is missed by nobody.
    fn damage(&mut self, random: &mut Random) -> Option<String> {
        let stored = &mut self.kept;
        let mut records: Vec<Record> = stored.ring.keys().map(|slot| Record::Slot(*slot)).collect();
        let counts = |of: &&(u64, u64)| of.0 == stored.meta.generation;
        records.extend(stored.chunks.keys().filter(counts).map(|place| Record::Chunk(*place)));
        if records.is_empty() {
            return None;
        }
        let record = records.swap_remove(random.below(records.len() as u64) as usize);
        let newest = stored.ring.values().map(|segment| segment.seq).max();
        let followed = match record {
            Record::Slot(slot) => newest > stored.ring.get(&slot).map(|segment| segment.seq),
            Record::Chunk(_) => true,
        };
        if followed && random.below(2) == 0 {
            match record {
                Record::Slot(slot) => drop(stored.ring.remove(&slot)),
                Record::Chunk(place) => drop(stored.chunks.remove(&place)),
            }
            return Some(format!("{record:?} is missing"));
        }
        let bytes = match record {
            Record::Slot(slot) => stored.ring.get_mut(&slot).map(|segment| &mut segment.bytes),
            Record::Chunk(place) => stored.chunks.get_mut(&place).map(|(bytes, _)| bytes),
        };
        let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1;
        Some(format!("{record:?} is damaged"))
    }

    fn contents(&self) -> String {
        let Stored { meta, chunks, ring } = self.present();
        let meta = Meta { epoch: 0, ..meta };
        format!("{meta:?} {chunks:?} {ring:?}")
    }

    fn told(&self) -> String {
        let slots: Vec<_> = self.kept.ring.iter().map(|(slot, segment)| (slot, segment.seq)).collect();
        format!("{:?} {slots:?}", self.kept.meta)
    }
}
