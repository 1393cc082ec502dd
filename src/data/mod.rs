//! What a key can hold, and the table that holds the keys. Knows no clock, no RESP, no commands.

pub mod bits;
mod chunk;
pub mod entry;
mod kind;
pub mod limits;
pub mod list;
pub mod listpack;
pub mod object;
pub mod packed;
pub mod table;

pub use kind::Kind;
pub use limits::Limits;
