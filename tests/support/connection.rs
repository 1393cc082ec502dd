//! A client's connection to a server, by TCP or by WebSocket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::{Error, Message, WebSocket};

use super::printed::printed;
use super::words::to_resp;

/// How long a server may take before a test gives up. Nothing waits that long unless it has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One client's connection.
pub struct Connection {
    stream: Stream,
    /// The client's, as CLIENT LIST shows it.
    pub address: String,
    unread: Vec<u8>,
    /// Closed since the last `clear`, and closed before it.
    closed: bool,
    ended: bool,
}

enum Stream {
    Tcp(TcpStream),
    Web(Box<WebSocket<TcpStream>>),
}

impl Connection {
    pub fn tcp(port: u16) -> Self {
        let (stream, address) = connect(port);
        Self::new(Stream::Tcp(stream), address)
    }

    pub fn web(port: u16) -> Self {
        let (stream, address) = connect(port);
        let url = format!("ws://127.0.0.1:{port}/ws");
        let (socket, _) = tungstenite::client(url, stream).expect("the server speaks WebSocket");
        Self::new(Stream::Web(Box::new(socket)), address)
    }

    fn new(stream: Stream, address: String) -> Self {
        Self { stream, address, unread: vec![], closed: false, ended: false }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // A server that has closed the connection says so by what is read next.
        self.closed |= self.stream.write(bytes).is_err() && !self.ended;
    }

    /// Waits until what was sent by WebSocket has been handed on: it is another thread that takes messages apart, and it
    /// answers a ping when it has done so with all before it.
    pub fn hand_on(&mut self) {
        let Stream::Web(socket) = &mut self.stream else { return };
        let mut result = socket.send(Message::Ping(Default::default()));
        while result.is_ok() {
            match socket.read() {
                Ok(Message::Binary(bytes)) => self.unread.extend_from_slice(&bytes),
                Ok(Message::Pong(_)) => return,
                Ok(Message::Ping(_)) => {}
                Ok(_) => break,
                Err(error) => result = Err(error),
            }
        }
        self.closed |= !self.ended;
    }

    /// Sends a call and waits for its reply.
    pub fn call(&mut self, args: &[&str]) -> Vec<u8> {
        self.call_bytes(&args.iter().map(|arg| arg.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    /// Sends a call of arguments that need not be text, and waits for its reply.
    pub fn call_bytes(&mut self, args: &[Vec<u8>]) -> Vec<u8> {
        self.send(&to_resp(args));
        while printed(&self.unread).1 == 0 {
            assert!(self.wait(), "no reply to {}", String::from_utf8_lossy(&args.join(&b' ')));
        }
        std::mem::take(&mut self.unread)
    }

    /// Waits until the server has let a wait of as many microseconds end. It looks for such waits ten times a second and
    /// ends them in the order of their deadlines.
    pub fn outlast(&mut self, micros: u64) {
        let millis = micros.div_ceil(1000).max(1);
        let patience = PATIENCE + Duration::from_micros(micros);
        self.stream.tcp().set_read_timeout(Some(patience)).expect("a TCP socket");
        // No server under test has that many replicas.
        self.call(&["WAIT", "1000000", &millis.to_string()]);
        self.stream.tcp().set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    }

    /// Returns what has arrived since the last `clear`, and whether the connection has been closed since.
    pub fn arrived(&mut self) -> (&[u8], bool) {
        self.stream.tcp().set_nonblocking(true).expect("a TCP socket");
        while self.read() {}
        self.stream.tcp().set_nonblocking(false).expect("a TCP socket");
        (&self.unread, self.closed)
    }

    /// Waits for more to arrive, or for the end of the connection; returns false if neither comes.
    pub fn wait(&mut self) -> bool {
        let was_closed = self.closed;
        self.read() || self.closed != was_closed
    }

    /// Forgets what has arrived.
    pub fn clear(&mut self) {
        self.unread.clear();
        self.ended |= std::mem::take(&mut self.closed);
    }

    fn read(&mut self) -> bool {
        if self.ended {
            return false;
        }
        match self.stream.read(&mut self.unread) {
            Ok(0) => self.closed = true,
            Ok(_) => return true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
        false
    }
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Web(socket) => socket.get_ref(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Web(socket) => socket.send(Message::binary(bytes.to_vec())).map_err(io::Error::other),
        }
    }

    /// Appends what comes next; returns how many bytes that is, 0 at the end.
    fn read(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        let before = to.len();
        match self {
            Stream::Tcp(stream) => {
                let mut bytes = [0; 16 * 1024];
                let read = stream.read(&mut bytes)?;
                to.extend_from_slice(&bytes[..read]);
            }
            Stream::Web(socket) => loop {
                match socket.read() {
                    Ok(Message::Binary(bytes)) => {
                        to.extend_from_slice(&bytes);
                        break;
                    }
                    Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Ok(0),
                    Ok(other) => panic!("RESP comes in binary messages, not in {other:?}"),
                    Err(Error::Io(error)) => return Err(error),
                    Err(error) => return Err(io::Error::other(error)),
                }
            },
        }
        Ok(to.len() - before)
    }
}

fn connect(port: u16) -> (TcpStream, String) {
    // A server opens its ports one after the other.
    let start = Instant::now();
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Err(error) if start.elapsed() > PATIENCE => panic!("the server does not listen: {error}"),
            Err(_) => std::thread::yield_now(),
            Ok(stream) => break stream,
        }
    };
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    let address = stream.local_addr().expect("a connected socket").to_string();
    (stream, address)
}
