//! A forged payload of DUMP is refused, or restored as a value that every command can work with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::store::Store;
use redlet_fuzz::{USES, call_as_new, config, look, signed};

fuzz_target!(|body: &[u8]| {
    let mut store = Store::new(config(), 1);
    let call = [b"RESTORE", &b"k"[..], b"0", &signed(body)].map(<[u8]>::to_vec);
    if call_as_new(&mut store, &call).starts_with(b"-") {
        return;
    }
    for line in USES {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        call_as_new(&mut store, &words);
    }
    look(&mut store);
});
