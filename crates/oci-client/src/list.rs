//! Lists: tags, and what refers to a manifest.
//!
//! Source: OCI distribution-spec, "Listing Tags", "Listing Referrers", "Unavailable Referrers API".

use std::collections::HashSet;

use reqwest::Url;
use serde::Deserialize;
use signet_model::{Digest, ImageRef};

use crate::client::Client;
use crate::endpoint::{Access, Endpoint, same_origin};
use crate::error::{Error, ErrorKind};
use crate::link::next_page;
use crate::manifest::{Descriptor, index_descriptors};
use crate::transport::{Answer, Ask};

/// Tags on a page that we ask for.
const PAGE: &str = "1000";
/// Bytes of all pages of a list: a hundred thousand entries, and not as many pages of one entry and megabytes of nothing.
const MOST_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
struct WireTags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// All tags of a repository, in the registry's order.
    pub async fn tags(&self, repository: &ImageRef) -> Result<Vec<String>, Error> {
        let endpoint = Endpoint::origin(repository, self.options());
        let doing = format!("list the tags of `{}`", endpoint.name());
        let mut url = self.url(&endpoint, Some("tags/list")).await?;
        url.query_pairs_mut().append_pair("n", PAGE);
        let mut tags = Vec::new();
        let mut pages = Pages::new(url, doing.clone());
        while let Some(url) = pages.next.take() {
            let answer = self.page(&pages, url, &endpoint).await?;
            let wire: WireTags = serde_json::from_slice(&answer.body)
                .map_err(|err| Error::new(ErrorKind::Malformed, &*doing, "the answer is no list of tags").cause(err))?;
            tags.extend(wire.tags.unwrap_or_default());
            pages.turn(&answer, tags.len(), self.options().limits.entries)?;
        }
        Ok(tags)
    }

    /// What refers to a manifest (signatures, SBOMs, attestations). Where the registry has no such list, the index under the fallback tag is read.
    pub async fn referrers(
        &self,
        repository: &ImageRef,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        let endpoint = Endpoint::origin(repository, self.options());
        let keeps_list = self.shared.lists.lock().get(&endpoint.host).copied();
        // Until the registry is known, its list and the fallback tag are asked for at once: two round trips would be one too many.
        let listed = self.listed_referrers(&endpoint, subject, artifact_type);
        let (listed, fallback) = match keeps_list {
            Some(true) => (listed.await?, None),
            _ => {
                let (listed, fallback) = tokio::join!(listed, self.fallback_referrers(repository, subject));
                (listed?, Some(fallback))
            }
        };
        self.shared.lists.lock().insert(endpoint.host.clone(), listed.is_some());
        let mut found = match (listed, fallback) {
            (Some(found), _) => found,
            (None, Some(fallback)) => fallback?,
            (None, None) => self.fallback_referrers(repository, subject).await?,
        };
        // A registry may leave the filter to us.
        if let Some(wanted) = artifact_type {
            found.retain(|entry| entry.artifact_type.as_deref() == Some(wanted));
        }
        Ok(found)
    }

    /// What the registry's own list says; `None` where it keeps none.
    async fn listed_referrers(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        let doing = format!("list what refers to `{}@{subject}`", endpoint.name());
        let mut url = self.url(endpoint, Some(&format!("referrers/{subject}"))).await?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut().append_pair("artifactType", artifact_type);
        }
        let mut found = Vec::new();
        let mut pages = Pages::new(url, doing.clone());
        while let Some(url) = pages.next.take() {
            let answer = match self.page(&pages, url, endpoint).await {
                Ok(answer) if answer.header("content-type").is_some_and(|text| text.contains("json")) => answer,
                Err(err) if err.kind != ErrorKind::NotFound && err.kind != ErrorKind::Unsupported => return Err(err),
                _ if pages.count == 0 => return Ok(None),
                Ok(_) => return Err(Error::new(ErrorKind::Malformed, doing, "a page of the list is no JSON")),
                Err(err) => return Err(err),
            };
            found.extend(index_descriptors(&answer.body, &doing)?);
            pages.turn(&answer, found.len(), self.options().limits.entries)?;
        }
        Ok(Some(found))
    }

    async fn fallback_referrers(&self, repository: &ImageRef, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let tag = fallback_tag(subject);
        let doing = format!("list what refers to `{}@{subject}`", repository.name());
        let reference = ImageRef::new(repository.registry(), repository.repository(), Some(&tag), None)
            .map_err(|err| Error::new(ErrorKind::Usage, &*doing, "there is no fallback tag").cause(err))?;
        match self.manifest(&reference).await {
            Ok(manifest) => index_descriptors(&manifest.bytes, &doing),
            Err(err) if err.kind == ErrorKind::NotFound => Ok(Vec::new()),
            Err(err) => Err(err),
        }
    }

    async fn page(&self, pages: &Pages, url: Url, endpoint: &Endpoint) -> Result<Answer, Error> {
        let mut ask = Ask::get(url, pages.doing.clone()).at(endpoint, Access::Pull);
        ask.header("accept", "application/vnd.oci.image.index.v1+json, application/json");
        ask.small_body = Some(self.options().limits.page);
        self.send(&ask).await
    }
}

/// The tag under which clients keep referrers where the registry has no list: the algorithm cut to 32 characters, `-`, the hash cut to 64.
pub(crate) fn fallback_tag(subject: &Digest) -> String {
    let hex = subject.hex();
    format!("{}-{}", subject.algorithm().name(), hex.get(..64).unwrap_or(&hex))
}

/// Where we are in a list of pages.
struct Pages {
    doing: String,
    first: Url,
    next: Option<Url>,
    seen: HashSet<String>,
    count: usize,
    bytes: usize,
}

impl Pages {
    fn new(url: Url, doing: String) -> Pages {
        Pages { doing, first: url.clone(), seen: HashSet::from([url.to_string()]), next: Some(url), count: 0, bytes: 0 }
    }

    /// Finds the next page. A page that was read before, another host, or too many entries are errors: a list must not be cut in silence.
    fn turn(&mut self, answer: &Answer, entries: usize, most: usize) -> Result<(), Error> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(answer.body.len());
        if self.bytes > MOST_BYTES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                &*self.doing,
                format!("the list has more than {MOST_BYTES} bytes"),
            ));
        }
        if entries > most {
            return Err(Error::new(
                ErrorKind::TooLarge,
                &*self.doing,
                format!("the list has more than {most} entries"),
            ));
        }
        let Some(link) = answer.header("link").and_then(next_page) else { return Ok(()) };
        let malformed = |what: &str| Error::new(ErrorKind::Malformed, &*self.doing, what);
        // Relative to what we asked, not to where a redirect led.
        let url = self.first.join(link).map_err(|_| malformed("the link to the next page is no URL"))?;
        if !same_origin(&url, &self.first) {
            return Err(malformed("the link to the next page leads to another host"));
        }
        if !self.seen.insert(url.to_string()) || self.count > most {
            return Err(malformed("the pages of the list go round in a circle"));
        }
        self.next = Some(url);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_model::Algorithm;

    #[test]
    fn the_fallback_tag_is_cut_to_its_length() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(fallback_tag(&Digest::sha256(b"")), format!("sha256-{hex}"));
        assert_eq!(fallback_tag(&Digest::of(Algorithm::Sha512, b"")).len(), "sha512-".len() + 64);
    }
}
