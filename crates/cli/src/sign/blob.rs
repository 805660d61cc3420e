//! Signing files.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet_keys::sigstore::Layouts;
use signet_model::Digest;
use signet_trust::Artifact;
use signet_trust::seal::{Document, Draft, NewSubject, Predicate, StatementVersion, statement};

use super::args::{AttestBlobArgs, ClaimArgs, SignBlobArgs};
use super::sealer::Seal;
use super::{Voice, write};
use crate::output;
use crate::settings::Settings;
use crate::verify::demand;

/// Keys sign whole messages, so the file is held in memory.
const LARGEST: u64 = 2 << 30;
/// The largest predicate or statement: larger ones no verifier reads.
const LARGEST_CLAIM: u64 = 128 << 20;

/// How results are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whose lines.
    pub(crate) voice: Voice,
    /// The bundle is a Sigstore bundle, not the file of Cosign 1 and 2.
    pub(crate) new_bundle: bool,
    /// Signatures and certificates in base64.
    pub(crate) base64: bool,
}

impl Style {
    /// Ours.
    pub(crate) fn own() -> Style {
        Style { voice: Voice::Signet, new_bundle: true, base64: true }
    }

    fn layouts(self) -> Layouts {
        if self.new_bundle { Layouts::Bundle } else { Layouts::Old }
    }
}

/// Signs a file.
pub(crate) fn sign(args: &SignBlobArgs, style: Style, settings: &Settings) -> Result<()> {
    let bytes = read(&args.file, style, settings)?;
    let seal = Seal::new(&args.seal, &args.reach, style.voice, settings)?;
    let draft = seal.draft(Document::Blob(Cow::Borrowed(&bytes)), style.layouts(), settings)?;
    let (artifact, now) = (Artifact::Bytes(&bytes), crate::settings::now());
    // Whatever is asked for, nothing is written that does not verify as a whole.
    let bundle = match style.new_bundle {
        true => draft.bundle(artifact, seal.against(), now),
        false => draft.blob_bundle(artifact, seal.against(), now),
    }
    .context("what was made does not verify, and is not written")?;
    if let Some(path) = &args.bundle {
        write(path, &bundle)?;
        style.voice.say(
            settings,
            &format!("bundle written to `{}`", path.display()),
            &format!("Wrote bundle to file {}", path.display()),
        );
    }
    let signature =
        if style.base64 { STANDARD.encode(draft.signature()).into_bytes() } else { draft.signature().to_vec() };
    match (&args.output_signature, style.voice) {
        (Some(path), _) => {
            write(path, &signature)?;
            style.voice.say(settings, "", &format!("Wrote signature to file {}", path.display()));
        }
        (None, Voice::Cosign) if style.base64 => output::to_stdout(&[&signature[..], b"\n"].concat())?,
        (None, Voice::Cosign) => output::to_stdout(&signature)?,
        (None, Voice::Signet) if args.bundle.is_none() => output::to_stdout(&[&bundle[..], b"\n"].concat())?,
        (None, Voice::Signet) => {}
    }
    certificate(args.output_certificate.as_deref(), &draft, style, settings)
}

/// Attests something about a file.
pub(crate) fn attest(args: &AttestBlobArgs, style: Style, settings: &Settings) -> Result<()> {
    let (name, digest) = match (&args.file, &args.hash) {
        (file, Some(hex)) => {
            let digest = format!("sha256:{}", hex.to_ascii_lowercase());
            let digest: Digest =
                digest.parse().map_err(|_| crate::usage(anyhow!("`--hash {hex}` is no SHA-256 in hexadecimal")))?;
            (file.clone().unwrap_or_default(), digest)
        }
        (Some(file), None) => {
            let bytes = read(file, Style { voice: Voice::Signet, ..style }, settings)?;
            (file.clone(), Digest::sha256(&bytes))
        }
        (None, None) => return Err(crate::usage(anyhow!("give the file, or its `--hash`"))),
    };
    let name = Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let version = if style.new_bundle { StatementVersion::V1 } else { StatementVersion::V01 };
    let text = Claim::read(&args.claim, style.voice, settings)?.statement(version, &NewSubject::new(&name, digest))?;
    let seal = Seal::new(&args.seal, &args.reach, style.voice, settings)?;
    let draft = seal.draft(Document::Statement(text), style.layouts(), settings)?;
    let (artifact, now) = (Artifact::Digest(&digest), crate::settings::now());
    let bundle = match style.new_bundle {
        true => draft.bundle(artifact, seal.against(), now),
        // The older bundle of an attestation is its envelope with what annotations would say; there is no file for it, so the layer stands for it.
        false => draft.layer(artifact, seal.against(), now).map(|layer| layer.bytes),
    }
    .context("what was made does not verify, and is not written")?;
    let envelope = draft.envelope().unwrap_or_default().as_bytes();
    if let Some(path) = &args.bundle {
        write(path, &bundle)?;
        style.voice.say(
            settings,
            &format!("bundle written to `{}`", path.display()),
            &format!("Wrote bundle to file {}", path.display()),
        );
    }
    match (&args.output_signature, &args.bundle, style.voice) {
        (Some(path), _, _) => {
            write(path, envelope)?;
            style.voice.say(settings, "", &format!("Wrote signature to file {}", path.display()));
        }
        (None, None, Voice::Cosign) => output::to_stdout(&[envelope, b"\n"].concat())?,
        (None, None, Voice::Signet) => output::to_stdout(&[&bundle[..], b"\n"].concat())?,
        _ => {}
    }
    certificate(args.output_certificate.as_deref(), &draft, style, settings)
}

fn certificate(path: Option<&Path>, draft: &Draft<'_>, style: Style, settings: &Settings) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let Some(pem) = draft.author().certificate_pem() else {
        settings.warn(format!("`{}` is not written: a key signed, without a certificate", path.display()));
        return Ok(());
    };
    let bytes =
        if style.voice == Voice::Cosign && style.base64 { STANDARD.encode(pem).into_bytes() } else { pem.into_bytes() };
    write(path, &bytes)?;
    style.voice.say(settings, "", &format!("Wrote certificate to file {}", path.display()));
    Ok(())
}

fn read(name: &str, style: Style, settings: &Settings) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = LARGEST + 1;
    if name == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        style.voice.say(settings, "", &format!("Using payload from: {name}"));
        std::fs::File::open(name)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read `{name}`"))?;
    }
    ensure!(bytes.len() as u64 <= LARGEST, "`{name}` is larger than 2 GiB: sign a list of its digests instead");
    Ok(bytes)
}

/// What is attested.
pub(crate) enum Claim {
    /// A predicate, for a statement of our own.
    Predicate(Predicate),
    /// Somebody's whole statement.
    Statement(Vec<u8>),
}

impl Claim {
    /// Reads the files that the flags name, and holds them to their type.
    pub(crate) fn read(args: &ClaimArgs, voice: Voice, settings: &Settings) -> Result<Claim> {
        let read = |path: &Path| {
            if path != Path::new("-") {
                return demand::file_within(path, LARGEST_CLAIM);
            }
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .take(LARGEST_CLAIM + 1)
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            ensure!(bytes.len() as u64 <= LARGEST_CLAIM, "the predicate is larger than 128 MiB");
            Ok(bytes)
        };
        if let Some(path) = &args.statement {
            return Ok(Claim::Statement(read(path)?));
        }
        let Some(path) = &args.predicate else {
            return Err(crate::usage(anyhow!("give `--predicate` or `--statement`")));
        };
        voice.say(settings, "", &format!("Using payload from: {}", path.display()));
        let kind = args.kind.as_deref().unwrap_or("custom");
        // Before the file is read: a type that nobody knows is a slip of the command line.
        if signet_trust::predicate_types(kind) == [kind] && !kind.contains("://") {
            return Err(crate::usage(anyhow!("invalid predicate type: {kind}")));
        }
        let bytes = read(path)?;
        let predicate = Predicate::read(kind, &bytes, settings.now)
            .with_context(|| format!("`{}` cannot be attested as `{kind}`", path.display()))?;
        Ok(Claim::Predicate(predicate))
    }

    /// The statement about a subject. Somebody's own statement is taken as it is; whether it is about the subject is verified before it is written.
    pub(crate) fn statement(&self, version: StatementVersion, subject: &NewSubject) -> Result<Vec<u8>> {
        match self {
            Claim::Predicate(predicate) => Ok(statement(version, std::slice::from_ref(subject), predicate)?),
            Claim::Statement(text) => {
                // Told before it is signed and logged.
                signet_trust::Statement::parse(text)?.is_about(&Artifact::Digest(&subject.digest))?;
                Ok(text.clone())
            }
        }
    }
}
