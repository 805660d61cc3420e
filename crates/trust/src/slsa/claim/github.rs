//! GitHub Actions. The build type is the one of GitHub's own attestations, so that their verifiers read it.

use serde_json::{Map, Value, json};

use super::{ClaimError, Facts, Parts, Platform, Surroundings, everything};
use crate::slsa::github::ISSUER;

const BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";
const NAME: &str = "GitHub";

/// The web address of the instance that issued a token: github.com, or a server of an enterprise (`https://HOST/_services/token`).
fn server(issuer: &str) -> Option<String> {
    if issuer == ISSUER || issuer.strip_prefix(ISSUER).is_some_and(|rest| rest.starts_with('/')) {
        // An enterprise of github.com may have an issuer of its own below the common one.
        return Some("https://github.com".to_owned());
    }
    let host = issuer.strip_prefix("https://")?.strip_suffix("/_services/token")?;
    (!host.is_empty() && !host.contains(['/', '@', '?', '#'])).then(|| format!("https://{host}"))
}

pub(super) fn is_of(claims: &Map<String, Value>) -> bool {
    claims.get("iss").and_then(Value::as_str).and_then(server).is_some() && claims.contains_key("job_workflow_ref")
}

pub(super) fn write(surroundings: &Surroundings<'_>) -> Result<super::Claim, ClaimError> {
    let facts = Facts::of(NAME, surroundings);
    let server = match surroundings.claims {
        Some(_) => {
            let issuer = facts.must("iss", None)?;
            server(&issuer).ok_or_else(|| facts.form("iss", &issuer))?
        }
        None => facts.must("server_url", Some("GITHUB_SERVER_URL"))?,
    };
    let repository = facts.must("repository", Some("GITHUB_REPOSITORY"))?;
    let reference = facts.must("ref", Some("GITHUB_REF"))?;
    let commit = facts.commit("sha", &facts.must("sha", Some("GITHUB_SHA"))?)?;
    // `OWNER/NAME/PATH@REF` of the file that was started, which lies in the repository.
    let started = facts.must("workflow_ref", Some("GITHUB_WORKFLOW_REF"))?;
    let (path, workflow_ref) = started
        .strip_prefix(repository.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.split_once('@'))
        .filter(|(path, reference)| !path.is_empty() && reference.starts_with("refs/"))
        .ok_or_else(|| facts.form("workflow_ref", &started))?;
    // The file whose job holds the token: of a called workflow another one than was started. Without a token, only the first is known.
    let signer = facts.must("job_workflow_ref", Some("GITHUB_WORKFLOW_REF"))?;
    if signer.split('@').count() != 2 || signer.split('/').count() < 3 {
        return Err(facts.form("job_workflow_ref", &signer));
    }
    let mut github = Map::new();
    for (name, variable) in [
        ("event_name", Some("GITHUB_EVENT_NAME")),
        ("repository_id", Some("GITHUB_REPOSITORY_ID")),
        ("repository_owner_id", Some("GITHUB_REPOSITORY_OWNER_ID")),
        ("runner_environment", Some("RUNNER_ENVIRONMENT")),
    ] {
        if let Some(value) = facts.maybe(name, variable)? {
            github.insert(name.to_owned(), value.into());
        }
    }
    let attempt = facts.maybe("run_attempt", Some("GITHUB_RUN_ATTEMPT"))?.unwrap_or_else(|| "1".to_owned());
    let run = facts.must("run_id", Some("GITHUB_RUN_ID"))?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !number(&run) || !number(&attempt) {
        return Err(facts.form("run_id", &run));
    }
    let workflow = json!({ "ref": workflow_ref, "repository": format!("{server}/{repository}"), "path": path });
    Ok(Parts {
        platform: Platform::Github,
        build_type: BUILD_TYPE,
        external: Map::from_iter([("workflow".to_owned(), workflow)]),
        internal: Map::from_iter([("github".to_owned(), github.into())]),
        dependencies: vec![
            json!({ "uri": format!("git+{server}/{repository}@{reference}"), "digest": { "gitCommit": commit } }),
        ],
        builder: format!("{server}/{signer}"),
        invocation: Some(format!("{server}/{repository}/actions/runs/{run}/attempts/{attempt}")),
        unproven: if facts.proven() { Vec::new() } else { everything() },
    }
    .finish())
}
