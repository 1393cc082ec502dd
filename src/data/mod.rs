//! What a key can hold, and the table that holds the keys. Knows no clock, no RESP, no commands.

pub mod bits;
mod chunk;
pub mod entry;
pub mod geohash;
pub mod hash;
pub mod hyperloglog;
pub mod id_map;
pub mod int_set;
mod kind;
pub mod limits;
pub mod list;
pub mod listpack;
mod member;
mod meta;
pub mod object;
pub mod packed;
mod ranks;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod stream_group;
pub mod stream_id;
mod stream_node;
pub mod table;

pub use kind::Kind;
pub use limits::Limits;
