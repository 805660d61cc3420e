//! The door of the demonstration's cluster: reviews as an API server sends them, to the room that `signet serve admission` serves. Tags, seals and
//! findings are those of the demonstration; they are asked for where a registry and a scan would be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::RwLock;
use serde_json::{Value, json};
use signet_admission::{Asked, CacheLimits, Cached, Desk, DeskLimits, Loader, Outside, Pass};
use signet_model::{Digest, Timestamp};
use signet_policy::expr::FindingData;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::mutate::json_patch;
use signet_policy::kyverno::verify_images::{Answer as Found, ImageNeed};
use signet_policy::trust_policy::Authority;
use signet_policy::trust_policy::facts::{Answer, Manifest, Origin, Question, Report, Seal, Signer, What};
use tokio::time::Instant;

use super::seal::Notary;
use crate::verify::judge::SIGNED;

/// The policies at the door: our own, and one of Kyverno's kind as the articles print it.
pub(super) const POLICIES: [(&str, &str); 2] = [
    ("trust-policy.yaml", include_str!("trust-policy.yaml")),
    ("block-latest-tag.yaml", include_str!("../../../../examples/policies/e-block-latest-tag.yaml")),
];

/// Where the images of the demonstration would lie.
pub(super) const REPOSITORY: &str = "registry.shop.example/shop";

/// For one review; nothing here waits for anybody.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is known of one image.
pub(super) struct Known {
    /// Bundles beside it.
    pub(super) seals: Vec<Vec<u8>>,
    /// What a scan found in it.
    pub(super) report: Report<FindingData>,
}

/// A registry and a scanner, as a policy asks them.
struct Yard {
    notary: Arc<Notary>,
    tags: RwLock<BTreeMap<String, Digest>>,
    images: BTreeMap<Digest, Known>,
}

/// A cluster's door.
pub(super) struct Cluster {
    yard: Arc<Yard>,
    desk: Desk,
    runtime: tokio::runtime::Runtime,
}

/// What was said of a Pod.
pub(super) struct Said {
    /// The image that it would run, where it may run.
    pub(super) image: Option<String>,
    /// Why not.
    pub(super) why: String,
}

impl std::fmt::Debug for Yard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Yard").field("tags", &self.tags).finish_non_exhaustive()
    }
}

impl Cluster {
    pub(super) fn new(notary: Arc<Notary>, images: BTreeMap<Digest, Known>, now: Timestamp) -> Result<Cluster> {
        let mut loader = Loader::default();
        for (name, text) in POLICIES {
            let documents = signet_yaml::parse(text, &signet_yaml::Limits::default())?;
            ensure!(loader.take_text(name, text, &documents)?, "`{name}` holds no policy");
        }
        let yard = Arc::new(Yard { notary, tags: RwLock::default(), images });
        let outside: Arc<dyn Outside> = Arc::clone(&yard) as Arc<dyn Outside>;
        let cached = Cached::new(outside, CacheLimits::default());
        let desk = Desk::new(cached, Arc::new(move || now), DeskLimits { workers: 1, ..DeskLimits::default() });
        desk.load(Arc::new(loader.finish()?));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .context("cannot start the door of the cluster")?;
        Ok(Cluster { yard, desk, runtime })
    }

    /// Lets a tag of the repository lead to this image from now on.
    pub(super) fn tag(&self, tag: &str, image: Digest) {
        self.yard.tags.write().insert(format!("{REPOSITORY}:{tag}"), image);
    }

    /// Asks as an API server does: whether the Pod shall be changed, and then whether it may run as it is then.
    pub(super) fn ask(&self, image: &str) -> Result<Said> {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "shop", "namespace": "production" },
            "spec": { "containers": [{ "name": "shop", "image": image }] },
        });
        for pass in [Pass::Mutate, Pass::Validate] {
            let answer = self.review(pass, &pod)?;
            if answer.get("allowed") != Some(&Value::Bool(true)) {
                let why = answer.pointer("/status/message").and_then(Value::as_str).unwrap_or_default();
                return Ok(Said { image: None, why: why.to_owned() });
            }
            if let Some(patch) = answer.get("patch").and_then(Value::as_str) {
                let patch: Value = serde_json::from_slice(&STANDARD.decode(patch)?)?;
                pod = json_patch::apply(&pod, &json_patch::read(&patch)?, json_patch::Options::default())?;
            }
        }
        let image =
            pod.pointer("/spec/containers/0/image").and_then(Value::as_str).context("a Pod without an image")?;
        Ok(Said { image: Some(image.to_owned()), why: String::new() })
    }

    fn review(&self, pass: Pass, pod: &Value) -> Result<Value> {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "demo", "operation": "CREATE", "name": "shop", "namespace": "production", "dryRun": false,
                "kind": { "group": "", "version": "v1", "kind": "Pod" },
                "resource": { "group": "", "version": "v1", "resource": "pods" },
                "userInfo": { "username": "sam@shop.example", "groups": ["system:authenticated"] },
                "object": pod, "oldObject": null,
                "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions" },
            },
        });
        let asked = async { self.desk.review(pass, Bytes::from(review.to_string()), Instant::now() + DEADLINE).await };
        let reply = self.runtime.block_on(asked);
        let answer: Value = serde_json::from_slice(&reply.body)
            .with_context(|| format!("the answer is no review: {}", String::from_utf8_lossy(&reply.body)))?;
        answer.get("response").cloned().context("the answer is a review without a response")
    }
}

impl Yard {
    fn known(&self, digest: &Digest) -> Result<&Known> {
        self.images.get(digest).ok_or_else(|| anyhow!("the registry has no image {digest}"))
    }

    /// The seals of an image that hold and are of one of these.
    fn signatures(&self, digest: &Digest, authorities: &[Authority]) -> Result<Vec<Seal>> {
        let mut found = Vec::new();
        for authority in authorities {
            let Authority::Keyless { issuer, subject } = authority else { continue };
            if *issuer != self.notary.issuer() {
                continue;
            }
            for bundle in &self.known(digest)?.seals {
                let Ok(verified) = self.notary.verify(bundle, *digest, subject, SIGNED) else { continue };
                found.push(Seal {
                    evidence: Digest::sha256(bundle),
                    signer: Signer::Keyless { issuer: issuer.clone(), subject: subject.clone() },
                    signed_at: verified.times.iter().min().copied(),
                });
            }
        }
        Ok(found)
    }

    fn answer(&self, question: &Question) -> Result<Answer> {
        Ok(match question {
            Question::Digest { reference } => {
                let digest = self.tags.read().get(reference).copied();
                Answer::Digest(digest.with_context(|| format!("the registry has no tag `{reference}`"))?)
            }
            Question::Manifests { digest, .. } => {
                self.known(digest)?;
                let platform = "linux/amd64".to_owned();
                Answer::Manifests(vec![Manifest { digest: *digest, platform, created: None }])
            }
            Question::Signatures { digest, authorities, .. } => {
                Answer::Signatures(self.signatures(digest, authorities)?)
            }
            Question::Sboms { .. } => Answer::Sboms(Vec::new()),
            Question::Findings { what: What::Vulnerabilities, from: Origin::Sealed(_), .. } => {
                Answer::Vulnerabilities(Vec::new())
            }
            Question::Findings { digest, what: What::Vulnerabilities, from: Origin::Scan, .. } => {
                Answer::Vulnerabilities(vec![self.known(digest)?.report.clone()])
            }
            other => Answer::Unknown(format!("the demonstration does not find out {other}")),
        })
    }
}

impl Outside for Yard {
    fn context<'a>(&'a self, _need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async { Err("there is no cluster".to_owned()) })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Found> {
        Box::pin(async move { Found::Unknown(format!("the demonstration does not find out {need}")) })
    }

    fn question<'a>(&'a self, question: &'a Question) -> Asked<'a, Answer> {
        Box::pin(async move { self.answer(question).unwrap_or_else(|err| Answer::Unknown(format!("{err:#}"))) })
    }
}
