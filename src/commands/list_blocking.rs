//! Lists: popping and moving elements that may come later.

use crate::base::time::Time;
use crate::command;
use crate::data::list::{List, Side};
use crate::engine::wait::Nothing;
use crate::engine::{Call, Family};
use crate::resp::Result;
use crate::spec::Categories;

use super::list::{ENDS, Wanted, first_of, pop_event, pop_name, pop_wanted, shift, side};

pub const LIST_BLOCKING: Family = Family {
    name: "list",
    category: Categories::LIST,
    commands: &[&BLMOVE, &BLMPOP, &BLPOP, &BRPOP, &BRPOPLPUSH],
};

command! {
    /// Takes the first element of the first of several lists that exists; waits if there is none.
    ///
    /// The reply names the key and has the element. Clients that wait for the same key are served in the order in
    /// which they came. After the timeout, in seconds and fractions, the reply is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > RPUSH jobs sweep
    /// (integer) 1
    /// > BLPOP urgent jobs 5
    /// 1) "jobs"
    /// 2) "sweep"
    /// ```
    BLPOP("key... timeout") -> "[key: string, element: string] | null";
    flags WRITE | NOSCRIPT | BLOCKING;
    keys RW | ACCESS | DELETE;
    since "2.0.0";
    takes "O(N) for N keys";
    run blpop;
}

fn blpop(call: &mut Call<'_>) -> Result {
    pop(call, Side::Head)
}

command! {
    /// Takes the last element of the first of several lists that exists; waits if there is none.
    ///
    /// The reply names the key and has the element. After the timeout, in seconds and fractions, the reply is null; a
    /// timeout of 0 is none.
    ///
    /// ```redis
    /// > RPUSH jobs sweep mop
    /// (integer) 2
    /// > BRPOP urgent jobs 5
    /// 1) "jobs"
    /// 2) "mop"
    /// ```
    BRPOP("key... timeout") -> "[key: string, element: string] | null";
    flags WRITE | NOSCRIPT | BLOCKING;
    keys RW | ACCESS | DELETE;
    since "2.0.0";
    takes "O(N) for N keys";
    run brpop;
}

fn brpop(call: &mut Call<'_>) -> Result {
    pop(call, Side::Tail)
}

fn pop(call: &mut Call<'_>, side: Side) -> Result {
    let last = call.args.len() - 1;
    let until = call.timeout(last)?;
    let Some(key) = first_of::<List>(call, 1..last)? else {
        return call.wait_for_keys(1..last, until, Nothing::NullArray);
    };
    call.reply.array(2);
    call.reply.bulk(key);
    let list = call.db.write::<List>(key)?.expect("it was just found");
    list.pop_with(side, |element| call.reply.bulk(element));
    let left = list.len();
    call.db.shrank(key, pop_event(side), 1, left);
    call.db.log_as(&[pop_name(side).as_bytes(), key]);
    Ok(())
}

command! {
    /// Takes elements from an end of the first of several lists that exists; waits if there is none.
    ///
    /// The reply names the key and has at most as many elements as the count says, which is one if not given. After
    /// the timeout, in seconds and fractions, it is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > RPUSH jobs sweep mop dust
    /// (integer) 3
    /// > BLMPOP 5 2 urgent jobs RIGHT COUNT 2
    /// 1) "jobs"
    /// 2) 1) "dust"
    ///    2) "mop"
    /// ```
    BLMPOP("timeout numkeys key... <LEFT|RIGHT> [COUNT count]") -> "[key: string, elements: string[]] | null";
    flags WRITE | BLOCKING;
    keys RW | ACCESS | DELETE;
    since "7.0.0";
    takes "O(N+M) for N keys and M elements returned";
    run blmpop;
}

fn blmpop(call: &mut Call<'_>) -> Result {
    let wanted = Wanted::read(call.args, 2, ENDS)?;
    let until = call.timeout(1)?;
    if pop_wanted(call, &wanted)? {
        return Ok(());
    }
    call.wait_for_keys(wanted.keys, until, Nothing::NullArray)
}

command! {
    /// Moves an element from an end of one list to an end of another; waits if there is none.
    ///
    /// The reply is the element. After the timeout, in seconds and fractions, it is null; a timeout of 0 is none.
    ///
    /// ```redis
    /// > RPUSH todo write test
    /// (integer) 2
    /// > BLMOVE todo doing LEFT RIGHT 5
    /// "write"
    /// ```
    BLMOVE("source:key destination:key <LEFT|RIGHT> <LEFT|RIGHT> timeout") -> "string | null";
    flags WRITE | DENYOOM | NOSCRIPT | BLOCKING;
    keys RW | ACCESS | DELETE, RW | INSERT;
    since "6.2.0";
    takes "O(1)";
    run blmove;
}

fn blmove(call: &mut Call<'_>) -> Result {
    let args = call.args;
    let (from, to) = (side(args, 3)?, side(args, 4)?);
    let until = call.timeout(5)?;
    if await_source(call, until)? {
        shift(call, from, to)?;
        call.db.log_as(&[b"LMOVE", args.at(1), args.at(2), args.at(3), args.at(4)]);
    }
    Ok(())
}

command! {
    /// Moves the last element of one list to the front of another; waits if there is none.
    ///
    /// `BLMOVE` with `RIGHT LEFT` does the same, and is to be preferred.
    ///
    /// ```redis
    /// > RPUSH todo write test
    /// (integer) 2
    /// > BRPOPLPUSH todo doing 5
    /// "test"
    /// ```
    BRPOPLPUSH("source:key destination:key timeout") -> "string | null";
    flags WRITE | DENYOOM | NOSCRIPT | BLOCKING;
    keys RW | ACCESS | DELETE, RW | INSERT;
    since "2.2.0";
    takes "O(1)";
    run brpoplpush;
}

fn brpoplpush(call: &mut Call<'_>) -> Result {
    let until = call.timeout(3)?;
    if await_source(call, until)? {
        shift(call, Side::Tail, Side::Head)?;
        call.db.log_as(&[b"RPOPLPUSH", call.args.at(1), call.args.at(2)]);
    }
    Ok(())
}

/// Returns whether there is a list to move from; if not, the client waits for it.
fn await_source(call: &mut Call<'_>, until: Option<Time>) -> Result<bool> {
    if first_of::<List>(call, 1..2)?.is_some() {
        return Ok(true);
    }
    if call.session.turn.is_nested() {
        // Redis answers like LMOVE here, but as to BLPOP when the time is up.
        call.reply.null();
    } else {
        call.wait_for_keys(1..2, until, Nothing::NullArray)?;
    }
    Ok(false)
}
