//! Scripts beside redis-server's, by the processor time that they cost the server.

use anyhow::{Result, ensure};

use super::native::{Server, build, median};
use crate::options::Options;
use crate::program::{output, program, target};

/// What is run: each long enough for the clock of processes, which ticks a hundred times a second.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "fib(27), ten times",
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
         local sum = 0 for i = 1, 10 do sum = sum + fib(27) end return sum",
    ),
    (
        "a million calls of SET, GET and INCR",
        "local call = redis.call
         for i = 1, 333333 do local key = 'key:' .. i % 100 call('SET', key, i) call('GET', key) call('INCR', 'n') end
         return call('INCR', 'n') > 0 and 1 or 0",
    ),
    (
        "500 lists of 200 objects as JSON, written and read",
        "local list = {}
         for i = 1, 200 do list[i] = {id = i, name = 'name ' .. i, tags = {'a', 'b', i}, at = {x = i / 3, ok = true}} end
         for i = 1, 500 do list = cjson.decode(cjson.encode(list)) end
         return #list",
    ),
];

/// Prints a line for each script.
pub fn compare(options: &Options) -> Result<()> {
    build()?;
    let redis = Server::start("redis-server")?;
    let redlet = Server::start(&target("release/redlet-server").to_string_lossy())?;
    let rounds = if options.flag { 1 } else { 7 };
    println!("| script | redis-server | redlet-server | ratio of CPU |");
    println!("|---|--:|--:|--:|");
    for (name, script) in SCRIPTS {
        let mut pairs = vec![];
        // The first round fills caches.
        for round in 0..=rounds {
            let theirs = milliseconds(&redis, script)?;
            let ours = milliseconds(&redlet, script)?;
            if round > 0 {
                pairs.push((theirs, ours));
            }
        }
        let of = |which: fn(&(f64, f64)) -> f64| median(pairs.iter().map(which).collect());
        println!(
            "| {name} | {:.0} ms | {:.0} ms | {:.2} |",
            of(|pair| pair.0),
            of(|pair| pair.1),
            of(|pair| pair.1 / pair.0)
        );
    }
    Ok(())
}

/// Runs a script; returns what it costs the server in processor time.
fn milliseconds(server: &Server, script: &str) -> Result<f64> {
    let before = server.cpu_seconds()?;
    let said = output(program("redis-cli").args(["-p", &server.port.to_string(), "EVAL", script, "0"]))?;
    ensure!(said.trim().parse::<i64>().is_ok(), "the script said {said}");
    Ok((server.cpu_seconds()? - before) * 1e3)
}
