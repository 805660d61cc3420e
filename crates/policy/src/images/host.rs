//! One spelling for the host of a registry.

/// In lower case, with its port as a number, and without the one that `https` has anyway: `R.example:0443` and `r.example` are one host. A host that
/// would be taken for a name on Docker Hub without a port has one: `ACME/app` lies on the host `acme`, and `acme/app` does not. Patterns are taken, too.
pub(crate) fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && is_number(port) => (name, port.trim_start_matches('0')),
        Some(_) if !host.starts_with('[') => return host,
        _ => (host.as_str(), "443"),
    };
    let is_plain = name == "localhost" || name.contains('.') || name.starts_with('[');
    match port {
        "443" if is_plain => name.to_owned(),
        "443" if name.contains('*') => host,
        "" => format!("{name}:0"),
        port => format!("{name}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, wanted: &str) {
        assert_eq!(canonical(host), wanted, "{host}");
        assert_eq!(canonical(wanted), wanted, "{host}");
    }

    #[test]
    fn ports_are_numbers() {
        check("R.Example", "r.example");
        check("r.example:443", "r.example");
        check("r.example:0443", "r.example");
        check("r.example:000443", "r.example");
        check("r.example:05000", "r.example:5000");
        check("r.example:4430", "r.example:4430");
        check("r.example:00", "r.example:0");
        check("[::1]:0443", "[::1]");
        check("[fe80::443]", "[fe80::443]");
        check(":443", ":443");
        check("LOCALHOST:443", "localhost");
    }

    #[test]
    fn a_host_is_not_taken_for_a_name_on_docker_hub() {
        check("acme:443", "acme:443");
        check("acme:0443", "acme:443");
        check("ACME", "acme:443");
        check("acme:5000", "acme:5000");
        check("**", "**");
        check("acme*:443", "acme*:443");
        check("*.example", "*.example");
    }
}
