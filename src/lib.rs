//! Redis wherever JavaScript runs.
//!
//! Layers, each importing only what stands below it:
//!
//! ```text
//! host               sockets, files, clocks, JavaScript
//! store              the engine with every command, and its persistence
//! scripting          Lua behind EVAL and FCALL
//! commands           what each command does, one family a file
//! engine             runs calls: sessions, waiting, transactions, messages
//! persist            snapshots and logs of a keyspace
//! keyspace           databases: keys, values, deadlines, effects
//! replication        links between servers, as state machines
//! resp  spec  data   the wire, what commands look like, what keys can hold
//! lua                Lua 5.1 by itself
//! base               bytes, numbers, time
//! ```

#![deny(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod base;
pub mod commands;
pub mod data;
pub mod engine;
pub mod keyspace;
#[cfg(feature = "scripting")]
pub mod lua;
pub mod persist;
pub mod replication;
pub mod resp;
#[cfg(feature = "scripting")]
mod scripting;
pub mod spec;
pub mod store;

/// What knows sockets, files, clocks and JavaScript: one module a platform, and what decides without knowing one.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod host {
    pub mod folder;
    #[cfg(all(feature = "server", not(target_family = "wasm")))]
    pub mod native;
    pub mod pool;
    #[cfg(target_family = "wasm")]
    pub mod wasm;
}
