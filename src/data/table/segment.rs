//! The segments of a table, and how it holds them.

use std::ops::Deref;
use std::rc::Rc;

use super::{END, Keyed};
use crate::base::same::same;
use crate::base::time::Time;

/// How a table holds a segment.
pub trait Hold<T>: Deref<Target = Segment<T>> + From<Segment<T>> {
    /// Returns the segment, to be changed. If clones of the table have it too, they keep what it was.
    fn edit(&mut self) -> &mut Segment<T>;

    /// Returns the segment, to be taken apart; `None` if somebody else has it too.
    fn own(&mut self) -> Option<&mut Segment<T>>;
}

/// A segment of one table alone. A clone of the table copies it.
#[derive(Clone)]
pub struct Owned<T>(Segment<T>);

/// A segment that clones of the table have in common until one of them changes it: they cost a pointer for each.
pub struct Shared<T>(Rc<Segment<T>>);

impl<T> From<Segment<T>> for Owned<T> {
    fn from(segment: Segment<T>) -> Self {
        Self(segment)
    }
}

impl<T> Deref for Owned<T> {
    type Target = Segment<T>;

    #[inline(always)]
    fn deref(&self) -> &Segment<T> {
        &self.0
    }
}

impl<T> Hold<T> for Owned<T> {
    #[inline(always)]
    fn edit(&mut self) -> &mut Segment<T> {
        &mut self.0
    }

    #[inline(always)]
    fn own(&mut self) -> Option<&mut Segment<T>> {
        Some(&mut self.0)
    }
}

impl<T> From<Segment<T>> for Shared<T> {
    fn from(segment: Segment<T>) -> Self {
        Self(Rc::new(segment))
    }
}

impl<T> Deref for Shared<T> {
    type Target = Segment<T>;

    #[inline(always)]
    fn deref(&self) -> &Segment<T> {
        &self.0
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Hold<T> for Shared<T> {
    #[inline(never)]
    fn edit(&mut self) -> &mut Segment<T> {
        Rc::make_mut(&mut self.0)
    }

    fn own(&mut self) -> Option<&mut Segment<T>> {
        Rc::get_mut(&mut self.0)
    }
}

/// The entries of one range of positions, in order.
#[derive(Clone)]
pub struct Segment<T> {
    /// The positions of `items`, rising.
    pub(super) tags: Vec<u32>,
    pub(super) items: Vec<T>,
    /// The first position of the range. Its upper `depth` bits are those of every position in it.
    pub(super) prefix: u32,
    pub(super) depth: u8,
    /// How many entries the first one is to make room for, if more than usual.
    pub(super) room: u16,
    /// No deadline in here is sooner. It may have been that of an entry that is gone.
    pub(super) soonest: Option<Time>,
}

impl<T> Default for Segment<T> {
    fn default() -> Self {
        Self { tags: Vec::new(), items: Vec::new(), prefix: 0, depth: 0, room: 0, soonest: None }
    }
}

impl<T> Segment<T> {
    /// As many entries make a segment full. More make insertions move more memory; fewer add headers: at 128, 256 and
    /// 512 pointers a key takes 14.0, 13.4 and 13.1 bytes of table.
    pub(super) const LIMIT: usize = match size_of::<T>() {
        0..=16 => 256,
        17..=32 => 128,
        _ => 64,
    };

    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= Self::LIMIT
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.tags.capacity() * size_of::<u32>() + self.items.capacity() * size_of::<T>()
    }

    /// Returns the first position after the range.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.prefix) + (END >> self.depth)
    }

    /// Notes that there may be something to expire at `deadline`.
    pub(super) fn hurry(&mut self, deadline: Option<Time>) {
        self.soonest = match (self.soonest, deadline) {
            (Some(soonest), Some(deadline)) => Some(soonest.min(deadline)),
            (soonest, deadline) => soonest.or(deadline),
        };
    }

    /// Returns the index of the first entry at this position or a later one.
    ///
    /// Positions are spread evenly, so the share of the range before `tag` is about the share of entries before it:
    /// with n of them the guess is off by 0.3 √n on average. A few steps in a cache line beat any cleverer search.
    #[inline(always)]
    pub(super) fn lower_bound(&self, tag: u32) -> usize {
        if self.len() > Self::LIMIT {
            // At the greatest depth there may be thousands, and not spread evenly at all.
            return self.tags.partition_point(|&other| other < tag);
        }
        let mut at = self.guess(tag);
        while at > 0 && self.tags[at - 1] >= tag {
            at -= 1;
        }
        while at < self.tags.len() && self.tags[at] < tag {
            at += 1;
        }
        at
    }

    /// Returns about the index of the first entry at this position or a later one.
    #[inline(always)]
    fn guess(&self, tag: u32) -> usize {
        let share = u64::from(tag.wrapping_shl(u32::from(self.depth)));
        ((share * self.len() as u64) >> 32) as usize
    }

    pub(super) fn insert(&mut self, index: usize, tag: u32, item: T) {
        self.make_room(1);
        self.tags.insert(index, tag);
        self.items.insert(index, item);
    }

    /// Makes room for so many entries, and a few more if that takes more memory.
    pub(super) fn make_room(&mut self, more: usize) {
        if self.tags.capacity().min(self.items.capacity()) < self.len() + more {
            let room = slack(self.len()).max(std::mem::take(&mut self.room).into()).max(more);
            self.tags.reserve_exact(room);
            self.items.reserve_exact(room);
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> T {
        self.tags.remove(index);
        let item = self.items.remove(index);
        if self.items.capacity() / 2 > self.len() + slack(self.len()) {
            self.fit();
        }
        item
    }

    /// Cuts the upper half of the range off.
    pub(super) fn split(&mut self) -> Self {
        self.depth += 1;
        let prefix = self.prefix | 1 << (32 - u32::from(self.depth));
        let middle = self.tags.partition_point(|&tag| tag < prefix);
        let mut upper = Self {
            tags: self.tags.split_off(middle),
            items: self.items.split_off(middle),
            prefix,
            depth: self.depth,
            room: 0,
            soonest: self.soonest,
        };
        upper.fit();
        self.fit();
        upper
    }

    /// Takes in the other half of the range that this one is the lower half of.
    pub(super) fn merge(&mut self, mut upper: Self) {
        self.tags.append(&mut upper.tags);
        self.items.append(&mut upper.items);
        self.hurry(upper.soonest);
        self.depth -= 1;
        self.fit();
    }

    /// Leaves room for a few more entries and gives the rest back.
    fn fit(&mut self) {
        let room = self.len() + slack(self.len());
        self.tags.shrink_to(room);
        self.items.shrink_to(room);
    }
}

impl<T: Keyed> Segment<T> {
    /// Returns the index of a key's entry, or the one where it belongs.
    pub(super) fn find(&self, tag: u32, key: &[u8]) -> Result<usize, usize> {
        let mut index = self.lower_bound(tag);
        while self.tags.get(index) == Some(&tag) {
            if same(self.items[index].key(), key) {
                return Ok(index);
            }
            index += 1;
        }
        Err(index)
    }
}

/// Returns the room to leave beside `len` entries: an eighth, so that memory is filled to 94 % on average.
pub(super) const fn slack(len: usize) -> usize {
    len / 8 + 4
}
