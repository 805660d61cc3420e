//! The demonstration, and transcripts in the README that are what the program prints today.

use std::path::{Path, PathBuf};

use crate::harness::{Room, golden};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn the_demo_leaves_nothing_behind() {
    let room = Room::new();
    std::fs::create_dir(room.path("tmp")).unwrap();
    let output = room.command("demo").env("TMPDIR", room.path("tmp")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.trim_end().ends_with("claims hold."), "{text}");
    assert_eq!(std::fs::read_dir(room.path("tmp")).unwrap().count(), 0);
    let left: Vec<_> = std::fs::read_dir(room.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["tmp"]);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
}

#[test]
fn the_demo_keeps_what_was_asked_for() {
    let room = Room::new();
    room.check("demo --keep kept", 0, &["Kept in `kept`"]);
    for file in
        ["shop/index.json", "shop-upgraded/index.json", "shop.json", "shop.cdx.json", "shop.spdx.json", "shop.sarif"]
    {
        assert!(room.path(&format!("kept/{file}")).is_file(), "{file}");
    }
    room.check(
        "scan oci-dir:kept/shop --db builtin:sample --policy builtin:recommended --offline",
        10,
        &["decision: deny"],
    );
    room.check(
        "scan oci-dir:kept/shop-upgraded --db builtin:sample --policy builtin:recommended --offline",
        0,
        &["decision: warn"],
    );
    let claim = "--type cyclonedx --bundle kept/shop-upgraded.sbom.sigstore.json --trusted-root kept/trusted_root.json";
    let signer = "--certificate-identity ci-sa@shop.example --certificate-oidc-issuer https://oidc.shop.example";
    let digest = std::fs::read_to_string(room.path("kept/shop-upgraded/index.json")).unwrap();
    let digest: serde_json::Value = serde_json::from_str(&digest).unwrap();
    let digest = digest["manifests"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    room.check(&format!("verify-blob-attestation {claim} {signer} --digest {digest}"), 0, &["second verifier"]);
    let other = digest.chars().rev().collect::<String>();
    room.check(&format!("verify-blob-attestation {claim} {signer} --digest {other}"), 12, &["artifact digest"]);
}

/// Every block of the README that begins with ```` ```console ```` is a transcript: each line `$ signet ...` is run in one room, and what follows
/// it is what was printed. `SIGNET_BLESS=1` writes them anew.
#[test]
fn transcripts_of_the_readme_are_current() {
    let place = workspace().join("README.md");
    let text = std::fs::read_to_string(&place).unwrap();
    let room = Room::new();
    let mut current = String::new();
    let mut transcripts = 0;
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                let Some(command) = line.strip_prefix("$ signet ") else { continue };
                let run = room.run(command);
                current += &format!("{line}\n{}{}", run.talk, run.out);
                transcripts += 1;
                continue;
            }
            _ => {}
        }
        current += line;
        current.push('\n');
    }
    assert!(transcripts >= 2, "the README holds only {transcripts} transcripts");
    golden(&place, &current);
}
