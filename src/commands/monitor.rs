//! What a server tells of itself besides INFO: MONITOR and LOLWUT.

use crate::base::number::parse_int;
use crate::command;
use crate::engine::session::Turn;
use crate::engine::{Call, Family, REDIS_VERSION};
use crate::resp::{Error, Result};
use crate::spec::Categories;

pub const MONITOR_FAMILY: Family =
    Family { name: "server", category: Categories::NONE, commands: &[&LOLWUT, &MONITOR] };

command! {
    /// Shows every call of every connection, as it runs.
    ///
    /// A line each: the time, the database and the address of the client, then the arguments. Secrets are left out,
    /// and so are calls of administrators.
    ///
    /// ```redis
    /// > MONITOR
    /// OK
    /// ```
    MONITOR("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "1.0.0";
    takes "O(1)";
    run monitor;
}

fn monitor(call: &mut Call<'_>) -> Result {
    if call.session.turn == Turn::Nested {
        return Err(Error::Text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // Who sees the calls already gets no other answer.
    if !call.session.monitor {
        call.session.monitor = true;
        call.shared.monitors.push(call.session.id);
        call.reply.ok();
    }
    Ok(())
}

command! {
    /// Draws something, and tells the version.
    ///
    /// The picture is another one every time: a range of hills at night, as wide and as high as the numbers say.
    LOLWUT("[VERSION version:integer [arg...]]") -> "string";
    flags READONLY | FAST;
    since "5.0.0";
    takes "O(N) with N letters";
    run lolwut;
}

fn lolwut(call: &mut Call<'_>) -> Result {
    let mut numbers = call.args.from(1);
    if call.args.len() >= 3 && call.args.is(1, "VERSION") {
        call.args.int(2)?;
        numbers = call.args.from(3);
    }
    let number = |i: usize| numbers.get(i).and_then(parse_int);
    let size = |i: usize, usual: i64, most: i64| number(i).unwrap_or(usual).clamp(1, most) as usize;
    let (width, height) = (size(0, 64, 200), size(1, 12, 60));
    let text = format!("{}\nRedis ver. {REDIS_VERSION}\n", hills(call, width, height));
    call.reply.verbatim("txt", &text);
    Ok(())
}

/// Draws hills whose outline wanders, and stars above them.
fn hills(call: &mut Call<'_>, width: usize, height: usize) -> String {
    let random = &mut call.shared.random;
    let mut top = height / 2;
    let outline: Vec<usize> = (0..width)
        .map(|_| {
            top = (top + random.below(3) as usize).saturating_sub(1).min(height - 1);
            top
        })
        .collect();
    let mut text = String::new();
    for line in 0..height {
        let letters = outline.iter().map(|top| match (line.cmp(top), random.below(24)) {
            (std::cmp::Ordering::Equal, _) => '^',
            (std::cmp::Ordering::Greater, 0) => '\'',
            (std::cmp::Ordering::Greater, _) => '.',
            (std::cmp::Ordering::Less, 0) => '*',
            (std::cmp::Ordering::Less, _) => ' ',
        });
        text.push_str(letters.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}
