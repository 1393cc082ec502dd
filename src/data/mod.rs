//! What a key can hold, and the table that holds the keys. Knows no clock, no RESP, no commands.

pub mod table;
