//! Server processes and connections to them.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::printed::printed;
use super::words::to_resp;

/// How long a server may take before a test gives up. Nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server of our own on a free port of this machine, in an empty folder; it ends with this value.
pub struct Server {
    process: Child,
    port: u16,
    /// Removed when the server has ended.
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts the real `redis-server`.
    pub fn redis() -> Result<Self, String> {
        Self::start("redis-server", &["--loglevel", "warning"]).map_err(|error| {
            format!("{error}\nThese tests compare with a real Redis 7.0: install redis-server (apt install redis-server)")
        })
    }

    /// Starts our own, which cargo has built for the test.
    pub fn redlet() -> Result<Self, String> {
        let program =
            option_env!("CARGO_BIN_EXE_redlet-server").ok_or("redlet-server needs the feature `server`")?;
        Self::start(program, &[])
    }

    /// Starts a program that takes redis-server's flags, with nothing stored and nothing saved.
    pub fn start(program: impl AsRef<OsStr>, flags: &[&str]) -> Result<Self, String> {
        let name = program.as_ref().to_string_lossy().into_owned();
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let process = Command::new(&program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(folder.path())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name} can't be started: {error}"))?;
        let mut server = Self { process, port, _folder: folder };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.process.try_wait().ok().flatten();
            if ended.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("{name} did not open port {port}: {ended:?}"));
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        let address = stream.local_addr().expect("a connected socket").to_string();
        Connection { stream, address, unread: vec![], closed: false, ended: false }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One client's connection.
pub struct Connection {
    stream: TcpStream,
    /// The client's, as CLIENT LIST shows it.
    pub address: String,
    unread: Vec<u8>,
    /// Closed since the last `clear`, and closed before it.
    closed: bool,
    ended: bool,
}

impl Connection {
    pub fn send(&mut self, bytes: &[u8]) {
        // A server that has closed the connection says so by what is read next.
        self.closed |= self.stream.write_all(bytes).is_err();
    }

    /// Sends a call and waits for its reply.
    pub fn call(&mut self, args: &[&str]) -> Vec<u8> {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        self.send(&to_resp(&args));
        while printed(&self.unread).1 == 0 {
            if !self.wait() {
                panic!(
                    "no reply to {:?}",
                    args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>()
                );
            }
        }
        std::mem::take(&mut self.unread)
    }

    /// Returns what has arrived since the last `clear`, and whether the connection has been closed since.
    pub fn arrived(&mut self) -> (&[u8], bool) {
        self.stream.set_nonblocking(true).expect("a TCP socket");
        while self.read() {}
        self.stream.set_nonblocking(false).expect("a TCP socket");
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
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.closed = true,
            Ok(n) => {
                self.unread.extend_from_slice(&bytes[..n]);
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
        false
    }
}
