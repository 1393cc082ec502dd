//! OBJECT: how a value is kept.

use crate::command;
use crate::data::entry::{Entry, Str, ValueRef};
use crate::engine::{Call, Family};
use crate::keyspace::{Usage, idle_seconds};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const OBJECT_FAMILY: Family = Family {
    name: "generic",
    category: Categories::KEYSPACE,
    commands: &[&OBJECT, &OBJECT_ENCODING, &OBJECT_FREQ, &OBJECT_HELP, &OBJECT_IDLETIME, &OBJECT_REFCOUNT],
};

command! {
    /// Looks into how values are kept.
    OBJECT("subcommand [arg...]") -> "unknown";
    since "2.2.3";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    OBJECT_HELP "OBJECT HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns the form in which a value is kept.
    ///
    /// Named as Redis names its own forms.
    ///
    /// ```redis
    /// > SET visits 10
    /// OK
    /// > OBJECT ENCODING visits
    /// "int"
    /// ```
    OBJECT_ENCODING "OBJECT ENCODING" ("key") -> "string | null";
    flags READONLY;
    keys RO;
    since "2.2.3";
    takes "O(1)";
    run encoding;
}

fn encoding(call: &mut Call<'_>) -> Result {
    let entry = call.db.inspect(call.args.at(2));
    call.reply.bulk_or_null(entry.map(|entry| entry_encoding(entry).as_bytes()));
    Ok(())
}

/// Returns the name of the form in which an entry keeps its value.
pub(super) fn entry_encoding(entry: &Entry) -> &'static str {
    match entry.value() {
        ValueRef::Str(_) => entry.encoding(),
        ValueRef::Object(object) => object.encoding(),
    }
}

command! {
    /// Returns how often a value was used, on a logarithmic scale.
    ///
    /// Only a policy of eviction that goes by it counts it.
    ///
    /// ```redis
    /// > OBJECT FREQ nothing
    /// (nil)
    /// ```
    OBJECT_FREQ "OBJECT FREQ" ("key") -> "number | null";
    flags READONLY;
    keys RO;
    since "4.0.0";
    takes "O(1)";
    run frequency;
}

fn frequency(call: &mut Call<'_>) -> Result {
    let (usage, now) = (call.db.usage, call.db.now);
    match call.db.inspect(call.args.at(2)) {
        None => call.reply.null(),
        Some(_) if usage == Usage::Lately => {
            return Err(Error::Text(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        Some(entry) => call.reply.int(usage.count(entry.clock(), now).into()),
    }
    Ok(())
}

command! {
    /// Returns how many seconds ago a value was last used.
    ///
    /// This command does not count as use.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > OBJECT IDLETIME greeting
    /// (integer) 0
    /// ```
    OBJECT_IDLETIME "OBJECT IDLETIME" ("key") -> "number | null";
    flags READONLY;
    keys RO;
    since "2.2.3";
    takes "O(1)";
    run idle_time;
}

fn idle_time(call: &mut Call<'_>) -> Result {
    let (usage, now) = (call.db.usage, call.db.now);
    match call.db.inspect(call.args.at(2)) {
        None => call.reply.null(),
        Some(entry) if usage == Usage::Lately => call.reply.int(idle_seconds(entry.clock(), now).into()),
        Some(_) => {
            return Err(Error::Text(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                 between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
    }
    Ok(())
}

command! {
    /// Returns how many places share a value.
    ///
    /// Always 1 but for small integers, of which Redis keeps one copy for all.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > OBJECT REFCOUNT greeting
    /// (integer) 1
    /// ```
    OBJECT_REFCOUNT "OBJECT REFCOUNT" ("key") -> "number | null";
    flags READONLY;
    keys RO;
    since "2.2.3";
    takes "O(1)";
    run references;
}

fn references(call: &mut Call<'_>) -> Result {
    let shares = call.shared.config.shares_integers();
    match call.db.inspect(call.args.at(2)).map(Entry::value) {
        Some(ValueRef::Str(Str::Int(0..10_000))) if shares => call.reply.int(i64::from(i32::MAX)),
        Some(_) => call.reply.int(1),
        None => call.reply.null(),
    }
    Ok(())
}
