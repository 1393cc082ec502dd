//! The exact decimal digits of numbers, for formats with any precision.

/// The digits of a number: `0.d1d2d3… * 10^point`, without leading zeros; none for zero.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

impl Digits {
    /// Takes a finite magnitude apart: all digits it has.
    fn of(number: f64) -> Self {
        let bits = number.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1_074) } else { (fraction | 1 << 52, exponent - 1_075) };
        if mantissa == 0 {
            return Self { digits: vec![], point: 0 };
        }
        // Twos that can be divided out make the number shorter.
        let twos = (mantissa.trailing_zeros() as i32).min(-exponent.min(0));
        let (mantissa, exponent) = (mantissa >> twos, exponent + twos);
        let mut long = Long(vec![mantissa as u32, (mantissa >> 32) as u32]);
        // m / 2^k is m * 5^k / 10^k.
        let (base, times) =
            if exponent < 0 { (5u32, exponent.unsigned_abs()) } else { (2, exponent.unsigned_abs()) };
        let step = if base == 5 { 13 } else { 31 };
        for _ in 0..times / step {
            long.multiply(base.pow(step));
        }
        long.multiply(base.pow(times % step));
        let digits = long.digits();
        let point = digits.len() as i32 + exponent.min(0);
        Self { digits, point }
    }

    /// Rounds to so many digits, half to even; none or fewer than none leaves at most a one that was carried.
    fn round(&mut self, count: i32) {
        let Ok(count) = usize::try_from(count) else {
            self.digits.clear();
            return;
        };
        let Some(next) = self.digits.get(count) else { return };
        let exact_half = *next == b'5' && self.digits[count + 1..].iter().all(|digit| *digit == b'0');
        let odd = count > 0 && self.digits[count - 1] & 1 == 1;
        let up = if exact_half { odd } else { *next >= b'5' };
        self.digits.truncate(count);
        if !up {
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
        self.digits.truncate(count.max(1));
        self.point += 1;
    }

    fn digit(&self, place: i32) -> u8 {
        usize::try_from(place).ok().and_then(|place| self.digits.get(place)).copied().unwrap_or(b'0')
    }
}

/// A large integer, least significant part first.
struct Long(Vec<u32>);

impl Long {
    fn multiply(&mut self, by: u32) {
        let mut carry = 0;
        for part in &mut self.0 {
            let product = u64::from(*part) * u64::from(by) + carry;
            *part = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn digits(mut self) -> Vec<u8> {
        const BILLION: u64 = 1_000_000_000;
        let mut digits = vec![];
        while !self.0.is_empty() {
            let mut rest = 0;
            for part in self.0.iter_mut().rev() {
                let number = rest << 32 | u64::from(*part);
                *part = (number / BILLION) as u32;
                rest = number % BILLION;
            }
            while self.0.last() == Some(&0) {
                self.0.pop();
            }
            for _ in 0..9 {
                digits.push(b'0' + (rest % 10) as u8);
                rest /= 10;
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        digits.reverse();
        digits
    }
}

/// Appends a magnitude as `%.*f` does.
pub(super) fn fixed(out: &mut Vec<u8>, number: f64, decimals: usize, point: bool) {
    let mut digits = Digits::of(number);
    digits.round(digits.point + decimals as i32);
    push_fixed(out, &digits, decimals, point);
}

fn push_fixed(out: &mut Vec<u8>, digits: &Digits, decimals: usize, point: bool) {
    if digits.point <= 0 || digits.digits.is_empty() {
        out.push(b'0');
    } else {
        out.extend((0..digits.point).map(|place| digits.digit(place)));
    }
    if decimals > 0 || point {
        out.push(b'.');
    }
    let first = if digits.digits.is_empty() { 0 } else { digits.point };
    out.extend((first..first + decimals as i32).map(|place| digits.digit(place)));
}

/// Appends a magnitude as `%.*e` does.
pub(super) fn scientific(out: &mut Vec<u8>, number: f64, decimals: usize, point: bool) {
    let mut digits = Digits::of(number);
    digits.round(decimals as i32 + 1);
    push_scientific(out, &digits, decimals, point);
}

fn push_scientific(out: &mut Vec<u8>, digits: &Digits, decimals: usize, point: bool) {
    out.push(digits.digit(0));
    if decimals > 0 || point {
        out.push(b'.');
    }
    out.extend((1..=decimals as i32).map(|place| digits.digit(place)));
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    crate::base::number::push_int(out, exponent.abs().into());
}

/// Appends a magnitude as `%.*g` does.
pub(super) fn general(out: &mut Vec<u8>, number: f64, precision: usize, alternate: bool) {
    let mut digits = Digits::of(number);
    digits.round(precision as i32);
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    let mut shown = precision as i32;
    if !alternate {
        let last = digits.digits.iter().rposition(|digit| *digit != b'0');
        shown = last.map_or(1, |last| last as i32 + 1);
    }
    if exponent < -4 || exponent >= precision as i32 {
        push_scientific(out, &digits, (shown - 1) as usize, alternate);
    } else {
        let decimals = (shown - 1 - exponent).max(0) as usize;
        push_fixed(out, &digits, decimals, alternate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let mut random = crate::base::random::Random::new(7);
        for i in 0..20_000 {
            let bits = random.next() >> 1;
            let number = match i % 4 {
                0 => (random.below(20_000) as f64) / 8.0,
                1 => (random.below(1 << 40) as f64) / 1000.0,
                _ => f64::from_bits(bits),
            };
            if !number.is_finite() {
                continue;
            }
            let decimals = random.below(30) as usize;
            let mut text = vec![];
            fixed(&mut text, number, decimals, false);
            assert_eq!(String::from_utf8_lossy(&text), format!("{number:.decimals$}"), "{number} {decimals}");
            text.clear();
            scientific(&mut text, number, decimals, false);
            let wanted = format!("{number:.decimals$e}");
            let (mantissa, exponent) = wanted.split_once('e').expect("an exponent");
            let exponent: i32 = exponent.parse().expect("a number");
            let sign = if exponent < 0 { '-' } else { '+' };
            assert_eq!(String::from_utf8_lossy(&text), format!("{mantissa}e{sign}{:02}", exponent.abs()));
        }
    }
}
