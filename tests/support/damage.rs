//! Bytes that are nearly what they were.

use redlet::base::random::Random;

/// Changes some bytes, takes some away, or adds some.
pub fn mutate(body: &mut Vec<u8>, random: &mut Random) {
    if body.is_empty() {
        return;
    }
    let at = random.below(body.len() as u64) as usize;
    match random.below(6) {
        0 => body[at] = random.next() as u8,
        1 => body[at] ^= 1 << random.below(8),
        2 => drop(body.drain(at..(at + random.below(9) as usize).min(body.len()))),
        3 => body.insert(at, random.next() as u8),
        4 => body[at] = [0, 0x7f, 0x80, 0x81, 0xc3, 0xfe, 0xff][random.below(7) as usize],
        // The bytes from one place stand at another one too.
        _ => {
            let from = random.below(body.len() as u64) as usize;
            let piece = body[from..(from + random.below(20) as usize).min(body.len())].to_vec();
            drop(body.splice(at..at, piece));
        }
    }
}
