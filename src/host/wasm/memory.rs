//! Counts the bytes that the module has allocated: INFO's `used_memory`, and what `maxmemory` limits.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The allocator of all modules for the web, counted.
struct Counted;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// There is one thread, where an atomic number is a plain one.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Returns how many bytes are allocated.
pub fn used() -> u64 {
    USED.load(Ordering::Relaxed) as u64
}

fn count(more: usize, less: usize) {
    USED.store(USED.load(Ordering::Relaxed).wrapping_add(more).wrapping_sub(less), Ordering::Relaxed);
}

// SAFETY: every call is the system allocator's, with the same arguments; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps what `dealloc` asks for; the place is from the system's allocator, as all are.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: the caller keeps what `realloc` asks for; the place is from the system's allocator, as all are.
        unsafe { System.realloc(place, layout, new_size) }
    }
}
