//! SORT: elements in order, by what they are or by what other keys say of them.

use std::cmp::Ordering;
use std::ops::Range;

use crate::base::bytes::Bytes;
use crate::base::number::{parse_float, parse_int};
use crate::base::sort;
use crate::command;
use crate::data::entry::{NewValue, ValueRef};
use crate::data::list::{Item as Element, List, Side};
use crate::data::object::Object;
use crate::engine::session::Turn;
use crate::engine::{Call, Family};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const SORT_FAMILY: Family =
    Family { name: "generic", category: Categories::NONE, commands: &[&SORT, &SORT_RO] };

command! {
    /// Returns the elements of a list, a set or a sorted set in order, or stores them as a list.
    ///
    /// They are compared as numbers, or with `ALPHA` as bytes; by themselves, or with `BY` by the values of other keys: the
    /// star in the pattern stands for the element, and `hash->field` for a field of a hash. A pattern without a star leaves
    /// the order as it is. `GET` returns the values of other keys instead, `GET #` the element itself. With `STORE` the
    /// reply is how many were stored.
    ///
    /// ```redis
    /// > RPUSH ids 3 1 2
    /// (integer) 3
    /// > MSET age:1 40 age:2 30 age:3 20 name:1 ann name:2 bob name:3 eve
    /// OK
    /// > SORT ids DESC LIMIT 0 2
    /// 1) "3"
    /// 2) "2"
    /// > SORT ids BY age:* GET name:*
    /// 1) "eve"
    /// 2) "bob"
    /// 3) "ann"
    /// ```
    SORT("key [BY pattern] [LIMIT offset count] [GET pattern]... [ASC|DESC] [ALPHA] [STORE destination:key]")
        -> "(string | null)[] | number";
    flags WRITE | DENYOOM;
    keys RO | ACCESS, OW | UPDATE;
    also SET | SORTEDSET | LIST | DANGEROUS;
    since "1.0.0";
    takes "O(N+M*log(M)) for N elements of which M are returned; O(N) where they are not sorted";
    run sort_or_store;
}

fn sort_or_store(call: &mut Call<'_>) -> Result {
    let query = Query::read(call, Stores::Maybe)?;
    sort(call, query)
}

command! {
    /// Returns the elements of a list, a set or a sorted set in order.
    ///
    /// As `SORT` without `STORE`, for clients that only read.
    ///
    /// ```redis
    /// > RPUSH names eve ann bob
    /// (integer) 3
    /// > SORT_RO names ALPHA
    /// 1) "ann"
    /// 2) "bob"
    /// 3) "eve"
    /// ```
    SORT_RO("key [BY pattern] [LIMIT offset count] [GET pattern]... [ASC|DESC] [ALPHA]") -> "(string | null)[]";
    flags READONLY;
    keys RO | ACCESS;
    also SET | SORTEDSET | LIST | DANGEROUS;
    since "7.0.0";
    takes "O(N+M*log(M)) for N elements of which M are returned; O(N) where they are not sorted";
    run sort_only;
}

fn sort_only(call: &mut Call<'_>) -> Result {
    let query = Query::read(call, Stores::Never)?;
    sort(call, query)
}

/// Whether a query may say where to store what comes out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stores {
    Maybe,
    Never,
}

/// What is asked for.
#[derive(Default)]
struct Query<'a> {
    by: Option<&'a [u8]>,
    /// A pattern without a star was given, be it not the last one.
    keeps_order: bool,
    descending: bool,
    alpha: bool,
    limit: Option<(i64, i64)>,
    gets: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    fn read(call: &Call<'a>, stores: Stores) -> Result<Self> {
        let mut query = Self::default();
        let mut options = call.args.options(2);
        while !options.is_empty() {
            let left = options.len();
            if options.word("ASC") {
                query.descending = false;
            } else if options.word("DESC") {
                query.descending = true;
            } else if options.word("ALPHA") {
                query.alpha = true;
            } else if left > 2 && options.word("LIMIT") {
                let mut number = || parse_int(options.take()?).ok_or(Error::NotInteger);
                query.limit = Some((number()?, number()?));
            } else if stores == Stores::Maybe && left > 1 && options.word("STORE") {
                query.store = Some(options.take()?);
            } else if left > 1 && options.word("BY") {
                let pattern = options.take()?;
                query.by = Some(pattern);
                query.keeps_order |= !pattern.contains(&b'*');
                if pattern.contains(&b'*') && !call.may_read_all_keys() {
                    return Err(Error::Text(
                        "ERR BY option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
            } else if left > 1 && options.word("GET") {
                if !call.may_read_all_keys() {
                    return Err(Error::Text(
                        "ERR GET option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
                query.gets.push(options.take()?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(query)
    }

    /// Returns which of so many elements are wanted.
    fn window(&self, len: usize) -> Range<usize> {
        let Some((start, count)) = self.limit else { return 0..len };
        let start = usize::try_from(start.max(0)).map_or(len, |start| start.min(len));
        let count = usize::try_from(count).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }

    /// Returns which of so many elements are to be read: those that are wanted if their order stays, else all.
    fn read_range(&self, len: usize) -> Range<usize> {
        let Range { start, end } = if self.keeps_order { self.window(len) } else { 0..len };
        if self.keeps_order && self.descending { len - end..len - start } else { start..end }
    }
}

/// An element that is to be sorted.
struct Item {
    element: Bytes,
    weight: Weight,
    /// Decides between equals.
    place: usize,
}

/// What an element is compared by.
enum Weight {
    Itself,
    Number(f64),
    Text(Option<Bytes>),
}

impl Item {
    fn compare(&self, other: &Self) -> Ordering {
        match (&self.weight, &other.weight) {
            (Weight::Number(one), Weight::Number(two)) => {
                one.partial_cmp(two).unwrap_or(Ordering::Equal).then_with(|| self.element.cmp(&other.element))
            }
            (Weight::Text(one), Weight::Text(two)) => one.cmp(two),
            _ => self.element.cmp(&other.element),
        }
    }
}

fn sort(call: &mut Call<'_>, mut query: Query<'_>) -> Result {
    let mut items = elements(call, &mut query)?;
    let query = &query;
    if !query.keeps_order {
        for item in &mut items {
            item.weight = weigh(call, query, &item.element)?;
        }
        let order = |one: &Item, two: &Item| {
            let order = one.compare(two);
            let order = if query.descending { order.reverse() } else { order };
            order.then(one.place.cmp(&two.place)).then_with(|| one.element.cmp(&two.element))
        };
        let window = query.window(items.len());
        // What comes behind the window need not be in order.
        sort::sort_first_by(&mut items, window.end, order);
        items.truncate(window.end);
        items.drain(..window.start);
    }
    match query.store {
        Some(to) => store(call, query, &items, to),
        None => write(call, query, &items),
    }
    Ok(())
}

/// Returns the elements of the key; if their order stays, only those that are wanted.
fn elements(call: &mut Call<'_>, query: &mut Query<'_>) -> Result<Vec<Item>> {
    let scripted = call.session.turn == Turn::Script;
    let Some(entry) = call.db.entry_counted(call.args.at(1)) else { return Ok(vec![]) };
    let mut items = vec![];
    let mut add = |element: &[u8]| {
        items.push(Item { element: element.into(), weight: Weight::Itself, place: items.len() });
    };
    match entry.value() {
        ValueRef::Object(Object::List(list)) => {
            let Range { start, end } = query.read_range(list.len());
            if start < end {
                list.range(start as i64, end as i64 - 1).for_each(|element| add(&element));
            }
        }
        ValueRef::Object(Object::SortedSet(set)) => {
            set.range(query.read_range(set.len()), Side::Head).for_each(|(member, _)| add(&member));
        }
        ValueRef::Object(Object::Set(set)) => {
            // A set has no order to keep. What is stored, or seen by a script, must not depend on how it is laid out.
            if query.keeps_order && (query.store.is_some() || scripted) {
                (query.keeps_order, query.alpha, query.by) = (false, true, None);
            }
            query.descending &= !query.keeps_order;
            let Range { start, end } = query.read_range(set.len());
            set.iter().skip(start).take(end - start).for_each(|member| add(&Element::from(member)));
            // Members that compare alike are put in order by their bytes.
            items.iter_mut().for_each(|item| item.place = 0);
        }
        ValueRef::Str(_) | ValueRef::Object(Object::Hash(_) | Object::Stream(_)) => {
            return Err(Error::WrongType);
        }
    }
    if query.keeps_order && query.descending {
        items.reverse();
    }
    Ok(items)
}

/// Returns what an element is compared by.
fn weigh(call: &mut Call<'_>, query: &Query<'_>, element: &[u8]) -> Result<Weight> {
    let read = |value: &[u8]| {
        if query.alpha {
            return Ok(Weight::Text(Some(value.into())));
        }
        let number =
            number(value).ok_or(Error::Text("ERR One or more scores can't be converted into double"))?;
        Ok(Weight::Number(number))
    };
    match query.by {
        None if query.alpha => Ok(Weight::Itself),
        None => read(element),
        Some(pattern) => match (find(call, pattern, element, read), query.alpha) {
            (Some(weight), _) => weight,
            (None, true) => Ok(Weight::Text(None)),
            (None, false) => Ok(Weight::Number(0.0)),
        },
    }
}

/// Reads a number as C's `strtod` does: blanks in front of it, nothing at all, and whatever follows a zero byte don't
/// matter.
fn number(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() { Some(0.0) } else { parse_float(text.trim_ascii_start()) }
}

/// Finds the value that a pattern means for an element; returns what `read` makes of it.
fn find<T>(call: &mut Call<'_>, pattern: &[u8], element: &[u8], read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    if pattern == b"#" {
        return Some(read(element));
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = behind.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < behind.len());
    let (behind, field) = match arrow {
        Some(at) => (&behind[..at], Some(&behind[at + 2..])),
        None => (behind, None),
    };
    let now = call.db.now;
    let entry = call.db.entry_counted(&[before, element, behind].concat())?;
    match (entry.value(), field) {
        (ValueRef::Str(string), None) => Some(read(string.as_bytes(&mut [0; 20]))),
        (ValueRef::Object(Object::Hash(hash)), Some(field)) => {
            let pair = hash.find(field).filter(|pair| pair.deadline.is_none_or(|deadline| deadline > now));
            pair.map(|pair| read(&pair.value()))
        }
        (ValueRef::Str(_) | ValueRef::Object(_), _) => None,
    }
}

fn write(call: &mut Call<'_>, query: &Query<'_>, items: &[Item]) {
    call.reply.array(items.len() * query.gets.len().max(1));
    for item in items {
        if query.gets.is_empty() {
            call.reply.bulk(&item.element);
        }
        for pattern in &query.gets {
            let value = find(call, pattern, &item.element, |value| Bytes::from(value));
            call.reply.bulk_or_null(value.as_deref());
        }
    }
}

fn store(call: &mut Call<'_>, query: &Query<'_>, items: &[Item], to: &[u8]) {
    let mut list = List::new();
    for item in items {
        if query.gets.is_empty() {
            list.push(Side::Tail, &item.element);
        }
        for pattern in &query.gets {
            // What is not there is stored as an empty string.
            if find(call, pattern, &item.element, |value| list.push(Side::Tail, value)).is_none() {
                list.push(Side::Tail, b"");
            }
        }
    }
    let len = list.len();
    if len > 0 {
        call.db.set(to, NewValue::Object(Object::List(Box::new(list))), Expiry::Never);
        call.db.touch(to, Event::list("sortstore"));
        call.db.effects.count(len as u64 - 1);
    } else if call.db.remove(to) {
        call.db.touch(to, Event::DEL);
    }
    call.reply.len(len);
}
