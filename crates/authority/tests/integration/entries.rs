//! What the log takes, and what it does not.

use serde_json::{Value, json};
use signet_authority::{Code, KeyKind, SigningKey};

use crate::client::{Signer, b64, sha256, stack, unb64};

const CONTENT: &[u8] = b"content";

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), why: &str) {
    let stack = stack();
    let signer = Signer::new();
    let (_, mut request) = signer.request(CONTENT, Some(&signer.certificate(&stack)[0]));
    let before = stack.log().checkpoint();
    change(&mut request);
    let refusal = stack.log().answer(request.to_string().as_bytes()).unwrap_err();
    assert!(matches!(refusal.code, Code::Invalid | Code::Unimplemented), "{refusal}");
    assert!(refusal.message.contains(why), "`{why}` is not in: {refusal}");
    assert_eq!(stack.log().checkpoint(), before, "the log has grown");
}

fn verifier(request: &mut Value) -> &mut Value {
    &mut request["hashedRekordRequestV002"]["signature"]["verifier"]
}

#[test]
fn entries_that_are_not_taken() {
    refused(|all| all["hashedRekordRequestV002"]["digest"] = json!(b64(sha256(b"another"))), "does not verify");
    refused(|all| all["hashedRekordRequestV002"]["digest"] = json!(b64([0; 48])), "48 bytes");
    refused(|all| all["hashedRekordRequestV002"]["digest"] = json!(""), "`digest`");
    refused(|all| all["hashedRekordRequestV002"]["digest"] = json!("%"), "`digest`");
    refused(|all| all["hashedRekordRequestV002"]["signature"]["content"] = json!(b64([0; 70])), "does not verify");
    refused(|all| all["hashedRekordRequestV002"]["signature"]["content"] = json!(b64([0; 2000])), "signature.content");
    refused(|all| verifier(all)["keyDetails"] = json!("PKIX_ED25519"), "pure Ed25519");
    refused(|all| verifier(all)["keyDetails"] = json!("PKIX_ED25519_PH"), "Ed25519ph");
    refused(|all| verifier(all)["keyDetails"] = json!("PKIX_ECDSA_P384_SHA_384"), "48");
    refused(|all| verifier(all)["keyDetails"] = json!("PKIX_RSA_PKCS1V15_2048_SHA256"), "not one for");
    refused(|all| verifier(all)["keyDetails"] = json!("SOMETHING"), "keyDetails");
    refused(|all| verifier(all)["x509Certificate"]["rawBytes"] = json!(b64(b"no certificate")), "X.509");
    refused(|all| verifier(all)["x509Certificate"]["rawBytes"] = json!(b64(vec![0x30; 20_000])), "rawBytes");
    refused(|all| verifier(all)["publicKey"] = json!({"rawBytes": "AAAA"}), "exactly one");
    refused(|all| drop(verifier(all).as_object_mut().unwrap().remove("x509Certificate")), "exactly one");
    refused(|all| verifier(all)["more"] = json!(1), "line 1");
    refused(|all| *all = json!({"dsseRequestV002": {}}), "PAE");
    refused(|all| *all = json!({}), "hashedRekordRequestV002");
    refused(|all| *all = json!([]), "line 1");
    refused(|all| all["dsseRequestV002"] = json!({}), "exactly");
    let other = SigningKey::generate(KeyKind::P256).unwrap();
    refused(
        |all| {
            *verifier(all) =
                json!({"publicKey": {"rawBytes": b64(other.spki())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"})
        },
        "does not verify",
    );
    let ed25519 = SigningKey::generate(KeyKind::Ed25519).unwrap();
    refused(
        |all| {
            *verifier(all) =
                json!({"publicKey": {"rawBytes": b64(ed25519.spki())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"})
        },
        "not one for",
    );
}

#[test]
fn what_is_logged_is_canonical() {
    let stack = stack();
    let signer = Signer::new();
    let (signature, request) = signer.request(CONTENT, None);
    let entry = stack.log().answer(request.to_string().as_bytes()).unwrap();
    let body = String::from_utf8(unb64(entry["canonicalizedBody"].as_str().unwrap())).unwrap();
    let wanted = format!(
        concat!(
            r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"SHA2_256","digest":"{}"}},"#,
            r#""signature":{{"content":"{}","verifier":{{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{{"rawBytes":"{}"}}}}}}}}}}}}"#
        ),
        b64(sha256(CONTENT)),
        b64(signature),
        b64(signer.key.spki())
    );
    assert_eq!(body, wanted);
    assert_eq!(entry["logIndex"], "0");
    assert_eq!(entry["inclusionProof"]["treeSize"], "1");
    assert_eq!(entry["logId"]["keyId"], stack.trusted_root()["tlogs"][0]["logId"]["keyId"]);
    assert_eq!(entry["inclusionProof"]["checkpoint"]["envelope"].as_str(), Some(stack.log().checkpoint().as_str()));
}

#[test]
fn other_keys_sign_entries_too() {
    let stack = stack();
    for (kind, details) in [(KeyKind::P384, "PKIX_ECDSA_P384_SHA_384"), (KeyKind::Rsa, "PKIX_RSA_PKCS1V15_2048_SHA256")]
    {
        let key = SigningKey::generate(kind).unwrap();
        let digest = match kind {
            KeyKind::P384 => aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, CONTENT).as_ref().to_vec(),
            _ => sha256(CONTENT).to_vec(),
        };
        let request = json!({"hashedRekordRequestV002": {
            "digest": b64(digest),
            "signature": {"content": b64(key.sign(CONTENT).unwrap()),
                "verifier": {"publicKey": {"rawBytes": b64(key.spki())}, "keyDetails": details}},
        }});
        stack.log().answer(request.to_string().as_bytes()).unwrap();
    }
}

/// Certificates: only before they are issued, and only of the authority beside the log.
#[test]
fn certificates_that_are_not_logged() {
    let stack = stack();
    let chain = Signer::new().certificate(&stack);
    let before = stack.certificates().checkpoint();
    // The list of promises becomes a poison, which the authority never signed.
    let promises = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
    let at = chain[0].windows(promises.len()).position(|some| some == promises).unwrap();
    let mut forged = chain[0].clone();
    forged[at + promises.len() - 1] = 3;
    let strange = crate::client::stack();
    for (leaf, issuer, why) in [
        (&chain[0], &chain[1], "no poison"),
        (&forged, &chain[1], "not signed"),
        (&chain[0], &chain[2], "not logged here"),
        (&chain[0], &strange.authority().chain()[0], "not logged here"),
        (&vec![0x30, 0], &chain[1], "no certificate"),
    ] {
        let refusal = stack.certificates().add(&[leaf, issuer], crate::client::now()).unwrap_err();
        assert!(refusal.message.contains(why), "`{why}` is not in: {refusal}");
    }
    stack.certificates().add(&[&chain[0]], crate::client::now()).unwrap_err();
    assert_eq!(stack.certificates().checkpoint(), before);
}
