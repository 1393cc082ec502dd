//! The library `bit`: operations on 32 bits.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret};
use crate::lua::value::Value;

const FUNCTIONS: super::Functions = &[
    ("arshift", |call| shift(call, |x, n| ((x as i32) >> n) as u32)),
    ("band", |call| fold(call, |a, b| a & b)),
    ("bnot", |call| map(call, |x| !x)),
    ("bor", |call| fold(call, |a, b| a | b)),
    ("bswap", |call| map(call, u32::swap_bytes)),
    ("bxor", |call| fold(call, |a, b| a ^ b)),
    ("lshift", |call| shift(call, |x, n| x << n)),
    ("rol", |call| shift(call, u32::rotate_left)),
    ("ror", |call| shift(call, u32::rotate_right)),
    ("rshift", |call| shift(call, |x, n| x >> n)),
    ("tobit", |call| map(call, |x| x)),
    ("tohex", to_hex),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    super::library(lua, "bit", FUNCTIONS).map(drop)
}

/// Reads a number modulo 2^32, as the low bits of its sum with 3 * 2^51.
fn bits(call: &mut Call<'_>, i: usize) -> Result<u32, Fault> {
    let sum = call.number(i)? + 6_755_399_441_055_744.0;
    Ok(sum.to_bits() as u32)
}

fn answer(bits: u32) -> Result<Ret, Fault> {
    Ok(Ret::One(Value::Number(f64::from(bits as i32))))
}

fn map(call: &mut Call<'_>, function: fn(u32) -> u32) -> Result<Ret, Fault> {
    answer(function(bits(call, 0)?))
}

fn fold(call: &mut Call<'_>, function: fn(u32, u32) -> u32) -> Result<Ret, Fault> {
    let mut result = bits(call, 0)?;
    // From the last one on: so the error of two is the one that a script sees in Redis.
    for i in (1..call.len()).rev() {
        result = function(result, bits(call, i)?);
    }
    answer(result)
}

fn shift(call: &mut Call<'_>, function: fn(u32, u32) -> u32) -> Result<Ret, Fault> {
    let (value, count) = (bits(call, 0)?, bits(call, 1)?);
    answer(function(value, count & 31))
}

/// Prints so many digits, capitals if their number is negative.
fn to_hex(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let value = bits(call, 0)?;
    let count = if call.arg(1).is_nil() { 8 } else { bits(call, 1)? as i32 };
    let digits: &[u8; 16] = if count < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let count = count.unsigned_abs().min(8);
    let text: Vec<u8> = (0..count).rev().map(|place| digits[(value >> (4 * place) & 15) as usize]).collect();
    Ok(Ret::One(call.string(&text)?))
}
