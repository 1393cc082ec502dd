//! Sorted sets: popping members that may come later.

use crate::command;
use crate::data::list::Side;
use crate::data::sorted_set::SortedSet;
use crate::engine::wait::Nothing;
use crate::engine::{Call, Family};
use crate::resp::Result;
use crate::spec::Categories;

use super::list::{Wanted, first_of};
use super::sorted_set::{ENDS, pop_event, pop_name, pop_wanted};

pub const SORTED_SET_BLOCKING: Family = Family {
    name: "sorted-set",
    category: Categories::SORTEDSET,
    commands: &[&BZMPOP, &BZPOPMAX, &BZPOPMIN],
};

command! {
    /// Takes the member with the lowest score out of the first of several sorted sets that exists; waits if there is
    /// none.
    ///
    /// The reply names the key and has the member and its score. Clients that wait for the same key are served in the
    /// order in which they came. After the timeout, in seconds and fractions, the reply is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > ZADD jobs 1 sweep 2 mop
    /// (integer) 2
    /// > BZPOPMIN urgent jobs 5
    /// 1) "jobs"
    /// 2) "sweep"
    /// 3) "1"
    /// ```
    BZPOPMIN("key... timeout") -> "[key: string, member: string, score: number] | null";
    flags WRITE | NOSCRIPT | BLOCKING | FAST;
    keys RW | ACCESS | DELETE;
    since "5.0.0";
    takes "O(K + log N) for K keys and N members";
    run bzpopmin;
}

fn bzpopmin(call: &mut Call<'_>) -> Result {
    pop(call, Side::Head)
}

command! {
    /// Takes the member with the highest score out of the first of several sorted sets that exists; waits if there is
    /// none.
    ///
    /// The reply names the key and has the member and its score. After the timeout, in seconds and fractions, the reply
    /// is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > ZADD jobs 1 sweep 2 mop
    /// (integer) 2
    /// > BZPOPMAX urgent jobs 5
    /// 1) "jobs"
    /// 2) "mop"
    /// 3) "2"
    /// ```
    BZPOPMAX("key... timeout") -> "[key: string, member: string, score: number] | null";
    flags WRITE | NOSCRIPT | BLOCKING | FAST;
    keys RW | ACCESS | DELETE;
    since "5.0.0";
    takes "O(K + log N) for K keys and N members";
    run bzpopmax;
}

fn bzpopmax(call: &mut Call<'_>) -> Result {
    pop(call, Side::Tail)
}

fn pop(call: &mut Call<'_>, side: Side) -> Result {
    let last = call.args.len() - 1;
    let until = call.timeout(last)?;
    let Some(key) = first_of::<SortedSet>(call, 1..last)? else {
        return call.wait_for_keys(1..last, until, Nothing::NullArray);
    };
    let set = call.db.write::<SortedSet>(key)?.expect("it was just found");
    let rank = if side == Side::Head { 0 } else { set.len() - 1 };
    let (member, score) = set.nth(rank).expect("a key never holds an empty set");
    call.reply.array(3);
    call.reply.bulk(key);
    call.reply.bulk(&member);
    call.reply.double(score);
    set.remove_range(rank..rank + 1);
    let left = set.len();
    call.db.shrank(key, pop_event(side), 1, left);
    call.db.log_as(&[pop_name(side), key]);
    Ok(())
}

command! {
    /// Takes members from an end of the first of several sorted sets that exists; waits if there is none.
    ///
    /// The reply names the key and has at most as many members with their scores as the count says, which is one if not
    /// given. After the timeout, in seconds and fractions, it is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > ZADD jobs 1 sweep 2 mop
    /// (integer) 2
    /// > BZMPOP 5 2 urgent jobs MAX
    /// 1) "jobs"
    /// 2) 1) 1) "mop"
    ///       2) "2"
    /// ```
    BZMPOP("timeout numkeys key... <MIN|MAX> [COUNT count]")
        -> "[key: string, members: [member: string, score: number][]] | null";
    flags WRITE | BLOCKING;
    keys RW | ACCESS | DELETE;
    since "7.0.0";
    takes "O(K) + O(M log N) for K keys and M members returned of N";
    run bzmpop;
}

fn bzmpop(call: &mut Call<'_>) -> Result {
    let wanted = Wanted::read(call.args, 2, ENDS)?;
    let until = call.timeout(1)?;
    if pop_wanted(call, &wanted)? {
        return Ok(());
    }
    call.wait_for_keys(wanted.keys, until, Nothing::NullArray)
}
