//! The engine: bytes, time and a seed go in; bytes for clients, a log and requests come out.

mod absorb;
mod account;
pub mod acl;
mod call;
mod clients;
pub mod config;
mod describe;
mod dispatch;
pub mod following;
pub mod histogram;
pub mod host;
pub mod index;
pub mod info;
pub mod interpreter;
pub mod latency;
pub mod measure;
mod memory;
pub mod monitor;
pub mod output;
pub mod pause;
pub mod persistence;
pub mod pubsub;
pub mod redact;
mod replicas;
pub mod request;
pub mod session;
mod settle;
pub mod shared;
mod slices;
pub mod slowlog;
pub mod table;
mod tick;
pub mod tracking;
pub mod wait;
pub mod watch;

use crate::base::random::Random;
use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::keyspace::{Effects, Keyspace};
use crate::replication::{Primary, Replica};
use crate::resp::{Args, SessionId};
use crate::spec::{Categories, Spec};

pub use absorb::Absorbed;
pub use call::Call;
pub use config::Config;
pub use dispatch::{dispatch, resume};
pub use request::{Answer, Parcel, Request, RequestId};
pub use session::{Peer, Session};
pub use shared::Shared;

/// The version of Redis whose commands and formats these are, as clients ask for it.
pub const REDIS_VERSION: &str = "7.0.15";

/// What runs a command: it writes the reply, or says why not.
pub type Run = fn(&mut Call<'_>) -> crate::resp::Result;

/// A command: what it looks like, and the function that runs it.
pub struct Command {
    pub spec: Spec,
    pub run: Run,
}

/// Commands that belong together: one file.
pub struct Family {
    pub name: &'static str,
    /// The ACL category of all its commands.
    pub category: Categories,
    pub commands: &'static [&'static Command],
}

/// A Redis that owns no sockets, files, threads or clock.
///
/// Methods come in three kinds. *In*: [`connect`](Engine::connect), [`receive`](Engine::receive),
/// [`execute`](Engine::execute), [`tick`](Engine::tick), [`answer`](Engine::answer) and
/// [`disconnect`](Engine::disconnect) tell it what happened, and when. *Out*: [`log`](Engine::log),
/// [`outbox`](Engine::outbox), [`request`](Engine::request) and [`next_deadline`](Engine::next_deadline) say what to
/// do about it. *About*: getters. After any of the first, look at the second before waiting again, in this order: what
/// is logged must be kept before what is said is sent.
pub struct Engine {
    shared: Shared,
    keyspace: Keyspace,
    effects: Effects,
    /// The host keeps the log; who follows may want it too.
    logging: bool,
    /// When `tick` last did what it does a few times a second.
    last_cron: Time,
    /// When some of what was removed was last freed.
    last_freed: Time,
    /// The host was asked for a connection to the server that we follow.
    connecting: Option<RequestId>,
}

impl Engine {
    /// Makes an empty engine. The same families, configuration and seed, told the same things, say the same bytes.
    ///
    /// `seed` must be unknown to clients: the hashing of keys rests on it.
    pub fn new(families: &[&'static Family], config: Config, seed: u128) -> Self {
        let mut random = Random::new(seed as u64 ^ (seed >> 64) as u64);
        let key = HashKey(seed as u64, (seed >> 64) as u64);
        let run_id = shared::random_id(&mut random);
        let history = shared::random_id(&mut random);
        let table = table::Table::new(families);
        let shared = Shared {
            hash_key: key,
            acl: acl::Acl::new(&config, &table),
            table,
            clients: shared::Clients::default(),
            waits: wait::Waits::new(key),
            watches: watch::Watches::new(key),
            pubsub: pubsub::PubSub::new(key),
            readers: tracking::Readers::new(key),
            pause: pause::Pause::default(),
            monitors: vec![],
            out_of_memory: false,
            measure: measure::Measure::default(),
            slow_log: slowlog::SlowLog::default(),
            latency: latency::Latency::default(),
            persistence: persistence::Persistence::default(),
            primary: Primary::new(history),
            following: config.replicaof.get().map(|(host, port)| Box::new(Replica::new(host.into(), port))),
            requests: shared::Requests::default(),
            run_id,
            host: host::Host::default(),
            interpreter: None,
            unbridled_scripts: false,
            uninterrupted: false,
            skip_checksums: false,
            busy: None,
            reply_buffers: output::ReplyBuffers::default(),
            cron_paused: false,
            asleep_until: None,
            started: None,
            random,
            config,
        };
        let mut keyspace = Keyspace::new(key, shared.config.databases.get() as usize);
        keyspace.limits = shared.config.limits(key);
        keyspace.usage = shared.config.usage();
        keyspace.follows = shared.following.is_some();
        let mut effects = Effects::default();
        effects.classes = shared.config.event_classes();
        Self {
            shared,
            keyspace,
            effects,
            logging: false,
            last_cron: Time::default(),
            last_freed: Time::default(),
            connecting: None,
        }
    }

    // Out -------------------------------------------------------------------------------------------------------

    /// Returns the effects of whole units since the log was last cleared, as RESP.
    pub fn log(&self) -> &[u8] {
        if self.logging { self.effects.log() } else { b"" }
    }

    /// Drops what [`log`](Engine::log) returned, once it is kept.
    pub fn clear_log(&mut self) {
        self.effects.clear_log();
        self.shared.primary.log_cleared();
    }

    /// Gives `send` the output of every client that has new output. What it leaves there, it asks for again with
    /// [`output`](Engine::output).
    #[inline(always)]
    pub fn outbox(&mut self, mut send: impl FnMut(SessionId, &mut Vec<u8>)) {
        while let Some(client) = self.shared.clients.pop_ready() {
            let before = client.out.len();
            send(client.session.id, &mut client.out);
            self.shared.measure.bytes_out += (before - client.out.len().min(before)) as u64;
            let spacious = client.note_peak(before);
            let roomy = client.has_room_to_spare();
            self.shared.clients.spacious |= spacious;
            self.shared.clients.roomy |= roomy;
        }
    }

    /// Returns what is still to be sent to a client.
    pub fn output(&mut self, id: SessionId) -> Option<&mut Vec<u8>> {
        self.shared.clients.get_mut(id).map(|client| &mut client.out)
    }

    /// Returns the next thing that only the host can do.
    pub fn request(&mut self) -> Option<(RequestId, Request)> {
        self.shared.requests.pop()
    }

    // About -----------------------------------------------------------------------------------------------------

    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns what a host may change besides telling what happened: configuration and the state of its storage.
    pub fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    /// Returns the keyspace for a host that loads or saves it. No call is running.
    pub fn keyspace_mut(&mut self) -> &mut Keyspace {
        &mut self.keyspace
    }

    /// Returns the number of changes that calls made since the engine began.
    pub fn dirty(&self) -> u64 {
        self.effects.dirty()
    }

    /// Returns the number of changes since the engine began, expired keys among them.
    pub fn noted(&self) -> u64 {
        self.effects.noted()
    }

    /// Says whether the host reads the log. A reader that begins anew is told which database is selected.
    pub fn set_logging(&mut self, logging: bool) {
        self.logging = logging;
        self.effects.logging = logging || !self.shared.primary.is_empty();
        self.effects.restart_log();
    }

    /// Runs a call of the host's own that no rule forbids, and that is neither logged nor measured, such as the ones of a log being replayed.
    pub fn replay(&mut self, id: SessionId, args: Args<'_>, now: Time) {
        let logging = std::mem::replace(&mut self.effects.logging, false);
        self.keyspace.lazy_expiry = false;
        if let Some(client) = self.shared.clients.get_mut(id) {
            client.session.user = acl::UserId::HOST;
        }
        self.execute(id, args, now);
        // What comes next goes on from what a script leaves.
        while self.shared.busy.is_some() {
            self.slice(now);
        }
        self.keyspace.lazy_expiry = true;
        self.effects.logging = logging;
    }
}
