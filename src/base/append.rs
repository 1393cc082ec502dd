//! Appending several runs of bytes to a buffer.

#![allow(unsafe_code)]

/// Appends runs of bytes, looking once whether there is room for all of them.
#[inline]
pub fn append<const N: usize>(out: &mut Vec<u8>, runs: [&[u8]; N]) {
    let more = runs.iter().map(|run| run.len()).sum();
    out.reserve(more);
    let mut end = out.len();
    for run in runs {
        // SAFETY: there is room for all runs behind the end, and nobody who holds one of them can hold `out`.
        unsafe { out.as_mut_ptr().add(end).copy_from_nonoverlapping(run.as_ptr(), run.len()) };
        end += run.len();
    }
    // SAFETY: all bytes up to here are written.
    unsafe { out.set_len(end) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_stand_one_behind_the_other() {
        let mut out = b"a".to_vec();
        append(&mut out, [b"", b"bc", &[b'd'; 100], b"\r\n"]);
        append(&mut out, []);
        assert_eq!(out, [&b"abc"[..], &[b'd'; 100], b"\r\n"].concat());
    }
}
