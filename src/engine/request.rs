//! What only a host can do, asked for as values.

use crate::base::time::Time;
use crate::resp::SessionId;

/// Names a request until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// Something for the host to do after a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Write a snapshot of the keyspace; answer when it is kept, or when that failed.
    Save,
    /// Write the log anew from a snapshot; answer as for `Save`.
    Rewrite,
    /// Give up the snapshot for `Save` that is being written, if it is not needed for a log: nobody wants it any more.
    GiveUpSave,
    /// End this connection once its output is sent, then report it with `disconnect`.
    Close(SessionId),
    /// `receive` stopped in the middle of its input; give it the rest again.
    Resume(SessionId),
    /// End the process. Nothing answers when it succeeds.
    Shutdown { save: Save, now: bool, force: bool },
    /// Parameters were changed, some of which concern the host: ports, files, fsync policy. If it can't do as they say,
    /// it takes all back by `Engine::unconfigure`.
    Configured(Vec<Changed>),
    /// Write what the configuration is now to the file that it was read from; `whole` as
    /// `Engine::rewritten_config` says.
    RewriteConfig { whole: bool },
    /// Write this where people look who run the host.
    Warn(String),
    /// Write this there too, though it is nothing to worry about.
    Note(String),
    /// Hold everything up for as long: DEBUG SLEEP.
    Sleep { until: Time },
    /// Put the users of the file `aclfile` in place of those there are, by `Engine::load_users`.
    LoadUsers,
    /// Write the users to the file `aclfile`.
    SaveUsers,
    /// Send these calls to another server, and answer with what it says.
    Send(Parcel),
    /// Connect to another server, and tell by `Store::linked` or `Store::link_failed` what came of it.
    Connect { host: String, port: u16 },
    /// All data was replaced, which the log does not tell: it must begin anew, from a snapshot.
    Replaced,
    /// Bring the log to the disk.
    Sync,
    /// Load the keyspace again from the snapshot: DEBUG RELOAD.
    Reload(Reload),
    /// Load the keyspace again from the log: DEBUG LOADAOF.
    ReloadLog,
}

/// How a snapshot is loaded again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reload {
    /// A snapshot is taken first; otherwise the one is loaded that is there.
    pub save: bool,
    /// What there is makes room first; otherwise it stays.
    pub flush: bool,
    /// Keys and libraries of the snapshot take the place of those that have stayed; otherwise that is an error.
    pub merge: bool,
}

impl Default for Reload {
    fn default() -> Self {
        Self { save: true, flush: true, merge: false }
    }
}

impl Reload {
    /// Returns whether the keyspace is to be the same afterwards.
    pub fn changes_nothing(self) -> bool {
        self.save && self.flush
    }
}

/// A parameter that CONFIG SET has changed, and the value that it had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    pub name: &'static str,
    pub before: String,
}

/// Whether a shutdown saves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Save {
    /// If save points are configured.
    Configured,
    Yes,
    No,
}

/// Calls for another server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parcel {
    pub host: String,
    pub port: u16,
    /// How long connecting, sending and each reading may take.
    pub timeout_ms: u64,
    /// In RESP.
    pub calls: Vec<u8>,
    /// How many calls there are. Each is replied to by one line.
    pub replies: usize,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Done,
    /// What another server has said, be it less than expected. The command that asked is run again with it.
    Said(Vec<u8>),
    /// The text of the error that the client gets, with its code.
    Failed(String),
}
