//! What a browser keeps, in a database that fails: the ring of the log and the generations of the snapshot.

use std::cell::Cell;
use std::collections::BTreeMap;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::{Answer, Config, Peer, Request};
use redlet::persist::layout::{Change, Failure, Meta, Write};
use redlet::persist::ring::Segment;
use redlet::resp::SessionId;
use redlet::store::keeper::{Job, Keeper, News, Purport};
use redlet::store::restore::Restore;
use redlet::store::{Purpose, Store};

use super::{History, configure, draw, sent, told};
use crate::Simulation;
use crate::support::engine::{BEGINNING, digest};

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
struct Database {
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
    fn new() -> Self {
        let meta = Meta { slots: SLOTS, ..Meta::default() };
        let kept = Stored { meta, chunks: BTreeMap::new(), ring: BTreeMap::new() };
        let (relaxed, fails_at, ends_at, quota) = (vec![], None, None, None);
        Self { kept, relaxed, transactions: 0, fails_at, ends_at, fails_one_in: 0, quota }
    }

    fn has_ended(&self) -> bool {
        self.ends_at.is_some_and(|end| self.transactions >= end)
    }

    fn present(&self) -> Stored {
        let mut stored = self.kept.clone();
        self.relaxed.iter().for_each(|write| stored.apply(write));
        stored
    }

    /// Returns how many bytes more it would take.
    fn room(&self) -> u64 {
        self.quota.map_or(u64::MAX, |quota| quota.saturating_sub(self.present().bytes()) as u64)
    }

    fn write(&mut self, write: Write, epoch: u64, random: &mut Random) -> Result<(), Failure> {
        if self.present().meta.epoch != epoch {
            return Err(Failure::Superseded);
        }
        self.transactions += 1;
        let by_chance = self.fails_one_in > 0 && random.below(self.fails_one_in) == 0;
        if by_chance || self.fails_at == Some(self.transactions) {
            return Err(Failure::Storage("UnknownError: the disk fails".into()));
        }
        let strict = write.strict;
        self.relaxed.push(write);
        let after = self.present();
        if self.quota.is_some_and(|quota| after.bytes() > quota) {
            self.relaxed.pop();
            return Err(Failure::Storage("QuotaExceededError: there is no room".into()));
        }
        if strict {
            (self.kept, self.relaxed) = (after, vec![]);
        }
        Ok(())
    }
}

/// A tab that is closed, killed and opened again and again.
pub struct Run {
    random: Random,
    database: Database,
    config: Config,
    ring_bytes: u64,
    now: Time,
    process: Option<Process>,
    /// One that was frozen, while another has taken its place.
    frozen: Option<Process>,
    told: Vec<String>,
    fingerprints: Vec<u64>,
}

/// The same things again and again: each time another transaction fails, or is the last one.
pub struct Sweep {
    seed: u64,
    steps: u64,
    last: Option<Run>,
    fingerprints: Vec<u64>,
}

impl Sweep {
    pub fn new(seed: u64) -> Self {
        Self { seed, steps: 0, last: None, fingerprints: vec![] }
    }
}

impl Simulation for Sweep {
    fn step(&mut self) -> Result<(), String> {
        let run = self.last.insert(Run::new(self.seed));
        let database = &mut run.database;
        let nth = Some(1 + self.steps / 2);
        *if self.steps.is_multiple_of(2) { &mut database.fails_at } else { &mut database.ends_at } = nth;
        run.told
            .push(format!("transaction {:?} fails, {:?} is the last", database.fails_at, database.ends_at));
        self.steps += 1;
        run.open(None)?;
        for _ in 0..3 {
            for _ in 0..4 {
                run.call()?;
            }
            run.send(b"BGREWRITEAOF\r\n")?;
            run.call()?;
            run.pass(1_100)?;
            run.import()?;
            run.call()?;
            run.pass(200)?;
        }
        let result = run.finish();
        if run.database.has_ended() {
            run.crash()?
        } else {
            result?
        }
        self.fingerprints.push(run.database.transactions);
        Ok(())
    }

    fn history(&self) -> String {
        self.last.as_ref().map(Simulation::history).unwrap_or_default()
    }

    fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}

/// A tab while it is open.
struct Process {
    store: Store,
    keeper: Keeper<usize>,
    epoch: u64,
    client: SessionId,
    history: History,
    /// What was told when it was opened.
    warning: Option<String>,
    /// How much of the engine's log the history has.
    seen: usize,
    /// The last is the newest unit when it began.
    under_way: Option<(Write, Purport, usize)>,
    /// The last unit that somebody was told is on the disk.
    promised: usize,
    /// The last unit that is in the database.
    stored: usize,
    lost: bool,
    stopped: bool,
}

/// What an opening may find.
struct Expected {
    history: History,
    first: usize,
    damaged: bool,
    /// What was told before, and is told again until a snapshot takes the place of what is damaged.
    known: Option<String>,
}

impl Run {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut config = Config::default();
        let policies = ["always", "everysec", "no"];
        let policy = policies[random.below(3) as usize];
        configure(&mut config, &[("appendonly", "yes"), ("appendfsync", policy)]);
        let ring_bytes = 300 + random.below(6_000);
        Self {
            random,
            database: Database::new(),
            config,
            ring_bytes,
            now: BEGINNING,
            process: None,
            frozen: None,
            told: vec![],
            fingerprints: vec![],
        }
    }

    // What happens ----------------------------------------------------------------------------------------------

    fn call(&mut self) -> Result<(), String> {
        let calls = draw(&mut self.random, Some(self.now));
        self.told.push(told(&calls));
        self.send(&sent(&calls))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let now = self.now;
        self.with(|process| {
            process.store.receive(process.client, bytes, now);
            process.heed(now)
        })
    }

    fn with(&mut self, work: impl FnOnce(&mut Process) -> Result<(), String>) -> Result<(), String> {
        self.process.as_mut().map_or(Ok(()), work)
    }

    /// Data comes that no log tells of, as an import's does.
    fn import(&mut self) -> Result<(), String> {
        let (now, calls) = (self.now, draw(&mut self.random, None));
        self.told.push(format!("import: {}", told(&calls)));
        self.with(|process| {
            let logging = process.store.engine().shared().persistence.log_enabled && !process.lost;
            process.store.engine_mut().set_logging(false);
            process.store.receive(process.client, &sent(&calls), now);
            process.store.engine_mut().set_logging(logging);
            process.keeper.go_on_from_snapshot(&mut process.store, now);
            process.history.jump(&mut process.store, now)
        })
    }

    fn pass(&mut self, ms: u64) -> Result<(), String> {
        self.told.push(format!("+{ms}ms"));
        for _ in 0..=ms / 250 {
            self.now = self.now.plus_micros(250_000);
            let now = self.now;
            self.with(|process| {
                process.store.tick(now);
                process.heed(now)
            })?;
            self.work(3)?;
        }
        Ok(())
    }

    /// Carries out what the keeper wants, as far as so many halves of jobs.
    fn work(&mut self, halves: u64) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        for _ in 0..halves {
            process.work(&mut self.database, &mut self.random, self.now)?;
        }
        Ok(())
    }

    fn trouble(&mut self) {
        if self.random.below(2) == 0 {
            self.database.fails_one_in = 1 + self.random.below(4);
        } else {
            self.database.quota = Some(self.database.present().bytes() + self.random.below(2_000) as usize);
        }
        let (one_in, quota) = (self.database.fails_one_in, self.database.quota);
        self.told.push(format!("one transaction in {one_in} fails, the quota is {quota:?}"));
    }

    /// Ends all trouble: after a while everything is stored.
    fn heal(&mut self) -> Result<(), String> {
        self.told.push("the database is well".into());
        (self.database.fails_one_in, self.database.quota) = (0, None);
        self.pass(4_000)?;
        let Some(process) = &mut self.process else { return Ok(()) };
        let last = process.history.last();
        process.keeper.await_safety(&process.store, last);
        self.pass(4_000)?;
        let Some(process) = &self.process else { return Ok(()) };
        let state = &process.store.engine().shared().persistence;
        match process.promised >= last && !state.log_failed {
            true => Ok(()),
            false => {
                Err(format!("the database is well, and unit {last} is not stored: {}", state.last_error))
            }
        }
    }

    /// Freezes the tab, which finds another one in its place when it goes on.
    fn supersede(&mut self) -> Result<(), String> {
        self.told.push("the tab is frozen, and another one is opened".into());
        let Some(process) = self.process.take() else { return Ok(()) };
        let first = process.stored.max(process.promised);
        self.open(None)?;
        let Some(opened) = &self.process else { return Ok(()) };
        if !(first..=process.history.last()).any(|unit| process.history.is(unit, &opened.store)) {
            return Err(format!("unit {first} was stored, and another tab does not find it"));
        }
        self.frozen = Some(process);
        Ok(())
    }

    /// Lets a frozen tab go on: nothing of it may reach the database any more.
    fn thaw(&mut self) -> Result<(), String> {
        let Some(mut process) = self.frozen.take() else { return Ok(()) };
        self.told.push("the frozen tab goes on".into());
        let before = self.database.present();
        process.store.receive(process.client, b"SET thawed 1\r\n", self.now);
        let wrote = process.store.log().len() > process.seen;
        process.heed(self.now)?;
        process.keeper.await_safety(&process.store, usize::MAX);
        for _ in 0..40 {
            process.work(&mut self.database, &mut self.random, self.now)?;
        }
        let after = self.database.present();
        let promised = wrote && process.promised == usize::MAX;
        match before.ring == after.ring && before.chunks == after.chunks && !promised {
            true => Ok(()),
            false => Err("a tab that was superseded has written, or promised to".into()),
        }
    }

    /// Closes the tab in order; everything is stored then, if that is possible.
    fn close(&mut self) -> Result<(), String> {
        let now = self.now;
        self.with(|process| {
            process.keeper.close(&mut process.store, now);
            Ok(())
        })?;
        for _ in 0..8 {
            self.work(20)?;
            self.pass(500)?;
        }
        let Some(process) = &mut self.process else { return Ok(()) };
        if !process.stopped {
            return Err("the database is not closed".into());
        }
        let left_over = process.keeper.left_over(&process.store);
        self.told.push(format!("closed, left over: {left_over:?}"));
        if left_over.is_none() && !process.lost {
            process.promised = process.history.last();
        }
        self.crash()
    }

    /// Ends the tab, or the machine with it.
    fn crash(&mut self) -> Result<(), String> {
        let Some(process) = self.process.take() else { return Ok(()) };
        let killed = self.random.below(2) == 0;
        if let Some((write, ..)) = process.under_way
            && self.random.below(2) == 0
        {
            self.database.relaxed.push(write);
        }
        let mut first = process.promised;
        if killed {
            first = first.max(process.stored);
        } else {
            let survive = self.random.below(self.database.relaxed.len() as u64 + 1);
            self.database.relaxed.truncate(survive as usize);
        }
        self.database.kept = self.database.present();
        self.database.relaxed.clear();
        (self.database.fails_at, self.database.ends_at) = (None, None);
        (self.database.fails_one_in, self.database.quota) = (0, None);
        let damaged = self.random.below(10) == 0 && self.damage();
        let last = process.history.last();
        self.told.push(format!("crash, of the machine: {}; {first} of {last} units are promised", !killed));
        let Process { history, warning: known, .. } = process;
        self.open(Some(Expected { history, first, damaged, known }))
    }

    /// Changes a byte of a record, or takes one away that others follow: what is missing at the end is missed by nobody.
    fn damage(&mut self) -> bool {
        let (stored, random) = (&mut self.database.kept, &mut self.random);
        let mut records: Vec<Record> = stored.ring.keys().map(|slot| Record::Slot(*slot)).collect();
        let counts = |of: &&(u64, u64)| of.0 == stored.meta.generation;
        records.extend(stored.chunks.keys().filter(counts).map(|place| Record::Chunk(*place)));
        if records.is_empty() {
            return false;
        }
        let record = records.swap_remove(random.below(records.len() as u64) as usize);
        let newest = stored.ring.values().map(|segment| segment.seq).max();
        let followed = match record {
            Record::Slot(slot) => newest > stored.ring.get(&slot).map(|segment| segment.seq),
            Record::Chunk(_) => true,
        };
        let taken = followed && random.below(2) == 0;
        self.told.push(format!("{record:?} is {}", if taken { "missing" } else { "damaged" }));
        if taken {
            match record {
                Record::Slot(slot) => drop(stored.ring.remove(&slot)),
                Record::Chunk(place) => drop(stored.chunks.remove(&place)),
            }
            return true;
        }
        let bytes = match record {
            Record::Slot(slot) => stored.ring.get_mut(&slot).map(|segment| &mut segment.bytes),
            Record::Chunk(place) => stored.chunks.get_mut(&place).map(|(bytes, _)| bytes),
        };
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return false };
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1;
        true
    }

    fn open(&mut self, expected: Option<Expected>) -> Result<(), String> {
        let now = self.now;
        let mut store = Store::new(self.config.clone(), 1);
        let mut stored = self.database.present();
        stored.meta.epoch += 1;
        let epoch = stored.meta.epoch;
        let mut restore = Restore::begin(stored.meta.clone(), &mut store, now);
        while let Some(place) = restore.wanted() {
            restore.chunk(stored.chunks.get(&place).cloned(), &mut store);
        }
        let segments = stored.ring.values().cloned().collect();
        restore.begin_log(segments);
        while restore.run_log(1_000, &mut store, now).is_some() {}
        if let Some(broken) = restore.end_log(&mut store, now) {
            broken.take(SLOTS as usize).for_each(|seq| drop(stored.ring.remove(&(seq % SLOTS))));
        }
        stored.meta = restore.meta().clone();
        (self.database.kept, self.database.relaxed) = (stored, vec![]);
        let (keeper, warning) = restore.finish(self.ring_bytes, &mut store, now);
        if let Some(Expected { history, first, damaged, known }) = expected {
            let found = history.find(0, &store);
            let as_promised = found.is_some_and(|unit| unit >= first) && (warning.is_none() || warning == known);
            // Without a part of it the log ends early, which is told if there is more behind it.
            let as_told = damaged && (found.is_some() || warning.is_some());
            if !as_promised && !as_told {
                let last = history.last();
                return Err(format!(
                    "found {found:?} of units {first} to {last}, and the warning {warning:?}"
                ));
            }
        }
        let client = store.connect(Peer::default(), now);
        let history = History::new(&mut store, now)?;
        self.process = Some(Process {
            store,
            keeper,
            epoch,
            client,
            history,
            warning,
            seen: 0,
            under_way: None,
            promised: 0,
            stored: 0,
            lost: false,
            stopped: false,
        });
        Ok(())
    }
}

impl Simulation for Run {
    fn step(&mut self) -> Result<(), String> {
        if self.process.is_none() {
            self.open(None)?;
        }
        match self.random.below(100) {
            0..66 => self.call()?,
            66..76 => {
                let ms = self.random.below(1_500);
                self.pass(ms)?;
            }
            76..80 => self.send(b"BGREWRITEAOF\r\n")?,
            80..82 => self.send(b"BGSAVE\r\n")?,
            82..85 => self.import()?,
            85..89 => self.with(|process| {
                process.keeper.await_safety(&process.store, process.history.last());
                Ok(())
            })?,
            89..91 => self.trouble(),
            91..93 => self.heal()?,
            93..94 => self.supersede()?,
            94..95 => self.thaw()?,
            95..97 => self.close()?,
            _ => self.crash()?,
        }
        let halves = self.random.below(4);
        self.work(halves)?;
        self.fingerprints.push(self.process.as_ref().map_or(0, |process| digest(&process.store) as u64));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.heal()?;
        self.close()
    }

    fn history(&self) -> String {
        let skipped = self.told.len().saturating_sub(40);
        let told: String = self.told[skipped..].iter().map(|line| format!("  {line}\n")).collect();
        let kept = &self.database.kept;
        let slots: Vec<_> = kept.ring.iter().map(|(slot, segment)| (slot, segment.seq)).collect();
        format!(
            "  {:?} ring of {}\n{told}  {:?} {slots:?}",
            self.config.appendfsync, self.ring_bytes, kept.meta
        )
    }

    fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}

impl Process {
    /// Does what the tab does after each call: the keeper is told what is logged, and asked for what is wanted.
    fn heed(&mut self, now: Time) -> Result<(), String> {
        while let Some((id, request)) = self.store.request() {
            match request {
                Request::Save => self.keeper.want_snapshot(Purpose::Dump, &mut self.store, now),
                Request::Rewrite => self.keeper.want_snapshot(Purpose::Base, &mut self.store, now),
                _ => self.store.answer(id, Answer::Done, now),
            }
        }
        self.store.outbox(|_, out| out.clear());
        let log = self.store.log()[self.seen..].to_vec();
        self.seen = self.store.log().len();
        if self.lost {
            return Ok(());
        }
        self.history.add(&log, &self.store, now)?;
        if !log.is_empty() && self.keeper.logged(&mut self.store, now) {
            // The reply waits.
            self.keeper.await_safety(&self.store, self.history.last());
        }
        Ok(())
    }

    /// Begins a job, or ends the one that is under way.
    fn work(&mut self, database: &mut Database, random: &mut Random, now: Time) -> Result<(), String> {
        if self.stopped || database.has_ended() {
            return Ok(());
        }
        match self.under_way.take() {
            Some((write, purport, unit)) => {
                let result = database.write(write, self.epoch, random);
                if let (Ok(()), Purport::Log { .. }) = (&result, purport) {
                    self.stored = unit;
                }
                self.keeper.done(purport, result, &mut self.store, now);
            }
            None => {
                let slices = Cell::new(random.below(3) + 1);
                let has_time = || slices.replace(slices.get().saturating_sub(1)) > 0;
                match self.keeper.next_job(&mut self.store, now, has_time) {
                    Job::Write(write, purport) => {
                        self.under_way = Some((write, purport, self.history.last()));
                    }
                    Job::Wait => {}
                    Job::Stop => self.stopped = true,
                }
            }
        }
        self.seen = self.store.log().len();
        for news in std::mem::take(&mut self.keeper.news) {
            match news {
                News::Settle(unit, None) => self.promised = self.promised.max(unit),
                News::Lost(_) => self.lost = true,
                News::Grown => self.keeper.set_room(database.room()),
                News::Settle(_, Some(_)) | News::Failing(_) | News::Working => {}
            }
        }
        self.heed(now)
    }
}
