//! Expressions to instructions: what is not computed yet is described, and put into a register as late as possible.

use crate::lua::lexer::Refusal;
use crate::lua::proto::{COND, CONST, Instr, NO_REGISTER, Op, RK};
use crate::lua::value::{StrId, Value};

use super::Compiler;

/// The end of a list of jumps that wait for their target. The next one stands in the jump's own `c`.
pub(super) const NONE: i32 = -1;

/// The most registers that a function may have.
const REGISTERS: usize = 250;

/// An expression that has been read.
#[derive(Clone, Copy)]
pub(super) struct Exp {
    pub kind: Kind,
    /// Jumps to take if it is true.
    pub yes: i32,
    /// Jumps to take if it is false.
    pub no: i32,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// No expression.
    Void,
    Nil,
    True,
    False,
    Number(f64),
    Const(u32),
    Local(u8),
    Upvalue(u8),
    Global(u32),
    Index(u8, Operand),
    /// A comparison that jumps if it holds.
    Jump(usize),
    /// An instruction that does not know its register yet.
    Open(usize),
    /// In a register.
    Fixed(u8),
    Call(usize),
    Vararg(usize),
}

/// A register, or a constant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Operand {
    Register(u8),
    Const(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Arith(Op),
    Concat,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

impl Exp {
    pub fn new(kind: Kind) -> Self {
        Self { kind, yes: NONE, no: NONE }
    }

    pub fn has_jumps(&self) -> bool {
        self.yes != self.no
    }

    pub fn is_open_list(&self) -> bool {
        matches!(self.kind, Kind::Call(_) | Kind::Vararg(_))
    }

    fn numeral(&self) -> Option<f64> {
        match self.kind {
            Kind::Number(number) if !self.has_jumps() => Some(number),
            _ => None,
        }
    }
}

type Done<T = ()> = Result<T, Refusal>;

impl Compiler<'_> {
    pub(super) fn emit(&mut self, op: Op, a: u8, b: u16, c: i32) -> Done<usize> {
        self.charge(size_of::<Instr>() + size_of::<u32>())?;
        let line = self.lexer.last_line;
        let proto = &mut self.func().proto;
        proto.code.push(Instr { op, a, b, c });
        proto.lines.push(line);
        Ok(proto.code.len() - 1)
    }

    pub(super) fn instr(&mut self, pc: usize) -> &mut Instr {
        &mut self.func().proto.code[pc]
    }

    pub(super) fn here(&mut self) -> usize {
        self.func().proto.code.len()
    }

    pub(super) fn fix_line(&mut self, line: u32) {
        if let Some(last) = self.func().proto.lines.last_mut() {
            *last = line;
        }
    }

    // Constants ---------------------------------------------------------------------------------------------------

    pub(super) fn string_const(&mut self, id: StrId) -> Done<u32> {
        self.constant(Value::Str(id), Value::Str(id))
    }

    /// Returns the index of a constant. `key` finds it again: nil stands for it by the table of constants.
    fn constant(&mut self, key: Value, value: Value) -> Done<u32> {
        if let Value::Number(index) = self.func().const_index.get(key) {
            return Ok(index as u32);
        }
        self.charge(4 * size_of::<Value>())?;
        let func = self.func();
        let index = func.proto.consts.len() as u32;
        func.proto.consts.push(value);
        // NaN is a key of no table.
        if !matches!(key, Value::Number(number) if number.is_nan()) {
            func.const_index.insert(key, Value::Number(index.into()));
        }
        Ok(index)
    }

    fn const_of(&mut self, exp: &Exp) -> Done<Option<u32>> {
        if exp.has_jumps() {
            return Ok(None);
        }
        match exp.kind {
            // A table has no nil among its keys.
            Kind::Nil => self.constant(Value::Null, Value::Nil).map(Some),
            Kind::True => self.constant(Value::Bool(true), Value::Bool(true)).map(Some),
            Kind::False => self.constant(Value::Bool(false), Value::Bool(false)).map(Some),
            Kind::Number(number) => self.constant(Value::Number(number), Value::Number(number)).map(Some),
            Kind::Const(index) => Ok(Some(index)),
            _ => Ok(None),
        }
    }

    // Registers ---------------------------------------------------------------------------------------------------

    pub(super) fn check_stack(&mut self, more: usize) -> Done {
        let wanted = self.func().free + more;
        if wanted > usize::from(self.func().proto.max_stack) {
            if wanted >= REGISTERS {
                return Err(self.lexer.error_here("function or expression too complex"));
            }
            self.func().proto.max_stack = wanted as u8;
        }
        Ok(())
    }

    pub(super) fn reserve(&mut self, count: usize) -> Done {
        self.check_stack(count)?;
        self.func().free += count;
        Ok(())
    }

    fn free_register(&mut self, register: u8) {
        let func = self.func();
        if usize::from(register) >= func.active.len() {
            func.free -= 1;
        }
    }

    fn free_operand(&mut self, operand: Operand) {
        if let Operand::Register(register) = operand {
            self.free_register(register);
        }
    }

    pub(super) fn free_exp(&mut self, exp: &Exp) {
        if let Kind::Fixed(register) = exp.kind {
            self.free_register(register);
        }
    }

    // Lists of jumps ----------------------------------------------------------------------------------------------

    pub(super) fn jump(&mut self) -> Done<i32> {
        Ok(self.emit(Op::Jump, 0, 0, NONE)? as i32)
    }

    /// Appends a list of jumps to another.
    pub(super) fn join(&mut self, list: &mut i32, more: i32) {
        if more == NONE {
            return;
        }
        if *list == NONE {
            *list = more;
            return;
        }
        let mut last = *list as usize;
        while self.instr(last).c != NONE {
            last = self.instr(last).c as usize;
        }
        self.instr(last).c = more;
    }

    pub(super) fn patch_to_here(&mut self, list: i32) {
        let here = self.here();
        self.patch(list, here);
    }

    pub(super) fn patch(&mut self, list: i32, target: usize) {
        self.patch_values(list, target, NO_REGISTER, target);
    }

    /// Sends the jumps that bring a value along to `target`, with it in a register, the others to `other`.
    fn patch_values(&mut self, mut list: i32, target: usize, register: u8, other: usize) {
        while list != NONE {
            let pc = list as usize;
            list = self.instr(pc).c;
            let brings = self.patch_register(pc, register);
            self.instr(pc).c = if brings { target } else { other } as i32;
        }
    }

    fn patch_register(&mut self, pc: usize, register: u8) -> bool {
        let instr = self.instr(pc);
        if instr.op != Op::TestSet {
            return false;
        }
        let source = (instr.b & !COND) as u8;
        if register != NO_REGISTER && register != source {
            instr.a = register;
        } else {
            *instr = Instr { op: Op::Test, a: source, b: instr.b & COND, c: instr.c };
        }
        true
    }

    fn drop_values(&mut self, mut list: i32) {
        while list != NONE {
            self.patch_register(list as usize, NO_REGISTER);
            list = self.instr(list as usize).c;
        }
    }

    fn needs_value(&mut self, mut list: i32) -> bool {
        while list != NONE {
            let instr = *self.instr(list as usize);
            if instr.op != Op::TestSet {
                return true;
            }
            list = instr.c;
        }
        false
    }

    // Values ------------------------------------------------------------------------------------------------------

    /// Turns variables into values, be it in an instruction that has no register yet.
    pub(super) fn discharge(&mut self, exp: &mut Exp) -> Done {
        exp.kind = match exp.kind {
            Kind::Local(register) => Kind::Fixed(register),
            Kind::Upvalue(index) => Kind::Open(self.emit(Op::GetUpvalue, 0, index.into(), 0)?),
            Kind::Global(name) => Kind::Open(self.emit(Op::GetGlobal, 0, 0, name as i32)?),
            Kind::Index(table, key) => {
                self.free_operand(key);
                self.free_register(table);
                let (op, c) = match key {
                    Operand::Register(register) => (Op::GetTable, i32::from(register)),
                    Operand::Const(index) => {
                        (self.op_for_key(index, Op::GetField, Op::GetConst), index as i32)
                    }
                };
                Kind::Open(self.emit(op, 0, table.into(), c)?)
            }
            Kind::Call(_) | Kind::Vararg(_) => {
                self.one_result(exp);
                exp.kind
            }
            other => other,
        };
        Ok(())
    }

    fn op_for_key(&mut self, index: u32, string: Op, other: Op) -> Op {
        match self.func().proto.consts[index as usize] {
            Value::Str(_) => string,
            _ => other,
        }
    }

    /// Asks a call or `...` for so many results.
    pub(super) fn set_results(&mut self, exp: &Exp, results: i32) -> Done {
        match exp.kind {
            Kind::Call(pc) => self.instr(pc).c = results + 1,
            Kind::Vararg(pc) => {
                let free = self.func().free as u8;
                let instr = self.instr(pc);
                instr.b = (results + 1) as u16;
                instr.a = free;
                self.reserve(1)?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn one_result(&mut self, exp: &mut Exp) {
        match exp.kind {
            Kind::Call(pc) => {
                self.instr(pc).c = 2;
                exp.kind = Kind::Fixed(self.instr(pc).a);
            }
            Kind::Vararg(pc) => {
                self.instr(pc).b = 2;
                exp.kind = Kind::Open(pc);
            }
            _ => {}
        }
    }

    fn discharge_to(&mut self, exp: &mut Exp, register: u8) -> Done {
        self.discharge(exp)?;
        match exp.kind {
            Kind::Nil => {
                self.emit(Op::LoadNil, register, register.into(), 0)?;
            }
            Kind::True | Kind::False => {
                self.emit(Op::LoadBool, register, u16::from(exp.kind == Kind::True), 0)?;
            }
            Kind::Const(index) => {
                self.emit(Op::LoadK, register, 0, index as i32)?;
            }
            Kind::Number(number) => {
                let index = self.constant(Value::Number(number), Value::Number(number))?;
                self.emit(Op::LoadK, register, 0, index as i32)?;
            }
            Kind::Open(pc) => self.instr(pc).a = register,
            Kind::Fixed(from) if from != register => {
                self.emit(Op::Move, register, from.into(), 0)?;
            }
            Kind::Void | Kind::Jump(_) => return Ok(()),
            _ => {}
        }
        exp.kind = Kind::Fixed(register);
        Ok(())
    }

    pub(super) fn put_in(&mut self, exp: &mut Exp, register: u8) -> Done {
        self.discharge_to(exp, register)?;
        if let Kind::Jump(pc) = exp.kind {
            self.join(&mut exp.yes, pc as i32);
        }
        if exp.has_jumps() {
            let (mut no, mut yes) = (0, 0);
            if self.needs_value(exp.yes) || self.needs_value(exp.no) {
                let over = if matches!(exp.kind, Kind::Jump(_)) { NONE } else { self.jump()? };
                no = self.emit(Op::LoadBool, register, 0, 1)?;
                yes = self.emit(Op::LoadBool, register, 1, 0)?;
                self.patch_to_here(over);
            }
            let end = self.here();
            self.patch_values(exp.no, end, register, no);
            self.patch_values(exp.yes, end, register, yes);
        }
        *exp = Exp::new(Kind::Fixed(register));
        Ok(())
    }

    pub(super) fn put_next(&mut self, exp: &mut Exp) -> Done {
        self.discharge(exp)?;
        self.free_exp(exp);
        self.reserve(1)?;
        let register = (self.func().free - 1) as u8;
        self.put_in(exp, register)
    }

    pub(super) fn put_anywhere(&mut self, exp: &mut Exp) -> Done<u8> {
        self.discharge(exp)?;
        if let Kind::Fixed(register) = exp.kind {
            if !exp.has_jumps() {
                return Ok(register);
            }
            if usize::from(register) >= self.func().active.len() {
                self.put_in(exp, register)?;
                return Ok(register);
            }
        }
        self.put_next(exp)?;
        match exp.kind {
            Kind::Fixed(register) => Ok(register),
            _ => Ok(0),
        }
    }

    /// Turns the expression into something that can be used without a register, or into a register.
    pub(super) fn settle(&mut self, exp: &mut Exp) -> Done {
        if exp.has_jumps() { self.put_anywhere(exp).map(drop) } else { self.discharge(exp) }
    }

    pub(super) fn operand_of(&mut self, exp: &mut Exp) -> Done<Operand> {
        self.settle(exp)?;
        if let Some(index) = self.const_of(exp)? {
            exp.kind = Kind::Const(index);
            return Ok(Operand::Const(index));
        }
        self.put_anywhere(exp).map(Operand::Register)
    }

    fn rk(operand: Operand) -> i32 {
        match operand {
            Operand::Register(register) => register.into(),
            Operand::Const(index) => index as i32 + RK,
        }
    }

    pub(super) fn set_table(&mut self, table: u8, key: Operand, value: Operand) -> Done {
        let c = Self::rk(value);
        match key {
            Operand::Register(register) => self.emit(Op::SetTable, table, register.into(), c)?,
            Operand::Const(index) => self.emit(Op::SetField, table, index as u16, c)?,
        };
        Ok(())
    }

    /// Makes a key out of an expression; one of those that fit into `b`, if it is constant.
    pub(super) fn key_of(&mut self, exp: &mut Exp) -> Done<Operand> {
        match self.operand_of(exp)? {
            Operand::Const(index) if index > u16::MAX.into() => {
                self.put_next(exp)?;
                self.put_anywhere(exp).map(Operand::Register)
            }
            operand => Ok(operand),
        }
    }

    pub(super) fn store(&mut self, variable: &Exp, exp: &mut Exp) -> Done {
        match variable.kind {
            Kind::Local(register) => {
                self.free_exp(exp);
                return self.put_in(exp, register);
            }
            Kind::Upvalue(index) => {
                let register = self.put_anywhere(exp)?;
                self.emit(Op::SetUpvalue, register, index.into(), 0)?;
            }
            Kind::Global(name) => {
                let register = self.put_anywhere(exp)?;
                self.emit(Op::SetGlobal, register, 0, name as i32)?;
            }
            Kind::Index(table, key) => {
                let value = self.operand_of(exp)?;
                self.set_table(table, key, value)?;
            }
            _ => {}
        }
        self.free_exp(exp);
        Ok(())
    }

    /// `object:name`: the function and the object go into two registers.
    pub(super) fn method(&mut self, exp: &mut Exp, name: u32) -> Done {
        let object = self.put_anywhere(exp)?;
        self.free_exp(exp);
        let register = self.func().free as u8;
        self.reserve(2)?;
        self.emit(Op::Method, register, object.into(), name as i32)?;
        exp.kind = Kind::Fixed(register);
        Ok(())
    }

    // Conditions --------------------------------------------------------------------------------------------------

    fn jump_if(&mut self, exp: &mut Exp, condition: bool) -> Done<i32> {
        let bit = |condition: bool| if condition { COND } else { 0 };
        if let Kind::Open(pc) = exp.kind
            && self.instr(pc).op == Op::Not
        {
            let register = self.instr(pc).b as u8;
            let proto = &mut self.func().proto;
            proto.code.pop();
            proto.lines.pop();
            return Ok(self.emit(Op::Test, register, bit(!condition), NONE)? as i32);
        }
        let register = self.put_value_anywhere(exp)?;
        self.free_exp(exp);
        let b = u16::from(register) | bit(condition);
        Ok(self.emit(Op::TestSet, NO_REGISTER, b, NONE)? as i32)
    }

    /// Puts the value alone into a register; jumps of the expression stay open.
    fn put_value_anywhere(&mut self, exp: &mut Exp) -> Done<u8> {
        if let Kind::Fixed(register) = exp.kind {
            return Ok(register);
        }
        self.reserve(1)?;
        let register = (self.func().free - 1) as u8;
        self.discharge_to(exp, register)?;
        Ok(register)
    }

    /// Goes on if the expression is true, jumps if not.
    pub(super) fn go_if_true(&mut self, exp: &mut Exp) -> Done {
        self.discharge(exp)?;
        let jump = match exp.kind {
            Kind::Const(_) | Kind::Number(_) | Kind::True => NONE,
            Kind::False => self.jump()?,
            Kind::Jump(pc) => {
                self.instr(pc).b ^= COND;
                pc as i32
            }
            _ => self.jump_if(exp, false)?,
        };
        self.join(&mut exp.no, jump);
        self.patch_to_here(exp.yes);
        exp.yes = NONE;
        Ok(())
    }

    /// Goes on if the expression is false, jumps if not.
    pub(super) fn go_if_false(&mut self, exp: &mut Exp) -> Done {
        self.discharge(exp)?;
        let jump = match exp.kind {
            Kind::Nil | Kind::False => NONE,
            Kind::True => self.jump()?,
            Kind::Jump(pc) => pc as i32,
            _ => self.jump_if(exp, true)?,
        };
        self.join(&mut exp.yes, jump);
        self.patch_to_here(exp.no);
        exp.no = NONE;
        Ok(())
    }

    fn not(&mut self, exp: &mut Exp) -> Done {
        self.discharge(exp)?;
        exp.kind = match exp.kind {
            Kind::Nil | Kind::False => Kind::True,
            Kind::Const(_) | Kind::Number(_) | Kind::True => Kind::False,
            Kind::Jump(pc) => {
                self.instr(pc).b ^= COND;
                Kind::Jump(pc)
            }
            _ => {
                let register = self.put_value_anywhere(exp)?;
                self.free_exp(exp);
                Kind::Open(self.emit(Op::Not, 0, register.into(), 0)?)
            }
        };
        std::mem::swap(&mut exp.yes, &mut exp.no);
        self.drop_values(exp.yes);
        self.drop_values(exp.no);
        Ok(())
    }

    // Operators ---------------------------------------------------------------------------------------------------

    pub(super) fn unary(&mut self, op: Op, exp: &mut Exp) -> Done {
        if op == Op::Not {
            return self.not(exp);
        }
        if op == Op::Unm
            && let Some(number) = exp.numeral()
            && !number.is_nan()
        {
            exp.kind = Kind::Number(-number);
            return Ok(());
        }
        let register = self.put_anywhere(exp)?;
        self.free_exp(exp);
        exp.kind = Kind::Open(self.emit(op, 0, register.into(), 0)?);
        Ok(())
    }

    /// Prepares the left operand, before the right one is read.
    pub(super) fn infix(&mut self, op: Binary, exp: &mut Exp) -> Done {
        match op {
            Binary::And => self.go_if_true(exp),
            Binary::Or => self.go_if_false(exp),
            Binary::Concat => self.put_next(exp),
            Binary::Arith(_) if exp.numeral().is_some() => Ok(()),
            _ => self.operand_of(exp).map(drop),
        }
    }

    pub(super) fn binary(&mut self, op: Binary, left: &mut Exp, mut right: Exp) -> Done {
        match op {
            Binary::And => {
                self.discharge(&mut right)?;
                self.join(&mut right.no, left.no);
                *left = right;
            }
            Binary::Or => {
                self.discharge(&mut right)?;
                self.join(&mut right.yes, left.yes);
                *left = right;
            }
            Binary::Concat => self.concat(left, right)?,
            Binary::Arith(op) => self.arith(op, left, right)?,
            Binary::Eq => self.compare(Op::Eq, true, left, &mut right)?,
            Binary::Ne => self.compare(Op::Eq, false, left, &mut right)?,
            Binary::Lt => self.compare(Op::Lt, true, left, &mut right)?,
            Binary::Le => self.compare(Op::Le, true, left, &mut right)?,
            Binary::Gt => self.compare_swapped(Op::Lt, left, right)?,
            Binary::Ge => self.compare_swapped(Op::Le, left, right)?,
        }
        Ok(())
    }

    fn concat(&mut self, left: &mut Exp, mut right: Exp) -> Done {
        self.settle(&mut right)?;
        let Kind::Fixed(first) = left.kind else { return Ok(()) };
        if let Kind::Open(pc) = right.kind
            && self.instr(pc).op == Op::Concat
        {
            self.free_exp(left);
            self.instr(pc).b = first.into();
            left.kind = Kind::Open(pc);
            return Ok(());
        }
        self.put_next(&mut right)?;
        let Kind::Fixed(last) = right.kind else { return Ok(()) };
        self.free_exp(&right);
        self.free_exp(left);
        left.kind = Kind::Open(self.emit(Op::Concat, 0, first.into(), last.into())?);
        Ok(())
    }

    fn arith(&mut self, op: Op, left: &mut Exp, mut right: Exp) -> Done {
        if let (Some(a), Some(b)) = (left.numeral(), right.numeral())
            && let Some(number) = fold(op, a, b)
        {
            left.kind = Kind::Number(number);
            return Ok(());
        }
        let c = self.operand_of(&mut right)?;
        let b = self.put_anywhere(left)?;
        self.free_both(left, &right);
        left.kind = Kind::Open(self.emit(op, 0, b.into(), Self::rk(c))?);
        Ok(())
    }

    /// Frees two temporary registers, the higher one first.
    fn free_both(&mut self, left: &Exp, right: &Exp) {
        match (left.kind, right.kind) {
            (Kind::Fixed(a), Kind::Fixed(b)) if a > b => {
                self.free_register(a);
                self.free_register(b);
            }
            _ => {
                self.free_exp(right);
                self.free_exp(left);
            }
        }
    }

    fn compare_swapped(&mut self, op: Op, left: &mut Exp, mut right: Exp) -> Done {
        self.compare(op, true, &mut right, left)?;
        *left = right;
        Ok(())
    }

    /// Emits a comparison that jumps; `left` becomes it.
    fn compare(&mut self, op: Op, condition: bool, left: &mut Exp, right: &mut Exp) -> Done {
        // Operands have been read in the order of the source, whichever is on the left here.
        let second = self.operand_of(right)?;
        let first = self.operand_of(left)?;
        let fits = |operand: Operand| matches!(operand, Operand::Const(index) if index < CONST.into());
        let (op, a, b) = match (first, second) {
            (Operand::Register(a), Operand::Register(b)) => (op, a, u16::from(b)),
            (Operand::Register(a), Operand::Const(k)) if fits(second) => (op, a, k as u16 | CONST),
            (Operand::Const(k), Operand::Register(b)) if fits(first) => {
                let turned = match op {
                    Op::Lt => Op::Gt,
                    Op::Le => Op::Ge,
                    other => other,
                };
                (turned, b, k as u16 | CONST)
            }
            _ => {
                let b = self.put_anywhere(right)?;
                let a = self.put_anywhere(left)?;
                (op, a, b.into())
            }
        };
        self.free_both(left, right);
        let b = if condition { b | COND } else { b };
        *left = Exp::new(Kind::Jump(self.emit(op, a, b, NONE)?));
        Ok(())
    }
}

/// Computes an operation on constants, unless the result depends on the machine or is an error elsewhere.
fn fold(op: Op, a: f64, b: f64) -> Option<f64> {
    let number = match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div if b != 0.0 => a / b,
        Op::Mod if b != 0.0 => crate::lua::arith::modulo(a, b),
        Op::Pow => a.powf(b),
        _ => return None,
    };
    (!number.is_nan()).then_some(number)
}
