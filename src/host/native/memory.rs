//! Counts the bytes that the process has allocated: INFO's `used_memory`, and what `maxmemory` limits.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, counted. The program makes it the global one.
pub struct Counted;

/// What the loop's thread has allocated and not freed. Only that thread writes it, so it needs no atomic addition,
/// which would cost more than all the rest. It may be negative, as memory is freed by other threads too.
static LOOP: AtomicI64 = AtomicI64::new(0);
/// The same of all other threads.
static OTHERS: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static IS_LOOP: Cell<bool> = const { Cell::new(false) };
}

/// Says that this is the loop's thread. There is one.
pub fn count_as_loop() {
    IS_LOOP.set(true);
}

/// Returns how many bytes are allocated; 0 if nobody counts.
pub fn used() -> u64 {
    let sum = LOOP.load(Ordering::Relaxed) + OTHERS.load(Ordering::Relaxed);
    u64::try_from(sum).unwrap_or(0)
}

#[inline]
fn count(bytes: i64) {
    if IS_LOOP.get() {
        LOOP.store(LOOP.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    } else {
        OTHERS.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call is the system allocator's, with the same arguments; counting allocates nothing, since the
// thread's cell is initialized by a constant and has nothing to drop.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller keeps what `dealloc` asks for; the place is from the system's allocator, as all are.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps what `realloc` asks for; the place is from the system's allocator, as all are.
        unsafe { System.realloc(place, layout, new_size) }
    }
}
