//! Signatures and attestations of our own: by the program's own `cosign` against a private Sigstore, and envelopes of the Notary Project.
//!
//! The envelopes come from the maker that the tests of the room `trust` have, which was written from the specification and shares no code with what
//! verifies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_authority::{AUDIENCE, Options, Serving, Stack};
use signet_model::Digest;

use super::facts::{CERTIFICATES, Job, KEYS, SOMEONE, Seal};
use super::registry::{MANIFEST, Registry};
use crate::signet;

#[path = "../../../../../crates/trust/src/notation/tests/made.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "shared with the tests of the room `trust`, which use all of it"
)]
mod made;

const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Who signs.
pub(super) struct Sealer {
    home: PathBuf,
    registry: Registry,
    stack: Stack,
    /// Its services; they end with this.
    _serving: Serving,
    /// Keys with the certificates that they issued to themselves.
    certificates: BTreeMap<&'static str, (made::Key, Vec<u8>)>,
}

impl Sealer {
    /// Starts a Sigstore, makes all keys and certificates, and trusts the Sigstore in a home of its own.
    pub(super) fn new(room: &Path, registry: &Registry) -> Result<Sealer> {
        let home = room.join("signer");
        std::fs::create_dir_all(&home)?;
        let stack = Stack::new(Options::new(Arc::new(super::signet_now)))?;
        let serving = stack.listen()?;
        std::fs::write(home.join("tuf-root.json"), serving.tuf_root())?;
        std::fs::write(home.join("trusted_root.json"), stack.trusted_root().to_string())?;
        let tuf = serving.tuf_url();
        let certificates = CERTIFICATES.map(|(name, _)| {
            let key = made::Key::new();
            let certificate = made::Plan::leaf().issue(&key, "signer", &key);
            (name, (key, certificate))
        });
        let sealer = Sealer {
            home,
            registry: registry.clone(),
            stack,
            _serving: serving,
            certificates: certificates.into_iter().collect(),
        };
        sealer.cosign(&["initialize", "--mirror", &tuf, "--root", "tuf-root.json"], &[])?;
        for name in KEYS.iter().map(|(name, _)| *name).chain([SOMEONE]) {
            sealer.cosign(&["generate-key-pair", "--output-key-prefix", name], &[])?;
        }
        Ok(sealer)
    }

    pub(super) fn trusted_root(&self) -> PathBuf {
        self.home.join("trusted_root.json")
    }

    /// PEM of a key.
    pub(super) fn public_key(&self, name: &str) -> Result<String> {
        let path = self.home.join(format!("{name}.pub"));
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// PEM of a certificate.
    pub(super) fn certificate(&self, name: &str) -> Result<String> {
        let (_, certificate) = self.certificates.get(name).context("there is no such certificate")?;
        let text = STANDARD.encode(certificate);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
        Ok(format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n")))
    }

    /// Puts one seal beside what is described.
    pub(super) fn seal(&self, repository: &str, described: &Value, seal: &Seal) -> Result<()> {
        let digest = described.get("digest").and_then(Value::as_str).context("a digest")?;
        let place = format!("{}/{repository}@{digest}", self.registry.address);
        match seal {
            Seal::Key(name) => self.cosign(&["sign", "--yes", "--key", &format!("{name}.key"), &place], &[]),
            Seal::Keyless(job) => self.cosign(&["sign", "--yes", &place], &[("SIGSTORE_ID_TOKEN", self.token(job)?)]),
            Seal::Attested(job, kind, predicate) => {
                std::fs::write(self.home.join("predicate.json"), predicate.to_string())?;
                let line = ["attest", "--yes", "--predicate", "predicate.json", "--type", kind, &place];
                self.cosign(&line, &[("SIGSTORE_ID_TOKEN", self.token(job)?)])
            }
            Seal::Notary(name) => self.notary(repository, described, name),
            Seal::Referrer(name, kind, content) => {
                let layer = self.registry.blob("application/json", content.to_string().as_bytes());
                let config = self.registry.blob(EMPTY, b"{}");
                let manifest = json!({
                    "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config,
                    "layers": [layer], "subject": described,
                });
                let described = self.registry.manifest(repository, &[], &manifest);
                self.notary(repository, &described, name)
            }
        }
    }

    /// An identity token of a job.
    fn token(&self, job: &Job) -> Result<String> {
        let owner = job.repository.split('/').next().unwrap_or_default();
        let claims = json!({
            "sub": format!("repo:{}:ref:{}", job.repository, job.reference),
            "repository": job.repository,
            "repository_owner": owner,
            "ref": job.reference,
            "job_workflow_ref": job.workflow,
            "workflow_ref": job.workflow,
        });
        Ok(self.stack.issuer().mint_workflow(AUDIENCE, &claims, self.stack.now())?)
    }

    /// A signature of the Notary Project. Source: notaryproject/specifications:specs/signature-specification.md, signature-envelope-jws.md.
    fn notary(&self, repository: &str, described: &Value, name: &str) -> Result<()> {
        let (key, certificate) = self.certificates.get(name).context("there is no such certificate")?;
        let payload = json!({"targetArtifact": described}).to_string();
        let protected = json!({
            "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json", "crit": ["io.cncf.notary.signingScheme"],
            "io.cncf.notary.signingScheme": "notary.x509", "io.cncf.notary.signingTime": "2026-01-01T00:00:00Z",
        });
        let chain = [certificate.clone()];
        let envelope = made::jws(key, &chain, &protected, payload.as_bytes(), None);
        let layer = self.registry.blob("application/jose+json", &envelope);
        let config = self.registry.blob(EMPTY, b"{}");
        let thumbprint = Digest::sha256(certificate).hex().to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": SIGNATURE, "config": config, "layers": [layer],
            "subject": described,
            "annotations": {
                "io.cncf.notary.x509chain.thumbprint#S256": json!([thumbprint]).to_string(),
                "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
            },
        });
        self.registry.manifest(repository, &[], &manifest);
        Ok(())
    }

    /// One line of the program under its name `cosign`.
    fn cosign(&self, line: &[&str], around: &[(&str, String)]) -> Result<()> {
        let output = Command::new(signet::program()?)
            .arg("cosign")
            .args(line)
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home)
            .env("COSIGN_PASSWORD", "a password")
            .env("NO_COLOR", "1")
            .envs(around.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .output()
            .context("cannot start signet")?;
        let talk = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`cosign {}` failed: {}", line.join(" "), talk.trim());
        Ok(())
    }
}
