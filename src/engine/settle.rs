//! What a unit of work means to the others: watches, caches, listeners, and those who wait.

use crate::base::bytes::Bytes;
use crate::base::sort;
use crate::base::time::Time;
use crate::keyspace::{Classes, Db, Event, Happening};
use crate::resp::{Protocol, Reply, SessionId};

use super::Engine;
use super::request::Request;
use super::session::Turn;
use super::tracking::Due;

impl Engine {
    /// Ends the unit: its log is framed, the others are told, and whoever waited is served, each as a unit of its own.
    pub(super) fn settle(&mut self, now: Time) {
        self.settle_unit(now);
        if self.has_postponed() {
            self.run_postponed(now);
        }
    }

    /// Does what [`Engine::settle`] does, but for calls that were postponed.
    pub(super) fn settle_unit(&mut self, now: Time) {
        let now = self.shared.asleep_until.take().map_or(now, |until| until.max(now));
        let mut ready = Vec::new();
        self.end_unit(now, &mut ready);
        while !ready.is_empty() {
            for (db, key) in std::mem::take(&mut ready) {
                self.serve(db, &key, now, &mut ready);
            }
        }
    }

    /// Returns whether there are calls that were postponed, and nothing that postpones them now.
    #[inline]
    pub(super) fn has_postponed(&self) -> bool {
        !self.shared.waits.turns().is_empty() && self.shared.busy.is_none() && !self.shared.pause.is_on()
    }

    /// Begins the calls that were postponed, first come first, each as a unit of its own. What postpones some of them
    /// still, or again, does so in the same order.
    pub(super) fn run_postponed(&mut self, now: Time) {
        for id in self.shared.waits.turns().to_vec() {
            if self.shared.busy.is_some() {
                return;
            }
            self.make_room(now);
            let Some(mut client) = self.shared.clients.check_out(id) else { continue };
            if let Some(waiting) = client.session.waiting.take() {
                self.shared.waits.leave(id, &waiting);
                self.shared.measure.begin();
                self.run(&mut client, waiting.args.as_args(), now);
            }
            if client.session.closing {
                self.shared.requests.push(Request::Close(id));
            } else if client.session.waiting.is_none() {
                self.shared.requests.ask_for_rest(&client.session);
            }
            self.shared.clients.check_in(client);
            if self.shared.busy.is_none() {
                self.settle_unit(now);
            }
        }
    }

    /// Serves those who wait for a key. What that makes ready in turn is added to `ready`.
    fn serve(&mut self, db: u32, key: &[u8], now: Time, ready: &mut Vec<(u32, Bytes)>) {
        let is_late = self.keyspace.contains(db, key) && !self.keyspace.has(db, key, now);
        if is_late && !self.keyspace.follows {
            Db::new(&mut self.keyspace, &mut self.effects, now, db).expire(key);
            self.end_unit(now, ready);
        }
        for id in self.shared.waits.line(db, key).to_vec() {
            // Nobody further back in the line can get more than the first one did.
            if !self.keyspace.has(db, key, now) && !self.shared.minds_loss(id) {
                if self.shared.waits.minds_loss() { continue } else { break }
            }
            self.resume(id, Turn::Resumed { key: key.into(), still: false }, now);
            self.end_unit(now, ready);
        }
    }

    /// Goes through what the unit touched, once, in order. Keys that somebody waits for are added to `ready`.
    fn end_unit(&mut self, now: Time, ready: &mut Vec<(u32, Bytes)>) {
        self.effects.end_unit();
        self.feed_replicas();
        let actor = self.effects.actor.take();
        let touched = self.effects.take_touched();
        for (i, (touch, key)) in touched.iter().enumerate() {
            self.shared.readers.told(i);
            self.effects.tell_of(i);
            match touch.what {
                Happening::Changed(event) => {
                    self.changed(touch.db, key, actor, ready);
                    self.publish(touch.db, key, event);
                }
                Happening::Noted(event) => self.publish(touch.db, key, event),
                Happening::Signalled(event) => {
                    self.line_up(touch.db, key, ready);
                    self.publish(touch.db, key, event);
                }
                Happening::Flushed => {
                    self.shared.readers.invalidate_all();
                    if self.shared.waits.minds_loss() {
                        let keys = self.shared.waits.keys_of(touch.db);
                        ready.extend(keys.into_iter().map(|key| (touch.db, key)));
                    }
                }
                Happening::Swapped(other) => {
                    for (db, former) in [(touch.db, other), (other, touch.db)] {
                        self.fail_swapped_watches(db, former, now);
                        ready.extend(self.shared.waits.keys_of(db).into_iter().map(|key| (db, key)));
                    }
                }
            }
        }
        self.shared.readers.told(usize::MAX);
        self.effects.put_back(touched);
        self.send_invalidations();
        self.deliver();
        self.shared.limit_outputs(now);
    }

    fn changed(&mut self, db: u32, key: &[u8], actor: Option<SessionId>, ready: &mut Vec<(u32, Bytes)>) {
        self.fail_watches(db, key);
        if !self.shared.readers.is_empty() {
            let clients = &self.shared.clients;
            self.shared.readers.invalidate(key, actor, |id| {
                clients.get(id).and_then(|client| client.session.tracking.as_deref())
            });
        }
        self.line_up(db, key, ready);
    }

    /// Adds a key to `ready` if somebody waits for it.
    fn line_up(&mut self, db: u32, key: &[u8], ready: &mut Vec<(u32, Bytes)>) {
        if self.shared.waits.awaits_keys() {
            let place = (db, Bytes::from(key));
            if !ready.contains(&place) && !self.shared.waits.line(db, key).is_empty() {
                ready.push(place);
            }
        }
    }

    fn fail_watches(&mut self, db: u32, key: &[u8]) {
        for id in self.shared.watches.of(db, key) {
            let Some(client) = self.shared.clients.get_mut(*id) else { continue };
            let Some(watched) = client.session.watch_on(db, key) else { continue };
            // That a key is removed which was past its deadline already changes nothing.
            let removed = watched.expired && !self.keyspace.contains(db, key);
            watched.expired &= !removed;
            client.session.watch_failed |= !removed;
        }
    }

    /// Fails the watches of a database that has got the keys of another one, which holds its former ones now.
    fn fail_swapped_watches(&mut self, db: u32, former: u32, now: Time) {
        for key in self.shared.watches.keys_of(db) {
            let (before, after) = (self.keyspace.contains(former, &key), self.keyspace.contains(db, &key));
            if !before && !after {
                continue;
            }
            let late = after && !self.keyspace.has(db, &key, now);
            for id in self.shared.watches.of(db, &key) {
                let Some(client) = self.shared.clients.get_mut(*id) else { continue };
                let Some(watched) = client.session.watch_on(db, &key) else { continue };
                let there = before && !watched.expired;
                watched.expired = !there && late;
                client.session.watch_failed |= there || (after && !late);
            }
        }
    }

    fn publish(&mut self, db: u32, key: &[u8], event: Event) {
        let classes = self.effects.classes;
        if !classes.any(event.class) || self.shared.pubsub.is_empty() {
            return;
        }
        if classes.has(Classes::KEYSPACE) {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            self.shared.pubsub.publish(&mut self.effects, &channel, event.name.as_bytes());
        }
        if classes.has(Classes::KEYEVENT) {
            let channel = format!("__keyevent@{db}__:{}", event.name);
            self.shared.pubsub.publish(&mut self.effects, channel.as_bytes(), key);
        }
    }

    /// Tells what is due to those who read keys.
    pub(super) fn send_invalidations(&mut self) {
        for (id, due) in self.shared.readers.take_due() {
            let tracking = self.shared.clients.get(id).and_then(|client| client.session.tracking.as_ref());
            let Some(redirect) = tracking.map(|tracking| tracking.redirect) else { continue };
            let Some(redirect) = redirect else {
                self.shared.clients.tell(id, |client| {
                    let protocol = client.session.protocol;
                    if protocol == Protocol::Resp3 {
                        write_invalidations(&mut Reply::new(&mut client.out, protocol), &due);
                    }
                });
                continue;
            };
            if self.shared.clients.has(redirect) {
                self.shared.clients.tell(redirect, |client| {
                    let protocol = client.session.protocol;
                    if protocol == Protocol::Resp3 || client.session.subscriptions.count() > 0 {
                        write_invalidations(&mut Reply::new(&mut client.out, protocol), &due);
                    }
                });
            } else {
                self.shared.clients.tell(id, |client| {
                    if let Some(tracking) = &mut client.session.tracking {
                        tracking.broken_redirect = true;
                    }
                    if client.session.protocol == Protocol::Resp3 {
                        let mut reply = Reply::new(&mut client.out, Protocol::Resp3);
                        reply.push(2);
                        reply.bulk(b"tracking-redir-broken");
                        reply.int(redirect.0 as i64);
                    }
                });
            }
        }
    }

    /// Appends every queued message to its client's output: what calls published is among what is told of keys.
    fn deliver(&mut self) {
        let pushes = self.effects.take_pushes();
        let mut pushes: Vec<_> = pushes.iter().collect();
        if !pushes.is_sorted_by_key(|(push, _)| push.place) {
            sort::sort_by(&mut pushes, |(one, _), (other, _)| one.place.cmp(&other.place));
        }
        for (push, message) in pushes {
            self.shared.clients.tell(push.to, |client| {
                let start = client.out.len();
                client.out.extend_from_slice(message);
                if client.session.protocol == Protocol::Resp2 {
                    client.out[start] = b'*';
                }
            });
        }
    }
}

fn write_invalidations(reply: &mut Reply<'_>, due: &Due) {
    match due {
        Due::Everything => {
            begin_invalidation(reply);
            reply.null();
        }
        Due::Prefixed(keys) => {
            let mut keys = keys.clone();
            sort::sort(&mut keys);
            keys.dedup();
            for keys in keys.chunk_by(|(one, _), (other, _)| one == other) {
                begin_invalidation(reply);
                reply.array(keys.len());
                keys.iter().for_each(|(_, key)| reply.bulk(key));
            }
        }
        Due::Read(keys) => {
            for key in keys {
                begin_invalidation(reply);
                reply.array(1);
                reply.bulk(key);
            }
        }
    }
}

fn begin_invalidation(reply: &mut Reply<'_>) {
    if reply.protocol() == Protocol::Resp3 {
        reply.push(2);
        reply.bulk(b"invalidate");
    } else {
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(b"__redis__:invalidate");
    }
}
