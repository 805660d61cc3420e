//! Who gets a certificate, and who does not.

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_authority::{Code, IssuerKind, KeyKind, Options, Possession, SigningKey, Stack, TokenAlgorithm};
use signet_trust::Certificate;

use crate::client::{EMAIL, NOW, Signer, b64url, now, options, stack};

/// Claims that are granted.
fn good(stack: &Stack) -> Value {
    json!({"iss": stack.issuer_name(), "aud": "sigstore", "sub": "person-1", "email": EMAIL, "email_verified": true,
        "iat": NOW, "nbf": NOW, "exp": NOW + 600})
}

fn ask(stack: &Stack, token: &str) -> Result<Vec<Vec<u8>>, signet_authority::Refusal> {
    let signer = Signer::new();
    let signature = signer.key.sign(EMAIL.as_bytes()).unwrap();
    let before = stack.certificates().checkpoint();
    let answer = stack.certify(token, Possession::Proof { spki: signer.key.spki(), signature: &signature }, now());
    // A refused request leaves no trace in the log.
    assert_eq!(answer.is_ok(), stack.certificates().checkpoint() != before);
    answer
}

#[track_caller]
fn refused(stack: &Stack, token: &str, why: &str) {
    let refusal = ask(stack, token).unwrap_err();
    assert_eq!(refusal.code, Code::Unauthenticated, "{refusal}");
    assert!(refusal.message.contains(why), "`{why}` is not in: {refusal}");
    assert!(token.len() < 20 || !refusal.message.contains(&token[..20]), "the token is repeated");
}

#[test]
fn granted_by_either_algorithm() {
    let stack = stack();
    for algorithm in [TokenAlgorithm::Es256, TokenAlgorithm::Rs256] {
        let token = stack.issuer().sign(&good(&stack), algorithm).unwrap();
        assert_eq!(ask(&stack, &token).unwrap().len(), 3);
    }
    let mut list = good(&stack);
    list["aud"] = json!(["another", "sigstore"]);
    ask(&stack, &stack.issuer().sign(&list, TokenAlgorithm::Es256).unwrap()).unwrap();
}

#[test]
fn claims_that_are_not_granted() {
    let stack = stack();
    for (claim, value, why) in [
        ("iss", json!("https://elsewhere.example"), "not trusted here"),
        ("iss", json!(format!("{}/", stack.issuer_name())), "not trusted here"),
        ("iss", Value::Null, "names no issuer"),
        ("aud", json!("another"), "audience"),
        ("aud", json!(["sigstore2"]), "audience"),
        ("aud", Value::Null, "audience"),
        ("exp", json!(NOW), "expired"),
        ("exp", json!(NOW - 1), "expired"),
        ("exp", json!(NOW as f64 + 0.5), "expired"),
        ("exp", Value::Null, "no end"),
        ("exp", json!("9999999999"), "no end"),
        ("nbf", json!(NOW + 61), "future"),
        ("nbf", json!("x"), "future"),
        ("iat", json!(NOW + 3600), "future"),
        ("iat", Value::Null, "issued"),
        ("email", Value::Null, "no `email`"),
        ("email", json!("person"), "e-mail"),
        ("email", json!("a b@example.com"), "e-mail"),
        ("email", json!("a@b@example.com"), "e-mail"),
        ("email", json!("p\u{e9}rson@example.com"), "e-mail"),
        ("email", json!("person@example.com\u{0}"), "e-mail"),
        ("email_verified", json!(false), "not verified"),
        ("email_verified", json!("true"), "not verified"),
        ("email_verified", Value::Null, "not verified"),
    ] {
        let mut claims = good(&stack);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value;
        }
        refused(&stack, &stack.issuer().sign(&claims, TokenAlgorithm::Es256).unwrap(), why);
    }
}

#[test]
fn headers_and_signatures_that_are_not_granted() {
    let stack = stack();
    let token = stack.issuer().sign(&good(&stack), TokenAlgorithm::Es256).unwrap();
    let rsa = stack.issuer().sign(&good(&stack), TokenAlgorithm::Rs256).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let rsa: Vec<&str> = rsa.split('.').collect();
    let jwks = stack.issuer().jwks();
    let (kid, other) = (jwks["keys"][0]["kid"].as_str().unwrap(), jwks["keys"][1]["kid"].as_str().unwrap());
    let with = |header: Value, signature: &str| format!("{}.{}.{signature}", b64url(header.to_string()), parts[1]);
    for (token, why) in [
        (with(json!({"alg": "none", "kid": kid}), ""), "does not verify"),
        (with(json!({"alg": "none"}), ""), "does not publish"),
        (with(json!({"alg": "HS256", "kid": kid}), parts[2]), "does not verify"),
        (with(json!({"alg": "ES256", "kid": "unknown"}), parts[2]), "does not publish"),
        (with(json!({"alg": "ES256", "kid": other}), parts[2]), "does not verify"),
        (with(json!({"alg": "RS256", "kid": other}), rsa[2]), "does not verify"),
        (with(json!({"alg": "ES256", "kid": kid, "crit": ["b64"]}), parts[2]), "must be understood"),
        (
            format!("{}.{}.{}", parts[0], rsa[1], parts[2])
                .replace(parts[1], &b64url(good(&stack).to_string().replace(EMAIL, "else@example.com"))),
            "does not verify",
        ),
        (format!("{}.{}", parts[0], parts[1]), "three parts"),
        (format!("{token}.x"), "three parts"),
        (format!("{}.{}.{}=", parts[0], parts[1], parts[2]), "no base64"),
        (format!("W10.{}.{}", parts[1], parts[2]), "header"),
        (String::new(), "three parts"),
        ("a".repeat(20_000), "too long"),
    ] {
        refused(&stack, &token, why);
    }
    // The keys of another issuer, with our name in the token.
    let stranger = crate::client::stack();
    refused(&stack, &stranger.issuer().sign(&good(&stack), TokenAlgorithm::Es256).unwrap(), "does not publish");
}

#[test]
fn the_key_must_be_the_askers() {
    let stack = stack();
    let token = stack.issuer().sign(&good(&stack), TokenAlgorithm::Es256).unwrap();
    let (key, other) = (SigningKey::generate(KeyKind::P256).unwrap(), SigningKey::generate(KeyKind::P256).unwrap());
    let before = stack.certificates().checkpoint();
    for (spki, signature) in [
        (key.spki(), other.sign(EMAIL.as_bytes()).unwrap()),
        (key.spki(), key.sign(b"person-1").unwrap()),
        (key.spki(), Vec::new()),
        (&key.spki()[1..], key.sign(EMAIL.as_bytes()).unwrap()),
        (&[][..], key.sign(EMAIL.as_bytes()).unwrap()),
    ] {
        let refusal = stack.certify(&token, Possession::Proof { spki, signature: &signature }, now()).unwrap_err();
        assert_eq!(refusal.code, Code::Invalid, "{refusal}");
    }
    assert_eq!(stack.certificates().checkpoint(), before);
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa] {
        let key = SigningKey::generate(kind).unwrap();
        let signature = key.sign(EMAIL.as_bytes()).unwrap();
        stack.certify(&token, Possession::Proof { spki: key.spki(), signature: &signature }, now()).unwrap();
    }
}

/// Each kind of issuer: what is named, and a change of claims that is not granted.
#[track_caller]
fn names(kind: IssuerKind, claims: Value, name: &str, wrong: &[Value]) {
    let issuer = "https://issuer.example";
    let stack = Stack::new(Options { also: vec![(issuer.to_owned(), kind)], ..options() }).unwrap();
    let signer = Signer::new();
    let ask = |claims: &Value| {
        let token = stack.issuer().mint(issuer, claims, now()).unwrap();
        let signature = signer.key.sign(claims["sub"].as_str().unwrap().as_bytes()).unwrap();
        stack.certify(&token, Possession::Proof { spki: signer.key.spki(), signature: &signature }, now())
    };
    let certificate = Certificate::from_der(&ask(&claims).unwrap()[0]).unwrap();
    let names: Vec<&str> = certificate.names().iter().map(|name| name.value()).collect();
    assert_eq!(names, [name]);
    assert_eq!(certificate.claims().issuer.as_deref(), Some(issuer));
    for change in wrong {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refusal = ask(&claims).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code, Code::Unauthenticated, "{change}: {refusal}");
    }
}

#[test]
fn kinds_of_issuers() {
    let gitlab = json!({
        "sub": "project_path:a/b:ref_type:branch:ref:main", "ci_config_ref_uri": "gitlab.example/a/b//.gitlab-ci.yml@refs/heads/main",
        "project_path": "a/b", "project_id": "20", "ref": "main", "ref_type": "branch", "sha": "abc", "job_id": 302,
    });
    names(
        IssuerKind::Gitlab("https://gitlab.example".to_owned()),
        gitlab,
        "https://gitlab.example/a/b//.gitlab-ci.yml@refs/heads/main",
        &[json!({"ref_type": "other"}), json!({"ci_config_ref_uri": ""}), json!({"project_path": null})],
    );
    names(
        IssuerKind::Buildkite,
        json!({"sub": "organization:a", "organization_slug": "a", "pipeline_slug": "b"}),
        "https://buildkite.com/a/b",
        &[json!({"pipeline_slug": 7})],
    );
    names(
        IssuerKind::Kubernetes,
        json!({"sub": "system:serviceaccount:ns:sa", "kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa"}}}),
        "https://kubernetes.io/namespaces/ns/serviceaccounts/sa",
        &[
            json!({"kubernetes.io": {"namespace": "a/b", "serviceaccount": {"name": "sa"}}}),
            json!({"kubernetes.io": 1}),
        ],
    );
    names(
        IssuerKind::Spiffe("example.org".to_owned()),
        json!({"sub": "spiffe://example.org/build"}),
        "spiffe://example.org/build",
        &[
            json!({"sub": "spiffe://example.org.evil/build"}),
            json!({"sub": "spiffe://else/build"}),
            json!({"sub": "example.org/x"}),
        ],
    );
    names(
        IssuerKind::Uri("https://example.com".to_owned()),
        json!({"sub": "https://example.com/users/1"}),
        "https://example.com/users/1",
        &[
            json!({"sub": "https://example.com.evil/1"}),
            json!({"sub": "http://example.com/1"}),
            json!({"sub": "https://example.com/\u{e9}"}),
        ],
    );
    names(
        IssuerKind::Username("example.com".to_owned()),
        json!({"sub": "somebody"}),
        "somebody!example.com",
        &[json!({"sub": "some!body"}), json!({"sub": "a@b"})],
    );
    let github = signet_authority::workflow();
    names(
        IssuerKind::Github("https://github.com".to_owned()),
        github,
        "https://github.com/example/shop/.github/workflows/release.yml@refs/heads/main",
        &[json!({"job_workflow_ref": ""}), json!({"sha": null}), json!({"repository": "a\nb"})],
    );
}

#[test]
fn a_time_that_no_certificate_can_state() {
    let stack = stack();
    let far = Timestamp::from_second(-4_000_000_000).unwrap();
    let mut claims = good(&stack);
    for (name, value) in [("iat", far.as_second()), ("nbf", far.as_second()), ("exp", far.as_second() + 600)] {
        claims[name] = json!(value);
    }
    let token = stack.issuer().sign(&claims, TokenAlgorithm::Es256).unwrap();
    let signer = Signer::new();
    let signature = signer.key.sign(EMAIL.as_bytes()).unwrap();
    let refusal =
        stack.certify(&token, Possession::Proof { spki: signer.key.spki(), signature: &signature }, far).unwrap_err();
    assert_eq!(refusal.code, Code::Internal);
}
