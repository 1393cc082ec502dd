//! What a client has sent and the engine has not taken yet, in a buffer that is the client's own while it is active.

use std::io::{self, Read};

use crate::base::time::Time;

/// The room that a read is given at the least.
const LEAST: usize = 16 * 1024;
/// Bytes that are read at once at the most.
const MOST: usize = 64 * 1024;
/// What is added to a large buffer at once.
const STEP: usize = 1024 * 1024;
/// A buffer beyond this is made as small as it had to be lately.
const SPACIOUS: usize = 32 * 1024;
/// Whoever has sent nothing for longer keeps no room for more.
const IDLE_SECONDS: u64 = 2;

#[derive(Default)]
pub struct Input {
    /// What counts lies from `start` to `end`; the bytes after it are room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The most that has been in it since [`shrink`](Input::shrink) looked last.
    peak: usize,
    /// The last read left no room.
    filled: bool,
    read_at: Time,
}

/// What a read has brought.
pub struct Arrived {
    pub bytes: usize,
    /// There may be more where it came from: the room was full.
    pub filled: bool,
}

impl Input {
    /// Returns what the engine has not taken: new input, a command whose end is missing, or what follows one that waits.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns how many bytes the buffer takes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads once, after what is there already.
    pub fn read(&mut self, from: &mut impl Read, now: Time) -> io::Result<Arrived> {
        self.make_room();
        let most = self.buffer.len().min(self.end + MOST);
        let room = &mut self.buffer[self.end..most];
        let bytes = from.read(room)?;
        self.filled = bytes == room.len();
        self.end += bytes;
        self.peak = self.peak.max(self.end - self.start);
        self.read_at = now;
        Ok(Arrived { bytes, filled: self.filled })
    }

    /// Forgets what the engine has taken.
    pub fn took(&mut self, taken: usize) {
        self.start += taken;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn make_room(&mut self) {
        if self.start > self.unread().len() {
            self.move_to_front();
        }
        let room = self.buffer.len() - self.end;
        if room < LEAST || self.filled && room < MOST {
            let more = self.end.clamp(LEAST, STEP).max(if self.filled { 2 * room } else { 0 });
            // Zeroed, since a read must not see what was there; a step at a time, so that nobody takes much for little.
            self.buffer.reserve_exact(self.end + more - self.buffer.len());
            self.buffer.resize(self.end + more, 0);
        }
    }

    fn move_to_front(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }

    /// Gives back room that was not needed lately. To be called a few times a second.
    pub fn shrink(&mut self, now: Time) {
        let unread = self.unread().len();
        let wanted = if now > self.read_at.plus_seconds(IDLE_SECONDS) {
            unread
        } else if self.buffer.len() > SPACIOUS && self.peak < self.buffer.len() / 2 {
            self.peak.max(LEAST)
        } else {
            self.buffer.len()
        };
        self.peak = unread;
        if wanted < self.buffer.len() {
            self.move_to_front();
            self.buffer.truncate(wanted);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn second(n: u64) -> Time {
        Time::default().plus_seconds(n)
    }

    #[test]
    fn what_is_read_is_there_until_it_is_taken() {
        let mut random = Random::new(7);
        let sent: Vec<u8> = (0..3_000_000).map(|_| random.below(256) as u8).collect();
        let (mut input, mut from) = (Input::default(), &sent[..]);
        let (mut taken, mut read) = (0, 0);
        while taken < sent.len() {
            let part = (random.below(100_000) as usize).min(from.len());
            let arrived = input.read(&mut &from[..part], second(0)).expect("memory can be read");
            from = &from[arrived.bytes..];
            read += arrived.bytes;
            assert_eq!(input.unread(), &sent[taken..read]);
            let takes = random.below(input.unread().len() as u64 * 2 + 1).min(input.unread().len() as u64);
            input.took(takes as usize);
            taken += takes as usize;
            if random.below(8) == 0 {
                input.shrink(second(random.below(10)));
            }
            assert_eq!(input.unread(), &sent[taken..read]);
        }
    }

    #[test]
    fn room_is_given_back() {
        let mut input = Input::default();
        input.read(&mut &b"PING\r\n"[..], second(10)).expect("memory can be read");
        assert_eq!(input.capacity(), LEAST);
        input.took(6);
        input.shrink(second(12));
        assert_eq!(input.capacity(), LEAST);
        input.shrink(second(13));
        assert_eq!(input.capacity(), 0);

        let large = vec![b'x'; 400_000];
        let mut from = &large[..];
        while !from.is_empty() {
            input.read(&mut from, second(20)).expect("memory can be read");
        }
        input.shrink(second(20));
        assert!(input.capacity() >= large.len());
        input.took(large.len() - 40_000);
        input.shrink(second(20));
        input.shrink(second(20));
        assert_eq!((input.capacity(), input.unread()), (40_000, &large[..40_000]));
    }

    #[test]
    fn whoever_sends_much_is_read_in_larger_parts() {
        let (sent, mut input) = (vec![b'x'; 1_000_000], Input::default());
        let mut from = &sent[..];
        let parts = [(); 5].map(|()| {
            let bytes = input.read(&mut from, second(0)).expect("memory can be read").bytes;
            input.took(bytes);
            bytes
        });
        assert_eq!(parts, [LEAST, 2 * LEAST, MOST, MOST, MOST]);
    }
}
