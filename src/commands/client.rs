//! CLIENT: what a connection tells and asks about itself and the others.

use crate::base::bytes::Bytes;
use crate::base::number;
use crate::command;
use crate::engine::acl::UserId;
use crate::engine::session::Replies;
use crate::engine::{Call, Family, Request, Session};
use crate::resp::{Error, Result, SessionId};
use crate::spec::Categories;

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
        &CLIENT_REPLY,
        &CLIENT_SETINFO,
        &CLIENT_SETNAME,
        &CLIENT_TRACKING,
        &CLIENT_TRACKINGINFO,
        &CLIENT_UNBLOCK,
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
        _ => {
            let option = String::from_utf8_lossy(option);
            return Err(Error::said(format!("ERR Unrecognized option '{option}'")));
        }
    };
    *place = Bytes::from(value);
    call.reply.ok();
    Ok(())
}

command! {
    /// Describes the connection.
    ///
    /// One line, as in CLIENT LIST.
    CLIENT_INFO "CLIENT INFO" ("") -> "string";
    flags NOSCRIPT | LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run info;
}

fn info(call: &mut Call<'_>) -> Result {
    let line = call.shared.describe(call.session, 0, call.db.now) + "\n";
    call.reply.verbatim("txt", &line);
    Ok(())
}

command! {
    /// Describes all connections, or some.
    ///
    /// One line each, in the order in which they came.
    CLIENT_LIST "CLIENT LIST" ("[TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|ID client-id:integer...]") -> "string";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.4.0";
    takes "O(N) with N connections";
    run list;
}

fn list(call: &mut Call<'_>) -> Result {
    let mut wanted = Wanted::default();
    let mut options = call.args.options(2);
    if let Some(kind) = options.after("TYPE")? {
        wanted.kind = Some(Kind::named(kind)?);
    } else if options.len() > 1 && options.word("ID") {
        let mut ids = vec![];
        while !options.is_empty() {
            let id = number::parse_int(options.take()?).ok_or(Error::Text("ERR Invalid client ID"))?;
            ids.push(SessionId(id as u64));
        }
        wanted.ids = Some(ids);
    }
    if !options.is_empty() {
        return Err(Error::Syntax);
    }
    let mut text = String::new();
    for (session, output) in call.shared.clients.sessions(call.session) {
        if wanted.includes(session) && (!session.closing || session.id == call.session.id) {
            text += &call.shared.describe(session, output, call.db.now);
            text.push('\n');
        }
    }
    call.reply.verbatim("txt", &text);
    Ok(())
}

/// The kinds of client that CLIENT LIST and CLIENT KILL tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Master,
    Replica,
    PubSub,
}

impl Kind {
    fn named(name: &[u8]) -> Result<Self> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Kind::Normal),
            b"master" => Ok(Kind::Master),
            b"slave" | b"replica" => Ok(Kind::Replica),
            b"pubsub" => Ok(Kind::PubSub),
            _ => {
                let name = String::from_utf8_lossy(name);
                Err(Error::said(format!("ERR Unknown client type '{name}'")))
            }
        }
    }

    fn of(session: &Session) -> Self {
        if session.replica {
            Kind::Replica
        } else if session.subscriptions.count() > 0 {
            Kind::PubSub
        } else {
            Kind::Normal
        }
    }
}

/// Which clients are meant; all conditions must hold.
#[derive(Default)]
struct Wanted<'a> {
    ids: Option<Vec<SessionId>>,
    kind: Option<Kind>,
    user: Option<UserId>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
}

impl Wanted<'_> {
    fn includes(&self, session: &Session) -> bool {
        let is = |wanted: Option<&[u8]>, address: &str| wanted.is_none_or(|text| text == address.as_bytes());
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.kind.is_none_or(|kind| kind == Kind::of(session))
            && self.user.is_none_or(|user| user == session.user)
            && is(self.address, &session.peer.address)
            && is(self.local_address, &session.peer.local_address)
    }
}

command! {
    /// Ends connections.
    ///
    /// Either the one with an address, or all that meet the conditions; then the answer is how many there were. The
    /// connection that asks is spared unless SKIPME is no.
    ///
    /// ```redis
    /// > CLIENT KILL ID 12345
    /// (integer) 0
    /// ```
    CLIENT_KILL "CLIENT KILL" ("<ip:port|<ID client-id:integer|TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|USER username|ADDR ip:port|LADDR ip:port|SKIPME <YES|NO>>...>") -> "'OK' | number";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.4.0";
    takes "O(N) with N connections";
    run kill;
}

fn kill(call: &mut Call<'_>) -> Result {
    let mut wanted = Wanted::default();
    let mut spare_self = true;
    let single = call.args.len() == 3;
    if single {
        wanted.address = Some(call.args.at(2));
        spare_self = false;
    }
    let mut options = call.args.options(if single { 3 } else { 2 });
    while !options.is_empty() {
        if options.len() < 2 {
            return Err(Error::Syntax);
        } else if let Some(id) = options.after("ID")? {
            let id = number::parse_int(id).filter(|id| *id > 0);
            let id = id.ok_or(Error::Text("ERR client-id should be greater than 0"))?;
            wanted.ids = Some(vec![SessionId(id as u64)]);
        } else if let Some(kind) = options.after("TYPE")? {
            wanted.kind = Some(Kind::named(kind)?);
        } else if let Some(address) = options.after("ADDR")? {
            wanted.address = Some(address);
        } else if let Some(address) = options.after("LADDR")? {
            wanted.local_address = Some(address);
        } else if let Some(user) = options.after("USER")? {
            let no_such_user = || {
                let user = String::from_utf8_lossy(user);
                Error::said(format!("ERR No such user '{user}'"))
            };
            wanted.user = Some(call.shared.acl.find(user).ok_or_else(no_such_user)?);
        } else if options.word("SKIPME") {
            spare_self = match options.take()?.to_ascii_lowercase().as_slice() {
                b"yes" => true,
                b"no" => false,
                _ => return Err(Error::Syntax),
            };
        } else {
            return Err(Error::Syntax);
        }
    }
    let own = call.session.id;
    let sessions = call.shared.clients.sessions(call.session).map(|(session, _)| session);
    let killed: Vec<SessionId> = sessions
        .filter(|session| wanted.includes(session) && !(spare_self && session.id == own))
        .map(|session| session.id)
        .collect();
    disconnect(call, &killed);
    match (single, killed.is_empty()) {
        (true, true) => return Err(Error::Text("ERR No such client")),
        (true, false) => call.reply.ok(),
        (false, _) => call.reply.len(killed.len()),
    }
    Ok(())
}

/// Ends the connections of clients; the one that speaks gets its reply before.
pub(super) fn disconnect(call: &mut Call<'_>, ids: &[SessionId]) {
    for id in ids {
        if *id == call.session.id {
            call.session.closing = true;
        } else if let Some(client) = call.shared.clients.get_mut(*id) {
            client.session.closing = true;
            call.shared.requests.push(Request::Close(*id));
        }
    }
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
        _ => {
            let sub = String::from_utf8_lossy(call.args.at(1));
            return Err(Error::said(format!(
                "ERR unknown subcommand or wrong number of arguments for '{sub}'. Try CLIENT HELP."
            )));
        }
    };
    let id = SessionId(call.args.int(2)? as u64);
    let waits = call.shared.clients.get(id).is_some_and(|client| client.session.waits_for_keys());
    if waits {
        call.shared.end_wait(id, |reply, nothing| {
            if with_error {
                reply.error(&Error::Text("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
            } else {
                nothing.write(reply);
            }
        });
    }
    call.reply.int(i64::from(waits));
    Ok(())
}
