//! Links between servers, as state machines: bytes and time in, bytes out, no socket.

pub mod primary;
pub mod replica;

pub use primary::{Contents, Link, Primary};
pub use replica::{Due, Heard, Introduction, Place, Replica};
