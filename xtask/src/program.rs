//! Other programs, run from the top of the repository.

use std::env;
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Returns the top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Returns a path below `target`, where everything that is built goes.
pub fn target(path: &str) -> PathBuf {
    root().join("target").join(path)
}

/// Prepares a program to run from the top of the repository; what npm installed for us is found first.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).env("PATH", path_with_npm()).env("CARGO_TARGET_DIR", target(""));
    command
}

fn path_with_npm() -> OsString {
    let ours = root().join("node_modules/.bin");
    let theirs = env::var_os("PATH").unwrap_or_default();
    env::join_paths([ours].into_iter().chain(env::split_paths(&theirs))).unwrap_or(theirs)
}

/// Runs a command whose output goes where ours goes. Fails unless it exits with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("`{line}` did not start"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output. Fails unless it exits with 0.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{line}` did not start"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote something other than text"))
}

/// Asks the system for a port that nobody listens on, for a program that has to be told one.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Returns whether a command runs and exits with 0. Says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns a command as one would type it: paths start at the top of the repository, whole scripts are left out.
pub fn line(command: &Command) -> String {
    let top = format!("{}/", root().display());
    let shorten = |word: &OsStr| match word.to_string_lossy() {
        script if script.contains('\n') => "…".to_owned(),
        word => word.replace(&top, ""),
    };
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(shorten).collect::<Vec<_>>().join(" ")
}
