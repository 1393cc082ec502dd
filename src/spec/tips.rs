//! Hints for proxies of clusters and for clients: what of a reply may differ, where to send a call, how to put answers
//! together. In the words of `COMMAND INFO`.

const DIFFERS: &str = "nondeterministic_output";
const DIFFERS_IN_ORDER: &str = "nondeterministic_output_order";
const NODES: &str = "request_policy:all_nodes";
const SHARDS: &str = "request_policy:all_shards";
const KEYS: &str = "request_policy:multi_shard";
const SPECIAL: &str = "request_policy:special";
const ALL: &str = "response_policy:all_succeeded";
const ONE: &str = "response_policy:one_succeeded";
const AND: &str = "response_policy:agg_logical_and";
const LEAST: &str = "response_policy:agg_min";
const SUM: &str = "response_policy:agg_sum";
const OTHER: &str = "response_policy:special";

/// Returns the hints for a command, named in capitals.
pub fn tips(name: &str) -> &'static [&'static str] {
    match name {
        "CLIENT INFO"
        | "CLIENT LIST"
        | "CLUSTER GETKEYSINSLOT"
        | "CLUSTER INFO"
        | "CLUSTER LINKS"
        | "CLUSTER NODES"
        | "CLUSTER SHARDS"
        | "CLUSTER SLOTS"
        | "DUMP"
        | "HRANDFIELD"
        | "HSCAN"
        | "LASTSAVE"
        | "MIGRATE"
        | "OBJECT ENCODING"
        | "OBJECT FREQ"
        | "OBJECT IDLETIME"
        | "OBJECT REFCOUNT"
        | "PTTL"
        | "SPOP"
        | "SRANDMEMBER"
        | "SSCAN"
        | "TIME"
        | "TTL"
        | "XADD"
        | "XAUTOCLAIM"
        | "XCLAIM"
        | "XINFO CONSUMERS"
        | "XPENDING"
        | "XTRIM"
        | "ZRANDMEMBER"
        | "ZSCAN" => &[DIFFERS],
        "LATENCY DOCTOR" | "LATENCY GRAPH" | "LATENCY HISTOGRAM" | "LATENCY HISTORY" | "LATENCY LATEST" => {
            &[DIFFERS, NODES, OTHER]
        }
        "FUNCTION STATS" | "INFO" | "MEMORY DOCTOR" | "MEMORY MALLOC-STATS" | "MEMORY STATS" => {
            &[DIFFERS, SHARDS, OTHER]
        }
        "SCAN" => &[DIFFERS, SPECIAL],
        "COMMAND" | "COMMAND DOCS" | "COMMAND INFO" | "COMMAND LIST" | "FUNCTION LIST" | "HGETALL"
        | "HKEYS" | "HVALS" | "MODULE LIST" | "SDIFF" | "SINTER" | "SMEMBERS" | "SUNION" => {
            &[DIFFERS_IN_ORDER]
        }
        "SLOWLOG GET" => &[NODES, DIFFERS],
        "SLOWLOG LEN" => &[NODES, SUM, DIFFERS],
        "CONFIG SET" | "LATENCY RESET" | "SCRIPT FLUSH" | "SCRIPT LOAD" | "SLOWLOG RESET" => &[NODES, ALL],
        "RANDOMKEY" => &[SHARDS, DIFFERS],
        "KEYS" => &[SHARDS, DIFFERS_IN_ORDER],
        "SCRIPT EXISTS" => &[SHARDS, AND],
        "WAIT" => &[SHARDS, LEAST],
        "DBSIZE" => &[SHARDS, SUM],
        "FLUSHALL" | "FLUSHDB" | "FUNCTION DELETE" | "FUNCTION FLUSH" | "FUNCTION LOAD"
        | "FUNCTION RESTORE" | "MEMORY PURGE" | "PING" => &[SHARDS, ALL],
        "FUNCTION KILL" | "SCRIPT KILL" => &[SHARDS, ONE],
        "MGET" => &[KEYS],
        "MSETNX" => &[KEYS, LEAST],
        "DEL" | "EXISTS" | "TOUCH" | "UNLINK" => &[KEYS, SUM],
        "MSET" => &[KEYS, ALL],
        _ => &[],
    }
}
