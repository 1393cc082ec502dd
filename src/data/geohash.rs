//! Places on the Earth as integers of 52 bits, and which ranges of these a search has to look at.
//!
//! A *hash* of `n` steps halves the ranges of latitude and longitude `n` times each; its bits take turns, a latitude's
//! having the even places. Places that share the upper bits are in one cell, so a cell is a range of hashes. A search
//! looks at the cell of its centre and at the eight around it, whose size is chosen so that nothing else is near enough.

use std::f64::consts::PI;
use std::ops::Range;

use crate::base::number::to_unsigned;

/// A place, in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

/// How many times each range is halved for a whole hash.
const STEPS: u32 = 26;

/// What is on the square map of the Mercator projection.
const LATITUDES: Range<f64> = -85.05112878..85.05112878;
const LONGITUDES: Range<f64> = -180.0..180.0;
/// The latitudes that there are, which the letters of GEOHASH go by.
const ALL_LATITUDES: Range<f64> = -90.0..90.0;

/// The radius of the Earth in metres, as far as Redis is concerned.
const EARTH: f64 = 6_372_797.560856;
/// Half of its girth at the equator.
const HALF_GIRTH: f64 = 20_037_726.37;

/// The even places.
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

impl Point {
    /// Returns a place, if it is on the map.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let on_map = (LONGITUDES.start..=LONGITUDES.end).contains(&longitude)
            && (LATITUDES.start..=LATITUDES.end).contains(&latitude);
        on_map.then_some(Self { longitude, latitude })
    }

    /// Returns the hash.
    pub fn hash(self) -> u64 {
        self.hash_in(LATITUDES, STEPS)
    }

    /// Returns the point that a score stands for, whatever it is.
    pub fn of_score(score: f64) -> Self {
        Self::of_hash(to_unsigned(score))
    }

    /// Returns the middle of the cell of a whole hash.
    pub fn of_hash(hash: u64) -> Self {
        let area = Area::of(hash, STEPS);
        let middle =
            |range: &Range<f64>, all: Range<f64>| ((range.start + range.end) / 2.0).clamp(all.start, all.end);
        Self { longitude: middle(&area.longitudes, LONGITUDES), latitude: middle(&area.latitudes, LATITUDES) }
    }

    /// Returns the eleven letters that other systems know the place by.
    pub fn letters(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let hash = self.hash_in(ALL_LATITUDES, STEPS);
        // Two bits are left for the last letter; Redis has a zero there.
        std::array::from_fn(|i| if i < 10 { LETTERS[(hash >> (47 - 5 * i) & 31) as usize] } else { b'0' })
    }

    /// Returns how many metres it is to another place.
    pub fn distance(self, other: Self) -> f64 {
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let u = ((there - here) / 2.0).sin();
        let v = ((other.longitude.to_radians() - self.longitude.to_radians()) / 2.0).sin();
        2.0 * EARTH * (u * u + here.cos() * there.cos() * v * v).sqrt().asin()
    }

    fn hash_in(self, latitudes: Range<f64>, steps: u32) -> u64 {
        let share = |at: f64, all: Range<f64>| {
            ((at - all.start) / (all.end - all.start) * (1u64 << steps) as f64) as u32
        };
        spread(share(self.latitude, latitudes)) | spread(share(self.longitude, LONGITUDES)) << 1
    }
}

/// Moves the bits of a number to the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Returns the number whose bits are at the even places.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

/// What a cell covers, in degrees.
struct Area {
    latitudes: Range<f64>,
    longitudes: Range<f64>,
}

impl Area {
    fn of(hash: u64, steps: u32) -> Self {
        let part = |n: u32, all: Range<f64>| {
            let edge = |n: f64| all.start + n / (1u64 << steps) as f64 * (all.end - all.start);
            edge(f64::from(n))..edge(f64::from(n) + 1.0)
        };
        Self { latitudes: part(gather(hash), LATITUDES), longitudes: part(gather(hash >> 1), LONGITUDES) }
    }
}

/// Which places are looked for. Lengths are in metres.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A search around a place.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    pub center: Point,
    pub shape: Shape,
}

/// A cell: as many bits as twice its steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cell {
    bits: u64,
    steps: u32,
}

impl Search {
    /// Returns the distance of a place, if it is within the shape.
    pub fn distance(&self, point: Point) -> Option<f64> {
        match self.shape {
            Shape::Circle { radius } => {
                let distance = self.center.distance(point);
                (distance <= radius).then_some(distance)
            }
            Shape::Box { width, height } => {
                let beside = Point { longitude: self.center.longitude, ..point };
                let across = point.distance(beside);
                let along = point.distance(Point { latitude: self.center.latitude, ..point });
                let within = across <= width / 2.0 && along <= height / 2.0;
                within.then(|| self.center.distance(point))
            }
        }
    }

    /// Calls `look` with ranges of hashes in which all places of the shape are, in Redis' order, until it answers
    /// false. A range may come twice where cells are so large that they meet behind the Earth.
    pub fn ranges(&self, mut look: impl FnMut(Range<u64>) -> bool) {
        let mut last = None;
        for (i, cell) in self.cells().into_iter().enumerate() {
            let Some(cell) = cell.filter(|cell| last != Some(*cell)) else { continue };
            let shift = 2 * (STEPS - cell.steps);
            if !look(cell.bits << shift..(cell.bits + 1) << shift) {
                return;
            }
            // Redis does not compare with the first one.
            last = (i > 0).then_some(cell);
        }
    }

    /// Returns the cell of the centre and the ones around it that are of use.
    fn cells(&self) -> [Option<Cell>; 9] {
        let bounds = self.bounds();
        let mut steps = self.steps();
        let mut cell = Cell { bits: self.center.hash_in(LATITUDES, steps), steps };
        if steps > 1 && !cell.is_enough_for(&bounds) {
            steps -= 1;
            cell = Cell { bits: self.center.hash_in(LATITUDES, steps), steps };
        }
        let area = cell.area();
        let useful = |north: i32, east: i32| {
            let south_is_out = area.latitudes.start < bounds.latitudes.start;
            let north_is_out = area.latitudes.end > bounds.latitudes.end;
            let west_is_out = area.longitudes.start < bounds.longitudes.start;
            let east_is_out = area.longitudes.end > bounds.longitudes.end;
            let out = (south_is_out && north < 0)
                || (north_is_out && north > 0)
                || (west_is_out && east < 0)
                || (east_is_out && east > 0);
            (steps < 2 || !out).then(|| cell.neighbor(north, east))
        };
        [
            Some(cell),
            useful(1, 0),
            useful(-1, 0),
            useful(0, 1),
            useful(0, -1),
            useful(1, 1),
            useful(1, -1),
            useful(-1, 1),
            useful(-1, -1),
        ]
    }

    /// Returns what the shape covers, in degrees, or a little more.
    fn bounds(&self) -> Area {
        let Point { longitude, latitude } = self.center;
        let (across, along) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let up = degrees(along / EARTH);
        // A degree of longitude is shortest at the edge that is nearer to a pole.
        let edge = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = degrees(across / EARTH / edge.to_radians().cos());
        Area { latitudes: latitude - up..latitude + up, longitudes: longitude - aside..longitude + aside }
    }

    /// Returns how many steps make cells that are about as large as the shape.
    fn steps(&self) -> u32 {
        let mut reach = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => {
                (width / 2.0 * (width / 2.0) + height / 2.0 * (height / 2.0)).sqrt()
            }
        };
        if reach == 0.0 {
            return STEPS;
        }
        let mut steps = -1i32;
        while reach < HALF_GIRTH {
            reach *= 2.0;
            steps += 1;
        }
        // Towards the poles the same degrees are fewer metres.
        let latitude = self.center.latitude.abs();
        steps -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        steps.clamp(1, STEPS as i32) as u32
    }
}

impl Cell {
    fn area(self) -> Area {
        Area::of(self.bits, self.steps)
    }

    /// Returns the cell so many steps to the north and to the east; behind the last one comes the first.
    fn neighbor(self, north: i32, east: i32) -> Self {
        let moved = |places: u64, by: i32| {
            let mask = places >> (64 - 2 * self.steps);
            match by {
                // Ones between the bits carry, zeros borrow.
                1 => (self.bits | !mask).wrapping_add(1) & mask,
                -1 => (self.bits & mask).wrapping_sub(1) & mask,
                // The last degree itself is a bit beyond the mask, which Redis leaves there.
                _ => self.bits & places,
            }
        };
        Self { bits: moved(LATITUDE_BITS, north) | moved(!LATITUDE_BITS, east), steps: self.steps }
    }

    /// Tells whether the cells around this one reach as far as the bounds.
    fn is_enough_for(self, bounds: &Area) -> bool {
        self.neighbor(1, 0).area().latitudes.end >= bounds.latitudes.end
            && self.neighbor(-1, 0).area().latitudes.start <= bounds.latitudes.start
            && self.neighbor(0, 1).area().longitudes.end >= bounds.longitudes.end
            && self.neighbor(0, -1).area().longitudes.start <= bounds.longitudes.start
    }
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn point(random: &mut Random) -> Point {
        let degree = |random: &mut Random, most: f64| (random.below(2_000_001) as f64 / 1e6 - 1.0) * most;
        Point::new(degree(random, 180.0), degree(random, 85.0)).expect("on the map")
    }

    #[test]
    fn hashes_are_those_of_redis() {
        let palermo = Point::new(13.361389, 38.115556).unwrap();
        let catania = Point::new(15.087269, 37.502669).unwrap();
        assert_eq!((palermo.hash(), catania.hash()), (3_479_099_956_230_698, 3_479_447_370_796_909));
        assert_eq!(&Point::of_hash(palermo.hash()).letters(), b"sqc8b49rny0");
        let distance = Point::of_hash(palermo.hash()).distance(Point::of_hash(catania.hash()));
        assert!((distance - 166_274.151_6).abs() < 0.0001, "{distance}");
    }

    #[test]
    fn a_hash_is_a_place_within_a_metre() {
        let mut random = Random::new(1);
        for _ in 0..10_000 {
            let point = point(&mut random);
            let again = Point::of_hash(point.hash());
            assert!(point.distance(again) < 0.6, "{point:?} {again:?}");
            assert_eq!(again.hash(), point.hash());
        }
    }

    #[test]
    fn a_search_looks_where_its_places_are() {
        let mut random = Random::new(2);
        for _ in 0..3_000 {
            // Near the poles and behind the date line Redis itself misses some.
            let center = Point { longitude: point(&mut random).longitude / 1.5, ..point(&mut random) };
            let center = Point { latitude: center.latitude / 2.0, ..center };
            let size = 10f64.powi(random.below(6) as i32) * (1 + random.below(9)) as f64;
            let shape = match random.below(2) {
                0 => Shape::Circle { radius: size },
                _ => Shape::Box { width: size, height: 2.0 * size },
            };
            let search = Search { center, shape };
            let mut ranges = vec![];
            search.ranges(|range| {
                ranges.push(range);
                true
            });
            for _ in 0..20 {
                let near = |random: &mut Random| (random.below(2_001) as f64 / 1e3 - 1.0) * size / 80_000.0;
                let other = Point {
                    longitude: center.longitude + near(&mut random),
                    latitude: center.latitude + near(&mut random),
                };
                if search.distance(other).is_some() {
                    let hash = other.hash();
                    assert!(ranges.iter().any(|range| range.contains(&hash)), "{search:?} {other:?}");
                }
            }
        }
    }
}
