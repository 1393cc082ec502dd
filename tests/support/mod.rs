//! What several tests need: servers, engines, replies as redis-cli prints them, transcripts.

// Every test compiles all of it and uses a part.
#![allow(dead_code)]

pub mod connection;
pub mod damage;
pub mod engine;
pub mod hostile;
pub mod matching;
pub mod play;
pub mod ports;
pub mod printed;
pub mod record;
pub mod reply_type;
pub mod server;
pub mod site;
pub mod transcript;
pub mod types;
pub mod wasm;
pub mod words;
