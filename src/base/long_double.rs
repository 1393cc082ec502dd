//! The 80-bit floats in which INCRBYFLOAT counts on the machines that Redis runs on.

use super::decimal::{Binary, Format, INFINITE, push_fixed};

/// A float with 64 bits of mantissa, or infinity: what C calls `long double` on x86-64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongDouble(Binary);

const FORMAT: Format = Format { bits: 64, lowest: -16_445, highest: 16_320 };

/// Redis copies a text into a buffer of 5 kB to read it.
const LONGEST: usize = 5 * 1024 - 1;

impl LongDouble {
    /// Reads a float in any form of C's `strtold`, except with spaces around it, NaN, or a magnitude out of range: too
    /// large for anything but infinity, or too small for anything but zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        (text.len() <= LONGEST).then(|| FORMAT.parse(text)).flatten().map(Self)
    }

    /// Tells whether it is not infinite.
    pub fn is_finite(self) -> bool {
        self.0.exponent != INFINITE
    }

    /// Returns the sum, or `None` if that is infinite or not a number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        let magnitude = |number: Binary| (number.exponent, number.mantissa);
        let (large, small) =
            if magnitude(self.0) < magnitude(other.0) { (other.0, self.0) } else { (self.0, other.0) };
        // Both mantissas are moved up by 62 bits, which leaves one to carry, and the smaller then down to its place.
        let (augend, addend) = (u128::from(large.mantissa) << 62, u128::from(small.mantissa) << 62);
        let apart = (large.exponent - small.exponent).unsigned_abs();
        let inexact = addend > 0 && addend.trailing_zeros() < apart;
        let addend = addend.checked_shr(apart).unwrap_or(0);
        let sum = if large.negative == small.negative {
            augend + addend
        } else {
            // What was cut off the addend is missing from the difference: that is a little larger than one less.
            augend - addend - u128::from(inexact)
        };
        let (mantissa, exponent) = FORMAT.round(sum, inexact, large.exponent - 62)?;
        Some(Self(Binary { negative: large.negative, mantissa, exponent }))
    }

    /// Returns the product with a whole number, rounded to a float and then up to a whole number. What is out of range
    /// becomes the lowest integer, as in x86-64's conversion: Redis calls an infinite timeout negative.
    pub fn ceil_product(self, factor: u32) -> i64 {
        let product = u128::from(self.0.mantissa) * u128::from(factor);
        let rounded = if self.is_finite() { FORMAT.round(product, false, self.0.exponent) } else { None };
        let Some((mantissa, exponent @ ..0)) = rounded else { return i64::MIN };
        let floor = mantissa.checked_shr(exponent.unsigned_abs()).unwrap_or(0);
        let fraction = mantissa > 0 && mantissa.trailing_zeros() < exponent.unsigned_abs();
        let ceil = if self.0.negative {
            0i64.checked_sub_unsigned(floor)
        } else {
            0i64.checked_add_unsigned(floor + u64::from(fraction))
        };
        ceil.unwrap_or(i64::MIN)
    }

    /// Prints it with at most 17 digits behind the point, and never in the form `1e5`.
    pub fn format(self) -> Vec<u8> {
        let mut text = Vec::new();
        push_fixed(&mut text, self.0, 17);
        if self.is_finite() {
            let zeros = text.iter().rev().take_while(|&&byte| byte == b'0').count();
            text.truncate(text.len() - zeros);
            text.pop_if(|last| *last == b'.');
        }
        if text == b"-0" { b"0".to_vec() } else { text }
    }
}

impl From<f64> for LongDouble {
    /// Widens a float, which is not NaN.
    fn from(number: f64) -> Self {
        let mut wide = Binary::from_float(number);
        if wide.mantissa > 0 {
            let shift = wide.mantissa.leading_zeros();
            wide.mantissa <<= shift;
            wide.exponent -= shift as i32;
        }
        Self(wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let sum = LongDouble::parse(a.as_bytes())?.checked_add(LongDouble::parse(b.as_bytes())?)?;
        Some(String::from_utf8(sum.format()).unwrap())
    }

    /// What INCRBYFLOAT of redis-server 7.0.15 answers on x86-64.
    #[test]
    fn sums_are_those_of_a_real_server() {
        let sums = [
            ("10.50", "0.1", "10.6"),
            ("0.1", "0.2", "0.3"),
            ("0.3", "-0.1", "0.2"),
            ("3", "5e3", "5003"),
            ("-1.5", "1.5", "0"),
            ("-0", "-0", "0"),
            ("-1e-20", "0", "0"),
            ("+5", "1.", "6"),
            (".5", "5.", "5.5"),
            ("0x10", "0X.8p1", "17"),
            ("0e99999999999", "7", "7"),
            ("3.14159265358979323846264338327950288", "0", "3.14159265358979324"),
            ("123456789.12345678912345678", "0.00000000000000001", "123456789.12345678912242875"),
            // Half-way in the last decimal: to even.
            ("0x1p-18", "0", "0.00000381469726562"),
            ("0x3p-18", "0", "0.00001144409179688"),
            // Half-way between two floats, when read and when added.
            ("18446744073709551615.4999999999", "0", "18446744073709551615"),
            ("18446744073709551615.5", "0", "18446744073709551616"),
            ("18446744073709551617", "0", "18446744073709551616"),
            ("18446744073709551619", "0", "18446744073709551620"),
            ("9223372036854775807.25", "0", "9223372036854775807"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("18446744073709551616", "-0.5", "18446744073709551616"),
            ("0x1p64", "0x1.8p0", "18446744073709551618"),
            ("1e30", "-1e10", "1000000000000000000024696061952"),
            ("1e30", "-1e30", "0"),
            // The largest and the smallest.
            ("1.189731495357231765e4932", "-1.189731495357231765e4932", "0"),
            ("1e-4950", "0", "0"),
            ("1.9e-4951", "0", "0"),
        ];
        for (a, b, expected) in sums {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
            assert_eq!(sum(b, a).as_deref(), Some(expected), "{b} + {a}");
        }
    }

    #[test]
    fn what_a_real_server_refuses_is_refused() {
        let texts = [
            "",
            "nan",
            " 1",
            "1 ",
            "-",
            ".",
            "0x",
            "0x1p",
            "1e",
            "1e+",
            "infinit",
            "1e5000",
            "1.18973149535723176509e4932",
            "1.8e-4951",
            "1e-99999999999",
        ];
        for text in texts {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(LongDouble::parse(&[b'1'; 5120]), None);
        assert_eq!(sum("1e4932", "1e4932"), None);
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("inf", "-inf"), None);
    }

    #[test]
    fn no_text_is_too_long_to_be_exact() {
        // Just below, at and just above the middle of 1 and the float after it, in five thousand digits.
        let middle = "1.0000000000000000000542101086242752217003726400434970855712890625";
        let one = LongDouble::parse(b"1").unwrap();
        for (last, expected) in [("", true), ("0", true), ("1", false)] {
            let text = format!("{middle}{:0<4900}{last}", "");
            assert_eq!(LongDouble::parse(text.as_bytes()) == Some(one), expected, "{last}");
        }
        let huge = sum("1e4900", "1").unwrap();
        assert_eq!(huge.len(), 4901);
        assert!(huge.starts_with("1000000000000000000"));
    }

    #[test]
    fn products_are_rounded_before_they_go_up() {
        let product = |text: &str| LongDouble::parse(text.as_bytes()).unwrap().ceil_product(1000);
        assert_eq!(product("0.001"), 1);
        assert_eq!(product("0.0011"), 2);
        assert_eq!(product("1.1"), 1100);
        assert_eq!(product("0"), 0);
        assert_eq!(product("-0.0001"), 0);
        assert_eq!(product("-0.0015"), -1);
        assert_eq!(product("1e-4000"), 1);
        assert_eq!(product("9223372036854775.807"), i64::MAX);
        assert_eq!(product("9223372036854775.808"), i64::MIN);
        assert_eq!(product("inf"), i64::MIN);
    }

    #[test]
    fn floats_are_widened_exactly() {
        let text = |number: f64| String::from_utf8(LongDouble::from(number).format()).unwrap();
        assert_eq!(text(13.361389338970184), "13.36138933897018433");
        assert_eq!(text(-0.1), "-0.10000000000000001");
        assert_eq!(text(0.0), "0");
        assert_eq!(text(5e-324), "0");
        assert_eq!(text(f64::NEG_INFINITY), "-inf");
        assert_eq!(text(1e22), "10000000000000000000000");
    }
}
