mod summaries;

use proptest::prelude::*;
use signet_model::{Digest, Severity, Timestamp, Verdict};

use super::super::facts::{
    Answer, Base, Build, EndOfLife, Facts, Manifest, Origin, Question, Report, Running, Sbom, Seal, Signer, Summary,
    What,
};
use super::super::{Authority, BreakGlass, CheckData, Decision, FeedAge, KeySource, Override, Revoked, TrustPolicy};
use super::*;
use crate::expr::FindingData;

const NAME: &str = "r.example/app";
const ISSUER: &str = "https://issuer.example";

/// A policy about everything in `r.example`, with these sections below `spec`.
fn policy(sections: &str) -> TrustPolicy {
    let body: String = sections.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{ name: p }}\nspec:\n  images: [\"r.example/**\"]\n{body}"
    );
    TrustPolicy::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

const SIGNED: &str = "signatures:\n  authorities:\n  - keyless: { issuer: \"https://issuer.example\", subject: \"https://ci.example/*\" }\n";

fn now() -> Timestamp {
    at("2026-06-15T12:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn digest(of: &str) -> Digest {
    Digest::sha256(of.as_bytes())
}

fn seal(subject: &str) -> Seal {
    let signer = Signer::Keyless { issuer: ISSUER.into(), subject: subject.into() };
    Seal { evidence: digest(&format!("seal by {subject}")), signer, signed_at: Some(at("2026-06-01T00:00:00Z")) }
}

fn ci() -> Seal {
    seal("https://ci.example/build")
}

/// Facts about one image, put together answer by answer.
#[derive(Clone)]
struct World {
    facts: Facts,
    policy: TrustPolicy,
    asked: Asked,
    blocked: Revoked,
    overrides: Vec<Override>,
}

impl World {
    /// `r.example/app:1`, one manifest, of the digest of `image`.
    fn new(sections: &str) -> World {
        let mut facts = Facts::new();
        facts.insert(Question::Digest { reference: format!("{NAME}:1") }, Answer::Digest(digest("image")));
        let asked = Asked { image: format!("{NAME}:1").parse().unwrap(), role: Role::Container, workload: None };
        let world =
            World { facts, policy: policy(sections), asked, blocked: Revoked::default(), overrides: Vec::new() };
        world.manifests(&[("image", "linux/amd64")])
    }

    fn with(mut self, question: Question, answer: Answer) -> World {
        self.facts.insert(question, answer);
        self
    }

    fn manifests(self, all: &[(&str, &str)]) -> World {
        let all = all.iter().map(|(of, platform)| Manifest {
            digest: digest(of),
            platform: (*platform).to_owned(),
            created: Some(at("2026-05-01T00:00:00Z")),
        });
        let answer = Answer::Manifests(all.collect());
        self.with(Question::Manifests { name: NAME.into(), digest: digest("image") }, answer)
    }

    fn authorities(&self) -> Vec<Authority> {
        self.policy.signatures.as_ref().map(|section| section.authorities.clone()).unwrap_or_default()
    }

    fn signed(self, of: &str, seals: Vec<Seal>) -> World {
        let question = Question::Signatures { name: NAME.into(), digest: digest(of), authorities: self.authorities() };
        self.with(question, Answer::Signatures(seals))
    }

    fn sbom(self, of: &str, by: Option<Seal>) -> World {
        let question = Question::Sboms { name: NAME.into(), digest: digest(of), authorities: self.authorities() };
        let sbom = Sbom { content: digest("sbom"), seal: by, format: "cyclonedx".into(), made_at: None };
        self.with(question, Answer::Sboms(vec![sbom]))
    }

    fn no_sbom(self, of: &str) -> World {
        let question = Question::Sboms { name: NAME.into(), digest: digest(of), authorities: self.authorities() };
        self.with(question, Answer::Sboms(Vec::new()))
    }

    fn found(self, of: &str, what: What, from: Origin, answer: Answer) -> World {
        self.with(Question::Findings { name: NAME.into(), digest: digest(of), what, from }, answer)
    }

    fn sealed(&self) -> Origin {
        Origin::Sealed(self.authorities())
    }

    fn decide(&self) -> Decision {
        let blocked = self.blocked.clone().into();
        let circumstances = Circumstances { now: now(), blocked: &blocked, overrides: &self.overrides };
        judge(&[&self.policy], &self.asked, &self.facts, &circumstances)
    }

    /// The outcome, with the rules that object.
    #[track_caller]
    fn check(&self, outcome: Verdict, objections: &[&str]) -> Decision {
        let decision = self.decide();
        let found: Vec<String> = decision.objections().map(|(_, reason)| reason.rule.clone()).collect();
        assert_eq!(
            (decision.outcome, found.as_slice()),
            (outcome, &*objections.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>()),
            "{}",
            decision.to_json()
        );
        for (_, reason) in decision.objections() {
            assert!(reason.remedy.is_some() && !reason.found.ends_with('.'), "{reason:?}");
        }
        assert_eq!(decision, self.decide(), "the same facts give the same decision");
        decision
    }

    #[track_caller]
    fn admitted(&self) -> Decision {
        let decision = self.check(Verdict::Allow, &[]);
        assert!(decision.needs.is_empty() && decision.settled, "{:?}", decision.needs);
        decision
    }

    #[track_caller]
    fn denied(&self, rule: &str) -> Decision {
        self.check(Verdict::Deny, &[rule])
    }
}

fn critical() -> FindingData {
    FindingData {
        id: Some("CVE-2026-0001".into()),
        severity: Some(Severity::Critical),
        fixed: Some(true),
        ..FindingData::default()
    }
}

fn report<T>(by: Option<Seal>, made_at: &str, findings: Vec<T>) -> Report<T> {
    let feed = FeedAge { name: "debian".into(), updated: Some(at(made_at)), provides: Vec::new() };
    Report {
        content: digest(&format!("report of {made_at}")),
        seal: by,
        made_at: Some(at(made_at)),
        feeds: vec![feed],
        databases: vec![digest("database")],
        incomplete: None,
        findings,
    }
}

#[test]
fn questions_come_one_after_the_other() {
    let mut world = World::new(&format!("{SIGNED}digest: pin\npullPolicy: IfNotPresent"));
    let facts = std::mem::take(&mut world.facts);
    let mut asked = Vec::new();
    for _ in 0..5 {
        let decision = world.decide();
        if decision.needs.is_empty() {
            assert_eq!(decision.outcome, Verdict::Allow);
            assert_eq!(decision.pin, Some(format!("{NAME}:1@{}", digest("image"))));
            assert!(decision.pull_if_not_present && decision.settled);
            assert_eq!(
                asked,
                ["the digest of `r.example/app:1`", &format!("the signatures of `{NAME}@{}`", digest("image"))]
            );
            return;
        }
        assert_eq!((decision.outcome, decision.settled, &decision.pin), (Verdict::Deny, false, &None));
        for need in decision.needs {
            asked.push(need.to_string());
            let answer = facts.get(&need).cloned().unwrap_or(Answer::Signatures(vec![ci()]));
            world.facts.insert(need, answer);
        }
    }
    panic!("{asked:?}");
}

#[test]
fn what_no_policy_names_is_denied() {
    let decide = |policies: &[&TrustPolicy], image: &str| {
        let world = World::new("");
        let asked = Asked { image: image.parse().unwrap(), ..world.asked };
        let blocked = world.blocked.clone().into();
        let circumstances = Circumstances { now: now(), blocked: &blocked, overrides: &[] };
        judge(policies, &asked, &world.facts, &circumstances).outcome
    };
    let (plain, ignoring) = (policy("digest: ignore"), policy("otherwise: ignore"));
    let other = TrustPolicy::parse(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: o}\nspec: {images: [nginx], digest: require}",
    )
    .unwrap();
    assert_eq!(decide(&[&plain], "r.example/app:1"), Verdict::Allow);
    assert_eq!(decide(&[&plain], "evil.example/app:1"), Verdict::Deny);
    assert_eq!(decide(&[&plain], "r.example.evil/app:1"), Verdict::Deny);
    assert_eq!(decide(&[&ignoring], "evil.example/app:1"), Verdict::Allow);
    assert_eq!(decide(&[&ignoring, &plain], "evil.example/app:1"), Verdict::Deny);
    // Another spelling of the same host is the same image.
    assert_eq!(decide(&[&policy("otherwise: ignore\ndigest: require")], "R.Example:443/app:1"), Verdict::Deny);
    // Each that names it must hold, and another's `otherwise` is not asked.
    assert_eq!(decide(&[&plain, &other], "r.example/app:1"), Verdict::Allow);
    assert_eq!(decide(&[&plain, &other], "nginx:1"), Verdict::Deny);
    assert_eq!(decide(&[&plain, &policy("digest: require")], "r.example/app:1"), Verdict::Deny);
    assert_eq!(decide(&[], "r.example/app:1"), Verdict::Deny);
    assert_eq!(decide(&[&policy("mode: warn\ndigest: require")], "evil.example/app:1"), Verdict::Warn);
    assert_eq!(decide(&[&policy("mode: audit\ndigest: require")], "r.example/app:1"), Verdict::Allow);
}

#[test]
fn digests() {
    World::new("digest: require").denied("digest");
    let mut world = World::new("digest: require");
    world.asked.image = format!("{NAME}:2@{}", digest("image")).parse().unwrap();
    assert_eq!(world.admitted().digest, Some(digest("image")), "the tag beside a digest is not asked for");
    let decision = World::new("digest: ignore").admitted();
    assert_eq!((decision.pin, decision.pull_if_not_present), (None, false));
    let question = Question::Digest { reference: format!("{NAME}:1") };
    let lost = World::new("digest: pin").with(question.clone(), Answer::Unknown("the registry is down".into()));
    let decision = lost.denied("digest");
    assert!(decision.rulings[0].reasons[0].found.contains("the registry is down") && decision.settled);
    World::new("digest: pin").with(question, Answer::Signatures(Vec::new())).denied("digest");
}

#[test]
fn signatures() {
    World::new(SIGNED).signed("image", vec![ci()]).admitted();
    let denied = |seals: Vec<Seal>| World::new(SIGNED).signed("image", seals).denied("signatures.require");
    denied(Vec::new());
    denied(vec![seal("https://evil.example/https://ci.example/build")]);
    denied(vec![seal("xhttps://ci.example/build")]);
    let other = Signer::Keyless { issuer: format!("{ISSUER}.evil"), subject: "https://ci.example/build".into() };
    denied(vec![Seal { signer: other, ..ci() }]);
    let key = Signer::Key { fingerprint: digest("key"), source: KeySource::File("a.pub".into()) };
    denied(vec![Seal { signer: key.clone(), ..ci() }]);

    // Two of three, and nobody counts twice.
    let two = "signatures:\n  require: 2\n  authorities:\n  - keyless: { issuer: \"*\", subject: \"*@example.com\" }\n  - keyless: { issuer: \"*\", subject: \"a@example.com\" }\n  - key: { file: a.pub }\n";
    let with = |seals: Vec<Seal>| World::new(two).signed("image", seals);
    with(vec![seal("a@example.com")]).denied("signatures.require");
    with(vec![seal("b@example.com"), seal("c@example.com")]).denied("signatures.require");
    with(vec![seal("a@example.com"), seal("b@example.com")]).admitted();
    with(vec![seal("b@example.com"), seal("a@example.com")]).admitted();
    let decision = with(vec![seal("a@example.com"), Seal { signer: key, ..ci() }]).admitted();
    assert_eq!(decision.rulings[0].reasons[0].looked_at.len(), 2);
    // One key that the policy names twice, by file and in itself, is one signer.
    let twice = "signatures:\n  require: 2\n  authorities:\n  - key: { file: a.pub }\n  - key: { pem: PEM }\n";
    let by = |fingerprint: &str, source: KeySource| Seal {
        signer: Signer::Key { fingerprint: digest(fingerprint), source },
        ..ci()
    };
    let both = |second: &str| {
        let seals = vec![by("key", KeySource::File("a.pub".into())), by(second, KeySource::Pem("PEM".into()))];
        World::new(twice).signed("image", seals)
    };
    both("key").denied("signatures.require");
    both("another key").admitted();
    let decision = with(vec![seal("a@example.com")]).decide();
    assert_eq!(
        decision.rulings[0].reasons[0].found,
        "1 of 2 signatures that are required are there; none by key `a.pub`"
    );
    assert_eq!(decision.rulings[0].reasons[0].place, Some(super::super::Place { line: 7, column: 5 }));
}

#[test]
fn an_index_holds_with_all_platforms() {
    let index = || World::new(SIGNED).manifests(&[("amd", "linux/amd64"), ("arm", "linux/arm64")]);
    index().signed("image", vec![ci()]).admitted();
    let none = || index().signed("image", Vec::new());
    none().signed("amd", vec![ci()]).signed("arm", vec![ci()]).admitted();
    let decision = none().signed("amd", vec![ci()]).signed("arm", Vec::new()).denied("signatures.require");
    assert_eq!(decision.objections().next().unwrap().1.subject.as_deref(), Some("linux/arm64"));
    // Not answered is not signed.
    let decision = none().signed("amd", vec![ci()]).denied("signatures.require");
    assert_eq!(decision.needs.len(), 1);
    index().signed("image", Vec::new()).manifests(&[]).denied("signatures.require");
    // An index that serves nothing holds nothing.
    for (section, rule) in [
        ("sbom: { require: true }", "sbom.require"),
        ("vulnerabilities: { deny: 'kev' }", "vulnerabilities.deny"),
        ("secrets: { deny: 'verified' }", "secrets.deny"),
        ("base: { allow: [scratch] }", "base.allow"),
        ("freshness: { maxAge: 90d }", "freshness.maxAge"),
    ] {
        let decision = World::new(section).manifests(&[]).denied(rule);
        assert!(decision.objections().next().unwrap().1.found.contains("serves no platform"));
    }
}

#[test]
fn revoked_comes_first() {
    let digest_of = |of: &str| format!("revoked: {{ digests: [\"{}\"] }}\n", digest(of));
    let signed = |sections: &str| World::new(sections).signed("image", vec![ci()]);
    let serves = |world: World, of: &str, answer: Answer| {
        world.with(Question::Serves { name: NAME.into(), digest: digest(of) }, answer)
    };
    let index = |all: &[&str]| {
        let manifest = |of: &&str| Manifest { digest: digest(of), platform: String::new(), created: None };
        Answer::Manifests(all.iter().map(manifest).collect())
    };
    let other = || signed(&format!("{SIGNED}{}", digest_of("other")));
    serves(other(), "other", index(&[])).admitted();
    serves(other(), "other", index(&["amd", "arm"])).admitted();
    // What is revoked is an index, and the image one of what it serves: by its own digest it is revoked just so.
    let decision = serves(other(), "other", index(&["amd", "image"])).denied("revoked.digests");
    let found = decision.objections().next().unwrap().1.found.clone();
    assert!(found.ends_with("which serves it, is revoked") && decision.settled, "{found}");
    // What it serves must be known; that the registry does not say is no "nothing".
    let decision = other().denied("revoked.digests");
    assert!(
        matches!(decision.needs.first(), Some(Question::Serves { .. })) && !decision.settled,
        "{:?}",
        decision.needs
    );
    serves(other(), "other", Answer::Unknown("the registry is down".into())).denied("revoked.digests");
    // What was found out under another name counts too, and where it is known nobody is asked.
    let elsewhere = Question::Manifests { name: "r.example/mirror".into(), digest: digest("other") };
    let decision = other().with(elsewhere.clone(), index(&["image"])).denied("revoked.digests");
    assert!(decision.needs.is_empty());
    let mut world = signed(SIGNED).with(elsewhere, index(&["image"]));
    world.blocked.digests = vec![digest("other")];
    world.denied("block");
    let mut world = signed(SIGNED);
    world.blocked.digests = vec![digest("other")];
    world.admitted();
    // More than are looked for: it is told.
    let many: Vec<String> = (0..70).map(|number| format!("\"{}\"", digest(&number.to_string()))).collect();
    let mut world = signed(&format!("{SIGNED}revoked: {{ digests: [{}] }}", many.join(", ")));
    for number in 0..64 {
        world = serves(world, &number.to_string(), index(&[]));
    }
    assert_eq!(world.admitted().rulings[0].not_judged[0].why, "what 6 more revoked digests serve is not asked for");

    let decision = signed(&format!("{SIGNED}{}", digest_of("image"))).denied("revoked.digests");
    assert!(decision.settled && decision.rulings[0].reasons.len() == 1, "nothing else is looked at");
    // An index is itself, whatever it serves, and nobody need be asked what that is.
    let whole = signed(&format!("{SIGNED}{}", digest_of("image"))).manifests(&[("amd", ""), ("arm", "")]);
    assert!(whole.denied("revoked.digests").needs.is_empty());
    // One of the platforms is enough, and nobody need be asked about the rest.
    let world = signed(&format!("{SIGNED}{}", digest_of("arm")));
    world.manifests(&[("amd", ""), ("arm", "")]).denied("revoked.digests");

    let decision = signed(&format!("{SIGNED}revoked: {{ identities: [\"https://ci.example/b*\"] }}\n"))
        .denied("signatures.require");
    let found = decision.objections().next().unwrap().1.found.clone();
    assert!(found.ends_with("1 by signers that are revoked do not count"), "{found}");
    signed(&format!("{SIGNED}revoked: {{ identities: [\"ci.example\"] }}\n")).admitted();
    let by_key = "signatures: { authorities: [{ key: { file: a.pub } }] }\n";
    let key = Signer::Key { fingerprint: digest("key"), source: KeySource::File("a.pub".into()) };
    let with_key =
        |more: &str| World::new(&format!("{by_key}{more}")).signed("image", vec![Seal { signer: key.clone(), ..ci() }]);
    with_key("").admitted();
    with_key(&format!("revoked: {{ keys: [\"{}\"] }}", digest("key").hex().to_uppercase()))
        .denied("signatures.require");

    // A block stands above policies and their modes.
    let mut world = signed(&format!("{SIGNED}mode: audit"));
    world.blocked.digests = vec![digest("image")];
    let decision = world.denied("block");
    assert!(decision.rulings.is_empty() && decision.settled);
    let mut world = signed(SIGNED);
    world.blocked.identities = vec!["https://ci.example/*".into()];
    world.denied("signatures.require");
    // What cannot be found out is not "not blocked".
    let mut world = World::new("digest: ignore");
    world.blocked.digests = vec![digest("other")];
    world.facts = Facts::new();
    assert_eq!(world.denied("block").needs.len(), 1);
}

#[test]
fn provenance() {
    const SECTION: &str =
        "provenance: { level: 3, builder: \"https://builder.example/*\", source: \"git.example/team/*\" }";
    let build = |builder: &str, source: &str, level: Option<u32>| Build {
        seal: seal("https://builder.example/v1"),
        builder: builder.into(),
        source: source.into(),
        level,
    };
    let good = || build("https://builder.example/v1", "git+https://git.example/team/app@refs/heads/main", Some(3));
    let question = |of: &str| Question::Provenance { name: NAME.into(), digest: digest(of) };
    let with = |builds: Vec<Build>| World::new(SECTION).with(question("image"), Answer::Provenance(builds));
    with(vec![good()]).admitted();
    with(vec![build("https://evil.example", "git.example/team/app", Some(3)), good()]).admitted();
    with(Vec::new()).denied("provenance");
    with(vec![build("https://evil.example", "git.example/team/app", Some(3))]).denied("provenance.builder");
    with(vec![build("https://builder.example/v1", "git.example/other/app", Some(3))]).denied("provenance.source");
    with(vec![Build { level: Some(2), ..good() }]).denied("provenance.level");
    with(vec![Build { level: None, ..good() }]).denied("provenance.level");
    // A reference that the policy asks for is held against that of the provenance.
    let of = |pattern: &str, source: &str| {
        World::new(&format!("provenance: {{ source: \"{pattern}\" }}"))
            .with(question("image"), Answer::Provenance(vec![build("https://builder.example/v1", source, Some(3))]))
    };
    let main = "git.example/team/app@refs/heads/main";
    of(main, &format!("git+https://{main}")).admitted();
    of("git.example/team/app", &format!("git+https://{main}")).admitted();
    of(main, "git+https://git.example/team/app@refs/heads/evil").denied("provenance.source");
    of(main, "git+https://git.example/team/app").denied("provenance.source");
    // A workflow that attests for itself reaches level 3 only where the policy names it; a generator of the SLSA project is known.
    let unnamed = |builder: &str, section: &str| {
        World::new(&format!("provenance: {{ {section} }}"))
            .with(question("image"), Answer::Provenance(vec![build(builder, "git.example/team/app", Some(3))]))
    };
    let own = "https://github.com/team/app/.github/workflows/build.yml@refs/heads/main";
    unnamed(own, "level: 3").denied("provenance.level");
    unnamed(own, "level: 2").admitted();
    unnamed(own, "level: 3, builder: \"https://github.com/team/*\"").admitted();
    let generator = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0";
    unnamed(generator, "level: 3").admitted();
    unnamed(&generator.replace("slsa-framework/", "slsa-framework-evil/"), "level: 3").denied("provenance.level");
    // No two of them make one.
    with(vec![Build { level: Some(2), ..good() }, build("https://evil.example", "git.example/team/app", Some(3))])
        .denied("provenance");
    let mut world = with(vec![good()]);
    world.blocked.identities = vec!["https://builder.example/*".into()];
    world.denied("provenance");
    let index = || with(Vec::new()).manifests(&[("amd", "a"), ("arm", "b")]);
    let both = index().with(question("amd"), Answer::Provenance(vec![good()]));
    both.clone().with(question("arm"), Answer::Provenance(vec![good()])).admitted();
    both.with(question("arm"), Answer::Provenance(Vec::new())).denied("provenance");
}

#[test]
fn sboms() {
    const SECTION: &str = "sbom: { require: true }";
    World::new(SECTION).sbom("image", None).admitted();
    World::new(SECTION).no_sbom("image").denied("sbom.require");
    World::new("sbom: { require: false }").admitted();
    let sealed =
        |by: Option<Seal>| World::new(&format!("{SIGNED}{SECTION}")).signed("image", vec![ci()]).sbom("image", by);
    sealed(Some(ci())).admitted();
    sealed(None).denied("sbom.require");
    sealed(Some(seal("https://evil.example"))).denied("sbom.require");
    // One of the index says nothing of one of two platforms, but it does of the only one.
    let one = World::new(SECTION).manifests(&[("amd", "")]);
    one.clone().no_sbom("amd").sbom("image", None).admitted();
    let two = one.manifests(&[("amd", ""), ("arm", "")]).sbom("amd", None).sbom("image", None);
    two.clone().no_sbom("arm").denied("sbom.require");
    two.sbom("arm", None).admitted();
}

#[test]
fn vulnerabilities() {
    let sections = format!("{SIGNED}vulnerabilities: {{ deny: 'severity >= critical', warn: 'fixed', maxAge: 24h }}");
    let base = || World::new(&sections).signed("image", vec![ci()]);
    let sealed = |report: Report<FindingData>| {
        let world = base();
        let from = world.sealed();
        world.found("image", What::Vulnerabilities, from, Answer::Vulnerabilities(vec![report]))
    };
    let (fresh, old) = ("2026-06-15T06:00:00Z", "2026-06-10T00:00:00Z");
    let decision = sealed(report(Some(ci()), fresh, Vec::new())).admitted();
    assert_eq!(decision.rulings[0].vulnerabilities[0].from, "sealed");
    sealed(report(Some(ci()), fresh, vec![critical()])).denied("vulnerabilities.deny");
    let mild = FindingData { severity: Some(Severity::Low), ..critical() };
    sealed(report(Some(ci()), fresh, vec![mild])).check(Verdict::Warn, &["vulnerabilities.warn"]);
    sealed(Report { incomplete: Some("a layer".into()), ..report(Some(ci()), fresh, Vec::new()) })
        .denied("vulnerabilities.deny");

    // Too old, not sealed by whom the policy names, dated in the future, or undated: it goes on to the SBOM.
    for passed_over in [
        report(Some(ci()), old, Vec::new()),
        report(None, fresh, Vec::new()),
        report(Some(seal("https://evil.example")), fresh, Vec::new()),
        report(Some(ci()), "2026-06-16T00:00:00Z", Vec::new()),
        Report { made_at: None, ..report(Some(ci()), fresh, Vec::new()) },
    ] {
        let world = sealed(passed_over);
        let decision = world.denied("vulnerabilities.deny");
        assert!(matches!(decision.needs.iter().next(), Some(Question::Sboms { .. })) && !decision.settled);

        let with_sbom = world.clone().sbom("image", Some(ci()));
        let from = Origin::Sbom(digest("sbom"));
        let matched = |findings| Answer::Vulnerabilities(vec![report(None, "2026-06-15T12:00:00Z", findings)]);
        let clean =
            with_sbom.clone().found("image", What::Vulnerabilities, from.clone(), matched(Vec::new())).admitted();
        assert_eq!(clean.rulings[0].vulnerabilities[0].from, "sbom");
        with_sbom.found("image", What::Vulnerabilities, from, matched(vec![critical()])).denied("vulnerabilities.deny");

        let scanned = |world: &World, answer| {
            world.clone().no_sbom("image").found("image", What::Vulnerabilities, Origin::Scan, answer)
        };
        let decision = scanned(&world, matched(Vec::new())).admitted();
        assert_eq!(decision.rulings[0].vulnerabilities[0].from, "scan");
        // An SBOM that nobody vouches for is not matched.
        let unsealed = world.clone().sbom("image", None);
        unsealed.found("image", What::Vulnerabilities, Origin::Scan, matched(Vec::new())).admitted();
        let decision = scanned(&world, Answer::Unknown("scans are off".into())).denied("vulnerabilities.deny");
        let (_, reason) = decision.objections().next().unwrap();
        assert_eq!(reason.missing.len(), 3, "{reason:?}");
        assert!(reason.found.contains("a sealed SBOM") && reason.found.contains("scans are off"), "{reason:?}");
        scanned(&world, Answer::Vulnerabilities(Vec::new())).denied("vulnerabilities.deny");
    }
    // By a clock that runs ahead a report is the newest for as long as that: it is none, whatever age is allowed.
    let ageless = World::new(&sections.replace(", maxAge: 24h", "")).signed("image", vec![ci()]);
    for (made, is_taken) in
        [("2026-06-15T12:04:00Z", true), ("2026-06-15T12:06:00Z", false), ("2027-01-01T00:00:00Z", false)]
    {
        let early = report(Some(ci()), made, Vec::new());
        let world = ageless.clone();
        let from = world.sealed();
        let both = vec![early, report(Some(ci()), fresh, vec![critical()])];
        let world = world.found("image", What::Vulnerabilities, from, Answer::Vulnerabilities(both));
        if is_taken {
            world.admitted();
        } else {
            world.denied("vulnerabilities.deny");
        }
        let scanned = ageless.clone().no_sbom("image");
        let from = scanned.sealed();
        let scanned = scanned.found("image", What::Vulnerabilities, from, Answer::Vulnerabilities(Vec::new())).found(
            "image",
            What::Vulnerabilities,
            Origin::Scan,
            Answer::Vulnerabilities(vec![report(None, made, Vec::new())]),
        );
        if is_taken {
            scanned.admitted();
        } else {
            scanned.denied("vulnerabilities.deny");
        }
    }
    // Without an authority no seal counts.
    let world = World::new("vulnerabilities: { deny: 'kev' }").no_sbom("image");
    let decision = world.denied("vulnerabilities.deny");
    assert!(matches!(decision.needs.iter().next(), Some(Question::Findings { from: Origin::Scan, .. })));
    // A scan that is too old denies by its age.
    let world = World::new(&sections).signed("image", vec![ci()]).no_sbom("image");
    let from = world.sealed();
    world
        .found("image", What::Vulnerabilities, from, Answer::Vulnerabilities(Vec::new()))
        .found(
            "image",
            What::Vulnerabilities,
            Origin::Scan,
            Answer::Vulnerabilities(vec![report(None, old, Vec::new())]),
        )
        .denied("vulnerabilities.maxAge");
}

#[test]
fn secrets_and_configuration() {
    const SECTION: &str = "secrets: { deny: 'verified || confidence == \"high\"', warn: 'true' }";
    let scanned = |findings: Vec<CheckData>| {
        let found = Answer::Checks(vec![report(None, "2020-01-01T00:00:00Z", findings)]);
        World::new(SECTION).found("image", What::Secrets, Origin::Scan, found)
    };
    let secret = |verified, confidence: Option<&str>| CheckData {
        id: Some("aws-key".into()),
        path: Some("etc/key".into()),
        verified,
        confidence: confidence.map(str::to_owned),
        ..CheckData::default()
    };
    scanned(Vec::new()).admitted();
    scanned(vec![secret(Some(false), Some("low"))]).check(Verdict::Warn, &["secrets.warn"]);
    scanned(vec![secret(Some(true), None)]).check(Verdict::Deny, &["secrets.deny", "secrets.warn"]);
    for unknown in [secret(None, Some("low")), secret(Some(false), None), secret(Some(false), Some("certain"))] {
        let decision = scanned(vec![unknown]).check(Verdict::Deny, &["secrets.deny", "secrets.warn"]);
        assert!(decision.objections().next().unwrap().1.found.contains("cannot be told"));
    }
    let decision = World::new(SECTION).denied("secrets.deny");
    assert_eq!(decision.needs.len(), 1);
    let world = World::new("config: { warn: 'severity >= high' }");
    world.clone().check(Verdict::Warn, &["config.warn"]);
    let bad = CheckData { severity: Some(Severity::Critical), ..CheckData::default() };
    let answer = Answer::Checks(vec![report(None, "2020-01-01T00:00:00Z", vec![bad])]);
    world.found("image", What::Config, Origin::Scan, answer).check(Verdict::Warn, &["config.warn"]);
    World::new("config: {}").admitted();
}

#[test]
fn bases() {
    let with = |sections: &str, base: Base| {
        World::new(sections).with(Question::Base { name: NAME.into(), digest: digest("image") }, Answer::Base(base))
    };
    let base = |name: &str| Base {
        content: digest("layers"),
        name: Some(name.to_owned()),
        proven: true,
        end_of_life: EndOfLife::At(at("2026-06-15T12:00:01Z")),
    };
    const ALLOW: &str = "base: { allow: [\"gcr.io/distroless/**\", scratch] }";
    with(ALLOW, base("gcr.io/distroless/static:nonroot")).admitted();
    with(ALLOW, base("scratch")).admitted();
    with(ALLOW, base("debian:12")).denied("base.allow");
    with(ALLOW, base("not a name")).denied("base.allow");
    with(ALLOW, Base { proven: false, ..base("gcr.io/distroless/static") }).denied("base.allow");
    with(ALLOW, Base { name: None, ..base("") }).denied("base.allow");
    with("base: { allow: [] }", base("scratch")).denied("base.allow");
    World::new(ALLOW).denied("base.allow");
    const END: &str = "base: { endOfLife: deny }";
    with(END, base("debian:12")).admitted();
    with(END, Base { end_of_life: EndOfLife::None, ..base("debian:12") }).admitted();
    with(END, Base { end_of_life: EndOfLife::At(now()), ..base("debian:12") }).denied("base.endOfLife");
    with(END, Base { end_of_life: EndOfLife::Unknown("no data".into()), ..base("debian:12") }).denied("base.endOfLife");
    let late = Base { end_of_life: EndOfLife::At(now()), ..base("debian:12") };
    with("base: { endOfLife: warn }", late.clone()).check(Verdict::Warn, &["base.endOfLife"]);
    with("base: { endOfLife: ignore }", late).admitted();
    World::new("base: { endOfLife: alert }").check(Verdict::Warn, &["base.endOfLife"]);
}

#[test]
fn freshness() {
    // Made on 1 May; signed on 1 June; it is 15 June.
    World::new("freshness: { maxAge: 90d }").admitted();
    World::new("freshness: { maxAge: 30d }").denied("freshness.maxAge");
    World::new(&format!("{SIGNED}freshness: {{ maxAge: 30d }}")).signed("image", vec![ci()]).admitted();
    World::new(&format!("{SIGNED}freshness: {{ maxAge: 14d }}")).signed("image", vec![ci()]).denied("freshness.maxAge");
    let made = |created: Option<Timestamp>| {
        let manifest = Manifest { digest: digest("image"), platform: String::new(), created };
        World::new("freshness: { maxAge: 90d }")
            .with(Question::Manifests { name: NAME.into(), digest: digest("image") }, Answer::Manifests(vec![manifest]))
    };
    made(None).denied("freshness.maxAge");
    made(Some(at("2026-12-01T00:00:00Z"))).denied("freshness.maxAge");

    let running = |all: &[(&str, Option<&str>)]| {
        let mut world = World::new("freshness: { notOlderThanRunning: true }");
        world.asked.workload = Some("shop/Deployment/app/app".into());
        let running = all.iter().map(|(of, created)| Running { digest: digest(of), created: created.map(at) });
        let question = Question::Running { name: NAME.into(), workload: "shop/Deployment/app/app".into() };
        world.with(question, Answer::Running(running.collect()))
    };
    running(&[]).admitted();
    running(&[("old", Some("2026-04-01T00:00:00Z"))]).admitted();
    running(&[("image", Some("2026-05-01T00:00:00Z"))]).admitted();
    running(&[("new", Some("2026-05-02T00:00:00Z"))]).denied("freshness.notOlderThanRunning");
    running(&[("undated", None)]).denied("freshness.notOlderThanRunning");
    let mut world = running(&[]);
    world.asked.workload = None;
    assert_eq!(world.admitted().rulings[0].not_judged[0].section, "freshness.notOlderThanRunning");
}

#[test]
fn debug_containers() {
    let attach = |sections: &str, image: &str, groups: &[&str]| {
        let mut world = World::new(sections);
        world.asked.image = image.parse().unwrap();
        world.asked.role = Role::Ephemeral { groups: groups.iter().map(|group| (*group).to_owned()).collect() };
        world
    };
    const SECTION: &str = "otherwise: ignore\ndebug: { images: [\"r.example/debug/**\"], groups: [sre] }";
    attach(SECTION, "r.example/debug/shell", &["dev", "sre"]).admitted();
    attach(SECTION, "r.example/debug/shell", &["dev"]).denied("debug.groups");
    attach(SECTION, "r.example/app:1", &["sre"]).denied("debug.images");
    // Also an image that the policy does not name otherwise.
    attach(SECTION, "docker.io/library/busybox", &["sre"]).denied("debug.images");
    attach("otherwise: ignore", "docker.io/library/busybox", &[]).admitted();
    attach("debug: { groups: [] }", "r.example/app:1", &["sre"]).denied("debug.groups");
    let mut world = attach(SECTION, "r.example/app:1", &[]);
    world.asked.role = Role::Container;
    world.admitted();
}

fn glass(spec: &str) -> BreakGlass {
    let text =
        format!("apiVersion: signet.dev/v1\nkind: BreakGlass\nmetadata: {{ name: incident }}\nspec: {{ {spec} }}\n");
    BreakGlass::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn two_people_open_the_gate_for_a_while() {
    const RULE: &str = "digest: require\nbreakGlass: { approvers: [{ keyless: { issuer: \"*\", subject: \"*@example.com\" } }], maxDuration: 8h }\n";
    const SCOPE: &str = "images: [\"r.example/**\"], reason: outage, ";
    const WHEN: &str = "from: 2026-06-15T11:00:00Z, until: 2026-06-15T18:00:00Z";
    let signed = |who: &str| Seal { signed_at: Some(at("2026-06-15T11:30:00Z")), ..seal(who) };
    let with = |sections: &str, spec: &str, seals: Vec<Seal>| {
        let mut world = World::new(sections);
        world.overrides = vec![Override { document: glass(spec), seals }];
        world
    };
    let two = || vec![signed("a@example.com"), signed("b@example.com")];
    let spec = format!("{SCOPE}{WHEN}");
    let decision = with(RULE, &spec, two()).check(Verdict::Warn, &["digest"]);
    assert_eq!(decision.rulings[0].overrides[0].refused, None);
    assert_eq!(decision.rulings[0].reasons[0].overridden.as_deref(), Some("incident"));
    with(RULE, &format!("{spec}, policies: [p], sections: [digest]"), two()).check(Verdict::Warn, &["digest"]);
    with(RULE, &format!("reason: r, digests: [\"{}\"], {WHEN}", digest("image")), two())
        .check(Verdict::Warn, &["digest"]);

    let refused = |sections: &str, spec: &str, seals: Vec<Seal>| {
        let decision = with(sections, spec, seals).denied("digest");
        let report = decision.rulings[0].overrides.first().map(|report| report.refused.clone().unwrap_or_default());
        report.unwrap_or_else(|| "not about it".to_owned())
    };
    assert_eq!(refused("digest: require", &spec, two()), "the policy has no `breakGlass`, so nobody may override it");
    let few = "1 of the 2 approvers that are required signed it in time";
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com")]), few);
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), signed("A@example.com")]), few);
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), signed("b@evil.example")]), few);
    // The same name by another issuer is the same person.
    let again = Signer::Keyless { issuer: "https://other.example".into(), subject: "a@example.com".into() };
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), Seal { signer: again, ..ci() }]), few);
    let untimed = |who: &str| Seal { signed_at: None, ..seal(who) };
    let note = "; a signature counts only with a time that a log or a timestamp vouches for";
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), untimed("b@example.com")]), format!("{few}{note}"));
    assert_eq!(
        refused(RULE, &spec, vec![untimed("a@example.com"), untimed("b@example.com")]),
        format!("{}{note}", few.replace('1', "0"))
    );
    let early = Seal { signed_at: Some(at("2026-06-15T12:10:00Z")), ..seal("b@example.com") };
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), early]), few, "dated ahead of now");
    // Who holds a key and an identity is one person, and so is who holds two keys.
    const KEYS: &str = "digest: require\nbreakGlass:\n  maxDuration: 8h\n  approvers:\n  - keyless: { issuer: \"*\", subject: \"*@example.com\" }\n  - { key: { file: a.pub }, person: A@Example.com }\n  - { key: { file: a2.pub }, person: a@example.com }\n  - { key: { file: c.pub }, person: \"mailto:c@example.com\" }\n  - { key: { pem: PEM }, person: c@example.com }\n";
    let by_key = |of: &str, source: KeySource| {
        let signer = Signer::Key { fingerprint: digest(of), source };
        Seal { signer, ..signed("") }
    };
    let file = |name: &str| by_key(name, KeySource::File(name.into()));
    for one in [
        vec![signed("a@example.com"), file("a.pub")],
        vec![file("a.pub"), file("a2.pub")],
        vec![file("a.pub"), signed("a@example.com"), file("a2.pub")],
        vec![signed("c@example.com"), file("c.pub")],
        // One key that stands there twice.
        vec![file("c.pub"), by_key("c.pub", KeySource::Pem("PEM".into()))],
        vec![file("a.pub"), file("other.pub")],
    ] {
        assert_eq!(refused(KEYS, &spec, one), few);
    }
    for two in [
        vec![signed("b@example.com"), file("a.pub")],
        vec![file("a.pub"), file("c.pub")],
        vec![signed("mailto:a@example.com"), by_key("pem", KeySource::Pem("PEM".into()))],
    ] {
        with(KEYS, &spec, two).check(Verdict::Warn, &["digest"]);
    }
    let long_ago = Seal { signed_at: Some(at("2026-06-01T00:00:00Z")), ..seal("b@example.com") };
    assert_eq!(refused(RULE, &spec, vec![signed("a@example.com"), long_ago]), few);
    let of = |from: &str, until: &str| format!("{SCOPE}from: {from}, until: {until}");
    assert_eq!(
        refused(RULE, &of("2026-06-15T10:00:00Z", "2026-06-15T12:00:00Z"), two()),
        "it held until 2026-06-15T12:00:00Z"
    );
    assert!(refused(RULE, &of("2026-06-15T12:00:01Z", "2026-06-15T13:00:00Z"), two()).starts_with("it does not hold"));
    assert!(
        refused(RULE, &of("2026-06-15T11:00:00Z", "2026-06-15T20:00:00Z"), two()).starts_with("it holds for longer")
    );
    assert_eq!(refused(RULE, &format!("{spec}, policies: [other]"), two()), "not about it");
    assert_eq!(refused(RULE, &format!("images: [nginx], reason: r, {WHEN}"), two()), "not about it");
    assert_eq!(refused(RULE, &format!("{spec}, sections: [sbom]"), two()), "");
    // An approver who is trusted no more opens nothing.
    assert_eq!(refused(&format!("{RULE}revoked: {{ identities: [\"B@example.com\"] }}"), &spec, two()), few);
    // Who may attach what is no matter of an override.
    let mut world = with(&format!("debug: {{ groups: [sre] }}\n{RULE}").replace("digest: require\n", ""), &spec, two());
    world.asked.role = Role::Ephemeral { groups: vec!["dev".to_owned()] };
    assert_eq!(world.denied("debug.groups").rulings[0].overrides[0].refused, None);
    // What is revoked stays so.
    let revoked = format!("{RULE}revoked: {{ digests: [\"{}\"] }}", digest("image"));
    with(&revoked, &spec, two()).denied("revoked.digests");

    for (wrong, why) in [
        (format!("{WHEN}, reason: r"), "an override needs `images` or `digests`"),
        (format!("{spec}, sections: [revoked]"), "`revoked` is no section that can be overridden"),
        (format!("{spec}, sections: []"), "`sections` names none"),
        (format!("{SCOPE}from: 2026-06-15"), "an override needs `until`"),
        (of("2026-06-16", "2026-06-14"), "`until` lies before `from`"),
        (format!("{spec}, extra: 1"), "`spec` has no field `extra`"),
    ] {
        let text =
            format!("apiVersion: signet.dev/v1\nkind: BreakGlass\nmetadata: {{ name: x }}\nspec: {{ {wrong} }}\n");
        let problems = BreakGlass::parse(&text).expect_err(&text);
        assert!(problems.iter().any(|problem| problem.message == why), "{why}: {problems:?}");
    }
}

#[test]
fn a_decision_is_written_the_same_way_each_time() {
    let world = World::new(&format!("{SIGNED}digest: pin\nruntime: {{ drift: alert }}")).signed("image", vec![ci()]);
    let decision = world.admitted();
    let json = decision.to_json();
    assert_eq!(json.to_string(), world.decide().to_json().to_string());
    assert_eq!(json["policies"][0]["content"], world.policy.content.to_string());
    assert_eq!(json["policies"][0]["notJudged"][0]["section"], "runtime");
    assert_eq!(json["outcome"], "allow");
    // What was not looked at is no part of what it rests on; what was is.
    let more = world.clone().signed("other", Vec::new()).decide();
    assert_eq!(more.facts, decision.facts);
    let other = world.signed("image", vec![ci(), seal("x")]).decide();
    assert_ne!(other.facts, decision.facts);
}

proptest! {
    /// With some of the answers gone, nothing is admitted that was not admitted with all of them, and what is missing is asked for.
    #[test]
    fn fewer_answers_admit_nothing_more(kept in proptest::collection::vec(any::<bool>(), 16), good in any::<bool>()) {
        let sections = format!("{SIGNED}sbom: {{ require: true }}\nvulnerabilities: {{ deny: 'severity >= critical' }}\nfreshness: {{ maxAge: 90d }}\nrevoked: {{ digests: [\"{}\"] }}", digest("z"));
        let findings = if good { Vec::new() } else { vec![critical()] };
        let world = World::new(&sections).manifests(&[("amd", "a"), ("arm", "b")]).signed("image", vec![ci()])
            .with(Question::Serves { name: NAME.into(), digest: digest("z") }, Answer::Manifests(Vec::new()));
        let from = world.sealed();
        let answer = Answer::Vulnerabilities(vec![report(Some(ci()), "2026-06-15T06:00:00Z", findings)]);
        let world = world.sbom("amd", Some(ci())).sbom("arm", Some(ci()))
            .found("amd", What::Vulnerabilities, from.clone(), Answer::Vulnerabilities(vec![report(Some(ci()), "2026-06-15T06:00:00Z", Vec::new())]))
            .found("arm", What::Vulnerabilities, from, answer);
        prop_assert_eq!(world.decide().admits(), good);
        let mut fewer = world.clone();
        fewer.facts = Facts::new();
        let mut is_whole = true;
        let all: Vec<Question> = world.facts.questions().cloned().collect();
        for (at, question) in all.iter().enumerate() {
            if kept.get(at).copied().unwrap_or(true) {
                fewer.facts.insert(question.clone(), world.facts.get(question).unwrap().clone());
            } else {
                is_whole = false;
            }
        }
        let decision = fewer.decide();
        prop_assert!(!decision.admits() || good);
        if !is_whole {
            prop_assert!(!decision.admits() && !decision.needs.is_empty(), "{}", decision.to_json());
        }
    }
}
