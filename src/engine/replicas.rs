//! Those who follow: they are fed the log, once a unit is whole.

use crate::base::time::Time;
use crate::resp::SessionId;

use super::Engine;
use super::shared::{Clients, Shared};

impl Engine {
    /// Takes note that a snapshot of this moment is being made for the replicas that want one. Their stream selects its
    /// database first.
    pub fn begin_sync(&mut self) {
        self.effects.restart_log();
        let log = self.effects.log().len();
        let Shared { primary, clients, .. } = &mut self.shared;
        primary.begin_snapshot(log, sender(clients));
    }

    /// Sends the snapshot to the replicas that it was made for.
    pub fn end_sync(&mut self, snapshot: &[u8]) {
        let Shared { primary, clients, .. } = &mut self.shared;
        primary.end_snapshot(snapshot, sender(clients));
    }

    /// Sends replicas what the last unit has logged. Without other readers the log ends here.
    pub(super) fn feed_replicas(&mut self) {
        if self.shared.primary.is_empty() {
            return;
        }
        let Shared { primary, clients, .. } = &mut self.shared;
        primary.feed_log(self.effects.log(), sender(clients));
        if !self.logging {
            self.clear_log();
        }
    }

    pub(super) fn ping_replicas(&mut self, now: Time) {
        let period = self.shared.config.repl_ping_replica_period.get() as u64;
        let Shared { primary, clients, .. } = &mut self.shared;
        primary.ping_if_due(now, period, sender(clients));
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

fn sender(clients: &mut Clients) -> impl FnMut(SessionId, &[u8]) {
    |id, bytes| clients.tell(id, |client| client.out.extend_from_slice(bytes))
}
