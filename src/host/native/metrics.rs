//! The server's state in the text format of Prometheus, under the names that exporters for Redis have given it, so
//! that the same dashboards show it.

use std::fmt::{Display, Write};

use crate::base::time::Time;
use crate::store::Store;

/// How a value behaves.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// Returns everything that there is to tell.
pub fn write(store: &Store, now: Time) -> String {
    let (shared, keyspace) = (store.engine().shared(), store.engine().keyspace());
    let mut page = Page::default();
    page.one("up", Kind::Gauge, "Whether the server answers.", 1);
    let since = shared.started.map_or(0, |started| now.micros_since(started) / 1_000_000);
    page.one("uptime_in_seconds", Kind::Gauge, "Seconds since the server began.", since);

    page.one("connected_clients", Kind::Gauge, "Clients.", shared.clients.len());
    page.one("blocked_clients", Kind::Gauge, "Clients that wait.", shared.waits.len());
    page.one("config_maxclients", Kind::Gauge, "The most clients at once.", shared.config.maxclients.get());
    let measure = &shared.measure;
    page.one("connections_received_total", Kind::Counter, "Connections.", measure.connections);
    page.one(
        "rejected_connections_total",
        Kind::Counter,
        "Connections beyond maxclients.",
        measure.rejected_connections,
    );
    page.one("commands_processed_total", Kind::Counter, "Commands.", measure.commands);
    page.one("net_input_bytes_total", Kind::Counter, "Bytes received.", measure.bytes_in);
    page.one("net_output_bytes_total", Kind::Counter, "Bytes sent.", measure.bytes_out);

    page.one("memory_used_bytes", Kind::Gauge, "Bytes allocated.", shared.host.used_memory);
    page.one("memory_used_rss_bytes", Kind::Gauge, "Bytes of the process.", shared.host.resident_memory);
    page.one("memory_max_bytes", Kind::Gauge, "maxmemory; 0 is no limit.", shared.config.maxmemory.get());
    page.one("cpu_sys_seconds_total", Kind::Counter, "Time in the system.", shared.host.cpu_system_seconds);
    page.one("cpu_user_seconds_total", Kind::Counter, "Time in the server.", shared.host.cpu_user_seconds);

    let stats = keyspace.stats;
    page.one("keyspace_hits_total", Kind::Counter, "Keys found.", stats.hits);
    page.one("keyspace_misses_total", Kind::Counter, "Keys not found.", stats.misses);
    page.one("expired_keys_total", Kind::Counter, "Keys past their deadline.", stats.expired);
    page.one("evicted_keys_total", Kind::Counter, "Keys given up for memory.", stats.evicted);
    let databases = || (0..keyspace.databases() as u32).map(|db| (format!("db{db}"), keyspace.database(db)));
    page.many("db_keys", Kind::Gauge, "Keys.", "db", databases().map(|(db, it)| (db, it.len())));
    page.many(
        "db_keys_expiring",
        Kind::Gauge,
        "Keys with a deadline.",
        "db",
        databases().map(|(db, it)| (db, it.volatile())),
    );

    let kept = &shared.persistence;
    let unsaved = store.engine().dirty() - kept.saved_at_dirty;
    page.one("rdb_changes_since_last_save", Kind::Gauge, "Changes not in a snapshot.", unsaved);
    page.one(
        "rdb_last_save_timestamp_seconds",
        Kind::Gauge,
        "When the last snapshot was kept.",
        kept.last_save.seconds(),
    );
    page.one(
        "rdb_bgsave_in_progress",
        Kind::Gauge,
        "A snapshot is being written.",
        u8::from(kept.saving.is_some()),
    );
    page.one("aof_enabled", Kind::Gauge, "Changes are logged.", u8::from(kept.log_enabled));
    page.one("aof_current_size_bytes", Kind::Gauge, "Bytes of the log.", kept.log_size);

    let called = || shared.table.iter().filter(|known| known.stats.calls > 0);
    let name = |name: &str| name.to_ascii_lowercase().replace(' ', "|");
    page.many(
        "commands_total",
        Kind::Counter,
        "Calls.",
        "cmd",
        called().map(|known| (name(known.command.spec.name), known.stats.calls)),
    );
    page.many(
        "commands_duration_seconds_total",
        Kind::Counter,
        "Time spent.",
        "cmd",
        called().map(|known| (name(known.command.spec.name), known.stats.nanos as f64 / 1e9)),
    );
    let errors = measure.errors.iter().map(|(code, count)| (code.to_string(), *count));
    page.many("errors_total", Kind::Counter, "Errors answered.", "err", errors);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(format_args!("redis_{name} {value}"));
    }

    /// Writes a value for each of several labels, which hold no quotes.
    fn many<V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (String, V)>,
    ) {
        self.head(name, kind, help);
        for (of, value) in values {
            let of = of.replace(['"', '\\', '\n'], "?");
            self.line(format_args!("redis_{name}{{{label}=\"{of}\"}} {value}"));
        }
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.line(format_args!("# HELP redis_{name} {help}"));
        self.line(format_args!("# TYPE redis_{name} {kind}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes everything");
    }
}
