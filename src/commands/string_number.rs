//! Strings that are numbers: counters, whole and with a fraction.

use crate::base::long_double::LongDouble;
use crate::command;
use crate::data::entry::{NewValue, Str};
use crate::engine::{Call, Family};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const STRING_NUMBER: Family = Family {
    name: "string",
    category: Categories::STRING,
    commands: &[&DECR, &DECRBY, &INCR, &INCRBY, &INCRBYFLOAT],
};

command! {
    /// Adds one to the integer at a key.
    ///
    /// A key that does not exist counts as zero. The reply is the new value; one beyond 64 bits is refused.
    ///
    /// ```redis
    /// > SET visits 10
    /// OK
    /// > INCR visits
    /// (integer) 11
    /// ```
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

command! {
    /// Subtracts one from the integer at a key.
    ///
    /// A key that does not exist counts as zero.
    ///
    /// ```redis
    /// > DECR left
    /// (integer) -1
    /// ```
    DECR("key") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run decr;
}

fn decr(call: &mut Call<'_>) -> Result {
    add(call, -1)
}

command! {
    /// Adds a number to the integer at a key.
    ///
    /// A key that does not exist counts as zero. The key keeps its deadline.
    ///
    /// ```redis
    /// > SET points 10
    /// OK
    /// > INCRBY points 5
    /// (integer) 15
    /// ```
    INCRBY("key increment:integer") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run incrby;
}

fn incrby(call: &mut Call<'_>) -> Result {
    add(call, call.args.int(2)?)
}

command! {
    /// Subtracts a number from the integer at a key.
    ///
    /// A key that does not exist counts as zero. The key keeps its deadline.
    ///
    /// ```redis
    /// > SET points 10
    /// OK
    /// > DECRBY points 3
    /// (integer) 7
    /// ```
    DECRBY("key decrement") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run decrby;
}

fn decrby(call: &mut Call<'_>) -> Result {
    let by = call.args.int(2)?.checked_neg().ok_or(Error::Text("ERR decrement would overflow"))?;
    add(call, by)
}

fn add(call: &mut Call<'_>, by: i64) -> Result {
    let key = call.args.at(1);
    let new = match call.db.write::<Str>(key)? {
        Some(mut number) => {
            let old = number.get().to_int().ok_or(Error::NotInteger)?;
            let new = old.checked_add(by).ok_or(Error::Overflow)?;
            number.set_int(new);
            new
        }
        None => {
            call.db.set(key, NewValue::Int(by), Expiry::Never);
            by
        }
    };
    call.db.touch(key, Event::string("incrby"));
    call.reply.int(new);
    Ok(())
}

command! {
    /// Adds a number with a fraction to the number at a key.
    ///
    /// A key that does not exist counts as zero. The reply is the new value, with at most 17 digits behind the point;
    /// it is counted in 80 bits, as by Redis on x86-64.
    ///
    /// ```redis
    /// > SET price 10.50
    /// OK
    /// > INCRBYFLOAT price 0.1
    /// "10.6"
    /// > INCRBYFLOAT price -5.0e0
    /// "5.6"
    /// ```
    INCRBYFLOAT("key increment:double") -> "string";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "2.6.0";
    takes "O(1)";
    run incrbyfloat;
}

fn incrbyfloat(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let mut digits = [0; 20];
    let old = call.db.write::<Str>(key)?;
    let old = old.as_ref().map_or(&b"0"[..], |string| string.get().as_bytes(&mut digits));
    let old = LongDouble::parse(old).ok_or(Error::NotFloat)?;
    let by = LongDouble::parse(call.args.at(2)).ok_or(Error::NotFloat)?;
    let new = old.checked_add(by).ok_or(Error::Text("ERR increment would produce NaN or Infinity"))?.format();
    call.db.set(key, NewValue::Plain(&new), Expiry::Keep);
    call.db.touch(key, Event::string("incrbyfloat"));
    call.db.log_as(&[b"SET", key, &new, b"KEEPTTL"]);
    call.reply.bulk(&new);
    Ok(())
}
