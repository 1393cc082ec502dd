//! MONITOR: every call as a line, to whoever wants to see them.

use crate::resp::Reply;
use crate::spec::{Flags, Spec};

use super::call::Call;
use super::redact::shown;
use super::session::Turn;

impl Call<'_> {
    /// Shows this call to those who monitor before it runs: a script comes in front of what it calls.
    pub fn show(&mut self) {
        if !self.shared.monitors.is_empty() {
            tell(self, "");
        }
    }
}

/// Shows a call that has run to those who monitor.
#[cold]
pub(super) fn show(call: &mut Call<'_>, spec: &Spec) {
    if !spec.flags.any(Flags::ADMIN | Flags::SKIP_MONITOR) {
        tell(call, spec.name);
    }
}

fn tell(call: &mut Call<'_>, name: &str) {
    let line = line(call, name);
    for id in call.shared.monitors.clone() {
        if id == call.session.id {
            call.reply.simple(&line);
        } else {
            call.shared.clients.tell(id, |client| {
                Reply::new(&mut client.out, client.session.protocol).simple(&line);
            });
        }
    }
}

fn line(call: &Call<'_>, name: &str) -> String {
    let now = call.db.now;
    let peer = &call.session.peer;
    let address = if call.session.turn == Turn::Script {
        "lua".into()
    } else if peer.unix_socket {
        format!("unix:{}", peer.address.trim_end_matches(":0"))
    } else {
        peer.address.clone()
    };
    // Which database is selected by now: SELECT shows the one that it has chosen.
    let db = call.session.db;
    let mut line = format!("{}.{:06} [{db} {address}]", now.seconds(), now.0 % 1_000_000);
    for i in 0..call.args.len() {
        line.push(' ');
        quote(&mut line, shown(name, call.args, i));
    }
    line
}

/// Writes bytes in quotes, as redis-cli understands them.
pub fn quote(text: &mut String, bytes: &[u8]) {
    text.push('"');
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
                text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    text.push('"');
}
