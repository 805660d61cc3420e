//! `spec.vulnerabilities` on findings, and the decision.

use jiff::SignedDuration;
use signet_model::{
    Decision, Digest, ExceptionReport, ExceptionState, JudgedFinding, NotJudged, RuleHit, RuleResult, Timestamp,
    Verdict,
};

use super::document::{TrustPolicy, VulnerabilitySection};
use super::exception;
use crate::duration::format_duration;
use crate::expr::{FindingData, Missing, Outcome, Program};

const DENY: &str = "vulnerabilities.deny";
const ACCEPT: &str = "vulnerabilities.accept";
const WARN: &str = "vulnerabilities.warn";
const MAX_AGE: &str = "vulnerabilities.maxAge";
const EXCEPTIONS: &str = "vulnerabilities.exceptions";

/// Clocks differ; what is dated further ahead than this is not believed.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How old a source of data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedAge {
    /// Name for people: `debian`, `epss`, `scan`.
    pub name: String,
    /// When it was published or made; `None` if that is not known, which counts as too old.
    pub updated: Option<Timestamp>,
    /// The variables that it provides (`epss`, `kev`). Too old, it makes them unknown. Empty for what the findings themselves come from
    /// (advisories, the scan): too old, nothing can be judged.
    pub provides: Vec<String>,
}

/// What the section makes of the findings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The worst of all.
    pub verdict: Verdict,
    /// Every rule of the section.
    pub rules: Vec<RuleResult>,
    /// Every finding, in the order given.
    pub findings: Vec<JudgedFinding>,
    /// Every exception, in its order.
    pub exceptions: Vec<ExceptionReport>,
}

impl TrustPolicy {
    /// The decision on an artifact with these findings. `looked_at` is the evidence that they come from.
    ///
    /// A policy without `vulnerabilities` allows, and lists what was not judged: whoever asks for all of it must look there.
    pub fn decide(
        &self,
        findings: &[FindingData],
        now: Timestamp,
        feeds: &[FeedAge],
        looked_at: &[Digest],
    ) -> Decision {
        let judgement = match &self.vulnerabilities {
            Some(section) => evaluate_vulnerabilities(section, findings, now, feeds),
            None => Judgement::default(),
        };
        let mut rules = judgement.rules;
        rules.iter_mut().for_each(|rule| rule.looked_at = looked_at.to_vec());
        Decision {
            policy: self.name.clone(),
            policy_digest: None,
            databases: Vec::new(),
            mode: self.mode,
            judged: judgement.verdict,
            verdict: self.mode.apply(judgement.verdict),
            rules,
            findings: judgement.findings,
            exceptions: judgement.exceptions,
            not_judged: self
                .unjudged_sections()
                .into_iter()
                .map(|section| NotJudged { section: section.to_owned(), why: "this gate does not judge it".to_owned() })
                .collect(),
        }
    }
}

/// Judges findings. What cannot be told counts against the artifact: an unknown `deny` denies, an unknown `warn` warns, an unknown `accept`
/// accepts nothing, and both name what is missing. Order: exceptions, `deny`, `accept`, `warn`.
pub fn evaluate_vulnerabilities(
    section: &VulnerabilitySection,
    findings: &[FindingData],
    now: Timestamp,
    feeds: &[FeedAge],
) -> Judgement {
    let mut judge = Judge {
        section,
        now,
        deny: rule(DENY, section.deny.as_ref()),
        accept: rule(ACCEPT, None),
        warn: rule(WARN, section.warn.as_ref()),
        covered: rule(EXCEPTIONS, None),
        exceptions: section
            .exceptions
            .iter()
            .map(|exception| ExceptionReport {
                exception: exception.clone(),
                state: if exception::expired(exception, now) { ExceptionState::Expired } else { ExceptionState::Stale },
                overdue: exception::overdue(exception, now),
                findings: Vec::new(),
            })
            .collect(),
    };
    let mut max_age = rule(MAX_AGE, None);
    let withdrawn = ages(section.max_age, now, feeds, &mut max_age);
    let judged: Vec<JudgedFinding> = findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            if withdrawn.is_empty() {
                return judge.finding(index, finding);
            }
            let mut finding = finding.clone();
            withdrawn.iter().for_each(|(name, reason)| finding.withdraw(name, reason));
            judge.finding(index, &finding)
        })
        .collect();
    let Judge { deny, accept, warn, covered, exceptions, .. } = judge;
    let rules: Vec<RuleResult> = [
        (section.max_age.is_some(), max_age, "update the feeds, or scan again"),
        (!exceptions.is_empty(), covered, "review the exceptions that are due, and write the day into `reviewed`"),
        (
            section.deny.is_some(),
            deny,
            "upgrade to a version that repairs it, or record an exception with owner, reason and end; where data is missing, provide it",
        ),
        (!section.accept.is_empty(), accept, "look at them again at every review: there may be a fix now"),
        (section.warn.is_some(), warn, "upgrade when you can"),
    ]
    .into_iter()
    .filter(|(there, ..)| *there)
    .map(|(_, mut rule, remedy)| {
        rule.verdict = rule.hits.iter().map(|hit| hit.verdict).max().unwrap_or_default();
        rule.remedy = (rule.verdict > Verdict::Allow).then(|| remedy.to_owned());
        rule
    })
    .collect();
    let verdict = rules.iter().map(|rule| rule.verdict).max().unwrap_or_default();
    Judgement { verdict, rules, findings: judged, exceptions }
}

fn rule(name: &str, program: Option<&Program>) -> RuleResult {
    RuleResult {
        rule: name.to_owned(),
        expression: program.map(|program| program.source().to_owned()),
        ..RuleResult::default()
    }
}

/// Looks at the ages: variables to withdraw, with the reason; what concerns the findings themselves becomes a denial.
fn ages(
    allowed: Option<SignedDuration>,
    now: Timestamp,
    feeds: &[FeedAge],
    rule: &mut RuleResult,
) -> Vec<(String, String)> {
    let Some(allowed) = allowed else { return Vec::new() };
    rule.expression = Some(format_duration(allowed));
    rule.examined = feeds.len();
    let mut withdrawn = Vec::new();
    let mut deny = |subject: &str, why: String| {
        let missing = vec![subject.to_owned()];
        rule.hits.push(RuleHit { finding: None, subject: subject.to_owned(), verdict: Verdict::Deny, why, missing });
    };
    // When the scan was made says nothing of what it was made with.
    if !feeds.iter().any(|feed| feed.provides.is_empty() && feed.name != "scan") {
        deny("advisories", "the age of the advisories is not known".to_owned());
    }
    for feed in feeds {
        let why = match feed.updated {
            None => format!("the age of `{}` is not known", feed.name),
            Some(updated) => {
                let age = now.duration_since(updated);
                if age > allowed {
                    format!(
                        "`{}` is {} old, more than the {} allowed",
                        feed.name,
                        rounded(age),
                        format_duration(allowed)
                    )
                } else if age < -SKEW {
                    format!("`{}` is dated in the future", feed.name)
                } else {
                    continue;
                }
            }
        };
        if feed.provides.is_empty() {
            deny(&feed.name, why);
        } else {
            withdrawn.extend(feed.provides.iter().map(|name| (name.clone(), why.clone())));
        }
    }
    withdrawn
}

/// Whole hours, or minutes below: ages are for people.
fn rounded(age: SignedDuration) -> String {
    let seconds = age.as_secs();
    let unit = if seconds >= 3_600 { 3_600 } else { 60 };
    format_duration(SignedDuration::from_secs(seconds - seconds % unit))
}

struct Judge<'s> {
    section: &'s VulnerabilitySection,
    now: Timestamp,
    deny: RuleResult,
    accept: RuleResult,
    warn: RuleResult,
    covered: RuleResult,
    exceptions: Vec<ExceptionReport>,
}

impl Judge<'_> {
    fn finding(&mut self, index: usize, finding: &FindingData) -> JudgedFinding {
        let subject = subject(finding);
        let (covering, expired) = self.exception(index, finding);
        if let Some(covering) = covering {
            return self.excepted(index, subject, covering);
        }
        if let Some(program) = &self.section.deny {
            let outcome = program.evaluate(finding);
            if let Some(mut why) = reason(&outcome) {
                if let Some(end) = expired {
                    why = format!("{why}; the exception for it expired on {}", end.strftime("%Y-%m-%d"));
                }
                return hit(&mut self.deny, index, subject, Verdict::Deny, why, &outcome);
            }
            self.deny.examined += 1;
        }
        for acceptance in &self.section.accept {
            let outcome = acceptance.when.evaluate(finding);
            if outcome == Outcome::True {
                let verdict = if acceptance.alert { Verdict::Warn } else { Verdict::Allow };
                let every = format_duration(acceptance.review_every);
                let why = format!("accepted, to be reviewed every {every}: {}", acceptance.reason);
                return hit(&mut self.accept, index, subject, verdict, why, &outcome);
            }
        }
        self.accept.examined += usize::from(!self.section.accept.is_empty());
        if let Some(program) = &self.section.warn {
            let outcome = program.evaluate(finding);
            if let Some(why) = reason(&outcome) {
                return hit(&mut self.warn, index, subject, Verdict::Warn, why, &outcome);
            }
            self.warn.examined += 1;
        }
        JudgedFinding { subject, why: "no rule objects".to_owned(), ..JudgedFinding::default() }
    }

    /// The exception that covers the finding (one that is not overdue first), and the end of one that did.
    fn exception(&mut self, index: usize, finding: &FindingData) -> (Option<usize>, Option<Timestamp>) {
        let mut covering: Option<(bool, usize)> = None;
        let mut expired = None;
        for (place, report) in self.exceptions.iter_mut().enumerate() {
            if !exception::names(&report.exception, finding) {
                continue;
            }
            report.findings.push(index);
            if exception::expired(&report.exception, self.now) {
                // A day's end is stored as the next midnight: its last moment is what people wrote.
                let last = report.exception.until.checked_sub(SignedDuration::from_nanos(1));
                expired = expired.max(Some(last.unwrap_or(report.exception.until)));
            } else {
                report.state = ExceptionState::Applied;
                let candidate = (report.overdue, place);
                covering = Some(covering.map_or(candidate, |best| best.min(candidate)));
            }
        }
        (covering.map(|(_, place)| place), expired)
    }

    fn excepted(&mut self, index: usize, subject: String, place: usize) -> JudgedFinding {
        self.covered.examined += 1;
        let Some(report) = self.exceptions.get(place) else {
            return JudgedFinding { subject, ..JudgedFinding::default() };
        };
        let (verdict, review) =
            if report.overdue { (Verdict::Warn, "; its review is overdue") } else { (Verdict::Allow, "") };
        let why = format!("excepted by {}: {}{review}", report.exception.owner, report.exception.reason);
        let hit =
            RuleHit { finding: Some(index), subject: subject.clone(), verdict, why: why.clone(), missing: Vec::new() };
        self.covered.hits.push(hit);
        JudgedFinding { subject, verdict, rule: Some(EXCEPTIONS.to_owned()), exception: Some(place), why }
    }
}

fn hit(
    rule: &mut RuleResult,
    index: usize,
    subject: String,
    verdict: Verdict,
    why: String,
    outcome: &Outcome,
) -> JudgedFinding {
    let missing = match outcome {
        Outcome::Unknown(missing) => missing.iter().map(|missing| missing.name.clone()).collect(),
        _ => Vec::new(),
    };
    rule.examined += 1;
    rule.hits.push(RuleHit { finding: Some(index), subject: subject.clone(), verdict, why: why.clone(), missing });
    JudgedFinding { subject, verdict, rule: Some(rule.rule.clone()), exception: None, why }
}

/// Why a rule acts; `None` only for a certain "no".
fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::False => None,
        Outcome::True => Some("the rule holds".to_owned()),
        Outcome::Unknown(missing) => {
            let one = |missing: &Missing| format!("`{}` ({})", missing.name, missing.reason);
            Some(format!("it cannot be told without {}", missing.iter().map(one).collect::<Vec<_>>().join(", ")))
        }
        Outcome::Error(error) => Some(format!("the rule failed: {}", error.message)),
    }
}

fn subject(finding: &FindingData) -> String {
    let id = finding.id.as_deref().unwrap_or("a finding without id");
    let package = finding.purl.as_deref().or(finding.package.as_deref());
    package.map_or_else(|| id.to_owned(), |package| format!("{id} in {package}"))
}
