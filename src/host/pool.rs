//! Files that have been there for long, under names that change.
//!
//! A browser that is killed may forget that a file was made, though what was written to it is on the disk. So the files
//! of a database are made before they are needed, and none is ever removed: the name that one has at present stands at
//! its beginning, and one without is free.
//!
//! ```text
//! file-K    [ frame of the name, in 128 bytes ][ contents… ]
//! ```
//!
//! The frame's number is higher than that of any name given before: of two files of one name, since a removal was lost,
//! the one with the higher number has it. Files of other names are those of databases that were made before there was a
//! pool: they are used until they are empty, and then removed.

use std::rc::Rc;

use super::folder::{Folder, Handle};
use crate::persist::files;
use crate::persist::layout::Failure;
use crate::persist::ring::Segment;

const FILE: &str = "file-";
/// Where contents begin.
const HEAD: usize = 128;
/// Files that are free after an opening: for a log and a snapshot, and as many again for what fails.
const FREE: usize = 4;

/// All files of a folder, each of which is open as long as the pool is.
pub struct Pool<F: Folder> {
    folder: F,
    files: Vec<Pooled<F::Handle>>,
    /// The number of the next file.
    next: u64,
    /// How many names were given.
    given: u64,
}

struct Pooled<H> {
    file: Named<H>,
    /// Empty if it is free.
    name: String,
    /// Which of all names that were given that was.
    turn: u64,
}

impl<F: Folder> Pool<F> {
    /// Takes the files of a folder, but the one named `except`, and makes so many that some are free.
    pub async fn open(folder: F, except: &str) -> Result<Self, Failure> {
        let names = folder.names().await?;
        let mut pool = Self { folder, files: Vec::new(), next: 0, given: 0 };
        for name in names.into_iter().filter(|name| name != except) {
            let handle = pool.folder.open(&name, false).await?;
            let size = handle.size()?;
            match name.strip_prefix(FILE).map(str::parse::<u64>) {
                Some(Ok(number)) => {
                    pool.next = pool.next.max(number + 1);
                    let (name, turn) = match read_name(&handle)? {
                        Some(found) => found,
                        // A name is damaged whose file holds something: that stays for inspection.
                        None if size > HEAD as u64 => (format!("lost-{number}"), 0),
                        None => Default::default(),
                    };
                    pool.add(handle, HEAD as u64, name, turn);
                }
                _ if size > 0 => pool.add(handle, 0, name, 0),
                _ => {
                    drop(handle);
                    pool.folder.remove(&name).await?;
                }
            }
        }
        pool.spare(FREE).await?;
        Ok(pool)
    }

    fn add(&mut self, handle: F::Handle, from: u64, mut name: String, turn: u64) {
        self.given = self.given.max(turn);
        // Of one name, the file that it was given to last has it.
        if !name.is_empty()
            && let Some(same) = self.files.iter_mut().find(|file| file.name == name)
        {
            let earlier = if same.turn < turn { &mut same.name } else { &mut name };
            earlier.clear();
        }
        self.files.push(Pooled { file: Named { handle: Rc::new(handle), from }, name, turn });
    }

    /// Makes files until so many are free.
    pub async fn spare(&mut self, many: usize) -> Result<(), Failure> {
        while self.files.iter().filter(|file| file.name.is_empty()).count() < many {
            let handle = self.folder.open(&format!("{FILE}{}", self.next), true).await?;
            handle.flush()?;
            self.next += 1;
            self.add(handle, HEAD as u64, String::new(), 0);
        }
        Ok(())
    }

    /// Returns the names that files have at present.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// Returns the file of a name.
    pub fn find(&self, name: &str) -> Option<Named<F::Handle>> {
        self.files.iter().find(|file| file.name == name).map(|file| file.file.clone())
    }

    /// Gives a name to a free file, which is empty then. If there is one of the name, it is that one.
    pub fn give(&mut self, name: &str) -> Result<Named<F::Handle>, Failure> {
        if let Some(found) = self.find(name) {
            found.truncate(0)?;
            return Ok(found);
        }
        let free = self.files.iter_mut().find(|file| file.name.is_empty());
        let Some(Pooled { file, name: old, turn }) = free else {
            return Err(Failure::Storage("no file is free".into()));
        };
        let handle = &file.handle;
        // What it held may be there still, and must be gone before it can be taken for what has the new name.
        handle.truncate(0)?;
        handle.flush()?;
        self.given += 1;
        let mut head = files::frame(self.given, Segment::seal(self.given, name.as_bytes()), name.as_bytes());
        head.resize(HEAD, 0);
        if handle.write(0, &head)? < HEAD {
            return Err(Failure::Storage("QuotaExceededError: not all of a name could be written".into()));
        }
        handle.flush()?;
        (*old, *turn) = (name.into(), self.given);
        Ok(file.clone())
    }

    /// Frees the file of a name. What can't be emptied now is before it gets another name.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.files.iter().position(|file| file.name == name) {
            let _ = self.files[at].file.handle.truncate(0);
            match self.files[at].file.from {
                // It has no room for a name.
                0 => drop(self.files.remove(at)),
                _ => self.files[at].name.clear(),
            }
        }
    }
}

/// Reads what a file is named, and which name that was; none if it is free.
fn read_name(handle: &impl Handle) -> Result<Option<(String, u64)>, Failure> {
    let mut head = [0; HEAD];
    let read = handle.read(0, &mut head)?;
    let name = files::first(&head[..read]).filter(|name| name.seq > 0 && name.is_whole());
    Ok(name.and_then(|name| Some((String::from_utf8(name.bytes).ok()?, name.seq))))
}

/// A file of the pool, or one from before.
pub struct Named<H> {
    handle: Rc<H>,
    /// Where contents begin.
    from: u64,
}

impl<H> Clone for Named<H> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), from: self.from }
    }
}

impl<H: Handle> Handle for Named<H> {
    fn size(&self) -> Result<u64, Failure> {
        Ok(self.handle.size()?.saturating_sub(self.from))
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        self.handle.read(self.from + at, buffer)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, Failure> {
        self.handle.write(self.from + at, bytes)
    }

    fn truncate(&self, size: u64) -> Result<(), Failure> {
        self.handle.truncate(self.from + size)
    }

    fn flush(&self) -> Result<(), Failure> {
        self.handle.flush()
    }
}
