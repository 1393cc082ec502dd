//! `commands.json`: what the playground completes, hints at and explains.

use serde_json::{Value, json as value};

use super::{Declared, Node, What, parse};

/// Returns a JSON array with an object for each command, sorted by name.
///
/// `arguments` is the tree of the syntax: an item is `{word}`, `{value, type}`, `{optional}` or `{group}`, the last two
/// with a list of alternatives, which are lists of items; `repeated` is true where the item may come again.
pub fn json(declared: &[Declared]) -> String {
    let commands: Vec<Value> = declared.iter().map(command).collect();
    serde_json::to_string_pretty(&commands).expect("values of our own") + "\n"
}

fn command(declared: &Declared) -> Value {
    let spec = declared.spec;
    value!({
        "name": spec.name,
        "group": declared.group,
        "syntax": spec.syntax,
        "arguments": nodes(&parse(spec.syntax)),
        "reply": spec.reply,
        "summary": spec.summary(),
        "text": declared.text(),
        "examples": declared.examples(),
        "since": spec.since,
        "complexity": spec.complexity,
        "flags": spec.flags.names().collect::<Vec<_>>(),
    })
}

fn nodes(nodes: &[Node]) -> Value {
    nodes.iter().map(node).collect()
}

fn node(node: &Node) -> Value {
    let ways = |ways: &[Vec<Node>]| ways.iter().map(|way| nodes(way)).collect::<Value>();
    let mut item = match &node.what {
        What::Word(word) => value!({ "word": word }),
        What::Value { name, ty } => value!({ "value": name, "type": ty.name() }),
        What::Optional(alternatives) => value!({ "optional": ways(alternatives) }),
        What::Group(alternatives) => value!({ "group": ways(alternatives) }),
    };
    if node.repeated {
        item["repeated"] = value!(true);
    }
    item
}
