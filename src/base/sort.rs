//! Sorting in little code. The standard library's sorts are faster, and weigh ten kilobytes for each type that is sorted.

use std::cmp::Ordering;

/// Sorts by a comparison. Equal items stay in their order.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let order =
        order(items.len(), &mut |one, other| compare(&items[one], &items[other]) == Ordering::Greater);
    arrange(items, order);
}

/// Sorts items that have an order of their own.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Brings the first `count` items of the order to the front, sorted; the others are behind them somehow.
pub fn sort_first_by<T>(items: &mut [T], count: usize, mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut exceeds = |one: usize, other: usize| {
        compare(&items[one], &items[other]).then(one.cmp(&other)) == Ordering::Greater
    };
    let order = if count < items.len() / 4 {
        first(items.len(), count, &mut exceeds)
    } else {
        order(items.len(), &mut exceeds)
    };
    arrange(items, order);
}

/// Returns the places of `len` items in their order: runs are merged into runs twice as long.
fn order(len: usize, exceeds: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut from: Vec<usize> = (0..len).collect();
    let mut to = Vec::with_capacity(len);
    let mut width = 1;
    while width < len {
        to.clear();
        for start in (0..len).step_by(2 * width) {
            let middle = (start + width).min(len);
            let end = (middle + width).min(len);
            let (mut left, mut right) = (start, middle);
            // Runs that are in order already are one run.
            if middle < end && !exceeds(from[middle - 1], from[middle]) {
                left = middle;
                to.extend_from_slice(&from[start..middle]);
            }
            while left < middle && right < end {
                let place = if exceeds(from[left], from[right]) { &mut right } else { &mut left };
                to.push(from[*place]);
                *place += 1;
            }
            to.extend_from_slice(&from[left..middle]);
            to.extend_from_slice(&from[right..end]);
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    from
}

/// Returns the places of `len` items, the first `count` of the order in front, from a heap.
fn first(len: usize, count: usize, exceeds: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    // The heap stands on its head, so that what is taken from it ends up in front.
    let mut heap: Vec<usize> = (0..len).rev().collect();
    let mut sift = |heap: &mut [usize], from: usize| {
        let (mut at, last) = (from, heap.len() - 1);
        while 2 * at < last {
            let mut child = 2 * at + 1;
            if child < last && exceeds(heap[last - child], heap[last - child - 1]) {
                child += 1;
            }
            if !exceeds(heap[last - at], heap[last - child]) {
                break;
            }
            heap.swap(last - at, last - child);
            at = child;
        }
    };
    (0..len / 2).rev().for_each(|at| sift(&mut heap, at));
    for taken in 0..count.min(len) {
        // The root is the last; it changes places with the first that is left, and leaves.
        heap.swap(taken, len - 1);
        if taken + 1 < len {
            sift(&mut heap[taken + 1..], 0);
        }
    }
    heap
}

/// Puts at each place the item that is at the place that the order names.
fn arrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for start in 0..items.len() {
        let mut at = start;
        while order[at] != start {
            let next = order[at];
            items.swap(at, next);
            order[at] = at;
            at = next;
        }
        order[at] = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn items_are_sorted_and_equal_ones_keep_their_order() {
        let mut random = Random::new(7);
        for len in (0..40).chain([100, 255, 256, 257, 1000]) {
            for values in [1, 3, 1000] {
                let items: Vec<(u64, usize)> = (0..len).map(|place| (random.below(values), place)).collect();
                let mut expected = items.clone();
                expected.sort_by_key(|item| item.0);
                let mut sorted = items.clone();
                sort_by(&mut sorted, |one, other| one.0.cmp(&other.0));
                assert_eq!(sorted, expected);
                for count in [0, 1, 2, len / 5, len / 2, len] {
                    let mut some = items.clone();
                    sort_first_by(&mut some, count, |one, other| one.0.cmp(&other.0));
                    assert_eq!(some.get(..count), expected.get(..count), "{count} of {len}");
                    some.sort_unstable();
                    let mut all = items.clone();
                    all.sort_unstable();
                    assert_eq!(some, all);
                }
            }
        }
    }
}
