//! The wasm build, hosted by Node: `wasm.mjs` beside this file plays its part.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::site::{Received, Site};

/// A process of Node with one engine in it at a time.
pub struct Wasm {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    heard: BTreeMap<String, Received>,
}

impl Wasm {
    /// Starts Node on a build in the folder that `REDLET_WASM` names, where `cargo xtask` puts them.
    pub fn start(build: &str) -> Result<Self, String> {
        let folder = std::env::var("REDLET_WASM").map_err(|error| error.to_string())?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/wasm.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .args([&folder, build])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node can't be started: {error}"))?;
        let input = process.stdin.take().expect("piped above");
        let output = BufReader::new(process.stdout.take().expect("piped above"));
        Ok(Self { process, input, output, heard: BTreeMap::new() })
    }

    /// Begins anew with an empty engine.
    pub fn reset(&mut self) {
        self.ask("new");
        self.heard.clear();
    }

    fn ask(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("node runs");
        loop {
            let mut answer = String::new();
            let read = self.output.read_line(&mut answer).expect("text");
            assert!(read > 0, "node has ended after: {line}");
            let Some((client, what)) = answer.trim_end().split_once(' ') else { return };
            let heard = self.heard.entry(client.into()).or_insert(Received { bytes: vec![], closed: false });
            match what {
                "closed" => heard.closed = true,
                hex => heard.bytes.extend(bytes(hex)),
            }
        }
    }
}

impl Site for Wasm {
    fn send(&mut self, client: &str, bytes: &[u8], _answered: bool) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.ask(&format!("send {client} {hex}"));
    }

    fn pass(&mut self, micros: u64) {
        self.ask(&format!("pass {micros}"));
    }

    fn receive(&mut self, client: &str, _enough: &dyn Fn(&Received) -> bool) -> Received {
        self.heard.remove(client).unwrap_or(Received { bytes: vec![], closed: false })
    }
}

impl Drop for Wasm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bytes(hex: &str) -> impl Iterator<Item = u8> {
    let digits = hex.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits"))
}
