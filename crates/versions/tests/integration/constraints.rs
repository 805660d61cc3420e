//! Ranges, ecosystem by ecosystem.

use signet_versions::{Constraint, ConstraintError, Flavour, Options, Scheme};

#[track_caller]
fn check(scheme: Scheme, options: Options, range: &str, inside: &[&str], outside: &[&str]) {
    let constraint = Constraint::parse(scheme, range, options).expect(range);
    for version in inside {
        assert_eq!(constraint.contains(version), Ok(true), "{scheme}: {version} in {range}");
    }
    for version in outside {
        assert_eq!(constraint.contains(version), Ok(false), "{scheme}: {version} not in {range}");
    }
}

#[track_caller]
fn native(scheme: Scheme, range: &str, inside: &[&str], outside: &[&str]) {
    check(scheme, Options::default(), range, inside, outside);
}

#[track_caller]
fn malformed(scheme: Scheme, range: &str) {
    let error = Constraint::parse(scheme, range, Options::default()).expect_err(range);
    assert!(!error.to_string().is_empty(), "{range}");
}

#[test]
fn and_and_or() {
    let range = "> 0.1.0, < 0.5.0 || > 1.0.0, < 2.0.0";
    for scheme in [
        Scheme::Deb,
        Scheme::Rpm,
        Scheme::Apk,
        Scheme::Semver,
        Scheme::Go,
        Scheme::Gem,
        Scheme::Pep440,
        Scheme::Portage,
    ] {
        native(scheme, range, &["0.2.0", "1.5.0"], &["0.0.1", "0.6.0", "2.5.0"]);
        native(scheme, "", &["1.0.0"], &[]);
        malformed(scheme, ">");
        malformed(scheme, "> 1.0 ||");
    }
}

#[test]
fn npm() {
    native(Scheme::Npm, "^1.2.3", &["1.2.3", "1.9.0"], &["2.0.0-rc.1", "1.3.0-beta", "2.0.0"]);
    native(Scheme::Npm, "^1.2.3-beta.2", &["1.2.3-beta.4", "1.2.4"], &["1.2.4-beta.2", "1.2.3-beta.1"]);
    native(Scheme::Npm, "~1.2 || 3.x", &["1.2.9", "3.4.5"], &["1.3.0", "4.0.0"]);
    native(Scheme::Npm, "1.2.3 - 2.3", &["1.2.3", "2.3.9"], &["2.4.0", "1.2.2"]);
    native(Scheme::Npm, "<1.2.x", &["1.1.9"], &["1.2.0", "1.2.0-a"]);
    let with = Options { include_prerelease: true, ..Options::default() };
    check(Scheme::Npm, with, "^1.0.0", &["1.0.1-rc1"], &["2.0.0-rc1"]);
    let trivy = Options { include_prerelease: true, ..Options::flavoured(Flavour::Trivy) };
    check(Scheme::Npm, trivy, ">=1.0.0, <2.0.0", &["1.0.1-rc1", "2.0.0-rc1"], &["2.0.0"]);
    malformed(Scheme::Npm, "blerg");
    malformed(Scheme::Npm, "^99999999999999999999.0.0");
}

#[test]
fn cargo() {
    native(Scheme::Cargo, "1.2.3", &["1.2.3", "1.9.0"], &["2.0.0"]);
    native(Scheme::Cargo, ">=0.1, <0.3", &["0.2.9"], &["0.3.0", "0.0.9"]);
    native(Scheme::Cargo, "=1.2.3", &["1.2.3"], &["1.2.4"]);
    native(Scheme::Cargo, "1.2.*", &["1.2.9"], &["1.3.0"]);
}

#[test]
fn python() {
    native(Scheme::Pep440, "~= 1.4.2", &["1.4.2", "1.4.9"], &["1.5", "1.4.1"]);
    native(Scheme::Pep440, "== 1.4.*", &["1.4", "1.4.2", "1.4a1", "1.4+local"], &["1.5", "1.40"]);
    native(Scheme::Pep440, "== 1.4", &["1.4+local"], &["1.4.post1"]);
    native(Scheme::Pep440, "< 2", &["1.9"], &["2.0a1"]);
    native(Scheme::Pep440, "> 2", &["2.1", "2.0.1"], &["2.0.post1", "2+local"]);
    native(Scheme::Pep440, "> 2a", &["2.post1"], &["2a.post1"]);
    native(Scheme::Pep440, "< 2.post1", &["2.dev1"], &["2.post1.dev1"]);
    native(Scheme::Pep440, "=== 1.0.0", &["1.0.0"], &["1.0"]);
    native(Scheme::Pep440, "< 1.0", &["nonsense"], &[]);
    let with = Options { include_prerelease: true, ..Options::default() };
    check(Scheme::Pep440, with, "< 2", &["2.0a1"], &[]);
    malformed(Scheme::Pep440, "~= 1");
    malformed(Scheme::Pep440, "< 1.*");
}

#[test]
fn maven_and_nuget() {
    native(Scheme::Maven, "[1.0,2.0),(3.0,]", &["1.0", "1.9", "3.1"], &["2.0", "3.0", "2.5"]);
    native(Scheme::Maven, "[1.0]", &["1.0.0"], &["1.0.1"]);
    native(Scheme::Maven, "1.0", &["0.1", "2.0"], &[]);
    check(Scheme::Maven, Options::flavoured(Flavour::Trivy), "1.0", &["1"], &["0.1", "2.0"]);
    native(Scheme::Nuget, "[1.0,2.0)", &["1.5.0"], &["2.0.0"]);
    native(Scheme::Nuget, "1.0", &["1.0.0", "9.0"], &["0.9"]);
    malformed(Scheme::Maven, "[1.0,2.0");
    malformed(Scheme::Maven, "[1,2,3]");
}

#[test]
fn ruby() {
    native(Scheme::Gem, "~> 1.4.4", &["1.4.4", "1.4.9"], &["1.5", "1.5.a", "1.4.3"]);
    native(Scheme::Gem, "~> 1", &["1.9"], &["2.0", "2.0.a"]);
    native(Scheme::Gem, ">= 1.4 <= 1.6 != 1.5", &["1.4", "1.6"], &["1.5", "1.7"]);
    check(Scheme::Gem, Options::flavoured(Flavour::Grype), "= 1.2.0", &["1.2.0-x86_64-linux"], &["1.2.1-java"]);
}

#[test]
fn rpm_as_grype_reads_it() {
    let grype = Options::flavoured(Flavour::Grype);
    check(Scheme::Rpm, grype, "< 2:4.19.1-1.el7", &["4.19.0-1.el7", "1:9.9"], &["4.19.1-1.el7", "3:1.0"]);
    check(Scheme::Rpm, grype, ">= 0:8.3.1-5.el8", &["8.3.1-5.el8.0.0", "8.3.1-5.el8"], &["8.3.1-5.el7"]);
    native(Scheme::Rpm, "< 2:1.0", &["1.0", "9.9"], &["2:1.0"]);
}

#[test]
fn composer() {
    native(Scheme::Composer, "^1.2", &["1.2.0", "1.9", "1.2-beta1"], &["2.0-dev", "2.0", "1.1"]);
    native(Scheme::Composer, "^0.3.1", &["0.3.9"], &["0.4.0"]);
    native(Scheme::Composer, "~1.2", &["1.9"], &["2.0.0"]);
    native(Scheme::Composer, "~1.2.3", &["1.2.9"], &["1.3.0"]);
    native(Scheme::Composer, "1.0.* | 2.1 - 2.3", &["1.0.5", "2.3.9"], &["1.1.0", "2.4.0"]);
    native(Scheme::Composer, ">=1.0@dev, <1.1, !=1.0.3", &["1.0-dev", "1.0.2"], &["1.0.3", "1.1-alpha"]);
    native(Scheme::Composer, "!=1.0.*", &["1.1", "0.9"], &["1.0.5"]);
}

#[test]
fn others() {
    native(Scheme::Apk, "=~3.6", &["3.6.9"], &["3.60"]);
    native(Scheme::Apk, "~ 3.6", &["3.6.9", "3.6.0_pre1"], &["3.7", "3.5.1"]);
    native(Scheme::Kb, "979797 || 878787", &["878787", "KB979797"], &["1"]);
    native(Scheme::Go, ">= 1.2.0, < 1.2.4", &["v1.2.3", "v1.2.4-0.20200101000000-0123456789ab"], &["v1.2.4"]);
    native(Scheme::Pub, "^1.2.3", &["1.9.0"], &["2.0.0", "2.0.0-dev"]);
    native(Scheme::Semver, "1.2.x", &["1.2.0", "1.2.9"], &["1.3.0"]);
    native(Scheme::Semver, "= 1.2.0-x", &["1.2.0-x"], &["1.2.0"]);
    native(Scheme::Generic, "~> 1.0.7", &["1.0.7.5", "1.0.8"], &["1.1.0"]);
    native(Scheme::Fuzzy, ">=1.0, <2.0", &["1.2+beta-3", "1.9foo"], &["1.0.0-beta", "2.1"]);
    native(Scheme::Deb, "= '1.0-1'", &["1.0-1"], &["1.0-2"]);
}

#[test]
fn a_bad_version_is_never_a_silent_no() {
    let constraint = Constraint::parse(Scheme::Npm, "<2", Options::default()).expect("a range");
    assert!(constraint.contains("latest").is_err());
    let constraint = Constraint::parse(Scheme::Deb, "< 2", Options::default()).expect("a range");
    assert!(constraint.contains("a b").is_err());
    let error = Constraint::parse(Scheme::Hackage, "< x", Options::default()).expect_err("no number");
    assert!(matches!(error, ConstraintError::Operand { .. }), "{error}");
}
