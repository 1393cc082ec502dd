//! The native server. All of it is in the library's `host::native`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    redlet::host::native::run(&words)
}
