//! MODULE: code of others loaded into the server, of which there is never any here.

use crate::command;
use crate::engine::{Call, Family};
use crate::resp::{Error, Result};
use crate::spec::Categories;

use super::command::help;

pub const MODULE_FAMILY: Family = Family {
    name: "server",
    category: Categories::NONE,
    commands: &[&MODULE, &MODULE_HELP, &MODULE_LIST, &MODULE_LOAD, &MODULE_LOADEX, &MODULE_UNLOAD],
};

command! {
    /// Tells which modules are loaded: none.
    MODULE("subcommand [arg...]") -> "unknown";
    since "4.0.0";
    takes "Depends on the subcommand";
    run help;
}

command! {
    /// Shows what the subcommands do.
    MODULE_HELP "MODULE HELP" ("") -> "string[]";
    flags LOADING | STALE;
    since "5.0.0";
    takes "O(1)";
    run help;
}

command! {
    /// Returns the modules that are loaded, of which there are never any.
    ///
    /// ```redis
    /// > MODULE LIST
    /// (empty array)
    /// ```
    MODULE_LIST "MODULE LIST" ("") -> "unknown[]";
    flags ADMIN | NOSCRIPT;
    since "4.0.0";
    takes "O(1)";
    run list;
}

fn list(call: &mut Call<'_>) -> Result {
    call.reply.array(0);
    Ok(())
}

command! {
    /// Loads a module, where that is possible.
    ///
    /// Always refused, as by a server that is not configured to allow it.
    MODULE_LOAD "MODULE LOAD" ("path [arg...]") -> "'OK'";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING;
    since "4.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Loads a module with its configuration, where that is possible.
    ///
    /// Always refused, as by a server that is not configured to allow it.
    MODULE_LOADEX "MODULE LOADEX" ("path [CONFIG name value]... [ARGS arg...]") -> "'OK'";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING;
    since "7.0.0";
    takes "O(1)";
    run refuse;
}

command! {
    /// Unloads a module, where there is one.
    ///
    /// Always refused, as by a server that is not configured to allow it.
    MODULE_UNLOAD "MODULE UNLOAD" ("name") -> "'OK'";
    flags ADMIN | NOSCRIPT | NO_ASYNC_LOADING;
    since "4.0.0";
    takes "O(1)";
    run refuse;
}

fn refuse(_: &mut Call<'_>) -> Result {
    Err(Error::Text(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.",
    ))
}
