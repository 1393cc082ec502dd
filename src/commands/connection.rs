//! Connections: who speaks, in which protocol, to which database.

use crate::base::bytes::Bytes;
use crate::base::number;
use crate::base::time::Time;
use crate::command;
use crate::engine::acl::{Reason, UserId};
use crate::engine::session::{Replies, Turn};
use crate::engine::wait::{Nothing, Wanted};
use crate::engine::{Call, Family, REDIS_VERSION, Request};
use crate::resp::{Error, Protocol, Result};
use crate::spec::Categories;

use super::client::{check_name, set_name};
use super::key::database;

pub const CONNECTION: Family = Family {
    name: "connection",
    category: Categories::CONNECTION,
    commands: &[&AUTH, &ECHO, &HELLO, &PING, &QUIT, &RESET, &SELECT, &WAIT, &WAITAOF],
};

command! {
    /// Proves that the connection may use the server.
    ///
    /// With one argument it is the password of the default user, which `requirepass` sets.
    ///
    /// ```redis
    /// > AUTH secret
    /// (error) ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
    /// ```
    AUTH("[username] password") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;
    since "1.0.0";
    takes "O(N) with N passwords of the user";
    run auth;
}

fn auth(call: &mut Call<'_>) -> Result {
    let (user, password) = match call.args.len() {
        2 if call.shared.acl.user(UserId::DEFAULT).no_password => {
            return Err(Error::Text(
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        2 => (&b"default"[..], call.args.at(1)),
        3 => (call.args.at(1), call.args.at(2)),
        _ => return Err(Error::Syntax),
    };
    authenticate(call, user, password)?;
    call.reply.ok();
    Ok(())
}

fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Result {
    let Some(id) = call.shared.acl.authenticate(user, password) else {
        call.note_refusal(Reason::Auth, Bytes::from(call.args.at(0)), Bytes::from(user));
        return Err(Error::Text("WRONGPASS invalid username-password pair or user is disabled."));
    };
    (call.session.user, call.session.authenticated) = (id, true);
    Ok(())
}

command! {
    /// Returns the message.
    ///
    /// ```redis
    /// > ECHO "hello there"
    /// "hello there"
    /// ```
    ECHO("message") -> "string";
    flags LOADING | STALE | FAST;
    since "1.0.0";
    takes "O(1)";
    run echo;
}

fn echo(call: &mut Call<'_>) -> Result {
    call.reply.bulk(call.args.at(1));
    Ok(())
}

command! {
    /// Agrees on a version of the protocol, and introduces both sides.
    ///
    /// Authentication and a name for the connection can be given with it. Without arguments the protocol stays as it is.
    ///
    /// ```redis
    /// > HELLO 4
    /// (error) NOPROTO unsupported protocol version
    /// ```
    HELLO("[protover [AUTH username password] [SETNAME clientname]]") -> "Record<string, unknown>";
    flags NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;
    since "6.0.0";
    takes "O(1)";
    run hello;
}

fn hello(call: &mut Call<'_>) -> Result {
    let mut protocol = None;
    if let Some(version) = call.args.get(1) {
        protocol = Some(match number::parse_int(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Error::Text("NOPROTO unsupported protocol version")),
            None => return Err(Error::Text("ERR Protocol version is not an integer or out of range")),
        });
    }
    let (mut login, mut name) = (None, None);
    let mut options = call.args.options(2);
    while !options.is_empty() {
        if options.len() > 2 && options.word("AUTH") {
            login = Some((options.take()?, options.take()?));
        } else if options.len() > 1 && options.word("SETNAME") {
            name = Some(check_name(options.take()?)?);
        } else {
            return Err(Error::quoting("ERR Syntax error in HELLO option '{}'", &[options.take()?]));
        }
    }
    if let Some((user, password)) = login {
        authenticate(call, user, password)?;
    }
    if !call.session.authenticated && call.shared.acl.asks_for_password() {
        return Err(Error::Text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        ));
    }
    if let Some(name) = name {
        set_name(call, name);
    }
    if let Some(protocol) = protocol {
        call.session.protocol = protocol;
        call.reply.set_protocol(protocol);
    }
    introduce(call);
    Ok(())
}

fn introduce(call: &mut Call<'_>) {
    let proto = if call.session.protocol == Protocol::Resp3 { 3 } else { 2 };
    let reply = &mut call.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(proto);
    reply.bulk(b"id");
    reply.int(call.session.id.0 as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

command! {
    /// Returns PONG, or the message.
    ///
    /// ```redis
    /// > PING
    /// PONG
    /// > PING hello
    /// "hello"
    /// ```
    PING("[message]") -> "'PONG' | string";
    flags FAST;
    since "1.0.0";
    takes "O(1)";
    run ping;
}

fn ping(call: &mut Call<'_>) -> Result {
    let message = call.args.get(1);
    if call.args.len() > 2 {
        return Err(Error::WrongArity("ping"));
    }
    if call.session.is_subscriber() {
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        Some(message) => call.reply.bulk(message),
        None => call.reply.simple("PONG"),
    }
    Ok(())
}

command! {
    /// Ends the connection.
    ///
    /// Replies to commands before it are still sent.
    ///
    /// ```redis
    /// > QUIT
    /// OK
    /// (closed)
    /// ```
    QUIT("[arg...]") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;
    since "1.0.0";
    takes "O(1)";
    run quit;
}

fn quit(call: &mut Call<'_>) -> Result {
    call.session.closing = true;
    call.reply.ok();
    Ok(())
}

command! {
    /// Makes the connection as if it were new.
    ///
    /// Its transaction, watches, subscriptions, tracking, name and authentication are forgotten; it speaks RESP2 to
    /// database 0.
    ///
    /// ```redis
    /// > SELECT 3
    /// OK
    /// > RESET
    /// RESET
    /// ```
    RESET("") -> "'RESET'";
    flags NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;
    since "6.2.0";
    takes "O(1)";
    run reset;
}

fn reset(call: &mut Call<'_>) -> Result {
    let session = &mut *call.session;
    session.transaction = None;
    call.shared.watches.unwatch(session);
    call.shared.pubsub.leave(session.id, &mut session.subscriptions);
    if session.tracking.take().is_some() {
        call.shared.readers.disable(session.id);
    }
    session.monitor = false;
    call.shared.monitors.retain(|id| *id != session.id);
    session.no_evict = false;
    session.no_touch = false;
    session.replies = Replies::On;
    session.name = Bytes::new();
    session.db = 0;
    session.protocol = Protocol::Resp2;
    session.user = UserId::DEFAULT;
    session.authenticated = session.peer.trusted || !call.shared.acl.asks_for_password();
    call.reply.set_protocol(Protocol::Resp2);
    call.reply.simple("RESET");
    Ok(())
}

command! {
    /// Changes the database of the connection.
    ///
    /// Databases share nothing but the server: a key of one is none of another.
    ///
    /// ```redis
    /// > SELECT 1
    /// OK
    /// > SELECT 16
    /// (error) ERR DB index is out of range
    /// ```
    SELECT("index") -> "'OK'";
    flags LOADING | STALE | FAST;
    since "1.0.0";
    takes "O(1)";
    run select;
}

fn select(call: &mut Call<'_>) -> Result {
    call.session.db = database(call, call.args.int(1)?)?;
    call.reply.ok();
    Ok(())
}

command! {
    /// Waits until replicas have what the connection has written.
    ///
    /// Answers with how many have it, at the latest after so many milliseconds; 0 waits for ever.
    ///
    /// ```redis
    /// > WAIT 0 100
    /// (integer) 0
    /// ```
    WAIT("numreplicas:integer timeout:integer") -> "number";
    flags NOSCRIPT;
    since "3.0.0";
    takes "O(1)";
    run wait;
}

fn wait(call: &mut Call<'_>) -> Result {
    if call.shared.following.is_some() {
        return Err(Error::Text(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
             configured to be writable (which is not the default) writes to replicas are just local and are not \
             propagated.",
        ));
    }
    let replicas = usize::try_from(call.args.int(1)?).unwrap_or(0);
    let until = patience(call, 2)?;
    let wanted = Wanted { offset: call.session.written, replicas, stored: false };
    call.wait_for_replicas(wanted, until, Nothing::Int(0));
    Ok(())
}

/// Reads the argument at `i` as the milliseconds to wait; returns the deadline, or none for 0.
fn patience(call: &Call<'_>, i: usize) -> Result<Option<Time>> {
    let timeout = number::parse_int(call.args.at(i));
    let timeout = timeout.ok_or(Error::Text("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Error::Text("ERR timeout is negative"))?;
    Ok((timeout > 0).then(|| call.db.now.plus_millis(timeout)))
}

command! {
    /// Waits until the log and replicas' logs have what the connection has written, on the disk.
    ///
    /// Answers with two numbers: 1 if our own log has it, and how many replicas' logs, at the latest after so many
    /// milliseconds; 0 waits for ever. Of replicas on Redlet those tell what their disks have whose log is brought there
    /// with every change (`appendfsync always`). From Redis 7.2.
    ///
    /// ```redis
    /// > WAITAOF 0 0 100
    /// 1) (integer) 0
    /// 2) (integer) 0
    /// ```
    WAITAOF("numlocal:integer numreplicas:integer timeout:integer") -> "[number, number]";
    flags BLOCKING | NOSCRIPT;
    since "7.2.0";
    takes "O(1)";
    run waitaof;
}

fn waitaof(call: &mut Call<'_>) -> Result {
    if let Turn::Answered(_) = call.session.turn {
        Nothing::Logged(1, 0).write(&mut call.reply);
        return Ok(());
    }
    if call.shared.following.is_some() {
        return Err(Error::Text(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just \
             local and are not propagated.",
        ));
    }
    let local = call.args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(Error::Text("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = number::parse_int(call.args.at(2)).filter(|replicas| *replicas >= 0);
    let replicas = replicas.ok_or(Error::Text("ERR value is out of range, must be positive"))?;
    let until = patience(call, 3)?;
    if local > 0 && !call.shared.config.appendonly {
        return Err(Error::Text(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    if replicas > 0 {
        if local > 0 {
            // Carried out before anything is sent.
            call.shared.requests.push(Request::Sync);
        }
        let replicas = usize::try_from(replicas).unwrap_or(usize::MAX);
        let wanted = Wanted { offset: call.session.written, replicas, stored: true };
        call.wait_for_replicas(wanted, until, Nothing::Logged(local, 0));
        return Ok(());
    }
    if local > 0 && call.session.turn.is_sent() {
        call.wait_for_word(Request::Sync, call.args.to_owned());
    } else {
        Nothing::Logged(0, 0).write(&mut call.reply);
    }
    Ok(())
}
