//! Hostile input: whatever a source or an argument is, the interpreter answers, and goes on.
//!
//! `REDLET_LONG=1` runs it a hundred times as long. What is drawn is the same each time.

use std::time::{Duration, Instant};

use redlet::base::random::Random;
use redlet::lua::Lua;

use crate::files::corpus;
use crate::host::{End, interpreter, run};

const MEMORY: usize = 1 << 20;

fn rounds(few: u64) -> u64 {
    if std::env::var_os("REDLET_LONG").is_some() { few * 100 } else { few }
}

/// Pieces of sources, so that what is put together at random is sometimes a program.
const PIECES: [&str; 44] = [
    "and ",
    "break ",
    "do ",
    "else ",
    "elseif ",
    "end ",
    "false ",
    "for ",
    "function ",
    "if ",
    "in ",
    "local ",
    "nil ",
    "not ",
    "or ",
    "repeat ",
    "return ",
    "then ",
    "true ",
    "until ",
    "while ",
    "x",
    "y ",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "=",
    "==",
    "~=",
    "..",
    "...",
    ",",
    ";",
    ":",
    "1",
    "0x1p",
    "'s'",
    "[[",
    "--",
    "#",
    "-",
];

#[test]
fn any_source_is_compiled_or_refused() {
    let mut random = Random::new(1);
    let sources: Vec<Vec<u8>> = corpus("corpus.txt").into_iter().map(|(_, source)| source).collect();
    let mut lua = interpreter(MEMORY);
    for _ in 0..rounds(4_000) {
        let mut source = vec![];
        match random.below(4) {
            0 => source.extend((0..random.below(60)).map(|_| random.next() as u8)),
            1 => (0..random.below(60)).for_each(|_| source.extend(piece(&mut random))),
            _ => {
                source = sources[random.below(sources.len() as u64) as usize].clone();
                (0..1 + random.below(6)).for_each(|_| mutate(&mut source, &mut random));
            }
        }
        ends(&mut lua, &source);
        assert!(lua.memory() <= MEMORY);
    }
    answers_still(&mut lua);
}

fn piece(random: &mut Random) -> &'static [u8] {
    PIECES[random.below(PIECES.len() as u64) as usize].as_bytes()
}

fn mutate(source: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(source.len() as u64 + 1) as usize;
    let end = (at + random.below(9) as usize).min(source.len());
    match random.below(5) {
        0 => drop(source.drain(at..end)),
        1 => source.insert(at, random.next() as u8),
        2 => source.truncate(at),
        3 => {
            let copy = source[at..end].to_vec();
            let to = random.below(source.len() as u64 + 1) as usize;
            source.splice(to..to, copy);
        }
        _ => drop(source.splice(at..at, piece(random).iter().copied())),
    }
}

/// Functions that read formats, patterns and bytes; `?` is a place for anything.
const READERS: [&str; 24] = [
    "cjson.decode(?)",
    "cjson.encode({?, [?] = ?})",
    "cjson.encode(cjson.decode(?))",
    "cmsgpack.unpack(?)",
    "cmsgpack.unpack_one(?, ?)",
    "cmsgpack.unpack_limit(?, ?, ?)",
    "cmsgpack.pack(?, {?, [?] = ?})",
    "struct.unpack(?, ?)",
    "struct.unpack(?, ?, ?)",
    "struct.pack(?, ?, ?)",
    "struct.size(?)",
    "bit.tohex(?, ?)",
    "bit.lshift(?, ?)",
    "string.find(?, ?)",
    "string.gsub(?, ?, ?)",
    "string.match(?, ?, ?)",
    "string.format(?, ?, ?)",
    "string.rep(?, ?)",
    "string.sub(?, ?, ?)",
    "table.concat({?, ?}, ?, ?, ?)",
    "unpack({?}, ?, ?)",
    "tonumber(?, ?)",
    "loadstring(?)",
    "table.insert({?, ?}, ?, ?)",
];

#[test]
fn libraries_take_any_argument() {
    let mut random = Random::new(2);
    let mut lua = interpreter(MEMORY);
    for _ in 0..rounds(3_000) {
        let call = READERS[random.below(READERS.len() as u64) as usize];
        let mut pieces = call.split('?');
        let mut source = [b"return ", pieces.next().unwrap_or_default().as_bytes()].concat();
        for piece in pieces {
            argument(&mut source, &mut random);
            source.extend_from_slice(piece.as_bytes());
        }
        ends(&mut lua, &source);
        assert!(lua.memory() <= MEMORY);
    }
    answers_still(&mut lua);
}

/// Appends the source of a value at some edge.
fn argument(source: &mut Vec<u8>, random: &mut Random) {
    const NUMBERS: [&str; 12] =
        ["0", "1", "-1", "2^31", "-2^31", "2^53", "2^63", "1e308", "1/0", "-1/0", "0/0", "0.5"];
    const LETTERS: &[u8] = b"%%%abcdf()[]^$*+-?.{}:,\"0123456789bBhHlLiIsx!<>=TcE -trunfalse\\";
    match random.below(8) {
        0..2 => source.extend_from_slice(NUMBERS[random.below(12) as usize].as_bytes()),
        2 => source.extend_from_slice(b"{{}, 1, x = {}}"),
        kind => {
            source.push(b'\'');
            for _ in 0..random.below(24) {
                let byte = match kind {
                    // Bytes that begin long things in MessagePack, and any others.
                    3 => 0x80 | random.next() as u8,
                    4 => random.next() as u8,
                    _ => LETTERS[random.below(LETTERS.len() as u64) as usize],
                };
                source.extend_from_slice(format!("\\{byte:03}").as_bytes());
            }
            source.push(b'\'');
        }
    }
}

/// Runs a source for a while; it may take no longer than that.
fn ends(lua: &mut Lua, source: &[u8]) {
    let start = Instant::now();
    run(lua, source, 20_000, 3);
    lua.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{}", source.escape_ascii());
}

fn answers_still(lua: &mut Lua) {
    assert!(matches!(run(lua, b"return 'well'", 1_000, 9), End::Answer(text) if text == "$well"));
}
