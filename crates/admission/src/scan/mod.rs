//! What is there already, judged by the policies that look at it, and written down as reports.
//!
//! ```text
//!   kinds ─▶ those that a policy looks at ─▶ pages ─▶ objects, one at a time ─▶ Engine::scan ─▶ results ─▶ reports, where they changed
//!                                               └─ Pods ─▶ tags and digests ─▶ registries, once a tag ─▶ one report on drift
//! ```
//!
//! A scan gives way: it judges one object at a time, waits while reviews wait, and rests for as long as its share says. What it asked of an image it
//! asks once in a scan. Where it breaks off, the next run goes on. Memory is one page, and some words for each object that has a report.

mod drift;
mod fleet;
mod memo;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signet_policy::engine::{About, Judged, Reason};
use signet_policy::images::running::{Drift, Tags};
use signet_policy::jmespath::Surroundings;
use signet_policy::report::{Origin, Process, Scope, Style, piece_name};
use tokio::time::{Instant, sleep};

pub use self::fleet::{Fleet, Page, PageError, Resource};
use self::memo::Memo;
use crate::desk::{Desk, seed};
use crate::engine::Engine;
use crate::metrics::Told;
use crate::request::Request;

/// How often an object is judged again with what it asked for.
const ROUNDS: usize = 16;
/// How often a list may begin anew because its place was forgotten.
const RESTARTS: u32 = 3;
/// How long it waits for reviews that wait.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(20);
/// The longest rest between two objects.
const REST: Duration = Duration::from_millis(200);
/// Reports in a row that cannot be written before a scan breaks off.
const FAILURES: u32 = 5;
/// What went wrong, in words; more is counted.
const PROBLEMS: usize = 20;

/// Groups whose objects are never looked at: policies, reports, what happens and who leads.
const GROUPS: [&str; 12] = [
    "kyverno.io",
    "policies.kyverno.io",
    "reports.kyverno.io",
    "wgpolicyk8s.io",
    "openreports.io",
    "policy.sigstore.dev",
    "templates.gatekeeper.sh",
    "constraints.gatekeeper.sh",
    "signet.dev",
    "events.k8s.io",
    "coordination.k8s.io",
    "metrics.k8s.io",
];

/// How a scan goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOptions {
    /// Objects of a page.
    pub page: u32,
    /// Namespaces that are not looked at.
    pub skip: BTreeSet<String>,
    /// How reports are written.
    pub style: Style,
    /// Percent of one processor.
    pub share: u32,
    /// Objects that are remembered from scan to scan; with more, reports are written that did not change, and none is swept.
    pub objects: usize,
}

impl ScanOptions {
    /// A quarter of a processor, pages of 100, without the namespaces of Kubernetes itself.
    #[must_use]
    pub fn new(style: Style) -> Self {
        let skip = ["kube-system", "kube-public", "kube-node-lease"].map(str::to_owned).into();
        Self { page: 100, skip, style, share: 25, objects: 200_000 }
    }
}

/// What a scan did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Objects that were judged.
    pub objects: u64,
    /// Objects that could not be judged.
    pub failed: u64,
    /// Reports that were written.
    pub written: u64,
    /// Reports that said the same already.
    pub unchanged: u64,
    /// Reports that were taken away.
    pub removed: u64,
    /// Tags that run as something else than they say.
    pub drift: Vec<Drift>,
    /// Tags that no registry could be asked about.
    pub unasked: u64,
    /// What went wrong, in words.
    pub problems: Vec<String>,
}

impl Summary {
    fn problem(&mut self, what: String) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(what);
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// Everything was looked at.
    Whole(Summary),
    /// It broke off, and the next run goes on there.
    Broken(String),
    /// There are no policies yet, or other ones than it began with: the next run begins anew.
    Anew,
}

/// A kind in a scan.
#[derive(Clone, Debug)]
struct Listed {
    resource: Resource,
    /// Whether a policy looks at it; Pods are looked at for their tags too.
    judged: bool,
}

/// Where a scan is.
#[derive(Debug)]
struct Place {
    engine: Arc<dyn Engine>,
    kinds: Vec<Listed>,
    at: usize,
    next: Option<String>,
    restarts: u32,
    failures: u32,
    summary: Summary,
    tags: Tags,
    memo: Memo,
    /// Whether every object is remembered, so that what is not is gone.
    remembers: bool,
}

/// What is known of an object's reports.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Of what they say; `None` where it was not written.
    print: Option<u64>,
    pieces: usize,
    /// Pieces that the cluster has, as the last look said.
    found: usize,
    scan: u64,
}

/// Scans, again and again.
#[derive(Debug)]
pub struct Scanner {
    desk: Arc<Desk>,
    fleet: Arc<dyn Fleet>,
    options: ScanOptions,
    hasher: RandomState,
    seen: HashMap<u64, Seen>,
    /// Of the report on drift.
    drifted: Option<Seen>,
    scan: u64,
    place: Option<Place>,
}

impl Scanner {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(desk: Arc<Desk>, fleet: Arc<dyn Fleet>, options: ScanOptions) -> Self {
        let hasher = RandomState::new();
        Self { desk, fleet, options, hasher, seen: HashMap::new(), drifted: None, scan: 0, place: None }
    }

    /// Forgets what was seen and written: somebody else has written meanwhile.
    pub fn forget(&mut self) {
        self.seen.clear();
        self.drifted = None;
        self.place = None;
    }

    /// Goes on where the last run broke off, or begins anew.
    pub async fn run(&mut self) -> Ended {
        let ended = self.walk().await;
        let how = match &ended {
            Ended::Whole(_) => "whole",
            Ended::Broken(_) => "broken",
            Ended::Anew => "anew",
        };
        self.desk.metrics().told(Told::Scan, how);
        ended
    }

    async fn walk(&mut self) -> Ended {
        let Some(engine) = self.desk.engine() else { return Ended::Anew };
        let mut place = match self.place.take() {
            Some(place) if Arc::ptr_eq(&place.engine, &engine) => place,
            _ => match self.begin(engine).await {
                Ok(place) => place,
                Err(why) => return Ended::Broken(why),
            },
        };
        while let Some(listed) = place.kinds.get(place.at).cloned() {
            if !self.desk.engine().is_some_and(|engine| Arc::ptr_eq(&place.engine, &engine)) {
                return Ended::Anew;
            }
            let page = self.fleet.page(&listed.resource, "", self.options.page, place.next.clone()).await;
            let page = match page {
                Ok(page) => page,
                Err(PageError::Expired) if place.restarts < RESTARTS => {
                    place.restarts = place.restarts.saturating_add(1);
                    place.next = None;
                    if is_pod(&listed.resource) {
                        place.tags = Tags::default();
                    }
                    continue;
                }
                // What may not be read is said, and the reports on it stay as they are.
                Err(PageError::Refused(why)) => {
                    place.summary.problem(format!("{} are not looked at: {why}", listed.resource.plural));
                    place.remembers = false;
                    following(&mut place);
                    continue;
                }
                Err(err) => {
                    let why = match err {
                        PageError::Away(why) => why,
                        _ => format!(
                            "the list of {} was forgotten {RESTARTS} times while it was read",
                            listed.resource.plural
                        ),
                    };
                    place.restarts = 0;
                    self.place = Some(place);
                    return Ended::Broken(why);
                }
            };
            for item in page.items {
                self.object(&mut place, &listed, item).await;
                if place.failures >= FAILURES {
                    place.failures = 0;
                    let why = place.summary.problems.last().cloned().unwrap_or_default();
                    self.place = Some(place);
                    return Ended::Broken(format!("reports cannot be written: {why}"));
                }
            }
            place.memo.page_ends();
            match page.next.filter(|next| !next.is_empty()) {
                Some(next) => place.next = Some(next),
                None => following(&mut place),
            }
        }
        if let Err(why) = self.end(&mut place).await {
            place.summary.problem(why);
        }
        Ended::Whole(place.summary)
    }

    async fn begin(&mut self, engine: Arc<dyn Engine>) -> Result<Place, String> {
        self.scan = self.scan.saturating_add(1);
        let mut kinds: Vec<Listed> = Vec::new();
        for resource in self.fleet.kinds().await? {
            let odd = GROUPS.contains(&resource.group.as_str()) || resource.kind == "Event";
            let known =
                kinds.iter().any(|one| one.resource.group == resource.group && one.resource.kind == resource.kind);
            if odd || known {
                continue;
            }
            let probe = json!({"apiVersion": resource.api_version(), "kind": resource.kind, "metadata": {}});
            let judged = engine.looks_at(&Request::of_object(&resource.plural, probe));
            if judged || is_pod(&resource) {
                kinds.push(Listed { resource, judged });
            }
        }
        Ok(Place {
            engine,
            kinds,
            at: 0,
            next: None,
            restarts: 0,
            failures: 0,
            summary: Summary::default(),
            tags: Tags::default(),
            memo: Memo::default(),
            remembers: true,
        })
    }

    async fn object(&mut self, place: &mut Place, listed: &Listed, mut object: Value) {
        let resource = &listed.resource;
        // Items of a list do not say what they are.
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(resource.api_version()));
            fields.insert("kind".to_owned(), json!(resource.kind));
        }
        let scope = Scope::of(&object);
        if self.options.skip.contains(&scope.namespace) {
            return;
        }
        if is_pod(resource) {
            place.tags.add(&object);
        }
        // What is on its way out needs no report.
        if !listed.judged || scope.uid.is_empty() || object.pointer("/metadata/deletionTimestamp").is_some() {
            return;
        }
        let key = self.hasher.hash_one(&scope.uid);
        match self.judge(place, resource, object).await {
            Ok(said) => {
                place.summary.objects = place.summary.objects.saturating_add(1);
                self.desk.metrics().told(Told::Object, "judged");
                self.report(place, &scope, key, &said).await;
            }
            Err(why) => {
                place.summary.failed = place.summary.failed.saturating_add(1);
                place.summary.problem(format!("{} {}/{}: {why}", scope.kind, scope.namespace, scope.name));
                self.desk.metrics().told(Told::Object, "failed");
                // The report that is there says what was true once; it is not taken away for that.
                if let Some(seen) = self.seen.get_mut(&key) {
                    seen.scan = self.scan;
                } else {
                    place.remembers = false;
                }
            }
        }
    }

    /// Judges one object, with everything that is needed for it. `Err`: why it cannot be.
    async fn judge(&self, place: &mut Place, resource: &Resource, object: Value) -> Result<Vec<Reason>, String> {
        let request = Arc::new(Request::of_object(&resource.plural, object));
        let surroundings = Arc::new(Surroundings::kyverno(self.desk.now(), seed()));
        let blocked = self.desk.cached().blocked();
        let mut known = signet_policy::engine::Known { blocked, ..Default::default() };
        let mut missing = BTreeSet::new();
        let mut rounds = 0;
        loop {
            self.give_way().await;
            let begun = Instant::now();
            let (engine, own, around) = (Arc::clone(&place.engine), Arc::clone(&request), Arc::clone(&surroundings));
            let with = known.clone();
            let judged: Option<Judged> =
                tokio::task::spawn_blocking(move || engine.scan(&own, &with, &around))
                    .await
                    .map_err(|_| "it could not be judged: this is an error of Signet".to_owned())?;
            sleep(rest(begun.elapsed(), self.options.share)).await;
            let Some(judged) = judged else { return Ok(Vec::new()) };
            rounds += 1;
            let news =
                rounds < ROUNDS && place.memo.answer(self.desk.cached(), &judged.needs, &mut known, &mut missing).await;
            if !news {
                self.desk.metrics().scanned(&request, &judged.decision.reasons);
                return Ok(judged.decision.reasons);
            }
        }
    }

    /// Reviews come first.
    async fn give_way(&self) {
        let begun = Instant::now();
        while self.desk.is_busy() && begun.elapsed() < PATIENCE {
            sleep(STEP).await;
        }
    }

    async fn report(&mut self, place: &mut Place, scope: &Scope, key: u64, said: &[Reason]) {
        let print = self.hasher.hash_one(said.iter().map(print_of).collect::<Vec<_>>());
        let before = self.seen.get(&key).copied();
        let mut pieces = Vec::new();
        let mut now = Seen { print: Some(print), pieces: 0, found: 0, scan: self.scan };
        if before.is_some_and(|before| before.print == Some(print)) {
            now.pieces = before.map_or(0, |before| before.pieces);
            place.summary.unchanged = place.summary.unchanged.saturating_add(1);
            self.desk.metrics().told(Told::Report, "unchanged");
        } else {
            let seconds = self.desk.now().as_second();
            let abouts = place.engine.abouts();
            let results =
                said.iter().map(|reason| Origin::said(about(abouts, reason), reason, seconds, Process::Background));
            pieces = self.options.style.pieces(scope, results.collect());
            now.pieces = pieces.len();
        }
        let resource = self.kind_of_reports(!scope.namespace.is_empty());
        for piece in &pieces {
            if !self.write(place, &resource, piece).await {
                now.print = None;
            }
        }
        // What was longer before.
        for index in now.pieces..before.map_or(0, |before| before.pieces) {
            if !self.remove(place, &resource, &scope.namespace, &piece_name(&scope.id(), index)).await {
                now.print = None;
            }
        }
        if self.seen.len() < self.options.objects || before.is_some() {
            self.seen.insert(key, now);
        } else {
            place.remembers = false;
        }
    }

    fn kind_of_reports(&self, namespaced: bool) -> Resource {
        let api = self.options.style.api;
        let (group, version) = api.version().split_once('/').unwrap_or_default();
        let kind = api.kind(namespaced);
        Resource::new(group, version, &format!("{}s", kind.to_lowercase()), kind, namespaced)
    }

    async fn write(&self, place: &mut Place, resource: &Resource, report: &Value) -> bool {
        match self.fleet.apply(resource, report).await {
            Ok(()) => {
                place.failures = 0;
                place.summary.written = place.summary.written.saturating_add(1);
                self.desk.metrics().told(Told::Report, "written");
                true
            }
            Err(why) => {
                place.failures = place.failures.saturating_add(1);
                place.summary.problem(why);
                self.desk.metrics().told(Told::Report, "failed");
                false
            }
        }
    }

    async fn remove(&self, place: &mut Place, resource: &Resource, namespace: &str, name: &str) -> bool {
        match self.fleet.delete(resource, namespace, name).await {
            Ok(()) => {
                place.summary.removed = place.summary.removed.saturating_add(1);
                self.desk.metrics().told(Told::Report, "removed");
                true
            }
            Err(why) => {
                place.summary.problem(why);
                self.desk.metrics().told(Told::Report, "failed");
                false
            }
        }
    }

    /// What is done when everything was looked at: reports that nobody needs any more, and tags that drifted.
    async fn end(&mut self, place: &mut Place) -> Result<(), String> {
        let scan = self.scan;
        if place.remembers {
            self.seen.retain(|_, seen| seen.scan == scan);
            for namespaced in [true, false] {
                self.sweep(place, namespaced).await?;
            }
            // A report that somebody took away is written again by the next scan.
            for seen in self.seen.values_mut() {
                if std::mem::take(&mut seen.found) < seen.pieces {
                    seen.print = None;
                }
            }
        }
        self.drift(place).await;
        Ok(())
    }

    /// Takes away reports of ours on what no policy looks at any more.
    async fn sweep(&mut self, place: &mut Place, namespaced: bool) -> Result<(), String> {
        let resource = self.kind_of_reports(namespaced);
        let labels = format!("app.kubernetes.io/managed-by={}", self.options.style.managed_by);
        let mut next = None;
        loop {
            let page = match self.fleet.page(&resource, &labels, self.options.page, next).await {
                Ok(page) => page,
                // The next scan sweeps.
                Err(PageError::Expired) => {
                    return Err("old reports are not taken away: their list was forgotten".to_owned());
                }
                Err(PageError::Refused(why) | PageError::Away(why)) => {
                    return Err(format!("old reports are not taken away: {why}"));
                }
            };
            for report in &page.items {
                let at = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let (uid, name) = (at("/scope/uid"), at("/metadata/name"));
                // Labels are written by anybody: only what bears the name that we would give is ours.
                let Some(index) = index_of(name, uid) else { continue };
                let key = self.hasher.hash_one(uid);
                if let Some(seen) = self.seen.get_mut(&key).filter(|seen| index < seen.pieces) {
                    seen.found = seen.found.saturating_add(1);
                } else {
                    self.remove(place, &resource, at("/metadata/namespace"), name).await;
                }
            }
            next = page.next.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// Which piece of the reports on an object a name stands for.
fn index_of(name: &str, uid: &str) -> Option<usize> {
    let rest = name.strip_prefix(uid).filter(|_| !uid.is_empty())?;
    match rest.strip_prefix('-') {
        None => rest.is_empty().then_some(0),
        Some(number) => number.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index > 0),
    }
}

fn following(place: &mut Place) {
    place.at = place.at.saturating_add(1);
    place.next = None;
    place.restarts = 0;
}

fn is_pod(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.kind == "Pod"
}

/// What a result says, without its time.
fn print_of(reason: &Reason) -> (&str, &str, &str, &str, &str, Option<&str>) {
    (reason.kind, &reason.policy, &reason.rule, reason.status.as_str(), &reason.message, reason.path.as_deref())
}

fn about<'a>(abouts: &'a [About], reason: &Reason) -> Option<&'a About> {
    abouts.iter().find(|about| about.kind == reason.kind && about.key == reason.policy)
}

/// How long to rest after work, so that it takes no more than a share of a processor in percent.
fn rest(took: Duration, share: u32) -> Duration {
    let share = share.clamp(1, 100);
    took.saturating_mul(100_u32.saturating_sub(share)).checked_div(share).unwrap_or_default().min(REST)
}
