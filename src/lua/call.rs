//! Calls that are more than one Lua function calling another: functions in Rust, handlers, coroutines, errors.

use super::heap::Event;
use super::lexer::Refusal;
use super::native::{Call, Entry, Fault, More, Ret, Then as Wish};
use super::proto::{COND, Proto};
use super::thread::{Frame, Kind, State, Status, Then};
use super::value::{StrId, ThreadId, Value};
use super::vm::{C_CALLS, Vm};
use super::{Failure, Outside, Todo, names};

impl Vm {
    /// Carries out what is neither instructions nor the business of [`Lua`](super::Lua).
    pub(super) fn advance(&mut self, protos: &[Proto], outside: &mut dyn Outside, todo: Todo) -> Todo {
        match todo {
            Todo::Enter { func, args, then, tail_calls } => {
                self.enter(protos, outside, func, args, then, tail_calls)
            }
            Todo::Finish { then, func, at, n } => self.finish(protos, then, func, at, n),
            Todo::Step(n) => self.step(protos, n),
            Todo::Throw(fault) => self.throw(protos, fault),
            other => other,
        }
    }

    fn enter(
        &mut self,
        protos: &[Proto],
        outside: &mut dyn Outside,
        func: usize,
        mut args: usize,
        then: Then,
        tail_calls: u32,
    ) -> Todo {
        if let Err(fault) = self.count(protos, then) {
            return Todo::Throw(fault);
        }
        self.heap.fuel -= 1;
        if !matches!(self.thread.stack[func], Value::Closure(_) | Value::Native(_)) {
            let object = self.thread.stack[func];
            let handler = self.heap.handler_of(object, Event::Call);
            if !matches!(handler, Value::Closure(_) | Value::Native(_)) {
                let operand = match then {
                    Then::Call(_) => names::Operand::Target,
                    _ => names::Operand::None,
                };
                return Todo::Throw(self.type_fault(protos, "call", object, operand));
            }
            if let Err(fault) = self.reserve_stack(func + args + 2) {
                return Todo::Throw(fault);
            }
            self.thread.stack.copy_within(func..=func + args, func + 1);
            self.thread.stack[func] = handler;
            args += 1;
        }
        match self.thread.stack[func] {
            Value::Closure(id) => match self.push_lua(protos, id, func, args, then, tail_calls) {
                Ok(()) => Todo::Run,
                Err(fault) => Todo::Throw(fault),
            },
            Value::Native(id) => {
                let entry = self.native(id);
                let mut call = Call { vm: self, protos, func, args, top: func + 1 + args, framed: false };
                let ret = match entry {
                    Entry::Own(function) => function(&mut call),
                    Entry::Outside(number) => outside.call(number, &mut call),
                };
                let top = call.top;
                match ret {
                    Ok(Ret::None) => Todo::Finish { then, func, at: func, n: 0 },
                    Ok(Ret::One(value)) => {
                        self.thread.stack[func] = value;
                        Todo::Finish { then, func, at: func, n: 1 }
                    }
                    Ok(Ret::Pushed(n)) => Todo::Finish { then, func, at: top - n, n },
                    Ok(Ret::More(more)) => self.more_counted(more, func, args, top, then),
                    Err(fault) => Todo::Throw(fault),
                }
            }
            _ => Todo::Throw(Fault::InHandler),
        }
    }

    /// Counts a call across which the reference implementation recurses in C.
    fn count(&mut self, protos: &[Proto], then: Then) -> Result<(), Fault> {
        if !then.is_boundary() {
            return Ok(());
        }
        self.depth += 1;
        match self.depth {
            C_CALLS => Err(self.fault_here(protos, "C stack overflow")),
            depth if depth >= C_CALLS + C_CALLS / 8 => Err(Fault::InHandler),
            _ => Ok(()),
        }
    }

    /// Does what a function in Rust wants that was called by an instruction.
    pub(super) fn more(&mut self, more: More, func: usize, args: usize, top: usize, then: Then) -> Todo {
        if then.is_boundary() {
            self.depth += 1;
        }
        self.more_counted(more, func, args, top, then)
    }

    fn more_counted(&mut self, More(wish): More, func: usize, args: usize, top: usize, then: Then) -> Todo {
        let frame = |top: usize| Frame {
            kind: Kind::Native,
            then,
            tail_calls: 0,
            pc: args as u32,
            func: func as u32,
            base: func as u32 + 1,
            top: top as u32,
        };
        match wish {
            Wish::Call(n, task) => {
                let task = task.unwrap_or_else(|| Box::new(super::native::PassOn));
                self.thread.frames.push(frame(top - n - 1));
                self.thread.tasks.push(State::Task(task));
                Todo::Enter { func: top - n - 1, args: n, then: Then::Task, tail_calls: 0 }
            }
            Wish::Protect(n, handled) => {
                let depth = self.depth;
                self.thread.frames.push(frame(top - n - 1));
                self.thread.tasks.push(if handled { State::Handle(depth) } else { State::Protect(depth) });
                Todo::Enter { func: top - n - 1, args: n, then: Then::Task, tail_calls: 0 }
            }
            Wish::Pause(task) => {
                self.thread.frames.push(frame(top));
                self.thread.top = top;
                self.thread.tasks.extend(task.map(State::Task));
                Todo::PauseTask
            }
            Wish::Resume(thread, n, wrapped) => {
                let depth = self.depth;
                self.thread.frames.push(frame(top - n));
                self.thread.tasks.push(if wrapped { State::Wrap(depth) } else { State::Resume(depth) });
                self.resume(thread, top - n, n)
            }
            Wish::Yield(n) => {
                let mut frames = self.thread.frames.iter();
                self.heap.fuel -= frames.len() as i64 / 16;
                let inside = self.thread.frames.last().is_some_and(|frame| frame.kind == Kind::Native);
                if self.current == self.main
                    || inside
                    || then.is_boundary()
                    || frames.any(|frame| frame.then.is_boundary())
                {
                    return Todo::Throw(self.fault(b"attempt to yield across metamethod/C-call boundary"));
                }
                self.yield_values(then, func, top - n, n)
            }
            Wish::Load(source, name) => Todo::Load { source, name, then, func },
        }
    }

    /// Gives the results of a call to whoever wanted them.
    fn finish(&mut self, protos: &[Proto], then: Then, func: usize, at: usize, n: usize) -> Todo {
        if then.is_boundary() {
            self.depth -= 1;
        }
        let first = if n > 0 { self.thread.stack[at] } else { Value::Nil };
        match then {
            Then::Call(want) | Then::Iterate(want) => {
                self.thread.stack.copy_within(at..at + n, func);
                if want < 0 {
                    self.thread.top = func + n;
                    if let Err(fault) = self.reserve_stack(func + n) {
                        return Todo::Throw(fault);
                    }
                } else if n < want as usize {
                    self.thread.stack[func + n..func + want as usize].fill(Value::Nil);
                }
            }
            Then::Store(register) => self.set_register(register, first),
            Then::Test => self.decide(protos, first.truth()),
            Then::TestNot => self.decide(protos, !first.truth()),
            Then::Drop => {}
            Then::Concat(register) => {
                self.set_register(register, first);
                return self.concat_on(protos, register);
            }
            Then::Task => {
                self.thread.stack.copy_within(at..at + n, func);
                self.thread.top = func + n;
                return Todo::Step(n);
            }
            Then::End if self.current == self.main => return Todo::Done { at, n },
            Then::End => {
                self.thread.status = Status::Dead;
                return self.hand_over(at, n);
            }
        }
        Todo::Run
    }

    fn set_register(&mut self, register: u8, value: Value) {
        if let Some(frame) = self.thread.frames.last() {
            self.thread.stack[frame.base as usize + usize::from(register)] = value;
        }
    }

    /// Goes on after a comparison.
    fn decide(&mut self, protos: &[Proto], truth: bool) {
        let Some(frame) = self.thread.frames.last_mut() else { return };
        let Kind::Lua { proto, .. } = frame.kind else { return };
        let i = protos[proto as usize].code[frame.pc as usize - 1];
        if truth == (i.b & COND != 0) {
            frame.pc = i.c as u32;
        }
    }

    fn concat_on(&mut self, protos: &[Proto], register: u8) -> Todo {
        let Some(frame) = self.thread.frames.last() else { return Todo::Run };
        let Kind::Lua { proto, .. } = frame.kind else { return Todo::Run };
        let i = protos[proto as usize].code[frame.pc as usize - 1];
        let base = frame.base as usize;
        match self.concat(protos, base, i.b as u8, register) {
            Ok(None) => {
                let value = self.thread.stack[base + usize::from(i.b)];
                self.set_register(i.a, value);
                Todo::Run
            }
            Ok(Some((function, args, register))) => {
                self.call_handler(protos, function, args, 2, Then::Concat(register))
            }
            Err(fault) => Todo::Throw(fault),
        }
    }

    /// A function in Rust goes on with the results of its call, which are the last values of the stack.
    fn step(&mut self, protos: &[Proto], n: usize) -> Todo {
        let top = self.thread.top;
        let (Some(frame), Some(state)) = (self.thread.frames.last().copied(), self.thread.tasks.pop()) else {
            return Todo::Throw(Fault::InHandler);
        };
        let func = frame.func as usize;
        let mut task = match state {
            State::Protect(_) | State::Handle(_) => {
                self.thread.stack.copy_within(top - n..top, func + 1);
                self.thread.stack[func] = Value::Bool(true);
                self.thread.frames.pop();
                return Todo::Finish { then: frame.then, func, at: func, n: n + 1 };
            }
            State::Handler(at) => {
                let value = if n > 0 { self.thread.stack[top - n] } else { Value::Nil };
                return self.unwind(at as usize, value);
            }
            State::Resume(_) | State::Wrap(_) => return Todo::Throw(Fault::InHandler),
            State::Task(task) => task,
        };
        let args = frame.pc as usize;
        let mut call = Call { vm: self, protos, func, args, top, framed: true };
        let ret = task.step(&mut call, n);
        let top = call.top;
        let (at, n) = match ret {
            Ok(Ret::More(More(wish))) => return self.step_more(wish, task, top),
            Err(fault) => {
                self.thread.tasks.push(State::Task(task));
                return Todo::Throw(fault);
            }
            Ok(Ret::None) => (top, 0),
            Ok(Ret::One(value)) => {
                self.thread.stack[func] = value;
                (func, 1)
            }
            Ok(Ret::Pushed(n)) => (top - n, n),
        };
        self.thread.frames.pop();
        Todo::Finish { then: frame.then, func, at, n }
    }

    fn step_more(&mut self, wish: Wish, task: Box<dyn super::native::Task>, top: usize) -> Todo {
        let frame = self.thread.frames.last_mut().expect("the task has one");
        match wish {
            Wish::Call(n, other) => {
                frame.top = (top - n - 1) as u32;
                self.thread.tasks.push(State::Task(other.unwrap_or(task)));
                Todo::Enter { func: top - n - 1, args: n, then: Then::Task, tail_calls: 0 }
            }
            Wish::Pause(other) => {
                frame.top = top as u32;
                self.thread.top = top;
                self.thread.tasks.push(State::Task(other.unwrap_or(task)));
                Todo::PauseTask
            }
            Wish::Load(source, name) => {
                let frame = *frame;
                self.thread.frames.pop();
                Todo::Load { source, name, then: frame.then, func: frame.func as usize }
            }
            Wish::Protect(..) | Wish::Resume(..) | Wish::Yield(_) => Todo::Throw(Fault::InHandler),
        }
    }

    // Errors ------------------------------------------------------------------------------------------------------

    /// Looks for who catches an error.
    fn throw(&mut self, protos: &[Proto], fault: Fault) -> Todo {
        let value = match fault {
            Fault::Value(value) => value,
            Fault::Memory => self.texts.memory,
            Fault::InHandler => self.texts.in_handler,
        };
        let mut task = self.thread.tasks.len();
        for at in (0..self.thread.frames.len()).rev() {
            if self.thread.frames[at].kind != Kind::Native {
                continue;
            }
            task = task.saturating_sub(1);
            match self.thread.tasks.get(task) {
                Some(State::Protect(_)) => return self.unwind(at, value),
                Some(State::Handle(_)) if !matches!(fault, Fault::Value(_)) => return self.unwind(at, value),
                Some(State::Handle(_)) => return self.handle(protos, at, value),
                _ => {}
            }
        }
        if self.current == self.main {
            let place = self.failing_place(protos);
            return Todo::Failed(Failure { value, place });
        }
        self.close_upvalues(0);
        self.thread.frames.clear();
        self.thread.tasks.clear();
        self.thread.status = Status::Dead;
        self.pass_to_parent(protos, value)
    }

    /// Returns where the script is, as an error handler of the embedder would see it: in the innermost Lua function,
    /// or the one that called a function in Rust.
    fn failing_place(&self, protos: &[Proto]) -> Option<(StrId, u32)> {
        self.thread.frames.iter().rev().take(2).find_map(|frame| names::place(protos, frame))
    }

    /// Calls the handler of an `xpcall`, above everything.
    fn handle(&mut self, protos: &[Proto], at: usize, value: Value) -> Todo {
        let top = self.thread.live_top(protos);
        if self.reserve_stack(top + 3).is_err() {
            return self.unwind(at, self.texts.memory);
        }
        let handler = self.thread.stack[self.thread.frames[at].base as usize + 1];
        self.thread.stack[top..top + 3].copy_from_slice(&[Value::Nil, handler, value]);
        self.thread.frames.push(Frame {
            kind: Kind::Native,
            then: Then::Drop,
            tail_calls: 0,
            pc: 0,
            func: top as u32,
            base: top as u32 + 1,
            top: top as u32 + 3,
        });
        self.thread.tasks.push(State::Handler(at as u32));
        if !matches!(handler, Value::Closure(_) | Value::Native(_)) {
            return self.unwind(at, self.texts.in_handler);
        }
        Todo::Enter { func: top + 1, args: 1, then: Then::Task, tail_calls: 0 }
    }

    /// Ends the `pcall` or `xpcall` of a frame, with an error.
    fn unwind(&mut self, at: usize, value: Value) -> Todo {
        let frame = self.thread.frames[at];
        self.thread.frames.truncate(at);
        let own = self.thread.frames.iter().filter(|frame| frame.kind == Kind::Native).count();
        let state = self.thread.tasks.drain(own..).next();
        let func = frame.func as usize;
        self.close_upvalues(func);
        self.thread.stack[func..func + 2].copy_from_slice(&[Value::Bool(false), value]);
        let mut n = 2;
        match state {
            Some(State::Protect(depth)) => {
                self.depth = depth;
                // Redis' `pcall` gives the text of an error table, as it was when errors of commands were strings. If the
                // table has none, what it has instead comes as a third result.
                if let Value::Table(id) = value {
                    let err = self.heap.table(id).get(self.texts.err);
                    let is_text = matches!(err, Value::Str(_) | Value::Number(_));
                    n += usize::from(!is_text);
                    self.thread.stack[func + n - 1] = err;
                }
            }
            Some(State::Handle(depth)) => self.depth = depth,
            _ => {}
        }
        Todo::Finish { then: frame.then, func, at: func, n }
    }

    // Coroutines --------------------------------------------------------------------------------------------------

    fn switch(&mut self, to: ThreadId) {
        let next = std::mem::take(self.heap.threads.at_mut(to.0));
        let last = std::mem::replace(&mut self.thread, next);
        *self.heap.threads.at_mut(self.current.0) = last;
        self.current = to;
    }

    /// Gives values of the running thread to one that is suspended, and runs that.
    fn resume(&mut self, to: ThreadId, at: usize, n: usize) -> Todo {
        let from = self.current;
        self.depth += 1;
        self.thread.status = Status::Normal;
        self.switch(to);
        self.thread.status = Status::Running;
        self.thread.parent = Some(from);
        let waiting = self.thread.waiting.take();
        let func = waiting.map_or(1, |(_, func)| func);
        if let Err(fault) = self.reserve_stack(func + n) {
            return Todo::Throw(fault);
        }
        let values = &self.heap.threads.at(from.0).stack[at..at + n];
        self.thread.stack[func..func + n].copy_from_slice(values);
        match waiting {
            None => Todo::Enter { func: 0, args: n, then: Then::End, tail_calls: 0 },
            Some((then, _)) => Todo::Finish { then, func, at: func, n },
        }
    }

    fn yield_values(&mut self, then: Then, func: usize, at: usize, n: usize) -> Todo {
        self.thread.status = Status::Suspended;
        self.thread.waiting = Some((then, func));
        self.hand_over(at, n)
    }

    /// Gives values of the running thread to who resumed it, and runs that.
    fn hand_over(&mut self, at: usize, n: usize) -> Todo {
        let (from, Some(parent)) = (self.current, self.thread.parent.take()) else {
            return Todo::Throw(Fault::InHandler);
        };
        self.switch(parent);
        self.thread.status = Status::Running;
        let (Some(frame), Some(state)) = (self.thread.frames.pop(), self.thread.tasks.pop()) else {
            return Todo::Throw(Fault::InHandler);
        };
        let func = frame.func as usize;
        let (depth, extra) = match state {
            State::Wrap(depth) => (depth, 0),
            State::Resume(depth) => (depth, 1),
            _ => (self.depth, 0),
        };
        self.depth = depth;
        if let Err(fault) = self.reserve_stack(func + n + 1) {
            return Todo::Throw(fault);
        }
        self.thread.stack[func] = Value::Bool(true);
        let values = &self.heap.threads.at(from.0).stack[at..at + n];
        self.thread.stack[func + extra..func + extra + n].copy_from_slice(values);
        Todo::Finish { then: frame.then, func, at: func, n: n + extra }
    }

    /// A coroutine has died of an error.
    fn pass_to_parent(&mut self, protos: &[Proto], value: Value) -> Todo {
        let Some(parent) = self.thread.parent.take() else { return Todo::Throw(Fault::InHandler) };
        self.switch(parent);
        self.thread.status = Status::Running;
        let (Some(frame), Some(state)) = (self.thread.frames.pop(), self.thread.tasks.pop()) else {
            return Todo::Throw(Fault::InHandler);
        };
        let func = frame.func as usize;
        match state {
            State::Resume(depth) => {
                self.depth = depth;
                self.thread.stack[func] = Value::Bool(false);
                self.thread.stack[func + 1] = value;
                Todo::Finish { then: frame.then, func, at: func, n: 2 }
            }
            State::Wrap(depth) => {
                self.depth = depth;
                if frame.then.is_boundary() {
                    self.depth -= 1;
                }
                let Value::Str(id) = value else { return Todo::Throw(Fault::Value(value)) };
                let mut text = vec![];
                names::push_position(self, protos, self.thread.frames.len().wrapping_sub(1), &mut text);
                text.extend_from_slice(self.heap.str(id));
                Todo::Throw(self.fault(&text))
            }
            _ => Todo::Throw(Fault::Value(value)),
        }
    }

    /// Ends a `loadstring`: gives the function, or nil and a message.
    pub(super) fn loaded(&mut self, result: Result<Value, Refusal>, then: Then, func: usize) -> Todo {
        let n = match result {
            Ok(value) => {
                self.thread.stack[func] = value;
                1
            }
            Err(Refusal::Text(message)) => match self.heap.string(&message) {
                Ok(message) => {
                    self.thread.stack[func] = Value::Nil;
                    self.thread.stack[func + 1] = message;
                    2
                }
                Err(_) => return Todo::Throw(Fault::Memory),
            },
            Err(Refusal::Memory) => return Todo::Throw(Fault::Memory),
        };
        Todo::Finish { then, func, at: func, n }
    }
}
