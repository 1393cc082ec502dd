//! ACL rules: read, and written again.

use super::selector::{Commands, KeyPattern, Selector};
use super::user::{Hash, User, hash};
use crate::base::bytes::Bytes;
use crate::engine::table::Table;
use crate::resp::Error;
use crate::spec::Categories;

const UNKNOWN: &str = "Unknown command or category name in ACL";
const SYNTAX: &str = "Syntax error";
const ALL_KEYS: &str = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have \
                        any effect. Try 'resetkeys' to start with an empty list of patterns";
const ALL_CHANNELS: &str = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does \
                            not have any effect. Try 'resetchannels' to start with an empty list of channels";
const NO_PASSWORD: &str = "The password you are trying to remove from the user does not exist";
const NO_HASH: &str =
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
const NO_FIRST: &str = "Allowing first-arg of a subcommand is not supported";

/// What is wrong with a rule.
pub type Why = &'static str;

/// What rules are read with.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub table: &'a Table,
    /// Whether new users and selectors may use every channel: `acl-pubsub-default`.
    pub all_channels: bool,
}

/// A rule that can't be applied, and why.
#[derive(Debug)]
pub struct Wrong {
    pub rule: Bytes,
    pub why: Why,
}

/// Joins the words of selectors: `(+get`, `~a)` are one rule. The error is the word that opens without an end.
pub fn join<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, Bytes> {
    let mut rules: Vec<Vec<u8>> = vec![];
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for word in words {
        let (first, rule) = match open.take() {
            Some((first, mut rule)) => {
                rule.push(b' ');
                rule.extend_from_slice(word);
                (first, rule)
            }
            None => (word, word.to_vec()),
        };
        if first.starts_with(b"(") && !word.ends_with(b")") {
            open = Some((first, rule));
        } else {
            rules.push(rule);
        }
    }
    match open {
        Some((first, _)) => Err(Bytes::from(first)),
        None => Ok(rules),
    }
}

impl Reader<'_> {
    /// Applies rules in order; at the first that is wrong, the user is left as it is by then.
    pub fn apply_all(self, user: &mut User, rules: &[Vec<u8>]) -> Result<(), Wrong> {
        for rule in rules {
            self.apply(user, rule).map_err(|why| Wrong { rule: Bytes::from(&rule[..]), why })?;
        }
        Ok(())
    }

    /// Applies one rule to a user.
    pub fn apply(self, user: &mut User, rule: &[u8]) -> Result<(), Why> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => user.enabled = true,
            b"off" => user.enabled = false,
            b"nopass" => {
                user.no_password = true;
                user.passwords.clear();
            }
            b"resetpass" => {
                user.no_password = false;
                user.passwords.clear();
            }
            b"sanitize-payload" => user.sanitizes = Some(true),
            b"skip-sanitize-payload" => user.sanitizes = Some(false),
            b"clearselectors" => user.selectors.truncate(1),
            b"reset" => {
                let new = User { sanitizes: Some(true), ..User::new(&user.name, self.all_channels) };
                *user = new;
            }
            _ => return self.apply_marked(user, rule),
        }
        Ok(())
    }

    fn apply_marked(self, user: &mut User, rule: &[u8]) -> Result<(), Why> {
        match rule[0] {
            b'>' => add_password(user, hash(&rule[1..])),
            b'#' => add_password(user, read_hash(&rule[1..])?),
            b'<' => remove_password(user, hash(&rule[1..]))?,
            b'!' => remove_password(user, read_hash(&rule[1..])?)?,
            b'(' if rule.ends_with(b")") => {
                let mut selector = Selector::new(self.all_channels);
                for rule in rule[1..rule.len() - 1].split(u8::is_ascii_whitespace) {
                    if !rule.is_empty() {
                        self.apply_to_selector(&mut selector, rule)?;
                    }
                }
                user.selectors.push(selector);
            }
            _ => self.apply_to_selector(&mut user.selectors[0], rule)?,
        }
        Ok(())
    }

    fn apply_to_selector(self, selector: &mut Selector, rule: &[u8]) -> Result<(), Why> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => {
                selector.all_keys = true;
                selector.keys.clear();
            }
            b"resetkeys" => {
                selector.all_keys = false;
                selector.keys.clear();
            }
            b"allchannels" | b"&*" => {
                selector.all_channels = true;
                selector.channels.clear();
            }
            b"resetchannels" => {
                selector.all_channels = false;
                selector.channels.clear();
            }
            b"allcommands" | b"+@all" => allow_all(selector, true),
            b"nocommands" | b"-@all" => allow_all(selector, false),
            lower => match lower[0] {
                b'~' | b'%' => add_keys(selector, rule)?,
                b'&' => add_channel(selector, &rule[1..])?,
                b'+' | b'-' if lower.get(1) == Some(&b'@') => {
                    self.allow_category(selector, &lower[2..], lower[0] == b'+')?;
                }
                b'+' => self.allow(selector, &lower[1..])?,
                b'-' => {
                    let place = self.table.spelled(&lower[1..]).ok_or(UNKNOWN)?;
                    set(selector, self.table, place, false);
                }
                _ => return Err(SYNTAX),
            },
        }
        Ok(())
    }

    fn allow_category(self, selector: &mut Selector, name: &[u8], on: bool) -> Result<(), Why> {
        let category = std::str::from_utf8(name).ok().and_then(Categories::named).ok_or(UNKNOWN)?;
        for place in self.table.of_category(category) {
            set(selector, self.table, place, on);
        }
        Ok(())
    }

    /// Allows a command, a subcommand, or a command with one first argument.
    fn allow(self, selector: &mut Selector, name: &[u8]) -> Result<(), Why> {
        if let Some(place) = self.table.spelled(name) {
            set(selector, self.table, place, true);
            return Ok(());
        }
        let bar = name.iter().rposition(|byte| *byte == b'|').ok_or(UNKNOWN)?;
        let (name, first) = (&name[..bar], &name[bar + 1..]);
        let place = self.table.spelled(name).ok_or(UNKNOWN)?;
        let known = self.table.at(place);
        if known.command.spec.container().is_some() {
            return Err(NO_FIRST);
        } else if !known.subcommands.is_empty() {
            return Err(UNKNOWN);
        } else if first.is_empty() {
            return Err(SYNTAX);
        }
        let rule = (place as u16, Bytes::from(first));
        if !selector.commands.has(place) && !selector.firsts.contains(&rule) {
            selector.firsts.push(rule);
        }
        Ok(())
    }
}

fn add_password(user: &mut User, hash: Hash) {
    user.no_password = false;
    if !user.passwords.contains(&hash) {
        user.passwords.push(hash);
    }
}

fn remove_password(user: &mut User, hash: Hash) -> Result<(), Why> {
    let at = user.passwords.iter().position(|other| *other == hash).ok_or(NO_PASSWORD)?;
    user.passwords.remove(at);
    Ok(())
}

fn read_hash(text: &[u8]) -> Result<Hash, Why> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(NO_HASH),
    };
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() {
        return Err(NO_HASH);
    }
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(hash)
}

/// Returns whether a pattern could not be read again from a line of a file.
fn splits(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0B))
}

fn add_keys(selector: &mut Selector, rule: &[u8]) -> Result<(), Why> {
    if selector.all_keys {
        return Err(ALL_KEYS);
    }
    let (mut read, mut write, mut at) = (rule[0] == b'~', rule[0] == b'~', 1);
    if rule[0] == b'%' {
        let tilde = rule.iter().position(|byte| *byte == b'~').unwrap_or(rule.len());
        for letter in &rule[1..tilde] {
            match letter.to_ascii_uppercase() {
                b'R' => read = true,
                b'W' => write = true,
                _ => return Err(SYNTAX),
            }
        }
        if !read && !write {
            return Err(SYNTAX);
        }
        at = (tilde + 1).min(rule.len());
    }
    let pattern = &rule[at..];
    if splits(pattern) {
        return Err(SYNTAX);
    }
    match selector.keys.iter_mut().find(|other| &*other.pattern == pattern) {
        Some(known) => (known.read, known.write) = (known.read || read, known.write || write),
        None => selector.keys.push(KeyPattern { read, write, pattern: Bytes::from(pattern) }),
    }
    Ok(())
}

fn add_channel(selector: &mut Selector, pattern: &[u8]) -> Result<(), Why> {
    if selector.all_channels {
        return Err(ALL_CHANNELS);
    }
    if splits(pattern) {
        return Err(SYNTAX);
    }
    if !selector.channels.iter().any(|other| &**other == pattern) {
        selector.channels.push(Bytes::from(pattern));
    }
    Ok(())
}

fn allow_all(selector: &mut Selector, on: bool) {
    selector.open = on;
    selector.commands = if on { Commands::ALL } else { Commands::NONE };
    selector.firsts.clear();
}

/// Allows or refuses a command, and a container's subcommands with it.
fn set(selector: &mut Selector, table: &Table, place: usize, on: bool) {
    let subcommands = table.at(place).subcommands.iter().map(|place| usize::from(*place));
    for place in std::iter::once(place).chain(subcommands) {
        selector.commands.set(place, on);
        selector.firsts.retain(|(other, _)| usize::from(*other) != place);
    }
}

// Writing ---------------------------------------------------------------------------------------------------------

/// Writes a hash in hexadecimal digits.
pub fn hex(hash: &[u8]) -> String {
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

impl User {
    /// Returns the words of its flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> + Clone {
        let sanitizes = match self.sanitizes {
            Some(true) => Some("sanitize-payload"),
            Some(false) => Some("skip-sanitize-payload"),
            None => None,
        };
        let enabled = Some(if self.enabled { "on" } else { "off" });
        [enabled, self.no_password.then_some("nopass"), sanitizes].into_iter().flatten()
    }

    /// Returns the rules that make it what it is.
    pub fn rules(&self, table: &Table) -> Vec<u8> {
        let mut words: Vec<Vec<u8>> = self.flags().map(|flag| flag.as_bytes().to_vec()).collect();
        words.extend(self.passwords.iter().map(|hash| format!("#{}", hex(hash)).into_bytes()));
        words.push(self.root().rules(table));
        for selector in &self.selectors[1..] {
            words.push([b"(", &selector.rules(table)[..], b")"].concat());
        }
        words.join(&b' ')
    }

    /// Returns the line that a file or ACL LIST has for it.
    pub fn line(&self, table: &Table) -> Vec<u8> {
        [b"user ", &*self.name, b" ", &self.rules(table)].concat()
    }
}

impl Selector {
    fn rules(&self, table: &Table) -> Vec<u8> {
        let mut words = vec![];
        let keys = self.key_rules();
        if !keys.is_empty() {
            words.push(keys);
        }
        if !self.all_channels {
            words.push(b"resetchannels".to_vec());
        }
        let channels = self.channel_rules();
        if !channels.is_empty() {
            words.push(channels);
        }
        words.push(self.command_rules(table).into_bytes());
        words.join(&b' ')
    }

    /// Returns the rules for keys.
    pub fn key_rules(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let rule = |keys: &KeyPattern| {
            let mark: &[u8] = match (keys.read, keys.write) {
                (true, true) => b"~",
                (true, false) => b"%R~",
                _ => b"%W~",
            };
            [mark, &keys.pattern].concat()
        };
        self.keys.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }

    /// Returns the rules for channels.
    pub fn channel_rules(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|channel| [b"&", &**channel].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// Returns rules for commands that give this set: the categories that fit best, then single commands.
    pub fn command_rules(&self, table: &Table) -> String {
        let mut rules = String::from(if self.open { "+@all" } else { "-@all" });
        let mut reached = Selector::new(false);
        allow_all(&mut reached, self.open);
        self.describe_categories(table, &mut reached, &mut rules);
        for (place, known) in table.iter().enumerate() {
            if known.command.spec.container().is_some() {
                continue;
            }
            self.describe_command(table, &mut reached, place, &mut rules);
            for place in &known.subcommands {
                self.describe_command(table, &mut reached, usize::from(*place), &mut rules);
            }
        }
        rules
    }

    /// Applies the category that leaves the least to be said otherwise, as long as one says more than it takes back.
    fn describe_categories(&self, table: &Table, reached: &mut Selector, rules: &mut String) {
        let mut left = self.clone();
        let mut categories: Vec<_> = Categories::ALL.to_vec();
        loop {
            let mut best: Option<(usize, usize, usize)> = None;
            for (i, (category, _)) in categories.iter().enumerate() {
                let fits = |place: &usize| left.commands.has(*place) != self.open;
                let count = table.of_category(*category).count();
                let same = table.of_category(*category).filter(fits).count();
                let differ = count - same;
                let better =
                    best.is_none_or(|(_, least, most)| differ < least || differ == least && same > most);
                if same > differ && better {
                    best = Some((i, differ, same));
                }
            }
            let Some((i, _, _)) = best else { return };
            let (category, name) = categories.remove(i);
            rules.push_str(if self.open { " -@" } else { " +@" });
            rules.push_str(name);
            for place in table.of_category(category) {
                set(reached, table, place, !self.open);
                set(&mut left, table, place, self.open);
            }
        }
    }

    fn describe_command(&self, table: &Table, reached: &mut Selector, place: usize, rules: &mut String) {
        let (name, on) = (table.at(place).command.spec.spelled(), self.commands.has(place));
        if on != reached.commands.has(place) {
            rules.push_str(if on { " +" } else { " -" });
            rules.push_str(&name);
            set(reached, table, place, on);
        }
        for (_, first) in self.firsts.iter().filter(|(other, _)| usize::from(*other) == place) {
            rules.push_str(&format!(" +{name}|{}", String::from_utf8_lossy(first)));
        }
    }
}

impl Wrong {
    /// Returns the refusal of ACL SETUSER.
    pub fn refusal(&self) -> Error {
        let rule = String::from_utf8_lossy(&self.rule);
        Error::said(format!("ERR Error in ACL SETUSER modifier '{rule}': {}", self.why))
    }
}
