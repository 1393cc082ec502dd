//! Reads a command's syntax at compile time: how many arguments it takes and where its keys are.
//!
//! The notation is described in [`super::syntax`]. A value named `key`, or of type `key`, is a key; so is a
//! `shardchannel`, which a cluster places as it places keys. A `numkeys` is followed by that many keys.

/// What the dispatcher needs to know of a syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Least number of arguments, the command's name included.
    pub min: u8,
    /// Whether more may follow.
    pub open: bool,
    pub keys: [KeySpec; 3],
}

/// Where one group of keys stands, in the terms of `COMMAND INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpec {
    None,
    /// Keys from a fixed position, or after a word of the syntax (`at` is then the word's offset).
    Range {
        begin: Begin,
        last: i8,
        step: u8,
        limit: u8,
    },
    /// A count at `begin`, then that many keys, `step` arguments each.
    Count {
        begin: Begin,
        step: u8,
    },
}

/// Where a group of keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    At(u8),
    /// After a literal word: its place in the syntax, and the first argument that it can be.
    After {
        from: u16,
        to: u16,
        first: u8,
    },
}

impl Shape {
    /// Returns the arity as Redis says it: negative when more arguments may follow.
    pub const fn arity(&self) -> i8 {
        if self.open { -(self.min as i8) } else { self.min as i8 }
    }

    /// Returns the same shape with another arity, in Redis' form, for what the notation can't say.
    pub const fn with_arity(mut self, arity: i8) -> Self {
        self.min = arity.unsigned_abs();
        self.open = arity < 0;
        self
    }

    /// Returns the same shape with single keys joined that stand side by side and are used alike: those beyond the
    /// number of `groups` whose use is declared, if any is. LCS reads two keys of one group; LMOVE has two groups.
    pub const fn with_groups(mut self, groups: usize) -> Self {
        while 0 < groups
            && groups < self.keys.len()
            && let KeySpec::Range { begin: Begin::At(first), last, step: 1, limit: 0 } = self.keys[groups - 1]
            && let KeySpec::Range { begin: Begin::At(next), last: 0, step: 1, limit: 0 } = self.keys[groups]
            && next as i8 == first as i8 + last + 1
        {
            let begin = Begin::At(first);
            self.keys[groups - 1] = KeySpec::Range { begin, last: last + 1, step: 1, limit: 0 };
            let mut i = groups;
            while i < self.keys.len() {
                self.keys[i] = if i + 1 < self.keys.len() { self.keys[i + 1] } else { KeySpec::None };
                i += 1;
            }
        }
        self
    }

    /// Returns whether a call of `n` arguments, the name included, can be right.
    #[inline]
    pub const fn admits(&self, n: usize) -> bool {
        n == self.min as usize || (self.open && n > self.min as usize)
    }

    /// Reads the syntax of the command `name`, whose words count as arguments. Fails to compile on open brackets.
    pub const fn parse(name: &str, syntax: &str) -> Self {
        let mut scan = Scan {
            s: syntax.as_bytes(),
            min: words(name.as_bytes()),
            open: false,
            count: None,
            literal: None,
            keys: [KeySpec::None; 3],
            found: 0,
            noted: false,
        };
        scan.sequence(0, scan.s.len());
        Shape { min: scan.min, open: scan.open, keys: scan.keys }
    }
}

struct Scan<'a> {
    s: &'a [u8],
    min: u8,
    open: bool,
    /// Where a `numkeys` stands, until its keys have been seen.
    count: Option<Begin>,
    /// The literal just before, as a place to begin at once positions are no longer fixed.
    literal: Option<Begin>,
    keys: [KeySpec; 3],
    found: usize,
    /// Inside a repeated group, whose keys have been noted already.
    noted: bool,
}

impl Scan<'_> {
    const fn sequence(&mut self, mut i: usize, end: usize) {
        while i < end {
            if self.s[i] == b' ' {
                i += 1;
                continue;
            }
            let stop = item_end(self.s, i, end);
            let repeated = starts(self.s, stop, end, b"...");
            self.item(i, stop, repeated, end);
            i = if repeated { stop + 3 } else { stop };
        }
    }

    const fn item(&mut self, from: usize, to: usize, repeated: bool, end: usize) {
        match self.s[from] {
            b'[' => {
                let min = self.min;
                // Keys that come first in it, as in PFMERGE, still stand at a fixed position.
                let first = item_end(self.s, from + 1, to - 1);
                self.open |= !is_key(self.s, from + 1, first);
                self.alternatives(from + 1, to - 1, repeated, end);
                self.min = min;
                self.open = true;
                self.literal = None;
            }
            b'<' => {
                self.alternatives(from + 1, to - 1, repeated, end);
                self.open |= repeated;
                self.literal = None;
            }
            _ if self.s[from].is_ascii_uppercase() || !self.s[from].is_ascii_alphabetic() => {
                let (from, to) = (from as u16, to as u16);
                self.literal = Some(Begin::After { from, to, first: self.min });
                self.min += 1;
            }
            _ => {
                if is_key(self.s, from, to) {
                    self.key(1, repeated, to, end);
                } else if equal(self.s, from, to, b"numkeys") {
                    self.count = self.here();
                }
                self.min += 1;
                self.open |= repeated;
                self.literal = None;
            }
        }
    }

    /// `a b|c`: the shortest alternative counts.
    const fn alternatives(&mut self, mut from: usize, to: usize, repeated: bool, end: usize) {
        let start = self.min;
        let was_open = self.open;
        let (mut least, mut most) = (u8::MAX, 0);
        let mut any_open = false;
        while from <= to {
            let bar = bar(self.s, from, to);
            self.min = start;
            self.open = was_open;
            self.literal = None;
            if repeated {
                self.group_keys(from, bar, to + 1, end);
            } else {
                self.sequence(from, bar);
            }
            any_open |= self.open;
            if self.min < least {
                least = self.min
            }
            if self.min > most {
                most = self.min
            }
            from = bar + 1;
        }
        self.min = least;
        self.open = any_open | (least != most);
    }

    /// A repeated group: `<key value>...` has keys a step apart.
    const fn group_keys(&mut self, from: usize, to: usize, after: usize, end: usize) {
        let start = self.min;
        let mut i = from;
        let mut at = 0u8;
        let mut key_at = None;
        while i < to {
            if self.s[i] == b' ' {
                i += 1;
                continue;
            }
            let stop = item_end(self.s, i, to);
            if is_key(self.s, i, stop) {
                key_at = Some(at);
            }
            at += 1;
            i = stop;
        }
        if let Some(offset) = key_at {
            self.min = start + offset;
            self.key(at, true, after, end);
            self.min = start;
        }
        self.noted = key_at.is_some();
        self.sequence(from, to);
        self.noted = false;
    }

    const fn here(&self) -> Option<Begin> {
        if !self.open { Some(Begin::At(self.min)) } else { self.literal }
    }

    const fn key(&mut self, step: u8, repeated: bool, to: usize, end: usize) {
        if self.noted {
            return;
        }
        let spec = if let Some(begin) = self.count {
            self.count = None;
            KeySpec::Count { begin, step }
        } else if let Some(begin) = self.here() {
            if repeated {
                let rest = trailing(self.s, to + 3, end);
                // `key... id...`: the second half is not keys.
                let limit = if rest < 0 { 2 } else { 0 };
                let last = if rest < 0 { -1 } else { -1 - rest };
                KeySpec::Range { begin, last, step, limit }
            } else {
                KeySpec::Range { begin, last: 0, step, limit: 0 }
            }
        } else {
            return;
        };
        assert!(self.found < 3, "at most three groups of keys");
        self.keys[self.found] = spec;
        self.found += 1;
    }
}

/// How many arguments surely follow; -1 when another repetition does.
const fn trailing(s: &[u8], mut i: usize, end: usize) -> i8 {
    let mut n = 0;
    while i < end {
        if s[i] == b' ' || s[i] == b']' || s[i] == b'>' {
            i += 1;
            continue;
        }
        let stop = item_end(s, i, end);
        if starts(s, stop, end, b"...") {
            return -1;
        }
        if s[i] != b'[' {
            n += 1;
        }
        i = stop;
    }
    n
}

const fn words(name: &[u8]) -> u8 {
    let (mut n, mut i) = (1, 0);
    while i < name.len() {
        if name[i] == b' ' {
            n += 1;
        }
        i += 1;
    }
    n
}

const fn item_end(s: &[u8], mut i: usize, end: usize) -> usize {
    let mut depth = 0;
    while i < end {
        match s[i] {
            b'[' | b'<' => depth += 1,
            b']' | b'>' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
                assert!(depth > 0, "an unopened bracket in a command's syntax");
            }
            b' ' | b'|' if depth == 0 => return i,
            b'.' if depth == 0 && starts(s, i, end, b"...") => return i,
            _ => {}
        }
        i += 1;
    }
    assert!(depth == 0, "an unclosed bracket in a command's syntax");
    i
}

const fn bar(s: &[u8], mut i: usize, end: usize) -> usize {
    let mut depth = 0;
    while i < end {
        match s[i] {
            b'[' | b'<' => depth += 1,
            b']' | b'>' => depth -= 1,
            b'|' if depth == 0 => return i,
            _ => {}
        }
        i += 1;
    }
    end
}

const fn starts(s: &[u8], i: usize, end: usize, word: &[u8]) -> bool {
    i + word.len() <= end && equal(s, i, i + word.len(), word)
}

const fn equal(s: &[u8], from: usize, to: usize, word: &[u8]) -> bool {
    if to - from != word.len() {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if s[from + i] != word[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn is_key(s: &[u8], from: usize, to: usize) -> bool {
    equal(s, from, to, b"key")
        || (to - from > 4 && equal(s, to - 4, to, b":key"))
        || equal(s, from, to, b"shardchannel")
}
