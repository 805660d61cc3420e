//! From the flags to somebody who can sign: a key, or a token and the authority that certifies it, and the services around.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use signet_keys::identity::{self, IdentityToken, Provider};
use signet_keys::sigstore::{self, Flow, Layouts, Log, LogVersion, Login, Pool, Prompt, Services};
use signet_oci_client::Secret;
use signet_trust::TrustRoot;
use signet_trust::seal::{Against, Document, Draft, Predicate};
use signet_trust::slsa::claim::SignedBy;

use super::args::{ProvenanceArgs, SealArgs};
use super::blob::Claim;
use super::{Voice, consent};
use crate::key::Keyring;
use crate::key::args::KeyAccess;
use crate::provenance;
use crate::settings::Settings;
use crate::trust::{self, Renewal};
use crate::verify::args::ReachArgs;
use crate::verify::demand;

/// Sigstore's own identity provider.
const ISSUER: &str = "https://oauth2.sigstore.dev/auth";
/// No token is longer.
const LONGEST_TOKEN: u64 = 64 << 10;

/// Who signs, with what the services' answers are held to.
pub(crate) struct Seal {
    keyring: Keyring,
    sealer: sigstore::Sealer,
    root: Option<TrustRoot>,
    /// The token that the certificate was issued for.
    token: Option<IdentityToken>,
    voice: Voice,
}

impl Seal {
    /// Reads the flags, opens the key or gets a certificate.
    pub(crate) fn new(args: &SealArgs, reach: &ReachArgs, voice: Voice, settings: &Settings) -> Result<Seal> {
        let access = KeyAccess {
            password_file: args.password_file.clone(),
            plain_http: reach.plain_http.clone(),
            ca_cert: reach.ca_cert.clone(),
        };
        let keyring = Keyring::new(&access, settings)?;
        let (services, instance) = services(args, reach, settings)?;
        let root = match (demand::named_root(args.trusted_root.as_deref())?, &args.certificate_chain) {
            (Some(root), _) => Some(root),
            // Who brings the chain of a certificate says by that who issued it; the instance's logs and timestamps stay what they are.
            (None, Some(path)) => instance.map(|root| demand::held_to_chain(root, path)).transpose()?,
            (None, None) => instance,
        };
        let asked = !services.logs.candidates.is_empty() || !services.timestamps.candidates.is_empty();
        if root.is_none() && (asked || args.key.is_none()) {
            settings.warn(
                "no trusted root is named, so it is not known whether the services' answers are theirs: `--trusted-root FILE`",
            );
        }
        if args.certificate.is_some() && !asked {
            settings.warn(
                "nobody vouches for the time of signing: a verifier that holds the certificate to a time refuses the signature",
            );
        }
        let (sealer, token) = match &args.key {
            Some(uri) => {
                let logs: Vec<&str> = services.logs.candidates.iter().map(|log| log.url.as_str()).collect();
                if args.certificate.is_some() && !args.yes && !logs.is_empty() {
                    consent::to_publish("the name in the certificate", &logs, settings)?;
                }
                (by_key(args, uri, services, &keyring)?, None)
            }
            None => {
                let (sealer, token) = keyless(args, services, &keyring, voice, settings).map_err(|err| {
                    without_network(
                        err,
                        "an identity is vouched for by services on the network; `--key KEY --tlog-upload=false` signs without one, and whoever verifies that needs `--insecure-ignore-tlog`",
                    )
                })?;
                (sealer, Some(token))
            }
        };
        Ok(Seal { keyring, sealer, root, token, voice })
    }

    /// Whether these layouts can be written at all, before anything is entered into a log.
    pub(crate) fn check(&self, layouts: Layouts) -> Result<()> {
        Ok(self.sealer.check_layouts(layouts)?)
    }

    /// Signs, and gathers what vouches for it.
    pub(crate) fn draft<'d>(&self, document: Document<'d>, layouts: Layouts, settings: &Settings) -> Result<Draft<'d>> {
        let draft = self.keyring.wait(self.sealer.seal(document, layouts)).map_err(|err| match self.token {
            // Without a log or a timestamp, nobody believes a certificate that is good for minutes.
            Some(_) => err.into(),
            None => without_network(
                err.into(),
                "`--tlog-upload=false` signs without the log, and whoever verifies that needs `--insecure-ignore-tlog`",
            ),
        })?;
        for index in draft.log_indices() {
            self.voice.say(
                settings,
                &format!("entered into the transparency log at index {index}"),
                &format!("tlog entry created with index: {index}"),
            );
        }
        Ok(draft)
    }

    /// How this build came about, as far as whoever signs is believed.
    pub(crate) fn provenance(&self, args: &ProvenanceArgs, settings: &Settings) -> Result<Claim> {
        let source = args.source_uri.as_deref().map(|text| match text.rsplit_once('@') {
            // `git@host:path` names a user there and no commit.
            Some((uri, commit)) if !commit.contains([':', '/']) => (uri, Some(commit)),
            _ => (text, None),
        });
        let told = provenance::Told { builder: args.builder_id.as_deref(), source };
        let signed_by = if self.token.is_some() { SignedBy::Token } else { SignedBy::Key };
        let token = self.token.as_ref().map(|token| token.secret().reveal());
        let written = provenance::here(token, signed_by, told, settings)?;
        let text = written.predicate.to_string();
        Ok(Claim::Predicate(Predicate::new(written.predicate_type, text.as_bytes())?))
    }

    pub(crate) fn author(&self) -> &signet_trust::seal::Author {
        self.sealer.author()
    }

    /// What the services' answers are held to.
    pub(crate) fn against(&self) -> Against<'_> {
        self.root.as_ref().map_or(Against::NobodyKnown, Against::Root)
    }
}

/// Where no service could be reached, what can be done without any.
fn without_network(err: anyhow::Error, hint: &str) -> anyhow::Error {
    let unreachable =
        err.chain().any(|cause| cause.downcast_ref::<signet_keys::Error>().is_some_and(|err| err.unreachable));
    if unreachable { crate::hint(err, hint) } else { err }
}

/// The services, and what their answers are held to when nobody names a root: those of the chosen instance (`signet trust init`), as long as no other
/// address is named.
fn services(args: &SealArgs, reach: &ReachArgs, settings: &Settings) -> Result<(Services, Option<TrustRoot>)> {
    let now = crate::settings::now();
    let named = args.fulcio_url.is_some() || args.rekor_url.is_some() || args.timestamp_server_url.is_some();
    let (mut services, mut root) = match &args.signing_config {
        Some(path) => {
            let read = Services::from_signing_config(&demand::file(path)?, now);
            (read.with_context(|| format!("`{}` is no signing config", path.display()))?, None)
        }
        None => of_instance(named, reach, settings)?,
    };
    // As Cosign does: an address that is not named stays the instance's, but for timestamps, which are asked for or not.
    if named {
        root = None;
        services.timestamps = Pool::default();
    }
    if let Some(url) = &args.fulcio_url {
        services.authorities = vec![url.clone()];
    }
    if let Some(url) = &args.rekor_url {
        let version = if args.rekor_version == "2" { LogVersion::V2 } else { LogVersion::V1 };
        services.logs = Pool::one(Log { url: url.clone(), version });
    }
    if let Some(url) = &args.timestamp_server_url {
        services.timestamps = Pool::one(url.clone());
    }
    if !args.tlog_upload {
        services.logs = Pool::default();
        // A key needs nobody's word for the time, so then nobody is asked.
        if args.key.is_some() && root.is_some() {
            services.timestamps = Pool::default();
        }
    }
    Ok((services, root))
}

/// The services of the chosen instance. `named`: some of them are named by address, so the instance need not say which it has.
fn of_instance(named: bool, reach: &ReachArgs, settings: &Settings) -> Result<(Services, Option<TrustRoot>)> {
    let current = trust::in_use(&demand::access(reach), Renewal::Afterwards, settings)?;
    let services = match &current.signing_config {
        Some(bytes) => Services::from_signing_config(bytes, crate::settings::now())
            .with_context(|| format!("the signing config of `{}` cannot be read", current.mirror()))?,
        None if named => Services::default(),
        None => {
            return Err(crate::hint(
                anyhow!("`{}` does not say which services sign", current.mirror()),
                "name them: `--signing-config FILE`, or `--fulcio-url`, `--rekor-url` and `--timestamp-server-url`"
                    .to_owned(),
            ));
        }
    };
    Ok((services, Some(current.into_root())))
}

fn by_key(args: &SealArgs, uri: &str, services: Services, keyring: &Keyring) -> Result<sigstore::Sealer> {
    let signer = keyring.wait(signet_keys::open(uri, &keyring.context))?;
    let Some(path) = &args.certificate else {
        return Ok(sigstore::Sealer::by_key(signer, services, &keyring.context));
    };
    let text = |path: &Path| {
        String::from_utf8(demand::file(path)?).with_context(|| format!("`{}` is no text", path.display()))
    };
    let chain = args.certificate_chain.as_deref().map(text).transpose()?.unwrap_or_default();
    Ok(sigstore::Sealer::by_certificate(signer, &text(path)?, &chain, services, &keyring.context)?)
}

fn keyless(
    args: &SealArgs,
    services: Services,
    keyring: &Keyring,
    voice: Voice,
    settings: &Settings,
) -> Result<(sigstore::Sealer, IdentityToken)> {
    voice.say(settings, "", "Generating ephemeral keys...");
    let token = token(args, &services, keyring, settings)?;
    if !args.yes {
        let logs: Vec<&str> = services.logs.candidates.iter().map(|log| log.url.as_str()).collect();
        consent::to_publish(token.identity(), &logs, settings)?;
    }
    voice.say(settings, "", "Retrieving signed certificate...");
    let sealer = keyring.wait(sigstore::Sealer::keyless(&token, services, &keyring.context))?;
    let name = sealer.author().certificate().and_then(|certificate| certificate.names().first());
    let name = name.map_or("", |name| name.value());
    voice.say(settings, &format!("signing as `{}`", crate::verify::show::clean(name)), "");
    Ok((sealer, token))
}

/// The token: given, of the surroundings, or by logging in.
fn token(args: &SealArgs, services: &Services, keyring: &Keyring, settings: &Settings) -> Result<IdentityToken> {
    let now = crate::settings::now();
    let audience = args.oidc_client_id.as_str();
    if let Some(given) = args.identity_token.as_deref().filter(|given| !given.is_empty()) {
        let path = Path::new(given);
        let text = if given.len() < 4096 && path.is_file() {
            String::from_utf8(demand::file_within(path, LONGEST_TOKEN)?)
                .map_err(|_| anyhow!("`{}` holds no token", path.display()))?
        } else {
            given.to_owned()
        };
        return same_issuer(IdentityToken::parse(&text, audience, now)?, args);
    }
    if let Some(name) = args.oidc_provider.as_deref().filter(|name| !name.is_empty()) {
        let provider = Provider::named(name).ok_or_else(|| {
            let names: Vec<&str> = Provider::ALL.iter().map(|(_, name)| *name).collect();
            crate::usage(anyhow!("`--oidc-provider {name}` is not known: {}", names.join(", ")))
        })?;
        return same_issuer(keyring.wait(identity::from_provider(provider, audience, &keyring.context))?, args);
    }
    if !args.oidc_disable_ambient_providers
        && let Some((provider, token)) = keyring.wait(identity::ambient(audience, &keyring.context))?
    {
        settings.detail(format!("the identity token is from `{}`", provider.name()));
        return same_issuer(token, args);
    }
    let terminal = std::io::stdin().is_terminal();
    let flow = match args.fulcio_auth_flow.as_deref() {
        Some("token") => {
            return Err(crate::hint(
                anyhow!("there is no identity token"),
                "give one with `--identity-token`, or in SIGSTORE_ID_TOKEN",
            ));
        }
        Some("normal") => Flow::Browser,
        Some("device") => Flow::Device,
        _ if terminal => Flow::Browser,
        _ => Flow::Device,
    };
    let secret = match &args.oidc_client_secret_file {
        Some(path) => {
            let text = String::from_utf8(demand::file_within(path, LONGEST_TOKEN)?)
                .map_err(|_| anyhow!("`{}` holds no secret", path.display()))?;
            Some(Secret::new(text.trim()))
        }
        None => None,
    };
    let issuer = args.oidc_issuer.clone().or_else(|| services.issuers.first().cloned());
    let login = Login {
        issuer: issuer.unwrap_or_else(|| ISSUER.to_owned()),
        client_id: args.oidc_client_id.clone(),
        client_secret: secret,
        redirect: args.oidc_redirect_url.clone(),
        flow,
    };
    Ok(keyring.wait(sigstore::login(&login, &keyring.context, &|prompt| tell(prompt, terminal)))?)
}

/// A token that is there all the same must be by the provider that was asked for: another identity than the expected one is worse than none.
fn same_issuer(token: IdentityToken, args: &SealArgs) -> Result<IdentityToken> {
    match args.oidc_issuer.as_deref() {
        Some(wanted) if token.issuer().trim_end_matches('/') != wanted.trim_end_matches('/') => Err(crate::hint(
            anyhow!("the identity token is by `{}` and not by `{wanted}`", crate::verify::show::clean(token.issuer())),
            "leave `--oidc-issuer` out, or log in there: `--oidc-disable-ambient-providers`",
        )),
        _ => Ok(token),
    }
}

#[allow(clippy::print_stderr, reason = "what the person must do next, also with `--quiet`")]
fn tell(prompt: &Prompt, terminal: bool) {
    match prompt {
        Prompt::Open(url) => {
            eprintln!("Your browser will now be opened to:\n{url}");
            if terminal {
                open(url);
            }
        }
        Prompt::Enter { url, code } => {
            eprintln!("Enter the verification code {code} in your browser at: {url}");
        }
    }
}

/// Starts the desktop's browser, if there is one; the address was printed anyhow.
fn open(url: &str) {
    use std::process::{Command, Stdio};
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let _started =
        Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
