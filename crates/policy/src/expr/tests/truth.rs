use std::collections::BTreeMap;

use signet_model::{
    Cvss, DataSource, Finding, Fix, Location, Package, PackageIndex, PackageKind, Severity, Status, Vulnerability, Why,
};

use super::check;
use crate::expr::{FindingData, Outcome, Program, finding_environment};

/// `t`, `f`, `u` (missing), `e` (error): every pair.
#[track_caller]
fn table(op: &str, rows: [(&str, &str, &str); 16]) {
    for (left, right, want) in rows {
        let want = match want {
            "t" => "true".to_owned(),
            "f" => "false".to_owned(),
            "e" => "error: `e` holds int where bool was declared".to_owned(),
            names => format!("unknown: {names}"),
        };
        check(&format!("{left} {op} {right}"), &want);
    }
}

#[test]
fn and() {
    table(
        "&&",
        [
            ("t", "t", "t"),
            ("t", "f", "f"),
            ("t", "u", "u"),
            ("t", "e", "e"),
            ("f", "t", "f"),
            ("f", "f", "f"),
            ("f", "u", "f"),
            ("f", "e", "f"),
            ("u", "t", "u"),
            ("u", "f", "f"),
            ("u", "v", "u v"),
            ("u", "e", "u"),
            ("e", "t", "e"),
            ("e", "f", "f"),
            ("e", "u", "u"),
            ("e", "e", "e"),
        ],
    );
}

#[test]
fn or() {
    table(
        "||",
        [
            ("t", "t", "t"),
            ("t", "f", "t"),
            ("t", "u", "t"),
            ("t", "e", "t"),
            ("f", "t", "t"),
            ("f", "f", "f"),
            ("f", "u", "u"),
            ("f", "e", "e"),
            ("u", "t", "t"),
            ("u", "f", "u"),
            ("u", "v", "u v"),
            ("u", "e", "u"),
            ("e", "t", "t"),
            ("e", "f", "e"),
            ("e", "u", "u"),
            ("e", "e", "e"),
        ],
    );
}

#[test]
fn strict_operators_are_unknown_with_any_operand() {
    for source in [
        "!u",
        "u == t",
        "t == u",
        "u != f",
        "u in [true]",
        "true in [u]",
        "[u] == [true]",
        "{'a': u} == {'a': true}",
        "u ? true : true",
        "[u].size() == 1",
        "string(u) == ''",
        "[true, false].exists_one(x, x == u)",
        "[true].filter(x, u) == []",
        "[true].map(x, u) == []",
        "[true].all(x, u)",
        "[false].exists(x, u)",
        "has({'a': u}.a)",
    ] {
        check(source, "unknown: u");
    }
    check("nums[0] > 1", "unknown: nums");
    check("nums.all(x, x > 1)", "unknown: nums");
    check("u == v", "unknown: u v");
    check("u && u && v && u", "unknown: u v");
    check("cvss + epss > 1.0", "unknown: cvss epss");
    // errors of a strict operator do not hide what is missing
    check("(1 / 0 == 1) == u", "unknown: u");
    check("[1 / 0, nums[0]] == []", "unknown: nums");
    check("epss >= 0.1", "unknown: epss");
}

#[test]
fn what_does_not_matter_is_not_missed() {
    check("t ? true : u", "true");
    check("f ? u : false", "false");
    check("[true, false].all(x, x && u)", "false");
    check("[true, false].exists(x, x || u)", "true");
    check("f && (u || v)", "false");
    check("severity >= critical && fixed && (kev || epss >= 0.1)", "false");
    check("severity >= high && fixed && (kev || epss >= 0.1)", "unknown: fixed kev epss");
}

#[test]
fn findings_that_are_half_known() {
    let program =
        Program::compile("severity >= critical && fixed && (kev || epss >= 0.1)", &finding_environment()).unwrap();
    let known = FindingData {
        severity: Some(Severity::Critical),
        fixed: Some(true),
        status: Some(Status::Fixed),
        kev: Some(false),
        epss: Some(0.3),
        ..FindingData::default()
    };
    assert_eq!(program.evaluate(&known), Outcome::True);
    let mut stale = known.clone();
    stale.withdraw("epss", "the feed `epss` is 3 days old");
    let Outcome::Unknown(missing) = program.evaluate(&stale) else { panic!("must be unknown") };
    assert_eq!((missing[0].name.as_str(), missing[0].reason.as_str()), ("epss", "the feed `epss` is 3 days old"));
    stale.kev = Some(true);
    assert_eq!(program.evaluate(&stale), Outcome::True);
    stale.fixed = Some(false);
    assert_eq!(program.evaluate(&stale), Outcome::False);
    let not_a_number = FindingData { epss: Some(f64::NAN), ..known.clone() };
    assert!(matches!(program.evaluate(&not_a_number), Outcome::Unknown(_)));
    assert!(program.evaluate(&not_a_number).holds_or_unsure());
    let status = Program::compile("status in ['affected', \"fixed\"]", &finding_environment()).unwrap();
    assert_eq!(status.evaluate(&known), Outcome::True);
}

#[test]
fn every_declared_variable_of_a_finding_can_be_known() {
    let all = FindingData {
        severity: Some(Severity::Low),
        fixed: Some(true),
        status: Some(Status::Fixed),
        kev: Some(true),
        epss: Some(0.5),
        cvss: Some(5.0),
        age: crate::parse_duration("1d"),
        package: Some("p".into()),
        version: Some("1".into()),
        purl: Some("pkg:deb/p".into()),
        path: Some("a/b".into()),
        layer: Some("sha256:00".into()),
        base: Some(true),
        id: Some("CVE-1".into()),
        aliases: Some(vec!["GHSA-1".into()]),
        loaded: Some(true),
        malicious: Some(false),
        ..FindingData::default()
    };
    for variable in finding_environment().variables() {
        let same = format!("{0} == {0}", variable.name);
        let program = Program::compile(&same, &finding_environment()).unwrap();
        assert_eq!(program.evaluate(&all), Outcome::True, "{same}");
        assert!(matches!(program.evaluate(&FindingData::default()), Outcome::Unknown(_)), "{same}");
    }
}

#[test]
fn what_a_finding_tells_by_itself() {
    let mut package = Package::new(PackageKind::Deb, "zlib1g", "1.2");
    package.locations.push(Location::of_path("var/lib/dpkg/status"));
    let scores = BTreeMap::from([
        ("nvd".to_owned(), Cvss { v3: (None, Some(9.8)), ..Cvss::default() }),
        ("redhat".to_owned(), Cvss { v2: (None, Some(5.0)), v3: (None, Some(7.5)), ..Cvss::default() }),
    ]);
    let vulnerability = Vulnerability {
        id: "CVE-2026-1".into(),
        published: Some("2026-06-01T00:00:00Z".parse().unwrap()),
        cvss: scores,
        ..Vulnerability::default()
    };
    let mut finding = Finding {
        vulnerability,
        package: PackageIndex(0),
        severity: Severity::High,
        severity_source: Some("redhat".into()),
        status: Status::Fixed,
        fix: Fix { versions: vec!["1.3".into()], available: None },
        vendor_ids: Vec::new(),
        data_source: DataSource::default(),
        malicious: false,
        why: Why::default(),
        suppressed: None,
    };
    let now = "2026-06-11T00:00:00Z".parse().unwrap();
    let data = |finding: &Finding| FindingData::of(finding, &package, None, now);
    let known = data(&finding);
    assert_eq!(known.cvss, Some(7.5));
    assert_eq!(known.age, crate::parse_duration("10d"));
    assert_eq!((known.fixed, known.kev, known.epss, known.base), (Some(true), None, None, None));
    assert_eq!(known.path.as_deref(), Some("var/lib/dpkg/status"));
    finding.severity_source = None;
    finding.fix.versions.clear();
    finding.vulnerability.published = Some("2027-01-01T00:00:00Z".parse().unwrap());
    let known = data(&finding);
    assert_eq!((known.cvss, known.fixed, known.age), (Some(9.8), Some(false), None));
    finding.status = Status::Unknown;
    assert_eq!(data(&finding).fixed, None);
}
