//! A tab that keeps what it holds in some place, and is closed, killed and opened again and again.

use std::cell::Cell;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::{Answer, Config, Peer, Request};
use redlet::persist::layout::{Failure, Write};
use redlet::resp::SessionId;
use redlet::store::keeper::{Job, Keeper, News, Purport};
use redlet::store::{Purpose, Store};

use super::crash::Crash;
use super::{History, configure, draw, sent, told};
use crate::Simulation;
use crate::support::engine::{BEGINNING, digest};

/// Where a tab keeps what it holds. Operations fail, or are the last ones, where that is said.
pub trait Place {
    /// Whether somebody else can open it while we have it, so that it is not ours any more.
    const IS_SHARED: bool;

    fn new(seed: u64) -> Self;

    /// Reads what is stored into a store, and takes it over.
    fn open(&mut self, store: &mut Store, ring_bytes: u64, now: Time) -> Result<Opened, Failure>;

    /// Makes changes for who has opened it as `epoch`; none if there is nobody any more before that is over.
    fn write(&mut self, write: Write, epoch: u64, random: &mut Random) -> Option<Result<(), Failure>>;

    /// Returns how many operations there have been.
    fn operations(&self) -> u64;

    /// Lets one operation fail, the next one with one.
    fn fail_at(&mut self, nth: u64);

    /// Lets everything end with an operation.
    fn end_at(&mut self, nth: u64);

    fn has_ended(&self) -> bool;

    /// Lets one operation in so many fail; none with zero.
    fn fail_one_in(&mut self, operations: u64);

    /// Leaves room for so many bytes more, or without end.
    fn leave_room(&mut self, more: Option<u64>);

    /// Returns how many bytes more it would take.
    fn room(&self) -> u64;

    /// Ends everything and all trouble, perhaps within a write; returns whether some of what survives may be torn.
    fn crash(&mut self, crash: Crash, under_way: Option<Write>, random: &mut Random) -> bool;

    /// Damages something that is needed, and says what.
    fn damage(&mut self, random: &mut Random) -> Option<String>;

    /// Returns all that is stored but for who had it open.
    fn contents(&self) -> String;

    /// Says in a line what is stored.
    fn told(&self) -> String;
}

/// What came of an opening.
pub struct Opened {
    pub keeper: Keeper<usize>,
    pub warning: Option<String>,
    pub epoch: u64,
}

/// A tab that is closed, killed and opened again and again.
pub struct Run<P> {
    random: Random,
    place: P,
    config: Config,
    ring_bytes: u64,
    now: Time,
    process: Option<Process>,
    /// One that was frozen, while another has taken its place.
    frozen: Option<Process>,
    told: Vec<String>,
    fingerprints: Vec<u64>,
}

/// The same things again and again: each time another operation fails, or is the last one.
pub struct Sweep<P> {
    seed: u64,
    steps: u64,
    last: Option<Run<P>>,
    fingerprints: Vec<u64>,
}

impl<P> Sweep<P> {
    pub fn new(seed: u64) -> Self {
        Self { seed, steps: 0, last: None, fingerprints: vec![] }
    }
}

impl<P: Place> Simulation for Sweep<P> {
    fn step(&mut self) -> Result<(), String> {
        let run = self.last.insert(Run::new(self.seed));
        let nth = 1 + self.steps / 2;
        let fails = self.steps.is_multiple_of(2);
        if fails {
            run.place.fail_at(nth)
        } else {
            run.place.end_at(nth)
        }
        run.told.push(format!("operation {nth} {}", if fails { "fails" } else { "is the last" }));
        self.steps += 1;
        // What ends in the first opening is opened anew below.
        while run.process.is_none() && !run.place.has_ended() {
            run.open(None)?;
        }
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
        if run.place.has_ended() {
            run.crash()?
        } else {
            result?
        }
        self.fingerprints.push(run.place.operations());
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
    /// What was being written may be there in part.
    torn: bool,
    /// An opening has told of damage, and then ended.
    told: bool,
    /// What was told before, and is told again until a snapshot takes the place of what is damaged.
    known: Option<String>,
}

impl<P: Place> Run<P> {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut config = Config::default();
        let policies = ["always", "everysec", "no"];
        let policy = policies[random.below(3) as usize];
        configure(&mut config, &[("appendonly", "yes"), ("appendfsync", policy)]);
        let ring_bytes = 300 + random.below(6_000);
        Self {
            random,
            place: P::new(seed),
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
            process.work(&mut self.place, &mut self.random, self.now)?;
        }
        Ok(())
    }

    fn trouble(&mut self) {
        if self.random.below(2) == 0 {
            let one_in = 1 + self.random.below(4);
            self.place.fail_one_in(one_in);
            self.told.push(format!("one operation in {one_in} fails"));
        } else {
            let room = self.random.below(2_000);
            self.place.leave_room(Some(room));
            self.told.push(format!("there is room for {room} bytes"));
        }
    }

    /// Ends all trouble: after a while everything is stored.
    fn heal(&mut self) -> Result<(), String> {
        self.told.push("the database is well".into());
        self.place.fail_one_in(0);
        self.place.leave_room(None);
        self.pass(4_000)?;
        // A sweep lets one operation fail even now: who waited for it is told, and asks again.
        let mut why = String::new();
        for _ in 0..2 {
            let Some(process) = &mut self.process else { return Ok(()) };
            let last = process.history.last();
            process.keeper.await_safety(&process.store, last);
            self.pass(4_000)?;
            let Some(process) = &self.process else { return Ok(()) };
            let state = &process.store.engine().shared().persistence;
            if process.promised >= last && !state.log_failed {
                return Ok(());
            }
            why = format!("the database is well, and unit {last} is not stored: {}", state.last_error);
        }
        Err(why)
    }

    /// Freezes the tab, which finds another one in its place when it goes on.
    fn supersede(&mut self) -> Result<(), String> {
        if !P::IS_SHARED {
            return self.knock();
        }
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

    /// Opens what is open already, which is refused.
    fn knock(&mut self) -> Result<(), String> {
        if self.process.is_none() || self.place.has_ended() {
            return Ok(());
        }
        let mut store = Store::new(self.config.clone(), 1);
        match self.place.open(&mut store, self.ring_bytes, self.now) {
            Err(_) => Ok(()),
            Ok(_) => Err("files that are open were opened".into()),
        }
    }

    /// Lets a frozen tab go on: nothing of it may reach the database any more.
    fn thaw(&mut self) -> Result<(), String> {
        let Some(mut process) = self.frozen.take() else { return Ok(()) };
        self.told.push("the frozen tab goes on".into());
        let before = self.place.contents();
        process.store.receive(process.client, b"SET thawed 1\r\n", self.now);
        let wrote = process.store.log().len() > process.seen;
        process.heed(self.now)?;
        process.keeper.await_safety(&process.store, usize::MAX);
        for _ in 0..40 {
            process.work(&mut self.place, &mut self.random, self.now)?;
        }
        let after = self.place.contents();
        let promised = wrote && process.promised == usize::MAX;
        match before == after && !promised {
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
        let crash = [Crash::Killed, Crash::LosesTail, Crash::Reorders][self.random.below(3) as usize];
        let Some(process) = self.process.take() else {
            self.place.crash(crash, None, &mut self.random);
            return Ok(());
        };
        let under_way = process.under_way.map(|(write, ..)| write);
        let torn = self.place.crash(crash, under_way, &mut self.random);
        let first =
            if crash == Crash::Killed { process.promised.max(process.stored) } else { process.promised };
        let damage = if self.random.below(10) == 0 { self.place.damage(&mut self.random) } else { None };
        let last = process.history.last();
        self.told.push(format!("crash: {crash:?}; {first} of {last} units are promised; {damage:?}"));
        let (torn_in_vain, told) = self.open_in_vain();
        let torn = torn || torn_in_vain;
        let Process { history, warning: known, .. } = process;
        self.open(Some(Expected { history, first, damaged: damage.is_some(), torn, told, known }))
    }

    /// Opens a few times what fails, or ends, while it is opened; returns whether something may be torn by that, and
    /// whether one that did not fail has told of damage.
    fn open_in_vain(&mut self) -> (bool, bool) {
        let (mut torn, mut told) = (false, false);
        while self.random.below(3) == 0 {
            let nth = 1 + self.random.below(16);
            if self.random.below(2) == 0 {
                self.place.end_at(nth)
            } else {
                self.place.fail_at(nth)
            }
            let mut store = Store::new(self.config.clone(), 1);
            let opened = self.place.open(&mut store, self.ring_bytes, self.now);
            told |= opened.as_ref().is_ok_and(|opened| opened.warning.is_some());
            let ended = opened.err();
            let crash = [Crash::Killed, Crash::LosesTail, Crash::Reorders][self.random.below(3) as usize];
            torn |= self.place.crash(crash, None, &mut self.random);
            self.told.push(format!("an opening was interrupted: {ended:?}; crash: {crash:?}"));
        }
        (torn, told)
    }

    fn open(&mut self, expected: Option<Expected>) -> Result<(), String> {
        let now = self.now;
        let mut store = Store::new(self.config.clone(), 1);
        let opened = self.place.open(&mut store, self.ring_bytes, now);
        let Opened { keeper, warning, epoch } = match opened {
            Ok(opened) => opened,
            // Where something is to fail, that may be in here.
            Err(_) if expected.is_none() => return Ok(()),
            Err(failure) if expected.as_ref().is_some_and(|expected| expected.damaged) => {
                self.told.push(format!("it can't be opened: {failure:?}"));
                self.place = P::new(self.random.next());
                return Ok(());
            }
            Err(failure) => return Err(format!("it can't be opened: {failure:?}")),
        };
        if let Some(Expected { history, first, damaged, torn, told, known }) = expected {
            let found = history.find(0, &store);
            let is_known = warning.is_none() || warning == known || torn;
            let as_promised = found.is_some_and(|unit| unit >= first) && is_known;
            // Without a part of it the log ends early, which is told if there is more behind it.
            let as_told = damaged && (found.is_some() || warning.is_some() || told);
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

impl<P: Place> Simulation for Run<P> {
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
        let place = self.place.told();
        format!("  {:?} ring of {}\n{told}  {place}", self.config.appendfsync, self.ring_bytes)
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
        // The keeper may have taken it.
        self.seen = self.store.log().len();
        Ok(())
    }

    /// Begins a job, or ends the one that is under way.
    fn work(&mut self, place: &mut impl Place, random: &mut Random, now: Time) -> Result<(), String> {
        if self.stopped || place.has_ended() {
            return Ok(());
        }
        match self.under_way.take() {
            Some((write, purport, unit)) => {
                let Some(result) = place.write(write, self.epoch, random) else { return Ok(()) };
                if let (Ok(()), Purport::Log { up_to, .. }) = (&result, purport) {
                    self.stored = unit.min(self.history.unit_at(up_to));
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
                News::Grown => self.keeper.set_room(place.room()),
                News::Settle(_, Some(_)) | News::Failing(_) | News::Working => {}
            }
        }
        self.heed(now)
    }
}
