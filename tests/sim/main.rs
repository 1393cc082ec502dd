//! Simulates many clients at once on an engine, always the same for the same seed.
//!
//! Calls are drawn from the syntax of every command and sent whole, in pieces and in pipelines, by several clients in
//! several databases, while time passes, snapshots are written and connections break. After every step:
//!
//! - the digest of the keyspace has changed only if the number of changes has grown;
//! - the log, run by a second engine, leads to the same digest, deadlines included;
//! - a snapshot, once it is whole, holds what was there when it began;
//! - a naive model gives the same answers and holds the same keys, as far as it goes;
//! - replies are whole, as many as the calls, and no valid call is a syntax error;
//! - and the same seed twice gives the same bytes.
//!
//! `cargo test --test sim -- --seed 8123` repeats one run and tells its last calls. `REDLET_LONG=1` runs ten thousand.
//! A seed that has found something becomes a line of `seeds`, which are always run.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod run;
mod workload;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use run::Run;

const STEPS: usize = 400;
const SEEDS: u64 = 2_000;
const SEEDS_LONG: u64 = 10_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(seed) = args.iter().position(|arg| arg == "--seed") {
        let seed = args.get(seed + 1).and_then(|seed| seed.parse().ok());
        return report(
            1,
            seed.into_iter().filter_map(|seed| failure(seed).map(|text| (seed, text))).collect(),
        );
    }
    // `cargo test NAME` gives the name to every test program.
    if args.iter().any(|arg| !arg.starts_with('-') && !"simulation".contains(arg.as_str())) {
        return report(0, vec![]);
    }
    let known = include_str!("seeds").lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let fresh = if std::env::var_os("REDLET_LONG").is_some() { SEEDS_LONG } else { SEEDS };
    let seeds: Vec<u64> = known.chain(1..=fresh).collect();
    report(seeds.len(), run_all(&seeds))
}

/// Runs all seeds, on as many threads as there are processors; returns which failed, and how.
fn run_all(seeds: &[u64]) -> Vec<(u64, String)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = vec![];
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            failures.extend(failure(*seed).map(|text| (*seed, text)));
        }
        failures
    };
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
    })
}

fn report(ran: usize, failures: Vec<(u64, String)>) -> ExitCode {
    for (seed, text) in failures.iter().take(3) {
        println!("seed {seed}: {text}\nto repeat it: cargo test --test sim -- --seed {seed}\n");
    }
    let seeds: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    let (word, code) = match seeds.is_empty() {
        true => ("ok", ExitCode::SUCCESS),
        false => ("FAILED", ExitCode::FAILURE),
    };
    if !seeds.is_empty() {
        println!("failed seeds: {seeds:?}");
    }
    println!("test result: {word}. {} passed; {} failed; 0 ignored", ran - seeds.len(), seeds.len());
    code
}

/// Runs a seed twice; says what went wrong.
fn failure(seed: u64) -> Option<String> {
    let once = || {
        let mut run = Run::new(seed);
        let result = catch_unwind(AssertUnwindSafe(|| (0..STEPS).try_for_each(|_| run.step())));
        let text = match result {
            Ok(Ok(())) => return Ok(run.fingerprints),
            Ok(Err(text)) => text,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text"))
            }
        };
        Err(format!("{text}\n{}", run.history()))
    };
    let (first, second) = (once(), once());
    match (first, second) {
        (Ok(first), Ok(second)) => {
            let step = first.iter().zip(&second).position(|(one, other)| one != other)?;
            Some(format!("step {step} says other bytes the second time"))
        }
        (Err(text), _) | (_, Err(text)) => Some(text),
    }
}
