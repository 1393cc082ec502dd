//! Parameters: name, type, default, documentation, and whether CONFIG SET may change them, in one table.
//!
//! redis.conf files, command lines, CONFIG and INFO all go through [`all`]; code reads the fields of [`Config`].

mod accepted;
mod rewrite;
mod setting;

use accepted::Check;
pub use accepted::{ACCEPTED, Accepted, HIDDEN};
pub use setting::parse_memory;
pub use setting::{
    Address, AppendFsync, AuthClients, ClientLimits, EvictionPolicy, LogLevel, Memory, NewUsersChannels,
    Octal, OutputLimit, Percentiles, Permission, Ranged, SavePoint, SavePoints, Setting, Share,
    ShutdownOptions, Words, show_percent,
};

use super::Engine;
use super::request::Changed;
use super::shared::Shared;
use crate::base::time::Time;
use crate::data::Limits;
use crate::data::limits::Small;
use crate::data::table::HashKey;
use crate::keyspace::{Classes, Db};

/// One parameter.
pub struct Parameter {
    pub name: &'static str,
    /// A former name that is still understood.
    pub alias: Option<&'static str>,
    /// In the words of a redis.conf file.
    pub default: &'static str,
    /// What it is for, in a sentence or two.
    #[cfg(feature = "docs")]
    pub doc: &'static str,
    pub changes: Changes,
    /// Whether a line of a redis.conf may give it several values.
    pub many: bool,
    pub style: Style,
    value: Value,
}

/// Where a parameter's value is kept.
enum Value {
    /// In a field of [`Config`].
    Field { set: fn(&mut Config, &str) -> Result<(), String>, get: fn(&Config) -> String },
    /// Among those without effect.
    Accepted(Check),
}

impl Parameter {
    /// Reads a value into the configuration; says what is wrong with it otherwise.
    pub fn set(&self, config: &mut Config, text: &str) -> Result<(), String> {
        match &self.value {
            Value::Field { set, .. } => set(config, text),
            Value::Accepted(check) => {
                config.accepted.set(self.name, check.read(text)?);
                Ok(())
            }
        }
    }

    /// Returns the value as CONFIG GET shows it.
    pub fn get(&self, config: &Config) -> String {
        match &self.value {
            Value::Field { get, .. } => get(config),
            Value::Accepted(_) => config.accepted.get(self.name).unwrap_or(self.default).to_string(),
        }
    }
}

/// How a line of a redis.conf shows a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Plain,
    /// In quotes.
    Quoted,
    /// Any number of words; none are a pair of quotes.
    Words,
    /// With a unit.
    Bytes,
    /// A line for every two words.
    Pairs,
    /// A line for every class of clients.
    Classes,
}

/// When a parameter may be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changes {
    Anytime,
    /// Only before the engine runs.
    AtStart,
    /// As `AtStart`, but CONFIG SET may repeat what it is: redis-server can change it, or does not have it.
    WithRestart,
    /// By CONFIG SET only if `enable-protected-configs` says so.
    Protected,
}

/// Declares the parameters: fields of [`Config`] and the rows of [`PARAMETERS`].
macro_rules! parameters {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $name:literal $(or $alias:literal)?: $type:ty = $default:literal $(, $changes:ident)?;
    )*) => {
        /// The configuration of an engine and its host.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $type,)*
            /// The users that lines of a redis.conf define: what follows `user`, with single blanks.
            pub users: Vec<String>,
            /// Commands that have another name, by the one they are declared with; an empty one is none.
            pub renamed: Vec<(String, String)>,
            /// The values of parameters without effect.
            pub accepted: Accepted,
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $($field: <$type as Setting>::initial($default),)*
                    users: vec![],
                    renamed: vec![],
                    accepted: Accepted::default(),
                }
            }
        }

        /// Every parameter that has an effect.
        pub const PARAMETERS: &[Parameter] = &[$(Parameter {
            name: $name,
            alias: [$(Some($alias),)? None][0],
            default: $default,
            #[cfg(feature = "docs")]
            doc: concat!($($doc,)+),
            changes: [$(Changes::$changes,)? Changes::Anytime][0],
            many: <$type as Setting>::MANY,
            style: <$type as Setting>::STYLE,
            value: Value::Field {
                set: |config, text| config.$field.change(text),
                get: |config| config.$field.render(),
            },
        },)*];
    };
}

parameters! {
    /// How many databases there are.
    databases "databases": Ranged<1, 2147483647> = "16", AtStart;
    /// The password that clients need for AUTH; empty for none.
    requirepass "requirepass": String = "";
    /// Whether new users may use all channels or none.
    acl_pubsub_default "acl-pubsub-default": NewUsersChannels = "resetchannels";
    /// The most entries of the log of refusals.
    acllog_max_len "acllog-max-len": Ranged<0, 9223372036854775807> = "128";
    /// The file that ACL LOAD reads users from, and ACL SAVE writes them to; empty for none.
    aclfile "aclfile": String = "", AtStart;
    /// From how many microseconds on a call is kept in the slow log; negative for none.
    slowlog_log_slower_than "slowlog-log-slower-than": Ranged<-1, 9223372036854775807> = "10000";
    /// The most entries of the slow log.
    slowlog_max_len "slowlog-max-len": Ranged<0, 9223372036854775807> = "128";
    /// From how many milliseconds on LATENCY keeps what took so long; 0 for nothing.
    latency_monitor_threshold "latency-monitor-threshold": Ranged<0, 9223372036854775807> = "0";
    /// Whether it is counted how long the calls of each command take.
    latency_tracking "latency-tracking": bool = "yes";
    /// The percentiles of these durations that INFO latencystats shows.
    latency_tracking_info_percentiles "latency-tracking-info-percentiles": Percentiles = "50 99 99.9";
    /// The most clients at once.
    maxclients "maxclients": Ranged<1, 4294967295> = "10000";
    /// Seconds after which an idle client is disconnected; 0 for never.
    timeout "timeout": Ranged<0, 2147483647> = "0";
    /// How often a second the engine looks after expired keys and idle clients.
    hz "hz": Ranged<0, 2147483647> = "10";
    /// The longest string, and the longest argument, in bytes.
    proto_max_bulk_len "proto-max-bulk-len": Memory<1048576> = "512mb";
    /// The longest sparse HyperLogLog, in bytes with its header.
    hll_sparse_max_bytes "hll-sparse-max-bytes": Memory<0> = "3000";
    /// How much input of one client may wait for the rest of its command, in bytes.
    client_query_buffer_limit "client-query-buffer-limit": Memory<1048576> = "1gb";
    /// How much output may wait for a client, by kind of client: hard limit, soft limit, seconds above the soft one.
    client_output_buffer_limit "client-output-buffer-limit": ClientLimits
        = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
    /// Which events are published to subscribers of keyspace notifications.
    notify_keyspace_events "notify-keyspace-events": Classes = "";
    /// The most keys that CLIENT TRACKING remembers; 0 for any number.
    tracking_table_max_keys "tracking-table-max-keys": Ranged<0, 9223372036854775807> = "1000000";
    /// After how many seconds and changes a snapshot is taken.
    save "save": SavePoints = "3600 1 300 100 60 10000";
    /// Whether changes are refused while snapshots or the log can't be kept.
    stop_writes_on_bgsave_error "stop-writes-on-bgsave-error": bool = "yes";
    /// Whether strings are compressed in snapshots.
    rdbcompression "rdbcompression": bool = "yes";
    /// The version of snapshots: 9 for Redis 5 and 6, 10 for Redis 7.0, 11 for 7.2, 12 for 7.4 and later; 0 for the lowest from 10 on that holds the data. What a version has no room for is left out: in 9, a stream's counts of entries added and of the greatest one removed.
    rdb_version "rdb-version": Ranged<0, 12> = "0";
    /// Whether a snapshot ends with a checksum, and whether it is checked.
    rdbchecksum "rdbchecksum": bool = "yes", AtStart;
    /// Whether every change is logged.
    appendonly "appendonly": bool = "no";
    /// When the log is brought to the disk: with every change, every second, or when the system likes.
    appendfsync "appendfsync": AppendFsync = "everysec";
    /// The first part of the names of the log's files.
    appendfilename "appendfilename": String = "appendonly.aof", AtStart;
    /// The folder of the log's files, below `dir`.
    appenddirname "appenddirname": String = "appendonlydir", AtStart;
    /// Whether a log whose end is missing is loaded as far as it goes.
    aof_load_truncated "aof-load-truncated": bool = "yes";
    /// Whether a rewritten log begins with a snapshot.
    aof_use_rdb_preamble "aof-use-rdb-preamble": bool = "yes";
    /// Whether the log tells, every second that something changes, what time it is.
    aof_timestamp_enabled "aof-timestamp-enabled": bool = "no";
    /// By how many per cent the log must have grown to be rewritten; 0 for never.
    auto_aof_rewrite_percentage "auto-aof-rewrite-percentage": Ranged<0, 2147483647> = "100";
    /// The smallest log that is rewritten by itself, in bytes.
    auto_aof_rewrite_min_size "auto-aof-rewrite-min-size": Memory<0> = "64mb";
    /// Whether files of the log stay that are no longer needed.
    aof_disable_auto_gc "aof-disable-auto-gc": bool = "no";
    /// For tests: how many microseconds are waited behind each key of a snapshot; if negative, behind how many one is.
    rdb_key_save_delay "rdb-key-save-delay": Ranged<-2147483648, 2147483647> = "0";
    /// For tests: the same while keys are loaded.
    key_load_delay "key-load-delay": Ranged<-2147483648, 2147483647> = "0";
    /// After how many bytes of loading clients are looked after, in bytes.
    loading_process_events_interval_bytes "loading-process-events-interval-bytes": Ranged<1024, 2147483647> = "2097152";
    /// The folder of all files.
    dir "dir": String = ".", Protected;
    /// The name of the snapshot's file.
    dbfilename "dbfilename": String = "dump.rdb", Protected;
    /// Every how many seconds replicas are sent a PING.
    repl_ping_replica_period "repl-ping-replica-period" or "repl-ping-slave-period": Ranged<1, 2147483647> = "10";
    /// After how many seconds of silence a link between servers counts as lost.
    repl_timeout "repl-timeout": Ranged<1, 2147483647> = "60";
    /// The host and the port of the server to follow; empty for none.
    replicaof "replicaof" or "slaveof": Address = "", AtStart;
    /// The user that the server to follow knows us by; empty for its default user.
    masteruser "masteruser": String = "";
    /// The password for the server to follow; empty for none.
    masterauth "masterauth": String = "";
    /// Whether DEL frees large values later, as UNLINK does.
    lazyfree_lazy_user_del "lazyfree-lazy-user-del": bool = "no";
    /// Whether FLUSHALL and FLUSHDB do so where they are not told.
    lazyfree_lazy_user_flush "lazyfree-lazy-user-flush": bool = "no";
    /// Whether a server that follows another one refuses to change anything itself.
    replica_read_only "replica-read-only" or "slave-read-only": bool = "yes";
    /// Whether a server that has lost the one it follows goes on answering.
    replica_serve_stale_data "replica-serve-stale-data" or "slave-serve-stale-data": bool = "yes";
    /// Whether a server that follows another one leaves it to that one to evict keys.
    replica_ignore_maxmemory "replica-ignore-maxmemory" or "slave-ignore-maxmemory": bool = "yes";
    /// What replicas are sorted by when one of them is to replace their primary; 0 for never.
    replica_priority "replica-priority" or "slave-priority": Ranged<0, 2147483647> = "100";
    /// The address that the server tells the one it follows; empty for the one that it connects from.
    replica_announce_ip "replica-announce-ip" or "slave-announce-ip": String = "";
    /// The port that the server tells the one it follows; 0 for the one that it listens on.
    replica_announce_port "replica-announce-port" or "slave-announce-port": Ranged<0, 65535> = "0";
    /// How many replicas there must be for changes to be accepted.
    min_replicas_to_write "min-replicas-to-write" or "min-slaves-to-write": Ranged<0, 2147483647> = "0";
    /// How many seconds ago a replica that counts was heard of, at the most; 0 for no such rule.
    min_replicas_max_lag "min-replicas-max-lag" or "min-slaves-max-lag": Ranged<0, 2147483647> = "10";
    /// The most memory that data may take, in bytes; 0 for any amount.
    maxmemory "maxmemory": Memory<0> = "0";
    /// What is given up when memory is full.
    maxmemory_policy "maxmemory-policy": EvictionPolicy = "noeviction";
    /// Redlet's own: the most memory that scripts may take, in bytes, and as much again for libraries of functions.
    lua_memory_limit "lua-memory-limit": Memory<1048576> = "256mb";
    /// After how many milliseconds of a script others are told that it runs; 0 for never.
    busy_reply_threshold "busy-reply-threshold" or "lua-time-limit": Ranged<0, 9223372036854775807> = "5000";
    /// The most fields of a hash that is packed into one run of bytes.
    hash_max_listpack_entries "hash-max-listpack-entries" or "hash-max-ziplist-entries": Ranged<0, 9223372036854775807> = "512";
    /// The longest field or value of a packed hash, in bytes.
    hash_max_listpack_value "hash-max-listpack-value" or "hash-max-ziplist-value": Memory<0> = "64";
    /// The most members of a set that is kept as sorted integers.
    set_max_intset_entries "set-max-intset-entries": Ranged<0, 9223372036854775807> = "512";
    /// The most members of a sorted set that is packed into one run of bytes.
    zset_max_listpack_entries "zset-max-listpack-entries" or "zset-max-ziplist-entries": Ranged<0, 9223372036854775807> = "128";
    /// The longest member of a packed sorted set, in bytes.
    zset_max_listpack_value "zset-max-listpack-value" or "zset-max-ziplist-value": Memory<0> = "64";
    /// The most bytes of a stream's node; 0 for any number.
    stream_node_max_bytes "stream-node-max-bytes": Memory<0> = "4096";
    /// The most entries of a stream's node; 0 for any number.
    stream_node_max_entries "stream-node-max-entries": Ranged<0, 9223372036854775807> = "100";

    /// How many keys are drawn to find one that goes when memory is full.
    maxmemory_samples "maxmemory-samples": Ranged<1, 2147483647> = "5";
    /// How long one turn of eviction may take, from 0 to 100, which is any time.
    maxmemory_eviction_tenacity "maxmemory-eviction-tenacity": Ranged<0, 100> = "10";
    /// The most memory that all clients together may take, in bytes or per cent of `maxmemory`; 0 for any amount.
    maxmemory_clients "maxmemory-clients": Share = "0";
    /// How many uses it takes to count one more, for policies that count uses.
    lfu_log_factor "lfu-log-factor": Ranged<0, 2147483647> = "10";
    /// After how many minutes a use is forgotten; 0 for never.
    lfu_decay_time "lfu-decay-time": Ranged<0, 2147483647> = "1";

    // What only a host with sockets and files looks at.

    /// The TCP port for RESP; 0 for none.
    port "port": Ranged<0, 65535> = "6379";
    /// The addresses to listen on; one that begins with a dash need not be there, and a star is every address.
    bind "bind": Words = "* -::*";
    /// The address that connections to the primary come from; empty for any.
    bind_source_addr "bind-source-addr": String = "";
    /// The path of a Unix socket for RESP; empty for none.
    unixsocket "unixsocket": String = "", AtStart;
    /// The permissions of the Unix socket, in octal; 0 for what the system gives.
    unixsocketperm "unixsocketperm": Octal<0o777> = "0", AtStart;
    /// How many connections may wait to be accepted.
    tcp_backlog "tcp-backlog": Ranged<0, 2147483647> = "511", AtStart;
    /// Seconds after which a silent connection is asked whether it is still there; 0 for never.
    tcp_keepalive "tcp-keepalive": Ranged<0, 2147483647> = "300";
    /// Whether other machines are refused while there is no password.
    protected_mode "protected-mode": bool = "yes";
    /// Which log lines are written.
    loglevel "loglevel": LogLevel = "notice";
    /// The file of log lines; empty for standard output.
    logfile "logfile": String = "", AtStart;
    /// Whether to run in the background. Not supported: a service manager does it better.
    daemonize "daemonize": bool = "no", AtStart;
    /// Whether a SIGINT saves, hurries or ends the process whatever happens, as SHUTDOWN's options say.
    shutdown_on_sigint "shutdown-on-sigint": ShutdownOptions = "default";
    /// The same of a SIGTERM.
    shutdown_on_sigterm "shutdown-on-sigterm": ShutdownOptions = "default";
    /// The file that holds the process' number while it runs; empty for none.
    pidfile "pidfile": String = "", AtStart;
    /// Whether CONFIG SET may change protected parameters.
    enable_protected_configs "enable-protected-configs": Permission = "no", AtStart;
    /// Whether DEBUG may be used.
    enable_debug_command "enable-debug-command": Permission = "no", AtStart;
    /// The TCP port for RESP over TLS; 0 for none.
    tls_port "tls-port": Ranged<0, 65535> = "0", WithRestart;
    /// The file of the server's certificate and its chain, in PEM.
    tls_cert_file "tls-cert-file": String = "", WithRestart;
    /// The file of the certificate's private key, in PEM.
    tls_key_file "tls-key-file": String = "", WithRestart;
    /// The file of the authorities that clients' certificates are checked with, in PEM.
    tls_ca_cert_file "tls-ca-cert-file": String = "", WithRestart;
    /// Whether clients must show a certificate, may, or are not asked.
    tls_auth_clients "tls-auth-clients": AuthClients = "yes", WithRestart;
    /// The TCP port for WebSocket, the site, /health and /metrics; 0 for none.
    ws_port "ws-port": Ranged<0, 65535> = "0", WithRestart;
    /// Whether the WebSocket port speaks TLS, with the certificate of `tls-cert-file`.
    ws_tls "ws-tls": bool = "no", WithRestart;
    /// The origins whose pages may connect by WebSocket besides our own and localhost; a star is any.
    ws_origins "ws-origins": Words = "", WithRestart;
    /// The longest WebSocket message, in bytes.
    ws_max_message_size "ws-max-message-size": Memory<1024> = "64mb", WithRestart;
    /// The folder of the site that the WebSocket port serves; empty for none.
    www "www": String = "", WithRestart;
}

/// Returns every parameter, those without effect last.
pub fn all() -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().chain(ACCEPTED)
}

/// Lets the rest of the engine follow the configuration once parameters were changed.
pub fn take_effect(shared: &mut Shared, db: &mut Db<'_>, changed: &[Changed]) {
    let config = &shared.config;
    db.effects.classes = config.event_classes();
    let keyspace = db.keyspace_mut();
    keyspace.limits = config.limits(shared.hash_key);
    keyspace.usage = config.usage();
    if changed.iter().any(|changed| changed.name == "requirepass") {
        shared.acl.set_password(config.requirepass.as_bytes());
    }
}

impl Engine {
    /// Takes back what CONFIG SET has changed.
    pub fn unconfigure(&mut self, changed: &[Changed], now: Time) {
        for Changed { name, before } in changed {
            let parameter = Config::parameter(name).expect("its name is from the table");
            parameter.set(&mut self.shared.config, before).expect("it was shown");
        }
        let mut db = Db::new(&mut self.keyspace, &mut self.effects, now, 0);
        take_effect(&mut self.shared, &mut db, changed);
    }
}

impl Config {
    /// Returns the classes of events that are published: none, unless one of the two kinds of channel is on.
    pub fn event_classes(&self) -> Classes {
        let classes = self.notify_keyspace_events;
        if classes.any(Classes::KEYSPACE | Classes::KEYEVENT) { classes } else { Classes::NONE }
    }

    /// Returns how large collections may become in each form; tables hash with `secret`.
    pub fn limits(&self, secret: HashKey) -> Limits {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let small = |entries: u64, bytes: u64| Small { entries: size(entries), bytes: size(bytes) };
        Limits {
            hash: small(self.hash_max_listpack_entries.get() as u64, self.hash_max_listpack_value.get()),
            sorted_set: small(
                self.zset_max_listpack_entries.get() as u64,
                self.zset_max_listpack_value.get(),
            ),
            set_integers: size(self.set_max_intset_entries.get() as u64),
            stream: small(self.stream_node_max_entries.get() as u64, self.stream_node_max_bytes.get()),
            secret,
        }
    }

    /// Returns from how many nanoseconds on a call is kept somewhere because it took so long.
    #[inline]
    pub fn slow_nanos(&self) -> u64 {
        // A negative number is none, and none is more than any. Products are kept within bounds beforehand: telling that
        // one is not takes 128 bits, which wasm does not have.
        const MOST: u64 = u64::MAX / 1_000_000;
        let slow_log = (self.slowlog_log_slower_than.get() as u64).min(MOST) * 1_000;
        match self.latency_monitor_threshold.get() as u64 {
            0 => slow_log,
            millis => slow_log.min(millis.min(MOST) * 1_000_000),
        }
    }

    /// Returns a parameter by its name or former name, in any case.
    pub fn parameter(name: &str) -> Option<&'static Parameter> {
        all().find(|parameter| {
            parameter.name.eq_ignore_ascii_case(name)
                || parameter.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
        })
    }
}
