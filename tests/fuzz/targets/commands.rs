//! Calls of every command, with any arguments: a byte names the command, those that follow end at 255, and 254 stands
//! for a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::commands;
use redlet_fuzz::hostile::{KEYS, LEFT_OUT};
use redlet_fuzz::{call_as_new, filled, look};

fuzz_target!(|input: &[u8]| {
    let mut store = filled();
    let specs: Vec<&str> =
        commands::ALL.iter().flat_map(|family| family.commands).map(|command| command.spec.name).collect();
    for call in input.split(|byte| *byte == b'\n').take(8) {
        let [high, low, args @ ..] = call else { continue };
        let name = specs[(usize::from(*high) << 8 | usize::from(*low)) % specs.len()];
        if LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)) {
            continue;
        }
        let mut words: Vec<Vec<u8>> = name.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        words.extend(args.split(|byte| *byte == 255).map(|arg| match arg {
            [254, key] => KEYS[usize::from(*key) % KEYS.len()].into(),
            arg => arg.to_vec(),
        }));
        call_as_new(&mut store, &words);
    }
    look(&mut store);
});
