//! A client of either server: many commands in one go, or one at a time.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use anyhow::{Context, Result, bail, ensure};

pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(port: u16) -> Result<Client> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Client(BufReader::with_capacity(1 << 16, stream)))
    }

    /// Sends commands as they are, and waits for so many replies. Fails if one of them is an error.
    pub fn send(&mut self, commands: &[u8], replies: usize) -> Result<()> {
        self.0.get_mut().write_all(commands)?;
        (0..replies).try_for_each(|_| self.reply().map(drop))
    }

    /// Runs a command whose words have no spaces; returns its reply, unless it is an array.
    pub fn call(&mut self, command: &str) -> Result<String> {
        let mut line = command.as_bytes().to_vec();
        line.extend_from_slice(b"\r\n");
        self.0.get_mut().write_all(&line)?;
        self.reply().with_context(|| command.to_owned())
    }

    /// Reads a number that INFO tells under a name.
    pub fn info(&mut self, name: &str) -> Result<u64> {
        let text = self.call("INFO everything")?;
        let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = values.next().with_context(|| format!("INFO has no {name}"))?;
        value.parse().with_context(|| format!("{name} is {value}"))
    }

    fn reply(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        ensure!(!line.is_empty(), "the connection is closed");
        let (kind, rest) = line.split_at(1);
        match kind {
            "+" | ":" => Ok(rest.to_owned()),
            "-" => bail!("{rest}"),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>()? + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(String::from_utf8(bytes)?)
            }
            _ => bail!("a reply begins with {line}"),
        }
    }
}

/// Commands to be sent in one go.
#[derive(Default)]
pub struct Commands {
    pub bytes: Vec<u8>,
    pub count: usize,
    words: usize,
    command: Vec<u8>,
}

impl Commands {
    /// Begins a command with its name.
    pub fn begin(&mut self, name: &str) -> &mut Self {
        self.end();
        self.word(name)
    }

    /// Adds a word to the command.
    pub fn word(&mut self, word: impl fmt::Display) -> &mut Self {
        let word = word.to_string();
        self.words += 1;
        self.command.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        self
    }

    /// Ends the last command.
    pub fn end(&mut self) {
        if self.words > 0 {
            self.bytes.extend_from_slice(format!("*{}\r\n", self.words).as_bytes());
            self.bytes.append(&mut self.command);
            self.count += 1;
            self.words = 0;
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}
