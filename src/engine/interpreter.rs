//! What runs scripts, as the engine knows it: a build has it or not.

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::{Args, Error, OwnedArgs, Result, SessionId};
use crate::spec::{Flags, Spec};

use super::call::Call;
use super::session::Begun;
use super::shared::Shared;

/// What a call wants to be run.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    Code(&'a [u8]),
    /// The SHA-1 of code that was run or loaded before, in hexadecimal digits.
    Digest(&'a [u8]),
    /// The name of a library's function.
    Function(&'a [u8]),
}

/// A script to be run.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    pub source: Source<'a>,
    pub keys: Args<'a>,
    pub args: Args<'a>,
    /// It may change nothing: EVAL_RO, EVALSHA_RO, FCALL_RO.
    pub read_only: bool,
}

/// A library of functions.
#[derive(Clone, Debug)]
pub struct Library {
    pub name: Bytes,
    pub code: Box<[u8]>,
    pub functions: Vec<LibraryFunction>,
}

/// A function that FCALL calls.
#[derive(Clone, Debug)]
pub struct LibraryFunction {
    pub name: Bytes,
    pub description: Option<Bytes>,
    /// As FUNCTION LIST names them.
    pub flags: Vec<&'static str>,
}

/// What whoever names a script is told that is not there.
pub const NO_SCRIPT: Error = Error::Text("NOSCRIPT No matching script. Please use EVAL.");

/// A language for scripts, and what was loaded of it.
pub trait Interpreter {
    /// Sets how many bytes scripts may take, and libraries of functions.
    fn limit_memory(&mut self, bytes: u64);

    /// Runs a script and writes its reply; or goes on with the one that the call waits for.
    fn run(&mut self, call: &mut Call<'_>, script: Script<'_>) -> Result;

    /// Returns what the flags of a command that runs this come to, if the source says of itself what it does.
    fn flags(&self, source: Source<'_>, command: Flags) -> Flags;

    /// Compiles a script, to be run by its digest, which is returned.
    fn load(&mut self, code: &[u8]) -> Result<[u8; 40]>;

    /// Returns whether there is a script of this digest.
    fn has(&self, digest: &[u8]) -> bool;

    /// Forgets all scripts.
    fn flush(&mut self);

    /// Returns how many scripts are kept, and the bytes of memory that they and all libraries take.
    fn usage(&self) -> (usize, usize);

    /// Loads a library, in place of one of its name if `replace` says so; returns its name.
    fn load_library(&mut self, code: &[u8], replace: bool) -> Result<Bytes>;

    /// Forgets a library; returns whether there was one of this name.
    fn delete_library(&mut self, name: &[u8]) -> bool;

    /// Puts libraries in place of those that there are, and remembers their version; returns why some can't be used.
    fn take_libraries(&mut self, sources: &[Box<[u8]>], version: u64) -> Vec<Error>;

    /// Returns the version of the libraries that there are.
    fn libraries_version(&self) -> u64;

    /// Says that the libraries that there are have this version.
    fn set_libraries_version(&mut self, version: u64);

    /// Returns all libraries, by name.
    fn libraries(&self) -> &[Library];
}

impl Shared {
    /// Returns the flags of a call: those of its command, unless its script says what it does.
    #[inline]
    pub(super) fn flags_of(&self, spec: &Spec, args: Args<'_>) -> Flags {
        if spec.flags.has(Flags::SKIP_MONITOR) { self.flags_of_script(spec, args) } else { spec.flags }
    }

    #[cold]
    fn flags_of_script(&self, spec: &Spec, args: Args<'_>) -> Flags {
        let source: fn(_) -> _ = match spec.name {
            "EVAL" | "EVAL_RO" => Source::Code,
            "EVALSHA" | "EVALSHA_RO" => Source::Digest,
            "FCALL" | "FCALL_RO" => Source::Function,
            _ => return spec.flags,
        };
        match (&self.interpreter, args.get(1)) {
            (Some(interpreter), Some(arg)) => interpreter.flags(source(arg), spec.flags),
            _ => spec.flags,
        }
    }
}

/// A script that has not ended when its slice had.
#[derive(Debug)]
pub struct Busy {
    pub session: SessionId,
    pub since: Time,
    /// What was called, for FUNCTION STATS.
    pub command: OwnedArgs,
    /// The name of the function, unless it is a script.
    pub function: Option<Bytes>,
    /// It has changed something, so that it can't be killed.
    pub wrote: bool,
    /// It ends as soon as it goes on.
    pub killed: bool,
    /// Others know that it takes long.
    pub told: bool,
    /// Its client has disconnected.
    pub gone: bool,
    /// The transaction that it is part of.
    pub transaction: Option<Begun>,
}

impl Busy {
    /// Returns what all other clients are told that ask for something.
    pub fn refusal(&self) -> Error {
        Error::Text(match self.function {
            None => "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Some(_) => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
            }
        })
    }
}
