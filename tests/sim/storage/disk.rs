//! A disk that keeps what it has promised and no more.
//!
//! What was written is there for all who look, until a crash: then of what was not synced survives what chance lets
//! survive. It fails where it is told to, and fills up. Work beside the loop is done a step at a time, when the
//! simulation says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use redlet::base::random::Random;
use redlet::host::native::files::system::{Access, OpenFile, System, Work};

use super::crash::{Change, Crash, Tear};

/// A disk; clones are the same one.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Inner>>);

struct Inner {
    random: Random,
    files: Vec<File>,
    names: Names,
    kept_names: Names,
    /// Changes of names that are not synced.
    moves: Vec<Move>,
    works: Vec<Box<dyn Work>>,
    uptime: Duration,
    operations: u64,
    /// The operation from which on nothing has an effect any more.
    ends_at: Option<u64>,
    /// One operation in so many fails; none if zero.
    fails_one_in: u64,
    /// How many bytes fit on it.
    room: Option<usize>,
    failures: u64,
    /// How many bytes were logged by the present process.
    logged: u64,
}

#[derive(Clone, Default)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
}

/// A change of names in a folder.
#[derive(Clone)]
enum Move {
    Made(PathBuf, usize),
    Renamed(PathBuf, PathBuf, usize),
    Removed(PathBuf),
    Folder(PathBuf),
}

#[derive(Default)]
struct File {
    content: Vec<u8>,
    kept: Vec<u8>,
    unsynced: Vec<Change>,
    /// How many of the present bytes are kept whatever happens.
    synced: usize,
    /// From where on bytes are in memory alone and no sync writes them any more, since one has failed.
    lost_from: Option<usize>,
    /// Something was lost so since the last good sync, so that later bytes may be on the disk without it.
    has_gap: bool,
    /// The last sync fell between a write that was short and its rest.
    is_split: bool,
    /// The last write was a part of one, whose rest is to follow.
    is_short: bool,
    /// How much had been logged when its first byte was.
    begins_at: i64,
}

impl File {
    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.kept);
        }
        (self.is_split, self.has_gap) = (self.is_short, false);
        self.synced = self.lost_from.unwrap_or(self.content.len());
    }

    /// Loses what was not synced, but for the rest of a write: zeros in the middle of a value can't be seen in a log.
    fn lose_unsynced(&mut self) {
        if self.is_split {
            return;
        }
        for change in self.unsynced.drain(..) {
            match change {
                Change::Bytes(at, _) => {
                    self.lost_from = Some(self.lost_from.map_or(at, |lost| lost.min(at)));
                    self.has_gap = true;
                }
                // Sizes are not among the pages.
                Change::Size(_) => change.apply(&mut self.kept),
            }
        }
    }
}

impl Names {
    fn apply(&mut self, change: &Move) {
        match change {
            Move::Made(path, file) => drop(self.files.insert(path.clone(), *file)),
            Move::Renamed(from, to, file) => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
            Move::Removed(path) => drop(self.files.remove(path)),
            Move::Folder(path) => drop(self.folders.insert(path.clone())),
        }
    }
}

impl Move {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Made(path, _) | Self::Renamed(_, path, _) | Self::Removed(path) | Self::Folder(path) => {
                path.parent()
            }
        }
    }
}

impl Disk {
    pub fn new(seed: u64, root: &Path) -> Self {
        let names = Names { folders: BTreeSet::from([root.to_owned()]), ..Names::default() };
        Self(Arc::new(Mutex::new(Inner {
            random: Random::new(seed),
            files: vec![],
            kept_names: names.clone(),
            names,
            moves: vec![],
            works: vec![],
            uptime: Duration::ZERO,
            operations: 0,
            ends_at: None,
            fails_one_in: 0,
            room: None,
            failures: 0,
            logged: 0,
        })))
    }

    // What the simulation does ----------------------------------------------------------------------------------

    /// Lets everything end after so many operations more.
    pub fn end_after(&self, operations: u64) {
        let mut inner = self.inner();
        inner.ends_at = Some(inner.operations + operations);
    }

    pub fn has_ended(&self) -> bool {
        self.inner().has_ended()
    }

    /// Returns whether a failed sync has lost what later bytes may survive.
    pub fn has_holes(&self) -> bool {
        let inner = self.inner();
        inner
            .names
            .files
            .values()
            .map(|file| &inner.files[*file])
            .any(|file| file.has_gap || file.lost_from.is_some())
    }

    pub fn operations(&self) -> u64 {
        self.inner().operations
    }

    /// Lets one operation in so many fail; none with zero.
    pub fn fail_one_in(&self, operations: u64) {
        self.inner().fails_one_in = operations;
    }

    /// Returns how many operations have failed so far.
    pub fn failures(&self) -> u64 {
        self.inner().failures
    }

    /// Leaves room for so many bytes more, or without end.
    pub fn leave_room(&self, more: Option<usize>) {
        let mut inner = self.inner();
        inner.room = more.map(|more| inner.used() + more);
    }

    pub fn pass(&self, time: Duration) {
        self.inner().uptime += time;
    }

    /// Says how many bytes the present process has logged.
    pub fn set_logged(&self, logged: u64) {
        self.inner().logged = logged;
    }

    /// Begins to count anew what is logged: all files have what went before.
    pub fn begin_log(&self) {
        let mut inner = self.inner();
        inner.logged = 0;
        inner.files.iter_mut().for_each(|file| file.begins_at = -(file.content.len() as i64));
    }

    /// Returns up to where what was logged is in files, or synced there.
    pub fn log_reaches(&self, synced: bool) -> u64 {
        let inner = self.inner();
        let is_log = |(path, _): &(&PathBuf, &usize)| path.to_string_lossy().contains(".incr.");
        let files: Vec<&File> =
            inner.names.files.iter().filter(is_log).map(|(_, file)| &inner.files[*file]).collect();
        let ends = files
            .iter()
            .map(|file| file.begins_at + if synced { file.synced } else { file.content.len() } as i64);
        let holes = files.iter().filter_map(|file| Some(file.begins_at + file.lost_from? as i64)).min();
        // A later file is of no use behind a hole.
        ends.max().unwrap_or(0).min(holes.unwrap_or(i64::MAX)).max(0) as u64
    }

    /// Does a step of the work beside the loop.
    pub fn work_some(&self) {
        let works = std::mem::take(&mut self.inner().works);
        let rest: Vec<_> =
            works.into_iter().filter_map(|mut work| work.step(false).then_some(work)).collect();
        self.inner().works.extend(rest);
    }

    /// Ends the process; what survives is there for the next one.
    pub fn crash(&self, crash: Crash) {
        // Work that is dropped may want to tidy up, which comes too late.
        self.end_after(0);
        let works = std::mem::take(&mut self.inner().works);
        drop(works);
        let mut inner = self.inner();
        inner.survive(crash);
        (inner.ends_at, inner.fails_one_in, inner.room) = (None, 0, None);
    }

    /// Cuts a file of the log off, as somebody does who repairs it, with all that was logged later.
    pub fn cut_log(&self, path: &Path, size: usize) {
        let mut inner = self.inner();
        let later = |other: &Path| {
            let name = other.to_string_lossy();
            name.contains(".incr.") && (name.len(), other) > (path.as_os_str().len(), path)
        };
        let names = inner.names.files.clone();
        let cuts = names.iter().filter(|(other, _)| *other == path || later(other));
        for (other, file) in cuts {
            let size = if other == path { size } else { 0 };
            let file = &mut inner.files[*file];
            file.content.truncate(size);
            file.kept.truncate(size);
            file.synced = file.synced.min(size);
        }
    }

    /// Returns the names of all files, and their sizes.
    pub fn listing(&self) -> Vec<(String, usize)> {
        let inner = self.inner();
        let files = inner.names.files.iter();
        files.map(|(path, file)| (path.display().to_string(), inner.files[*file].content.len())).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics while it holds this")
    }

    fn open_file(&self, file: usize) -> Box<dyn OpenFile> {
        Box::new(Open { disk: self.clone(), file, at: 0, is_new: true })
    }
}

impl Inner {
    fn survive(&mut self, crash: Crash) {
        for i in 0..self.files.len() {
            let changes = std::mem::take(&mut self.files[i].unsynced);
            let mut content = std::mem::take(&mut self.files[i].kept);
            for change in crash.survivors(changes, &mut self.random) {
                change.apply(&mut content);
            }
            if crash == Crash::Killed {
                // Whatever the disk has of it, the system has it all.
                content = std::mem::take(&mut self.files[i].content);
            }
            let file = &mut self.files[i];
            (file.lost_from, file.has_gap) = (None, false);
            (file.synced, file.kept, file.content) = (content.len(), content.clone(), content);
        }
        let moves = std::mem::take(&mut self.moves);
        for change in crash.survivors(moves, &mut self.random) {
            self.kept_names.apply(&change);
        }
        let names = &mut self.kept_names;
        let (files, folders) = (&mut names.files, &names.folders);
        files.retain(|path, _| path.parent().is_some_and(|folder| folders.contains(folder)));
        self.names = self.kept_names.clone();
    }

    fn has_ended(&self) -> bool {
        self.ends_at.is_some_and(|end| self.operations >= end)
    }

    fn used(&self) -> usize {
        self.names.files.values().map(|file| self.files[*file].content.len()).sum()
    }

    /// Counts an operation, which may be the one that fails.
    fn operate(&mut self) -> io::Result<()> {
        if self.has_ended() {
            return Err(io::Error::other("the process has ended"));
        }
        self.operations += 1;
        // Whatever takes time.
        self.uptime += Duration::from_micros(50);
        if self.fails_one_in > 0 && self.random.below(self.fails_one_in) == 0 {
            self.failures += 1;
            let full = self.random.below(2) == 0;
            return Err(if full {
                ErrorKind::StorageFull.into()
            } else {
                io::Error::other("the disk fails")
            });
        }
        Ok(())
    }

    fn change(&mut self, file: usize, change: Change) {
        let file = &mut self.files[file];
        change.apply(&mut file.content);
        file.synced = file.synced.min(file.content.len());
        let end = file.content.len();
        // What is cut off is not missed.
        file.lost_from = file.lost_from.filter(|lost| *lost < end);
        file.unsynced.push(change);
    }

    /// Adds bytes at the end. What follows a write that was short belongs to it: a log without checksums can't show that
    /// zeros stand in the middle of a value.
    fn append(&mut self, file: usize, bytes: &[u8], is_short: bool) {
        let open = &mut self.files[file];
        let at = open.content.len();
        match open.unsynced.last_mut() {
            Some(Change::Bytes(_, begun)) if open.is_short => {
                begun.extend_from_slice(bytes);
                open.content.extend_from_slice(bytes);
            }
            _ => self.change(file, Change::Bytes(at, bytes.to_vec())),
        }
        self.files[file].is_short = is_short;
    }

    fn rename(&mut self, change: Move) {
        self.names.apply(&change);
        self.moves.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.files.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Tear for Move {
    fn tear(&mut self, _: &mut Random) {}
}

impl System for Disk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn OpenFile>> {
        let mut inner = self.inner();
        inner.operate()?;
        let file = match (inner.find(path), access) {
            (Ok(file), _) => file,
            (Err(error), Access::Read) => return Err(error),
            (Err(error), _) if !path.parent().is_some_and(|folder| inner.names.folders.contains(folder)) => {
                return Err(error);
            }
            (Err(_), _) => {
                let file = inner.files.len();
                let begins_at = inner.logged as i64;
                inner.files.push(File { begins_at, ..File::default() });
                inner.rename(Move::Made(path.to_owned(), file));
                file
            }
        };
        if access == Access::New {
            inner.change(file, Change::Size(0));
        }
        drop(inner);
        Ok(self.open_file(file))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let mut inner = self.inner();
        inner.operate()?;
        let file = inner.find(path)?;
        Ok(inner.files[file].content.len() as u64)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        if !inner.names.folders.contains(path) {
            inner.rename(Move::Folder(path.to_owned()));
        }
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        inner.operate()?;
        let inside = inner.names.files.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn write_again(&self, path: &Path, from: u64) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        let file = inner.find(path)?;
        let open = &mut inner.files[file];
        let from = (from as usize).min(open.content.len());
        let bytes = open.content[from..].to_vec();
        open.lost_from = open.lost_from.filter(|lost| *lost < from);
        open.unsynced.push(Change::Bytes(from, bytes));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        let file = inner.find(from)?;
        inner.rename(Move::Renamed(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        inner.find(path)?;
        inner.rename(Move::Removed(path.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        let moves = std::mem::take(&mut inner.moves);
        let (synced, rest) = moves.into_iter().partition(|change| change.folder() == Some(path));
        inner.moves = rest;
        let synced: Vec<Move> = synced;
        synced.iter().for_each(|change| inner.kept_names.apply(change));
        Ok(())
    }

    fn work(&self, _: &str, work: Box<dyn Work>) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operate()?;
        inner.works.push(work);
        Ok(())
    }

    fn uptime(&self) -> Duration {
        // Whoever looks often enough sees it pass.
        let mut inner = self.inner();
        inner.uptime += Duration::from_micros(100);
        inner.uptime
    }
}

struct Open {
    disk: Disk,
    file: usize,
    /// Where reading goes on.
    at: usize,
    /// Nothing has been written yet.
    is_new: bool,
}

impl Read for Open {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        inner.operate()?;
        let rest = inner.files[self.file].content.get(self.at..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Open {
    /// Writes to the end, or as much as there is room for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_new = false;
        let mut inner = self.disk.inner();
        let (asked, mut bytes) = (bytes.len(), bytes);
        if let Err(error) = inner.operate() {
            // Some of it may be there when a write fails.
            let n = inner.random.below(bytes.len() as u64 + 1) as usize;
            if n == 0 || inner.has_ended() {
                return Err(error);
            }
            bytes = &bytes[..n];
        }
        if let Some(room) = inner.room {
            let left = room.saturating_sub(inner.used());
            bytes = &bytes[..bytes.len().min(left)];
            if bytes.is_empty() {
                inner.failures += 1;
                return Err(ErrorKind::StorageFull.into());
            }
        }
        inner.append(self.file, bytes, bytes.len() < asked);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile for Open {
    fn size(&self) -> io::Result<u64> {
        let mut inner = self.disk.inner();
        inner.operate()?;
        Ok(inner.files[self.file].content.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.operate()?;
        inner.change(self.file, Change::Size(size as usize));
        if size == 0 && self.is_new {
            inner.files[self.file].begins_at = inner.logged as i64;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let result = inner.operate();
        // What a failed sync was to write passes for written after it, with some systems.
        let drops = result.is_err() && !inner.has_ended() && inner.random.below(2) == 0;
        let file = &mut inner.files[self.file];
        if drops {
            file.lose_unsynced();
        }
        result?;
        file.sync();
        Ok(())
    }

    fn share(&self) -> io::Result<Box<dyn OpenFile>> {
        self.disk.inner().operate()?;
        Ok(self.disk.open_file(self.file))
    }
}
