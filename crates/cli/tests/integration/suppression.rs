//! What the user does not want to see: filters, ignore files, VEX. A malicious package is never hidden for want of a fix.

use crate::harness::Room;

const SCAN: &str = "scan --offline --db builtin:sample -o json dir:shop";
const ALL: [&str; 4] = ["CVE-2026-0001", "CVE-2026-0002", "MAL-2026-0001", "SIGNET-SAMPLE-0003"];

/// Runs a scan; `hidden` are the suppressed, the rest of all is shown.
#[track_caller]
fn check(room: &Room, arguments: &str, hidden: &[&str], needles: &[&str]) {
    let run = room.check(&format!("{SCAN} {arguments}"), 0, needles);
    assert_eq!(run.ids(true), hidden, "{run}");
    let shown: Vec<&str> = ALL.into_iter().filter(|id| !hidden.contains(id)).collect();
    assert_eq!(run.ids(false), shown, "{run}");
}

#[test]
fn filters() {
    let room = Room::with_shop();
    check(&room, "", &[], &[]);
    check(&room, "--severity critical", &["SIGNET-SAMPLE-0003"], &[]);
    check(&room, "--severity high,low", &["CVE-2026-0001", "CVE-2026-0002", "MAL-2026-0001"], &[]);
    check(&room, "--ignore-unfixed", &["CVE-2026-0002"], &[]);
    check(&room, "--ignore-status affected", &["CVE-2026-0002"], &[]);
    // A filter of the view takes nothing away from what the policy judges.
    room.check(&format!("{SCAN} --severity high --policy builtin:recommended"), 10, &[]);
    room.check(&format!("{SCAN} --ignore-unfixed --fail-on malicious"), 11, &[]);
}

#[test]
fn ignore_files() {
    let room = Room::with_shop();
    room.file(
        "ignore",
        "# ours\nCVE-2026-0001\nCVE-2026-0003 exp:2026-02-01\nCVE-2026-0002 exp:2026-01-15\nCVE-1999-0001\n",
    );
    check(
        &room,
        "--ignorefile ignore",
        &["CVE-2026-0001", "SIGNET-SAMPLE-0003"],
        &["ignore:4: `CVE-2026-0002` has expired", "ignore:5: `CVE-1999-0001` matches no finding"],
    );
    room.file(
        "ignore.yaml",
        "vulnerabilities:\n- id: CVE-2026-0001\n  purls: ['pkg:deb/debian/sample-tls']\n  statement: not reachable\n- id: CVE-2026-0002\n  purls: ['pkg:deb/debian/other']\n- id: CVE-2026-0003\n  expired_at: 2026-01-01\n",
    );
    check(&room, "--ignorefile ignore.yaml", &["CVE-2026-0001"], &["not reachable", "has expired"]);
    room.file(".trivyignore", "MAL-2026-0001\n");
    check(&room, "", &["MAL-2026-0001"], &["note: findings are ignored by `.trivyignore`"]);
    room.check(&format!("{SCAN} --ignorefile missing"), 1, &["cannot read the ignore file `missing`"]);
    room.file("ignore.yaml", "vulnerabilities: 7\n");
    room.check(&format!("{SCAN} --ignorefile ignore.yaml"), 1, &["cannot read the ignore file `ignore.yaml`"]);
}

#[test]
fn openvex() {
    let room = Room::with_shop();
    let document = |status: &str| {
        format!(
            r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex-1", "author": "us", "timestamp": "2026-01-15T00:00:00Z",
            "version": 1, "statements": [{{"vulnerability": {{"name": "CVE-2026-0001"}}, "products": [{{"@id": "pkg:deb/debian/sample-tls"}}],
            "status": "{status}", "justification": "vulnerable_code_not_in_execute_path"}}]}}"#
        )
    };
    room.file("vex.json", &document("not_affected"));
    check(&room, "--vex vex.json", &["CVE-2026-0001"], &["\"kind\": \"vex\""]);
    room.file("vex.json", &document("under_investigation"));
    check(&room, "--vex vex.json", &[], &[]);
    room.file("vex.json", "{}");
    room.check(&format!("{SCAN} --vex vex.json"), 1, &["vex.json"]);
}
