//! Opens what another run has kept.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::manifest::{Manifest, Part};
use super::system::{Access, OpenFile};
use super::{Files, SLICE, snapshot};
use crate::base::time::Time;
use crate::engine::RequestId;
use crate::engine::persistence::Loading;
use crate::engine::request::Reload;
use crate::host::native::clock::Stopwatch;
use crate::host::native::options::plain;
use crate::persist::aof::{self, Fault};
use crate::store::{Damage, Progress, Purpose, Store};

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;

/// What is being opened.
pub struct Opening {
    /// The files that are left, the present one first.
    parts: VecDeque<Source>,
    reading: Option<Reading>,
    /// Whether they are the log's.
    of_log: bool,
    watch: Stopwatch,
    /// How long all files are, and how much of them is read.
    bytes: u64,
    read: u64,
    /// Until when loading is to rest, for tests.
    rests_until: Option<Duration>,
    /// Who asked for it, if a client has.
    pub request: Option<RequestId>,
}

/// A file to be loaded.
struct Source {
    path: PathBuf,
    name: String,
    kind: Kind,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dump,
    Base,
    Changes,
}

/// A file that is being loaded.
struct Reading {
    file: Box<dyn OpenFile>,
    watch: Stopwatch,
}

impl Files {
    /// Begins to load the log if there is to be one, and the snapshot otherwise. An error is what the server ends with.
    pub fn begin_load(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        let of_log = store.engine().shared().config.appendonly;
        let parts = if of_log { self.log_parts()? } else { self.dump_part(store)? };
        if of_log && parts.is_empty() {
            self.begin_empty(store, now)
                .map_err(|error| format!("Can't create the append-only file: {}", plain(&error)))?;
        }
        self.open(store, parts, of_log, None, now);
        Ok(())
    }

    /// Loads all of it at once, while everybody waits.
    pub fn load(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        self.begin_load(store, now)?;
        while self.step_load(store, now)?.is_none() {}
        Ok(())
    }

    /// Begins to load the log again, as DEBUG LOADAOF asks.
    pub fn begin_load_again(
        &mut self,
        store: &mut Store,
        request: RequestId,
        now: Time,
    ) -> Result<(), String> {
        self.append.sync().map_err(|error| plain(&error))?;
        let parts = self.log_parts()?;
        store.engine_mut().keyspace_mut().clear();
        store.engine_mut().shared_mut().persistence.log_size = 0;
        self.open(store, parts, true, Some(request), now);
        Ok(())
    }

    /// Loads the snapshot again as DEBUG RELOAD asks, after it was taken if need be. What the log tells leads elsewhere
    /// then, unless nothing has changed.
    pub fn reload(&mut self, store: &mut Store, how: Reload, now: Time) -> Result<(), &'static str> {
        if how.save
            && let Err(error) = self.save_now(store, now)
        {
            self.log.warning(format_args!("Error trying to save the DB: {}", plain(&error)));
            return Err("ERR");
        }
        let path = self.folder.join(&store.engine().shared().config.dbfilename);
        let bytes = self.read(&path).map_err(|error| unreadable(&path, &error));
        let loaded = bytes.and_then(|bytes| store.load_again(&bytes, how, now));
        if loaded.is_err() || !how.changes_nothing() {
            self.replaced(store, now);
        }
        match loaded {
            Ok(()) => self.log.warning(format_args!("DB reloaded by DEBUG RELOAD")),
            Err(why) => {
                self.log.warning(format_args!("Can't load {} again: {why}", path.display()));
                return Err("ERR Error trying to load the RDB dump, check server logs.");
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        store: &mut Store,
        parts: VecDeque<Source>,
        of_log: bool,
        request: Option<RequestId>,
        now: Time,
    ) {
        let bytes = parts.iter().map(|part| part.bytes).sum();
        let watch = Stopwatch::start();
        self.opening =
            Some(Opening { parts, reading: None, of_log, watch, bytes, read: 0, rests_until: None, request });
        self.tell_progress(store, now);
    }

    pub fn is_loading(&self) -> bool {
        self.opening.is_some()
    }

    /// Goes on loading for a moment, in which nobody else is served; once it is done, returns what was opened. An error
    /// is what the server ends with.
    pub fn step_load(&mut self, store: &mut Store, now: Time) -> Result<Option<Opening>, String> {
        let uptime = self.system.uptime();
        let Some(mut opening) = self.opening.take_if(|opening| !opening.rests(uptime)) else {
            return Ok(None);
        };
        let config = &store.engine().shared().config;
        let portion = config.loading_process_events_interval_bytes.get() as usize;
        let delay = config.key_load_delay.get();
        let keys = |store: &Store| store.engine().shared().persistence.loaded_keys;
        let mut buffer = vec![0; PIECE.min(portion)];
        let (mut read, before) = (0, keys(store));
        while read < portion {
            if opening.parts.is_empty() {
                self.loaded(store, &opening, now)?;
                return Ok(Some(opening));
            }
            read += self.read_on(store, &mut opening, &mut buffer, now)?;
        }
        let rest = rest_after(keys(store).saturating_sub(before), delay);
        opening.rests_until = (!rest.is_zero()).then(|| uptime + rest);
        self.opening = Some(opening);
        self.tell_progress(store, now);
        Ok(None)
    }

    /// Reads some bytes of the present file, or ends it; returns how many they are.
    fn read_on(
        &self,
        store: &mut Store,
        opening: &mut Opening,
        buffer: &mut [u8],
        now: Time,
    ) -> Result<usize, String> {
        let Some(source) = opening.parts.front() else { return Ok(0) };
        let reading = match &mut opening.reading {
            Some(reading) => reading,
            none => {
                let file = self
                    .system
                    .open(&source.path, Access::Read)
                    .map_err(|error| unreadable(&source.path, &error))?;
                if source.kind == Kind::Dump {
                    store.begin_load(Purpose::Dump, now);
                }
                none.insert(Reading { file, watch: Stopwatch::start() })
            }
        };
        let read = read(&mut *reading.file, buffer).map_err(|error| unreadable(&source.path, &error))?;
        opening.read += read as u64;
        let bytes = &buffer[..read];
        let result = match source.kind {
            Kind::Dump if read == 0 => store.load_done().map(|loaded| {
                self.log.notice(format_args!("Done loading RDB, {loaded}."));
                loaded.bytes
            }),
            Kind::Base | Kind::Changes if read == 0 => store.replay_done(now),
            Kind::Dump => store.load_snapshot(bytes).map(|()| 0),
            Kind::Base | Kind::Changes => store.replay(bytes, now).map(|()| 0),
        };
        let len = match result {
            Ok(_) if read > 0 => return Ok(read),
            Ok(len) => len,
            Err(damage) => {
                // One that could not be followed by the next, for want of room, may have gone on.
                let is_last = opening.parts.iter().skip(1).all(|part| part.bytes == 0);
                self.cut_off(store, source, is_last, damage)?
            }
        };
        self.end_part(store, source, len, reading.watch.seconds());
        opening.parts.pop_front();
        opening.reading = None;
        Ok(0)
    }

    /// Ends a file that was read to its end.
    fn end_part(&self, store: &mut Store, source: &Source, len: u64, seconds: f64) {
        let kind = match source.kind {
            Kind::Dump => return,
            Kind::Base => "base",
            Kind::Changes => "incr",
        };
        let state = &mut store.engine_mut().shared_mut().persistence;
        state.log_size += len;
        if source.kind == Kind::Base {
            state.log_base_size = len;
        }
        if len > 0 {
            self.log.notice(format_args!("DB loaded from {kind} file {}: {seconds:.3} seconds", source.name));
        }
    }

    /// Ends loading: from now on changes are logged, if they are to be.
    fn loaded(&mut self, store: &mut Store, opening: &Opening, now: Time) -> Result<(), String> {
        let dirty = store.engine().dirty();
        let shared = store.engine_mut().shared_mut();
        shared.persistence.loading = None;
        if opening.request.is_some() {
            store.engine_mut().set_logging(self.append.is_on());
            return Ok(());
        }
        (shared.persistence.saved_at_dirty, shared.persistence.last_save) = (dirty, now);
        let seconds = opening.watch.seconds();
        if !opening.of_log {
            if opening.bytes > 0 {
                self.log.notice(format_args!("DB loaded from disk: {seconds:.3} seconds"));
            }
            return Ok(());
        }
        if opening.bytes > 0 {
            self.log.notice(format_args!("DB loaded from append only file: {seconds:.3} seconds"));
        }
        let resumed = self.append.resume();
        let (name, is_new) =
            resumed.map_err(|error| format!("Can't open the append-only file: {}", plain(&error)))?;
        let does = if is_new { "Creating" } else { "Opening" };
        self.log.notice(format_args!("{does} AOF incr file {name} on server start"));
        let keep_old = store.engine().shared().config.aof_disable_auto_gc;
        if let Err(error) = self.append.tidy(keep_old) {
            self.log.warning(format_args!("Can't remove old files of the AOF: {}", plain(&error)));
        }
        store.engine_mut().set_logging(true);
        store.engine_mut().shared_mut().persistence.log_enabled = true;
        Ok(())
    }

    /// Tells INFO how far loading is.
    fn tell_progress(&self, store: &mut Store, now: Time) {
        let Some(Opening { bytes, read, .. }) = self.opening else { return };
        let loading = &mut store.engine_mut().shared_mut().persistence.loading;
        let since = loading.map_or(now, |loading| loading.since);
        *loading = Some(Loading { since, bytes, read });
    }

    /// Returns the snapshot, if there is one.
    fn dump_part(&self, store: &Store) -> Result<VecDeque<Source>, String> {
        let name = store.engine().shared().config.dbfilename.clone();
        let path = self.folder.join(&name);
        match self.system.size(&path) {
            Ok(bytes) => Ok([Source { path, name, kind: Kind::Dump, bytes }].into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(VecDeque::new()),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// Returns the log's files.
    fn log_parts(&mut self) -> Result<VecDeque<Source>, String> {
        self.read_manifest()?;
        let manifest = &self.append.manifest;
        let base = manifest.base.iter().map(|part| (part, Kind::Base));
        let changes = manifest.changes.iter().map(|part| (part, Kind::Changes));
        let sources = base.chain(changes).map(|(part, kind)| {
            let (path, name) = (self.append.path(&part.name), part.name.clone());
            match self.system.size(&path) {
                Ok(bytes) => Ok(Source { path, name, kind, bytes }),
                Err(error) => {
                    Err(format!("Unable to obtain the AOF file {name} length. stat: {}", plain(&error)))
                }
            }
        });
        sources.collect()
    }

    /// Reads the list of the log's files. A log of one file, as Redis kept it before version 7, is moved to where the
    /// others are, as their beginning.
    fn read_manifest(&mut self) -> Result<(), String> {
        let path = self.append.manifest_path();
        let listed = match self.read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                self.append.manifest = Manifest::parse(&text).map_err(|flaw| flaw.to_string())?;
                true
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let name = self.append.name().to_owned();
        let (old, new) = (self.folder.join(&name), self.append.path(&name));
        let manifest = &self.append.manifest;
        let is_base = manifest.base.as_ref().is_some_and(|base| base.name == name);
        let only_that = is_base && manifest.changes.is_empty() && manifest.old.is_empty();
        if !self.exists(&old)? || listed && (!only_that || self.exists(&new)?) {
            return Ok(());
        }
        // The list comes first: a move that is interrupted then goes on with the next start.
        self.append
            .make_folder()
            .and_then(|()| self.append.begin_with(Part { name: name.clone(), number: 1 }))
            .and_then(|()| snapshot::place(&*self.system, &old, &new))
            .map_err(|error| unreadable(&old, &error))?;
        self.log.notice(format_args!(
            "Successfully migrated an old-style AOF file ({name}) into the AOF directory ({}).",
            self.append.folder_name()
        ));
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool, String> {
        match self.system.size(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        self.system.open(path, Access::Read)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Begins a log with a snapshot of nothing, as Redis does.
    fn begin_empty(&mut self, store: &mut Store, now: Time) -> io::Result<()> {
        let in_commands = !store.engine().shared().config.aof_use_rdb_preamble;
        let base = self.append.next_base(in_commands);
        self.log.notice(format_args!("Creating AOF base file {} on server start", base.name));
        let target = self.append.path(&base.name);
        self.append.make_folder()?;
        if in_commands {
            store.begin_commands(now);
        } else {
            store.begin_snapshot(Purpose::Base, now);
        }
        let mut bytes = vec![];
        while store.step_snapshot(PIECE, &mut bytes) != Progress::Done {}
        store.snapshot_done(Ok(()), now);
        // A log that begins has not been rewritten.
        let state = &mut store.engine_mut().shared_mut().persistence;
        (state.rewrites, state.last_rewrite_seconds) = (0, None);
        let temporary = self.append.path("temp-base.rdb");
        let mut bytes = Some(bytes);
        snapshot::write(&self.system, temporary, target, || bytes.take())?;
        self.append.begin_with(base)
    }

    /// Cuts off the end of the log's last file, if only that is damaged and it may be missing; returns the file's
    /// length then. Anything else is what the server ends with.
    fn cut_off(&self, store: &Store, source: &Source, is_last: bool, damage: Damage) -> Result<u64, String> {
        let path = &source.path;
        if source.kind == Kind::Dump {
            self.log
                .warning(format_args!("Bad file format reading the RDB file {}: {damage}", path.display()));
            return Err("Terminating server after rdb file reading failure.".into());
        }
        let ends_at = match &damage {
            Damage::Log(damage) if damage.fault == Fault::EndsEarly => Some(damage.at),
            Damage::Log(_) | Damage::Snapshot(_) => None,
        };
        let may_cut = is_last && store.engine().shared().config.aof_load_truncated;
        let Some(at) = ends_at.filter(|_| may_cut) else {
            let what = match &damage {
                _ if ends_at.is_some() => "Unexpected end of file".to_owned(),
                Damage::Log(aof::Damage { fault: Fault::UnknownCommand(name), .. }) => {
                    format!("Unknown command '{name}'")
                }
                Damage::Log(_) | Damage::Snapshot(_) => "Bad file format".to_owned(),
            };
            return Err(format!(
                "{what} reading the append only file {}: {damage}. Make a backup of it, then use redis-check-aof \
                 --fix {}",
                path.display(),
                self.append.manifest_path().display()
            ));
        };
        self.log
            .warning(format_args!("!!! Warning: short read while loading the AOF file {}!!!", source.name));
        self.log.warning(format_args!("AOF loaded anyway because aof-load-truncated is enabled"));
        // The log may go on in another file: without the sync, what is cut off may be there again.
        let cut = self
            .system
            .open(path, Access::Append)
            .and_then(|file| file.set_size(at).and_then(|()| file.sync()));
        cut.map_err(|error| unreadable(path, &error))?;
        Ok(at)
    }
}

impl Opening {
    /// Returns whether loading rests, as a test has asked for.
    fn rests(&self, uptime: Duration) -> bool {
        self.rests_until.is_some_and(|end| uptime < end)
    }

    /// Returns how long the loop may wait.
    pub fn wait_at_most(&self, uptime: Duration) -> Duration {
        if self.rests(uptime) { SLICE } else { Duration::ZERO }
    }
}

/// Returns how long to wait for a delay of so many microseconds behind each key; of a negative one, for the keys that
/// a microsecond is for.
pub fn rest_after(keys: u64, delay: i64) -> Duration {
    let micros = match u64::try_from(delay) {
        Ok(delay) => keys.saturating_mul(delay),
        Err(_) => keys / delay.unsigned_abs(),
    };
    Duration::from_micros(micros)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("Fatal error loading the DB: can't open {} for reading: {}", path.display(), plain(error))
}

/// Reads what there is, up to the length of the buffer; nothing at the end.
fn read(file: &mut dyn OpenFile, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
