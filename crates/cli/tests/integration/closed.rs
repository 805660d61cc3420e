//! Never fail open: what was not looked at is never an exit code of 0, and what was left out is named.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The time of all runs.
const NOW: &str = "1780000000";

/// An empty machine: a folder of its own, no network, no settings.
struct Machine {
    folder: tempfile::TempDir,
}

/// What a run gave.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Machine {
        Machine { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_signet"))
            .arg("--offline")
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", NOW)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn check(&self, args: &[&str], code: i32, words: &str) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, code, "{args:?}\n{}\n{}", run.out, run.err);
        assert!(run.out.contains(words) || run.err.contains(words), "{words:?} in\n{}\n{}", run.out, run.err);
        run
    }

    /// A record for npm's `a` below 2.0.0, rated critical, of this day.
    fn osv(&self, id: &str, modified: &str, fixed: bool) -> PathBuf {
        let events = if fixed { r#"{"introduced":"0"},{"fixed":"2.0.0"}"# } else { r#"{"introduced":"0"}"# };
        self.write(
            "osv.json",
            &format!(
                r#"{{"schema_version":"1.6.0","id":"{id}","modified":"{modified}","summary":"s","database_specific":{{"severity":"CRITICAL"}},
                "affected":[{{"package":{{"ecosystem":"npm","name":"a"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#
            ),
        )
    }

    /// A database file of that record.
    fn database(&self, id: &str, fixed: bool) -> PathBuf {
        let record = self.osv(id, "2026-05-28T00:00:00Z", fixed);
        let path = self.path("file.db");
        self.check(&["db", "build", "--osv", text(&record), "--output", text(&path)], 0, "database:");
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn incomplete_is_not_clean() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    machine.check(&["scan", "purl:pkg:npm/a@2.0.0", "--db", text(&db)], 0, "");
    machine.check(&["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db), "--fail-on", "fixed"], 11, "OSV-1");
    // No advisories for the distribution, for the ecosystem; no version; a version that nobody can order.
    for purl in [
        "pkg:deb/debian/openssl@1?distro=debian-12",
        "pkg:deb/debian/openssl@1",
        "pkg:pypi/a@1",
        "pkg:npm/a",
        "pkg:npm/a@not-a-version",
    ] {
        machine.check(&["scan", &format!("purl:{purl}"), "--db", text(&db)], 13, "");
    }
    // A package database that cannot be read.
    machine.write("root/var/lib/dpkg/status", "Package: a\n\nnonsense\n");
    let root = machine.path("root");
    let run =
        machine.check(&["scan", &format!("rootfs:{}", text(&root)), "--db", text(&db)], 13, "var/lib/dpkg/status");
    assert!(!run.out.is_empty(), "the report is written all the same");
    machine.check(&["scan", &format!("rootfs:{}", text(&root)), "--db", text(&db), "--allow-incomplete"], 0, "");
    machine.check(&["sbom", &format!("rootfs:{}", text(&root))], 13, "");
}

#[test]
fn packages_that_no_feed_speaks_of_are_told() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    machine.check(&["scan", "purl:pkg:generic/x@1", "--db", text(&db)], 0, "no feed speaks of");
}

#[test]
fn packages_of_two_distributions_are_not_judged_as_one() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    let two = "purl:pkg:deb/debian/a@1?distro=debian-12,pkg:deb/ubuntu/a@1?distro=ubuntu-22.04";
    machine.check(&["scan", two, "--db", text(&db)], 1, "another distribution");
}

#[test]
fn a_damaged_database_is_refused() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    let whole = std::fs::read(&db).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        std::fs::write(&db, bytes).unwrap();
        machine.check(&["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db)], 1, why);
    };
    refused(&whole[..whole.len() - 1], "cut");
    refused(&whole[..40], "");
    refused(b"", "");
    refused(b"SQLite format 3\0", "no compiled advisory database");
    for at in [whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        refused(&flipped, "was changed");
    }
    let mut other = whole.clone();
    other[8] = other[8].wrapping_add(1);
    refused(&other, "format");
    let mut header = whole;
    header[20] ^= 1;
    refused(&header, "header");
}

#[test]
fn there_is_no_scan_without_a_database() {
    let machine = Machine::new();
    machine.check(&["scan", "purl:pkg:npm/a@1.0.0"], 1, "no advisory database");
    machine.check(&["scan", "purl:pkg:npm/a@1.0.0", "--db", "none.db"], 1, "none.db");
}

#[test]
fn an_outdated_database_is_no_clean_scan() {
    let machine = Machine::new();
    let record = machine.osv("OSV-1", "2026-05-20T00:00:00Z", true);
    machine.check(&["db", "build", "--osv", text(&record)], 0, "");
    machine.check(&["scan", "purl:pkg:npm/a@2.0.0"], 13, "outdated");
    machine.check(&["scan", "purl:pkg:npm/a@2.0.0", "--skip-db-update"], 0, "days old");
    // A date in the future is none.
    let record = machine.osv("OSV-1", "2099-01-01T00:00:00Z", true);
    machine.check(&["db", "build", "--osv", text(&record)], 0, "");
    machine.check(&["scan", "purl:pkg:npm/a@2.0.0"], 13, "outdated");
}

#[test]
fn older_and_undated_data_replaces_nothing() {
    let machine = Machine::new();
    let kev = |released: &str| {
        machine.write(
            "kev.json",
            &format!(r#"{{{released}"vulnerabilities":[{{"cveID":"CVE-1","dateAdded":"2026-01-01"}}]}}"#),
        )
    };
    let build = |path: &Path, more: &[&str], code, words: &str| {
        machine.check(&[&["db", "build", "--kev", text(path)], more].concat(), code, words);
    };
    build(&kev(r#""dateReleased":"2026-05-02T00:00:00Z","#), &[], 0, "");
    build(&kev(r#""dateReleased":"2026-05-01T00:00:00Z","#), &[], 1, "--allow-rollback");
    build(&kev(""), &[], 1, "--allow-rollback");
    build(&kev(r#""dateReleased":"2026-05-01T00:00:00Z","#), &["--allow-rollback"], 0, "");
}

#[test]
fn what_a_filter_hides_the_policy_still_sees() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    let scan = ["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db)];
    for more in [&[][..], &["--severity", "LOW"], &["--ignore-status", "fixed"]] {
        machine.check(&[&scan, &["--policy", "builtin:recommended"][..], more].concat(), 10, "");
    }
    machine.check(&[&scan, &["--fail-on", "fixed", "--severity", "LOW"][..]].concat(), 0, "");
}

#[test]
fn malicious_packages_are_never_hidden_for_want_of_a_fix() {
    let machine = Machine::new();
    for (id, code) in [("MAL-2026-1", 11), ("OSV-1", 0)] {
        let db = machine.database(id, false);
        let scan =
            ["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db), "--ignore-unfixed", "--ignore-status", "affected"];
        machine.check(
            &[&scan, &["--fail-on", "severity >= critical"][..]].concat(),
            code,
            if code == 11 { id } else { "suppressed" },
        );
    }
}

#[test]
fn lines_of_an_ignore_file_that_do_nothing_are_told() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    let scan = ["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db), "--fail-on", "fixed"];
    for (line, code, words) in
        [("OSV-1", 0, ""), ("OSV-1 exp:2026-1-1", 11, "no date"), ("OSV-1 exp:2020-01-01", 11, "expired")]
    {
        machine.write(".trivyignore", line);
        machine.check(&scan, code, words);
    }
}

#[test]
fn an_ignore_file_of_a_hundred_megabytes_is_refused_and_many_remarks_are_counted() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    let scan = ["scan", "purl:pkg:npm/a@1.0.0", "--db", text(&db)];
    machine.write(".trivyignore", &"CVE-2020-1\n".repeat(300));
    machine.check(&scan, 0, "100 more remarks");
    machine.write(".trivyignore", &"# nothing\n".repeat(2 << 20));
    machine.check(&scan, 1, "larger than");
}

#[test]
fn documents_of_another_kind_are_refused() {
    let machine = Machine::new();
    let db = machine.database("OSV-1", true);
    for text_of in ["", "{}", "[]", r#"{"bomFormat":"Other"}"#, r#"{"kind":"Pod","apiVersion":"v1"}"#, "\u{0}\u{1}"] {
        let path = machine.write("some.json", text_of);
        machine.check(&["scan", &format!("sbom:{}", text(&path)), "--db", text(&db)], 1, "SBOM");
    }
}

#[test]
fn scanners_that_are_not_there_are_wrong_usage() {
    let machine = Machine::new();
    for scanner in ["secret", "misconfig", "nonsense"] {
        machine.check(&["scan", "purl:pkg:npm/a@1.0.0", "--scanners", scanner], 2, scanner);
    }
}
