//! WATCH: who must not run EXEC once a key has changed.

use std::collections::BTreeMap;

use crate::base::bytes::Bytes;
use crate::resp::SessionId;

use super::session::{Session, Watched};

/// Everybody who watches, by database and key.
#[derive(Default)]
pub struct Watches {
    by_key: BTreeMap<(u32, Bytes), Vec<SessionId>>,
}

impl Watches {
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Returns how many keys are watched.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn watch(&mut self, session: &mut Session, watched: Watched) {
        if session.watched.iter().any(|other| other.db == watched.db && other.key == watched.key) {
            return;
        }
        self.by_key.entry((watched.db, watched.key.clone())).or_default().push(session.id);
        session.watched.push(watched);
    }

    /// Ends all of a client's watches, and forgets that one failed.
    pub fn unwatch(&mut self, session: &mut Session) {
        session.watch_failed = false;
        for watched in session.watched.drain(..) {
            let place = (watched.db, watched.key);
            let Some(clients) = self.by_key.get_mut(&place) else { continue };
            clients.retain(|id| *id != session.id);
            if clients.is_empty() {
                self.by_key.remove(&place);
            }
        }
    }

    /// Returns who watches a key.
    pub fn of(&self, db: u32, key: &[u8]) -> &[SessionId] {
        if self.by_key.is_empty() {
            return &[];
        }
        self.by_key.get(&(db, Bytes::from(key))).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the watched keys of a database.
    pub fn keys_of(&self, db: u32) -> Vec<Bytes> {
        self.by_key.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.clone()).collect()
    }
}
