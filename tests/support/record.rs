//! Writes the answers of a real redis-server into transcripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::matching::matches;
use super::play::{listen, show};
use super::server::Server;
use super::site::Remote;
use super::transcript::{Action, Block, Place};

/// What was heard at a step, by the number of its line and by client.
type Answers = BTreeMap<usize, BTreeMap<String, String>>;

/// Plays the blocks that redis-server can play, also those in which time passes, and rewrites their files. What a
/// transcript leaves open stays as it is where it fits.
pub fn record(blocks: &[Arc<Block>], filter: Option<&str>) -> ExitCode {
    let mut files: BTreeMap<PathBuf, Answers> = BTreeMap::new();
    let named = |block: &&Arc<Block>| {
        let name = format!("{}::{}", block.family(), block.title);
        filter.is_none_or(|filter| name.contains(filter))
    };
    for block in blocks.iter().filter(named).filter(|block| block.place == Place::Everywhere) {
        let server = match Server::redis() {
            Ok(server) => server,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        files.entry(block.path.clone()).or_default().extend(answers(block, &mut Remote::new(server)));
    }
    for (path, answers) in files {
        rewrite(&path, &answers);
        println!("{}", path.display());
    }
    ExitCode::SUCCESS
}

fn answers(block: &Block, remote: &mut Remote) -> Answers {
    let mut clients = BTreeSet::new();
    let mut all = Answers::new();
    for step in &block.steps {
        let mut answers = BTreeMap::new();
        for (client, received) in listen(step, remote, &mut clients) {
            let text = show(&received);
            let expected = step.expected.get(&client).map_or("", String::as_str);
            let text = if matches(expected, &text) { expected.to_string() } else { text };
            if !text.is_empty() {
                answers.insert(client, text);
            }
        }
        all.insert(step.line, answers);
    }
    all
}

/// Puts the answers in place of those that stand below their calls.
fn rewrite(path: &PathBuf, answers: &Answers) {
    let blocks = super::transcript::read_file(path);
    let steps: BTreeMap<usize, &Action> =
        blocks.iter().flat_map(|block| &block.steps).map(|step| (step.line, &step.action)).collect();
    let text = std::fs::read_to_string(path).expect("read above");
    let mut written = String::new();
    let mut replaced = false;
    for (i, line) in text.lines().enumerate() {
        let number = i + 1;
        if line.is_empty() || line.starts_with("# ") || steps.contains_key(&number) {
            replaced = false;
        }
        if replaced {
            continue;
        }
        written.push_str(line);
        written.push('\n');
        if let (Some(action), Some(answers)) = (steps.get(&number), answers.get(&number)) {
            replaced = true;
            written.push_str(&below(action, answers));
        }
    }
    std::fs::write(path, written).expect("a transcript can be written");
}

fn below(action: &Action, answers: &BTreeMap<String, String>) -> String {
    let sender = match action {
        Action::Send { client, .. } => Some(client),
        Action::Pass(_) => None,
    };
    let mut text = String::new();
    if let Some(reply) = sender.and_then(|sender| answers.get(sender)) {
        text.push_str(&format!("{reply}\n"));
    }
    for (client, heard) in answers.iter().filter(|(client, _)| Some(*client) != sender) {
        let indent = format!("\n{}", " ".repeat(client.len() + 2));
        text.push_str(&format!("{client}: {}\n", heard.replace('\n', &indent)));
    }
    text
}
