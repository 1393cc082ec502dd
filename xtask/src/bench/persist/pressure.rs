//! Clients that write as fast as they can, and one that measures how long it waits for each of its commands.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::client::{Client, Commands};
use super::keys::{mixed, set_small};

/// Connections that write, and the commands that each has under way.
const WRITERS: u64 = 3;
const DEPTH: usize = 16;

/// How long commands took, and how many there were, in some stretch of time.
pub struct Stretch {
    pub longest: Duration,
    /// Of a thousand commands, one took longer.
    pub p999: Duration,
    pub writes: u64,
    pub seconds: f64,
}

/// Clients at work.
pub struct Pressure {
    keys: u64,
    stop: AtomicBool,
    writes: AtomicU64,
    waits: Mutex<Vec<Duration>>,
}

impl Pressure {
    /// Writes to a server's `keys` while `run` runs, which may look at stretches of it.
    pub fn on<T>(port: u16, keys: u64, run: impl FnOnce(&Pressure) -> Result<T>) -> Result<T> {
        let pressure = Pressure {
            keys,
            stop: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            waits: Mutex::new(vec![]),
        };
        thread::scope(|scope| {
            let pressure = &pressure;
            let writers: Vec<_> =
                (0..WRITERS).map(|seed| scope.spawn(move || pressure.write(port, seed))).collect();
            let probe = scope.spawn(|| pressure.probe(port));
            let result = run(pressure);
            pressure.stop.store(true, Ordering::Relaxed);
            for client in writers.into_iter().chain([probe]) {
                client.join().expect("a client does not panic")?;
            }
            result
        })
    }

    /// Measures while `run` runs.
    pub fn stretch<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<(T, Stretch)> {
        self.waits.lock().expect("nobody panics").clear();
        let (start, before) = (Instant::now(), self.writes.load(Ordering::Relaxed));
        let result = run()?;
        let (seconds, writes) = (start.elapsed().as_secs_f64(), self.writes.load(Ordering::Relaxed) - before);
        let mut waits = std::mem::take(&mut *self.waits.lock().expect("nobody panics"));
        waits.sort_unstable();
        let longest = waits.last().copied().unwrap_or_default();
        let p999 = waits.get(waits.len() * 999 / 1_000).copied().unwrap_or_default();
        Ok((result, Stretch { longest, p999, writes, seconds }))
    }

    fn write(&self, port: u16, seed: u64) -> Result<()> {
        let mut client = Client::connect(port)?;
        let mut commands = Commands::default();
        let mut n = seed << 32;
        while !self.stop.load(Ordering::Relaxed) {
            for _ in 0..DEPTH {
                n += 1;
                set_small(mixed(n) % self.keys, n, &mut commands);
            }
            commands.end();
            client.send(&commands.bytes, commands.count)?;
            self.writes.fetch_add(commands.count as u64, Ordering::Relaxed);
            commands.clear();
        }
        Ok(())
    }

    fn probe(&self, port: u16) -> Result<()> {
        let mut client = Client::connect(port)?;
        let mut commands = Commands::default();
        let mut n = WRITERS << 32;
        while !self.stop.load(Ordering::Relaxed) {
            n += 1;
            set_small(mixed(n) % self.keys, n, &mut commands);
            commands.end();
            let start = Instant::now();
            client.send(&commands.bytes, commands.count)?;
            self.waits.lock().expect("nobody panics").push(start.elapsed());
            self.writes.fetch_add(1, Ordering::Relaxed);
            commands.clear();
        }
        Ok(())
    }
}
