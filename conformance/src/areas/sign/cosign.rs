//! `sign/cosign`: attestation documents that must or must not decode, keys, and one bundle of an image's attestation.

use std::path::{Path, PathBuf};

use anyhow::Result;
use signet_model::Timestamp;
use signet_trust::{Artifact, Envelope, Evidence, PublicKey, Requirements, Statement, TrustRoot, verify};

use super::{Answer, bundles, bytes, compare};
use crate::set::{Case, Judged, Verdict, judge};

#[derive(Debug)]
enum Input {
    /// A DSSE document that is asked for by this type.
    Document(PathBuf, &'static str),
    /// A key of a certificate log.
    Key(PathBuf),
    /// A bundle under a trusted root.
    Bundle(PathBuf, PathBuf),
    /// A CUE policy.
    Policy,
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
    for policy in ["cue-works", "cue-fails", "cue-vuln-works", "cue-vuln-fails"] {
        cases.push(Case::new(format!("policy/{policy}"), Input::Policy, false).refused());
    }
    Ok(judge(cases, answer, |input, answer, accept| match input {
        Input::Policy => Verdict::Skipped("policies of `--policy` are not read yet".to_owned()),
        _ => compare(answer, *accept),
    }))
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
        Input::Policy => Answer::Broken("no reader yet".to_owned()),
    })
}
