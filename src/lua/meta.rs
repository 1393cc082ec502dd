//! Operations on values that are not two numbers: metatables, strings as numbers, and errors.

use super::arith::compute;
use super::heap::Event;
use super::native::Fault;
use super::number;
use super::proto::{Instr, Op, Proto};
use super::thread::{Kind, Then};
use super::value::{TableId, Value};
use super::vm::{Got, Vm};
use super::{Todo, names};

/// How many metatables may refer to the next one.
const CHAIN: usize = 100;

/// Texts up to this length are put together in a buffer that is kept.
const SCRATCH: usize = 4096;

impl Vm {
    /// Returns a number, or what a string reads as.
    #[inline]
    pub(super) fn to_number(&self, value: Value) -> Option<f64> {
        match value {
            Value::Number(number) => Some(number),
            Value::Str(id) => number::parse(self.heap.str(id)),
            _ => None,
        }
    }

    /// Prepares the call of a handler, above the registers of the running function.
    pub(super) fn call_handler(
        &mut self,
        protos: &[Proto],
        function: Value,
        args: [Value; 3],
        count: usize,
        then: Then,
    ) -> Todo {
        let func = self.frame_end(protos);
        if let Err(fault) = self.reserve_stack(func + 1 + count) {
            return Todo::Throw(fault);
        }
        self.thread.stack[func] = function;
        self.thread.stack[func + 1..=func + count].copy_from_slice(&args[..count]);
        Todo::Enter { func, args: count, then, tail_calls: 0 }
    }

    fn frame_end(&self, protos: &[Proto]) -> usize {
        self.thread.frames.last().map_or(0, |frame| match frame.kind {
            Kind::Lua { proto, .. } => frame.base as usize + usize::from(protos[proto as usize].max_stack),
            Kind::Native => frame.top as usize,
        })
    }

    /// Reads a key of anything.
    pub(super) fn index(&mut self, protos: &[Proto], object: Value, key: Value) -> Result<Got, Fault> {
        let mut at = object;
        for _ in 0..CHAIN {
            let handler = if let Value::Table(id) = at {
                let table = self.heap.table(id);
                let value = table.get(key);
                let Some(meta) = table.meta.filter(|_| value.is_nil()) else { return Ok(Got::Value(value)) };
                let handler = self.heap.handler(meta, Event::Index);
                if handler.is_nil() {
                    return Ok(Got::Value(Value::Nil));
                }
                handler
            } else {
                let handler = self.heap.handler_of(at, Event::Index);
                if handler.is_nil() {
                    let operand = if at == object { names::Operand::Object } else { names::Operand::None };
                    return Err(self.type_fault(protos, "index", at, operand));
                }
                handler
            };
            if matches!(handler, Value::Closure(_) | Value::Native(_)) {
                return Ok(Got::Call(handler, [at, key, Value::Nil], 2));
            }
            at = handler;
        }
        Err(self.fault_here(protos, "loop in gettable"))
    }

    /// Writes a key of anything; returns a function to call with arguments instead, if so.
    pub(super) fn set_index(
        &mut self,
        protos: &[Proto],
        object: Value,
        key: Value,
        value: Value,
    ) -> Result<Option<(Value, [Value; 3])>, Fault> {
        let mut at = object;
        for _ in 0..CHAIN {
            let handler = if let Value::Table(id) = at {
                if self.heap.table(id).readonly {
                    return Err(self.fault_here(protos, "Attempt to modify a readonly table"));
                }
                match key {
                    Value::Nil => return Err(self.fault_here(protos, "table index is nil")),
                    Value::Number(number) if number.is_nan() => {
                        return Err(self.fault_here(protos, "table index is NaN"));
                    }
                    _ => {}
                }
                let table = self.heap.table(id);
                let handler = match table.meta {
                    Some(meta) if table.get(key).is_nil() => self.heap.handler(meta, Event::NewIndex),
                    _ => Value::Nil,
                };
                if handler.is_nil() {
                    self.heap.set(id, key, value)?;
                    return Ok(None);
                }
                handler
            } else {
                let handler = self.heap.handler_of(at, Event::NewIndex);
                if handler.is_nil() {
                    let operand = if at == object { names::Operand::Target } else { names::Operand::None };
                    return Err(self.type_fault(protos, "index", at, operand));
                }
                handler
            };
            if matches!(handler, Value::Closure(_) | Value::Native(_)) {
                return Ok(Some((handler, [at, key, value])));
            }
            at = handler;
        }
        Err(self.fault_here(protos, "loop in settable"))
    }

    pub(super) fn arith(
        &mut self,
        protos: &[Proto],
        i: Instr,
        left: Value,
        right: Value,
    ) -> Result<Got, Fault> {
        if let (Some(a), Some(b)) = (self.to_number(left), self.to_number(right)) {
            return Ok(Got::Value(Value::Number(compute(i.op, a, b))));
        }
        let event = match i.op {
            Op::Add => Event::Add,
            Op::Sub => Event::Sub,
            Op::Mul => Event::Mul,
            Op::Div => Event::Div,
            Op::Mod => Event::Mod,
            Op::Pow => Event::Pow,
            _ => Event::Unm,
        };
        if let Some(handler) = self.either_handler(left, right, event) {
            return Ok(Got::Call(handler, [left, right, Value::Nil], 2));
        }
        let (culprit, operand) = match self.to_number(left) {
            None => (left, names::Operand::Object),
            Some(_) => (right, names::Operand::Second),
        };
        Err(self.type_fault(protos, "perform arithmetic on", culprit, operand))
    }

    fn either_handler(&mut self, left: Value, right: Value, event: Event) -> Option<Value> {
        let handler = match self.heap.handler_of(left, event) {
            Value::Nil => self.heap.handler_of(right, event),
            handler => handler,
        };
        (!handler.is_nil()).then_some(handler)
    }

    /// Returns a handler that both operands share.
    fn common_handler(&mut self, left: Value, right: Value, event: Event) -> Option<Value> {
        let handler = self.heap.handler_of(left, event);
        (!handler.is_nil() && handler == self.heap.handler_of(right, event)).then_some(handler)
    }

    pub(super) fn equal_tables(&mut self, left: Value, right: Value) -> Option<Value> {
        self.common_handler(left, right, Event::Eq)
    }

    /// Compares; if a function has to be called for it, also returns what its result means.
    pub(super) fn compare(
        &mut self,
        protos: &[Proto],
        op: Op,
        left: Value,
        right: Value,
    ) -> Result<(Got, Then), Fault> {
        match self.try_compare(op, left, right) {
            Some(answer) => Ok(answer),
            None => {
                let text = compare_error(left, right);
                Err(self.fault_here(protos, &text))
            }
        }
    }

    /// Does the same, or returns `None` for an error.
    pub(super) fn try_compare(&mut self, op: Op, left: Value, right: Value) -> Option<(Got, Then)> {
        let known = |truth: bool| Some((Got::Value(Value::Bool(truth)), Then::Test));
        match (left, right) {
            (Value::Number(a), Value::Number(b)) => return known(if op == Op::Lt { a < b } else { a <= b }),
            (Value::Str(a), Value::Str(b)) => {
                let (a, b) = (self.heap.str(a), self.heap.str(b));
                let (truth, work) = (if op == Op::Lt { a < b } else { a <= b }, a.len().min(b.len()));
                self.heap.work(work);
                return known(truth);
            }
            _ if left.type_name() != right.type_name() => return None,
            _ => {}
        }
        if op == Op::Lt {
            let handler = self.common_handler(left, right, Event::Lt)?;
            return Some((Got::Call(handler, [left, right, Value::Nil], 2), Then::Test));
        }
        if let Some(handler) = self.common_handler(left, right, Event::Le) {
            return Some((Got::Call(handler, [left, right, Value::Nil], 2), Then::Test));
        }
        let handler = self.common_handler(right, left, Event::Lt)?;
        Some((Got::Call(handler, [right, left, Value::Nil], 2), Then::TestNot))
    }

    pub(super) fn len_of(&mut self, protos: &[Proto], _: Instr, value: Value) -> Result<Got, Fault> {
        let handler = self.heap.handler_of(value, Event::Len);
        if handler.is_nil() {
            return Err(self.type_fault(protos, "get length of", value, names::Operand::Object));
        }
        Ok(Got::Call(handler, [value, Value::Nil, Value::Nil], 2))
    }

    /// Concatenates registers into the first of them. Returns a function to call for two operands, the first of which
    /// is the register it returns too.
    pub(super) fn concat(
        &mut self,
        protos: &[Proto],
        base: usize,
        first: u8,
        last: u8,
    ) -> Result<Option<(Value, [Value; 3], u8)>, Fault> {
        let is_text = |value: Value| matches!(value, Value::Str(_) | Value::Number(_));
        let (first, mut last) = (usize::from(first), usize::from(last));
        while last > first {
            let (left, right) = (self.thread.stack[base + last - 1], self.thread.stack[base + last]);
            if is_text(left) && is_text(right) {
                let mut from = last - 1;
                while from > first && is_text(self.thread.stack[base + from - 1]) {
                    from -= 1;
                }
                self.thread.stack[base + from] = self.join(base + from, base + last)?;
                last = from;
                continue;
            }
            if let Some(handler) = self.either_handler(left, right, Event::Concat) {
                return Ok(Some((handler, [left, right, Value::Nil], (last - 1) as u8)));
            }
            let (culprit, register) = if is_text(left) { (right, last) } else { (left, last - 1) };
            return Err(self.type_fault(
                protos,
                "concatenate",
                culprit,
                names::Operand::Register(register as u8),
            ));
        }
        Ok(None)
    }

    /// Makes one string of the texts in some slots.
    fn join(&mut self, from: usize, to: usize) -> Result<Value, Fault> {
        let mut len = 0;
        for value in &self.thread.stack[from..=to] {
            len += match value {
                Value::Str(id) => self.heap.str(*id).len(),
                _ => 24,
            };
        }
        self.heap.work(len);
        let mut text = if len <= SCRATCH {
            std::mem::take(&mut self.scratch)
        } else {
            self.heap.charge(len)?;
            self.heap.refund(len);
            Vec::with_capacity(len)
        };
        text.clear();
        for value in &self.thread.stack[from..=to] {
            match value {
                Value::Str(id) => text.extend_from_slice(self.heap.str(*id)),
                Value::Number(number) => text.extend_from_slice(&number::format(*number)),
                _ => {}
            }
        }
        if len > SCRATCH {
            return Ok(Value::Str(self.heap.intern_vec(text)?));
        }
        let id = self.heap.intern(&text);
        self.scratch = text;
        Ok(Value::Str(id?))
    }

    // Errors ------------------------------------------------------------------------------------------------------

    /// Returns an error with nothing but a message.
    pub(super) fn fault(&mut self, message: &[u8]) -> Fault {
        match self.heap.string(message) {
            Ok(value) => Fault::Value(value),
            Err(_) => Fault::Memory,
        }
    }

    /// Returns an error with a message preceded by the place of the running function, if it is written in Lua.
    pub(super) fn fault_here(&mut self, protos: &[Proto], message: &str) -> Fault {
        let mut text = vec![];
        names::push_position(self, protos, self.thread.frames.len().wrapping_sub(1), &mut text);
        text.extend_from_slice(message.as_bytes());
        self.fault(&text)
    }

    /// Returns the error that something cannot be done with a value; says where the value came from.
    pub(super) fn type_fault(
        &mut self,
        protos: &[Proto],
        action: &str,
        value: Value,
        operand: names::Operand,
    ) -> Fault {
        let mut text = vec![];
        names::push_position(self, protos, self.thread.frames.len().wrapping_sub(1), &mut text);
        text.extend_from_slice(b"attempt to ");
        text.extend_from_slice(action.as_bytes());
        if let Some((kind, name)) = names::of_operand(self, protos, operand) {
            text.push(b' ');
            text.extend_from_slice(kind.as_bytes());
            text.extend_from_slice(b" '");
            text.extend_from_slice(&name);
            text.extend_from_slice(b"' (a ");
            text.extend_from_slice(value.type_name().as_bytes());
            text.extend_from_slice(b" value)");
        } else {
            text.extend_from_slice(b" a ");
            text.extend_from_slice(value.type_name().as_bytes());
            text.extend_from_slice(b" value");
        }
        self.fault(&text)
    }

    /// Returns the metatable that `getmetatable` would, unless it is hidden.
    pub(super) fn set_metatable(&mut self, table: TableId, meta: Option<TableId>) {
        self.heap.table_mut(table).meta = meta;
    }
}

/// Returns the message that two values cannot be compared.
pub(super) fn compare_error(left: Value, right: Value) -> String {
    let (a, b) = (left.type_name(), right.type_name());
    if a == b {
        ["attempt to compare two ", a, " values"].concat()
    } else {
        ["attempt to compare ", a, " with ", b].concat()
    }
}
