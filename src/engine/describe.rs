//! Clients, described as CLIENT LIST shows them.

use super::pubsub::Way;
use super::session::Session;
use super::shared::Shared;
use crate::base::bytes::Bytes;
use crate::base::time::Time;
use crate::resp::Protocol;

impl Shared {
    /// Describes a client in a line without its end; `output` bytes wait to be sent to it.
    pub fn describe(&self, session: &Session, output: usize, now: Time) -> String {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let seconds = |since: Time| now.micros_since(since) / 1_000_000;
        let multi = session.transaction.as_ref().map_or(-1, |transaction| transaction.queue.len() as i64);
        let queued: usize =
            session.transaction.iter().flat_map(|t| &t.queue).map(|args| args.heap_bytes()).sum();
        let redirect = match &session.tracking {
            Some(tracking) => tracking.redirect.map_or(0, |id| id.0 as i64),
            None => -1,
        };
        let command = session.last_command.unwrap_or("NULL").to_ascii_lowercase().replace(' ', "|");
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} \
             qbuf={} qbuf-free=0 argv-mem=0 multi-mem={queued} rbs=0 rbp=0 obl=0 oll=0 omem={output} tot-mem={} \
             events=r cmd={command} user={} redir={redirect} resp={} lib-name={} lib-ver={}",
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
            session.unread(),
            size_of::<Session>() + output + queued + session.unread(),
            text(&self.acl.user(session.user).name),
            if session.protocol == Protocol::Resp3 { 3 } else { 2 },
            text(&session.lib_name),
            text(&session.lib_version),
        )
    }
}
