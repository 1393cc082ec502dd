//! How a database lies in IndexedDB, and the transactions that read and change it.
//!
//! ```text
//! meta       "meta"            { format, bytes, crc64 }   Meta, the one record that says what counts
//!            [epoch, place]    what the opening of that epoch found damaged, as it was
//! snapshot   [generation, n]   { bytes, crc64 }           RDB in chunks
//! ring       seq % slots       { seq, bytes, crc64 }      the log since the snapshot
//! lease      epoch             one record for every opening there ever was
//! ```
//!
//! Whoever opens the database adds the next epoch to `lease`. Every later transaction begins by adding the epoch after
//! its own, and takes it away again: if somebody else has opened the database since, adding fails, and with it the
//! whole transaction. Nothing has to be read first, so a transaction is one message to the browser.

use std::ops::RangeInclusive;

use js_sys::{Array, BigInt, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use super::place::{field, storage, text};
use crate::persist::layout::{CHUNK_BYTES, Change, FORMAT, Failure, Meta, SLOTS, Write};
use crate::persist::ring::Segment;

const META: &str = "meta";
const SNAPSHOT: &str = "snapshot";
const RING: &str = "ring";
const LEASE: &str = "lease";
const STORES: [&str; 4] = [META, SNAPSHOT, RING, LEASE];

/// Reads the record that says what counts.
fn read_meta(value: &JsValue) -> Result<Meta, Failure> {
    // A later version may have changed everything but where its number stands.
    match count(&field(value, "format")) {
        _ if value.is_undefined() => Ok(Meta::default()),
        Some(1) => meta_of_format_1(value).ok_or_else(senseless),
        Some(FORMAT) => match read(value) {
            Some((bytes, checksum)) if checksum == Segment::seal(FORMAT, &bytes) => Meta::decode(&bytes),
            _ => Err(senseless()),
        },
        Some(format) if format > FORMAT => Err(Failure::newer(&format!("format {format}"))),
        _ => Err(senseless()),
    }
}

fn senseless() -> Failure {
    Failure::Damaged("the record `meta` makes no sense".into())
}

fn meta_of_format_1(record: &JsValue) -> Option<Meta> {
    let number = |name: &str| count(&field(record, name));
    let aside = field(record, "aside").dyn_into::<Array>().ok()?;
    Some(Meta {
        epoch: number("epoch")?,
        generation: number("generation")?,
        chunks: number("chunks")?,
        snapshot_bytes: number("snapshotBytes")?,
        first_seq: number("firstSeq")?,
        slots: number("slots").filter(|slots| *slots == SLOTS)?,
        aside: aside.iter().map(|generation| count(&generation)).collect::<Option<_>>()?,
    })
}

fn write_meta(meta: &Meta) -> Object {
    let bytes = meta.encode();
    let record = record(Uint8Array::from(&bytes[..]), Segment::seal(FORMAT, &bytes));
    set(&record, "format", FORMAT as f64);
    record
}

/// An open database.
#[derive(Clone)]
pub struct Database {
    inner: IdbDatabase,
    epoch: u64,
    /// What is to count, and that we lead, which there was no room to write yet.
    unwritten: Option<Meta>,
    /// Holds a whole chunk for as long as the browser needs to copy it: new ones would be garbage, much of it.
    chunk: Uint8Array,
}

impl Database {
    /// Opens, or makes, the database of this name.
    pub async fn open(name: &str) -> Result<IdbDatabase, Failure> {
        let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).unwrap_or_default();
        if factory.is_undefined() || factory.is_null() {
            return Err(Failure::Unavailable("there is no IndexedDB here".into()));
        }
        // Not `dyn_into`: a test's own IndexedDB is none of the browser's classes.
        let request = factory.unchecked_into::<IdbFactory>().open_with_u32(name, FORMAT as u32);
        let request = request.map_err(|error| Failure::Unavailable(text(&error)))?;
        let upgrade = {
            let request = request.clone();
            Closure::<dyn FnMut()>::new(move || {
                let database = result(&request).unchecked_into::<IdbDatabase>();
                for store in STORES {
                    // They may be there, of an earlier format. If this fails otherwise, so does what reads them.
                    let _ = database.create_object_store(store);
                }
            })
        };
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let opened = Request::of(request.into()).succeeded().await.map_err(|failure| match failure {
            Failure::Storage(text) if text.starts_with("VersionError") => {
                Failure::newer("a later version number")
            }
            Failure::Storage(text) => Failure::Unavailable(text),
            other => other,
        })?;
        Ok(opened.unchecked_into())
    }

    /// Takes the lead over the database: nobody who opened it before can write any more.
    pub async fn lead(inner: IdbDatabase) -> Result<Opening, Failure> {
        let transaction = Transaction::begin(&inner, &STORES, true)?;
        let value =
            Request::of(transaction.store(META)?.get(&META.into()).map_err(storage)?).succeeded().await?;
        let mut meta = match read_meta(&value) {
            Ok(meta) => meta,
            Err(failure) => {
                let _ = transaction.inner.abort();
                return Err(failure);
            }
        };
        meta.epoch += 1;
        let epoch = JsValue::from(meta.epoch as f64);
        transaction.store(LEASE)?.put_with_key(&true.into(), &epoch).map_err(storage)?;
        let chunk = Uint8Array::new_with_length(CHUNK_BYTES as u32);
        let database = Database { inner, epoch: meta.epoch, unwritten: None, chunk };
        Ok(Opening { database, transaction, meta, ahead: None })
    }

    /// Makes the changes, unless somebody else has opened the database since.
    pub async fn write(&mut self, mut write: Write) -> Result<(), Failure> {
        if let Some(meta) = &self.unwritten
            && !write.changes.iter().any(|change| matches!(change, Change::Meta(_)))
        {
            write = write.and(Change::Meta(meta.clone()));
        }
        let changed =
            |name: &str| name == LEASE || write.changes.iter().any(|change| store_of(change) == name);
        let stores: Vec<&str> = STORES.into_iter().filter(|name| changed(name)).collect();
        let transaction = Transaction::begin(&self.inner, &stores, write.strict)?;
        let next = JsValue::from(self.epoch as f64 + 1.0);
        let lease = transaction.store(LEASE)?;
        if self.unwritten.is_some() {
            lease.add_with_key(&true.into(), &JsValue::from(self.epoch as f64)).map_err(storage)?;
        }
        lease.add_with_key(&true.into(), &next).map_err(storage)?;
        lease.delete(&next).map_err(storage)?;
        for change in &write.changes {
            transaction.make(change, &self.chunk)?;
        }
        // The bytes are the browser's now.
        drop(write);
        transaction.commit().await?;
        self.unwritten = None;
        Ok(())
    }

    /// Has `lost` called with a text when the database is taken away.
    pub fn watch(&self, lost: impl Fn(&str) + Clone + 'static) -> Watch {
        let database = self.inner.clone();
        let told = lost.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            // Who wants to delete it waits until we let go.
            database.close();
            told("the database was deleted");
        });
        let closed = Closure::<dyn FnMut()>::new(move || lost("the browser has closed the database"));
        self.inner.set_onversionchange(Some(changed.as_ref().unchecked_ref()));
        self.inner.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Watch { database: self.inner.clone(), _handlers: [changed, closed] }
    }

    pub fn close(&self) {
        self.inner.close();
    }
}

/// Handlers that a database calls; none once this is dropped.
pub struct Watch {
    database: IdbDatabase,
    _handlers: [Closure<dyn FnMut()>; 2],
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
    }
}

/// A database that is being read for the first time, in the transaction that took the lead.
pub struct Opening {
    database: Database,
    transaction: Transaction,
    pub meta: Meta,
    /// The chunk that is on its way, so that one is read while the one before is taken in.
    ahead: Option<((u64, u64), Request)>,
}

impl Opening {
    /// Reads a chunk of a snapshot, and its checksum.
    pub async fn chunk(&mut self, generation: u64, n: u64) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        let snapshot = self.transaction.store(SNAPSHOT)?;
        let get = |n| snapshot.get(&pair(generation, n)).map(Request::of).map_err(storage);
        let request = match self.ahead.take() {
            Some((of, request)) if of == (generation, n) => request,
            _ => get(n)?,
        };
        self.ahead = Some(((generation, n + 1), get(n + 1)?));
        Ok(read(&request.succeeded().await?))
    }

    /// Lets others have their turn. Only a request keeps the transaction alive meanwhile.
    pub async fn pause(&self) -> Result<(), Failure> {
        let none = self.transaction.store(META)?.get(&JsValue::from(0)).map_err(storage)?;
        Request::of(none).succeeded().await.map(drop)
    }

    /// Reads all segments, those that are released too.
    pub async fn segments(&self) -> Result<Vec<Segment>, Failure> {
        let ring = self.transaction.store(RING)?;
        let records: Array =
            Request::of(ring.get_all().map_err(storage)?).succeeded().await?.unchecked_into();
        let segment = |record: JsValue| {
            let seq = field(&record, "seq").as_f64()? as u64;
            let (bytes, checksum) = read(&record).unwrap_or_default();
            Some(Segment { seq, bytes, checksum })
        };
        Ok(records.iter().filter_map(segment).collect())
    }

    /// Moves these segments out of the ring, to where they stay for inspection.
    pub async fn set_aside(&self, segments: RangeInclusive<u64>) -> Result<(), Failure> {
        let (ring, meta) = (self.transaction.store(RING)?, self.transaction.store(META)?);
        for slot in segments.take(SLOTS as usize).map(|seq| (seq % SLOTS).into_js()) {
            let record = Request::of(ring.get(&slot).map_err(storage)?).succeeded().await?;
            if !record.is_undefined() {
                let key = Array::of2(&self.meta.epoch.into_js(), &slot);
                meta.put_with_key(&record, &key).map_err(storage)?;
                ring.delete(&slot).map_err(storage)?;
            }
        }
        Ok(())
    }

    /// Ends the transaction, after which this counts; from now on the database is ours.
    ///
    /// If the quota is used up, what was read is still as good as before: the first write that there is room for takes
    /// the lead. What was moved aside has to be written, though.
    pub async fn done(self, meta: &Meta, damaged: bool) -> Result<Database, Failure> {
        self.transaction.make(&Change::Meta(meta.clone()), &self.database.chunk)?;
        match self.transaction.commit().await {
            Err(Failure::Storage(why)) if why.starts_with("QuotaExceededError") && !damaged => {
                Ok(Database { unwritten: Some(meta.clone()), ..self.database })
            }
            result => result.map(|()| self.database),
        }
    }
}

/// A transaction, and the promise of its end.
struct Transaction {
    inner: IdbTransaction,
    end: JsFuture,
}

#[wasm_bindgen]
extern "C" {
    /// An `IDBDatabase`, with the method as the standard has it by now.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Transacting;
    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &Transacting,
        stores: &Array,
        mode: IdbTransactionMode,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    /// An `IDBTransaction` that may be too old to have the method.
    #[wasm_bindgen(extends = IdbTransaction)]
    type Committing;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &Committing) -> Result<(), JsValue>;
}

impl Transaction {
    fn begin(database: &IdbDatabase, stores: &[&str], strict: bool) -> Result<Self, Failure> {
        let options = Object::new();
        set(&options, "durability", if strict { "strict" } else { "relaxed" });
        let stores = stores.iter().map(|name| JsValue::from_str(name)).collect::<Array>();
        let database = database.unchecked_ref::<Transacting>();
        let inner =
            database.transaction(&stores, IdbTransactionMode::Readwrite, &options).map_err(storage)?;
        let end = Promise::new(&mut |resolve, reject| {
            inner.set_oncomplete(Some(&resolve));
            inner.set_onabort(Some(&reject));
        });
        Ok(Self { inner, end: end.into() })
    }

    fn store(&self, name: &str) -> Result<IdbObjectStore, Failure> {
        self.inner.object_store(name).map_err(storage)
    }

    /// Makes a change, if the transaction completes. `chunk` is for a while what a whole chunk is copied to.
    fn make(&self, change: &Change, chunk: &Uint8Array) -> Result<(), Failure> {
        let store = self.store(store_of(change))?;
        let request = match change {
            Change::Segment { slot, segment } => {
                let record = record(Uint8Array::from(&segment.bytes[..]), segment.checksum);
                set(&record, "seq", segment.seq as f64);
                store.put_with_key(&record, &slot.into_js())
            }
            Change::Chunk { generation, n, bytes } => {
                let array = if bytes.len() == CHUNK_BYTES {
                    chunk.copy_from(bytes);
                    chunk.clone()
                } else {
                    Uint8Array::from(&bytes[..])
                };
                store.put_with_key(&record(array, Segment::seal(*n, bytes)), &pair(*generation, *n))
            }
            Change::Meta(meta) => store.put_with_key(&write_meta(meta), &META.into()),
            Change::DeleteChunks(generations) => {
                let key = |generation: u64| Array::of1(&generation.into_js()).into();
                store.delete(&keys(key(generations.start), key(generations.end)))
            }
            Change::DeleteSlots(slots) => store.delete(&keys(slots.start.into_js(), slots.end.into_js())),
        };
        request.map(drop).map_err(storage)
    }

    /// Waits until it has completed; it is not waited for that somebody might add to it.
    async fn commit(self) -> Result<(), Failure> {
        // Where there is no such method it commits by itself, a little later.
        let _ = self.inner.unchecked_ref::<Committing>().commit();
        match self.end.await {
            Ok(_) => Ok(()),
            Err(_) => Err(why(self.inner.error())),
        }
    }
}

/// Returns the object store that a change is made in.
fn store_of(change: &Change) -> &'static str {
    match change {
        Change::Segment { .. } | Change::DeleteSlots(_) => RING,
        Change::Chunk { .. } | Change::DeleteChunks(_) => SNAPSHOT,
        Change::Meta(_) => META,
    }
}

/// Returns the keys from one on, up to another.
fn keys(from: JsValue, to: JsValue) -> JsValue {
    let range = IdbKeyRange::bound_with_lower_open_and_upper_open(&from, &to, false, true);
    range.expect("keys in order").into()
}

/// A request, and the promise of its end.
struct Request {
    inner: IdbRequest,
    end: JsFuture,
}

impl Request {
    fn of(inner: IdbRequest) -> Self {
        let end = Promise::new(&mut |resolve, reject| {
            inner.set_onsuccess(Some(&resolve));
            inner.set_onerror(Some(&reject));
        });
        Self { end: end.into(), inner }
    }

    /// Waits for its result.
    async fn succeeded(self) -> Result<JsValue, Failure> {
        match self.end.await {
            Ok(_) => Ok(result(&self.inner)),
            Err(_) => Err(why(self.inner.error().ok().flatten())),
        }
    }
}

fn result(request: &IdbRequest) -> JsValue {
    request.result().unwrap_or_default()
}

fn why(error: Option<DomException>) -> Failure {
    match error {
        // Nothing is added but to the lease.
        Some(error) if error.name() == "ConstraintError" => Failure::Superseded,
        Some(error) => storage(error.into()),
        None => Failure::Storage("the transaction was aborted".into()),
    }
}

fn record(bytes: Uint8Array, checksum: u64) -> Object {
    let record = Object::new();
    set(&record, "bytes", bytes);
    set(&record, "crc64", BigInt::from(checksum));
    record
}

fn read(record: &JsValue) -> Option<(Vec<u8>, u64)> {
    let bytes = field(record, "bytes").dyn_into::<Uint8Array>().ok()?.to_vec();
    let checksum = field(record, "crc64").dyn_into::<BigInt>().ok()?;
    Some((bytes, u64::try_from(checksum).ok()?))
}

fn set(object: &Object, name: &str, value: impl Into<JsValue>) {
    // Fails for frozen objects and the like only.
    let _ = Reflect::set(object, &name.into(), &value.into());
}

fn count(value: &JsValue) -> Option<u64> {
    value.as_f64().map(|n| n as u64)
}

fn pair(a: u64, b: u64) -> JsValue {
    Array::of2(&a.into_js(), &b.into_js()).into()
}

/// A count as the number that it is in JavaScript: none of ours comes near 2^53.
trait IntoJs {
    fn into_js(self) -> JsValue;
}

impl IntoJs for u64 {
    fn into_js(self) -> JsValue {
        JsValue::from(self as f64)
    }
}
