//! WATCH: who must not run EXEC once a key has changed.

use crate::base::bytes::Bytes;
use crate::data::table::HashKey;
use crate::resp::SessionId;

use super::index::{Index, place};
use super::session::{Session, Watched};

/// Everybody who watches, by database and key.
pub struct Watches {
    by_key: Index,
}

impl Watches {
    pub fn new(key: HashKey) -> Self {
        Self { by_key: Index::new(key) }
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Returns how many keys are watched.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn watch(&mut self, session: &mut Session, watched: Watched) {
        if self.by_key.add(&place(watched.db, &watched.key), session.id) {
            session.watched.push(watched);
        }
    }

    /// Ends all of a client's watches, and forgets that one failed.
    pub fn unwatch(&mut self, session: &mut Session) {
        session.watch_failed = false;
        for watched in session.watched.drain(..) {
            self.by_key.remove(&place(watched.db, &watched.key), session.id);
        }
    }

    /// Returns who watches a key.
    pub fn of(&self, db: u32, key: &[u8]) -> &[SessionId] {
        if self.by_key.is_empty() {
            return &[];
        }
        self.by_key.of(&place(db, key))
    }

    /// Returns the watched keys of a database.
    pub fn keys_of(&self, db: u32) -> Vec<Bytes> {
        self.by_key.keys_of(db)
    }
}
