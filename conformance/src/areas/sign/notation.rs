//! `sign/notation`, `sign/notation-go`, `sign/notation-core-go`: policies, stores, signatures, timestamps and revocation lists of the Notary Project.
//!
//! What a file must lead to follows from its name, as the projects' own tests have it; signatures that only a plugin could judge are to be refused,
//! since Signet runs none. Private keys that lie beside them are never read.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use signet_model::{Digest, Timestamp};
use signet_trust::notation::{
    BlobPolicy, Envelope, EnvelopeKind, NotationError, OciPolicy, Revocations, StoreKind, Target, TrustStores, verify,
};

use super::{Answer, bytes, compare};
use crate::set::{Case, Judged, Verdict, judge, text};

#[derive(Debug)]
enum Input {
    /// A policy is read.
    Policy(PathBuf),
    /// A policy for files is read.
    BlobPolicy(PathBuf),
    /// A file is put into a trust store.
    Store(PathBuf, StoreKind),
    /// An image in a layout is judged by a policy, with these certificates in the store `ca:e2e`.
    Image { layout: PathBuf, policy: Judge, anchors: Vec<PathBuf> },
    /// An envelope alone is judged at a level; its payload says what it is about, which is not what the case is about.
    Envelope { file: PathBuf, level: &'static str, anchors: Vec<(StoreKind, PathBuf)> },
    /// A chain with revocation lists.
    Revoked { chain: PathBuf, lists: Vec<PathBuf> },
    /// Nothing that Signet does.
    Other(&'static str),
}

#[derive(Debug)]
enum Judge {
    File(PathBuf),
    Level(&'static str),
}

fn cases_to(cases: Vec<Case<Input, bool>>) -> Vec<Judged> {
    judge(cases, answer, |input, answer, accept| match input {
        Input::Other(why) => Verdict::Skipped((*why).to_owned()),
        _ => compare(answer, *accept),
    })
}

fn case(id: impl Into<String>, input: Input, accept: bool) -> Case<Input, bool> {
    let case = Case::new(id, input, accept);
    if accept { case } else { case.refused() }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(crate) fn notation(folder: &Path) -> Result<Vec<Judged>> {
    let data = folder.join("test/e2e/testdata");
    let mut cases = Vec::new();
    let layouts = data.join("registry/oci_layout");
    let anchors = || {
        vec![
            data.join("config/localkeys/e2e.crt"),
            data.join("config/localkeys/expired_e2e.crt"),
            data.join("config/localkeys/new_e2e.crt"),
        ]
    };
    for file in files(&data.join("config/trustpolicies"))? {
        let id = name(&file);
        let broken = [
            "empty_",
            "invalid_format",
            "malformed_",
            "missing_",
            "unset_",
            "overlapped_registry_scope",
            "overlapped_trusted_identity",
            "multi_statements_with_the_same_name",
            "wildcard_trust_store",
        ];
        let valid = !broken.iter().any(|start| id.starts_with(start));
        if id.starts_with("blob_") {
            cases.push(case(format!("policy/{id}"), Input::BlobPolicy(file), valid));
            continue;
        }
        cases.push(case(format!("policy/{id}"), Input::Policy(file.clone()), valid));
        // Read well, and not for this image, store or signer.
        if ["invalid_registry_scope", "invalid_trust_store", "invalid_trusted_identity"]
            .iter()
            .any(|start| id.starts_with(start))
        {
            let image = Input::Image {
                layout: layouts.join("e2e-valid-signature"),
                policy: Judge::File(file),
                anchors: anchors(),
            };
            cases.push(case(format!("image-by-policy/{id}"), image, false));
        }
    }
    for (layout, strict, other) in [
        ("e2e", false, false),
        ("e2e-valid-signature", true, true),
        ("e2e-valid-multiple-signatures", true, true),
        ("e2e-invalid-signature", false, false),
        ("e2e-expired-signature", false, true),
        ("e2e-with-expired-cert", false, true),
    ] {
        for (level, accept) in [("strict", strict), ("permissive", other), ("audit", other)] {
            let image = Input::Image { layout: layouts.join(layout), policy: Judge::Level(level), anchors: anchors() };
            cases.push(case(format!("image/{layout}/{level}"), image, accept));
        }
    }
    let stamped = "e2e-with-invalid-timestamped-signature";
    let image = Input::Image { layout: layouts.join(stamped), policy: Judge::Level("strict"), anchors: anchors() };
    cases.push(case(format!("image/{stamped}/strict"), image, false));
    for (file, accept) in [("blob.jws.sig", true), ("blob.cose.sig", true), ("malformed.jws.sig", false)] {
        let envelope =
            Input::Envelope { file: data.join("signatures").join(file), level: "audit", anchors: Vec::new() };
        cases.push(case(format!("envelope/{file}"), envelope, accept));
    }
    for (file, accept) in [
        ("DigiCertTSARootSHA384.cer", true),
        ("globalsignTSARoot.cer", true),
        ("intermediate.pem", false),
        ("notSelfIssued.crt", false),
        ("CertChain.pem", false),
        ("Empty.txt", false),
        ("invalid.crt", false),
    ] {
        cases.push(case(
            format!("store/tsa/{file}"),
            Input::Store(data.join("config/timestamp").join(file), StoreKind::Timestamp),
            accept,
        ));
    }
    let stores = folder.join("cmd/notation/internal/truststore/testdata");
    for (file, accept) in [("NotationTestRoot.pem", true), ("self-signed.crt", true), ("invalid.txt", false)] {
        cases.push(case(format!("store/ca/{file}"), Input::Store(stores.join(file), StoreKind::Authority), accept));
    }
    let crl = data.join("config/crl");
    let revoked = |lists: &[&str]| Input::Revoked {
        chain: crl.join("certchain_with_crl.pem"),
        lists: lists.iter().map(|list| crl.join(list)).collect(),
    };
    cases.push(case("crl/good", revoked(&["leaf.crl", "intermediate.crl"]), true));
    cases.push(case("crl/leaf-revoked", revoked(&["leaf_revoked.crl", "intermediate.crl"]), false));
    cases.push(case("crl/intermediate-revoked", revoked(&["leaf.crl", "intermediate_revoked.crl"]), false));
    cases.push(case("crl/expired-list", revoked(&["leaf_expired.crl", "intermediate.crl"]), false));
    cases.push(case("crl/no-list", revoked(&["intermediate.crl"]), false));
    cases.push(case("plugins", Input::Other("Signet installs and runs no plugins"), false));
    Ok(cases_to(cases))
}

pub(crate) fn notation_go(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    let stores = folder.join("verifier/testdata/truststore/x509");
    let trusted = |stamps: bool| -> Result<Vec<(StoreKind, PathBuf)>> {
        let mut anchors = Vec::new();
        for (kind, folder) in [
            (StoreKind::Authority, "ca/valid-trust-store"),
            (StoreKind::SigningAuthority, "signingAuthority/valid-trust-store"),
        ] {
            anchors.extend(files(&stores.join(folder))?.into_iter().map(|file| (kind, file)));
        }
        if stamps {
            anchors.push((StoreKind::Timestamp, stores.join("tsa/test-timestamp/globalsignRoot.cer")));
        }
        Ok(anchors)
    };
    for file in files(&folder.join("verifier/testdata/timestamp/sigEnv"))? {
        let id = name(&file);
        let accept = !["withoutTimestamp", "timestampBeforeNotBefore", "timestampAfterNotAfter"]
            .iter()
            .any(|start| id.starts_with(start));
        cases.push(case(
            format!("timestamp/{id}"),
            Input::Envelope { file, level: "time", anchors: trusted(true)? },
            accept,
        ));
    }
    for file in files(&folder.join("internal/mock/testdata"))? {
        let id = name(&file);
        let accept = !["_invalid_", "_expired_", "_plugin_", "pluginver"].iter().any(|word| id.contains(word));
        // The certificate of this one lies in no store: it is about what the signer says besides.
        let level = if id == "sig_env_with_metadata.json" { "audit" } else { "expiry" };
        cases.push(case(format!("envelope/{id}"), Input::Envelope { file, level, anchors: trusted(false)? }, accept));
    }
    for file in ["jws_signature.sig", "cose_signature.sig"] {
        let envelope =
            Input::Envelope { file: folder.join("internal/testdata").join(file), level: "audit", anchors: Vec::new() };
        cases.push(case(format!("envelope/{file}"), envelope, true));
    }
    for (kind, set) in
        [(StoreKind::Authority, "ca"), (StoreKind::SigningAuthority, "signingAuthority"), (StoreKind::Timestamp, "tsa")]
    {
        for store in files(&stores.join(set))?.into_iter().filter(|store| store.is_dir()) {
            for file in files(&store)? {
                let id = format!("store/{set}/{}/{}", name(&store), name(&file));
                let leaf = ["invalid", "non-ca.crt", "RootAndLeafCerts.crt", "nonSelfIssued.crt"]
                    .contains(&name(&file).as_str());
                let accept = !leaf && name(&store) != "test-nonCA";
                if file.is_symlink() || file.is_dir() || name(&file).contains("SYMLINK") {
                    cases.push(case(
                        id,
                        Input::Other(
                            "links and folders in stores are the loader's matter, which comes with the command",
                        ),
                        false,
                    ));
                } else {
                    cases.push(case(id, Input::Store(file, kind), accept));
                }
            }
        }
    }
    Ok(cases_to(cases))
}

pub(crate) fn notation_core_go(folder: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for (file, accept) in [
        ("pem.crt", true),
        ("multi-pem.crt", true),
        ("der.der", true),
        ("multi-der.der", true),
        ("openssl-minimum-self-signed.pem", true),
        ("timestamp_root.crt", true),
        ("timestamp_intermediate.crt", true),
        ("timestamp_leaf.crt", false),
        ("invalid", false),
    ] {
        cases.push(case(
            format!("x509/{file}"),
            Input::Store(folder.join("x509/testdata").join(file), StoreKind::Authority),
            accept,
        ));
    }
    for kind in ["jws", "cose"] {
        cases.push(case(
            format!("conformance/{kind}"),
            Input::Other("the original signs it with a certificate that it makes anew each time"),
            true,
        ));
    }
    cases.push(case(
        "delta-lists",
        Input::Other("lists that are only a part are refused; these come without the certificates that they are about"),
        true,
    ));
    Ok(cases_to(cases))
}

fn answer(input: &Input) -> Answer {
    ask(input).unwrap_or_else(|error| Answer::Broken(format!("{error:#}")))
}

fn policy(level: &str) -> Result<OciPolicy> {
    let (verification, stores) = match level {
        // Only the time is enforced beside integrity, with a store of timestamp authorities.
        "time" => (r#"{"level":"audit","override":{"authenticTimestamp":"enforce"}}"#, r#""ca:e2e","tsa:e2e""#),
        "expiry" => (
            r#"{"level":"audit","override":{"expiry":"enforce","authenticity":"enforce"}}"#,
            r#""ca:e2e","signingAuthority:e2e""#,
        ),
        "permissive" => (r#"{"level":"permissive"}"#, r#""ca:e2e""#),
        "audit" => (r#"{"level":"audit"}"#, r#""ca:e2e""#),
        _ => (r#"{"level":"strict"}"#, r#""ca:e2e""#),
    };
    let document = format!(
        r#"{{"version":"1.0","trustPolicies":[{{"name":"e2e","registryScopes":["*"],"signatureVerification":{verification},"trustStores":[{stores}],"trustedIdentities":["*"]}}]}}"#
    );
    Ok(OciPolicy::parse(document.as_bytes())?)
}

fn ask(input: &Input) -> Result<Answer> {
    Ok(match input {
        Input::Policy(file) => Answer::of(OciPolicy::parse(&bytes(file)?)),
        Input::BlobPolicy(file) => Answer::of(BlobPolicy::parse(&bytes(file)?)),
        Input::Store(file, kind) => Answer::of(TrustStores::new().add(*kind, "e2e", &bytes(file)?)),
        Input::Image { layout, policy, anchors } => image(layout, policy, anchors)?,
        Input::Envelope { file, level, anchors } => {
            let document = bytes(file)?;
            let kind = if document.first() == Some(&0xd2) { EnvelopeKind::Cose } else { EnvelopeKind::Jws };
            let envelope = Envelope::parse(&document, kind);
            let target = match envelope.as_ref().map(own_target) {
                Ok(target) => target?,
                Err(error) => return Ok(Answer::Refused(error.to_string())),
            };
            let mut stores = TrustStores::new();
            for (kind, file) in anchors {
                stores.add(*kind, "e2e", &bytes(file)?)?;
            }
            judged(&envelope, &target, &policy(level)?, "registry.example.com/app", &stores)
        }
        Input::Revoked { chain, lists } => {
            let chain = chain_of(&text(chain)?)?;
            let lists = lists.iter().map(|list| bytes(list)).collect::<Result<Vec<_>>>()?;
            Answer::of(Revocations { lists, responses: Vec::new() }.check(&chain, Timestamp::now()))
        }
        Input::Other(_) => Answer::Broken("not asked".to_owned()),
    })
}

/// The artifact that an envelope names itself.
fn own_target(envelope: &Envelope) -> Result<Target> {
    let payload: Value = serde_json::from_slice(envelope.unverified_payload())?;
    target(&payload["targetArtifact"])
}

fn target(descriptor: &Value) -> Result<Target> {
    Ok(Target {
        media_type: descriptor["mediaType"].as_str().map(str::to_owned),
        digest: descriptor["digest"].as_str().context("a digest")?.parse::<Digest>()?,
        size: descriptor["size"].as_u64().context("a size")?,
    })
}

fn chain_of(pem: &str) -> Result<Vec<Vec<u8>>> {
    use base64::Engine as _;
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|block| {
            let body: String = block.split("-----END").next().unwrap_or_default().split_whitespace().collect();
            Ok(base64::engine::general_purpose::STANDARD.decode(body)?)
        })
        .collect()
}

fn judged(
    envelope: &Result<Envelope, NotationError>,
    target: &Target,
    policy: &OciPolicy,
    repository: &str,
    stores: &TrustStores,
) -> Answer {
    let Some(statement) = policy.statement_for(repository) else {
        return Answer::Refused(format!("no statement for `{repository}`"));
    };
    let verdict = verify(envelope, target, statement, stores, &Revocations::default(), Timestamp::now());
    if verdict.holds() { Answer::Accepted } else { Answer::Refused(format!("{:?}", verdict.refusal())) }
}

/// One good signature is enough, as in the original.
fn image(layout: &Path, policy_file: &Judge, anchors: &[PathBuf]) -> Result<Answer> {
    let policy = match policy_file {
        Judge::File(file) => OciPolicy::parse(&bytes(file)?)?,
        Judge::Level(level) => policy(level)?,
    };
    let mut stores = TrustStores::new();
    for anchor in anchors {
        stores.add(StoreKind::Authority, "e2e", &bytes(anchor)?)?;
    }
    let blob = |digest: &str| bytes(&layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:")));
    let index: Value = serde_json::from_slice(&bytes(&layout.join("index.json"))?)?;
    let manifests = index["manifests"].as_array().context("manifests")?;
    let image = manifests
        .iter()
        .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "v1")
        .context("the tag v1")?;
    let target = target(image)?;
    let mut last = Answer::Refused("no signature".to_owned());
    for file in files(&layout.join("blobs/sha256"))? {
        let Ok(manifest) = serde_json::from_slice::<Value>(&bytes(&file)?) else { continue };
        let is_signature = manifest["artifactType"] == "application/vnd.cncf.notary.signature"
            || manifest["config"]["mediaType"] == "application/vnd.cncf.notary.signature";
        if !is_signature || manifest["subject"]["digest"].as_str() != Some(&target.digest.to_string()) {
            continue;
        }
        let layer = &manifest["layers"][0];
        let kind = layer["mediaType"].as_str().and_then(EnvelopeKind::of_media_type);
        last = match kind {
            None => Answer::Refused(format!("a layer of type {}", layer["mediaType"])),
            Some(kind) => {
                let envelope = Envelope::parse(&blob(layer["digest"].as_str().context("a digest")?)?, kind);
                judged(&envelope, &target, &policy, "localhost:5000/e2e", &stores)
            }
        };
        if last == Answer::Accepted {
            return Ok(last);
        }
    }
    Ok(last)
}
