//! How often a call took how long: buckets that are 1/128 of their value wide, as HDR histograms of two digits have.

/// Buckets between a power of two and the next.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.ilog2();
/// What takes longer counts as this many nanoseconds: a second.
const LONGEST: u64 = 1_000_000_000;

/// Counts of durations in nanoseconds. It grows with the longest one.
#[derive(Default, Debug)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    /// Counts a duration.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        let bucket = bucket(nanos.clamp(1, LONGEST));
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.total += 1;
    }

    /// Returns how many durations there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the longest duration of the bucket below which so many per cent lie; 0 if there is none.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent.min(100.0) / 100.0 * self.total as f64) + 0.5) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted.max(1) {
                // The least duration itself is asked for, not the end of its bucket.
                return if percent == 0.0 { first(bucket) } else { last(bucket) };
            }
        }
        0
    }

    /// Returns how many durations lie below powers of two microseconds (1024 nanoseconds), where that changes: the
    /// end of each such bucket in microseconds, and the number.
    pub fn doubling(&self) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> = vec![];
        let (mut limit, mut seen) = (1024, 0);
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            while first(at) >= limit {
                limit *= 2;
            }
            seen += u64::from(*count);
            // The limit itself lies in a bucket that HDR histograms tell by its end.
            let end = last(bucket(limit)) / 1000;
            match all.last_mut() {
                Some((other, total)) if *other == end => *total = seen,
                _ => all.push((end, seen)),
            }
        }
        all
    }
}

/// Returns the bucket of a duration.
#[inline]
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEP_BITS + 1);
    (u64::from(shift) * STEPS + (nanos >> shift)) as usize
}

/// Returns the shortest duration of a bucket.
fn first(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / STEPS).saturating_sub(1);
    (bucket - shift * STEPS) << shift
}

/// Returns the longest duration of a bucket.
fn last(bucket: usize) -> u64 {
    first(bucket + 1) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn buckets_follow_on_each_other() {
        for i in 0..3000 {
            assert_eq!(bucket(first(i)), i);
            assert_eq!(bucket(last(i)), i);
            assert!(i < 256 || (last(i) - first(i) + 1) * STEPS <= first(i));
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        let mut random = Random::new(1);
        let mut histogram = Histogram::default();
        let mut all: Vec<u64> = (0..5000)
            .map(|_| {
                let bits = 1 + random.below(28);
                1 + random.below(1 << bits)
            })
            .collect();
        all.iter().for_each(|nanos| histogram.record(*nanos));
        all.sort_unstable();
        for percent in [1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            let place = ((percent / 100.0 * 5000.0 + 0.5) as usize).max(1) - 1;
            let nanos = histogram.percentile(percent);
            assert!(nanos >= all[place] && nanos - all[place] <= all[place] / STEPS, "{percent}");
        }
        assert_eq!(histogram.doubling().last().map(|(_, count)| *count), Some(5000));
    }
}
