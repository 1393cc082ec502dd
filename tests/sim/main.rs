//! Simulates what happens to an engine and to what it keeps, always the same for the same seed.
//!
//! *Calls* are drawn from the syntax of every command and sent whole, in pieces and in pipelines, by several clients in
//! several databases, while time passes, snapshots are written and connections break. After every step:
//!
//! - the digest of the keyspace has changed only if the number of changes has grown;
//! - the log, run by a second engine, leads to the same digest, deadlines included;
//! - a snapshot, once it is whole, holds what was there when it began;
//! - a naive model gives the same answers and holds the same keys, as far as it goes;
//! - replies are whole, as many as the calls, and no valid call is a syntax error;
//! - and the same seed twice gives the same bytes.
//!
//! *Files* are those of a server, on a disk that fails, fills up, and loses what it has not promised when the server is
//! ended, which may be after any operation; a *sweep* ends it after each. The next server must find the state after one
//! of the units that were logged, and not before the last one that was promised.
//!
//! The *ring* is a browser's, in a database whose transactions fail and may be lost with the machine, and whose records
//! may be damaged, which is to be told. A tab that was superseded writes nothing.
//!
//! The *folder* is a browser's files, on a disk that fails, fills up, tears what is written and loses what was not
//! flushed, the names of files among that; tabs end within a write, and while they open it.
//!
//! `cargo test --test sim -- --seed files/8123` repeats one run and tells what happened last. `REDLET_LONG=1` runs ten
//! thousand of each. A seed that has found something becomes a line of `seeds`, which are always run.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod run;
mod storage;
mod workload;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use storage::folder::Folder;
use storage::ring::Database;
use storage::tab::{Run, Sweep};

/// Something that goes on step by step.
pub trait Simulation {
    /// Does something, and checks what must hold then.
    fn step(&mut self) -> Result<(), String>;

    /// Checks what must hold in the end.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Returns what happened last, one thing a line.
    fn history(&self) -> String;

    /// Returns what every step has led to, as a number.
    fn fingerprints(&self) -> &[u64];
}

/// What is simulated.
struct Subject {
    name: &'static str,
    begin: fn(u64) -> Box<dyn Simulation>,
    steps: usize,
    seeds: u64,
    seeds_long: u64,
}

const SUBJECTS: &[Subject] = &[
    Subject {
        name: "calls",
        begin: |seed| Box::new(run::Run::new(seed)),
        steps: 400,
        seeds: 2_000,
        seeds_long: 10_000,
    },
    #[cfg(feature = "server")]
    Subject {
        name: "files",
        begin: |seed| Box::new(storage::native::Run::new(seed)),
        steps: 150,
        seeds: 400,
        seeds_long: 10_000,
    },
    #[cfg(feature = "server")]
    Subject {
        name: "sweep",
        begin: |seed| Box::new(storage::native::Sweep::new(seed)),
        steps: 300,
        seeds: 6,
        seeds_long: 200,
    },
    Subject {
        name: "ring",
        begin: |seed| Box::new(Run::<Database>::new(seed)),
        steps: 150,
        seeds: 300,
        seeds_long: 10_000,
    },
    Subject {
        name: "ring-sweep",
        begin: |seed| Box::new(Sweep::<Database>::new(seed)),
        steps: 160,
        seeds: 6,
        seeds_long: 200,
    },
    Subject {
        name: "folder",
        begin: |seed| Box::new(Run::<Folder>::new(seed)),
        steps: 150,
        seeds: 300,
        seeds_long: 10_000,
    },
    Subject {
        name: "folder-sweep",
        begin: |seed| Box::new(Sweep::<Folder>::new(seed)),
        steps: 500,
        seeds: 4,
        seeds_long: 200,
    },
];

/// One seed of a subject.
#[derive(Clone, Copy)]
struct Case {
    subject: &'static Subject,
    seed: u64,
}

impl Case {
    /// Reads `files/8123`.
    fn read(text: &str) -> Option<Self> {
        let (name, seed) = text.split_once('/')?;
        let subject = SUBJECTS.iter().find(|subject| subject.name == name)?;
        Some(Self { subject, seed: seed.parse().ok()? })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.subject.name, self.seed)
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(seed) = args.iter().position(|arg| arg == "--seed") {
        let case = args.get(seed + 1).and_then(|seed| Case::read(seed));
        let case = case.expect("--seed wants a subject and a number, as in files/8123");
        return report(1, failure(case).into_iter().map(|text| (case, text)).collect());
    }
    // `cargo test NAME` gives the name to every test program.
    let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |subject: &&Subject| {
        names.iter().all(|name| subject.name == *name || "simulation".contains(name.as_str()))
    };
    let long = std::env::var_os("REDLET_LONG").is_some();
    let known = include_str!("seeds").lines().filter_map(|line| Case::read(line.split_whitespace().next()?));
    let fresh = SUBJECTS.iter().flat_map(|subject| {
        let seeds = 1..=if long { subject.seeds_long } else { subject.seeds };
        seeds.map(move |seed| Case { subject, seed })
    });
    let cases: Vec<Case> = known.chain(fresh).filter(|case| wanted(&case.subject)).collect();
    report(cases.len(), run_all(&cases))
}

/// Runs all cases, on as many threads as there are processors; returns which failed, and how.
fn run_all(cases: &[Case]) -> Vec<(Case, String)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = vec![];
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            failures.extend(failure(*case).map(|text| (*case, text)));
        }
        failures
    };
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
    })
}

fn report(ran: usize, failures: Vec<(Case, String)>) -> ExitCode {
    for (case, text) in failures.iter().take(3) {
        println!("seed {case}: {text}\nto repeat it: cargo test --test sim -- --seed {case}\n");
    }
    let seeds: Vec<String> = failures.iter().map(|(case, _)| case.to_string()).collect();
    let (word, code) = match seeds.is_empty() {
        true => ("ok", ExitCode::SUCCESS),
        false => ("FAILED", ExitCode::FAILURE),
    };
    if !seeds.is_empty() {
        println!("failed seeds: {}", seeds.join(" "));
    }
    println!("test result: {word}. {} passed; {} failed; 0 ignored", ran - seeds.len(), seeds.len());
    code
}

/// Runs a seed twice; says what went wrong.
fn failure(case: Case) -> Option<String> {
    let once = || {
        let mut run = (case.subject.begin)(case.seed);
        let result = catch_unwind(AssertUnwindSafe(|| {
            (0..case.subject.steps).try_for_each(|_| run.step()).and_then(|()| run.finish())
        }));
        let text = match result {
            Ok(Ok(())) => return Ok(run.fingerprints().to_vec()),
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
