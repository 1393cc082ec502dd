//! What sessions share besides the keyspace.

use std::cell::Cell;
use std::collections::VecDeque;

use crate::base::random::Random;
use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::replication::{Primary, Replica};
use crate::resp::{Error, Parser, Reply, SessionId};

use super::acl::Acl;
use super::config::Config;
use super::host::Host;
use super::interpreter::{Busy, Interpreter};
use super::latency::Latency;
use super::measure::Measure;
use super::output::ReplyBuffers;
use super::pause::Pause;
use super::persistence::Persistence;
use super::pubsub::PubSub;
use super::request::{Request, RequestId};
use super::session::Session;
use super::slowlog::SlowLog;
use super::table::Table;
use super::tracking::Readers;
use super::wait::{Nothing, On, Waits};
use super::watch::Watches;

/// Everything that a command may ask or change besides its session and its database.
pub struct Shared {
    /// What names and keys are hashed with; clients must not know it.
    pub hash_key: HashKey,
    pub table: Table,
    pub acl: Acl,
    pub config: Config,
    pub clients: Clients,
    pub waits: Waits,
    pub watches: Watches,
    pub pubsub: PubSub,
    pub readers: Readers,
    pub pause: Pause,
    /// There is more memory in use than allowed, and nothing that could be evicted.
    pub out_of_memory: bool,
    /// Who is shown every call.
    pub monitors: Vec<SessionId>,
    pub measure: Measure,
    pub slow_log: SlowLog,
    pub latency: Latency,
    pub persistence: Persistence,
    /// Who follows.
    pub primary: Primary,
    /// The link to whom we follow.
    pub following: Option<Box<Replica>>,
    pub requests: Requests,
    pub random: Random,
    /// Forty hexadecimal digits that no other run has.
    pub run_id: String,
    pub host: Host,
    /// What runs scripts, where the build has it.
    pub interpreter: Option<Box<dyn Interpreter>>,
    /// Scripts may run what is not for them: DEBUG SET-DISABLE-DENY-SCRIPTS.
    pub unbridled_scripts: bool,
    /// Who calls now can't wait, so that scripts run on.
    pub uninterrupted: bool,
    /// Payloads are restored whatever their checksums say, for tests.
    pub skip_checksums: bool,
    /// The script that goes on in slices.
    pub busy: Option<Busy>,
    pub reply_buffers: ReplyBuffers,
    /// DEBUG PAUSE-CRON: what is done a few times a second is left.
    pub cron_paused: bool,
    /// DEBUG SLEEP in a transaction: the unit ends when the host has slept.
    pub asleep_until: Option<Time>,
    /// When the host first told the time.
    pub started: Option<Time>,
}

impl Shared {
    /// Returns whether anybody wants to know which keys change, besides listeners to events.
    #[inline(always)]
    pub fn observes_keys(&self) -> bool {
        self.waits.awaits_keys() || !self.watches.is_empty() || !self.readers.is_empty()
    }

    /// Takes note of the time when it is told first. Save points count from then on.
    pub(super) fn start(&mut self, now: Time) {
        if self.started.is_none() {
            self.started = Some(now);
            self.persistence.last_save = now;
        }
    }

    /// Returns whether a client waits for keys and minds the loss of one.
    pub(super) fn minds_loss(&self, id: SessionId) -> bool {
        let client = self.clients.get(id);
        client.and_then(|client| client.session.waiting.as_ref()).is_some_and(|waiting| waiting.minds_loss)
    }

    /// Ends the wait of a client that does not speak with an error, which counts as its command's.
    pub fn fail_wait(&mut self, id: SessionId, error: &Error) {
        let waiting = self.clients.get(id).and_then(|client| client.session.waiting.as_ref());
        let Some(place) = waiting.and_then(|waiting| self.table.find(waiting.args.as_args())) else { return };
        self.table.stats(place).failed += 1;
        self.measure.error(error);
        self.end_wait(id, |reply, _| reply.error(error));
    }

    /// Ends the wait of a client that does not speak with a reply that is not its command's.
    pub fn end_wait(&mut self, id: SessionId, write: impl FnOnce(&mut Reply<'_>, Nothing)) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(waiting) = client.session.waiting.take() else { return };
        let nothing = match waiting.on {
            On::Replicas(wanted) => {
                waiting.nothing.counting(self.primary.count_at(wanted.offset, wanted.stored))
            }
            _ => waiting.nothing,
        };
        self.waits.leave(id, &waiting);
        self.requests.ask_for_rest(&client.session);
        self.clients.tell(id, |client| {
            if !client.session.leaves_reply_out() {
                write(&mut Reply::new(&mut client.out, client.session.protocol), nothing);
            }
        });
    }
}

/// Returns forty hexadecimal digits.
pub fn random_id(random: &mut Random) -> String {
    (0..40).map(|_| char::from(b"0123456789abcdef"[random.below(16) as usize])).collect()
}

/// A buffer for output is at least so large.
pub(super) const LEAST_OUTPUT: usize = 1024;
/// Limits do not count so much output: in Redis it lies in a buffer that each client has, and more of it in a list.
pub(super) const FIRST_OUTPUT: usize = 16 * 1024;

/// A client: its state, and what it is to be sent.
pub struct Client {
    pub session: Session,
    pub out: Vec<u8>,
    pub(super) parser: Parser,
    /// It is among those whose output the host is told of.
    ready: bool,
    /// It is among those whose output is so much that limits may matter.
    crowded: bool,
}

/// All clients but the one that speaks, which is checked out.
#[derive(Default)]
pub struct Clients {
    /// Sorted by number, which is the order in which they came.
    places: Vec<(SessionId, Option<Box<Client>>)>,
    /// Where the one was that was looked for last: it is looked for again at once.
    last_place: Cell<usize>,
    last: u64,
    /// Who has output for the host to send.
    ready: Vec<SessionId>,
    /// Who has so much of it that limits may matter.
    crowded: Vec<SessionId>,
    /// Some have buffers that may be larger than they need.
    pub(super) spacious: bool,
    /// Some of those are large, and empty.
    pub(super) roomy: bool,
}

impl Clients {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn add(&mut self, mut session: Session) -> SessionId {
        self.last += 1;
        session.id = SessionId(self.last);
        let id = session.id;
        let out = Vec::with_capacity(LEAST_OUTPUT);
        session.output.capacity = out.capacity();
        let client = Client { session, out, parser: Parser::default(), ready: false, crowded: false };
        self.places.push((id, Some(Box::new(client))));
        id
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Box<Client>> {
        let at = self.find(id)?;
        self.ready.retain(|other| *other != id);
        self.crowded.retain(|other| *other != id);
        self.places.remove(at).1
    }

    #[inline(always)]
    fn find(&self, id: SessionId) -> Option<usize> {
        let last = self.last_place.get();
        match self.places.get(last) {
            Some((other, _)) if *other == id => Some(last),
            _ => self.search(id),
        }
    }

    fn search(&self, id: SessionId) -> Option<usize> {
        let at = self.places.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.last_place.set(at);
        Some(at)
    }

    /// Takes a client out of its place, to run a command for it.
    #[inline]
    pub(super) fn check_out(&mut self, id: SessionId) -> Option<Box<Client>> {
        let at = self.find(id)?;
        self.places[at].1.take()
    }

    #[inline]
    pub(super) fn check_in(&mut self, mut client: Box<Client>) {
        let Some(at) = self.find(client.session.id) else { return };
        if !client.out.is_empty() {
            client.line_up(&mut self.ready, &mut self.crowded);
        }
        self.places[at].1 = Some(client);
    }

    /// Returns the numbers of all clients, in the order in which they came.
    pub fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.places.iter().map(|(id, _)| *id)
    }

    /// Returns whether there is such a client, checked out or not.
    pub fn has(&self, id: SessionId) -> bool {
        self.find(id).is_some()
    }

    /// Returns a client other than the one that speaks.
    pub fn get(&self, id: SessionId) -> Option<&Client> {
        self.places[self.find(id)?].1.as_deref()
    }

    /// Returns a client other than the one that speaks.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Client> {
        let at = self.find(id)?;
        self.places[at].1.as_deref_mut()
    }

    /// Returns the sessions of all clients and how many bytes wait to be sent to each, in the order in which they
    /// came; `speaking` stands in its own place.
    pub fn sessions<'a>(&'a self, speaking: &'a Session) -> impl Iterator<Item = (&'a Session, usize)> {
        self.places.iter().map(move |(_, client)| match client {
            Some(client) => (&client.session, client.out.len()),
            None => (speaking, 0),
        })
    }

    /// Returns all clients but the one that speaks.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.places.iter_mut().filter_map(|(_, client)| client.as_deref_mut())
    }

    /// Returns all clients but the one that speaks.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().filter_map(|(_, client)| client.as_deref())
    }

    /// Appends to a client's output.
    pub(super) fn tell(&mut self, id: SessionId, write: impl FnOnce(&mut Client)) {
        let Some(client) = self.find(id).and_then(|at| self.places[at].1.as_deref_mut()) else { return };
        write(client);
        client.line_up(&mut self.ready, &mut self.crowded);
    }

    /// Returns whether there is output that the host has not been given.
    pub(super) fn has_output(&self) -> bool {
        !self.ready.is_empty()
    }

    #[inline(always)]
    pub(super) fn pop_ready(&mut self) -> Option<&mut Client> {
        let id = self.ready.pop()?;
        let at = self.find(id)?;
        let client = self.places[at].1.as_deref_mut()?;
        client.ready = false;
        Some(client)
    }

    /// Takes those out of their line whose output may be too much; whoever still has as much is lined up again.
    pub(super) fn take_crowded(&mut self) -> Vec<SessionId> {
        let crowded = std::mem::take(&mut self.crowded);
        for id in &crowded {
            if let Some(client) = self.get_mut(*id) {
                client.crowded = false;
            }
        }
        crowded
    }
}

impl Client {
    /// Joins the lines that its output belongs to, once each.
    #[inline(always)]
    fn line_up(&mut self, ready: &mut Vec<SessionId>, crowded: &mut Vec<SessionId>) {
        if !self.ready {
            self.ready = true;
            ready.push(self.session.id);
        }
        if self.out.len() > FIRST_OUTPUT && !self.crowded {
            self.crowded = true;
            crowded.push(self.session.id);
        }
    }
}

/// What the host was asked for and has not fetched yet.
#[derive(Default)]
pub struct Requests {
    last: u64,
    queue: VecDeque<(RequestId, Request)>,
}

impl Requests {
    pub fn push(&mut self, request: Request) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        self.queue.push_back((id, request));
        id
    }

    /// Asks for the input that a client sent after the command that it waited with.
    pub(super) fn ask_for_rest(&mut self, session: &Session) {
        if session.unread > 0 {
            self.push(Request::Resume(session.id));
        }
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<(RequestId, Request)> {
        self.queue.pop_front()
    }
}
