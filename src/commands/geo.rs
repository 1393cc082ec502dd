//! Places: sorted sets whose scores are hashes of coordinates. Searches are in `geo_search`.

use crate::base::number::{format_int, push_fixed};
use crate::command;
use crate::data::geohash::Point;
use crate::data::sorted_set::SortedSet;
use crate::engine::{Call, Family};
use crate::resp::{Args, Error, OwnedArgs, Reply, Result};
use crate::spec::Categories;

use super::sorted_set::{Rules, add};

pub const GEO: Family =
    Family { name: "geo", category: Categories::GEO, commands: &[&GEOADD, &GEODIST, &GEOHASH, &GEOPOS] };

command! {
    /// Gives members of a sorted set their places, by longitude and latitude.
    ///
    /// They are members with scores like any others, and removed by `ZREM`. `NX` only adds members, `XX` only moves
    /// those there are. The reply is how many members are new, with `CH` how many are new or have moved. Latitudes reach
    /// from -85.05112878 to 85.05112878.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEODIST cities Palermo Catania km
    /// "166.2742"
    /// ```
    GEOADD("key [NX|XX] [CH] <longitude:double latitude:double member>...") -> "number";
    flags WRITE | DENYOOM;
    keys RW | UPDATE;
    since "3.2.0";
    takes "O(log N) for each member, with N members of the set";
    run geoadd;
}

fn geoadd(call: &mut Call<'_>) -> Result {
    let mut options = call.args.options(2);
    let (mut nx, mut xx) = (false, false);
    loop {
        if options.word("NX") {
            nx = true;
        } else if options.word("XX") {
            xx = true;
        } else if !options.word("CH") {
            break;
        }
    }
    if !options.len().is_multiple_of(3) || (nx && xx) {
        return Err(Error::Syntax);
    }
    let mut zadd = OwnedArgs::default();
    zadd.push(b"zadd");
    (1..options.position()).for_each(|i| zadd.push(call.args.at(i)));
    for i in (options.position()..call.args.len()).step_by(3) {
        let point = read_point(call.args, i)?;
        zadd.push(&format_int(point.hash() as i64));
        zadd.push(call.args.at(i + 2));
    }
    let zadd = zadd.as_args();
    if add(call, zadd, Rules::default())? {
        let args: Vec<&[u8]> = zadd.iter().collect();
        call.db.log_as(&args);
    }
    Ok(())
}

/// Reads a longitude and the latitude behind it.
pub(super) fn read_point(args: Args<'_>, at: usize) -> Result<Point> {
    let (longitude, latitude) = (args.float(at)?, args.float(at + 1)?);
    Point::new(longitude, latitude).ok_or_else(|| {
        let mut text = b"ERR invalid longitude,latitude pair ".to_vec();
        push_fixed(&mut text, longitude, 6);
        text.push(b',');
        push_fixed(&mut text, latitude, 6);
        Error::said(text)
    })
}

command! {
    /// Returns how far two members are from one another.
    ///
    /// In metres, kilometres, miles or feet. The reply is null if one of them is not there.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEODIST cities Palermo Catania
    /// "166274.1516"
    /// > GEODIST cities Palermo Rome
    /// (nil)
    /// ```
    GEODIST("key member1:string member2:string [M|KM|FT|MI]") -> "string | null";
    flags READONLY;
    keys RO | ACCESS;
    since "3.2.0";
    takes "O(1)";
    run geodist;
}

fn geodist(call: &mut Call<'_>) -> Result {
    let unit = match call.args.len() {
        4 => 1.0,
        5 => metres(call.args, 4)?,
        _ => return Err(Error::Syntax),
    };
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    let place = |i| Some(Point::of_score(set?.score(call.args.at(i))?));
    match place(2).zip(place(3)) {
        Some((one, other)) => write_distance(&mut call.reply, one.distance(other) / unit),
        None => call.reply.null(),
    }
    Ok(())
}

/// Reads a unit; returns how many metres it is.
pub(super) fn metres(args: Args<'_>, at: usize) -> Result<f64> {
    let units = [("M", 1.0), ("KM", 1_000.0), ("FT", 0.3048), ("MI", 1_609.34)];
    let found = units.into_iter().find(|(word, _)| args.is(at, word));
    found
        .map(|(_, metres)| metres)
        .ok_or(Error::Text("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Writes a distance as Redis does, in RESP3 too: a string with four decimals.
pub(super) fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    let mut text = vec![];
    push_fixed(&mut text, distance, 4);
    reply.bulk(&text);
}

pub(super) fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    reply.plain_double(point.longitude);
    reply.plain_double(point.latitude);
}

command! {
    /// Returns members' places as the letters that other systems know them by.
    ///
    /// Places with the same first letters are near one another. What is not there counts as null.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    /// (integer) 2
    /// > GEOHASH cities Palermo Catania Rome
    /// 1) "sqc8b49rny0"
    /// 2) "sqdtr74hyu0"
    /// 3) (nil)
    /// ```
    GEOHASH("key [member...]") -> "(string | null)[]";
    flags READONLY;
    keys RO | ACCESS;
    since "3.2.0";
    takes "O(N) for N members asked for";
    run geohash;
}

fn geohash(call: &mut Call<'_>) -> Result {
    let members = call.args.from(2);
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    call.reply.array(members.len());
    for member in members.iter() {
        let letters = set.and_then(|set| Some(Point::of_score(set.score(member)?).letters()));
        call.reply.bulk_or_null(letters.as_ref().map(|letters| &letters[..]));
    }
    Ok(())
}

command! {
    /// Returns members' longitudes and latitudes.
    ///
    /// They differ from what was given by up to half a metre. What is not there counts as null.
    ///
    /// ```redis
    /// > GEOADD cities 13.361389 38.115556 Palermo
    /// (integer) 1
    /// > GEOPOS cities Palermo Rome
    /// 1) 1) "13.36138933897018433"
    ///    2) "38.11555639549629859"
    /// 2) (nil)
    /// ```
    GEOPOS("key [member...]") -> "([longitude: number, latitude: number] | null)[]";
    flags READONLY;
    keys RO | ACCESS;
    since "3.2.0";
    takes "O(N) for N members asked for";
    run geopos;
}

fn geopos(call: &mut Call<'_>) -> Result {
    let members = call.args.from(2);
    let set = call.db.read::<SortedSet>(call.args.at(1))?;
    call.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => write_point(&mut call.reply, Point::of_score(score)),
            None => call.reply.null_array(),
        }
    }
    Ok(())
}
