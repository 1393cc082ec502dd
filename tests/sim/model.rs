//! A naive Redis: what the commonest commands do to maps and vectors, and what they answer, as redis-cli prints it.

use std::collections::{BTreeMap, BTreeSet};

use redlet::base::number::parse_float;
use redlet::base::time::Time;
use redlet::data::entry::ValueRef;
use redlet::data::list::{Item, Side};
use redlet::data::object::Object;
use redlet::keyspace::Keyspace;

use crate::support::words::quote;

type Bytes = Vec<u8>;

type Fields = BTreeMap<Bytes, (Bytes, Option<Time>)>;

#[derive(Clone, PartialEq, Debug)]
enum Value {
    Str(Bytes),
    List(Vec<Bytes>),
    Set(BTreeSet<Bytes>),
    /// In order.
    SortedSet(Vec<(f64, Bytes)>),
    /// Entries: an id, then fields and values.
    Stream(Vec<Vec<Bytes>>),
    /// Values, and when the fields expire.
    Hash(Fields),
}

#[derive(Clone, PartialEq, Debug)]
struct Held {
    value: Value,
    deadline: Option<Time>,
}

/// All databases.
#[derive(Default, PartialEq, Debug)]
pub struct Model {
    keys: BTreeMap<(u32, Bytes), Held>,
    db: u32,
    now: Time,
}

/// What the model says to a call.
#[derive(PartialEq, Debug)]
pub enum Told {
    Reply(String),
    /// An error, whatever its text.
    Refusal,
    /// The model does not know this form of the command.
    Unknown,
}

impl Model {
    /// Takes over what a keyspace holds.
    pub fn read(keyspace: &Keyspace, now: Time) -> Self {
        let mut model = Self { now, ..Self::default() };
        for db in 0..keyspace.databases() as u32 {
            for entry in keyspace.database(db).iter() {
                let value = match entry.value() {
                    ValueRef::Str(string) => Value::Str(string.to_vec()),
                    ValueRef::Object(Object::Hash(hash)) => Value::Hash(
                        hash.iter()
                            .map(|pair| (pair.field().to_vec(), (pair.value().to_vec(), pair.deadline)))
                            .collect(),
                    ),
                    ValueRef::Object(Object::Set(set)) => {
                        Value::Set(set.iter().map(|member| Item::from(member).to_vec()).collect())
                    }
                    ValueRef::Object(Object::List(list)) => {
                        Value::List(list.iter(Side::Head).map(|element| element.to_vec()).collect())
                    }
                    ValueRef::Object(Object::SortedSet(set)) => {
                        Value::SortedSet(set.iter().map(|(member, score)| (score, member.to_vec())).collect())
                    }
                    ValueRef::Object(Object::Stream(stream)) => Value::Stream(
                        stream
                            .iter()
                            .map(|item| {
                                let pairs =
                                    item.pairs.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
                                [item.id.text().to_vec()].into_iter().chain(pairs).collect()
                            })
                            .collect(),
                    ),
                };
                model.keys.insert((db, entry.key().to_vec()), Held { value, deadline: entry.deadline() });
            }
        }
        model.forget_late();
        model
    }

    /// Says what differs from a keyspace, if anything does.
    pub fn differs(&mut self, keyspace: &Keyspace, now: Time) -> Option<String> {
        self.now = now;
        self.forget_late();
        let actual = Model::read(keyspace, now);
        let places = self.keys.keys().chain(actual.keys.keys());
        let mut different = places.filter(|place| self.keys.get(*place) != actual.keys.get(*place));
        let place = different.next()?;
        let (expected, actual) = (self.keys.get(place), actual.keys.get(place));
        Some(format!("db {} key {}: expected {expected:?}, is {actual:?}", place.0, quote(&place.1)))
    }

    /// Carries out a call that the syntax allows.
    pub fn run(&mut self, db: u32, args: &[Bytes], now: Time) -> Told {
        (self.db, self.now) = (db, now);
        self.forget_late();
        let name = String::from_utf8_lossy(&args[0]).to_ascii_uppercase();
        let args: Vec<&[u8]> = args[1..].iter().map(Vec::as_slice).collect();
        self.string(&name, &args)
            .or_else(|| self.list(&name, &args))
            .or_else(|| self.hash(&name, &args))
            .or_else(|| self.set_of(&name, &args))
            .or_else(|| self.sorted_set(&name, &args))
            .or_else(|| self.key(&name, &args))
            .unwrap_or(Told::Unknown)
    }

    fn forget_late(&mut self) {
        let now = self.now;
        let ahead = |deadline: Option<Time>| deadline.is_none_or(|deadline| deadline > now);
        self.keys.retain(|_, held| {
            if let Value::Hash(fields) = &mut held.value {
                fields.retain(|_, (_, deadline)| ahead(*deadline));
            }
            ahead(held.deadline) && !matches!(&held.value, Value::Hash(fields) if fields.is_empty())
        });
    }

    fn string(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        Some(match (name, args) {
            ("GET", [key]) => told(self.text(key), |text| bulk(text.as_deref())),
            ("STRLEN", [key]) => told(self.text(key), |text| int(text.map_or(0, |text| text.len() as i64))),
            ("SET", [key, value, options @ ..]) => self.set(key, value, options)?,
            ("SETEX", [key, n, value]) => self.set(key, value, &[b"EX", n])?,
            ("PSETEX", [key, n, value]) => self.set(key, value, &[b"PX", n])?,
            ("SETNX", [key, _]) if self.has(key) => int(0),
            ("SETNX", [key, value]) => self.put(key, value).and(int(1)),
            ("GETSET", [key, value]) => match self.text(key) {
                Ok(old) => self.put(key, value).and(bulk(old.as_deref())),
                Err(refusal) => refusal,
            },
            ("GETDEL", [key]) => match self.text(key) {
                Ok(old) => {
                    self.remove(key);
                    bulk(old.as_deref())
                }
                Err(refusal) => refusal,
            },
            ("MGET", keys) => list(keys.iter().map(|key| bulk(self.text(key).ok().flatten().as_deref()))),
            ("MSET", pairs) => {
                pairs.chunks(2).for_each(|pair| drop(self.put(pair[0], pair[1])));
                ok()
            }
            ("MSETNX", pairs) if pairs.chunks(2).any(|pair| self.has(pair[0])) => int(0),
            ("MSETNX", pairs) => {
                pairs.chunks(2).for_each(|pair| drop(self.put(pair[0], pair[1])));
                int(1)
            }
            ("APPEND", [key, more]) => match self.text(key) {
                Ok(old) => {
                    let text = [&old.unwrap_or_default()[..], more].concat();
                    let len = text.len() as i64;
                    self.keep(key, Value::Str(text));
                    int(len)
                }
                Err(refusal) => refusal,
            },
            ("GETRANGE" | "SUBSTR", [key, start, end]) => match self.text(key) {
                Ok(text) => {
                    let text = text.unwrap_or_default();
                    let range = text_range(number(start)?, number(end)?, text.len());
                    bulk(Some(&text[range]))
                }
                Err(refusal) => refusal,
            },
            ("INCR", [key]) => self.add(key, 1)?,
            ("DECR", [key]) => self.add(key, -1)?,
            ("INCRBY", [key, by]) => self.add(key, number(by)?)?,
            ("DECRBY", [key, by]) => self.add(key, number(by)?.checked_neg()?)?,
            _ => return None,
        })
    }

    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]]) -> Option<Told> {
        let old = self.text(key);
        let mut deadline = None;
        let (mut get, mut prevented) = (false, false);
        let mut rest = options;
        while let [word, after @ ..] = rest {
            rest = after;
            match *word {
                b"NX" => prevented |= self.has(key),
                b"XX" => prevented |= !self.has(key),
                b"GET" => get = true,
                b"KEEPTTL" => deadline = self.at(key).and_then(|held| held.deadline),
                // What the model does not compare.
                b"IFEQ" | b"IFNE" | b"IFDEQ" | b"IFDNE" => return None,
                _ => {
                    let (n, after) = after.split_first()?;
                    rest = after;
                    // What is no time to come is refused before anything else.
                    let n = u64::try_from(number(n)?).ok().filter(|n| *n > 0)?;
                    let from = if word.ends_with(b"AT") { 0 } else { self.now.millis() };
                    let unit = if word.starts_with(b"E") { 1_000 } else { 1 };
                    deadline = Some(Time::from_millis(from + n * unit));
                }
            }
        }
        if get && let Err(refusal) = old {
            return Some(refusal);
        }
        if !prevented {
            let held = Held { value: Value::Str(value.to_vec()), deadline };
            self.keys.insert((self.db, key.to_vec()), held);
            self.forget_late();
        }
        Some(match (get, prevented) {
            (true, _) => bulk(old.ok()?.as_deref()),
            (false, true) => bulk(None),
            (false, false) => ok(),
        })
    }

    fn add(&mut self, key: &[u8], by: i64) -> Option<Told> {
        let old = match self.text(key) {
            Ok(text) => text.map_or(Some(0), |text| number(&text)),
            Err(refusal) => return Some(refusal),
        };
        // What is no number, or grows too large, is refused.
        let Some(new) = old.and_then(|old| old.checked_add(by)) else { return Some(Told::Refusal) };
        self.keep(key, Value::Str(new.to_string().into_bytes()));
        Some(int(new))
    }

    fn list(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        Some(match (name, args) {
            ("LPUSHX" | "RPUSHX", [key, ..]) if !self.has(key) => int(0),
            ("LPUSH" | "RPUSH" | "LPUSHX" | "RPUSHX", [key, elements @ ..]) => {
                self.push(key, elements, name.starts_with('L'))
            }
            ("LPOP" | "RPOP", [key]) => match self.take(key, name == "LPOP", 1) {
                Ok(taken) => bulk(taken.and_then(|taken| taken.first().cloned()).as_deref()),
                Err(refusal) => refusal,
            },
            ("LPOP" | "RPOP", [key, count]) => {
                let count = usize::try_from(number(count)?).ok()?;
                match self.take(key, name == "LPOP", count) {
                    Ok(Some(taken)) => list(taken.iter().map(|element| bulk(Some(element)))),
                    Ok(None) => bulk(None),
                    Err(refusal) => refusal,
                }
            }
            ("LLEN", [key]) => told(self.elements(key), |list| int(list.len() as i64)),
            ("LRANGE", [key, start, stop]) => match self.elements(key) {
                Ok(all) => {
                    let range = range(number(start)?, number(stop)?, all.len());
                    list(all[range].iter().map(|element| bulk(Some(element))))
                }
                Err(refusal) => refusal,
            },
            ("LINDEX", [key, index]) => match self.elements(key) {
                Ok(list) => bulk(place(number(index)?, list.len()).map(|at| list[at].as_slice())),
                Err(refusal) => refusal,
            },
            ("LSET", [key, index, element]) => match self.elements(key) {
                Ok(mut list) => match place(number(index)?, list.len()) {
                    Some(at) => {
                        list[at] = element.to_vec();
                        self.keep(key, Value::List(list));
                        ok()
                    }
                    None => Told::Refusal,
                },
                Err(refusal) => refusal,
            },
            ("LTRIM", [key, start, stop]) => match self.elements(key) {
                Ok(list) => {
                    let range = range(number(start)?, number(stop)?, list.len());
                    self.keep_list(key, list[range].to_vec());
                    ok()
                }
                Err(refusal) => refusal,
            },
            ("LINSERT", [key, side, pivot, element]) => match self.elements(key) {
                Ok(mut list) => match list.iter().position(|other| other == pivot) {
                    Some(at) => {
                        list.insert(at + usize::from(*side == b"AFTER"), element.to_vec());
                        let len = list.len() as i64;
                        self.keep_list(key, list);
                        int(len)
                    }
                    None if list.is_empty() => int(0),
                    None => int(-1),
                },
                Err(refusal) => refusal,
            },
            ("LREM", [key, count, element]) => match self.elements(key) {
                Ok(list) => {
                    let (kept, removed) = without(list, number(count)?, element);
                    self.keep_list(key, kept);
                    int(removed)
                }
                Err(refusal) => refusal,
            },
            ("RPOPLPUSH", [from, to]) => self.shift(from, to, false, true),
            ("LMOVE", [from, to, out, into]) => self.shift(from, to, *out == b"LEFT", *into == b"LEFT"),
            _ => return None,
        })
    }

    fn push(&mut self, key: &[u8], elements: &[&[u8]], left: bool) -> Told {
        match self.elements(key) {
            Ok(mut list) => {
                for element in elements {
                    let at = if left { 0 } else { list.len() };
                    list.insert(at, element.to_vec());
                }
                let len = list.len() as i64;
                self.keep_list(key, list);
                int(len)
            }
            Err(refusal) => refusal,
        }
    }

    /// Takes elements off an end; `None` if there is no such list.
    fn take(&mut self, key: &[u8], left: bool, count: usize) -> Result<Option<Vec<Bytes>>, Told> {
        let mut list = self.elements(key)?;
        if !self.has(key) {
            return Ok(None);
        }
        let mut taken = vec![];
        while taken.len() < count && !list.is_empty() {
            taken.push(if left { list.remove(0) } else { list.pop().expect("not empty") });
        }
        self.keep_list(key, list);
        Ok(Some(taken))
    }

    fn shift(&mut self, from: &[u8], to: &[u8], out_left: bool, in_left: bool) -> Told {
        if !self.has(from) {
            return bulk(None);
        }
        if self.elements(to).is_err() {
            return Told::Refusal;
        }
        if from == to {
            return self.turn(from, out_left, in_left);
        }
        match self.take(from, out_left, 1) {
            Ok(taken) => {
                let element = taken.unwrap_or_default().remove(0);
                self.push(to, &[&element], in_left).and(bulk(Some(&element)))
            }
            Err(refusal) => refusal,
        }
    }

    /// Moves an element within a list, which is never empty meanwhile.
    fn turn(&mut self, key: &[u8], out_left: bool, in_left: bool) -> Told {
        match self.elements(key) {
            Ok(mut list) => {
                let element =
                    if out_left { list.remove(0) } else { list.pop().expect("a list has elements") };
                list.insert(if in_left { 0 } else { list.len() }, element.clone());
                self.keep_list(key, list);
                bulk(Some(&element))
            }
            Err(refusal) => refusal,
        }
    }

    fn hash(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        let [key, args @ ..] = args else { return None };
        if !name.starts_with('H') || name == "HELLO" {
            return None;
        }
        let mut fields = match self.fields(key) {
            Ok(fields) => fields,
            // Some refuse for another reason first.
            Err(_) => return None,
        };
        let reply = match (name, args) {
            ("HSET" | "HMSET", pairs) => {
                let before = fields.len();
                fields.extend(pairs.chunks(2).map(|pair| (pair[0].to_vec(), (pair[1].to_vec(), None))));
                if name == "HSET" { int((fields.len() - before) as i64) } else { ok() }
            }
            ("HSETNX", [field, value]) => {
                let free = !fields.contains_key(*field);
                fields.entry(field.to_vec()).or_insert((value.to_vec(), None));
                int(free.into())
            }
            ("HGET", [field]) => bulk(fields.get(*field).map(|(value, _)| value.as_slice())),
            ("HMGET", names) => {
                list(names.iter().map(|field| bulk(fields.get(*field).map(|(value, _)| value.as_slice()))))
            }
            ("HLEN", []) => int(fields.len() as i64),
            ("HSTRLEN", [field]) => int(fields.get(*field).map_or(0, |(value, _)| value.len()) as i64),
            ("HEXISTS", [field]) => int(fields.contains_key(*field).into()),
            ("HDEL", names) => {
                int(names.iter().filter(|field| fields.remove(**field).is_some()).count() as i64)
            }
            ("HINCRBY", [field, by]) => {
                let (old, deadline) = match fields.get(*field) {
                    Some((value, deadline)) => (number(value), *deadline),
                    None => (Some(0), None),
                };
                let Some(new) = old.and_then(|old| old.checked_add(number(by)?)) else {
                    return Some(Told::Refusal);
                };
                fields.insert(field.to_vec(), (new.to_string().into_bytes(), deadline));
                int(new)
            }
            _ => return None,
        };
        match fields.is_empty() {
            true => drop(self.remove(key)),
            false => self.keep(key, Value::Hash(fields)),
        }
        Some(reply)
    }

    fn sorted_set(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        let key = args.first()?;
        if !matches!(name, "ZADD" | "ZREM" | "ZCARD" | "ZRANK" | "ZRANGE") {
            return None;
        }
        let mut set = match self.members(key) {
            Ok(set) => set,
            Err(refusal) => return Some(refusal),
        };
        let place = |set: &[(f64, Bytes)], member: &[u8]| set.iter().position(|(_, other)| other == member);
        Some(match (name, &args[1..]) {
            ("ZADD", [score, member]) => {
                let Some(score) = parse_float(score) else { return Some(Told::Refusal) };
                let old = place(&set, member).map(|at| set.remove(at));
                set.push((score, member.to_vec()));
                self.keep_sorted(key, set);
                int(i64::from(old.is_none()))
            }
            ("ZREM", members) => {
                let before = set.len();
                set.retain(|(_, member)| !members.contains(&member.as_slice()));
                let removed = before - set.len();
                self.keep_sorted(key, set);
                int(removed as i64)
            }
            ("ZCARD", []) => int(set.len() as i64),
            ("ZRANK", [member]) => match place(&set, member) {
                Some(rank) => int(rank as i64),
                None => bulk(None),
            },
            ("ZRANGE", [start, stop]) => {
                let (Some(start), Some(stop)) = (number(start), number(stop)) else {
                    return Some(Told::Refusal);
                };
                let range = range(start, stop, set.len());
                list(set[range].iter().map(|(_, member)| bulk(Some(member))))
            }
            _ => return None,
        })
    }

    fn members(&self, key: &[u8]) -> Result<Vec<(f64, Bytes)>, Told> {
        match self.at(key).map(|held| &held.value) {
            Some(Value::SortedSet(set)) => Ok(set.clone()),
            Some(_) => Err(Told::Refusal),
            None => Ok(vec![]),
        }
    }

    /// Leaves a key a sorted set, or removes it.
    fn keep_sorted(&mut self, key: &[u8], mut set: Vec<(f64, Bytes)>) {
        set.sort_by(|one, other| one.partial_cmp(other).expect("scores are numbers"));
        match set.is_empty() {
            true => drop(self.remove(key)),
            false => self.keep(key, Value::SortedSet(set)),
        }
    }

    fn set_of(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        let (key, mut members) = match (name, args) {
            ("SADD" | "SREM" | "SCARD" | "SISMEMBER" | "SMISMEMBER", [key, ..]) => {
                match self.set_members(key) {
                    Ok(members) => (*key, members),
                    Err(refusal) => return Some(refusal),
                }
            }
            ("SINTERSTORE" | "SUNIONSTORE" | "SDIFFSTORE", [key, operands @ ..]) => {
                let sets: Result<Vec<_>, _> = operands.iter().map(|key| self.set_members(key)).collect();
                let Ok(sets) = sets else { return Some(Told::Refusal) };
                let combined = sets.into_iter().reduce(|one, other| match name {
                    "SINTERSTORE" => &one & &other,
                    "SUNIONSTORE" => &one | &other,
                    _ => &one - &other,
                });
                self.remove(key);
                (*key, combined.unwrap_or_default())
            }
            ("SMOVE", [from, to, member]) => {
                let (Ok(mut source), Ok(mut destination)) = (self.set_members(from), self.set_members(to))
                else {
                    return (self.has(from) || self.has(to)).then_some(Told::Unknown);
                };
                let moved = source.contains(*member);
                if moved && from != to {
                    source.remove(*member);
                    destination.insert(member.to_vec());
                    self.keep_members(from, source);
                    self.keep_members(to, destination);
                }
                return Some(int(moved.into()));
            }
            _ => return None,
        };
        let args = &args[1..];
        let reply = match name {
            "SADD" => int(args.iter().filter(|member| members.insert(member.to_vec())).count() as i64),
            "SREM" => int(args.iter().filter(|member| members.remove(**member)).count() as i64),
            "SISMEMBER" => int(members.contains(args[0]).into()),
            "SMISMEMBER" => list(args.iter().map(|member| int(members.contains(*member).into()))),
            _ => int(members.len() as i64),
        };
        self.keep_members(key, members);
        Some(reply)
    }

    fn keep_members(&mut self, key: &[u8], members: BTreeSet<Bytes>) {
        match members.is_empty() {
            true => drop(self.remove(key)),
            false => self.keep(key, Value::Set(members)),
        }
    }

    fn key(&mut self, name: &str, args: &[&[u8]]) -> Option<Told> {
        Some(match (name, args) {
            ("DEL" | "UNLINK", keys) => int(keys.iter().map(|key| i64::from(self.remove(key))).sum()),
            ("EXISTS", keys) => int(keys.iter().filter(|key| self.has(key)).count() as i64),
            ("TYPE", [key]) => Told::Reply(
                match self.at(key).map(|held| &held.value) {
                    Some(Value::Str(_)) => "string",
                    Some(Value::List(_)) => "list",
                    Some(Value::Set(_)) => "set",
                    Some(Value::SortedSet(_)) => "zset",
                    Some(Value::Stream(_)) => "stream",
                    Some(Value::Hash(_)) => "hash",
                    None => "none",
                }
                .into(),
            ),
            ("RENAME" | "RENAMENX", [from, _]) if !self.has(from) => Told::Refusal,
            ("RENAMENX", [_, to]) if self.has(to) => int(0),
            ("RENAME" | "RENAMENX", [from, to]) => {
                let held = self.keys.remove(&(self.db, from.to_vec()))?;
                self.keys.insert((self.db, to.to_vec()), held);
                if name == "RENAME" { ok() } else { int(1) }
            }
            ("MOVE", [key, db]) => {
                let (from, to) = ((self.db, key.to_vec()), (u32::try_from(number(db)?).ok()?, key.to_vec()));
                match self.keys.contains_key(&to) || from == to {
                    true if from == to => Told::Refusal,
                    true => int(0),
                    false => match self.keys.remove(&from) {
                        Some(held) => {
                            self.keys.insert(to, held);
                            int(1)
                        }
                        None => int(0),
                    },
                }
            }
            ("COPY", [from, to]) if from != to => match self.at(from).cloned() {
                Some(held) if !self.has(to) => {
                    self.keys.insert((self.db, to.to_vec()), held);
                    int(1)
                }
                _ => int(0),
            },
            ("PERSIST", [key]) => {
                let old = self.keys.get_mut(&(self.db, key.to_vec())).and_then(|held| held.deadline.take());
                int(old.is_some().into())
            }
            ("EXPIRE", [key, n]) => self.expire(key, number(n)?.checked_mul(1_000)?),
            ("PEXPIRE", [key, n]) => self.expire(key, number(n)?),
            ("PTTL", [key]) => int(self.left(key)),
            ("TTL", [key]) => int(match self.left(key) {
                millis if millis < 0 => millis,
                millis => (millis + 500) / 1_000,
            }),
            ("FLUSHALL", _) => {
                self.keys.clear();
                ok()
            }
            _ => return None,
        })
    }

    /// Gives a key a deadline in milliseconds from now.
    fn expire(&mut self, key: &[u8], millis: i64) -> Told {
        // Deadlines are whole milliseconds.
        let deadline = Time::from_millis(self.now.millis().saturating_add_signed(millis));
        match self.keys.get_mut(&(self.db, key.to_vec())) {
            Some(held) => {
                held.deadline = Some(deadline);
                self.forget_late();
                int(1)
            }
            None => int(0),
        }
    }

    fn left(&self, key: &[u8]) -> i64 {
        match self.at(key) {
            None => -2,
            Some(Held { deadline: None, .. }) => -1,
            Some(Held { deadline: Some(deadline), .. }) => {
                deadline.millis() as i64 - self.now.millis() as i64
            }
        }
    }

    fn at(&self, key: &[u8]) -> Option<&Held> {
        self.keys.get(&(self.db, key.to_vec()))
    }

    fn has(&self, key: &[u8]) -> bool {
        self.at(key).is_some()
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        self.keys.remove(&(self.db, key.to_vec())).is_some()
    }

    fn text(&self, key: &[u8]) -> Result<Option<Bytes>, Told> {
        match self.at(key).map(|held| &held.value) {
            Some(Value::Str(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Told::Refusal),
            None => Ok(None),
        }
    }

    fn elements(&self, key: &[u8]) -> Result<Vec<Bytes>, Told> {
        match self.at(key).map(|held| &held.value) {
            Some(Value::List(list)) => Ok(list.clone()),
            Some(_) => Err(Told::Refusal),
            None => Ok(vec![]),
        }
    }

    fn set_members(&self, key: &[u8]) -> Result<BTreeSet<Bytes>, Told> {
        match self.at(key).map(|held| &held.value) {
            Some(Value::Set(members)) => Ok(members.clone()),
            Some(_) => Err(Told::Refusal),
            None => Ok(BTreeSet::new()),
        }
    }

    fn fields(&self, key: &[u8]) -> Result<Fields, Told> {
        match self.at(key).map(|held| &held.value) {
            Some(Value::Hash(fields)) => Ok(fields.clone()),
            Some(_) => Err(Told::Refusal),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Gives a key a new string, without a deadline.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Told {
        let held = Held { value: Value::Str(value.to_vec()), deadline: None };
        self.keys.insert((self.db, key.to_vec()), held);
        ok()
    }

    /// Changes a key's value; its deadline stays.
    fn keep(&mut self, key: &[u8], value: Value) {
        let deadline = self.at(key).and_then(|held| held.deadline);
        self.keys.insert((self.db, key.to_vec()), Held { value, deadline });
    }

    fn keep_list(&mut self, key: &[u8], list: Vec<Bytes>) {
        match list.is_empty() {
            true => drop(self.remove(key)),
            false => self.keep(key, Value::List(list)),
        }
    }
}

impl Told {
    fn and(self, other: Told) -> Told {
        other
    }
}

fn told<T>(found: Result<T, Told>, tell: impl FnOnce(T) -> Told) -> Told {
    found.map_or_else(|refusal| refusal, tell)
}

fn ok() -> Told {
    Told::Reply("OK".into())
}

fn int(n: i64) -> Told {
    Told::Reply(format!("(integer) {n}"))
}

fn bulk(bytes: Option<&[u8]>) -> Told {
    Told::Reply(bytes.map_or("(nil)".into(), quote))
}

fn list(parts: impl Iterator<Item = Told>) -> Told {
    let parts: Vec<Told> = parts.collect();
    if parts.is_empty() {
        return Told::Reply("(empty array)".into());
    }
    let width = parts.len().to_string().len();
    let line = |(i, part): (usize, &Told)| match part {
        Told::Reply(text) => format!("{:>width$}) {text}", i + 1),
        Told::Refusal | Told::Unknown => String::new(),
    };
    Told::Reply(parts.iter().enumerate().map(line).collect::<Vec<_>>().join("\n"))
}

fn number(text: &[u8]) -> Option<i64> {
    let n: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (n.to_string().as_bytes() == text).then_some(n)
}

fn place(index: i64, len: usize) -> Option<usize> {
    let at = if index < 0 { index + len as i64 } else { index };
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// Returns the range of two places, both included and both from the end if negative.
fn range(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let from_end = |n: i64| if n < 0 { n.saturating_add(len as i64) } else { n };
    let start = from_end(start).max(0) as usize;
    let end = (from_end(stop).saturating_add(1).max(0) as usize).min(len);
    if start < end { start..end } else { 0..0 }
}

/// The same for GETRANGE, to which an end before the beginning is the beginning.
fn text_range(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let backwards = start < 0 && end < 0 && start > end;
    let end = if end < 0 { end.saturating_add(len as i64).max(0) } else { end };
    if backwards { 0..0 } else { range(start, end, len) }
}

/// Returns a list without up to `count` equal elements (0: all; negative: from the tail), and how many were removed.
fn without(mut list: Vec<Bytes>, count: i64, element: &[u8]) -> (Vec<Bytes>, i64) {
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    if count < 0 {
        list.reverse();
    }
    let mut removed = 0;
    list.retain(|other| {
        let goes = removed < most && other == element;
        removed += usize::from(goes);
        !goes
    });
    if count < 0 {
        list.reverse();
    }
    (list, removed as i64)
}
