use proptest::prelude::*;
use signet_model::{ExceptionState, Mode, Severity, Timestamp, Verdict};

use super::*;
use crate::expr::FindingData;

const FULL: &str = r#"apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: { name: production }
spec:
  mode: enforce                       # enforce | warn | audit
  images: ["registry.example.com/**"]
  otherwise: deny
  digest: pin
  pullPolicy: IfNotPresent
  signatures:
    require: 1
    authorities:
      - keyless: { issuer: "https://token.actions.githubusercontent.com", subject: "https://github.com/example/*" }
      - key: { file: cosign.pub }
  provenance: { level: 3, builder: "https://github.com/slsa-framework/*", source: "github.com/example/*" }
  sbom: { require: true }
  vulnerabilities:
    deny: 'severity >= critical && fixed && (kev || epss >= 0.1)'
    warn: 'severity >= high && fixed'
    maxAge: 24h
    exceptions: [{ id: CVE-2026-0001, packages: ["pkg:deb/debian/zlib1g"], until: 2026-12-31, reviewEvery: 7d, owner: team-a, reason: "no fix; not reachable" }]
  secrets: { deny: 'verified || confidence == "high"' }
  config: { deny: 'severity >= high' }
  base: { allow: ["gcr.io/distroless/**", "cgr.dev/chainguard/**"], endOfLife: deny }
  freshness: { maxAge: 90d, notOlderThanRunning: true }
  revoked: { digests: [], keys: [], identities: [] }
  debug: { images: ["registry.example.com/debug/**"], groups: ["sre"] }
  runtime: { drift: alert, unsealedProcess: alert }
"#;

fn policy(vulnerabilities: &str) -> String {
    let body: String = vulnerabilities.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{ name: p }}\nspec:\n  vulnerabilities:\n{body}")
}

fn parse(text: &str) -> TrustPolicy {
    TrustPolicy::parse(text).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[track_caller]
fn refused(text: &str, want: &[&str]) {
    let problems = TrustPolicy::parse(text).expect_err(text);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{text}");
}

fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

fn critical() -> FindingData {
    FindingData {
        id: Some("CVE-2026-0001".into()),
        aliases: Some(vec!["GHSA-xxxx".into()]),
        purl: Some("pkg:deb/debian/zlib1g@1.2?arch=amd64".into()),
        severity: Some(Severity::Critical),
        fixed: Some(true),
        kev: Some(false),
        epss: Some(0.5),
        malicious: Some(false),
        ..FindingData::default()
    }
}

fn fresh() -> Vec<FeedAge> {
    let feed = |name: &str, provides: &[&str]| FeedAge {
        name: name.to_owned(),
        updated: Some("2026-06-15T06:00:00Z".parse().unwrap()),
        provides: provides.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![feed("debian", &[]), feed("epss", &["epss"]), feed("kev", &["kev"])]
}

/// Verdict, rule and reason of the only finding.
fn one(section: &str, finding: FindingData, feeds: &[FeedAge]) -> (Verdict, Option<String>, String) {
    let decision = parse(&policy(section)).decide(&[finding], now(), feeds, &[]);
    let judged = decision.findings[0].clone();
    (judged.verdict, judged.rule, judged.why)
}

#[track_caller]
fn check(section: &str, finding: FindingData, verdict: Verdict, rule: &str, why: &str) {
    let found = one(section, finding, &fresh());
    let rule = (!rule.is_empty()).then(|| format!("vulnerabilities.{rule}"));
    assert_eq!(found, (verdict, rule, why.to_owned()), "{section}");
}

#[test]
fn the_whole_document_is_read() {
    let policy = parse(FULL);
    assert_eq!(policy.name, "production");
    assert_eq!(policy.mode, Mode::Enforce);
    assert_eq!(policy.digest, Some(DigestRule::Pin));
    assert!(policy.pull_if_not_present);
    assert_eq!(policy.signatures.as_ref().unwrap().authorities.len(), 2);
    assert_eq!(policy.provenance.as_ref().unwrap().level, Some(3));
    assert_eq!(policy.sbom, Some(SbomRule { require: true }));
    let secrets = policy.secrets.as_ref().and_then(|rule| rule.deny.as_ref()).unwrap();
    assert_eq!(secrets.variables(), ["confidence", "verified"]);
    assert_eq!(policy.place("secrets.deny"), Some(Place { line: 22, column: 14 }));
    assert_eq!(policy.content, signet_model::Digest::sha256(FULL.as_bytes()));
    assert_eq!(policy.base.as_ref().unwrap().end_of_life, Some(Action::Deny));
    assert_eq!(policy.freshness.as_ref().unwrap().max_age, crate::parse_duration("90d"));
    assert_eq!(policy.runtime.as_ref().unwrap().drift, Some(Action::Alert));
    let section = policy.vulnerabilities.as_ref().unwrap();
    assert_eq!(section.deny.as_ref().unwrap().variables(), ["epss", "fixed", "kev", "severity"]);
    let exception = &section.exceptions[0];
    assert_eq!(exception.until.to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(exception.review_every, Some(604_800));
    let decision = policy.decide(&[], now(), &fresh(), &[]);
    let sections: Vec<&str> = decision.not_judged.iter().map(|section| section.section.as_str()).collect();
    assert_eq!(
        sections,
        [
            "images",
            "digest",
            "signatures",
            "provenance",
            "sbom",
            "secrets",
            "config",
            "base",
            "freshness",
            "revoked",
            "debug",
            "runtime"
        ]
    );
    assert_eq!(decision.verdict, Verdict::Allow);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    refused("", &["line 1, column 1: there is no document"]);
    refused("a: [", &["line 1, column 4: unclosed bracket '['"]);
    refused(
        &FULL.replace("mode: enforce ", "mode: enforced"),
        &["line 5, column 9: `mode` is one of enforce, warn, audit (hint: did you mean `enforce`?)"],
    );
    refused(
        &FULL.replace("vulnerabilities:", "vulnerabilites:"),
        &["line 17, column 3: `spec` has no field `vulnerabilites` (hint: did you mean `vulnerabilities`?)"],
    );
    refused(
        &FULL.replace("signet.dev/v1", "signet.dev/v2"),
        &["line 1, column 13: `apiVersion` must be `signet.dev/v1`"],
    );
    refused(
        &FULL.replace("severity >= critical", "severty >= critical"),
        &["line 18, column 12: in `deny`: there is no variable `severty` (hint: did you mean `severity`?)"],
    );
    refused(
        &FULL.replace("severity >= high && fixed", "severity >= \"high\" && fixed"),
        &[
            "line 19, column 24: in `warn`: `>=` is not defined between a severity and a string (hint: severities are written without quotes: `high`)",
        ],
    );
    refused(
        &FULL.replace("verified ||", "verified or"),
        &["line 22, column 30: in `deny`: expected an operator or the end, found `or` (hint: \"or\" is written `||`)"],
    );
    refused(
        &FULL.replace("maxAge: 24h", "maxAge: 24"),
        &["line 20, column 13: `maxAge` is a length of time above zero (hint: write for example `24h` or `7d`)"],
    );
    refused(
        &FULL.replace("until: 2026-12-31, ", ""),
        &["line 21, column 18: an exception needs `until` (hint: nothing is accepted for ever)"],
    );
    refused(&FULL.replace("owner: team-a, ", ""), &["line 21, column 18: `exceptions` needs `owner`"]);
    refused(
        &FULL.replace("[\"pkg:deb/debian/zlib1g\"]", "[zlib1g]"),
        &[
            "line 21, column 50: `zlib1g` is no pattern of package URLs (hint: write a package URL such as `pkg:deb/debian/zlib1g`; `*` is any text)",
        ],
    );
    refused(
        &FULL.replace("require: 1", "require: 3"),
        &[
            "line 11, column 5: `require: 3` does not go with 2 authorities (hint: ask for at least one, and for no more than there are)",
        ],
    );
    refused(
        &FULL.replace("digests: []", "digests: [sha256:12]"),
        &["line 26, column 24: `sha256:12` is no digest (hint: write `sha256:` and 64 hex digits)"],
    );
    refused(
        &FULL.replace("sbom: { require: true }", "sbom:"),
        &[
            "line 16, column 7: `sbom` stands empty where a mapping is expected (hint: leave the field out to ask for nothing)",
        ],
    );
    refused(
        &FULL.replace("sbom: { require: true }", "sbom: { require: maybe }"),
        &["line 16, column 20: `require` is true or false, not a string"],
    );
    for (from, to, want) in [
        (
            "confidence == \"high\"",
            "confidence == \"sure\"",
            "line 22, column 47: in `deny`: `confidence` is never \"sure\" (hint: it is one of: low, medium, high)",
        ),
        (
            "registry.example.com/**\"]\n  otherwise",
            "registry.example.com\"]\n  otherwise",
            "line 6, column 12: `registry.example.com` is no pattern of images: it names a registry and no repository: write `registry.example.com/**`",
        ),
        (
            "[\"registry.example.com/**\"]\n  otherwise",
            "[]\n  otherwise",
            "line 6, column 11: `images` names no image (hint: leave it out to mean every image)",
        ),
        (
            "keys: []",
            "keys: [abc]",
            "line 26, column 34: `abc` is no fingerprint of a key (hint: write the SHA-256 of the public key's DER form: 64 hex digits)",
        ),
        (
            "  runtime:",
            "  breakGlass: { require: 1, approvers: [{ key: { file: a.pub }, person: a }], maxDuration: 8h }\n  runtime:",
            "line 28, column 15: `require: 1` is too little (hint: an override is the word of two people at least)",
        ),
        (
            "  runtime:",
            "  breakGlass: { approvers: [{ key: { file: a.pub } }], maxDuration: 8h }\n  runtime:",
            "line 28, column 29: a `key` of an approver needs `person` (hint: write `person:` with the name that their certificates would have, such as an address)",
        ),
        (
            "  runtime:",
            "  breakGlass: { approvers: [{ keyless: { issuer: i, subject: s }, person: a }], maxDuration: 8h }\n  runtime:",
            "line 28, column 75: `person` goes with a `key` (hint: leave it out: the identity names the person)",
        ),
        (
            "  debug: { images: [\"registry.example.com/debug/**\"], groups: [\"sre\"] }",
            "  debug: {}",
            "line 27, column 10: `debug` needs `images` or `groups`",
        ),
    ] {
        refused(&FULL.replace(from, to), &[want]);
    }
    refused(
        &format!("{FULL}---\na: b\n"),
        &["line 30, column 1: a second document stands here; a policy is one document"],
    );
    refused(
        &policy("deny: !fixed && kev"),
        &[
            "line 6, column 21: in `deny`: YAML takes `!fixed` for a tag, not for a part of the expression (hint: put the whole expression in single quotes)",
        ],
    );
    refused(&policy("deny:"), &["line 6, column 9: in `deny`: the expression is empty"]);
    refused(&policy("deny: [kev]"), &["line 6, column 11: `deny` is an expression, not a list"]);
    let folded = policy("deny: >-\n  severity >=\n  hihg\n");
    refused(&folded, &["line 7, column 7: in `deny`: there is no variable `hihg` (hint: did you mean `high`?)"]);
}

#[test]
fn deny_and_warn() {
    const RULES: &str = "deny: 'severity >= critical && fixed && (kev || epss >= 0.1)'\nwarn: 'severity >= high'";
    let known = critical();
    check(RULES, known.clone(), Verdict::Deny, "deny", "the rule holds");
    check(RULES, FindingData { fixed: Some(false), ..known.clone() }, Verdict::Warn, "warn", "the rule holds");
    let low = FindingData { severity: Some(Severity::Low), ..known.clone() };
    check(RULES, low.clone(), Verdict::Allow, "", "no rule objects");
    check(RULES, FindingData { epss: None, ..low }, Verdict::Allow, "", "no rule objects");
    check(
        RULES,
        FindingData { epss: None, ..known.clone() },
        Verdict::Deny,
        "deny",
        "it cannot be told without `epss` (no EPSS score is known for it)",
    );
    check(
        RULES,
        FindingData { severity: None, fixed: Some(false), ..known.clone() },
        Verdict::Warn,
        "warn",
        "it cannot be told without `severity` (not known for this finding)",
    );
    check(
        "deny: 'aliases[5] == id'",
        known,
        Verdict::Deny,
        "deny",
        "the rule failed: index 5 is outside of a list of 1",
    );
}

#[test]
fn expressions_need_no_quotes_where_yaml_needs_none() {
    check("deny: severity >= critical && fixed", critical(), Verdict::Deny, "deny", "the rule holds");
    check("warn: true", critical(), Verdict::Warn, "warn", "the rule holds");
    check("deny: false\nwarn: kev", critical(), Verdict::Allow, "", "no rule objects");
}

#[test]
fn data_that_is_too_old_is_unknown() {
    let text = policy("deny: 'severity >= critical && (kev || epss >= 0.1)'\nmaxAge: 24h");
    let decide = |feeds: &[FeedAge], findings: &[FindingData]| parse(&text).decide(findings, now(), feeds, &[]);
    let mild = FindingData { epss: Some(0.01), ..critical() };
    assert_eq!(decide(&fresh(), std::slice::from_ref(&mild)).verdict, Verdict::Allow);

    let mut stale = fresh();
    stale[1].updated = Some("2026-06-12T11:30:00Z".parse().unwrap());
    let decision = decide(&stale, std::slice::from_ref(&mild));
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(
        decision.findings[0].why,
        "it cannot be told without `epss` (`epss` is 3d old, more than the 1d allowed)"
    );
    let deny = decision.rules.iter().find(|rule| rule.rule == "vulnerabilities.deny").unwrap();
    assert_eq!(deny.hits[0].missing, ["epss"]);
    // Where the old data makes no difference, it does not count.
    assert_eq!(
        decide(&stale, &[FindingData { severity: Some(Severity::Low), ..mild.clone() }]).verdict,
        Verdict::Allow
    );
    assert_eq!(decide(&stale, &[]).verdict, Verdict::Allow);

    // Old advisories, or none, or some of unknown or future date: no findings do not mean clean.
    let mut old = fresh();
    old[0].updated = Some("2026-06-14T11:59:59Z".parse().unwrap());
    let mut undated = fresh();
    undated[0].updated = None;
    let mut future = fresh();
    future[0].updated = Some("2026-06-15T12:06:00Z".parse().unwrap());
    for (feeds, why) in [
        (old, "`debian` is 1d old, more than the 1d allowed"),
        (undated, "the age of `debian` is not known"),
        (future, "`debian` is dated in the future"),
        (Vec::new(), "the age of the advisories is not known"),
        (fresh().split_off(1), "the age of the advisories is not known"),
    ] {
        let decision = decide(&feeds, &[]);
        assert_eq!(decision.verdict, Verdict::Deny, "{why}");
        assert_eq!(decision.rules[0].hits[0].why, why);
        assert_eq!(decision.rules[0].rule, "vulnerabilities.maxAge");
    }
}

#[test]
fn exceptions() {
    let with = |exception: &str| {
        format!("deny: 'severity >= critical'\nexceptions:\n- {{ owner: team-a, reason: no fix, {exception} }}")
    };
    let covered = "excepted by team-a: no fix";
    let accepted = |exception: &str| check(&with(exception), critical(), Verdict::Allow, "exceptions", covered);
    let denied = |exception: &str| check(&with(exception), critical(), Verdict::Deny, "deny", "the rule holds");
    accepted("id: CVE-2026-0001, until: 2026-12-31");
    accepted("id: cve-2026-0001, until: 2026-06-15");
    accepted("ids: [CVE-1, GHSA-XXXX], until: 2026-06-15T12:00:01Z");
    accepted("id: CVE-2026-0001, packages: ['pkg:deb/debian/zlib1g'], until: 2026-12-31");
    accepted("id: CVE-2026-0001, packages: ['pkg:npm/x', 'pkg:deb/*/zlib*@1.*'], until: 2026-12-31");
    accepted("id: CVE-2026-0001, until: 2026-12-31, reviewEvery: 7d, reviewed: 2026-06-10");
    denied("id: CVE-2026-0002, until: 2026-12-31");
    denied("id: CVE-2026-0001, packages: ['pkg:deb/debian/openssl'], until: 2026-12-31");
    let expired = "the rule holds; the exception for it expired on 2026-06-14";
    check(&with("id: CVE-2026-0001, until: 2026-06-14"), critical(), Verdict::Deny, "deny", expired);
    let expired = "the rule holds; the exception for it expired on 2026-06-15";
    check(&with("id: CVE-2026-0001, until: 2026-06-15T12:00:00Z"), critical(), Verdict::Deny, "deny", expired);
    for overdue in ["reviewEvery: 7d", "reviewEvery: 7d, reviewed: 2026-06-01", "reviewEvery: 7d, reviewed: 2026-07-01"]
    {
        let exception = format!("id: CVE-2026-0001, until: 2026-12-31, {overdue}");
        check(
            &with(&exception),
            critical(),
            Verdict::Warn,
            "exceptions",
            "excepted by team-a: no fix; its review is overdue",
        );
    }
    // Without a purl, an exception for packages covers nothing.
    let text = with("id: CVE-2026-0001, packages: ['pkg:*'], until: 2026-12-31");
    check(&text, FindingData { purl: None, ..critical() }, Verdict::Deny, "deny", "the rule holds");
}

#[test]
fn exceptions_are_reported() {
    let text = policy(
        "deny: 'severity >= critical'\nexceptions:\n\
         - { id: CVE-2026-0001, until: 2026-12-31, owner: a, reason: r, reviewEvery: 7d }\n\
         - { id: CVE-2020-9999, until: 2026-12-31, owner: a, reason: r }\n\
         - { id: CVE-2026-0001, until: 2026-01-31, owner: a, reason: r }\n\
         - { id: CVE-2026-0001, until: 2026-07-31, owner: b, reason: r }",
    );
    let decision = parse(&text).decide(&[critical()], now(), &fresh(), &[]);
    let states: Vec<_> =
        decision.exceptions.iter().map(|report| (report.state, report.overdue, report.findings.clone())).collect();
    assert_eq!(
        states,
        [
            (ExceptionState::Applied, true, vec![0]),
            (ExceptionState::Stale, false, vec![]),
            (ExceptionState::Expired, false, vec![0]),
            (ExceptionState::Applied, false, vec![0]),
        ]
    );
    // The one that is not overdue covers it.
    assert_eq!(decision.findings[0].exception, Some(3));
    assert_eq!(decision.verdict, Verdict::Allow);
}

#[test]
fn modes() {
    for (mode, verdict) in [("enforce", Verdict::Deny), ("warn", Verdict::Warn), ("audit", Verdict::Allow)] {
        let text = policy("deny: 'severity >= critical'").replace("spec:\n", &format!("spec:\n  mode: {mode}\n"));
        let digest = signet_model::Digest::sha256(b"sbom");
        let decision = parse(&text).decide(&[critical()], now(), &fresh(), &[digest]);
        assert_eq!((decision.judged, decision.verdict), (Verdict::Deny, verdict), "{mode}");
        assert_eq!(decision.rules[0].looked_at, [digest]);
        assert_eq!(decision.rules[0].hits[0].subject, "CVE-2026-0001 in pkg:deb/debian/zlib1g@1.2?arch=amd64");
        assert!(decision.rules[0].remedy.is_some());
    }
}

#[test]
fn the_recommended_policy() {
    let policy = parse(RECOMMENDED);
    assert!(
        builtin("builtin:recommended").is_some()
            && builtin("recommended").is_some()
            && builtin("builtin:other").is_none()
    );
    let verdict = |finding: FindingData| {
        let decision = policy.decide(&[finding], now(), &fresh(), &[]);
        (decision.verdict, decision.findings[0].rule.clone().unwrap_or_default())
    };
    let is = |verdict, rule: &str| (verdict, format!("vulnerabilities.{rule}"));
    let known = critical();
    assert_eq!(verdict(known.clone()), is(Verdict::Deny, "deny"));
    assert_eq!(verdict(FindingData { kev: Some(true), epss: Some(0.0), ..known.clone() }), is(Verdict::Deny, "deny"));
    assert_eq!(verdict(FindingData { epss: Some(0.09), ..known.clone() }), is(Verdict::Warn, "warn"));
    assert_eq!(verdict(FindingData { fixed: Some(false), ..known.clone() }), is(Verdict::Warn, "accept"));
    assert_eq!(verdict(FindingData { fixed: None, ..known.clone() }), is(Verdict::Deny, "deny"));
    assert_eq!(verdict(FindingData { severity: Some(Severity::High), ..known.clone() }), is(Verdict::Warn, "warn"));
    assert_eq!(verdict(FindingData { severity: Some(Severity::Unknown), ..known.clone() }), is(Verdict::Warn, "warn"));
    // No fix and no score: only its removal helps, so nothing accepts it.
    let malicious = FindingData { malicious: Some(true), fixed: Some(false), epss: None, ..known };
    assert_eq!(verdict(malicious), is(Verdict::Deny, "deny"));
    assert_eq!(policy.decide(&[], now(), &fresh(), &[]).verdict, Verdict::Allow);
    assert_eq!(policy.decide(&[], now(), &[], &[]).verdict, Verdict::Deny);
}

proptest! {
    #[test]
    fn a_damaged_policy_never_panics(cut in 0_usize..2200, flips in proptest::collection::vec((0_usize..2200, 0_u8..7), 0..4)) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, bit) in flips {
            if let Some(byte) = bytes.get_mut(at) { *byte ^= 1 << bit; }
        }
        bytes.truncate(cut);
        if let Err(problems) = TrustPolicy::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn patterns_of_any_kind_terminate(pattern in "[a@%*/?#:40]{0,40}", purl in "[a@%/?#:40]{0,60}") {
        purl_matches(&pattern, &purl);
        prop_assert!(purl_matches("*", &purl));
    }
}
