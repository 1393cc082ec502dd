//! A damaged snapshot is refused, or loaded as keys that can be read and written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::store::{Purpose, Store};
use redlet_fuzz::{NOW, config, look};

fuzz_target!(|bytes: &[u8]| {
    let mut store = Store::new(config(), 1);
    store.begin_load(Purpose::Dump, NOW);
    let result = bytes.chunks(1_000).try_for_each(|piece| store.load_snapshot(piece));
    let _ = result.and_then(|()| store.load_done().map(drop));
    look(&mut store);
});
