//! Source to instructions in one pass: statements and scopes here, expressions in `expr`, instructions in `emit`.

mod emit;
mod expr;

use super::heap::Heap;
use super::lexer::{Lexer, Refusal, Token, Word, push_token};
use super::proto::{Capture, LocalVariable, Op, Proto};
use super::table::Table;
use super::value::StrId;

use emit::{Exp, Kind, NONE, Operand};

/// How deep statements and expressions may be nested.
const LEVELS: usize = 199;
const LOCALS: usize = 200;
const UPVALUES: usize = 60;
const ASSIGNED: usize = 198;

type Done<T = ()> = Result<T, Refusal>;

/// Compiles a chunk. Functions come innermost first, the chunk itself last; `children` are places in this list.
/// Whatever it charges to the heap while it works is returned to it; the caller counts the result.
pub(super) fn compile(source: &[u8], name: StrId, heap: &mut Heap) -> Result<Vec<Proto>, Refusal> {
    let name_bytes = heap.str(name).to_vec();
    let lexer = Lexer::new(source, &name_bytes);
    let mut compiler = Compiler { lexer, heap, funcs: vec![], done: vec![], name, level: 0, charged: 0 };
    let result = compiler.chunk();
    let (done, charged) = (compiler.done, compiler.charged);
    heap.refund(charged);
    result.map(|()| done)
}

struct Compiler<'a> {
    lexer: Lexer<'a>,
    heap: &'a mut Heap,
    /// The functions around the current place.
    funcs: Vec<Func>,
    done: Vec<Proto>,
    name: StrId,
    level: usize,
    charged: usize,
}

/// A function being compiled.
#[derive(Default)]
struct Func {
    proto: Proto,
    const_index: Table,
    blocks: Vec<Block>,
    /// The variables in scope, by register: places in the list of all of them.
    active: Vec<usize>,
    /// How many of all variables have come into scope.
    started: usize,
    /// The first free register.
    free: usize,
}

#[derive(Clone, Copy)]
struct Block {
    /// Jumps out of the loop.
    breaks: i32,
    /// How many variables there are outside.
    active: usize,
    /// Whether a function inside shares a variable of it.
    shared: bool,
    is_loop: bool,
}

impl Compiler<'_> {
    fn func(&mut self) -> &mut Func {
        self.funcs.last_mut().expect("a chunk is a function")
    }

    fn charge(&mut self, bytes: usize) -> Done {
        self.heap.charge(bytes)?;
        self.charged += bytes;
        Ok(())
    }

    // Tokens ------------------------------------------------------------------------------------------------------

    fn next(&mut self) -> Done {
        self.lexer.next(self.heap)
    }

    fn is(&self, byte: u8) -> bool {
        self.lexer.token == Token::Char(byte)
    }

    fn accept(&mut self, token: Token) -> Done<bool> {
        let found = self.lexer.token == token;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn expected(&self, token: Token) -> Refusal {
        let mut text = vec![b'\''];
        push_token(&mut text, token);
        text.extend_from_slice(b"' expected");
        self.lexer.error_here(&String::from_utf8_lossy(&text))
    }

    fn expect(&mut self, token: Token) -> Done {
        if self.accept(token)? { Ok(()) } else { Err(self.expected(token)) }
    }

    /// Expects what ends something that began in another line.
    fn expect_match(&mut self, end: Token, begin: Token, line: u32) -> Done {
        if self.accept(end)? {
            return Ok(());
        }
        if line == self.lexer.line {
            return Err(self.expected(end));
        }
        let mut text = vec![b'\''];
        push_token(&mut text, end);
        text.extend_from_slice(b"' expected (to close '");
        push_token(&mut text, begin);
        text.extend_from_slice(b"' at line ");
        crate::base::number::push_int(&mut text, line.into());
        text.push(b')');
        Err(self.lexer.error_here(&String::from_utf8_lossy(&text)))
    }

    fn name(&mut self) -> Done<StrId> {
        match self.lexer.token {
            Token::Name(id) => {
                self.next()?;
                Ok(id)
            }
            _ => Err(self.expected(Token::Name(self.name))),
        }
    }

    fn limit(&mut self, limit: usize, what: &str) -> Refusal {
        let line = self.func().proto.line;
        let number =
            |n: usize| String::from_utf8_lossy(&crate::base::number::format_int(n as i64)).into_owned();
        let (limit, place) = (number(limit), number(line as usize));
        self.lexer.error(&if line == 0 {
            ["main function has more than ", &limit, " ", what].concat()
        } else {
            ["function at line ", &place, " has more than ", &limit, " ", what].concat()
        })
    }

    fn enter_level(&mut self) -> Done {
        self.level += 1;
        if self.level > LEVELS {
            return Err(self.lexer.error("chunk has too many syntax levels"));
        }
        Ok(())
    }

    // Functions ---------------------------------------------------------------------------------------------------

    fn chunk(&mut self) -> Done {
        self.open_func(0)?;
        self.func().proto.vararg = true;
        self.next()?;
        self.statements()?;
        if self.lexer.token != Token::End {
            return Err(self.expected(Token::End));
        }
        self.close_func().map(drop)
    }

    fn open_func(&mut self, line: u32) -> Done {
        self.charge(size_of::<Func>() * 2)?;
        let proto = Proto { source: Some(self.name), line, max_stack: 2, ..Proto::default() };
        self.funcs.push(Func { proto, ..Func::default() });
        Ok(())
    }

    /// Ends the current function; returns its place among the finished ones.
    fn close_func(&mut self) -> Done<u32> {
        self.emit(Op::Return, 0, 1, 0)?;
        self.end_locals(0);
        let mut func = self.funcs.pop().expect("opened");
        func.proto.code.shrink_to_fit();
        func.proto.lines.shrink_to_fit();
        func.proto.consts.shrink_to_fit();
        self.done.push(func.proto);
        Ok((self.done.len() - 1) as u32)
    }

    /// Reads parameters and body, from the opening bracket on.
    fn body(&mut self, exp: &mut Exp, method: bool, line: u32) -> Done {
        self.open_func(line)?;
        self.expect(Token::Char(b'('))?;
        if method {
            let id = self.heap.intern(b"self")?;
            self.new_local(id)?;
            self.start_locals(1);
        }
        self.parameters()?;
        self.expect(Token::Char(b')'))?;
        self.statements()?;
        self.expect_match(Token::Word(Word::End), Token::Word(Word::Function), line)?;
        let index = self.close_func()?;
        let parent = self.func();
        parent.proto.children.push(index);
        let child = parent.proto.children.len() - 1;
        exp.kind = Kind::Open(self.emit(Op::Closure, 0, 0, child as i32)?);
        Ok(())
    }

    fn parameters(&mut self) -> Done {
        let mut count = 0;
        while !self.is(b')') {
            match self.lexer.token {
                Token::Name(id) => {
                    self.next()?;
                    self.new_local(id)?;
                    count += 1;
                }
                Token::Dots => {
                    self.next()?;
                    let id = self.heap.intern(b"arg")?;
                    self.new_local(id)?;
                    self.func().proto.vararg = true;
                    self.func().proto.needs_arg = true;
                    count += 1;
                    break;
                }
                _ => return Err(self.lexer.error_here("'<name>' or '...' expected")),
            }
            if !self.accept(Token::Char(b','))? {
                break;
            }
        }
        self.start_locals(count);
        let func = self.func();
        let params = func.active.len() - usize::from(func.proto.vararg);
        func.proto.params = params as u8;
        let count = func.active.len();
        self.reserve(count)
    }

    // Scopes ------------------------------------------------------------------------------------------------------

    /// Declares a variable that is not in scope yet.
    fn new_local(&mut self, name: StrId) -> Done {
        let func = self.func();
        if func.active.len() + func.proto.locals.len() - func.started >= LOCALS {
            return Err(self.limit(LOCALS, "local variables"));
        }
        self.charge(size_of::<LocalVariable>() + 8)?;
        self.func().proto.locals.push(LocalVariable { name, start: 0, end: 0 });
        Ok(())
    }

    fn new_hidden(&mut self, name: &str) -> Done {
        let id = self.heap.intern(name.as_bytes())?;
        self.new_local(id)
    }

    /// Brings the last declared variables into scope. A variable in scope ends, so far, at the end of everything.
    fn start_locals(&mut self, count: usize) {
        let here = self.here() as u32;
        let func = self.func();
        for _ in 0..count {
            let local = &mut func.proto.locals[func.started];
            (local.start, local.end) = (here, u32::MAX);
            func.active.push(func.started);
            func.started += 1;
        }
    }

    fn end_locals(&mut self, count: usize) {
        let here = self.here() as u32;
        let func = self.func();
        for i in func.active.drain(count..) {
            func.proto.locals[i].end = here;
        }
    }

    fn enter_block(&mut self, is_loop: bool) {
        let active = self.func().active.len();
        self.func().blocks.push(Block { breaks: NONE, active, shared: false, is_loop });
    }

    fn leave_block(&mut self) -> Done {
        let Some(block) = self.func().blocks.pop() else { return Ok(()) };
        self.end_locals(block.active);
        if block.shared {
            self.emit(Op::Close, block.active as u8, 0, 0)?;
        }
        self.func().free = block.active;
        self.patch_to_here(block.breaks);
        Ok(())
    }

    /// Finds what a name means.
    fn variable(&mut self, name: StrId) -> Done<Exp> {
        let innermost = self.funcs.len() - 1;
        Ok(Exp::new(match self.resolve(innermost, name)? {
            Some(kind) => kind,
            None => Kind::Global(self.string_const(name)?),
        }))
    }

    fn resolve(&mut self, level: usize, name: StrId) -> Done<Option<Kind>> {
        let func = &self.funcs[level];
        let named = |i: &usize| func.proto.locals[*i].name == name;
        if let Some(register) = func.active.iter().rposition(named) {
            return Ok(Some(Kind::Local(register as u8)));
        }
        if level == 0 {
            return Ok(None);
        }
        let capture = match self.resolve(level - 1, name)? {
            Some(Kind::Local(register)) => {
                let outer = &mut self.funcs[level - 1];
                let block = outer.blocks.iter_mut().rev().find(|block| block.active <= register.into());
                if let Some(block) = block {
                    block.shared = true;
                }
                Capture::Register(register)
            }
            Some(Kind::Upvalue(index)) => Capture::Upvalue(index),
            _ => return Ok(None),
        };
        let proto = &mut self.funcs[level].proto;
        if let Some(index) = proto.captures.iter().position(|other| *other == capture) {
            return Ok(Some(Kind::Upvalue(index as u8)));
        }
        if proto.captures.len() >= UPVALUES {
            self.funcs.truncate(level + 1);
            return Err(self.limit(UPVALUES, "upvalues"));
        }
        proto.captures.push(capture);
        proto.upvalue_names.push(name);
        Ok(Some(Kind::Upvalue((self.funcs[level].proto.captures.len() - 1) as u8)))
    }

    // Statements --------------------------------------------------------------------------------------------------

    fn block_ends(&self) -> bool {
        matches!(
            self.lexer.token,
            Token::End | Token::Word(Word::Else | Word::ElseIf | Word::End | Word::Until)
        )
    }

    fn statements(&mut self) -> Done {
        self.enter_level()?;
        let mut last = false;
        while !last && !self.block_ends() {
            last = self.statement()?;
            self.accept(Token::Char(b';'))?;
            let func = self.func();
            func.free = func.active.len();
        }
        self.level -= 1;
        Ok(())
    }

    /// Reads a statement; returns whether it must be the last one of its block.
    fn statement(&mut self) -> Done<bool> {
        let line = self.lexer.line;
        match self.lexer.token {
            Token::Word(Word::If) => self.if_statement(line)?,
            Token::Word(Word::While) => self.while_loop(line)?,
            Token::Word(Word::Do) => {
                self.next()?;
                self.block()?;
                self.expect_match(Token::Word(Word::End), Token::Word(Word::Do), line)?;
            }
            Token::Word(Word::For) => self.for_loop(line)?,
            Token::Word(Word::Repeat) => self.repeat_loop(line)?,
            Token::Word(Word::Function) => self.function_statement(line)?,
            Token::Word(Word::Local) => {
                self.next()?;
                if self.accept(Token::Word(Word::Function))? {
                    self.local_function()?;
                } else {
                    self.local_statement()?;
                }
            }
            Token::Word(Word::Return) => {
                self.return_statement()?;
                return Ok(true);
            }
            Token::Word(Word::Break) => {
                self.next()?;
                self.break_loop()?;
                return Ok(true);
            }
            _ => self.expression_statement()?,
        }
        Ok(false)
    }

    fn block(&mut self) -> Done {
        self.enter_block(false);
        self.statements()?;
        self.leave_block()
    }

    /// Reads a condition; returns the jumps to take if it is false.
    fn condition(&mut self) -> Done<i32> {
        let mut exp = self.expression()?;
        if exp.kind == Kind::Nil {
            exp.kind = Kind::False;
        }
        self.go_if_true(&mut exp)?;
        Ok(exp.no)
    }

    fn if_statement(&mut self, line: u32) -> Done {
        let mut escape = NONE;
        let mut otherwise = self.then_block()?;
        loop {
            match self.lexer.token {
                Token::Word(Word::ElseIf) => {
                    let jump = self.jump()?;
                    self.join(&mut escape, jump);
                    self.patch_to_here(otherwise);
                    otherwise = self.then_block()?;
                }
                Token::Word(Word::Else) => {
                    let jump = self.jump()?;
                    self.join(&mut escape, jump);
                    self.patch_to_here(otherwise);
                    self.next()?;
                    self.block()?;
                    break;
                }
                _ => {
                    self.join(&mut escape, otherwise);
                    break;
                }
            }
        }
        self.patch_to_here(escape);
        self.expect_match(Token::Word(Word::End), Token::Word(Word::If), line)
    }

    fn then_block(&mut self) -> Done<i32> {
        self.next()?;
        let otherwise = self.condition()?;
        self.expect(Token::Word(Word::Then))?;
        self.block()?;
        Ok(otherwise)
    }

    fn while_loop(&mut self, line: u32) -> Done {
        self.next()?;
        let start = self.here();
        let exit = self.condition()?;
        self.enter_block(true);
        self.expect(Token::Word(Word::Do))?;
        self.block()?;
        self.jump_back(start)?;
        self.expect_match(Token::Word(Word::End), Token::Word(Word::While), line)?;
        self.leave_block()?;
        self.patch_to_here(exit);
        Ok(())
    }

    fn jump_back(&mut self, target: usize) -> Done {
        let jump = self.jump()?;
        self.patch(jump, target);
        Ok(())
    }

    /// The condition sees the variables of the body.
    fn repeat_loop(&mut self, line: u32) -> Done {
        let start = self.here();
        self.enter_block(true);
        self.enter_block(false);
        self.next()?;
        self.statements()?;
        self.expect_match(Token::Word(Word::Until), Token::Word(Word::Repeat), line)?;
        let mut exp = self.expression()?;
        if exp.kind == Kind::Nil {
            exp.kind = Kind::False;
        }
        self.go_if_false(&mut exp)?;
        let block = *self.func().blocks.last().expect("entered");
        if block.shared {
            self.emit(Op::Close, block.active as u8, 0, 0)?;
        }
        self.jump_back(start)?;
        self.patch_to_here(exp.yes);
        self.leave_block()?;
        self.leave_block()
    }

    fn break_loop(&mut self) -> Done {
        let mut shared = false;
        let blocks = &self.func().blocks;
        let mut found = None;
        for (i, block) in blocks.iter().enumerate().rev() {
            if block.is_loop {
                found = Some((i, block.active));
                break;
            }
            shared |= block.shared;
        }
        let Some((i, active)) = found else { return Err(self.lexer.error_here("no loop to break")) };
        if shared {
            self.emit(Op::Close, active as u8, 0, 0)?;
        }
        let jump = self.jump()?;
        let mut breaks = self.func().blocks[i].breaks;
        self.join(&mut breaks, jump);
        self.func().blocks[i].breaks = breaks;
        Ok(())
    }

    fn for_loop(&mut self, line: u32) -> Done {
        self.enter_block(true);
        self.next()?;
        let name = self.name()?;
        match self.lexer.token {
            Token::Char(b'=') => self.numeric_for(name, line)?,
            Token::Char(b',') | Token::Word(Word::In) => self.generic_for(name)?,
            _ => return Err(self.lexer.error_here("'=' or 'in' expected")),
        }
        self.expect_match(Token::Word(Word::End), Token::Word(Word::For), line)?;
        self.leave_block()
    }

    fn numeric_for(&mut self, name: StrId, line: u32) -> Done {
        let base = self.func().free as u8;
        for hidden in ["(for index)", "(for limit)", "(for step)"] {
            self.new_hidden(hidden)?;
        }
        self.new_local(name)?;
        self.next()?;
        self.expression_to_next()?;
        self.expect(Token::Char(b','))?;
        self.expression_to_next()?;
        if self.accept(Token::Char(b','))? {
            self.expression_to_next()?;
        } else {
            self.reserve(1)?;
            let mut one = Exp::new(Kind::Number(1.0));
            self.put_in(&mut one, base + 2)?;
        }
        self.start_locals(3);
        self.expect(Token::Word(Word::Do))?;
        let prepare = self.emit(Op::ForPrep, base, 0, NONE)?;
        self.loop_body(1)?;
        self.emit(Op::ForLoop, base, 0, prepare as i32 + 1)?;
        self.fix_line(line);
        self.patch_to_here(prepare as i32);
        Ok(())
    }

    fn generic_for(&mut self, name: StrId) -> Done {
        let base = self.func().free as u8;
        for hidden in ["(for generator)", "(for state)", "(for control)"] {
            self.new_hidden(hidden)?;
        }
        self.new_local(name)?;
        let mut names = 1;
        while self.accept(Token::Char(b','))? {
            let name = self.name()?;
            self.new_local(name)?;
            names += 1;
        }
        self.expect(Token::Word(Word::In))?;
        let line = self.lexer.line;
        let (count, last) = self.expressions()?;
        self.adjust(3, count, last)?;
        self.check_stack(3)?;
        self.start_locals(3);
        self.expect(Token::Word(Word::Do))?;
        let enter = self.jump()?;
        let body = self.here();
        self.loop_body(names)?;
        self.patch_to_here(enter);
        self.emit(Op::IterCall, base, names as u16, 0)?;
        self.fix_line(line);
        self.emit(Op::IterLoop, base, 0, body as i32)?;
        self.fix_line(line);
        Ok(())
    }

    fn loop_body(&mut self, names: usize) -> Done {
        self.enter_block(false);
        self.start_locals(names);
        self.reserve(names)?;
        self.block()?;
        self.leave_block()
    }

    fn function_statement(&mut self, line: u32) -> Done {
        self.next()?;
        let name = self.name()?;
        let mut variable = self.variable(name)?;
        let mut method = false;
        loop {
            if self.is(b'.') {
                self.field(&mut variable)?;
            } else if self.is(b':') {
                self.field(&mut variable)?;
                method = true;
                break;
            } else {
                break;
            }
        }
        let mut exp = Exp::new(Kind::Void);
        self.body(&mut exp, method, line)?;
        self.store(&variable, &mut exp)?;
        // Errors of the definition are where it begins.
        self.fix_line(line);
        Ok(())
    }

    fn local_function(&mut self) -> Done {
        let name = self.name()?;
        self.new_local(name)?;
        let variable = Exp::new(Kind::Local(self.func().free as u8));
        self.reserve(1)?;
        self.start_locals(1);
        let line = self.lexer.line;
        let mut exp = Exp::new(Kind::Void);
        self.body(&mut exp, false, line)?;
        self.store(&variable, &mut exp)?;
        let here = self.here() as u32;
        let func = self.func();
        if let Some(last) = func.active.last() {
            func.proto.locals[*last].start = here;
        }
        Ok(())
    }

    fn local_statement(&mut self) -> Done {
        let mut names = 0;
        loop {
            let name = self.name()?;
            self.new_local(name)?;
            names += 1;
            if !self.accept(Token::Char(b','))? {
                break;
            }
        }
        let (count, last) =
            if self.accept(Token::Char(b'='))? { self.expressions()? } else { (0, Exp::new(Kind::Void)) };
        self.adjust(names, count, last)?;
        self.start_locals(names);
        Ok(())
    }

    /// Makes `count` values, the last of which is not in a register yet, as many as there are variables.
    fn adjust(&mut self, variables: usize, count: usize, mut last: Exp) -> Done {
        if last.is_open_list() {
            let extra = (variables + 1).saturating_sub(count);
            self.set_results(&last, extra as i32)?;
            return self.reserve(extra.saturating_sub(1));
        }
        if last.kind != Kind::Void {
            self.put_next(&mut last)?;
        }
        if variables > count {
            let (extra, first) = (variables - count, self.func().free);
            self.reserve(extra)?;
            self.emit(Op::LoadNil, first as u8, (first + extra - 1) as u16, 0)?;
        }
        Ok(())
    }

    fn expression_statement(&mut self) -> Done {
        let exp = self.suffixed()?;
        match exp.kind {
            Kind::Call(pc) => {
                self.instr(pc).c = 1;
                Ok(())
            }
            _ => self.assignment(exp),
        }
    }

    fn assignment(&mut self, first: Exp) -> Done {
        let mut targets = vec![first];
        loop {
            let last = *targets.last().expect("never empty");
            if !matches!(last.kind, Kind::Local(_) | Kind::Upvalue(_) | Kind::Global(_) | Kind::Index(..)) {
                return Err(self.lexer.error_here("syntax error"));
            }
            if !self.accept(Token::Char(b','))? {
                break;
            }
            let target = self.suffixed()?;
            if let Kind::Local(register) = target.kind {
                self.keep_apart(&mut targets, register)?;
            }
            if targets.len() >= ASSIGNED {
                return Err(self.limit(ASSIGNED, "variables in assignment"));
            }
            targets.push(target);
        }
        self.expect(Token::Char(b'='))?;
        let (count, mut last) = self.expressions()?;
        if count == targets.len() {
            if last.is_open_list() {
                self.one_result(&mut last);
            }
            let target = targets.pop().expect("never empty");
            self.store(&target, &mut last)?;
        } else {
            self.adjust(targets.len(), count, last)?;
            let extra = count.saturating_sub(targets.len());
            self.func().free -= extra;
        }
        for target in targets.iter().rev() {
            let mut exp = Exp::new(Kind::Fixed((self.func().free - 1) as u8));
            self.store(target, &mut exp)?;
        }
        Ok(())
    }

    /// A variable is about to be assigned that targets before it use as a table or a key: these use a copy.
    fn keep_apart(&mut self, targets: &mut [Exp], register: u8) -> Done {
        let copy = self.func().free as u8;
        let mut conflict = false;
        for target in targets {
            if let Kind::Index(table, key) = &mut target.kind {
                if *table == register {
                    *table = copy;
                    conflict = true;
                }
                if *key == Operand::Register(register) {
                    *key = Operand::Register(copy);
                    conflict = true;
                }
            }
        }
        if conflict {
            self.emit(Op::Move, copy, register.into(), 0)?;
            self.reserve(1)?;
        }
        Ok(())
    }

    fn return_statement(&mut self) -> Done {
        self.next()?;
        let (mut first, mut count) = (self.func().active.len() as u8, 0);
        if !self.block_ends() && !self.is(b';') {
            let (expressions, mut last) = self.expressions()?;
            count = expressions as i32;
            if last.is_open_list() {
                self.set_results(&last, -1)?;
                if let (Kind::Call(pc), 1) = (last.kind, count) {
                    self.instr(pc).op = Op::TailCall;
                }
                count = -1;
            } else if count == 1 {
                first = self.put_anywhere(&mut last)?;
            } else {
                self.put_next(&mut last)?;
            }
        }
        self.emit(Op::Return, first, (count + 1) as u16, 0)?;
        Ok(())
    }
}
