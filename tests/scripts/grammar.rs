//! Draws scripts: expressions over Lua's libraries, Redis' libraries and commands, with values at their edges.
//!
//! Left out is what can't agree (addresses, the clock, sizes of memory), what takes redis-server minutes, and what it
//! crashes of: `error` with nothing to print.

use redlet::base::random::Random;

/// What scripts are put together from, a section a kind. In calls `$` is a place for any value, `#` for a number, `'` for
/// a string, `@` for a table, `~` for a small integer; `F`, `L`, `J` and `P` are places for one of the sections.
const VOCABULARY: &str = include_str!("grammar.txt");

/// Replies have integers alone, so half of the results are printed with all their digits.
const HEAD: &str = "local function list(...) return {...} end
local function exactly(...)
  local t = {...}
  for i, v in pairs(t) do if type(v) == 'number' then t[i] = string.format('%.17g', v) end end
  return t
end
local out = {}
";

/// The sections, by their names.
pub struct Grammar(Vec<(&'static str, Vec<&'static str>)>);

impl Grammar {
    pub fn new() -> Self {
        let sections = VOCABULARY.split("---- ").skip(1);
        Self(
            sections
                .filter_map(|section| {
                    section.split_once('\n').map(|(name, rest)| (name, rest.lines().collect()))
                })
                .collect(),
        )
    }

    /// Draws one script: several expressions of which each may fail by itself, or one that is the whole.
    pub fn script(&self, random: &mut Random) -> String {
        if random.below(4) == 0 {
            return format!("return {}", self.expression(random, 3));
        }
        let mut script = String::from(HEAD);
        for i in 1..=1 + random.below(8) {
            let expression = self.expression(random, 3);
            let show = if random.below(2) == 0 { "exactly" } else { "list" };
            script += &format!("out[{i}] = {show}(pcall(function() return {expression} end))\n");
        }
        script + "return out"
    }

    fn pick(&self, random: &mut Random, section: &str) -> &'static str {
        let (_, texts) = self.0.iter().find(|(name, _)| *name == section).expect("a section");
        texts[random.below(texts.len() as u64) as usize]
    }

    fn expression(&self, random: &mut Random, depth: u64) -> String {
        if depth == 0 {
            let section = match random.below(8) {
                0 => "others",
                1..4 => "numbers",
                _ => "strings",
            };
            return self.pick(random, section).into();
        }
        let call: Vec<char> = self.pick(random, "calls").chars().collect();
        let mut text = String::new();
        let mut quoted = false;
        for (i, letter) in call.iter().enumerate() {
            let before = if i > 0 { call[i - 1] } else { ' ' };
            let after = call.get(i + 1).copied().unwrap_or(' ');
            let alone = !before.is_alphanumeric() && !after.is_alphanumeric();
            match letter {
                // A quote that stands alone is a place, one of a pair is itself.
                '\'' if quoted || !is_place(before, after) => {
                    quoted = !quoted;
                    text.push('\'');
                }
                _ if quoted => text.push(*letter),
                '\'' => text += &self.value(random, "strings", depth),
                '$' => {
                    let depth = random.below(depth);
                    text += &self.expression(random, depth);
                }
                '#' if matches!(after, ',' | ')' | ' ' | '}' | ']') => {
                    text += &format!("({})", self.value(random, "numbers", depth));
                }
                '@' => text += &self.table(random, depth),
                '~' => text += &(random.below(12) as i64 - 3).to_string(),
                'F' if alone => text += self.pick(random, "formats"),
                'L' if alone => text += self.pick(random, "layouts"),
                'J' if alone => text += self.pick(random, "json"),
                'P' if alone => text += self.pick(random, "protocols"),
                _ => text.push(*letter),
            }
        }
        text
    }

    /// Draws a value of a kind, or one that may be of another.
    fn value(&self, random: &mut Random, section: &str, depth: u64) -> String {
        match random.below(6) {
            0 => self.expression(random, depth - 1),
            _ => self.pick(random, section).into(),
        }
    }

    fn table(&self, random: &mut Random, depth: u64) -> String {
        let mut fields = vec![];
        for _ in 0..random.below(5) {
            let depth = if random.below(3) == 0 { depth - 1 } else { 0 };
            let value = self.expression(random, depth);
            fields.push(match random.below(5) {
                0 => format!("[{}] = {value}", self.pick(random, "keys")),
                1 => format!("{} = {value}", self.pick(random, "fields")),
                _ => value,
            });
        }
        format!("{{{}}}", fields.join(", "))
    }
}

/// Returns whether a quote between these is a place for a string.
fn is_place(before: char, after: char) -> bool {
    matches!(before, '(' | ' ' | '[' | '#' | '{') && matches!(after, ',' | ')' | ' ' | ']' | '}' | '.')
}
