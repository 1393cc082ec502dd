//! The list of files that an append-only log is made of, as Redis 7 keeps it:
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the snapshot to begin with
//! file appendonly.aof.2.incr.aof seq 2 type i      the changes since, file after file
//! file appendonly.aof.1.incr.aof seq 1 type h      no longer needed
//! ```

use std::fmt;

use crate::engine::monitor::quote;
use crate::resp::split_line;

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    pub name: String,
    pub number: u64,
}

/// Which files there are, and what for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    pub base: Option<Part>,
    /// In the order in which they are to be read.
    pub changes: Vec<Part>,
    /// To be removed.
    pub old: Vec<Part>,
}

/// What is wrong with a manifest, in the words of redis-server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// The line, from 1, and what it says; none where it is no matter of a line.
    line: Option<(usize, String)>,
    why: &'static str,
}

/// The longest line that Redis reads, with its end.
const LINE_MAX: usize = 1_024;

/// Numbers are below it, so that each has many after it. Redis' are below 2^63.
const NUMBER_MAX: u64 = 1 << 62;

impl Manifest {
    /// Reads a manifest.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        if text.is_empty() {
            return Err(Flaw { line: None, why: "Found an empty AOF manifest" });
        }
        let mut manifest = Self::default();
        for (i, line) in text.split_inclusive('\n').enumerate() {
            if line.starts_with('#') {
                continue;
            }
            // A line that does not end was cut off, by its length or with the file.
            let Some(line) = line.strip_suffix('\n').filter(|line| line.len() < LINE_MAX) else {
                return Err(Flaw { line: None, why: "The AOF manifest file contains too long line" });
            };
            let line = line.trim();
            manifest.take(line).map_err(|why| Flaw { line: Some((i + 1, line.to_owned())), why })?;
        }
        Ok(manifest)
    }

    /// Takes in a line; says what is wrong with it otherwise.
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let (part, kind) = read_line(line)?;
        match kind.as_str() {
            "b" if self.base.is_some() => Err("Found duplicate base file information"),
            "b" => {
                self.base = Some(part);
                Ok(())
            }
            "h" => {
                self.old.push(part);
                Ok(())
            }
            "i" if self.changes.last().is_some_and(|last| last.number >= part.number) => {
                Err("Found a non-monotonic sequence number")
            }
            "i" => {
                self.changes.push(part);
                Ok(())
            }
            _ => Err("Unknown AOF file type"),
        }
    }

    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut line = |part: &Part, kind: &str| {
            let quoted = part.name.contains(|c: char| !c.is_ascii_graphic() || "\"'\\".contains(c));
            let mut name = String::new();
            if quoted {
                quote(&mut name, part.name.as_bytes())
            } else {
                name.push_str(&part.name)
            }
            text.push_str(&format!("file {name} seq {} type {kind}\n", part.number));
        };
        self.base.iter().for_each(|part| line(part, "b"));
        self.old.iter().for_each(|part| line(part, "h"));
        self.changes.iter().for_each(|part| line(part, "i"));
        text
    }

    /// Returns the file for the changes from now on. It is not on the list yet.
    pub fn next_changes(&self, log: &str) -> Part {
        let number = self.changes.last().map_or(0, |last| last.number) + 1;
        Part { name: format!("{log}.{number}.incr.aof"), number }
    }

    /// Returns the file for the next beginning of the log, whose name ends in its form: `rdb` for a snapshot, `aof` for
    /// commands. It is not on the list yet.
    pub fn next_base(&self, log: &str, form: &str) -> Part {
        let number = self.base.as_ref().map_or(0, |base| base.number) + 1;
        Part { name: format!("{log}.{number}.base.{form}"), number }
    }

    /// Puts a new snapshot in the place of the old one and of the changes that it holds: all but the last file.
    pub fn rebase(&mut self, base: Part) {
        let replaced = self.base.replace(base);
        self.retire(replaced);
        let held = self.changes.len().saturating_sub(1);
        let changes: Vec<Part> = self.changes.drain(..held).collect();
        self.retire(changes);
    }

    /// Says that all changes are in the snapshot.
    pub fn retire_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        self.retire(changes);
    }

    /// Puts files on the list of those to be removed, the last one first, as Redis does.
    fn retire(&mut self, parts: impl IntoIterator<Item = Part>) {
        parts.into_iter().for_each(|part| self.old.insert(0, part));
    }
}

fn read_line(line: &str) -> Result<(Part, String), &'static str> {
    const INVALID: &str = "Invalid AOF manifest file format";
    let words = split_line(line.as_bytes()).ok_or(INVALID)?;
    let words: Vec<_> =
        words.into_iter().map(String::from_utf8).collect::<Result<_, _>>().map_err(|_| INVALID)?;
    let (mut name, mut number, mut kind) = (None, None, None);
    for pair in words.chunks(2) {
        let [key, value] = pair else { return Err(INVALID) };
        match key.to_ascii_lowercase().as_str() {
            "file" if value.contains('/') => return Err("File can't be a path, just a filename"),
            "file" => name = Some(value.clone()).filter(|name| !name.is_empty()),
            "seq" => number = value.parse().ok().filter(|number| (1..NUMBER_MAX).contains(number)),
            "type" => kind = Some(value.clone()),
            // Later versions say more, which is not needed to read the files.
            _ => {}
        }
    }
    let (Some(name), Some(number), Some(kind)) = (name, number, kind) else { return Err(INVALID) };
    Ok((Part { name, number }, kind))
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")?;
        if let Some((number, line)) = &self.line {
            write!(f, "Reading the manifest file, at line {number}\n>>> '{line}'\n")?;
        }
        f.write_str(self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_writes_is_read_and_written() {
        let text = "file appendonly.aof.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.2.incr.aof seq 2 type i\nfile \"with blank.3\" seq 3 type i\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.base.as_ref().map(|base| base.number), Some(2));
        assert_eq!(manifest.changes[1].name, "with blank.3");
        assert_eq!(manifest.render(), text);
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = |text: &str| {
            let flaw = Manifest::parse(text).expect_err(text);
            (flaw.line.map(|(number, _)| number), flaw.why)
        };
        let base = "# fine\nfile a seq 1 type b\n";
        assert_eq!(
            wrong(&format!("{base}file b seq 2 type b\n")),
            (Some(3), "Found duplicate base file information")
        );
        assert_eq!(
            wrong("file a seq 2 type i\nfile b seq 2 type i\n"),
            (Some(2), "Found a non-monotonic sequence number")
        );
        assert_eq!(wrong("file a seq 2 type x\n"), (Some(1), "Unknown AOF file type"));
        assert_eq!(wrong("file ../a seq 1 type b\n"), (Some(1), "File can't be a path, just a filename"));
        for line in [
            "file a seq 1",
            "file a seq x type b",
            "file a seq 0 type b",
            "file",
            "",
            " ",
            "file \"a",
            "file a seq 1 type i x",
        ] {
            assert_eq!(wrong(&format!("{line}\n")), (Some(1), "Invalid AOF manifest file format"), "{line}");
        }
        assert_eq!(wrong(""), (None, "Found an empty AOF manifest"));
        let long = format!("file {} seq 1 type i\n", "a".repeat(LINE_MAX));
        for cut in [&long, "file a seq 1 type i"] {
            assert_eq!(wrong(cut), (None, "The AOF manifest file contains too long line"));
        }
    }

    #[test]
    fn a_snapshot_takes_the_place_of_what_was_before() {
        let mut manifest = Manifest::default();
        manifest.rebase(manifest.next_base("log", "rdb"));
        for _ in 0..2 {
            manifest.changes.push(manifest.next_changes("log"));
        }
        manifest.rebase(manifest.next_base("log", "rdb"));
        assert_eq!(
            manifest.render(),
            "file log.2.base.rdb seq 2 type b\nfile log.1.incr.aof seq 1 type h\n\
             file log.1.base.rdb seq 1 type h\nfile log.2.incr.aof seq 2 type i\n"
        );
    }
}
