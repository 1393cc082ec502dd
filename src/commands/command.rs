//! COMMAND, and the HELP of every container.

use crate::engine::Call;
use crate::resp::Result;

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
