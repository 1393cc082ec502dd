//! `commands.ts`: the commands as methods of the package's class.

use std::fmt::Write;

use super::{Declared, Node, What, parse};
use crate::spec::syntax::Type;

const HEAD: &str = "\
// Made from the declarations of the commands by `UPDATE=1 cargo test --features docs --test generated`.
import type { Argument, Key, Numeric, Value } from \"./values.js\";

/** The commands as methods. `S` is what bulk strings are read as. */
export interface Commands<S = string> {
";

/// Columns of the list of names.
const WIDTH: usize = 110;

/// Returns a module with the interface of the methods and the list of the names behind them.
///
/// What the class does in a way of its own is left out: transactions and subscriptions; and what only
/// replicas send, which is not answered with replies.
pub fn typescript(declared: &[Declared]) -> String {
    let mut text = String::from(HEAD);
    let methods: Vec<&Declared> =
        declared.iter().filter(|one| !one.is_container(declared) && !is_special(one.spec.name)).collect();
    for one in &methods {
        let spec = one.spec;
        let call = format!("{} {}", spec.name, spec.syntax);
        writeln!(text, "  /** {}. `{}` */", spec.summary(), call.trim_end())
            .expect("a string takes everything");
        writeln!(text, "  {}({}): {};", method(spec.name), parameters(spec.syntax), reply(spec.reply))
            .expect("a string takes everything");
    }
    text.push_str("}\n\n/** The names of all commands, subcommands behind their container's. */\nexport const names =\n");
    let names: Vec<&str> = methods.iter().map(|one| one.spec.name).collect();
    text + &wrapped(&names)
}

fn is_special(name: &str) -> bool {
    let subscribes = name.strip_prefix(['P', 'S']).is_some_and(|rest| rest.ends_with("SUBSCRIBE"));
    let replica = matches!(name, "PSYNC" | "REPLCONF" | "SYNC");
    subscribes || replica || matches!(name, "MULTI" | "EXEC" | "DISCARD" | "SUBSCRIBE" | "UNSUBSCRIBE")
}

/// `CLIENT NO-EVICT` is `clientNoEvict`.
fn method(name: &str) -> String {
    camel_case(&name.to_ascii_lowercase())
}

fn camel_case(name: &str) -> String {
    let mut words = name.split([' ', '-']);
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |mut all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        all.push_str(&head.to_ascii_uppercase());
        all.push_str(tail);
        all
    })
}

/// Writes the parameters of a method. Values that come first have names; what is optional behind them is an object with
/// the words as fields, or the words and values as they are.
fn parameters(syntax: &'static str) -> String {
    let nodes = parse(syntax);
    let mut parameters = vec![];
    for (i, node) in nodes.iter().enumerate() {
        let rest = &nodes[i..];
        if let Some(options) = options(rest) {
            parameters.push(options);
        } else if let [node] = rest
            && let Some((name, ty)) = optional_value(node)
        {
            parameters.push(format!("{name}?: {ty}"));
        } else if let Some((name, ty)) = repeated_value(node) {
            // What follows a list of any length is named at its end.
            let behind: Option<Vec<String>> = rest[1..].iter().map(positional).collect();
            parameters.push(match behind.as_deref() {
                Some([]) => format!("...{name}: {ty}"),
                Some(behind) => format!("...args: [...{name}: {ty}, {}]", behind.join(", ")),
                None => "...args: Argument[]".into(),
            });
        } else if let Some(parameter) = positional(node) {
            parameters.push(parameter);
            continue;
        } else {
            parameters.push("...args: Argument[]".into());
        }
        break;
    }
    distinct(parameters).join(", ")
}

/// `unix-time-seconds` is `unixTimeSeconds`, and `function` is `functionName`: JavaScript keeps the word to itself.
fn parameter(name: &str) -> String {
    if name == "function" { "functionName".into() } else { camel_case(name) }
}

/// A value, or a choice of words, that has to be there.
fn positional(node: &Node) -> Option<String> {
    match &node.what {
        _ if node.repeated => None,
        What::Value { name, ty } => Some(format!("{}: {}", parameter(name), type_of(*ty))),
        What::Group(ways) => Some(format!("which: {}", words(ways)?)),
        What::Word(_) | What::Optional(_) => None,
    }
}

fn repeated_value(node: &Node) -> Option<(String, String)> {
    match &node.what {
        What::Value { name, ty } if node.repeated => {
            let ty = type_of(*ty);
            Some((camel_case(name) + "s", format!("({ty} | readonly {ty}[])[]")))
        }
        _ => None,
    }
}

fn optional_value(node: &Node) -> Option<(String, &'static str)> {
    match &node.what {
        What::Optional(ways) if !node.repeated => match &ways[..] {
            [way] => match &way[..] {
                [Node { what: What::Value { name, ty }, repeated: false }] => {
                    Some((parameter(name), type_of(*ty)))
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Writes what is left as options, if each begins with a word.
fn options(nodes: &[Node]) -> Option<String> {
    let mut fields: Vec<String> = vec![];
    for node in nodes {
        let What::Optional(ways) = &node.what else { return None };
        for way in ways {
            let [Node { what: What::Word(word), .. }, values @ ..] = &way[..] else { return None };
            // The same word twice is more than a field can say: it can be given as it is.
            if !node.repeated {
                fields.push(format!("\"{word}\"?: {}", field(values)?));
            }
        }
    }
    let fields: Vec<String> = fields.iter().map(|field| unquoted(field)).collect();
    let object = if fields.is_empty() { String::new() } else { format!("{{ {} }} | ", fields.join("; ")) };
    (!nodes.is_empty()).then(|| format!("...options: ({object}Value)[]"))
}

/// The type of what follows an option's word.
fn field(values: &[Node]) -> Option<String> {
    let value = |node: &Node| match &node.what {
        What::Value { ty, .. } if node.repeated => Some(format!("readonly {}[]", type_of(*ty))),
        What::Value { ty, .. } => Some(type_of(*ty).to_string()),
        What::Group(ways) if !node.repeated => words(ways),
        _ => None,
    };
    match values {
        [] => Some("boolean".into()),
        [node] => value(node),
        _ if values.iter().any(|node| node.repeated) => None,
        _ => Some(format!("readonly [{}]", values.iter().map(value).collect::<Option<Vec<_>>>()?.join(", "))),
    }
}

/// Writes a choice of single words as their union.
fn words(ways: &[Vec<Node>]) -> Option<String> {
    let word = |way: &Vec<Node>| match &way[..] {
        [Node { what: What::Word(word), repeated: false }] => Some(format!("\"{word}\"")),
        _ => None,
    };
    Some(ways.iter().map(word).collect::<Option<Vec<_>>>()?.join(" | "))
}

/// Takes the quotes off a field's name that needs none.
fn unquoted(field: &str) -> String {
    let (name, ty) = field[1..].split_once("\"?: ").expect("written above");
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { format!("{name}?: {ty}") } else { field.to_string() }
}

/// Numbers names that come again.
fn distinct(parameters: Vec<String>) -> Vec<String> {
    let mut seen: Vec<String> = vec![];
    let number = |parameter: String| {
        let name = parameter.split([':', '?']).next().unwrap_or_default().to_string();
        let before = seen.iter().filter(|one| **one == name).count();
        let end = name.len();
        seen.push(name);
        if before == 0 {
            parameter
        } else {
            format!("{}{}{}", &parameter[..end], before + 1, &parameter[end..])
        }
    };
    parameters.into_iter().map(number).collect()
}

fn type_of(ty: Type) -> &'static str {
    match ty {
        Type::Key => "Key",
        Type::String | Type::Pattern => "Value",
        Type::Integer | Type::Double | Type::UnixTime => "Numeric",
    }
}

/// Writes a reply's type with `S` for strings, but those that are names of fields.
fn reply(reply: &str) -> String {
    let reply = reply.replace('\'', "\"").replace("Record<string,", "Record<\u{1},");
    let mut text = String::new();
    let mut word = String::new();
    for char in reply.chars().chain(['\n']) {
        if char.is_ascii_alphanumeric() {
            word.push(char);
            continue;
        }
        text.push_str(if word == "string" { "S" } else { &word });
        word.clear();
        text.push(char);
    }
    text.trim_end().replace('\u{1}', "string")
}

/// Writes names as one string over several lines.
fn wrapped(names: &[&str]) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for (i, name) in names.iter().enumerate() {
        let piece = if i + 1 < names.len() { format!("{name}|") } else { name.to_string() };
        let line = lines.last_mut().expect("there is a first");
        if line.len() + piece.len() > WIDTH {
            lines.push(piece);
        } else {
            line.push_str(&piece);
        }
    }
    let quoted: Vec<String> = lines.iter().map(|line| format!("  \"{line}\"")).collect();
    quoted.join(" +\n") + ";\n"
}
