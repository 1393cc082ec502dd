//! The library `math`. Random numbers are those of C's `lrand48`; like Redis', they go on from script to script.

use crate::lua::Lua;
use crate::lua::arith;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret, to_int};
use crate::lua::value::Value;

const FUNCTIONS: super::Functions = &[
    ("abs", |call| Ok(Ret::One(Value::Number(call.number(0)?.abs())))),
    ("acos", |call| positive(call, f64::acos)),
    ("asin", |call| positive(call, f64::asin)),
    ("atan", |call| one(call, f64::atan)),
    ("atan2", |call| two(call, f64::atan2)),
    ("ceil", |call| one(call, f64::ceil)),
    ("cos", |call| one(call, f64::cos)),
    ("cosh", |call| one(call, f64::cosh)),
    ("deg", |call| one(call, |x| x / (std::f64::consts::PI / 180.0))),
    ("exp", |call| one(call, f64::exp)),
    ("floor", |call| one(call, f64::floor)),
    ("fmod", |call| two(call, |a, b| a % b)),
    ("frexp", frexp),
    ("ldexp", ldexp),
    ("log", |call| one(call, f64::ln)),
    ("log10", |call| positive(call, f64::log10)),
    ("max", |call| extreme(call, |candidate, best| candidate > best)),
    ("min", |call| extreme(call, |candidate, best| candidate < best)),
    ("mod", |call| two(call, |a, b| a % b)),
    ("modf", modf),
    ("pow", pow),
    ("rad", |call| one(call, |x| x * (std::f64::consts::PI / 180.0))),
    ("random", random),
    ("randomseed", random_seed),
    ("sin", |call| one(call, f64::sin)),
    ("sinh", |call| one(call, f64::sinh)),
    ("sqrt", |call| one(call, f64::sqrt)),
    ("tan", |call| one(call, f64::tan)),
    ("tanh", |call| one(call, f64::tanh)),
];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    let table = super::library(lua, "math", FUNCTIONS)?;
    lua.set_name(table, "pi", Value::Number(std::f64::consts::PI))?;
    lua.set_name(table, "huge", Value::Number(f64::INFINITY))
}

fn one(call: &mut Call<'_>, function: fn(f64) -> f64) -> Result<Ret, Fault> {
    let x = call.number(0)?;
    let result = function(x);
    // C's libraries answer a negative NaN where there is no result.
    Ok(Ret::One(Value::Number(if result.is_nan() { arith::settle(result, x, x) } else { result })))
}

/// Some functions have a positive NaN instead.
fn positive(call: &mut Call<'_>, function: fn(f64) -> f64) -> Result<Ret, Fault> {
    let x = call.number(0)?;
    let result = function(x);
    Ok(Ret::One(Value::Number(if result.is_nan() && !x.is_nan() { f64::NAN } else { result })))
}

fn two(call: &mut Call<'_>, function: fn(f64, f64) -> f64) -> Result<Ret, Fault> {
    let (a, b) = two_numbers(call)?;
    Ok(Ret::One(Value::Number(arith::settle(function(a, b), a, b))))
}

/// Returns both arguments. The second is looked at first, as C compilers have it.
fn two_numbers(call: &mut Call<'_>) -> Result<(f64, f64), Fault> {
    let b = call.number(1)?;
    Ok((call.number(0)?, b))
}

fn extreme(call: &mut Call<'_>, better: fn(f64, f64) -> bool) -> Result<Ret, Fault> {
    let mut best = call.number(0)?;
    for i in 1..call.len() {
        let candidate = call.number(i)?;
        if better(candidate, best) {
            best = candidate;
        }
    }
    Ok(Ret::One(Value::Number(best)))
}

/// Takes a number apart into a fraction from 0.5 to 1 and an exponent of two.
fn frexp(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let number = call.number(0)?;
    let (fraction, exponent) = if number == 0.0 || !number.is_finite() {
        (number, 0)
    } else {
        // Numbers too small for a full mantissa are made larger first.
        let (scaled, shift) =
            if number.abs() < f64::MIN_POSITIVE { (number * 2f64.powi(64), -64) } else { (number, 0) };
        let bits = scaled.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i32 - 1022;
        (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent + shift)
    };
    call.push(Value::Number(fraction))?;
    call.push(Value::Number(exponent.into()))?;
    Ok(Ret::Pushed(2))
}

fn pow(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let (a, b) = two_numbers(call)?;
    Ok(Ret::One(Value::Number(arith::power(a, b))))
}

fn ldexp(call: &mut Call<'_>) -> Result<Ret, Fault> {
    // The second one is looked at first, as the reference implementation's compiler does.
    let exponent = call.int(1)? as i32;
    let mut number = call.number(0)?;
    let mut left = exponent.clamp(-4_000, 4_000);
    // Steps that are exact, or that round only at the end.
    while left != 0 && number != 0.0 && number.is_finite() {
        let step = left.clamp(-900, 900);
        number *= 2f64.powi(step);
        left -= step;
    }
    Ok(Ret::One(Value::Number(number)))
}

fn modf(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let number = call.number(0)?;
    let fraction = if number.is_infinite() { 0.0 } else { number - number.trunc() };
    call.push(Value::Number(number.trunc()))?;
    call.push(Value::Number(fraction.copysign(number)))?;
    Ok(Ret::Pushed(2))
}

fn random(call: &mut Call<'_>) -> Result<Ret, Fault> {
    const MAX: u64 = i32::MAX as u64;
    let state = call.vm.random.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
    call.vm.random = state;
    let random = ((state >> 17) % MAX) as f64 / MAX as f64;
    let (low, high, last) = match call.len() {
        0 => return Ok(Ret::One(Value::Number(random))),
        1 => (1, call.int(0)? as i32, 0),
        2 => (call.int(0)? as i32, call.int(1)? as i32, 1),
        _ => return Err(call.error("wrong number of arguments")),
    };
    if low > high {
        return Err(call.arg_error(last, "interval is empty"));
    }
    // The width wraps around as it does in C.
    let width = f64::from(high.wrapping_sub(low).wrapping_add(1));
    let base = if call.len() == 1 { 1.0 } else { f64::from(low) };
    Ok(Ret::One(Value::Number((random * width).floor() + base)))
}

fn random_seed(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let seed = to_int(call.number(0)?) as u32;
    call.vm.random = u64::from(seed) << 16 | 0x330e;
    Ok(Ret::None)
}
