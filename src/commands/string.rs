//! Strings.

use crate::command;
use crate::data::entry::{NewValue, Str};
use crate::engine::{Call, Family};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const STRING: Family =
    Family { name: "string", category: Categories::STRING, commands: &[&GET, &INCR, &SET] };

command! {
    /// Returns the string value of a key.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > GET greeting
    /// "hello"
    /// ```
    GET("key") -> "string | null";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(1)";
    run get;
}

fn get(call: &mut Call<'_>) -> Result {
    match call.db.read::<Str>(call.args.at(1))? {
        Some(Str::Bytes(bytes)) => call.reply.bulk(bytes),
        Some(Str::Int(n)) => call.reply.bulk_int(n),
        None => call.reply.null(),
    }
    Ok(())
}

command! {
    /// Sets the string value of a key, whatever it held before.
    SET("key value") -> "'OK'";
    flags WRITE | DENYOOM;
    keys OW | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run set;
}

fn set(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.args.at(1), call.args.at(2));
    call.db.set(key, NewValue::Bytes(value), Expiry::Never);
    call.db.touch(key, Event::string("set"));
    call.reply.ok();
    Ok(())
}

command! {
    /// Adds one to the integer at a key, which counts as zero if there is none.
    INCR("key") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run incr;
}

fn incr(call: &mut Call<'_>) -> Result {
    add(call, 1)
}

fn add(call: &mut Call<'_>, by: i64) -> Result {
    let key = call.args.at(1);
    let old = call.db.read::<Str>(key)?.map_or(Some(0), Str::to_int).ok_or(Error::NotInteger)?;
    let new = old.checked_add(by).ok_or(Error::Overflow)?;
    call.db.set(key, NewValue::Int(new), Expiry::Keep);
    call.db.touch(key, Event::string("incrby"));
    call.reply.int(new);
    Ok(())
}
