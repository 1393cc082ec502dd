//! Who waits for what, until when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::{OwnedArgs, Reply, SessionId};

use super::request::RequestId;

/// A client that waits: its command, to be run again, and what it waits for.
#[derive(Debug)]
pub struct Waiting {
    pub args: OwnedArgs,
    pub db: u32,
    pub on: On,
    pub until: Option<Time>,
    pub nothing: Nothing,
}

/// What ends a wait, besides its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// One of these keys, of the session's database, is touched.
    Keys(Vec<Bytes>),
    /// The host answers.
    Host(RequestId),
    /// Replicas, or the log, have got as far: WAIT.
    Replicas,
}

/// What a client is told when it waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    Null,
    NullArray,
    Int(i64),
}

impl Nothing {
    pub fn write(self, reply: &mut Reply<'_>) {
        match self {
            Nothing::Null => reply.null(),
            Nothing::NullArray => reply.null_array(),
            Nothing::Int(n) => reply.int(n),
        }
    }
}

/// Everybody who waits, by key in the order of arrival and by deadline.
#[derive(Default)]
pub struct Waits {
    lines: BTreeMap<(u32, Bytes), VecDeque<SessionId>>,
    deadlines: BTreeSet<(Time, SessionId)>,
    requests: BTreeMap<RequestId, SessionId>,
    waiting: usize,
}

impl Waits {
    /// Puts a client at the end of every line that it waits in.
    pub fn join(&mut self, id: SessionId, waiting: &Waiting) {
        self.waiting += 1;
        if let Some(until) = waiting.until {
            self.deadlines.insert((until, id));
        }
        match &waiting.on {
            On::Keys(keys) => {
                for key in keys {
                    let line = self.lines.entry((waiting.db, key.clone())).or_default();
                    if !line.contains(&id) {
                        line.push_back(id);
                    }
                }
            }
            On::Host(request) => {
                self.requests.insert(*request, id);
            }
            On::Replicas => {}
        }
    }

    /// Takes a client out of every line.
    pub fn leave(&mut self, id: SessionId, waiting: &Waiting) {
        self.waiting -= 1;
        if let Some(until) = waiting.until {
            self.deadlines.remove(&(until, id));
        }
        match &waiting.on {
            On::Keys(keys) => {
                for key in keys {
                    let place = (waiting.db, key.clone());
                    let Some(line) = self.lines.get_mut(&place) else { continue };
                    line.retain(|other| *other != id);
                    if line.is_empty() {
                        self.lines.remove(&place);
                    }
                }
            }
            On::Host(request) => {
                self.requests.remove(request);
            }
            On::Replicas => {}
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

    pub fn awaits_keys(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Returns who waits for a key, first come first.
    pub fn line(&self, db: u32, key: &[u8]) -> Vec<SessionId> {
        let line = self.lines.get(&(db, Bytes::from(key)));
        line.map(|line| line.iter().copied().collect()).unwrap_or_default()
    }

    /// Returns the keys of a database that are waited for.
    pub fn keys_of(&self, db: u32) -> Vec<Bytes> {
        let mut keys: Vec<Bytes> =
            self.lines.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.clone()).collect();
        keys.sort();
        keys
    }

    pub fn awaiting(&self, request: RequestId) -> Option<SessionId> {
        self.requests.get(&request).copied()
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
