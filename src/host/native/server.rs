//! The loop: waits for sockets, lets the engine run what came in, keeps the log, and sends what it says.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::bell::{Bell, News};
use super::bridge::Bridge;
use super::clock::{self, Clock, Stopwatch};
use super::connection::{Connection, Link, Sent};
use super::duties::BETWEEN_LOOKS;
use super::facts;
use super::files::Files;
use super::files::system::Native;
use super::input::Arrived;
use super::listen::Listener;
use super::log::Log;
use super::memory;
use super::metrics;
use super::signals::Signals;
use super::web::Web;
use crate::base::time::Time;
use crate::engine::measure::Measure;
use crate::engine::{Config, Peer};
use crate::resp::SessionId;
use crate::store::Store;

/// Reads of one client in a turn, so that the others have theirs.
const READS_A_TURN: usize = 4;
/// Clients that are accepted in a turn.
const ACCEPTS_A_TURN: usize = 1000;
const EVENTS_A_TURN: usize = 1024;

/// Tokens below are listeners'; a session's token is its number further on.
const SESSIONS: usize = 1024;
const BELL: Token = Token(SESSIONS - 1);
const SIGNALS: Token = Token(SESSIONS - 2);

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";
const PROTECTED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";

/// A store and everything that connects it to the world.
pub struct Server {
    pub(super) store: Store,
    pub(super) poll: Poll,
    pub(super) clock: Clock,
    pub(super) log: Arc<Log>,
    pub(super) files: Files,
    pub(super) listeners: Vec<Listener>,
    pub(super) connections: HashMap<SessionId, Connection>,
    /// Who took less output than there was, and may have too much waiting.
    pub(super) crowded: Vec<SessionId>,
    /// Whose input has a buffer, which is given back when they are idle.
    pub(super) buffered: Vec<SessionId>,
    /// Who had more to read than a turn allows.
    unfinished: Vec<SessionId>,
    /// Listeners where clients may still wait: the system tells only of those who come later.
    unaccepted: Vec<usize>,
    /// Whose input has ended: gone once they were sent what their last commands have said.
    pub(super) ended: Vec<SessionId>,
    signals: Option<Signals>,
    pub(super) bell: Bell,
    pub(super) web: Option<Web>,
    pub(super) news: Receiver<News>,
    pub(super) looked_after: Stopwatch,
    pub(super) stopped: bool,
}

impl Server {
    /// Makes a server that listens nowhere yet; `test_clock` as [`clock`] says.
    pub fn new(config: Config, test_clock: bool, log: Arc<Log>) -> Result<Self, String> {
        let mut seed = [0; 16];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| format!("The system gives no random bytes: {error}"))?;
        let cannot_wait = |error: io::Error| format!("The system can't wait for readiness: {error}");
        let poll = Poll::new().map_err(cannot_wait)?;
        let (bell, news) = Bell::hang(&poll, BELL).map_err(cannot_wait)?;
        let ring = bell.clone();
        let written = move |number, result| ring.ring(News::Written { number, result });
        let files = Files::new(&config, Arc::new(Native::default()), Arc::new(written), log.clone());
        if test_clock {
            clock::listen_to_input(bell.clone()).map_err(cannot_wait)?;
        }
        let mut store = Store::new(config, u128::from_le_bytes(seed));
        let shared = store.engine_mut().shared_mut();
        facts::tell_once(shared);
        for (name, new) in &shared.config.renamed {
            shared.table.rename(name, new)?;
        }
        if !test_clock {
            shared.measure = Measure::new(Some(clock::nanoseconds));
        }
        Ok(Self {
            store,
            poll,
            clock: Clock::new(test_clock),
            log,
            files,
            listeners: vec![],
            connections: HashMap::new(),
            crowded: vec![],
            buffered: vec![],
            unfinished: vec![],
            unaccepted: vec![],
            ended: vec![],
            signals: None,
            bell,
            web: None,
            news,
            looked_after: Stopwatch::start(),
            stopped: false,
        })
    }

    /// Says which file the configuration comes from, for INFO.
    pub fn tell_file(&mut self, file: Option<&str>) {
        let path = file.and_then(|file| std::path::absolute(file).ok()).unwrap_or_default();
        self.store.engine_mut().shared_mut().host.config_file = path.to_string_lossy().into_owned();
    }

    /// Lets the signals that end a program end it in order.
    pub fn heed_signals(&mut self) -> Result<(), String> {
        let signals = Signals::register(&self.poll, SIGNALS);
        self.signals = Some(signals.map_err(|error| format!("The system gives no signals: {error}"))?);
        Ok(())
    }

    /// Begins to load what another run has kept; [`run`](Self::run) goes on with it.
    pub fn load(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        self.files.begin_load(&mut self.store, now)
    }

    /// Serves until told to stop. An error is what the server dies of.
    pub fn run(&mut self) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        loop {
            self.wait(&mut events).map_err(|error| format!("Can't wait for readiness: {error}"))?;
            let now = self.clock.now();
            for id in std::mem::take(&mut self.unfinished) {
                self.read(id, true, now);
            }
            for listener in std::mem::take(&mut self.unaccepted) {
                self.accept(listener, now);
            }
            let mut rang = false;
            for event in &events {
                match event.token() {
                    BELL => rang = true,
                    SIGNALS => self.stop_if_told(now),
                    Token(listener) if listener < SESSIONS => self.accept(listener, now),
                    Token(token) => self.ready(SessionId((token - SESSIONS) as u64), event, now),
                }
            }
            self.store.tick(now);
            self.finish(now)?;
            if rang {
                self.hear()?;
            }
            if self.files.is_loading() {
                self.go_on_loading(now)?;
            }
            self.files.step(&mut self.store);
            self.look_after(now);
            self.store.engine_mut().shared_mut().host.set_used_memory(memory::used());
            if self.stopped {
                self.say_farewell();
                return Ok(());
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let mut longest = self.files.wait_at_most();
        if !self.unfinished.is_empty() {
            longest = Some(Duration::ZERO);
        }
        if !self.crowded.is_empty() || !self.buffered.is_empty() || !self.unaccepted.is_empty() {
            longest = longest.into_iter().chain([BETWEEN_LOOKS]).min();
        }
        let deadline = self.store.next_deadline().and_then(|deadline| self.clock.until(deadline));
        longest = longest.into_iter().chain(deadline).min();
        match self.poll.poll(events, longest) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Takes in what other threads have told.
    fn hear(&mut self) -> Result<(), String> {
        while let Ok(news) = self.news.try_recv() {
            // Time may have passed by one of the news.
            let now = self.clock.now();
            match news {
                News::Written { number, result } => self.files.written(&mut self.store, number, result, now),
                News::Arrived { stream, peer, foreign } => {
                    self.admit(Link::Web(Bridge::new(stream)), peer, foreign, now);
                }
                News::Ready(id) => self.ready_by_bell(id, now),
                // Whoever asked may have lost patience.
                News::Health(answer) => drop(answer.send(())),
                News::Metrics { foreign, answer } => {
                    let refused = foreign && is_protected(&self.store.engine().shared().config);
                    let _ = answer.send((!refused).then(|| metrics::write(&self.store, now)));
                }
                News::Connected { request, result } => self.connected(request, result, now),
                News::Pass(micros) => self.pass(micros)?,
                News::InputEnded => self.end_without_saving(),
            }
            self.finish(self.clock.now())?;
        }
        Ok(())
    }

    /// Lets a test's time pass, and the engine do what is due meanwhile.
    fn pass(&mut self, micros: u64) -> Result<(), String> {
        let end = self.clock.now().plus_micros(micros);
        while let Some(due) = self.store.next_deadline().filter(|due| *due < end) {
            self.tick_at(due.max(self.clock.now()))?;
        }
        self.tick_at(end)?;
        clock::tell(end);
        Ok(())
    }

    fn tick_at(&mut self, moment: Time) -> Result<(), String> {
        self.clock.set(moment);
        self.store.tick(moment);
        self.finish(moment)
    }

    fn stop_if_told(&mut self, now: Time) {
        if let Some(signal) = self.signals.as_mut().and_then(Signals::take) {
            self.log.warning(format_args!("Received {signal} scheduling shutdown..."));
            self.shut_down_by_signal(signal, now);
        }
    }

    // Connections -----------------------------------------------------------------------------------------------

    fn accept(&mut self, listener: usize, now: Time) {
        for _ in 0..ACCEPTS_A_TURN {
            // It may have been closed since it was told of.
            let Some(from) = self.listeners.get(listener) else { return };
            match from.accept(&self.store.engine().shared().config) {
                Ok((link, peer, foreign)) => self.admit(link, peer, foreign, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.log.warning(format_args!("Accepting client connection: {error}"));
                    break;
                }
            }
        }
        self.unaccepted.push(listener);
    }

    /// Makes a session of a connection, or says why not and drops it.
    fn admit(&mut self, mut link: Link, peer: Peer, foreign: bool, now: Time) {
        let config = &self.store.engine().shared().config;
        let refusal = if self.connections.len() as i64 >= config.maxclients.get() {
            Some(TOO_MANY)
        } else if foreign && is_protected(config) {
            Some(PROTECTED)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.store.engine_mut().shared_mut().measure.rejected_connections += 1;
            // A socket that has just been made takes a line, or there is nobody any more.
            let _ = link.write(refusal);
            return;
        }
        self.log.verbose(format_args!("Accepted {}", peer.address));
        let id = self.store.connect(peer, now);
        if let Link::Web(bridge) = &mut link {
            bridge.register(id, self.bell.clone());
            self.unfinished.push(id);
        }
        self.attach(id, link, now);
    }

    /// Makes a link the connection of a session.
    pub(super) fn attach(&mut self, id: SessionId, mut link: Link, now: Time) {
        let token = Token(SESSIONS + id.0 as usize);
        if let Err(error) = link.register(self.poll.registry(), token) {
            self.log.warning(format_args!("Accepting client connection: {error}"));
            self.store.disconnect(id, now);
            return;
        }
        self.connections.insert(id, Connection::new(link));
    }

    pub(super) fn drop_connection(&mut self, id: SessionId, now: Time) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // The socket is closed next, which deregisters it whatever this says.
            let _ = connection.link.deregister(self.poll.registry());
            self.store.disconnect(id, now);
        }
    }

    fn ready(&mut self, id: SessionId, event: &Event, now: Time) {
        if event.is_writable()
            && let Some(connection) = self.connections.get_mut(&id)
            && connection.has_room()
        {
            self.send(id, now);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(id, event.is_read_closed() || event.is_error(), now);
        }
    }

    fn ready_by_bell(&mut self, id: SessionId, now: Time) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Link::Web(bridge) = &connection.link {
            bridge.heard();
        }
        if connection.has_room() {
            self.send(id, now);
        }
        self.read(id, false, now);
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
            let before = connection.input.capacity();
            let result = connection.input.read(&mut connection.link, now);
            let capacity = connection.input.capacity();
            if capacity != before {
                self.store.engine_mut().note_input(id, capacity);
                if before == 0 {
                    self.buffered.push(id);
                }
            }
            match result {
                Ok(Arrived { bytes: 0, .. }) => return self.ended.push(id),
                Ok(Arrived { filled, .. }) => {
                    let taken = self.store.receive(id, connection.input.unread(), now);
                    connection.input.took(taken);
                    self.files.step_in_turn(&mut self.store);
                    // The engine sees to commands that don't end; it does not see what follows one that waits.
                    let limit = self.store.engine().shared().config.client_query_buffer_limit.get();
                    if connection.input.unread().len() as u64 > limit {
                        self.log.warning(format_args!(
                            "Closing client that reached max query buffer length: id={}",
                            id.0
                        ));
                        return self.drop_connection(id, now);
                    }
                    if !filled && !to_the_end && connection.link.tells_after_less() {
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
    pub(super) fn send(&mut self, id: SessionId, now: Time) {
        let (Some(connection), Some(out)) = (self.connections.get_mut(&id), self.store.output(id)) else {
            return;
        };
        match connection.send(out) {
            Sent::All if connection.closing => self.drop_connection(id, now),
            Sent::All | Sent::Some => {}
            Sent::Lost => self.drop_connection(id, now),
        }
    }
}

/// Says whether clients of other machines are refused.
pub(super) fn is_protected(config: &Config) -> bool {
    config.protected_mode && config.requirepass.is_empty()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Returns what a client of another machine is told, with these parameters.
    fn told(parameters: &[(&str, &str)]) -> String {
        let mut config = Config::default();
        for (name, value) in parameters {
            let parameter = Config::parameter(name).expect("a parameter");
            parameter.set(&mut config, value).expect("a value");
        }
        let mut server = Server::new(config, true, Arc::new(Log::new())).expect("a server");
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        server.admit(Link::Web(Bridge::new(theirs)), Peer::default(), true, Time::default());
        drop(server);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut text = String::new();
        let mut ours = ours;
        runtime.block_on(ours.read_to_string(&mut text)).expect("an end");
        text
    }

    #[test]
    fn other_machines_are_refused_without_a_password() {
        assert!(told(&[]).starts_with("-DENIED Redis is running in protected mode"));
        assert!(told(&[]).ends_with("connections from the outside.\r\n"));
        assert_eq!(told(&[("requirepass", "secret")]), "");
        assert_eq!(told(&[("protected-mode", "no")]), "");
    }
}
