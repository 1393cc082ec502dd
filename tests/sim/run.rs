//! One simulation: what happens in a step, and what must hold after it.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

use redlet::engine::Config;
use redlet::engine::session::{Replies, Session};
use redlet::resp::{OwnedArgs, Protocol};
use redlet::store::{Purpose, Store};

use crate::Simulation;
use crate::model::{Model, Told};
use crate::support::engine::{Host, digest, loaded, replayed};
use crate::support::printed::printed;
use crate::support::reply_type;
use crate::support::words::{quote, to_resp};
use crate::workload::{Drawn, Workload};

const CLIENTS: [&str; 5] = ["a", "b", "c", "d", "e"];
/// How many steps a failure tells of.
const TOLD: usize = 25;
/// Refusals that a valid call must not meet.
const NEVER: [&str; 4] = [
    "(error) ERR syntax error",
    "(error) ERR wrong number",
    "(error) ERR unknown",
    "(error) ERR Protocol error",
];

pub struct Run {
    workload: Workload,
    host: Host,
    /// Runs the log.
    follower: Store,
    /// How much of the log it has run.
    followed: usize,
    model: Model,
    digest: u128,
    dirty: u64,
    last: VecDeque<String>,
    /// What every step said, as a number.
    fingerprints: Vec<u64>,
}

impl Simulation for Run {
    fn step(&mut self) -> Result<(), String> {
        self.act()
    }

    fn history(&self) -> String {
        self.last.iter().map(|line| format!("  {line}\n")).collect()
    }

    fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}

impl Run {
    pub fn new(seed: u64) -> Self {
        let mut config = Config::default();
        let events = Config::parameter("notify-keyspace-events").expect("a parameter");
        events.set(&mut config, "KEA").expect("all events");
        let mut host = Host::with(config, seed.into());
        host.saves_slowly = true;
        let follower = Store::new(Config::default(), u128::from(seed) + 1);
        let digest = digest(&host.store);
        Self {
            workload: Workload::new(seed),
            host,
            follower,
            followed: 0,
            model: Model::default(),
            digest,
            dirty: 0,
            last: VecDeque::new(),
            fingerprints: vec![],
        }
    }

    fn act(&mut self) -> Result<(), String> {
        let client = CLIENTS[self.workload.below(CLIENTS.len() as u64) as usize];
        let mut fingerprint = DefaultHasher::new();
        match self.workload.below(100) {
            0..80 => self.call(client, &mut fingerprint)?,
            80..87 => self.pipeline(client),
            87..91 => self.transaction(client),
            91..95 => self.pass(),
            95..97 => {
                self.note(format!("{client} disconnects"));
                self.host.disconnect(client);
            }
            _ if self.host.store.is_inside_a_unit() => {}
            _ => self.host.begin_snapshot(Purpose::Base),
        }
        self.save_some()?;
        self.listen(&mut fingerprint)?;
        self.fingerprints.push(fingerprint.finish());
        self.check()
    }

    // What happens --------------------------------------------------------------------------------------------

    /// One call, whole or in two pieces; the model runs it too if it can.
    fn call(&mut self, client: &'static str, fingerprint: &mut DefaultHasher) -> Result<(), String> {
        let drawn = self.workload.draw(self.host.now);
        self.note(line(client, &drawn));
        let bytes = to_resp(&drawn.args);
        let plain = self.is_plain(client);
        // A push may be taken by a client that waits.
        let alone = self.host.store.engine().shared().waits.is_empty();
        let db = self.session(client).map_or(0, |session| session.db);
        let resp3 = self.speaks_resp3(client);
        let at = if self.workload.once_in(4) { self.workload.below(bytes.len() as u64) as usize } else { 0 };
        self.host.send(client, &bytes[..at]);
        self.host.send(client, &bytes[at..]);
        if !plain {
            self.model = Model::read(self.host.store.engine().keyspace(), self.host.now);
            return Ok(());
        }
        let (reply, closed) = self.host.take(client);
        fingerprint.write(&reply);
        let (text, used) = printed(&reply);
        if used < reply.len() {
            return Err(format!("part of a reply: {}", quote(&reply[used..])));
        }
        let waits = text.is_empty();
        if drawn.valid && NEVER.iter().any(|refusal| text.starts_with(refusal)) {
            return Err(format!("a valid call was refused: {text}"));
        }
        if resp3 && self.speaks_resp3(client) && !waits {
            self.check_type(&drawn.args, &reply)?;
        }
        let told = match drawn.valid && !waits && !closed {
            true => self.model.run(db, &drawn.args, self.host.now),
            false => Told::Unknown,
        };
        let agrees = match &told {
            Told::Reply(expected) => *expected == text,
            Told::Refusal => text.starts_with("(error)"),
            Told::Unknown => true,
        };
        if !agrees {
            return Err(format!("the model says {told:?}, the engine {text}"));
        }
        let (keyspace, now) = (self.host.store.engine().keyspace(), self.host.now);
        if alone && told != Told::Unknown {
            return self.model.differs(keyspace, now).map_or(Ok(()), Err);
        }
        self.model = Model::read(keyspace, now);
        Ok(())
    }

    fn pipeline(&mut self, client: &'static str) {
        let mut bytes = vec![];
        for _ in 0..2 + self.workload.below(6) {
            let drawn = self.workload.draw(self.host.now);
            self.note(line(client, &drawn));
            bytes.extend(to_resp(&drawn.args));
        }
        self.send_apart(client, &bytes);
    }

    fn transaction(&mut self, client: &'static str) {
        let word = |word: &str| Drawn { args: vec![word.as_bytes().to_vec()], valid: true };
        let mut calls = vec![word("MULTI")];
        for _ in 0..1 + self.workload.below(5) {
            calls.push(self.workload.draw(self.host.now));
        }
        let end = if self.workload.once_in(8) { "DISCARD" } else { "EXEC" };
        calls.push(word(end));
        calls.iter().for_each(|drawn| self.note(line(client, drawn)));
        let bytes: Vec<u8> = calls.iter().flat_map(|drawn| to_resp(&drawn.args)).collect();
        self.send_apart(client, &bytes);
    }

    /// Sends bytes in a few pieces, cut anywhere.
    fn send_apart(&mut self, client: &str, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let len = 1 + self.workload.below(bytes.len() as u64) as usize;
            self.host.send(client, &bytes[..len]);
            bytes = &bytes[len..];
        }
        self.model = Model::read(self.host.store.engine().keyspace(), self.host.now);
    }

    fn pass(&mut self) {
        const MOST: [u64; 4] = [1_000, 100_000, 3_000_000, 30_000_000];
        let most = MOST[self.workload.below(4) as usize];
        let micros = self.workload.below(most);
        self.note(format!("+{micros}us"));
        self.host.pass(micros);
        self.model = Model::read(self.host.store.engine().keyspace(), self.host.now);
    }

    // What must hold ------------------------------------------------------------------------------------------

    /// Reads what everybody has received: whole replies.
    fn listen(&mut self, fingerprint: &mut DefaultHasher) -> Result<(), String> {
        for client in CLIENTS {
            let (received, _) = self.host.take(client);
            fingerprint.write(&received);
            let (text, used) = printed(&received);
            if used < received.len() || text.contains("(not a reply)") {
                return Err(format!("{client} receives what is no reply: {}", quote(&received)));
            }
        }
        fingerprint.write(&self.host.log[self.followed..]);
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        let engine = self.host.store.engine();
        let (digest, dirty) = (engine.keyspace().digest(), engine.noted());
        if digest != self.digest && dirty == self.dirty {
            return Err("the keyspace has changed, and nothing was touched".into());
        }
        (self.digest, self.dirty) = (digest, dirty);
        if self.host.store.is_inside_a_unit() {
            // What a script has done so far is logged when it has done all of it.
            return Ok(());
        }
        let news = &self.host.log[self.followed..];
        self.follower.replay(news, self.host.now).map_err(|damage| damage.to_string())?;
        if self::digest(&self.follower) != digest {
            let news = String::from_utf8_lossy(news).escape_debug().to_string();
            return Err(format!("the log does not lead to the same keyspace; its end: {news}"));
        }
        self.followed = self.host.log.len();
        Ok(())
    }

    /// Writes a little of the snapshot, if there is one to be written, and checks it when it is whole.
    fn save_some(&mut self) -> Result<(), String> {
        if !self.host.store.is_saving() {
            return Ok(());
        }
        let Some(snapshot) = self.host.save_some(40) else { return Ok(()) };
        let now = self.host.now;
        // Whoever waited for it may have sent more calls meanwhile.
        self.model = Model::read(self.host.store.engine().keyspace(), now);
        let then = replayed(&self.host.log[..snapshot.logged], now)?;
        let kept = loaded(&snapshot.file, now)?;
        if digest(&then) == digest(&kept) {
            return Ok(());
        }
        let difference = Model::read(then.engine().keyspace(), now).differs(kept.engine().keyspace(), now);
        Err(format!("the snapshot does not hold what was there when it began: {difference:?}"))
    }

    /// Whether a call of this client gets one reply, now or when it has waited, and nothing else.
    fn is_plain(&self, client: &str) -> bool {
        self.session(client).is_none_or(|session| {
            session.transaction.is_none()
                && session.waiting.is_none()
                && session.subscriptions.count() == 0
                && session.tracking.is_none()
                && session.replies == Replies::On
        })
    }

    fn session(&self, client: &str) -> Option<&Session> {
        let client = self.host.store.engine().shared().clients.get(self.host.session(client)?)?;
        Some(&client.session)
    }

    fn speaks_resp3(&self, client: &str) -> bool {
        self.session(client).is_some_and(|session| session.protocol == Protocol::Resp3)
    }

    /// Checks that a reply in RESP3 is of the type that its command's declaration promises.
    fn check_type(&self, args: &[Vec<u8>], reply: &[u8]) -> Result<(), String> {
        let args: OwnedArgs = args.iter().map(Vec::as_slice).collect();
        let table = &self.host.store.engine().shared().table;
        let Some(place) = table.find(args.as_args()) else { return Ok(()) };
        let spec = &table.at(place).command.spec;
        reply_type::mismatch(spec, reply).map_or(Ok(()), Err)
    }

    fn note(&mut self, line: String) {
        if self.last.len() == TOLD {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

fn line(client: &str, drawn: &Drawn) -> String {
    let words: Vec<String> = drawn.args.iter().map(|arg| quote(arg)).collect();
    format!("{client}{} {}", if drawn.valid { '>' } else { '?' }, words.join(" "))
}
