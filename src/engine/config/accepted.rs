//! Parameters of redis-server that nothing here depends on: a redis.conf that sets them is understood, and CONFIG shows
//! what it said. A value that would promise something we don't keep is refused, with the reason.

use super::setting::parse_memory;
use super::{Changes, Parameter, Style, Value};
use crate::base::number;

/// The values of accepted parameters that are not the default, by name.
#[derive(Clone, Debug, Default)]
pub struct Accepted(Vec<(&'static str, Box<str>)>);

impl Accepted {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| &**value)
    }

    pub(super) fn set(&mut self, name: &'static str, value: String) {
        let value = value.into();
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

/// What values an accepted parameter can have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    YesNo,
    Int(i64, i64),
    Bytes,
    Text,
    /// As many as there are.
    Words,
    OneOf(&'static [&'static str]),
    /// These, for a reason.
    Only(&'static [&'static str], &'static str),
}

/// Parameters that CONFIG GET shows by their whole names only.
pub const HIDDEN: &[&str] =
    &["key-load-delay", "loading-process-events-interval-bytes", "rdb-key-save-delay", "use-exit-on-panic"];

use Check::{Bytes, Int, OneOf, Only, Text, Words, YesNo};

/// The bounds of C's integers.
const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

/// Declares parameters in groups, each with the documentation that its parameters share.
macro_rules! accepted {
    ($($doc:literal {
        $($name:literal $(or $alias:literal)?: $check:expr => $default:literal $(, $changes:ident)?;)*
    })*) => {
        /// Every accepted parameter.
        pub const ACCEPTED: &[Parameter] = &[$($(Parameter {
            name: $name,
            alias: [$(Some($alias),)? None][0],
            default: $default,
            #[cfg(feature = "docs")]
            doc: $doc,
            changes: [$(Changes::$changes,)? Changes::Anytime][0],
            many: matches!($check, Words | Only(..)),
            style: $check.style(),
            value: Value::Accepted($check),
        },)*)*];
    };
}

accepted! {
    "No effect yet: the commands that it concerns are not there." {
        "enable-module-command": OneOf(&["no", "yes", "local"]) => "no", AtStart;
        "sanitize-dump-payload": OneOf(&["no", "yes", "clients"]) => "no";
    }
    "No effect: work that takes long is always done little by little, and deadlines are known by key." {
        "active-defrag-cycle-max": Int(1, 99) => "25";
        "active-defrag-cycle-min": Int(1, 99) => "1";
        "active-defrag-ignore-bytes": Bytes => "104857600";
        "active-defrag-max-scan-fields": Int(1, LONG) => "1000";
        "active-defrag-threshold-lower": Int(0, 1000) => "10";
        "active-defrag-threshold-upper": Int(0, 1000) => "100";
        "active-expire-effort": Int(1, 10) => "1";
        "activedefrag": Only(&["no"], "the allocator does not tell what could be moved") => "no";
        "activerehashing": YesNo => "yes";
        "dynamic-hz": YesNo => "yes";
        "jemalloc-bg-thread": YesNo => "yes";
        "lazyfree-lazy-eviction": YesNo => "no";
        "lazyfree-lazy-expire": YesNo => "no";
        "lazyfree-lazy-server-del": YesNo => "no";
    }
    "No effect: what concerns the process is a service manager's affair." {
        "always-show-logo": YesNo => "no", AtStart;
        "bgsave_cpulist": Text => "", AtStart;
        "bio_cpulist": Text => "", AtStart;
        "crash-log-enabled": YesNo => "yes";
        "crash-memcheck-enabled": YesNo => "yes";
        "disable-thp": YesNo => "yes", AtStart;
        "ignore-warnings": Text => "";
        "io-threads": Int(1, 128) => "1", AtStart;
        "io-threads-do-reads": YesNo => "no", AtStart;
        "oom-score-adj": OneOf(&["no", "yes", "relative", "absolute"]) => "no";
        "oom-score-adj-values": Words => "0 200 800";
        "proc-title-template": Text => "{title} {listen-addr} {server-mode}";
        "server_cpulist": Text => "", AtStart;
        "set-proc-title": YesNo => "yes", AtStart;
        "shutdown-timeout": Int(0, INT) => "10";
        "socket-mark-id": Int(0, 4294967295) => "0", AtStart;
        "supervised": Only(&["no", "auto"], "the server does not notify a supervisor") => "no", AtStart;
        "syslog-enabled": Only(&["no"], "logs go to standard output or to a file") => "no", AtStart;
        "syslog-facility": OneOf(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]) => "local0", AtStart;
        "syslog-ident": Text => "redis", AtStart;
        "use-exit-on-panic": YesNo => "no";
    }
    "No effect: files are written by threads of their own, a bounded amount at a time." {
        "aof-rewrite-incremental-fsync": YesNo => "yes";
        "aof_rewrite_cpulist": Text => "", AtStart;
        "no-appendfsync-on-rewrite": YesNo => "no";
        "rdb-save-incremental-fsync": YesNo => "yes";
    }
    "No effect: every replica is sent a whole snapshot, which it reads beside its present keys." {
        "propagation-error-behavior": OneOf(&["ignore", "panic", "panic-on-replicas"]) => "ignore";
        "rdb-del-sync-files": YesNo => "no";
        "repl-backlog-size": Bytes => "1048576";
        "repl-backlog-ttl": Int(0, LONG) => "3600";
        "repl-disable-tcp-nodelay": YesNo => "no";
        "repl-diskless-load": OneOf(&["disabled", "on-empty-db", "swapdb"]) => "disabled";
        "repl-diskless-sync": YesNo => "yes";
        "repl-diskless-sync-delay": Int(0, INT) => "5";
        "repl-diskless-sync-max-replicas": Int(0, INT) => "0";
        "replica-announced": YesNo => "yes";
        "replica-ignore-disk-write-errors": YesNo => "no";
        "replica-lazy-flush" or "slave-lazy-flush": YesNo => "no";
    }
    "No effect: there are no clusters." {
        "cluster-allow-pubsubshard-when-down": YesNo => "yes";
        "cluster-allow-reads-when-down": YesNo => "no";
        "cluster-allow-replica-migration": YesNo => "yes";
        "cluster-announce-bus-port": Int(0, 65535) => "0";
        "cluster-announce-hostname": Text => "";
        "cluster-announce-ip": Text => "";
        "cluster-announce-port": Int(0, 65535) => "0";
        "cluster-announce-tls-port": Int(0, 65535) => "0";
        "cluster-config-file": Text => "nodes.conf", AtStart;
        "cluster-enabled": Only(&["no"], "there are no clusters here") => "no", AtStart;
        "cluster-link-sendbuf-limit": Bytes => "0";
        "cluster-migration-barrier": Int(0, INT) => "1";
        "cluster-node-timeout": Int(0, LONG) => "15000";
        "cluster-port": Int(0, 65535) => "0", AtStart;
        "cluster-preferred-endpoint-type": OneOf(&["ip", "hostname", "unknown-endpoint"]) => "ip";
        "cluster-replica-no-failover" or "cluster-slave-no-failover": YesNo => "no";
        "cluster-replica-validity-factor" or "cluster-slave-validity-factor": Int(0, INT) => "10";
        "cluster-require-full-coverage": YesNo => "yes";
    }
    "No effect: values choose their representation by themselves." {
        "list-compress-depth": Int(0, INT) => "0";
        "list-max-listpack-size" or "list-max-ziplist-size": Int(-INT - 1, INT) => "-2";
    }
    "No effect: it is left to the library for TLS, or concerns connections that the server does not make." {
        "tls-ca-cert-dir": Only(&[""], "use tls-ca-cert-file") => "";
        "tls-ciphers": Only(&[""], "the ciphers are those that rustls finds safe") => "";
        "tls-ciphersuites": Only(&[""], "the ciphers are those that rustls finds safe") => "";
        "tls-client-cert-file": Text => "";
        "tls-client-key-file": Text => "";
        "tls-client-key-file-pass": Text => "";
        "tls-cluster": Only(&["no"], "there are no clusters here") => "no";
        "tls-dh-params-file": Text => "";
        "tls-key-file-pass": Only(&[""], "the private key must not be encrypted") => "";
        "tls-prefer-server-ciphers": YesNo => "no";
        "tls-protocols": Only(&["", "TLSv1.2 TLSv1.3", "TLSv1.3 TLSv1.2"], "clients choose between TLSv1.2 and TLSv1.3") => "";
        "tls-replication": Only(&["no"], "links between servers speak plain TCP") => "no";
        "tls-session-cache-size": Int(0, INT) => "20480";
        "tls-session-cache-timeout": Int(0, INT) => "300";
        "tls-session-caching": YesNo => "yes";
    }
}

impl Check {
    const fn style(self) -> Style {
        match self {
            YesNo | Int(..) | OneOf(_) => Style::Plain,
            Bytes => Style::Bytes,
            Text => Style::Quoted,
            Words | Only(..) => Style::Words,
        }
    }

    /// Returns the value as CONFIG GET shows it; says what is wrong with it otherwise.
    pub(super) fn read(self, text: &str) -> Result<String, String> {
        let word = text.to_ascii_lowercase();
        match self {
            Text | Words => Ok(text.to_string()),
            YesNo if matches!(word.as_str(), "yes" | "no") => Ok(word),
            YesNo => Err("argument must be 'yes' or 'no'".into()),
            Int(min, max) => {
                let n = number::parse_int(text.as_bytes());
                let n = n.ok_or("argument couldn't be parsed into an integer")?;
                if !(min..=max).contains(&n) {
                    return Err(format!("argument must be between {min} and {max} inclusive"));
                }
                Ok(n.to_string())
            }
            Bytes => match parse_memory(text) {
                Some(bytes) => Ok(bytes.to_string()),
                None => Err("argument must be a memory value".into()),
            },
            OneOf(words) if words.contains(&word.as_str()) => Ok(word),
            OneOf(words) => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            Only(values, _) if values.iter().any(|value| value.eq_ignore_ascii_case(text)) => {
                Ok(text.to_string())
            }
            Only(_, why) => Err(format!("this value is not supported: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, PARAMETERS, all};
    use super::*;

    #[test]
    fn defaults_are_values() {
        for parameter in ACCEPTED {
            let mut config = Config::default();
            let before = parameter.get(&config);
            assert_eq!(before, parameter.default);
            parameter.set(&mut config, &before).unwrap_or_else(|why| panic!("{}: {why}", parameter.name));
            assert_eq!(parameter.get(&config), before, "{}", parameter.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let names = all().flat_map(|parameter| [Some(parameter.name), parameter.alias]).flatten();
        let mut names: Vec<_> = names.collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > PARAMETERS.len());
    }

    #[test]
    fn wrong_values_are_refused() {
        let mut config = Config::default();
        let mut set = |name, value| {
            let parameter = Config::parameter(name).expect("a parameter");
            parameter.set(&mut config, value).err().unwrap_or_default()
        };
        assert_eq!(set("activerehashing", "maybe"), "argument must be 'yes' or 'no'");
        assert_eq!(set("io-threads", "0"), "argument must be between 1 and 128 inclusive");
        assert_eq!(set("repl-backlog-size", "1x"), "argument must be a memory value");
        assert_eq!(
            set("tls-replication", "yes"),
            "this value is not supported: links between servers speak plain TCP"
        );
        assert_eq!(set("lua-time-limit", "100"), "");
        assert_eq!(Config::parameter("busy-reply-threshold").expect("a parameter").get(&config), "100");
    }
}
