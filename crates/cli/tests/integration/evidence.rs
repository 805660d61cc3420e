//! What policies ask of registries, through the webhook: trust roots that a policy names, clients that show a certificate.

use std::process::Command;

use serde_json::Value;
use signet_authority::{Options, Stack};
use signet_model::Timestamp;

use crate::admission::{Server, pod};
use crate::articles_signing::{Machine, WHO};
use crate::harness::Room;
use crate::peers::peers;

/// A server with the machine's registry, that itself trusts the Sigstore of `trusted.json`.
fn serve(machine: &Machine) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
    let host = &machine.registry.host;
    let line = format!(
        "serve admission --dev --listen 127.0.0.1:0 -o json --policy policies --registry {host} --plain-http {host} --trusted-root trusted.json"
    );
    command
        .args(line.split(' '))
        .env_clear()
        .env("HOME", machine.room.path("home"))
        .env("SIGNET_NO_TRUST_REFRESH", "true")
        .current_dir(machine.room.folder());
    Server::of(command)
}

/// Whether the validating call lets an image pass, and what it says.
fn asked(server: &Server, image: &str) -> (bool, String) {
    let said = server.review("/validate?timeout=20s", &pod(image));
    (said["allowed"] == true, said.pointer("/status/message").and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[test]
fn the_webhook_verifies_by_the_trust_root_that_a_policy_names() {
    if !peers("the_webhook_verifies_by_the_trust_root_that_a_policy_names", &["docker-registry"]) {
        return;
    }
    let machine = Machine::of("my-org/payments-api");
    let Machine { image, digest, serving, room, .. } = &machine;
    let token = serving.token(WHO).unwrap();
    let issuer = serving.issuer_url();
    let account = [("SIGSTORE_ID_TOKEN", token.as_str()), ("COSIGN_YES", "true")];
    machine.check(&format!("cosign sign --oidc-issuer={issuer} {image}@{digest}"), &account, &[]);
    // The program itself trusts a Sigstore of somebody else.
    let clock = std::sync::Arc::new(|| Timestamp::try_from(std::time::SystemTime::now()).unwrap());
    let foreign = Stack::new(Options::new(clock)).unwrap().trusted_root();
    room.file("trusted.json", &foreign.to_string());
    let own = serving.client_trust_config()["trustedRoot"].clone();
    assert!(own["certificateAuthorities"].is_array(), "{own}");
    let policy = format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: ours}}\nspec:\n  images: [{{glob: '**'}}]\n  authorities:\n  - name: team\n    keyless: {{identities: [{{issuer: '{issuer}', subject: '{WHO}'}}], ROOT}}\n"
    );
    let root = |spec: &str| {
        format!(
            "---\napiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {{name: team-root}}\nspec: {spec}\n"
        )
    };
    let of = |material: &Value| root(&format!("{{trustedRootJSON: '{material}'}}"));
    let named = policy.replace("ROOT", "trustRootRef: team-root");
    let pinned = format!("{image}:1@{digest}");

    // Not named: what the program trusts vouches for nobody of ours.
    room.file("policies/policy.yaml", &policy.replace(", ROOT", ""));
    let server = serve(&machine);
    let (allowed, why) = asked(&server, &pinned);
    assert!(!allowed && why.contains("keyless validation failed"), "{why}");

    room.file("policies/policy.yaml", &format!("{named}{}", of(&own)));
    server.until("signet_admission_policy_loads_total", 2);
    assert_eq!(asked(&server, &pinned), (true, String::new()));
    // The same policy with another root of the same name: what was found out before is worth nothing.
    room.file("policies/policy.yaml", &format!("{named}{}", of(&foreign)));
    server.until("signet_admission_policy_loads_total", 3);
    let (allowed, why) = asked(&server, &pinned);
    assert!(!allowed && why.contains("keyless validation failed"), "{why}");
    room.file(
        "policies/policy.yaml",
        &format!("{named}{}", root("{remote: {mirror: 'https://tuf.example.com', root: eyJzaWduYXR1cmVzIjpbXX0=}}")),
    );
    server.until("signet_admission_policy_loads_total", 4);
    let (allowed, why) = asked(&server, &pinned);
    assert!(!allowed && why.contains("TUF repository"), "{why}");
    room.file("policies/policy.yaml", &named);
    server.until("signet_admission_policy_loads_total", 5);
    let (allowed, why) = asked(&server, &pinned);
    assert!(!allowed && why.contains("trust root `team-root`") && why.contains("is not there"), "{why}");
}

#[test]
fn clients_are_held_to_a_certificate() {
    let room = Room::new();
    room.file(
        "policy.yaml",
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec: {images: ['r.example/**']}\n",
    );
    // The authority of another server vouches for nobody who asks.
    drop(Server::start(&room, "--policy policy.yaml --ca-dir own"));
    let server = Server::start(&room, "--policy policy.yaml --client-ca-file own/ca.crt --client-name kube-apiserver");
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.post("/validate", &pod("r.example/app:1")).0, 403);
    assert_eq!(server.post("/mutate", &pod("r.example/app:1")).0, 403);
    room.file("none.pem", "no certificate");
    room.check("serve admission --dev --policy policy.yaml --client-ca-file none.pem", 1, &["cannot use `none.pem`"]);
    room.check("serve admission --dev --policy policy.yaml --client-name a", 2, &["--client-ca-file"]);
}

/// Two servers that share a directory show one certificate of all their names, and what clients must trust is written again until it stands there.
#[test]
fn a_directory_is_shared() {
    let room = Room::new();
    room.file(
        "policy.yaml",
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec: {images: ['r.example/**']}\n",
    );
    let line = |name: &str| format!("--policy policy.yaml --ca-dir own --name localhost --name {name}");
    let one = Server::start(&room, &line("one.example"));
    let two = Server::start(&room, &line("two.example"));
    // Each finds out what the other changed, and then nothing changes any more.
    one.until("signet_admission_certificate_swaps_total", 1);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(one.metric("signet_admission_certificate_swaps_total"), 1);
    assert_eq!(two.metric("signet_admission_certificate_swaps_total"), 0);
    // A server that cannot listen leaves what others trust as it is.
    room.file("ca.pem", "as it was");
    room.check(
        "serve admission --dev --listen 203.0.113.7:1 --policy policy.yaml --ca-file ca.pem",
        1,
        &["cannot listen"],
    );
    assert_eq!(room.read("ca.pem"), "as it was");
    room.check(
        "serve admission --tls-dir nothing --policy policy.yaml --ca-file ca.pem",
        1,
        &["cannot read `nothing/tls.crt`"],
    );
}
