//! `string.find`, `match`, `gmatch` and `gsub`.

use crate::lua::heap::{Event, Heap};
use crate::lua::native::{Call, Entry, Fault, Native, NativeFn, Ret, Task, Then};
use crate::lua::value::{StrId, Value};

use super::matcher::{Found, Matcher, POSITION, UNCLOSED};

/// Returns a pattern as the matcher wants it: a zero byte ends it.
fn pattern_of(heap: &Heap, id: StrId) -> &[u8] {
    heap.str(id).split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A search for the first match from a place on.
struct Scan {
    text: StrId,
    pattern: StrId,
    start: usize,
    /// Whether the pattern begins with `^`, which binds it to the place.
    anchored: bool,
    matcher: Matcher,
}

impl Scan {
    fn new(text: StrId, pattern: StrId, start: usize, anchored: bool) -> Self {
        Self { text, pattern, start, anchored, matcher: Matcher::default() }
    }

    /// Looks for a match at the present place only.
    fn here(&mut self, call: &mut Call<'_>) -> Result<Found, Fault> {
        let heap = &call.vm.heap;
        let (text, pattern) = (heap.str(self.text), pattern_of(heap, self.pattern));
        if !self.matcher.is_running() {
            self.matcher.begin(self.start, usize::from(self.anchored));
        }
        let mut fuel = heap.fuel;
        let found = self.matcher.run(text, pattern, &mut fuel);
        call.vm.heap.fuel = fuel;
        found.map_err(|message| call.error(message))
    }

    /// Looks for the next match.
    fn next(&mut self, call: &mut Call<'_>) -> Result<Found, Fault> {
        loop {
            let found = self.here(call)?;
            if found != Found::Nothing {
                return Ok(found);
            }
            if self.anchored || self.start >= call.bytes(self.text).len() {
                return Ok(Found::Nothing);
            }
            self.start += 1;
        }
    }

    /// Returns a capture; the first one is the whole match if there are none.
    fn capture(&self, call: &mut Call<'_>, index: usize, end: usize) -> Result<Value, Fault> {
        let (start, len) = match self.matcher.captures.get(index) {
            Some((start, POSITION)) => return Ok(Value::Number((start + 1) as f64)),
            Some((_, UNCLOSED)) => return Err(call.error("unfinished capture")),
            Some((start, len)) => (*start, *len as usize),
            None if index == 0 => (self.start, end - self.start),
            None => return Err(call.error("invalid capture index")),
        };
        // A capture is a part of a string in the heap, which must not move while it is copied.
        let mut buffer = std::mem::take(&mut call.vm.scratch);
        buffer.clear();
        buffer.extend_from_slice(&call.bytes(self.text)[start..start + len]);
        let id = call.vm.heap.intern(&buffer);
        call.vm.scratch = buffer;
        Ok(Value::Str(id?))
    }

    /// Pushes all captures, or the whole match if there are none and it is wanted then.
    fn push_captures(&self, call: &mut Call<'_>, end: usize, whole: bool) -> Result<usize, Fault> {
        let count = match self.matcher.captures.len() {
            0 if whole => 1,
            count => count,
        };
        for i in 0..count {
            let value = self.capture(call, i, end)?;
            call.push(value)?;
        }
        Ok(count)
    }
}

// find and match --------------------------------------------------------------------------------------------------

pub(super) fn find(call: &mut Call<'_>) -> Result<Ret, Fault> {
    search(call, true)
}

pub(super) fn match_(call: &mut Call<'_>) -> Result<Ret, Fault> {
    search(call, false)
}

/// Returns a place counted from the end if it is negative.
pub(super) fn from_end(place: i64, len: usize) -> i64 {
    let place = if place < 0 { place.saturating_add(len as i64 + 1) } else { place };
    place.max(0)
}

fn search(call: &mut Call<'_>, find: bool) -> Result<Ret, Fault> {
    let (text, pattern) = (call.str(0)?, call.str(1)?);
    let len = call.bytes(text).len();
    let init = call.int_or(2, 1)?;
    let start = (from_end(init, len) - 1).clamp(0, len as i64) as usize;
    let has_specials = || pattern_of(&call.vm.heap, pattern).iter().any(|byte| b"^$*+?.([%-".contains(byte));
    if find && (call.arg(3).truth() || !has_specials()) {
        return find_plain(call, text, pattern, start);
    }
    let anchored = call.bytes(pattern).first() == Some(&b'^');
    let mut search = Search { scan: Scan::new(text, pattern, start, anchored), find };
    search.go(call).map(|ret| ret.unwrap_or_else(|| Ret::more(Then::Pause(Some(Box::new(search))))))
}

fn find_plain(call: &mut Call<'_>, text: StrId, pattern: StrId, start: usize) -> Result<Ret, Fault> {
    let (haystack, needle) = (&call.bytes(text)[start..], call.bytes(pattern));
    let (found, work) = position(haystack, needle);
    let (len, start) = (needle.len(), start);
    call.work(work);
    let Some(at) = found else { return Ok(Ret::One(Value::Nil)) };
    call.push(Value::Number((start + at + 1) as f64))?;
    call.push(Value::Number((start + at + len) as f64))?;
    Ok(Ret::Pushed(2))
}

/// Returns where a text is in another, and how many bytes were looked at.
fn position(haystack: &[u8], needle: &[u8]) -> (Option<usize>, usize) {
    let Some((first, rest)) = needle.split_first() else { return (Some(0), 0) };
    let (mut at, mut work) = (0, 0);
    // A text of many false beginnings is searched with a table of borders instead.
    while work <= 4 * haystack.len() + 64 {
        let left = &haystack[at.min(haystack.len())..];
        let Some(skip) = left.iter().position(|byte| byte == first) else { return (None, work + left.len()) };
        at += skip;
        let same = haystack[at + 1..].iter().zip(rest).take_while(|(a, b)| a == b).count();
        if same == rest.len() {
            return (Some(at), work + skip);
        }
        at += 1;
        work += skip + 8 * same + 1;
    }
    let mut borders = vec![0usize; needle.len()];
    let mut border = 0;
    for i in 1..needle.len() {
        while border > 0 && needle[i] != needle[border] {
            border = borders[border - 1];
        }
        border += usize::from(needle[i] == needle[border]);
        borders[i] = border;
    }
    let mut matched = 0;
    for (i, byte) in haystack[at..].iter().enumerate() {
        while matched > 0 && *byte != needle[matched] {
            matched = borders[matched - 1];
        }
        matched += usize::from(*byte == needle[matched]);
        if matched == needle.len() {
            return (Some(at + i + 1 - needle.len()), work + haystack.len());
        }
    }
    (None, work + haystack.len())
}

struct Search {
    scan: Scan,
    find: bool,
}

impl Search {
    /// Returns `None` when the fuel is spent.
    fn go(&mut self, call: &mut Call<'_>) -> Result<Option<Ret>, Fault> {
        let end = match self.scan.next(call)? {
            Found::Paused => return Ok(None),
            Found::Nothing => return Ok(Some(Ret::One(Value::Nil))),
            Found::Match(end) => end,
        };
        let mut count = 0;
        if self.find {
            call.push(Value::Number((self.scan.start + 1) as f64))?;
            call.push(Value::Number(end as f64))?;
            count = 2;
        }
        count += self.scan.push_captures(call, end, !self.find)?;
        Ok(Some(Ret::Pushed(count)))
    }
}

impl Task for Search {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        call.pop(results);
        Ok(self.go(call)?.unwrap_or_else(|| Ret::more(Then::Pause(None))))
    }

    fn heap_bytes(&self) -> usize {
        self.scan.matcher.heap_bytes()
    }
}

// gmatch ----------------------------------------------------------------------------------------------------------

pub(super) fn gmatch(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let (text, pattern) = (call.str(0)?, call.str(1)?);
    let upvalues = [Value::Str(text), Value::Str(pattern), Value::Number(0.0)].into();
    let native = Native { entry: Entry::Own(gmatch_next as NativeFn), upvalues };
    Ok(Ret::One(Value::Native(call.vm.heap.new_native(native)?)))
}

fn gmatch_next(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let (Value::Str(text), Value::Str(pattern), Value::Number(start)) =
        (call.upvalue(0), call.upvalue(1), call.upvalue(2))
    else {
        return Ok(Ret::None);
    };
    if start as usize > call.bytes(text).len() {
        return Ok(Ret::None);
    }
    let mut each = EachMatch(Scan::new(text, pattern, start as usize, false));
    each.go(call).map(|ret| ret.unwrap_or_else(|| Ret::more(Then::Pause(Some(Box::new(each))))))
}

struct EachMatch(Scan);

impl EachMatch {
    fn go(&mut self, call: &mut Call<'_>) -> Result<Option<Ret>, Fault> {
        let end = match self.0.next(call)? {
            Found::Paused => return Ok(None),
            Found::Nothing => return Ok(Some(Ret::None)),
            Found::Match(end) => end,
        };
        let next = if end == self.0.start { end + 1 } else { end };
        call.set_upvalue(2, Value::Number(next as f64));
        Ok(Some(Ret::Pushed(self.0.push_captures(call, end, true)?)))
    }
}

impl Task for EachMatch {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        call.pop(results);
        Ok(self.go(call)?.unwrap_or_else(|| Ret::more(Then::Pause(None))))
    }

    fn heap_bytes(&self) -> usize {
        self.0.matcher.heap_bytes()
    }
}

// gsub ------------------------------------------------------------------------------------------------------------

pub(super) fn gsub(call: &mut Call<'_>) -> Result<Ret, Fault> {
    let (text, pattern) = (call.str(0)?, call.str(1)?);
    let len = call.bytes(text).len();
    let max = i64::from(call.int_or(3, len as i64 + 1)? as i32);
    match call.arg(2) {
        Value::Number(_) => {
            call.str(2)?;
        }
        Value::Str(_) | Value::Table(_) | Value::Closure(_) | Value::Native(_) => {}
        _ => return Err(call.arg_error(2, "string/function/table expected")),
    }
    let anchored = call.bytes(pattern).first() == Some(&b'^');
    let scan = Scan::new(text, pattern, 0, anchored);
    let mut gsub = Gsub { scan, out: vec![], count: 0, max, awaits: None };
    let wait = gsub.go(call)?;
    Ok(match wait {
        Wait::Nothing(ret) => ret,
        Wait::Call(args) => Ret::call(args, Box::new(gsub)),
        Wait::Fuel => Ret::more(Then::Pause(Some(Box::new(gsub)))),
    })
}

struct Gsub {
    scan: Scan,
    out: Vec<u8>,
    count: i64,
    max: i64,
    /// The end of the match whose replacement is awaited.
    awaits: Option<usize>,
}

enum Wait {
    Nothing(Ret),
    /// A call with so many arguments, all pushed.
    Call(usize),
    Fuel,
}

impl Task for Gsub {
    fn step(&mut self, call: &mut Call<'_>, results: usize) -> Result<Ret, Fault> {
        if let Some(end) = self.awaits.take() {
            let value = if results > 0 { call.pushed(results - 1) } else { Value::Nil };
            call.pop(results);
            self.replace(call, value, end)?;
            self.advance(call, Some(end))?;
        }
        Ok(match self.go(call)? {
            Wait::Nothing(ret) => ret,
            Wait::Call(args) => Ret::call_again(args),
            Wait::Fuel => Ret::more(Then::Pause(None)),
        })
    }

    fn heap_bytes(&self) -> usize {
        self.out.capacity() + self.scan.matcher.heap_bytes()
    }
}

impl Gsub {
    fn append(&mut self, call: &mut Call<'_>, bytes: &[u8]) -> Result<(), Fault> {
        if self.out.capacity() - self.out.len() < bytes.len() {
            let more = bytes.len().max(self.out.len()).max(32);
            call.charge(more)?;
            self.out.reserve_exact(more);
        }
        call.work(bytes.len());
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn append_text(&mut self, call: &mut Call<'_>, start: usize, end: usize) -> Result<(), Fault> {
        if self.out.capacity() - self.out.len() < end - start {
            let more = (end - start).max(self.out.len()).max(32);
            call.charge(more)?;
            self.out.reserve_exact(more);
        }
        call.work(end - start);
        self.out.extend_from_slice(&call.vm.heap.str(self.scan.text)[start..end]);
        Ok(())
    }

    fn go(&mut self, call: &mut Call<'_>) -> Result<Wait, Fault> {
        while self.count < self.max && self.scan.start <= call.bytes(self.scan.text).len() {
            match self.scan.here(call)? {
                Found::Paused => return Ok(Wait::Fuel),
                Found::Nothing => self.advance(call, None)?,
                Found::Match(end) => {
                    self.count += 1;
                    if let Some(args) = self.replacement(call, end)? {
                        self.awaits = Some(end);
                        return Ok(Wait::Call(args));
                    }
                    self.advance(call, Some(end))?;
                }
            }
        }
        let len = call.bytes(self.scan.text).len();
        if self.scan.start < len {
            self.append_text(call, self.scan.start, len)?;
        }
        call.vm.heap.refund(self.out.capacity());
        let text = call.string_from(std::mem::take(&mut self.out))?;
        call.push(text)?;
        call.push(Value::Number(self.count as f64))?;
        Ok(Wait::Nothing(Ret::Pushed(2)))
    }

    /// Goes on behind a match, or behind one character that is kept.
    fn advance(&mut self, call: &mut Call<'_>, end: Option<usize>) -> Result<(), Fault> {
        let len = call.bytes(self.scan.text).len();
        match end {
            Some(end) if end > self.scan.start => self.scan.start = end,
            _ => {
                if self.scan.start < len {
                    self.append_text(call, self.scan.start, self.scan.start + 1)?;
                    self.scan.start += 1;
                } else {
                    // Past the end: there is nothing left, not even nothing.
                    self.max = self.count;
                }
            }
        }
        if self.scan.anchored {
            self.max = self.count;
        }
        Ok(())
    }

    /// Appends what replaces a match; or pushes a call for it, and returns its number of arguments.
    fn replacement(&mut self, call: &mut Call<'_>, end: usize) -> Result<Option<usize>, Fault> {
        match call.arg(2) {
            Value::Str(id) => {
                self.expand(call, id, end)?;
                Ok(None)
            }
            Value::Table(table) => {
                let key = self.scan.capture(call, 0, end)?;
                let mut object = Value::Table(table);
                for _ in 0..100 {
                    let value = match object {
                        Value::Table(table) => call.get(table, key),
                        _ => Value::Nil,
                    };
                    let handler = call.handler(object, Event::Index);
                    if !value.is_nil() || handler.is_nil() {
                        self.replace(call, value, end)?;
                        return Ok(None);
                    }
                    if matches!(handler, Value::Closure(_) | Value::Native(_)) {
                        for value in [handler, object, key] {
                            call.push(value)?;
                        }
                        return Ok(Some(2));
                    }
                    object = handler;
                }
                Err(call.error("loop in gettable"))
            }
            function => {
                call.push(function)?;
                self.scan.push_captures(call, end, true).map(Some)
            }
        }
    }

    /// Appends a replacement, with captures for `%1` and the like.
    fn expand(&mut self, call: &mut Call<'_>, replacement: StrId, end: usize) -> Result<(), Fault> {
        let len = call.bytes(replacement).len();
        let mut i = 0;
        while i < len {
            let rest = &call.vm.heap.str(replacement)[i..];
            let plain = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            if plain > 0 {
                let part = rest[..plain].to_vec();
                self.append(call, &part)?;
                i += plain;
                continue;
            }
            match rest.get(1).copied().unwrap_or(0) {
                b'0' => self.append_text(call, self.scan.start, end)?,
                digit @ b'1'..=b'9' => {
                    let value = self.scan.capture(call, usize::from(digit - b'1'), end)?;
                    let text = call.text(value).unwrap_or_default();
                    self.append(call, &text)?;
                }
                other => self.append(call, &[other])?,
            }
            i += 2;
        }
        Ok(())
    }

    /// Appends the value that a table or a function has for a match.
    fn replace(&mut self, call: &mut Call<'_>, value: Value, end: usize) -> Result<(), Fault> {
        if !value.truth() {
            return self.append_text(call, self.scan.start, end);
        }
        match call.text(value) {
            Some(text) => self.append(call, &text),
            None => Err(call.error(["invalid replacement value (a ", value.type_name(), ")"].concat())),
        }
    }
}
