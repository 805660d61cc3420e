//! What rules said, under Kyverno's names: for all policies, and once more for its CEL kinds.
//!
//! Source: kyverno/kyverno:pkg/metrics/{policy_engine,policy_rule,vpol,mpol,ivpol}.go, pkg/metrics/policychanges; kyverno.io/docs/reference/metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use signet_policy::engine::{About, Reason};

use super::family::{Family, Histogram, MAX_HISTOGRAMS, MAX_SERIES, labels};
use super::{counters, histograms};
use crate::engine::Engine;
use crate::request::Request;

/// Why rules were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An API server asked.
    Request,
    /// What is there was looked at.
    Scan,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "admission_request",
            Self::Scan => "background_scan",
        }
    }
}

const RESULTS: &[&str] = &[
    "dry_run",
    "policy_background_mode",
    "policy_name",
    "policy_namespace",
    "policy_type",
    "policy_validation_mode",
    "resource_kind",
    "resource_namespace",
    "resource_request_operation",
    "rule_execution_cause",
    "rule_name",
    "rule_result",
    "rule_type",
];
/// Without what makes most sets of labels: each of them is sixteen lines.
const TIMES: &[&str] = &[
    "policy_background_mode",
    "policy_name",
    "policy_namespace",
    "policy_type",
    "policy_validation_mode",
    "resource_kind",
    "rule_execution_cause",
    "rule_name",
    "rule_result",
    "rule_type",
];
const CEL: &[&str] = &[
    "execution_cause",
    "policy_background_mode",
    "policy_name",
    "policy_namespace",
    "policy_validation_mode",
    "resource_kind",
    "resource_namespace",
    "resource_request_operation",
    "result",
];
const CHANGES: &[&str] = &[
    "policy_background_mode",
    "policy_change_type",
    "policy_name",
    "policy_namespace",
    "policy_type",
    "policy_validation_mode",
];
/// Kyverno's CEL kinds as its metrics call them.
const CEL_KINDS: [&str; 3] = ["image_validating", "mutating", "validating"];

/// What rules said.
#[derive(Debug)]
pub(super) struct Rules {
    policies: Arc<BTreeMap<(&'static str, String), About>>,
    results: Family<u64>,
    times: Family<Histogram>,
    cel: [Family<u64>; 3],
    changes: Family<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            policies: Arc::default(),
            results: Family::new(RESULTS, MAX_SERIES),
            times: Family::new(TIMES, MAX_HISTOGRAMS),
            cel: [Family::new(CEL, MAX_SERIES), Family::new(CEL, MAX_SERIES), Family::new(CEL, MAX_SERIES)],
            changes: Family::new(CHANGES, MAX_SERIES),
        }
    }
}

/// Name, namespace and type of a policy, as Kyverno's labels have them.
fn place<'k>(kind: &str, key: &'k str) -> (&'k str, &'k str, &'static str) {
    let in_namespace = kind == "Policy" || kind.starts_with("Namespaced");
    match key.split_once('/').filter(|_| in_namespace) {
        Some((namespace, name)) => (name, namespace, "namespaced"),
        None => (key, "-", "cluster"),
    }
}

fn truth(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

fn mode(enforces: bool) -> &'static str {
    if enforces { "enforce" } else { "audit" }
}

impl Rules {
    /// Other policies from now on.
    pub(super) fn load(&mut self, engine: &dyn Engine) {
        let new: BTreeMap<(&'static str, String), About> =
            engine.abouts().iter().map(|about| ((about.kind, about.key.clone()), about.clone())).collect();
        let before = std::mem::replace(&mut self.policies, Arc::new(new));
        let now = Arc::clone(&self.policies);
        for (key, about) in now.iter() {
            match before.get(key) {
                None => self.change(about, "create"),
                Some(known) if known.content != about.content => self.change(about, "update"),
                Some(_) => {}
            }
        }
        for (_, about) in before.iter().filter(|(key, _)| !now.contains_key(*key)) {
            self.change(about, "delete");
        }
    }

    fn change(&mut self, about: &About, how: &str) {
        let (name, namespace, kind) = place(about.kind, &about.key);
        let values = [truth(about.background), how, name, namespace, kind, mode(about.enforces)];
        let count = self.changes.of(&values);
        *count = count.saturating_add(1);
    }

    /// Counts what was said of a request. `times`: of each, as far as they are known.
    pub(super) fn said(&mut self, cause: Cause, request: &Request, said: &[Reason], times: &[Duration]) {
        let kind = request.input.kind.kind.as_str();
        let operation = request.input.operation.as_str().to_lowercase();
        let resource = match request.namespace() {
            "" => "-",
            namespace => namespace,
        };
        let policies = Arc::clone(&self.policies);
        let mut times = times.iter();
        for reason in said {
            let (name, namespace, scope) = place(reason.kind, &reason.policy);
            let about = policies.get(&(reason.kind, reason.policy.clone()));
            let background = truth(about.is_none_or(|about| about.background));
            let mode = mode(about.is_none_or(|about| about.enforces));
            let rule_kind = about.map_or("-", |about| about.rule_kind(&reason.rule).as_str());
            let rule = if reason.rule.is_empty() { name } else { reason.rule.as_str() };
            let (status, cause) = (reason.status.as_str(), cause.as_str());
            let count = self.results.of(&[
                truth(request.dry_run),
                background,
                name,
                namespace,
                scope,
                mode,
                kind,
                resource,
                &operation,
                cause,
                rule,
                status,
                rule_kind,
            ]);
            *count = count.saturating_add(1);
            if let Some(took) = times.next() {
                let values = [background, name, namespace, scope, mode, kind, cause, rule, status, rule_kind];
                self.times.of(&values).add(*took);
            }
            let cel = match reason.kind.trim_start_matches("Namespaced") {
                "ImageValidatingPolicy" => 0,
                "MutatingPolicy" => 1,
                "ValidatingPolicy" => 2,
                _ => continue,
            };
            if let Some(family) = self.cel.get_mut(cel) {
                let namespace = if namespace == "-" { "" } else { namespace };
                let count = family.of(&[cause, background, name, namespace, mode, kind, resource, &operation, status]);
                *count = count.saturating_add(1);
            }
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        counters(out, "kyverno_policy_results_total", "Results of rules.", &self.results);
        for (kind, family) in CEL_KINDS.iter().zip(&self.cel) {
            let name = format!("kyverno_{kind}_policy_results_total");
            counters(out, &name, "Results of policies in CEL.", family);
        }
        counters(out, "kyverno_policy_changes_total", "Policies that came, changed and went.", &self.changes);
        histograms(out, "kyverno_policy_execution_duration_seconds", "How long rules took.", &self.times);
        let name = "kyverno_policy_rule_info_total";
        super::head(out, name, "gauge", "Rules in use.");
        let rules = self.policies.values().flat_map(|about| about.rules.iter().map(move |rule| (about, rule)));
        for (about, (rule, kind)) in rules.take(MAX_SERIES) {
            let (policy, namespace, scope) = place(about.kind, &about.key);
            let labels = labels(
                [
                    ("policy_background_mode", truth(about.background)),
                    ("policy_name", policy),
                    ("policy_namespace", namespace),
                    ("policy_type", scope),
                    ("policy_validation_mode", mode(about.enforces)),
                    ("rule_name", if rule.is_empty() { policy } else { rule }),
                    ("rule_type", kind.as_str()),
                    ("status_ready", "true"),
                ]
                .into_iter(),
            );
            // Writing into a String does not fail.
            let _written = writeln!(out, "{name}{{{labels}}} 1");
        }
    }
}
