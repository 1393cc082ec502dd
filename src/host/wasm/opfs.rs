//! The origin private file system, as a [`Folder`].

use js_sys::{Boolean, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions, FileSystemReadWriteOptions,
    FileSystemSyncAccessHandle,
};

use super::place::{field, storage};
use crate::host::folder::{Folder, Handle};
use crate::persist::layout::Failure;

impl Folder for FileSystemDirectoryHandle {
    type Handle = Access;

    async fn open(&self, name: &str, create: bool) -> Result<Access, Failure> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        let file = settled(self.get_file_handle_with_options(name, &options)).await?;
        let file: FileSystemFileHandle = file.unchecked_into();
        let handle = JsFuture::from(file.create_sync_access_handle()).await;
        Ok(Access(handle.map_err(held)?.unchecked_into()))
    }

    async fn names(&self) -> Result<Vec<String>, Failure> {
        let (iterator, mut names) = (self.keys(), Vec::new());
        loop {
            let next = settled(iterator.next().map_err(storage)?).await?;
            if field(&next, "done").unchecked_into::<Boolean>().value_of() {
                return Ok(names);
            }
            names.extend(field(&next, "value").as_string());
        }
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        settled(self.remove_entry(name)).await.map(drop)
    }
}

/// A file that nobody else can open, until this is dropped.
pub struct Access(FileSystemSyncAccessHandle);

impl Handle for Access {
    fn size(&self) -> Result<u64, Failure> {
        self.0.get_size().map(|size| size as u64).map_err(storage)
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let read = self.0.read_with_u8_array_and_options(buffer, &place(at));
        read.map(|read| read as usize).map_err(storage)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, Failure> {
        let written = self.0.write_with_u8_array_and_options(bytes, &place(at));
        written.map(|written| written as usize).map_err(storage)
    }

    fn truncate(&self, size: u64) -> Result<(), Failure> {
        self.0.truncate_with_f64(size as f64).map_err(storage)
    }

    fn flush(&self) -> Result<(), Failure> {
        self.0.flush().map_err(storage)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn place(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(at as f64);
    options
}

async fn settled(promise: Promise) -> Result<JsValue, Failure> {
    JsFuture::from(promise).await.map_err(storage)
}

/// Says why a file can't be opened.
fn held(error: JsValue) -> Failure {
    match field(&error, "name").as_string().as_deref() {
        Some("NoModificationAllowedError") => Failure::Locked,
        _ => storage(error),
    }
}
