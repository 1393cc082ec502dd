//! What the engine knows of one client.

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::resp::{OwnedArgs, Protocol, SessionId};

use super::acl::UserId;
use super::pubsub::Subscriptions;
use super::tracking::Tracking;
use super::wait::{On, Waiting};

/// Where a connection comes from, as the host tells it.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The client's address, as CLIENT LIST shows it: `127.0.0.1:50312`, `/tmp/redis.sock:0`.
    pub address: String,
    /// The address that it connected to.
    pub local_address: String,
    /// Whether the host vouches for it: the page that the engine runs in, the log being replayed. Such a client
    /// needs no password.
    pub trusted: bool,
    /// The file descriptor, where there is one, for CLIENT LIST.
    pub descriptor: i64,
    pub unix_socket: bool,
}

impl Peer {
    /// Returns the client's address without its port.
    pub fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Returns whether the client runs on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.host();
        self.unix_socket || host == "::1" || host.starts_with("127.")
    }
}

/// One client's state.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub peer: Peer,
    pub db: u32,
    pub protocol: Protocol,
    pub authenticated: bool,
    /// Who it is, once it is authenticated.
    pub user: UserId,
    pub name: Bytes,
    pub lib_name: Bytes,
    pub lib_version: Bytes,
    pub created: Time,
    pub active: Time,
    pub transaction: Option<Transaction>,
    pub watched: Vec<Watched>,
    /// A watched key was touched: the next EXEC refuses.
    pub watch_failed: bool,
    pub waiting: Option<Box<Waiting>>,
    pub turn: Turn,
    pub subscriptions: Subscriptions,
    pub tracking: Option<Box<Tracking>>,
    pub replies: Replies,
    pub no_touch: bool,
    pub no_evict: bool,
    pub monitor: bool,
    /// It follows every change: SYNC.
    pub replica: bool,
    /// It is the server that we follow, whose changes no rule forbids.
    pub primary: bool,
    /// Where the stream for replicas was when it had what the client wrote last.
    pub written: u64,
    /// The connection ends once its output is sent.
    pub closing: bool,
    /// The command that ran last, for CLIENT LIST.
    pub last_command: Option<&'static str>,
    /// Bytes received and sent, for CLIENT LIST and INFO.
    pub received: u64,
    /// Bytes of input that are waiting for the rest of their command.
    pub(super) unread: usize,
    /// How long the command that has begun is going to be, as far as the client has said.
    pub(super) announced: usize,
    /// How much of it is read.
    pub(super) parsed: usize,
    /// How large the host's buffer for its input is, if there is one for it alone.
    pub(super) input_capacity: usize,
    pub output: Output,
}

/// What is to be known of a client's output besides the bytes.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// How much of what waits is on its way already.
    pub sent: usize,
    /// How large the buffer is.
    pub(super) capacity: usize,
    /// The most that has been in it for a while, and since when.
    pub(super) peak: usize,
    pub(super) peak_since: Time,
    /// Since when there is more than the soft limit allows.
    pub(super) over_since: Option<Time>,
}

/// A transaction being queued.
#[derive(Debug, Default)]
pub struct Transaction {
    pub queue: Vec<OwnedArgs>,
    /// A command was refused while queueing: EXEC will refuse too.
    pub failed: bool,
}

/// A transaction that has run up to a script which has not ended.
#[derive(Debug)]
pub struct Begun {
    pub queue: Vec<OwnedArgs>,
    /// How many of them have ended.
    pub ended: usize,
    /// What is to be answered so far.
    pub reply: Vec<u8>,
}

/// A key that is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    pub db: u32,
    pub key: Bytes,
    /// It was there but past its deadline when WATCH ran, so that its removal is no change.
    pub expired: bool,
}

/// How the running command came to run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Turn {
    /// The client sent it.
    #[default]
    Sent,
    /// EXEC runs it: it can't wait.
    Nested,
    /// EXEC runs this script on after a slice of it; `still` is set when it does not end with this one.
    NestedAgain { still: bool },
    /// A script runs it: it can't wait either.
    Script,
    /// It waited, and this key was touched; `still` is set when it goes on waiting.
    Resumed { key: Bytes, still: bool },
    /// It waited for the host, which has answered this.
    Answered(Vec<u8>),
}

impl Turn {
    /// Returns whether the client has just sent the command. Comparing takes a call.
    #[inline(always)]
    pub fn is_sent(&self) -> bool {
        matches!(self, Turn::Sent)
    }

    /// Returns whether the command is part of something that can't be interrupted.
    pub fn is_nested(&self) -> bool {
        matches!(self, Turn::Nested | Turn::NestedAgain { .. } | Turn::Script)
    }

    /// Returns whether the command has been run again and is not at its end.
    pub fn is_still(&self) -> bool {
        matches!(self, Turn::Resumed { still: true, .. } | Turn::NestedAgain { still: true })
    }
}

/// What CLIENT REPLY asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Replies {
    #[default]
    On,
    Off,
    /// The next command's is left out.
    SkipNext,
    /// This one's.
    Skip,
}

impl Session {
    /// Makes the state of a new client; `key` keeps its names from being chosen to collide.
    pub fn new(peer: Peer, key: HashKey, now: Time) -> Self {
        Self {
            id: SessionId::default(),
            peer,
            db: 0,
            protocol: Protocol::default(),
            authenticated: false,
            user: UserId::default(),
            name: Bytes::new(),
            lib_name: Bytes::new(),
            lib_version: Bytes::new(),
            created: now,
            active: now,
            transaction: None,
            watched: vec![],
            watch_failed: false,
            waiting: None,
            turn: Turn::default(),
            subscriptions: Subscriptions::new(key),
            tracking: None,
            replies: Replies::default(),
            no_touch: false,
            no_evict: false,
            monitor: false,
            replica: false,
            primary: false,
            written: 0,
            closing: false,
            last_command: None,
            received: 0,
            unread: 0,
            announced: 0,
            parsed: 0,
            input_capacity: 0,
            output: Output { peak_since: now, ..Output::default() },
        }
    }

    /// Returns whether CLIENT REPLY wants no reply to the call that ends now.
    #[inline]
    pub(super) fn leaves_reply_out(&mut self) -> bool {
        match self.replies {
            Replies::On => return false,
            Replies::Off => {}
            // CLIENT REPLY SKIP itself has written nothing.
            Replies::SkipNext => {
                self.replies = Replies::Skip;
                return false;
            }
            Replies::Skip => self.replies = Replies::On,
        }
        true
    }

    /// Returns the client's watch on a key.
    pub(super) fn watch_on(&mut self, db: u32, key: &[u8]) -> Option<&mut Watched> {
        self.watched.iter_mut().find(|watched| watched.db == db && &*watched.key == key)
    }

    /// Returns whether no rule forbids its changes: it is the server that we follow, or the log.
    pub fn is_obeyed(&self) -> bool {
        self.user == UserId::HOST
    }

    /// Returns whether RESP2 allows this client nothing but subscribing.
    pub fn is_subscriber(&self) -> bool {
        self.protocol == Protocol::Resp2 && self.subscriptions.count() > 0
    }

    /// Returns whether CLIENT UNBLOCK can end what the client waits for.
    pub fn waits_for_keys(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| matches!(waiting.on, On::Keys(_) | On::Replicas(_)))
    }

    /// Returns how many bytes of input wait for the rest of their command, or for the end of a wait.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// Returns how many bytes its input takes.
    pub(super) fn input_bytes(&self) -> usize {
        self.unread.max(self.input_capacity)
    }

    /// Returns the letters of CLIENT LIST's `flags`.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        let known = [
            (self.monitor, 'O'),
            (self.replica, 'S'),
            (self.primary, 'M'),
            (self.subscriptions.count() > 0, 'P'),
            (self.transaction.is_some(), 'x'),
            (self.waiting.is_some(), 'b'),
            (self.tracking.is_some(), 't'),
            (self.tracking.as_ref().is_some_and(|t| t.broken_redirect), 'R'),
            (self.tracking.as_ref().is_some_and(|t| t.broadcast), 'B'),
            (self.watch_failed, 'd'),
            (self.closing, 'c'),
            (self.peer.unix_socket, 'U'),
            (self.no_evict, 'e'),
            (self.no_touch, 'T'),
        ];
        flags.extend(known.iter().filter(|(set, _)| *set).map(|(_, letter)| letter));
        if flags.is_empty() {
            flags.push('N');
        }
        flags
    }
}
