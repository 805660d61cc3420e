//! `images[].glob`: `*` is any text without a slash, `**` any text; both ends are anchored.
//!
//! The Policy Controller matches the full name of an image, and if that fails the text as somebody wrote it, so `nginx` and `docker.io/library/nginx`
//! may fall under different policies. Here all names that one image has are matched, however it was written.
//!
//! Source: sigstore/policy-controller:pkg/apis/glob/glob.go.

use regex::Regex;

use crate::kyverno::images::Parts;

/// Letters of a glob.
const MAX_LENGTH: usize = 1_000;
/// Bytes of a compiled glob.
const MAX_COMPILED: usize = 1 << 20;

/// A glob, compiled.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    pub(super) text: String,
    pattern: Regex,
}

impl Glob {
    /// Errors: why it is none.
    pub(super) fn compile(text: &str) -> Result<Glob, String> {
        let full = match text {
            "*" => "index.docker.io/library/*",
            "*/*" => "index.docker.io/*/*",
            other => other,
        };
        let valid =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | ':' | '/' | '*' | '.' | '@');
        if full.is_empty() || full.len() > MAX_LENGTH || !full.chars().all(valid) {
            return Err(format!("glob is invalid: invalid glob {text:?}"));
        }
        let pattern = regex::escape(full).replace("\\*\\*", ".*").replace("\\*", "[^/]*");
        let pattern = regex::RegexBuilder::new(&format!("^{pattern}$")).size_limit(MAX_COMPILED).build();
        let pattern = pattern.map_err(|_| "glob is invalid: it is too large".to_owned())?;
        Ok(Glob { text: text.to_owned(), pattern })
    }

    fn matches(&self, name: &str) -> bool {
        self.pattern.is_match(name)
    }

    /// Whether it means an image. `demands`: whether it is of a policy that only ever asks for more. A tag beside a digest may bring an image under such a
    /// policy; it is a claim, and brings none under a policy that lets it pass.
    pub(super) fn includes(&self, parts: &Parts, demands: bool) -> bool {
        names(parts, demands).iter().any(|name| self.matches(name))
    }
}

/// All names of one image.
fn names(parts: &Parts, demands: bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in parts.names() {
        let by_digest = name.contains('@');
        if !parts.digest.is_empty() && !by_digest && (!demands || name.ends_with(':')) {
            continue;
        }
        let short = ["docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/"];
        // A short name that would itself be read as one of another registry is no name of this image.
        let is_host = |text: &str| {
            let first = text.split_once('/').map(|(first, _)| first);
            first.is_some_and(|first| first == "localhost" || first.contains(['.', ':']))
        };
        let shorter = short.iter().filter_map(|prefix| name.strip_prefix(prefix)).filter(|text| !is_host(text));
        found.extend(shorter.map(str::to_owned));
        found.push(name);
    }
    // Without tag and digest it is `latest`.
    let untagged: Vec<String> =
        found.iter().filter_map(|name| name.strip_suffix(":latest")).map(str::to_owned).collect();
    found.extend(untagged);
    found.sort();
    found.dedup();
    found
}
