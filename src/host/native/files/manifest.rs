//! The list of files that an append-only log is made of, as Redis 7 keeps it:
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the snapshot to begin with
//! file appendonly.aof.2.incr.aof seq 2 type i      the changes since, file after file
//! file appendonly.aof.1.incr.aof seq 1 type h      no longer needed
//! ```

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

impl Manifest {
    /// Reads a manifest; says which line is wrong otherwise, from 1.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut manifest = Self::default();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let (part, kind) = read_line(line).ok_or(i + 1)?;
            match kind.as_str() {
                "b" if manifest.base.is_none() => manifest.base = Some(part),
                "i" if manifest.changes.last().is_none_or(|last| last.number < part.number) => {
                    manifest.changes.push(part);
                }
                "h" => manifest.old.push(part),
                _ => return Err(i + 1),
            }
        }
        Ok(manifest)
    }

    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut line = |part: &Part, kind: &str| {
            let quoted = part.name.contains(|c: char| c.is_ascii_whitespace() || "\"'\\".contains(c));
            let name = if quoted { format!("{:?}", part.name) } else { part.name.clone() };
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
        self.old.extend(self.base.replace(base));
        let held = self.changes.len().saturating_sub(1);
        self.old.extend(self.changes.drain(..held));
    }
}

fn read_line(line: &str) -> Option<(Part, String)> {
    let words = split_line(line.as_bytes())?;
    let words: Vec<_> = words.into_iter().map(String::from_utf8).collect::<Result<_, _>>().ok()?;
    let (mut name, mut number, mut kind) = (None, None, None);
    for pair in words.chunks(2) {
        let [key, value] = pair else { return None };
        match key.as_str() {
            "file" => name = Some(value.clone()),
            "seq" => number = value.parse().ok(),
            "type" => kind = Some(value.clone()),
            // Later versions say more, which is not needed to read the files.
            _ => {}
        }
    }
    let name = name.filter(|name| !name.is_empty() && !name.contains('/'))?;
    Some((Part { name, number: number? }, kind?))
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
        assert_eq!(Manifest::parse("# fine\nfile a seq 1 type b\nfile b seq 2 type b\n"), Err(3));
        for line in ["file a seq 1", "file a seq x type b", "file ../a seq 1 type b", "file", "", "file \"a"]
        {
            assert_eq!(Manifest::parse(&format!("{line}\n")), Err(1), "{line}");
        }
        assert_eq!(Manifest::parse("file a seq 2 type i\nfile b seq 2 type i"), Err(2));
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
            "file log.2.base.rdb seq 2 type b\nfile log.1.base.rdb seq 1 type h\n\
             file log.1.incr.aof seq 1 type h\nfile log.2.incr.aof seq 2 type i\n"
        );
    }
}
