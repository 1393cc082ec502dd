//! The bytes of a member: one allocation with several owners, each of which is one pointer wide.
//!
//! ```text
//! 0  u32  owners
//! 4  u32  length
//! 8       bytes
//! ```
//!
//! A large sorted set has every member in its table and in its ranks. With `Rc<[u8]>`, which is two words wide and
//! counts in two more, a member of 16 bytes would take 32 bytes more.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;

/// Bytes that stay as they are while anybody owns them.
pub(super) struct Member {
    /// Owns a share of `layout(self.head().len)` bytes as drawn above, all of them initialized.
    block: NonNull<Head>,
}

#[repr(C)]
struct Head {
    owners: Cell<u32>,
    len: u32,
}

// An absent member is as wide as one.
const _: () = assert!(size_of::<Option<Member>>() == size_of::<usize>());

impl Member {
    /// Copies bytes.
    ///
    /// # Panics
    /// If there are 4 GiB or more of them.
    pub fn new(bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len()).expect("arguments are shorter than 4 GB");
        let layout = layout(bytes.len());
        // SAFETY: the layout is not empty. The block has room for a head and the bytes behind it, and is aligned for
        // the head; nobody else knows it yet.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout).cast::<Head>()) else { handle_alloc_error(layout) };
            block.write(Head { owners: Cell::new(1), len });
            block.add(1).cast::<u8>().copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            Self { block }
        }
    }

    /// Returns how many bytes were asked of the allocator for a member of this length.
    pub const fn heap_bytes(len: usize) -> usize {
        size_of::<Head>() + len
    }

    fn head(&self) -> &Head {
        // SAFETY: the head is initialized, and stays while there is an owner. It changes through its cell alone.
        unsafe { self.block.as_ref() }
    }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(Member::heap_bytes(len), align_of::<Head>()).expect("a slice was as long")
}

impl Deref for Member {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as many bytes as the head says are behind it, initialized, and never change.
        unsafe { slice::from_raw_parts(self.block.add(1).cast().as_ptr(), self.head().len as usize) }
    }
}

impl Clone for Member {
    fn clone(&self) -> Self {
        let owners = &self.head().owners;
        owners.set(owners.get().checked_add(1).expect("fewer owners than 2^32 fit into memory"));
        Self { block: self.block }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Head { owners, len } = self.head();
        owners.set(owners.get() - 1);
        if owners.get() == 0 {
            let layout = layout(*len as usize);
            // SAFETY: this was the last owner, and the block was allocated with this layout.
            unsafe { dealloc(self.block.cast().as_ptr(), layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_lives_as_long_as_it_has_an_owner() {
        for len in [0, 1, 7, 8, 1000] {
            let bytes = vec![b'x'; len];
            let first = Member::new(&bytes);
            let others = vec![first.clone(); 3];
            drop(first);
            assert!(others.iter().all(|other| **other == bytes));
            let last = others[1].clone();
            drop(others);
            assert_eq!((&*last, last.head().owners.get()), (&bytes[..], 1));
        }
    }
}
