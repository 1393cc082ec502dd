//! The tools that come with Redis.

use std::io::Write;
use std::process::Command;

use crate::process::{Server, folder, piped, run};

#[test]
fn redis_cli_runs_commands() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.cli(&["PING"]), "PONG\n");
    assert_eq!(server.cli(&["SET", "greeting", "hello world"]), "OK\n");
    assert_eq!(server.cli(&["GET", "greeting"]), "hello world\n");
    assert_eq!(server.cli(&["-3", "HELLO"]).lines().next(), Some("server redis"));
    assert!(
        server
            .cli(&["NOSUCH", "a"])
            .starts_with("ERR unknown command 'NOSUCH', with args beginning with: 'a'")
    );
    assert_eq!(server.cli(&["--scan", "--pattern", "gree*"]), "greeting\n");
}

#[test]
fn redis_cli_is_interactive_in_a_terminal() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let command = format!("redis-cli -p {}", server.port);
    let mut child = piped("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .env("HOME", folder.path())
        .spawn()
        .unwrap_or_else(|error| panic!("script can't be started ({error}): install bsdutils"));
    let lines = b"SET a 1\nINCR a\nLPUSH l x y\nLRANGE l 0 -1\nMULTI\nINCR a\nEXEC\nNOSUCH\nexit\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let prompt = format!("127.0.0.1:{}", server.port);
    for expected in [
        &prompt,
        "OK\n",
        "(integer) 2\n",
        "1) \"y\"\n2) \"x\"\n",
        "(TX)> ",
        "QUEUED\n",
        "1) (integer) 3\n",
        "(error) ERR unknown command 'NOSUCH'",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }
}

#[test]
fn redis_cli_pipes_in_whatever_amount() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut child = piped("redis-cli").args(["-p", &server.port.to_string(), "--pipe"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let value = "v".repeat(100);
    for i in 0..20_000 {
        write!(input, "*3\r\n$3\r\nSET\r\n$8\r\nkey:{i:04}\r\n$100\r\n{value}\r\n", i = i % 10_000).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("errors: 0, replies: 20000"), "{text}");
    assert_eq!(server.cli(&["DBSIZE"]), "10000\n");
}

#[test]
fn redis_benchmark_runs_its_default_tests() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    for depth in ["1", "16"] {
        let text = run(
            "redis-benchmark",
            "redis-tools",
            Command::new("redis-benchmark")
                .args(["-p", &server.port.to_string(), "-n", "2000", "-P", depth])
                .args(["--csv", "-r", "1000", "-t", "ping,set,get,incr,lpush,rpush,lpop,rpop,mset,lrange"]),
        );
        // PING is two tests, LRANGE five: one that fills the list, and four lengths.
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(rows.len(), 15, "{text}");
        for row in rows {
            let rate = row.split(',').nth(1).unwrap_or_default().trim_matches('"');
            assert!(rate.parse::<f64>().is_ok_and(|rate| rate > 0.0), "{row}");
        }
    }
    assert!(server.cli(&["INFO", "errorstats"]).lines().all(|line| !line.starts_with("errorstat_")));
}
