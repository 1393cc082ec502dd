//! Strings: setting, getting, and parts of them. Counting is in `string_number`.

use crate::base::number::{format_int, parse_int};
use crate::base::time::Time;
use crate::command;
use crate::data::entry::{NewValue, Str};
use crate::engine::{Call, Family, Shared};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Error, Options, Reply, Result};
use crate::spec::Categories;

use super::expiry::{From, Unit, deadline, moment};

pub const STRING: Family = Family {
    name: "string",
    category: Categories::STRING,
    commands: &[
        &APPEND, &DELIFEQ, &GET, &GETDEL, &GETEX, &GETRANGE, &GETSET, &MGET, &MSET, &MSETNX, &PSETEX, &SET,
        &SETEX, &SETNX, &SETRANGE, &STRLEN, &SUBSTR,
    ],
};

command! {
    /// Sets the string value of a key, whatever it held before.
    ///
    /// The key loses its deadline unless `EX`, `PX`, `EXAT` or `PXAT` gives it a new one or `KEEPTTL` keeps the old.
    /// `NX` sets only a key that does not exist, `XX` only one that does; the reply is null if that stood in the way.
    /// `IFEQ`, of Valkey 8.1, sets only a string that equals another one. With `GET` the reply is the former value instead,
    /// in any case.
    ///
    /// ```redis
    /// > SET door open EX 60
    /// OK
    /// > SET door closed NX
    /// (nil)
    /// > SET door closed KEEPTTL GET
    /// "open"
    /// > TTL door
    /// (integer) 60
    /// ```
    SET("key value [NX|XX|IFEQ comparison-value] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]")
        -> "'OK' | string | null";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | UPDATE | VARIABLE_FLAGS;
    since "1.0.0";
    takes "O(1)";
    run set;
}

fn set(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.args.at(1), call.args.at(2));
    let (mut condition, mut get, mut lifetime) = (None, false, Lifetime::default());
    let mut options = call.args.options(3);
    while !options.is_empty() {
        if options.word("NX") {
            choose(&mut condition, Condition::Absent)?;
        } else if options.word("XX") {
            choose(&mut condition, Condition::Present)?;
        } else if let Some(expected) = options.after("IFEQ")? {
            choose(&mut condition, Condition::Equals(expected))?;
        } else if options.word("GET") {
            get = true;
        } else if options.word("KEEPTTL") {
            choose(&mut lifetime.form, Form::Keep)?;
        } else if !lifetime.read(&mut options)? {
            return Err(Error::Syntax);
        }
    }
    let expiry = lifetime.expiry(call.db.now, "set")?;
    if get {
        write_value(call, key)?;
    }
    let done = store(call, key, value, condition, expiry)?;
    if !get {
        if done { call.reply.ok() } else { call.reply.null() }
    }
    // Where the log is read there is nobody to reply to, and an older server may not know every condition.
    if done && (get || matches!(condition, Some(Condition::Equals(_)))) {
        match expiry {
            Expiry::Keep => call.db.log_as(&[b"SET", key, value, b"KEEPTTL"]),
            Expiry::Never => call.db.log_as(&[b"SET", key, value]),
            Expiry::At(_) => {}
        }
    }
    Ok(())
}

/// What must hold of a key to be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Absent,
    Present,
    /// It holds this string.
    Equals(&'a [u8]),
}

impl Condition<'_> {
    fn holds(self, call: &mut Call<'_>, key: &[u8]) -> Result<bool> {
        match self {
            Condition::Absent => Ok(!call.db.exists(key)),
            Condition::Present => Ok(call.db.exists(key)),
            Condition::Equals(expected) => {
                let string = call.db.write::<Str>(key)?;
                Ok(string.is_some_and(|string| string.get().as_bytes(&mut [0; 20]) == expected))
            }
        }
    }
}

/// Sets a key if the condition holds; returns whether it did.
fn store(
    call: &mut Call<'_>,
    key: &[u8],
    value: &[u8],
    condition: Option<Condition<'_>>,
    expiry: Expiry,
) -> Result<bool> {
    if let Some(condition) = condition
        && !condition.holds(call, key)?
    {
        return Ok(false);
    }
    call.db.set(key, NewValue::Bytes(value), expiry);
    call.db.touch(key, Event::string("set"));
    if let Expiry::At(deadline) = expiry {
        call.db.note(key, Event::generic("expire"));
        call.db.log_as(&[b"SET", key, value, b"PXAT", &format_int(deadline.millis() as i64)]);
    }
    Ok(true)
}

command! {
    /// Sets the string value of a key that does not exist.
    ///
    /// The reply is 1 if the key was set, 0 if it exists, with a value of any kind. `SET` with `NX` does the same.
    ///
    /// ```redis
    /// > SETNX lock ann
    /// (integer) 1
    /// > SETNX lock bob
    /// (integer) 0
    /// ```
    SETNX("key value") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys OW | INSERT;
    since "1.0.0";
    takes "O(1)";
    run setnx;
}

fn setnx(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.args.at(1), call.args.at(2));
    let done = store(call, key, value, Some(Condition::Absent), Expiry::Never)?;
    call.reply.int(done.into());
    Ok(())
}

command! {
    /// Sets the string value of a key that expires after some seconds.
    ///
    /// `SET` with `EX` does the same.
    ///
    /// ```redis
    /// > SETEX code 300 4711
    /// OK
    /// > TTL code
    /// (integer) 300
    /// ```
    SETEX("key seconds value") -> "'OK'";
    flags WRITE | DENYOOM;
    keys OW | UPDATE;
    since "2.0.0";
    takes "O(1)";
    run setex;
}

fn setex(call: &mut Call<'_>) -> Result {
    store_for(call, Unit::Seconds, "setex")
}

command! {
    /// Sets the string value of a key that expires after some milliseconds.
    ///
    /// `SET` with `PX` does the same.
    ///
    /// ```redis
    /// > PSETEX flash 1500 now
    /// OK
    /// > GET flash
    /// "now"
    /// ```
    PSETEX("key milliseconds value") -> "'OK'";
    flags WRITE | DENYOOM;
    keys OW | UPDATE;
    since "2.6.0";
    takes "O(1)";
    run psetex;
}

fn psetex(call: &mut Call<'_>) -> Result {
    store_for(call, Unit::Milliseconds, "psetex")
}

fn store_for(call: &mut Call<'_>, unit: Unit, command: &'static str) -> Result {
    let (key, value) = (call.args.at(1), call.args.at(3));
    let lifetime = Lifetime { form: Some(Form::Until(unit, From::Now)), number: call.args.at(2) };
    let expiry = lifetime.expiry(call.db.now, command)?;
    store(call, key, value, None, expiry)?;
    call.reply.ok();
    Ok(())
}

/// How long a key is to live, as arguments say it.
#[derive(Default)]
struct Lifetime<'a> {
    form: Option<Form>,
    number: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As long as before.
    Keep,
    /// For ever.
    Persist,
    /// Until a moment.
    Until(Unit, From),
}

impl<'a> Lifetime<'a> {
    const WORDS: [(&'static str, Form); 4] = [
        ("EX", Form::Until(Unit::Seconds, From::Now)),
        ("PX", Form::Until(Unit::Milliseconds, From::Now)),
        ("EXAT", Form::Until(Unit::Seconds, From::Epoch)),
        ("PXAT", Form::Until(Unit::Milliseconds, From::Epoch)),
    ];

    /// Takes the next two arguments if they say a time; returns whether they do.
    fn read(&mut self, options: &mut Options<'a>) -> Result<bool> {
        for (word, form) in Self::WORDS {
            if let Some(number) = options.after(word)? {
                choose(&mut self.form, form)?;
                self.number = number;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what becomes of the deadline; it must lie after 1970, and the number must be one.
    fn expiry(&self, now: Time, command: &'static str) -> Result<Expiry> {
        let (unit, from) = match self.form {
            None | Some(Form::Persist) => return Ok(Expiry::Never),
            Some(Form::Keep) => return Ok(Expiry::Keep),
            Some(Form::Until(unit, from)) => (unit, from),
        };
        let number = parse_int(self.number).ok_or(Error::NotInteger)?;
        let ms = if number > 0 { moment(number, unit, from, now) } else { None };
        let ms = ms.ok_or_else(|| Error::said(format!("ERR invalid expire time in '{command}' command")))?;
        Ok(Expiry::At(deadline(ms)))
    }
}

/// Takes one of several choices that exclude one another; the same one may be taken twice.
fn choose<T: PartialEq>(choice: &mut Option<T>, new: T) -> Result {
    if choice.as_ref().is_some_and(|old| *old != new) {
        return Err(Error::Syntax);
    }
    *choice = Some(new);
    Ok(())
}

command! {
    /// Sets the string values of several keys at once.
    ///
    /// What the keys held before is overwritten, and their deadlines are gone.
    ///
    /// ```redis
    /// > MSET first Ann last Lee
    /// OK
    /// > MGET first last
    /// 1) "Ann"
    /// 2) "Lee"
    /// ```
    MSET("<key value>...") -> "'OK'";
    flags WRITE | DENYOOM;
    keys OW | UPDATE;
    since "1.0.1";
    takes "O(N) for N keys";
    run mset;
}

fn mset(call: &mut Call<'_>) -> Result {
    if call.args.len().is_multiple_of(2) {
        return Err(Error::WrongArity("MSET"));
    }
    store_all(call);
    call.reply.ok();
    Ok(())
}

command! {
    /// Sets the string values of several keys, unless any of them exists.
    ///
    /// The reply is 1 if all were set, 0 if none was.
    ///
    /// ```redis
    /// > MSETNX seat:1 ann seat:2 bob
    /// (integer) 1
    /// > MSETNX seat:2 eve seat:3 eve
    /// (integer) 0
    /// > GET seat:3
    /// (nil)
    /// ```
    MSETNX("<key value>...") -> "number";
    flags WRITE | DENYOOM;
    keys OW | INSERT;
    since "1.0.1";
    takes "O(N) for N keys";
    run msetnx;
}

fn msetnx(call: &mut Call<'_>) -> Result {
    if call.args.len().is_multiple_of(2) {
        return Err(Error::WrongArity("MSETNX"));
    }
    let taken = call.args.iter().skip(1).step_by(2).any(|key| call.db.exists(key));
    if !taken {
        store_all(call);
    }
    call.reply.int((!taken).into());
    Ok(())
}

fn store_all(call: &mut Call<'_>) {
    for i in (1..call.args.len()).step_by(2) {
        let (key, value) = (call.args.at(i), call.args.at(i + 1));
        call.db.set(key, NewValue::Bytes(value), Expiry::Never);
        call.db.touch(key, Event::string("set"));
    }
}

command! {
    /// Returns the string value of a key.
    ///
    /// The reply is null if there is no such key, and an error if it holds anything but a string.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > GET greeting
    /// "hello"
    /// > GET farewell
    /// (nil)
    /// ```
    GET("key") -> "string | null";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(1)";
    run get;
}

fn get(call: &mut Call<'_>) -> Result {
    write_value(call, call.args.at(1))
}

/// Replies with the string at a key.
#[inline(always)]
fn write_value(call: &mut Call<'_>, key: &[u8]) -> Result {
    write_str(&mut call.reply, call.db.read::<Str>(key)?);
    Ok(())
}

#[inline]
fn write_str(reply: &mut Reply<'_>, value: Option<Str<'_>>) {
    match value {
        Some(Str::Bytes(bytes)) => reply.bulk(bytes),
        Some(Str::Int(n)) => reply.bulk_int(n),
        None => reply.null(),
    }
}

command! {
    /// Returns the string values of several keys.
    ///
    /// A key that does not exist, or holds anything but a string, counts as null.
    ///
    /// ```redis
    /// > MSET a 1 b 2
    /// OK
    /// > MGET b nothing a
    /// 1) "2"
    /// 2) (nil)
    /// 3) "1"
    /// ```
    MGET("key...") -> "(string | null)[]";
    flags READONLY | FAST;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N keys";
    run mget;
}

fn mget(call: &mut Call<'_>) -> Result {
    let keys = call.args.from(1);
    call.reply.array(keys.len());
    for key in keys.iter() {
        write_str(&mut call.reply, call.db.read::<Str>(key).unwrap_or(None));
    }
    Ok(())
}

command! {
    /// Sets the string value of a key and returns the former one.
    ///
    /// The key's deadline is gone. `SET` with `GET` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > GETSET turn ann
    /// (nil)
    /// > GETSET turn bob
    /// "ann"
    /// ```
    GETSET("key value") -> "string | null";
    flags WRITE | DENYOOM | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run getset;
}

fn getset(call: &mut Call<'_>) -> Result {
    let (key, value) = (call.args.at(1), call.args.at(2));
    write_value(call, key)?;
    store(call, key, value, None, Expiry::Never)?;
    call.db.log_as(&[b"SET", key, value]);
    Ok(())
}

command! {
    /// Returns the string value of a key and removes the key.
    ///
    /// Nothing is removed if the key holds anything but a string.
    ///
    /// ```redis
    /// > SET token 9f2c
    /// OK
    /// > GETDEL token
    /// "9f2c"
    /// > GETDEL token
    /// (nil)
    /// ```
    GETDEL("key") -> "string | null";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE;
    since "6.2.0";
    takes "O(1)";
    run getdel;
}

fn getdel(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    write_value(call, key)?;
    if call.db.remove(key) {
        call.db.touch(key, Event::DEL);
        call.db.log_as(&[b"DEL", key]);
    }
    Ok(())
}

command! {
    /// Removes a key whose string value equals another one.
    ///
    /// The reply is 1 if it was removed, 0 if the key holds another string or does not exist. From Valkey 9.0.
    ///
    /// ```redis
    /// > SET lock ann
    /// OK
    /// > DELIFEQ lock bob
    /// (integer) 0
    /// > DELIFEQ lock ann
    /// (integer) 1
    /// ```
    DELIFEQ("key value") -> "number";
    flags WRITE | FAST;
    keys RM | ACCESS | DELETE;
    since "9.0.0";
    takes "O(1)";
    run delifeq;
}

fn delifeq(call: &mut Call<'_>) -> Result {
    let (key, expected) = (call.args.at(1), call.args.at(2));
    let removed = Condition::Equals(expected).holds(call, key)? && call.db.remove(key);
    if removed {
        call.db.touch(key, Event::DEL);
        call.db.log_as(&[b"DEL", key]);
    }
    call.reply.int(removed.into());
    Ok(())
}

command! {
    /// Returns the string value of a key and changes its deadline.
    ///
    /// Without options the deadline stays as it is; `PERSIST` takes it away. A key whose new deadline, given by
    /// `EXAT` or `PXAT`, has passed already is removed.
    ///
    /// ```redis
    /// > SET session ann
    /// OK
    /// > GETEX session EX 900
    /// "ann"
    /// > TTL session
    /// (integer) 900
    /// ```
    GETEX("key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]")
        -> "string | null";
    flags WRITE | FAST;
    keys RW | ACCESS | UPDATE;
    since "6.2.0";
    takes "O(1)";
    run getex;
}

fn getex(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let mut lifetime = Lifetime::default();
    let mut options = call.args.options(2);
    while !options.is_empty() {
        if options.word("PERSIST") {
            choose(&mut lifetime.form, Form::Persist)?;
        } else if !lifetime.read(&mut options)? {
            return Err(Error::Syntax);
        }
    }
    // As in Redis, a time that can't be is no error for a key that is not there.
    let value = call.db.read::<Str>(key)?;
    let found = value.is_some();
    write_str(&mut call.reply, value);
    if found && let Some(form) = lifetime.form {
        let expiry = lifetime.expiry(call.db.now, "getex")?;
        change_deadline(call, key, form, expiry);
    }
    Ok(())
}

fn change_deadline(call: &mut Call<'_>, key: &[u8], form: Form, expiry: Expiry) {
    match expiry {
        Expiry::At(deadline) if deadline <= call.db.now && matches!(form, Form::Until(_, From::Epoch)) => {
            call.db.remove(key);
            call.db.touch(key, Event::DEL);
            call.db.log_as(&[b"DEL", key]);
        }
        Expiry::At(deadline) => {
            call.db.set_deadline(key, Some(deadline));
            call.db.touch(key, Event::generic("expire"));
            call.db.log_as(&[b"PEXPIREAT", key, &format_int(deadline.millis() as i64)]);
        }
        Expiry::Never if call.db.deadline(key).is_some() => {
            call.db.set_deadline(key, None);
            call.db.touch(key, Event::generic("persist"));
            call.db.log_as(&[b"PERSIST", key]);
        }
        Expiry::Never | Expiry::Keep => {}
    }
}

command! {
    /// Adds bytes at the end of a string, which is made if the key does not exist.
    ///
    /// The reply is the new length. The key keeps its deadline.
    ///
    /// ```redis
    /// > APPEND log one
    /// (integer) 3
    /// > APPEND log ,two
    /// (integer) 7
    /// > GET log
    /// "one,two"
    /// ```
    APPEND("key value") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "2.0.0";
    takes "O(1) amortized";
    run append;
}

fn append(call: &mut Call<'_>) -> Result {
    let (key, more) = (call.args.at(1), call.args.at(2));
    let len = match call.db.write::<Str>(key)? {
        Some(mut string) => {
            check_length(call.shared, string.len() as u64, more)?;
            string.append(more)
        }
        None => {
            call.db.set(key, NewValue::Bytes(more), Expiry::Never);
            more.len()
        }
    };
    call.db.touch(key, Event::string("append"));
    call.reply.len(len);
    Ok(())
}

/// Refuses a string that would be longer than configured with `more` at `offset`.
fn check_length(shared: &Shared, offset: u64, more: &[u8]) -> Result {
    let limit = shared.config.proto_max_bulk_len.get().min(isize::MAX as u64);
    let fits = offset.saturating_add(more.len() as u64) <= limit;
    if fits { Ok(()) } else { Err(Error::TooLarge) }
}

command! {
    /// Overwrites a part of a string from an offset on.
    ///
    /// A string that is shorter than the offset, or not there, is filled up with zero bytes; writing no bytes changes
    /// nothing. The reply is the new length.
    ///
    /// ```redis
    /// > SET line "Hello World"
    /// OK
    /// > SETRANGE line 6 Redis
    /// (integer) 11
    /// > GET line
    /// "Hello Redis"
    /// ```
    SETRANGE("key offset:integer value") -> "number";
    flags WRITE | DENYOOM;
    keys RW | UPDATE;
    since "2.2.0";
    takes "O(M) for M bytes written";
    run setrange;
}

fn setrange(call: &mut Call<'_>) -> Result {
    let (key, offset, bytes) = (call.args.at(1), call.args.int(2)?, call.args.at(3));
    let offset = u64::try_from(offset).map_err(|_| Error::Text("ERR offset is out of range"))?;
    let len = call.db.write::<Str>(key)?.map_or(0, |string| string.len());
    if bytes.is_empty() {
        call.reply.len(len);
        return Ok(());
    }
    check_length(call.shared, offset, bytes)?;
    let len = call.db.write_or_new::<Str>(key)?.write_at(offset as usize, bytes);
    call.db.touch(key, Event::string("setrange"));
    call.reply.len(len);
    Ok(())
}

command! {
    /// Returns the length of a string in bytes.
    ///
    /// A key that does not exist counts as the empty string.
    ///
    /// ```redis
    /// > SET word hello
    /// OK
    /// > STRLEN word
    /// (integer) 5
    /// ```
    STRLEN("key") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "2.2.0";
    takes "O(1)";
    run strlen;
}

fn strlen(call: &mut Call<'_>) -> Result {
    let len = call.db.read::<Str>(call.args.at(1))?.map_or(0, Str::len);
    call.reply.len(len);
    Ok(())
}

command! {
    /// Returns the bytes of a string between two offsets, both included.
    ///
    /// Offsets count from zero at the beginning, or from -1 at the end. What lies outside the string is left out.
    ///
    /// ```redis
    /// > SET line "This is a string"
    /// OK
    /// > GETRANGE line 0 3
    /// "This"
    /// > GETRANGE line -6 -1
    /// "string"
    /// ```
    GETRANGE("key start:integer end:integer") -> "string";
    flags READONLY;
    keys RO | ACCESS;
    since "2.4.0";
    takes "O(N) for N bytes returned";
    run getrange;
}

fn getrange(call: &mut Call<'_>) -> Result {
    let (start, end) = (call.args.int(2)?, call.args.int(3)?);
    let mut digits = [0; 20];
    let string = call.db.read::<Str>(call.args.at(1))?;
    let bytes = string.map_or(&[][..], |string| string.as_bytes(&mut digits));
    call.reply.bulk(part(bytes, start, end));
    Ok(())
}

/// Returns the bytes from `start` to `end`, both included; negative ones count from the end.
fn part(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    let len = bytes.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    // An end that lies before the first byte stands for the first byte, as in Redis.
    let from_start = |i: i64| if i < 0 { (len + i).max(0) } else { i };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    if start > end { &[] } else { &bytes[start as usize..=end as usize] }
}

command! {
    /// Returns the bytes of a string between two offsets: the former name of GETRANGE.
    ///
    /// Offsets count from zero at the beginning, or from -1 at the end.
    ///
    /// ```redis
    /// > SET line "This is a string"
    /// OK
    /// > SUBSTR line 10 15
    /// "string"
    /// ```
    SUBSTR("key start:integer end:integer") -> "string";
    flags READONLY;
    keys RO | ACCESS;
    since "1.0.0";
    takes "O(N) for N bytes returned";
    run getrange;
}
