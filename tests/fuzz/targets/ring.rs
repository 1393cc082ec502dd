//! What a browser keeps is opened, whatever it is: a record that says what counts, then a snapshot and segments of a log
//! whose checksums are right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::persist::layout::Meta;
use redlet_fuzz::{look, open};

fuzz_target!(|bytes: &[u8]| {
    let _ = Meta::decode(bytes);
    let Some((at, bytes)) = bytes.split_first() else { return };
    let (snapshot, log) = bytes.split_at((usize::from(*at) * 16).min(bytes.len()));
    look(&mut open(snapshot, log));
});
