//! Writes snapshots: beside the file that is there, which is replaced by a whole one or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::super::bell::{Bell, News};

/// Pieces that may wait for the disk.
const QUEUE: usize = 64;
/// The system is asked to bring so many bytes to the disk at a time, so that the last sync is not one of everything.
const SYNC_EVERY: usize = 32 * 1024 * 1024;

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Writes a snapshot in a thread of its own, and rings when it is in its place. One that is dropped before its end
/// leaves nothing behind.
pub struct Writer {
    pieces: Sender<Piece>,
    queued: Arc<AtomicUsize>,
}

impl Writer {
    /// Begins to write `temporary`, which becomes `target`.
    pub fn start(temporary: PathBuf, target: PathBuf, number: u64, bell: Bell) -> io::Result<Self> {
        // Whatever can be known at once about a folder that can't be written to, is.
        File::create(&temporary)?;
        let (pieces, received) = channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let left = queued.clone();
        let work = move || {
            let mut given_up = true;
            let next = || match received.recv() {
                Ok(Piece::Bytes(bytes)) => {
                    left.fetch_sub(1, Ordering::Relaxed);
                    Some(bytes)
                }
                Ok(Piece::End) => {
                    given_up = false;
                    None
                }
                Err(_) => None,
            };
            let result = fill(&temporary, next);
            if given_up && result.is_ok() {
                // Nobody is interested in a file that can't be removed either.
                let _ = fs::remove_file(&temporary);
                return;
            }
            bell.ring(News::Written { number, result: result.and_then(|()| place(&temporary, &target)) });
        };
        thread::Builder::new().name("snapshot".into()).spawn(work)?;
        Ok(Self { pieces, queued })
    }

    /// Returns whether the disk keeps up.
    pub fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < QUEUE
    }

    pub fn write(&self, bytes: Vec<u8>) {
        self.queued.fetch_add(1, Ordering::Relaxed);
        // A thread that is gone has met an error, which comes by the bell.
        let _ = self.pieces.send(Piece::Bytes(bytes));
    }

    /// Says that this was all: the snapshot takes its place.
    pub fn end(&self) {
        let _ = self.pieces.send(Piece::End);
    }
}

/// Writes pieces to `temporary`, and makes it `target`.
pub fn write(temporary: &Path, target: &Path, next: impl FnMut() -> Option<Vec<u8>>) -> io::Result<()> {
    fill(temporary, next)?;
    place(temporary, target)
}

fn fill(path: &Path, mut next: impl FnMut() -> Option<Vec<u8>>) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut unsynced = 0;
    while let Some(bytes) = next() {
        file.write_all(&bytes)?;
        unsynced += bytes.len();
        if unsynced >= SYNC_EVERY {
            file.sync_data()?;
            unsynced = 0;
        }
    }
    file.sync_all()
}

/// Gives a file its name, for good. Both names are of one folder, or of two on one disk.
pub fn place(temporary: &Path, target: &Path) -> io::Result<()> {
    fs::rename(temporary, target)?;
    // The name is on the disk only when the folder is.
    File::open(target.parent().unwrap_or(Path::new(".")))?.sync_all()
}
