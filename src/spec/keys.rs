//! The keys of a call, and what the command does with each: one iterator for slots, ACL rules, tracking and GETKEYS.

use crate::base::number;
use crate::resp::Args;

use super::{Access, Begin, KeySpec, Spec};

/// One key of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its place among the arguments.
    pub at: usize,
    pub access: Access,
}

/// The arguments do not say where the keys are: a `numkeys` that is no number, or larger than what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysError;

/// Returns the keys of a call in the order of the groups of its syntax.
///
/// The arguments include the command's name and have the right number.
pub fn keys(spec: &'static Spec, args: Args<'_>) -> Result<impl Iterator<Item = Key> + Clone, KeysError> {
    let mut groups = [Group::default(); 3];
    for (i, keys) in spec.shape.keys.iter().enumerate() {
        // An empty name says that names follow at the end.
        if spec.name == "MIGRATE" && i == 0 && args.get(3).is_some_and(<[u8]>::is_empty) {
            continue;
        }
        let access = actual(spec, spec.access.get(i).copied().unwrap_or(Access::NONE), args);
        groups[i] = Group::find(spec, *keys, access, args)?;
    }
    Ok(groups.into_iter().flat_map(Group::keys))
}

/// Returns what this call does with its keys, where that depends on its words.
fn actual(spec: &'static Spec, declared: Access, args: Args<'_>) -> Access {
    if !declared.has(Access::VARIABLE_FLAGS) {
        return declared;
    }
    let says = |from, words: &[&str]| (from..args.len()).any(|i| words.iter().any(|word| args.is(i, word)));
    let both = Access::RW | Access::ACCESS | Access::UPDATE;
    match spec.name {
        "SET" if !says(3, &["GET"]) => Access::OW | Access::UPDATE,
        "BITFIELD" if !says(2, &["SET", "INCRBY"]) => Access::RO | Access::ACCESS,
        _ => both,
    }
}

/// Keys a step apart.
#[derive(Clone, Copy, Default)]
struct Group {
    first: usize,
    /// Past the last one.
    end: usize,
    step: usize,
    access: Access,
}

impl Group {
    fn find(spec: &'static Spec, keys: KeySpec, access: Access, args: Args<'_>) -> Result<Self, KeysError> {
        let n = args.len();
        match keys {
            KeySpec::None => Ok(Self::default()),
            KeySpec::Range { begin, last, step, limit } => {
                let Some(first) = place(spec, begin, args) else { return Ok(Self::default()) };
                let end = match (last, limit) {
                    (0.., _) => first + last as usize + 1,
                    (_, 0 | 1) => (n as isize + last as isize + 1).max(0) as usize,
                    (_, limit) => first + n.saturating_sub(first) / limit as usize,
                };
                Ok(Self { first, end: end.min(n), step: step.into(), access })
            }
            KeySpec::Count { begin, step } => {
                let Some(at) = place(spec, begin, args) else { return Ok(Self::default()) };
                let count = args.get(at).and_then(number::parse_int).ok_or(KeysError)?;
                let count = usize::try_from(count).map_err(|_| KeysError)?;
                let end = count.checked_mul(step.into()).and_then(|len| len.checked_add(at + 1));
                let end = end.filter(|end| *end <= n).ok_or(KeysError)?;
                Ok(Self { first: at + 1, end, step: step.into(), access })
            }
        }
    }

    fn keys(self) -> impl Iterator<Item = Key> + Clone {
        (self.first..self.end).step_by(self.step.max(1)).map(move |at| Key { at, access: self.access })
    }
}

/// Returns where a group begins in these arguments, if its word is there.
fn place(spec: &'static Spec, begin: Begin, args: Args<'_>) -> Option<usize> {
    match begin {
        Begin::After { first, .. } if spec.follows_patterns() => destination(first.into(), args),
        Begin::At(at) => Some(at.into()),
        Begin::After { from, to, first } => {
            let word = spec.syntax.get(from.into()..to.into())?;
            let mut i = usize::from(first);
            while i < args.len() && !args.is(i, word) {
                // A name or password may be the word too.
                let migrates = spec.name == "MIGRATE";
                i += match () {
                    () if migrates && args.is(i, "AUTH") => 2,
                    () if migrates && args.is(i, "AUTH2") => 3,
                    () => 1,
                };
            }
            (i < args.len()).then_some(i + 1)
        }
    }
}

/// Returns where SORT stores: behind the last STORE that is not itself said by another option.
fn destination(first: usize, args: Args<'_>) -> Option<usize> {
    let mut found = None;
    let mut i = first;
    while i + 1 < args.len() {
        let takes = if args.is(i, "LIMIT") {
            2
        } else {
            usize::from(["BY", "GET", "STORE"].iter().any(|word| args.is(i, word)))
        };
        if args.is(i, "STORE") {
            found = Some(i + 1);
        }
        i += 1 + takes;
    }
    found
}
