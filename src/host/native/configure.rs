//! CONFIG SET and CONFIG REWRITE, as far as they concern the host.

use std::fs;
use std::io;
use std::path::Path;

use super::facts;
use super::listen::{self, Listener};
use super::options::plain;
use super::server::Server;
use super::users;
use crate::base::time::Time;
use crate::engine::request::Changed;

impl Server {
    /// Follows changes of parameters; if one is not possible, all are taken back.
    pub(super) fn configured(&mut self, changed: &[Changed], now: Time) -> Result<(), String> {
        let failed = changed.iter().find_map(|one| Some((one.name, self.follow(one.name, now).err()?)));
        let Some((name, why)) = failed else { return Ok(()) };
        self.store.engine_mut().unconfigure(changed, now);
        for one in changed {
            if let Err(why) = self.follow(one.name, now) {
                self.log.warning(format_args!("Failed to restore the old value of '{}': {why}", one.name));
            }
        }
        Err(format!("CONFIG SET failed (possibly related to argument '{name}') - {why}"))
    }

    /// Does what a parameter says now.
    fn follow(&mut self, name: &str, now: Time) -> Result<(), String> {
        let config = &self.store.engine().shared().config;
        match name {
            "loglevel" => self.log.set_level(config.loglevel),
            "appendonly" => self.files.append_only(&mut self.store, now),
            "aof-disable-auto-gc" => self.files.remove_old(&mut self.store),
            "maxclients" => {
                facts::reserve_connections(config).map_err(|possible| {
                    format!(
                        "The operating system is not able to handle the specified number of clients, try with \
                         {possible}"
                    )
                })?;
            }
            "port" => {
                self.listen_anew().map_err(|_| "Unable to listen on this port. Check server logs.")?;
                let shared = self.store.engine_mut().shared_mut();
                shared.host.tcp_port = shared.config.port.get() as u16;
            }
            "bind" => self.listen_anew().map_err(|_| "Failed to bind to specified addresses.")?,
            _ => {}
        }
        Ok(())
    }

    /// Listens on other addresses or another port. If it can't, it listens on none.
    fn listen_anew(&mut self) -> io::Result<()> {
        // First of all the old sockets are closed: they may be in the way of the new ones.
        self.listeners.retain(Listener::is_unix);
        let config = &self.store.engine().shared().config;
        let port = config.port.get() as u16;
        let sockets = if port == 0 { Ok(vec![]) } else { listen::bind_tcp(port, config, &self.log) };
        let mut listeners = std::mem::take(&mut self.listeners);
        let sockets = sockets.map(|sockets| listeners.extend(sockets.into_iter().map(Listener::tcp)));
        for mut listener in listeners {
            // One that is registered already gets the token of its new place.
            let _ = listener.deregister(self.poll.registry());
            if let Err(error) = self.add_listener(listener) {
                self.log.warning(format_args!("Failed listening: {error}"));
            }
        }
        sockets
    }

    /// Writes the configuration to its file: to another one first, so that there always is a whole one.
    pub(super) fn rewrite_config(&mut self, whole: bool) -> Result<(), String> {
        let engine = self.store.engine();
        let file = Path::new(&engine.shared().host.config_file);
        let written = fs::read(file)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(vec![]) } else { Err(error) })
            .and_then(|text| users::replace(file, &engine.rewritten_config(&text, whole)));
        match written {
            Ok(()) => {
                self.log.notice(format_args!("CONFIG REWRITE executed with success."));
                Ok(())
            }
            Err(error) => {
                let why = plain(&error);
                self.log.warning(format_args!("CONFIG REWRITE failed: {why}"));
                Err(format!("Rewriting config file: {why}"))
            }
        }
    }
}
