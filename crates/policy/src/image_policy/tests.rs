use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jmespath::Surroundings;
use crate::kyverno::verify_images::{Answer, DemandedLog, DemandedSigner, Evidence, Found, ImageNeed, Layout, RootRef};
use crate::kyverno::{Action, Input, Need, Operation, Snapshot, Status};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "sha256:f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZxAfzrQG1EbWyCI8LiSB7YgSFXoI\\nFNGTyQGKHFc6/H8TQumT9VLS78pUwtv3w7EfKoyFZoP32KrO7nzUy2q6Cw==\\n-----END PUBLIC KEY-----\\n";

fn document(text: &str) -> signet_yaml::Document {
    signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap().remove(0)
}

fn text(name: &str, spec: &str) -> String {
    let spec = spec.replace("KEY", &format!("\"{KEY}\""));
    format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{ name: {name} }}\nspec:\n{spec}\n"
    )
}

#[track_caller]
fn policy(name: &str, spec: &str) -> Policy {
    Policy::load(&document(&text(name, spec)).root).unwrap()
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": image}], "imagePullSecrets": [{"name": "s"}]}})
}

/// What a registry would say: a digest for every tag, and what `answer` says of demands.
fn decided(
    policies: &[Policy],
    input: &Input,
    roots: &[TrustRoot],
    answer: &dyn Fn(&ImageNeed) -> Answer,
) -> Judgement {
    let (settings, snapshot) = (Settings::default(), Snapshot::new());
    let surroundings = Surroundings::kyverno("2026-01-16T00:00:00Z".parse().unwrap(), [7; 32]);
    let mut evidence = Evidence::new();
    loop {
        let known = Known { settings: &settings, roots, evidence: &evidence, snapshot: &snapshot };
        let judgement = judge(policies, input, &known, &surroundings);
        if judgement.images.is_empty() {
            return judgement;
        }
        for need in judgement.images {
            let said = match &need {
                ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
                _ => answer(&need),
            };
            evidence.insert(need, said);
        }
    }
}

fn statuses(judgement: &Judgement) -> Vec<Status> {
    judgement.responses.iter().map(|response| response.status).collect()
}

fn signed(digest: &str) -> Answer {
    Answer::Found(Box::new(Found {
        digest: digest.to_owned(),
        signatures: vec![json!({"id": "1"})],
        statements: Vec::new(),
    }))
}

fn attested(kind: &str, predicate: Value) -> Answer {
    let statement = json!({"predicateType": kind, "predicate": predicate});
    Answer::Found(Box::new(Found {
        digest: DIGEST.to_owned(),
        signatures: Vec::new(),
        statements: vec![(json!({"id": "1"}), statement)],
    }))
}

fn by_key(need: &ImageNeed) -> bool {
    matches!(need, ImageNeed::Verified(demand) if matches!(demand.signer, DemandedSigner::Key { .. }))
}

#[track_caller]
fn check_glob(glob: &str, image: &str, wanted: bool) {
    let policy = policy("p", &format!("  images: [{{glob: '{glob}'}}]\n  authorities: [{{static: {{action: fail}}}}]"));
    let judgement = decided(&[policy], &Input::of(pod(image), Operation::Create), &[], &|_| signed(DIGEST));
    assert_eq!(judgement.responses[0].rule == "p", wanted, "{glob} {image}: {judgement:?}");
}

#[test]
fn globs_are_about_images_however_they_are_written() {
    check_glob("*", "nginx", true);
    check_glob("*", "user/app", false);
    check_glob("*/*", "user/app:1", true);
    check_glob("nginx", "nginx", true);
    check_glob("nginx", "docker.io/library/nginx:latest", true);
    check_glob("nginx", "nginx:1", false);
    check_glob("index.docker.io/library/nginx:*", "docker.io/nginx:1", true);
    check_glob("docker.io/library/nginx**", "nginx:1", true);
    check_glob("ghcr.io/a/*", "ghcr.io/a/b:1", true);
    check_glob("ghcr.io/a/*", "ghcr.io/a/b/c:1", false);
    check_glob("ghcr.io/a/**", "ghcr.io/a/b/c:1", true);
    check_glob("ghcr.io/a/b", "xghcr.io/a/b", false);
    check_glob("ghcr.io/a/b:*", "GHCR.io:443/a/b:1", true);
    check_glob("**demo**", "registry.local:5000/demo/x", true);
    check_glob("a.b/*", "axb/c", false);
    // A tag beside a digest brings an image under a policy that only refuses.
    check_glob("ghcr.io/a/b:1", &format!("ghcr.io/a/b:1@{DIGEST}"), true);
}

#[test]
fn a_tag_beside_a_digest_brings_no_image_under_a_policy_that_lets_pass() {
    let policy = policy("p", "  images: [{glob: 'ghcr.io/a/b:1'}]\n  authorities: [{static: {action: pass}}]");
    let status = |image: &str| {
        let judgement =
            decided(std::slice::from_ref(&policy), &Input::of(pod(image), Operation::Create), &[], &|_| signed(DIGEST));
        statuses(&judgement)
    };
    assert_eq!(status("ghcr.io/a/b:1"), [Status::Pass]);
    assert_eq!(status(&format!("ghcr.io/a/b:1@{DIGEST}")), [Status::Fail]);
}

/// What a policy says itself is asked after one of its authorities let the image pass; without any, none did.
#[test]
fn a_policy_without_authorities_lets_nothing_pass() {
    let settings = Settings { fail_on_empty_authorities: false, ..Settings::default() };
    for language in ["", "  policy: {type: rego, data: \"package sigstore\\nisCompliant { true }\"}"] {
        let text = text("p", &format!("  images: [{{glob: '**'}}]\n  authorities: []\n{language}"));
        let policy = Policy::load_with(&document(&text).root, &settings).unwrap();
        let judgement =
            decided(&[policy], &Input::of(pod("ghcr.io/a/b:1"), Operation::Create), &[], &|_| signed(DIGEST));
        assert_eq!(statuses(&judgement), [Status::Fail], "{judgement:?}");
        assert!(judgement.responses[0].message.contains("no authority is named"), "{judgement:?}");
    }
}

#[test]
fn one_authority_suffices_and_every_policy_must_hold() {
    let two = "  images: [{glob: '**'}]\n  authorities:\n  - key: {data: KEY}\n  - keyless: {identities: [{issuer: i, subject: s}]}";
    let first = policy("first", two);
    let second = policy("second", "  images: [{glob: '**'}]\n  authorities: [{key: {data: KEY}}]");
    let input = Input::of(pod("ghcr.io/a/b:1"), Operation::Create);
    let none = |_: &ImageNeed| Answer::Refused("no signature".to_owned());
    let keyless = |need: &ImageNeed| if by_key(need) { none(need) } else { signed(DIGEST) };
    assert_eq!(statuses(&decided(std::slice::from_ref(&first), &input, &[], &keyless)), [Status::Pass]);
    assert_eq!(
        statuses(&decided(&[first.clone(), second.clone()], &input, &[], &keyless)),
        [Status::Pass, Status::Fail]
    );
    assert_eq!(statuses(&decided(&[first.clone(), second], &input, &[], &|_| signed(DIGEST))), [Status::Pass; 2]);
    let judgement = decided(std::slice::from_ref(&first), &input, &[], &none);
    assert_eq!((judgement.responses[0].status, judgement.responses[0].action), (Status::Fail, Action::Enforce));
    let message = &judgement.responses[0].message;
    assert!(message.starts_with("failed policy: first: spec.containers[0].image\nghcr.io/a/b:1"), "{message}");
    assert!(message.contains("signature key validation failed for authority authority-0"), "{message}");
    // The tag stays for readers; what was verified is written beside it.
    let passed = decided(std::slice::from_ref(&first), &input, &[], &keyless);
    assert_eq!(passed.pinned["/spec/containers/0/image"], format!("ghcr.io/a/b:1@{DIGEST}"));
    // Not known is not so.
    let unknown = |_: &ImageNeed| Answer::Unknown("the registry is down".to_owned());
    assert_eq!(statuses(&decided(&[first], &input, &[], &unknown)), [Status::Error]);
}

#[test]
fn answers_about_another_digest_or_type_count_for_nothing() {
    let input = Input::of(pod("ghcr.io/a/b:1"), Operation::Create);
    let signature = policy("p", "  images: [{glob: '**'}]\n  authorities: [{key: {data: KEY}}]");
    assert_eq!(statuses(&decided(&[signature], &input, &[], &|_| signed(OTHER))), [Status::Fail]);
    let attestation = policy(
        "p",
        "  images: [{glob: '**'}]\n  authorities:\n  - key: {data: KEY}\n    attestations: [{name: v, predicateType: vuln}, {name: o, predicateType: 'https://o'}]",
    );
    let kind = |need: &ImageNeed| match need {
        ImageNeed::Verified(demand) => demand.predicate_type.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let as_asked = |need: &ImageNeed| attested(&kind(need), json!({}));
    assert_eq!(statuses(&decided(std::slice::from_ref(&attestation), &input, &[], &as_asked)), [Status::Pass]);
    let wrong = decided(std::slice::from_ref(&attestation), &input, &[], &|_| {
        attested("https://cosign.sigstore.dev/attestation/vuln/v1", json!({}))
    });
    assert_eq!(statuses(&wrong), [Status::Fail]);
    assert!(wrong.responses[0].message.contains("no matching attestations with type https://o"), "{wrong:?}");
    assert_eq!(statuses(&decided(&[attestation], &input, &[], &|_| signed(DIGEST))), [Status::Fail]);
}

#[test]
fn policies_in_rego_decide_over_attestations_and_over_all_that_matched() {
    let rego = "package sigstore\n        default isCompliant = false\n        isCompliant { input.predicate.n == 1 }";
    let spec = format!("  images: [{{glob: '**'}}]\n  authorities:\n  - key: {{data: KEY}}\n    attestations:\n    - name: a\n      predicateType: custom\n      policy:\n        type: rego\n        data: |\n        {rego}").replace("        package", "          package").replace("        default", "          default").replace("        isCompliant {", "          isCompliant {");
    let policy_of_statements = policy("p", &spec);
    let input = Input::of(pod("ghcr.io/a/b:1"), Operation::Create);
    let custom = "https://cosign.sigstore.dev/attestation/v1";
    let status = |n: i64| {
        statuses(&decided(std::slice::from_ref(&policy_of_statements), &input, &[], &|_| {
            attested(custom, json!({"n": n}))
        }))
    };
    assert_eq!(status(1), [Status::Pass]);
    assert_eq!(status(2), [Status::Fail]);
    let whole = |rule: &str, more: &str| {
        policy(
            "p",
            &format!(
                "  images: [{{glob: '**'}}]\n  authorities: [{{name: k, key: {{data: KEY}}}}]\n  policy:\n    type: rego\n{more}    data: |\n      package sigstore\n      {rule}"
            ),
        )
    };
    let check = |rule: &str, more: &str, wanted: Status| {
        let judgement = decided(&[whole(rule, more)], &input, &[], &|need| match need {
            ImageNeed::Configs { .. } => Answer::Configs(json!({"linux/amd64": {"config": {"User": "1"}}})),
            _ => signed(DIGEST),
        });
        assert_eq!(statuses(&judgement), [wanted], "{rule}: {judgement:?}");
    };
    check("isCompliant { count(input.authorityMatches.k.signatures) == 1 }", "", Status::Pass);
    check("isCompliant { count(input.authorityMatches.k.signatures) == 2 }", "", Status::Fail);
    check("isCompliant { input.metadata.labels.a == \"b\" }", "    includeObjectMeta: true\n", Status::Pass);
    // What was not asked for is not seen.
    check("isCompliant { input.metadata.labels.a == \"b\" }", "", Status::Fail);
    check("isCompliant { input.typemeta.kind == \"Pod\" }", "    includeTypeMeta: true\n", Status::Pass);
    check("isCompliant { input.spec.containers[0].name == \"c\" }", "    includeSpec: true\n", Status::Pass);
    check(
        "isCompliant { input.config[\"linux/amd64\"].config.User == \"1\" }",
        "    fetchConfigFile: true\n",
        Status::Pass,
    );
    check("isCompliant = {\"result\": true}", "", Status::Pass);
    check("isCompliant = {\"result\": true, \"warning\": \"w\"}", "", Status::Fail);
    check("isCompliant = {\"result\": false, \"error\": \"e\"}", "", Status::Fail);
    check("isCompliant = \"yes\"", "", Status::Fail);
    // What holds `true` is not `true`.
    for other in
        ["{true}", "[true]", "[true, true]", "{{\"result\": true}}", "[{\"result\": true}]", "{\"result\": [true]}"]
    {
        check(&format!("isCompliant = {other}"), "", Status::Fail);
    }
    check("isCompliant[x] { x := true }", "", Status::Fail);
    check("isCompliant { crypto.none(1) }", "", Status::Error);
}

#[test]
fn cue_refuses_and_says_what_to_write() {
    let spec = "  images: [{glob: '**'}]\n  authorities: [{static: {action: pass}}]\n  policy: {type: cue, data: 'predicateType: \"x\"'}";
    let policy = policy("p", spec);
    assert!(policy.uses_cue());
    let judgement = decided(&[policy], &Input::of(pod("nginx"), Operation::Create), &[], &|_| signed(DIGEST));
    assert_eq!(statuses(&judgement), [Status::Fail]);
    assert!(judgement.responses[0].message.contains("write it in Rego (`type: rego`), or as CEL"), "{judgement:?}");
}

#[test]
fn policies_that_lie_elsewhere_are_needed_and_have_a_digest() {
    let remote = policy("p", "  images: [{glob: '**'}]\n  authorities: [{static: {action: pass}}]\n  policy:\n    type: rego\n    remote: {url: 'https://x.example/p.rego', sha256sum: 00}".replace("sha256sum: 00", "sha256sum: '4d3a0b5c'").as_str());
    let (settings, evidence) = (Settings::default(), Evidence::new());
    let surroundings = Surroundings::kyverno("2026-01-16T00:00:00Z".parse().unwrap(), [7; 32]);
    let input = Input::of(pod("nginx"), Operation::Create);
    let mut snapshot = Snapshot::new();
    let look = |snapshot: &Snapshot| {
        let known = Known { settings: &settings, roots: &[], evidence: &evidence, snapshot };
        judge(std::slice::from_ref(&remote), &input, &known, &surroundings)
    };
    let first = look(&snapshot);
    let need = Need::Service {
        method: "GET".to_owned(),
        url: "https://x.example/p.rego".to_owned(),
        body: String::new(),
        headers: std::collections::BTreeMap::new(),
    };
    assert_eq!((statuses(&first), first.needs.iter().collect::<Vec<_>>()), (vec![Status::Error], vec![&need]));
    snapshot.insert(need, json!("package sigstore\nisCompliant { true }"));
    let second = look(&snapshot);
    assert_eq!(statuses(&second), [Status::Error]);
    assert!(second.responses[0].message.contains("has the SHA-256"), "{second:?}");
}

#[test]
fn what_is_asked_says_what_is_trusted() {
    let asked = |authority: &str| {
        let policy = policy("p", &format!("  images: [{{glob: '**'}}]\n  authorities:\n  - {authority}"));
        let root = "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: r}\nspec: {trustedRootJSON: '{}'}";
        let root = TrustRoot::load(&document(root).root).unwrap();
        let seen = std::cell::RefCell::new(None);
        decided(&[policy], &Input::of(pod("ghcr.io/a/b:1"), Operation::Create), &[root], &|need| {
            if let ImageNeed::Verified(demand) = need {
                *seen.borrow_mut() = Some((**demand).clone());
            }
            signed(DIGEST)
        });
        seen.into_inner().unwrap()
    };
    let key = asked("key: {data: KEY, hashAlgorithm: sha512}");
    assert_eq!(
        (key.log, key.layout, key.credentials.secrets),
        (DemandedLog::Ignored, Layout::Cosign, vec!["s".to_owned()])
    );
    let logged =
        asked("key: {kms: 'gcpkms://k'}\n    ctlog: {url: 'https://rekor.example'}\n    signatureFormat: bundle");
    assert_eq!(logged.log, DemandedLog::Required(RootRef::Url("https://rekor.example".to_owned())));
    assert_eq!(logged.layout, Layout::SigstoreBundle);
    let keyless = asked("keyless: {identities: [{issuer: i, subjectRegExp: 's.*'}], insecureIgnoreSCT: true}");
    assert_eq!(keyless.log, DemandedLog::Required(RootRef::Default));
    assert!(matches!(
        keyless.signer,
        DemandedSigner::Keyless { authority: RootRef::Default, ignore_certificate_log: true, .. }
    ));
    let own = asked(
        "keyless: {identities: [{issuer: i, subject: s}], trustRootRef: r}\n    ctlog: {}\n    rfc3161timestamp: {trustRootRef: r}",
    );
    // A trust root stands in the question with what it holds: an answer is worth nothing once the document says something else.
    let named = || RootRef::Named { name: "r".to_owned(), spec: r#"{"trustedRootJSON":"{}"}"#.into() };
    assert!(matches!(&own.signer, DemandedSigner::Keyless { authority, .. } if *authority == named()));
    assert_eq!((own.log, own.timestamp), (DemandedLog::Ignored, Some(named())));
    let log = asked("key: {data: KEY}\n    ctlog: {trustRootRef: r}").log;
    assert_eq!(log, DemandedLog::Required(named()));
    let source = asked(
        "key: {secretRef: {name: k}}\n    source: [{oci: 'reg.example/sigs', tagPrefix: t, signaturePullSecrets: [{name: z}]}]",
    );
    let place = source.source.unwrap();
    assert_eq!((place.repository.as_str(), place.tag_prefix.as_str()), ("reg.example/sigs", "t"));
    assert_eq!(source.credentials.secrets, ["s", "z"]);
    assert!(matches!(&source.signer, DemandedSigner::Key { key, .. } if key == "k8s://cosign-system/k"));
}

#[test]
fn a_trust_root_that_is_not_there_trusts_nothing() {
    let policy = policy(
        "p",
        "  images: [{glob: '**'}]\n  authorities: [{keyless: {identities: [{issuer: i, subject: s}], trustRootRef: r}}]",
    );
    let input = Input::of(pod("ghcr.io/a/b:1"), Operation::Create);
    assert_eq!(statuses(&decided(std::slice::from_ref(&policy), &input, &[], &|_| signed(DIGEST))), [Status::Error]);
    let root = |spec: &str| {
        let text =
            format!("apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {{name: r}}\nspec: {spec}");
        TrustRoot::load(&document(&text).root)
    };
    let unusable = root("{remote: {mirror: 'https://m', root: NOT_BASE64}}").unwrap();
    assert!(!unusable.unusable.is_empty());
    assert_eq!(statuses(&decided(&[policy], &input, &[unusable], &|_| signed(DIGEST))), [Status::Error]);
    for (spec, wanted) in [
        ("{}", "expected exactly one, got neither: spec.remote, spec.repository"),
        ("{remote: {root: a}, trustedRootJSON: '{}'}", "expected exactly one, got both"),
        ("{remote: {mirror: 'https://m'}}", "missing field(s): spec.remote.root"),
        ("{remote: {mirror: 'https://m', root: e30=}}", "missing signatures in root.json"),
        ("{sigstoreKeys: {}}", "got neither: spec.sigstoreKeys.certificateAuthority"),
        (
            "{sigstoreKeys: {certificateAuthorities: [{}]}}",
            "missing field(s): spec.sigstoreKeys.certificateAuthorities[0].uri",
        ),
    ] {
        let problems = root(spec).unwrap_err();
        assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{spec}: {problems:?}");
    }
}

#[track_caller]
fn refused(spec: &str, wanted: &str) {
    let problems = Policy::load(&document(&text("p", spec)).root).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{spec}: {problems:?}");
}

#[test]
fn documents_are_refused_in_the_words_of_the_controller() {
    let with = |authority: &str| format!("  images: [{{glob: '**'}}]\n  authorities:\n  - {authority}");
    refused("  authorities: [{static: {action: pass}}]", "missing field(s): spec.images");
    refused(
        "  images: [{glob: '['}]\n  authorities: [{static: {action: pass}}]",
        "invalid value: [: spec.images[0].glob",
    );
    refused("  images: [{glob: a}]", "missing field(s): spec.authorities");
    refused(&with("static: {action: x}"), "invalid value: x: spec.authorities[0].static.action");
    refused(
        &with("static: {action: pass}\n    ctlog: {url: u}"),
        "got both: spec.authorities[0].ctlog, spec.authorities[0].static",
    );
    refused(
        &with("name: x"),
        "got neither: spec.authorities[0].key, spec.authorities[0].keyless, spec.authorities[0].static",
    );
    refused(&with("key: {data: x}"), "validation failed: invalid value: x: spec.authorities[0].key.data");
    refused(&with("key: {kms: 'x://y'}"), "invalid value: x://y: spec.authorities[0].key.kms");
    refused(&with("key: {kms: 'awskms://h/arn:aws:kms:r:1:key/i'}"), "spec.authorities[0].key.kms");
    refused(
        &with("keyless: {identities: [{issuer: i}]}"),
        "missing field(s): spec.authorities[0].keyless.identities[0].subject, spec.authorities[0].keyless.identities[0].subjectRegExp",
    );
    refused(
        &with("keyless: {identities: [{issuer: i, issuerRegExp: j, subject: s}]}"),
        "got both: spec.authorities[0].keyless.identities[0].issuer",
    );
    refused(&with("keyless: {}"), "keyless.identities: Invalid value");
    refused(
        &with("key: {data: KEY}\n    attestations: [{name: a, predicateType: t, policy: {type: x, data: z}}]"),
        "invalid value: x: spec.authorities[0].attestations[0].policy.type",
    );
    refused(
        &with(
            "key: {data: KEY}\n    attestations: [{name: a, predicateType: t, policy: {type: cue, data: z, includeSpec: true}}]",
        ),
        "must not set the field(s): spec.authorities[0].attestations[0].policy.includeSpec",
    );
    refused(
        "  images: [{glob: a}]\n  authorities: [{static: {action: pass}}]\n  policy: {type: rego, remote: {url: 'http://x', sha256sum: a}}",
        "invalid value: http://x: spec.policy.remote.url",
    );
    refused(
        "  images: [{glob: a}]\n  authorities: [{static: {action: pass}}]\n  policy: {type: rego, data: 'package other'}",
        "spec.policy.data",
    );
    refused(
        "  images: [{glob: a}]\n  authorities: [{static: {action: pass}}]\n  match: [{selector: {matchLabels: {a: b}}}]",
        "spec.match[0].selector",
    );
    refused(
        "  images: [{glob: a}]\n  authorities: [{static: {action: pass}}]\n  patterns: []",
        "has no field `patterns`",
    );
}

#[test]
fn requests_that_bring_no_image_are_left_alone() {
    let policy = policy(
        "p",
        "  images: [{glob: '**'}]\n  authorities: [{static: {action: fail, message: m}}]\n  match: [{resource: pods, version: v1, selector: {matchLabels: {a: b}}}]",
    );
    let status = |input: &Input| statuses(&decided(std::slice::from_ref(&policy), input, &[], &|_| signed(DIGEST)));
    let judgement =
        decided(std::slice::from_ref(&policy), &Input::of(pod("nginx"), Operation::Create), &[], &|_| signed(DIGEST));
    assert!(judgement.responses[0].message.contains("disallowed by static policy: m"), "{judgement:?}");
    assert!(status(&Input::of(pod("nginx"), Operation::Delete)).is_empty());
    let mut leaving = pod("nginx");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut change = Input::of(leaving.clone(), Operation::Update);
    assert!(status(&change).is_empty());
    // One that brings another image is judged (CVE-2023-34091).
    let mut other = leaving;
    other["spec"]["containers"][0]["image"] = json!("evil");
    change.request["object"] = other;
    assert_eq!(status(&change), [Status::Fail]);
    // Another kind falls under no policy.
    let mut labels = pod("nginx");
    labels["metadata"]["labels"] = json!({});
    let judgement =
        decided(std::slice::from_ref(&policy), &Input::of(labels, Operation::Create), &[], &|_| signed(DIGEST));
    assert!(
        judgement.responses[0].message.starts_with("no matching policies: spec.containers[0].image"),
        "{judgement:?}"
    );
    let judgement = decided(&[policy], &Input::of(pod("a@b"), Operation::Create), &[], &|_| signed(DIGEST));
    assert_eq!(statuses(&judgement), [Status::Error]);
}

#[test]
fn warnings_refuse_nothing() {
    let policy = policy("p", "  mode: warn\n  images: [{glob: '**'}]\n  authorities: [{static: {action: fail}}]");
    let judgement = decided(&[policy], &Input::of(pod("nginx"), Operation::Create), &[], &|_| signed(DIGEST));
    assert_eq!((judgement.responses[0].action, judgement.warnings.len()), (Action::Audit, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn mutated_documents_never_panic(at in 0_usize..700, with in "[ -~\n]{0,4}") {
        let mut text = text("p", "  images: [{glob: '**'}]\n  mode: enforce\n  match: [{resource: pods, version: v1}]\n  authorities:\n  - key: {data: KEY}\n    ctlog: {url: u}\n    source: [{oci: a.b/c}]\n  - keyless: {identities: [{issuer: i, subject: s}]}\n    attestations: [{name: a, predicateType: t, policy: {type: cue, data: x}}]");
        let end = text.len().min(at.saturating_add(3));
        text.replace_range(at.min(text.len())..end, &with);
        if let Ok(documents) = signet_yaml::parse(&text, &signet_yaml::Limits::default()) {
            for document in &documents {
                let _policy = Policy::load(&document.root).is_ok();
                let _root = TrustRoot::load(&document.root).is_ok();
                let _settings = Settings::load(&document.root).is_ok();
            }
        }
    }
}
