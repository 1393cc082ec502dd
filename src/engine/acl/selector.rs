//! What a user may do: commands, keys and channels that are allowed together.

use crate::base::bytes::Bytes;
use crate::base::glob::{self, Case};
use crate::engine::table::{MOST_COMMANDS, Table};
use crate::resp::Args;
use crate::spec::{self, Access, Flags, Spec};

/// Why a call is refused, the least telling reason first: who may do more of it is told more. An argument's place
/// goes with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Denied {
    Command,
    Key(usize),
    Channel(usize),
}

/// A set of commands, by their places in the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commands([u64; MOST_COMMANDS / 64]);

impl Commands {
    pub const NONE: Self = Self([0; MOST_COMMANDS / 64]);
    pub const ALL: Self = Self([u64::MAX; MOST_COMMANDS / 64]);

    #[inline]
    pub fn has(&self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    pub fn set(&mut self, place: usize, on: bool) {
        let bit = 1 << (place % 64);
        if on {
            self.0[place / 64] |= bit;
        } else {
            self.0[place / 64] &= !bit;
        }
    }
}

/// A pattern of keys, and what may be done to those that match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPattern {
    pub read: bool,
    pub write: bool,
    pub pattern: Bytes,
}

/// What is allowed together. A call is allowed if one selector of its user allows all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    /// Its rules begin with `+@all`: what is not mentioned is allowed.
    pub open: bool,
    pub commands: Commands,
    /// Commands that are allowed with this first argument only.
    pub firsts: Vec<(u16, Bytes)>,
    pub all_keys: bool,
    pub keys: Vec<KeyPattern>,
    pub all_channels: bool,
    pub channels: Vec<Bytes>,
}

impl Selector {
    /// Returns one that allows nothing, but for channels if `all_channels` says so.
    pub fn new(all_channels: bool) -> Self {
        Self {
            open: false,
            commands: Commands::NONE,
            firsts: vec![],
            all_keys: false,
            keys: vec![],
            all_channels,
            channels: vec![],
        }
    }

    /// Returns whether nothing is ever refused.
    pub fn allows_everything(&self) -> bool {
        self.all_keys && self.all_channels && self.commands == Commands::ALL
    }

    /// Says why the command at `place` of the table is refused with these arguments, if it is.
    pub fn check(&self, table: &Table, place: usize, args: Args<'_>) -> Result<(), Denied> {
        let spec = &table.at(place).command.spec;
        let allowed = self.commands.has(place)
            || spec.flags.has(Flags::NO_AUTH)
            || self.allows_first(place, args.get(1).unwrap_or_default());
        if !allowed {
            return Err(Denied::Command);
        }
        self.check_keys(spec, args)?;
        self.check_channels(spec, args)
    }

    fn allows_first(&self, place: usize, first: &[u8]) -> bool {
        self.firsts.iter().any(|(other, arg)| usize::from(*other) == place && arg.eq_ignore_ascii_case(first))
    }

    fn check_keys(&self, spec: &'static Spec, args: Args<'_>) -> Result<(), Denied> {
        // Arguments that don't say where the keys are will be refused by the command.
        let Some(keys) = (!self.all_keys).then(|| spec::keys(spec, args).ok()).flatten() else {
            return Ok(());
        };
        for key in keys.filter(|key| !key.access.has(Access::NOT_KEY)) {
            if !self.allows_key(args.at(key.at), key.access) {
                return Err(Denied::Key(key.at));
            }
        }
        Ok(())
    }

    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        let reads = access.has(Access::ACCESS);
        let writes = access.any(Access::INSERT | Access::DELETE | Access::UPDATE);
        self.keys.iter().any(|allowed| {
            (allowed.read || !reads)
                && (allowed.write || !writes)
                && glob::matches(&allowed.pattern, key, Case::Exact)
        })
    }

    /// Returns whether every key there is may be read: what SORT needs for its patterns.
    pub fn reads_all_keys(&self) -> bool {
        self.all_keys || self.keys.iter().any(|allowed| allowed.read && &*allowed.pattern == b"*")
    }

    fn check_channels(&self, spec: &Spec, args: Args<'_>) -> Result<(), Denied> {
        if self.all_channels {
            return Ok(());
        }
        let Some((channels, kind)) = channels(spec, args) else { return Ok(()) };
        for at in channels {
            if !self.allows_channel(args.at(at), kind) {
                return Err(Denied::Channel(at));
            }
        }
        Ok(())
    }

    /// Returns whether a channel may be spoken or listened to; a pattern only if it is allowed to the letter.
    pub fn allows_channel(&self, name: &[u8], kind: Channel) -> bool {
        self.all_channels
            || self.channels.iter().any(|allowed| match kind {
                Channel::Name => glob::matches(allowed, name, Case::Exact),
                Channel::Pattern => &**allowed == name,
            })
    }
}

/// Whether an argument names one channel or stands for many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    Name,
    Pattern,
}

/// Returns which arguments are channels that the call speaks or begins to listen to.
fn channels(spec: &Spec, args: Args<'_>) -> Option<(std::ops::Range<usize>, Channel)> {
    match spec.name {
        "PUBLISH" | "SPUBLISH" => Some((1..2, Channel::Name)),
        "SUBSCRIBE" | "SSUBSCRIBE" => Some((1..args.len(), Channel::Name)),
        "PSUBSCRIBE" => Some((1..args.len(), Channel::Pattern)),
        _ => None,
    }
}
