//! What is kept in the folder: the snapshot, and the append-only log in as many files as Redis 7 has for it.

mod append;
mod load;
pub mod manifest;
mod snapshot;
pub mod system;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use append::AppendLog;
use load::{Opening, rest_after};
use manifest::Part;
use snapshot::{Writer, Written};
use system::System;

use super::log::Log;
use super::options::plain;
use crate::base::time::Time;
use crate::engine::config::AppendFsync;
use crate::engine::{Config, Request};
use crate::store::{Progress, Purpose, Store};

/// How long loading may hold up the clients, and how long to wait for the thread that writes.
const SLICE: Duration = Duration::from_millis(1);

/// How long a slice of a snapshot may hold up the clients. Under full load a turn of the loop takes about as long without
/// it. A save of five million keys then leaves them a third of their writes, and is over in half of redis-server's time.
const SAVE_SLICE: Duration = Duration::from_micros(250);
/// The same where clients have been served for longer since the last one: it takes as long as that, up to here.
const LONG_SAVE_SLICE: Duration = Duration::from_millis(1);
/// About so many bytes are written at once.
const PIECE: usize = 64 * 1024;
/// After so many bytes of a snapshot it is time to look at the clock.
const STEP: usize = 8 * 1024;

/// The files of a server.
pub struct Files {
    system: Arc<dyn System>,
    folder: PathBuf,
    append: AppendLog,
    opening: Option<Opening>,
    writing: Option<Writing>,
    /// Numbers the snapshots, so that news of one that was given up is not taken for another's.
    snapshots: u64,
    written: Written,
    rewrites_rest: Rest,
    log: Arc<Log>,
}

/// A pause between rewrites that fail: each leaves one more file of changes.
#[derive(Default)]
struct Rest {
    until: Option<Duration>,
    minutes: u64,
}

impl Rest {
    /// So many files of changes are no reason to wait.
    const FILES: usize = 3;

    /// Begins a pause if there are too many files, each one twice as long as the one before, up to an hour.
    fn begins(&mut self, uptime: Duration, files: usize) -> bool {
        let begins = self.until.is_none() && files >= Self::FILES;
        if begins {
            self.minutes = (self.minutes * 2).clamp(1, 60);
            self.until = Some(uptime + Duration::from_secs(60 * self.minutes));
        }
        begins
    }

    /// Returns whether a pause lasts; one that is over makes room for the next.
    fn lasts(&mut self, uptime: Duration) -> bool {
        self.until.take_if(|until| uptime >= *until);
        self.until.is_some()
    }

    fn end(&mut self) {
        *self = Self::default();
    }
}

/// A snapshot on its way to a file.
struct Writing {
    number: u64,
    writer: Writer,
    /// What the snapshot becomes: the dump, or this part of the log.
    base: Option<Part>,
    /// All of it is with the writer.
    complete: bool,
    /// Until when it is to rest, for tests, and the keys that were written since it last did.
    rests_until: Option<Duration>,
    keys: u64,
    /// When the last slice ended, in terms of the system's uptime.
    stepped: Duration,
}

impl Writing {
    /// Returns whether it rests, as a test has asked for.
    fn rests(&self, now: Duration) -> bool {
        self.rests_until.is_some_and(|end| now < end)
    }
}

impl Files {
    /// Makes them; `written` is told, by any thread, of each snapshot that has an end, which [`Files::written`] wants
    /// to know.
    pub fn new(config: &Config, system: Arc<dyn System>, written: Written, log: Arc<Log>) -> Self {
        let folder = PathBuf::from(&config.dir);
        let (log_folder, name) = (folder.join(&config.appenddirname), config.appendfilename.clone());
        let append = AppendLog::new(system.clone(), log_folder, name);
        Self {
            system,
            folder,
            append,
            opening: None,
            writing: None,
            snapshots: 0,
            written,
            rewrites_rest: Rest::default(),
            log,
        }
    }

    // Every turn ------------------------------------------------------------------------------------------------

    /// Appends what the store has logged to the log's file; on the disk before this returns, if the policy is
    /// `always`.
    ///
    /// An error means that a promise can't be kept: the server must end.
    pub fn keep(&mut self, store: &mut Store, now: Time) -> Result<(), String> {
        if store.log().is_empty() {
            return Ok(());
        }
        let config = &store.engine().shared().config;
        let policy = config.appendfsync;
        if config.aof_timestamp_enabled {
            self.append.note_time(now);
        }
        let result = self.append.append(store.log(), policy);
        store.clear_log();
        if policy == AppendFsync::Always && result.is_err() {
            return Err(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...".into(),
            );
        }
        self.report(store, result);
        Ok(())
    }

    /// Does what is due a few times a second: syncs, and tries again what has failed.
    pub fn look_after(&mut self, store: &mut Store, now: Time) {
        let policy = store.engine().shared().config.appendfsync;
        let result = self.append.look_after(policy);
        self.report(store, result);
        self.append_only(store, now);
        self.rewrite_if_grown(store);
    }

    /// Returns how long the loop may wait; `None` if nothing is to be done here.
    pub fn wait_at_most(&self) -> Option<Duration> {
        if let Some(opening) = &self.opening {
            return Some(opening.wait_at_most(self.system.uptime()));
        }
        match &self.writing {
            Some(writing) if !writing.complete && writing.rests(self.system.uptime()) => Some(SLICE),
            Some(writing) if !writing.complete && writing.writer.has_room() => Some(Duration::ZERO),
            Some(writing) if !writing.complete => Some(SLICE),
            _ => self.append.wait_at_most(),
        }
    }

    /// Takes note of whether the log can be written.
    fn report(&self, store: &mut Store, result: std::io::Result<()>) {
        let state = &mut store.engine_mut().shared_mut().persistence;
        match result {
            Ok(()) if state.log_failed => {
                self.log.warning(format_args!("AOF write error looks solved, the server can write again."));
                state.log_failed = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !state.log_failed {
                    self.log.warning(format_args!("Error writing to the AOF file: {}", plain(&error)));
                }
                state.log_failed = true;
                state.last_error = plain(&error);
            }
        }
    }

    /// Begins a rewrite that is due: the log has grown, or is yet to begin.
    fn rewrite_if_grown(&mut self, store: &mut Store) {
        let shared = store.engine().shared();
        let (config, state) = (&shared.config, &shared.persistence);
        let percentage = config.auto_aof_rewrite_percentage.get() as u64;
        let idle = state.saving.is_none() && state.rewriting.is_none() && !state.rewrite_scheduled;
        if !idle || self.is_loading() {
            return;
        }
        let base = state.log_base_size.max(1);
        let growth = state.log_size.saturating_sub(state.log_base_size).saturating_mul(100) / base;
        let has_grown = self.append.is_on()
            && percentage > 0
            && state.log_size >= config.auto_aof_rewrite_min_size.get()
            && growth >= percentage;
        if !(has_grown || self.append.is_starting()) || self.rests_from_rewrites(store) {
            return;
        }
        if has_grown {
            self.log.notice(format_args!("Starting automatic rewriting of AOF on {growth}% growth"));
        }
        self.ask_for_rewrite(store);
    }

    /// Returns whether rewrites have failed so often that the next one waits.
    fn rests_from_rewrites(&mut self, store: &Store) -> bool {
        if !store.engine().shared().persistence.last_rewrite_failed {
            return false;
        }
        let uptime = self.system.uptime();
        if self.rewrites_rest.begins(uptime, self.append.manifest.changes.len()) {
            let minutes = self.rewrites_rest.minutes;
            self.log.warning(format_args!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
            ));
        }
        self.rewrites_rest.lasts(uptime)
    }

    // Snapshots -------------------------------------------------------------------------------------------------

    /// Begins the snapshot that the store has asked for.
    pub fn begin(&mut self, store: &mut Store, purpose: Purpose, now: Time) {
        if purpose == Purpose::Dump && store.engine().keyspace().is_empty() {
            // There is no walk to spread out. FLUSHALL's is in its place before anybody can ask for another.
            match self.save_now(store, now) {
                Ok(()) => self.log.notice(format_args!("DB saved on disk")),
                Err(error) => self.log.warning(format_args!("Failed saving the DB: {}", plain(&error))),
            }
            return;
        }
        if let Err(error) = self.try_begin(store, purpose, now) {
            let why = plain(&error);
            self.log.warning(format_args!("Failed opening the file of a snapshot for saving: {why}"));
            store.snapshot_done(Err(why), now);
            if purpose == Purpose::Base {
                self.take_back_start(store);
            }
        }
    }

    fn try_begin(&mut self, store: &mut Store, purpose: Purpose, now: Time) -> std::io::Result<()> {
        store.refusal().map_err(std::io::Error::other)?;
        let pid = std::process::id();
        let dump = self.folder.join(&store.engine().shared().config.dbfilename);
        self.snapshots += 1;
        let number = self.snapshots;
        let in_commands = purpose == Purpose::Base && !store.engine().shared().config.aof_use_rdb_preamble;
        let (target, temporary, base) = match purpose {
            Purpose::Dump => (dump, self.folder.join(format!("temp-{pid}-{number}.rdb")), None),
            Purpose::Base => {
                let base = self.append.begin_rewrite(in_commands)?;
                if self.append.is_on() {
                    // The changes from now on are in a file of their own, which says itself which database they are of.
                    store.engine_mut().set_logging(true);
                }
                let temporary = self.append.path(&format!("temp-rewriteaof-bg-{pid}-{number}.aof"));
                (self.append.path(&base.name), temporary, Some(base))
            }
        };
        let writer = Writer::start(self.system.clone(), temporary, target, number, self.written.clone())?;
        self.writing = Some(Writing {
            number,
            writer,
            base,
            complete: false,
            rests_until: None,
            keys: 0,
            stepped: Duration::ZERO,
        });
        if in_commands {
            store.begin_commands(now);
        } else {
            store.begin_snapshot(purpose, now);
        }
        self.log.notice(match purpose {
            Purpose::Dump => format_args!("Background saving started"),
            Purpose::Base => format_args!("Background append only file rewriting started"),
        });
        Ok(())
    }

    /// Goes on with the snapshot for a moment, in which nobody is served.
    pub fn step(&mut self, store: &mut Store) {
        self.step_for(SAVE_SLICE, store);
    }

    fn step_for(&mut self, slice: Duration, store: &mut Store) {
        if self.writing.is_none() {
            return;
        }
        let begun = self.system.uptime();
        self.step_until(begun + slice, store);
        let ended = self.system.uptime();
        if let Some(writing) = &mut self.writing {
            writing.stepped = ended;
        }
        let micros = (ended - begun).as_micros() as u64;
        store.engine_mut().shared_mut().persistence.note_slice(micros);
    }

    /// Goes on with the snapshot if clients have been served for as long as a slice takes: where some send without end, a
    /// turn lasts so long that a slice for each would be next to nothing.
    pub fn step_in_turn(&mut self, store: &mut Store) {
        let Some(writing) = self.writing.as_ref().filter(|writing| !writing.complete) else { return };
        let served = self.system.uptime() - writing.stepped;
        if served >= SAVE_SLICE {
            self.step_for(served.min(LONG_SAVE_SLICE), store);
        }
    }

    fn step_until(&mut self, end: Duration, store: &mut Store) {
        let Some(writing) = &mut self.writing else { return };
        let delay = store.engine().shared().config.rdb_key_save_delay.get();
        let budget = if delay == 0 { STEP } else { 1 };
        while !writing.complete && writing.writer.has_room() {
            let now = self.system.uptime();
            if now >= end || (delay != 0 && writing.rests(now)) {
                return;
            }
            let mut piece = Vec::with_capacity(if delay == 0 { PIECE + 2 * STEP } else { 0 });
            let mut progress = store.step_snapshot(budget, &mut piece);
            while progress == Progress::Working
                && delay == 0
                && piece.len() < PIECE
                && self.system.uptime() < end
            {
                progress = store.step_snapshot(budget, &mut piece);
            }
            writing.writer.write(piece);
            writing.keys += 1;
            let rest = rest_after(writing.keys, delay);
            if !rest.is_zero() {
                (writing.keys, writing.rests_until) = (0, Some(now + rest));
            }
            if progress == Progress::Done {
                writing.writer.end();
                writing.complete = true;
            }
        }
    }

    /// Ends the snapshot whose file is in its place, or could not be written.
    pub fn written(&mut self, store: &mut Store, number: u64, result: std::io::Result<()>, now: Time) {
        let Some(writing) = self.writing.take_if(|writing| writing.number == number) else { return };
        let of_log = writing.base.is_some();
        let keep_old = store.engine().shared().config.aof_disable_auto_gc;
        let result = result.and_then(|()| match writing.base {
            Some(base) => self.append.end_rewrite(base, keep_old),
            None => Ok(()),
        });
        match &result {
            Ok(()) if of_log => self.log.notice(format_args!("Background AOF rewrite finished successfully")),
            Ok(()) => self.log.notice(format_args!("DB saved on disk")),
            Err(error) => self.log.warning(format_args!("Background saving error: {}", plain(error))),
        }
        let failed = result.is_err();
        store.snapshot_done(result.map_err(|error| plain(&error)), now);
        if of_log && failed {
            self.take_back_start(store);
        } else if of_log {
            self.rewrites_rest.end();
        }
    }

    /// Writes a snapshot while everybody waits.
    fn save_now(&mut self, store: &mut Store, now: Time) -> std::io::Result<()> {
        store.refusal().map_err(std::io::Error::other)?;
        self.writing = None;
        let target = self.folder.join(&store.engine().shared().config.dbfilename);
        let temporary = self.folder.join(format!("temp-{}.rdb", std::process::id()));
        store.begin_snapshot(Purpose::Dump, now);
        let mut done = false;
        let result = snapshot::write(&self.system, temporary, target, || {
            if done {
                return None;
            }
            let mut piece = Vec::with_capacity(2 * PIECE);
            done = store.step_snapshot(PIECE, &mut piece) == Progress::Done;
            Some(piece)
        });
        store.snapshot_done(result.as_ref().map(|_| ()).map_err(plain), now);
        result
    }

    // The log ---------------------------------------------------------------------------------------------------

    /// Follows a change of `appendonly`: a log begins with a snapshot of what there is.
    pub fn append_only(&mut self, store: &mut Store, now: Time) {
        let on = store.engine().shared().config.appendonly;
        if self.is_loading() || on == (self.append.is_on() || self.append.is_starting()) {
            return;
        }
        if on {
            self.begin_log(store);
        } else {
            self.end_log(store, now);
        }
    }

    fn begin_log(&mut self, store: &mut Store) {
        store.engine_mut().shared_mut().persistence.log_enabled = true;
        self.append.start();
        self.ask_for_rewrite(store);
    }

    fn end_log(&mut self, store: &mut Store, now: Time) {
        store.engine_mut().shared_mut().persistence.log_enabled = false;
        self.give_up(store, Purpose::Base, now);
        let result = self.append.stop();
        store.engine_mut().set_logging(false);
        self.report(store, result);
    }

    /// Asks for a rewrite, unless one is asked for.
    fn ask_for_rewrite(&mut self, store: &mut Store) {
        let (dirty, now) = (store.engine().dirty(), store.now());
        let shared = store.engine_mut().shared_mut();
        let state = &mut shared.persistence;
        if state.rewriting.is_some() || state.rewrite_scheduled {
            return;
        }
        if state.saving.is_some() {
            state.rewrite_scheduled = true;
        } else {
            state.begin_rewrite(dirty, now);
        }
        shared.requests.push(Request::Rewrite);
    }

    /// Gives up the snapshot that is being written, if it has this purpose.
    pub fn give_up(&mut self, store: &mut Store, purpose: Purpose, now: Time) {
        if !store.give_up_snapshot(purpose, now) {
            return;
        }
        self.writing = None;
        match purpose {
            Purpose::Dump => {
                self.log.notice(format_args!("Killing the running RDB save, which is no child here"))
            }
            Purpose::Base => {
                self.log.notice(format_args!("Killing the running AOF rewrite, which is no child here"));
                self.take_back_start(store);
            }
        }
    }

    /// Takes back what the log's first rewrite has begun: it is tried again.
    fn take_back_start(&mut self, store: &mut Store) {
        if let Some(name) = self.append.take_back_start() {
            self.log.notice(format_args!("Removing the temp incr aof file {name}"));
            store.engine_mut().set_logging(false);
        }
    }

    /// Removes files of the log that are no longer needed, unless they are to stay.
    pub fn remove_old(&mut self, store: &mut Store) {
        if !store.engine().shared().config.aof_disable_auto_gc {
            let result = self.append.remove_old();
            self.report(store, result);
        }
    }

    /// Begins the log anew, because what it told so far does not lead to the present keys.
    pub fn replaced(&mut self, store: &mut Store, now: Time) {
        if self.append.is_on() || self.append.is_starting() {
            self.end_log(store, now);
            self.begin_log(store);
        }
    }

    /// Brings the log to the disk.
    pub fn sync(&mut self, store: &mut Store) {
        let result = self.append.sync();
        self.report(store, result);
    }

    /// Brings everything to the disk before the server ends.
    pub fn close(&mut self, store: &mut Store, save: bool, now: Time) -> std::io::Result<()> {
        if self.append.is_on() {
            self.log.notice(format_args!("Calling fsync() on the AOF file."));
            self.append.sync()?;
        }
        if save {
            self.log.notice(format_args!("Saving the final RDB snapshot before exiting."));
            self.save_now(store, now)?;
            self.log.notice(format_args!("DB saved on disk"));
        }
        self.writing = None;
        Ok(())
    }
}
