//! A server that others follow: each gets a snapshot, then every change that was made since.

use crate::base::time::Time;
use crate::resp::SessionId;

use super::replica::{Place, say};

/// The side of a link that is followed. It has no sockets: `send` is given what a replica's session is to be sent.
pub struct Primary {
    /// Forty hexadecimal digits that name this history of changes.
    pub id: String,
    /// The name of the history that this one goes on from, and where it does.
    pub former: Option<(String, u64)>,
    /// How many bytes of the stream there have been.
    offset: u64,
    links: Vec<Link>,
    /// How much of the log that the stream is taken from was fed.
    fed: usize,
    last_ping: Time,
}

/// What is in a snapshot for a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contents {
    Everything,
    Functions,
    Nothing,
}

/// A replica.
pub struct Link {
    pub session: SessionId,
    stage: Stage,
    /// The port that the replica says it listens on itself.
    pub port: u16,
    /// The address that it says others reach it at; empty for the one that it connects from.
    pub address: String,
    /// It is named the history and the place in it before the snapshot: PSYNC.
    named: bool,
    /// What it wants in the snapshot.
    contents: Contents,
    /// It wants the snapshot alone.
    snapshot_only: bool,
    /// How far it says it has got, and when it said so.
    acknowledged: u64,
    /// How much of that it says is on its disk.
    stored: u64,
    heard: Time,
}

enum Stage {
    /// It has introduced itself, and no more.
    Greeted,
    /// It waits for a snapshot to begin.
    Wanting,
    /// The snapshot of this place in the stream is being made. These are the changes since.
    Copying(u64, Vec<u8>),
    Online,
}

impl Primary {
    pub fn new(id: String) -> Self {
        Self { id, former: None, offset: 0, links: vec![], fed: 0, last_ping: Time::default() }
    }

    /// Returns whether nobody follows.
    pub fn is_empty(&self) -> bool {
        self.followers().next().is_none()
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the replicas that follow, in the order in which they came.
    pub fn followers(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| !matches!(link.stage, Stage::Greeted))
    }

    /// Gives a session's link to `change`, one that has just greeted if there was none: REPLCONF.
    pub fn introduce(&mut self, session: SessionId, now: Time, change: impl FnOnce(&mut Link)) {
        let at = self.links.iter().position(|link| link.session == session).unwrap_or_else(|| {
            self.links.push(Link {
                session,
                stage: Stage::Greeted,
                port: 0,
                address: String::new(),
                named: false,
                contents: Contents::Everything,
                snapshot_only: false,
                acknowledged: 0,
                stored: 0,
                heard: now,
            });
            self.links.len() - 1
        });
        change(&mut self.links[at]);
    }

    /// Makes a replica of a session, or leaves the one that it is. `named` asks for the history's name in front of the
    /// snapshot.
    pub fn follow(&mut self, session: SessionId, named: bool, now: Time) {
        if self.is_empty() {
            self.last_ping = now;
        }
        self.introduce(session, now, |link| {
            if matches!(link.stage, Stage::Greeted) {
                link.stage = Stage::Wanting;
                link.named = named;
            }
        });
    }

    /// Returns how many replicas have all of the stream before a place, or have it `stored`.
    pub fn count_at(&self, offset: u64, stored: bool) -> usize {
        let place = |link: &Link| if stored { link.stored } else { link.acknowledged };
        self.links.iter().filter(|link| link.is_online() && place(link) >= offset).count()
    }

    /// Returns the replicas that have said nothing for so many seconds, of those that tell how far they are.
    pub fn silent(&self, now: Time, seconds: u64) -> Vec<SessionId> {
        let silent = |link: &&Link| link.named && link.is_online() && now >= link.heard.plus_seconds(seconds);
        self.links.iter().filter(silent).map(|link| link.session).collect()
    }

    /// Forgets everybody; returns who followed.
    pub fn leave_all(&mut self) -> Vec<SessionId> {
        self.links.drain(..).map(|link| link.session).collect()
    }

    /// Takes over the history of another server, from a place on.
    pub fn adopt(&mut self, Place { history, offset }: Place) {
        (self.id, self.former, self.offset) = (history, None, offset);
    }

    /// Gives the history that goes on from here another name.
    pub fn branch(&mut self, id: String) {
        let former = std::mem::replace(&mut self.id, id);
        self.former = Some((former, self.offset + 1));
    }

    /// Forgets a session.
    pub fn leave(&mut self, session: SessionId) {
        self.links.retain(|link| link.session != session);
    }

    // Snapshots -------------------------------------------------------------------------------------------------

    /// Returns what is to be in the snapshot that somebody waits for.
    pub fn wanted_snapshot(&self) -> Option<Contents> {
        self.links.iter().find(|link| matches!(link.stage, Stage::Wanting)).map(|link| link.contents)
    }

    /// Takes note that a snapshot of this moment is being made, for all who want one with these contents. `log` is how
    /// long the log is.
    pub fn begin_snapshot(&mut self, contents: Contents, log: usize) {
        self.fed = log;
        let wanting = |link: &&mut Link| matches!(link.stage, Stage::Wanting) && link.contents == contents;
        for link in self.links.iter_mut().filter(wanting) {
            link.stage = Stage::Copying(self.offset, vec![]);
        }
    }

    /// Sends the snapshot to those whom it is made for, and what has changed since it began.
    pub fn end_snapshot(&mut self, snapshot: &[u8], mut send: impl FnMut(SessionId, &[u8])) {
        for link in &mut self.links {
            let Stage::Copying(offset, changes) = &mut link.stage else { continue };
            if link.named {
                send(link.session, format!("+FULLRESYNC {} {offset}\r\n", self.id).as_bytes());
            }
            send(link.session, format!("${}\r\n", snapshot.len()).as_bytes());
            send(link.session, snapshot);
            send(link.session, changes);
            link.stage = Stage::Online;
        }
    }

    /// Takes note that the snapshot comes to nothing: another one is wanted.
    pub fn give_up_snapshot(&mut self) {
        for link in &mut self.links {
            if matches!(link.stage, Stage::Copying(..)) {
                link.stage = Stage::Wanting;
            }
        }
    }

    // The stream ------------------------------------------------------------------------------------------------

    /// Sends what the log has more than when it was fed last.
    pub fn feed_log(&mut self, log: &[u8], send: impl FnMut(SessionId, &[u8])) {
        let fed = std::mem::replace(&mut self.fed, log.len());
        self.feed(log.get(fed..).unwrap_or_default(), send);
    }

    /// Takes note that what the log has more than when it was fed last is not for replicas.
    pub fn skip_log(&mut self, log: &[u8]) {
        self.fed = log.len();
    }

    /// Passes on what the server that we follow has sent.
    pub fn pass_on(&mut self, stream: &[u8], send: impl FnMut(SessionId, &[u8])) {
        self.feed(stream, send);
    }

    /// Takes note that the log begins anew.
    pub fn log_cleared(&mut self) {
        self.fed = 0;
    }

    fn feed(&mut self, stream: &[u8], mut send: impl FnMut(SessionId, &[u8])) {
        if stream.is_empty() {
            return;
        }
        self.offset += stream.len() as u64;
        for link in self.links.iter_mut().filter(|link| !link.snapshot_only) {
            match &mut link.stage {
                Stage::Greeted | Stage::Wanting => {}
                Stage::Copying(_, changes) => changes.extend_from_slice(stream),
                Stage::Online => send(link.session, stream),
            }
        }
    }

    /// Asks every few seconds whether everybody is there still, and shows those who wait for their snapshot that we are.
    /// Where the stream comes from elsewhere, so do its questions.
    pub fn ping_if_due(
        &mut self,
        now: Time,
        period_seconds: u64,
        elsewhere: bool,
        mut send: impl FnMut(SessionId, &[u8]),
    ) {
        if self.is_empty() || now < self.last_ping.plus_seconds(period_seconds) {
            return;
        }
        self.last_ping = now;
        for link in self.links.iter().filter(|link| matches!(link.stage, Stage::Wanting | Stage::Copying(..)))
        {
            send(link.session, b"\n");
        }
        if !elsewhere {
            self.tell(&[b"PING"], send);
        }
    }

    /// Asks everybody how far they are.
    pub fn ask(&mut self, send: impl FnMut(SessionId, &[u8])) {
        self.tell(&[b"REPLCONF", b"GETACK", b"*"], send);
    }

    fn tell(&mut self, words: &[&[u8]], send: impl FnMut(SessionId, &[u8])) {
        let mut call = vec![];
        say(&mut call, words);
        self.feed(&call, send);
    }
}

impl Link {
    /// Returns what INFO calls the state of the link.
    pub fn state(&self) -> &'static str {
        match self.stage {
            Stage::Greeted | Stage::Wanting => "wait_bgsave",
            Stage::Copying(..) => "send_bulk",
            Stage::Online => "online",
        }
    }

    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online)
    }

    /// Returns the address that it says others reach it at, or another if it says none.
    pub fn address_or<'a>(&'a self, other: &'a str) -> &'a str {
        if self.address.is_empty() { other } else { &self.address }
    }

    pub fn want_contents(&mut self, contents: Contents) {
        self.contents = contents;
    }

    pub fn want_snapshot_only(&mut self, only: bool) {
        self.snapshot_only = only;
    }

    /// Takes note of how far the replica says it has got.
    pub fn acknowledge(&mut self, offset: u64, now: Time) {
        self.acknowledged = self.acknowledged.max(offset);
        self.heard = now;
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Takes note of how much the replica says is on its disk.
    pub fn store(&mut self, offset: u64) {
        self.stored = self.stored.max(offset);
    }

    /// Returns the seconds since the replica last said how far it had got.
    pub fn lag_seconds(&self, now: Time) -> u64 {
        now.micros_since(self.heard) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_700_000_000);

    /// What was sent to each session.
    #[derive(Default)]
    struct Sent(Vec<(SessionId, Vec<u8>)>);

    impl Sent {
        fn to(&mut self) -> impl FnMut(SessionId, &[u8]) {
            |id, bytes| match self.0.iter_mut().find(|(other, _)| *other == id) {
                Some((_, sent)) => sent.extend_from_slice(bytes),
                None => self.0.push((id, bytes.to_vec())),
            }
        }

        fn take(&mut self, id: u64) -> String {
            let at = self.0.iter().position(|(other, _)| *other == SessionId(id));
            at.map(|at| String::from_utf8(self.0.swap_remove(at).1).expect("text")).unwrap_or_default()
        }
    }

    #[test]
    fn a_replica_gets_the_snapshot_and_what_comes_after_its_moment() {
        let (mut primary, mut sent) = (Primary::new("id".into()), Sent::default());
        primary.follow(SessionId(1), false, NOW);
        primary.follow(SessionId(2), true, NOW);
        primary.feed_log(b"early", sent.to());
        primary.begin_snapshot(Contents::Everything, 5);
        primary.feed_log(b"early during", sent.to());
        primary.follow(SessionId(3), false, NOW);
        primary.end_snapshot(b"snapshot", sent.to());
        primary.log_cleared();
        primary.feed_log(b" later", sent.to());
        assert_eq!(sent.take(1), "$8\r\nsnapshot during later");
        assert_eq!(sent.take(2), "+FULLRESYNC id 5\r\n$8\r\nsnapshot during later");
        assert_eq!(sent.take(3), "");
        assert_eq!(primary.wanted_snapshot(), Some(Contents::Everything));
        assert_eq!(primary.offset(), 18);
    }

    #[test]
    fn a_snapshot_that_is_given_up_is_wanted_again() {
        let (mut primary, mut sent) = (Primary::new("id".into()), Sent::default());
        primary.follow(SessionId(1), false, NOW);
        primary.begin_snapshot(Contents::Everything, 0);
        primary.feed_log(b"lost", sent.to());
        primary.give_up_snapshot();
        assert_eq!(primary.wanted_snapshot(), Some(Contents::Everything));
        primary.begin_snapshot(Contents::Everything, 4);
        primary.end_snapshot(b"snapshot", sent.to());
        assert_eq!(sent.take(1), "$8\r\nsnapshot");
        primary.leave(SessionId(1));
        assert!(primary.is_empty());
    }

    #[test]
    fn pings_are_part_of_the_stream() {
        let (mut primary, mut sent) = (Primary::new("id".into()), Sent::default());
        primary.ping_if_due(NOW, 10, false, sent.to());
        primary.follow(SessionId(1), false, NOW);
        primary.begin_snapshot(Contents::Everything, 0);
        primary.end_snapshot(b"", sent.to());
        primary.ping_if_due(NOW.plus_seconds(9), 10, false, sent.to());
        assert_eq!(sent.take(1), "$0\r\n");
        primary.ping_if_due(NOW.plus_seconds(10), 10, false, sent.to());
        assert_eq!(sent.take(1), "*1\r\n$4\r\nPING\r\n");
        assert_eq!(primary.offset(), 14);
    }
}
