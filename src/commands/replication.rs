//! What replicas say to the server that they follow, and how it tells of them.

use crate::base::number::{parse_int, parse_uint};
use crate::command;
use crate::engine::{Call, Family};
use crate::replication::{Contents, Replica};
use crate::resp::{Error, Result, split_line};
use crate::spec::Categories;

pub const REPLICATION: Family = Family {
    name: "replication",
    category: Categories::NONE,
    commands: &[&FAILOVER, &PSYNC, &REPLCONF, &REPLICAOF, &ROLE, &SLAVEOF, &SYNC],
};

command! {
    /// Makes a replica of the connection.
    ///
    /// It is sent a snapshot as one bulk string without an end of line, then every change as it is logged, and a PING
    /// now and then.
    SYNC("") -> "unknown";
    flags ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING;
    since "1.0.0";
    takes "O(N) with N keys";
    run sync;
}

fn sync(call: &mut Call<'_>) -> Result {
    follow(call, false)
}

command! {
    /// Makes a replica of the connection, and names the history that it follows.
    ///
    /// What has changed since a replica was last there is not kept: every replica gets a whole snapshot.
    PSYNC("replicationid offset:integer [FAILOVER]") -> "unknown";
    flags ADMIN | NOSCRIPT | NO_MULTI | NO_ASYNC_LOADING;
    since "2.8.0";
    takes "O(N) with N keys";
    run psync;
}

fn psync(call: &mut Call<'_>) -> Result {
    follow(call, true)
}

fn follow(call: &mut Call<'_>, named: bool) -> Result {
    if call.shared.following.as_ref().is_some_and(|link| !link.is_online()) {
        return Err(Error::Text("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    call.session.replica = true;
    call.shared.primary.follow(call.session.id, named, call.db.now);
    call.db.effects.logging = true;
    Ok(())
}

command! {
    /// Tells the server about a replica: where it listens, what it understands, how far it has got.
    REPLCONF("[option value...]") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY;
    since "3.0.0";
    takes "O(1)";
    run configure;
}

fn configure(call: &mut Call<'_>) -> Result {
    if call.args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let (session, now) = (call.session.id, call.db.now);
    let mut answers = true;
    for i in (1..call.args.len()).step_by(2) {
        let is = |option| call.args.is(i, option);
        let place = |call: &Call<'_>| call.args.int(i + 1).map(|offset| u64::try_from(offset).unwrap_or(0));
        if is("ACK") {
            let offset = place(call)?;
            call.shared.primary.introduce(session, now, |link| link.acknowledge(offset, now));
            answers = false;
        } else if is("FACK") {
            let offset = place(call)?;
            call.shared.primary.introduce(session, now, |link| link.store(offset));
        } else if is("GETACK") {
            if call.session.primary
                && let Some(link) = &mut call.shared.following
            {
                link.ask();
            }
            answers = false;
        } else if is("LISTENING-PORT") {
            let port = u16::try_from(call.args.int(i + 1)?).unwrap_or(0);
            call.shared.primary.introduce(session, now, |link| link.port = port);
        } else if is("RDB-ONLY") {
            let only = call.args.int(i + 1)? != 0;
            call.shared.primary.introduce(session, now, |link| link.want_snapshot_only(only));
        } else if is("IP-ADDRESS") {
            let address = String::from_utf8_lossy(call.args.at(i + 1)).into_owned();
            call.shared.primary.introduce(session, now, |link| link.address = address);
        } else if is("RDB-FILTER-ONLY") {
            let contents = contents(call.args.at(i + 1))?;
            call.shared.primary.introduce(session, now, |link| link.want_contents(contents));
        } else if !is("CAPA") && !is("VERSION") {
            return Err(Error::quoting("ERR Unrecognized REPLCONF option: {}", &[call.args.at(i)]));
        }
    }
    if answers {
        call.reply.ok();
    } else {
        // Between a replica and its primary there are changes, not replies.
        call.shared.serve_waits_for_replicas();
    }
    Ok(())
}

/// Returns what words say that a snapshot is to hold.
fn contents(words: &[u8]) -> Result<Contents> {
    let words = split_line(words).ok_or(Error::Text("ERR Missing rdb-filter-only values"))?;
    match words.iter().find(|word| !word.eq_ignore_ascii_case(b"functions")) {
        Some(word) => Err(Error::quoting("ERR Unsupported rdb-filter-only option: {}", &[word])),
        None if words.is_empty() => Ok(Contents::Nothing),
        None => Ok(Contents::Functions),
    }
}

command! {
    /// Tells which part the server has in replication: how far its history goes, and who follows.
    ///
    /// ```redis
    /// > ROLE
    /// 1) "master"
    /// 2) (integer) 0
    /// 3) (empty array)
    /// ```
    ROLE("") -> "[string, number, [string, string, string][]] | [string, string, number, string, number]";
    flags NOSCRIPT | LOADING | STALE | FAST;
    also ADMIN | DANGEROUS;
    since "2.8.12";
    takes "O(1)";
    run role;
}

fn role(call: &mut Call<'_>) -> Result {
    let primary = &call.shared.primary;
    if let Some(link) = &call.shared.following {
        call.reply.array(5);
        call.reply.bulk(b"slave");
        call.reply.bulk(link.host.as_bytes());
        call.reply.int(link.port.into());
        call.reply.bulk(link.state().as_bytes());
        call.reply.int(if link.is_online() { primary.offset() as i64 } else { -1 });
        return Ok(());
    }
    call.reply.array(3);
    call.reply.bulk(b"master");
    call.reply.int(primary.offset() as i64);
    let online = || primary.followers().filter(|link| link.is_online());
    call.reply.array(online().count());
    for link in online() {
        let client = call.shared.clients.get(link.session);
        let address = link.address_or(client.map_or("", |client| client.session.peer.host()));
        call.reply.array(3);
        call.reply.bulk(address.as_bytes());
        call.reply.bulk_int(link.port.into());
        call.reply.bulk_int(link.acknowledged() as i64);
    }
    Ok(())
}

command! {
    /// Makes the server follow another one, or none.
    ///
    /// It goes on with its present keys until it has a snapshot of the other server's, and then makes every change that
    /// is made there. Its own clients may only read. With NO ONE it keeps what it has and goes on by itself.
    ///
    /// ```redis
    /// > REPLICAOF NO ONE
    /// OK
    /// ```
    REPLICAOF("host port") -> "'OK'";
    flags ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING;
    since "5.0.0";
    takes "O(1)";
    run replica_of;
}

command! {
    /// As REPLICAOF, by its former name.
    ///
    /// ```redis
    /// > SLAVEOF NO ONE
    /// OK
    /// ```
    SLAVEOF("host port") -> "'OK'";
    flags ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING;
    since "1.0.0";
    takes "O(1)";
    run replica_of;
}

fn replica_of(call: &mut Call<'_>) -> Result {
    if call.args.is(1, "NO") && call.args.is(2, "ONE") {
        call.follow_nobody();
        call.reply.ok();
        return Ok(());
    }
    if call.session.replica {
        return Err(Error::Text("ERR Command is not valid when client is a replica."));
    }
    let host = String::from_utf8_lossy(call.args.at(1)).into_owned();
    let port = parse_uint(call.args.at(2)).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(Error::Text("ERR Invalid master port"))?;
    if !call.shared.host.connects {
        return Err(Error::Text(
            "ERR this server can't follow another one: a browser opens no TCP connections",
        ));
    }
    let is_same = |link: &Replica| link.host.eq_ignore_ascii_case(&host) && link.port == port;
    if call.shared.following.as_deref().is_some_and(is_same) {
        call.reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    call.follow(host, port);
    call.reply.ok();
    Ok(())
}

command! {
    /// Has a replica take the server's place.
    ///
    /// Refused: the roles are changed by hand, with `REPLICAOF NO ONE` there and `REPLICAOF` here.
    ///
    /// ```redis
    /// > FAILOVER
    /// (error) ERR FAILOVER requires connected replicas.
    /// ```
    FAILOVER("[TO host port:integer [FORCE]] [TIMEOUT milliseconds:integer]") -> "'OK'";
    flags ADMIN | NOSCRIPT | STALE;
    since "6.2.0";
    takes "O(1)";
    run failover;
}

fn failover(call: &mut Call<'_>) -> Result {
    if call.args.len() == 2 && call.args.is(1, "ABORT") {
        return Err(Error::Text("ERR No failover in progress."));
    }
    let (mut timeout, mut target, mut force) = (None, None, false);
    let mut options = call.args.options(1);
    while !options.is_empty() {
        if timeout.is_none()
            && let Some(ms) = options.int_after("TIMEOUT")?
        {
            if ms <= 0 {
                return Err(Error::Text("ERR FAILOVER timeout must be greater than 0"));
            }
            timeout = Some(ms);
        } else if target.is_none() && options.len() > 2 && options.word("TO") {
            target = Some(options.take()?);
            parse_int(options.take()?).and_then(|port| i32::try_from(port).ok()).ok_or(Error::NotInteger)?;
        } else if !force && options.word("FORCE") {
            force = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Err(Error::Text(if call.shared.following.is_some() {
        "ERR FAILOVER is not valid when server is a replica."
    } else if call.shared.primary.followers().next().is_none() {
        "ERR FAILOVER requires connected replicas."
    } else if force && (timeout.is_none() || target.is_none()) {
        "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
    } else {
        "ERR FAILOVER is not done by this server: send REPLICAOF NO ONE to the replica, then REPLICAOF to this server"
    }))
}
