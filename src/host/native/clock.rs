//! What time it is.

use std::time::SystemTime;

use crate::base::time::Time;

/// Tells the time of the engine.
pub struct Clock;

impl Clock {
    /// Returns the time of day.
    pub fn now(&self) -> Time {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Time(since_1970.as_micros() as u64)
    }
}
