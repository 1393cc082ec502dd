//! Those who follow: they are fed the log, once a unit is whole.

use crate::base::time::Time;
use crate::replication::{Contents, Link};
use crate::resp::SessionId;

use super::Engine;
use super::request::Request;
use super::shared::{Client, Clients, Shared};
use super::wait::On;

impl Engine {
    /// Takes note that a snapshot of this moment is being made for the replicas that want one with these contents. Their
    /// stream selects its database first.
    pub fn begin_sync(&mut self, contents: Contents) {
        self.effects.restart_log();
        self.shared.primary.begin_snapshot(contents, self.effects.log().len());
    }

    /// Sends the snapshot to the replicas that it was made for.
    pub fn end_sync(&mut self, snapshot: &[u8]) {
        let Shared { primary, clients, .. } = &mut self.shared;
        primary.end_snapshot(snapshot, sender(clients));
    }

    /// Sends replicas what the last unit has logged. Without other readers the log ends here.
    pub(super) fn feed_replicas(&mut self) {
        if self.shared.primary.is_empty() {
            self.effects.take_beside();
            return;
        }
        let Shared { primary, clients, following, .. } = &mut self.shared;
        if following.is_some() {
            // They get what we get.
            primary.skip_log(self.effects.log());
            self.effects.take_beside();
        } else {
            let before = primary.offset();
            primary.feed_log(self.effects.log(), sender(clients));
            primary.pass_on(&self.effects.take_beside(), sender(clients));
            let actor = self.effects.actor.filter(|_| primary.offset() > before);
            if let Some(client) = actor.and_then(|id| clients.get_mut(id)) {
                client.session.written = primary.offset();
            }
        }
        if !self.logging {
            self.clear_log();
        }
    }

    /// Asks replicas now and then whether they are there, and gives up those that have not answered for long.
    pub(super) fn look_after_replicas(&mut self, now: Time) {
        let Shared { primary, clients, following, config, .. } = &mut self.shared;
        let period = config.repl_ping_replica_period.get() as u64;
        primary.ping_if_due(now, period, following.is_some(), sender(clients));
        for id in primary.silent(now, config.repl_timeout.get() as u64) {
            self.shared.requests.push(Request::Warn(format!("Disconnecting timedout replica (id={})", id.0)));
            self.shared.close(id);
        }
    }

    /// Forgets a replica, and the log with the last one.
    pub(super) fn unfollow(&mut self, id: SessionId) {
        self.shared.primary.leave(id);
        if self.shared.primary.is_empty() && self.effects.logging && !self.logging {
            self.effects.logging = false;
            self.clear_log();
        }
    }
}

impl Shared {
    /// Asks replicas how far they are, outside of a unit.
    pub(super) fn ask_replicas(&mut self) {
        if self.following.is_none() && !self.primary.is_empty() {
            let Shared { primary, clients, .. } = self;
            primary.ask(sender(clients));
        }
    }

    /// Ends the waits for replicas that have got as far as that.
    pub fn serve_waits_for_replicas(&mut self) {
        let is_served = |client: &&Client| match client.session.waiting.as_ref().map(|waiting| &waiting.on) {
            Some(On::Replicas(wanted)) => {
                self.primary.count_at(wanted.offset, wanted.stored) >= wanted.replicas
            }
            _ => false,
        };
        let served: Vec<_> = self.clients.iter().filter(is_served).map(|client| client.session.id).collect();
        for id in served {
            self.end_wait(id, |reply, nothing| nothing.write(reply));
        }
    }

    /// Returns how many replicas follow and were heard of lately enough to count; none if nobody minds.
    pub fn good_replicas(&self, now: Time) -> Option<usize> {
        let most = self.config.min_replicas_max_lag.get() as u64;
        let is_good = |link: &&Link| link.is_online() && link.lag_seconds(now) <= most;
        let minds = self.config.min_replicas_to_write.get() > 0 && most > 0;
        minds.then(|| self.primary.followers().filter(is_good).count())
    }

    /// Ends the connection of a client that does not speak, once its output is sent.
    pub fn close(&mut self, id: SessionId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.session.closing = true;
            self.requests.push(Request::Close(id));
        }
    }

    /// Lets replicas go, because their history ends here; they may come back for another.
    pub fn dismiss_replicas(&mut self) {
        for id in self.primary.leave_all() {
            self.close(id);
        }
    }
}

pub(super) fn sender(clients: &mut Clients) -> impl FnMut(SessionId, &[u8]) {
    |id, bytes| clients.tell(id, |client| client.out.extend_from_slice(bytes))
}
