//! Sources as provenance writes them: git URIs, references, tags of versions.

use super::{Requirement, SlsaError};

/// `github.com/org/repo` -> `git+https://github.com/org/repo`.
pub(super) fn normalise(source: &str) -> String {
    if source.starts_with("git+") {
        source.to_owned()
    } else if source.contains("://") {
        format!("git+{source}")
    } else {
        format!("git+https://{source}")
    }
}

/// `git+URI[@REF]` -> URI with its prefix, and the reference.
pub(super) fn split(uri: &str) -> Result<(&str, Option<&str>), SlsaError> {
    if !uri.starts_with("git+") {
        return Err(SlsaError::new(Requirement::SourceForm, "a URI `git+https://...`", format!("`{uri}`")));
    }
    Ok(match uri.split_once('@') {
        None => (uri, None),
        Some((uri, reference)) => (uri, Some(reference).filter(|reference| !reference.is_empty())),
    })
}

fn name_of<'a>(reference: &'a str, kind: &str) -> Result<&'a str, SlsaError> {
    reference
        .strip_prefix("refs/")
        .and_then(|rest| rest.strip_prefix(kind))
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| SlsaError::new(Requirement::RefKind, format!("`refs/{kind}/...`"), format!("`{reference}`")))
}

/// The name of a reference `refs/tags/NAME`.
pub(super) fn tag_of(reference: &str) -> Result<&str, SlsaError> {
    name_of(reference, "tags")
}

/// The name of a reference `refs/heads/NAME`.
pub(super) fn branch_of(reference: &str) -> Result<&str, SlsaError> {
    name_of(reference, "heads")
}

/// A version as Go writes it: `vMAJOR[.MINOR[.PATCH[-PRE][+BUILD]]]`.
pub(super) struct GoSemver<'a> {
    major: &'a str,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
    pub(super) pre: &'a str,
    pub(super) build: &'a str,
}

impl<'a> GoSemver<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v')?;
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let mut parts = core.split('.');
        let number = |part: &'a str| {
            let canonical = !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'));
            canonical.then_some(part)
        };
        let major = number(parts.next()?)?;
        let minor = parts.next().map(|part| number(part).ok_or(())).transpose().ok()?;
        let patch = parts.next().map(|part| number(part).ok_or(())).transpose().ok()?;
        if parts.next().is_some() || (patch.is_none() && (pre.is_some() || build.is_some())) {
            return None;
        }
        let words = |text: &str| {
            text.split('.')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        };
        let numbers = |text: &str| {
            text.split('.').all(|word| !word.bytes().all(|byte| byte.is_ascii_digit()) || number_is_canonical(word))
        };
        if pre.is_some_and(|pre| !words(pre) || !numbers(pre)) || build.is_some_and(|build| !words(build)) {
            return None;
        }
        Some(Self { major, minor, patch, pre: pre.unwrap_or_default(), build: build.unwrap_or_default() })
    }

    /// Whether all three numbers are written.
    pub(super) fn is_full(&self) -> bool {
        self.patch.is_some()
    }
}

fn number_is_canonical(word: &str) -> bool {
    word == "0" || !word.starts_with('0')
}

/// Whether `tag` is a version that `expected` covers. Build metadata does not count (Semantic Versioning 2.0.0 section 10); a pre-release does.
pub(super) fn version_matches(tag: &str, expected: &str) -> Result<(), SlsaError> {
    let version = |text| {
        GoSemver::parse(text)
            .ok_or_else(|| SlsaError::new(Requirement::Semver, "a version `vX[.Y[.Z]]`", format!("`{text}`")))
    };
    let (wanted, found) = (version(expected)?, version(tag)?);
    let zero = Some("0");
    let same = wanted.major == found.major
        && (wanted.minor.is_none() || wanted.minor == found.minor.or(zero))
        && (wanted.patch.is_none() || (wanted.patch == found.patch.or(zero) && wanted.pre == found.pre));
    if same {
        return Ok(());
    }
    Err(SlsaError::new(Requirement::VersionedTag, format!("`{expected}`"), format!("`{tag}`")))
}
