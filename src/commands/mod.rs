//! What each command does, one family a file. A file opens with the family's list.

mod client;
mod command;
mod connection;
mod expiry;
mod key;
mod object;
mod pubsub;
mod string;
mod string_number;
mod tracking;
mod transaction;

use crate::engine::Family;

/// Every family there is.
pub const ALL: &[&Family] = &[
    &client::CLIENT_FAMILY,
    &connection::CONNECTION,
    &expiry::EXPIRY,
    &key::KEY,
    &object::OBJECT_FAMILY,
    &pubsub::PUBSUB_FAMILY,
    &string::STRING,
    &string_number::STRING_NUMBER,
    &transaction::TRANSACTION,
];
