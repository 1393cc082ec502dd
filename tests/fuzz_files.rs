//! Files that were written by a real redis-server, and then damaged: whatever is read, the reader refuses or loads it,
//! says where it stopped, and takes no memory for what a length promises.
//!
//! Snapshots, logs, manifests, and what a browser keeps. `REDLET_LONG=1` does a hundred times as much. What is drawn is
//! the same each time.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::{Config, Peer};
use redlet::host::native::files::manifest::Manifest;
use redlet::persist::layout::{Failure, Meta};
use redlet::persist::ring::Segment;
use redlet::store::{Damage, Purpose, Store};

use support::connection::Connection;
use support::server::Server;
use support::{damage, hostile};

const NOW: Time = Time::from_seconds(1_700_000_000);
/// Reading may take so much at once, five megabytes of it for a table of as many keys as a snapshot announces, and so
/// many times as much as there is to read: what is compressed has at most 264 bytes for 3.
const SPARE: i64 = 7 << 20;
const TIMES: i64 = 150;

/// Counts what this thread has allocated, and the most it ever had.
struct Counting;

thread_local! {
    static PRESENT: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that ends has no counters any more.
    let _ = PRESENT.try_with(|present| {
        present.set(present.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(present.get())));
    });
}

// SAFETY: everything is the system's allocator's work; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rounds(few: usize) -> usize {
    if std::env::var_os("REDLET_LONG").is_some() { few * 100 } else { few }
}

/// What fills the server: every type, small and large, in two databases.
fn fill(client: &mut Connection) {
    let large: Vec<String> = (0..600).map(|i| format!("member:{i}")).collect();
    let pairs: Vec<String> = (0..300).flat_map(|i| [format!("{i}.5"), format!("member:{i}")]).collect();
    let with = |first: &[&str], rest: &[String]| -> Vec<Vec<u8>> {
        let first = first.iter().map(|word| word.as_bytes().to_vec());
        first.chain(rest.iter().map(|word| word.clone().into_bytes())).collect()
    };
    let lines = [
        "FLUSHALL",
        "SET int 12",
        "SET long -9223372036854775807",
        "SET text value PX 100000000000",
        "RPUSH list a b 12 300 -70000",
        "SADD numbers 1 2 70000",
        "SADD words a b c",
        "HSET hash field value number 1",
        "ZADD sorted 1 a 2.5 b inf c",
        "SELECT 3",
        "XADD stream 1-1 field value",
        "XADD stream 2-1 field other more 12",
        "XADD stream 3-1 a b",
        "XDEL stream 2-1",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >",
        "PFADD loglog a b c",
        "SETBIT bits 100 1",
        "FUNCTION LOAD REPLACE #!lua\x20name=lib\nredis.register_function('f',function()return\x20{}end)",
    ];
    for line in lines {
        let args: Vec<Vec<u8>> = line
            .splitn(if line.starts_with("FUNCTION") { 4 } else { usize::MAX }, ' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let reply = client.call_bytes(&args);
        assert_ne!(reply[0], b'-', "{line}: {}", reply.escape_ascii());
    }
    client.call_bytes(&with(&["SET", "compressible"], &["abc".repeat(400)]));
    client.call_bytes(&with(&["RPUSH", "large list"], &large));
    client.call_bytes(&with(&["SADD", "large set"], &large));
    client.call_bytes(&with(&["HSET", "large hash"], &large));
    client.call_bytes(&with(&["ZADD", "large sorted"], &pairs));
}

/// Files of a redis-server that was filled.
struct Corpus {
    snapshots: Vec<Vec<u8>>,
    /// Whole logs, and the parts of logs.
    logs: Vec<Vec<u8>>,
    manifests: Vec<Vec<u8>>,
}

fn corpus() -> Corpus {
    let server = Server::start("redis-server", &["--appendonly", "yes", "--loglevel", "warning"])
        .expect("these tests need a real Redis 7.0: install redis-server (apt install redis-server)");
    let mut client = server.connect();
    let folder = client.call(&["CONFIG", "GET", "dir"]);
    let folder = String::from_utf8(folder).expect("a path");
    let folder = PathBuf::from(folder.split("\r\n").nth(4).expect("its value"));
    let mut corpus = Corpus { snapshots: vec![], logs: vec![], manifests: vec![] };
    for preamble in ["yes", "no"] {
        client.call(&["CONFIG", "SET", "aof-use-rdb-preamble", preamble, "rdbcompression", preamble]);
        fill(&mut client);
        assert_eq!(client.call(&["SAVE"]), b"+OK\r\n");
        corpus.snapshots.push(fs::read(folder.join("dump.rdb")).expect("it was saved"));
        corpus.read_logs(&folder.join("appendonlydir"));
        client.call(&["BGREWRITEAOF"]);
        while !String::from_utf8_lossy(&client.call(&["INFO", "persistence"]))
            .contains("aof_rewrite_in_progress:0")
        {
            std::thread::yield_now();
        }
        client.call(&["MULTI"]);
        client.call(&["INCR", "after"]);
        client.call(&["DEL", "words"]);
        client.call(&["EXEC"]);
        corpus.read_logs(&folder.join("appendonlydir"));
    }
    // As Redis kept it before version 7: a snapshot with commands behind it, in one file.
    let mut whole = corpus.snapshots[0].clone();
    whole.extend(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    corpus.logs.push(whole);
    corpus
}

impl Corpus {
    fn read_logs(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("the server has a log") {
            let path = entry.expect("it can be listed").path();
            let bytes = fs::read(&path).unwrap_or_default();
            match path.extension().and_then(|end| end.to_str()) {
                Some("rdb" | "aof") if !bytes.is_empty() => self.logs.push(bytes),
                Some("manifest") => self.manifests.push(bytes),
                _ => {}
            }
        }
    }
}

/// Damages bytes as files are: cut off, with zeros, or with a length that promises much.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const LENGTHS: [&[u8]; 4] =
        [b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80\x7f\xff\xff\xff", b"4294967295", b"-1"];
    if bytes.is_empty() {
        return;
    }
    // What stands at the beginning matters most.
    let len = if random.below(4) == 0 { bytes.len().min(64) } else { bytes.len() } as u64;
    let at = random.below(len) as usize;
    match random.below(9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.splice(at..at, LENGTHS[random.below(4) as usize].iter().copied())),
        2 => bytes[at..].iter_mut().take(20).for_each(|byte| *byte = 0),
        3 => bytes[at] ^= 1 << random.below(8),
        _ => damage::mutate(bytes, random),
    }
}

fn mutated(samples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = samples[random.below(samples.len() as u64) as usize].clone();
    for _ in 0..1 + random.below(3) {
        mutate(&mut bytes, random);
    }
    bytes
}

/// Reads bytes into a store with bounded memory; what was read can be looked at and written.
fn read(bytes: &[u8], load: impl FnOnce(&mut Store, &[u8]) -> Result<(), Damage>) -> Result<(), Damage> {
    let mut config = Config::default();
    let check = Config::parameter("rdbchecksum").expect("a parameter");
    // What is damaged would be noticed at once.
    check.set(&mut config, "no").expect("one of its values");
    let before = PRESENT.get();
    let mut store = Store::new(config, 1);
    MOST.set(PRESENT.get());
    let result = load(&mut store, bytes);
    let taken = MOST.get() - before;
    let bound = SPARE + TIMES * bytes.len() as i64;
    assert!(taken <= bound, "{taken} bytes were taken for {}: {}", bytes.len(), bytes.escape_ascii());
    let _ = store.load_done();
    let _ = store.replay_done(NOW);
    store.engine().keyspace().digest();
    store.export_now(NOW);
    result
}

fn load_snapshot(store: &mut Store, bytes: &[u8]) -> Result<(), Damage> {
    store.begin_load(Purpose::Dump, NOW);
    for piece in bytes.chunks(1_000) {
        store.load_snapshot(piece)?;
    }
    store.load_done().map(drop)
}

fn load_log(store: &mut Store, bytes: &[u8]) -> Result<(), Damage> {
    for piece in bytes.chunks(1_000) {
        store.replay(piece, NOW)?;
    }
    store.replay_done(NOW).map(drop)
}

/// Checks that a refusal says where.
fn check_place(damage: &Damage, len: usize) {
    let at = match damage {
        Damage::Snapshot(damage) => damage.at,
        Damage::Log(damage) => damage.at,
    };
    assert!(at <= len as u64, "{damage} of {len}");
    assert!(damage.to_string().contains(&at.to_string()), "{damage} does not say where: {at}");
}

#[test]
fn damaged_files_are_refused_or_loaded() {
    let corpus = corpus();
    for snapshot in &corpus.snapshots {
        assert_eq!(read(snapshot, load_snapshot), Ok(()), "as redis-server has written it");
    }
    for log in &corpus.logs {
        assert_eq!(read(log, load_log), Ok(()), "as redis-server has written it");
    }
    let mut random = Random::new(1);
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..rounds(3_000) {
        let of_log = random.below(2) == 0;
        let (samples, load) = match of_log {
            true => (&corpus.logs, load_log as fn(&mut Store, &[u8]) -> Result<(), Damage>),
            false => (&corpus.snapshots, load_snapshot as _),
        };
        let bytes = mutated(samples, &mut random);
        match read(&bytes, load) {
            Ok(()) => loaded += 1,
            Err(damage) => {
                refused += 1;
                check_place(&damage, bytes.len());
            }
        }
    }
    println!("{loaded} loaded, {refused} refused");
    assert!(loaded > 0 && refused > 0);

    for _ in 0..rounds(20_000) {
        let text = mutated(&corpus.manifests, &mut random);
        let text = String::from_utf8_lossy(&text);
        if let Ok(manifest) = Manifest::parse(&text) {
            // One of remarks alone names no file, and is none without them.
            let rendered = format!("# a remark\n{}", manifest.render());
            assert_eq!(Manifest::parse(&rendered).as_ref(), Ok(&manifest), "{text}");
        }
    }
}

#[test]
fn what_a_browser_keeps_is_opened_however_it_is_damaged() {
    let (snapshot, log) = kept();
    let mut random = Random::new(2);
    let (mut whole, mut warned) = (0, 0);
    for _ in 0..rounds(2_000) {
        let (mut snapshot, mut log) = (snapshot.clone(), log.clone());
        let damaged = if random.below(2) == 0 { &mut snapshot } else { &mut log };
        mutate(damaged, &mut random);
        // Half of the damages are older than the checksum.
        let seals = random.below(2) == 0;
        let chunks: Vec<(Vec<u8>, u64)> = (0..)
            .zip(snapshot.chunks(700))
            .map(|(n, bytes)| (bytes.to_vec(), if seals { Segment::seal(n, bytes) } else { random.next() }))
            .collect();
        let first_seq = 1 + random.below(3);
        let generation = random.below(2);
        let segments = (1..).zip(log.chunks(150)).map(|(seq, bytes)| {
            let seq = if random.below(50) == 0 { random.next() } else { seq };
            let checksum = if seals || random.below(4) > 0 { Segment::seal(seq, bytes) } else { 7 };
            Segment { seq, bytes: bytes.to_vec(), checksum }
        });
        let meta = Meta { generation, chunks: chunks.len() as u64, first_seq, ..Meta::default() };
        match open(meta, &chunks, segments.collect()) {
            None => whole += 1,
            Some(warning) => {
                warned += 1;
                assert!(!warning.is_empty());
            }
        }
    }
    assert!(whole > 0 && warned > 0, "{whole} {warned}");

    let meta = Meta { aside: vec![3, 9], ..Meta::default().next(1, 2, 3) }.encode();
    for _ in 0..rounds(20_000) {
        let mut bytes = meta.clone();
        mutate(&mut bytes, &mut random);
        if let Err(failure) = Meta::decode(&bytes) {
            assert!(matches!(failure, Failure::Damaged(_) | Failure::Newer(_)), "{failure:?}");
        }
    }
}

/// Returns a snapshot, and a log that goes on from it.
fn kept() -> (Vec<u8>, Vec<u8>) {
    let mut store = Store::new(Config::default(), 1);
    store.engine_mut().set_logging(true);
    let client = store.connect(Peer::default(), NOW);
    let run = |store: &mut Store, from: usize| {
        for i in from..from + 40 {
            let calls =
                format!("SET key:{i} {i}\r\nRPUSH list a {i}\r\nHSET hash {i} 1\r\nZADD sorted {i} {i}\r\n");
            store.receive(client, calls.as_bytes(), NOW);
            store.outbox(|_, out| out.clear());
        }
    };
    run(&mut store, 0);
    store.clear_log();
    let snapshot = store.export_now(NOW);
    store.engine_mut().set_logging(true);
    run(&mut store, 20);
    (snapshot, store.log().to_vec())
}

/// Opens what is kept; returns what is told of it.
fn open(meta: Meta, chunks: &[(Vec<u8>, u64)], segments: Vec<Segment>) -> Option<String> {
    let mut store = Store::new(Config::default(), 1);
    let warning = hostile::open(&mut store, meta, chunks, segments, NOW);
    store.export_now(NOW);
    warning
}
