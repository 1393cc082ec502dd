//! What replicas say to the server that they follow, and how it tells of them.

use crate::command;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const REPLICATION: Family = Family {
    name: "replication",
    category: Categories::NONE,
    commands: &[&PSYNC, &REPLCONF, &REPLICAOF, &ROLE, &SLAVEOF, &SYNC],
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
    follow(call, false);
    Ok(())
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
    follow(call, true);
    Ok(())
}

fn follow(call: &mut Call<'_>, named: bool) {
    call.session.replica = true;
    call.shared.primary.follow(call.session.id, named, call.db.now);
    call.db.effects.logging = true;
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
    for i in (1..call.args.len()).step_by(2) {
        let is = |option| call.args.is(i, option);
        if is("ACK") {
            let offset = u64::try_from(call.args.int(i + 1)?).unwrap_or(0);
            call.shared.primary.introduce(session, now, |link| link.acknowledge(offset, now));
            // A replica reads changes here, not replies.
            return Ok(());
        } else if is("LISTENING-PORT") {
            let port = u16::try_from(call.args.int(i + 1)?).unwrap_or(0);
            call.shared.primary.introduce(session, now, |link| link.port = port);
        } else if is("RDB-ONLY") {
            let only = call.args.int(i + 1)? != 0;
            call.shared.primary.introduce(session, now, |link| link.want_snapshot_only(only));
        } else if !is("CAPA") && !is("IP-ADDRESS") && !is("VERSION") {
            let option = String::from_utf8_lossy(call.args.at(i));
            return Err(Error::said(format!("ERR Unrecognized REPLCONF option: {option}")));
        }
    }
    call.reply.ok();
    Ok(())
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
    ROLE("") -> "[string, number, [string, string, string][]]";
    flags NOSCRIPT | LOADING | STALE | FAST;
    also ADMIN | DANGEROUS;
    since "2.8.12";
    takes "O(1)";
    run role;
}

fn role(call: &mut Call<'_>) -> Result {
    let primary = &call.shared.primary;
    call.reply.array(3);
    call.reply.bulk(b"master");
    call.reply.int(primary.offset() as i64);
    let online = || primary.followers().filter(|link| link.is_online());
    call.reply.array(online().count());
    for link in online() {
        let client = call.shared.clients.get(link.session);
        let address = client.map_or("", |client| client.session.peer.host());
        call.reply.array(3);
        call.reply.bulk(address.as_bytes());
        call.reply.bulk_int(link.port.into());
        call.reply.bulk_int(link.acknowledged() as i64);
    }
    Ok(())
}

command! {
    /// Makes the server follow another one, which it can't yet, or none, which it does anyway.
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
        call.reply.ok();
        return Ok(());
    }
    Err(Error::Text("ERR this server can't follow another one yet"))
}
