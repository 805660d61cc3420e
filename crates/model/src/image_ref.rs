//! References to images by the distribution grammar.

use std::fmt;
use std::str::FromStr;

use crate::Digest;

/// The registry that a reference without one means.
const DEFAULT_REGISTRY: &str = "docker.io";
/// The namespace that a Docker Hub repository of one part lies in.
const DEFAULT_NAMESPACE: &str = "library/";

/// Registry, repository, tag and/or digest.
///
/// Parsed by the grammar of `distribution/reference` (familiar names: `nginx` is `docker.io/library/nginx`). What does not parse is refused.
/// No default tag is added: a reference with neither tag nor digest says so, and the caller decides what that means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` is no image reference: {why}")]
pub struct ImageRefError {
    /// The text.
    pub reference: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl ImageRef {
    /// A reference from its parts, each checked against the grammar.
    pub fn new(
        registry: &str,
        repository: &str,
        tag: Option<&str>,
        digest: Option<Digest>,
    ) -> Result<ImageRef, ImageRefError> {
        let mut text = format!("{registry}/{repository}");
        if let Some(tag) = tag {
            text.push(':');
            text.push_str(tag);
        }
        let mut reference: ImageRef = text.parse()?;
        reference.digest = digest;
        if reference.registry != registry || reference.repository != repository {
            return Err(ImageRefError { reference: text, why: "registry or repository are not of their form" });
        }
        Ok(reference)
    }

    /// Host with optional port, `docker.io` where the text names none.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path of the repository in its registry, `library/` included.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if the text has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the text has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The tag that a registry is asked for when there is no digest: the text's, or `latest`.
    pub fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The same repository at this digest; the tag stays for people to read.
    pub fn at(&self, digest: Digest) -> ImageRef {
        ImageRef { digest: Some(digest), ..self.clone() }
    }

    /// Registry and repository without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The short form that people type: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        match full.strip_prefix("docker.io/") {
            Some(rest) => rest.strip_prefix(DEFAULT_NAMESPACE).unwrap_or(rest).to_owned(),
            None => full,
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<ImageRef, ImageRefError> {
        let fail = |why| ImageRefError { reference: text.to_owned(), why };
        if text.is_empty() {
            return Err(fail("it is empty"));
        }
        // Docker would take it for the identifier of an image that it has. Source: distribution/reference, `identifier`.
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(fail("64 hexadecimal digits are the identifier of an image, and name none in a registry"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (
                rest,
                Some(
                    digest
                        .parse::<Digest>()
                        .map_err(|_| fail("what follows `@` is no sha256, sha384 or sha512 digest"))?,
                ),
            ),
            None => (text, None),
        };
        // A colon after the last slash begins the tag; one before it belongs to the registry's port.
        let (name, tag) = match rest.rfind(':') {
            Some(colon) if !rest[colon..].contains('/') => (&rest[..colon], Some(&rest[colon + 1..])),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(fail("a tag is a letter, digit or `_`, then up to 127 letters, digits, `_`, `.` or `-`"));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if names_a_registry(first) => (first, rest.to_owned()),
            _ => (DEFAULT_REGISTRY, name.to_owned()),
        };
        if !is_registry(registry) {
            return Err(fail("the registry is no host with an optional port"));
        }
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
            other => other,
        };
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("{DEFAULT_NAMESPACE}{repository}")
        } else {
            repository
        };
        if !repository.split('/').all(is_path_component) {
            return Err(fail(
                "each part of a repository is lower-case letters and digits, joined by `.`, `_`, `__` or dashes",
            ));
        }
        if repository.len() + registry.len() + 1 > 255 {
            return Err(fail("registry and repository are longer than 255 bytes"));
        }
        Ok(ImageRef { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

/// Whether the first part of a name is a registry and not the first part of a repository on Docker Hub.
fn names_a_registry(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `host[:port]` with a DNS name, IPv4 or bracketed IPv6 address. Source: distribution/reference, `domain-and-port`.
fn is_registry(text: &str) -> bool {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        match rest.split_once(']') {
            Some((address, "")) => return address.parse::<std::net::Ipv6Addr>().is_ok(),
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                return port.strip_prefix(':').is_some_and(is_port);
            }
            _ => return false,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if bytes.is_empty() || !alnum(bytes[0]) || !alnum(bytes[bytes.len() - 1]) {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if alnum(bytes[at]) {
            at += 1;
            continue;
        }
        let run = bytes[at..].iter().take_while(|byte| !alnum(**byte)).count();
        let separator = &bytes[at..at + run];
        let allowed = matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-');
        if !allowed {
            return false;
        }
        at += run;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, full: &str) {
        let reference: ImageRef = text.parse().unwrap();
        assert_eq!(reference.to_string(), full);
        assert_eq!(full.parse::<ImageRef>().unwrap(), reference, "the full form reads back");
        assert_eq!(reference.familiar().parse::<ImageRef>().unwrap(), reference, "the familiar form reads back");
    }

    #[test]
    fn familiar_names_get_their_registry() {
        check("nginx", "docker.io/library/nginx");
        check("nginx:1.27", "docker.io/library/nginx:1.27");
        check("bitnami/redis", "docker.io/bitnami/redis");
        check("localhost/a", "localhost/a");
        check("localhost:5000/a/b:c", "localhost:5000/a/b:c");
        check("127.0.0.1:5000/x", "127.0.0.1:5000/x");
        check("[::1]:5000/x:y", "[::1]:5000/x:y");
        check("ghcr.io/your-org/app", "ghcr.io/your-org/app");
        check("index.docker.io/library/nginx", "docker.io/library/nginx");
        check("a__b/c--d", "docker.io/a__b/c--d");
    }

    #[test]
    fn tag_and_digest_may_stand_together() {
        let digest = Digest::sha256(b"x");
        check(&format!("r.example/a:t@{digest}"), &format!("r.example/a:t@{digest}"));
    }

    #[test]
    fn an_identifier_of_an_image_is_no_reference() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(hex.parse::<ImageRef>().is_err());
        check(&format!("a/{hex}"), &format!("docker.io/a/{hex}"));
        check(&hex[1..], &format!("docker.io/library/{}", &hex[1..]));
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        for text in [
            "",
            ":",
            "@",
            "a:",
            "a@",
            "A",
            "a//b",
            "/a",
            "a/",
            "-a/b",
            "a..b",
            "a___b",
            "a:-x",
            "a: b",
            "a b",
            "a@sha256:abc",
            "a:b:c",
            "r.example:port/a",
            "r.example:99999/a",
            "r.example/UPPER",
            "[::1/x",
            "a/../b",
            "a:t@",
            "http://r.example/a",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
        assert!(format!("a:{}", "t".repeat(129)).parse::<ImageRef>().is_err());
        assert!(format!("r.example/{}", "a".repeat(256)).parse::<ImageRef>().is_err());
    }
}
