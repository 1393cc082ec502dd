//! Data of modules, of which there are none here: they are named, and passed over where nothing has to be kept.
//!
//! ```text
//! id        64 bits: nine characters of six bits each, and ten bits of the encoding's version
//! value     (code data)… 0      1, 2: a number; 3: four bytes; 4: eight bytes; 5: a string
//! ```

use super::Fault;
use super::input::{Input, Read};

const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns the name of the type that an id stands for.
pub(super) fn name(id: u64) -> String {
    (0..9).map(|i| CHARACTERS[(id >> (58 - 6 * i)) as usize & 63] as char).collect()
}

/// Passes over a value.
pub(super) fn skip(input: &mut Input<'_>) -> Read<()> {
    loop {
        match input.len()? {
            0 => return Ok(()),
            1 | 2 => _ = input.len()?,
            3 => _ = input.array::<4>()?,
            4 => _ = input.array::<8>()?,
            5 => _ = input.string()?,
            _ => return Err(Fault::BadLength.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names() {
        let id = b"ReJSON-RL".iter().fold(0, |id, byte| {
            let place = CHARACTERS.iter().position(|c| c == byte).unwrap() as u64;
            id << 6 | place
        });
        assert_eq!(name(id << 10 | 3), "ReJSON-RL");
    }

    #[test]
    fn values_are_passed_over_to_their_end() {
        let value = [2, 0x40, 200, 1, 7, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, b'h', b'i', 0, 99];
        let mut input = Input { bytes: &value, at: 0 };
        skip(&mut input).unwrap();
        assert_eq!(input.at, value.len() - 1);
        for end in 0..value.len() - 1 {
            let stop = skip(&mut Input { bytes: &value[..end], at: 0 }).unwrap_err();
            assert_eq!(stop.fault, None, "{end} bytes");
        }
        assert!(skip(&mut Input { bytes: &[6], at: 0 }).unwrap_err().fault.is_some());
    }
}
