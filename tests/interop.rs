//! The interop matrix: values of every type and encoding go from us to a real redis-server and back, and the other way
//! round, as snapshots. `cargo test --test interop -- --nocapture` prints it.
//!
//! This test needs redis-server 7.0 (apt install redis-server).

mod support;

use std::path::Path;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::{Config, Peer};
use redlet::resp::SessionId;
use redlet::store::{Progress, Purpose, Store};

use support::connection::Connection;
use support::server::Server;
use support::words::to_resp;

const NOW: Time = Time::from_seconds(1_700_000_000);
/// Keys of each row.
const KEYS: usize = 40;

/// A type, an encoding, and calls that make such a key `K`, one behind each semicolon. `{9}` stands for so many random
/// elements: short ones, `{9i}` integers, `{9l}` longer ones.
const ROWS: &[(&str, &str, &str)] = &[
    ("string", "int", "SET K {1i}"),
    ("string", "embstr", "SET K x{1}"),
    ("string", "raw", "SET K yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy{1l}"),
    ("bitmap", "raw", "SETBIT K 100000 1;SETBIT K 7 1"),
    ("HyperLogLog, sparse", "raw", "PFADD K {60}"),
    ("HyperLogLog, dense", "raw", "PFADD K {4000}"),
    ("list", "quicklist", "RPUSH K {9}"),
    ("list of many nodes", "quicklist", "RPUSH K {2000l}"),
    ("list of long elements", "quicklist", "RPUSH K {3}; SETRANGE K:long 9000 x; RPUSH K {9l}"),
    ("hash", "listpack", "HSET K {20}"),
    ("hash", "hashtable", "HSET K {1200}"),
    ("hash of long values", "hashtable", "HSET K {40l}"),
    ("set", "intset", "SADD K {9i}"),
    ("set", "hashtable", "SADD K text {40}"),
    ("set of many integers", "hashtable", "SADD K {2000i}"),
    ("sorted set", "listpack", "ZADD K 1 a 2.5 b -inf c inf d 1e300 e"),
    (
        "sorted set",
        "skiplist",
        "ZADD K 0.1 {1l}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 3 b",
    ),
    ("geo", "listpack", "GEOADD K 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"),
    ("stream", "stream", "XADD K 1-1 {4};XADD K 2-1 {4};XADD K 2-2 {6l};XDEL K 1-1;XADD K 3-9 {2}"),
    (
        "stream with groups",
        "stream",
        "XADD K 1-1 {2};XADD K 2-1 {2};XADD K 3-1 {2};XGROUP CREATE K g 0;XGROUP CREATE K h 2-1;\
         XREADGROUP GROUP g alice COUNT 2 STREAMS K >;XREADGROUP GROUP g bob STREAMS K >;XACK K g 1-1;XDEL K 2-1",
    ),
    ("stream without entries", "stream", "XGROUP CREATE K g $ MKSTREAM;XADD K 5-5 {2};XDEL K 5-5"),
];

#[test]
fn every_type_and_encoding_goes_there_and_back() {
    println!("| type | encoding | keys | ours → redis-server → ours | redis-server → ours → redis-server |");
    println!("|---|---|--:|--:|--:|");
    let mut all_are_equal = true;
    for (row, (name, encoding, calls)) in ROWS.iter().enumerate() {
        let there = from_us(row as u64, calls, encoding, "0");
        let back = from_redis(row as u64, calls, encoding);
        println!("| {name} | {encoding} | {KEYS} | {} % | {} % |", percent(there), percent(back));
        all_are_equal &= there == KEYS && back == KEYS;
    }
    assert!(all_are_equal, "see the table");
}

#[test]
fn version_9_holds_everything_but_what_streams_count() {
    for (row, (name, encoding, calls)) in ROWS.iter().enumerate() {
        assert_eq!(from_us(row as u64, calls, encoding, "9"), KEYS, "{name}");
    }
}

#[test]
fn a_version_that_does_not_hold_the_data_is_refused() {
    let mut ours = Ours::new("9");
    assert_eq!(ours.store.refusal(), Ok(()));
    ours.store.engine_mut().keyspace_mut().libraries.push(b"#!lua name=a\n"[..].into());
    let why = "rdb-version is below 10, which libraries of functions need";
    assert_eq!(ours.store.refusal(), Err(why.into()));
    ours.call(&words("HSET k a 1"));
    ours.call(&words("HPEXPIRE k 100000 FIELDS 1 a"));
    for (version, refused) in
        [("0", false), ("8", true), ("9", true), ("10", true), ("11", true), ("12", false)]
    {
        ours.configure("rdb-version", version);
        assert_eq!(ours.store.refusal().is_err(), refused, "{version}");
    }
    assert!(ours.snapshot().starts_with(b"REDIS0012"));
    ours.call(&words("FLUSHALL"));
    for (version, written) in [("0", "0010"), ("10", "0010"), ("11", "0011"), ("12", "0012")] {
        ours.configure("rdb-version", version);
        assert!(ours.snapshot()[5..].starts_with(written.as_bytes()), "{version}");
    }
}

fn percent(equal: usize) -> usize {
    equal * 100 / KEYS
}

/// Makes keys here and sends them to redis-server and back; returns how many were the same everywhere.
fn from_us(seed: u64, calls: &str, encoding: &str, version: &str) -> usize {
    let mut ours = Ours::new(version);
    fill(&mut ours, seed, calls);
    let expected = ours.facts();
    let (redis, folder) = redis_with(&ours.snapshot());
    let mut theirs = redis.connect();
    let seen = theirs.facts();
    let mut back = Ours::new("0");
    back.load(&saved(&mut theirs, folder.path()));
    equal(&[expected, seen, back.facts()], encoding)
}

/// Makes keys in redis-server and brings them here and back.
fn from_redis(seed: u64, calls: &str, encoding: &str) -> usize {
    let (redis, folder) = redis_with(&Ours::new("0").snapshot());
    let mut theirs = redis.connect();
    fill(&mut theirs, seed, calls);
    let expected = theirs.facts();
    let mut ours = Ours::new("0");
    ours.load(&saved(&mut theirs, folder.path()));
    let seen = ours.facts();
    let (redis, _folder) = redis_with(&ours.snapshot());
    equal(&[expected, seen, redis.connect().facts()], encoding)
}

/// Counts the keys that were the same at every stop, with this encoding at the first.
fn equal(stops: &[Vec<Facts>], encoding: &str) -> usize {
    let encoded = format!("${}\r\n{encoding}\r\n", encoding.len());
    (0..KEYS)
        .filter(|i| {
            let first = &stops[0][*i];
            first.encoding == encoded.as_bytes() && stops.iter().all(|stop| stop[*i] == *first)
        })
        .count()
}

/// What can be told of a key: a digest of its value, its encoding, and its deadline.
#[derive(PartialEq, Debug)]
struct Facts {
    digest: Vec<u8>,
    encoding: Vec<u8>,
    deadline: Vec<u8>,
}

/// Who answers calls.
trait Answers {
    fn call(&mut self, call: &[Vec<u8>]) -> Vec<u8>;

    fn facts(&mut self) -> Vec<Facts> {
        let facts = |i: usize| Facts {
            digest: self.call(&words(&format!("DEBUG DIGEST-VALUE key:{i}"))),
            encoding: self.call(&words(&format!("OBJECT ENCODING key:{i}"))),
            deadline: self.call(&words(&format!("PEXPIRETIME key:{i}"))),
        };
        (0..KEYS).map(facts).collect()
    }
}

impl Answers for Connection {
    fn call(&mut self, call: &[Vec<u8>]) -> Vec<u8> {
        self.call_bytes(call)
    }
}

/// Makes the keys of a row; every third one gets a deadline, as far from now as the clock of any machine is.
fn fill(answers: &mut impl Answers, seed: u64, calls: &str) {
    let mut random = Random::new(seed);
    for i in 0..KEYS {
        for call in calls.split(';') {
            let call: Vec<_> = call
                .trim()
                .split(' ')
                .flat_map(|word| {
                    args(
                        &word.replacen('K', &format!("key:{i}"), usize::from(word.starts_with('K'))),
                        &mut random,
                    )
                })
                .collect();
            let answer = answers.call(&call);
            assert!(!answer.starts_with(b"-"), "{calls}: {}", answer.escape_ascii());
        }
        if i % 3 == 0 {
            answers.call(&words(&format!("PEXPIREAT key:{i} {}", 9_999_999_999_000 + i)));
        }
    }
}

/// Returns the arguments that a word stands for: itself, or random ones with what is around the braces.
fn args(word: &str, random: &mut Random) -> Vec<Vec<u8>> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.into()] };
    let (what, after) = rest.split_once('}').expect("a pair");
    let digits = what.trim_end_matches(char::is_alphabetic);
    let count: usize = digits.parse().expect("a number");
    let elements = (0..count).map(|n| {
        let integer = (random.next() as i64) >> random.below(64);
        let mut element = match (&what[digits.len()..], random.below(2)) {
            ("i", _) | ("", 0) => return format!("{before}{integer}{after}").into_bytes(),
            ("l", _) => vec![0; 60 + random.below(300) as usize],
            _ => vec![0; random.below(20) as usize],
        };
        random.fill(&mut element);
        // No two fields of a stream's entry, or of a hash, need be the same.
        [before.as_bytes(), &element, n.to_string().as_bytes(), after.as_bytes()].concat()
    });
    elements.collect()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Starts redis-server on a snapshot.
fn redis_with(snapshot: &[u8]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dump.rdb"), snapshot).expect("a file");
    let path = folder.path().to_str().expect("temporary folders have plain names");
    let redis = Server::start("redis-server", &["--dir", path, "--dbfilename", "dump.rdb"]);
    let redis = redis.expect("redis-server 7.0 is needed: apt install redis-server");
    let mut connection = redis.connect();
    while connection.call(&["DBSIZE"]).starts_with(b"-LOADING") {}
    (redis, folder)
}

fn saved(redis: &mut Connection, folder: &Path) -> Vec<u8> {
    assert_eq!(redis.call(&["SAVE"]), b"+OK\r\n");
    std::fs::read(folder.join("dump.rdb")).expect("it was saved")
}

/// An engine of ours with one client.
struct Ours {
    store: Store,
    client: SessionId,
}

impl Ours {
    fn new(version: &str) -> Self {
        let mut store = Store::new(Config::default(), 1);
        let client = store.connect(Peer::default(), NOW);
        let mut ours = Self { store, client };
        ours.configure("enable-debug-command", "yes");
        ours.configure("rdb-version", version);
        ours
    }

    fn configure(&mut self, name: &str, value: &str) {
        let parameter = Config::parameter(name).expect("a parameter");
        parameter.set(&mut self.store.engine_mut().shared_mut().config, value).expect("a value");
    }

    fn snapshot(&mut self) -> Vec<u8> {
        let mut bytes = vec![];
        self.store.begin_snapshot(Purpose::Dump, NOW);
        while self.store.step_snapshot(10_000, &mut bytes) == Progress::Working {}
        self.store.snapshot_done(Ok(()), NOW);
        bytes
    }

    fn load(&mut self, bytes: &[u8]) {
        self.store.begin_load(Purpose::Dump, NOW);
        bytes.chunks(10_007).for_each(|piece| self.store.load_snapshot(piece).expect("whole"));
        self.store.load_done().expect("whole");
    }
}

impl Answers for Ours {
    fn call(&mut self, call: &[Vec<u8>]) -> Vec<u8> {
        self.store.receive(self.client, &to_resp(call), NOW);
        std::mem::take(self.store.output(self.client).expect("connected"))
    }
}
