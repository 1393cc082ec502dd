//! CLIENT LIST, INFO and KILL: which connections there are, and the end of some.

use crate::base::number;
use crate::base::time::Time;
use crate::command;
use crate::engine::acl::UserId;
use crate::engine::{Call, Request, Session};
use crate::resp::{Error, Result, SessionId};

command! {
    /// Describes the connection.
    ///
    /// One line, as in CLIENT LIST.
    pub(super) CLIENT_INFO "CLIENT INFO" ("") -> "string";
    flags NOSCRIPT | LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run info;
}

fn info(call: &mut Call<'_>) -> Result {
    let line = call.describe(call.session, 0) + "\n";
    call.reply.verbatim("txt", &line);
    Ok(())
}

command! {
    /// Describes all connections, or some.
    ///
    /// One line each, in the order in which they came.
    pub(super) CLIENT_LIST "CLIENT LIST" ("[TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|ID client-id:integer...]") -> "string";
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
        if wanted.includes(session, call.db.now) && (!session.closing || session.id == call.session.id) {
            text += &call.describe(session, output);
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
            _ => Err(Error::quoting("ERR Unknown client type '{}'", &[name])),
        }
    }

    fn of(session: &Session) -> Self {
        if session.primary {
            Kind::Master
        } else if session.replica {
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
    /// The connection is so many seconds old, or older.
    age: Option<u64>,
}

impl Wanted<'_> {
    fn includes(&self, session: &Session, now: Time) -> bool {
        let is = |wanted: Option<&[u8]>, address: &str| wanted.is_none_or(|text| text == address.as_bytes());
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.kind.is_none_or(|kind| kind == Kind::of(session))
            && self.user.is_none_or(|user| user == session.user)
            && is(self.address, &session.peer.address)
            && is(self.local_address, &session.peer.local_address)
            && self.age.is_none_or(|age| now.seconds().saturating_sub(session.created.seconds()) >= age)
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
    pub(super) CLIENT_KILL "CLIENT KILL" ("<ip:port|<ID client-id:integer|TYPE <NORMAL|MASTER|REPLICA|PUBSUB>|USER username|ADDR ip:port|LADDR ip:port|SKIPME <YES|NO>|MAXAGE maxage:integer>...>") -> "'OK' | number";
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
            let no_such_user = || Error::quoting("ERR No such user '{}'", &[user]);
            wanted.user = Some(call.shared.acl.find(user).ok_or_else(no_such_user)?);
        } else if let Some(age) = options.after("MAXAGE")? {
            let age =
                number::parse_int(age).ok_or(Error::Text("ERR maxage is not an integer or out of range"))?;
            let age = u64::try_from(age).ok().filter(|age| *age > 0);
            wanted.age = Some(age.ok_or(Error::Text("ERR maxage should be greater than 0"))?);
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
        .filter(|session| wanted.includes(session, call.db.now) && !(spare_self && session.id == own))
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
            // What it has not read yet may never be read.
            client.give_up();
            call.shared.requests.push(Request::Close(*id));
        }
    }
}
