//! The library `struct`: values as the bytes of C structures.

use crate::lua::Lua;
use crate::lua::heap::OutOfMemory;
use crate::lua::native::{Call, Fault, Ret, to_unsigned};
use crate::lua::value::Value;

/// The widest integer, in bytes.
const WIDEST: usize = 32;
/// The largest alignment that a `!` without a number asks for.
const ALIGNED: usize = 8;

const FUNCTIONS: super::Functions = &[("pack", pack), ("size", size), ("unpack", unpack)];

pub(super) fn open(lua: &mut Lua) -> Result<(), OutOfMemory> {
    super::library(lua, "struct", FUNCTIONS).map(drop)
}

/// A format, read option by option.
struct Format {
    text: Vec<u8>,
    at: usize,
    big: bool,
    align: usize,
    /// Letters and digits that are no options take no bytes: nobody has to know them.
    lenient: bool,
}

/// One option, with how many bytes it takes.
struct Field {
    option: u8,
    size: usize,
    /// How many bytes come before it for its alignment.
    padding: usize,
}

impl Format {
    fn of(call: &mut Call<'_>) -> Result<Self, Fault> {
        let id = call.str(0)?;
        let text = call.bytes(id).split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        Ok(Self { text, at: 0, big: false, align: 1, lenient: false })
    }

    /// Reads a number, or returns another one if there is none.
    fn number(&mut self, call: &mut Call<'_>, default: usize) -> Result<usize, Fault> {
        let mut number = None;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let next =
                number.unwrap_or(0i32).checked_mul(10).and_then(|n| n.checked_add((digit - b'0').into()));
            let Some(next) = next else { return Err(call.error("integral size overflow")) };
            number = Some(next);
            self.at += 1;
        }
        Ok(number.map_or(default, |number| number as usize))
    }

    /// Reads the next field of a structure that is `total` bytes long so far.
    fn next(&mut self, call: &mut Call<'_>, total: usize) -> Result<Option<Field>, Fault> {
        while let Some(option) = self.text.get(self.at).copied() {
            self.at += 1;
            let size = match option {
                b'B' | b'b' | b'x' => 1,
                b'H' | b'h' => 2,
                b'L' | b'l' | b'T' | b'd' => 8,
                b'f' => 4,
                b'c' => self.number(call, 1)?,
                b'i' | b'I' => {
                    let size = self.number(call, 4)?;
                    if size > WIDEST {
                        let size = crate::base::number::format_int(size as i64);
                        let size = String::from_utf8_lossy(&size);
                        return Err(
                            call.error(["integral size ", &size, " is larger than limit of 32"].concat())
                        );
                    }
                    size
                }
                b's' | b' ' | b'<' | b'>' | b'!' => 0,
                other if self.lenient && other.is_ascii_alphanumeric() => continue,
                other => {
                    let text = ["invalid format option '", &char::from(other).to_string(), "'"].concat();
                    return Err(call.arg_error(0, &text));
                }
            };
            match option {
                b' ' => {}
                b'<' => self.big = false,
                b'>' => self.big = true,
                b'!' => {
                    let align = self.number(call, ALIGNED)?;
                    if !align.is_power_of_two() {
                        let align = crate::base::number::format_int(align as i64);
                        let align = String::from_utf8_lossy(&align);
                        return Err(call.error(["alignment ", &align, " is not a power of 2"].concat()));
                    }
                    self.align = align;
                }
                _ => return Ok(Some(Field { option, size, padding: self.padding(option, size, total) })),
            }
        }
        Ok(None)
    }

    fn padding(&self, option: u8, size: usize, total: usize) -> usize {
        let align = size.min(self.align);
        if size == 0 || option == b'c' || align <= 1 {
            return 0;
        }
        (align - (total & (align - 1))) & (align - 1)
    }

    /// Returns bytes from the least significant one on in the order of the format.
    fn ordered(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.big {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let mut format = Format::of(call)?;
    let (mut out, mut total, mut arg) = (vec![], 0usize, 1);
    while let Some(field) = format.next(call, total)? {
        let more = field.padding.saturating_add(field.size);
        call.charge(more)?;
        call.vm.heap.refund(more);
        out.resize(out.len() + field.padding, 0);
        let start = out.len();
        if arg == call.len() && field.option != b'x' {
            // There it finds a nil that marks the end of the arguments.
            let wanted = if matches!(field.option, b'c' | b's') { "string" } else { "number" };
            return Err(call.arg_error(arg, &[wanted, " expected, got nil"].concat()));
        }
        match field.option {
            b'x' => out.push(0),
            b'f' => {
                let number = call.number(arg)? as f32;
                out.extend(format.ordered(number.to_le_bytes().to_vec()));
            }
            b'd' => {
                let number = call.number(arg)?;
                out.extend(format.ordered(number.to_le_bytes().to_vec()));
            }
            b'c' | b's' => {
                let id = call.str(arg)?;
                let len = call.bytes(id).len();
                let wanted = if field.size == 0 { len } else { field.size };
                if len < wanted {
                    // The reference implementation counts the argument before it looks at it.
                    return Err(call.arg_error(arg + 1, "string too short"));
                }
                call.charge(wanted)?;
                call.vm.heap.refund(wanted);
                call.work(wanted);
                out.extend_from_slice(&call.bytes(id)[..wanted]);
                if field.option == b's' {
                    out.push(0);
                }
            }
            _ => {
                let number = call.number(arg)?;
                let bits = to_unsigned(number);
                // What is wider than 64 bits is filled with zeros.
                let bytes = (0..field.size).map(|i| if i < 8 { (bits >> (8 * i)) as u8 } else { 0 });
                out.extend(format.ordered(bytes.collect()));
            }
        }
        arg += usize::from(field.option != b'x');
        total += field.padding + (out.len() - start);
    }
    Ok(Ret::One(call.string_from(out)?))
}

fn size(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let mut format = Format { lenient: true, ..Format::of(call)? };
    let mut total = 0usize;
    while let Some(field) = format.next(call, total)? {
        if field.option == b's' {
            return Err(call.arg_error(0, "option 's' has no fixed size"));
        }
        if field.option == b'c' && field.size == 0 {
            return Err(call.arg_error(0, "option 'c0' has no fixed size"));
        }
        total = total.saturating_add(field.padding + field.size);
    }
    Ok(Ret::One(Value::Number(total as f64)))
}

fn unpack(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let mut format = Format::of(call)?;
    let id = call.str(1)?;
    let len = call.bytes(id).len();
    let start = call.int_or(2, 1)?;
    if start == 0 {
        return Err(call.arg_error(2, "offset must be 1 or greater"));
    }
    let (mut at, mut count) = (start.wrapping_sub(1) as usize, 0);
    if at > len && !format.text.is_empty() {
        return Err(call.arg_error(1, "data string too short"));
    }
    while let Some(mut field) = format.next(call, at)? {
        at = at.saturating_add(field.padding);
        if at > len || field.size > len - at {
            return Err(call.arg_error(1, "data string too short"));
        }
        let value = match field.option {
            b'x' => {
                at += 1;
                continue;
            }
            b's' => {
                let Some(end) = call.bytes(id)[at..].iter().position(|byte| *byte == 0) else {
                    return Err(call.error("unfinished string in data"));
                };
                let text = call.bytes(id)[at..at + end].to_vec();
                field.size = end + 1;
                call.string_from(text)?
            }
            b'c' => {
                if field.size == 0 {
                    let previous = if count > 0 { call.pushed(0) } else { Value::Nil };
                    let Value::Number(size) = previous else {
                        return Err(call.error("format 'c0' needs a previous size"));
                    };
                    call.pop(1);
                    count -= 1;
                    field.size = size as usize;
                    if size < 0.0 || field.size > len - at {
                        return Err(call.arg_error(1, "data string too short"));
                    }
                }
                let text = call.bytes(id)[at..at + field.size].to_vec();
                call.string_from(text)?
            }
            option => {
                let bytes = format.ordered(call.bytes(id)[at..at + field.size].to_vec());
                Value::Number(number(option, &bytes))
            }
        };
        at += field.size;
        call.push(value)?;
        count += 1;
    }
    call.push(Value::Number(at.wrapping_add(1) as i64 as f64))?;
    Ok(Ret::Pushed(count + 1))
}

/// Reads a number from its bytes, the least significant one first.
fn number(option: u8, bytes: &[u8]) -> f64 {
    let bits = bytes.iter().take(8).rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    match option {
        b'f' => f32::from_bits(bits as u32).into(),
        b'd' => f64::from_bits(bits),
        option if option.is_ascii_lowercase() && !bytes.is_empty() => {
            // C shifts by as much as the lowest six bits say, also where an integer is wider than 64 bits.
            let signs = u64::MAX.wrapping_shl(8 * bytes.len() as u32 - 1);
            (if bits & signs != 0 { bits | signs } else { bits }) as i64 as f64
        }
        _ => bits as f64,
    }
}
