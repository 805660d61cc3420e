//! Buildkite. Its token names the pipeline and the commit, and not the repository.

use serde_json::{Map, Value, json};

use super::{ClaimError, Facts, Parts, Platform, Surroundings, everything};

/// `docs/reference/provenance.md`, "Buildkite".
const BUILD_TYPE: &str = "https://signet.dev/buildtypes/buildkite/v1";
const ISSUER: &str = "https://agent.buildkite.com";
const NAME: &str = "Buildkite";

pub(super) fn is_of(claims: &Map<String, Value>) -> bool {
    claims.get("iss").and_then(Value::as_str) == Some(ISSUER) && claims.contains_key("pipeline_slug")
}

pub(super) fn write(surroundings: &Surroundings<'_>) -> Result<super::Claim, ClaimError> {
    let facts = Facts::of(NAME, surroundings);
    let slug = |name: &'static str, variable: &str| {
        let text = facts.must(name, Some(variable))?;
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if plain { Ok(text) } else { Err(facts.form(name, &text)) }
    };
    let organization = slug("organization_slug", "BUILDKITE_ORGANIZATION_SLUG")?;
    let pipeline = slug("pipeline_slug", "BUILDKITE_PIPELINE_SLUG")?;
    // `HEAD` when a build was started without a commit: then the agent found it, and nobody proves which.
    let commit = facts.commit("build_commit", &facts.must("build_commit", Some("BUILDKITE_COMMIT"))?)?;
    let number = facts.must("build_number", Some("BUILDKITE_BUILD_NUMBER"))?;
    let job = facts.must("job_id", Some("BUILDKITE_JOB_ID"))?;
    let mut external = Map::from_iter([
        ("organization".to_owned(), Value::from(organization.clone())),
        ("pipeline".to_owned(), Value::from(pipeline.clone())),
    ]);
    for (member, name, variable) in [
        ("branch", "build_branch", "BUILDKITE_BRANCH"),
        ("tag", "build_tag", "BUILDKITE_TAG"),
        ("step", "step_key", "BUILDKITE_STEP_KEY"),
    ] {
        if let Some(value) = facts.maybe(name, Some(variable))? {
            external.insert(member.to_owned(), value.into());
        }
    }
    let mut buildkite = Map::new();
    for (name, variable) in [
        ("build_source", Some("BUILDKITE_SOURCE")),
        ("runner_environment", None),
        ("agent_id", Some("BUILDKITE_AGENT_ID")),
    ] {
        if let Some(value) = facts.maybe(name, variable)? {
            buildkite.insert(name.to_owned(), value.into());
        }
    }
    let mut source = json!({ "digest": { "gitCommit": commit } });
    let mut unproven = if facts.proven() { Vec::new() } else { everything() };
    let repository = surroundings.variables.get("BUILDKITE_REPO").filter(|text| is_repository(text));
    if let Some(repository) = repository {
        source["uri"] = format!("git+{repository}").into();
        if unproven.is_empty() {
            unproven.push("buildDefinition.resolvedDependencies[0].uri".to_owned());
        }
    }
    Ok(Parts {
        platform: Platform::Buildkite,
        build_type: BUILD_TYPE,
        external,
        internal: Map::from_iter([("buildkite".to_owned(), buildkite.into())]),
        dependencies: vec![source],
        builder: format!("https://buildkite.com/{organization}/{pipeline}"),
        invocation: Some(format!("https://buildkite.com/{organization}/{pipeline}/builds/{number}#{job}")),
        unproven,
    }
    .finish())
}

/// A repository by HTTPS without a password in it. Others (`git@host:path`) are no URI, and are left out.
fn is_repository(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    text.len() <= super::LONGEST
        && !rest.split('/').next().unwrap_or_default().contains('@')
        && !text.chars().any(|c| c.is_control() || c == ' ')
}
