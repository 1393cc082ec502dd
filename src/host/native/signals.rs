//! Signals, as something to be read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mio::net::UnixStream;
use mio::{Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// The signals that ask the server to end. One that only says that the terminal is gone is ignored.
pub struct Signals {
    /// Gets a byte for every signal.
    stream: UnixStream,
    last: Arc<AtomicUsize>,
}

impl Signals {
    pub fn register(poll: &Poll, token: Token) -> io::Result<Self> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            // What is registered first, runs first: the number is there when the byte is.
            flag::register_usize(signal, last.clone(), signal as usize)?;
            low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let mut stream = UnixStream::from_std(reader);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, last })
    }

    /// Returns the name of the signal that asked the server to end, if one did.
    pub fn take(&mut self) -> Option<&'static str> {
        let mut bytes = [0; 64];
        while matches!(self.stream.read(&mut bytes), Ok(n) if n > 0) {}
        match self.last.swap(0, Ordering::Relaxed) as i32 {
            SIGTERM => Some("SIGTERM"),
            SIGINT => Some("SIGINT"),
            _ => None,
        }
    }
}
