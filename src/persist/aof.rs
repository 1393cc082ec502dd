//! Logs of changes: RESP commands, one behind the other.

use std::fmt;

use crate::base::number::parse_uint;
use crate::resp::{Args, Limits, OwnedArgs, Parsed, Parser};

/// Reads a log, in pieces of any size, and gives out its commands; those of a transaction when it is whole.
#[derive(Default)]
pub struct Reader {
    parser: Parser,
    /// The beginning of a command.
    pending: Vec<u8>,
    /// Where `pending` begins in the log.
    at: u64,
    transaction: Option<Held>,
    /// The last second that is of interest.
    until: Option<u64>,
}

/// A transaction that is not whole yet.
struct Held {
    /// Where its MULTI begins.
    at: u64,
    calls: Vec<OwnedArgs>,
}

/// Why a log can't be read, and how much of it was in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    pub at: u64,
    pub fault: Fault,
}

/// What is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The last command, or the last transaction, is not whole.
    EndsEarly,
    /// What stands there is no command.
    Malformed(String),
    /// A command that there is not.
    UnknownCommand(String),
    /// What follows was logged in this second, which is of no interest.
    Later(u64),
}

impl Reader {
    /// Makes a reader that stops, as if there were a damage, where the log tells a later second than this one.
    pub fn until(seconds: u64) -> Self {
        Self { until: Some(seconds), ..Self::default() }
    }

    /// Gives `run` every command that is whole with these bytes. What it refuses is a damage at that command.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut run: impl FnMut(Args<'_>) -> Result<(), Fault>,
    ) -> Result<(), Damage> {
        if self.pending.is_empty() {
            let read = self.commands(bytes, &mut run)?;
            self.pending.extend_from_slice(&bytes[read..]);
        } else {
            let mut pending = std::mem::take(&mut self.pending);
            pending.extend_from_slice(bytes);
            let read = self.commands(&pending, &mut run)?;
            pending.drain(..read);
            self.pending = pending;
        }
        Ok(())
    }

    /// Runs every whole command; returns how many bytes they take.
    fn commands(
        &mut self,
        input: &[u8],
        run: &mut impl FnMut(Args<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Damage> {
        let mut read = 0;
        while let Some(end) = self.next(input, read).map_err(|fault| self.damage(read, fault))? {
            if input[read] == b'*' {
                // A client's line may end as it likes. Here, something else was never written.
                if !input[read..end].ends_with(b"\r\n") {
                    return Err(
                        self.damage(read, Fault::Malformed("a command does not end with a line".into()))
                    );
                }
                let args = self.parser.command(input);
                let at = self.at + read as u64;
                take(&mut self.transaction, args, at, run)?;
            } else if let Some(told) =
                told(&input[read..end]).filter(|told| self.until.is_some_and(|end| *told > end))
            {
                return Err(self.damage(read, Fault::Later(told)));
            }
            read = end;
        }
        self.parser.rebase(read);
        self.at += read as u64;
        Ok(read)
    }

    /// Returns how many bytes there were, if the log does not end within a command or a transaction.
    pub fn finish(self) -> Result<u64, Damage> {
        let whole = self.pending.is_empty() && self.transaction.is_none();
        if whole { Ok(self.at) } else { Err(self.damage(0, Fault::EndsEarly)) }
    }

    /// Returns where the command ends that begins at a place, or the remark; `None` if it is not whole.
    fn next(&mut self, input: &[u8], from: usize) -> Result<Option<usize>, Fault> {
        // As long as places in the input can be, on every platform.
        const LIMITS: Limits = Limits { bulk: u32::MAX as u64 - 16, unauthenticated: false };
        match input.get(from) {
            None => Ok(None),
            Some(b'*') => match self.parser.next(input, from, LIMITS).map_err(Fault::Malformed)? {
                Parsed::Command { end } => Ok(Some(end)),
                Parsed::Partial => Ok(None),
            },
            Some(b'#') => Ok(input[from..].iter().position(|byte| *byte == b'\n').map(|len| from + len + 1)),
            Some(other) => Err(Fault::Malformed(format!("a command can't begin with byte {other}"))),
        }
    }

    /// Returns the damage that begins at a place in the input, or with the transaction around it.
    fn damage(&self, read: usize, fault: Fault) -> Damage {
        Damage { at: self.transaction.as_ref().map_or(self.at + read as u64, |held| held.at), fault }
    }
}

/// Returns the second that a remark tells, if it is of that kind.
fn told(remark: &[u8]) -> Option<u64> {
    parse_uint(remark.strip_prefix(b"#TS:")?.trim_ascii_end())
}

/// Runs a command, or holds it until its transaction is whole.
fn take(
    transaction: &mut Option<Held>,
    args: Args<'_>,
    at: u64,
    run: &mut impl FnMut(Args<'_>) -> Result<(), Fault>,
) -> Result<(), Damage> {
    match transaction {
        _ if args.is_empty() => Ok(()),
        None if args.is(0, "MULTI") => {
            *transaction = Some(Held { at, calls: vec![] });
            Ok(())
        }
        None => run(args).map_err(|fault| Damage { at, fault }),
        Some(_) if args.is(0, "EXEC") => {
            let Some(Held { at, calls }) = transaction.take() else { return Ok(()) };
            // Half a transaction is none, so the damage begins with it.
            calls.iter().try_for_each(|call| run(call.as_args())).map_err(|fault| Damage { at, fault })
        }
        Some(held) => {
            held.calls.push(args.to_owned());
            Ok(())
        }
    }
}

impl Damage {
    /// Returns the damage as counted from so many bytes earlier.
    pub fn after(self, before: u64) -> Self {
        Self { at: self.at + before, ..self }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::EndsEarly => f.write_str("the log ends within a command or a transaction"),
            Fault::Malformed(why) => f.write_str(why),
            Fault::UnknownCommand(name) => write!(f, "unknown command '{name}'"),
            Fault::Later(seconds) => write!(f, "what follows is of second {seconds}"),
        }
    }
}

impl std::error::Error for Damage {}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(args: &[&str]) -> String {
        let bulks: String = args.iter().map(|arg| format!("${}\r\n{arg}\r\n", arg.len())).collect();
        format!("*{}\r\n{bulks}", args.len())
    }

    /// Reads a log in pieces; returns the commands that were run.
    fn read(log: &[u8], piece: usize) -> (Vec<String>, Result<u64, Damage>) {
        let mut reader = Reader::default();
        let mut ran = vec![];
        for piece in log.chunks(piece) {
            let result = reader.feed(piece, |args| {
                let words: Vec<_> = args.iter().map(String::from_utf8_lossy).collect();
                if words[0] == "NOSUCH" {
                    return Err(Fault::UnknownCommand(words[0].to_string()));
                }
                ran.push(words.join(" "));
                Ok(())
            });
            if let Err(damage) = result {
                return (ran, Err(damage));
            }
        }
        (ran, reader.finish())
    }

    #[test]
    fn a_log_that_ends_early_is_in_order_up_to_its_last_whole_unit() {
        let multi =
            [call(&["MULTI"]), call(&["SET", "b", "2"]), call(&["DEL", "a"]), call(&["exec"])].concat();
        let units =
            [call(&["SELECT", "0"]), "#TS:1700000000\r\n".into(), call(&["SET", "a", "1\r\n"]), multi];
        let log = units.concat().into_bytes();
        let ends: Vec<usize> = (0..=4).map(|n| units[..n].concat().len()).collect();
        let all = ["SELECT 0", "SET a 1\r\n", "SET b 2", "DEL a"];
        let runs = [0, 1, 1, 2, 4];
        for end in 0..=log.len() {
            for piece in [1, 7, 1_000] {
                let (ran, result) = read(&log[..end], piece);
                let unit = ends.partition_point(|unit| *unit <= end) - 1;
                assert_eq!(ran, all[..runs[unit]], "{end} bytes");
                let intact = ends[unit] as u64;
                let expected = if ends[unit] == end {
                    Ok(intact)
                } else {
                    Err(Damage { at: intact, fault: Fault::EndsEarly })
                };
                assert_eq!(result, expected, "{end} bytes");
            }
        }
    }

    #[test]
    fn a_log_is_read_until_a_second() {
        let set = call(&["SET", "a", "1"]);
        let log = ["#TS:10\r\n", &set, "#TS:11\r\n#other\r\n", &set, "#TS:12\r\n", &set].concat();
        let at = |seconds: &str| log.find(seconds).map(|at| at as u64);
        for (until, stop) in [(9, at("#TS:10")), (10, at("#TS:11")), (11, at("#TS:12")), (12, None)] {
            let mut reader = Reader::until(until);
            let result = log.as_bytes().chunks(3).try_for_each(|piece| reader.feed(piece, |_| Ok(())));
            let expected = stop.map(|at| Damage { at, fault: Fault::Later(until + 1) });
            assert_eq!(result.err(), expected, "{until}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused_where_it_stands() {
        let good = call(&["SET", "a", "1"]);
        let at = good.len() as u64;
        for bad in [
            "SET a 1\r\n",
            "*1\r\n+PING\r\n",
            "*x\r\n",
            "\r\n",
            &call(&["NOSUCH", "x"]),
            "*1\r\n$4\r\nPING\0\0",
        ] {
            let (ran, result) = read([&good, bad, &good].concat().as_bytes(), 5);
            assert_eq!(ran, ["SET a 1"]);
            let damage = result.expect_err(bad);
            assert_eq!((damage.at, damage.fault == Fault::EndsEarly), (at, false), "{bad:?}");
        }
    }
}
