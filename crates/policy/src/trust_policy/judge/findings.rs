//! Sections about what is in an image: `vulnerabilities`, `secrets`, `config`.
//!
//! Sealed findings within `maxAge`, else the sealed SBOM matched now, else a scan by image; none of them denies and names what is missing.

use signet_model::{Timestamp, Verdict};

use super::super::check_data::CheckData;
use super::super::decision::{Reason, Scanned};
use super::super::document::CheckRule;
use super::super::evaluate::{FeedAge, SKEW, evaluate_vulnerabilities};
use super::super::facts::{Answer, Manifest, Origin, Question, Report, What};
use super::bench::Told;
use super::case::Case;
use super::evidence::{listed, subject};
use crate::expr::{FindingData, Outcome, Program};

/// A report, and where it is from.
type Found<'a, T> = (&'a Report<T>, &'static str);

impl<'a> Case<'_, '_, 'a> {
    /// Reports of one kind from one place. A report of a whole index says nothing of one of several platforms.
    fn reports<T>(
        &mut self,
        manifest: &Manifest,
        what: What,
        from: &Origin,
        take: impl Fn(&'a Answer) -> Option<&'a [Report<T>]>,
    ) -> Told<Vec<&'a Report<T>>> {
        let mut digests = vec![manifest.digest];
        let is_beside = matches!(from, Origin::Sealed(_));
        if let Told::Known((whole, [_])) = self.bench.manifests()
            && whole != manifest.digest
            && is_beside
        {
            digests.push(whole);
        }
        let mut found = Vec::new();
        for digest in digests {
            let question = Question::Findings { name: self.bench.name.clone(), digest, what, from: from.clone() };
            match self.bench.ask(question, &take) {
                Told::Known(reports) => found.extend(reports),
                Told::Open(what) => return Told::Open(what),
                Told::Unknown(why) => return Told::Unknown(why),
            }
        }
        Told::Known(found)
    }

    /// The report to judge by: the newest of the first place that has one. The error says what was looked for.
    fn report<T>(
        &mut self,
        manifest: &Manifest,
        what: What,
        is_fresh: impl Fn(&Report<T>) -> bool,
        take: impl Fn(&'a Answer) -> Option<&'a [Report<T>]> + Copy,
    ) -> Result<Found<'a, T>, Vec<String>> {
        let mut absent = Vec::new();
        let now = self.bench.now();
        let authorities = self.authorities().to_vec();
        if authorities.is_empty() {
            absent.push(format!("sealed {} (the policy names no authority that could seal them)", what.name()));
        } else {
            match self.reports(manifest, what, &Origin::Sealed(authorities), take) {
                Told::Open(what) => return Err(vec![what]),
                Told::Unknown(why) => absent.push(why),
                Told::Known(all) => {
                    let sealed = all.iter().filter(|report| report.seal.as_ref().is_some_and(|seal| self.counts(seal)));
                    let sealed: Vec<&Report<T>> = sealed.copied().collect();
                    // By a clock that runs ahead it would be the newest for as long as that.
                    let past = sealed.iter().filter(|report| is_past(report.made_at, now)).copied();
                    let past: Vec<&Report<T>> = past.collect();
                    let fresh = past.iter().filter(|report| is_fresh(report)).copied();
                    if let Some(report) = fresh.max_by_key(|report| (report.made_at, report.content)) {
                        return Ok((report, "sealed"));
                    }
                    absent.push(match (all.len(), sealed.len(), past.len()) {
                        (0, ..) => format!("sealed {} of {}", what.name(), subject(manifest)),
                        (_, 0, _) => format!("{} sealed by an authority of the policy", what.name()),
                        (_, _, 0) => format!("sealed {} that are not dated in the future", what.name()),
                        _ => format!("sealed {} that are not too old", what.name()),
                    });
                }
            }
        }
        if what == What::Vulnerabilities {
            match self.sboms(manifest) {
                Told::Open(what) => return Err(vec![what]),
                Told::Unknown(why) => absent.push(why),
                Told::Known(sboms) => {
                    let sealed = sboms.iter().filter(|sbom| {
                        sbom.seal.as_ref().is_some_and(|seal| self.counts(seal)) && is_past(sbom.made_at, now)
                    });
                    match sealed.max_by_key(|sbom| (sbom.made_at, sbom.content)) {
                        None => absent.push("a sealed SBOM".to_owned()),
                        Some(sbom) => match self.reports(manifest, what, &Origin::Sbom(sbom.content), take) {
                            Told::Open(what) => return Err(vec![what]),
                            Told::Unknown(why) => absent.push(why),
                            Told::Known(reports) => match newest(reports, now) {
                                Some(report) => return Ok((report, "sbom")),
                                None => absent.push("the matches of its sealed SBOM".to_owned()),
                            },
                        },
                    }
                }
            }
        }
        match self.reports(manifest, what, &Origin::Scan, take) {
            Told::Open(what) => return Err(vec![what]),
            Told::Unknown(why) => absent.push(why),
            Told::Known(reports) => match newest(reports, now) {
                Some(report) => return Ok((report, "scan")),
                None => absent.push("a scan of the image".to_owned()),
            },
        }
        Err(absent)
    }

    /// `vulnerabilities`.
    pub(super) fn vulnerabilities(&mut self) {
        let Some(section) = &self.policy.vulnerabilities else { return };
        // What only warns when it is known only warns when it is not.
        let is_strict = section.deny.is_some() || section.max_age.is_some();
        let worst = if is_strict { Verdict::Deny } else { Verdict::Warn };
        let rule = if section.deny.is_some() { "vulnerabilities.deny" } else { "vulnerabilities" };
        let Some((_, manifests)) = self.manifests(rule, worst) else { return };
        let now = self.bench.now();
        for manifest in manifests {
            let fresh = |report: &Report<FindingData>| {
                section.max_age.is_none_or(|allowed| {
                    let of_findings =
                        report.feeds.iter().filter(|feed| feed.provides.is_empty()).map(|feed| feed.updated);
                    of_findings.chain([report.made_at]).all(|time| is_within(time, now, allowed))
                })
            };
            let take = |answer: &'a Answer| match answer {
                Answer::Vulnerabilities(reports) => Some(reports.as_slice()),
                _ => None,
            };
            let (report, from) = match self.report(manifest, What::Vulnerabilities, fresh, take) {
                Ok(found) => found,
                Err(absent) => {
                    self.unknown(rule, worst, Some(subject(manifest)), absent);
                    continue;
                }
            };
            if let Some(why) = &report.incomplete {
                self.unknown(rule, worst, Some(subject(manifest)), vec![format!("what was not examined: {why}")]);
            }
            let mut feeds = report.feeds.clone();
            feeds.push(FeedAge { name: "scan".to_owned(), updated: report.made_at, provides: Vec::new() });
            let judgement = evaluate_vulnerabilities(section, &report.findings, now, &feeds);
            let mut looked_at = vec![report.content];
            looked_at.extend(&report.databases);
            let by = match &report.seal {
                Some(seal) if from == "sealed" => format!("sealed findings by {}", seal.signer),
                _ if from == "sbom" => "its sealed SBOM, matched now".to_owned(),
                _ => "a scan".to_owned(),
            };
            for result in &judgement.rules {
                let mut hits: Vec<String> =
                    result.hits.iter().map(|hit| format!("{}: {}", hit.subject, hit.why)).collect();
                hits.dedup();
                let found = match hits.len() {
                    0 => format!("{} examined by {by}, and the rule objects to none", counted(result.examined)),
                    _ => format!("by {by}: {}", listed(hits)),
                };
                // Known, and too bad: an answer cannot change that. Only what hangs on missing data alone is open.
                let is_open = result.hits.iter().all(|hit| !hit.missing.is_empty());
                let missing: Vec<String> = result.hits.iter().flat_map(|hit| hit.missing.clone()).collect();
                let reason = self.reason(&result.rule, result.verdict, found);
                self.reasons.push(Reason {
                    subject: Some(subject(manifest)),
                    looked_at: looked_at.clone(),
                    missing: if is_open { unique(missing) } else { Vec::new() },
                    remedy: result.remedy.clone(),
                    ..reason
                });
            }
            self.scanned.push(Scanned { digest: manifest.digest, report: report.content, from, judgement });
        }
    }

    /// `secrets` and `config`.
    pub(super) fn checks(&mut self) {
        for (what, section) in [(What::Secrets, &self.policy.secrets), (What::Config, &self.policy.config)] {
            let Some(section) = section else { continue };
            if section.deny.is_none() && section.warn.is_none() {
                continue;
            }
            let strict = section.deny.is_some();
            let worst = if strict { Verdict::Deny } else { Verdict::Warn };
            let rule = format!("{}.{}", what.name(), if strict { "deny" } else { "warn" });
            let Some((_, manifests)) = self.manifests(&rule, worst) else { continue };
            for manifest in manifests {
                let take = |answer: &'a Answer| match answer {
                    Answer::Checks(reports) => Some(reports.as_slice()),
                    _ => None,
                };
                match self.report(manifest, what, |_| true, take) {
                    Ok((report, _)) => self.checked(what, section, manifest, report, &rule, worst),
                    Err(absent) => self.unknown(&rule, worst, Some(subject(manifest)), absent),
                }
            }
        }
    }

    fn checked(
        &mut self,
        what: What,
        section: &CheckRule,
        manifest: &Manifest,
        report: &Report<CheckData>,
        rule: &str,
        worst: Verdict,
    ) {
        if let Some(why) = &report.incomplete {
            self.unknown(rule, worst, Some(subject(manifest)), vec![format!("what was not examined: {why}")]);
        }
        for (name, program, verdict) in [("deny", &section.deny, Verdict::Deny), ("warn", &section.warn, Verdict::Warn)]
        {
            let Some(program) = program else { continue };
            let (hits, missing, is_open) = acts_on(program, &report.findings);
            let remedy = match what {
                What::Secrets => "take the secret out of the image and its history, and replace it where it is used",
                _ => "correct the file, and build again",
            };
            let objects = !hits.is_empty();
            let found = if objects {
                listed(hits)
            } else {
                format!("{} examined, and the rule objects to none", counted(report.findings.len()))
            };
            let reason =
                self.reason(&format!("{}.{name}", what.name()), if objects { verdict } else { Verdict::Allow }, found);
            self.reasons.push(Reason {
                subject: Some(subject(manifest)),
                looked_at: vec![report.content],
                missing: if is_open { missing } else { Vec::new() },
                remedy: objects.then(|| remedy.to_owned()),
                ..reason
            });
        }
    }
}

/// What a rule acts on: certain hits, and those that cannot be told. The last says that there are only such.
fn acts_on(program: &Program, findings: &[CheckData]) -> (Vec<String>, Vec<String>, bool) {
    let (mut hits, mut missing, mut is_open) = (Vec::new(), Vec::new(), true);
    for finding in findings {
        match program.evaluate(finding) {
            Outcome::False => {}
            Outcome::True => {
                is_open = false;
                hits.push(finding.subject());
            }
            Outcome::Unknown(terms) => {
                let names: Vec<String> =
                    terms.into_iter().map(|term| format!("`{}` ({})", term.name, term.reason)).collect();
                hits.push(format!("{}: it cannot be told without {}", finding.subject(), names.join(", ")));
                missing.extend(names);
            }
            Outcome::Error(err) => {
                is_open = false;
                hits.push(format!("{}: the rule failed: {}", finding.subject(), err.message));
            }
        }
    }
    (hits, unique(missing), is_open)
}

fn newest<T>(reports: Vec<&Report<T>>, now: Timestamp) -> Option<&Report<T>> {
    reports
        .into_iter()
        .filter(|report| is_past(report.made_at, now))
        .max_by_key(|report| (report.made_at, report.content))
}

/// Whether something was made by now, as far as clocks agree. What bears no date says nothing of the future.
fn is_past(time: Option<Timestamp>, now: Timestamp) -> bool {
    time.is_none_or(|time| now.duration_since(time) >= -SKEW)
}

fn is_within(time: Option<Timestamp>, now: Timestamp, allowed: jiff::SignedDuration) -> bool {
    time.is_some_and(|time| {
        let age = now.duration_since(time);
        age <= allowed && age >= -SKEW
    })
}

fn unique(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

fn counted(number: usize) -> String {
    if number == 1 { "1 finding was".to_owned() } else { format!("{number} findings were") }
}
