//! Which pages may connect by WebSocket. Browsers send the page's origin, and let any page connect anywhere: it is the
//! server that must refuse.

/// Returns whether a page of this origin may connect to a server that was asked for as `host`.
///
/// Allowed are pages of the server itself, of this machine, and what the configuration lists. A client that sends no
/// origin is no browser.
pub fn is_allowed(origin: Option<&str>, host: Option<&str>, listed: &[String]) -> bool {
    let Some(origin) = origin else { return true };
    if listed.iter().any(|listed| listed == "*" || listed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // "null" is the origin of files, of sandboxed frames, and of pages that hide theirs.
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    is_this_machine(authority) || host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

fn is_this_machine(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_server_and_of_this_machine_are_allowed() {
        let host = Some("db.example:8080");
        for origin in [
            "http://db.example:8080",
            "https://DB.example:8080",
            "http://localhost",
            "http://localhost:5173",
            "https://127.0.0.1:1",
            "http://[::1]:80",
            "http://[::1]",
        ] {
            assert!(is_allowed(Some(origin), host, &[]), "{origin}");
        }
        assert!(is_allowed(None, host, &[]));
    }

    #[test]
    fn others_are_not_unless_they_are_listed() {
        let host = Some("db.example:8080");
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
            assert!(!is_allowed(Some(origin), host, &[]), "{origin}");
            assert!(!is_allowed(Some(origin), None, &[]), "{origin}");
        }
        let listed = ["https://app.example".to_owned()];
        assert!(is_allowed(Some("https://app.example"), host, &listed));
        assert!(!is_allowed(Some("http://app.example"), host, &listed));
        assert!(is_allowed(Some("null"), host, &["*".to_owned()]));
    }
}
