//! What time does: deadlines of waits and keys, idle clients, save points.

use crate::base::time::Time;
use crate::keyspace::Db;
use crate::resp::{Error, SessionId};

use super::Engine;
use super::request::{Answer, Request, RequestId};
use super::session::Turn;

/// Keys that one turn of active expiry looks at, at the most.
const EXPIRY_BUDGET: usize = 20_000;
/// Elements that one turn of freeing frees, which takes up to a millisecond.
const FREEING_BUDGET: usize = 4_000;
/// How long the turns of freeing are apart at the least.
const FREEING_PERIOD_US: u64 = 1_000;
/// A snapshot that failed is not tried again earlier.
const RETRY_SECONDS: u64 = 5;

impl Engine {
    /// Does what is due at `now`. To be called at [`next_deadline`](Engine::next_deadline), and as often besides as
    /// the host likes.
    pub fn tick(&mut self, now: Time) {
        self.shared.start(now);
        if self.shared.busy.is_some() {
            return self.slice(now);
        }
        if self.shared.persistence.loading.is_some() {
            // What is there is not all yet: nothing of it expires, is evicted or saved.
            return;
        }
        self.end_pause(now);
        if self.has_postponed() {
            self.run_postponed(now);
        }
        self.shared.limit_outputs(now);
        if !self.shared.clients.has_output() {
            // What has just been said counts, and is gone with the next turn: evicting for it would only say more.
            self.make_room(now);
        }
        self.evict_clients();
        self.tend_link(now);
        self.free_rubbish(now);
        while let Some(id) = self.shared.waits.due(now) {
            self.shared.end_wait(id, |reply, nothing| nothing.write(reply));
        }
        if self.shared.cron_paused || now < self.last_cron.plus_micros(self.cron_period_us()) {
            return;
        }
        self.shared.measure.sample(self.last_cron, now);
        self.last_cron = now;
        let began = self.shared.measure.now();
        self.expire(now);
        self.note_latency("expire-cycle", began, now);
        self.close_idle(now);
        self.shared.clients.shrink_outputs(self.shared.reply_buffers, now);
        self.save_if_due(now);
        self.look_after_replicas(now);
    }

    /// Returns when `tick` should be called next, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.shared.busy.is_some() {
            return Some(Time::default());
        }
        let cron = (!self.shared.cron_paused && self.has_chores())
            .then(|| self.last_cron.plus_micros(self.cron_period_us()));
        let rubbish = self.keyspace.has_rubbish().then(|| self.last_freed.plus_micros(FREEING_PERIOD_US));
        let deadlines = [self.shared.waits.next_deadline(), self.shared.pause.deadline(), cron, rubbish];
        deadlines.into_iter().flatten().min()
    }

    /// Frees some of what was removed, if it has not just done so.
    fn free_rubbish(&mut self, now: Time) {
        if self.keyspace.has_rubbish() && now >= self.last_freed.plus_micros(FREEING_PERIOD_US) {
            self.last_freed = now;
            self.keyspace.free_rubbish(FREEING_BUDGET);
        }
    }

    /// Takes the host's answer to a request; a client that waits for it gets it as its reply.
    pub fn answer(&mut self, request: RequestId, answer: Answer, now: Time) {
        let Some(id) = self.shared.waits.awaiting(request) else { return };
        self.count_wait(id, now);
        match answer {
            Answer::Done => self.shared.end_wait(id, |reply, _| reply.ok()),
            Answer::Failed(text) => self.shared.fail_wait(id, &Error::said(text)),
            Answer::Said(said) => {
                self.resume(id, Turn::Answered(said), now);
                self.settle(now);
            }
        }
    }

    fn cron_period_us(&self) -> u64 {
        1_000_000 / (self.shared.config.hz.get().clamp(1, 500) as u64)
    }

    fn has_chores(&self) -> bool {
        let config = &self.shared.config;
        let saves = !config.save.is_empty() && self.dirty() > self.shared.persistence.saved_at_dirty;
        self.shared.is_crowded()
            || self.keyspace.has_volatile()
            || self.shared.clients.spacious && self.shared.reply_buffers.resizing
            || saves
            || !self.shared.primary.is_empty()
            || self.shared.following.is_some()
            || config.timeout.get() > 0
    }

    fn expire(&mut self, now: Time) {
        if !self.keyspace.active_expiry || self.shared.pause.is_on() {
            return;
        }
        self.effects.observed = self.shared.observes_keys();
        let follows = self.keyspace.follows;
        let due = match follows {
            true => self.keyspace.due_own(now, EXPIRY_BUDGET),
            false => self.keyspace.due(now, EXPIRY_BUDGET),
        };
        for (db, key) in due {
            Db::new(&mut self.keyspace, &mut self.effects, now, db).expire(&key);
            self.settle(now);
        }
        if follows {
            return;
        }
        for (db, key) in self.keyspace.due_hashes(now, EXPIRY_BUDGET) {
            Db::new(&mut self.keyspace, &mut self.effects, now, db).expire_fields(&key, EXPIRY_BUDGET);
            self.settle(now);
        }
    }

    fn close_idle(&mut self, now: Time) {
        let seconds = self.shared.config.timeout.get() as u64;
        if seconds == 0 {
            return;
        }
        let idle = |client: &&super::shared::Client| {
            let session = &client.session;
            session.active.plus_seconds(seconds) < now
                && session.waiting.is_none()
                && session.subscriptions.count() == 0
                && !session.peer.trusted
        };
        let ids: Vec<SessionId> =
            self.shared.clients.iter().filter(idle).map(|client| client.session.id).collect();
        for id in ids {
            self.shared.requests.push(Request::Close(id));
        }
    }

    fn save_if_due(&mut self, now: Time) {
        let dirty = self.dirty();
        let state = &mut self.shared.persistence;
        let soon = state.last_save_failed
            && state.last_try.is_some_and(|last| now < last.plus_seconds(RETRY_SECONDS));
        if soon || !state.is_idle() {
            return;
        }
        let changes = dirty - state.saved_at_dirty;
        let since = state.last_save;
        let due = |point: super::config::SavePoint| {
            changes >= point.changes && now > since.plus_seconds(point.seconds)
        };
        if changes > 0 && self.shared.config.save.iter().any(due) {
            state.begin_save(dirty, now);
            self.shared.requests.push(Request::Save);
        }
    }
}
