//! What is counted, as Prometheus reads it: under our names, and under Kyverno's for dashboards that exist.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats; kyverno.io/docs/reference/metrics (names and labels).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use signet_policy::engine::{Consequence, Reason};

use crate::desk::Outcome;
use crate::engine::Pass;
use crate::request::Request;

/// Different sets of labels of one metric. What comes later is counted under `other`.
const MAX_SERIES: usize = 2_000;
/// Upper ends in seconds; Kyverno's, with finer ones below.
const BUCKETS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// Labels with their values, as they stand between braces.
type Labels = String;

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    sum: f64,
    count: u64,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (end, bucket) in BUCKETS.iter().zip(&mut self.buckets) {
            if seconds <= *end {
                *bucket = bucket.saturating_add(1);
            }
        }
        self.sum += seconds;
        self.count = self.count.saturating_add(1);
    }
}

#[derive(Debug, Default)]
struct Series {
    reviews: BTreeMap<Labels, Histogram>,
    results: BTreeMap<Labels, u64>,
    decisions: BTreeMap<(&'static str, &'static str), u64>,
    turned_away: BTreeMap<&'static str, u64>,
    http: BTreeMap<u16, u64>,
}

/// Adds lines of somebody else.
type Also = Arc<dyn Fn(&mut String) + Send + Sync>;

/// Who adds lines.
#[derive(Default)]
struct Others(Mutex<Vec<Also>>);

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Others(..)")
    }
}

/// Counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    others: Others,
    series: Mutex<Series>,
    bad_reviews: AtomicU64,
    panics: AtomicU64,
    policies: AtomicU64,
    loads: AtomicU64,
    failed_loads: AtomicU64,
    certificates: AtomicU64,
}

fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The entry of these labels; that of all others, if there are too many.
fn entry<'m, T: Default>(series: &'m mut BTreeMap<Labels, T>, labels: Labels, other: &str) -> &'m mut T {
    let key = if series.len() < MAX_SERIES || series.contains_key(&labels) { labels } else { other.to_owned() };
    series.entry(key).or_default()
}

/// A label, escaped.
fn label(into: &mut Labels, name: &str, value: &str) {
    if !into.is_empty() {
        into.push(',');
    }
    into.push_str(name);
    into.push_str("=\"");
    for letter in value.chars().take(200) {
        match letter {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            letter if letter.is_control() => into.push(' '),
            letter => into.push(letter),
        }
    }
    into.push('"');
}

impl Metrics {
    pub(crate) fn reviewed(&self, pass: Pass, request: &Request, outcome: Outcome, said: &[Reason], took: Duration) {
        let kind = &request.input.kind.kind;
        let operation = request.input.operation.as_str().to_lowercase();
        let namespace = match request.namespace() {
            "" => "-",
            namespace => namespace,
        };
        let webhook = match pass {
            Pass::Mutate => "MutatingWebhookConfiguration",
            Pass::Validate => "ValidatingWebhookConfiguration",
        };
        let allowed = if outcome == Outcome::Allowed { "true" } else { "false" };
        let mut about = Labels::new();
        for (name, value) in [
            ("request_allowed", allowed),
            ("request_webhook", webhook),
            ("resource_kind", kind.as_str()),
            ("resource_namespace", namespace),
            ("resource_request_operation", operation.as_str()),
        ] {
            label(&mut about, name, value);
        }
        let results: Vec<Labels> = said
            .iter()
            .map(|said| {
                let mut labels = Labels::new();
                let (namespace_of_policy, policy) = said.policy.split_once('/').unwrap_or(("-", &said.policy));
                let audited = matches!(said.consequence, Consequence::Reported | Consequence::Warns);
                for (name, value) in [
                    ("policy_background_mode", "true"),
                    ("policy_name", policy),
                    ("policy_namespace", namespace_of_policy),
                    ("policy_type", if namespace_of_policy == "-" { "cluster" } else { "namespaced" }),
                    ("policy_validation_mode", if audited { "audit" } else { "enforce" }),
                    ("resource_kind", kind.as_str()),
                    ("resource_namespace", namespace),
                    ("resource_request_operation", operation.as_str()),
                    ("rule_execution_cause", "admission_request"),
                    ("rule_name", said.rule.as_str()),
                    ("rule_result", said.status.as_str()),
                    ("rule_type", pass.as_str()),
                ] {
                    label(&mut labels, name, value);
                }
                labels
            })
            .collect();
        let mut series = self.series.lock();
        let other = "request_allowed=\"other\",request_webhook=\"other\",resource_kind=\"other\",\
                     resource_namespace=\"other\",resource_request_operation=\"other\"";
        entry(&mut series.reviews, about, other).add(took);
        for labels in results {
            let count = entry(&mut series.results, labels, "policy_name=\"other\"");
            *count = count.saturating_add(1);
        }
        let count = series.decisions.entry((pass.as_str(), outcome.as_str())).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn turned_away(&self, why: &'static str) {
        let mut series = self.series.lock();
        let count = series.turned_away.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn answered(&self, status: u16) {
        let mut series = self.series.lock();
        let count = series.http.entry(status).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn bad_review(&self) {
        one(&self.bad_reviews);
    }

    pub(crate) fn panicked(&self) {
        one(&self.panics);
    }

    pub(crate) fn loaded(&self, policies: usize) {
        self.policies.store(u64::try_from(policies).unwrap_or(u64::MAX), Ordering::Relaxed);
        one(&self.loads);
    }

    pub(crate) fn load_failed(&self) {
        one(&self.failed_loads);
    }

    /// A certificate was taken into use.
    pub fn certificate_swapped(&self) {
        one(&self.certificates);
    }

    /// Lets somebody else add lines, each time that they are read.
    pub fn also(&self, lines: impl Fn(&mut String) + Send + Sync + 'static) {
        self.others.0.lock().push(Arc::new(lines));
    }

    /// As Prometheus reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let series = self.series.lock();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            // Writing into a String does not fail.
            let _written = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        };
        let plain = |out: &mut String, name: &str, kind: &str, help: &str, value: u64| {
            head(out, name, kind, help);
            let _written = writeln!(out, "{name} {value}");
        };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        head(&mut out, "signet_admission_decisions_total", "counter", "Reviews by how they ended.");
        for ((pass, outcome), count) in &series.decisions {
            let _written =
                writeln!(out, "signet_admission_decisions_total{{pass=\"{pass}\",decision=\"{outcome}\"}} {count}");
        }
        head(&mut out, "signet_admission_turned_away_total", "counter", "Reviews that nobody judged, by reason.");
        for (why, count) in &series.turned_away {
            let _written = writeln!(out, "signet_admission_turned_away_total{{reason=\"{why}\"}} {count}");
        }
        head(&mut out, "signet_admission_http_responses_total", "counter", "Answers by status.");
        for (status, count) in &series.http {
            let _written = writeln!(out, "signet_admission_http_responses_total{{code=\"{status}\"}} {count}");
        }
        for (name, help, counter) in [
            ("signet_admission_bad_reviews_total", "Bodies that are no AdmissionReview.", &self.bad_reviews),
            ("signet_admission_panics_total", "Reviews that broke off: errors of Signet.", &self.panics),
            ("signet_admission_policy_loads_total", "Times that policies were taken into use.", &self.loads),
            ("signet_admission_policy_load_failures_total", "Times that new policies were none.", &self.failed_loads),
            ("signet_admission_certificate_swaps_total", "Certificates taken into use.", &self.certificates),
        ] {
            plain(&mut out, name, "counter", help, load(counter));
        }
        plain(&mut out, "signet_admission_policies", "gauge", "Policies in use.", load(&self.policies));
        head(&mut out, "kyverno_admission_requests_total", "counter", "Admission requests.");
        for (labels, histogram) in &series.reviews {
            let _written = writeln!(out, "kyverno_admission_requests_total{{{labels}}} {}", histogram.count);
        }
        let name = "kyverno_admission_review_duration_seconds";
        head(&mut out, name, "histogram", "How long reviews took.");
        for (labels, histogram) in &series.reviews {
            for (end, count) in BUCKETS.iter().zip(&histogram.buckets) {
                let _written = writeln!(out, "{name}_bucket{{{labels},le=\"{end}\"}} {count}");
            }
            let count = histogram.count;
            let _written = write!(
                out,
                "{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {count}\n",
                histogram.sum
            );
        }
        head(&mut out, "kyverno_policy_results_total", "counter", "Results of rules.");
        for (labels, count) in &series.results {
            let _written = writeln!(out, "kyverno_policy_results_total{{{labels}}} {count}");
        }
        drop(series);
        let others = self.others.0.lock().clone();
        others.iter().for_each(|also| also(&mut out));
        out
    }
}
