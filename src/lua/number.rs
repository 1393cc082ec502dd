//! Numbers as text, as C's `strtod` reads them and its `printf` prints them with `%.14g`.

use crate::base::number::{self, Text};

/// Reads a number with spaces around it; what follows a zero byte is ignored.
pub(super) fn parse(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next()?;
    parse_exact(trim(text))
}

/// Returns what is left without the spaces of C around a text.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | 9..=13);
    let Some(start) = text.iter().position(|byte| !is_space(byte)) else { return &[] };
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
    &text[start..end]
}

/// Reads a number that is the whole text.
pub(super) fn parse_exact(text: &[u8]) -> Option<f64> {
    if (1..=15).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
        let integer = text.iter().fold(0u64, |integer, digit| integer * 10 + u64::from(digit - b'0'));
        return Some(integer as f64);
    }
    if let Some(number) = number::parse_float(text) {
        return Some(number);
    }
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let magnitude = if is_nan(magnitude) { f64::NAN } else { out_of_range(magnitude)? };
    Some(if negative { -magnitude } else { magnitude })
}

/// Returns whether this is NaN, perhaps with something in brackets.
fn is_nan(text: &[u8]) -> bool {
    let Some((name, rest)) = text.split_at_checked(3) else { return false };
    let inner = match rest {
        [b'(', inner @ .., b')'] => inner,
        [] => rest,
        _ => return false,
    };
    name.eq_ignore_ascii_case(b"nan")
        && inner.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Returns infinity or zero if the text has the form of a number, of which is known that it is too large or too small.
fn out_of_range(text: &[u8]) -> Option<f64> {
    let (base, mark, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (16, b'p', rest),
        _ => (10, b'e', text),
    };
    let end = digits.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at(end);
    let exponent = match exponent {
        [] => 0i64,
        [_, rest @ ..] => {
            let (sign, rest) = match rest {
                [b'-', rest @ ..] => (-1, rest),
                [b'+', rest @ ..] | rest => (1, rest),
            };
            let valid = !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
            let add =
                |number: i64, digit: &u8| number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            sign * valid.then(|| rest.iter().fold(0i64, add))?
        }
    };
    let is_digit = |byte: &u8| char::from(*byte).is_digit(base);
    let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(is_digit) {
        return None;
    }
    let zeros = whole.iter().chain(fraction).take_while(|digit| **digit == b'0').count();
    if zeros == whole.len() + fraction.len() {
        return Some(0.0);
    }
    let width = if base == 16 { 4 } else { 1 };
    let first = exponent.saturating_add((whole.len() as i64 - zeros as i64) * width);
    Some(if first > 0 { f64::INFINITY } else { 0.0 })
}

/// Prints a number as `tostring` does.
pub(super) fn format(number: f64) -> Text<24> {
    let integer = number as i64;
    let is_zero = integer == 0 && number.is_sign_negative();
    if integer as f64 == number && integer.unsigned_abs() < 100_000_000_000_000 && !is_zero {
        return Text::new(&number::format_int(integer));
    }
    if number.is_nan() && number.is_sign_negative() {
        return Text::new(b"-nan");
    }
    number::format_significant(number, 14)
}
