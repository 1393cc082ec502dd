//! Checks replies in RESP3 against the TypeScript type that a declaration promises.

use redlet::resp::{Item, Reader};
use redlet::spec::Spec;

/// Says what was promised and what a reply is if it is not of the type that stands behind `->` in its command's
/// declaration. Errors are of every type; messages in front of the reply are passed over.
pub fn mismatch(spec: &Spec, reply: &[u8]) -> Option<String> {
    let declared = declared(spec)?;
    let what = difference(declared, reply)?;
    Some(format!("the reply is declared as {declared}, but {what}"))
}

#[cfg(any(feature = "docs", feature = "server"))]
fn declared(spec: &Spec) -> Option<&'static str> {
    Some(spec.reply)
}

/// The engine alone, as in wasm, does not know the types of replies.
#[cfg(not(any(feature = "docs", feature = "server")))]
fn declared(_: &Spec) -> Option<&'static str> {
    None
}

fn difference(declared: &str, reply: &[u8]) -> Option<String> {
    let expected = Type::parse(declared);
    let mut reader = Reader::new(reply);
    loop {
        if reader.position() == reply.len() {
            return (expected != Type::Void).then(|| "there is no reply".into());
        }
        let value = Value::read(&mut reader)?;
        match value {
            Value::Push => {}
            Value::Error => return None,
            value if expected.admits(&value) => return None,
            value => return Some(format!("{value:?}")),
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Type {
    Unknown,
    Void,
    Null,
    Number,
    Boolean,
    String,
    Literal(String),
    List(Box<Type>),
    /// The parts, and whether each may be missing.
    Tuple(Vec<(Type, bool)>),
    Record(Box<Type>),
    Object(Vec<(String, Type)>),
    Union(Vec<Type>),
}

impl Type {
    fn parse(text: &str) -> Type {
        let mut parser = Parser { rest: text };
        let ty = parser.union();
        assert!(parser.rest.is_empty(), "a type that this test does not know: {text}");
        ty
    }

    fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Type::Unknown, _) => true,
            (Type::Union(types), value) => types.iter().any(|ty| ty.admits(value)),
            (Type::Null, Value::Null) => true,
            (Type::Number, Value::Number) => true,
            (Type::Boolean, Value::Boolean) => true,
            (Type::String, Value::Text(_)) => true,
            (Type::Literal(literal), Value::Text(text)) => literal.as_bytes() == text,
            (Type::List(part), Value::List(parts)) => parts.iter().all(|value| part.admits(value)),
            (Type::Tuple(types), Value::List(parts)) => {
                parts.len() <= types.len()
                    && types
                        .iter()
                        .enumerate()
                        .all(|(i, (ty, optional))| parts.get(i).map_or(*optional, |part| ty.admits(part)))
            }
            (Type::Record(of), Value::Map(pairs)) => pairs.iter().all(|(_, value)| of.admits(value)),
            (Type::Object(fields), Value::Map(pairs)) => {
                pairs.len() == fields.len()
                    && fields.iter().all(|(name, ty)| {
                        pairs.iter().any(|(key, value)| key == name.as_bytes() && ty.admits(value))
                    })
            }
            _ => false,
        }
    }
}

/// Reads the part of TypeScript's notation that declarations use.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn union(&mut self) -> Type {
        let mut types = vec![self.postfix()];
        while self.takes("|") {
            types.push(self.postfix());
        }
        if types.len() == 1 { types.remove(0) } else { Type::Union(types) }
    }

    fn postfix(&mut self) -> Type {
        let mut ty = self.primary();
        while self.takes("[]") {
            ty = Type::List(Box::new(ty));
        }
        ty
    }

    fn primary(&mut self) -> Type {
        if self.takes("(") {
            let ty = self.union();
            self.expect(")");
            return ty;
        }
        if self.takes("[") {
            return self.tuple();
        }
        if self.takes("{") {
            return self.object();
        }
        if self.takes("'") {
            let literal = self.word();
            self.expect("'");
            return Type::Literal(literal);
        }
        match self.word().as_str() {
            "unknown" => Type::Unknown,
            "void" => Type::Void,
            "null" => Type::Null,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "string" => Type::String,
            "Record" => {
                self.expect("<string,");
                let of = self.union();
                self.expect(">");
                Type::Record(Box::new(of))
            }
            other => panic!("a type that this test does not know: {other}"),
        }
    }

    fn tuple(&mut self) -> Type {
        let mut parts = vec![];
        while !self.takes("]") {
            self.name();
            let ty = self.union();
            parts.push((ty, self.takes("?")));
            self.takes(",");
        }
        Type::Tuple(parts)
    }

    fn object(&mut self) -> Type {
        let mut fields = vec![];
        while !self.takes("}") {
            let name = self.name().expect("a field's name");
            fields.push((name, self.union()));
            self.takes(";");
        }
        Type::Object(fields)
    }

    /// Takes `name:` if it is there.
    fn name(&mut self) -> Option<String> {
        let (name, rest) = self.rest.split_once(':')?;
        if name.is_empty() || !name.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        self.rest = rest.trim_start();
        Some(name.trim().into())
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word.into()
    }

    fn takes(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn expect(&mut self, text: &str) {
        assert!(self.takes(text), "{text} is missing in front of {}", self.rest);
    }
}

/// A reply as JavaScript has it.
#[derive(Debug)]
enum Value {
    Text(Vec<u8>),
    Number,
    Boolean,
    Null,
    Error,
    Push,
    List(Vec<Value>),
    Map(Vec<(Vec<u8>, Value)>),
}

impl Value {
    fn read(reader: &mut Reader<'_>) -> Option<Value> {
        Some(match reader.item()? {
            Item::Simple(text) | Item::Bulk(text) | Item::Verbatim(_, text) => Value::Text(text.into()),
            Item::Int(_) | Item::Double(_) | Item::BigNumber(_) => Value::Number,
            Item::Bool(_) => Value::Boolean,
            Item::Null => Value::Null,
            Item::Error(_) => Value::Error,
            Item::Array(n) | Item::Set(n) => Value::List(Self::parts(reader, n)?),
            Item::Push(n) => {
                Self::parts(reader, n)?;
                Value::Push
            }
            Item::Map(n) => {
                let mut parts = Self::parts(reader, 2 * n)?.into_iter();
                let mut pairs = vec![];
                while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                    let Value::Text(key) = key else { return None };
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            Item::Attribute(_) => return None,
        })
    }

    fn parts(reader: &mut Reader<'_>, n: usize) -> Option<Vec<Value>> {
        (0..n).map(|_| Self::read(reader)).collect()
    }
}
