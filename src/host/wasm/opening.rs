//! From what IndexedDB holds to a running engine, and the task that keeps it stored.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::Poll;

use super::indexeddb::{Database, Failure, Opening};
use super::keeper::{Job, Keeper, describe};
use super::local::Local;
use crate::base::time::Time;
use crate::persist::ring;
use crate::store::Purpose;

/// Reads the database of this name into the engine, which is empty; from then on changes are stored there. Returns what
/// was found damaged.
pub async fn open(local: Rc<RefCell<Local>>, name: &str, ring_bytes: u64) -> Result<Option<String>, Failure> {
    let inner = Database::open(name).await?;
    let mut opening = match Database::lead(inner.clone()).await {
        Ok(opening) => opening,
        Err(failure) => {
            inner.close();
            return Err(failure);
        }
    };
    let now = local.borrow().now();
    let mut damage = Vec::new();
    damage.extend(load_snapshot(&local, &opening, now).await?);
    let incomplete = !damage.is_empty();
    if incomplete {
        let generation = opening.meta.generation;
        opening.meta.aside.push(generation);
    }
    let (next_seq, used) = replay(&local, &opening, now, &mut damage).await?;
    let (database, meta) = opening.done().await?;

    let mut keeper = Keeper::new(meta, next_seq, used, ring_bytes, now);
    let warning = (!damage.is_empty()).then(|| damage.join("; "));
    let mut this = local.borrow_mut();
    let store = this.store_mut();
    let dirty = store.engine().dirty();
    let logging = store.engine().shared().config.appendonly;
    store.engine_mut().set_logging(logging);
    let state = &mut store.engine_mut().shared_mut().persistence;
    (state.log_enabled, state.last_save, state.saved_at_dirty) = (logging, now, dirty);
    (state.log_size, state.warning) = (used, warning.clone().unwrap_or_default());
    if incomplete {
        keeper.want_snapshot(Purpose::Base, store, now);
    }
    let weak = Rc::downgrade(&local);
    keeper.watch = Some(database.watch(move |why| lose(&weak, why)));
    this.keeper = Some(keeper);
    drop(this);
    wasm_bindgen_futures::spawn_local(keep(local, database));
    Ok(warning)
}

/// Loads the snapshot as far as it is whole; returns what is wrong with it.
async fn load_snapshot(
    local: &RefCell<Local>,
    opening: &Opening,
    now: Time,
) -> Result<Option<String>, Failure> {
    if opening.meta.generation == 0 {
        return Ok(None);
    }
    local.borrow_mut().store_mut().begin_load(Purpose::Base, now);
    for n in 0..opening.meta.chunks {
        let chunk = opening.chunk(n).await?;
        let loaded = chunk.and_then(|bytes| {
            let mut this = local.borrow_mut();
            this.store_mut().load_snapshot(&bytes).map_err(|damage| damage.to_string())
        });
        if let Err(why) = loaded {
            let mut this = local.borrow_mut();
            // It ends early: that much is known.
            let _ = this.store_mut().load_done();
            let keys = this.store_mut().engine().keyspace().len();
            return Ok(Some(format!("{why}: the {keys} keys in front of it were loaded")));
        }
    }
    let loaded = local.borrow_mut().store_mut().load_done();
    Ok(loaded.err().map(|damage| damage.to_string()))
}

/// Runs the log as far as it is unbroken; returns the number of the next segment, and how many bytes the ones hold
/// that count. What follows a break is moved aside.
async fn replay(
    local: &RefCell<Local>,
    opening: &Opening,
    now: Time,
    damage: &mut Vec<String>,
) -> Result<(u64, u64), Failure> {
    let first = opening.meta.first_seq;
    let segments = opening.segments().await?;
    let last = segments.iter().map(|segment| segment.seq).max().unwrap_or(0);
    let found = ring::order(segments, first);
    let (mut next, mut used) = (first, 0);
    let mut broken = found.rest.map(|(why, _)| why.to_string());
    for segment in &found.unbroken {
        if let Err(why) = local.borrow_mut().store_mut().replay(&segment.bytes, now) {
            broken = Some(format!("segment {} of the log: {why}", segment.seq));
            break;
        }
        next = segment.seq + 1;
        used += segment.bytes.len() as u64;
    }
    // A segment holds whole units, so nothing can be missing at its end.
    let _ = local.borrow_mut().store_mut().replay_done(now);
    if let Some(why) = broken {
        damage.push(format!("{why}: it and what was logged later was left out"));
        opening.set_aside(next, last).await?;
    }
    Ok((next, used))
}

/// Carries out what the keeper wants, until the database is closed.
async fn keep(local: Rc<RefCell<Local>>, database: Database) {
    loop {
        let job = local.borrow_mut().with_keeper(|keeper, store, now| keeper.next_job(store, now));
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
    let error = js_sys::Error::new(&describe(failure));
    error.set_name(match failure {
        Failure::Superseded => "SUPERSEDED",
        Failure::Storage(_) => "STORAGE",
        Failure::Damaged(_) => "DAMAGED",
        Failure::Newer(_) => "NEWER",
        Failure::Unavailable(_) => "UNAVAILABLE",
    });
    error
}
