//! Ziplists, in which Redis kept lists before 7.0.
//!
//! ```text
//! u32 size of all   u32 where the last entry begins   u16 entries, or 65,535   entries…   FF
//! entry:  size of the entry before it: a byte below 254, or FE and four bytes
//!         head                            body
//!         00llllll                        l bytes
//!         01llllll l                      l bytes, high bits of the length first
//!         10······ llll                   l bytes
//!         11000000 11010000 11100000      an integer of 2, 4, 8 bytes, the low one first
//!         11110000 11111110               one of 3 bytes, one of 1 byte
//!         1111nnnn                        the integer n - 1, for n from 1 to 13
//! ```

const HEADER: usize = 10;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// An element of a ziplist.
#[derive(Debug, PartialEq)]
pub(super) enum Element<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// Calls `visit` with the elements of a ziplist from outside, in order; returns `None` as soon as something is not as
/// it should be.
pub(super) fn read(ziplist: &[u8], mut visit: impl FnMut(Element<'_>)) -> Option<()> {
    let (header, mut rest) = ziplist.split_first_chunk::<HEADER>()?;
    let [size, last] = [0, 4].map(|at| u32::from_le_bytes(*header[at..].first_chunk().expect("ten bytes")));
    let count = u16::from_le_bytes([header[8], header[9]]);
    let (mut found, mut before, mut last_at) = (0u64, 0, HEADER);
    while *rest.first()? != 0xff {
        last_at = ziplist.len() - rest.len();
        let (element, tail) = element(entry_after(rest, before)?)?;
        before = rest.len() - tail.len();
        rest = tail;
        found += 1;
        visit(element);
    }
    let whole = rest.len() == 1 && size as usize == ziplist.len();
    let counted = count == COUNT_UNKNOWN || u64::from(count) == found;
    (whole && counted && last as usize == last_at).then_some(())
}

/// Passes over the size of the entry before this one, which must be `before`.
fn entry_after(entry: &[u8], before: usize) -> Option<&[u8]> {
    let (&first, rest) = entry.split_first()?;
    let (size, rest) = if first < 254 {
        (first.into(), rest)
    } else {
        let (size, rest) = rest.split_first_chunk()?;
        (u32::from_le_bytes(*size) as usize, rest)
    };
    (size == before).then_some(rest)
}

fn element(entry: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&head, rest) = entry.split_first()?;
    let (len, rest) = match head >> 6 {
        0 => (usize::from(head), rest),
        1 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(head & 0x3f) << 8 | usize::from(low), rest)
        }
        2 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*len) as usize, rest)
        }
        _ => return int(head, rest).map(|(n, rest)| (Element::Int(n), rest)),
    };
    let (bytes, rest) = rest.split_at_checked(len)?;
    Some((Element::Bytes(bytes), rest))
}

fn int(head: u8, rest: &[u8]) -> Option<(i64, &[u8])> {
    let width = match head {
        0xc0 => 2,
        0xd0 => 4,
        0xe0 => 8,
        0xf0 => 3,
        0xfe => 1,
        0xf1..=0xfd => return Some((i64::from(head & 15) - 1, rest)),
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    // The bytes go to the top of the word and back down, which fills in the sign.
    let mut word = [0; 8];
    word[8 - width..].copy_from_slice(bytes);
    Some((i64::from_le_bytes(word) >> (64 - 8 * width), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element for each form of an integer, put together by hand.
    fn sample() -> Vec<u8> {
        let entries: [&[u8]; 8] = [
            &[0, 1, b'a'],
            &[3, 0xf2],
            &[2, 0xfe, 13],
            &[3, 0xfe, 0xff],
            &[3, 0xc0, 0x2c, 1],
            &[4, 0xf0, 0x90, 0xee, 0xfe],
            &[5, 0xe0, 0, 0x50, 0x39, 0x27, 0x8c, 4, 0, 0],
            &[10, 0xd0, 0x40, 0x54, 0x89, 0],
        ];
        let body = entries.concat();
        let size = (HEADER + body.len() + 1) as u32;
        let last = size - 1 - 6;
        [&size.to_le_bytes()[..], &last.to_le_bytes(), &8u16.to_le_bytes(), &body, &[0xff]].concat()
    }

    #[test]
    fn integers_of_every_width_are_read() {
        let mut found = vec![];
        read(&sample(), |element| {
            found.push(match element {
                Element::Int(n) => n.to_string(),
                Element::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            });
        })
        .expect("whole");
        assert_eq!(found, ["a", "1", "13", "-1", "300", "-70000", "5000000000000", "9000000"]);
    }

    #[test]
    fn a_ziplist_cut_short_is_refused() {
        let sample = sample();
        for end in 0..sample.len() {
            assert_eq!(read(&sample[..end], |_| ()), None, "after {end} bytes");
        }
    }
}
