//! What takes findings out of the gate's sight: ignore files, VEX statements, tracked exceptions. All are applied here and nowhere else.
//!
//! A suppressed finding stays in the report with its [`Suppression`]: by what, by whom, why. The first mechanism that speaks wins, in the order
//! ignore files, VEX, exceptions; what was suppressed by matching itself (owned files, kernel headers) stays as it is. Entries that expired
//! do nothing and are reported, as are entries that nothing needs any more.

mod attested;
mod csaf;
mod cyclonedx;
mod exception;
mod ignore_file;
mod ignore_yaml;
mod openvex;
mod product;

use signet_model::{Exception, Finding, Inventory, Purl, Suppression, Timestamp};

pub use attested::{Standing, may_be_vex};
pub use ignore_file::{IgnoreEntry, IgnoreError, IgnoreFile};
pub use openvex::{VexDocument, VexError, VexStatement};

/// Everything that may suppress.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    /// `.trivyignore` and `.trivyignore.yaml` files.
    pub ignore_files: Vec<IgnoreFile>,
    /// VEX documents of any format; where statements disagree the newest wins.
    pub vex: Vec<VexDocument>,
    /// Exceptions, with the policy that holds each.
    pub exceptions: Vec<(String, Exception)>,
}

/// What the suppressions are applied with.
#[derive(Clone, Debug)]
pub struct SuppressContext<'c> {
    /// The inventory that the findings are of.
    pub inventory: &'c Inventory,
    /// Purls of the artifact itself (`pkg:oci/...`), which VEX statements may name as product.
    pub artifact: &'c [Purl],
    /// The time that expiries are compared with.
    pub now: Timestamp,
}

/// Something about an entry that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The file or policy.
    pub source: String,
    /// Line in the file; 0 where there is none.
    pub line: u32,
    /// The finding id, or ids.
    pub id: String,
    /// What.
    pub kind: RemarkKind,
}

/// What can be said about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemarkKind {
    /// Its end has come: it does nothing any more.
    Expired,
    /// No finding needs it.
    Stale,
    /// Its review is due.
    ReviewDue,
    /// It accepts a finding that has a fix by now.
    FixAvailable,
}

impl RemarkKind {
    /// The name in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            RemarkKind::Expired => "expired",
            RemarkKind::Stale => "stale",
            RemarkKind::ReviewDue => "review-due",
            RemarkKind::FixAvailable => "fix-available",
        }
    }
}

impl Suppressions {
    /// Suppresses what is to be suppressed, and says what should be looked at, sorted.
    pub fn apply(&self, findings: &mut [Finding], context: &SuppressContext<'_>) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let mut ignores: Vec<_> =
            self.ignore_files.iter().map(|file| ignore_file::Applied::new(file, context.now)).collect();
        let vex = openvex::Applied::new(&self.vex, context);
        let mut exceptions: Vec<_> = self
            .exceptions
            .iter()
            .map(|(source, exception)| exception::Applied::new(source, exception, context.now))
            .collect();
        for finding in findings {
            let Some(package) = context.inventory.packages.get(finding.package.get()) else { continue };
            let purl = package.purl(context.inventory.distro.as_ref());
            let mut found: Option<Suppression> = None;
            // Each mechanism is asked even after another has spoken, so that its entry does not look stale.
            for file in &mut ignores {
                let one = file.suppress(finding, package, purl.as_ref());
                found = found.or(one);
            }
            found = found.or_else(|| vex.suppress(finding, purl.as_ref()));
            for exception in &mut exceptions {
                let one = exception.suppress(finding, purl.as_ref());
                found = found.or(one);
            }
            if finding.suppressed.is_none() {
                finding.suppressed = found;
            }
        }
        for file in ignores {
            remarks.extend(file.remarks());
        }
        for exception in exceptions {
            remarks.extend(exception.remarks());
        }
        remarks.sort();
        remarks
    }
}

/// Whether the id names the finding: its own id, an alias, or the vendor's id of the very advisory.
fn names(id: &str, finding: &Finding) -> bool {
    finding.vulnerability.id == id || finding.vulnerability.aliases.iter().any(|alias| alias == id)
}

#[cfg(test)]
mod tests;
