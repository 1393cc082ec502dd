//! What any program could use: bytes, numbers, time. Imports nothing of ours.

pub mod append;
pub mod arena;
pub(crate) mod bits;
pub mod bytes;
pub mod checksum;
mod decimal;
pub mod glob;
pub mod long_double;
pub mod number;
pub mod random;
pub mod same;
pub mod sort;
pub mod time;
