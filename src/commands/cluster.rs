//! Clusters, of which this server is never one: clients ask whether it is, and are told as by a server that is none.

use crate::command;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const CLUSTER_FAMILY: Family = Family {
    name: "cluster",
    category: Categories::NONE,
    commands: &[
        &ASKING,
        &CLUSTER,
        &CLUSTER_COUNTKEYSINSLOT,
        &CLUSTER_GETKEYSINSLOT,
        &CLUSTER_HELP,
        &CLUSTER_INFO,
        &CLUSTER_KEYSLOT,
        &CLUSTER_LINKS,
        &CLUSTER_MYID,
        &CLUSTER_NODES,
        &CLUSTER_RESET,
        &CLUSTER_SHARDS,
        &CLUSTER_SLOTS,
        &READONLY,
        &READWRITE,
    ],
};

fn refuse(_: &mut Call<'_>) -> Result {
    Err(Error::Text("ERR This instance has cluster support disabled"))
}

command! {
    /// Asks a cluster's node for a key that is on its way to it.
    ///
    /// ```redis
    /// > ASKING
    /// (error) ERR This instance has cluster support disabled
    /// ```
    ASKING("") -> "'OK'";
    flags FAST;
    also CONNECTION;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Lets a connection read from a cluster's replica.
    ///
    /// ```redis
    /// > READONLY
    /// (error) ERR This instance has cluster support disabled
    /// ```
    READONLY("") -> "'OK'";
    flags LOADING | STALE | FAST;
    also CONNECTION;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Ends what `READONLY` began.
    ///
    /// ```redis
    /// > READWRITE
    /// (error) ERR This instance has cluster support disabled
    /// ```
    READWRITE("") -> "'OK'";
    flags LOADING | STALE | FAST;
    also CONNECTION;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Looks at a cluster, where there is one.
    CLUSTER("subcommand [arg...]") -> "unknown";
    since "3.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do, where there is a cluster.
    CLUSTER_HELP "CLUSTER HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Returns the number of keys in a slot of a cluster.
    ///
    /// ```redis
    /// > CLUSTER COUNTKEYSINSLOT 1
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_COUNTKEYSINSLOT "CLUSTER COUNTKEYSINSLOT" ("slot:integer") -> "number";
    flags STALE;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Returns keys in a slot of a cluster.
    ///
    /// ```redis
    /// > CLUSTER GETKEYSINSLOT 1 10
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_GETKEYSINSLOT "CLUSTER GETKEYSINSLOT" ("slot:integer count:integer") -> "string[]";
    flags STALE;
    since "3.0.0";
    takes "O(N) with N keys";
    run refuse;
}

command! {
    /// Tells the state of a cluster.
    ///
    /// ```redis
    /// > CLUSTER INFO
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_INFO "CLUSTER INFO" ("") -> "string";
    flags STALE;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Returns the slot of a cluster that a key belongs to.
    ///
    /// ```redis
    /// > CLUSTER KEYSLOT key
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_KEYSLOT "CLUSTER KEYSLOT" ("key:string") -> "number";
    flags STALE;
    since "3.0.0";
    takes "O(N) with N bytes in the key";
    run refuse;
}

command! {
    /// Returns the connections between the nodes of a cluster.
    ///
    /// ```redis
    /// > CLUSTER LINKS
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_LINKS "CLUSTER LINKS" ("") -> "unknown[]";
    flags STALE;
    since "7.0.0";
    takes "O(N) with N nodes";
    run refuse;
}

command! {
    /// Returns the name of a cluster's node.
    ///
    /// ```redis
    /// > CLUSTER MYID
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_MYID "CLUSTER MYID" ("") -> "string";
    flags STALE;
    since "3.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Returns the nodes of a cluster.
    ///
    /// ```redis
    /// > CLUSTER NODES
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_NODES "CLUSTER NODES" ("") -> "string";
    flags STALE;
    since "3.0.0";
    takes "O(N) with N nodes";
    run refuse;
}

command! {
    /// Has a node leave its cluster.
    ///
    /// ```redis
    /// > CLUSTER RESET
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_RESET "CLUSTER RESET" ("[HARD|SOFT]") -> "'OK'";
    flags ADMIN | NOSCRIPT | STALE;
    since "3.0.0";
    takes "O(N) with N nodes";
    run refuse;
}

command! {
    /// Returns which nodes of a cluster hold the same slots.
    ///
    /// ```redis
    /// > CLUSTER SHARDS
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_SHARDS "CLUSTER SHARDS" ("") -> "unknown[]";
    flags STALE;
    since "7.0.0";
    takes "O(N) with N nodes";
    run refuse;
}

command! {
    /// Returns which node of a cluster holds which slots.
    ///
    /// ```redis
    /// > CLUSTER SLOTS
    /// (error) ERR This instance has cluster support disabled
    /// ```
    CLUSTER_SLOTS "CLUSTER SLOTS" ("") -> "unknown[]";
    flags STALE;
    since "3.0.0";
    takes "O(N) with N nodes";
    run refuse;
}
