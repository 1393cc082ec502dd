//! Snapshots beside redis-server's: how long it takes to write and to read one, and what a server's clients and its
//! memory notice of one that is written while they change everything.

mod keys;
mod large;
mod pressure;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::pressure::{Pressure, Stretch};
use super::client::Client;
use super::native::{Server, build, median};
use crate::options::Options;
use crate::program::target;

/// What each of the two is called, and starts with.
const NAMES: [&str; 2] = ["redis-server", "redlet-server"];

/// How much is measured.
struct Amount {
    keys: u64,
    rounds: u64,
    /// How long the load lasts before a save, and how often there is one.
    warm_up: Duration,
    saves: u64,
}

/// Prints a table for each of the questions.
pub fn compare(options: &Options) -> Result<()> {
    build()?;
    let amount = match options.flag {
        true => Amount { keys: 50_000, rounds: 1, warm_up: Duration::from_millis(300), saves: 1 },
        false => Amount { keys: 5_000_000, rounds: 5, warm_up: Duration::from_secs(3), saves: 3 },
    };
    let folder = target("bench-persist");
    // What an earlier run has left behind, if one was interrupted.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let result = speed(&amount, &folder).and_then(|()| {
        println!();
        under_load(&amount, &folder)?;
        println!();
        let servers = [start(0, &folder, "c.rdb")?, start(1, &folder, "d.rdb")?];
        large::compare(&servers, amount.keys / 5)
    });
    fs::remove_dir_all(&folder)?;
    result
}

fn start(side: usize, folder: &Path, file: &str) -> Result<Server> {
    let ours = target("release/redlet-server");
    let program = if side == 0 { NAMES[0].into() } else { ours.to_string_lossy() };
    let folder = folder.to_string_lossy();
    let server = Server::start_with(&program, &["--dir", &folder, "--dbfilename", file])?;
    wait_until_ready(&server)?;
    Ok(server)
}

/// Waits until everything is loaded.
fn wait_until_ready(server: &Server) -> Result<()> {
    let mut client = Client::connect(server.port)?;
    while let Err(error) = client.call("PING") {
        ensure!(error.root_cause().to_string().starts_with("LOADING"), error);
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

// Speed -----------------------------------------------------------------------------------------------------------

/// Seconds by the clock, and of the server's processor time.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu: f64,
}

const FILES: [&str; 2] = ["redis.rdb", "redlet.rdb"];

/// Prints how long both servers take to write a snapshot, and to start on their own and on the other's.
fn speed(amount: &Amount, folder: &Path) -> Result<()> {
    let redis = start(0, folder, FILES[0])?;
    keys::fill(redis.port, amount.keys, keys::mixture)?;
    Client::connect(redis.port)?.call("SAVE")?;
    fs::copy(folder.join(FILES[0]), folder.join(FILES[1]))?;
    let servers = [redis, start(1, folder, FILES[1])?];
    let saved = rounds(amount, |side| save(&servers[side]))?;
    let count = servers.iter().map(|server| Client::connect(server.port)?.call("DBSIZE"));
    let count = count.collect::<Result<Vec<_>>>()?;
    ensure!(count[0] == count[1], "one holds {} keys, the other {}", count[0], count[1]);
    drop(servers);
    let megabytes =
        FILES.map(|file| fs::metadata(folder.join(file)).map_or(0, |file| file.len() / 1_000_000));

    println!("| {} keys of all types | redis-server | redlet-server | ratio | CPU | | ratio |", count[0]);
    println!("|---|--:|--:|--:|--:|--:|--:|");
    print_row(&format!("SAVE, {} and {} MB", megabytes[0], megabytes[1]), &saved);
    for (what, other) in [("its own file", 0), ("the other's file", 1)] {
        let loaded = rounds(amount, |side| load(side, folder, FILES[(side + other) % 2]))?;
        print_row(&format!("start on {what}"), &loaded);
    }
    Ok(())
}

/// Measures both sides in each round, each first in every other.
fn rounds(amount: &Amount, mut measure: impl FnMut(usize) -> Result<Cost>) -> Result<Vec<[Cost; 2]>> {
    let mut pairs = vec![];
    for round in 0..amount.rounds {
        let first = (round % 2) as usize;
        let mut pair = [Cost { seconds: 0.0, cpu: 0.0 }; 2];
        for side in [first, 1 - first] {
            pair[side] = measure(side)?;
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Prints medians, and how many times as fast as redis-server ours is.
fn print_row(what: &str, pairs: &[[Cost; 2]]) {
    let of =
        |cost: fn(&Cost) -> f64, side: usize| median(pairs.iter().map(|pair| cost(&pair[side])).collect());
    let [theirs, ours] = [0, 1].map(|side| of(|cost| cost.seconds, side));
    let [their_cpu, our_cpu] = [0, 1].map(|side| of(|cost| cost.cpu, side));
    println!(
        "| {what} | {theirs:.2} s | {ours:.2} s | {:.2} | {their_cpu:.2} s | {our_cpu:.2} s | {:.2} |",
        theirs / ours,
        their_cpu / our_cpu
    );
}

fn save(server: &Server) -> Result<Cost> {
    let mut client = Client::connect(server.port)?;
    let (start, before) = (Instant::now(), server.cpu_seconds()?);
    client.call("SAVE")?;
    Ok(Cost { seconds: start.elapsed().as_secs_f64(), cpu: server.cpu_seconds()? - before })
}

fn load(side: usize, folder: &Path, file: &str) -> Result<Cost> {
    let begun = Instant::now();
    let server = start(side, folder, file)?;
    Ok(Cost { seconds: begun.elapsed().as_secs_f64(), cpu: server.cpu_seconds()? })
}

// Under load ------------------------------------------------------------------------------------------------------

/// What was noticed of a save.
struct Noticed {
    calm: Stretch,
    saving: Stretch,
    /// The longest that the server itself did nothing else: a fork, or a slice of ours.
    held: Duration,
    /// In megabytes: before, the peak beyond that, and what the keys that were changed take.
    memory: f64,
    beyond: f64,
    changed: f64,
}

/// Prints what clients notice of BGSAVE while they write to small keys as fast as they can.
fn under_load(amount: &Amount, folder: &Path) -> Result<()> {
    let servers = [start(0, folder, "a.rdb")?, start(1, folder, "b.rdb")?];
    for server in &servers {
        keys::fill(server.port, amount.keys, keys::small)?;
    }
    println!(
        "| BGSAVE of {} keys of {} bytes under load | redis-server | redlet-server |",
        amount.keys,
        keys::SMALL_VALUE
    );
    println!("|---|--:|--:|");
    let mut noticed = [vec![], vec![]];
    for round in 0..amount.saves {
        let first = (round % 2) as usize;
        for side in [first, 1 - first] {
            noticed[side].push(background_save(side, &servers[side], amount)?);
        }
    }
    let row = |what: &str, unit: &str, digits: usize, of: &dyn Fn(&Noticed) -> f64| {
        let [theirs, ours] = [0, 1].map(|side| median(noticed[side].iter().map(of).collect()));
        println!("| {what} | {theirs:.digits$} {unit} | {ours:.digits$} {unit} |");
    };
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    row("the save takes", "s", 2, &|seen| seen.saving.seconds);
    row("the longest that it holds up everybody: fork, slice", "ms", 2, &|seen| ms(seen.held));
    row("longest command before", "ms", 2, &|seen| ms(seen.calm.longest));
    row("longest command during", "ms", 2, &|seen| ms(seen.saving.longest));
    row("one of a thousand before", "ms", 2, &|seen| ms(seen.calm.p999));
    row("one of a thousand during", "ms", 2, &|seen| ms(seen.saving.p999));
    row("writes before", "k/s", 0, &|seen| seen.calm.writes as f64 / seen.calm.seconds / 1e3);
    row("writes during", "k/s", 0, &|seen| seen.saving.writes as f64 / seen.saving.seconds / 1e3);
    row("memory before", "MB", 0, &|seen| seen.memory);
    row("keys that were changed hold", "MB", 0, &|seen| seen.changed);
    row("peak of memory beyond before", "MB", 0, &|seen| seen.beyond);
    row("the same, of what there was before", "%", 1, &|seen| seen.beyond * 100.0 / seen.memory);
    Ok(())
}

fn background_save(side: usize, server: &Server, amount: &Amount) -> Result<Noticed> {
    let mut client = Client::connect(server.port)?;
    Pressure::on(server.port, amount.keys, |pressure| {
        // Overwriting makes holes in memory, which are not the save's.
        std::thread::sleep(amount.warm_up);
        let ((), calm) = pressure.stretch(|| {
            std::thread::sleep(amount.warm_up);
            Ok(())
        })?;
        let before = Memory::of(server, true)?;
        let ((), saving) = pressure.stretch(|| {
            client.call("BGSAVE")?;
            while client.info("rdb_bgsave_in_progress")? == 1 {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        })?;
        let after = Memory::of(server, false)?;
        // Pages that fork has shared and one side has changed are there twice.
        let twice = if side == 0 { client.info("rdb_last_cow_size")? as f64 / 1e6 } else { 0.0 };
        let held = client.info(if side == 0 { "latest_fork_usec" } else { "redlet_longest_slice_usec" })?;
        let drawn = saving.writes as f64 / amount.keys as f64;
        Ok(Noticed {
            held: Duration::from_micros(held),
            memory: before.now,
            beyond: after.peak - before.now + twice,
            changed: before.now * (1.0 - (-drawn).exp()),
            calm,
            saving,
        })
    })
}

/// What a process takes, in megabytes.
struct Memory {
    now: f64,
    peak: f64,
}

impl Memory {
    /// Looks at a process; the peak begins anew if it is to.
    fn of(server: &Server, anew: bool) -> Result<Memory> {
        let folder = PathBuf::from(format!("/proc/{}", server.process_id()));
        if anew {
            fs::write(folder.join("clear_refs"), "5").context("the peak begins anew")?;
        }
        let status = fs::read_to_string(folder.join("status"))?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
            let kilobytes: f64 = value.with_context(|| format!("no {name}"))?.parse()?;
            Ok::<_, anyhow::Error>(kilobytes * 1024.0 / 1e6)
        };
        Ok(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}
