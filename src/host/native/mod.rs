//! `redlet-server`: the engine behind sockets and files, in one thread.

mod bell;
mod bridge;
mod check;
mod clock;
mod configure;
mod connection;
mod duties;
mod facts;
pub mod files;
mod input;
mod link;
mod listen;
pub mod log;
pub mod memory;
mod metrics;
mod options;
mod parcel;
mod server;
mod signals;
mod users;
mod web;

use std::process::ExitCode;
use std::sync::Arc;

use crate::engine::{Config, REDIS_VERSION};

use log::Log;
use options::{Asked, Failure, Sources};
use server::Server;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const USAGE: &str = "\
Usage: redlet-server [/path/to/redis.conf] [options] [-]
       redlet-server -            reads the configuration from standard input
       redlet-server -v or --version
       redlet-server -h or --help
       redlet-server --check-rdb FILE
       redlet-server --check-aof [--fix | --truncate-to-timestamp SECOND] FILE
                                  a manifest, or a log of one file; cuts off what is damaged, or what came later

Every parameter of a redis.conf is an option:
       redlet-server --port 7777
       redlet-server --port 7777 --save '' --appendonly yes
       redlet-server /etc/redis.conf --loglevel verbose
       redlet-server --ws-port 8080 --www ./site    RESP over WebSocket, and a site beside it
";

/// Runs the server with a command line, the program's name not among its words, until it is told to stop.
pub fn run(words: &[String]) -> ExitCode {
    let sources = match options::read_command_line(words) {
        Asked::Help => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Asked::Version => {
            println!("Redlet server v={VERSION} redis={REDIS_VERSION} bits={}", usize::BITS);
            return ExitCode::SUCCESS;
        }
        Asked::CheckRdb(file) => return check::rdb(&file),
        Asked::CheckAof { file, cut } => return check::aof(&file, cut),
        Asked::NoSecond => {
            println!("Invalid timestamp, aborting...");
            return ExitCode::FAILURE;
        }
        Asked::Misunderstood => {
            print!("{USAGE}");
            return ExitCode::FAILURE;
        }
        Asked::Serve(sources) => sources,
    };
    let log = Arc::new(Log::new());
    if sources.stdin {
        log.warning(format_args!("Reading config from stdin"));
    }
    let config = match options::read_sources(&sources) {
        Ok(config) => config,
        Err(Failure::Unreadable(text)) => {
            log.warning(format_args!("{text}"));
            return ExitCode::FAILURE;
        }
        Err(Failure::Wrong { number, line, reason }) => {
            eprintln!(
                "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n\
                 Reading the configuration file, at line {number}\n>>> '{line}'\n{reason}"
            );
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = log.configure(config.loglevel, &config.logfile) {
        eprintln!("\nCan't open the log file: {}", options::plain(&error));
        return ExitCode::FAILURE;
    }
    match serve(config, &sources, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            log.warning(format_args!("{text}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, sources: &Sources, log: &Arc<Log>) -> Result<(), String> {
    if config.daemonize {
        return Err("daemonize is not supported: let a service manager run it, or a shell's &.".into());
    }
    announce(log);
    memory::count_as_loop();
    facts::allow_connections(&config, log);
    let port = config.port.get();
    let mut server = Server::new(config, sources.test_clock, log.clone())?;
    server.tell_file(sources.file.as_deref());
    server.heed_signals()?;
    server.read_users()?;
    server.listen()?;
    // Whoever reads the log for this takes the port for ours.
    log.notice(format_args!("Running mode=standalone, port={port}, PID: {}.", std::process::id()));
    server.load()?;
    server.run()
}

fn announce(log: &Log) {
    let pid = std::process::id();
    log.warning(format_args!("oO0OoO0OoO0Oo Redlet is starting oO0OoO0OoO0Oo"));
    log.warning(format_args!(
        "Redlet version={VERSION}, Redis version={REDIS_VERSION}, bits={}, pid={pid}, just started",
        usize::BITS
    ));
    log.warning(format_args!("Configuration loaded"));
    log.configured();
}
