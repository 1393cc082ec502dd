//! Access control: users, what each may do, and who was refused what.

mod file;
mod log;
mod rules;
mod selector;
mod user;

use crate::base::bytes::Bytes;
use crate::base::sort;
use crate::data::table::HashKey;
use crate::resp::{Args, Error, Result};

use super::config::Config;
use super::table::Table;

pub use log::{Context, Entry, Log, Reason};
pub use rules::{Reader, hex, join};
pub use selector::{Channel, Denied, Selector};
pub use user::{User, hash};

/// Names a user as long as it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserId(u32);

impl UserId {
    /// The host itself, when it replays a log: nobody's rules concern it, and nobody sees it.
    pub const HOST: Self = Self(0);
    /// Who a connection is before it says otherwise.
    pub const DEFAULT: Self = Self(1);
}

impl Default for UserId {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A user, and whether it may do everything: the one question that most calls have.
struct Place {
    user: User,
    may_everything: bool,
}

impl Place {
    fn new(user: User) -> Self {
        Self { may_everything: user.may_everything(), user }
    }
}

/// All users, and the log of refusals.
pub struct Acl {
    /// By id. A user that is removed leaves a place for another.
    places: Vec<Option<Place>>,
    pub log: Log,
    /// Passwords that were made up.
    made_up: u64,
}

impl Acl {
    /// Makes the users of a configuration: the default one, and those of its `user` lines. Lines that are wrong have
    /// no effect; [`Acl::check_line`] tells beforehand.
    pub fn new(config: &Config, table: &Table) -> Self {
        let places = [User::unlimited(b""), User::unlimited(b"default")];
        let places = places.map(|user| Some(Place::new(user))).into();
        let mut acl = Self { places, log: Log::default(), made_up: 0 };
        if !config.requirepass.is_empty() {
            acl.set_password(config.requirepass.as_bytes());
        }
        for line in &config.users {
            if let Ok(user) = acl.read_line(config, table, line) {
                acl.put(user);
            }
        }
        acl
    }

    /// Returns whether a user may do everything.
    #[inline(always)]
    pub fn may_everything(&self, id: UserId) -> bool {
        self.places[id.0 as usize].as_ref().is_some_and(|place| place.may_everything)
    }

    /// Returns a user whom a session has.
    pub fn user(&self, id: UserId) -> &User {
        let place = self.places[id.0 as usize].as_ref();
        &place.expect("sessions leave users that are removed").user
    }

    /// Says why a user's call is refused, if it is.
    pub fn check(&self, id: UserId, table: &Table, place: usize, args: Args<'_>) -> Result<(), Denied> {
        if self.may_everything(id) { Ok(()) } else { self.user(id).check(table, place, args) }
    }

    pub fn find(&self, name: &[u8]) -> Option<UserId> {
        let is = |place: &Option<Place>| place.as_ref().is_some_and(|place| &*place.user.name == name);
        let at = self.places.iter().skip(1).position(is)?;
        Some(UserId(at as u32 + 1))
    }

    /// Returns all users by name.
    pub fn users(&self) -> Vec<&User> {
        let mut users: Vec<&User> = self.places.iter().skip(1).flatten().map(|place| &place.user).collect();
        sort::sort_by(&mut users, |one, other| one.name.cmp(&other.name));
        users
    }

    /// Returns what rules of this moment are read with.
    pub fn reader<'a>(config: &Config, table: &'a Table) -> Reader<'a> {
        Reader { table, all_channels: config.acl_pubsub_default.allows_all() }
    }

    /// Puts a user in, in place of the one of its name if there is one.
    pub fn put(&mut self, user: User) {
        let free = || self.places.iter().position(Option::is_none);
        match self.find(&user.name).map(|id| id.0 as usize).or_else(free) {
            Some(at) => self.places[at] = Some(Place::new(user)),
            None => self.places.push(Some(Place::new(user))),
        }
    }

    /// Removes a user; its sessions are the caller's to end.
    pub fn remove(&mut self, id: UserId) {
        self.places[id.0 as usize] = None;
    }

    /// Puts `users` in place of all there are; the default user is as new if it is not among them.
    pub fn replace(&mut self, users: Vec<User>) {
        self.places.truncate(1);
        self.places.push(Some(Place::new(User::unlimited(b"default"))));
        users.into_iter().for_each(|user| self.put(user));
    }

    /// Returns whether a new connection must say who it is.
    pub fn asks_for_password(&self) -> bool {
        let default = self.user(UserId::DEFAULT);
        !default.no_password || !default.enabled
    }

    /// Returns the user of a name and password, if it may come in.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<UserId> {
        self.find(name).filter(|id| self.user(*id).admits(password))
    }

    /// Gives the default user this password and no other; none if it is empty.
    pub fn set_password(&mut self, password: &[u8]) {
        let mut user = self.user(UserId::DEFAULT).clone();
        user.no_password = password.is_empty();
        user.passwords = if password.is_empty() { vec![] } else { vec![hash(password)] };
        self.put(user);
    }

    /// Makes a password up: 64 hexadecimal digits that nobody can guess who does not know `key`.
    pub fn make_password(&mut self, key: HashKey) -> String {
        self.made_up += 1;
        let words = [key.0, key.1, self.made_up].map(u64::to_le_bytes);
        hex(&hash(&[b"password".as_slice(), &words.concat()].concat()))
    }

    /// Reads what follows `user` in a redis.conf.
    fn read_line(&self, config: &Config, table: &Table, line: &str) -> Result<User, String> {
        let mut words = line.split(' ').map(str::as_bytes);
        let name = words.next().unwrap_or_default();
        let unmatched = |first: Bytes| {
            format!("Unmatched parenthesis in selector starting at '{}'", first.escape_ascii())
        };
        let rules = join(words).map_err(unmatched)?;
        let reader = Self::reader(config, table);
        let mut user = match self.find(name) {
            Some(id) => self.user(id).clone(),
            None => User::new(name, reader.all_channels),
        };
        // What a line does not mention, it does not grant, to the default user either.
        if name == b"default" {
            reader.apply(&mut user, b"reset")?;
        }
        reader.apply_all(&mut user, &rules).map_err(|wrong| {
            format!("Error in user declaration '{}': {}", wrong.rule.escape_ascii(), wrong.why)
        })?;
        Ok(user)
    }

    /// Says what is wrong with what follows `user` in a redis.conf, if anything is.
    pub fn check_line(config: &Config, table: &Table, line: &str) -> Result<(), String> {
        let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        if config.users.iter().any(|other| name(other) == name(line)) {
            return Err(format!(
                "Error in user declaration '{}': Duplicate user found. A user can only be defined once in config files",
                name(line)
            ));
        }
        let none = Config { users: vec![], ..config.clone() };
        Self::new(&none, table).read_line(config, table, line).map(drop)
    }
}

/// Returns the name of a user if a file can show it.
pub fn check_name(name: &[u8]) -> Result<&[u8]> {
    let splits = name.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0B));
    (!splits).then_some(name).ok_or(Error::Text("ERR Usernames can't contain spaces or null characters"))
}
