//! What survives a crash of what was not synced.

use redlet::base::random::Random;

/// How a crash treats what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// The process ends, the system does not: everything survives.
    Killed,
    /// The first changes survive, the last of them perhaps in part.
    LosesTail,
    /// Any of them survive.
    Reorders,
}

impl Crash {
    /// Returns which of some changes that were not synced survive.
    pub fn survivors<C: Tear>(self, mut changes: Vec<C>, random: &mut Random) -> Vec<C> {
        match self {
            Crash::Killed => {}
            Crash::LosesTail => {
                changes.truncate(random.below(changes.len() as u64 + 1) as usize);
                if let Some(last) = changes.last_mut() {
                    last.tear(random);
                }
            }
            Crash::Reorders => changes.retain_mut(|change| {
                change.tear(random);
                random.below(2) == 0
            }),
        }
        changes
    }
}

/// A change of a file.
#[derive(Clone)]
pub enum Change {
    Bytes(usize, Vec<u8>),
    Size(usize),
}

impl Change {
    /// Makes it.
    pub fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => {
                // What lies between was never written.
                content.resize(content.len().max(at + bytes.len()), 0);
                content[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Self::Size(size) => content.resize(*size, 0),
        }
    }
}

/// What may survive in part.
pub trait Tear {
    fn tear(&mut self, random: &mut Random);
}

impl Tear for Change {
    fn tear(&mut self, random: &mut Random) {
        if let Self::Bytes(_, bytes) = self
            && random.below(2) == 0
        {
            bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
        }
    }
}
