use super::*;

#[track_caller]
fn check(order: Order, text: &str, inside: &[&str], outside: &[&str]) {
    let affected = Affected { vulnerable: parse(Some(order), text), ..Affected::default() };
    let mut bytes = Vec::new();
    encode(order, &affected, &mut bytes, &mut Vec::new());
    for (versions, expected) in [(inside, true), (outside, false)] {
        for version in versions {
            let answer = Stored(&bytes).contains(&mut Probe::new(order, version));
            assert_eq!(answer, Ok(expected), "{version} in `{text}` ({order:?}), stored as {:?}", affected.vulnerable);
        }
    }
}

#[test]
fn ranges_of_every_notation() {
    check(Order::Npm, ">= 1.0.0, < 1.4.2", &["1.0.0", "1.4.1", "1.4.2-rc.1"], &["0.9.9", "1.4.2", "2.0.0"]);
    check(Order::Npm, "<1.0.0 || >=2.0.0,<2.3.0", &["0.1.0", "2.2.9"], &["1.5.0", "2.3.0"]);
    check(Order::Npm, "^1.2.0", &["1.9.0"], &["2.0.0", "1.1.0"]);
    check(Order::Npm, "<= 1.2", &["1.2.0"], &["1.3.0"]);
    check(Order::Npm, "= 1.2.3", &["1.2.3"], &["1.2.4"]);
    check(Order::Maven, "[2.9.0,2.9.10.7)", &["2.9.0", "2.9.10.6"], &["2.9.10.7", "2.8"]);
    check(Order::Maven, "(,1.0],[2.0,2.1)", &["0.5", "1.0", "2.0.5"], &["1.1", "2.1"]);
    check(Order::Maven, "[1.5]", &["1.5"], &["1.5.1"]);
    check(Order::Pep440, "<2.1", &["2.0", "2.0+cu118", "1!0.1.dev0".trim_start_matches("1!")], &["2.1", "2.1+cu118"]);
    check(Order::Pep440, "==1.2.*", &["1.2.5"], &["1.3"]);
    check(Order::Gem, "~> 1.2.3", &["1.2.9"], &["1.3.0"]);
    check(Order::Gem, "< 1.19.3", &["1.19.2-aarch64-linux-gnu"], &["1.19.3-aarch64-linux-gnu"]);
    check(Order::Generic, "<8.44", &["8.43"], &["8.44"]);
    check(Order::Semver, ">= 2.1.3, < 3.0.0", &["2.9.9"], &["1.9.0", "3.0.0"]);
    check(Order::Go, ">= 0, < 0.3.7", &["v0.3.6", "0.0.0-20200101000000-abcdefabcdef"], &["v0.3.7"]);
}

#[test]
fn patched_and_unaffected_versions_are_safe() {
    let affected = Affected {
        safe: [">= 3.1.0", ">= 2.1.3, < 3.0.0"].iter().flat_map(|t| parse(Some(Order::Semver), t)).collect(),
        ..Affected::default()
    };
    let mut bytes = Vec::new();
    encode(Order::Semver, &affected, &mut bytes, &mut Vec::new());
    for (version, vulnerable) in [("1.9.0", true), ("2.1.3", false), ("3.0.0", true), ("3.1.0", false)] {
        assert_eq!(Stored(&bytes).contains(&mut Probe::new(Order::Semver, version)), Ok(vulnerable), "{version}");
    }
    assert_eq!(Stored(&bytes).words().unwrap(), "not (>= 3.1.0 || >= 2.1.3, < 3.0.0)");
}

#[test]
fn no_range_and_no_safe_version_is_nothing() {
    let mut bytes = Vec::new();
    encode(Order::Npm, &Affected::default(), &mut bytes, &mut Vec::new());
    assert_eq!(Stored(&bytes).contains(&mut Probe::new(Order::Npm, "1.0.0")), Ok(false));
    let everything = Affected { vulnerable: vec![Range::everything()], ..Affected::default() };
    bytes.clear();
    encode(Order::Npm, &everything, &mut bytes, &mut Vec::new());
    assert_eq!(Stored(&bytes).contains(&mut Probe::new(Order::Npm, "no version at all")), Ok(true), "unfixed");
}

#[test]
fn what_cannot_be_compared_is_an_error_unless_another_range_decides() {
    let ask = |text: &str, versions: &[&str], version: &str| {
        let affected = Affected {
            vulnerable: parse(Some(Order::Deb), text),
            versions: versions.iter().map(|v| (*v).to_owned()).collect(),
            ..Affected::default()
        };
        let mut bytes = Vec::new();
        encode(Order::Deb, &affected, &mut bytes, &mut Vec::new());
        Stored(&bytes).contains(&mut Probe::new(Order::Deb, version))
    };
    assert!(matches!(ask("< 1.0", &[], "not a version"), Err(Unanswered::Unordered(_))));
    assert_eq!(ask("< 1.0", &["not a version"], "not a version"), Ok(true));
    assert_eq!(ask("< 1.0", &["x"], "0.5"), Ok(true));
}

#[test]
fn damaged_bytes_are_seen() {
    let affected = Affected { vulnerable: parse(Some(Order::Npm), ">= 1.0.0, < 1.4.2"), ..Affected::default() };
    let mut bytes = Vec::new();
    encode(Order::Npm, &affected, &mut bytes, &mut Vec::new());
    for length in 0..bytes.len() {
        let answer = Stored(&bytes[..length]).contains(&mut Probe::new(Order::Npm, "1.2.0"));
        assert_eq!(answer, Err(Unanswered::Damaged), "cut to {length}");
    }
}
