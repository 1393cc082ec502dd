//! What each command does, one family a file. A file opens with the family's list.

mod connection;
mod string;
mod string_number;

use crate::engine::Family;

/// Every family there is.
pub const ALL: &[&Family] = &[&connection::CONNECTION, &string::STRING, &string_number::STRING_NUMBER];
