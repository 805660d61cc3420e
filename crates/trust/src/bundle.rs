//! Sigstore bundles 0.1 to 0.3 (`protobuf-specs: protos/sigstore_bundle.proto`), as ProtoJSON.

use signet_model::{Algorithm as Hash, Digest};

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::dsse::Envelope;
use crate::evidence::{CHAIN, Content, ENTRIES, Evidence, LARGEST, Layout, LogEntry, Material, Proof, TIMESTAMPS};
use crate::json::{self, At};
use crate::merkle;

fn wrong(found: String) -> VerifyError {
    VerifyError::form("a Sigstore bundle", found)
}

impl Evidence {
    /// Reads a Sigstore bundle.
    ///
    /// # Errors
    /// [`Check::Form`] when it is malformed, of an unknown version, brings what its version forbids (a chain in 0.3) or lacks what it demands
    /// (a promise in 0.1, a proof with tree head since 0.2); [`Check::Limits`] when it brings too much.
    pub fn bundle(bytes: &[u8]) -> Result<Self, VerifyError> {
        if bytes.len() > LARGEST {
            return Err(VerifyError::new(
                Check::Limits,
                "a bundle of at most 128 MiB",
                format!("{} bytes", bytes.len()),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let value = json::parse(bytes).map_err(wrong)?;
        let root = At::root(&value);
        let layout = match root.get("mediaType").str().map_err(wrong)? {
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Layout::Bundle01,
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Layout::Bundle02,
            "application/vnd.dev.sigstore.bundle+json;version=0.3"
            | "application/vnd.dev.sigstore.bundle.v0.3+json" => Layout::Bundle03,
            other => return Err(wrong(format!("the media type `{other}`"))),
        };
        let material = root.get("verificationMaterial");
        let entries = bounded(&material.get("tlogEntries"), ENTRIES, "log entries")?
            .iter()
            .map(|at| entry(at, layout))
            .collect::<Result<Vec<_>, _>>()?;
        let stamps = material.get("timestampVerificationData").get("rfc3161Timestamps");
        let mut timestamps = Vec::new();
        for stamp in bounded(&stamps, TIMESTAMPS, "timestamps")? {
            timestamps.push(stamp.get("signedTimestamp").bytes().map_err(wrong)?);
        }
        let material = material_of(&material, layout)?;
        let (message, envelope) = (root.get("messageSignature"), root.get("dsseEnvelope"));
        let (content, message_digest, signature) = match (message.is_present(), envelope.is_present()) {
            (true, false) => {
                let digest = message.get("messageDigest");
                let digest = if digest.is_present() { Some(digest_of(&digest)?) } else { None };
                (Content::Artifact, digest, message.get("signature").bytes().map_err(wrong)?)
            }
            (false, true) => {
                let envelope = Envelope::read(&envelope)?;
                let signature = envelope.only_signature()?.signature.clone();
                (Content::Envelope(envelope), None, signature)
            }
            _ => return Err(wrong("not exactly one of `messageSignature` and `dsseEnvelope`".to_owned())),
        };
        if signature.is_empty() {
            return Err(wrong("an empty signature".to_owned()));
        }
        let mut evidence = Self::bare(layout, content, signature, material);
        evidence.message_digest = message_digest;
        evidence.entries = entries;
        evidence.timestamps = timestamps;
        evidence.bundle = Some(text.to_owned());
        Ok(evidence)
    }
}

fn bounded<'a>(at: &At<'a>, most: usize, what: &str) -> Result<Vec<At<'a>>, VerifyError> {
    let list = at.list(usize::MAX).map_err(wrong)?;
    if list.len() > most {
        return Err(VerifyError::new(Check::Limits, format!("at most {most} {what}"), list.len().to_string()));
    }
    Ok(list)
}

fn material_of(at: &At<'_>, layout: Layout) -> Result<Material, VerifyError> {
    let (key, chain, one) = (at.get("publicKey"), at.get("x509CertificateChain"), at.get("certificate"));
    match (key.is_present(), chain.is_present(), one.is_present()) {
        (true, false, false) => {
            key.object().map_err(wrong)?;
            let hint = key.get("hint");
            let hint = if hint.is_present() { hint.str().map_err(wrong)?.to_owned() } else { String::new() };
            Ok(Material::Key { hint })
        }
        (false, true, false) => {
            if layout == Layout::Bundle03 {
                return Err(wrong("a chain of certificates, which version 0.3 forbids".to_owned()));
            }
            let list = bounded(&chain.get("certificates"), CHAIN, "certificates")?;
            let mut ders = Vec::new();
            for item in &list {
                ders.push(item.get("rawBytes").bytes().map_err(wrong)?);
            }
            let mut ders = ders.into_iter();
            let leaf = ders.next().ok_or_else(|| wrong("an empty chain of certificates".to_owned()))?;
            let rest: Vec<Vec<u8>> = ders.collect();
            Ok(Material::Certificate(Box::new(Certificate::from_der(&leaf)?), rest))
        }
        (false, false, true) => {
            let der = one.get("rawBytes").bytes().map_err(wrong)?;
            Ok(Material::Certificate(Box::new(Certificate::from_der(&der)?), Vec::new()))
        }
        _ => Err(wrong("not exactly one of `publicKey`, `x509CertificateChain` and `certificate`".to_owned())),
    }
}

/// An entry of a log as bundles hold it, by itself.
pub(crate) fn log_entry(value: &serde_json::Value) -> Result<LogEntry, VerifyError> {
    entry(&At::root(value), Layout::Bundle03)
}

fn entry(at: &At<'_>, layout: Layout) -> Result<LogEntry, VerifyError> {
    let log = at.get("logId").get("keyId").bytes().map_err(wrong)?;
    let log = <[u8; 32]>::try_from(log).map_err(|_| wrong("a log ID that is not 32 bytes".to_owned()))?;
    let kind = at.get("kindVersion");
    let time = at.get("integratedTime").number().map_err(wrong)?;
    let promise = at.get("inclusionPromise");
    let promise =
        if promise.is_present() { Some(promise.get("signedEntryTimestamp").bytes().map_err(wrong)?) } else { None };
    let proof = at.get("inclusionProof");
    let proof = if proof.is_present() { Some(proof_of(&proof)?) } else { None };
    let (wanted, there) = match layout {
        Layout::Bundle01 => ("an inclusion promise, which version 0.1 demands", promise.is_some()),
        _ => ("an inclusion proof, which versions since 0.2 demand", proof.is_some()),
    };
    if !there {
        return Err(VerifyError::new(Check::Inclusion, wanted, "none"));
    }
    Ok(LogEntry {
        index: at.get("logIndex").number().map_err(wrong)?,
        log,
        kind: kind.get("kind").str().map_err(wrong)?.to_owned(),
        version: kind.get("version").str().map_err(wrong)?.to_owned(),
        time: i64::try_from(time).map_err(|_| wrong("a time out of range".to_owned()))?,
        promise,
        proof,
        body: at.get("canonicalizedBody").bytes().map_err(wrong)?,
    })
}

fn proof_of(at: &At<'_>) -> Result<Proof, VerifyError> {
    let mut hashes = Vec::new();
    for hash in bounded(&at.get("hashes"), 64, "hashes of a proof")? {
        let hash = merkle::Hash::try_from(hash.bytes().map_err(wrong)?);
        hashes.push(hash.map_err(|_| wrong("a hash of a proof that is not 32 bytes".to_owned()))?);
    }
    let root = at.get("rootHash");
    let checkpoint = at.get("checkpoint").get("envelope").str().map_err(wrong)?;
    Ok(Proof {
        index: at.get("logIndex").number().map_err(wrong)?,
        size: at.get("treeSize").number().map_err(wrong)?,
        root: if root.is_present() { root.bytes().map_err(wrong)? } else { Vec::new() },
        hashes,
        checkpoint: checkpoint.to_owned(),
    })
}

fn digest_of(at: &At<'_>) -> Result<Digest, VerifyError> {
    let algorithm = match at.get("algorithm").str().map_err(wrong)? {
        "SHA2_256" => Hash::Sha256,
        "SHA2_384" => Hash::Sha384,
        "SHA2_512" => Hash::Sha512,
        other => return Err(wrong(format!("the hash algorithm `{other}`"))),
    };
    let bytes = at.get("digest").bytes().map_err(wrong)?;
    Digest::from_bytes(algorithm, &bytes).ok_or_else(|| wrong("a digest of another length".to_owned()))
}
