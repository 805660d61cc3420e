//! Answers as JSON, for those that outlive the process. Read back they are plain values; that they are ours says their MAC.

use serde_json::{Value, json};
use signet_model::{Digest, Timestamp};
use signet_policy::kyverno::verify_images::{Answer, Found};
use signet_policy::trust_policy::KeySource;
use signet_policy::trust_policy::facts::{self, Build, Manifest, Seal, Signer, Summary};

use crate::cache::Told;

/// Version of the form. Another meaning is another number.
const VERSION: u64 = 1;

/// An answer, or nothing for one that is not kept beyond the process.
pub(crate) fn write(told: &Told) -> Option<Value> {
    let (kind, body) = match told {
        Told::Image(Answer::Signed { digest }) => ("signed", json!({"digest": digest})),
        Told::Image(Answer::Statements { digest, statements }) => {
            ("statements", json!({"digest": digest, "statements": statements}))
        }
        Told::Image(Answer::Found(found)) => {
            ("found", json!({"digest": found.digest, "signatures": found.signatures, "statements": found.statements}))
        }
        Told::Image(Answer::Configs(configs)) => ("configs", configs.clone()),
        Told::Question(facts::Answer::Manifests(manifests)) => ("manifests", manifests.iter().map(manifest).collect()),
        Told::Question(facts::Answer::Signatures(seals)) => ("signatures", seals.iter().map(seal).collect()),
        Told::Question(facts::Answer::Summaries(found)) => ("summaries", found.iter().map(summary).collect()),
        Told::Question(facts::Answer::Provenance(builds)) => ("provenance", builds.iter().map(build).collect()),
        Told::Image(Answer::Digest(_) | Answer::Refused(_) | Answer::Unknown(_)) | Told::Question(_) => return None,
    };
    Some(json!({"version": VERSION, "kind": kind, "body": body}))
}

/// The answer; `None` for what is none.
pub(crate) fn read(value: &Value) -> Option<Told> {
    if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return None;
    }
    let body = value.get("body")?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |key: &str| body.get(key).and_then(Value::as_array).cloned();
    Some(match value.get("kind").and_then(Value::as_str)? {
        "signed" => Told::Image(Answer::Signed { digest: text("digest")? }),
        "statements" => Told::Image(Answer::Statements { digest: text("digest")?, statements: list("statements")? }),
        "found" => {
            let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
                Some([shown, statement]) => Some((shown.clone(), statement.clone())),
                _ => None,
            };
            let statements = body.get("statements")?.as_array()?.iter().map(pair).collect::<Option<_>>()?;
            let found = Found { digest: text("digest")?, signatures: list("signatures")?, statements };
            Told::Image(Answer::Found(Box::new(found)))
        }
        "configs" => Told::Image(Answer::Configs(body.clone())),
        "manifests" => Told::Question(facts::Answer::Manifests(all(body, manifest_of)?)),
        "signatures" => Told::Question(facts::Answer::Signatures(all(body, seal_of)?)),
        "summaries" => Told::Question(facts::Answer::Summaries(all(body, summary_of)?)),
        "provenance" => Told::Question(facts::Answer::Provenance(all(body, build_of)?)),
        _ => return None,
    })
}

fn all<T>(body: &Value, of: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    body.as_array()?.iter().map(of).collect()
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

/// A time that stands there and is none is no answer.
fn time_of(value: &Value, key: &str) -> Option<Option<Timestamp>> {
    match value.get(key)? {
        Value::Null => Some(None),
        other => Some(Some(other.as_str()?.parse().ok()?)),
    }
}

fn digest_of(value: &Value, key: &str) -> Option<Digest> {
    value.get(key)?.as_str()?.parse().ok()
}

fn text_of(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

fn manifest(of: &Manifest) -> Value {
    json!({"digest": of.digest.to_string(), "platform": of.platform, "created": time(of.created)})
}

fn manifest_of(value: &Value) -> Option<Manifest> {
    Some(Manifest {
        digest: digest_of(value, "digest")?,
        platform: text_of(value, "platform")?,
        created: time_of(value, "created")?,
    })
}

fn seal(of: &Seal) -> Value {
    let signer = match &of.signer {
        Signer::Keyless { issuer, subject } => json!({"issuer": issuer, "subject": subject}),
        Signer::Key { fingerprint, source: KeySource::File(file) } => {
            json!({"key": fingerprint.to_string(), "file": file})
        }
        Signer::Key { fingerprint, source: KeySource::Pem(pem) } => json!({"key": fingerprint.to_string(), "pem": pem}),
    };
    json!({"evidence": of.evidence.to_string(), "signer": signer, "signedAt": time(of.signed_at)})
}

fn seal_of(value: &Value) -> Option<Seal> {
    let by = value.get("signer")?;
    let signer = match (text_of(by, "issuer"), text_of(by, "file"), text_of(by, "pem")) {
        (Some(issuer), None, None) => Signer::Keyless { issuer, subject: text_of(by, "subject")? },
        (None, Some(file), None) => Signer::Key { fingerprint: digest_of(by, "key")?, source: KeySource::File(file) },
        (None, None, Some(pem)) => Signer::Key { fingerprint: digest_of(by, "key")?, source: KeySource::Pem(pem) },
        _ => return None,
    };
    Some(Seal { evidence: digest_of(value, "evidence")?, signer, signed_at: time_of(value, "signedAt")? })
}

fn summary(of: &Summary) -> Value {
    json!({
        "seal": seal(&of.seal),
        "verifier": of.verifier,
        "resource": of.resource,
        "policy": of.policy.map(|policy| policy.to_string()),
        "result": of.result,
        "levels": of.levels,
        "verifiedAt": time(of.verified_at),
    })
}

fn summary_of(value: &Value) -> Option<Summary> {
    let levels = value.get("levels")?.as_array()?.iter().map(|level| Some(level.as_str()?.to_owned()));
    let policy = match value.get("policy")? {
        Value::Null => None,
        other => Some(other.as_str()?.parse().ok()?),
    };
    Some(Summary {
        seal: seal_of(value.get("seal")?)?,
        verifier: text_of(value, "verifier")?,
        resource: text_of(value, "resource")?,
        policy,
        result: text_of(value, "result")?,
        levels: levels.collect::<Option<_>>()?,
        verified_at: time_of(value, "verifiedAt")?,
    })
}

fn build(of: &Build) -> Value {
    json!({"seal": seal(&of.seal), "builder": of.builder, "source": of.source, "level": of.level})
}

fn build_of(value: &Value) -> Option<Build> {
    let level = match value.get("level")? {
        Value::Null => None,
        other => Some(u32::try_from(other.as_u64()?).ok()?),
    };
    Some(Build {
        seal: seal_of(value.get("seal")?)?,
        builder: text_of(value, "builder")?,
        source: text_of(value, "source")?,
        level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(told: Told) {
        let written = write(&told).unwrap();
        let text = written.to_string();
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read(&again), Some(told), "{text}");
        let other = Value::from(2_u64);
        let mut newer = again;
        newer["version"] = other;
        assert_eq!(read(&newer), None, "another version is another form");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let digest = || Digest::sha256(b"image");
        let at = Some("2026-01-16T00:00:00Z".parse().unwrap());
        let by_name = Signer::Keyless { issuer: "https://ci".to_owned(), subject: "https://ci/app".to_owned() };
        let by_key = |source| Signer::Key { fingerprint: digest(), source };
        let seal = |signer, signed_at| Seal { evidence: Digest::sha256(b"bundle"), signer, signed_at };
        check(Told::Image(Answer::Signed { digest: digest().to_string() }));
        check(Told::Image(Answer::Statements { digest: digest().to_string(), statements: vec![json!({"a": [1]})] }));
        check(Told::Image(Answer::Configs(json!({"linux/amd64": {"os": "linux"}}))));
        check(Told::Image(Answer::Found(Box::new(Found {
            digest: digest().to_string(),
            signatures: vec![json!({"id": "1"})],
            statements: vec![(json!({"id": "2"}), json!({"predicateType": "t"}))],
        }))));
        check(Told::Question(facts::Answer::Manifests(vec![
            Manifest { digest: digest(), platform: "linux/arm64".to_owned(), created: at },
            Manifest { digest: digest(), platform: String::new(), created: None },
        ])));
        check(Told::Question(facts::Answer::Signatures(vec![
            seal(by_name.clone(), at),
            seal(by_key(KeySource::File("cosign.pub".to_owned())), None),
            seal(by_key(KeySource::Pem("-----BEGIN".to_owned())), None),
        ])));
        let summary = |policy, verified_at| Summary {
            seal: seal(by_name.clone(), at),
            verifier: "https://signet.dev/gate".to_owned(),
            resource: "oci://r.example/app".to_owned(),
            policy,
            result: "PASSED".to_owned(),
            levels: vec!["SLSA_BUILD_LEVEL_3".to_owned()],
            verified_at,
        };
        check(Told::Question(facts::Answer::Summaries(vec![summary(Some(digest()), at), summary(None, None)])));
        let build = |level| Build {
            seal: seal(by_name.clone(), at),
            builder: "https://b".to_owned(),
            source: "github.com/o/r".to_owned(),
            level,
        };
        check(Told::Question(facts::Answer::Provenance(vec![build(Some(3)), build(None)])));
    }

    #[test]
    fn what_is_no_answer_is_not_kept_and_not_read() {
        for told in [
            Told::Image(Answer::Unknown("away".to_owned())),
            Told::Image(Answer::Refused("no".to_owned())),
            Told::Image(Answer::Digest("sha256:aa".to_owned())),
            Told::Question(facts::Answer::Digest(Digest::sha256(b"a"))),
            Told::Question(facts::Answer::Vulnerabilities(Vec::new())),
        ] {
            assert_eq!(write(&told), None, "{told:?}");
        }
        for text in [
            "null",
            "{}",
            r#"{"version":1,"kind":"signed","body":{}}"#,
            r#"{"version":1,"kind":"galaxy","body":[]}"#,
            r#"{"version":1,"kind":"manifests","body":[{"digest":"x","platform":"","created":null}]}"#,
            r#"{"version":1,"kind":"signatures","body":[{"evidence":"sha256:aa","signer":{},"signedAt":null}]}"#,
            r#"{"version":1,"kind":"found","body":{"digest":"a","signatures":[],"statements":[[1]]}}"#,
        ] {
            assert_eq!(read(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
