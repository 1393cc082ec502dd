//! Spikes of latency: when something took longer than `latency-monitor-threshold`, by kind of event.

use crate::base::time::Time;

/// Samples that are kept of each event.
const KEPT: usize = 160;

/// Something that took long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub second: u64,
    pub millis: u64,
}

/// The samples of one kind of event, the oldest first.
#[derive(Debug)]
pub struct Event {
    pub name: &'static str,
    pub samples: Vec<Sample>,
    /// The longest there ever was.
    pub most: u64,
}

/// All events that had samples, in the order of their names.
#[derive(Default, Debug)]
pub struct Latency {
    pub events: Vec<Event>,
}

/// What the samples of an event have in common.
#[derive(Debug)]
pub struct Summary {
    pub least: u64,
    pub most: u64,
    pub mean: u64,
    /// The mean distance from the mean.
    pub deviation: u64,
    /// Seconds from one sample to the next, on the average.
    pub period: f64,
}

impl Latency {
    /// Notes that something took long. Of the samples of one second the longest is kept.
    pub fn note(&mut self, name: &'static str, millis: u64, now: Time) {
        let at = match self.events.binary_search_by(|event| event.name.cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                self.events.insert(at, Event { name, samples: vec![], most: 0 });
                at
            }
        };
        let event = &mut self.events[at];
        event.most = event.most.max(millis);
        let second = now.seconds();
        match event.samples.last_mut() {
            Some(last) if last.second == second => last.millis = last.millis.max(millis),
            _ => {
                if event.samples.len() == KEPT {
                    event.samples.remove(0);
                }
                event.samples.push(Sample { second, millis });
            }
        }
    }

    pub fn find(&self, name: &[u8]) -> Option<&Event> {
        self.events.iter().find(|event| event.name.as_bytes() == name)
    }

    /// Forgets an event; returns whether there was one.
    pub fn forget(&mut self, name: &[u8]) -> bool {
        let before = self.events.len();
        self.events.retain(|event| event.name.as_bytes() != name);
        self.events.len() < before
    }
}

impl Event {
    /// Summarizes the samples, of which there is at least one.
    pub fn summary(&self, now: Time) -> Summary {
        let millis = || self.samples.iter().map(|sample| sample.millis);
        let count = self.samples.len().max(1) as u64;
        let mean = millis().sum::<u64>() / count;
        let oldest = self.samples.first().map_or(0, |sample| sample.second);
        Summary {
            least: millis().min().unwrap_or(0),
            most: millis().max().unwrap_or(0),
            mean,
            deviation: millis().map(|ms| ms.abs_diff(mean)).sum::<u64>() / count,
            period: now.seconds().saturating_sub(oldest).max(1) as f64 / count as f64,
        }
    }
}
