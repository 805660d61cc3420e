//! What policies say of objects, as objects: `PolicyReport` and `ClusterPolicyReport` of `wgpolicyk8s.io`, `Report` and `ClusterReport` of
//! `openreports.io`, and events.
//!
//! ```text
//!   Reason, About ─▶ Origin::said ─▶ results ─▶ Style::pieces ─▶ reports, each small enough for an API server
//!   Reason, About ─▶ event::of ─▶ Damper ─▶ event::dated ─▶ an event, if it is not one of a storm
//! ```
//!
//! Nothing is written here and no clock is read. The same results give the same reports.
//! Source: kyverno/kyverno:pkg/utils/report/results.go, pkg/controllers/report/aggregate/controller.go; the CRDs `wgpolicyk8s.io/v1alpha2`
//! (kubernetes-sigs/wg-policy-prototypes) and `openreports.io/v1alpha1` (openreports/reports-api), whose results have the same fields.

mod damper;
pub mod event;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::engine::{About, Consequence, Reason};
use crate::kyverno::{Response, Status};

pub use damper::{Damper, DamperLimits, Passed};

/// What a report says of the policy of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `name`, or `namespace/name`.
    pub policy: String,
    source: &'static str,
    scored: bool,
    category: Option<String>,
    severity: Option<String>,
    process: &'static str,
}

/// Who judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The webhook.
    Admission,
    /// The scan of what is there.
    Background,
}

impl Process {
    /// As reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Process::Admission => "admission review",
            Process::Background => "background scan",
        }
    }
}

impl Origin {
    /// Of the document of a policy of any kind that is evaluated here.
    pub fn of(document: &Value) -> Origin {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let annotations = document.pointer("/metadata/annotations");
        let annotation = |key: &str| {
            let found = annotations.and_then(|annotations| annotations.get(format!("policies.kyverno.io/{key}")));
            found.and_then(Value::as_str).filter(|found| !found.is_empty()).map(str::to_owned)
        };
        let kind = text("/kind");
        let source = match kind.strip_prefix("Namespaced").unwrap_or(kind) {
            "ValidatingPolicy" => "KyvernoValidatingPolicy",
            "MutatingPolicy" => "KyvernoMutatingPolicy",
            "ImageValidatingPolicy" => "KyvernoImageValidatingPolicy",
            "ValidatingAdmissionPolicy" => "ValidatingAdmissionPolicy",
            "MutatingAdmissionPolicy" => "MutatingAdmissionPolicy",
            "TrustPolicy" => "signet",
            "ClusterImagePolicy" => "policy-controller",
            "" => "connaisseur",
            _ if text("/apiVersion").starts_with("constraints.gatekeeper.sh/") => "gatekeeper",
            _ => "kyverno",
        };
        let on = |old: &str, new: &str| {
            let found = document.pointer(old).or_else(|| document.pointer(new));
            found.and_then(Value::as_bool) != Some(false)
        };
        let process = if on("/spec/background", "/spec/evaluation/background/enabled") {
            "background scan"
        } else if on("/spec/admission", "/spec/evaluation/admission/enabled") {
            "admission review"
        } else {
            ""
        };
        let policy = match text("/metadata/namespace") {
            "" => text("/metadata/name").to_owned(),
            namespace => format!("{namespace}/{}", text("/metadata/name")),
        };
        let severities = ["critical", "high", "medium", "low", "info"];
        Origin {
            policy,
            source,
            scored: annotation("scored").as_deref() != Some("false"),
            category: annotation("category"),
            severity: annotation("severity").filter(|severity| severities.contains(&severity.as_str())),
            process,
        }
    }

    /// One result of our own engine. `about`: what is known of the policy; `seconds` since 1970.
    pub fn said(about: Option<&About>, reason: &Reason, seconds: i64, process: Process) -> Value {
        let unknown;
        let origin = match about {
            Some(about) => &about.origin,
            None => {
                unknown = Origin { policy: reason.policy.clone(), scored: true, ..Origin::default() };
                &unknown
            }
        };
        let response = Response {
            rule: if reason.rule.is_empty() { reason.policy.clone() } else { reason.rule.clone() },
            status: reason.status,
            message: reason.message.clone(),
            path: None,
            action: crate::kyverno::Action::Audit,
            target: None,
        };
        let mut more = BTreeMap::new();
        if let Some(path) = &reason.path {
            more.insert("path".to_owned(), path.clone());
        }
        // What it would do to the request that makes the object.
        if reason.consequence != Consequence::Nothing {
            more.insert("consequence".to_owned(), reason.consequence.as_str().to_owned());
        }
        let mut result = origin.result(&response, seconds, Some(&more));
        if let Some(result) = result.as_object_mut() {
            // As reasons name it, so that both are found by one name.
            result.insert("policy".to_owned(), json!(reason.policy));
            if let Some(properties) = result.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert("process".to_owned(), json!(process.as_str()));
            }
        }
        result
    }

    /// One result. `seconds` since 1970; `more`: what the evaluation says of the rule besides ([`super::Evaluation::properties`]).
    pub fn result(&self, response: &Response, seconds: i64, more: Option<&BTreeMap<String, String>>) -> Value {
        let mut properties: Map<String, Value> =
            more.into_iter().flatten().map(|(key, value)| (key.clone(), json!(value))).collect();
        properties.insert("process".to_owned(), json!(self.process));
        let exceptions = exceptions(response);
        if !exceptions.is_empty() {
            // Without their namespaces, as Kyverno writes them.
            let names: Vec<&str> =
                exceptions.iter().map(|key| key.rsplit_once('/').map_or(*key, |(_, name)| name)).collect();
            properties.insert("exceptions".to_owned(), json!(names.join(",")));
        }
        let status = match response.status {
            Status::Fail if !self.scored => Status::Warn,
            status => status,
        };
        let mut result = json!({
            "source": self.source,
            "policy": self.policy,
            "message": response.message,
            "result": status.as_str(),
            "scored": self.scored,
            "properties": properties,
            "timestamp": {"seconds": seconds, "nanos": 0},
        });
        if let Some(result) = result.as_object_mut() {
            let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let rest = [
                ("rule", given(&response.rule)),
                ("category", self.category.clone()),
                ("severity", self.severity.clone()),
            ];
            for (key, value) in rest {
                if let Some(value) = value {
                    result.insert(key.to_owned(), Value::String(value));
                }
            }
        }
        result
    }
}

/// The exceptions that a response was skipped for, as `namespace/name`.
pub fn exceptions(response: &Response) -> Vec<&str> {
    let heads = [
        "rule is skipped due to policy exceptions ",
        "rule is skipped due to policy exception: ",
        "rule is passed due to policy exception: ",
    ];
    let listed = heads.iter().find_map(|head| response.message.strip_prefix(head));
    listed
        .filter(|_| matches!(response.status, Status::Skip | Status::Pass))
        .map_or_else(Vec::new, |listed| listed.split(", ").filter(|name| !name.is_empty()).collect())
}

/// Which API reports are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// `wgpolicyk8s.io/v1alpha2`
    #[default]
    PolicyReports,
    /// `openreports.io/v1alpha1`
    OpenReports,
}

impl Api {
    /// As it stands in a document.
    pub fn version(self) -> &'static str {
        match self {
            Api::PolicyReports => "wgpolicyk8s.io/v1alpha2",
            Api::OpenReports => "openreports.io/v1alpha1",
        }
    }

    /// The kind of a report on what lies in a namespace, or in none.
    pub fn kind(self, namespaced: bool) -> &'static str {
        match (self, namespaced) {
            (Api::PolicyReports, true) => "PolicyReport",
            (Api::PolicyReports, false) => "ClusterPolicyReport",
            (Api::OpenReports, true) => "Report",
            (Api::OpenReports, false) => "ClusterReport",
        }
    }
}

/// How reports are written, and how large they may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The API.
    pub api: Api,
    /// Whose they are: the label `app.kubernetes.io/managed-by`.
    pub managed_by: &'static str,
    /// Results of one piece.
    pub results: usize,
    /// Bytes of the results of one piece, as JSON. An API server stores objects of 1.5 MiB at most.
    pub bytes: usize,
    /// Bytes of a message; more is cut.
    pub message: usize,
}

impl Style {
    /// As Kyverno writes them.
    pub fn kyverno() -> Style {
        Style {
            api: Api::PolicyReports,
            managed_by: "kyverno",
            results: usize::MAX,
            bytes: usize::MAX,
            message: usize::MAX,
        }
    }

    /// As we do: in pieces of 512 KiB and 1,000 results.
    pub fn signet(api: Api) -> Style {
        Style { api, managed_by: "signet", results: 1_000, bytes: 512 << 10, message: 4 << 10 }
    }

    /// The reports on a resource, in as many pieces as it takes; none, if nothing was said of it.
    ///
    /// The first is named by the resource's UID, those behind it by the UID, `-` and their number from 2 on. They are owned by the resource, and
    /// sorted by policy and rule, so that the same results give the same reports.
    pub fn pieces(&self, scope: &Scope, results: Vec<Value>) -> Vec<Value> {
        self.split(results)
            .into_iter()
            .enumerate()
            .map(|(index, results)| self.report(&piece_name(&scope.id(), index), Some(scope), results))
            .collect()
    }

    /// Reports on no single object, under a name of their own, in as many pieces as it takes.
    pub fn named(&self, name: &str, results: Vec<Value>) -> Vec<Value> {
        let pieces = self.split(results).into_iter().enumerate();
        pieces.map(|(index, results)| self.report(&piece_name(name, index), None, results)).collect()
    }

    fn split(&self, mut results: Vec<Value>) -> Vec<Vec<Value>> {
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        results.sort_by_cached_key(|result| {
            (text(result, "policy"), text(result, "rule"), text(result, "source"), text(result, "message"))
        });
        let mut pieces: Vec<Vec<Value>> = Vec::new();
        let mut bytes = 0_usize;
        for mut result in results {
            if let Some(Value::String(message)) = result.get_mut("message") {
                shorten(message, self.message);
            }
            let size = if self.bytes == usize::MAX { 0 } else { result.to_string().len() };
            match pieces.last_mut() {
                Some(piece) if piece.len() < self.results && bytes.saturating_add(size) <= self.bytes => {
                    bytes = bytes.saturating_add(size);
                    piece.push(result);
                }
                _ => {
                    bytes = size;
                    pieces.push(vec![result]);
                }
            }
        }
        pieces
    }

    fn report(&self, name: &str, scope: Option<&Scope>, results: Vec<Value>) -> Value {
        let said = |result: &Value, status: &str| result.get("result").and_then(Value::as_str) == Some(status);
        let count = |status: &str| results.iter().filter(|result| said(result, status)).count();
        let summary = json!({
            "pass": count("pass"), "fail": count("fail"), "warn": count("warn"), "error": count("error"), "skip": count("skip"),
        });
        let namespace = scope.map(|scope| scope.namespace.as_str()).unwrap_or_default();
        let mut metadata = json!({"name": name, "labels": {"app.kubernetes.io/managed-by": self.managed_by}});
        let mut report = json!({
            "apiVersion": self.api.version(), "kind": self.api.kind(!namespace.is_empty()), "results": results, "summary": summary,
        });
        if let (Some(scope), Some(metadata)) = (scope, metadata.as_object_mut()) {
            if !namespace.is_empty() {
                metadata.insert("namespace".to_owned(), json!(namespace));
            }
            if let Some(owner) = scope.owner() {
                metadata.insert("ownerReferences".to_owned(), json!([owner]));
            }
        }
        if let Some(report) = report.as_object_mut() {
            report.insert("metadata".to_owned(), metadata);
            if let Some(scope) = scope {
                report.insert("scope".to_owned(), scope.reference());
            }
            if self.api == Api::OpenReports {
                report.insert("source".to_owned(), json!(self.managed_by));
            }
        }
        report
    }
}

/// The name of a piece of a report, counted from 0.
pub fn piece_name(name: &str, index: usize) -> String {
    if index == 0 { name.to_owned() } else { format!("{name}-{}", index.saturating_add(1)) }
}

/// Cuts a text to a number of bytes, and says so.
pub(crate) fn shorten(text: &mut String, bytes: usize) {
    const CUT: &str = " ...";
    if text.len() <= bytes {
        return;
    }
    let mut end = bytes.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.truncate(end);
    text.push_str(CUT);
}

/// What a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Empty for what lies in no namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Empty for what no API server has seen.
    pub uid: String,
}

impl Scope {
    /// Of an object.
    pub fn of(object: &Value) -> Scope {
        let at = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Scope {
            api_version: at("/apiVersion"),
            kind: at("/kind"),
            namespace: at("/metadata/namespace"),
            name: at("/metadata/name"),
            uid: at("/metadata/uid"),
        }
    }

    /// The name of its report: its UID; of what has none a name that is always the same.
    pub fn id(&self) -> String {
        if !self.uid.is_empty() {
            return self.uid.clone();
        }
        let text = [&self.api_version, &self.kind, &self.namespace, &self.name].map(String::as_str).join("\n");
        let hex = signet_model::Digest::sha256(text.as_bytes()).hex();
        hex.chars().take(32).collect()
    }

    /// An `ObjectReference`.
    pub fn reference(&self) -> Value {
        let parts = [
            ("apiVersion", &self.api_version),
            ("kind", &self.kind),
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("uid", &self.uid),
        ];
        let said = parts.into_iter().filter(|(_, value)| !value.is_empty());
        Value::Object(said.map(|(key, value)| (key.to_owned(), json!(value))).collect())
    }

    /// An `OwnerReference`: an API server takes none without a UID.
    fn owner(&self) -> Option<Value> {
        (!self.uid.is_empty())
            .then(|| json!({"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}))
    }
}

/// The report of a resource as Kyverno writes it; none, if nothing was said of it.
pub fn report(resource: &Value, results: Vec<Value>) -> Option<Value> {
    let mut report = Style::kyverno().pieces(&Scope::of(resource), results).into_iter().next()?;
    if let Some(metadata) = report.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("generation".to_owned(), json!(1));
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Origin as Place;
    use crate::kyverno::Action;

    fn response(rule: &str, status: Status, message: &str) -> Response {
        Response {
            rule: rule.to_owned(),
            status,
            message: message.to_owned(),
            path: None,
            action: Action::Audit,
            target: None,
        }
    }

    #[test]
    fn a_report_counts_and_sorts_what_policies_say() {
        let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p", "annotations": {
            "policies.kyverno.io/severity": "high", "policies.kyverno.io/category": "c",
        }}, "spec": {}});
        let origin = Origin::of(&policy);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "uid": "u"}});
        let results = vec![
            origin.result(&response("b", Status::Fail, "no"), 7, None),
            origin.result(&response("a", Status::Pass, "yes"), 7, None),
        ];
        let found = report(&pod, results).expect("a report");
        assert_eq!(found.pointer("/kind"), Some(&json!("PolicyReport")));
        assert_eq!(found.pointer("/results/0/rule"), Some(&json!("a")));
        assert_eq!(found.pointer("/results/1/severity"), Some(&json!("high")));
        assert_eq!(found.pointer("/summary"), Some(&json!({"pass": 1, "fail": 1, "warn": 0, "error": 0, "skip": 0})));
        assert_eq!(found.pointer("/metadata/ownerReferences/0/uid"), Some(&json!("u")));
        assert_eq!(report(&pod, Vec::new()), None);
    }

    #[test]
    fn an_unscored_failure_is_a_warning_and_exceptions_are_named() {
        let policy = json!({"kind": "ValidatingPolicy", "metadata": {"name": "p", "annotations": {"policies.kyverno.io/scored": "false"}}});
        let origin = Origin::of(&policy);
        let warned = origin.result(&response("", Status::Fail, "no"), 0, None);
        assert_eq!(warned.get("result"), Some(&json!("warn")));
        assert_eq!(warned.get("rule"), None);
        let skipped = response("r", Status::Skip, "rule is skipped due to policy exceptions a/x, a/y");
        assert_eq!(origin.result(&skipped, 0, None).pointer("/properties/exceptions"), Some(&json!("x,y")));
        let failed = response("r", Status::Fail, "rule is skipped due to policy exceptions a/x");
        assert!(exceptions(&failed).is_empty(), "a message that a policy writes is no exception");
    }

    fn pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "uid": "u"}})
    }

    fn reason(rule: &str, status: Status, consequence: Consequence) -> Reason {
        Reason {
            policy: "p".to_owned(),
            kind: "ClusterPolicy",
            rule: rule.to_owned(),
            status,
            consequence,
            message: "why".to_owned(),
            path: Some("/spec".to_owned()),
            origin: Place::default(),
        }
    }

    #[test]
    fn a_reason_is_a_result_with_what_it_does() {
        let found = Origin::said(None, &reason("r", Status::Fail, Consequence::Denies), 7, Process::Background);
        let expected = json!({
            "source": "", "policy": "p", "rule": "r", "message": "why", "result": "fail", "scored": true,
            "properties": {"process": "background scan", "path": "/spec", "consequence": "denies"},
            "timestamp": {"seconds": 7, "nanos": 0},
        });
        assert_eq!(found, expected);
        let unnamed = Origin::said(None, &reason("", Status::Pass, Consequence::Nothing), 7, Process::Admission);
        assert_eq!(unnamed.get("rule"), Some(&json!("p")));
        assert_eq!(unnamed.pointer("/properties/consequence"), None);
    }

    #[test]
    fn reports_of_both_apis_have_one_shape() {
        let results =
            || vec![Origin::said(None, &reason("r", Status::Fail, Consequence::Denies), 7, Process::Background)];
        let of = |api| Style::signet(api).pieces(&Scope::of(&pod()), results()).remove(0);
        let (policy, open) = (of(Api::PolicyReports), of(Api::OpenReports));
        assert_eq!((policy.get("kind"), open.get("kind")), (Some(&json!("PolicyReport")), Some(&json!("Report"))));
        assert_eq!((policy.get("source"), open.get("source")), (None, Some(&json!("signet"))));
        assert_eq!(policy.get("results"), open.get("results"));
        assert_eq!(policy.pointer("/metadata/labels"), Some(&json!({"app.kubernetes.io/managed-by": "signet"})));
        // The reference of an owner has no namespace: an API server refuses one.
        let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u"}]);
        assert_eq!(policy.pointer("/metadata/ownerReferences"), Some(&owner));
        assert_eq!(policy.pointer("/scope/namespace"), Some(&json!("n")));
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}});
        let node = Style::signet(Api::PolicyReports).pieces(&Scope::of(&node), results()).remove(0);
        assert_eq!(node.get("kind"), Some(&json!("ClusterPolicyReport")));
        assert_eq!(node.pointer("/metadata/ownerReferences"), None);
        assert_eq!(node.pointer("/metadata/name").and_then(Value::as_str).map(str::len), Some(32));
    }

    #[test]
    fn a_report_is_written_in_pieces_that_an_api_server_takes() {
        let many = |count: usize, message: usize| -> Vec<Value> {
            (0..count)
                .map(|number| {
                    let mut reason = reason(&format!("r{number:05}"), Status::Fail, Consequence::Reported);
                    reason.message = "m".repeat(message);
                    Origin::said(None, &reason, 7, Process::Background)
                })
                .collect()
        };
        let style = Style::signet(Api::PolicyReports);
        for (count, message, pieces) in [(1_000, 10, 1), (1_001, 10, 2), (400, 10_000, 4)] {
            let found = style.pieces(&Scope::of(&pod()), many(count, message));
            assert_eq!(found.len(), pieces, "{count} results of {message} bytes");
            let results = |report: &Value| report.get("results").and_then(Value::as_array).map_or(0, Vec::len);
            assert_eq!(found.iter().map(results).sum::<usize>(), count);
            assert!(found.iter().all(|report| report.to_string().len() < 600 << 10));
            let name = |report: &Value| report.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
            assert_eq!(found.first().and_then(name).as_deref(), Some("u"));
            assert!(found.get(1).and_then(name).is_none_or(|name| name == "u-2"));
            assert_eq!(found, style.pieces(&Scope::of(&pod()), many(count, message).into_iter().rev().collect()));
        }
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        for bytes in 4..12 {
            let mut text = "aäöüß€".to_owned();
            shorten(&mut text, bytes);
            assert!(text.len() <= bytes && text.ends_with(" ..."), "{bytes}: {text}");
        }
        let mut text = "ä".repeat(10);
        shorten(&mut text, 9);
        assert_eq!(text, "ää ...");
    }
}
