//! What a command can refuse with.

use std::borrow::Cow;

/// A refusal. Its text is what clients match on, to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    WrongType,
    Syntax,
    NotInteger,
    NotFloat,
    /// An index past the end of a list or a string.
    IndexOutOfRange,
    NoSuchKey,
    Overflow,
    TooLarge,
    WrongArity(&'static str),
    Text(&'static str),
    /// A text that quotes its input.
    Said(Box<[u8]>),
}
const _: () = assert!(size_of::<Error>() <= 24);

pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// Builds a refusal that quotes its input.
    pub fn said(text: impl Into<Vec<u8>>) -> Self {
        Error::Said(text.into().into())
    }

    /// Builds a refusal that quotes its input in the place of each `{}`, as C prints strings: whatever the bytes, up to
    /// the first that is NUL.
    pub fn quoting(text: &str, quoted: &[&[u8]]) -> Self {
        let mut said = Vec::new();
        let mut quoted = quoted.iter();
        for (i, part) in text.split("{}").enumerate() {
            if i > 0 {
                said.extend(quoted.next().into_iter().copied().flatten().take_while(|byte| **byte != 0));
            }
            said.extend_from_slice(part.as_bytes());
        }
        Error::said(said)
    }

    /// Refuses a subcommand whose arguments are counted by the command itself.
    pub fn wrong_subcommand(sub: &[u8], container: &str) -> Self {
        let text = "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.";
        Error::quoting(text, &[sub, container.as_bytes()])
    }

    /// Returns the bytes after the `-` of the reply: those of [`text`](Error::text), unless they quote what is no text.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Error::Said(bytes) => Cow::Borrowed(bytes),
            other => match other.text() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// Returns the text after the `-` of the reply, beginning with its code.
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::Syntax => "ERR syntax error",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::IndexOutOfRange => "ERR index out of range",
            Error::NoSuchKey => "ERR no such key",
            Error::Overflow => "ERR increment or decrement would overflow",
            Error::TooLarge => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Error::WrongArity(name) => {
                let name = name.to_ascii_lowercase().replace(' ', "|");
                return Cow::Owned(format!("ERR wrong number of arguments for '{name}' command"));
            }
            Error::Text(text) => text,
            Error::Said(bytes) => return String::from_utf8_lossy(bytes),
        })
    }

    /// Returns the first word of the text: `ERR`, `WRONGTYPE`, `NOAUTH` and so on.
    pub fn code(&self) -> Box<str> {
        let text = self.text();
        text.split(' ').next().unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_quoted_as_it_is() {
        let error = Error::quoting("ERR '{}' in {}.", &[b"a\xff\x00b", b"{}"]);
        assert_eq!(&*error.bytes(), b"ERR 'a\xff' in {}.");
    }
}
