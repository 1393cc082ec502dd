//! Integers and floats exactly as Redis 7.0 reads and prints them.

use std::fmt::Write as _;
use std::ops::Deref;

/// Reads an integer in the one form that it is printed in: no spaces, `+`, leading zeros or `-0`.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 19 || (digits.first() == Some(&b'0') && text.len() > 1) {
        return None;
    }
    let magnitude = parse_digits(digits)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads an unsigned integer as Redis reads the halves of a stream's id: what [`parse_int`] takes unless it is
/// negative, and whatever else C's `strtoull` takes, such as leading spaces, a sign and leading zeros.
pub fn parse_uint(text: &[u8]) -> Option<u64> {
    if let Some(n) = parse_int(text) {
        return u64::try_from(n).ok();
    }
    let spaces = text.iter().take_while(|&byte| is_space(*byte)).count();
    match &text[spaces..] {
        // C negates modulo 2^64, so `-01` is the highest number; `-1` was refused above.
        [b'-', digits @ ..] => parse_digits(digits).map(u64::wrapping_neg),
        [b'+', digits @ ..] | digits => parse_digits(digits),
    }
}

fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Tells whether C's `isspace` holds.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Prints an integer.
pub fn format_int(n: i64) -> Text<20> {
    Text::new(itoa::Buffer::new().format(n).as_bytes())
}

/// Prints an unsigned integer.
pub fn format_uint(n: u64) -> Text<20> {
    Text::new(itoa::Buffer::new().format(n).as_bytes())
}

/// Appends a printed integer.
pub fn push_int(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Reads a float in any form of C's `strtod`, except with spaces around it, NaN, or a magnitude too large or too
/// small for anything but infinity or zero.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// Prints a float with at most 17 significant digits, as C's `%.17g`: `inf`, `-inf`, `nan`, `1e+17`, `0.5`.
pub fn format_float(number: f64) -> Text<24> {
    if !number.is_finite() {
        return Text::new(if number.is_nan() {
            b"nan"
        } else if number > 0.0 {
            b"inf"
        } else {
            b"-inf"
        });
    }
    let mut printed = String::new();
    write!(printed, "{:.16e}", number).expect("a string takes everything");
    let (digits, exponent) = printed.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let (sign, digits) = if number.is_sign_negative() { ("-", &digits[1..]) } else { ("", digits) };
    let digits = digits.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let mut out = String::from(sign);
    if digits.is_empty() {
        out.push('0');
    } else if (-4..17).contains(&exponent) {
        if exponent < 0 {
            out.push_str("0.");
            out.push_str(&"0".repeat((-exponent - 1) as usize));
            out.push_str(digits);
        } else {
            let point = exponent as usize + 1;
            let padded = format!("{digits:0<point$}");
            out.push_str(&padded[..point]);
            if padded.len() > point {
                out.push('.');
                out.push_str(&padded[point..]);
            }
        }
    } else {
        out.push_str(&digits[..1]);
        if digits.len() > 1 {
            out.push('.');
            out.push_str(&digits[1..]);
        }
        write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
            .expect("a string takes everything");
    }
    Text::new(out.as_bytes())
}

/// At most `N` bytes of text on the stack. `N` is at most 255.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    fn new(text: &[u8]) -> Self {
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text);
        Self { len: text.len() as u8, bytes }
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_form() {
        for n in [0, 1, -1, 10, 99, i64::MAX, i64::MIN] {
            assert_eq!(parse_int(&format_int(n)), Some(n));
        }
        for text in
            ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
        {
            assert_eq!(parse_int(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn unsigned_integers_are_read_as_by_strtoull() {
        let read = [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("018446744073709551615", Some(u64::MAX)),
            (" \t\n+5", Some(5)),
            ("-01", Some(u64::MAX)),
            ("-0", Some(0)),
            ("-1", None),
            ("5 ", None),
            ("+ 5", None),
            ("", None),
            ("+", None),
            ("18446744073709551616", None),
        ];
        for (text, number) in read {
            assert_eq!(parse_uint(text.as_bytes()), number, "{text:?}");
        }
    }
}
