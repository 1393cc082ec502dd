//! A manifest that is understood is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::host::native::files::manifest::Manifest;

fuzz_target!(|text: &str| {
    let Ok(mut manifest) = Manifest::parse(text) else { return };
    // An empty one is refused, and so are lines that are long because of what has to be escaped.
    let text = manifest.render();
    if text.is_empty() || text.lines().any(|line| line.len() > 1_000) {
        return;
    }
    assert_eq!(Manifest::parse(&text).as_ref(), Ok(&manifest));
    manifest.changes.push(manifest.next_changes("log"));
    manifest.rebase(manifest.next_base("log", "rdb"));
    assert_eq!(Manifest::parse(&manifest.render()).as_ref(), Ok(&manifest));
});
