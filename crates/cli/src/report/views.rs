//! What a report may say beyond packages and findings, each part only when it was asked for or is known.

use signet_model::{Finding, Package, PackageIndex, Severity};
use signet_policy::licences::Category;

use crate::report::Report;
use crate::template::Template;

/// The parts.
#[derive(Debug, Default)]
pub(crate) struct Views {
    /// Where the base image ends, where it is known.
    pub(crate) base: Option<BaseImage>,
    /// What an earlier report had, with `--baseline`.
    pub(crate) baseline: Option<Baseline>,
    /// Licences, with the scanner `license`; `None`: nobody looked.
    pub(crate) licences: Option<Vec<LicenceFinding>>,
    /// The text of `--template`.
    pub(crate) template: Option<Template>,
}

/// Which part of an image its base brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseImage {
    /// So many of the lowest layers.
    pub(crate) layers: usize,
    /// How that is known: `history`, or what `--base` named.
    pub(crate) known_by: String,
    /// For each package of the inventory whether the base has it; shorter than the inventory where nobody could tell.
    pub(crate) inherited: Vec<bool>,
}

/// What `--baseline` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// The file.
    pub(crate) file: String,
    /// Findings that it has already.
    pub(crate) known: usize,
    /// Findings that it has and that are here still, but count again: malicious, or known to be exploited since.
    pub(crate) counted_again: usize,
    /// What it had and is gone.
    pub(crate) fixed: Vec<Gone>,
}

/// A finding that is no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gone {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) severity: Severity,
}

/// A licence of a package, by what it asks of whoever ships it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LicenceFinding {
    pub(crate) package: PackageIndex,
    /// The text that the package states; empty: none was found.
    pub(crate) licence: String,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    /// `--license-deny` names it, or its category.
    pub(crate) denied: bool,
    /// Why it is shown and not counted: `--ignored-licenses`, `--severity`.
    pub(crate) ignored: Option<&'static str>,
}

impl Report {
    /// Whether the base image brought a package; `None`: nobody knows.
    pub(crate) fn inherited(&self, package: PackageIndex) -> Option<bool> {
        self.views.base.as_ref()?.inherited.get(package.get()).copied()
    }

    /// `base`, `own`, or nothing where nobody knows.
    pub(crate) fn origin(&self, finding: &Finding) -> Option<&'static str> {
        Some(if self.inherited(finding.package)? { "base" } else { "own" })
    }

    /// Licences that count.
    pub(crate) fn active_licences(&self) -> impl Iterator<Item = &LicenceFinding> {
        self.views.licences.iter().flatten().filter(|licence| licence.ignored.is_none())
    }

    /// The place of a package's layer in the image, counted from 0.
    pub(crate) fn layer_of(&self, package: &Package) -> Option<usize> {
        let layer = package.locations.first()?.layer?;
        self.subject.image.as_ref()?.layers.iter().position(|stated| stated.diff_id == layer)
    }

    /// Active findings of own layers and of the base image, where the base is known.
    pub(crate) fn own_and_inherited(&self) -> Option<(usize, usize)> {
        self.views.base.as_ref()?;
        let inherited = self.active().filter(|finding| self.inherited(finding.package) == Some(true)).count();
        Some((self.active().count().saturating_sub(inherited), inherited))
    }
}
