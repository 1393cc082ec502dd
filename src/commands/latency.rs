//! LATENCY: what took long, by event and by command.

use crate::base::number::push_fixed;
use crate::command;
use crate::engine::latency::{Event, Sample};
use crate::engine::table::{Known, Table};
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const LATENCY_FAMILY: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[
        &LATENCY,
        &LATENCY_DOCTOR,
        &LATENCY_GRAPH,
        &LATENCY_HELP,
        &LATENCY_HISTOGRAM,
        &LATENCY_HISTORY,
        &LATENCY_LATEST,
        &LATENCY_RESET,
    ],
};

command! {
    /// Looks at what took long.
    LATENCY("subcommand [arg...]") -> "unknown";
    since "2.8.13";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    LATENCY_HELP "LATENCY HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run help;
}

command! {
    /// Returns the last sample of each event: its name, the second, its milliseconds, and the most there ever were.
    ///
    /// ```redis
    /// > LATENCY LATEST
    /// (empty array)
    /// ```
    LATENCY_LATEST "LATENCY LATEST" ("") -> "[string, number, number, number][]";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run latest;
}

fn latest(call: &mut Call<'_>) -> Result {
    let events = &call.shared.latency.events;
    call.reply.array(events.len());
    for event in events {
        let last = event.samples.last().copied().unwrap_or(Sample { second: 0, millis: 0 });
        call.reply.array(4);
        call.reply.bulk(event.name.as_bytes());
        call.reply.int(last.second as i64);
        call.reply.int(last.millis as i64);
        call.reply.int(event.most as i64);
    }
    Ok(())
}

command! {
    /// Returns the samples of an event: seconds and milliseconds.
    ///
    /// ```redis
    /// > LATENCY HISTORY command
    /// (empty array)
    /// ```
    LATENCY_HISTORY "LATENCY HISTORY" ("event") -> "[number, number][]";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run history;
}

fn history(call: &mut Call<'_>) -> Result {
    let samples = call.shared.latency.find(call.args.at(2)).map(|event| &*event.samples).unwrap_or_default();
    call.reply.array(samples.len());
    for sample in samples {
        call.reply.array(2);
        call.reply.int(sample.second as i64);
        call.reply.int(sample.millis as i64);
    }
    Ok(())
}

command! {
    /// Forgets the samples of events, of all if none is named.
    ///
    /// Answers with how many events there were.
    ///
    /// ```redis
    /// > LATENCY RESET nothing
    /// (integer) 0
    /// ```
    LATENCY_RESET "LATENCY RESET" ("[event...]") -> "number";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run reset;
}

fn reset(call: &mut Call<'_>) -> Result {
    let latency = &mut call.shared.latency;
    let names = call.args.from(2);
    let forgotten = if names.is_empty() {
        std::mem::take(&mut latency.events).len()
    } else {
        names.iter().filter(|name| latency.forget(name)).count()
    };
    call.reply.len(forgotten);
    Ok(())
}

command! {
    /// Draws the samples of an event, with how long ago each was below it.
    ///
    /// ```redis
    /// > LATENCY GRAPH command
    /// (error) ERR No samples available for event 'command'
    /// ```
    LATENCY_GRAPH "LATENCY GRAPH" ("event") -> "string";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run graph;
}

fn graph(call: &mut Call<'_>) -> Result {
    let name = call.args.at(2);
    let no_samples = || Error::quoting("ERR No samples available for event '{}'", &[name]);
    let event = call.shared.latency.find(name).ok_or_else(no_samples)?;
    let summary = event.summary(call.db.now);
    let mut text = format!(
        "{} - high {} ms, low {} ms (all time high {} ms)\n{}\n",
        event.name,
        summary.most,
        summary.least,
        event.most,
        "-".repeat(80)
    );
    draw(&mut text, event, call.db.now.seconds());
    call.reply.verbatim("txt", &text);
    Ok(())
}

/// Draws a column a sample: its height in four lines of three steps each, then its age from top to bottom.
fn draw(text: &mut String, event: &Event, now: u64) {
    const STEPS: u64 = 12;
    let millis = || event.samples.iter().map(|sample| sample.millis);
    let (least, most) = (millis().min().unwrap_or(0), millis().max().unwrap_or(0));
    let height = |ms: u64| ((ms - least) * STEPS / (most - least).max(1)).min(STEPS - 1);
    for line in (0..4).rev() {
        text.extend(millis().map(|ms| match height(ms) {
            height if height / 3 == line => ['_', '-', '`'][(height % 3) as usize],
            _ => ' ',
        }));
        text.push('\n');
    }
    let ages: Vec<String> =
        event.samples.iter().map(|sample| age(now.saturating_sub(sample.second))).collect();
    text.push_str(&" ".repeat(ages.len()));
    text.push('\n');
    for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| age.as_bytes().get(line).map_or(' ', |byte| char::from(*byte))));
        text.push('\n');
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

command! {
    /// Tells in words what took long, and what may help.
    LATENCY_DOCTOR "LATENCY DOCTOR" ("") -> "string";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.13";
    takes "O(1)";
    run doctor;
}

fn doctor(call: &mut Call<'_>) -> Result {
    let shared = &call.shared;
    let mut text = String::new();
    if shared.latency.events.is_empty() {
        text.push_str(if shared.config.latency_monitor_threshold.get() == 0 {
            "Nobody looks at latency here: set latency-monitor-threshold to the milliseconds that are too many.\n"
        } else {
            "Nothing has taken as long as latency-monitor-threshold says.\n"
        });
    }
    for event in &shared.latency.events {
        let summary = event.summary(call.db.now);
        let mut period = Vec::new();
        push_fixed(&mut period, summary.period, 2);
        text.push_str(&format!(
            "{}: {} times, {} ms on the average, {} ms off it, every {} s; the worst took {} ms.\n",
            event.name,
            event.samples.len(),
            summary.mean,
            summary.deviation,
            String::from_utf8_lossy(&period),
            event.most
        ));
        text.push_str(advice(event.name));
    }
    call.reply.verbatim("txt", &text);
    Ok(())
}

fn advice(event: &str) -> &'static str {
    match event {
        "command" => {
            "  SLOWLOG GET shows which calls these were: look for ones that walk through everything.\n"
        }
        "fast-command" => {
            "  These commands are short: something else kept the processor from running them.\n"
        }
        "expire-cycle" => "  Many keys expire at once, or large ones: spread their deadlines.\n",
        "eviction-cycle" => "  Memory is short: raise maxmemory, or keep less.\n",
        _ => "",
    }
}

command! {
    /// Returns how long the calls of commands took, of all that ran if none is named.
    ///
    /// Of each how many there were, and how many took no longer than a microsecond, 2, 4 and so on.
    ///
    /// ```redis
    /// > LATENCY HISTOGRAM nothing
    /// (empty array)
    /// ```
    LATENCY_HISTOGRAM "LATENCY HISTOGRAM" ("[command...]") -> "Record<string, unknown>";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "7.0.0";
    takes "O(N) with N commands";
    run histogram;
}

fn histogram(call: &mut Call<'_>) -> Result {
    let table = &call.shared.table;
    let names = call.args.from(2);
    let known: Vec<&Known> = if names.is_empty() {
        table.iter().collect()
    } else {
        let places = names.iter().filter_map(|name| table.spelled(name));
        places.flat_map(|place| with_subcommands(table, place)).collect()
    };
    let known: Vec<&Known> = known.into_iter().filter(|known| known.stats.durations.total() > 0).collect();
    call.reply.map(known.len());
    for known in known {
        let durations = known.stats.durations.doubling();
        call.reply.bulk(known.command.spec.spelled().as_bytes());
        call.reply.map(2);
        call.reply.bulk(b"calls");
        call.reply.int(known.stats.durations.total() as i64);
        call.reply.bulk(b"histogram_usec");
        call.reply.map(durations.len());
        for (micros, count) in durations {
            call.reply.int(micros as i64);
            call.reply.int(count as i64);
        }
    }
    Ok(())
}

/// Returns a command and its subcommands.
fn with_subcommands(table: &Table, place: usize) -> impl Iterator<Item = &Known> {
    let known = table.at(place);
    let subcommands = known.subcommands.iter().map(|place| table.at(usize::from(*place)));
    std::iter::once(known).chain(subcommands)
}
