//! One connection: its socket, and what is on the way between it and the engine.

use std::io::{self, Read, Write};

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::bridge::Bridge;
use super::input::Input;

/// A stream of bytes that never blocks.
pub enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
    Web(Bridge),
}

impl Link {
    /// Asks to be told when there is something to read, and when there is room again after a write that did not fit.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        match self {
            Link::Tcp(stream) => registry.register(stream, token, interests),
            Link::Unix(stream) => registry.register(stream, token, interests),
            Link::Web(_) => Ok(()),
        }
    }

    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Link::Tcp(stream) => registry.deregister(stream),
            Link::Unix(stream) => registry.deregister(stream),
            Link::Web(_) => Ok(()),
        }
    }

    /// Returns whether a transfer of fewer bytes than asked for means that the system will tell when there can be
    /// more. From a pipe between threads, only a refused one does.
    pub fn tells_after_less(&self) -> bool {
        match self {
            Link::Tcp(_) | Link::Unix(_) => true,
            Link::Web(_) => false,
        }
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Link::Tcp(stream) => stream,
            Link::Unix(stream) => stream,
            Link::Web(stream) => stream,
        }
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream().read(into)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer that grew beyond this is given back once it is empty.
const KEPT_CAPACITY: usize = 64 * 1024;

/// A client's connection.
pub struct Connection {
    pub link: Link,
    pub input: Input,
    /// How much of the engine's output for it is sent already.
    sent: usize,
    /// The socket took less than it was given, and has not asked for more yet.
    full: bool,
    /// Ends once the output is sent.
    pub closing: bool,
}

/// What came of sending.
#[derive(PartialEq, Eq, Debug)]
pub enum Sent {
    All,
    /// The rest goes out when the socket has room.
    Some,
    /// There is nobody to send it to.
    Lost,
}

impl Connection {
    pub fn new(link: Link) -> Self {
        Self { link, input: Input::default(), sent: 0, full: false, closing: false }
    }

    /// Says that the socket has room; returns whether that is news.
    pub fn has_room(&mut self) -> bool {
        std::mem::replace(&mut self.full, false)
    }

    /// Returns how much of its output is sent that is still there.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Sends what it can of `out`, and takes away what is sent.
    pub fn send(&mut self, out: &mut Vec<u8>) -> Sent {
        while self.sent < out.len() {
            if self.full {
                return self.keep(out);
            }
            match self.link.write(&out[self.sent..]) {
                Ok(0) => return Sent::Lost,
                Ok(n) => {
                    self.sent += n;
                    self.full = self.sent < out.len() && self.link.tells_after_less();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Lost,
            }
        }
        self.sent = 0;
        out.clear();
        if out.capacity() > KEPT_CAPACITY {
            *out = Vec::new();
        }
        Sent::All
    }

    /// Moves the unsent output to the front once that is less work than it has been to send what was before it.
    fn keep(&mut self, out: &mut Vec<u8>) -> Sent {
        if self.sent >= out.len() / 2 {
            out.drain(..self.sent);
            self.sent = 0;
        }
        Sent::Some
    }
}
