//! Holds the layers: who may import whom, and what is deliberately absent. A message says what to do instead.
//!
//! It reads sources as text, without comments and without the tests at the end of a file.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files of `src` by level. A file imports from its own folder and from lower levels.
const LEVELS: &[&[&str]] = &[
    &["base"],
    &["resp", "spec", "data", "lua"],
    &["keyspace", "replication", "cluster"],
    &["persist"],
    &["engine"],
    &["commands", "scripting"],
    &["upstream", "store"],
    &["host", "bin"],
];

/// Imports within a level.
const NEIGHBOURS: &[(&str, &str)] = &[("spec", "resp"), ("host", "bin"), ("bin", "host")];

/// Imports from a lower level that are not for everybody above.
const STRANGERS: &[(&str, &str)] =
    &[("replication", "data"), ("cluster", "data"), ("upstream", "keyspace"), ("upstream", "data")];

/// What stands only in the places named.
struct Absence {
    words: &'static [&'static str],
    only_in: &'static [&'static str],
    instead: &'static str,
}

const ABSENCES: &[Absence] = &[
    Absence {
        words: &["target_family", "target_arch", "target_os", "target_env", "cfg(unix)", "cfg(windows)"],
        only_in: &["lib.rs"],
        instead: "a difference between platforms is a module in host/, chosen in lib.rs, or a value passed in",
    },
    Absence {
        words: &["async fn", "async move", ".await", "tokio", "wasm_bindgen", "js_sys", "web_sys"],
        only_in: &["host", "lib.rs"],
        instead: "the core never waits: ask for it with a `Request`, and let the host `answer`",
    },
    Absence {
        words: &["std::time", "Instant::now", "SystemTime"],
        only_in: &["host"],
        instead: "take the time as an argument: `now: Time`, `call.db.now`",
    },
    Absence {
        words: &["std::thread", "std::sync", "thread_local!", "Mutex<", "RefCell<"],
        only_in: &["host", "bin"],
        instead: "the engine is a value with one owner: borrow it, or check out what you change",
    },
    Absence {
        words: &["std::rc"],
        only_in: &["data", "host", "bin"],
        instead: "what clones of a value have in common is inside data/; all else has one owner",
    },
    Absence {
        words: &[
            "std::env",
            "std::fs",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "std::process",
            "std::io",
            "println!",
            "eprintln!",
        ],
        only_in: &["host", "bin"],
        instead: "input and output are the host's: ask with a `Request`, or write into a buffer that you are given",
    },
    Absence {
        words: &["rand::", "getrandom", "RandomState"],
        only_in: &["host"],
        instead: "randomness comes from the seed: `shared.random`, `HashKey`",
    },
    Absence {
        words: &["static ", "pub static ", "pub(crate) static "],
        only_in: &["host", "bin"],
        instead: "state belongs to an `Engine`; what never changes is a `const`",
    },
    Absence {
        words: &["unsafe"],
        only_in: &["base", "data", "host", "lib.rs"],
        instead: "put the unsafe part behind a safe function in base/ or data/",
    },
    Absence {
        words: &["todo!", "unimplemented!", "dbg!", "#[ignore"],
        only_in: &[],
        instead: "land what works, whole",
    },
];

/// Words that count only at the beginning of a line.
const ITEMS: &[&str] = &["static ", "pub static ", "pub(crate) static "];

/// A file of a thousand lines has a second subject in it.
const LINES_MAX: usize = 1_000;

#[test]
fn layers_hold() {
    let mut wrong = String::new();
    for file in sources("src") {
        let text = fs::read_to_string(root().join(&file)).expect("listed above");
        let part = part_of(&file);
        for (number, line) in code(&text) {
            for imported in imports(line) {
                if let Some(why) = forbids(part, imported) {
                    let _ = writeln!(wrong, "{}:{number} imports {imported}: {why}", file.display());
                }
            }
            for absence in ABSENCES.iter().filter(|absence| !absence.only_in.contains(&part)) {
                if let Some(word) = absence.words.iter().find(|word| has(line, word)) {
                    let place = file.display();
                    let _ = writeln!(wrong, "{place}:{number} has `{}`: {}", word.trim(), absence.instead);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_folder_has_a_level() {
    let known = |part: &str| part == "lib.rs" || LEVELS.iter().any(|level| level.contains(&part));
    let unknown: Vec<PathBuf> = sources("src").into_iter().filter(|file| !known(part_of(file))).collect();
    assert!(
        unknown.is_empty(),
        "give these a level in tests/architecture.rs and ARCHITECTURE.md: {unknown:?}"
    );
}

#[test]
fn files_have_one_subject() {
    let folders = ["src", "tests", "xtask/src", "pkg-template/src", "www/src"];
    for file in folders.iter().flat_map(|folder| sources(folder)) {
        let lines = fs::read_to_string(root().join(&file)).expect("listed above").lines().count();
        let made = file.ends_with("commands.ts");
        assert!(
            made || lines < LINES_MAX,
            "{} has {lines} lines: look for the second subject in it",
            file.display()
        );
    }
}

/// Says why `part` may not import from `imported`, if so.
fn forbids(part: &str, imported: &str) -> Option<&'static str> {
    let level = |part: &str| LEVELS.iter().position(|level| level.contains(&part));
    // lib.rs only lists modules; macros and unknown names are no layers.
    let (own, other) = (level(part)?, level(imported)?);
    if part == imported || NEIGHBOURS.contains(&(part, imported)) {
        return None;
    }
    if own <= other {
        return Some("it stands above; move what you need down, or pass it in as a value");
    }
    STRANGERS
        .contains(&(part, imported))
        .then_some("these two do not know each other; the engine drives both")
}

/// Returns the first parts of the paths into our own crate that a line names.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    let ours = ["crate::", "redlet::"].into_iter();
    ours.flat_map(move |prefix| {
        let places = line.match_indices(prefix);
        // `$crate::` of a macro is the place where it expands.
        let places = places.filter(|(at, _)| !line[..*at].ends_with(['$', '_']));
        places.map(move |(at, _)| {
            let rest = &line[at + prefix.len()..];
            &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
        })
    })
}

fn has(line: &str, word: &str) -> bool {
    if ITEMS.contains(&word) {
        return line.trim_start().starts_with(word);
    }
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let starts = word.starts_with(|c: char| c.is_alphanumeric());
        let ends = word.ends_with(|c: char| c.is_alphanumeric());
        !(starts && joins(before) || ends && joins(after))
    })
}

/// Returns the numbered lines of a file without comments and without its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let lines = lines.take_while(|(_, line)| *line != "#[cfg(test)]");
    lines
        .map(|(i, line)| (i, line.split("//").next().unwrap_or_default()))
        .filter(|(_, line)| !line.is_empty())
}

/// Returns `engine` for `src/engine/call.rs`, `store` for `src/store.rs`.
fn part_of(file: &Path) -> &str {
    let first = file.components().nth(1).and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
    if first == "lib.rs" { first } else { first.trim_end_matches(".rs") }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the sources below a folder, as paths from the root.
fn sources(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return vec![] };
    let mut files = vec![];
    for entry in entries.flatten() {
        let path = Path::new(folder).join(entry.file_name());
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files.extend(sources(&path.to_string_lossy())),
            false if ["rs", "ts", "mjs"].contains(&ending) => files.push(path),
            false => {}
        }
    }
    files
}
