//! `signet gate`: the whole decision on an image, against images that are signed and attested here.

use serde_json::Value;

use crate::articles_signing::Machine;
use crate::peers::peers;

/// A policy about the machine's images with these sections.
fn policy(machine: &Machine, sections: &str) {
    let text = format!(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{name: production}}\nspec:\n  images: ['{}/team/**']\n  digest: pin\n{sections}",
        machine.registry.host
    );
    machine.room.file("policies/production.yaml", &text);
}

#[track_caller]
fn gate(machine: &Machine, image: &str, more: &str, code: i32, needles: &[&str]) -> String {
    let line = format!("signet gate {image} --policy policies/production.yaml --db builtin:sample {more}");
    let output = machine.run(&line, &[]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "$ {line}\n{text}");
    for needle in needles {
        assert!(text.contains(needle), "no `{needle}` from\n$ {line}\n{text}");
    }
    String::from_utf8(output.stdout).unwrap()
}

const SIGNED: &str = "  signatures: {require: 1, authorities: [{key: {file: cosign.pub}}]}\n";

#[test]
fn an_image_is_judged_by_everything_that_a_policy_asks() {
    if !peers("an_image_is_judged_by_everything_that_a_policy_asks", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, child, .. } = &machine;
    let tagged = format!("{image}:1");
    machine.check("mkdir -p policies && cosign generate-key-pair --output-key-prefix policies/cosign", &[], &[]);
    policy(&machine, SIGNED);
    let place = "(line 7)";
    gate(&machine, &tagged, "", 10, &["refused: ", "deny  signatures.require", "0 of 1 signatures", place]);
    machine.check(&format!("cosign sign --key policies/cosign.key {image}@{digest}"), &[], &[]);
    gate(&machine, &tagged, "", 0, &["admitted: ", digest, &format!("to be run as {tagged}@{digest}")]);
    // The index was signed, and with it what it serves; a part of it alone was not.
    gate(&machine, &format!("{image}@{child}"), "", 10, &["0 of 1 signatures"]);
    gate(&machine, &format!("{image}:nosuch"), "", 10, &["not known"]);
    gate(&machine, "127.0.0.1:1/other/app:1", "", 10, &["otherwise"]);

    // One after the other: what is asked is missing, is made, and is there.
    policy(&machine, &format!("{SIGNED}  sbom: {{require: true}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  sbom.require", "there is no SBOM"]);
    machine.room.file("sbom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    let attest = format!("cosign attest --key policies/cosign.key --predicate sbom.json --type cyclonedx {image}@");
    for part in manifests(&machine) {
        machine.check(&format!("{attest}{part}"), &[], &[]);
    }
    gate(&machine, &tagged, "", 0, &["allow sbom.require", "sealed by"]);

    policy(&machine, &format!("{SIGNED}  provenance: {{level: 2, source: 'github.com/my-org/*'}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  provenance", "there is no provenance that holds"]);
    machine.job(&format!("signet attest --provenance --yes {image}@{digest}"));
    gate(&machine, &tagged, "", 0, &["allow provenance", "my-org/payments-api"]);
    policy(&machine, &format!("{SIGNED}  provenance: {{level: 3}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  provenance.level"]);
    policy(&machine, &format!("{SIGNED}  provenance: {{source: 'github.com/my-org/*@refs/heads/main'}}\n"));
    gate(&machine, &tagged, "", 0, &["allow provenance", "my-org/payments-api"]);
    policy(&machine, &format!("{SIGNED}  provenance: {{source: 'github.com/my-org/*@refs/tags/*'}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  provenance.source", "@refs/heads/main"]);
    policy(&machine, &format!("{SIGNED}  provenance: {{source: 'github.com/other-org/*'}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  provenance.source"]);

    policy(&machine, &format!("{SIGNED}  vulnerabilities: {{deny: 'severity >= critical'}}\n"));
    gate(&machine, &tagged, "", 0, &["vulnerabilities.deny"]);
    // What this version does not look for is not known, and what is not known denies.
    policy(&machine, &format!("{SIGNED}  secrets: {{deny: 'verified'}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  secrets.deny", "not known"]);
    policy(&machine, &format!("{SIGNED}  mode: warn\n  secrets: {{deny: 'verified'}}\n"));
    gate(&machine, &tagged, "", 0, &["admitted, with warnings"]);
    policy(&machine, &format!("{SIGNED}  revoked: {{digests: ['{digest}']}}\n"));
    gate(&machine, &tagged, "", 10, &["deny  revoked"]);
    // Who revokes the index means what it serves.
    policy(&machine, &format!("  revoked: {{digests: ['{digest}']}}\n"));
    gate(&machine, &format!("{image}@{child}"), "", 10, &["deny  revoked.digests", "which serves it, is revoked"]);
    policy(&machine, &format!("  revoked: {{digests: ['sha256:{}']}}\n", "ab".repeat(32)));
    gate(&machine, &format!("{image}@{child}"), "", 0, &["allow revoked"]);
}

/// The digests of the images of the index.
fn manifests(machine: &Machine) -> Vec<String> {
    let url = format!("http://{}/v2/team/app/manifests/{}", machine.registry.host, machine.digest);
    let output = std::process::Command::new("curl")
        .args(["-fsS", "-H", "accept: application/vnd.oci.image.index.v1+json", &url])
        .output()
        .unwrap();
    let index: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_decision_is_sealed_and_the_same_policy_judges_pods() {
    if !peers("a_decision_is_sealed_and_the_same_policy_judges_pods", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, .. } = &machine;
    let tagged = format!("{image}:1");
    machine.check("mkdir -p policies && cosign generate-key-pair --output-key-prefix policies/cosign", &[], &[]);
    machine.check(&format!("cosign sign --key policies/cosign.key {image}@{digest}"), &[], &[]);
    machine.job(&format!("signet attest --provenance --yes {image}@{digest}"));
    policy(&machine, &format!("{SIGNED}  provenance: {{level: 2}}\n"));
    let kind = "https://slsa.dev/verification_summary/v1";
    let verify = format!("cosign verify-attestation --key policies/cosign.pub --type {kind} {image}@{digest}");
    machine.refused(&verify, 1);
    gate(&machine, &tagged, "--attest --key policies/cosign.key", 0, &["attested"]);
    let out = machine.check(&format!("{verify} 2>/dev/null"), &[], &[]);
    let envelope: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    let payload =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, envelope["payload"].as_str().unwrap());
    let statement: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    let summary = &statement["predicate"];
    assert_eq!(summary["verificationResult"], "PASSED");
    assert_eq!(summary["verifiedLevels"], serde_json::json!(["SLSA_BUILD_LEVEL_2"]));
    assert_eq!(summary["policy"]["uri"], "production");
    assert_eq!(summary["resourceUri"], format!("oci://{tagged}@{digest}"));
    assert!(summary["inputAttestations"].as_array().is_some_and(|inputs| inputs.len() >= 2), "{summary}");
    // A refusal is sealed too, and refuses all the same.
    policy(&machine, &format!("{SIGNED}  revoked: {{digests: ['{digest}']}}\n"));
    gate(&machine, &tagged, "--attest --key policies/cosign.key", 10, &["attested"]);

    // The same policy on a Pod.
    policy(&machine, SIGNED);
    let pod = |image: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        )
    };
    machine.room.file("pod.yaml", &pod(&tagged));
    machine.check("signet policy apply policies/production.yaml -r pod.yaml --detailed", &[], &["signed by key"]);
    let out = machine.check("signet policy apply policies/production.yaml -r pod.yaml -o json 2>/dev/null", &[], &[]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let resource = &report["resources"][0];
    assert_eq!(resource["changed"]["spec"]["containers"][0]["image"], format!("{tagged}@{digest}"));
    machine.room.file("pod.yaml", &pod(&format!("{image}@{}", machine.child)));
    machine.refused("signet policy apply policies/production.yaml -r pod.yaml", 10);
}
