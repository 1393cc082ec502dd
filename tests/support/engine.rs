//! An engine in the test's own process, hosted as simply as can be: time is what the test says.

use std::collections::BTreeMap;

use redlet::base::time::Time;
use redlet::commands;
use redlet::engine::{Answer, Config, Engine, Peer, Request};
use redlet::resp::SessionId;

/// When every test begins: 14 November 2023, 22:13:20.
pub const BEGINNING: Time = Time::from_millis(1_700_000_000_000);
const SEED: u128 = 0x5EED;

/// As the servers are started that transcripts are compared with.
fn config() -> Config {
    let mut config = Config::default();
    for (name, value) in [("save", ""), ("enable-debug-command", "yes")] {
        let parameter = Config::parameter(name).expect("a parameter");
        (parameter.set)(&mut config, value).expect("a valid value");
    }
    config
}

/// An engine and the connections of named clients.
pub struct Host {
    pub engine: Engine,
    pub now: Time,
    clients: BTreeMap<String, Connection>,
}

struct Connection {
    id: SessionId,
    /// Sent to the engine, and not taken yet.
    input: Vec<u8>,
    received: Vec<u8>,
    closed: bool,
}

impl Host {
    pub fn new() -> Self {
        let mut engine = Engine::new(commands::ALL, config(), SEED);
        engine.set_logging(true);
        Self { engine, now: BEGINNING, clients: BTreeMap::new() }
    }

    /// Sends bytes for a client, which connects first if it has not yet.
    pub fn send(&mut self, client: &str, bytes: &[u8]) {
        if !self.clients.contains_key(client) {
            let peer = Peer { address: "127.0.0.1:50000".into(), ..Peer::default() };
            let id = self.engine.connect(peer, self.now);
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
        while let Some(due) = self.engine.next_deadline().filter(|due| *due < end) {
            self.now = self.now.max(due);
            self.engine.tick(self.now);
            self.carry_out();
        }
        self.now = end;
        self.engine.tick(end);
        self.carry_out();
    }

    /// Takes what a client has received; the last is whether its connection has been closed.
    pub fn take(&mut self, client: &str) -> (Vec<u8>, bool) {
        let Some(connection) = self.clients.get_mut(client) else { return (vec![], false) };
        (std::mem::take(&mut connection.received), std::mem::take(&mut connection.closed))
    }

    /// Gives the engine what a client has sent and it has not taken.
    fn give(&mut self, id: SessionId) {
        let Some(connection) = self.clients.values_mut().find(|connection| connection.id == id) else {
            return;
        };
        let taken = self.engine.receive(id, &connection.input, self.now);
        connection.input.drain(..taken);
    }

    fn carry_out(&mut self) {
        self.deliver();
        while let Some((request, what)) = self.engine.request() {
            match what {
                Request::Close(id) => self.close(id),
                Request::Resume(id) => self.give(id),
                Request::Sleep { until } => {
                    self.now = self.now.max(until);
                    self.engine.answer(request, Answer::Done, self.now);
                }
                _ => self.engine.answer(request, Answer::Done, self.now),
            }
            self.deliver();
        }
    }

    fn close(&mut self, id: SessionId) {
        if let Some(connection) = self.clients.values_mut().find(|connection| connection.id == id) {
            connection.closed = true;
        }
        self.engine.disconnect(id, self.now);
    }

    fn deliver(&mut self) {
        let clients = &mut self.clients;
        self.engine.outbox(|id, out| {
            if let Some(connection) = clients.values_mut().find(|connection| connection.id == id) {
                connection.received.append(out);
            }
        });
    }
}
