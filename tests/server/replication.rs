//! Servers that follow each other: redis-server and redlet-server, in every order.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::process::{Server, folder, piped};

const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a server in a folder, with flags.
type Start = fn(&std::path::Path, &[&str]) -> Server;

impl Server {
    /// Runs redis-cli with a line a command; returns what it prints.
    fn tell(&self, lines: &str) -> String {
        let mut child = piped("redis-cli").args(["-p", &self.port.to_string()]).spawn().expect("redis-cli");
        child.stdin.take().expect("piped").write_all(lines.as_bytes()).expect("redis-cli reads");
        let output = child.wait_with_output().expect("redis-cli ends");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until a command prints something with `text` in it.
    fn until(&self, command: &str, text: &str) {
        let begun = Instant::now();
        loop {
            let said = self.tell(command);
            if said.contains(text) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{command} does not say {text}:\n{said}");
            std::thread::yield_now();
        }
    }

    fn follow(&self, primary: &Server) {
        assert!(self.tell(&format!("REPLICAOF 127.0.0.1 {}", primary.port)).starts_with("OK"));
        self.until("INFO replication", "master_link_status:up");
    }

    /// Waits until so many replicas have everything.
    fn settle(&self, replicas: usize) {
        let said = self.tell(&format!("SET settled {replicas}\nWAIT {replicas} 20000\n"));
        assert_eq!(said, format!("OK\n{replicas}\n"));
    }

    fn digest(&self) -> String {
        self.tell("DEBUG DIGEST")
    }
}

fn redlet(folder: &std::path::Path, flags: &[&str]) -> Server {
    Server::start(folder, &[&["--enable-debug-command", "yes"], flags].concat())
}

fn redis(folder: &std::path::Path, flags: &[&str]) -> Server {
    let own = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"];
    Server::redis(folder, &[&own, flags].concat())
}

/// Returns calls that make a key of every type, small and large, in several databases, and a library of functions.
fn everything() -> String {
    let mut calls = String::from(
        "SET int 12345\nSET short value\nSET timed v PX 100000000\nSETBIT bits 100 1\nPFADD hll a b c\n\
         XADD stream 1-1 a b\nXADD stream 1-2 a c d e\nXGROUP CREATE stream group 0\n\
         XREADGROUP GROUP group me COUNT 1 STREAMS stream >\nGEOADD geo 13.3 38.1 Palermo\nSADD integers 1 2 3\n\
         SELECT 3\nRPUSH elsewhere a b c\nSET int -1 EX 100000\nSELECT 9\nHSET far field value\nSELECT 0\n",
    );
    calls += "FUNCTION LOAD \"#!lua name=lib\\nredis.register_function('f', function(keys) return redis.call('INCR', keys[1]) end)\"\n";
    for i in 0..300 {
        let long = "x".repeat(i * 7 % 200);
        calls += &format!("RPUSH list {long}{i}\nSADD set member:{i}\nHSET hash field:{i} {long}\n");
        calls += &format!("ZADD zset {} member:{i}\nSET string:{i} {long}{i}\n", i as f64 / 7.0);
        if i < 20 {
            calls +=
                &format!("RPUSH few {i}\nSADD tiny m{i}\nHSET little f{i} {i}\nZADD short-zset {i} m{i}\n");
        }
    }
    calls + &format!("SET large {}\n", "0123456789".repeat(20_000))
}

/// Returns calls that change what `everything` has made.
fn changes() -> String {
    let mut calls = String::from(
        "MULTI\nINCR int\nLPOP list\nSELECT 3\nLPUSH elsewhere z\nSELECT 0\nEXEC\nDEL few\nRENAME tiny small\n\
         EXPIRE short 1000\nSET gone v PX 1\nXADD stream 2-1 f v\nXACK stream group 1-1\nSPOP set 5\n\
         EVAL \"redis.call('SET', 'scripted', ARGV[1]) return redis.call('INCR', 'counted')\" 0 value\n\
         FCALL f 1 counted\nSELECT 9\nFLUSHDB\nSET back 1\nSELECT 0\nCOPY zset zset2\nSORT list ALPHA STORE sorted\n",
    );
    for i in 0..200 {
        calls += &format!("APPEND string:{i} more\nZINCRBY zset 1.5 member:{i}\nHDEL hash field:{i}\n");
    }
    // Its time has passed by now: the primary finds that out, and says so before anything is compared.
    calls + "GET gone\n"
}

fn follows(primary: Start, replica: Start) {
    let (folder, other) = (folder(), folder());
    let primary = primary(folder.path(), &[]);
    let replica = replica(other.path(), &[]);
    replica.tell("SET old 1\nFUNCTION LOAD \"#!lua name=old\\nredis.register_function('g', function() return 1 end)\"\n");
    primary.tell(&everything());
    replica.follow(&primary);
    primary.settle(1);
    assert_eq!(replica.digest(), primary.digest(), "after the snapshot");
    assert_eq!(replica.tell("FUNCTION LIST"), primary.tell("FUNCTION LIST"));
    primary.tell(&changes());
    primary.settle(1);
    assert_eq!(replica.digest(), primary.digest(), "after changes");
    let refusal = "READONLY You can't write against a read only replica.\n\n";
    assert_eq!(replica.tell("FCALL f 1 counted\nSET a b\n"), refusal.repeat(2));
    assert_eq!(replica.tell("GET gone"), "\n");
    assert_eq!(replica.tell("ROLE").lines().nth(3), Some("connected"));
    assert!(primary.tell("INFO replication").contains("connected_slaves:1"));
    assert_eq!(replica.tell("REPLICAOF NO ONE\nSET a b\nGET a\n"), "OK\nOK\nb\n");
}

#[test]
fn redlet_follows_redis() {
    follows(redis, redlet);
}

#[test]
fn redis_follows_redlet() {
    follows(redlet, redis);
}

#[test]
fn redlet_follows_redlet() {
    follows(redlet, redlet);
}

#[test]
fn replicas_of_replicas_get_the_same_stream() {
    let folders = [folder(), folder(), folder(), folder()];
    // Without questions in between the stream stays where it is.
    let first = redis(folders[0].path(), &["--repl-ping-replica-period", "1000"]);
    let second = redlet(folders[1].path(), &[]);
    let third = redlet(folders[2].path(), &[]);
    let fourth = redis(folders[3].path(), &[]);
    first.tell(&everything());
    assert_eq!(third.tell(&format!("REPLICAOF 127.0.0.1 {}", second.port)), "OK\n");
    second.follow(&first);
    third.follow(&second);
    // The stream has a database selected that those who come now must know of.
    first.tell("SELECT 3\nSET here 1\n");
    first.settle(1);
    fourth.follow(&second);
    first.tell("SELECT 3\nSET here 2\nMULTI\nSET here 3\nSELECT 5\nSET there 1\nEXEC\nPUBLISH news hello\n");
    first.tell(&changes());
    first.settle(1);
    let offset = |server: &Server| {
        let info = server.tell("INFO replication");
        let field = |line: &str| line.strip_prefix("master_repl_offset:").map(str::to_owned);
        info.lines().find_map(field).unwrap_or_default()
    };
    for server in [&second, &third, &fourth] {
        let goal = format!("master_repl_offset:{}", offset(&first));
        server.until("INFO replication", goal.trim());
        assert_eq!(server.digest(), first.digest());
    }
}

#[test]
fn a_link_that_is_lost_is_made_again() {
    let (folder, other) = (folder(), folder());
    let primary = redis(folder.path(), &[]);
    let replica = redlet(other.path(), &["--replicaof", "127.0.0.1", &primary.port.to_string()]);
    replica.until("INFO replication", "master_link_status:up");
    primary.tell("SET a 1\nCLIENT KILL TYPE replica\nSET a 2\n");
    replica.until("GET a", "2");
    assert_eq!(replica.tell("CLIENT KILL TYPE master\nCONFIG GET replicaof\n").lines().next(), Some("1"));
    primary.tell("SET a 3\n");
    replica.until("GET a", "3");
    assert!(replica.tell("CLIENT LIST TYPE master").contains("flags=M"));
    let port = primary.port;
    drop(primary);
    replica.until("INFO replication", "master_link_status:down");
    assert_eq!(replica.tell("GET a"), "3\n");
    replica.client().call("SYNC", "-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    replica.tell("CONFIG SET replica-serve-stale-data no");
    assert!(replica.tell("GET a").starts_with("MASTERDOWN Link with MASTER is down"));
    let config = replica.tell("CONFIG GET replicaof");
    assert_eq!(config, format!("replicaof\n127.0.0.1 {port}\n"));
}

#[test]
fn a_replica_keeps_what_it_follows() {
    let (folder, other) = (folder(), folder());
    let primary = redis(folder.path(), &[]);
    primary.tell(&everything());
    let replica = redlet(other.path(), &["--appendonly", "yes", "--appendfsync", "always"]);
    replica.tell("SET old 1\n");
    replica.follow(&primary);
    primary.tell(&changes());
    primary.settle(1);
    let digest = replica.digest();
    replica.until("INFO persistence", "aof_rewrite_in_progress:0");
    replica.kill();
    let replica = redlet(other.path(), &["--appendonly", "yes"]);
    assert_eq!(replica.digest(), digest);
}

#[test]
fn only_the_primary_lets_keys_expire() {
    let (folder, other) = (folder(), folder());
    let primary = redis(folder.path(), &[]);
    let replica = redlet(other.path(), &[]);
    replica.follow(&primary);
    primary.tell("DEBUG SET-ACTIVE-EXPIRE 0\nSET k v PX 20\nSET stays v\n");
    primary.settle(1);
    replica.until("EXISTS k", "0");
    assert_eq!(replica.tell("GET k\nDBSIZE\nTTL k\n"), "\n3\n-2\n");
    // To what the primary does the key is there until it says otherwise.
    primary.tell("GET k\n");
    primary.settle(1);
    assert_eq!(replica.tell("DBSIZE"), "2\n");
}

#[test]
fn passwords_are_told_to_the_primary() {
    let (folder, other) = (folder(), folder());
    let primary = redis(folder.path(), &["--requirepass", "secret"]);
    let mut replica = redlet(other.path(), &["--masterauth", "wrong"]);
    replica.tell(&format!("REPLICAOF 127.0.0.1 {}", primary.port));
    replica.wait_for("Unable to AUTH to MASTER: -WRONGPASS");
    assert!(replica.tell("INFO replication").contains("master_link_status:down"));
    replica.tell("CONFIG SET masterauth secret");
    replica.until("INFO replication", "master_link_status:up");
    primary.tell("AUTH secret\nACL SETUSER me on >word +psync +replconf +ping\nCLIENT KILL TYPE replica\n");
    replica.tell("CONFIG SET masteruser me masterauth word\nCLIENT KILL TYPE master\n");
    replica.until("INFO replication", "master_link_status:up");
    primary.tell("AUTH secret\nSET a 1\nWAIT 1 5000\n");
    assert_eq!(replica.tell("GET a"), "1\n");
}

#[test]
fn enough_replicas_allow_changes() {
    let (folder, other) = (folder(), folder());
    let primary = redlet(folder.path(), &["--min-replicas-to-write", "1"]);
    assert!(primary.tell("SET a 1").starts_with("NOREPLICAS"));
    let replica = redis(other.path(), &[]);
    replica.follow(&primary);
    primary.until("INFO replication", "min_slaves_good_slaves:1");
    assert_eq!(primary.tell("SET a 1\nWAIT 1 0\nWAIT 2 50\n"), "OK\n1\n1\n");
    replica.tell("REPLICAOF NO ONE");
    primary.until("SET a 1", "NOREPLICAS");
}

#[test]
fn replicas_tell_what_is_on_their_disks() {
    let folders = [folder(), folder(), folder()];
    let primary = redlet(folders[0].path(), &["--appendonly", "yes"]);
    let stores = redlet(folders[1].path(), &["--appendonly", "yes", "--appendfsync", "always"]);
    let forgets = redlet(folders[2].path(), &[]);
    stores.follow(&primary);
    forgets.follow(&primary);
    primary.settle(2);
    stores.until("INFO persistence", "aof_rewrite_in_progress:0");
    assert_eq!(primary.tell("SET a 1\nWAITAOF 1 1 20000\nWAITAOF 0 2 50\n"), "OK\n1\n1\n0\n1\n");
}

#[test]
fn who_waits_is_told_when_a_server_becomes_a_replica() {
    let (folder, other) = (folder(), folder());
    let (primary, replica) = (redlet(folder.path(), &[]), redlet(other.path(), &[]));
    let mut waiting = replica.client();
    waiting.send("BLPOP list 0\r\n");
    replica.until("INFO clients", "blocked_clients:1");
    replica.follow(&primary);
    waiting.expect_end(
        "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
    );
    // Who waits there later is served by what the primary does, as far as it may read only.
    let mut reader = replica.client();
    reader.send("XREAD BLOCK 0 STREAMS stream $\r\n");
    replica.until("INFO clients", "blocked_clients:1");
    primary.tell("XADD stream 1-1 a b\n");
    reader.expect("*1\r\n*2\r\n$6\r\nstream\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
}
