//! Names that policies match on: images by path segments, identities as a whole, source repositories without their transport.

use signet_model::ImageRef;

use super::purl_glob::glob;

/// Most segments of a pattern. A repository has at most 255 bytes, so at most 127 of them.
const SEGMENTS: usize = 128;

/// A pattern of repositories: `*` is any text inside of one path segment, a segment `**` is any number of segments.
///
/// It is matched on the canonical name: registry and repository, `docker.io/library/` spelt out, the registry in lower case and without the port
/// 443, since both reach the same host. A pattern never names tags or digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    text: String,
    segments: Vec<String>,
}

impl ImagePattern {
    /// Reads a pattern. The error says what it could never match, and what to write.
    pub fn parse(text: &str) -> Result<ImagePattern, String> {
        let mut segments: Vec<String> = text.split('/').map(str::to_owned).collect();
        if segments.len() > SEGMENTS {
            return Err(format!("it has more than {SEGMENTS} segments"));
        }
        if segments.iter().any(String::is_empty) {
            return Err(
                "it has an empty segment: write one slash between two segments, and none at the ends".to_owned()
            );
        }
        if let Some(wrong) = segments.iter().find(|segment| segment.contains("**") && *segment != "**") {
            return Err(format!("`**` stands for whole segments, and not for a part of `{wrong}`"));
        }
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '*');
        let first = segments.first().cloned().unwrap_or_default();
        let is_host = first.contains(['.', ':']) || first == "localhost" || first == "**";
        for (index, segment) in segments.iter().enumerate() {
            let allowed =
                |letter: char| is_letter(letter) || (index == 0 && is_host && matches!(letter, ':' | '[' | ']'));
            if let Some(letter) = segment.chars().find(|letter| !allowed(*letter)) {
                return Err(match letter {
                    ':' | '@' => "it names a tag or a digest: a pattern is about repositories".to_owned(),
                    other => format!("`{}` stands in no name of an image", other.escape_default()),
                });
            }
            if (index > 0 || !is_host) && segment.chars().any(|letter| letter.is_ascii_uppercase()) {
                return Err("repositories are written in lower case".to_owned());
            }
        }
        match segments.as_slice() {
            [only] if only == "*" => {
                return Err("one `*` is one segment: write `**` for every image".to_owned());
            }
            [only] if is_host && only != "**" => {
                return Err(format!("it names a registry and no repository: write `{only}/**`"));
            }
            // As in a reference: what does not begin with a registry lies on Docker Hub.
            [_] if !is_host => {
                segments.splice(0..0, ["docker.io".to_owned(), "library".to_owned()]);
            }
            _ if !is_host && first != "*" => segments.insert(0, "docker.io".to_owned()),
            _ => {}
        }
        if let Some(host) = segments.first_mut() {
            *host = canonical_host(host);
            if host == "docker.io" && segments.len() == 2 && segments.get(1).is_some_and(|name| name != "**") {
                segments.insert(1, "library".to_owned());
            }
        }
        Ok(ImagePattern { text: text.to_owned(), segments })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names the image's repository.
    #[must_use]
    pub fn matches(&self, image: &ImageRef) -> bool {
        let name = canonical_name(image);
        let found: Vec<&str> = name.split('/').collect();
        segments_match(&self.segments, &found)
    }

    /// Whether it names a base image that is known by this name, which may be `scratch`.
    pub(super) fn matches_name(&self, name: &str) -> bool {
        if name == "scratch" {
            return self.text == "scratch";
        }
        name.parse::<ImageRef>().is_ok_and(|image| self.matches(&image))
    }
}

/// Registry and repository, one spelling for each: the host in lower case, without the port that `https` has anyway.
#[must_use]
pub fn canonical_name(image: &ImageRef) -> String {
    let host = canonical_host(image.registry());
    if host != image.registry() {
        // What the canonical host means may be Docker Hub, where one name is short for two.
        if let Ok(again) = format!("{host}/{}", image.repository()).parse::<ImageRef>() {
            return again.name();
        }
    }
    format!("{host}/{}", image.repository())
}

fn canonical_host(host: &str) -> String {
    let host = crate::images::host::canonical(host);
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

/// Goes back only to the last `**`, so the time is at most the product of both lengths.
fn segments_match(pattern: &[String], text: &[&str]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while seen < text.len() {
        match (pattern.get(at).map(String::as_str), text.get(seen)) {
            (Some("**"), _) => {
                back = Some((at, seen));
                at += 1;
            }
            (Some(segment), Some(found)) if glob(segment, found) => {
                at += 1;
                seen += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    at = star + 1;
                    seen = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|segment| segment == "**")
}

/// Whether a pattern of identities (`*` is any text, both ends anchored) names a text. Byte for byte; nothing is folded.
#[must_use]
pub fn identity_matches(pattern: &str, text: &str) -> bool {
    glob(pattern, text)
}

/// Whether a pattern names a source repository. Transport, user and `.git` count on neither side. A reference behind `@` is asked for by a pattern that
/// has one, and then a source without one is not it.
pub(super) fn source_matches(pattern: &str, source: &str) -> bool {
    let ((wanted, wanted_reference), (found, reference)) = (repository(pattern), repository(source));
    // A path that climbs would match a folder that it leaves.
    let is_plain = found.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    is_plain
        && glob(wanted, found)
        && wanted_reference.is_none_or(|wanted| reference.is_some_and(|reference| glob(wanted, reference)))
}

/// Repository and reference.
fn repository(text: &str) -> (&str, Option<&str>) {
    let text = text.strip_prefix("git+").unwrap_or(text);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host_end = text.find('/').unwrap_or(text.len());
    let text = match text.get(..host_end).and_then(|host| host.rfind('@')) {
        Some(user) => text.get(user + 1..).unwrap_or_default(),
        None => text,
    };
    let at = text.find('/').and_then(|slash| Some(slash + text.get(slash..)?.find('@')?));
    let (text, reference) = match at {
        Some(at) => (text.get(..at).unwrap_or_default(), Some(text.get(at + 1..).unwrap_or_default())),
        None => (text, None),
    };
    (text.strip_suffix(".git").unwrap_or(text), reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, image: &str, want: bool) {
        let parsed = ImagePattern::parse(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
        assert_eq!(parsed.matches(&image.parse().unwrap()), want, "{pattern} {image}");
    }

    #[test]
    fn patterns_name_repositories() {
        for image in ["r.example/a", "r.example/a/b/c:1", "R.EXAMPLE/a", "r.example:443/a/b", "R.Example:443/a"] {
            check("r.example/**", image, true);
        }
        for image in ["r.example.evil/a", "evil/r.example/a", "r.example:5000/a", "nginx", "xr.example/a"] {
            check("r.example/**", image, false);
        }
        check("r.example/*", "r.example/a", true);
        check("r.example/*", "r.example/a/b", false);
        check("r.example/team-*/app", "r.example/team-a/app", true);
        check("r.example/team-*/app", "r.example/team-a/x/app", false);
        check("r.example/**/app", "r.example/app", true);
        check("r.example/**/app", "r.example/a/b/app", true);
        check("r.example/**/app", "r.example/a/b/app2", false);
        check("r.example/**/a/**/b", "r.example/x/a/y/a/z/b", true);
        check("r.example/**/a/**/b", "r.example/x/y/b", false);
        check("*.example/**", "r.example/a", true);
        check("*.example/**", "a.r.example/a", true);
        check("**", "nginx", true);
        check("nginx", "docker.io/library/nginx:1", true);
        check("nginx", "index.docker.io/nginx", true);
        check("nginx", "DOCKER.IO/nginx", true);
        check("nginx", "registry-1.docker.io:443/library/nginx", true);
        check("nginx", "r.example/nginx", false);
        check("docker.io/nginx", "nginx", true);
        check("docker.io/**", "bitnami/redis", true);
        check("bitnami/*", "bitnami/redis", true);
        check("*/bitnami/*", "bitnami/redis", true);
        check("localhost:5000/**", "localhost:5000/x", true);
        check("r.example/**", "r.example:0443/a", true);
        check("r.example:5000/**", "r.example:05000/a", true);
        check("acme:443/**", "acme:443/app", true);
        // A host of the cluster's own network is none of Docker Hub's names.
        for image in ["acme:443/app", "acme:0443/app", "ACME/app", "Acme:443/app"] {
            check("acme/*", image, false);
            check("docker.io/**", image, false);
        }
    }

    #[test]
    fn what_can_never_match_is_refused() {
        for pattern in [
            "*",
            "a//b",
            "/a",
            "a/",
            "",
            "r.example",
            "localhost",
            "a/b**",
            "r.example/a:1",
            "r.example/a@sha256:00",
            "r.example/A",
            "r.example/\u{430}pp",
            "r.example/a b",
            "a?b",
        ] {
            assert!(ImagePattern::parse(pattern).is_err(), "{pattern}");
        }
        assert!(ImagePattern::parse(&"a/".repeat(200)).is_err());
    }

    #[test]
    fn sources() {
        for source in [
            "github.com/example/app",
            "git+https://github.com/example/app",
            "https://github.com/example/app.git",
            "git+https://github.com/example/app@refs/heads/main",
            "ssh://git@github.com/example/app.git",
        ] {
            assert!(source_matches("github.com/example/*", source), "{source}");
            assert!(source_matches("https://github.com/example/app", source), "{source}");
        }
        for source in [
            "github.com/example/../evil/app",
            "github.com/evil/app",
            "https://github.com@evil.example/example/app",
            "evil.example/github.com/example/app",
            "github.com/example/",
        ] {
            assert!(!source_matches("github.com/example/*", source), "{source}");
        }
        for (pattern, source, want) in [
            ("github.com/example/app@refs/heads/main", "git+https://github.com/example/app@refs/heads/main", true),
            ("github.com/example/*@refs/tags/v*", "github.com/example/app.git@refs/tags/v1.2", true),
            ("https://github.com/example/app@*", "github.com/example/app@refs/heads/x", true),
            ("github.com/example/app@refs/heads/main", "github.com/example/app@refs/heads/main2", false),
            ("github.com/example/app@refs/heads/main", "github.com/example/app@refs/pull/7/merge", false),
            ("github.com/example/app@main", "github.com/example/app@refs/heads/main", false),
            ("github.com/example/app@*", "github.com/example/app", false),
            ("github.com/example/app@", "github.com/example/app@refs/heads/main", false),
            ("github.com/example/app@refs/heads/main", "github.com/evil/app@refs/heads/main", false),
        ] {
            assert_eq!(source_matches(pattern, source), want, "{pattern} {source}");
        }
    }
}
