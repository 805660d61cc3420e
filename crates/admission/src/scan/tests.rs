//! Scans of a small cluster in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;
use signet_policy::kyverno::Need;
use signet_policy::kyverno::verify_images::{Answer, ImageNeed};
use signet_policy::report::{Api, Style};
use signet_policy::trust_policy::facts::{self, Manifest, Question};

use super::{Ended, Fleet, Page, PageError, Resource, ScanOptions, Scanner, Summary};
use crate::tests::{desk_with, now, policies};
use crate::{Asked, CacheLimits, Cached, Desk, DeskLimits, Outside};

const NO_LATEST: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-latest, annotations: {policies.kyverno.io/severity: high}}
spec:
  rules:
  - name: tag
    match: {any: [{resources: {kinds: [Pod, Widget]}}]}
    validate: {message: no latest, pattern: {spec: {containers: [{image: '!*:latest'}]}}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: only-requests}
spec:
  background: false
  rules:
  - name: never
    match: {any: [{resources: {kinds: [Pod, Secret]}}]}
    validate: {message: never, deny: {}}
";

fn pods() -> Resource {
    Resource::new("", "v1", "pods", "Pod", true)
}

/// A Pod as it stands in a list: without its kind.
fn pod(namespace: &str, name: &str, image: &str, digest: &str) -> Value {
    json!({
        "metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}"), "managedFields": [{"a": 1}]},
        "spec": {"containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "imageID": format!("r.example.com/a@{}", Digest::sha256(digest.as_bytes()))},
        ]},
    })
}

/// A cluster in memory, with what goes wrong in it.
#[derive(Debug, Default)]
struct Stub {
    kinds: Vec<Resource>,
    objects: Mutex<BTreeMap<Resource, Vec<Value>>>,
    reports: Mutex<BTreeMap<(String, String, String), Value>>,
    /// Answers to the next pages, the last one first; `None` is the true one.
    wrong: Mutex<Vec<Option<PageError>>>,
    deaf: AtomicUsize,
    pages: AtomicUsize,
    writes: AtomicUsize,
}

impl Stub {
    fn new(objects: &[(Resource, Vec<Value>)]) -> Arc<Self> {
        let kinds = objects.iter().map(|(resource, _)| resource.clone()).collect();
        Arc::new(Self { kinds, objects: Mutex::new(objects.iter().cloned().collect()), ..Self::default() })
    }

    fn report(&self, name: &str) -> Option<Value> {
        self.reports.lock().iter().find(|((_, _, known), _)| known == name).map(|(_, report)| report.clone())
    }

    fn names(&self) -> Vec<String> {
        self.reports.lock().keys().map(|(_, _, name)| name.clone()).collect()
    }
}

impl Fleet for Stub {
    fn kinds(&self) -> Asked<'_, Result<Vec<Resource>, String>> {
        Box::pin(async { Ok(self.kinds.clone()) })
    }

    fn page<'a>(
        &'a self,
        resource: &'a Resource,
        labels: &'a str,
        limit: u32,
        next: Option<String>,
    ) -> Asked<'a, Result<Page, PageError>> {
        Box::pin(async move {
            self.pages.fetch_add(1, Ordering::SeqCst);
            if let Some(wrong) = self.wrong.lock().pop().flatten() {
                return Err(wrong);
            }
            if resource.group == "wgpolicyk8s.io" {
                assert_eq!(labels, "app.kubernetes.io/managed-by=signet");
                let reports = self.reports.lock();
                let items = reports.iter().filter(|((kind, _, _), _)| *kind == resource.kind);
                return Ok(Page { items: items.map(|(_, report)| report.clone()).collect(), next: None });
            }
            let objects = self.objects.lock();
            let all = objects.get(resource).cloned().unwrap_or_default();
            let from: usize = next.map_or(0, |next| next.parse().unwrap());
            let end = (from + limit as usize).min(all.len());
            Ok(Page { items: all[from..end].to_vec(), next: (end < all.len()).then(|| end.to_string()) })
        })
    }

    fn apply<'a>(&'a self, resource: &'a Resource, object: &'a Value) -> Asked<'a, Result<(), String>> {
        Box::pin(async move {
            if self.deaf.load(Ordering::SeqCst) > 0 {
                self.deaf.fetch_sub(1, Ordering::SeqCst);
                return Err("the API server is deaf".to_owned());
            }
            self.writes.fetch_add(1, Ordering::SeqCst);
            assert_eq!(object["kind"], resource.kind);
            assert_eq!(object["metadata"]["namespace"].is_string(), resource.namespaced);
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let key = (resource.kind.clone(), text("/metadata/namespace"), text("/metadata/name"));
            self.reports.lock().insert(key, object.clone());
            Ok(())
        })
    }

    fn delete<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: &'a str,
        name: &'a str,
    ) -> Asked<'a, Result<(), String>> {
        Box::pin(async move {
            self.reports.lock().remove(&(resource.kind.clone(), namespace.to_owned(), name.to_owned()));
            Ok(())
        })
    }
}

/// A registry that serves one digest under every tag, and counts.
#[derive(Debug, Default)]
struct Registry {
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Outside for Registry {
    fn context<'a>(&'a self, _need: &'a Need) -> Asked<'a, Result<Value, String>> {
        Box::pin(async { Err("nobody".to_owned()) })
    }

    fn image<'a>(&'a self, need: &'a ImageNeed) -> Asked<'a, Answer> {
        Box::pin(async move {
            *self.asked.lock().entry(need.to_string()).or_default() += 1;
            match need {
                ImageNeed::Digest { reference, .. } if reference.starts_with("r.example.com/") => {
                    Answer::Digest(Digest::sha256(b"index").to_string())
                }
                _ => Answer::Unknown("it is not asked".to_owned()),
            }
        })
    }

    fn question<'a>(&'a self, question: &'a Question) -> Asked<'a, facts::Answer> {
        Box::pin(async move {
            *self.asked.lock().entry(question.to_string()).or_default() += 1;
            let part = |name: &str| Manifest {
                digest: Digest::sha256(name.as_bytes()),
                platform: String::new(),
                created: None,
            };
            facts::Answer::Manifests(vec![part("amd64"), part("arm64")])
        })
    }
}

fn scanner_over(outside: Arc<dyn Outside>, text: &str, fleet: &Arc<Stub>) -> (Scanner, Arc<Desk>) {
    let desk = Arc::new(desk_with(Arc::new(policies(text)), outside, DeskLimits::default()));
    let mut options = ScanOptions::new(Style::signet(Api::PolicyReports));
    options.page = 2;
    (Scanner::new(Arc::clone(&desk), Arc::clone(fleet) as Arc<dyn Fleet>, options), desk)
}

fn scanner(text: &str, fleet: &Arc<Stub>) -> (Scanner, Arc<Desk>) {
    scanner_over(Arc::new(Registry::default()), text, fleet)
}

#[track_caller]
fn whole(ended: Ended) -> Summary {
    match ended {
        Ended::Whole(summary) => summary,
        other => panic!("{other:?}"),
    }
}

fn five() -> Vec<Value> {
    vec![
        pod("shop", "good", "r.example.com/a:1", "index"),
        pod("shop", "bad", "r.example.com/a:latest", "index"),
        pod("kube-system", "dns", "r.example.com/a:latest", "index"),
        pod("shop", "also", "r.example.com/a:1", "index"),
        pod("shop", "more", "r.example.com/a:1", "index"),
    ]
}

#[tokio::test]
async fn what_is_there_is_judged_page_by_page_and_written_down() {
    let widgets = Resource::new("example.com", "v1", "widgets", "Widget", false);
    let widget = json!({"metadata": {"name": "w", "uid": "uid-w"}, "spec": {"containers": [{"image": "x:latest"}]}});
    let secrets = Resource::new("", "v1", "secrets", "Secret", true);
    let fleet =
        Stub::new(&[(pods(), five()), (widgets, vec![widget]), (secrets, vec![json!({"metadata": {"uid": "s"}})])]);
    let (mut scanner, desk) = scanner(NO_LATEST, &fleet);
    let summary = whole(scanner.run().await);
    assert_eq!((summary.objects, summary.written, summary.failed), (5, 5, 0), "{summary:?}");
    assert_eq!(fleet.names(), ["uid-w", "uid-also", "uid-bad", "uid-good", "uid-more"]);
    let bad = fleet.report("uid-bad").unwrap();
    assert_eq!(bad["summary"], json!({"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0}));
    assert_eq!(
        bad["scope"],
        json!({"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "bad", "uid": "uid-bad"})
    );
    let result = &bad["results"][0];
    assert_eq!(
        (&result["policy"], &result["rule"], &result["severity"]),
        (&json!("no-latest"), &json!("tag"), &json!("high"))
    );
    assert_eq!(result["timestamp"]["seconds"], now().as_second());
    assert_eq!(result["properties"]["process"], "background scan");
    assert_eq!(fleet.report("uid-w").unwrap()["kind"], "ClusterPolicyReport");
    let text = desk.metrics().text();
    assert!(text.contains("rule_execution_cause=\"background_scan\",rule_name=\"tag\",rule_result=\"fail\""), "{text}");
    assert!(text.contains("signet_admission_scans_total{result=\"whole\"} 1\n"));

    // What says the same is not written again, what changed is, and what went is taken away.
    let before = fleet.writes.load(Ordering::SeqCst);
    let summary = whole(scanner.run().await);
    assert_eq!((summary.written, summary.unchanged), (0, 5));
    assert_eq!(fleet.writes.load(Ordering::SeqCst), before);
    // One that somebody took away comes again: the next scan notices, the one behind it writes.
    fleet.reports.lock().retain(|(_, _, name), _| name != "uid-good");
    assert_eq!(whole(scanner.run().await).written, 0);
    assert_eq!(whole(scanner.run().await).written, 1);
    assert!(fleet.report("uid-good").is_some());
    // Somebody else may have written all of them meanwhile.
    scanner.forget();
    assert_eq!(whole(scanner.run().await).written, 5);
    if let Some(objects) = fleet.objects.lock().get_mut(&pods()) {
        objects.retain(|object| object["metadata"]["name"] != "also");
        objects[1]["spec"]["containers"][0]["image"] = json!("r.example.com/a:2");
    }
    let summary = whole(scanner.run().await);
    assert_eq!((summary.written, summary.unchanged, summary.removed), (1, 3, 1), "{summary:?}");
    assert_eq!(fleet.report("uid-bad").unwrap()["summary"]["pass"], 1);
    assert_eq!(fleet.report("uid-also"), None);
}

#[tokio::test]
async fn reports_of_policies_that_are_gone_are_taken_away() {
    let fleet = Stub::new(&[(pods(), five())]);
    let (mut first, _desk) = scanner(NO_LATEST, &fleet);
    whole(first.run().await);
    assert_eq!(fleet.names().len(), 4);
    // Reports of somebody else, that only look like ours.
    let foreign =
        json!({"kind": "PolicyReport", "metadata": {"name": "other", "namespace": "shop"}, "scope": {"uid": "uid-x"}});
    fleet.reports.lock().insert(("PolicyReport".into(), "shop".into(), "other".into()), foreign);
    // Another process, which remembers nothing, with other policies.
    let (mut second, desk) = scanner(&NO_LATEST.replace("[Pod, Widget]", "[Widget]"), &fleet);
    let summary = whole(second.run().await);
    assert_eq!((summary.objects, summary.removed), (0, 4), "{summary:?}");
    assert_eq!(fleet.names(), ["other"]);
    // New policies are looked at by the next run.
    desk.load(Arc::new(policies(NO_LATEST)));
    assert_eq!(whole(second.run().await).written, 4);
}

#[tokio::test]
async fn a_scan_goes_on_where_it_broke_off() {
    let fleet = Stub::new(&[(pods(), five())]);
    let (mut scanner, _desk) = scanner(NO_LATEST, &fleet);
    // The second page fails: the first one is not read again.
    *fleet.wrong.lock() = vec![Some(PageError::Away("the API server is away".into())), None];
    assert_eq!(scanner.run().await, Ended::Broken("the API server is away".into()));
    assert_eq!((fleet.pages.swap(0, Ordering::SeqCst), fleet.names().len()), (2, 2));
    let summary = whole(scanner.run().await);
    // The other two pages of Pods, and two of reports to sweep.
    assert_eq!((summary.objects, fleet.pages.swap(0, Ordering::SeqCst)), (4, 4));
    // A place that is forgotten: the list begins anew, and nothing is written twice.
    *fleet.wrong.lock() = vec![Some(PageError::Expired)];
    assert_eq!(whole(scanner.run().await).unchanged, 4);
    *fleet.wrong.lock() = vec![Some(PageError::Expired); 9];
    assert!(matches!(scanner.run().await, Ended::Broken(_)));
    fleet.wrong.lock().clear();
    // A kind that may not be read is said, and the reports on it stay.
    *fleet.wrong.lock() = vec![Some(PageError::Refused("forbidden".into()))];
    let (mut other, _desk) = self::scanner(NO_LATEST, &fleet);
    let summary = whole(other.run().await);
    assert_eq!((summary.objects, summary.removed), (0, 0));
    assert!(summary.problems[0].contains("pods are not looked at: forbidden"), "{summary:?}");
    assert_eq!(fleet.names().len(), 4);
}

#[tokio::test]
async fn a_report_that_could_not_be_written_is_written_later() {
    let fleet = Stub::new(&[(pods(), five())]);
    let (mut scanner, _desk) = scanner(NO_LATEST, &fleet);
    fleet.deaf.store(2, Ordering::SeqCst);
    let summary = whole(scanner.run().await);
    assert_eq!(summary.written, 2, "{summary:?}");
    assert_eq!(whole(scanner.run().await).written, 2);
    assert_eq!(fleet.names().len(), 4);
    // One that hears nothing at all is left alone.
    fleet.reports.lock().clear();
    let many = (0..20).map(|number| pod("shop", &number.to_string(), "r.example.com/a:1", "index")).collect();
    fleet.objects.lock().insert(pods(), many);
    fleet.deaf.store(100, Ordering::SeqCst);
    let (mut other, _desk) = self::scanner(NO_LATEST, &fleet);
    assert_eq!(other.run().await, Ended::Broken("reports cannot be written: the API server is deaf".into()));
}

const SIGNED: &str = "
apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: {name: ours}
spec: {images: ['r.example.com/**'], digest: require}
";

#[tokio::test]
async fn an_image_is_asked_about_once_and_drift_is_found() {
    let mut objects = five();
    objects.push(pod("shop", "old", "r.example.com/b:1", "older"));
    objects.push(pod("shop", "arm", "r.example.com/a:1", "arm64"));
    objects.push(pod("shop", "moved", "r.example.com/a:latest", "else"));
    objects.push(pod("shop", "foreign", "q.example.com/c:1", "x"));
    let fleet = Stub::new(&[(pods(), objects)]);
    let registry = Arc::new(Registry::default());
    let mut loader = crate::Loader::default();
    let documents = signet_yaml::parse(SIGNED, &signet_yaml::Limits::default()).unwrap();
    assert!(loader.take_text("p.yaml", SIGNED, &documents).unwrap());
    let desk = Desk::new(
        Cached::new(Arc::clone(&registry) as Arc<dyn Outside>, CacheLimits::default()),
        Arc::new(now),
        DeskLimits::default(),
    );
    desk.load(Arc::new(loader.finish().unwrap()));
    let desk = Arc::new(desk);
    let options = ScanOptions::new(Style::signet(Api::PolicyReports));
    let mut scanner = Scanner::new(Arc::clone(&desk), Arc::clone(&fleet) as Arc<dyn Fleet>, options);
    let summary = whole(scanner.run().await);
    let found: Vec<_> =
        summary.drift.iter().map(|drift| (drift.tag.as_str(), drift.is_split, drift.is_moved)).collect();
    // Two nodes that run two parts of one index run one image.
    assert_eq!(found, [("r.example.com/a:latest", true, true), ("r.example.com/b:1", false, true)]);
    assert_eq!(summary.unasked, 1);
    assert!(registry.asked.lock().values().all(|count| *count == 1), "{:?}", registry.asked);
    let report = fleet.report("signet-image-drift").unwrap();
    assert_eq!((&report["kind"], &report["summary"]["fail"]), (&json!("ClusterPolicyReport"), &json!(3)));
    let text = report.to_string();
    assert!(text.contains("shop/moved (app)") && text.contains("\"uid\":\"uid-old\""), "{text}");
    assert!(text.contains("1 tags are not compared with their registries: it is not asked"), "{text}");
    assert!(desk.metrics().text().contains("signet_drifted_tags{how=\"moved\"} 2\n"));
    // The same drift is not written again; one that ended is.
    let before = fleet.writes.load(Ordering::SeqCst);
    whole(scanner.run().await);
    assert_eq!(fleet.writes.load(Ordering::SeqCst), before);
    fleet.objects.lock().insert(pods(), Vec::new());
    whole(scanner.run().await);
    assert_eq!(fleet.names(), [] as [String; 0]);
}

#[test]
fn a_scan_takes_its_share_and_knows_its_reports() {
    assert_eq!(super::rest(Duration::from_millis(10), 25), Duration::from_millis(30));
    assert_eq!(super::rest(Duration::from_secs(10), 25), super::REST);
    assert_eq!(super::rest(Duration::from_millis(10), 100), Duration::ZERO);
    for (name, uid, index) in [
        ("u", "u", Some(0)),
        ("u-2", "u", Some(1)),
        ("u-1", "u", None),
        ("u-x", "u", None),
        ("ux", "u", None),
        ("v", "u", None),
        ("", "", None),
    ] {
        assert_eq!(super::index_of(name, uid), index, "{name}");
    }
}

/// An engine whose judgement of a request waits until it is let go.
#[derive(Debug)]
struct Slow(crate::PolicySet, Arc<std::sync::atomic::AtomicBool>);

impl crate::Engine for Slow {
    fn judge(
        &self,
        request: &crate::Request,
        pass: crate::Pass,
        known: &signet_policy::engine::Known,
        surroundings: &signet_policy::jmespath::Surroundings,
    ) -> signet_policy::engine::Judged {
        while !self.1.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.0.judge(request, pass, known, surroundings)
    }

    fn scan(
        &self,
        request: &crate::Request,
        known: &signet_policy::engine::Known,
        surroundings: &signet_policy::jmespath::Surroundings,
    ) -> Option<signet_policy::engine::Judged> {
        self.0.scan(request, known, surroundings)
    }

    fn looks_at(&self, request: &crate::Request) -> bool {
        self.0.looks_at(request)
    }

    fn policies(&self) -> usize {
        1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_waits_while_no_worker_is_free() {
    let free = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let engine = Arc::new(Slow(policies(NO_LATEST), Arc::clone(&free)));
    let limits = DeskLimits { workers: 1, ..DeskLimits::default() };
    let desk = Arc::new(desk_with(engine, Arc::new(Registry::default()), limits));
    let fleet = Stub::new(&[(pods(), five())]);
    let options = ScanOptions::new(Style::signet(Api::PolicyReports));
    let mut scanner = Scanner::new(Arc::clone(&desk), Arc::clone(&fleet) as Arc<dyn Fleet>, options);
    let asking = {
        let desk = Arc::clone(&desk);
        let review = crate::tests::pod(&crate::tests::with_image("nginx:1"));
        tokio::spawn(async move { crate::tests::ask(&desk, crate::Pass::Validate, &review).await })
    };
    while !desk.is_busy() {
        tokio::task::yield_now().await;
    }
    let scanning = tokio::spawn(async move { scanner.run().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fleet.writes.load(Ordering::SeqCst), 0, "it went on although a review was judged");
    free.store(true, Ordering::SeqCst);
    assert_eq!(asking.await.unwrap().status, 200);
    assert_eq!(whole(scanning.await.unwrap()).written, 4);
}
