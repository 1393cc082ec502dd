//! Plays a block once more, by clients that speak RESP3, and checks the types of the replies instead of the replies.

use std::collections::BTreeSet;

use redlet::engine::Session;
use redlet::resp::{Limits, Parsed, Parser, Protocol};
use redlet::spec::Spec;

use super::engine::Host;
use super::reply_type::mismatch;
use super::transcript::{Action, Block};
use super::words::to_resp;

/// Says which reply is not of the type that its command's declaration promises.
pub fn check(block: &Block) -> Result<(), String> {
    let mut host = Host::new();
    let mut greeted = BTreeSet::new();
    for step in &block.steps {
        let (client, bytes) = match &step.action {
            Action::Pass(micros) => {
                host.pass(*micros);
                continue;
            }
            Action::Send { client, bytes } => (client, bytes),
        };
        if greeted.insert(client) {
            host.send(client, &to_resp(&[b"HELLO".to_vec(), b"3".to_vec()]));
        }
        greeted.iter().for_each(|client| drop(host.take(client)));
        let spec = called(&host, bytes);
        let before = is_plain(&host, client);
        host.send(client, bytes);
        let after = is_plain(&host, client);
        let (reply, _) = host.take(client);
        if let Some(spec) = spec.filter(|_| before && after)
            && let Some(wrong) = mismatch(spec, &reply)
        {
            let place = block.path.display();
            return Err(format!("{place}:{} {}\n{wrong}", step.line, step.source));
        }
    }
    Ok(())
}

/// Returns the command that is called, if there is one.
fn called(host: &Host, bytes: &[u8]) -> Option<&'static Spec> {
    let mut parser = Parser::default();
    let limits = Limits { bulk: 1 << 20, unauthenticated: false };
    let Ok(Parsed::Command { end }) = parser.next(bytes, 0, limits) else { return None };
    let args = parser.command(bytes);
    if args.is_empty() || end < bytes.len() {
        return None;
    }
    let table = &host.store.engine().shared().table;
    table.find(args).map(|place| &table.at(place).command.spec)
}

/// Whether a call is answered in RESP3, at once, by itself.
fn is_plain(host: &Host, client: &str) -> bool {
    let clients = &host.store.engine().shared().clients;
    let plain = |session: &Session| {
        session.protocol == Protocol::Resp3
            && session.transaction.is_none()
            && session.waiting.is_none()
            && session.replies == Default::default()
    };
    host.session(client).and_then(|id| clients.get(id)).is_some_and(|client| plain(&client.session))
}
