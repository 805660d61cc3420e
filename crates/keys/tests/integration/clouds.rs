//! Google, Azure and Vault by stand-ins that are written from their published APIs and sign with OpenSSL.

use std::collections::HashMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use signet_keys::{Context, KeyType, create, open};

use crate::harness::{check_signer, context, tool, wait};
use crate::standin::{Reply, Request, Standin, json as answer};

/// A key that OpenSSL keeps, as an HSM would.
struct Hsm {
    room: tempfile::TempDir,
}

impl Hsm {
    /// `arguments` of `openssl genpkey`.
    fn new(arguments: &str) -> Hsm {
        let hsm = Hsm { room: tempfile::tempdir().unwrap() };
        hsm.run(&format!("genpkey {arguments} -out key"), None);
        hsm
    }

    fn run(&self, line: &str, input: Option<&[u8]>) -> Vec<u8> {
        if let Some(input) = input {
            std::fs::write(self.room.path().join("in"), input).unwrap();
        }
        let run = Command::new("openssl").args(line.split_whitespace()).current_dir(self.room.path()).output().unwrap();
        assert!(run.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    }

    fn pem(&self) -> String {
        String::from_utf8(self.run("pkey -in key -pubout", None)).unwrap()
    }

    fn spki(&self) -> Vec<u8> {
        self.run("pkey -in key -pubout -outform DER", None)
    }

    fn sign_digest(&self, digest: &[u8], hash: &str) -> Vec<u8> {
        self.run(&format!("pkeyutl -sign -inkey key -in in -pkeyopt digest:{hash}"), Some(digest))
    }

    fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        if message.is_empty() {
            // OpenSSL 3.0 cannot sign an empty file with Ed25519; RFC 8032 can, but no stand-in needs it.
            return Vec::new();
        }
        self.run("pkeyutl -sign -rawin -inkey key -in in", Some(message))
    }
}

const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
const P521: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-521";
const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";

fn refuse(status: u16, body: &Value) -> Reply {
    (status, body.to_string())
}

#[track_caller]
fn opens(uri: &str, context: &Context) {
    check_signer(&*wait(open(uri, context)).unwrap());
}

#[track_caller]
fn fails(uri: &str, context: &Context, why: &str) {
    let err = wait(open(uri, context)).map(|_| ()).unwrap_err().explain();
    assert!(err.contains(why), "{err}");
    for secret in ["sesame", "open-sesame-token"] {
        assert!(!err.contains(secret), "{err}");
    }
}

/// Transit of Vault: <https://developer.hashicorp.com/vault/api-docs/secret/transit>, sections "Read key", "Sign data", "Create key".
fn vault() -> Standin {
    let keys: HashMap<&str, (&str, Hsm)> = HashMap::from([
        ("p256", ("ecdsa-p256", Hsm::new(P256))),
        ("p384", ("ecdsa-p384", Hsm::new(P384))),
        ("p521", ("ecdsa-p521", Hsm::new(P521))),
        ("rsa", ("rsa-2048", Hsm::new(RSA))),
    ]);
    let mut made: Option<Hsm> = None;
    Standin::start(move |request: &Request| {
        if request.header("X-Vault-Token") != "open-sesame-token" {
            let said = format!("permission denied for token {}", request.header("X-Vault-Token"));
            return refuse(403, &json!({ "errors": [said] }));
        }
        let path: Vec<&str> = request.target.trim_start_matches("/v1/").split('/').collect();
        let found = |name: &str| keys.get(name).map(|(kind, hsm)| (*kind, hsm));
        let body = request.json();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["transit", "keys", name]) => {
                let made = made.as_ref().filter(|_| *name == "made").map(|hsm| ("ecdsa-p256", hsm));
                match found(name).or(made) {
                    Some((kind, hsm)) => answer(&json!({ "data": {
                        "name": name, "type": kind, "latest_version": 3,
                        "keys": { "2": { "public_key": "older" }, "3": { "public_key": hsm.pem() } },
                    } })),
                    None if *name == "aes" => answer(
                        &json!({ "data": { "type": "aes256-gcm96", "latest_version": 1, "keys": { "1": 1700000000 } } }),
                    ),
                    None => refuse(404, &json!({ "errors": [] })),
                }
            }
            ("POST", ["transit", "keys", "made"]) => {
                assert_eq!(body["type"], "ecdsa-p256");
                made = Some(Hsm::new(P256));
                (204, String::new())
            }
            ("POST", ["transit", "sign", name, hash]) => {
                let (kind, hsm) = found(name).unwrap();
                assert_eq!((&body["prehashed"], &body["key_version"]), (&json!(true), &json!(3)));
                match kind.starts_with("rsa") {
                    true => assert_eq!(body["signature_algorithm"], "pkcs1v15"),
                    false => assert_eq!(body["marshaling_algorithm"], "asn1"),
                }
                let digest = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
                let signature = hsm.sign_digest(&digest, &hash.replace("sha2-", "sha"));
                answer(&json!({ "data": { "signature": format!("vault:v3:{}", STANDARD.encode(signature)) } }))
            }
            _ => refuse(400, &json!({ "errors": ["unexpected"] })),
        }
    })
}

#[test]
fn vault_signs() {
    if !tool("openssl") {
        return;
    }
    let standin = vault();
    let url = standin.url();
    let logged_in =
        context(&[("VAULT_ADDR", &url), ("VAULT_TOKEN", "open-sesame-token"), ("VAULT_NAMESPACE", "team/a")]);
    for key in ["p256", "p384", "p521", "rsa"] {
        opens(&format!("hashivault://{key}"), &logged_in);
    }
    assert!(standin.log().iter().all(|request| request.header("X-Vault-Namespace") == "team/a"));
    wait(create("hashivault://made", KeyType::EcdsaP256, &logged_in)).unwrap();
    fails("hashivault://missing", &logged_in, "the service answered 404");
    fails("hashivault://aes", &logged_in, "only keys that sign");
    fails("hashivault://", &logged_in, "names no key");
    fails("hashivault://a/../../sys", &logged_in, "names no key");
    let wrong = context(&[("VAULT_ADDR", &url), ("VAULT_TOKEN", "open-sesame-wrong")]);
    fails("hashivault://p256", &wrong, "permission denied for token [hidden]");
    fails("hashivault://p256", &context(&[("VAULT_TOKEN", "open-sesame-token")]), "`VAULT_ADDR` is not set");
    fails("hashivault://p256", &context(&[("VAULT_ADDR", &url)]), "vault login");
    // A token in the clear over the network is not sent.
    let plain = context(&[("VAULT_ADDR", "http://vault.example:8200"), ("VAULT_TOKEN", "open-sesame-token")]);
    fails("hashivault://p256", &plain, "plain HTTP");
    // The token file of `vault login`.
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".vault-token"), "open-sesame-token\n").unwrap();
    opens("hashivault://p256", &context(&[("VAULT_ADDR", &url), ("HOME", home.path().to_str().unwrap())]));
}

#[test]
fn a_signature_that_does_not_fit_the_key_is_not_handed_out() {
    if !tool("openssl") {
        return;
    }
    let (shown, used) = (Hsm::new(P256), Hsm::new(P256));
    let standin = Standin::start(move |request| match request.method.as_str() {
        "GET" => answer(
            &json!({ "data": { "type": "ecdsa-p256", "latest_version": 1, "keys": { "1": { "public_key": shown.pem() } } } }),
        ),
        _ => {
            let digest = STANDARD.decode(request.json()["input"].as_str().unwrap()).unwrap();
            let signature = STANDARD.encode(used.sign_digest(&digest, "sha256"));
            answer(&json!({ "data": { "signature": format!("vault:v2:{signature}") } }))
        }
    });
    let context = context(&[("VAULT_ADDR", &standin.url()), ("VAULT_TOKEN", "open-sesame-token")]);
    let signer = wait(open("hashivault://rotated", &context)).unwrap();
    let err = wait(signer.sign(b"message")).unwrap_err().to_string();
    assert!(err.contains("does not verify with the public key"), "{err}");
}

/// Cloud KMS: <https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions>; tokens:
/// <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>.
fn google(account: Hsm) -> Standin {
    let keys: Vec<(&str, &str, Hsm)> = vec![
        ("p256", "EC_SIGN_P256_SHA256", Hsm::new(P256)),
        ("p384", "EC_SIGN_P384_SHA384", Hsm::new(P384)),
        ("pkcs1", "RSA_SIGN_PKCS1_2048_SHA256", Hsm::new(RSA)),
        ("pss", "RSA_SIGN_PSS_2048_SHA256", Hsm::new(RSA)),
    ];
    let mut made: Option<Hsm> = None;
    Standin::start(move |request: &Request| {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if path == "/token" {
            let form = request.text();
            let assertion = form.split("assertion=").nth(1).unwrap();
            let (signed, signature) = assertion.rsplit_once('.').unwrap();
            let claims = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["iss"], "ci@p.iam.gserviceaccount.com");
            assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 3600);
            std::fs::write(account.room.path().join("sig"), URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
            std::fs::write(account.room.path().join("pub"), account.pem()).unwrap();
            account.run("dgst -sha256 -verify pub -signature sig in", Some(signed.as_bytes()));
            return answer(&json!({ "access_token": "open-sesame-token", "expires_in": 3599, "token_type": "Bearer" }));
        }
        if path == "/computeMetadata/v1/instance/service-accounts/default/token" {
            assert_eq!(request.header("Metadata-Flavor"), "Google");
            return answer(&json!({ "access_token": "open-sesame-token", "expires_in": 60, "token_type": "Bearer" }));
        }
        if request.header("Authorization") != "Bearer open-sesame-token" {
            return refuse(
                401,
                &json!({ "error": { "code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED" } }),
            );
        }
        let ring = "/v1/projects/p/locations/global/keyRings/r";
        if request.method == "POST" && path == "/v1/projects/p/locations/global/keyRings" {
            return refuse(409, &json!({ "error": { "code": 409, "message": "KeyRing already exists" } }));
        }
        if request.method == "POST" && path == format!("{ring}/cryptoKeys") {
            assert_eq!(query, "cryptoKeyId=made");
            assert_eq!(request.json()["versionTemplate"]["algorithm"], "EC_SIGN_P256_SHA256");
            made = Some(Hsm::new(P256));
            return answer(&json!({}));
        }
        let rest = path.strip_prefix(&format!("{ring}/cryptoKeys/")).unwrap_or_default();
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let made = made.as_ref().filter(|_| name == "made").map(|hsm| ("EC_SIGN_P256_SHA256", hsm));
        let found = keys.iter().find(|(key, ..)| *key == name).map(|(_, algorithm, hsm)| (*algorithm, hsm)).or(made);
        let Some((algorithm, hsm)) = found else {
            return refuse(
                404,
                &json!({ "error": { "code": 404, "message": format!("CryptoKey {name} not found."), "status": "NOT_FOUND" } }),
            );
        };
        let full = format!("projects/p/locations/global/keyRings/r/cryptoKeys/{name}/cryptoKeyVersions");
        match (request.method.as_str(), rest) {
            ("GET", "cryptoKeyVersions") => answer(&json!({ "cryptoKeyVersions": [
                { "name": format!("{full}/10"), "state": "ENABLED" }, { "name": format!("{full}/9"), "state": "ENABLED" },
                { "name": format!("{full}/11"), "state": "DESTROYED" },
            ] })),
            ("GET", "cryptoKeyVersions/10/publicKey") => answer(&json!({ "pem": hsm.pem(), "algorithm": algorithm })),
            ("POST", "cryptoKeyVersions/10:asymmetricSign") => {
                let body = request.json();
                let (hash, digest) = body["digest"].as_object().unwrap().iter().next().unwrap();
                let digest = STANDARD.decode(digest.as_str().unwrap()).unwrap();
                let signature = if algorithm.contains("PSS") {
                    hsm.run("pkeyutl -sign -inkey key -in in -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest", Some(&digest))
                } else {
                    hsm.sign_digest(&digest, hash)
                };
                answer(&json!({ "signature": STANDARD.encode(signature), "name": format!("{full}/10") }))
            }
            _ => refuse(404, &json!({ "error": { "code": 404, "message": "no such version" } })),
        }
    })
}

#[test]
fn google_cloud_kms_signs() {
    if !tool("openssl") {
        return;
    }
    let account = Hsm::new(RSA);
    let private = String::from_utf8(std::fs::read(account.room.path().join("key")).unwrap()).unwrap();
    let standin = google(account);
    let url = standin.url();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("account.json");
    let credentials = json!({
        "type": "service_account", "client_email": "ci@p.iam.gserviceaccount.com", "private_key": private, "token_uri": format!("{url}/token"),
    });
    std::fs::write(&file, credentials.to_string()).unwrap();
    let endpoint = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", url.as_str());
    let by_file = context(&[endpoint, ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())]);
    let by_token = context(&[endpoint, ("GOOGLE_OAUTH_ACCESS_TOKEN", "open-sesame-token")]);
    let by_metadata = context(&[endpoint, ("GCE_METADATA_HOST", &standin.host)]);
    let key = "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys";
    for name in ["p256", "p384", "pkcs1", "pss"] {
        opens(&format!("{key}/{name}"), &by_token);
    }
    opens(&format!("{key}/p256/versions/10"), &by_file);
    opens(&format!("{key}/p256/cryptoKeyVersions/10"), &by_metadata);
    wait(create(&format!("{key}/made"), KeyType::EcdsaP256, &by_token)).unwrap();
    fails(&format!("{key}/p256/versions/9"), &by_token, "no such version");
    fails(&format!("{key}/missing"), &by_token, "CryptoKey missing not found.");
    fails("gcpkms://projects/p", &by_token, "names no key");
    fails(&format!("{key}/../x"), &by_token, "names no key");
    let wrong = context(&[endpoint, ("GOOGLE_OAUTH_ACCESS_TOKEN", "sesame")]);
    fails(&format!("{key}/p256"), &wrong, "invalid authentication");
    std::fs::write(&file, r#"{"type":"external_account","subject_token":"sesame"}"#).unwrap();
    fails(&format!("{key}/p256"), &by_file, "gcloud auth print-access-token");
}

/// Key Vault: <https://learn.microsoft.com/rest/api/keyvault/keys> (get-key, sign, create-key); tokens: Microsoft identity platform, client credentials.
fn azure() -> Standin {
    let keys: Vec<(&str, &str, usize, Hsm)> = vec![
        ("p256", "P-256", 32, Hsm::new(P256)),
        ("p384", "P-384", 48, Hsm::new(P384)),
        ("p521", "P-521", 66, Hsm::new(P521)),
        ("rsa", "", 0, Hsm::new(RSA)),
    ];
    Standin::start(move |request: &Request| {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if path == "/tenant/oauth2/v2.0/token" {
            let form = request.text();
            assert!(form.contains("scope=https%3A%2F%2Fvault.azure.net%2F.default"), "{form}");
            let fits = form.contains("client_secret=open-sesame-secret")
                || form.contains("client_assertion=open-sesame-assertion");
            return if fits {
                answer(&json!({ "access_token": "open-sesame-token", "token_type": "Bearer" }))
            } else {
                refuse(401, &json!({ "error": "invalid_client", "error_description": format!("wrong: {form}") }))
            };
        }
        if path == "/metadata/identity/oauth2/token" {
            assert_eq!(request.header("Metadata"), "true");
            return answer(&json!({ "access_token": "open-sesame-token" }));
        }
        assert_eq!(query, "api-version=7.4");
        assert_eq!(request.header("Authorization"), "Bearer open-sesame-token");
        let parts: Vec<&str> = path.trim_start_matches("/keys/").split('/').collect();
        let Some((name, curve, width, hsm)) = keys.iter().find(|(name, ..)| *name == parts[0]) else {
            return refuse(
                404,
                &json!({ "error": { "code": "KeyNotFound", "message": "A key with (name/id) was not found" } }),
            );
        };
        let kid = format!("https://v.vault.azure.net/keys/{name}/0123abcd");
        match (request.method.as_str(), &parts[1..]) {
            ("GET", [] | ["0123abcd"]) => {
                let spki = hsm.spki();
                let key = if *width > 0 {
                    let (x, y) = spki[spki.len() - 2 * width..].split_at(*width);
                    json!({ "kid": kid, "kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
                } else {
                    // RSAPublicKey of 2048 bits ends with the modulus and 02 03 01 00 01.
                    let modulus = &spki[spki.len() - 5 - 256..spki.len() - 5];
                    json!({ "kid": kid, "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
                };
                answer(&json!({ "key": key }))
            }
            ("POST", ["0123abcd", "sign"]) => {
                let body = request.json();
                let digest = URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
                let hash = format!("sha{}", &body["alg"].as_str().unwrap()[2..]);
                let signature = hsm.sign_digest(&digest, &hash);
                let value = if *width > 0 { raw(&signature, *width) } else { signature };
                answer(&json!({ "kid": kid, "value": URL_SAFE_NO_PAD.encode(value) }))
            }
            ("POST", ["create"]) => {
                assert_eq!(request.json(), json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] }));
                answer(&json!({}))
            }
            _ => refuse(400, &json!({ "error": { "code": "BadParameter", "message": "unexpected" } })),
        }
    })
}

/// The two numbers of an ECDSA signature in DER, each as wide as the curve.
fn raw(der: &[u8], width: usize) -> Vec<u8> {
    let mut at = if der[1] == 0x81 { 3 } else { 2 };
    let mut both = Vec::new();
    for _ in 0..2 {
        let length = usize::from(der[at + 1]);
        let number = &der[at + 2..at + 2 + length];
        let number = if number[0] == 0 { &number[1..] } else { number };
        both.extend(std::iter::repeat_n(0, width - number.len()));
        both.extend_from_slice(number);
        at += 2 + length;
    }
    both
}

#[test]
fn azure_key_vault_signs() {
    if !tool("openssl") {
        return;
    }
    let standin = azure();
    let url = standin.url();
    let who = [("AZURE_TENANT_ID", "tenant"), ("AZURE_CLIENT_ID", "client"), ("AZURE_AUTHORITY_HOST", url.as_str())];
    let with = |name: &'static str, value: &str| context(&[&who[..], &[(name, value)]].concat());
    let by_secret = with("AZURE_CLIENT_SECRET", "open-sesame-secret");
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("token"), "open-sesame-assertion").unwrap();
    let by_assertion = with("AZURE_FEDERATED_TOKEN_FILE", home.path().join("token").to_str().unwrap());
    let by_machine = context(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str())]);
    for key in ["p256", "p384", "p521", "rsa"] {
        opens(&format!("azurekms://{}/{key}", standin.host), &by_secret);
    }
    opens(&format!("azurekms://{}/keys/p256", standin.host), &by_assertion);
    opens(&format!("azurekms://{}/p256/0123abcd", standin.host), &by_machine);
    wait(create(&format!("azurekms://{}/p256", standin.host), KeyType::EcdsaP256, &by_secret)).unwrap();
    fails(&format!("azurekms://{}/missing", standin.host), &by_secret, "was not found");
    fails(&format!("azurekms://{}/p256", standin.host), &with("AZURE_CLIENT_SECRET", "sesame-sesame"), "wrong:");
    for uri in [
        "azurekms://vault/k",
        "azurekms://v.vault.azure.net/",
        "azurekms://v.vault.azure.net/a/b/c",
        "azurekms://v.vault.azure.net/a?b",
    ] {
        fails(uri, &by_secret, "names no key");
    }
    let _ed25519_is_refused =
        wait(create(&format!("azurekms://{}/x", standin.host), KeyType::Ed25519, &by_secret)).unwrap_err();
}

#[test]
fn vault_signs_messages_with_ed25519() {
    if !tool("openssl") {
        return;
    }
    let hsm = Hsm::new("-algorithm ED25519");
    let standin = Standin::start(move |request| match request.method.as_str() {
        "GET" => {
            let spki = hsm.spki();
            let raw = STANDARD.encode(&spki[spki.len() - 32..]);
            answer(
                &json!({ "data": { "type": "ed25519", "latest_version": 1, "keys": { "1": { "public_key": raw } } } }),
            )
        }
        _ => {
            assert_eq!(request.target, "/v1/transit/sign/ed");
            let message = STANDARD.decode(request.json()["input"].as_str().unwrap()).unwrap();
            let signature = STANDARD.encode(hsm.sign_message(&message));
            answer(&json!({ "data": { "signature": format!("vault:v1:{signature}") } }))
        }
    });
    let context = context(&[("VAULT_ADDR", &standin.url()), ("VAULT_TOKEN", "open-sesame-token")]);
    let signer = wait(open("hashivault://ed", &context)).unwrap();
    let signature = wait(signer.sign(b"a message")).unwrap();
    crate::harness::openssl_verifies(signer.public_key(), b"a message", &signature);
}
