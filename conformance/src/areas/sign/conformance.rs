//! `sign/sigstore-conformance`: the client conformance suite's bundles, each with the file and with its digest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use signet_model::{Digest, Timestamp};
use signet_trust::{Artifact, CertificateIdentity, Evidence, PublicKey, Requirements, TrustRoot, TrustedKey, verify};

use super::{Answer, bytes, compare};
use crate::set::{Case, Judged, judge, text};

/// The suite's defaults, as its README gives them.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

#[derive(Debug)]
struct Input {
    bundle: PathBuf,
    artifact: PathBuf,
    root: PathBuf,
    key: Option<PathBuf>,
    identity: String,
    issuer: String,
    by_digest: bool,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for case in folders {
        let name = case.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
        let or = |own: &str, shared: &str| {
            let own = case.join(own);
            if own.is_file() { own } else { folder.join(shared) }
        };
        let line = |own: &str, usual: &str| -> Result<String> {
            let own = case.join(own);
            Ok(if own.is_file() { text(&own)?.trim().to_owned() } else { usual.to_owned() })
        };
        for by_digest in [false, true] {
            let input = Input {
                bundle: case.join("bundle.sigstore.json"),
                artifact: or("artifact", "a.txt"),
                root: or("trusted_root.json", "default_trusted_root.json"),
                key: Some(case.join("key.pub")).filter(|key| key.is_file()),
                identity: line("identity", IDENTITY)?,
                issuer: line("issuer", ISSUER)?,
                by_digest,
            };
            let refuse = name.ends_with("_fail");
            let way = if by_digest { "digest" } else { "file" };
            let case = Case::new(format!("{name}:{way}"), input, !refuse).within(way);
            cases.push(if refuse { case.refused() } else { case });
        }
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

fn answer(input: &Input) -> Answer {
    ask(input).map_or_else(|error| Answer::Broken(format!("{error:#}")), Answer::of)
}

fn ask(input: &Input) -> Result<std::result::Result<(), String>> {
    let (bundle, content, root) = (bytes(&input.bundle)?, bytes(&input.artifact)?, bytes(&input.root)?);
    let root = TrustRoot::from_json(&root)?;
    let requirements = match &input.key {
        // A key that is none is refused as the signature would be: the suite's client exits with an error either way.
        Some(key) => match PublicKey::from_pem(&text(key)?) {
            Ok(key) => Requirements::keys(vec![TrustedKey::always(key)]),
            Err(error) => return Ok(Err(error.to_string())),
        },
        None => Requirements::keyless(vec![CertificateIdentity::exact(&input.identity, &input.issuer)]),
    };
    let digest = Digest::sha256(&content);
    let artifact = if input.by_digest { Artifact::Digest(&digest) } else { Artifact::Bytes(&content) };
    Ok(Evidence::bundle(&bundle)
        .and_then(|evidence| verify(&evidence, artifact, &root, &requirements, Timestamp::now()))
        .map(|_| ())
        .map_err(|error| error.to_string()))
}
