//! Where tokens come from.

use serde_json::{Value, json};

use super::spiffe;
use super::token::IdentityToken;
use crate::context::Context;
use crate::error::Error;
use crate::file;
use crate::service::{Request, escape, text};

/// Where Cosign looks for a projected token; a pod spec mounts it there with the audience `sigstore`.
const PROJECTED: &str = "/var/run/sigstore/cosign/oidc-token";
const METADATA: &str = "metadata.google.internal";

/// One kind of surroundings. The names are those of Cosign's `--oidc-provider`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// `SIGSTORE_ID_TOKEN`: what GitLab's `id_tokens` fill, and anyone else may.
    Variable,
    /// GitHub Actions with the permission `id-token: write`.
    GitHub,
    /// A Buildkite job.
    Buildkite,
    /// A projected token of Kubernetes at Cosign's path, or where `SIGSTORE_ID_TOKEN_FILE` says.
    File,
    /// The SPIFFE Workload API at `SPIFFE_ENDPOINT_SOCKET`.
    Spiffe,
    /// The metadata server of Google Cloud.
    Google,
}

impl Provider {
    /// In the order in which they are looked for: what someone set on purpose first, what a machine merely has last.
    pub const ALL: [(Provider, &str); 6] = [
        (Provider::Variable, "envvar"),
        (Provider::GitHub, "github-actions"),
        (Provider::Buildkite, "buildkite-agent"),
        (Provider::File, "filesystem"),
        (Provider::Spiffe, "spiffe"),
        (Provider::Google, "google"),
    ];

    /// By its name.
    pub fn named(name: &str) -> Option<Provider> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(provider, _)| *provider)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(provider, _)| *provider == self).map_or("", |(_, name)| name)
    }

    /// Whether the surroundings look like it. Asks nobody.
    pub fn is_here(self, context: &Context) -> bool {
        let set = |name: &str| context.variable(name).is_some();
        match self {
            Provider::Variable => set("SIGSTORE_ID_TOKEN"),
            Provider::GitHub => set("ACTIONS_ID_TOKEN_REQUEST_URL") && set("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
            Provider::Buildkite => set("BUILDKITE_AGENT_ACCESS_TOKEN") && set("BUILDKITE_JOB_ID"),
            Provider::File => place(context).exists(),
            Provider::Spiffe => set("SPIFFE_ENDPOINT_SOCKET"),
            // Asking for the metadata server elsewhere costs seconds and may meet a stranger: the firmware or the user must say so first.
            Provider::Google => {
                set("GCE_METADATA_HOST")
                    || std::fs::read_to_string("/sys/class/dmi/id/product_name")
                        .is_ok_and(|name| name.trim() == "Google" || name.trim() == "Google Compute Engine")
            }
        }
    }
}

fn place(context: &Context) -> std::path::PathBuf {
    context.variable("SIGSTORE_ID_TOKEN_FILE").unwrap_or_else(|| PROJECTED.to_owned()).into()
}

/// The token of the first provider that is here; `None` when none is. One that is here and fails is an error: another identity than the expected one
/// would be worse than none.
///
/// # Errors
/// As [`from_provider`].
pub async fn ambient(audience: &str, context: &Context) -> Result<Option<(Provider, IdentityToken)>, Error> {
    for (provider, _) in Provider::ALL {
        if provider.is_here(context) {
            return Ok(Some((provider, from_provider(provider, audience, context).await?)));
        }
    }
    if context.variable("GITHUB_ACTIONS").is_some() {
        return Err(Error::new("find an identity token", "this GitHub Actions job may not have one")
            .hint("give the job `permissions: { id-token: write }`"));
    }
    if context.variable("GITLAB_CI").is_some() {
        return Err(Error::new("find an identity token", "this GitLab job has none")
            .hint("give the job `id_tokens: { SIGSTORE_ID_TOKEN: { aud: sigstore } }`"));
    }
    Ok(None)
}

/// A token of one provider, valid now and for `audience`.
///
/// # Errors
/// When the provider is not here, refuses, or gives what is no such token.
pub async fn from_provider(provider: Provider, audience: &str, context: &Context) -> Result<IdentityToken, Error> {
    let doing = format!("get an identity token from `{}`", provider.name());
    let missing = |name: &str| Error::new(&*doing, format!("`{name}` is not set"));
    let needed = |name: &'static str| context.variable(name).ok_or_else(|| missing(name));
    let raw = match provider {
        Provider::Variable => needed("SIGSTORE_ID_TOKEN")?,
        Provider::GitHub => {
            // Source: GitHub's documentation, "OpenID Connect reference".
            let url = needed("ACTIONS_ID_TOKEN_REQUEST_URL")?;
            let joint = if url.contains('?') { '&' } else { '?' };
            let request = Request::new("GET", format!("{url}{joint}audience={}", escape(audience)), &*doing)
                .bearer(&needed("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
            let json =
                request.send_for_json(context.client(), "give the job `permissions: { id-token: write }`").await?;
            text(&json, "/value", &request)?.to_owned()
        }
        Provider::Buildkite => {
            // Source: buildkite/agent:api/oidc.go.
            let endpoint = context.variable("BUILDKITE_AGENT_ENDPOINT");
            let endpoint = endpoint.unwrap_or_else(|| "https://agent.buildkite.com/v3".to_owned());
            let job = needed("BUILDKITE_JOB_ID")?;
            let url = format!("{}/jobs/{}/oidc/tokens", endpoint.trim_end_matches('/'), escape(&job));
            let request = Request::new("POST", url, &*doing)
                .header("authorization", format!("Token {}", needed("BUILDKITE_AGENT_ACCESS_TOKEN")?))
                .json(&json!({ "audience": audience }));
            let json: Value = request.send_for_json(context.client(), "has the agent version 3.48 or later?").await?;
            text(&json, "/token", &request)?.to_owned()
        }
        Provider::File => {
            let kept = file::read(&place(context), "the identity token")?;
            kept.reveal_text().unwrap_or_default().to_owned()
        }
        Provider::Spiffe => spiffe::fetch(&needed("SPIFFE_ENDPOINT_SOCKET")?, audience, &doing).await?,
        Provider::Google => {
            let host = context.variable("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
            let url = format!(
                "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?audience={}&format=full",
                escape(audience)
            );
            let request = Request::new("GET", url, &*doing).header("metadata-flavor", "Google");
            let client = context.metadata_client(&[METADATA, "169.254.169.254"]);
            let answer = request.send_well(&client, "give the machine a service account").await?;
            String::from_utf8(answer.body.to_vec()).map_err(|_| request.odd("the answer is no text"))?
        }
    };
    IdentityToken::parse(&raw, audience, context.now()).map_err(|err| Error { doing, ..err })
}
