//! Connections: who speaks, in which protocol, to which database.

use crate::command;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const CONNECTION: Family =
    Family { name: "connection", category: Categories::CONNECTION, commands: &[&ECHO, &PING, &SELECT] };

command! {
    /// Returns the message.
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
    /// Returns PONG, or the message.
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
    /// Changes the database of the connection.
    SELECT("index") -> "'OK'";
    flags LOADING | STALE | FAST;
    since "1.0.0";
    takes "O(1)";
    run select;
}

fn select(call: &mut Call<'_>) -> Result {
    let index = call.args.int(1)?;
    let index = u32::try_from(index).ok().filter(|index| (*index as usize) < call.db.databases());
    call.session.db = index.ok_or(Error::Text("ERR DB index is out of range"))?;
    call.reply.ok();
    Ok(())
}
