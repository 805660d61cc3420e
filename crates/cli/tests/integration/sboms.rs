//! `signet sbom lint|convert|diff|merge` on documents that are there already.

use crate::harness::Room;

/// A document with a library, a version of it, and whatever else.
fn cyclonedx(version: &str, more: &str) -> String {
    format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1{more}, "components": [
            {{"bom-ref": "a", "type": "library", "name": "left-pad", "version": "{version}", "purl": "pkg:npm/left-pad@{version}", "copyright": "me"}},
            {{"bom-ref": "b", "type": "library", "name": "right-pad", "version": "1.0.0", "purl": "pkg:npm/right-pad@1.0.0"}}
        ]}}"#
    )
}

fn room() -> Room {
    let room = Room::new();
    room.file("old.json", &cyclonedx("1.0.0", ""));
    room.file("new.json", &cyclonedx("1.3.0", ""));
    room
}

#[test]
fn a_valid_document_and_broken_ones() {
    let room = room();
    room.check(
        "sbom lint old.json",
        0,
        &["old.json: CycloneDX JSON 1.6: valid", "NTIA minimum elements", "lacking: left-pad 1.0.0"],
    );
    room.check("sbom lint old.json --profile ntia", 11, &["NTIA minimum elements"]);
    room.check("sbom lint old.json --profile nobody", 2, &["there is no profile `nobody`: ntia, bsi, cisa"]);
    room.file("broken.json", &cyclonedx("1.0.0", r#", "dependencies": [{"ref": "x"}], "colour": "red""#));
    room.check(
        "sbom lint broken.json",
        11,
        &["not valid, 2 problems", "a member `colour`", "dependencies[0].ref refers to `x`, which is not there"],
    );
    room.file("none.txt", "no SBOM");
    room.check("sbom lint none.txt", 1, &["cannot read the SBOM `none.txt`"]);
    room.check("sbom lint none.txt old.json", 1, &["old.json: CycloneDX JSON 1.6: valid"]);
    let output = room.command("sbom lint broken.json -o json").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["documents"][0]["valid"], false);
    assert_eq!(document["documents"][0]["profiles"][0]["profile"], "ntia");
}

#[test]
fn a_conversion_says_what_it_loses() {
    let room = room();
    room.check(
        "sbom convert old.json -o spdx-tag-value=old.spdx -o cyclonedx-xml@1.5=old.xml -o purls --losses losses.json",
        0,
        &["pkg:npm/left-pad@1.0.0\npkg:npm/right-pad@1.0.0\n", "components.copyright (1)"],
    );
    assert!(room.read("old.spdx").starts_with("SPDXVersion: SPDX-2.3\n"));
    assert!(room.read("old.xml").contains("http://cyclonedx.org/schema/bom/1.5"));
    let losses = room.json("losses.json");
    assert_eq!(losses["unread"][0]["member"], "components.copyright");
    assert_eq!(losses["targets"][0]["lost"], serde_json::json!([]));
    room.check("sbom lint old.spdx old.xml", 0, &["SPDX tag-value SPDX-2.3: valid", "CycloneDX XML 1.5: valid"]);
    room.check("sbom diff old.xml old.spdx", 0, &["0 added, 0 removed, 0 changed, 2 the same"]);
    room.check("sbom convert old.json", 2, &["--output"]);
    room.check("sbom convert old.json -o cyclonedx-json@1.1", 2, &["1.2 to 1.7"]);
}

#[test]
fn what_could_not_be_understood_is_no_clean_conversion() {
    let room = room();
    room.file("odd.json", &cyclonedx("1.0.0", "").replacen("[\n", "[ {\"type\": \"library\"},\n", 1));
    for command in
        ["sbom convert odd.json -o purls", "sbom diff odd.json old.json", "sbom merge odd.json new.json -o purls"]
    {
        room.check(command, 13, &["warning: 1 part could not be examined"]);
        room.check(&format!("{command} --allow-incomplete"), 0, &["warning: 1 part could not be examined"]);
    }
}

#[test]
fn a_path_that_is_not_there_is_told_before_any_database() {
    let room = room();
    for source in ["dir:nowhere", "sbom:nowhere.json", "rootfs:nowhere"] {
        room.check(&format!("scan {source} --offline"), 1, &["cannot read the ", " `nowhere", "is the path right?"]);
    }
}

#[test]
fn differences_and_unions() {
    let room = room();
    room.check(
        "sbom diff old.json new.json",
        0,
        &["~ npm", "left-pad 1.0.0 -> 1.3.0", "0 added, 0 removed, 1 changed, 1 the same"],
    );
    let output = room.command("sbom diff old.json new.json -o json").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["changed"][0]["new"], serde_json::json!(["1.3.0"]));
    room.check(
        "sbom merge old.json new.json -o spdx-json@3.0.1=all.json -o purls",
        0,
        &["pkg:npm/left-pad@1.0.0\npkg:npm/left-pad@1.3.0\npkg:npm/right-pad@1.0.0\n"],
    );
    room.check("sbom lint all.json", 0, &["SPDX 3 JSON-LD 3.0.1: valid"]);
    room.check("sbom merge old.json", 2, &["2"]);
    room.check("sbom sbom:all.json -o spdx-yaml", 0, &["spdxVersion: \"SPDX-2.3\""]);
}
