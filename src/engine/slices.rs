//! A script that takes long runs in slices, between which the host does what it has to.
//!
//! Its unit stays open: nothing of it is logged or told, no key expires, and no other call runs. For a while they just
//! wait; then they are told that they are refused, and SCRIPT KILL and its like are answered.

use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::{Args, SessionId};

use super::Engine;
use super::call::Call;
use super::session::Turn;
use super::shared::Client;
use super::wait::{Nothing, On, Waiting};

impl Engine {
    /// Returns whether a script has run for so long that others are to be told.
    pub(super) fn is_late(&self, now: Time) -> bool {
        let limit = self.shared.config.busy_reply_threshold.get() as u64;
        self.shared.busy.as_ref().is_some_and(|busy| limit > 0 && now >= busy.since.plus_millis(limit))
    }

    /// Returns whether calls have to wait for a script.
    pub(super) fn is_deferring(&self, now: Time) -> bool {
        self.shared.busy.is_some() && !self.is_late(now)
    }

    /// Keeps a call until the script has ended.
    pub(super) fn defer(&mut self, client: &mut Client, args: Args<'_>) {
        let session = &mut client.session;
        let waiting = Waiting {
            args: args.to_owned(),
            db: session.db,
            on: On::Turn,
            until: None,
            nothing: Nothing::Null,
            minds_loss: false,
        };
        self.shared.waits.join(session.id, &waiting);
        session.waiting = Some(Box::new(waiting));
    }

    /// Lets the script run on for a slice, if there is one that has not ended.
    pub(super) fn slice(&mut self, now: Time) {
        let Some(busy) = &mut self.shared.busy else { return };
        // To the script, time stands still.
        let (id, began) = (busy.session, busy.since);
        let turn = Turn::Resumed { key: Bytes::new(), still: false };
        if self.resume(id, turn, began) {
            let late = self.is_late(now);
            let told = self.shared.busy.as_mut().is_none_or(|busy| std::mem::replace(&mut busy.told, late));
            if late && !told {
                self.ask_for_rests();
            }
            return;
        }
        let gone = self.shared.busy.take().is_some_and(|busy| busy.gone);
        if !self.effects.is_settled() {
            self.settle_unit(now);
        }
        if gone {
            self.disconnect(id, now);
        }
        self.run_postponed(now);
        self.ask_for_rests();
    }

    /// Has every client's input read on.
    fn ask_for_rests(&mut self) {
        for client in self.shared.clients.iter() {
            self.shared.requests.ask_for_rest(&client.session);
        }
    }

    /// Returns whether the client can't go before its script has ended.
    pub(super) fn outlives(&mut self, id: SessionId) -> bool {
        match &mut self.shared.busy {
            Some(busy) if busy.session == id => {
                busy.gone = true;
                true
            }
            _ => false,
        }
    }
}

impl Call<'_> {
    /// Returns whether another client's script keeps this call from running.
    pub(super) fn is_refused_by_script(&self) -> bool {
        self.shared.busy.is_some() && !self.session.turn.is_nested()
    }
}
