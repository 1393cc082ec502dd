//! Scripts that a redis-server has answered, expressions made at random that it has answered, and scripts that try to
//! escape the limits: all run by the interpreter alone, with a stand-in for `redis.call`.

#[path = "lua/files.rs"]
mod files;
#[path = "lua/fuzz.rs"]
mod fuzz;
#[path = "lua/host.rs"]
mod host;

use files::{abuse, answers, corpus};
use host::{End, interpreter, run};

const MEMORY: usize = 64 << 20;
/// What a script of the abusers may use up.
const BUDGET: u64 = 20_000_000;

#[test]
fn the_corpus_has_the_answers_of_redis() {
    let mut expected = answers("expected.txt");
    expected.extend(answers("libraries_expected.txt"));
    let mut differences = vec![];
    for (name, source) in corpus("corpus.txt").into_iter().chain(corpus("libraries.txt")) {
        // A slice of every length ends the script somewhere else, and must make no difference.
        for slice in [u64::MAX, 7] {
            let actual = answer(&source, slice);
            let wanted = expected.iter().find(|(other, _)| *other == name).map_or("", |(_, text)| text);
            if actual != wanted {
                println!("{name} in slices of {slice}:\n  {wanted}\n  {actual}");
                differences.push(name.clone());
            }
        }
    }
    differences.dedup();
    println!("corpus: {} of {} differ", differences.len(), expected.len());
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn expressions_have_the_values_of_redis() {
    let expected = answers("fuzz_expected.txt");
    let (mut differences, mut all) = (vec![], 0);
    for (name, source) in corpus("fuzz.txt") {
        let wanted = expected.iter().find(|(other, _)| *other == name).map_or("", |(_, text)| text);
        let actual = answer(&source, u64::MAX);
        let (wanted, actual): (Vec<&str>, Vec<&str>) =
            (wanted.split("|$").collect(), actual.split("|$").collect());
        all += wanted.len();
        if wanted.len() != actual.len() {
            differences.extend((0..wanted.len()).map(|i| format!("{name}.{i}")));
            println!("{name}: {wanted:?}\n   {actual:?}");
            continue;
        }
        for (i, (wanted, actual)) in wanted.iter().zip(&actual).enumerate() {
            if wanted != actual {
                differences.push(format!("{name}.{i}"));
                let line =
                    String::from_utf8_lossy(&source).lines().nth(i + 1).unwrap_or_default().to_string();
                println!("{name}.{i}: {line}\n  {wanted}\n  {actual}");
            }
        }
    }
    println!("expressions: {} of {all} differ", differences.len());
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn nothing_escapes_the_limits() {
    for (name, source) in abuse() {
        let mut lua = interpreter(MEMORY);
        let end = match run(&mut lua, &source, BUDGET / 20, 20) {
            End::Answer(text) => text.chars().take(100).collect(),
            End::Spent => "(the budget is spent)".to_string(),
        };
        println!("{name}: {end}, {} kB", lua.memory() >> 10);
        assert!(lua.memory() <= MEMORY);
        // What comes after it has all the room again.
        lua.stop();
        lua.collect();
        assert!(lua.memory() < MEMORY / 64, "{} bytes are kept", lua.memory());
    }
}

fn answer(source: &[u8], slice: u64) -> String {
    let mut lua = interpreter(256 << 20);
    match run(&mut lua, source, slice, 100_000_000) {
        End::Answer(text) => text,
        End::Spent => "(the budget is spent)".into(),
    }
}
