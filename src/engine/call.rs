//! One command being run for one client.

use std::ops::Range;

use crate::base::bytes::Bytes;
use crate::base::long_double::LongDouble;
use crate::base::time::Time;
use crate::keyspace::Db;
use crate::resp::{Args, Error, OwnedArgs, Reply, Result};

use super::acl;
use super::request::{Request, RequestId};
use super::session::{Session, Turn};
use super::shared::Shared;
use super::wait::{Nothing, On, Waiting, Wanted};

/// All that a command works with. The fields are disjoint, so that they can be borrowed side by side.
pub struct Call<'a> {
    /// The arguments, the command's name first. They outlive borrows of the call.
    pub args: Args<'a>,
    pub reply: Reply<'a>,
    pub db: Db<'a>,
    pub session: &'a mut Session,
    pub shared: &'a mut Shared,
}

impl Call<'_> {
    /// Returns a call with other arguments for the same client: what EXEC runs. It can't wait.
    pub fn nested<'b>(&'b mut self, args: Args<'b>) -> Call<'b> {
        self.session.turn = Turn::Nested;
        let mut reply = self.reply.reborrow();
        // A HELLO before it may have agreed on another one.
        reply.set_protocol(self.session.protocol);
        Call { args, reply, db: self.db.other(self.session.db), session: self.session, shared: self.shared }
    }

    /// Returns a call whose reply goes elsewhere: what scripts run. It can't wait.
    pub fn nested_into<'b>(&'b mut self, args: Args<'b>, reply: Reply<'b>) -> Call<'b> {
        self.session.turn = Turn::Script;
        Call { args, reply, db: self.db.other(self.session.db), session: self.session, shared: self.shared }
    }

    /// Returns which of the keys at these places are to be tried: all, or the one that woke the waiting client.
    pub fn tried(&self, keys: Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let woken = match &self.session.turn {
            Turn::Resumed { key, .. } => keys.clone().find(|i| self.args.at(*i) == &**key),
            _ => None,
        };
        match woken {
            Some(i) => i..i + 1,
            None => keys,
        }
    }

    /// Returns whether the client has waited, and the command is run again for what it waited for.
    pub fn is_resumed(&self) -> bool {
        matches!(self.session.turn, Turn::Resumed { .. } | Turn::NestedAgain { .. })
    }

    /// Reads the argument at `i` as the seconds to wait; returns the deadline, or none for 0.
    pub fn timeout(&self, i: usize) -> Result<Option<Time>> {
        let seconds = LongDouble::parse(self.args.at(i));
        let seconds = seconds.ok_or(Error::Text("ERR timeout is not a float or out of range"))?;
        let ms =
            u64::try_from(seconds.ceil_product(1000)).map_err(|_| Error::Text("ERR timeout is negative"))?;
        Ok((ms > 0).then(|| self.db.now.plus_millis(ms)))
    }

    /// Waits for one of the keys at these places to be touched, then runs this command again.
    ///
    /// Where waiting is not allowed, and when the deadline passes, the client is told `nothing`.
    pub fn wait_for_keys(&mut self, keys: Range<usize>, until: Option<Time>, nothing: Nothing) -> Result {
        if self.begins_to_wait(nothing) {
            let on = On::Keys(keys.map(|i| Bytes::from(self.args.at(i))).collect());
            self.wait(on, until, nothing);
        }
        Ok(())
    }

    /// Waits as [`Call::wait_for_keys`] does, but runs other arguments then, which have the keys at the same places. It
    /// does so too when a key is no longer there, if the command `minds_loss`.
    pub fn wait_with(
        &mut self,
        args: OwnedArgs,
        keys: Range<usize>,
        until: Option<Time>,
        minds_loss: bool,
    ) -> Result {
        let nothing = Nothing::NullArray;
        if self.begins_to_wait(nothing) {
            let on = On::Keys(keys.map(|i| Bytes::from(self.args.at(i))).collect());
            self.join(Waiting { args, db: self.db.index(), on, until, nothing, minds_loss });
        }
        Ok(())
    }

    /// Returns whether the client is to wait, and has not before; where waiting is not allowed it is told `nothing`.
    fn begins_to_wait(&mut self, nothing: Nothing) -> bool {
        match &mut self.session.turn {
            Turn::Resumed { still, .. } => *still = true,
            Turn::Sent => return true,
            _ => nothing.write(&mut self.reply),
        }
        false
    }

    /// Waits for replicas; the client is told how many there are, as `nothing` says it, once there are enough or the
    /// deadline passes, or at once where waiting is not allowed.
    pub fn wait_for_replicas(&mut self, wanted: Wanted, until: Option<Time>, nothing: Nothing) {
        let there = self.shared.primary.count_at(wanted.offset, wanted.stored);
        if self.session.turn.is_sent() && there < wanted.replicas {
            self.shared.ask_replicas();
            self.wait(On::Replicas(wanted), until, nothing);
        } else {
            nothing.counting(there).write(&mut self.reply);
        }
    }

    /// Lets others be looked after before the script that runs goes on.
    pub fn wait_for_slice(&mut self) -> Result {
        match &mut self.session.turn {
            Turn::Resumed { still, .. } | Turn::NestedAgain { still } => *still = true,
            Turn::Nested => self.session.turn = Turn::NestedAgain { still: true },
            _ => self.wait(On::Slice, None, Nothing::Null),
        }
        Ok(())
    }

    /// Asks the host for something and waits for its answer, which becomes the reply.
    pub fn wait_for_host(&mut self, request: Request) -> RequestId {
        if let Request::Sleep { until } = request
            && self.session.turn == Turn::Nested
        {
            self.shared.measure.owe(until.micros_since(self.db.now).saturating_mul(1000));
        }
        let id = self.shared.requests.push(request);
        if self.session.turn.is_sent() {
            self.wait(On::Host(id), None, Nothing::Null);
        } else {
            self.reply.ok();
        }
        id
    }

    /// Asks the host for something and waits for its answer, with which the command is run again, for these arguments.
    /// Only where the client waits for no transaction.
    pub fn wait_for_word(&mut self, request: Request, args: OwnedArgs) {
        let (on, db) = (On::Host(self.shared.requests.push(request)), self.db.index());
        self.join(Waiting { args, db, on, until: None, nothing: Nothing::Null, minds_loss: false });
    }

    /// Logs that something was refused to `username`, for ACL LOG.
    pub fn note_refusal(&mut self, reason: acl::Reason, object: Bytes, username: Bytes) {
        let nested = self.session.turn == Turn::Nested;
        let context = if self.session.turn == Turn::Script {
            acl::Context::Script
        } else if nested || self.session.transaction.is_some() {
            acl::Context::Transaction
        } else {
            acl::Context::TopLevel
        };
        let (time, most) = (self.db.now, self.shared.config.acllog_max_len.get() as usize);
        let client = self.describe(self.session, 0);
        let entry = acl::Entry { count: 1, reason, context, object, username, time, client };
        self.shared.acl.log.note(entry, most);
    }

    /// Returns whether the client may run this command on keys that its arguments don't name.
    pub fn may_read_all_keys(&self) -> bool {
        let Shared { acl, table, .. } = &*self.shared;
        let user = self.session.user;
        acl.may_everything(user)
            || table.find(self.args).is_some_and(|place| acl.user(user).may_read_all_keys(place))
    }

    /// Waits for the end of a pause; then the call runs as if it came only then.
    pub(super) fn wait_for_turn(&mut self) {
        self.wait(On::Turn, None, Nothing::Null);
    }

    fn wait(&mut self, on: On, until: Option<Time>, nothing: Nothing) {
        let (args, db) = (self.args.to_owned(), self.db.index());
        self.join(Waiting { args, db, on, until, nothing, minds_loss: false });
    }

    fn join(&mut self, waiting: Waiting) {
        self.shared.waits.join(self.session.id, &waiting);
        self.session.waiting = Some(Box::new(waiting));
    }
}
