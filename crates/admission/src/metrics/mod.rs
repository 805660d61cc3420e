//! What is counted, as Prometheus reads it: under our names, and under Kyverno's for dashboards that exist.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats; kyverno.io/docs/reference/metrics (names and labels).

mod family;
mod rules;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use signet_policy::engine::Reason;

use self::family::{BUCKETS, Family, Histogram, MAX_HISTOGRAMS};
pub(crate) use self::rules::Cause;
use self::rules::Rules;
use crate::desk::Outcome;
use crate::engine::{Engine, Pass};
use crate::request::Request;

/// Labels of reviews.
const REVIEWS: &[&str] =
    &["request_allowed", "request_webhook", "resource_kind", "resource_namespace", "resource_request_operation"];

#[derive(Debug)]
struct Series {
    reviews: Family<Histogram>,
    rules: Rules,
    decisions: BTreeMap<(&'static str, &'static str), u64>,
    turned_away: BTreeMap<&'static str, u64>,
    http: BTreeMap<u16, u64>,
    /// What became of things that are told: events, records, reports, scans.
    told: BTreeMap<(Told, &'static str), u64>,
    drifted: (u64, u64),
}

impl Default for Series {
    fn default() -> Self {
        Self {
            reviews: Family::new(REVIEWS, MAX_HISTOGRAMS),
            rules: Rules::default(),
            decisions: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            http: BTreeMap::new(),
            told: BTreeMap::new(),
            drifted: (0, 0),
        }
    }
}

/// What is told besides answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Events of Kubernetes.
    Event,
    /// Lines of recorded requests.
    Record,
    /// Reports.
    Report,
    /// Scans of what is there.
    Scan,
    /// Objects of scans.
    Object,
}

impl Told {
    const ALL: [Told; 5] = [Told::Event, Told::Record, Told::Report, Told::Scan, Told::Object];

    fn name(self) -> (&'static str, &'static str) {
        match self {
            Told::Event => ("signet_admission_events_total", "Events by what became of them."),
            Told::Record => ("signet_admission_records_total", "Recorded requests by what became of them."),
            Told::Report => ("signet_admission_reports_total", "Reports by what became of them."),
            Told::Scan => ("signet_admission_scans_total", "Scans of what is there by how they ended."),
            Told::Object => ("signet_admission_scanned_objects_total", "Objects of scans by what became of them."),
        }
    }
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

fn up<K: Ord>(series: &mut BTreeMap<K, u64>, key: K) {
    let count = series.entry(key).or_default();
    *count = count.saturating_add(1);
}

// Writing into a String does not fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _written = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn counters(out: &mut String, name: &str, help: &str, family: &Family<u64>) {
    head(out, name, "counter", help);
    for (labels, count) in family.sorted() {
        let _written = writeln!(out, "{name}{{{labels}}} {count}");
    }
}

fn histograms(out: &mut String, name: &str, help: &str, family: &Family<Histogram>) {
    head(out, name, "histogram", help);
    for (labels, histogram) in family.sorted() {
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
}

impl Metrics {
    /// A review was answered. `times`: how long each reason took to find, as far as that is known.
    pub(crate) fn reviewed(
        &self,
        pass: Pass,
        request: &Request,
        outcome: Outcome,
        said: &[Reason],
        times: &[Duration],
        took: Duration,
    ) {
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
        let mut series = self.series.lock();
        series.reviews.of(&[allowed, webhook, &request.input.kind.kind, namespace, &operation]).add(took);
        series.rules.said(Cause::Request, request, said, times);
        up(&mut series.decisions, (pass.as_str(), outcome.as_str()));
    }

    /// An object that is there was judged.
    pub(crate) fn scanned(&self, request: &Request, said: &[Reason]) {
        self.series.lock().rules.said(Cause::Scan, request, said, &[]);
    }

    pub(crate) fn turned_away(&self, why: &'static str) {
        up(&mut self.series.lock().turned_away, why);
    }

    pub(crate) fn answered(&self, status: u16) {
        up(&mut self.series.lock().http, status);
    }

    pub(crate) fn bad_review(&self) {
        one(&self.bad_reviews);
    }

    pub(crate) fn panicked(&self) {
        one(&self.panics);
    }

    pub(crate) fn loaded(&self, engine: &dyn Engine) {
        self.policies.store(u64::try_from(engine.policies()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.series.lock().rules.load(engine);
        one(&self.loads);
    }

    pub(crate) fn load_failed(&self) {
        one(&self.failed_loads);
    }

    /// A certificate was taken into use.
    pub fn certificate_swapped(&self) {
        one(&self.certificates);
    }

    /// Something was told, or was not: `how`, in one word.
    pub fn told(&self, what: Told, how: &'static str) {
        up(&mut self.series.lock().told, (what, how));
    }

    /// How many tags run as two images, and as another one than their registries serve.
    pub(crate) fn drifted(&self, split: usize, moved: usize) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.series.lock().drifted = (number(split), number(moved));
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
        for what in Told::ALL {
            let (name, help) = what.name();
            head(&mut out, name, "counter", help);
            for ((_, how), count) in series.told.iter().filter(|((told, _), _)| *told == what) {
                let _written = writeln!(out, "{name}{{result=\"{how}\"}} {count}");
            }
        }
        let dropped = series.told.get(&(Told::Event, "dropped")).copied().unwrap_or_default();
        plain(&mut out, "kyverno_events_dropped_total", "counter", "Events that were too many.", dropped);
        let (split, moved) = series.drifted;
        let name = "signet_drifted_tags";
        head(&mut out, name, "gauge", "Tags that run as two images, or as another than their registry serves.");
        let _written = write!(out, "{name}{{how=\"two-digests\"}} {split}\n{name}{{how=\"moved\"}} {moved}\n");
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
        for (labels, histogram) in series.reviews.sorted() {
            let _written = writeln!(out, "kyverno_admission_requests_total{{{labels}}} {}", histogram.count);
        }
        let help = "How long reviews took.";
        histograms(&mut out, "kyverno_admission_review_duration_seconds", help, &series.reviews);
        series.rules.write(&mut out);
        drop(series);
        let others = self.others.0.lock().clone();
        others.iter().for_each(|also| also(&mut out));
        out
    }
}
