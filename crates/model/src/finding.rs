//! Findings: what is wrong with an artifact, who says so, and how we came to it.

use std::collections::BTreeMap;

use crate::{PackageIndex, Severity, Timestamp};

/// An advisory's or rule's identifier: `CVE-2024-3094`, `GHSA-...`, `DSA-...`, `MAL-...`.
pub type FindingId = String;

/// Whether and how the maintainer deals with a vulnerability. The names are those of Trivy and of the distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Status {
    #[default]
    Unknown,
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
    WillNotFix,
    FixDeferred,
    EndOfLife,
}

impl Status {
    /// All of them, in the order of their numbers in a Trivy database (0 to 7).
    pub const ALL: [Status; 8] = [
        Status::Unknown,
        Status::NotAffected,
        Status::Affected,
        Status::Fixed,
        Status::UnderInvestigation,
        Status::WillNotFix,
        Status::FixDeferred,
        Status::EndOfLife,
    ];

    /// The name, as in `--ignore-status`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Unknown => "unknown",
            Status::NotAffected => "not_affected",
            Status::Affected => "affected",
            Status::Fixed => "fixed",
            Status::UnderInvestigation => "under_investigation",
            Status::WillNotFix => "will_not_fix",
            Status::FixDeferred => "fix_deferred",
            Status::EndOfLife => "end_of_life",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Scores of one source, by CVSS version. A vector may be there without a score and the other way round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cvss {
    /// CVSS 2 vector and base score.
    pub v2: (Option<String>, Option<f64>),
    /// CVSS 3.x vector and base score.
    pub v3: (Option<String>, Option<f64>),
    /// CVSS 4.0 vector and base score.
    pub v4: (Option<String>, Option<f64>),
}

/// A link with more about a vulnerability.
pub type Reference = String;

/// An entry of CISA's catalogue of known exploited vulnerabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownExploited {
    /// Day that it was added (`YYYY-MM-DD`).
    pub date_added: String,
    /// Day by which US agencies must act.
    pub due_date: Option<String>,
    /// Used by ransomware campaigns, as far as known.
    pub ransomware: bool,
    /// What CISA asks to be done.
    pub required_action: Option<String>,
}

/// FIRST's estimate that a vulnerability is exploited within 30 days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epss {
    /// Probability, 0 to 1.
    pub score: f64,
    /// Share of all vulnerabilities with this score or less, 0 to 1.
    pub percentile: f64,
}

/// Who published an advisory.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSource {
    /// Short id: `debian`, `ghsa`, `nvd`, `osv`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Where it is published.
    pub url: String,
    /// The source whose data this one builds on, where it says so.
    pub base_id: Option<String>,
}

/// What is known of a vulnerability whatever package has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vulnerability {
    /// The id that the matching advisory uses.
    pub id: FindingId,
    /// Other names of the same thing, sorted.
    pub aliases: Vec<FindingId>,
    /// One line.
    pub title: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// Severity by each source that rates it.
    pub severities: BTreeMap<String, Severity>,
    /// Scores by each source.
    pub cvss: BTreeMap<String, Cvss>,
    /// Weakness ids (`CWE-79`).
    pub cwes: Vec<String>,
    /// Links, in the order of the source.
    pub references: Vec<Reference>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When the record was last changed.
    pub modified: Option<Timestamp>,
    /// In CISA's catalogue.
    pub kev: Option<KnownExploited>,
    /// FIRST's estimate.
    pub epss: Option<Epss>,
}

/// What to upgrade to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fix {
    /// Versions that repair it, as the advisory writes them; several where branches are maintained side by side. Empty: none.
    pub versions: Vec<String>,
    /// When the first of them could be had, where the source says so.
    pub available: Option<Timestamp>,
}

/// Why the package and the advisory belong together: what was compared with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// The name that was looked up: the package's, or its source package's.
    pub matched_name: String,
    /// The version that was compared.
    pub matched_version: String,
    /// The range that the advisory calls vulnerable, in words of its ecosystem: `< 3.0.7-1`, `>= 1.0, < 1.4`.
    pub range: String,
    /// Stream of the advisory: `debian 12`, `npm`, `Red Hat 9 (module nodejs:18)`.
    pub stream: String,
    /// Further remarks: looked up by source package, confidence, epoch policy.
    pub notes: Vec<String>,
}

/// What took a finding out of the gate's sight. It stays in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuppressionKind {
    /// An ignore file (`.trivyignore`).
    IgnoreFile,
    /// A VEX statement.
    Vex,
    /// A tracked exception of a policy.
    Exception,
    /// The package's files belong to a distribution package, whose distribution governs.
    Owned,
    /// Severity, status or fix filter of the command line.
    Filter,
    /// An advisory about the package says that this version is not vulnerable: repaired, or never affected.
    Advisory,
    /// An earlier report that is taken as the state of affairs has it already.
    Baseline,
}

impl SuppressionKind {
    /// The name in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            SuppressionKind::IgnoreFile => "ignore-file",
            SuppressionKind::Vex => "vex",
            SuppressionKind::Exception => "exception",
            SuppressionKind::Owned => "owned",
            SuppressionKind::Filter => "filter",
            SuppressionKind::Advisory => "advisory",
            SuppressionKind::Baseline => "baseline",
        }
    }
}

/// The trace that a suppression leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// By what means.
    pub kind: SuppressionKind,
    /// The file, document or policy that says so.
    pub source: String,
    /// VEX status, or the word of the mechanism: `ignored`, `not_affected`.
    pub status: String,
    /// The reason given there.
    pub statement: Option<String>,
}

/// An accepted risk with an owner and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Finding ids; an alias counts.
    pub ids: Vec<FindingId>,
    /// purls with `*`; empty: every package.
    pub packages: Vec<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// After this instant it is no exception any more.
    pub until: Timestamp,
    /// Seconds between reviews, where asked for.
    pub review_every: Option<u64>,
    /// When it was last looked at.
    pub reviewed: Option<Timestamp>,
}

/// A vulnerability in a package of an inventory.
///
/// Other kinds of finding (misconfiguration, secrets, licences) get their own payload when their rooms come.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub vulnerability: Vulnerability,
    /// Which package has it.
    pub package: PackageIndex,
    /// Severity that the gate uses: the vendor's first.
    pub severity: Severity,
    /// The source that this severity is of; a key of `vulnerability.severities`.
    pub severity_source: Option<String>,
    /// State of the repair.
    pub status: Status,
    /// What to upgrade to.
    pub fix: Fix,
    /// Ids under which the vendor published the advisory (DSA, RHSA, ...).
    pub vendor_ids: Vec<String>,
    /// Who published the advisory that matched.
    pub data_source: DataSource,
    /// A malicious package (OSV `MAL-`): always critical, and never hidden for want of a fix.
    pub malicious: bool,
    /// How we came to it.
    pub why: Why,
    /// Set when something took it out of the gate's sight.
    pub suppressed: Option<Suppression>,
}
