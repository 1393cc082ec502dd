//! Measures what a key takes in the keyspace's table, natively and in wasm, beside redis-server, and how fast it is.
//!
//! ```sh
//! cargo rustc --release --example layout --target wasm32-unknown-unknown -- -Clink-arg=--export=fill
//! cargo run --release --example layout -- --port 7100
//! ```
//! Prints a Markdown table. Without redis-server or node, or without the first line, their columns say NaN.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use redlet::base::time::Time;
use redlet::data::entry::{Entry, NewValue};
use redlet::data::table::{HashKey, Table};

const COUNTS: [usize; 4] = [700_000, 1_000_000, 1_400_000, 2_000_000];

/// What keys of 16 bytes hold.
const KINDS: [&str; 3] = ["integer", "64 bytes", "64 bytes, deadline"];

const WASM: &str = "target/wasm32-unknown-unknown/release/examples/layout.wasm";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["one", count, kind] => measure_one(count.parse()?, kind.parse()?),
        ["--port", port] => measure_all(port.parse()?),
        _ => measure_all(7_100),
    }
}

fn measure_all(port: u16) -> Result<(), Box<dyn Error>> {
    println!(
        "Bytes a key: as asked of the allocator, as resident, and in wasm; as redis-server counts, and as resident;"
    );
    println!(
        "the shares of its count. Nanoseconds a key: to insert, to find, not to find, to pass in a SCAN.\n"
    );
    println!(
        "| 16-byte key | keys | asked | res. | wasm | redis | res. | asked | wasm | insert | find | not | scan |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for kind in 0..KINDS.len() {
        for count in COUNTS {
            print_row(port, count, kind)?;
        }
    }
    Ok(())
}

fn print_row(port: u16, count: usize, kind: usize) -> Result<(), Box<dyn Error>> {
    // A process of its own, so that nothing resident is left from another measurement.
    let args = ["one".to_owned(), count.to_string(), kind.to_string()];
    let own = Command::new(env::current_exe()?).args(args).output()?.stdout;
    let own: Vec<f64> = String::from_utf8(own)?.split_whitespace().flat_map(str::parse).collect();
    let [asked, resident, ref times @ ..] = own[..] else { return Err("no measurement".into()) };
    let wasm = measure_wasm(count, kind).unwrap_or(f64::NAN);
    let (redis, redis_resident) = measure_redis(port, count, kind).unwrap_or((f64::NAN, f64::NAN));
    print!("| {} | {:.1} M ", KINDS[kind], count as f64 / 1e6);
    print!("| {asked:.1} | {resident:.1} | {wasm:.1} | {redis:.1} | {redis_resident:.1} ");
    print!("| {:.2} | {:.2} ", asked / redis, wasm / redis);
    times.iter().for_each(|nanoseconds| print!("| {nanoseconds:.0} "));
    println!("|");
    Ok(())
}

/// Prints bytes a key, as asked for and as resident, and nanoseconds to insert, to find and not to find a key, and to
/// pass one in a SCAN of ten a call.
fn measure_one(count: usize, kind: usize) -> Result<(), Box<dyn Error>> {
    let (asked, resident) = (ASKED.load(Ordering::Relaxed), resident_bytes()?);
    let start = Instant::now();
    let table = filled(count, kind);
    let insert = start.elapsed();
    let asked = ASKED.load(Ordering::Relaxed) - asked;
    let resident = resident_bytes()? - resident;
    // A stride that is prime to all counts visits every key in an order that caches cannot foresee.
    let find = time(|| (0..count).map(|i| usize::from(table.find(&key(i * 7_919 % count)).is_some())).sum());
    let absent = time(|| (count..2 * count).map(|i| usize::from(table.find(&key(i)).is_some())).sum());
    let scan = time(|| {
        let (mut cursor, mut met) = (0, 0);
        loop {
            cursor = table.scan(cursor, 10, |entry| met += entry.key().len());
            if cursor == 0 {
                return met;
            }
        }
    });
    print!("{} {}", asked as f64 / count as f64, resident as f64 / count as f64);
    for duration in [insert, find, absent, scan] {
        print!(" {}", duration.as_nanos() as f64 / count as f64);
    }
    println!();
    Ok(())
}

fn time(work: impl Fn() -> usize) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn filled(count: usize, kind: usize) -> Table<Entry> {
    let mut table = Table::new(HashKey(1, 2));
    let value = [b'x'; 64];
    for i in 0..count {
        let (value, deadline) = match kind {
            0 => (NewValue::Int(i as i64), None),
            1 => (NewValue::Bytes(&value), None),
            _ => (NewValue::Bytes(&value), Some(Time::from_seconds(4_000_000_000))),
        };
        table.insert(Entry::new(&key(i), value, deadline, 0));
    }
    table
}

/// Fills a table in wasm, where node looks at the memory before and after, and keeps it.
#[unsafe(no_mangle)]
pub extern "C" fn fill(count: usize, kind: usize) {
    std::mem::forget(filled(count, kind));
}

fn key(i: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = i;
    for digit in key[4..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn resident_bytes() -> Result<usize, Box<dyn Error>> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    Ok(pages.split(' ').nth(1).ok_or("no second field")?.parse::<usize>()? * 4_096)
}

/// Returns by how many bytes a key the linear memory grows.
fn measure_wasm(count: usize, kind: usize) -> Result<f64, Box<dyn Error>> {
    let script = format!(
        "const wasm = new WebAssembly.Instance(new WebAssembly.Module(require('fs').readFileSync('{WASM}'))).exports;
         const before = wasm.memory.buffer.byteLength;
         wasm.fill({count}, {kind});
         console.log((wasm.memory.buffer.byteLength - before) / {count});"
    );
    let output = Command::new("node").args(["-e", &script]).stderr(Stdio::null()).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Returns the bytes a key that redis-server counts, and those that are resident.
fn measure_redis(port: u16, count: usize, kind: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let port = port.to_string();
    let mut server = Server(
        Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()?,
    );
    let address = format!("127.0.0.1:{port}");
    let stream = (0..100).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        TcpStream::connect(&address).ok()
    });
    let mut stream = stream.ok_or("redis-server does not answer")?;
    let before = redis_memory(&mut stream)?;
    for first in (0..count).step_by(10_000) {
        let keys = first..count.min(first + 10_000);
        let mut calls = Vec::new();
        keys.clone().for_each(|i| push_set(&mut calls, i, kind));
        stream.write_all(&calls)?;
        let mut replies = vec![0; keys.len() * b"+OK\r\n".len()];
        stream.read_exact(&mut replies)?;
    }
    let after = redis_memory(&mut stream)?;
    server.0.kill()?;
    server.0.wait()?;
    Ok(((after.0 - before.0) / count as f64, (after.1 - before.1) / count as f64))
}

/// Ends the server however the measurement ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Either it has ended already or there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn push_set(out: &mut Vec<u8>, i: usize, kind: usize) {
    let value = if kind == 0 { i.to_string() } else { "x".repeat(64) };
    let key = key(i);
    let key = key.escape_ascii();
    let call = match kind {
        2 => format!("SET {key} {value} PXAT 4000000000000\r\n"),
        _ => format!("SET {key} {value}\r\n"),
    };
    out.extend_from_slice(call.as_bytes());
}

/// Asks for `used_memory` and `used_memory_rss`.
fn redis_memory(stream: &mut TcpStream) -> Result<(f64, f64), Box<dyn Error>> {
    stream.write_all(b"INFO memory\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut text = vec![0; line.trim_start_matches('$').trim().parse::<usize>()? + 2];
    reader.read_exact(&mut text)?;
    let text = String::from_utf8(text)?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    Ok((field("used_memory:").ok_or("no memory")?, field("used_memory_rss:").ok_or("no memory")?))
}

/// Counts what is asked of the system's allocator, rounded up as glibc does: one word more, in steps of 16 bytes.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rounded(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ASKED.fetch_sub(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(rounded(size), Ordering::Relaxed);
        ASKED.fetch_sub(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}
