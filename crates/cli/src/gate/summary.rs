//! A decision as a verification summary: <https://slsa.dev/spec/v1.1/verification_summary>.

use serde_json::{Value, json};
use signet_model::{Digest, ImageRef, Timestamp, Verdict};
use signet_policy::trust_policy::{Decision, TrustPolicy};

/// The predicate's type.
pub(crate) const KIND: &str = "https://slsa.dev/verification_summary/v1";
/// Who verifies.
const VERIFIER: &str = "https://signet.dev/gate";

/// The summary of a decision on an image that is named by its digest.
pub(super) fn predicate(decision: &Decision, policies: &[&TrustPolicy], image: &ImageRef, now: Timestamp) -> Value {
    let mut inputs: Vec<Digest> = decision
        .rulings
        .iter()
        .flat_map(|ruling| ruling.reasons.iter().flat_map(|reason| reason.looked_at.iter().copied()))
        .collect();
    inputs.sort();
    inputs.dedup();
    let digest = |of: &Digest| json!({(of.algorithm().name()): of.hex().to_string()});
    let contents: Vec<String> = decision.rulings.iter().map(|ruling| ruling.content.to_string()).collect();
    let policy = match decision.rulings.as_slice() {
        [ruling] => json!({"uri": ruling.policy, "digest": digest(&ruling.content)}),
        // Several are named by the digest of their digests, in the order in which they were asked.
        many => json!({
            "uri": many.iter().map(|ruling| ruling.policy.as_str()).collect::<Vec<_>>().join(","),
            "digest": digest(&Digest::sha256(contents.join("\n").as_bytes())),
        }),
    };
    // By what the rules say: a policy in audit lets pass what it does not vouch for, and where no policy spoke nobody does.
    let passed = decision.judged < Verdict::Deny && !decision.rulings.is_empty();
    json!({
        "verifier": {"id": VERIFIER, "version": {"signet": env!("CARGO_PKG_VERSION")}},
        "timeVerified": now.to_string(),
        "resourceUri": format!("oci://{image}"),
        "policy": policy,
        "inputAttestations": inputs.iter().map(|input| json!({"digest": digest(input)})).collect::<Vec<_>>(),
        "verificationResult": if passed { "PASSED" } else { "FAILED" },
        "verifiedLevels": [if passed { level(decision, policies) } else { "FAILED".to_owned() }],
        "slsaVersion": "1.0",
    })
}

/// The level that every policy which asks for one was shown; what was not asked for was not looked at.
fn level(decision: &Decision, policies: &[&TrustPolicy]) -> String {
    let shown = |policy: &&&TrustPolicy| {
        decision.rulings.iter().any(|ruling| {
            let mut asked = ruling.reasons.iter().filter(|reason| reason.section == "provenance").peekable();
            // Every platform must have been shown it.
            ruling.content == policy.content
                && asked.peek().is_some()
                && asked.all(|reason| reason.verdict == Verdict::Allow && reason.overridden.is_none())
        })
    };
    let levels = policies.iter().filter(shown).filter_map(|policy| policy.provenance.as_ref()?.level);
    match levels.max() {
        Some(level) if level > 0 => format!("SLSA_BUILD_LEVEL_{level}"),
        _ => "SLSA_BUILD_LEVEL_UNEVALUATED".to_owned(),
    }
}
