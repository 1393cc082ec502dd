//! A server that follows another: what clients may do there, and the link.

use crate::base::time::Time;
use crate::keyspace::{Db, Event, Happening, Keyspace};
use crate::replication::{Due, Heard, Introduction, Replica};
use crate::resp::{Error, Mark, Result, SessionId};
use crate::spec::Flags;

use super::Engine;
use super::acl::UserId;
use super::call::Call;
use super::config::{Address, AppendFsync};
use super::pause::each_queued_flags;
use super::replicas::sender;
use super::request::{Request, RequestId};
use super::session::{Peer, Replies, Session};
use super::shared::{Shared, random_id};
use super::wait::On;

/// Says that a replica which has lost its primary does not answer with what it has.
pub const MASTER_DOWN: Error =
    Error::Text("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");

impl Shared {
    /// Returns whether the server's part in replication may be a reason to refuse a call.
    #[inline]
    pub(super) fn may_refuse_by_role(&self) -> bool {
        self.following.is_some() || self.config.min_replicas_to_write.get() > 0
    }

    /// Returns whether the server follows another one, has lost it, and is not to answer with what it has.
    pub fn is_stale(&self) -> bool {
        let lost = self.following.as_ref().is_some_and(|link| !link.is_online());
        lost && !self.config.replica_serve_stale_data
    }

    /// Returns why a client may change nothing here, if that is so.
    pub fn refuses_writes_of(&self, session: &Session, now: Time) -> Option<Error> {
        if session.is_obeyed() {
            return None;
        }
        if self.following.is_some() {
            let refused = self.config.replica_read_only;
            return refused.then_some(Error::Text("READONLY You can't write against a read only replica."));
        }
        let least = self.config.min_replicas_to_write.get() as usize;
        let few = self.good_replicas(now).is_some_and(|good| good < least);
        few.then_some(Error::Text("NOREPLICAS Not enough good replicas to write."))
    }

    /// Returns whether a session is the link to the server that we follow.
    #[inline]
    pub fn is_link(&self, id: SessionId) -> bool {
        self.following.as_ref().is_some_and(|link| link.session() == Some(id))
    }

    /// Writes something to the host's log.
    pub fn note(&mut self, text: String) {
        self.requests.push(Request::Note(text));
    }

    /// Ends the link there is.
    fn hang_up(&mut self) {
        if let Some(id) = self.following.take().and_then(|link| link.session()) {
            self.close(id);
        }
    }
}

impl Call<'_> {
    /// Refuses what a replica does not do, and what a server with too few replicas does not.
    #[cold]
    pub(super) fn refuse_by_role(&self, name: &str, flags: Flags) -> Result {
        let queued = || each_queued_flags(self.shared, self.session);
        let is_exec = name == "EXEC";
        if (flags.has(Flags::WRITE) || is_exec && queued().any(|flags| flags.has(Flags::WRITE)))
            && let Some(error) = self.shared.refuses_writes_of(self.session, self.db.now)
        {
            return Err(error);
        }
        let wants_freshness =
            !flags.has(Flags::STALE) || is_exec && queued().any(|flags| !flags.has(Flags::STALE));
        if wants_freshness && !self.session.is_obeyed() && self.shared.is_stale() {
            return Err(MASTER_DOWN);
        }
        Ok(())
    }

    /// Makes the server follow another one. Its present keys stay until it has that one's.
    pub fn follow(&mut self, host: String, port: u16) {
        self.shared.hang_up();
        if !self.db.keyspace().follows {
            self.end_waits();
        }
        self.db.keyspace_mut().follows = true;
        let client = self.describe(self.session, 0);
        self.shared.note(format!("REPLICAOF {host}:{port} enabled (user request from '{client}')"));
        self.shared.config.replicaof = Address::new(&host, port);
        self.shared.following = Some(Box::new(Replica::new(host, port)));
    }

    /// Makes the server follow nobody. Its keys stay; its history goes on under another name.
    pub fn follow_nobody(&mut self) {
        if self.shared.following.is_none() {
            return;
        }
        self.shared.hang_up();
        self.shared.config.replicaof = Address::default();
        let id = random_id(&mut self.shared.random);
        self.shared.primary.branch(id);
        self.shared.dismiss_replicas();
        self.db.keyspace_mut().follows = false;
        let client = self.describe(self.session, 0);
        self.shared.note(format!("MASTER MODE enabled (user request from '{client}')"));
    }

    /// Tells whoever runs the server that it can't do what the one that it follows has done.
    pub(super) fn report_disobedience(&mut self, start: Mark) {
        let reply = self.reply.written(start);
        if let Some(error) = reply.strip_prefix(b"-") {
            let (error, name) = (error.trim_ascii_end().escape_ascii(), self.args.at(0).escape_ascii());
            let text = format!(
                "== CRITICAL == This replica is sending an error to its master: '{error}' after processing the \
                 command '{name}'"
            );
            self.shared.requests.push(Request::Warn(text));
        }
    }

    /// Disconnects those who wait for something that won't happen on a replica by what its clients do.
    fn end_waits(&mut self) {
        let waits = |session: &Session| {
            let on = session.waiting.as_ref().map(|waiting| &waiting.on);
            matches!(on, Some(On::Keys(_) | On::Replicas(_)))
        };
        let ids: Vec<SessionId> = self
            .shared
            .clients
            .iter()
            .map(|client| &client.session)
            .filter(|s| waits(s))
            .map(|s| s.id)
            .collect();
        for id in ids {
            self.shared.end_wait(id, |reply, _| {
                reply.error(&Error::Text(
                    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
                ));
            });
            self.shared.close(id);
        }
    }
}

impl Engine {
    /// Does what is due for the link: connects, gives up, tells how far we are.
    pub(super) fn tend_link(&mut self, now: Time) {
        let Shared { following, config, primary, clients, requests, persistence, .. } = &mut self.shared;
        let Some(link) = following else { return };
        match link.tick(now, config.repl_timeout.get() as u64) {
            Due::Nothing => {}
            Due::Connect => {
                let (host, port) = (link.host.clone(), link.port);
                requests.push(Request::Note(format!("Connecting to MASTER {host}:{port}")));
                self.connecting = Some(requests.push(Request::Connect { host, port }));
            }
            Due::GiveUp(why) => return self.give_up_link(why, now),
        }
        if let Some(id) = link.session() {
            // What is said is sent when what was logged before is kept: on the disk, if the log promises that.
            let log_is_whole =
                config.appendonly && persistence.rewriting.is_none() && !persistence.log_failed;
            let stored = log_is_whole && config.appendfsync == AppendFsync::Always;
            let mut said = vec![];
            link.acknowledge_if_due(primary.offset(), stored, now, &mut said);
            if !said.is_empty() {
                sender(clients)(id, &said);
            }
        }
    }

    /// Takes note that the host has connected as it was asked to; returns the session of that connection. `None` if
    /// nobody wants it any more.
    pub fn linked(&mut self, request: RequestId, peer: Peer, now: Time) -> Option<SessionId> {
        self.connecting.take_if(|wanted| *wanted == request)?;
        self.shared.following.as_ref().filter(|link| link.is_connecting())?;
        let id = self.connect(Peer { trusted: true, ..peer }, now);
        let client = self.shared.clients.get_mut(id)?;
        (client.session.primary, client.session.user) = (true, UserId::HOST);
        // It reads nothing but how far we are.
        client.session.replies = Replies::Off;
        self.talk(id, |link, _, out| link.connected(id, now, out));
        Some(id)
    }

    /// Takes note that the host could not connect, and why.
    pub fn link_failed(&mut self, request: RequestId, why: &str, now: Time) {
        if self.connecting.take_if(|wanted| *wanted == request).is_some()
            && let Some(link) = self.shared.following.as_mut().filter(|link| link.is_connecting())
        {
            link.disconnected(now);
            let text = format!("Error condition on socket for SYNC: {why}");
            self.shared.requests.push(Request::Warn(text));
        }
    }

    /// Takes in what the server that we follow says before its snapshot is there, and that one's pieces; returns how
    /// many bytes that was, and what is to be done about it.
    pub fn hear<'a>(&mut self, input: &'a [u8], now: Time) -> Option<(usize, Heard<'a>)> {
        let id = self.shared.following.as_ref()?.session()?;
        self.talk(id, |link, introduction, out| link.hear(input, introduction, now, out))?
    }

    /// Takes note that its snapshot is in the place of what there was: the server goes on from there, in database `db`.
    pub fn follow_on(&mut self, db: Option<u32>, now: Time) {
        let Shared { following, primary, clients, .. } = &mut self.shared;
        let Some(link) = following else { return };
        primary.adopt(link.follow(now));
        if let Some(client) = link.session().and_then(|id| clients.get_mut(id)) {
            client.session.db = db.unwrap_or(0);
        }
        link.ask();
        self.shared.note("MASTER <-> REPLICA sync: Finished with success".into());
        self.tend_link(now);
    }

    /// Returns the database that the stream of the server that we follow has selected.
    pub fn stream_db(&self) -> Option<u32> {
        let session = self.shared.following.as_ref()?.session()?;
        self.shared.clients.get(session).map(|client| client.session.db)
    }

    /// Carries out changes of the server that we follow; returns how many bytes of them were taken.
    pub fn obey(&mut self, id: SessionId, stream: &[u8], now: Time) -> usize {
        let taken = self.receive(id, stream, now);
        let Shared { following, primary, clients, .. } = &mut self.shared;
        let whole = clients.get(id).is_some_and(|client| client.session.transaction.is_none());
        if let Some(link) = following {
            link.took(&stream[..taken], whole, now, |stream| primary.pass_on(stream, sender(clients)));
        }
        self.tend_link(now);
        taken
    }

    /// Puts all that another keyspace holds in place of what there is. Nothing is logged: the log has to begin anew.
    pub fn replace_keys(&mut self, keyspace: Keyspace, now: Time) {
        self.effects.observed = self.shared.observes_keys();
        for db in 0..self.keyspace.databases() as u32 {
            for key in self.shared.watches.keys_of(db) {
                if self.keyspace.contains(db, &key) || keyspace.contains(db, &key) {
                    Db::new(&mut self.keyspace, &mut self.effects, now, db)
                        .touch_uncounted(&key, Event::SILENT);
                }
            }
            self.effects.all(db, Happening::Flushed);
        }
        // Save points count it as that many changes.
        self.effects.count(keyspace.len().max(1) as u64);
        self.keyspace.replace_with(keyspace);
        for db in 0..self.keyspace.databases() as u32 {
            for key in self.shared.waits.keys_of(db) {
                Db::new(&mut self.keyspace, &mut self.effects, now, db).signal(&key, Event::SILENT);
            }
        }
        self.settle(now);
        self.shared.requests.push(Request::Replaced);
    }

    /// Lets the link say something.
    fn talk<T>(
        &mut self,
        id: SessionId,
        talk: impl FnOnce(&mut Replica, Introduction<'_>, &mut Vec<u8>) -> T,
    ) -> Option<T> {
        let Shared { following, config, clients, host, .. } = &mut self.shared;
        let announced = config.replica_announce_port.get() as u16;
        let introduction = Introduction {
            user: &config.masteruser,
            password: &config.masterauth,
            port: if announced > 0 { announced } else { host.tcp_port },
            address: &config.replica_announce_ip,
        };
        let mut said = vec![];
        let result = talk(following.as_mut()?, introduction, &mut said);
        if !said.is_empty() {
            sender(clients)(id, &said);
        }
        Some(result)
    }

    /// Ends the connection to the server that we follow; another one is tried later.
    pub fn give_up_link(&mut self, why: &str, now: Time) {
        self.shared.requests.push(Request::Warn(why.to_owned()));
        let Some(link) = &mut self.shared.following else { return };
        let session = link.session();
        link.disconnected(now);
        self.connecting = None;
        if let Some(id) = session {
            self.shared.close(id);
        }
    }

    /// Takes note that a connection has ended, if it was the one to the server that we follow.
    pub(super) fn unlink(&mut self, id: SessionId, now: Time) {
        if self.shared.is_link(id)
            && let Some(link) = &mut self.shared.following
        {
            link.disconnected(now);
            self.shared.note("Connection with master lost.".into());
        }
    }
}
