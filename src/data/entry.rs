//! One key and what it holds, in one allocation that one pointer owns.
//!
//! ```text
//!  0  u32   meta: kind (2 bits), DEADLINE, RAW (a bit each), four bits free, access clock (24 bits)
//!  4  u32   length of the key
//!  8  u64   deadline, microseconds since 1970; only with DEADLINE
//!     …     key
//!     payload, by kind:
//!       Int      u16 room │ i64
//!       Inline   u16 room │ u16 length │ bytes │ spare
//!       Heap     padding to 8 │ Vec<u8>
//!       Object   padding to 8 │ Object
//! ```
//!
//! The room is what follows it in the allocation, so a short string becomes an integer and comes back in place. A
//! look-up compares the key in the cache line of the header, and finds a short value there or in the next one.
//!
//! Bytes a key of 16 bytes, with all that the table adds, at 0.7 to 2.0 million of them (`examples/layout.rs`):
//!
//! | holding              | native    | wasm      | redis-server 7.0 |
//! |----------------------|-----------|-----------|------------------|
//! | an integer           | 61–62     | 50        | 88–92            |
//! | 64 bytes             | 125–126   | 107       | 168–172          |
//! | 64 bytes, a deadline | 125–126   | 115       | 209–216          |

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::borrow::Cow;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::slice;

use crate::base::number::{format_int, parse_int};
use crate::base::time::Time;
use crate::data::meta::{Kind, Meta};
use crate::data::object::Object;
use crate::data::table::{Keyed, Owned};

/// A key, its value, when it expires and when it was used.
pub struct Entry {
    /// Owns `self.layout()` bytes as drawn above. All but the spare ones are initialized.
    block: NonNull<u8>,
}

// The slot of an entry is a pointer, and so is that of an entry that may be absent.
const _: () = assert!(size_of::<Option<Entry>>() == size_of::<usize>());

/// A value to be stored.
pub enum NewValue<'a> {
    Int(i64),
    /// Stored as an integer if it spells one.
    Bytes(&'a [u8]),
    /// Stored as it is, though it may spell an integer: what INCRBYFLOAT leaves.
    Plain(&'a [u8]),
    /// Stored as it is, and `raw` to OBJECT ENCODING however short: what APPEND and SETBIT leave.
    Raw(&'a [u8]),
    /// As `Raw`, but a long string keeps its buffer.
    Vec(Vec<u8>),
    Object(Object),
}

/// A value to be read.
pub enum ValueRef<'a> {
    Str(Str<'a>),
    Object(&'a Object),
}

/// A value to be changed in place.
pub enum ValueMut<'a> {
    Str(StrMut<'a>),
    Object(&'a mut Object),
}

impl Entry {
    /// Makes an entry: one allocation, and another one for the bytes of a long string.
    ///
    /// # Panics
    /// If the key is of 4 GiB or more.
    pub fn new(key: &[u8], value: NewValue<'_>, deadline: Option<Time>, clock: u32) -> Self {
        let (form, raw) = Form::of(value);
        Self::with_form(key, form, deadline, Meta::default().with_clock(clock).with_raw(raw))
    }

    /// Returns the key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: the key is there, initialized by `blank`.
        unsafe { slice::from_raw_parts(self.at(key_at(self.head().meta)), self.head().key_len as usize) }
    }

    /// Gives the entry another key.
    pub fn rename(&mut self, key: &[u8]) {
        self.rebuild(Some(key), self.deadline(), self.need());
    }

    /// Returns when the entry expires.
    #[inline]
    pub fn deadline(&self) -> Option<Time> {
        // SAFETY: the flag says that a deadline is there.
        self.head().meta.has(Meta::DEADLINE).then(|| Time(unsafe { self.read(DEADLINE_AT) }))
    }

    /// Sets when the entry expires. For one in a table this is a matter of
    /// [`Occupied::update`](crate::data::table::Occupied::update).
    pub fn set_deadline(&mut self, deadline: Option<Time>) {
        match (self.deadline(), deadline) {
            (None, None) => {}
            // SAFETY: the flag says that there is place for a deadline.
            (Some(_), Some(Time(micros))) => unsafe { self.write(DEADLINE_AT, micros) },
            (None, Some(_)) | (Some(_), None) => {
                if !self.shift(deadline) {
                    self.rebuild(None, deadline, self.need());
                }
            }
        }
    }

    /// Returns the access clock: 24 bits that only the eviction policy understands.
    pub fn clock(&self) -> u32 {
        self.head().meta.clock()
    }

    /// Sets the access clock to the lower 24 bits of a number.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        self.set_meta(self.head().meta.with_clock(clock));
    }

    /// Returns the value.
    #[inline]
    pub fn value(&self) -> ValueRef<'_> {
        match self.payload() {
            Payload::Int(n) => ValueRef::Str(Str::Int(n)),
            Payload::Inline(bytes) => ValueRef::Str(Str::Bytes(bytes)),
            Payload::Heap(bytes) => ValueRef::Str(Str::Bytes(bytes)),
            Payload::Object(object) => ValueRef::Object(object),
        }
    }

    /// Returns the value, to change it.
    #[inline]
    pub fn value_mut(&mut self) -> ValueMut<'_> {
        if self.head().meta.kind() != Kind::Object {
            return ValueMut::Str(StrMut { entry: self });
        }
        match self.payload_mut() {
            PayloadMut::Object(object) => ValueMut::Object(object),
            _ => unreachable!("the kind is Object"),
        }
    }

    /// Replaces the value; key, deadline and clock stay. Allocates only if the new one does not fit in place of the
    /// old one, or would waste it.
    pub fn set_value(&mut self, value: NewValue<'_>) {
        let (form, raw) = Form::of(value);
        self.set_form(form, raw);
    }

    /// Returns what OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self.value() {
            ValueRef::Str(Str::Int(_)) => "int",
            ValueRef::Str(Str::Bytes(bytes)) if bytes.len() <= 44 && !self.head().meta.has(Meta::RAW) => {
                "embstr"
            }
            ValueRef::Str(Str::Bytes(_)) => "raw",
            ValueRef::Object(object) => object.encoding(),
        }
    }

    /// Returns how many bytes the entry and its value have asked the allocator for.
    pub fn heap_bytes(&self) -> usize {
        let beside = match self.payload() {
            Payload::Int(_) | Payload::Inline(_) => 0,
            Payload::Heap(bytes) => bytes.capacity(),
            Payload::Object(object) => object.heap_bytes(),
        };
        self.layout().size() + beside
    }

    /// Returns how many bytes a clone takes of its own while nothing has changed.
    pub fn cloned_bytes(&self) -> usize {
        match self.payload() {
            Payload::Object(object) => self.layout().size() + object.cloned_bytes(),
            Payload::Int(_) | Payload::Inline(_) | Payload::Heap(_) => self.heap_bytes(),
        }
    }
}

impl Keyed for Entry {
    type Held = Owned<Self>;

    #[inline]
    fn key(&self) -> &[u8] {
        self.key()
    }

    #[inline]
    fn deadline(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        let form = match self.payload() {
            Payload::Int(n) => Form::Int(n),
            Payload::Inline(bytes) => Form::Short(Cow::Borrowed(bytes)),
            Payload::Heap(bytes) => Form::Long(Cow::Borrowed(bytes)),
            Payload::Object(object) => Form::Object(object.clone()),
        };
        Self::with_form(self.key(), form, self.deadline(), self.head().meta)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let layout = self.layout();
        // SAFETY: what the payload owns is dropped once, here, and the block was allocated with this layout.
        unsafe {
            match self.payload_mut() {
                PayloadMut::Int | PayloadMut::Inline(_) => {}
                PayloadMut::Heap(bytes) => ptr::drop_in_place(bytes),
                PayloadMut::Object(object) => ptr::drop_in_place(object),
            }
            dealloc(self.block.as_ptr(), layout);
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key().escape_ascii();
        match self.value() {
            ValueRef::Str(Str::Int(n)) => write!(f, "{key}: {n}"),
            ValueRef::Str(Str::Bytes(bytes)) => write!(f, "{key}: \"{}\"", bytes.escape_ascii()),
            ValueRef::Object(object) => write!(f, "{key}: a {}", object.kind_name()),
        }
    }
}

/// A string to be read: bytes, or an integer that stands for its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Str<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Str<'a> {
    /// Returns the length in bytes.
    pub fn len(self) -> usize {
        match self {
            Str::Int(n) => format_int(n).len(),
            Str::Bytes(bytes) => bytes.len(),
        }
    }

    /// Tells whether there are no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes, an integer's spelled into `buffer`.
    pub fn as_bytes(self, buffer: &'a mut [u8; 20]) -> &'a [u8] {
        match self {
            Str::Int(n) => {
                let digits = format_int(n);
                buffer[..digits.len()].copy_from_slice(&digits);
                &buffer[..digits.len()]
            }
            Str::Bytes(bytes) => bytes,
        }
    }

    /// Copies the bytes.
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            Str::Int(n) => format_int(n).to_vec(),
            Str::Bytes(bytes) => bytes.to_vec(),
        }
    }

    /// Returns the integer that the bytes spell in the one form that it is printed in.
    #[inline]
    pub fn to_int(self) -> Option<i64> {
        match self {
            Str::Int(n) => Some(n),
            Str::Bytes(bytes) => parse_int(bytes),
        }
    }
}

/// A string to be changed in place. Whatever changes its bytes leaves it `raw`.
pub struct StrMut<'a> {
    entry: &'a mut Entry,
}

impl<'a> StrMut<'a> {
    /// Returns the string as it is.
    pub fn get(&self) -> Str<'_> {
        match self.entry.value() {
            ValueRef::Str(str) => str,
            ValueRef::Object(_) => unreachable!("value_mut saw a string"),
        }
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.get().len()
    }

    /// Tells whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Replaces the string by an integer.
    pub fn set_int(&mut self, n: i64) {
        self.entry.set_value(NewValue::Int(n));
    }

    /// Replaces the string by bytes, which are kept as they are.
    pub fn set_vec(&mut self, bytes: Vec<u8>) {
        self.entry.set_value(NewValue::Vec(bytes));
    }

    /// Drops the bytes from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.make_raw();
        if let PayloadMut::Heap(bytes) = self.entry.payload_mut() {
            bytes.truncate(len);
        } else {
            self.entry.shorten(len);
        }
    }

    /// Adds bytes at the end, in constant time a byte over many calls; returns the new length.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let len = self.len() + bytes.len();
        self.reserve(len);
        match self.entry.payload_mut() {
            PayloadMut::Heap(all) => all.extend_from_slice(bytes),
            _ => self.entry.lengthen(bytes.len()).copy_from_slice(bytes),
        }
        len
    }

    /// Writes bytes over those at `offset`, after zeros if the string is shorter; returns the new length.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> usize {
        let all = self.bytes_mut(offset + bytes.len());
        all[offset..offset + bytes.len()].copy_from_slice(bytes);
        all.len()
    }

    /// Returns the bytes, to change them, with zeros at the end up to a length of `at_least`.
    pub fn bytes_mut(&mut self, at_least: usize) -> &mut [u8] {
        let more = at_least.saturating_sub(self.len());
        self.reserve(at_least);
        match self.entry.payload_mut() {
            PayloadMut::Heap(bytes) => bytes.resize(bytes.len() + more, 0),
            _ => _ = self.entry.lengthen(more),
        }
        match self.entry.payload_mut() {
            PayloadMut::Inline(bytes) => bytes,
            PayloadMut::Heap(bytes) => bytes,
            PayloadMut::Int | PayloadMut::Object(_) => unreachable!("it is raw"),
        }
    }

    /// Makes the string `raw`: bytes, even if they spell an integer.
    pub fn make_raw(&mut self) {
        match self.get() {
            Str::Int(n) => self.entry.set_value(NewValue::Raw(&format_int(n))),
            Str::Bytes(_) => self.entry.set_meta(self.entry.head().meta.with_raw(true)),
        }
    }

    /// Makes the string `raw`, with room for `len` bytes and, if that takes an allocation, as many to come.
    fn reserve(&mut self, len: usize) {
        self.make_raw();
        let entry = &mut *self.entry;
        let room = entry.room();
        match entry.payload_mut() {
            PayloadMut::Inline(_) if 2 + len <= room => {}
            PayloadMut::Inline(_) if len <= INLINE_MAX => {
                entry.rebuild(None, entry.deadline(), 2 + generous(len).min(INLINE_MAX));
            }
            PayloadMut::Inline(bytes) => {
                // What begins as a long string may well stay as long as it is.
                let mut long = Vec::with_capacity(if bytes.is_empty() { len } else { generous(len) });
                long.extend_from_slice(bytes);
                entry.set_form(Form::Long(Cow::Owned(long)), true);
            }
            PayloadMut::Heap(bytes) if bytes.capacity() < len => {
                bytes.reserve_exact(generous(len) - bytes.len())
            }
            PayloadMut::Heap(_) => {}
            PayloadMut::Int | PayloadMut::Object(_) => unreachable!("it is raw"),
        }
    }
}

/// The longest string kept in the entry's own allocation.
///
/// A block of its own would cost 32 bytes more and a cache miss. For longer ones that matters little, and beyond 1 KiB
/// glibc no longer hands out blocks from its fastest lists.
const INLINE_MAX: usize = 512;

/// Where the deadline is.
const DEADLINE_AT: usize = 8;

/// What every block is aligned to.
const ALIGN: usize = 8;
const _: () = assert!(align_of::<Vec<u8>>() <= ALIGN && align_of::<Object>() <= ALIGN);

/// What every block begins with.
#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    meta: Meta,
    key_len: u32,
}

/// A value sorted by how it will be kept.
enum Form<'a> {
    Int(i64),
    /// At most `INLINE_MAX` bytes.
    Short(Cow<'a, [u8]>),
    Long(Cow<'a, [u8]>),
    Object(Object),
}

impl<'a> Form<'a> {
    /// Sorts a value; also tells whether it is `raw`.
    fn of(value: NewValue<'a>) -> (Self, bool) {
        match value {
            NewValue::Int(n) => (Form::Int(n), false),
            NewValue::Bytes(bytes) => match parse_int(bytes) {
                Some(n) => (Form::Int(n), false),
                None => (Self::of_bytes(Cow::Borrowed(bytes)), false),
            },
            NewValue::Plain(bytes) => (Self::of_bytes(Cow::Borrowed(bytes)), false),
            NewValue::Raw(bytes) => (Self::of_bytes(Cow::Borrowed(bytes)), true),
            NewValue::Vec(bytes) => (Self::of_bytes(Cow::Owned(bytes)), true),
            NewValue::Object(object) => (Form::Object(object), false),
        }
    }

    fn of_bytes(bytes: Cow<'a, [u8]>) -> Self {
        if bytes.len() <= INLINE_MAX { Form::Short(bytes) } else { Form::Long(bytes) }
    }

    fn kind(&self) -> Kind {
        match self {
            Form::Int(_) => Kind::Int,
            Form::Short(_) => Kind::Inline,
            Form::Long(_) => Kind::Heap,
            Form::Object(_) => Kind::Object,
        }
    }

    /// Returns how much room the payload needs.
    fn need(&self) -> usize {
        match self {
            Form::Int(_) => 8,
            Form::Short(bytes) => 2 + bytes.len(),
            Form::Long(_) | Form::Object(_) => 0,
        }
    }
}

/// What is in the block behind the key.
enum Payload<'a> {
    Int(i64),
    Inline(&'a [u8]),
    Heap(&'a Vec<u8>),
    Object(&'a Object),
}

enum PayloadMut<'a> {
    Int,
    Inline(&'a mut [u8]),
    Heap(&'a mut Vec<u8>),
    Object(&'a mut Object),
}

/// The block. Only here are its bytes touched.
impl Entry {
    fn with_form(key: &[u8], form: Form<'_>, deadline: Option<Time>, meta: Meta) -> Self {
        let mut entry = Self::blank(key, meta.with_kind(form.kind()), deadline, form.need());
        // SAFETY: the block was made for this kind and need, and its payload owns nothing yet.
        unsafe { entry.write_payload(form) };
        ManuallyDrop::into_inner(entry)
    }

    /// Replaces the value by one that may be `raw`.
    fn set_form(&mut self, form: Form<'_>, raw: bool) {
        let meta = self.head().meta.with_raw(raw).with_kind(form.kind());
        let room = self.room();
        match (self.payload_mut(), form) {
            (PayloadMut::Int | PayloadMut::Inline(_), form @ (Form::Int(_) | Form::Short(_)))
                if form.need() <= room && !wasteful(room, form.need()) =>
            {
                self.set_meta(meta);
                // SAFETY: it fits, and what it overwrites owns nothing.
                unsafe { self.write_payload(form) };
            }
            (PayloadMut::Heap(old), Form::Long(Cow::Borrowed(new)))
                if new.len() <= old.capacity() && !wasteful(old.capacity(), new.len()) =>
            {
                old.clear();
                old.extend_from_slice(new);
                self.set_meta(meta);
            }
            (_, form) => *self = Self::with_form(self.key(), form, self.deadline(), meta),
        }
    }

    /// Allocates a block for a payload of `meta`'s kind that needs so much room, and writes all of it but that.
    ///
    /// Until the payload is written, the entry must neither be dropped nor have its payload read.
    fn blank(key: &[u8], meta: Meta, deadline: Option<Time>, need: usize) -> ManuallyDrop<Self> {
        let key_len = u32::try_from(key.len()).expect("a key is shorter than 4 GiB");
        let meta = meta.with_deadline(deadline.is_some());
        let key_at = key_at(meta);
        let layout = layout(meta.kind(), key_at + key.len(), need);
        // SAFETY: no layout is empty.
        let Some(block) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let mut entry = ManuallyDrop::new(Self { block });
        // SAFETY: the layout has place for all of these.
        unsafe {
            entry.write(0, Head { meta, key_len });
            if let Some(Time(micros)) = deadline {
                entry.write(DEADLINE_AT, micros);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), entry.at(key_at), key.len());
            if matches!(meta.kind(), Kind::Int | Kind::Inline) {
                entry.set_room(layout.size() - (key_at + key.len()) - 2);
            }
        }
        entry
    }

    /// Moves the entry to a new block, with another key if one is given, and with so much room.
    fn rebuild(&mut self, key: Option<&[u8]>, deadline: Option<Time>, need: usize) {
        let meta = self.head().meta;
        let new = Self::blank(key.unwrap_or(self.key()), meta, deadline, need);
        let (from, to, len) = match meta.kind() {
            Kind::Int | Kind::Inline => (self.payload_at() + 2, new.payload_at() + 2, self.need()),
            Kind::Heap => (self.aligned_at(), new.aligned_at(), size_of::<Vec<u8>>()),
            Kind::Object => (self.aligned_at(), new.aligned_at(), size_of::<Object>()),
        };
        // SAFETY: `new` is for the same kind and at least the room in use. What the payload owns moves with its
        // bytes, so the old block is freed without dropping it.
        unsafe {
            ptr::copy_nonoverlapping(self.at(from), new.at(to), len);
            dealloc(self.block.as_ptr(), self.layout());
        }
        self.block = new.block;
    }

    /// Makes place for a deadline, or closes it, within the block; returns false if that can't be.
    fn shift(&mut self, deadline: Option<Time>) -> bool {
        let Head { meta, key_len } = self.head();
        let fits = deadline.is_none() || self.need() + 8 <= self.room();
        if !matches!(meta.kind(), Kind::Int | Kind::Inline) || !fits {
            return false;
        }
        let (room, in_use) = (self.room(), key_len as usize + 2 + self.need());
        let (from, meta) = (key_at(meta), meta.with_deadline(deadline.is_some()));
        // SAFETY: key and payload take `in_use` bytes. What moves up by 8 has that much room to spare.
        unsafe {
            ptr::copy(self.at(from), self.at(key_at(meta)), in_use);
            self.set_meta(meta);
            if let Some(Time(micros)) = deadline {
                self.write(DEADLINE_AT, micros);
            }
            self.set_room(if deadline.is_some() { room - 8 } else { room + 8 });
        }
        true
    }

    /// Makes an inline string longer by so many bytes, for which there is room; returns them, zeros.
    fn lengthen(&mut self, by: usize) -> &mut [u8] {
        let PayloadMut::Inline(bytes) = self.payload_mut() else { unreachable!("it is inline") };
        let old = bytes.len();
        assert!(2 + old + by <= self.room(), "room was reserved");
        let at = self.payload_at() + 2;
        // SAFETY: as asserted, the bytes are within the room.
        unsafe {
            self.at(at + 2 + old).write_bytes(0, by);
            self.write(at, (old + by) as u16);
            slice::from_raw_parts_mut(self.at(at + 2 + old), by)
        }
    }

    /// Makes an inline string shorter, unless it is at most that long.
    fn shorten(&mut self, to: usize) {
        let PayloadMut::Inline(bytes) = self.payload_mut() else { unreachable!("it is inline") };
        let len = bytes.len().min(to);
        let at = self.payload_at() + 2;
        // SAFETY: an inline string has its length there, and the bytes that are left are initialized.
        unsafe { self.write(at, len as u16) };
    }

    /// Writes a payload of the entry's kind, for which there is room, without dropping an old one.
    ///
    /// # Safety
    /// The block must have been made for such a payload.
    unsafe fn write_payload(&mut self, form: Form<'_>) {
        let at = self.payload_at() + 2;
        // SAFETY: the caller's promise.
        unsafe {
            match form {
                Form::Int(n) => self.write(at, n),
                Form::Short(bytes) => {
                    self.write(at, bytes.len() as u16);
                    ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(at + 2), bytes.len());
                }
                Form::Long(bytes) => self.write(self.aligned_at(), bytes.into_owned()),
                Form::Object(object) => self.write(self.aligned_at(), object),
            }
        }
    }

    #[inline]
    fn payload(&self) -> Payload<'_> {
        let at = self.payload_at();
        // SAFETY: the kind says what was written there; `aligned_at` is aligned because the block is.
        unsafe {
            match self.head().meta.kind() {
                Kind::Int => Payload::Int(self.read(at + 2)),
                Kind::Inline => {
                    let len = usize::from(self.read::<u16>(at + 2));
                    Payload::Inline(slice::from_raw_parts(self.at(at + 4), len))
                }
                Kind::Heap => Payload::Heap(&*self.at(self.aligned_at()).cast()),
                Kind::Object => Payload::Object(&*self.at(self.aligned_at()).cast()),
            }
        }
    }

    #[inline]
    fn payload_mut(&mut self) -> PayloadMut<'_> {
        let at = self.payload_at();
        // SAFETY: as in `payload`; the entry is borrowed for as long as the payload.
        unsafe {
            match self.head().meta.kind() {
                Kind::Int => PayloadMut::Int,
                Kind::Inline => {
                    let len = usize::from(self.read::<u16>(at + 2));
                    PayloadMut::Inline(slice::from_raw_parts_mut(self.at(at + 4), len))
                }
                Kind::Heap => PayloadMut::Heap(&mut *self.at(self.aligned_at()).cast()),
                Kind::Object => PayloadMut::Object(&mut *self.at(self.aligned_at()).cast()),
            }
        }
    }

    #[inline]
    fn head(&self) -> Head {
        // SAFETY: every block begins with one.
        unsafe { self.read(0) }
    }

    fn set_meta(&mut self, meta: Meta) {
        // SAFETY: every block begins with one.
        unsafe { self.write(0, meta) }
    }

    fn payload_at(&self) -> usize {
        key_at(self.head().meta) + self.head().key_len as usize
    }

    fn aligned_at(&self) -> usize {
        self.payload_at().next_multiple_of(ALIGN)
    }

    /// Returns how much of the room is in use.
    fn need(&self) -> usize {
        match self.payload() {
            Payload::Int(_) => 8,
            Payload::Inline(bytes) => 2 + bytes.len(),
            Payload::Heap(_) | Payload::Object(_) => 0,
        }
    }

    /// Returns how many bytes an integer or an inline string and its length can take; 0 for other kinds.
    fn room(&self) -> usize {
        match self.head().meta.kind() {
            // SAFETY: these kinds have the room there.
            Kind::Int | Kind::Inline => usize::from(unsafe { self.read::<u16>(self.payload_at()) }),
            Kind::Heap | Kind::Object => 0,
        }
    }

    /// # Safety
    /// The kind must be Int or Inline, and the room what is left of the block.
    unsafe fn set_room(&mut self, room: usize) {
        let room = u16::try_from(room).expect("INLINE_MAX is far below");
        // SAFETY: the caller's promise.
        unsafe { self.write(self.payload_at(), room) }
    }

    fn layout(&self) -> Layout {
        layout(self.head().meta.kind(), self.payload_at(), self.room())
    }

    fn at(&self, offset: usize) -> *mut u8 {
        // SAFETY: all offsets here are computed from the lengths that the block was made for.
        unsafe { self.block.as_ptr().add(offset) }
    }

    /// # Safety
    /// A `T` must have been written there. If it owns something, it must not be read again.
    unsafe fn read<T>(&self, offset: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.at(offset).cast::<T>().read_unaligned() }
    }

    /// # Safety
    /// There must be place for a `T`.
    unsafe fn write<T>(&mut self, offset: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { self.at(offset).cast::<T>().write_unaligned(value) }
    }
}

fn key_at(meta: Meta) -> usize {
    if meta.has(Meta::DEADLINE) { DEADLINE_AT + 8 } else { DEADLINE_AT }
}

/// Returns the layout of a block whose payload begins at an offset, with so much room if it is Int or Inline.
///
/// Asked for the room that is needed, it is the layout to allocate; for the room there is then, the same again.
fn layout(kind: Kind, payload_at: usize, room: usize) -> Layout {
    let aligned_at = payload_at.next_multiple_of(ALIGN);
    let size = match kind {
        Kind::Int | Kind::Inline => usable(payload_at + 2 + room),
        Kind::Heap => aligned_at + size_of::<Vec<u8>>(),
        Kind::Object => aligned_at + size_of::<Object>(),
    };
    Layout::from_size_align(size, ALIGN).expect("a block is smaller than the address space")
}

/// Returns how much an allocator gives anyway when asked for so many bytes.
///
/// Those of glibc and of wasm builds keep one word before every block and place blocks at steps of two words.
const fn usable(size: usize) -> usize {
    const WORD: usize = size_of::<usize>();
    (size + WORD).next_multiple_of(2 * WORD) - WORD
}

/// Tells whether so much space is too much for so little in it.
fn wasteful(space: usize, in_use: usize) -> bool {
    space > 2 * in_use + 64
}

/// Returns the space to make for a string that has grown to `len`: it may well go on growing.
fn generous(len: usize) -> usize {
    if len < 1 << 20 { 2 * len } else { len + len / 4 }
}

// The tests must also pass under valgrind, run on the binary that `cargo test --lib --no-run` names:
// valgrind --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=1 BINARY data::entry
#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use crate::data::list::List;

    /// What an entry should be, kept naively.
    enum Model {
        Str { bytes: Vec<u8>, raw: bool, int: bool },
        Object,
    }

    fn spelled(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            ValueRef::Str(str) => str.to_vec(),
            ValueRef::Object(_) => panic!("an object has no bytes"),
        }
    }

    fn str_mut(entry: &mut Entry) -> StrMut<'_> {
        match entry.value_mut() {
            ValueMut::Str(str) => str,
            ValueMut::Object(_) => panic!("an object has no bytes"),
        }
    }

    fn bytes(random: &mut Random) -> Vec<u8> {
        let longest = [3, 30, 100, INLINE_MAX as u64 + 3, 3_000][random.below(5) as usize];
        let mut bytes = vec![0; random.below(longest) as usize];
        random.fill(&mut bytes);
        bytes
    }

    /// Hands one of the ways to store a value to `store`, and returns what it should be then.
    fn draw(random: &mut Random, store: impl FnOnce(NewValue<'_>)) -> Model {
        let n = random.next() as i64 >> random.below(64);
        let text = if random.below(2) == 0 { n.to_string().into_bytes() } else { bytes(random) };
        let spells_int = parse_int(&text).is_some();
        let choice = random.below(6);
        store(match choice {
            0 => NewValue::Object(Object::List(Box::new(List::new()))),
            1 => NewValue::Int(n),
            2 => NewValue::Bytes(&text),
            3 => NewValue::Plain(&text),
            4 => NewValue::Raw(&text),
            _ => NewValue::Vec(text.clone()),
        });
        match choice {
            0 => Model::Object,
            1 => Model::Str { bytes: n.to_string().into_bytes(), raw: false, int: true },
            2 => Model::Str { bytes: text, raw: false, int: spells_int },
            3 => Model::Str { bytes: text, raw: false, int: false },
            _ => Model::Str { bytes: text, raw: true, int: false },
        }
    }

    fn check(entry: &Entry, key: &[u8], model: &Model, deadline: Option<Time>, clock: u32) {
        assert_eq!((entry.key(), entry.deadline(), entry.clock()), (key, deadline, clock));
        match model {
            Model::Object => assert_eq!(entry.encoding(), "quicklist"),
            Model::Str { bytes, raw, int } => {
                assert_eq!(&spelled(entry), bytes);
                let encoding = if *int {
                    "int"
                } else if bytes.len() <= 44 && !raw {
                    "embstr"
                } else {
                    "raw"
                };
                assert_eq!(entry.encoding(), encoding);
            }
        }
        assert_eq!(
            entry.layout().size() % ALIGN,
            if size_of::<usize>() == 8 { 0 } else { entry.layout().size() % 8 }
        );
    }

    #[test]
    fn every_representation_turns_into_every_other() {
        let mut random = Random::new(9);
        for _ in 0..300 {
            let mut key = bytes(&mut random);
            let mut deadline = (random.below(2) == 0).then(|| Time(random.next()));
            let mut clock = random.below(1 << 24) as u32;
            let mut entry = Entry::new(&key, NewValue::Int(0), deadline, clock);
            let mut model = draw(&mut random, |value| entry = Entry::new(&key, value, deadline, clock));
            for _ in 0..60 {
                check(&entry, &key, &model, deadline, clock);
                match random.below(6) {
                    0 => {
                        deadline = (random.below(2) == 0).then(|| Time(random.next()));
                        entry.set_deadline(deadline);
                    }
                    1 => {
                        clock = random.below(1 << 24) as u32;
                        entry.set_clock(clock);
                    }
                    2 => {
                        key = bytes(&mut random);
                        entry.rename(&key);
                    }
                    3 => entry = entry.clone(),
                    4 => model = draw(&mut random, |value| entry.set_value(value)),
                    _ => {
                        if let Model::Str { bytes, raw, int } = &mut model {
                            change(&mut random, str_mut(&mut entry), bytes);
                            (*raw, *int) = (true, false);
                        }
                    }
                }
            }
        }
    }

    /// Changes a string in one of the ways there are, and the model likewise.
    fn change(random: &mut Random, mut str: StrMut<'_>, model: &mut Vec<u8>) {
        let more = bytes(random);
        match random.below(6) {
            0 => {
                model.extend_from_slice(&more);
                assert_eq!(str.append(&more), model.len());
            }
            1 => {
                let offset = random.below(700) as usize;
                model.resize(model.len().max(offset + more.len()), 0);
                model[offset..offset + more.len()].copy_from_slice(&more);
                assert_eq!(str.write_at(offset, &more), model.len());
            }
            2 => {
                model.resize(model.len().max(more.len()), 0);
                let all = str.bytes_mut(more.len());
                all.iter_mut().zip(&more).for_each(|(byte, other)| *byte ^= other);
                model.iter_mut().zip(&more).for_each(|(byte, other)| *byte ^= other);
            }
            3 => {
                model.truncate(more.len());
                str.truncate(more.len());
            }
            4 => {
                model.clone_from(&more);
                str.set_vec(more);
            }
            _ => str.make_raw(),
        }
        assert_eq!(str.len(), model.len());
    }

    #[test]
    fn short_values_change_in_place() {
        let mut entry = Entry::new(b"0123456789abcdef", NewValue::Bytes(b"value"), None, 0);
        let block = entry.block;
        for value in
            [NewValue::Int(i64::MIN), NewValue::Bytes(b"12"), NewValue::Raw(b"other"), NewValue::Plain(b"")]
        {
            entry.set_value(value);
            assert_eq!(entry.block, block);
        }
        entry.set_deadline(Some(Time(1)));
        let block = entry.block;
        entry.set_deadline(None);
        entry.set_deadline(Some(Time(2)));
        assert_eq!((entry.block, entry.deadline()), (block, Some(Time(2))));
    }

    #[test]
    fn a_shrunken_value_gives_memory_back() {
        let mut entry = Entry::new(b"k", NewValue::Bytes(&[b'x'; 5_000]), None, 0);
        entry.set_value(NewValue::Bytes(&[b'x'; 1_000]));
        assert!(entry.heap_bytes() < 1_100);
        entry.set_value(NewValue::Bytes(&[b'x'; 300]));
        assert!(entry.heap_bytes() < 340);
        entry.set_value(NewValue::Int(1));
        assert!(entry.heap_bytes() <= 24);
    }

    #[test]
    fn appending_seldom_allocates() {
        let mut entry = Entry::new(b"k", NewValue::Bytes(b""), None, 0);
        let mut moves = 0;
        for len in 1..=100_000 {
            let before = entry.heap_bytes();
            assert_eq!(str_mut(&mut entry).append(b"x"), len);
            moves += usize::from(entry.heap_bytes() != before);
        }
        assert!(moves < 20, "{moves}");
    }

    #[test]
    fn integers_are_told_by_their_spelling() {
        let encoding = |value: &[u8]| Entry::new(b"k", NewValue::Bytes(value), None, 0).encoding();
        for int in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(encoding(int.as_bytes()), "int");
        }
        for other in ["", "-0", "01", " 1", "1 ", "+1", "9223372036854775808", "1e3"] {
            assert_eq!(encoding(other.as_bytes()), "embstr");
        }
        assert_eq!((encoding(&[b'a'; 44]), encoding(&[b'a'; 45])), ("embstr", "raw"));
        let mut buffer = [0; 20];
        assert_eq!(Str::Int(i64::MIN).as_bytes(&mut buffer), b"-9223372036854775808");
        assert_eq!((Str::Int(-10).len(), Str::Bytes(b"-10").to_int()), (3, Some(-10)));
    }
}
