//! Plays a block somewhere and says where it went otherwise than expected.

use std::collections::BTreeSet;

use super::matching::{line_matches, matches};
use super::printed::printed;
use super::site::{Received, Site};
use super::transcript::{Action, Block, Step};

/// What one client received because of one step.
pub struct Heard {
    pub step: usize,
    pub client: String,
    pub bytes: Vec<u8>,
}

/// Plays the whole block; returns what was heard, or a text for a person about the first step that went wrong.
pub fn play(block: &Block, site: &mut dyn Site) -> Result<Vec<Heard>, String> {
    let mut all = vec![];
    let mut clients = BTreeSet::new();
    for i in 0..block.steps.len() {
        let step = &block.steps[i];
        let heard = listen(step, site, &mut clients);
        for (client, received) in heard {
            let expected = step.expected.get(&client).map_or("", String::as_str);
            let text = show(&received);
            if !matches(expected, &text) {
                return Err(complain(block, step, &client, expected, &text));
            }
            all.push(Heard { step: i, client, bytes: received.bytes });
        }
    }
    Ok(all)
}

/// Carries out a step, and returns what every client has received then.
pub fn listen(step: &Step, site: &mut dyn Site, clients: &mut BTreeSet<String>) -> Vec<(String, Received)> {
    match &step.action {
        Action::Send { client, bytes } => {
            clients.insert(client.clone());
            site.send(client, bytes, step.expected.contains_key(client));
        }
        Action::Pass(micros) => site.pass(*micros),
    }
    let hear = |client: &String| {
        let expected = step.expected.get(client).map_or("", String::as_str);
        let enough = |received: &Received| {
            let text = show(received);
            matches(expected, &text) && text.is_empty() == expected.is_empty()
                || text.lines().count() >= expected.lines().count().max(1)
        };
        (client.clone(), site.receive(client, &enough))
    };
    clients.iter().map(hear).collect()
}

/// Prints what was received as a transcript has it.
pub fn show(received: &Received) -> String {
    let (mut text, used) = printed(&received.bytes);
    let mut add = |line: &str| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    };
    if used < received.bytes.len() {
        add("(part of a reply)");
    }
    if received.closed {
        add("(closed)");
    }
    text
}

/// Shows the call and where its answer differs, with a few lines of what is alike before.
fn complain(block: &Block, step: &Step, client: &str, expected: &str, text: &str) -> String {
    const BEFORE: usize = 3;
    let [expected, text] = [expected, text].map(|text| if text.is_empty() { "(no reply)" } else { text });
    let alike =
        expected.lines().zip(text.lines()).take_while(|(one, other)| line_matches(one, other)).count();
    let skipped = alike.saturating_sub(BEFORE);
    let mut report = format!("{}:{} # {}\n{}\n", block.path.display(), step.line, block.title, step.source);
    let mut show = |mark: char, text: &str, from: usize, to: usize| {
        for line in text.lines().take(to).skip(from) {
            report.push_str(&format!("  {mark} {client}: {line}\n"));
        }
    };
    show(' ', expected, skipped, alike);
    show('-', expected, alike, usize::MAX);
    show('+', text, alike, usize::MAX);
    report
}
