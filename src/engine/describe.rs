//! Clients, described as CLIENT LIST shows them.

use super::call::Call;
use super::memory::bytes_of;
use super::pubsub::Way;
use super::session::Session;
use super::shared::{FIRST_OUTPUT, Shared};
use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::{Args, Protocol};

impl Call<'_> {
    /// Describes a client as CLIENT LIST does, in a line without its end; `output` bytes wait to be sent to it.
    pub fn describe(&self, session: &Session, output: usize) -> String {
        let args = if session.id == self.session.id { arg_bytes(self.args) } else { 0 };
        self.shared.describe(session, output, args, self.db.now)
    }
}

fn arg_bytes(args: Args<'_>) -> usize {
    args.iter().map(<[u8]>::len).sum()
}

impl Shared {
    fn describe(&self, session: &Session, output: usize, args: usize, now: Time) -> String {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let seconds = |since: Time| now.micros_since(since) / 1_000_000;
        let multi = session.transaction.as_ref().map_or(-1, |transaction| transaction.queue.len() as i64);
        let queued: usize =
            session.transaction.iter().flat_map(|t| &t.queue).map(|args| args.heap_bytes()).sum();
        let arguments = session.waiting.as_ref().map_or(args, |waiting| arg_bytes(waiting.args.as_args()));
        let waiting = output.saturating_sub(session.output.sent);
        let (first, list) = if waiting > FIRST_OUTPUT { (0, waiting) } else { (waiting, 0) };
        let buffer = |bytes: usize| bytes.min(FIRST_OUTPUT);
        let args = arguments + session.parsed;
        let redirect = match &session.tracking {
            Some(tracking) => tracking.redirect.map_or(0, |id| id.0 as i64),
            None => -1,
        };
        let command = session.last_command.unwrap_or("NULL").to_ascii_lowercase().replace(' ', "|");
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} \
             qbuf={} qbuf-free={} argv-mem={args} multi-mem={queued} rbs={} rbp={} obl={first} \
             oll={} omem={list} tot-mem={} events={} cmd={command} user={} redir={redirect} resp={} lib-name={} lib-ver={}",
            session.id.0,
            session.peer.address,
            session.peer.local_address,
            session.peer.descriptor,
            text(&session.name),
            seconds(session.created),
            seconds(session.active),
            session.flags(),
            session.db,
            session.subscriptions.of(Way::Channel).len(),
            session.subscriptions.of(Way::Pattern).len(),
            session.subscriptions.of(Way::Shard).len(),
            session.unread() - session.parsed.min(session.unread()),
            session.input_bytes() - session.unread(),
            buffer(session.output.capacity),
            buffer(session.output.peak),
            u8::from(list > 0),
            bytes_of(session, output.max(session.output.capacity)) + arguments,
            if waiting > 0 { "rw" } else { "r" },
            text(&self.acl.user(session.user).name),
            if session.protocol == Protocol::Resp3 { 3 } else { 2 },
            text(&session.lib_name),
            text(&session.lib_version),
        )
    }
}
