//! DEBUG RELOAD: a snapshot is loaded in place of what there is, or beside it.

use crate::base::time::Time;
use crate::engine::request::Reload;
use crate::persist::rdb::{Loader, Progress, Purpose};

use super::{Damage, Store};

impl Store {
    /// Carries out a [`Request::Reload`](crate::engine::Request) where there are no files: takes a snapshot in memory and
    /// loads it.
    pub fn reload(&mut self, how: Reload, now: Time) -> Result<(), String> {
        if !how.save {
            return Err("there is no snapshot".into());
        }
        let mut bytes = vec![];
        self.begin_snapshot(Purpose::Dump, now);
        while self.step_snapshot(usize::MAX / 2, &mut bytes) == Progress::Working {}
        self.snapshot_done(Ok(()), now);
        self.load_again(&bytes, how, now)
    }

    /// Loads a snapshot as a reload asks for. Where what there is was to make room and the snapshot is damaged, the
    /// keys in front of the damage are what is left.
    pub fn load_again(&mut self, bytes: &[u8], how: Reload, now: Time) -> Result<(), String> {
        let loaded = if how.flush {
            self.begin_load(Purpose::Dump, now);
            let result = self.load_snapshot(bytes);
            result.and(self.load_done().map(drop)).map_err(|damage| damage.to_string())
        } else {
            self.load_beside(bytes, how.merge, now)
        };
        self.engine.shared_mut().persistence.loading = None;
        loaded
    }

    /// Adds what a snapshot holds to what there is, all of it or nothing.
    fn load_beside(&mut self, bytes: &[u8], merge: bool, now: Time) -> Result<(), String> {
        let check = self.engine.shared().config.rdbchecksum;
        let mut keyspace = self.engine.keyspace().sibling();
        let mut loader = Loader::new(Purpose::Dump, check, now);
        let loaded = loader.feed(&mut keyspace, bytes).and_then(|_| loader.finish());
        loaded.map_err(|damage| Damage::from(damage).to_string())?;
        if !merge && let Some(name) = self.engine.collision(&keyspace) {
            return Err(format!("'{}' is there already", name.escape_ascii()));
        }
        self.engine.absorb(&mut keyspace, true, now);
        Ok(())
    }
}
