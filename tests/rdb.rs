//! Snapshots and logs between us and a real redis-server: each loads what the other wrote, and damage fools nobody.
//!
//! These tests need redis-server, redis-check-rdb and redis-check-aof 7.0 (apt install redis-server).

mod support;

use std::path::Path;
use std::process::Command;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::request::Reload;
use redlet::engine::{Config, Peer};
use redlet::store::{Damage, Loaded, Progress, Purpose, Store};

use support::connection::Connection;
use support::server::Server;
use support::words::to_resp;

/// Long before every deadline of the samples, by the clock of any machine that runs this.
const NOW: Time = Time::from_seconds(1_700_000_000);
const LATER_MS: u64 = 9_999_999_999_123;

#[test]
fn redis_loads_what_we_write() {
    for (seed, settings) in [(1, ""), (2, "rdbcompression"), (3, "rdbchecksum")] {
        let mut store = filled(seed);
        for setting in settings.split_terminator(' ') {
            configure(&mut store, setting, "no");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("dump.rdb");
        std::fs::write(&file, snapshot(&mut store, 64 * 1024)).expect("a file");
        check(&file);
        let redis = redis_in(folder.path());
        let mut connection = redis.connect();
        assert_eq!(digest_of(&mut connection), digest(&store), "seed {seed}");
        for db in 0..store.engine().keyspace().databases() as u32 {
            connection.call(&["SELECT", &db.to_string()]);
            let entries = store.engine().keyspace().database(db).iter();
            for entry in entries.filter(|entry| entry.deadline().is_some()).take(20) {
                connection.send(&to_resp(&[b"PEXPIRETIME".to_vec(), entry.key().to_vec()]));
                let expected = format!(":{}\r\n", entry.deadline().expect("filtered").millis());
                let bytes = expected.len();
                while connection.arrived().0.len() < bytes && connection.wait() {}
                assert_eq!(String::from_utf8_lossy(connection.arrived().0), expected, "{entry:?}");
                connection.clear();
            }
        }
    }
}

#[test]
fn we_load_what_redis_writes() {
    for seed in [4, 5] {
        let folder = tempfile::tempdir().expect("a folder");
        let redis = redis_in(folder.path());
        let mut connection = redis.connect();
        connection.send(b"CLIENT REPLY OFF\r\n");
        connection.send(&sample(seed));
        connection.call(&["CLIENT", "REPLY", "ON"]);
        assert_eq!(connection.call(&["SAVE"]), b"+OK\r\n");
        let bytes = std::fs::read(folder.path().join("dump.rdb")).expect("it was saved");
        let mut store = Store::new(Config::default(), 1);
        let loaded = load(&mut store, &bytes, 10_007).expect("redis-server wrote it");
        assert_eq!(loaded.bytes, bytes.len() as u64);
        assert_eq!(digest(&store), digest_of(&mut connection), "seed {seed}");
        assert_eq!(store.engine().keyspace().digest(), filled(seed).engine().keyspace().digest());
    }
}

#[test]
fn we_run_the_log_that_redis_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("temporary folders have plain names");
    let redis = start_redis(&["--dir", path, "--appendonly", "yes", "--aof-timestamp-enabled", "yes"]);
    let mut connection = redis.connect();
    connection.send(b"CLIENT REPLY OFF\r\n");
    connection.send(&sample(7));
    connection.send(b"MULTI\r\nSET in transaction EX 1000000000\r\nLPUSH list:1 x\r\nEXEC\r\n");
    connection.call(&["CLIENT", "REPLY", "ON"]);
    let log = std::fs::read(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof")).expect("a log");
    let mut store = Store::new(Config::default(), 1);
    log.chunks(10_007).for_each(|piece| store.replay(piece, NOW).expect("redis-server wrote it"));
    assert_eq!(store.replay_done(NOW), Ok(log.len() as u64));
    assert_eq!(digest(&store), digest_of(&mut connection));
}

#[test]
fn redis_runs_the_log_that_we_write() {
    let mut store = Store::new(Config::default(), 1);
    store.engine_mut().set_logging(true);
    let client = store.connect(Peer::default(), NOW);
    store.receive(client, &sample(8), NOW);
    store.receive(client, b"MULTI\r\nSET in transaction EX 1000000000\r\nLPUSH list:1 x\r\nEXEC\r\n", NOW);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("temporary folders have plain names");
    let files = folder.path().join("appendonlydir");
    std::fs::create_dir(&files).expect("a folder");
    std::fs::write(files.join("appendonly.aof.1.incr.aof"), store.log()).expect("a file");
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    std::fs::write(files.join("appendonly.aof.manifest"), manifest).expect("a file");
    let output = Command::new("redis-check-aof").arg(files.join("appendonly.aof.manifest")).output();
    assert!(output.expect("redis-check-aof is needed").status.success());
    let redis = start_redis(&["--dir", path, "--appendonly", "yes"]);
    assert_eq!(digest_of(&mut redis.connect()), digest(&store));
}

#[test]
fn redis_loads_a_snapshot_that_was_written_between_changes() {
    let mut store = filled(6);
    let expected = digest(&store);
    let client = store.connect(Peer::default(), NOW);
    let mut random = Random::new(6);
    let mut bytes = vec![];
    store.begin_snapshot(Purpose::Base, NOW);
    while store.step_snapshot(5_000, &mut bytes) == Progress::Working {
        let db = [0, 3, 15][random.below(3) as usize];
        let changes = match random.below(300) {
            0 => "FLUSHDB\r\n".into(),
            1 => format!("SWAPDB {db} 3\r\n"),
            n => format!(
                "SELECT {db}\r\nRENAME string:{n} new\r\nRPUSH list:{n} more\r\nDEL string:{}\r\n",
                n + 1
            ),
        };
        store.receive(client, changes.as_bytes(), NOW);
    }
    store.snapshot_done(Ok(()), NOW);
    assert_ne!(digest(&store), expected, "much has changed meanwhile");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump.rdb");
    std::fs::write(&file, &bytes).expect("a file");
    check(&file);
    assert_eq!(digest_of(&mut redis_in(folder.path()).connect()), expected);
}

/// Everything that earlier versions wrote for strings and collections, put together by hand.
#[test]
fn forms_of_earlier_versions_are_read_as_redis_reads_them() {
    let string = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
    let ziplist = |entries: &[&[u8]]| {
        let body = entries.concat();
        let size = (10 + body.len() + 1) as u32;
        let last = size - 1 - entries.last().expect("not empty").len() as u32;
        let count = entries.len() as u16;
        [&size.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
    };
    let [one, two] = [
        ziplist(&[
            &[0, 1, b'a'],
            &[3, 0xf2],
            &[2, 0xfe, 13],
            &[3, 0xc0, 0x2c, 1],
            &[4, 0xf0, 0x90, 0xee, 0xfe],
        ]),
        ziplist(&[&[0, 0xd0, 0x40, 0x54, 0x89, 0], &[6, 0x40, 2, b'h', b'i'], &[5, 0xfe, 0xff]]),
    ];
    let pairs = ziplist(&[&[0, 1, b'a'], &[3, 0xf2], &[2, 1, b'b'], &[3, 3, b't', b'w', b'o']]);
    let scored = ziplist(&[&[0, 1, b'a'], &[3, 0xf2], &[2, 1, b'b'], &[3, 3, b'2', b'.', b'5']]);
    let file = [
        &b"REDIS0009"[..],
        b"\xfe\x00\xfb\x05\x01",
        // A list of strings, one of which is an integer and one compressed.
        &[&[1][..], &string(b"elements"), &[4], &string(b"plain"), &[0xc1, 0x39, 0x30]].concat(),
        &[&[0xc3, 4, 9][..], &[0, b'z', 0xc0, 0], b"\xc3\x05\x0c", &[0, b'y', 0xe0, 2, 0]].concat(),
        &[&[10][..], &string(b"ziplist"), &string(&one)].concat(),
        &[&[14][..], &string(b"quicklist"), &[2], &string(&one), &string(&two)].concat(),
        &[&[9][..], &string(b"zipmap"), &string(b"\x02\x01a\x03\x00one\x03two\x02\x0122!\xff")].concat(),
        &[&[13][..], &string(b"hash ziplist"), &string(&pairs)].concat(),
        // Scores in digits, without any, and as they are in memory.
        &[&[3][..], &string(b"digits"), &[4], &string(b"a"), &string(b"1.5"), &[0xc0, 7], &[254]].concat(),
        &[&string(b"low")[..], &[255], &string(b"c"), &string(b"7e3")].concat(),
        &[&[5][..], &string(b"binary"), &[2], &string(b"a"), &1.5f64.to_le_bytes()].concat(),
        &[&string(b"b")[..], &f64::INFINITY.to_le_bytes()].concat(),
        &[&[12][..], &string(b"pairs"), &string(&scored)].concat(),
        // Seconds, how long unused, how often used, and lengths in more bytes than they need.
        &[b"\xfd\xff\xff\xff\x7f\xf8\x40\x0a\x00", &string(b"seconds")[..], b"\x40\x02ab"].concat(),
        b"\xf9\x07\x00\x80\x00\x00\x00\x03key\x81\x00\x00\x00\x00\x00\x00\x00\x03abc",
        b"\xfe\x0f\x00\xc0\x07\xc2\x00\x00\x00\x80",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x00",
    ]
    .concat();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dump.rdb"), &file).expect("a file");
    check(&folder.path().join("dump.rdb"));
    let mut store = Store::new(Config::default(), 1);
    assert_eq!(load(&mut store, &file, 1).map(|loaded| loaded.keys), Ok(11));
    assert_eq!(digest_of(&mut redis_in(folder.path()).connect()), digest(&store));
}

#[test]
fn snapshots_of_valkey_are_read_and_others_of_its_numbers_are_not() {
    let field = |name: &[u8], value: &[u8], ms: i64| {
        let string = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
        [string(name), string(value), ms.to_le_bytes().to_vec()].concat()
    };
    let far = 4_000_000_000_000i64;
    let hash = [&b"\x16\x01h\x02"[..], &field(b"a", b"1", -1), &field(b"b", b"2", far)].concat();
    let file = |head: &[u8]| [head, b"\xfe\x00", &hash, b"\x00\x01k\x01v\xff", &[0; 8]].concat();
    let mut store = Store::new(Config::default(), 1);
    assert_eq!(load(&mut store, &file(b"VALKEY080"), 1).map(|loaded| loaded.keys), Ok(2));
    let mut expected = Store::new(Config::default(), 1);
    let client = expected.connect(Peer::default(), NOW);
    let calls = b"HSET h a 1 b 2\r\nHPEXPIREAT h 4000000000000 FIELDS 1 b\r\nSET k v\r\n";
    expected.receive(client, calls, NOW);
    assert_eq!(digest(&store), digest(&expected));
    for head in [&b"VALKEY081"[..], b"VALKEY010", b"REDIS0080", b"VALKEY0x0"] {
        assert!(load(&mut Store::new(Config::default(), 1), &file(head), 1).is_err());
    }
}

#[test]
fn libraries_of_functions_are_handed_on() {
    let long =
        format!("#!lua name=b\nredis.register_function('g', function() return '{}' end)", "x".repeat(999));
    let codes = ["#!lua name=a\nredis.register_function('f', function() end)", &long];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump.rdb");
    let redis = redis_in(folder.path());
    let mut connection = redis.connect();
    for code in codes {
        connection.call(&["FUNCTION", "LOAD", code]);
    }
    assert_eq!(connection.call(&["SAVE"]), b"+OK\r\n");
    let listed = |connection: &mut Connection| {
        connection.call(&["FUNCTION", "STATS"]);
        ["a", "b"].map(|name| connection.call(&["FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE"]))
    };
    let expected = listed(&mut connection);

    let mut store = Store::new(Config::default(), 1);
    load(&mut store, &std::fs::read(&file).expect("it was saved"), 50).expect("redis-server wrote it");
    let client = store.connect(Peer::default(), NOW);
    store.receive(client, b"SET k v\r\nFLUSHALL\r\nSET k v\r\n", NOW);
    store.reload(Reload::default(), NOW).expect("we wrote it");
    assert_eq!(store.engine().keyspace().libraries.len(), 2);
    std::fs::write(&file, snapshot(&mut store, 100)).expect("a file");
    check(&file);
    let redis = redis_in(folder.path());
    let mut connection = redis.connect();
    assert_eq!(digest_of(&mut connection), digest(&store));
    assert_eq!(listed(&mut connection), expected);
}

#[test]
fn libraries_are_kept_where_nothing_runs_them() {
    let code = |name: &str, result: &str| {
        format!("#!lua name={name}\nredis.register_function('{name}', function() return {result} end)")
    };
    let mut store = Store::new(Config::default(), 1);
    store.engine_mut().shared_mut().interpreter = None;
    let replay = |store: &mut Store, words: &[&str]| {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        store.replay(&to_resp(&words), NOW).expect("a log");
    };
    replay(&mut store, &["FUNCTION", "LOAD", &code("lost", "0")]);
    replay(&mut store, &["FUNCTION", "FLUSH"]);
    replay(&mut store, &["FUNCTION", "LOAD", &code("a", "1")]);
    replay(&mut store, &["FUNCTION", "LOAD", &code("b", "2")]);
    replay(&mut store, &["FUNCTION", "LOAD", "REPLACE", &code("a", "3")]);
    let kept = |store: &Store| -> Vec<String> {
        let sources = store.engine().keyspace().libraries.iter();
        sources.map(|code| String::from_utf8_lossy(code).into_owned()).collect()
    };
    assert_eq!(kept(&store), [code("b", "2"), code("a", "3")]);
    replay(&mut store, &["FUNCTION", "DELETE", "b"]);
    store.replay_done(NOW).expect("a log");
    assert_eq!(kept(&store), [code("a", "3")]);
}

#[test]
fn data_of_modules_is_refused_by_name() {
    // "ReJSON-RL", version 3, as id, and a value of a number and a string.
    let id = [&[0x81][..], &0x45e2_5238_3e91_1403_u64.to_be_bytes()].concat();
    let value = [2, 9, 5, 2, b'h', b'i', 0];
    let head = b"REDIS0010";
    let of_key = [&head[..], &[7, 1, b'k'], &id, &value, &[0xff; 1], &[0; 8]].concat();
    let of_file = [&head[..], &[0xf7], &id, &[2, 1], &value, &[0xff; 1], &[0; 8]].concat();
    for (bytes, key) in [(of_key, ", key 'k'"), (of_file, "")] {
        let damage =
            load(&mut Store::new(Config::default(), 1), &bytes, 100).expect_err("refused").to_string();
        assert!(damage.starts_with("there is no module for data of type '"), "{damage}");
        assert!(damage.ends_with(key), "{damage}");
    }
}

#[test]
fn every_byte_of_a_snapshot_counts() {
    let bytes = small_snapshot();
    for (at, mask) in (0..bytes.len()).flat_map(|at| [1, 0x10, 0x80, 0xff].map(|mask| (at, mask))) {
        let mut damaged = bytes.clone();
        damaged[at] ^= mask;
        let result = load(&mut Store::new(Config::default(), 1), &damaged, 64);
        assert!(result.is_err(), "byte {at} is changed by {mask:#x}");
    }
    for end in 0..bytes.len() {
        let Err(Damage::Snapshot(damage)) = load(&mut Store::new(Config::default(), 1), &bytes[..end], 64)
        else {
            panic!("it ends after {end} bytes")
        };
        assert_eq!(damage.at, end as u64, "{damage}");
    }
}

#[test]
fn damage_that_no_checksum_shows_is_survived() {
    let bytes = small_snapshot();
    let mut random = Random::new(11);
    let mut refused = 0;
    let rounds = 20_000;
    for _ in 0..rounds {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(damaged.len() as u64) as usize;
            match random.below(3) {
                0 => damaged[at] = random.next() as u8,
                1 => drop(damaged.drain(at..(at + random.below(9) as usize).min(damaged.len()))),
                _ => damaged.insert(at, random.next() as u8),
            }
            damaged.push(0);
        }
        let mut store = Store::new(Config::default(), 1);
        configure(&mut store, "rdbchecksum", "no");
        refused += usize::from(load(&mut store, &damaged, 64).is_err());
        // Whatever was taken in is sound enough to be looked at and written again.
        let again = snapshot(&mut store, 1_000);
        let mut copy = Store::new(Config::default(), 2);
        load(&mut copy, &again, 1_000).expect("we wrote it");
        assert_eq!(copy.engine().keyspace().digest(), store.engine().keyspace().digest());
    }
    assert!(refused > rounds / 2, "{refused}");
}

/// Returns calls that give three databases strings and collections of every size class, in RESP.
fn sample(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = vec![];
    let mut call =
        |args: &[&[u8]]| bytes.extend(to_resp(&args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>()));
    for db in [0, 3, 15] {
        call(&[b"SELECT", db.to_string().as_bytes()]);
        for n in ["0", "-1", "127", "128", "-32769", "2147483647", "2147483648", "-9223372036854775808"] {
            call(&[b"SET", format!("int:{n}").as_bytes(), n.as_bytes()]);
            call(&[b"SET", n.as_bytes(), format!("0{n}").as_bytes()]);
        }
        let lens = [0, 1, 10, 20, 21, 44, 45, 63, 64, 300, 4_095, 16_383, 16_384, 70_000, 1_100_000];
        for (i, len) in (0..400).zip(lens.iter().cycle()) {
            if *len > 20_000 && i > 30 {
                continue;
            }
            let key = format!("string:{i}");
            call(&[b"SET", key.as_bytes(), &text(&mut random, *len)]);
            if random.below(3) == 0 {
                let deadline = LATER_MS + random.below(1 << 30);
                call(&[b"PEXPIREAT", key.as_bytes(), deadline.to_string().as_bytes()]);
            }
        }
        call(&[b"SET", b"", &text(&mut random, 5)]);
        call(&[b"SET", &text(&mut random, 20_000), b"long key"]);
        for i in 0..300 {
            let key = format!("list:{i}");
            let (count, longest) = [(1, 10), (5, 100), (130, 20), (9, 9_000), (2_000, 12)][i % 5];
            let elements: Vec<_> = (0..=random.below(count)).map(|_| element(&mut random, longest)).collect();
            let mut args = vec![&b"RPUSH"[..], key.as_bytes()];
            args.extend(elements.iter().map(Vec::as_slice));
            call(&args);
            if i % 7 == 0 {
                call(&[b"PEXPIREAT", key.as_bytes(), LATER_MS.to_string().as_bytes()]);
            }
        }
        for i in 0..100 {
            let key = format!("hash:{i}");
            let (count, longest) = [(1, 10), (5, 70), (130, 20), (9, 9_000), (1_500, 12)][i % 5];
            let fields: Vec<_> =
                (0..=random.below(count) | 1).map(|_| element(&mut random, longest)).collect();
            let mut args = vec![&b"HSET"[..], key.as_bytes()];
            args.extend(fields.iter().map(Vec::as_slice));
            call(&args);
        }
        for i in 0..100 {
            let key = format!("set:{i}");
            let (count, longest) = [(1, 10), (5, 70), (400, 20), (9, 9_000), (1_500, 12)][i % 5];
            let members: Vec<_> = (0..=random.below(count)).map(|_| element(&mut random, longest)).collect();
            let mut args = vec![&b"SADD"[..], key.as_bytes()];
            args.extend(members.iter().map(Vec::as_slice));
            call(&args);
            let key = format!("integers:{i}");
            let shift = [50, 40, 20, 0][i % 4];
            let members: Vec<_> = (0..=random.below(600)).map(|_| random.next() as i64 >> shift).collect();
            let members: Vec<_> = members.iter().map(i64::to_string).collect();
            let mut args = vec![&b"SADD"[..], key.as_bytes()];
            args.extend(members.iter().map(String::as_bytes));
            call(&args);
        }
        for i in 0..40 {
            let key = format!("stream:{i}");
            let count = [0, 1, 30, 250][i % 4];
            call(&[b"XGROUP", b"CREATE", key.as_bytes(), b"group", b"0", b"MKSTREAM", b"ENTRIESREAD", b"0"]);
            for n in 1..=count {
                let id = format!("{n}-{}", random.below(3));
                let (field, value) = (element(&mut random, 5), element(&mut random, 200));
                let fields = [&b"name"[..], &value, &field, b"same"];
                let len = if random.below(3) == 0 { 4 } else { 2 };
                call(&[&[b"XADD", key.as_bytes(), id.as_bytes()][..], &fields[..len]].concat());
                if random.below(2) == 0 {
                    let (at, count) = (random.below(1 << 40).to_string(), random.below(300).to_string());
                    let consumer = [&b"a"[..], b"b", b"12345"][random.below(3) as usize];
                    call(&[
                        &[b"XCLAIM", key.as_bytes(), b"group", consumer, b"0", id.as_bytes(), b"FORCE"][..],
                        &[b"TIME", at.as_bytes(), b"RETRYCOUNT", count.as_bytes(), b"LASTID", id.as_bytes()],
                    ]
                    .concat());
                }
                if random.below(9) == 0 {
                    call(&[b"XDEL", key.as_bytes(), id.as_bytes()]);
                }
            }
        }
        call(&[b"RPUSH", b"giant", &text(&mut random, 200_000), b"", &text(&mut random, 1_500_000)]);
        for i in 0..100 {
            let key = format!("board:{i}");
            let (count, longest) = [(1, 10), (100, 60), (130, 20), (9, 9_000), (2_000, 12)][i % 5];
            let pairs: Vec<_> = (0..=random.below(count))
                .map(|_| [score(&mut random), element(&mut random, longest)])
                .collect();
            let mut args = vec![&b"ZADD"[..], key.as_bytes()];
            args.extend(pairs.iter().flatten().map(Vec::as_slice));
            call(&args);
        }
    }
    bytes
}

/// Returns bytes that compress well, badly or not at all.
fn text(random: &mut Random, len: usize) -> Vec<u8> {
    let letters = [1, 3, 26, 256][random.below(4) as usize];
    (0..len).map(|_| (random.below(letters) as u8).wrapping_add(97)).collect()
}

#[test]
fn large_values_that_change_during_a_snapshot_are_copied_in_part() {
    const ELEMENTS: u64 = 30_000;
    let mut store = Store::new(Config::default(), 9);
    let client = store.connect(Peer::default(), NOW);
    for n in 0..ELEMENTS {
        let calls =
            format!("HSET hash {n} value:{n}\r\nSADD set member:{n}\r\nZADD sorted {n} member:{n}\r\n");
        store.receive(client, calls.as_bytes(), NOW);
    }
    let expected = digest(&store);
    let mut random = Random::new(9);
    let mut bytes = vec![];
    store.begin_snapshot(Purpose::Dump, NOW);
    let mut steps = 0;
    while store.step_snapshot(2_000, &mut bytes) == Progress::Working {
        for _ in 0..[1, 20, 1_000][steps.min(2)] {
            let n = random.below(2 * ELEMENTS);
            let calls = match random.below(2) {
                0 => format!("HSET hash {n} new\r\nSADD set member:{n}\r\nZADD sorted -{n} member:{n}\r\n"),
                _ => format!("HDEL hash {n}\r\nSREM set member:{n}\r\nZREM sorted member:{n}\r\n"),
            };
            store.receive(client, calls.as_bytes(), NOW);
        }
        if steps == 1 {
            let kept = store.engine().keyspace().kept_bytes();
            assert!((1..100_000).contains(&kept), "{kept} bytes were copied of some millions");
        }
        steps += 1;
    }
    store.snapshot_done(Ok(()), NOW);
    assert!(steps > 100 && digest(&store) != expected);
    let mut loaded = Store::new(Config::default(), 1);
    load(&mut loaded, &bytes, 10_007).expect("it is whole");
    assert_eq!(digest(&loaded), expected);
}

fn element(random: &mut Random, longest: u64) -> Vec<u8> {
    if random.below(2) == 0 {
        let bits = random.below(64);
        return ((random.next() as i64) >> bits).to_string().into_bytes();
    }
    let len = random.below(longest) as usize;
    text(random, len)
}

fn score(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => random.below(100).to_string(),
        1 => format!("-{}.{}", random.below(1_000), random.below(1_000)),
        2 => ["inf", "-inf", "-0", "1e17", "1e300"][random.below(5) as usize].into(),
        _ => random.next().to_string(),
    }
    .into_bytes()
}

fn filled(seed: u64) -> Store {
    let mut store = Store::new(Config::default(), seed.into());
    let client = store.connect(Peer::default(), NOW);
    let bytes = sample(seed);
    assert_eq!(store.receive(client, &bytes, NOW), bytes.len());
    let replies = String::from_utf8_lossy(store.output(client).expect("connected")).into_owned();
    assert!(!replies.contains("-ERR"), "{replies}");
    store.disconnect(client, NOW);
    store
}

fn small_snapshot() -> Vec<u8> {
    let mut store = Store::new(Config::default(), 1);
    let client = store.connect(Peer::default(), NOW);
    let long = "a".repeat(60);
    let calls = format!(
        "SET k v\r\nSET n 70000 PXAT {LATER_MS}\r\nRPUSH l a 1 -300 b\r\nZADD z 1 a 2.5 b\r\nSET long {long}\r\nSELECT 3\r\nRPUSH m {long}\r\nHSET h a 1 b two\r\nHSET g a {long}{long}\r\nSADD i 5 1 70000\r\nSADD s a 5 b\r\n\
         XADD x 1-1 f v\r\nXADD x 2-1 g w\r\nXDEL x 1-1\r\nXGROUP CREATE x a 0\r\nXGROUP CREATE x b 0\r\n\
         XREADGROUP GROUP a c STREAMS x >\r\nXREADGROUP GROUP a d STREAMS x 0\r\n"
    );
    store.receive(client, calls.as_bytes(), NOW);
    assert_eq!(store.engine().keyspace().len(), 11);
    snapshot(&mut store, usize::MAX / 2)
}

fn snapshot(store: &mut Store, budget: usize) -> Vec<u8> {
    let mut bytes = vec![];
    store.begin_snapshot(Purpose::Dump, NOW);
    while store.step_snapshot(budget, &mut bytes) == Progress::Working {}
    store.snapshot_done(Ok(()), NOW);
    bytes
}

fn load(store: &mut Store, bytes: &[u8], piece: usize) -> Result<Loaded, Damage> {
    store.begin_load(Purpose::Dump, NOW);
    bytes.chunks(piece).try_for_each(|piece| store.load_snapshot(piece))?;
    store.load_done()
}

fn configure(store: &mut Store, name: &str, value: &str) {
    let parameter = Config::parameter(name).expect("a parameter");
    parameter.set(&mut store.engine_mut().shared_mut().config, value).expect("a value");
}

fn digest(store: &Store) -> String {
    store.engine().keyspace().redis_digest().to_hex()
}

/// Starts redis-server on the snapshot in a folder.
fn redis_in(folder: &Path) -> Server {
    let folder = folder.to_str().expect("temporary folders have plain names");
    start_redis(&["--dir", folder, "--dbfilename", "dump.rdb"])
}

fn start_redis(flags: &[&str]) -> Server {
    let flags = [&["--enable-debug-command", "yes"], flags].concat();
    Server::start("redis-server", &flags).expect("redis-server 7.0 is needed: apt install redis-server")
}

/// Asks a redis-server for its digest, once it has loaded its file.
fn digest_of(connection: &mut Connection) -> String {
    while connection.call(&["DBSIZE"]).starts_with(b"-LOADING") {}
    let reply = String::from_utf8(connection.call(&["DEBUG", "DIGEST"])).expect("digits");
    reply.trim().trim_start_matches('+').to_string()
}

fn check(file: &Path) {
    let output = Command::new("redis-check-rdb").arg(file).output().expect("redis-check-rdb is needed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}
