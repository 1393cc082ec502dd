//! Numbers that stand for what keys hold: that of DEBUG DIGEST, and one that tests compare after every step.

use std::hash::Hasher;

use sha1_smol::Sha1;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::base::number::format_float;
use crate::data::entry::{Entry, ValueRef};
use crate::data::hash::Pair;
use crate::data::list::{Item, Side};
use crate::data::object::Object;
use crate::data::stream::Stream;
use crate::data::stream_id::Id;

use super::{Database, Keyspace};

/// What DEBUG DIGEST says: twenty bytes that are all zero for a keyspace without keys.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Returns the digest of one value, as DEBUG DIGEST-VALUE does.
    pub fn of_value(entry: &Entry) -> Self {
        let mut digest = Self::default();
        digest.mix_value(entry);
        digest
    }

    /// Returns forty lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Takes something in, whatever comes before and after it.
    fn add(&mut self, bytes: &[u8]) {
        let sum = Sha1::from(bytes).digest().bytes();
        self.0.iter_mut().zip(sum).for_each(|(byte, other)| *byte ^= other);
    }

    /// Takes something in that comes after what was taken in so far.
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn mix_value(&mut self, entry: &Entry) {
        /// The numbers of Redis' types.
        const STRING: u32 = 0;
        const LIST: u32 = 1;
        const SET: u32 = 2;
        const SORTED_SET: u32 = 3;
        const STREAM: u32 = 6;
        const HASH: u32 = 4;
        match entry.value() {
            ValueRef::Str(string) => {
                self.mix(&STRING.to_be_bytes());
                self.mix(string.as_bytes(&mut [0; 20]));
            }
            ValueRef::Object(Object::Hash(hash)) => {
                self.mix(&HASH.to_be_bytes());
                for pair in hash.iter() {
                    let mut digest = Self::default();
                    digest.mix(&pair.field());
                    digest.mix(&pair.value());
                    if pair.deadline.is_some() {
                        digest.add(b"!!hexpire!!");
                    }
                    self.add(&digest.0);
                }
            }
            ValueRef::Object(Object::List(list)) => {
                self.mix(&LIST.to_be_bytes());
                list.iter(Side::Head).for_each(|element| self.mix(&element));
            }
            ValueRef::Object(Object::Set(set)) => {
                self.mix(&SET.to_be_bytes());
                set.iter().for_each(|member| self.add(&Item::from(member)));
            }
            ValueRef::Object(Object::SortedSet(set)) => {
                self.mix(&SORTED_SET.to_be_bytes());
                for (member, score) in set.iter() {
                    let mut digest = Self::default();
                    digest.mix(&member);
                    digest.mix(&format_float(score));
                    self.add(&digest.0);
                }
            }
            ValueRef::Object(Object::Stream(stream)) => {
                self.mix(&STREAM.to_be_bytes());
                for item in stream.iter() {
                    self.mix(&item.id.joined(b'.'));
                    for (field, value) in item.pairs {
                        self.mix(&field);
                        self.mix(&value);
                    }
                }
            }
        }
        if entry.deadline().is_some() {
            self.add(b"!!expire!!");
        }
    }
}

impl Keyspace {
    /// Returns the digest of all databases, as DEBUG DIGEST does. Of a deadline it tells that there is one.
    pub fn redis_digest(&self) -> Digest {
        let mut all = Digest::default();
        for (db, database) in self.dbs.iter().enumerate().filter(|(_, database)| !database.is_empty()) {
            all.mix(&(db as u32).to_be_bytes());
            for entry in database.iter() {
                let mut digest = Digest::default();
                digest.mix(entry.key());
                digest.mix_value(entry);
                all.add(&digest.0);
            }
        }
        all
    }

    /// Returns a number that differs, but for chance, if any key, value or deadline of any database does.
    ///
    /// How a value is encoded makes no difference, nor does the keyspace's secret.
    pub fn digest(&self) -> u128 {
        let entries = |(db, database): (usize, &Database)| -> u128 {
            database.iter().fold(0, |sum, entry| sum.wrapping_add(entry_digest(db as u32, entry)))
        };
        self.dbs.iter().enumerate().map(entries).fold(0, u128::wrapping_add)
    }
}

fn entry_digest(db: u32, entry: &Entry) -> u128 {
    let mut sum = Sum(SipHasher13::new());
    sum.add(&db.to_le_bytes());
    sum.add(&entry.deadline().map_or(u64::MAX, |deadline| deadline.0).to_le_bytes());
    sum.add(entry.key());
    match entry.value() {
        ValueRef::Str(string) => {
            sum.add(b"string");
            sum.add(string.as_bytes(&mut [0; 20]));
        }
        ValueRef::Object(Object::Hash(hash)) => {
            sum.add(b"hash");
            // In any order.
            let fields = hash.iter().map(|pair| pair_digest(&pair)).fold(0, u128::wrapping_add);
            sum.add(&fields.to_le_bytes());
        }
        ValueRef::Object(Object::List(list)) => {
            sum.add(b"list");
            list.iter(Side::Head).for_each(|element| sum.add(&element));
        }
        ValueRef::Object(Object::Set(set)) => {
            sum.add(b"set");
            // In any order.
            let members = set.iter().map(|member| member_digest(&Item::from(member)));
            sum.add(&members.fold(0, u128::wrapping_add).to_le_bytes());
        }
        ValueRef::Object(Object::SortedSet(set)) => {
            sum.add(b"zset");
            for (member, score) in set.iter() {
                sum.add(&member);
                // A packed score is no negative zero, and the form is to make no difference.
                sum.add(&(score + 0.0).to_bits().to_le_bytes());
            }
        }
        ValueRef::Object(Object::Stream(stream)) => sum.add_stream(stream),
    }
    sum.0.finish128().into()
}

fn pair_digest(pair: &Pair<'_>) -> u128 {
    let mut sum = Sum(SipHasher13::new());
    sum.add(&pair.deadline.map_or(u64::MAX, |deadline| deadline.0).to_le_bytes());
    sum.add(&pair.field());
    sum.add(&pair.value());
    sum.0.finish128().into()
}

fn member_digest(member: &[u8]) -> u128 {
    let mut sum = Sum(SipHasher13::new());
    sum.add(member);
    sum.0.finish128().into()
}

struct Sum(SipHasher13);

impl Sum {
    /// Takes in bytes and where they end.
    fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.0.write(&(bytes.len() as u64).to_le_bytes());
    }

    fn add_id(&mut self, id: Id) {
        self.0.write(&id.to_bytes());
    }

    /// Takes in all of a stream but when consumers were last heard of, which no log tells.
    fn add_stream(&mut self, stream: &Stream) {
        self.add(b"stream");
        for item in stream.iter() {
            self.add_id(item.id);
            for (field, value) in item.pairs {
                self.add(&field);
                self.add(&value);
            }
        }
        self.add_id(stream.last());
        self.add_id(stream.max_deleted());
        self.0.write_u64(stream.added());
        for group in stream.groups.iter() {
            self.add(group.name());
            self.add_id(group.last);
            self.0.write_u64(group.read.unwrap_or(u64::MAX));
            for (id, delivery) in group.pending().iter() {
                self.add_id(id);
                self.add(group.consumer(delivery.consumer).name());
                self.0.write_u64(delivery.at_ms);
                self.0.write_u64(delivery.count);
            }
            group.consumers().for_each(|consumer| self.add(consumer.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Time;
    use crate::data::entry::NewValue;
    use crate::data::list::List;
    use crate::data::table::HashKey;

    type Entries = Vec<(u32, Entry)>;

    fn keyspace(secret: u64, entries: Entries) -> Keyspace {
        let mut keyspace = Keyspace::new(HashKey(secret, 0), 3);
        entries.into_iter().for_each(|(db, entry)| assert!(keyspace.load(db, entry)));
        keyspace
    }

    fn list(elements: &[&str]) -> NewValue<'static> {
        let mut list = List::new();
        elements.iter().for_each(|element| list.push(Side::Tail, element.as_bytes()));
        NewValue::Object(Object::List(Box::new(list)))
    }

    fn sample() -> Entries {
        vec![
            (0, Entry::new(b"greeting", NewValue::Bytes(b"hello"), None, 0)),
            (0, Entry::new(b"n", NewValue::Int(12), Some(Time::from_seconds(9_999_999_999)), 5)),
            (2, Entry::new(b"jobs", list(&["a", "2", "", "c"]), None, 0)),
        ]
    }

    #[test]
    fn debug_digest_is_that_of_redis() {
        // SET greeting hello, SET n 12 EXAT 9999999999, SELECT 2, RPUSH jobs a 2 "" c, DEBUG DIGEST; redis-server 7.0.15.
        assert_eq!(keyspace(1, vec![]).redis_digest().to_hex(), "0".repeat(40));
        assert_eq!(keyspace(1, sample()).redis_digest().to_hex(), "7ea5610af72d5d0a39c641b224daa8d57d98c92b");
        let values: Vec<_> = sample().iter().map(|(_, entry)| Digest::of_value(entry).to_hex()).collect();
        assert_eq!(
            values,
            [
                "36b23a1456b2dce2c3ed252c456761301dba8060",
                "83df3a94c43338a2db2a05ddb5dbb794b842c619",
                "f0c2c8e66c553b550b4753ff56d58cbd241e67ba"
            ]
        );
    }

    #[test]
    fn the_digest_tells_what_there_is_and_nothing_else() {
        let digest = keyspace(1, sample()).digest();
        let mut reversed = sample();
        reversed.reverse();
        reversed[1].1 = Entry::new(b"n", NewValue::Plain(b"12"), reversed[1].1.deadline(), 0);
        assert_eq!(keyspace(2, reversed).digest(), digest);
        let changes: [fn(&mut Entries); 5] = [
            |entries| entries[0].0 = 1,
            |entries| entries[0].1.set_deadline(Some(Time(1))),
            |entries| entries[1].1.set_deadline(Some(Time(1))),
            |entries| entries[0].1.rename(b"other"),
            |entries| entries[2].1 = Entry::new(b"jobs", list(&["a", "2", "c", ""]), None, 0),
        ];
        for change in changes {
            let mut entries = sample();
            change(&mut entries);
            assert_ne!(keyspace(1, entries).digest(), digest);
        }
    }
}
