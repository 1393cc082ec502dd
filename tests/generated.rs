//! Documents that are made from the declarations are as the declarations say. `UPDATE=1` writes them anew.

use std::fs;
use std::path::Path;

use redlet::commands;
use redlet::spec::render::{Declared, json, markdown, typescript};

/// Returns all commands, sorted by name.
fn declared() -> Vec<Declared> {
    let families = commands::ALL.iter().copied();
    let mut all: Vec<Declared> = families
        .flat_map(|family| {
            family.commands.iter().map(|command| Declared { group: family.name, spec: &command.spec })
        })
        .collect();
    all.sort_by_key(|one| one.spec.name);
    all
}

#[test]
fn typings_are_fresh() {
    check("pkg-template/src/commands.ts", &typescript(&declared()));
}

#[test]
fn commands_json_is_fresh() {
    check("www/commands.json", &json(&declared()));
}

#[test]
fn the_table_of_the_readme_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).expect("there is a README");
    let (head, rest) = readme.split_once("<!-- commands -->\n").expect("a marker before the table");
    let (_, tail) = rest.split_once("<!-- /commands -->").expect("a marker behind the table");
    let table = markdown(&declared());
    check("README.md", &format!("{head}<!-- commands -->\n\n{table}\n<!-- /commands -->{tail}"));
}

fn check(name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, fresh).expect("the file can be written");
    } else {
        let kept = fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == fresh,
            "{name} is not what the declarations say: UPDATE=1 cargo test --features docs --test generated"
        );
    }
}
