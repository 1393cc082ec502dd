//! From what IndexedDB holds to a running engine, and the task that keeps it stored.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::Poll;

use super::indexeddb::Database;
use super::local::Local;
use crate::persist::layout::Failure;
use crate::store::keeper::Job;
use crate::store::restore::Restore;

/// How long writing a snapshot may hold the thread.
const SLICE_MS: f64 = 4.0;

/// Reads the database of this name into the engine, which is empty; from then on changes are stored there. Returns what
/// was found damaged.
pub async fn open(local: Rc<RefCell<Local>>, name: &str, ring_bytes: u64) -> Result<Option<String>, Failure> {
    let inner = Database::open(name).await?;
    let opening = match Database::lead(inner.clone()).await {
        Ok(opening) => opening,
        Err(failure) => {
            inner.close();
            return Err(failure);
        }
    };
    let now = local.borrow().now();
    let mut restore = Restore::begin(opening.meta.clone(), local.borrow_mut().store_mut(), now);
    while let Some((generation, n)) = restore.wanted() {
        let found = opening.chunk(generation, n).await?;
        restore.chunk(found, local.borrow_mut().store_mut());
    }
    let segments = opening.segments().await?;
    let broken = restore.log(segments, local.borrow_mut().store_mut(), now);
    if let Some(segments) = broken {
        opening.set_aside(segments).await?;
    }
    let database = opening.done(restore.meta()).await?;

    let mut this = local.borrow_mut();
    let (keeper, warning) = restore.finish(ring_bytes, this.store_mut(), now);
    this.keeper = Some(keeper);
    let weak = Rc::downgrade(&local);
    this.watch = Some(database.watch(move |why| lose(&weak, why)));
    drop(this);
    wasm_bindgen_futures::spawn_local(keep(local, database));
    Ok(warning)
}

/// Carries out what the keeper wants, until the database is closed.
async fn keep(local: Rc<RefCell<Local>>, database: Database) {
    loop {
        let until = js_sys::Date::now() + SLICE_MS;
        let has_time = || js_sys::Date::now() < until;
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
        Failure::Storage(_) => "STORAGE",
        Failure::Damaged(_) => "DAMAGED",
        Failure::Newer(_) => "NEWER",
        Failure::Unavailable(_) => "UNAVAILABLE",
    });
    error
}
