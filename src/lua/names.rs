//! What error messages say of the script: lines, and the names of what is in registers.

use crate::base::number::push_int;

use super::native::Call;
use super::proto::{COND, CONST, Instr, Op, Proto, RK, push_chunk_name};
use super::thread::{Frame, Kind};
use super::value::{StrId, Value};
use super::vm::Vm;

/// Which operand of the running instruction is meant.
#[derive(Clone, Copy)]
pub(super) enum Operand {
    None,
    /// `R[b]`
    Object,
    /// `RK[c]`
    Second,
    /// `R[a]`
    Target,
    Register(u8),
}

/// Appends `name:line: ` for a frame, if it is one of a Lua function.
pub(super) fn push_position(vm: &Vm, protos: &[Proto], frame: usize, out: &mut Vec<u8>) {
    if let Some((source, line)) = vm.thread.frames.get(frame).and_then(|frame| place(protos, frame)) {
        push_chunk_name(out, &vm.heap, source);
        out.push(b':');
        push_int(out, line.into());
        out.extend_from_slice(b": ");
    }
}

/// Returns the chunk and the line of the instruction that a frame runs.
pub(super) fn place(protos: &[Proto], frame: &Frame) -> Option<(StrId, u32)> {
    place_of(protos, frame, frame.pc.saturating_sub(1))
}

/// Returns the chunk and the line of an instruction of a frame.
pub(super) fn place_of(protos: &[Proto], frame: &Frame, pc: u32) -> Option<(StrId, u32)> {
    let Kind::Lua { proto, .. } = frame.kind else { return None };
    let proto = &protos[proto as usize];
    let line = proto.lines.get(pc as usize)?;
    Some((proto.source?, *line))
}

/// Returns the kind and name of an operand of the running instruction.
pub(super) fn of_operand(vm: &Vm, protos: &[Proto], operand: Operand) -> Option<(&'static str, Vec<u8>)> {
    let frame = vm.thread.frames.last()?;
    let Kind::Lua { proto, .. } = frame.kind else { return None };
    let proto = &protos[proto as usize];
    let pc = (frame.pc as usize).checked_sub(1)?;
    let i = *proto.code.get(pc)?;
    let register = match operand {
        Operand::None => return None,
        Operand::Object => i.b as u8,
        Operand::Second if i.c >= RK => return None,
        Operand::Second => i.c as u8,
        Operand::Target => i.a,
        Operand::Register(register) => register,
    };
    match (i.op, operand) {
        (Op::SetGlobal | Op::GetGlobal, _) => None,
        _ => of_register(vm, proto, pc, register),
    }
}

/// Returns the kind and name of what is in a register before an instruction.
fn of_register(vm: &Vm, proto: &Proto, pc: usize, register: u8) -> Option<(&'static str, Vec<u8>)> {
    if let Some(name) = proto.local_name(register, pc) {
        return Some(("local", vm.heap.str(name).to_vec()));
    }
    let setter = setter(proto, pc, register)?;
    let i = proto.code[setter];
    let constant = |index: i32| match proto.consts.get(index as usize) {
        // Messages are put together of C strings.
        Some(Value::Str(id)) => vm.heap.str(*id).split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
        _ => b"?".to_vec(),
    };
    Some(match i.op {
        Op::Move if i.b < i.a.into() => return of_register(vm, proto, setter, i.b as u8),
        Op::GetGlobal => ("global", constant(i.c)),
        Op::GetField | Op::GetConst => ("field", constant(i.c)),
        Op::GetTable => ("field", b"?".to_vec()),
        Op::GetUpvalue => ("upvalue", vm.heap.str(*proto.upvalue_names.get(usize::from(i.b))?).to_vec()),
        Op::Method => ("method", constant(i.c)),
        _ => return None,
    })
}

/// Returns the instruction that has surely set a register last.
fn setter(proto: &Proto, end: usize, register: u8) -> Option<usize> {
    let (mut found, mut joined) = (None, 0);
    for (pc, i) in proto.code[..end].iter().enumerate() {
        if is_jump(*i) && i.c > pc as i32 && i.c as usize <= end {
            // What stands before its target may have been passed over.
            joined = joined.max(i.c as usize);
        }
        if sets(*i, register) {
            found = if pc < joined { None } else { Some(pc) };
        }
    }
    found
}

fn is_jump(i: Instr) -> bool {
    matches!(
        i.op,
        Op::Jump
            | Op::Eq
            | Op::Lt
            | Op::Le
            | Op::Gt
            | Op::Ge
            | Op::Test
            | Op::TestSet
            | Op::ForPrep
            | Op::ForLoop
            | Op::IterLoop
    )
}

fn sets(i: Instr, register: u8) -> bool {
    match i.op {
        Op::LoadNil => (i.a..=(i.b as u8)).contains(&register),
        Op::Method => register == i.a || register == i.a.wrapping_add(1),
        Op::Call | Op::TailCall | Op::Vararg => register >= i.a,
        Op::IterCall => register >= i.a.saturating_add(3),
        Op::ForPrep | Op::ForLoop => (i.a..=i.a.saturating_add(3)).contains(&register),
        Op::SetUpvalue
        | Op::SetGlobal
        | Op::SetTable
        | Op::SetField
        | Op::Jump
        | Op::Eq
        | Op::Lt
        | Op::Le
        | Op::Gt
        | Op::Ge
        | Op::Test
        | Op::Return
        | Op::SetList
        | Op::Close
        | Op::IterLoop => false,
        _ => i.a == register,
    }
}

/// Returns the kind and name of the function that a frame's instruction calls.
pub(super) fn of_call(vm: &Vm, protos: &[Proto], frame: &Frame) -> Option<(&'static str, Vec<u8>)> {
    let Kind::Lua { proto, .. } = frame.kind else { return None };
    let proto = &protos[proto as usize];
    let pc = (frame.pc as usize).checked_sub(1)?;
    let i = proto.code.get(pc)?;
    match i.op {
        Op::Call | Op::TailCall | Op::IterCall => of_register(vm, proto, pc, i.a),
        _ => None,
    }
}

const _: () = assert!(COND & CONST == 0);

impl Call<'_> {
    /// Appends the position of the caller `level` calls up; 1 is who called this function.
    pub(super) fn push_position(&self, out: &mut Vec<u8>, level: i64) {
        let own = self.vm.thread.frames.len() - usize::from(self.framed);
        let mut frame = own;
        let mut left = level;
        while left > 0 && frame > 0 {
            left -= 1;
            if frame < own {
                left -= i64::from(self.vm.thread.frames[frame].tail_calls);
            }
            frame -= 1;
        }
        if left == 0 && level > 0 {
            push_position(self.vm, self.protos, frame, out);
        }
    }

    /// Returns what this function is called by its caller, and whether as a method.
    pub(super) fn own_name(&self) -> (Vec<u8>, bool) {
        let caller = (self.vm.thread.frames.len() - usize::from(self.framed)).checked_sub(1);
        let name = caller.and_then(|at| of_call(self.vm, self.protos, &self.vm.thread.frames[at]));
        name.map_or((b"?".to_vec(), false), |(kind, name)| (name, kind == "method"))
    }
}
