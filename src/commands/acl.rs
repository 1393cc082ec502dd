//! ACL: users, what each may do, and who was refused what.

use crate::command;
use crate::engine::acl::{self, Acl, Channel, Denied, User, UserId};
use crate::engine::{Call, Family, Request, Session};
use crate::resp::{Args, Error, Reply, Result, SessionId};
use crate::spec::Categories;

use super::client_list::disconnect;
use super::command::help;

pub const ACL_FAMILY: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[
        &ACL,
        &ACL_CAT,
        &ACL_DELUSER,
        &ACL_DRYRUN,
        &ACL_GENPASS,
        &ACL_GETUSER,
        &ACL_HELP,
        &ACL_LIST,
        &ACL_LOAD,
        &ACL_LOG,
        &ACL_SAVE,
        &ACL_SETUSER,
        &ACL_USERS,
        &ACL_WHOAMI,
    ],
};

command! {
    /// Tells and decides who may do what.
    ACL("subcommand [arg...]") -> "unknown";
    since "6.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    ACL_HELP "ACL HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "6.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Makes a user, or changes what it may do.
    ///
    /// Rules are applied in order, all or none. A new user is off, has no password and may do nothing; `on`, `>secret`,
    /// `~pattern` for keys, `&pattern` for channels, `+command` and `+@category` grant, `off`, `<secret`, `resetkeys`,
    /// `resetchannels`, `-command` and `-@category` take back. Rules in parentheses are another set of permissions: a
    /// call is allowed if one of the sets allows all of it.
    ///
    /// ```redis
    /// > ACL SETUSER ann on >secret ~cached:* +get
    /// OK
    /// > ACL DRYRUN ann GET cached:1
    /// OK
    /// > ACL DRYRUN ann GET other
    /// "This user has no permissions to access the 'other' key"
    /// ```
    ACL_SETUSER "ACL SETUSER" ("username [rule...]") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N rules";
    run set_user;
}

fn set_user(call: &mut Call<'_>) -> Result {
    let name = acl::check_name(call.args.at(2))?;
    let rules = acl::join(call.args.from(3).iter()).map_err(|first| {
        Error::quoting("ERR Unmatched parenthesis in acl selector starting at '{}'.", &[&first])
    })?;
    let reader = Acl::reader(&call.shared.config, &call.shared.table);
    let id = call.shared.acl.find(name);
    let mut user = match id {
        Some(id) => call.shared.acl.user(id).clone(),
        None => User::new(name, reader.all_channels),
    };
    reader.apply_all(&mut user, &rules).map_err(|wrong| wrong.refusal())?;
    if let Some(id) = id {
        let sessions = call.shared.clients.sessions(call.session).map(|(session, _)| session);
        let deaf = sessions.filter(|session| session.user == id && !may_go_on_listening(session, &user));
        let deaf: Vec<SessionId> = deaf.map(|session| session.id).collect();
        disconnect(call, &deaf);
    }
    call.shared.acl.put(user);
    call.reply.ok();
    Ok(())
}

/// Returns whether the rules allow all that a session listens to.
fn may_go_on_listening(session: &Session, user: &User) -> bool {
    use crate::engine::pubsub::Way;
    [(Way::Channel, Channel::Name), (Way::Shard, Channel::Name), (Way::Pattern, Channel::Pattern)]
        .into_iter()
        .all(|(way, kind)| {
            let names = session.subscriptions.of(way);
            names.is_empty() || names.iter().all(|(name, _)| user.allows_channel(name, kind))
        })
}

command! {
    /// Tells everything about a user.
    ///
    /// Passwords are shown as their SHA-256.
    ///
    /// ```redis
    /// > ACL SETUSER ann on nopass ~cached:* +get
    /// OK
    /// > ACL GETUSER bob
    /// (nil)
    /// ```
    ACL_GETUSER "ACL GETUSER" ("username") -> "Record<string, unknown> | null";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N rules";
    run get_user;
}

fn get_user(call: &mut Call<'_>) -> Result {
    let acl = &call.shared.acl;
    let Some(id) = acl.find(call.args.at(2)) else {
        call.reply.null();
        return Ok(());
    };
    let (user, table) = (acl.user(id), &call.shared.table);
    let describe = |reply: &mut Reply<'_>, selector: &acl::Selector| {
        reply.bulk(b"commands");
        reply.bulk(selector.command_rules(table).as_bytes());
        reply.bulk(b"keys");
        reply.bulk(&selector.key_rules());
        reply.bulk(b"channels");
        reply.bulk(&selector.channel_rules());
    };
    let reply = &mut call.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords.len());
    user.passwords.iter().for_each(|hash| reply.bulk(acl::hex(hash).as_bytes()));
    describe(reply, user.root());
    reply.bulk(b"selectors");
    reply.array(user.selectors.len() - 1);
    for selector in &user.selectors[1..] {
        reply.map(3);
        describe(reply, selector);
    }
    Ok(())
}

command! {
    /// Removes users, and ends their connections.
    ///
    /// Answers with how many there were.
    ///
    /// ```redis
    /// > ACL SETUSER ann
    /// OK
    /// > ACL DELUSER ann bob
    /// (integer) 1
    /// ```
    ACL_DELUSER "ACL DELUSER" ("username...") -> "number";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N connections";
    run delete_users;
}

fn delete_users(call: &mut Call<'_>) -> Result {
    let names = call.args.from(2);
    if names.iter().any(|name| name == b"default") {
        return Err(Error::Text("ERR The 'default' user cannot be removed"));
    }
    let mut deleted = 0;
    for name in names.iter() {
        let Some(id) = call.shared.acl.find(name) else { continue };
        leave(call, id);
        call.shared.acl.remove(id);
        deleted += 1;
    }
    call.reply.len(deleted);
    Ok(())
}

/// Ends the connections of a user that is about to go.
fn leave(call: &mut Call<'_>, user: UserId) {
    let sessions = call.shared.clients.sessions(call.session).map(|(session, _)| session);
    let ids: Vec<SessionId> =
        sessions.filter(|session| session.user == user).map(|session| session.id).collect();
    for id in &ids {
        let session = match call.shared.clients.get_mut(*id) {
            Some(client) => &mut client.session,
            None => &mut *call.session,
        };
        (session.user, session.authenticated) = (UserId::DEFAULT, false);
    }
    disconnect(call, &ids);
}

command! {
    /// Returns the names of all users.
    ///
    /// ```redis
    /// > ACL USERS
    /// 1) "default"
    /// ```
    ACL_USERS "ACL USERS" ("") -> "string[]";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N users";
    run users;
}

fn users(call: &mut Call<'_>) -> Result {
    let users = call.shared.acl.users();
    call.reply.array(users.len());
    users.iter().for_each(|user| call.reply.bulk(&user.name));
    Ok(())
}

command! {
    /// Returns the rules of all users, as lines of an ACL file.
    ///
    /// ```redis
    /// > ACL LIST
    /// 1) "user default on nopass ~* &* +@all"
    /// ```
    ACL_LIST "ACL LIST" ("") -> "string[]";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N users";
    run list;
}

fn list(call: &mut Call<'_>) -> Result {
    let users = call.shared.acl.users();
    call.reply.array(users.len());
    users.iter().for_each(|user| call.reply.bulk(&user.line(&call.shared.table)));
    Ok(())
}

command! {
    /// Returns the name of the user that the connection has come in as.
    ///
    /// ```redis
    /// > ACL WHOAMI
    /// "default"
    /// ```
    ACL_WHOAMI "ACL WHOAMI" ("") -> "string";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(1)";
    run who_am_i;
}

fn who_am_i(call: &mut Call<'_>) -> Result {
    call.reply.bulk(&call.shared.acl.user(call.session.user).name);
    Ok(())
}

command! {
    /// Returns the categories of commands, or the commands of one.
    ///
    /// ```redis
    /// > ACL CAT transaction
    /// (in any order)
    /// 1) "multi"
    /// 2) "exec"
    /// 3) "discard"
    /// 4) "watch"
    /// 5) "unwatch"
    /// > ACL CAT nothing
    /// (error) ERR Unknown category 'nothing'
    /// ```
    ACL_CAT "ACL CAT" ("[category]") -> "string[]";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N commands";
    run categories;
}

fn categories(call: &mut Call<'_>) -> Result {
    match call.args.len() {
        2 => {
            call.reply.array(Categories::ALL.len());
            Categories::ALL.iter().for_each(|(_, name)| call.reply.bulk(name.as_bytes()));
        }
        3 => {
            let name = String::from_utf8_lossy(call.args.at(2));
            let unknown = || Error::quoting("ERR Unknown category '{}'", &[call.args.at(2)]);
            let category = Categories::named(&name).ok_or_else(unknown)?;
            let table = &call.shared.table;
            call.reply.array(table.of_category(category).count());
            for place in table.of_category(category) {
                call.reply.bulk(table.at(place).command.spec.spelled().as_bytes());
            }
        }
        _ => return Err(wrong_arguments(call.args)),
    }
    Ok(())
}

/// Refuses a subcommand with too many arguments as Redis does where it counts them itself.
fn wrong_arguments(args: Args<'_>) -> Error {
    Error::wrong_subcommand(args.at(1), "ACL")
}

command! {
    /// Says whether a user may run a command, without running it.
    ///
    /// ```redis
    /// > ACL SETUSER ann +@read
    /// OK
    /// > ACL DRYRUN ann SET greeting hello
    /// "This user has no permissions to run the 'set' command"
    /// ```
    ACL_DRYRUN "ACL DRYRUN" ("username command [arg...]") -> "'OK' | string";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "7.0.0";
    takes "O(N) with N keys of the command";
    run dry_run;
}

fn dry_run(call: &mut Call<'_>) -> Result {
    let (name, args) = (call.args.at(2), call.args.from(3));
    let (acl, table) = (&call.shared.acl, &call.shared.table);
    let no_user = || Error::quoting("ERR User '{}' not found", &[name]);
    let user = acl.user(acl.find(name).ok_or_else(no_user)?);
    let no_command = || Error::quoting("ERR Command '{}' not found", &[args.at(0)]);
    let place = table.find(args).ok_or_else(no_command)?;
    let spec = &table.at(place).command.spec;
    if !spec.shape.admits(args.len()) {
        return Err(Error::WrongArity(spec.name));
    }
    let (text, quoted) = match user.check(table, place, args) {
        Ok(()) => {
            call.reply.ok();
            return Ok(());
        }
        Err(Denied::Command) => {
            let text = format!("This user has no permissions to run the '{}' command", spec.spelled());
            call.reply.bulk(text.as_bytes());
            return Ok(());
        }
        Err(Denied::Key(at)) => ("This user has no permissions to access the '{}' key", args.at(at)),
        Err(Denied::Channel(at)) => ("This user has no permissions to access the '{}' channel", args.at(at)),
    };
    call.reply.bulk(&Error::quoting(text, &[quoted]).bytes());
    Ok(())
}

command! {
    /// Makes up a password.
    ///
    /// It has as many hexadecimal digits as the number of bits takes, 64 if none is given.
    ///
    /// ```redis
    /// > ACL GENPASS 0
    /// (error) ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096
    /// ```
    ACL_GENPASS "ACL GENPASS" ("[bits:integer]") -> "string";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(1)";
    run make_password;
}

fn make_password(call: &mut Call<'_>) -> Result {
    let bits = match call.args.len() {
        2 => 256,
        3 => call.args.int(2)?,
        _ => return Err(wrong_arguments(call.args)),
    };
    if !(1..=4096).contains(&bits) {
        return Err(Error::Text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut password = String::new();
    while password.len() < digits {
        password += &call.shared.acl.make_password(call.shared.hash_key);
    }
    call.reply.bulk(&password.as_bytes()[..digits]);
    Ok(())
}

command! {
    /// Shows who was refused what, the newest first, or forgets it.
    ///
    /// Refusals alike within a minute are one entry. Ten entries are shown if no number is given.
    ///
    /// ```redis
    /// > ACL LOG RESET
    /// OK
    /// > ACL LOG
    /// (empty array)
    /// ```
    ACL_LOG "ACL LOG" ("[count:integer|RESET]") -> "Record<string, unknown>[] | 'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N entries shown";
    run log;
}

fn log(call: &mut Call<'_>) -> Result {
    if call.args.len() > 3 {
        return Err(wrong_arguments(call.args));
    }
    if call.args.is(2, "RESET") {
        call.shared.acl.log.clear();
        call.reply.ok();
        return Ok(());
    }
    let most = if call.args.len() == 3 { call.args.int(2)?.max(0) as usize } else { 10 };
    let entries = call.shared.acl.log.iter();
    call.reply.array(entries.len().min(most));
    for entry in entries.take(most) {
        let age = call.db.now.millis().saturating_sub(entry.time.millis());
        let reply = &mut call.reply;
        reply.map(7);
        reply.bulk(b"count");
        reply.int(entry.count as i64);
        let words = [
            (&b"reason"[..], entry.reason.name().as_bytes()),
            (b"context", entry.context.name().as_bytes()),
            (b"object", &*entry.object),
            (b"username", &*entry.username),
        ];
        for (name, value) in words {
            reply.bulk(name);
            reply.bulk(value);
        }
        reply.bulk(b"age-seconds");
        reply.double(age as f64 / 1000.0);
        reply.bulk(b"client-info");
        reply.bulk(entry.client.as_bytes());
    }
    Ok(())
}

command! {
    /// Reads the users again from the file of the parameter `aclfile`.
    ///
    /// They take the place of those there are, whose connections end. A file with errors changes nothing.
    ACL_LOAD "ACL LOAD" ("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N users";
    run load;
}

fn load(call: &mut Call<'_>) -> Result {
    ask(call, Request::LoadUsers)
}

command! {
    /// Writes the users to the file of the parameter `aclfile`.
    ACL_SAVE "ACL SAVE" ("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(N) with N users";
    run save;
}

fn save(call: &mut Call<'_>) -> Result {
    ask(call, Request::SaveUsers)
}

fn ask(call: &mut Call<'_>, request: Request) -> Result {
    if call.shared.config.aclfile.is_empty() {
        return Err(Error::Text(
            "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
             SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in \
             order to store users in the Redis configuration.",
        ));
    }
    call.wait_for_host(request);
    Ok(())
}
