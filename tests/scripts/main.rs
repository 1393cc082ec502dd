//! Scripts on whole servers: what others wrote, what is drawn at random, and what is beyond the limits.

#[path = "../support/mod.rs"]
mod support;

#[path = "../lua/files.rs"]
mod files;
mod grammar;

use std::time::{Duration, Instant};

use redlet::base::random::Random;
use redlet::resp::{Item, Reader};

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
            run(client, &script)
        });
        if theirs != ours && is_certain(&mut clients, &script, &theirs) {
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

fn run(client: &mut Connection, script: &str) -> Vec<u8> {
    masked(&client.call(&["EVAL", script, "2", "k1", "k2", "7", "text"]))
}

/// Says whether a script answers the same on Redis again and again: what it makes of addresses does not. Both run it, so
/// that neither has drawn more random numbers than the other.
fn is_certain(clients: &mut [Connection; 2], script: &str, reply: &[u8]) -> bool {
    !script.contains("tostring")
        || (0..5).all(|_| clients.each_mut().map(|client| run(client, script))[0] == reply)
}

/// Begins anew, in one protocol or the other.
fn prepare(client: &mut Connection, seed: u64) {
    client.call(&["FLUSHALL"]);
    client.call(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]);
    client.call(&["HELLO", if seed % 100 < 50 { "2" } else { "3" }]);
    client.call(&["EVAL", "math.randomseed(1)", "0"]);
}

/// Leaves out the addresses that stand for tables and functions, and the client's number.
fn masked(reply: &[u8]) -> Vec<u8> {
    const NUMBER: &[u8] = b"$2\r\nid\r\n:";
    let mut out = vec![];
    let mut rest = reply;
    while let Some((first, tail)) = rest.split_first() {
        if out.ends_with(NUMBER) {
            rest = &rest[rest.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
            out.push(b'#');
            continue;
        }
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

/// Starts redlet-server in the world's time.
fn redlet(flags: &[&str]) -> Server {
    let program = env!("CARGO_BIN_EXE_redlet-server");
    Server::start(program, flags).expect("redlet-server")
}

#[test]
fn scripts_of_others_answer_as_on_redis() {
    let server = redlet(&[]);
    let mut client = server.connect();
    for (scripts, expected) in [("corpus.txt", "expected.txt"), ("real.txt", "real_expected.txt")] {
        let expected = files::answers(expected);
        for (name, source) in files::corpus(scripts) {
            client.call(&["FLUSHALL"]);
            let binary: &[u8] = b"bin\0\xff\r\n\x80";
            let args: [&[u8]; 8] = [b"EVAL", &source, b"2", b"k1", b"k2", b"a1", b"2", binary];
            let reply = client.call_bytes(&args.map(<[u8]>::to_vec));
            let wanted = expected.iter().find(|(other, _)| *other == name).map(|(_, answer)| answer.as_str());
            assert_eq!(Some(printed(&mut Reader::new(&reply)).as_str()), wanted, "{name}");
        }
    }
}

/// Prints a reply as the files of answers have it.
fn printed(reader: &mut Reader<'_>) -> String {
    let escape = |bytes: &[u8]| -> String {
        let print = |byte: &u8| match byte {
            b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        };
        bytes.iter().map(print).collect()
    };
    match reader.item().expect("a whole reply") {
        Item::Int(n) => format!(":{n}"),
        Item::Bulk(text) => format!("${}", escape(text)),
        Item::Simple(text) => format!("+{}", escape(text)),
        // Where a script has failed depends on its digest.
        Item::Error(text) => {
            let text = escape(text);
            format!("-{}", text.rsplit_once(" script: ").map_or(text.as_str(), |(text, _)| text))
        }
        Item::Array(n) => {
            let items: Vec<String> = (0..n).map(|_| printed(reader)).collect();
            format!("[{}]", items.join("|"))
        }
        _ => "_".into(),
    }
}

#[test]
fn nothing_holds_a_server_up() {
    let server = redlet(&["--lua-time-limit", "1", "--lua-memory-limit", "64mb"]);
    let (mut client, mut other) = (server.connect(), server.connect());
    for (name, source) in files::abuse() {
        client.clear();
        client.send(&support::words::to_resp(&[b"EVAL".to_vec(), source, b"0".to_vec()]));
        let start = Instant::now();
        while client.arrived().0.is_empty() {
            let asked = Instant::now();
            let answer = other.call(&["SCRIPT", "KILL"]);
            assert!(
                answer.starts_with(b"+OK") || answer.starts_with(b"-NOTBUSY"),
                "{name}: {}",
                answer.escape_ascii()
            );
            assert!(asked.elapsed() < Duration::from_secs(5), "{name} left no time for others");
            assert!(start.elapsed() < Duration::from_secs(20), "{name} does not end");
        }
    }
    assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_script_in_a_transaction_is_killed_and_the_transaction_goes_on() {
    let limit = ["--lua-time-limit", "1"];
    let redis = Server::start("redis-server", &limit).expect("redis-server");
    let [theirs, ours] = [redis, redlet(&limit)].map(|server| {
        let (mut client, mut other) = (server.connect(), server.connect());
        let endless = "while true do end";
        let begun = [&["MULTI"][..], &["SET", "a", "1"], &["EVAL", "return redis.call('GET', 'a')", "0"]];
        begun.iter().for_each(|call| assert!(client.call(call).starts_with(b"+")));
        client.call(&["EVAL", endless, "0"]);
        client.call(&["INCR", "a"]);
        client.call(&["EVAL", "local a = redis.call('GET', 'a')\nwhile true do a = a .. '' end", "0"]);
        client.call(&["SELECT", "1"]);
        client.call(&["INCR", "a"]);
        let (over, is_over) = std::sync::mpsc::channel();
        let killer = std::thread::spawn(move || {
            while is_over.try_recv().is_err() {
                other.call(&["SCRIPT", "KILL"]);
            }
            other
        });
        let mut reply = client.call(&["EXEC"]);
        over.send(()).expect("the other thread goes on");
        let mut other = killer.join().expect("it has ended");
        // What takes many slices ends by itself.
        client.call(&["MULTI"]);
        client.call(&["EVAL", "for i = 1, 3e6 do end return redis.call('INCR', 'a')", "0"]);
        client.call(&[
            "EVAL",
            "for i = 1, 3e6 do end redis.call('SELECT', 0) return redis.call('INCR', 'a')",
            "0",
        ]);
        client.call(&["INCR", "a"]);
        reply.extend(client.call(&["EXEC"]));
        reply.extend(client.call(&["GET", "a"]));
        reply.extend(other.call(&["GET", "a"]));
        reply
    });
    assert_eq!(theirs.escape_ascii().to_string(), ours.escape_ascii().to_string());
}

#[test]
fn the_limit_of_memory_holds_for_the_process() {
    const MOST_KB: u64 = 80 << 10;
    let server = redlet(&["--lua-memory-limit", "64mb"]);
    let mut client = server.connect();
    for script in [
        "local s = 'x' while true do s = s .. s end",
        "local s = '' while true do s = s .. ('x'):rep(4e6) end",
        "local t = {} for i = 1, 1e9 do t[i] = {i} end",
        "local t = {} for i = 1, 1e9 do t[i .. ''] = i .. 'x' end",
    ] {
        let reply = client.call(&["EVAL", script, "0"]);
        assert!(reply.starts_with(b"-ERR not enough memory"), "{script}: {}", reply.escape_ascii());
        let info = String::from_utf8_lossy(&client.call(&["INFO", "server"])).into_owned();
        let process = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("a process");
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux tells it");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the most memory ever");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        println!("{script}: {peak} kB");
        assert!(peak <= MOST_KB, "{script}: {peak} kB");
    }
}

#[test]
fn scripts_that_were_only_run_are_forgotten_before_they_fill_the_memory() {
    const SCRIPTS: usize = 6_000;
    let server = redlet(&["--lua-memory-limit", "4mb"]);
    let mut client = server.connect();
    let script = |i: usize| format!("return {i} + #KEYS");
    let loaded = client.call(&["SCRIPT", "LOAD", "return 'loaded'"]);
    let digest = String::from_utf8_lossy(&loaded[5..45]).into_owned();
    for i in 0..SCRIPTS {
        assert_eq!(client.call(&["EVAL", &script(i), "0"]), format!(":{i}\r\n").as_bytes());
        if i % 100 == 0 {
            assert_eq!(client.call(&["EVAL", &script(0), "0"]), b":0\r\n");
        }
    }
    let info = String::from_utf8_lossy(&client.call(&["INFO", "memory"])).into_owned();
    let kept = info.lines().find_map(|line| line.strip_prefix("number_of_cached_scripts:")).expect("a count");
    let kept: usize = kept.parse().expect("a number");
    assert!((10..SCRIPTS / 2).contains(&kept), "{kept}");
    assert_eq!(client.call(&["EVALSHA", &digest, "0"]), b"$6\r\nloaded\r\n");
    let digests = [0, 1, SCRIPTS - 1].map(|i| {
        let reply = client.call(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", &script(i)]);
        String::from_utf8_lossy(&reply[5..45]).into_owned()
    });
    let exist = ["SCRIPT", "EXISTS"].into_iter().chain(digests.iter().map(String::as_str));
    assert_eq!(client.call(&exist.collect::<Vec<_>>()), b"*3\r\n:1\r\n:0\r\n:1\r\n");
}
