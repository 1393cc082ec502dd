//! A command's syntax as COMMAND DOCS tells it: arguments with a token, instead of words between values.

use super::syntax::{self, Node, What};
use super::{KeySpec, Spec};

/// One argument, or a group of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    /// A type of value, `pure-token`, `oneof` or `block`.
    pub kind: &'static str,
    /// The word that must be written in front of it.
    pub token: Option<&'static str>,
    /// Which group of keys it belongs to.
    pub key_spec: Option<usize>,
    pub optional: bool,
    pub multiple: bool,
    /// Whether the token is written again each time.
    pub multiple_token: bool,
    pub arguments: Vec<Argument>,
}

/// Returns the arguments of a command.
pub fn arguments(spec: &'static Spec) -> Vec<Argument> {
    let groups = spec.shape.keys.iter().filter(|keys| **keys != KeySpec::None).count();
    let mut reader = Reader { keys: 0, groups };
    reader.sequence(&syntax::parse(spec.syntax))
}

struct Reader {
    /// Key arguments met so far, and how many of them have a key spec.
    keys: usize,
    groups: usize,
}

impl Reader {
    fn sequence(&mut self, nodes: &[Node]) -> Vec<Argument> {
        let mut all = vec![];
        let mut rest = nodes;
        while let [first, after @ ..] = rest {
            rest = after;
            match (&first.what, after) {
                // A word in front of a value, or of a choice between values, is its token.
                (What::Word(word), [value, after @ ..])
                    if matches!(value.what, What::Value { .. } | What::Group(_)) =>
                {
                    all.push(self.one(value).behind(word));
                    rest = after;
                }
                _ => all.push(self.one(first)),
            }
        }
        all
    }

    fn one(&mut self, node: &Node) -> Argument {
        let mut argument = match &node.what {
            What::Word(word) => Argument {
                name: word.to_ascii_lowercase(),
                kind: "pure-token",
                token: Some(word),
                ..Argument::default()
            },
            What::Value { name, ty } => Argument {
                name: (*name).into(),
                kind: ty.name(),
                key_spec: self.key_spec(*ty),
                ..Argument::default()
            },
            What::Optional(ways) => Argument { optional: true, ..self.ways(ways) },
            What::Group(ways) => self.ways(ways),
        };
        if node.repeated {
            argument.multiple = true;
            argument.multiple_token = argument.token.is_some();
        }
        argument
    }

    fn key_spec(&mut self, ty: syntax::Type) -> Option<usize> {
        let place = self.keys;
        let known = ty == syntax::Type::Key && place < self.groups;
        self.keys += usize::from(known);
        known.then_some(place)
    }

    fn ways(&mut self, ways: &[Vec<Node>]) -> Argument {
        let mut ways: Vec<Argument> = ways.iter().map(|way| self.way(way)).collect();
        if ways.len() == 1 {
            return ways.remove(0);
        }
        Argument { name: joined(&ways), kind: "oneof", arguments: ways, ..Argument::default() }
    }

    /// One of several ways, or the only one: a single argument, or a block of them, which takes the first's token.
    fn way(&mut self, nodes: &[Node]) -> Argument {
        let mut arguments = self.sequence(nodes);
        if arguments.len() == 1 {
            return arguments.remove(0);
        }
        let token = match arguments.first_mut() {
            Some(first) if first.kind != "pure-token" => first.token.take(),
            _ => None,
        };
        Argument { name: joined(&arguments), kind: "block", token, arguments, ..Argument::default() }
    }
}

impl Argument {
    fn behind(mut self, word: &'static str) -> Self {
        self.token = Some(word);
        if !self.arguments.is_empty() {
            self.name = word.to_ascii_lowercase();
        }
        self
    }
}

fn joined(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(syntax: &'static str) -> Vec<Argument> {
        Reader { keys: 0, groups: 1 }.sequence(&syntax::parse(syntax))
    }

    #[test]
    fn words_become_tokens() {
        let all = read(
            "key [NX|XX] [EX seconds|KEEPTTL] [LIMIT offset count] <score member>... [PREFIX prefix]...",
        );
        let named: Vec<_> = all.iter().map(|a| (a.name.as_str(), a.kind, a.token)).collect();
        let expected = [
            ("key", "key", None),
            ("nx_xx", "oneof", None),
            ("seconds_keepttl", "oneof", None),
            ("offset_count", "block", Some("LIMIT")),
            ("score_member", "block", None),
            ("prefix", "string", Some("PREFIX")),
        ];
        assert_eq!(named, expected);
        assert_eq!(all[0].key_spec, Some(0));
        assert_eq!(all[2].arguments[0].token, Some("EX"));
        assert!(all[4].multiple && !all[4].multiple_token && !all[4].optional);
        assert!(all[5].multiple && all[5].multiple_token && all[5].optional);
    }
}
