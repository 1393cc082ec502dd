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

mod local;
mod panic;
mod scratch;

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::base::time::Time;
use local::{Local, Options};

/// An engine in JavaScript's own thread.
#[wasm_bindgen]
pub struct Redlet {
    local: Rc<RefCell<Local>>,
}

#[wasm_bindgen]
impl Redlet {
    /// Makes an empty engine. `options` is `{ config: { [parameter]: value } }`; throws what is wrong with it.
    ///
    /// `poisoned` is called with a text when the engine has panicked or memory is exhausted. Nothing of this module may
    /// be called after that.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue, poisoned: js_sys::Function) -> Result<Redlet, JsError> {
        panic::report_to(poisoned);
        let options: Options = serde_wasm_bindgen::from_value(options)?;
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|error| JsError::new(&error.to_string()))?;
        let local = Local::new(&options, u128::from_le_bytes(seed)).map_err(|error| JsError::new(&error))?;
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
    /// That one is zero if there will be none, after CLIENT REPLY OFF.
    pub fn call(&self, session: u32, now: f64) -> u32 {
        self.local.borrow_mut().call(session, time(now))
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
}

/// Reads JavaScript's milliseconds, with their fraction.
fn time(ms: f64) -> Time {
    Time((ms * 1e3) as u64)
}
