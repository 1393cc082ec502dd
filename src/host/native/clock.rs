//! What time it is.
//!
//! With `--test-clock` a server has a test's time: it begins at 1,700,000,000 seconds and stands still, but for the
//! lines of standard input. `+1500000` lets so many microseconds pass, with everything that is due meanwhile done at
//! its own time; the answer on standard output is a line `= 1700000001500000` that tells what time it is then. The
//! server ends, without saving, when its standard input does.

use std::io::{BufRead, Write};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::bell::{Bell, News};
use crate::base::time::Time;

/// When a test's time begins: the 14th of November 2023, 22:13:20.
const BEGINNING: Time = Time::from_seconds(1_700_000_000);

/// Tells the time of the engine.
pub enum Clock {
    /// The time of day.
    Real,
    Test(Time),
}

impl Clock {
    pub fn new(test: bool) -> Self {
        if test { Clock::Test(BEGINNING) } else { Clock::Real }
    }

    pub fn now(&self) -> Time {
        match self {
            Clock::Real => {
                let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Time(since_1970.as_micros() as u64)
            }
            Clock::Test(now) => *now,
        }
    }

    /// Returns how long it is until a moment; `None` if it does not come by itself.
    pub fn until(&self, moment: Time) -> Option<Duration> {
        match self {
            Clock::Real => Some(Duration::from_micros(moment.micros_since(self.now()))),
            Clock::Test(now) => (moment <= *now).then_some(Duration::ZERO),
        }
    }

    /// Waits until a moment, and the whole thread with it.
    pub fn sleep_until(&mut self, moment: Time) {
        match self {
            Clock::Real => thread::sleep(Duration::from_micros(moment.micros_since(self.now()))),
            Clock::Test(now) => *now = moment.max(*now),
        }
    }

    /// Sets a test's time.
    pub fn set(&mut self, moment: Time) {
        if let Clock::Test(now) = self {
            *now = moment;
        }
    }
}

/// Tells the loop what the lines of standard input say.
pub fn listen_to_input(bell: Bell) -> std::io::Result<()> {
    let listen = move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match line.trim().strip_prefix('+').and_then(|micros| micros.parse().ok()) {
                Some(micros) => bell.ring(News::Pass(micros)),
                None => eprintln!("not a line of a test's clock: {line}"),
            }
        }
        bell.ring(News::InputEnded);
    };
    thread::Builder::new().name("test-clock".into()).spawn(listen).map(drop)
}

/// Tells the test what time it is.
pub fn tell(now: Time) {
    // A test that does not read is not told.
    let mut out = std::io::stdout();
    let _ = writeln!(out, "= {}", now.0).and_then(|()| out.flush());
}

/// Returns nanoseconds since some moment, for the engine to measure commands with. It is read for every command: the
/// processor's own counter, since asking the system would take longer than the command.
pub fn nanoseconds() -> u64 {
    static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);
    CLOCK.delta_as_nanos(0, CLOCK.raw())
}

/// A stopwatch for slices of work.
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn has_run(&self, long: Duration) -> bool {
        self.0.elapsed() >= long
    }

    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
