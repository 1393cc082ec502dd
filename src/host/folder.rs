//! How a database lies in the files of one folder that are only ever appended, and whose holder alone can open them: a
//! browser's origin private file system.
//!
//! ```text
//! meta           Meta, in two slots; the rest are names in a pool of files
//! snapshot-G     the chunks of generation G, a frame each
//! log-N          segments of the log from number N on, a frame each, up to where the next such file begins
//! aside-E-N      what the opening of epoch E found damaged at segment N, as it was
//! ```
//!
//! A file that is open can't be opened again, by nobody, so who has `meta` has the database. Nothing is renamed, and
//! nothing that counts is written over: the log grows at its end, a snapshot begins a new file of each kind, and `meta`
//! then says that they count.
//!
//! What the folder is made of is a [`Folder`]'s affair, which may as well be one that fails. `meta` is made by the first
//! opening; all else lies in a [`Pool`] of files that were made before they were needed.

use std::ops::RangeInclusive;

use super::pool::{Named, Pool};
use crate::persist::files::{self, HEAD, Head, SLOT};
use crate::persist::layout::{Change, Failure, Meta, Write};
use crate::persist::ring::Segment;

const META: &str = "meta";
const SNAPSHOT: &str = "snapshot-";
const LOG: &str = "log-";

/// A folder whose files nobody else can open while they are open.
pub trait Folder {
    type Handle: Handle;

    /// Opens a file, and makes it if it is to.
    fn open(&self, name: &str, create: bool) -> impl Future<Output = Result<Self::Handle, Failure>>;

    /// Returns the names of all files.
    fn names(&self) -> impl Future<Output = Result<Vec<String>, Failure>>;

    /// Removes a file that is not open.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), Failure>>;
}

/// An open file, which is closed when this is dropped.
pub trait Handle {
    fn size(&self) -> Result<u64, Failure>;

    /// Reads bytes from a place on, fewer if the file ends; returns how many.
    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Failure>;

    /// Writes bytes from a place on, fewer if there is no room; returns how many.
    fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, Failure>;

    /// Cuts the file off.
    fn truncate(&self, size: u64) -> Result<(), Failure>;

    /// Brings to the disk what was written, and that there is such a file.
    fn flush(&self) -> Result<(), Failure>;
}

/// The files of a database.
pub struct Files<F: Folder> {
    pool: Pool<F>,
    record: File<F::Handle>,
    /// How many times the record was written.
    turn: u64,
    /// What counts.
    meta: Meta,
    /// The disk perhaps has another record than that.
    unsure: bool,
    /// The log in pieces, each with the number of its first segment.
    logs: Vec<(u64, File<Named<F::Handle>>)>,
    /// The number of the next segment.
    next_seq: u64,
    /// The last piece of the log does not end where that one begins.
    gap: bool,
    /// Behind the last segment there is perhaps a part of one that could not be written.
    ragged: bool,
    /// Where the log was cut off by an opening that then came to nothing.
    cut_at: Option<u64>,
    /// The snapshot that is being read or written, and up to where.
    snapshot: Option<(File<Named<F::Handle>>, u64)>,
}

impl<F: Folder> Files<F> {
    /// Takes the files in a folder, or makes the first. What they hold is not changed before [`done`](Self::done).
    pub async fn open(folder: F) -> Result<Self, Failure> {
        let record = File::of(folder.open(META, true).await?)?;
        let pool = Pool::open(folder, META).await?;
        let names = pool.names();
        let mut logs = Vec::new();
        for first in numbers(&names, LOG) {
            let file = pool.find(&name(LOG, first)).ok_or_else(gone)?;
            logs.push((first, File::of(file)?));
        }
        // The first opening ever may have ended before anything counted.
        let is_new = logs.len() >= names.len() && logs.iter().all(|(_, log)| log.end == 0);
        let (turn, mut meta) = match files::newest(&record.read(0, 2 * SLOT)?) {
            Some((turn, bytes)) => (turn, Meta::decode(&bytes)?),
            None if is_new => (0, Meta::default()),
            None => return Err(Failure::Damaged("the file `meta` holds no record that is whole".into())),
        };
        meta.epoch += 1;
        let cut_at = numbers(&names, &aside(meta.epoch)).first().copied();
        let next_seq = meta.first_seq;
        let gap = logs.is_empty();
        let (unsure, ragged, snapshot) = (false, false, None);
        Ok(Self { pool, record, turn, meta, unsure, logs, next_seq, gap, ragged, cut_at, snapshot })
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Reads a chunk of a snapshot, and its checksum. They are read in order.
    pub fn chunk(&mut self, generation: u64, n: u64) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        if n == 0
            && let Some(file) = self.pool.find(&name(SNAPSHOT, generation))
        {
            self.snapshot = Some((File::of(file)?, 0));
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
        let (mut all, mut next) = (Vec::new(), None);
        let logs = std::mem::take(&mut self.logs);
        let full: Vec<u64> = logs.iter().filter(|(_, log)| log.end > 0).map(|(first, _)| *first).collect();
        for (first, file) in logs {
            let goes_on = next == Some(first) || first == self.meta.first_seq && next <= Some(first);
            if file.end == 0 && !goes_on {
                // It was emptied to be removed, and is still there.
                continue;
            }
            let until = full.iter().copied().find(|other| *other > first).unwrap_or(u64::MAX);
            let found = files::segments(&file.read(0, file.end as usize)?, first..until);
            let whole = found.iter().filter(|segment| segment.is_whole());
            next = Some(first + whole.count() as u64);
            all.extend(found);
            self.logs.push((first, file));
        }
        let next = next.unwrap_or(0);
        // A piece is begun before a snapshot counts that it goes on from.
        let missing = (self.turn > 0 && next < self.meta.first_seq).then_some(self.meta.first_seq + 1);
        if let Some(seq) = missing.or(self.cut_at.filter(|seq| *seq >= next)) {
            all.push(Segment { seq, checksum: 0, bytes: Vec::new() });
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
            let mut whole = files::segments(&bytes, from..first);
            whole.retain(Segment::is_whole);
            let kept = whole.iter().map(|segment| HEAD + segment.bytes.len()).sum::<usize>();
            let moved = bytes.get(kept..).unwrap_or_default();
            if !moved.is_empty() {
                self.pool.spare(1).await?;
                let aside = name(&aside(self.meta.epoch), from.max(first));
                let found = self.pool.find(&aside);
                let mut aside = File::of(found.map_or_else(|| self.pool.give(&aside), Ok)?)?;
                aside.append(moved)?;
                aside.flush()?;
            }
            if from < first {
                file.cut(kept as u64)?;
                self.gap = from + whole.len() as u64 != first;
                self.logs.push((from, file));
                break;
            }
            // If it can't be removed, or comes back, it must not be taken for a piece that goes on from here.
            file.cut(0)?;
            file.flush()?;
            self.pool.remove(&name(LOG, from));
        }
        Ok(())
    }

    /// Takes the files over: this counts from now on, and who had opened them before is a former owner.
    pub fn done(&mut self, meta: &Meta) -> Result<(), Failure> {
        self.snapshot = None;
        if let Some((_, last)) = self.logs.last() {
            last.flush()?;
        }
        if self.gap {
            self.begin_log()?;
        }
        self.count(meta)?;
        self.delete_old_logs();
        self.delete_snapshots(&|n| n != meta.generation && !meta.aside.contains(&n));
        Ok(())
    }

    /// Makes the changes. If that fails, what was written does not count, and is written over.
    pub async fn write(&mut self, write: Write) -> Result<(), Failure> {
        if self.unsure {
            // Nothing may be logged or deleted while a snapshot that was given up perhaps counts.
            let meta = self.meta.clone();
            self.count(&meta)?;
        }
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
                    self.delete_snapshots(&|n| range.contains(&n));
                }
                Change::DeleteSlots(_) => self.delete_old_logs(),
            }
        }
        Ok(())
    }

    /// Brings a segment to the disk.
    fn log(&mut self, segment: &Segment) -> Result<(), Failure> {
        self.mend()?;
        let Some((_, file)) = self.logs.last_mut() else { return Err(gone()) };
        let before = file.end;
        let frame = files::frame(segment.seq, segment.checksum, &segment.bytes);
        if let Err(failure) = file.append(&frame).and_then(|()| file.flush()) {
            file.end = before;
            self.ragged = true;
            // If this fails too, the next attempt begins with it.
            let _ = self.mend();
            return Err(failure);
        }
        self.next_seq = segment.seq + 1;
        Ok(())
    }

    /// Cuts off what could not be written: behind a snapshot it would be taken for a segment that goes on from there.
    fn mend(&mut self) -> Result<(), Failure> {
        if let Some((_, file)) = self.logs.last_mut().filter(|_| self.ragged) {
            file.cut(file.end)?;
            file.flush()?;
        }
        self.ragged = false;
        Ok(())
    }

    /// Writes a chunk; with the first one the snapshot begins, and a piece of the log that goes on from it.
    async fn save(&mut self, generation: u64, n: u64, bytes: &[u8]) -> Result<(), Failure> {
        if n == 0 {
            self.snapshot = None;
            self.pool.spare(2).await?;
            self.begin_log()?;
            let file = self.pool.give(&name(SNAPSHOT, generation))?;
            self.snapshot = Some((File::of(file)?, 0));
        }
        let Some((file, _)) = &mut self.snapshot else { return Err(gone()) };
        file.append(&files::frame(n, Segment::seal(n, bytes), bytes))
    }

    /// Has the next segment begin a file.
    fn begin_log(&mut self) -> Result<(), Failure> {
        let first = self.next_seq;
        self.mend()?;
        if self.logs.last().is_none_or(|(last, _)| *last != first) {
            let file = File::of(self.pool.give(&name(LOG, first))?)?;
            // It is there before a snapshot counts that it goes on from.
            file.flush()?;
            self.logs.push((first, file));
        }
        Ok(())
    }

    /// Writes what counts into both slots, one after the other: whichever is damaged later, nothing is lost.
    fn count(&mut self, meta: &Meta) -> Result<(), Failure> {
        self.unsure = true;
        for _ in 0..2 {
            let (at, bytes) = files::record(self.turn + 1, &meta.encode());
            self.record.write(at, &bytes)?;
            self.record.flush()?;
            self.turn += 1;
        }
        self.unsure = false;
        self.meta = meta.clone();
        Ok(())
    }

    /// Deletes pieces of the log that the snapshot holds.
    fn delete_old_logs(&mut self) {
        let next = self.logs.iter().position(|(first, _)| *first > self.meta.first_seq);
        let current = next.unwrap_or(self.logs.len()).saturating_sub(1);
        for (first, _) in self.logs.drain(..current) {
            self.pool.remove(&name(LOG, first));
        }
    }

    fn delete_snapshots(&mut self, which: &dyn Fn(u64) -> bool) {
        for generation in numbers(&self.pool.names(), SNAPSHOT).into_iter().filter(|n| which(*n)) {
            self.pool.remove(&name(SNAPSHOT, generation));
        }
    }
}

/// An open file.
struct File<H> {
    handle: H,
    /// Where the next bytes go that are appended.
    end: u64,
}

impl<H: Handle> File<H> {
    fn of(handle: H) -> Result<Self, Failure> {
        let end = handle.size()?;
        Ok(Self { handle, end })
    }

    /// Reads bytes; fewer if the file ends.
    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; length];
        let read = self.handle.read(at, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Failure> {
        match self.handle.write(at, bytes)? == bytes.len() {
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
        self.handle.truncate(end)?;
        self.end = end;
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        self.handle.flush()
    }
}

/// Returns how the names of what one epoch moves aside begin.
fn aside(epoch: u64) -> String {
    name("aside-", epoch) + "-"
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

fn gone() -> Failure {
    Failure::Storage("a file is not open that should be".into())
}
