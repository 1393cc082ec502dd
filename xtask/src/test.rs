//! `cargo xtask test`: all that CI runs, cheapest first. What does not depend on a failed stage still runs, so that one
//! run tells everything.
//!
//! Tests find what was built in fixed places: target/pkg (wasm-bindgen's output), target/npm (the package as npm would
//! unpack it), target/pack/redlet.tgz (the same, packed), target/www (the site), target/debug/redlet-server.
//! `REDLET_LONG=1` asks them for larger counts; `CHROMIUM` and `PYTHON` name programs where there are several.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::conformance::{self, Host};
use crate::options::Options;
use crate::program::{line, program, root, run, target};
use crate::{fuzz, package, setup, wasm, www};

struct Stage {
    name: &'static str,
    needs: &'static [&'static str],
    run: fn(&Options) -> Result<Tally>,
}

/// Tests that passed and failed. A stage that is not a list of tests counts as one.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// What was said of those that failed, line by line.
    failures: Vec<String>,
}

/// Lines about failures that are repeated at the end, of one stage.
const REPEATED: usize = 100;

const STAGES: &[Stage] = &[
    Stage { name: "setup", needs: &[], run: |_| one(setup::everything()) },
    Stage {
        name: "fmt",
        needs: &["setup"],
        run: |_| one(run(program("cargo").args(["fmt", "--all", "--check"]))),
    },
    Stage { name: "clippy", needs: &["setup"], run: |_| clippy(NATIVE) },
    Stage { name: "clippy-wasm", needs: &["setup"], run: |_| clippy(WASM) },
    Stage { name: "wasm", needs: &["setup"], run: |_| one(wasm::build_all()) },
    Stage {
        name: "sizes",
        needs: &["wasm"],
        run: |_| one(wasm::sizes().and_then(|s| wasm::check_sizes(&s))),
    },
    Stage { name: "package", needs: &["wasm"], run: |_| one(package::make().map(drop)) },
    Stage { name: "www", needs: &["package"], run: |_| one(www::check().and_then(|()| www::build())) },
    Stage { name: "server", needs: &["setup"], run: |_| one(run(program("cargo").args(SERVER))) },
    Stage { name: "js", needs: &["www", "server"], run: |options| node_tests("tests/js", options) },
    Stage { name: "packed", needs: &["package"], run: |options| node_tests("tests/packed", options) },
    Stage {
        name: "packages",
        needs: &["package", "server"],
        run: |options| node_tests("tests/packages", options),
    },
    Stage { name: "xtask", needs: &["setup"], run: |options| cargo_tests(XTASK, options) },
    Stage { name: "rust", needs: &["package"], run: |options| cargo_tests(RUST, options) },
    Stage { name: "fuzz", needs: &["setup"], run: fuzzed },
    Stage { name: "conformance", needs: &["server"], run: |options| judged(Host::Native, options) },
    Stage { name: "conformance-wasm", needs: &["package"], run: |options| judged(Host::Wasm, options) },
    Stage { name: "conformance-spawn", needs: &["server"], run: |options| judged(Host::Spawn, options) },
];

const NATIVE: &[&str] = &["--workspace", "--all-targets", "--all-features"];
const WASM: &[&str] = &["--lib", "--no-default-features", "--target", "wasm32-unknown-unknown"];
/// In the profile that built the running xtask, or its dependencies would be compiled twice.
const XTASK: &[&str] = &["--package", "xtask", "--profile", "dev"];
/// As the Rust tests build it, which use the same program: optimised a little, for the suite counts seconds.
pub const SERVER: &[&str] =
    &["build", "--quiet", "--bin", "redlet-server", "--all-features", "--profile", "test"];
const RUST: &[&str] = &["--no-fail-fast", "--all-features"];

/// What became of a stage.
struct Outcome {
    name: &'static str,
    tally: Tally,
    took: Duration,
}

/// Runs the stages, prints how long each took, and closes with the counts. Exits with 1 if anything failed.
pub fn test(args: &[String]) -> Result<()> {
    let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    let options = Options::parse(args, "--long", &names)?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for stage in STAGES.iter().filter(|stage| options.wants(stage.name)) {
        let outcome = stage.carry_out(&options, &outcomes);
        outcomes.push(outcome);
    }
    repeat_failures(&outcomes);
    let (passed, failed) = summary(&outcomes);
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

impl Stage {
    fn carry_out(&self, options: &Options, before: &[Outcome]) -> Outcome {
        println!("\n== {}", self.name);
        let start = Instant::now();
        let broken =
            |need: &&&str| before.iter().any(|outcome| outcome.name == **need && outcome.tally.failed > 0);
        let result = match self.needs.iter().find(broken) {
            Some(need) => Err(anyhow!("not run, because {need} failed")),
            None => (self.run)(options),
        };
        let tally = result.unwrap_or_else(|error| {
            println!("{} failed: {error:#}", self.name);
            Tally::of(0, 1)
        });
        Outcome { name: self.name, tally, took: start.elapsed() }
    }
}

fn one(result: Result<()>) -> Result<Tally> {
    result.map(|()| Tally::of(1, 0))
}

fn judged(host: Host, options: &Options) -> Result<Tally> {
    conformance::stage(host, options.flag).map(|score| Tally::of(score.passed, score.failed))
}

/// Fuzzing guided by coverage takes a build of its own and time without end: it belongs to `--long`. What everybody runs
/// are the tests that draw hostile input.
fn fuzzed(options: &Options) -> Result<Tally> {
    let passed = if options.flag { fuzz::fuzz(&[])? } else { 0 };
    Ok(Tally::of(passed, 0))
}

fn clippy(args: &[&str]) -> Result<Tally> {
    one(run(program("cargo").args(["clippy", "--quiet"]).args(args).args(["--", "--deny", "warnings"])))
}

fn cargo_tests(args: &[&str], options: &Options) -> Result<Tally> {
    // Where the transcripts find the modules that they are played on too.
    count_tests(program("cargo").arg("test").args(args).env("REDLET_WASM", target("pkg")), options)
}

/// Runs the `*.test.mjs` of a folder with Node's own runner, each in a process of its own.
fn node_tests(folder: &str, options: &Options) -> Result<Tally> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).with_context(|| folder.to_owned())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "{folder} holds no *.test.mjs");
    files.sort();
    count_tests(program("node").args(["--test", "--test-reporter", "spec"]).args(files), options)
}

/// Runs a test runner, shows what it says, and counts what it reports.
fn count_tests(command: &mut Command, options: &Options) -> Result<Tally> {
    if options.flag {
        command.env("REDLET_LONG", "1");
    }
    let line = line(command);
    eprintln!("$ {line}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context(line.clone())?;
    let mut tally = Tally::default();
    let mut failing = false;
    for said in BufReader::new(child.stdout.take().expect("piped above")).split(b'\n') {
        let said = String::from_utf8_lossy(&said?).into_owned();
        println!("{said}");
        let (passed, failed) = reported(&said);
        tally.passed += passed;
        tally.failed += failed;
        failing = tells_failures(&said, failing);
        if failing && tally.failures.len() < REPEATED {
            tally.failures.push(said);
        }
    }
    let status = child.wait()?;
    ensure!(tally != Tally::default(), "`{line}` ran no test: {status}");
    if !status.success() && tally.failed == 0 {
        // It failed where nothing is counted: while compiling, or by a crash.
        tally.failed = 1;
    }
    Ok(tally)
}

impl Tally {
    fn of(passed: u64, failed: u64) -> Self {
        Self { passed, failed, failures: vec![] }
    }
}

/// Says whether a line of cargo's or Node's runner is about failures; `before`, whether the line before it was.
fn tells_failures(line: &str, before: bool) -> bool {
    match line.trim() {
        "failures:" => false,
        "✖ failing tests:" => true,
        line => before || line.starts_with("---- "),
    }
}

/// Returns how many passed and failed, as the closing lines of cargo's and Node's runners say, and the plain `N passed,
/// M failed` of our own.
fn reported(line: &str) -> (u64, u64) {
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_end_matches([',', ';'])).collect();
    let number = |word: &str| word.parse().unwrap_or(0);
    match words[..] {
        ["test", "result:", _, passed, "passed", failed, "failed", ..] => (number(passed), number(failed)),
        [passed, "passed", failed, "failed"] => (number(passed), number(failed)),
        ["ℹ", "pass", passed] => (number(passed), 0),
        ["ℹ", "fail" | "cancelled", failed] => (0, number(failed)),
        _ => (0, 0),
    }
}

/// Prints anew what the stages said of failures, which is far up by now.
fn repeat_failures(outcomes: &[Outcome]) {
    for Outcome { name, tally, .. } in outcomes.iter().filter(|outcome| !outcome.tally.failures.is_empty()) {
        println!("\n== {name} failed");
        tally.failures.iter().for_each(|line| println!("{line}"));
    }
}

/// Prints a line a stage; returns how many passed and failed.
fn summary(outcomes: &[Outcome]) -> (u64, u64) {
    println!("\n{:<16} {:>8} {:>8} {:>8}", "stage", "passed", "failed", "seconds");
    let mut total = (0, 0);
    for Outcome { name, tally, took } in outcomes {
        println!("{name:<16} {:>8} {:>8} {:>8.1}", tally.passed, tally.failed, took.as_secs_f64());
        total = (total.0 + tally.passed, total.1 + tally.failed);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_runners_say() {
        assert_eq!(reported("test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured"), (12, 3));
        assert_eq!(reported("ℹ pass 7"), (7, 0));
        assert_eq!(reported("ℹ fail 2"), (0, 2));
        assert_eq!(reported("5 passed, 1 failed"), (5, 1));
        assert_eq!(reported("test resp::parse::tests::pass ... ok"), (0, 0));
        assert_eq!(reported("ℹ duration_ms 12"), (0, 0));
    }

    #[test]
    fn finds_what_runners_say_of_failures() {
        let said =
            ["failures:", "---- tcp::a ----", "  - a: OK", "", "---- tcp::b ----", "failures:", "    tcp::a"];
        let mut failing = false;
        let found: Vec<&str> = said
            .into_iter()
            .filter(|line| {
                failing = tells_failures(line, failing);
                failing
            })
            .collect();
        assert_eq!(found, &said[1..5]);
    }
}
