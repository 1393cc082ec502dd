//! What keeping data needs of the system, so that a test can put a disk that fails in its place.

use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Files, threads, and a clock that only ever goes forward.
pub trait System: Send + Sync {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>>;

    /// Returns how long a file is; [`ErrorKind::NotFound`](io::ErrorKind::NotFound) if there is no such file.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Makes a folder, and those around it, unless it is there.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Returns the names of what is in a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Writes anew what a file holds from a place on, so that its next sync brings that to the disk.
    fn write_again(&self, path: &Path, from: u64) -> io::Result<()>;

    /// Gives a file another name, and takes that away from the one that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns when the names in a folder are on the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Does the steps of some work beside the loop, until there are no more.
    fn work(&self, name: &str, work: Box<dyn Work>) -> io::Result<()>;

    /// Returns how long it is since some moment.
    fn uptime(&self) -> Duration;
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A file that exists.
    Read,
    /// At its end; one that is not there is made.
    Append,
    /// From its beginning, with nothing in it.
    New,
}

/// An open file.
pub trait OpenFile: Read + Write + Send {
    fn size(&self) -> io::Result<u64>;

    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Returns when all that was written is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Opens the same file for another thread.
    fn share(&self) -> io::Result<Box<dyn OpenFile>>;
}

/// Work that is done beside the loop.
pub trait Work: Send {
    /// Does one step; returns whether there may be more. If there is nothing to do just now, waits if it may.
    fn step(&mut self, may_wait: bool) -> bool;
}

/// The system that the process runs on.
pub struct Native(Instant);

impl Default for Native {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl System for Native {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>> {
        let mut options = File::options();
        match access {
            Access::Read => options.read(true),
            Access::Append => options.create(true).append(true),
            Access::New => options.create(true).write(true).truncate(true),
        };
        Ok(Box::new(options.open(path)?))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let facts = fs::metadata(path)?;
        if facts.is_file() { Ok(facts.len()) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let name = |entry: DirEntry| entry.file_name().to_string_lossy().into_owned();
        fs::read_dir(folder)?.map(|entry| entry.map(name)).collect()
    }

    fn write_again(&self, path: &Path, from: u64) -> io::Result<()> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let mut piece = vec![0; 64 * 1024];
        let mut at = from;
        loop {
            file.seek(SeekFrom::Start(at))?;
            let bytes = file.read(&mut piece)?;
            if bytes == 0 {
                return Ok(());
            }
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&piece[..bytes])?;
            at += bytes as u64;
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn work(&self, name: &str, mut work: Box<dyn Work>) -> io::Result<()> {
        let steps = move || while work.step(true) {};
        thread::Builder::new().name(name.into()).spawn(steps).map(drop)
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

impl OpenFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn share(&self) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(self.try_clone()?))
    }
}
