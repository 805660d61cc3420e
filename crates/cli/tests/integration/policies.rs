//! Policies over attestations, through the program: `verify-attestation --policy`, in its own words and in Cosign's.

use serde_json::json;
use signet_model::Digest;

use crate::harness::Room;
use crate::seal::{Author, refer, run};
use crate::shelf::Shelf;

const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn scan(image: &Digest, uri: &str) -> Vec<u8> {
    let text = json!({
        "_type": "https://in-toto.io/Statement/v0.1", "subject": [{"name": "app", "digest": {"sha256": image.hex()}}], "predicateType": VULN,
        "predicate": {"scanner": {"uri": uri}, "metadata": {"scanFinishedOn": "2022-04-12T00:10:00Z"}},
    });
    text.to_string().into_bytes()
}

/// An image with attestations of these scanners in its `.att` tag.
fn world(scanners: &[&str]) -> (Room, Shelf, String) {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    let layers: Vec<_> = scanners.iter().map(|uri| author.att(&shelf, &scan(&image, uri))).collect();
    shelf.layers(Some(&format!("sha256-{}.att", image.hex())), &layers, &json!({}));
    let line = format!("verify-attestation --type vuln {} {}/app:1", author.flags(&room), shelf.host);
    room.file("good.rego", "package signature\nallow { input.predicate.scanner.uri == \"good\" }\n");
    room.file(
        "soon.rego",
        "package signature\nallow { time.parse_rfc3339_ns(input.predicate.metadata.scanFinishedOn) < time.now_ns() }\n",
    );
    room.file("bad.rego", "package signature\nallow { input.predicate.scanner.uri == \"better\" }\n");
    room.file("good.cel", "statement.predicate.scanner.uri == \"good\"");
    room.file("bad.cel", "statement.predicate.absent == 1");
    room.file("p.cue", "// who scanned\npredicate: {\n  scanner: uri: \"good\"\n}\n");
    room.file("odd.json", "{}");
    room.file("broken.rego", "package signature\nallow {");
    room.file(
        "not.rego",
        "package signature\nallow { not old }\nold { time.parse_rfc3339_ns(input.predicate.scanner.uri) < 1 }\n",
    );
    (room, shelf, line)
}

#[test]
fn every_policy_must_allow() {
    let (room, _shelf, line) = world(&["good"]);
    run(&room, &line, 0, &[]);
    run(
        &room,
        &format!("{line} --policy good.rego --policy soon.rego --policy good.cel"),
        0,
        &["allowed by   good.rego", "allowed by   good.cel"],
    );
    run(
        &room,
        &format!("{line} --policy good.rego --policy bad.rego"),
        10,
        &["DENIED by policy", "policy bad.rego", "undefined"],
    );
    run(&room, &format!("{line} --policy good.rego --policy bad.cel"), 10, &["policy bad.cel"]);
    let done = run(&room, &format!("{line} --policy bad.rego -o json"), 10, &["\"verified\": false"]);
    assert!(done.out.contains("\"unmet\""), "{done}");
    run(&room, &format!("{line} --policy not.rego"), 0, &["warning: not.rego: a call in the policy failed"]);
    // A policy that cannot be read is an error before anything is asked.
    run(&room, &format!("{line} --policy good.rego --policy broken.rego"), 1, &["broken.rego:2"]);
    run(&room, &format!("{line} --policy odd.json"), 1, &["`.rego` or `.cel`"]);
    run(&room, &format!("{line} --policy absent.rego"), 1, &["absent.rego"]);
    // What does not verify is not asked, and is no policy's matter.
    run(
        &room,
        &format!("{} --policy good.rego", line.replace("--type vuln", "--type link")),
        12,
        &["there is no attestation"],
    );
}

#[test]
fn cue_is_refused_with_its_counterpart() {
    let (room, _shelf, line) = world(&["good"]);
    for name in ["", "cosign "] {
        run(
            &room,
            &format!("{name}{line} --policy good.rego --policy p.cue"),
            1,
            &[
                "`p.cue`, line 3: CUE policies are not evaluated",
                "input.predicate.scanner.uri == \"good\"",
                "statement.predicate.scanner.uri == \"good\"",
            ],
        );
    }
}

#[test]
fn one_denied_attestation_denies_all() {
    let (room, _shelf, line) = world(&["good", "other"]);
    run(&room, &format!("{line} --policy good.rego"), 10, &["1 of 2 attestations", "DENIED by policy"]);
    run(&room, &format!("cosign {line} --policy good.rego"), 1, &["1 validation errors occurred"]);
    run(&room, &format!("{line} --policy soon.rego"), 0, &["2 of 2 attestations"]);
}

#[test]
fn cosign_says_its_own_lines() {
    let (room, _shelf, line) = world(&["good"]);
    let done = run(
        &room,
        &format!("cosign {line} --policy good.rego --policy bad.rego"),
        0,
        &["will be validating against Rego policies: [good.rego bad.rego]\n"],
    );
    assert!(done.out.starts_with("{\"payload"), "{done}");
    run(
        &room,
        &format!("cosign {line} --policy bad.rego"),
        1,
        &[
            "There are 1 number of errors occurred during the validation:\n\n- result is undefined for query 'data.signature.allow'",
            "Error: 1 validation errors occurred\nerror during command execution: 1 validation errors occurred",
        ],
    );
    run(&room, &format!("cosign {line} --policy good.cel"), 1, &["invalid policy format, expected .cue or .rego"]);
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    refer(&shelf, &image, &author.bundle(&scan(&image, "good")), true);
    room.file(
        "good.rego",
        "package signature\nallow { input.predicateType == \"https://cosign.sigstore.dev/attestation/vuln/v1\" }\n",
    );
    let flags = author.flags(&room);
    run(
        &room,
        &format!("cosign verify-attestation --type vuln {flags} {}/app:1 --policy good.rego", shelf.host),
        0,
        &[],
    );
}
