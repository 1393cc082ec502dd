//! What calls leave in the log: not how they came, but what has the same effect whenever it is read.
//!
//! Below each call stand the calls that it logs. An empty line begins a new engine, at 1700000000000 ms. What
//! redis-server 7.0 appends to its file is the same, but for options that have done their work: it keeps `NX` and
//! `XX` of a SET with GET.

use std::collections::BTreeMap;

use redlet::base::time::Time;
use redlet::commands;
use redlet::engine::{Config, Engine, Peer};
use redlet::resp::{Limits, Parsed, Parser};

const STRINGS: &str = "\
> SET k v EX 100
  SET k v PXAT 1700000100000
> SET k v PX 100 XX
  SET k v PXAT 1700000000100
> SET k v EXAT 1800000000 GET
  SET k v PXAT 1800000000000
> SET k v PXAT 1800000000000
  SET k v PXAT 1800000000000
> SET k v KEEPTTL GET
  SET k v KEEPTTL
> SET k v GET
  SET k v
> SET k v NX GET
> SET k v NX
> SET k v XX
  SET k v XX
> SETEX k 100 v
  SET k v PXAT 1700000100000
> PSETEX k 100 v
  SET k v PXAT 1700000000100
> GETSET k w
  SET k w
> SETNX k v
> SETNX n v
  SETNX n v

> SET k v
  SET k v
> GETEX k
> GETEX k EX 100
  PEXPIREAT k 1700000100000
> GETEX k PX 100
  PEXPIREAT k 1700000000100
> GETEX k EXAT 1800000000
  PEXPIREAT k 1800000000000
> GETEX k PERSIST
  PERSIST k
> GETEX k PERSIST
> GETEX k PXAT 1
  DEL k
> GETEX k EX 100

> SET k v
  SET k v
> GETDEL k
  DEL k
> GETDEL k

> INCRBYFLOAT n 1.50
  SET n 1.5 KEEPTTL
> INCRBYFLOAT n -0.5
  SET n 1 KEEPTTL
> INCR n
  INCR n
> APPEND n 0
  APPEND n 0
> SETRANGE n 0 x
  SETRANGE n 0 x
> SETRANGE n 0 \"\"
> INCR n
> MSETNX n 1 m 2
> MSET n 1 m 2
  MSET n 1 m 2
> LCS n m
";

const LISTS: &str = "\
> RPUSH l a b c d e f g h
  RPUSH l a b c d e f g h
> LPOP l
  LPOP l
> LPOP l 0
> RPOP l 2
  RPOP l 2
> LMPOP 2 none l LEFT COUNT 2
  LPOP l 2
> LMPOP 1 l RIGHT
  RPOP l 1
> LMOVE l m LEFT RIGHT
  LMOVE l m LEFT RIGHT
> RPOPLPUSH l m
  RPOPLPUSH l m
> LPUSHX none x
> LINSERT m BEFORE none x
> LREM m 0 none
> LTRIM m 0 -1
> LTRIM m 0 0
  LTRIM m 0 0
> LSET m 0 x
  LSET m 0 x

> RPUSH l a b c d e f
  RPUSH l a b c d e f
> BLPOP none l 5
  LPOP l
> BRPOP l 0
  RPOP l
> BLMPOP 1 2 none l RIGHT COUNT 2
  RPOP l 2
> BLMOVE l m LEFT RIGHT 0
  LMOVE l m LEFT RIGHT
> BRPOPLPUSH l m 0
  RPOPLPUSH l m

b> BLPOP q 5
> RPUSH q a b
  RPUSH q a b
  LPOP q
b> BLMOVE q r RIGHT LEFT 5
  LMOVE q r RIGHT LEFT
b> BLMPOP 5 1 q LEFT COUNT 10
> LPUSH q a b
  LPUSH q a b
  LPOP q 2
b> BRPOPLPUSH q r 0
c> BRPOP r 0
  RPOP r
c> BRPOP r 0
> LPUSH q a
  LPUSH q a
  RPOPLPUSH q r
  RPOP r
b> BLPOP q r 0
> MULTI
> RPUSH r a
> BLPOP q 0
> BLPOP r 0
> RPUSH q b
> EXEC
  MULTI
  RPUSH r a
  LPOP r
  RPUSH q b
  EXEC
  LPOP q
";

const HASHES: &str = "\
> HSET h a 1 b 2
  HSET h a 1 b 2
> HMSET h a 1
  HMSET h a 1
> HSETNX h a 2
> HSETNX h c 2
  HSETNX h c 2
> HINCRBY h a 1
  HINCRBY h a 1
> HINCRBYFLOAT h a 0.5
  HSET h a 2.5
> HDEL h x
> HDEL h a x
  HDEL h a x
> HRANDFIELD h 2

> HSET h a 1 b 2 c 3
  HSET h a 1 b 2 c 3
> HEXPIRE h 100 FIELDS 2 a x
  HPEXPIREAT h 1700000100000 FIELDS 1 a
> HEXPIRE h 100 XX FIELDS 2 b x
> HPERSIST h FIELDS 2 a b
  HPERSIST h FIELDS 1 a
> HGETEX h FIELDS 1 a
> HGETEX h PX 100 FIELDS 2 a x
  HPEXPIREAT h 1700000000100 FIELDS 1 a
> HINCRBYFLOAT h a 0.5
  HSETEX h KEEPTTL FIELDS 1 a 1.5
> HGETEX h PERSIST FIELDS 2 a b
  HPERSIST h FIELDS 1 a
> HGETEX h EX 0 FIELDS 2 a x
  HDEL h a
> HEXPIREAT h 1 FIELDS 1 b
  HDEL h b
> HGETDEL h FIELDS 2 x c
  HDEL h c
> HSETEX h EX 100 FNX FIELDS 1 a 1
  HSETEX h PXAT 1700000100000 FIELDS 1 a 1
> HSETEX h FNX FIELDS 1 a 1
> HSETEX h KEEPTTL FIELDS 1 a 2
  HSETEX h KEEPTTL FIELDS 1 a 2
> HSETEX h PXAT 1 FIELDS 1 a 2
  HDEL h a
";

const SORTED_SETS: &str = "\
> ZADD z NX CH 1 a 2 b 3 c 4 d 5 e 6 f
  ZADD z NX CH 1 a 2 b 3 c 4 d 5 e 6 f
> ZADD z 1 a
> ZADD z INCR 1 a
  ZADD z INCR 1 a
> ZINCRBY z 1.5 a
  ZINCRBY z 1.5 a
> ZPOPMIN z
  ZPOPMIN z
> ZPOPMAX z 1
  ZPOPMAX z 1
> ZPOPMAX z 0
> ZMPOP 2 x z MIN
  ZPOPMIN z 1
> ZMPOP 1 z MAX COUNT 100
  ZPOPMAX z 3
> ZADD z 1 a 2 b
  ZADD z 1 a 2 b
> BZPOPMIN x z 0
  ZPOPMIN z
> BZMPOP 0 1 z MAX COUNT 5
  ZPOPMAX z 1

b> BZPOPMAX z 0
> ZADD z 7 s
  ZADD z 7 s
  ZPOPMAX z
b> BZMPOP 0 1 z MIN COUNT 9
> ZADD z 7 s 8 t
  ZADD z 7 s 8 t
  ZPOPMIN z 2

> ZADD z 1 a 2 b
  ZADD z 1 a 2 b
> ZUNIONSTORE u 1 z WEIGHTS 2
  ZUNIONSTORE u 1 z WEIGHTS 2
> ZRANGESTORE r z 0 0
  ZRANGESTORE r z 0 0
> ZRANGESTORE r z 9 9
  ZRANGESTORE r z 9 9
> ZRANGESTORE r z 9 9
> ZREMRANGEBYSCORE z 1 1
  ZREMRANGEBYSCORE z 1 1
> ZREMRANGEBYSCORE z 1 1
> ZREM z nobody
> ZRANDMEMBER z 1

> GEOADD g NX CH 13.361389 38.115556 Palermo
  zadd g NX CH 3479099956230698 Palermo
> GEOADD g 13.361389 38.115556 Palermo
> GEOSEARCHSTORE h g FROMLONLAT 13 38 BYRADIUS 100 km
  GEOSEARCHSTORE h g FROMLONLAT 13 38 BYRADIUS 100 km
> GEORADIUS g 13 38 100 km STORE h
  GEORADIUS g 13 38 100 km STORE h
> GEORADIUS g 13 38 100 km
> ZINTERSTORE h 1 nothing
  ZINTERSTORE h 1 nothing
> ZINTERSTORE h 1 nothing
";

const SETS: &str = "\
> SADD s a b
  SADD s a b
> SADD s a
> SREM s x
> SREM s a x
  SREM s a x
> SPOP s
  SREM s b
> SPOP s
> SADD s a
  SADD s a
> SPOP s 0
> SPOP s 5
  DEL s
> SADD s a b
  SADD s a b
> SADD t b
  SADD t b
> SPOP t 1
  DEL t
> SMOVE s t x
> SMOVE s s a
> SMOVE s t a
  SMOVE s t a
> SINTERSTORE u s t
> SUNIONSTORE u s t
  SUNIONSTORE u s t
> SINTERSTORE u s t
  SINTERSTORE u s t
> SRANDMEMBER s 2
";

const STREAMS: &str = "\
> CONFIG SET stream-node-max-entries 2
> XADD s * n 1
  XADD s 1700000000000-0 n 1
> XADD s 1700000000001-* n 2
  XADD s 1700000000001-0 n 2
> XADD s 1700000000002 n 3
  XADD s 1700000000002 n 3
> XADD s NOMKSTREAM * n 4
  XADD s NOMKSTREAM 1700000000002-1 n 4
> XADD none NOMKSTREAM * n 4
> XADD s MAXLEN 4 * n 5
  XADD s MAXLEN 4 1700000000002-2 n 5
> XADD s MAXLEN ~ 3 * n 6
  XADD s MAXLEN = 4 1700000000002-3 n 6
> XADD s LIMIT 1 MAXLEN ~ 2 * n 7
  XADD s LIMIT 1 MAXLEN = 5 1700000000002-4 n 7
> XTRIM s MINID ~ 1700000000002-3
  XTRIM s MINID = 1700000000002-2
> XTRIM s MINID ~ 1700000000002-3
> XTRIM s MAXLEN 1
  XTRIM s MAXLEN 1
> XTRIM s MINID ~ 1800000000000
  XTRIM s MINID = 18446744073709551615-18446744073709551615
> XDEL s 1-1
> XSETID s 1700000000009-0
  XSETID s 1700000000009-0

> XADD s 1-1 n 1
  XADD s 1-1 n 1
> XADD s 2-1 n 2
  XADD s 2-1 n 2
> XADD s 3-1 n 3
  XADD s 3-1 n 3
> XADD s 4-1 n 4
  XADD s 4-1 n 4
> XGROUP CREATE s g 0
  XGROUP CREATE s g 0
> XREADGROUP GROUP g c COUNT 1 STREAMS s >
  MULTI
  XCLAIM s g c 0 1-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1
  XGROUP SETID s g 1-1 ENTRIESREAD 1
  EXEC
> XREADGROUP GROUP g c STREAMS s 0
  XCLAIM s g c 0 1-1 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID 1-1
> XREADGROUP GROUP g d STREAMS s 0
  XGROUP CREATECONSUMER s g d
> XREADGROUP GROUP g d STREAMS s 0
> XREADGROUP GROUP g e COUNT 1 NOACK STREAMS s >
  MULTI
  XGROUP CREATECONSUMER s g e
  XGROUP SETID s g 2-1 ENTRIESREAD 2
  EXEC
> XREADGROUP GROUP g c COUNT 2 NOACK STREAMS s >
  XGROUP SETID s g 4-1 ENTRIESREAD 4
> XREADGROUP GROUP g c STREAMS s >
> XCLAIM s g d 0 1-1 2-1
  XCLAIM s g d 0 1-1 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 4-1
> XCLAIM s g d 0 2-1 FORCE IDLE 1000 RETRYCOUNT 7
  XCLAIM s g d 0 2-1 TIME 1699999999000 RETRYCOUNT 7 FORCE JUSTID LASTID 4-1
> XCLAIM s g x 0 9-9
> XCLAIM s g x 0 9-9 LASTID 5-1
  XGROUP SETID s g 5-1 ENTRIESREAD 4
> XDEL s 1-1
  XDEL s 1-1
> XAUTOCLAIM s g c 0 0
  MULTI
  XCLAIM s g d 0 1-1 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 5-1
  XCLAIM s g c 0 2-1 TIME 1700000000000 RETRYCOUNT 8 FORCE JUSTID LASTID 5-1
  EXEC
> XAUTOCLAIM s g c 100 0
> XACK s g 2-1
  XACK s g 2-1
> XACK s g 2-1
> XGROUP CREATECONSUMER s g c
> XGROUP DELCONSUMER s g c
  XGROUP DELCONSUMER s g c
> XGROUP DESTROY s g
  XGROUP DESTROY s g
> XGROUP DESTROY s g

> XGROUP CREATE s g $ MKSTREAM
  XGROUP CREATE s g $ MKSTREAM
b> XREADGROUP GROUP g b BLOCK 0 STREAMS s >
c> XREAD BLOCK 0 STREAMS s $
> XADD s 1-1 n 1
  XADD s 1-1 n 1
  MULTI
  XCLAIM s g b 0 1-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1
  XGROUP SETID s g 1-1 ENTRIESREAD 1
  EXEC
b> XREADGROUP GROUP g b BLOCK 0 STREAMS s >
> DEL s
  DEL s
";

#[test]
fn streams_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(STREAMS), STREAMS);
}

#[test]
fn strings_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(STRINGS), STRINGS);
}

#[test]
fn lists_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(LISTS), LISTS);
}

#[test]
fn hashes_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(HASHES), HASHES);
}

#[test]
fn sets_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(SETS), SETS);
}

#[test]
fn sorted_sets_are_logged_as_what_came_of_a_call() {
    assert_eq!(played(SORTED_SETS), SORTED_SETS);
}

/// Plays the calls of a text; returns it with what they really log.
fn played(text: &str) -> String {
    text.split("\n\n").map(played_by_one).collect::<Vec<_>>().join("\n")
}

fn played_by_one(text: &str) -> String {
    let now = Time::from_millis(1_700_000_000_000);
    let mut engine = Engine::new(commands::ALL, Config::default(), 0);
    engine.set_logging(true);
    let mut clients = BTreeMap::new();
    let mut played = String::new();
    for line in text.lines() {
        if let Some((client, call)) = line.split_once("> ") {
            let id = *clients.entry(client).or_insert_with(|| engine.connect(Peer::default(), now));
            let call = format!("{call}\r\n");
            assert_eq!(engine.receive(id, call.as_bytes(), now), call.len(), "{line}");
            played.push_str(&format!("{line}\n"));
            played.extend(logged(engine.log()).map(|call| format!("  {call}\n")));
            engine.clear_log();
        }
    }
    played
}

/// Returns the calls of a log, but for the one that selects the only database.
fn logged(log: &[u8]) -> impl Iterator<Item = String> {
    let mut parser = Parser::default();
    let limits = Limits { bulk: 1 << 20, unauthenticated: false };
    let mut at = 0;
    let calls = std::iter::from_fn(move || {
        let Ok(Parsed::Command { end }) = parser.next(log, at, limits) else { return None };
        at = end;
        let words: Vec<_> = parser.command(log).iter().map(String::from_utf8_lossy).collect();
        Some(words.join(" "))
    });
    calls.filter(|call| call != "SELECT 0")
}
