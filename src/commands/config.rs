//! CONFIG: parameters, read and changed while the server runs.

use crate::base::glob::{self, Case};
use crate::command;
use crate::engine::config::{self, Changes, Config, Parameter};
use crate::engine::request::Changed;
use crate::engine::{Call, Family, Request};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const CONFIG_FAMILY: Family = Family {
    name: "config",
    category: Categories::NONE,
    commands: &[&CONFIG, &CONFIG_GET, &CONFIG_HELP, &CONFIG_RESETSTAT, &CONFIG_REWRITE, &CONFIG_SET],
};

command! {
    /// Reads and changes parameters.
    CONFIG("subcommand [arg...]") -> "unknown";
    since "2.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    CONFIG_HELP "CONFIG HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns parameters by name or pattern, with their values.
    ///
    /// ```redis
    /// > CONFIG GET maxmemory-policy
    /// 1) "maxmemory-policy"
    /// 2) "noeviction"
    /// ```
    CONFIG_GET "CONFIG GET" ("parameter:pattern...") -> "Record<string, string>";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N*M) with N names and M parameters";
    run get;
}

fn get(call: &mut Call<'_>) -> Result {
    let config = &call.shared.config;
    let mut found: Vec<(String, String)> = vec![];
    let mut add = |name: &str, parameter: &Parameter| {
        if !found.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            found.push((name.to_string(), parameter.get(config)));
        }
    };
    for pattern in call.args.iter().skip(2) {
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            let name = String::from_utf8_lossy(pattern);
            if let Some(parameter) = Config::parameter(&name) {
                add(&name, parameter);
            }
            continue;
        }
        for parameter in config::all().filter(|parameter| !config::HIDDEN.contains(&parameter.name)) {
            let names = [Some(parameter.name), parameter.alias].into_iter().flatten();
            for name in names.filter(|name| glob::matches(pattern, name.as_bytes(), Case::Ignored)) {
                add(name, parameter);
            }
        }
    }
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(name.as_bytes());
        call.reply.bulk(value.as_bytes());
    }
    Ok(())
}

command! {
    /// Changes parameters, all or none.
    ///
    /// Changes last until the server ends, unless CONFIG REWRITE writes them to its file.
    ///
    /// ```redis
    /// > CONFIG SET notify-keyspace-events KEA
    /// OK
    /// > CONFIG SET maxclients none
    /// (error) ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be parsed into an integer
    /// ```
    CONFIG_SET "CONFIG SET" ("<parameter value>...") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(N) with N parameters";
    run set;
}

/// What loading rests on.
const NOT_WHILE_LOADING: &[&str] = &["appendonly", "dir", "repl-diskless-load"];

fn set(call: &mut Call<'_>) -> Result {
    if !call.args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let failed = |name: &[u8], why: &str| {
        let name = String::from_utf8_lossy(name);
        Error::said(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
    };
    let mut config = call.shared.config.clone();
    let mut parameters = vec![];
    // No value is looked at before every name is in order.
    for i in (2..call.args.len()).step_by(2) {
        let name = call.args.at(i);
        let Some(parameter) = Config::parameter(&String::from_utf8_lossy(name)) else {
            let text = "ERR Unknown option or number of arguments for CONFIG SET - '{}'";
            return Err(Error::quoting(text, &[name]));
        };
        let value = String::from_utf8_lossy(call.args.at(i + 1));
        match parameter.changes {
            Changes::Anytime => {}
            Changes::WithRestart if parameter.get(&config) == value => {}
            Changes::AtStart | Changes::WithRestart => {
                return Err(failed(name, "can't set immutable config"));
            }
            Changes::Protected => {
                if !config.enable_protected_configs.allows(&call.session.peer) {
                    return Err(failed(name, "can't set protected config"));
                }
            }
        }
        if call.shared.persistence.loading.is_some() && NOT_WHILE_LOADING.contains(&parameter.name) {
            return Err(Error::Text("LOADING Redis is loading the dataset in memory"));
        }
        if parameters.iter().any(|(_, other): &(_, &Parameter)| other.name == parameter.name) {
            return Err(failed(name, "duplicate parameter"));
        }
        parameters.push((i, parameter));
    }
    let mut changed: Vec<Changed> = vec![];
    for (i, parameter) in parameters {
        let before = parameter.get(&config);
        let value = String::from_utf8_lossy(call.args.at(i + 1));
        parameter.set(&mut config, &value).map_err(|why| failed(call.args.at(i), &why))?;
        changed.push(Changed { name: parameter.name, before });
    }
    call.shared.config = config;
    config::take_effect(call.shared, &mut call.db, &changed);
    if changed.iter().any(|changed| call.shared.host.may_fail.contains(&changed.name)) {
        call.wait_for_host(Request::Configured(changed));
    } else {
        call.shared.requests.push(Request::Configured(changed));
        call.reply.ok();
    }
    Ok(())
}

command! {
    /// Writes the parameters to the file that the server was started with.
    ///
    /// Comments, order and what else there is stay; lines change where values did, and what is new comes at the end.
    /// The file is replaced as a whole, so that there always is one. Without a file there is nothing to write to.
    ///
    /// ```redis
    /// > CONFIG REWRITE
    /// (error) ERR The server is running without a config file
    /// ```
    CONFIG_REWRITE "CONFIG REWRITE" ("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.8.0";
    takes "O(1)";
    run rewrite;
}

fn rewrite(call: &mut Call<'_>) -> Result {
    if call.shared.host.config_file.is_empty() {
        return Err(Error::Text("ERR The server is running without a config file"));
    }
    call.wait_for_host(Request::RewriteConfig { whole: false });
    Ok(())
}

command! {
    /// Sets the counters that INFO shows to zero.
    ///
    /// ```redis
    /// > CONFIG RESETSTAT
    /// OK
    /// ```
    CONFIG_RESETSTAT "CONFIG RESETSTAT" ("") -> "'OK'";
    flags ADMIN | NOSCRIPT | LOADING | STALE;
    since "2.0.0";
    takes "O(1)";
    run reset;
}

fn reset(call: &mut Call<'_>) -> Result {
    call.shared.measure.reset();
    call.shared.table.reset_stats();
    call.db.keyspace_mut().stats = Default::default();
    call.shared.host.reads = 0;
    call.shared.host.writes = 0;
    call.reply.ok();
    Ok(())
}
