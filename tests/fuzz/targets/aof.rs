//! A damaged log is refused where it is damaged, and run up to there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::store::Store;
use redlet_fuzz::{NOW, config, look};

fuzz_target!(|bytes: &[u8]| {
    let mut store = Store::new(config(), 1);
    let result = bytes.chunks(1_000).try_for_each(|piece| store.replay(piece, NOW));
    let _ = result.and_then(|()| store.replay_done(NOW).map(drop));
    look(&mut store);
});
