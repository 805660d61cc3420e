//! Deleting. Source: OCI distribution-spec, "Deleting tags", "Deleting Manifests".

use reqwest::{Method, StatusCode};
use signet_model::ImageRef;

use crate::attach::at;
use crate::client::Client;
use crate::endpoint::{Access, Endpoint};
use crate::error::{Error, ErrorKind};
use crate::transport::Ask;

impl Client {
    /// Deletes a manifest by its digest, or a tag. Where the registry deletes no tags, the manifest under it goes, and with it every other tag of that
    /// manifest. What is not there is deleted already.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the registry deletes nothing.
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
        let Some(head) = self.manifest_head(reference).await? else { return Ok(()) };
        let Some(digest) = head.digest else { return Err(disabled(refused)) };
        match self.delete_one(&at(reference, None, Some(digest))?).await {
            Err(err) if err.kind != ErrorKind::NotFound => Err(disabled(err)),
            _ => Ok(()),
        }
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
