//! CLIENT PAUSE: calls wait until it is over.

use crate::base::time::Time;
use crate::spec::{Flags, Spec};

use super::Engine;
use super::call::Call;
use super::session::Session;
use super::shared::Shared;

/// Which calls wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Those that may change something.
    Write,
    All,
}

/// Whether calls wait.
#[derive(Default)]
pub struct Pause {
    current: Option<(Scope, Time)>,
}

impl Pause {
    /// Lets calls wait; a pause that there is already becomes no shorter and no narrower.
    pub fn begin(&mut self, scope: Scope, until: Time) {
        let (other, end) = self.current.unwrap_or((scope, until));
        self.current = Some((scope.max(other), until.max(end)));
    }

    /// Ends the pause. The calls that wait run once the unit is over.
    pub fn end(&mut self) {
        self.current = None;
    }

    #[inline]
    pub fn is_on(&self) -> bool {
        self.current.is_some()
    }

    pub fn deadline(&self) -> Option<Time> {
        self.current.map(|(_, end)| end)
    }

    /// Returns whether a call of a command with these flags waits.
    pub fn holds(&self, flags: Flags, now: Time) -> bool {
        match self.current {
            Some((_, end)) if end <= now => false,
            Some((Scope::All, _)) => true,
            Some((Scope::Write, _)) => flags.any(Flags::WRITE | Flags::MAY_REPLICATE),
            None => false,
        }
    }
}

impl Call<'_> {
    /// Makes the call wait for the end of a pause, if it has to; returns whether it does.
    #[cold]
    pub(super) fn postpone(&mut self, spec: &Spec) -> bool {
        let own = self.shared.flags_of(spec, self.args);
        let queued = if spec.name == "EXEC" { queued_flags(self.shared, self.session) } else { Flags::NONE };
        let waits = self.shared.pause.holds(own | queued, self.db.now);
        if waits {
            self.wait_for_turn();
        }
        waits
    }
}

/// Returns what the commands of the client's transaction do, together.
pub(super) fn queued_flags(shared: &Shared, session: &Session) -> Flags {
    each_queued_flags(shared, session).fold(Flags::NONE, |all, flags| all | flags)
}

/// Returns what each command of the client's transaction does.
pub(super) fn each_queued_flags<'a>(
    shared: &'a Shared,
    session: &'a Session,
) -> impl Iterator<Item = Flags> + 'a {
    let calls = session.transaction.iter().flat_map(|transaction| &transaction.queue);
    calls.filter_map(|args| {
        let args = args.as_args();
        let place = shared.table.find(args)?;
        Some(shared.flags_of(&shared.table.at(place).command.spec, args))
    })
}

impl Shared {
    /// Returns whether whatever waits for time to pass must go on waiting.
    pub fn is_paused(&self, now: Time) -> bool {
        self.pause.deadline().is_some_and(|end| now < end)
    }
}

impl Engine {
    /// Ends a pause whose time has passed.
    pub(super) fn end_pause(&mut self, now: Time) {
        if self.shared.pause.deadline().is_some_and(|end| end <= now) {
            self.shared.pause.end();
            self.keyspace.holds_expiry = false;
        }
    }
}
