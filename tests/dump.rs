//! Payloads of DUMP between us and a real redis-server: each restores what the other hands out, and no forged one does
//! harm.
//!
//! These tests need redis-server 7.0 (apt install redis-server).

mod support;

use redlet::base::checksum::crc64;
use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::engine::{Config, Peer};
use redlet::resp::SessionId;
use redlet::store::Store;

use support::damage::mutate;
use support::server::Server;
use support::words::to_resp;

const NOW: Time = Time::from_seconds(1_700_000_000);

/// Values of every type and encoding, as calls that make the key `k`. Numbers in braces stand for that many random
/// elements of a kind.
const SAMPLES: &[&str] = &[
    "SET k 12",
    "SET k -129",
    "SET k 70000",
    "SET k 9223372036854775807",
    "SET k hello",
    "SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "SETBIT k 100000 1",
    "PFADD k a b c d e f g",
    "RPUSH k a 1 -300 70000 5000000000 {5}",
    "RPUSH k {300}",
    "RPUSH k {20} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "HSET k a 1 b -300 {30}",
    "HSET k {2000}",
    "SADD k 1 -300 70000",
    "SADD k 5000000000 1",
    "SADD k a 1 {20}",
    "SADD k {1000}",
    "ZADD k 1 a -2.5 b inf c",
    "ZADD k 1 a 1e300 b -inf aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "XADD k 1-1 field value {4}",
];

#[test]
fn redis_and_we_take_each_others_payloads() {
    let mut random = Random::new(1);
    let redis = start_redis();
    let mut theirs = redis.connect();
    let mut ours = Ours::new();
    for sample in SAMPLES {
        for _ in 0..5 {
            let made = theirs.call_bytes(&call(sample, &mut random));
            assert!(!made.starts_with(b"-"), "{sample}: {}", made.escape_ascii());
            let digest = theirs.call_bytes(&words("DEBUG DIGEST-VALUE k"));
            let payload = bulk(&theirs.call_bytes(&words("DUMP k")));
            theirs.call_bytes(&restore(&payload));
            let encoding = theirs.call_bytes(&words("OBJECT ENCODING k"));
            assert_eq!(ours.call(&restore(&payload)).escape_ascii().to_string(), "+OK\\r\\n", "{sample}");
            assert_eq!(ours.call(&words("DEBUG DIGEST-VALUE k")), digest, "{sample}");
            assert_eq!(ours.call(&words("OBJECT ENCODING k")), encoding, "{sample}");
            let payload = bulk(&ours.call(&words("DUMP k")));
            assert_eq!(theirs.call_bytes(&restore(&payload)), b"+OK\r\n", "{sample}");
            assert_eq!(theirs.call_bytes(&words("DEBUG DIGEST-VALUE k")), digest, "{sample}");
            assert_eq!(theirs.call_bytes(&words("DEL k")), b":1\r\n");
        }
    }
}

/// Everything that earlier versions wrote, put together by hand.
#[test]
fn forms_of_earlier_versions_are_restored_as_redis_restores_them() {
    let redis = start_redis();
    let mut theirs = redis.connect();
    let mut ours = Ours::new();
    for (name, body) in earlier_forms() {
        for version in [1, 6, 10] {
            let payload = signed(&body, version);
            assert_eq!(theirs.call_bytes(&restore(&payload)), b"+OK\r\n", "{name}");
            assert_eq!(ours.call(&restore(&payload)), b"+OK\r\n", "{name}");
            let digest = theirs.call_bytes(&words("DEBUG DIGEST-VALUE k"));
            assert_eq!(ours.call(&words("DEBUG DIGEST-VALUE k")), digest, "{name}");
            let encoding = theirs.call_bytes(&words("OBJECT ENCODING k"));
            assert_eq!(ours.call(&words("OBJECT ENCODING k")), encoding, "{name}");
        }
        for version in [11, 12] {
            assert_eq!(ours.call(&restore(&signed(&body, version))), b"+OK\r\n", "{name}");
        }
        let answer = ours.call(&restore(&signed(&body, 13)));
        assert_eq!(answer, b"-ERR DUMP payload version or checksum are wrong\r\n");
    }
}

/// Returns bodies of payloads that no version of redis-server writes that is still to be had.
fn earlier_forms() -> Vec<(&'static str, Vec<u8>)> {
    let string = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
    let list = ziplist(&[&[0, 1, b'a'], &[3, 0xf2], &[2, 0xc0, 0x2c, 1], &[4, 0xf0, 0x90, 0xee, 0xfe]]);
    let pair = ziplist(&[&[0, 1, b'a'], &[3, 0xf2]]);
    vec![
        ("a list of elements", [&[1, 2][..], &string(b"one"), &[0xc1, 0x39, 0x30]].concat()),
        ("a list in a ziplist", [&[10][..], &string(&list)].concat()),
        ("a set of elements", [&[2, 2][..], &string(b"one"), &[0xc1, 0x39, 0x30]].concat()),
        ("a set of integers in 16 bits", [&[11, 12][..], b"\x02\0\0\0\x02\0\0\0\xff\xff\x05\0"].concat()),
        (
            "a set of integers in 64 bits",
            [&[11, 16][..], b"\x08\0\0\0\x01\0\0\0\0\x50\x39\x27\x8c\x04\0\0"].concat(),
        ),
        (
            "a sorted set with scores as text",
            [&[3, 3][..], &string(b"one"), b"\x041.25", &string(b"two"), &[254], &string(b"three"), &[255]]
                .concat(),
        ),
        ("a sorted set with binary scores", [&[5, 1][..], &string(b"one"), &1.25f64.to_le_bytes()].concat()),
        ("a sorted set in a ziplist", [&[12][..], &string(&pair)].concat()),
        ("a hash of fields", [&[4, 1][..], &string(b"field"), &string(b"value")].concat()),
        ("a hash in a ziplist", [&[13][..], &string(&pair)].concat()),
        ("a hash in a zipmap", [&[9][..], &string(b"\x02\x01a\x02\x00xy\x03key\x01\x02z??\xff")].concat()),
        ("a list of ziplists", [&[14, 2][..], &string(&list), &string(&list)].concat()),
    ]
}

fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
    let body = entries.concat();
    let size = (10 + body.len() + 1) as u32;
    let last = size - 1 - entries.last().expect("not empty").len() as u32;
    let count = entries.len() as u16;
    [&size.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
}

#[test]
fn forged_payloads_do_no_harm() {
    let mut random = Random::new(2);
    let mut ours = Ours::new();
    let mut bodies: Vec<Vec<u8>> = earlier_forms().into_iter().map(|(_, body)| body).collect();
    for sample in SAMPLES {
        ours.call(&words("DEL k"));
        ours.call(&call(sample, &mut random));
        if let payload @ [_, ..] = &*bulk(&ours.call(&words("DUMP k"))) {
            bodies.push(payload[..payload.len() - 10].to_vec());
        }
    }
    let rounds = if std::env::var_os("REDLET_LONG").is_some() { 3_000_000 } else { 10_000 };
    let mut restored = 0;
    for _ in 0..rounds {
        let mut body = bodies[random.below(bodies.len() as u64) as usize].clone();
        for _ in 0..1 + random.below(4) {
            mutate(&mut body, &mut random);
        }
        ours.call(&words("DEL k"));
        let answer = ours.call(&restore(&signed(&body, 10)));
        match &*answer {
            b"+OK\r\n" => {
                restored += 1;
                ours.examine(&body);
            }
            b"-ERR Bad data format\r\n" => {}
            other => panic!("{} for {}", other.escape_ascii(), body.escape_ascii()),
        }
    }
    assert!(restored > rounds / 100, "{restored}");
}

#[test]
fn keys_move_between_servers_of_either_kind() {
    let redlet = Server::redlet().expect("it was built for this test");
    let redis = start_redis();
    for (from, to) in [(&redlet, &redis), (&redis, &redlet)] {
        let port = to.port().to_string();
        let (mut from, mut to) = (from.connect(), to.connect());
        let migrate = |key, options: &[&str]| {
            let args =
                ["MIGRATE", "127.0.0.1", &port, key, "0", "5000"].into_iter().chain(options.iter().copied());
            args.map(|arg| arg.as_bytes().to_vec()).collect::<Vec<_>>()
        };
        from.call(&["FLUSHALL"]);
        to.call(&["FLUSHALL"]);
        from.call(&["SET", "k", "v", "EX", "1000"]);
        from.call(&["RPUSH", "l", "a", "b"]);
        from.call(&["HSET", "h", "field", "value"]);
        assert_eq!(from.call_bytes(&migrate("k", &[])), b"+OK\r\n");
        assert_eq!(from.call(&["EXISTS", "k"]), b":0\r\n");
        assert_eq!(to.call(&["GET", "k"]), b"$1\r\nv\r\n");
        assert_eq!(to.call(&["TTL", "k"]), b":1000\r\n");
        assert_eq!(from.call_bytes(&migrate("", &["COPY", "KEYS", "l", "none", "h"])), b"+OK\r\n");
        assert_eq!(from.call(&["EXISTS", "l", "h"]), b":2\r\n");
        assert_eq!(to.call(&["EXISTS", "l", "h"]), b":2\r\n");
        let busy = b"-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n";
        assert_eq!(from.call_bytes(&migrate("l", &[])), busy);
        assert_eq!(from.call_bytes(&migrate("", &["REPLACE", "KEYS", "l", "h"])), b"+OK\r\n");
        assert_eq!(from.call(&["EXISTS", "l", "h"]), b":0\r\n");
        assert_eq!(from.call_bytes(&migrate("l", &[])), b"+NOKEY\r\n");
    }
}

/// An engine of ours with one client.
struct Ours {
    store: Store,
    client: SessionId,
}

impl Ours {
    fn new() -> Self {
        let mut config = Config::default();
        let parameter = Config::parameter("enable-debug-command").expect("a parameter");
        parameter.set(&mut config, "yes").expect("a value");
        let mut store = Store::new(config, 1);
        let client = store.connect(Peer::default(), NOW);
        Self { store, client }
    }

    fn call(&mut self, call: &[Vec<u8>]) -> Vec<u8> {
        self.store.receive(self.client, &to_resp(call), NOW);
        std::mem::take(self.store.output(self.client).expect("connected"))
    }

    /// Looks at all of what was restored from `body`, which must be sound enough to be handed out and taken again.
    fn examine(&mut self, body: &[u8]) {
        let digest = self.call(&words("DEBUG DIGEST-VALUE k"));
        let payload = bulk(&self.call(&words("DUMP k")));
        if self.call(&words("TYPE k")) == b"+none\r\n" {
            // A hash all of whose fields are past their deadlines is taken in, and is gone with that.
            return;
        }
        let answer = self.call(&restore(&payload));
        assert_eq!(answer, b"+OK\r\n", "{}", body.escape_ascii());
        assert_eq!(self.call(&words("DEBUG DIGEST-VALUE k")), digest, "{}", body.escape_ascii());
        for look in [
            "GET k",
            "LRANGE k 0 -1",
            "LPOP k 2",
            "RPOP k",
            "LINSERT k BEFORE a b",
            "LREM k 1 a",
            "SMEMBERS k",
            "SPOP k 2",
            "SADD k x 1",
            "HGETALL k",
            "HDEL k a",
            "HSET k a b",
            "ZRANGE k 0 -1 WITHSCORES",
            "ZADD k 1 a",
            "ZPOPMIN k",
            "XRANGE k - +",
            "XINFO STREAM k FULL",
            "XADD k * a b",
            "XTRIM k MAXLEN 1",
            "OBJECT ENCODING k",
            "SORT k ALPHA",
        ] {
            self.call(&words(look));
        }
    }
}

/// Returns a payload: a body with version and checksum behind it.
fn signed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

fn restore(payload: &[u8]) -> Vec<Vec<u8>> {
    [b"RESTORE", &b"k"[..], b"0", payload, b"REPLACE"].map(<[u8]>::to_vec).into()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Returns the arguments of a sample, with random elements for the braces.
fn call(sample: &str, random: &mut Random) -> Vec<Vec<u8>> {
    let mut args = vec![];
    for word in sample.split(' ') {
        match word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(count) => {
                let count = count.parse().expect("a number");
                args.extend((0..count).map(|_| element(random)));
            }
            None => args.push(word.as_bytes().to_vec()),
        }
    }
    args
}

fn element(random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0 {
        let bits = random.below(64);
        return ((random.next() as i64) >> bits).to_string().into_bytes();
    }
    let len = [4, 30, 64, 300][random.below(4) as usize];
    let mut bytes = vec![0; random.below(len) as usize];
    random.fill(&mut bytes);
    bytes
}

/// Returns the bytes of a bulk string.
fn bulk(reply: &[u8]) -> Vec<u8> {
    let head = reply.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    assert!(reply.starts_with(b"$"), "{}", reply.escape_ascii());
    reply.get(head..reply.len() - 2).unwrap_or_default().to_vec()
}

fn start_redis() -> Server {
    Server::start("redis-server", &["--enable-debug-command", "yes"])
        .expect("redis-server 7.0 is needed: apt install redis-server")
}
