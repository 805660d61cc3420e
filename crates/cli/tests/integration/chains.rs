//! Certificates of authorities that a person names: the chain alone is believed, not the public instance and not the environment.

use signet_trust::PublicKey;

use crate::harness::Room;
use crate::seal::{Author, Way, run, sign};
use crate::shelf::Shelf;
use crate::world::{EARLY, ISSUER, LATE, NAME, Says, World, pem};

fn texts(ders: &[&[u8]]) -> String {
    ders.iter().map(|der| pem("CERTIFICATE", der)).collect()
}

#[test]
fn a_chain_that_is_named_is_the_only_authority() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(true));
    let image = shelf.image("1");
    sign(&shelf, &author, &image, Way::Tag);
    let flags = author.flags(&room);
    let place = format!("{}/app:1", shelf.host);
    let stranger = World::new();
    room.file("stranger.pem", &texts(&[&stranger.root]));
    room.file("both.pem", &(room.read("root.pem") + &room.read("stranger.pem")));
    // The environment names the right authority in each of these.
    run(&room, &format!("verify {flags} {place}"), 0, &["1 of 1 signature"]);
    run(&room, &format!("verify {flags} --certificate-chain root.pem {place}"), 0, &["1 of 1 signature"]);
    for chain in ["stranger.pem", "both.pem"] {
        for program in ["verify", "cosign verify"] {
            run(&room, &format!("{program} {flags} --certificate-chain {chain} {place}"), 12, &["certificate"]);
        }
    }
    run(&room, &format!("verify {flags} --ca-roots stranger.pem {place}"), 12, &["certificate"]);
    run(
        &room,
        &format!("verify {flags} --ca-roots stranger.pem --ca-intermediates root.pem {place}"),
        12,
        &["certificate"],
    );
    // Never a mixture.
    for both in [
        "--certificate-chain root.pem --ca-roots root.pem",
        "--certificate-chain root.pem --trusted-root root.json",
        "--ca-intermediates root.pem",
    ] {
        run(&room, &format!("verify {flags} {both} {place}"), 2, &["--"]);
    }
    run(&room, &format!("verify --key key.pub --certificate-chain root.pem {place}"), 2, &["--certificate-chain"]);
    run(&room, &format!("verify {flags} --certificate-chain key.pub {place}"), 1, &["key.pub"]);
}

#[test]
fn a_certificate_of_our_own_is_held_to_its_chain() {
    let room = Room::new();
    room.file("app.bin", "x");
    let top = World::new();
    let root = top.root.clone();
    let (world, middle) = top.under((EARLY, LATE));
    let made = room.command("key generate key").env("COSIGN_PASSWORD", "p").output().unwrap();
    assert!(made.status.success());
    let public = PublicKey::from_pem(&room.read("key.pub")).unwrap();
    // Not one of Fulcio's, which are good for minutes and name who vouched for the identity.
    let own = Says { issuer: None, ..Says::default() };
    room.file("own.pem", &pem("CERTIFICATE", &world.issue_for(public.der(), &own)));
    room.file("chain.pem", &texts(&[&middle, &root]));
    room.file("root.pem", &texts(&[&root]));
    room.file("stranger.pem", &texts(&[&World::new().root]));
    let signs = |more: &str| {
        let line = format!(
            "sign-blob --yes --key key.key --certificate own.pem {more} --tlog-upload=false --bundle b.json app.bin"
        );
        let output = room.command(&line).env("COSIGN_PASSWORD", "p").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // By the chain, and not by the public instance, which has issued no such certificate.
    let (code, talk) = signs("--certificate-chain chain.pem");
    assert_eq!(code, Some(0), "{talk}");
    let bundle = room.read("b.json");
    assert!(bundle.contains("rawBytes"), "{bundle}");
    for chain in ["stranger.pem", "root.pem"] {
        let (code, talk) = signs(&format!("--certificate-chain {chain}"));
        assert!(code == Some(1) && talk.contains("a code signing certificate issued by a trusted authority"), "{talk}");
    }
    // Without a chain it is held to whom everybody trusts.
    let (code, talk) = signs("");
    assert!(code == Some(1) && talk.contains("issued by a trusted authority"), "{talk}");
    // A verifier that trusts the chain still asks when it was signed.
    room.check(
        &format!(
            "verify-blob --bundle b.json --certificate-chain chain.pem --certificate-identity {NAME} --certificate-oidc-issuer {ISSUER} --insecure-ignore-tlog --insecure-ignore-sct app.bin"
        ),
        12,
        &[],
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let (room, author) = (Room::new(), Author::new(true));
    let named = author.flags(&room);
    room.file("app.bin", "x");
    room.file("b.json", "{}");
    let sig = "MEUCIQDaaaaaaaaaaaaaaaa=";
    for line in [
        // A key and a name: one of them would be passed over.
        format!("verify --key key.pub {named} r.example/app:1"),
        format!("verify --key key.pub --certificate-oidc-issuer {ISSUER} r.example/app:1"),
        "verify --key key.pub --certificate-identity-regexp x r.example/app:1".to_owned(),
        format!("verify-blob --key key.pub --certificate-identity {NAME} --bundle b.json app.bin"),
        format!("cosign verify --key key.pub --certificate-identity {NAME} r.example/app:1"),
        // Two pieces of evidence.
        format!("verify-blob --key key.pub --bundle b.json --signature {sig} app.bin"),
        format!("verify-blob {named} --bundle b.json --certificate root.pem app.bin"),
        format!("verify {named} --certificate-identity-regexp x r.example/app:1"),
    ] {
        let run = run(&room, &line, if line.starts_with("cosign") { 1 } else { 2 }, &["cannot be used with"]);
        assert!(run.out.is_empty(), "{run}");
    }
    // Nor is a file read without an end.
    std::fs::write(room.path("long.pem"), vec![b'-'; (4 << 20) + 1]).unwrap();
    run(&room, &format!("verify {named} --ca-roots long.pem r.example/app:1"), 1, &["larger than 4194304 bytes"]);
}
