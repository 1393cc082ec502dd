//! CLIENT: what a connection tells and asks about itself and the others.

use crate::base::bytes::Bytes;
use crate::base::number;
use crate::command;
use crate::engine::pause::Scope;
use crate::engine::session::Replies;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result, SessionId};
use crate::spec::Categories;

use super::client_list::{CLIENT_INFO, CLIENT_KILL, CLIENT_LIST};
use super::command::help;
use super::tracking::{CLIENT_CACHING, CLIENT_GETREDIR, CLIENT_TRACKING, CLIENT_TRACKINGINFO};

pub const CLIENT_FAMILY: Family = Family {
    name: "client",
    category: Categories::CONNECTION,
    commands: &[
        &CLIENT,
        &CLIENT_CACHING,
        &CLIENT_GETNAME,
        &CLIENT_GETREDIR,
        &CLIENT_HELP,
        &CLIENT_ID,
        &CLIENT_INFO,
        &CLIENT_KILL,
        &CLIENT_LIST,
        &CLIENT_NO_EVICT,
        &CLIENT_NO_TOUCH,
        &CLIENT_PAUSE,
        &CLIENT_REPLY,
        &CLIENT_SETINFO,
        &CLIENT_SETNAME,
        &CLIENT_TRACKING,
        &CLIENT_TRACKINGINFO,
        &CLIENT_UNBLOCK,
        &CLIENT_UNPAUSE,
    ],
};

command! {
    /// Tells and asks about connections.
    CLIENT("subcommand [arg...]") -> "unknown";
    since "2.4.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    CLIENT_HELP "CLIENT HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns the number of the connection.
    ///
    /// Numbers grow, and none is given twice.
    ///
    /// ```redis
    /// > CLIENT ID
    /// (integer) <n>
    /// ```
    CLIENT_ID "CLIENT ID" ("") -> "number";
    flags NOSCRIPT | LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run id;
}

fn id(call: &mut Call<'_>) -> Result {
    call.reply.int(call.session.id.0 as i64);
    Ok(())
}

command! {
    /// Gives the connection a name.
    ///
    /// It shows in CLIENT LIST; an empty name takes it away.
    ///
    /// ```redis
    /// > CLIENT SETNAME worker-1
    /// OK
    /// > CLIENT GETNAME
    /// "worker-1"
    /// ```
    CLIENT_SETNAME "CLIENT SETNAME" ("connection-name") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "2.6.9";
    takes "O(1)";
    run rename;
}

fn rename(call: &mut Call<'_>) -> Result {
    let name = check_name(call.args.at(2))?;
    set_name(call, name);
    call.reply.ok();
    Ok(())
}

/// Returns the name if CLIENT LIST can show it.
pub(super) fn check_name(name: &[u8]) -> Result<&[u8]> {
    let plain = name.iter().all(|byte| byte.is_ascii_graphic());
    plain
        .then_some(name)
        .ok_or(Error::Text("ERR Client names cannot contain spaces, newlines or special characters."))
}

pub(super) fn set_name(call: &mut Call<'_>, name: &[u8]) {
    call.session.name = Bytes::from(name);
}

command! {
    /// Returns the name of the connection.
    ///
    /// ```redis
    /// > CLIENT GETNAME
    /// (nil)
    /// ```
    CLIENT_GETNAME "CLIENT GETNAME" ("") -> "string | null";
    flags NOSCRIPT | LOADING | STALE;
    since "2.6.9";
    takes "O(1)";
    run name;
}

fn name(call: &mut Call<'_>) -> Result {
    let name = &call.session.name;
    call.reply.bulk_or_null((!name.is_empty()).then_some(name));
    Ok(())
}

command! {
    /// Tells which library speaks, and its version.
    ///
    /// Both show in CLIENT LIST.
    ///
    /// ```redis
    /// > CLIENT SETINFO LIB-NAME my-library
    /// OK
    /// ```
    CLIENT_SETINFO "CLIENT SETINFO" ("<LIB-NAME libname|LIB-VER libver>") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "7.2.0";
    takes "O(1)";
    run set_info;
}

fn set_info(call: &mut Call<'_>) -> Result {
    let (option, value) = (call.args.at(2), call.args.at(3));
    let plain = value.iter().all(|byte| byte.is_ascii_graphic());
    let place = match option.to_ascii_lowercase().as_slice() {
        b"lib-name" if plain => &mut call.session.lib_name,
        b"lib-ver" if plain => &mut call.session.lib_version,
        b"lib-name" | b"lib-ver" => {
            let option = String::from_utf8_lossy(option).to_ascii_lowercase();
            return Err(Error::said(format!(
                "ERR {option} cannot contain spaces, newlines or special characters."
            )));
        }
        _ => return Err(Error::quoting("ERR Unrecognized option '{}'", &[option])),
    };
    *place = Bytes::from(value);
    call.reply.ok();
    Ok(())
}

command! {
    /// Leaves out replies: all, or the next one.
    ///
    /// OFF and SKIP are not answered themselves.
    ///
    /// ```redis
    /// > CLIENT REPLY ON
    /// OK
    /// ```
    CLIENT_REPLY "CLIENT REPLY" ("<ON|OFF|SKIP>") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "3.2.0";
    takes "O(1)";
    run reply;
}

fn reply(call: &mut Call<'_>) -> Result {
    let args = call.args;
    if args.is(2, "ON") {
        call.session.replies = Replies::On;
        call.reply.ok();
    } else if args.is(2, "OFF") {
        call.session.replies = Replies::Off;
    } else if args.is(2, "SKIP") {
        if call.session.replies == Replies::On {
            call.session.replies = Replies::SkipNext;
        }
    } else {
        return Err(Error::Syntax);
    }
    Ok(())
}

command! {
    /// Spares the connection when memory for connections is full.
    ///
    /// ```redis
    /// > CLIENT NO-EVICT ON
    /// OK
    /// ```
    CLIENT_NO_EVICT "CLIENT NO-EVICT" ("<ON|OFF>") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "7.0.0";
    takes "O(1)";
    run no_evict;
}

fn no_evict(call: &mut Call<'_>) -> Result {
    call.session.no_evict = on_or_off(call)?;
    call.reply.ok();
    Ok(())
}

command! {
    /// Lets the connection read keys without making them look used.
    ///
    /// What OBJECT IDLETIME and eviction go by stays as it was.
    ///
    /// ```redis
    /// > CLIENT NO-TOUCH ON
    /// OK
    /// ```
    CLIENT_NO_TOUCH "CLIENT NO-TOUCH" ("<ON|OFF>") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "7.2.0";
    takes "O(1)";
    run no_touch;
}

fn no_touch(call: &mut Call<'_>) -> Result {
    call.session.no_touch = on_or_off(call)?;
    call.reply.ok();
    Ok(())
}

fn on_or_off(call: &Call<'_>) -> Result<bool> {
    match (call.args.is(2, "ON"), call.args.is(2, "OFF")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Error::Syntax),
    }
}

command! {
    /// Ends the wait of another connection.
    ///
    /// It gets what it would get at its deadline, or an error. Answers with 1 if it waited.
    ///
    /// ```redis
    /// > CLIENT UNBLOCK 12345
    /// (integer) 0
    /// ```
    CLIENT_UNBLOCK "CLIENT UNBLOCK" ("client-id:integer [TIMEOUT|ERROR]") -> "number";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "5.0.0";
    takes "O(log N) with N connections";
    run unblock;
}

fn unblock(call: &mut Call<'_>) -> Result {
    let with_error = match call.args.len() {
        3 => false,
        4 if call.args.is(3, "TIMEOUT") => false,
        4 if call.args.is(3, "ERROR") => true,
        4 => return Err(Error::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(Error::wrong_subcommand(call.args.at(1), "CLIENT")),
    };
    let id = SessionId(call.args.int(2)? as u64);
    let waits = call.shared.clients.get(id).is_some_and(|client| client.session.waits_for_keys());
    if waits && with_error {
        call.shared.fail_wait(id, &Error::Text("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    } else if waits {
        call.shared.end_wait(id, |reply, nothing| nothing.write(reply));
    }
    call.reply.int(i64::from(waits));
    Ok(())
}

command! {
    /// Lets the calls of all connections wait for some milliseconds.
    ///
    /// With WRITE those go on that change nothing. Nothing expires and nothing is evicted meanwhile, so that another
    /// server can take over.
    ///
    /// ```redis
    /// > CLIENT PAUSE 1000 WRITE
    /// OK
    /// > CLIENT UNPAUSE
    /// OK
    /// ```
    CLIENT_PAUSE "CLIENT PAUSE" ("timeout:integer [WRITE|ALL]") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "3.0.0";
    takes "O(1)";
    run pause;
}

fn pause(call: &mut Call<'_>) -> Result {
    if call.args.len() > 4 {
        return Err(Error::wrong_subcommand(call.args.at(1), "CLIENT"));
    }
    let scope = match call.args.get(3) {
        None => Scope::All,
        Some(_) if call.args.is(3, "WRITE") => Scope::Write,
        Some(_) if call.args.is(3, "ALL") => Scope::All,
        Some(_) => return Err(Error::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let ms = number::parse_int(call.args.at(2));
    let ms = ms.ok_or(Error::Text("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| Error::Text("ERR timeout is negative"))?;
    call.shared.pause.begin(scope, call.db.now.plus_millis(ms));
    call.db.keyspace_mut().holds_expiry = true;
    call.reply.ok();
    Ok(())
}

command! {
    /// Ends what CLIENT PAUSE began: the calls that wait run in the order in which they came.
    ///
    /// ```redis
    /// > CLIENT UNPAUSE
    /// OK
    /// ```
    CLIENT_UNPAUSE "CLIENT UNPAUSE" ("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.2.0";
    takes "O(N) with N connections that wait";
    run unpause;
}

fn unpause(call: &mut Call<'_>) -> Result {
    call.shared.pause.end();
    call.db.keyspace_mut().holds_expiry = false;
    call.reply.ok();
    Ok(())
}
