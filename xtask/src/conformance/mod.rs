//! `cargo xtask conformance`: the suite of Redis itself, against our server or the package.
//!
//! tests/conformance/README.md says what is judged and how. Each unit gets a process and a server of its own, or
//! starts servers itself; two run at a time. What was found goes to target/conformance, a file and a folder of logs for
//! each unit.

mod ratchet;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::conformance::ratchet::Ratchet;
use crate::program::{free_port, program, root, run, target};
use crate::{package, setup, wasm};

const FOLDER: &str = "tests/conformance";
const JOBS: usize = 2;
/// What `cargo xtask test` asks of the package without `--long`: the types, and what is nearest to them.
const TYPE_UNITS: &[&str] = &[
    "unit/type/",
    "unit/keyspace",
    "unit/scan",
    "unit/expire",
    "unit/sort",
    "unit/multi",
    "unit/pubsub",
    "unit/tracking",
    "unit/bit",
    "unit/geo",
];

/// What `cargo xtask test` leaves to `--long` of the units that start their own servers: the slow ones.
const LONG_UNITS: &[&str] = &["unit/maxmemory", "unit/memefficiency", "integration/aof-multi-part"];

/// What is judged.
#[derive(Clone, Copy)]
pub enum Host {
    /// The server, once it runs.
    Native,
    /// The package, behind a port.
    Wasm,
    /// The server, as the suite starts it: with files, command lines and signals.
    Spawn,
}

/// What a file of the suite has come to, as run-suite.sh writes it. The baseline says less.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Unit {
    passed: Vec<String>,
    seconds: f64,
    errors: BTreeMap<String, String>,
    aborted_blocks: Vec<String>,
    exception: Option<String>,
    crashes: Vec<(Option<String>, Option<i32>)>,
}

#[derive(Deserialize)]
struct Report {
    files: BTreeMap<String, Unit>,
}

/// How many of the real server's tests pass here, and how many fail that the list does not name.
pub struct Score {
    pub passed: u64,
    pub failed: u64,
}

/// Runs the units that are named, or all; fails if one that passed before does not.
pub fn conformance(args: &[String]) -> Result<()> {
    let (mut host, mut update, mut units) = (Host::Native, false, Vec::new());
    for arg in args {
        match arg.as_str() {
            "--wasm" => host = Host::Wasm,
            "--spawn" => host = Host::Spawn,
            "--update" => update = true,
            option if option.starts_with('-') => bail!("{option} is none of --wasm, --spawn and --update"),
            unit => units.push(unit),
        }
    }
    setup::testers()?;
    host.build()?;
    let score = judge(host, |unit| units.is_empty() || begins(unit, &units), update)?;
    ensure!(score.failed == 0, "{} tests fail that passed before", score.failed);
    Ok(())
}

/// Judges what is built, as `cargo xtask test` does: everything natively, and what the package is asked for.
pub fn stage(host: Host, long: bool) -> Result<Score> {
    match host {
        Host::Native => judge(host, |_| true, false),
        Host::Wasm => judge(host, |unit| long || begins(unit, TYPE_UNITS), false),
        Host::Spawn => judge(host, |unit| long || !begins(unit, LONG_UNITS), false),
    }
}

/// Units are named by how they begin.
fn begins(unit: &str, names: &[&str]) -> bool {
    names.iter().any(|name| unit.starts_with(name))
}

/// Judges what is built by the units that are wanted.
fn judge(host: Host, wanted: impl Fn(&str) -> bool, update: bool) -> Result<Score> {
    let suite = suite()?;
    let baseline = Report::read(&root().join(FOLDER).join(host.baseline()))?.files;
    let path = root().join(FOLDER).join(format!("ratchet-{}.txt", host.name()));
    let mut ratchet = Ratchet::read(&path)?;
    let mut queue: Vec<&str> = baseline.keys().map(String::as_str).filter(|unit| wanted(unit)).collect();
    ensure!(!queue.is_empty(), "{} has no such unit", host.baseline());
    // The longest first, so that the last two end at about the same time: taken from the end.
    queue.sort_by(|a, b| baseline[*a].seconds.total_cmp(&baseline[*b].seconds));

    println!("{:<28} {:>6} {:>6} {:>8} {:>8}", "unit", "passed", "Redis", "seconds", "Redis");
    let judged = Mutex::new(Vec::new());
    let queue = Mutex::new(queue);
    let work = || -> Result<()> {
        while let Some(name) = take(&queue) {
            let unit = host.run(&suite, name)?;
            let comparison = Comparison::new(name, &baseline[name], unit);
            println!("{comparison}");
            judged.lock().expect("nobody panics").push(comparison);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..JOBS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("errors are returned"))
    })?;
    let mut judged = judged.into_inner().expect("nobody panics");
    for one in &mut judged {
        if !update && !ratchet.unlisted(one.name, &one.missing()).is_empty() {
            // Tests of time fail now and then where two units share the processor, with a real server too.
            one.ours = host.run(&suite, one.name)?;
            println!("{one}  once more, alone");
        }
    }
    if update {
        for one in &judged {
            ratchet.replace(one.name, &one.missing(), one.passed() == 0, |test| one.reason(test));
        }
        ratchet.write()?;
    }
    Ok(conclude(&judged, &ratchet))
}

fn take<'a>(queue: &Mutex<Vec<&'a str>>) -> Option<&'a str> {
    queue.lock().expect("nobody panics").pop()
}

/// Prints the sums and whatever fails that is not in the list.
fn conclude(judged: &[Comparison], ratchet: &Ratchet) -> Score {
    let mut score = Score { passed: 0, failed: 0 };
    let (mut expected, mut outdated) = (0, 0);
    for one in judged {
        let missing = one.missing();
        for test in ratchet.unlisted(one.name, &missing) {
            score.failed += 1;
            println!("passed before: {} | {test}\n    {}", one.name, one.said(test));
        }
        outdated += ratchet.outdated(one.name, missing.len(), one.passed() == 0);
        score.passed += one.passed() as u64;
        expected += one.baseline.passed.len();
    }
    if outdated > 0 {
        println!("{outdated} lines of the list are out of date: --update rewrites it");
    }
    println!("{} of the {expected} tests that redis-server passes", score.passed);
    score
}

/// Returns where the suite is, after it was fetched if need be.
fn suite() -> Result<PathBuf> {
    let suite = target("suite");
    if !suite.join("tests/test_helper.tcl").exists() {
        run(program("bash").arg(format!("{FOLDER}/get-suite.sh")).arg(&suite))?;
    }
    Ok(suite)
}

impl Host {
    fn name(self) -> &'static str {
        match self {
            Host::Native => "native",
            Host::Wasm => "wasm",
            Host::Spawn => "spawn",
        }
    }

    /// Returns the file that says what a real server passes.
    fn baseline(self) -> &'static str {
        match self {
            Host::Native | Host::Wasm => "baseline-external.json",
            Host::Spawn => "baseline-spawn.json",
        }
    }

    fn build(self) -> Result<()> {
        match self {
            Host::Native | Host::Spawn => run(program("cargo").args(crate::test::SERVER)),
            Host::Wasm => {
                setup::builders()?;
                wasm::build_all()?;
                package::assemble()
            }
        }
    }

    /// Tells run-suite.sh how servers are started. Where the suite starts them itself, slow tests belong to it: there
    /// are units of nothing else.
    fn start(self, suite: &mut Command) -> Result<()> {
        let allow = "enable-debug-command yes enable-protected-configs yes";
        let server = target("debug/redlet-server");
        match self {
            Host::Native => {
                let allow = allow.replace("enable", "--enable");
                let line = format!("{} --bind 127.0.0.1 --port {{port}} --save '' {allow}", server.display());
                suite.env("SERVER_CMD", line);
            }
            Host::Wasm => {
                let shim = root().join(FOLDER).join("shim.mjs");
                suite.env("SERVER_CMD", format!("node {} {{port}} {allow}", shim.display()));
            }
            Host::Spawn => {
                suite.envs([("MODE", "spawn"), ("TAGS", "")]).env("BIN_DIR", named_as_redis(&server)?);
            }
        }
        Ok(())
    }

    fn run(self, suite: &Path, unit: &str) -> Result<Unit> {
        let folder = target("conformance").join(self.name());
        fs::create_dir_all(&folder)?;
        let report = folder.join(format!("{}.json", unit.replace('/', "-")));
        let _ = fs::remove_file(&report);
        let mut runner = program("bash");
        self.start(&mut runner)?;
        let status = runner
            .arg(format!("{FOLDER}/run-suite.sh"))
            .args([suite.as_os_str(), "127.0.0.1".as_ref()])
            .arg(free_port()?.to_string())
            .arg(&report)
            .arg(unit)
            // One file takes redis-server 48 seconds, and a server that is not optimised three times as long.
            .env("LIMIT", "300")
            .env("BASEPORT", free_port()?.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        // It fails when tests do, which is for the report to say.
        let found = Report::read(&report).with_context(|| format!("run-suite.sh on {unit}: {status}"))?;
        found.files.into_values().next().context("a report without a unit")
    }
}

/// Returns a folder in which the server has the name by which the suite looks for it.
fn named_as_redis(server: &Path) -> Result<PathBuf> {
    let folder = target("conformance/bin");
    fs::create_dir_all(&folder)?;
    match symlink(server, folder.join("redis-server")) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).context("a link to the server"),
        _ => Ok(folder),
    }
}

impl Report {
    fn read(path: &Path) -> Result<Report> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }
}

/// A unit as it is here and as it is with the real server.
struct Comparison<'a> {
    name: &'a str,
    baseline: &'a Unit,
    ours: Unit,
}

impl<'a> Comparison<'a> {
    fn new(name: &'a str, baseline: &'a Unit, ours: Unit) -> Comparison<'a> {
        Comparison { name, baseline, ours }
    }

    /// Returns what passes with the real server and not here. A name may stand for several tests.
    fn missing(&self) -> Vec<&str> {
        let mut passed: Vec<&str> = self.ours.passed.iter().map(String::as_str).collect();
        let missing =
            self.baseline.passed.iter().filter(|test| match passed.iter().position(|p| p == *test) {
                Some(at) => {
                    passed.swap_remove(at);
                    false
                }
                None => true,
            });
        missing.map(String::as_str).collect()
    }

    fn passed(&self) -> usize {
        self.baseline.passed.len() - self.missing().len()
    }

    /// Returns what the suite says of a test that did not pass.
    fn said(&self, test: &str) -> &str {
        let ours = &self.ours;
        let ended = || ours.exception.as_ref().or(ours.aborted_blocks.first());
        let said = ours.errors.get(test).or_else(ended).map_or("not reached", String::as_str);
        said.lines().next().unwrap_or_default()
    }

    /// Returns a reason that can be told from what the suite says; others are for a person to find.
    fn reason(&self, test: &str) -> String {
        let said = self.said(test);
        let quoted = |after: &str| said.split_once(after)?.1.split(['\'', ',']).next();
        if let Some(name) = quoted("unknown command '") {
            format!("there is no {} yet", name.to_uppercase())
        } else if said.starts_with("HUNG") {
            "a reply never comes".to_owned()
        } else if !self.ours.errors.contains_key(test) {
            "not reached, because what is before it fails".to_owned()
        } else {
            "not looked into yet".to_owned()
        }
    }
}

impl std::fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let (ours, theirs) = (self.ours.seconds, self.baseline.seconds);
        let (passed, all) = (self.passed(), self.baseline.passed.len());
        write!(f, "{:<28} {passed:>6} {all:>6} {ours:>8.1} {theirs:>8.1}", self.name)?;
        if !self.ours.crashes.is_empty() {
            write!(f, "  the server died {} times", self.ours.crashes.len())?;
        }
        Ok(())
    }
}
