//! The machine: runs instructions until there is something else to do.

use super::arith::{modulo, power, settle};
use super::heap::Heap;
use super::native::{Call, Entry, Fault, Ret};
use super::proto::{COND, CONST, Capture, Instr, Op, Proto, RK};
use super::thread::{Frame, Kind, Open, Then, Thread, Upvalue, WINDOW};
use super::value::{ClosureId, NativeId, TableId, ThreadId, UpvalueId, Value};
use super::{Outside, Todo};

/// How many calls may be in progress.
const FRAMES: usize = 19_999;
/// How many more while an error is handled.
const SPARE_FRAMES: usize = 1_000;
/// How many calls may be in progress across which the reference implementation recurses in C.
pub(super) const C_CALLS: u32 = 200;

/// Everything but the compiled functions.
pub(super) struct Vm {
    pub heap: Heap,
    /// The thread that runs. Its place in the heap is empty meanwhile.
    pub thread: Thread,
    pub current: ThreadId,
    pub main: ThreadId,
    pub globals: TableId,
    /// How many calls are in progress that the reference implementation recurses in C for.
    pub depth: u32,
    /// The state of `math.random`.
    pub random: u64,
    pub texts: Texts,
    /// Short texts are put together here.
    pub scratch: Vec<u8>,
}

/// Strings that must be there when there is no room for more.
pub(super) struct Texts {
    pub memory: Value,
    pub in_handler: Value,
    pub err: Value,
}

/// What an operation on values comes to.
pub(super) enum Got {
    Value(Value),
    /// A function has to be called for it.
    Call(Value, [Value; 3], usize),
}

/// Returns the registers from a base on: any `u8` is an index.
#[inline(always)]
fn window(stack: &mut [Value], base: usize) -> &mut [Value; WINDOW] {
    (&mut stack[base..base + WINDOW]).try_into().expect("as long as asked for")
}

impl Vm {
    /// Runs the Lua function on top of the stack of calls, and those that it calls, until something else is to do.
    #[allow(clippy::too_many_lines)] // One instruction an arm: split up, each would have to fetch the state again.
    pub(super) fn execute(&mut self, protos: &[Proto], outside: &mut dyn Outside) -> Todo {
        let vm = self;
        let mut closure: ClosureId;
        let mut base: usize;
        let mut pc: usize;
        let mut code: &[Instr];
        let mut consts: &[Value];
        let mut regs: &mut [Value; WINDOW];

        macro_rules! enter {
            () => {{
                let frame = vm.thread.frames.last().expect("a function runs");
                let Kind::Lua { closure: id, proto } = frame.kind else { return Todo::Step(0) };
                closure = id;
                base = frame.base as usize;
                pc = frame.pc as usize;
                let proto = &protos[proto as usize];
                code = &proto.code;
                consts = &proto.consts;
                regs = window(&mut vm.thread.stack, base);
            }};
        }
        macro_rules! save {
            () => {
                vm.thread.frames.last_mut().expect("a function runs").pc = pc as u32
            };
        }
        macro_rules! rewindow {
            () => {
                regs = window(&mut vm.thread.stack, base)
            };
        }
        macro_rules! attempt {
            ($result:expr) => {
                match $result {
                    Ok(value) => value,
                    Err(fault) => return Todo::Throw(Fault::from(fault)),
                }
            };
        }
        macro_rules! rk {
            ($c:expr) => {
                if $c < RK { regs[$c as u8 as usize] } else { consts[($c - RK) as usize] }
            };
        }
        // A value that may have to be computed by a function of the script.
        macro_rules! store {
            ($a:expr, $got:expr) => {{
                save!();
                match attempt!($got) {
                    Got::Value(value) => {
                        rewindow!();
                        regs[usize::from($a)] = value;
                    }
                    Got::Call(function, args, count) => {
                        return vm.call_handler(protos, function, args, count, Then::Store($a));
                    }
                }
            }};
        }
        // A key of an object; most are in the table itself.
        macro_rules! look_up {
            ($a:expr, $object:expr, $key:expr) => {{
                let (object, key) = ($object, $key);
                if let Value::Table(id) = object {
                    let table = vm.heap.table(id);
                    let value = table.get(key);
                    if !value.is_nil() || table.meta.is_none() {
                        regs[usize::from($a)] = value;
                        continue;
                    }
                }
                store!($a, vm.index(protos, object, key));
            }};
        }
        macro_rules! arith {
            ($i:expr, $compute:expr) => {{
                let (left, right) = (regs[usize::from($i.b as u8)], rk!($i.c));
                if let (Value::Number(a), Value::Number(b)) = (left, right) {
                    regs[usize::from($i.a)] = Value::Number($compute(a, b));
                } else {
                    store!($i.a, vm.arith(protos, $i, left, right));
                }
            }};
        }
        macro_rules! compare {
            ($i:expr, $left:expr, $right:expr, $numbers:expr, $op:expr) => {{
                let (left, right) = ($left, $right);
                let truth = if let (Value::Number(a), Value::Number(b)) = (left, right) {
                    $numbers(&a, &b)
                } else {
                    save!();
                    match attempt!(vm.compare(protos, $op, left, right)) {
                        (Got::Value(value), _) => {
                            rewindow!();
                            value.truth()
                        }
                        (Got::Call(function, args, count), then) => {
                            return vm.call_handler(protos, function, args, count, then);
                        }
                    }
                };
                if truth == ($i.b & COND != 0) {
                    pc = $i.c as usize;
                }
            }};
        }
        macro_rules! operand {
            ($b:expr) => {{
                let b = $b & !COND;
                if b & CONST == 0 { regs[usize::from(b as u8)] } else { consts[usize::from(b & !CONST)] }
            }};
        }
        macro_rules! back {
            ($target:expr) => {{
                let target = $target as usize;
                if target < pc {
                    vm.heap.fuel -= (pc - target) as i64;
                }
                pc = target;
                if vm.heap.fuel < 0 {
                    save!();
                    return Todo::Pause;
                }
            }};
        }
        macro_rules! collect {
            () => {
                if vm.heap.wants_collection() {
                    save!();
                    return Todo::Collect;
                }
            };
        }
        // The results of a function in Rust.
        macro_rules! results {
            ($func:expr, $at:expr, $n:expr, $want:expr) => {{
                let (func, at, n, want): (usize, usize, usize, i32) = ($func, $at, $n, $want);
                vm.thread.stack.copy_within(at..at + n, func);
                if want < 0 {
                    vm.thread.top = func + n;
                } else if n < want as usize {
                    vm.thread.stack[func + n..func + want as usize].fill(Value::Nil);
                }
            }};
        }
        macro_rules! call_native {
            ($id:expr, $func:expr, $args:expr, $then:expr, $want:expr) => {{
                let (func, args, want): (usize, usize, i32) = ($func, $args, $want);
                save!();
                vm.heap.fuel -= 1;
                let entry = vm.heap.natives.at($id.0).entry;
                let mut call = Call { vm, protos, func, args, top: func + 1 + args, framed: false };
                let ret = match entry {
                    Entry::Own(function) => function(&mut call),
                    Entry::Outside(number) => outside.call(number, &mut call),
                };
                let top = call.top;
                match attempt!(ret) {
                    Ret::One(value) if want == 1 => {
                        rewindow!();
                        regs[func - base] = value;
                    }
                    Ret::One(value) => {
                        vm.thread.stack[func] = value;
                        results!(func, func, 1, want);
                    }
                    Ret::None => results!(func, func, 0, want),
                    Ret::Pushed(n) => results!(func, top - n, n, want),
                    Ret::More(more) => return vm.more(more, func, args, top, $then),
                }
                if vm.heap.fuel < 0 {
                    return Todo::Pause;
                }
                if vm.heap.wants_collection() {
                    return Todo::Collect;
                }
                rewindow!();
            }};
        }

        enter!();
        loop {
            let i = code[pc];
            pc += 1;
            match i.op {
                Op::Move => regs[usize::from(i.a)] = regs[usize::from(i.b as u8)],
                Op::LoadK => regs[usize::from(i.a)] = consts[i.c as usize],
                Op::LoadBool => {
                    regs[usize::from(i.a)] = Value::Bool(i.b != 0);
                    pc += i.c as usize;
                }
                Op::LoadNil => regs[usize::from(i.a)..=usize::from(i.b as u8)].fill(Value::Nil),
                Op::GetUpvalue => {
                    let value = vm.upvalue(closure, i.b);
                    rewindow!();
                    regs[usize::from(i.a)] = value;
                }
                Op::SetUpvalue => {
                    let value = regs[usize::from(i.a)];
                    vm.set_upvalue(closure, i.b, value);
                    rewindow!();
                }
                Op::GetGlobal => {
                    let key = consts[i.c as usize];
                    let table = vm.heap.table(vm.globals);
                    let value = table.get(key);
                    if value.is_nil() && table.meta.is_some() {
                        let globals = Value::Table(vm.globals);
                        store!(i.a, vm.index(protos, globals, key));
                    } else {
                        regs[usize::from(i.a)] = value;
                    }
                }
                Op::SetGlobal => {
                    let (globals, value) = (Value::Table(vm.globals), regs[usize::from(i.a)]);
                    save!();
                    if let Some((function, args)) =
                        attempt!(vm.set_index(protos, globals, consts[i.c as usize], value))
                    {
                        return vm.call_handler(protos, function, args, 3, Then::Drop);
                    }
                    rewindow!();
                }
                Op::GetTable => {
                    look_up!(i.a, regs[usize::from(i.b as u8)], regs[usize::from(i.c as u8)]);
                }
                Op::GetField | Op::GetConst => {
                    look_up!(i.a, regs[usize::from(i.b as u8)], consts[i.c as usize]);
                }
                Op::Method => {
                    let (object, key) = (regs[usize::from(i.b as u8)], consts[i.c as usize]);
                    regs[usize::from(i.a.wrapping_add(1))] = object;
                    store!(i.a, vm.index(protos, object, key));
                }
                Op::SetTable | Op::SetField => {
                    let (object, value) = (regs[usize::from(i.a)], rk!(i.c));
                    let key = match i.op {
                        Op::SetTable => regs[usize::from(i.b as u8)],
                        _ => consts[usize::from(i.b)],
                    };
                    if let Value::Table(id) = object {
                        let table = vm.heap.table_mut(id);
                        if table.meta.is_none()
                            && !table.readonly
                            && let Some(place) = table.place(key)
                        {
                            *place = value;
                            table.absent = 0;
                            continue;
                        }
                    }
                    save!();
                    if let Some((function, args)) = attempt!(vm.set_index(protos, object, key, value)) {
                        return vm.call_handler(protos, function, args, 3, Then::Drop);
                    }
                    rewindow!();
                    collect!();
                }
                Op::NewTable => {
                    save!();
                    let id = attempt!(vm.heap.new_table(float_byte(i.b.into()), float_byte(i.c as usize)));
                    regs[usize::from(i.a)] = Value::Table(id);
                    collect!();
                }
                Op::Add => arith!(i, |a: f64, b: f64| settle(a + b, a, b)),
                Op::Sub => arith!(i, |a: f64, b: f64| settle(a - b, a, b)),
                Op::Mul => arith!(i, |a: f64, b: f64| settle(a * b, a, b)),
                Op::Div => arith!(i, |a: f64, b: f64| settle(a / b, a, b)),
                Op::Mod => arith!(i, modulo),
                Op::Pow => arith!(i, power),
                Op::Unm => match regs[usize::from(i.b as u8)] {
                    Value::Number(number) => regs[usize::from(i.a)] = Value::Number(-number),
                    value => store!(i.a, vm.arith(protos, i, value, value)),
                },
                Op::Not => {
                    regs[usize::from(i.a)] = Value::Bool(!regs[usize::from(i.b as u8)].truth());
                }
                Op::Len => match regs[usize::from(i.b as u8)] {
                    Value::Table(id) => {
                        regs[usize::from(i.a)] = Value::Number(vm.heap.table(id).border() as f64);
                    }
                    Value::Str(id) => {
                        regs[usize::from(i.a)] = Value::Number(vm.heap.str(id).len() as f64);
                    }
                    value => store!(i.a, vm.len_of(protos, i, value)),
                },
                Op::Concat => {
                    save!();
                    match vm.concat(protos, base, i.b as u8, i.c as u8) {
                        Ok(None) => {}
                        Ok(Some((function, args, register))) => {
                            return vm.call_handler(protos, function, args, 2, Then::Concat(register));
                        }
                        Err(fault) => return Todo::Throw(fault),
                    }
                    rewindow!();
                    regs[usize::from(i.a)] = regs[usize::from(i.b as u8)];
                    collect!();
                }
                Op::Jump => back!(i.c),
                Op::Eq => {
                    let (left, right) = (regs[usize::from(i.a)], operand!(i.b));
                    let truth = if let (Value::Table(_), Value::Table(_)) = (left, right)
                        && left != right
                    {
                        match vm.equal_tables(left, right) {
                            None => false,
                            Some(function) => {
                                save!();
                                let args = [left, right, Value::Nil];
                                return vm.call_handler(protos, function, args, 2, Then::Test);
                            }
                        }
                    } else {
                        left == right
                    };
                    rewindow!();
                    if truth == (i.b & COND != 0) {
                        pc = i.c as usize;
                    }
                }
                Op::Lt => compare!(i, regs[usize::from(i.a)], operand!(i.b), f64::lt, Op::Lt),
                Op::Le => compare!(i, regs[usize::from(i.a)], operand!(i.b), f64::le, Op::Le),
                Op::Gt => compare!(i, operand!(i.b), regs[usize::from(i.a)], f64::lt, Op::Lt),
                Op::Ge => compare!(i, operand!(i.b), regs[usize::from(i.a)], f64::le, Op::Le),
                Op::Test => {
                    if regs[usize::from(i.a)].truth() == (i.b & COND != 0) {
                        pc = i.c as usize;
                    }
                }
                Op::TestSet => {
                    let value = regs[usize::from(i.b as u8)];
                    if value.truth() == (i.b & COND != 0) {
                        regs[usize::from(i.a)] = value;
                        pc = i.c as usize;
                    }
                }
                Op::Call => {
                    let func = base + usize::from(i.a);
                    let args = if i.b == 0 { vm.thread.top - func - 1 } else { usize::from(i.b) - 1 };
                    match vm.thread.stack[func] {
                        Value::Closure(id) => {
                            save!();
                            attempt!(vm.push_lua(protos, id, func, args, Then::Call(i.c - 1), 0));
                            enter!();
                            vm.heap.fuel -= 1;
                            if vm.heap.fuel < 0 {
                                return Todo::Pause;
                            }
                        }
                        Value::Native(id) => call_native!(id, func, args, Then::Call(i.c - 1), i.c - 1),
                        _ => {
                            save!();
                            return Todo::Enter { func, args, then: Then::Call(i.c - 1), tail_calls: 0 };
                        }
                    }
                }
                Op::TailCall => {
                    let func = base + usize::from(i.a);
                    let args = if i.b == 0 { vm.thread.top - func - 1 } else { usize::from(i.b) - 1 };
                    match vm.thread.stack[func] {
                        Value::Closure(id) => {
                            save!();
                            attempt!(vm.tail_call(protos, id, func, args));
                            vm.heap.fuel -= pc as i64;
                            enter!();
                            if vm.heap.fuel < 0 {
                                return Todo::Pause;
                            }
                        }
                        Value::Native(id) => call_native!(id, func, args, Then::Call(-1), -1),
                        _ => {
                            save!();
                            return Todo::Enter { func, args, then: Then::Call(-1), tail_calls: 0 };
                        }
                    }
                }
                Op::Return => {
                    let at = base + usize::from(i.a);
                    let n = if i.b == 0 { vm.thread.top - at } else { usize::from(i.b) - 1 };
                    vm.heap.fuel -= pc as i64;
                    vm.close_upvalues(base);
                    let frame = vm.thread.frames.pop().expect("a function runs");
                    let func = frame.func as usize;
                    let Then::Call(want) = frame.then else {
                        return Todo::Finish { then: frame.then, func, at, n };
                    };
                    if n == 1 && want == 1 {
                        vm.thread.stack[func] = vm.thread.stack[at];
                    } else {
                        results!(func, at, n, want);
                    }
                    enter!();
                }
                Op::ForPrep => {
                    save!();
                    let start = attempt!(vm.prepare_loop(protos, base, i.a));
                    rewindow!();
                    match start {
                        Some(start) => regs[usize::from(i.a.wrapping_add(3))] = Value::Number(start),
                        None => pc = i.c as usize,
                    }
                }
                Op::ForLoop => {
                    let [index, limit, step] =
                        [0, 1, 2].map(|k| match regs[usize::from(i.a.wrapping_add(k))] {
                            Value::Number(number) => number,
                            _ => f64::NAN,
                        });
                    let index = index + step;
                    if if step > 0.0 { index <= limit } else { limit <= index } {
                        regs[usize::from(i.a)] = Value::Number(index);
                        regs[usize::from(i.a.wrapping_add(3))] = Value::Number(index);
                        back!(i.c);
                    }
                }
                Op::IterCall => {
                    let func = base + usize::from(i.a) + 3;
                    vm.thread.stack.copy_within(func - 3..func, func);
                    let then = Then::Iterate(i.b.into());
                    match vm.thread.stack[func] {
                        Value::Native(id) => call_native!(id, func, 2, then, i32::from(i.b)),
                        _ => {
                            save!();
                            return Todo::Enter { func, args: 2, then, tail_calls: 0 };
                        }
                    }
                }
                Op::IterLoop => {
                    let value = regs[usize::from(i.a.wrapping_add(3))];
                    if !value.is_nil() {
                        regs[usize::from(i.a.wrapping_add(2))] = value;
                        back!(i.c);
                    }
                }
                Op::SetList => {
                    save!();
                    let at = base + usize::from(i.a);
                    let count = if i.b == 0 { vm.thread.top - at - 1 } else { usize::from(i.b) };
                    attempt!(vm.set_list(at, count, i.c as usize, i.b == 0));
                    rewindow!();
                    collect!();
                }
                Op::Close => {
                    vm.close_upvalues(base + usize::from(i.a));
                    rewindow!();
                }
                Op::Closure => {
                    save!();
                    let value = attempt!(vm.make_closure(protos, closure, base, i.c as usize));
                    rewindow!();
                    regs[usize::from(i.a)] = value;
                    collect!();
                }
                Op::Vararg => {
                    let want = i32::from(i.b) - 1;
                    attempt!(vm.spread(protos, base, i.a, want));
                    rewindow!();
                }
            }
        }
    }

    // Variables that functions share ------------------------------------------------------------------------------

    #[inline]
    fn upvalue(&self, closure: ClosureId, index: u16) -> Value {
        let id = self.heap.closures.at(closure.0).upvalues[usize::from(index)];
        match *self.heap.upvalues.at(id.0) {
            Upvalue::Closed(value) => value,
            Upvalue::Open(thread, slot) if thread == self.current => self.thread.stack[slot as usize],
            Upvalue::Open(thread, slot) => self.heap.threads.at(thread.0).stack[slot as usize],
        }
    }

    fn set_upvalue(&mut self, closure: ClosureId, index: u16, value: Value) {
        let id = self.heap.closures.at(closure.0).upvalues[usize::from(index)];
        match self.heap.upvalues.at_mut(id.0) {
            Upvalue::Closed(place) => *place = value,
            Upvalue::Open(thread, slot) => {
                let (thread, slot) = (*thread, *slot as usize);
                if thread == self.current {
                    self.thread.stack[slot] = value;
                } else {
                    self.heap.threads.at_mut(thread.0).stack[slot] = value;
                }
            }
        }
    }

    /// Takes shared variables off the stack, from a slot up.
    #[inline]
    pub(super) fn close_upvalues(&mut self, from: usize) {
        while let Some(open) = self.thread.open.last()
            && open.slot as usize >= from
        {
            let value = self.thread.stack[open.slot as usize];
            *self.heap.upvalues.at_mut(open.upvalue.0) = Upvalue::Closed(value);
            self.thread.open.pop();
        }
    }

    fn capture(&mut self, slot: usize) -> Result<UpvalueId, Fault> {
        let at = self.thread.open.partition_point(|open| (open.slot as usize) < slot);
        if let Some(open) = self.thread.open.get(at)
            && open.slot as usize == slot
        {
            return Ok(open.upvalue);
        }
        let upvalue = self.heap.new_upvalue(Upvalue::Open(self.current, slot as u32))?;
        self.thread.open.insert(at, Open { slot: slot as u32, upvalue });
        Ok(upvalue)
    }

    fn make_closure(
        &mut self,
        protos: &[Proto],
        outer: ClosureId,
        base: usize,
        n: usize,
    ) -> Result<Value, Fault> {
        let parent = self.heap.closures.at(outer.0).proto;
        let child = protos[parent as usize].children[n];
        let captures = &protos[child as usize].captures;
        let mut upvalues = Vec::with_capacity(captures.len());
        for capture in captures {
            upvalues.push(match *capture {
                Capture::Register(register) => self.capture(base + usize::from(register))?,
                Capture::Upvalue(index) => self.heap.closures.at(outer.0).upvalues[usize::from(index)],
            });
        }
        Ok(Value::Closure(self.heap.new_closure(child, upvalues.into())?))
    }

    // Calls -------------------------------------------------------------------------------------------------------

    /// Makes the stack longer than `needed` by two windows.
    #[cold]
    pub(super) fn grow_stack(&mut self, needed: usize) -> Result<(), Fault> {
        let old = self.thread.stack.len();
        let len = (needed + 2 * WINDOW).max(old + old / 2);
        self.heap.charge((len - old) * size_of::<Value>())?;
        self.thread.stack.reserve_exact(len - old);
        self.thread.stack.resize(len, Value::Nil);
        Ok(())
    }

    #[inline]
    pub(super) fn reserve_stack(&mut self, top: usize) -> Result<(), Fault> {
        if top + 2 * WINDOW > self.thread.stack.len() { self.grow_stack(top) } else { Ok(()) }
    }

    /// Puts a Lua function on top of the stack of calls.
    #[inline]
    pub(super) fn push_lua(
        &mut self,
        protos: &[Proto],
        closure: ClosureId,
        func: usize,
        args: usize,
        then: Then,
        tail_calls: u32,
    ) -> Result<(), Fault> {
        let index = self.heap.closures.at(closure.0).proto;
        let proto = &protos[index as usize];
        if self.thread.frames.len() >= FRAMES {
            self.check_frames(protos)?;
        }
        let params = usize::from(proto.params);
        let mut base = func + 1;
        if proto.vararg {
            base += args;
            self.reserve_stack(base)?;
            for i in 0..params {
                let arg = if i < args { self.thread.stack[func + 1 + i] } else { Value::Nil };
                self.thread.stack[base + i] = arg;
            }
            if proto.needs_arg {
                self.thread.stack[base + params] = self.arg_table(func + 1 + params, base)?;
            } else if usize::from(proto.max_stack) > params {
                // The register of `arg`, if the function has one.
                self.thread.stack[base + params] = Value::Nil;
            }
        } else {
            self.reserve_stack(base)?;
            if args < params {
                self.thread.stack[base + args..base + params].fill(Value::Nil);
            }
        }
        self.thread.frames.push(Frame {
            kind: Kind::Lua { closure, proto: index },
            then,
            tail_calls,
            pc: 0,
            func: func as u32,
            base: base as u32,
            top: 0,
        });
        Ok(())
    }

    #[cold]
    fn check_frames(&mut self, protos: &[Proto]) -> Result<(), Fault> {
        match self.thread.frames.len() {
            FRAMES => Err(self.fault_here(protos, "stack overflow")),
            len if len > FRAMES + SPARE_FRAMES => Err(Fault::InHandler),
            _ => Ok(()),
        }
    }

    /// Makes the table `arg` of old: the extra arguments and how many they are.
    fn arg_table(&mut self, first: usize, end: usize) -> Result<Value, Fault> {
        let count = end.saturating_sub(first);
        let table = self.heap.new_table(count, 1)?;
        for i in 0..count {
            self.heap.set_int(table, i + 1, self.thread.stack[first + i])?;
        }
        self.heap.set_name(table, "n", Value::Number(count as f64))?;
        Ok(Value::Table(table))
    }

    /// Replaces the running function.
    fn tail_call(&mut self, protos: &[Proto], id: ClosureId, func: usize, args: usize) -> Result<(), Fault> {
        let frame = *self.thread.frames.last().expect("a function runs");
        self.close_upvalues(frame.base as usize);
        let own = frame.func as usize;
        self.thread.stack.copy_within(func..=func + args, own);
        self.thread.frames.pop();
        self.push_lua(protos, id, own, args, frame.then, frame.tail_calls.saturating_add(1))
    }

    /// Puts extra arguments into registers.
    fn spread(&mut self, protos: &[Proto], base: usize, a: u8, want: i32) -> Result<(), Fault> {
        let frame = self.thread.frames.last().expect("a function runs");
        let Kind::Lua { proto, .. } = frame.kind else { return Ok(()) };
        let first = frame.func as usize + 1 + usize::from(protos[proto as usize].params);
        let count = base.saturating_sub(first);
        let at = base + usize::from(a);
        let n = if want < 0 { count } else { want as usize };
        if want < 0 {
            self.reserve_stack(at + n)?;
            self.thread.top = at + n;
        }
        let copied = n.min(count);
        self.thread.stack.copy_within(first..first + copied, at);
        self.thread.stack[at + copied..at + n].fill(Value::Nil);
        Ok(())
    }

    fn set_list(&mut self, at: usize, count: usize, offset: usize, open: bool) -> Result<(), Fault> {
        let Value::Table(id) = self.thread.stack[at] else { return Ok(()) };
        self.heap.work(count * size_of::<Value>());
        if open && self.heap.table(id).array_len() < offset + count {
            self.heap.reserve_array(id, offset + count)?;
        }
        for i in 1..=count {
            self.heap.set_int(id, offset + i, self.thread.stack[at + i])?;
        }
        Ok(())
    }

    /// Checks the values of a numeric loop, which may be strings; returns the first index unless there is none.
    fn prepare_loop(&mut self, protos: &[Proto], base: usize, a: u8) -> Result<Option<f64>, Fault> {
        let at = base + usize::from(a);
        let mut numbers = [0.0; 3];
        for (i, what) in ["initial value", "limit", "step"].iter().enumerate() {
            let Some(number) = self.to_number(self.thread.stack[at + i]) else {
                return Err(self.fault_here(protos, &["'for' ", what, " must be a number"].concat()));
            };
            self.thread.stack[at + i] = Value::Number(number);
            numbers[i] = number;
        }
        let [start, limit, step] = numbers;
        // As the first step of a loop that begins one step before.
        let start = start - step + step;
        let runs = if step > 0.0 { start <= limit } else { limit <= start };
        self.thread.stack[at] = Value::Number(start);
        Ok(runs.then_some(start))
    }

    pub(super) fn native(&self, id: NativeId) -> Entry {
        self.heap.natives.at(id.0).entry
    }
}

/// Rounds up to what the reference implementation can say in a byte: a mantissa of four bits and an exponent.
fn float_byte(size: usize) -> usize {
    let (mut mantissa, mut exponent) = (size, 0);
    while mantissa >= 16 {
        mantissa = mantissa.div_ceil(2);
        exponent += 1;
    }
    mantissa << exponent
}
