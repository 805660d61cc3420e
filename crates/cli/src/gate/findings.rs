//! What the user wants to see, what must not pass, and who says so.

use anyhow::{Context as _, Result, anyhow, bail};
use signet_model::{Decision, Finding, Severity, Status, Suppression, SuppressionKind, Timestamp};
use signet_policy::expr::{FindingData, Outcome, Program, finding_environment, render_all};
use signet_policy::trust_policy::{FeedAge, TrustPolicy, builtin};

use crate::report::Report;

/// `--severity`, `--ignore-unfixed`, `--ignore-status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    severities: Option<Vec<Severity>>,
    ignore_unfixed: bool,
    statuses: Vec<Status>,
}

impl Filters {
    /// Reads the flags.
    pub(crate) fn parse(severities: &[String], ignore_unfixed: bool, statuses: &[String]) -> Result<Filters> {
        let severities: Vec<Severity> =
            severities.iter().map(|word| word.trim().parse::<Severity>()).collect::<Result<_, _>>()?;
        let statuses = statuses
            .iter()
            .map(|word| {
                Status::from_name(word.trim()).with_context(|| {
                    let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
                    format!("`{word}` is no status: {}", names.join(", "))
                })
            })
            .collect::<Result<_>>()?;
        Ok(Filters { severities: (!severities.is_empty()).then_some(severities), ignore_unfixed, statuses })
    }

    /// The severities that are wanted, where not all are.
    pub(crate) fn severities(&self) -> Option<&[Severity]> {
        self.severities.as_deref()
    }

    /// Marks what the filters leave out. A malicious package has no fix but its removal, so a filter for fixes never hides it.
    pub(crate) fn apply(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
            let unfixed = finding.fix.versions.is_empty() && !finding.malicious;
            let reason = if self.severities.as_ref().is_some_and(|wanted| !wanted.contains(&finding.severity)) {
                "--severity"
            } else if self.ignore_unfixed && unfixed {
                "--ignore-unfixed"
            } else if self.statuses.contains(&finding.status) && !finding.malicious {
                "--ignore-status"
            } else {
                continue;
            };
            finding.suppressed = Some(Suppression {
                kind: SuppressionKind::Filter,
                source: reason.to_owned(),
                status: "filtered".to_owned(),
                statement: None,
            });
        }
    }
}

/// `--fail-on EXPR`.
#[derive(Clone, Debug)]
pub(crate) struct Threshold(Program);

impl Threshold {
    /// Compiles the expression; what is wrong with it is shown under its text.
    pub(crate) fn parse(source: &str) -> Result<Threshold> {
        match Program::compile(source, &finding_environment()) {
            Ok(program) => Ok(Threshold(program)),
            Err(diagnostics) => bail!("`--fail-on` cannot be read\n{}", render_all(&diagnostics, source).trim_end()),
        }
    }

    /// The text.
    pub(crate) fn source(&self) -> &str {
        self.0.source()
    }

    /// For each finding at or above the threshold a line. What cannot be told counts as above, and says what is missing.
    pub(crate) fn hits(&self, report: &Report, now: Timestamp) -> Vec<String> {
        report
            .active()
            .filter_map(|finding| {
                let package = report.package(finding.package);
                let subject = format!("{} in {} {}", finding.vulnerability.id, package.name, package.version);
                match self.0.evaluate(&data(report, finding, now)) {
                    Outcome::False => None,
                    Outcome::True => Some(subject),
                    Outcome::Unknown(missing) => {
                        let missing: Vec<String> =
                            missing.iter().map(|missing| format!("`{}`: {}", missing.name, missing.reason)).collect();
                        Some(format!("{subject}: cannot be told, {}", missing.join("; ")))
                    }
                    Outcome::Error(err) => Some(format!("{subject}: the expression failed: {err}")),
                }
            })
            .collect()
    }
}

/// The policy that `--policy` names.
pub(crate) fn policy(name: &str) -> Result<TrustPolicy> {
    if name.starts_with("builtin:") {
        return builtin(name).ok_or_else(|| {
            crate::usage(crate::hint(
                anyhow!("there is no policy `{name}` in the program"),
                "there is `builtin:recommended`",
            ))
        });
    }
    let text = std::fs::read_to_string(name)
        .with_context(|| format!("cannot read the policy `{name}`"))
        .map_err(|err| crate::hint(err, "give the file of a TrustPolicy, or `builtin:recommended`"))?;
    TrustPolicy::parse(&text).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|err| format!("  {name}:{err}")).collect();
        anyhow!("the policy `{name}` cannot be used\n{}", lines.join("\n"))
    })
}

/// Whether the suppression is one of [`Filters`].
fn is_of_the_view(suppression: &Suppression) -> bool {
    suppression.kind == SuppressionKind::Filter && suppression.source.starts_with("--")
}

/// What the policy says of the report.
pub(crate) fn judge(policy: &TrustPolicy, report: &Report, now: Timestamp) -> Decision {
    let (findings, feeds) = judged(report, now);
    let looked_at: Vec<_> = report.digest().into_iter().collect();
    let mut decision = policy.decide(&findings, now, &feeds, &looked_at);
    decision.databases = report.database.iter().map(|database| database.digest).collect();
    decision
}

/// The findings that policies judge, and how old what they come from is.
pub(crate) fn judged(report: &Report, now: Timestamp) -> (Vec<FindingData>, Vec<FeedAge>) {
    // What the user does not want to *see* (`--severity`, `--ignore-unfixed`) takes nothing away from what must hold.
    let judged = report.findings.iter().filter(|finding| finding.suppressed.as_ref().is_none_or(is_of_the_view));
    let findings: Vec<FindingData> = judged.map(|finding| data(report, finding, now)).collect();
    let mut feeds = Vec::new();
    if let Some(database) = &report.database {
        for feed in &database.feeds {
            let provides = match feed.name.as_str() {
                "kev" => vec!["kev".to_owned()],
                "epss" => vec!["epss".to_owned()],
                _ => Vec::new(),
            };
            feeds.push(FeedAge { name: feed.name.clone(), updated: feed.data_time, provides });
        }
    }
    (findings, feeds)
}

/// A finding as expressions see it. What is not known stays unknown; "not in the catalogue" is known only when the catalogue was read.
pub(crate) fn data(report: &Report, finding: &Finding, now: Timestamp) -> FindingData {
    let package = report.package(finding.package);
    let purl = package.purl(report.inventory.distro.as_ref()).map(|purl| purl.to_string());
    let mut data = FindingData::of(finding, package, purl, now);
    let has_feed = |name: &str| {
        report.database.as_ref().is_some_and(|database| database.feeds.iter().any(|feed| feed.name == name))
    };
    if data.kev.is_none() && has_feed("kev") {
        data.kev = Some(false);
    }
    data.base = report.inherited(finding.package);
    data
}
