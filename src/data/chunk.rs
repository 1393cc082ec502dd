//! Packed entries with room to grow at both ends: a piece of a list, or all of a small collection.

use super::list::Side;
use super::listpack::{self, Entry, Packed};

/// Packed entries. Places are offsets of bytes from the first entry.
///
/// ```text
/// bytes   │ gap │ entry │ entry │ … │ entry │ spare capacity │
///               start                       bytes.len()
/// ```
///
/// Taking an entry from either end moves nothing. When one end has no room, the entries move into the room at the
/// other if that is worth it, and else the allocation grows, each time by at least an eighth: so a byte is moved
/// a bounded number of times, and little memory lies idle.
#[derive(Clone, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    start: u32,
    len: u32,
}

/// The most bytes of entries in a chunk with more than one: a listpack of 8 kB without its header of six bytes and
/// its end mark.
pub(super) const CHUNK: usize = 8192 - 7;

impl Chunk {
    /// Makes an empty chunk with room for so many bytes of entries.
    pub fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), start: 0, len: 0 }
    }

    /// Gives back what the entries don't take.
    pub fn fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Makes a chunk of entries that are packed.
    pub fn of(count: usize, packed: &[u8]) -> Self {
        Self { bytes: packed.to_vec(), start: 0, len: count as u32 }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns how many bytes the entries take.
    pub fn size(&self) -> usize {
        self.bytes.len() - self.start as usize
    }

    /// Returns the entries.
    pub fn packed(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Tells whether an entry of this size may be added.
    pub fn fits(&self, size: usize) -> bool {
        self.len == 0 || self.size() + size <= CHUNK
    }

    /// Returns the place where the entry with this index begins; of the index one past the last, the end.
    pub fn place(&self, index: usize) -> usize {
        let packed = self.packed();
        if index <= self.len() / 2 {
            (0..index).fold(0, |at, _| at + listpack::size_at(&packed[at..]))
        } else {
            (index..self.len()).fold(packed.len(), |end, _| end - listpack::size_before(&packed[..end]))
        }
    }

    /// Returns the entry at a place.
    pub fn entry(&self, at: usize) -> Entry<'_> {
        Entry::read(&self.packed()[at..]).0
    }

    /// Returns the place of the first or of the last entry.
    pub fn end(&self, side: Side) -> usize {
        match side {
            Side::Head => 0,
            Side::Tail => self.size() - listpack::size_before(self.packed()),
        }
    }

    /// Puts an entry in front of the one at a place, or behind the last.
    pub fn insert(&mut self, at: usize, entry: Packed<'_>) {
        entry.write(self.open(at, entry.size()));
        self.len += 1;
    }

    /// Puts an entry at an end.
    pub fn push(&mut self, side: Side, entry: Packed<'_>) {
        let at = match side {
            Side::Head => 0,
            Side::Tail => self.size(),
        };
        self.insert(at, entry);
    }

    /// Takes out the entry at a place.
    pub fn remove(&mut self, at: usize) {
        self.remove_several(at, 1);
    }

    /// Takes out `count` entries from the one at a place on.
    pub fn remove_several(&mut self, at: usize, count: usize) {
        let packed = self.packed();
        let end = (0..count).fold(at, |end, _| end + listpack::size_at(&packed[end..]));
        self.close(at, end - at);
        self.len -= count as u32;
        self.shrink();
    }

    /// Puts an entry in place of the one at a place.
    pub fn replace(&mut self, at: usize, entry: Packed<'_>) {
        let (old, new) = (listpack::size_at(&self.packed()[at..]), entry.size());
        if new > old {
            self.open(at, new - old);
        } else if new < old {
            self.close(at, old - new);
        }
        let start = self.start as usize + at;
        entry.write(&mut self.bytes[start..start + new]);
        self.shrink();
    }

    /// Takes out entries equal to `entry`: at most `most`, after the first `skip` of them. Returns how many.
    pub fn remove_equal(&mut self, entry: Entry<'_>, mut skip: usize, most: usize) -> usize {
        let start = self.start as usize;
        let (mut from, mut to, mut removed) = (start, start, 0);
        while from < self.bytes.len() && removed < most {
            let (found, size) = Entry::read(&self.bytes[from..]);
            if found == entry && skip == 0 {
                removed += 1;
            } else {
                skip -= usize::from(found == entry);
                self.bytes.copy_within(from..from + size, to);
                to += size;
            }
            from += size;
        }
        self.bytes.drain(to..from);
        self.len -= removed as u32;
        self.shrink();
        removed
    }

    /// Returns how many entries are equal to `entry`.
    pub fn count(&self, entry: Entry<'_>) -> usize {
        let (mut rest, mut count) = (self.packed(), 0);
        while !rest.is_empty() {
            let (found, size) = Entry::read(rest);
            count += usize::from(found == entry);
            rest = &rest[size..];
        }
        count
    }

    /// Drops as many entries at an end, but not all.
    pub fn cut(&mut self, side: Side, count: usize) {
        match side {
            Side::Head => self.start += self.place(count) as u32,
            Side::Tail => self.bytes.truncate(self.start as usize + self.place(self.len() - count)),
        }
        self.len -= count as u32;
        self.shrink();
    }

    /// Moves the entries from this index on to a new chunk.
    pub fn split_off(&mut self, index: usize) -> Self {
        let behind = Self {
            bytes: self.packed()[self.place(index)..].to_vec(),
            start: 0,
            len: self.len - index as u32,
        };
        self.cut(Side::Tail, behind.len());
        behind
    }

    /// Tells whether this chunk and the next are so small that one chunk would have room for as much again.
    pub fn joins(&self, next: &Self) -> bool {
        self.size() + next.size() <= CHUNK / 2
    }

    /// Appends the entries of another chunk.
    pub fn append(&mut self, other: &Self) {
        self.append_packed(other.len(), other.packed());
    }

    /// Appends entries that are packed.
    pub fn append_packed(&mut self, count: usize, packed: &[u8]) {
        self.open(self.size(), packed.len()).copy_from_slice(packed);
        self.len += count as u32;
    }

    /// Makes `size` bytes of room at a place and returns them. Moves whichever side is shorter.
    fn open(&mut self, at: usize, size: usize) -> &mut [u8] {
        if at < self.size() - at {
            self.make_room(Side::Head, size);
            let start = self.start as usize;
            self.start -= size as u32;
            self.bytes.copy_within(start..start + at, start - size);
        } else {
            self.make_room(Side::Tail, size);
            let (from, end) = (self.start as usize + at, self.bytes.len());
            self.bytes.resize(end + size, 0);
            self.bytes.copy_within(from..end, from + size);
        }
        &mut self.bytes[self.start as usize + at..][..size]
    }

    /// Removes `size` bytes at a place. Moves whichever side is shorter.
    fn close(&mut self, at: usize, size: usize) {
        let (start, from) = (self.start as usize, self.start as usize + at);
        if at < self.size() - at - size {
            self.bytes.copy_within(start..from, start + size);
            self.start += size as u32;
        } else {
            self.bytes.drain(from..from + size);
        }
    }

    /// Sees to it that `size` bytes can be added at an end.
    fn make_room(&mut self, side: Side, size: usize) {
        let (gap, spare) = (self.start as usize, self.bytes.capacity() - self.bytes.len());
        let (here, there) = match side {
            Side::Head => (gap, spare),
            Side::Tail => (spare, gap),
        };
        if here >= size {
            return;
        }
        let live = self.size();
        let room = room(live, size);
        // Room is shared out evenly, or pushing at both ends in turn would move everything each time.
        if (gap + spare) / 2 >= room {
            let start = (gap + spare) / 2;
            self.bytes.resize(start.max(gap) + live, 0);
            self.bytes.copy_within(gap..gap + live, start);
            self.bytes.truncate(start + live);
            self.start = start as u32;
        } else {
            let start = match side {
                Side::Head => room,
                Side::Tail => gap,
            };
            let mut bytes = Vec::with_capacity(room + live + there);
            bytes.resize(start, 0);
            bytes.extend_from_slice(self.packed());
            (self.bytes, self.start) = (bytes, start as u32);
        }
    }

    /// Gives memory back when most of it lies idle.
    fn shrink(&mut self) {
        if self.bytes.capacity() > 2 * self.size() + 64 {
            self.bytes = self.packed().to_vec();
            self.start = 0;
        }
    }
}

/// Returns how much room to make for an entry of `size` bytes at an end of `live` bytes: an eighth more than is
/// asked for, but not more than a chunk can use, and to fill what allocators give.
fn room(live: usize, size: usize) -> usize {
    let needed = live + size;
    let wanted = needed + needed / 8;
    let rounded = (wanted + 7) / 16 * 16 + 8;
    rounded.min(CHUNK).max(needed) - live
}
