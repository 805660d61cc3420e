//! Verification summaries that `signet gate --attest` sealed, in the place of verifying again.

use crate::articles_signing::Machine;
use crate::peers::peers;

/// The exit code of `signet gate` on the machine's image, and each text stands in what it prints.
#[track_caller]
fn gate(machine: &Machine, image: &str, more: &str, code: i32, needles: &[&str]) -> String {
    let line = format!("signet gate {image} --policy policies/trust.yaml {more}");
    let output = machine.run(&line, &[]);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "$ {line}\n{text}");
    for needle in needles {
        assert!(text.contains(needle), "no `{needle}` from\n$ {line}\n{text}");
    }
    text
}

const POLICY: &str = "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: production}\nspec:\n  signatures: {authorities: [{key: {file: cosign.pub}}]}\n  summaries: {signers: [{key: {file: gate.pub}}], maxAge: 24h}\n";

#[test]
fn a_sealed_decision_is_believed_from_whom_the_policy_names() {
    if !peers("a_sealed_decision_is_believed_from_whom_the_policy_names", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, child, room, .. } = &machine;
    let tagged = format!("{image}:1");
    machine.check("mkdir -p policies", &[], &[]);
    for name in ["cosign", "gate", "other"] {
        machine.check(&format!("cosign generate-key-pair --output-key-prefix policies/{name}"), &[], &[]);
    }
    room.file("policies/trust.yaml", POLICY);
    room.file(
        "pod.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{tagged}'}}]}}\n"
        ),
    );
    let webhook = "signet policy apply policies/trust.yaml -r pod.yaml --detailed";
    gate(&machine, &tagged, "", 10, &["no summary counts", "there is none", "0 of 1 signatures"]);
    // A refusal that was sealed refuses, although the image was signed meanwhile.
    gate(&machine, &tagged, "--attest --key policies/gate.key", 10, &["0 of 1 signatures", "attested"]);
    machine.check(&format!("cosign sign --key policies/cosign.key {image}@{digest}"), &[], &[]);
    gate(&machine, &tagged, "", 10, &["deny  summaries", "refused it at"]);
    machine.refused(webhook, 10);
    // What is sealed was verified, and never taken from another summary.
    let sealed = gate(&machine, &tagged, "--attest --key policies/gate.key", 0, &["signed by key", "attested"]);
    assert!(!sealed.contains("allow summaries"), "{sealed}");
    let believed = gate(&machine, &tagged, "", 0, &["allow summaries", "verified it at"]);
    assert!(!believed.contains("signatures.require"), "{believed}");
    let said = machine.check(webhook, &[], &["verified it at"]);
    assert!(!said.contains("signatures.require"), "{said}");
    // A manifest of the index alone is another subject.
    gate(&machine, &format!("{image}@{child}"), "", 10, &["there is none", "0 of 1 signatures"]);
    // Another policy, though it asks for the same: the image is verified.
    room.file("policies/trust.yaml", &format!("# changed\n{POLICY}"));
    gate(&machine, &tagged, "", 0, &["one is by another policy", "signatures.require"]);
    // Sealed by somebody else: nothing of it is seen.
    room.file("policies/trust.yaml", &POLICY.replace("production", "staging"));
    gate(&machine, &tagged, "--attest --key policies/other.key", 0, &["attested"]);
    gate(&machine, &tagged, "", 0, &["no summary counts", "signatures.require"]);
    // A block holds whatever was summed up.
    room.file("policies/trust.yaml", POLICY);
    gate(&machine, &tagged, "", 0, &["allow summaries"]);
    machine.check("signet block policies/cosign.pub", &[], &[]);
    gate(&machine, &tagged, "", 10, &["signers are blocked", "0 of 1 signatures"]);
    machine.check("signet block remove policies/cosign.pub", &[], &[]);
    machine.check(&format!("signet block {digest}"), &[], &[]);
    gate(&machine, &tagged, "", 10, &["is blocked"]);
}
