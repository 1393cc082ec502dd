//! What is known of ids, in their order: runs of neighbours, so that an entry takes little more than itself.

use std::collections::VecDeque;

use super::stream_id::Id;

/// The most entries in a run.
const RUN: usize = 128;

/// A map from ids, made for ones that are added at the end and removed anywhere, most often at the front.
#[derive(Clone)]
pub struct IdMap<V> {
    /// None of them is empty.
    runs: VecDeque<Vec<(Id, V)>>,
    len: usize,
}

impl<V> Default for IdMap<V> {
    fn default() -> Self {
        Self { runs: VecDeque::new(), len: 0 }
    }
}

impl<V: Copy> IdMap<V> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, id: Id) -> Option<V> {
        let (run, at) = self.find(id).ok()?;
        Some(self.runs[run][at].1)
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut V> {
        let (run, at) = self.find(id).ok()?;
        Some(&mut self.runs[run][at].1)
    }

    /// Puts a value in; returns the one that was there.
    pub fn insert(&mut self, id: Id, value: V) -> Option<V> {
        let (run, at) = match self.find(id) {
            Ok((run, at)) => return Some(std::mem::replace(&mut self.runs[run][at].1, value)),
            Err(place) => place,
        };
        self.len += 1;
        match self.runs.get_mut(run) {
            Some(entries) if entries.len() < RUN => entries.insert(at, (id, value)),
            // What is added at the end begins a new run, so that full ones stay full.
            Some(entries) if at == RUN => {
                entries.shrink_to_fit();
                self.runs.insert(run + 1, vec![(id, value)]);
            }
            Some(entries) => {
                let mut behind = entries.split_off(RUN / 2);
                let half = if at <= RUN / 2 { entries } else { &mut behind };
                half.insert(if at <= RUN / 2 { at } else { at - RUN / 2 }, (id, value));
                self.runs.insert(run + 1, behind);
            }
            None => self.runs.push_back(vec![(id, value)]),
        }
        None
    }

    /// Takes a value out.
    pub fn remove(&mut self, id: Id) -> Option<V> {
        let (run, at) = self.find(id).ok()?;
        self.len -= 1;
        let (_, value) = self.runs[run].remove(at);
        let left = self.runs[run].len();
        if left == 0 {
            self.runs.remove(run);
        } else if left < RUN / 4 {
            // Two neighbours that have become small are joined.
            if self.runs.get(run + 1).is_some_and(|next| left + next.len() <= RUN / 2) {
                self.join(run);
            } else if run > 0 && self.runs[run - 1].len() + left <= RUN / 2 {
                self.join(run - 1);
            }
        }
        if self.runs.capacity() > 2 * self.runs.len() + 8 {
            self.runs.shrink_to_fit();
        }
        Some(value)
    }

    /// Returns the first entry whose id is at least this one.
    pub fn first_from(&self, id: Id) -> Option<(Id, V)> {
        self.iter_from(id).next()
    }

    pub fn first(&self) -> Option<(Id, V)> {
        self.runs.front()?.first().copied()
    }

    pub fn last(&self) -> Option<(Id, V)> {
        self.runs.back()?.last().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, V)> {
        self.walk(0, 0)
    }

    /// Goes through the entries whose ids are at least this one.
    pub fn iter_from(&self, id: Id) -> impl Iterator<Item = (Id, V)> {
        let (run, at) = self.find(id).unwrap_or_else(|place| place);
        self.walk(run, at)
    }

    /// Goes through the entries after the first `skipped` ones.
    pub fn iter_after(&self, mut skipped: usize) -> impl Iterator<Item = (Id, V)> {
        let mut run = 0;
        while let Some(entries) = self.runs.get(run)
            && entries.len() <= skipped
        {
            skipped -= entries.len();
            run += 1;
        }
        self.walk(run, skipped)
    }

    /// Returns how many bytes are allocated.
    pub fn heap_bytes(&self) -> usize {
        let entries: usize = self.runs.iter().map(Vec::capacity).sum();
        entries * size_of::<(Id, V)>() + self.runs.capacity() * size_of::<Vec<(Id, V)>>()
    }

    fn walk(&self, run: usize, at: usize) -> impl Iterator<Item = (Id, V)> {
        let first = self.runs.get(run).and_then(|entries| entries.get(at..)).unwrap_or_default();
        let rest = self.runs.iter().skip(run + 1).flatten();
        first.iter().chain(rest).copied()
    }

    /// Returns the run and the place in it where an id is, or where it belongs.
    fn find(&self, id: Id) -> Result<(usize, usize), (usize, usize)> {
        let run = self.runs.partition_point(|entries| entries[0].0 <= id).saturating_sub(1);
        let Some(entries) = self.runs.get(run) else { return Err((run, 0)) };
        match entries.binary_search_by(|(other, _)| other.cmp(&id)) {
            Ok(at) => Ok((run, at)),
            Err(at) => Err((run, at)),
        }
    }

    fn join(&mut self, run: usize) {
        if let Some(mut behind) = self.runs.remove(run + 1) {
            self.runs[run].append(&mut behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn behaves_as_a_sorted_vector() {
        let mut random = Random::new(1);
        for spread in [3, 300, 20_000] {
            let mut map = IdMap::default();
            let mut naive: Vec<(Id, u64)> = vec![];
            for step in 0..20_000u64 {
                // It grows at its end at first, then shrinks.
                let more = random.below(20_000) > step;
                let id = Id::new(random.below(spread) / 2, random.below(2));
                let place = naive.binary_search_by(|(other, _)| other.cmp(&id));
                match (more, place) {
                    (true, Ok(at)) => {
                        assert_eq!(map.insert(id, step), Some(naive[at].1));
                        naive[at].1 = step;
                    }
                    (true, Err(at)) => {
                        assert_eq!(map.insert(id, step), None);
                        naive.insert(at, (id, step));
                    }
                    (false, Ok(at)) => assert_eq!(map.remove(id), Some(naive.remove(at).1)),
                    (false, Err(_)) => assert_eq!((map.remove(id), map.get(id)), (None, None)),
                }
                assert_eq!(map.len(), naive.len());
                let at = naive.partition_point(|(other, _)| *other < id);
                assert_eq!(map.first_from(id), naive.get(at).copied());
                if step % 500 == 0 {
                    assert!(map.iter().eq(naive.iter().copied()));
                    assert!(map.iter_after(at).eq(naive[at..].iter().copied()));
                    assert_eq!((map.first(), map.last()), (naive.first().copied(), naive.last().copied()));
                }
            }
        }
    }

    #[test]
    fn runs_are_full_when_ids_grow_and_go_when_ids_are_removed() {
        let mut map = IdMap::default();
        (0..1_000).for_each(|n| assert!(map.insert(Id::new(n, 0), ()).is_none()));
        assert_eq!(map.runs.len(), 1_000usize.div_ceil(RUN));
        (0..1_000).filter(|n| n % 50 != 0).for_each(|n| assert!(map.remove(Id::new(n, 0)).is_some()));
        assert_eq!((map.len(), map.runs.len()), (20, 1));
    }
}
