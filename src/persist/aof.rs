//! Logs of changes: RESP commands, one behind the other.

use std::fmt;

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
}

impl Reader {
    /// Gives `run` every command that is whole with these bytes. What it refuses is a damage at that command.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut run: impl FnMut(Args<'_>) -> Result<(), Fault>,
    ) -> Result<(), Damage> {
        let mut pending = std::mem::take(&mut self.pending);
        let input = if pending.is_empty() {
            bytes
        } else {
            pending.extend_from_slice(bytes);
            &pending
        };
        let mut read = 0;
        while let Some(end) = self.next(input, read).map_err(|fault| self.damage(read, fault))? {
            if input[read] == b'*' {
                let args = self.parser.command(input);
                let at = self.at + read as u64;
                take(&mut self.transaction, args, at, &mut run).map_err(|fault| Damage { at, fault })?;
            }
            read = end;
        }
        self.parser.rebase(read);
        self.at += read as u64;
        self.pending = input[read..].to_vec();
        Ok(())
    }

    /// Returns how many bytes there were, if the log does not end within a command or a transaction.
    pub fn finish(self) -> Result<u64, Damage> {
        let whole = self.pending.is_empty() && self.transaction.is_none();
        if whole { Ok(self.at) } else { Err(self.damage(0, Fault::EndsEarly)) }
    }

    /// Returns where the command ends that begins at a place, or the remark; `None` if it is not whole.
    fn next(&mut self, input: &[u8], from: usize) -> Result<Option<usize>, Fault> {
        const LIMITS: Limits = Limits { bulk: u64::MAX, unauthenticated: false };
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

/// Runs a command, or holds it until its transaction is whole.
fn take(
    transaction: &mut Option<Held>,
    args: Args<'_>,
    at: u64,
    run: &mut impl FnMut(Args<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match transaction {
        _ if args.is_empty() => Ok(()),
        None if args.is(0, "MULTI") => {
            *transaction = Some(Held { at, calls: vec![] });
            Ok(())
        }
        None => run(args),
        Some(_) if args.is(0, "EXEC") => {
            let calls = transaction.take().map(|held| held.calls).unwrap_or_default();
            calls.iter().try_for_each(|call| run(call.as_args()))
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
        }
    }
}

impl std::error::Error for Damage {}
