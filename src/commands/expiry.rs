//! Deadlines of keys.

use crate::base::time::Time;
use crate::command;
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const EXPIRY: Family = Family {
    name: "generic",
    category: Categories::KEYSPACE,
    commands: &[&EXPIRE, &EXPIREAT, &EXPIRETIME, &PERSIST, &PEXPIRE, &PEXPIREAT, &PEXPIRETIME, &PTTL, &TTL],
};

/// How a command spells a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// What a moment is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Now,
    /// The beginning of 1970.
    Epoch,
}

/// Returns the moment in milliseconds since 1970; negative ones are long past. `None` if no 64-bit number holds it.
pub(super) fn moment(n: i64, unit: Unit, from: From, now: Time) -> Option<i64> {
    let ms = match unit {
        Unit::Seconds => n.checked_mul(1000)?,
        Unit::Milliseconds => n,
    };
    match from {
        From::Now => ms.checked_add(now.millis() as i64),
        From::Epoch => Some(ms),
    }
}

/// Returns a moment as a deadline. One before 1970 is as good as 1970.
pub(super) fn deadline(ms: i64) -> Time {
    Time::from_millis(ms.max(0) as u64)
}

command! {
    /// Sets a key's deadline, in seconds from now.
    ///
    /// NX wants a key without a deadline and XX one with; GT and LT want the new deadline to be later or earlier than
    /// the old one. Answers with 1 if the deadline was set. A deadline that is not ahead removes the key.
    ///
    /// ```redis
    /// > SET session data
    /// OK
    /// > EXPIRE session 60
    /// (integer) 1
    /// > EXPIRE session 30 GT
    /// (integer) 0
    /// > TTL session
    /// (integer) 60
    /// ```
    EXPIRE("key seconds [NX|XX|GT|LT]") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    arity -3;
    since "1.0.0";
    takes "O(1)";
    run expire;
}

fn expire(call: &mut Call<'_>) -> Result {
    set_deadline(call, Unit::Seconds, From::Now, "expire")
}

command! {
    /// Sets a key's deadline, in milliseconds from now.
    ///
    /// The conditions are those of EXPIRE.
    ///
    /// ```redis
    /// > SET session data
    /// OK
    /// > PEXPIRE session 1500
    /// (integer) 1
    /// ```
    PEXPIRE("key milliseconds [NX|XX|GT|LT]") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    arity -3;
    since "2.6.0";
    takes "O(1)";
    run expire_ms;
}

fn expire_ms(call: &mut Call<'_>) -> Result {
    set_deadline(call, Unit::Milliseconds, From::Now, "pexpire")
}

command! {
    /// Sets a key's deadline, in seconds since 1970.
    ///
    /// The conditions are those of EXPIRE.
    ///
    /// ```redis
    /// > SET session data
    /// OK
    /// > EXPIREAT session 33177117420
    /// (integer) 1
    /// > EXPIRETIME session
    /// (integer) 33177117420
    /// ```
    EXPIREAT("key unix-time-seconds [NX|XX|GT|LT]") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    arity -3;
    since "1.2.0";
    takes "O(1)";
    run expire_at;
}

fn expire_at(call: &mut Call<'_>) -> Result {
    set_deadline(call, Unit::Seconds, From::Epoch, "expireat")
}

command! {
    /// Sets a key's deadline, in milliseconds since 1970.
    ///
    /// The conditions are those of EXPIRE.
    ///
    /// ```redis
    /// > SET session data
    /// OK
    /// > PEXPIREAT session 33177117420000
    /// (integer) 1
    /// > PEXPIRETIME session
    /// (integer) 33177117420000
    /// ```
    PEXPIREAT("key unix-time-milliseconds [NX|XX|GT|LT]") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    arity -3;
    since "2.6.0";
    takes "O(1)";
    run expire_at_ms;
}

fn expire_at_ms(call: &mut Call<'_>) -> Result {
    set_deadline(call, Unit::Milliseconds, From::Epoch, "pexpireat")
}

/// What an old deadline must be like for a new one to be set.
#[derive(Default)]
struct Conditions {
    none: bool,
    some: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn parse(call: &Call<'_>) -> Result<Self> {
        let mut conditions = Self::default();
        for arg in call.args.iter().skip(3) {
            match arg.to_ascii_uppercase().as_slice() {
                b"NX" => conditions.none = true,
                b"XX" => conditions.some = true,
                b"GT" => conditions.greater = true,
                b"LT" => conditions.less = true,
                _ => return Err(Error::quoting("ERR Unsupported option {}", &[arg])),
            }
        }
        if conditions.none && (conditions.some || conditions.greater || conditions.less) {
            return Err(Error::Text("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if conditions.greater && conditions.less {
            return Err(Error::Text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// A key without a deadline counts as one that expires never.
    fn hold(&self, old: Option<Time>, new: Time) -> bool {
        !(self.none && old.is_some()
            || self.some && old.is_none()
            || self.greater && old.is_none_or(|old| new <= old)
            || self.less && old.is_some_and(|old| new >= old))
    }
}

fn set_deadline(call: &mut Call<'_>, unit: Unit, from: From, name: &str) -> Result {
    let key = call.args.at(1);
    let conditions = Conditions::parse(call)?;
    let n = call.args.int(2)?;
    let Some(ms) = moment(n, unit, from, call.db.now) else {
        return Err(Error::said(format!("ERR invalid expire time in '{name}' command")));
    };
    let new = deadline(ms);
    if !call.db.exists(key) || !conditions.hold(call.db.deadline(key), new) {
        call.reply.int(0);
        return Ok(());
    }
    // While a log is replayed, what it says of deadlines holds, even of those that have passed since.
    if new <= call.db.now && call.db.lazy_expiry {
        call.db.remove(key);
        call.db.touch(key, Event::DEL);
        call.db.log_as(&[b"DEL", key]);
    } else {
        call.db.set_deadline(key, Some(new));
        call.db.touch(key, Event::generic("expire"));
        call.db.log_as(&[b"PEXPIREAT", key, ms.to_string().as_bytes()]);
    }
    call.reply.int(1);
    Ok(())
}

command! {
    /// Takes a key's deadline away.
    ///
    /// Answers with 1 if it had one.
    ///
    /// ```redis
    /// > SET session data EX 60
    /// OK
    /// > PERSIST session
    /// (integer) 1
    /// > TTL session
    /// (integer) -1
    /// ```
    PERSIST("key") -> "number";
    flags WRITE | FAST;
    keys RW | UPDATE;
    since "2.2.0";
    takes "O(1)";
    run persist;
}

fn persist(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let had_one = call.db.deadline(key).is_some();
    if had_one {
        call.db.set_deadline(key, None);
        call.db.touch(key, Event::generic("persist"));
    }
    call.reply.int(i64::from(had_one));
    Ok(())
}

command! {
    /// Returns how many seconds a key has left.
    ///
    /// -1 means that it has no deadline, -2 that there is no such key.
    ///
    /// ```redis
    /// > SET session data EX 60
    /// OK
    /// > TTL session
    /// (integer) 60
    /// > TTL nothing
    /// (integer) -2
    /// ```
    TTL("key") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(1)";
    run seconds_left;
}

fn seconds_left(call: &mut Call<'_>) -> Result {
    let now = call.db.now.millis() as i64;
    show(call, |at| ((at - now).max(0) + 500) / 1000)
}

command! {
    /// Returns how many milliseconds a key has left.
    ///
    /// -1 means that it has no deadline, -2 that there is no such key.
    ///
    /// ```redis
    /// > SET session data
    /// OK
    /// > PTTL session
    /// (integer) -1
    /// ```
    PTTL("key") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "2.6.0";
    takes "O(1)";
    run ms_left;
}

fn ms_left(call: &mut Call<'_>) -> Result {
    let now = call.db.now.millis() as i64;
    show(call, |at| (at - now).max(0))
}

command! {
    /// Returns a key's deadline, in seconds since 1970.
    ///
    /// -1 means that it has none, -2 that there is no such key.
    ///
    /// ```redis
    /// > SET session data EXAT 33177117420
    /// OK
    /// > EXPIRETIME session
    /// (integer) 33177117420
    /// ```
    EXPIRETIME("key") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.0.0";
    takes "O(1)";
    run at_seconds;
}

fn at_seconds(call: &mut Call<'_>) -> Result {
    show(call, |at| (at + 500) / 1000)
}

command! {
    /// Returns a key's deadline, in milliseconds since 1970.
    ///
    /// -1 means that it has none, -2 that there is no such key.
    ///
    /// ```redis
    /// > SET session data PXAT 33177117420000
    /// OK
    /// > PEXPIRETIME session
    /// (integer) 33177117420000
    /// ```
    PEXPIRETIME("key") -> "number";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "7.0.0";
    takes "O(1)";
    run at_ms;
}

fn at_ms(call: &mut Call<'_>) -> Result {
    show(call, |at| at)
}

/// Answers with what `shown` makes of a key's deadline in milliseconds since 1970.
fn show(call: &mut Call<'_>, shown: impl FnOnce(i64) -> i64) -> Result {
    let answer = match call.db.peek_counted(call.args.at(1)) {
        None => -2,
        Some(entry) => entry.deadline().map_or(-1, |at| shown(at.millis() as i64)),
    };
    call.reply.int(answer);
    Ok(())
}
