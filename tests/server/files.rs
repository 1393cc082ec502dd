//! What is kept, and when: snapshots, the log, and the order of the disk and the replies.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::process::{REDLET, Server, folder, run};

const LOG: &[&str] = &["--appendonly", "yes"];

#[test]
fn the_end_saves_if_snapshots_are_configured() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--save", "3600", "1"]);
    assert_eq!(server.cli(&["SET", "a", "1"]), "OK\n");
    assert_eq!(server.cli(&["RPUSH", "l", "x", "y"]), "2\n");
    let said = server.terminate();
    assert!(said.contains("DB saved on disk") && said.contains("bye bye"), "{said}");
    check_rdb(folder.path());

    let server = Server::start(folder.path(), &[]);
    assert!(server.said.contains("Done loading RDB, keys loaded: 2, keys expired: 0."), "{}", server.said);
    assert_eq!(server.cli(&["LRANGE", "l", "0", "-1"]), "x\ny\n");
    assert_eq!(server.cli(&["SET", "b", "2"]), "OK\n");
    // Nobody has asked for snapshots this time.
    assert!(!server.terminate().contains("DB saved on disk"));
    assert_eq!(Server::start(folder.path(), &[]).cli(&["EXISTS", "a", "b"]), "1\n");
}

#[test]
fn shutdown_saves_as_it_is_told() {
    let folder = folder();
    for (flags, words, kept) in [
        (&["--save", "3600", "1"][..], &["SHUTDOWN", "NOSAVE"][..], "0\n"),
        (&[], &["SHUTDOWN"], "0\n"),
        (&[], &["SHUTDOWN", "SAVE"], "1\n"),
        (&["--save", "3600", "1"], &["SHUTDOWN"], "2\n"),
    ] {
        let server = Server::start(folder.path(), flags);
        let key = words.join("-");
        server.cli(&["SET", &key, "1"]);
        server.cli(words);
        let (status, said) = server.end();
        assert!(status.success(), "{words:?}: {said}");
        assert_eq!(Server::start(folder.path(), &[]).cli(&["DBSIZE"]), kept, "{flags:?} {words:?}");
    }
}

#[test]
fn a_snapshot_of_nothing_is_in_its_place_at_once() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--save", "3600", "1"]);
    let mut client = server.client();
    for _ in 0..20 {
        client.call("SET a 1", "+OK\r\n");
        client.call("FLUSHALL", "+OK\r\n");
        client.call("SET a 1", "+OK\r\n");
        client.call("SAVE", "+OK\r\n");
    }
    check_rdb(folder.path());
}

#[test]
fn a_reload_takes_the_snapshot_that_is_there_or_adds_it() {
    const FAILED: &str = "-ERR Error trying to load the RDB dump, check server logs.\r\n";
    let folder = folder();
    let mut server = Server::start(folder.path(), &[LOG, &["--enable-debug-command", "yes"]].concat());
    let mut client = server.client();
    client.call("DEBUG RELOAD NOSAVE", FAILED);
    server.wait_for("AOF rewrite finished");
    client.call("SET a saved", "+OK\r\n");
    client.call("DEBUG RELOAD", "+OK\r\n");
    client.call("MSET a changed b added", "+OK\r\n");
    client.call("DEBUG RELOAD NOSAVE NOFLUSH", FAILED);
    server.wait_for("AOF rewrite finished");
    client.call("MGET a b", "*2\r\n$7\r\nchanged\r\n$5\r\nadded\r\n");
    client.call("DEBUG RELOAD NOSAVE NOFLUSH MERGE", "+OK\r\n");
    client.call("MGET a b", "*2\r\n$5\r\nsaved\r\n$5\r\nadded\r\n");
    server.wait_for("AOF rewrite finished");
    server.kill();

    // The log tells of what was loaded.
    let mut server = Server::start(folder.path(), &[LOG, &["--enable-debug-command", "yes"]].concat());
    let mut client = server.client();
    client.call("MGET a b", "*2\r\n$5\r\nsaved\r\n$5\r\nadded\r\n");
    client.call("DEBUG RELOAD NOSAVE", "+OK\r\n");
    client.call("MGET a b", "*2\r\n$5\r\nsaved\r\n$-1\r\n");
    server.wait_for("AOF rewrite finished");
    server.kill();
    let server = Server::start(folder.path(), LOG);
    assert_eq!(server.cli(&["MGET", "a", "b"]), "saved\n\n");
}

#[test]
fn the_log_is_obeyed_whatever_is_refused_to_clients() {
    let folder = folder();
    let server = Server::start(folder.path(), LOG);
    let mut client = server.client();
    client.call("SETRANGE a 2999999 x", ":3000000\r\n");
    client.call("RPUSH l x", ":1\r\n");
    server.kill();
    let log = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    // A log from elsewhere may hold scripts.
    let mut log = OpenOptions::new().append(true).open(log).unwrap();
    let script = "redis.call('INCR', 'b')";
    write!(log, "*3\r\n$4\r\nEVAL\r\n${}\r\n{script}\r\n$1\r\n0\r\n", script.len()).unwrap();
    for flags in [
        &["--replicaof", "127.0.0.1", "1"][..],
        &["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"],
        &["--min-replicas-to-write", "1"],
        &["--maxmemory", "2mb"],
    ] {
        let server = Server::start(folder.path(), &[LOG, flags].concat());
        server.cli(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
        assert_eq!(server.cli(&["GET", "b"]), "1\n", "{flags:?}");
        server.kill();
    }
}

#[test]
fn save_and_bgsave_write_while_clients_go_on() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    server.cli(&["SET", "a", "1"]);
    assert_eq!(server.cli(&["SAVE"]), "OK\n");
    server.wait_for("DB saved on disk");
    check_rdb(folder.path());
    fs::remove_file(folder.path().join("dump.rdb")).unwrap();

    let mut client = server.client();
    let fill: String = (0..20_000).map(|i| format!("SET key:{i} {}\r\n", "v".repeat(100))).collect();
    client.send(fill);
    client.expect("+OK\r\n".repeat(20_000));
    client.call("BGSAVE", "+Background saving started\r\n");
    // The snapshot is of the moment of BGSAVE: what comes now is not in it.
    client.call("SET late 1", "+OK\r\n");
    client.call("SET a changed", "+OK\r\n");
    server.wait_for("DB saved on disk");
    check_rdb(folder.path());
    server.kill();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.cli(&["MGET", "a", "late", "key:19999"]), format!("1\n\n{}\n", "v".repeat(100)));
}

#[test]
fn save_points_and_flushall_save() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["--save", "10", "2", "--test-clock"]);
    server.cli(&["MSET", "a", "1", "b", "2"]);
    server.pass(9);
    assert!(!folder.path().join("dump.rdb").exists());
    server.pass(3);
    server.wait_for("DB saved on disk");
    assert_eq!(keys_in_dump(folder.path()), "2");
    assert_eq!(server.cli(&["FLUSHALL"]), "OK\n");
    server.wait_for("DB saved on disk");
    assert_eq!(keys_in_dump(folder.path()), "0");
}

#[test]
fn a_snapshot_that_cannot_be_kept_refuses_writes() {
    let folder = folder();
    let place = folder.path().join("gone");
    fs::create_dir(&place).unwrap();
    let server = Server::start(&place, &["--save", "3600", "1"]);
    fs::remove_dir(&place).unwrap();
    assert!(server.cli(&["SAVE"]).starts_with("ERR"));
    assert!(server.cli(&["SET", "a", "1"]).starts_with("MISCONF Redis is configured to save RDB snapshots"));
    assert!(server.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err"));
    assert_eq!(server.cli(&["SHUTDOWN"]), "ERR Errors trying to SHUTDOWN. Check logs.\n\n");
    fs::create_dir(&place).unwrap();
    assert_eq!(server.cli(&["SAVE"]), "OK\n");
    assert_eq!(server.cli(&["SET", "a", "1"]), "OK\n");
}

#[test]
fn a_damaged_snapshot_stops_the_start() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--save", "3600", "1"]);
    server.cli(&["SET", "a", "hello"]);
    server.terminate();
    let path = folder.path().join("dump.rdb");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() - 12;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (status, said) =
        Server::spawn(&mut Command::new(REDLET), folder.path(), &["--port", "0", "--unixsocket", "s"], 0)
            .end();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("Bad file format reading the RDB file"), "{said}");
}

#[test]
fn the_log_brings_everything_back() {
    let folder = folder();
    let server = Server::start(folder.path(), &[LOG, &["--appendfsync", "always"]].concat());
    let mut client = server.client();
    client.send("SELECT 3\r\nMULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\nRPUSH l x\r\nSET gone 1 PX 1\r\n");
    client.expect("+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n:1\r\n+OK\r\n");
    server.kill();
    check_aof(folder.path());
    let server = Server::start(folder.path(), LOG);
    assert_eq!(server.cli(&["-n", "3", "MGET", "a", "gone"]), "2\n\n");
    assert_eq!(server.cli(&["-n", "3", "LRANGE", "l", "0", "-1"]), "x\n");
}

#[test]
fn a_rewrite_begins_the_log_anew() {
    let folder = folder();
    let mut server = Server::start(folder.path(), LOG);
    for _ in 0..3 {
        server.cli(&["INCR", "n"]);
    }
    let mut client = server.client();
    client.call("BGREWRITEAOF", "+Background append only file rewriting started\r\n");
    client.call("INCR n", ":4\r\n");
    server.wait_for("Background AOF rewrite finished successfully");
    client.call("INCR n", ":5\r\n");
    check_aof(folder.path());
    assert_eq!(
        files_of_log(folder.path()),
        ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
    );
    server.terminate();
    let changes = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.2.incr.aof")).unwrap();
    assert!(changes.starts_with("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"), "{changes}");
    assert_eq!(changes.matches("INCR").count(), 2, "{changes}");
    assert_eq!(Server::start(folder.path(), LOG).cli(&["GET", "n"]), "5\n");
}

#[test]
fn the_log_is_switched_on_and_off_while_running() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    server.cli(&["SET", "before", "1"]);
    assert_eq!(server.cli(&["CONFIG", "SET", "appendonly", "yes"]), "OK\n");
    server.cli(&["SET", "with", "1"]);
    server.wait_for("Background AOF rewrite finished successfully");
    assert_eq!(server.cli(&["CONFIG", "SET", "appendonly", "no"]), "OK\n");
    server.cli(&["SET", "after", "1"]);
    check_aof(folder.path());
    server.kill();
    assert_eq!(Server::start(folder.path(), LOG).cli(&["EXISTS", "before", "with", "after"]), "2\n");
}

#[test]
fn a_log_grows_only_so_far() {
    let folder = folder();
    let flags = ["--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "100"];
    let mut server = Server::start(folder.path(), &[LOG, &flags].concat());
    let mut client = server.client();
    client.send(format!("SET k {}\r\n", "v".repeat(1000)).repeat(20));
    client.expect("+OK\r\n".repeat(20));
    server.wait_for("Starting automatic rewriting of AOF on");
    server.wait_for("Background AOF rewrite finished successfully");
    let state = server.cli(&["INFO", "persistence"]);
    assert!(state.contains("aof_rewrites:1"), "{state}");
}

#[test]
fn a_log_without_its_end_is_loaded_if_it_may_be() {
    let folder = folder();
    let server = Server::start(folder.path(), LOG);
    server.cli(&["SET", "a", "1"]);
    server.cli(&["SET", "b", "2"]);
    server.terminate();
    let path = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let len = fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(len - 3).unwrap();

    let strict = [LOG, &["--aof-load-truncated", "no", "--port", "0", "--unixsocket", "s"]].concat();
    let (status, said) = Server::spawn(&mut Command::new(REDLET), folder.path(), &strict, 0).end();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("Unexpected end of file reading the append only file"), "{said}");

    let server = Server::start(folder.path(), LOG);
    assert!(
        server.said.contains("AOF loaded anyway because aof-load-truncated is enabled"),
        "{}",
        server.said
    );
    assert_eq!(server.cli(&["MGET", "a", "b"]), "1\n\n");
    server.cli(&["SET", "c", "3"]);
    server.terminate();
    check_aof(folder.path());
    assert_eq!(Server::start(folder.path(), LOG).cli(&["MGET", "a", "b", "c"]), "1\n\n3\n");
}

#[test]
fn a_log_of_one_file_is_taken_over() {
    let folder = folder();
    let old = "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    fs::write(folder.path().join("appendonly.aof"), old).unwrap();
    let server = Server::start(folder.path(), LOG);
    assert_eq!(server.cli(&["-n", "2", "INCR", "a"]), "2\n");
    server.terminate();
    assert_eq!(
        files_of_log(folder.path()),
        ["appendonly.aof", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]
    );
    check_aof(folder.path());
    assert_eq!(Server::redis(folder.path(), LOG).cli(&["-n", "2", "GET", "a"]), "2\n");
}

#[test]
fn redis_server_opens_our_files_and_we_open_its() {
    let folder = folder();
    let fill = |server: &Server, name: &str| {
        server.cli(&["SET", name, &"long ".repeat(100)]);
        server.cli(&["RPUSH", &format!("{name}-list"), "1", "two", &"3".repeat(10_000)]);
        server.cli(&["SET", &format!("{name}-volatile"), "1", "EX", "10000"]);
    };
    let flags = [LOG, &["--save", "3600", "1"]].concat();
    let ours = Server::start(folder.path(), &flags);
    fill(&ours, "ours");
    ours.terminate();
    let theirs = Server::redis(folder.path(), &flags);
    assert_eq!(theirs.cli(&["DBSIZE"]), "3\n");
    fill(&theirs, "theirs");
    theirs.terminate();
    for flags in [LOG, &[]] {
        let ours = Server::start(folder.path(), flags);
        assert_eq!(ours.cli(&["DBSIZE"]), "6\n", "{flags:?}");
        assert_eq!(ours.cli(&["LINDEX", "theirs-list", "2"]).len(), 10_001);
        let left: u64 = ours.cli(&["TTL", "theirs-volatile"]).trim().parse().unwrap();
        assert!((9_000..=10_000).contains(&left), "{left}");
    }
}

#[test]
fn the_log_tells_the_time_once_a_second() {
    let folder = folder();
    let flags = [LOG, &["--aof-timestamp-enabled", "yes"]].concat();
    let mut server = Server::start(folder.path(), &[&flags[..], &["--test-clock"]].concat());
    let mut client = server.client();
    client.send("SET a 1\r\nSET b 1\r\n");
    client.expect("+OK\r\n+OK\r\n");
    server.pass(2);
    client.call("INCR a", ":2\r\n");
    client.call("INCR a", ":3\r\n");
    server.terminate();
    let changes = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof")).unwrap();
    let times: Vec<_> = changes.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(times.len(), 2, "{changes}");
    assert!(changes.starts_with("#TS:1700000000\r\n*2\r\n$6\r\nSELECT"), "{changes}");
    let later: u64 = times[1].strip_prefix("#TS:").unwrap().parse().unwrap();
    assert!((1_700_000_001..=1_700_000_002).contains(&later), "{later}");
    check_aof(folder.path());
    let theirs = Server::redis(folder.path(), &flags);
    assert_eq!(theirs.cli(&["INCR", "a"]), "4\n");
    theirs.terminate();
    assert_eq!(Server::start(folder.path(), &flags).cli(&["MGET", "a", "b"]), "4\n1\n");
}

#[test]
fn what_an_interrupted_rewrite_has_left_is_removed() {
    let folder = folder();
    let server = Server::start(folder.path(), LOG);
    server.cli(&["SET", "a", "1"]);
    server.kill();
    let log = folder.path().join("appendonlydir");
    // It ended after the switch to a new snapshot, and in the middle of the next one.
    let manifest = fs::read_to_string(log.join("appendonly.aof.manifest")).unwrap();
    let old = "file appendonly.aof.7.incr.aof seq 7 type h\n";
    fs::write(log.join("appendonly.aof.manifest"), format!("{old}{manifest}")).unwrap();
    fs::write(log.join("appendonly.aof.7.incr.aof"), "*1\r\n$8\r\nFLUSHALL\r\n").unwrap();
    fs::write(log.join("temp-rewriteaof-bg-1-1.aof"), "REDIS").unwrap();
    fs::write(log.join("temp-appendonly.aof.manifest"), "file").unwrap();
    let server = Server::start(folder.path(), LOG);
    assert_eq!(server.cli(&["INCR", "a"]), "2\n");
    server.terminate();
    let manifest = fs::read_to_string(log.join("appendonly.aof.manifest")).unwrap();
    assert!(!manifest.contains("type h"), "{manifest}");
    assert!(
        !files_of_log(folder.path()).iter().any(|name| name.contains("temp-rewrite") || name.contains(".7."))
    );
    assert_eq!(Server::redis(folder.path(), LOG).cli(&["GET", "a"]), "2\n");
}

#[test]
fn a_kill_during_a_rewrite_loses_nothing() {
    let folder = folder();
    let flags = [LOG, &["--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]].concat();
    let mut expected = 0;
    for round in 0..4 {
        let server = Server::start(folder.path(), &flags);
        assert_eq!(server.cli(&["GET", "n"]).trim().parse().unwrap_or(0), expected, "round {round}");
        let mut client = server.client();
        let fill: String = (0..5_000).map(|i| format!("SET key:{i} {}\r\n", "v".repeat(200))).collect();
        client.send(fill);
        client.expect("+OK\r\n".repeat(5_000));
        client.call("BGREWRITEAOF", "+Background append only file rewriting started\r\n");
        for _ in 0..round * 5 {
            expected += 1;
            client.call("INCR n", &format!(":{expected}\r\n"));
        }
        server.kill();
    }
    let theirs = Server::redis(folder.path(), LOG);
    assert_eq!(theirs.cli(&["GET", "n"]), format!("{expected}\n"));
    assert_eq!(theirs.cli(&["DBSIZE"]), "5001\n");
}

#[test]
fn with_always_the_disk_comes_before_the_reply() {
    let folder = folder();
    let trace = folder.path().join("trace");
    let mut program = Command::new("strace");
    program.arg("-f").arg("-o").arg(&trace);
    program.args(["-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg", "-e", "signal=none", REDLET]);
    let server = Server::start_program(program, folder.path(), &[LOG, &["--appendfsync", "always"]].concat());
    for i in 0..20 {
        assert_eq!(server.cli(&["SET", "k", &format!("value-{i}")]), "OK\n");
    }
    let (mut a, mut b) = (server.client(), server.client());
    a.send("SET x value-a\r\nSET x value-b\r\n");
    b.send("SET x value-c\r\n");
    a.expect("+OK\r\n+OK\r\n");
    b.expect("+OK\r\n");
    server.cli(&["SHUTDOWN"]);
    server.end();

    let (mut unsynced, mut written, mut replies) = (false, 0, 0);
    let text = fs::read_to_string(&trace).unwrap_or_else(|error| panic!("{error}: install strace"));
    for line in text.lines() {
        let call = line.split_once(' ').unwrap_or_default().1.trim_start();
        if call.starts_with("write") && call.contains("value-") {
            (unsynced, written) = (true, written + call.matches("value-").count());
        } else if call.starts_with("fdatasync(") {
            assert!(call.ends_with("= 0"), "{line}");
            unsynced = false;
        } else if call.contains("+OK") {
            assert!(!unsynced, "a reply before the disk: {line}");
            replies += call.matches("+OK").count();
        }
    }
    assert!(written >= 20 && replies >= 23, "{written} writes, {replies} replies\n{text}");
}

fn check_rdb(folder: &Path) {
    run("redis-check-rdb", "redis-tools", Command::new("redis-check-rdb").arg(folder.join("dump.rdb")));
}

fn keys_in_dump(folder: &Path) -> String {
    let mut check = Command::new("redis-check-rdb");
    let text = run("redis-check-rdb", "redis-tools", check.arg(folder.join("dump.rdb")));
    text.split("[info] ").nth(1).and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned()
}

fn check_aof(folder: &Path) {
    let manifest = folder.join("appendonlydir/appendonly.aof.manifest");
    let text = run("redis-check-aof", "redis-tools", Command::new("redis-check-aof").arg(manifest));
    assert!(text.contains("All AOF files and manifest are valid"), "{text}");
}

fn files_of_log(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("appendonlydir")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
