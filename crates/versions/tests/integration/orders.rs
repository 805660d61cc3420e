//! Orders, ecosystem by ecosystem.

use std::cmp::Ordering;

use signet_versions::{
    EpochPolicy, Flavour, Options, Scheme, VersionError, apk_matches_fuzzy, compare, compare_with, is_valid,
    rpm_vercmp, sort_key, strip_platform,
};

/// Every version of the row is below the next one.
#[track_caller]
fn ascending(scheme: Scheme, row: &[&str]) {
    for (at, a) in row.iter().enumerate() {
        for b in &row[at + 1..] {
            assert_eq!(compare(scheme, a, b), Ok(Ordering::Less), "{scheme}: {a} < {b}");
            assert_eq!(compare(scheme, b, a), Ok(Ordering::Greater), "{scheme}: {b} > {a}");
            let (mut low, mut high) = (Vec::new(), Vec::new());
            if sort_key(scheme, a, &mut low).is_ok() && sort_key(scheme, b, &mut high).is_ok() {
                assert!(low < high, "{scheme}: key of {a} < key of {b}");
            }
        }
    }
}

#[track_caller]
fn equal(scheme: Scheme, row: &[&str]) {
    for a in row {
        for b in row {
            assert_eq!(compare(scheme, a, b), Ok(Ordering::Equal), "{scheme}: {a} = {b}");
        }
    }
}

#[track_caller]
fn refused(scheme: Scheme, version: &str) {
    let error = compare(scheme, version, version).expect_err(version);
    assert!(matches!(error, VersionError::Refused { .. }), "{error}");
}

#[test]
fn debian() {
    ascending(
        Scheme::Deb,
        &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1", "1.0-1+deb10u1", "1.0-1.1", "1.0a", "1.0+", "1:0"],
    );
    ascending(Scheme::Deb, &["9.2.6", "9.10.0", "9.10.0.dfsg.P1"]);
    equal(Scheme::Deb, &["1.0", "0:1.0", "1.0-0", "1.00"]);
    refused(Scheme::Deb, "");
    refused(Scheme::Deb, "a:1.0");
    refused(Scheme::Deb, "1.0 beta");
    assert!(is_valid(Scheme::Deb, "1:2.3-4+b1"));
    assert!(!is_valid(Scheme::Deb, "1.0-1_2"));
    assert!(!is_valid(Scheme::Deb, "x1"));
}

#[test]
fn rpm() {
    ascending(Scheme::Rpm, &["1.0~rc1", "1.0", "1.0^git1", "1.0.1", "1:0.5"]);
    ascending(Scheme::Rpm, &["4.19.0-1.el7", "4.19.0-1.el7_5", "4.19.0-2", "4.20"]);
    equal(Scheme::Rpm, &["1.0", "0:1.0", "1_0", "1.000"]);
    let ignore = Options { epoch: EpochPolicy::IgnoreIfMissing, ..Options::default() };
    assert_eq!(compare_with(Scheme::Rpm, "2:1.0", "1.0", &ignore), Ok(Ordering::Equal));
    assert_eq!(compare_with(Scheme::Rpm, "2:1.0", "1:1.0", &ignore), Ok(Ordering::Greater));
    assert_eq!(rpm_vercmp("a:1", "b:1"), Ordering::Less);
    refused(Scheme::Rpm, "");
}

#[test]
fn alpine() {
    ascending(
        Scheme::Apk,
        &["1.2_alpha", "1.2_alpha2", "1.2_beta", "1.2_rc1", "1.2", "1.2-r1", "1.2_p1", "1.2a", "1.2.1", "1.10"],
    );
    ascending(Scheme::Apk, &["1.01", "1.1", "1.10"]);
    equal(Scheme::Apk, &["1.2-r1", "1.2-r01"]);
    assert!(apk_matches_fuzzy("3.6.0_pre1", "3.6"));
    assert!(!apk_matches_fuzzy("3.8", "3.8.1"));
    assert!(is_valid(Scheme::Apk, "0.1_pre2~1234abcd-r3"));
    assert!(!is_valid(Scheme::Apk, "0.1-r2_p3"));
}

#[test]
fn semantic_versions() {
    for scheme in [Scheme::Npm, Scheme::Cargo, Scheme::Semver, Scheme::Go, Scheme::Nuget, Scheme::Pub, Scheme::Generic]
    {
        ascending(
            scheme,
            &[
                "1.0.0-1",
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-rc.2",
                "1.0.0-rc.11",
                "1.0.0",
                "1.0.10",
            ],
        );
    }
    equal(Scheme::Semver, &["1.2.3+a", "1.2.3+b", "v1.2.3"]);
    equal(Scheme::Semver, &["1.21rc2", "1.21.0-rc2"]);
    ascending(Scheme::Pub, &["1.2.3", "1.2.3+1", "1.2.3+a"]);
    equal(Scheme::Nuget, &["1.0", "1.0.0.0", "1.0+x"]);
    equal(Scheme::Nuget, &["1.0.0-BETA", "1.0.0-beta"]);
    equal(Scheme::Bitnami, &["2.3.1-1", "2.3.1", "2.3.1-12"]);
    for bad in ["1.2", "01.2.3", "1.2.3-01", "1.2.3.4", "latest", ""] {
        refused(Scheme::Npm, bad);
    }
    refused(Scheme::Cargo, "v1.2.3");
    refused(Scheme::Semver, "1.2.3-");
    refused(Scheme::Go, "(devel)");
    let loose = Options { loose: true, ..Options::default() };
    assert_eq!(compare_with(Scheme::Npm, " = v1.2.3beta", "1.2.3-beta", &loose), Ok(Ordering::Equal));
}

#[test]
fn go_modules() {
    ascending(
        Scheme::Go,
        &[
            "v0.0.0-20190101000000-aaaaaaaaaaaa",
            "v0.0.0-20200101000000-0123456789ab",
            "v0.0.0",
            "v1.2.4-0.20200101000000-0123456789ab",
            "v1.2.4",
        ],
    );
    equal(Scheme::Go, &["v3.2.0+incompatible", "3.2.0"]);
    ascending(Scheme::Go, &["go1.21rc2", "go1.21.0", "1.21.1"]);
}

#[test]
fn python() {
    ascending(
        Scheme::Pep440,
        &[
            "1.0.dev1",
            "1.0a1.dev1",
            "1.0a1",
            "1.0b2",
            "1.0rc1",
            "1.0",
            "1.0+abc",
            "1.0+1",
            "1.0.post1.dev2",
            "1.0.post1",
            "1.1",
            "1!0",
        ],
    );
    equal(Scheme::Pep440, &["1.0", "v1", "1.0.0"]);
    equal(Scheme::Pep440, &["1.0-1", "1.0.post1", "1.0_r1"]);
    ascending(Scheme::Pep440, &["nonsense-1.0", "0.0.dev0"]);
    ascending(Scheme::Pep440, &["2.0-class-pre", "2.0-class"]);
    equal(Scheme::Pep440, &["1.0rc_", "1.0-c0", "1.0.PREVIEW"]);
    refused(Scheme::Pep440, "");
}

#[test]
fn maven() {
    ascending(
        Scheme::Maven,
        &[
            "1-alpha",
            "1-beta-1",
            "1-b2",
            "1-milestone",
            "1-rc",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-abc",
            "1-1",
            "1.0.1",
            "1.1",
            "1.10",
        ],
    );
    equal(Scheme::Maven, &["1", "1.0", "1-ga", "1.0.0.Final", "1.RELEASE", "01"]);
    equal(Scheme::Maven, &["1.0.0.rc1", "1-rc1", "1cr1"]);
    let osv = Options::flavoured(Flavour::Osv);
    assert_eq!(compare_with(Scheme::Maven, "1.0.0rc0", "1.0.beta8", &osv), Ok(Ordering::Less));
    let grype = Options::flavoured(Flavour::Grype);
    assert_eq!(compare_with(Scheme::Maven, "12.10.2.jre11", "12.10.2", &grype), Ok(Ordering::Equal));
}

#[test]
fn ruby() {
    ascending(Scheme::Gem, &["1.0.a1", "1.0.b", "1.0.rc.2", "1.0", "1.0.0.1", "1.0.10", "1.1.pre", "1.1"]);
    equal(Scheme::Gem, &["1", "1.0", "1.0.0"]);
    equal(Scheme::Gem, &["1.a", "1.0.0.a"]);
    equal(Scheme::Gem, &["1-x", "1.pre.x"]);
    assert_eq!(strip_platform("1.19.3-aarch64-linux-gnu"), "1.19.3");
    assert_eq!(strip_platform("1.2.0-alpha-1-x86-linux"), "1.2.0-alpha-1");
    refused(Scheme::Gem, "1.0_beta");
}

#[test]
fn others() {
    ascending(
        Scheme::Composer,
        &["dev-main", "1.0-dev", "1.0-alpha", "1.0b1", "1.0-RC1", "1.0.0", "1.0pl1", "1.0.1", "1.x-dev", "2.0"],
    );
    equal(Scheme::Composer, &["v1.0", "1.0.0.0", "1.0-stable"]);
    ascending(Scheme::Cran, &["0.1", "0.1-0", "0.1.4", "0.1-18"]);
    ascending(Scheme::Hackage, &["1", "1.0", "1.0.1"]);
    refused(Scheme::Hackage, "1-0");
    ascending(Scheme::Pacman, &["1.0alpha", "1.0", "1.0.1", "1:0.1"]);
    equal(Scheme::Pacman, &["1.0-1", "1.0"]);
    ascending(Scheme::Portage, &["1_alpha", "1_rc1", "1", "1-r1", "1_p0", "1a", "1.0", "1.01", "1.1"]);
    refused(Scheme::Portage, "1.2_foo");
    ascending(Scheme::Jvm, &["1.8.0_13-ea", "1.8.0_13", "8.0.131", "8u141", "11.0.2"]);
    equal(Scheme::Jvm, &["1.8.0_131-b11", "8.0.131+11"]);
    ascending(Scheme::Fuzzy, &["95SE", "98SE", "98SP1"]);
    assert_eq!(compare(Scheme::Kb, "KB123", "123"), Ok(Ordering::Equal));
    assert_eq!(compare(Scheme::Kb, "123", "124"), Err(VersionError::Unordered { scheme: Scheme::Kb }));
}

#[test]
fn schemes_without_keys_say_so() {
    for (scheme, version) in
        [(Scheme::Composer, "1.#"), (Scheme::Pacman, "1.0"), (Scheme::Fuzzy, "1.0"), (Scheme::Kb, "1")]
    {
        let mut out = vec![7];
        assert_eq!(sort_key(scheme, version, &mut out), Err(VersionError::Unsupported { scheme }));
        assert_eq!(out, [7]);
    }
}

#[test]
fn names_lead_back() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
    }
    assert_eq!(Scheme::from_name("golang"), Some(Scheme::Go));
    assert_eq!(Scheme::from_name("nonesuch"), None);
}

#[test]
fn errors_say_what_is_wrong() {
    let error = compare(Scheme::Npm, "1.2", "1.2.3").expect_err("two numbers");
    assert_eq!(error.to_string(), "`1.2` is not a npm version: it has not exactly three numbers");
}
