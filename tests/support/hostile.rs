//! What fuzzing begins with, whether inputs are drawn or led by coverage.

use redlet::base::time::Time;
use redlet::persist::layout::Meta;
use redlet::persist::ring::Segment;
use redlet::store::Store;
use redlet::store::restore::Restore;

/// What ends the process, holds everybody up, takes the client's rights away, or does as much work as it is asked for.
pub const LEFT_OUT: [&str; 5] = ["SHUTDOWN", "DEBUG", "CONFIG SET", "CLIENT PAUSE", "ACL"];

/// Keys of every type and encoding, and one that does not exist.
pub const KEYS: [&str; 12] = [
    "string",
    "number",
    "list",
    "large list",
    "set",
    "numbers",
    "hash",
    "large hash",
    "sorted",
    "large sorted",
    "stream",
    "none",
];

/// Returns the calls that make the keys.
pub fn filling() -> Vec<Vec<Vec<u8>>> {
    let many: Vec<String> = (0..300).map(|i| format!("{i}")).collect();
    let mut calls: Vec<Vec<String>> = [
        "SET string value",
        "SET number 12",
        "RPUSH list a 1 b",
        "SADD set a b 1",
        "SADD numbers 1 2 70000",
        "HSET hash field value number 1",
        "ZADD sorted 1 a 2.5 b inf c",
        "XADD stream 1-1 field value",
        "XADD stream 2-1 field value other 3",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >",
    ]
    .map(|call| call.split(' ').map(String::from).collect())
    .into();
    for (name, key) in [("RPUSH", "large list"), ("HSET", "large hash"), ("ZADD", "large sorted")] {
        calls.push([name.into(), key.into()].into_iter().chain(many.iter().cloned()).collect());
    }
    calls.into_iter().map(|call| call.into_iter().map(String::into_bytes).collect()).collect()
}

/// Opens what a browser keeps; returns what is told of it.
pub fn open(
    store: &mut Store,
    meta: Meta,
    chunks: &[(Vec<u8>, u64)],
    segments: Vec<Segment>,
    now: Time,
) -> Option<String> {
    let mut restore = Restore::begin(meta, store, now);
    while let Some((_, n)) = restore.wanted() {
        restore.chunk(chunks.get(n as usize).cloned(), store);
    }
    restore.begin_log(segments);
    while restore.run_log(1_000, store, now).is_some() {}
    restore.end_log(store, now);
    let (_, warning) = restore.finish::<()>(1 << 20, store, now);
    warning
}
