//! What a signature is held to, from the flags.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use signet_trust::{
    CertificateIdentity, Claim, IdentityRequirement, Issuer, LogRequirement, Matcher, NameKind, PublicKey,
    Requirements, SctRequirement, TimeSource, TrustRoot, TrustedKey, Window, Witness, Witnesses,
};

use super::args::{ReachArgs, SignerArgs};
use crate::key::Keyring;
use crate::key::args::KeyAccess;
use crate::net::Access;
use crate::settings::Settings;
use crate::trust::Renewal;

/// The largest file of certificates or trusted material that is read.
const LARGEST: u64 = 4 << 20;

/// Trusted material and requirements. Annotations and types are added by who asks for them.
pub(crate) struct Demand {
    pub(crate) root: TrustRoot,
    pub(crate) requirements: Requirements,
}

impl Demand {
    /// Reads the flags. A key, or both a name and an issuer, must be asked for: there is no "anybody".
    pub(crate) fn of(args: &SignerArgs, reach: &ReachArgs, settings: &Settings) -> Result<Demand> {
        let requirements = match &args.key {
            Some(uri) => by_key(args, public_key(uri, reach, settings)?),
            None => by_certificate(args, settings)?,
        };
        if args.insecure_ignore_tlog {
            settings.warn("transparency logs are not asked for: a signature that was made in secret is accepted");
        }
        let witnesses = witnesses(args)?;
        let mut root = root(args, reach, settings)?;
        if let Some(witnesses) = witnesses {
            root = root.with_witnesses(witnesses);
        }
        Ok(Demand { root, requirements })
    }

    pub(crate) fn is_by_key(&self) -> bool {
        matches!(self.requirements.identity, IdentityRequirement::Keys(_))
    }
}

/// How registries are reached.
pub(crate) fn access(reach: &ReachArgs) -> Access {
    Access { plain_http: reach.plain_http.clone(), ca_cert: reach.ca_cert.clone(), ..Access::default() }
}

fn public_key(uri: &str, reach: &ReachArgs, settings: &Settings) -> Result<PublicKey> {
    let access =
        KeyAccess { plain_http: reach.plain_http.clone(), ca_cert: reach.ca_cert.clone(), ..KeyAccess::default() };
    let keyring = Keyring::new(&access, settings)?;
    Ok(keyring.wait(signet_keys::public_key(uri, &keyring.context))?)
}

fn by_key(args: &SignerArgs, key: PublicKey) -> Requirements {
    let mut requirements = Requirements::keys(vec![TrustedKey::always(key)]);
    if args.use_signed_timestamps {
        requirements.time = TimeSource::Timestamps(1);
    }
    if args.insecure_ignore_tlog {
        requirements.log = LogRequirement::InsecureIgnored;
    }
    requirements
}

fn by_certificate(args: &SignerArgs, settings: &Settings) -> Result<Requirements> {
    let name = matcher(args.certificate_identity.as_deref(), args.certificate_identity_regexp.as_deref(), settings)?
        .ok_or_else(|| {
            crate::usage(anyhow!(
                "who must have signed is not said: give `--key`, or `--certificate-identity` (or `--certificate-identity-regexp`) and `--certificate-oidc-issuer` (or `--certificate-oidc-issuer-regexp`)"
            ))
        })?;
    let issuer =
        matcher(args.certificate_oidc_issuer.as_deref(), args.certificate_oidc_issuer_regexp.as_deref(), settings)?
            .ok_or_else(|| {
                crate::usage(anyhow!(
                    "who must have vouched for the signer is not said: give `--certificate-oidc-issuer` or `--certificate-oidc-issuer-regexp`"
                ))
            })?;
    let claims = [
        (Claim::GithubWorkflowTrigger, &args.certificate_github_workflow_trigger),
        (Claim::GithubWorkflowSha, &args.certificate_github_workflow_sha),
        (Claim::GithubWorkflowName, &args.certificate_github_workflow_name),
        (Claim::GithubWorkflowRepository, &args.certificate_github_workflow_repository),
        (Claim::GithubWorkflowRef, &args.certificate_github_workflow_ref),
    ];
    let claims = claims.into_iter().filter_map(|(claim, wanted)| Some((claim, wanted.clone()?))).collect();
    let identity = CertificateIdentity { kind: NameKind::Any, name, issuer: Issuer::Is(issuer), claims };
    let mut requirements = Requirements::keyless(vec![identity]);
    if args.use_signed_timestamps {
        requirements.time = TimeSource::Timestamps(1);
    }
    if args.insecure_ignore_tlog {
        requirements.log = LogRequirement::InsecureIgnored;
    }
    if args.insecure_ignore_sct {
        requirements.sct = SctRequirement::InsecureIgnored;
    }
    Ok(requirements)
}

/// Witnesses are demanded beside everything else, and cannot be where logs are not looked at.
fn witnesses(args: &SignerArgs) -> Result<Option<Witnesses>> {
    if args.witness.is_empty() {
        return Ok(None);
    }
    if args.insecure_ignore_tlog {
        return Err(crate::usage(anyhow!(
            "`--witness` demands a tree head of the log, and `--insecure-ignore-tlog` says not to look at any"
        )));
    }
    let read = |text: &String| Witness::parse(text).map_err(|why| crate::usage(anyhow!("`--witness {text}` is {why}")));
    let all = args.witness.iter().map(read).collect::<Result<Vec<_>>>()?;
    let wanted = args.witness_threshold.unwrap_or(all.len());
    Witnesses::new(all, wanted).map(Some).map_err(|why| crate::usage(anyhow!("`--witness`: {why}")))
}

/// An empty text asks for nothing, as a flag that is not given.
fn matcher(exact: Option<&str>, pattern: Option<&str>, settings: &Settings) -> Result<Option<Matcher>> {
    if let Some(text) = exact.filter(|text| !text.is_empty()) {
        return Ok(Some(Matcher::Exact(text.to_owned())));
    }
    let Some(text) = pattern.filter(|text| !text.is_empty()) else { return Ok(None) };
    let matcher =
        Matcher::pattern(text).map_err(|why| crate::usage(anyhow!("`{text}` is no regular expression: {why}")))?;
    if let Some(warning) = matcher.warning() {
        settings.warn(warning);
    }
    Ok(Some(matcher))
}

/// What is trusted: a file of it, single authorities and logs, or the chosen instance. Never a mixture.
fn root(args: &SignerArgs, reach: &ReachArgs, settings: &Settings) -> Result<TrustRoot> {
    let authorities = match (&args.certificate_chain, &args.ca_roots) {
        (Some(chain), _) => Some(Authorities::Chain(chain)),
        (None, Some(roots)) => Some(Authorities::Roots(roots, args.ca_intermediates.as_deref())),
        (None, None) => None,
    };
    if let Some(root) = named(args.trusted_root.as_deref(), authorities, args.timestamp_certificate_chain.as_deref())? {
        return Ok(root);
    }
    let renewal = if args.no_trust_refresh { Renewal::Never } else { Renewal::Afterwards };
    crate::trust::trusted_root(&access(reach), renewal, settings)
}

/// What a signer's services are held to, if a file or the environment names it.
pub(crate) fn named_root(trusted_root: Option<&Path>) -> Result<Option<TrustRoot>> {
    named(trusted_root, None, None)
}

/// The same material, with the last certificate of a chain (PEM) as the one authority for signing certificates.
pub(crate) fn held_to_chain(root: TrustRoot, chain: &Path) -> Result<TrustRoot> {
    root.with_chain(&text(chain)?).with_context(|| chain.display().to_string())
}

/// The authorities for signing certificates that a person names.
enum Authorities<'a> {
    /// The certificates above a signing certificate, the root last.
    Chain(&'a Path),
    /// Roots, and what may stand between.
    Roots(&'a Path, Option<&'a Path>),
}

fn named(
    trusted_root: Option<&Path>,
    authorities: Option<Authorities<'_>>,
    timestamp_certificate_chain: Option<&Path>,
) -> Result<Option<TrustRoot>> {
    if let Some(path) = trusted_root {
        let bytes = file(path)?;
        let root = TrustRoot::from_json(&bytes).with_context(|| format!("`{}` is no trusted root", path.display()))?;
        return Ok(Some(root));
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    let roots = variable("SIGSTORE_ROOT_FILE");
    let authorities = authorities.or(roots.as_deref().map(|roots| Authorities::Roots(roots, None)));
    let stamps = timestamp_certificate_chain;
    let log = variable("SIGSTORE_REKOR_PUBLIC_KEY");
    let certificates = variable("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE");
    if authorities.is_none() && stamps.is_none() && log.is_none() && certificates.is_none() {
        return Ok(None);
    }
    let mut root = TrustRoot::empty();
    let named = |path: &Path| path.display().to_string();
    match authorities {
        Some(Authorities::Chain(path)) => root = root.with_chain(&text(path)?).with_context(|| named(path))?,
        Some(Authorities::Roots(roots, between)) => {
            root = root.with_authority(&text(roots)?, Window::default()).with_context(|| named(roots))?;
            if let Some(path) = between {
                root = root.with_intermediates(&text(path)?).with_context(|| named(path))?;
            }
        }
        None => {}
    }
    if let Some(path) = stamps {
        root = root.with_timestamp_authority(&text(path)?, Window::default()).with_context(|| named(path))?;
    }
    let key = |path: &Path| -> Result<PublicKey> {
        PublicKey::from_pem(&text(path)?).with_context(|| format!("`{}` is no public key", path.display()))
    };
    if let Some(path) = &log {
        root = root.with_log(key(path)?, None, Window::default());
    }
    if let Some(path) = &certificates {
        root = root.with_certificate_log(key(path)?, Window::default());
    }
    Ok(Some(root))
}

/// A file that a person named, if it is not too large.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>> {
    file_within(path, LARGEST)
}

pub(crate) fn file_within(path: &Path, largest: u64) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(largest + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    anyhow::ensure!(bytes.len() as u64 <= largest, "`{}` is larger than {largest} bytes", path.display());
    Ok(bytes)
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(file(path)?).with_context(|| format!("`{}` is no text", path.display()))
}

/// Cosign's short names of predicate types, as `--type` takes them.
const TYPES: [&str; 10] = [
    "slsaprovenance",
    "slsaprovenance02",
    "slsaprovenance1",
    "link",
    "spdx",
    "spdxjson",
    "cyclonedx",
    "vuln",
    "openvex",
    "custom",
];

/// Refuses a `--type` that nothing can ever be of: neither a short name nor a URI (RFC 3986 section 3: a scheme, and a colon).
pub(crate) fn known_type(text: &str) -> Result<()> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
    };
    if TYPES.contains(&text) || text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) {
        return Ok(());
    }
    Err(crate::usage(anyhow!("`--type {text}` is no type that is known ({}) and no URI", TYPES.join(", "))))
}

/// `KEY=VALUE` texts.
pub(crate) fn annotations(texts: &[String]) -> Result<Vec<(String, String)>> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(crate::usage(anyhow!("`--annotations {text}` is not KEY=VALUE"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_short_name_or_a_uri() {
        for (text, good) in [
            ("vuln", true),
            ("https://example.com/p/v1", true),
            ("urn:example:p", true),
            ("vulns", false),
            ("", false),
            ("slsa provenance:1", false),
            (":x", false),
        ] {
            assert_eq!(known_type(text).is_ok(), good, "{text}");
        }
        for name in TYPES {
            assert_ne!(signet_trust::predicate_types(name), [name], "{name} stands for something");
        }
    }
}
