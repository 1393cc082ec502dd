//! Persistence: snapshots and logs on demand. The host writes them; what is wanted is a request to it.

use crate::command;
use crate::engine::{Call, Family, Request};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const PERSISTENCE: Family = Family {
    name: "persistence",
    category: Categories::NONE,
    commands: &[&BGREWRITEAOF, &BGSAVE, &LASTSAVE, &SAVE],
};

const SAVING: Error = Error::Text("ERR Background save already in progress");

command! {
    /// Takes a snapshot, and answers when it is kept.
    ///
    /// Other clients are served meanwhile; the snapshot is of the moment when it began.
    SAVE("") -> "'OK'";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI;
    since "1.0.0";
    takes "O(N) with N keys";
    run save;
}

fn save(call: &mut Call<'_>) -> Result {
    if call.shared.persistence.saving.is_some() {
        return Err(SAVING);
    }
    call.shared.persistence.begin_save(call.db.effects.dirty(), call.db.now);
    call.wait_for_host(Request::Save);
    Ok(())
}

command! {
    /// Has a snapshot taken while other commands run.
    ///
    /// With SCHEDULE, also while the log is rewritten: once that is done.
    BGSAVE("[SCHEDULE]") -> "string";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING;
    since "1.0.0";
    takes "O(1)";
    run bgsave;
}

fn bgsave(call: &mut Call<'_>) -> Result {
    let schedule = call.args.is(1, "SCHEDULE");
    if call.args.len() > 2 || (call.args.len() == 2 && !schedule) {
        return Err(Error::Syntax);
    }
    let (in_transaction, state) = (call.session.turn.is_nested(), &mut call.shared.persistence);
    if state.saving.is_some() {
        return Err(SAVING);
    }
    if state.rewriting.is_some() && !schedule && !in_transaction {
        return Err(Error::Text(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
             schedule a BGSAVE whenever possible.",
        ));
    }
    if state.rewriting.is_some() || in_transaction {
        if !std::mem::replace(&mut state.save_scheduled, true) {
            call.shared.requests.push(Request::Save);
        }
        call.reply.simple("Background saving scheduled");
    } else {
        state.begin_save(call.db.effects.dirty(), call.db.now);
        call.shared.requests.push(Request::Save);
        call.reply.simple("Background saving started");
    }
    Ok(())
}

command! {
    /// Tells when the last snapshot that was kept was taken, in seconds since 1970.
    LASTSAVE("") -> "number";
    flags LOADING | STALE | FAST;
    also ADMIN | DANGEROUS;
    since "1.0.0";
    takes "O(1)";
    run last_save;
}

fn last_save(call: &mut Call<'_>) -> Result {
    call.reply.int(call.shared.persistence.last_save.seconds() as i64);
    Ok(())
}

command! {
    /// Has the log written anew, as short as it can be, while other commands run.
    BGREWRITEAOF("") -> "string";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING;
    since "1.0.0";
    takes "O(1)";
    run rewrite;
}

fn rewrite(call: &mut Call<'_>) -> Result {
    let (in_transaction, state) = (call.session.turn.is_nested(), &mut call.shared.persistence);
    if state.rewriting.is_some() {
        return Err(Error::Text("ERR Background append only file rewriting already in progress"));
    }
    if state.saving.is_some() || in_transaction {
        if !std::mem::replace(&mut state.rewrite_scheduled, true) {
            call.shared.requests.push(Request::Rewrite);
        }
        call.reply.simple("Background append only file rewriting scheduled");
    } else {
        state.begin_rewrite(call.db.effects.dirty(), call.db.now);
        call.shared.requests.push(Request::Rewrite);
        call.reply.simple("Background append only file rewriting started");
    }
    Ok(())
}
