//! Transactions: several commands as one, if nothing that they rest on has changed.

use crate::base::bytes::Bytes;
use crate::command;
use crate::engine::session::{Begun, Transaction, Turn, Watched};
use crate::engine::{Call, Family, dispatch, resume};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const TRANSACTION: Family = Family {
    name: "transaction",
    category: Categories::TRANSACTION,
    commands: &[&DISCARD, &EXEC, &MULTI, &UNWATCH, &WATCH],
};

command! {
    /// Starts a transaction.
    ///
    /// Commands that follow are queued until EXEC runs all of them, or DISCARD forgets them. No other client's command
    /// runs in between.
    ///
    /// ```redis
    /// > MULTI
    /// OK
    /// > INCR visits
    /// QUEUED
    /// > INCR visits
    /// QUEUED
    /// > EXEC
    /// 1) (integer) 1
    /// 2) (integer) 2
    /// ```
    MULTI("") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;
    since "1.2.0";
    takes "O(1)";
    run multi;
}

fn multi(call: &mut Call<'_>) -> Result {
    if call.session.transaction.is_some() {
        return Err(Error::Text("ERR MULTI calls can not be nested"));
    }
    call.session.transaction = Some(Transaction::default());
    call.reply.ok();
    Ok(())
}

command! {
    /// Runs the commands of a transaction.
    ///
    /// Answers with one reply a command, or with null if a watched key was changed. A command that fails does not keep
    /// the others from running; one that was refused while it was queued does.
    ///
    /// ```redis
    /// > MULTI
    /// OK
    /// > SET greeting hello
    /// QUEUED
    /// > LLEN greeting
    /// QUEUED
    /// > EXEC
    /// 1) OK
    /// 2) (error) WRONGTYPE Operation against a key holding the wrong kind of value
    /// ```
    EXEC("") -> "unknown[] | null";
    flags NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG;
    since "1.2.0";
    takes "The cost of the commands";
    run exec;
}

fn exec(call: &mut Call<'_>) -> Result {
    let (start, turn) = (call.reply.mark(), call.session.turn.clone());
    let begun = if call.is_resumed() {
        call.shared.busy.as_mut().and_then(|busy| busy.transaction.take())
    } else {
        begin(call)?
    };
    let Some(mut begun) = begun else { return Ok(()) };
    call.reply.copy(&begun.reply);
    let is_over = run_on(call, &mut begun);
    // Each command has logged itself.
    call.db.log_nothing();
    if is_over {
        return Ok(());
    }
    begun.reply = call.reply.written(start).to_vec();
    call.reply.cut(start);
    if let Some(busy) = &mut call.shared.busy {
        busy.transaction = Some(begun);
    }
    call.session.turn = turn;
    call.wait_for_slice()
}

/// Runs what has not ended of a transaction, up to a script that takes long; returns whether nothing is left.
fn run_on(call: &mut Call<'_>, begun: &mut Begun) -> bool {
    let mut resumed = call.is_resumed();
    while let Some(args) = begun.queue.get(begun.ended) {
        let before = call.reply.mark();
        let nested = &mut call.nested(args.as_args());
        if std::mem::take(&mut resumed) {
            nested.session.turn = Turn::NestedAgain { still: false };
            resume(nested);
        } else {
            dispatch(nested);
        }
        if call.session.turn.is_still() {
            call.reply.cut(before);
            return false;
        }
        begun.ended += 1;
    }
    true
}

/// Ends the queueing; returns what is to be run, or answers with null if a watched key was changed.
fn begin(call: &mut Call<'_>) -> Result<Option<Begun>> {
    let transaction = call.session.transaction.take().ok_or(Error::Text("ERR EXEC without MULTI"))?;
    let watched = std::mem::take(&mut call.session.watched);
    let expired = watched.iter().any(|watched| is_newly_expired(call, watched));
    let failed = call.session.watch_failed || expired;
    call.session.watched = watched;
    call.shared.watches.unwatch(call.session);
    if transaction.failed {
        return Err(Error::Text("EXECABORT Transaction discarded because of previous errors."));
    }
    if failed {
        call.reply.null_array();
        return Ok(None);
    }
    call.reply.array(transaction.queue.len());
    Ok(Some(Begun { queue: transaction.queue, ended: 0, reply: vec![] }))
}

/// Returns whether a watched key has passed its deadline without anybody having removed it.
fn is_newly_expired(call: &mut Call<'_>, watched: &Watched) -> bool {
    !watched.expired && call.db.other(watched.db).is_late(&watched.key)
}

command! {
    /// Forgets the commands of a transaction.
    ///
    /// Watched keys are forgotten too.
    ///
    /// ```redis
    /// > MULTI
    /// OK
    /// > SET greeting hello
    /// QUEUED
    /// > DISCARD
    /// OK
    /// > GET greeting
    /// (nil)
    /// ```
    DISCARD("") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;
    since "2.0.0";
    takes "O(N) with N queued commands";
    run discard;
}

fn discard(call: &mut Call<'_>) -> Result {
    call.session.transaction.take().ok_or(Error::Text("ERR DISCARD without MULTI"))?;
    call.shared.watches.unwatch(call.session);
    call.reply.ok();
    Ok(())
}

command! {
    /// Makes the next transaction depend on keys.
    ///
    /// If one of them is changed before EXEC, by whomever, the transaction does not run.
    ///
    /// ```redis
    /// > SET stock 5
    /// OK
    /// > WATCH stock
    /// OK
    /// > SET stock 4
    /// OK
    /// > MULTI
    /// OK
    /// > DECR stock
    /// QUEUED
    /// > EXEC
    /// (nil)
    /// ```
    WATCH("key...") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;
    keys RO;
    since "2.2.0";
    takes "O(1) for each key";
    run watch;
}

fn watch(call: &mut Call<'_>) -> Result {
    if call.session.transaction.is_some() {
        return Err(Error::Text("ERR WATCH inside MULTI is not allowed"));
    }
    if !call.session.watch_failed {
        for key in call.args.iter().skip(1) {
            let watched =
                Watched { db: call.db.index(), key: Bytes::from(key), expired: call.db.is_late(key) };
            call.shared.watches.watch(call.session, watched);
        }
    }
    call.reply.ok();
    Ok(())
}

command! {
    /// Forgets all watched keys.
    ///
    /// EXEC and DISCARD do so themselves.
    ///
    /// ```redis
    /// > WATCH stock
    /// OK
    /// > UNWATCH
    /// OK
    /// ```
    UNWATCH("") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;
    since "2.2.0";
    takes "O(1)";
    run unwatch;
}

fn unwatch(call: &mut Call<'_>) -> Result {
    call.shared.watches.unwatch(call.session);
    call.reply.ok();
    Ok(())
}
