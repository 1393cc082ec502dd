//! CLIENT TRACKING and its kin: caches in clients that hear of changes.

use crate::base::bytes::Bytes;
use crate::base::number;
use crate::base::sort;
use crate::command;
use crate::engine::Call;
use crate::engine::tracking::{Choice, Tracking};
use crate::resp::{Error, Result, SessionId};

command! {
    /// Tells the connection when keys that it has read are changed.
    ///
    /// A message goes to the connection itself in RESP3, or to another one with REDIRECT. With BCAST it hears of every
    /// key that begins with one of the prefixes, read or not.
    ///
    /// ```redis
    /// > CLIENT TRACKING ON OPTIN
    /// OK
    /// ```
    pub(super) CLIENT_TRACKING "CLIENT TRACKING" ("<ON|OFF> [REDIRECT client-id:integer] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(1), and O(N) with N prefixes";
    run tracking;
}

fn tracking(call: &mut Call<'_>) -> Result {
    let (asked, at_odds) = parse(call)?;
    let on = match (call.args.is(2, "ON"), call.args.is(2, "OFF")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(Error::Syntax),
    };
    if !on {
        if call.session.tracking.take().is_some() {
            call.shared.readers.disable(call.session.id);
        }
        call.reply.ok();
        return Ok(());
    }
    let wanted = merge(call.session.tracking.as_deref(), asked, at_odds)?;
    call.shared.readers.enable(call.session.id, &wanted);
    call.session.tracking = Some(Box::new(wanted));
    call.reply.ok();
    Ok(())
}

/// Returns what is asked for, and whether that is OPTIN and OPTOUT at once.
fn parse(call: &Call<'_>) -> Result<(Tracking, bool)> {
    let mut asked = Tracking::default();
    let (mut opt_in, mut opt_out) = (false, false);
    let mut options = call.args.options(3);
    while !options.is_empty() {
        if options.len() > 1 && options.word("REDIRECT") {
            if asked.redirect.is_some() {
                return Err(Error::Text("ERR A client can only redirect to a single other client"));
            }
            let id = number::parse_int(options.take()?).ok_or(Error::NotInteger)?;
            let id = SessionId(id as u64);
            if !call.shared.clients.has(id) {
                return Err(Error::Text("ERR The client ID you want redirect to does not exist"));
            }
            asked.redirect = Some(id);
        } else if options.word("BCAST") {
            asked.broadcast = true;
        } else if options.word("OPTIN") {
            opt_in = true;
        } else if options.word("OPTOUT") {
            opt_out = true;
        } else if options.word("NOLOOP") {
            asked.no_loop = true;
        } else if options.len() > 1 && options.word("PREFIX") {
            asked.prefixes.push(Bytes::from(options.take()?));
        } else {
            return Err(Error::Syntax);
        }
    }
    asked.choice = match (opt_in, opt_out) {
        (true, _) => Choice::OptIn { next: false },
        (false, true) => Choice::OptOut { next: false },
        (false, false) => Choice::All,
    };
    Ok((asked, opt_in && opt_out))
}

/// Joins what is asked for with what the connection has already.
fn merge(before: Option<&Tracking>, mut asked: Tracking, at_odds: bool) -> Result<Tracking> {
    if !asked.broadcast && !asked.prefixes.is_empty() {
        return Err(Error::Text("ERR PREFIX option requires BCAST mode to be enabled"));
    }
    if before.is_some_and(|before| before.broadcast != asked.broadcast) {
        return Err(Error::Text(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling \
             it with a different mode.",
        ));
    }
    if asked.broadcast && asked.choice != Choice::All {
        return Err(Error::Text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if at_odds {
        return Err(Error::Text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
    }
    let kind = std::mem::discriminant;
    if let Some(before) = before
        && before.choice != Choice::All
        && asked.choice != Choice::All
        && kind(&before.choice) != kind(&asked.choice)
    {
        return Err(Error::Text(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling \
             it with a different mode.",
        ));
    }
    if asked.broadcast {
        let before = before.map(|before| before.prefixes.as_slice()).unwrap_or_default();
        refuse_overlaps(before, &asked.prefixes)?;
        if asked.prefixes.is_empty() {
            asked.prefixes.push(Bytes::new());
        }
        asked.prefixes.extend_from_slice(before);
        sort::sort(&mut asked.prefixes);
        asked.prefixes.dedup();
    }
    Ok(asked)
}

/// A key must not be told twice to one client.
fn refuse_overlaps(before: &[Bytes], asked: &[Bytes]) -> Result {
    let overlap = |a: &Bytes, b: &Bytes| a.starts_with(b) || b.starts_with(a);
    for (i, prefix) in asked.iter().enumerate() {
        if let Some(other) = before.iter().find(|other| overlap(prefix, other)) {
            let text = "ERR Prefix '{}' overlaps with an existing prefix '{}'. Prefixes for a single client must not overlap.";
            return Err(Error::quoting(text, &[prefix, other]));
        }
        if let Some(other) = asked[i + 1..].iter().find(|other| overlap(prefix, other)) {
            let text = "ERR Prefix '{}' overlaps with another provided prefix '{}'. Prefixes for a single client must not overlap.";
            return Err(Error::quoting(text, &[prefix, other]));
        }
    }
    Ok(())
}

command! {
    /// Says whether the keys of the next command are tracked.
    ///
    /// YES goes with OPTIN and NO with OPTOUT.
    ///
    /// ```redis
    /// > CLIENT CACHING YES
    /// (error) ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled
    /// ```
    pub(super) CLIENT_CACHING "CLIENT CACHING" ("<YES|NO>") -> "'OK'";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(1)";
    run caching;
}

fn caching(call: &mut Call<'_>) -> Result {
    const OFF: Error = Error::Text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    );
    let tracking = call.session.tracking.as_mut().ok_or(OFF)?;
    match &mut tracking.choice {
        Choice::OptIn { next } if call.args.is(2, "YES") => *next = true,
        Choice::OptOut { next } if call.args.is(2, "NO") => *next = true,
        _ if call.args.is(2, "YES") => {
            return Err(Error::Text(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
        _ if call.args.is(2, "NO") => {
            return Err(Error::Text(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
        _ => return Err(Error::Syntax),
    }
    call.reply.ok();
    Ok(())
}

command! {
    /// Returns the connection that gets this one's messages about changed keys.
    ///
    /// 0 is this one itself, -1 means that it does not track.
    ///
    /// ```redis
    /// > CLIENT GETREDIR
    /// (integer) -1
    /// ```
    pub(super) CLIENT_GETREDIR "CLIENT GETREDIR" ("") -> "number";
    flags NOSCRIPT | LOADING | STALE;
    since "6.0.0";
    takes "O(1)";
    run redirection;
}

fn redirection(call: &mut Call<'_>) -> Result {
    let tracking = call.session.tracking.as_ref();
    call.reply.int(tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |id| id.0 as i64)));
    Ok(())
}

command! {
    /// Returns what the connection asked to be told of changed keys.
    ///
    /// ```redis
    /// > CLIENT TRACKINGINFO
    /// 1) "flags"
    /// 2) 1) "off"
    /// 3) "redirect"
    /// 4) (integer) -1
    /// 5) "prefixes"
    /// 6) (empty array)
    /// ```
    pub(super) CLIENT_TRACKINGINFO "CLIENT TRACKINGINFO" ("") -> "Record<string, unknown>";
    flags NOSCRIPT | LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run tracking_info;
}

fn tracking_info(call: &mut Call<'_>) -> Result {
    let tracking = call.session.tracking.as_deref();
    let mut flags = vec![if tracking.is_some() { "on" } else { "off" }];
    if let Some(tracking) = tracking {
        if tracking.broadcast {
            flags.push("bcast");
        }
        match tracking.choice {
            Choice::All => {}
            Choice::OptIn { next } => {
                flags.extend(["optin"].into_iter().chain(next.then_some("caching-yes")))
            }
            Choice::OptOut { next } => {
                flags.extend(["optout"].into_iter().chain(next.then_some("caching-no")))
            }
        }
        if tracking.no_loop {
            flags.push("noloop");
        }
        if tracking.broken_redirect {
            flags.push("broken_redirect");
        }
    }
    let reply = &mut call.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |id| id.0 as i64)));
    reply.bulk(b"prefixes");
    let prefixes = tracking.map(|tracking| tracking.prefixes.as_slice()).unwrap_or_default();
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}
