//! Answers of the API server to what policies ask for.

use serde_json::{Value, json};
use signet_policy::jmespath::{Expression, Surroundings};
use signet_policy::kyverno::{Need, selects};
use signet_policy::wildcard;

use super::kinds::split;
use super::rights::Access;
use super::store::{Store, part};
use crate::areas::admit::chainsaw::suite::list;

impl Store {
    /// The answer to a need; `None` for what is not there, or not in a cluster at all.
    pub(super) fn answer(&self, need: &Need, surroundings: &Surroundings) -> Option<Value> {
        match need {
            Need::ConfigMap { namespace, name } => self.get("", "ConfigMap", namespace, name).cloned(),
            Need::Api { method, url_path, .. } if method == "GET" => self.served(url_path),
            Need::Api { url_path, body, .. } => self.posted(url_path, &serde_json::from_str(body).ok()?),
            Need::Global { name, projection } => self.global(name, projection, surroundings),
            Need::Objects { api_version, kind, namespace, name, uid, selector } => {
                let like = |pattern: &str, text: &str| pattern.is_empty() || wildcard::matches(pattern, text);
                let (group, _) = split(api_version);
                let fits = |object: &&Value| {
                    let version = part(object, "/apiVersion");
                    (wildcard::matches(api_version, version) || (!group.is_empty() && split(version).0 == group))
                        && wildcard::matches(kind, part(object, "/kind"))
                        && like(namespace, part(object, "/metadata/namespace"))
                        && like(name, part(object, "/metadata/name"))
                        && (uid.is_empty() || uid == part(object, "/metadata/uid"))
                        && (selector.is_empty() || selects(selector, object))
                };
                Some(Value::Array(self.objects.values().filter(fits).cloned().collect()))
            }
            Need::Service { .. } | Need::Image { .. } => None,
        }
    }

    /// One object or a list, by the path that an API server knows it under.
    fn served(&self, url_path: &str) -> Option<Value> {
        let (path, query) = url_path.split_once('?').unwrap_or((url_path, ""));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (version, rest) = match parts.as_slice() {
            ["version"] => {
                return Some(json!({"major": "1", "minor": "33", "gitVersion": "v1.33.1", "platform": "linux/amd64"}));
            }
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
            ["namespaces", namespace, plural, name] | ["namespaces", namespace, plural, name, _] => {
                (Some(*namespace), *plural, Some(*name))
            }
            [plural] => (None, *plural, None),
            [plural, name] | [plural, name, _] => (None, *plural, Some(*name)),
            _ => return None,
        };
        let found = self.called(&version, plural, namespace);
        if let Some(name) = name {
            return found.into_iter().find(|object| part(object, "/metadata/name") == name);
        }
        let wanted = |key: &str| {
            let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(found, _)| *found == key);
            pair.map(|(_, value)| value.replace("%3D", "=").replace("%3d", "=").replace("%2C", ","))
        };
        let (labels, fields) = (wanted("labelSelector"), wanted("fieldSelector"));
        let fits = |object: &Value, terms: &Option<String>, of: &dyn Fn(&Value, &str) -> Option<String>| {
            terms.as_deref().unwrap_or_default().split(',').filter(|term| !term.is_empty()).all(|term| {
                match (term.split_once("!="), term.split_once('=')) {
                    (Some((key, value)), _) => of(object, key).as_deref() != Some(value),
                    (None, Some((key, value))) => of(object, key).as_deref() == Some(value.trim_start_matches('=')),
                    (None, None) => of(object, term).is_some(),
                }
            })
        };
        let label =
            |object: &Value, key: &str| Some(object.get("metadata")?.get("labels")?.get(key)?.as_str()?.to_owned());
        let field = |object: &Value, key: &str| {
            let found = key.split('.').try_fold(object, |object, key| object.get(key))?;
            Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
        };
        let items: Vec<Value> =
            found.into_iter().filter(|object| fits(object, &labels, &label) && fits(object, &fields, &field)).collect();
        let kind = items.first().map_or("", |item| part(item, "/kind")).to_owned();
        Some(json!({"apiVersion": version, "kind": format!("{kind}List"), "metadata": {}, "items": items}))
    }

    /// Reviews are answered, and everything else that would be made is given back.
    fn posted(&self, url_path: &str, body: &Value) -> Option<Value> {
        if !url_path.contains("subjectaccessreviews") {
            return Some(body.clone());
        }
        let groups: Vec<String> =
            list(body.pointer("/spec/groups")).into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let attribute = |key: &str| part(body, &format!("/spec/resourceAttributes/{key}")).to_owned();
        let resource = match attribute("subresource").as_str() {
            "" => attribute("resource"),
            subresource => format!("{}/{subresource}", attribute("resource")),
        };
        let access = Access {
            verb: &attribute("verb"),
            group: &attribute("group"),
            resource: &resource,
            namespace: &attribute("namespace"),
        };
        let mut answer = body.clone();
        answer["status"] = json!({"allowed": self.allows(part(body, "/spec/user"), &groups, access)});
        Some(answer)
    }

    /// A GlobalContextEntry: what it lists, or one of its projections.
    fn global(&self, name: &str, projection: &str, surroundings: &Surroundings) -> Option<Value> {
        // Kyverno's policies name a projection behind the entry.
        let (name, projection) = match name.split_once('.') {
            Some((name, projection)) => (name, projection),
            None => (name, projection),
        };
        let entry = self.get("kyverno.io", "GlobalContextEntry", "", name)?;
        let value = match entry.pointer("/spec/apiCall/urlPath").and_then(Value::as_str) {
            Some(url_path) => self.served(url_path)?,
            None => {
                let of = |key: &str| part(entry, &format!("/spec/kubernetesResource/{key}")).to_owned();
                let (group, version, namespace) = (of("group"), of("version"), of("namespace"));
                let api_version = if group.is_empty() { version } else { format!("{group}/{version}") };
                let within = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
                Value::Array(self.called(&api_version, &of("resource"), within))
            }
        };
        if projection.is_empty() {
            return Some(value);
        }
        let projections = list(entry.pointer("/spec/projections"));
        let wanted = projections.into_iter().find(|found| part(found, "/name") == projection)?;
        let expression = Expression::parse(part(wanted, "/jmesPath")).ok()?;
        expression.search(&value, surroundings).ok().map(std::borrow::Cow::into_owned)
    }
}
