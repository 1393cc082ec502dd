//! The file of users: `aclfile`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::options::plain;
use super::server::Server;
use crate::engine::Config;

impl Server {
    /// Reads the users before anybody can connect; there may be a file of them or lines of a redis.conf, not both.
    pub fn read_users(&mut self) -> Result<(), String> {
        let config = &self.store.engine().shared().config;
        match (config.aclfile.is_empty(), config.users.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => self
                .load_users()
                .map_err(|why| format!("Aborting Redis startup because of ACL errors: {why}")),
            (false, false) => Err("Configuring Redis with users defined in redis.conf and at the same setting an ACL \
                                   file path is invalid. This setup is very likely to lead to configuration errors \
                                   and security holes, please define either an ACL file or declare users directly in \
                                   your redis.conf, but not both."
                .into()),
        }
    }

    /// Puts the users of the file in place of those there are.
    pub(super) fn load_users(&mut self) -> Result<(), String> {
        let config = &self.store.engine().shared().config;
        let name = config.aclfile.clone();
        let text = fs::read(path(config))
            .map_err(|error| format!("Error loading ACLs, opening file '{name}': {}", plain(&error)))?;
        self.store.engine_mut().load_users(&name, &text)
    }

    /// Writes the users to the file: to another one first, so that there always is a whole one.
    pub(super) fn save_users(&mut self) -> Result<(), String> {
        let engine = self.store.engine();
        let file = path(&engine.shared().config);
        replace(&file, &engine.users_as_text()).map_err(|error| {
            self.log.warning(format_args!("Saving the ACL file failed: {}", plain(&error)));
            "There was an error trying to save the ACLs. Please check the server logs for more information"
                .into()
        })
    }
}

fn path(config: &Config) -> PathBuf {
    PathBuf::from(&config.dir).join(&config.aclfile)
}

/// Puts a file in the place of another, or where there was none, once all of it is on the disk.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let written = File::create(&name).and_then(|mut file| {
        // Who could not read the old one, because of the passwords in it, can't read this one.
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&name, path)
    });
    if written.is_err() {
        // What is left of it is of no use to anybody.
        let _ = fs::remove_file(&name);
    }
    written?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
