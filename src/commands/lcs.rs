//! LCS: what two strings have in common.

use crate::command;
use crate::data::entry::Str;
use crate::engine::{Call, Family};
use crate::resp::{Error, Options, Result};
use crate::spec::Categories;

pub const LCS_FAMILY: Family = Family { name: "string", category: Categories::STRING, commands: &[&LCS] };

command! {
    /// Returns the longest common subsequence of two strings: bytes that both have in the same order.
    ///
    /// With `LEN` the reply is its length, with `IDX` where its parts lie in both strings, last part first. `IDX`
    /// leaves out parts shorter than `MINMATCHLEN`, and adds the length of each part for `WITHMATCHLEN`.
    ///
    /// ```redis
    /// > MSET one "blue sky" two "black sea"
    /// OK
    /// > LCS one two
    /// "bl s"
    /// > LCS one two IDX MINMATCHLEN 2 WITHMATCHLEN
    /// 1) "matches"
    /// 2) 1) 1) 1) (integer) 4
    ///          2) (integer) 5
    ///       2) 1) (integer) 5
    ///          2) (integer) 6
    ///       3) (integer) 2
    ///    2) 1) 1) (integer) 0
    ///          2) (integer) 1
    ///       2) 1) (integer) 0
    ///          2) (integer) 1
    ///       3) (integer) 2
    /// 3) "len"
    /// 4) (integer) 4
    /// ```
    LCS("key1:key key2:key [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]")
        -> "string | number | { matches: [[number, number], [number, number], number?][]; len: number }";
    flags READONLY;
    keys RO | ACCESS;
    since "7.0.0";
    takes "O(N*M) for strings of N and M bytes";
    run lcs;
}

fn lcs(call: &mut Call<'_>) -> Result {
    // Both are looked up before either is refused, as subscribers to missing keys can tell.
    let (a, b) = (string(call, 1), string(call, 2));
    let (a, b) = (a?, b?);
    let form = Form::read(call.args.options(3))?;
    check_size(&a, &b, call.shared.config.proto_max_bulk_len.get())?;
    match form {
        Form::Length => call.reply.len(common_len(&a, &b, |_, _| {})),
        Form::Bytes => call.reply.bulk(&Comparison::new(&a, &b).bytes()),
        Form::Places { least, with_len } => write_places(call, &Comparison::new(&a, &b), least, with_len),
    }
    Ok(())
}

fn string(call: &mut Call<'_>, i: usize) -> Result<Vec<u8>> {
    let string = call.db.read::<Str>(call.args.at(i));
    let string = string.map_err(|_| Error::Text("ERR The specified keys must contain string values"))?;
    Ok(string.map(Str::to_vec).unwrap_or_default())
}

/// What is to be said of the common subsequence.
enum Form {
    Bytes,
    Length,
    Places { least: usize, with_len: bool },
}

impl Form {
    fn read(mut options: Options<'_>) -> Result<Self> {
        let (mut len, mut places, mut least, mut with_len) = (false, false, 0, false);
        while !options.is_empty() {
            if options.word("LEN") {
                len = true;
            } else if options.word("IDX") {
                places = true;
            } else if options.word("WITHMATCHLEN") {
                with_len = true;
            } else if let Some(number) = options.int_after("MINMATCHLEN")? {
                least = usize::try_from(number.max(0)).unwrap_or(usize::MAX);
            } else {
                return Err(Error::Syntax);
            }
        }
        match (len, places) {
            (true, true) => {
                Err(Error::Text("ERR If you want both the length and indexes, please just use IDX."))
            }
            (true, false) => Ok(Form::Length),
            (false, true) => Ok(Form::Places { least, with_len }),
            (false, false) => Ok(Form::Bytes),
        }
    }
}

/// Refuses what Redis refuses: it keeps a number of 32 bits for every pair of beginnings.
fn check_size(a: &[u8], b: &[u8], limit: u64) -> Result {
    if a.len().max(b.len()) as u64 >= u64::from(u32::MAX) - 1 {
        return Err(Error::Text("ERR String too long for LCS"));
    }
    let size = (a.len() as u128 + 1) * (b.len() as u128 + 1) * size_of::<u32>() as u128;
    if size > u128::from(limit) {
        return Err(Error::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

fn write_places(call: &mut Call<'_>, comparison: &Comparison<'_>, least: usize, with_len: bool) {
    let reply = &mut call.reply;
    reply.map(2);
    reply.bulk(b"matches");
    let mark = reply.mark();
    let mut n = 0;
    for run in comparison.runs().filter(|run| run.len >= least) {
        n += 1;
        reply.array(2 + usize::from(with_len));
        for start in [run.a, run.b] {
            reply.array(2);
            reply.len(start);
            reply.len(start + run.len - 1);
        }
        if with_len {
            reply.len(run.len);
        }
    }
    reply.end_array(mark, n);
    reply.bulk(b"len");
    reply.len(comparison.len);
}

/// Two strings, and the way through them along a longest common subsequence.
struct Comparison<'a> {
    a: &'a [u8],
    b: &'a [u8],
    len: usize,
    /// A bit for every pair of beginnings that end in different bytes: whether it is `a` that has to be shortened to
    /// keep the common subsequence as long as it can be.
    shorten_a: Vec<u64>,
}

/// Bytes of the subsequence that lie side by side in both strings, from these places on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

impl<'a> Comparison<'a> {
    fn new(a: &'a [u8], b: &'a [u8]) -> Self {
        let mut shorten_a = vec![0; (a.len() * b.len()).div_ceil(64)];
        let len = common_len(a, b, |i, j| {
            let bit = i * b.len() + j;
            shorten_a[bit / 64] |= 1 << (bit % 64);
        });
        Self { a, b, len, shorten_a }
    }

    /// Goes through the subsequence from the end.
    fn runs(&self) -> impl Iterator<Item = Run> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 && self.a[i - 1] != self.b[j - 1] {
                let bit = (i - 1) * self.b.len() + j - 1;
                if self.shorten_a[bit / 64] >> (bit % 64) & 1 == 1 {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
            let same = self.a[..i].iter().rev().zip(self.b[..j].iter().rev());
            let len = same.take_while(|(a, b)| a == b).count();
            (i, j) = (i - len, j - len);
            (len > 0).then_some(Run { a: i, b: j, len })
        })
    }

    /// Returns the subsequence.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        let mut at = self.len;
        for run in self.runs() {
            at -= run.len;
            bytes[at..at + run.len].copy_from_slice(&self.a[run.a..run.a + run.len]);
        }
        bytes
    }
}

/// Returns how long the longest common subsequence is. Calls `shorten_a` with every pair of places with different
/// bytes before which `a` without its byte has more in common with `b` than `a` has with `b` without its byte.
fn common_len(a: &[u8], b: &[u8], mut shorten_a: impl FnMut(usize, usize)) -> usize {
    // For every beginning of `b`, what it has in common with the beginning of `a` reached so far.
    let mut lens = vec![0u32; b.len() + 1];
    for (i, from_a) in a.iter().enumerate() {
        let mut diagonal = 0;
        for (j, from_b) in b.iter().enumerate() {
            let (without_a, without_b) = (lens[j + 1], lens[j]);
            lens[j + 1] = if from_a == from_b {
                diagonal + 1
            } else {
                if without_a > without_b {
                    shorten_a(i, j);
                }
                without_a.max(without_b)
            };
            diagonal = without_a;
        }
    }
    lens[b.len()] as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    /// Redis' way: all lengths in a table, then back from its end.
    fn naive(a: &[u8], b: &[u8]) -> (usize, Vec<(usize, usize)>) {
        let mut lens = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                lens[i][j] = if a[i - 1] == b[j - 1] {
                    lens[i - 1][j - 1] + 1
                } else {
                    lens[i - 1][j].max(lens[i][j - 1])
                };
            }
        }
        let (mut i, mut j, mut pairs) = (a.len(), b.len(), vec![]);
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if lens[i - 1][j] > lens[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (lens[a.len()][b.len()], pairs)
    }

    #[test]
    fn takes_the_same_way_as_a_full_table() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let mut text =
                |letters| -> Vec<u8> { (0..random.below(40)).map(|_| random.below(letters) as u8).collect() };
            let (a, b) = (text(4), text(3));
            let (len, pairs) = naive(&a, &b);
            let comparison = Comparison::new(&a, &b);
            let runs: Vec<Run> = comparison.runs().collect();
            let found: Vec<(usize, usize)> =
                runs.iter().flat_map(|run| (0..run.len).rev().map(|i| (run.a + i, run.b + i))).collect();
            assert_eq!((comparison.len, &found), (len, &pairs));
            let bytes: Vec<u8> = pairs.iter().rev().map(|(i, _)| a[*i]).collect();
            assert_eq!(comparison.bytes(), bytes);
        }
    }
}
