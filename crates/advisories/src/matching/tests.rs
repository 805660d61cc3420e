use signet_model::{DataSource, Epss, KnownExploited, Relationship, Severity, SourcePackage, Status, Timestamp};

mod linked;
mod owned;

use super::*;
use crate::record::{Advisory, Affected, Detail, ProductKey, Range, Record};
use crate::{Builder, names, ranges, streams};

/// An advisory: stream, package, id, range in words, fix.
fn advisory(stream: &str, package: &str, id: &str, range: &str, fixed: &str) -> Advisory {
    let rules = streams::rules(stream).unwrap();
    let vulnerable = if range.is_empty() { vec![Range::everything()] } else { ranges::parse(Some(rules.order), range) };
    Advisory {
        stream: stream.to_owned(),
        package: names::normal(stream, package).into_owned(),
        named: rules.named,
        id: id.to_owned(),
        vendor_ids: Vec::new(),
        status: Status::Unknown,
        severity: None,
        affected: Affected { vulnerable, ..Affected::default() },
        fixed: if fixed.is_empty() { Vec::new() } else { vec![fixed.to_owned()] },
        arches: Vec::new(),
        products: Vec::new(),
        malicious: false,
        source: DataSource { id: "vendor".to_owned(), name: "Vendor".to_owned(), ..DataSource::default() },
    }
}

fn record(stream: &str, package: &str, id: &str, range: &str, fixed: &str) -> Record {
    Record::Advisory(Box::new(advisory(stream, package, id, range, fixed)))
}

fn compile(records: Vec<Record>) -> Vec<u8> {
    let mut builder = Builder::new(std::io::Cursor::new(Vec::new())).unwrap();
    for record in records {
        builder.put(record).unwrap();
    }
    builder.finish().unwrap().0.into_inner()
}

fn distro(id: &str, version: &str) -> Option<Distro> {
    Some(Distro { id: id.to_owned(), version_id: Some(version.to_owned()), ..Distro::default() })
}

fn os_package(kind: PackageKind, name: &str, version: &str, source: &str) -> Package {
    let source = Some(SourcePackage { name: source.to_owned(), version: None });
    Package { source, ..Package::new(kind, name, version) }
}

/// Findings as `package id status fixed`, and the reasons of what was not examined.
#[track_caller]
fn check(records: Vec<Record>, inventory: &Inventory, findings: &[&str], unexamined: &[&str]) {
    let bytes = compile(records);
    let database = Database::open(&bytes).unwrap();
    let out = database.match_inventory(inventory, &MatchOptions::default());
    let found: Vec<String> = out
        .findings
        .iter()
        .map(|f| {
            let name = &inventory.packages[f.package.get()].name;
            format!("{name} {} {} {}", f.vulnerability.id, f.status.name(), f.fix.versions.join(","))
        })
        .collect();
    assert_eq!(found, findings);
    assert_eq!(out.unexamined.len(), unexamined.len(), "{:?}", out.unexamined);
    for (row, expected) in out.unexamined.iter().zip(unexamined) {
        assert!(row.why.contains(expected), "{}", row.why);
    }
}

#[test]
fn debian_is_judged_by_source_and_its_version() {
    let mut binary = os_package(PackageKind::Deb, "libssl3", "3.0.11-1+b1", "openssl");
    binary.source = Some(SourcePackage { name: "openssl".to_owned(), version: Some("3.0.11-1".to_owned()) });
    let other = os_package(PackageKind::Deb, "perl-base", "5.36.0-7", "perl");
    let inventory = Inventory { distro: distro("debian", "12"), packages: vec![binary, other], ..Inventory::default() };
    let records = vec![
        record("debian 12", "openssl", "CVE-1", "< 3.0.11-1+deb12u1", "3.0.11-1+deb12u1"),
        record("debian 12", "openssl", "CVE-2", "< 3.0.11-1", "3.0.11-1"),
        record("debian 12", "openssl", "CVE-3", "", ""),
        record("debian 11", "openssl", "CVE-4", "", ""),
        record("debian 12", "libssl3", "CVE-5", "", ""),
    ];
    check(records, &inventory, &["libssl3 CVE-1 fixed 3.0.11-1+deb12u1", "libssl3 CVE-3 affected "], &[]);
}

#[test]
fn red_hat_is_judged_by_binary_product_and_module() {
    let mut first = advisory("Red Hat", "openssl-libs", "CVE-1", "< 1:1.0.2k-19.el7", "1:1.0.2k-19.el7");
    first.products = vec![5];
    first.vendor_ids = vec!["RHSA-1".to_owned()];
    let mut second =
        Advisory { fixed: vec!["1:1.0.2k-21.el7".to_owned()], vendor_ids: vec!["RHSA-2".to_owned()], ..first.clone() };
    second.affected.vulnerable = ranges::parse(None, "< 1:1.0.2k-21.el7");
    let mut foreign = advisory("Red Hat", "openssl-libs", "CVE-2", "", "");
    foreign.products = vec![6];
    let mut modular = advisory("Red Hat", "nodejs:12::npm", "CVE-3", "", "");
    modular.products = vec![5];
    let mut arch = advisory("Red Hat", "openssl-libs", "CVE-4", "", "");
    (arch.products, arch.arches) = (vec![5], vec!["s390x".to_owned()]);
    let records = || {
        let mut records: Vec<Record> =
            [&first, &second, &foreign, &modular, &arch].map(|a| Record::Advisory(Box::new(a.clone()))).to_vec();
        records.push(Record::Products(ProductKey::ContentSet, "rhel-7-server-rpms".to_owned(), vec![5]));
        records
    };
    let libs = Package {
        arch: Some("x86_64".to_owned()),
        ..os_package(PackageKind::Rpm, "openssl-libs", "1:1.0.2k-16.el7", "openssl")
    };
    let npm = Package {
        module: Some("nodejs:12:8030020201124152102:229f0a1c".to_owned()),
        ..os_package(PackageKind::Rpm, "npm", "1:6.14-1", "nodejs")
    };
    let mut inventory = Inventory { distro: distro("rhel", "7.9"), packages: vec![libs, npm], ..Inventory::default() };
    let expected = ["openssl-libs CVE-1 fixed 1:1.0.2k-21.el7", "npm CVE-3 affected "];
    check(records(), &inventory, &expected, &[]);
    inventory.content_sets = vec!["rhel-7-server-rpms__7".to_owned()];
    check(records(), &inventory, &expected, &[]);
    inventory.content_sets = vec!["rhel-9-somewhere".to_owned()];
    check(records(), &inventory, &[], &["2 packages were not judged: none of the image's content sets"]);

    // What the image was built as stands for products of its own, beside those of a plain installation.
    let mut built = records();
    built.push(Record::Products(ProductKey::Nvr, "ubi7-container-7.7-140-x86_64".to_owned(), vec![6]));
    inventory.content_sets = vec!["ubi7-container-7.7-140-x86_64".to_owned()];
    let both = [expected[0], "openssl-libs CVE-2 affected ", expected[1]];
    check(built, &inventory, &both, &[]);
    inventory.content_sets = vec!["ubi7-container-7.7-141-x86_64".to_owned()];
    check(records(), &inventory, &expected, &[]);
}

#[test]
fn oracle_keeps_its_flavours_apart() {
    let records = vec![
        record("Oracle Linux 8", "glibc", "CVE-1", "< 2:2.28-251.0.3.ksplice1.el8", "2:2.28-251.0.3.ksplice1.el8"),
        record("Oracle Linux 8", "glibc", "CVE-2", "< 2.28-260.el8", "2.28-260.el8"),
    ];
    let glibc = os_package(PackageKind::Rpm, "glibc", "2.28-100.el8", "glibc");
    let inventory = Inventory { distro: distro("ol", "8.9"), packages: vec![glibc], ..Inventory::default() };
    check(records, &inventory, &["glibc CVE-2 fixed 2.28-260.el8"], &[]);
}

#[test]
fn esm_decides_before_the_base_release() {
    let records = || {
        vec![
            record("ubuntu 16.04", "curl", "CVE-1", "", ""),
            record("ubuntu 16.04-ESM", "curl", "CVE-1", "< 7.47.0-1ubuntu2.19+esm1", "7.47.0-1ubuntu2.19+esm1"),
        ]
    };
    let curl = |version: &str| os_package(PackageKind::Deb, "curl", version, "curl");
    let mut inventory = Inventory {
        distro: distro("ubuntu", "16.04"),
        packages: vec![curl("7.47.0-1ubuntu2.19+esm1")],
        ..Inventory::default()
    };
    check(records(), &inventory, &["curl CVE-1 affected "], &[]);
    inventory.distro.as_mut().unwrap().channel = Some("ESM".to_owned());
    check(records(), &inventory, &[], &[]);
    inventory.packages = vec![curl("7.47.0-1")];
    check(records(), &inventory, &["curl CVE-1 fixed 7.47.0-1ubuntu2.19+esm1"], &[]);
}

#[test]
fn languages_are_judged_by_normal_names_and_merged_over_sources() {
    let mut github = advisory("python", "Zope.Interface", "CVE-1", "< 5.0", "5.0");
    github.source.id = "ghsa".to_owned();
    github.vendor_ids = vec!["GHSA-1".to_owned()];
    let mut gitlab = advisory("python", "zope-interface", "CVE-1", "< 4.9", "4.9");
    gitlab.source.id = "glad".to_owned();
    let mut osv = advisory("python", "zope_interface", "GHSA-1", "< 5.0", "");
    osv.source.id = "osv".to_owned();
    let records = [gitlab, osv, github].map(|a| Record::Advisory(Box::new(a))).to_vec();
    let packages = vec![
        Package::new(PackageKind::Python, "zope.interface", "4.8"),
        Package::new(PackageKind::Python, "other", "1"),
    ];
    let inventory = Inventory { packages, ..Inventory::default() };
    check(records, &inventory, &["zope.interface CVE-1 fixed 5.0"], &[]);
}

#[test]
fn nothing_is_unmatched_in_silence() {
    let inventory = |distro, package| Inventory { distro, packages: vec![package], ..Inventory::default() };
    let deb = || os_package(PackageKind::Deb, "curl", "7", "curl");
    let curl = || vec![record("debian 12", "curl", "CVE-1", "< 8", "8")];
    check(curl(), &inventory(None, deb()), &[], &["no distribution is known"]);
    check(curl(), &inventory(distro("debian", "99"), deb()), &[], &["no advisories for `debian 99`"]);
    check(curl(), &inventory(distro("gentoo", "2"), deb()), &[], &["no advisories for `gentoo 2`"]);
    let rpm = os_package(PackageKind::Rpm, "curl", "7-1", "curl");
    check(curl(), &inventory(distro("debian", "12"), rpm), &[], &["publishes no advisories for rpm packages"]);
    check(
        curl(),
        &inventory(None, Package::new(PackageKind::Npm, "left-pad", "1.0.0")),
        &[],
        &["no advisories for `npm`"],
    );
    let odd = os_package(PackageKind::Deb, "curl", "not a version", "curl");
    check(
        curl(),
        &inventory(distro("debian", "12"), odd),
        &[],
        &["cannot tell whether CVE-1 affects `curl` not a version"],
    );
    let java = || vec![record("java", "g:a", "CVE-1", "< 2", "2")];
    check(java(), &inventory(None, Package::new(PackageKind::Java, "a", "1")), &[], &["group id is not known"]);
}

#[test]
fn withdrawn_is_dropped_and_malicious_is_critical() {
    let mut malicious = advisory("npm", "evil", "MAL-2024-1", "", "");
    malicious.malicious = true;
    let records = vec![
        record("npm", "evil", "CVE-1", "", ""),
        Record::Withdrawn("CVE-1".to_owned()),
        Record::Advisory(Box::new(malicious)),
    ];
    let bytes = compile(records);
    let database = Database::open(&bytes).unwrap();
    let inventory =
        Inventory { packages: vec![Package::new(PackageKind::Npm, "evil", "1.0.0")], ..Inventory::default() };
    let out = database.match_inventory(&inventory, &MatchOptions::default());
    assert_eq!(out.findings.len(), 1);
    assert_eq!((out.findings[0].severity, out.findings[0].malicious), (Severity::Critical, true));
    assert!(database.is_withdrawn("CVE-1").unwrap());
    assert!(!database.is_withdrawn("MAL-2024-1").unwrap());
}

#[test]
fn owned_packages_and_kernel_headers_are_suppressed_with_a_trace() {
    let records = || {
        vec![
            record("python", "requests", "CVE-1", "", ""),
            record("debian 12", "linux", "CVE-2", "", ""),
            record("debian 12", "curl", "CVE-3", "", ""),
        ]
    };
    let owner = |vendor: &str| Package {
        vendor: Some(vendor.to_owned()),
        ..os_package(PackageKind::Deb, "python3-requests", "2.28", "requests")
    };
    let packages = vec![
        owner("Debian Python Team <team+python@tracker.debian.org>"),
        Package::new(PackageKind::Python, "requests", "2.28.0"),
        os_package(PackageKind::Deb, "linux-libc-dev", "6.1.55-1", "linux"),
    ];
    let edge = Relationship { from: PackageIndex(1), to: PackageIndex(0), kind: RelationshipKind::OwnedBy };
    let mut inventory =
        Inventory { distro: distro("debian", "12"), packages, relationships: vec![edge], ..Inventory::default() };
    #[track_caller]
    fn suppressed(
        records: Vec<Record>,
        inventory: &Inventory,
        options: &MatchOptions,
        expected: [Option<SuppressionKind>; 2],
    ) {
        let bytes = compile(records);
        let out = Database::open(&bytes).unwrap().match_inventory(inventory, options);
        let kinds: Vec<_> = out.findings.iter().map(|f| f.suppressed.as_ref().map(|s| s.kind)).collect();
        assert_eq!(kinds, expected);
    }
    let plain = MatchOptions::default();
    suppressed(records(), &inventory, &plain, [Some(SuppressionKind::Owned), Some(SuppressionKind::Filter)]);
    let all = MatchOptions { kernel_headers: true, owned: Owned::Ecosystem, ..MatchOptions::default() };
    suppressed(records(), &inventory, &all, [None, None]);
    inventory.packages[0] = owner("Docker <support@docker.com>");
    suppressed(records(), &inventory, &plain, [None, Some(SuppressionKind::Filter)]);
}

#[test]
fn what_shares_an_id_over_others_is_one() {
    let alias = |id: &str, aliases: &[&str]| {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        Record::Detail(id.to_owned(), Box::new(Detail { aliases, ..Detail::default() }))
    };
    let records = vec![
        record("go", "example.com/m", "CVE-1", "< 2", "2"),
        record("go", "example.com/m", "GO-1", "< 2", "2"),
        record("go", "example.com/m", "GHSA-1", "< 2", "2"),
        record("go", "example.com/m", "CVE-2", "< 2", ""),
        alias("GHSA-1", &["CVE-1", "GO-1"]),
    ];
    let inventory =
        Inventory { packages: vec![Package::new(PackageKind::Go, "example.com/m", "v1.0.0")], ..Inventory::default() };
    check(records, &inventory, &["example.com/m CVE-1 fixed 2", "example.com/m CVE-2 affected "], &[]);
}

#[test]
fn two_cves_of_one_advisory_stay_two() {
    let of_one = |id: &str| {
        let vendor_ids = vec!["GHSA-1".to_owned()];
        Record::Advisory(Box::new(Advisory { vendor_ids, ..advisory("npm", "m", id, "< 2.0.0", "2.0.0") }))
    };
    let records = vec![of_one("CVE-1"), record("npm", "m", "GHSA-1", "< 2.0.0", ""), of_one("CVE-2")];
    let inventory = Inventory { packages: vec![Package::new(PackageKind::Npm, "m", "1.0.0")], ..Inventory::default() };
    check(records, &inventory, &["m CVE-1 fixed 2.0.0", "m CVE-2 fixed 2.0.0"], &[]);
}

#[test]
fn a_kernel_with_thousands_of_advisories_is_judged() {
    let records = (0..5000).map(|n| record("debian 12", "linux", &format!("CVE-2024-{n}"), "", "")).collect();
    let bytes = compile(records);
    let image = os_package(PackageKind::Deb, "linux-image-amd64", "6.1.55-1", "linux");
    let inventory = Inventory { distro: distro("debian", "12"), packages: vec![image], ..Inventory::default() };
    let out = Database::open(&bytes).unwrap().match_inventory(&inventory, &MatchOptions::default());
    assert_eq!(out.findings.len(), 5000);
}

#[test]
fn who_rates_nothing_is_rated_by_an_alias() {
    let rated = Detail {
        severities: vec![("ghsa".to_owned(), Severity::High), ("nvd".to_owned(), Severity::Low)],
        ..Detail::default()
    };
    let bare = Detail { aliases: vec!["CVE-1".to_owned()], ..Detail::default() };
    let records = vec![
        record("go", "example.com/m", "GO-1", "< 2", "2"),
        Record::Detail("GO-1".to_owned(), Box::new(bare)),
        Record::Detail("CVE-1".to_owned(), Box::new(rated)),
    ];
    let bytes = compile(records);
    let inventory =
        Inventory { packages: vec![Package::new(PackageKind::Go, "example.com/m", "v1.0.0")], ..Inventory::default() };
    let out = Database::open(&bytes).unwrap().match_inventory(&inventory, &MatchOptions::default());
    assert_eq!((out.findings[0].severity, out.findings[0].severity_source.as_deref()), (Severity::Low, Some("nvd")));
}

#[test]
fn a_finding_says_all_that_is_known_and_why() {
    let kev =
        KnownExploited { date_added: "2025-01-01".to_owned(), due_date: None, ransomware: true, required_action: None };
    let epss = Epss { score: 0.94358, percentile: 0.99958 };
    let detail = Detail {
        aliases: vec!["CVE-2020-1".to_owned()],
        title: "Title".to_owned(),
        description: "Text".to_owned(),
        severities: vec![("ghsa".to_owned(), Severity::High)],
        published: Some(Timestamp::from_second(1_600_000_000).unwrap()),
        ..Detail::default()
    };
    let records = vec![
        record("npm", "lodash", "GHSA-1", ">= 1.0.0, < 4.17.12", "4.17.12"),
        Record::Detail("GHSA-1".to_owned(), Box::new(detail)),
        Record::Kev("CVE-2020-1".to_owned(), Box::new(kev.clone())),
        Record::Epss("CVE-2020-1".to_owned(), epss),
    ];
    let bytes = compile(records);
    let database = Database::open(&bytes).unwrap();
    let inventory =
        Inventory { packages: vec![Package::new(PackageKind::Npm, "lodash", "4.17.4")], ..Inventory::default() };
    let full = database.match_inventory(&inventory, &MatchOptions::default());
    let finding = &full.findings[0];
    assert_eq!(finding.vulnerability.kev, Some(kev));
    assert_eq!(finding.vulnerability.epss, Some(epss));
    assert_eq!(finding.vulnerability.title.as_deref(), Some("Title"));
    assert_eq!((finding.severity, finding.severity_source.as_deref()), (Severity::High, Some("ghsa")));
    let why = &finding.why;
    assert_eq!((why.matched_name.as_str(), why.matched_version.as_str()), ("lodash", "4.17.4"));
    assert_eq!((why.range.as_str(), why.stream.as_str()), (">= 1.0.0, < 4.17.12", "npm"));

    let mut lean = database.match_inventory(&inventory, &MatchOptions { details: false, ..MatchOptions::default() });
    assert_eq!(lean.findings[0].vulnerability.title, None);
    database.fill(&mut lean.findings[0]).unwrap();
    assert_eq!(lean.findings, full.findings);
}
