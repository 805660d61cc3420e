//! Which kinds an API server serves.
//!
//! Source: <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>, `meta.k8s.io/v1` APIGroupList and APIResourceList.

use serde_json::Value;

use crate::client::Client;
use crate::error::KubeError;

/// Groups with their versions, and kinds of one of them.
const MAX_VERSIONS: usize = 2_000;
const MAX_KINDS: usize = 5_000;

/// A kind, or a subresource of one, as it is served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// The group and version of its path.
    pub group: String,
    /// See `group`.
    pub version: String,
    /// `pods`
    pub plural: String,
    /// `exec`, or empty.
    pub subresource: String,
    /// Group, version and kind of what is sent: of `deployments/scale` they are those of a `Scale`.
    pub kind: (String, String, String),
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// `create`, `update`, ..
    pub verbs: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// In the order of their paths.
    pub served: Vec<Served>,
    /// Groups with versions that could not be read: a server behind the API server that is gone.
    pub unread: Vec<(String, String)>,
}

fn texts<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Client {
    /// Asks for all kinds.
    ///
    /// # Errors
    /// The list of groups cannot be had. A group that cannot be read stands in [`Discovery::unread`].
    pub async fn discover(&self) -> Result<Discovery, KubeError> {
        let mut versions: Vec<(String, String)> = Vec::new();
        let core = self.document(&["api"]).await?;
        versions.extend(texts(&core, "versions").map(|version| (String::new(), version.to_owned())));
        let groups = self.document(&["apis"]).await?;
        for group in groups.get("groups").and_then(Value::as_array).into_iter().flatten() {
            for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
                versions.push((text(group, "name").to_owned(), text(version, "version").to_owned()));
            }
        }
        if versions.len() > MAX_VERSIONS {
            return Err(KubeError::odd(
                "read `/apis`",
                format!("there are more than {MAX_VERSIONS} groups and versions"),
            ));
        }
        let mut found = Discovery::default();
        for (group, version) in versions {
            let path = match group.as_str() {
                "" => vec!["api", version.as_str()],
                group => vec!["apis", group, version.as_str()],
            };
            match self.document(&path).await {
                Ok(list) => take(&mut found, &group, &version, &list),
                // It went while we asked.
                Err(err) if err.is_not_found() => {}
                // Who is not there at all will not be there for the next one either.
                Err(err @ (KubeError::Unreachable { .. } | KubeError::Late { .. })) => return Err(err),
                Err(_) => found.unread.push((group, version)),
            }
        }
        found.served.sort();
        Ok(found)
    }
}

fn take(found: &mut Discovery, group: &str, version: &str, list: &Value) {
    let resources = list.get("resources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if resources.len() > MAX_KINDS {
        found.unread.push((group.to_owned(), version.to_owned()));
        return;
    }
    for resource in resources {
        let name = text(resource, "name");
        let (plural, subresource) = name.split_once('/').unwrap_or((name, ""));
        let or = |key: &str, other: &str| match text(resource, key) {
            "" => other.to_owned(),
            said => said.to_owned(),
        };
        if plural.is_empty() || text(resource, "kind").is_empty() {
            continue;
        }
        // A subresource may send a kind of another group; then both are said.
        let foreign = !text(resource, "group").is_empty() || !text(resource, "version").is_empty();
        let kind_group = if foreign { text(resource, "group").to_owned() } else { group.to_owned() };
        found.served.push(Served {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            subresource: subresource.to_owned(),
            kind: (kind_group, or("version", version), text(resource, "kind").to_owned()),
            namespaced: resource.get("namespaced").and_then(Value::as_bool).unwrap_or(false),
            verbs: texts(resource, "verbs").map(str::to_owned).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subresources_have_kinds_of_their_own() {
        let mut found = Discovery::default();
        let list = json!({"resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": ["create", "update"]},
            {"name": "deployments/scale", "kind": "Scale", "group": "autoscaling", "version": "v1", "namespaced": true, "verbs": ["update"]},
            {"name": "", "kind": "X"}, {"name": "y"}, 7,
        ]});
        take(&mut found, "apps", "v1", &list);
        assert_eq!(found.served.len(), 2);
        let scale = &found.served[1];
        assert_eq!((scale.plural.as_str(), scale.subresource.as_str()), ("deployments", "scale"));
        assert_eq!(scale.kind, ("autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned()));
        assert_eq!(found.served[0].kind.0, "apps");
    }
}
