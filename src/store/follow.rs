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

    /// Drops what has come of a snapshot whose rest won't come.
    pub(super) fn drop_left_over(&mut self) {
        if self.staged.is_some() {
            let following = self.engine.shared().following.as_ref();
            self.staged.take_if(|_| !following.is_some_and(|link| link.is_receiving()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use crate::engine::{Config, Request};

    const NOW: Time = Time::from_seconds(1_700_000_000);

    /// Two servers, one of which follows the other, and the bytes on their way between them.
    struct Pair {
        primary: Store,
        replica: Store,
        link: Option<Link>,
        now: Time,
        random: Random,
    }

    struct Link {
        /// Sessions: of the replica at the primary, and of the primary at the replica.
        there: SessionId,
        here: SessionId,
        to_primary: Vec<u8>,
        to_replica: Vec<u8>,
    }

    fn store(seed: u128, databases: &str) -> Store {
        let mut config = Config::default();
        Config::parameter("databases").expect("a parameter").set(&mut config, databases).expect("a number");
        let mut store = Store::new(config, seed);
        store.engine_mut().shared_mut().host.connects = true;
        store
    }

    fn said(store: &mut Store, calls: &str, now: Time) -> String {
        let client = store.connect(Peer::default(), now);
        store.receive(client, calls.as_bytes(), now);
        let said = store.output(client).map(std::mem::take).unwrap_or_default();
        store.disconnect(client, now);
        String::from_utf8_lossy(&said).into_owned()
    }

    impl Pair {
        fn new(seed: u64) -> Self {
            let (primary, mut replica) = (store(seed.into(), "16"), store(u128::from(seed) + 1, "16"));
            assert_eq!(said(&mut replica, "SET old 1\r\nREPLICAOF there 1\r\n", NOW), "+OK\r\n+OK\r\n");
            Self { primary, replica, link: None, now: NOW, random: Random::new(seed) }
        }

        /// Lets some time pass and some bytes arrive.
        fn turn(&mut self, micros: u64) {
            self.now = self.now.plus_micros(micros);
            self.primary.tick(self.now);
            self.replica.tick(self.now);
            self.carry_out();
            let Some(link) = &mut self.link else { return };
            self.primary.output(link.there).into_iter().for_each(|out| link.to_replica.append(out));
            self.replica.output(link.here).into_iter().for_each(|out| link.to_primary.append(out));
            let mut part = |len: usize| self.random.below(len as u64 + 1) as usize;
            let (few, many) = (part(link.to_primary.len()), part(link.to_replica.len()));
            let taken = self.primary.receive(link.there, &link.to_primary[..few], self.now);
            link.to_primary.drain(..taken);
            let taken = self.replica.receive(link.here, &link.to_replica[..many], self.now);
            link.to_replica.drain(..taken);
            self.carry_out();
        }

        fn carry_out(&mut self) {
            while let Some((id, request)) = self.replica.request() {
                match request {
                    Request::Connect { .. } => {
                        let there = self.primary.connect(Peer::default(), self.now);
                        let here = self.replica.linked(id, Peer::default(), self.now).expect("it is wanted");
                        let none = Vec::new;
                        self.link = Some(Link { there, here, to_primary: none(), to_replica: none() });
                    }
                    Request::Close(id) if self.link.as_ref().is_some_and(|link| link.here == id) => {
                        self.cut()
                    }
                    _ => {}
                }
            }
            while let Some((_, request)) = self.primary.request() {
                if let Request::Close(id) = request
                    && self.link.as_ref().is_some_and(|link| link.there == id)
                {
                    self.cut();
                }
            }
        }

        fn cut(&mut self) {
            if let Some(link) = self.link.take() {
                self.primary.disconnect(link.there, self.now);
                self.replica.disconnect(link.here, self.now);
            }
        }

        fn change(&mut self) {
            let (key, n) = (self.random.below(20), self.random.below(1000));
            let call = match self.random.below(9) {
                0 => format!("SET k{key} {n} PX {}\r\n", 1 + n),
                1 => format!("RPUSH l{key} {n}\r\n"),
                2 => format!("DEL k{key} l{key}\r\n"),
                3 => format!("MULTI\r\nINCR c{key}\r\nSELECT 7\r\nHSET h{key} f{n} {n}\r\nEXEC\r\n"),
                4 => format!("SELECT 7\r\nSPOP s{key}\r\nSADD s{key} {n}\r\n"),
                5 => format!("PEXPIRE c{key} {n}\r\n"),
                6 => format!("PUBLISH news {n}\r\n"),
                7 if n < 50 => "FLUSHDB\r\n".into(),
                _ => format!("APPEND k{key} {n}\r\n"),
            };
            said(&mut self.primary, &call, self.now);
            self.carry_out();
        }

        fn offset(store: &Store) -> u64 {
            store.engine().shared().primary.offset()
        }

        /// Lets everything arrive.
        fn settle(&mut self) {
            for _ in 0..10_000 {
                self.turn(100);
                let is_online =
                    self.replica.engine().shared().following.as_ref().is_some_and(|link| link.is_online());
                let still = self.link.as_ref().is_some_and(|link| link.to_replica.is_empty());
                if is_online && still && Self::offset(&self.primary) == Self::offset(&self.replica) {
                    return;
                }
            }
            panic!("the replica does not catch up");
        }
    }

    #[test]
    fn a_replica_has_the_same_keys_whatever_happens_to_the_link() {
        for seed in 0..60 {
            let mut pair = Pair::new(seed);
            for _ in 0..300 {
                match pair.random.below(100) {
                    0..60 => pair.change(),
                    60..62 => pair.cut(),
                    62 => pair.turn(2_000_000),
                    _ => pair.turn(10_000),
                }
            }
            pair.settle();
            let digest = |store: &Store| store.engine().keyspace().redis_digest().to_hex();
            assert_eq!(digest(&pair.replica), digest(&pair.primary), "seed {seed}");
            let acknowledged = |pair: &Pair| {
                let primary = &pair.primary.engine().shared().primary;
                primary.count_at(primary.offset(), false)
            };
            for _ in 0..300 {
                pair.turn(10_000);
            }
            assert_eq!(acknowledged(&pair), 1, "seed {seed}");
        }
    }

    #[test]
    fn a_silent_primary_is_given_up_and_a_silent_replica_too() {
        let mut pair = Pair::new(1);
        pair.settle();
        let link = pair.link.take().expect("connected");
        let info = |store: &mut Store, now| said(store, "INFO replication\r\n", now);
        for _ in 0..61 {
            pair.now = pair.now.plus_seconds(1);
            pair.primary.tick(pair.now);
            pair.replica.tick(pair.now);
        }
        assert!(info(&mut pair.replica, pair.now).contains("master_link_status:down"));
        let closed = |store: &mut Store, id| {
            std::iter::from_fn(|| store.request()).any(|(_, request)| request == Request::Close(id))
        };
        assert!(closed(&mut pair.primary, link.there));
        assert!(closed(&mut pair.replica, link.here));
    }

    #[test]
    fn a_snapshot_that_can_not_be_read_changes_nothing() {
        let mut pair = Pair::new(2);
        said(&mut pair.primary, "SELECT 15\r\nSET k v\r\n", NOW);
        pair.replica = store(7, "2");
        said(&mut pair.replica, "SET old 1\r\nREPLICAOF there 1\r\n", NOW);
        for _ in 0..500 {
            pair.turn(1_000);
        }
        assert_eq!(said(&mut pair.replica, "GET old\r\nDBSIZE\r\n", pair.now), "$1\r\n1\r\n:1\r\n");
        assert!(
            said(&mut pair.replica, "INFO replication\r\n", pair.now).contains("master_link_status:down")
        );
    }
}
