//! One run of packed entries: the form of small hashes, sets and sorted sets.

use super::chunk::Chunk;
use super::list::Item;
use super::listpack::{self, Entry, Whole};
use crate::base::sort;

/// Packed entries, one behind the other. What belongs together, such as a field and its value, stands side by side.
///
/// Places are offsets of bytes from the first entry, good until the run next changes. Finding an entry means looking at
/// those before it, so a run is for collections of some hundred entries.
#[derive(Clone, Default)]
pub struct Run(Chunk);

impl Run {
    /// Makes an empty run with room for so many bytes of entries.
    pub fn with_room(bytes: usize) -> Self {
        Self(Chunk::with_room(bytes))
    }

    /// Gives back what the entries don't take.
    pub fn fit(&mut self) {
        self.0.fit();
    }

    /// Makes a run of what a listpack holds.
    pub fn of(listpack: Whole<'_>) -> Self {
        match listpack.as_it_is() {
            Some((count, packed)) => Self(Chunk::of(count, packed)),
            None => listpack.entries().collect(),
        }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes the entries take.
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// Goes through the entries.
    pub fn iter(&self) -> Entries<'_> {
        Entries(self.0.packed())
    }

    /// Goes through the entries from a place on.
    pub fn from(&self, place: usize) -> Entries<'_> {
        Entries(&self.0.packed()[place..])
    }

    /// Returns the place of the entry with this index; of the index one past the last, the end.
    pub fn place(&self, index: usize) -> usize {
        self.0.place(index)
    }

    /// Returns the place behind the entry at a place.
    pub fn next(&self, place: usize) -> usize {
        place + listpack::size_at(&self.0.packed()[place..])
    }

    /// Returns the place before the one given, which is not the first.
    pub fn before(&self, place: usize) -> usize {
        place - listpack::size_before(&self.0.packed()[..place])
    }

    /// Returns the entry at a place.
    pub fn at(&self, place: usize) -> Entry<'_> {
        self.0.entry(place)
    }

    /// Returns the place of the first entry equal to `entry` among those with the indexes 0, `step`, 2 · `step`, ….
    pub fn find(&self, entry: Entry<'_>, step: usize) -> Option<usize> {
        let mut entries = self.iter();
        while !entries.0.is_empty() {
            let place = self.size() - entries.0.len();
            if entries.next() == Some(entry) {
                return Some(place);
            }
            (1..step).for_each(|_| entries.skip_one());
        }
        None
    }

    /// Tells whether two of the entries with the indexes 0, `step`, 2 · `step`, … are equal.
    pub fn repeats(&self, step: usize) -> bool {
        let mut few = [Entry::Int(0); 16];
        let count = self.len().div_ceil(step);
        let Some(few) = few.get_mut(..count) else {
            let mut many: Vec<Entry<'_>> = self.iter().step_by(step).collect();
            sort::sort(&mut many);
            return many.windows(2).any(|pair| pair[0] == pair[1]);
        };
        let mut entries = self.iter();
        for i in 0..count {
            let Some(entry) = entries.next() else { break };
            if few[..i].contains(&entry) {
                return true;
            }
            few[i] = entry;
            (1..step).for_each(|_| entries.skip_one());
        }
        false
    }

    /// Puts an entry in front of the one at a place, or behind the last.
    pub fn insert(&mut self, place: usize, entry: Entry<'_>) {
        self.0.insert(place, entry.pack());
    }

    /// Puts an entry behind the last.
    pub fn push(&mut self, entry: Entry<'_>) {
        self.insert(self.size(), entry);
    }

    /// Puts an entry in place of another.
    pub fn replace(&mut self, place: usize, entry: Entry<'_>) {
        self.0.replace(place, entry.pack());
    }

    /// Takes out `count` entries from a place on.
    pub fn remove(&mut self, place: usize, count: usize) {
        self.0.remove_several(place, count);
    }

    /// Appends the run as a whole listpack, header and end included.
    pub fn write_listpack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&listpack::header(self.len(), self.size()));
        out.extend_from_slice(self.0.packed());
        out.push(listpack::END);
    }
}

impl<'a> FromIterator<Entry<'a>> for Run {
    fn from_iter<I: IntoIterator<Item = Entry<'a>>>(entries: I) -> Self {
        let mut run = Self::default();
        entries.into_iter().for_each(|entry| run.push(entry));
        run
    }
}

/// Entries one after the other.
#[derive(Clone)]
pub struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    /// Returns the next entry as bytes.
    pub fn next_item(&mut self) -> Option<Item<'a>> {
        self.next().map(Item::from)
    }

    /// Passes over an entry without reading it.
    pub fn skip_one(&mut self) {
        if !self.0.is_empty() {
            self.0 = &self.0[listpack::size_at(self.0)..];
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (entry, size) = Entry::read(self.0);
        self.0 = &self.0[size..];
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    /// Draws the bytes of an entry: often one of few, sometimes long.
    fn bytes(random: &mut Random) -> Vec<u8> {
        match random.below(10) {
            0..6 => random.below(30).to_string().into_bytes(),
            6..9 => format!("entry {}", random.below(30)).into_bytes(),
            _ => vec![b'x'; random.below(300) as usize],
        }
    }

    #[test]
    fn behaves_as_a_vector() {
        for seed in 0..30 {
            let mut random = Random::new(seed);
            let (mut run, mut model) = (Run::default(), Vec::<Vec<u8>>::new());
            for _ in 0..600 {
                let index = random.below(model.len() as u64 + 1) as usize;
                let (place, new) = (run.place(index), bytes(&mut random));
                match random.below(8) {
                    0..4 => {
                        run.insert(place, Entry::new(&new));
                        model.insert(index, new);
                    }
                    4..6 if index < model.len() => {
                        run.replace(place, Entry::new(&new));
                        model[index] = new;
                    }
                    6 => {
                        let count = random.below(4).min((model.len() - index) as u64) as usize;
                        run.remove(place, count);
                        model.drain(index..index + count);
                    }
                    _ => {
                        let step = 1 + random.below(3) as usize;
                        let found = run.find(Entry::new(&new), step);
                        let expected = (0..model.len()).step_by(step).find(|&i| model[i] == new);
                        assert_eq!(found, expected.map(|index| run.place(index)));
                    }
                }
                assert_eq!(run.len(), model.len());
                assert!(run.iter().eq(model.iter().map(|bytes| Entry::new(bytes))));
            }
            let mut whole = Vec::new();
            run.write_listpack(&mut whole);
            assert!(listpack::read(&whole).is_some_and(|whole| whole.entries().eq(run.iter())));
            let mut place = run.size();
            for bytes in model.iter().rev() {
                place = run.before(place);
                assert_eq!(run.at(place), Entry::new(bytes));
            }
        }
    }
}
