//! COMMAND, which tells what commands there are, and the HELP of every container.
//!
//! All of it is read off the table of commands; nothing is known about any command here.

use crate::base::glob::{self, Case};
use crate::command;
use crate::engine::table::{Known, Table};
use crate::engine::{Call, Family};
use crate::resp::{Args, Error, Reply, Result};
use crate::spec::{self, Access, Argument, Begin, Categories, Flags, Key, KeySpec, Spec};

pub const COMMAND_FAMILY: Family = Family {
    name: "server",
    category: Categories::CONNECTION,
    commands: &[
        &COMMAND,
        &COMMAND_COUNT,
        &COMMAND_DOCS,
        &COMMAND_GETKEYS,
        &COMMAND_GETKEYSANDFLAGS,
        &COMMAND_HELP,
        &COMMAND_INFO,
        &COMMAND_LIST,
    ],
};

command! {
    /// Returns what every command looks like: names, numbers of arguments, flags, keys and subcommands.
    COMMAND("[arg...]") -> "unknown[]";
    flags LOADING | STALE;
    also CONNECTION;
    since "2.8.13";
    takes "O(N) in the number of commands";
    run info;
}

command! {
    /// Returns the number of commands, subcommands left out.
    COMMAND_COUNT "COMMAND COUNT" ("") -> "number";
    flags LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run count;
}

command! {
    /// Returns the documentation of commands: summaries, versions, costs and arguments.
    COMMAND_DOCS "COMMAND DOCS" ("[command-name...]") -> "Record<string, unknown>";
    flags LOADING | STALE;
    since "7.0.0";
    takes "O(N) in the number of commands asked for";
    run docs;
}

command! {
    /// Returns the keys of a whole call.
    ///
    /// ```redis
    /// > COMMAND GETKEYS MSET a 1 b 2
    /// 1) "a"
    /// 2) "b"
    /// ```
    COMMAND_GETKEYS "COMMAND GETKEYS" ("command arg...") -> "string[]";
    flags LOADING | STALE;
    since "2.8.13";
    takes "O(N) in the number of arguments";
    run get_keys;
}

command! {
    /// Returns the keys of a whole call, and what it would do with each.
    ///
    /// ```redis
    /// > COMMAND GETKEYSANDFLAGS GET a
    /// 1) 1) "a"
    ///    2) 1) RO
    ///       2) access
    /// ```
    COMMAND_GETKEYSANDFLAGS "COMMAND GETKEYSANDFLAGS" ("command arg...") -> "[key: string, flags: string[]][]";
    flags LOADING | STALE;
    since "7.0.0";
    takes "O(N) in the number of arguments";
    run get_keys_and_flags;
}

command! {
    /// Shows what the subcommands do.
    COMMAND_HELP "COMMAND HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns what commands look like; all of them if none is named.
    ///
    /// A subcommand is named with a bar: `config|get`. Where there is no such command, its place is null.
    COMMAND_INFO "COMMAND INFO" ("[command-name...]") -> "unknown[]";
    flags LOADING | STALE;
    since "2.8.13";
    takes "O(N) in the number of commands asked for";
    run info;
}

command! {
    /// Returns the names of commands: all, those of an ACL category, or those that match a pattern.
    ///
    /// ```redis
    /// > COMMAND LIST FILTERBY PATTERN inc?
    /// 1) "incr"
    /// ```
    COMMAND_LIST "COMMAND LIST" ("[FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern>]") -> "string[]";
    flags LOADING | STALE;
    since "7.0.0";
    takes "O(N) in the number of commands";
    run list;
}

/// Lists the subcommands of the container that the call names: what every `… HELP` does.
pub(super) fn help(call: &mut Call<'_>) -> Result {
    let Some(place) = call.shared.table.named(call.args.at(0)) else { return Ok(()) };
    let container = call.shared.table.at(place);
    let name = container.command.spec.name;
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for place in &container.subcommands {
        let spec = &call.shared.table.at(usize::from(*place)).command.spec;
        let sub = spec.name.split_once(' ').map_or(spec.name, |(_, sub)| sub);
        if sub != "HELP" {
            lines.push(format!("{sub} {}", spec.syntax).trim_end().to_string());
            lines.push(format!("    {}.", spec.summary()));
        }
    }
    lines.extend(["HELP".to_string(), "    Prints this help.".to_string()]);
    call.reply.array(lines.len());
    lines.iter().for_each(|line| call.reply.simple(line));
    Ok(())
}

fn count(call: &mut Call<'_>) -> Result {
    call.reply.len(whole(&call.shared.table).count());
    Ok(())
}

/// Returns all commands that are no subcommands.
fn whole(table: &Table) -> impl Iterator<Item = &Known> {
    table.iter().filter(|known| known.command.spec.container().is_none())
}

// COMMAND INFO ----------------------------------------------------------------------------------------------------

fn info(call: &mut Call<'_>) -> Result {
    let table = &call.shared.table;
    let names = call.args.from(2);
    if names.is_empty() {
        call.reply.array(whole(table).count());
        whole(table).for_each(|known| describe(&mut call.reply, table, known));
        return Ok(());
    }
    call.reply.array(names.len());
    for name in names.iter() {
        match table.spelled(name) {
            Some(place) => describe(&mut call.reply, table, table.at(place)),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn describe(reply: &mut Reply<'_>, table: &Table, known: &Known) {
    let spec = &known.command.spec;
    let (first, last, step) = spec.key_range();
    reply.array(10);
    reply.bulk(spec.spelled().as_bytes());
    reply.int(spec.shape.arity().into());
    let moves = spec.moves_keys().then_some("movablekeys");
    // Redis keeps this one to itself.
    words(reply, spec.flags.without(Flags::MAY_REPLICATE).names().chain(moves));
    [first, last, step].into_iter().for_each(|n| reply.int(n));
    let categories: Vec<String> = known.categories().names().map(|name| format!("@{name}")).collect();
    words(reply, categories.iter().map(String::as_str));
    let tips = spec::tips(spec.name);
    reply.set(tips.len());
    tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    let keys = spec.shape.keys.iter().filter(|keys| **keys != KeySpec::None);
    let patterns = spec.follows_patterns();
    reply.set(keys.clone().count() + usize::from(patterns));
    for (i, keys) in keys.enumerate() {
        let access = spec.access.get(i).copied().unwrap_or_default();
        match keys {
            // Where STORE is depends on the options in front of it.
            KeySpec::Range { begin: Begin::After { .. }, .. } if patterns => describe_unknown(reply, access),
            _ => describe_keys(reply, spec, access, *keys),
        }
        if i == 0 && patterns {
            describe_unknown(reply, Access::RO.or(Access::ACCESS));
        }
    }
    match known.subcommands.len() {
        0 => reply.set(0),
        n => reply.array(n),
    }
    for place in &known.subcommands {
        describe(reply, table, table.at(usize::from(*place)));
    }
}

fn words<'a>(reply: &mut Reply<'_>, words: impl Iterator<Item = &'a str> + Clone) {
    reply.set(words.clone().count());
    words.for_each(|word| reply.simple(word));
}

fn describe_keys(reply: &mut Reply<'_>, spec: &Spec, access: Access, keys: KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    words(reply, access.names());
    let begin = match keys {
        KeySpec::None => return,
        KeySpec::Range { begin, .. } | KeySpec::Count { begin, .. } => begin,
    };
    reply.bulk(b"begin_search");
    match begin {
        Begin::At(at) => search(reply, "index", &[("index", at.into())]),
        Begin::After { from, to, first } => {
            typed(reply, "keyword", 2);
            reply.bulk(b"keyword");
            reply.bulk(&spec.syntax.as_bytes()[from.into()..to.into()]);
            reply.bulk(b"startfrom");
            reply.int(first.into());
        }
    }
    reply.bulk(b"find_keys");
    match keys {
        KeySpec::None => {}
        KeySpec::Range { last, step, limit, .. } => {
            search(
                reply,
                "range",
                &[("lastkey", last.into()), ("keystep", step.into()), ("limit", limit.into())],
            );
        }
        KeySpec::Count { step, .. } => {
            search(reply, "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", step.into())]);
        }
    }
}

fn describe_unknown(reply: &mut Reply<'_>, access: Access) {
    reply.map(3);
    reply.bulk(b"flags");
    words(reply, access.names());
    for step in ["begin_search", "find_keys"] {
        reply.bulk(step.as_bytes());
        typed(reply, "unknown", 0);
    }
}

fn search(reply: &mut Reply<'_>, ty: &str, numbers: &[(&str, i64)]) {
    typed(reply, ty, numbers.len());
    for (name, n) in numbers {
        reply.bulk(name.as_bytes());
        reply.int(*n);
    }
}

fn typed(reply: &mut Reply<'_>, ty: &str, pairs: usize) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(ty.as_bytes());
    reply.bulk(b"spec");
    reply.map(pairs);
}

// COMMAND DOCS ----------------------------------------------------------------------------------------------------

fn docs(call: &mut Call<'_>) -> Result {
    let table = &call.shared.table;
    let names = call.args.from(2);
    let named = names.iter().filter_map(|name| table.spelled(name)).map(|place| table.at(place));
    let known: Vec<&Known> = if names.is_empty() { whole(table).collect() } else { named.collect() };
    call.reply.map(known.len());
    known.iter().for_each(|known| document(&mut call.reply, table, known));
    Ok(())
}

fn document(reply: &mut Reply<'_>, table: &Table, known: &Known) {
    let spec = &known.command.spec;
    // A container's syntax says no more than that a subcommand follows.
    let arguments = if known.subcommands.is_empty() { spec::arguments(spec) } else { vec![] };
    reply.bulk(spec.spelled().as_bytes());
    reply.map(4 + usize::from(!arguments.is_empty()) + usize::from(!known.subcommands.is_empty()));
    let texts = [
        ("summary", spec.summary()),
        ("since", spec.since),
        ("group", known.family.name),
        ("complexity", spec.complexity),
    ];
    for (name, text) in texts {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        document_arguments(reply, &arguments);
    }
    if !known.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(known.subcommands.len());
        for place in &known.subcommands {
            document(reply, table, table.at(usize::from(*place)));
        }
    }
}

fn document_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let flags = [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple_token, "multiple_token"),
        ];
        let flags = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name);
        let several = flags.clone().next().is_some();
        let optional = [argument.key_spec.is_some(), argument.token.is_some(), several];
        let nested = usize::from(!argument.arguments.is_empty());
        reply.map(2 + optional.iter().filter(|there| **there).count() + nested);
        reply.bulk(b"name");
        reply.bulk(argument.name.as_bytes());
        reply.bulk(b"type");
        reply.bulk(argument.kind.as_bytes());
        if let Some(place) = argument.key_spec {
            reply.bulk(b"key_spec_index");
            reply.len(place);
        }
        if let Some(token) = argument.token {
            reply.bulk(b"token");
            reply.bulk(token.as_bytes());
        }
        if several {
            reply.bulk(b"flags");
            words(reply, flags);
        }
        if nested > 0 {
            reply.bulk(b"arguments");
            document_arguments(reply, &argument.arguments);
        }
    }
}

// COMMAND GETKEYS -------------------------------------------------------------------------------------------------

fn get_keys(call: &mut Call<'_>) -> Result {
    let keys = keys_of(&call.shared.table, call.args.from(2))?;
    call.reply.array(keys.len());
    keys.iter().for_each(|key| call.reply.bulk(call.args.at(2 + key.at)));
    Ok(())
}

fn get_keys_and_flags(call: &mut Call<'_>) -> Result {
    let keys = keys_of(&call.shared.table, call.args.from(2))?;
    call.reply.array(keys.len());
    for key in keys {
        call.reply.array(2);
        call.reply.bulk(call.args.at(2 + key.at));
        words(&mut call.reply, key.access.names());
    }
    Ok(())
}

/// Returns the keys of a call that is not run.
fn keys_of(table: &Table, args: Args<'_>) -> Result<Vec<Key>> {
    const NO_COMMAND: Error = Error::Text("ERR Invalid command specified");
    let known = table.at(table.find(args).ok_or(NO_COMMAND)?);
    if !known.subcommands.is_empty() && args.len() > 1 {
        return Err(NO_COMMAND);
    }
    let spec = &known.command.spec;
    let mut groups = spec.shape.keys.iter().enumerate().filter(|(_, keys)| **keys != KeySpec::None);
    if groups.all(|(i, _)| spec.access.get(i).is_some_and(|access| access.has(Access::NOT_KEY))) {
        return Err(Error::Text("ERR The command has no key arguments"));
    }
    if !spec.shape.admits(args.len()) {
        return Err(Error::Text("ERR Invalid number of arguments specified for command"));
    }
    let keys: Vec<Key> = spec::keys(spec, args).map(Iterator::collect).unwrap_or_default();
    if keys.is_empty() && !spec.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(Error::Text("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

// COMMAND LIST ----------------------------------------------------------------------------------------------------

/// Which commands COMMAND LIST names.
enum Filter<'a> {
    All,
    /// There are no modules.
    None,
    Category(Categories),
    Pattern(&'a [u8]),
}

fn list(call: &mut Call<'_>) -> Result {
    let filter = Filter::parse(call.args)?;
    let names: Vec<String> = call
        .shared
        .table
        .iter()
        .filter(|known| filter.admits(known))
        .map(|known| known.command.spec.spelled())
        .collect();
    call.reply.array(names.len());
    names.iter().for_each(|name| call.reply.bulk(name.as_bytes()));
    Ok(())
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self> {
        let mut options = args.options(2);
        if options.is_empty() {
            return Ok(Filter::All);
        }
        if !options.word("FILTERBY") || options.len() != 2 {
            return Err(Error::Syntax);
        }
        if options.after("MODULE")?.is_some() {
            return Ok(Filter::None);
        }
        if let Some(category) = options.after("ACLCAT")? {
            let category = std::str::from_utf8(category).ok().and_then(Categories::named);
            return Ok(category.map_or(Filter::None, Filter::Category));
        }
        options.after("PATTERN")?.map(Filter::Pattern).ok_or(Error::Syntax)
    }

    fn admits(&self, known: &Known) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::Category(category) => known.categories().has(*category),
            Filter::Pattern(pattern) => {
                glob::matches(pattern, known.command.spec.spelled().as_bytes(), Case::Ignored)
            }
        }
    }
}
