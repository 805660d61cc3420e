//! Provenance that is made here, and each way in which it may be wrong.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::builder::BuilderRefs;
use super::github::{self, Kind, WorkflowIdentity};
use super::npm::{self, Package};
use super::source::{GoSemver, version_matches};
use super::{BuilderId, Expectation, Level, Requirement, SlsaError, gcb, vsa};

const DIGEST: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const SHA512: &str = "f7fbba6e0636f890e56fbbf3283e524c6fa3204ae298382d624741d0dc6638326e282c41be5e4254d8820772c5518a2c5a8c0c7f7eda19594a7eb539453e1ed7";
const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";

fn identity(file: &str, reference: &str) -> WorkflowIdentity {
    WorkflowIdentity {
        issuer: github::ISSUER.to_owned(),
        subject: format!("{GENERATOR}{file}@{reference}"),
        repository: "acme/rocket".to_owned(),
        commit: Some("c".repeat(40)),
        ..WorkflowIdentity::default()
    }
}

fn expected<'a>() -> Expectation<'a> {
    Expectation { source: "github.com/acme/rocket", digest: DIGEST, ..Expectation::default() }
}

fn generic(reference: &str) -> Value {
    let (kind, name) = if reference.contains("/tags/") { ("tag", "push") } else { ("branch", "workflow_dispatch") };
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{ "name": "other", "digest": { "sha256": "00" } }, { "name": "rocket", "digest": { "sha256": DIGEST } }],
        "predicate": {
            "builder": { "id": format!("{GENERATOR}generator_generic_slsa3.yml@refs/tags/v1.9.0") },
            "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
            "invocation": {
                "configSource": {
                    "uri": format!("git+https://github.com/acme/rocket@{reference}"),
                    "digest": { "sha1": "c".repeat(40) },
                    "entryPoint": ".github/workflows/release.yml",
                },
                "parameters": {},
                "environment": {
                    "github_event_name": name,
                    "github_ref_type": kind,
                    "github_ref": reference,
                    "github_base_ref": "",
                    "github_event_payload": { "inputs": { "level": "high" }, "base_ref": "refs/heads/release" },
                },
            },
            "materials": [{ "uri": format!("git+https://github.com/acme/rocket@{reference}"), "digest": { "sha1": "c".repeat(40) } }],
        },
    })
}

fn delegated(reference: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{ "name": "rocket", "digest": { "sha256": DIGEST } }],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
                "externalParameters": { "inputs": {} },
                "internalParameters": {
                    "GITHUB_WORKFLOW_REF": format!("acme/rocket/.github/workflows/release.yml@{reference}"),
                    "GITHUB_REF_TYPE": "tag", "GITHUB_REF": reference, "GITHUB_BASE_REF": "",
                    "GITHUB_EVENT_NAME": "release",
                    "GITHUB_EVENT_PAYLOAD": { "release": { "target_commitish": "main" } },
                },
                "resolvedDependencies": [
                    { "uri": format!("git+https://github.com/acme/rocket@{reference}"), "digest": { "gitCommit": "c".repeat(40) } },
                ],
            },
            "runDetails": { "builder": { "id": format!("{GENERATOR}builder_gradle_slsa3.yml@refs/tags/v1.9.0") }, "metadata": {} },
        },
    })
}

#[track_caller]
fn check(
    statement: &Value,
    identity: &WorkflowIdentity,
    expected: &Expectation<'_>,
    wanted: Result<Level, Requirement>,
) {
    let payload = serde_json::to_vec(statement).unwrap();
    let found = github::verify(identity, &payload, Kind::Artifact, expected, BuilderRefs::Releases);
    assert_eq!(found.as_ref().map(|build| build.level).map_err(|error| error.requirement), wanted, "{found:?}");
}

fn generic_identity() -> WorkflowIdentity {
    identity("generator_generic_slsa3.yml", "refs/tags/v1.9.0")
}

#[test]
fn a_generator_is_trusted_at_its_releases_only() {
    let statement = generic("refs/heads/main");
    check(&statement, &generic_identity(), &expected(), Ok(Level::L3));
    for reference in
        ["refs/heads/main", "refs/tags/v1", "refs/tags/v1.9.0-rc.1", "refs/tags/1.9.0", "refs/tags/v1.9.0+x", "v1.9.0"]
    {
        let identity = identity("generator_generic_slsa3.yml", reference);
        let found = github::verify(
            &identity,
            &serde_json::to_vec(&statement).unwrap(),
            Kind::Artifact,
            &expected(),
            BuilderRefs::Releases,
        );
        let requirement = found.unwrap_err().requirement;
        assert!(matches!(requirement, Requirement::BuilderRef | Requirement::RefKind), "{reference}: {requirement:?}");
    }
    // The exception for the builders' own tests is for their repositories, and nobody else's.
    let main = identity("generator_generic_slsa3.yml", "refs/heads/main");
    let found = github::verify(
        &main,
        &serde_json::to_vec(&statement).unwrap(),
        Kind::Artifact,
        &expected(),
        BuilderRefs::AlsoTheirOwnTests,
    );
    assert_eq!(found.unwrap_err().requirement, Requirement::RefKind);
}

#[test]
fn what_signs_must_be_a_trusted_builder() {
    let statement = generic("refs/heads/main");
    let with = |subject: &str| WorkflowIdentity { subject: subject.to_owned(), ..generic_identity() };
    for (subject, wanted) in [
        ("https://github.com/acme/rocket/.github/workflows/release.yml@refs/tags/v1.0.0", Requirement::Builder),
        (
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v1.9.0",
            Requirement::Builder,
        ),
        (
            "https://github.com/slsa-framework/slsa-github-generator-evil/.github/workflows/generator_generic_slsa3.yml@refs/tags/v1.9.0",
            Requirement::Builder,
        ),
        (
            "https://github.com.evil.example/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v1.9.0",
            Requirement::BuilderForm,
        ),
        (
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml",
            Requirement::BuilderForm,
        ),
        ("https://github.com/a/b/c.yml@refs/tags/v1.0.0@refs/tags/v1.9.0", Requirement::BuilderForm),
        ("", Requirement::BuilderForm),
    ] {
        check(&statement, &with(subject), &expected(), Err(wanted));
    }
    let other_issuer = WorkflowIdentity {
        issuer: "https://token.actions.githubusercontent.com.evil.example".to_owned(),
        ..generic_identity()
    };
    check(&statement, &other_issuer, &expected(), Err(Requirement::Issuer));
    let fork = WorkflowIdentity { repository: "mallory/rocket".to_owned(), ..generic_identity() };
    check(&statement, &fork, &expected(), Err(Requirement::Source));
}

#[test]
fn the_named_builder_is_compared() {
    let statement = generic("refs/heads/main");
    fn with(builder: &str) -> Expectation<'_> {
        Expectation { builder: Some(builder), ..expected() }
    }
    let name = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml";
    for version in ["", "@v1.9.0", "@refs/tags/v1.9.0"] {
        check(&statement, &generic_identity(), &with(&format!("{name}{version}")), Ok(Level::L3));
    }
    for version in ["@v1.9.1", "@1.9.0", "s"] {
        check(&statement, &generic_identity(), &with(&format!("{name}{version}")), Err(Requirement::Builder));
    }
    check(&statement, &generic_identity(), &with(&format!("{name}@")), Err(Requirement::BuilderForm));
    check(&statement, &generic_identity(), &with("https://gitlab.com/acme/builder"), Err(Requirement::Platform));
}

/// Changes one member of a statement.
fn changed(mut statement: Value, pointer: &str, value: Value) -> Value {
    *statement.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    statement
}

#[test]
fn each_claim_is_compared() {
    let uri = "git+https://github.com/acme/rocket@refs/heads/main";
    let statement = generic("refs/heads/main");
    for (pointer, value, wanted) in [
        ("/_type", json!("https://in-toto.io/Statement/v9"), Requirement::Payload),
        ("/predicateType", json!("https://slsa.dev/provenance/v0.1"), Requirement::Payload),
        ("/subject", json!([]), Requirement::Payload),
        ("/subject/1/digest", json!({ "sha256": "0".repeat(64) }), Requirement::Digest),
        ("/subject/1/digest", json!({ "sha512": DIGEST }), Requirement::Digest),
        (
            "/predicate/builder/id",
            json!(format!("{GENERATOR}generator_generic_slsa3.yml@refs/tags/v1.9.1")),
            Requirement::BuilderId,
        ),
        ("/predicate/builder/id", json!(format!("{GENERATOR}generator_generic_slsa3.yml")), Requirement::BuilderId),
        (
            "/predicate/buildType",
            json!("https://github.com/slsa-framework/slsa-github-generator/go@v1"),
            Requirement::BuilderForm,
        ),
        ("/predicate/materials", json!([]), Requirement::Payload),
        (
            "/predicate/materials/0/uri",
            json!("git+https://github.com/mallory/rocket@refs/heads/main"),
            Requirement::Source,
        ),
        ("/predicate/materials/0/uri", json!("git+https://github.com/acme/rocket"), Requirement::SourceForm),
        (
            "/predicate/materials/0/uri",
            json!("https://github.com/acme/rocket@refs/heads/main"),
            Requirement::SourceForm,
        ),
        (
            "/predicate/materials/0/uri",
            json!("git+https://github.com/acme/rocket@refs/heads/dev"),
            Requirement::Payload,
        ),
        (
            "/predicate/invocation/configSource/uri",
            json!("git+https://github.com/acme/rocket"),
            Requirement::SourceForm,
        ),
        (
            "/predicate/invocation/configSource/uri",
            json!("git+https://github.com/mallory/rocket@refs/heads/main"),
            Requirement::Source,
        ),
    ] {
        check(&changed(statement.clone(), pointer, value), &generic_identity(), &expected(), Err(wanted));
    }
    assert_eq!(statement.pointer("/predicate/materials/0/uri").unwrap(), uri);
    let other = Expectation { source: "github.com/acme/rocketS", ..expected() };
    check(&statement, &generic_identity(), &other, Err(Requirement::Source));
    let none = Expectation { source: "", ..expected() };
    check(&statement, &generic_identity(), &none, Err(Requirement::Source));
    let short = Expectation { digest: &DIGEST[..40], ..expected() };
    check(&statement, &generic_identity(), &short, Err(Requirement::Digest));
}

#[test]
fn branches_tags_and_versions() {
    let branch = |branch| Expectation { branch: Some(branch), ..expected() };
    let tag = |tag| Expectation { tag: Some(tag), ..expected() };
    let version = |version| Expectation { versioned_tag: Some(version), ..expected() };
    let main = generic("refs/heads/main");
    check(&main, &generic_identity(), &branch("main"), Ok(Level::L3));
    check(&main, &generic_identity(), &branch("dev"), Err(Requirement::Branch));
    check(&main, &generic_identity(), &tag("v14.2.0"), Err(Requirement::RefKind));
    check(&main, &generic_identity(), &version("v14"), Err(Requirement::RefKind));
    let release = generic("refs/tags/v14.2.0");
    check(&release, &generic_identity(), &tag("v14.2.0"), Ok(Level::L3));
    check(&release, &generic_identity(), &tag("v14.2"), Err(Requirement::Tag));
    check(&release, &generic_identity(), &branch("release"), Ok(Level::L3));
    check(&release, &generic_identity(), &branch("main"), Err(Requirement::Branch));
    check(&release, &generic_identity(), &version("v14"), Ok(Level::L3));
    check(&release, &generic_identity(), &version("v15"), Err(Requirement::VersionedTag));
    check(&release, &generic_identity(), &version("14"), Err(Requirement::Semver));
    // A release names its branch; another event names none.
    let commitish = delegated("refs/tags/v2.0.0");
    let delegator = identity("delegator_generic_slsa3.yml", "refs/tags/v1.9.0");
    check(&commitish, &delegator, &branch("main"), Ok(Level::L3));
    check(&commitish, &delegator, &tag("v2.0.0"), Ok(Level::L3));
    check(
        &changed(commitish, "/predicate/buildDefinition/internalParameters/GITHUB_EVENT_NAME", json!("schedule")),
        &delegator,
        &branch("main"),
        Err(Requirement::RefKind),
    );
}

#[test]
fn inputs_of_a_workflow_that_was_started_by_hand() {
    let inputs = [("level".to_owned(), "high".to_owned())];
    let wrong = [("level".to_owned(), "low".to_owned())];
    let missing = [("colour".to_owned(), "red".to_owned())];
    let with = |workflow_inputs| Expectation { workflow_inputs, ..expected() };
    let statement = generic("refs/heads/main");
    check(&statement, &generic_identity(), &with(&inputs), Ok(Level::L3));
    check(&statement, &generic_identity(), &with(&wrong), Err(Requirement::WorkflowInputs));
    check(&statement, &generic_identity(), &with(&missing), Err(Requirement::WorkflowInputs));
    check(&generic("refs/tags/v1.0.0"), &generic_identity(), &with(&inputs), Err(Requirement::WorkflowInputs));
}

#[test]
fn a_delegated_builder_is_the_one_that_the_provenance_names() {
    let statement = delegated("refs/tags/v2.0.0");
    let delegator = identity("delegator_generic_slsa3.yml", "refs/tags/v1.9.0");
    check(&statement, &delegator, &expected(), Ok(Level::L3));
    let name = format!("{GENERATOR}builder_gradle_slsa3.yml");
    check(&statement, &delegator, &Expectation { builder: Some(&name), ..expected() }, Ok(Level::L3));
    let other = format!("{GENERATOR}builder_maven_slsa3.yml");
    check(&statement, &delegator, &Expectation { builder: Some(&other), ..expected() }, Err(Requirement::BuilderId));
    let id = "/predicate/runDetails/builder/id";
    for (value, wanted) in [
        ("https://github.com/mallory/builder/.github/workflows/evil.yml@refs/tags/v1.0.0", Requirement::BuilderForm),
        (
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_gradle_slsa3.yml",
            Requirement::BuilderForm,
        ),
        (
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_gradle_slsa3.yml@refs/heads/main",
            Requirement::RefKind,
        ),
        (
            "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_gradle_slsa3.yml@refs/tags/v1",
            Requirement::BuilderRef,
        ),
    ] {
        check(&changed(statement.clone(), id, json!(value)), &delegator, &expected(), Err(wanted));
    }
    let java = "https://github.com/jreleaser/release-action/.github/workflows/builder_slsa3.yml@refs/tags/v1.0.0-java";
    let jreleaser = Expectation { builder: Some(java), ..expected() };
    check(&changed(statement.clone(), id, json!(java)), &delegator, &jreleaser, Ok(Level::L3));
    check(
        &changed(statement, id, json!(java.replace("-java", ""))),
        &delegator,
        &jreleaser,
        Err(Requirement::BuilderRef),
    );
}

fn attested() -> (Value, WorkflowIdentity) {
    let workflow = "acme/builders/.github/workflows/release.yml@refs/heads/main";
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{ "name": "rocket", "digest": { "sha256": DIGEST } }],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": { "workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/rocket", "path": ".github/workflows/ci.yml" } },
                "internalParameters": { "github": { "event_name": "push" } },
                "resolvedDependencies": [{ "uri": "git+https://github.com/acme/rocket@refs/heads/main", "digest": { "gitCommit": "c".repeat(40) } }],
            },
            "runDetails": { "builder": { "id": format!("https://github.com/{workflow}") }, "metadata": { "invocationId": "x" } },
        },
    });
    let identity = WorkflowIdentity { subject: format!("https://github.com/{workflow}"), ..generic_identity() };
    (statement, identity)
}

#[test]
fn githubs_own_attestations_want_a_named_builder() {
    let (statement, identity) = attested();
    let payload = serde_json::to_vec(&statement).unwrap();
    let judge = |identity: &WorkflowIdentity, builder| {
        let expected = Expectation { builder, ..expected() };
        github::verify(identity, &payload, Kind::Attestation, &expected, BuilderRefs::Releases)
            .map(|build| build.level)
            .map_err(|error| error.requirement)
    };
    let builder = Some("https://github.com/acme/builders/.github/workflows/release.yml");
    assert_eq!(judge(&identity, None), Err(Requirement::Builder));
    assert_eq!(judge(&identity, builder), Ok(Level::L3), "a workflow that others call");
    assert_eq!(
        judge(&identity, Some("https://github.com/acme/builders/.github/workflows/other.yml")),
        Err(Requirement::Builder)
    );
    let own = WorkflowIdentity { runner: Some("self-hosted".to_owned()), ..identity };
    assert_eq!(judge(&own, builder), Ok(Level::L1), "a runner that the owner of the source controls");
}

#[test]
fn githubs_own_attestations_name_branch_or_tag_by_their_source() {
    let judge = |reference: &str, branch, tag| {
        let (statement, identity) = attested();
        let statement = statement.to_string().replace("rocket@refs/heads/main", &format!("rocket@{reference}"));
        let statement = statement.replace(r#""ref":"refs/heads/main""#, &format!(r#""ref":"{reference}""#));
        let identity = WorkflowIdentity { reference: Some(reference.to_owned()), ..identity };
        let builder = Some("https://github.com/acme/builders/.github/workflows/release.yml");
        let expected = Expectation { builder, branch, tag, ..expected() };
        github::verify(&identity, statement.as_bytes(), Kind::Attestation, &expected, BuilderRefs::Releases)
            .map(|build| build.level)
            .map_err(|error| error.requirement)
    };
    assert_eq!(judge("refs/heads/main", Some("main"), None), Ok(Level::L3));
    assert_eq!(judge("refs/heads/main", Some("dev"), None), Err(Requirement::Branch));
    assert!(judge("refs/heads/main", None, Some("main")).is_err(), "a branch is no tag");
    assert_eq!(judge("refs/tags/v1", None, Some("v1")), Ok(Level::L3));
    assert_eq!(judge("refs/tags/v1", None, Some("v2")), Err(Requirement::Tag));
    assert!(judge("refs/tags/main", Some("main"), None).is_err(), "a tag names no branch");
}

#[test]
fn a_workflow_that_attests_for_itself_shows_level_two() {
    let (statement, identity) = attested();
    let subject = "https://github.com/acme/rocket/.github/workflows/ci.yml@refs/heads/main";
    let statement = changed(statement, "/predicate/runDetails/builder/id", json!(subject));
    let identity = WorkflowIdentity { subject: subject.to_owned(), ..identity };
    let expected =
        Expectation { builder: Some("https://github.com/acme/rocket/.github/workflows/ci.yml"), ..expected() };
    let found = github::verify(
        &identity,
        &serde_json::to_vec(&statement).unwrap(),
        Kind::Attestation,
        &expected,
        BuilderRefs::Releases,
    );
    assert_eq!(found.unwrap().level, Level::L2);
}

fn npm_statements() -> (Value, Value, WorkflowIdentity) {
    let identity = WorkflowIdentity {
        issuer: github::ISSUER.to_owned(),
        subject: "https://github.com/acme/rocket/.github/workflows/publish.yml@refs/heads/main".to_owned(),
        repository: "acme/rocket".to_owned(),
        signer_commit: Some("c".repeat(40)),
        runner: Some("github-hosted".to_owned()),
        commit: Some("c".repeat(40)),
        reference: Some("refs/heads/main".to_owned()),
        repository_id: Some("1".to_owned()),
        owner_id: Some("2".to_owned()),
        config_path: Some(".github/workflows/publish.yml".to_owned()),
        trigger: Some("push".to_owned()),
        run_id: Some("77".to_owned()),
        run_attempt: Some("1".to_owned()),
    };
    let subject = json!([{ "name": "pkg:npm/%40acme/rocket@1.2.3", "digest": { "sha512": SHA512 } }]);
    let provenance = json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2", "subject": subject,
        "predicate": {
            "buildType": "https://github.com/npm/cli/gha/v2",
            "builder": { "id": "https://github.com/actions/runner" },
            "invocation": {
                "configSource": {
                    "uri": "git+https://github.com/acme/rocket@refs/heads/main", "digest": { "sha1": "c".repeat(40) },
                    "entryPoint": ".github/workflows/publish.yml" },
                "parameters": {},
                "environment": { "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "acme/rocket", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1",
                    "GITHUB_WORKFLOW_REF": "acme/rocket/.github/workflows/publish.yml@refs/heads/main" },
            },
            "metadata": { "buildInvocationId": "77-1", "completeness": { "parameters": false, "environment": false, "materials": false }, "reproducible": false },
            "materials": [{ "uri": "git+https://github.com/acme/rocket@refs/heads/main", "digest": { "sha1": "c".repeat(40) } }],
        },
    });
    let publish = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
        "subject": subject,
        "predicate": { "name": "@acme/rocket", "version": "1.2.3", "registry": "https://registry.npmjs.org" },
    });
    (provenance, publish, identity)
}

#[track_caller]
fn check_npm(
    provenance: &Value,
    publish: &Value,
    identity: &WorkflowIdentity,
    package: Package<'_>,
    wanted: Result<Level, Requirement>,
) {
    let expected =
        Expectation { digest: SHA512, builder: Some("https://github.com/actions/runner/github-hosted"), ..expected() };
    let (provenance, publish) = (serde_json::to_vec(provenance).unwrap(), serde_json::to_vec(publish).unwrap());
    let found = npm::verify(identity, &provenance, &publish, &expected, package, BuilderRefs::Releases);
    assert_eq!(found.as_ref().map(|build| build.level).map_err(|error| error.requirement), wanted, "{found:?}");
}

#[test]
fn what_npm_claims_must_stand_in_the_certificate() {
    let (provenance, publish, identity) = npm_statements();
    let package = Package { name: Some("@acme/rocket"), version: Some("1.2.3") };
    check_npm(&provenance, &publish, &identity, package, Ok(Level::L2));
    let environment = "/predicate/invocation/environment";
    for (pointer, value, wanted) in [
        (format!("{environment}/GITHUB_RUN_ID"), json!("78"), Requirement::Certificate),
        (format!("{environment}/GITHUB_EVENT_NAME"), json!("release"), Requirement::Certificate),
        (environment.to_owned(), json!({ "GITHUB_ACTOR": "mallory" }), Requirement::Certificate),
        (environment.to_owned(), json!({ "GITHUB_SHA": 7 }), Requirement::Payload),
        ("/predicate/invocation/configSource/entryPoint".to_owned(), json!("other.yml"), Requirement::Certificate),
        ("/predicate/invocation/parameters".to_owned(), json!({ "a": 1 }), Requirement::Unverifiable),
        ("/predicate/metadata/buildInvocationId".to_owned(), json!("78-1"), Requirement::Certificate),
        ("/predicate/metadata/reproducible".to_owned(), json!(true), Requirement::Unverifiable),
        ("/predicate/metadata/completeness/materials".to_owned(), json!(true), Requirement::Unverifiable),
        (
            "/predicate/metadata".to_owned(),
            json!({ "buildStartedOn": "2026-01-01T00:00:00Z" }),
            Requirement::Unverifiable,
        ),
        (
            "/predicate/builder".to_owned(),
            json!({ "id": "https://github.com/actions/runner", "audited": true }),
            Requirement::Unverifiable,
        ),
        ("/predicate/materials/0/digest/sha1".to_owned(), json!("d".repeat(40)), Requirement::Certificate),
        ("/predicate/invocation/configSource/digest/sha1".to_owned(), json!("d".repeat(40)), Requirement::Certificate),
        (
            "/predicate/builder/id".to_owned(),
            json!("https://github.com/actions/runner/self-hosted"),
            Requirement::BuilderId,
        ),
    ] {
        check_npm(&changed(provenance.clone(), &pointer, value), &publish, &identity, package, Err(wanted));
    }
    let own = WorkflowIdentity { runner: Some("self-hosted".to_owned()), ..identity.clone() };
    check_npm(&provenance, &publish, &own, package, Err(Requirement::BuilderId));
    let old = WorkflowIdentity { runner: None, ..identity };
    check_npm(&provenance, &publish, &old, package, Err(Requirement::Unsupported));
}

#[test]
fn both_attestations_are_of_the_expected_package() {
    let (provenance, publish, identity) = npm_statements();
    let name = Package { name: Some("@acme/rocket2"), version: None };
    check_npm(&provenance, &publish, &identity, name, Err(Requirement::PackageName));
    let version = Package { name: None, version: Some("1.2.4") };
    check_npm(&provenance, &publish, &identity, version, Err(Requirement::PackageVersion));
    let wanted = Package { name: Some("@acme/rocket"), version: Some("1.2.3") };
    check_npm(
        &provenance,
        &changed(publish.clone(), "/predicate/name", json!("@acme/other")),
        &identity,
        wanted,
        Err(Requirement::PackageName),
    );
    check_npm(
        &provenance,
        &changed(publish.clone(), "/predicate/version", json!("9.9.9")),
        &identity,
        wanted,
        Err(Requirement::PackageVersion),
    );
    check_npm(
        &provenance,
        &changed(publish.clone(), "/subject/0/digest", json!({ "sha512": "0".repeat(128) })),
        &identity,
        wanted,
        Err(Requirement::Digest),
    );
    check_npm(
        &provenance,
        &changed(publish.clone(), "/predicateType", json!("https://example.com/publish")),
        &identity,
        wanted,
        Err(Requirement::Payload),
    );
    // A percent sign that hides another name is decoded once.
    check_npm(
        &provenance,
        &changed(publish, "/subject/0/name", json!("pkg:npm/%2540acme/rocket@1.2.3")),
        &identity,
        wanted,
        Err(Requirement::PackageName),
    );
}

#[test]
fn the_registrys_answer_holds_one_of_each() {
    let answer = |kinds: &[&str]| {
        let attestations: Vec<Value> =
            kinds.iter().map(|kind| json!({ "predicateType": kind, "bundle": { "k": kind } })).collect();
        serde_json::to_vec(&json!({ "attestations": attestations })).unwrap()
    };
    let (provenance, publish) =
        ("https://slsa.dev/provenance/v1", "https://github.com/npm/attestation/tree/main/specs/publish/v0.1");
    let whole = answer(&[provenance, publish]);
    let parts = npm::split(&whole).unwrap();
    assert!(String::from_utf8_lossy(parts.provenance).contains(provenance));
    assert!(String::from_utf8_lossy(parts.publish).contains(publish));
    for kinds in
        [&[provenance][..], &[publish], &[], &[provenance, publish, publish], &[provenance, provenance, publish]]
    {
        assert_eq!(npm::split(&answer(kinds)).unwrap_err().requirement, Requirement::Format, "{kinds:?}");
    }
}

#[test]
fn summaries_are_compared_whole() {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": vsa::PREDICATE,
        "subject": [{ "digest": { "sha256": DIGEST, "gce_image_id": "7" } }],
        "predicate": { "verifier": { "id": "https://acme.example/verifier" }, "timeVerified": "2026-01-01T00:00:00Z", "resourceUri": "oci://rocket",
            "policy": { "uri": "x" }, "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "REVIEWED"] },
    });
    let digests = [format!("sha256:{DIGEST}"), "gce_image_id:7".to_owned()];
    let judge = |statement: &Value, digests: &[String], levels: &[&str]| {
        let levels: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
        let expected = vsa::Expectation {
            digests,
            verifier: "https://acme.example/verifier",
            resource_uri: "oci://rocket",
            levels: &levels,
        };
        vsa::verify(&serde_json::to_vec(statement).unwrap(), &expected).map_err(|error| error.requirement)
    };
    assert_eq!(judge(&statement, &digests, &["SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3", "REVIEWED"]), Ok(()));
    for level in ["SLSA_BUILD_LEVEL_4", "SLSA_SOURCE_LEVEL_1", "reviewed", "SLSA_BUILD_LEVEL_"] {
        assert_eq!(judge(&statement, &digests, &[level]), Err(Requirement::Result), "{level}");
    }
    assert_eq!(judge(&statement, &["sha256:00".to_owned()], &[]), Err(Requirement::Digest));
    assert_eq!(judge(&statement, &[], &[]), Err(Requirement::Digest), "nothing to look for is nothing found");
    for (pointer, value) in [
        ("/predicate/verificationResult", "FAILED"),
        ("/predicate/verifier/id", "x"),
        ("/predicate/resourceUri", "oci://rocket2"),
    ] {
        assert_eq!(
            judge(&changed(statement.clone(), pointer, json!(value)), &digests, &[]),
            Err(Requirement::Result),
            "{pointer}"
        );
    }
}

#[test]
fn cloud_build_without_a_good_signature_is_refused() {
    let judge =
        |document: &Value| gcb::verify(&serde_json::to_vec(document).unwrap(), &expected()).unwrap_err().requirement;
    let entry = |payload_type: &str, signatures: Value| {
        json!({ "image_summary": { "digest": format!("sha256:{DIGEST}"), "fully_qualified_digest": format!("x@sha256:{DIGEST}") },
            "provenance_summary": { "provenance": [{ "kind": "BUILD", "resourceUri": format!("x@sha256:{DIGEST}"),
                "envelope": { "payload": "e30=", "payloadType": payload_type, "signatures": signatures } }] } })
    };
    let key = "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/builtByGCB/cryptoKeyVersions/1";
    let in_toto = "application/vnd.in-toto+json";
    assert_eq!(judge(&entry(in_toto, json!([]))), Requirement::NoSignature);
    assert_eq!(judge(&entry(in_toto, json!([{ "keyid": "", "sig": "" }]))), Requirement::NoSignature);
    assert_eq!(judge(&entry(in_toto, json!([{ "keyid": key, "sig": "!!" }]))), Requirement::NoSignature);
    assert_eq!(judge(&entry(in_toto, json!([{ "keyid": key, "sig": "AAAA" }]))), Requirement::NoSignature);
    assert_eq!(judge(&entry("text/plain", json!([{ "keyid": key, "sig": "AAAA" }]))), Requirement::NoSignature);
    assert_eq!(judge(&json!({})), Requirement::Payload);
    let other = Expectation { builder: Some("https://cloudbuild.googleapis.com/Other"), ..expected() };
    assert_eq!(gcb::verify(b"{}", &other).unwrap_err().requirement, Requirement::Platform);
}

#[test]
fn versions_of_tags() {
    let ok = |tag: &str, expected: &str| version_matches(tag, expected).map_err(|error| error.requirement);
    for (tag, expected) in [
        ("v14.2.0", "v14"),
        ("v14.2.0", "v14.2"),
        ("v14.2.0", "v14.2.0"),
        ("v14.2.0+meta", "v14.2.0"),
        ("v1.2.3-rc.1", "v1.2.3-rc.1"),
        ("v14", "v14.0.0"),
    ] {
        assert_eq!(ok(tag, expected), Ok(()), "{tag} {expected}");
    }
    for (tag, expected) in [
        ("v14.2.0", "v1"),
        ("v14.2.1", "v14.2.0"),
        ("v1.2.3-rc.1", "v1.2.3"),
        ("v1.2.3-rc.2", "v1.2.3-rc.1"),
        ("v1.2.3", "v1.3"),
    ] {
        assert_eq!(ok(tag, expected), Err(Requirement::VersionedTag), "{tag} {expected}");
    }
    for (tag, expected) in [
        ("14.2.0", "v14"),
        ("v14.2.0", "14"),
        ("v1.02.3", "v1"),
        ("v1.2.3", "v1.2-rc"),
        ("v1.2.3", "v"),
        ("v1.2.3", "v1.2.3.4"),
        ("v1.2.3", "v1.2.3-"),
    ] {
        assert_eq!(ok(tag, expected), Err(Requirement::Semver), "{tag} {expected}");
    }
}

#[test]
fn refusals_carry_no_control_characters_and_are_short() {
    let error = SlsaError::new(Requirement::Source, "x", format!("\u{1b}[31m{}", "y".repeat(10_000)));
    let text = error.to_string();
    assert!(!text.contains('\u{1b}') && text.len() < 500, "{text}");
}

proptest! {
    #[test]
    fn hostile_statements_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), place in 0usize..4096, flip in any::<u8>()) {
        for statement in [generic("refs/heads/main"), delegated("refs/tags/v2.0.0"), attested().0, npm_statements().0] {
            let mut payload = serde_json::to_vec(&statement).unwrap();
            let length = payload.len();
            payload[place % length] ^= flip;
            for payload in [&payload[..], &bytes[..], &payload[..place % length]] {
                for kind in [Kind::Artifact, Kind::Image, Kind::Attestation] {
                    let _refused = github::verify(&generic_identity(), payload, kind, &expected(), BuilderRefs::AlsoTheirOwnTests);
                }
                let (_, _, identity) = npm_statements();
                let wanted = Expectation { builder: Some("https://github.com/actions/runner"), ..expected() };
                let _refused = npm::verify(&identity, payload, payload, &wanted, Package::default(), BuilderRefs::Releases);
                let _refused = npm::split(payload);
                let _refused = gcb::verify(payload, &expected());
                let digests = ["sha256:00".to_owned()];
                let _refused = vsa::verify(payload, &vsa::Expectation { digests: &digests, verifier: "", resource_uri: "", levels: &[] });
            }
        }
    }

    #[test]
    fn builder_ids_and_versions_never_panic(text in "\\PC{0,40}") {
        let _parsed = BuilderId::parse(&text);
        let _parsed = GoSemver::parse(&text);
        let _matched = version_matches(&text, &text);
    }
}
