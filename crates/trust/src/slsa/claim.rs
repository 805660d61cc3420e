//! Provenance that a build writes about itself: SLSA v1 from the identity token of the CI and, where nothing better is there, from its environment.
//!
//! ```text
//!   token's claims, variables, how it is signed ──▶ provenance ──▶ (predicate type, predicate, what nobody vouches for)
//! ```
//!
//! What is claimed is never more than the builder proves. A token's claims are the platform's word, and the certificate that is issued for the token
//! repeats them, so a verifier compares. A variable is the build's own word: it can be set by every step. Hence:
//! - `builder.id` is the workflow that holds the token and never a builder above it: who verifies decides what that workflow is worth. A workflow that
//!   builds and signs in one job is a builder whose tenant holds the key, which is level 2 at most; a called workflow that only signs can be trusted for
//!   level 3. No level is written here.
//! - What only the environment says stands in `internalParameters.signet_unproven` by name, or is left out.
//! - Signed with a key, nothing stands in a certificate, so everything is unproven.
//!
//! | field | GitHub | GitLab | Buildkite | generic |
//! |---|---|---|---|---|
//! | `builder.id` | `job_workflow_ref` | `ci_config_ref_uri` | `organization_slug`/`pipeline_slug` | given by the caller |
//! | source | `repository`, `ref`, `sha` | `project_path`, `ref_path`, `sha` | `build_commit`; repository: `BUILDKITE_REPO`, unproven | given by the caller, unproven |
//! | definition | `workflow_ref` | `ci_config_ref_uri`, `ci_config_sha` | `pipeline_slug`, `step_key` | - |
//! | invocation | `run_id`, `run_attempt` | `job_id` | `build_number`, `job_id` | - |
//!
//! Sources: <https://slsa.dev/spec/v1.0/provenance>; <https://actions.github.io/buildtypes/workflow/v1>, which GitHub's own attestations have; the pages on
//! token claims of GitHub ("OpenID Connect reference"), GitLab ("ID token authentication") and Buildkite ("buildkite-agent oidc"); sigstore/fulcio:docs/oidc.md
//! for the name that each certificate bears. `docs/reference/provenance.md` documents the build types that are ours.

mod buildkite;
mod generic;
mod github;
mod gitlab;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The type of predicate that is written.
pub const PREDICATE_TYPE: &str = super::provenance::V1;

/// No claim or variable that is longer is written down.
const LONGEST: usize = 4 << 10;
/// No token is longer.
const LONGEST_TOKEN: usize = 64 << 10;

/// The variables that are looked at. No other one is, since an environment holds secrets.
pub const VARIABLES: [&str; 38] = [
    "BUILDKITE",
    "BUILDKITE_AGENT_ID",
    "BUILDKITE_BRANCH",
    "BUILDKITE_BUILD_NUMBER",
    "BUILDKITE_COMMIT",
    "BUILDKITE_JOB_ID",
    "BUILDKITE_ORGANIZATION_SLUG",
    "BUILDKITE_PIPELINE_SLUG",
    "BUILDKITE_REPO",
    "BUILDKITE_SOURCE",
    "BUILDKITE_STEP_KEY",
    "BUILDKITE_TAG",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_SHA",
    "CI_COMMIT_TAG",
    "CI_CONFIG_PATH",
    "CI_CONFIG_REF_URI",
    "CI_ENVIRONMENT_NAME",
    "CI_JOB_ID",
    "CI_PIPELINE_ID",
    "CI_PIPELINE_SOURCE",
    "CI_PROJECT_ID",
    "CI_PROJECT_NAMESPACE_ID",
    "CI_PROJECT_PATH",
    "CI_SERVER_URL",
    "GITHUB_ACTIONS",
    "GITHUB_EVENT_NAME",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
    "GITLAB_CI",
    "RUNNER_ENVIRONMENT",
];

/// What signs the provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// A certificate for the very token whose claims are given: its authority verifies the token and writes the claims into the certificate.
    Token,
    /// A key. Nothing that the token says reaches the verifier by another way.
    Key,
}

/// A build as it sees itself.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The claims of the identity token, from [`claims`].
    pub claims: Option<&'a Map<String, Value>>,
    /// The environment.
    pub variables: &'a BTreeMap<String, String>,
    /// What will sign.
    pub signed_by: SignedBy,
    /// The builder, where the platform is not known: a URI.
    pub builder: Option<&'a str>,
    /// The source, where the platform is not known: a URI, and the commit.
    pub source: Option<(&'a str, Option<&'a str>)>,
}

/// Which platform a build runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Buildkite.
    Buildkite,
    /// None of these.
    Generic,
}

/// A provenance to be signed, with what its signer should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Where the build runs.
    pub platform: Platform,
    /// [`PREDICATE_TYPE`].
    pub predicate_type: &'static str,
    /// The predicate.
    pub predicate: Value,
    /// Paths of the predicate that nobody but the build itself vouches for.
    pub unproven: Vec<String>,
}

/// Why no provenance can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The token cannot be read.
    #[error("the identity token cannot be read: {0}")]
    Token(&'static str),
    /// Something that must be there is not.
    #[error("no provenance can be written: {platform} says no `{name}`")]
    Missing {
        /// Who should say it.
        platform: &'static str,
        /// What.
        name: &'static str,
    },
    /// Something is not of the form that its source documents.
    #[error("no provenance can be written: `{name}` of {platform} is not of the expected form: `{found}`")]
    Form {
        /// Who says it.
        platform: &'static str,
        /// What.
        name: &'static str,
        /// What it is.
        found: String,
    },
    /// Nobody says who builds.
    #[error(
        "no provenance can be written: this is no build of GitHub, GitLab or Buildkite, and the builder is not named\n\nhint: name it with `--builder-id URI`, and its source with `--source-uri URI`"
    )]
    NoBuilder,
}

/// The claims of a token in its compact form. They are not verified here: the certificate authority does it, or else they are unproven.
///
/// # Errors
/// When it is no JSON Web Token.
pub fn claims(token: &str) -> Result<Map<String, Value>, ClaimError> {
    let token = token.trim();
    if token.len() > LONGEST_TOKEN {
        return Err(ClaimError::Token("it is larger than 64 KiB"));
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(ClaimError::Token("it has not the three parts of a JSON Web Token"));
    };
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| ClaimError::Token("its claims are not base64"))?;
    match crate::json::parse(&bytes) {
        Ok(Value::Object(claims)) => Ok(claims),
        _ => Err(ClaimError::Token("its claims are not one JSON object")),
    }
}

/// The platform: by who issued the token; without a token, by the variable with which each platform shows itself.
#[must_use]
pub fn platform(surroundings: &Surroundings<'_>) -> Platform {
    let set = |name: &str, value: &str| surroundings.variables.get(name).is_some_and(|found| found == value);
    match surroundings.claims {
        Some(claims) if github::is_of(claims) => Platform::Github,
        Some(claims) if buildkite::is_of(claims) => Platform::Buildkite,
        Some(claims) if gitlab::is_of(claims) => Platform::Gitlab,
        Some(_) => Platform::Generic,
        None if set("GITHUB_ACTIONS", "true") => Platform::Github,
        None if set("GITLAB_CI", "true") => Platform::Gitlab,
        None if set("BUILDKITE", "true") => Platform::Buildkite,
        None => Platform::Generic,
    }
}

/// Writes the provenance of what was just built.
///
/// # Errors
/// When what must be said is not known, or is not of its form.
pub fn provenance(surroundings: &Surroundings<'_>) -> Result<Claim, ClaimError> {
    let platform = platform(surroundings);
    match platform {
        Platform::Github => github::write(surroundings),
        Platform::Gitlab => gitlab::write(surroundings),
        Platform::Buildkite => buildkite::write(surroundings),
        Platform::Generic => generic::write(surroundings),
    }
}

/// What is known of a build, each with whether the platform vouches for it.
struct Facts<'a> {
    platform: &'static str,
    surroundings: &'a Surroundings<'a>,
}

impl<'a> Facts<'a> {
    fn of(platform: &'static str, surroundings: &'a Surroundings<'a>) -> Self {
        Self { platform, surroundings }
    }

    /// Whether what the token says reaches a verifier.
    fn proven(&self) -> bool {
        self.surroundings.claims.is_some() && self.surroundings.signed_by == SignedBy::Token
    }

    /// A claim; without a token, the variable that says the same. An empty one is none.
    fn maybe(&self, claim: &'static str, variable: Option<&str>) -> Result<Option<String>, ClaimError> {
        let value = match self.surroundings.claims {
            Some(claims) => match claims.get(claim) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                Some(_) => return Err(self.form(claim, "no text")),
            },
            None => variable.and_then(|name| self.surroundings.variables.get(name)).cloned(),
        };
        match value.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > LONGEST || text.chars().any(char::is_control) => Err(self.form(claim, &text)),
            other => Ok(other),
        }
    }

    fn must(&self, claim: &'static str, variable: Option<&str>) -> Result<String, ClaimError> {
        self.maybe(claim, variable)?.ok_or(ClaimError::Missing { platform: self.platform, name: claim })
    }

    fn form(&self, name: &'static str, found: &str) -> ClaimError {
        let found =
            found.chars().take(100).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
        ClaimError::Form { platform: self.platform, name, found }
    }

    /// A commit in full.
    fn commit(&self, name: &'static str, text: &str) -> Result<String, ClaimError> {
        let full = matches!(text.len(), 40 | 64)
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        if full { Ok(text.to_owned()) } else { Err(self.form(name, text)) }
    }
}

/// The parts of a predicate that every platform fills.
struct Parts {
    platform: Platform,
    build_type: &'static str,
    external: Map<String, Value>,
    internal: Map<String, Value>,
    dependencies: Vec<Value>,
    builder: String,
    invocation: Option<String>,
    unproven: Vec<String>,
}

impl Parts {
    /// Members of <https://slsa.dev/spec/v1.0/provenance#schema>. Names of extensions begin with the vendor's, as "Extension fields" there asks.
    fn finish(mut self) -> Claim {
        if !self.unproven.is_empty() {
            self.internal.insert("signet_unproven".to_owned(), json!(self.unproven));
        }
        let mut metadata = Map::new();
        if let Some(invocation) = self.invocation {
            metadata.insert("invocationId".to_owned(), invocation.into());
        }
        let predicate = json!({
            "buildDefinition": {
                "buildType": self.build_type,
                "externalParameters": self.external,
                "internalParameters": self.internal,
                "resolvedDependencies": self.dependencies,
            },
            "runDetails": { "builder": { "id": self.builder }, "metadata": metadata },
        });
        Claim { platform: self.platform, predicate_type: PREDICATE_TYPE, predicate, unproven: self.unproven }
    }
}

/// The paths of everything, for a provenance that is signed with a key.
fn everything() -> Vec<String> {
    ["buildDefinition", "runDetails"].map(str::to_owned).to_vec()
}
