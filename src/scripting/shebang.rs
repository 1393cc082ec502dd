//! The first line of a script or a library, and the flags in it.

use std::borrow::Cow;

use crate::engine::Call;
use crate::engine::following::MASTER_DOWN;
use crate::resp::{Error, Result};
use crate::spec;

/// What a script says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags {
    /// Without a first line that says otherwise, as scripts were before there were flags.
    pub compatible: bool,
    pub no_writes: bool,
    pub allow_oom: bool,
    pub allow_stale: bool,
    pub no_cluster: bool,
    pub allow_cross_slot_keys: bool,
}

impl Flags {
    /// Sets the flag of this name; returns whether there is one.
    pub fn set(&mut self, name: &[u8]) -> bool {
        let flag = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// Returns the names of the flags that are set, in the order of FUNCTION LIST.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.no_writes, "no-writes"),
            (self.allow_oom, "allow-oom"),
            (self.allow_stale, "allow-stale"),
            (self.no_cluster, "no-cluster"),
            (self.allow_cross_slot_keys, "allow-cross-slot-keys"),
        ];
        all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
    }

    /// Returns the flags of a command that runs the script, which without these are `command`.
    pub fn of_command(self, command: spec::Flags) -> spec::Flags {
        use spec::Flags;
        if self.compatible {
            return command;
        }
        let set = |condition: bool, flag: Flags| if condition { flag } else { Flags::NONE };
        command.without(Flags::STALE | Flags::DENYOOM | Flags::WRITE | Flags::MAY_REPLICATE)
            | set(!self.allow_oom && !self.no_writes, Flags::DENYOOM)
            | set(!self.no_writes, Flags::WRITE)
            | set(self.allow_stale, Flags::STALE)
    }

    /// Returns the flags that the script runs with, if it may run now.
    pub fn admitted(self, call: &Call<'_>, read_only: bool) -> Result<Self> {
        if !self.allow_stale && !call.session.is_obeyed() && call.shared.is_stale() {
            return Err(MASTER_DOWN);
        }
        let writes = !self.no_writes && !self.compatible;
        if writes && let Some(error) = call.shared.refuses_writes_of(call.session, call.db.now) {
            return Err(error);
        }
        if read_only && writes {
            return Err(Error::Text("ERR Can not execute a script with write flag using *_ro command."));
        }
        if writes && let Some(error) = call.shared.persistence.refuses_writes(&call.shared.config) {
            return Err(error);
        }
        let allow_oom = self.allow_oom || self.no_writes || self.compatible;
        if call.shared.out_of_memory && !allow_oom {
            return Err(Error::Text(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
        Ok(Self { no_writes: self.no_writes || read_only, ..self })
    }
}

/// Splits the first line off a script; what is left has as many lines as before.
pub(super) fn of_script(code: &[u8]) -> Result<(Flags, Cow<'_, [u8]>)> {
    if !code.starts_with(b"#!") {
        return Ok((Flags { compatible: true, ..Flags::default() }, Cow::Borrowed(code)));
    }
    let end = code.iter().position(|byte| *byte == b'\n').ok_or(Error::Text("ERR Invalid script shebang"))?;
    let line = &code[..end];
    let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        let engine = String::from_utf8_lossy(engine);
        return Err(Error::said(format!("ERR Unexpected engine in script shebang: {engine}")));
    }
    let mut flags = Flags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            let word = String::from_utf8_lossy(word);
            return Err(Error::said(format!("ERR Unknown lua shebang option: {word}")));
        };
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            if !flags.set(name) {
                let name = String::from_utf8_lossy(name);
                return Err(Error::said(format!("ERR Unexpected flag in script shebang: {name}")));
            }
        }
    }
    Ok((flags, Cow::Borrowed(&code[end..])))
}
