//! Names of builders, and the releases of them that are trusted.

use std::fmt;

use super::source::GoSemver;
use super::{Requirement, SlsaError, source};

/// A builder: a URI, and the release of it that built.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuilderId {
    name: String,
    version: Option<String>,
}

impl BuilderId {
    /// Reads `NAME` or `NAME@VERSION`.
    ///
    /// # Errors
    /// When there are several `@`, or nothing behind it.
    pub fn parse(text: &str) -> Result<Self, SlsaError> {
        let wrong = || SlsaError::new(Requirement::BuilderForm, "NAME or NAME@VERSION", format!("`{text}`"));
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((_, version)) if version.is_empty() || version.contains('@') => return Err(wrong()),
            Some((name, version)) => (name, Some(version.to_owned())),
        };
        if name.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), version })
    }

    /// The URI without the version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether this is `expected`: the same name, and the same version if one is expected. `v1.2.3` and `refs/tags/v1.2.3` are one version.
    pub(super) fn matches(&self, expected: &Self) -> Result<(), SlsaError> {
        self.same_name(expected)?;
        match &expected.version {
            None => Ok(()),
            Some(version) => self.same_version(Some(version), expected),
        }
    }

    /// As [`Self::matches`], but a version that is there on one side only is a difference.
    pub(super) fn matches_fully(&self, expected: &Self) -> Result<(), SlsaError> {
        self.same_name(expected)?;
        self.same_version(expected.version.as_deref(), expected)
    }

    fn same_name(&self, expected: &Self) -> Result<(), SlsaError> {
        if self.name == expected.name {
            return Ok(());
        }
        Err(SlsaError::new(Requirement::BuilderId, format!("`{expected}`"), format!("`{self}`")))
    }

    fn same_version(&self, version: Option<&str>, expected: &Self) -> Result<(), SlsaError> {
        let own = self.version.as_deref();
        let same = own == version
            || matches!((own, version), (Some(own), Some(version)) if own.strip_prefix("refs/tags/") == Some(version));
        if same {
            Ok(())
        } else {
            Err(SlsaError::new(Requirement::BuilderId, format!("`{expected}`"), format!("`{self}`")))
        }
    }
}

impl fmt::Display for BuilderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            None => f.write_str(&self.name),
            Some(version) => write!(f, "{}@{version}", self.name),
        }
    }
}

/// Which references of a builder's repository are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuilderRefs {
    /// Release tags `vX.Y.Z` only.
    Releases,
    /// Also the branch `main` and pre-releases, where the source is the builders' own repository or its example: the tests of these builders
    /// themselves are made so. For the conformance runner; no command offers it.
    AlsoTheirOwnTests,
}

/// The repository of the builders that are trusted without being named.
pub(super) const GENERATOR: &str = "slsa-framework/slsa-github-generator";
const EXAMPLE: &str = "slsa-framework/example-package";

/// A builder's workflow reference must be a full release tag.
pub(super) fn check_ref(reference: &str, source_repository: &str, refs: BuilderRefs) -> Result<(), SlsaError> {
    let own_test = refs == BuilderRefs::AlsoTheirOwnTests && [GENERATOR, EXAMPLE].contains(&source_repository);
    if own_test && reference == "refs/heads/main" {
        return Ok(());
    }
    let tag = source::tag_of(reference)?;
    let full = GoSemver::parse(tag)
        .is_some_and(|version| version.is_full() && version.build.is_empty() && (own_test || version.pre.is_empty()));
    if full {
        return Ok(());
    }
    Err(SlsaError::new(Requirement::BuilderRef, "a release tag `vX.Y.Z` of the builder", format!("`{reference}`")))
}

/// The tag that a delegating workflow was called at. JReleaser tags its builders by language.
pub(super) fn check_delegated(id: &BuilderId) -> Result<(), SlsaError> {
    let wrong = |found: &str| {
        SlsaError::new(Requirement::BuilderRef, "a release tag `vX.Y.Z` of the builder", format!("`{found}`"))
    };
    let reference = id
        .version()
        .ok_or_else(|| SlsaError::new(Requirement::BuilderForm, "NAME@refs/tags/vX.Y.Z", format!("`{id}`")))?;
    let version = GoSemver::parse(source::tag_of(reference)?).ok_or_else(|| wrong(reference))?;
    let pre = if id.name().starts_with("https://github.com/jreleaser/release-action") { "java" } else { "" };
    if version.is_full() && version.build.is_empty() && version.pre == pre { Ok(()) } else { Err(wrong(reference)) }
}
