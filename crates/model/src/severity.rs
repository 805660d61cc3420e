//! How bad a finding is said to be.

use std::fmt;
use std::str::FromStr;

/// Severity on the scale that every gate uses. Ordered: `unknown < low < medium < high < critical`.
///
/// Finer scales of a source (Debian's `unimportant`, Ubuntu's and Grype's `negligible`) are folded into `Low` here and kept as text beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Severity {
    #[default]
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Severity; 5] =
        [Severity::Unknown, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Lower-case name, as in expressions and in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Unknown => "unknown",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Upper-case name, as Trivy prints it.
    pub fn upper(self) -> &'static str {
        match self {
            Severity::Unknown => "UNKNOWN",
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        }
    }

    /// The rating of a CVSS base score. Source: CVSS 3.1 specification, section 5; the same for 4.0. 0.0 is `None` there, `Unknown` here.
    pub fn from_cvss(score: f64) -> Severity {
        match score {
            s if s >= 9.0 => Severity::Critical,
            s if s >= 7.0 => Severity::High,
            s if s >= 4.0 => Severity::Medium,
            s if s > 0.0 => Severity::Low,
            _ => Severity::Unknown,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no severity: unknown, low, medium, high or critical")]
pub struct SeverityError(String);

impl FromStr for Severity {
    type Err = SeverityError;

    /// Any case. Only the five words.
    fn from_str(text: &str) -> Result<Severity, SeverityError> {
        Severity::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| SeverityError(text.to_owned()))
    }
}
