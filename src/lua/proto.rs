//! Compiled functions: instructions, constants, and what error messages need to know of the source.

use super::heap::Heap;
use super::value::{StrId, Value};

/// What an instruction does. `R` is a register, `K` a constant, `U` an upvalue; `B` may carry [`COND`] and [`CONST`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Op {
    /// `R[a] = R[b]`
    Move,
    /// `R[a] = K[c]`
    LoadK,
    /// `R[a] = b != 0`; skips one instruction if `c != 0`
    LoadBool,
    /// `R[a..=b] = nil`
    LoadNil,
    /// `R[a] = U[b]`
    GetUpvalue,
    /// `U[b] = R[a]`
    SetUpvalue,
    /// `R[a] = globals[K[c]]`
    GetGlobal,
    /// `globals[K[c]] = R[a]`
    SetGlobal,
    /// `R[a] = R[b][R[c]]`
    GetTable,
    /// `R[a] = R[b][K[c]]`, a string
    GetField,
    /// `R[a] = R[b][K[c]]`, anything else
    GetConst,
    /// `R[a][R[b]] = RK[c]`
    SetTable,
    /// `R[a][K[b]] = RK[c]`
    SetField,
    /// `R[a] = {}` with room for `b` and `c` keys
    NewTable,
    /// `R[a+1] = R[b]; R[a] = R[b][K[c]]`
    Method,
    /// `R[a] = R[b] + RK[c]`, and so on
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    /// `R[a] = -R[b]`
    Unm,
    Not,
    Len,
    /// `R[a] = R[b] .. … .. R[c]`
    Concat,
    /// To `c`
    Jump,
    /// If `(R[a] == RK[b]) == COND`, jumps to `c`
    Eq,
    Lt,
    Le,
    /// If `(RK[b] < R[a]) == COND`, with a constant
    Gt,
    Ge,
    /// If the truth of `R[a]` is `COND`, jumps to `c`
    Test,
    /// If the truth of `R[b]` is `COND`, `R[a] = R[b]` and jumps to `c`
    TestSet,
    /// Calls `R[a]` with `b - 1` arguments (0: up to the top), for `c - 1` results (0: all, setting the top)
    Call,
    /// Returns the results of calling `R[a]` with `b - 1` arguments
    TailCall,
    /// Returns `b - 1` values from `R[a]` (0: up to the top)
    Return,
    /// Checks the three values at `R[a]` and jumps to the loop's end at `c`
    ForPrep,
    /// Steps, and jumps back to `c`
    ForLoop,
    /// `R[a+3], … = R[a](R[a+1], R[a+2])`, `b` of them
    IterCall,
    /// If `R[a+3]` is not nil, `R[a+2] = R[a+3]` and jumps back to `c`
    IterLoop,
    /// `R[a][c + i] = R[a + i]` for `b` values (0: up to the top)
    SetList,
    /// Closes upvalues from `R[a]` up
    Close,
    /// `R[a] = function of child c`
    Closure,
    /// `R[a], … = ...`, `b - 1` of them (0: all, setting the top)
    Vararg,
}

/// One instruction, ready to be used: eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instr {
    pub op: Op,
    pub a: u8,
    pub b: u16,
    /// A constant, a count, or where to jump: the index of an instruction.
    pub c: i32,
}

const _: () = assert!(size_of::<Instr>() == 8);

/// In `b`: which outcome of a comparison jumps.
pub(super) const COND: u16 = 1 << 15;
/// In `b` of a comparison: the rest names a constant, not a register.
pub(super) const CONST: u16 = 1 << 14;
/// In `c`: from here on, constants.
pub(super) const RK: i32 = 256;
/// A register that does not exist.
pub(super) const NO_REGISTER: u8 = 255;

/// A local variable, for messages.
pub(super) struct LocalVariable {
    pub name: StrId,
    /// From which instruction on it is alive, and until before which.
    pub start: u32,
    pub end: u32,
}

/// What a closure takes along: a register of the function around it, or one of that function's own upvalues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Capture {
    Register(u8),
    Upvalue(u8),
}

/// A compiled function.
#[derive(Default)]
pub(super) struct Proto {
    pub code: Vec<Instr>,
    pub consts: Vec<Value>,
    pub lines: Vec<u32>,
    /// Functions within: their indexes among all prototypes.
    pub children: Vec<u32>,
    pub captures: Vec<Capture>,
    pub upvalue_names: Vec<StrId>,
    pub locals: Vec<LocalVariable>,
    /// What the chunk is called; `None` in a slot that is free.
    pub source: Option<StrId>,
    pub line: u32,
    pub params: u8,
    pub max_stack: u8,
    pub vararg: bool,
    /// Whether a table of the extra arguments is wanted in the register after the parameters.
    pub needs_arg: bool,
}

impl Proto {
    /// Returns the strings that are not constants.
    pub fn strings(&self) -> impl Iterator<Item = StrId> {
        let locals = self.locals.iter().map(|local| local.name);
        locals.chain(self.upvalue_names.iter().copied()).chain(self.source)
    }

    /// Returns about how many bytes it takes.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.code.capacity() * size_of::<Instr>()
            + self.consts.capacity() * size_of::<Value>()
            + (self.lines.capacity() + self.children.capacity() + self.upvalue_names.capacity()) * 4
            + self.locals.capacity() * size_of::<LocalVariable>()
    }

    /// Returns the name of the local variable that a register holds before an instruction.
    pub fn local_name(&self, register: u8, pc: usize) -> Option<StrId> {
        let alive = |local: &&LocalVariable| (local.start..local.end).contains(&(pc as u32));
        self.locals.iter().filter(alive).nth(register.into()).map(|local| local.name)
    }
}

/// How long the name of a chunk may be in a message, and in one about its syntax, with the zero behind it.
const NAME_MAX: usize = 60;
pub(super) const SYNTAX_NAME_MAX: usize = 80;

/// Appends what messages call a chunk.
pub(super) fn push_chunk_name(out: &mut Vec<u8>, heap: &Heap, source: StrId) {
    push_name(out, heap.str(source), NAME_MAX);
}

/// Appends a name, cut to fit: `@name` and `=name` are names, all else is source.
pub(super) fn push_name(out: &mut Vec<u8>, source: &[u8], max: usize) {
    // As a C string has it.
    let source = source.split(|byte| *byte == 0).next().unwrap_or_default();
    match source {
        [b'=', name @ ..] => out.extend_from_slice(&name[..name.len().min(max - 1)]),
        [b'@', name @ ..] => {
            let room = max - " '...' ".len() - 1;
            if name.len() > room {
                out.extend_from_slice(b"...");
            }
            out.extend_from_slice(&name[name.len().saturating_sub(room)..]);
        }
        text => {
            let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
            let room = max - " [string \"...\"] ".len() - 1;
            out.extend_from_slice(b"[string \"");
            out.extend_from_slice(&line[..line.len().min(room)]);
            if line.len() < text.len() || line.len() > room {
                out.extend_from_slice(b"...");
            }
            out.extend_from_slice(b"\"]");
        }
    }
}
