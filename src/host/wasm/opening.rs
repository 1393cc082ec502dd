//! From what is stored to a running engine, and the task that keeps it stored.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::Poll;

use js_sys::Function;
use wasm_bindgen::JsValue;
use web_sys::FileSystemDirectoryHandle;

use super::local::Local;
use super::place::{Database, Opening};
use super::{SLICE_MS, elapsed};
use crate::persist::layout::Failure;
use crate::store::keeper::Job;
use crate::store::restore::Restore;

/// Bytes of the log that are run before others have their turn.
const PIECE_BYTES: usize = 64 * 1024;

/// Reads a database into the engine, which is empty; from then on changes are stored there. Returns what was found
/// damaged.
///
/// It is the one of this name in IndexedDB, unless there is a folder for it.
pub async fn open(
    local: Rc<RefCell<Local>>,
    name: &str,
    folder: Option<FileSystemDirectoryHandle>,
    ring_bytes: u64,
    progress: &Function,
) -> Result<Option<String>, Failure> {
    let mut opening = Opening::open(name, folder).await?;
    let now = local.borrow().now();
    let segments = opening.segments().await?;
    let log_bytes = segments.iter().map(|segment| segment.bytes.len() as u64).sum::<u64>();
    let total = opening.meta().snapshot_bytes + log_bytes;
    let mut bytes = 0;
    let mut tell = |read: usize| {
        bytes += read as u64;
        let keys = local.borrow().store().engine().keyspace().len();
        // What a listener throws is its own affair.
        let _ = progress.call3(&JsValue::NULL, &number(bytes), &number(total), &number(keys as u64));
    };

    let mut restore = Restore::begin(opening.meta().clone(), local.borrow_mut().store_mut(), now);
    while let Some((generation, n)) = restore.wanted() {
        let found = opening.chunk(generation, n).await?;
        let read = found.as_ref().map_or(0, |(bytes, _)| bytes.len());
        restore.chunk(found, local.borrow_mut().store_mut());
        tell(read);
    }
    restore.begin_log(segments);
    loop {
        let run = restore.run_log(PIECE_BYTES, local.borrow_mut().store_mut(), now);
        let Some(run) = run else { break };
        tell(run);
        opening.pause().await?;
    }
    let broken = restore.end_log(local.borrow_mut().store_mut(), now);
    if let Some(segments) = broken {
        opening.set_aside(segments).await?;
    }
    let database = opening.done(restore.meta(), restore.is_damaged()).await?;

    let mut this = local.borrow_mut();
    let (keeper, warning) = restore.finish(ring_bytes, this.store_mut(), now);
    this.keeper = Some(keeper);
    let weak = Rc::downgrade(&local);
    this.watch = database.watch(move |why| lose(&weak, why));
    drop(this);
    wasm_bindgen_futures::spawn_local(keep(local, database));
    Ok(warning)
}

fn number(n: u64) -> JsValue {
    JsValue::from(n as f64)
}

/// Carries out what the keeper wants, until the database is closed.
async fn keep(local: Rc<RefCell<Local>>, mut database: Database) {
    loop {
        let until = elapsed() + SLICE_MS;
        let has_time = || elapsed() < until;
        let job = local.borrow_mut().with_keeper(|keeper, store, now| keeper.next_job(store, now, has_time));
        match job {
            Some(Job::Write(write, purport)) => {
                let result = database.write(write).await;
                local.borrow_mut().with_keeper(|keeper, store, now| keeper.done(purport, result, store, now));
                Local::tell_news(&local);
            }
            Some(Job::Wait) => sleep(&local).await,
            Some(Job::Stop) | None => break,
        }
    }
    database.close();
    Local::tell_closed(&local);
}

/// Waits until somebody wakes the keeper.
async fn sleep(local: &RefCell<Local>) {
    let mut woken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        local.borrow_mut().with_keeper(|keeper, _, _| keeper.sleep(context.waker().clone()));
        Poll::Pending
    })
    .await;
}

fn lose(local: &Weak<RefCell<Local>>, why: &str) {
    let Some(local) = local.upgrade() else { return };
    let failure = Failure::Storage(why.into());
    local.borrow_mut().with_keeper(|keeper, store, now| keeper.lose(failure, store, now));
    Local::tell_news(&local);
}

/// Says what failed, as JavaScript's errors do: its code as the name.
pub fn error(failure: &Failure) -> js_sys::Error {
    let error = js_sys::Error::new(&failure.describe());
    error.set_name(match failure {
        Failure::Superseded => "SUPERSEDED",
        Failure::Locked => "LOCKED",
        Failure::Storage(_) => "STORAGE",
        Failure::Damaged(_) => "DAMAGED",
        Failure::Newer(_) => "NEWER",
        Failure::Unavailable(_) => "UNAVAILABLE",
    });
    error
}
