//! INFO's sections.

use std::fmt::Write;

use crate::base::number::push_fixed;
use crate::base::time::Time;
use crate::keyspace::{Keyspace, access_clock};
use crate::replication::Replica;

use super::config::show_percent;
use super::pubsub::Way;
use super::session::Session;
use super::shared::Shared;
use super::{Config, REDIS_VERSION};

type Section = fn(&mut String, &Source<'_>);

/// All sections in order, and whether INFO shows them without being asked for.
const SECTIONS: &[(&str, bool, Section)] = &[
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, modules),
    ("Commandstats", false, commandstats),
    ("Errorstats", true, errorstats),
    ("Latencystats", false, latencystats),
    ("Cluster", true, cluster),
    ("Keyspace", true, keyspace),
];

/// What the sections are written from.
pub struct Source<'a> {
    pub shared: &'a Shared,
    /// The client that asks, which is not among the shared ones.
    pub speaking: &'a Session,
    pub keyspace: &'a Keyspace,
    pub dirty: u64,
    pub now: Time,
}

/// Writes the sections of these names; the default ones if there are no names.
pub fn write(source: &Source<'_>, names: &[&[u8]]) -> String {
    let asked = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let all = asked("all") || asked("everything");
    let default = names.is_empty() || asked("default");
    let mut text = String::new();
    for (name, is_default, write) in SECTIONS {
        if all || (default && *is_default) || asked(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            line(&mut text, &format!("# {name}"));
            write(&mut text, source);
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\r\n");
}

/// Writes `name:value` lines, with one call for all of them.
macro_rules! fields {
    ($text:expr, $($name:literal: $value:expr,)*) => {
        write!($text, concat!($($name, ":{}\r\n",)*), $($value,)*).expect("a string takes everything")
    };
}

fn server(text: &mut String, source: &Source<'_>) {
    let Source { shared, now, .. } = source;
    let host = &shared.host;
    let uptime = now.micros_since(shared.started.unwrap_or(*now)) / 1_000_000;
    fields!(text,
        "redis_version": REDIS_VERSION,
        "redlet_version": env!("CARGO_PKG_VERSION"),
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": "0",
        "redis_mode": "standalone",
        "os": host.os,
        "arch_bits": usize::BITS,
        "multiplexing_api": host.multiplexing_api,
        "process_id": host.process_id,
        "process_supervised": "no",
        "run_id": shared.run_id,
        "tcp_port": host.tcp_port,
        "server_time_usec": now.0,
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime / 86_400,
        "hz": shared.config.hz.get(),
        "configured_hz": shared.config.hz.get(),
        "lru_clock": access_clock(*now),
        "executable": host.executable,
        "config_file": host.config_file,
        "io_threads_active": 0,
    );
}

fn clients(text: &mut String, source: &Source<'_>) {
    let shared = source.shared;
    let sessions = || shared.clients.sessions(source.speaking);
    fields!(text,
        "connected_clients": shared.clients.len(),
        "cluster_connections": 0,
        "maxclients": shared.config.maxclients.get(),
        "client_recent_max_input_buffer": sessions().map(|(session, _)| session.input_bytes()).max().unwrap_or(0),
        "client_recent_max_output_buffer": sessions().map(|(_, output)| output).max().unwrap_or(0),
        "blocked_clients": shared.waits.len(),
        "tracking_clients": shared.readers.counts().0,
        "clients_in_timeout_table": shared.waits.deadlines(),
    );
}

/// Returns a part of a whole in per cent; 0 of nothing.
pub fn percent_of(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn memory(text: &mut String, source: &Source<'_>) {
    let shared = source.shared;
    let host = &shared.host;
    let overhead = host.startup_memory + source.keyspace.table_bytes() as u64;
    let (used, clients, replicas) = (host.used(), shared.client_bytes(), shared.replica_bytes());
    let overhead = overhead + clients + replicas;
    let dataset = used.saturating_sub(overhead);
    let net = used.saturating_sub(host.startup_memory).max(1);
    let percent = |part: u64, whole: u64| fixed(percent_of(part, whole), 2) + "%";
    let maxmemory = shared.config.maxmemory.get();
    let (scripts, libraries, functions) = match &shared.interpreter {
        None => ((0, 0), source.keyspace.libraries.len(), 0),
        Some(interpreter) => {
            let all = interpreter.libraries();
            let functions = all.iter().map(|library| library.functions.len()).sum();
            (interpreter.usage(), all.len(), functions)
        }
    };
    fields!(text,
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": host.resident_memory,
        "used_memory_rss_human": human(host.resident_memory),
        "used_memory_peak": host.peak_memory.max(used),
        "used_memory_peak_human": human(host.peak_memory.max(used)),
        "used_memory_peak_perc": percent(used, host.peak_memory.max(used)),
        "used_memory_overhead": overhead,
        "used_memory_startup": host.startup_memory,
        "used_memory_dataset": dataset,
        "used_memory_dataset_perc": percent(dataset, net),
        "total_system_memory": host.total_system_memory,
        "total_system_memory_human": human(host.total_system_memory),
        "used_memory_scripts": scripts.1,
        "used_memory_scripts_human": human(scripts.1 as u64),
        "number_of_cached_scripts": scripts.0,
        "number_of_functions": functions,
        "number_of_libraries": libraries,
        "maxmemory": maxmemory,
        "maxmemory_human": human(maxmemory),
        "maxmemory_policy": Config::parameter("maxmemory-policy").expect("a parameter").get(&shared.config),
        "mem_fragmentation_ratio": fixed(host.resident_memory as f64 / used.max(1) as f64, 2),
        "mem_fragmentation_bytes": host.resident_memory as i64 - used as i64,
        "mem_not_counted_for_evict": replicas,
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": replicas,
        "mem_clients_slaves": replicas,
        "mem_clients_normal": clients,
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": host.allocator,
        "active_defrag_running": 0,
        "lazyfree_pending_objects": source.keyspace.rubbish.len(),
        "lazyfreed_objects": source.keyspace.stats.freed_later,
    );
}

/// Shows bytes with two decimals and the largest unit that leaves a whole number in front.
fn human(bytes: u64) -> String {
    let units = ["B", "K", "M", "G", "T", "P"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes}B") } else { fixed(size, 2) + units[unit] }
}

/// Prints a number with so many decimals. `{:.2}` would do, and bring 7 kB of tables into the wasm module.
fn fixed(number: f64, decimals: u32) -> String {
    let mut text = Vec::new();
    push_fixed(&mut text, number, decimals);
    String::from_utf8_lossy(&text).into_owned()
}

fn persistence(text: &mut String, source: &Source<'_>) {
    let state = &source.shared.persistence;
    let status = |failed: bool| if failed { "err" } else { "ok" };
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| seconds as i64);
    let since = |running: &Option<super::persistence::Running>| {
        running.map_or(-1, |running| (source.now.micros_since(running.since) / 1_000_000) as i64)
    };
    let running = state.saving.or(state.rewriting);
    let (kept, done, keys) =
        running.map_or((0, 0, 0), |running| (running.kept, running.keys_done, running.keys));
    fields!(text,
        "loading": u8::from(state.loading.is_some()),
        "async_loading": 0,
        "current_cow_peak": kept,
        "current_cow_size": kept,
        "current_cow_size_age": 0,
        "current_fork_perc": fixed(percent_of(done, keys), 2),
        "current_save_keys_processed": done,
        "current_save_keys_total": keys,
        "rdb_changes_since_last_save": source.dirty.saturating_sub(state.saved_at_dirty),
        "rdb_bgsave_in_progress": u8::from(state.saving.is_some()),
        "rdb_last_save_time": state.last_save.seconds(),
        "rdb_last_bgsave_status": status(state.last_save_failed),
        "rdb_last_bgsave_time_sec": seconds(state.last_save_seconds),
        "rdb_current_bgsave_time_sec": since(&state.saving),
        "rdb_saves": state.saves,
        "rdb_last_cow_size": state.last_save_kept,
        "rdb_last_load_keys_expired": state.expired_while_loading,
        "rdb_last_load_keys_loaded": state.loaded_keys,
        "aof_enabled": u8::from(state.log_enabled),
        "aof_rewrite_in_progress": u8::from(state.rewriting.is_some()),
        "aof_rewrite_scheduled": u8::from(state.rewrite_scheduled),
        "aof_last_rewrite_time_sec": seconds(state.last_rewrite_seconds),
        "aof_current_rewrite_time_sec": since(&state.rewriting),
        "aof_last_bgrewrite_status": status(state.last_rewrite_failed),
        "aof_rewrites": state.rewrites,
        "aof_last_write_status": status(state.log_failed),
        "aof_last_cow_size": state.last_rewrite_kept,
    );
    if state.log_enabled {
        fields!(text,
            "aof_current_size": state.log_size,
            "aof_base_size": state.log_base_size,
        );
    }
    if let Some(loading) = &state.loading {
        let seconds = source.now.seconds().saturating_sub(loading.since.seconds());
        // As long again as it has taken so far, for each part like the one that is read.
        let left = loading.bytes.saturating_sub(loading.read);
        fields!(text,
            "loading_start_time": loading.since.seconds(),
            "loading_total_bytes": loading.bytes,
            "loading_rdb_used_mem": 0,
            "loading_loaded_bytes": loading.read,
            "loading_loaded_perc": fixed(percent_of(loading.read, loading.bytes), 2),
            "loading_eta_seconds": (seconds * left).checked_div(loading.read).unwrap_or(1),
        );
    }
    if let Some(micros) = state.longest_slice_micros {
        fields!(text, "redlet_longest_slice_usec": micros,);
    }
    if let Some(ring) = &state.ring {
        fields!(text,
            "aof_buffer_length": ring.unstored,
            "redlet_ring_bytes": ring.bytes,
            "redlet_ring_capacity": ring.capacity,
            "redlet_ring_waiting": u8::from(ring.waiting),
        );
    }
    if !state.last_error.is_empty() {
        fields!(text, "redlet_last_error": state.last_error,);
    }
    if !state.warning.is_empty() {
        fields!(text, "redlet_warning": state.warning,);
    }
}

fn stats(text: &mut String, source: &Source<'_>) {
    let Source { shared, keyspace, .. } = source;
    let measure = &shared.measure;
    let rates = measure.rates();
    let (_, keys, items, prefixes) = shared.readers.counts();
    let kilobytes = |bytes: u64| fixed(bytes as f64 / 1024.0, 2);
    fields!(text,
        "total_connections_received": measure.connections,
        "total_commands_processed": measure.commands,
        "instantaneous_ops_per_sec": rates.commands,
        "total_net_input_bytes": measure.bytes_in,
        "total_net_output_bytes": measure.bytes_out,
        "instantaneous_input_kbps": kilobytes(rates.input_bytes),
        "instantaneous_output_kbps": kilobytes(rates.output_bytes),
        "rejected_connections": measure.rejected_connections,
        "expired_keys": keyspace.stats.expired,
        "expired_subkeys": keyspace.stats.expired_fields,
        "expired_stale_perc": "0.00",
        "expired_time_cap_reached_count": 0,
        "evicted_keys": keyspace.stats.evicted,
        "evicted_clients": measure.evicted_clients,
        "total_eviction_exceeded_time": 0,
        "current_eviction_exceeded_time": 0,
        "keyspace_hits": keyspace.stats.hits,
        "keyspace_misses": keyspace.stats.misses,
        "pubsub_channels": shared.pubsub.of(Way::Channel).len(),
        "pubsub_patterns": shared.pubsub.of(Way::Pattern).len(),
        "pubsubshard_channels": shared.pubsub.of(Way::Shard).len(),
        "latest_fork_usec": 0,
        "migrate_cached_sockets": 0,
        "total_forks": 0,
        "tracking_total_keys": keys,
        "tracking_total_items": items,
        "tracking_total_prefixes": prefixes,
        "unexpected_error_replies": measure.unexpected_errors,
        "total_error_replies": measure.error_count(),
        "total_reads_processed": shared.host.reads,
        "total_writes_processed": shared.host.writes,
        "client_query_buffer_limit_disconnections": measure.query_buffer_disconnections,
        "client_output_buffer_limit_disconnections": measure.output_buffer_disconnections,
    );
}

fn replication(text: &mut String, source: &Source<'_>) {
    let shared = source.shared;
    let primary = &shared.primary;
    match &shared.following {
        Some(link) => following(text, source, link),
        None => fields!(text, "role": "master",),
    }
    fields!(text, "connected_slaves": primary.followers().count(),);
    if shared.following.is_none()
        && let Some(good) = shared.good_replicas(source.now)
    {
        fields!(text, "min_slaves_good_slaves": good,);
    }
    for (i, link) in primary.followers().enumerate() {
        let client = shared.clients.get(link.session);
        let host = link.address_or(client.map_or("", |client| client.session.peer.host()));
        let (port, state, offset) = (link.port, link.state(), link.acknowledged());
        let lag = link.lag_seconds(source.now);
        line(text, &format!("slave{i}:ip={host},port={port},state={state},offset={offset},lag={lag}"));
    }
    fields!(text,
        "master_failover_state": "no-failover",
        "master_replid": primary.id,
        "master_replid2": primary.former.as_ref().map_or("0".repeat(40), |(id, _)| id.clone()),
        "master_repl_offset": primary.offset(),
        "second_repl_offset": primary.former.as_ref().map_or(-1, |(_, offset)| *offset as i64),
        "repl_backlog_active": 0,
        "repl_backlog_size": 1_048_576,
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    );
}

/// Tells of the link to the server that is followed.
fn following(text: &mut String, source: &Source<'_>, link: &Replica) {
    let Source { shared, now, .. } = source;
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| seconds as i64);
    let offset = shared.primary.offset();
    fields!(text,
        "role": "slave",
        "master_host": link.host,
        "master_port": link.port,
        "master_link_status": if link.is_online() { "up" } else { "down" },
        "master_last_io_seconds_ago": seconds(link.silent_seconds(*now)),
        "master_sync_in_progress": u8::from(link.is_receiving()),
        "slave_read_repl_offset": offset + link.begun_bytes(),
        "slave_repl_offset": offset,
    );
    if link.is_receiving() {
        let (read, left) = link.progress();
        let total = left.map_or(0, |left| read + left);
        fields!(text,
            "master_sync_total_bytes": total,
            "master_sync_read_bytes": read,
            "master_sync_left_bytes": left.map_or(-(read as i64), |left| left as i64),
            "master_sync_perc": fixed(if total == 0 { 0.0 } else { percent_of(read, total) }, 2),
            "master_sync_last_io_seconds_ago": link.heard_seconds(*now),
        );
    }
    if !link.is_online() {
        fields!(text, "master_link_down_since_seconds": seconds(link.down_seconds(*now)),);
    }
    fields!(text,
        "slave_priority": shared.config.replica_priority.get(),
        "slave_read_only": u8::from(shared.config.replica_read_only),
        "replica_announced": 1,
    );
}

fn cpu(text: &mut String, source: &Source<'_>) {
    let host = &source.shared.host;
    fields!(text,
        "used_cpu_sys": fixed(host.cpu_system_seconds, 6),
        "used_cpu_user": fixed(host.cpu_user_seconds, 6),
        "used_cpu_sys_children": "0.000000",
        "used_cpu_user_children": "0.000000",
    );
}

fn modules(_: &mut String, _: &Source<'_>) {}

fn commandstats(text: &mut String, source: &Source<'_>) {
    for known in source.shared.table.iter() {
        let stats = &known.stats;
        if stats.calls + stats.rejected + stats.failed == 0 {
            continue;
        }
        let usec = stats.nanos / 1000;
        let each = fixed(usec as f64 / stats.calls.max(1) as f64, 2);
        line(
            text,
            &format!(
                "cmdstat_{}:calls={},usec={usec},usec_per_call={each},rejected_calls={},failed_calls={}",
                known.command.spec.spelled(),
                stats.calls,
                stats.rejected,
                stats.failed
            ),
        );
    }
}

fn errorstats(text: &mut String, source: &Source<'_>) {
    for (code, count) in &source.shared.measure.errors {
        line(text, &format!("errorstat_{code}:count={count}"));
    }
}

fn latencystats(text: &mut String, source: &Source<'_>) {
    let config = &source.shared.config;
    if !config.latency_tracking {
        return;
    }
    for known in source.shared.table.iter().filter(|known| known.stats.durations.total() > 0) {
        let percentiles = config.latency_tracking_info_percentiles.iter().map(|percent| {
            let micros = known.stats.durations.percentile(*percent) as f64 / 1000.0;
            format!("p{}={}", show_percent(*percent), fixed(micros, 3))
        });
        let percentiles = percentiles.collect::<Vec<_>>().join(",");
        line(text, &format!("latency_percentiles_usec_{}:{percentiles}", known.command.spec.spelled()));
    }
}

fn cluster(text: &mut String, _: &Source<'_>) {
    fields!(text, "cluster_enabled": 0,);
}

fn keyspace(text: &mut String, source: &Source<'_>) {
    for db in 0..source.keyspace.databases() as u32 {
        let database = source.keyspace.database(db);
        if !database.is_empty() {
            let average = database.average_ttl_ms(source.now);
            line(
                text,
                &format!("db{db}:keys={},expires={},avg_ttl={average}", database.len(), database.volatile()),
            );
        }
    }
}
