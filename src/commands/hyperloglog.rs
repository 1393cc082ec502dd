//! HyperLogLogs: strings that know about how many different elements they have met.

use crate::command;
use crate::data::entry::{Entry, NewValue, Str, StrMut, ValueMut, ValueRef};
use crate::data::hyperloglog::{self, Corrupt, EMPTY, Union};
use crate::engine::{Call, Family};
use crate::keyspace::{Db, Event, Expiry};
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

pub const HYPERLOGLOG: Family = Family {
    name: "hyperloglog",
    category: Categories::HYPERLOGLOG,
    commands: &[&PFADD, &PFCOUNT, &PFDEBUG, &PFMERGE, &PFSELFTEST],
};

command! {
    /// Takes elements into a HyperLogLog, which is made if the key does not exist.
    ///
    /// The reply is 1 if that changed its estimate or made it, 0 otherwise. It takes at most 12 kB however many elements
    /// it has met, and its string can be copied by GET and SET, between Redis and Redlet too.
    ///
    /// ```redis
    /// > PFADD visitors ann bob ann
    /// (integer) 1
    /// > PFADD visitors bob
    /// (integer) 0
    /// > PFCOUNT visitors
    /// (integer) 2
    /// ```
    PFADD("key [element]...") -> "number";
    flags WRITE | DENYOOM | FAST;
    keys RW | INSERT;
    since "2.8.9";
    takes "O(1) for each element";
    run pfadd;
}

fn pfadd(call: &mut Call<'_>) -> Result {
    let (key, sparse_max) = (call.args.at(1), sparse_max(call));
    let (mut sketch, made) = written(&mut call.db, key)?;
    let (mut changes, mut result) = (u64::from(made), Ok(()));
    for element in call.args.from(2).iter() {
        match hyperloglog::add(&mut sketch, element, sparse_max) {
            Ok(changed) => changes += u64::from(changed),
            Err(Corrupt) => {
                result = Err(CORRUPT);
                break;
            }
        }
    }
    if changes > 0 {
        hyperloglog::outdate(sketch.bytes_mut(0));
        call.db.touch(key, Event::string("pfadd"));
        call.db.effects.count(changes - 1);
    }
    result?;
    call.reply.int((changes > 0).into());
    Ok(())
}

/// Returns how long a sparse sketch may be.
fn sparse_max(call: &Call<'_>) -> usize {
    usize::try_from(call.shared.config.hll_sparse_max_bytes.get()).unwrap_or(usize::MAX)
}

/// Returns the sketch of a key to be changed, and whether it was made just now.
fn written<'a>(db: &'a mut Db<'_>, key: &[u8]) -> Result<(StrMut<'a>, bool)> {
    let made = match db.write::<Str>(key)? {
        Some(string) => {
            check(string.get())?;
            false
        }
        None => {
            db.set(key, NewValue::Raw(&EMPTY), Expiry::Never);
            true
        }
    };
    let mut sketch = db.write::<Str>(key)?.expect("it was just found or made");
    sketch.make_raw();
    Ok((sketch, made))
}

/// Returns the bytes of a sketch.
fn check(string: Str<'_>) -> Result<&[u8]> {
    match string {
        Str::Bytes(bytes) if hyperloglog::is_sketch(bytes) => Ok(bytes),
        Str::Bytes(_) | Str::Int(_) => {
            Err(Error::Text("WRONGTYPE Key is not a valid HyperLogLog string value."))
        }
    }
}

const CORRUPT: Error = Error::Text("INVALIDOBJ Corrupted HLL object detected");

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Self {
        CORRUPT
    }
}

command! {
    /// Estimates how many different elements HyperLogLogs have met, all together.
    ///
    /// The error is about 0.8 %. For a single key the estimate is kept with it, so that the next one costs nothing.
    ///
    /// ```redis
    /// > PFADD monday ann bob
    /// (integer) 1
    /// > PFADD tuesday bob eve
    /// (integer) 1
    /// > PFCOUNT monday tuesday
    /// (integer) 3
    /// ```
    PFCOUNT("key...") -> "number";
    flags READONLY | MAY_REPLICATE;
    keys RW | ACCESS;
    since "2.8.9";
    takes "O(N) for N keys; O(1) for one key that has not changed since";
    run pfcount;
}

fn pfcount(call: &mut Call<'_>) -> Result {
    let count = if call.args.len() > 2 {
        union(call, call.args.from(1))?.map_or(0, |(union, _)| union.count())
    } else {
        count_one(call)?
    };
    call.reply.int(count as i64);
    Ok(())
}

fn count_one(call: &mut Call<'_>) -> Result<u64> {
    let key = call.args.at(1);
    let Some(string) = call.db.read::<Str>(key)? else { return Ok(0) };
    if let Some(count) = hyperloglog::cached(check(string)?) {
        return Ok(count);
    }
    let mut string = call.db.write::<Str>(key)?.expect("it was just found");
    let sketch = string.bytes_mut(0);
    let count = hyperloglog::count(sketch)?;
    hyperloglog::cache(sketch, count);
    call.db.touch_silently(key);
    Ok(count)
}

/// Returns the union of the sketches there are, if any, and whether one of them is dense.
fn union(call: &mut Call<'_>, keys: Args<'_>) -> Result<Option<(Union, bool)>> {
    let mut all: Option<(Union, bool)> = None;
    for key in keys.iter() {
        let Some(string) = call.db.read::<Str>(key)? else { continue };
        let sketch = check(string)?;
        let (union, dense) = all.get_or_insert_with(|| (Union::default(), false));
        union.add(sketch)?;
        *dense |= hyperloglog::is_dense(sketch);
    }
    Ok(all)
}

command! {
    /// Unites HyperLogLogs in one.
    ///
    /// The destination keeps what it has met itself; it is made if it does not exist.
    ///
    /// ```redis
    /// > PFADD monday ann bob
    /// (integer) 1
    /// > PFADD tuesday bob eve
    /// (integer) 1
    /// > PFMERGE week monday tuesday
    /// OK
    /// > PFCOUNT week
    /// (integer) 3
    /// ```
    PFMERGE("destkey:key [sourcekey:key...]") -> "'OK'";
    flags WRITE | DENYOOM;
    keys RW | ACCESS | INSERT, RO | ACCESS;
    since "2.8.9";
    takes "O(N) for N keys";
    run pfmerge;
}

fn pfmerge(call: &mut Call<'_>) -> Result {
    let (key, sparse_max) = (call.args.at(1), sparse_max(call));
    let union = union(call, call.args.from(1))?;
    let (mut sketch, _) = written(&mut call.db, key)?;
    if let Some((union, dense)) = union {
        if dense {
            hyperloglog::make_dense(&mut sketch)?;
        }
        union.raise(&mut sketch, sparse_max)?;
    }
    hyperloglog::outdate(sketch.bytes_mut(0));
    call.db.touch(key, Event::string("pfadd"));
    call.reply.ok();
    Ok(())
}

command! {
    /// Shows how a HyperLogLog is kept, or makes it dense.
    ///
    /// `ENCODING` returns its form, `DECODE` the runs of a sparse one, `GETREG` its registers, and `TODENSE` whether it
    /// was sparse; both of these make it dense.
    ///
    /// ```redis
    /// > PFADD visitors ann
    /// (integer) 1
    /// > PFDEBUG ENCODING visitors
    /// sparse
    /// > PFDEBUG TODENSE visitors
    /// (integer) 1
    /// ```
    PFDEBUG("subcommand key") -> "string | number | number[]";
    flags WRITE | DENYOOM | ADMIN;
    keys RW | ACCESS;
    since "2.8.9";
    takes "O(1)";
    run pfdebug;
}

fn pfdebug(call: &mut Call<'_>) -> Result {
    let key = call.args.at(2);
    let Some(string) = call.db.write::<Str>(key)? else {
        return Err(Error::Text("ERR The specified key does not exist"));
    };
    let sketch = check(string.get())?;
    if call.args.is(1, "GETREG") {
        make_dense(call, key)?;
        let mut union = Union::default();
        if let Some(ValueRef::Str(Str::Bytes(sketch))) = call.db.entry(key).map(|entry| entry.value()) {
            union.add(sketch)?;
        }
        call.reply.array(union.registers().len());
        union.registers().iter().for_each(|value| call.reply.int((*value).into()));
    } else if call.args.is(1, "DECODE") {
        if hyperloglog::is_dense(sketch) {
            return Err(Error::Text("ERR HLL encoding is not sparse"));
        }
        call.reply.bulk(hyperloglog::runs_as_text(sketch).as_bytes());
    } else if call.args.is(1, "ENCODING") {
        call.reply.simple(if hyperloglog::is_dense(sketch) { "dense" } else { "sparse" });
    } else if call.args.is(1, "TODENSE") {
        let changed = make_dense(call, key)?;
        call.reply.int(changed.into());
    } else {
        return Err(Error::quoting("ERR Unknown PFDEBUG subcommand '{}'", &[call.args.at(1)]));
    }
    Ok(())
}

/// Makes a sketch dense; returns whether it was not.
fn make_dense(call: &mut Call<'_>, key: &[u8]) -> Result<bool> {
    let (mut sketch, _) = written(&mut call.db, key)?;
    let changed = hyperloglog::make_dense(&mut sketch)?;
    if changed {
        call.db.touch_silently(key);
    }
    Ok(changed)
}

command! {
    /// Checks that HyperLogLogs work.
    ///
    /// Estimates of known numbers of random elements must be about right, and the same in both forms.
    ///
    /// ```redis
    /// > PFSELFTEST
    /// OK
    /// ```
    PFSELFTEST("") -> "'OK'";
    flags ADMIN;
    since "2.8.9";
    takes "O(1)";
    run pfselftest;
}

fn pfselftest(call: &mut Call<'_>) -> Result {
    let most = sparse_max(call);
    let mut entry = Entry::new(b"", NewValue::Raw(&EMPTY), None, 0);
    let ValueMut::Str(mut sketch) = entry.value_mut() else { unreachable!("a string was put there") };
    for n in 1..=65_536u64 {
        hyperloglog::add(&mut sketch, &call.shared.random.next().to_le_bytes(), most)?;
        if n.is_power_of_two() {
            let count = hyperloglog::count(sketch.bytes_mut(0))?;
            // Six times the standard error.
            if count.abs_diff(n) > n / 20 + 2 {
                return Err(Error::said(format!("ERR TESTFAILED {n} elements are counted as {count}")));
            }
        }
    }
    call.reply.ok();
    Ok(())
}
