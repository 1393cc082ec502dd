//! Stacks: the values, calls and open variables of the main script and of coroutines.

use super::native::Task;
use super::proto::Proto;
use super::value::{ClosureId, ThreadId, UpvalueId, Value};

/// How many slots a function may address from its base; a stack always has as many left.
pub(super) const WINDOW: usize = 256;

/// What becomes of the results of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    /// So many go where the function was; all of them if negative.
    Call(i32),
    /// The same, by a `for` loop.
    Iterate(i32),
    /// The first goes into a register.
    Store(u8),
    /// The first decides the comparison before.
    Test,
    /// The first decides it, turned round.
    TestNot,
    /// Nobody wants them.
    Drop,
    /// The first replaces the last two operands of a concatenation, the first of which is this register.
    Concat(u8),
    /// The function in Rust below goes on with them.
    Task,
    /// The coroutine, or the script, is at its end.
    End,
}

impl Then {
    /// Returns whether a coroutine cannot yield across the call: the reference implementation recurses in C there.
    pub fn is_boundary(self) -> bool {
        !matches!(self, Then::Call(_) | Then::End)
    }
}

/// A call in progress.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub kind: Kind,
    pub then: Then,
    /// How many tail calls led here.
    pub tail_calls: u32,
    /// The next instruction; of a function in Rust, how many arguments it has.
    pub pc: u32,
    /// Where the function lies.
    pub func: u32,
    /// The first register or argument.
    pub base: u32,
    /// Behind the last value of a function in Rust.
    pub top: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lua {
        closure: ClosureId,
        proto: u32,
    },
    /// It has a state in `tasks`.
    Native,
}

impl Frame {
    pub fn closure(&self) -> Option<ClosureId> {
        match self.kind {
            Kind::Lua { closure, .. } => Some(closure),
            Kind::Native => None,
        }
    }
}

/// What a function in Rust is at while it waits for a call. The number is how deep in calls it began.
pub(super) enum State {
    /// `pcall`
    Protect(u32),
    /// `xpcall`: its handler is its second argument.
    Handle(u32),
    /// The handler of errors of the `xpcall` with this index among the frames.
    Handler(u32),
    /// `coroutine.resume`
    Resume(u32),
    /// A function made by `coroutine.wrap`
    Wrap(u32),
    /// A function's own
    Task(Box<dyn Task>),
}

/// A variable that functions share while its frame is alive.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub slot: u32,
    pub upvalue: UpvalueId,
}

/// A shared variable.
#[derive(Clone, Copy)]
pub(super) enum Upvalue {
    /// In this slot of the stack of this thread.
    Open(ThreadId, u32),
    Closed(Value),
}

impl Default for Upvalue {
    fn default() -> Self {
        Upvalue::Closed(Value::Nil)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Status {
    #[default]
    Suspended,
    Running,
    /// It has resumed another.
    Normal,
    Dead,
}

/// A coroutine, or the script itself.
#[derive(Default)]
pub(super) struct Thread {
    pub stack: Vec<Value>,
    pub frames: Vec<Frame>,
    /// The states of the frames of functions in Rust, in the same order.
    pub tasks: Vec<State>,
    /// By slot.
    pub open: Vec<Open>,
    pub status: Status,
    /// Who resumed it.
    pub parent: Option<ThreadId>,
    /// Behind the last value of an open list of results or arguments.
    pub top: usize,
    /// What to do with the values that it is resumed with, and where they go. `None` before its first instruction.
    pub waiting: Option<(Then, usize)>,
}

impl Thread {
    /// Returns how many bytes its values and states take.
    pub fn heap_bytes(&self) -> usize {
        let tasks = self.tasks.iter().map(|state| match state {
            State::Task(task) => task.heap_bytes(),
            _ => 0,
        });
        self.stack.len() * size_of::<Value>() + tasks.sum::<usize>()
    }

    /// Returns behind which slot nothing is alive.
    pub fn live_top(&self, protos: &[Proto]) -> usize {
        let end = self.frames.last().map_or(0, |frame| match frame.kind {
            Kind::Lua { proto, .. } => frame.base as usize + usize::from(protos[proto as usize].max_stack),
            Kind::Native => frame.top as usize,
        });
        end.max(self.top)
    }
}
