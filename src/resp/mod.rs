//! The wire: commands in, replies out. Nothing here knows what a command means.

mod args;
mod error;
mod parse;
mod read;
mod reply;

pub use args::{Args, Options, OwnedArgs, Span};
pub use error::{Error, Result};
pub use parse::{Limits, Parsed, Parser, split_line};
pub use read::{Item, Reader};
pub use reply::{Mark, Protocol, Reply};

/// Names one connection for as long as the engine lives; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SessionId(pub u64);
