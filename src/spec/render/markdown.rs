//! The table of the README.

use std::fmt::Write;

use super::Declared;

/// Returns a table of all commands, sorted by family and name. Containers are left out: their subcommands are there.
pub fn markdown(declared: &[Declared]) -> String {
    let mut rows: Vec<&Declared> = declared.iter().filter(|one| !one.is_container(declared)).collect();
    rows.sort_by_key(|one| (one.group, one.spec.name));
    let mut table = String::from("| | command | what it does |\n|---|---|---|\n");
    let mut group = "";
    for one in rows {
        let title = if group == one.group { "" } else { one.group };
        group = one.group;
        let summary = one.spec.summary().replace('|', "\\|");
        writeln!(table, "| {title} | `{}` | {summary} |", one.spec.name).expect("a string takes everything");
    }
    table
}
