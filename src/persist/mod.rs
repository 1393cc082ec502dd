//! Snapshots and logs of a keyspace: bytes in, bytes out. Where they are kept is a host's affair.

pub mod aof;
pub mod commands;
pub mod files;
pub mod layout;
mod parts;
pub mod rdb;
pub mod ring;
