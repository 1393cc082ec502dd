//! UNLINK, FLUSHALL ASYNC and their like: what was removed is freed bit by bit, in turns that time brings.

mod support;

use redlet::base::time::Time;
use redlet::engine::{Config, Peer};
use redlet::resp::SessionId;
use redlet::store::{Progress, Purpose, Store};

use support::words::to_resp;

const ELEMENTS: usize = 50_000;

struct Server {
    store: Store,
    client: SessionId,
    now: Time,
}

impl Server {
    fn new(config: Config) -> Self {
        let mut store = Store::new(config, 1);
        let now = Time::from_seconds(1_700_000_000);
        let client = store.connect(Peer::default(), now);
        Self { store, client, now }
    }

    fn call(&mut self, call: &str) -> String {
        let words: Vec<Vec<u8>> = call.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        self.store.receive(self.client, &to_resp(&words), self.now);
        let output = std::mem::take(self.store.output(self.client).expect("connected"));
        String::from_utf8_lossy(&output).into_owned()
    }

    /// Makes a large collection of every kind that has an allocation for each element or block.
    fn fill(&mut self) {
        for i in 0..ELEMENTS {
            self.call(&format!("SADD set member:{i}"));
            self.call(&format!("HSET hash field:{i} value:{i}"));
            self.call(&format!("ZADD sorted {} member:{i}", i * 7919 % ELEMENTS));
            self.call(&format!("RPUSH list element:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}:{i}"));
            self.call(&format!("SET key:{i} value"));
        }
    }

    /// Returns how many keys are to be freed, and how many were.
    fn freeing(&mut self) -> (usize, usize) {
        let info = self.call("INFO memory");
        let number = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.parse().ok()).expect("a number")
        };
        (number("lazyfree_pending_objects"), number("lazyfreed_objects"))
    }

    /// Lets time pass as the store asks for it until it asks no more; returns how many turns that took.
    fn free_all(&mut self) -> usize {
        let mut turns = 0;
        while self.freeing().0 > 0 {
            let due = self.store.next_deadline().expect("there is something to be freed");
            self.now = self.now.max(due);
            self.store.tick(self.now);
            turns += 1;
        }
        turns
    }
}

#[test]
fn large_values_are_freed_bit_by_bit() {
    let mut server = Server::new(Config::default());
    server.fill();
    assert_eq!(server.call("UNLINK set hash sorted list none key:1"), ":5\r\n");
    assert_eq!(server.call("EXISTS set hash sorted list"), ":0\r\n");
    assert_eq!(server.freeing(), (4, 0));
    assert_eq!(server.call("SADD set again"), ":1\r\n");
    assert!(server.free_all() > 3 * ELEMENTS / 10_000);
    assert_eq!(server.freeing(), (0, 4));
    assert_eq!(server.call("SMEMBERS set"), "*1\r\n$5\r\nagain\r\n");
}

#[test]
fn databases_are_freed_bit_by_bit() {
    let mut server = Server::new(Config::default());
    server.fill();
    assert_eq!(server.call("FLUSHDB SYNC"), "+OK\r\n");
    assert_eq!(server.freeing(), (0, 0));
    server.fill();
    assert_eq!(server.call("FLUSHALL ASYNC"), "+OK\r\n");
    assert_eq!(server.call("DBSIZE"), ":0\r\n");
    assert_eq!(server.freeing(), (ELEMENTS + 4, 0));
    assert!(server.free_all() > 4 * ELEMENTS / 10_000);
    assert_eq!(server.freeing(), (0, ELEMENTS + 4));
    assert_eq!(server.call("CONFIG RESETSTAT"), "+OK\r\n");
    assert_eq!(server.freeing(), (0, 0));
}

#[test]
fn what_a_snapshot_was_kept_for_is_freed_bit_by_bit() {
    for removal in ["DEL set hash sorted list", "FLUSHALL SYNC"] {
        let mut server = Server::new(Config::default());
        server.fill();
        let mut file = Vec::new();
        server.store.begin_snapshot(Purpose::Dump, server.now);
        server.call(removal);
        while server.store.step_snapshot(100_000, &mut file) == Progress::Working {}
        server.store.snapshot_done(Ok(()), server.now);
        assert_eq!(server.freeing(), (0, 0), "nobody asked for it");
        let mut turns = 0;
        while let Some(due) = server.store.next_deadline().filter(|due| *due <= server.now.plus_micros(1_000))
        {
            server.now = server.now.max(due);
            server.store.tick(server.now);
            turns += 1;
        }
        assert!(turns > 3 * ELEMENTS / 10_000, "{turns} turns after {removal}");
    }
}

#[test]
fn parameters_have_del_and_flushall_free_later() {
    let mut server = Server::new(Config::default());
    for (del, flush, pending) in [("no", "no", 0), ("yes", "no", 1), ("no", "yes", 1)] {
        server.call(&format!("CONFIG SET lazyfree-lazy-user-del {del} lazyfree-lazy-user-flush {flush}"));
        for i in 0..200 {
            server.call(&format!("SADD set member:{i}"));
        }
        if flush == "no" {
            assert_eq!(server.call("DEL set"), ":1\r\n");
        } else {
            assert_eq!(server.call("FLUSHALL"), "+OK\r\n");
        }
        assert_eq!(server.freeing().0, pending, "{del} {flush}");
        server.free_all();
    }
}
