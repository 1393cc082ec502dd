//! Any source is refused or run, and ends within its budget, or when it is told to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::engine::Peer;
use redlet_fuzz::{NOW, feed_as_new, filled, look, to_resp};

fuzz_target!(|source: &[u8]| {
    let mut store = filled();
    let client = store.connect(Peer::default(), NOW);
    let call = [b"EVAL", source, b"1", b"hash", b"7", b"text"].map(<[u8]>::to_vec);
    store.receive(client, &to_resp(&call), NOW);
    for _ in 0..3 {
        store.tick(NOW);
    }
    if store.output(client).is_none_or(|out| out.is_empty()) {
        // What has written can't be killed.
        store.tick(NOW.plus_seconds(10));
        feed_as_new(&mut store, b"SCRIPT KILL\r\n");
        store.tick(NOW.plus_seconds(10));
    }
    if store.output(client).is_some_and(|out| !out.is_empty()) {
        look(&mut store);
    }
});
