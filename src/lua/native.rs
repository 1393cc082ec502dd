//! Functions written in Rust: what they are given, and how they answer, call back, wait and fail.

pub(super) use crate::base::number::{to_int, to_unsigned};

use super::heap::{Event, OutOfMemory};
use super::proto::Proto;
use super::value::{StrId, TableId, ThreadId, Value};
use super::vm::Vm;

/// How a function in Rust is entered.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// One of ours.
    Own(NativeFn),
    /// The embedder's: a number that [`Outside`](super::Outside) understands.
    Outside(u32),
}

pub(super) type NativeFn = fn(&mut Call<'_>) -> Result<Ret, Fault>;

/// A function written in Rust, with values of its own.
pub(super) struct Native {
    pub entry: Entry,
    pub upvalues: Box<[Value]>,
}

impl Default for Native {
    fn default() -> Self {
        Self { entry: Entry::Outside(u32::MAX), upvalues: Box::default() }
    }
}

/// An error on its way to whoever catches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// `error(value)`.
    Value(Value),
    /// The heap is full.
    Memory,
    /// Even what handles errors is too deep in calls.
    InHandler,
}

impl From<OutOfMemory> for Fault {
    fn from(_: OutOfMemory) -> Self {
        Fault::Memory
    }
}

/// How a function in Rust ends, or goes on.
pub enum Ret {
    None,
    One(Value),
    /// The last so many values that were [pushed](Call::push).
    Pushed(usize),
    /// The rest is between the library and the machine.
    More(More),
}

/// What the machine does for a function in Rust.
pub struct More(pub(super) Then);

pub(super) enum Then {
    /// Calls the function pushed before the last so many values; then the task goes on.
    Call(usize, Option<Box<dyn Task>>),
    /// Calls it as `pcall` does, or with a handler as `xpcall`.
    Protect(usize, bool),
    /// The fuel is spent: the task goes on later.
    Pause(Option<Box<dyn Task>>),
    /// Gives the last so many values to a coroutine, on behalf of a function that wraps it or not.
    Resume(ThreadId, usize, bool),
    Yield(usize),
    /// Compiles a source under a name.
    Load(Vec<u8>, StrId),
}

impl Ret {
    pub(super) fn call(args: usize, task: Box<dyn Task>) -> Self {
        Ret::More(More(Then::Call(args, Some(task))))
    }

    /// For a task that is under way.
    pub(super) fn call_again(args: usize) -> Self {
        Ret::More(More(Then::Call(args, None)))
    }

    pub(super) fn more(then: Then) -> Self {
        Ret::More(More(then))
    }
}

/// A function in Rust that waits for calls it makes.
pub(super) trait Task {
    /// Goes on with the results of the call, which are the last `results` values on the stack.
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault>;

    /// Returns how many bytes it has allocated.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// Hands the results of a call on as its own.
pub(super) struct PassOn;

impl Task for PassOn {
    fn step(&mut self, _: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        Ok(Ret::Pushed(results))
    }
}

/// A call of a function in Rust: its arguments, and a stack to push results on.
pub struct Call<'a> {
    pub(super) vm: &'a mut Vm,
    pub(super) protos: &'a [Proto],
    /// Where the function lies; arguments follow.
    pub(super) func: usize,
    pub(super) args: usize,
    /// Behind the last value pushed.
    pub(super) top: usize,
    /// Whether the function has a frame by itself.
    pub(super) framed: bool,
}

impl Call<'_> {
    /// Returns how many arguments there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.args
    }

    /// Returns whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.args == 0
    }

    /// Returns an argument, counted from 0; nil if there are fewer.
    #[inline]
    pub fn arg(&self, i: usize) -> Value {
        if i < self.args { self.vm.thread.stack[self.func + 1 + i] } else { Value::Nil }
    }

    pub(super) fn set_arg(&mut self, i: usize, value: Value) {
        self.vm.thread.stack[self.func + 1 + i] = value;
    }

    /// Returns the function's own value.
    pub(super) fn upvalue(&self, i: usize) -> Value {
        match self.vm.thread.stack[self.func] {
            Value::Native(id) => self.vm.heap.natives.at(id.0).upvalues.get(i).copied().unwrap_or_default(),
            _ => Value::Nil,
        }
    }

    pub(super) fn set_upvalue(&mut self, i: usize, value: Value) {
        if let Value::Native(id) = self.vm.thread.stack[self.func] {
            self.vm.heap.natives.at_mut(id.0).upvalues[i] = value;
        }
    }

    /// Pushes a value.
    pub fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.top >= self.vm.thread.stack.len() {
            self.vm.grow_stack(self.top)?;
        }
        self.vm.thread.stack[self.top] = value;
        self.top += 1;
        Ok(())
    }

    /// Returns the last but `back` value pushed.
    pub(super) fn pushed(&self, back: usize) -> Value {
        self.vm.thread.stack[self.top - 1 - back]
    }

    /// Forgets the last values pushed.
    pub(super) fn pop(&mut self, n: usize) {
        self.top -= n;
    }

    // Values ------------------------------------------------------------------------------------------------------

    /// Returns the bytes of a string.
    pub fn bytes(&self, id: StrId) -> &[u8] {
        self.vm.heap.str(id)
    }

    /// Returns a string as a value.
    pub fn string(&mut self, bytes: &[u8]) -> Result<Value, Fault> {
        Ok(self.vm.heap.string(bytes)?)
    }

    /// Does the same with bytes that need not be copied.
    pub fn string_from(&mut self, bytes: Vec<u8>) -> Result<Value, Fault> {
        Ok(Value::Str(self.vm.heap.intern_vec(bytes)?))
    }

    /// Makes a table with room for so many keys in its two parts.
    pub fn table(&mut self, array: usize, hash: usize) -> Result<TableId, Fault> {
        Ok(self.vm.heap.new_table(array, hash)?)
    }

    /// Returns the value of a table's key, without metatables.
    pub fn get(&self, table: TableId, key: Value) -> Value {
        self.vm.heap.table(table).get(key)
    }

    /// Returns the value of the key that a text names.
    pub fn get_name(&mut self, table: TableId, name: &str) -> Result<Value, Fault> {
        let key = self.string(name.as_bytes())?;
        Ok(self.get(table, key))
    }

    /// Returns the value of an integer key.
    pub fn get_int(&self, table: TableId, key: usize) -> Value {
        self.vm.heap.table(table).get_int(key)
    }

    /// Sets a table's key, without metatables. The key is neither nil nor NaN.
    pub fn set(&mut self, table: TableId, key: Value, value: Value) -> Result<(), Fault> {
        Ok(self.vm.heap.set(table, key, value)?)
    }

    /// Sets the key that a text names.
    pub fn set_name(&mut self, table: TableId, name: &str, value: Value) -> Result<(), Fault> {
        Ok(self.vm.heap.set_name(table, name, value)?)
    }

    /// Sets an integer key.
    pub fn set_int(&mut self, table: TableId, key: usize, value: Value) -> Result<(), Fault> {
        Ok(self.vm.heap.set_int(table, key, value)?)
    }

    /// Keeps a value alive after the script, until [`Lua::unpin`](super::Lua::unpin).
    pub fn pin(&mut self, value: Value) {
        self.vm.heap.pinned.push(value);
    }

    /// Returns a border of a table: how many elements a list has.
    pub fn len_of(&self, table: TableId) -> usize {
        self.vm.heap.table(table).border()
    }

    /// Returns an argument as the bytes that it has as a string: numbers are printed. `None` for other types.
    pub fn text(&self, value: Value) -> Option<Vec<u8>> {
        match value {
            Value::Str(id) => Some(self.bytes(id).to_vec()),
            Value::Number(number) => Some(super::number::format(number).to_vec()),
            _ => None,
        }
    }

    /// Counts bytes of a buffer that is about to grow.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        Ok(self.vm.heap.charge(bytes)?)
    }

    /// Counts work in proportion to bytes, against the budget.
    pub fn work(&mut self, bytes: usize) {
        self.vm.heap.work(bytes);
    }

    // Errors ------------------------------------------------------------------------------------------------------

    /// Returns an error with a message, preceded by where the script is.
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Fault {
        let mut text = vec![];
        self.push_position(&mut text, 1);
        text.extend_from_slice(message.as_ref());
        self.plain_error(text)
    }

    /// Returns an error with nothing but a message.
    pub fn plain_error(&mut self, message: impl AsRef<[u8]>) -> Fault {
        self.vm.fault(message.as_ref())
    }

    /// Returns the error that an argument, counted from 0, is not what it should be.
    pub fn arg_error(&mut self, i: usize, message: &str) -> Fault {
        self.numbered_error(i as i64 + 1, message)
    }

    /// Returns the error that an argument, counted from 1, is not what it should be.
    pub(super) fn numbered_error(&mut self, number: i64, message: &str) -> Fault {
        let mut text = vec![];
        self.push_position(&mut text, 1);
        let (name, method) = self.own_name();
        let number = match (number, method) {
            (1, true) => {
                text.extend_from_slice(b"calling '");
                text.extend_from_slice(&name);
                text.extend_from_slice(b"' on bad self (");
                text.extend_from_slice(message.as_bytes());
                text.push(b')');
                return self.plain_error(text);
            }
            (number, true) => number - 1,
            (number, false) => number,
        };
        text.extend_from_slice(b"bad argument #");
        crate::base::number::push_int(&mut text, number);
        text.extend_from_slice(b" to '");
        text.extend_from_slice(&name);
        text.extend_from_slice(b"' (");
        text.extend_from_slice(message.as_bytes());
        text.push(b')');
        self.plain_error(text)
    }

    /// Returns the error that an argument has another type than the one named.
    pub fn type_error(&mut self, i: usize, wanted: &str) -> Fault {
        let actual = if i < self.args { self.arg(i).type_name() } else { "no value" };
        self.arg_error(i, &[wanted, " expected, got ", actual].concat())
    }

    // Arguments ---------------------------------------------------------------------------------------------------

    pub(super) fn any(&mut self, i: usize) -> Result<Value, Fault> {
        if i < self.args { Ok(self.arg(i)) } else { Err(self.arg_error(i, "value expected")) }
    }

    /// Returns an argument that is a table.
    pub fn table_arg(&mut self, i: usize) -> Result<TableId, Fault> {
        match self.arg(i) {
            Value::Table(id) => Ok(id),
            _ => Err(self.type_error(i, "table")),
        }
    }

    pub(super) fn check_writable(&mut self, table: TableId) -> Result<(), Fault> {
        if self.vm.heap.table(table).readonly {
            return Err(self.plain_error("Attempt to modify a readonly table"));
        }
        Ok(())
    }

    /// Returns an argument that is a number, or a string that can be read as one.
    #[inline]
    pub fn number(&mut self, i: usize) -> Result<f64, Fault> {
        match self.arg(i) {
            Value::Number(number) => Ok(number),
            value => match self.vm.to_number(value) {
                Some(number) => Ok(number),
                None => Err(self.type_error(i, "number")),
            },
        }
    }

    /// Returns an integer argument, converted as C's `(ptrdiff_t)` of a double is on x86-64.
    pub fn int(&mut self, i: usize) -> Result<i64, Fault> {
        Ok(to_int(self.number(i)?))
    }

    /// Returns an integer argument, or another number if it is absent or nil.
    pub fn int_or(&mut self, i: usize, default: i64) -> Result<i64, Fault> {
        if self.arg(i).is_nil() { Ok(default) } else { self.int(i) }
    }

    /// Returns an argument as a string, made of a number if it is one.
    #[inline]
    pub fn str(&mut self, i: usize) -> Result<StrId, Fault> {
        match self.arg(i) {
            Value::Str(id) => Ok(id),
            Value::Number(number) => {
                let id = self.vm.heap.intern(&super::number::format(number))?;
                self.set_arg(i, Value::Str(id));
                Ok(id)
            }
            _ => Err(self.type_error(i, "string")),
        }
    }

    /// Returns what a value's metatable has for an event.
    pub(super) fn handler(&mut self, value: Value, event: Event) -> Value {
        self.vm.heap.handler_of(value, event)
    }
}
