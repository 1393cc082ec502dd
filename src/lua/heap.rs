//! The garbage-collected heap: arenas of objects named by index, every byte counted before it is allocated.
//!
//! Collection is mark and sweep, in one go, and happens only between instructions, when everything alive can be
//! reached from the stacks; so code in Rust may hold handles freely while it runs.

use crate::base::bytes::Bytes;

use super::native::Native;
use super::proto::Proto;
use super::table::{Growth, Table};
use super::thread::{Thread, Upvalue};
use super::value::{ClosureId, NativeId, StrId, TableId, ThreadId, UpvalueId, Value};

/// Objects of one kind.
pub(super) struct Arena<T> {
    items: Vec<T>,
    marks: Vec<Mark>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Free,
    White,
    Black,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { items: vec![], marks: vec![], free: vec![] }
    }
}

impl<T: Default> Arena<T> {
    /// Bytes a place, with those of the lists that it may be in: the free ones, and while marking the gray ones.
    const PLACE: usize = size_of::<T>() + size_of::<Mark>() + size_of::<u32>() + size_of::<Gray>();

    /// Makes room for one more object.
    #[inline]
    fn make_room(&mut self, budget: &mut Budget) -> Result<(), OutOfMemory> {
        if !self.free.is_empty() || self.items.len() < self.items.capacity() {
            return Ok(());
        }
        self.grow(budget)
    }

    fn grow(&mut self, budget: &mut Budget) -> Result<(), OutOfMemory> {
        let more = (self.items.len() / 2).max(32);
        let old = self.items.capacity() * Self::PLACE;
        // An allocator may have to move the list: both the old one and the new one exist for a moment.
        budget.charge(old + more * Self::PLACE)?;
        self.items.reserve_exact(more);
        self.marks.reserve_exact(more);
        self.free.reserve_exact(self.items.capacity());
        budget.refund(old);
        Ok(())
    }

    fn insert(&mut self, item: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.items[at as usize] = item;
            self.marks[at as usize] = Mark::White;
            return at;
        }
        self.items.push(item);
        self.marks.push(Mark::White);
        (self.items.len() - 1) as u32
    }

    #[inline]
    pub(super) fn at(&self, at: u32) -> &T {
        &self.items[at as usize]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, at: u32) -> &mut T {
        &mut self.items[at as usize]
    }

    /// Marks an object; returns whether that was news.
    fn mark(&mut self, at: u32) -> bool {
        let mark = &mut self.marks[at as usize];
        let news = *mark == Mark::White;
        if news {
            *mark = Mark::Black;
        }
        news
    }

    fn is_white(&self, at: u32) -> bool {
        self.marks[at as usize] == Mark::White
    }

    /// Frees what is not marked, unmarks the rest.
    fn sweep(&mut self) {
        for (at, mark) in self.marks.iter_mut().enumerate() {
            match *mark {
                Mark::Black => *mark = Mark::White,
                Mark::White => {
                    *mark = Mark::Free;
                    self.items[at] = T::default();
                    self.free.push(at as u32);
                }
                Mark::Free => {}
            }
        }
        let used = self.marks.iter().rposition(|mark| *mark != Mark::Free).map_or(0, |last| last + 1);
        if used < self.items.len() / 2 {
            self.items.truncate(used);
            self.marks.truncate(used);
            self.free.retain(|at| (*at as usize) < used);
            self.items.shrink_to(used + used / 2);
            self.marks.shrink_to(self.items.capacity());
            self.free.shrink_to(self.items.capacity());
        }
    }

    /// Returns how many bytes the arena takes, with what its objects have allocated.
    fn bytes(&self, of: impl Fn(&T) -> usize) -> usize {
        let places = self.items.capacity() * Self::PLACE;
        places + self.items.iter().map(of).sum::<usize>()
    }
}

#[derive(Default)]
pub(super) struct Str {
    bytes: Bytes,
    /// Depends on the seed.
    hash: u32,
    /// [`StrId::hash`]
    table_hash: u32,
}

/// A function written in Lua, with the variables that it shares.
#[derive(Default)]
pub(super) struct Closure {
    pub proto: u32,
    pub upvalues: Box<[UpvalueId]>,
}

/// There is no room under the limit.
#[derive(Debug)]
pub struct OutOfMemory;

/// What can be overloaded: events of metatables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Index,
    NewIndex,
    Mode,
    Eq,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Unm,
    Len,
    Lt,
    Le,
    Concat,
    Call,
    ToString,
    Metatable,
}

/// The names of events, in the order of [`Event`].
const EVENT_NAMES: [&str; 18] = [
    "__index",
    "__newindex",
    "__mode",
    "__eq",
    "__add",
    "__sub",
    "__mul",
    "__div",
    "__mod",
    "__pow",
    "__unm",
    "__len",
    "__lt",
    "__le",
    "__concat",
    "__call",
    "__tostring",
    "__metatable",
];

/// What the limit says and what is used of it, in bytes.
struct Budget {
    limit: usize,
    used: usize,
    /// When to collect next.
    collect_at: usize,
}

impl Budget {
    /// Counts bytes that are about to be allocated.
    #[inline]
    fn charge(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        if bytes > self.limit.saturating_sub(self.used) {
            // Whatever comes next collects first.
            self.collect_at = 0;
            return Err(OutOfMemory);
        }
        self.used += bytes;
        Ok(())
    }

    /// Takes back what was counted.
    fn refund(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Twice what is alive, but never more than half of what is left.
    fn threshold(&self) -> usize {
        let room = self.limit.saturating_sub(self.used);
        self.used + self.used.max(256 << 10).min(room / 2)
    }
}

/// All objects of a [`Lua`](super::Lua).
pub struct Heap {
    strings: Arena<Str>,
    /// Open addressing: 1 more than the string's index, or 0.
    interned: Vec<u32>,
    string_count: usize,
    pub(super) tables: Arena<Table>,
    pub(super) closures: Arena<Closure>,
    pub(super) natives: Arena<Native>,
    pub(super) upvalues: Arena<Upvalue>,
    pub(super) threads: Arena<Thread>,
    /// Which prototypes the last collection has reached.
    pub(super) protos: Vec<bool>,
    budget: Budget,
    /// How much work may still be done before the script has to pause.
    pub(super) fuel: i64,
    seed: u64,
    pub(super) string_meta: Option<TableId>,
    events: [StrId; EVENT_NAMES.len()],
    /// Handles that stay alive until the end.
    pub(super) pinned: Vec<Value>,
}

/// The longest string whose hash for tables is computed byte by byte.
const TABLE_HASH_MAX: usize = 256;

/// About what the heap takes by itself, in bytes.
const FIXED: usize = 2048;

/// Work that is as much as one instruction, in bytes that are copied or looked at.
const BYTES_OF_WORK: usize = 32;

impl Heap {
    pub(super) fn new(limit: usize, seed: u64) -> Self {
        let mut heap = Self {
            strings: Arena::default(),
            interned: vec![0; 256],
            string_count: 0,
            tables: Arena::default(),
            closures: Arena::default(),
            natives: Arena::default(),
            upvalues: Arena::default(),
            threads: Arena::default(),
            protos: vec![],
            budget: Budget { limit, used: FIXED + 256 * size_of::<u32>(), collect_at: 0 },
            fuel: 0,
            seed,
            string_meta: None,
            events: [StrId { at: 0, hash: 0 }; EVENT_NAMES.len()],
            pinned: vec![],
        };
        heap.budget.collect_at = heap.budget.threshold();
        for (i, name) in EVENT_NAMES.iter().enumerate() {
            // A limit too small for these is one too small for everything: the names are then one string.
            let id = heap.intern(name.as_bytes()).unwrap_or(heap.events[0]);
            heap.events[i] = id;
            heap.pinned.push(Value::Str(id));
        }
        heap
    }

    /// Returns how many bytes are in use.
    pub fn used(&self) -> usize {
        self.budget.used
    }

    pub(super) fn limit(&mut self, bytes: usize) {
        if self.budget.limit != bytes {
            self.budget.limit = bytes;
            self.budget.collect_at = self.budget.collect_at.min(self.budget.threshold());
        }
    }

    /// Counts bytes that are about to be allocated.
    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        self.budget.charge(bytes)
    }

    /// Takes back what was counted.
    pub(super) fn refund(&mut self, bytes: usize) {
        self.budget.refund(bytes);
    }

    /// Counts work in proportion to bytes.
    #[inline]
    pub(super) fn work(&mut self, bytes: usize) {
        self.fuel -= (bytes / BYTES_OF_WORK) as i64;
    }

    #[inline]
    pub(super) fn wants_collection(&self) -> bool {
        self.budget.used >= self.budget.collect_at
    }

    /// Has the next instruction that may collect do so.
    pub(super) fn collect_soon(&mut self) {
        self.budget.collect_at = 0;
    }

    // Strings -----------------------------------------------------------------------------------------------------

    /// Returns the bytes of a string.
    #[inline]
    pub fn str(&self, id: StrId) -> &[u8] {
        &self.strings.at(id.at).bytes
    }

    /// Returns the string of these bytes, made if there is none yet.
    #[inline]
    pub fn intern(&mut self, bytes: &[u8]) -> Result<StrId, OutOfMemory> {
        let hash = hash(bytes, self.seed);
        match self.lookup(bytes, hash) {
            Some(id) => Ok(id),
            None => {
                self.charge_string(bytes.len())?;
                Ok(self.add_string(Bytes::from(bytes), hash))
            }
        }
    }

    /// Does the same with bytes that need not be copied.
    pub fn intern_vec(&mut self, bytes: Vec<u8>) -> Result<StrId, OutOfMemory> {
        let hash = hash(&bytes, self.seed);
        match self.lookup(&bytes, hash) {
            Some(id) => Ok(id),
            None => {
                self.charge_string(bytes.len())?;
                Ok(self.add_string(Bytes::from(bytes), hash))
            }
        }
    }

    /// Returns a string as a value.
    pub fn string(&mut self, bytes: &[u8]) -> Result<Value, OutOfMemory> {
        Ok(Value::Str(self.intern(bytes)?))
    }

    #[inline]
    fn lookup(&mut self, bytes: &[u8], hash: u32) -> Option<StrId> {
        self.work(bytes.len());
        let mask = self.interned.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let index = self.interned[at].checked_sub(1)?;
            let string = self.strings.at(index);
            if string.hash == hash && *string.bytes == *bytes {
                return Some(StrId { at: index, hash: string.table_hash });
            }
            at = (at + 1) & mask;
        }
    }

    fn charge_string(&mut self, len: usize) -> Result<(), OutOfMemory> {
        self.charge(heap_bytes_of(len))?;
        self.strings.make_room(&mut self.budget)?;
        if (self.string_count + 1) * 4 > self.interned.len() * 3 {
            let old = size_of_val(&*self.interned);
            self.charge(2 * old)?;
            self.rebuild_interned(2 * self.interned.len());
            self.refund(old);
        }
        Ok(())
    }

    fn add_string(&mut self, bytes: Bytes, hash: u32) -> StrId {
        let table_hash = table_hash(&bytes, hash);
        let at = self.strings.insert(Str { bytes, hash, table_hash });
        self.string_count += 1;
        self.place_interned(at, hash);
        StrId { at, hash: table_hash }
    }

    fn place_interned(&mut self, index: u32, hash: u32) {
        let mask = self.interned.len() - 1;
        let mut at = hash as usize & mask;
        while self.interned[at] != 0 {
            at = (at + 1) & mask;
        }
        self.interned[at] = index + 1;
    }

    fn rebuild_interned(&mut self, len: usize) {
        self.interned = vec![0; len];
        self.string_count = 0;
        for index in 0..self.strings.items.len() as u32 {
            if self.strings.marks[index as usize] != Mark::Free {
                let hash = self.strings.at(index).hash;
                self.place_interned(index, hash);
                self.string_count += 1;
            }
        }
    }

    // Tables ------------------------------------------------------------------------------------------------------

    #[inline]
    pub fn table(&self, id: TableId) -> &Table {
        self.tables.at(id.0)
    }

    #[inline]
    pub(super) fn table_mut(&mut self, id: TableId) -> &mut Table {
        self.tables.at_mut(id.0)
    }

    /// Makes a table with room for so many keys in its two parts.
    pub fn new_table(&mut self, array: usize, hash: usize) -> Result<TableId, OutOfMemory> {
        self.tables.make_room(&mut self.budget)?;
        let id = TableId(self.tables.insert(Table::default()));
        if array + hash > 0 {
            self.resize(id, &Table::presize(array, hash))?;
        }
        Ok(id)
    }

    /// Sets a key without asking metatables. The key is neither nil nor NaN.
    #[inline]
    pub fn set(&mut self, id: TableId, key: Value, value: Value) -> Result<(), OutOfMemory> {
        let table = self.tables.at_mut(id.0);
        if let Some(place) = table.place(key) {
            *place = value;
            table.absent = 0;
            return Ok(());
        }
        self.add_key(id, key, value)
    }

    /// Sets the key that a text names.
    pub fn set_name(&mut self, id: TableId, name: &str, value: Value) -> Result<(), OutOfMemory> {
        let key = self.string(name.as_bytes())?;
        self.set(id, key, value)
    }

    /// Sets an integer key.
    pub fn set_int(&mut self, id: TableId, key: usize, value: Value) -> Result<(), OutOfMemory> {
        self.set(id, Value::Number(key as f64), value)
    }

    /// Adds a key, even for nil: as in the reference implementation, that may resize the parts.
    fn add_key(&mut self, id: TableId, key: Value, value: Value) -> Result<(), OutOfMemory> {
        let table = self.tables.at_mut(id.0);
        table.absent = 0;
        if table.add(key, value) {
            return Ok(());
        }
        let growth = table.growth(key);
        self.fuel -= table.len_of_parts() as i64;
        self.resize(id, &growth)?;
        self.tables.at_mut(id.0).put(key, value);
        Ok(())
    }

    fn resize(&mut self, id: TableId, growth: &Growth) -> Result<(), OutOfMemory> {
        // Both the old parts and the new ones exist for a moment.
        self.charge(Table::bytes_of(growth))?;
        let table = self.tables.at_mut(id.0);
        let old = table.heap_bytes();
        table.resize(growth);
        self.refund(old);
        Ok(())
    }

    /// Makes room for so many values in the array part.
    pub(super) fn reserve_array(&mut self, id: TableId, len: usize) -> Result<(), OutOfMemory> {
        let growth = self.table(id).with_array(len);
        self.resize(id, &growth)
    }

    // Functions and coroutines ------------------------------------------------------------------------------------

    pub(super) fn new_closure(
        &mut self,
        proto: u32,
        upvalues: Box<[UpvalueId]>,
    ) -> Result<ClosureId, OutOfMemory> {
        self.charge(allocated(size_of_val(&*upvalues)))?;
        self.closures.make_room(&mut self.budget)?;
        Ok(ClosureId(self.closures.insert(Closure { proto, upvalues })))
    }

    pub(super) fn new_native(&mut self, native: Native) -> Result<NativeId, OutOfMemory> {
        self.charge(allocated(size_of_val(&*native.upvalues)))?;
        self.natives.make_room(&mut self.budget)?;
        Ok(NativeId(self.natives.insert(native)))
    }

    pub(super) fn new_upvalue(&mut self, upvalue: Upvalue) -> Result<UpvalueId, OutOfMemory> {
        self.upvalues.make_room(&mut self.budget)?;
        Ok(UpvalueId(self.upvalues.insert(upvalue)))
    }

    pub(super) fn new_thread(&mut self, thread: Thread) -> Result<ThreadId, OutOfMemory> {
        self.charge(thread.heap_bytes())?;
        self.threads.make_room(&mut self.budget)?;
        Ok(ThreadId(self.threads.insert(thread)))
    }

    // Metatables --------------------------------------------------------------------------------------------------

    pub(super) fn metatable(&self, value: Value) -> Option<TableId> {
        match value {
            Value::Table(id) => self.table(id).meta,
            Value::Str(_) => self.string_meta,
            _ => None,
        }
    }

    /// Returns what a metatable has for an event; nil if nothing.
    #[inline]
    pub(super) fn handler(&mut self, meta: TableId, event: Event) -> Value {
        let (bit, name) = (1 << event as u32, self.events[event as usize]);
        let table = self.tables.at_mut(meta.0);
        if table.absent & bit != 0 {
            return Value::Nil;
        }
        let handler = table.get(Value::Str(name));
        if handler.is_nil() {
            table.absent |= bit;
        }
        handler
    }

    /// Returns what a value's metatable has for an event; nil if nothing.
    pub(super) fn handler_of(&mut self, value: Value, event: Event) -> Value {
        self.metatable(value).map_or(Value::Nil, |meta| self.handler(meta, event))
    }

    // Collection --------------------------------------------------------------------------------------------------

    /// Frees everything that cannot be reached from `roots`, the running thread and what is pinned. Afterwards
    /// `self.protos` tells which prototypes are in use.
    pub(super) fn collect(&mut self, protos: &[Proto], running: &mut Thread, roots: &[Value]) {
        self.protos.clear();
        self.protos.resize(protos.len(), false);
        let mut marker = Marker { heap: self, all: protos, gray: vec![], weak: vec![], removed: vec![] };
        for i in 0..marker.heap.pinned.len() {
            marker.value(marker.heap.pinned[i]);
        }
        roots.iter().for_each(|value| marker.value(*value));
        if let Some(meta) = marker.heap.string_meta {
            marker.value(Value::Table(meta));
        }
        marker.thread(running);
        marker.run();
        let (weak, mut removed) = (std::mem::take(&mut marker.weak), std::mem::take(&mut marker.removed));
        self.clear_weak(&weak);
        removed.extend(weak.iter().map(|(id, ..)| *id));
        self.bury(&removed);
        self.sweep();
        // Counted anew: what a function in Rust had counted when it failed is gone.
        self.budget.used = self.live_bytes(protos) + running.heap_bytes();
        self.budget.collect_at = self.budget.threshold();
    }

    fn live_bytes(&self, protos: &[Proto]) -> usize {
        let used =
            protos.iter().zip(&self.protos).filter(|(_, used)| **used).map(|(proto, _)| proto.heap_bytes());
        FIXED
            + self.interned.len() * size_of::<u32>()
            + self.strings.bytes(|string| heap_bytes_of(string.bytes.len()))
            + self.tables.bytes(Table::heap_bytes)
            + self.closures.bytes(|closure| allocated(size_of_val(&*closure.upvalues)))
            + self.natives.bytes(|native| allocated(size_of_val(&*native.upvalues)))
            + self.upvalues.bytes(|_| 0)
            + self.threads.bytes(Thread::heap_bytes)
            + used.sum::<usize>()
    }

    fn clear_weak(&mut self, weak: &[(TableId, bool, bool)]) {
        for &(id, keys, values) in weak {
            let mut table = std::mem::take(self.tables.at_mut(id.0));
            table.clear_where(|key, value| keys && self.is_dead(key) || values && self.is_dead(value));
            *self.tables.at_mut(id.0) = table;
        }
    }

    /// Forgets the keys of removed entries of tables that are about to be freed.
    fn bury(&mut self, tables: &[TableId]) {
        for id in tables {
            let mut table = std::mem::take(self.tables.at_mut(id.0));
            table.bury(|key| match key {
                Value::Str(id) => self.strings.is_white(id.at),
                key => self.is_dead(key),
            });
            *self.tables.at_mut(id.0) = table;
        }
    }

    fn is_dead(&self, value: Value) -> bool {
        match value {
            Value::Table(id) => self.tables.is_white(id.0),
            Value::Closure(id) => self.closures.is_white(id.0),
            Value::Native(id) => self.natives.is_white(id.0),
            Value::Thread(id) => self.threads.is_white(id.0),
            _ => false,
        }
    }

    fn sweep(&mut self) {
        self.strings.sweep();
        self.tables.sweep();
        self.closures.sweep();
        self.natives.sweep();
        self.upvalues.sweep();
        self.threads.sweep();
        let strings = self.strings.items.len() - self.strings.free.len();
        let len = (strings * 2).next_power_of_two().clamp(256, self.interned.len());
        self.rebuild_interned(len);
    }
}

/// Finds what is alive.
struct Marker<'a> {
    heap: &'a mut Heap,
    all: &'a [Proto],
    gray: Vec<Gray>,
    /// Tables with weak keys, weak values.
    weak: Vec<(TableId, bool, bool)>,
    /// Tables with removed entries.
    removed: Vec<TableId>,
}

enum Gray {
    Table(TableId),
    Closure(ClosureId),
    Native(NativeId),
    Upvalue(UpvalueId),
    Thread(ThreadId),
    Proto(u32),
}

impl Marker<'_> {
    fn value(&mut self, value: Value) {
        match value {
            Value::Str(id) => {
                self.heap.strings.mark(id.at);
            }
            Value::Table(id) if self.heap.tables.mark(id.0) => self.gray.push(Gray::Table(id)),
            Value::Closure(id) if self.heap.closures.mark(id.0) => self.gray.push(Gray::Closure(id)),
            Value::Native(id) if self.heap.natives.mark(id.0) => self.gray.push(Gray::Native(id)),
            Value::Thread(id) if self.heap.threads.mark(id.0) => self.gray.push(Gray::Thread(id)),
            _ => {}
        }
    }

    fn run(&mut self) {
        while let Some(gray) = self.gray.pop() {
            match gray {
                Gray::Table(id) => self.table(id),
                Gray::Closure(id) => {
                    let closure = std::mem::take(self.heap.closures.at_mut(id.0));
                    closure.upvalues.iter().for_each(|id| self.upvalue(*id));
                    self.proto(closure.proto);
                    *self.heap.closures.at_mut(id.0) = closure;
                }
                Gray::Native(id) => {
                    for i in 0..self.heap.natives.at(id.0).upvalues.len() {
                        self.value(self.heap.natives.at(id.0).upvalues[i]);
                    }
                }
                Gray::Upvalue(id) => match *self.heap.upvalues.at(id.0) {
                    Upvalue::Closed(value) => self.value(value),
                    Upvalue::Open(thread, _) => self.value(Value::Thread(thread)),
                },
                Gray::Thread(id) => {
                    let mut thread = std::mem::take(self.heap.threads.at_mut(id.0));
                    self.thread(&mut thread);
                    *self.heap.threads.at_mut(id.0) = thread;
                }
                Gray::Proto(proto) => {
                    let proto = &self.all[proto as usize];
                    proto.strings().for_each(|id| self.value(Value::Str(id)));
                    proto.consts.iter().for_each(|value| self.value(*value));
                    proto.children.iter().for_each(|child| self.proto(*child));
                }
            }
        }
    }

    fn table(&mut self, id: TableId) {
        let table = std::mem::take(self.heap.tables.at_mut(id.0));
        let (mut weak_keys, mut weak_values) = (false, false);
        if let Some(meta) = table.meta {
            self.value(Value::Table(meta));
            if meta != id
                && let Value::Str(mode) = self.heap.handler(meta, Event::Mode)
            {
                weak_keys = self.heap.str(mode).contains(&b'k');
                weak_values = self.heap.str(mode).contains(&b'v');
            }
        }
        for (key, value) in table.entries() {
            for (part, weak) in [(key, weak_keys), (value, weak_values)] {
                if !weak || matches!(part, Value::Str(_)) {
                    self.value(part);
                }
            }
        }
        if table.has_removed() {
            self.removed.push(id);
        }
        if weak_keys || weak_values {
            self.weak.push((id, weak_keys, weak_values));
        }
        *self.heap.tables.at_mut(id.0) = table;
    }

    fn upvalue(&mut self, id: UpvalueId) {
        if self.heap.upvalues.mark(id.0) {
            self.gray.push(Gray::Upvalue(id));
        }
    }

    fn proto(&mut self, proto: u32) {
        if let Some(mark) = self.heap.protos.get_mut(proto as usize)
            && !std::mem::replace(mark, true)
        {
            self.gray.push(Gray::Proto(proto));
        }
    }

    fn thread(&mut self, thread: &mut Thread) {
        // What lies above is left over from calls that have returned.
        let top = thread.live_top(self.all).min(thread.stack.len());
        thread.stack[top..].fill(Value::Nil);
        thread.stack[..top].iter().for_each(|value| self.value(*value));
        for frame in &thread.frames {
            if let Some(closure) = frame.closure() {
                self.value(Value::Closure(closure));
            }
        }
        thread.open.iter().for_each(|open| self.upvalue(open.upvalue));
        if let Some(parent) = thread.parent {
            self.value(Value::Thread(parent));
        }
    }
}

/// Returns how many bytes a string of a length allocates besides its place in the arena.
fn heap_bytes_of(len: usize) -> usize {
    if len > 22 { allocated(len) } else { 0 }
}

/// Returns about how many bytes an allocation of a size takes.
pub(super) fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
}

/// Returns a string's hash for tables: the reference implementation's, as long as no one has waited for it.
fn table_hash(bytes: &[u8], seeded: u32) -> u32 {
    if bytes.len() > TABLE_HASH_MAX {
        return seeded;
    }
    bytes.iter().rev().fold(bytes.len() as u32, |hash, byte| {
        hash ^ (hash << 5).wrapping_add(hash >> 2).wrapping_add(u32::from(*byte))
    })
}

/// Returns a hash that cannot be guessed without the seed.
#[inline]
fn hash(bytes: &[u8], seed: u64) -> u32 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let keys = [seed ^ 0x9e37_79b9_7f4a_7c15, seed.rotate_left(32) ^ 0xd1b5_4a32_d192_ed03];
    let mut state = keys[0] ^ bytes.len() as u64;
    let mut pairs = bytes.chunks_exact(16);
    for pair in &mut pairs {
        state = fold(word(&pair[..8]) ^ keys[1], word(&pair[8..]) ^ state);
    }
    let rest = pairs.remainder();
    let (first, second) = rest.split_at(rest.len().min(8));
    state = fold(word(first) ^ keys[1], word(second) ^ state);
    fold(state ^ keys[0], keys[1] | 1) as u32
}
