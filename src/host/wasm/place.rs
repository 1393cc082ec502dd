//! Where a database is kept: IndexedDB, or the origin private file system. What is written and read is the same.

use std::ops::RangeInclusive;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

use super::indexeddb::{self, Watch};
use crate::host::folder::Files;
use crate::persist::layout::{Failure, Meta, Write};
use crate::persist::ring::Segment;

/// A database that is being read for the first time. Nobody else can write to it any more.
pub enum Opening {
    IndexedDb(indexeddb::Opening),
    Files(Files<FileSystemDirectoryHandle>),
}

/// An open database.
pub enum Database {
    IndexedDb(indexeddb::Database),
    Files(Files<FileSystemDirectoryHandle>),
}

impl Opening {
    /// Opens, or makes, the database of this name in IndexedDB, or the one in this folder.
    pub async fn open(name: &str, folder: Option<FileSystemDirectoryHandle>) -> Result<Self, Failure> {
        if let Some(folder) = folder {
            return Ok(Self::Files(Files::open(folder).await?));
        }
        let inner = indexeddb::Database::open(name).await?;
        let opening = indexeddb::Database::lead(inner.clone()).await;
        Ok(Self::IndexedDb(opening.inspect_err(|_| inner.close())?))
    }

    /// Returns what counts.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::IndexedDb(opening) => &opening.meta,
            Self::Files(files) => files.meta(),
        }
    }

    /// Reads a chunk of a snapshot, and its checksum; none if it is not there. They are read in order.
    pub async fn chunk(&mut self, generation: u64, n: u64) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        match self {
            Self::IndexedDb(opening) => opening.chunk(generation, n).await,
            Self::Files(files) => files.chunk(generation, n),
        }
    }

    /// Reads all segments of the log, those that are released too.
    pub async fn segments(&mut self) -> Result<Vec<Segment>, Failure> {
        match self {
            Self::IndexedDb(opening) => opening.segments().await,
            Self::Files(files) => files.segments(),
        }
    }

    /// Lets others have their turn.
    pub async fn pause(&self) -> Result<(), Failure> {
        match self {
            Self::IndexedDb(opening) => opening.pause().await,
            // Nobody draws in a worker.
            Self::Files(_) => Ok(()),
        }
    }

    /// Moves these segments out of the log, to where they stay for inspection.
    pub async fn set_aside(&mut self, segments: RangeInclusive<u64>) -> Result<(), Failure> {
        match self {
            Self::IndexedDb(opening) => opening.set_aside(segments).await,
            Self::Files(files) => files.set_aside(segments).await,
        }
    }

    /// Has this count from now on, when the database is ours. `damaged` says whether something was moved aside.
    pub async fn done(self, meta: &Meta, damaged: bool) -> Result<Database, Failure> {
        match self {
            Self::IndexedDb(opening) => Ok(Database::IndexedDb(opening.done(meta, damaged).await?)),
            Self::Files(mut files) => {
                files.done(meta)?;
                Ok(Database::Files(files))
            }
        }
    }
}

impl Database {
    /// Makes the changes, unless somebody else has opened the database since.
    pub async fn write(&mut self, write: Write) -> Result<(), Failure> {
        match self {
            Self::IndexedDb(database) => database.write(write).await,
            Self::Files(files) => files.write(write).await,
        }
    }

    /// Has `lost` called with a text when the database is taken away. Files that are open are not.
    pub fn watch(&self, lost: impl Fn(&str) + Clone + 'static) -> Option<Watch> {
        match self {
            Self::IndexedDb(database) => Some(database.watch(lost)),
            Self::Files(_) => None,
        }
    }

    pub fn close(self) {
        match self {
            Self::IndexedDb(database) => database.close(),
            Self::Files(files) => drop(files),
        }
    }
}

/// Says what the browser has thrown.
pub fn storage(error: JsValue) -> Failure {
    Failure::Storage(text(&error))
}

/// Returns the name and the text of what was thrown.
pub fn text(error: &JsValue) -> String {
    let part = |name| field(error, name).as_string().unwrap_or_default();
    format!("{}: {}", part("name"), part("message"))
}

pub fn field(record: &JsValue, name: &str) -> JsValue {
    Reflect::get(record, &name.into()).unwrap_or_default()
}
