//! Server processes and what tests need to talk to them.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ports::free_port;

/// How long an answer may take before a test gives up. Nothing takes that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the program under test is.
pub const REDLET: &str = env!("CARGO_BIN_EXE_redlet-server");

/// A server of our own; it ends with this value.
pub struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    pub port: u16,
    /// What it has written up to the line that was last waited for.
    pub said: String,
}

impl Server {
    /// Starts redlet-server on a free port, with files in `folder`; no snapshots unless `flags` say so.
    pub fn start(folder: &Path, flags: &[&str]) -> Self {
        Self::start_program(Command::new(REDLET), folder, flags)
    }

    /// Starts the real redis-server.
    pub fn redis(folder: &Path, flags: &[&str]) -> Self {
        Self::start_program(Command::new("redis-server"), folder, flags)
    }

    /// Starts a program that takes redis-server's flags.
    pub fn start_program(mut program: Command, folder: &Path, flags: &[&str]) -> Self {
        let port = free_port();
        let mut server = Self::spawn(program.args(["--port", &port.to_string()]), folder, flags, port);
        server.wait_for("Ready to accept connections");
        server
    }

    /// Starts a server that is not expected to get ready.
    pub fn spawn(program: &mut Command, folder: &Path, flags: &[&str], port: u16) -> Self {
        let name = program.get_program().to_string_lossy().into_owned();
        let mut process = program
            .args(["--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} can't be started: {error}"));
        let output = BufReader::new(process.stdout.take().expect("piped above"));
        Self { process, output, port, said: String::new() }
    }

    /// Reads what the server writes, up to a line with `text` in it.
    pub fn wait_for(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let n = self.output.read_line(&mut line).expect("a server writes text");
            assert!(n > 0, "the server ended without saying {text:?}:\n{}", self.said);
            self.said.push_str(&line);
            if line.contains(text) {
                return;
            }
        }
    }

    pub fn client(&self) -> Client {
        Client::new(TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens"))
    }

    /// Runs redis-cli with a command and returns what it prints.
    pub fn cli(&self, args: &[&str]) -> String {
        redis_cli(&["-p", &self.port.to_string()], args)
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process is ours");
    }

    /// Waits for the server to end by itself; returns how it did, and all that it has written.
    pub fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("a server writes text");
        let status = self.process.wait().expect("the process is ours");
        (status, std::mem::take(&mut self.said) + &rest)
    }

    /// Ends the server as a power failure would end the process.
    pub fn kill(mut self) {
        self.process.kill().expect("the process is ours");
        self.process.wait().expect("the process is ours");
    }

    /// Ends the server as the system does.
    pub fn terminate(self) -> String {
        self.signal(Signal::TERM);
        let (status, said) = self.end();
        assert!(status.success(), "{status}\n{said}");
        said
    }

    pub fn input(&mut self) -> &mut ChildStdin {
        self.process.stdin.as_mut().expect("piped above")
    }

    /// Lets so many seconds of a test's clock pass.
    pub fn pass(&mut self, seconds: u64) {
        writeln!(self.input(), "+{}", seconds * 1_000_000).expect("the server reads");
        self.wait_for("= ");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

/// Returns a path of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs redis-cli with options and a command; returns what it prints.
pub fn redis_cli(options: &[&str], args: &[&str]) -> String {
    run("redis-cli", "redis-tools", Command::new("redis-cli").args(options).args(args))
}

/// Runs a program of a Debian package and returns what it prints. Fails unless it exits with 0.
pub fn run(name: &str, package: &str, command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name} can't be started ({error}): install {package}"));
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{name}: {status}\n{text}{}", String::from_utf8_lossy(&stderr));
    text
}

/// Prepares a program to be given text on standard input; its output is to be read.
pub fn piped(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A connection that sends bytes and expects bytes.
pub struct Client<S = TcpStream> {
    stream: S,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        Self { stream }
    }

    /// Reads nothing from now on.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Reads as many bytes as are expected, and compares them.
    pub fn expect(&mut self, expected: impl AsRef<[u8]> + Debug) {
        let mut got = vec![0; expected.as_ref().len()];
        let mut n = 0;
        while n < got.len() {
            match self.stream.read(&mut got[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&got[..n])),
            }
            // What differs already will not become equal by waiting.
            if got[..n] != expected.as_ref()[..n] {
                break;
            }
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(text(&got[..n]), text(expected.as_ref()));
    }

    /// Sends a line and expects a reply.
    pub fn call(&mut self, line: &str, expected: &str) {
        self.send(format!("{line}\r\n"));
        self.expect(expected);
    }

    /// Expects the server to have ended the connection, after some last bytes.
    pub fn expect_end(mut self, last: &str) {
        let mut rest = vec![];
        // A connection may also end by a reset, if there was input that the server did not read.
        let _ = self.stream.read_to_end(&mut rest);
        assert_eq!(String::from_utf8_lossy(&rest), last);
    }
}
