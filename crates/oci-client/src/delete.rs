//! Deleting. Source: OCI distribution-spec, "Deleting tags", "Deleting Manifests".

use futures_util::stream::{self, StreamExt as _};
use reqwest::{Method, StatusCode};
use signet_model::{Digest, ImageRef};

use crate::attach::at;
use crate::client::Client;
use crate::endpoint::{Access, Endpoint};
use crate::error::{Error, ErrorKind};
use crate::list::fallback_tag;
use crate::manifest::{Manifest, ManifestBody};
use crate::transport::Ask;

/// Other tags that are looked at before a manifest is deleted in the place of its tag.
const MOST_TAGS: usize = 1000;
/// Tags that are looked at at once.
const AT_ONCE: usize = 8;

impl Client {
    /// Deletes a manifest by its digest, or a tag. Where the registry deletes no tags, the manifest under it goes, if nothing else would go with it: no
    /// other tag holds the same bytes (two images with equal SBOMs have equal manifests), and it lies beside no other image by its `subject`. What is not
    /// there is deleted already.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the registry deletes nothing; [`ErrorKind::Conflict`] where only the manifest could be deleted, and more would
    /// go, or may.
    pub async fn delete_manifest(&self, reference: &ImageRef) -> Result<(), Error> {
        let by_digest = reference.digest().is_some();
        let refused = match self.delete_one(reference).await {
            Ok(()) => return Ok(()),
            // Distribution answers 400 to what is no digest, others 405.
            Err(err) if !by_digest && matches!(err.status, Some(400 | 405 | 501)) => err,
            // Not every registry that lacks the way tells so: it may know no such page.
            Err(err) if !by_digest && err.kind == ErrorKind::NotFound => err,
            Err(err) if err.kind == ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(disabled(err)),
        };
        let manifest = match self.manifest_at(&Endpoint::origin(reference, self.options()), reference).await {
            Ok((manifest, _)) => manifest,
            Err(err) if err.kind == ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(err),
        };
        let digest = manifest.digest;
        if let Some(more) = self.goes_along(reference, &manifest).await? {
            let what = format!("the registry deletes no tags, only manifests, and {more}");
            let err = Error::new(ErrorKind::Conflict, format!("delete `{reference}`"), what).cause(refused);
            return Err(err.hint(format!("when nothing needs it any more, delete `{}@{digest}`", reference.name())));
        }
        match self.delete_one(&at(reference, None, Some(digest))?).await {
            Err(err) if err.kind != ErrorKind::NotFound => Err(disabled(err)),
            _ => Ok(()),
        }
    }

    /// What else would go, or may, with the manifest under this tag; `None` when nothing would.
    async fn goes_along(&self, reference: &ImageRef, manifest: &Manifest) -> Result<Option<String>, Error> {
        let own = reference.tag_or_latest();
        let digest = manifest.digest;
        let subject = match &manifest.body {
            ManifestBody::Image(image) => image.subject.as_ref(),
            ManifestBody::Index(index) => index.subject.as_ref(),
        };
        if let Some(subject) = subject.filter(|subject| !own.starts_with(&fallback_tag(&subject.digest))) {
            return Ok(Some(format!(
                "the one under this tag, {digest}, lies beside another image, {}",
                subject.digest
            )));
        }
        let tags = self.tags(reference).await?;
        // A list that leaves out what is there cannot say what is not.
        if !tags.iter().any(|tag| tag == own) {
            return Ok(Some(format!("its list of tags is not whole, so it is not known what else holds {digest}")));
        }
        if tags.len() > MOST_TAGS {
            return Ok(Some(format!("has more than {MOST_TAGS} tags, so it is not known which of them hold {digest}")));
        }
        let others = tags.iter().filter(|tag| *tag != own).map(|tag| async move {
            let place = at(reference, Some(tag), None)?;
            let head = self.manifest_head(&place).await?;
            Ok::<(&String, Option<Option<Digest>>), Error>((tag, head.map(|head| head.digest)))
        });
        let mut others = stream::iter(others.collect::<Vec<_>>()).buffered(AT_ONCE);
        while let Some(other) = others.next().await {
            match other? {
                (tag, Some(Some(held))) if held == digest => {
                    return Ok(Some(format!("the one under this tag, {digest}, is also under `{tag}`")));
                }
                (tag, Some(None)) => {
                    return Ok(Some(format!("does not say what `{tag}` holds, which may be {digest} too")));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    async fn delete_one(&self, reference: &ImageRef) -> Result<(), Error> {
        let endpoint = Endpoint::origin(reference, self.options());
        let name = match reference.digest() {
            Some(digest) => digest.to_string(),
            None => reference.tag_or_latest().to_owned(),
        };
        let doing = format!("delete `{}` of `{}`", name, endpoint.name());
        let url = self.url(&endpoint, Some(&format!("manifests/{name}"))).await?;
        let mut ask = Ask::new(Method::DELETE, url, doing.clone()).at(&endpoint, Access::Delete);
        ask.small_body = Some(self.options().limits.error_body);
        match self.send(&ask).await?.status {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            status => {
                Err(Error::new(ErrorKind::Malformed, doing, format!("the registry answered {}", status.as_u16())))
            }
        }
    }
}

fn disabled(err: Error) -> Error {
    match err.kind {
        ErrorKind::Unsupported => {
            err.hint("the registry deletes nothing; a docker-registry does with `storage.delete.enabled: true`")
        }
        _ => err,
    }
}
