//! Matching of patterns, by backtracking over a stack of choices of its own: it can stop at any step and go on later.

/// How many captures a pattern may have.
const CAPTURES: usize = 32;

/// What a capture has instead of a length while it is not closed.
pub(super) const UNCLOSED: isize = -1;
/// The same for `()`, the capture of a position.
pub(super) const POSITION: isize = -2;

/// How a match ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Before this place.
    Match(usize),
    Nothing,
    /// The fuel is spent: it goes on when asked again.
    Paused,
}

/// What else could have been done.
#[derive(Clone, Copy)]
enum Choice {
    /// An item that was repeated as often as possible: once less, if that is still often enough.
    Greedy { s: usize, next: usize, count: usize, min: usize },
    /// An item that was repeated as little as possible: once more.
    Lazy { s: usize, item: usize, end: usize },
    /// Go on here.
    Skip { s: usize, next: usize },
    /// Not a choice: a capture was opened.
    Opened,
    /// A capture was closed.
    Closed(usize),
}

/// A match under way.
#[derive(Default)]
pub(super) struct Matcher {
    s: usize,
    p: usize,
    /// Where each capture starts, and how long it is.
    pub captures: Vec<(usize, isize)>,
    choices: Vec<Choice>,
    running: bool,
}

impl Matcher {
    /// Returns about how many bytes it has allocated.
    pub fn heap_bytes(&self) -> usize {
        self.choices.capacity() * size_of::<Choice>()
    }

    /// Returns whether a match is under way.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Begins a match at a place of the text, with a place of the pattern.
    pub fn begin(&mut self, s: usize, p: usize) {
        (self.s, self.p, self.running) = (s, p, true);
        self.captures.clear();
        self.choices.clear();
    }

    /// Goes on with the match.
    pub fn run(&mut self, text: &[u8], pattern: &[u8], fuel: &mut i64) -> Result<Found, &'static str> {
        loop {
            *fuel -= 1;
            if *fuel < 0 {
                return Ok(Found::Paused);
            }
            if self.p >= pattern.len() {
                self.running = false;
                return Ok(Found::Match(self.s));
            }
            if !self.item(text, pattern, fuel)? && !self.back(text, pattern) {
                self.running = false;
                return Ok(Found::Nothing);
            }
        }
    }

    /// Matches the next item of the pattern; returns whether it does.
    fn item(&mut self, text: &[u8], pattern: &[u8], fuel: &mut i64) -> Result<bool, &'static str> {
        let at = |i: usize| pattern.get(i).copied().unwrap_or(0);
        let p = self.p;
        match (pattern[p], at(p + 1)) {
            (b'(', b')') => self.open(POSITION, 2),
            (b'(', _) => self.open(UNCLOSED, 1),
            (b')', _) => self.close(),
            (b'$', _) if p + 1 == pattern.len() => {
                self.p += 1;
                Ok(self.s == text.len())
            }
            (b'%', b'b') => self.balance(text, pattern, fuel),
            (b'%', b'f') => self.frontier(text, pattern),
            (b'%', digit @ b'0'..=b'9') => self.back_reference(text, digit, fuel),
            _ => self.repeated(text, pattern, fuel),
        }
    }

    fn open(&mut self, len: isize, skip: usize) -> Result<bool, &'static str> {
        if self.captures.len() >= CAPTURES {
            return Err("too many captures");
        }
        self.captures.push((self.s, len));
        self.choices.push(Choice::Opened);
        self.p += skip;
        Ok(true)
    }

    fn close(&mut self) -> Result<bool, &'static str> {
        let open = self.captures.iter().rposition(|(_, len)| *len == UNCLOSED);
        let Some(open) = open else { return Err("invalid pattern capture") };
        self.captures[open].1 = (self.s - self.captures[open].0) as isize;
        self.choices.push(Choice::Closed(open));
        self.p += 1;
        Ok(true)
    }

    fn balance(&mut self, text: &[u8], pattern: &[u8], fuel: &mut i64) -> Result<bool, &'static str> {
        let Some(&[open, close]) = pattern.get(self.p + 2..self.p + 4) else {
            return Err("unbalanced pattern");
        };
        if text.get(self.s) != Some(&open) {
            return Ok(false);
        }
        let mut depth = 1;
        for (i, byte) in text[self.s + 1..].iter().enumerate() {
            if *byte == close {
                depth -= 1;
                if depth == 0 {
                    *fuel -= i as i64 / 8;
                    self.s += i + 2;
                    self.p += 4;
                    return Ok(true);
                }
            } else if *byte == open {
                depth += 1;
            }
        }
        *fuel -= (text.len() - self.s) as i64 / 8;
        Ok(false)
    }

    fn frontier(&mut self, text: &[u8], pattern: &[u8]) -> Result<bool, &'static str> {
        let set = self.p + 2;
        if pattern.get(set) != Some(&b'[') {
            return Err("missing '[' after '%f' in pattern");
        }
        let end = item_end(pattern, set)?;
        let before = if self.s == 0 { 0 } else { text[self.s - 1] };
        let after = text.get(self.s).copied().unwrap_or(0);
        self.p = end;
        Ok(!in_set(before, &pattern[set..end]) && in_set(after, &pattern[set..end]))
    }

    fn back_reference(&mut self, text: &[u8], digit: u8, fuel: &mut i64) -> Result<bool, &'static str> {
        let capture = usize::from(digit).checked_sub(usize::from(b'1'));
        let (start, len) = match capture.and_then(|capture| self.captures.get(capture)) {
            Some((_, UNCLOSED)) | None => return Err("invalid capture index"),
            Some(capture) => *capture,
        };
        let Ok(len) = usize::try_from(len) else { return Ok(false) };
        *fuel -= len as i64 / 8;
        if text[self.s..].starts_with(&text[start..start + len]) {
            self.s += len;
            self.p += 2;
            return Ok(true);
        }
        Ok(false)
    }

    fn repeated(&mut self, text: &[u8], pattern: &[u8], fuel: &mut i64) -> Result<bool, &'static str> {
        let (item, s) = (self.p, self.s);
        let end = item_end(pattern, item)?;
        let matches = |s: usize| text.get(s).is_some_and(|byte| matches_item(*byte, &pattern[item..end]));
        let suffix = pattern.get(end).copied().unwrap_or(0);
        match suffix {
            b'?' => {
                self.p = end + 1;
                if matches(s) {
                    self.choices.push(Choice::Skip { s, next: end + 1 });
                    self.s += 1;
                }
                Ok(true)
            }
            b'*' | b'+' => {
                let min = usize::from(suffix == b'+');
                let run =
                    text[s..].iter().take_while(|byte| matches_item(**byte, &pattern[item..end])).count();
                *fuel -= run as i64 / 4;
                if run < min {
                    return Ok(false);
                }
                if run > min {
                    self.choices.push(Choice::Greedy { s, next: end + 1, count: run - 1, min });
                }
                (self.s, self.p) = (s + run, end + 1);
                Ok(true)
            }
            b'-' => {
                self.choices.push(Choice::Lazy { s, item, end });
                self.p = end + 1;
                Ok(true)
            }
            _ => {
                let found = matches(s);
                (self.s, self.p) = (s + 1, end);
                Ok(found)
            }
        }
    }

    /// Takes another choice; returns whether there was one.
    fn back(&mut self, text: &[u8], pattern: &[u8]) -> bool {
        while let Some(choice) = self.choices.pop() {
            match choice {
                Choice::Opened => {
                    self.captures.pop();
                }
                Choice::Closed(capture) => self.captures[capture].1 = UNCLOSED,
                Choice::Skip { s, next } => {
                    (self.s, self.p) = (s, next);
                    return true;
                }
                Choice::Greedy { s, next, count, min } => {
                    if count > min {
                        self.choices.push(Choice::Greedy { s, next, count: count - 1, min });
                    }
                    (self.s, self.p) = (s + count, next);
                    return true;
                }
                Choice::Lazy { s, item, end } => {
                    if text.get(s).is_some_and(|byte| matches_item(*byte, &pattern[item..end])) {
                        self.choices.push(Choice::Lazy { s: s + 1, item, end });
                        (self.s, self.p) = (s + 1, end + 1);
                        return true;
                    }
                }
            }
        }
        false
    }
}

/// Returns where an item that matches one character ends.
fn item_end(pattern: &[u8], start: usize) -> Result<usize, &'static str> {
    let mut p = start + 1;
    match pattern[start] {
        b'%' => {
            if p >= pattern.len() {
                return Err("malformed pattern (ends with '%')");
            }
            Ok(p + 1)
        }
        b'[' => {
            if pattern.get(p) == Some(&b'^') {
                p += 1;
            }
            // The first character is one of the set even if it is a bracket.
            loop {
                let Some(byte) = pattern.get(p) else { return Err("malformed pattern (missing ']')") };
                p += 1;
                if *byte == b'%' && p < pattern.len() {
                    p += 1;
                }
                if pattern.get(p) == Some(&b']') {
                    return Ok(p + 1);
                }
            }
        }
        _ => Ok(p),
    }
}

#[inline]
fn matches_item(byte: u8, item: &[u8]) -> bool {
    match item {
        [b'.'] => true,
        [b'%', class] => in_class(byte, *class),
        [b'[', ..] => in_set(byte, item),
        [other] => *other == byte,
        _ => false,
    }
}

/// Returns whether a set, with its brackets, has a character.
fn in_set(byte: u8, set: &[u8]) -> bool {
    let mut rest = &set[1..set.len() - 1];
    let mut found = true;
    if let [b'^', after @ ..] = rest {
        (rest, found) = (after, false);
    }
    loop {
        rest = match rest {
            [b'%', class, after @ ..] => {
                if in_class(byte, *class) {
                    return found;
                }
                after
            }
            [low, b'-', high, after @ ..] => {
                if (*low..=*high).contains(&byte) {
                    return found;
                }
                after
            }
            [other, after @ ..] => {
                if *other == byte {
                    return found;
                }
                after
            }
            [] => return !found,
        };
    }
}

fn in_class(byte: u8, class: u8) -> bool {
    let found = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | 9..=13),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    found != class.is_ascii_uppercase()
}
