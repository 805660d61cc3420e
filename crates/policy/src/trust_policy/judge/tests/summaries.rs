//! Verification summaries in the place of verifying again.

use super::*;

const SUMMED: &str = "signatures:\n  authorities:\n  - keyless: { issuer: \"https://issuer.example\", subject: \"https://ci.example/*\" }\nprovenance: { level: 2 }\nsummaries:\n  signers:\n  - keyless: { issuer: \"https://issuer.example\", subject: \"https://gate.example/*\" }\n  maxAge: 24h\n";

/// A summary as `signet gate` seals one an hour ago, with one thing changed.
fn summed(world: &World, change: impl FnOnce(&mut Summary)) -> Summary {
    let mut summary = Summary {
        seal: seal("https://gate.example/main"),
        verifier: "https://signet.dev/gate".to_owned(),
        resource: format!("oci://{NAME}:1@{}", digest("image")),
        policy: Some(world.policy.content),
        result: "PASSED".to_owned(),
        levels: vec!["SLSA_BUILD_LEVEL_2".to_owned()],
        verified_at: Some(at("2026-06-15T11:00:00Z")),
    };
    change(&mut summary);
    summary
}

fn with_summaries(world: World, summaries: Vec<Summary>) -> World {
    let authorities = world.policy.summaries.as_ref().unwrap().signers.clone();
    let question = Question::Summaries { name: NAME.into(), digest: digest("image"), authorities };
    world.with(question, Answer::Summaries(summaries))
}

#[test]
fn a_summary_of_a_trusted_signer_stands_for_what_it_verified() {
    let world = World::new(SUMMED);
    let first = world.decide();
    assert!(!first.admits() && !first.settled);
    assert!(first.needs.iter().all(|need| matches!(need, Question::Summaries { .. })), "{:?}", first.needs);
    let good = summed(&world, |_| {});
    let decision = with_summaries(world.clone(), vec![good.clone()]).decide();
    assert!(decision.admits() && decision.settled, "{decision:?}");
    let reason = decision.rulings[0].reasons.iter().find(|reason| reason.rule == "summaries").unwrap();
    assert_eq!(reason.looked_at, [good.seal.evidence]);
    // Nothing was asked that it stands for.
    assert!(decision.needs.is_empty());
}

#[test]
fn what_does_not_count_is_named_and_the_image_is_verified() {
    let world = World::new(SUMMED);
    let mut wrong = Vec::new();
    let mut check = |why: &'static str, change: &dyn Fn(&mut Summary)| {
        let decision = with_summaries(world.clone(), vec![summed(&world, change)]).decide();
        let is_verified = decision.needs.iter().any(|need| matches!(need, Question::Signatures { .. }));
        let told = format!("{:?}", decision.rulings.first().map(|ruling| &ruling.reasons));
        if decision.admits() || !is_verified || !told.contains(why) {
            wrong.push((why, told));
        }
    };
    check("is not trusted with it", &|summary| summary.seal = seal("https://ci.example/build"));
    check("does not name", &|summary| summary.verifier = "https://other.example".to_owned());
    check("does not name", &|summary| summary.verifier.clear());
    check("by another policy", &|summary| summary.policy = Some(digest("policy")));
    check("by another policy", &|summary| summary.policy = None);
    check("one is about `oci://r.example/other", &|summary| summary.resource = "oci://r.example/other:1".to_owned());
    check("one is about ``", &|summary| summary.resource.clear());
    check("does not say when", &|summary| summary.verified_at = None);
    check("more than 1d old", &|summary| summary.verified_at = Some(at("2026-06-14T11:59:59Z")));
    check("which is not yet", &|summary| summary.verified_at = Some(at("2026-06-15T12:06:00Z")));
    check("one has the result `MAYBE`", &|summary| summary.result = "MAYBE".to_owned());
    check("names no level", &|summary| summary.levels.clear());
    check("names no level", &|summary| summary.levels.push("FAILED".to_owned()));
    check("build level 1, and 2 is required", &|summary| summary.levels = vec!["SLSA_BUILD_LEVEL_1".to_owned()]);
    check("build level 0, and 2 is required", &|summary| {
        summary.levels = vec!["SLSA_BUILD_LEVEL_UNEVALUATED".to_owned()];
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    // There is none, or nobody knows.
    let none = with_summaries(world.clone(), Vec::new()).decide();
    assert!(!none.admits() && none.needs.iter().any(|need| matches!(need, Question::Signatures { .. })));
    // Fresh findings are not had by way of an old summary.
    let fresh = World::new(&format!("{SUMMED}vulnerabilities: {{ deny: 'kev', maxAge: 30m }}\n"));
    let decision = with_summaries(fresh.clone(), vec![summed(&fresh, |_| {})]).decide();
    assert!(!decision.admits() && format!("{decision:?}").contains("more than 30m old"), "{decision:?}");
}

#[test]
fn a_summary_that_refuses_denies_and_the_newest_counts() {
    let world = World::new(SUMMED);
    let failed = |at_time: &str| {
        summed(&world, |summary| {
            summary.result = "FAILED".to_owned();
            summary.levels = vec!["FAILED".to_owned()];
            summary.verified_at = Some(at(at_time));
        })
    };
    let passed = summed(&world, |_| {});
    let decide = |all: Vec<Summary>| with_summaries(world.clone(), all).decide();
    for all in [
        vec![failed("2026-06-15T11:00:00Z")],
        vec![passed.clone(), failed("2026-06-15T11:00:00Z")],
        vec![failed("2026-06-15T11:30:00Z"), passed.clone()],
    ] {
        let decision = decide(all);
        assert!(!decision.admits() && decision.settled, "{decision:?}");
        assert!(format!("{decision:?}").contains("refused it at"));
    }
    assert!(decide(vec![failed("2026-06-15T10:00:00Z"), passed.clone()]).admits(), "it was mended since");
    let other = summed(&world, |summary| {
        summary.result = "FAILED".to_owned();
        summary.policy = Some(digest("policy"));
    });
    assert!(decide(vec![other, passed]).admits(), "what another policy refuses is not this one's word");
}

#[test]
fn no_summary_stands_for_a_block() {
    let world = World::new(SUMMED);
    let good = summed(&world, |_| {});
    let mut blocked = with_summaries(world.clone(), vec![good.clone()]);
    blocked.blocked.digests = vec![digest("image")];
    assert!(!blocked.decide().admits());
    // Who signed what was summed up is not known, so it is looked at.
    let mut signer = with_summaries(world.clone(), vec![good.clone()]);
    signer.blocked.identities = vec!["https://somebody.example/*".to_owned()];
    let decision = signer.decide();
    assert!(!decision.admits() && decision.needs.iter().any(|need| matches!(need, Question::Signatures { .. })));
    // The policy's own words: a revoked signer of summaries, and a revoked image.
    let revoked = World::new(&format!("{SUMMED}revoked: {{ identities: ['https://gate.example/*'] }}\n"));
    let decision = with_summaries(revoked.clone(), vec![summed(&revoked, |_| {})]).decide();
    assert!(!decision.admits() && format!("{decision:?}").contains("is not trusted with it"));
    let image = World::new(&format!("{SUMMED}revoked: {{ digests: ['{}'] }}\n", digest("image")));
    assert!(!with_summaries(image.clone(), vec![summed(&image, |_| {})]).decide().admits());
    // Off unless it is asked for.
    let plain = World::new(SIGNED);
    assert!(plain.decide().needs.iter().all(|need| !matches!(need, Question::Summaries { .. })));
}

#[test]
fn a_section_of_summaries_that_would_trust_anybody_is_refused() {
    for section in [
        "summaries: { maxAge: 1h }\n",
        "summaries: { maxAge: 1h, signers: [] }\n",
        "summaries: { signers: [{key: {file: k.pub}}] }\n",
        "summaries: { maxAge: 1h, signers: [{key: {file: k.pub}}], verifiers: [] }\n",
        "summaries: { maxAge: 1h, signers: [{key: {file: k.pub}}], who: me }\n",
    ] {
        let body: String = section.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{name: p}}\nspec:\n{body}");
        assert!(TrustPolicy::parse(&text).is_err(), "{section}");
    }
}
