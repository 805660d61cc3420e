//! Provenance of builds that are made up here after the platforms' own examples, and what it never claims.

use serde_json::json;

use super::*;
use crate::slsa::Expectation;
use crate::slsa::builder::BuilderRefs;
use crate::slsa::github::{self, Kind, WorkflowIdentity};

const COMMIT: &str = "9f3182061f1e2cca4702c368cbc039b7dc9d4485";
const DIGEST: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn github_claims() -> Map<String, Value> {
    object(json!({
        "iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/rocket:ref:refs/heads/main", "aud": "sigstore",
        "repository": "acme/rocket", "repository_id": "7", "repository_owner_id": "8", "ref": "refs/heads/main", "ref_type": "branch", "sha": COMMIT,
        "workflow_ref": "acme/rocket/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_ref": "acme/signing/.github/workflows/attest.yml@refs/tags/v1.2.3",
        "event_name": "push", "run_id": "123", "run_attempt": "2", "runner_environment": "github-hosted",
    }))
}

fn gitlab_claims() -> Map<String, Value> {
    object(json!({
        "iss": "https://gitlab.com", "project_path": "acme/rocket", "project_id": "28", "namespace_id": "1", "ref": "main", "ref_type": "branch",
        "ref_path": "refs/heads/main", "sha": COMMIT, "pipeline_id": "455", "pipeline_source": "push", "job_id": "1123",
        "ci_config_ref_uri": "gitlab.com/acme/rocket//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": COMMIT, "runner_environment": "gitlab-hosted",
    }))
}

fn buildkite_claims() -> Map<String, Value> {
    object(json!({
        "iss": "https://agent.buildkite.com", "organization_slug": "acme-inc", "pipeline_slug": "rocket", "build_number": 1, "build_branch": "main",
        "build_tag": null, "build_commit": COMMIT, "step_key": "build", "job_id": "0184990a", "agent_id": "0184990b", "build_source": "ui",
        "runner_environment": "buildkite-hosted",
    }))
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn write(
    claims: Option<&Map<String, Value>>,
    pairs: &[(&str, &str)],
    signed_by: SignedBy,
) -> Result<Claim, ClaimError> {
    provenance(&Surroundings { claims, variables: &variables(pairs), signed_by, builder: None, source: None })
}

/// Members that the specification names, and no others; those it requires are there.
#[track_caller]
fn check_schema(claim: &Claim) {
    assert_eq!(claim.predicate_type, "https://slsa.dev/provenance/v1");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let predicate = &claim.predicate;
    assert_eq!(keys(predicate), ["buildDefinition", "runDetails"]);
    let definition = &predicate["buildDefinition"];
    assert_eq!(keys(definition), ["buildType", "externalParameters", "internalParameters", "resolvedDependencies"]);
    assert!(
        definition["buildType"].as_str().unwrap().starts_with("https://")
            && definition["externalParameters"].is_object()
    );
    for dependency in definition["resolvedDependencies"].as_array().unwrap() {
        assert!(keys(dependency).iter().all(|key| ["uri", "digest"].contains(&key.as_str())), "{dependency}");
        assert!(!keys(dependency).is_empty());
    }
    assert_eq!(keys(&predicate["runDetails"]), ["builder", "metadata"]);
    assert!(predicate["runDetails"]["builder"]["id"].as_str().unwrap().contains("://"));
    assert!(keys(&predicate["runDetails"]["metadata"]).iter().all(|key| key == "invocationId"));
}

#[test]
fn github_says_the_workflow_that_holds_the_token() {
    let claim = write(Some(&github_claims()), &[("GITHUB_REPOSITORY", "mallory/rocket")], SignedBy::Token).unwrap();
    check_schema(&claim);
    assert_eq!(claim.platform, Platform::Github);
    assert_eq!(
        claim.predicate,
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": { "workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/rocket", "path": ".github/workflows/release.yml",
                }},
                "internalParameters": { "github": {
                    "event_name": "push", "repository_id": "7", "repository_owner_id": "8", "runner_environment": "github-hosted",
                }},
                "resolvedDependencies": [{ "uri": "git+https://github.com/acme/rocket@refs/heads/main", "digest": { "gitCommit": COMMIT } }],
            },
            "runDetails": {
                "builder": { "id": "https://github.com/acme/signing/.github/workflows/attest.yml@refs/tags/v1.2.3" },
                "metadata": { "invocationId": "https://github.com/acme/rocket/actions/runs/123/attempts/2" },
            },
        })
    );
    assert!(claim.unproven.is_empty());
}

/// What is written verifies under the rules for GitHub's own attestations: as level 3 when a called workflow signed, as level 2 when the build did.
#[test]
fn what_github_says_verifies_by_our_own_rules() {
    for (signer, level) in [
        ("acme/signing/.github/workflows/attest.yml@refs/tags/v1.2.3", 3),
        ("acme/rocket/.github/workflows/release.yml@refs/heads/main", 2),
    ] {
        let mut claims = github_claims();
        claims.insert("job_workflow_ref".to_owned(), signer.into());
        let claim = write(Some(&claims), &[], SignedBy::Token).unwrap();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{ "name": "rocket", "digest": { "sha256": DIGEST } }],
            "predicateType": claim.predicate_type, "predicate": claim.predicate,
        });
        let identity = WorkflowIdentity {
            issuer: github::ISSUER.to_owned(),
            subject: format!("https://github.com/{signer}"),
            repository: "acme/rocket".to_owned(),
            runner: Some("github-hosted".to_owned()),
            ..WorkflowIdentity::default()
        };
        let builder = format!("https://github.com/{}", signer.split('@').next().unwrap());
        let expected = Expectation {
            source: "github.com/acme/rocket",
            digest: DIGEST,
            builder: Some(&builder),
            ..Expectation::default()
        };
        let payload = serde_json::to_vec(&statement).unwrap();
        let build = github::verify(&identity, &payload, Kind::Attestation, &expected, BuilderRefs::Releases).unwrap();
        assert_eq!(build.level.number(), level, "{signer}");
        // Another repository than the certificate's is not believed, whatever the provenance says.
        let other = Expectation { source: "github.com/acme/other", ..expected };
        assert!(github::verify(&identity, &payload, Kind::Attestation, &other, BuilderRefs::Releases).is_err());
    }
}

#[test]
fn gitlab_and_buildkite() {
    let claim = write(Some(&gitlab_claims()), &[], SignedBy::Token).unwrap();
    check_schema(&claim);
    assert_eq!(claim.platform, Platform::Gitlab);
    assert_eq!(
        claim.predicate["runDetails"]["builder"]["id"],
        "https://gitlab.com/acme/rocket//.gitlab-ci.yml@refs/heads/main"
    );
    assert_eq!(
        claim.predicate["buildDefinition"]["resolvedDependencies"],
        json!([{ "uri": "git+https://gitlab.com/acme/rocket@refs/heads/main", "digest": { "gitCommit": COMMIT } }])
    );
    assert!(claim.unproven.is_empty());

    let pairs = [("BUILDKITE_REPO", "https://github.com/acme/rocket.git")];
    let claim = write(Some(&buildkite_claims()), &pairs, SignedBy::Token).unwrap();
    check_schema(&claim);
    assert_eq!(claim.platform, Platform::Buildkite);
    assert_eq!(claim.predicate["runDetails"]["builder"]["id"], "https://buildkite.com/acme-inc/rocket");
    // The token does not name the repository.
    assert_eq!(claim.unproven, ["buildDefinition.resolvedDependencies[0].uri"]);
    assert_eq!(claim.predicate["buildDefinition"]["internalParameters"]["signet_unproven"], json!(claim.unproven));
    for secret in ["https://user:hunter2@github.com/acme/rocket.git", "git@github.com:acme/rocket.git"] {
        let claim = write(Some(&buildkite_claims()), &[("BUILDKITE_REPO", secret)], SignedBy::Token).unwrap();
        assert!(claim.unproven.is_empty() && !claim.predicate.to_string().contains("hunter2"));
    }
}

#[test]
fn what_no_token_proves_is_marked() {
    let everything = json!(["buildDefinition", "runDetails"]);
    let marked = |claim: Claim| {
        check_schema(&claim);
        assert_eq!(claim.predicate["buildDefinition"]["internalParameters"]["signet_unproven"], everything);
        claim
    };
    // A key signs: the verifier never sees the token.
    for claims in [github_claims(), gitlab_claims(), buildkite_claims()] {
        marked(write(Some(&claims), &[], SignedBy::Key).unwrap());
    }
    // No token: the environment may say anything.
    let claim = marked(
        write(
            None,
            &[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_SERVER_URL", "https://github.com"),
                ("GITHUB_REPOSITORY", "acme/rocket"),
                ("GITHUB_REF", "refs/tags/v1"),
                ("GITHUB_SHA", COMMIT),
                ("GITHUB_WORKFLOW_REF", "acme/rocket/.github/workflows/release.yml@refs/tags/v1"),
                ("GITHUB_RUN_ID", "5"),
            ],
            SignedBy::Key,
        )
        .unwrap(),
    );
    assert_eq!(
        claim.predicate["runDetails"]["builder"]["id"],
        "https://github.com/acme/rocket/.github/workflows/release.yml@refs/tags/v1"
    );
    marked(
        write(
            None,
            &[
                ("GITLAB_CI", "true"),
                ("CI_SERVER_URL", "https://gitlab.example.com"),
                ("CI_PROJECT_PATH", "acme/rocket"),
                ("CI_COMMIT_TAG", "v1"),
                ("CI_COMMIT_SHA", COMMIT),
                ("CI_JOB_ID", "9"),
            ],
            SignedBy::Token,
        )
        .unwrap(),
    );
    let none = BTreeMap::new();
    let source = Some(("git+https://example.com/rocket", Some(COMMIT)));
    let own = Surroundings {
        claims: None,
        variables: &none,
        signed_by: SignedBy::Key,
        builder: Some("https://ci.example.com/shop"),
        source,
    };
    marked(provenance(&own).unwrap());
    assert_eq!(provenance(&Surroundings { builder: None, ..own }), Err(ClaimError::NoBuilder));
    // What a CI clones from may hold its password, which would be signed and published.
    for (address, taken) in [
        ("https://ci:glpat-secret@git.example/a/b", false),
        ("git+https://oauth2:secret@git.example/a", false),
        ("https://secret@git.example/a", false),
        ("ssh://git:secret@git.example/a", false),
        ("git+ssh://git@git.example/a", true),
        ("https://git.example/a?by=me@example.com", true),
    ] {
        let written = provenance(&Surroundings { source: Some((address, None)), ..own.clone() });
        let text = format!("{written:?}");
        assert_eq!(written.is_ok(), taken, "{address}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(provenance(&Surroundings { builder: Some(address), ..own.clone() }).is_ok(), taken, "{address}");
    }
}

#[test]
fn a_level_is_never_claimed() {
    for claims in [github_claims(), gitlab_claims(), buildkite_claims()] {
        let text = write(Some(&claims), &[], SignedBy::Token).unwrap().predicate.to_string().to_ascii_lowercase();
        assert!(!text.contains("level") && !text.contains("slsa_"), "{text}");
    }
}

#[test]
fn odd_claims_are_refused() {
    type Claims = fn() -> Map<String, Value>;
    let rows: [(Claims, &str, Value); 16] = [
        (github_claims, "sha", json!("9f31820")),
        (github_claims, "sha", json!("9F3182061F1E2CCA4702C368CBC039B7DC9D4485")),
        (github_claims, "repository", Value::Null),
        (github_claims, "repository", json!("acme/other")),
        (github_claims, "workflow_ref", json!("acme/rocket/.github/workflows/release.yml")),
        (github_claims, "job_workflow_ref", json!("a@b@c")),
        (github_claims, "job_workflow_ref", json!(["a"])),
        (github_claims, "run_id", json!("1/../../x")),
        (github_claims, "event_name", json!("push\u{1b}[2J")),
        (github_claims, "event_name", json!("x".repeat(5_000))),
        (gitlab_claims, "iss", json!("http://gitlab.example.com")),
        (gitlab_claims, "ref_path", Value::Null),
        (gitlab_claims, "ref_path", json!("main")),
        (gitlab_claims, "ci_config_sha", json!("short")),
        (buildkite_claims, "build_commit", json!("HEAD")),
        (buildkite_claims, "pipeline_slug", json!("../admin")),
    ];
    for (make, name, value) in rows {
        let mut claims = make();
        assert!(write(Some(&claims), &[], SignedBy::Token).is_ok());
        claims.insert(name.to_owned(), value.clone());
        let found = write(Some(&claims), &[], SignedBy::Token);
        assert!(
            matches!(found, Err(ClaimError::Missing { .. } | ClaimError::Form { .. })),
            "{name} {value}: {found:?}"
        );
    }
    // A token of somebody else is no platform's, however its claims are called.
    for issuer in [
        "https://token.actions.githubusercontent.com.evil.example",
        "https://evil.example/a/_services/token",
        "http://token.actions.githubusercontent.com",
    ] {
        let mut claims = github_claims();
        claims.insert("iss".to_owned(), issuer.into());
        assert_eq!(
            write(Some(&claims), &[("GITHUB_ACTIONS", "true")], SignedBy::Token),
            Err(ClaimError::NoBuilder),
            "{issuer}"
        );
    }
}

#[test]
fn tokens_are_taken_apart() {
    let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
    assert_eq!(claims(&token(r#"{"iss":"a"}"#)).unwrap(), object(json!({"iss": "a"})));
    for wrong in [
        "",
        "a.b",
        "a.b.c.d",
        "a.!.c",
        &token("[]"),
        &token(r#"{"iss":"a","iss":"b"}"#),
        &token("{} {}"),
        &"a".repeat(70_000),
    ] {
        assert!(matches!(claims(wrong), Err(ClaimError::Token(_))), "{wrong}");
    }
}

proptest::proptest! {
    #[test]
    fn any_claims_never_panic(name in proptest::sample::select(vec!["iss", "sha", "workflow_ref", "job_workflow_ref", "ci_config_ref_uri", "ref_path", "build_commit", "repository"]), text in ".{0,60}") {
        for make in [github_claims, gitlab_claims, buildkite_claims] {
            let mut claims = make();
            claims.insert(name.to_owned(), text.clone().into());
            let _claim = write(Some(&claims), &[], SignedBy::Token);
        }
    }
}
