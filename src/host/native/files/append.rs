//! The append-only log: its files, and when they reach the disk.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::manifest::{Manifest, Part};
use super::snapshot::place;
use super::system::{Access, OpenFile, System, Work};
use crate::base::time::Time;
use crate::engine::config::AppendFsync;
use crate::persist::commands::time_note;

const SECOND: Duration = Duration::from_secs(1);
/// While the disk is busy with a sync, what is to be written waits for so long in memory: a write would wait for the
/// sync, and all clients with it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The log's files in a folder of their own.
pub struct AppendLog {
    system: Arc<dyn System>,
    folder: PathBuf,
    /// What the names of all files begin with.
    name: String,
    pub manifest: Manifest,
    /// Where changes are written; `None` when there is no log.
    file: Option<Open>,
    start: Start,
    syncer: Option<Syncer>,
}

/// Whether the log is yet to begin.
#[derive(PartialEq)]
enum Start {
    No,
    /// With the next rewrite.
    Wanted,
    /// With the snapshot that is being written; until then the manifest does not know of this file.
    Begun(Part),
}

/// The file that is written to.
struct Open {
    file: Box<dyn OpenFile>,
    path: PathBuf,
    len: u64,
    /// How much of it is on the disk for certain, and would be after the sync that is under way beside the loop.
    on_disk: u64,
    syncing: Option<u64>,
    /// Why the last sync has failed.
    failure: Option<io::Error>,
    /// A system may have dropped what a failed sync was to write, and say nothing of it when asked again: that is to be
    /// written anew.
    has_gap: bool,
    /// What has not been written, because the disk was full or busy.
    unwritten: Vec<u8>,
    /// Since when, in terms of the system's uptime.
    unwritten_since: Option<Duration>,
    unsynced: bool,
    /// When the last sync began.
    synced: Duration,
    /// What goes in front of the next changes: what time it is.
    annotation: Vec<u8>,
    /// The second that was told last.
    told: Option<u64>,
}

impl AppendLog {
    pub fn new(system: Arc<dyn System>, folder: PathBuf, name: String) -> Self {
        Self {
            system,
            folder,
            name,
            manifest: Manifest::default(),
            file: None,
            start: Start::No,
            syncer: None,
        }
    }

    pub fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// Returns what the names of all files begin with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the folder.
    pub fn folder_name(&self) -> Cow<'_, str> {
        self.folder.file_name().unwrap_or_default().to_string_lossy()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    // Writing ---------------------------------------------------------------------------------------------------

    /// Writes to the end of the log. What can't be written is kept in memory and tried again.
    ///
    /// Fails too as long as the last sync has failed.
    pub fn append(&mut self, bytes: &[u8], policy: AppendFsync) -> io::Result<()> {
        self.put(bytes, policy)?;
        self.last_sync()
    }

    fn put(&mut self, bytes: &[u8], policy: AppendFsync) -> io::Result<()> {
        let now = self.system.uptime();
        let Some(open) = &mut self.file else { return Ok(()) };
        let annotated;
        let bytes = if bytes.is_empty() || open.annotation.is_empty() {
            bytes
        } else {
            annotated = [&std::mem::take(&mut open.annotation)[..], bytes].concat();
            &annotated
        };
        let busy = policy == AppendFsync::EverySecond && self.syncer.as_ref().is_some_and(Syncer::is_busy);
        if busy || !open.unwritten.is_empty() {
            open.put_off(bytes, now);
            if busy && open.unwritten_since.is_some_and(|since| now - since < PATIENCE) {
                return Ok(());
            }
            open.write_rest()?;
        } else if let Err((written, error)) = open.write(bytes) {
            open.put_off(&bytes[written..], now);
            return Err(error);
        }
        if policy == AppendFsync::Always { self.sync_now(now) } else { Ok(()) }
    }

    /// Returns how the last sync went.
    fn last_sync(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.file else { return Ok(()) };
        if let Some(syncer) = self.syncer.as_ref().filter(|syncer| !syncer.is_busy())
            && let Some(len) = open.syncing.take()
        {
            open.note_sync(len, syncer.take_failure().map_or(Ok(()), Err));
        }
        open.failure.as_ref().map(again).map_or(Ok(()), Err)
    }

    /// Has the next changes preceded by the second they were made in, unless the file tells it already.
    pub fn note_time(&mut self, now: Time) {
        let Some(open) = &mut self.file else { return };
        if open.told != Some(now.seconds()) {
            open.told = Some(now.seconds());
            open.annotation = time_note(now);
        }
    }

    /// Does what is due: a sync every second, and writes that had to wait.
    pub fn look_after(&mut self, policy: AppendFsync) -> io::Result<()> {
        self.put(&[], policy)?;
        let failed = self.last_sync();
        let now = self.system.uptime();
        let Some(open) = &mut self.file else { return Ok(()) };
        open.close_gap(&*self.system)?;
        let is_wanted = policy == AppendFsync::EverySecond || failed.is_err();
        if !is_wanted || !open.unsynced || now - open.synced < SECOND {
            return failed;
        }
        let syncer = match &mut self.syncer {
            Some(syncer) => syncer,
            none => none.insert(Syncer::start(&*self.system)?),
        };
        if !syncer.is_busy() {
            syncer.sync(open.file.share()?);
            (open.unsynced, open.synced, open.syncing) = (false, now, Some(open.len));
        }
        failed
    }

    /// Returns how long `look_after` may be left waiting.
    pub fn wait_at_most(&self) -> Option<Duration> {
        let open = self.file.as_ref()?;
        (open.unsynced || !open.unwritten.is_empty()).then_some(SECOND / 10)
    }

    /// Brings everything to the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        // Of one that failed beside the loop, something is left to do.
        let _ = self.last_sync();
        let Some(open) = &mut self.file else { return Ok(()) };
        open.write_rest()?;
        open.close_gap(&*self.system)?;
        // A sync that is under way may have begun too early, and may fail.
        open.unsynced |= self.syncer.as_ref().is_some_and(Syncer::is_busy);
        self.sync_now(self.system.uptime())
    }

    fn sync_now(&mut self, now: Duration) -> io::Result<()> {
        let Some(open) = self.file.as_mut().filter(|open| open.unsynced) else { return Ok(()) };
        let result = open.file.sync();
        open.note_sync(open.len, result.as_ref().map(|_| ()).map_err(again));
        result?;
        (open.unsynced, open.synced) = (false, now);
        Ok(())
    }

    // Files -----------------------------------------------------------------------------------------------------

    /// Goes on with the last file that the manifest names, or with a new one; returns its name, and whether it is new.
    pub fn resume(&mut self) -> io::Result<(String, bool)> {
        self.make_folder()?;
        let last = match self.manifest.changes.last() {
            Some(last) => last.name.clone(),
            None => return Ok((self.begin_file()?, true)),
        };
        let mut open = self.open(&last)?;
        // Who ended without a sync has left that to us.
        open.unsynced = true;
        self.file = Some(open);
        Ok((last, false))
    }

    /// Removes what a run that broke off has left: files that are no longer needed, and snapshots that were not complete.
    ///
    /// The former stay if `keep_old`.
    pub fn tidy(&mut self, keep_old: bool) -> io::Result<()> {
        for name in self.system.list(&self.folder)? {
            if name.starts_with("temp-rewriteaof-") && name.ends_with(".aof") {
                self.system.remove(&self.folder.join(name))?;
            }
        }
        if keep_old { Ok(()) } else { self.remove_old() }
    }

    /// Makes the folder; a crash does not take it away with all that is in it.
    pub fn make_folder(&self) -> io::Result<()> {
        self.system.make_folder(&self.folder)?;
        self.system.sync_folder(self.folder.parent().unwrap_or(Path::new(".")))
    }

    /// Says that there is to be a log: it begins with the next rewrite.
    pub fn start(&mut self) {
        self.start = Start::Wanted;
    }

    /// Returns whether the log is yet to begin.
    pub fn is_starting(&self) -> bool {
        self.start != Start::No
    }

    /// Takes back what the log's first rewrite has begun, which has not succeeded; returns the name of the file that is
    /// gone.
    pub fn take_back_start(&mut self) -> Option<String> {
        let Start::Begun(part) = &self.start else { return None };
        let name = part.name.clone();
        (self.start, self.file) = (Start::Wanted, None);
        // Nothing names the file, so that it does no harm if it stays.
        let _ = self.system.remove(&self.folder.join(&name));
        Some(name)
    }

    /// Ends the log; its files stay.
    pub fn stop(&mut self) -> io::Result<()> {
        let result = self.sync();
        if self.is_starting() {
            self.take_back_start();
            self.start = Start::No;
        }
        self.file = None;
        result
    }

    /// Begins a file for the changes to come, and returns what the file before them is to be called: a snapshot, or
    /// commands.
    pub fn begin_rewrite(&mut self, in_commands: bool) -> io::Result<Part> {
        self.make_folder()?;
        if self.is_starting() {
            let part = self.manifest.next_changes(&self.name);
            self.file = Some(self.open_new(&part.name)?);
            self.start = Start::Begun(part);
        } else if self.is_on() {
            self.sync()?;
            self.begin_file()?;
        }
        Ok(self.next_base(in_commands))
    }

    /// Puts the snapshot of a rewrite, which is in its place, before the changes that came after it.
    /// Files that are no longer needed stay if `keep_old`.
    pub fn end_rewrite(&mut self, base: Part, keep_old: bool) -> io::Result<()> {
        let mut manifest = self.manifest.clone();
        if let Start::Begun(part) = &self.start {
            manifest.changes.push(part.clone());
        }
        if self.file.is_none() {
            // Without a log there are no changes: all that the files hold is in the snapshot.
            manifest.retire_changes();
        }
        manifest.rebase(base);
        self.write_manifest(manifest)?;
        if let Start::Begun(_) = self.start {
            self.start = Start::No;
        }
        if keep_old { Ok(()) } else { self.remove_old() }
    }

    /// Makes a snapshot that is in its place the log's beginning, before there are changes.
    pub fn begin_with(&mut self, base: Part) -> io::Result<()> {
        let manifest = Manifest { base: Some(base), ..self.manifest.clone() };
        self.write_manifest(manifest)
    }

    /// Begins a new file of changes; returns its name.
    fn begin_file(&mut self) -> io::Result<String> {
        let part = self.manifest.next_changes(&self.name);
        let name = part.name.clone();
        let file = self.open_new(&name)?;
        // No manifest is ever on the disk before what it names.
        self.system.sync_folder(&self.folder)?;
        let mut manifest = self.manifest.clone();
        manifest.changes.push(part);
        self.write_manifest(manifest)?;
        self.file = Some(file);
        Ok(name)
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.name))
    }

    /// Returns what the log's next beginning is to be called: a snapshot, or commands.
    pub fn next_base(&self, in_commands: bool) -> Part {
        self.manifest.next_base(&self.name, if in_commands { "aof" } else { "rdb" })
    }

    /// Puts a manifest in the place of the one that holds.
    fn write_manifest(&mut self, manifest: Manifest) -> io::Result<()> {
        let temporary = self.path(&format!("temp-{}.manifest", self.name));
        let mut file = self.system.open(&temporary, Access::New)?;
        file.write_all(manifest.render().as_bytes())?;
        file.sync()?;
        place(&*self.system, &temporary, &self.manifest_path())?;
        self.manifest = manifest;
        Ok(())
    }

    /// Removes files that are no longer needed, and their names.
    pub fn remove_old(&mut self) -> io::Result<()> {
        if self.manifest.old.is_empty() {
            return Ok(());
        }
        for part in &self.manifest.old {
            // A file that is gone already, or that can't go, is only a matter of room.
            let _ = self.system.remove(&self.folder.join(&part.name));
        }
        self.write_manifest(Manifest { old: vec![], ..self.manifest.clone() })
    }

    fn open(&self, name: &str) -> io::Result<Open> {
        let path = self.folder.join(name);
        let file = self.system.open(&path, Access::Append)?;
        Open::new(file, path, self.system.uptime())
    }

    /// Opens a file that has nothing in it, even if a run that broke off has left one of that name.
    fn open_new(&self, name: &str) -> io::Result<Open> {
        let mut open = self.open(name)?;
        open.file.set_size(0)?;
        open.len = 0;
        Ok(open)
    }
}

impl Open {
    fn new(file: Box<dyn OpenFile>, path: PathBuf, now: Duration) -> io::Result<Self> {
        Ok(Self {
            len: file.size()?,
            file,
            path,
            on_disk: 0,
            syncing: None,
            failure: None,
            has_gap: false,
            unwritten: vec![],
            unwritten_since: None,
            unsynced: false,
            synced: now,
            annotation: vec![],
            told: None,
        })
    }

    /// Takes note of how a sync of its first `len` bytes went.
    fn note_sync(&mut self, len: u64, result: io::Result<()>) {
        match result {
            Ok(()) if self.has_gap => {}
            Ok(()) => (self.on_disk, self.failure) = (self.on_disk.max(len), None),
            Err(error) => (self.has_gap, self.failure) = (true, Some(error)),
        }
    }

    fn close_gap(&mut self, system: &dyn System) -> io::Result<()> {
        if self.has_gap {
            system.write_again(&self.path, self.on_disk)?;
            (self.has_gap, self.unsynced) = (false, true);
        }
        Ok(())
    }

    fn put_off(&mut self, bytes: &[u8], now: Duration) {
        if !bytes.is_empty() {
            self.unwritten.extend_from_slice(bytes);
            self.unwritten_since.get_or_insert(now);
        }
    }

    fn write_rest(&mut self) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.unwritten);
        if let Err((written, error)) = self.write(&rest) {
            rest.drain(..written);
            self.unwritten = rest;
            return Err(error);
        }
        self.unwritten_since = None;
        Ok(())
    }

    /// Writes all of it, or leaves the file as long as it was. Where not even that is possible, the error comes with how
    /// much is in the file, which the rest is to follow.
    fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            let error = match self.file.write(&bytes[written..]) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(n) => {
                    written += n;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            // Half a command at the end would be lost with the next start, and what came later with it.
            if written > 0 && self.file.set_size(self.len).is_ok() {
                written = 0;
            }
            self.wrote(written);
            return Err((written, error));
        }
        self.wrote(written);
        Ok(())
    }

    fn wrote(&mut self, bytes: usize) {
        self.len += bytes as u64;
        self.unsynced |= bytes > 0;
    }
}

/// Syncs a file beside the loop.
struct Syncer {
    files: Sender<Box<dyn OpenFile>>,
    state: Arc<SyncState>,
}

#[derive(Default)]
struct SyncState {
    busy: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

/// What is done beside the loop.
struct Syncing {
    files: Receiver<Box<dyn OpenFile>>,
    state: Arc<SyncState>,
}

impl Work for Syncing {
    fn step(&mut self, may_wait: bool) -> bool {
        let file = match may_wait {
            true => self.files.recv().map_err(|_| TryRecvError::Disconnected),
            false => self.files.try_recv(),
        };
        match file {
            Ok(file) => {
                let failure = file.sync().err();
                if let Ok(mut last) = self.state.failure.lock() {
                    *last = failure;
                }
                self.state.busy.store(false, Ordering::Release);
                true
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
        }
    }
}

impl Syncer {
    fn start(system: &dyn System) -> io::Result<Self> {
        let (files, received) = channel();
        let state = Arc::new(SyncState::default());
        system.work("sync", Box::new(Syncing { files: received, state: state.clone() }))?;
        Ok(Self { files, state })
    }

    fn is_busy(&self) -> bool {
        self.state.busy.load(Ordering::Acquire)
    }

    fn sync(&self, file: Box<dyn OpenFile>) {
        // Of a file that is not written any more.
        drop(self.take_failure());
        self.state.busy.store(true, Ordering::Release);
        if self.files.send(file).is_err() {
            self.state.busy.store(false, Ordering::Release);
        }
    }

    /// Returns why the last sync has failed, once.
    fn take_failure(&self) -> Option<io::Error> {
        self.state.failure.lock().ok()?.take()
    }
}

/// Returns an error that says the same.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}
