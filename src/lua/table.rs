//! Tables: an array part for the keys 1 to n, and a hash part of a power of two of nodes.
//!
//! Scripts see where keys lie: in the order of `next`, which is that of JSON which cjson writes, and in `#` of a table
//! with holes. So the hash part is the reference implementation's: the node that a key's hash names is its own, a key
//! that has been put there for want of its own is moved away for it, and the free node is looked for from the end. The
//! sizes of both parts follow its rules too: a part is resized only when no node is free, and the array part is the
//! largest power of two more than half in use.

use super::heap::allocated;
use super::value::{TableId, Value};

/// The end of a chain of nodes.
const END: u32 = u32::MAX;

/// The largest power of two that an array part may reach.
const ARRAY_BITS: usize = 26;

/// How many keys may share a node before the table takes other hashes, which nobody can choose keys for.
const CROWD: usize = 64;

/// The key of a node whose key is no more: it equals none.
const BURIED: Value = Value::Number(f64::NAN);

#[derive(Clone, Copy)]
struct Node {
    /// Nil if the node was never used.
    key: Value,
    value: Value,
    /// The next node of the chain.
    next: u32,
}

const UNUSED: Node = Node { key: Value::Nil, value: Value::Nil, next: END };

/// A Lua table.
#[derive(Default)]
pub struct Table {
    array: Vec<Value>,
    /// As many as a power of two, or none. A removed entry keeps its key.
    nodes: Box<[Node]>,
    /// No node from here on is unused.
    free: u32,
    pub(super) meta: Option<TableId>,
    /// Which events this table, as a metatable, is known not to handle: one bit each.
    pub(super) absent: u32,
    /// Whether scripts may not change it.
    pub(super) readonly: bool,
    /// Whether too many keys had one hash.
    crowded: bool,
}

/// What it takes to make room for one more key.
pub(super) struct Growth {
    array: usize,
    hash: usize,
}

impl Table {
    /// Returns the value of a key; nil if there is none.
    #[inline]
    pub fn get(&self, key: Value) -> Value {
        if let Value::Number(number) = key
            && let Some(value) = array_place(number).and_then(|place| self.array.get(place))
        {
            return *value;
        }
        self.find(key).map_or(Value::Nil, |at| self.nodes[at].value)
    }

    /// Returns the value of an integer key.
    #[inline]
    pub fn get_int(&self, key: usize) -> Value {
        match self.array.get(key.wrapping_sub(1)) {
            Some(value) => *value,
            None => self.find(Value::Number(key as f64)).map_or(Value::Nil, |at| self.nodes[at].value),
        }
    }

    /// Returns the place of a key that has been in the table since its parts were last resized.
    #[inline]
    pub(super) fn place(&mut self, key: Value) -> Option<&mut Value> {
        if let Value::Number(number) = key
            && let Some(place) = array_place(number)
            && place < self.array.len()
        {
            return self.array.get_mut(place);
        }
        let at = self.find(key)?;
        Some(&mut self.nodes[at].value)
    }

    #[inline]
    fn find(&self, key: Value) -> Option<usize> {
        if self.nodes.is_empty() || key.is_nil() {
            return None;
        }
        let mut at = self.main_place(key);
        while let Some(node) = self.nodes.get(at) {
            if node.key == key {
                return Some(at);
            }
            at = node.next as usize;
        }
        None
    }

    /// Returns the node that a key's hash names. There is one.
    #[inline]
    fn main_place(&self, key: Value) -> usize {
        let mask = self.nodes.len() as u32 - 1;
        if self.crowded {
            return (mixed(key) & mask) as usize;
        }
        let place = match key {
            Value::Str(id) => id.hash & mask,
            Value::Number(number) => folded(number) % (mask | 1),
            Value::Bool(truth) => u32::from(truth) & mask,
            // These hashes are addresses there, which nobody knows before.
            Value::Table(_) | Value::Closure(_) | Value::Native(_) | Value::Thread(_) => mixed(key) & mask,
            Value::Nil | Value::Null => 0,
        };
        place as usize
    }

    /// Sets a key of a table outside the heap, which is not counted.
    pub(super) fn insert(&mut self, key: Value, value: Value) {
        if let Some(place) = self.place(key) {
            *place = value;
        } else if !self.add(key, value) {
            let growth = self.growth(key);
            self.resize(&growth);
            self.put(key, value);
        }
    }

    /// Adds a key that has no place yet; returns whether there was room.
    pub(super) fn add(&mut self, key: Value, value: Value) -> bool {
        if !self.crowded && self.is_crowd(key) {
            self.crowded = true;
            return false;
        }
        self.put_into_node(key, value)
    }

    fn is_crowd(&self, key: Value) -> bool {
        if self.nodes.len() < CROWD {
            return false;
        }
        let chain = std::iter::successors(self.nodes.get(self.main_place(key)), |node| {
            self.nodes.get(node.next as usize)
        });
        chain.take(CROWD).count() == CROWD
    }

    fn put_into_node(&mut self, key: Value, value: Value) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        let main = self.main_place(key);
        let there = self.nodes[main];
        if there.value.is_nil() {
            self.nodes[main] = Node { key, value, ..there };
            return true;
        }
        let Some(free) = self.take_free() else { return false };
        let mut before = self.main_place(there.key);
        if before == main {
            self.nodes[free] = Node { key, value, next: there.next };
            self.nodes[main].next = free as u32;
            return true;
        }
        while self.nodes[before].next as usize != main {
            before = self.nodes[before].next as usize;
        }
        self.nodes[before].next = free as u32;
        self.nodes[free] = there;
        self.nodes[main] = Node { key, value, next: END };
        true
    }

    fn take_free(&mut self) -> Option<usize> {
        let free = self.nodes[..self.free as usize].iter().rposition(|node| node.key.is_nil());
        self.free = free.unwrap_or(0) as u32;
        free
    }

    /// Returns the sizes that parts with one more key should have.
    pub(super) fn growth(&self, key: Value) -> Growth {
        // How many keys are above 2^(i-1) and at most 2^i.
        let mut counts = [0usize; ARRAY_BITS + 1];
        let mut count = |place: usize| match counts.get_mut((usize::BITS - place.leading_zeros()) as usize) {
            Some(count) => {
                *count += 1;
                1
            }
            None => 0,
        };
        let mut total = 1;
        let mut integers = number_place(key).map_or(0, &mut count);
        for (place, _) in self.array.iter().enumerate().filter(|(_, value)| !value.is_nil()) {
            integers += count(place);
            total += 1;
        }
        for node in self.nodes.iter().filter(|node| !node.value.is_nil()) {
            total += 1;
            integers += number_place(node.key).map_or(0, &mut count);
        }
        let (mut array, mut inside, mut below) = (0, 0, 0);
        for (bits, count) in counts.iter().enumerate() {
            let size = 1 << bits;
            if integers <= size / 2 {
                break;
            }
            below += count;
            if below > size / 2 {
                (array, inside) = (size, below);
            }
        }
        let keys: usize = total - inside;
        let hash = if keys == 0 { 0 } else { keys.next_power_of_two() };
        Growth { array, hash }
    }

    /// Returns how many bytes the parts of these sizes take.
    pub(super) fn bytes_of(growth: &Growth) -> usize {
        allocated(growth.array * size_of::<Value>()) + allocated(growth.hash * size_of::<Node>())
    }

    /// Returns how many bytes are allocated besides the table itself.
    pub(super) fn heap_bytes(&self) -> usize {
        allocated(self.array.len() * size_of::<Value>()) + allocated(self.nodes.len() * size_of::<Node>())
    }

    /// Returns how long the array part is.
    pub(super) fn array_len(&self) -> usize {
        self.array.len()
    }

    /// Returns how much work it is to resize the parts.
    pub(super) fn len_of_parts(&self) -> usize {
        self.array.len() + self.nodes.len()
    }

    /// Returns sizes for a table that is about to get so many keys.
    pub(super) fn presize(array: usize, hash: usize) -> Growth {
        Growth { array, hash: if hash == 0 { 0 } else { hash.next_power_of_two() } }
    }

    /// Returns sizes that differ from the present ones in the array part.
    pub(super) fn with_array(&self, array: usize) -> Growth {
        Growth { array, hash: self.nodes.len() }
    }

    /// Gives the parts new sizes. All keys must have room.
    pub(super) fn resize(&mut self, growth: &Growth) {
        let spilled: Vec<Value> = match self.array.get(growth.array..) {
            Some(rest) => rest.to_vec(),
            None => vec![],
        };
        let kept = self.array.len().min(growth.array);
        self.array.truncate(growth.array);
        if growth.array < kept + spilled.len() {
            self.array.shrink_to_fit();
        }
        self.array.reserve_exact(growth.array - self.array.len());
        self.array.resize(growth.array, Value::Nil);
        let nodes = std::mem::replace(&mut self.nodes, vec![UNUSED; growth.hash].into());
        self.free = growth.hash as u32;
        for (i, value) in spilled.into_iter().enumerate().filter(|(_, value)| !value.is_nil()) {
            self.put(Value::Number((kept + i + 1) as f64), value);
        }
        for node in nodes.iter().rev().filter(|node| !node.value.is_nil()) {
            self.put(node.key, node.value);
        }
    }

    /// Sets a key for which there is room.
    pub(super) fn put(&mut self, key: Value, value: Value) {
        match self.place(key) {
            Some(place) => *place = value,
            None => assert!(self.put_into_node(key, value), "room was counted"),
        }
    }

    /// Returns a border of the table: `n` such that `n` is not nil and `n + 1` is, or 0.
    pub fn border(&self) -> usize {
        let filled = self.array.len();
        if self.array.last().is_some_and(|last| last.is_nil()) {
            let (mut low, mut high) = (0, filled);
            while high - low > 1 {
                let middle = (low + high) / 2;
                if self.array[middle - 1].is_nil() { high = middle } else { low = middle }
            }
            return low;
        }
        if self.nodes.is_empty() {
            return filled;
        }
        let (mut low, mut high) = (filled, filled + 1);
        while !self.get_int(high).is_nil() {
            low = high;
            high *= 2;
            if high > 1 << 31 {
                // Only a table made for it gets here.
                let mut border = 1;
                while !self.get_int(border).is_nil() {
                    border += 1;
                }
                return border - 1;
            }
        }
        while high - low > 1 {
            let middle = (low + high) / 2;
            if self.get_int(middle).is_nil() { high = middle } else { low = middle }
        }
        low
    }

    /// Returns the entry after the one at a place, and its own place; places are counted from 0 over both parts.
    pub fn entry_from(&self, mut place: usize) -> Option<(usize, Value, Value)> {
        while let Some(value) = self.array.get(place) {
            if !value.is_nil() {
                return Some((place, Value::Number((place + 1) as f64), *value));
            }
            place += 1;
        }
        let first = place - self.array.len();
        let nodes = self.nodes.get(first..)?.iter().enumerate();
        let (i, node) = nodes.into_iter().find(|(_, node)| !node.value.is_nil())?;
        Some((place + i, node.key, node.value))
    }

    /// Returns the place after a key's, where to look for the next one; `None` if the key was never there.
    pub fn place_after(&self, key: Value) -> Option<usize> {
        match key {
            Value::Nil => Some(0),
            Value::Number(number) if array_place(number).is_some_and(|place| place < self.array.len()) => {
                array_place(number).map(|place| place + 1)
            }
            _ => self.find(key).map(|at| self.array.len() + at + 1),
        }
    }

    /// Returns all keys and values.
    pub fn entries(&self) -> impl Iterator<Item = (Value, Value)> {
        let mut place = 0;
        std::iter::from_fn(move || {
            let (at, key, value) = self.entry_from(place)?;
            place = at + 1;
            Some((key, value))
        })
    }

    /// Removes entries of the hash part and clears places of the array part that `dead` names.
    pub(super) fn clear_where(&mut self, dead: impl Fn(Value, Value) -> bool) {
        for value in self.array.iter_mut().filter(|value| dead(Value::Nil, **value)) {
            *value = Value::Nil;
        }
        for node in self.nodes.iter_mut().filter(|node| dead(node.key, node.value)) {
            node.value = Value::Nil;
        }
    }

    /// Returns whether there are removed entries whose keys may be objects that are no more.
    pub(super) fn has_removed(&self) -> bool {
        self.nodes.iter().any(|node| node.value.is_nil() && is_object(node.key))
    }

    /// Forgets the keys of removed entries that `dead` names, since another object may get their handles.
    pub(super) fn bury(&mut self, dead: impl Fn(Value) -> bool) {
        for node in self.nodes.iter_mut().filter(|node| node.value.is_nil() && is_object(node.key)) {
            if dead(node.key) {
                node.key = BURIED;
            }
        }
    }
}

fn is_object(key: Value) -> bool {
    !matches!(key, Value::Nil | Value::Bool(_) | Value::Number(_) | Value::Null)
}

/// Returns a number's hash as the reference implementation's: the sum of its halves.
#[inline]
fn folded(number: f64) -> u32 {
    if number == 0.0 {
        // Both zeros are one key.
        return 0;
    }
    let bits = number.to_bits();
    (bits as u32).wrapping_add((bits >> 32) as u32)
}

/// Returns a hash that depends on handles, which scripts can't choose.
#[inline]
fn mixed(key: Value) -> u32 {
    let bits = match key {
        Value::Str(id) => id.at,
        Value::Number(number) => {
            let bits = (number + 0.0).to_bits();
            (bits >> 32) as u32 ^ (bits as u32).rotate_left(7)
        }
        Value::Table(id) => id.0 ^ 0x2000_0000,
        Value::Closure(id) => id.0 ^ 0x4000_0000,
        Value::Native(id) => id.0 ^ 0x6000_0000,
        Value::Thread(id) => id.0 ^ 0x8000_0000,
        Value::Bool(truth) => u32::from(truth) + 1,
        Value::Nil | Value::Null => 0,
    };
    let spread = (bits ^ bits >> 15).wrapping_mul(0x9e37_79b1);
    spread ^ spread >> 16
}

/// Returns the place in an array part that a number names, if it is an integer from 1 up.
#[inline]
pub(super) fn array_place(number: f64) -> Option<usize> {
    let integer = number as u32;
    (f64::from(integer) == number && integer > 0).then(|| integer as usize - 1)
}

fn number_place(key: Value) -> Option<usize> {
    match key {
        Value::Number(number) => array_place(number).filter(|place| *place < 1 << ARRAY_BITS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_what_was_put_in_last() {
        let mut random = crate::base::random::Random::new(1);
        for _ in 0..50 {
            let (mut table, mut naive) = (Table::default(), std::collections::BTreeMap::new());
            for _ in 0..500 {
                let key = random.below(60) as i64 - 5;
                let value =
                    if random.below(3) == 0 { Value::Nil } else { Value::Number(random.below(9) as f64) };
                table.insert(Value::Number(key as f64), value);
                naive.insert(key, value);
                for (key, value) in &naive {
                    assert_eq!(table.get(Value::Number(*key as f64)), *value);
                }
                let len = table.border();
                assert!(len == 0 || !table.get_int(len).is_nil());
                assert!(table.get_int(len + 1).is_nil());
                let live = naive.values().filter(|value| !value.is_nil()).count();
                assert_eq!(table.entries().count(), live);
            }
        }
    }

    #[test]
    fn keys_whose_hashes_are_equal_are_found_soon() {
        let mut table = Table::default();
        // The halves of all these numbers have one sum.
        let keys: Vec<Value> = (0..4096u64)
            .map(|i| Value::Number(f64::from_bits((0x4000_0000 + i) << 32 | (0x1000_0000 - i))))
            .collect();
        keys.iter().for_each(|key| table.insert(*key, Value::Bool(true)));
        assert!(table.crowded);
        assert!(keys.iter().all(|key| table.get(*key) == Value::Bool(true) && !table.is_crowd(*key)));
    }
}
