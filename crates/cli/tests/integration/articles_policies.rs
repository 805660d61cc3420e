//! The policies of `examples/`, as they are printed, against images that are signed here: only the names of registries are set by the tests.

use std::path::Path;

use serde_json::{Value, json};

use crate::articles_signing::Machine;
use crate::harness::Room;
use crate::peers::peers;

const FIRST: &str = "123456789.dkr.ecr.us-east-1.amazonaws.com/";

/// A policy of `examples/policies`, with another registry in the place of the printed one.
fn example(name: &str, printed: &str, host: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(printed.is_empty() || text.contains(printed), "{text}");
    if printed.is_empty() { text } else { text.replace(printed, host) }
}

fn pod(namespace: &str, image: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": namespace}, "spec": {"containers": [{"name": "app", "image": image}]}}).to_string()
}

/// What a policy says of a Pod: whether it is admitted, the image that it then has, and all words.
fn apply(machine: &Machine, policy: &str, pod: &str) -> (bool, String, String) {
    machine.room.file("policy.yaml", policy);
    machine.room.file("pod.yaml", pod);
    let output = machine.run("signet policy apply policy.yaml --resource pod.yaml -o json", &[]);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|err| panic!("{err}: {talk}"));
    let resource = &found["resources"][0];
    let allowed = resource["decision"]["allowed"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(if allowed { 0 } else { 10 }), "{talk}");
    let pod: Value = serde_json::from_str(pod).unwrap();
    let object = if resource["changed"].is_null() { &pod } else { &resource["changed"] };
    (allowed, object["spec"]["containers"][0]["image"].as_str().unwrap().to_owned(), found.to_string())
}

#[track_caller]
fn admits(machine: &Machine, policy: &str, pod: &str, image: &str) {
    let (allowed, found, words) = apply(machine, policy, pod);
    assert!(allowed, "{words}");
    assert_eq!(found, image);
}

#[track_caller]
fn refuses(machine: &Machine, policy: &str, pod: &str, why: &str) {
    let (allowed, _, words) = apply(machine, policy, pod);
    assert!(!allowed, "{words}");
    assert!(words.contains(why), "no `{why}` in {words}");
}

#[test]
fn a_signatures_of_an_organisation() {
    if !peers("a_signatures_of_an_organisation", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("your-org/app");
    let Machine { image, digest, child, registry, .. } = &machine;
    let policy = example("a-verify-image-signatures.yaml", "ghcr.io/your-org/", &format!("{}/team/", registry.host));
    let tagged = pod("default", &format!("{image}:1"));
    refuses(&machine, &policy, &tagged, "no signatures found");
    // A signature by a key is none of that organisation.
    machine.check("cosign generate-key-pair", &[], &[]);
    machine.check(&format!("cosign sign --key cosign.key {image}@{digest}"), &[], &[]);
    refuses(&machine, &policy, &tagged, "no signature is as the policy demands");
    machine.job(&format!("cosign sign --yes {image}@{digest}"));
    admits(&machine, &policy, &tagged, &format!("{image}:1@{digest}"));
    refuses(&machine, &policy, &pod("default", &format!("{image}@{child}")), "no signatures found");
    refuses(&machine, &policy, &pod("default", &format!("{image}:nosuch")), "cannot resolve");
    // Images of others are not its business.
    admits(&machine, &policy, &pod("default", "r.example.com/x:1"), "r.example.com/x:1");
    // Another organisation's workflow is not trusted.
    refuses(
        &machine,
        &policy.replace("github.com/your-org/", "github.com/other-org/"),
        &tagged,
        "certificate identity",
    );
    refuses(&machine, &policy.replace("token.actions.githubusercontent.com", "accounts.google.com"), &tagged, "issuer");
}

#[test]
fn c_and_d_signed_and_scanned() {
    if !peers("c_and_d_signed_and_scanned", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, registry, .. } = &machine;
    let host = format!("{}/", registry.host);
    let signed = example("c-require-signed-images.yaml", FIRST, &host);
    let scanned = example("d-require-vuln-scan-attestation.yaml", FIRST, &host);
    let tagged = pod("production", &format!("{image}:1"));
    refuses(&machine, &signed, &tagged, "no signatures found");
    machine.job(&format!("cosign sign --yes {image}@{digest}"));
    admits(&machine, &signed, &tagged, &format!("{image}:1@{digest}"));
    admits(&machine, &signed, &pod("staging", &format!("{image}:2")), &format!("{image}:2"));

    refuses(
        &machine,
        &scanned,
        &tagged,
        "no attestation of type `https://cosign.sigstore.dev/attestation/vuln/v1` found (there is an attestation of type `https://sigstore.dev/cosign/sign/v1`)",
    );
    machine.room.file(
        "trivy-vuln.json",
        r#"{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.60.0","version":"0.60.0","db":{"uri":"","version":""},"result":{}},"metadata":{"scanStartedOn":"2026-01-15T00:00:00Z","scanFinishedOn":"2026-01-15T00:00:01Z"}}"#,
    );
    // An attestation of another type is no scan.
    machine
        .job(&format!("cosign attest --predicate trivy-vuln.json --type https://x.example/p --yes {image}@{digest}"));
    refuses(&machine, &scanned, &tagged, "an attestation of type `https://x.example/p`");
    let kind = "https://cosign.sigstore.dev/attestation/vuln/v1";
    machine.job(&format!("cosign attest --predicate trivy-vuln.json --type {kind} --yes {image}@{digest}"));
    admits(&machine, &scanned, &tagged, &format!("{image}:1@{digest}"));
    refuses(&machine, &scanned.replace("github.com/my-org/", "github.com/my-orgs/"), &tagged, "certificate identity");
}

#[test]
fn f_signed_with_a_key() {
    if !peers("f_signed_with_a_key", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, .. } = &machine;
    let printed = "-----BEGIN PUBLIC KEY-----\n                      <paste cosign.pub contents here>\n                      -----END PUBLIC KEY-----\n";
    let policy = |key: &str| {
        let text = example("f-require-signature-by-key.yaml", "myregistry.io/myapp", image);
        assert!(text.contains(printed), "{text}");
        text.replace(printed, &key.replace('\n', "\n                      "))
    };
    machine.check("cosign generate-key-pair", &[], &[]);
    let own = machine.room.read("cosign.pub");
    let tagged = pod("default", &format!("{image}:1"));
    refuses(&machine, &policy(&own), &tagged, "no signatures found");
    machine.check(&format!("cosign sign --key cosign.key {image}@{digest}"), &[], &[]);
    admits(&machine, &policy(&own), &tagged, &format!("{image}:1@{digest}"));
    machine.check("cosign generate-key-pair --output-key-prefix other", &[], &[]);
    refuses(&machine, &policy(&machine.room.read("other.pub")), &tagged, "no signature is as the policy demands");
    // What is printed is no key, and nothing passes by it.
    let unpasted = example("f-require-signature-by-key.yaml", "myregistry.io/myapp", image);
    refuses(&machine, &unpasted, &tagged, "no public key");
}

#[test]
fn g_signed_by_one_workflow_and_from_one_registry() {
    if !peers("g_signed_by_one_workflow_and_from_one_registry", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("myorg/myrepo");
    let Machine { image, digest, registry, .. } = &machine;
    let policy = example("g-require-one-workflow.yaml", "registry.company.com/", &format!("{}/", registry.host));
    let tagged = pod("default", &format!("{image}:1"));
    refuses(&machine, &policy, &tagged, "no signatures found");
    machine.job(&format!("cosign sign --yes {image}@{digest}"));
    admits(&machine, &policy, &tagged, &format!("{image}:1@{digest}"));
    refuses(&machine, &policy.replace("myrepo", "another"), &tagged, "certificate identity");
    refuses(&machine, &policy, &pod("default", "docker.io/library/nginx:1"), "are allowed");
    // As it was printed first: the second rule says nothing of what it is about.
    let (before, after) = policy.split_once("    - name: require-internal-registry\n").unwrap();
    let (_, rest) = after.split_once("      validate:").unwrap();
    machine.room.file("policy.yaml", &format!("{before}    - name: require-internal-registry\n      validate:{rest}"));
    let output = machine.run("signet policy apply policy.yaml --resource pod.yaml", &[]);
    assert_eq!(output.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("rule `require-internal-registry` needs `match`"), "{talk}");
}

/// A policy that asks no registry, on one Pod, offline.
#[track_caller]
fn offline(name: &str, namespace: &str, image: &str, admitted: bool, needle: &str) {
    let room = Room::new();
    room.file("policy.yaml", &example(name, "", ""));
    room.file("pod.yaml", &pod(namespace, image));
    room.check("--offline policy apply policy.yaml -r pod.yaml", if admitted { 0 } else { 10 }, &[needle]);
}

#[test]
fn b_digests_are_required() {
    let policy = "b-require-image-digest.yaml";
    let pinned = format!("r.example.com/x@sha256:{}", "a".repeat(64));
    for namespace in ["production", "staging"] {
        offline(
            policy,
            namespace,
            "r.example.com/x:1",
            false,
            "Images must use a digest (@sha256:...) not a mutable tag.",
        );
        offline(policy, namespace, &pinned, true, "1 admitted");
    }
    offline(policy, "dev", "r.example.com/x:1", true, "1 admitted");
}

#[test]
fn e_latest_is_blocked() {
    let policy = "e-block-latest-tag.yaml";
    let why = "Use a specific image tag or digest. 'latest' is not allowed in production.";
    let pinned = format!("r.example.com/x:latest@sha256:{}", "a".repeat(64));
    offline(policy, "production", "r.example.com/x:latest", false, why);
    offline(policy, "production", &pinned, false, why);
    offline(policy, "production", "r.example.com/x:1", true, "1 admitted");
    offline(policy, "dev", "r.example.com/x:latest", true, "1 admitted");
}

/// Kyverno itself refuses two of them, and who takes them there is told so.
#[test]
fn operators_that_kyverno_does_not_have_are_said() {
    for name in ["b-require-image-digest.yaml", "e-block-latest-tag.yaml"] {
        let room = Room::new();
        room.file("policy.yaml", &example(name, "", ""));
        room.check("policy lint policy.yaml", 11, &["[not-kyverno]"]);
        room.file("unknown.yaml", &example(name, "operator: ", "operator: Never"));
        room.check("policy apply unknown.yaml -r policy.yaml", 1, &["unknown.yaml", "operator"]);
    }
}
