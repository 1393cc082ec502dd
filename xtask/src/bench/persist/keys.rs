//! The keys that are saved and loaded: of every type and encoding, mostly small, none like the one before.

use anyhow::Result;

use super::super::client::{Client, Commands};

/// Commands that are sent at once.
const BATCH: usize = 500;

/// Bytes of a value in [`small`].
pub const SMALL_VALUE: usize = 32;

/// Gives a server so many keys, each by a command or a few.
pub fn fill(port: u16, keys: u64, mut write: impl FnMut(u64, &mut Commands)) -> Result<()> {
    let mut client = Client::connect(port)?;
    let mut commands = Commands::default();
    for n in 0..keys {
        write(n, &mut commands);
        commands.end();
        if commands.count >= BATCH || n + 1 == keys {
            client.send(&commands.bytes, commands.count)?;
            commands.clear();
        }
    }
    Ok(())
}

/// Writes a short string to the key of this number.
pub fn small(n: u64, commands: &mut Commands) {
    set_small(n, n, commands);
}

/// Writes the key of this number; what, depends on `of`.
pub fn set_small(n: u64, of: u64, commands: &mut Commands) {
    let [a, b] = [mixed(of), mixed(!of)];
    commands.begin("SET").word(format_args!("key:{n:08}")).word(format_args!("{a:016x}{b:016x}"));
}

/// Writes a key of a mixture: of a hundred, 45 strings, 20 hashes, 12 lists, 13 sets, 7 sorted sets and 2 streams, small
/// ones all; and one in a thousand that is large.
pub fn mixture(n: u64, commands: &mut Commands) {
    match n % 100 {
        0..45 => string(n, commands),
        45..65 => hash(n, 6, commands),
        65..77 => list(n, 8, commands),
        77..84 => {
            let set = commands.begin("SADD").word(format_args!("ints:{n}"));
            (0..8).for_each(|i| _ = set.word(mixed(n + i) % 100_000));
        }
        84..90 => set(n, 6, commands),
        90..97 => sorted_set(n, 8, commands),
        97..99 => stream(n, commands),
        _ => match n / 100 % 40 {
            0 => hash(n, 800, commands),
            10 => list(n, 1_500, commands),
            20 => set(n, 800, commands),
            30 => sorted_set(n, 500, commands),
            _ => string(n, commands),
        },
    }
}

fn string(n: u64, commands: &mut Commands) {
    let key = format!("string:{n}");
    let set = commands.begin("SET").word(key);
    match n % 8 {
        0..3 => _ = set.word(n % 100_000),
        3..5 => _ = set.word(format_args!("{:016x}", mixed(n))),
        5 | 6 => _ = set.word(format_args!("session of user {n}, last seen at {}", 1_700_000_000 + n)),
        _ => {
            let name = mixed(n);
            _ = set.word(format_args!(
                r#"{{"id": {n}, "name": "{name:x}", "address": {{"street": "{name} Street", "city": "city {}"}}, "tags": ["tag 1", "tag 2", "tag {}"], "active": true, "balance": {}}}"#,
                name % 1_000,
                name % 10,
                name % 1_000_000
            ));
        }
    }
    if n.is_multiple_of(10) {
        set.word("EX").word(1_000_000 + n);
    }
}

fn hash(n: u64, fields: u64, commands: &mut Commands) {
    let hash = commands.begin("HSET").word(format_args!("hash:{n}"));
    for i in 0..fields {
        hash.word(format_args!("field:{i}"));
        if i % 2 == 0 {
            hash.word(mixed(n + i) % 1_000_000)
        } else {
            hash.word(format_args!("value {}", n + i))
        };
    }
}

fn list(n: u64, elements: u64, commands: &mut Commands) {
    let list = commands.begin("RPUSH").word(format_args!("list:{n}"));
    (0..elements).for_each(|i| _ = list.word(format_args!("element {:x}", mixed(n + i))));
}

fn set(n: u64, members: u64, commands: &mut Commands) {
    let set = commands.begin("SADD").word(format_args!("set:{n}"));
    (0..members).for_each(|i| _ = set.word(format_args!("member:{:x}", mixed(n + i) >> 20)));
}

fn sorted_set(n: u64, members: u64, commands: &mut Commands) {
    let set = commands.begin("ZADD").word(format_args!("scores:{n}"));
    for i in 0..members {
        let score = mixed(n + i) % 1_000_000;
        if i % 2 == 0 {
            set.word(score)
        } else {
            set.word(score as f64 / 64.0)
        };
        set.word(format_args!("player:{i}"));
    }
}

fn stream(n: u64, commands: &mut Commands) {
    for i in 1..=4 {
        let entry =
            commands.begin("XADD").word(format_args!("stream:{n}")).word(format_args!("1700000000000-{i}"));
        entry.word("sensor").word(n % 1_000).word("value").word(mixed(n + i) % 100_000);
    }
}

/// Returns a number that looks as if it had nothing to do with the one given.
pub fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
