//! How lately or how often a key is used: the 24 bits of an entry's access clock.
//!
//! By default they are the second of the last use. Under a policy that counts uses, the upper 16 are the minute at
//! which the count was last brought up to date, and the lower 8 the count, on a logarithmic scale.

use crate::base::time::Time;

/// A new key has been used so often; it is not to go before it had a chance.
const FIRST_COUNT: u8 = 5;

/// What access clocks mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Usage {
    /// When the key was used last.
    #[default]
    Lately,
    /// How often it was used.
    Often {
        /// How many uses it takes to count one more, the more there are.
        log_factor: u32,
        /// After so many minutes a use is forgotten; never, if 0.
        decay_minutes: u32,
    },
}

/// One moment at which keys are used.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub usage: Usage,
    pub now: Time,
    /// A random number, if uses are counted.
    pub drawn: u64,
}

impl Use {
    /// Returns the clock of a new key.
    #[inline]
    pub fn first(self) -> u32 {
        match self.usage {
            Usage::Lately => access_clock(self.now),
            Usage::Often { .. } => minutes(self.now) << 8 | u32::from(FIRST_COUNT),
        }
    }

    /// Returns the clock of a key that had this one.
    #[inline(always)]
    pub fn next(self, clock: u32) -> u32 {
        match self.usage {
            Usage::Lately => access_clock(self.now),
            Usage::Often { log_factor, .. } => {
                let count = self.usage.count(clock, self.now);
                minutes(self.now) << 8 | u32::from(counted(count, log_factor, self.drawn))
            }
        }
    }
}

impl Usage {
    /// Returns the clock of a key of which somebody else says when and how often it was used.
    pub fn told(self, idle_seconds: u64, count: Option<u8>, now: Time) -> u32 {
        match self {
            Usage::Lately => access_clock(Time::from_seconds(now.seconds().saturating_sub(idle_seconds))),
            Usage::Often { .. } => minutes(now) << 8 | u32::from(count.unwrap_or(FIRST_COUNT)),
        }
    }

    /// Returns how often a key with this clock was used, as far as that is remembered.
    pub fn count(self, clock: u32, now: Time) -> u8 {
        let count = clock as u8;
        match self {
            Usage::Often { decay_minutes: minutes_each @ 1.., .. } => {
                let passed = minutes(now).wrapping_sub(clock >> 8) & 0xFFFF;
                count.saturating_sub(u8::try_from(passed / minutes_each).unwrap_or(u8::MAX))
            }
            _ => count,
        }
    }
}

/// Counts a use: the more there were, the less likely.
fn counted(count: u8, log_factor: u32, drawn: u64) -> u8 {
    let base = f64::from(count.saturating_sub(FIRST_COUNT));
    let chance = 1.0 / (base * f64::from(log_factor) + 1.0);
    let draw = (drawn >> 11) as f64 / (1u64 << 53) as f64;
    count.saturating_add(u8::from(draw < chance))
}

/// Returns how many seconds ago a key with this clock was used.
pub fn idle_seconds(clock: u32, now: Time) -> u32 {
    access_clock(now).wrapping_sub(clock) & 0x00FF_FFFF
}

/// Returns the moment as Redis' 24-bit clock of seconds.
pub(crate) fn access_clock(now: Time) -> u32 {
    now.seconds() as u32 & 0x00FF_FFFF
}

fn minutes(now: Time) -> u32 {
    (now.seconds() / 60) as u32 & 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn counts_grow_with_the_logarithm_of_uses_and_decay() {
        let usage = Usage::Often { log_factor: 10, decay_minutes: 1 };
        let mut random = Random::new(1);
        let now = Time::from_seconds(6000);
        let mut clock = Use { usage, now, drawn: 0 }.first();
        let mut after = vec![];
        for uses in 1..=100_000u32 {
            clock = Use { usage, now, drawn: random.next() }.next(clock);
            if [100, 1000, 100_000].contains(&uses) {
                after.push(usage.count(clock, now));
            }
        }
        // As the table in redis.conf says: 10, 18, 142.
        assert!((8..=12).contains(&after[0]) && (14..=22).contains(&after[1]), "{after:?}");
        assert!((125..=160).contains(&after[2]), "{after:?}");
        assert_eq!(usage.count(clock, now.plus_seconds(60 * 40)), after[2] - 40);
        assert_eq!(usage.count(clock, now.plus_seconds(60 * 1000)), 0);
        assert_eq!(Usage::Often { log_factor: 10, decay_minutes: 0 }.count(clock, Time(0)), after[2]);
    }

    #[test]
    fn seconds_wrap_around() {
        assert_eq!(idle_seconds(0x00FF_FFFF, Time::from_seconds(1 << 24)), 1);
    }
}
