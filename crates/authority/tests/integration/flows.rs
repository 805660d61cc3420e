//! The issuer: a browser's codes, a device's, a job's, and those who are none of them.

use serde_json::{Value, json};
use signet_authority::Serving;

use crate::client::{Answer, b64, b64url, get, send, sha256, stack};

const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-is-sent";
const HERE: &str = "http%3A%2F%2Flocalhost%3A7777%2Fauth%2Fcallback";

fn claims(token: &Value) -> Value {
    let body = token.as_str().unwrap().split('.').nth(1).unwrap();
    use base64::Engine as _;
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn authorize(serving: &Serving, redirect: &str, more: &str) -> Answer {
    let challenge = b64url(sha256(VERIFIER.as_bytes()));
    let query = format!(
        "response_type=code&client_id=sigstore&scope=openid+email&redirect_uri={redirect}&code_challenge={challenge}&code_challenge_method=S256&state=a%26b{more}"
    );
    get(&serving.url(), &format!("/oidc/auth?{query}"))
}

fn form(serving: &Serving, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [headers, &[("content-type", "application/x-www-form-urlencoded")]].concat();
    send(&serving.url(), "POST", path, &headers, body.as_bytes())
}

#[test]
fn a_browser_signs_in() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let discovery = get(&serving.url(), "/oidc/.well-known/openid-configuration").json();
    assert_eq!(discovery["issuer"], serving.issuer_url().as_str());
    assert_eq!(discovery["token_endpoint"], format!("{}/token", serving.issuer_url()).as_str());
    let answer = authorize(&serving, HERE, "&login_hint=ci-sa%40company.com&nonce=n1");
    assert_eq!(answer.status, 302);
    let location = &answer.headers["location"];
    let code = location
        .strip_prefix("http://localhost:7777/auth/callback?code=")
        .unwrap()
        .strip_suffix("&state=a%26b")
        .unwrap();
    let body = format!("grant_type=authorization_code&redirect_uri={HERE}&code={code}&code_verifier={VERIFIER}");
    let basic = format!("Basic {}", b64("sigstore:"));
    let answer = form(&serving, "/oidc/token", &[("authorization", &basic)], &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = claims(&answer.json()["id_token"]);
    assert_eq!(said["email"], "ci-sa@company.com");
    assert_eq!((&said["nonce"], &said["aud"]), (&json!("n1"), &json!("sigstore")));
    assert_eq!(said["iss"], serving.issuer_url().as_str());
    // A code is used once.
    assert_eq!(form(&serving, "/oidc/token", &[("authorization", &basic)], &body).json()["error"], "invalid_grant");
}

#[test]
fn codes_that_are_not_exchanged() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    for (change, with, error) in [
        (VERIFIER, "another", "invalid_grant"),
        ("callback", "elsewhere", "invalid_grant"),
        ("client_id=sigstore", "client_id=other", "invalid_client"),
        ("client_id=sigstore", "", "invalid_client"),
        ("authorization_code", "password", "unsupported_grant_type"),
        ("&code=", "&code=0", "invalid_grant"),
    ] {
        // Copied by hand here.
        let code = authorize(&serving, "urn%3Aietf%3Awg%3Aoauth%3A2.0%3Aoob", "").text();
        let body = format!(
            "grant_type=authorization_code&client_id=sigstore&redirect_uri=urn%3Aietf%3Awg%3Aoauth%3A2.0%3Aoob&code={code}&code_verifier={VERIFIER}"
        );
        let body = if change == "callback" { body.replace("oob", "else") } else { body.replacen(change, with, 1) };
        let answer = form(&serving, "/oidc/token", &[], &body);
        assert!(matches!(answer.status, 400 | 401));
        assert_eq!(answer.json()["error"], error, "{change} -> {with}");
    }
}

#[test]
fn addresses_that_nobody_is_sent_to() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    for redirect in [
        "https%3A%2F%2Fevil.example%2F",
        "http%3A%2F%2Flocalhost.evil.example%2F",
        "http%3A%2F%2Flocalhost%40evil.example%2F",
        "http%3A%2F%2Flocalhost%3A1%40evil.example%2F",
        "http%3A%2F%2Flocalhost%3A1%2F%0d%0aset-cookie%3Aa",
        "",
    ] {
        let answer = authorize(&serving, redirect, "");
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")), "{redirect}");
        assert!(!answer.headers.contains_key("location"));
    }
    let plain = get(
        &serving.url(),
        &format!(
            "/oidc/auth?response_type=code&client_id=a&redirect_uri={HERE}&code_challenge=x&code_challenge_method=plain"
        ),
    );
    assert_eq!(plain.json()["error"], "invalid_request");
    assert_eq!(get(&serving.url(), "/oidc/auth?response_type=token").json()["error"], "unsupported_response_type");
}

#[test]
fn a_device_signs_in() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let asked = form(&serving, "/oidc/device/code", &[], "client_id=sigstore&scope=openid+email").json();
    let code = asked["device_code"].as_str().unwrap();
    let poll = || {
        let body =
            format!("grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=sigstore&device_code={code}");
        form(&serving, "/oidc/token", &[], &body).json()
    };
    assert_eq!(poll()["error"], "authorization_pending");
    assert_eq!(get(&serving.url(), "/oidc/device?user_code=WRONG").status, 404);
    let page = asked["verification_uri_complete"].as_str().unwrap().strip_prefix(&serving.url()).unwrap().to_owned();
    assert_eq!(get(&serving.url(), &page).status, 200);
    assert_eq!(claims(&poll()["id_token"])["email"], "person@example.com");
    assert_eq!(poll()["error"], "invalid_grant");
}

#[test]
fn a_job_asks_for_its_token() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let path = format!("{}&audience=sigstore", serving.request_url().strip_prefix(&serving.url()).unwrap());
    let ask = |token: &str| send(&serving.url(), "GET", &path, &[("authorization", &format!("bearer {token}"))], b"");
    let answer = ask(stack.request_token()).json();
    let said = claims(&answer["value"]);
    assert_eq!(said["iss"], signet_authority::GITHUB);
    assert_eq!(said["aud"], "sigstore");
    assert_eq!(said["repository"], "example/shop");
    assert_eq!(ask("wrong").status, 401);
    assert_eq!(get(&serving.url(), &path).status, 401);
}
