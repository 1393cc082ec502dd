//! The engine with its sessions, as JavaScript's thread drives it.

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::Function;
use wasm_bindgen::JsValue;

use super::happening;
use super::indexeddb::Watch;
use super::opening;
use super::scratch::{Cells, Input};
use super::transfer::Transfer;
use crate::base::time::Time;
use crate::engine::request::Reload;
use crate::engine::{Absorbed, Answer, Config, Peer, Request, RequestId};
use crate::resp::{Args, Error, Protocol, Reply, SessionId};
use crate::store::keeper::{Keeper, News};
use crate::store::{Purpose, Store};

/// Bytes of a reply whose memory is not kept for the next ones.
const LARGE: usize = 1 << 20;

/// Something that happened to a session that did not call. JavaScript knows the numbers, in pkg-template/src/scratch.ts.
#[derive(Clone, Copy)]
enum Kind {
    /// There is output for it: replies, or messages.
    Output = 1,
    /// It is to be disconnected.
    Close = 2,
    /// It can be given the rest of its input again.
    Resume = 3,
    /// The whole engine is to be closed.
    Shutdown = 4,
}

/// What JavaScript gave to be called.
pub struct Outside {
    /// Returns milliseconds since 1970.
    pub clock: Function,
    /// Is told of what happens between calls.
    pub happened: Function,
}

/// Who waits until the changes so far are on the disk: the two ends of a promise.
pub struct Waiter {
    pub resolve: Function,
    pub reject: Function,
}

/// An engine and what goes between it and JavaScript.
pub struct Local {
    store: Store,
    /// What stores the changes, unless they stay in memory.
    pub keeper: Option<Keeper<Waiter>>,
    /// Notices when the browser takes the database away.
    pub watch: Option<Watch>,
    /// Who waits until the database is closed.
    pub when_closed: Vec<Function>,
    /// How much of the log the keeper knows of.
    log_seen: usize,
    outside: Outside,
    sessions: Sessions,
    pub cells: Cells,
    pub input: Input,
    /// The replies to the last call.
    reply: Vec<u8>,
    happened: VecDeque<(Kind, u32, Vec<u8>)>,
    /// What the last thing taken from `happened` said, for as long as JavaScript reads it.
    shown: Vec<u8>,
    transfer: Transfer,
}

impl Local {
    /// Makes an empty engine, or says what is wrong with the parameters: names, each followed by its value.
    pub fn new(parameters: &[String], outside: Outside, seed: u128) -> Result<Self, String> {
        let mut config = Config::default();
        for pair in parameters.chunks_exact(2) {
            let (name, value) = (&pair[0], &pair[1]);
            let parameter =
                Config::parameter(name).ok_or_else(|| format!("there is no parameter '{name}'"))?;
            parameter.set(&mut config, value).map_err(|error| format!("{name}: {error}"))?;
        }
        let mut store = Store::new(config, seed);
        let host = &mut store.engine_mut().shared_mut().host;
        host.gauge = Some(super::panic::allocated);
        host.startup_memory = super::panic::allocated();
        Ok(Self {
            store,
            keeper: None,
            watch: None,
            when_closed: Vec::new(),
            log_seen: 0,
            outside,
            sessions: Sessions::default(),
            cells: Cells::default(),
            input: Input::default(),
            reply: Vec::new(),
            happened: VecDeque::new(),
            shown: Vec::new(),
            transfer: Transfer::default(),
        })
    }

    pub fn connect(&mut self, resp3: bool, now: Time) -> u32 {
        let peer = Peer { address: "local:0".into(), trusted: resp3, ..Peer::default() };
        let id = self.store.connect(peer, now);
        if resp3 && let Some(client) = self.store.engine_mut().shared_mut().clients.get_mut(id) {
            client.session.protocol = Protocol::Resp3;
        }
        self.sessions.add(id)
    }

    pub fn disconnect(&mut self, session: u32, now: Time) {
        if let Some(id) = self.sessions.remove(session) {
            self.store.disconnect(id, now);
        }
        self.happened.retain(|(_, of, _)| *of != session);
    }

    /// Runs the call at the start of the input; returns the length of its reply. A script is interrupted only if whoever
    /// calls can wait.
    #[inline(always)]
    pub fn call(&mut self, session: u32, can_wait: bool, now: Time) -> u32 {
        self.begin();
        let id = self.sessions.id(session);
        if self.run(id, 0, can_wait, now).is_none() {
            self.refuse("ERR malformed call");
        } else if self.reply.is_empty() {
            // Silent: it waits, or its client wants no replies.
            let moved =
                self.store.engine_mut().detach(id, now).map_or(0, |waiting| self.sessions.add(waiting));
            self.cells.set(Cells::SESSION, moved);
        }
        self.finish(now)
    }

    /// Runs calls one behind the other; returns the length of their replies.
    pub fn batch(&mut self, session: u32, count: u32, now: Time) -> u32 {
        self.begin();
        let id = self.sessions.id(session);
        let mut word = 0;
        for _ in 0..count {
            match self.run(id, word, false, now) {
                Some(next) => word = next,
                None => self.refuse("ERR malformed call"),
            }
            if let Some(waiting) = self.store.engine_mut().detach(id, now) {
                self.store.disconnect(waiting, now);
                self.refuse("ERR this call would have to wait, which a pipeline can't");
            }
        }
        self.finish(now)
    }

    /// Runs the whole commands in the input; returns the length of the replies.
    pub fn receive(&mut self, session: u32, len: u32, now: Time) -> u32 {
        self.begin();
        let id = self.sessions.id(session);
        let input = self.input.bytes();
        let taken = self.store.receive(id, &input[..input.len().min(len as usize)], now);
        self.collect(id);
        self.cells.set(Cells::TAKEN, taken as u32);
        self.finish(now)
    }

    /// Takes the next thing that happened; returns its kind, or zero.
    pub fn next(&mut self) -> u32 {
        let Some((kind, session, output)) = self.happened.pop_front() else { return 0 };
        self.shown = output;
        self.cells.point(&self.shown);
        self.cells.set(Cells::SESSION, session);
        kind as u32
    }

    pub fn tick(&mut self, now: Time) {
        self.reply.clear();
        self.store.tick(now);
        self.collect(SessionId::default());
        self.finish(now);
        if let Some(keeper) = &mut self.keeper {
            keeper.wake();
        }
    }

    /// Sets the moment of an export; returns false if another snapshot is being written just now.
    pub fn begin_export(&mut self, now: Time) -> bool {
        self.store.begin_export(now)
    }

    /// Points the cells to the next piece of the export; returns whether there is more.
    pub fn step_export(&mut self) -> Result<bool, &'static str> {
        let (piece, more) = self.transfer.export(&mut self.store)?;
        self.cells.point(piece);
        Ok(more)
    }

    /// Points the cells to an export of this moment.
    pub fn export_now(&mut self, now: Time) {
        self.cells.point(self.transfer.export_now(&mut self.store, now));
    }

    /// Gives back the memory of what was exported last.
    pub fn free_export(&mut self) {
        self.transfer.free_export();
    }

    /// Ends the export, and does what has waited for that.
    pub fn end_export(&mut self, now: Time) {
        self.transfer.free_export();
        self.store.end_export();
        self.tick(now);
    }

    pub fn begin_import(&mut self) -> bool {
        let shared = self.store.engine().shared();
        self.transfer.begin_import(&shared.config, shared.hash_key)
    }

    /// Takes in the first `len` bytes of the input; returns how many keys were imported so far.
    pub fn feed_import(&mut self, len: u32, now: Time) -> Result<usize, String> {
        let input = self.input.bytes();
        self.transfer.import(&input[..input.len().min(len as usize)], now)
    }

    /// Joins what was imported with what there is. It is stored as a snapshot, which everything logged from now on waits
    /// for.
    pub fn end_import(&mut self, replace: bool, now: Time) -> Result<Absorbed, String> {
        let absorbed = self.transfer.end_import(&mut self.store, replace, now)?;
        if let Some(keeper) = self.keeper.as_mut().filter(|_| absorbed.keys > 0) {
            keeper.go_on_from_snapshot(&mut self.store, now);
        }
        self.tick(now);
        Ok(absorbed)
    }

    pub fn drop_import(&mut self) {
        self.transfer.drop_import();
    }

    pub fn next_deadline(&self) -> Option<Time> {
        let storage = self.keeper.as_ref().and_then(|keeper| keeper.deadline(&self.store));
        [self.store.next_deadline(), storage].into_iter().flatten().min()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Returns what time it is, outside of a call.
    pub fn now(&self) -> Time {
        let ms = self.outside.clock.call0(&JsValue::NULL).ok().and_then(|ms| ms.as_f64());
        super::time(ms.unwrap_or_else(js_sys::Date::now))
    }

    /// Lets the keeper do something outside of a call; nothing if there is none.
    pub fn with_keeper<R>(
        &mut self,
        work: impl FnOnce(&mut Keeper<Waiter>, &mut Store, Time) -> R,
    ) -> Option<R> {
        let now = self.now();
        let result = work(self.keeper.as_mut()?, &mut self.store, now);
        self.log_seen = self.store.log().len();
        Some(result)
    }

    /// Tells JavaScript what the keeper has to say, and that there may be output.
    pub fn tell_news(local: &RefCell<Self>) {
        let happened = local.borrow().outside.happened.clone();
        let tell = |kind: &str, message: &str| happening::tell(&happened, kind, message);
        let news = local.borrow_mut().keeper.as_mut().map(|keeper| std::mem::take(&mut keeper.news));
        for news in news.unwrap_or_default() {
            match news {
                News::Settle(waiter, None) => drop(waiter.resolve.call0(&JsValue::NULL)),
                News::Settle(waiter, Some(why)) => {
                    drop(waiter.reject.call1(&JsValue::NULL, &opening::error(&why)));
                }
                News::Failing(why) => tell("failing", &why),
                News::Working => tell("working", ""),
                News::Grown => tell("grown", ""),
                News::Lost(why) => tell("lost", &why.describe()),
            }
        }
        let mut this = local.borrow_mut();
        this.reply.clear();
        this.collect(SessionId::default());
        let now = this.now();
        this.finish(now);
        drop(this);
        tell("output", "");
    }

    /// Tells who waits for it that the database is closed, and what could not be stored.
    pub fn tell_closed(local: &RefCell<Self>) {
        let mut this = local.borrow_mut();
        let Some(keeper) = this.keeper.take() else { return };
        this.watch = None;
        let left_over = keeper.left_over(&this.store).map_or(JsValue::UNDEFINED, |why| why.into());
        let when_closed = std::mem::take(&mut this.when_closed);
        drop(this);
        for settle in when_closed {
            let _ = settle.call1(&JsValue::NULL, &left_over);
        }
    }

    /// Makes room for replies. What a large one took is given back.
    #[inline(always)]
    fn begin(&mut self) {
        self.reply.clear();
        if self.reply.capacity() > LARGE {
            self.reply = Vec::new();
        }
    }

    /// Runs the call that begins at a word of the input; returns where the next one begins.
    fn run(&mut self, id: SessionId, word: usize, can_wait: bool, now: Time) -> Option<usize> {
        let (bytes, spans, next) = self.input.call(word)?;
        self.store.engine_mut().shared_mut().uninterrupted = !can_wait;
        self.store.execute(id, Args::new(bytes, spans), now);
        self.store.engine_mut().shared_mut().uninterrupted = false;
        self.collect(id);
        Some(next)
    }

    /// Takes everybody's output: the caller's is the reply, the others' has happened to them.
    fn collect(&mut self, caller: SessionId) {
        let (reply, happened, sessions) = (&mut self.reply, &mut self.happened, &self.sessions);
        self.store.outbox(|id, out| {
            if id != caller {
                happened.push_back((Kind::Output, sessions.handle(id), std::mem::take(out)));
            } else if reply.is_empty() {
                // The engine goes on with the memory of the last reply.
                let filled = std::mem::replace(out, std::mem::take(reply));
                // What is replaced owns nothing, and dropping it would take a call.
                std::mem::forget(std::mem::replace(reply, filled));
            } else {
                reply.append(out);
            }
        });
    }

    /// Does what the engine asks for, and fills the cells; returns the length of the reply.
    fn finish(&mut self, now: Time) -> u32 {
        while let Some((id, request)) = self.store.request() {
            self.carry_out(id, request, now);
        }
        let mut attention = if self.happened.is_empty() { 0 } else { Cells::HAPPENED };
        if let Some(keeper) = &mut self.keeper
            && self.store.log().len() > self.log_seen
        {
            attention |= if keeper.logged(&mut self.store, now) { Cells::UNSTORED } else { 0 };
            self.log_seen = self.store.log().len();
        }
        self.cells.set(Cells::ATTENTION, attention);
        self.cells.point(&self.reply)
    }

    fn carry_out(&mut self, id: RequestId, request: Request, now: Time) {
        match request {
            Request::Save => self.snapshot(Purpose::Dump, now),
            Request::Rewrite => self.snapshot(Purpose::Base, now),
            Request::Reload(how) => {
                let result = self.store.reload(how, now);
                self.reloaded(id, result, now);
            }
            // What is kept in memory only has no log, and a snapshot says the same.
            Request::ReloadLog if self.keeper.is_none() => {
                let result = self.store.reload(Reload::default(), now);
                self.reloaded(id, result, now);
            }
            Request::ReloadLog => self.reloaded(id, Err("there is no log to load from".into()), now),
            Request::Close(session) => self.happen(Kind::Close, session),
            Request::Resume(session) => self.happen(Kind::Resume, session),
            Request::Shutdown { .. } => self.happened.push_back((Kind::Shutdown, 0, Vec::new())),
            Request::Configured(changed) => {
                changed.iter().for_each(|changed| self.configured(changed.name, now));
            }
            Request::Sleep { until } => {
                sleep(until.micros_since(now));
                self.store.answer(id, Answer::Done, until);
                self.collect(SessionId::default());
            }
            // A page has nobody who reads a log; its own code can't send what is warned of.
            Request::LoadUsers | Request::SaveUsers | Request::RewriteConfig { .. } => {
                let text = "ERR There are no files here".to_string();
                self.store.answer(id, Answer::Failed(text), now);
            }
            Request::Send(_) => {
                let text = "ERR There are no sockets here".to_string();
                self.store.answer(id, Answer::Failed(text), now);
            }
            // Here the log goes to the disk by itself.
            Request::Sync => self.store.answer(id, Answer::Said(Vec::new()), now),
            // A log goes on from every snapshot here.
            Request::Warn(_) | Request::Note(_) | Request::GiveUpSave => {}
            Request::Connect { .. } => self.store.link_failed(id, "There are no sockets here", now),
            Request::Replaced => self.snapshot(Purpose::Base, now),
        }
    }

    fn snapshot(&mut self, purpose: Purpose, now: Time) {
        match &mut self.keeper {
            Some(keeper) => keeper.want_snapshot(purpose, &mut self.store, now),
            None => self.store.snapshot_done(Err("this database is kept in memory only".into()), now),
        }
        self.collect(SessionId::default());
    }

    fn configured(&mut self, parameter: &str, now: Time) {
        let Some(keeper) = &mut self.keeper else { return };
        let logging = self.store.engine().shared().config.appendonly;
        match parameter {
            "appendonly" => keeper.set_logging(logging, &mut self.store, now),
            "appendfsync" => keeper.wake(),
            _ => {}
        }
    }

    fn reloaded(&mut self, id: RequestId, result: Result<(), String>, now: Time) {
        let answer = result.map_or_else(|why| Answer::Failed(format!("ERR {why}")), |()| Answer::Done);
        self.store.answer(id, answer, now);
        self.collect(SessionId::default());
    }

    fn happen(&mut self, kind: Kind, session: SessionId) {
        self.happened.push_back((kind, self.sessions.handle(session), Vec::new()));
    }

    fn refuse(&mut self, text: &'static str) {
        Reply::new(&mut self.reply, Protocol::Resp3).error(&Error::Text(text));
    }
}

/// Holds the thread for so many microseconds, as DEBUG SLEEP does: a page has no other way to stand still.
fn sleep(us: u64) {
    let until = js_sys::Date::now() + us as f64 / 1e3;
    while js_sys::Date::now() < until {}
}

/// Sessions under small numbers that are used again: JavaScript handles those fastest. Zero is nobody.
struct Sessions {
    ids: Vec<SessionId>,
    free: Vec<u32>,
    /// By id.
    handles: Vec<(SessionId, u32)>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { ids: vec![SessionId::default()], free: Vec::new(), handles: Vec::new() }
    }
}

impl Sessions {
    fn add(&mut self, id: SessionId) -> u32 {
        let handle = self.free.pop().unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() as u32 - 1
        });
        self.ids[handle as usize] = id;
        let place = self.handles.partition_point(|(other, _)| *other < id);
        self.handles.insert(place, (id, handle));
        handle
    }

    fn remove(&mut self, handle: u32) -> Option<SessionId> {
        let id = self.id(handle);
        self.handles.remove(self.place(id)?);
        self.ids[handle as usize] = SessionId::default();
        self.free.push(handle);
        Some(id)
    }

    /// Returns the engine's name of a session; one that nobody has if there is no such session.
    fn id(&self, handle: u32) -> SessionId {
        self.ids.get(handle as usize).copied().unwrap_or_default()
    }

    fn handle(&self, id: SessionId) -> u32 {
        self.place(id).map_or(0, |place| self.handles[place].1)
    }

    fn place(&self, id: SessionId) -> Option<usize> {
        self.handles.binary_search_by_key(&id, |(id, _)| *id).ok()
    }
}
