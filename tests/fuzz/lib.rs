//! What the targets share: a store with keys of every type, and somebody who means it ill.

use redlet::base::checksum::crc64;
use redlet::base::time::Time;
use redlet::engine::{Config, Peer};
use redlet::persist::layout::Meta;
use redlet::persist::ring::Segment;
use redlet::resp::Reader;
use redlet::store::Store;

#[path = "../support/hostile.rs"]
pub mod hostile;
#[path = "../support/words.rs"]
pub mod words;

use hostile::filling;
use words::to_resp;

pub const NOW: Time = Time::from_seconds(1_700_000_000);

/// Returns a configuration for stores of which little is asked: values are short, and damage is not noticed at once.
pub fn config() -> Config {
    let mut config = Config::default();
    for (name, value) in [
        ("proto-max-bulk-len", "1mb"),
        ("enable-debug-command", "yes"),
        ("rdbchecksum", "no"),
        ("lua-memory-limit", "16mb"),
        ("maxmemory", "64mb"),
    ] {
        Config::parameter(name).expect("a parameter").set(&mut config, value).expect("a value");
    }
    config
}

/// Makes a store that logs, with the keys in it.
pub fn filled() -> Store {
    let mut store = Store::new(config(), 1);
    store.engine_mut().set_logging(true);
    filling().iter().for_each(|call| drop(call_as_new(&mut store, call)));
    store
}

/// Sends input as a new client; returns what it is told, which is whole.
pub fn feed_as_new(store: &mut Store, input: &[u8]) -> Vec<u8> {
    let client = store.connect(Peer::default(), NOW);
    store.receive(client, input, NOW);
    let said = store.output(client).map(std::mem::take).unwrap_or_default();
    store.outbox(|_, out| out.clear());
    store.clear_log();
    while store.request().is_some() {}
    store.disconnect(client, NOW);
    let mut reader = Reader::new(&said);
    while reader.position() < said.len() {
        assert!(reader.skip().is_some(), "no whole reply: {}", said.escape_ascii());
    }
    said
}

/// Sends a call as a new client; returns what it is told.
pub fn call_as_new(store: &mut Store, args: &[Vec<u8>]) -> Vec<u8> {
    feed_as_new(store, &to_resp(args))
}

/// Runs a script as a new client for a few slices, and tells it to end then; returns what the client is told, which is
/// nothing if the script goes on because it has written.
pub fn run_or_kill(store: &mut Store, args: &[Vec<u8>]) -> Vec<u8> {
    let client = store.connect(Peer::default(), NOW);
    store.receive(client, &to_resp(args), NOW);
    for _ in 0..3 {
        store.tick(NOW);
    }
    if store.output(client).is_none_or(|out| out.is_empty()) {
        let late = NOW.plus_seconds(10);
        store.tick(late);
        let other = store.connect(Peer::default(), late);
        store.receive(other, b"SCRIPT KILL\r\n", late);
        store.tick(late);
    }
    store.output(client).map(std::mem::take).unwrap_or_default()
}

/// Reads the whole keyspace, in every way that data is written.
pub fn look(store: &mut Store) {
    store.engine().keyspace().digest();
    store.engine().keyspace().redis_digest();
    store.export_now(NOW);
}

/// Calls that read and change any key `k`; most of them fail on any type.
pub const USES: [&str; 24] = [
    "DEBUG DIGEST-VALUE k",
    "DUMP k",
    "MEMORY USAGE k",
    "OBJECT ENCODING k",
    "COPY k copy REPLACE",
    "APPEND k x",
    "INCR k",
    "LRANGE k 0 -1",
    "LINSERT k BEFORE a x",
    "LREM k -1 a",
    "LPOP k 2",
    "SADD k x 7",
    "SPOP k",
    "SMEMBERS k",
    "HSET k field x",
    "HGETALL k",
    "HDEL k field",
    "ZADD k 3 x",
    "ZRANGE k 0 -1 WITHSCORES",
    "ZPOPMIN k 2",
    "XRANGE k - +",
    "XINFO STREAM k FULL",
    "XADD k * a b",
    "XTRIM k MAXLEN = 1",
];

/// Returns a payload as DUMP makes it of a body.
pub fn signed(body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &10u16.to_le_bytes()].concat();
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

/// Opens what a browser keeps, in chunks and segments of these lengths.
pub fn open(snapshot: &[u8], log: &[u8]) -> Store {
    let chunks: Vec<(Vec<u8>, u64)> =
        (0..).zip(snapshot.chunks(700)).map(|(n, bytes)| (bytes.to_vec(), Segment::seal(n, bytes))).collect();
    let segments = (1..).zip(log.chunks(150));
    let segments = segments
        .map(|(seq, bytes)| Segment { seq, bytes: bytes.to_vec(), checksum: Segment::seal(seq, bytes) })
        .collect();
    let meta = Meta { generation: 1, chunks: chunks.len() as u64, first_seq: 1, ..Meta::default() };
    let mut store = Store::new(config(), 1);
    hostile::open(&mut store, meta, &chunks, segments, NOW);
    store
}
