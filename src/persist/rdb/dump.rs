//! One value by itself, as DUMP hands it out and RESTORE takes it.
//!
//! ```text
//! type   value   u16 version   u64 crc64      the last is of all bytes before it, and the low byte comes first
//! ```

use crate::base::checksum::crc64;
use crate::data::Limits;
use crate::data::entry::{Entry, NewValue};

use super::input::{Input, Read, Stop};
use super::load::{Maker, begin};
use super::output::Encoder;
use super::save::{kind_of, write};
use super::{Fault, VERSION, kind, opcode};

const FOOTER: usize = 2 + 8;

/// Why a payload can't be restored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadPayload {
    /// It is of a later version, or not as it was handed out.
    Footer,
    /// It is no value that a key can hold, for this reason.
    Value(Fault),
}

/// Returns an entry's value as a payload.
pub fn dump(entry: &Entry, compress: bool) -> Vec<u8> {
    let mut payload = vec![kind_of(entry.value(), false)];
    let unfinished = write(entry.value(), None, usize::MAX, &mut Encoder::new(compress, false), &mut payload);
    debug_assert!(unfinished.is_none(), "there is no limit");
    close(payload)
}

/// Returns the sources of libraries as a payload.
pub fn dump_libraries(libraries: &[Box<[u8]>], compress: bool) -> Vec<u8> {
    let (mut encoder, mut payload) = (Encoder::new(compress, false), vec![]);
    for code in libraries {
        payload.push(opcode::FUNCTION);
        encoder.string(code, &mut payload);
    }
    close(payload)
}

/// Reads the sources of libraries out of a payload from outside.
///
/// `check` says whether its checksum counts.
pub fn restore_libraries(payload: &[u8], check: bool) -> Result<Vec<Box<[u8]>>, BadPayload> {
    let (_, bytes) = open(payload, check)?;
    let mut input = Input { bytes, at: 0 };
    let mut libraries = vec![];
    while input.at < input.bytes.len() {
        if !input.byte().is_ok_and(|byte| byte == opcode::FUNCTION) {
            return Err(BadPayload::Value(Fault::BadLength));
        }
        libraries.push(input.string().map_err(BadPayload::of)?.into_bytes().into());
    }
    Ok(libraries)
}

/// Puts the version and the checksum behind a payload.
fn close(mut payload: Vec<u8>) -> Vec<u8> {
    payload.extend_from_slice(&(VERSION as u16).to_le_bytes());
    let sum = crc64(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

/// Returns whose format it is, and what stands in front of the version and the checksum, which are checked, the latter if
/// `check`.
fn open(payload: &[u8], check: bool) -> Result<(Maker, &[u8]), BadPayload> {
    let at = payload.len().checked_sub(FOOTER).ok_or(BadPayload::Footer)?;
    let (bytes, footer) = payload.split_at(at);
    let (version, sum) = footer.split_first_chunk::<2>().expect("it is ten bytes");
    // As in Redis, no version is too low.
    let maker = Maker::of(u32::from(u16::from_le_bytes(*version)).max(1)).ok_or(BadPayload::Footer)?;
    if check && crc64(&payload[..at + 2]).to_le_bytes() != sum {
        return Err(BadPayload::Footer);
    }
    Ok((maker, bytes))
}

/// Makes an entry of a payload from outside, whose checksum counts if `check`. As in Redis, bytes behind the value don't
/// matter.
pub fn restore(key: &[u8], payload: &[u8], check: bool, limits: &Limits) -> Result<Entry, BadPayload> {
    let (maker, bytes) = open(payload, check)?;
    read(key, maker, &mut Input { bytes, at: 0 }, limits).map_err(BadPayload::of)
}

impl BadPayload {
    fn of(stop: Stop) -> Self {
        Self::Value(stop.fault.unwrap_or(Fault::EndsEarly))
    }
}

fn read(key: &[u8], maker: Maker, input: &mut Input<'_>, limits: &Limits) -> Read<Entry> {
    let kind = input.byte()?;
    if kind == kind::STRING {
        return Ok(Entry::new(key, input.string()?.as_value(), None, 0));
    }
    let mut value = begin(kind, maker, input)?;
    while !value.is_whole() {
        value.item(input, limits)?;
    }
    let object = value.finish().ok_or(Fault::Empty)?;
    Ok(Entry::new(key, NewValue::Object(object), None, 0))
}
