//! The list of what does not pass yet: `unit | test | reason`, a line each. `*` for a test stands for a unit of which
//! nothing passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

const WHOLE: &str = "*";

pub struct Ratchet {
    path: PathBuf,
    head: String,
    units: BTreeMap<String, Vec<Line>>,
}

struct Line {
    test: String,
    reason: String,
}

impl Ratchet {
    /// Reads a list; an absent one is empty. Fails on a line without a reason.
    pub fn read(path: &Path) -> Result<Ratchet> {
        let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
        Ratchet::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Ratchet> {
        let mut ratchet = Ratchet { path: path.to_owned(), head: String::new(), units: BTreeMap::new() };
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                ratchet.head += line;
                ratchet.head += "\n";
                continue;
            }
            let place = || format!("{}:{}: `unit | test | reason`", path.display(), number + 1);
            let (unit, rest) = line.split_once(" | ").with_context(place)?;
            // A test's name may hold the separator, a reason does not.
            let (test, reason) = rest.rsplit_once(" | ").with_context(place)?;
            ensure!(!reason.trim().is_empty(), place());
            let line = Line { test: test.to_owned(), reason: reason.to_owned() };
            ratchet.units.entry(unit.to_owned()).or_default().push(line);
        }
        Ok(ratchet)
    }

    /// Returns what is in `missing` and not in the list. A name that stands there twice is listed twice.
    pub fn unlisted<'a>(&self, unit: &str, missing: &[&'a str]) -> Vec<&'a str> {
        let lines = self.lines(unit);
        if lines.iter().any(|line| line.test == WHOLE) {
            return Vec::new();
        }
        let mut left: Vec<&str> = lines.iter().map(|line| line.test.as_str()).collect();
        let unlisted = missing.iter().filter(|name| match left.iter().position(|test| test == *name) {
            Some(at) => {
                left.swap_remove(at);
                false
            }
            None => true,
        });
        unlisted.copied().collect()
    }

    /// Returns how many lines of a unit would go if it were replaced.
    pub fn outdated(&self, unit: &str, missing: usize, nothing_passes: bool) -> usize {
        let listed = self.lines(unit);
        let whole = listed.iter().any(|line| line.test == WHOLE);
        if whole { usize::from(!nothing_passes) } else { listed.len().saturating_sub(missing) }
    }

    /// Lists what is missing of a unit now. Known reasons stay; `reason` gives one for what is new.
    pub fn replace(
        &mut self,
        unit: &str,
        missing: &[&str],
        nothing_passes: bool,
        reason: impl Fn(&str) -> String,
    ) {
        let known = self.units.remove(unit).unwrap_or_default();
        let known = |test: &str| known.iter().find(|line| line.test == test).map(|line| line.reason.clone());
        let line = |test: &str| Line {
            test: test.to_owned(),
            reason: known(test).or_else(|| known(WHOLE)).unwrap_or_else(|| reason(test)),
        };
        let mut lines: Vec<Line> = missing.iter().map(|test| line(test)).collect();
        let reasons: BTreeSet<&str> = lines.iter().map(|line| line.reason.as_str()).collect();
        if nothing_passes && reasons.len() == 1 {
            let reason = lines.swap_remove(0).reason;
            lines = vec![Line { test: WHOLE.to_owned(), reason }];
        }
        if !lines.is_empty() {
            self.units.insert(unit.to_owned(), lines);
        }
    }

    pub fn write(&self) -> Result<()> {
        fs::write(&self.path, self.text()).with_context(|| self.path.display().to_string())
    }

    fn text(&self) -> String {
        let mut text = self.head.clone();
        for (unit, lines) in &self.units {
            for Line { test, reason } in lines {
                text += &format!("{unit} | {test} | {reason}\n");
            }
        }
        text
    }

    fn lines(&self, unit: &str) -> &[Line] {
        self.units.get(unit).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# What a list is for.
unit/a | one | slow
unit/a | two | with | bars
unit/a | two | with | twice
unit/b | * | no such commands
";

    fn ratchet() -> Ratchet {
        Ratchet::parse(Path::new("list"), TEXT).unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(ratchet().text(), TEXT);
        for wrong in ["unit/a", "unit/a | one", "unit/a | one | "] {
            assert!(Ratchet::parse(Path::new("list"), wrong).is_err());
        }
    }

    #[test]
    fn finds_what_is_new() {
        let ratchet = ratchet();
        assert_eq!(ratchet.unlisted("unit/a", &["one", "two | with", "two | with"]), [""; 0]);
        assert_eq!(ratchet.unlisted("unit/a", &["one", "one", "three"]), ["one", "three"]);
        assert_eq!(ratchet.unlisted("unit/b", &["anything"]), [""; 0]);
        assert_eq!(ratchet.unlisted("unit/c", &["anything"]), ["anything"]);
        assert_eq!(ratchet.outdated("unit/a", 1, false), 2);
        assert_eq!(ratchet.outdated("unit/b", 9, false), 1);
    }

    #[test]
    fn keeps_known_reasons() {
        let mut ratchet = ratchet();
        ratchet.replace("unit/a", &["one", "three"], false, |_| "new".to_owned());
        ratchet.replace("unit/b", &["x"], false, |_| "new".to_owned());
        ratchet.replace("unit/c", &["x", "y"], true, |_| "new".to_owned());
        let lines =
            "unit/a | one | slow\nunit/a | three | new\nunit/b | x | no such commands\nunit/c | * | new\n";
        assert_eq!(ratchet.text(), format!("# What a list is for.\n{lines}"));
        ratchet.replace("unit/c", &[], false, |_| "new".to_owned());
        assert!(!ratchet.text().contains("unit/c"));
    }
}
