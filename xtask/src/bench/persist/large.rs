//! What a change of a large value costs while a snapshot is written that has yet to come to it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::client::{Client, Commands};
use super::super::native::Server;
use super::keys;

/// A change of each kind of value, and the key that it is made to.
const CHANGES: [&str; 7] = [
    "HSET hash field 1",
    "SADD set member",
    "ZADD scores 5 member",
    "LPUSH list element",
    "LSET list -1 element",
    "XADD stream * field value",
    "APPEND string x",
];

/// Bytes of a long string for each element of the others.
const STRING_BYTES: u64 = 100;

/// Fills both servers with one value of each kind, of so many elements, and with as many small keys; prints how long a
/// client waits for a change of each, before and during BGSAVE.
pub fn compare(servers: &[Server; 2], elements: u64) -> Result<()> {
    for server in servers {
        Client::connect(server.port)?.call("FLUSHALL")?;
        keys::fill(server.port, elements, keys::small)?;
        keys::fill(server.port, elements, element)?;
        Client::connect(server.port)?
            .call(&format!("SETRANGE string {} x", (elements * STRING_BYTES).saturating_sub(1)))?;
    }
    println!(
        "| a change of a value of {elements} elements | redis-server | in BGSAVE | redlet-server | in BGSAVE |"
    );
    println!("|---|--:|--:|--:|--:|");
    for change in CHANGES {
        let mut waits = vec![];
        for server in servers {
            waits.extend(waited(server, change)?);
        }
        let cells: String =
            waits.iter().map(|wait| format!(" {:.2} ms |", wait.as_secs_f64() * 1e3)).collect();
        println!("| {change} |{cells}");
    }
    Ok(())
}

/// Adds an element to each value but the string.
fn element(n: u64, commands: &mut Commands) {
    commands.begin("HSET").word("hash").word(format_args!("field:{n:08}")).word(format_args!("value {n}"));
    commands.begin("SADD").word("set").word(format_args!("member:{n:08}"));
    commands.begin("ZADD").word("scores").word(n).word(format_args!("member:{n:08}"));
    commands.begin("RPUSH").word("list").word(format_args!("element:{n:08}"));
    commands.begin("XADD").word("stream").word("*").word("field").word(n);
}

/// Measures a change before a save, and right after the beginning of one.
fn waited(server: &Server, change: &str) -> Result<[Duration; 2]> {
    let mut client = Client::connect(server.port)?;
    let timed = |client: &mut Client| {
        let start = Instant::now();
        client.call(change).map(|_| start.elapsed())
    };
    let before = timed(&mut client)?;
    client.call("BGSAVE")?;
    let during = timed(&mut client)?;
    while client.info("rdb_bgsave_in_progress")? == 1 {
        thread::sleep(Duration::from_millis(5));
    }
    Ok([before, during])
}
