//! Integers and floats exactly as Redis 7.0 reads and prints them.

use std::ops::Deref;

use super::decimal::{self, Binary, significant};

/// Returns how many that is, or as many as there can be if it is more; none if it is negative.
pub fn to_count(n: i64) -> Option<usize> {
    (n >= 0).then(|| usize::try_from(n).unwrap_or(usize::MAX))
}

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

/// Reads a float in any form of C's `strtod`, except with spaces around it, NaN, or a magnitude out of range: too large
/// for anything but infinity, or too small for anything but zero.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    Binary::parse_float(text)
}

/// Reads a float as [`parse_float`] does, but a magnitude out of range is infinity or zero.
pub fn parse_float_saturated(text: &[u8]) -> Option<f64> {
    Binary::parse_saturated(text)
}

/// Reads a float as C programs do that call `strtod` and look only whether it stopped at the end: the text ends at a
/// zero byte, spaces may come first, nothing is 0, and what is out of range is infinite or zero. NaN is refused.
pub fn parse_c_float(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let spaces = text.iter().take_while(|&&byte| is_space(byte)).count();
    if text.is_empty() { Some(0.0) } else { parse_float_saturated(&text[spaces..]) }
}

/// Prints a float with at most 17 significant digits, as C's `%.17g`: `inf`, `-inf`, `nan`, `1e+17`, `0.5`.
pub fn format_float(number: f64) -> Text<24> {
    format_significant(number, 17)
}

/// Prints a float with at most so many significant digits, from 1 to 17, as C's `%.*g`.
pub fn format_significant(number: f64, digits: u32) -> Text<24> {
    let mut text = Text { bytes: [0; 24], len: 0 };
    if number.is_nan() {
        text.push(b"nan");
        return text;
    }
    if number.is_sign_negative() {
        text.push(b"-");
    }
    if number.is_infinite() {
        text.push(b"inf");
        return text;
    }
    let Binary { mantissa, exponent, .. } = Binary::from_float(number);
    let (mut significant, power) =
        if mantissa == 0 { (0, 0) } else { significant(mantissa, exponent, digits) };
    while significant > 0 && significant % 10 == 0 {
        significant /= 10;
    }
    let mut buffer = itoa::Buffer::new();
    let shown = buffer.format(significant).as_bytes();
    if power < -4 || power >= digits as i32 {
        text.push_with_point(shown, 1);
        text.push(if power < 0 { b"e-" } else { b"e+" });
        if power.abs() < 10 {
            text.push(b"0");
        }
        text.push(&format_int(power.abs().into()));
    } else if power < 0 {
        text.push(&b"0.0000"[..1 + power.unsigned_abs() as usize]);
        text.push(shown);
    } else {
        text.push_with_point(shown, power as usize + 1);
    }
    text
}

/// Appends a float with so many digits behind the point, at most 17, as C's `%.*f`.
pub fn push_fixed(out: &mut Vec<u8>, number: f64, decimals: u32) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
    } else {
        decimal::push_fixed(out, Binary::from_float(number), decimals);
    }
}

/// At most `N` bytes of text on the stack. `N` is at most 255.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// Returns a copy of a text of at most `N` bytes.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text);
        Self { len: text.len() as u8, bytes }
    }

    /// Appends a text that there is room for.
    pub fn push(&mut self, more: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + more.len()].copy_from_slice(more);
        self.len += more.len() as u8;
    }

    /// Appends digits, with a point after the first `whole` ones, or zeros if there are fewer.
    fn push_with_point(&mut self, digits: &[u8], whole: usize) {
        if let Some((before, after)) = digits.split_at_checked(whole) {
            self.push(before);
            if !after.is_empty() {
                self.push(b".");
                self.push(after);
            }
        } else {
            self.push(digits);
            self.push(&[b'0'; 17][..whole - digits.len()]);
        }
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Converts as C does on x86-64: what is out of range becomes the lowest integer.
pub fn to_int(number: f64) -> i64 {
    const LIMIT: f64 = (1u64 << 63) as f64;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// Converts to an unsigned integer in the same way: negative numbers wrap, what is not a number is the highest bit.
pub fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    if number >= HALF { to_int(number - HALF) as u64 ^ 1 << 63 } else { to_int(number) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

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

    /// Draws a float: any, or of a usual magnitude, or with few digits.
    fn float(random: &mut Random) -> f64 {
        let bits = random.next();
        match random.below(4) {
            0 => f64::from_bits(bits),
            1 => bits as i64 as f64 / (1u64 << random.below(64)) as f64,
            2 => (bits >> (40 + random.below(20))) as f64 * 10f64.powi(random.below(50) as i32 - 30),
            _ => f64::from_bits(bits >> 12) * if bits & 1 == 1 { 1.0 } else { -1e308 },
        }
    }

    #[test]
    fn floats_are_read_as_by_the_standard_library() {
        let mut random = Random::new(1);
        for _ in 0..50_000 {
            let number = float(&mut random);
            if number.is_nan() {
                continue;
            }
            let decimals = random.below(25) as usize;
            for text in [
                format!("{number}"),
                format!("{number:e}"),
                format!("{number:.decimals$}"),
                format!("{number:.decimals$e}"),
            ] {
                let expected: f64 = text.parse().unwrap();
                // A text whose digits are not all zero, but whose value is.
                let too_small =
                    expected == 0.0 && text.split('e').next().unwrap().contains(|c| ('1'..='9').contains(&c));
                let expected = (!too_small).then_some(expected.to_bits());
                assert_eq!(parse_float(text.as_bytes()).map(f64::to_bits), expected, "{text}");
            }
        }
    }

    #[test]
    fn floats_have_the_forms_of_strtod() {
        let read = [
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("+1", Some(1.0)),
            ("1.", Some(1.0)),
            (".5", Some(0.5)),
            ("1E+5", Some(1e5)),
            ("0x1P3", Some(8.0)),
            ("-0x.8", Some(-0.5)),
            ("0x1.00000000000008p0", Some(1.0)),
            ("0x1.000000000000080000000000000000000000000001p0", Some(1.0 + f64::EPSILON)),
            ("0x1p-1074", Some(5e-324)),
            ("0e99999999999999999999", Some(0.0)),
            ("0x0p-99999", Some(0.0)),
            ("1e400", None),
            ("1e-400", None),
            ("0x1p-1080", None),
            ("1e99999999999999999999", None),
        ];
        for (text, number) in read {
            assert_eq!(parse_float(text.as_bytes()), number, "{text}");
        }
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "0x", "0x.", "0x1p", "nan", " 1", "1 ", "++1", "infi", "1_0",
            "1e5.0", "1\0",
        ] {
            assert_eq!(parse_float(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn floats_are_read_as_c_programs_read_them() {
        let read = [
            ("", Some(0.0)),
            (" \t5", Some(5.0)),
            ("1\0x", Some(1.0)),
            ("\0", Some(0.0)),
            ("1e400", Some(f64::INFINITY)),
            ("-1e400", Some(f64::NEG_INFINITY)),
            ("1e-400", Some(0.0)),
            ("0x1p2000", Some(f64::INFINITY)),
            ("-0x0.001p-2000", Some(-0.0)),
            ("1e99999999999999999999", Some(f64::INFINITY)),
            ("inf", Some(f64::INFINITY)),
            (" ", None),
            ("5 ", None),
            ("nan", None),
            ("x", None),
            ("-", None),
        ];
        for (text, number) in read {
            assert_eq!(
                parse_c_float(text.as_bytes()).map(f64::to_bits),
                number.map(f64::to_bits),
                "{text:?}"
            );
        }
    }

    #[test]
    fn long_texts_are_read_to_the_last_digit() {
        // The middle of 1 and the float after it, which is rounded to even, and what is just above it.
        let middle = format!("1.{}", "00000000000000011102230246251565404236316680908203125");
        for zeros in [0, 100, 10_000] {
            let text = format!("{middle}{}", "0".repeat(zeros));
            assert_eq!(parse_float(text.as_bytes()), Some(1.0));
            assert_eq!(parse_float(format!("{text}1").as_bytes()), Some(1.0 + f64::EPSILON));
            assert_eq!(parse_float(format!("{}{text}", "0".repeat(zeros)).as_bytes()), Some(1.0));
            assert_eq!(parse_float(format!("0.{}1e{}", "0".repeat(zeros), zeros + 1).as_bytes()), Some(1.0));
        }
    }

    #[test]
    fn floats_are_printed_as_by_printf() {
        let printed = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.3, "3.2999999999999998"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456.0, "123456"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e-310, "9.9999999999999694e-311"),
            (-1.5e300, "-1.5000000000000001e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            // Half-way in the last digit: to even.
            (1e15 + 0.25, "1000000000000000.2"),
            (1e15 + 0.75, "1000000000000000.8"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (number, text) in printed {
            assert_eq!(str::from_utf8(&format_float(number)), Ok(text));
        }
        assert_eq!(&*format_significant(2.5, 1), b"2");
        assert_eq!(&*format_significant(9.96, 2), b"10");
        assert_eq!(&*format_significant(99.6, 2), b"1e+02");
    }

    #[test]
    fn floats_have_the_digits_of_the_standard_library() {
        let mut random = Random::new(2);
        for _ in 0..50_000 {
            let number = float(&mut random);
            if !number.is_finite() {
                continue;
            }
            let digits = 1 + random.below(17) as usize;
            let rounded: f64 = format!("{number:.*e}", digits - 1).parse().unwrap();
            let printed = format_significant(number, digits as u32);
            assert_eq!(str::from_utf8(&printed).unwrap().parse(), Ok(rounded), "{number:e} {digits}");
            let mut fixed = Vec::new();
            push_fixed(&mut fixed, number, digits as u32);
            assert_eq!(str::from_utf8(&fixed), Ok(&*format!("{number:.digits$}")));
        }
    }
}
