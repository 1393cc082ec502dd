//! Any source is refused or run, and ends within its budget, or when it is told to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet_fuzz::{filled, look, run_or_kill};

fuzz_target!(|source: &[u8]| {
    let mut store = filled();
    let call = [b"EVAL", source, b"1", b"hash", b"7", b"text"].map(<[u8]>::to_vec);
    if !run_or_kill(&mut store, &call).is_empty() {
        look(&mut store);
    }
});
