//! A server that follows another: it introduces itself, takes over a snapshot, then every change that is made there.

use crate::base::number::{format_uint, parse_int};
use crate::base::time::Time;
use crate::resp::{Protocol, Reply, SessionId};

/// After so many seconds a connection is tried again.
const RETRY_SECONDS: u64 = 1;
/// The longest line that a primary says before its snapshot.
const LINE_MAX: usize = 64 * 1024;
/// The length of what ends a snapshot whose length is not told before.
const MARK: usize = 40;

/// The side of a link that follows. It has no socket: it is given what the primary says, and tells what to do about it.
pub struct Replica {
    pub host: String,
    pub port: u16,
    stage: Stage,
    /// The connection to the primary, once there is one.
    session: Option<SessionId>,
    /// When the primary was last heard of, or the present step began.
    heard: Time,
    /// Since when the link is down, after it was up.
    down_since: Option<Time>,
    /// Bytes of the snapshot that have come.
    received: u64,
    /// The changes of a transaction that is not whole yet.
    begun: Vec<u8>,
    acknowledged: Time,
    /// The primary has asked how far we are.
    asked: bool,
}

enum Stage {
    /// There is no connection. The next one is tried then.
    Apart(Time),
    /// The host connects.
    Connecting,
    /// The answer to PING is to come.
    Greeting,
    /// So many answers are to come to what was said of ourselves; the first is to AUTH, if there is a password.
    Introducing {
        password: bool,
        left: usize,
    },
    /// The answer to PSYNC is to come.
    Asking,
    /// The length of a snapshot of this place in a history is to come.
    Awaiting(Place),
    Receiving(Place, Rest),
    Following,
}

/// A place in a history of changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Forty hexadecimal digits.
    pub history: String,
    pub offset: u64,
}

/// What is to come of a snapshot.
enum Rest {
    Bytes(u64),
    /// Whatever comes before this.
    Until([u8; MARK]),
}

/// What a replica says of itself.
#[derive(Clone, Copy, Default)]
pub struct Introduction<'a> {
    pub user: &'a str,
    /// Empty for none.
    pub password: &'a str,
    /// Where it listens itself; the address is empty if it is the one that the connection comes from.
    pub port: u16,
    pub address: &'a str,
}

/// What the primary has said.
#[derive(PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// Something that was answered, or needs no answer.
    Word,
    /// Something to be told to whoever runs the server.
    News(String),
    /// It can't be followed: the connection is to be closed.
    Refusal(String),
    /// A snapshot begins.
    Begin,
    Piece(&'a [u8]),
    /// All of the snapshot has come.
    End,
}

/// What time makes necessary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Nothing,
    /// A connection is to be made.
    Connect,
    /// Nothing was heard for too long.
    GiveUp(&'static str),
}

impl Replica {
    /// Makes a replica that connects at once.
    pub fn new(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            stage: Stage::Apart(Time::default()),
            session: None,
            heard: Time::default(),
            down_since: None,
            received: 0,
            begun: vec![],
            acknowledged: Time::default(),
            asked: false,
        }
    }

    // About -----------------------------------------------------------------------------------------------------

    /// Returns the connection to the primary.
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// Returns whether changes come in as they are made.
    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Following)
    }

    pub fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting)
    }

    pub fn is_receiving(&self) -> bool {
        matches!(self.stage, Stage::Awaiting(_) | Stage::Receiving(..))
    }

    /// Returns what ROLE calls the state of the link.
    pub fn state(&self) -> &'static str {
        match self.stage {
            Stage::Apart(_) => "connect",
            Stage::Connecting => "connecting",
            Stage::Greeting | Stage::Introducing { .. } | Stage::Asking => "handshake",
            Stage::Awaiting(_) | Stage::Receiving(..) => "sync",
            Stage::Following => "connected",
        }
    }

    /// Returns the seconds since the primary was last heard, if there is a link.
    pub fn silent_seconds(&self, now: Time) -> Option<u64> {
        self.is_online().then(|| self.heard_seconds(now))
    }

    /// Returns the seconds since the primary was last heard, or the present step began.
    pub fn heard_seconds(&self, now: Time) -> u64 {
        now.micros_since(self.heard) / 1_000_000
    }

    /// Returns the seconds since the link was lost, if it was there.
    pub fn down_seconds(&self, now: Time) -> Option<u64> {
        self.down_since.map(|since| now.micros_since(since) / 1_000_000)
    }

    /// Returns how many bytes of the snapshot have come, and how many are to come, if that is known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        match self.stage {
            Stage::Receiving(_, Rest::Bytes(left)) => (self.received, Some(left)),
            _ => (self.received, None),
        }
    }

    // The connection --------------------------------------------------------------------------------------------

    /// Returns what is due; `timeout` is how many seconds a silence may last.
    pub fn tick(&mut self, now: Time, timeout: u64) -> Due {
        let late = now >= self.heard.plus_seconds(timeout);
        match &self.stage {
            Stage::Apart(until) if now < *until => Due::Nothing,
            Stage::Apart(_) => {
                (self.stage, self.heard) = (Stage::Connecting, now);
                Due::Connect
            }
            _ if !late => Due::Nothing,
            Stage::Connecting | Stage::Greeting | Stage::Introducing { .. } | Stage::Asking => {
                Due::GiveUp("Timeout connecting to the MASTER...")
            }
            Stage::Awaiting(_) | Stage::Receiving(..) => Due::GiveUp(
                "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' \
                 parameter in redis.conf to a larger value.",
            ),
            Stage::Following => Due::GiveUp("MASTER timeout: no data nor PING received..."),
        }
    }

    /// Takes note that there is a connection, and greets.
    pub fn connected(&mut self, session: SessionId, now: Time, out: &mut Vec<u8>) {
        self.session = Some(session);
        (self.stage, self.heard) = (Stage::Greeting, now);
        say(out, &[b"PING"]);
    }

    /// Takes note that there is no connection, or no longer. Another one is tried later.
    pub fn disconnected(&mut self, now: Time) {
        if self.is_online() {
            self.down_since = Some(now);
        }
        self.session = None;
        self.begun.clear();
        self.stage = Stage::Apart(now.plus_seconds(RETRY_SECONDS));
    }

    // Until the snapshot is there -------------------------------------------------------------------------------

    /// Takes in the beginning of what the primary says; returns how many bytes that was, or `None` if it must say more.
    /// What it is to be told is appended to `out`.
    pub fn hear<'a>(
        &mut self,
        input: &'a [u8],
        introduction: Introduction<'_>,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Option<(usize, Heard<'a>)> {
        if !input.is_empty() {
            self.heard = now;
        }
        if let Stage::Receiving(_, rest) = &mut self.stage {
            let (read, heard) = rest.take(input)?;
            self.received += read as u64;
            return Some((read, heard));
        }
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            let refusal = || Heard::Refusal("The MASTER does not speak the protocol of replication".into());
            return (input.len() > LINE_MAX).then(|| (input.len(), refusal()));
        };
        let line = input[..end].trim_ascii_end();
        // An empty line asks for patience.
        let heard = if line.is_empty() { Heard::Word } else { self.line(line, introduction, out) };
        Some((end + 1, heard))
    }

    fn line(&mut self, line: &[u8], introduction: Introduction<'_>, out: &mut Vec<u8>) -> Heard<'static> {
        let text = || String::from_utf8_lossy(line);
        let failed = line.starts_with(b"-");
        match &mut self.stage {
            Stage::Greeting => {
                let wants_password = [&b"-NOAUTH"[..], b"-NOPERM", b"-ERR operation not permitted"];
                if failed && !wants_password.iter().any(|code| line.starts_with(code)) {
                    return Heard::Refusal(format!("Error reply to PING from master: '{}'", text()));
                }
                self.introduce(introduction, out);
                Heard::News("Master replied to PING, replication can continue...".into())
            }
            Stage::Introducing { password: true, .. } if failed => {
                Heard::Refusal(format!("Unable to AUTH to MASTER: {}", text()))
            }
            Stage::Introducing { password, left } => {
                *password = false;
                *left -= 1;
                if *left == 0 {
                    say(out, &[b"PSYNC", b"?", b"-1"]);
                    self.stage = Stage::Asking;
                }
                // Servers of old know less of what replicas say, which does not matter.
                if failed {
                    Heard::News(format!("(Non critical) Master says: {}", text()))
                } else {
                    Heard::Word
                }
            }
            Stage::Asking => match full_resync(line) {
                Some(place) => {
                    let news = format!("Full resync from master: {}:{}", place.history, place.offset);
                    self.stage = Stage::Awaiting(place);
                    Heard::News(news)
                }
                None if line.starts_with(b"-NOMASTERLINK") || line.starts_with(b"-LOADING") => {
                    let text = text();
                    Heard::Refusal(format!(
                        "Master is currently unable to PSYNC but should be in the future: {text}"
                    ))
                }
                None => Heard::Refusal(format!("Unexpected reply to PSYNC from master: {}", text())),
            },
            Stage::Awaiting(place) => match Rest::announced(line) {
                Some(rest) => {
                    self.received = 0;
                    self.stage = Stage::Receiving(std::mem::take(place), rest);
                    Heard::Begin
                }
                None if failed => {
                    Heard::Refusal(format!("MASTER aborted replication with an error: {}", text()))
                }
                None => Heard::Refusal(format!("Bad protocol from MASTER: '{}'", text())),
            },
            Stage::Apart(_) | Stage::Connecting | Stage::Receiving(..) | Stage::Following => Heard::Word,
        }
    }

    fn introduce(&mut self, introduction: Introduction<'_>, out: &mut Vec<u8>) {
        let Introduction { user, password, port, address } = introduction;
        let mut left = 2;
        if !password.is_empty() {
            left += 1;
            let words: [&[u8]; 3] = [b"AUTH", user.as_bytes(), password.as_bytes()];
            if user.is_empty() { say(out, &[words[0], words[2]]) } else { say(out, &words) }
        }
        say(out, &[b"REPLCONF", b"listening-port", &format_uint(port.into())]);
        if !address.is_empty() {
            left += 1;
            say(out, &[b"REPLCONF", b"ip-address", address.as_bytes()]);
        }
        say(out, &[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        self.stage = Stage::Introducing { password: !password.is_empty(), left };
    }

    // The stream ------------------------------------------------------------------------------------------------

    /// Takes note that the snapshot is in its place; returns the place in history from which the stream goes on.
    pub fn follow(&mut self, now: Time) -> Place {
        self.down_since = None;
        self.heard = now;
        match std::mem::replace(&mut self.stage, Stage::Following) {
            Stage::Receiving(place, _) => place,
            _ => Place::default(),
        }
    }

    /// Takes note of a part of the stream that was carried out, up to the middle of a transaction unless it is `whole`;
    /// gives `pass` what may be passed on.
    pub fn took(&mut self, stream: &[u8], whole: bool, now: Time, pass: impl FnOnce(&[u8])) {
        self.heard = now;
        if !whole || !self.begun.is_empty() {
            self.begun.extend_from_slice(stream);
        }
        match (whole, self.begun.is_empty()) {
            (true, true) => pass(stream),
            (true, false) => pass(&std::mem::take(&mut self.begun)),
            (false, _) => {}
        }
    }

    /// Returns how many bytes of a transaction wait for its end.
    pub fn begun_bytes(&self) -> u64 {
        self.begun.len() as u64
    }

    /// Takes note that the primary wants to know how far we are.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// Tells the primary every second, or when it has asked, that all before `offset` is carried out, and whether it is
    /// stored too.
    pub fn acknowledge_if_due(&mut self, offset: u64, stored: bool, now: Time, out: &mut Vec<u8>) {
        if self.is_online() && (self.asked || now >= self.acknowledged.plus_seconds(1)) {
            (self.asked, self.acknowledged) = (false, now);
            let offset = format_uint(offset);
            let words: [&[u8]; 5] = [b"REPLCONF", b"ACK", &offset, b"FACK", &offset];
            say(out, if stored { &words } else { &words[..3] });
        }
    }
}

impl Rest {
    /// Reads the line in front of a snapshot.
    fn announced(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"$")?;
        match line.strip_prefix(b"EOF:") {
            Some(mark) => mark.try_into().ok().map(Rest::Until),
            None => parse_int(line).and_then(|len| u64::try_from(len).ok()).map(Rest::Bytes),
        }
    }

    fn take<'a>(&mut self, input: &'a [u8]) -> Option<(usize, Heard<'a>)> {
        let (piece, end) = match self {
            Rest::Bytes(0) => return Some((0, Heard::End)),
            Rest::Bytes(left) => {
                let piece = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= piece as u64;
                (piece, false)
            }
            Rest::Until(mark) => match input.windows(MARK).position(|window| window == mark) {
                Some(0) => (MARK, true),
                Some(at) => (at, false),
                // The mark may have begun.
                None => (input.len().saturating_sub(MARK - 1), false),
            },
        };
        match (piece, end) {
            (0, _) => None,
            (_, true) => Some((piece, Heard::End)),
            (_, false) => Some((piece, Heard::Piece(&input[..piece]))),
        }
    }
}

/// Reads the answer to PSYNC that announces a whole snapshot.
fn full_resync(line: &[u8]) -> Option<Place> {
    let mut words = str::from_utf8(line).ok()?.strip_prefix("+FULLRESYNC ")?.split(' ');
    let (history, offset) = (words.next()?, words.next()?);
    let offset = parse_int(offset.as_bytes()).and_then(|offset| u64::try_from(offset).ok())?;
    let is_history = history.len() == 40 && history.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_history.then(|| Place { history: history.to_owned(), offset })
}

/// Appends a call.
pub(super) fn say(out: &mut Vec<u8>, words: &[&[u8]]) {
    let mut call = Reply::new(out, Protocol::Resp2);
    call.array(words.len());
    words.iter().for_each(|word| call.bulk(word));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_700_000_000);
    const HISTORY: &str = "0123456789012345678901234567890123456789";

    /// Gives a replica what a primary says in pieces of a size; returns what it has answered and what was made of it.
    fn heard(said: &str, piece: usize, introduction: Introduction<'_>) -> (String, Vec<String>) {
        let (mut replica, mut out) = (Replica::new("there".into(), 1), vec![]);
        replica.connected(SessionId(1), NOW, &mut out);
        let (mut rest, mut news) = (vec![], vec![]);
        let mut snapshot = vec![];
        for piece in said.as_bytes().chunks(piece) {
            rest.extend_from_slice(piece);
            let mut at = 0;
            while let Some((read, heard)) = replica.hear(&rest[at..], introduction, NOW, &mut out) {
                at += read;
                match heard {
                    Heard::Word => {}
                    Heard::News(text) => news.push(text),
                    Heard::Refusal(text) => news.push(format!("refused: {text}")),
                    Heard::Begin => news.push("begin".into()),
                    Heard::Piece(piece) => snapshot.extend_from_slice(piece),
                    Heard::End => {
                        news.push(format!("{} to {}", snapshot.escape_ascii(), replica.follow(NOW).offset));
                        news.push(format!("then {}", rest[at..].escape_ascii()));
                        let calls = String::from_utf8(out).expect("text").replace("\r\n", " ");
                        return (calls, news);
                    }
                }
            }
            rest.drain(..at);
        }
        (String::from_utf8(out).expect("text").replace("\r\n", " "), news)
    }

    #[test]
    fn both_forms_of_a_snapshot_are_taken_in_pieces_of_any_size() {
        let greeting = format!("+PONG\r\n+OK\r\n-ERR unknown\r\n\n+FULLRESYNC {HISTORY} 42\r\n\n\n");
        let mark = "abcdefghij0123456789abcdefghijabcdefghij";
        for body in ["", "x", "abcdefghij", &"abcdefghij\r\n".repeat(30)] {
            let counted = format!("{greeting}${}\r\n{body}", body.len());
            let marked = format!("{greeting}$EOF:{mark}\r\n{body}{mark}");
            for (said, size) in [(&counted, 1), (&counted, 7), (&counted, 9999), (&marked, 1), (&marked, 39)]
            {
                let (calls, news) = heard(said, size, Introduction { port: 7, ..Introduction::default() });
                assert_eq!(
                    calls,
                    "*1 $4 PING *3 $8 REPLCONF $14 listening-port $1 7 \
                     *5 $8 REPLCONF $4 capa $3 eof $4 capa $6 psync2 *3 $5 PSYNC $1 ? $2 -1 "
                );
                assert_eq!(news[1], "(Non critical) Master says: -ERR unknown");
                let end = format!("{} to 42", body.as_bytes().escape_ascii());
                assert_eq!(news[3..], ["begin".to_string(), end, "then ".into()], "{size}");
            }
        }
    }

    #[test]
    fn a_primary_may_refuse() {
        let introduction = Introduction { user: "me", password: "secret", ..Introduction::default() };
        let refused = |said: &str| heard(said, 3, introduction).1.pop().unwrap_or_default();
        assert_eq!(refused("-DENIED no\r\n"), "refused: Error reply to PING from master: '-DENIED no'");
        let (calls, news) = heard("-NOAUTH first\r\n-WRONGPASS no\r\n", 100, introduction);
        assert!(calls.starts_with("*1 $4 PING *3 $4 AUTH $2 me $6 secret *3 $8 REPLCONF"), "{calls}");
        assert_eq!(news[1], "refused: Unable to AUTH to MASTER: -WRONGPASS no");
        let greeted = "+PONG\r\n+OK\r\n+OK\r\n+OK\r\n";
        for answer in ["+CONTINUE", "+FULLRESYNC x 1", &format!("+FULLRESYNC {HISTORY} -1"), "-ERR what"] {
            let expected = format!("refused: Unexpected reply to PSYNC from master: {answer}");
            assert_eq!(refused(&format!("{greeted}{answer}\r\n")), expected);
        }
        let place = format!("{greeted}+FULLRESYNC {HISTORY} 1\r\n");
        for length in ["$", "$-1", "$EOF:short", "hello"] {
            let expected = format!("refused: Bad protocol from MASTER: '{length}'");
            assert_eq!(refused(&format!("{place}{length}\r\n")), expected);
        }
    }

    #[test]
    fn transactions_are_passed_on_as_a_whole() {
        let mut replica = Replica::new("there".into(), 1);
        let mut passed = vec![];
        for (part, whole) in [("a", true), ("multi b", false), (" c", false), (" exec", true), ("d", true)] {
            replica.took(part.as_bytes(), whole, NOW, |bytes| {
                passed.push(String::from_utf8(bytes.to_vec()).expect("text"));
            });
        }
        assert_eq!(passed, ["a", "multi b c exec", "d"]);
        assert_eq!(replica.begun_bytes(), 0);
    }

    #[test]
    fn silence_ends_a_link_and_another_is_tried() {
        let mut replica = Replica::new("there".into(), 1);
        assert_eq!(replica.tick(NOW, 60), Due::Connect);
        assert_eq!((replica.tick(NOW, 60), replica.state()), (Due::Nothing, "connecting"));
        replica.connected(SessionId(1), NOW, &mut vec![]);
        assert_eq!(replica.tick(NOW.plus_seconds(59), 60), Due::Nothing);
        assert!(matches!(replica.tick(NOW.plus_seconds(60), 60), Due::GiveUp(_)));
        replica.follow(NOW);
        replica.disconnected(NOW.plus_seconds(60));
        assert_eq!(replica.down_seconds(NOW.plus_seconds(62)), Some(2));
        assert_eq!(replica.tick(NOW.plus_seconds(60), 60), Due::Nothing);
        assert_eq!(replica.tick(NOW.plus_seconds(61), 60), Due::Connect);
    }
}
