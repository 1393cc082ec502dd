//! Everything around the crate that is not `cargo build`: `cargo xtask play | test | conformance | …`.

mod bench;
mod conformance;
mod fuzz;
mod options;
mod package;
mod play;
mod program;
mod setup;
mod test;
mod wasm;
mod www;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask COMMAND

  play [--port N]            builds everything and serves the playground on 127.0.0.1
  test [--long] [--only A,B] runs what CI runs; --only names stages, --long raises the tests' counts
  conformance [--wasm|--spawn] [--update] [UNIT…]
                             runs the suite of Redis; --update rewrites the list of what does not pass
  fuzz [--seconds N] [TARGET…]
                             looks for input that does harm, guided by what it runs; tests/fuzz has the targets
  pack                       builds the npm package: target/npm, and the tarball in target/pack
  bench [--quick] [--only A] prints the README's figures: ratios to redis-server and to JS libraries
  setup                      installs what is missing on this machine; the others do it by themselves";

fn main() -> ExitCode {
    match carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, options) = args.split_first().map_or(("help", &[][..]), |(first, rest)| (first, rest));
    match command {
        "play" => play::play(options),
        "test" => test::test(options),
        "conformance" => conformance::conformance(options),
        "fuzz" => fuzz::fuzz(options).map(drop),
        "pack" => package::pack(),
        "bench" => bench::bench(options),
        "setup" => setup::everything(),
        "help" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => bail!("there is no `cargo xtask {unknown}`\n\n{USAGE}"),
    }
}
