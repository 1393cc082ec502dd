//! `cargo xtask bench`: the figures of the README, as the Markdown that goes there. It compares; it asserts nothing.
//!
//! Ratios are of medians of short runs that alternate between the two sides, so that a noisy machine is as noisy for
//! both.

mod client;
mod native;
mod persist;
mod scripts;

use std::fs;

use anyhow::{Context, Result};

use crate::options::Options;
use crate::program::{free_port, output, program, run};
use crate::{package, setup, wasm};

struct Part {
    name: &'static str,
    run: fn(&Options) -> Result<()>,
}

const PARTS: &[Part] = &[
    Part { name: "native", run: native::compare },
    Part { name: "scripts", run: scripts::compare },
    Part { name: "persist", run: persist::compare },
    Part { name: "memory", run: memory },
    Part { name: "js", run: |options| javascript("benches/wasm.mjs", options) },
    Part { name: "browser", run: |options| javascript("benches/browser.mjs", options) },
    Part { name: "sizes", run: sizes },
];

/// Runs the parts, or those that `--only` names; `--quick` is for seeing that they run.
pub fn bench(args: &[String]) -> Result<()> {
    let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    let options = Options::parse(args, "--quick", &names)?;
    setup::everything()?;
    println!("{}\n", machine()?);
    for part in PARTS.iter().filter(|part| options.wants(part.name)) {
        (part.run)(&options).context(part.name)?;
        println!();
    }
    Ok(())
}

/// Says when and on what this was measured; not on whose.
fn machine() -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
    let models: Vec<&str> = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model =
        models.first().map_or("an unnamed processor", |name| name.trim_start_matches([':', ' ', '\t']));
    let date = output(program("date").args(["-u", "+%Y-%m-%d"]))?;
    let redis = output(program("redis-server").arg("--version"))?;
    let redis =
        redis.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("of unknown version");
    let node = output(program("node").arg("--version"))?;
    let rust = output(program("rustc").arg("--version"))?;
    let rust = rust.split_whitespace().nth(1).unwrap_or_default();
    Ok(format!(
        "Measured {} on {} cores of {model}; redis-server {redis}, Node {}, Rust {rust}.",
        date.trim(),
        models.len(),
        node.trim().trim_start_matches('v'),
    ))
}

/// Bytes per key beside redis-server's, at sizes just before and just after a table of powers of two would double.
fn memory(_: &Options) -> Result<()> {
    run(program("cargo")
        .args(["rustc", "--quiet", "--release", "--example", "layout", "--no-default-features"])
        .args(["--target", "wasm32-unknown-unknown", "--", "-Clink-arg=--export=fill"]))?;
    run(program("cargo")
        .args(["run", "--quiet", "--release", "--example", "layout", "--"])
        .args(["--port", &free_port()?.to_string()]))
}

fn javascript(script: &str, options: &Options) -> Result<()> {
    wasm::build_all()?;
    package::assemble()?;
    let mut node = program("node");
    node.args(["--expose-gc", script]);
    if options.flag {
        node.arg("--quick");
    }
    run(&mut node)
}

fn sizes(_: &Options) -> Result<()> {
    wasm::build_all()?;
    println!("| module | bytes | gzip | brotli | budget |\n|---|--:|--:|--:|--:|");
    for wasm::Size { name, raw, gzip, brotli, budget } in wasm::sizes()? {
        println!("| {name}.wasm | {raw} | {gzip} | {brotli} | {budget} |");
    }
    Ok(())
}
