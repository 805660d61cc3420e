//! Webhooks, asked as an API server asks them: chosen by rules and namespace, over TLS with the configured authority, and held to the protocol.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/webhook/{request/admissionreview.go, mutating/dispatcher.go, errors/statuserror.go}.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};

use super::store::{Target, key, text};
use super::{Answer, State};

static UID: AtomicU64 = AtomicU64::new(1);

/// What is stored.
struct Request<'a> {
    operation: &'a str,
    target: &'a Target,
    old: Option<&'a Value>,
    name: String,
}

impl State {
    /// Asks all webhooks. The object as they changed it, or why it is refused.
    pub(super) fn admit(
        &self,
        operation: &str,
        target: &Target,
        mut object: Option<Value>,
        old: Option<Value>,
    ) -> Result<Option<Value>, Answer> {
        // Webhooks are not asked about webhooks, and nobody could mend them else.
        if target.kind.group == "admissionregistration.k8s.io" {
            return Ok(object);
        }
        if let Some(object) = object.as_mut().and_then(Value::as_object_mut) {
            let version = match target.kind.group.as_str() {
                "" => target.version.clone(),
                group => format!("{group}/{}", target.version),
            };
            object.insert("apiVersion".to_owned(), json!(version));
            object.insert("kind".to_owned(), json!(target.kind.kind));
        }
        let name = object.as_ref().or(old.as_ref()).map(|object| text(object, "/metadata/name").to_owned());
        let request = Request { operation, target, old: old.as_ref(), name: name.unwrap_or_default() };
        for webhook in self.webhooks("mutatingwebhookconfigurations", &request) {
            if let Some(patch) = self.ask(&webhook, &request, object.as_ref(), true)? {
                let Some(object) = object.as_mut() else {
                    return Err(Answer::no(500, "InternalError", "a patch on DELETE"));
                };
                for operation in patch.as_array().into_iter().flatten() {
                    patched(object, operation).map_err(|why| Answer::no(500, "InternalError", why))?;
                }
            }
        }
        for webhook in self.webhooks("validatingwebhookconfigurations", &request) {
            self.ask(&webhook, &request, object.as_ref(), false)?;
        }
        Ok(object)
    }

    /// Webhooks that are about a request, in the order of their names.
    fn webhooks(&self, plural: &str, request: &Request<'_>) -> Vec<Value> {
        let store = self.store.lock();
        let target = request.target;
        let namespace = match (target.kind.kind.as_str(), target.namespace.as_str()) {
            ("Namespace", _) => request.name.as_str(),
            (_, namespace) => namespace,
        };
        let labels = store.objects.get(&key(&store.kind_of("namespaces"), "", namespace));
        let labels = labels.map(|found| found["metadata"]["labels"].clone()).unwrap_or_default();
        let configurations = store.objects.iter().filter(|(key, _)| key.1 == plural).map(|(_, object)| object);
        let all = configurations.flat_map(|found| found["webhooks"].as_array().cloned().unwrap_or_default());
        all.filter(|webhook| {
            let rules = webhook["rules"].as_array().cloned().unwrap_or_default();
            rules.iter().any(|rule| fits(rule, request))
                && (namespace.is_empty() || selects(&webhook["namespaceSelector"], &labels))
        })
        .collect()
    }

    /// Asks one. Its patch, or why the request is refused.
    fn ask(
        &self,
        webhook: &Value,
        request: &Request<'_>,
        object: Option<&Value>,
        mutating: bool,
    ) -> Result<Option<Value>, Answer> {
        let target = request.target;
        let uid = format!("review-{}", UID.fetch_add(1, Ordering::Relaxed));
        let subresource = target.subresource.as_str();
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": target.kind.group, "version": target.version, "kind": target.kind.kind},
                "resource": {"group": target.kind.group, "version": target.version, "resource": target.kind.plural},
                "subResource": subresource, "name": request.name, "namespace": target.namespace,
                "operation": request.operation,
                "userInfo": {"username": "anna", "groups": ["system:authenticated"]},
                "object": object, "oldObject": request.old, "dryRun": false,
                "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
            },
        });
        let name = text(webhook, "/name").to_owned();
        let failed = |why: String| {
            self.troubles.lock().push(format!("{name}: {why}"));
            match text(webhook, "/failurePolicy") {
                "Ignore" => Ok(None),
                _ => Err(Answer::no(500, "InternalError", format!("failed calling webhook \"{name}\": {why}"))),
            }
        };
        let answer = match self.call(webhook, &review) {
            Ok(answer) => answer,
            Err(why) => return failed(why),
        };
        let response = &answer["response"];
        if answer["apiVersion"] != "admission.k8s.io/v1"
            || answer["kind"] != "AdmissionReview"
            || response["uid"] != uid.as_str()
        {
            return failed(format!("this is no answer to {uid}: {answer}"));
        }
        if response["allowed"] != true {
            let message = match (text(response, "/status/message"), text(response, "/status/reason")) {
                ("", "") => "denied the request without explanation".to_owned(),
                ("", reason) => format!("denied the request: {reason}"),
                (message, _) => format!("denied the request: {message}"),
            };
            let code = response["status"]["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
            return Err(Answer::no(code.max(400), "Forbidden", format!("admission webhook \"{name}\" {message}")));
        }
        match (response.get("patch"), text(response, "/patchType")) {
            (None | Some(Value::Null), "") => Ok(None),
            (Some(Value::String(patch)), "JSONPatch") if mutating => {
                let bytes =
                    STANDARD.decode(patch).map_err(|_| Answer::no(500, "InternalError", "the patch is no base64"))?;
                match serde_json::from_slice(&bytes) {
                    Ok(patch) => Ok(Some(patch)),
                    Err(err) => failed(format!("the patch is none: {err}")),
                }
            }
            _ => failed("a patch where none belongs, or of no type".to_owned()),
        }
    }

    fn call(&self, webhook: &Value, review: &Value) -> Result<Value, String> {
        let client = &webhook["clientConfig"];
        let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
        let (host, path, addresses) = if let Some(service) = client["service"].as_object() {
            let of = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default();
            let (name, namespace) = (of("name"), of("namespace"));
            let found = self.manner.lock().services.get(&format!("{namespace}/{name}")).cloned().unwrap_or_default();
            (format!("{name}.{namespace}.svc"), of("path").to_owned(), found)
        } else {
            let url =
                client["url"].as_str().unwrap_or_default().strip_prefix("https://").ok_or("the url is no https")?;
            let (authority, path) = url.split_once('/').unwrap_or((url, ""));
            let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
            (host.to_owned(), format!("/{path}"), vec![authority.parse().map_err(|_| "the url is no address")?])
        };
        // What answers no connection is no endpoint any more.
        let stream =
            addresses.iter().find_map(|address| TcpStream::connect_timeout(address, Duration::from_secs(1)).ok());
        let stream = stream.ok_or_else(|| format!("no endpoints available for {host}"))?;
        let _set = stream.set_nodelay(true);
        stream.set_read_timeout(Some(Duration::from_secs(seconds))).map_err(|err| err.to_string())?;
        let bundle =
            STANDARD.decode(client["caBundle"].as_str().unwrap_or_default()).map_err(|_| "caBundle is no base64")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&bundle) {
            roots.add(certificate.map_err(|err| err.to_string())?).map_err(|err| err.to_string())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|err| err.to_string())?;
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let name = ServerName::try_from(host.clone()).map_err(|err| err.to_string())?;
        let connection = ClientConnection::new(config, name).map_err(|err| err.to_string())?;
        let mut stream = StreamOwned::new(connection, stream);
        let body = review.to_string();
        let head = format!(
            "POST {path}?timeout={seconds}s HTTP/1.1\r\nHost: {host}:443\r\nUser-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).map_err(|err| err.to_string())?;
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).map_err(|err| err.to_string())?;
            answer.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&answer).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = vec![0; length.ok_or("no content-length")?];
        stream.read_exact(&mut body).map_err(|err| err.to_string())?;
        if !head.starts_with("http/1.1 200") {
            return Err(format!("{}: {}", head.lines().next().unwrap_or_default(), String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(|err| err.to_string())
    }
}

fn holds(list: &Value, text: &str) -> bool {
    list.as_array().into_iter().flatten().any(|entry| entry == "*" || entry == text)
}

fn fits(rule: &Value, request: &Request<'_>) -> bool {
    let target = request.target;
    let resource = match target.subresource.as_str() {
        "" => target.kind.plural.clone(),
        part => format!("{}/{part}", target.kind.plural),
    };
    let resources = rule["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut resources =
        resources.map(|entry| entry == resource || entry == "*/*" || (entry == "*" && target.subresource.is_empty()));
    holds(&rule["apiGroups"], &target.kind.group)
        && holds(&rule["apiVersions"], &target.version)
        && holds(&rule["operations"], request.operation)
        && resources.any(|fits| fits)
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let of = |key: &str| labels[key].as_str();
    let equal = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| of(key) == value.as_str());
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    equal
        && expressions.into_iter().all(|expression| {
            let found = of(text(expression, "/key"));
            let among = found
                .is_some_and(|found| expression["values"].as_array().into_iter().flatten().any(|value| value == found));
            match text(expression, "/operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// RFC 6902: add, replace, remove.
fn patched(object: &mut Value, operation: &Value) -> Result<(), String> {
    let (parent, last) = text(operation, "/path").rsplit_once('/').ok_or("a patch without a path")?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let place = object.pointer_mut(parent).ok_or_else(|| format!("no `{parent}`"))?;
    let value = operation["value"].clone();
    match (text(operation, "/op"), place) {
        ("add" | "replace", Value::Object(fields)) => {
            fields.insert(last, value);
        }
        ("remove", Value::Object(fields)) => {
            fields.remove(&last).ok_or("nothing to remove")?;
        }
        ("add", Value::Array(items)) if last == "-" => items.push(value),
        ("add", Value::Array(items)) => {
            let at = last.parse::<usize>().ok().filter(|at| *at <= items.len()).ok_or("no such place")?;
            items.insert(at, value);
        }
        ("replace", Value::Array(items)) => {
            *last.parse::<usize>().ok().and_then(|at| items.get_mut(at)).ok_or("no such place")? = value;
        }
        (other, _) => return Err(format!("`{other}` is not done here")),
    }
    Ok(())
}
