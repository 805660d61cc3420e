//! `sign/sigstore-{go,python,rust}`: bundles and their like of the clients' own tests. What belongs together and what is expected stands in
//! `cases/sign/bundles.tsv`, from the projects' test code; the verifier sees the files only.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use signet_model::{Algorithm, Digest, Timestamp};
use signet_trust::{
    Artifact, CertificateIdentity, Evidence, IdentityRequirement, Instance, Issuer, LogRequirement, Matcher, PublicKey,
    Requirements, SctRequirement, Statement, TimeSource, TrustRoot, TrustedKey, Window, verify,
};

use super::{Answer, bytes, compare};
use crate::set::{Case, Judged, json, judge, text};

const TABLE: &str = include_str!("../../../cases/sign/bundles.tsv");

#[derive(Clone, Debug)]
struct Input {
    folder: PathBuf,
    evidence: String,
    artifact: String,
    root: String,
    signer: String,
    options: String,
}

pub(crate) fn sigstore_go(folder: &Path) -> Result<Vec<Judged>> {
    evaluate("sigstore-go", folder)
}

pub(crate) fn sigstore_python(folder: &Path) -> Result<Vec<Judged>> {
    evaluate("sigstore-python", folder)
}

pub(crate) fn sigstore_rust(folder: &Path) -> Result<Vec<Judged>> {
    evaluate("sigstore-rust", folder)
}

fn evaluate(set: &str, folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for (line, row) in TABLE.lines().enumerate().filter(|(_, row)| !row.is_empty() && !row.starts_with('#')) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [of, expected, evidence, artifact, root, signer, options] = cells.as_slice() else {
            bail!("bundles.tsv:{}: seven columns", line + 1);
        };
        if *of != set {
            continue;
        }
        let accept = match *expected {
            "accept" => true,
            "refuse" => false,
            other => bail!("bundles.tsv:{}: `{other}` is neither accept nor refuse", line + 1),
        };
        let id = if signer.is_empty() { (*evidence).to_owned() } else { format!("{evidence} by {signer}") };
        let input = Input {
            folder: folder.to_owned(),
            evidence: (*evidence).to_owned(),
            artifact: (*artifact).to_owned(),
            root: (*root).to_owned(),
            signer: (*signer).to_owned(),
            options: (*options).to_owned(),
        };
        let case = Case::new(id, input, accept);
        cases.push(if accept { case } else { case.refused() });
    }
    Ok(judge(cases, answer, |_, answer, accept| compare(answer, *accept)))
}

fn answer(input: &Input) -> Answer {
    ask(input).unwrap_or_else(|error| Answer::Broken(format!("{error:#}")))
}

fn ask(input: &Input) -> Result<Answer> {
    let file = |name: &str| bytes(&input.folder.join(name));
    let option = |name: &str| input.options.split(' ').any(|option| option == name);
    if option("root") {
        return Ok(Answer::of(TrustRoot::from_json(&file(&input.evidence)?)));
    }
    if option("authority") {
        // A fragment: one certificate authority of a trusted root.
        let text = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","certificateAuthorities":[{}]}}"#,
            text(&input.folder.join(&input.evidence))?
        );
        return Ok(Answer::of(TrustRoot::from_json(text.as_bytes())));
    }
    let root = match input.root.strip_prefix("embedded:") {
        Some("public") => TrustRoot::embedded(Instance::PublicGood)?,
        Some("staging") => TrustRoot::embedded(Instance::Staging)?,
        Some("github") => TrustRoot::embedded(Instance::Github)?,
        Some(other) => bail!("no embedded root `{other}`"),
        None if option("tsa") => {
            let mut document = json(&input.folder.join(&input.root))?;
            let authority = json(&input.folder.join("test/assets/tsa/ca.json"))?;
            match document["timestampAuthorities"].as_array_mut() {
                Some(list) => list.push(authority),
                None => document["timestampAuthorities"] = serde_json::json!([authority]),
            }
            TrustRoot::from_json(&serde_json::to_vec(&document)?)?
        }
        None => TrustRoot::from_json(&file(&input.root)?)?,
    };
    let bundle = file(&input.evidence)?;
    let evidence = if option("detached") {
        let certificate = text(&input.folder.join(input.evidence.replace(".sig", ".crt")))?;
        Evidence::detached(&bundle, Some(&certificate))
    } else {
        Evidence::bundle(&bundle)
    };
    let evidence = match evidence {
        Ok(evidence) => evidence,
        Err(error) => return Ok(Answer::Refused(error.to_string())),
    };
    let content;
    let digest;
    let artifact = match input.artifact.as_str() {
        "subject" => {
            digest = subject(&evidence)?;
            Artifact::Digest(&digest)
        }
        "digest" => {
            digest = message_digest(&bundle)?;
            Artifact::Digest(&digest)
        }
        text if text.starts_with("text:") => Artifact::Bytes(&text.as_bytes()["text:".len()..]),
        name => {
            content = file(name)?;
            Artifact::Bytes(&content)
        }
    };
    Ok(Answer::of(verify(&evidence, artifact, &root, &requirements(input)?, Timestamp::now())))
}

/// Any signer: for cases that are about something else.
pub(crate) fn anybody() -> Result<Vec<CertificateIdentity>> {
    let mut named = CertificateIdentity::exact("", "");
    named.name = Matcher::pattern("").map_err(anyhow::Error::msg)?;
    named.issuer = Issuer::Is(Matcher::pattern("").map_err(anyhow::Error::msg)?);
    let mut unnamed = named.clone();
    unnamed.issuer = Issuer::NotNamed;
    Ok(vec![named, unnamed])
}

fn requirements(input: &Input) -> Result<Requirements> {
    let option = |name: &str| input.options.split(' ').any(|option| option == name);
    let mut wanted = match input.signer.split_once('=') {
        None => Requirements::keyless(anybody()?),
        Some(("key", path)) => {
            let (path, window) = path.split_once(' ').unwrap_or((path, ""));
            let key = PublicKey::from_pem(&text(&input.folder.join(path))?)?;
            let mut trusted = TrustedKey::always(key);
            if let Some((start, end)) = window.split_once("..") {
                trusted.window = Window { start: Some(start.parse()?), end: Some(end.parse()?) };
            }
            Requirements::keys(vec![trusted])
        }
        Some(("identity", rest)) => {
            let (name, issuer) = rest.split_once(' ').unwrap_or((rest, ""));
            let mut identities = anybody()?;
            for identity in &mut identities {
                identity.name = Matcher::Exact(name.to_owned());
            }
            if !issuer.is_empty() {
                identities = vec![CertificateIdentity::exact(name, issuer)];
            }
            Requirements::keyless(identities)
        }
        Some((other, _)) => bail!("unknown signer `{other}`"),
    };
    if option("nolog") {
        wanted.log = LogRequirement::AtLeast(0);
    }
    if option("nosct") {
        wanted.sct = SctRequirement::InsecureIgnored;
    }
    if option("stamped") {
        wanted.time = TimeSource::Timestamps(1);
    }
    if option("detached") {
        wanted.log = LogRequirement::InsecureIgnored;
        wanted.time = TimeSource::InsecureBeginOfCertificate;
    }
    ensure!(matches!(wanted.identity, IdentityRequirement::Certificate(_)) || input.signer.starts_with("key="));
    Ok(wanted)
}

/// The first strong digest of the statement: the artifact itself is not in the corpus.
pub(crate) fn subject(evidence: &Evidence) -> Result<Digest> {
    let envelope = evidence.unverified_envelope().context("no envelope")?;
    let statement = Statement::of(envelope)?;
    statement
        .subjects()
        .iter()
        .flat_map(signet_trust::Subject::digests)
        .find_map(|(algorithm, hex)| format!("{algorithm}:{hex}").parse().ok())
        .context("no strong digest")
}

fn message_digest(bundle: &[u8]) -> Result<Digest> {
    use base64::Engine as _;
    let bundle: serde_json::Value = serde_json::from_slice(bundle)?;
    let digest = bundle["messageSignature"]["messageDigest"]["digest"].as_str().context("no digest")?;
    let digest = base64::engine::general_purpose::STANDARD.decode(digest)?;
    Digest::from_bytes(Algorithm::Sha256, &digest).context("no SHA-256 digest")
}
