//! Until when collections stay in the form that is small instead of the one that is fast.

use super::table::HashKey;

/// What a collection is told when it may have to change its form: the sizes that the configuration allows, and what
/// tables hash with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub hash: Small,
    pub sorted_set: Small,
    /// The most members of a set that is kept as sorted integers.
    pub set_integers: usize,
    /// The most entries, and bytes of them, in a node of a stream; 0 for any number.
    pub stream: Small,
    pub secret: HashKey,
}

/// The sizes of a collection that is packed into one run of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Small {
    /// The most elements, fields or members.
    pub entries: usize,
    /// The most bytes: of one element, or of a stream's node.
    pub bytes: usize,
}

impl Limits {
    /// Returns the limits that a new redis-server has.
    pub fn new(secret: HashKey) -> Self {
        Self {
            hash: Small { entries: 512, bytes: 64 },
            sorted_set: Small { entries: 128, bytes: 64 },
            set_integers: 512,
            stream: Small { entries: 100, bytes: 4096 },
            secret,
        }
    }
}
