//! `cosign bundle create`, `upgrade`, `inspect`: Sigstore bundles 0.3 out of what older versions wrote.
//!
//! Source: sigstore/cosign:doc/cosign_bundle_{create,upgrade,inspect}.md, version 3; sigstore/rekor:openapi.yaml. Unlike Cosign, nothing is put together that
//! does not belong together: the signature must be of the artifact and by the key or certificate, and a log entry or timestamp about that signature. Whether
//! authority, log and timestamps are those one trusts is the question of `verify-blob`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use signet_oci_client::{Call, Secret};
use signet_trust::seal::{Against, Author, Document, Draft, Stamped, entry_of_rekor_v1};
use signet_trust::{Artifact, Envelope, Evidence};

use super::service::{hand_out, say};
use crate::artifacts::args::InspectArgs;
use crate::artifacts::inspect;
use crate::key::Keyring;
use crate::key::args::KeyAccess;
use crate::settings::Settings;
use crate::verify::demand::{access, file_within};

/// Bytes of an artifact or attestation; of anything else.
const LARGEST: u64 = 128 << 20;
const SMALL: u64 = 4 << 20;
/// No answer of a log about one entry is longer.
const LONGEST_ANSWER: u64 = 4 << 20;
/// Log entries of one bundle.
const ENTRIES: usize = 8;
const CURRENT: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Create a Sigstore protobuf bundle by supplying signed material.
    Create(Box<CreateArgs>),
    /// Upgrade a Sigstore protobuf bundle to the latest version.
    Upgrade(UpgradeArgs),
    /// Inspect a Sigstore protobuf bundle. Nothing is verified.
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Path to artifact FILE.
    #[arg(long, value_name = "FILE")]
    artifact: PathBuf,
    /// Path to attestation FILE.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signature", "bundle"])]
    attestation: Option<PathBuf>,
    /// Path to old format bundle FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    bundle: Option<PathBuf>,
    /// Path to the signing certificate, likely from Fulcio.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    certificate: Option<PathBuf>,
    /// Ignore transparency log verification, to be used when an artifact signature has not been uploaded to the transparency log.
    #[arg(long)]
    ignore_tlog: bool,
    /// Path to the public key file, KMS URI or Kubernetes Secret.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Path to output bundle.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Address of the transparency log (Rekor v1) that is asked for the signature's entry.
    #[arg(long, value_name = "URL", default_value = "https://rekor.sigstore.dev")]
    rekor_url: String,
    /// Path to RFC3161 timestamp FILE.
    #[arg(long, value_name = "FILE")]
    rfc3161_timestamp: Option<PathBuf>,
    /// Path to the base64-encoded signature.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Whether to use a hardware security key.
    #[arg(long, hide = true)]
    sk: bool,
    #[command(flatten)]
    reach: crate::verify::args::ReachArgs,
}

#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    /// Path to the bundle file to upgrade.
    #[arg(long = "in", value_name = "FILE", required_unless_present = "in_place", conflicts_with = "in_place")]
    input: Option<PathBuf>,
    /// Path to the bundle file to upgrade in place.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    in_place: Option<PathBuf>,
    /// Path to the output upgraded bundle file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Address of the transparency log (Rekor v1) that is asked for inclusion proofs that are missing.
    #[arg(long, value_name = "URL", default_value = "https://rekor.sigstore.dev")]
    rekor_url: String,
    #[command(flatten)]
    reach: crate::verify::args::ReachArgs,
}

pub(super) fn command(wanted: &BundleCommand, settings: &Settings) -> Result<u8> {
    match wanted {
        BundleCommand::Create(args) => create(args, settings),
        BundleCommand::Upgrade(args) => upgrade(args, settings),
        BundleCommand::Inspect(args) => inspect::command(args).map(crate::exit::Exit::code),
    }
}

/// What was signed before, in whatever files it lies.
#[derive(Default)]
struct Signed {
    signature: Vec<u8>,
    /// The statement that is signed, where it is not the artifact itself.
    statement: Option<Vec<u8>>,
    certificate: Option<String>,
    /// The place of the log entry, where the old bundle says it.
    log_index: Option<u64>,
}

fn create(args: &CreateArgs, settings: &Settings) -> Result<u8> {
    ensure!(
        !args.sk,
        "`--sk` is not in this version: name the security key by a `pkcs11:` URI, its module is OpenSC's or ykcs11's"
    );
    let mut signed = match (&args.bundle, &args.signature, &args.attestation) {
        (Some(path), _, _) => old_bundle(path, args.ignore_tlog)?,
        (None, Some(path), _) => Signed { signature: base64_file(path)?, ..Signed::default() },
        (None, None, Some(path)) => enveloped(&file_within(path, LARGEST)?)
            .with_context(|| format!("`{}` is no attestation", path.display()))?,
        (None, None, None) => bail!("must at least supply signature via --bundle or --signature, or --attestation"),
    };
    if let Some(path) = &args.certificate {
        signed.certificate = Some(text(path)?);
    }
    let keyring = Keyring::new(
        &KeyAccess {
            plain_http: args.reach.plain_http.clone(),
            ca_cert: args.reach.ca_cert.clone(),
            ..KeyAccess::default()
        },
        settings,
    )?;
    let author = match (&args.key, &signed.certificate) {
        // A key and the certificate of an old bundle must not contradict each other: the log's entry names one of them.
        (Some(_), Some(_)) => bail!("the bundle brings a certificate, so no --key is needed"),
        (Some(uri), None) => Author::key(keyring.wait(signet_keys::public_key(uri, &keyring.context))?),
        (None, Some(certificate)) => Author::of_certificate(certificate).context("the certificate cannot be used")?,
        (None, None) => bail!("who signed is not said: give --certificate or --key"),
    };
    let artifact = file_within(&args.artifact, LARGEST)?;
    let document = match signed.statement {
        Some(statement) => Document::Statement(statement),
        None => Document::Blob(Cow::Borrowed(&artifact)),
    };
    let mut draft = Draft::new(document, author, signed.signature)
        .with_context(|| format!("the signature is not of `{}`", args.artifact.display()))?;
    if let Some(path) = &args.rfc3161_timestamp {
        let answer = timestamp(path)?;
        draft
            .add_kept_timestamp(Stamped::Signature, &answer)
            .with_context(|| format!("`{}` is no timestamp of this signature", path.display()))?;
    }
    if !args.ignore_tlog {
        let log = Log::new(&args.rekor_url, &args.reach, settings)?;
        let answer = match signed.log_index {
            Some(index) => log.at(index)?,
            None => log.with(draft.rekor_v1_request().context("such a signature is in no log of this kind")?)?,
        };
        draft.add_rekor_v1(&answer).context("the log's entry is not about this signature")?;
    }
    let bundle = draft
        .bundle(Artifact::Bytes(&artifact), Against::NobodyKnown, crate::settings::now())
        .with_context(|| format!("no bundle about `{}` can be made of this", args.artifact.display()))?;
    hand_out(&serde_json::from_slice(&bundle)?, args.out.as_deref())
}

/// The file of `sign-blob --bundle` and `attest-blob --bundle` before version 3: `{"base64Signature", "cert", "rekorBundle"}`.
fn old_bundle(path: &Path, ignore_tlog: bool) -> Result<Signed> {
    let wrong = || format!("`{}` is no bundle of Cosign 1 or 2", path.display());
    let value: Value = serde_json::from_slice(&file_within(path, LARGEST)?).with_context(wrong)?;
    let member = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let signature =
        member("base64Signature").ok_or_else(|| anyhow!("it has no `base64Signature`")).with_context(wrong)?;
    let signature = STANDARD.decode(signature).context("its signature is no base64").with_context(wrong)?;
    let rekor = value.get("rekorBundle").filter(|entry| !entry.is_null());
    ensure!(
        !(ignore_tlog && rekor.is_some()),
        "cannot ignore transparency log when the provided bundle contains a Signed Entry Timestamp"
    );
    // An attestation has its envelope in the place of the signature.
    let signed = match signature.first() {
        Some(b'{') => enveloped(&signature).with_context(wrong)?,
        _ => Signed { signature, ..Signed::default() },
    };
    let index = rekor.and_then(|entry| entry.pointer("/Payload/logIndex")).and_then(Value::as_u64);
    Ok(Signed { certificate: member("cert").map(str::to_owned), log_index: index, ..signed })
}

/// A DSSE envelope with one signature over an in-toto statement.
fn enveloped(bytes: &[u8]) -> Result<Signed> {
    let envelope = Envelope::parse(bytes)?;
    ensure!(
        envelope.payload_type() == signet_trust::IN_TOTO,
        "its payload is no in-toto statement but `{}`",
        crate::verify::show::clean(envelope.payload_type())
    );
    let value: Value = serde_json::from_slice(bytes)?;
    let signatures = value.get("signatures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [one] = signatures else { bail!("a bundle holds one signature, and this envelope has {}", signatures.len()) };
    let signature = one.get("sig").and_then(Value::as_str).unwrap_or_default();
    let signature = STANDARD.decode(signature).context("its signature is no base64")?;
    Ok(Signed { signature, statement: Some(envelope.payload().to_vec()), ..Signed::default() })
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(file_within(path, SMALL)?).with_context(|| format!("`{}` is no text", path.display()))
}

fn base64_file(path: &Path) -> Result<Vec<u8>> {
    STANDARD.decode(text(path)?.trim()).with_context(|| format!("`{}` is no base64", path.display()))
}

/// `{"SignedRFC3161Timestamp": BASE64}`, as `sign-blob --rfc3161-timestamp` wrote it.
fn timestamp(path: &Path) -> Result<Vec<u8>> {
    let wrong = || format!("`{}` is no timestamp file of Cosign", path.display());
    let value: Value = serde_json::from_slice(&file_within(path, SMALL)?).with_context(wrong)?;
    let text = value.get("SignedRFC3161Timestamp").and_then(Value::as_str).unwrap_or_default();
    ensure!(!text.is_empty(), "`{}` has no `SignedRFC3161Timestamp`", path.display());
    STANDARD.decode(text).with_context(wrong)
}

/// A log that is asked, and never written to.
struct Log {
    client: signet_oci_client::BlockingClient,
    base: String,
}

impl Log {
    fn new(url: &str, reach: &crate::verify::args::ReachArgs, settings: &Settings) -> Result<Log> {
        let client = crate::net::client(&access(reach), settings)?;
        Ok(Log { client, base: url.trim_end_matches('/').to_owned() })
    }

    /// The entry at a place: `GET /api/v1/log/entries?logIndex=N`.
    fn at(&self, index: u64) -> Result<Bytes> {
        self.ask("GET", &format!("/api/v1/log/entries?logIndex={index}"), None)
    }

    /// The one entry with this content: `POST /api/v1/log/entries/retrieve`, which enters nothing.
    fn with(&self, proposed: Vec<u8>) -> Result<Bytes> {
        let proposed: Value = serde_json::from_slice(&proposed)?;
        let body = json!({"entries": [proposed]}).to_string();
        let answer = self.ask("POST", "/api/v1/log/entries/retrieve", Some(Bytes::from(body)))?;
        let found: Vec<Map<String, Value>> = serde_json::from_slice(&answer)
            .with_context(|| format!("the answer of `{}` is no list of log entries", self.base))?;
        match found.as_slice() {
            [] => Err(crate::hint(
                anyhow!("unable to find tlog entry"),
                "if the signature was never entered into that log, give `--ignore-tlog`",
            )),
            [one] => Ok(Bytes::from(serde_json::to_vec(one)?)),
            _ => bail!("too many tlog entries; should only have 1"),
        }
    }

    fn ask(&self, method: &'static str, path: &str, body: Option<Bytes>) -> Result<Bytes> {
        let mut headers = vec![("accept", Secret::new("application/json"))];
        if body.is_some() {
            headers.push(("content-type", Secret::new("application/json")));
        }
        let doing = format!("ask the log `{}` for the entry", self.base);
        let call = Call { method, url: format!("{}{path}", self.base), headers, body, most: LONGEST_ANSWER, doing };
        let answer = self.client.wait(self.client.client().call(&call))?;
        ensure!(
            (200..300).contains(&answer.status),
            "the log `{}` does not give the entry: it answered {}",
            self.base,
            answer.status
        );
        Ok(answer.body)
    }
}

fn upgrade(args: &UpgradeArgs, settings: &Settings) -> Result<u8> {
    let Some(path) = args.in_place.as_ref().or(args.input.as_ref()) else { bail!("must supply --in or --in-place") };
    let bytes = file_within(path, LARGEST)?;
    let wrong = || format!("`{}` is no Sigstore bundle", path.display());
    Evidence::bundle(&bytes).with_context(wrong)?;
    let mut bundle: Value = serde_json::from_slice(&bytes).with_context(wrong)?;
    let kind = bundle.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    match kind {
        CURRENT | "application/vnd.dev.sigstore.bundle+json;version=0.3" => {
            say("Bundle is already at v0.3, no upgrade needed.");
        }
        "application/vnd.dev.sigstore.bundle+json;version=0.1"
        | "application/vnd.dev.sigstore.bundle+json;version=0.2" => {
            say(&format!("Upgrading from v{} to v0.3...", kind.rsplit('=').next().unwrap_or_default()));
            upgraded(&mut bundle, || Log::new(&args.rekor_url, &args.reach, settings))?;
            // What is written is what `verify` reads.
            Evidence::bundle(bundle.to_string().as_bytes()).context("the upgraded bundle would not be valid")?;
        }
        other => bail!("unsupported bundle version: {}", crate::verify::show::clean(other)),
    }
    let out = args.in_place.as_deref().or(args.out.as_deref());
    hand_out(&bundle, out)?;
    if let Some(out) = out {
        say(&format!("Successfully upgraded bundle written to {}", out.display()));
    }
    Ok(0)
}

/// Version 0.3 holds the leaf certificate alone, and every log entry with its proof (protobuf-specs: sigstore_bundle.proto).
fn upgraded(bundle: &mut Value, log: impl FnOnce() -> Result<Log>) -> Result<()> {
    let material = bundle
        .get_mut("verificationMaterial")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| anyhow!("bundle is missing verification material"))?;
    if let Some(chain) = material.remove("x509CertificateChain") {
        let leaf =
            chain.pointer("/certificates/0").cloned().ok_or_else(|| anyhow!("its certificate chain is empty"))?;
        say("Truncating certificate chain to only the leaf certificate...");
        material.insert("certificate".to_owned(), leaf);
    }
    if let Some(entries) = material.get_mut("tlogEntries").and_then(Value::as_array_mut) {
        ensure!(entries.len() <= ENTRIES, "the bundle has more than {ENTRIES} log entries");
        let mut log = Some(log);
        let mut opened: Option<Log> = None;
        for entry in entries.iter_mut().filter(|entry| entry.get("inclusionProof").is_none_or(Value::is_null)) {
            let index = entry.get("logIndex").cloned().unwrap_or_else(|| json!("0"));
            let index = index.as_u64().or_else(|| index.as_str()?.parse().ok());
            let index = index.ok_or_else(|| anyhow!("a log entry says no place in its log"))?;
            say(&format!("Fetching missing inclusion proof from Rekor for log index {index}..."));
            if opened.is_none() {
                opened = log.take().map(|log| log()).transpose()?;
            }
            let Some(asked) = &opened else { bail!("there is no log to ask") };
            let found = entry_of_rekor_v1(&asked.at(index)?)
                .with_context(|| format!("the log `{}` gave no entry that can be read", asked.base))?;
            // Another entry than the one that vouched for the signature must not take its place.
            for member in ["canonicalizedBody", "logId", "integratedTime"] {
                ensure!(
                    found.get(member) == entry.get(member),
                    "the log `{}` has another entry at {index}: its `{member}` is not the bundle's",
                    asked.base
                );
            }
            *entry = found;
        }
    }
    bundle["mediaType"] = CURRENT.into();
    Ok(())
}
