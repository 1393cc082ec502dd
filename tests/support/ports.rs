//! Ports for servers that have to be told one.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below those that systems give to clients: whoever connects meanwhile can't be given one of these.
const FIRST: u16 = 10_000;
const MANY: u16 = 20_000;

/// Returns a port that nobody listens on, another one each time. It is tried from the other side: a socket that listened
/// there, if only to see that it can, might live on in a process that is being started at the same moment.
pub fn free_port() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    // Processes that test at the same time begin far from each other.
    let begin = std::process::id().wrapping_mul(7919) % u32::from(MANY);
    loop {
        let nth = u32::from(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + ((begin + nth) % u32::from(MANY)) as u16;
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return port;
        }
    }
}
