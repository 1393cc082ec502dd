//! Keys, whatever they hold.

use crate::base::glob::{self, Case};
use crate::base::number;
use crate::command;
use crate::data::entry::{Entry, ValueRef};
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::elements::{Step, Wanted, scan_cursor};

pub const KEY: Family = Family {
    name: "generic",
    category: Categories::KEYSPACE,
    commands: &[
        &COPY, &DEL, &EXISTS, &KEYS, &MOVE, &RANDOMKEY, &RENAME, &RENAMENX, &SCAN, &TOUCH, &TYPE, &UNLINK,
    ],
};

command! {
    /// Removes keys.
    ///
    /// Answers with how many there were.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > DEL greeting farewell
    /// (integer) 1
    /// ```
    DEL("key...") -> "number";
    flags WRITE;
    keys RM | DELETE;
    since "1.0.0";
    takes "O(N) with N keys, and O(M) for each that holds M elements";
    run del;
}

command! {
    /// Removes keys, and frees their memory without holding others up.
    ///
    /// Nobody sees them any more at once; a large collection is freed bit by bit, between other calls.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > UNLINK greeting
    /// (integer) 1
    /// ```
    UNLINK("key...") -> "number";
    flags WRITE | FAST;
    keys RM | DELETE;
    since "4.0.0";
    takes "O(N) with N keys; their elements are freed later";
    run unlink;
}

fn del(call: &mut Call<'_>) -> Result {
    let later = call.shared.config.lazyfree_lazy_user_del;
    remove_keys(call, later)
}

fn unlink(call: &mut Call<'_>) -> Result {
    remove_keys(call, true)
}

fn remove_keys(call: &mut Call<'_>, later: bool) -> Result {
    let mut removed = 0;
    for key in call.args.iter().skip(1) {
        if if later { call.db.unlink(key) } else { call.db.remove(key) } {
            call.db.touch(key, Event::DEL);
            removed += 1;
        }
    }
    call.reply.int(removed);
    Ok(())
}

command! {
    /// Counts the keys that exist.
    ///
    /// One that is named twice counts twice.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > EXISTS greeting greeting farewell
    /// (integer) 2
    /// ```
    EXISTS("key...") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "1.0.0";
    takes "O(N) with N keys";
    run exists;
}

fn exists(call: &mut Call<'_>) -> Result {
    let keys = call.args.iter().skip(1);
    let found = keys.filter(|key| call.db.peek_counted(key).is_some()).count();
    call.reply.len(found);
    Ok(())
}

command! {
    /// Makes keys look used.
    ///
    /// Answers with how many there are. What OBJECT IDLETIME and eviction go by starts anew.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > TOUCH greeting farewell
    /// (integer) 1
    /// ```
    TOUCH("key...") -> "number";
    flags READONLY | FAST;
    keys RO;
    since "3.2.1";
    takes "O(N) with N keys";
    run touch;
}

fn touch(call: &mut Call<'_>) -> Result {
    let no_touch = std::mem::replace(&mut call.db.no_touch, false);
    let keys = call.args.iter().skip(1);
    let found = keys.filter(|key| call.db.entry_counted(key).is_some()).count();
    call.db.no_touch = no_touch;
    call.reply.len(found);
    Ok(())
}

command! {
    /// Returns what type of value a key holds.
    ///
    /// One of string, list, hash, set, zset and stream, or none.
    ///
    /// ```redis
    /// > RPUSH queue job
    /// (integer) 1
    /// > TYPE queue
    /// list
    /// > TYPE nothing
    /// none
    /// ```
    TYPE("key") -> "string";
    flags READONLY | FAST;
    keys RO;
    since "1.0.0";
    takes "O(1)";
    run kind;
}

fn kind(call: &mut Call<'_>) -> Result {
    let entry = call.db.peek_counted(call.args.at(1));
    let name = entry.map_or("none", kind_name);
    call.reply.simple(name);
    Ok(())
}

fn kind_name(entry: &Entry) -> &'static str {
    match entry.value() {
        ValueRef::Str(_) => "string",
        ValueRef::Object(object) => object.kind_name(),
    }
}

command! {
    /// Gives a key another name.
    ///
    /// What had that name before is gone. The deadline goes with the value.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > RENAME greeting salute
    /// OK
    /// > RENAME greeting salute
    /// (error) ERR no such key
    /// ```
    RENAME("key newkey:key") -> "'OK'";
    flags WRITE;
    keys RW | ACCESS | DELETE, OW | UPDATE;
    since "1.0.0";
    takes "O(1), and O(M) to free M elements of what is replaced";
    run rename_any;
}

fn rename_any(call: &mut Call<'_>) -> Result {
    let (key, to) = (call.args.at(1), call.args.at(2));
    if !call.db.exists(key) {
        return Err(Error::NoSuchKey);
    }
    if key != to {
        call.db.remove(to);
        rename(call, key, to);
    }
    call.reply.ok();
    Ok(())
}

command! {
    /// Gives a key another name, if none has it.
    ///
    /// ```redis
    /// > MSET greeting hello farewell bye
    /// OK
    /// > RENAMENX greeting farewell
    /// (integer) 0
    /// ```
    RENAMENX("key newkey:key") -> "number";
    flags WRITE | FAST;
    keys RW | ACCESS | DELETE, OW | INSERT;
    since "1.0.0";
    takes "O(1)";
    run rename_new;
}

fn rename_new(call: &mut Call<'_>) -> Result {
    let (key, to) = (call.args.at(1), call.args.at(2));
    if !call.db.exists(key) {
        return Err(Error::NoSuchKey);
    }
    let free = !call.db.exists(to);
    if free {
        rename(call, key, to);
    }
    call.reply.int(i64::from(free));
    Ok(())
}

fn rename(call: &mut Call<'_>, key: &[u8], to: &[u8]) {
    let Some(mut entry) = call.db.take(key) else { return };
    entry.rename(to);
    call.db.put(entry);
    call.db.touch(key, Event::generic("rename_from"));
    call.db.touch(to, Event::generic("rename_to"));
}

command! {
    /// Moves a key to another database, if none has its name there.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > MOVE greeting 1
    /// (integer) 1
    /// ```
    MOVE("key db") -> "number";
    flags WRITE | FAST;
    keys RW | ACCESS | UPDATE;
    since "1.0.0";
    takes "O(1)";
    run move_key;
}

fn move_key(call: &mut Call<'_>) -> Result {
    let key = call.args.at(1);
    let to = database(call, call.args.int(2)?)?;
    if to == call.db.index() {
        return Err(SAME_OBJECT);
    }
    let moved = call.db.exists(key) && !call.db.other(to).exists(key);
    if moved && let Some(entry) = call.db.take(key) {
        call.db.other(to).put(entry);
        call.db.touch(key, Event::generic("move_from"));
        call.db.other(to).touch(key, Event::generic("move_to"));
    }
    call.reply.int(i64::from(moved));
    Ok(())
}

const SAME_OBJECT: Error = Error::Text("ERR source and destination objects are the same");

/// Returns the database of this number.
pub(super) fn database(call: &Call<'_>, number: i64) -> Result<u32> {
    if i32::try_from(number).is_err() {
        return Err(Error::Text("ERR value is out of range, value must between -2147483648 and 2147483647"));
    }
    let index = u32::try_from(number).ok().filter(|index| (*index as usize) < call.db.databases());
    index.ok_or(Error::Text("ERR DB index is out of range"))
}

command! {
    /// Copies a key, with its deadline.
    ///
    /// A key that exists is kept, unless REPLACE is given.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > COPY greeting salute
    /// (integer) 1
    /// > COPY greeting salute
    /// (integer) 0
    /// ```
    COPY("source:key destination:key [DB destination-db:integer] [REPLACE]") -> "number";
    flags WRITE | DENYOOM;
    keys RO | ACCESS, OW | UPDATE;
    since "6.2.0";
    takes "O(N) with N elements of the value";
    run copy;
}

fn copy(call: &mut Call<'_>) -> Result {
    let (source, destination) = (call.args.at(1), call.args.at(2));
    let (mut db, mut replace) = (call.db.index(), false);
    let mut options = call.args.options(3);
    while !options.is_empty() {
        if options.word("REPLACE") {
            replace = true;
        } else if options.len() > 1 && options.word("DB") {
            let number = number::parse_int(options.take()?).ok_or(Error::NotInteger)?;
            db = database(call, number)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    if db == call.db.index() && source == destination {
        return Err(SAME_OBJECT);
    }
    let Some(mut entry) = call.db.entry_counted(source).cloned() else {
        call.reply.int(0);
        return Ok(());
    };
    let mut there = call.db.other(db);
    if there.exists(destination) {
        if !replace {
            call.reply.int(0);
            return Ok(());
        }
        there.remove(destination);
    }
    entry.rename(destination);
    there.put(entry);
    there.touch(destination, Event::generic("copy_to"));
    call.reply.int(1);
    Ok(())
}

command! {
    /// Returns a random key.
    ///
    /// Every key is as likely as any other.
    ///
    /// ```redis
    /// > RANDOMKEY
    /// (nil)
    /// ```
    RANDOMKEY("") -> "string | null";
    flags READONLY;
    since "1.0.0";
    takes "O(1)";
    run random;
}

fn random(call: &mut Call<'_>) -> Result {
    let key = call.db.random_key(&mut call.shared.random);
    call.reply.bulk_or_null(key.as_deref());
    Ok(())
}

command! {
    /// Returns all keys whose names match a pattern.
    ///
    /// Looks at every key of the database at once; SCAN does it in steps.
    ///
    /// ```redis
    /// > MSET one 1 two 2 three 3
    /// OK
    /// > KEYS tw*
    /// 1) "two"
    /// ```
    KEYS("pattern") -> "string[]";
    flags READONLY;
    also DANGEROUS;
    since "1.0.0";
    takes "O(N) with N keys of the database";
    run keys;
}

fn keys(call: &mut Call<'_>) -> Result {
    let pattern = call.args.at(1);
    let mark = call.reply.mark();
    let mut count = 0;
    call.db.scan(0, usize::MAX, |entry| {
        if call.reply.is_full() {
            return;
        }
        if pattern == b"*" || glob::matches(pattern, entry.key(), Case::Exact) {
            call.reply.bulk(entry.key());
            count += 1;
        }
    });
    call.reply.end_array(mark, count);
    Ok(())
}

command! {
    /// Goes through the keys of the database in steps.
    ///
    /// The first step has the cursor 0; each answers with the cursor of the next one, and 0 comes back at the end. Keys
    /// that are there from the first step to the last are all returned, whatever happens to others meanwhile.
    ///
    /// ```redis
    /// > SET greeting hello
    /// OK
    /// > SCAN 0 MATCH g* COUNT 100
    /// 1) "0"
    /// 2) 1) "greeting"
    /// ```
    SCAN("cursor [MATCH pattern] [COUNT count] [TYPE type]") -> "[string, string[]]";
    flags READONLY;
    since "2.8.0";
    takes "O(1) for each step, O(N) for all, with N keys of the database";
    run scan;
}

fn scan(call: &mut Call<'_>) -> Result {
    let cursor = scan_cursor(call.args.at(1))?;
    let mut wanted = Wanted::default();
    let mut kind = None;
    let mut options = call.args.options(2);
    while !options.is_empty() {
        if !wanted.option(&mut options)? {
            if options.len() < 2 || !options.word("TYPE") {
                return Err(Error::Syntax);
            }
            kind = Some(options.take()?);
        }
    }
    let of_kind =
        |entry: &Entry| kind.is_none_or(|kind| kind.eq_ignore_ascii_case(kind_name(entry).as_bytes()));
    Step::take(&mut call.reply, cursor, wanted, |step| {
        call.db.scan(step.cursor, step.wanted.count, |entry| {
            if of_kind(entry) {
                step.meet(entry.key(), None);
            }
        })
    });
    Ok(())
}
