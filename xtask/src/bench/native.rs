//! redlet-server against redis-server: requests a second, and what a request costs the server in processor time. The
//! latter is the fairer one where client and server share few cores.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::options::Options;
use crate::program::{free_port, output, program, run, target};

/// In this order: LPOP takes what LPUSH brought, and each round begins with an empty list.
const COMMANDS: &[&str] = &["SET", "GET", "INCR", "LPUSH", "LPOP"];
const DEPTHS: &[u64] = &[1, 16];
const VALUE_BYTES: &str = "64";
const KEYS: &str = "100000";

/// One run of redis-benchmark against one server.
#[derive(Clone, Copy)]
struct Run {
    requests_per_second: f64,
    cpu_microseconds: f64,
}

/// Prints a line for each command and pipeline depth.
pub fn compare(options: &Options) -> Result<()> {
    build()?;
    let redis = Server::start("redis-server")?;
    let redlet = Server::start(&target("release/redlet-server").to_string_lossy())?;
    let (rounds, seconds) = if options.flag { (1, 1) } else { (7, 2) };

    println!("| 64-byte values | redis-server | redlet-server | ratio | CPU a request | | ratio |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for &depth in DEPTHS {
        // About as many as a server answers in the time.
        let requests = seconds * if depth == 1 { 60_000 } else { 500_000 };
        let mut runs = vec![Vec::new(); COMMANDS.len()];
        for round in 0..=rounds {
            for (command, runs) in COMMANDS.iter().zip(&mut runs) {
                let pair = alternate(round, &redis, &redlet, |server| server.load(command, depth, requests))?;
                // The first round fills keyspaces and warms caches.
                if round > 0 {
                    runs.push(pair);
                }
            }
        }
        for (command, runs) in COMMANDS.iter().zip(&runs) {
            println!("{}", row(command, depth, runs));
        }
    }
    Ok(())
}

/// Builds what is measured.
pub(super) fn build() -> Result<()> {
    run(program("cargo").args(["build", "--quiet", "--release", "--bin", "redlet-server"]))
}

/// Measures both servers, each first in every other round.
fn alternate(
    round: u64,
    redis: &Server,
    redlet: &Server,
    measure: impl Fn(&Server) -> Result<Run>,
) -> Result<[Run; 2]> {
    if round.is_multiple_of(2) {
        let theirs = measure(redis)?;
        Ok([theirs, measure(redlet)?])
    } else {
        let ours = measure(redlet)?;
        Ok([measure(redis)?, ours])
    }
}

fn row(command: &str, depth: u64, runs: &[[Run; 2]]) -> String {
    let median = |of: fn(&Run) -> f64, side: usize| median(runs.iter().map(|pair| of(&pair[side])).collect());
    let [rate, our_rate] = [0, 1].map(|side| median(|run| run.requests_per_second, side));
    let [cpu, our_cpu] = [0, 1].map(|side| median(|run| run.cpu_microseconds, side));
    format!(
        "| {command}, {depth} deep | {:.0} k/s | {:.0} k/s | {:.2} | {cpu:.2} µs | {our_cpu:.2} µs | {:.2} |",
        rate / 1e3,
        our_rate / 1e3,
        our_rate / rate,
        our_cpu / cpu,
    )
}

pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    if numbers.len().is_multiple_of(2) { (numbers[half - 1] + numbers[half]) / 2.0 } else { numbers[half] }
}

/// A server of ours to start and stop, which saves nothing by itself.
pub(super) struct Server {
    process: Child,
    pub port: u16,
}

impl Server {
    pub fn start(name: &str) -> Result<Server> {
        Self::start_with(name, &[])
    }

    /// Starts a server with more options. It may still be loading.
    pub fn start_with(name: &str, options: &[&str]) -> Result<Server> {
        let port = free_port()?;
        let process = program(name)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| name.to_owned())?;
        let server = Server { process, port };
        server.wait_until_it_listens().with_context(|| name.to_owned())?;
        Ok(server)
    }

    fn wait_until_it_listens(&self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(10), "nothing listens on port {}", self.port);
            thread::yield_now();
        }
        Ok(())
    }

    fn load(&self, command: &str, depth: u64, requests: u64) -> Result<Run> {
        let before = self.cpu_seconds()?;
        let csv = output(
            program("redis-benchmark")
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--csv", "-t", command])
                .args(["-d", VALUE_BYTES, "-r", KEYS, "-P", &depth.to_string(), "-n", &requests.to_string()]),
        )?;
        let seconds = self.cpu_seconds()? - before;
        let field =
            csv.lines().last().and_then(|row| row.split(',').nth(1)).map(|field| field.trim_matches('"'));
        let requests_per_second = field
            .and_then(|field| field.parse().ok())
            .with_context(|| format!("redis-benchmark said {csv}"))?;
        Ok(Run { requests_per_second, cpu_microseconds: seconds * 1e6 / requests as f64 })
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Reads how long the process has run on any processor, in user space or in the kernel.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The second field is a name in brackets, which may hold spaces; utime and stime are the 14th and 15th.
        let (_, fields) = stat.rsplit_once(") ").context("no name in /proc/PID/stat")?;
        let mut times = fields.split(' ').skip(11).map_while(|field| field.parse::<u64>().ok());
        let ticks = times.next().context("no utime")? + times.next().context("no stime")?;
        Ok(ticks as f64 / TICKS_A_SECOND)
    }
}

/// Linux shows processes' times in hundredths of a second, whatever its own tick is.
const TICKS_A_SECOND: f64 = 100.0;

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
