//! The files of a server on a disk that fails: snapshots, the append-only log, its rewrites.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::config::{AppendFsync, LogLevel};
use redlet::engine::{Answer, Config, Peer, Request};
use redlet::host::native::files::Files;
use redlet::host::native::log::Log;
use redlet::resp::SessionId;
use redlet::store::{Purpose, Store};

use super::crash::Crash;
use super::disk::Disk;
use super::{History, configure, draw, sent, told};
use crate::Simulation;
use crate::support::engine::{BEGINNING, digest};

const ROOT: &str = "/data";
/// A sync is asked for a second after the last one, and done at the latest so much later.
const UNSYNCED_MOST: Duration = Duration::from_millis(2_500);

/// A server that is ended and started again and again, on the same disk.
pub struct Run {
    random: Random,
    disk: Disk,
    config: Config,
    log: Arc<Log>,
    now: Time,
    process: Option<Process>,
    told: Vec<String>,
    /// Nothing fails by chance.
    is_plain: bool,
    /// What happened, as a number.
    fingerprints: Vec<u64>,
}

/// The same things again and again, each time ended after one operation more.
pub struct Sweep {
    seed: u64,
    ends_after: u64,
    last: Option<Run>,
    fingerprints: Vec<u64>,
}

impl Sweep {
    pub fn new(seed: u64) -> Self {
        Self { seed, ends_after: 0, last: None, fingerprints: vec![] }
    }
}

impl Simulation for Sweep {
    /// Starts a server that has much to do in little time, ends it at some point, and starts it again.
    fn step(&mut self) -> Result<(), String> {
        let run = self.last.insert(Run::plain(self.seed));
        run.disk.end_after(self.ends_after);
        self.ends_after += 1;
        run.start(None)?;
        for _ in 0..3 {
            for _ in 0..4 {
                run.call()?;
            }
            run.ask("BGREWRITEAOF")?;
            run.call()?;
            run.pass(1_100)?;
            run.ask("BGSAVE")?;
            run.call()?;
            run.pass(200)?;
        }
        run.close()?;
        self.fingerprints.push(run.disk.operations());
        Ok(())
    }

    fn history(&self) -> String {
        self.last.as_ref().map(Simulation::history).unwrap_or_default()
    }

    fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}

/// The number of a snapshot, and how it ended.
type Written = (u64, io::Result<()>);

/// A server while it runs.
struct Process {
    store: Store,
    files: Files,
    client: SessionId,
    written: Arc<Mutex<Vec<Written>>>,
    history: History,
    /// The last unit whose reply was sent.
    answered: usize,
    /// The states that snapshots have, and the one that is in its place.
    snapshots: Vec<usize>,
    saved: usize,
    /// A unit that is not synced, and since when.
    unsynced: Option<(Time, usize)>,
    /// When the disk last failed.
    failures: u64,
    healthy_since: Time,
}

/// Why a process ends before it is told to.
type Ended<T> = Result<T, String>;

impl Run {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut config = Config { dir: ROOT.into(), ..Config::default() };
        let pick =
            |random: &mut Random, values: &[&'static str]| values[random.below(values.len() as u64) as usize];
        configure(
            &mut config,
            &[
                ("appendonly", pick(&mut random, &["yes", "yes", "yes", "no"])),
                ("appendfsync", pick(&mut random, &["always", "everysec", "everysec", "no"])),
                ("aof-use-rdb-preamble", pick(&mut random, &["yes", "yes", "no"])),
                ("save", pick(&mut random, &["", "2 10"])),
                ("auto-aof-rewrite-min-size", pick(&mut random, &["1kb", "4kb", "64mb"])),
            ],
        );
        let log = Arc::new(Log::new());
        log.configure(LogLevel::Warning, "/dev/null").expect("a file");
        let disk = Disk::new(seed, Path::new(ROOT));
        let (told, fingerprints) = (vec![], vec![]);
        Self { random, disk, config, log, now: BEGINNING, process: None, told, is_plain: false, fingerprints }
    }

    /// Makes a run on a disk that is well, for a start.
    fn plain(seed: u64) -> Self {
        let mut run = Self::new(seed);
        run.is_plain = true;
        run
    }
}

impl Simulation for Run {
    fn history(&self) -> String {
        let config = &self.config;
        let first = format!(
            "appendonly {} appendfsync {:?} preamble {}",
            config.appendonly, config.appendfsync, config.aof_use_rdb_preamble
        );
        let skipped = self.told.len().saturating_sub(40);
        let told: String = self.told[skipped..].iter().map(|line| format!("  {line}\n")).collect();
        format!("  {first}\n{told}  {:?}\n", self.disk.listing())
    }

    fn step(&mut self) -> Result<(), String> {
        if self.process.is_none() {
            self.start(None)?;
        }
        match self.random.below(100) {
            0..70 => self.call()?,
            70..80 => {
                let ms = self.random.below(1_500);
                self.pass(ms)?;
            }
            80..84 => self.ask("BGREWRITEAOF")?,
            84..88 => self.ask("BGSAVE")?,
            88..92 => self.trouble(),
            92..94 => self.heal()?,
            94..96 => self.close()?,
            96..98 => self.disk.end_after(self.random.below(20)),
            _ => self.crash()?,
        }
        self.disk.work_some();
        self.turn()?;
        let process = self.process.as_ref();
        self.fingerprints.push(process.map_or(0, |process| digest(&process.store) as u64));
        self.fingerprints.push(self.disk.operations());
        Ok(())
    }

    /// Once nothing fails any more, all that was answered is there.
    fn finish(&mut self) -> Result<(), String> {
        if self.process.is_none() {
            self.start(None)?;
        }
        self.heal()?;
        self.close()
    }

    fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}

impl Run {
    // What happens ----------------------------------------------------------------------------------------------

    fn call(&mut self) -> Result<(), String> {
        // A snapshot leaves out what has expired, so that it would have another digest.
        let deadlines = self.config.appendonly;
        let calls = draw(&mut self.random, deadlines.then_some(self.now));
        self.told.push(told(&calls));
        self.send(&sent(&calls))
    }

    fn ask(&mut self, line: &str) -> Result<(), String> {
        self.told.push(line.into());
        self.send(format!("{line}\r\n").as_bytes())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        if let Some(process) = &mut self.process {
            process.store.receive(process.client, bytes, self.now);
        }
        self.turn()
    }

    fn pass(&mut self, ms: u64) -> Result<(), String> {
        self.told.push(format!("+{ms}ms"));
        for _ in 0..=ms / 100 {
            self.now = self.now.plus_micros(100_000);
            self.disk.pass(Duration::from_millis(100));
            if let Some(process) = &mut self.process {
                process.store.tick(self.now);
            }
            self.turn()?;
            self.disk.work_some();
        }
        Ok(())
    }

    /// Lets the disk fail, or fill up.
    fn trouble(&mut self) {
        if self.random.below(2) == 0 {
            let one_in = 1 + self.random.below(8);
            self.told.push(format!("the disk fails one time in {one_in}"));
            self.disk.fail_one_in(one_in);
        } else {
            let room = self.random.below(3_000) as usize;
            self.told.push(format!("the disk has room for {room} bytes"));
            self.disk.leave_room(Some(room));
        }
    }

    /// Ends all trouble: after a while, writes are taken again.
    fn heal(&mut self) -> Result<(), String> {
        self.told.push("the disk is well".into());
        self.disk.fail_one_in(0);
        self.disk.leave_room(None);
        for _ in 0..3 {
            self.pass(3_000)?;
        }
        if self
            .process
            .as_ref()
            .is_some_and(|process| process.store.engine().shared().persistence.last_save_failed)
        {
            self.ask("BGSAVE")?;
            self.pass(3_000)?;
        }
        self.ask("SET well 1")?;
        let Some(process) = &self.process else { return Ok(()) };
        let state = &process.store.engine().shared().persistence;
        match self.disk.has_ended() || !state.log_failed && !state.last_save_failed {
            true => Ok(()),
            false => Err(format!("the disk is well, and writes still fail: {}", state.last_error)),
        }
    }

    /// Does what the loop of a server does in a turn.
    fn turn(&mut self) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let result = process.turn(&self.disk, self.now)?;
        if result.is_err() || self.disk.has_ended() {
            let why = result.err().unwrap_or_else(|| "it was ended".into());
            self.told.push(format!("the process ends: {why}"));
            return self.crash();
        }
        process.check(&self.disk, self.now)
    }

    /// Ends the server in order, if it can.
    fn close(&mut self) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let save = !self.config.appendonly && self.random.below(2) == 0;
        let last = process.history.last();
        let result = process.files.close(&mut process.store, save, self.now);
        self.told.push(format!("SHUTDOWN, {result:?}"));
        if save {
            process.snapshots.push(last);
        }
        if result.is_ok() && !self.disk.has_ended() {
            if self.config.appendonly {
                process.answered = last;
            }
            if save {
                process.saved = last;
            }
        }
        let synced = result.is_ok() && !self.disk.has_ended();
        self.restart(synced)
    }

    fn crash(&mut self) -> Result<(), String> {
        self.restart(false)
    }

    fn some_crash(&mut self) -> Crash {
        [Crash::Killed, Crash::LosesTail, Crash::Reorders][self.random.below(3) as usize]
    }

    // What must hold --------------------------------------------------------------------------------------------

    /// Ends the process, and checks what the next one finds.
    fn restart(&mut self, synced: bool) -> Result<(), String> {
        let Some(process) = self.process.take() else { return Ok(()) };
        let crash = self.some_crash();
        let first = match self.config.appendonly {
            true if synced => process.answered,
            true => process.promised(&self.disk, &self.config, crash),
            false => process.saved,
        };
        let Process { store, files, history, snapshots, saved, .. } = process;
        drop((store, files));
        let torn = crash == Crash::Reorders || self.disk.has_holes();
        self.disk.crash(crash);
        let allowed: Vec<usize> = match self.config.appendonly {
            true => (first..=history.last()).collect(),
            false => snapshots.into_iter().filter(|unit| *unit >= saved).chain([saved]).collect(),
        };
        self.told.push(format!("crash: {crash:?}; {first} of {} units are promised", history.last()));
        self.start(Some((history, allowed, torn)))
    }

    /// Starts a process, which may be ended while it does; checks that it finds one of the states that are allowed.
    fn start(&mut self, expected: Option<(History, Vec<usize>, bool)>) -> Result<(), String> {
        if !self.is_plain && self.random.below(3) == 0 {
            self.disk.end_after(self.random.below(30));
        }
        if !self.is_plain && self.random.below(5) == 0 {
            self.disk.fail_one_in(1 + self.random.below(20));
        }
        let torn = expected.as_ref().is_some_and(|(.., torn)| *torn);
        let mut process = match self.load() {
            Ok(process) => process,
            Err(why) => {
                self.told.push(format!("the start fails: {why}"));
                let crash = self.some_crash();
                self.disk.crash(crash);
                self.load().or_else(|why| if torn { self.repair(&why) } else { Err(why) })?
            }
        };
        self.disk.fail_one_in(0);
        if let Some((history, allowed, _)) = expected
            && !allowed.iter().any(|unit| history.is(*unit, &process.store))
        {
            let found = history.find(0, &process.store);
            return Err(format!("units {allowed:?} are allowed, and what is found is {found:?}"));
        }
        self.disk.begin_log();
        process.history = History::new(&mut process.store, self.now)?;
        self.process = Some(process);
        Ok(())
    }

    /// Cuts off what is damaged, at the place that the refusal names, and starts again.
    fn repair(&mut self, why: &str) -> Result<Process, String> {
        let at = why.split("at byte ").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
        let path = why.split("append only file ").nth(1).and_then(|rest| rest.split(": ").next());
        let (Some(at), Some(path)) = (at, path) else { return Err(why.into()) };
        self.told.push(format!("{path} is cut off at {at}"));
        self.disk.cut_log(Path::new(path), at);
        self.load()
    }

    fn load(&mut self) -> Ended<Process> {
        let mut store = Store::new(self.config.clone(), 1);
        let written = Arc::new(Mutex::new(vec![]));
        let told = written.clone();
        let tell = move |number, result| told.lock().expect("nobody panics").push((number, result));
        let mut files =
            Files::new(&self.config, Arc::new(self.disk.clone()), Arc::new(tell), self.log.clone());
        files.load(&mut store, self.now)?;
        if self.disk.has_ended() {
            return Err("it was ended".into());
        }
        store.engine_mut().set_logging(true);
        let client = store.connect(Peer::default(), self.now);
        let history = History::new(&mut store, self.now)?;
        Ok(Process {
            store,
            files,
            client,
            written,
            history,
            answered: 0,
            snapshots: vec![],
            saved: 0,
            unsynced: None,
            failures: self.disk.failures(),
            healthy_since: self.now,
        })
    }
}

impl Process {
    /// The outer error is a fault of ours, the inner one what the process dies of.
    fn turn(&mut self, disk: &Disk, now: Time) -> Result<Ended<()>, String> {
        self.files.step(&mut self.store);
        self.files.look_after(&mut self.store, now);
        loop {
            let news = std::mem::take(&mut *self.written.lock().expect("nobody panics"));
            for (number, result) in news {
                let of_dump = self.store.engine().shared().persistence.saving.is_some();
                let whole = result.is_ok() && of_dump && !disk.has_ended();
                self.files.written(&mut self.store, number, result, now);
                if whole {
                    self.saved = self.snapshots.last().copied().unwrap_or(self.saved);
                }
            }
            let log = self.store.log().to_vec();
            self.history.add(&log, &self.store, now)?;
            if let Err(why) = self.files.keep(&mut self.store, now) {
                return Ok(Err(why));
            }
            disk.set_logged(self.history.logged());
            let Some((id, request)) = self.store.request() else { break };
            match request {
                Request::Save => {
                    self.snapshots.push(self.history.last());
                    self.files.begin(&mut self.store, Purpose::Dump, now);
                }
                Request::Rewrite => self.files.begin(&mut self.store, Purpose::Base, now),
                _ => self.store.answer(id, Answer::Done, now),
            }
        }
        self.store.outbox(|_, out| out.clear());
        if !disk.has_ended() {
            self.answered = self.history.last();
        }
        Ok(Ok(()))
    }

    /// Returns the last unit that a crash must leave.
    fn promised(&self, disk: &Disk, config: &Config, crash: Crash) -> usize {
        if config.appendfsync == AppendFsync::Always {
            return self.answered;
        }
        self.history.unit_at(disk.log_reaches(crash != Crash::Killed))
    }

    /// Checks that what is logged is synced in time, if it can be.
    fn check(&mut self, disk: &Disk, now: Time) -> Result<(), String> {
        let shared = self.store.engine().shared();
        if disk.failures() > self.failures {
            (self.failures, self.healthy_since) = (disk.failures(), now);
        }
        let is_periodic = shared.config.appendfsync == AppendFsync::EverySecond;
        if !shared.persistence.log_enabled || !is_periodic {
            return Ok(());
        }
        let (synced, last) = (self.history.unit_at(disk.log_reaches(true)), self.history.last());
        self.unsynced =
            self.unsynced.filter(|(_, unit)| *unit > synced).or((last > synced).then_some((now, last)));
        let Some((since, _)) = self.unsynced else { return Ok(()) };
        let waited = Duration::from_micros(now.micros_since(since.max(self.healthy_since)));
        match waited > UNSYNCED_MOST && !shared.persistence.log_failed {
            true => Err("what was logged long ago is not synced".into()),
            false => Ok(()),
        }
    }
}
