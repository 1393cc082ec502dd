//! The command line and redis.conf files. The command line becomes lines of a redis.conf, as redis-server does it, so
//! that there is one reader.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use super::check::Cut;
use crate::commands::ALL;
use crate::engine::Config;
use crate::engine::acl::Acl;
use crate::engine::config::Parameter;
use crate::engine::monitor::quote;
use crate::engine::table::Table;
use crate::resp::split_line;

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    Help,
    Version,
    /// What a snapshot holds, and whether it is whole.
    CheckRdb(String),
    /// Whether a log is whole, and what is cut off.
    CheckAof {
        file: String,
        cut: Cut,
    },
    /// `--truncate-to-timestamp` with something else than a second.
    NoSecond,
    /// One of these without its file, or with more than that.
    Misunderstood,
    Serve(Sources),
}

/// Where the configuration comes from: a file, then standard input, then options.
#[derive(Debug, Default, PartialEq)]
pub struct Sources {
    pub file: Option<String>,
    pub stdin: bool,
    /// Lines of a redis.conf.
    pub options: String,
    /// Whether a test says what time it is.
    pub test_clock: bool,
}

/// Why there is no configuration.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// A file that can't be read: a log line says so.
    Unreadable(String),
    /// A line that can't be understood: told on standard error.
    Wrong { number: usize, line: String, reason: String },
}

/// Reads the command line's words, the program's name not among them.
pub fn read_command_line(words: &[String]) -> Asked {
    match words {
        [word] if word == "-v" || word == "--version" => return Asked::Version,
        [word] if word == "-h" || word == "--help" => return Asked::Help,
        [first, rest @ ..] if first.starts_with("--check-") => return read_check(first, rest),
        _ => {}
    }
    let is_clock = |word: &&String| *word == "--test-clock";
    let mut sources = Sources { test_clock: words.iter().any(|word| is_clock(&word)), ..Sources::default() };
    let mut words = words.iter().filter(|word| !is_clock(word)).peekable();
    if let Some(file) = words.next_if(|word| !word.starts_with('-')) {
        sources.file = Some(file.clone());
    }
    let mut first = sources.file.is_none();
    // An option's first value may begin with dashes, as in `--requirepass --x`; what follows a value may not.
    let mut wants_value = false;
    while let Some(word) = words.next() {
        if word == "-" && (first || words.peek().is_none()) {
            sources.stdin = true;
        } else if let Some(option) = word.strip_prefix("--").filter(|_| !wants_value) {
            wants_value = is_one_word(word);
            sources.options.push('\n');
            sources.options.push_str(option);
            sources.options.push(' ');
            let followed_by_option = words.peek().is_none_or(|next| next.starts_with("--"));
            if followed_by_option && word.eq_ignore_ascii_case("--save") {
                // No save points is worth saying in the shortest way.
                sources.options.push_str("\"\"");
                wants_value = false;
            }
        } else {
            quote(&mut sources.options, word.as_bytes());
            sources.options.push(' ');
            wants_value = false;
        }
        first = false;
    }
    Asked::Serve(sources)
}

fn read_check(check: &str, rest: &[String]) -> Asked {
    match (check, rest) {
        ("--check-rdb", [file]) => Asked::CheckRdb(file.clone()),
        ("--check-aof", [file]) if !file.starts_with("--") => {
            Asked::CheckAof { file: file.clone(), cut: Cut::Nothing }
        }
        ("--check-aof", [fix, file]) if fix == "--fix" => {
            Asked::CheckAof { file: file.clone(), cut: Cut::Damage }
        }
        ("--check-aof", [option, second, file]) if option == "--truncate-to-timestamp" => {
            let file = file.clone();
            second.parse().map_or(Asked::NoSecond, |second| Asked::CheckAof { file, cut: Cut::After(second) })
        }
        _ => Asked::Misunderstood,
    }
}

fn is_one_word(option: &str) -> bool {
    split_line(option.as_bytes()).is_some_and(|words| words.len() == 1)
}

/// Reads the whole configuration.
pub fn read_sources(sources: &Sources) -> Result<Config, Failure> {
    let mut text = sources.file.as_deref().map(read_file).transpose()?.unwrap_or_default();
    if sources.stdin {
        let mut bytes = vec![];
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map_err(|error| Failure::Unreadable(format!("can't read standard input: {error}")))?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    // Lines are numbered as redis-server numbers them: options come after a line of their own.
    text.push_str(&sources.options);
    let mut reader = Reader::new();
    if let Ok(folder) = std::env::current_dir() {
        reader.config.dir = folder.to_string_lossy().into_owned();
    }
    reader.read(&text)?;
    Ok(reader.config)
}

fn read_file(path: &str) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
        Failure::Unreadable(format!(
            "Fatal error, can't open config file '{}': {}",
            absolute.display(),
            plain(&error)
        ))
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the system's words for an error, without the number that Rust adds.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Parameters whose lines may have no value at all.
const MAY_BE_EMPTY: &[&str] = &[
    "bind",
    "client-output-buffer-limit",
    "latency-tracking-info-percentiles",
    "save",
    "shutdown-on-sigint",
    "shutdown-on-sigterm",
];

struct Reader {
    config: Config,
    /// What is checked that names commands.
    table: Table,
    /// Parameters whose every line adds to the others, once the defaults are gone.
    added_to: BTreeSet<&'static str>,
}

impl Reader {
    fn new() -> Self {
        Self { config: Config::default(), table: Table::new(ALL), added_to: BTreeSet::new() }
    }

    fn read(&mut self, text: &str) -> Result<(), Failure> {
        for (i, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason: String| Failure::Wrong { number: i + 1, line: line.to_owned(), reason };
            let words = split_line(line.as_bytes())
                .ok_or_else(|| wrong("Unbalanced quotes in configuration line".into()))?;
            let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            let Some((name, values)) = words.split_first() else { continue };
            if name.eq_ignore_ascii_case("include") {
                let [path] = values else { return Err(wrong("wrong number of arguments".into())) };
                let text = read_file(path)?;
                self.read(&text)?;
                continue;
            }
            if name.eq_ignore_ascii_case("user") && !values.is_empty() {
                self.define_user(&values.join(" ")).map_err(wrong)?;
                continue;
            }
            if name.eq_ignore_ascii_case("rename-command")
                && let [name, new] = values
            {
                self.table.rename(name, new).map_err(|why| wrong(why.into()))?;
                self.config.renamed.push((name.to_string(), new.to_string()));
                continue;
            }
            let Some(parameter) = Config::parameter(name) else {
                return Err(wrong("Bad directive or wrong number of arguments".into()));
            };
            if values.is_empty() && !MAY_BE_EMPTY.contains(&parameter.name)
                || values.len() > 1 && !parameter.many
            {
                return Err(wrong("wrong number of arguments".into()));
            }
            self.set(parameter, &values.join(" ")).map_err(wrong)?;
        }
        Ok(())
    }

    fn define_user(&mut self, line: &str) -> Result<(), String> {
        Acl::check_line(&self.config, &self.table, line)?;
        self.config.users.push(line.to_owned());
        Ok(())
    }

    fn set(&mut self, parameter: &'static Parameter, value: &str) -> Result<(), String> {
        if parameter.name == "dir" {
            // Files are named relative to it, and CONFIG GET shows it, as an absolute path.
            let absolute = fs::canonicalize(value).map_err(|error| plain(&error))?;
            return parameter.set(&mut self.config, &absolute.to_string_lossy());
        }
        if parameter.name == "save" && !value.is_empty() && !self.added_to.insert("save") {
            let value = format!("{} {value}", parameter.get(&self.config));
            return parameter.set(&mut self.config, &value);
        }
        parameter.set(&mut self.config, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Sources {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        match read_command_line(&words) {
            Asked::Serve(sources) => sources,
            other => panic!("{other:?}"),
        }
    }

    fn read(text: &str) -> Result<Config, Failure> {
        let mut reader = Reader::new();
        reader.read(text).map(|()| reader.config)
    }

    fn wrong(number: usize, line: &str, reason: &str) -> Failure {
        Failure::Wrong { number, line: line.into(), reason: reason.into() }
    }

    #[test]
    fn options_become_lines() {
        assert_eq!(asked(&["--port", "7000", "--save"]).options, "\nport \"7000\" \nsave \"\"");
        assert_eq!(asked(&["--save", "--loglevel", "verbose"]).options, "\nsave \"\"\nloglevel \"verbose\" ");
        assert_eq!(asked(&["--requirepass", "--x"]).options, "\nrequirepass \"--x\" ");
        assert_eq!(asked(&["--port 7000", "--dir", "a \"b\""]).options, "\nport 7000 \ndir \"a \\\"b\\\"\" ");
    }

    #[test]
    fn a_file_comes_first_and_a_dash_is_standard_input() {
        let sources = asked(&["a.conf", "--port", "1", "-"]);
        assert_eq!((sources.file.as_deref(), sources.stdin), (Some("a.conf"), true));
        assert!(asked(&["-"]).stdin);
        assert_eq!(read_command_line(&["-v".into()]), Asked::Version);
        assert_eq!(read_command_line(&["--help".into()]), Asked::Help);
    }

    #[test]
    fn files_are_checked_by_their_names() {
        let check = |words: &str| read_command_line(&words.split(' ').map(String::from).collect::<Vec<_>>());
        assert_eq!(check("--check-rdb a"), Asked::CheckRdb("a".into()));
        assert_eq!(check("--check-aof a"), Asked::CheckAof { file: "a".into(), cut: Cut::Nothing });
        assert_eq!(check("--check-aof --fix a"), Asked::CheckAof { file: "a".into(), cut: Cut::Damage });
        for wrong in ["--check-rdb", "--check-rdb a b", "--check-aof --fix", "--check-aof a --fix"] {
            assert_eq!(check(wrong), Asked::Misunderstood, "{wrong}");
        }
    }

    #[test]
    fn lines_set_parameters() {
        let config = read("# a comment\nPORT 7000\n\tmaxmemory 1mb\r\nbind 127.0.0.1 -::1\n").unwrap();
        assert_eq!((config.port.get(), config.maxmemory.get()), (7000, 1 << 20));
        assert_eq!(config.bind.to_vec(), ["127.0.0.1", "-::1"]);
    }

    #[test]
    fn save_points_add_up_and_an_empty_one_clears_them() {
        let points =
            |text| read(text).unwrap().save.iter().map(|p| (p.seconds, p.changes)).collect::<Vec<_>>();
        assert_eq!(points("save 10 1\nsave 20 2 30 3"), [(10, 1), (20, 2), (30, 3)]);
        assert_eq!(points("save 10 1\nsave \"\""), []);
        assert_eq!(points("").len(), 3);
    }

    #[test]
    fn limits_of_one_class_leave_the_others() {
        let config = read("client-output-buffer-limit normal 1mb 0 0").unwrap();
        assert_eq!(config.client_output_buffer_limit.normal.hard, 1 << 20);
        assert_eq!(config.client_output_buffer_limit.pubsub.hard, 32 << 20);
    }

    #[test]
    fn what_is_wrong_is_told_as_redis_tells_it() {
        for (text, number, line, reason) in [
            ("\nport", 2, "port", "wrong number of arguments"),
            ("port 1 2", 1, "port 1 2", "wrong number of arguments"),
            ("port x", 1, "port x", "argument couldn't be parsed into an integer"),
            ("port 65536", 1, "port 65536", "argument must be between 0 and 65535 inclusive"),
            ("\n\nfoo \"a b\"", 3, "foo \"a b\"", "Bad directive or wrong number of arguments"),
            ("save \"a", 1, "save \"a", "Unbalanced quotes in configuration line"),
            ("dir /nonexistent", 1, "dir /nonexistent", "No such file or directory"),
            ("unixsocketperm 999", 1, "unixsocketperm 999", "argument couldn't be parsed as an octal number"),
        ] {
            assert_eq!(read(text).unwrap_err(), wrong(number, line, reason));
        }
    }
}
