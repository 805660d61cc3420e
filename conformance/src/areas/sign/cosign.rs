//! `sign/cosign`: attestation documents that must or must not decode, keys, one bundle of an image's attestation, and policies: CUE is refused, and its rules
//! as the refusal shows them, in Rego and in CEL, judge the attestation that the policies are for.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_policy::cue;
use signet_policy::statement::{Source, StatementPolicies, StatementPolicyError, Together};
use signet_trust::{Artifact, Envelope, Evidence, PublicKey, Requirements, Statement, TrustRoot, verify};

use super::{Answer, bundles, bytes, compare};
use crate::set::{Case, Judged, judge, text};

#[derive(Debug)]
enum Input {
    /// A DSSE document that is asked for by this type.
    Document(PathBuf, &'static str),
    /// A key of a certificate log.
    Key(PathBuf),
    /// A bundle under a trusted root.
    Bundle(PathBuf, PathBuf),
    /// A CUE policy as it is.
    Cue(PathBuf),
    /// The rules of a CUE policy in another language (`rego`, `cel`), with the attestation's predicate.
    Rules(PathBuf, &'static str, PathBuf),
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for kind in ["custom", "vuln"] {
        let document = |state: &str| Input::Document(folder.join(format!("pkg/policy/testdata/{state}/{kind}")), kind);
        cases.push(Case::new(format!("valid/{kind}"), document("valid"), true));
        cases.push(Case::new(format!("malformed/{kind}"), document("malformed"), false).refused());
    }
    let data = folder.join("pkg/cosign/testdata");
    for key in ["google", "letsencrypt-testflume-2021", "rsa"] {
        cases.push(Case::new(format!("key/{key}"), Input::Key(data.join(key)), true));
    }
    let garbage = "garbage-there-are-limits";
    cases.push(Case::new(format!("key/{garbage}"), Input::Key(data.join(garbage)), false).refused());
    let bundle = Input::Bundle(data.join("oci-attestation.sigstore.json"), data.join("trusted_root_pgi.json"));
    cases.push(Case::new("oci-attestation", bundle, true));
    let tests = folder.join("test/testdata");
    for policy in ["cue-works", "cue-fails", "cue-vuln-works", "cue-vuln-fails"] {
        let file = tests.join(format!("policies/{policy}.cue"));
        cases.push(Case::new(format!("policy/{policy}"), Input::Cue(file.clone()), false).refused());
        for language in ["rego", "cel"] {
            let input = Input::Rules(file.clone(), language, tests.join("attestations/vuln-predicate.json"));
            let works = policy.ends_with("-works");
            let case = Case::new(format!("policy/{policy}/{language}"), input, works);
            cases.push(if works { case } else { case.refused() });
        }
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

fn answer(input: &Input) -> Answer {
    ask(input).unwrap_or_else(|error| Answer::Broken(format!("{error:#}")))
}

fn ask(input: &Input) -> Result<Answer> {
    Ok(match input {
        Input::Document(path, kind) => {
            let document = bytes(path)?;
            Answer::of(
                Envelope::parse(&document)
                    .and_then(|envelope| Statement::of(&envelope))
                    .and_then(|statement| statement.is_a(kind)),
            )
        }
        Input::Key(path) => {
            // As the tool takes them: PEM, or the bare structure.
            let document = bytes(path)?;
            match std::str::from_utf8(&document) {
                Ok(text) => Answer::of(PublicKey::from_pem(text)),
                Err(_) => Answer::of(PublicKey::from_der(&document)),
            }
        }
        Input::Bundle(bundle, root) => {
            let root = TrustRoot::from_json(&bytes(root)?)?;
            let evidence = Evidence::bundle(&bytes(bundle)?)?;
            let subject = bundles::subject(&evidence)?;
            let wanted = Requirements::keyless(bundles::anybody()?);
            Answer::of(verify(&evidence, Artifact::Digest(&subject), &root, &wanted, Timestamp::now()))
        }
        Input::Cue(path) => match policy(&path.display().to_string(), text(path)?) {
            Err(StatementPolicyError::Cue(refused)) if refused.to_string().contains(", line ") => {
                Answer::Refused(refused.to_string())
            }
            Err(other) => Answer::Broken(other.to_string()),
            Ok(_) => Answer::Accepted,
        },
        Input::Rules(path, language, predicate) => rules(path, language, predicate)?,
    })
}

fn policy(name: &str, text: String) -> Result<StatementPolicies, StatementPolicyError> {
    StatementPolicies::read(vec![Source { name: name.to_owned(), text }], Together::AsOne)
}

/// Judges the attestation by what the refusal shows.
fn rules(path: &Path, language: &str, predicate: &Path) -> Result<Answer> {
    let refused = cue::refuse(&path.display().to_string(), &text(path)?, 1);
    let shown = if language == "rego" { refused.rego.clone() } else { refused.cel.clone() };
    let policies = match policy(&format!("p.{language}"), shown) {
        Ok(policies) => policies,
        Err(error) => return Ok(Answer::Broken(format!("{error}\n{refused}"))),
    };
    // Two of the policies are for scans, two for what Cosign makes of any other predicate.
    let statement = if path.file_stem().is_some_and(|name| name.to_string_lossy().contains("vuln")) {
        let predicate: Value = serde_json::from_slice(&bytes(predicate)?)?;
        json!({ "predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1", "predicate": predicate })
    } else {
        let predicate = json!({ "Data": text(predicate)?, "Timestamp": "2022-04-12T00:10:00Z" });
        json!({ "predicateType": "https://cosign.sigstore.dev/attestation/v1", "predicate": predicate })
    };
    let judgements = policies.judge(&statement.to_string(), Timestamp::now());
    Ok(match judgements.as_slice() {
        [judgement] => match &judgement.denied {
            None => Answer::Accepted,
            Some(why) => Answer::Refused(why.clone()),
        },
        _ => Answer::Broken("not one policy".to_owned()),
    })
}
