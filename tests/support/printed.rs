//! Replies as redis-cli prints them to a person. RESP is read here by itself, so that the crate's own reader is tested
//! and not trusted.

use super::words::quote;

/// Prints the whole replies at the front of `bytes`, and returns how many bytes they took.
///
/// What is no RESP at all is printed as a line that no reply prints as.
pub fn printed(bytes: &[u8]) -> (String, usize) {
    let mut lines = vec![];
    let mut at = 0;
    while at < bytes.len() {
        let mut printer = Printer { bytes, at, text: String::new() };
        match printer.reply(0) {
            Ok(()) => {
                at = printer.at;
                lines.push(printer.text);
            }
            Err(Stop::Partial) => break,
            Err(Stop::NotResp) => {
                lines.push(format!("(not a reply) {}", quote(&bytes[at..])));
                at = bytes.len();
            }
        }
    }
    (lines.join("\n"), at)
}

enum Stop {
    Partial,
    NotResp,
}

struct Printer<'a> {
    bytes: &'a [u8],
    at: usize,
    text: String,
}

impl Printer<'_> {
    fn reply(&mut self, indent: usize) -> Result<(), Stop> {
        let kind = *self.bytes.get(self.at).ok_or(Stop::Partial)?;
        self.at += 1;
        let line = self.line()?;
        match kind {
            b'+' => self.text.push_str(&line),
            b'-' => self.scalar("error", &line),
            b':' => self.scalar("integer", &line),
            b',' => self.scalar("double", &line),
            b'(' => self.scalar("big number", &line),
            b'#' => self.text.push_str(if line == "t" { "(true)" } else { "(false)" }),
            b'_' => self.text.push_str("(nil)"),
            b'$' | b'*' if line == "-1" => self.text.push_str("(nil)"),
            b'$' => {
                let run = self.run(count(&line)?)?;
                self.text.push_str(&run);
            }
            b'=' => {
                let run = self.run(count(&line)?)?;
                self.scalar("verbatim", &run);
            }
            b'*' => self.list(count(&line)?, ')', "array", indent)?,
            b'~' => self.list(count(&line)?, '~', "set", indent)?,
            b'>' => self.list(count(&line)?, '>', "push", indent)?,
            b'%' => self.map(count(&line)?, indent)?,
            _ => return Err(Stop::NotResp),
        }
        Ok(())
    }

    fn scalar(&mut self, kind: &str, value: &str) {
        self.text.push_str(&format!("({kind}) {value}"));
    }

    fn list(&mut self, n: usize, sign: char, kind: &str, indent: usize) -> Result<(), Stop> {
        if n == 0 {
            self.text.push_str(&format!("(empty {kind})"));
        }
        let width = n.to_string().len();
        for i in 0..n {
            self.index(i, width, sign, indent);
            self.reply(indent + width + 2)?;
        }
        Ok(())
    }

    fn map(&mut self, n: usize, indent: usize) -> Result<(), Stop> {
        if n == 0 {
            self.text.push_str("(empty hash)");
        }
        let width = n.to_string().len();
        for i in 0..n {
            self.index(i, width, '#', indent);
            self.reply(indent + width + 2)?;
            self.text.push_str(" => ");
            let start = self.text.len();
            self.reply(indent + width + 2)?;
            // A value of several lines stands below its key.
            if self.text[start..].contains('\n') {
                self.text.insert_str(start, &format!("\n{}", " ".repeat(indent + width + 2)));
                self.text.remove(start - 1);
            }
        }
        Ok(())
    }

    fn index(&mut self, i: usize, width: usize, sign: char, indent: usize) {
        if i > 0 {
            self.text.push_str(&format!("\n{}", " ".repeat(indent)));
        }
        self.text.push_str(&format!("{:>width$}{sign} ", i + 1));
    }

    fn line(&mut self) -> Result<String, Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::Partial)?;
        self.at += end + 2;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn run(&mut self, len: usize) -> Result<String, Stop> {
        let run = self.bytes.get(self.at..self.at + len + 2).ok_or(Stop::Partial)?;
        self.at += len + 2;
        if !run.ends_with(b"\r\n") {
            return Err(Stop::NotResp);
        }
        Ok(quote(&run[..len]))
    }
}

fn count(line: &str) -> Result<usize, Stop> {
    line.parse().map_err(|_| Stop::NotResp)
}
