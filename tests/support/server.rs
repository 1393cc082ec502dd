//! Server processes of our own choosing, each on free ports of this machine and in an empty folder.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::connection::{Connection, PATIENCE};
use super::ports::free_port;

/// A server; it ends with this value.
pub struct Server {
    process: Child,
    port: u16,
    /// Where WebSocket is spoken, if it is.
    ws_port: Option<u16>,
    clock: Option<Clock>,
    /// Removed when the server has ended.
    _folder: tempfile::TempDir,
}

/// The standard input and output of a server whose time is the test's.
struct Clock {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the real `redis-server`.
    pub fn redis() -> Result<Self, String> {
        let started = Self::start("redis-server", &["--loglevel", "warning"]);
        started.map_err(|error| {
            format!("{error}\nThese tests compare with a real Redis 7.0: install redis-server (apt install redis-server)")
        })
    }

    /// Starts our own, which cargo has built for the test, with WebSocket and with the test's time.
    pub fn redlet() -> Result<Self, String> {
        let program =
            option_env!("CARGO_BIN_EXE_redlet-server").ok_or("redlet-server needs the feature `server`")?;
        let ws_port = free_port();
        let flags = ["--loglevel", "warning", "--ws-port", &ws_port.to_string(), "--test-clock"];
        let mut server = Self::launch(program.as_ref(), &flags, true)?;
        server.ws_port = Some(ws_port);
        Ok(server)
    }

    /// Returns the port where it speaks RESP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts a program that takes redis-server's flags, with nothing stored and nothing saved.
    pub fn start(program: &str, flags: &[&str]) -> Result<Self, String> {
        Self::launch(program.as_ref(), flags, false)
    }

    fn launch(program: &OsStr, flags: &[&str], timed: bool) -> Result<Self, String> {
        let name = program.to_string_lossy().into_owned();
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = free_port();
        let pipe = || if timed { Stdio::piped() } else { Stdio::null() };
        let mut process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(folder.path())
            .args(flags)
            .stdin(pipe())
            .stdout(pipe())
            .spawn()
            .map_err(|error| format!("{name} can't be started: {error}"))?;
        let clock = match (process.stdin.take(), process.stdout.take()) {
            (Some(input), Some(output)) => Some(Clock { input, output: BufReader::new(output) }),
            _ => None,
        };
        let mut server = Self { process, port, ws_port: None, clock, _folder: folder };
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

    /// Connects by TCP.
    pub fn connect(&self) -> Connection {
        Connection::tcp(self.port)
    }

    /// Connects by WebSocket.
    pub fn connect_web(&self) -> Connection {
        Connection::web(self.ws_port.expect("a server of our own"))
    }

    /// Lets the server's time pass; returns false if its time is the world's.
    pub fn pass(&mut self, micros: u64) -> bool {
        let Some(Clock { input, output }) = &mut self.clock else { return false };
        writeln!(input, "+{micros}").expect("the server runs");
        // Lines of the log come out there too.
        let mut line = String::new();
        while !line.starts_with("= ") {
            line.clear();
            let read = output.read_line(&mut line).expect("text");
            assert!(read > 0, "the server has ended");
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
