//! MIGRATE: keys that move to another server.

use crate::base::checksum::crc64;
use crate::base::number::{format_int, format_uint, parse_int};
use crate::command;
use crate::engine::session::Turn;
use crate::engine::{Call, Family, Parcel, Request};
use crate::keyspace::Event;
use crate::persist::rdb;
use crate::resp::{Args, Error, OwnedArgs, Protocol, Reply, Result};
use crate::spec::Categories;

pub const MIGRATE_FAMILY: Family =
    Family { name: "generic", category: Categories::KEYSPACE, commands: &[&MIGRATE] };

command! {
    /// Moves keys to another server.
    ///
    /// They are handed out as by DUMP, restored there, and removed here once the other server has said so, unless `COPY`
    /// is given. `REPLACE` overwrites keys that exist there. Several keys stand behind `KEYS`, with an empty string in the
    /// place of the one. All else waits meanwhile, at most for so many milliseconds. The reply is `NOKEY` if none of the
    /// keys exists.
    ///
    /// ```redis
    /// > MIGRATE 127.0.0.1 6380 nothing 0 1000
    /// NOKEY
    /// ```
    MIGRATE("host port:integer <key|\"\"> destination-db:integer timeout:integer [COPY] [REPLACE] [AUTH password|AUTH2 username password] [KEYS key...]")
        -> "'OK' | 'NOKEY'";
    flags WRITE;
    keys RW | ACCESS | DELETE, RW | ACCESS | DELETE | INCOMPLETE;
    also DANGEROUS;
    since "2.6.0";
    takes "O(N) for N bytes";
    run migrate;
}

/// What is to be moved, and how.
struct Order<'a> {
    keys: Args<'a>,
    database: i64,
    timeout_ms: u64,
    copy: bool,
    replace: bool,
    credentials: Option<(Option<&'a [u8]>, &'a [u8])>,
}

impl<'a> Order<'a> {
    fn read(args: Args<'a>) -> Result<Self> {
        let (mut copy, mut replace, mut credentials) = (false, false, None);
        let mut keys = args.part(3, 4);
        let mut options = args.options(6);
        while !options.is_empty() {
            if options.word("COPY") {
                copy = true;
            } else if options.word("REPLACE") {
                replace = true;
            } else if let Some(password) = options.after("AUTH")? {
                credentials = Some((None, password));
            } else if let Some(username) = options.after("AUTH2")? {
                credentials = Some((Some(username), options.take()?));
            } else if options.word("KEYS") {
                if !args.at(3).is_empty() {
                    return Err(Error::Text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                keys = args.from(args.len() - options.len());
                break;
            } else {
                return Err(Error::Syntax);
            }
        }
        let (timeout, database) = (args.int(5)?, args.int(4)?);
        let timeout_ms = u64::try_from(timeout).ok().filter(|ms| *ms > 0).unwrap_or(1_000);
        Ok(Self { keys, database, timeout_ms, copy, replace, credentials })
    }
}

fn migrate(call: &mut Call<'_>) -> Result {
    if let Turn::Answered(said) = &mut call.session.turn {
        let said = std::mem::take(said);
        return finish(call, &said);
    }
    let order = Order::read(call.args)?;
    let mut parcel = Parcel {
        host: String::from_utf8_lossy(call.args.at(1)).into_owned(),
        port: parse_int(call.args.at(2)).and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
        timeout_ms: order.timeout_ms,
        calls: vec![],
        replies: 0,
    };
    add_greeting(&mut parcel, &order);
    let greetings = parcel.replies;
    // What is to be known when the other server has answered: how many replies come before those for keys, what becomes
    // of the keys here, which they are, and what they held.
    let mut note = OwnedArgs::default();
    note.push(b"MIGRATE");
    note.push(&format_uint(greetings as u64));
    note.push(if order.copy { b"COPY" } else { b"MOVE" });
    for key in order.keys.iter() {
        if let Some(sum) = add_key(call, &mut parcel, &order, key) {
            note.push(key);
            note.push(&format_uint(sum));
        }
    }
    if parcel.replies == greetings {
        call.reply.simple("NOKEY");
        return Ok(());
    }
    if call.session.turn == Turn::Nested {
        return Err(Error::Text("ERR MIGRATE can't wait inside a transaction or a script"));
    }
    call.wait_for_word(Request::Send(parcel), note);
    Ok(())
}

/// Adds the calls that come first: who we are, and which database is meant.
fn add_greeting(parcel: &mut Parcel, order: &Order<'_>) {
    match order.credentials {
        Some((Some(username), password)) => add_call(parcel, &[b"AUTH", username, password]),
        Some((None, password)) => add_call(parcel, &[b"AUTH", password]),
        None => {}
    }
    add_call(parcel, &[b"SELECT", &format_int(order.database)]);
}

/// Adds the call that restores a key; returns what its payload sums up to, if there is such a key.
fn add_key(call: &mut Call<'_>, parcel: &mut Parcel, order: &Order<'_>, key: &[u8]) -> Option<u64> {
    let (now, compress) = (call.db.now, call.shared.config.rdbcompression);
    let entry = call.db.entry_counted(key)?;
    let left = entry.deadline().map_or(0, |at| at.millis().saturating_sub(now.millis()).max(1));
    let payload = rdb::dump(entry, compress);
    let ttl = format_uint(left);
    let words: [&[u8]; 5] = [b"RESTORE", key, &ttl, &payload, b"REPLACE"];
    add_call(parcel, if order.replace { &words } else { &words[..4] });
    Some(crc64(&payload))
}

fn add_call(parcel: &mut Parcel, args: &[&[u8]]) {
    let mut calls = Reply::new(&mut parcel.calls, Protocol::Resp2);
    calls.array(args.len());
    args.iter().for_each(|arg| calls.bulk(arg));
    parcel.replies += 1;
}

/// Removes what the other server has taken, and tells the client how it went.
fn finish(call: &mut Call<'_>, said: &[u8]) -> Result {
    let greetings = call.args.int(1)? as usize;
    let mut lines = said.split_inclusive(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let mut refusal = lines.by_ref().take(greetings).find(|line| line.starts_with(b"-"));
    let greeted = refusal.is_none();
    let mut removed: Vec<&[u8]> = vec![b"DEL"];
    let mut missing = false;
    for i in (3..call.args.len()).step_by(2) {
        let Some(line) = lines.next() else {
            missing = true;
            break;
        };
        if line.starts_with(b"-") {
            refusal = refusal.or(Some(line));
        } else if greeted && call.args.is(2, "MOVE") && remove(call, i) {
            removed.push(call.args.at(i));
        }
    }
    if removed.len() > 1 {
        call.db.log_as(&removed);
    }
    match refusal {
        Some(line) => {
            let text = String::from_utf8_lossy(&line[1..]);
            Err(Error::said(format!("ERR Target instance replied with error: {text}")))
        }
        None if missing => Err(Error::Text("IOERR error or timeout reading to target instance")),
        None => {
            call.reply.ok();
            Ok(())
        }
    }
}

/// Removes the key at a place among the arguments, if it still holds what was sent; returns whether it did.
fn remove(call: &mut Call<'_>, i: usize) -> bool {
    let (key, compress) = (call.args.at(i), call.shared.config.rdbcompression);
    let Some(entry) = call.db.entry(key) else { return false };
    let same = *format_uint(crc64(&rdb::dump(entry, compress))) == *call.args.at(i + 1);
    if same && call.db.remove(key) {
        call.db.touch(key, Event::DEL);
    }
    same
}
