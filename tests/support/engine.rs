//! A store in the test's own process, hosted as simply as can be: time is what the test says, files are vectors.

use std::collections::BTreeMap;

use redlet::base::time::Time;
use redlet::engine::{Answer, Config, Peer, Request, RequestId};
use redlet::resp::SessionId;
use redlet::store::{Progress, Purpose, Store};

/// When every test begins: 14 November 2023, 22:13:20.
pub const BEGINNING: Time = Time::from_millis(1_700_000_000_000);
const SEED: u128 = 0x5EED;

/// A store and the connections of named clients.
pub struct Host {
    pub store: Store,
    pub now: Time,
    /// All that was logged so far.
    pub log: Vec<u8>,
    /// Whether snapshots are written by the test, a piece at a time, instead of at once.
    pub saves_slowly: bool,
    clients: BTreeMap<String, Connection>,
    snapshot: Snapshot,
}

/// What is written of a snapshot.
#[derive(Default)]
pub struct Snapshot {
    /// How much had been logged when it began.
    pub logged: usize,
    pub file: Vec<u8>,
}

struct Connection {
    id: SessionId,
    /// Sent to the engine, and not taken yet.
    input: Vec<u8>,
    received: Vec<u8>,
    closed: bool,
}

impl Host {
    /// Makes an empty store in which DEBUG is allowed.
    pub fn new() -> Self {
        let mut config = Config::default();
        let debug = Config::parameter("enable-debug-command").expect("a parameter");
        debug.set(&mut config, "yes").expect("one of its values");
        Self::with(config, SEED)
    }

    pub fn with(config: Config, seed: u128) -> Self {
        let mut store = Store::new(config, seed);
        store.engine_mut().set_logging(true);
        store.engine_mut().shared_mut().host.connects = true;
        Self {
            store,
            now: BEGINNING,
            log: vec![],
            saves_slowly: false,
            clients: BTreeMap::new(),
            snapshot: Snapshot::default(),
        }
    }

    /// Returns the client's session, once it has connected.
    pub fn session(&self, client: &str) -> Option<SessionId> {
        self.clients.get(client).map(|connection| connection.id)
    }

    /// Sends bytes for a client, which connects first if it has not yet, or not again.
    pub fn send(&mut self, client: &str, bytes: &[u8]) {
        if !self.clients.contains_key(client) {
            let peer = Peer { address: "127.0.0.1:50000".into(), ..Peer::default() };
            let id = self.store.connect(peer, self.now);
            let connection = Connection { id, input: vec![], received: vec![], closed: false };
            self.clients.insert(client.into(), connection);
        }
        let connection = self.clients.get_mut(client).expect("connected above");
        connection.input.extend_from_slice(bytes);
        let id = connection.id;
        self.give(id);
        self.carry_out();
    }

    /// Lets time pass, and the engine do what is due meanwhile.
    pub fn pass(&mut self, micros: u64) {
        let end = self.now.plus_micros(micros);
        while let Some(due) = self.store.next_deadline().filter(|due| *due < end) {
            self.now = self.now.max(due);
            self.store.tick(self.now);
            self.carry_out();
        }
        self.now = self.now.max(end);
        self.store.tick(end);
        self.carry_out();
    }

    /// Takes what a client has received; the last is whether its connection has been closed.
    pub fn take(&mut self, client: &str) -> (Vec<u8>, bool) {
        let Some(connection) = self.clients.get_mut(client) else { return (vec![], false) };
        let taken = (std::mem::take(&mut connection.received), connection.closed);
        if connection.closed {
            self.clients.remove(client);
        }
        taken
    }

    /// Ends a client's connection, as if its network had failed.
    pub fn disconnect(&mut self, client: &str) {
        if let Some(connection) = self.clients.remove(client) {
            self.store.disconnect(connection.id, self.now);
            self.carry_out();
        }
    }

    /// Begins a snapshot; who waits for one that is being written waits for this one.
    pub fn begin_snapshot(&mut self, purpose: Purpose) {
        self.store.begin_snapshot(purpose, self.now);
        self.deliver();
        self.snapshot = Snapshot { logged: self.log.len(), file: vec![] };
    }

    /// Writes about so many bytes of the snapshot; returns it once it is whole.
    pub fn save_some(&mut self, budget: usize) -> Option<Snapshot> {
        if self.store.step_snapshot(budget, &mut self.snapshot.file) == Progress::Working {
            return None;
        }
        let snapshot = std::mem::take(&mut self.snapshot);
        self.store.snapshot_done(Ok(()), self.now);
        self.carry_out();
        Some(snapshot)
    }

    /// Gives the engine what a client has sent and it has not taken.
    fn give(&mut self, id: SessionId) {
        let Some(connection) = self.clients.values_mut().find(|connection| connection.id == id) else {
            return;
        };
        let taken = self.store.receive(id, &connection.input, self.now);
        connection.input.drain(..taken);
    }

    /// Keeps the log, sends the output, and does what the engine asks for, until it asks no more.
    fn carry_out(&mut self) {
        self.deliver();
        while let Some((request, what)) = self.store.request() {
            self.fulfil(request, what);
            self.deliver();
        }
    }

    fn fulfil(&mut self, request: RequestId, what: Request) {
        match what {
            Request::Save => self.save(Purpose::Dump),
            Request::Rewrite => self.save(Purpose::Base),
            Request::Close(id) => self.close(id),
            Request::Resume(id) => self.give(id),
            Request::Sleep { until } => {
                self.now = self.now.max(until);
                self.store.answer(request, Answer::Done, self.now);
            }
            Request::Reload(how) => {
                let answer = match self.store.reload(how, self.now) {
                    Ok(()) => Answer::Done,
                    Err(why) => Answer::Failed(format!("ERR {why}")),
                };
                self.store.answer(request, answer, self.now);
            }
            Request::ReloadLog
            | Request::Configured(_)
            | Request::RewriteConfig { .. }
            | Request::LoadUsers
            | Request::SaveUsers
            | Request::Note(_)
            | Request::Warn(_)
            | Request::GiveUpSave => {
                self.store.answer(request, Answer::Done, self.now);
            }
            Request::Sync => self.store.answer(request, Answer::Said(vec![]), self.now),
            // A network where nobody answers.
            Request::Connect { .. } => self.store.link_failed(request, "Connection refused", self.now),
            Request::Replaced => {}
            Request::Send(_) => {
                let text = "IOERR error or timeout connecting to the client".to_string();
                self.store.answer(request, Answer::Failed(text), self.now);
            }
            Request::Shutdown { .. } => {
                let all: Vec<SessionId> = self.clients.values().map(|connection| connection.id).collect();
                all.into_iter().for_each(|id| self.close(id));
            }
        }
    }

    fn save(&mut self, purpose: Purpose) {
        self.begin_snapshot(purpose);
        if !self.saves_slowly {
            while self.save_some(usize::MAX / 2).is_none() {}
        }
    }

    fn close(&mut self, id: SessionId) {
        if let Some(connection) = self.clients.values_mut().find(|connection| connection.id == id) {
            connection.closed = true;
        }
        self.store.disconnect(id, self.now);
    }

    fn deliver(&mut self) {
        self.log.extend_from_slice(self.store.log());
        self.store.clear_log();
        let clients = &mut self.clients;
        self.store.outbox(|id, out| {
            if let Some(connection) = clients.values_mut().find(|connection| connection.id == id) {
                connection.received.append(out);
            }
        });
    }
}

/// Returns what an empty store becomes when it runs a log.
pub fn replayed(log: &[u8], now: Time) -> Result<Store, String> {
    let mut store = Store::new(Config::default(), SEED + 1);
    store.replay(log, now).map_err(|damage| damage.to_string())?;
    store.replay_done(now).map_err(|damage| damage.to_string())?;
    Ok(store)
}

/// Returns what an empty store becomes when it loads a snapshot.
pub fn loaded(snapshot: &[u8], now: Time) -> Result<Store, String> {
    let mut store = Store::new(Config::default(), SEED + 1);
    store.begin_load(Purpose::Base, now);
    store.load_snapshot(snapshot).map_err(|damage| damage.to_string())?;
    store.load_done().map_err(|damage| damage.to_string())?;
    Ok(store)
}

pub fn digest(store: &Store) -> u128 {
    store.engine().keyspace().digest()
}
