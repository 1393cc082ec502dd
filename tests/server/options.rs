//! Command lines and redis.conf files: what is understood, and what is said otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output};

use crate::ports::free_port;
use crate::process::{REDLET, Server, folder, piped, run};

#[test]
fn wrong_options_are_refused_in_redis_words() {
    let folder = folder();
    let file = folder.path().join("wrong.conf");
    fs::write(&file, "port 0\n\n  foo \"a b\" c\n").unwrap();
    let file = file.to_string_lossy();
    for words in [
        &["--port"][..],
        &["--port", "1", "2"],
        &["--port", "abc"],
        &["--port", "65536"],
        &["--foo", "bar"],
        &["--save", "--loglevel", "verbose", "--port", "99999"],
        &["--save", "1"],
        &["--maxmemory", "1x"],
        &["--loglevel", "silly"],
        &["--dir", "/nonexistent"],
        &["--client-output-buffer-limit", "normal", "0", "0"],
        &["--unixsocketperm", "999"],
        &["--unixsocketperm", "1000"],
        &["--daemonize", "maybe"],
        &["--requirepass", "a", "--requirepass"],
        &["--appendfsync", "often", "--port", "0"],
        &["--port 7777", "--port x"],
        &[&file],
        &[&file, "--port", "x"],
    ] {
        let (ours, theirs) = (refusal(REDLET, words), refusal("redis-server", words));
        assert_eq!(ours, theirs, "{words:?}");
    }
}

/// Returns what a program says on standard error, the version left out.
fn refusal(program: &str, words: &[&str]) -> String {
    let Output { status, stderr, .. } = Command::new(program)
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("{program} can't be started ({error}): install redis-server"));
    assert_eq!(status.code(), Some(1), "{program} {words:?}");
    let text = String::from_utf8_lossy(&stderr);
    let (before, after) = text.split_once("(Redis 7.0.").unwrap_or((&text, ")"));
    format!("{before}{}", after.split_once(')').expect("a version in parentheses").1)
}

#[test]
fn every_parameter_of_redis_is_known() {
    let folder = folder();
    let parameters = |server: Server| -> BTreeMap<String, String> {
        let text = server.cli(&["--json", "CONFIG", "GET", "*"]);
        let pairs = text.trim().trim_matches(['{', '}', '"']).split("\",\"");
        pairs
            .filter_map(|pair| pair.split_once("\":\""))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    let theirs = parameters(Server::redis(folder.path(), &[]));
    let ours = parameters(Server::start(folder.path(), &[]));
    assert!(theirs.len() > 190, "{theirs:?}");
    // Where each listens is its own.
    for (name, value) in theirs.iter().filter(|(name, _)| !name.ends_with("port")) {
        assert_eq!(ours.get(name), Some(value), "{name}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    for words in [["--cluster-enabled", "yes"], ["--tls-ciphers", "DEFAULT"]] {
        assert!(refusal(REDLET, &words).contains("this value is not supported: "), "{words:?}");
    }
}

#[test]
fn standard_input_is_a_configuration() {
    let folder = folder();
    let mut child = piped(REDLET).arg("-").current_dir(folder.path()).spawn().unwrap();
    let lines =
        format!("bind 127.0.0.1\nport {}\nlogfile \"a log\"\nunixsocket s\ndaemonize x\n", free_port());
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("at line 5\n>>> 'daemonize x'\nargument must be 'yes' or 'no'"), "{text}");
}

#[test]
fn a_file_an_include_and_options_add_up() {
    let folder = folder();
    let (file, more) = (folder.path().join("main.conf"), folder.path().join("more.conf"));
    fs::write(&more, "maxclients 77\nsave 10 1\n").unwrap();
    fs::write(&file, format!("timeout 5 \ninclude {}\nsave 20 2\nrequirepass \"a b\"\n", more.display()))
        .unwrap();
    let mut program = Command::new(REDLET);
    program.arg(&file);
    let server = Server::start_program(program, folder.path(), &["--maxclients", "78", "--save", "30", "3"]);
    let auth = ["-a", "a b", "--no-auth-warning", "CONFIG", "GET"];
    let get = |name| server.cli(&[&auth[..], &[name]].concat()).lines().last().unwrap_or_default().to_owned();
    assert_eq!(get("timeout"), "5");
    assert_eq!(get("maxclients"), "78");
    // `--save ''` of every server under test is among the options before.
    assert_eq!(get("save"), "30 3");
    assert_eq!(get("dir"), folder.path().canonicalize().unwrap().to_string_lossy());
}

#[test]
fn version_and_usage_are_told() {
    let version = run("redlet-server", "", Command::new(REDLET).arg("-v"));
    assert!(version.starts_with(&format!("Redlet server v={}", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(run("redlet-server", "", Command::new(REDLET).arg("--help")).starts_with("Usage: "));
}

#[test]
fn a_busy_port_is_told() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut second = Command::new(REDLET);
    second.args(["--port", &server.port.to_string()]);
    let (status, said) = Server::spawn(&mut second, folder.path(), &[], 0).end();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("bind: Address already in use"), "{said}");
    assert!(said.contains(&format!("Failed listening on port {} (TCP), aborting.", server.port)), "{said}");
}

#[test]
fn the_start_is_told_with_the_process_number() {
    let folder = folder();
    let log = folder.path().join("log");
    let mut server = Server::start(folder.path(), &[]);
    let pid = server.cli(&["INFO", "server"]);
    let pid = pid.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().to_owned();
    assert!(server.said.contains(&format!(" PID: {pid}")), "{}", server.said);
    assert!(server.said.contains(&format!("{pid}:M ")), "{}", server.said);
    assert_eq!(server.cli(&["CONFIG", "SET", "loglevel", "verbose"]), "OK\n");
    server.cli(&["PING"]);
    server.wait_for(" - Accepted 127.0.0.1:");
    drop(server);

    let mut program = Command::new(REDLET);
    program.args(["--port", "0", "--unixsocket", "s", "--logfile"]).arg(&log).current_dir(folder.path());
    let server = Server::spawn(&mut program, folder.path(), &[], 0);
    while !fs::read_to_string(&log).unwrap_or_default().contains("ready to accept connections at s") {
        std::thread::yield_now();
    }
    assert_eq!(server.terminate(), "");
}
