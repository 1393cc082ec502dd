//! Compares what we declare of every command with what a running redis-server 7.0 answers to COMMAND INFO.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use redlet::commands;
use redlet::resp::{Item, Reader};

use support::engine::Host;
use support::server::Server;
use support::words::to_resp;

/// Where we differ, and why.
const JUSTIFIED: &[(&str, Aspect, &str)] = &[
    ("zrank", Aspect::Arity, "WITHSCORE is of 7.2"),
    ("zrevrank", Aspect::Arity, "WITHSCORE is of 7.2"),
    ("cluster", Aspect::Subcommands, "there is no cluster that could be administered"),
    ("migrate", Aspect::Keys, "Redis looks for KEYS from the end, and so misses it where a key is called so"),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Aspect {
    Arity,
    Flags,
    Positions,
    Categories,
    Keys,
    /// Redis has subcommands that we have not.
    Subcommands,
}

/// What COMMAND INFO says of one command, sets in order.
#[derive(PartialEq, Eq, Debug, Default)]
struct Info {
    arity: i64,
    flags: BTreeSet<String>,
    positions: Vec<i64>,
    categories: BTreeSet<String>,
    keys: Vec<String>,
    subcommands: BTreeSet<String>,
}

#[test]
fn commands_are_declared_as_in_redis() {
    let names: Vec<String> = commands::ALL
        .iter()
        .flat_map(|family| family.commands)
        // What came after 7.0 has nothing to be compared with.
        .filter(|command| command.spec.since < "7.1")
        .map(|command| command.spec.spelled())
        .collect();
    let ours = ours(&names);
    let theirs = theirs(&names);
    let mut wrong = String::new();
    for name in &names {
        match theirs.get(name) {
            Some(theirs) => compare(name, &ours[name], theirs, &mut wrong),
            None => drop(writeln!(wrong, "{name}: redis-server 7.0 has no such command")),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_command_of_redis_is_there() {
    let server = Server::redis().unwrap_or_else(|error| panic!("{error}"));
    let theirs = Tree::read(&mut Reader::new(&server.connect().call(&["COMMAND", "LIST"])));
    let ours: BTreeSet<String> = commands::ALL
        .iter()
        .flat_map(|family| family.commands)
        .map(|command| command.spec.spelled())
        .collect();
    // There is no cluster that could be administered.
    let theirs = theirs.list().iter().map(Tree::text).filter(|name| !name.starts_with("cluster|"));
    let missing: Vec<String> = theirs.filter(|name| !ours.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn differences_are_still_there() {
    let names: Vec<String> = JUSTIFIED.iter().map(|(name, _, _)| name.to_string()).collect();
    let (ours, theirs) = (ours(&names), theirs(&names));
    for (name, aspect, why) in JUSTIFIED {
        let differ = differences(&ours[*name], &theirs[*name]).iter().any(|(at, _)| at == aspect);
        assert!(differ, "{name} no longer differs in {aspect:?}; take it off the list ({why})");
    }
}

fn compare(name: &str, ours: &Info, theirs: &Info, wrong: &mut String) {
    for (aspect, said) in differences(ours, theirs) {
        if !JUSTIFIED.iter().any(|(other, at, _)| *other == name && *at == aspect) {
            let _ = writeln!(wrong, "{name}: {aspect:?}: {said}");
        }
    }
}

fn differences(ours: &Info, theirs: &Info) -> Vec<(Aspect, String)> {
    let mut all = vec![];
    let mut note = |aspect, same: bool, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
        if !same {
            all.push((aspect, format!("{ours:?}, in Redis {theirs:?}")));
        }
    };
    note(Aspect::Arity, ours.arity == theirs.arity, &ours.arity, &theirs.arity);
    note(Aspect::Flags, ours.flags == theirs.flags, &ours.flags, &theirs.flags);
    note(Aspect::Positions, ours.positions == theirs.positions, &ours.positions, &theirs.positions);
    note(Aspect::Categories, ours.categories == theirs.categories, &ours.categories, &theirs.categories);
    note(Aspect::Keys, ours.keys == theirs.keys, &ours.keys, &theirs.keys);
    let missing: Vec<&String> = theirs.subcommands.difference(&ours.subcommands).collect();
    note(Aspect::Subcommands, missing.is_empty(), &"none", &missing);
    all
}

fn ours(names: &[String]) -> BTreeMap<String, Info> {
    let mut host = Host::new();
    host.send("a", &call(&["HELLO", "3"]));
    host.take("a");
    host.send("a", &question(names));
    read(&host.take("a").0)
}

fn theirs(names: &[String]) -> BTreeMap<String, Info> {
    let server = Server::redis().unwrap_or_else(|error| panic!("{error}"));
    let mut connection = server.connect();
    connection.call(&["HELLO", "3"]);
    let names = names.iter().map(String::as_str);
    read(&connection.call(&["COMMAND", "INFO"].into_iter().chain(names).collect::<Vec<_>>()))
}

fn question(names: &[String]) -> Vec<u8> {
    call(&["COMMAND", "INFO"].into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>())
}

fn call(args: &[&str]) -> Vec<u8> {
    to_resp(&args.iter().map(|arg| arg.as_bytes().to_vec()).collect::<Vec<_>>())
}

/// Reads the reply to COMMAND INFO.
fn read(reply: &[u8]) -> BTreeMap<String, Info> {
    let all = Tree::read(&mut Reader::new(reply));
    let known = all.list().iter().filter(|info| !info.list().is_empty());
    known.map(|info| (info.list()[0].text(), Info::read(info.list()))).collect()
}

impl Info {
    fn read(parts: &[Tree]) -> Self {
        let set = |tree: &Tree| tree.list().iter().map(Tree::text).collect();
        Self {
            arity: parts[1].int(),
            flags: set(&parts[2]),
            positions: parts[3..6].iter().map(Tree::int).collect(),
            categories: set(&parts[6]),
            keys: parts[8].list().iter().map(Tree::sorted).collect(),
            subcommands: parts[9].list().iter().map(|info| info.list()[0].text()).collect(),
        }
    }
}

/// A reply in RESP3.
enum Tree {
    Text(String),
    Int(i64),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

impl Tree {
    fn read(reader: &mut Reader<'_>) -> Tree {
        let text = |bytes: &[u8]| Tree::Text(String::from_utf8_lossy(bytes).into_owned());
        match reader.item().expect("a whole reply") {
            Item::Simple(bytes) | Item::Bulk(bytes) => text(bytes),
            Item::Int(n) => Tree::Int(n),
            Item::Null => Tree::List(vec![]),
            Item::Array(n) | Item::Set(n) => Tree::List((0..n).map(|_| Tree::read(reader)).collect()),
            Item::Map(n) => Tree::Map((0..n).map(|_| (Tree::read(reader), Tree::read(reader))).collect()),
            other => panic!("{other:?} in the reply to COMMAND INFO"),
        }
    }

    fn list(&self) -> &[Tree] {
        match self {
            Tree::List(list) => list,
            _ => panic!("not a list"),
        }
    }

    fn int(&self) -> i64 {
        match self {
            Tree::Int(n) => *n,
            _ => panic!("not an integer"),
        }
    }

    fn text(&self) -> String {
        match self {
            Tree::Text(text) => text.clone(),
            _ => panic!("not a text"),
        }
    }

    /// Returns a text that is the same for the same contents in any order, notes left out.
    fn sorted(&self) -> String {
        match self {
            Tree::Text(text) => text.clone(),
            Tree::Int(n) => n.to_string(),
            Tree::List(list) => format!("[{}]", in_order(list.iter().map(Tree::sorted))),
            Tree::Map(pairs) => {
                let pairs = pairs.iter().map(|(name, value)| (name.sorted(), value.sorted()));
                let told = pairs.filter(|(name, _)| name != "notes");
                format!("{{{}}}", in_order(told.map(|(name, value)| format!("{name}: {value}"))))
            }
        }
    }
}

fn in_order(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}
