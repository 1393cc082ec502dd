//! A manifest that is understood is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redlet::host::native::files::manifest::Manifest;

fuzz_target!(|text: &str| {
    let Ok(mut manifest) = Manifest::parse(text) else { return };
    // One of comments alone names nothing, and an empty one is refused.
    if manifest != Manifest::default() {
        assert_eq!(Manifest::parse(&manifest.render()).as_ref(), Ok(&manifest));
    }
    manifest.changes.push(manifest.next_changes("log"));
    manifest.rebase(manifest.next_base("log", "rdb"));
    assert_eq!(Manifest::parse(&manifest.render()).as_ref(), Ok(&manifest));
});
