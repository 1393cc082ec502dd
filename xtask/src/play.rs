//! `cargo xtask play`: the playground, served by a redlet-server that it can also talk to.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::program::{free_port, program, run, target};
use crate::{package, setup, wasm, www};

/// Builds everything and serves it until interrupted.
pub fn play(args: &[String]) -> Result<()> {
    let port = match args {
        [] => free_port()?,
        [option, port] if option == "--port" => port.parse().context("--port takes a number")?,
        _ => bail!("`cargo xtask play` takes --port N and nothing else"),
    };
    setup::builders()?;
    wasm::build_all()?;
    package::assemble()?;
    www::build()?;
    run(program("cargo").args(["build", "--quiet", "--release", "--bin", "redlet-server"]))?;

    let data = target("play");
    fs::create_dir_all(&data)?;
    println!("the playground is at http://127.0.0.1:{port}/");
    run(program(&target("release/redlet-server").to_string_lossy())
        .args(["--bind", "127.0.0.1", "--port", &free_port()?.to_string(), "--ws-port", &port.to_string()])
        .arg("--www")
        .arg(target("www"))
        .arg("--dir")
        .arg(data))
}
