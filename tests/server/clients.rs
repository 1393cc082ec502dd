//! Client libraries, doing what their own introductions show.

use std::process::Command;

use crate::process::{Server, folder, repository, run};

#[test]
fn ioredis_runs_its_quick_start() {
    node("ioredis.mjs");
}

#[test]
fn node_redis_runs_its_quick_start() {
    node("node-redis.mjs");
}

#[test]
fn redis_py_runs_its_quick_start() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let python = std::env::var("PYTHON").unwrap_or("/usr/bin/python3".into());
    let mut command = Command::new(python);
    command.arg(repository("tests/server/clients/quick_start.py")).arg(server.port.to_string());
    assert_eq!(run("redis-py", "python3-redis", &mut command), "done\n");
}

fn node(script: &str) {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let modules = repository("node_modules");
    assert!(modules.exists(), "the client libraries are not installed: run `npm ci` in the top folder");
    let mut command = Command::new("node");
    command.arg(repository("tests/server/clients").join(script)).arg(server.port.to_string());
    assert_eq!(run("node", "nodejs (20 or newer)", &mut command), "done\n");
}
