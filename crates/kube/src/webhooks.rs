//! The webhook configurations: when an API server asks us, and whom it trusts then.
//!
//! Source: `admissionregistration.k8s.io/v1`; <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::KubeError;
use crate::resource::{MUTATING_WEBHOOKS, NAMESPACES, Resource, VALIDATING_WEBHOOKS};

/// The name of both configurations.
pub const NAME: &str = "signet-admission";
/// A namespace with this label and the value `true` is left out.
pub const IGNORE: &str = "admission.signet.dev/ignore";
/// By which the configurations are told from others.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Requests of one kind that are asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The API group; empty for the core group.
    pub group: String,
    /// Versions.
    pub versions: Vec<String>,
    /// `pods`, `pods/ephemeralcontainers`
    pub resources: Vec<String>,
    /// `CREATE`, `UPDATE`, ..
    pub operations: Vec<String>,
}

/// Where we are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A service of our own namespace, and its port.
    Service(String, u16),
    /// `https://host:port`, for an API server that reaches us from outside of the cluster.
    Url(String),
}

/// Everything that the configurations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// Our own namespace: never asked about, since nobody could mend us then.
    pub namespace: String,
    /// Where we are reached.
    pub address: Address,
    /// Whom the API server trusts, in PEM.
    pub bundle: Vec<u8>,
    /// Seconds that the API server waits.
    pub timeout: u8,
    /// Whether `kube-system` is asked about, too.
    pub kube_system: bool,
    /// What is asked about; none, and there are no configurations.
    pub rules: Vec<Rule>,
    /// The UID of our namespace: when it is deleted, so are the configurations.
    pub owner: Option<String>,
}

impl Hooks {
    /// Kind and content of both configurations; of the one that changes objects only where objects are stored.
    #[must_use]
    pub fn configurations(&self) -> [(Resource, Value); 2] {
        let stored: Vec<Rule> = self
            .rules
            .iter()
            .filter_map(|rule| {
                let stored = |operation: &&String| matches!(operation.as_str(), "CREATE" | "UPDATE");
                let operations: Vec<String> = rule.operations.iter().filter(stored).cloned().collect();
                (!operations.is_empty()).then(|| Rule { operations, ..rule.clone() })
            })
            .collect();
        [
            (MUTATING_WEBHOOKS, self.configuration(&MUTATING_WEBHOOKS, "mutate", &stored)),
            (VALIDATING_WEBHOOKS, self.configuration(&VALIDATING_WEBHOOKS, "validate", &self.rules)),
        ]
    }

    fn configuration(&self, resource: &Resource, path: &str, rules: &[Rule]) -> Value {
        let mut left_out = vec![self.namespace.as_str()];
        left_out.extend((!self.kube_system).then_some("kube-system"));
        let mut client = match &self.address {
            Address::Service(name, port) => {
                json!({"service": {"name": name, "namespace": self.namespace, "path": format!("/{path}"), "port": port}})
            }
            Address::Url(url) => json!({"url": format!("{}/{path}", url.trim_end_matches('/'))}),
        };
        if let Some(fields) = client.as_object_mut() {
            fields.insert("caBundle".to_owned(), Value::String(STANDARD.encode(&self.bundle)));
        }
        let rules: Vec<Value> = rules
            .iter()
            .map(|rule| {
                json!({
                    "apiGroups": [rule.group], "apiVersions": rule.versions, "resources": rule.resources,
                    "operations": rule.operations, "scope": "*",
                })
            })
            .collect();
        let mut webhook = json!({
            "name": format!("{path}.admission.signet.dev"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "timeoutSeconds": self.timeout,
            "clientConfig": client,
            "namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": left_out},
                {"key": IGNORE, "operator": "NotIn", "values": ["true"]},
            ]},
            // Who makes an object owns its labels: he does not choose whether it is judged.
            "objectSelector": {},
            "rules": rules,
        });
        if path == "mutate"
            && let Some(fields) = webhook.as_object_mut()
        {
            // Another webhook may bring another image.
            fields.insert("reinvocationPolicy".to_owned(), json!("IfNeeded"));
        }
        let mut metadata = json!({"name": NAME, "labels": {MANAGED_BY: "signet"}});
        if let (Some(uid), Some(fields)) = (&self.owner, metadata.as_object_mut()) {
            let owner = json!([{"apiVersion": "v1", "kind": NAMESPACES.kind, "name": self.namespace, "uid": uid}]);
            fields.insert("ownerReferences".to_owned(), owner);
        }
        let webhooks = if rules.is_empty() { json!([]) } else { json!([webhook]) };
        json!({
            "apiVersion": resource.api_version(), "kind": resource.kind,
            "metadata": metadata, "webhooks": webhooks,
        })
    }
}

/// What was done to one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was as it is to be.
    Same,
    /// It was made or changed.
    Changed,
    /// It was taken away.
    Removed,
}

impl Client {
    /// Makes both configurations say this. Without rules they are taken away. What was written over is what was read: a leader of before is refused.
    ///
    /// # Errors
    /// See [`KubeError`].
    pub async fn keep_hooks(&self, hooks: &Hooks) -> Result<[Written; 2], KubeError> {
        let mut done = [Written::Same; 2];
        for ((resource, wanted), done) in hooks.configurations().into_iter().zip(&mut done) {
            let is_empty = wanted.get("webhooks").and_then(Value::as_array).is_none_or(Vec::is_empty);
            *done = self.keep_one(&resource, wanted, is_empty).await?;
        }
        Ok(done)
    }

    /// Takes both configurations away.
    ///
    /// # Errors
    /// See [`KubeError`].
    pub async fn remove_hooks(&self) -> Result<[Written; 2], KubeError> {
        let mut done = [Written::Same; 2];
        for (resource, done) in [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS].into_iter().zip(&mut done) {
            *done = self.keep_one(&resource, Value::Null, true).await?;
        }
        Ok(done)
    }

    async fn keep_one(&self, resource: &Resource, wanted: Value, is_empty: bool) -> Result<Written, KubeError> {
        let found = self.find(resource, None, NAME).await?;
        match found {
            None if is_empty => Ok(Written::Same),
            None => self.create(resource, None, &wanted).await.map(|_| Written::Changed),
            Some(_) if is_empty => match self.delete(resource, None, NAME).await {
                Err(err) if !err.is_not_found() => Err(err),
                _ => Ok(Written::Removed),
            },
            Some(found) if says(&found, &wanted) => Ok(Written::Same),
            Some(found) => {
                let next = over(found, wanted);
                self.replace(resource, None, NAME, &next).await.map(|_| Written::Changed)
            }
        }
    }
}

/// Whether everything that is wanted stands there, and nothing beside it that asks us less often. An API server adds defaults; it takes nothing away.
fn says(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let conditions = found.get("matchConditions").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
            (!conditions || wanted.contains_key("matchConditions"))
                && wanted.iter().all(|(key, wanted)| match found.get(key) {
                    Some(found) if key.ends_with("Selector") => found == wanted,
                    Some(found) => says(found, wanted),
                    None => wanted.as_object().is_some_and(Map::is_empty),
                })
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| says(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

/// The wanted one with the metadata that others need: version, UID, their labels and annotations.
fn over(mut found: Value, wanted: Value) -> Value {
    let Value::Object(wanted) = wanted else { return found };
    let Some(fields) = found.as_object_mut() else { return Value::Object(wanted) };
    for (key, value) in wanted {
        if key != "metadata" {
            fields.insert(key, value);
            continue;
        }
        let Value::Object(ours) = value else { continue };
        let Some(theirs) = fields.get_mut("metadata").and_then(Value::as_object_mut) else { continue };
        for (key, value) in ours {
            match (theirs.get_mut(&key), value) {
                (Some(Value::Object(labels)), Value::Object(ours)) => labels.extend(ours),
                (_, value) => {
                    theirs.insert(key, value);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks() -> Hooks {
        let rule = |operations: &[&str]| Rule {
            group: String::new(),
            versions: vec!["v1".into()],
            resources: vec!["pods".into(), "pods/ephemeralcontainers".into()],
            operations: operations.iter().map(|text| (*text).to_owned()).collect(),
        };
        Hooks {
            namespace: "signet-system".into(),
            address: Address::Service("signet-admission".into(), 443),
            bundle: b"PEM".to_vec(),
            timeout: 10,
            kube_system: false,
            rules: vec![rule(&["CREATE", "UPDATE", "DELETE"]), rule(&["CONNECT"])],
            owner: Some("u-1".into()),
        }
    }

    #[test]
    fn both_fail_closed_and_leave_us_out() {
        let [(_, mutating), (_, validating)] = hooks().configurations();
        for (configuration, path) in [(&mutating, "/mutate"), (&validating, "/validate")] {
            let webhook = &configuration["webhooks"][0];
            assert_eq!(webhook["failurePolicy"], "Fail");
            assert_eq!(webhook["clientConfig"]["service"]["path"], path);
            assert_eq!(webhook["clientConfig"]["caBundle"], "UEVN");
            let selector = webhook["namespaceSelector"].to_string();
            assert!(
                selector.contains("signet-system") && selector.contains("kube-system") && selector.contains(IGNORE)
            );
            assert_eq!(webhook["objectSelector"], json!({}));
            assert_eq!(configuration["metadata"]["ownerReferences"][0]["uid"], "u-1");
        }
        // What is deleted or connected to bears no patch.
        assert_eq!(mutating["webhooks"][0]["rules"].as_array().unwrap().len(), 1);
        assert_eq!(mutating["webhooks"][0]["rules"][0]["operations"], json!(["CREATE", "UPDATE"]));
        assert_eq!(mutating["webhooks"][0]["reinvocationPolicy"], "IfNeeded");
        assert_eq!(validating["webhooks"][0]["rules"].as_array().unwrap().len(), 2);
        let asked = Hooks { kube_system: true, ..hooks() };
        assert!(!asked.configurations()[1].1.to_string().contains("kube-system"));
    }

    #[test]
    fn what_an_api_server_adds_is_no_difference_and_what_others_change_is_one() {
        let [(_, wanted), _] = hooks().configurations();
        let mut found = wanted.clone();
        found["metadata"]["resourceVersion"] = json!("7");
        found["metadata"]["labels"]["team"] = json!("a");
        found["webhooks"][0]["clientConfig"]["service"]["extra"] = json!(1);
        assert!(says(&found, &wanted));
        for (pointer, value) in [
            ("/webhooks/0/failurePolicy", json!("Ignore")),
            ("/webhooks/0/clientConfig/caBundle", json!("")),
            ("/webhooks/0/namespaceSelector/matchExpressions", json!([])),
            ("/webhooks", json!([])),
        ] {
            let mut changed = found.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert!(!says(&changed, &wanted), "{pointer}");
            let next = over(changed, wanted.clone());
            assert!(says(&next, &wanted), "{pointer}");
            assert_eq!(
                (&next["metadata"]["resourceVersion"], &next["metadata"]["labels"]["team"]),
                (&json!("7"), &json!("a"))
            );
        }
        // What somebody put where we want nothing, and what would leave requests out.
        for (key, value) in [
            ("objectSelector", json!({"matchLabels": {"a": "b"}})),
            ("matchConditions", json!([{"name": "never", "expression": "false"}])),
        ] {
            let mut changed = found.clone();
            changed["webhooks"][0][key] = value;
            assert!(!says(&changed, &wanted), "{key}");
            assert!(says(&over(changed, wanted.clone()), &wanted), "{key}");
        }
    }
}
