//! `signet block` through every gate: the webhook, `gate`, `policy apply`, `verify`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admission::{Server, pod};
use crate::articles_signing::Machine;
use crate::harness::Room;
use crate::peers::peers;

const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";
const OTHER: &str = "sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

const NOTHING: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: nothing}
spec:
  rules:
    - name: nothing
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate: {message: m, pattern: {metadata: {name: "?*"}}}
"#;

/// Within the time that is promised.
#[track_caller]
fn soon(server: &Server, image: &str, allowed: bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = server.review("/validate", &pod(image));
        if answer["allowed"] == allowed {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{image}: {answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn message(answer: &Value) -> String {
    answer["status"]["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_is_blocked_is_shown_and_taken_back() {
    let room = Room::new();
    room.check("block list", 0, &["nothing is blocked"]);
    room.check(&format!("block remove {DIGEST}"), 1, &["there is no list of blocks"]);
    room.check(
        &format!("block {DIGEST} --reason 'it mines' --by anna"),
        0,
        &[&format!("blocked {DIGEST}"), "refuses it within 10 s", "was named without a repository"],
    );
    assert!(room.path("home/.local/share/signet/blocks.db").is_file());
    room.check(
        "block identity:CN=release --issuer 'https://ci/*' --until 2999-12-31",
        0,
        &["blocked identity:CN=release"],
    );
    room.check(&format!("block key:{}", "AB".repeat(32)), 0, &["blocked key:abab"]);
    let run = room.check("block list -o json", 0, &[]);
    let list: Value = serde_json::from_str(&run.out).unwrap();
    let rows = list["blocks"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["target"], &rows[0]["by"]),
        (&json!("digest"), &json!(DIGEST), &json!("anna"))
    );
    assert_eq!((&rows[1]["issuer"], &rows[1]["until"]), (&json!("https://ci/*"), &json!("3000-01-01T00:00:00Z")));
    assert_eq!(rows[0]["inForce"], true);
    room.check(
        "block list",
        0,
        &[&format!("{DIGEST} by anna since "), ": it mines", "identity:CN=release --issuer https://ci/*"],
    );
    room.check("block remove identity:CN=release", 3, &["was not blocked"]);
    room.check("block remove identity:CN=release --issuer 'https://ci/*'", 0, &["is blocked no more"]);
    room.check(&format!("block remove {DIGEST}"), 0, &["is blocked no more"]);
    for (line, needle) in [
        ("block registry.example.com/app:1", "a tag can move"),
        ("block", "<TARGET>"),
        (&format!("block {DIGEST} --issuer x"), "`--issuer` goes with an identity"),
        (&format!("block {DIGEST} --until yesterday"), "is no day and no point in time"),
        (&format!("block {DIGEST} --until 2020-01-01"), "is over, so nothing would be blocked"),
        (&format!("block {DIGEST} --reason 'a\nb'"), "is one line"),
        ("block key:00", "is no fingerprint of a key"),
    ] {
        room.check(line, 2, &[needle]);
    }
}

#[test]
fn the_webhook_refuses_what_is_blocked_although_it_was_let_in_before() {
    let room = Room::new();
    room.file("policy.yaml", NOTHING);
    let server = Server::unseen(&room, "--policy policy.yaml --store shared");
    let image = format!("registry.example.com/app@{DIGEST}");
    assert_eq!(server.review("/validate", &pod(&image))["allowed"], true);
    let blocked = format!("block {DIGEST} --store shared --reason 'it mines' --by anna");
    room.check(&blocked, 0, &[]);
    let told = message(&soon(&server, &image, false));
    assert!(told.contains(&format!("{DIGEST} is blocked by anna since ")) && told.contains(": it mines"), "{told}");
    // The changing call does not let it in either.
    assert_eq!(server.review("/mutate", &pod(&image))["allowed"], false);
    // Of another image it must be known what it serves, and no registry is asked here.
    let other = format!("registry.example.com/app@{OTHER}");
    let told = message(&server.review("/validate", &pod(&other)));
    assert!(told.contains("whether it is blocked cannot be told") && told.contains("`--registry"), "{told}");
    room.check(&format!("block remove {DIGEST} --store shared"), 0, &[]);
    soon(&server, &image, true);
    // The end of a block.
    room.check(&format!("{blocked} --until 2999-01-01"), 0, &[]);
    soon(&server, &image, false);
}

#[test]
fn a_store_that_cannot_be_read_refuses_and_none_at_all_does_not() {
    let room = Room::new();
    room.file("policy.yaml", NOTHING);
    let image = format!("registry.example.com/app@{DIGEST}");
    room.file(
        "pod.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        ),
    );
    room.check("policy apply policy.yaml -r pod.yaml", 0, &[]);
    // Named and not there.
    room.check(
        "policy apply policy.yaml -r pod.yaml --store nowhere",
        10,
        &["whether it is blocked cannot be told", "there is no list of blocks"],
    );
    room.check(&format!("block {DIGEST} --store shared"), 0, &[]);
    room.check(
        "policy apply policy.yaml -r pod.yaml --store shared",
        10,
        &["refused by signet block", &format!("{DIGEST} is blocked")],
    );
    let server = Server::unseen(&room, "--policy policy.yaml --store shared");
    room.check(&format!("block remove {DIGEST} --store shared"), 0, &[]);
    soon(&server, &image, true);
    // Broken while it runs: the list of before decides for ten seconds, and then nothing does.
    for break_it in [
        &(|| std::fs::write(room.path("shared/blocks.db"), "no database").unwrap()) as &dyn Fn(),
        &|| std::fs::write(room.path("shared/blocks.db"), "").unwrap(),
        &|| std::fs::remove_file(room.path("shared/blocks.db")).unwrap(),
    ] {
        break_it();
        let begun = Instant::now();
        let denied = loop {
            let answer = server.review("/validate", &pod(&image));
            if answer["allowed"] == false {
                break answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "a broken store lets pass: {answer}");
            std::thread::sleep(Duration::from_millis(300));
        };
        assert!(message(&denied).contains("the list of blocks cannot be read"), "{denied}");
        room.check(
            "policy apply policy.yaml -r pod.yaml --store shared",
            10,
            &["whether it is blocked cannot be told"],
        );
        let _ = std::fs::remove_file(room.path("shared/blocks.db"));
        room.check("block identity:nobody --store shared", 0, &[]);
        soon(&server, &image, true);
    }
}

#[test]
fn many_block_at_the_same_time() {
    let room = Room::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let room = &room;
            scope.spawn(move || room.check(&format!("block identity:user-{number} --store shared"), 0, &[]));
        }
    });
    let run = room.check("block list --store shared -o json", 0, &[]);
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap()["blocks"].as_array().unwrap().len(), 8);
}

const VERIFIED: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  rules:
    - name: keys
      match: {any: [{resources: {kinds: [Pod]}}]}
      verifyImages:
        - imageReferences: ["*"]
          failureAction: Enforce
          attestors: [{entries: [{keys: {publicKeys: "KEY"}}]}]
"#;

#[test]
fn indexes_manifests_and_signers_at_every_gate() {
    if !peers("indexes_manifests_and_signers_at_every_gate", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, child, room, .. } = &machine;
    let tagged = format!("{image}:1");
    machine.check("mkdir -p policies && cosign generate-key-pair --output-key-prefix policies/cosign", &[], &[]);
    machine.check(&format!("cosign sign --key policies/cosign.key {image}@{digest}"), &[], &[]);
    machine.check(&format!("cosign sign --key policies/cosign.key {image}@{child}"), &[], &[]);
    let key = room.read("policies/cosign.pub").replace('\n', "\\n");
    room.file("kyverno.yaml", &VERIFIED.replace("KEY", &key));
    room.file(
        "policies/trust.yaml",
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec:\n  signatures: {authorities: [{key: {file: cosign.pub}}]}\n",
    );
    let write = |name: &str, image: &str| {
        room.file(name, &format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"));
    };
    write("index.yaml", &tagged);
    write("child.yaml", &format!("{image}@{child}"));
    let all = |code: i32, needle: &str| {
        for line in [
            format!("signet gate {tagged} --policy policies/trust.yaml"),
            "signet policy apply policies/trust.yaml -r index.yaml".to_owned(),
            "signet policy apply policies/trust.yaml -r child.yaml".to_owned(),
            "signet policy apply kyverno.yaml -r index.yaml".to_owned(),
            "signet policy apply kyverno.yaml -r child.yaml".to_owned(),
            format!("signet verify --key policies/cosign.pub {tagged}"),
            format!("signet verify --key policies/cosign.pub {image}@{child}"),
        ] {
            let code = if code == 10 && line.starts_with("signet verify") { 12 } else { code };
            let output = machine.run(&line, &[]);
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(code), "$ {line}\n{text}");
            assert!(text.contains(needle), "no `{needle}` from\n$ {line}\n{text}");
        }
    };
    all(0, "");
    // The manifest blocks the index that can serve it; the index, found out when it was blocked, its manifests.
    machine.check(&format!("signet block {child} --reason 'it mines'"), &[], &["named without a repository"]);
    all(10, &format!("{child} is blocked"));
    machine.check(&format!("signet block remove {child}"), &[], &[]);
    all(0, "");
    machine.check(
        &format!("signet block {image}@{digest}"),
        &[],
        &["it is an index", "manifests of it are blocked too"],
    );
    all(10, "is blocked");
    machine.refused("signet policy apply kyverno.yaml -r child.yaml", 10);
    machine.check(&format!("signet block remove {digest}"), &[], &[]);
    // A registry that is away stops no block, and what it would have said is said to be missing.
    machine.check(&format!("signet block 127.0.0.1:1/team/app@{digest}"), &[], &["could not be found out"]);
    machine.refused("signet policy apply kyverno.yaml -r index.yaml", 10);
    machine.check(&format!("signet block remove {digest}"), &[], &[]);
    machine.check("signet block policies/cosign.pub --reason 'stolen' --by anna", &[], &["blocked key:"]);
    for (line, code) in [
        (format!("signet gate {tagged} --policy policies/trust.yaml"), 10),
        ("signet policy apply policies/trust.yaml -r index.yaml".to_owned(), 10),
        ("signet policy apply kyverno.yaml -r index.yaml".to_owned(), 10),
        (format!("signet verify --key policies/cosign.pub {tagged}"), 12),
    ] {
        machine.refused(&line, code);
    }
    let said = machine.run("signet policy apply kyverno.yaml -r index.yaml", &[]);
    assert!(
        String::from_utf8_lossy(&said.stdout).contains("is blocked by anna"),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
}

#[test]
fn what_was_let_in_stays_in_while_the_registry_is_away() {
    if !peers("what_was_let_in_stays_in_while_the_registry_is_away", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    machine.check("cosign generate-key-pair", &[], &[]);
    let (image, digest) = (machine.image.clone(), machine.digest.clone());
    machine.check(&format!("cosign sign --key cosign.key {image}@{digest}"), &[], &[]);
    let key = machine.room.read("cosign.pub").replace('\n', "\\n");
    machine.room.file("kyverno.yaml", &VERIFIED.replace("KEY", &key));
    machine.room.file(
        "trust.yaml",
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec:\n  signatures: {authorities: [{key: {file: cosign.pub}}]}\n",
    );
    let host = machine.registry.host.clone();
    let line = format!("--policy kyverno.yaml,trust.yaml --registry {host} --store shared");
    let server = Server::unseen(&machine.room, &line);
    let named = format!("{image}@{digest}");
    let first = server.review("/validate", &pod(&named));
    assert_eq!(first["allowed"], true, "{first}");
    // Written behind the answer.
    let kept = machine.room.path("shared/decisions.db");
    assert!(kept.is_file());
    std::thread::sleep(Duration::from_secs(2));
    let Machine { room, registry, serving, .. } = machine;
    drop((registry, serving));
    assert_eq!(server.review("/validate", &pod(&named))["allowed"], true, "by digest the decision stands");
    let tag = server.review("/validate", &pod(&format!("{image}:1")));
    assert_eq!(tag["allowed"], false, "which digest a tag has is never remembered");
    assert!(message(&tag).contains("not known"), "{tag}");
    drop(server);
    // Another process with the same store.
    let server = Server::unseen(&room, &line);
    let again = server.review("/validate", &pod(&named));
    assert_eq!(again["allowed"], true, "{again}");
    // Whatever is remembered: a block comes first.
    room.check(&format!("block {digest} --store shared"), 0, &[]);
    soon(&server, &named, false);
    room.check(&format!("block remove {digest} --store shared"), 0, &[]);
    soon(&server, &named, true);
    drop(server);
    // Other policies are another question.
    room.file("trust.yaml", &room.read("trust.yaml").replace("name: p", "name: q"));
    let server = Server::unseen(&room, &line);
    assert_eq!(server.review("/validate", &pod(&named))["allowed"], false);
    drop(server);
    // And a store whose key is another's is worth nothing.
    room.file("trust.yaml", &room.read("trust.yaml").replace("name: q", "name: p"));
    std::fs::remove_file(room.path("shared/decisions.key")).unwrap();
    let server = Server::unseen(&room, &line);
    assert_eq!(server.review("/validate", &pod(&named))["allowed"], false);
}
