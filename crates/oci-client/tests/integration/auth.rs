//! Challenges, tokens, and where credentials go.

use signet_oci_client::{BlockingClient, CredentialConfig, CredentialPair, ErrorKind, Secret};

use crate::standin::{MANIFEST, Reply, Request, Standin, client, manifest, options};

const USER_PASS: &str = "Basic dXNlcjpwYXNz";

fn with_pair(hosts: &[&Standin]) -> BlockingClient {
    let pair = CredentialPair { registry: None, username: "user".to_owned(), password: Secret::new("pass") };
    BlockingClient::new(options(hosts), CredentialConfig { pairs: vec![pair], ..Default::default() }).unwrap()
}

fn image() -> Reply {
    Reply::new(200, manifest(b"{}", &[])).with("Content-Type", MANIFEST)
}

/// A registry that wants `authorization`, and asks for it with `challenge`.
fn guarded(challenge: impl Into<String>, authorization: &'static str) -> Standin {
    let challenge = challenge.into();
    Standin::start(move |request| match request.header("authorization") {
        Some(shown) if shown == authorization => image(),
        _ => Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"who?"}]}"#)
            .with("WWW-Authenticate", &challenge),
    })
}

/// A token service that gives `token` (with a life of `life` seconds) to whoever it likes.
fn service(body: &'static str, like: fn(&Request) -> bool) -> Standin {
    Standin::start(move |request| if like(request) { Reply::new(200, body) } else { Reply::new(401, "{}") })
}

#[test]
fn anonymous_token() {
    let tokens = service(r#"{"token":"abc","expires_in":300}"#, |request| request.header("authorization").is_none());
    let registry = guarded(
        format!("Bearer realm=\"http://{}/token\",service=\"reg, istry\",scope=\"repository:a/b:pull\"", tokens.host),
        "Bearer abc",
    );
    let client = client(&[&registry]);
    client.manifest(&registry.reference("a/b:1")).unwrap();
    client.manifest(&registry.reference("a/b:2")).unwrap();
    assert_eq!(
        tokens.asked(),
        ["GET /token?service=reg%2C+istry&scope=repository%3Aa%2Fb%3Apull"],
        "one token for both"
    );
    assert_eq!(
        registry.asked(),
        ["GET /v2/a/b/manifests/1", "GET /v2/a/b/manifests/1", "GET /v2/a/b/manifests/2"],
        "the second manifest is asked for with the token at once"
    );
}

#[test]
fn password_goes_to_the_token_service_and_not_to_the_registry() {
    let tokens = service(r#"{"access_token":"abc"}"#, |request| request.header("authorization") == Some(USER_PASS));
    let registry = guarded(format!("Bearer realm=\"http://{}/token\"", tokens.host), "Bearer abc");
    with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap();
    assert!(registry.log().iter().all(|request| request.header("authorization") != Some(USER_PASS)));
}

#[test]
fn basic() {
    let registry = guarded("Basic realm=\"x\"", USER_PASS);
    with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap();
    assert_eq!(registry.log()[0].header("authorization"), None, "nothing is shown before it is asked for");
    let err = client(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unauthorized);
    assert!(err.what.contains("UNAUTHORIZED: who?"), "{err}");
    assert!(err.hint.unwrap().contains("signet login"));
}

#[test]
fn wrong_password_is_told_once() {
    let registry = guarded("Basic realm=\"x\"", "Basic other");
    let err = with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unauthorized);
    assert!(err.hint.unwrap().contains("were refused"));
    assert_eq!(registry.log().len(), 2);
    assert!(!format!("{:?}", err.what).contains("pass"));
}

#[test]
fn identity_token_is_posted() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = service(r#"{"access_token":"abc"}"#, |request| {
        let body = String::from_utf8_lossy(&request.body);
        request.method == "POST"
            && body.contains("grant_type=refresh_token")
            && body.contains("refresh_token=id+%26")
            && body.contains("scope=repository%3Aa%3Apull")
    });
    let registry = guarded(format!("Bearer realm=\"http://{}/token\",service=s", tokens.host), "Bearer abc");
    let file = folder.path().join("config.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{{"identitytoken":"id &"}}}}}}"#, registry.host)).unwrap();
    let config = CredentialConfig { files: vec![file], ..Default::default() };
    BlockingClient::new(options(&[&registry]), config).unwrap().manifest(&registry.reference("a:1")).unwrap();
    assert!(!tokens.asked()[0].contains("id"), "the token is in no URL: {:?}", tokens.asked());
}

#[test]
fn an_expired_token_is_replaced() {
    let mut given = 0;
    let tokens = Standin::start(move |_| {
        given += 1;
        Reply::new(200, format!(r#"{{"token":"t{given}","expires_in":300}}"#))
    });
    let mut served = 0;
    let challenge = format!("Bearer realm=\"http://{}/token\"", tokens.host);
    let registry = Standin::start(move |request| {
        let wanted = if served < 1 { "Bearer t1" } else { "Bearer t2" };
        if request.header("authorization") == Some(wanted) {
            served += 1;
            return image();
        }
        Reply::new(401, "").with("WWW-Authenticate", &challenge)
    });
    let client = client(&[&registry]);
    client.manifest(&registry.reference("a:1")).unwrap();
    client.manifest(&registry.reference("a:1")).unwrap();
    assert_eq!(tokens.log().len(), 2);
}

#[test]
fn many_threads_share_one_token() {
    let tokens = service(r#"{"token":"abc","expires_in":300}"#, |_| true);
    let registry = guarded(format!("Bearer realm=\"http://{}/token\"", tokens.host), "Bearer abc");
    let client = client(&[&registry]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.manifest(&registry.reference("a:1")).unwrap());
        }
    });
    assert_eq!(tokens.log().len(), 1);
}

#[test]
fn authorization_does_not_follow_to_another_host() {
    let blob = b"layer".to_vec();
    let digest = signet_model::Digest::sha256(&blob);
    let served = blob.clone();
    let cdn = Standin::start(move |_| Reply::new(200, served.clone()));
    let target = format!("http://{}/signed?x=1", cdn.host);
    let registry = Standin::start(move |request| match request.header("authorization") {
        Some(USER_PASS) => Reply::new(307, "").with("Location", &target),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"),
    });
    let got = with_pair(&[&registry]).small_blob(&registry.reference("a"), &digest, Some(5)).unwrap();
    assert_eq!(&got[..], b"layer");
    assert_eq!(cdn.log().len(), 1);
    assert_eq!(cdn.log()[0].header("authorization"), None);
    assert_eq!(cdn.log()[0].header("cookie"), None);
}

#[test]
fn a_challenge_of_another_host_is_not_answered() {
    let tokens = service(r#"{"token":"abc"}"#, |_| true);
    for challenge in ["Basic realm=x".to_owned(), format!("Bearer realm=\"http://{}/token\"", tokens.host)] {
        let thief = guarded(challenge, USER_PASS);
        let target = format!("http://{}/give", thief.host);
        let registry = Standin::replies([Reply::new(302, "").with("Location", &target)]);
        let err = with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
        assert_eq!(err.kind, ErrorKind::Unauthorized);
        assert!(thief.log().iter().all(|request| request.header("authorization").is_none()));
        assert!(tokens.log().is_empty(), "no password for a token service that another host names");
    }
}

#[test]
fn credentials_go_to_no_foreign_token_service() {
    for realm in
        ["http://token.example/", "ftp://127.0.0.1/", "https://user:pw@127.0.0.1/token", "http://169.254.169.254/token"]
    {
        let registry = guarded(format!("Bearer realm=\"{realm}\""), "Bearer abc");
        let err = with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
        assert_eq!(err.kind, ErrorKind::RealmNotTrusted, "{realm}: {err}");
    }
}

#[test]
fn a_token_service_may_not_redirect_away() {
    let thief = service(r#"{"token":"abc"}"#, |_| true);
    let target = format!("http://{}/", thief.host);
    let tokens = Standin::replies([Reply::new(302, "").with("Location", &target)]);
    let registry = guarded(format!("Bearer realm=\"http://{}/token\"", tokens.host), "Bearer abc");
    let err = with_pair(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Redirect, "{err}");
    assert!(thief.log().is_empty());
}

#[test]
fn broken_token_services_are_errors() {
    for (body, kind) in [
        (r#"{}"#.to_owned(), ErrorKind::Malformed),
        ("<html>".to_owned(), ErrorKind::Malformed),
        (r#"{"token":"a\nb"}"#.to_owned(), ErrorKind::Malformed),
        (format!(r#"{{"token":"{}"}}"#, "x".repeat(100_000)), ErrorKind::TooLarge),
    ] {
        let tokens = Standin::replies([Reply::new(200, body.clone())]);
        let registry = guarded(format!("Bearer realm=\"http://{}/token\"", tokens.host), "Bearer abc");
        let err = client(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err();
        assert_eq!(err.kind, kind, "{err}");
    }
    let registry = guarded("Bearer service=x", "Bearer abc");
    assert_eq!(client(&[&registry]).manifest(&registry.reference("a:1")).unwrap_err().kind, ErrorKind::Malformed);
}

#[test]
fn login_is_checked_before_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let registry = guarded("Basic realm=x", USER_PASS);
    let config = CredentialConfig { login_file: Some(file.clone()), ..Default::default() };
    let client = BlockingClient::new(options(&[&registry]), config).unwrap();
    let err = client.login(&registry.host, "user", &Secret::new("wrong")).unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unauthorized);
    assert!(!file.exists());
    client.login(&registry.host, "user", &Secret::new("pass")).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().contains("dXNlcjpwYXNz"));
    assert!(client.logout(&registry.host).unwrap());
}
