//! Lua 5.1 as Redis' scripts know it: compiler, machine, collector and libraries. It knows nothing of Redis.
//!
//! # What there is
//!
//! ```text
//! lexer, compiler/     source to instructions for registers, in one pass      → proto
//! vm                   runs the instructions; meta: values that are not two numbers; names: for error messages
//! call                 all other calls: functions in Rust, handlers, pcall, coroutines
//! value, table, heap   sixteen bytes a value; objects named by index; mark and sweep between instructions
//! thread               stacks: values, frames, states of functions in Rust
//! native               what a function in Rust is given: `Call`
//! lib/                 the libraries
//! ```
//!
//! Nothing a script does recurses on Rust's stack. `pcall`, metamethods, coroutines, and functions that call back, such
//! as `table.sort` and `string.gsub`, keep their state in frames, so a script can stop after any instruction, and in
//! the middle of a match or a sort.
//!
//! # How it is used
//!
//! An embedder makes a [`Lua`] with [`Limits`], registers functions of its own, and [seals](Lua::seal) the globals:
//!
//! ```
//! use redlet::lua::{Call, Fault, Limits, Lua, Outcome, Outside, Ret, Value};
//!
//! const ECHO: u32 = 0;
//!
//! /// What scripts reach of the embedder; it may borrow whatever it needs.
//! struct Host;
//!
//! impl Outside for Host {
//!     fn call(&mut self, function: u32, call: &mut Call<'_>) -> Result<Ret, Fault> {
//!         match function {
//!             ECHO => {
//!                 let text = call.str(0)?;             // "bad argument #1 to 'echo' (string expected, got nil)"
//!                 let table = call.table(0, 1)?;
//!                 call.set_name(table, "ok", Value::Str(text))?;
//!                 Ok(Ret::One(Value::Table(table)))
//!             }
//!             _ => Err(call.error("no such function")), // "user_script:1: no such function"
//!         }
//!     }
//! }
//!
//! let mut lua = Lua::new(Limits { memory: 64 << 20, seed: 1 }).unwrap();
//! let redis = lua.new_table(0, 4).unwrap();
//! let echo = lua.outside(ECHO).unwrap();
//! lua.set_name(redis, "echo", echo).unwrap();
//! lua.set_name(lua.globals(), "redis", Value::Table(redis)).unwrap();
//! lua.seal().unwrap();
//!
//! let function = lua.load(b"return redis.echo('hi').ok", b"@user_script").unwrap();
//! lua.start(function, &[]).unwrap();
//! let values = loop {
//!     match lua.run(10_000, &mut Host) {
//!         Outcome::Done(values) => break values,
//!         Outcome::Failed(failure) => panic!("{failure:?}"),
//!         Outcome::Paused => {}                         // or `lua.stop()`, and the script is no more
//!     }
//! };
//! let Value::Str(text) = values[0] else { panic!() };
//! assert_eq!(lua.bytes(text), b"hi");
//! ```
//!
//! - [`Lua::load`] compiles and keeps a chunk until [`Lua::unload`]; its error is the whole message with its place.
//!   [`Lua::start`] prepares a call, [`Lua::run`] goes on with it for a budget. Nothing in a script can notice or catch
//!   the end of a budget. [`Lua::stop`] ends what is under way; the interpreter is then as good as before.
//! - **Values** of strings, tables and functions are handles, meaningless in another `Lua`. They stay valid until the next
//!   `run`, `start`, [`Lua::make_room`] or [`Lua::collect`], and longer if a global, an argument or a table that is alive
//!   refers to them or if they are [pinned](Lua::pin): collections happen only in these calls. Within [`Outside::call`]
//!   everything stays valid until it returns.
//! - [`Lua::set`] and [`Lua::set_name`] write tables even if scripts may not: that is how `KEYS` and `ARGV` are set
//!   before each start. [`Lua::table`] gives a [`Table`] to read: [`Table::get`], [`Table::get_int`],
//!   [`Table::entries`], [`Table::border`]. None of them ask metatables, as Redis does not either.
//! - **In [`Outside::call`]** arguments are [`Call::arg`] (any value, nil beyond the last), [`Call::len`], and the checked
//!   ones [`Call::str`], [`Call::number`], [`Call::int`], [`Call::table_arg`], whose errors have the words of Lua's own.
//!   [`Call::text`] gives the bytes of strings and numbers as Lua prints them; Redis sends numbers to commands with 17
//!   digits: [`crate::base::number::format_float`]. Results are [`Ret::One`], [`Ret::None`], or [`Ret::Pushed`] after
//!   [`Call::push`].
//! - **Errors**: [`Call::error`] puts the place of the script before a message, as `luaL_error` does;
//!   [`Call::plain_error`] does not; [`Fault::Value`] throws any value, such as a table with `err`. `pcall` gives the text
//!   of a table's field `err` instead of the table, as Redis' does; `xpcall` and coroutines give the table. An error that
//!   nobody caught is a [`Failure`]: its value as thrown, and the chunk and line that Redis tells after `script: …, on`.
//!   The name of the chunk is as given to `load`, with its `@`. `error()` and `error({})` throw nil, or a table
//!   without `err`: there is nothing in them to print, and redis-server 7.0.15 crashes of the latter.
//! - **Random numbers** are the same in every new `Lua`, and go on from one script to the next, as redis-server's do.
//! - **Memory**: all that scripts make is counted before it is allocated, and `not enough memory` is an error that scripts
//!   can catch. After one that nobody caught the interpreter can be used again: [`Lua::make_room`] collects the garbage first.

mod arith;
mod call;
mod compiler;
mod embed;
mod heap;
mod lexer;
mod lib;
mod meta;
mod names;
mod native;
mod number;
mod proto;
mod table;
mod thread;
mod value;
mod vm;

use crate::base::sort;
use heap::Heap;
use lexer::Refusal;
use native::{Entry, Native};
use proto::Proto;
use thread::{Status, Then, Thread, WINDOW};
use vm::{Texts, Vm};

pub use heap::OutOfMemory;
pub use native::{Call, Fault, Ret};
pub use table::Table;
pub use value::{StrId, TableId, Value};

use value::ClosureId;

/// What a script may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the heap, everything included.
    pub memory: usize,
    /// What the hashes of strings depend on, so that nobody can choose strings whose hashes are equal. Scripts cannot
    /// see it.
    pub seed: u64,
}

/// What reaches out of the script: functions of the embedder, told apart by the numbers they were registered with.
pub trait Outside {
    /// Runs a function. Arguments and results are the call's.
    fn call(&mut self, function: u32, call: &mut Call<'_>) -> Result<Ret, Fault>;
}

/// A compiled chunk, alive until it is [dropped](Lua::unload).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function(ClosureId);

/// How a run ends.
#[derive(Debug)]
pub enum Outcome {
    /// The function has returned these values.
    Done(Vec<Value>),
    /// It has failed.
    Failed(Failure),
    /// The budget is spent; the next run goes on.
    Paused,
}

/// An error that nobody caught.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// What was thrown.
    pub value: Value,
    /// The name of the chunk and the line where it happened.
    pub place: Option<(StrId, u32)>,
}

/// What the machine does next.
enum Todo {
    /// Runs instructions.
    Run,
    /// Calls a value with the arguments behind it.
    Enter {
        func: usize,
        args: usize,
        then: Then,
        tail_calls: u32,
    },
    /// Gives results to who called.
    Finish {
        then: Then,
        func: usize,
        at: usize,
        n: usize,
    },
    /// Goes on with a function in Rust.
    Step(usize),
    Throw(Fault),
    Load {
        source: Vec<u8>,
        name: StrId,
        then: Then,
        func: usize,
    },
    Collect,
    Pause,
    PauseTask,
    Done {
        at: usize,
        n: usize,
    },
    Failed(Failure),
}

/// An interpreter: a heap, the globals, and at most one script under way.
pub struct Lua {
    protos: Vec<Proto>,
    free_protos: Vec<u32>,
    vm: Vm,
    pending: Option<Todo>,
}

impl Lua {
    /// Makes an interpreter with the libraries that Redis has.
    ///
    /// # Errors
    /// The limit has no room for them.
    pub fn new(limits: Limits) -> Result<Self, OutOfMemory> {
        let mut heap = Heap::new(limits.memory, limits.seed);
        let globals = heap.new_table(0, 64)?;
        let main = heap.new_thread(Thread::default())?;
        let pinned = |heap: &mut Heap, text: &str| -> Result<Value, OutOfMemory> {
            let value = heap.string(text.as_bytes())?;
            heap.pinned.push(value);
            Ok(value)
        };
        let texts = Texts {
            memory: pinned(&mut heap, "not enough memory")?,
            in_handler: pinned(&mut heap, "error in error handling")?,
            err: pinned(&mut heap, "err")?,
        };
        heap.pinned.extend([Value::Table(globals), Value::Thread(main)]);
        let thread = Thread::default();
        let vm = Vm {
            heap,
            thread,
            current: main,
            main,
            globals,
            depth: 0,
            random: lib::FIRST_RANDOM,
            texts,
            scratch: vec![],
        };
        let mut lua = Self { protos: vec![], free_protos: vec![], vm, pending: None };
        lib::open(&mut lua)?;
        Ok(lua)
    }

    /// Compiles a chunk. A name that begins with `@` or `=` is a name, any other one is the source to quote.
    ///
    /// # Errors
    /// The text of the error, with its place.
    pub fn load(&mut self, source: &[u8], name: &[u8]) -> Result<Function, Vec<u8>> {
        let name = self.vm.heap.intern(name).map_err(|_| NO_MEMORY.to_vec())?;
        match self.compile(source, name) {
            Ok(Value::Closure(id)) => {
                self.vm.heap.pinned.push(Value::Closure(id));
                Ok(Function(id))
            }
            Err(Refusal::Text(text)) => Err(text),
            _ => Err(NO_MEMORY.to_vec()),
        }
    }

    /// Lets go of a compiled chunk.
    pub fn unload(&mut self, function: Function) {
        self.unpin(Value::Closure(function.0));
    }

    /// Lets go of several compiled chunks, and frees what nothing else has.
    pub fn unload_all(&mut self, functions: &[Function]) {
        let mut gone: Vec<u32> = functions.iter().map(|function| function.0.0).collect();
        sort::sort(&mut gone);
        let is_gone =
            |value: &Value| matches!(value, Value::Closure(id) if gone.binary_search(&id.0).is_ok());
        self.vm.heap.pinned.retain(|value| !is_gone(value));
        self.collect();
    }

    fn compile(&mut self, source: &[u8], name: StrId) -> Result<Value, Refusal> {
        self.vm.heap.work(source.len() * 64);
        let compiled = compiler::compile(source, name, &mut self.vm.heap)?;
        let bytes = compiled.iter().map(Proto::heap_bytes).sum();
        self.vm.heap.charge(bytes)?;
        let mut places = vec![];
        for mut proto in compiled {
            for child in &mut proto.children {
                *child = places[*child as usize];
            }
            places.push(match self.free_protos.pop() {
                Some(at) => {
                    self.protos[at as usize] = proto;
                    at
                }
                None => {
                    self.protos.push(proto);
                    (self.protos.len() - 1) as u32
                }
            });
        }
        let chunk = *places.last().expect("a chunk is a function");
        Ok(Value::Closure(self.vm.heap.new_closure(chunk, Box::default())?))
    }

    /// Prepares the call of a function, in place of whatever was under way.
    ///
    /// # Errors
    /// There is no room for the arguments.
    pub fn start(&mut self, function: Function, args: &[Value]) -> Result<(), OutOfMemory> {
        self.call(Value::Closure(function.0), args)
    }

    /// Prepares the call of any value.
    ///
    /// # Errors
    /// There is no room for the arguments.
    pub fn call(&mut self, function: Value, args: &[Value]) -> Result<(), OutOfMemory> {
        self.stop();
        let vm = &mut self.vm;
        vm.reserve_stack(args.len() + 1 + WINDOW).map_err(|_| OutOfMemory)?;
        vm.thread.stack[0] = function;
        vm.thread.stack[1..=args.len()].copy_from_slice(args);
        vm.thread.status = Status::Running;
        // The reference implementation calls a script from C.
        vm.depth = 1;
        self.pending = Some(Todo::Enter { func: 0, args: args.len(), then: Then::End, tail_calls: 0 });
        Ok(())
    }

    /// Returns the chunk and the line where what has paused would go on.
    pub fn place(&self) -> Option<(StrId, u32)> {
        let mut frames = self.vm.thread.frames.iter().rev();
        frames.find_map(|frame| names::place_of(&self.protos, frame, frame.pc))
    }

    /// Ends what is under way.
    pub fn stop(&mut self) {
        let vm = &mut self.vm;
        if vm.current != vm.main {
            let main = std::mem::take(vm.heap.threads.at_mut(vm.main.0));
            *vm.heap.threads.at_mut(vm.current.0) = std::mem::replace(&mut vm.thread, main);
            vm.current = vm.main;
        }
        vm.close_upvalues(0);
        vm.thread.frames.clear();
        vm.thread.tasks.clear();
        vm.thread.top = 0;
        if vm.thread.stack.len() > STACK_KEPT {
            // One deep recursion should not take its memory from all scripts to come.
            vm.heap.refund((vm.thread.stack.len() - STACK_KEPT) * size_of::<Value>());
            vm.thread.stack.truncate(STACK_KEPT);
            vm.thread.stack.shrink_to_fit();
        }
        self.pending = None;
    }

    /// Goes on with what is under way, for about so many instructions.
    pub fn run(&mut self, budget: u64, outside: &mut dyn Outside) -> Outcome {
        // What the last run spent too much is missing from this one.
        let budget = i64::try_from(budget).unwrap_or(i64::MAX / 2);
        self.vm.heap.fuel = self.vm.heap.fuel.min(0).saturating_add(budget);
        let mut todo = self.pending.take().unwrap_or(Todo::Done { at: 0, n: 0 });
        loop {
            if matches!(todo, Todo::Run | Todo::Step(_)) {
                if self.vm.heap.wants_collection() {
                    self.collect();
                }
                if self.vm.heap.fuel < 0 {
                    self.pending = Some(todo);
                    return Outcome::Paused;
                }
            }
            todo = match todo {
                Todo::Run => self.vm.execute(&self.protos, outside),
                Todo::Load { source, name, then, func } => {
                    let result = self.compile(&source, name);
                    self.vm.heap.refund(source.capacity());
                    self.vm.loaded(result, then, func)
                }
                Todo::Collect => {
                    self.collect();
                    Todo::Run
                }
                Todo::Pause => {
                    self.pending = Some(Todo::Run);
                    return Outcome::Paused;
                }
                Todo::PauseTask => {
                    self.pending = Some(Todo::Step(0));
                    return Outcome::Paused;
                }
                Todo::Done { at, n } => {
                    let values = self.vm.thread.stack.get(at..at + n).map_or(vec![], <[Value]>::to_vec);
                    self.vm.thread.top = at + n;
                    return Outcome::Done(values);
                }
                Todo::Failed(failure) => {
                    self.vm.close_upvalues(0);
                    self.vm.thread.frames.clear();
                    self.vm.thread.tasks.clear();
                    return Outcome::Failed(failure);
                }
                other => self.vm.advance(&self.protos, outside, other),
            };
        }
    }

    /// Frees what no script can reach.
    pub fn collect(&mut self) {
        let roots = [Value::Thread(self.vm.current)];
        self.vm.heap.collect(&self.protos, &mut self.vm.thread, &roots);
        for (at, used) in self.vm.heap.protos.iter().enumerate() {
            let proto = &mut self.protos[at];
            if !used && proto.source.is_some() {
                *proto = Proto::default();
                self.free_protos.push(at as u32);
            }
        }
    }

    /// Ends what is under way, and frees what no script can reach if there is little room: for those who are about to make
    /// values, or to compile.
    pub fn make_room(&mut self) {
        self.stop();
        if self.vm.heap.wants_collection() {
            self.collect();
        }
    }

    // Values ------------------------------------------------------------------------------------------------------

    /// Returns how many bytes are in use.
    pub fn memory(&self) -> usize {
        self.vm.heap.used()
    }

    /// Sets another limit of memory. What is above it stays until it is collected.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.vm.heap.limit(bytes);
    }

    /// Returns the table of global variables.
    pub fn globals(&self) -> TableId {
        self.vm.globals
    }

    /// Returns the bytes of a string.
    pub fn bytes(&self, id: StrId) -> &[u8] {
        self.vm.heap.str(id)
    }

    /// Returns a table to look at.
    pub fn table(&self, id: TableId) -> &Table {
        self.vm.heap.table(id)
    }

    /// Makes a string.
    ///
    /// # Errors
    /// There is no room.
    pub fn string(&mut self, bytes: &[u8]) -> Result<Value, OutOfMemory> {
        self.vm.heap.string(bytes)
    }

    /// Makes a table with room for so many keys in its two parts.
    ///
    /// # Errors
    /// There is no room.
    pub fn new_table(&mut self, array: usize, hash: usize) -> Result<TableId, OutOfMemory> {
        self.vm.heap.new_table(array, hash)
    }

    /// Sets a table's key, read-only or not. The key is neither nil nor NaN.
    ///
    /// # Errors
    /// There is no room.
    pub fn set(&mut self, table: TableId, key: Value, value: Value) -> Result<(), OutOfMemory> {
        self.vm.heap.set(table, key, value)
    }

    /// Sets the key that a text names.
    ///
    /// # Errors
    /// There is no room.
    pub fn set_name(&mut self, table: TableId, name: &str, value: Value) -> Result<(), OutOfMemory> {
        self.vm.heap.set_name(table, name, value)
    }

    /// Makes a function that is [`Outside`]'s.
    ///
    /// # Errors
    /// There is no room.
    pub fn outside(&mut self, number: u32) -> Result<Value, OutOfMemory> {
        self.native(Entry::Outside(number), &[])
    }

    fn native(&mut self, entry: Entry, upvalues: &[Value]) -> Result<Value, OutOfMemory> {
        let native = Native { entry, upvalues: upvalues.into() };
        Ok(Value::Native(self.vm.heap.new_native(native)?))
    }

    /// Closes the globals as Redis does: reading one that does not exist is an error, and neither the globals nor
    /// any table that can be reached from them may be changed by scripts.
    ///
    /// # Errors
    /// There is no room.
    pub fn seal(&mut self) -> Result<(), OutOfMemory> {
        let meta = self.vm.heap.new_table(0, 1)?;
        let guard = self.native(Entry::Own(lib::missing_global), &[])?;
        self.set_name(meta, "__index", guard)?;
        let globals = self.vm.globals;
        self.vm.set_metatable(globals, Some(meta));
        let mut waiting = vec![globals];
        waiting.extend(self.vm.heap.string_meta);
        while let Some(id) = waiting.pop() {
            let table = self.vm.heap.table_mut(id);
            if std::mem::replace(&mut table.readonly, true) {
                continue;
            }
            waiting.extend(table.meta);
            waiting.extend(table.entries().filter_map(|(_, value)| match value {
                Value::Table(id) => Some(id),
                _ => None,
            }));
        }
        Ok(())
    }

    /// Keeps a value alive until it is [unpinned](Self::unpin).
    pub fn pin(&mut self, value: Value) {
        self.vm.heap.pinned.push(value);
    }

    /// Lets go of a value that was pinned, once for each time.
    pub fn unpin(&mut self, value: Value) {
        let pinned = &mut self.vm.heap.pinned;
        if let Some(at) = pinned.iter().rposition(|other| *other == value) {
            pinned.swap_remove(at);
        }
    }

    /// Makes a table read-only for scripts, or changeable.
    pub fn set_readonly(&mut self, table: TableId, readonly: bool) {
        self.vm.heap.table_mut(table).readonly = readonly;
    }
}

/// How many slots of the stack are kept from one script to the next.
const STACK_KEPT: usize = 8 * WINDOW;

const NO_MEMORY: &[u8] = b"not enough memory";
