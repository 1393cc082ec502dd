//! Reads transcripts: the language of `tests/commands/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::words::{split, to_resp};

/// The client that a line names when it names none.
pub const FIRST: &str = "a";

/// One subject: calls on an empty server, by fresh clients.
#[derive(Clone)]
pub struct Block {
    pub path: PathBuf,
    pub title: String,
    pub place: Place,
    pub steps: Vec<Step>,
}

/// Where a block can run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    /// On our own servers: what Redis does not answer, or answers otherwise for a reason that stands above the block.
    Redlet,
    /// Where the engine is a value of the test's own process.
    Engine,
}

/// Something done, and what clients are told because of it.
#[derive(Clone)]
pub struct Step {
    /// The number of its line, counted from 1.
    pub line: usize,
    /// The line itself.
    pub source: String,
    pub action: Action,
    /// By client, as redis-cli prints it.
    pub expected: BTreeMap<String, String>,
    /// The client of the last line that named one.
    named: Option<String>,
}

#[derive(Clone)]
pub enum Action {
    Send {
        client: String,
        bytes: Vec<u8>,
    },
    /// Microseconds pass.
    Pass(u64),
}

impl Block {
    pub fn takes_time(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Pass(_)))
    }

    /// Returns whether it may leave its server otherwise than FLUSHALL can mend.
    pub fn configures(&self) -> bool {
        const WORDS: [&str; 9] =
            ["CONFIG", "DEBUG", "PAUSE", "ACL", "SHUTDOWN", "KILL", "FUNCTION", "SLOWLOG", "LATENCY"];
        self.says(&WORDS)
    }

    /// Returns whether it needs somewhere to save to.
    pub fn saves(&self) -> bool {
        self.says(&["SAVE", "REWRITE", "LOADAOF"])
    }

    /// Returns whether it takes an interpreter of scripts.
    pub fn runs_scripts(&self) -> bool {
        self.says(&["EVAL", "FCALL", "SCRIPT ", "FUNCTION "])
    }

    fn says(&self, words: &[&str]) -> bool {
        self.steps.iter().any(|step| words.iter().any(|word| step.source.to_uppercase().contains(word)))
    }

    /// Returns the file's name without its ending: the family.
    pub fn family(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Returns the same block with calls of one client sent at once where nothing happens between them.
    pub fn pipelined(&self) -> Block {
        let mut steps: Vec<Step> = vec![];
        for step in &self.steps {
            match steps.last_mut() {
                Some(last) if last.admits(step) => last.append(step),
                _ => steps.push(step.clone()),
            }
        }
        Block { steps, ..self.clone() }
    }
}

impl Step {
    fn sender(&self) -> Option<&str> {
        match &self.action {
            Action::Send { client, .. } => Some(client),
            Action::Pass(_) => None,
        }
    }

    /// Returns what the client that acts is told.
    fn reply(&self) -> Option<&str> {
        self.expected.get(self.sender()?).map(String::as_str)
    }

    /// Whether the next step can be sent together with this one: the same client's, and answered at once.
    fn admits(&self, next: &Step) -> bool {
        let plain = |step: &Step| {
            let reply = step.reply().unwrap_or_default();
            step.expected.len() == 1 && !reply.is_empty() && !reply.starts_with(super::matching::ANY_ORDER)
        };
        self.sender().is_some()
            && self.sender() == next.sender()
            && plain(self)
            && plain(next)
            && !self.reply().is_some_and(|reply| reply.ends_with("(closed)"))
    }

    fn append(&mut self, next: &Step) {
        let Action::Send { client, bytes } = &mut self.action else { return };
        if let Action::Send { bytes: more, .. } = &next.action {
            bytes.extend_from_slice(more);
        }
        let reply = self.expected.entry(client.clone()).or_default();
        reply.push('\n');
        reply.push_str(next.reply().unwrap_or_default());
        self.source.push('\n');
        self.source.push_str(&next.source);
    }
}

/// Reads all transcripts of a folder. Panics on a line that is not in the language.
pub fn read_folder(folder: &Path) -> Vec<Block> {
    let entries = std::fs::read_dir(folder).expect("tests/commands is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    paths.sort();
    paths.iter().flat_map(|path| read_file(path)).collect()
}

/// Reads one file of transcripts.
pub fn read_file(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read_text(path, &text)
}

/// Reads transcripts that lie at `path`, or would.
pub fn read_text(path: &Path, text: &str) -> Vec<Block> {
    let mut blocks = vec![];
    let mut titled = false;
    for (i, line) in text.lines().enumerate() {
        let at = format!("{}:{}", path.display(), i + 1);
        if let Some(title) = line.strip_prefix("# ") {
            // Further lines of a title are remarks.
            if !titled {
                blocks.push(title_of(path, title));
            }
            titled = true;
            continue;
        }
        titled = false;
        if line.is_empty() {
            continue;
        }
        let block = blocks.last_mut().unwrap_or_else(|| panic!("{at}: a block begins with `# title`"));
        if let Some(step) = step_of(line, i + 1, &at) {
            block.steps.push(step);
        } else {
            let step = block.steps.last_mut().unwrap_or_else(|| panic!("{at}: a reply to nothing"));
            expect(step, line).unwrap_or_else(|| {
                panic!("{at}: whose reply? After a time step or a `b: …` line, name the client")
            });
        }
    }
    blocks
}

fn title_of(path: &Path, line: &str) -> Block {
    let (title, place) = match line.rsplit_once(" [") {
        Some((title, "redlet]")) => (title, Place::Redlet),
        Some((title, "engine]")) => (title, Place::Engine),
        _ => (line, Place::Everywhere),
    };
    Block { path: path.into(), title: title.into(), place, steps: vec![] }
}

/// Reads `> CALL`, `b> CALL`, `b>> "raw bytes"` or `+10s`; anything else is a reply.
fn step_of(line: &str, number: usize, at: &str) -> Option<Step> {
    let action = if let Some(time) = line.strip_prefix('+').and_then(duration) {
        Action::Pass(time)
    } else {
        let (client, rest) = line.split_once('>')?;
        if !client.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let (raw, rest) = match rest.strip_prefix('>') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let words = split(rest.strip_prefix(' ')?).unwrap_or_else(|| panic!("{at}: unbalanced quotes"));
        let bytes = if raw { words.concat() } else { to_resp(&words) };
        let client = if client.is_empty() { FIRST } else { client };
        Action::Send { client: client.into(), bytes }
    };
    Some(Step { line: number, source: line.into(), action, expected: BTreeMap::new(), named: None })
}

/// Reads `10s`, `250ms` or `7us` as microseconds.
fn duration(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[digits..] {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

/// Adds a line to what a client is told: `b: …` names it, and lines below it are indented as far.
fn expect(step: &mut Step, line: &str) -> Option<()> {
    let named = line.split_once(": ").filter(|(client, _)| {
        !client.is_empty() && client.len() < 8 && client.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    let (client, text) = match (named, &step.named) {
        (Some((client, text)), _) => {
            step.named = Some(client.into());
            (client.to_string(), text)
        }
        (None, Some(client)) => (client.clone(), line.strip_prefix(&" ".repeat(client.len() + 2))?),
        (None, None) => (step.sender()?.to_string(), line),
    };
    let all = step.expected.entry(client).or_default();
    if !all.is_empty() {
        all.push('\n');
    }
    all.push_str(text);
    Some(())
}
