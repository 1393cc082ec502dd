//! Commands by name, and what is counted about each.

use std::borrow::Cow;

use super::histogram::Histogram;
use super::{Command, Family};
use crate::resp::Args;
use crate::spec::Categories;

const SLOTS: usize = 1024;
/// There are fewer commands than this.
pub const MOST_COMMANDS: usize = SLOTS / 2;

/// A command as the table knows it.
pub struct Known {
    pub command: &'static Command,
    pub family: &'static Family,
    /// What it is called by: its own name unless it was renamed; an empty one is none.
    name: Cow<'static, str>,
    /// Subcommands, as places in the table.
    pub subcommands: Vec<u16>,
    pub stats: Stats,
}

impl Known {
    /// Returns what it is called by. Going through `Cow` takes a call.
    #[inline(always)]
    fn name(&self) -> &[u8] {
        match &self.name {
            Cow::Borrowed(name) => name.as_bytes(),
            Cow::Owned(name) => name.as_bytes(),
        }
    }

    /// Returns all its ACL categories. A container is in none for its family's sake: its subcommands are.
    pub fn categories(&self) -> Categories {
        let spec = &self.command.spec;
        let family = if self.subcommands.is_empty() { self.family.category } else { Categories::NONE };
        let implied = Categories::implied(spec.flags);
        // What a script reads is not known from its command.
        let read = if family.has(Categories::SCRIPTING) { Categories::READ } else { Categories::NONE };
        family | spec.also | implied.without(read)
    }
}

/// What INFO commandstats tells of a command.
#[derive(Default, Debug)]
pub struct Stats {
    pub calls: u64,
    /// Time spent in it.
    pub nanos: u64,
    /// Refused before it ran.
    pub rejected: u64,
    /// Answered with an error.
    pub failed: u64,
    /// How long its calls took, if `latency-tracking` says so.
    pub durations: Histogram,
}

/// All commands of an engine.
pub struct Table {
    known: Vec<Known>,
    /// A hash table of places in `known`, one up; 0 is empty. Only whole commands and containers are in it.
    slots: Box<[u16; SLOTS]>,
}

impl Table {
    /// Panics if a subcommand's container is not among `families`, or if there are too many commands.
    pub fn new(families: &[&'static Family]) -> Self {
        let mut table = Self { known: vec![], slots: Box::new([0; SLOTS]) };
        for family in families {
            for command in family.commands {
                let (name, stats) = (Cow::Borrowed(command.spec.name), Stats::default());
                table.known.push(Known { command, family, name, subcommands: vec![], stats });
            }
        }
        assert!(table.known.len() < MOST_COMMANDS, "a table that is at most half full");
        for place in 0..table.known.len() {
            let spec = &table.known[place].command.spec;
            if let Some(container) = spec.container() {
                let container = table.known.iter().position(|known| known.command.spec.name == container);
                let container = container.unwrap_or_else(|| panic!("no container for {}", spec.name));
                table.known[container].subcommands.push(place as u16);
            } else {
                table.enter(place);
            }
        }
        table
    }

    fn enter(&mut self, place: usize) {
        let mut slot = slot_of(self.known[place].name());
        while self.slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = place as u16 + 1;
    }

    /// Lets a whole command or a container be called by another name, or by none if that is empty. Says what is wrong
    /// with it otherwise.
    pub fn rename(&mut self, name: &str, new: &str) -> Result<(), &'static str> {
        let place = self.named(name.as_bytes()).ok_or("No such command in rename-command")?;
        if !new.is_empty() && self.named(new.as_bytes()).is_some() {
            return Err("Target command name already exists");
        }
        self.known[place].name = new.to_owned().into();
        // What came behind it in the same run of slots may be found no more: all are entered again.
        *self.slots = [0; SLOTS];
        for place in 0..self.known.len() {
            let known = &self.known[place];
            if known.command.spec.container().is_none() && !known.name.is_empty() {
                self.enter(place);
            }
        }
        Ok(())
    }

    /// Returns the place of the command that these arguments call: a subcommand where there is one of that name.
    #[inline(always)]
    pub fn find(&self, args: Args<'_>) -> Option<usize> {
        let place = self.named(args.at(0))?;
        if self.known[place].subcommands.is_empty() {
            return Some(place);
        }
        let Some(name) = args.get(1) else { return Some(place) };
        Some(self.subcommand(place, name).unwrap_or(place))
    }

    /// Returns the place of a whole command or a container, in any case of letters.
    #[inline]
    pub fn named(&self, name: &[u8]) -> Option<usize> {
        let mut slot = slot_of(name);
        while self.slots[slot] != 0 {
            let place = self.slots[slot] as usize - 1;
            if is_name(self.known[place].name(), name) {
                return Some(place);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    /// Returns the place of a subcommand of `container`.
    pub fn subcommand(&self, container: usize, name: &[u8]) -> Option<usize> {
        let subcommands = self.known[container].subcommands.iter().map(|place| usize::from(*place));
        subcommands.into_iter().find(|place| {
            let full = self.known[*place].command.spec.name;
            full.split_once(' ').is_some_and(|(_, sub)| sub.as_bytes().eq_ignore_ascii_case(name))
        })
    }

    /// Returns the place of a name as ACL rules and COMMAND spell it: `get`, `config|get`.
    pub fn spelled(&self, name: &[u8]) -> Option<usize> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.named(name),
            Some(bar) => self.subcommand(self.named(&name[..bar])?, &name[bar + 1..]),
        }
    }

    #[inline]
    pub fn at(&self, place: usize) -> &Known {
        &self.known[place]
    }

    #[inline]
    pub fn stats(&mut self, place: usize) -> &mut Stats {
        &mut self.known[place].stats
    }

    /// Returns all commands, containers and subcommands.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.iter()
    }

    /// Returns the places of all commands of an ACL category.
    pub fn of_category(&self, category: Categories) -> impl Iterator<Item = usize> {
        let places = self.known.iter().enumerate();
        places.filter(move |(_, known)| known.categories().has(category)).map(|(place, _)| place)
    }

    pub fn reset_stats(&mut self) {
        for known in &mut self.known {
            known.stats = Stats::default();
        }
    }
}

/// Compares names but for the case of letters; most clients send the letters as they are here.
#[inline(always)]
fn is_name(name: &[u8], sent: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a == b || a.eq_ignore_ascii_case(b);
    name.len() == sent.len() && name.iter().zip(sent).all(same)
}

/// Mixes the length and the first eight bytes, letters in one case.
#[inline(always)]
fn slot_of(name: &[u8]) -> usize {
    let mut word = name.len() as u64;
    for byte in &name[..name.len().min(8)] {
        word = word << 8 ^ u64::from(byte & !0x20);
    }
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}
const _: () = assert!(SLOTS == 1 << (64 - 54));
