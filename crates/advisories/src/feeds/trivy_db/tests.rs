use super::*;
use signet_pages::testing::{Node, bolt_file, bucket, value};

fn records(items: &[(&'static str, Node)]) -> Result<(Vec<Record>, Summary), FeedError> {
    let mut records = Vec::new();
    let summary = read(&bolt_file(items), &mut |record| {
        records.push(record);
        Ok(())
    })?;
    Ok((records, summary))
}

/// The advisories of one package of one bucket.
#[track_caller]
fn advisories(platform: &'static str, id: &'static str, json: &str) -> Vec<Advisory> {
    let items = [
        (platform, bucket(&[("pkg", bucket(&[(id, value(json))]))])),
        ("data-source", bucket(&[(platform, value(r#"{"ID":"src","Name":"Source","URL":"https://example.com"}"#))])),
        ("vulnerability", bucket(&[])),
    ];
    let (records, _) = records(&items).unwrap();
    records
        .into_iter()
        .filter_map(|record| if let Record::Advisory(advisory) = record { Some(*advisory) } else { None })
        .collect()
}

#[test]
fn a_distribution_says_fixed_unfixed_or_by_architecture() {
    let fixed = advisories("debian 12", "CVE-1", r#"{"FixedVersion":"1.2-3","VendorIDs":["DSA-1"],"Severity":2.0}"#);
    assert_eq!(fixed.len(), 1);
    assert_eq!((fixed[0].stream.as_str(), fixed[0].named), ("debian 12", Named::Source));
    assert_eq!(fixed[0].affected.vulnerable, [Range::before(None, "1.2-3")]);
    assert_eq!((fixed[0].fixed.as_slice(), fixed[0].severity), (&["1.2-3".to_owned()][..], Some(Severity::Medium)));
    assert_eq!(fixed[0].source.id, "src");

    let unfixed = advisories("debian 12", "CVE-1", r#"{"Status":7}"#);
    assert_eq!(unfixed[0].affected.vulnerable, [Range::everything()]);
    assert_eq!((unfixed[0].status, unfixed[0].fixed.len()), (Status::EndOfLife, 0));

    let entries = r#"{"FixedVersion":"1","Entries":[{"FixedVersion":"1-el8","Arches":["x86_64"],"VendorIds":["RLSA-1"]},{"FixedVersion":"2-el8","Arches":["aarch64"]}]}"#;
    let split = advisories("rocky 8", "CVE-1", entries);
    assert_eq!(
        split.iter().map(|a| (a.fixed[0].as_str(), a.arches[0].as_str())).collect::<Vec<_>>(),
        [("1-el8", "x86_64"), ("2-el8", "aarch64")]
    );
    assert_eq!(split[0].vendor_ids, ["RLSA-1"]);

    assert!(advisories("alpine 3.20", "CVE-1", r#"{"FixedVersion":"0"}"#).is_empty(), "never affected");
    assert_eq!(advisories("ubuntu 22.04", "CVE-1", "null").len(), 1, "null is an empty value: unfixed");
}

#[test]
fn a_language_says_it_in_ranges() {
    let made = advisories(
        "npm::GitHub Security Advisory Npm",
        "CVE-1",
        r#"{"VulnerableVersions":["<1.2.0",">=2.0.0, <2.1.0"],"VendorIDs":["GHSA-x"]}"#,
    );
    assert_eq!((made[0].stream.as_str(), made[0].named), ("npm", Named::Library));
    assert_eq!(made[0].fixed, ["1.2.0", "2.1.0"], "upper bounds are the fixes where none are named");
    assert!(!made[0].affected.always);
    let always = advisories("npm::x", "CVE-1", r#"{"VulnerableVersions":[""]}"#);
    assert!(always[0].affected.always);
    let patched = advisories("cargo::x", "CVE-1", r#"{"PatchedVersions":[">= 2.1.0"]}"#);
    assert_eq!((patched[0].affected.safe.len(), patched[0].fixed.as_slice()), (1, &[">= 2.1.0".to_owned()][..]));
}

#[test]
fn red_hat_gives_one_advisory_per_cve_and_group_of_products() {
    let json = r#"{"Entries":[{"FixedVersion":"1:1-2.el8","Affected":[3.0,1],"Cves":[{"ID":"CVE-1","Severity":1.0},{"ID":"CVE-2","Severity":4}],"Arches":["x86_64"]},
        {"Affected":[],"Cves":[{"ID":"CVE-3"}]}]}"#;
    let made = advisories("Red Hat", "RHSA-2020:1", json);
    assert_eq!(made.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["CVE-1", "CVE-2", "CVE-3"]);
    assert_eq!(made[0].vendor_ids, ["RHSA-2020:1"]);
    assert_eq!((made[0].products.as_slice(), made[1].severity), (&[1, 3][..], Some(Severity::Critical)));
    assert_eq!(made[2].products, [u32::MAX], "no product at all is not every product");
    let unpatched =
        advisories("Red Hat", "CVE-9", r#"{"Entries":[{"Affected":[1],"Cves":[{"Severity":2}],"Status":5}]}"#);
    assert_eq!((unpatched[0].id.as_str(), unpatched[0].status), ("CVE-9", Status::WillNotFix));
    assert!(unpatched[0].vendor_ids.is_empty());
}

#[test]
fn details_products_and_rejections() {
    let detail = r#"{"Title":"t","Description":"d","Severity":"HIGH","CweIDs":["CWE-1"],"VendorSeverity":{"nvd":3.0},
        "CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N","V3Score":9.8}},"References":["https://example.com"],"PublishedDate":"2020-01-02T03:04:05Z","LastModifiedDate":"2020-01-02"}"#;
    let items = [
        (
            "Red Hat CPE",
            bucket(&[
                ("repository", bucket(&[("rhel-8-baseos", value("[2.0,1]"))])),
                ("nvr", bucket(&[("ubi8-1-x86_64", value("[7]"))])),
            ]),
        ),
        (
            "vulnerability",
            bucket(&[("CVE-1", value(detail)), ("CVE-2", value(r#"{"Description":"** REJECT ** no"}"#))]),
        ),
        ("gentoo", bucket(&[])),
    ];
    let (records, summary) = records(&items).unwrap();
    assert_eq!(summary, Summary { advisories: 0, details: 2, unknown_buckets: vec!["gentoo".to_owned()] });
    assert!(records.contains(&Record::Products(ProductKey::ContentSet, "rhel-8-baseos".to_owned(), vec![1, 2])));
    assert!(records.contains(&Record::Products(ProductKey::Nvr, "ubi8-1-x86_64".to_owned(), vec![7])));
    assert!(records.contains(&Record::Withdrawn("CVE-2".to_owned())));
    let found = records.iter().find_map(|record| match record {
        Record::Detail(id, detail) if id == "CVE-1" => Some(detail),
        _ => None,
    });
    let found = found.unwrap();
    assert_eq!(found.severities, [("nvd".to_owned(), Severity::High)]);
    assert_eq!(found.cvss[0].1.v3, (Some("CVSS:3.1/AV:N".to_owned()), Some(9.8)));
    assert_eq!(found.modified.unwrap().to_string(), "2020-01-02T00:00:00Z");
}

#[track_caller]
fn refused(items: &[(&'static str, Node)], expected: &str) {
    let err = records(items).unwrap_err();
    let chain = format!("{err} {}", std::error::Error::source(&err).map(ToString::to_string).unwrap_or_default());
    assert!(chain.contains(expected), "{chain}");
}

#[test]
fn what_is_no_trivy_database_is_refused() {
    refused(&[("fanal", bucket(&[]))], "no Trivy database");
    refused(&[("trivy", bucket(&[])), ("vulnerability", bucket(&[]))], "schema 1");
    let broken = ("debian 12", bucket(&[("pkg", bucket(&[("CVE-1", value("{"))]))]));
    refused(&[broken, ("vulnerability", bucket(&[]))], "debian 12/pkg/CVE-1");
    let lying = ("debian 12", bucket(&[("pkg", bucket(&[("CVE-1", value(r#"{"Status":1.5}"#))]))]));
    refused(&[lying, ("vulnerability", bucket(&[]))], "whole number");
}

#[test]
fn metadata_tell_the_age() {
    let json = br#"{"Version":2,"NextUpdate":"2026-01-02T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00.5Z","DownloadedAt":"0001-01-01T00:00:00Z"}"#;
    let metadata = Metadata::parse(json).unwrap();
    assert_eq!(metadata.updated_at.unwrap().to_string(), "2026-01-01T00:00:00.5Z");
    assert_eq!(metadata.downloaded_at, None, "Go's zero time");
    assert!(Metadata::parse(br#"{"Version":1}"#).is_err());
}
