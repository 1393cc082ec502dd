//! Reads a snapshot, in pieces of any size.

use std::fmt;

use crate::base::checksum::Crc64;
use crate::base::number::parse_uint;
use crate::base::time::Time;
use crate::data::entry::{Entry, NewValue};
use crate::data::table::Batch;
use crate::keyspace::{Keyspace, access_clock};

use super::build::Build;
use super::input::{Input, Read, Stop};
use super::{Damage, Fault, Purpose, hash, kind, list, module, opcode, set, sorted_set, stream};

/// Later versions differ from the one that is written in types that are refused by their numbers.
const VERSION_MAX: u32 = 12;
/// The version of Valkey 9, which numbers its own from 80 on.
const VERSION_VALKEY: u32 = 80;
/// What stands in front of the version's digits.
const MAGICS: [(&[u8], Maker); 2] = [(b"REDIS", Maker::Redis), (b"VALKEY", Maker::Valkey)];
/// Before this version there was no checksum.
const VERSION_WITH_CHECKSUM: u32 = 5;

/// Returns whether bytes begin as a snapshot does.
pub fn begins_snapshot(bytes: &[u8]) -> bool {
    MAGICS.iter().any(|(magic, _)| bytes.starts_with(magic))
}

/// Puts the keys of a snapshot into a keyspace.
///
/// They go into it in batches, the last one when the end is read. What comes of a snapshot that turns out to be damaged is
/// some of its keys: it is for the caller to clear the keyspace.
pub struct Loader {
    purpose: Purpose,
    now: Time,
    /// What is not read yet: the beginning of an item.
    pending: Vec<u8>,
    /// Where `pending` begins in the snapshot.
    at: u64,
    /// What the bytes before that sum up to, unless nobody wants to know.
    checksum: Option<Crc64>,
    stage: Stage,
    version: u32,
    maker: Maker,
    db: u32,
    next: Attributes,
    building: Option<Building>,
    /// The database that a stream of changes which goes on from the snapshot begins in, if it is told.
    stream_db: Option<u32>,
    /// What the snapshot says of itself, if it is read for that alone.
    notes: Option<Vec<(u64, Note)>>,
    /// Why `pending` is not an item yet.
    missing: Option<Stop>,
    loaded: Loaded,
    /// Keys that are not in the keyspace yet, and the database that they belong to.
    arrived: Batch<Entry>,
    arrived_in: u32,
    /// Where each of those ends in the snapshot, once that is known; 0 before.
    ends: Vec<u64>,
    /// How many keys go into the keyspace together.
    together: usize,
    /// Some of the keys that were left out because they held nothing.
    skipped: Vec<Box<[u8]>>,
}

/// The most names of such keys that are kept.
const SKIPPED_MAX: usize = 10;

/// Whose format it is. The numbers of types from 22 on mean one thing or another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Redis,
    Valkey,
}

impl Maker {
    /// Returns whose version this is, if it is one that can be read.
    pub fn of(version: u32) -> Option<Self> {
        match version {
            1..=VERSION_MAX => Some(Self::Redis),
            VERSION_VALKEY => Some(Self::Valkey),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Items,
    Footer,
    Ended,
}

/// Something that a snapshot says besides its keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A fact about the file.
    Aux(Box<[u8]>, Box<[u8]>),
    /// The database that the next keys belong to.
    Database(u64),
    /// The first line of a library of functions.
    Library(Box<[u8]>),
    /// Whether there is a checksum.
    End { summed: bool },
}

/// What came of a snapshot so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loaded {
    /// Bytes that were read.
    pub bytes: u64,
    /// Keys that are there now, or about to be.
    pub keys: u64,
    /// Keys with a deadline, whether or not it had passed.
    pub volatile: u64,
    /// Keys that were left out because their deadline had passed.
    pub expired: u64,
    /// Keys that were left out because they held nothing.
    pub empty: u64,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys loaded: {}, keys expired: {}", self.keys, self.expired)?;
        if self.empty > 0 { write!(f, ", empty keys skipped: {}", self.empty) } else { Ok(()) }
    }
}

/// What is said of a key in front of it.
#[derive(Clone, Copy, Default)]
struct Attributes {
    deadline: Option<Time>,
    idle_seconds: u64,
}

/// So many keys go into the keyspace together, at least and at most. Between these it is a share of the keys that there
/// are to be: what they take meanwhile is small then beside what they take in the end.
const TOGETHER: (usize, usize) = (1 << 10, 1 << 19);
const SHARE: u64 = 16;

/// A collection that is being read, and its key.
struct Building {
    key: Box<[u8]>,
    value: Box<dyn Build>,
}

impl Loader {
    /// Makes a loader for one snapshot, at a moment that decides which keys have expired.
    pub fn new(purpose: Purpose, check: bool, now: Time) -> Self {
        Self {
            purpose,
            now,
            pending: Vec::new(),
            at: 0,
            checksum: check.then(Crc64::new),
            stage: Stage::Head,
            version: 0,
            maker: Maker::Redis,
            db: 0,
            next: Attributes::default(),
            building: None,
            stream_db: None,
            notes: None,
            missing: None,
            loaded: Loaded::default(),
            arrived: Batch::default(),
            arrived_in: 0,
            ends: vec![],
            together: TOGETHER.0,
            skipped: vec![],
        }
    }

    /// Makes a loader that keeps no keys: it finds out whether they could be, and what else the snapshot says.
    ///
    /// Keys past their deadline count among the others, and databases may have any number.
    pub fn checking(now: Time) -> Self {
        Self { notes: Some(vec![]), ..Self::new(Purpose::Base, true, now) }
    }

    /// Takes what was noted while [checking](Self::checking), and how many bytes of the snapshot each follows.
    pub fn take_notes(&mut self) -> Vec<(u64, Note)> {
        self.notes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Reads on; returns how many of the bytes are still the snapshot's, which is all of them unless it has ended.
    pub fn feed(&mut self, keyspace: &mut Keyspace, bytes: &[u8]) -> Result<usize, Damage> {
        if self.has_ended() {
            return Ok(0);
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let read = self.items(keyspace, &pending)?;
        let rest = pending.len() - read;
        if self.has_ended() {
            return Ok(bytes.len() - rest);
        }
        pending.copy_within(read.., 0);
        pending.truncate(rest);
        self.pending = pending;
        Ok(bytes.len())
    }

    /// Returns what was loaded, if the snapshot has ended.
    pub fn finish(self) -> Result<Loaded, Damage> {
        if self.has_ended() {
            return Ok(self.loaded);
        }
        Err(self.ends_early().expect("it has not ended"))
    }

    /// Returns the damage that it is if nothing more comes.
    pub fn ends_early(&self) -> Option<Damage> {
        let end = self.at + self.pending.len() as u64;
        let key = self.missing.as_ref().and_then(|stop| stop.key.clone());
        (!self.has_ended()).then(|| Stop { fault: None, key }.damage(end))
    }

    /// Returns some of the keys that were left out because they held nothing.
    pub fn skipped(&self) -> &[Box<[u8]>] {
        &self.skipped
    }

    pub fn loaded(&self) -> Loaded {
        self.loaded
    }

    /// Returns the database that a stream of changes which goes on from the snapshot begins in, if it is told.
    pub fn stream_db(&self) -> Option<u32> {
        self.stream_db
    }

    /// Returns whether the end was read.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Reads every whole item; returns how many bytes they take.
    fn items(&mut self, keyspace: &mut Keyspace, bytes: &[u8]) -> Result<usize, Damage> {
        let mut input = Input { bytes, at: 0 };
        let (mut read, mut summed) = (0, 0);
        while self.stage != Stage::Ended {
            let enough = self.ends.len() >= self.together;
            if enough || self.arrived_in != self.db || self.stage == Stage::Footer {
                self.let_in(keyspace)?;
                self.arrived_in = self.db;
            }
            if self.stage == Stage::Footer {
                self.sum(&bytes[summed..read]);
                summed = read;
            }
            match self.item(keyspace, &mut input) {
                Ok(()) => {}
                Err(stop) if stop.fault.is_none() => {
                    self.missing = Some(stop);
                    break;
                }
                Err(stop) => {
                    self.let_in(keyspace)?;
                    return Err(stop.damage(self.at + input.at as u64));
                }
            }
            read = input.at;
            if let Some(end @ 0) = self.ends.last_mut() {
                *end = self.at + read as u64;
            }
            if let Some((at @ 0, _)) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
                *at = self.at + read as u64;
            }
        }
        if self.has_ended() {
            self.let_in(keyspace)?;
        }
        self.sum(&bytes[summed..read]);
        self.at += read as u64;
        self.loaded.bytes = self.at;
        Ok(read)
    }

    /// Puts the keys that have arrived into the keyspace.
    fn let_in(&mut self, keyspace: &mut Keyspace) -> Result<(), Damage> {
        let twin = keyspace.load_batch(self.arrived_in, &mut self.arrived);
        let fault = |(number, twin): (usize, Entry)| Damage {
            at: self.ends[number],
            key: Some(twin.key().into()),
            fault: Fault::DuplicateKey,
        };
        let result = twin.map(fault).map_or(Ok(()), Err);
        self.ends.clear();
        result
    }

    fn sum(&mut self, bytes: &[u8]) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
    }

    /// Reads an item. If that fails, nothing has changed.
    fn item(&mut self, keyspace: &mut Keyspace, input: &mut Input<'_>) -> Read<()> {
        match self.stage {
            Stage::Head => self.head(input),
            Stage::Footer => self.footer(input),
            Stage::Items if self.building.is_some() => self.part(keyspace, input),
            Stage::Items | Stage::Ended => self.record(keyspace, input),
        }
    }

    fn head(&mut self, input: &mut Input<'_>) -> Read<()> {
        let head = input.array::<9>()?;
        let mut known = MAGICS.iter().filter_map(|(magic, maker)| Some((head.strip_prefix(*magic)?, *maker)));
        let (digits, maker) = known.next().ok_or(Fault::NotASnapshot)?;
        let digits = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let version = digits.ok_or(Fault::NotASnapshot)?;
        if Maker::of(version) != Some(maker) {
            return Err(Fault::Version(version).into());
        }
        self.version = version;
        self.maker = maker;
        self.stage = Stage::Items;
        Ok(())
    }

    fn footer(&mut self, input: &mut Input<'_>) -> Read<()> {
        let found = u64::from_le_bytes(input.array()?);
        if let Some(checksum) = &self.checksum
            && ![0, checksum.value()].contains(&found)
        {
            return Err(Fault::Checksum { found, computed: checksum.value() }.into());
        }
        self.stage = Stage::Ended;
        self.note(|| Note::End { summed: found != 0 });
        Ok(())
    }

    fn record(&mut self, keyspace: &mut Keyspace, input: &mut Input<'_>) -> Read<()> {
        match input.byte()? {
            opcode::END if self.version < VERSION_WITH_CHECKSUM => {
                self.stage = Stage::Ended;
                self.note(|| Note::End { summed: false });
            }
            opcode::END => self.stage = Stage::Footer,
            opcode::SELECT => {
                let db = input.len()?;
                let known = u32::try_from(db).ok().filter(|db| (*db as usize) < keyspace.databases());
                match known {
                    Some(known) => self.db = known,
                    None if self.notes.is_some() => {}
                    None => return Err(Fault::Database(db).into()),
                }
                self.note(|| Note::Database(db));
            }
            opcode::RESIZE => {
                let (keys, _) = (input.len()?, input.len()?);
                if self.notes.is_none() {
                    keyspace.expect(self.db, keys);
                    let share = usize::try_from(keys / SHARE).unwrap_or(usize::MAX);
                    self.together = share.clamp(TOGETHER.0, TOGETHER.1);
                }
            }
            opcode::AUX => {
                let (name, value) = (input.string()?.into_bytes(), input.string()?.into_bytes());
                if *name == *b"repl-stream-db" {
                    let db = parse_uint(&value).and_then(|db| u32::try_from(db).ok());
                    self.stream_db = db.filter(|db| (*db as usize) < keyspace.databases());
                }
                self.note(|| Note::Aux(name.into(), value.into()));
            }
            opcode::DEADLINE_MS => {
                let ms = i64::from_le_bytes(input.array()?).clamp(0, (u64::MAX / 1_000) as i64);
                self.next.deadline = Some(Time::from_millis(ms as u64));
            }
            opcode::DEADLINE_SECONDS => {
                self.next.deadline = Some(Time::from_seconds(u32::from_le_bytes(input.array()?).into()));
            }
            opcode::IDLE => self.next.idle_seconds = input.len()?,
            opcode::FREQUENCY => _ = input.byte()?,
            opcode::SLOT_INFO => _ = (input.len()?, input.len()?, input.len()?),
            opcode::FUNCTION => {
                let code = input.string()?.into_bytes();
                self.note(|| Note::Library(code.split(|byte| *byte == b'\n').next().unwrap_or(&[]).into()));
                if self.notes.is_none() {
                    keyspace.libraries.push(code.into());
                    keyspace.libraries_version += 1;
                }
            }
            opcode::FUNCTION_EARLY => {
                return Err(Fault::Unsupported("a library of functions of a release candidate").into());
            }
            opcode::MODULE => {
                self.module(input.len()?)?;
                // When it is to be loaded, as a number that says that it is one.
                _ = (input.len()?, input.len()?);
                module::skip(input)?;
            }
            kind => {
                let key = input.string()?.into_bytes();
                self.value(keyspace, kind, &key, input).map_err(|stop| stop.of(&key))?;
            }
        }
        Ok(())
    }

    /// Refuses data of a module, if it were to be kept.
    fn module(&self, id: u64) -> Read<()> {
        if self.notes.is_some() { Ok(()) } else { Err(Fault::Module(module::name(id)).into()) }
    }

    fn note(&mut self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &mut self.notes {
            // Where its item ends is known when the item is read.
            notes.push((0, note()));
        }
    }

    fn value(&mut self, keyspace: &mut Keyspace, kind: u8, key: &[u8], input: &mut Input<'_>) -> Read<()> {
        if kind == kind::STRING {
            let text = input.string()?;
            return self.put(keyspace, key, text.as_value());
        }
        if kind == kind::MODULE {
            self.module(input.len()?)?;
            module::skip(input)?;
            return self.put(keyspace, key, NewValue::Int(0));
        }
        let value = begin(kind, self.maker, input)?;
        match self.build(keyspace, key, value, input) {
            // It was begun, which is something.
            Err(stop) if stop.fault.is_none() => Ok(()),
            other => other,
        }
    }

    /// Reads on with the collection that was begun.
    fn part(&mut self, keyspace: &mut Keyspace, input: &mut Input<'_>) -> Read<()> {
        let Some(Building { key, value }) = self.building.take() else { return Ok(()) };
        let start = input.at;
        match self.build(keyspace, &key, value, input) {
            Err(stop) if stop.fault.is_none() && input.at > start => Ok(()),
            other => other.map_err(|stop| stop.of(&key)),
        }
    }

    /// Reads a collection as far as it is there, and puts it into the keyspace if that is all of it. If it is not, stops
    /// behind the last whole item.
    fn build(
        &mut self,
        keyspace: &mut Keyspace,
        key: &[u8],
        mut value: Box<dyn Build>,
        input: &mut Input<'_>,
    ) -> Read<()> {
        while !value.is_whole() {
            let start = input.at;
            if let Err(stop) = value.item(input, &keyspace.limits) {
                if stop.fault.is_none() {
                    input.at = start;
                    self.building = Some(Building { key: key.into(), value });
                }
                return Err(stop);
            }
        }
        let Some(object) = value.finish() else {
            self.next = Attributes::default();
            self.loaded.empty += 1;
            if self.skipped.len() < SKIPPED_MAX {
                self.skipped.push(key.into());
            }
            return Ok(());
        };
        self.put(keyspace, key, NewValue::Object(object))
    }

    fn put(&mut self, keyspace: &mut Keyspace, key: &[u8], value: NewValue<'_>) -> Read<()> {
        let Attributes { deadline, idle_seconds } = std::mem::take(&mut self.next);
        self.loaded.volatile += u64::from(deadline.is_some());
        if self.notes.is_some() {
            self.loaded.keys += 1;
            self.loaded.expired += u64::from(deadline.is_some_and(|deadline| deadline <= self.now));
            return Ok(());
        }
        if self.purpose == Purpose::Dump && deadline.is_some_and(|deadline| deadline <= self.now) {
            self.loaded.expired += 1;
            return Ok(());
        }
        let used = Time::from_seconds(self.now.seconds().saturating_sub(idle_seconds));
        let entry = Entry::new(key, value, deadline, access_clock(used));
        self.loaded.keys += 1;
        keyspace.load_later(self.db, entry, &mut self.arrived);
        self.ends.push(0);
        Ok(())
    }
}

/// Begins to read a collection of this type.
pub(super) fn begin(kind: u8, maker: Maker, input: &mut Input<'_>) -> Read<Box<dyn Build>> {
    match kind {
        kind::HASH_OF_VALKEY if maker == Maker::Valkey => hash::Builder::of_valkey(input),
        kind::HASH_OF_VALKEY.. if maker == Maker::Valkey => Err(unreadable(kind).into()),
        kind::LIST | kind::LIST_ZIPLIST | kind::LIST_OF_ZIPLISTS | kind::LIST_OF_LISTPACKS => {
            list::Builder::begin(kind, input)
        }
        kind::SORTED_SET_ASCII | kind::SORTED_SET | kind::SORTED_SET_ZIPLIST | kind::SORTED_SET_LISTPACK => {
            sorted_set::Builder::begin(kind, input)
        }
        kind::STREAM | kind::STREAM_WITH_TOTALS | kind::STREAM_WITH_ACTIVE_TIMES => {
            stream::Builder::begin(kind, input)
        }
        kind::HASH
        | kind::HASH_ZIPMAP
        | kind::HASH_ZIPLIST
        | kind::HASH_LISTPACK
        | kind::HASH_TIMED_EARLY..=kind::HASH_TIMED_LISTPACK => hash::Builder::begin(kind, input),
        kind::SET | kind::SET_OF_INTEGERS | kind::SET_LISTPACK => set::Builder::begin(kind, input),
        other => Err(unreadable(other).into()),
    }
}

/// Says why a value of this type is not read.
fn unreadable(kind: u8) -> Fault {
    Fault::Unsupported(match kind {
        6 => "a value of a module, as release candidates wrote it,",
        _ => return Fault::UnknownType(kind),
    })
}
