//! The scripts of these tests, and the answers of redis-server.

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).expect("a file of these tests")
}

/// Returns the names and answers of a file of answers.
pub fn answers(file: &str) -> Vec<(String, String)> {
    let text = String::from_utf8(read(file)).expect("escaped");
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs.map(|(name, answer)| (name.into(), answer.into())).collect()
}

/// Returns the names and sources of a file of scripts.
pub fn corpus(file: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = read(file);
    let mut scripts: Vec<(String, Vec<u8>)> = vec![];
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"---- ") {
            let name = name.split(|byte| *byte == b' ').next().unwrap_or_default();
            scripts.push((String::from_utf8_lossy(name).into_owned(), vec![]));
        } else if let Some((_, source)) = scripts.last_mut() {
            if !source.is_empty() {
                source.push(b'\n');
            }
            source.extend_from_slice(line);
        }
    }
    for (_, source) in &mut scripts {
        while source.last() == Some(&b'\n') {
            source.pop();
        }
    }
    scripts
}

/// Returns the names and sources of the scripts that try to escape the limits.
pub fn abuse() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("abuse")).expect("the scripts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a script"))
    };
    paths.into_iter().map(read).collect()
}
