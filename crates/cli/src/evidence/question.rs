//! A policy's question about signatures, as what a verification is held to.

use std::borrow::Cow;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use signet_policy::kyverno::verify_images::{Answer, Authority, Keyless, Layout, Logs, Signed};
use signet_trust::notation::{Envelope, EnvelopeKind, OciPolicy, Revocations, StoreKind, Target, TrustStores};
use signet_trust::{
    Artifact, Certificate, CertificateIdentity, Claim, Issuer, LogRequirement, Matcher, NameKind, PublicKey,
    Requirements, SctRequirement, Signature, Statement, TimeSource, TrustRoot, TrustedKey, Verified, Window,
};

use super::Outside;
use crate::key::Keyring;
use crate::key::args::KeyAccess;
use crate::verify::demand::{self, Demand};
use crate::verify::discover::{Candidate, Pinned, Shape, Tags, repository_at};
use crate::verify::judge::{self, Verdict, Wanted};

/// Statements that are handed to a policy.
const MAX_STATEMENTS: usize = 256;

/// What verified, with what it was read from.
type Found = (Verified<Signature>, Candidate);

impl Outside {
    pub(super) fn signed(&self, signed: &Signed) -> Result<Answer> {
        let mut pinned = self.pinned(&signed.reference)?;
        let about = pinned.digest.to_string();
        if signed.layout == Layout::Notary {
            return self.notary(signed, &pinned);
        }
        if !signed.repository.is_empty() {
            let elsewhere = crate::image_name::image(&signed.repository).context("the policy's `repository`")?;
            let reference = repository_at(&elsewhere, None, Some(pinned.digest))?;
            pinned = Pinned { reference, ..pinned };
        }
        let (tags, wanted) = match &signed.predicate_type {
            None => (Tags::Signatures, Wanted::Signature(signed.annotations.clone())),
            Some(kind) => (Tags::Attestations, Wanted::Attestation(Some(kind.clone()))),
        };
        if let Authority::Anybody = signed.authority {
            let kind = signed.predicate_type.as_deref().ok_or_else(|| anyhow!("a signature by anybody is none"))?;
            let candidates = self.registry.candidates(&pinned, tags, &self.settings)?;
            return unsigned(&candidates, &Artifact::Digest(&pinned.digest), kind)
                .map(|statements| Answer::Statements { digest: about, statements });
        }
        let mut demand = self.demand(&signed.authority)?;
        if signed.predicate_type.is_some() {
            demand.requirements.annotations.clone_from(&signed.annotations);
        }
        let mut found = self.verified(&pinned, signed.layout, &wanted, &demand)?;
        // GitHub's artifact attestations are the only seal of many images: for the type of Sigstore's bundles, whoever attests about an image vouches
        // for it. Source: kyverno/kyverno:pkg/cosign/sigstore.go, `fetchBundles` without a type.
        if found.is_err() && signed.layout == Layout::SigstoreBundle && signed.predicate_type.is_none() {
            demand.requirements.annotations.clone_from(&signed.annotations);
            let attested = self.verified(&pinned, signed.layout, &Wanted::Attestation(None), &demand)?;
            found = attested.or(found);
        }
        let found = match found {
            Ok(found) => found,
            Err(why) => return Ok(Answer::Refused(why)),
        };
        Ok(match &signed.predicate_type {
            None => Answer::Signed { digest: about },
            Some(_) => Answer::Statements {
                digest: about,
                statements: found.iter().filter_map(|(verified, _)| statement(verified)).collect(),
            },
        })
    }

    /// What lies beside an image and is as it is held to: at least one, or why there is none. Errors: it cannot be told, because something could not
    /// be read.
    pub(super) fn verified(
        &self,
        image: &Pinned,
        layout: Layout,
        wanted: &Wanted,
        demand: &Demand,
    ) -> Result<std::result::Result<Vec<Found>, String>> {
        let tags = match wanted {
            Wanted::Signature(_) => Tags::Signatures,
            Wanted::Attestation(_) => Tags::Attestations,
        };
        let mut candidates = self.registry.candidates(image, tags, &self.settings)?;
        if layout == Layout::SigstoreBundle {
            candidates
                .retain(|candidate| matches!(candidate.shape, Shape::Bundle | Shape::Unknown) || candidate.unread);
        }
        let blocked = self.blocked();
        if let Some(problem) = blocked.problem() {
            bail!("whether its signer is blocked cannot be told: {problem}");
        }
        let (mut found, mut unread, mut why, mut another) = (Vec::new(), None, Vec::new(), Vec::new());
        for one in judge::all(candidates, Artifact::Digest(&image.digest), wanted, demand, crate::settings::now()) {
            match one.verdict {
                Verdict::Verified(verified) => match crate::block::signer(&blocked, &verified) {
                    Some(stopped) => why.push(format!("{}: {stopped}", one.candidate.place)),
                    None => found.push((*verified, one.candidate)),
                },
                Verdict::Refused(err) if one.candidate.unread => {
                    unread = Some(format!("{}: {err}", one.candidate.place))
                }
                Verdict::Refused(err) => why.push(format!("{}: {err}", one.candidate.place)),
                Verdict::Unfit(..) => why.push(format!("{}: it is not what was asked for", one.candidate.place)),
                Verdict::Another(what) => another.push(what),
            }
        }
        ensure!(found.len() <= MAX_STATEMENTS, "more than {MAX_STATEMENTS} signatures lie beside the image");
        // Of statements all count: the one that could not be read may be the one that speaks against the image.
        let all = matches!(wanted, Wanted::Attestation(_));
        if let Some(unread) = unread.filter(|_| all || found.is_empty()) {
            bail!("what lies beside the image could not be read: {unread}");
        }
        if !found.is_empty() {
            return Ok(Ok(found));
        }
        another.sort();
        another.dedup();
        let beside = if another.is_empty() { String::new() } else { format!(" (there is {})", another.join(", ")) };
        Ok(Err(match (why.is_empty(), wanted) {
            (true, Wanted::Attestation(Some(kind))) => format!("no attestation of type `{kind}` found{beside}"),
            (true, Wanted::Attestation(None)) => format!("no attestation found{beside}"),
            (true, Wanted::Signature(_)) => format!("no signatures found{beside}"),
            (false, _) => format!("no signature is as the policy demands: {}", why.join("; ")),
        }))
    }

    /// Trusted material and requirements for an authority of a policy.
    fn demand(&self, authority: &Authority) -> Result<Demand> {
        let (requirements, logs, roots) = match authority {
            Authority::Key { key, algorithm, logs } => {
                ensure!(
                    matches!(algorithm.as_str(), "" | "sha256"),
                    "signatures over `{algorithm}` are not verified for images: Cosign signs them over sha256"
                );
                (Requirements::keys(vec![TrustedKey::always(self.key(key)?)]), logs, "")
            }
            Authority::Certificate { certificate, chain, logs } => {
                (by_certificate(certificate, chain)?, logs, chain.as_str())
            }
            Authority::Keyless(who) => (by_name(who)?, &who.logs, who.roots.as_str()),
            Authority::Anybody => bail!("anybody is nobody to verify by"),
        };
        let root = overridden(self.root()?, logs, roots)?;
        Ok(Demand { root, requirements: held(requirements, logs) })
    }

    pub(super) fn root(&self) -> Result<TrustRoot> {
        match demand::named_root(self.trusted_root.as_deref())? {
            Some(root) => Ok(root),
            None => {
                crate::trust::trusted_root(&demand::access(&self.reach), crate::trust::Renewal::Never, &self.settings)
            }
        }
    }

    /// A key as the policy writes it: PEM, or where it lives.
    pub(super) fn key(&self, key: &str) -> Result<PublicKey> {
        if key.contains("-----BEGIN") {
            return PublicKey::from_pem(key).context("the policy's key is no public key");
        }
        let access = KeyAccess {
            plain_http: self.reach.plain_http.clone(),
            ca_cert: self.reach.ca_cert.clone(),
            ..KeyAccess::default()
        };
        let keyring = Keyring::new(&access, &self.settings)?;
        Ok(keyring.wait(signet_keys::public_key(key, &keyring.context))?)
    }

    /// Signatures of the Notary Project, by the certificates of the policy, everything enforced. Source: kyverno/kyverno:pkg/notary/notary.go.
    fn notary(&self, signed: &Signed, pinned: &Pinned) -> Result<Answer> {
        let Authority::Certificate { certificate, chain, .. } = &signed.authority else {
            bail!("Notary's signatures are verified by certificates");
        };
        let roots = [certificate.clone(), chain.clone()];
        if let Some(kind) = &signed.predicate_type {
            return self.notary_statements(pinned, &roots, kind);
        }
        Ok(match self.notation(pinned, &roots, &[], "strict", "")? {
            Ok(_) => Answer::Signed { digest: pinned.digest.to_string() },
            Err(why) => Answer::Refused(why),
        })
    }

    /// Notation signatures of an image by these authorities: the names of the signers, or why there is none.
    pub(super) fn notation(
        &self,
        pinned: &Pinned,
        roots: &[String],
        timestamp_roots: &[String],
        level: &str,
        verify_timestamp: &str,
    ) -> Result<std::result::Result<Vec<String>, String>> {
        let mut stores = TrustStores::new();
        let mut named = vec!["ca:policy"];
        for pem in roots.iter().filter(|pem| !pem.trim().is_empty()) {
            stores.add(StoreKind::Authority, "policy", pem.as_bytes()).context("the policy's certificates")?;
        }
        for pem in timestamp_roots.iter().filter(|pem| !pem.trim().is_empty()) {
            stores.add(StoreKind::Timestamp, "policy", pem.as_bytes()).context("the policy's certificates")?;
            named = vec!["ca:policy", "tsa:policy"];
        }
        let mut verification = json!({"level": level});
        if !verify_timestamp.is_empty() {
            verification["verifyTimestamp"] = json!(verify_timestamp);
        }
        let policy = json!({"version": "1.0", "trustPolicies": [{
            "name": "policy",
            "registryScopes": ["*"],
            "signatureVerification": verification,
            "trustStores": named,
            "trustedIdentities": ["*"],
        }]});
        let policy = OciPolicy::parse(policy.to_string().as_bytes())?;
        let statement = policy.statement_for("").ok_or_else(|| anyhow!("a policy for everything is for nothing"))?;
        let manifest =
            self.registry.client().manifest(&repository_at(&pinned.reference, None, Some(pinned.digest))?)?;
        let target = Target {
            media_type: Some(manifest.media_type.clone()),
            digest: pinned.digest,
            size: u64::try_from(manifest.bytes.len())?,
        };
        let blocked = self.blocked();
        if let Some(problem) = blocked.problem() {
            bail!("whether its signer is blocked cannot be told: {problem}");
        }
        let (mut found, mut why, mut unread) = (Vec::new(), Vec::new(), None);
        for candidate in self.registry.candidates(pinned, Tags::Signatures, &self.settings)? {
            if candidate.unread {
                unread = Some(candidate.place.clone());
            }
            if candidate.shape != Shape::Notation {
                continue;
            }
            let json = candidate.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
            let envelope = Envelope::parse(&candidate.bytes, if json { EnvelopeKind::Jws } else { EnvelopeKind::Cose });
            let now = crate::settings::now();
            let verdict =
                signet_trust::notation::verify(&envelope, &target, statement, &stores, &Revocations::default(), now);
            if verdict.holds() && !verdict.is_skipped() {
                let signer = verdict.signer.clone().unwrap_or_default();
                match blocked.identity("", &signer) {
                    Some(stopped) => why.push(format!("{}: {stopped}", candidate.place)),
                    None => found.push(signer),
                }
                continue;
            }
            let refusal = verdict.refusal().map_or("it does not hold", |(_, why)| why);
            why.push(format!("{}: {refusal}", candidate.place));
        }
        if !found.is_empty() {
            return Ok(Ok(found));
        }
        if let Some(place) = unread {
            bail!("what lies beside the image could not be read: {place}");
        }
        Ok(Err(if why.is_empty() { "no signatures found".to_owned() } else { why.join("; ") }))
    }
}

/// The trusted material with what the policy names in its place. Each part that it names is trusted alone.
fn overridden(mut root: TrustRoot, logs: &Logs, roots: &str) -> Result<TrustRoot> {
    let log = |pem: &str| PublicKey::from_pem(pem).context("the policy's key of a log is no public key");
    if !roots.trim().is_empty() {
        root = root.without_authorities().with_authority(roots, Window::default()).context("the policy's `roots`")?;
    }
    if !logs.rekor_key.trim().is_empty() {
        root = root.without_logs().with_log(log(&logs.rekor_key)?, None, Window::default());
    }
    if !logs.certificate_log_key.trim().is_empty() {
        let key = log(&logs.certificate_log_key)?;
        root = root.without_certificate_logs().with_certificate_log(key, Window::default());
    }
    if !logs.timestamp_chain.trim().is_empty() {
        root = root
            .without_timestamp_authorities()
            .with_timestamp_authority(&logs.timestamp_chain, Window::default())
            .context("the policy's `tsaCertChain`")?;
    }
    Ok(root)
}

/// What the policy says of logs and times.
fn held(mut requirements: Requirements, logs: &Logs) -> Requirements {
    if logs.ignore_rekor {
        requirements.log = LogRequirement::InsecureIgnored;
    }
    if logs.ignore_certificate_log {
        requirements.sct = SctRequirement::InsecureIgnored;
    }
    if !logs.timestamp_chain.trim().is_empty() {
        requirements.time = TimeSource::Timestamps(1);
    }
    requirements
}

fn by_name(who: &Keyless) -> Result<Requirements> {
    // Kyverno's wildcards have `?` beside `*`; patterns are looked for anywhere, as it looks for them, and `policy lint` says so.
    let matcher = |plain: &str, pattern: &str| -> Result<Option<Matcher>> {
        let wrong = |why: String| anyhow!("`{plain}{pattern}` cannot be matched: {why}");
        match (plain, pattern) {
            ("", "") => Ok(None),
            ("", pattern) => Matcher::pattern(pattern).map(Some).map_err(wrong),
            (plain, _) => wildcard(plain).map(Some).map_err(wrong),
        }
    };
    let both = |plain: &str, pattern: &str| !plain.is_empty() && !pattern.is_empty();
    ensure!(
        !both(&who.subject, &who.subject_pattern) && !both(&who.issuer, &who.issuer_pattern),
        "a name is given both plainly and as a regular expression; write one of them"
    );
    let everything = || Matcher::glob("*").map_err(|why| anyhow!(why));
    let name = matcher(&who.subject, &who.subject_pattern)?.map_or_else(everything, Ok)?;
    let issuer = matcher(&who.issuer, &who.issuer_pattern)?.map_or(Issuer::Any, Issuer::Is);
    let claims = who
        .extensions
        .iter()
        .map(|(name, value)| {
            let claim =
                claim(name).ok_or_else(|| anyhow!("`{name}` is no extension of a certificate that is known here"))?;
            Ok((claim, value.clone()))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Requirements::keyless(vec![CertificateIdentity { kind: NameKind::Any, name, issuer, claims }]))
}

/// `*` is any text, `?` one letter.
fn wildcard(text: &str) -> std::result::Result<Matcher, String> {
    if !text.contains('?') {
        return if text.contains('*') { Matcher::glob(text) } else { Ok(Matcher::Exact(text.to_owned())) };
    }
    let escaped: Vec<Cow<'static, str>> = text
        .chars()
        .map(|letter| match letter {
            '*' => ".*".into(),
            '?' => ".".into(),
            other => regex::escape(other.encode_utf8(&mut [0; 4])).into(),
        })
        .collect();
    Matcher::pattern(&format!("^(?s:{})$", escaped.concat()))
}

/// Fulcio's extensions by the names that Cosign gives them, and by their identifiers.
/// Source: sigstore/cosign:pkg/cosign/certextensions.go, sigstore/fulcio:docs/oid-info.md.
fn claim(name: &str) -> Option<Claim> {
    Some(match name {
        "githubWorkflowTrigger" | "1.3.6.1.4.1.57264.1.2" => Claim::GithubWorkflowTrigger,
        "githubWorkflowSha" | "1.3.6.1.4.1.57264.1.3" => Claim::GithubWorkflowSha,
        "githubWorkflowName" | "1.3.6.1.4.1.57264.1.4" => Claim::GithubWorkflowName,
        "githubWorkflowRepository" | "1.3.6.1.4.1.57264.1.5" => Claim::GithubWorkflowRepository,
        "githubWorkflowRef" | "1.3.6.1.4.1.57264.1.6" => Claim::GithubWorkflowRef,
        "1.3.6.1.4.1.57264.1.9" => Claim::BuildSignerUri,
        "1.3.6.1.4.1.57264.1.11" => Claim::RunnerEnvironment,
        "1.3.6.1.4.1.57264.1.12" => Claim::SourceRepositoryUri,
        "1.3.6.1.4.1.57264.1.13" => Claim::SourceRepositoryDigest,
        "1.3.6.1.4.1.57264.1.14" => Claim::SourceRepositoryRef,
        "1.3.6.1.4.1.57264.1.18" => Claim::BuildConfigUri,
        "1.3.6.1.4.1.57264.1.20" => Claim::BuildTrigger,
        _ => return None,
    })
}

/// A certificate is its key, while it is valid; the chain beside it must vouch for it. A chain alone is whomever it vouches for.
pub(super) fn by_certificate(certificate: &str, chain: &str) -> Result<Requirements> {
    if certificate.trim().is_empty() {
        let name = Matcher::glob("*").map_err(|why| anyhow!(why))?;
        let anybody = CertificateIdentity { kind: NameKind::Any, name, issuer: Issuer::Any, claims: Vec::new() };
        return Ok(Requirements::keyless(vec![anybody]));
    }
    let der = first_certificate(certificate)?;
    let certificate = Certificate::from_der(&der).context("the policy's certificate")?;
    if !chain.trim().is_empty() {
        let above = TrustRoot::empty().with_chain(chain).context("the policy's chain of certificates")?;
        above.issued(&certificate).context("the policy's certificate is not of the chain beside it")?;
    }
    let (start, end) = certificate.validity();
    let key = TrustedKey {
        key: certificate.key().clone(),
        window: Window { start: Some(start), end: Some(end) },
        hint: None,
    };
    let mut requirements = Requirements::keys(vec![key]);
    requirements.time = TimeSource::LogOrTimestamp;
    Ok(requirements)
}

fn first_certificate(pem: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"))
        .map(|(body, _)| body.split_whitespace().collect::<String>())
        .ok_or_else(|| anyhow!("the policy's certificate is no PEM"))?;
    base64::engine::general_purpose::STANDARD.decode(body).context("the policy's certificate is no base64")
}

/// What a verified statement says, as policies read it.
fn statement(found: &Verified<Signature>) -> Option<Value> {
    match &found.signed {
        signet_trust::Signed::Statement(statement) => Some(in_toto(statement)),
        _ => None,
    }
}

pub(super) fn in_toto(statement: &Statement) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": statement.predicate_type(),
        "predicate": statement.predicate(),
    })
}

/// Statements about the artifact as they lie there, by whomever: what a policy asks for that names no attestor.
fn unsigned(candidates: &[Candidate], artifact: &Artifact<'_>, kind: &str) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for candidate in candidates {
        ensure!(!candidate.unread, "what lies beside the image could not be read: {}", candidate.place);
        let Some(envelope) = candidate.evidence.as_ref().ok().and_then(signet_trust::Evidence::unverified_envelope)
        else {
            continue;
        };
        let Ok(statement) = Statement::of(envelope) else { continue };
        if statement.is_a(kind).is_ok() && statement.is_about(artifact).is_ok() {
            found.push(in_toto(&statement));
        }
    }
    ensure!(found.len() <= MAX_STATEMENTS, "more than {MAX_STATEMENTS} statements are attested about the image");
    Ok(found)
}
