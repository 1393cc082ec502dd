//! What clients send, run.

use crate::base::time::Time;
use crate::keyspace::Db;
use crate::resp::{Args, Error, Limits, Parsed, Reply, SessionId};

use super::Engine;
use super::call::Call;
use super::dispatch;
use super::request::Request;
use super::session::{Peer, Replies, Session, Turn};
use super::shared::Client;

impl Engine {
    /// Adds a client.
    pub fn connect(&mut self, peer: Peer, now: Time) -> SessionId {
        self.shared.start(now);
        self.shared.measure.connections += 1;
        let mut session = Session::new(peer, self.shared.hash_key, now);
        session.authenticated = session.peer.trusted || !self.shared.acl.asks_for_password();
        self.shared.clients.add(session)
    }

    /// Runs every whole command in `input`; returns how many bytes that took.
    ///
    /// The rest is the host's to keep, and to give again with what comes after it. When a client waits, or is to be
    /// disconnected, the rest of its input is left too; [`Request::Resume`] asks for it.
    pub fn receive(&mut self, from: SessionId, input: &[u8], now: Time) -> usize {
        let Some(mut client) = self.shared.clients.check_out(from) else { return input.len() };
        let obeys = self.shared.busy.is_some() && client.session.primary;
        if obeys || self.is_deferring(now) {
            client.session.unread = input.len();
            self.shared.clients.check_in(client);
            return 0;
        }
        let mut parser = std::mem::take(&mut client.parser);
        let (mut at, mut announced, mut parsed) = (0, 0, 0);
        client.session.active = now;
        self.shared.measure.begin();
        while client.session.waiting.is_none() && !client.session.closing {
            let most = self.shared.config.proto_max_bulk_len.get();
            let limits = Limits {
                bulk: if client.session.primary { u32::MAX.into() } else { most },
                unauthenticated: !client.session.authenticated,
            };
            match parser.next(input, at, limits) {
                Ok(Parsed::Command { end }) => {
                    let start = std::mem::replace(&mut at, end);
                    let args = parser.command(input);
                    if args.is_empty() {
                        continue;
                    }
                    client.session.unread = input.len() - start;
                    self.shared.out_of_memory = false;
                    if self.shared.is_crowded() {
                        self.shared.clients.check_in(client);
                        self.make_room(now);
                        self.shared.measure.begin();
                        match self.shared.clients.check_out(from) {
                            Some(settled) => client = settled,
                            None => return input.len(),
                        }
                        if client.session.closing {
                            continue;
                        }
                    }
                    self.run(&mut client, args, now);
                    self.shared.limit_output(&mut client, now);
                    if self.shared.busy.is_none() && (!self.effects.is_settled() || self.has_postponed()) {
                        self.shared.clients.check_in(client);
                        self.settle(now);
                        self.shared.measure.begin();
                        match self.shared.clients.check_out(from) {
                            Some(settled) => client = settled,
                            None => return input.len(),
                        }
                    }
                }
                Ok(Parsed::Partial) => {
                    announced = parser.announced(input, at);
                    parsed = parser.parsed(input, at);
                    parser.rebase(at);
                    let limit = self.shared.config.client_query_buffer_limit.get();
                    if (input.len() - at) as u64 > limit && !client.session.primary {
                        self.shared.measure.query_buffer_disconnections += 1;
                        client.session.closing = true;
                    }
                    break;
                }
                Err(text) => {
                    Reply::new(&mut client.out, client.session.protocol)
                        .error(&Error::said(format!("ERR Protocol error: {text}")));
                    client.session.closing = true;
                }
            }
        }
        if client.session.closing {
            at = input.len();
            self.shared.requests.push(Request::Close(from));
        }
        self.shared.measure.bytes_in += at as u64;
        client.session.received += at as u64;
        client.session.unread = input.len() - at;
        client.session.announced = announced;
        client.session.parsed = parsed;
        parser.shrink();
        client.parser = parser;
        self.shared.clients.check_in(client);
        at
    }

    /// Runs one command whose arguments are already apart. Nothing happens while the client waits.
    pub fn execute(&mut self, from: SessionId, args: Args<'_>, now: Time) {
        self.make_room(now);
        let Some(mut client) = self.shared.clients.check_out(from) else { return };
        client.session.active = now;
        self.shared.measure.begin();
        if client.session.waiting.is_none() && self.is_deferring(now) {
            self.defer(&mut client, args);
        } else if client.session.waiting.is_none() && !args.is_empty() {
            self.run(&mut client, args, now);
        }
        if client.session.closing {
            self.shared.requests.push(Request::Close(from));
        }
        self.shared.clients.check_in(client);
        if self.shared.busy.is_none() && (!self.effects.is_settled() || self.has_postponed()) {
            self.settle(now);
        }
    }

    /// Moves the call that a client waits with to a client of its own, so that the first can go on; returns that one.
    /// None if the client does not wait.
    pub fn detach(&mut self, from: SessionId, now: Time) -> Option<SessionId> {
        let speaker = &mut self.shared.clients.get_mut(from)?.session;
        let waiting = speaker.waiting.take()?;
        // The reply that was to be left out goes elsewhere.
        speaker.leaves_reply_out();
        let mut session = Session::new(speaker.peer.clone(), self.shared.hash_key, now);
        session.db = speaker.db;
        session.protocol = speaker.protocol;
        session.authenticated = speaker.authenticated;
        session.user = speaker.user;
        session.name = speaker.name.clone();
        session.last_command = speaker.last_command;
        self.shared.waits.leave(from, &waiting);
        let id = self.shared.clients.add(session);
        self.shared.waits.join(id, &waiting);
        self.shared.clients.get_mut(id)?.session.waiting = Some(waiting);
        if let Some(busy) = self.shared.busy.as_mut().filter(|busy| busy.session == from) {
            busy.session = id;
        }
        Some(id)
    }

    /// Forgets a client.
    pub fn disconnect(&mut self, id: SessionId, now: Time) {
        if self.outlives(id) {
            return;
        }
        self.unlink(id, now);
        let Some(mut client) = self.shared.clients.remove(id) else { return };
        let session = &mut client.session;
        if let Some(waiting) = session.waiting.take() {
            self.shared.waits.leave(id, &waiting);
        }
        self.shared.monitors.retain(|other| *other != id);
        self.shared.watches.unwatch(session);
        self.shared.pubsub.leave(id, &mut session.subscriptions);
        self.shared.readers.disable(id);
        self.unfollow(id);
    }

    pub(super) fn run(&mut self, client: &mut Client, args: Args<'_>, now: Time) {
        self.effects.actor = Some(client.session.id);
        if !client.session.turn.is_sent() {
            client.session.turn = Turn::Sent;
        }
        if client.session.primary {
            // It tells itself when keys expire; until then its changes are to them.
            self.keyspace.lazy_expiry = false;
        }
        let mut call = Call {
            args,
            reply: Reply::new(&mut client.out, client.session.protocol)
                .within(self.shared.most_output(&client.session)),
            db: Db::new(&mut self.keyspace, &mut self.effects, now, client.session.db),
            session: &mut client.session,
            shared: &mut self.shared,
        };
        call.db.no_touch = call.session.no_touch;
        let start = call.reply.mark();
        dispatch::dispatch(&mut call);
        if call.session.primary {
            call.report_disobedience(start);
        }
        if call.session.replies != Replies::On {
            dispatch::silence(&mut call, start);
        }
        if client.session.primary {
            self.keyspace.lazy_expiry = true;
        }
    }

    /// Runs a waiting client's command again for what the turn says; returns whether it still waits.
    pub(super) fn resume(&mut self, id: SessionId, turn: Turn, now: Time) -> bool {
        let Some(mut client) = self.shared.clients.check_out(id) else { return false };
        let Some(waiting) = client.session.waiting.take() else {
            self.shared.clients.check_in(client);
            return false;
        };
        self.effects.actor = Some(id);
        client.session.turn = turn;
        let mut call = Call {
            args: waiting.args.as_args(),
            reply: Reply::new(&mut client.out, client.session.protocol),
            db: Db::new(&mut self.keyspace, &mut self.effects, now, waiting.db),
            session: &mut client.session,
            shared: &mut self.shared,
        };
        let start = call.reply.mark();
        dispatch::resume(&mut call);
        let still = call.session.turn.is_still();
        if !still {
            dispatch::silence(&mut call, start);
        }
        client.session.turn = Turn::Sent;
        if still {
            client.session.waiting = Some(waiting);
        } else {
            self.shared.waits.leave(id, &waiting);
            self.shared.requests.ask_for_rest(&client.session);
        }
        self.shared.clients.check_in(client);
        still
    }
}
