//! Draws calls from the syntax of every command: valid ones, and ones that are nearly valid.

use redlet::base::checksum::sha1_hex;
use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::commands;
use redlet::spec::Spec;
use redlet::spec::syntax::{self, Node, Type, What};

/// A call that was drawn.
#[derive(Clone)]
pub struct Drawn {
    pub args: Vec<Vec<u8>>,
    /// Whether the syntax allows it.
    pub valid: bool,
}

/// Commands that are not drawn: what ends the process, what changes the configuration that the simulation stands on,
/// and what makes replies that can't be told apart (CLIENT REPLY SKIP in a transaction leaves a hole, in Redis too).
/// SYNC and PSYNC are answered by a snapshot and a log, which are no replies, and what REPLCONF tells belongs to them.
/// Who follows another server takes no writes: links have tests of their own.
const LEFT_OUT: &[&str] = &[
    "SHUTDOWN",
    "DEBUG",
    "CONFIG SET",
    "CLIENT REPLY",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "REPLCONF",
    "REPLICAOF",
    "SLAVEOF",
];

/// Commands that take away what the others work on.
const RARE: &[&str] = &["FLUSHALL", "FLUSHDB", "SWAPDB", "QUIT", "RESET", "CLIENT KILL", "SELECT"];

/// What may stand where the syntax says something else.
const JUNK: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"9223372036854775808",
    b"nan",
    b"1.5",
    b"\xff\x00",
    b"NX",
    b"GET",
];

const VALUES: &[&[u8]] = &[
    b"x",
    b"y",
    b"",
    b"7",
    b"-12",
    b"3.25",
    b"a\r\nb\x00",
    b"a value of more than twenty-two bytes",
    b"a value that is longer than the sixty-four bytes that are called short in a listpack",
];

/// Scripts that write, that fail when half is done, that lack keys, and that answer with lists.
const SCRIPTS: [&str; 5] = [
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "redis.call('RPUSH', KEYS[1], 'x') return redis.call('SPOP', KEYS[2])",
    "return redis.pcall('PEXPIRE', KEYS[1], 50) + #ARGV",
    "return {redis.call('GET', KEYS[1]), KEYS, false}",
    "return redis.error_reply('no')",
];

/// The first of these scripts, as EVALSHA names it, and one that does not exist.
const DIGESTS: [&str; 2] =
    ["d8f2fad9f8e86a53d2a6ebd960b33c4972cacc37", "0000000000000000000000000000000000000000"];

/// Libraries whose functions are called `f` and `g`.
const LIBRARIES: [&str; 2] = [
    "#!lua name=one\nredis.register_function('f', function(keys, args) return redis.call('INCR', keys[1]) end)",
    "#!lua name=two\nredis.register_function{\
     function_name='g', callback=function(keys) return redis.call('STRLEN', keys[1]) end, flags={'no-writes'}}",
];

/// Scripts that do what scripts are for, and the kinds of their keys. `ARGV` is a number and any text.
///
/// Between them they write several keys of several types, read what they have written, pop at random, fail when half is
/// done, catch failures, change databases, let keys expire, and run for longer than a slice.
const TASKS: [(&str, &[u8]); 12] = [
    (
        "local v = redis.call('RPOP', KEYS[1]) if not v then return false end \
         redis.call('LPUSH', KEYS[2], v) return {v, redis.call('INCR', KEYS[3])}",
        b"lls",
    ),
    (
        "local n = redis.call('INCRBY', KEYS[1], ARGV[1]) \
         if n > 5 then redis.call('PEXPIRE', KEYS[1], 50) end return n",
        b"s",
    ),
    (
        "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1]) \
         redis.call('ZADD', KEYS[1], ARGV[1] + 1, ARGV[2], 3, 'c') redis.call('EXPIRE', KEYS[1], 2) \
         return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
        b"z",
    ),
    (
        "redis.call('HINCRBY', KEYS[1], 'n', ARGV[1]) redis.call('HSET', KEYS[1], 'text', ARGV[2]) \
         redis.call('SADD', KEYS[2], unpack(redis.call('HKEYS', KEYS[1]))) redis.call('DEL', KEYS[3]) \
         return redis.call('HGETALL', KEYS[1])",
        b"hms",
    ),
    (
        "local some = redis.call('SPOP', KEYS[1], 2) \
         for _, member in ipairs(some) do redis.call('ZINCRBY', KEYS[2], ARGV[1], member) end return #some",
        b"mz",
    ),
    ("redis.call('SET', KEYS[1], ARGV[2]) redis.call('HSET', KEYS[1], 'a', 1) return 'never'", b"s"),
    (
        "local e = redis.pcall('LPUSH', KEYS[1], 'x') redis.call('APPEND', KEYS[1], ARGV[2]) \
         return e.err or redis.error_reply('no')",
        b"s",
    ),
    (
        "local all = {} for i = 1, 20 do all[i] = {id = i, text = ARGV[2]} \
         redis.call('RPUSH', KEYS[1], cjson.encode(all[i])) end \
         redis.call('LTRIM', KEYS[1], -5, -1) redis.call('SET', KEYS[2], cmsgpack.pack(all), 'PX', 700) return #all",
        b"ls",
    ),
    (
        "redis.call('SELECT', ARGV[1] % 3) redis.call('SETEX', KEYS[1], 1, ARGV[2]) \
         redis.call('COPY', KEYS[1], KEYS[2], 'REPLACE') redis.call('SELECT', 0) return redis.call('DBSIZE')",
        b"ss",
    ),
    (
        "for i, key in ipairs(KEYS) do redis.call('UNLINK', key) redis.call('RPUSH', key, i) end \
         redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') return redis.call('EXISTS', unpack(KEYS))",
        b"slh",
    ),
    (
        "redis.call('INCR', KEYS[1]) for i = 1, 3e5 do end redis.call('LPUSH', KEYS[2], redis.call('GET', KEYS[1])) \
         return 'late'",
        b"sl",
    ),
    (
        "redis.setresp(3) local h = redis.call('HGETALL', KEYS[1]).map \
         for field, value in pairs(h) do redis.call('SETRANGE', KEYS[2], #field % 7, value) end return {map = h}",
        b"hs",
    ),
];

/// Draws calls, always the same for the same seed.
pub struct Workload {
    pub random: Random,
    drawable: Vec<Drawable>,
    weights: u64,
}

struct Drawable {
    spec: &'static Spec,
    /// The first letter of the keys that it mostly gets, so that types meet their commands.
    keys: Option<u8>,
    syntax: Vec<Node>,
    weight: u64,
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        let drawable: Vec<Drawable> = commands::ALL
            .iter()
            .flat_map(|family| family.commands.iter().map(|command| (family.name, &command.spec)))
            .filter(|(_, spec)| !LEFT_OUT.contains(&spec.name) && !is_container(spec.name))
            .map(|(group, spec)| Drawable {
                spec,
                keys: match group {
                    "string" => Some(b's'),
                    "bitmap" => Some(b's'),
                    "hyperloglog" => Some(b'p'),
                    "list" => Some(b'l'),
                    "hash" => Some(b'h'),
                    "set" => Some(b'm'),
                    "sorted-set" => Some(b'z'),
                    _ => None,
                },
                syntax: syntax::parse(spec.syntax),
                weight: weight(group, spec.name),
            })
            .collect();
        let weights = drawable.iter().map(|drawable| drawable.weight).sum();
        Self { random: Random::new(seed), drawable, weights }
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// Returns true once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.random.below(n) == 0
    }

    /// Draws a call; one in eight is spoilt, one in ten is a script's.
    pub fn draw(&mut self, now: Time) -> Drawn {
        if self.once_in(10) {
            return self.draw_script();
        }
        let mut at = self.random.below(self.weights);
        let mut place = 0;
        while at >= self.drawable[place].weight {
            at -= self.drawable[place].weight;
            place += 1;
        }
        let drawable = &self.drawable[place];
        let mut args: Vec<Vec<u8>> =
            drawable.spec.name.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let mut drawing =
            Drawing { random: &mut self.random, keys: drawable.keys, now, args: &mut args, count: None };
        drawing.sequence(&drawable.syntax);
        if self.once_in(4) {
            args[0].make_ascii_lowercase();
        }
        let valid = !self.once_in(8);
        if !valid {
            self.spoil(&mut args);
        }
        let valid = valid && !contradicts_itself(&args);
        Drawn { args, valid }
    }

    /// Draws a call of a task, as a script or as a function, or loads the functions.
    fn draw_script(&mut self) -> Drawn {
        let at = self.random.below(TASKS.len() as u64) as usize;
        let (code, kinds) = TASKS[at];
        let mut args: Vec<Vec<u8>> = match self.random.below(8) {
            0 => {
                let functions = TASKS.iter().enumerate().map(|(i, (code, _))| {
                    format!("redis.register_function('t{i}', function(KEYS, ARGV) {code} end)\n")
                });
                let library = format!("#!lua name=tasks\n{}", functions.collect::<String>());
                let words = ["FUNCTION", "LOAD", "REPLACE", &library];
                return Drawn { args: words.map(|word| word.as_bytes().to_vec()).into(), valid: false };
            }
            1 => vec![b"EVALSHA".to_vec(), sha1_hex(code.as_bytes()).to_vec()],
            2 => vec![b"EVAL_RO".to_vec(), code.into()],
            3..6 => vec![b"EVAL".to_vec(), code.into()],
            _ => vec![b"FCALL".to_vec(), format!("t{at}").into_bytes()],
        };
        args.push(kinds.len().to_string().into_bytes());
        for kind in kinds {
            args.push(vec![*kind, b'0' + self.random.below(4) as u8]);
        }
        args.push((self.random.below(9) as i64 - 2).to_string().into_bytes());
        args.push(VALUES[self.random.below(VALUES.len() as u64) as usize].to_vec());
        Drawn { args, valid: false }
    }

    fn spoil(&mut self, args: &mut Vec<Vec<u8>>) {
        let junk = JUNK[self.random.below(JUNK.len() as u64) as usize].to_vec();
        if args.len() == 1 {
            return args.push(junk);
        }
        let at = 1 + self.random.below(args.len() as u64 - 1) as usize;
        match self.random.below(5) {
            0 => drop(args.remove(at)),
            1 => args.insert(at, junk),
            2 => args.push(junk),
            3 => args.insert(at, args[at].clone()),
            _ => args[at] = junk,
        }
    }
}

/// Tells of a call that its syntax allows whether it may be refused all the same: for as many weights as there are keys,
/// for options that go with others only, and for a call within the call.
fn contradicts_itself(args: &[Vec<u8>]) -> bool {
    let has = |word: &[u8]| args.iter().any(|arg| arg == word);
    let name = args[0].to_ascii_uppercase();
    let ranges = name.starts_with(b"ZRANGE") && (has(b"LIMIT") || (has(b"BYLEX") && has(b"WITHSCORES")));
    let trims = name.starts_with(b"X") && has(b"LIMIT") && !has(b"~");
    let restores = name == b"RESTORE" && has(b"IDLETIME") && has(b"FREQ");
    has(b"WEIGHTS") || has(b"DRYRUN") || ranges || trims || restores
}

fn is_container(name: &str) -> bool {
    let mut all = commands::ALL.iter().flat_map(|family| family.commands);
    all.any(|command| command.spec.container() == Some(name))
}

fn weight(group: &str, name: &str) -> u64 {
    match (group, name) {
        (_, name) if RARE.contains(&name) => 1,
        (_, "EXEC") => 40,
        (_, "HELLO") => 15,
        ("string" | "list" | "hash" | "set" | "sorted-set" | "generic", _) => 12,
        ("transactions" | "transaction" | "pubsub", _) => 5,
        _ => 2,
    }
}

/// One call being drawn.
struct Drawing<'a> {
    random: &'a mut Random,
    keys: Option<u8>,
    now: Time,
    args: &'a mut Vec<Vec<u8>>,
    /// Where a `numkeys` stands whose keys are still to come.
    count: Option<usize>,
}

impl Drawing<'_> {
    fn sequence(&mut self, nodes: &[Node]) {
        for node in nodes {
            let optional = matches!(node.what, What::Optional(_));
            let times = match (node.repeated, optional) {
                (false, false) => 1,
                (false, true) => u64::from(self.random.below(5) < 2),
                (true, false) => 1 + self.random.below(3),
                (true, true) => self.random.below(3),
            };
            for _ in 0..times {
                self.one(&node.what);
            }
            if let (true, Some(at)) = (node.repeated, self.count) {
                self.args[at] = times.to_string().into_bytes();
                self.count = None;
            }
        }
    }

    fn one(&mut self, what: &What) {
        match what {
            What::Word(word) => self.args.push(word.as_bytes().to_vec()),
            What::Optional(ways) | What::Group(ways) => {
                let way = &ways[self.random.below(ways.len() as u64) as usize];
                self.sequence(way);
            }
            What::Value { name, ty } => {
                if matches!(*name, "numkeys" | "numfields" | "numids") {
                    self.count = Some(self.args.len());
                }
                let value = self.value(name, *ty);
                self.args.push(value);
            }
        }
    }

    fn value(&mut self, name: &str, ty: Type) -> Vec<u8> {
        match ty {
            Type::Key if name == "shardchannel" => self.pick(&["c0", "c1"]),
            Type::Key => self.key(),
            Type::Integer => self.integer(name).to_string().into_bytes(),
            Type::Double => self.double(name).to_string().into_bytes(),
            Type::UnixTime => self.moment(name).to_string().into_bytes(),
            Type::Pattern => self.pick(&["*", "s*", "?1", "[lshm][0-2]", "c*", "nosuch", "__key*"]),
            Type::String => self.text(name),
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let kind = match self.keys {
            Some(kind) if self.random.below(10) > 0 => kind,
            _ => b"slhzm"[self.random.below(5) as usize],
        };
        vec![kind, b'0' + self.random.below(4) as u8]
    }

    fn integer(&mut self, name: &str) -> i64 {
        let below = |random: &mut Random, n| random.below(n) as i64;
        match name {
            "seconds" => below(self.random, 100) - i64::from(self.random.below(20) == 0) * 90,
            "milliseconds" => below(self.random, 20_000) - i64::from(self.random.below(20) == 0) * 18_000,
            // Elsewhere a count below one is a syntax error.
            "count" if self.keys != Some(b'l') => 1 + below(self.random, 5),
            "count" | "num-matches" => below(self.random, 6) - i64::from(self.random.below(4) == 0) * 3,
            "offset" => below(self.random, 30),
            "db" | "destination-db" | "index1" | "index2" => below(self.random, 3),
            "cursor" => 0,
            "protover" => 2 + below(self.random, 2),
            "client-id" => 1 + below(self.random, 8),
            "rank" => [-2, -1, 1, 2][self.random.below(4) as usize],
            "len" | "maxlen" | "timeout" | "numreplicas" => below(self.random, 5),
            "increment" | "decrement" if self.random.below(20) == 0 => i64::MAX - below(self.random, 3),
            _ => below(self.random, 11) - 5,
        }
    }

    fn double(&mut self, name: &str) -> f64 {
        const TIMEOUTS: [f64; 5] = [0.0, 0.01, 0.5, 1.0, 3.0];
        const NUMBERS: [f64; 6] = [0.0, 0.5, -1.25, 3.0, 1e3, -7.0];
        match name {
            "timeout" => TIMEOUTS[self.random.below(5) as usize],
            _ => NUMBERS[self.random.below(6) as usize],
        }
    }

    /// A moment from a second ago to a hundred seconds from now.
    fn moment(&mut self, name: &str) -> u64 {
        let millis = (self.now.millis() + self.random.below(101_000)).saturating_sub(1_000);
        if name.contains("milliseconds") { millis } else { millis / 1_000 }
    }

    fn text(&mut self, name: &str) -> Vec<u8> {
        match name {
            "channel" => self.pick(&["c0", "c1", "__keyspace@0__:s1"]),
            "type" => self.pick(&["string", "list", "hash", "set", "zset", "none"]),
            "member" => self.pick(&["a", "b", "7", "-70000", "", "a member"]),
            "field" => self.pick(&["a", "b", "7", "", "a field"]),
            "min" | "max" | "start" | "stop" => {
                self.pick(&["-inf", "+inf", "0", "1", "-1", "(2", "[1", "(x", "-", "+"])
            }
            "section" => self.pick(&["server", "keyspace", "commandstats", "everything", "nosuch"]),
            "username" => self.pick(&["default", "nosuch"]),
            "command-name" => self.pick(&["get", "client|list", "nosuch"]),
            "command" => self.pick(&["SET", "MGET", "BLPOP"]),
            "category" => self.pick(&["string", "fast", "nosuch"]),
            "script" => self.pick(&SCRIPTS),
            "sha1" => self.pick(&DIGESTS),
            "function-code" => self.pick(&LIBRARIES),
            "function" => self.pick(&["f", "g", "nosuch"]),
            "library-name" => self.pick(&["one", "two", "nosuch"]),
            "parameter" => self.pick(&["*max*", "save", "nosuch"]),
            _ => VALUES[self.random.below(VALUES.len() as u64) as usize].to_vec(),
        }
    }

    fn pick(&mut self, texts: &[&str]) -> Vec<u8> {
        texts[self.random.below(texts.len() as u64) as usize].as_bytes().to_vec()
    }
}
