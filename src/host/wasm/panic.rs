//! What happens when the engine panics or memory is exhausted: JavaScript is told, once.
//!
//! A trap leaves borrows and half-done changes behind, so nothing of the module may run again. A trap below a call
//! reaches its caller as an exception, but one in a callback of the browser's reaches nobody; hence the function.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use js_sys::Function;

use super::happening;

thread_local! {
    static LISTENERS: RefCell<Vec<Function>> = const { RefCell::new(Vec::new()) };
}

/// Tells `happened` of `poisoned` when this module can't be used any more.
pub fn report_to(happened: Function) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
            console_error_panic_hook::hook(info);
            tell(&info.to_string());
        }));
    });
    LISTENERS.with_borrow_mut(|listeners| listeners.push(happened));
}

fn tell(text: &str) {
    // Whoever was being told when this happened again is not told twice.
    let taken = LISTENERS.with(|all| all.try_borrow_mut().map(|mut all| std::mem::take(&mut *all)));
    let Ok(listeners) = taken else { return };
    for listener in listeners {
        happening::tell(&listener, "poisoned", text);
    }
}

/// Counts what is allocated, and tells JavaScript when there is no more to be had.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Returns how many bytes are allocated in this module, by every engine in it.
pub fn allocated() -> u64 {
    ALLOCATED.load(Ordering::Relaxed) as u64
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        let pointer = unsafe { System.alloc(layout) };
        count(pointer, 0, layout.size());
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) };
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        count(pointer, layout.size(), size);
        pointer
    }
}

fn count(pointer: *mut u8, before: usize, after: usize) {
    if pointer.is_null() {
        return tell("out of memory: WebAssembly's linear memory can't grow any more");
    }
    ALLOCATED.fetch_add(after, Ordering::Relaxed);
    ALLOCATED.fetch_sub(before, Ordering::Relaxed);
}
