//! GitLab CI. GitLab's own build type describes what its runner saw; a token proves less, so this one is ours.

use serde_json::{Map, Value, json};

use super::{ClaimError, Facts, Parts, Platform, Surroundings, everything};

/// `docs/reference/provenance.md`, "GitLab CI".
const BUILD_TYPE: &str = "https://signet.dev/buildtypes/gitlab-ci/v1";
const NAME: &str = "GitLab";

/// Any instance may be one; what tells is the claim that no other platform has.
pub(super) fn is_of(claims: &Map<String, Value>) -> bool {
    claims.contains_key("project_path") && claims.contains_key("ci_config_ref_uri")
}

pub(super) fn write(surroundings: &Surroundings<'_>) -> Result<super::Claim, ClaimError> {
    let facts = Facts::of(NAME, surroundings);
    let server = facts.must("iss", Some("CI_SERVER_URL"))?;
    let server = server.trim_end_matches('/').to_owned();
    let host =
        server.strip_prefix("https://").filter(|host| !host.is_empty()).ok_or_else(|| facts.form("iss", &server))?;
    let project = facts.must("project_path", Some("CI_PROJECT_PATH"))?;
    let commit = facts.commit("sha", &facts.must("sha", Some("CI_COMMIT_SHA"))?)?;
    let reference = match facts.maybe("ref_path", None)? {
        Some(path) => path,
        // The environment names a branch or a tag without its kind.
        None => match (surroundings.variables.get("CI_COMMIT_TAG"), surroundings.variables.get("CI_COMMIT_BRANCH")) {
            (Some(tag), _) if surroundings.claims.is_none() => format!("refs/tags/{tag}"),
            (_, Some(branch)) if surroundings.claims.is_none() => format!("refs/heads/{branch}"),
            _ => return Err(ClaimError::Missing { platform: NAME, name: "ref_path" }),
        },
    };
    if !reference.starts_with("refs/") {
        return Err(facts.form("ref_path", &reference));
    }
    // `HOST/GROUP/PROJECT//FILE@REF`.
    let definition = match facts.maybe("ci_config_ref_uri", Some("CI_CONFIG_REF_URI"))? {
        Some(uri) => uri,
        None if surroundings.claims.is_none() => {
            let file = surroundings.variables.get("CI_CONFIG_PATH").map_or(".gitlab-ci.yml", String::as_str);
            format!("{host}/{project}//{file}@{reference}")
        }
        None => return Err(ClaimError::Missing { platform: NAME, name: "ci_config_ref_uri" }),
    };
    if !definition.contains("//") || definition.split('@').count() != 2 {
        return Err(facts.form("ci_config_ref_uri", &definition));
    }
    let mut config = Map::from_iter([("uri".to_owned(), Value::from(format!("https://{definition}")))]);
    if let Some(sha) = facts.maybe("ci_config_sha", None)? {
        config.insert("digest".to_owned(), json!({ "gitCommit": facts.commit("ci_config_sha", &sha)? }));
    }
    let mut gitlab = Map::new();
    for (name, variable) in [
        ("pipeline_source", Some("CI_PIPELINE_SOURCE")),
        ("pipeline_id", Some("CI_PIPELINE_ID")),
        ("project_id", Some("CI_PROJECT_ID")),
        ("namespace_id", Some("CI_PROJECT_NAMESPACE_ID")),
        ("runner_environment", None),
        ("environment", Some("CI_ENVIRONMENT_NAME")),
    ] {
        if let Some(value) = facts.maybe(name, variable)? {
            gitlab.insert(name.to_owned(), value.into());
        }
    }
    let job = facts.must("job_id", Some("CI_JOB_ID"))?;
    Ok(Parts {
        platform: Platform::Gitlab,
        build_type: BUILD_TYPE,
        external: Map::from_iter([
            ("source".to_owned(), Value::from(format!("git+{server}/{project}@{reference}"))),
            ("config".to_owned(), config.into()),
        ]),
        internal: Map::from_iter([("gitlab".to_owned(), gitlab.into())]),
        dependencies: vec![
            json!({ "uri": format!("git+{server}/{project}@{reference}"), "digest": { "gitCommit": commit } }),
        ],
        builder: format!("https://{definition}"),
        invocation: Some(format!("{server}/{project}/-/jobs/{job}")),
        unproven: if facts.proven() { Vec::new() } else { everything() },
    }
    .finish())
}
