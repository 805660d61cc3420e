//! What the stack makes, judged by the room that verifies, which shares no code with it.

use serde_json::{Value, json};
use signet_authority::{KeyKind, Options, Possession, Stack};
use signet_trust::{
    Artifact, Certificate, CertificateIdentity, Evidence, LogRequirement, Requirements, SctRequirement, TimeSource,
    TrustRoot, verify,
};

use crate::client::{EMAIL, Signer, b64, now, options, stack};

const CONTENT: &[u8] = b"a file that somebody signs";

fn judge(stack: &Stack, bundle: &Value, content: &[u8]) -> Result<Vec<String>, String> {
    let root = TrustRoot::from_json(stack.trusted_root().to_string().as_bytes()).map_err(|err| err.to_string())?;
    let evidence = Evidence::bundle(bundle.to_string().as_bytes()).map_err(|err| err.to_string())?;
    let identity = CertificateIdentity::exact(EMAIL, &stack.issuer_name());
    let mut requirements = Requirements::keyless(vec![identity]);
    requirements.time = TimeSource::Timestamps(1);
    requirements.log = LogRequirement::AtLeast(1);
    requirements.sct = SctRequirement::Required;
    let found =
        verify(&evidence, Artifact::Bytes(content), &root, &requirements, now()).map_err(|err| err.to_string())?;
    Ok(found.get().report.iter().map(|checked| format!("{checked:?}")).collect())
}

#[track_caller]
fn check(options: Options) {
    let stack = Stack::new(options).unwrap();
    let signer = Signer::new();
    // Logs that are not empty, and entries that do not stand at their edge.
    for n in 0..5_u8 {
        let other = Signer::new();
        let chain = other.certificate(&stack);
        other.bundle(&stack, &[n], &chain[0]);
    }
    let chain = signer.certificate(&stack);
    let bundle = signer.bundle(&stack, CONTENT, &chain[0]);
    let report = judge(&stack, &bundle, CONTENT).unwrap();
    assert!(report.len() >= 5, "{report:?}");
    judge(&stack, &bundle, b"another file").unwrap_err();
    // Another stack of the same make is another's.
    judge(&self::stack(), &bundle, CONTENT).unwrap_err();
}

#[test]
fn a_bundle_of_the_stack_verifies() {
    check(options());
}

#[test]
fn with_other_kinds_of_keys() {
    let mut options = options();
    options.log_key = KeyKind::P256;
    options.timestamp_key = KeyKind::P384;
    check(options);
}

#[test]
fn every_part_of_a_bundle_counts() {
    let stack = stack();
    let signer = Signer::new();
    let chain = signer.certificate(&stack);
    let bundle = signer.bundle(&stack, CONTENT, &chain[0]);
    judge(&stack, &bundle, CONTENT).unwrap();
    let other = Signer::new();
    let strange = other.bundle(&stack, CONTENT, &other.certificate(&stack)[0]);
    for place in [
        "/verificationMaterial/certificate",
        "/verificationMaterial/tlogEntries",
        "/verificationMaterial/timestampVerificationData",
        "/messageSignature",
    ] {
        let mut mixed = bundle.clone();
        *mixed.pointer_mut(place).unwrap() = strange.pointer(place).unwrap().clone();
        judge(&stack, &mixed, CONTENT).expect_err(place);
    }
}

#[test]
fn certificates_say_what_tokens_said() {
    let stack = stack();
    let signer = Signer::new();
    let token = stack.issuer().mint_workflow("sigstore", &json!({"environment": "production"}), now()).unwrap();
    let signature = signer.key.sign(b"repo:example/shop:ref:refs/heads/main").unwrap();
    let possession = Possession::Proof { spki: signer.key.spki(), signature: &signature };
    let chain = stack.certify(&token, possession, now()).unwrap();
    let certificate = Certificate::from_der(&chain[0]).unwrap();
    let names: Vec<&str> = certificate.names().iter().map(|name| name.value()).collect();
    assert_eq!(names, ["https://github.com/example/shop/.github/workflows/release.yml@refs/heads/main"]);
    let claims = certificate.claims();
    let sha = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c";
    let home = "https://github.com/example/shop";
    let workflow = "https://github.com/example/shop/.github/workflows/release.yml@refs/heads/main";
    for (found, wanted) in [
        (&claims.issuer, "https://token.actions.githubusercontent.com"),
        (&claims.github_workflow_trigger, "push"),
        (&claims.github_workflow_sha, sha),
        (&claims.github_workflow_name, "release"),
        (&claims.github_workflow_repository, "example/shop"),
        (&claims.github_workflow_ref, "refs/heads/main"),
        (&claims.build_signer_uri, workflow),
        (&claims.build_signer_digest, sha),
        (&claims.runner_environment, "github-hosted"),
        (&claims.source_repository_uri, home),
        (&claims.source_repository_digest, sha),
        (&claims.source_repository_ref, "refs/heads/main"),
        (&claims.source_repository_identifier, "1001"),
        (&claims.source_repository_owner_uri, "https://github.com/example"),
        (&claims.source_repository_owner_identifier, "2002"),
        (&claims.build_config_uri, workflow),
        (&claims.build_config_digest, sha),
        (&claims.build_trigger, "push"),
        (&claims.run_invocation_uri, "https://github.com/example/shop/actions/runs/3003/attempts/1"),
        (&claims.source_repository_visibility, "public"),
        (&claims.deployment_environment, "production"),
    ] {
        assert_eq!(found.as_deref(), Some(wanted));
    }
    let (from, until) = certificate.validity();
    assert_eq!((from, until), (now(), now() + signet_authority::LIFETIME));
}

#[test]
fn an_attestation_is_logged_by_its_encoding() {
    let stack = stack();
    let signer = Signer::new();
    let chain = signer.certificate(&stack);
    let subject = signet_trust::Artifact::Bytes(CONTENT).to_string();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "file", "digest": {"sha256": subject.strip_prefix("sha256:").unwrap()}}],
        "predicateType": "https://example.com/x", "predicate": {},
    });
    let payload = statement.to_string().into_bytes();
    let encoded = signet_trust::pae(signet_trust::IN_TOTO, &payload);
    let mut bundle = signer.bundle(&stack, &encoded, &chain[0]);
    let signature = bundle["messageSignature"]["signature"].clone();
    bundle.as_object_mut().unwrap().remove("messageSignature");
    bundle["dsseEnvelope"] = json!({"payload": b64(&payload), "payloadType": signet_trust::IN_TOTO, "signatures": [{"sig": signature, "keyid": ""}]});
    judge(&stack, &bundle, CONTENT).unwrap();
    judge(&stack, &bundle, b"another").unwrap_err();
}
