//! Opens what another run has kept.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::manifest::{Manifest, Part};
use super::system::{Access, OpenFile};
use super::{Files, snapshot};
use crate::base::time::Time;
use crate::host::native::clock::Stopwatch;
use crate::host::native::options::plain;
use crate::persist::aof::Fault;
use crate::store::{Damage, Progress, Purpose, Store};

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;

impl Files {
    /// Loads the log if there is to be one, and the snapshot otherwise; from then on changes are logged. An error is
    /// what the server ends with.
    pub fn load(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        if store.engine().shared().config.appendonly {
            self.load_log(store, now)?;
            self.append
                .resume()
                .map_err(|error| format!("Can't open the append-only file: {}", plain(&error)))?;
            if let Err(error) = self.append.tidy() {
                self.log.warning(format_args!("Can't remove old files of the AOF: {}", plain(&error)));
            }
            store.engine_mut().set_logging(true);
            store.engine_mut().shared_mut().persistence.log_enabled = true;
        } else {
            self.load_dump(store, now)?;
        }
        let dirty = store.engine().dirty();
        let state = &mut store.engine_mut().shared_mut().persistence;
        (state.saved_at_dirty, state.last_save) = (dirty, now);
        Ok(())
    }

    fn load_dump(&self, store: &mut Store, now: Time) -> Result<(), String> {
        let path = self.folder.join(&store.engine().shared().config.dbfilename);
        let mut file = match self.system.open(&path, Access::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(&path, &error)),
            Ok(file) => file,
        };
        let watch = Stopwatch::start();
        store.begin_load(Purpose::Dump, now);
        let damaged =
            |damage: Damage| format!("Bad file format reading the RDB file {}: {damage}", path.display());
        pieces(&mut *file, |piece| store.load_snapshot(piece))
            .map_err(|error| unreadable(&path, &error))?
            .map_err(damaged)?;
        let loaded = store.load_done().map_err(damaged)?;
        self.log.notice(format_args!(
            "Done loading RDB, keys loaded: {}, keys expired: {}.",
            loaded.keys, loaded.expired
        ));
        self.log.notice(format_args!("DB loaded from disk: {:.3} seconds", watch.seconds()));
        Ok(())
    }

    fn load_log(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        self.read_manifest()?;
        let manifest = self.append.manifest.clone();
        if manifest.base.is_none() && manifest.changes.is_empty() {
            return self
                .begin_empty(store, now)
                .map_err(|error| format!("Can't create the append-only file: {}", plain(&error)));
        }
        let watch = Stopwatch::start();
        let parts: Vec<&Part> = manifest.base.iter().chain(&manifest.changes).collect();
        let mut total = 0;
        for (i, part) in parts.iter().enumerate() {
            let is_last = i + 1 == parts.len();
            let len = self.load_part(store, part, is_last, now)?;
            total += len;
            if i == 0 && manifest.base.is_some() {
                store.engine_mut().shared_mut().persistence.log_base_size = len;
            }
        }
        store.engine_mut().shared_mut().persistence.log_size = total;
        self.log.notice(format_args!("DB loaded from append only file: {:.3} seconds", watch.seconds()));
        Ok(())
    }

    /// Reads the list of the log's files. A log of one file, as Redis kept it before version 7, is moved to where the
    /// others are, as their beginning.
    fn read_manifest(&mut self) -> Result<(), String> {
        let path = self.append.manifest_path();
        match self.read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                self.append.manifest = Manifest::parse(&text).map_err(|line| {
                    format!("Invalid AOF manifest file format: line {line} of {}", path.display())
                })?;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = self.append.name().to_owned();
                let old = self.folder.join(&name);
                if self.system.size(&old).is_err() {
                    return Ok(());
                }
                let moved = self
                    .system
                    .make_folder(path.parent().unwrap_or(Path::new(".")))
                    .and_then(|()| snapshot::place(&*self.system, &old, &self.append.path(&name)))
                    .and_then(|()| self.append.begin_with(Part { name, number: 1 }));
                moved.map_err(|error| unreadable(&old, &error))
            }
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        self.system.open(path, Access::Read)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Begins a log with a snapshot of nothing, as Redis does.
    fn begin_empty(&mut self, store: &mut Store, now: Time) -> io::Result<()> {
        let base = self.append.next_base();
        self.log.notice(format_args!("Creating AOF base file {} on server start", base.name));
        let target = self.append.path(&base.name);
        self.system.make_folder(target.parent().unwrap_or(Path::new(".")))?;
        store.begin_snapshot(Purpose::Base, now);
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

    /// Loads one file of the log; returns its length.
    fn load_part(&self, store: &mut Store, part: &Part, is_last: bool, now: Time) -> Result<u64, String> {
        let path = self.append.path(&part.name);
        let mut file = self.system.open(&path, Access::Read).map_err(|error| unreadable(&path, &error))?;
        let read = pieces(&mut *file, |piece| store.replay(piece, now))
            .map_err(|error| unreadable(&path, &error))?;
        let damage = match read.and_then(|()| store.replay_done(now)) {
            Ok(len) => return Ok(len),
            Err(damage) => damage,
        };
        let truncated = match &damage {
            Damage::Log(damage) if damage.fault == Fault::EndsEarly => Some(damage.at),
            Damage::Log(_) | Damage::Snapshot(_) => None,
        };
        let may_cut = is_last && store.engine().shared().config.aof_load_truncated;
        let Some(at) = truncated.filter(|_| may_cut) else {
            return Err(format!(
                "Bad file format reading the append only file {}: {damage}. Make a backup of it, then use \
                 redis-check-aof --fix {}",
                path.display(),
                self.append.manifest_path().display()
            ));
        };
        self.log.warning(format_args!("!!! Warning: short read while loading the AOF file {}!!!", part.name));
        self.log.warning(format_args!("AOF loaded anyway because aof-load-truncated is enabled"));
        let cut = self.system.open(&path, Access::Append).and_then(|file| file.set_size(at));
        cut.map_err(|error| unreadable(&path, &error))?;
        Ok(at)
    }

    /// Loads the log again, as DEBUG LOADAOF asks.
    pub fn load_again(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        self.append.sync().map_err(|error| plain(&error))?;
        store.engine_mut().keyspace_mut().clear();
        self.load_log(store, now)?;
        store.engine_mut().set_logging(self.append.is_on());
        Ok(())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("Fatal error: can't open {} for reading: {}", path.display(), plain(error))
}

/// Gives a file away piece by piece, until it ends or the receiver has had enough.
fn pieces(
    file: &mut dyn OpenFile,
    mut take: impl FnMut(&[u8]) -> Result<(), Damage>,
) -> io::Result<Result<(), Damage>> {
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(n) => {
                if let Err(damage) = take(&buffer[..n]) {
                    return Ok(Err(damage));
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
