//! Identity tokens of builds, by stand-ins of their issuers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use signet_keys::Context;
use signet_keys::identity::{IdentityToken, Provider, SIGSTORE, ambient, from_provider};

use crate::harness::{NOW, context, wait};
use crate::standin::{Standin, json as answer};

fn token(subject: &str, audience: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": "https://issuer.example", "sub": subject, "aud": audience, "exp": NOW + 600 });
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(&claims))
}

#[track_caller]
fn found(context: &Context) -> (Provider, IdentityToken) {
    wait(ambient(SIGSTORE, context)).unwrap().unwrap()
}

#[test]
fn github_gives_a_token_for_our_audience() {
    let standin = Standin::start(|request| {
        assert_eq!(request.header("Authorization"), "Bearer open-sesame-token");
        assert_eq!(request.target, "/token?api-version=2.0&audience=sigstore");
        answer(&json!({ "count": 1, "value": token("repo:team/app:ref:refs/heads/main", "sigstore") }))
    });
    let url = format!("{}/token?api-version=2.0", standin.url());
    let context = context(&[
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "open-sesame-token"),
        ("GITHUB_ACTIONS", "true"),
    ]);
    let (provider, token) = found(&context);
    assert_eq!((provider, token.identity()), (Provider::GitHub, "repo:team/app:ref:refs/heads/main"));
    assert_eq!(token.issuer(), "https://issuer.example");
}

#[test]
fn buildkite_gives_a_token_for_its_job() {
    let standin = Standin::start(|request| {
        assert_eq!(request.line(), "POST /v3/jobs/0189/oidc/tokens");
        assert_eq!(request.header("Authorization"), "Token open-sesame-token");
        assert_eq!(request.json(), json!({ "audience": "sigstore" }));
        answer(&json!({ "token": token("organization:acme:pipeline:app", "sigstore") }))
    });
    let endpoint = format!("{}/v3", standin.url());
    let context = context(&[
        ("BUILDKITE_AGENT_ACCESS_TOKEN", "open-sesame-token"),
        ("BUILDKITE_JOB_ID", "0189"),
        ("BUILDKITE_AGENT_ENDPOINT", &endpoint),
    ]);
    assert_eq!(found(&context).1.identity(), "organization:acme:pipeline:app");
}

#[test]
fn googles_metadata_server_gives_a_token() {
    let standin = Standin::start(|request| {
        assert_eq!(request.header("Metadata-Flavor"), "Google");
        assert_eq!(
            request.target,
            "/computeMetadata/v1/instance/service-accounts/default/identity?audience=sigstore&format=full"
        );
        (200, token("1234567890", "sigstore"))
    });
    let (provider, token) = found(&context(&[("GCE_METADATA_HOST", &standin.host)]));
    assert_eq!((provider, token.identity()), (Provider::Google, "1234567890"));
}

#[test]
fn variables_and_files_are_read() {
    let given = token("me", "sigstore");
    assert_eq!(found(&context(&[("SIGSTORE_ID_TOKEN", &given), ("GITLAB_CI", "true")])).0, Provider::Variable);
    let room = tempfile::tempdir().unwrap();
    let place = room.path().join("token");
    std::fs::write(&place, format!("{given}\n")).unwrap();
    let projected = context(&[("SIGSTORE_ID_TOKEN_FILE", place.to_str().unwrap())]);
    assert_eq!(found(&projected).0, Provider::File);
    assert_eq!(found(&projected).1.secret().reveal(), given);
}

#[test]
fn what_is_here_and_fails_is_no_reason_to_be_someone_else() {
    let standin = Standin::start(|_| (403, json!({ "message": "token open-sesame-token may not" }).to_string()));
    let url = standin.url();
    let refused = |variables: &[(&str, &str)], why: &str| {
        let err = wait(ambient(SIGSTORE, &context(variables))).map(|_| ()).unwrap_err().explain();
        assert!(err.contains(why) && !err.contains("open-sesame"), "{err}");
    };
    let asked = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "open-sesame-token"),
        ("GCE_METADATA_HOST", "127.0.0.1:9"),
    ];
    refused(&asked, "id-token: write");
    let other = token("me", "other");
    refused(&[("SIGSTORE_ID_TOKEN", &other)], "another audience");
    refused(&[("SIGSTORE_ID_TOKEN", "open-sesame")], "no token");
    refused(&[("GITHUB_ACTIONS", "true")], "id-token: write");
    refused(&[("GITLAB_CI", "true")], "id_tokens");
    refused(&[("SPIFFE_ENDPOINT_SOCKET", "tcp://127.0.0.1:1")], "unix:///");
    refused(&[("SPIFFE_ENDPOINT_SOCKET", "unix:///nowhere/agent.sock")], "does the agent run");
    assert!(wait(ambient(SIGSTORE, &context(&[]))).unwrap().is_none());
    assert!(wait(from_provider(Provider::GitHub, SIGSTORE, &context(&[]))).is_err());
    assert_eq!(Provider::named("github-actions"), Some(Provider::GitHub));
}
