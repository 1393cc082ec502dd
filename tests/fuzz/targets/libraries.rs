//! The libraries of scripts read any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::store::Store;
use redlet_fuzz::{config, run_or_kill};

const READERS: [&str; 9] = [
    "return cjson.encode(cjson.decode(ARGV[1]))",
    "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))",
    "return #{cmsgpack.unpack_limit(ARGV[1], 3, 0)}",
    "local at = ARGV[1]:find('|', 1, true) or 0 return #{struct.unpack(ARGV[1]:sub(1, at - 1), ARGV[1]:sub(at + 1))}",
    "return struct.size(ARGV[1])",
    "local at = ARGV[1]:find('|', 1, true) or 0 return ARGV[1]:sub(at + 1):gsub(ARGV[1]:sub(1, at - 1), '<%0>')",
    "return ARGV[1]:format(1, 'two', 3.5, {}, nil)",
    "return tostring(tonumber(ARGV[1]))",
    "return tostring(loadstring(ARGV[1]))",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let script = READERS[usize::from(*which) % READERS.len()];
    let mut store = Store::new(config(), 1);
    let call = [b"EVAL", script.as_bytes(), b"0", bytes].map(<[u8]>::to_vec);
    assert!(!run_or_kill(&mut store, &call).is_empty(), "it does not end");
});
