//! A moment, as a number of microseconds since 1970.
//!
//! Nobody below `host/` asks what time it is: a moment is passed in with every call.

/// Counts microseconds since the first of January 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// Makes the moment `ms` milliseconds after 1970 began, or the last whole millisecond there is.
    pub const fn from_millis(ms: u64) -> Time {
        const LAST: u64 = u64::MAX / 1_000;
        Time(if ms > LAST { LAST * 1_000 } else { ms * 1_000 })
    }

    /// Makes the moment `s` seconds after 1970 began, or the last whole millisecond there is.
    pub const fn from_seconds(s: u64) -> Time {
        Time::from_millis(s.saturating_mul(1_000))
    }

    /// Returns the whole milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Returns the whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the moment `us` microseconds later, or the last one there is.
    pub const fn plus_micros(self, us: u64) -> Time {
        Time(self.0.saturating_add(us))
    }

    /// Returns the moment `ms` milliseconds later, or the last one there is.
    pub const fn plus_millis(self, ms: u64) -> Time {
        self.plus_micros(ms.saturating_mul(1_000))
    }

    /// Returns the moment `s` seconds later, or the last one there is.
    pub const fn plus_seconds(self, s: u64) -> Time {
        self.plus_micros(s.saturating_mul(1_000_000))
    }

    /// Returns the microseconds from `earlier` to this moment, 0 if it is not earlier.
    pub const fn micros_since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_round_down() {
        let time = Time(1_999_999);
        assert_eq!((time.millis(), time.seconds()), (1_999, 1));
        assert_eq!(Time::from_millis(1_999).plus_micros(999), time);
        assert_eq!(Time::from_seconds(1).plus_millis(999).plus_micros(999), time);
    }

    #[test]
    fn the_far_future_is_the_end() {
        let end = Time::from_millis(u64::MAX);
        assert_eq!(Time::from_millis(end.millis()), end);
        assert_eq!(Time::from_seconds(u64::MAX), end);
        assert_eq!(Time(u64::MAX - 1).plus_seconds(u64::MAX), Time(u64::MAX));
        assert_eq!(Time(3).micros_since(Time(5)), 0);
        assert_eq!(Time(5).micros_since(Time(3)), 2);
    }
}
