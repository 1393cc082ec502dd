//! What each command does, one family a file. A file opens with the family's list.

mod acl;
mod bitfield;
mod bitmap;
mod client;
mod client_list;
mod cluster;
mod command;
mod config;
mod connection;
mod debug;
mod debug_protocol;
mod dump;
mod elements;
mod expiry;
mod function;
mod geo;
mod geo_search;
mod hash;
mod hash_expiry;
mod hyperloglog;
mod key;
mod latency;
mod lcs;
mod list;
mod list_blocking;
mod memory;
mod migrate;
mod module;
mod monitor;
mod object;
mod persistence;
mod pubsub;
mod replication;
mod script;
mod server;
mod set;
mod set_algebra;
mod slowlog;
mod sort;
mod sorted_set;
mod sorted_set_blocking;
mod sorted_set_range;
mod sorted_set_store;
mod stream;
mod stream_args;
mod stream_claim;
mod stream_delete;
mod stream_group;
mod stream_info;
mod stream_read;
mod string;
mod string_number;
mod tracking;
mod transaction;

use crate::engine::Family;

/// Every family there is.
pub const ALL: &[&Family] = &[
    &bitmap::BITMAP,
    &acl::ACL_FAMILY,
    &client::CLIENT_FAMILY,
    &cluster::CLUSTER_FAMILY,
    &command::COMMAND_FAMILY,
    &config::CONFIG_FAMILY,
    &connection::CONNECTION,
    &debug::DEBUG_FAMILY,
    &dump::DUMP_FAMILY,
    &expiry::EXPIRY,
    &function::FUNCTION_FAMILY,
    &geo::GEO,
    &geo_search::GEO_SEARCH,
    &hash::HASH,
    &hash_expiry::HASH_EXPIRY,
    &hyperloglog::HYPERLOGLOG,
    &key::KEY,
    &latency::LATENCY_FAMILY,
    &lcs::LCS_FAMILY,
    &list::LIST,
    &list_blocking::LIST_BLOCKING,
    &memory::MEMORY_FAMILY,
    &module::MODULE_FAMILY,
    &monitor::MONITOR_FAMILY,
    &migrate::MIGRATE_FAMILY,
    &object::OBJECT_FAMILY,
    &persistence::PERSISTENCE,
    &pubsub::PUBSUB_FAMILY,
    &replication::REPLICATION,
    &script::SCRIPT_FAMILY,
    &server::SERVER,
    &set::SET_FAMILY,
    &set_algebra::SET_ALGEBRA,
    &sorted_set::SORTED_SET,
    &sorted_set_blocking::SORTED_SET_BLOCKING,
    &sorted_set_range::SORTED_SET_RANGE,
    &sorted_set_store::SORTED_SET_STORE,
    &sort::SORT_FAMILY,
    &stream::STREAM,
    &stream_claim::STREAM_CLAIM,
    &stream_delete::STREAM_DELETE,
    &stream_group::STREAM_GROUP,
    &stream_info::STREAM_INFO,
    &stream_read::STREAM_READ,
    &slowlog::SLOWLOG_FAMILY,
    &string::STRING,
    &string_number::STRING_NUMBER,
    &transaction::TRANSACTION,
];
