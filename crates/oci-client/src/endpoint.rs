//! Where a repository is asked for: its mirrors in order, then its registry.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use signet_model::ImageRef;

use crate::error::{Error, ErrorKind};
use crate::options::ClientOptions;

/// Docker Hub's registry answers under another name than the one in references.
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// One place that serves a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `host[:port]` of the API.
    pub(crate) host: String,
    /// The name under which credentials are kept.
    pub(crate) registry: String,
    /// The repository's path there.
    pub(crate) repository: String,
    /// Plain HTTP was asked for.
    pub(crate) plain_http: bool,
}

/// Whether a request may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
    Delete,
}

impl Endpoint {
    /// The registry that the reference names.
    pub(crate) fn origin(reference: &ImageRef, options: &ClientOptions) -> Endpoint {
        let registry = reference.registry().to_owned();
        Endpoint {
            host: if registry == "docker.io" { DOCKER_HUB_API.to_owned() } else { registry.clone() },
            plain_http: options.plain_http.iter().any(|name| name == "*" || *name == registry),
            registry,
            repository: reference.repository().to_owned(),
        }
    }

    /// All places to pull from, in order.
    pub(crate) fn all(reference: &ImageRef, options: &ClientOptions) -> Vec<Endpoint> {
        let name = reference.name();
        let under =
            |prefix: &str| name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        let mirror = options
            .mirrors
            .iter()
            .filter(|mirror| under(mirror.prefix.trim_end_matches('/')))
            .max_by_key(|mirror| mirror.prefix.len());
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if let Some(mirror) = mirror {
            let rest = name.strip_prefix(mirror.prefix.trim_end_matches('/')).unwrap_or_default();
            for place in &mirror.endpoints {
                let full = format!("{}{rest}", place.location.trim_end_matches('/'));
                let Some((host, repository)) = full.split_once('/') else { continue };
                endpoints.push(Endpoint {
                    host: host.to_owned(),
                    registry: host.to_owned(),
                    repository: repository.to_owned(),
                    plain_http: place.plain_http || options.plain_http.iter().any(|name| name == "*" || name == host),
                });
            }
        }
        let origin = Endpoint::origin(reference, options);
        if !endpoints.contains(&origin) {
            endpoints.push(origin);
        }
        endpoints
    }

    /// `repository:NAME:ACTIONS`. Source: distribution, `spec/auth/scope.md`.
    pub(crate) fn scope(&self, access: Access) -> String {
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,delete",
        };
        format!("repository:{}:{actions}", self.repository)
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

/// The URL of a host's root.
pub(crate) fn root(plain_http: bool, host: &str) -> Result<Url, Error> {
    let scheme = if plain_http { "http" } else { "https" };
    let url = Url::parse(&format!("{scheme}://{host}/")).map_err(|err| {
        Error::new(ErrorKind::Usage, format!("ask `{host}`"), "this is no host name with an optional port").cause(err)
    })?;
    if !url.username().is_empty() || url.password().is_some() || url.path() != "/" || url.query().is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("ask `{}`", crate::error::printable(host)),
            "a host has no path and no user",
        ));
    }
    Ok(url)
}

/// Whether a host (with or without port) is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether two URLs have the same scheme, host and port.
pub(crate) fn same_origin(one: &Url, two: &Url) -> bool {
    one.scheme() == two.scheme()
        && one.host_str() == two.host_str()
        && one.port_or_known_default() == two.port_or_known_default()
}

/// Whether a token service at `realm` may see the credentials of the registry at `registry`.
///
/// A registry that is itself reached by HTTPS names its token service; that must be HTTPS too, and on the same host, under the registry's own domain, or
/// named by the user. So a challenge that someone slipped through a proxy or a shared cache cannot collect passwords (CVE-2026-33540).
pub(crate) fn realm_is_trusted(registry: &Url, realm: &Url, trusted: &[String]) -> bool {
    let (Some(own), Some(other)) = (registry.host_str(), realm.host_str()) else { return false };
    match (registry.scheme(), realm.scheme()) {
        (_, "https") | ("http", "http") => {}
        _ => return false,
    }
    let both_here = is_loopback(own) && is_loopback(other);
    if own.eq_ignore_ascii_case(other) || both_here || trusted.iter().any(|name| name.eq_ignore_ascii_case(other)) {
        return true;
    }
    // Over plain HTTP nothing but the host itself is the registry's.
    let related = match (domain(own), domain(other)) {
        (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
        _ => false,
    };
    // NVIDIA's registry keeps its token service under the company's own domain.
    registry.scheme() == "https" && (related || (own == "nvcr.io" && other == "authn.nvidia.com"))
}

/// The part of a host name that one owner registers: two labels, or three where the second-level label is a short one under a country (`co.uk`).
/// `None` for addresses and bare names.
fn domain(host: &str) -> Option<&str> {
    if host.parse::<Ipv4Addr>().is_ok() || host.starts_with('[') {
        return None;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let [.., second, top] = labels.as_slice() else { return None };
    let count = if top.len() == 2 && second.len() <= 3 { 3 } else { 2 };
    let length: usize = labels.iter().rev().take(count).map(|label| label.len() + 1).sum::<usize>() - 1;
    (labels.len() >= count).then(|| host.get(host.len() - length..)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Mirror, MirrorEndpoint};

    #[test]
    fn mirrors_come_first_and_the_longest_prefix_wins() {
        let place = |location: &str| MirrorEndpoint { location: location.to_owned(), plain_http: false };
        let options = ClientOptions {
            mirrors: vec![
                Mirror {
                    prefix: "docker.io".to_owned(),
                    endpoints: vec![place("m1.example/hub"), place("m2.example")],
                },
                Mirror { prefix: "docker.io/library".to_owned(), endpoints: vec![place("m3.example:5000/official/")] },
            ],
            ..Default::default()
        };
        let names = |text: &str| -> Vec<String> {
            let reference: ImageRef = text.parse().unwrap();
            Endpoint::all(&reference, &options).iter().map(|e| format!("{} {}", e.host, e.repository)).collect()
        };
        assert_eq!(names("nginx"), ["m3.example:5000 official/nginx", "registry-1.docker.io library/nginx"]);
        assert_eq!(names("a/b"), ["m1.example hub/a/b", "m2.example a/b", "registry-1.docker.io a/b"]);
        assert_eq!(names("r.example/a"), ["r.example a"]);
        assert_eq!(
            names("libraryx/a"),
            ["m1.example hub/libraryx/a", "m2.example libraryx/a", "registry-1.docker.io libraryx/a"]
        );
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for host in ["localhost", "LOCALHOST:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000", "[::1]", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "10.0.0.1:5000", "[::2]:1", "127.0.0.1.example", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[track_caller]
    fn check(registry: &str, realm: &str, trusted: bool) {
        let parse = |text: &str| Url::parse(text).unwrap();
        assert_eq!(
            realm_is_trusted(&parse(registry), &parse(realm), &["named.example".to_owned()]),
            trusted,
            "{registry} {realm}"
        );
    }

    #[test]
    fn token_services_lie_in_the_registrys_domain() {
        check("https://registry-1.docker.io/", "https://auth.docker.io/token", true);
        check("https://ghcr.io/", "https://ghcr.io/token", true);
        check("https://registry.gitlab.com/", "https://gitlab.com/jwt/auth", true);
        check("https://nvcr.io/", "https://authn.nvidia.com/token", true);
        check("https://r.example/", "https://named.example/token", true);
        check("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token", true);
        check("http://localhost:5000/", "http://127.0.0.1:5001/token", true);
        check("http://r.example/", "http://r.example/token", true);
        check("https://registry.shop.co.uk/", "https://auth.shop.co.uk/token", true);

        check("https://r.example/", "http://r.example/token", false);
        check("https://a.example.com/", "https://evil.com/token", false);
        check("https://docker.io.evil.com/", "https://auth.docker.io/token", false);
        check("https://shop.co.uk/", "https://evil.co.uk/token", false);
        check("https://10.0.0.1/", "https://11.0.0.1/token", false);
        check("http://r.shop.com/", "http://auth.shop.com/token", false);
        check("https://r.example/", "ftp://r.example/token", false);
        check("https://registry/", "https://auth/token", false);
    }
}
