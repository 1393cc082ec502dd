//! SLOWLOG: the calls that took long.

use crate::command;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const SLOWLOG_FAMILY: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[&SLOWLOG, &SLOWLOG_GET, &SLOWLOG_HELP, &SLOWLOG_LEN, &SLOWLOG_RESET],
};

command! {
    /// Looks at the calls that took long.
    SLOWLOG("subcommand [arg...]") -> "unknown";
    since "2.2.12";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    SLOWLOG_HELP "SLOWLOG HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns calls that took as long as `slowlog-log-slower-than` says, the newest first.
    ///
    /// Of each its number, the second, its microseconds, its arguments, and the address and name of the client. Ten
    /// are shown if no number is given, and all if it is -1.
    ///
    /// ```redis
    /// > SLOWLOG RESET
    /// OK
    /// > SLOWLOG GET
    /// (empty array)
    /// ```
    SLOWLOG_GET "SLOWLOG GET" ("[count:integer]") -> "unknown[][]";
    flags ADMIN | LOADING | STALE;
    since "2.2.12";
    takes "O(N) with N entries shown";
    run get;
}

fn get(call: &mut Call<'_>) -> Result {
    let most = match call.args.len() {
        2 => 10,
        3 => match call.args.int(2) {
            Ok(-1) => usize::MAX,
            Ok(count @ 0..) => count as usize,
            _ => return Err(Error::Text("ERR count should be greater than or equal to -1")),
        },
        _ => return Err(Error::wrong_subcommand(call.args.at(1), "SLOWLOG")),
    };
    let log = &call.shared.slow_log;
    let reply = &mut call.reply;
    reply.array(log.len().min(most));
    for entry in log.iter().take(most) {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int(entry.time.seconds() as i64);
        reply.int(entry.micros as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.address.as_bytes());
        reply.bulk(&entry.client);
    }
    Ok(())
}

command! {
    /// Counts the entries of the slow log.
    ///
    /// ```redis
    /// > SLOWLOG RESET
    /// OK
    /// > SLOWLOG LEN
    /// (integer) 0
    /// ```
    SLOWLOG_LEN "SLOWLOG LEN" ("") -> "number";
    flags ADMIN | LOADING | STALE;
    since "2.2.12";
    takes "O(1)";
    run len;
}

fn len(call: &mut Call<'_>) -> Result {
    call.reply.len(call.shared.slow_log.len());
    Ok(())
}

command! {
    /// Empties the slow log.
    ///
    /// ```redis
    /// > SLOWLOG RESET
    /// OK
    /// ```
    SLOWLOG_RESET "SLOWLOG RESET" ("") -> "'OK'";
    flags ADMIN | LOADING | STALE;
    since "2.2.12";
    takes "O(N) with N entries";
    run reset;
}

fn reset(call: &mut Call<'_>) -> Result {
    call.shared.slow_log.clear();
    call.reply.ok();
    Ok(())
}
