//! Documents made from the declarations: typings, `commands.json` and the table of the README.

mod json;
mod markdown;
mod typescript;

pub use json::json;
pub use markdown::markdown;
pub use typescript::typescript;

use super::Spec;
use super::syntax::{Node, What, parse};

/// A declared command, and the family that it belongs to.
#[derive(Clone, Copy)]
pub struct Declared {
    pub group: &'static str,
    pub spec: &'static Spec,
}

impl Declared {
    /// Returns the long documentation in Markdown, examples included.
    pub fn text(&self) -> String {
        let lines = self.spec.docs.iter().map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n").trim().to_string()
    }

    /// Returns the transcripts among the documentation.
    pub fn examples(&self) -> Vec<String> {
        let text = self.text();
        let blocks = text.split("```redis\n").skip(1);
        blocks.filter_map(|block| Some(block.split_once("```")?.0.trim_end().to_string())).collect()
    }

    /// Returns whether it only holds subcommands.
    fn is_container(&self, all: &[Declared]) -> bool {
        all.iter().any(|other| other.spec.container() == Some(self.spec.name))
    }
}
