//! What can happen to a key, as keyspace notifications name it.

use crate::base::bits::bits;

bits! {
    /// Classes of events: the letters of `notify-keyspace-events`.
    Classes(u16) {
        /// Published to `__keyspace@<db>__:<key>`.
        KEYSPACE = 0 "K",
        /// Published to `__keyevent@<db>__:<event>`.
        KEYEVENT = 1 "E",
        GENERIC = 2 "g",
        STRING = 3 "$",
        LIST = 4 "l",
        SET = 5 "s",
        HASH = 6 "h",
        SORTED_SET = 7 "z",
        EXPIRED = 8 "x",
        EVICTED = 9 "e",
        STREAM = 10 "t",
        KEY_MISS = 11 "m",
        MODULE = 12 "d",
        NEW = 13 "n",
    }
}

impl Classes {
    /// What the letter `A` stands for.
    pub const EVERY: Self = Self::GENERIC
        .or(Self::STRING)
        .or(Self::LIST)
        .or(Self::SET)
        .or(Self::HASH)
        .or(Self::SORTED_SET)
        .or(Self::EXPIRED)
        .or(Self::EVICTED)
        .or(Self::STREAM)
        .or(Self::MODULE);

    /// Reads the value of `notify-keyspace-events`; `None` if a letter is none of ours.
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |classes, letter| match letter {
            'A' => Some(classes | Self::EVERY),
            _ => {
                let mut buffer = [0; 4];
                let text: &str = letter.encode_utf8(&mut buffer);
                Self::ALL.iter().find(|(_, name)| *name == text).map(|(class, _)| classes | *class)
            }
        })
    }

    /// Returns the letters, in the order in which Redis spells them.
    pub fn letters(self) -> String {
        let every = self.has(Self::EVERY);
        let mut letters = String::from(if every { "A" } else { "" });
        for name in ["g", "$", "l", "s", "h", "z", "x", "e", "t", "d", "n", "K", "E", "m"] {
            let class = Self::ALL.iter().find(|(_, letter)| *letter == name).map(|(class, _)| *class);
            if class.is_some_and(|class| self.has(class) && !(every && Self::EVERY.has(class))) {
                letters.push_str(name);
            }
        }
        letters
    }
}

/// One event: its class and the name that subscribers see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    pub class: Classes,
    pub name: &'static str,
}

impl Event {
    pub const DEL: Self = Self::generic("del");
    pub const EXPIRED: Self = Self { class: Classes::EXPIRED, name: "expired" };
    pub const EVICTED: Self = Self { class: Classes::EVICTED, name: "evicted" };
    /// A change that subscribers are not told of.
    pub const SILENT: Self = Self { class: Classes::NONE, name: "" };
    pub const KEY_MISS: Self = Self { class: Classes::KEY_MISS, name: "keymiss" };
    pub const NEW: Self = Self { class: Classes::NEW, name: "new" };

    pub const fn generic(name: &'static str) -> Self {
        Self { class: Classes::GENERIC, name }
    }

    pub const fn string(name: &'static str) -> Self {
        Self { class: Classes::STRING, name }
    }

    pub const fn hash(name: &'static str) -> Self {
        Self { class: Classes::HASH, name }
    }

    pub const fn list(name: &'static str) -> Self {
        Self { class: Classes::LIST, name }
    }

    pub const fn set(name: &'static str) -> Self {
        Self { class: Classes::SET, name }
    }

    pub const fn sorted_set(name: &'static str) -> Self {
        Self { class: Classes::SORTED_SET, name }
    }

    pub const fn stream(name: &'static str) -> Self {
        Self { class: Classes::STREAM, name }
    }
}
