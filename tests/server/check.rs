//! `--check-rdb` and `--check-aof`, on files that a real redis-server has made, whole and damaged.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Output};

use crate::process::{REDLET, Server, folder, piped};

/// Runs a check with an answer on standard input; returns whether it found everything in order, and what it says.
fn check(words: &[&str], file: &Path, answer: &str) -> (bool, String) {
    let mut child = piped(REDLET).args(words).arg(file).spawn().expect("it was built");
    match child.stdin.take().expect("piped").write_all(answer.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("the answer can't be given: {error}"),
        // One that asks nothing may have ended by now.
        _ => {}
    }
    told(child.wait_with_output().expect("it ends"))
}

fn check_rdb(file: &Path) -> (bool, String) {
    check(&["--check-rdb"], file, "")
}

fn check_aof(file: &Path) -> (bool, String) {
    check(&["--check-aof"], file, "")
}

/// Runs the tool of Redis on the same.
fn redis_check(tool: &str, file: &Path) -> (bool, String) {
    let output = Command::new(tool).arg(file).output();
    told(output.unwrap_or_else(|error| panic!("{tool} can't be started ({error}): install redis-tools")))
}

fn told(Output { status, stdout, .. }: Output) -> (bool, String) {
    (status.success(), String::from_utf8_lossy(&stdout).into_owned())
}

/// Leaves out the numbers of lines: redis-check-aof does not count those of timestamps.
fn without_lines(text: &str) -> String {
    text.split(", ").filter(|part| !part.starts_with("ok_up_to_line=")).collect::<Vec<_>>().join(", ")
}

/// Has redis-server make a dump and a log of the same data.
fn made_by_redis(folder: &Path) {
    let redis = Server::redis(folder, &["--appendonly", "yes", "--aof-timestamp-enabled", "yes"]);
    redis.cli(&["SET", "a", "1"]);
    redis.cli(&["SET", "b", &"long ".repeat(100), "EX", "10000"]);
    redis.cli(&["-n", "3", "RPUSH", "list", "x", "y"]);
    redis.cli(&["-n", "3", "HSET", "hash", "field", "value"]);
    redis.cli(&["SET", "last", "value"]);
    assert_eq!(redis.cli(&["SAVE"]), "OK\n");
    redis.terminate();
}

#[test]
fn a_whole_snapshot_is_told_of_as_redis_tells_of_it() {
    let folder = folder();
    made_by_redis(folder.path());
    let file = folder.path().join("dump.rdb");
    let ours = check_rdb(&file);
    let (sound, text) = redis_check("redis-check-rdb", &file);
    // redis-check-rdb names the file as it was given.
    assert_eq!(ours, (sound, text.replace(&*file.to_string_lossy(), "dump.rdb")));
    assert!(sound && ours.1.contains("[info] 5 keys read\n[info] 1 expires\n[info] 0 already expired\n"));
}

#[test]
fn damage_of_a_snapshot_is_told_with_its_place_and_key() {
    let folder = folder();
    made_by_redis(folder.path());
    let file = folder.path().join("dump.rdb");
    let whole = fs::read(&file).unwrap();

    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&file, &flipped).unwrap();
    let (sound, text) = check_rdb(&file);
    assert!(!sound && text.contains("--- RDB ERROR DETECTED ---\n[offset"), "{text}");
    assert!(text.contains("the checksum is") && text.contains("[info] 5 keys read"), "{text}");
    assert!(!redis_check("redis-check-rdb", &file).0);

    let hash = whole.windows(4).position(|bytes| bytes == b"hash").unwrap();
    let mut damaged = whole.clone();
    damaged[hash + 6] ^= 0xff;
    fs::write(&file, &damaged).unwrap();
    let (sound, text) = check_rdb(&file);
    assert!(!sound && text.contains("[additional info] Reading key 'hash'"), "{text}");

    for end in [0, 5, 9, 30, hash + 8, whole.len() - 1] {
        fs::write(&file, &whole[..end]).unwrap();
        let (sound, text) = check_rdb(&file);
        assert!(!sound && text.contains(&format!("[offset {end}] the snapshot ends early")), "{text}");
    }
    fs::write(&file, "no snapshot at all").unwrap();
    assert!(check_rdb(&file).1.contains("[offset 9] no snapshot begins like this"), "{}", check_rdb(&file).1);
    let (sound, text) = check_rdb(&folder.path().join("none"));
    assert!(!sound && text.starts_with("Cannot open file") && text.ends_with("No such file or directory\n"));
}

#[test]
fn a_log_is_checked_file_by_file() {
    let folder = folder();
    made_by_redis(folder.path());
    let manifest = folder.path().join("appendonlydir/appendonly.aof.manifest");
    let ours = check_aof(&manifest);
    let theirs = redis_check("redis-check-aof", &manifest);
    assert_eq!((ours.0, without_lines(&ours.1)), (theirs.0, without_lines(&theirs.1)));
    assert!(ours.0 && ours.1.ends_with("All AOF files and manifest are valid\n"));

    let changes = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let ours = check_aof(&changes);
    assert!(ours.0, "{}", ours.1);
    fs::remove_file(&changes).unwrap();
    let (sound, text) = check_aof(&manifest);
    assert!(!sound && text.contains("No such file or directory, aborting..."), "{text}");
    fs::write(&manifest, "file a.1.base.rdb seq x type b\n").unwrap();
    let (sound, text) = check_aof(&manifest);
    assert!(
        !sound && text.contains("at line 1\n") && text.contains("Invalid AOF manifest file format"),
        "{text}"
    );
}

#[test]
fn fixing_cuts_a_log_off_if_it_may() {
    let folder = folder();
    made_by_redis(folder.path());
    let manifest = folder.path().join("appendonlydir/appendonly.aof.manifest");
    let changes = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let whole = fs::read(&changes).unwrap();
    let last = whole.windows(4).rposition(|bytes| bytes == b"*3\r\n").unwrap();
    let multi = [&whole[..], b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n2\r\n"].concat();
    let nested = [&multi[..], b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n"].concat();
    let rubbish = [&whole[..], b"rubbish\r\n"].concat();
    for (bytes, intact) in [
        (&whole[..whole.len() - 3], last),
        (&multi, whole.len()),
        (&nested, whole.len()),
        (&rubbish, whole.len()),
    ] {
        fs::write(&changes, bytes).unwrap();
        let (sound, text) = check_aof(&manifest);
        assert!(!sound && text.ends_with("Use the --fix option to try fixing it.\n"), "{text}");
        assert!(text.contains(&format!("ok_up_to={intact}, ")), "{text}");
        let (_, theirs) = redis_check("redis-check-aof", &manifest);
        assert!(theirs.contains(&format!("ok_up_to={intact}, ")), "{theirs}");

        let (sound, text) = check(&["--check-aof", "--fix"], &manifest, "n\n");
        assert!(!sound && text.ends_with("Continue? [y/N]: Aborting...\n"), "{text}");
        assert_eq!(fs::read(&changes).unwrap(), bytes);
        let (sound, text) = check(&["--check-aof", "--fix"], &manifest, "y\n");
        assert!(sound && text.contains("Successfully truncated AOF appendonly.aof.1.incr.aof\n"), "{text}");
        assert_eq!(fs::read(&changes).unwrap(), whole[..intact]);
        assert!(check_aof(&manifest).0 && redis_check("redis-check-aof", &manifest).0);
    }
}

#[test]
fn a_log_is_cut_off_after_a_second() {
    let folder = folder();
    let call = |value: &str| format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n{value}\r\n");
    let log =
        ["#TS:10\r\n", &call("1"), "#TS:11\r\n", &call("2"), "#TS:12\r\n#TS:13\r\n", &call("3")].concat();
    let name = |number: u32, kind: char| format!("file a.{number} seq {number} type {kind}\n");
    let manifest = folder.path().join("a.manifest");
    let cut = |tool: &str, words: &[&str], second: &str| {
        fs::write(folder.path().join("a.1"), &log).unwrap();
        fs::write(folder.path().join("a.2"), &log).unwrap();
        let mut program = Command::new(tool);
        let output = program.args(words).args(["--truncate-to-timestamp", second]).arg(&manifest).output();
        let (sound, text) = told(output.unwrap_or_else(|error| panic!("{tool}: {error}")));
        (sound, text, fs::read_to_string(folder.path().join("a.2")).unwrap())
    };
    for list in [name(2, 'i'), name(1, 'b') + &name(2, 'i')] {
        fs::write(&manifest, &list).unwrap();
        for second in ["9", "10", "11", "12", "13", "14", "x"] {
            let (sound, text, rest) = cut(REDLET, &["--check-aof"], second);
            let theirs = cut("redis-check-aof", &[], second);
            assert_eq!(
                (sound, &*text.replace("re-run --check-aof", "re-run redis-check-aof"), &rest),
                (theirs.0, &*theirs.1, &theirs.2)
            );
        }
    }
}

#[test]
fn a_log_that_begins_with_a_snapshot_is_checked_whole() {
    let folder = folder();
    made_by_redis(folder.path());
    let snapshot = fs::read(folder.path().join("dump.rdb")).unwrap();
    let changes = fs::read(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof")).unwrap();
    let file = folder.path().join("old.aof");
    fs::write(&file, [&snapshot[..], &changes].concat()).unwrap();
    let (sound, text) = check_aof(&file);
    let size = snapshot.len() + changes.len();
    assert!(sound && text.contains(&format!("size={size}, ok_up_to={size}, ")), "{text}");
    fs::write(&file, [&snapshot[..], &changes[..changes.len() - 1]].concat()).unwrap();
    let (sound, text) = check_aof(&file);
    assert!(!sound && text.contains("RDB preamble is OK") && text.contains(", diff="), "{text}");
    assert!(redis_check("redis-check-aof", &file).1.contains(text.split(", ").nth(2).unwrap()), "{text}");
    let mut damaged = snapshot.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&file, [&damaged[..], &changes].concat()).unwrap();
    let (sound, text) = check(&["--check-aof", "--fix"], &file, "y\n");
    assert!(!sound && text.ends_with("RDB preamble of AOF file is not sane, aborting.\n"), "{text}");
    fs::write(&file, "").unwrap();
    assert!(check_aof(&file).1.contains(" is empty\n"));
}
