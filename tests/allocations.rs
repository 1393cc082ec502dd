//! Counts how often each call allocates, and compares with the table in `allocations.txt`. `UPDATE=1` rewrites it.
//!
//! A row is a call that was run a hundred times on an engine that has run others like it before: how often it
//! usually allocates, and at most, when a table or a buffer grows.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::path::Path;

use redlet::base::time::Time;
use redlet::commands;
use redlet::engine::{Config, Engine, Peer};
use redlet::resp::SessionId;

use support::words::{split, to_resp};

const NOW: Time = Time::from_seconds(1_700_000_000);
const ROUNDS: usize = 100;
/// Calls before the first one that counts.
const WARM_UP: usize = 300;

/// What is promised, whatever the table says.
const PROMISED: &[(&str, u64)] = &[
    ("GET short{i}", 0),
    ("INCR number{i}", 0),
    ("SET short{i} other", 0),
    ("SET new{i} value", 1),
    ("ZADD large {i}.5 member:{i}", 2),
];

/// A call, with `{i}` for the number of its round, and what is done before each round.
struct Row {
    call: &'static str,
    before: &'static [&'static str],
    logged: bool,
}

const fn row(call: &'static str, before: &'static [&'static str]) -> Row {
    Row { call, before, logged: false }
}

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123";

const ROWS: &[Row] = &[
    row("PING", &[]),
    row("ECHO message", &[]),
    row("SELECT 0", &[]),
    row("GET short{i}", &["SET short{i} value"]),
    row("GET long{i}", &["SET long{i} {long}"]),
    row("GET nosuch{i}", &[]),
    row("SET short{i} other", &["SET short{i} value"]),
    row("SET long{i} {long}", &["SET long{i} {long}"]),
    row("SET short{i} other EX 100", &["SET short{i} value EX 50"]),
    row("SET new{i} value", &[]),
    row("SET new{i} {long}", &[]),
    row("SET new{i} value EX 100", &[]),
    row("SETNX short{i} other", &["SET short{i} value"]),
    row("APPEND text{i} more", &["SET text{i} {long}", "APPEND text{i} {long}"]),
    row("STRLEN short{i}", &["SET short{i} value"]),
    row("GETRANGE long{i} 3 9", &["SET long{i} {long}"]),
    row("INCR number{i}", &["SET number{i} 1"]),
    row("INCR new{i}", &[]),
    row("INCRBYFLOAT number{i} 0.5", &["SET number{i} 1"]),
    row("MGET a{i} b{i} c{i}", &["MSET a{i} 1 b{i} 2 c{i} 3"]),
    row("MSET a{i} 1 b{i} 2 c{i} 3", &["MSET a{i} 1 b{i} 2 c{i} 3"]),
    row("DEL short{i}", &["SET short{i} value"]),
    row("EXISTS short{i}", &["SET short{i} value"]),
    row("TYPE short{i}", &["SET short{i} value"]),
    row("EXPIRE short{i} 100", &["SET short{i} value"]),
    row("EXPIRE short{i} 100", &["SET short{i} value EX 50"]),
    row("TTL short{i}", &["SET short{i} value EX 50"]),
    row("RENAME short{i} other{i}", &["SET short{i} value"]),
    row("SCAN 0 COUNT 10", &[]),
    row("LPUSH list{i} element", &["RPUSH list{i} a b c"]),
    row("RPUSH list{i} element", &["RPUSH list{i} a b c"]),
    row("RPUSH new{i} element", &[]),
    row("LPOP list{i}", &["RPUSH list{i} a b c"]),
    row("LPOP list{i} 3", &["RPUSH list{i} a b c d"]),
    row("LLEN list{i}", &["RPUSH list{i} a b c"]),
    row("LINDEX list{i} 1", &["RPUSH list{i} a b c"]),
    row("LRANGE list{i} 0 -1", &["RPUSH list{i} a b c"]),
    row("LMOVE list{i} to{i} LEFT RIGHT", &["RPUSH list{i} a b c", "RPUSH to{i} d"]),
    row("ZADD set{i} 3 c", &["ZADD set{i} 1 a 2 b"]),
    row("ZADD set{i} 3 a", &["ZADD set{i} 1 a 2 b"]),
    row("ZADD new{i} 1 a", &[]),
    row("ZADD large {i}.5 member:{i}", &["ZADD large {i} other:{i}"]),
    row("ZINCRBY large 7 other:{i}", &["ZADD large {i} other:{i}"]),
    row("ZREM large other:{i}", &["ZADD large {i} other:{i} 5 more:{i}"]),
    row("ZSCORE set{i} b", &["ZADD set{i} 1 a 2 b"]),
    row("ZRANK large other:{i}", &["ZADD large {i} other:{i}"]),
    row("ZRANGE set{i} 0 -1 WITHSCORES", &["ZADD set{i} 1 a 2 b"]),
    row("ZPOPMIN set{i}", &["ZADD set{i} 1 a 2 b"]),
    row("GET list{i}", &["RPUSH list{i} a"]),
    row("PUBLISH channel message", &[]),
    Row { call: "SET short{i} other", before: &["SET short{i} value"], logged: true },
    Row { call: "INCR number{i}", before: &["SET number{i} 1"], logged: true },
    Row { call: "EXPIRE short{i} 100", before: &["SET short{i} value EX 50"], logged: true },
    Row { call: "LPUSH list{i} element", before: &["RPUSH list{i} a b c"], logged: true },
];

#[test]
fn calls_allocate_as_often_as_the_table_says() {
    let mut table = String::from("usually  at most  call\n");
    for row in ROWS {
        let (usual, most) = row.measure();
        let promised = PROMISED.iter().find(|(call, _)| *call == row.call);
        assert!(
            promised.is_none_or(|(_, promised)| usual <= *promised),
            "{} allocates {usual} times",
            row.call
        );
        let before = row.before.last().map(|before| format!("   after {before}")).unwrap_or_default();
        let logged = if row.logged { ", logged" } else { "" };
        let _ = writeln!(table, "{usual:>7}  {most:>7}  {}{logged}{before}", row.call);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/allocations.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &table).expect("the table can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(table, expected, "\nif that is as it should be: UPDATE=1 cargo test --test allocations");
}

impl Row {
    /// Returns how often the call allocates usually (the median), and at most.
    fn measure(&self) -> (u64, u64) {
        let mut engine = Engine::new(commands::ALL, Config::default(), 1);
        engine.set_logging(self.logged);
        let client = engine.connect(Peer::default(), NOW);
        let mut counts = vec![];
        for i in 0..WARM_UP + ROUNDS {
            for before in self.before {
                run(&mut engine, client, &input(before, i));
            }
            let count = run(&mut engine, client, &input(self.call, i));
            if i >= WARM_UP {
                counts.push(count);
            }
        }
        counts.sort();
        (counts[ROUNDS / 2], counts[ROUNDS - 1])
    }
}

fn input(call: &str, round: usize) -> Vec<u8> {
    let call = call.replace("{i}", &round.to_string()).replace("{long}", LONG);
    to_resp(&split(&call).expect("balanced quotes"))
}

/// Runs a call as a host does, and returns how often the engine allocated.
fn run(engine: &mut Engine, client: SessionId, input: &[u8]) -> u64 {
    let before = ALLOCATIONS.get();
    engine.receive(client, input, NOW);
    engine.clear_log();
    engine.outbox(|_, out| out.clear());
    ALLOCATIONS.get() - before
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting how often it is asked for memory, or for more of it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method is the system allocator's, with a counter beside it that neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}
