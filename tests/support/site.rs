//! Where a transcript is played: an engine in this process, or a server at the other end of sockets.

use std::collections::BTreeMap;

use redlet::store::Purpose;

use super::connection::Connection;
use super::engine::{Host, digest, loaded, replayed};
use super::server::Server;

/// What clients have received and not been asked for.
pub struct Received {
    pub bytes: Vec<u8>,
    pub closed: bool,
}

/// Somewhere that calls can be sent to.
pub trait Site {
    /// Sends bytes for a client, which connects first if it has not yet. Returns when they have been acted on, or,
    /// if an answer is expected, earlier.
    fn send(&mut self, client: &str, bytes: &[u8], answered: bool);

    /// Lets time pass.
    fn pass(&mut self, micros: u64);

    /// Takes what a client has received, once it is `enough` or nothing more comes.
    fn receive(&mut self, client: &str, enough: &dyn Fn(&Received) -> bool) -> Received;
}

/// How input reaches an engine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    Whole,
    /// Byte by byte.
    Bytes,
}

/// An engine of its own.
pub struct InProcess {
    host: Host,
    pieces: Pieces,
}

impl InProcess {
    pub fn new(pieces: Pieces) -> Self {
        Self { host: Host::new(), pieces }
    }

    /// Checks that what is kept is what is there: the log, run again, and a snapshot, loaded.
    pub fn check_kept(mut self) -> Result<(), String> {
        let now = self.host.now;
        let there = digest(&self.host.store);
        if digest(&replayed(&self.host.log, now)?) != there {
            let log = String::from_utf8_lossy(&self.host.log).escape_debug().to_string();
            return Err(format!("the log does not lead to the same keyspace: {log}"));
        }
        self.host.begin_snapshot(Purpose::Base);
        loop {
            let Some(snapshot) = self.host.save_some(1) else { continue };
            return match digest(&loaded(&snapshot.file, now)?) == there {
                true => Ok(()),
                false => Err("the snapshot does not hold the same keyspace".into()),
            };
        }
    }
}

impl Site for InProcess {
    fn send(&mut self, client: &str, bytes: &[u8], _answered: bool) {
        match self.pieces {
            Pieces::Whole => self.host.send(client, bytes),
            Pieces::Bytes => bytes.chunks(1).for_each(|byte| self.host.send(client, byte)),
        }
    }

    fn pass(&mut self, micros: u64) {
        self.host.pass(micros);
    }

    fn receive(&mut self, client: &str, _enough: &dyn Fn(&Received) -> bool) -> Received {
        let (bytes, closed) = self.host.take(client);
        Received { bytes, closed }
    }
}

/// A server process that is used for one block after another.
pub struct Remote {
    clients: BTreeMap<String, Connection>,
    control: Connection,
    server: Server,
    /// How clients connect.
    pub way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Tcp,
    WebSocket,
}

impl Remote {
    pub fn new(server: Server) -> Self {
        Self { clients: BTreeMap::new(), control: server.connect(), server, way: Way::Tcp }
    }

    /// Empties the server and disconnects all clients.
    pub fn reset(&mut self) {
        self.clients.clear();
        // What was played last may have ended every connection, as CLIENT KILL does.
        self.control = self.server.connect();
        self.control.call(&["FLUSHALL"]);
        self.control.call(&["SCRIPT", "FLUSH"]);
        self.control.call(&["FUNCTION", "FLUSH"]);
        self.control.call(&["CONFIG", "RESETSTAT"]);
        while self.list().matches("addr=").count() > 2 {}
    }

    fn list(&mut self) -> String {
        String::from_utf8_lossy(&self.control.call(&["CLIENT", "LIST"])).into_owned()
    }

    /// Waits until the server has read a call that gets no answer, as far as can be told from outside: until the
    /// client is shown as blocked, or the server has had many chances to read it.
    fn let_block(&mut self, client: &str) {
        let connection = self.clients.get_mut(client).expect("it has sent something");
        connection.hand_on();
        let address = format!(" addr={} ", connection.address);
        for _ in 0..50 {
            let list = self.list();
            let line = list.lines().find(|line| line.contains(&address)).unwrap_or_default();
            let flags = line.split(" flags=").nth(1).unwrap_or_default();
            if flags.split(' ').next().is_some_and(|flags| flags.contains('b')) {
                return;
            }
        }
    }
}

impl Site for Remote {
    fn send(&mut self, client: &str, bytes: &[u8], answered: bool) {
        if !self.clients.contains_key(client) {
            let connection = match self.way {
                Way::Tcp => self.server.connect(),
                Way::WebSocket => self.server.connect_web(),
            };
            self.clients.insert(client.into(), connection);
        }
        self.clients.get_mut(client).expect("connected above").send(bytes);
        if !answered {
            self.let_block(client);
        }
    }

    /// Where time can't be told, waits until the server has ended a wait of as long, which it does after all that were
    /// to end earlier: only what records answers of a redis-server comes here.
    fn pass(&mut self, micros: u64) {
        if !self.server.pass(micros) {
            self.control.outlast(micros);
        }
    }

    fn receive(&mut self, client: &str, enough: &dyn Fn(&Received) -> bool) -> Received {
        let Some(connection) = self.clients.get_mut(client) else {
            return Received { bytes: vec![], closed: false };
        };
        loop {
            let (bytes, closed) = connection.arrived();
            let received = Received { bytes: bytes.to_vec(), closed };
            if enough(&received) || !connection.wait() {
                connection.clear();
                return received;
            }
        }
    }
}
