//! Comparing runs of bytes.

/// Tells whether two runs of bytes are the same, eight bytes at a time: in wasm, `==` takes them one by one.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a, rest), (b, other)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = |run: &[u8; 8]| u64::from_le_bytes(*run);
    for (a, b) in a.iter().zip(b) {
        if words(a) != words(b) {
            return false;
        }
    }
    for (a, b) in rest.iter().zip(other) {
        if a != b {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        for len in 0..40 {
            let run: Vec<u8> = (0..len).collect();
            assert!(same(&run, &run.clone()));
            assert!(!same(&run, &[&run[..], b"x"].concat()));
            for at in 0..run.len() {
                let mut other = run.clone();
                other[at] ^= 0x80;
                assert!(!same(&run, &other), "{at} of {len}");
            }
        }
    }
}
