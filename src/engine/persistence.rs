//! What the engine knows of its host's storage: for INFO, LASTSAVE, the save points and refused writes.

use crate::base::time::Time;
use crate::persist::rdb::Purpose;
use crate::resp::Error;

use super::config::Config;

/// The state of snapshots and of the log. Hosts keep it true, through [`Engine`](super::Engine).
#[derive(Debug, Default)]
pub struct Persistence {
    /// Changes when the last snapshot that was kept had begun.
    pub saved_at_dirty: u64,
    pub last_save: Time,
    pub saving: Option<Running>,
    /// A snapshot was asked for that is to begin once the log is rewritten.
    pub save_scheduled: bool,
    pub last_save_failed: bool,
    /// When a snapshot last began, so that a failing one is not begun again at once.
    pub last_try: Option<Time>,
    pub last_save_seconds: Option<u64>,
    pub saves: u64,
    /// Bytes that were kept for the last snapshot, and for the last rewrite.
    pub last_save_kept: u64,
    pub last_rewrite_kept: u64,
    /// For how long at most everybody waited for a part of the last or present one of both, if the host takes the time.
    pub longest_slice_micros: Option<u64>,
    pub rewriting: Option<Running>,
    /// A rewrite was asked for that is to begin once the snapshot is taken.
    pub rewrite_scheduled: bool,
    pub last_rewrite_failed: bool,
    pub last_rewrite_seconds: Option<u64>,
    pub rewrites: u64,
    /// The host keeps a log.
    pub log_enabled: bool,
    pub log_failed: bool,
    pub log_size: u64,
    pub log_base_size: u64,
    /// How full the log is, if it is bounded.
    pub ring: Option<RingUse>,
    /// Something that was kept is being opened, and clients can't use it yet.
    pub loading: Option<Loading>,
    /// Why the last snapshot or write to the log failed, for INFO.
    pub last_error: String,
    /// What loading found damaged, for INFO.
    pub warning: String,
    pub loaded_keys: u64,
    pub expired_while_loading: u64,
}

/// How far what was kept is open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loading {
    pub since: Time,
    /// Bytes in all, as far as that is known, and those that are read.
    pub bytes: u64,
    pub read: u64,
}

/// A log that has room for so much between two snapshots, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct RingUse {
    pub bytes: u64,
    pub capacity: u64,
    /// Logged, and not stored yet.
    pub unstored: u64,
    /// What is not stored waits for a snapshot, which makes room.
    pub waiting: bool,
}

/// A snapshot or a rewrite in progress: asked for, or being written.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    pub since: Time,
    /// Changes when it began.
    pub dirty: u64,
    /// The length of the log when it began.
    pub log_size: u64,
    pub keys_done: u64,
    pub keys: u64,
    /// Bytes that were kept because they changed before they were written.
    pub kept: u64,
}

impl Persistence {
    /// Takes note of how long everybody has waited for a part of a snapshot or a rewrite.
    pub fn note_slice(&mut self, micros: u64) {
        self.longest_slice_micros = self.longest_slice_micros.max(Some(micros));
    }

    /// Takes note that a snapshot is asked for, or begins.
    pub fn begin_save(&mut self, dirty: u64, now: Time) {
        self.saving = Some(self.running(dirty, now));
        self.longest_slice_micros = None;
        self.save_scheduled = false;
        self.last_try = Some(now);
    }

    /// Takes note that a rewrite of the log is asked for, or begins.
    pub fn begin_rewrite(&mut self, dirty: u64, now: Time) {
        self.rewriting = Some(self.running(dirty, now));
        self.longest_slice_micros = None;
        self.rewrite_scheduled = false;
    }

    /// Takes note that a snapshot or a rewrite was given up; it has not failed.
    pub fn give_up(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Dump => self.saving = None,
            Purpose::Base => self.rewriting = None,
        }
    }

    fn running(&self, dirty: u64, now: Time) -> Running {
        Running { since: now, dirty, log_size: self.log_size, keys_done: 0, keys: 0, kept: 0 }
    }

    /// Returns whether neither a snapshot nor a rewrite is asked for, and nothing is being loaded.
    pub fn is_idle(&self) -> bool {
        let scheduled = self.save_scheduled || self.rewrite_scheduled;
        self.saving.is_none() && self.rewriting.is_none() && !scheduled && self.loading.is_none()
    }

    /// Takes note of how a snapshot ended.
    pub fn end_save(&mut self, result: &Result<(), String>, now: Time) {
        let running = self.saving.take();
        self.last_save_kept = running.map_or(0, |running| running.kept);
        self.last_save_failed = result.is_err();
        self.last_save_seconds = running.map(|running| now.seconds().saturating_sub(running.since.seconds()));
        match (result, running) {
            (Ok(()), Some(running)) => {
                self.saves += 1;
                self.last_save = now;
                self.saved_at_dirty = running.dirty;
            }
            (Ok(()), None) => {}
            (Err(why), _) => self.last_error.clone_from(why),
        }
    }

    /// Takes note of how a rewrite of the log ended; it begins with a snapshot of `base` bytes.
    pub fn end_rewrite(&mut self, result: &Result<(), String>, base: u64, now: Time) {
        let running = self.rewriting.take();
        self.last_rewrite_kept = running.map_or(0, |running| running.kept);
        self.last_rewrite_failed = result.is_err();
        self.last_rewrite_seconds =
            running.map(|running| now.seconds().saturating_sub(running.since.seconds()));
        match (result, running) {
            (Ok(()), Some(running)) => {
                self.rewrites += 1;
                self.log_size = base + self.log_size.saturating_sub(running.log_size);
                self.log_base_size = self.log_size;
            }
            (Ok(()), None) => {}
            (Err(why), _) => self.last_error.clone_from(why),
        }
    }

    /// Returns why writes are refused, if they are: storage fails, and the configuration says not to go on.
    #[inline(always)]
    pub fn refuses_writes(&self, config: &Config) -> Option<Error> {
        let fails = self.last_save_failed || self.log_failed;
        if fails && config.stop_writes_on_bgsave_error { self.refusal(config) } else { None }
    }

    #[cold]
    fn refusal(&self, config: &Config) -> Option<Error> {
        if self.last_save_failed && !config.save.is_empty() {
            return Some(Error::Text(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                 Commands that may modify the data set are disabled, because this instance is configured to report \
                 errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check \
                 the Redis logs for details about the RDB error.",
            ));
        }
        if self.log_failed {
            return Some(Error::said(format!(
                "MISCONF Errors writing to the AOF file: {}",
                if self.last_error.is_empty() { "unknown" } else { &self.last_error }
            )));
        }
        None
    }
}
