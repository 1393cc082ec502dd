//! Any bytes from a client are answered alike in one piece and in two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::engine::Peer;
use redlet::store::Store;
use redlet_fuzz::{NOW, config, feed_as_new};

fuzz_target!(|input: &[u8]| {
    let Some((cut, input)) = input.split_first() else { return };
    let whole = feed_as_new(&mut Store::new(config(), 1), input);
    let (one, two) = input.split_at(usize::from(*cut).min(input.len()));
    let mut store = Store::new(config(), 1);
    let client = store.connect(Peer::default(), NOW);
    let taken = store.receive(client, one, NOW);
    store.receive(client, &[&one[taken..], two].concat(), NOW);
    let said = store.output(client).map(std::mem::take).unwrap_or_default();
    assert_eq!(said.escape_ascii().to_string(), whole.escape_ascii().to_string());
});
