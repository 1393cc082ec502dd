//! The types of parameters: how each is read and shown.

use super::Style;
use crate::base::number;
use crate::base::time::Time;
use crate::engine::session::Peer;
use crate::engine::session::Session;
use crate::keyspace::Classes;

/// A type that a parameter can have.
pub trait Setting: Sized {
    /// Whether a line of a redis.conf may give several values. They are read with blanks between them.
    const MANY: bool = false;
    const STYLE: Style = Style::Plain;
    /// Reads a value; what is wrong with it otherwise, as CONFIG SET says it.
    fn parse(text: &str) -> Result<Self, String>;
    /// Reads a default.
    ///
    /// # Panics
    /// If it is no value.
    fn initial(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }
    /// Shows the value in a form that `parse` reads.
    fn render(&self) -> String;
    /// Takes a value that is read; one that says only a part of it leaves the rest as it was.
    fn change(&mut self, text: &str) -> Result<(), String> {
        *self = Self::parse(text)?;
        Ok(())
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err("argument must be 'yes' or 'no'".into()),
        }
    }

    fn render(&self) -> String {
        (if *self { "yes" } else { "no" }).into()
    }
}

impl Setting for String {
    const STYLE: Style = Style::Quoted;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn render(&self) -> String {
        self.clone()
    }
}

/// Words with blanks between them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Words(Vec<String>);

impl std::ops::Deref for Words {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl Setting for Words {
    const MANY: bool = true;
    const STYLE: Style = Style::Words;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.split_ascii_whitespace().map(String::from).collect()))
    }

    fn render(&self) -> String {
        self.0.join(" ")
    }
}

/// Numbers from 0 to 100.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Percentiles(Vec<f64>);

impl std::ops::Deref for Percentiles {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.0
    }
}

impl Setting for Percentiles {
    const MANY: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let mut all = vec![];
        for word in text.split_ascii_whitespace() {
            let percent = number::parse_float(word.as_bytes())
                .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()
                );
            }
            all.push(percent);
        }
        Ok(Self(all))
    }

    fn render(&self) -> String {
        let words = self.0.iter().map(|percent| show_percent(*percent));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Shows a percentile without zeros at its end.
pub fn show_percent(percent: f64) -> String {
    let mut text = Vec::new();
    number::push_fixed(&mut text, percent, 6);
    String::from_utf8_lossy(&text).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Permissions of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Octal<const MAX: u32>(u32);

impl<const MAX: u32> Octal<MAX> {
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<const MAX: u32> Setting for Octal<MAX> {
    fn parse(text: &str) -> Result<Self, String> {
        let n = u32::from_str_radix(text, 8).map_err(|_| "argument couldn't be parsed as an octal number")?;
        if n > MAX {
            return Err(format!("argument must be between 0 and {MAX:o} inclusive"));
        }
        Ok(Self(n))
    }

    fn render(&self) -> String {
        format!("{:o}", self.0)
    }
}

/// An integer between two bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranged<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Ranged<MIN, MAX> {
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Setting for Ranged<MIN, MAX> {
    fn parse(text: &str) -> Result<Self, String> {
        let n = number::parse_int(text.as_bytes()).ok_or("argument couldn't be parsed into an integer")?;
        if !(MIN..=MAX).contains(&n) {
            return Err(format!("argument must be between {MIN} and {MAX} inclusive"));
        }
        Ok(Self(n))
    }

    fn render(&self) -> String {
        self.0.to_string()
    }
}

/// A number of bytes, at least `MIN`: `64mb`, `1g`, `512`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory<const MIN: u64>(u64);

impl<const MIN: u64> Memory<MIN> {
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64> Setting for Memory<MIN> {
    const STYLE: Style = Style::Bytes;

    fn parse(text: &str) -> Result<Self, String> {
        let bytes = parse_memory(text).ok_or("argument must be a memory value")?;
        if !(MIN..=i64::MAX as u64).contains(&bytes) {
            return Err(format!("argument must be between {MIN} and {} inclusive", i64::MAX));
        }
        Ok(Self(bytes))
    }

    fn render(&self) -> String {
        self.0.to_string()
    }
}

/// A number of bytes, or per cent of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    n: u64,
    percent: bool,
}

impl Share {
    pub fn get(self) -> u64 {
        self.n
    }

    pub fn percent(self) -> bool {
        self.percent
    }
}

impl Setting for Share {
    const STYLE: Style = Style::Bytes;

    fn parse(text: &str) -> Result<Self, String> {
        const WRONG: &str = "argument must be a memory or percent value";
        let Some(percent) = text.strip_suffix('%') else {
            return Ok(Self { n: parse_memory(text).ok_or(WRONG)?, percent: false });
        };
        match number::parse_uint(percent.as_bytes()).ok_or(WRONG)? {
            n @ 0..=100 => Ok(Self { n, percent: true }),
            _ => Err("percentage argument must be less or equal to 100".into()),
        }
    }

    fn render(&self) -> String {
        format!("{}{}", self.n, if self.percent { "%" } else { "" })
    }
}

/// The host and the port of another server, if there is one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Address(Option<(String, u16)>);

impl Address {
    pub fn new(host: &str, port: u16) -> Self {
        Self(Some((host.to_owned(), port)))
    }

    pub fn get(&self) -> Option<(&str, u16)> {
        self.0.as_ref().map(|(host, port)| (host.as_str(), *port))
    }
}

impl Setting for Address {
    const MANY: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.eq_ignore_ascii_case("no one") {
            return Ok(Self(None));
        }
        let (host, port) = text.split_once(' ').ok_or("wrong number of arguments")?;
        let port = number::parse_uint(port.as_bytes()).and_then(|port| u16::try_from(port).ok());
        Ok(Self::new(host, port.ok_or("Invalid master port")?))
    }

    fn render(&self) -> String {
        self.get().map_or(String::new(), |(host, port)| format!("{host} {port}"))
    }
}

/// Reads a number of bytes with an optional unit: `k` is 1000, `kb` is 1024, and so on.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.as_bytes().split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    number::parse_uint(digits)?.checked_mul(factor)
}

/// Declares a parameter's type whose values are words.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$note:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $type { $($(#[$note])* $variant,)* }

        impl Setting for $type {
            fn parse(text: &str) -> Result<Self, String> {
                match text.to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("argument(s) must be one of the following: {}", [$($word),*].join(", "))),
                }
            }

            fn render(&self) -> String {
                match self { $(Self::$variant => $word,)* }.into()
            }
        }
    };
}

words! {
    /// When the log reaches the disk.
    AppendFsync {
        /// At most a second later.
        EverySecond = "everysec",
        /// Before the reply to a change is sent.
        Always = "always",
        /// Whenever the system or the page is idle.
        No = "no",
    }
}

words! {
    /// What is given up when memory is full.
    EvictionPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllKeysLru = "allkeys-lru",
        AllKeysLfu = "allkeys-lfu",
        AllKeysRandom = "allkeys-random",
        NoEviction = "noeviction",
    }
}

words! {
    /// How much a log line matters, the least first.
    LogLevel {
        Debug = "debug",
        Verbose = "verbose",
        Notice = "notice",
        Warning = "warning",
    }
}

words! {
    /// What new users may do with channels.
    NewUsersChannels {
        All = "allchannels",
        None = "resetchannels",
    }
}

impl NewUsersChannels {
    pub fn allows_all(self) -> bool {
        self == NewUsersChannels::All
    }
}

words! {
    /// Who may do something dangerous.
    Permission {
        No = "no",
        Yes = "yes",
        /// Clients of this machine.
        Local = "local",
    }
}

impl Permission {
    /// Returns whether this client may. One that its host vouches for always may.
    pub fn allows(self, peer: &Peer) -> bool {
        peer.trusted
            || match self {
                Permission::No => false,
                Permission::Yes => true,
                Permission::Local => peer.is_local(),
            }
    }
}

words! {
    /// Whether clients of TLS show a certificate of their own.
    AuthClients {
        No = "no",
        Yes = "yes",
        Optional = "optional",
    }
}

impl Setting for Classes {
    const STYLE: Style = Style::Quoted;

    fn parse(text: &str) -> Result<Self, String> {
        Classes::parse(text)
            .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_string())
    }

    fn render(&self) -> String {
        self.letters()
    }
}

/// What SHUTDOWN would be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShutdownOptions {
    pub save: bool,
    pub nosave: bool,
    pub now: bool,
    pub force: bool,
}

impl Setting for ShutdownOptions {
    const MANY: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for word in text.split(' ') {
            match word.to_ascii_lowercase().as_str() {
                "default" => {}
                "save" => options.save = true,
                "nosave" => options.nosave = true,
                "now" => options.now = true,
                "force" => options.force = true,
                _ => {
                    let words = "default, save, nosave, now, force";
                    return Err(format!("argument(s) must be one of the following: {words}"));
                }
            }
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        Ok(options)
    }

    fn render(&self) -> String {
        let all = [(self.save, "save"), (self.nosave, "nosave"), (self.now, "now"), (self.force, "force")];
        let set: Vec<&str> = all.into_iter().filter_map(|(set, word)| set.then_some(word)).collect();
        if set.is_empty() { "default".into() } else { set.join(" ") }
    }
}

/// A snapshot is due once so many changes were made and so many seconds have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavePoint {
    pub seconds: u64,
    pub changes: u64,
}

/// All save points; none for no automatic snapshots.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SavePoints(Vec<SavePoint>);

impl SavePoints {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = SavePoint> {
        self.0.iter().copied()
    }
}

impl Setting for SavePoints {
    const MANY: bool = true;
    const STYLE: Style = Style::Pairs;

    fn parse(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
        let numbers = numbers.filter(|n| n.len().is_multiple_of(2)).ok_or("Invalid save parameters")?;
        let points = numbers.chunks_exact(2).map(|pair| SavePoint { seconds: pair[0], changes: pair[1] });
        let points: Vec<_> = points.collect();
        if points.iter().any(|point| point.seconds < 1) {
            return Err("Invalid save parameters".into());
        }
        Ok(Self(points))
    }

    fn render(&self) -> String {
        let points: Vec<_> = self.0.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect();
        points.join(" ")
    }
}

/// How much output may wait for a client; 0 is any amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutputLimit {
    pub hard: u64,
    pub soft: u64,
    pub soft_seconds: u64,
}

impl OutputLimit {
    /// Returns whether `waiting` bytes are too many at `now`. Since when they are more than the soft limit is kept
    /// in `over_since`, between calls for one client.
    pub fn is_exceeded(self, waiting: u64, over_since: &mut Option<Time>, now: Time) -> bool {
        if self.hard > 0 && waiting >= self.hard {
            return true;
        }
        if self.soft == 0 || waiting < self.soft {
            *over_since = None;
            return false;
        }
        now > over_since.get_or_insert(now).plus_seconds(self.soft_seconds)
    }
}

/// The limits of each kind of client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientLimits {
    pub normal: OutputLimit,
    pub replica: OutputLimit,
    pub pubsub: OutputLimit,
}

impl ClientLimits {
    /// Returns the limit of a client's kind.
    pub fn of(&self, session: &Session) -> OutputLimit {
        if session.replica {
            self.replica
        } else if session.subscriptions.count() > 0 {
            self.pubsub
        } else {
            self.normal
        }
    }
}

impl Setting for ClientLimits {
    const MANY: bool = true;
    const STYLE: Style = Style::Classes;

    fn parse(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        limits.change(text)?;
        Ok(limits)
    }

    fn change(&mut self, text: &str) -> Result<(), String> {
        const WRONG: &str = "Wrong number of arguments in buffer limit configuration.";
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        if !words.len().is_multiple_of(4) {
            return Err(WRONG.into());
        }
        let mut limits = *self;
        for words in words.chunks_exact(4) {
            let limit = match words[0].to_ascii_lowercase().as_str() {
                "normal" => &mut limits.normal,
                "slave" | "replica" => &mut limits.replica,
                "pubsub" => &mut limits.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            let bad = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            *limit = OutputLimit {
                hard: parse_memory(words[1]).ok_or(bad)?,
                soft: parse_memory(words[2]).ok_or(bad)?,
                soft_seconds: words[3].parse().map_err(|_| bad)?,
            };
        }
        *self = limits;
        Ok(())
    }

    fn render(&self) -> String {
        let one = |name, limit: &OutputLimit| {
            format!("{name} {} {} {}", limit.hard, limit.soft, limit.soft_seconds)
        };
        [one("normal", &self.normal), one("slave", &self.replica), one("pubsub", &self.pubsub)].join(" ")
    }
}
