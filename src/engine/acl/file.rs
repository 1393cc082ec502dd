//! Files of users: a line each, as ACL LIST shows them.

use super::{Acl, User, UserId, join};
use crate::engine::Engine;
use crate::engine::request::Request;
use crate::resp::SessionId;

const NOTHING_CHANGED: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

impl Engine {
    /// Puts the users of a file in place of those there are, whose connections end. A file with errors changes nothing;
    /// they are returned. `name` is the file's in their texts.
    pub fn load_users(&mut self, name: &str, text: &[u8]) -> Result<(), String> {
        let users = self.read_users(name, text)?;
        self.shared.acl.replace(users);
        let ids: Vec<SessionId> = self.shared.clients.ids().collect();
        for id in ids {
            let Some(client) = self.shared.clients.get_mut(id) else { continue };
            if client.session.user != UserId::DEFAULT {
                (client.session.user, client.session.authenticated) = (UserId::DEFAULT, false);
                client.session.closing = true;
                self.shared.requests.push(Request::Close(id));
            }
        }
        Ok(())
    }

    fn read_users(&self, name: &str, text: &[u8]) -> Result<Vec<User>, String> {
        let mut users: Vec<User> = vec![];
        let mut errors = String::new();
        for (i, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match self.read_user(name, i + 1, line) {
                Ok(user) if users.iter().any(|other| other.name == user.name) => {
                    let user = user.name.escape_ascii();
                    errors += &format!("WARNING: Duplicate user '{user}' found on line {}. ", i + 1);
                }
                Ok(user) => users.push(user),
                Err(error) => errors += &error,
            }
        }
        if errors.is_empty() { Ok(users) } else { Err(errors + NOTHING_CHANGED) }
    }

    fn read_user(&self, name: &str, number: usize, line: &[u8]) -> Result<User, String> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(b"user"), Some(user)) = (words.next(), words.next()) else {
            return Err(format!("{name}:{number} should start with user keyword followed by the username. "));
        };
        let reader = Acl::reader(&self.shared.config, &self.shared.table);
        let mut user = User::new(super::check_name(user).unwrap_or_default(), reader.all_channels);
        let rules = join(words.filter(|word| !word.is_empty()))
            .map_err(|_| format!("{name}:{number}: Unmatched parenthesis in selector definition. "))?;
        match reader.apply_all(&mut user, &rules) {
            Ok(()) => Ok(user),
            Err(wrong) => {
                let rule = wrong.rule.escape_ascii();
                Err(format!("{name}:{number}: Error in applying operation '{rule}': {}. ", wrong.why))
            }
        }
    }

    /// Returns the lines of a file that makes the users what they are.
    pub fn users_as_text(&self) -> Vec<u8> {
        let line = |user: &User| [&user.line(&self.shared.table)[..], b"\n"].concat();
        self.shared.acl.users().into_iter().flat_map(line).collect()
    }
}
