//! Arithmetic as the processor does it that Redis is usually met on: what is not a number has a sign, and it shows.

use super::proto::Op;

/// Returns the result of an operation on two numbers. NaN is negative if neither operand was one, else it is the first
/// operand that was, as on x86-64.
#[inline]
pub(super) fn settle(result: f64, a: f64, b: f64) -> f64 {
    if result.is_nan() { not_a_number(a, b) } else { result }
}

#[cold]
fn not_a_number(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => a,
        (_, true) => b,
        _ => f64::NAN.copysign(-1.0),
    }
}

#[inline]
pub(super) fn modulo(a: f64, b: f64) -> f64 {
    settle(a - (a / b).floor() * b, a, b)
}

/// Raises to a power. What is not a number loses its sign to an odd one, as in C's library.
#[inline]
pub(super) fn power(a: f64, b: f64) -> f64 {
    let power = a.powf(b);
    if !power.is_nan() {
        return power;
    }
    let is_odd = b.is_finite() && b % 2.0 != 0.0 && b.fract() == 0.0;
    if a.is_nan() && is_odd { f64::NAN } else { not_a_number(a, b) }
}

/// Computes with an operator.
pub(super) fn compute(op: Op, a: f64, b: f64) -> f64 {
    match op {
        Op::Add => settle(a + b, a, b),
        Op::Sub => settle(a - b, a, b),
        Op::Mul => settle(a * b, a, b),
        Op::Div => settle(a / b, a, b),
        Op::Mod => modulo(a, b),
        Op::Pow => power(a, b),
        _ => -a,
    }
}
