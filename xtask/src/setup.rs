//! What the other commands need of a machine that has Rust, Node and apt: installed where it is missing.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::program::{output, program, root, run, succeeds};

/// A program from Debian, and what we need it for.
struct Tool {
    /// A command that succeeds where the tool is there.
    check: &'static [&'static str],
    package: &'static str,
    purpose: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        check: &["redis-server", "--version"],
        package: "redis-server",
        purpose: "the judge of every transcript",
    },
    Tool {
        check: &["redis-benchmark", "--version"],
        package: "redis-tools",
        purpose: "redis-cli and redis-benchmark against our server",
    },
    Tool { check: &["chromium", "--version"], package: "chromium", purpose: "the browser tests" },
    Tool {
        check: &["strace", "--version"],
        package: "strace",
        purpose: "the order of fdatasync and replies",
    },
    Tool { check: &["openssl", "version"], package: "openssl", purpose: "certificates of the TLS tests" },
    Tool {
        check: &["/usr/bin/python3", "-c", "import redis"],
        package: "python3-redis",
        purpose: "redis-py against our server",
    },
    Tool { check: &["tclsh", "/dev/null"], package: "tcl", purpose: "the suite of Redis" },
    Tool { check: &["python3", "--version"], package: "python3", purpose: "what runs the suite" },
];

/// Installs all that any command needs.
pub fn everything() -> Result<()> {
    builders()?;
    testers()
}

/// Installs what building needs: compiler targets and the packages of package-lock.json.
pub fn builders() -> Result<()> {
    node()?;
    rust()?;
    npm_packages()
}

/// Installs what tests and measurements need besides: Debian's programs.
pub fn testers() -> Result<()> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        println!("setup: {} is missing ({})", tool.package, tool.purpose);
    }
    install(&missing.iter().map(|tool| tool.package).collect::<Vec<_>>())?;
    for tool in &missing {
        ensure!(tool.is_there(), "{} is installed, but `{}` still fails", tool.package, tool.check.join(" "));
    }
    Ok(())
}

impl Tool {
    fn is_there(&self) -> bool {
        succeeds(program(self.check[0]).args(&self.check[1..]))
    }
}

fn node() -> Result<()> {
    let version = output(program("node").arg("--version")).context("Node.js 20 or newer is needed")?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    ensure!(major >= Some(20), "Node.js 20 or newer is needed; this is {}", version.trim());
    Ok(())
}

fn rust() -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let folder = output(program("rustc").args(["--print", "target-libdir", "--target", target]))?;
    if !fs::exists(folder.trim())? {
        println!("setup: rustc's {target} is missing (the npm package)");
        run(program("rustup").args(["target", "add", target]))?;
    }
    for component in ["rustfmt", "clippy"] {
        let subcommand = component.trim_start_matches("rust");
        if !succeeds(program("cargo").args([subcommand, "--version"])) {
            println!("setup: {component} is missing (the first stages of the tests)");
            run(program("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Runs `npm ci` unless node_modules was made from this very lockfile.
fn npm_packages() -> Result<()> {
    let lockfile = fs::read(root().join("package-lock.json"))?;
    let stamp = root().join("node_modules/.redlet-lock");
    if fs::read(&stamp).is_ok_and(|last| last == lockfile) {
        return Ok(());
    }
    println!("setup: node_modules is not what package-lock.json says (bundlers, runtimes, client libraries)");
    run(program("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    fs::write(stamp, lockfile)?;
    Ok(())
}

/// Installs Debian packages, waiting for others who hold apt's lock. Packages that are services are not started: a
/// policy that forbids it is put in place for as long as it takes, unless the machine has its own.
fn install(packages: &[&str]) -> Result<()> {
    const SCRIPT: &str = r#"
        set -e
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            printf '#!/bin/sh\nexit 101\n' > $policy
            chmod +x $policy
            trap "rm -f $policy" EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
        apt-get -qq -o DPkg::Lock::Timeout=600 update
        apt-get -qq -y -o DPkg::Lock::Timeout=600 --no-install-recommends install "$@"
    "#;
    if !succeeds(program("apt-get").arg("--version")) {
        bail!("there is no apt-get here: install {} by hand", packages.join(", "));
    }
    println!("setup: installing {}", packages.join(", "));
    let is_root = output(program("id").arg("-u"))?.trim() == "0";
    let mut command = program(if is_root { "sh" } else { "sudo" });
    if !is_root {
        command.arg("sh");
    }
    run(command.args(["-c", SCRIPT, "install"]).args(packages))
        .with_context(|| format!("installing {}", packages.join(", ")))
}
