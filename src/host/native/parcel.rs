//! Calls for other servers. All else waits meanwhile, as in Redis, so that a key is never in two places or in none.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::link;
use crate::engine::Parcel;

const WRITING: &str = "IOERR error or timeout writing to target instance";

/// Sends a parcel and returns the lines that come back, as many as come in time; an error's text if none can.
pub fn send(parcel: &Parcel) -> Result<Vec<u8>, &'static str> {
    let timeout = Duration::from_millis(parcel.timeout_ms.max(1));
    let mut stream = connect(parcel, timeout).map_err(|error| match error.kind() {
        // Redis notices only when it writes that nobody listens.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => WRITING,
        _ => "IOERR error or timeout connecting to the client",
    })?;
    stream.write_all(&parcel.calls).map_err(|_| WRITING)?;
    let (mut lines, mut piece) = (vec![], [0; 4096]);
    let deadline = Instant::now() + timeout;
    while lines.iter().filter(|byte| **byte == b'\n').count() < parcel.replies && Instant::now() < deadline {
        // What is missing tells whoever asked that reading has failed.
        let Ok(count @ 1..) = stream.read(&mut piece) else { break };
        lines.extend_from_slice(&piece[..count]);
    }
    Ok(lines)
}

fn connect(parcel: &Parcel, timeout: Duration) -> io::Result<TcpStream> {
    let stream = link::connect(&parcel.host, parcel.port, timeout, "")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}
