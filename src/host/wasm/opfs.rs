//! How a database lies in the origin private file system: files of one folder, which are held open as long as it is.
//!
//! ```text
//! meta           Meta, in two slots
//! snapshot-G     the chunks of generation G, a frame each
//! log-N          segments of the log from number N on, a frame each, up to where the next such file begins
//! aside-E-N      what the opening of epoch E found damaged at segment N, as it was
//! ```
//!
//! A file that is open can't be opened again, by nobody, so who has `meta` has the database. Nothing is renamed, and
//! nothing that counts is written over: the log grows at its end, a snapshot begins a new file of each kind, and `meta`
//! then says that they count.

use std::ops::RangeInclusive;

use js_sys::{Boolean, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions, FileSystemReadWriteOptions,
    FileSystemSyncAccessHandle,
};

use super::place::{field, storage};
use crate::persist::files::{self, HEAD, Head, SLOT};
use crate::persist::layout::{Change, Failure, Meta, Write};
use crate::persist::ring::Segment;

const META: &str = "meta";
const SNAPSHOT: &str = "snapshot-";
const LOG: &str = "log-";

/// The files of a database.
pub struct Files {
    folder: FileSystemDirectoryHandle,
    record: File,
    /// How many times the record was written.
    turn: u64,
    /// What counts.
    meta: Meta,
    /// The log in pieces, each with the number of its first segment.
    logs: Vec<(u64, File)>,
    /// The number of the next segment.
    next_seq: u64,
    /// The last piece of the log does not end where that one begins.
    gap: bool,
    /// The snapshots that there are.
    generations: Vec<u64>,
    /// The snapshot that is being read or written, and up to where.
    snapshot: Option<(File, u64)>,
}

impl Files {
    /// Takes the files in a folder, or makes the first. What they hold is not changed before [`done`](Self::done).
    pub async fn open(folder: FileSystemDirectoryHandle) -> Result<Self, Failure> {
        let record = File::open(&folder, META, true).await?;
        let names = names(&folder).await?;
        let (turn, mut meta) = match files::newest(&record.read(0, 2 * SLOT)?) {
            Some((turn, bytes)) => (turn, Meta::decode(&bytes)?),
            None if names.len() <= 1 => (0, Meta::default()),
            None => return Err(Failure::Damaged("the file `meta` holds no record that is whole".into())),
        };
        meta.epoch += 1;
        let mut logs = Vec::new();
        for first in numbers(&names, LOG) {
            logs.push((first, File::open(&folder, &name(LOG, first), false).await?));
        }
        let (next_seq, generations) = (meta.first_seq, numbers(&names, SNAPSHOT));
        let gap = logs.is_empty();
        Ok(Self { folder, record, turn, meta, logs, next_seq, gap, generations, snapshot: None })
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Reads a chunk of a snapshot, and its checksum. They are read in order.
    pub async fn chunk(&mut self, generation: u64, n: u64) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        if n == 0 && self.generations.contains(&generation) {
            let file = File::open(&self.folder, &name(SNAPSHOT, generation), false).await?;
            self.snapshot = Some((file, 0));
        }
        let Some((file, at)) = &mut self.snapshot else { return Ok(None) };
        let Ok(head) = file.read(*at, HEAD)?.try_into() else { return Ok(None) };
        let Head { number, length, checksum } = Head::read(head);
        *at += HEAD as u64;
        let bytes = file.read(*at, length.min(file.end.saturating_sub(*at)) as usize)?;
        *at += bytes.len() as u64;
        Ok(Some((bytes, if number == n { checksum } else { !checksum })))
    }

    /// Reads all segments. What is none becomes one that is not whole.
    pub fn segments(&mut self) -> Result<Vec<Segment>, Failure> {
        let (mut all, mut next) = (Vec::new(), 0);
        for i in 0..self.logs.len() {
            let until = self.logs.get(i + 1).map_or(u64::MAX, |(first, _)| *first);
            let (first, file) = &mut self.logs[i];
            let found = files::segments(&file.read(0, file.end as usize)?, *first..until);
            let whole = found.iter().filter(|segment| segment.is_whole());
            next = *first + whole.count() as u64;
            all.extend(found);
        }
        // A piece is begun before a snapshot counts that it goes on from.
        if self.turn > 0 && next < self.meta.first_seq {
            all.push(Segment { seq: self.meta.first_seq + 1, checksum: 0, bytes: Vec::new() });
        }
        self.next_seq = next.max(self.meta.first_seq);
        self.gap = next != self.next_seq;
        Ok(all)
    }

    /// Moves these segments, which are the last ones, to files of their own, where they stay for inspection.
    pub async fn set_aside(&mut self, segments: RangeInclusive<u64>) -> Result<(), Failure> {
        let first = *segments.start();
        (self.next_seq, self.gap) = (first, true);
        while let Some((from, mut file)) = self.logs.pop() {
            let bytes = file.read(0, file.end as usize)?;
            let whole = files::segments(&bytes, from..first);
            let kept = whole.iter().map(|segment| HEAD + segment.bytes.len()).sum::<usize>();
            let moved = bytes.get(kept..).unwrap_or_default();
            if !moved.is_empty() {
                let aside = format!("aside-{}-{}", self.meta.epoch, from.max(first));
                let mut aside = File::open(&self.folder, &aside, true).await?;
                aside.append(moved)?;
                aside.flush()?;
            }
            if from < first {
                file.cut(kept as u64)?;
                self.gap = from + whole.len() as u64 != first;
                self.logs.push((from, file));
                break;
            }
            drop(file);
            self.remove(LOG, from).await;
        }
        Ok(())
    }

    /// Takes the files over: this counts from now on, and who had opened them before is a former owner.
    pub async fn done(&mut self, meta: &Meta) -> Result<(), Failure> {
        self.snapshot = None;
        if let Some((_, last)) = self.logs.last() {
            last.flush()?;
        }
        if self.gap {
            self.begin_log().await?;
        }
        self.count(meta)?;
        self.delete_old_logs().await;
        self.delete_snapshots(&|n| n != meta.generation && !meta.aside.contains(&n)).await;
        Ok(())
    }

    /// Makes the changes. If that fails, what was written does not count, and is written over.
    pub async fn write(&mut self, write: Write) -> Result<(), Failure> {
        for change in write.changes {
            match change {
                Change::Segment { segment, .. } => self.log(&segment)?,
                Change::Chunk { generation, n, bytes } => self.save(generation, n, &bytes).await?,
                Change::Meta(meta) => {
                    if let Some((file, _)) = self.snapshot.take() {
                        file.flush()?;
                    }
                    self.count(&meta)?;
                }
                Change::DeleteChunks(range) => {
                    self.snapshot = None;
                    self.delete_snapshots(&|n| range.contains(&n)).await;
                }
                Change::DeleteSlots(_) => self.delete_old_logs().await,
            }
        }
        Ok(())
    }

    /// Brings a segment to the disk.
    fn log(&mut self, segment: &Segment) -> Result<(), Failure> {
        let Some((_, file)) = self.logs.last_mut() else { return Err(gone()) };
        let before = file.end;
        let frame = files::frame(segment.seq, segment.checksum, &segment.bytes);
        if let Err(failure) = file.append(&frame).and_then(|()| file.flush()) {
            // Whether or not this succeeds, the next attempt begins there.
            let _ = file.cut(before);
            file.end = before;
            return Err(failure);
        }
        self.next_seq = segment.seq + 1;
        Ok(())
    }

    /// Writes a chunk; with the first one the snapshot begins, and a piece of the log that goes on from it.
    async fn save(&mut self, generation: u64, n: u64, bytes: &[u8]) -> Result<(), Failure> {
        if n == 0 {
            self.snapshot = None;
            self.begin_log().await?;
            let mut file = File::open(&self.folder, &name(SNAPSHOT, generation), true).await?;
            file.cut(0)?;
            self.snapshot = Some((file, 0));
            self.generations.push(generation);
        }
        let Some((file, _)) = &mut self.snapshot else { return Err(gone()) };
        file.append(&files::frame(n, Segment::seal(n, bytes), bytes))
    }

    /// Has the next segment begin a file.
    async fn begin_log(&mut self) -> Result<(), Failure> {
        let first = self.next_seq;
        if self.logs.last().is_none_or(|(last, _)| *last != first) {
            let mut file = File::open(&self.folder, &name(LOG, first), true).await?;
            file.cut(0)?;
            self.logs.push((first, file));
        }
        Ok(())
    }

    /// Writes what counts into both slots, one after the other: whichever is damaged later, nothing is lost.
    fn count(&mut self, meta: &Meta) -> Result<(), Failure> {
        for _ in 0..2 {
            let (at, bytes) = files::record(self.turn + 1, &meta.encode());
            self.record.write(at, &bytes)?;
            self.record.flush()?;
            self.turn += 1;
        }
        self.meta = meta.clone();
        Ok(())
    }

    /// Deletes pieces of the log that the snapshot holds.
    async fn delete_old_logs(&mut self) {
        let next = self.logs.iter().position(|(first, _)| *first > self.meta.first_seq);
        let current = next.unwrap_or(self.logs.len()).saturating_sub(1);
        for _ in 0..current {
            let (first, file) = self.logs.remove(0);
            drop(file);
            self.remove(LOG, first).await;
        }
    }

    async fn delete_snapshots(&mut self, which: &dyn Fn(u64) -> bool) {
        let (deleted, kept) = self.generations.iter().partition(|generation| which(**generation));
        self.generations = kept;
        let deleted: Vec<u64> = deleted;
        for generation in deleted {
            self.remove(SNAPSHOT, generation).await;
        }
    }

    async fn remove(&self, kind: &str, number: u64) {
        // What is left over is removed by the next opening, or the one after.
        let _ = settled(self.folder.remove_entry(&name(kind, number))).await;
    }
}

/// A file that nobody else can open, until this is dropped.
struct File {
    handle: FileSystemSyncAccessHandle,
    /// Where the next bytes go that are appended.
    end: u64,
}

impl File {
    async fn open(folder: &FileSystemDirectoryHandle, name: &str, create: bool) -> Result<Self, Failure> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        let file = settled(folder.get_file_handle_with_options(name, &options)).await?;
        let file: FileSystemFileHandle = file.unchecked_into();
        let handle = JsFuture::from(file.create_sync_access_handle()).await;
        let handle: FileSystemSyncAccessHandle = handle.map_err(held)?.unchecked_into();
        let end = handle.get_size().map_err(storage)? as u64;
        Ok(Self { handle, end })
    }

    /// Reads bytes; fewer if the file ends.
    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; length];
        let read = self.handle.read_with_u8_array_and_options(&mut bytes, &place(at)).map_err(storage)?;
        bytes.truncate(read as usize);
        Ok(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.handle.write_with_u8_array_and_options(bytes, &place(at)).map_err(storage)?;
        match written as usize == bytes.len() {
            true => Ok(()),
            false => Err(Failure::Storage("QuotaExceededError: not all of it could be written".into())),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(self.end, bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self, end: u64) -> Result<(), Failure> {
        self.handle.truncate_with_f64(end as f64).map_err(storage)?;
        self.end = end;
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        self.handle.flush().map_err(storage)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.handle.close();
    }
}

fn place(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(at as f64);
    options
}

fn name(kind: &str, number: u64) -> String {
    format!("{kind}{number}")
}

/// Returns the numbers in the names of one kind, in order.
fn numbers(names: &[String], kind: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for number in names.iter().filter_map(|name| name.strip_prefix(kind)?.parse().ok()) {
        numbers.insert(numbers.partition_point(|other| *other < number), number);
    }
    numbers
}

async fn names(folder: &FileSystemDirectoryHandle) -> Result<Vec<String>, Failure> {
    let (iterator, mut names) = (folder.keys(), Vec::new());
    loop {
        let next = settled(iterator.next().map_err(storage)?).await?;
        if field(&next, "done").unchecked_into::<Boolean>().value_of() {
            return Ok(names);
        }
        names.extend(field(&next, "value").as_string());
    }
}

async fn settled(promise: Promise) -> Result<JsValue, Failure> {
    JsFuture::from(promise).await.map_err(storage)
}

/// Says why a file can't be opened.
fn held(error: JsValue) -> Failure {
    match field(&error, "name").as_string().as_deref() {
        Some("NoModificationAllowedError") => Failure::Locked,
        _ => storage(error),
    }
}

fn gone() -> Failure {
    Failure::Storage("a file is not open that should be".into())
}
