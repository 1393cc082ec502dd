//! The snapshot that replicas begin with. Its length goes in front of it, so it is whole before any of it is sent.

use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::keyspace::Keyspace;
use crate::persist::rdb::{Progress, Purpose, Saver};
use crate::replication::Contents;

use super::Store;

/// Bytes that are written in one turn of the host's loop.
const BUDGET: usize = 1024 * 1024;

/// A snapshot for replicas that is being written.
pub(super) struct Sync {
    saver: Saver,
    bytes: Vec<u8>,
}

impl Store {
    /// Goes on with the snapshot that replicas wait for. One for the host comes first.
    pub(super) fn step_sync(&mut self) {
        while self.is_free()
            && let Some(contents) = self.engine.shared().primary.wanted_snapshot()
        {
            self.engine.begin_sync(contents);
            if contents != Contents::Everything {
                let bytes = self.part(contents);
                self.engine.end_sync(&bytes);
                continue;
            }
            let mut saver = self.saver(Purpose::Dump, self.now);
            saver.stream_db = self.engine.stream_db();
            self.sync = Some(Sync { saver, bytes: vec![] });
        }
        let Some(sync) = &mut self.sync else { return };
        if sync.saver.step(self.engine.keyspace_mut(), BUDGET, &mut sync.bytes) == Progress::Done {
            self.engine.keyspace_mut().thaw();
            self.engine.end_sync(&sync.bytes);
            self.sync = None;
        }
    }

    /// Writes a snapshot without keys.
    fn part(&self, contents: Contents) -> Vec<u8> {
        let mut keyspace = Keyspace::new(HashKey(0, 0), 1);
        if contents == Contents::Functions {
            keyspace.libraries = self.engine.keyspace().libraries.clone();
        }
        let mut saver = Saver::new(&mut keyspace, self.save_options(Purpose::Dump, self.now));
        let mut bytes = vec![];
        while saver.step(&mut keyspace, BUDGET, &mut bytes) == Progress::Working {}
        bytes
    }

    /// Gives up the snapshot for replicas, because the keyspace is to be written or loaded for the host.
    pub(super) fn give_up_sync(&mut self) {
        if self.sync.take().is_some() {
            self.engine.keyspace_mut().thaw();
            self.engine.shared_mut().primary.give_up_snapshot();
        }
    }

    /// Returns when the snapshot for replicas goes on, if there is one.
    pub(super) fn sync_deadline(&self) -> Option<Time> {
        self.sync.is_some().then_some(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Config, Peer};
    use crate::resp::SessionId;

    const NOW: Time = Time::from_seconds(1_700_000_000);

    fn output(store: &mut Store, id: SessionId) -> Vec<u8> {
        while store.request().is_some() {}
        store.output(id).map(std::mem::take).unwrap_or_default()
    }

    fn said(store: &mut Store, id: SessionId, calls: &str) -> Vec<u8> {
        store.receive(id, calls.as_bytes(), NOW);
        output(store, id)
    }

    /// Loads what a replica was sent into a store of its own.
    fn followed(sent: &[u8]) -> Store {
        let end = sent.windows(2).position(|two| two == b"\r\n").expect("a header");
        let len = str::from_utf8(&sent[1..end]).ok().and_then(|n| n.parse::<usize>().ok()).expect("a length");
        let (snapshot, stream) = sent[end + 2..].split_at(len);
        let mut store = Store::new(Config::default(), 2);
        store.begin_load(Purpose::Base, NOW);
        store.load_snapshot(snapshot).expect("in order");
        store.load_done().expect("whole");
        store.replay(stream, NOW).expect("in order");
        store.replay_done(NOW).expect("whole");
        store
    }

    #[test]
    fn a_replica_holds_the_same_keys() {
        let mut store = Store::new(Config::default(), 1);
        let (client, replica) = (store.connect(Peer::default(), NOW), store.connect(Peer::default(), NOW));
        said(&mut store, client, "SET before 1 EX 100\r\nSELECT 3\r\nRPUSH list a b\r\n");
        let mut sent = said(&mut store, replica, "SYNC\r\n");
        said(&mut store, client, "LPOP list\r\nMULTI\r\nSET after 2 PX 5000\r\nINCR after\r\nEXEC\r\n");
        sent.extend(output(&mut store, replica));
        let follower = followed(&sent);
        let digest = |store: &Store| store.engine().keyspace().redis_digest().to_hex();
        assert_eq!(digest(&follower), digest(&store));
        assert_eq!(follower.engine().keyspace().len(), 3);

        assert_eq!(store.log(), b"", "nobody keeps a log");
        store.disconnect(replica, NOW);
        assert!(store.engine().shared().primary.is_empty());
    }

    #[test]
    fn snapshots_for_the_host_come_first() {
        let mut store = Store::new(Config::default(), 1);
        let replica = store.connect(Peer::default(), NOW);
        store.begin_snapshot(Purpose::Dump, NOW);
        assert_eq!(said(&mut store, replica, "PSYNC ? -1\r\n"), b"");
        store.snapshot_done(Ok(()), NOW);
        let sent = output(&mut store, replica);
        assert!(sent.starts_with(b"+FULLRESYNC "), "{sent:?}");
    }
}
