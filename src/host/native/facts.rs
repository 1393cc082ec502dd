//! What INFO tells of the process.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::log::Log;
use super::memory;
use crate::engine::{Config, Shared};

/// Files that are no client's: listeners, logs, snapshots.
const OWN_FILES: u64 = 32;

/// Asks the system for as many files as `maxclients` and our own take. Tells if there are fewer.
pub fn allow_connections(config: &Config, log: &Log) {
    if let Err(possible) = reserve_connections(config) {
        log.warning(format_args!(
            "The system allows {possible} clients, and maxclients asks for {}: those beyond that will not be \
             accepted. Raise 'ulimit -n'.",
            config.maxclients.get()
        ));
    }
}

/// Asks the system for as many files as `maxclients` and our own take. Returns for how many clients there are enough if
/// there are fewer.
pub fn reserve_connections(config: &Config) -> Result<(), u64> {
    let wanted = config.maxclients.get() as u64 + OWN_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let result = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
    let got = if result.is_ok() { possible } else { current.unwrap_or(possible) };
    if got < wanted { Err(got.saturating_sub(OWN_FILES)) } else { Ok(()) }
}

/// Tells what does not change while the server runs.
pub fn tell_once(shared: &mut Shared) {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    shared.host.os =
        format!("{} {} {}", text(system.sysname()), text(system.release()), text(system.machine()));
    shared.host.process_id = std::process::id();
    shared.host.tcp_port = shared.config.port.get() as u16;
    shared.host.executable =
        std::env::current_exe().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    shared.host.multiplexing_api = if std::env::consts::OS == "linux" { "epoll" } else { "kqueue" };
    shared.host.allocator = "libc";
    shared.host.connects = true;
    shared.host.may_fail = &["bind", "maxclients", "port"];
    shared.host.gauge = Some(memory::used);
    shared.host.startup_memory = memory::used();
    shared.host.set_used_memory(memory::used());
    shared.host.total_system_memory = total_memory();
    tell(shared);
}

fn total_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    number(line.and_then(|line| line.trim().split(' ').next())) * 1024
}

/// Tells what changes all the time: memory and processor time. They are zero where there is no `/proc`.
pub fn tell(shared: &mut Shared) {
    let page = rustix::param::page_size() as u64;
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    shared.host.resident_memory = number(statm.split(' ').nth(1)) * page;
    // The second field is the program's name in parentheses, which may hold blanks.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split(' ').skip(12);
    shared.host.cpu_user_seconds = number(fields.next()) as f64 / ticks;
    shared.host.cpu_system_seconds = number(fields.next()) as f64 / ticks;
}

fn number(field: Option<&str>) -> u64 {
    field.and_then(|field| field.parse().ok()).unwrap_or(0)
}
