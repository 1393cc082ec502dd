//! Checksums that Redis' formats are made with: CRC-64 of RDB, CRC-16 of cluster slots, SHA-1 of scripts.

use crc::{CRC_16_XMODEM, CRC_64_REDIS, Crc, NoTable, Table};
use sha1_smol::Sha1;

/// The CRC-64 of a stream of bytes, as at the end of an RDB file.
///
/// Holds 32 kB of tables, built when it is made in a few microseconds: as data they would be most of a small
/// wasm module. Keep one and `reset` it rather than making many.
pub struct Crc64 {
    crc: Box<Crc<u64, Table<16>>>,
    value: u64,
}

impl Crc64 {
    /// Returns the checksum of nothing, which is zero.
    pub fn new() -> Self {
        Self { crc: Box::new(Crc::<u64, Table<16>>::new(&CRC_64_REDIS)), value: 0 }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        // The crate wants the register the other way round for a checksum that is reflected.
        let mut digest = self.crc.digest_with_initial(self.value.reverse_bits());
        digest.update(bytes);
        self.value = digest.finalize();
    }

    /// Returns the checksum of all bytes since `new` or `reset`.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Starts again from nothing.
    pub fn reset(&mut self) {
        self.value = 0;
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the CRC-64 of some bytes.
pub fn crc64(bytes: &[u8]) -> u64 {
    // For a few bytes it takes longer to build the tables than to do without.
    if bytes.len() < 1_000 {
        return Crc::<u64, NoTable>::new(&CRC_64_REDIS).checksum(bytes);
    }
    let mut crc = Crc64::new();
    crc.update(bytes);
    crc.value()
}

/// Returns the CRC-16 of some bytes.
pub fn crc16(bytes: &[u8]) -> u16 {
    const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    CRC.checksum(bytes)
}

/// Returns the cluster slot of a key, below 16,384. If the key has a `{tag}` that is not empty, the first one
/// alone decides, so that keys with the same tag share a slot.
pub fn key_slot(key: &[u8]) -> u16 {
    let tag = || {
        let open = key.iter().position(|&byte| byte == b'{')?;
        let close = key[open + 1..].iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &key[open + 1..][..close])
    };
    crc16(tag().unwrap_or(key)) % 16_384
}

/// Returns the SHA-1 of some bytes as 40 lower-case hexadecimal digits.
pub fn sha1_hex(bytes: &[u8]) -> [u8; 40] {
    let mut hex = [0; 40];
    let digest = Sha1::from(bytes).digest().bytes();
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc64_is_that_of_rdb() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn crc64_takes_bytes_in_pieces() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| ((i * i) >> 3) as u8).collect();
        let mut crc = Crc64::new();
        for _ in 0..2 {
            for piece in bytes.chunks(37) {
                crc.update(piece);
            }
            assert_eq!(crc.value(), crc64(&bytes));
            crc.reset();
        }
        crc.update(&bytes[..999]);
        assert_eq!(crc.value(), crc64(&bytes[..999]));
    }

    #[test]
    fn slots_are_those_of_a_real_server() {
        let slots = [
            ("foo", 12182),
            ("{a}b", 15495),
            ("{}a", 10875),
            ("x{", 3596),
            ("a{b}{c}", 3300),
            ("{a", 10276),
            ("a}{b}", 3300),
            ("", 0),
            ("123456789", 12739),
        ];
        for (key, slot) in slots {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn sha1_is_printed_as_script_load_does() {
        assert_eq!(&sha1_hex(b"return 1"), b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
