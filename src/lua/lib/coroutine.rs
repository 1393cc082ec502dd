//! Coroutines.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Entry, Fault, Native, Ret, Then};
use crate::lua::thread::{Status, Thread, WINDOW};
use crate::lua::value::{ThreadId, Value};
use crate::lua::vm::C_CALLS;

const FUNCTIONS: super::Functions = &[
    ("create", create),
    ("resume", resume),
    ("running", running),
    ("status", status),
    ("wrap", wrap),
    ("yield", yield_values),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    super::library(lua, "coroutine", FUNCTIONS).map(drop)
}

fn new_thread(call: &mut Call<'_>) -> Result<ThreadId, Fault> {
    let function @ Value::Closure(_) = call.arg(0) else {
        if matches!(call.arg(0), Value::Native(_)) || !call.is_empty() {
            return Err(call.arg_error(0, "Lua function expected"));
        }
        return Err(call.arg_error(0, "Lua function expected"));
    };
    let size = 2 * WINDOW + 64;
    let mut thread = Thread { stack: vec![], ..Thread::default() };
    thread.stack.reserve_exact(size);
    thread.stack.resize(size, Value::Nil);
    thread.stack[0] = function;
    thread.top = 1;
    Ok(call.vm.heap.new_thread(thread)?)
}

fn create(call: &mut Call<'_>) -> Result<Ret, Fault> {
    Ok(Ret::One(Value::Thread(new_thread(call)?)))
}

fn wrap(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let thread = Value::Thread(new_thread(call)?);
    let native = Native { entry: Entry::Own(resume_wrapped), upvalues: [thread].into() };
    Ok(Ret::One(Value::Native(call.vm.heap.new_native(native)?)))
}

/// Returns why a coroutine cannot be resumed, if so.
fn refusal(call: &mut Call<'_>, thread: ThreadId) -> Option<&'static str> {
    match state(call, thread) {
        Status::Suspended if call.vm.depth >= C_CALLS - 1 => Some("C stack overflow"),
        Status::Suspended => None,
        Status::Running => Some("cannot resume running coroutine"),
        Status::Normal => Some("cannot resume normal coroutine"),
        Status::Dead => Some("cannot resume dead coroutine"),
    }
}

fn state(call: &Call<'_>, thread: ThreadId) -> Status {
    if thread == call.vm.current { Status::Running } else { call.vm.heap.threads.at(thread.0).status }
}

fn thread_arg(call: &mut Call<'_>) -> Result<ThreadId, Fault> {
    match call.arg(0) {
        Value::Thread(thread) => Ok(thread),
        _ => Err(call.arg_error(0, "coroutine expected")),
    }
}

fn resume(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let thread = thread_arg(call)?;
    if let Some(message) = refusal(call, thread) {
        call.push(Value::Bool(false))?;
        let message = call.string(message.as_bytes())?;
        call.push(message)?;
        return Ok(Ret::Pushed(2));
    }
    Ok(Ret::more(Then::Resume(thread, call.len() - 1, false)))
}

fn resume_wrapped(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let Value::Thread(thread) = call.upvalue(0) else { return Ok(Ret::None) };
    if let Some(message) = refusal(call, thread) {
        return Err(call.error(message));
    }
    Ok(Ret::more(Then::Resume(thread, call.len(), true)))
}

fn yield_values(call: &mut Call<'_>) -> Result<Ret, Fault> {
    Ok(Ret::more(Then::Yield(call.len())))
}

fn status(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let thread = thread_arg(call)?;
    let name: &[u8] = match state(call, thread) {
        Status::Suspended => b"suspended",
        Status::Running => b"running",
        Status::Normal => b"normal",
        Status::Dead => b"dead",
    };
    Ok(Ret::One(call.string(name)?))
}

fn running(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let current = call.vm.current;
    Ok(Ret::One(if current == call.vm.main { Value::Nil } else { Value::Thread(current) }))
}
