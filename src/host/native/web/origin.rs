//! Which pages may connect by WebSocket. Browsers send the page's origin, and let any page connect anywhere: it is the
//! server that must refuse.

use std::net::IpAddr;

/// What is thought of whoever wants to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A page of this machine or one that the configuration lists; a client that is no page.
    Known,
    /// To be treated as somebody on another machine.
    Stranger,
    Refused,
}

/// Judges a page by its origin, the name that it asked for the server by, and the configured list. A client that
/// sends no origin is no page.
pub fn judge(origin: Option<&str>, host: Option<&str>, listed: &[String]) -> Standing {
    let Some(origin) = origin else { return Standing::Known };
    if listed.iter().any(|listed| listed == "*" || listed.eq_ignore_ascii_case(origin)) {
        return Standing::Known;
    }
    // "null" is the origin of files, of sandboxed frames, and of pages that hide theirs.
    match origin.split_once("://") {
        Some(("http" | "https", authority)) if is_this_machine(authority) => Standing::Known,
        Some(("http" | "https", authority))
            if host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) =>
        {
            if is_by_name(host) {
                Standing::Stranger
            } else {
                Standing::Known
            }
        }
        Some(_) | None => Standing::Refused,
    }
}

/// Returns whether the server was asked for by a name that could be anybody's.
///
/// Whoever owns a name can let it mean this machine from one moment to the next, so that a page of theirs is of the
/// same origin as our server. Who comes by such a name is a stranger, even from this machine.
pub fn is_by_name(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let address = without_port(host).trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !is_this_machine(host) && address.is_err()
}

fn is_this_machine(authority: &str) -> bool {
    matches!(without_port(authority).to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_known() {
        for host in ["db.example:8080", "127.0.0.1:8080"] {
            for origin in [
                "http://localhost",
                "http://localhost:5173",
                "https://127.0.0.1:1",
                "http://[::1]:80",
                "http://[::1]",
                "http://LOCALHOST",
            ] {
                assert_eq!(judge(Some(origin), Some(host), &[]), Standing::Known, "{origin}");
            }
            assert_eq!(judge(None, Some(host), &[]), Standing::Known);
        }
    }

    #[test]
    fn pages_of_the_server_are_strangers_if_it_is_known_by_a_name_only() {
        let own = |host: &str| judge(Some(&format!("http://{host}")), Some(host), &[]);
        for host in ["192.0.2.1:80", "[2001:db8::1]", "localhost:8080"] {
            assert_eq!(own(host), Standing::Known, "{host}");
        }
        for host in ["db.example", "db.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80"] {
            assert_eq!(own(host), Standing::Stranger, "{host}");
        }
    }

    #[test]
    fn others_are_refused_unless_they_are_listed() {
        for origin in [
            "http://evil.example",
            "http://db.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
            "http://evil.example:localhost",
            "ftp://localhost",
            "null",
            "",
            "localhost",
        ] {
            for host in [Some("db.example:8080"), None] {
                assert_eq!(judge(Some(origin), host, &[]), Standing::Refused, "{origin}");
            }
        }
        let listed = ["https://app.example".to_owned()];
        assert_eq!(judge(Some("https://app.example"), None, &listed), Standing::Known);
        assert_eq!(judge(Some("http://app.example"), None, &listed), Standing::Refused);
        assert_eq!(judge(Some("null"), None, &["*".to_owned()]), Standing::Known);
    }
}
