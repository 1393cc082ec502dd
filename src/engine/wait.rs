//! Who waits for what, until when.

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::resp::{OwnedArgs, Reply, SessionId};

use super::index::{Index, place};
use super::request::RequestId;

/// A client that waits: its command, to be run again, and what it waits for.
#[derive(Debug)]
pub struct Waiting {
    pub args: OwnedArgs,
    pub db: u32,
    pub on: On,
    pub until: Option<Time>,
    pub nothing: Nothing,
    /// The command is also run again when a key is no longer there.
    pub minds_loss: bool,
}

/// What ends a wait, besides its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// One of these keys, of the session's database, is touched.
    Keys(Vec<Bytes>),
    /// The host answers.
    Host(RequestId),
    /// Replicas have got as far: WAIT.
    Replicas(Wanted),
    /// Its script goes on.
    Slice,
    /// CLIENT PAUSE, or another client's script, is over. Then the call begins.
    Turn,
}

/// How many replicas are to have the stream up to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub offset: u64,
    pub replicas: usize,
    /// They are to have it on their disks: WAITAOF.
    pub stored: bool,
}

/// What a client is told when it waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    Null,
    NullArray,
    Int(i64),
    /// Whether our own log has it, and how many replicas' have.
    Logged(i64, i64),
}

impl Nothing {
    pub fn write(self, reply: &mut Reply<'_>) {
        match self {
            Nothing::Null => reply.null(),
            Nothing::NullArray => reply.null_array(),
            Nothing::Int(n) => reply.int(n),
            Nothing::Logged(local, replicas) => {
                reply.array(2);
                reply.int(local);
                reply.int(replicas);
            }
        }
    }

    /// Returns what is said where so many replicas are counted.
    pub fn counting(self, replicas: usize) -> Self {
        match self {
            Nothing::Int(_) => Nothing::Int(replicas as i64),
            Nothing::Logged(local, _) => Nothing::Logged(local, replicas as i64),
            Nothing::Null | Nothing::NullArray => self,
        }
    }
}

/// Everybody who waits, by key in the order of arrival and by deadline.
pub struct Waits {
    lines: Index,
    /// Sorted.
    deadlines: Vec<(Time, SessionId)>,
    requests: Vec<(RequestId, SessionId)>,
    /// Whose calls have not begun, in the order in which they came.
    turns: Vec<SessionId>,
    waiting: usize,
    /// How many of those mind the loss of a key.
    minding_loss: usize,
}

impl Waits {
    pub fn new(key: HashKey) -> Self {
        Self {
            lines: Index::new(key),
            deadlines: vec![],
            requests: vec![],
            turns: vec![],
            waiting: 0,
            minding_loss: 0,
        }
    }

    /// Puts a client at the end of every line that it waits in.
    pub fn join(&mut self, id: SessionId, waiting: &Waiting) {
        self.waiting += 1;
        self.minding_loss += usize::from(waiting.minds_loss);
        if let Some(until) = waiting.until {
            let at = self.deadlines.partition_point(|other| *other < (until, id));
            self.deadlines.insert(at, (until, id));
        }
        match &waiting.on {
            On::Keys(keys) => {
                for key in keys {
                    self.lines.add(&place(waiting.db, key), id);
                }
            }
            On::Host(request) => self.requests.push((*request, id)),
            On::Turn => self.turns.push(id),
            On::Replicas(_) | On::Slice => {}
        }
    }

    /// Takes a client out of every line.
    pub fn leave(&mut self, id: SessionId, waiting: &Waiting) {
        self.waiting -= 1;
        self.minding_loss -= usize::from(waiting.minds_loss);
        if let Some(until) = waiting.until
            && let Ok(at) = self.deadlines.binary_search(&(until, id))
        {
            self.deadlines.remove(at);
        }
        match &waiting.on {
            On::Keys(keys) => {
                for key in keys {
                    self.lines.remove(&place(waiting.db, key), id);
                }
            }
            On::Host(request) => self.requests.retain(|(other, _)| other != request),
            On::Turn => self.turns.retain(|other| *other != id),
            On::Replicas(_) | On::Slice => {}
        }
    }

    /// Returns how many clients wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Returns how many keys are waited for.
    pub fn keys(&self) -> usize {
        self.lines.len()
    }

    /// Returns whether anybody minds the loss of a key.
    pub fn minds_loss(&self) -> bool {
        self.minding_loss > 0
    }

    pub fn awaits_keys(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Returns who waits for a key, first come first.
    pub fn line(&self, db: u32, key: &[u8]) -> &[SessionId] {
        self.lines.of(&place(db, key))
    }

    /// Returns the keys of a database that are waited for.
    pub fn keys_of(&self, db: u32) -> Vec<Bytes> {
        self.lines.keys_of(db)
    }

    pub fn awaiting(&self, request: RequestId) -> Option<SessionId> {
        self.requests.iter().find(|(other, _)| *other == request).map(|(_, id)| *id)
    }

    /// Returns whose calls have not begun, first come first.
    pub fn turns(&self) -> &[SessionId] {
        &self.turns
    }

    /// Returns how many clients wait until a deadline.
    pub fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Returns somebody whose deadline has passed.
    pub fn due(&self, now: Time) -> Option<SessionId> {
        self.deadlines.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }
}
