//! Numbers and strings of a snapshot, from what is there of it so far.

use std::borrow::Cow;

use crate::data::entry::NewValue;

use super::lzf::decompress;
use super::{Damage, Fault};

/// The bytes from the item that is being read on.
pub(super) struct Input<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

/// Why reading an item stopped.
#[derive(Debug)]
pub(super) struct Stop {
    /// `None` if more bytes are needed.
    pub fault: Option<Fault>,
    pub key: Option<Box<[u8]>>,
}

/// A string: bytes, or an integer that stands for its digits.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Text<'a> {
    Int(i64),
    Bytes(Cow<'a, [u8]>),
}

pub(super) type Read<T> = Result<T, Stop>;

impl<'a> Input<'a> {
    pub fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let bytes = self.bytes[self.at..].get(..len).ok_or(Stop { fault: None, key: None })?;
        self.at += len;
        Ok(bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        Ok(*self.take(N)?.first_chunk().expect("as long as asked for"))
    }

    pub fn byte(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Reads a number.
    pub fn len(&mut self) -> Read<u64> {
        let first = self.byte()?;
        self.len_of(first)
    }

    fn len_of(&mut self, first: u8) -> Read<u64> {
        Ok(match first {
            0..0x40 => first.into(),
            0x40..0x80 => u16::from_be_bytes([first & 0x3f, self.byte()?]).into(),
            0x80 => u32::from_be_bytes(self.array()?).into(),
            0x81 => u64::from_be_bytes(self.array()?),
            _ => return Err(Fault::BadLength.into()),
        })
    }

    /// Reads a number that says how many bytes come.
    fn size(&mut self) -> Read<usize> {
        usize::try_from(self.len()?).map_err(|_| Fault::BadLength.into())
    }

    pub fn string(&mut self) -> Read<Text<'a>> {
        Ok(match self.byte()? {
            0xc0 => Text::Int(i8::from_le_bytes(self.array()?).into()),
            0xc1 => Text::Int(i16::from_le_bytes(self.array()?).into()),
            0xc2 => Text::Int(i32::from_le_bytes(self.array()?).into()),
            0xc3 => {
                let (packed, len) = (self.size()?, self.size()?);
                let bytes = decompress(self.take(packed)?, len).ok_or(Fault::BadCompression)?;
                Text::Bytes(Cow::Owned(bytes))
            }
            first => {
                let len = usize::try_from(self.len_of(first)?).map_err(|_| Fault::BadLength)?;
                Text::Bytes(Cow::Borrowed(self.take(len)?))
            }
        })
    }
}

impl<'a> Text<'a> {
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Text::Int(n) => Cow::Owned(n.to_string().into_bytes()),
            Text::Bytes(bytes) => bytes,
        }
    }

    pub fn as_value(&self) -> NewValue<'_> {
        match self {
            Text::Int(n) => NewValue::Int(*n),
            Text::Bytes(bytes) => NewValue::Bytes(bytes),
        }
    }
}

impl Stop {
    /// Says which key was being read.
    pub fn of(self, key: &[u8]) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Returns the damage that this is if nothing more comes.
    pub fn damage(self, at: u64) -> Damage {
        Damage { at, key: self.key, fault: self.fault.unwrap_or(Fault::EndsEarly) }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self { fault: Some(fault), key: None }
    }
}
