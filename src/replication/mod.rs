//! Links between servers, as state machines: bytes and time in, bytes out, no socket.

pub mod primary;

pub use primary::{Link, Primary};
