//! A user: who may come in with what, and what it may do then.

use sha2::{Digest, Sha256};

use super::selector::{Channel, Commands, Denied, Selector};
use crate::base::bytes::Bytes;
use crate::engine::table::Table;
use crate::resp::Args;

/// The SHA-256 of a password.
pub type Hash = [u8; 32];

/// Returns the hash that a password is compared by.
pub fn hash(password: &[u8]) -> Hash {
    Sha256::digest(password).into()
}

/// One user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub name: Bytes,
    pub enabled: bool,
    /// Any password will do.
    pub no_password: bool,
    pub passwords: Vec<Hash>,
    /// Whether payloads of RESTORE are to be checked, if that was said.
    pub sanitizes: Option<bool>,
    /// The first one has the rules outside parentheses.
    pub selectors: Vec<Selector>,
}

impl User {
    /// Returns a user who can't come in and may do nothing.
    pub fn new(name: &[u8], all_channels: bool) -> Self {
        Self {
            name: Bytes::from(name),
            enabled: false,
            no_password: false,
            passwords: vec![],
            sanitizes: None,
            selectors: vec![Selector::new(all_channels)],
        }
    }

    /// Returns a user who needs no password and may do everything.
    pub fn unlimited(name: &[u8]) -> Self {
        let mut user = Self::new(name, true);
        (user.enabled, user.no_password) = (true, true);
        let root = &mut user.selectors[0];
        (root.open, root.all_keys, root.commands) = (true, true, Commands::ALL);
        user
    }

    /// Returns the selector of the rules outside parentheses.
    pub fn root(&self) -> &Selector {
        &self.selectors[0]
    }

    /// Returns whether nothing is ever refused.
    pub fn may_everything(&self) -> bool {
        self.root().allows_everything()
    }

    /// Returns whether somebody who knows this password may come in.
    pub fn admits(&self, password: &[u8]) -> bool {
        let given = hash(password);
        // The time that this takes does not depend on where a difference is.
        let known = |hash: &Hash| hash.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
        self.enabled && (self.no_password || self.passwords.iter().any(known))
    }

    /// Says why the command at `place` of the table is refused with these arguments, if it is: of the reasons of all
    /// selectors the one that is nearest to being allowed.
    pub fn check(&self, table: &Table, place: usize, args: Args<'_>) -> Result<(), Denied> {
        let mut nearest = Denied::Command;
        for selector in &self.selectors {
            match selector.check(table, place, args) {
                Ok(()) => return Ok(()),
                Err(denied) => nearest = nearest.max(denied),
            }
        }
        Err(nearest)
    }

    /// Returns whether one selector allows the command with any keys, and reading every key there is.
    pub fn may_read_all_keys(&self, place: usize) -> bool {
        self.selectors.iter().any(|selector| selector.commands.has(place) && selector.reads_all_keys())
    }

    /// Returns whether any selector allows a channel.
    pub fn allows_channel(&self, name: &[u8], kind: Channel) -> bool {
        self.selectors.iter().any(|selector| selector.allows_channel(name, kind))
    }
}
