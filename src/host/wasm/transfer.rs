//! Exports and imports, a slice at a time: JavaScript decides when to go on.

use super::{SLICE_MS, elapsed};
use crate::base::time::Time;
use crate::data::table::HashKey;
use crate::engine::{Absorbed, Config};
use crate::store::{Progress, Store};

/// Bytes of an export that are written before time is looked at, and at once at the most.
const STEP_BYTES: usize = 16 * 1024;
const PIECE_BYTES: usize = 256 * 1024;

/// What is being moved between the engine and JavaScript.
#[derive(Default)]
pub struct Transfer {
    /// The piece of an export that JavaScript reads.
    piece: Vec<u8>,
    /// What was imported so far, until all of it is.
    staged: Option<Box<Store>>,
}

impl Transfer {
    /// Writes the next piece of an export, for a few milliseconds; returns it, and whether there is more.
    pub fn export(&mut self, store: &mut Store) -> Result<(&[u8], bool), &'static str> {
        self.piece.clear();
        let until = elapsed() + SLICE_MS;
        loop {
            let progress = store.step_export(STEP_BYTES, &mut self.piece);
            let progress = progress.ok_or("the export was given up, since all data was loaded anew")?;
            let is_enough = self.piece.len() >= PIECE_BYTES || elapsed() >= until;
            if progress == Progress::Done || is_enough {
                return Ok((&self.piece, progress == Progress::Working));
            }
        }
    }

    /// Writes an export at once.
    pub fn export_now(&mut self, store: &mut Store, now: Time) -> &[u8] {
        self.piece = store.export_now(now);
        &self.piece
    }

    /// Gives back the memory of the last piece.
    pub fn free_export(&mut self) {
        self.piece = Vec::new();
    }

    /// Makes room for what is to be imported; returns false if another import is under way.
    pub fn begin_import(&mut self, config: &Config, key: HashKey) -> bool {
        if self.staged.is_some() {
            return false;
        }
        let mut config = config.clone();
        // Whether there is room for the keys is decided where they go.
        parameter("maxmemory").set(&mut config, "0").expect("a size");
        let seed = u128::from(key.0) | u128::from(key.1) << 64;
        self.staged = Some(Box::new(Store::new(config, seed)));
        true
    }

    /// Takes in the next bytes; returns how many keys there are by now, or what is damaged.
    pub fn import(&mut self, bytes: &[u8], now: Time) -> Result<usize, String> {
        let staged = self.staged.as_mut().ok_or(NONE)?;
        staged.replay(bytes, now).map_err(|damage| damage.to_string())?;
        // What a log asks of its host is none of this one's business.
        while staged.request().is_some() {}
        Ok(staged.engine().keyspace().len())
    }

    /// Moves what was imported into the store, if it was whole.
    pub fn end_import(&mut self, store: &mut Store, replace: bool, now: Time) -> Result<Absorbed, String> {
        let mut staged = self.staged.take().ok_or(NONE)?;
        staged.replay_done(now).map_err(|damage| damage.to_string())?;
        Ok(store.engine_mut().absorb(staged.engine_mut().keyspace_mut(), replace, now))
    }

    /// Gives up what was imported so far.
    pub fn drop_import(&mut self) {
        self.staged = None;
    }
}

const NONE: &str = "no import was begun";

fn parameter(name: &str) -> &'static crate::engine::config::Parameter {
    Config::parameter(name).expect("one of ours")
}
