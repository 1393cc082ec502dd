//! Log lines as redis-server writes them: `30816:M 22 Nov 2026 17:34:45.696 * Ready to accept connections`.

use std::fmt::Arguments;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Zoned;

use crate::engine::config::LogLevel;

/// Where log lines go, and which. All threads share it.
pub struct Log {
    settings: Mutex<Settings>,
}

#[derive(Clone)]
struct Settings {
    least: LogLevel,
    /// Standard output if there is none.
    file: Option<PathBuf>,
    /// `C` while the configuration is read, `M` then.
    role: char,
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// Makes a log that writes to standard output until [`configure`](Log::configure) says otherwise.
    pub fn new() -> Self {
        Self { settings: Mutex::new(Settings { least: LogLevel::Notice, file: None, role: 'C' }) }
    }

    /// Changes which lines are written, and where; an empty `file` is standard output. Fails if the file can't be
    /// opened for appending.
    pub fn configure(&self, least: LogLevel, file: &str) -> std::io::Result<()> {
        let file = (!file.is_empty()).then(|| PathBuf::from(file));
        if let Some(file) = &file {
            OpenOptions::new().create(true).append(true).open(file)?;
        }
        let mut settings = self.settings();
        settings.least = least;
        settings.file = file;
        Ok(())
    }

    /// Changes which lines are written.
    pub fn set_level(&self, least: LogLevel) {
        self.settings().least = least;
    }

    /// Says that the configuration is read: the lines from now on are a running server's.
    pub fn configured(&self) {
        self.settings().role = 'M';
    }

    /// Writes a line unless its level is too low.
    pub fn line(&self, level: LogLevel, text: Arguments<'_>) {
        let Settings { least, file, role } = self.settings().clone();
        if level < least {
            return;
        }
        let mark = match level {
            LogLevel::Debug => '.',
            LogLevel::Verbose => '-',
            LogLevel::Notice => '*',
            LogLevel::Warning => '#',
        };
        let time = Zoned::now().strftime("%d %b %Y %H:%M:%S%.3f").to_string();
        let line = format!("{}:{role} {time} {mark} {text}\n", std::process::id());
        // The file is opened for each line, so that it can be moved away while the server runs. There is nobody to
        // tell that a line could not be written.
        let _ = match file {
            None => std::io::stdout().write_all(line.as_bytes()),
            Some(file) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .and_then(|mut file| file.write_all(line.as_bytes())),
        };
    }

    pub fn verbose(&self, text: Arguments<'_>) {
        self.line(LogLevel::Verbose, text);
    }

    pub fn notice(&self, text: Arguments<'_>) {
        self.line(LogLevel::Notice, text);
    }

    pub fn warning(&self, text: Arguments<'_>) {
        self.line(LogLevel::Warning, text);
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
