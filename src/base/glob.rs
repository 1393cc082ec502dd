//! The patterns of KEYS, SCAN and PSUBSCRIBE: `*`, `?`, `[abc]`, `[^a-z]` and `\` before any of them.

/// How letters are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Exact,
    /// ASCII letters match in either case.
    Ignored,
}

/// Tells whether the whole of `text` is described by `pattern`.
///
/// A class without its `]` ends with the pattern. As in Redis, `*` does not match an empty text; commands that
/// list everything for a lone `*` look for it first.
///
/// Takes at most `pattern.len() * text.len()` steps: when a piece between stars does not fit, only the last star
/// is tried again one byte further on, since an earlier star could give the piece no text that it has not seen.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    loop {
        if t == text.len() {
            // What is left of the pattern after the last byte of text may only be stars.
            return if text.is_empty() {
                pattern.is_empty()
            } else {
                pattern[p..].iter().all(|&b| b == b'*')
            };
        }
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return true;
            }
            star = Some((p, t));
            continue;
        }
        match one(&pattern[p..], text[t], case) {
            Some(len) => (p, t) = (p + len, t + 1),
            None => {
                let Some((after, from)) = star else { return false };
                (p, t) = (after, from + 1);
                star = Some((p, t));
            }
        }
    }
}

/// Matches one byte of text with what `pattern` starts with; returns the length of that if it fits.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let (literal, len) = match *pattern {
        [] => return None,
        [b'?', ..] => return Some(1),
        [b'[', ..] => return class(pattern, byte, case),
        [b'\\', literal, ..] => (literal, 2),
        [literal, ..] => (literal, 1),
    };
    (fold(literal, case) == fold(byte, case)).then_some(len)
}

/// Matches one byte of text with the class that `pattern` starts with; returns the length of that if it fits.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        let (fits, len) = match pattern[at..] {
            [] => break,
            // Escaped letters are compared exactly even where case is ignored.
            [b'\\', literal, ..] => (literal == byte, 2),
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => (in_range(from, to, byte, case), 3),
            [literal, ..] => (fold(literal, case) == fold(byte, case), 1),
        };
        found |= fits;
        at += len;
    }
    (found != negated).then_some(at)
}

/// Tells whether `byte` lies between two others, in whichever order they stand. Redis compares signed bytes here.
fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let signed = |byte| fold(byte, case) as i8;
    let (low, high) = if from as i8 > to as i8 { (to, from) } else { (from, to) };
    (signed(low)..=signed(high)).contains(&signed(byte))
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Exact => byte,
        Case::Ignored => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn answers_as_a_real_server() {
        let yes: &[(&str, &str)] = &[
            ("", ""),
            ("k**", "k"),
            ("*k*", "k"),
            ("h[a-c]llo", "hbllo"),
            ("h[c-a]llo", "hbllo"),
            ("[^", "k"),
            ("[a-]", "]"),
            ("[a", "a"),
            ("[\\", "\\"),
            ("[\\]a]", "]"),
            ("\\", "\\"),
            ("\\*", "*"),
        ];
        let no: &[(&str, &str)] = &[
            ("*", ""),
            ("**", ""),
            ("[^", ""),
            ("k[", "k"),
            ("[]", "]"),
            ("\\a*", "*a"),
            ("ab", "a"),
            ("[^a]", "a"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Exact), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Exact), "{pattern} {text}");
        }
    }

    #[test]
    fn ignores_case_but_of_escaped_letters_in_classes() {
        assert!(matches(b"MAX[A-Z]*", b"maxmemory", Case::Ignored));
        assert!(matches(b"\\M*", b"maxmemory", Case::Ignored));
        assert!(!matches(b"[\\M]*", b"maxmemory", Case::Ignored));
        assert!(!matches(b"M*", b"maxmemory", Case::Exact));
    }

    #[test]
    fn agrees_with_the_definition() {
        /// Lets each star take every length.
        fn naive(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern, text) {
                ([b'*', rest @ ..], _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
                (_, []) => pattern.is_empty(),
                (_, [first, rest @ ..]) => {
                    one(pattern, *first, Case::Exact).is_some_and(|len| naive(&pattern[len..], rest))
                }
            }
        }
        let mut random = Random::new(3);
        let mut draw = |letters: &[u8], most| -> Vec<u8> {
            (0..random.below(most)).map(|_| letters[random.below(letters.len() as u64) as usize]).collect()
        };
        for _ in 0..50_000 {
            let (pattern, mut text) = (draw(b"ab**?[]^-\\", 9), draw(b"ab]", 9));
            text.push(b'a');
            assert_eq!(matches(&pattern, &text, Case::Exact), naive(&pattern, &text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn many_stars_take_few_steps() {
        let pattern = [b"a*".repeat(2_000), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &b"a".repeat(10_000), Case::Exact));
    }
}
