//! What is left when the server is killed under load, or when the disk is full.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use redlet::base::random::Random;
use rustix::process::{Resource, Rlimit, prlimit};

use crate::process::{REDLET, Server, folder};

const WRITERS: usize = 4;
/// What `everysec` may lose at most: a second until the sync, and two for which a write may wait for it.
const BOUND: Duration = Duration::from_secs(3);

fn rounds() -> usize {
    if std::env::var_os("REDLET_LONG").is_some() { 100 } else { 10 }
}

#[test]
fn a_kill_under_load_loses_nothing_acknowledged_with_always() {
    let lost = killed_under_load("always", Duration::ZERO);
    assert_eq!(lost, 0, "acknowledged writes are lost");
}

#[test]
fn a_kill_under_load_loses_little_with_everysec() {
    killed_under_load("everysec", BOUND);
}

/// Kills a server again and again; returns how many acknowledged writes are lost. Fails if older ones are than `bound`
/// allows, or if something is torn.
fn killed_under_load(policy: &str, bound: Duration) -> usize {
    let folder = folder();
    let flags = [
        "--appendonly",
        "yes",
        "--appendfsync",
        policy,
        "--auto-aof-rewrite-min-size",
        "1mb",
        "--loglevel",
        "notice",
    ];
    let mut random = Random::new(1);
    let mut lost = 0;
    let mut acknowledged: Vec<Vec<Instant>> = vec![];
    let mut killed = Instant::now();
    for round in 0..=rounds() {
        let server = Server::start(folder.path(), &flags);
        if let Some(before) = round.checked_sub(1) {
            for (writer, times) in acknowledged.iter().enumerate() {
                let old = times.iter().filter(|time| killed.duration_since(**time) >= bound).count();
                let kept = found(&server, before, writer);
                assert!(kept >= old, "{policy}, round {before}: {kept} of {old} writes are kept");
                assert!(kept <= times.len() + 1, "{kept} were found, {} acknowledged", times.len());
                lost += times.len().saturating_sub(kept);
            }
            // So that no round takes longer than the one before.
            server.cli(&["FLUSHALL"]);
        }
        if round == rounds() {
            break;
        }
        let mut benchmark = Benchmark::start(server.port);
        let stop = AtomicBool::new(false);
        let writes = 500 + random.below(1_500) as usize;
        let rewrites = random.below(2) == 0;
        thread::scope(|scope| {
            let (port, stop) = (server.port, &stop);
            let (written, heard) = mpsc::channel();
            let writer = |i| {
                let written = written.clone();
                scope.spawn(move || write(port, round, i, stop, &written))
            };
            let writers: Vec<_> = (0..WRITERS).map(writer).collect();
            drop(written);
            assert_eq!(heard.iter().take(writes).count(), writes, "the server answers");
            if rewrites {
                server.cli(&["BGREWRITEAOF"]);
            }
            server.kill();
            killed = Instant::now();
            stop.store(true, Ordering::Relaxed);
            acknowledged = writers.into_iter().map(|writer| writer.join().expect("it only counts")).collect();
        });
        benchmark.end();
        assert!(acknowledged.iter().all(|times| !times.is_empty()), "nobody has written");
    }
    println!("{policy}: {} rounds, {lost} acknowledged writes lost", rounds());
    lost
}

/// Appends 1, 2, 3 … to a list until the server is gone, and tells of each; returns when they were acknowledged.
fn write(
    port: u16,
    round: usize,
    writer: usize,
    stop: &AtomicBool,
    written: &mpsc::Sender<()>,
) -> Vec<Instant> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    let mut acknowledged = vec![];
    while !stop.load(Ordering::Relaxed) {
        let n = acknowledged.len() + 1;
        let call = format!("RPUSH written:{round}:{writer} {n}\r\n");
        let expected = format!(":{n}\r\n");
        let mut reply = vec![0; expected.len()];
        if stream.write_all(call.as_bytes()).is_err() || stream.read_exact(&mut reply).is_err() {
            break;
        }
        assert_eq!(reply.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
        acknowledged.push(Instant::now());
        // Once there are enough, nobody listens.
        _ = written.send(());
    }
    acknowledged
}

/// Returns how many writes are found, which must be the first ones.
fn found(server: &Server, round: usize, writer: usize) -> usize {
    let text = server.cli(&["LRANGE", &format!("written:{round}:{writer}"), "0", "-1"]);
    let numbers: Vec<usize> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "round {round}: {numbers:?}");
    numbers.len()
}

/// redis-benchmark, which writes for as long as it is let.
struct Benchmark(Child);

impl Benchmark {
    fn start(port: u16) -> Self {
        let child = Command::new("redis-benchmark")
            .args([
                "-p",
                &port.to_string(),
                "-n",
                "100000000",
                "-P",
                "4",
                "-c",
                "10",
                "-r",
                "1000",
                "-d",
                "64",
                "-q",
            ])
            .args(["-t", "set,incr,hset"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| {
            panic!("redis-benchmark can't be started ({error}): install redis-tools")
        }))
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        self.0.wait().expect("the process is ours");
    }
}

// A full disk ---------------------------------------------------------------------------------------------------

/// How a disk is made that is small.
enum Small {
    /// No file may be longer than this.
    Limit(u64),
    /// A file system of its own, which only the system's administrator can make.
    Mounted(PathBuf),
}

impl Small {
    fn all(folder: &Path) -> Vec<Self> {
        let place = folder.join("mounted");
        fs::create_dir(&place).expect("the folder is ours");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(&place).output();
        let mounted = mount.is_ok_and(|output| output.status.success()).then_some(Self::Mounted(place));
        [Self::Limit(256 * 1024)].into_iter().chain(mounted).collect()
    }

    fn place(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Limit(_) => {
                let place = folder.join("limited");
                fs::create_dir(&place).expect("the folder is ours");
                place
            }
            Self::Mounted(place) => place.clone(),
        }
    }

    /// Lets there be little room, or enough.
    fn apply(&self, server: &Server, little: bool) {
        match self {
            Self::Limit(bytes) => {
                let limit = Rlimit { current: little.then_some(*bytes), maximum: None };
                prlimit(Some(server.pid()), Resource::Fsize, limit).expect("the process is ours");
            }
            Self::Mounted(place) => {
                let size = if little { "size=512k" } else { "size=64m" };
                let options = format!("remount,{size}");
                let status = Command::new("mount").args(["-o", &options]).arg(place).status();
                assert!(status.is_ok_and(|status| status.success()), "it was mounted before");
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if let Self::Mounted(place) = self {
            let _ = Command::new("umount").arg("-l").arg(place).status();
        }
    }
}

/// Starts a server that is not ended by a file that grows too long, but told.
fn start(folder: &Path, flags: &[&str]) -> Server {
    let mut program = Command::new("sh");
    program.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", REDLET]);
    Server::start_program(program, folder, flags)
}

/// Writes until the server refuses; returns how many writes were acknowledged, and the refusal.
fn fill(server: &Server) -> (usize, String) {
    let value = "v".repeat(1_000);
    for n in 0..2_000 {
        let reply = server.cli(&["SET", &format!("key:{n}"), &value]);
        if reply != "OK\n" {
            return (n, reply);
        }
    }
    panic!("the disk does not fill up");
}

#[test]
fn a_full_disk_refuses_writes_and_is_left_behind() {
    let folder = folder();
    for small in Small::all(folder.path()) {
        let place = small.place(folder.path());
        let flags = ["--appendonly", "yes", "--appendfsync", "everysec", "--rdbcompression", "no"];
        let server = start(&place, &flags);
        small.apply(&server, true);
        let (acknowledged, refusal) = fill(&server);
        assert!(refusal.starts_with("MISCONF Errors writing to the AOF file"), "{refusal}");
        assert!(acknowledged > 100, "{acknowledged}");
        let info = server.cli(&["INFO", "persistence"]);
        assert!(info.contains("aof_last_write_status:err"), "{info}");
        assert_eq!(server.cli(&["STRLEN", "key:0"]), "1000\n", "reading goes on");
        // A limit to the length of a file is none to how many there are.
        let fits = matches!(small, Small::Limit(_));
        assert_eq!(server.cli(&["SAVE"]) == "OK\n", fits, "a snapshot does not fit on a full disk");
        let left =
            fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!left.into_iter().any(|name| name.starts_with("temp-")), "it has left something");

        small.apply(&server, false);
        let begun = Instant::now();
        while server.cli(&["SET", "after", "1"]) != "OK\n" {
            assert!(begun.elapsed() < Duration::from_secs(10), "there is room, and writes are refused");
        }
        assert_eq!(server.cli(&["SAVE"]), "OK\n");
        synced(&server);
        server.kill();
        let server = Server::start(&place, &flags);
        assert_eq!(
            server.cli(&["DBSIZE"]),
            format!("{}\n", acknowledged + 1),
            "nothing acknowledged is lost"
        );
        let said = server.terminate();
        assert!(!said.contains("short read"), "nothing was torn: {said}");
    }
}

/// Writes a key, and waits until it and all before it are on the disk.
fn synced(server: &Server) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    stream.write_all(b"SET after 1\r\nWAITAOF 1 0 0\r\n").expect("it reads");
    let mut replies = [0; b"+OK\r\n*2\r\n:1\r\n:0\r\n".len()];
    stream.read_exact(&mut replies).expect("it answers");
    assert_eq!(&replies, b"+OK\r\n*2\r\n:1\r\n:0\r\n");
}

#[test]
fn a_full_disk_ends_a_server_that_may_lose_nothing() {
    let folder = folder();
    for small in Small::all(folder.path()) {
        let place = small.place(folder.path());
        let flags = ["--appendonly", "yes", "--appendfsync", "always"];
        let server = start(&place, &flags);
        small.apply(&server, true);
        let mut client = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
        let value = "v".repeat(1_000);
        let mut acknowledged = 0;
        loop {
            let call = format!("SET key:{acknowledged} {value}\r\n");
            let mut reply = [0; 5];
            if client.write_all(call.as_bytes()).is_err() || client.read_exact(&mut reply).is_err() {
                break;
            }
            assert_eq!(&reply, b"+OK\r\n");
            acknowledged += 1;
        }
        let (status, said) = server.end();
        assert!(!status.success() && said.contains("Can't recover from AOF write error"), "{said}");
        assert!(acknowledged > 100, "{acknowledged}");
        if let Small::Mounted(place) = &small {
            let more = Command::new("mount").args(["-o", "remount,size=64m"]).arg(place).status();
            assert!(more.is_ok_and(|status| status.success()));
        }
        let found: usize = Server::start(&place, &flags).cli(&["DBSIZE"]).trim().parse().expect("a number");
        assert_eq!(found, acknowledged, "as many keys as were acknowledged");
    }
}
