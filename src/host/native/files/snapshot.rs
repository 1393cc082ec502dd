//! Writes snapshots: beside the file that is there, which is replaced by a whole one or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::system::{Access, OpenFile, System, Work};

/// Pieces that may wait for the disk.
const QUEUE: usize = 64;
/// The system is asked to bring so many bytes to the disk at a time, so that the last sync is not one of everything.
const SYNC_EVERY: usize = 32 * 1024 * 1024;

/// Is told of each snapshot by its number that it is in its place, or why it is not.
pub type Written = Arc<dyn Fn(u64, io::Result<()>) + Send + Sync>;

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Writes a snapshot beside the loop. One that is dropped before its end leaves nothing behind.
pub struct Writer {
    pieces: Sender<Piece>,
    queued: Arc<AtomicUsize>,
}

impl Writer {
    /// Begins to write `temporary`, which becomes `target`; `written` is told by `number`.
    pub fn start(
        system: Arc<dyn System>,
        temporary: PathBuf,
        target: PathBuf,
        number: u64,
        written: Written,
    ) -> io::Result<Self> {
        // Whatever can be known at once about a folder that can't be written to, is.
        let draft = Draft::begin(system.clone(), temporary, target)?;
        let (pieces, received) = channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let filling = Filling { received, queued: queued.clone(), draft, number, written };
        system.work("snapshot", Box::new(filling))?;
        Ok(Self { pieces, queued })
    }

    /// Returns whether the disk keeps up.
    pub fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < QUEUE
    }

    pub fn write(&self, bytes: Vec<u8>) {
        self.queued.fetch_add(1, Ordering::Relaxed);
        // A thread that is gone has met an error, which it has told.
        let _ = self.pieces.send(Piece::Bytes(bytes));
    }

    /// Says that this was all: the snapshot takes its place.
    pub fn end(&self) {
        let _ = self.pieces.send(Piece::End);
    }
}

/// What is done beside the loop.
struct Filling {
    received: Receiver<Piece>,
    queued: Arc<AtomicUsize>,
    draft: Draft,
    number: u64,
    written: Written,
}

impl Work for Filling {
    fn step(&mut self, may_wait: bool) -> bool {
        let piece = match may_wait {
            true => self.received.recv().map_err(|_| TryRecvError::Disconnected),
            false => self.received.try_recv(),
        };
        let result = match piece {
            Ok(Piece::Bytes(bytes)) => {
                self.queued.fetch_sub(1, Ordering::Relaxed);
                match self.draft.write(&bytes) {
                    Ok(()) => return true,
                    Err(error) => Err(error),
                }
            }
            Ok(Piece::End) => self.draft.place(),
            Err(TryRecvError::Empty) => return true,
            // Nobody is interested any more.
            Err(TryRecvError::Disconnected) => return false,
        };
        (self.written)(self.number, result);
        false
    }
}

/// Writes pieces to `temporary`, and makes it `target`.
pub fn write(
    system: &Arc<dyn System>,
    temporary: PathBuf,
    target: PathBuf,
    mut next: impl FnMut() -> Option<Vec<u8>>,
) -> io::Result<()> {
    let mut draft = Draft::begin(system.clone(), temporary, target)?;
    while let Some(bytes) = next() {
        draft.write(&bytes)?;
    }
    draft.place()
}

/// A file that is not whole yet. If it does not come to its place it is removed.
struct Draft {
    system: Arc<dyn System>,
    temporary: PathBuf,
    target: PathBuf,
    file: Box<dyn OpenFile>,
    unsynced: usize,
    placed: bool,
}

impl Draft {
    fn begin(system: Arc<dyn System>, temporary: PathBuf, target: PathBuf) -> io::Result<Self> {
        let file = system.open(&temporary, Access::New)?;
        Ok(Self { system, temporary, target, file, unsynced: 0, placed: false })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced += bytes.len();
        if self.unsynced >= SYNC_EVERY {
            self.file.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    fn place(&mut self) -> io::Result<()> {
        self.file.sync()?;
        place(&*self.system, &self.temporary, &self.target)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // It takes up room that may be missing. One that can't be removed is only that.
            let _ = self.system.remove(&self.temporary);
        }
    }
}

/// Gives a file its name, for good. Both names are of one folder, or of two on one disk.
pub fn place(system: &dyn System, temporary: &Path, target: &Path) -> io::Result<()> {
    system.rename(temporary, target)?;
    // The name is on the disk only when the folder is.
    system.sync_folder(target.parent().unwrap_or(Path::new(".")))
}
