//! Client-side caching: who has read what, and who must be told that it changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::bytes::Bytes;
use crate::resp::SessionId;

/// What one client asked for with CLIENT TRACKING.
#[derive(Default, Debug, Clone)]
pub struct Tracking {
    /// Who gets its messages, if not itself.
    pub redirect: Option<SessionId>,
    /// The client of `redirect` is gone.
    pub broken_redirect: bool,
    /// It hears of every key that begins with a prefix of its own, read or not.
    pub broadcast: bool,
    pub prefixes: Vec<Bytes>,
    pub choice: Choice,
    /// Its own changes are not told to it.
    pub no_loop: bool,
}

/// Which reads are tracked.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    #[default]
    All,
    /// Those after CLIENT CACHING YES; whether it was just said.
    OptIn { next: bool },
    /// All but those after CLIENT CACHING NO; whether it was just said.
    OptOut { next: bool },
}

impl Tracking {
    /// Returns whether the keys of a read are to be remembered.
    pub fn remembers(&self) -> bool {
        !self.broadcast
            && match self.choice {
                Choice::All => true,
                Choice::OptIn { next } => next,
                Choice::OptOut { next } => !next,
            }
    }

    /// Forgets what CLIENT CACHING said: it holds for one command.
    pub fn end_caching(&mut self) {
        match &mut self.choice {
            Choice::All => {}
            Choice::OptIn { next } | Choice::OptOut { next } => *next = false,
        }
    }
}

/// Everything that is tracked, in all databases alike, as Redis does.
#[derive(Default)]
pub struct Readers {
    keys: BTreeMap<Bytes, BTreeSet<SessionId>>,
    prefixes: BTreeMap<Bytes, BTreeSet<SessionId>>,
    /// How many clients track.
    clients: BTreeSet<SessionId>,
    /// Messages of the unit.
    due: BTreeMap<SessionId, Due>,
}

/// What one client is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// A message for each key that the client has read, in the order of the changes.
    Read(Vec<Bytes>),
    /// One message for all keys with the client's prefixes.
    Prefixed(BTreeSet<Bytes>),
    Everything,
}

impl Readers {
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Returns the number of tracking clients, of tracked keys, of (key, client) pairs and of prefixes.
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let items = self.keys.values().map(BTreeSet::len).sum();
        (self.clients.len(), self.keys.len(), items, self.prefixes.len())
    }

    /// Begins to track for a client.
    pub fn enable(&mut self, id: SessionId, tracking: &Tracking) {
        self.clients.insert(id);
        if tracking.broadcast {
            let all = [Bytes::from(&b""[..])];
            let prefixes = if tracking.prefixes.is_empty() { &all[..] } else { &tracking.prefixes };
            for prefix in prefixes {
                self.prefixes.entry(prefix.clone()).or_default().insert(id);
            }
        }
    }

    /// Ends tracking for a client. Its keys are forgotten when they change.
    pub fn disable(&mut self, id: SessionId) {
        self.clients.remove(&id);
        self.due.remove(&id);
        self.prefixes.retain(|_, clients| {
            clients.remove(&id);
            !clients.is_empty()
        });
    }

    /// Remembers that a client read a key.
    pub fn remember(&mut self, id: SessionId, key: &[u8]) {
        match self.keys.get_mut(key) {
            Some(readers) => {
                readers.insert(id);
            }
            None => {
                self.keys.insert(Bytes::from(key), BTreeSet::from([id]));
            }
        }
    }

    /// Forgets keys until at most `most` are tracked; their readers are told, as if they had changed.
    pub fn shrink(&mut self, most: usize) {
        while most > 0 && self.keys.len() > most {
            let Some((key, readers)) = self.keys.pop_first() else { return };
            for id in readers {
                self.owe(id, &key);
            }
        }
    }

    /// Notes that a key changed. `actor` made the change; `no_loop` says who does not want to hear of its own.
    pub fn invalidate(&mut self, key: &[u8], actor: Option<SessionId>, no_loop: impl Fn(SessionId) -> bool) {
        let spared = |id: SessionId| actor == Some(id) && no_loop(id);
        if let Some((key, readers)) = self.keys.remove_entry(key) {
            for id in readers {
                if self.clients.contains(&id) && !spared(id) {
                    self.owe(id, &key);
                }
            }
        }
        if self.prefixes.is_empty() {
            return;
        }
        let key = Bytes::from(key);
        let told: BTreeSet<SessionId> = self
            .prefixes
            .iter()
            .filter(|(prefix, _)| key.starts_with(prefix))
            .flat_map(|(_, clients)| clients.iter().copied())
            .filter(|id| !spared(*id))
            .collect();
        for id in told {
            let due = self.due.entry(id).or_insert_with(|| Due::Prefixed(BTreeSet::new()));
            if let Due::Prefixed(keys) = due {
                keys.insert(key.clone());
            }
        }
    }

    /// Notes that everything changed.
    pub fn invalidate_all(&mut self) {
        self.keys.clear();
        for id in &self.clients {
            self.due.insert(*id, Due::Everything);
        }
    }

    /// A key that was read is told once, since it is forgotten with that.
    fn owe(&mut self, id: SessionId, key: &Bytes) {
        if let Due::Read(keys) = self.due.entry(id).or_insert_with(|| Due::Read(vec![])) {
            keys.push(key.clone());
        }
    }

    /// Takes the messages of the unit.
    pub fn take_due(&mut self) -> BTreeMap<SessionId, Due> {
        std::mem::take(&mut self.due)
    }
}
