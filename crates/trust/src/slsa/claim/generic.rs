//! Any other build. Nothing is known but what the caller says, and that is marked as such.

use serde_json::{Map, Value, json};

use super::{ClaimError, Facts, Parts, Platform, Surroundings, everything};

/// `docs/reference/provenance.md`, "Generic".
const BUILD_TYPE: &str = "https://signet.dev/buildtypes/generic/v1";
const NAME: &str = "the caller";

pub(super) fn write(surroundings: &Surroundings<'_>) -> Result<super::Claim, ClaimError> {
    let facts = Facts::of(NAME, surroundings);
    let builder = surroundings.builder.ok_or(ClaimError::NoBuilder)?;
    let uri = |name: &'static str, text: &str| {
        let plain = text.len() <= super::LONGEST && !text.chars().any(|letter| letter.is_control() || letter == ' ');
        // Whoever names a repository by the address that a CI clones from names its password too: it would be signed and published.
        let authority =
            text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        // `ssh://git@host` names an account that everybody uses.
        if user.is_some_and(|user| user.contains(':') || !text.contains("ssh://")) {
            return Err(facts.form(name, "a URI with a user or password in it"));
        }
        match text.split_once(':') {
            Some((scheme, rest)) if plain && !scheme.is_empty() && !rest.is_empty() => Ok(text.to_owned()),
            _ => Err(facts.form(name, text)),
        }
    };
    let builder = uri("builder", builder)?;
    let mut dependencies = Vec::new();
    let mut external = Map::new();
    if let Some((source, commit)) = surroundings.source {
        let source = uri("source", source)?;
        external.insert("source".to_owned(), Value::from(source.clone()));
        let mut dependency = json!({ "uri": source });
        if let Some(commit) = commit {
            dependency["digest"] = json!({ "gitCommit": facts.commit("commit", commit)? });
        }
        dependencies.push(dependency);
    }
    Ok(Parts {
        platform: Platform::Generic,
        build_type: BUILD_TYPE,
        external,
        internal: Map::new(),
        dependencies,
        builder,
        invocation: None,
        unproven: everything(),
    }
    .finish())
}
