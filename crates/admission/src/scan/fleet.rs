//! The cluster as a scan sees it: pages of objects, and a place for reports. Who has a client implements it.

use std::fmt::Debug;

use serde_json::Value;

use crate::outside::Asked;

/// A kind of object as an API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// `apps`; empty for the core group.
    pub group: String,
    /// `v1`
    pub version: String,
    /// `deployments`
    pub plural: String,
    /// `Deployment`
    pub kind: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// From its parts.
    #[must_use]
    pub fn new(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool) -> Self {
        let [group, version, plural, kind] = [group, version, plural, kind].map(str::to_owned);
        Self { group, version, plural, kind, namespaced }
    }

    /// `apps/v1`
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// Some objects of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The objects.
    pub items: Vec<Value>,
    /// Where the next page begins; `None` behind the last one.
    pub next: Option<String>,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageError {
    /// The place where it begins is forgotten (410 Gone): the list begins anew.
    Expired,
    /// The kind is not there any more, or may not be read: one sentence.
    Refused(String),
    /// It may be there later: one sentence.
    Away(String),
}

/// A cluster. Each call is bounded by who implements it, in time and bytes.
pub trait Fleet: Debug + Send + Sync {
    /// The kinds that can be listed, each in the version that the server prefers.
    fn kinds(&self) -> Asked<'_, Result<Vec<Resource>, String>>;

    /// Objects of a kind in all namespaces, at most `limit`, with these labels (a label selector; empty for all).
    fn page<'a>(
        &'a self,
        resource: &'a Resource,
        labels: &'a str,
        limit: u32,
        next: Option<String>,
    ) -> Asked<'a, Result<Page, PageError>>;

    /// Writes an object, whatever was there under its name.
    fn apply<'a>(&'a self, resource: &'a Resource, object: &'a Value) -> Asked<'a, Result<(), String>>;

    /// Deletes one; that it is gone already is no error.
    fn delete<'a>(&'a self, resource: &'a Resource, namespace: &'a str, name: &'a str)
    -> Asked<'a, Result<(), String>>;
}
