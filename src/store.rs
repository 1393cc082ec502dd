//! What a host holds: the engine with every command, and what it takes to keep its data.

mod export;
mod follow;
pub mod keeper;
mod reload;
pub mod restore;
mod sync;

use std::collections::VecDeque;
use std::fmt;

use crate::base::time::Time;
use crate::commands;
use crate::engine::persistence::Loading;
use crate::engine::session::Replies;
use crate::engine::{Answer, Config, Engine, Peer, REDIS_VERSION, Request, RequestId};
use crate::keyspace::Keyspace;
use crate::persist::aof;
use crate::persist::commands::Writer;
use crate::persist::rdb::{self, Loader, Options, Saver, version_for};
use crate::resp::{Args, SessionId};
#[cfg(feature = "scripting")]
use crate::scripting::Scripting;

use follow::Staged;
use sync::Sync;

pub use crate::persist::rdb::{Loaded, Progress, Purpose};

/// An engine with every command, and its persistence. It does no input or output: a host moves the bytes.
///
/// To open what was kept, before the first client connects:
///
/// ```text
/// begin_load(purpose, now)   load_snapshot(bytes)…   load_done(now)     the snapshot, if there is one
///                            replay(bytes)…          replay_done(now)   each log after it, oldest first
/// ```
///
/// From then on, in every turn of the host's loop, after what went in:
///
/// ```text
/// log() → the log, clear_log()       before anything is sent
/// outbox() → the clients
/// request():
///     Save      a new snapshot is wanted: open a file for it, begin_snapshot(Purpose::Dump, now)
///     Rewrite   a new log is wanted: open one for the changes to come, then a file for the snapshot that it
///               goes on from, begin_snapshot(Purpose::Base, now)
/// step_snapshot(budget, out) → the file, while is_saving(); on Progress::Done bring the file to its place, then
/// snapshot_done(Ok(()), now); at any failure snapshot_done(Err(why), now), whether or not it had begun
/// ```
///
/// Where a server is to be followed, `Request::Connect` asks for a connection to it: `linked` makes a session of that,
/// whose input is then given to `receive` as that of clients is. `Request::Replaced` says when all data is another's.
///
/// A snapshot holds the keyspace as it was in `begin_snapshot`, and no log that was taken before belongs behind it.
pub struct Store {
    engine: Engine,
    snapshot: Option<Snapshot>,
    /// Requests that wait for the present snapshot to end.
    held: VecDeque<(RequestId, Request)>,
    /// The snapshot that replicas wait for.
    sync: Option<Sync>,
    /// A snapshot for somebody outside.
    export: Option<Saver>,
    /// What has come of the snapshot of the server that we follow.
    staged: Option<Box<Staged>>,
    /// When the host last told the time.
    now: Time,
    loader: Option<Loader>,
    replay: Option<Replay>,
}

/// A snapshot that was asked for, or that is being written.
struct Snapshot {
    purpose: Purpose,
    /// Who is to be answered.
    request: Option<RequestId>,
    /// `None` until it begins.
    saver: Option<Walk>,
    bytes: u64,
}

/// How the present state is written.
enum Walk {
    Snapshot(Box<Saver>),
    Commands(Writer),
}

impl Walk {
    fn step(&mut self, keyspace: &mut Keyspace, budget: usize, out: &mut Vec<u8>) -> Progress {
        match self {
            Self::Snapshot(saver) => saver.step(keyspace, budget, out),
            Self::Commands(writer) => writer.step(keyspace, budget, out),
        }
    }

    /// Returns how many keys are written, and how many there are.
    fn keys(&self) -> (u64, u64) {
        match self {
            Self::Snapshot(saver) => saver.keys(),
            Self::Commands(writer) => writer.keys(),
        }
    }
}

/// A log that is being read.
struct Replay {
    session: SessionId,
    /// The snapshot that the log may begin with.
    preamble: Option<Loader>,
    reader: aof::Reader,
}

/// Why something that was kept can't be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    Snapshot(rdb::Damage),
    Log(aof::Damage),
}

impl Store {
    /// Makes an empty store; see [`Engine::new`].
    pub fn new(config: Config, seed: u128) -> Self {
        #[cfg_attr(not(feature = "scripting"), expect(unused_mut))]
        let mut engine = Engine::new(commands::ALL, config, seed);
        #[cfg(feature = "scripting")]
        {
            let seed = engine.shared_mut().random.next();
            engine.shared_mut().interpreter = Some(Box::new(Scripting::new(seed)));
        }
        Self {
            engine,
            snapshot: None,
            held: VecDeque::new(),
            sync: None,
            export: None,
            staged: None,
            now: Time::default(),
            loader: None,
            replay: None,
        }
    }

    // In --------------------------------------------------------------------------------------------------------

    /// See [`Engine::connect`].
    pub fn connect(&mut self, peer: Peer, now: Time) -> SessionId {
        self.engine.connect(peer, now)
    }

    /// See [`Engine::receive`].
    pub fn receive(&mut self, from: SessionId, input: &[u8], now: Time) -> usize {
        self.now = now;
        if self.engine.shared().is_link(from) {
            return self.follow(from, input, now);
        }
        self.engine.receive(from, input, now)
    }

    /// See [`Engine::execute`].
    pub fn execute(&mut self, from: SessionId, args: Args<'_>, now: Time) {
        self.now = now;
        self.engine.execute(from, args, now);
    }

    /// See [`Engine::tick`].
    pub fn tick(&mut self, now: Time) {
        self.now = now;
        self.engine.tick(now);
        self.drop_left_over();
        self.step_sync();
    }

    /// See [`Engine::answer`].
    pub fn answer(&mut self, request: RequestId, answer: Answer, now: Time) {
        self.engine.answer(request, answer, now);
    }

    /// See [`Engine::disconnect`].
    pub fn disconnect(&mut self, session: SessionId, now: Time) {
        self.engine.disconnect(session, now);
    }

    // Out -------------------------------------------------------------------------------------------------------

    /// See [`Engine::log`].
    pub fn log(&self) -> &[u8] {
        self.engine.log()
    }

    /// Drops what [`Store::log`] returned, once it is kept.
    pub fn clear_log(&mut self) {
        let len = self.engine.log().len() as u64;
        self.engine.shared_mut().persistence.log_size += len;
        self.engine.clear_log();
    }

    /// See [`Engine::outbox`].
    #[inline(always)]
    pub fn outbox(&mut self, send: impl FnMut(SessionId, &mut Vec<u8>)) {
        self.engine.outbox(send);
    }

    /// See [`Engine::output`].
    pub fn output(&mut self, id: SessionId) -> Option<&mut Vec<u8>> {
        self.engine.output(id)
    }

    /// Returns the next thing that only the host can do. One snapshot is asked for at a time.
    #[inline(always)]
    pub fn request(&mut self) -> Option<(RequestId, Request)> {
        let shared = self.engine.shared();
        if shared.requests.is_empty() && self.held.is_empty() && shared.primary.is_empty() {
            return None;
        }
        self.next_request()
    }

    fn next_request(&mut self) -> Option<(RequestId, Request)> {
        if self.sync.is_none() && self.engine.shared().primary.wanted_snapshot().is_some() {
            self.step_sync();
        }
        loop {
            let held = match self.held.front() {
                Some((_, request)) if !self.must_wait(request) => self.held.pop_front(),
                _ => None,
            };
            let (id, request) = held.or_else(|| self.engine.request())?;
            if self.must_wait(&request) {
                self.held.push_back((id, request));
                continue;
            }
            let purpose = match request {
                Request::Save => Purpose::Dump,
                Request::Rewrite => Purpose::Base,
                other => return Some((id, other)),
            };
            self.snapshot = Some(Snapshot { purpose, request: Some(id), saver: None, bytes: 0 });
            return Some((id, request));
        }
    }

    /// Returns whether a request waits for the end of a snapshot, or of a script.
    fn must_wait(&self, request: &Request) -> bool {
        match request {
            Request::Save | Request::Rewrite | Request::Reload(_) => !self.is_free(),
            // It may begin a log, with a snapshot.
            Request::Configured(_) => self.is_inside_a_unit(),
            _ => false,
        }
    }

    /// Returns whether no snapshot is being written, and one could be begun.
    fn is_free(&self) -> bool {
        self.snapshot.is_none() && self.sync.is_none() && self.export.is_none() && !self.is_inside_a_unit()
    }

    /// Returns whether a script has not ended: a snapshot would hold half of what it does, and the log all of it.
    pub fn is_inside_a_unit(&self) -> bool {
        self.engine.shared().busy.is_some()
    }

    /// See [`Engine::next_deadline`].
    pub fn next_deadline(&self) -> Option<Time> {
        self.sync_deadline().or_else(|| self.engine.next_deadline())
    }

    // About -----------------------------------------------------------------------------------------------------

    /// Returns the engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns when the host last told the time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Returns the engine for what a host may change: configuration, statistics, whether changes are logged.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    // Saving ----------------------------------------------------------------------------------------------------

    /// Returns whether a snapshot is wanted or being written.
    pub fn is_saving(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Returns why no snapshot can be written in the version that `rdb-version` asks for, if it can't.
    pub fn refusal(&self) -> Result<(), String> {
        let wished = self.engine.shared().config.rdb_version.get() as u32;
        version_for(self.engine.keyspace(), wished).map(drop).map_err(str::to_owned)
    }

    /// Sets the point in time of a snapshot: one that was asked for, or one of the host's own.
    ///
    /// If another one is being written it is given up; who waits for that one gets the answer of this one.
    pub fn begin_snapshot(&mut self, purpose: Purpose, now: Time) {
        self.begin_saving(purpose, now);
        let saver = self.saver(purpose, now);
        self.write_with(Walk::Snapshot(Box::new(saver)));
    }

    /// Begins to write commands, instead of a snapshot that a log goes on from. Only [`Store::replay`] reads them.
    pub fn begin_commands(&mut self, now: Time) {
        self.begin_saving(Purpose::Base, now);
        let told = self.engine.shared().config.aof_timestamp_enabled.then_some(now);
        let writer = Writer::new(self.engine.keyspace_mut(), told);
        self.write_with(Walk::Commands(writer));
    }

    fn write_with(&mut self, saver: Walk) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.saver = Some(saver);
        }
    }

    fn begin_saving(&mut self, purpose: Purpose, now: Time) {
        self.give_up_sync();
        self.export = None;
        let given_up = self.snapshot.take();
        let request = given_up.as_ref().and_then(|given_up| given_up.request);
        let dirty = self.engine.dirty();
        let state = &mut self.engine.shared_mut().persistence;
        if let Some(given_up) = given_up {
            state.give_up(given_up.purpose);
        }
        match purpose {
            Purpose::Dump => state.begin_save(dirty, now),
            Purpose::Base => state.begin_rewrite(dirty, now),
        }
        self.snapshot = Some(Snapshot { purpose, request, saver: None, bytes: 0 });
    }

    /// Begins to write the present state.
    fn saver(&mut self, purpose: Purpose, now: Time) -> Saver {
        let options = self.save_options(purpose, now);
        Saver::new(self.engine.keyspace_mut(), options)
    }

    fn save_options(&self, purpose: Purpose, now: Time) -> Options {
        let shared = self.engine.shared();
        let keyspace = self.engine.keyspace();
        let wished = shared.config.rdb_version.get() as u32;
        Options {
            purpose,
            // Replicas, exports and whatever can't be in the version that is wished for get the lowest that holds it.
            version: version_for(keyspace, wished).or_else(|_| version_for(keyspace, 0)).unwrap_or_default(),
            compress: shared.config.rdbcompression,
            checksum: shared.config.rdbchecksum,
            now,
            used_memory: shared.host.used_memory,
            redis_version: REDIS_VERSION,
        }
    }

    /// Appends about `budget` bytes of the snapshot to `out`.
    pub fn step_snapshot(&mut self, budget: usize, out: &mut Vec<u8>) -> Progress {
        let Some(Snapshot { purpose, saver: Some(saver), bytes, .. }) = &mut self.snapshot else {
            return Progress::Done;
        };
        let before = out.len();
        let progress = saver.step(self.engine.keyspace_mut(), budget, out);
        *bytes += (out.len() - before) as u64;
        let kept = self.engine.keyspace().kept_bytes();
        let state = &mut self.engine.shared_mut().persistence;
        let running = match purpose {
            Purpose::Dump => &mut state.saving,
            Purpose::Base => &mut state.rewriting,
        };
        if let Some(running) = running {
            (running.keys_done, running.keys) = saver.keys();
            running.kept = running.kept.max(kept);
        }
        progress
    }

    /// Ends the snapshot that was asked for or begun: it is kept, or why it is not. Who waits for it is answered.
    pub fn snapshot_done(&mut self, result: Result<(), String>, now: Time) {
        self.engine.keyspace_mut().thaw();
        let Some(snapshot) = self.snapshot.take() else { return };
        let state = &mut self.engine.shared_mut().persistence;
        match snapshot.purpose {
            Purpose::Dump => state.end_save(&result, now),
            Purpose::Base => state.end_rewrite(&result, snapshot.bytes, now),
        }
        let Some(request) = snapshot.request else { return };
        let answer = match result {
            Ok(()) => Answer::Done,
            Err(why) => Answer::Failed(format!("ERR {why}")),
        };
        self.engine.answer(request, answer, now);
    }

    /// Gives up the snapshot that was asked for or begun, if it has this purpose: nobody wants it any more. Returns
    /// whether there was one.
    pub fn give_up_snapshot(&mut self, purpose: Purpose, now: Time) -> bool {
        let Some(given_up) = self.snapshot.take_if(|snapshot| snapshot.purpose == purpose) else {
            return false;
        };
        self.engine.keyspace_mut().thaw();
        self.engine.shared_mut().persistence.give_up(purpose);
        if let Some(request) = given_up.request {
            self.engine.answer(request, Answer::Failed("ERR the snapshot was given up".into()), now);
        }
        true
    }

    // Loading ---------------------------------------------------------------------------------------------------

    /// Empties the store, to load a snapshot into it.
    ///
    /// `purpose` says whether a log goes on from it, which then tells itself which keys expired.
    pub fn begin_load(&mut self, purpose: Purpose, now: Time) {
        self.give_up_sync();
        let check = self.engine.shared().config.rdbchecksum;
        self.engine.keyspace_mut().clear();
        self.loading(now);
        self.loader = Some(Loader::new(purpose, check, now));
    }

    /// Takes note that clients have to wait for what is loaded.
    fn loading(&mut self, now: Time) {
        let loading = &mut self.engine.shared_mut().persistence.loading;
        loading.get_or_insert(Loading { since: now, ..Loading::default() });
    }

    /// Takes in the next bytes of the snapshot.
    ///
    /// When it turns out to be damaged, some of its keys are there: [`Keyspace::clear`](crate::keyspace::Keyspace::clear) drops
    /// them.
    pub fn load_snapshot(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let Some(loader) = &mut self.loader else { return Ok(()) };
        loader.feed(self.engine.keyspace_mut(), bytes)?;
        self.engine.shared_mut().persistence.loaded_keys = loader.loaded().keys;
        Ok(())
    }

    /// Ends loading; returns what came of it if the snapshot was whole.
    pub fn load_done(&mut self) -> Result<Loaded, Damage> {
        let state = &mut self.engine.shared_mut().persistence;
        state.loading = None;
        let loader = self.loader.take();
        for key in loader.iter().flat_map(Loader::skipped) {
            let text = format!("skipping empty key: {}", key.escape_ascii());
            self.engine.shared_mut().requests.push(Request::Warn(text));
        }
        let loaded = loader.map(Loader::finish).transpose()?.unwrap_or_default();
        let state = &mut self.engine.shared_mut().persistence;
        state.loaded_keys = loaded.keys;
        state.expired_while_loading = loaded.expired;
        Ok(loaded)
    }

    /// Runs the commands of a log's next bytes, those of a transaction when it is whole.
    ///
    /// The log may begin with a snapshot, which its first bytes tell: there must be five of them at least.
    pub fn replay(&mut self, bytes: &[u8], now: Time) -> Result<(), Damage> {
        let mut replay = match self.replay.take() {
            Some(replay) => replay,
            None => self.begin_replay(bytes, now),
        };
        let result = self.run_log(&mut replay, bytes, now);
        self.replay = Some(replay);
        result
    }

    /// Ends a log; returns its length if it did not end in the middle of something.
    ///
    /// If it did, and `aof-load-truncated` allows it, the host cuts the log off where the damage begins.
    pub fn replay_done(&mut self, now: Time) -> Result<u64, Damage> {
        let Some(replay) = self.replay.take() else { return Ok(0) };
        self.engine.disconnect(replay.session, now);
        let shared = self.engine.shared_mut();
        shared.persistence.loading = None;
        // No client has sent what the log holds.
        shared.measure.reset();
        shared.table.reset_stats();
        let preamble = replay.preamble.map(Loader::finish).transpose()?.unwrap_or_default();
        let rest = replay.reader.finish().map_err(|damage| damage.after(preamble.bytes))?;
        Ok(preamble.bytes + rest)
    }

    fn begin_replay(&mut self, bytes: &[u8], now: Time) -> Replay {
        self.loading(now);
        let peer = Peer { trusted: true, ..Peer::default() };
        let session = self.engine.connect(peer, now);
        if let Some(client) = self.engine.shared_mut().clients.get_mut(session) {
            client.session.replies = Replies::Off;
        }
        let check = self.engine.shared().config.rdbchecksum;
        let preamble = rdb::begins_snapshot(bytes).then(|| Loader::new(Purpose::Base, check, now));
        Replay { session, preamble, reader: aof::Reader::default() }
    }

    fn run_log(&mut self, replay: &mut Replay, bytes: &[u8], now: Time) -> Result<(), Damage> {
        let mut read = 0;
        let mut preamble_len = 0;
        if let Some(loader) = &mut replay.preamble {
            read = loader.feed(self.engine.keyspace_mut(), bytes)?;
            preamble_len = loader.loaded().bytes;
        }
        let engine = &mut self.engine;
        let run = |args: Args<'_>| {
            if engine.shared().table.find(args).is_none() {
                let name = String::from_utf8_lossy(args.at(0)).into_owned();
                return Err(aof::Fault::UnknownCommand(name));
            }
            engine.replay(replay.session, args, now);
            Ok(())
        };
        let result = replay.reader.feed(&bytes[read..], run);
        Ok(result.map_err(|damage| damage.after(preamble_len))?)
    }
}

impl From<rdb::Damage> for Damage {
    fn from(damage: rdb::Damage) -> Self {
        Damage::Snapshot(damage)
    }
}

impl From<aof::Damage> for Damage {
    fn from(damage: aof::Damage) -> Self {
        Damage::Log(damage)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Snapshot(damage) => damage.fmt(f),
            Damage::Log(damage) => damage.fmt(f),
        }
    }
}

impl std::error::Error for Damage {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    const NOW: Time = Time::from_seconds(1_700_000_000);

    fn run(store: &mut Store, commands: &[&str]) {
        let client = store.connect(Peer::default(), NOW);
        for command in commands {
            let args: OwnedArgs = command.split(' ').map(str::as_bytes).collect();
            store.execute(client, args.as_args(), NOW);
        }
    }

    fn value(store: &Store, key: &str) -> Option<String> {
        let entry = store.engine.keyspace().database(0).iter().find(|entry| entry.key() == key.as_bytes())?;
        Some(format!("{entry:?}"))
    }

    fn snapshot(store: &mut Store) -> Vec<u8> {
        let mut bytes = vec![];
        store.begin_snapshot(Purpose::Dump, NOW);
        while store.step_snapshot(10, &mut bytes) == Progress::Working {}
        store.snapshot_done(Ok(()), NOW);
        bytes
    }

    #[test]
    fn a_snapshot_is_of_one_moment() {
        let mut store = Store::new(Config::default(), 1);
        run(&mut store, &["SET a 1", "SET b two"]);
        let mut bytes = vec![];
        store.begin_snapshot(Purpose::Dump, NOW);
        run(&mut store, &["SET a changed", "SET c 3"]);
        while store.step_snapshot(10, &mut bytes) == Progress::Working {}
        store.snapshot_done(Ok(()), NOW);

        let mut loaded = Store::new(Config::default(), 2);
        loaded.begin_load(Purpose::Dump, NOW);
        bytes.chunks(3).for_each(|chunk| loaded.load_snapshot(chunk).expect("in order"));
        assert_eq!(loaded.load_done().expect("whole").keys, 2);
        assert_eq!(value(&loaded, "a").as_deref(), Some("a: 1"));
        assert_eq!(value(&loaded, "b").as_deref(), Some("b: \"two\""));
        assert_eq!(value(&loaded, "c"), None);
    }

    #[test]
    fn a_log_is_run_again_but_for_a_transaction_that_is_not_whole() {
        let mut store = Store::new(Config::default(), 1);
        run(&mut store, &["SET before 1"]);
        let preamble = snapshot(&mut store);
        let set = |key: &str| format!("*3\r\n$3\r\nSET\r\n$1\r\n{key}\r\n$1\r\n1\r\n");
        let multi = "*1\r\n$5\r\nMULTI\r\n";
        let whole = [multi, &set("b"), "*1\r\n$4\r\nEXEC\r\n"].concat();
        let log = [&set("a"), "#TS:1\r\n", &whole, multi, &set("c")].concat();
        let intact = preamble.len() + log.len() - multi.len() - set("c").len();

        let mut loaded = Store::new(Config::default(), 2);
        for chunk in [&preamble, log.as_bytes()].concat().chunks(7) {
            loaded.replay(chunk, NOW).expect("in order");
        }
        let damage = aof::Damage { at: intact as u64, fault: aof::Fault::EndsEarly };
        assert_eq!(loaded.replay_done(NOW), Err(Damage::Log(damage)));
        assert_eq!(loaded.engine.keyspace().len(), 3);
    }

    /// Sends calls in one go; returns the replies.
    fn answers(store: &mut Store, client: SessionId, calls: &str) -> String {
        store.receive(client, calls.as_bytes(), NOW);
        let out = store.output(client).expect("connected");
        String::from_utf8(std::mem::take(out)).expect("plain replies")
    }

    #[test]
    fn a_snapshot_counts_as_begun_when_it_is_asked_for() {
        let mut store = Store::new(Config::default(), 1);
        let client = store.connect(Peer::default(), NOW);
        assert_eq!(
            answers(
                &mut store,
                client,
                "BGSAVE\r\nBGSAVE SCHEDULE\r\nSAVE\r\nBGREWRITEAOF\r\nBGREWRITEAOF\r\n"
            ),
            "+Background saving started\r\n\
             -ERR Background save already in progress\r\n\
             -ERR Background save already in progress\r\n\
             +Background append only file rewriting scheduled\r\n\
             +Background append only file rewriting scheduled\r\n"
        );
        assert_eq!(store.request().map(|(_, request)| request), Some(Request::Save));
        snapshot(&mut store);
        assert_eq!(store.request().map(|(_, request)| request), Some(Request::Rewrite));
        store.begin_snapshot(Purpose::Base, NOW);
        assert_eq!(
            answers(&mut store, client, "BGREWRITEAOF\r\nBGSAVE\r\nBGSAVE SCHEDULE\r\nSAVE\r\nPING\r\n"),
            "-ERR Background append only file rewriting already in progress\r\n\
             -ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
             schedule a BGSAVE whenever possible.\r\n\
             +Background saving scheduled\r\n"
        );
        assert_eq!(store.request(), None, "the rewrite is not done");
        store.snapshot_done(Ok(()), NOW);
        assert_eq!(store.request().map(|(_, request)| request), Some(Request::Save));
        store.snapshot_done(Err("the disk is full".into()), NOW);
        assert_eq!(store.request().map(|(_, request)| request), Some(Request::Save));
        store.snapshot_done(Err("the disk is full".into()), NOW);
        assert_eq!(answers(&mut store, client, ""), "-ERR the disk is full\r\n");
    }

    #[test]
    fn one_snapshot_is_asked_for_at_a_time() {
        let mut store = Store::new(Config::default(), 1);
        let requests = &mut store.engine.shared_mut().requests;
        let (first, second) = (requests.push(Request::Save), requests.push(Request::Rewrite));
        assert_eq!(store.request(), Some((first, Request::Save)));
        assert_eq!(store.request(), None);
        store.snapshot_done(Err("no space".into()), NOW);
        assert!(store.engine.shared().persistence.last_save_failed);
        assert_eq!(store.request(), Some((second, Request::Rewrite)));
    }
}
