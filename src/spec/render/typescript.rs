//! `commands.ts`: the commands as methods of the package's class.

use std::fmt::Write;

use super::{Declared, Node, What, parse};
use crate::spec::syntax::Type;

const HEAD: &str = "\
// Made from the declarations of the commands by `UPDATE=1 cargo test --features docs --test generated`.
import type { Argument, Key, Value } from \"./values.js\";

/** The commands as methods. `S` is what bulk strings are read as. */
export interface Commands<S = string> {
";

/// Columns of the list of names.
const WIDTH: usize = 110;

/// Returns a module with the interface of the methods and the list of the names behind them.
///
/// What the class does in a way of its own is left out: transactions and subscriptions.
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
    subscribes || matches!(name, "MULTI" | "EXEC" | "DISCARD" | "SUBSCRIBE" | "UNSUBSCRIBE")
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

/// Names the values that come first, as long as their places are fixed; what follows them is taken as it is.
fn parameters(syntax: &'static str) -> String {
    let mut parameters = vec![];
    let nodes = parse(syntax);
    for (i, node) in nodes.iter().enumerate() {
        let is_last = i + 1 == nodes.len();
        match &node.what {
            What::Value { name, ty } if !node.repeated => {
                parameters.push(format!("{}: {}", camel_case(name), type_of(*ty)));
            }
            What::Value { name, ty } if is_last => {
                parameters.push(format!("...{}: {}[]", plural(name), type_of(*ty)));
                return parameters.join(", ");
            }
            What::Optional(ways) if is_last && !node.repeated => {
                if let [way] = &ways[..]
                    && let [Node { what: What::Value { name, ty }, repeated: false }] = &way[..]
                {
                    parameters.push(format!("{}?: {}", camel_case(name), type_of(*ty)));
                } else {
                    parameters.push("...options: Argument[]".into());
                }
                return parameters.join(", ");
            }
            _ => {
                parameters.push("...options: Argument[]".into());
                return parameters.join(", ");
            }
        }
    }
    parameters.join(", ")
}

fn plural(name: &str) -> String {
    camel_case(name) + "s"
}

fn type_of(ty: Type) -> &'static str {
    match ty {
        Type::Key => "Key",
        Type::String | Type::Pattern => "Value",
        Type::Integer | Type::Double | Type::UnixTime => "number",
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
