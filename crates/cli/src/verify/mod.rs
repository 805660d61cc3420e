//! `signet verify`, `verify-attestation`, `verify-blob`, `verify-blob-attestation`: who signed, and what was checked to know it.
//!
//! ```text
//!   IMAGE ──▶ pinned digest ──▶ discover ──▶ candidates ─┐
//!   FILE + bundle or signature ──────────────▶ evidence ─┼─▶ judge (crate trust) ──▶ show, exit code 0 or 12
//!   flags ──────────────────────────────────▶ demand ────┘
//! ```
//!
//! No candidate, an unreadable one, one of another kind: each is "not verified". Only a `Verified` of the room `trust` is success.

pub(crate) mod args;
pub(crate) mod beyond;
pub(crate) mod demand;
pub(crate) mod discover;
pub(crate) mod judge;
mod notation;
pub(crate) mod show;

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use signet_model::{Algorithm, Digest, Hasher};
use signet_trust::{Artifact, Check, Evidence, Signature, Verified, VerifyError};

use self::args::{
    BlobArgs, BlobAttestationArgs, EvidenceArgs, OwnAttestationArgs, OwnBlobAttestationArgs, OwnImageArgs,
};
use self::beyond::{Beyond, Files};
use self::demand::{Demand, access, annotations};
use self::discover::{Registry, Tags};
use self::judge::{Judged, Wanted};
use self::show::Shown;
use crate::exit::Exit;
use crate::settings::Settings;

/// Files up to this size are kept in memory; of larger ones the digest is taken.
const IN_MEMORY: u64 = 256 << 20;
/// The largest bundle, signature or envelope in a file.
const LARGEST_EVIDENCE: u64 = 128 << 20;

/// `signet verify`.
pub(crate) fn image(args: &OwnImageArgs, settings: &Settings) -> Result<Exit> {
    let OwnImageArgs { wanted: args, notation } = args;
    registry_or_local(&args.image, args.local_image)?;
    if let Some(policy) = &notation.notation_trust_policy {
        if args.local_image {
            return Err(crate::usage(anyhow!(
                "`--local-image` is for Sigstore's signatures: a trust policy goes by the repository's name"
            )));
        }
        return notation::image(args, notation, policy, settings);
    }
    let wanted = Wanted::Signature(annotations(&args.annotations)?);
    let demand = Demand::of(&args.signer, &args.reach, settings)?;
    let registry = place(&args.image, args.local_image, &args.reach, settings)?;
    beside(&args.image, &registry, &wanted, &demand, settings)?.finish(&args.show)
}

/// `signet verify-attestation`.
pub(crate) fn attestation(args: &OwnAttestationArgs, settings: &Settings) -> Result<Exit> {
    let OwnAttestationArgs { wanted: args, slsa } = args;
    args.kind.as_deref().map_or(Ok(()), demand::known_type)?;
    registry_or_local(&args.image, args.local_image)?;
    let beyond = Beyond::of(slsa, &args.policy, Files::Own)?;
    let wanted = Wanted::Attestation(args.kind.clone());
    let demand = Demand::of(&beyond.signer(&args.signer), &args.reach, settings)?;
    let registry = place(&args.image, args.local_image, &args.reach, settings)?;
    let mut shown = beside(&args.image, &registry, &wanted, &demand, settings)?;
    beyond.hold(&mut shown, true, settings)?;
    shown.finish(&args.show)
}

/// Refuses a name that can be none, before keys are read and trusted material is looked for.
fn registry_or_local(image: &str, local: bool) -> Result<()> {
    if local { Ok(()) } else { crate::image_name::image(image).map(drop) }
}

/// Where the image lies: in a registry, or in a layout on this machine.
pub(crate) fn place(image: &str, local: bool, reach: &args::ReachArgs, settings: &Settings) -> Result<Registry> {
    if local { Registry::local(image, settings) } else { Registry::new(&access(reach), settings) }
}

/// Pins the image, finds what lies beside it, and judges it.
pub(crate) fn beside(
    image: &str,
    registry: &Registry,
    wanted: &Wanted,
    demand: &Demand,
    settings: &Settings,
) -> Result<Shown> {
    let pinned = registry.pin(image)?;
    let tags = match wanted {
        Wanted::Signature(_) => Tags::Signatures,
        Wanted::Attestation(_) => Tags::Attestations,
    };
    let candidates = registry.candidates(&pinned, tags, settings)?;
    let judged: Vec<Judged> =
        judge::all(candidates, Artifact::Digest(&pinned.digest), wanted, demand, crate::settings::now());
    let judged = crate::block::hold(judged, registry, &pinned, &crate::block::now(settings));
    Ok(Shown::image(&pinned, wanted, judged))
}

/// `signet verify-blob`.
pub(crate) fn blob(args: &BlobArgs, settings: &Settings) -> Result<Exit> {
    judge_blob(args, settings)?.finish(&args.show)
}

/// The same, for whoever shows it in another way.
pub(crate) fn judge_blob(args: &BlobArgs, settings: &Settings) -> Result<Shown> {
    let demand = Demand::of(&args.signer, &args.reach, settings)?;
    let wanted = Wanted::Signature(Vec::new());
    let subject = Subject::read(&args.file)?;
    let evidence = evidence(&args.evidence, &wanted)?;
    let verdict = judge::strict(evidence, subject.artifact(), &wanted, &demand, crate::settings::now());
    Ok(Shown::file(&args.file, &subject, &wanted, verdict, None))
}

/// `signet verify-blob-attestation`.
pub(crate) fn blob_attestation(args: &OwnBlobAttestationArgs, settings: &Settings) -> Result<Exit> {
    let OwnBlobAttestationArgs { wanted: args, slsa } = args;
    args.kind.as_deref().map_or(Ok(()), demand::known_type)?;
    let beyond = Beyond::of(slsa, &[], Files::Own)?;
    let signer = beyond.signer(&args.signer);
    let mut shown = judge_blob_attestation(args, &signer, args.kind.clone(), settings)?;
    beyond.hold(&mut shown, false, settings)?;
    shown.finish(&args.show)
}

/// The same, for whoever shows it in another way.
pub(crate) fn judge_blob_attestation(
    args: &BlobAttestationArgs,
    signer: &args::SignerArgs,
    kind: Option<String>,
    settings: &Settings,
) -> Result<Shown> {
    let demand = Demand::of(signer, &args.reach, settings)?;
    let wanted = Wanted::Attestation(kind);
    let (name, subject) = match (&args.file, &args.digest) {
        (_, Some(hex)) => {
            let text = format!("{}:{}", args.digest_alg.to_ascii_lowercase(), hex.to_ascii_lowercase());
            let digest: Digest = text
                .parse()
                .map_err(|_| crate::usage(anyhow!("`--digest {hex}` is no digest by `{}`", args.digest_alg)))?;
            (text, Subject::Digest(digest))
        }
        (Some(file), None) => (file.clone(), Subject::read(file)?),
        (None, None) => return Err(crate::usage(anyhow!("give the file, or its `--digest`"))),
    };
    let evidence = evidence(&args.evidence, &wanted)?;
    let envelope = evidence.as_ref().ok().and_then(Evidence::unverified_envelope);
    let payload = envelope.map(|envelope| envelope.payload().to_vec());
    let verdict = judge::strict(evidence, subject.artifact(), &wanted, &demand, crate::settings::now());
    Ok(Shown::file(&name, &subject, &wanted, verdict, payload))
}

/// The file that is asked about.
pub(crate) enum Subject {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// Its digest, because that was given or because it is large.
    Digest(Digest),
}

impl Subject {
    /// Reads a file, `-`, or a digest. A file of that name goes before a digest.
    pub(crate) fn read(name: &str) -> Result<Subject> {
        if name == "-" {
            return Subject::stream(std::io::stdin().lock()).context("cannot read standard input");
        }
        let path = Path::new(name);
        if !path.exists()
            && let Ok(digest) = name.parse::<Digest>()
        {
            return Ok(Subject::Digest(digest));
        }
        std::fs::File::open(path).and_then(Subject::stream).with_context(|| format!("cannot read `{name}`"))
    }

    fn stream(mut from: impl std::io::Read) -> std::io::Result<Subject> {
        let mut bytes = Vec::new();
        from.by_ref().take(IN_MEMORY + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= IN_MEMORY {
            return Ok(Subject::Bytes(bytes));
        }
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&bytes);
        bytes.resize(1 << 20, 0);
        bytes.shrink_to_fit();
        loop {
            match from.read(&mut bytes)? {
                0 => return Ok(Subject::Digest(hasher.finish())),
                length => hasher.update(bytes.get(..length).unwrap_or_default()),
            }
        }
    }

    pub(crate) fn artifact(&self) -> Artifact<'_> {
        match self {
            Subject::Bytes(bytes) => Artifact::Bytes(bytes),
            Subject::Digest(digest) => Artifact::Digest(digest),
        }
    }
}

/// The evidence that the flags name. An error is of the flags or of the disk; what cannot be understood is the inner one.
pub(crate) fn evidence(args: &EvidenceArgs, wanted: &Wanted) -> Result<Result<Evidence, VerifyError>> {
    if let Some(path) = &args.bundle {
        let bytes = demand::file_within(path, LARGEST_EVIDENCE)?;
        return Ok(bundle(&bytes));
    }
    let Some(given) = &args.signature else {
        return Err(crate::usage(anyhow!("there is nothing to verify with: give `--bundle` or `--signature`")));
    };
    let path = Path::new(given);
    let signature = if path.is_file() {
        demand::file_within(path, LARGEST_EVIDENCE)?
    } else if base64_like(given) {
        given.clone().into_bytes()
    } else {
        return Err(anyhow!("`--signature {given}` is neither a file nor base64"));
    };
    let certificate = match &args.certificate {
        Some(path) => {
            let bytes = demand::file(path)?;
            Some(String::from_utf8(bytes).with_context(|| format!("`{}` is no text", path.display()))?)
        }
        None => None,
    };
    Ok(match (wanted, &certificate) {
        (Wanted::Signature(_), certificate) => Evidence::detached(&signature, certificate.as_deref()),
        (Wanted::Attestation(_), None) => Evidence::envelope(&signature),
        (Wanted::Attestation(_), Some(_)) => Err(VerifyError {
            check: Check::Material,
            expected: "an envelope that is verified by `--key`, or a bundle".to_owned(),
            found: "an envelope with a certificate beside it".to_owned(),
        }),
    })
}

/// A Sigstore bundle says so by its media type; what does not is the older file of Cosign's.
fn bundle(bytes: &[u8]) -> Result<Evidence, VerifyError> {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    match value.as_ref().and_then(|value| value.get("base64Signature")) {
        Some(_) => Evidence::blob_bundle(bytes),
        None => Evidence::bundle(bytes),
    }
}

fn base64_like(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// The first name in the certificate of a signature, or that it was made by a key.
pub(crate) fn signer(verified: &Verified<Signature>) -> String {
    match &verified.certificate {
        Some(certificate) => {
            let name = certificate.names().first().map_or("", |name| name.value());
            match &certificate.claims().issuer {
                Some(issuer) => format!("{name}, vouched for by {issuer}"),
                None => name.to_owned(),
            }
        }
        None => format!("key {}", verified.key.fingerprint()),
    }
}
