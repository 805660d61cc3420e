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
    // An override ends, and a summary does not: what it lets pass is not vouched for.
    let is_overridden =
        decision.rulings.iter().any(|ruling| ruling.reasons.iter().any(|reason| reason.overridden.is_some()));
    let passed = decision.judged < Verdict::Deny && !decision.rulings.is_empty() && !is_overridden;
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

#[cfg(test)]
mod tests {
    use signet_model::Mode;
    use signet_policy::trust_policy::{Asked, Blocked, Circumstances, Reason, Role, Ruling, facts::Facts, judge};

    use super::*;

    fn policy(spec: &str) -> TrustPolicy {
        let text = format!("apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{name: p}}\nspec: {{{spec}}}\n");
        TrustPolicy::parse(&text).unwrap()
    }

    fn reason(rule: &str, verdict: Verdict) -> Reason {
        let section = rule.split('.').next().unwrap_or_default().to_owned();
        Reason { section, rule: rule.to_owned(), verdict, ..Reason::default() }
    }

    /// The decision of these policies with these reasons each.
    fn decision(of: &[(&TrustPolicy, Vec<Reason>)]) -> Decision {
        let image = "r.example.com/app:1".parse().unwrap();
        let asked = Asked { image, role: Role::Container, workload: None };
        let blocked = Blocked::default();
        let circumstances = Circumstances { now: Timestamp::UNIX_EPOCH, blocked: &blocked, overrides: &[] };
        let mut decision = judge(&[], &asked, &Facts::new(), &circumstances);
        decision.reasons.clear();
        let ruling = |(policy, reasons): &(&TrustPolicy, Vec<Reason>)| {
            let judged = reasons.iter().map(|reason| reason.verdict).max().unwrap_or_default();
            Ruling {
                policy: policy.name.clone(),
                content: policy.content,
                mode: policy.mode,
                judged,
                outcome: policy.mode.apply(judged),
                reasons: reasons.clone(),
                vulnerabilities: Vec::new(),
                overrides: Vec::new(),
                not_judged: Vec::new(),
            }
        };
        decision.rulings = of.iter().map(ruling).collect();
        decision.judged = decision.rulings.iter().map(|ruling| ruling.judged).max().unwrap_or_default();
        decision.outcome = decision.rulings.iter().map(|ruling| ruling.outcome).max().unwrap_or_default();
        decision
    }

    #[track_caller]
    fn check(of: &[(&TrustPolicy, Vec<Reason>)], result: &str, level: &str) {
        let image = "r.example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let policies: Vec<&TrustPolicy> = of.iter().map(|(policy, _)| *policy).collect();
        let summary = predicate(&decision(of), &policies, &image.parse().unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!((&summary["verificationResult"], &summary["verifiedLevels"]), (&json!(result), &json!([level])));
    }

    #[test]
    fn the_result_is_what_the_rules_say_and_not_what_the_mode_makes_of_it() {
        use Verdict::{Allow, Deny, Warn};
        let enforced = policy("digest: pin");
        check(&[(&enforced, vec![reason("digest", Allow)])], "PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED");
        check(&[(&enforced, vec![reason("sbom.require", Warn)])], "PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED");
        check(&[(&enforced, vec![reason("digest", Deny)])], "FAILED", "FAILED");
        for mode in ["warn", "audit"] {
            let policy = policy(&format!("mode: {mode}, digest: pin"));
            assert_ne!(policy.mode, Mode::Enforce);
            check(&[(&policy, vec![reason("digest", Deny)])], "FAILED", "FAILED");
        }
        // Where no policy spoke nobody vouches, and one denial among many is one.
        check(&[], "FAILED", "FAILED");
        let other = policy("digest: require");
        check(
            &[(&enforced, vec![reason("digest", Allow)]), (&other, vec![reason("digest", Deny)])],
            "FAILED",
            "FAILED",
        );
        // What an override lets pass for a while is not vouched for.
        let overridden = Reason { overridden: Some("incident".to_owned()), ..reason("digest", Warn) };
        check(&[(&enforced, vec![overridden])], "FAILED", "FAILED");
    }

    #[test]
    fn a_level_is_told_if_it_was_asked_for_and_shown() {
        use Verdict::{Allow, Warn};
        let asks = |level: u32| policy(&format!("provenance: {{level: {level}}}"));
        let shown = || vec![reason("provenance", Allow)];
        check(&[(&asks(3), shown())], "PASSED", "SLSA_BUILD_LEVEL_3");
        check(&[(&asks(1), shown())], "PASSED", "SLSA_BUILD_LEVEL_1");
        // The highest of those that were shown.
        check(&[(&asks(2), shown()), (&asks(3), shown())], "PASSED", "SLSA_BUILD_LEVEL_3");
        let none = "SLSA_BUILD_LEVEL_UNEVALUATED";
        check(&[(&asks(0), shown())], "PASSED", none);
        check(&[(&policy("provenance: {builder: b}"), shown())], "PASSED", none);
        // Asked for and not looked at, or shown for one platform and not for the other.
        check(&[(&asks(3), vec![reason("digest", Allow)])], "PASSED", none);
        check(&[(&asks(3), vec![reason("provenance", Allow), reason("provenance.level", Warn)])], "PASSED", none);
    }
}
