//! Everything that happens around a command, in one place and in order.

use crate::base::bytes::Bytes;
use crate::resp::{Error, Result};
use crate::spec::{self, Flags, Spec};

use super::acl::Denied;
use super::call::Call;
use super::monitor;
use super::request::Request;
use super::session::Turn;

/// Runs the command that the arguments name, and writes its reply.
pub fn dispatch(call: &mut Call<'_>) {
    let start = call.reply.mark();
    let place = match admit(call) {
        Ok(place) => place,
        Err(_) if speaks_http(call) => return hang_up(call),
        Err(error) => return refuse(call, &error),
    };
    let command = call.shared.table.at(place).command;
    if call.shared.pause.is_on() && call.session.turn.is_sent() && call.postpone(&command.spec) {
        return;
    }
    if call.session.transaction.is_some() && call.session.turn.is_sent() && is_queued(command.spec.name) {
        return queue(call);
    }
    call.db.effects.observed = call.shared.observes_keys();
    let began = call.shared.measure.lap();
    let mark = call.db.effects.begin_call();
    let db = call.db.index();
    let result = (command.run)(call);
    if let Err(error) = &result {
        call.reply.cut(start);
        call.reply.error(error);
        call.shared.measure.error(error);
    }
    call.db.effects.end_call(mark, db, call.args);
    let nanos = call.shared.measure.since(began);
    call.count(place, nanos, result.is_err());
    if !call.shared.monitors.is_empty() {
        monitor::show(call, &command.spec);
    }
    if call.session.tracking.is_some() {
        remember_keys(call, place);
    }
}

/// Runs a command again for a client that waited for it. What admission and statistics do is done already.
pub fn resume(call: &mut Call<'_>) {
    let start = call.reply.mark();
    let Some(place) = call.shared.table.find(call.args) else { return };
    let command = call.shared.table.at(place).command;
    call.db.effects.observed = call.shared.observes_keys();
    let began = call.shared.measure.now();
    let mark = call.db.effects.begin_call();
    let db = call.db.index();
    if let Err(error) = (command.run)(call) {
        call.reply.cut(start);
        call.reply.error(&error);
        call.shared.measure.error(&error);
        call.shared.table.stats(place).failed += 1;
    }
    call.db.effects.end_call(mark, db, call.args);
    if call.session.tracking.is_some() && runs_script(&command.spec) {
        remember_keys(call, place);
    }
    if !call.session.turn.is_still() {
        let nanos = call.shared.measure.now().saturating_sub(began);
        call.shared.count_duration(call.session, place, call.args, nanos, call.db.now);
    }
}

/// Returns the command's place in the table if this client may run it now.
fn admit(call: &mut Call<'_>) -> Result<usize> {
    let Some(place) = call.shared.table.find(call.args) else { return Err(unknown(call)) };
    let known = call.shared.table.at(place);
    let spec = &known.command.spec;
    call.session.last_command = Some(spec.name);
    let result = if !known.subcommands.is_empty() && call.args.len() > 1 {
        Err(unknown_subcommand(call))
    } else if !spec.shape.admits(call.args.len()) {
        Err(Error::WrongArity(spec.name))
    } else {
        allow(call, place)
    };
    match result {
        Ok(()) => Ok(place),
        Err(error) => {
            call.shared.table.stats(place).rejected += 1;
            Err(error)
        }
    }
}

/// Checks what the client and the server are ready for.
fn allow(call: &mut Call<'_>, place: usize) -> Result {
    let spec = &call.shared.table.at(place).command.spec;
    let (name, flags) = (spec.name, call.shared.flags_of(spec, call.args));
    if !call.session.authenticated && !flags.has(Flags::NO_AUTH) && call.shared.acl.asks_for_password() {
        return Err(Error::Text("NOAUTH Authentication required."));
    }
    if call.session.transaction.is_some() && call.session.turn.is_sent() && flags.has(Flags::NO_MULTI) {
        return Err(Error::Text("ERR Command not allowed inside a transaction"));
    }
    if !call.shared.acl.may_everything(call.session.user) {
        authorize(call, place)?;
    }
    if call.shared.persistence.loading.is_some()
        && !flags.has(Flags::LOADING)
        && call.session.user != super::acl::UserId::HOST
    {
        return Err(Error::Text("LOADING Redis is loading the dataset in memory"));
    }
    if call.is_refused_by_script()
        && !flags.has(Flags::ALLOW_BUSY)
        && let Some(busy) = &call.shared.busy
    {
        return Err(busy.refusal());
    }
    if call.shared.out_of_memory {
        call.refuse_without_memory(name, flags)?;
    }
    if flags.has(Flags::WRITE)
        && !call.session.is_obeyed()
        && let Some(error) = call.shared.persistence.refuses_writes(&call.shared.config)
    {
        return Err(error);
    }
    if call.shared.may_refuse_by_role() && call.session.turn.is_sent() {
        call.refuse_by_role(name, flags)?;
    }
    if call.session.turn.is_sent()
        && call.session.is_subscriber()
        && !matches!(
            name,
            "PING"
                | "SUBSCRIBE"
                | "SSUBSCRIBE"
                | "UNSUBSCRIBE"
                | "SUNSUBSCRIBE"
                | "PSUBSCRIBE"
                | "PUNSUBSCRIBE"
                | "QUIT"
                | "RESET"
        )
    {
        let name = name.to_ascii_lowercase().replace(' ', "|");
        return Err(Error::said(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )));
    }
    // Pauses don't hold these up, which is not to be made use of.
    if (call.session.monitor || call.session.replica)
        && call.session.turn.is_sent()
        && flags.any(Flags::READONLY | Flags::WRITE | Flags::MAY_REPLICATE)
    {
        return Err(Error::Text("ERR Replica can't interact with the keyspace"));
    }
    Ok(())
}

/// Checks what the client's user may do; a refusal is logged.
#[cold]
fn authorize(call: &mut Call<'_>, place: usize) -> Result {
    let shared = &*call.shared;
    let Err(denied) = shared.acl.check(call.session.user, &shared.table, place, call.args) else {
        return Ok(());
    };
    let name = shared.table.at(place).command.spec.spelled();
    let object = match denied {
        Denied::Command => Bytes::from(name.as_str()),
        Denied::Key(at) | Denied::Channel(at) => Bytes::from(call.args.at(at)),
    };
    let username = shared.acl.user(call.session.user).name.clone();
    call.note_refusal(denied.into(), object, username);
    let (nested, scripted) = (call.session.turn == Turn::Nested, call.session.turn == Turn::Script);
    Err(match denied {
        Denied::Command if scripted => {
            Error::Text("ERR The user executing the script can't run this command or subcommand")
        }
        Denied::Key(_) if scripted => Error::Text(
            "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
        ),
        Denied::Channel(_) if scripted => Error::Text(
            "ERR The user executing the script can't publish to the channel mentioned in the command",
        ),
        Denied::Command if nested => rules_changed("no permission to execute the command or subcommand"),
        Denied::Key(_) if nested => rules_changed("no permission to touch the specified keys"),
        Denied::Channel(_) if nested => {
            rules_changed("no permission to access one of the channels used as arguments")
        }
        Denied::Command => {
            Error::said(format!("NOPERM this user has no permissions to run the '{name}' command"))
        }
        Denied::Key(_) => {
            Error::Text("NOPERM this user has no permissions to access one of the keys used as arguments")
        }
        Denied::Channel(_) => {
            Error::Text("NOPERM this user has no permissions to access one of the channels used as arguments")
        }
    })
}

/// Refuses a command of a transaction that was allowed when it was queued.
fn rules_changed(why: &str) -> Error {
    Error::said(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
         is no longer allowed for the following reason: {why}"
    ))
}

/// Answers with an error before the command has run; a transaction that is being queued fails with it.
fn refuse(call: &mut Call<'_>, error: &Error) {
    call.shared.measure.error(error);
    if call.session.turn.is_sent() {
        if call.args.is(0, "EXEC") {
            return abort(call, error);
        }
        if let Some(transaction) = &mut call.session.transaction {
            transaction.failed = true;
        }
    }
    call.reply.error(error);
}

/// Ends the transaction whose EXEC was refused.
fn abort(call: &mut Call<'_>, error: &Error) {
    call.session.transaction = None;
    call.shared.watches.unwatch(call.session);
    let text = error.text();
    let why = text.strip_prefix("ERR ").unwrap_or(&text);
    call.reply.error(&Error::said(format!("EXECABORT Transaction discarded because of: {why}")));
}

/// Says whether this is no command but a line of HTTP: a browser was made to send us a request, whose body may hold
/// commands.
fn speaks_http(call: &Call<'_>) -> bool {
    call.session.turn.is_sent() && (call.args.is(0, "POST") || call.args.is(0, "HOST:"))
}

fn hang_up(call: &mut Call<'_>) {
    call.session.closing = true;
    call.shared.requests.push(Request::Warn(
        "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands, as a page in a \
         browser would that is to misuse this server. Connection aborted."
        .into(),
    ));
}

fn is_queued(name: &str) -> bool {
    !matches!(name, "EXEC" | "DISCARD" | "MULTI" | "WATCH" | "QUIT" | "RESET")
}

fn queue(call: &mut Call<'_>) {
    if let Some(transaction) = &mut call.session.transaction {
        transaction.queue.push(call.args.to_owned());
    }
    call.reply.simple("QUEUED");
}

/// Returns whether these commands are monitored as what they run.
fn runs_script(spec: &Spec) -> bool {
    spec.flags.has(Flags::SKIP_MONITOR)
}

/// Remembers what a tracking client has read, so that it hears of changes. Of a script that reads anything, those are
/// the keys that were passed to it.
fn remember_keys(call: &mut Call<'_>, place: usize) {
    let spec = &call.shared.table.at(place).command.spec;
    let Some(tracking) = &mut call.session.tracking else { return };
    let reads = spec.flags.has(Flags::READONLY) && tracking.remembers();
    let changes = call.db.effects.changes_of_unit();
    if call.session.turn == Turn::Script {
        if reads {
            tracking.script_reads.get_or_insert([changes; 2])[1] = changes;
        }
        return;
    }
    let reads = if runs_script(spec) { tracking.script_reads.take() } else { reads.then_some([changes; 2]) };
    if let Some([first, last]) = reads
        && let Ok(keys) = spec::keys(spec, call.args)
    {
        for changes in [first].into_iter().chain((last > first).then_some(last)) {
            for key in keys.clone() {
                call.shared.readers.remember(call.session.id, call.args.at(key.at), changes);
            }
        }
    }
    // What CLIENT CACHING said holds for a whole transaction.
    if spec.name != "CLIENT CACHING" && call.session.turn.is_sent() && call.session.transaction.is_none() {
        tracking.end_caching();
    }
}

/// How much of a command's name, and of its arguments, is quoted that does not exist.
const QUOTED: usize = 128;

/// Says which command is unknown, with the beginning of its arguments.
fn unknown(call: &Call<'_>) -> Error {
    let mut beginning = Vec::new();
    for arg in call.args.iter().skip(1) {
        if beginning.len() >= QUOTED {
            break;
        }
        let text = arg.iter().take(QUOTED - beginning.len()).take_while(|byte| **byte != 0);
        beginning.push(b'\'');
        beginning.extend(text);
        beginning.extend_from_slice(b"' ");
    }
    let name = call.args.at(0);
    let name = &name[..name.len().min(QUOTED)];
    Error::quoting("ERR unknown command '{}', with args beginning with: {}", &[name, &beginning])
}

fn unknown_subcommand(call: &Call<'_>) -> Error {
    let sub = call.args.at(1);
    let sub = &sub[..sub.len().min(QUOTED)];
    let container = call.args.at(0).to_ascii_uppercase();
    Error::quoting("ERR unknown subcommand '{}'. Try {} HELP.", &[sub, &container])
}

/// Leaves a reply out if CLIENT REPLY says so.
pub(super) fn silence(call: &mut Call<'_>, start: crate::resp::Mark) {
    // A call that waits is answered later.
    if call.session.waiting.is_some() || !call.session.leaves_reply_out() {
        return;
    }
    // What these say is a message, not a reply.
    let subscribes = call.session.last_command.is_some_and(|name| name.ends_with("SUBSCRIBE"));
    if !subscribes || call.reply.written(start).first() == Some(&b'-') {
        call.reply.cut(start);
    }
}
