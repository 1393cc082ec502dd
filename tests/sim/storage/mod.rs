//! Storage that fails: what is kept while calls come, and what is found after a crash at any point.
//!
//! An oracle runs what is logged, unit by unit. Whatever a crash leaves must be the state after one of the units, and
//! not before the last one that was promised.

mod crash;
#[cfg(feature = "server")]
mod disk;
pub mod folder;
#[cfg(feature = "server")]
pub mod native;
pub mod ring;
pub mod tab;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::Config;
use redlet::store::Store;

use crate::support::engine::{digest, loaded};
use crate::support::words::to_resp;

const KEYS: u64 = 12;

/// What was logged since a process began, and the state after each unit.
pub struct History {
    follower: Store,
    units: Vec<Unit>,
}

struct Unit {
    /// How much had been logged after it.
    end: u64,
    digest: u128,
}

impl History {
    /// Begins with the present state of a store.
    pub fn new(store: &mut Store, now: Time) -> Result<Self, String> {
        let follower = loaded(&store.export_now(now), now)?;
        let digest = digest(&follower);
        if digest != self::digest(store) {
            return Err("an export is not what was exported".into());
        }
        Ok(Self { follower, units: vec![Unit { end: 0, digest }] })
    }

    /// Takes in what was logged, which leads to the present state of the store.
    pub fn add(&mut self, log: &[u8], store: &Store, now: Time) -> Result<(), String> {
        let mut rest = log;
        while !rest.is_empty() {
            let (unit, later) = rest.split_at(unit_len(rest));
            self.follower.replay(unit, now).map_err(|damage| damage.to_string())?;
            let end = self.logged() + unit.len() as u64;
            self.units.push(Unit { end, digest: digest(&self.follower) });
            rest = later;
        }
        match self.is(self.last(), store) {
            true => Ok(()),
            false => Err("the log does not lead to the same keyspace".into()),
        }
    }

    /// Takes in the state of a store that no log leads to.
    pub fn jump(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        let end = self.logged();
        let Self { follower, units } = Self::new(store, now)?;
        self.follower = follower;
        self.units.extend(units.into_iter().map(|unit| Unit { end, ..unit }));
        Ok(())
    }

    pub fn logged(&self) -> u64 {
        self.units.last().map_or(0, |unit| unit.end)
    }

    /// Returns the number of the last unit; the state at the beginning is zero's.
    pub fn last(&self) -> usize {
        self.units.len() - 1
    }

    /// Returns the last unit that is whole in so many bytes.
    pub fn unit_at(&self, bytes: u64) -> usize {
        self.units.partition_point(|unit| unit.end <= bytes).max(1) - 1
    }

    /// Says whether a store is in the state after a unit.
    pub fn is(&self, unit: usize, store: &Store) -> bool {
        self.units[unit].digest == digest(store)
    }

    /// Returns the last unit after which the state was a store's, from `first` on.
    pub fn find(&self, first: usize, store: &Store) -> Option<usize> {
        (first..self.units.len()).rev().find(|unit| self.is(*unit, store))
    }
}

/// Returns how long the first unit of a log is: a command, or a transaction with all that is in it.
fn unit_len(log: &[u8]) -> usize {
    let mut len = command_len(log);
    if log[..len].ends_with(b"MULTI\r\n") {
        while !log[..len].ends_with(b"$4\r\nEXEC\r\n") {
            len += command_len(&log[len..]);
        }
    }
    len
}

fn command_len(log: &[u8]) -> usize {
    let number = |from: usize| {
        let end = from + log[from..].iter().position(|byte| *byte == b'\r').expect("a line");
        let number: usize =
            std::str::from_utf8(&log[from + 1..end]).expect("text").parse().expect("a number");
        (number, end + 2)
    };
    let (arguments, mut at) = number(0);
    for _ in 0..arguments {
        let (len, begin) = number(at);
        at = begin + len + 2;
    }
    at
}

/// Draws a few calls that change something, to be sent together: one, or a transaction. Some set deadlines, where it is
/// said what time it is.
pub fn draw(random: &mut Random, now: Option<Time>) -> Vec<Vec<Vec<u8>>> {
    if random.below(8) > 0 {
        return vec![call(random, now)];
    }
    let mut calls = vec![vec![b"MULTI".to_vec()]];
    calls.extend((0..1 + random.below(4)).map(|_| call(random, now)));
    calls.push(vec![b"EXEC".to_vec()]);
    calls
}

fn call(random: &mut Random, now: Option<Time>) -> Vec<Vec<u8>> {
    let key = random.below(KEYS);
    let value = match random.below(10) {
        0 => "long ".repeat(1 + random.below(1_000) as usize),
        1 => "\r\n*1\r\n$4\r\n".into(),
        _ => random.below(1_000).to_string(),
    };
    let line = match random.below(16) {
        0 => format!("DEL string:{key} list:{key}"),
        1 | 2 => format!("INCR count:{key}"),
        3 => format!("APPEND string:{key} +"),
        4 | 5 => format!("RPUSH list:{key} a b"),
        6 => format!("LPOP list:{key}"),
        7 => format!("HSET hash:{key} field:{} 1", random.below(20)),
        8 => format!("SADD set:{key} {} {}", random.below(20), random.below(90_000)),
        9 => format!("ZADD sorted:{key} {}.5 member", random.below(90)),
        10 => format!("XADD stream:{key} * field value"),
        11 => now.map_or("SET deadline none".into(), |now| {
            format!("PEXPIREAT string:{key} {}", now.plus_micros(random.below(5_000_000)).millis())
        }),
        12 => format!("SELECT {}", random.below(2)),
        13 if random.below(10) == 0 => "FLUSHALL".into(),
        _ => format!("SET string:{key}"),
    };
    let mut words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    if words[0] == b"SET" && words.len() == 2 {
        words.push(value.into_bytes());
    }
    words
}

/// Returns calls as they are sent.
pub fn sent(calls: &[Vec<Vec<u8>>]) -> Vec<u8> {
    calls.iter().flat_map(|call| to_resp(call)).collect()
}

/// Returns calls as they are told, in one line.
pub fn told(calls: &[Vec<Vec<u8>>]) -> String {
    let words = |call: &Vec<Vec<u8>>| -> Vec<String> {
        call.iter().map(|word| word.escape_ascii().to_string().chars().take(30).collect()).collect()
    };
    calls.iter().map(|call| words(call).join(" ")).collect::<Vec<_>>().join("; ")
}

/// Sets parameters by their names.
pub fn configure(config: &mut Config, parameters: &[(&str, &str)]) {
    for (name, value) in parameters {
        let parameter = Config::parameter(name).expect("a parameter");
        parameter.set(config, value).expect("one of its values");
    }
}
