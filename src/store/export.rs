//! Snapshots for somebody outside, who keeps nothing for us: they leave no trace in INFO, and no log goes on from them.

use crate::base::time::Time;
use crate::persist::rdb::{Progress, Purpose};

use super::Store;

impl Store {
    /// Sets the point in time of an export; returns false if another snapshot is being written, which is to end first.
    pub fn begin_export(&mut self, now: Time) -> bool {
        let is_free = self.is_free();
        if is_free {
            self.export = Some(self.saver(Purpose::Dump, now));
        }
        is_free
    }

    /// Returns whether an export is being written. Until it has ended no snapshot should be begun, which would be its end.
    pub fn is_exporting(&self) -> bool {
        self.export.is_some()
    }

    /// Appends about `budget` bytes of the export to `out`. `None` if it was given up, since a snapshot was begun.
    pub fn step_export(&mut self, budget: usize, out: &mut Vec<u8>) -> Option<Progress> {
        let saver = self.export.as_mut()?;
        Some(saver.step(self.engine.keyspace_mut(), budget, out))
    }

    /// Ends the export, whether or not all of it was written.
    pub fn end_export(&mut self) {
        if self.export.take().is_some() {
            self.engine.keyspace_mut().thaw();
        }
    }

    /// Returns the present state as a snapshot, whatever else is being written.
    pub fn export_now(&mut self, now: Time) -> Vec<u8> {
        let mut bytes = vec![];
        let frozen = self.engine.keyspace_mut().set_freeze_aside();
        let mut saver = self.saver(Purpose::Dump, now);
        while saver.step(self.engine.keyspace_mut(), 1 << 20, &mut bytes) == Progress::Working {}
        self.engine.keyspace_mut().put_freeze_back(frozen);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Config, Peer, Request};

    const NOW: Time = Time::from_seconds(1_700_000_000);

    fn run(store: &mut Store, calls: &str) {
        let client = store.connect(Peer::default(), NOW);
        store.receive(client, calls.as_bytes(), NOW);
    }

    fn loaded(bytes: &[u8]) -> Store {
        let mut store = Store::new(Config::default(), 3);
        store.replay(bytes, NOW).expect("we wrote it");
        store.replay_done(NOW).expect("we wrote it");
        store
    }

    fn digest(store: &Store) -> String {
        store.engine().keyspace().redis_digest().to_hex()
    }

    fn filled() -> Store {
        let mut store = Store::new(Config::default(), 1);
        for i in 0..500 {
            run(&mut store, &format!("SET key:{i} {i} EX 1000\r\nRPUSH list:{i} a b c\r\n"));
        }
        store
    }

    #[test]
    fn an_export_is_of_one_moment_and_comes_before_snapshots() {
        let mut store = filled();
        let before = digest(&store);
        assert!(store.begin_export(NOW));
        assert!(!store.begin_export(NOW));
        run(&mut store, "BGSAVE\r\n");
        let mut bytes = vec![];
        for i in 0.. {
            run(&mut store, &format!("DEL list:{i}\r\nAPPEND key:{i} x\r\n"));
            assert_eq!(store.request(), None, "BGSAVE waits");
            if store.step_export(300, &mut bytes) == Some(Progress::Done) {
                break;
            }
        }
        store.end_export();
        assert_eq!(digest(&loaded(&bytes)), before);
        assert!(matches!(store.request(), Some((_, Request::Save))));
    }

    #[test]
    fn an_export_at_once_disturbs_no_snapshot() {
        let mut store = filled();
        let before = digest(&store);
        store.begin_snapshot(Purpose::Base, NOW);
        let mut snapshot = vec![];
        store.step_snapshot(1_000, &mut snapshot);
        run(&mut store, "DEL key:1 key:2 key:3 list:4\r\n");
        assert_eq!(digest(&loaded(&store.export_now(NOW))), digest(&store));
        run(&mut store, "FLUSHALL\r\n");
        while store.step_snapshot(1_000, &mut snapshot) == Progress::Working {}
        assert_eq!(digest(&loaded(&snapshot)), before);
    }

    #[test]
    fn a_snapshot_ends_an_export() {
        let mut store = filled();
        assert!(store.begin_export(NOW));
        store.begin_snapshot(Purpose::Base, NOW);
        assert_eq!(store.step_export(100, &mut vec![]), None);
    }

    #[test]
    fn what_is_imported_joins_what_is_there() {
        let mut other = Store::new(Config::default(), 2);
        run(&mut other, "SET key:1 theirs\r\nSET late 1 EX 5\r\nSELECT 3\r\nRPUSH list x\r\n");
        for replace in [false, true] {
            let mut store = filled();
            store.engine_mut().set_logging(true);
            let waiter = store.connect(Peer::default(), NOW);
            store.receive(waiter, b"SELECT 3\r\nBLPOP list 0\r\n", NOW);
            store.clear_log();
            let mut staged = loaded(&other.export_now(NOW));
            let then = NOW.plus_seconds(10);
            let absorbed = store.engine_mut().absorb(staged.engine_mut().keyspace_mut(), replace, then);
            let counts = (absorbed.keys, absorbed.replaced, absorbed.skipped, absorbed.expired);
            assert_eq!(counts, if replace { (2, 1, 0, 1) } else { (1, 0, 1, 1) });
            assert!(staged.engine().keyspace().is_empty());
            let served = store.output(waiter).map(std::mem::take).unwrap_or_default();
            assert!(served.ends_with(b"$1\r\nx\r\n"), "{}", served.escape_ascii());
            let got = store.engine().keyspace().database(0).iter().find(|entry| entry.key() == b"key:1");
            assert_eq!(got.is_some_and(|entry| entry.deadline().is_none()), replace);
        }
    }
}
