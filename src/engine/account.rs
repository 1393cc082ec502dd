//! What is counted about a call that has run: how often, how long, and whether that was too long.

use crate::base::time::Time;
use crate::resp::{Args, SessionId};
use crate::spec::Flags;

use super::Engine;
use super::call::Call;
use super::session::Session;
use super::shared::Shared;
use super::slowlog::{Entry, trimmed};

impl Call<'_> {
    /// Counts a call, which may still be waiting.
    #[inline]
    pub(super) fn count(&mut self, place: usize, nanos: u64, failed: bool) {
        let stats = self.shared.table.stats(place);
        stats.calls += 1;
        stats.failed += u64::from(failed);
        stats.nanos += nanos;
        self.shared.measure.commands += 1;
        if self.session.waiting.is_none() {
            self.shared.count_duration(self.session, place, self.args, nanos, self.db.now);
        }
    }
}

impl Shared {
    /// Counts how long a call took that has been answered.
    #[inline(always)]
    pub(super) fn count_duration(
        &mut self,
        session: &Session,
        place: usize,
        args: Args<'_>,
        nanos: u64,
        now: Time,
    ) {
        if self.config.latency_tracking {
            self.table.stats(place).durations.record(nanos);
        }
        if nanos >= self.config.slow_nanos() {
            self.note_slow(session, place, args, nanos / 1000, now);
        }
    }

    #[cold]
    fn note_slow(&mut self, session: &Session, place: usize, args: Args<'_>, micros: u64, now: Time) {
        let spec = &self.table.at(place).command.spec;
        let slow = u64::try_from(self.config.slowlog_log_slower_than.get());
        if slow.is_ok_and(|slow| micros >= slow) && !spec.flags.has(Flags::SKIP_SLOWLOG) {
            let entry = Entry {
                id: 0,
                time: now,
                micros,
                args: trimmed(spec.name, args),
                address: session.peer.address.clone(),
                client: session.name.clone(),
            };
            self.slow_log.note(entry, self.config.slowlog_max_len.get() as usize);
        }
        let event = if spec.flags.has(Flags::FAST) { "fast-command" } else { "command" };
        self.note_latency(event, micros / 1000, now);
    }

    /// Keeps for LATENCY that something took so long, if it did.
    pub fn note_latency(&mut self, event: &'static str, millis: u64, now: Time) {
        let threshold = self.config.latency_monitor_threshold.get() as u64;
        if threshold > 0 && millis >= threshold {
            self.latency.note(event, millis, now);
        }
    }
}

impl Engine {
    /// Keeps for LATENCY how long it has been since the stopwatch showed `began`.
    pub(super) fn note_latency(&mut self, event: &'static str, began: u64, now: Time) {
        let millis = self.shared.measure.now().saturating_sub(began) / 1_000_000;
        self.shared.note_latency(event, millis, now);
    }

    /// Counts how long the host took to answer a call that waited for it.
    pub(super) fn count_wait(&mut self, id: SessionId, now: Time) {
        let Some(client) = self.shared.clients.check_out(id) else { return };
        let session = &client.session;
        if let Some(waiting) = &session.waiting
            && let Some(place) = self.shared.table.find(waiting.args.as_args())
        {
            let nanos = now.micros_since(session.active).saturating_mul(1000);
            self.shared.table.stats(place).nanos += nanos;
            self.shared.count_duration(session, place, waiting.args.as_args(), nanos, now);
        }
        self.shared.clients.check_in(client);
    }
}
