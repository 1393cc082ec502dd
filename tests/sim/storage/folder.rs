//! What a browser keeps in files, on a disk that fails: what was not flushed may be lost, in part or out of order, and
//! so may be that a file was made or removed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use redlet::base::random::Random;
use redlet::base::time::Time;
use redlet::host::folder::{self, Files, Handle};
use redlet::persist::layout::{Failure, Write};
use redlet::store::Store;
use redlet::store::restore::Restore;

use super::crash::{Change, Crash, Tear};
use super::tab::{Opened, Place};

/// A folder, and the database that is open in it.
pub struct Folder {
    disk: Disk,
    files: Option<Files<Disk>>,
}

/// What the folder is on; clones are the same one.
#[derive(Clone)]
struct Disk(Rc<RefCell<Inner>>);

struct Inner {
    random: Random,
    /// All files that ever were.
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    kept_names: BTreeMap<String, usize>,
    /// Changes of names that may be lost.
    moves: Vec<Move>,
    /// Files that are open.
    open: BTreeSet<usize>,
    operations: u64,
    fails_at: Option<u64>,
    ends_at: Option<u64>,
    fails_one_in: u64,
    quota: Option<usize>,
}

#[derive(Default)]
struct Content {
    present: Vec<u8>,
    kept: Vec<u8>,
    unflushed: Vec<Change>,
}

/// A name that was given to a file, or to none.
struct Move(String, Option<usize>);

impl Tear for Move {
    fn tear(&mut self, _: &mut Random) {}
}

impl Folder {
    /// Runs what waits for nothing but the disk; none if everything has ended meanwhile.
    fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) if !self.has_ended() => Some(done),
            _ => None,
        }
    }

    async fn load(
        mut files: Files<Disk>,
        store: &mut Store,
        ring_bytes: u64,
        now: Time,
    ) -> Result<(Files<Disk>, Opened), Failure> {
        let segments = files.segments()?;
        let mut restore = Restore::begin(files.meta().clone(), store, now);
        while let Some((generation, n)) = restore.wanted() {
            restore.chunk(files.chunk(generation, n)?, store);
        }
        restore.begin_log(segments);
        while restore.run_log(1_000, store, now).is_some() {}
        if let Some(broken) = restore.end_log(store, now) {
            files.set_aside(broken).await?;
        }
        files.done(restore.meta())?;
        let epoch = restore.meta().epoch;
        let (keeper, warning) = restore.finish(ring_bytes, store, now);
        Ok((files, Opened { keeper, warning, epoch }))
    }
}

impl Place for Folder {
    const IS_SHARED: bool = false;

    fn new(seed: u64) -> Self {
        let inner = Inner {
            random: Random::new(seed),
            files: vec![],
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            moves: vec![],
            open: BTreeSet::new(),
            operations: 0,
            fails_at: None,
            ends_at: None,
            fails_one_in: 0,
            quota: None,
        };
        Self { disk: Disk(Rc::new(RefCell::new(inner))), files: None }
    }

    fn open(&mut self, store: &mut Store, ring_bytes: u64, now: Time) -> Result<Opened, Failure> {
        let disk = self.disk.clone();
        let opening = async { Self::load(Files::open(disk).await?, store, ring_bytes, now).await };
        let opened = self.run(opening);
        let (files, opened) = opened.unwrap_or_else(|| Err(Failure::Unavailable("it has ended".into())))?;
        self.files = Some(files);
        Ok(opened)
    }

    fn write(&mut self, write: Write, _: u64, _: &mut Random) -> Option<Result<(), Failure>> {
        let mut files = self.files.take()?;
        let result = self.run(files.write(write));
        self.files = Some(files);
        result
    }

    fn operations(&self) -> u64 {
        self.disk.0.borrow().operations
    }

    fn fail_at(&mut self, nth: u64) {
        let mut inner = self.disk.0.borrow_mut();
        inner.fails_at = Some(inner.operations + nth);
    }

    fn end_at(&mut self, nth: u64) {
        let mut inner = self.disk.0.borrow_mut();
        inner.ends_at = Some(inner.operations + nth);
    }

    fn has_ended(&self) -> bool {
        self.disk.0.borrow().has_ended()
    }

    fn fail_one_in(&mut self, operations: u64) {
        self.disk.0.borrow_mut().fails_one_in = operations;
    }

    fn leave_room(&mut self, more: Option<u64>) {
        let mut inner = self.disk.0.borrow_mut();
        inner.quota = more.map(|more| inner.used() + more as usize);
    }

    fn room(&self) -> u64 {
        let inner = self.disk.0.borrow();
        inner.quota.map_or(u64::MAX, |quota| quota.saturating_sub(inner.used()) as u64)
    }

    fn crash(&mut self, crash: Crash, under_way: Option<Write>, random: &mut Random) -> bool {
        if let Some(write) = under_way
            && !self.has_ended()
        {
            self.end_at(random.below(6));
            self.write(write, 0, random);
        }
        self.end_at(0);
        self.files = None;
        self.disk.0.borrow_mut().survive(crash);
        true
    }

    /// Flips a bit, but of what is kept for inspection.
    fn damage(&mut self, random: &mut Random) -> Option<String> {
        let mut inner = self.disk.0.borrow_mut();
        // The name that a file of the pool has at present stands behind the head of a frame.
        let counts = |(_, file): &(&String, &usize)| {
            let content = &inner.files[**file].present;
            !content.is_empty() && content.get(24..30) != Some(b"aside-")
        };
        let names: Vec<String> = inner.names.iter().filter(counts).map(|(name, _)| name.clone()).collect();
        let name = names.get(random.below(names.len().max(1) as u64) as usize)?;
        let file = inner.names[name];
        let content = &mut inner.files[file];
        let at = random.below(content.present.len() as u64) as usize;
        content.present[at] ^= 1 << random.below(8);
        content.kept = content.present.clone();
        Some(format!("byte {at} of {name} is damaged"))
    }

    fn contents(&self) -> String {
        self.told()
    }

    fn told(&self) -> String {
        let inner = self.disk.0.borrow();
        let files = inner.names.iter().map(|(name, file)| (name, inner.files[*file].present.len()));
        format!("{:?}", files.collect::<Vec<_>>())
    }
}

impl Inner {
    fn has_ended(&self) -> bool {
        self.ends_at.is_some_and(|end| self.operations >= end)
    }

    fn used(&self) -> usize {
        self.names.values().map(|file| self.files[*file].present.len()).sum()
    }

    /// Counts an operation; says how it fails, if it does.
    fn operate(&mut self) -> Result<(), Failure> {
        if self.has_ended() {
            return Err(Failure::Unavailable("it has ended".into()));
        }
        self.operations += 1;
        let by_chance = self.fails_one_in > 0 && self.random.below(self.fails_one_in) == 0;
        match by_chance || self.fails_at == Some(self.operations) {
            true => Err(Failure::Storage("UnknownError: the disk fails".into())),
            false => Ok(()),
        }
    }

    fn change(&mut self, file: usize, change: Change) {
        let file = &mut self.files[file];
        change.apply(&mut file.present);
        file.unflushed.push(change);
    }

    fn give_name(&mut self, name: &str, file: Option<usize>) {
        change_name(&mut self.names, name, file);
        self.moves.push(Move(name.into(), file));
    }

    fn survive(&mut self, crash: Crash) {
        for i in 0..self.files.len() {
            let changes = std::mem::take(&mut self.files[i].unflushed);
            let survivors = crash.survivors(changes, &mut self.random);
            let file = &mut self.files[i];
            survivors.iter().for_each(|change| change.apply(&mut file.kept));
            file.present = file.kept.clone();
        }
        let moves = std::mem::take(&mut self.moves);
        for Move(name, file) in crash.survivors(moves, &mut self.random) {
            change_name(&mut self.kept_names, &name, file);
        }
        self.names = self.kept_names.clone();
        (self.fails_at, self.ends_at, self.fails_one_in, self.quota) = (None, None, 0, None);
    }
}

fn change_name(names: &mut BTreeMap<String, usize>, name: &str, file: Option<usize>) {
    match file {
        Some(file) => drop(names.insert(name.into(), file)),
        None => drop(names.remove(name)),
    }
}

impl folder::Folder for Disk {
    type Handle = Access;

    async fn open(&self, name: &str, create: bool) -> Result<Access, Failure> {
        let mut inner = self.0.borrow_mut();
        inner.operate()?;
        let file = match inner.names.get(name) {
            Some(file) => *file,
            None if !create => return Err(Failure::Storage("NotFoundError: there is none".into())),
            None => {
                let file = inner.files.len();
                inner.files.push(Content::default());
                inner.give_name(name, Some(file));
                file
            }
        };
        if !inner.open.insert(file) {
            return Err(Failure::Locked);
        }
        Ok(Access { disk: self.clone(), file })
    }

    async fn names(&self) -> Result<Vec<String>, Failure> {
        let mut inner = self.0.borrow_mut();
        inner.operate()?;
        Ok(inner.names.keys().cloned().collect())
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        let mut inner = self.0.borrow_mut();
        inner.operate()?;
        match inner.names.get(name) {
            Some(file) if inner.open.contains(file) => Err(Failure::Locked),
            Some(_) => {
                inner.give_name(name, None);
                Ok(())
            }
            None => Err(Failure::Storage("NotFoundError: there is none".into())),
        }
    }
}

/// An open file.
struct Access {
    disk: Disk,
    file: usize,
}

impl Handle for Access {
    fn size(&self) -> Result<u64, Failure> {
        let mut inner = self.disk.0.borrow_mut();
        inner.operate()?;
        Ok(inner.files[self.file].present.len() as u64)
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut inner = self.disk.0.borrow_mut();
        inner.operate()?;
        let rest = inner.files[self.file].present.get(at as usize..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    /// Writes all, or what there is room for; some of it may be there when that fails.
    fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, Failure> {
        let mut inner = self.disk.0.borrow_mut();
        let result = inner.operate();
        if inner.has_ended() && result.is_err() {
            return Err(Failure::Unavailable("it has ended".into()));
        }
        let grows = (at as usize + bytes.len()).saturating_sub(inner.files[self.file].present.len());
        let room = inner.quota.map_or(usize::MAX, |quota| quota.saturating_sub(inner.used()));
        let mut n = bytes.len() - grows.saturating_sub(room).min(bytes.len());
        if result.is_err() {
            n = inner.random.below(n as u64 + 1) as usize;
        }
        inner.change(self.file, Change::Bytes(at as usize, bytes[..n].to_vec()));
        match n < bytes.len() && inner.random.below(2) == 0 {
            true => Err(Failure::Storage("QuotaExceededError: there is no room".into())),
            false => result.map(|()| n),
        }
    }

    fn truncate(&self, size: u64) -> Result<(), Failure> {
        let mut inner = self.disk.0.borrow_mut();
        inner.operate()?;
        inner.change(self.file, Change::Size(size as usize));
        Ok(())
    }

    /// Brings this file to the disk, and its name; when that fails, perhaps all the same.
    fn flush(&self) -> Result<(), Failure> {
        let mut inner = self.disk.0.borrow_mut();
        let result = inner.operate();
        if result.is_err() && (inner.has_ended() || inner.random.below(2) == 0) {
            return result;
        }
        let Content { kept, unflushed, .. } = &mut inner.files[self.file];
        unflushed.drain(..).for_each(|change| change.apply(kept));
        let made = inner.moves.iter().rposition(|Move(_, file)| *file == Some(self.file));
        if let Some(made) = made {
            let name = inner.moves[made].0.clone();
            inner.kept_names.insert(name.clone(), self.file);
            let mut at = 0;
            inner.moves.retain(|Move(other, _)| {
                at += 1;
                at > made + 1 || *other != name
            });
        }
        result
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.disk.0.borrow_mut().open.remove(&self.file);
    }
}
