//! Streams: deleting entries with regard to what groups have pending. Of Redis 8.2.

use crate::base::number::parse_int;
use crate::command;
use crate::data::stream::Stream;
use crate::data::stream_id::Id;
use crate::engine::{Call, Family};
use crate::keyspace::Event;
use crate::resp::{Args, Error, Result};
use crate::spec::Categories;

use super::stream_args::id;

pub const STREAM_DELETE: Family =
    Family { name: "stream", category: Categories::STREAM, commands: &[&XACKDEL, &XDELEX] };

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Missing,
    Deleted,
    /// It was deleted before, and pending until now.
    Released,
    /// A group has yet to acknowledge it.
    Needed,
}

impl Outcome {
    /// Returns how the reply says it.
    fn code(self) -> i64 {
        match self {
            Outcome::Missing => -1,
            Outcome::Deleted | Outcome::Released => 1,
            Outcome::Needed => 2,
        }
    }
}

/// What is asked for.
struct Deletion {
    references: References,
    /// Where the ids begin, and how many there are.
    at: usize,
    count: usize,
}

/// What becomes of an entry that groups have pending.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    /// It is deleted and stays pending.
    Kept,
    /// It is deleted and no longer pending.
    Deleted,
    /// It is not deleted, nor is one that a group was not given yet.
    Respected,
}

impl Deletion {
    /// Reads the arguments from a place on.
    fn read(args: Args<'_>, from: usize) -> Result<Self> {
        let (mut references, mut ids, mut at) = (None, None, from);
        while at < args.len() {
            let word = [
                ("KEEPREF", References::Kept),
                ("DELREF", References::Deleted),
                ("ACKED", References::Respected),
            ];
            let chosen = word.iter().find(|(word, _)| args.is(at, word));
            if let Some((_, choice)) = chosen
                && references.is_none()
            {
                references = Some(*choice);
                at += 1;
            } else if args.is(at, "IDS") && ids.is_none() && at + 1 < args.len() {
                let count = parse_int(args.at(at + 1)).filter(|count| *count > 0);
                let count = count.ok_or(Error::Text("ERR Number of IDs must be a positive integer"))?;
                let count = usize::try_from(count).ok().filter(|count| *count <= args.len() - at - 2);
                let count = count
                    .ok_or(Error::Text("ERR The `numids` parameter must match the number of arguments"))?;
                ids = Some((at + 2, count));
                at += 2 + count;
            } else {
                return Err(Error::Syntax);
            }
        }
        let (at, count) = ids.ok_or(Error::Syntax)?;
        args.from(at).iter().take(count).try_for_each(|arg| id(arg, 0).map(drop))?;
        Ok(Self { references: references.unwrap_or(References::Kept), at, count })
    }

    /// Returns the ids, which have been read before.
    fn ids<'a>(&self, args: Args<'a>) -> impl Iterator<Item = Id> + use<'a> {
        args.from(self.at).iter().take(self.count).filter_map(|arg| id(arg, 0).ok())
    }

    /// Deletes an entry if it may go, and counts what is no longer pending.
    fn delete(&self, stream: &mut Stream, id: Id, released: &mut u64) -> Outcome {
        match self.references {
            References::Kept => {}
            References::Deleted => {
                stream.groups.iter_mut().for_each(|group| *released += u64::from(group.acknowledge(id)));
            }
            References::Respected if stream.contains(id) => {
                let mut groups = stream.groups.iter();
                if groups.any(|group| group.last < id || group.pending().get(id).is_some()) {
                    return Outcome::Needed;
                }
            }
            References::Respected => {}
        }
        if stream.delete(id) { Outcome::Deleted } else { Outcome::Missing }
    }
}

command! {
    /// Deletes entries of a stream with regard to the groups that read it. Of Redis 8.2.
    ///
    /// `KEEPREF`, which is usual, leaves them pending as `XDEL` does; with `DELREF` they are no longer pending either;
    /// `ACKED` deletes only what every group was given and has acknowledged. The reply says of each id: 1 if it was
    /// deleted, 2 if a group still needs it, -1 if there is none.
    ///
    /// ```redis
    /// > XADD jobs 1-1 do sweep
    /// "1-1"
    /// > XGROUP CREATE jobs workers 0
    /// OK
    /// > XDELEX jobs ACKED IDS 2 1-1 2-1
    /// 1) (integer) 2
    /// 2) (integer) -1
    /// ```
    XDELEX("key [KEEPREF|DELREF|ACKED] IDS numids:integer id...") -> "number[]";
    flags WRITE | FAST;
    keys RW | DELETE;
    since "8.2.0";
    takes "O(log N) for each of the ids and groups";
    run xdelex;
}

fn xdelex(call: &mut Call<'_>) -> Result {
    let deletion = Deletion::read(call.args, 2)?;
    delete_each(call, &deletion, |stream, id, released| deletion.delete(stream, id, released))
}

/// Replies with what became of each id; `delete` counts entries that are no longer pending, too.
fn delete_each(
    call: &mut Call<'_>,
    deletion: &Deletion,
    mut delete: impl FnMut(&mut Stream, Id, &mut u64) -> Outcome,
) -> Result {
    let args = call.args;
    call.reply.array(deletion.count);
    let Some(stream) = call.db.write::<Stream>(args.at(1))? else {
        deletion.ids(args).for_each(|_| call.reply.int(Outcome::Missing.code()));
        return Ok(());
    };
    let (mut deleted, mut released) = (0, 0);
    for id in deletion.ids(args) {
        let outcome = delete(stream, id, &mut released);
        deleted += u64::from(outcome == Outcome::Deleted);
        call.reply.int(outcome.code());
    }
    note(call, deleted, released);
    Ok(())
}

/// Notes how many entries were deleted, and how many are no longer pending.
fn note(call: &mut Call<'_>, deleted: u64, released: u64) {
    if deleted > 0 {
        call.db.touch(call.args.at(1), Event::stream("xdel"));
        call.db.effects.count(deleted - 1);
    }
    call.db.effects.count(released);
}

command! {
    /// Acknowledges entries that a group has pending, and deletes them from the stream. Of Redis 8.2.
    ///
    /// `KEEPREF`, which is usual, leaves them pending in other groups; with `DELREF` they are no longer pending there
    /// either; `ACKED` deletes only what every group was given and has acknowledged. The reply says of each id: 1 if it
    /// was deleted, 2 if another group still needs it, -1 if it was not pending.
    ///
    /// ```redis
    /// > XADD jobs 1-1 do sweep
    /// "1-1"
    /// > XGROUP CREATE jobs workers 0
    /// OK
    /// > XREADGROUP GROUP workers ann STREAMS jobs >
    /// 1) 1) "jobs"
    ///    2) 1) 1) "1-1"
    ///          2) 1) "do"
    ///             2) "sweep"
    /// > XACKDEL jobs workers IDS 1 1-1
    /// 1) (integer) 1
    /// > XLEN jobs
    /// (integer) 0
    /// ```
    XACKDEL("key group [KEEPREF|DELREF|ACKED] IDS numids:integer id...") -> "number[]";
    flags WRITE | FAST;
    keys RW | UPDATE | DELETE;
    since "8.2.0";
    takes "O(log N) for each of the ids and groups";
    run xackdel;
}

fn xackdel(call: &mut Call<'_>) -> Result {
    let deletion = Deletion::read(call.args, 3)?;
    let name = call.args.at(2);
    delete_each(call, &deletion, |stream, id, released| {
        if !stream.groups.get_mut(name).is_some_and(|group| group.acknowledge(id)) {
            return Outcome::Missing;
        }
        *released += 1;
        match deletion.delete(stream, id, released) {
            Outcome::Missing => Outcome::Released,
            other => other,
        }
    })
}
