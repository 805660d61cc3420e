//! The result, for people and as JSON: of each candidate what was checked, what was not, and which check failed.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use signet_trust::{Check, Layout, Outcome, Signature, Signed, Verified, VerifyError};

use super::args::ShowArgs;
use super::discover::Pinned;
use super::judge::{Judged, Verdict, Wanted};
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
            .map(|judged| Row {
                place: judged.candidate.place.clone(),
                verdict: judged.verdict,
                candidate: Some(judged.candidate),
            })
            .collect();
        Shown { name: pinned.reference.familiar(), digest: pinned.digest.to_string(), what: what(wanted), rows }
    }

    pub(crate) fn file(
        name: &str,
        subject: &Subject,
        wanted: &Wanted,
        verdict: Result<Verified<Signature>, VerifyError>,
    ) -> Shown {
        let verdict = match verdict {
            Ok(verified) => Verdict::Verified(Box::new(verified)),
            Err(err) => Verdict::Refused(err),
        };
        let row = Row { place: "file".to_owned(), verdict, candidate: None };
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

    /// Prints it; success only if something verified.
    pub(crate) fn finish(&self, args: &ShowArgs) -> Result<Exit> {
        let text = if args.output.as_deref() == Some("json") { format!("{:#}\n", self.json()) } else { self.text() };
        output::to_stdout(text.as_bytes())?;
        Ok(if self.verified().next().is_some() { Exit::Well } else { Exit::Unverified })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let good = self.verified().count();
        let asked = good + self.refused().count();
        let digest = if self.name.contains(&self.digest) { String::new() } else { format!(" ({})", self.digest) };
        let verdict = if good > 0 { "verified" } else { "NOT VERIFIED" };
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
                }
                Verdict::Refused(err) => {
                    let _ = writeln!(text, "  refused: {}", clean(&row.place));
                    let _ = writeln!(text, "    failed       {}", err.check);
                    let _ = writeln!(text, "    expected     {}", clean(&err.expected));
                    let _ = writeln!(text, "    found        {}", clean(&err.found));
                }
                Verdict::Another(kind) => {
                    let _ = writeln!(text, "  left out: {} is {}", clean(&row.place), clean(kind));
                }
            }
        }
        if asked == 0 {
            let _ = writeln!(text, "  there is no {} of it", self.what);
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row_json).collect();
        json!({
            "name": self.name,
            "digest": self.digest,
            "wanted": self.what,
            "verified": self.verified().next().is_some(),
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
            value
        }
        Verdict::Refused(err) => json!({
            "place": row.place, "verdict": "refused",
            "failed": {"check": err.check.name(), "expected": err.expected, "found": err.found},
        }),
        Verdict::Another(kind) => json!({"place": row.place, "verdict": "left-out", "is": kind}),
    }
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
