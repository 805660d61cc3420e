//! What a `ClusterImagePolicy` demands of signatures: several identities, trust roots of its own, timestamps, another place or prefix.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use signet_policy::kyverno::verify_images::{
    Answer, Demand, DemandedLog, DemandedSigner, Found, Identity, Layout, RootRef,
};
use signet_trust::{
    CertificateIdentity, Issuer, LogRequirement, Matcher, NameKind, PublicKey, Requirements, SctRequirement, Signature,
    Signed, TimeSource, TrustRoot, TrustedKey, Verified, Window,
};

use super::Outside;
use super::question::in_toto;
use crate::verify::demand as flags;
use crate::verify::discover::{Pinned, repository_at};
use crate::verify::judge::Wanted;

impl Outside {
    /// Answers a demand.
    pub(super) fn demanded(&self, demand: &Demand) -> Result<Answer> {
        let mut pinned = self.pinned(&demand.reference)?;
        let about = pinned.digest.to_string();
        if let Some(source) = &demand.source {
            ensure!(
                source.tag_prefix.is_empty(),
                "signatures under the prefix `{}` are not looked for",
                source.tag_prefix
            );
            if !source.repository.is_empty() {
                let elsewhere = crate::image_name::image(&source.repository).context("the policy's `source`")?;
                pinned = Pinned { reference: repository_at(&elsewhere, None, Some(pinned.digest))?, ..pinned };
            }
        }
        if let DemandedSigner::Notation { roots, timestamp_roots, level, verify_timestamp } = &demand.signer {
            ensure!(demand.predicate_type.is_none(), "attestations that are signed in Notary's way are not read");
            let found = self.notation(&pinned, roots, timestamp_roots, level, verify_timestamp)?;
            return Ok(match found {
                Err(why) => Answer::Refused(why),
                Ok(signers) => Answer::Found(Box::new(Found {
                    digest: about,
                    signatures: signers.into_iter().map(|signer| json!({"id": signer})).collect(),
                    statements: Vec::new(),
                })),
            });
        }
        let wanted = match &demand.predicate_type {
            None => Wanted::Signature(demand.annotations.clone()),
            Some(kind) => Wanted::Attestation(Some(kind.clone())),
        };
        let held = flags::Demand { root: self.material(demand)?, requirements: self.held_to(demand)? };
        let layout = if demand.layout == Layout::Notary { Layout::Cosign } else { demand.layout };
        Ok(match self.verified(&pinned, layout, &wanted, &held)? {
            Err(why) => Answer::Refused(why),
            Ok(found) => {
                let mut answer = Found { digest: about, ..Found::default() };
                for (verified, candidate) in &found {
                    let shown = shown(verified, &signet_model::Digest::sha256(&candidate.bytes).to_string());
                    match &verified.signed {
                        Signed::Statement(statement) if demand.predicate_type.is_some() => {
                            answer.statements.push((shown, in_toto(statement)));
                        }
                        _ => answer.signatures.push(shown),
                    }
                }
                Answer::Found(Box::new(answer))
            }
        })
    }

    fn held_to(&self, demand: &Demand) -> Result<Requirements> {
        let mut requirements = match &demand.signer {
            DemandedSigner::Key { key, algorithm } => {
                ensure!(
                    matches!(algorithm.as_str(), "" | "sha256"),
                    "signatures over `{algorithm}` are not verified for images: Cosign signs them over sha256"
                );
                Requirements::keys(vec![TrustedKey::always(self.key(key)?)])
            }
            DemandedSigner::Keyless { identities, ignore_certificate_log, .. } => {
                let mut requirements =
                    Requirements::keyless(identities.iter().map(identity).collect::<Result<Vec<_>>>()?);
                if *ignore_certificate_log {
                    requirements.sct = SctRequirement::InsecureIgnored;
                }
                requirements
            }
            DemandedSigner::Notation { .. } => bail!("Notary's signatures are verified in another way"),
        };
        if demand.log == DemandedLog::Ignored {
            requirements.log = LogRequirement::InsecureIgnored;
        }
        if demand.timestamp.is_some() {
            requirements.time = TimeSource::Timestamps(1);
        }
        Ok(requirements)
    }

    /// What is trusted. A part that the policy names stands alone in the place of the program's own.
    fn material(&self, demand: &Demand) -> Result<TrustRoot> {
        let documents: Vec<(&str, &str)> = demand
            .roots()
            .filter_map(|root| match root {
                RootRef::Named { name, spec } => Some((name.as_str(), &**spec)),
                _ => None,
            })
            .collect();
        let mut root = match documents.as_slice() {
            [] => self.root()?,
            [(name, spec), rest @ ..] => {
                ensure!(rest.iter().all(|(other, _)| other == name), "an authority of two trust roots is not verified");
                // A root that is named for a log alone must not vouch for certificates.
                if let DemandedSigner::Keyless { authority, .. } = &demand.signer {
                    ensure!(
                        matches!(authority, RootRef::Named { .. } | RootRef::Material(_)),
                        "trust root `{name}` is named for a log or timestamps, and whom to trust for certificates is not"
                    );
                }
                ensure!(!spec.is_empty(), "trust root `{name}` is not there");
                let spec = serde_json::from_str(spec).with_context(|| format!("trust root `{name}`"))?;
                from_document(&spec).with_context(|| format!("trust root `{name}`"))?
            }
        };
        // Which keys of the program's own material are those of a service that a policy names by its address cannot be told.
        if let Some(RootRef::Url(url)) = demand.roots().find(|root| matches!(root, RootRef::Url(_))) {
            bail!(
                "the policy names the service `{url}` and not whom to trust for it: give a `trustRootRef` or its certificates"
            );
        }
        if let DemandedSigner::Keyless { authority, certificate_log_key, .. } = &demand.signer {
            if let RootRef::Material(pem) = authority {
                root = root
                    .without_authorities()
                    .with_authority(pem, Window::default())
                    .context("the policy's certificates")?;
            }
            if !certificate_log_key.trim().is_empty() {
                let key = PublicKey::from_pem(certificate_log_key).context("the policy's key of a certificate log")?;
                root = root.without_certificate_logs().with_certificate_log(key, Window::default());
            }
        }
        if let DemandedLog::Required(RootRef::Material(pem)) = &demand.log {
            let key = PublicKey::from_pem(pem).context("the policy's key of a log")?;
            root = root.without_logs().with_log(key, None, Window::default());
        }
        if let Some(RootRef::Material(pem)) = &demand.timestamp {
            root = root
                .without_timestamp_authorities()
                .with_timestamp_authority(pem, Window::default())
                .context("the policy's timestamp authority")?;
        }
        Ok(root)
    }
}

fn identity(who: &Identity) -> Result<CertificateIdentity> {
    let matcher = |plain: &str, pattern: &str| -> Result<Option<Matcher>> {
        match (plain, pattern) {
            ("", "") => Ok(None),
            ("", pattern) => {
                Matcher::pattern(pattern).map(Some).map_err(|why| anyhow!("`{pattern}` cannot be matched: {why}"))
            }
            (plain, _) => Ok(Some(Matcher::Exact(plain.to_owned()))),
        }
    };
    let anything = || Matcher::glob("*").map_err(|why| anyhow!(why));
    let (name, issuer) = (matcher(&who.subject, &who.subject_pattern)?, matcher(&who.issuer, &who.issuer_pattern)?);
    ensure!(name.is_some() || issuer.is_some(), "an identity names neither subject nor issuer");
    Ok(CertificateIdentity {
        kind: NameKind::Any,
        name: name.map_or_else(anything, Ok)?,
        issuer: issuer.map_or(Issuer::Any, Issuer::Is),
        claims: Vec::new(),
    })
}

/// A `TrustRoot` document: a `trusted_root.json`, or keys and certificates one by one. One that must be fetched is not fetched here.
fn from_document(spec: &Value) -> Result<TrustRoot> {
    if let Some(text) = spec.get("trustedRootJSON").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        return Ok(TrustRoot::from_json(text.as_bytes())?);
    }
    let Some(keys) = spec.get("sigstoreKeys").filter(|keys| !keys.is_null()) else {
        bail!("it lies in a TUF repository, which is not read here: write its `trustedRootJSON`");
    };
    let list = |key: &str| keys.get(key).and_then(Value::as_array).into_iter().flatten();
    let pem = |of: &Value, key: &str| -> Result<String> {
        let text = of.get(key).and_then(Value::as_str).unwrap_or_default();
        let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(compact).with_context(|| format!("`{key}`"))?;
        String::from_utf8(bytes).with_context(|| format!("`{key}` is no text"))
    };
    let mut root = TrustRoot::empty();
    for authority in list("certificateAuthorities") {
        root = root.with_authority(&pem(authority, "certChain")?, Window::default())?;
    }
    for authority in list("timestampAuthorities") {
        root = root.with_timestamp_authority(&pem(authority, "certChain")?, Window::default())?;
    }
    for log in list("tLogs") {
        root = root.with_log(PublicKey::from_pem(&pem(log, "publicKey")?)?, None, Window::default());
    }
    for log in list("ctLogs") {
        root = root.with_certificate_log(PublicKey::from_pem(&pem(log, "publicKey")?)?, Window::default());
    }
    Ok(root)
}

/// A signature as policies in Rego see it. Source: sigstore/policy-controller:pkg/webhook/policyresult.go.
fn shown(verified: &Verified<Signature>, id: &str) -> Value {
    let mut shown = json!({"id": id});
    let Some(certificate) = &verified.certificate else { return shown };
    let claims = certificate.claims();
    let texts = [
        ("subject", certificate.names().first().map(|name| name.value().to_owned())),
        ("issuer", claims.issuer.clone()),
        ("githubWorkflowTrigger", claims.github_workflow_trigger.clone()),
        ("githubWorkflowSha", claims.github_workflow_sha.clone()),
        ("githubWorkflowName", claims.github_workflow_name.clone()),
        ("githubWorkflowRepo", claims.github_workflow_repository.clone()),
        ("githubWorkflowRef", claims.github_workflow_ref.clone()),
    ];
    for (name, text) in texts {
        if let (Some(text), Some(entries)) = (text, shown.as_object_mut()) {
            entries.insert(name.to_owned(), Value::String(text));
        }
    }
    shown
}
