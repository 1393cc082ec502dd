//! What comes from the server that this one follows: a snapshot, read beside the present keys, then changes.

use crate::base::time::Time;
use crate::engine::{Peer, RequestId};
use crate::keyspace::Keyspace;
use crate::persist::rdb::{Loader, Purpose};
use crate::replication::Heard;
use crate::resp::SessionId;

use super::Store;

/// A snapshot that is coming in.
pub(super) struct Staged {
    keyspace: Keyspace,
    loader: Loader,
}

impl Store {
    /// See [`Engine::linked`](crate::engine::Engine::linked): a connection that was asked for is there.
    pub fn linked(&mut self, request: RequestId, peer: Peer, now: Time) -> Option<SessionId> {
        self.engine.linked(request, peer, now)
    }

    /// See [`Engine::link_failed`](crate::engine::Engine::link_failed).
    pub fn link_failed(&mut self, request: RequestId, why: &str, now: Time) {
        self.engine.link_failed(request, why, now);
    }

    /// Takes in what the server that we follow has sent; returns how many bytes that was.
    pub(super) fn follow(&mut self, from: SessionId, input: &[u8], now: Time) -> usize {
        let mut at = 0;
        while self.engine.shared().is_link(from) {
            if self.engine.shared().following.as_ref().is_some_and(|link| link.is_online()) {
                return at + self.engine.obey(from, &input[at..], now);
            }
            let Some((read, heard)) = self.engine.hear(&input[at..], now) else { return at };
            at += read;
            if let Err(why) = self.heed(heard, now) {
                self.staged = None;
                self.engine.give_up_link(&why, now);
            }
        }
        input.len()
    }

    /// Does what has to be done about something heard. An error ends the link.
    fn heed(&mut self, heard: Heard<'_>, now: Time) -> Result<(), String> {
        match heard {
            Heard::Word => {}
            Heard::News(text) => self.engine.shared_mut().note(text),
            Heard::Refusal(why) => return Err(why),
            Heard::Begin => {
                // Whoever follows us is to have what we are about to get, from its beginning.
                self.engine.shared_mut().dismiss_replicas();
                let check = self.engine.shared().config.rdbchecksum;
                let keyspace = self.engine.keyspace().sibling();
                let loader = Loader::new(Purpose::Base, check, now);
                self.staged = Some(Box::new(Staged { keyspace, loader }));
            }
            Heard::Piece(bytes) => {
                if let Some(Staged { keyspace, loader }) = self.staged.as_deref_mut() {
                    loader.feed(keyspace, bytes).map_err(|damage| failed(&damage.to_string()))?;
                }
            }
            Heard::End => {
                let Some(staged) = self.staged.take() else { return Ok(()) };
                let db = staged.loader.stream_db();
                staged.loader.finish().map_err(|damage| failed(&damage.to_string()))?;
                self.give_up_sync();
                self.engine.replace_keys(staged.keyspace, now);
                self.engine.follow_on(db, now);
            }
        }
        Ok(())
    }
}

fn failed(why: &str) -> String {
    format!("Failed trying to load the MASTER synchronization DB: {why}")
}
