//! Every feed on a small input of its own form: what is vulnerable, what is repaired, what never was; and that damaged forms of it do no harm.

use proptest::prelude::*;
use signet_model::{Distro, Inventory, Package, PackageKind, SourcePackage};

use super::{Files, SOURCES, Source, source};
use crate::record::Record;
use crate::{Builder, Database, FeedError, MatchOptions};

/// A feed, its files, the distribution (or none), the kind of packages, and rows of name, version and the ids that are found.
struct Sample {
    feed: &'static str,
    files: &'static [(&'static str, &'static str)],
    distro: Option<(&'static str, &'static str, &'static str)>,
    kind: PackageKind,
    rows: &'static [(&'static str, &'static str, &'static str)],
}

/// A definition of one package.
macro_rules! oval {
    ($metadata:literal, $criteria:literal, $name:literal, $evr:literal) => {
        concat!(
            "<oval_definitions><definitions><definition id=\"def:1\" class=\"patch\"><metadata>",
            $metadata,
            "</metadata>",
            $criteria,
            "</definition></definitions><tests><rpminfo_test id=\"tst:1\"><object object_ref=\"obj:1\"/>",
            "<state state_ref=\"ste:1\"/></rpminfo_test></tests><objects><rpminfo_object id=\"obj:1\"><name>",
            $name,
            "</name></rpminfo_object></objects><states><rpminfo_state id=\"ste:1\"><evr operation=\"less than\">",
            $evr,
            "</evr></rpminfo_state></states></oval_definitions>"
        )
    };
}

const SAMPLES: &[Sample] = &[
    Sample {
        feed: "debian",
        files: &[(
            "json",
            r#"{"openssl": {"CVE-2026-0001": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.11-1", "urgency": "high"}}},
                "CVE-2026-0002": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0", "urgency": "low"}}},
                "CVE-2026-0003": {"releases": {"bookworm": {"status": "open", "urgency": "low", "nodsa": "minor", "nodsa_reason": "postponed"}}},
                "CVE-2026-0004": {"releases": []}}}"#,
        )],
        distro: Some(("debian", "12", "")),
        kind: PackageKind::Deb,
        rows: &[
            ("openssl", "3.0.10-1", "CVE-2026-0001 CVE-2026-0003"),
            ("openssl", "3.0.11-1", "CVE-2026-0003"),
            ("zlib", "1", ""),
        ],
    },
    Sample {
        feed: "ubuntu",
        files: &[
            (
                "osv/UBUNTU-CVE-2026-0001.json",
                r#"{"id": "UBUNTU-CVE-2026-0001", "upstream": ["CVE-2026-0001"], "severity": [{"type": "Ubuntu", "score": "medium"}],
                    "affected": [{"package": {"ecosystem": "Ubuntu:Pro:18.04:LTS", "name": "wayland"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.16.0-1+esm1"}]}]}]}"#,
            ),
            (
                "active/CVE-2026-0002",
                "Candidate: CVE-2026-0002\nPriority: low\nbionic_wayland: released (1.17)\nbionic_curl: not-affected\nesm-infra/bionic_curl: DNE\n",
            ),
        ],
        distro: Some(("ubuntu", "18.04", "")),
        kind: PackageKind::Deb,
        rows: &[
            ("wayland", "1.16.0-1", "CVE-2026-0001 CVE-2026-0002"),
            ("wayland", "1.17", "CVE-2026-0001"),
            ("curl", "1", ""),
        ],
    },
    Sample {
        feed: "alpine",
        files: &[(
            "v3.20/main.json",
            r#"{"distroversion": "v3.20", "reponame": "main", "packages": [{"pkg": {"name": "zlib",
                "secfixes": {"1.2.12-r0": ["CVE-2026-0001"], "0": ["CVE-2026-0002"], "1.2.12-r2": ["CVE-2026-0003 GHSA-aaaa-bbbb-cccc"]}}}]}"#,
        )],
        distro: Some(("alpine", "3.20.1", "")),
        kind: PackageKind::Apk,
        rows: &[("zlib", "1.2.12-r1", "CVE-2026-0003 GHSA-aaaa-bbbb-cccc"), ("zlib", "1.2.13-r0", "")],
    },
    Sample {
        feed: "redhat",
        files: &[(
            "cve-2026-0001.json",
            r#"{"document": {"category": "csaf_vex", "tracking": {"id": "CVE-2026-0001", "status": "final"}, "aggregate_severity": {"text": "Moderate"}},
                "product_tree": {"branches": [
                    {"category": "product_name", "name": "RHEL 9", "product": {"name": "RHEL 9", "product_id": "BaseOS-9", "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9::baseos"}}},
                    {"category": "product_version", "name": "libs", "product": {"name": "libs", "product_id": "libs", "product_identification_helper": {"purl": "pkg:rpm/redhat/openssl-libs@3.0.7-2.el9?arch=x86_64&epoch=1"}}},
                    {"category": "product_version", "name": "curl", "product": {"name": "curl", "product_id": "curl", "product_identification_helper": {"purl": "pkg:rpm/redhat/curl?arch=src"}}},
                    {"category": "product_version", "name": "zlib", "product": {"name": "zlib", "product_id": "zlib", "product_identification_helper": {"purl": "pkg:rpm/redhat/zlib?arch=src"}}}],
                  "relationships": [
                    {"product_reference": "libs", "relates_to_product_reference": "BaseOS-9", "full_product_name": {"name": "a", "product_id": "BaseOS-9:libs"}},
                    {"product_reference": "curl", "relates_to_product_reference": "BaseOS-9", "full_product_name": {"name": "b", "product_id": "BaseOS-9:curl"}},
                    {"product_reference": "zlib", "relates_to_product_reference": "BaseOS-9", "full_product_name": {"name": "c", "product_id": "BaseOS-9:zlib"}}]},
                "vulnerabilities": [{"cve": "CVE-2026-0001",
                    "product_status": {"fixed": ["BaseOS-9:libs"], "known_affected": ["BaseOS-9:curl"], "known_not_affected": ["BaseOS-9:zlib"]},
                    "remediations": [{"category": "no_fix_planned", "details": "Will not fix", "product_ids": ["BaseOS-9:curl"]}]}]}"#,
        )],
        distro: Some(("rhel", "9.4", "")),
        kind: PackageKind::Rpm,
        rows: &[
            ("openssl-libs", "1:3.0.7-1.el9", "CVE-2026-0001"),
            ("openssl-libs", "1:3.0.7-2.el9", ""),
            ("curl", "7-1", "CVE-2026-0001"),
            ("zlib", "1-1", ""),
        ],
    },
    Sample {
        feed: "redhat",
        files: &[(
            "CVE-2026-0001.json",
            r#"{"name": "CVE-2026-0001", "threat_severity": "Important",
                "affected_release": [{"product_name": "Red Hat Enterprise Linux 8", "cpe": "cpe:/a:redhat:enterprise_linux:8", "advisory": "RHSA-2026:0001", "package": "libwebp-0:1.0.0-8.el8"},
                    {"product_name": "Red Hat Enterprise Linux 8.6 Extended Update Support", "cpe": "cpe:/a:redhat:rhel_eus:8.6", "package": "libwebp-0:1.0.0-7.el8_6.1"}],
                "package_state": {"product_name": "Red Hat Enterprise Linux 8", "fix_state": "Not affected", "package_name": "firefox", "cpe": "cpe:/o:redhat:enterprise_linux:8"}}"#,
        )],
        distro: Some(("rhel", "8.10", "")),
        kind: PackageKind::Rpm,
        rows: &[("libwebp", "1.0.0-7.el8", "CVE-2026-0001"), ("libwebp", "1.0.0-8.el8", ""), ("firefox", "1-1", "")],
    },
    Sample {
        feed: "suse",
        files: &[(
            "suse.xml",
            oval!(
                "<title>CVE-2026-0001</title><advisory><severity>Important</severity><cve>CVE-2026-0001</cve></advisory>",
                "<criteria operator=\"AND\"><criteria operator=\"OR\"><criterion test_ref=\"t\" comment=\"SUSE Linux Enterprise Server 15 SP5 is installed\"/></criteria><criteria operator=\"OR\"><criterion test_ref=\"tst:1\" comment=\"krb5-1.20-2 is installed\"/></criteria></criteria>",
                "krb5",
                "0:1.20-2"
            ),
        )],
        distro: Some(("sles", "15.5", "")),
        kind: PackageKind::Rpm,
        rows: &[("krb5", "1.20-1", "CVE-2026-0001"), ("krb5", "1.20-2", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "oracle",
        files: &[(
            "elsa.xml",
            oval!(
                "<title>ELSA-2026-0001: bind (IMPORTANT)</title><reference source=\"elsa\" ref_id=\"ELSA-2026-0001\"/><reference source=\"CVE\" ref_id=\"CVE-2026-0001\"/><advisory><severity>IMPORTANT</severity></advisory>",
                "<criteria operator=\"AND\"><criterion test_ref=\"p\" comment=\"Oracle Linux 8 is installed\"/><criteria operator=\"AND\"><criterion test_ref=\"tst:1\" comment=\"bind is earlier than 32:9.11-2.el8\"/><criterion test_ref=\"s\" comment=\"bind is signed with the Oracle Linux 8 key\"/></criteria></criteria>",
                "bind",
                "32:9.11-2.el8"
            ),
        )],
        distro: Some(("ol", "8.9", "")),
        kind: PackageKind::Rpm,
        rows: &[("bind", "32:9.11-1.el8", "CVE-2026-0001"), ("bind", "32:9.11-2.el8", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "azure",
        files: &[(
            "azurelinux-3.0-oval.xml",
            oval!(
                "<title>t</title><affected><platform>Azure Linux</platform></affected><reference source=\"CVE\" ref_id=\"CVE-2026-0001\"/><patchable>true</patchable><severity>High</severity>",
                "<criteria operator=\"AND\"><criterion test_ref=\"tst:1\" comment=\"Package ceph is earlier than 18.2.1-1\"/></criteria>",
                "ceph",
                "0:18.2.1-1.azl3"
            ),
        )],
        distro: Some(("azurelinux", "3.0", "")),
        kind: PackageKind::Rpm,
        rows: &[("ceph", "18.2.0-1.azl3", "CVE-2026-0001"), ("ceph", "18.2.1-1.azl3", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "amazon",
        files: &[(
            "2_html/ALAS-2026-001",
            "<!doctype html><html><span><b>Amazon Linux 2 Security Advisory:</b> ALAS-2026-001</span><br /><b>Advisory Release Date:</b> 2026-01-11 21:05 Pacific<br/>\
             <div id='severity'><b>Severity:</b> Important<br /></div><div id='references'><a>CVE-2026-0001&nbsp;</a></div>\
             <div id='new_packages'><b>New Packages:</b><pre>x86_64:<br />&nbsp;&nbsp; vim-8.2.1-2.amzn2.x86_64<br />src:<br />&nbsp; vim-8.2.1-2.amzn2.src<br /></pre></div></html>",
        )],
        distro: Some(("amzn", "2", "")),
        kind: PackageKind::Rpm,
        rows: &[("vim", "8.2.1-1.amzn2", "CVE-2026-0001"), ("vim", "8.2.1-2.amzn2", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "rocky",
        files: &[(
            "rocky/9/BaseOS/x86_64/RLSA-2026-0001.json",
            r#"{"id": "RLSA-2026:0001", "severity": "Important", "cveids": ["CVE-2026-0001"], "packages": [{"name": "vim", "epoch": "2", "version": "8.2", "release": "2.el9", "arch": "x86_64"}]}"#,
        )],
        distro: Some(("rocky", "9.3", "")),
        kind: PackageKind::Rpm,
        rows: &[("vim", "2:8.2-1.el9", "CVE-2026-0001"), ("vim", "2:8.2-2.el9", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "alma",
        files: &[(
            "errata-9.json",
            r#"{"data": [{"id": "ALSA-2026:0001", "severity": "Important", "references": [{"id": "CVE-2026-0001"}], "packages": [{"name": "vim", "epoch": "2", "version": "8.2", "release": "2.el9", "arch": "x86_64"}]}]}"#,
        )],
        distro: Some(("almalinux", "9.3", "")),
        kind: PackageKind::Rpm,
        rows: &[("vim", "2:8.2-1.el9", "CVE-2026-0001"), ("vim", "2:8.2-2.el9", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "photon",
        files: &[(
            "cve_data_photon4.0.json",
            r#"[{"cve_id": "CVE-2026-0001", "pkg": "curl", "cve_score": 9.8, "aff_ver": "all versions before 7.88-4.ph4 are vulnerable", "res_ver": "7.88-4.ph4", "status": "Fixed"},
                {"cve_id": "CVE-2026-0001", "pkg": "httpd", "cve_score": null, "aff_ver": "", "res_ver": "NA", "status": "Not Affected"}]"#,
        )],
        distro: Some(("photon", "4.0", "")),
        kind: PackageKind::Rpm,
        rows: &[("curl", "7.88-3.ph4", "CVE-2026-0001"), ("curl", "7.88-4.ph4", ""), ("httpd", "1-1", "")],
    },
    Sample {
        feed: "arch",
        files: &[(
            "all.json",
            r#"[{"name": "AVG-1", "packages": ["curl"], "affected": "8.4.0-1", "fixed": "8.5.0-1", "severity": "High", "status": "Fixed", "type": "t", "issues": ["CVE-2026-0001"]},
                {"name": "AVG-2", "packages": ["pam"], "affected": "1.7-2", "fixed": null, "severity": "Medium", "status": "Vulnerable", "type": "t", "issues": ["CVE-2026-0002"]}]"#,
        )],
        distro: Some(("arch", "", "")),
        kind: PackageKind::Alpm,
        rows: &[("curl", "8.4.0-1", "CVE-2026-0001"), ("curl", "8.5.0-1", ""), ("pam", "1.7-3", "CVE-2026-0002")],
    },
    Sample {
        feed: "fedora",
        files: &[(
            "page.json",
            r#"{"updates": [{"alias": "FEDORA-2026-1", "type": "security", "status": "stable", "severity": "high", "date_stable": "2026-01-15 12:00:00",
                "release": {"version": "42", "id_prefix": "FEDORA"}, "bugs": [{"title": "CVE-2026-0001 expat: overflow"}], "builds": [{"nvr": "expat-2.7.0-1.fc42", "epoch": null}]}]}"#,
        )],
        distro: Some(("fedora", "42", "")),
        kind: PackageKind::Rpm,
        rows: &[("expat", "2.6.0-1.fc42", "CVE-2026-0001"), ("expat", "2.7.0-1.fc42", ""), ("curl", "1-1", "")],
    },
    Sample {
        feed: "wolfi",
        files: &[(
            "security.json",
            r#"{"packages": [{"pkg": {"name": "zlib", "secfixes": {"1.3-r1": ["CVE-2026-0001"], "0": ["CVE-2026-0002"]}}}]}"#,
        )],
        distro: Some(("wolfi", "20230201", "")),
        kind: PackageKind::Apk,
        rows: &[("zlib", "1.3-r0", "CVE-2026-0001"), ("zlib", "1.3-r1", "")],
    },
    Sample {
        feed: "rustsec",
        files: &[(
            "crates/a/RUSTSEC-2026-0001.md",
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\ndate = \"2026-01-01\"\naliases = [\"CVE-2026-0001\"]\n\n[versions]\npatched = [\">= 1.2.0\", \"^0.9.3\"]\nunaffected = [\"< 0.5.0\"]\n```\n# Title\n\nText\n",
        )],
        distro: None,
        kind: PackageKind::Cargo,
        rows: &[("a", "1.1.0", "RUSTSEC-2026-0001"), ("a", "0.9.4", ""), ("a", "0.4.0", ""), ("a", "1.2.0", "")],
    },
    Sample {
        feed: "rubysec",
        files: &[(
            "gems/a/CVE-2026-0001.yml",
            "---\ngem: a\ncve: 2026-0001\ncvss_v3: 6.1\npatched_versions:\n  - \">= 1.5.4\"\nunaffected_versions:\n  - \"< 1.4.0\"\n",
        )],
        distro: None,
        kind: PackageKind::Gem,
        rows: &[("a", "1.5.0", "CVE-2026-0001"), ("a", "1.5.4", ""), ("a", "1.3.9", "")],
    },
    Sample {
        feed: "pypa",
        files: &[(
            "vulns/a/PYSEC-2026-1.yaml",
            "id: PYSEC-2026-1\naffected:\n- package:\n    name: a\n    ecosystem: PyPI\n  ranges:\n  - type: ECOSYSTEM\n    events:\n    - introduced: \"0\"\n    - fixed: 1.10\n",
        )],
        distro: None,
        kind: PackageKind::Python,
        rows: &[("a", "1.9", "PYSEC-2026-1"), ("a", "1.10", ""), ("b", "1", "")],
    },
    Sample {
        feed: "govulndb",
        files: &[(
            "ID/GO-2026-1.json",
            r#"{"id": "GO-2026-1", "affected": [{"package": {"ecosystem": "Go", "name": "golang.org/x/image"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "0.10.0"}]}],
                "ecosystem_specific": {"imports": [{"path": "golang.org/x/image/tiff", "symbols": ["Decode"]}]}}]}"#,
        )],
        distro: None,
        kind: PackageKind::Go,
        rows: &[("golang.org/x/image", "v0.9.0", "GO-2026-1"), ("golang.org/x/image", "v0.10.0", "")],
    },
    Sample {
        feed: "gitlab",
        files: &[(
            "gem/a/CVE-2026-0001.yml",
            "identifier: CVE-2026-0001\npackage_slug: gem/a\ntitle: t\naffected_range: \">=1.0 <1.5\"\nfixed_versions:\n- \"1.5\"\n",
        )],
        distro: None,
        kind: PackageKind::Gem,
        rows: &[("a", "1.4", "CVE-2026-0001"), ("a", "1.5", ""), ("a", "0.9", "")],
    },
    Sample {
        feed: "friendsofphp",
        files: &[(
            "a/b/CVE-2026-0001.yaml",
            "title: t\ncve: CVE-2026-0001\nbranches:\n    3.x:\n        time: 2026-01-01 00:00:00\n        versions: ['>=3.0.0', '<3.2.1']\nreference: composer://a/b\n",
        )],
        distro: None,
        kind: PackageKind::Composer,
        rows: &[("a/b", "3.1.0", "CVE-2026-0001"), ("a/b", "3.2.1", ""), ("a/b", "2.9.0", "")],
    },
    Sample {
        feed: "nodejs",
        files: &[(
            "vuln/1.json",
            r#"{"id": 1, "module_name": "a", "cves": ["CVE-2026-0001"], "vulnerable_versions": "<=1.5.1", "patched_versions": ">=1.5.2", "cvss_score": "6.5 (High)"}"#,
        )],
        distro: None,
        kind: PackageKind::Npm,
        rows: &[("a", "1.5.1", "CVE-2026-0001"), ("a", "1.5.2", ""), ("b", "1.0.0", "")],
    },
    Sample {
        feed: "echo",
        files: &[(
            "curl.json",
            r#"{"CVE-2026-0001": {"fixed_version": "7.88-10", "severity": "HIGH"}, "CVE-2026-0002": {"fixed_version": "0"}}"#,
        )],
        distro: Some(("echo", "1", "")),
        kind: PackageKind::Deb,
        rows: &[("curl", "7.88-9", "CVE-2026-0001"), ("curl", "7.88-10", "")],
    },
    Sample {
        feed: "bottlerocket",
        files: &[(
            "updateinfo.xml",
            r#"<updates><update><id>BRSA-1</id><severity>important</severity><issued date="2026-01-01"/><references><reference id="CVE-2026-0001"/></references>
                <pkglist><collection><package name="kernel" version="6.1" release="2.br1" arch="x86_64" epoch="0"/></collection></pkglist></update></updates>"#,
        )],
        distro: Some(("bottlerocket", "1.20", "")),
        kind: PackageKind::Rpm,
        rows: &[("kernel", "6.1-1.br1", "CVE-2026-0001"), ("kernel", "6.1-2.br1", "")],
    },
    Sample {
        feed: "msrc",
        files: &[(
            "msrc_cve-2026-0001.json",
            r#"{"document": {"category": "csaf_vex", "tracking": {"id": "msrc_CVE-2026-0001"}}, "product_tree": {
                "full_product_names": [{"name": "Azure Linux 3.0", "product_id": "17084"}, {"name": "azl3 openssl 3.3.0-2", "product_id": "1"}],
                "relationships": [{"product_reference": "1", "relates_to_product_reference": "17084", "full_product_name": {"name": "x", "product_id": "17084-1"}}]},
                "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": {"fixed": ["17084-1"]}, "threats": [{"category": "impact", "details": "Important"}]}]}"#,
        )],
        distro: Some(("azurelinux", "3.0", "")),
        kind: PackageKind::Rpm,
        rows: &[("openssl", "3.3.0-1", "CVE-2026-0001"), ("openssl", "3.3.0-2", "")],
    },
];

fn files(sample: &Sample) -> Files {
    sample.files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn compile(source: &'static Source, files: &Files) -> Vec<u8> {
    let mut builder = Builder::new(std::io::Cursor::new(Vec::new())).unwrap();
    let tally = source.read(files, &mut |record| builder.put(record)).unwrap();
    assert_eq!((tally.malformed_count, tally.skipped_count), (0, 0), "{}: {tally:?}", source.id);
    builder.finish().unwrap().0.into_inner()
}

#[track_caller]
fn check(sample: &Sample) {
    let bytes = compile(source(sample.feed).unwrap(), &files(sample));
    let database = Database::open(&bytes).unwrap();
    for (name, version, expected) in sample.rows {
        let mut package = Package::new(sample.kind, *name, *version);
        package.arch = Some("x86_64".to_owned());
        if sample.distro.is_some() {
            package.source = Some(SourcePackage { name: (*name).to_owned(), version: Some((*version).to_owned()) });
        }
        let distro = sample.distro.map(|(id, release, channel)| Distro {
            id: id.to_owned(),
            version_id: (!release.is_empty()).then(|| release.to_owned()),
            channel: (!channel.is_empty()).then(|| channel.to_owned()),
            ..Distro::default()
        });
        let inventory = Inventory { distro, packages: vec![package], ..Inventory::default() };
        let out = database.match_inventory(&inventory, &MatchOptions::default());
        let mut found: Vec<&str> = out.findings.iter().map(|finding| finding.vulnerability.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), *expected, "{}: {name} {version}", sample.feed);
    }
}

#[test]
fn every_feed_tells_affected_from_fixed_and_unaffected() {
    SAMPLES.iter().for_each(check);
}

#[test]
fn esm_and_eus_are_streams_of_their_own() {
    let with = |feed: &str, distro, kind, rows| {
        let sample = SAMPLES.iter().rfind(|sample| sample.feed == feed).unwrap();
        check(&Sample { feed: sample.feed, files: sample.files, distro: Some(distro), kind, rows });
    };
    with("ubuntu", ("ubuntu", "18.04", "esm"), PackageKind::Deb, &[("wayland", "1.17", "")]);
    with("redhat", ("rhel", "8.6", "eus"), PackageKind::Rpm, &[("libwebp", "1.0.0-6.el8", "CVE-2026-0001")]);
}

#[test]
fn symbols_stay_with_go_advisories() {
    let sample = SAMPLES.iter().find(|sample| sample.feed == "govulndb").unwrap();
    let mut imports = Vec::new();
    let read = source("govulndb").unwrap().read(&files(sample), &mut |record| {
        if let Record::Qualified(_, qualifiers) = record {
            imports.extend(qualifiers.imports);
        }
        Ok(())
    });
    assert_eq!(read.unwrap().records, 1);
    assert_eq!(imports[0].path, "golang.org/x/image/tiff");
    assert_eq!(imports[0].symbols, ["Decode"]);
}

#[track_caller]
fn refused(feed: &str, path: &str, text: &str) {
    let files: Files = [(path.to_owned(), text.as_bytes().to_vec())].into_iter().collect();
    let read = source(feed).unwrap().read(&files, &mut |_| Ok(()));
    assert!(matches!(read, Err(FeedError::Foreign { .. } | FeedError::Line { .. })), "{feed} {path}: {read:?}");
}

#[test]
fn what_is_no_feed_is_refused_and_never_an_empty_one() {
    for source in SOURCES {
        for path in ["a.json", "a.xml", "a.yaml", "CVE-2026-0001.md", "RUSTSEC-1.md", "a.csv", "CVE-2026-0001"] {
            refused(source.id, path, "broken");
            refused(source.id, path, "");
        }
    }
    refused("redhat", "a.json", r#"{"document": {}, "vulnerabilities": [{"cve": ""}]}"#);
    refused("redhat", "a.json", r#"{"name": "CVE-2026-0001", "affected_release": ["dummy"]}"#);
    refused(
        "azure",
        "a.xml",
        oval!(
            "<reference source=\"CVE\" ref_id=\"CVE-2026-0001\"/>",
            "<criteria><criterion comment=\"a\"/></criteria>",
            "a",
            "1"
        ),
    );
}

#[test]
fn one_broken_record_in_many_is_named_and_passed_over() {
    let good = |n: usize| {
        let text = format!(
            r#"{{"id": "A-{n}", "affected": [{{"package": {{"ecosystem": "npm", "name": "a"}}, "versions": ["1.0.{n}"]}}]}}"#
        );
        (format!("{n}.json"), text.into_bytes())
    };
    let files: Files = (0..60).map(good).chain([("broken.json".to_owned(), b"{".to_vec())]).collect();
    let tally = source("osv").unwrap().read(&files, &mut |_| Ok(())).unwrap();
    assert_eq!((tally.records, tally.malformed_count, tally.malformed[0].0.as_str()), (60, 1, "broken.json"));
    let files: Files = (0..20).map(good).chain([("broken.json".to_owned(), b"{".to_vec())]).collect();
    assert!(source("osv").unwrap().read(&files, &mut |_| Ok(())).is_err());
}

#[test]
fn lifecycles_are_of_distributions_and_products() {
    let json =
        br#"{"result": [{"name": "debian", "releases": [{"name": "12", "isEol": false, "eolFrom": "2028-06-30"}]},
        {"name": "python", "releases": [{"name": "2.7", "isEol": true, "eolFrom": "2020-01-01"}]}]}"#;
    let files: Files = [("eol.json".to_owned(), json.to_vec())].into_iter().collect();
    let mut found = Vec::new();
    let read = source("eol").unwrap().read(&files, &mut |record| {
        if let Record::Lifecycle(name, cycle) = record {
            found.push((name, cycle.end_of_life.map(|time| time.to_string())));
        }
        Ok(())
    });
    assert_eq!(read.unwrap().records, 2);
    let expected = [("debian 12", "2028-06-30T00:00:00Z"), ("python 2.7", "2020-01-01T00:00:00Z")];
    assert_eq!(found, expected.map(|(name, end)| (name.to_owned(), Some(end.to_owned()))));
}

proptest! {
    #[test]
    fn damaged_feeds_never_panic(
        choice in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let sample = &SAMPLES[choice.index(SAMPLES.len())];
        let files: Files = sample.files.iter().map(|(path, text)| {
            let mut bytes = text.as_bytes().to_vec();
            for (place, byte) in &changes {
                let at = place.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            ((*path).to_owned(), bytes)
        }).collect();
        let _ = source(sample.feed).unwrap().read(&files, &mut |_| Ok(()));
    }

    #[test]
    fn foreign_bytes_never_panic(feed in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let source = SOURCES[feed.index(SOURCES.len())];
        let files: Files = ["a.json", "a.xml", "a.yml", "RUSTSEC-1.md", "CVE-2026-0001", "oval/8/definitions/1.json"]
            .map(|path| (path.to_owned(), bytes.clone())).into_iter().collect();
        let _ = source.read(&files, &mut |_| Ok(()));
    }
}
