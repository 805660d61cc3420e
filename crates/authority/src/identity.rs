//! Whom a token names, and what a certificate says of them.
//!
//! Sources: sigstore/fulcio `docs/oidc.md` (which claim becomes the name) and `docs/oid-info.md` (which claim becomes which extension).

use x509_cert::der::asn1::ObjectIdentifier;

use crate::der::{self, tag};
use crate::error::Refusal;
use crate::token::Claims;
use crate::x509;

const SUBJECT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// The arc of Fulcio's extensions.
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
/// Bytes of a name or an extension's value.
const LONGEST: usize = 2048;

/// What an issuer's tokens say of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// A person by their e-mail address, which the issuer has verified.
    Email,
    /// A job of GitHub Actions; the server's address, `https://github.com`.
    Github(String),
    /// A job of GitLab; the server's address, `https://gitlab.com`.
    Gitlab(String),
    /// A job of Buildkite.
    Buildkite,
    /// A service account of a Kubernetes cluster.
    Kubernetes,
    /// A workload by its SPIFFE ID in this trust domain.
    Spiffe(String),
    /// A subject that is a URI under this scheme and host, `https://example.com`.
    Uri(String),
    /// A user name at this domain.
    Username(String),
}

impl IssuerKind {
    /// The claim over which possession of the key is proved.
    #[must_use]
    pub fn challenge_claim(&self) -> &'static str {
        match self {
            Self::Email => "email",
            _ => "sub",
        }
    }

    /// As Fulcio's configuration names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Github(_) => "github-workflow",
            Self::Gitlab(_) => "gitlab-pipeline",
            Self::Buildkite => "buildkite-job",
            Self::Kubernetes => "kubernetes",
            Self::Spiffe(_) => "spiffe",
            Self::Uri(_) => "uri",
            Self::Username(_) => "username",
        }
    }
}

/// The one name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Email(String),
    Uri(String),
    /// `user!domain`.
    Other(String),
}

/// Whom a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: Name,
    /// What the holder of the key signs to prove that they have it.
    pub(crate) challenge: String,
    /// Numbers under Fulcio's arc, ascending, with their values.
    pub(crate) extensions: Vec<(u32, String)>,
}

impl Identity {
    /// From the claims of a verified token.
    ///
    /// Errors: a claim that this kind of issuer must give is missing or has a value that cannot stand in a certificate.
    pub(crate) fn of(claims: &Claims, kind: &IssuerKind) -> Result<Self, Refusal> {
        let need = |name: &str| {
            claims.text(name).ok_or_else(|| Refusal::stranger(format!("the identity token has no `{name}`")))
        };
        let challenge = need(kind.challenge_claim())?.to_owned();
        let issuer = need("iss")?.to_owned();
        let mut extensions = vec![(1, issuer.clone()), (8, issuer)];
        let name = match kind {
            IssuerKind::Email => {
                if claims.0.get("email_verified") != Some(&serde_json::Value::Bool(true)) {
                    return Err(Refusal::stranger("the identity token's issuer has not verified the e-mail address"));
                }
                Name::Email(email(need("email")?)?)
            }
            IssuerKind::Github(server) => {
                extensions.extend(github(claims, server)?);
                Name::Uri(format!("{server}/{}", need("job_workflow_ref")?))
            }
            IssuerKind::Gitlab(server) => {
                extensions.extend(gitlab(claims, server)?);
                Name::Uri(format!("https://{}", need("ci_config_ref_uri")?))
            }
            IssuerKind::Buildkite => {
                Name::Uri(format!("https://buildkite.com/{}/{}", need("organization_slug")?, need("pipeline_slug")?))
            }
            IssuerKind::Kubernetes => Name::Uri(kubernetes(claims)?),
            IssuerKind::Spiffe(domain) => {
                let wrong = || Refusal::stranger(format!("the token's subject is no SPIFFE ID in `{domain}`"));
                let path = challenge.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(domain.as_str()));
                // Only a path may follow the trust domain (SPIFFE-ID, 2.1).
                if !path.is_some_and(|path| path.is_empty() || path.starts_with('/')) {
                    return Err(wrong());
                }
                Name::Uri(challenge.clone())
            }
            IssuerKind::Uri(domain) => {
                let rest = challenge.strip_prefix(domain.as_str());
                if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                    return Err(Refusal::stranger(format!("the token's subject is not under `{domain}`")));
                }
                Name::Uri(challenge.clone())
            }
            IssuerKind::Username(domain) => {
                if challenge.contains('!') || challenge.contains('@') {
                    return Err(Refusal::stranger("the token's subject is no user name"));
                }
                Name::Other(format!("{challenge}!{domain}"))
            }
        };
        let text = match &name {
            Name::Email(text) | Name::Uri(text) | Name::Other(text) => text,
        };
        if !printable(text) || (!matches!(name, Name::Other(_)) && !text.is_ascii()) {
            return Err(Refusal::stranger("the name in the identity token cannot stand in a certificate"));
        }
        if let Some((number, _)) = extensions.iter().find(|(_, value)| !printable(value)) {
            return Err(Refusal::stranger(format!("the claim for extension {number} cannot stand in a certificate")));
        }
        extensions.sort_by_key(|(number, _)| *number);
        Ok(Self { name, challenge, extensions })
    }

    /// Extensions of the certificate, in DER: the name, then Fulcio's own.
    pub(crate) fn in_certificate(&self) -> Vec<Vec<u8>> {
        let name = match &self.name {
            Name::Email(text) => der::tlv(tag::context(1), text.as_bytes()),
            Name::Uri(text) => der::tlv(tag::context(6), text.as_bytes()),
            Name::Other(text) => {
                let value = der::tlv(tag::outer(0), &der::utf8(text));
                der::tlv(tag::outer(0), &[der::oid(OTHER_NAME), value].concat())
            }
        };
        // Critical, since the subject is empty (RFC 5280, 4.2.1.6).
        let mut out = vec![x509::extension(SUBJECT_NAME, true, &der::seq(&[&name]))];
        for (number, value) in &self.extensions {
            // 1 to 6 are the bare text, from 8 on a UTF8String.
            let value = if *number < 8 { value.as_bytes().to_vec() } else { der::utf8(value) };
            if let Ok(id) = FULCIO.push_arc(*number) {
                out.push(x509::extension(id, false, &value));
            }
        }
        out
    }
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)
}

/// An address that can be compared byte for byte; not a judgement on RFC 5322.
fn email(text: &str) -> Result<String, Refusal> {
    let wrong = || Refusal::stranger("the e-mail address in the identity token is not usable");
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()\",;:\\[]".contains(&byte))
    };
    if text.len() > 320 || !plain(local) || !plain(domain) || local.contains('@') {
        return Err(wrong());
    }
    Ok(text.to_owned())
}

/// Column "GitHub" of the table in `oid-info.md`.
fn github(claims: &Claims, server: &str) -> Result<Vec<(u32, String)>, Refusal> {
    let need =
        |name: &str| claims.text(name).ok_or_else(|| Refusal::stranger(format!("the identity token has no `{name}`")));
    let (repository, sha, reference) = (need("repository")?, need("sha")?, need("ref")?);
    let (event, workflow) = (need("event_name")?, need("workflow")?);
    let signer = need("job_workflow_ref")?;
    let address = |path: String| format!("{server}/{path}");
    let given = |name: &str| claims.scalar(name);
    let run = given("run_id").zip(given("run_attempt"));
    let all = [
        (2, Some(event.to_owned())),
        (3, Some(sha.to_owned())),
        (4, Some(workflow.to_owned())),
        (5, Some(repository.to_owned())),
        (6, Some(reference.to_owned())),
        (9, Some(address(signer.to_owned()))),
        (10, given("job_workflow_sha")),
        (11, given("runner_environment")),
        (12, Some(address(repository.to_owned()))),
        (13, Some(sha.to_owned())),
        (14, Some(reference.to_owned())),
        (15, given("repository_id")),
        (16, given("repository_owner").map(address)),
        (17, given("repository_owner_id")),
        (18, given("workflow_ref").map(address)),
        (19, given("workflow_sha")),
        (20, Some(event.to_owned())),
        (21, run.map(|(run, attempt)| address(format!("{repository}/actions/runs/{run}/attempts/{attempt}")))),
        (22, given("repository_visibility")),
        (23, given("environment")),
    ];
    Ok(all.into_iter().filter_map(|(number, value)| Some((number, value?))).collect())
}

/// Column "GitLab" of the table in `oid-info.md`.
fn gitlab(claims: &Claims, server: &str) -> Result<Vec<(u32, String)>, Refusal> {
    let need = |name: &str| {
        claims.scalar(name).ok_or_else(|| Refusal::stranger(format!("the identity token has no `{name}`")))
    };
    let config = format!("https://{}", need("ci_config_ref_uri")?);
    let project = format!("{server}/{}", need("project_path")?);
    let reference = match need("ref_type")?.as_str() {
        "branch" => format!("refs/heads/{}", need("ref")?),
        "tag" => format!("refs/tags/{}", need("ref")?),
        _ => return Err(Refusal::stranger("the identity token's `ref_type` is neither `branch` nor `tag`")),
    };
    let given = |name: &str| claims.scalar(name);
    let all = [
        (9, Some(config.clone())),
        (10, given("ci_config_sha")),
        (11, given("runner_environment")),
        (12, Some(project.clone())),
        (13, given("sha")),
        (14, Some(reference)),
        (15, given("project_id")),
        (16, given("namespace_path").map(|path| format!("{server}/{path}"))),
        (17, given("namespace_id")),
        (18, Some(config)),
        (19, given("ci_config_sha")),
        (20, given("pipeline_source")),
        (21, given("job_id").map(|job| format!("{project}/-/jobs/{job}"))),
        (22, given("project_visibility")),
        (23, given("environment")),
    ];
    Ok(all.into_iter().filter_map(|(number, value)| Some((number, value?))).collect())
}

fn kubernetes(claims: &Claims) -> Result<String, Refusal> {
    let wrong = || Refusal::stranger("the identity token names no service account (`kubernetes.io`)");
    let cluster = claims.0.get("kubernetes.io").ok_or_else(wrong)?;
    // Names of Kubernetes are DNS labels: nothing that could lead to another path.
    let label = |value: Option<&serde_json::Value>| {
        value
            .and_then(serde_json::Value::as_str)
            .filter(|text| {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            })
            .map(str::to_owned)
            .ok_or_else(wrong)
    };
    let namespace = label(cluster.get("namespace"))?;
    let account = label(cluster.pointer("/serviceaccount/name"))?;
    Ok(format!("https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{account}"))
}
