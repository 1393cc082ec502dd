//! What the engine counts about itself: for INFO stats and errorstats.

use crate::base::time::Time;
use crate::resp::Error;

/// Counters since the engine began, or since CONFIG RESETSTAT.
#[derive(Default)]
pub struct Measure {
    /// A host's monotonic clock in nanoseconds, for durations only.
    stopwatch: Option<fn() -> u64>,
    /// What it showed when it was last read.
    lap: u64,
    /// Nanoseconds that the call that runs will have taken, though it is over sooner.
    owed: u64,
    pub commands: u64,
    pub connections: u64,
    /// Connections refused because of `maxclients`.
    pub rejected_connections: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub unexpected_errors: u64,
    pub query_buffer_disconnections: u64,
    /// Clients disconnected because of `maxmemory-clients`.
    pub evicted_clients: u64,
    pub output_buffer_disconnections: u64,
    /// How often each error code was answered, sorted by code.
    pub errors: Vec<(Box<str>, u64)>,
    rates: [Rate; 3],
    /// The next error is that of a command which a script has run, and which was counted then.
    pub is_counted: bool,
}

/// A counter's speed over the last samples.
#[derive(Default, Clone, Copy)]
struct Rate {
    last: u64,
    samples: [u64; 16],
    next: usize,
}

impl Rate {
    fn sample(&mut self, total: u64, elapsed_us: u64) {
        self.samples[self.next] = (total - self.last.min(total)) * 1_000_000 / elapsed_us.max(1);
        self.next = (self.next + 1) % self.samples.len();
        self.last = total;
    }

    fn mean(&self) -> u64 {
        self.samples.iter().sum::<u64>() / self.samples.len() as u64
    }
}

/// What INFO shows as `instantaneous_…`.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub commands: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
}

impl Measure {
    pub fn new(stopwatch: Option<fn() -> u64>) -> Self {
        Self { stopwatch, ..Self::default() }
    }

    /// Reads the stopwatch: what is measured next begins here.
    #[inline]
    pub fn begin(&mut self) {
        if let Some(read) = self.stopwatch {
            self.lap = read();
        }
    }

    /// Returns what the stopwatch showed when the last measured thing ended, or `begin` was called. A call that is
    /// run next to another begins where that one ended: a reading costs as much as a short command.
    #[inline]
    pub fn lap(&self) -> u64 {
        self.lap
    }

    /// Lets the call that runs count as so much longer: what the host sleeps for a transaction.
    pub fn owe(&mut self, nanos: u64) {
        self.owed += nanos;
    }

    /// Reads the stopwatch beside what is being measured; 0 without one.
    pub fn now(&self) -> u64 {
        self.stopwatch.map_or(0, |read| read())
    }

    /// Reads the stopwatch and returns the nanoseconds since a lap; 0 without a stopwatch.
    #[inline]
    pub fn since(&mut self, lap: u64) -> u64 {
        self.begin();
        self.lap.saturating_sub(lap).saturating_add(std::mem::take(&mut self.owed))
    }

    /// Counts an error, unless it was counted when it came up.
    pub fn error(&mut self, error: &Error) {
        if std::mem::take(&mut self.is_counted) {
            return;
        }
        let code = error.code();
        match self.errors.binary_search_by(|(other, _)| other.cmp(&code)) {
            Ok(at) => self.errors[at].1 += 1,
            Err(at) => self.errors.insert(at, (code, 1)),
        }
    }

    pub fn error_count(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }

    pub fn reset(&mut self) {
        *self = Self { stopwatch: self.stopwatch, lap: self.lap, ..Self::default() };
    }

    pub(super) fn sample(&mut self, last: Time, now: Time) {
        let elapsed = now.micros_since(last);
        for (rate, total) in self.rates.iter_mut().zip([self.commands, self.bytes_in, self.bytes_out]) {
            rate.sample(total, elapsed);
        }
    }

    pub fn rates(&self) -> Rates {
        let [commands, input_bytes, output_bytes] = self.rates.map(|rate| rate.mean());
        Rates { commands, input_bytes, output_bytes }
    }
}
