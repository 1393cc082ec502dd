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
    let magnitude = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    match text {
        [b'-', ..] if is_nan(magnitude) => Some(-f64::NAN),
        _ if is_nan(magnitude) => Some(f64::NAN),
        _ => number::parse_float_saturated(text),
    }
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
