//! Client-side caching: who has read what, and who must be told that it changed.

use crate::base::bytes::Bytes;
use crate::data::table::HashKey;
use crate::resp::SessionId;

use super::index::Index;

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
    /// How much of the unit was there when its script that runs read something first and last.
    pub script_reads: Option<[usize; 2]>,
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
pub struct Readers {
    keys: Index,
    /// What was read after a change of the same unit, which is yet to be told: behind how many of its changes.
    late: Vec<(usize, SessionId, Bytes)>,
    prefixes: Index,
    /// Who tracks, sorted.
    clients: Vec<SessionId>,
    /// Messages of the unit, sorted by client.
    due: Vec<(SessionId, Due)>,
}

/// What one client is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// A message for each key that the client has read, in the order of the changes.
    Read(Vec<Bytes>),
    /// A message for each of the client's prefixes, with all its keys: pairs of both, some of them twice.
    Prefixed(Vec<(Bytes, Bytes)>),
    Everything,
}

impl Readers {
    pub fn new(key: HashKey) -> Self {
        Self { keys: Index::new(key), late: vec![], prefixes: Index::new(key), clients: vec![], due: vec![] }
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Returns the number of tracking clients, of tracked keys, of (key, client) pairs and of prefixes.
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let items = self.keys.iter().map(|(_, readers)| readers.len()).sum();
        (self.clients.len(), self.keys.len(), items, self.prefixes.len())
    }

    /// Begins to track for a client.
    pub fn enable(&mut self, id: SessionId, tracking: &Tracking) {
        if let Err(at) = self.clients.binary_search(&id) {
            self.clients.insert(at, id);
        }
        for prefix in &tracking.prefixes {
            self.prefixes.add(prefix, id);
        }
    }

    /// Ends tracking for a client. Its keys are forgotten when they change, and all of them with the last client.
    pub fn disable(&mut self, id: SessionId) {
        let Ok(at) = self.clients.binary_search(&id) else { return };
        self.clients.remove(at);
        self.due.retain(|(other, _)| *other != id);
        self.prefixes.remove_everywhere(id);
        if self.clients.is_empty() {
            self.keys.clear();
            self.late.clear();
        }
    }

    /// Remembers that a client read a key, behind so many changes of the unit.
    pub fn remember(&mut self, id: SessionId, key: &[u8], changes: usize) {
        if changes == 0 {
            self.keys.add(key, id);
        } else {
            self.late.push((changes, id, Bytes::from(key)));
        }
    }

    /// Takes note that so many changes of the unit are told: what was read behind them is out of date only from now on.
    pub fn told(&mut self, changes: usize) {
        let n = self.late.partition_point(|(behind, ..)| *behind <= changes);
        for (_, id, key) in self.late.drain(..n) {
            self.keys.add(&key, id);
        }
    }

    /// Returns whether more keys are tracked than `most`; 0 is no limit.
    pub fn exceed(&self, most: usize) -> bool {
        most > 0 && self.keys.len() > most
    }

    /// Forgets keys until at most `most` are tracked; their readers are to be told, as if they had changed.
    pub fn shrink(&mut self, most: usize) {
        while self.exceed(most) {
            let Some((key, readers)) = self.keys.take_any() else { return };
            for id in readers {
                self.owe_read(id, &key);
            }
        }
    }

    /// Notes that a key changed. `actor` made the change; `tracking` says what a client wants to hear of.
    pub fn invalidate<'a>(
        &mut self,
        key: &[u8],
        actor: Option<SessionId>,
        tracking: impl Fn(SessionId) -> Option<&'a Tracking>,
    ) {
        let spared =
            |id: SessionId| actor == Some(id) && tracking(id).is_some_and(|tracking| tracking.no_loop);
        // What a client read before it asked for prefixes is nothing to it any more.
        let reads = |id: SessionId| tracking(id).is_some_and(|tracking| !tracking.broadcast);
        let key = Bytes::from(key);
        for id in self.keys.take(&key) {
            if reads(id) && !spared(id) {
                self.owe_read(id, &key);
            }
        }
        let prefixes = self.prefixes.iter().filter(|(prefix, _)| key.starts_with(prefix));
        let told: Vec<(SessionId, Bytes)> =
            prefixes.flat_map(|(prefix, clients)| clients.iter().map(|id| (*id, prefix.clone()))).collect();
        for (id, prefix) in told.into_iter().filter(|(id, _)| !spared(*id)) {
            if let Due::Prefixed(keys) = self.due_of(id, || Due::Prefixed(vec![])) {
                keys.push((prefix, key.clone()));
            }
        }
    }

    /// Notes that everything changed.
    pub fn invalidate_all(&mut self) {
        self.keys.clear();
        self.due = self.clients.iter().map(|id| (*id, Due::Everything)).collect();
    }

    /// A key that was read is told once, since it is forgotten with that.
    fn owe_read(&mut self, id: SessionId, key: &Bytes) {
        if let Due::Read(keys) = self.due_of(id, || Due::Read(vec![])) {
            keys.push(key.clone());
        }
    }

    fn due_of(&mut self, id: SessionId, none: impl FnOnce() -> Due) -> &mut Due {
        let at = match self.due.binary_search_by_key(&id, |(other, _)| *other) {
            Ok(at) => at,
            Err(at) => {
                self.due.insert(at, (id, none()));
                at
            }
        };
        &mut self.due[at].1
    }

    /// Takes the messages of the unit.
    pub fn take_due(&mut self) -> Vec<(SessionId, Due)> {
        std::mem::take(&mut self.due)
    }
}
