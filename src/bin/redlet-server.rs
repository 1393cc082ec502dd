//! The native server. All of it is in the library's `host::native`.

use std::process::ExitCode;

use redlet::host::native::{self, memory};

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    native::run(&words)
}
