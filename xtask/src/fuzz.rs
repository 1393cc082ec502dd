//! `cargo xtask fuzz`: fuzzing guided by coverage, beside the tests of `tests/fuzz*.rs`, which draw the same each time.
//!
//! The targets are in tests/fuzz. What is found and what was learned stay in target/fuzz, so that the next run goes on.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::program::{program, root, run, target};

const CRATE: &str = "tests/fuzz";
/// For each target, where nothing else is said.
const SECONDS: u32 = 60;

/// Runs the targets that are named, or all, each for so many seconds; returns how many there were.
pub fn fuzz(args: &[String]) -> Result<u64> {
    let (mut seconds, mut wanted) = (SECONDS, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().context("--seconds N")?.parse().context("--seconds N")?,
            target => wanted.push(target),
        }
    }
    if !program("cargo").args(["fuzz", "--version"]).output().is_ok_and(|said| said.status.success()) {
        run(program("cargo").args(["install", "cargo-fuzz"]))?;
    }
    let all = targets()?;
    let unknown = wanted.iter().find(|name| !all.iter().any(|target| target == *name));
    ensure!(unknown.is_none(), "there is no target {}: they are {}", unknown.unwrap_or(&""), all.join(", "));
    run(cargo("run").args(["--quiet", "--bin", "seeds", "--"]).arg(target("fuzz/seeds")))?;
    let names = all.iter().filter(|name| wanted.is_empty() || wanted.contains(&name.as_str()));
    let mut count = 0;
    for name in names {
        println!("\n-- {name}");
        run_target(name, seconds)?;
        count += 1;
    }
    Ok(count)
}

/// Returns the names of the targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join(CRATE).join("targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn cargo(command: &str) -> Command {
    let mut cargo = program("cargo");
    cargo
        .arg(command)
        .args(["--manifest-path", "tests/fuzz/Cargo.toml"])
        .arg("--target-dir")
        .arg(target("fuzz/build"));
    cargo
}

fn run_target(name: &str, seconds: u32) -> Result<()> {
    let (corpus, found) = (target("fuzz/corpus").join(name), target("fuzz/found").join(name));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&found)?;
    // Without a sanitizer it is built by the stable compiler.
    let mut fuzz = program("cargo");
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", CRATE]);
    fuzz.arg("--target-dir")
        .arg(target("fuzz/build"))
        .arg(name)
        .arg(corpus)
        .arg(target("fuzz/seeds").join(name));
    fuzz.arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()));
    run(fuzz.args([
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-verbosity=0",
        "-print_funcs=0",
        "-print_final_stats=1",
    ]))
}
