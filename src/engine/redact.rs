//! Which arguments are secrets, to be left out where calls are shown.

use crate::resp::Args;

const REDACTED: &[u8] = b"(redacted)";
/// Parameters whose values are secrets.
const SECRET_PARAMETERS: &[&[u8]] =
    &[b"masterauth", b"masteruser", b"requirepass", b"tls-client-key-file-pass", b"tls-key-file-pass"];

/// Returns an argument as MONITOR and SLOWLOG show it, of a call of the command `name`.
pub fn shown<'a>(name: &str, args: Args<'a>, i: usize) -> &'a [u8] {
    let is_secret = match name {
        "AUTH" => i > 0,
        "ACL SETUSER" => i > 1,
        "HELLO" => i > 2 && (args.is(i - 1, "AUTH") || i > 3 && args.is(i - 2, "AUTH")),
        "CONFIG SET" => {
            i > 2
                && i % 2 == 1
                && SECRET_PARAMETERS.iter().any(|name| args.at(i - 1).eq_ignore_ascii_case(name))
        }
        "MIGRATE" => {
            i > 6 && (args.is(i - 1, "AUTH") || args.is(i - 1, "AUTH2") || i > 7 && args.is(i - 2, "AUTH2"))
        }
        _ => false,
    };
    if is_secret { REDACTED } else { args.at(i) }
}
