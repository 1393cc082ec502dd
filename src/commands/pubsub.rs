//! Channels: messages to all who listen, kept for nobody.

use crate::base::bytes::Bytes;
use crate::base::glob::{self, Case};
use crate::command;
use crate::engine::pubsub::Way;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const PUBSUB_FAMILY: Family = Family {
    name: "pubsub",
    category: Categories::NONE,
    commands: &[
        &PSUBSCRIBE,
        &PUBLISH,
        &PUBSUB,
        &PUBSUB_CHANNELS,
        &PUBSUB_HELP,
        &PUBSUB_NUMPAT,
        &PUBSUB_NUMSUB,
        &PUBSUB_SHARDCHANNELS,
        &PUBSUB_SHARDNUMSUB,
        &PUNSUBSCRIBE,
        &SPUBLISH,
        &SSUBSCRIBE,
        &SUBSCRIBE,
        &SUNSUBSCRIBE,
        &UNSUBSCRIBE,
    ],
};

command! {
    /// Listens to channels.
    ///
    /// Each channel is confirmed by a message of its own. From then on a connection in RESP2 may only change its
    /// subscriptions, PING and QUIT; one in RESP3 may do anything.
    ///
    /// ```redis
    /// > SUBSCRIBE news
    /// 1) "subscribe"
    /// 2) "news"
    /// 3) (integer) 1
    /// ```
    SUBSCRIBE("channel...") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N) with N channels";
    run subscribe_channels;
}

fn subscribe_channels(call: &mut Call<'_>) -> Result {
    subscribe(call, Way::Channel)
}

command! {
    /// Listens to all channels whose names match a pattern.
    ///
    /// A message arrives once for each pattern that its channel matches, and names the pattern.
    ///
    /// ```redis
    /// > PSUBSCRIBE news.*
    /// 1) "psubscribe"
    /// 2) "news.*"
    /// 3) (integer) 1
    /// ```
    PSUBSCRIBE("pattern...") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N) with N patterns";
    run subscribe_patterns;
}

fn subscribe_patterns(call: &mut Call<'_>) -> Result {
    subscribe(call, Way::Pattern)
}

command! {
    /// Listens to shard channels.
    ///
    /// A cluster keeps each of them on the node that has the slot of its name.
    ///
    /// ```redis
    /// > SSUBSCRIBE orders
    /// 1) "ssubscribe"
    /// 2) "orders"
    /// 3) (integer) 1
    /// ```
    SSUBSCRIBE("shardchannel...") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    keys NOT_KEY;
    since "7.0.0";
    takes "O(N) with N shard channels";
    run subscribe_shards;
}

fn subscribe_shards(call: &mut Call<'_>) -> Result {
    if call.session.turn.is_nested() {
        return Err(Error::Text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    subscribe(call, Way::Shard)
}

fn subscribe(call: &mut Call<'_>, way: Way) -> Result {
    for name in call.args.iter().skip(1) {
        call.shared.pubsub.subscribe(call.session.id, &mut call.session.subscriptions, way, name);
        confirm(call, way, way.words().0, Some(name));
    }
    Ok(())
}

command! {
    /// Stops listening to channels, or to all of them.
    ///
    /// Patterns are not concerned. Each channel is confirmed by a message of its own.
    ///
    /// ```redis
    /// > UNSUBSCRIBE news
    /// 1) "unsubscribe"
    /// 2) "news"
    /// 3) (integer) 0
    /// ```
    UNSUBSCRIBE("[channel...]") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N) with N channels";
    run unsubscribe_channels;
}

fn unsubscribe_channels(call: &mut Call<'_>) -> Result {
    unsubscribe(call, Way::Channel)
}

command! {
    /// Stops listening to patterns, or to all of them.
    ///
    /// Channels that were subscribed to by name are not concerned.
    ///
    /// ```redis
    /// > PUNSUBSCRIBE
    /// 1) "punsubscribe"
    /// 2) (nil)
    /// 3) (integer) 0
    /// ```
    PUNSUBSCRIBE("[pattern...]") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N) with N patterns";
    run unsubscribe_patterns;
}

fn unsubscribe_patterns(call: &mut Call<'_>) -> Result {
    unsubscribe(call, Way::Pattern)
}

command! {
    /// Stops listening to shard channels, or to all of them.
    ///
    /// Each shard channel is confirmed by a message of its own.
    ///
    /// ```redis
    /// > SUNSUBSCRIBE orders
    /// 1) "sunsubscribe"
    /// 2) "orders"
    /// 3) (integer) 0
    /// ```
    SUNSUBSCRIBE("[shardchannel...]") -> "void";
    flags PUBSUB | NOSCRIPT | LOADING | STALE;
    keys NOT_KEY;
    since "7.0.0";
    takes "O(N) with N shard channels";
    run unsubscribe_shards;
}

fn unsubscribe_shards(call: &mut Call<'_>) -> Result {
    unsubscribe(call, Way::Shard)
}

fn unsubscribe(call: &mut Call<'_>, way: Way) -> Result {
    let all: Vec<Bytes>;
    let names: Vec<&[u8]> = if call.args.len() > 1 {
        call.args.iter().skip(1).collect()
    } else {
        all = call.session.subscriptions.names(way);
        all.iter().map(|name| &**name).collect()
    };
    for name in &names {
        call.shared.pubsub.unsubscribe(call.session.id, &mut call.session.subscriptions, way, name);
        confirm(call, way, way.words().1, Some(name));
    }
    if names.is_empty() {
        confirm(call, way, way.words().1, None);
    }
    Ok(())
}

fn confirm(call: &mut Call<'_>, way: Way, word: &str, name: Option<&[u8]>) {
    call.reply.push(3);
    call.reply.bulk(word.as_bytes());
    call.reply.bulk_or_null(name);
    call.reply.len(call.session.subscriptions.shown(way));
}

command! {
    /// Sends a message to all who listen to a channel.
    ///
    /// Answers with how many listeners got it, those of patterns included.
    ///
    /// ```redis
    /// > PUBLISH news hello
    /// (integer) 0
    /// ```
    PUBLISH("channel message") -> "number";
    flags PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE;
    since "2.0.0";
    takes "O(N+M) with N listeners and M patterns of all clients";
    run publish;
}

fn publish(call: &mut Call<'_>) -> Result {
    let (channel, message) = (call.args.at(1), call.args.at(2));
    let told = call.shared.pubsub.publish(call.db.effects, channel, message);
    call.reply.len(told);
    tell_replicas(call);
    Ok(())
}

/// Lets replicas publish the message too; a log has no listeners.
fn tell_replicas(call: &mut Call<'_>) {
    if !call.shared.primary.is_empty() {
        call.db.effects.tell_replicas(call.db.index(), call.args);
    }
}

command! {
    /// Sends a message to all who listen to a shard channel.
    ///
    /// Answers with how many listeners got it.
    ///
    /// ```redis
    /// > SPUBLISH orders hello
    /// (integer) 0
    /// ```
    SPUBLISH("shardchannel message") -> "number";
    flags PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE;
    keys NOT_KEY;
    since "7.0.0";
    takes "O(N) with N listeners";
    run publish_to_shard;
}

fn publish_to_shard(call: &mut Call<'_>) -> Result {
    let (channel, message) = (call.args.at(1), call.args.at(2));
    let told = call.shared.pubsub.publish_shard(call.db.effects, channel, message);
    call.reply.len(told);
    tell_replicas(call);
    Ok(())
}

command! {
    /// Looks into channels and their listeners.
    PUBSUB("subcommand [arg...]") -> "unknown";
    since "2.8.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    PUBSUB_HELP "PUBSUB HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "6.2.0";
    takes "O(1)";
    run help;
}

command! {
    /// Lists the channels that somebody listens to by name.
    ///
    /// With a pattern, those whose names match it.
    ///
    /// ```redis
    /// > PUBSUB CHANNELS
    /// (empty array)
    /// ```
    PUBSUB_CHANNELS "PUBSUB CHANNELS" ("[pattern]") -> "string[]";
    flags PUBSUB | LOADING | STALE;
    since "2.8.0";
    takes "O(N) with N channels";
    run channels;
}

fn channels(call: &mut Call<'_>) -> Result {
    list(call, Way::Channel)
}

command! {
    /// Lists the shard channels that somebody listens to.
    ///
    /// With a pattern, those whose names match it.
    ///
    /// ```redis
    /// > PUBSUB SHARDCHANNELS
    /// (empty array)
    /// ```
    PUBSUB_SHARDCHANNELS "PUBSUB SHARDCHANNELS" ("[pattern]") -> "string[]";
    flags PUBSUB | LOADING | STALE;
    since "7.0.0";
    takes "O(N) with N shard channels";
    run shard_channels;
}

fn shard_channels(call: &mut Call<'_>) -> Result {
    list(call, Way::Shard)
}

fn list(call: &mut Call<'_>, way: Way) -> Result {
    if call.args.len() > 3 {
        return Err(Error::wrong_subcommand(call.args.at(1), "PUBSUB"));
    }
    let pattern = call.args.get(2);
    let mark = call.reply.mark();
    let mut count = 0;
    for (name, _) in call.shared.pubsub.of(way).iter() {
        if pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Exact)) {
            call.reply.bulk(name);
            count += 1;
        }
    }
    call.reply.end_array(mark, count);
    Ok(())
}

command! {
    /// Counts the patterns that are listened to.
    ///
    /// A pattern counts once, however many listen to it.
    ///
    /// ```redis
    /// > PUBSUB NUMPAT
    /// (integer) 0
    /// ```
    PUBSUB_NUMPAT "PUBSUB NUMPAT" ("") -> "number";
    flags PUBSUB | LOADING | STALE;
    since "2.8.0";
    takes "O(1)";
    run count_patterns;
}

fn count_patterns(call: &mut Call<'_>) -> Result {
    call.reply.len(call.shared.pubsub.of(Way::Pattern).len());
    Ok(())
}

command! {
    /// Counts who listens to each channel.
    ///
    /// Listeners of patterns are not counted.
    ///
    /// ```redis
    /// > PUBSUB NUMSUB news
    /// 1) "news"
    /// 2) (integer) 0
    /// ```
    PUBSUB_NUMSUB "PUBSUB NUMSUB" ("[channel...]") -> "unknown[]";
    flags PUBSUB | LOADING | STALE;
    since "2.8.0";
    takes "O(N) with N channels asked for";
    run count_listeners;
}

fn count_listeners(call: &mut Call<'_>) -> Result {
    count(call, Way::Channel)
}

command! {
    /// Counts who listens to each shard channel.
    ///
    /// ```redis
    /// > PUBSUB SHARDNUMSUB orders
    /// 1) "orders"
    /// 2) (integer) 0
    /// ```
    PUBSUB_SHARDNUMSUB "PUBSUB SHARDNUMSUB" ("[channel...]") -> "unknown[]";
    flags PUBSUB | LOADING | STALE;
    since "7.0.0";
    takes "O(N) with N shard channels asked for";
    run count_shard_listeners;
}

fn count_shard_listeners(call: &mut Call<'_>) -> Result {
    count(call, Way::Shard)
}

fn count(call: &mut Call<'_>, way: Way) -> Result {
    call.reply.array((call.args.len() - 2) * 2);
    for name in call.args.iter().skip(2) {
        let listeners = call.shared.pubsub.of(way).of(name).len();
        call.reply.bulk(name);
        call.reply.len(listeners);
    }
    Ok(())
}
