//! What commands look like: names, arguments, keys, flags, documentation. Nothing here runs one.

mod arguments;
mod command;
mod flags;
mod keys;
#[cfg(feature = "docs")]
pub mod render;
mod shape;
pub mod syntax;
mod tips;

pub use arguments::{Argument, arguments};
pub use flags::{Access, Categories, Flags};
pub use keys::{Key, KeysError, keys};
pub use shape::{Begin, KeySpec, Shape};
pub use tips::tips;

/// All that is known of a command but how it runs. Made by [`command!`](crate::command).
#[derive(Debug)]
pub struct Spec {
    /// In capitals; a subcommand has its container's name in front: `CONFIG GET`.
    pub name: &'static str,
    /// The arguments after the name, in the notation of [`syntax`].
    pub syntax: &'static str,
    /// The type of the reply in TypeScript, for typings and the simulator. Natively only.
    #[cfg(any(feature = "docs", feature = "server"))]
    pub reply: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Paragraphs and examples in Markdown.
    #[cfg(feature = "docs")]
    pub docs: &'static [&'static str],
    /// The version of Redis that has it first.
    pub since: &'static str,
    /// What it costs, as the manual says it.
    pub complexity: &'static str,
    pub flags: Flags,
    /// Categories besides the family's and those that the flags imply.
    pub also: Categories,
    /// What it does with its keys, by group of keys.
    pub access: &'static [Access],
    pub shape: Shape,
}

impl Spec {
    /// Returns the summary without the blank that a doc comment begins with.
    pub fn summary(&self) -> &'static str {
        self.summary.trim_ascii().trim_end_matches('.')
    }

    /// Returns the container's name of a subcommand.
    pub fn container(&self) -> Option<&'static str> {
        Some(self.name.split_once(' ')?.0)
    }

    /// Returns the name as replies and ACL rules spell it: `config|get`.
    pub fn spelled(&self) -> String {
        self.name.to_ascii_lowercase().replacen(' ', "|", 1)
    }

    /// Returns whether what is in a key names other keys, as for SORT with BY and GET.
    pub fn follows_patterns(&self) -> bool {
        self.syntax.contains("[GET pattern]")
    }

    /// Returns whether COMMAND's three numbers can't tell all positions of keys.
    pub fn moves_keys(&self) -> bool {
        let follows_patterns = self.follows_patterns();
        follows_patterns
            || self.shape.keys.iter().any(|keys| match keys {
                KeySpec::None => false,
                KeySpec::Range { begin, .. } => matches!(begin, Begin::After { .. }),
                KeySpec::Count { .. } => true,
            })
    }

    /// Returns the first key's position, the last one's (negative from the end) and the step between keys, as far as
    /// three numbers can tell; zeros if there are none.
    pub fn key_range(&self) -> (i64, i64, i64) {
        let mut found = None;
        for keys in &self.shape.keys {
            let KeySpec::Range { begin: Begin::At(first), last, step, .. } = *keys else { break };
            let first = i64::from(first);
            let last = if last < 0 { i64::from(last) } else { first + i64::from(last) };
            found = match found {
                None => Some((first, last, i64::from(step))),
                // Groups side by side are one.
                Some((from, to, 1)) if first == to + 1 => Some((from, last, 1)),
                Some(_) => break,
            };
        }
        found.unwrap_or_default()
    }
}
