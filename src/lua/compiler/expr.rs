//! Expressions of the source.

use crate::lua::lexer::{Refusal, Token, Word};
use crate::lua::proto::Op;

use super::Compiler;
use super::emit::{Binary, Exp, Kind};

type Done<T = ()> = Result<T, Refusal>;

/// How strongly unary operators bind.
const UNARY: u8 = 8;

/// How many elements of a table constructor are stored at once.
const BATCH: usize = 50;

impl Compiler<'_> {
    pub(super) fn expression(&mut self) -> Done<Exp> {
        self.subexpression(0)
    }

    pub(super) fn expression_to_next(&mut self) -> Done {
        let mut exp = self.expression()?;
        self.put_next(&mut exp)
    }

    /// Reads a list of expressions, all but the last of which are put into registers.
    pub(super) fn expressions(&mut self) -> Done<(usize, Exp)> {
        let mut count = 1;
        let mut exp = self.expression()?;
        while self.accept(Token::Char(b','))? {
            self.put_next(&mut exp)?;
            exp = self.expression()?;
            count += 1;
        }
        Ok((count, exp))
    }

    /// Reads operators that bind more strongly than `limit`.
    fn subexpression(&mut self, limit: u8) -> Done<Exp> {
        self.enter_level()?;
        let unary = match self.lexer.token {
            Token::Word(Word::Not) => Some(Op::Not),
            Token::Char(b'-') => Some(Op::Unm),
            Token::Char(b'#') => Some(Op::Len),
            _ => None,
        };
        let mut exp = match unary {
            Some(op) => {
                self.next()?;
                let mut exp = self.subexpression(UNARY)?;
                self.unary(op, &mut exp)?;
                exp
            }
            None => self.simple()?,
        };
        while let Some((op, left, right)) = operator(self.lexer.token)
            && left > limit
        {
            self.next()?;
            self.infix(op, &mut exp)?;
            let operand = self.subexpression(right)?;
            self.binary(op, &mut exp, operand)?;
        }
        self.level -= 1;
        Ok(exp)
    }

    fn simple(&mut self) -> Done<Exp> {
        let kind = match self.lexer.token {
            Token::Number(number) => Kind::Number(number),
            Token::String(id) => Kind::Const(self.string_const(id)?),
            Token::Word(Word::Nil) => Kind::Nil,
            Token::Word(Word::True) => Kind::True,
            Token::Word(Word::False) => Kind::False,
            Token::Dots => {
                if !self.func().proto.vararg {
                    return Err(self.lexer.error_here("cannot use '...' outside a vararg function"));
                }
                self.func().proto.needs_arg = false;
                Kind::Vararg(self.emit(Op::Vararg, 0, 1, 0)?)
            }
            Token::Char(b'{') => return self.constructor(),
            Token::Word(Word::Function) => {
                self.next()?;
                let mut exp = Exp::new(Kind::Void);
                let line = self.lexer.line;
                self.body(&mut exp, false, line)?;
                return Ok(exp);
            }
            _ => return self.suffixed(),
        };
        self.next()?;
        Ok(Exp::new(kind))
    }

    fn prefix(&mut self) -> Done<Exp> {
        match self.lexer.token {
            Token::Char(b'(') => {
                let line = self.lexer.line;
                self.next()?;
                let mut exp = self.expression()?;
                self.expect_match(Token::Char(b')'), Token::Char(b'('), line)?;
                self.discharge(&mut exp)?;
                Ok(exp)
            }
            Token::Name(name) => {
                self.next()?;
                self.variable(name)
            }
            _ => Err(self.lexer.error_here("unexpected symbol")),
        }
    }

    /// Reads a variable or call: something with fields, keys and arguments behind it.
    pub(super) fn suffixed(&mut self) -> Done<Exp> {
        let mut exp = self.prefix()?;
        loop {
            match self.lexer.token {
                Token::Char(b'.') => self.field(&mut exp)?,
                Token::Char(b'[') => {
                    let table = self.put_anywhere(&mut exp)?;
                    self.next()?;
                    let mut key = self.expression()?;
                    self.settle(&mut key)?;
                    self.expect(Token::Char(b']'))?;
                    let key = self.key_of(&mut key)?;
                    exp = Exp::new(Kind::Index(table, key));
                }
                Token::Char(b':') => {
                    self.next()?;
                    let name = self.name()?;
                    let name = self.string_const(name)?;
                    self.method(&mut exp, name)?;
                    self.arguments(&mut exp)?;
                }
                Token::Char(b'(' | b'{') | Token::String(_) => {
                    self.put_next(&mut exp)?;
                    self.arguments(&mut exp)?;
                }
                _ => return Ok(exp),
            }
        }
    }

    /// Reads `.name` or `:name`.
    pub(super) fn field(&mut self, exp: &mut Exp) -> Done {
        let table = self.put_anywhere(exp)?;
        self.next()?;
        let name = self.name()?;
        let mut key = Exp::new(Kind::Const(self.string_const(name)?));
        let key = self.key_of(&mut key)?;
        *exp = Exp::new(Kind::Index(table, key));
        Ok(())
    }

    /// Reads the arguments of a call of what is in the last register.
    fn arguments(&mut self, function: &mut Exp) -> Done {
        let line = self.lexer.line;
        let mut last = Exp::new(Kind::Void);
        match self.lexer.token {
            Token::Char(b'(') => {
                if line != self.lexer.last_line {
                    return Err(self.lexer.error_here("ambiguous syntax (function call x new statement)"));
                }
                self.next()?;
                if !self.is(b')') {
                    last = self.expressions()?.1;
                    self.set_results(&last, -1)?;
                }
                self.expect_match(Token::Char(b')'), Token::Char(b'('), line)?;
            }
            Token::Char(b'{') => last = self.constructor()?,
            Token::String(id) => {
                last.kind = Kind::Const(self.string_const(id)?);
                self.next()?;
            }
            _ => return Err(self.lexer.error_here("function arguments expected")),
        }
        let Kind::Fixed(base) = function.kind else { return Ok(()) };
        let count = if last.is_open_list() {
            -1
        } else {
            if last.kind != Kind::Void {
                self.put_next(&mut last)?;
            }
            self.func().free as i32 - i32::from(base) - 1
        };
        let pc = self.emit(Op::Call, base, (count + 1) as u16, 2)?;
        self.fix_line(line);
        *function = Exp::new(Kind::Call(pc));
        // The function and its arguments go, one result comes.
        self.func().free = usize::from(base) + 1;
        Ok(())
    }

    fn constructor(&mut self) -> Done<Exp> {
        let line = self.lexer.line;
        let pc = self.emit(Op::NewTable, 0, 0, 0)?;
        let mut table = Exp::new(Kind::Open(pc));
        self.put_next(&mut table)?;
        let Kind::Fixed(register) = table.kind else { return Ok(table) };
        let (mut listed, mut waiting, mut named) = (0, 0, 0);
        let mut item = Exp::new(Kind::Void);
        self.expect(Token::Char(b'{'))?;
        while !self.is(b'}') {
            if item.kind != Kind::Void {
                self.put_next(&mut item)?;
                item.kind = Kind::Void;
                if waiting == BATCH {
                    self.emit(Op::SetList, register, waiting as u16, (listed - waiting) as i32)?;
                    self.func().free = usize::from(register) + 1;
                    waiting = 0;
                }
            }
            let is_named = match self.lexer.token {
                Token::Name(_) => self.lexer.peek(self.heap)? == Token::Char(b'='),
                Token::Char(b'[') => true,
                _ => false,
            };
            if is_named {
                self.named_field(register)?;
                named += 1;
            } else {
                item = self.expression()?;
                listed += 1;
                waiting += 1;
            }
            if !self.accept(Token::Char(b','))? && !self.accept(Token::Char(b';'))? {
                break;
            }
        }
        self.expect_match(Token::Char(b'}'), Token::Char(b'{'), line)?;
        if item.is_open_list() {
            self.set_results(&item, -1)?;
            listed -= 1;
            self.emit(Op::SetList, register, 0, (listed + 1 - waiting) as i32)?;
            self.func().free = usize::from(register) + 1;
        } else if waiting > 0 {
            if item.kind != Kind::Void {
                self.put_next(&mut item)?;
            }
            self.emit(Op::SetList, register, waiting as u16, (listed - waiting) as i32)?;
            self.func().free = usize::from(register) + 1;
        }
        let instr = self.instr(pc);
        instr.b = listed.min(u16::MAX.into()) as u16;
        instr.c = named;
        Ok(table)
    }

    fn named_field(&mut self, table: u8) -> Done {
        let free = self.func().free;
        let mut key = match self.lexer.token {
            Token::Name(name) => {
                self.next()?;
                Exp::new(Kind::Const(self.string_const(name)?))
            }
            _ => {
                self.next()?;
                let mut key = self.expression()?;
                self.settle(&mut key)?;
                self.expect(Token::Char(b']'))?;
                key
            }
        };
        self.expect(Token::Char(b'='))?;
        let key = self.key_of(&mut key)?;
        let mut value = self.expression()?;
        let value = self.operand_of(&mut value)?;
        self.set_table(table, key, value)?;
        self.func().free = free;
        Ok(())
    }
}

/// Returns a binary operator, and how strongly it binds to the left and to the right.
fn operator(token: Token) -> Option<(Binary, u8, u8)> {
    Some(match token {
        Token::Char(b'+') => (Binary::Arith(Op::Add), 6, 6),
        Token::Char(b'-') => (Binary::Arith(Op::Sub), 6, 6),
        Token::Char(b'*') => (Binary::Arith(Op::Mul), 7, 7),
        Token::Char(b'/') => (Binary::Arith(Op::Div), 7, 7),
        Token::Char(b'%') => (Binary::Arith(Op::Mod), 7, 7),
        Token::Char(b'^') => (Binary::Arith(Op::Pow), 10, 9),
        Token::Concat => (Binary::Concat, 5, 4),
        Token::Ne => (Binary::Ne, 3, 3),
        Token::Eq => (Binary::Eq, 3, 3),
        Token::Char(b'<') => (Binary::Lt, 3, 3),
        Token::Le => (Binary::Le, 3, 3),
        Token::Char(b'>') => (Binary::Gt, 3, 3),
        Token::Ge => (Binary::Ge, 3, 3),
        Token::Word(Word::And) => (Binary::And, 2, 2),
        Token::Word(Word::Or) => (Binary::Or, 1, 1),
        _ => return None,
    })
}
