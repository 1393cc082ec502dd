//! Reads a command's syntax into a tree: for COMMAND DOCS, HELP, typings, completion and random calls.
//!
//! ```text
//! item = WORD | name | name:type | "[" alternatives "]" | "<" alternatives ">"   then "..."?
//! ```
//!
//! Capitals are literal, small letters stand for a value, `[]` is optional, `<>` groups, `|` separates alternatives
//! and `...` repeats: once or more often for a value or a group, any number of times for what is optional.

/// One item of a syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub what: What,
    pub repeated: bool,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// To be written as it stands.
    Word(&'static str),
    Value {
        name: &'static str,
        ty: Type,
    },
    /// One of these sequences, or nothing.
    Optional(Vec<Vec<Node>>),
    /// One of these sequences.
    Group(Vec<Vec<Node>>),
}

/// What a value is: said after a colon, or known by the value's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Key,
    String,
    Integer,
    Double,
    Pattern,
    /// Seconds or milliseconds since 1970.
    UnixTime,
}

impl Type {
    /// Returns the name that COMMAND DOCS has for it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Key => "key",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Double => "double",
            Type::Pattern => "pattern",
            Type::UnixTime => "unix-time",
        }
    }
}

/// Returns the items of a syntax that [`super::Shape::parse`] has accepted.
pub fn parse(syntax: &'static str) -> Vec<Node> {
    let mut rest = syntax;
    sequence(&mut rest)
}

fn sequence(rest: &mut &'static str) -> Vec<Node> {
    let mut nodes = vec![];
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with(['|', ']', '>']) {
            return nodes;
        }
        let what = item(rest);
        let behind = rest.strip_prefix("...");
        *rest = behind.unwrap_or(rest);
        nodes.push(Node { what, repeated: behind.is_some() });
    }
}

fn item(rest: &mut &'static str) -> What {
    let open = rest.as_bytes()[0];
    if matches!(open, b'[' | b'<') {
        let mut alternatives = vec![];
        loop {
            *rest = rest.get(1..).unwrap_or_default();
            alternatives.push(sequence(rest));
            if !rest.starts_with('|') {
                break;
            }
        }
        *rest = rest.get(1..).unwrap_or_default();
        return if open == b'[' { What::Optional(alternatives) } else { What::Group(alternatives) };
    }
    let end = rest.find([' ', '|', ']', '>']).unwrap_or(rest.len());
    let word = rest.get(..end).unwrap_or_default();
    let word = word.strip_suffix("...").unwrap_or(word);
    *rest = rest.get(word.len()..).unwrap_or_default();
    match word.split_once(':') {
        Some((name, ty)) => What::Value { name, ty: declared(ty) },
        None if word.starts_with(|c: char| c.is_ascii_lowercase()) => {
            What::Value { name: word, ty: known(word) }
        }
        None => What::Word(word),
    }
}

fn declared(ty: &str) -> Type {
    match ty {
        "key" => Type::Key,
        "integer" => Type::Integer,
        "double" => Type::Double,
        "pattern" => Type::Pattern,
        "unix-time" => Type::UnixTime,
        _ => Type::String,
    }
}

/// Names of values that always mean the same.
fn known(name: &str) -> Type {
    match name {
        "key" | "shardchannel" => Type::Key,
        "numkeys" | "numfields" | "count" | "seconds" | "milliseconds" | "index" | "start" | "stop"
        | "end" | "offset" | "decrement" | "cursor" | "rank" | "len" | "maxlen" | "db" | "protover" => {
            Type::Integer
        }
        "unix-time-seconds" | "unix-time-milliseconds" => Type::UnixTime,
        "timeout" | "score" => Type::Double,
        "pattern" => Type::Pattern,
        _ => Type::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_nest_and_repeat() {
        let nodes = parse("key [NX|XX] [EX seconds|KEEPTTL] <score member>... [LIMIT n:integer]...");
        assert_eq!(nodes.len(), 5);
        assert_eq!(nodes[0].what, What::Value { name: "key", ty: Type::Key });
        let What::Optional(ways) = &nodes[2].what else { panic!("{nodes:?}") };
        assert_eq!(ways[0].len(), 2);
        assert_eq!(ways[1][0].what, What::Word("KEEPTTL"));
        assert!(nodes[3].repeated && matches!(nodes[3].what, What::Group(_)));
        assert!(nodes[4].repeated);
    }
}
