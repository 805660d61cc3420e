//! Decisions and facts as JSON. One spelling for each value: keys are sorted, times are RFC 3339, digests are `sha256:...`.

use serde_json::{Map, Value, json};
use signet_model::{Digest, RuleResult, Timestamp};

use super::check_data::CheckData;
use super::decision::{Decision, OverrideReport, Reason, Ruling, Scanned};
use super::document::{Authority, KeySource};
use super::evaluate::FeedAge;
use super::facts::{Answer, EndOfLife, Origin, Question, Report, Seal, Signer};
use crate::expr::FindingData;

/// Version of the form. Another meaning is another number.
const VERSION: u32 = 1;

fn texts<T: ToString>(items: &[T]) -> Value {
    items.iter().map(|item| Value::String(item.to_string())).collect()
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

fn digest(of: Option<Digest>) -> Value {
    of.map_or(Value::Null, |of| Value::String(of.to_string()))
}

impl Decision {
    /// The decision as JSON: `{"version": 1, "image", "digest", "outcome", "rulings": [..], ..}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": VERSION,
            "image": self.image,
            "digest": digest(self.digest),
            "pin": self.pin,
            "pullIfNotPresent": self.pull_if_not_present,
            "outcome": self.outcome.name(),
            "judged": self.judged.name(),
            "settled": self.settled,
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "policies": self.rulings.iter().map(ruling).collect::<Vec<_>>(),
            "needs": self.needs.iter().map(question).collect::<Vec<_>>(),
            "facts": self.facts.to_string(),
            "at": self.at.to_string(),
        })
    }
}

fn ruling(of: &Ruling) -> Value {
    json!({
        "policy": of.policy,
        "content": of.content.to_string(),
        "mode": of.mode.name(),
        "judged": of.judged.name(),
        "outcome": of.outcome.name(),
        "reasons": of.reasons.iter().map(reason).collect::<Vec<_>>(),
        "vulnerabilities": of.vulnerabilities.iter().map(scanned).collect::<Vec<_>>(),
        "overrides": of.overrides.iter().map(override_report).collect::<Vec<_>>(),
        "notJudged": of.not_judged.iter().map(|found| json!({"section": found.section, "why": found.why})).collect::<Vec<_>>(),
    })
}

fn reason(of: &Reason) -> Value {
    json!({
        "section": of.section,
        "rule": of.rule,
        "place": of.place.map(|place| json!({"line": place.line, "column": place.column})),
        "verdict": of.verdict.name(),
        "subject": of.subject,
        "lookedAt": texts(&of.looked_at),
        "found": of.found,
        "missing": of.missing,
        "remedy": of.remedy,
        "overridden": of.overridden,
    })
}

fn scanned(of: &Scanned) -> Value {
    let rule = |rule: &RuleResult| {
        json!({
            "rule": rule.rule,
            "expression": rule.expression,
            "verdict": rule.verdict.name(),
            "examined": rule.examined,
            "hits": rule.hits.iter().map(|hit| json!({
                "subject": hit.subject, "verdict": hit.verdict.name(), "why": hit.why, "missing": hit.missing,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "digest": of.digest.to_string(),
        "report": of.report.to_string(),
        "from": of.from,
        "rules": of.judgement.rules.iter().map(rule).collect::<Vec<_>>(),
        "exceptions": of.judgement.exceptions.iter().map(|report| json!({
            "ids": report.exception.ids, "owner": report.exception.owner, "until": report.exception.until.to_string(),
            "state": report.state.name(), "overdue": report.overdue,
        })).collect::<Vec<_>>(),
    })
}

fn override_report(of: &OverrideReport) -> Value {
    json!({
        "name": of.name,
        "content": of.content.to_string(),
        "signers": of.signers.iter().map(signer).collect::<Vec<_>>(),
        "until": of.until.to_string(),
        "reason": of.reason,
        "applied": of.refused.is_none(),
        "refused": of.refused,
    })
}

fn signer(of: &Signer) -> Value {
    match of {
        Signer::Keyless { issuer, subject } => json!({"issuer": issuer, "subject": subject}),
        Signer::Key { fingerprint, source } => json!({"key": fingerprint.to_string(), "from": key_source(source)}),
    }
}

fn key_source(of: &KeySource) -> Value {
    match of {
        KeySource::File(file) => json!({"file": file}),
        KeySource::Pem(pem) => json!({"pem": pem}),
    }
}

fn authority(of: &Authority) -> Value {
    match of {
        Authority::Keyless { issuer, subject } => json!({"issuer": issuer, "subject": subject}),
        Authority::Key(source) => key_source(source),
    }
}

fn authorities(of: &[Authority]) -> Vec<Value> {
    of.iter().map(authority).collect()
}

fn seal(of: &Seal) -> Value {
    json!({"evidence": of.evidence.to_string(), "signer": signer(&of.signer), "signedAt": time(of.signed_at)})
}

/// A question as JSON: `{"question": KIND, ..}`.
pub(super) fn question(of: &Question) -> Value {
    match of {
        Question::Digest { reference } => json!({"question": "digest", "reference": reference}),
        Question::Manifests { name, digest } => {
            json!({"question": "manifests", "name": name, "digest": digest.to_string()})
        }
        Question::Serves { name, digest } => {
            json!({"question": "serves", "name": name, "digest": digest.to_string()})
        }
        Question::Signatures { name, digest, authorities: who } => json!({
            "question": "signatures", "name": name, "digest": digest.to_string(), "authorities": authorities(who),
        }),
        Question::Summaries { name, digest, authorities: who } => json!({
            "question": "summaries", "name": name, "digest": digest.to_string(), "authorities": authorities(who),
        }),
        Question::Provenance { name, digest } => {
            json!({"question": "provenance", "name": name, "digest": digest.to_string()})
        }
        Question::Sboms { name, digest, authorities: who } => json!({
            "question": "sboms", "name": name, "digest": digest.to_string(), "authorities": authorities(who),
        }),
        Question::Findings { name, digest, what, from } => {
            let from = match from {
                Origin::Sealed(who) => json!({"sealed": authorities(who)}),
                Origin::Sbom(sbom) => json!({"sbom": sbom.to_string()}),
                Origin::Scan => json!("scan"),
            };
            json!({"question": "findings", "name": name, "digest": digest.to_string(), "what": what.name(), "from": from})
        }
        Question::Base { name, digest } => json!({"question": "base", "name": name, "digest": digest.to_string()}),
        Question::Running { name, workload } => json!({"question": "running", "name": name, "workload": workload}),
    }
}

/// A question with its answer.
pub(super) fn fact((asked, answer): (&Question, &Answer)) -> Value {
    json!([question(asked), self::answer(answer)])
}

fn answer(of: &Answer) -> Value {
    match of {
        Answer::Digest(digest) => json!({"digest": digest.to_string()}),
        Answer::Manifests(manifests) => manifests
            .iter()
            .map(|found| {
                json!({"digest": found.digest.to_string(), "platform": found.platform, "created": time(found.created)})
            })
            .collect(),
        Answer::Signatures(seals) => seals.iter().map(seal).collect(),
        Answer::Summaries(summaries) => summaries
            .iter()
            .map(|found| {
                json!({
                    "seal": seal(&found.seal), "verifier": found.verifier, "resource": found.resource, "policy": digest(found.policy),
                    "result": found.result, "levels": found.levels, "verifiedAt": time(found.verified_at),
                })
            })
            .collect(),
        Answer::Provenance(builds) => builds
            .iter()
            .map(|build| {
                json!({"seal": seal(&build.seal), "builder": build.builder, "source": build.source, "level": build.level})
            })
            .collect(),
        Answer::Sboms(sboms) => sboms
            .iter()
            .map(|sbom| {
                json!({
                    "content": sbom.content.to_string(), "seal": sbom.seal.as_ref().map(seal), "format": sbom.format,
                    "madeAt": time(sbom.made_at),
                })
            })
            .collect(),
        Answer::Vulnerabilities(reports) => reports.iter().map(|found| report(found, finding)).collect(),
        Answer::Checks(reports) => reports.iter().map(|found| report(found, check)).collect(),
        Answer::Base(base) => {
            let end = match &base.end_of_life {
                EndOfLife::None => json!("none"),
                EndOfLife::At(at) => json!({"at": at.to_string()}),
                EndOfLife::Unknown(why) => json!({"unknown": why}),
            };
            json!({"content": base.content.to_string(), "name": base.name, "proven": base.proven, "endOfLife": end})
        }
        Answer::Running(running) => running
            .iter()
            .map(|found| json!({"digest": found.digest.to_string(), "created": time(found.created)}))
            .collect(),
        Answer::Unknown(why) => json!({"unknown": why}),
    }
}

fn report<T>(of: &Report<T>, finding: fn(&T) -> Value) -> Value {
    let feed = |feed: &FeedAge| json!({"name": feed.name, "updated": time(feed.updated), "provides": feed.provides});
    json!({
        "content": of.content.to_string(),
        "seal": of.seal.as_ref().map(seal),
        "madeAt": time(of.made_at),
        "feeds": of.feeds.iter().map(feed).collect::<Vec<_>>(),
        "databases": texts(&of.databases),
        "incomplete": of.incomplete,
        "findings": of.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// What is not known is left out.
fn known(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn finding(of: &FindingData) -> Value {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    // Not a number has no JSON; its bits say all.
    let number = |number: Option<f64>| number.map(|number| json!(format!("{number:?}")));
    known([
        ("severity", of.severity.map(|severity| json!(severity.name()))),
        ("fixed", of.fixed.map(Value::Bool)),
        ("status", of.status.map(|status| json!(status.name()))),
        ("kev", of.kev.map(Value::Bool)),
        ("epss", number(of.epss)),
        ("cvss", number(of.cvss)),
        ("age", of.age.map(|age| json!(age.to_string()))),
        ("package", text(&of.package)),
        ("version", text(&of.version)),
        ("purl", text(&of.purl)),
        ("path", text(&of.path)),
        ("layer", text(&of.layer)),
        ("base", of.base.map(Value::Bool)),
        ("id", text(&of.id)),
        ("aliases", of.aliases.as_ref().map(|ids| json!(ids))),
        ("loaded", of.loaded.map(Value::Bool)),
        ("malicious", of.malicious.map(Value::Bool)),
        ("missing", (!of.missing.is_empty()).then(|| json!(of.missing))),
    ])
}

fn check(of: &CheckData) -> Value {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    known([
        ("severity", of.severity.map(|severity| json!(severity.name()))),
        ("id", text(&of.id)),
        ("title", text(&of.title)),
        ("path", text(&of.path)),
        ("layer", text(&of.layer)),
        ("base", of.base.map(Value::Bool)),
        ("verified", of.verified.map(Value::Bool)),
        ("confidence", text(&of.confidence)),
        ("type", text(&of.kind)),
        ("missing", (!of.missing.is_empty()).then(|| json!(of.missing))),
    ])
}
