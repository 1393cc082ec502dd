//! `string.format`, as C's `sprintf` prints.

use crate::base::number;
use crate::lua::native::{Call, Fault, Ret, to_int, to_unsigned};

use super::decimal;

const FLAGS: &[u8] = b"-+ #0";

/// A conversion, from `%` to its letter.
#[derive(Clone, Copy, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

pub(super) fn format(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let id = call.str(0)?;
    let text = call.bytes(id).to_vec();
    let mut out = vec![];
    let (mut i, mut arg) = (0, 0);
    while let Some(byte) = text.get(i) {
        i += 1;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        if text.get(i) == Some(&b'%') {
            out.push(b'%');
            i += 1;
            continue;
        }
        arg += 1;
        if arg >= call.len() {
            return Err(call.arg_error(arg, "no value"));
        }
        let (conversion, len) = match Conversion::read(&text[i..]) {
            Ok(read) => read,
            Err(message) => return Err(call.error(message)),
        };
        i += len;
        let letter = text.get(i).copied().unwrap_or(0);
        i += 1;
        one(call, &mut out, conversion, letter, arg)?;
    }
    call.work(out.len());
    Ok(Ret::One(call.string_from(out)?))
}

fn one(
    call: &mut Call<'_>,
    out: &mut Vec<u8>,
    conversion: Conversion,
    letter: u8,
    arg: usize,
) -> Result<(), Fault> {
    match letter {
        b'c' => {
            let byte = call.number(arg)?;
            let mut text = vec![];
            conversion.pad(
                &mut text,
                b"",
                &[if byte.abs() < 2_147_483_648.0 { byte as i32 as u8 } else { 0 }],
                false,
            );
            out.extend(text.iter().take_while(|byte| **byte != 0));
        }
        b'd' | b'i' => {
            let integer = to_int(call.number(arg)?);
            let digits = number::format_uint(integer.unsigned_abs());
            conversion.integer(out, conversion.sign(integer < 0), &digits);
        }
        b'u' => {
            let digits = number::format_uint(to_unsigned(call.number(arg)?));
            conversion.integer(out, b"", &digits);
        }
        b'o' | b'x' | b'X' => {
            let integer = to_unsigned(call.number(arg)?);
            let mut digits = in_base(integer, if letter == b'o' { 3 } else { 4 });
            let mut prefix: &[u8] = b"";
            match letter {
                b'o' if conversion.alternate
                    && conversion.precision.is_none_or(|least| least <= digits.len())
                    && (integer != 0 || conversion.precision == Some(0)) =>
                {
                    digits.insert(0, b'0');
                }
                b'x' if conversion.alternate && integer != 0 => prefix = b"0x",
                b'X' => {
                    digits.make_ascii_uppercase();
                    if conversion.alternate && integer != 0 {
                        prefix = b"0X";
                    }
                }
                _ => {}
            }
            conversion.integer(out, prefix, &digits);
        }
        b'e' | b'E' | b'f' | b'g' | b'G' => conversion.float(out, letter, call.number(arg)?),
        b'q' => {
            let id = call.str(arg)?;
            quote(out, call.bytes(id));
        }
        b's' => {
            let id = call.str(arg)?;
            let text = call.bytes(id);
            if conversion.precision.is_none() && text.len() >= 100 {
                let len = text.len();
                call.charge(len)?;
                call.vm.heap.refund(len);
                out.extend_from_slice(call.bytes(id));
            } else {
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = &text[..text.len().min(conversion.precision.unwrap_or(usize::MAX))];
                conversion.pad(out, b"", text, false);
            }
        }
        other => {
            let mut text = b"invalid option '%".to_vec();
            text.extend((other != 0).then_some(other));
            text.extend_from_slice(b"' to 'format'");
            return Err(call.error(text));
        }
    }
    Ok(())
}

/// Returns the digits of an integer in base 8 or 16, which have so many bits.
fn in_base(mut integer: u64, bits: u32) -> Vec<u8> {
    let mut digits = vec![];
    loop {
        digits.push(b"0123456789abcdef"[(integer & ((1 << bits) - 1)) as usize]);
        integer >>= bits;
        if integer == 0 {
            digits.reverse();
            return digits;
        }
    }
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', *byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            0 => out.extend_from_slice(b"\\000"),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

impl Conversion {
    /// Reads flags, width and precision; also returns how long they are.
    fn read(text: &[u8]) -> Result<(Self, usize), &'static str> {
        let mut conversion = Self::default();
        let mut i = 0;
        while let Some(flag) = text.get(i).filter(|byte| FLAGS.contains(byte)) {
            match flag {
                b'-' => conversion.left = true,
                b'+' => conversion.plus = true,
                b' ' => conversion.space = true,
                b'#' => conversion.alternate = true,
                _ => conversion.zero = true,
            }
            i += 1;
        }
        if i > FLAGS.len() {
            return Err("invalid format (repeated flags)");
        }
        let two_digits = |i: &mut usize| {
            let mut number = 0;
            for _ in 0..2 {
                if let Some(digit) = text.get(*i).filter(|byte| byte.is_ascii_digit()) {
                    number = number * 10 + usize::from(digit - b'0');
                    *i += 1;
                }
            }
            number
        };
        conversion.width = two_digits(&mut i);
        if text.get(i) == Some(&b'.') {
            i += 1;
            conversion.precision = Some(two_digits(&mut i));
        }
        if text.get(i).is_some_and(u8::is_ascii_digit) {
            return Err("invalid format (width or precision too long)");
        }
        Ok((conversion, i))
    }

    fn sign(&self, negative: bool) -> &'static [u8] {
        match (negative, self.plus, self.space) {
            (true, ..) => b"-",
            (false, true, _) => b"+",
            (false, false, true) => b" ",
            (false, false, false) => b"",
        }
    }

    /// Appends a sign and a text, with spaces or zeros up to the width.
    fn pad(&self, out: &mut Vec<u8>, sign: &[u8], text: &[u8], zeros: bool) {
        let fill = self.width.saturating_sub(sign.len() + text.len());
        let (before, middle, after) = match (self.left, zeros) {
            (true, _) => (0, 0, fill),
            (false, true) => (0, fill, 0),
            (false, false) => (fill, 0, 0),
        };
        out.extend(std::iter::repeat_n(b' ', before));
        out.extend_from_slice(sign);
        out.extend(std::iter::repeat_n(b'0', middle));
        out.extend_from_slice(text);
        out.extend(std::iter::repeat_n(b' ', after));
    }

    fn integer(&self, out: &mut Vec<u8>, sign: &[u8], digits: &[u8]) {
        let Some(least) = self.precision else { return self.pad(out, sign, digits, self.zero) };
        let digits = if digits == b"0" && least == 0 { b"" } else { digits };
        let mut text = vec![b'0'; least.saturating_sub(digits.len())];
        text.extend_from_slice(digits);
        self.pad(out, sign, &text, false);
    }

    fn float(&self, out: &mut Vec<u8>, letter: u8, number: f64) {
        let sign = self.sign(number.is_sign_negative());
        let mut text: Vec<u8> = vec![];
        if number.is_finite() {
            let precision = self.precision.unwrap_or(6);
            let magnitude = number.abs();
            match letter {
                b'f' => decimal::fixed(&mut text, magnitude, precision, self.alternate),
                b'g' | b'G' => decimal::general(&mut text, magnitude, precision.max(1), self.alternate),
                _ => decimal::scientific(&mut text, magnitude, precision, self.alternate),
            }
        } else {
            text.extend_from_slice(if number.is_nan() { b"nan" } else { b"inf" });
        }
        if letter.is_ascii_uppercase() {
            text.make_ascii_uppercase();
        }
        self.pad(out, sign, &text, self.zero && number.is_finite());
    }
}
