//! Numbers and strings as a snapshot has them.

use crate::base::number::{format_int, parse_int};
use crate::data::entry::Str;

use super::lzf::Compressor;

/// A longer string is written as it is, so that no step takes long.
pub(super) const COMPRESSED_MAX: usize = 1 << 17;
/// A shorter string would hardly become shorter yet.
const COMPRESSED_MIN: usize = 21;

/// Writes strings in their shortest form.
pub(super) struct Encoder {
    compress: bool,
    /// In the forms that version 9 has, of which many are longer.
    pub plain: bool,
    compressor: Compressor,
    /// Memory for a compressed string.
    scratch: Vec<u8>,
}

impl Encoder {
    pub fn new(compress: bool, plain: bool) -> Self {
        Self { compress, plain, compressor: Compressor::new(), scratch: Vec::new() }
    }

    /// Writes a value that a key holds.
    pub fn text(&mut self, text: Str<'_>, out: &mut Vec<u8>) {
        match text {
            Str::Int(n) if write_int(n, out) => {}
            Str::Int(n) => {
                let digits = format_int(n);
                write_len(digits.len() as u64, out);
                out.extend_from_slice(&digits);
            }
            Str::Bytes(bytes) => self.string(bytes, out),
        }
    }

    pub fn string(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.len() <= 11 && parse_int(bytes).is_some_and(|n| write_int(n, out)) {
            return;
        }
        let compress = self.compress && (COMPRESSED_MIN..=COMPRESSED_MAX).contains(&bytes.len());
        self.scratch.clear();
        if compress && self.compressor.compress(bytes, bytes.len() - 4, &mut self.scratch) {
            out.push(0xc3);
            write_len(self.scratch.len() as u64, out);
            write_len(bytes.len() as u64, out);
            out.extend_from_slice(&self.scratch);
        } else {
            write_len(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
    }
}

/// Writes a number.
pub(super) fn write_len(n: u64, out: &mut Vec<u8>) {
    match n {
        0..0x40 => out.push(n as u8),
        0x40..0x4000 => out.extend_from_slice(&(n as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// Writes an integer in the special form; returns false if it needs more than 32 bits.
fn write_int(n: i64, out: &mut Vec<u8>) -> bool {
    if let Ok(n) = i8::try_from(n) {
        out.extend_from_slice(&[0xc0, n as u8]);
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xc1);
        out.extend_from_slice(&n.to_le_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(0xc2);
        out.extend_from_slice(&n.to_le_bytes());
    } else {
        return false;
    }
    true
}
