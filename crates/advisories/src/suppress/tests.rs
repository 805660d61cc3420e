use signet_model::{
    Exception, Fix, Location, Package, PackageIndex, PackageKind, Relationship, RelationshipKind, Vulnerability,
};

use super::*;

const NOW: &str = "2024-06-15T00:00:00Z";

fn finding(id: &str, package: u32) -> Finding {
    Finding {
        vulnerability: Vulnerability {
            id: id.to_owned(),
            aliases: vec!["GHSA-alias".to_owned()],
            ..Vulnerability::default()
        },
        package: PackageIndex(package),
        severity: Default::default(),
        severity_source: None,
        status: Default::default(),
        fix: Fix::default(),
        vendor_ids: Vec::new(),
        data_source: Default::default(),
        malicious: false,
        why: Default::default(),
        suppressed: None,
    }
}

/// A root project that needs `a`, which needs `b`; `c` stands alone.
fn inventory() -> Inventory {
    let package = |name: &str, path: &str| Package {
        locations: vec![Location::of_path(path)],
        ..Package::new(PackageKind::Npm, name, "1.0.0")
    };
    let edge =
        |from, to| Relationship { from: PackageIndex(from), to: PackageIndex(to), kind: RelationshipKind::DependsOn };
    Inventory {
        packages: vec![
            package("root", "package.json"),
            package("a", "app/a/package.json"),
            package("b", "app/b/package.json"),
            package("c", "c/package.json"),
        ],
        relationships: vec![edge(0, 1), edge(1, 2)],
        ..Inventory::default()
    }
}

/// What each of the findings is suppressed by, and the remarks.
#[track_caller]
fn apply(
    suppressions: &Suppressions,
    findings: &mut [Finding],
    inventory: &Inventory,
) -> (Vec<Option<String>>, Vec<String>) {
    let context = SuppressContext {
        inventory,
        artifact: &["pkg:oci/app?repository_url=example.com/app".parse().unwrap()],
        now: NOW.parse().unwrap(),
    };
    let remarks = suppressions.apply(findings, &context);
    let by =
        findings.iter().map(|f| f.suppressed.as_ref().map(|s| format!("{} {}", s.kind.name(), s.status))).collect();
    (by, remarks.iter().map(|r| format!("{}:{} {} {}", r.source, r.line, r.id, r.kind.name())).collect())
}

#[track_caller]
fn ignored(file: IgnoreFile, id: &str, package: u32, expected: bool, remarks: &[&str]) {
    let suppressions = Suppressions { ignore_files: vec![file], ..Suppressions::default() };
    let (by, said) = apply(&suppressions, &mut [finding(id, package)], &inventory());
    assert_eq!(by, [expected.then(|| "ignore-file ignored".to_owned())]);
    assert_eq!(said, remarks);
}

fn plain(text: &str) -> IgnoreFile {
    IgnoreFile::parse(".trivyignore", text)
}

#[test]
fn plain_ignore_files() {
    ignored(plain("# why\n\nCVE-1\n"), "CVE-1", 1, true, &[]);
    ignored(plain("  CVE-1   # words behind\r\n"), "CVE-1", 1, true, &[]);
    ignored(plain("GHSA-alias"), "CVE-1", 1, true, &[]);
    ignored(plain("CVE-1 exp:2024-06-16"), "CVE-1", 1, true, &[]);
    ignored(plain("CVE-1 exp:2024-06-14"), "CVE-1", 1, false, &[".trivyignore:1 CVE-1 expired"]);
    ignored(plain("CVE-2\nDS002"), "CVE-1", 1, false, &[".trivyignore:1 CVE-2 stale"]);
    let bad = plain("CVE-1 exp:2024-6-1");
    assert_eq!((bad.entries.len(), bad.warnings[0].0), (0, 1));
    ignored(bad, "CVE-1", 1, false, &[]);
}

#[test]
fn an_ignored_path_does_not_cover_another_copy() {
    let mut inventory = inventory();
    inventory.packages[1].locations.push(Location::of_path("prod/a/package.json"));
    for (paths, expected) in [("['app/**']", None), ("['app/**', 'prod/**']", Some("ignore-file ignored".to_owned()))] {
        let file = yaml(&format!("vulnerabilities:\n  - id: CVE-1\n    paths: {paths}\n"));
        let suppressions = Suppressions { ignore_files: vec![file], ..Suppressions::default() };
        assert_eq!(apply(&suppressions, &mut [finding("CVE-1", 1)], &inventory).0, [expected], "{paths}");
    }
}

fn yaml(text: &str) -> IgnoreFile {
    IgnoreFile::parse_yaml("i.yaml", text.as_bytes(), &signet_yaml::Limits::default()).unwrap()
}

#[test]
fn structured_ignore_files() {
    ignored(yaml("vulnerabilities:\n  - id: CVE-1\n    statement: fine\n"), "CVE-1", 1, true, &[]);
    ignored(yaml("vulnerabilities:\n  - id: CVE-1\n    paths: ['app/**']\n"), "CVE-1", 1, true, &[]);
    ignored(
        yaml("vulnerabilities:\n  - id: CVE-1\n    paths: ['app/*']\n"),
        "CVE-1",
        1,
        false,
        &["i.yaml:2 CVE-1 stale"],
    );
    ignored(yaml("vulnerabilities:\n  - id: CVE-1\n    purls: ['pkg:npm/a']\n"), "CVE-1", 1, true, &[]);
    ignored(
        yaml("vulnerabilities:\n  - id: CVE-1\n    purls: ['pkg:npm/a@2.0.0']\n"),
        "CVE-1",
        1,
        false,
        &["i.yaml:2 CVE-1 stale"],
    );
    ignored(
        yaml("vulnerabilities:\n  - id: CVE-1\n    expired_at: 2024-01-01\n"),
        "CVE-1",
        1,
        false,
        &["i.yaml:2 CVE-1 expired"],
    );
    let other = yaml("secrets:\n  - id: aws-key\nmisconfigurations:\n");
    assert_eq!((other.entries.len(), other.others.len()), (0, 1));
    assert_eq!(yaml("").entries.len(), 0);
}

#[test]
fn a_structured_file_of_another_shape_is_refused() {
    let refused = |text: &str, expected: &str| {
        let err =
            IgnoreFile::parse_yaml("i.yaml", text.as_bytes(), &signet_yaml::Limits::default()).unwrap_err().to_string();
        assert!(err.contains(expected), "{err}");
    };
    refused("- CVE-1\n", "a mapping of lists");
    refused("vulnerabilities: CVE-1\n", "a list was expected");
    refused("vulnerabilities:\n  - statement: x\n", "no `id`");
    refused("vulnerabilities:\n  - id: CVE-1\n    path: [a]\n", "`path` is no field");
    refused("vulnerabilities:\n  - id: CVE-1\n    expired_at: soon\n", "(line 3)");
    refused("vulnerabilities:\n  - id: CVE-1\n    purls: [nonsense]\n", "no package URL");
    refused("a: [", "cannot read the ignore file");
}

fn vex(statements: &str) -> VexDocument {
    let json = format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"doc","author":"us","timestamp":"2024-01-01T00:00:00Z","statements":[{statements}]}}"#
    );
    VexDocument::parse("", json.as_bytes()).unwrap()
}

/// Findings of CVE-1 in the packages root, a, b, c that VEX suppresses.
#[track_caller]
fn cleared(statements: &str, expected: [bool; 4]) {
    let suppressions = Suppressions { vex: vec![vex(statements)], ..Suppressions::default() };
    let mut findings = [0, 1, 2, 3].map(|n| finding("CVE-1", n));
    let (by, _) = apply(&suppressions, &mut findings, &inventory());
    assert_eq!(by.iter().map(Option::is_some).collect::<Vec<_>>(), expected, "{statements}");
}

#[test]
fn vex_speaks_of_products() {
    let one = |product: &str, status: &str| {
        format!(
            r#"{{"vulnerability":{{"name":"CVE-1"}},"products":[{product}],"status":"{status}","justification":"j"}}"#
        )
    };
    cleared(&one(r#"{"@id":"pkg:npm/a"}"#, "not_affected"), [false, true, true, false]);
    cleared(&one(r#"{"@id":"pkg:npm/a@1.0.0"}"#, "fixed"), [false, true, true, false]);
    cleared(&one(r#"{"@id":"pkg:npm/a@2.0.0"}"#, "fixed"), [false; 4]);
    cleared(&one(r#"{"@id":"x","identifiers":{"purl":"pkg:npm/c"}}"#, "not_affected"), [false, false, false, true]);
    cleared(&one(r#"{"@id":"pkg:npm/a"}"#, "affected"), [false; 4]);
    cleared(&one(r#"{"@id":"pkg:npm/a"}"#, "under_investigation"), [false; 4]);
    // A product that contains the package, named as its subcomponent.
    cleared(
        &one(r#"{"@id":"pkg:npm/root","subcomponents":[{"@id":"pkg:npm/b"}]}"#, "not_affected"),
        [false, false, true, false],
    );
    cleared(
        &one(r#"{"@id":"pkg:oci/app","subcomponents":[{"@id":"pkg:npm/c"}]}"#, "not_affected"),
        [false, false, false, true],
    );
    cleared(&one(r#"{"@id":"pkg:oci/app"}"#, "not_affected"), [true; 4]);
    cleared(&one(r#"{"@id":"pkg:oci/other"}"#, "not_affected"), [false; 4]);
    cleared(&one(r#"{"@id":"pkg:oci/app","subcomponents":[{"@id":"a file"}]}"#, "not_affected"), [false; 4]);
    // Version 0.0.1 wrote plain strings.
    cleared(r#"{"vulnerability":"CVE-1","products":["pkg:npm/c"],"status":"fixed"}"#, [false, false, false, true]);
    cleared(
        r#"{"vulnerability":{"name":"CVE-9","aliases":["GHSA-alias"]},"products":[{"@id":"pkg:npm/c"}],"status":"fixed"}"#,
        [false, false, false, true],
    );
}

#[test]
fn the_newest_statement_decides() {
    let at = |time: &str, status: &str| {
        format!(r#"{{"vulnerability":"CVE-1","products":["pkg:npm/c"],"status":"{status}","timestamp":"{time}"}}"#)
    };
    let (old, new) = ("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    cleared(&format!("{},{}", at(new, "affected"), at(old, "not_affected")), [false; 4]);
    cleared(&format!("{},{}", at(new, "not_affected"), at(old, "affected")), [false, false, false, true]);
}

#[test]
fn one_open_way_keeps_the_finding() {
    let mut inventory = inventory();
    // `c` needs `b` too, and nobody has said anything about `c`.
    inventory.relationships.push(Relationship {
        from: PackageIndex(3),
        to: PackageIndex(2),
        kind: RelationshipKind::DependsOn,
    });
    let document = vex(
        r#"{"vulnerability":"CVE-1","products":[{"@id":"pkg:npm/root","subcomponents":[{"@id":"pkg:npm/b"}]}],"status":"not_affected"}"#,
    );
    let suppressions = Suppressions { vex: vec![document], ..Suppressions::default() };
    let (by, _) = apply(&suppressions, &mut [finding("CVE-1", 2)], &inventory);
    assert_eq!(by, [None]);
}

#[test]
fn a_circle_that_nobody_cleared_keeps_the_finding() {
    let document = || {
        vex(
            r#"{"vulnerability":"CVE-1","products":[{"@id":"pkg:npm/root","subcomponents":[{"@id":"pkg:npm/b"}]}],"status":"not_affected"}"#,
        )
    };
    let edge =
        |from, to| Relationship { from: PackageIndex(from), to: PackageIndex(to), kind: RelationshipKind::DependsOn };
    let of = |edges: &[Relationship]| {
        let mut inventory = inventory();
        inventory.packages.push(Package::new(PackageKind::Npm, "d", "1.0.0"));
        inventory.relationships.extend_from_slice(edges);
        let suppressions = Suppressions { vex: vec![document()], ..Suppressions::default() };
        apply(&suppressions, &mut [finding("CVE-1", 2)], &inventory).0[0].is_some()
    };
    assert!(of(&[]));
    // `c` and `d` need one another and `b`; nobody has said anything about either.
    assert!(!of(&[edge(3, 2), edge(4, 3), edge(3, 4)]));
    // The root needs them: what it clears, it clears for them too.
    assert!(of(&[edge(3, 2), edge(4, 3), edge(3, 4), edge(0, 3)]));
}

#[test]
fn other_documents_are_no_vex() {
    let refused = |json: &str| VexDocument::parse("x.json", json.as_bytes()).is_err();
    assert!(refused("{"));
    assert!(refused(r#"{"statements":[]}"#));
    assert!(refused(r#"{"@context":"https://openvex.dev/ns"}"#));
    assert!(refused(
        r#"{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"CVE-1","status":"maybe"}]}"#
    ));
}

#[test]
fn exceptions_have_an_end_and_a_review() {
    let exception = Exception {
        ids: vec!["GHSA-alias".to_owned()],
        packages: vec!["pkg:npm/a".to_owned()],
        reason: "no".to_owned(),
        owner: "team".to_owned(),
        until: "2024-12-31T00:00:00Z".parse().unwrap(),
        review_every: Some(7 * 86400),
        reviewed: "2024-06-01T00:00:00Z".parse().ok(),
    };
    let run = |exception: Exception, package: u32, fixed: bool| {
        let suppressions =
            Suppressions { exceptions: vec![("policy".to_owned(), exception)], ..Suppressions::default() };
        let mut one = finding("CVE-1", package);
        if fixed {
            one.fix.versions.push("2".to_owned());
        }
        let (by, said) = apply(&suppressions, &mut [one], &inventory());
        (by[0].clone(), said)
    };
    let accepted = Some("exception accepted".to_owned());
    let said = |words: &[&str]| words.iter().map(|word| format!("policy:0 GHSA-alias {word}")).collect::<Vec<_>>();
    assert_eq!(run(exception.clone(), 1, false), (accepted.clone(), said(&["review-due"])));
    assert_eq!(run(exception.clone(), 2, false), (None, said(&["stale", "review-due"])));
    let calm = Exception { review_every: None, ..exception };
    assert_eq!(run(calm.clone(), 1, true), (accepted, said(&["fix-available"])));
    let over = Exception { until: "2024-06-01T00:00:00Z".parse().unwrap(), ..calm };
    assert_eq!(run(over, 1, false), (None, said(&["expired"])));
}

#[test]
fn what_matching_suppressed_stays_as_it_is() {
    let mut one = finding("CVE-1", 1);
    let own = Suppression {
        kind: signet_model::SuppressionKind::Owned,
        source: "deb".to_owned(),
        status: "owned".to_owned(),
        statement: None,
    };
    one.suppressed = Some(own);
    let suppressions = Suppressions { ignore_files: vec![plain("CVE-1")], ..Suppressions::default() };
    let (by, said) = apply(&suppressions, &mut [one], &inventory());
    assert_eq!((by, said.len()), (vec![Some("owned owned".to_owned())], 0));
}

#[track_caller]
fn statements(json: &str, expected: &[&str]) {
    let document = VexDocument::parse("d", json.as_bytes()).unwrap();
    let told: Vec<String> = document
        .statements
        .iter()
        .map(|statement| {
            let products: Vec<String> = statement
                .products
                .iter()
                .map(|(product, inner)| {
                    let inner: Vec<String> = inner.iter().map(ToString::to_string).collect();
                    format!("{product}[{}]", inner.join(","))
                })
                .collect();
            let why = statement.justification.as_deref().unwrap_or("-");
            format!("{} {} {} {why}", statement.ids.join(","), statement.status, products.join(";"))
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn csaf_statements_are_of_components_in_products() {
    statements(
        r#"{"document": {"category": "csaf_vex", "tracking": {"id": "X", "current_release_date": "2026-01-01T00:00:00Z"}},
            "product_tree": {"branches": [{"category": "product_version", "name": "a", "product": {"name": "a", "product_id": "A", "product_identification_helper": {"purl": "pkg:npm/a@2.0.0"}}},
                {"category": "product_version", "name": "b", "product": {"name": "b", "product_id": "B", "product_identification_helper": {"purl": "pkg:npm/b@4.0.0"}}}],
              "relationships": [{"product_reference": "B", "relates_to_product_reference": "A", "full_product_name": {"name": "b in a", "product_id": "AB"}}]},
            "vulnerabilities": [{"cve": "CVE-2026-0001", "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["AB"]}],
                "product_status": {"known_not_affected": ["AB"], "known_affected": ["A"], "fixed": ["UNKNOWN"]}}]}"#,
        &[
            "CVE-2026-0001 not_affected pkg:npm/a@2.0.0[pkg:npm/b@4.0.0] vulnerable_code_not_present",
            "CVE-2026-0001 affected pkg:npm/a@2.0.0[] -",
        ],
    );
    assert!(VexDocument::parse("d", br#"{"document": {}, "vulnerabilities": []}"#).is_err());
}

#[test]
fn cyclonedx_statements_are_of_analyses() {
    statements(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"bom-ref": "1", "purl": "pkg:npm/a@1.0.0"}],
            "vulnerabilities": [{"id": "CVE-2026-0001", "analysis": {"state": "not_affected", "justification": "code_not_reachable"}, "affects": [{"ref": "1"}]},
                {"id": "CVE-2026-0002", "analysis": {"state": "exploitable"}, "affects": [{"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fb%402.0.0"}]},
                {"id": "CVE-2026-0003", "affects": [{"ref": "1"}]}]}"#,
        &[
            "CVE-2026-0001 not_affected pkg:npm/a@1.0.0[] code_not_reachable",
            "CVE-2026-0002 affected pkg:npm/b@2.0.0[] -",
        ],
    );
    let unknown = br#"{"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "A", "analysis": {"state": "maybe"}}]}"#;
    assert!(VexDocument::parse("d", unknown).is_err());
    assert!(VexDocument::parse("d", br#"{"bomFormat": "CycloneDX"}"#).is_err());
}
