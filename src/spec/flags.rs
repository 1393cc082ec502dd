//! Sets of flags, as `COMMAND INFO` and ACL rules name them.

use crate::base::bits::bits;

bits! {
    /// How a command behaves.
    Flags(u32) {
        WRITE = 0 "write",
        READONLY = 1 "readonly",
        /// Refused when memory is full.
        DENYOOM = 2 "denyoom",
        ADMIN = 3 "admin",
        PUBSUB = 4 "pubsub",
        NOSCRIPT = 5 "noscript",
        BLOCKING = 6 "blocking",
        /// Allowed while a snapshot is being loaded.
        LOADING = 7 "loading",
        /// Allowed on a replica that has lost its primary.
        STALE = 8 "stale",
        SKIP_MONITOR = 9 "skip_monitor",
        SKIP_SLOWLOG = 10 "skip_slowlog",
        ASKING = 11 "asking",
        FAST = 12 "fast",
        /// Allowed before authentication.
        NO_AUTH = 13 "no_auth",
        MAY_REPLICATE = 14 "may_replicate",
        NO_MANDATORY_KEYS = 15 "no_mandatory_keys",
        NO_ASYNC_LOADING = 16 "no_async_loading",
        NO_MULTI = 17 "no_multi",
        /// Allowed while a script runs too long.
        ALLOW_BUSY = 18 "allow_busy",
    }
}

bits! {
    /// What a command does with a key: for `COMMAND GETKEYSANDFLAGS` and for ACL rules such as `%R~`.
    Access(u16) {
        RO = 0 "RO",
        RW = 1 "RW",
        OW = 2 "OW",
        RM = 3 "RM",
        /// Reads the value and lets the client see it.
        ACCESS = 4 "access",
        UPDATE = 5 "update",
        INSERT = 6 "insert",
        DELETE = 7 "delete",
        /// Not a key, though a cluster places it like one.
        NOT_KEY = 8 "not_key",
        INCOMPLETE = 9 "incomplete",
        VARIABLE_FLAGS = 10 "variable_flags",
    }
}

bits! {
    /// Groups of commands in ACL rules.
    Categories(u32) {
        KEYSPACE = 0 "keyspace",
        READ = 1 "read",
        WRITE = 2 "write",
        SET = 3 "set",
        SORTEDSET = 4 "sortedset",
        LIST = 5 "list",
        HASH = 6 "hash",
        STRING = 7 "string",
        BITMAP = 8 "bitmap",
        HYPERLOGLOG = 9 "hyperloglog",
        GEO = 10 "geo",
        STREAM = 11 "stream",
        PUBSUB = 12 "pubsub",
        ADMIN = 13 "admin",
        FAST = 14 "fast",
        SLOW = 15 "slow",
        BLOCKING = 16 "blocking",
        DANGEROUS = 17 "dangerous",
        CONNECTION = 18 "connection",
        TRANSACTION = 19 "transaction",
        SCRIPTING = 20 "scripting",
    }
}

impl Categories {
    /// Returns the categories that follow from a command's flags.
    pub const fn implied(flags: Flags) -> Self {
        let mut all = if flags.has(Flags::FAST) { Self::FAST } else { Self::SLOW };
        if flags.has(Flags::WRITE) {
            all = all.or(Self::WRITE);
        }
        if flags.has(Flags::READONLY) {
            all = all.or(Self::READ);
        }
        if flags.has(Flags::ADMIN) {
            all = all.or(Self::ADMIN).or(Self::DANGEROUS);
        }
        if flags.has(Flags::PUBSUB) {
            all = all.or(Self::PUBSUB);
        }
        if flags.has(Flags::BLOCKING) {
            all = all.or(Self::BLOCKING);
        }
        all
    }
}
