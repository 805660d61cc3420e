//! Documents that refer to an image and are signed in Notary's way: an SBOM, a report, whatever its artifact type says.
//!
//! ```text
//!   image@digest ◀─ subject ─ manifest (artifact type) ─▶ one layer: the document
//!                                 ▲
//!                                 └─ subject ─ Notation signature, by the policy's certificates
//! ```
//!
//! The signature is over the manifest's digest and not over the list in which a registry names it, so the manifest itself must say that it is about
//! the image and of that type: otherwise the signed document of another image would do.
//!
//! Source: kyverno/kyverno:pkg/notary/notary.go, `FetchAttestations`. It takes the first document of the type; here all that are signed as asked count.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use signet_model::Digest;
use signet_oci_client::{ImageManifest, ManifestBody};
use signet_policy::kyverno::verify_images::Answer;

use super::Outside;
use crate::verify::discover::{Pinned, repository_at};

/// Documents of one type that are looked at, and bytes of one.
const MAX_DOCUMENTS: usize = 50;
const MAX_BYTES: u64 = 10 << 20;

impl Outside {
    /// The documents of this artifact type that these certificates signed, as statements about the image.
    ///
    /// Errors: it cannot be told, because something could not be read.
    pub(super) fn notary_statements(&self, image: &Pinned, roots: &[String], kind: &str) -> Result<Answer> {
        let repository = repository_at(&image.reference, None, None)?;
        let client = self.registry.client();
        let listed = client
            .referrers(&repository, &image.digest, Some(kind))
            .with_context(|| format!("cannot list what refers to `{}@{}`", repository.name(), image.digest))?;
        let mut digests: Vec<Digest> = listed.iter().map(|entry| entry.digest).collect();
        digests.sort();
        digests.dedup();
        ensure!(
            digests.len() <= MAX_DOCUMENTS,
            "more than {MAX_DOCUMENTS} documents of type `{kind}` refer to the image"
        );
        let (mut statements, mut why) = (Vec::new(), Vec::new());
        for digest in digests {
            let place = format!("referrer {digest}");
            let reference = repository_at(&repository, None, Some(digest))?;
            let document = Pinned { reference: reference.clone(), digest, local: None };
            if let Err(refused) = self.notation(&document, roots, &[], "strict", "")? {
                why.push(format!("{place}: {refused}"));
                continue;
            }
            let ManifestBody::Image(manifest) = client.manifest(&reference)?.body else {
                why.push(format!("{place}: an index is no document"));
                continue;
            };
            if let Err(other) = is_about(&manifest, &image.digest, kind) {
                why.push(format!("{place}: {other}"));
                continue;
            }
            // What is signed as asked and cannot be read may be the document that speaks against the image.
            let predicate = self.document(&repository, &manifest).with_context(|| place.clone())?;
            statements.push(json!({"type": kind, "predicateType": kind, "predicate": predicate}));
        }
        Ok(match (statements.is_empty(), why.is_empty()) {
            (false, _) => Answer::Statements { digest: image.digest.to_string(), statements },
            (true, true) => Answer::Refused(format!("no document of type `{kind}` refers to the image")),
            (true, false) => Answer::Refused(format!(
                "no document of type `{kind}` is signed as the policy demands: {}",
                why.join("; ")
            )),
        })
    }

    fn document(&self, repository: &signet_model::ImageRef, manifest: &ImageManifest) -> Result<Map<String, Value>> {
        let [layer] = manifest.layers.as_slice() else {
            bail!("a document is one layer, and here are {}", manifest.layers.len());
        };
        ensure!(layer.size <= MAX_BYTES, "the document is larger than {} MiB", MAX_BYTES >> 20);
        let bytes = self.registry.client().small_blob(repository, &layer.digest, Some(layer.size))?;
        serde_json::from_slice(&bytes).context("the document is no JSON object")
    }
}

/// Whether a manifest says of itself that it is about the image and of this type.
fn is_about(manifest: &ImageManifest, image: &Digest, kind: &str) -> std::result::Result<(), String> {
    match &manifest.subject {
        Some(subject) if subject.digest == *image => {}
        Some(subject) => return Err(format!("it is about {}", subject.digest)),
        None => return Err("it is about no image".to_owned()),
    }
    // Without a type of its own, an artifact is what its configuration is. Source: opencontainers/distribution-spec, "Listing Referrers".
    let own = manifest.artifact_type.as_deref().filter(|own| !own.is_empty());
    let own = own.unwrap_or(&manifest.config.media_type);
    if own == kind { Ok(()) } else { Err(format!("it is of type `{own}`")) }
}
