//! One node of a stream: neighbouring entries in a listpack, to the byte as in Redis.
//!
//! ```text
//! live │ deleted │ n │ field 1 … field n │ 0 │ entry │ entry │ …
//!
//! flags │ ms │ seq │ value 1 … value n │ size             an entry with the fields above
//! flags │ ms │ seq │ n │ field │ value … │ size           any other
//! ```
//!
//! `ms` and `seq` are what the entry's id has more, or less, than the first one's. `size` counts the elements in
//! front of it, so that one who comes from behind knows where the entry begins. A deleted entry stays, with a flag.

use super::limits::Small;
use super::list::Item;
use super::listpack::{self, END, Entry, HEADER};
use super::stream_id::Id;
use crate::base::number::parse_int;

/// Flags of an entry.
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// The most bytes of a node, whatever the configuration allows.
pub(super) const NODE_MAX: usize = 1 << 30;

/// Entries whose ids are neighbours.
#[derive(Clone)]
pub(super) struct Node {
    /// The id of the first entry, which the others are told from.
    pub first: Id,
    /// A whole listpack, header and end included.
    pack: Vec<u8>,
}

/// What stands in front of a node's entries.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub live: u64,
    pub deleted: u64,
    /// The number of fields that entries may share, and where they are.
    count: usize,
    fields: usize,
    /// Where the entries begin.
    pub entries: usize,
}

/// Where an entry is in its node.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub id: Id,
    flags: i64,
    pub start: usize,
    /// Past its last byte.
    pub end: usize,
    /// The number of pairs.
    pub count: usize,
    /// Where the values are, or fields and values.
    body: usize,
}

impl Place {
    pub fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }
}

impl Node {
    /// Returns a node with one entry: fields and values in turn.
    pub fn new<'a>(id: Id, pairs: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Self {
        let count = pairs.len() / 2;
        let mut pack = listpack::header(0, 0).to_vec();
        [1, 0, count as i64].into_iter().for_each(|n| push(&mut pack, Entry::Int(n)));
        pairs.clone().step_by(2).for_each(|field| push(&mut pack, Entry::new(field)));
        push(&mut pack, Entry::Int(0));
        let mut node = Self { first: id, pack };
        node.push_entry(id, SAME_FIELDS, pairs.skip(1).step_by(2));
        node.close(4 + count);
        node
    }

    /// Takes over a listpack from outside; returns `None` unless it is a node in every respect.
    pub fn read(first: Id, pack: Vec<u8>) -> Option<Self> {
        listpack::read(&pack)?;
        let node = Self { first, pack };
        let head = node.head()?;
        let (mut live, mut deleted, mut at, mut last) = (0, 0, head.entries, None);
        while at + 1 < node.pack.len() {
            let place = node.place(&head, at)?;
            if last.is_some_and(|last| place.id <= last) {
                return None;
            }
            *(if place.is_deleted() { &mut deleted } else { &mut live }) += 1;
            (at, last) = (place.end, Some(place.id));
        }
        (live > 0 && live == head.live && deleted == head.deleted).then_some(node)
    }

    /// Returns the whole listpack.
    pub fn pack(&self) -> &[u8] {
        &self.pack
    }

    pub fn heap_bytes(&self) -> usize {
        self.pack.capacity()
    }

    /// Gives spare memory back: nothing will be added.
    pub fn finish(&mut self) {
        self.pack.shrink_to_fit();
    }

    /// Returns what stands in front of the entries; `None` for what is no node.
    pub fn head(&self) -> Option<Head> {
        let mut cursor = Cursor { pack: &self.pack, at: HEADER };
        let (live, deleted, count) = (cursor.count()?, cursor.count()?, cursor.count()?);
        let fields = cursor.at;
        cursor.skip(count)?;
        (cursor.int()? == 0).then_some(())?;
        Some(Head { live: live as u64, deleted: deleted as u64, count, fields, entries: cursor.at })
    }

    /// Returns the entry that begins at a place; `None` at the end.
    pub fn place(&self, head: &Head, start: usize) -> Option<Place> {
        let mut cursor = Cursor { pack: &self.pack, at: start };
        let (flags, ms, seq) = (cursor.int()?, cursor.int()?, cursor.int()?);
        if !(0..=DELETED | SAME_FIELDS).contains(&flags) {
            return None;
        }
        let same = flags & SAME_FIELDS != 0;
        let count = if same { head.count } else { cursor.count()? };
        let (body, parts) = (cursor.at, if same { count } else { count.checked_mul(2)? });
        cursor.skip(parts)?;
        if cursor.int()? != size(parts, same) {
            return None;
        }
        let id =
            Id { ms: self.first.ms.wrapping_add_signed(ms), seq: self.first.seq.wrapping_add_signed(seq) };
        Some(Place { id, flags, start, end: cursor.at, count, body })
    }

    /// Returns the entry that ends in front of a place.
    pub fn place_before(&self, head: &Head, end: usize) -> Option<Place> {
        if end <= head.entries {
            return None;
        }
        let mut at = end - listpack::size_before(&self.pack[..end]);
        let size = Cursor { pack: &self.pack, at }.count()?;
        for _ in 0..size {
            at = at.checked_sub(listpack::size_before(self.pack.get(..at)?))?;
        }
        self.place(head, at)
    }

    /// Returns the place behind the last entry.
    pub fn end(&self) -> usize {
        self.pack.len() - 1
    }

    /// Returns the id of the last entry, deleted or not.
    pub fn last(&self) -> Id {
        let place = self.head().and_then(|head| self.place_before(&head, self.end()));
        place.map_or(self.first, |place| place.id)
    }

    /// Finds an entry that is not deleted.
    pub fn find(&self, id: Id) -> Option<Place> {
        let head = self.head()?;
        let mut at = head.entries;
        while let Some(place) = self.place(&head, at) {
            if place.id >= id {
                return (place.id == id && !place.is_deleted()).then_some(place);
            }
            at = place.end;
        }
        None
    }

    /// Returns the fields and values of an entry.
    pub fn pairs(&self, head: &Head, place: &Place) -> Pairs<'_> {
        let values = Cursor { pack: &self.pack, at: place.body };
        let same = place.flags & SAME_FIELDS != 0;
        let fields = same.then_some(Cursor { pack: &self.pack, at: head.fields });
        Pairs { fields, values, left: place.count }
    }

    /// Tells whether an entry may be added whose fields and values have so many bytes.
    pub fn fits(&self, bytes: usize, limits: Small) -> bool {
        let most = if limits.bytes == 0 { NODE_MAX } else { limits.bytes.min(NODE_MAX) };
        let Some(head) = self.head() else { return false };
        let entries = head.live + head.deleted;
        self.pack.len() + bytes < most && (limits.entries == 0 || entries < limits.entries as u64)
    }

    /// Appends an entry.
    pub fn append<'a>(&mut self, id: Id, pairs: impl ExactSizeIterator<Item = &'a [u8]> + Clone) {
        let Some(head) = self.head() else { return };
        self.set_int(HEADER, head.live as i64 + 1);
        self.pack.pop();
        if self.has_fields(pairs.clone().step_by(2)) {
            self.push_entry(id, SAME_FIELDS, pairs.skip(1).step_by(2));
        } else {
            self.push_entry(id, 0, pairs);
        }
        self.close(0);
    }

    /// Marks an entry as deleted.
    pub fn delete(&mut self, place: &Place) {
        self.set_int(place.start, place.flags | DELETED);
        if let Some(head) = self.head() {
            self.set_counts(head.live - 1, head.deleted + 1);
        }
    }

    /// Marks entries as deleted from the front, as long as `more` says so of their id and the number already marked;
    /// returns how many.
    pub fn delete_front(&mut self, mut more: impl FnMut(Id, u64) -> bool) -> u64 {
        let Some(head) = self.head() else { return 0 };
        let (mut at, mut count) = (head.entries, 0);
        while let Some(place) = self.place(&head, at)
            && more(place.id, count)
        {
            if !place.is_deleted() {
                self.set_int(place.start, place.flags | DELETED);
                count += 1;
            }
            at = place.end;
        }
        self.set_counts(head.live - count, head.deleted + count);
        count
    }

    /// Tells whether these are the fields that entries share.
    fn has_fields<'a>(&self, mut fields: impl ExactSizeIterator<Item = &'a [u8]>) -> bool {
        let Some(head) = self.head() else { return false };
        let mut cursor = Cursor { pack: &self.pack, at: head.fields };
        head.count == fields.len()
            && fields.all(|field| cursor.next().is_some_and(|entry| *Item::from(entry) == *field))
    }

    fn push_entry<'a>(&mut self, id: Id, flags: i64, parts: impl ExactSizeIterator<Item = &'a [u8]>) {
        let (len, same) = (parts.len(), flags & SAME_FIELDS != 0);
        let ms = id.ms.wrapping_sub(self.first.ms) as i64;
        let seq = id.seq.wrapping_sub(self.first.seq) as i64;
        [flags, ms, seq].into_iter().for_each(|n| push(&mut self.pack, Entry::Int(n)));
        if !same {
            push(&mut self.pack, Entry::Int(len as i64 / 2));
        }
        parts.for_each(|part| push(&mut self.pack, Entry::new(part)));
        push(&mut self.pack, Entry::Int(size(len, same)));
        self.count_elements(size(len, same) as usize + 1);
    }

    fn set_counts(&mut self, live: u64, deleted: u64) {
        self.set_int(HEADER, live as i64);
        self.set_int(HEADER + listpack::size_at(&self.pack[HEADER..]), deleted as i64);
    }

    /// Replaces the integer at a place.
    fn set_int(&mut self, at: usize, n: i64) {
        let old = listpack::size_at(&self.pack[at..]);
        let entry = Entry::Int(n).pack();
        match entry.size() {
            // What follows moves by a byte or two.
            size if size > old => drop(self.pack.splice(at..at, std::iter::repeat_n(0, size - old))),
            size => drop(self.pack.drain(at..at + old - size)),
        }
        entry.write(&mut self.pack[at..at + entry.size()]);
        self.write_len();
    }

    /// Ends the listpack behind what was pushed, with so many more elements.
    fn close(&mut self, elements: usize) {
        self.pack.push(END);
        self.write_len();
        self.count_elements(elements);
    }

    fn write_len(&mut self) {
        let len = (self.pack.len() as u32).to_le_bytes();
        self.pack[..4].copy_from_slice(&len);
    }

    /// Adds to the number of elements in the header, which does not go beyond its two bytes.
    fn count_elements(&mut self, more: usize) {
        let count = u16::from_le_bytes([self.pack[4], self.pack[5]]);
        let count = (usize::from(count) + more).min(usize::from(u16::MAX)) as u16;
        self.pack[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }
}

/// Returns how many elements an entry has in front of the one that says so.
fn size(parts: usize, same: bool) -> i64 {
    parts as i64 + if same { 3 } else { 4 }
}

fn push(pack: &mut Vec<u8>, entry: Entry<'_>) {
    let entry = entry.pack();
    let end = pack.len();
    pack.resize(end + entry.size(), 0);
    entry.write(&mut pack[end..]);
}

/// Reads elements one after the other; `None` at the end.
#[derive(Clone)]
struct Cursor<'a> {
    pack: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Option<Entry<'a>> {
        let rest = self.rest()?;
        let (entry, size) = Entry::read(rest);
        self.at += size;
        Some(entry)
    }

    fn int(&mut self) -> Option<i64> {
        match self.next()? {
            Entry::Int(n) => Some(n),
            // Other writers may have left an integer as text.
            Entry::Bytes(bytes) => parse_int(bytes),
        }
    }

    /// Reads an integer that counts something.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    fn skip(&mut self, elements: usize) -> Option<()> {
        for _ in 0..elements {
            self.at += listpack::size_at(self.rest()?);
        }
        Some(())
    }

    fn rest(&self) -> Option<&'a [u8]> {
        self.pack.get(self.at..).filter(|rest| rest.first().is_some_and(|first| *first != END))
    }
}

/// The fields and values of an entry.
#[derive(Clone)]
pub struct Pairs<'a> {
    /// Where the fields are if they are not in front of their values.
    fields: Option<Cursor<'a>>,
    values: Cursor<'a>,
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = self.fields.as_mut().unwrap_or(&mut self.values).next()?;
        Some((field.into(), self.values.next()?.into()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(words: &[&'static str]) -> Vec<&'static [u8]> {
        words.iter().map(|word| word.as_bytes()).collect()
    }

    fn node() -> Node {
        let mut node = Node::new(Id::new(5, 7), pairs(&["a", "1", "b", "x"]).into_iter());
        node.append(Id::new(5, 8), pairs(&["a", "2", "b", "y"]).into_iter());
        node.append(Id::new(300, 0), pairs(&["c", "long"]).into_iter());
        node
    }

    #[test]
    fn is_read_from_both_ends() {
        let node = node();
        let head = node.head().expect("a node");
        let (mut at, mut found) = (head.entries, vec![]);
        while let Some(place) = node.place(&head, at) {
            let texts = node.pairs(&head, &place).map(|(field, value)| [&*field, b"=", &*value].concat());
            found.push((place.id, texts.collect::<Vec<_>>().join(&b' ')));
            at = place.end;
        }
        assert_eq!(at, node.end());
        let expected: [(Id, &[u8]); 3] =
            [(Id::new(5, 7), b"a=1 b=x"), (Id::new(5, 8), b"a=2 b=y"), (Id::new(300, 0), b"c=long")];
        assert!(found.iter().map(|(id, text)| (*id, &text[..])).eq(expected));
        for (id, _) in expected.iter().rev() {
            let place = node.place_before(&head, at).expect("an entry");
            assert_eq!(place.id, *id);
            at = place.start;
        }
        assert!(node.place_before(&head, at).is_none());
        assert_eq!(node.last(), Id::new(300, 0));
    }

    #[test]
    fn counts_may_grow_by_a_byte() {
        let mut node = Node::new(Id::new(1, 0), pairs(&["f", "v"]).into_iter());
        for ms in 2..=300 {
            node.append(Id::new(ms, 0), pairs(&["f", "v"]).into_iter());
        }
        let place = node.find(Id::new(200, 0)).expect("it was added");
        node.delete(&place);
        assert_eq!(node.delete_front(|id, _| id < Id::new(250, 0)), 248);
        let head = node.head().expect("a node");
        assert_eq!((head.live, head.deleted), (51, 249));
        assert!(node.find(Id::new(200, 0)).is_none() && node.find(Id::new(250, 0)).is_some());
        assert!(Node::read(node.first, node.pack.clone()).is_some());
    }

    #[test]
    fn damage_is_noticed() {
        let node = node();
        assert!(Node::read(node.first, node.pack.clone()).is_some());
        for at in 0..node.pack.len() {
            for bit in 0..8 {
                let mut pack = node.pack.clone();
                pack[at] ^= 1 << bit;
                // Whatever is accepted can be walked.
                if let Some(node) = Node::read(node.first, pack) {
                    let head = node.head().expect("it was checked");
                    let (mut at, mut live) = (node.end(), 0);
                    while let Some(place) = node.place_before(&head, at) {
                        live += u64::from(!place.is_deleted());
                        at = place.start;
                    }
                    assert_eq!((at, live), (head.entries, head.live));
                }
            }
        }
        for len in 0..node.pack.len() {
            assert!(Node::read(node.first, node.pack[..len].to_vec()).is_none());
        }
    }
}
