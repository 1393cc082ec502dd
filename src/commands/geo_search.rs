//! Places: what is near another place.

use crate::base::bytes::Bytes;
use crate::base::number::{parse_float, parse_int, to_count};
use crate::base::sort;
use crate::command;
use crate::data::entry::NewValue;
use crate::data::geohash::{Point, Search, Shape};
use crate::data::list::Side;
use crate::data::object::Object;
use crate::data::sorted_set::SortedSet;
use crate::engine::{Call, Family};
use crate::keyspace::{Event, Expiry};
use crate::resp::{Args, Error, Options, Reply, Result};
use crate::spec::Categories;

use super::geo::{metres, read_point, write_distance, write_point};

pub const GEO_SEARCH: Family = Family {
    name: "geo",
    category: Categories::GEO,
    commands: &[
        &GEORADIUS,
        &GEORADIUS_RO,
        &GEORADIUSBYMEMBER,
        &GEORADIUSBYMEMBER_RO,
        &GEOSEARCH,
        &GEOSEARCHSTORE,
    ],
};

command! {
    /// Returns the members within a circle or a box around a place.
    ///
    /// The place is that of a member or is given. `ASC` and `DESC` sort by distance. `COUNT` returns only so many, the
    /// nearest ones, or with `ANY` those that are found first. Distances, hashes and places are returned on request.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEOSEARCH cities FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST
    /// 1) 1) "Catania"
    ///    2) "56.4413"
    /// 2) 1) "Palermo"
    ///    2) "190.4424"
    /// > GEOSEARCH cities FROMMEMBER Catania BYBOX 100 100 km
    /// 1) "Catania"
    /// ```
    GEOSEARCH("key <FROMMEMBER member|FROMLONLAT longitude:double latitude:double> \
        <BYRADIUS radius:double <M|KM|FT|MI>|BYBOX width:double height:double <M|KM|FT|MI>> \
        [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]") -> "string[] | unknown[][]";
    flags READONLY;
    keys RO | ACCESS;
    arity -7;
    since "6.2.0";
    takes "O(N + log M) for N members in and around the shape of M";
    run geosearch;
}

fn geosearch(call: &mut Call<'_>) -> Result {
    search(call, Form::Search)
}

command! {
    /// Stores the members within a circle or a box around a place as a sorted set.
    ///
    /// Scores are the hashes of places, or with `STOREDIST` the distances. What the destination held is gone. The reply
    /// is how many members were stored.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEOSEARCHSTORE near cities FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1
    /// (integer) 1
    /// > ZRANGE near 0 -1
    /// 1) "Catania"
    /// ```
    GEOSEARCHSTORE("destination:key source:key <FROMMEMBER member|FROMLONLAT longitude:double latitude:double> \
        <BYRADIUS radius:double <M|KM|FT|MI>|BYBOX width:double height:double <M|KM|FT|MI>> \
        [ASC|DESC] [COUNT count [ANY]] [STOREDIST]") -> "number";
    flags WRITE | DENYOOM;
    keys OW | UPDATE, RO | ACCESS;
    arity -8;
    since "6.2.0";
    takes "O(N + log M) for N members in and around the shape of M";
    run geosearchstore;
}

fn geosearchstore(call: &mut Call<'_>) -> Result {
    search(call, Form::SearchStore)
}

command! {
    /// Returns or stores the members within a circle around a place.
    ///
    /// `GEOSEARCH` and `GEOSEARCHSTORE` do the same, and are to be preferred.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEORADIUS cities 15 37 100 km
    /// 1) "Catania"
    /// ```
    GEORADIUS("key longitude:double latitude:double radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
        [COUNT count [ANY]] [ASC|DESC] [STORE key] [STOREDIST key]") -> "string[] | unknown[][] | number";
    flags WRITE | DENYOOM;
    keys RO | ACCESS, OW | UPDATE, OW | UPDATE;
    since "3.2.0";
    takes "O(N + log M) for N members in and around the circle of M";
    run georadius;
}

fn georadius(call: &mut Call<'_>) -> Result {
    search(call, Form::Radius { member: false, read_only: false })
}

command! {
    /// Returns the members within a circle around a place, and stores nothing.
    ///
    /// `GEOSEARCH` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEORADIUS_RO cities 15 37 200 km DESC
    /// 1) "Palermo"
    /// 2) "Catania"
    /// ```
    GEORADIUS_RO("key longitude:double latitude:double radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
        [COUNT count [ANY]] [ASC|DESC]") -> "string[] | unknown[][]";
    flags READONLY;
    keys RO | ACCESS;
    since "3.2.10";
    takes "O(N + log M) for N members in and around the circle of M";
    run georadius_ro;
}

fn georadius_ro(call: &mut Call<'_>) -> Result {
    search(call, Form::Radius { member: false, read_only: true })
}

command! {
    /// Returns or stores the members within a circle around one of them.
    ///
    /// `GEOSEARCH` and `GEOSEARCHSTORE` do the same, and are to be preferred.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEORADIUSBYMEMBER cities Palermo 100 km
    /// 1) "Palermo"
    /// ```
    GEORADIUSBYMEMBER("key member radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
        [ASC|DESC] [STORE key] [STOREDIST key]") -> "string[] | unknown[][] | number";
    flags WRITE | DENYOOM;
    keys RO | ACCESS, OW | UPDATE, OW | UPDATE;
    since "3.2.0";
    takes "O(N + log M) for N members in and around the circle of M";
    run georadiusbymember;
}

fn georadiusbymember(call: &mut Call<'_>) -> Result {
    search(call, Form::Radius { member: true, read_only: false })
}

command! {
    /// Returns the members within a circle around one of them, and stores nothing.
    ///
    /// `GEOSEARCH` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEORADIUSBYMEMBER_RO cities Palermo 200 km ASC
    /// 1) "Palermo"
    /// 2) "Catania"
    /// ```
    GEORADIUSBYMEMBER_RO("key member radius:double <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
        [COUNT count [ANY]] [ASC|DESC]") -> "string[] | unknown[][]";
    flags READONLY;
    keys RO | ACCESS;
    since "3.2.10";
    takes "O(N + log M) for N members in and around the circle of M";
    run georadiusbymember_ro;
}

fn georadiusbymember_ro(call: &mut Call<'_>) -> Result {
    search(call, Form::Radius { member: true, read_only: true })
}

/// Which command it is.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Search,
    SearchStore,
    Radius { member: bool, read_only: bool },
}

/// What is searched for, as arguments say it.
#[derive(Default)]
struct Query<'a> {
    /// Where the center was said to be.
    from: Option<From>,
    center: Option<Point>,
    shape: Option<Shape>,
    /// How many metres the unit is.
    unit: f64,
    order: Option<Order>,
    count: usize,
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum From {
    Member,
    Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Rising,
    Falling,
}

/// A member that was found.
struct Found {
    member: Bytes,
    score: f64,
    distance: f64,
    point: Point,
}

fn search(call: &mut Call<'_>, form: Form) -> Result {
    let args = call.args;
    let key = if form == Form::SearchStore { 2 } else { 1 };
    let set = call.db.read::<SortedSet>(args.at(key))?;
    let query = Query::read(args, form, set)?;
    let found = match (set, query.center, query.shape) {
        (Some(set), Some(center), Some(shape)) => query.run(set, Search { center, shape }),
        _ => vec![],
    };
    match query.store {
        Some(to) => store(call, to, &query, form, found),
        None => query.write(&mut call.reply, &found),
    }
    Ok(())
}

impl<'a> Query<'a> {
    /// Reads all arguments; the key's set is there already, as a member may be the center.
    fn read(args: Args<'a>, form: Form, set: Option<&SortedSet>) -> Result<Self> {
        let mut query = Query { unit: 1.0, ..Self::default() };
        let mut options = args.options(match form {
            Form::Search => 2,
            Form::SearchStore => 3,
            Form::Radius { member, .. } => query.read_circle(args, member, set)?,
        });
        while !options.is_empty() {
            let taken = query.take(&mut options)?
                || match form {
                    Form::Search => query.take_place(args, &mut options, set)?,
                    Form::SearchStore => {
                        query.take_place(args, &mut options, set)? || query.take_distance_word(&mut options)
                    }
                    Form::Radius { read_only, .. } => !read_only && query.take_store(&mut options)?,
                };
            if !taken {
                return Err(Error::Syntax);
            }
        }
        if form == Form::SearchStore {
            query.store = Some(args.at(1));
        }
        query.check(args, form)?;
        Ok(query)
    }

    /// Reads the center and the radius that GEORADIUS and its kin begin with; returns where options begin.
    fn read_circle(&mut self, args: Args<'a>, member: bool, set: Option<&SortedSet>) -> Result<usize> {
        let at = if member { 3 } else { 4 };
        self.center = match (member, set) {
            (false, _) => Some(read_point(args, 2)?),
            (true, Some(set)) => Some(place_of(set, args.at(2))?),
            // Redis then looks at nothing before the options.
            (true, None) => return Ok(at + 2),
        };
        self.read_radius(args, at)?;
        Ok(at + 2)
    }

    fn read_radius(&mut self, args: Args<'_>, at: usize) -> Result {
        let radius = parse_float(args.at(at)).ok_or(Error::Text("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(Error::Text("ERR radius cannot be negative"));
        }
        self.unit = metres(args, at + 1)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(())
    }

    fn read_box(&mut self, args: Args<'_>, at: usize) -> Result {
        let width = parse_float(args.at(at)).ok_or(Error::Text("ERR need numeric width"))?;
        let height = parse_float(args.at(at + 1)).ok_or(Error::Text("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::Text("ERR height or width cannot be negative"));
        }
        self.unit = metres(args, at + 2)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    /// Takes an option that all forms have; returns whether one comes next.
    fn take(&mut self, options: &mut Options<'_>) -> Result<bool> {
        let words = [
            ("WITHDIST", &mut self.with_distance),
            ("WITHHASH", &mut self.with_hash),
            ("WITHCOORD", &mut self.with_point),
            ("ANY", &mut self.any),
        ];
        for (word, wanted) in words {
            if options.word(word) {
                *wanted = true;
                return Ok(true);
            }
        }
        if options.word("ASC") {
            self.order = Some(Order::Rising);
        } else if options.word("DESC") {
            self.order = Some(Order::Falling);
        } else if options.len() > 1 && options.word("COUNT") {
            let count = parse_int(options.take()?).ok_or(Error::NotInteger)?;
            let count = to_count(count).filter(|count| *count > 0);
            self.count = count.ok_or(Error::Text("ERR COUNT must be > 0"))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes where GEOSEARCH is to look; returns whether that comes next.
    fn take_place(
        &mut self,
        args: Args<'_>,
        options: &mut Options<'_>,
        set: Option<&SortedSet>,
    ) -> Result<bool> {
        let (left, at) = (options.len(), options.position() + 1);
        if left > 1 && self.from != Some(From::Place) && options.word("FROMMEMBER") {
            let member = options.take()?;
            self.from = Some(From::Member);
            if let Some(set) = set {
                self.center = Some(place_of(set, member)?);
            }
        } else if left > 2 && self.from != Some(From::Member) && options.word("FROMLONLAT") {
            self.center = Some(read_point(args, at)?);
            self.from = Some(From::Place);
            options.skip(2);
        } else if left > 2 && !matches!(self.shape, Some(Shape::Box { .. })) && options.word("BYRADIUS") {
            self.read_radius(args, at)?;
            options.skip(2);
        } else if left > 3 && !matches!(self.shape, Some(Shape::Circle { .. })) && options.word("BYBOX") {
            self.read_box(args, at)?;
            options.skip(3);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_distance_word(&mut self, options: &mut Options<'_>) -> bool {
        let hit = options.word("STOREDIST");
        self.store_distance |= hit;
        hit
    }

    /// Takes where GEORADIUS is to store; returns whether that comes next.
    fn take_store(&mut self, options: &mut Options<'a>) -> Result<bool> {
        for (word, distance) in [("STORE", false), ("STOREDIST", true)] {
            if options.len() > 1 && options.word(word) {
                (self.store, self.store_distance) = (Some(options.take()?), distance);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses what does not go together.
    fn check(&self, args: Args<'_>, form: Form) -> Result {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            return Err(Error::Text(match form {
                Form::SearchStore => {
                    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
                Form::Search | Form::Radius { .. } => {
                    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
            }));
        }
        let said = |what: &str| {
            let name = String::from_utf8_lossy(args.at(0));
            Err(Error::said(format!("ERR exactly one of {what} can be specified for {name}")))
        };
        if matches!(form, Form::Search | Form::SearchStore) {
            if self.from.is_none() {
                return said("FROMMEMBER or FROMLONLAT");
            }
            if self.shape.is_none() {
                return said("BYRADIUS and BYBOX");
            }
        }
        if self.any && self.count == 0 {
            return Err(Error::Text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// Returns what is found, in the order in which it is asked for.
    fn run(&self, set: &SortedSet, search: Search) -> Vec<Found> {
        let most = if self.count == 0 { usize::MAX } else { self.count };
        let enough = if self.any { most } else { usize::MAX };
        let mut found = vec![];
        search.ranges(|hashes| {
            let before = |hash: u64| set.count_before(&|score, _| score < hash as f64);
            let ranks = before(hashes.start)..before(hashes.end);
            for (member, score) in set.range(ranks, Side::Head) {
                let point = Point::of_score(score);
                if let Some(distance) = search.distance(point) {
                    found.push(Found { member: Bytes::from(&*member), score, distance, point });
                    if found.len() >= enough {
                        return false;
                    }
                }
            }
            true
        });
        // A count without ANY is that of the nearest ones.
        let order = self.order.or((self.count > 0 && !self.any).then_some(Order::Rising));
        match order {
            Some(Order::Rising) => {
                sort::sort_by(&mut found, |one, other| one.distance.total_cmp(&other.distance))
            }
            Some(Order::Falling) => {
                sort::sort_by(&mut found, |one, other| other.distance.total_cmp(&one.distance))
            }
            None => {}
        }
        found.truncate(most);
        found
    }

    fn write(&self, reply: &mut Reply<'_>, found: &[Found]) {
        let facts = [self.with_distance, self.with_hash, self.with_point];
        let count = facts.into_iter().filter(|wanted| *wanted).count();
        reply.array(found.len());
        for one in found {
            if count > 0 {
                reply.array(1 + count);
            }
            reply.bulk(&one.member);
            if self.with_distance {
                write_distance(reply, one.distance / self.unit);
            }
            if self.with_hash {
                reply.int(one.score as i64);
            }
            if self.with_point {
                write_point(reply, one.point);
            }
        }
    }
}

fn place_of(set: &SortedSet, member: &[u8]) -> Result<Point> {
    let score = set.score(member).ok_or(Error::Text("ERR could not decode requested zset member"))?;
    Ok(Point::of_score(score))
}

/// Stores what was found, or removes the key if that is nothing.
fn store(call: &mut Call<'_>, to: &[u8], query: &Query<'_>, form: Form, found: Vec<Found>) {
    let limits = call.db.limits;
    let mut result = SortedSet::new();
    for one in &found {
        let score = if query.store_distance { one.distance / query.unit } else { one.score };
        result.insert(&one.member, score, &limits);
    }
    if !found.is_empty() {
        call.db.set(to, NewValue::Object(Object::SortedSet(Box::new(result))), Expiry::Never);
        let searched = form == Form::SearchStore;
        call.db.touch(to, Event::sorted_set(if searched { "geosearchstore" } else { "georadiusstore" }));
        call.db.effects.count(found.len() as u64 - 1);
    } else if call.db.remove(to) {
        call.db.touch(to, Event::DEL);
    }
    call.reply.len(found.len());
}
