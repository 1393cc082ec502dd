//! Scripts on whole servers: what others wrote, what is drawn at random, and what is beyond the limits.

#[path = "../support/mod.rs"]
mod support;

mod grammar;

use redlet::base::random::Random;

use grammar::Grammar;
use support::connection::Connection;
use support::server::Server;

const SCRIPTS: u64 = 4_000;
const SCRIPTS_LONG: u64 = 400_000;

#[test]
fn scripts_drawn_at_random_answer_as_on_redis() {
    let count = if std::env::var_os("REDLET_LONG").is_some() { SCRIPTS_LONG } else { SCRIPTS };
    let first: u64 = std::env::var("REDLET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let servers = [Server::redis().expect("redis-server"), Server::redlet().expect("redlet-server")];
    let mut clients = servers.each_ref().map(Server::connect);
    let grammar = Grammar::new();
    let mut differences = 0;
    for seed in first..first + count {
        let script = grammar.script(&mut Random::new(seed));
        let [theirs, ours] = clients.each_mut().map(|client| {
            if seed % 50 == first % 50 {
                prepare(client, seed);
            }
            let reply = client.call(&["EVAL", &script, "2", "k1", "k2", "7", "text"]);
            masked(&reply)
        });
        if theirs != ours {
            differences += 1;
            println!(
                "seed {seed}: {script}\n  redis  {}\n  redlet {}\n",
                theirs.escape_ascii(),
                ours.escape_ascii()
            );
        }
    }
    assert_eq!(differences, 0, "of {count} scripts");
}

/// Begins anew, in one protocol or the other.
fn prepare(client: &mut Connection, seed: u64) {
    client.call(&["FLUSHALL"]);
    client.call(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]);
    client.call(&["HELLO", if seed % 100 < 50 { "2" } else { "3" }]);
    client.call(&["EVAL", "math.randomseed(1)", "0"]);
}

/// Leaves out the addresses that stand for tables and functions.
fn masked(reply: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let mut rest = reply;
    while let Some((first, tail)) = rest.split_first() {
        let named = ["table: ", "function: ", "thread: ", "userdata: "]
            .iter()
            .any(|name| out.ends_with(name.as_bytes()));
        if named && rest.starts_with(b"0x") {
            let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            rest = &rest[2 + digits..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}
