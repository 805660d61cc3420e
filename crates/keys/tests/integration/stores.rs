//! Key pairs in Kubernetes secrets and GitLab variables, by stand-ins of the published APIs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_keys::{KeyType, PrivateKey, SecretBytes, open, public_key, store};

use crate::harness::{check_signer, context, wait};
use crate::standin::{Request, Standin, json as answer};

/// <https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/>: create and read.
fn cluster() -> Standin {
    let mut secrets: BTreeMap<String, Value> = BTreeMap::new();
    Standin::start(move |request: &Request| {
        let status = |code: u16, message: &str| {
            (code, json!({ "kind": "Status", "status": "Failure", "message": message, "code": code }).to_string())
        };
        if request.header("Authorization") != "Bearer open-sesame-token" {
            return status(401, &format!("Unauthorized: {}", request.header("Authorization")));
        }
        let path = request.target.strip_prefix("/api/v1/namespaces/build/secrets").unwrap_or("/?");
        match (request.method.as_str(), path) {
            ("POST", "") => {
                let body = request.json();
                let name = body["metadata"]["name"].as_str().unwrap().to_owned();
                assert_eq!((&body["kind"], &body["metadata"]["namespace"]), (&json!("Secret"), &json!("build")));
                if secrets.contains_key(&name) {
                    return status(409, "secrets already exists");
                }
                secrets.insert(name, body.clone());
                (201, body.to_string())
            }
            ("GET", path) => match secrets.get(path.trim_start_matches('/')) {
                Some(secret) => answer(secret),
                None => status(404, "secrets not found"),
            },
            _ => status(405, "method not allowed"),
        }
    })
}

#[test]
fn keys_live_in_kubernetes_secrets() {
    let standin = cluster();
    let home = tempfile::tempdir().unwrap();
    let config = |token: &str| {
        let place = home.path().join(format!("config-{}", token.len()));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\ncontexts:\n- name: test\n  context: {{cluster: c, user: u}}\nclusters:\n- name: c\n  cluster: {{server: \"{}\"}}\nusers:\n- name: u\n  user: {{token: {token}}}\n",
            standin.url()
        );
        std::fs::write(&place, text).unwrap();
        place.to_str().unwrap().to_owned()
    };
    let context_with = |token: &str| context(&[("KUBECONFIG", &config(token))]);
    let cluster = context_with("open-sesame-token");
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    // The password of the secret, not the one that would be asked for.
    let password = SecretBytes::new("of the secret");
    wait(store("k8s://build/cosign-key", &key, &password, &cluster)).unwrap();
    let signer = wait(open("k8s://build/cosign-key", &cluster)).unwrap();
    assert_eq!(signer.public_key(), key.public_key());
    check_signer(&*signer);
    assert_eq!(&wait(public_key("k8s://build/cosign-key", &cluster)).unwrap(), key.public_key());
    let again = wait(store("k8s://build/cosign-key", &key, &password, &cluster)).unwrap_err();
    assert!(again.what.contains("already"), "{again}");
    let refused = |uri: &str, context: &signet_keys::Context, why: &str| {
        let err = wait(open(uri, context)).map(|_| ()).unwrap_err().explain();
        assert!(err.contains(why) && !err.contains("sesame"), "{err}");
    };
    refused("k8s://build/other", &cluster, "not found");
    refused("k8s://build/cosign-key", &context_with("sesame-wrong"), "401");
    for uri in ["k8s://build", "k8s:///a", "k8s://build/../x", "k8s://a/b/c", "k8s://Build/a"] {
        refused(uri, &cluster, "names no secret");
    }
    refused("k8s://build/a", &context(&[]), "no cluster is known");
    refused("k8s://build/a", &context(&[("KUBECONFIG", "/nowhere/config")]), "no file of `KUBECONFIG`");
}

/// <https://docs.gitlab.com/api/project_level_variables/>: create and show.
fn gitlab() -> Standin {
    let mut variables: BTreeMap<String, Value> = BTreeMap::new();
    Standin::start(move |request: &Request| {
        if request.header("PRIVATE-TOKEN") != "open-sesame-token" {
            return (401, json!({ "message": "401 Unauthorized" }).to_string());
        }
        let Some(path) = request.target.strip_prefix("/api/v4/projects/team%2Fapp/variables") else {
            return (404, json!({ "message": "404 Project Not Found" }).to_string());
        };
        match request.method.as_str() {
            "POST" => {
                let body = request.json();
                variables.insert(body["key"].as_str().unwrap().to_owned(), body.clone());
                (201, body.to_string())
            }
            _ => match variables.get(path.trim_start_matches('/')) {
                Some(variable) => answer(variable),
                None => (404, json!({ "message": "404 Variable Not Found" }).to_string()),
            },
        }
    })
}

#[test]
fn keys_live_in_gitlab_variables() {
    let standin = gitlab();
    let url = standin.url();
    let context_with = |token: &str| context(&[("GITLAB_HOST", &url), ("GITLAB_TOKEN", token)]);
    let project = context_with("open-sesame-token");
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    wait(store("gitlab://team/app", &key, &SecretBytes::new("of the project"), &project)).unwrap();
    let names: Vec<String> = standin
        .log()
        .iter()
        .filter(|r| r.method == "POST")
        .map(|r| r.json()["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["COSIGN_PASSWORD", "COSIGN_PRIVATE_KEY", "COSIGN_PUBLIC_KEY"]);
    let signer = wait(open("gitlab://team/app", &project)).unwrap();
    assert_eq!(signer.public_key(), key.public_key());
    let before = standin.log().len();
    assert_eq!(&wait(public_key("gitlab://team/app", &project)).unwrap(), key.public_key());
    assert_eq!(
        standin.log()[before..].iter().map(Request::line).collect::<Vec<_>>(),
        ["GET /api/v4/projects/team%2Fapp/variables/COSIGN_PUBLIC_KEY"]
    );
    let again = wait(store("gitlab://team/app", &key, &SecretBytes::new(""), &project)).unwrap_err();
    assert!(again.what.contains("already"), "{again}");
    let err = wait(open("gitlab://team/app", &context_with("sesame"))).map(|_| ()).unwrap_err().explain();
    assert!(err.contains("401") && !err.contains("sesame"), "{err}");
    let err = wait(open("gitlab://team/app", &context(&[]))).map(|_| ()).unwrap_err();
    assert!(err.what.contains("GITLAB_TOKEN"), "{err}");
}

#[test]
fn other_schemes_say_what_to_do() {
    let context = context(&[]);
    for (uri, hint) in [
        ("github://team/app", "gh secret set"),
        ("https://keys.example/cosign.key", "download"),
        ("sigstore-kms-x://y", "awskms://"),
        ("env://MISSING", "not set"),
    ] {
        let err = wait(open(uri, &context)).map(|_| ()).unwrap_err().explain();
        assert!(err.contains(hint), "{err}");
    }
}
