//! `--check-rdb` and `--check-aof`: what files of a server hold, and where they are damaged, in the words of
//! redis-check-rdb and redis-check-aof.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::keyspace::Keyspace;
use crate::persist::aof::{Fault, Reader};
use crate::persist::rdb::{self, Loader, Note};

use super::clock::Clock;
use super::files::manifest::{Manifest, Part};
use super::options::plain;

const PIECE: usize = 256 * 1024;

/// Why a check ended before its end; it is told already, or it is this text.
type Checked<T> = Result<T, Option<String>>;

/// Checks a snapshot, and prints what is found.
pub fn rdb(path: &str) -> ExitCode {
    exit(check_rdb(Path::new(path)))
}

/// Checks an append-only log: its manifest, or one file.
pub fn aof(path: &str, cut: Cut) -> ExitCode {
    exit(check_aof(Path::new(path), cut))
}

/// What is cut off a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    Nothing,
    /// What is damaged, if standard input agrees.
    Damage,
    /// What was logged after this second, as far as the log tells the time.
    After(u64),
}

fn exit(checked: Checked<()>) -> ExitCode {
    match checked {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Some(text)) => println!("{text}"),
        Err(None) => {}
    }
    ExitCode::FAILURE
}

// Snapshots -----------------------------------------------------------------------------------------------------

fn check_rdb(path: &Path) -> Checked<()> {
    let mut file = open(path, "")?;
    let mut snapshot = Snapshot::new(path);
    let end = snapshot.read(&mut file).map_err(|error| unreadable(path, &error))?;
    if end { Ok(()) } else { Err(None) }
}

/// A snapshot that is being checked: a file, or the beginning of one.
struct Snapshot {
    loader: Loader,
    keyspace: Keyspace,
    /// What the file has behind the snapshot, as far as it was read.
    rest: Vec<u8>,
}

impl Snapshot {
    fn new(path: &Path) -> Self {
        say(0, format_args!("Checking RDB file {}", name(path)));
        let now: Time = Clock::new(false).now();
        let keyspace = Keyspace::new(HashKey(0, 0), 1);
        Self { loader: Loader::checking(now), keyspace, rest: vec![] }
    }

    /// Reads to the end of the snapshot; returns whether it is in order, which is told.
    fn read(&mut self, file: &mut File) -> io::Result<bool> {
        let mut buffer = vec![0; PIECE];
        let mut damage = None;
        while damage.is_none() && !self.loader.has_ended() {
            let n = read(file, &mut buffer)?;
            if n == 0 {
                break;
            }
            match self.loader.feed(&mut self.keyspace, &buffer[..n]) {
                Ok(taken) => self.rest.extend_from_slice(&buffer[taken..n]),
                Err(found) => damage = Some(found),
            }
            self.tell_notes();
        }
        let loaded = self.loader.loaded();
        if damage.is_none() && !self.loader.has_ended() {
            damage = self.loader.ends_early();
        }
        match &damage {
            None => say(loaded.bytes, format_args!("\\o/ RDB looks OK! \\o/")),
            Some(damage) => {
                println!("--- RDB ERROR DETECTED ---");
                say(damage.at, format_args!("{}", damage.fault));
                if let Some(key) = &damage.key {
                    println!("[additional info] Reading key '{}'", key.escape_ascii());
                }
            }
        }
        println!("[info] {} keys read", loaded.keys);
        println!("[info] {} expires", loaded.volatile);
        println!("[info] {} already expired", loaded.expired);
        Ok(damage.is_none())
    }

    fn tell_notes(&mut self) {
        for (at, note) in self.loader.take_notes() {
            match note {
                Note::Aux(name, value) => {
                    say(at, format_args!("AUX FIELD {} = '{}'", name.escape_ascii(), value.escape_ascii()));
                }
                Note::Database(db) => say(at, format_args!("Selecting DB ID {db}")),
                Note::Library(name) => say(at, format_args!("Library of functions {}", name.escape_ascii())),
                Note::End { summed: true } => say(at, format_args!("Checksum OK")),
                Note::End { summed: false } => {
                    say(at, format_args!("RDB file was saved with checksum disabled: no check performed."));
                }
            }
        }
    }
}

fn say(at: u64, text: fmt::Arguments<'_>) {
    println!("[offset {at}] {text}");
}

// Logs ----------------------------------------------------------------------------------------------------------

fn check_aof(path: &Path, cut: Cut) -> Checked<()> {
    let mut start = vec![];
    let read = open(path, "")?.take(64).read_to_end(&mut start);
    read.map_err(|error| unreadable(path, &error))?;
    if start.starts_with(b"file ") || start.starts_with(b"#") && name(path).ends_with(".manifest") {
        println!("Start checking Multi Part AOF");
        return check_parts(path, cut);
    }
    println!("Start checking Old-Style AOF");
    if check_file(path, name(path), Last::Yes, cut)? {
        println!("AOF {} is valid", path.display());
    }
    Ok(())
}

fn check_parts(path: &Path, cut: Cut) -> Checked<()> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8_lossy(&text);
    let manifest = Manifest::parse(&text).map_err(|flaw| flaw.to_string())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let check = |part: &Part, kind: &str, last: bool| {
        let last = if last { Last::Yes } else { Last::No };
        if check_file(&folder.join(&part.name), &part.name, last, cut)? {
            println!("{kind} AOF {} is valid", part.name);
        }
        Checked::Ok(())
    };
    if let Some(base) = &manifest.base {
        let form = if begins_as_snapshot(&folder.join(&base.name)) { "RDB" } else { "RESP" };
        println!("Start to check BASE AOF ({form} format).");
        check(base, "BASE", manifest.changes.is_empty())?;
    }
    if !manifest.changes.is_empty() {
        println!("Start to check INCR files.");
    }
    for (i, part) in manifest.changes.iter().enumerate() {
        check(part, "INCR", i + 1 == manifest.changes.len())?;
    }
    println!("All AOF files and manifest are valid");
    Ok(())
}

/// Returns whether a file can be read and begins with a snapshot.
fn begins_as_snapshot(path: &Path) -> bool {
    let mut start = [0; 9];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && rdb::begins_snapshot(&start)
}

/// Whether a file is the last of its log: only that one may be cut off, since nothing goes on from it.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Yes,
    No,
}

/// Checks one file; returns whether it was in order, and not empty.
fn check_file(path: &Path, name: &str, last: Last, cut: Cut) -> Checked<bool> {
    let mut file = open(path, ", aborting...")?;
    let size = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    if size == 0 {
        println!("AOF {name} is empty");
        return Ok(false);
    }
    let scan = scan(&mut file, path, cut)?;
    let is_whole = scan.fault.is_none();
    match cut {
        Cut::After(second) => cut_after(path, name, last, second, &scan),
        Cut::Nothing | Cut::Damage => tell_of_damage(path, name, last, size, cut, scan),
    }?;
    Ok(is_whole)
}

/// Tells how far a file is in order, and cuts it off there if that is wanted.
fn tell_of_damage(path: &Path, name: &str, last: Last, size: u64, wanted: Cut, scan: Scan) -> Checked<()> {
    let Scan { intact, line, fault } = scan;
    if let Some(fault) = &fault {
        println!("0x{intact:>16x}: {fault}");
    }
    println!(
        "AOF analyzed: filename={name}, size={size}, ok_up_to={intact}, ok_up_to_line={line}, diff={}",
        size - intact
    );
    match fault {
        None => Ok(()),
        Some(_) if wanted != Cut::Damage => {
            Err(Some(format!("AOF {name} is not valid. Use the --fix option to try fixing it.")))
        }
        Some(_) if last == Last::No => Err(Some(format!(
            "Failed to truncate AOF {name} because it is not the last file: what comes after it goes on from there"
        ))),
        Some(_) => cut_damage(path, name, size, intact),
    }
}

/// Cuts off what a file says was logged later than in a second.
fn cut_after(path: &Path, name: &str, last: Last, second: u64, scan: &Scan) -> Checked<()> {
    let intact = scan.intact;
    match &scan.fault {
        None => println!("Truncate nothing in AOF {name} to timestamp {second}"),
        Some(Fault::Later(_)) if intact == 0 => {
            let path = path.display();
            return Err(Some(format!("AOF {path} has nothing before timestamp {second}, aborting...")));
        }
        Some(Fault::Later(_)) if last == Last::No => {
            return Err(Some(format!(
                "Failed to truncate AOF {} to timestamp {second} to offset {intact} because it is not the last file.\n\
                 If you insist, please delete all files after this file according to the manifest file and delete \
                 the corresponding records in manifest file manually. Then re-run --check-aof.",
                path.display()
            )));
        }
        Some(Fault::Later(_)) => {
            shorten(path, name, intact)?;
            println!("Successfully truncated AOF {name} to timestamp {second}");
        }
        Some(fault) => {
            println!("0x{intact:>16x}: {fault}");
            return Err(Some(format!("AOF {name} is not valid. Use the --fix option to try fixing it.")));
        }
    }
    Ok(())
}

/// How far a log is in order.
struct Scan {
    intact: u64,
    /// The line that begins there, from 1.
    line: u64,
    fault: Option<Fault>,
}

fn scan(file: &mut File, path: &Path, cut: Cut) -> Checked<Scan> {
    let error = |error| unreadable(path, &error);
    let mut buffer = vec![0; PIECE];
    let mut n = read(file, &mut buffer).map_err(error)?;
    let mut before = 0;
    if rdb::begins_snapshot(&buffer[..n]) {
        io::Seek::rewind(file).map_err(error)?;
        let mut snapshot = Snapshot::new(path);
        if !snapshot.read(file).map_err(error)? {
            return Err(Some("RDB preamble of AOF file is not sane, aborting.".into()));
        }
        println!("RDB preamble is OK, proceeding with AOF tail...");
        before = snapshot.loader.loaded().bytes;
        n = snapshot.rest.len();
        buffer[..n].copy_from_slice(&snapshot.rest);
    }
    let mut log = if let Cut::After(second) = cut { Reader::until(second) } else { Reader::default() };
    let mut lines = Lines::default();
    let mut damage = None;
    loop {
        lines.add(&buffer[..n]);
        damage = damage.or(log.feed(&buffer[..n], fits).err());
        n = read(file, &mut buffer).map_err(error)?;
        if n == 0 || damage.is_some() {
            break;
        }
    }
    let damage = match damage {
        Some(damage) => Err(damage),
        None => log.finish(),
    };
    let (intact, fault) = damage.map_or_else(|damage| (damage.at, Some(damage.fault)), |all| (all, None));
    Ok(Scan { intact: before + intact, line: 1 + lines.before(intact), fault })
}

/// Refuses what ends no transaction that was begun.
fn fits(args: crate::resp::Args<'_>) -> Result<(), Fault> {
    for name in ["MULTI", "EXEC"] {
        if args.is(0, name) {
            return Err(Fault::Malformed(format!("Unexpected {name}")));
        }
    }
    Ok(())
}

/// Where the lines of a text end.
#[derive(Default)]
struct Lines {
    ends: Vec<u64>,
    len: u64,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        let ends = (self.len..).zip(bytes).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        self.ends.extend(ends);
        self.len += bytes.len() as u64;
    }

    /// Returns how many end before a place.
    fn before(&self, at: u64) -> u64 {
        self.ends.partition_point(|end| *end < at) as u64
    }
}

/// Cuts a file off, if whoever is at the terminal agrees.
fn cut_damage(path: &Path, name: &str, size: u64, intact: u64) -> Checked<()> {
    println!(
        "This will shrink the AOF {name} from {size} bytes, with {} bytes, to {intact} bytes",
        size - intact
    );
    print!("Continue? [y/N]: ");
    let mut answer = String::new();
    // Who can't be asked does not agree.
    let _ = io::stdout().flush().and_then(|()| io::stdin().lock().read_line(&mut answer));
    if !answer.to_ascii_lowercase().starts_with('y') {
        return Err(Some("Aborting...".into()));
    }
    shorten(path, name, intact)?;
    println!("Successfully truncated AOF {name}");
    Ok(())
}

fn shorten(path: &Path, name: &str, len: u64) -> Checked<()> {
    let shortened = OpenOptions::new().write(true).open(path).and_then(|file| {
        file.set_len(len)?;
        file.sync_all()
    });
    shortened.map_err(|error| Some(format!("Failed to truncate AOF {name}: {}", plain(&error))))
}

// Files ---------------------------------------------------------------------------------------------------------

fn open(path: &Path, consequence: &str) -> Checked<File> {
    File::open(path)
        .map_err(|error| Some(format!("Cannot open file {}: {}{consequence}", path.display(), plain(&error))))
}

fn read(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("Cannot read file {}: {}", path.display(), plain(error))
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
