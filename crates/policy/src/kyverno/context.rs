//! `context` entries: named values that a rule loads, and what must be fetched for them.

use serde_json::{Value, json};

/// Something that a rule asks for and that is not in its input. The caller fetches it, if it may, and judges again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A ConfigMap, as an object with `data` and `metadata`.
    ConfigMap {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// An answer of the cluster's API server.
    Api {
        /// `GET` or `POST`.
        method: String,
        /// Path and query.
        url_path: String,
        /// The body, as JSON; empty for `GET`.
        body: String,
    },
    /// An answer of another service.
    Service {
        /// `GET` or `POST`.
        method: String,
        /// Where.
        url: String,
        /// Headers of the request that the policy wants, by name. They may hold secrets, and stand in no message.
        headers: std::collections::BTreeMap<String, String>,
        /// The body, as JSON; empty for `GET`.
        body: String,
    },
    /// A value of the global context.
    Global {
        /// The name of the GlobalContextEntry.
        name: String,
        /// One of its projections, or empty.
        projection: String,
    },
    /// Resources of the cluster, as a list. Names may be wildcards; what is empty asks for nothing.
    Objects {
        /// `apps/v1`
        api_version: String,
        /// `Deployment`
        kind: String,
        /// Their namespace.
        namespace: String,
        /// Their name.
        name: String,
        /// Their UID.
        uid: String,
        /// A label selector, as JSON.
        selector: String,
    },
    /// What a registry says of an image.
    Image {
        /// The reference.
        reference: String,
    },
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Need::ConfigMap { namespace, name } => write!(f, "ConfigMap `{namespace}/{name}`"),
            Need::Api { method, url_path, .. } => write!(f, "the answer of the API server to {method} `{url_path}`"),
            Need::Service { method, url, .. } => write!(f, "the answer to {method} `{url}`"),
            Need::Global { name, .. } => write!(f, "the global context entry `{name}`"),
            Need::Objects { api_version, kind, namespace, name, .. } => {
                let name = if name.is_empty() { "*" } else { name };
                let namespace = if namespace.is_empty() { "*" } else { namespace };
                write!(f, "the objects {api_version}/{kind} `{namespace}/{name}`")
            }
            Need::Image { reference } => write!(f, "what the registry says of `{reference}`"),
        }
    }
}

/// What was fetched before.
pub type Snapshot = std::collections::BTreeMap<Need, Value>;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) source: Source,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Variable {
        value: Option<Value>,
        path: Option<String>,
        default: Option<Value>,
    },
    ConfigMap {
        name: String,
        namespace: String,
    },
    Api {
        url_path: Option<String>,
        url: Option<String>,
        method: String,
        data: Vec<(String, Value)>,
        path: Option<String>,
        default: Option<Value>,
    },
    Image {
        reference: String,
        path: Option<String>,
    },
    Global {
        name: String,
        path: Option<String>,
    },
}

impl Entry {
    pub(crate) fn compile(value: &Value) -> Result<Entry, String> {
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text(value, "name").ok_or("a context entry needs a `name`")?;
        if matches!(name.as_str(), "request" | "element" | "elementIndex" | "images" | "target") {
            return Err(format!("a context entry cannot be named `{name}`: that name has a meaning already"));
        }
        let present = |key: &str| value.get(key).filter(|found| !found.is_null());
        let source = if let Some(variable) = present("variable") {
            Source::Variable {
                value: variable.get("value").cloned(),
                path: text(variable, "jmesPath").filter(|path| !path.is_empty()),
                default: variable.get("default").filter(|default| !default.is_null()).cloned(),
            }
        } else if let Some(map) = present("configMap") {
            Source::ConfigMap {
                name: text(map, "name")
                    .ok_or_else(|| format!("the ConfigMap of context entry `{name}` needs a `name`"))?,
                namespace: text(map, "namespace").unwrap_or_else(|| "default".to_owned()),
            }
        } else if let Some(call) = present("apiCall") {
            let data = call.get("data").and_then(Value::as_array).into_iter().flatten();
            Source::Api {
                url_path: text(call, "urlPath"),
                url: call.get("service").and_then(|service| text(service, "url")),
                method: text(call, "method").unwrap_or_else(|| "GET".to_owned()),
                data: data.filter_map(|entry| Some((text(entry, "key")?, entry.get("value")?.clone()))).collect(),
                path: text(call, "jmesPath").filter(|path| !path.is_empty()),
                default: call.get("default").filter(|default| !default.is_null()).cloned(),
            }
        } else if let Some(image) = present("imageRegistry") {
            Source::Image {
                reference: text(image, "reference").unwrap_or_default(),
                path: text(image, "jmesPath").filter(|path| !path.is_empty()),
            }
        } else if let Some(global) = present("globalReference") {
            Source::Global {
                name: text(global, "name").unwrap_or_default(),
                path: text(global, "jmesPath").filter(|path| !path.is_empty()),
            }
        } else {
            return Err(format!("context entry `{name}` says nothing about where its value comes from"));
        };
        Ok(Entry { name, source })
    }
}

/// The body of a `POST`, as Kyverno makes it of `data`.
pub(crate) fn body(data: &[(String, Value)]) -> Value {
    let mut body = json!({});
    if let Some(entries) = body.as_object_mut() {
        for (key, value) in data {
            entries.insert(key.clone(), value.clone());
        }
    }
    body
}
