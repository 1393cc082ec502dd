//! Hostile input: whatever comes, the engine answers, and goes on.
//!
//! Bytes that are nearly RESP, calls of every command with arguments that nobody in his right mind sends, any bytes as
//! keys and values, and (in `tests/dump.rs`) forged payloads. `REDLET_LONG=1` runs them a hundred times as long. What is drawn is the same
//! each time.

mod support;

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::commands;
use redlet::engine::{Config, Peer};
use redlet::resp::{Reader, SessionId};
use redlet::spec::Spec;
use redlet::store::Store;

use support::engine::Host;
use support::hostile::{KEYS, LEFT_OUT, filling};
use support::words::to_resp;

const NOW: Time = Time::from_seconds(1_700_000_000);

/// Arguments at the edges of what is read.
const HOSTILE: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"1",
    b"-0",
    b"007",
    b" 1",
    b"+1",
    b"2147483648",
    b"-2147483649",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551615",
    b"99999999999999999999999999",
    b"nan",
    b"inf",
    b"-inf",
    b"(inf",
    b"[",
    b"(",
    b"-",
    b"+",
    b"$",
    b"*",
    b">",
    b"~",
    b"=",
    b"1e308",
    b"-1e309",
    b"5e-324",
    b"0x1p-1074",
    b"1e",
    b"\0",
    b"a\0b",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\r\n",
    b"+OK\r\n",
    b"#",
    b"#9223372036854775807",
    b"u64",
    b"i0",
    b"18446744073709551615-18446744073709551615",
    b"0-0",
    b"1-*",
    b"*->",
    b"key*->\0",
    b"[a-",
    b"\\",
    b"COUNT",
    b"LIMIT",
    b"MATCH",
    b"STREAMS",
    b"KEYS",
    b"FIELDS",
];

fn rounds(few: usize) -> usize {
    if std::env::var_os("REDLET_LONG").is_some() { few * 100 } else { few }
}

#[test]
fn every_command_survives_hostile_arguments() {
    let specs: Vec<&Spec> =
        commands::ALL.iter().flat_map(|family| family.commands).map(|command| &command.spec).collect();
    let drawn = |spec: &&&Spec| !LEFT_OUT.iter().any(|name| spec.name.starts_with(name));
    let mut random = Random::new(1);
    let mut victim = Victim::new();
    let long = vec![b'x'; 70_000];
    for _ in 0..rounds(100) {
        for spec in specs.iter().filter(drawn) {
            let mut args: Vec<Vec<u8>> = spec.name.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            let least = usize::from(spec.shape.min).saturating_sub(args.len());
            let more = if spec.shape.open { random.below(6) as usize } else { 0 };
            for i in 0..least + more {
                args.push(argument(spec, i, &long, &mut random));
            }
            victim.call(&args);
        }
        victim.is_well();
    }
}

fn argument(spec: &Spec, i: usize, long: &[u8], random: &mut Random) -> Vec<u8> {
    let word = |random: &mut Random| {
        // A word of the syntax, or a piece of one.
        let mut words =
            spec.syntax.split([' ', '[', ']', '<', '>', '|', '.']).filter(|word| !word.is_empty());
        let count = words.clone().count().max(1) as u64;
        words.nth(random.below(count) as usize).unwrap_or_default().as_bytes().to_vec()
    };
    match random.below(20) {
        0..8 if i == 0 => KEYS[random.below(KEYS.len() as u64) as usize].into(),
        0..3 => KEYS[random.below(KEYS.len() as u64) as usize].into(),
        3..8 => word(random),
        8 => long.to_vec(),
        9 => (0..random.below(30)).map(|_| random.next() as u8).collect(),
        _ => HOSTILE[random.below(HOSTILE.len() as u64) as usize].to_vec(),
    }
}

#[test]
fn broken_resp_is_read_alike_in_one_piece_and_in_many() {
    let mut random = Random::new(2);
    for _ in 0..rounds(3_000) {
        let mut bytes = vec![];
        for _ in 0..1 + random.below(6) {
            let calls = ["PING", "SET k v", "GET k", "RPUSH l a b c", "LRANGE l 0 -1", "ECHO hello"];
            let call = calls[random.below(calls.len() as u64) as usize];
            if random.below(4) == 0 {
                bytes.extend_from_slice(format!("{call}\r\n").as_bytes());
            } else {
                bytes.extend(to_resp(&words(call)));
            }
        }
        for _ in 0..random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        let whole = Victim::new().feed(&[&bytes]);
        let mut pieces = vec![];
        let mut rest = &*bytes;
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
            pieces.push(piece);
            rest = tail;
        }
        let text = || bytes.escape_ascii().to_string();
        assert_eq!(Victim::new().feed(&pieces), whole, "{}", text());
        assert!(is_whole(&whole), "{}: {}", text(), whole.escape_ascii());
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len() as u64) as usize;
    match random.below(5) {
        0 => bytes[at] = random.next() as u8,
        1 => drop(bytes.drain(at..(at + random.below(6) as usize).min(bytes.len()))),
        2 => bytes.insert(at, b"*$\r\n-0123456789\"'\\x"[random.below(19) as usize]),
        3 => bytes.truncate(at),
        _ => {
            let numbers: [&[u8]; 6] =
                [b"-1", b"536870912", b"536870913", b"1048577", b"9223372036854775808", b"00"];
            drop(bytes.splice(at..at, numbers[random.below(6) as usize].iter().copied()));
        }
    }
}

#[test]
fn arguments_beyond_the_limit_are_refused_before_they_come() {
    for (sent, said) in [
        ("*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$9223372036854775808\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*9223372036854775808\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ] {
        let mut victim = Victim::with_limit("512mb");
        assert_eq!(String::from_utf8_lossy(&victim.feed(&[sent.as_bytes()])), said, "{sent:?}");
    }
    // What may come takes no memory before it does.
    let mut victim = Victim::with_limit("512mb");
    assert_eq!(victim.feed(&[b"*2\r\n$4\r\nECHO\r\n$536870912\r\n", b"and so on"]), b"");
    for call in ["SETRANGE k 536870912 x", "SETBIT k 4294967296 1", "BITFIELD k SET u8 4294967296 1"] {
        assert!(victim.call(&words(call)).starts_with(b"-ERR"), "{call}");
    }
}

#[test]
fn arrays_in_arrays_are_refused_at_the_first() {
    let nested = b"*1\r\n".repeat(100_000);
    let said = Victim::new().feed(&[&nested]);
    assert_eq!(String::from_utf8_lossy(&said), "-ERR Protocol error: expected '$', got '*'\r\n");
}

#[test]
fn any_bytes_are_kept_in_every_type() {
    let mut random = Random::new(3);
    let mut host = Host::new();
    let mut call = |args: &[&[u8]]| {
        host.send("a", &to_resp(&args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>()));
        host.take("a").0
    };
    for _ in 0..rounds(30) {
        let bytes: Vec<Vec<u8>> = (0..4).map(|_| any_bytes(&mut random)).collect();
        let [one, two, three, four] = [0, 1, 2, 3].map(|i| &*bytes[i]);
        call(&[b"FLUSHALL"]);
        for (i, made) in [
            &[b"SET", one, two] as &[&[u8]],
            &[b"RPUSH", one, two, three, four],
            &[b"SADD", one, two, three, four],
            &[b"HSET", one, two, three, three, four],
            &[b"ZADD", one, b"-inf", two, b"1.5", three, b"inf", four],
            &[b"XADD", one, b"1-1", two, three, four, one],
            &[b"PFADD", one, two, three, four],
        ]
        .into_iter()
        .enumerate()
        {
            let mut args = made.to_vec();
            let key = [one, &[i as u8]].concat();
            args[1] = &key;
            let said = call(&args);
            assert!(!said.starts_with(b"-"), "{}", said.escape_ascii());
            let dump = call(&[b"DUMP", &key]);
            let payload = dump.split(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
            let copy = [b"copy", &*key].concat();
            assert_eq!(call(&[b"RESTORE", &copy, b"0", &dump[payload..dump.len() - 2]]), b"+OK\r\n");
            let digests = call(&[b"DEBUG", b"DIGEST-VALUE", &key, &copy]);
            let lines: Vec<&[u8]> = digests.split(|byte| *byte == b'\n').collect();
            assert_eq!(lines[1], lines[2], "{}", key.escape_ascii());
        }
        let digest = call(&[b"DEBUG", b"DIGEST"]);
        assert_eq!(call(&[b"DEBUG", b"RELOAD"]), b"+OK\r\n");
        assert_eq!(call(&[b"DEBUG", b"DIGEST"]), digest);
        assert_eq!(call(&[b"GET", &[one, &[0]].concat()]), bulk(two));
    }
}

fn any_bytes(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => HOSTILE[random.below(HOSTILE.len() as u64) as usize].to_vec(),
        1 => (0..random.below(300)).map(|_| random.next() as u8).collect(),
        2 => vec![random.next() as u8; random.below(70) as usize],
        _ => (random.next() as i64 >> random.below(64)).to_string().into_bytes(),
    }
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// An engine with keys of every type, and somebody who means it ill.
struct Victim {
    store: Store,
}

impl Victim {
    fn new() -> Self {
        Self::with_limit("1mb")
    }

    fn with_limit(longest: &str) -> Self {
        let mut config = Config::default();
        for (name, value) in [("proto-max-bulk-len", longest), ("enable-debug-command", "yes")] {
            let parameter = Config::parameter(name).expect("a parameter");
            parameter.set(&mut config, value).expect("a value");
        }
        let mut victim = Self { store: Store::new(config, 1) };
        victim.store.engine_mut().set_logging(true);
        filling().iter().for_each(|call| drop(victim.call(call)));
        victim
    }

    /// Sends a call as a new client; returns what it is told, which is whole.
    fn call(&mut self, args: &[Vec<u8>]) -> Vec<u8> {
        let said = self.feed(&[&to_resp(args)]);
        let shown = || args.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        assert!(is_whole(&said), "{}: {}", shown(), said.escape_ascii());
        said
    }

    /// Sends pieces of input as a new client, as far as they are taken; returns what it is told.
    fn feed(&mut self, pieces: &[&[u8]]) -> Vec<u8> {
        let client = self.store.connect(Peer::default(), NOW);
        let mut rest: Vec<u8> = vec![];
        for piece in pieces {
            rest.extend_from_slice(piece);
            let taken = self.store.receive(client, &rest, NOW);
            rest.drain(..taken);
        }
        let said = self.store.output(client).map(std::mem::take).unwrap_or_default();
        self.store.outbox(|_, out| out.clear());
        self.store.clear_log();
        while self.store.request().is_some() {}
        self.leave(client);
        said
    }

    fn leave(&mut self, client: SessionId) {
        self.store.disconnect(client, NOW);
    }

    /// Checks that others are still served, and fills up what was taken away.
    fn is_well(&mut self) {
        assert_eq!(self.call(&words("PING")), b"+PONG\r\n");
        self.call(&words("FLUSHALL"));
        filling().iter().for_each(|call| drop(self.call(call)));
    }
}

/// Says whether bytes are replies that end where the bytes do.
fn is_whole(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    while reader.position() < bytes.len() {
        if reader.skip().is_none() {
            return false;
        }
    }
    true
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}
