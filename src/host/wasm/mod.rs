//! Redlet as a JavaScript class: numbers in and out, and bytes in linear memory.
//!
//! Everything friendly is TypeScript's, in pkg-template. A call costs one crossing: JavaScript writes its arguments at
//! [`input`](Redlet::input), calls, and reads the reply where it lies. What else there is to know is in the [`Cells`],
//! whose address never changes.
//!
//! JavaScript runs one thing at a time, and what is called from here never calls back before it returns, so the
//! borrows of [`Local`] below never meet. None is held across an await.

// Every function that wasm-bindgen exports comes with glue that is unsafe.
#![allow(unsafe_code)]

mod happening;
mod indexeddb;
mod local;
mod opening;
mod opfs;
mod panic;
mod place;
mod scratch;
mod transfer;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::FileSystemDirectoryHandle;

use crate::base::time::Time;
use crate::engine::Absorbed;
use local::{Local, Outside, Waiter};

/// An engine in JavaScript's own thread.
#[wasm_bindgen]
pub struct Redlet {
    local: Rc<RefCell<Local>>,
}

#[wasm_bindgen]
impl Redlet {
    /// Makes an empty engine. `config` has names of parameters, each followed by its value; throws what is wrong with it.
    ///
    /// `clock` returns milliseconds since 1970. `happened` is called with a `{ kind, message }`: `poisoned` when the engine
    /// has panicked or memory is exhausted, after which nothing of this module may be called; `output` when `next` has
    /// something; `failing` and `working` when storage does, `lost` when it will not work again; `grown` when `setRoom` is
    /// to be called.
    #[wasm_bindgen(constructor)]
    pub fn new(config: Vec<String>, clock: Function, happened: Function) -> Result<Redlet, JsError> {
        panic::report_to(happened.clone());
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|error| JsError::new(&error.to_string()))?;
        let outside = Outside { clock, happened };
        let local =
            Local::new(&config, outside, u128::from_le_bytes(seed)).map_err(|error| JsError::new(&error))?;
        Ok(Redlet { local: Rc::new(RefCell::new(local)) })
    }

    /// Returns the address of the cells.
    pub fn cells(&self) -> u32 {
        self.local.borrow().cells.address()
    }

    /// Makes room for `len` bytes of input; returns its address, which is a multiple of four.
    pub fn input(&self, len: u32) -> u32 {
        self.local.borrow_mut().input.reserve(len)
    }

    /// Returns how many bytes are allocated in this module, by every engine in it.
    pub fn allocated(&self) -> u32 {
        panic::allocated() as u32
    }

    /// Adds a session that speaks RESP3, or RESP2 until it says otherwise.
    pub fn connect(&self, resp3: bool, now: f64) -> u32 {
        self.local.borrow_mut().connect(resp3, time(now))
    }

    pub fn disconnect(&self, session: u32, now: f64) {
        self.local.borrow_mut().disconnect(session, time(now));
    }

    /// Runs the call that lies in the input as `argc: u32, (length: u32) * argc, bytes`; returns the length of the reply.
    ///
    /// Zero if there is none yet because the call waits: it has moved to a session of its own, which is in the cells.
    /// That one is zero if there will be none, after CLIENT REPLY OFF. A script that takes long is such a call if
    /// `can_wait`; if not, it runs on, until it is stopped.
    pub fn call(&self, session: u32, can_wait: bool, now: f64) -> u32 {
        self.local.borrow_mut().call(session, can_wait, time(now))
    }

    /// Runs `count` calls that lie in the input one behind the other, each padded to a multiple of four; returns the
    /// length of all replies. A call that would have to wait is answered with an error.
    pub fn batch(&self, session: u32, count: u32, now: f64) -> u32 {
        self.local.borrow_mut().batch(session, count, time(now))
    }

    /// Runs the whole commands in the first `len` bytes of the input, which is RESP; returns the length of the replies.
    /// The cells say how many bytes that took; the rest is to be given again, with what comes after it.
    pub fn receive(&self, session: u32, len: u32, now: f64) -> u32 {
        self.local.borrow_mut().receive(session, len, time(now))
    }

    /// Takes the next thing that happened to another session than the one that called: its kind, or zero. The cells
    /// say whose it is, and where its output lies.
    pub fn next(&self) -> u32 {
        self.local.borrow_mut().next()
    }

    /// Does what is due.
    pub fn tick(&self, now: f64) {
        self.local.borrow_mut().tick(time(now));
    }

    /// Returns when `tick` is to be called next, in milliseconds since 1970; infinity if there is no need.
    #[wasm_bindgen(js_name = nextDeadline)]
    pub fn next_deadline(&self) -> f64 {
        self.local.borrow().next_deadline().map_or(f64::INFINITY, |at| at.0 as f64 / 1e3)
    }

    /// Reads the database of this name from IndexedDB, or the one in a folder of the origin private file system, and
    /// stores changes there from then on. To be called once, before any call. Resolves to what was found damaged, if
    /// anything was.
    ///
    /// `progress` is called with the bytes that were read, how many there are, and the keys that came of them.
    pub fn open(
        &self,
        name: String,
        folder: Option<FileSystemDirectoryHandle>,
        ring_bytes: f64,
        progress: Function,
    ) -> Promise {
        let local = self.local.clone();
        future_to_promise(async move {
            let opened = opening::open(local, &name, folder, ring_bytes as u64, &progress).await;
            opened.map(JsValue::from).map_err(|failure| opening::error(&failure).into())
        })
    }

    /// Returns a promise that resolves when all changes so far are on the disk, or rejects if that fails.
    pub fn stored(&self) -> Promise {
        let local = self.local.clone();
        let promise = Promise::new(&mut |resolve, reject| {
            let mut local = local.borrow_mut();
            let unknown = resolve.clone();
            let waiter = Waiter { resolve, reject };
            if local.with_keeper(|keeper, store, _| keeper.await_safety(store, waiter)).is_none() {
                // Kept in memory only: there is nothing to wait for.
                let _ = unknown.call0(&JsValue::NULL);
            }
        });
        Local::tell_news(&self.local);
        promise
    }

    /// Sets the moment of an export; returns false if another snapshot is being written, whose end is to be waited for.
    #[wasm_bindgen(js_name = beginExport)]
    pub fn begin_export(&self, now: f64) -> bool {
        self.local.borrow_mut().begin_export(time(now))
    }

    /// Writes a piece of the export, which the cells point to; returns whether there is more. Throws if it was given up.
    #[wasm_bindgen(js_name = stepExport)]
    pub fn step_export(&self) -> Result<bool, JsError> {
        self.local.borrow_mut().step_export().map_err(JsError::new)
    }

    /// Writes all data of this moment, which the cells point to until `freeExport`.
    #[wasm_bindgen(js_name = exportNow)]
    pub fn export_now(&self, now: f64) {
        self.local.borrow_mut().export_now(time(now));
    }

    #[wasm_bindgen(js_name = freeExport)]
    pub fn free_export(&self) {
        self.local.borrow_mut().free_export();
    }

    /// Ends an export, whether or not all was written.
    #[wasm_bindgen(js_name = endExport)]
    pub fn end_export(&self, now: f64) {
        self.local.borrow_mut().end_export(time(now));
    }

    /// Prepares an import; returns false if another one is under way.
    #[wasm_bindgen(js_name = beginImport)]
    pub fn begin_import(&self) -> bool {
        self.local.borrow_mut().begin_import()
    }

    /// Imports the first `len` bytes of the input, of a snapshot or a log; the first ones must be five at least. Returns
    /// how many keys there are by now. Throws what is damaged.
    #[wasm_bindgen(js_name = feedImport)]
    pub fn feed_import(&self, len: u32, now: f64) -> Result<f64, JsError> {
        let keys = self.local.borrow_mut().feed_import(len, time(now));
        keys.map(|keys| keys as f64).map_err(|damage| JsError::new(&damage))
    }

    /// Joins what was imported with the data; returns how many keys came, were replaced, skipped and had expired.
    /// Throws if the import was not whole: then nothing has changed.
    #[wasm_bindgen(js_name = endImport)]
    pub fn end_import(&self, replace: bool, now: f64) -> Result<Vec<f64>, JsError> {
        let absorbed = self.local.borrow_mut().end_import(replace, time(now));
        let Absorbed { keys, replaced, skipped, expired } =
            absorbed.map_err(|damage| JsError::new(&damage))?;
        Ok([keys, replaced, skipped, expired].map(|count| count as f64).to_vec())
    }

    /// Gives up an import.
    #[wasm_bindgen(js_name = dropImport)]
    pub fn drop_import(&self) {
        self.local.borrow_mut().drop_import();
    }

    /// Tells how many more bytes the browser would store.
    #[wasm_bindgen(js_name = setRoom)]
    pub fn set_room(&self, bytes: f64) {
        self.local.borrow_mut().with_keeper(|keeper, _, _| keeper.set_room(bytes as u64));
    }

    /// Stores what is not stored yet as soon as possible: the page may be about to go.
    pub fn hurry(&self) {
        self.local.borrow_mut().with_keeper(|keeper, _, _| keeper.hurry());
    }

    /// Stores what is not stored yet and closes the database; resolves to why something could not be stored.
    pub fn close(&self) -> Promise {
        Promise::new(&mut |resolve, _| {
            let mut local = self.local.borrow_mut();
            if local.with_keeper(|keeper, store, now| keeper.close(store, now)).is_none() {
                let _ = resolve.call0(&JsValue::NULL);
            } else {
                local.when_closed.push(resolve);
            }
        })
    }
}

#[wasm_bindgen]
extern "C" {
    /// Returns milliseconds since the page was opened, as finely as they are told. `Date.now()` counts whole ones.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn elapsed() -> f64;
}

/// How long a piece of a snapshot may be written. What is written is copied and handed to the browser besides, which may
/// take twice as long again: the page is to wait for 4 ms at the most.
const SLICE_MS: f64 = 1.0;

/// Reads JavaScript's milliseconds, with their fraction.
fn time(ms: f64) -> Time {
    // A microsecond is not a round number of milliseconds to a double.
    Time((ms * 1e3).round_ties_even() as u64)
}
