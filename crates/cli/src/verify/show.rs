//! The result, for people and as JSON: of each candidate what was checked, what was not, and which check failed.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use signet_trust::slsa::Build;
use signet_trust::{Check, Envelope, Evidence, Layout, Outcome, Signature, Signed, Verified, VerifyError};

use super::args::ShowArgs;
use super::discover::Pinned;
use super::judge::{Judged, Unmet, Verdict, Wanted};
use super::{Subject, signer};
use crate::exit::Exit;
use crate::output;

/// One candidate's result.
pub(crate) struct Row {
    /// Where it lay.
    pub(crate) place: String,
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// The candidate as it came, when it came from a registry.
    pub(crate) candidate: Option<super::discover::Candidate>,
    /// The statement's bytes, which count once the candidate verifies.
    pub(crate) payload: Option<Vec<u8>>,
    /// What its provenance shows.
    pub(crate) build: Option<Build>,
    /// Policies that allow it.
    pub(crate) allowed: Vec<String>,
}

/// All of a verification's result.
pub(crate) struct Shown {
    /// What was asked about, as it was named.
    pub(crate) name: String,
    /// What it was when it was looked at.
    pub(crate) digest: String,
    what: &'static str,
    pub(crate) rows: Vec<Row>,
}

impl Shown {
    pub(crate) fn image(pinned: &Pinned, wanted: &Wanted, judged: Vec<Judged>) -> Shown {
        let rows = judged
            .into_iter()
            .map(|judged| {
                let envelope = judged.candidate.evidence.as_ref().ok().and_then(Evidence::unverified_envelope);
                let payload = envelope.map(|envelope| Envelope::payload(envelope).to_vec());
                let candidate = Some(judged.candidate);
                let place = candidate.as_ref().map(|candidate| candidate.place.clone()).unwrap_or_default();
                Row { place, verdict: judged.verdict, candidate, payload, build: None, allowed: Vec::new() }
            })
            .collect();
        Shown { name: pinned.name(), digest: pinned.digest.to_string(), what: what(wanted), rows }
    }

    pub(crate) fn file(
        name: &str,
        subject: &Subject,
        wanted: &Wanted,
        verdict: Result<Verified<Signature>, VerifyError>,
        payload: Option<Vec<u8>>,
    ) -> Shown {
        let verdict = match verdict {
            Ok(verified) => Verdict::Verified(Box::new(verified)),
            Err(err) => Verdict::Refused(err),
        };
        let place = "file".to_owned();
        let row = Row { place, verdict, candidate: None, payload, build: None, allowed: Vec::new() };
        Shown { name: name.to_owned(), digest: subject.artifact().to_string(), what: what(wanted), rows: vec![row] }
    }

    /// What verified.
    pub(crate) fn verified(&self) -> impl Iterator<Item = (&Row, &Verified<Signature>)> {
        self.rows.iter().filter_map(|row| match &row.verdict {
            Verdict::Verified(verified) => Some((row, verified.as_ref())),
            _ => None,
        })
    }

    /// What was asked for and refused.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&Row, &VerifyError)> {
        self.rows.iter().filter_map(|row| match &row.verdict {
            Verdict::Refused(err) => Some((row, err)),
            _ => None,
        })
    }

    /// What verified and is not what is required.
    pub(crate) fn unfit(&self) -> impl Iterator<Item = (&Row, &[Unmet])> {
        self.rows.iter().filter_map(|row| match &row.verdict {
            Verdict::Unfit(_, unmet) => Some((row, unmet.as_slice())),
            _ => None,
        })
    }

    /// Whether a policy denies one of those that verify. Then all is denied, as Cosign has it: nobody can hide a bad attestation behind a good one.
    pub(crate) fn is_denied(&self) -> bool {
        self.unfit().any(|(_, unmet)| unmet.iter().any(|unmet| unmet.by_policy))
    }

    /// Prints it; success only if something verified and no policy denies it.
    pub(crate) fn finish(&self, args: &ShowArgs) -> Result<Exit> {
        let text = if args.output.as_deref() == Some("json") { format!("{:#}\n", self.json()) } else { self.text() };
        output::to_stdout(text.as_bytes())?;
        Ok(match (self.is_denied(), self.verified().next()) {
            (true, _) => Exit::Denied,
            (false, Some(_)) => Exit::Well,
            (false, None) => Exit::Unverified,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let good = self.verified().count();
        let asked = good + self.refused().count() + self.unfit().count();
        let digest = if self.name.contains(&self.digest) { String::new() } else { format!(" ({})", self.digest) };
        let verdict = match self.is_denied() {
            true => "DENIED by policy",
            false if good > 0 => "verified",
            false => "NOT VERIFIED",
        };
        let _ = writeln!(text, "{}{digest}: {verdict}, {good} of {asked} {}s", clean(&self.name), self.what);
        for row in &self.rows {
            match &row.verdict {
                Verdict::Verified(verified) => {
                    let _ = writeln!(text, "  verified: {} ({})", clean(&row.place), layout(verified.layout));
                    let _ = writeln!(text, "    signed by    {}", clean(&signer(verified)));
                    if let Signed::Statement(statement) = &verified.signed {
                        let _ = writeln!(text, "    type         {}", clean(statement.predicate_type()));
                    }
                    for checked in &verified.report {
                        let (label, detail) = match &checked.outcome {
                            Outcome::Passed(what) => ("checked     ", what),
                            Outcome::NotChecked(why) => ("NOT CHECKED ", why),
                        };
                        let _ = writeln!(text, "    {label} {}: {}", checked.check, clean(detail));
                    }
                    for line in build_lines(row.build.as_ref()) {
                        let _ = writeln!(text, "    {}", clean(&line));
                    }
                    for policy in &row.allowed {
                        let _ = writeln!(text, "    allowed by   {}", clean(policy));
                    }
                }
                Verdict::Refused(err) => {
                    let _ = writeln!(text, "  refused: {}", clean(&row.place));
                    let _ = writeln!(text, "    failed       {}", err.check);
                    let _ = writeln!(text, "    expected     {}", clean(&err.expected));
                    let _ = writeln!(text, "    found        {}", clean(&err.found));
                }
                Verdict::Unfit(verified, unmet) => {
                    let _ = writeln!(text, "  refused: {}", clean(&row.place));
                    let _ = writeln!(text, "    signed by    {}", clean(&signer(verified)));
                    for Unmet { what, expected, found, .. } in unmet {
                        let _ = writeln!(text, "    failed       {}", clean(what));
                        let _ = writeln!(text, "    expected     {}", clean(expected));
                        let _ = writeln!(text, "    found        {}", clean(found));
                    }
                }
                Verdict::Another(kind) => {
                    let _ = writeln!(text, "  left out: {} is {}", clean(&row.place), clean(kind));
                }
            }
        }
        if asked == 0 {
            let other = if self.rows.is_empty() { "" } else { ", of those that were asked for" };
            let _ = writeln!(text, "  there is no {} of it{other}", self.what);
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row_json).collect();
        json!({
            "name": self.name,
            "digest": self.digest,
            "wanted": self.what,
            "verified": self.verified().next().is_some() && !self.is_denied(),
            "candidates": rows,
        })
    }
}

fn row_json(row: &Row) -> Value {
    match &row.verdict {
        Verdict::Verified(verified) => {
            let checks: Vec<Value> = verified
                .report
                .iter()
                .map(|checked| match &checked.outcome {
                    Outcome::Passed(what) => check_json(checked.check, "passed", what),
                    Outcome::NotChecked(why) => check_json(checked.check, "not-checked", why),
                })
                .collect();
            let times: Vec<String> = verified.times.iter().map(ToString::to_string).collect();
            let mut value = json!({
                "place": row.place, "verdict": "verified", "layout": layout(verified.layout), "checks": checks, "times": times,
                "signer": signer_json(verified),
            });
            if let Signed::Statement(statement) = &verified.signed {
                value["statement"] = json!({
                    "predicateType": statement.predicate_type(), "predicate": statement.predicate(),
                });
            }
            if let Some(build) = &row.build {
                value["provenance"] = json!({
                    "level": build.level.number(), "builder": build.builder.to_string(), "source": build.source, "commit": build.commit,
                });
            }
            if !row.allowed.is_empty() {
                value["allowedBy"] = json!(row.allowed);
            }
            value
        }
        Verdict::Unfit(verified, unmet) => {
            let unmet: Vec<Value> = unmet
                .iter()
                .map(|unmet| json!({"requirement": unmet.what, "expected": unmet.expected, "found": unmet.found}))
                .collect();
            json!({"place": row.place, "verdict": "refused", "signer": signer_json(verified), "unmet": unmet})
        }
        Verdict::Refused(err) => json!({
            "place": row.place, "verdict": "refused",
            "failed": {"check": err.check.name(), "expected": err.expected, "found": err.found},
        }),
        Verdict::Another(kind) => json!({"place": row.place, "verdict": "left-out", "is": kind}),
    }
}

/// What a provenance shows, one line a fact.
fn build_lines(build: Option<&Build>) -> Vec<String> {
    let Some(build) = build else { return Vec::new() };
    let mut lines = vec![
        format!("built by     {} (SLSA build level {})", build.builder, build.level.number()),
        format!("built from   {}", build.source),
    ];
    lines.extend(build.commit.as_ref().map(|commit| format!("commit       {commit}")));
    lines
}

fn check_json(check: Check, outcome: &str, detail: &str) -> Value {
    json!({"check": check.name(), "outcome": outcome, "detail": detail})
}

fn signer_json(verified: &Verified<Signature>) -> Value {
    match &verified.certificate {
        Some(certificate) => {
            let names: Vec<&str> = certificate.names().iter().map(signet_trust::SubjectName::value).collect();
            json!({"names": names, "issuer": certificate.claims().issuer})
        }
        None => json!({"key": verified.key.fingerprint().to_string()}),
    }
}

fn what(wanted: &Wanted) -> &'static str {
    match wanted {
        Wanted::Signature(_) => "signature",
        Wanted::Attestation(_) => "attestation",
    }
}

fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::Bundle01 => "Sigstore bundle 0.1",
        Layout::Bundle02 => "Sigstore bundle 0.2",
        Layout::Bundle03 => "Sigstore bundle 0.3",
        Layout::SimpleSigning => "simple signing",
        Layout::Attestation => "attestation layer",
        Layout::BlobBundle => "blob bundle of Cosign before 3",
        Layout::Detached => "detached signature",
        Layout::EnvelopeWithCertificate => "envelope with certificate",
        Layout::Envelope => "envelope",
    }
}

/// Text from outside, without what moves the cursor.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
