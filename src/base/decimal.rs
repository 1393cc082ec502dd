//! Conversion between decimal text and binary floats: exact, and rounded to nearest even as C's libraries do it.
//!
//! The standard library's is as exact, but knows one width of float and takes several times the room in wasm. Usual
//! magnitudes are converted within 128 bits, all others by long arithmetic.

use std::cmp::Ordering;

/// A float: `mantissa * 2^exponent`, or infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Binary {
    pub negative: bool,
    /// A whole number. It has all the bits of its format unless the exponent is the lowest one.
    pub mantissa: u64,
    /// In the format's range, or `INFINITE`.
    pub exponent: i32,
}

/// The exponent of infinity.
pub(super) const INFINITE: i32 = i32::MAX;

/// A kind of binary float.
pub(super) struct Format {
    /// How many bits a mantissa has.
    pub bits: u32,
    /// The exponent of the smallest floats.
    pub lowest: i32,
    /// The exponent of the largest floats.
    pub highest: i32,
}

/// The format of `f64`.
const DOUBLE: Format = Format { bits: 53, lowest: -1_074, highest: 971 };

impl Binary {
    /// Reads a float as [`Format::parse`] does.
    pub fn parse_float(text: &[u8]) -> Option<f64> {
        let Self { negative, mantissa, exponent } = DOUBLE.parse(text)?;
        let hidden = 1 << (DOUBLE.bits - 1);
        let magnitude = if exponent == INFINITE {
            f64::INFINITY
        } else if mantissa < hidden {
            f64::from_bits(mantissa)
        } else {
            let exponent = (exponent - DOUBLE.lowest + 1) as u64;
            f64::from_bits(exponent << (DOUBLE.bits - 1) | mantissa & (hidden - 1))
        };
        Some(if negative { -magnitude } else { magnitude })
    }

    /// Reads a float as [`Binary::parse_float`] does, but a magnitude out of range becomes infinity or zero.
    pub fn parse_saturated(text: &[u8]) -> Option<f64> {
        Self::parse_float(text).or_else(|| {
            let magnitude = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
            let (digits, width) = match magnitude {
                [b'0', b'x' | b'X', digits @ ..] => (Digits::scan(digits, 16, b'p')?, 4),
                _ => (Digits::scan(magnitude, 10, b'e')?, 1),
            };
            let zeros = digits.iter().take_while(|&digit| digit == 0).count();
            let first = width * (digits.whole.len() as i64 - zeros as i64) + digits.exponent;
            let saturated = if first > 0 { f64::INFINITY } else { 0.0 };
            Some(if text[0] == b'-' { -saturated } else { saturated })
        })
    }

    /// Takes a float apart, which is not NaN.
    pub fn from_float(number: f64) -> Self {
        let (negative, bits) = (number.is_sign_negative(), number.abs().to_bits());
        let (exponent, mantissa) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
        match exponent {
            0 => Self { negative, mantissa, exponent: DOUBLE.lowest },
            0x7ff => Self { negative, mantissa: 0, exponent: INFINITE },
            _ => Self { negative, mantissa: mantissa | 1 << 52, exponent: DOUBLE.lowest + exponent - 1 },
        }
    }
}

impl Format {
    /// Reads what C's `strtod` reads, decimal or hexadecimal digits or infinity, but no NaN, nothing around it, and no
    /// magnitude out of range, be it too large or so small that it would become zero.
    pub fn parse(&self, text: &[u8]) -> Option<Binary> {
        let (negative, magnitude) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let (mantissa, exponent) = match magnitude {
            [b'0', b'x' | b'X', digits @ ..] => self.parse_hex(&Digits::scan(digits, 16, b'p')?)?,
            [b'0'..=b'9' | b'.', ..] => self.parse_decimal(&Digits::scan(magnitude, 10, b'e')?)?,
            _ if [&b"inf"[..], b"infinity"].iter().any(|word| magnitude.eq_ignore_ascii_case(word)) => {
                (0, INFINITE)
            }
            _ => return None,
        };
        Some(Binary { negative, mantissa, exponent })
    }

    fn parse_hex(&self, digits: &Digits<'_>) -> Option<(u64, i32)> {
        let (mut mantissa, mut inexact) = (0u128, false);
        let mut exponent = digits.exponent - 4 * digits.fraction.len() as i64;
        for digit in digits.iter() {
            if mantissa >> 124 == 0 {
                mantissa = mantissa << 4 | u128::from(digit);
            } else {
                inexact |= digit > 0;
                exponent += 4;
            }
        }
        // Beyond this every format ends.
        self.round(mantissa, inexact, exponent.clamp(-1 << 20, 1 << 20) as i32)
    }

    fn parse_decimal(&self, digits: &Digits<'_>) -> Option<(u64, i32)> {
        let zeros = digits.iter().take_while(|&digit| digit == 0).count();
        let significant = digits.whole.len() + digits.fraction.len() - zeros;
        // What ten is raised to for the last digit.
        let power = digits.exponent - digits.fraction.len() as i64;
        if significant == 0 {
            return Some((0, self.lowest));
        }
        if significant <= 38 && (-27..=38).contains(&power) {
            let number = digits.iter().fold(0u128, |number, digit| number * 10 + u128::from(digit));
            let power = power as i32;
            if power < 0 {
                // Dividing by 5^27, of 63 bits, leaves at least 65 of the 128.
                let (shift, divisor) = (number.leading_zeros(), 5u128.pow(power.unsigned_abs()));
                let number = number << shift;
                return self.round(number / divisor, number % divisor > 0, power - shift as i32);
            }
            if let Some(number) = number.checked_mul(10u128.pow(power.unsigned_abs())) {
                return self.round(number, false, 0);
            }
        }
        // The first digit tells what cannot be in range; the rest is worth the long arithmetic.
        let first = power + significant as i64 - 1;
        if !(-5_000..5_000).contains(&first) {
            return None;
        }
        let (long, more) = Long::from_digits(digits.iter().skip(zeros), significant, first as i32);
        let (bits, inexact, exponent) = long.into_bits();
        self.round(bits, inexact || more, exponent)
    }

    /// Rounds `number * 2^exponent` to a mantissa and its exponent; `None` if that is out of range. If `inexact`, the
    /// number is a little larger than it looks, by less than one; it then has more bits than a mantissa.
    pub fn round(&self, number: u128, inexact: bool, exponent: i32) -> Option<(u64, i32)> {
        if number == 0 && !inexact {
            return Some((0, self.lowest));
        }
        let width = 128 - number.leading_zeros();
        let excess = (width as i32 - self.bits as i32).max(self.lowest - exponent);
        let (mut mantissa, mut exponent) = (number, exponent + excess);
        if excess > 0 {
            mantissa = shift_right(number, excess.unsigned_abs(), inexact);
        } else {
            mantissa <<= -excess;
        }
        if mantissa >> self.bits > 0 {
            // Rounded up to the next power of two.
            (mantissa, exponent) = (mantissa >> 1, exponent + 1);
        }
        (mantissa > 0 && exponent <= self.highest).then_some((mantissa as u64, exponent))
    }
}

/// A number's digits as they stand in a text.
struct Digits<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Digits<'a> {
    /// Takes a text apart: digits with or without a point, and perhaps an exponent, which `mark` or its capital
    /// announces.
    fn scan(text: &'a [u8], radix: u32, mark: u8) -> Option<Self> {
        let split = |text: &'a [u8], radix| {
            let len = text.iter().take_while(|&&byte| char::from(byte).is_digit(radix)).count();
            text.split_at(len)
        };
        let (whole, rest) = split(text, radix);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split(rest, radix),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [first, rest @ ..] if first.eq_ignore_ascii_case(&mark) => {
                let (sign, rest) = match rest {
                    [b'-', rest @ ..] => (-1, rest),
                    [b'+', rest @ ..] | rest => (1, rest),
                };
                let (digits @ [_, ..], []) = split(rest, 10) else { return None };
                // No text is so long that its digits could make up for an exponent as large as this.
                let magnitude =
                    digits.iter().fold(0, |n, digit| (10 * n + i64::from(digit - b'0')).min(1 << 50));
                sign * magnitude
            }
            _ => return None,
        };
        Some(Self { whole, fraction, exponent })
    }

    /// Goes through the values of the digits.
    fn iter(&self) -> impl Iterator<Item = u8> {
        let value = |byte: &u8| char::from(*byte).to_digit(16).expect("only digits were taken") as u8;
        self.whole.iter().chain(self.fraction).map(value)
    }
}

/// Appends a number with so many decimals, at most 17, rounded, as C's `%.*f`. Infinity is `inf`.
pub(super) fn push_fixed(out: &mut Vec<u8>, number: Binary, decimals: u32) {
    if number.negative {
        out.push(b'-');
    }
    if number.exponent == INFINITE {
        return out.extend_from_slice(b"inf");
    }
    let (scale, mut fraction) = (10u128.pow(decimals), 0);
    if number.exponent < 0 {
        // 64 bits and the 57 of 10^17.
        let scaled = shift_right(u128::from(number.mantissa) * scale, number.exponent.unsigned_abs(), false);
        out.extend_from_slice(itoa::Buffer::new().format((scaled / scale) as u64).as_bytes());
        fraction = (scaled % scale) as u64;
    } else {
        let (long, _) = Long::from_bits(number.mantissa, number.exponent);
        out.extend_from_slice(&long.digits());
    }
    if decimals > 0 {
        out.push(b'.');
        out.extend((0..decimals).rev().map(|place| b'0' + (fraction / 10u64.pow(place) % 10) as u8));
    }
}

/// Returns the first digits of `mantissa * 2^exponent`, rounded, as a number of exactly so many digits, at most 17; and
/// what ten is raised to for the first of them. The mantissa is not zero.
pub(super) fn significant(mantissa: u64, exponent: i32, digits: u32) -> (u64, i32) {
    // The logarithm of 2 to 10, a little too small, times 2^18.
    let log2 = exponent + 63 - mantissa.leading_zeros() as i32;
    let mut power = (log2 * 78_913) >> 18;
    let limit = 10u128.pow(digits);
    loop {
        let Some(number) = scale(mantissa, exponent, digits as i32 - 1 - power) else {
            return long_significant(mantissa, exponent, digits);
        };
        if number < limit {
            return (number as u64, power);
        }
        // The guess was one too low, or nines were rounded up.
        power += 1;
    }
}

/// Does the same for any magnitude. The number has at least so many digits, or `scale` would have had room for it.
fn long_significant(mantissa: u64, exponent: i32, digits: u32) -> (u64, i32) {
    let (long, power) = Long::from_bits(mantissa, exponent);
    let all = long.digits();
    let (first, rest) = all.split_at(digits as usize);
    let number = first.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let more = |rest: &[u8]| rest.iter().any(|&digit| digit > b'0');
    let up = match rest {
        [b'6'..=b'9', ..] => true,
        [b'5', rest @ ..] => number & 1 == 1 || more(rest),
        _ => false,
    };
    let power = power + all.len() as i32 - 1;
    match number + u64::from(up) {
        number if number == 10u64.pow(digits) => (number / 10, power + 1),
        number => (number, power),
    }
}

/// Returns `mantissa * 2^exponent * 10^power`, rounded, or `None` if that takes more than 128 bits on the way.
fn scale(mantissa: u64, exponent: i32, power: i32) -> Option<u128> {
    let ten = 10u128.checked_pow(power.unsigned_abs())?;
    let (mut number, mut divisor) = (u128::from(mantissa), 1);
    if power < 0 {
        divisor = ten;
    } else {
        number = number.checked_mul(ten)?;
    }
    let shift = exponent.unsigned_abs();
    if exponent >= 0 {
        number = (shift <= number.leading_zeros()).then(|| number << shift)?;
    } else if power >= 0 {
        return Some(shift_right(number, shift, false));
    } else {
        divisor = (shift < divisor.leading_zeros()).then(|| divisor << shift)?;
    }
    Some(divide(number, divisor))
}

/// Returns `number / 2^by`, rounded; `by` is not zero. If `inexact`, the number is a little larger than it looks.
fn shift_right(number: u128, by: u32, inexact: bool) -> u128 {
    let kept = number.checked_shr(by).unwrap_or(0);
    let half = number.checked_shr(by - 1).unwrap_or(0) & 1 == 1;
    let more = inexact || number.trailing_zeros() < by - 1;
    kept + u128::from(half && (more || kept & 1 == 1))
}

/// Returns `number / divisor`, rounded.
fn divide(number: u128, divisor: u128) -> u128 {
    let (kept, rest) = (number / divisor, number % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => false,
        Ordering::Equal => kept & 1 == 1,
        Ordering::Greater => true,
    };
    kept + u128::from(up)
}

/// A number of any length in decimal, nine digits a limb.
struct Long {
    /// The lowest first; the highest is not zero unless it is behind the point.
    limbs: Vec<u32>,
    /// How many limbs are behind the point.
    fraction: usize,
}

const BASE: u64 = 1_000_000_000;

impl Long {
    /// The most digits that are looked at one by one. No float, and no number half-way between two, has as many, so
    /// of the others it only matters whether one is not zero. (Texts for extended floats are shorter anyway.)
    const MOST: usize = 6_000;

    /// Returns the number with these digits, of which the first is not zero and counts `10^first`; and whether it is
    /// a little larger, since there were more digits than it has kept.
    fn from_digits(mut digits: impl Iterator<Item = u8>, count: usize, first: i32) -> (Self, bool) {
        let last = first + 1 - count.min(Self::MOST) as i32;
        let fraction = last.min(0).unsigned_abs().div_ceil(9) as usize;
        let whole = (first.max(-1) + 9) as usize / 9;
        let mut limbs = vec![0; fraction + whole];
        for place in (last..=first).rev() {
            let digit = digits.next().expect("they have been counted");
            let limb = fraction as i32 + place.div_euclid(9);
            limbs[limb as usize] += u32::from(digit) * 10u32.pow(place.rem_euclid(9).unsigned_abs());
        }
        (Self { limbs, fraction }, digits.any(|digit| digit > 0))
    }

    /// Returns a whole number and an exponent of ten that together make `mantissa * 2^exponent`.
    fn from_bits(mantissa: u64, exponent: i32) -> (Self, i32) {
        let mut long = Self { limbs: Vec::new(), fraction: 0 };
        long.push(mantissa);
        // 2^-n is 5^n * 10^-n.
        let (factor, most, power) = if exponent < 0 { (5u64, 13, exponent) } else { (2, 32, 0) };
        let mut left = exponent.unsigned_abs();
        while left > 0 {
            let step = left.min(most);
            long.times(factor.pow(step));
            left -= step;
        }
        (long, power)
    }

    /// Returns the number as `bits * 2^exponent`, with at least 65 bits, and whether it is a little larger than that.
    fn into_bits(mut self) -> (u128, bool, i32) {
        let (mut exponent, mut inexact) = (0, false);
        while self.limbs.len() - self.fraction < 4 {
            self.times(1 << 32);
            exponent -= 32;
        }
        while self.limbs.len() - self.fraction > 4 {
            inexact |= self.halve_32_times();
            exponent += 32;
        }
        // From 10^36 / 2^32 on, and below 10^36.
        let (fraction, whole) = self.limbs.split_at(self.fraction);
        let bits = whole.iter().rev().fold(0, |bits, &limb| bits * u128::from(BASE) + u128::from(limb));
        (bits, inexact || fraction.iter().any(|&limb| limb > 0), exponent)
    }

    /// Returns the digits of a number without fraction.
    fn digits(&self) -> Vec<u8> {
        let digits = self
            .limbs
            .iter()
            .rev()
            .flat_map(|limb| (0..9).rev().map(move |place| limb / 10u32.pow(place) % 10));
        let digits: Vec<u8> =
            digits.skip_while(|&digit| digit == 0).map(|digit| b'0' + digit as u8).collect();
        if digits.is_empty() { vec![b'0'] } else { digits }
    }

    /// Multiplies with a factor of at most 2^32.
    fn times(&mut self, factor: u64) {
        let mut carry = 0;
        for limb in &mut self.limbs {
            let product = u64::from(*limb) * factor + carry;
            *limb = (product % BASE) as u32;
            carry = product / BASE;
        }
        self.push(carry);
    }

    /// Divides the part before the point by 2^32; tells whether there is a rest, which is dropped.
    fn halve_32_times(&mut self) -> bool {
        let mut rest = 0;
        for limb in self.limbs[self.fraction..].iter_mut().rev() {
            let dividend = rest * BASE + u64::from(*limb);
            *limb = (dividend >> 32) as u32;
            rest = dividend & 0xffff_ffff;
        }
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        rest > 0
    }

    /// Puts limbs on top.
    fn push(&mut self, mut high: u64) {
        while high > 0 {
            self.limbs.push((high % BASE) as u32);
            high /= BASE;
        }
    }
}
