//! What `test` and `bench` take: `--only A,B` to name parts of the work, and one flag that changes its amount.

use anyhow::{Context, Result, bail, ensure};

pub struct Options {
    only: Vec<String>,
    pub flag: bool,
}

impl Options {
    /// Reads arguments. Fails on an option other than `--only` and `flag`, and on a name that is not among `names`.
    pub fn parse(args: &[String], flag: &str, names: &[&str]) -> Result<Options> {
        let mut options = Options { only: Vec::new(), flag: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == flag {
                options.flag = true;
            } else if arg == "--only" {
                let list =
                    args.next().with_context(|| format!("--only takes some of {}", names.join(",")))?;
                options.only.extend(list.split(',').map(str::to_owned));
            } else {
                bail!("{arg} is neither {flag} nor --only");
            }
        }
        for name in &options.only {
            ensure!(names.contains(&name.as_str()), "--only {name} is none of {}", names.join(","));
        }
        Ok(options)
    }

    /// Returns whether a part is to be carried out: all are unless some were named.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        Options::parse(&args, "--long", &["js", "rust", "wasm"])
    }

    #[test]
    fn names_what_is_wanted() {
        let options = parse(&["--only", "js,wasm", "--long"]).unwrap();
        assert!(options.flag && options.wants("js") && !options.wants("rust"));
        let options = parse(&[]).unwrap();
        assert!(!options.flag && options.wants("rust"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for wrong in [&["--short"][..], &["--only"], &["--only", "js,c"]] {
            assert!(parse(wrong).is_err());
        }
    }
}
