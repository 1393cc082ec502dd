//! The loop: waits for sockets, lets the engine run what came in, keeps the log, and sends what it says.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Poll, Token};

use super::clock::Clock;
use super::connection::{Connection, Link, Sent};
use super::listen::{self, Listener};
use super::log::Log;
use crate::base::time::Time;
use crate::commands;
use crate::engine::{Config, Engine, Peer, Request};
use crate::resp::SessionId;

/// Bytes of input that are read at once.
const READ_SIZE: usize = 64 * 1024;
/// Reads of one client in a turn, so that the others have theirs.
const READS_A_TURN: usize = 4;
/// Clients that are accepted in a turn.
const ACCEPTS_A_TURN: usize = 1000;
const EVENTS_A_TURN: usize = 1024;
/// Tokens below are listeners'; a session's token is its number further on.
const SESSIONS: usize = 1024;

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";
const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

/// An engine and everything that connects it to the world.
pub struct Server {
    engine: Engine,
    poll: Poll,
    clock: Clock,
    log: Arc<Log>,
    listeners: Vec<Listener>,
    connections: HashMap<SessionId, Connection>,
    /// What was read last; reused.
    input: Vec<u8>,
    /// Who had more to read than a turn allows.
    unfinished: Vec<SessionId>,
}

impl Server {
    pub fn new(config: Config, log: Arc<Log>) -> Result<Self, String> {
        let mut seed = [0; 16];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| format!("The system gives no random bytes: {error}"))?;
        Ok(Self {
            engine: Engine::new(commands::ALL, config, u128::from_le_bytes(seed)),
            poll: Poll::new().map_err(|error| format!("The system can't wait for readiness: {error}"))?,
            clock: Clock,
            log,
            listeners: vec![],
            connections: HashMap::new(),
            input: vec![0; READ_SIZE],
            unfinished: vec![],
        })
    }

    /// Listens wherever the configuration says.
    pub fn listen(&mut self) -> Result<(), String> {
        let config = &self.engine.shared().config;
        let port = config.port.get() as u16;
        if port > 0 {
            let listeners = listen::bind_tcp(port, config, &self.log)
                .map_err(|_| format!("Failed listening on port {port} (TCP), aborting."))?;
            let listeners =
                listeners.into_iter().map(|listener| Listener::Tcp(TcpListener::from_std(listener)));
            self.listeners.extend(listeners);
        }
        if !config.unixsocket.is_empty() {
            let listener = listen::bind_unix(&config.unixsocket, config)
                .map_err(|error| format!("Failed opening Unix socket: bind: {error}"))?;
            self.listeners.push(listener);
        }
        if self.listeners.is_empty() {
            return Err("Configured to not listen anywhere, exiting.".into());
        }
        for (i, listener) in self.listeners.iter_mut().enumerate() {
            listener.register(self.poll.registry(), Token(i)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Serves until told to stop.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        loop {
            self.wait(&mut events)?;
            let now = self.clock.now();
            for id in std::mem::take(&mut self.unfinished) {
                self.read(id, true, now);
            }
            for event in &events {
                self.ready(event, now);
            }
            self.engine.tick(now);
            while self.finish(now) {}
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let until = match self.engine.next_deadline() {
            _ if !self.unfinished.is_empty() => Some(Duration::ZERO),
            None => None,
            Some(deadline) => Some(Duration::from_micros(deadline.micros_since(self.clock.now()))),
        };
        match self.poll.poll(events, until) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    fn ready(&mut self, event: &Event, now: Time) {
        let Token(token) = event.token();
        if token < SESSIONS {
            return self.accept(token, now);
        }
        let id = SessionId((token - SESSIONS) as u64);
        if event.is_writable()
            && let Some(connection) = self.connections.get_mut(&id)
        {
            connection.has_room();
            self.send(id, now);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(id, event.is_read_closed() || event.is_error(), now);
        }
    }

    // Connections -----------------------------------------------------------------------------------------------

    fn accept(&mut self, listener: usize, now: Time) {
        for _ in 0..ACCEPTS_A_TURN {
            match self.listeners[listener].accept(&self.engine.shared().config) {
                Ok((link, peer, foreign)) => self.admit(link, peer, foreign, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.log.warning(format_args!("Accepting client connection: {error}"));
                    return;
                }
            }
        }
    }

    /// Makes a session of a connection, or says why not and drops it.
    fn admit(&mut self, mut link: Link, peer: Peer, foreign: bool, now: Time) {
        let config = &self.engine.shared().config;
        let refusal = if self.connections.len() as i64 >= config.maxclients.get() {
            Some(TOO_MANY)
        } else if foreign && config.protected_mode && config.requirepass.is_empty() {
            Some(PROTECTED)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.engine.shared_mut().measure.rejected_connections += 1;
            // A socket that has just been made takes a line, or there is nobody any more.
            let _ = link.write(refusal);
            return;
        }
        self.log.verbose(format_args!("Accepted {}", peer.address));
        let id = self.engine.connect(peer, now);
        let token = Token(SESSIONS + id.0 as usize);
        if let Err(error) = link.register(self.poll.registry(), token) {
            self.log.warning(format_args!("Accepting client connection: {error}"));
            self.engine.disconnect(id, now);
            return;
        }
        self.connections.insert(id, Connection::new(link));
    }

    fn drop_connection(&mut self, id: SessionId, now: Time) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // The socket is closed next, which deregisters it whatever this says.
            let _ = connection.link.deregister(self.poll.registry());
            self.engine.disconnect(id, now);
        }
    }

    /// Reads what a client has sent, and runs it.
    ///
    /// A read that does not fill the buffer has emptied the socket, and the system will tell when there is more; only
    /// where the client's end is known to have come already must reading go on until it is met.
    fn read(&mut self, id: SessionId, to_the_end: bool, now: Time) {
        for _ in 0..READS_A_TURN {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if connection.closing {
                return;
            }
            match connection.link.read(&mut self.input) {
                Ok(0) => return self.drop_connection(id, now),
                Ok(n) => {
                    let input = &self.input[..n];
                    if connection.rest.is_empty() {
                        let taken = self.engine.receive(id, input, now);
                        connection.rest.extend_from_slice(&input[taken..]);
                    } else {
                        connection.rest.extend_from_slice(input);
                        let taken = self.engine.receive(id, &connection.rest, now);
                        connection.rest.drain(..taken);
                    }
                    if n < self.input.len() && !to_the_end {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.drop_connection(id, now),
            }
        }
        self.unfinished.push(id);
    }

    /// Sends what a client has not been sent yet.
    fn send(&mut self, id: SessionId, now: Time) {
        let (Some(connection), Some(out)) = (self.connections.get_mut(&id), self.engine.output(id)) else {
            return;
        };
        match connection.send(out) {
            Sent::All if connection.closing => self.drop_connection(id, now),
            Sent::All | Sent::Some => {}
            Sent::Lost => self.drop_connection(id, now),
        }
    }

    // After the engine has run ----------------------------------------------------------------------------------

    /// Keeps what the engine has logged, sends what it has said, and does what it asks for. Returns whether the
    /// engine ran again for that.
    fn finish(&mut self, now: Time) -> bool {
        self.engine.clear_log();
        let connections = &mut self.connections;
        let mut lost = vec![];
        self.engine.outbox(|id, out| match connections.get_mut(&id).map(|connection| connection.send(out)) {
            Some(Sent::All | Sent::Some) => {}
            Some(Sent::Lost) => lost.push(id),
            None => out.clear(),
        });
        for id in lost {
            self.drop_connection(id, now);
        }
        let mut again = false;
        while let Some((_, request)) = self.engine.request() {
            match request {
                Request::Close(id) => self.close(id, now),
                Request::Resume(id) => {
                    self.resume(id, now);
                    again = true;
                }
                _ => {}
            }
        }
        again
    }

    /// Ends a connection once its output is sent.
    fn close(&mut self, id: SessionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.closing = true;
            self.send(id, now);
        }
    }

    fn resume(&mut self, id: SessionId, now: Time) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let taken = self.engine.receive(id, &connection.rest, now);
            connection.rest.drain(..taken);
        }
    }
}
