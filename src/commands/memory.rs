//! MEMORY: what takes how much.

use crate::command;
use crate::engine::info::percent_of;
use crate::engine::{Call, Family};
use crate::resp::Result;
use crate::spec::Categories;

pub const MEMORY_FAMILY: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[&MEMORY_DOCTOR, &MEMORY_MALLOC_STATS, &MEMORY_PURGE, &MEMORY_STATS],
};

command! {
    /// Tells how memory is used: bytes, numbers and shares by name.
    MEMORY_STATS "MEMORY STATS" ("") -> "Record<string, unknown>";
    since "4.0.0";
    takes "O(N) with N connections";
    run stats;
}

fn stats(call: &mut Call<'_>) -> Result {
    let (host, keyspace) = (&call.shared.host, call.db.keyspace());
    let (used, startup) = (host.used(), host.startup_memory);
    let clients = call.shared.client_bytes();
    let replicas = call.shared.replica_bytes();
    let overhead = startup + keyspace.table_bytes() as u64 + clients + replicas;
    let (dataset, keys) = (used.saturating_sub(overhead), keyspace.len() as u64);
    let net = used.saturating_sub(startup);
    let numbers = [
        ("peak.allocated", host.peak_memory.max(used)),
        ("total.allocated", used),
        ("startup.allocated", startup),
        ("replication.backlog", 0),
        ("clients.slaves", replicas),
        ("clients.normal", clients),
        ("cluster.links", 0),
        ("aof.buffer", call.db.effects.log_bytes() as u64),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ];
    let databases: Vec<u32> = (0..keyspace.databases() as u32).collect();
    let filled: Vec<u32> = databases.into_iter().filter(|db| !keyspace.database(*db).is_empty()).collect();
    let totals = [
        ("overhead.total", overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", net.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", dataset),
    ];
    let reply = &mut call.reply;
    reply.map(numbers.len() + filled.len() + totals.len() + 4);
    for (name, n) in numbers {
        reply.bulk(name.as_bytes());
        reply.int(n as i64);
    }
    for db in filled {
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(3);
        reply.bulk(b"overhead.hashtable.main");
        reply.len(keyspace.database(db).table_bytes());
        // Deadlines are in the entries themselves.
        reply.bulk(b"overhead.hashtable.expires");
        reply.int(0);
        reply.bulk(b"overhead.hashtable.slot-to-keys");
        reply.int(0);
    }
    for (name, n) in totals {
        reply.bulk(name.as_bytes());
        reply.int(n as i64);
    }
    reply.bulk(b"dataset.percentage");
    reply.double(percent_of(dataset, net));
    reply.bulk(b"peak.percentage");
    reply.double(percent_of(used, host.peak_memory.max(used)));
    reply.bulk(b"fragmentation");
    reply.double(host.resident_memory as f64 / used.max(1) as f64);
    reply.bulk(b"fragmentation.bytes");
    reply.int(host.resident_memory as i64 - used as i64);
    Ok(())
}

command! {
    /// Tells in words whether memory is used well.
    MEMORY_DOCTOR "MEMORY DOCTOR" ("") -> "string";
    since "4.0.0";
    takes "O(1)";
    run doctor;
}

fn doctor(call: &mut Call<'_>) -> Result {
    /// Below this there is nothing worth a word.
    const LITTLE: u64 = 5 << 20;
    let host = &call.shared.host;
    let (used, peak) = (host.used(), host.peak_memory);
    let mut text = String::new();
    if used < LITTLE {
        text.push_str("There is too little data to say anything about it.\n");
    } else {
        if peak > used + used / 2 {
            text.push_str("Once much more memory was in use; what was given back may not be in one piece.\n");
        }
        if host.resident_memory > used + used / 2 {
            text.push_str("The process holds much more memory than is in use: it is fragmented.\n");
        }
        if call.shared.client_bytes() > used / 2 {
            text.push_str("Clients take more than half of the memory: see tot-mem in CLIENT LIST.\n");
        }
        if text.is_empty() {
            text.push_str("Nothing is wrong with memory.\n");
        }
    }
    call.reply.verbatim("txt", &text);
    Ok(())
}

command! {
    /// Asks the allocator to give back what it does not need; ours does so by itself.
    ///
    /// ```redis
    /// > MEMORY PURGE
    /// OK
    /// ```
    MEMORY_PURGE "MEMORY PURGE" ("") -> "'OK'";
    since "4.0.0";
    takes "O(1)";
    run purge;
}

fn purge(call: &mut Call<'_>) -> Result {
    call.reply.ok();
    Ok(())
}

command! {
    /// Tells what the allocator tells of itself.
    MEMORY_MALLOC_STATS "MEMORY MALLOC-STATS" ("") -> "string";
    since "4.0.0";
    takes "O(1)";
    run malloc_stats;
}

fn malloc_stats(call: &mut Call<'_>) -> Result {
    let host = &call.shared.host;
    let text = format!(
        "allocator: {}\nallocated: {}\nallocated at most: {}\nresident: {}\n",
        host.allocator,
        host.used(),
        host.peak_memory,
        host.resident_memory
    );
    call.reply.verbatim("txt", &text);
    Ok(())
}
