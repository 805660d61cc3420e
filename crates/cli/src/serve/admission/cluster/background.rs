//! What the cluster is told besides answers: reports on what is there, written by the leader, and events, written by every replica.
//!
//! None of it is in the way of a review: a scan is a task of its own that gives way, events are dropped when nobody writes them in time, and whatever
//! an API server refuses of both is said and counted, and changes no answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use signet_admission::scan::{Ended, Fleet, Page, PageError, Resource, ScanOptions, Scanner, Summary};
use signet_admission::{Asked, Desk, Events, Told};
use signet_kube::{Client, KubeError, Leader, ListOptions};
use signet_policy::report::{Api, DamperLimits, Style};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};

use super::super::super::args::ClusterArgs;
use crate::settings::Settings;

/// How long until a scan that broke off goes on.
const AGAIN: Duration = Duration::from_secs(30);
/// How often it is looked whether we lead, and whether there are other policies.
const LOOK: Duration = Duration::from_secs(5);
/// Reasons that are told of one scan.
const MAX_TOLD: usize = 5;
/// Events of Kubernetes.
const EVENTS: signet_kube::Resource = signet_kube::Resource::namespaced("", "v1", "events", "Event");

/// Events, and where they come out until somebody writes them.
type Outgoing = (Arc<Events>, parking_lot::Mutex<Option<Receiver<Value>>>);

/// Tells the cluster.
pub(super) struct Background {
    client: Client,
    leader: Leader,
    style: Option<Style>,
    every: Duration,
    skip: Vec<String>,
    events: Option<Outgoing>,
}

impl Background {
    pub(super) fn new(args: &ClusterArgs, client: &Client, leader: &Leader) -> Background {
        let style = args.reports.as_deref().map(|api| match api {
            "openreports" => Style::signet(Api::OpenReports),
            _ => Style::signet(Api::PolicyReports),
        });
        let events = args.events.then(|| {
            let (events, queue) = Events::new(DamperLimits::default());
            (events, parking_lot::Mutex::new(Some(queue)))
        });
        Background {
            client: client.clone(),
            leader: leader.clone(),
            style,
            every: Duration::from_secs(u64::from(args.scan_every).saturating_mul(60)),
            skip: args.scan_skip.clone(),
            events,
        }
    }

    /// Who makes events of reviews.
    pub(super) fn witness(&self) -> Option<Arc<Events>> {
        self.events.as_ref().map(|(events, _)| Arc::clone(events))
    }

    /// Begins; what runs ends with what is given back.
    pub(super) fn begin(&self, desk: &Arc<Desk>, settings: &Settings) -> Vec<tokio::task::AbortHandle> {
        let mut tasks = Vec::new();
        if let Some(queue) = self.events.as_ref().and_then(|(_, queue)| queue.lock().take()) {
            let task = write_events(self.client.clone(), queue, Arc::clone(desk), settings.clone());
            tasks.push(tokio::spawn(task).abort_handle());
        }
        if let Some(style) = self.style {
            let fleet = Arc::new(Kube { client: self.client.clone(), leader: self.leader.clone() });
            let mut options = ScanOptions::new(style);
            options.skip.extend(self.skip.iter().cloned());
            let scanner = Scanner::new(Arc::clone(desk), Arc::clone(&fleet) as Arc<dyn Fleet>, options);
            let task = scan(scanner, fleet, Arc::clone(desk), self.every, settings.clone());
            tasks.push(tokio::spawn(task).abort_handle());
        }
        tasks
    }
}

async fn write_events(client: Client, mut queue: Receiver<Value>, desk: Arc<Desk>, settings: Settings) {
    let mut said = false;
    while let Some(event) = queue.recv().await {
        let namespace = event.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default").to_owned();
        match client.create(&EVENTS, Some(&namespace), &event).await {
            Ok(_) => desk.metrics().told(Told::Event, "written"),
            Err(err) => {
                desk.metrics().told(Told::Event, "failed");
                if !said {
                    settings.warn(format!("events are not written: {}", err.explain()));
                    said = true;
                }
            }
        }
    }
}

/// Scans as long as we lead: when it is time, when there are other policies, and soon again where one broke off.
async fn scan(mut scanner: Scanner, fleet: Arc<Kube>, desk: Arc<Desk>, every: Duration, settings: Settings) {
    let mut last: Option<(Instant, Arc<dyn signet_admission::Engine>)> = None;
    let mut said = String::new();
    let mut led = false;
    loop {
        let is_due = match (&last, desk.engine()) {
            (Some((at, engine)), Some(now)) => at.elapsed() >= every || !Arc::ptr_eq(engine, &now),
            (_, engine) => engine.is_some(),
        };
        let leads = fleet.leads();
        if led && !leads {
            // Who leads meanwhile writes other reports than we remember.
            scanner.forget();
            last = None;
        }
        led = leads;
        if !leads || !desk.is_ready() || !is_due {
            sleep(LOOK).await;
            continue;
        }
        let engine = desk.engine();
        match scanner.run().await {
            Ended::Whole(summary) => {
                last = engine.map(|engine| (Instant::now(), engine));
                said.clear();
                tell(&summary, &settings);
            }
            // With other policies it begins at once; a burst of them is let pass.
            Ended::Anew => sleep(LOOK).await,
            Ended::Broken(why) => {
                if why != said {
                    settings.warn(format!("the scan of what is there goes on later: {why}"));
                    said = why;
                }
                sleep(AGAIN).await;
            }
        }
    }
}

fn tell(summary: &Summary, settings: &Settings) {
    settings.say(format!(
        "scanned {} objects: {} reports written, {} unchanged, {} taken away, {} tags drifted",
        summary.objects,
        summary.written,
        summary.unchanged,
        summary.removed,
        summary.drift.len()
    ));
    if summary.failed > 0 {
        settings.warn(format!("{} objects could not be judged", summary.failed));
    }
    for problem in summary.problems.iter().take(MAX_TOLD) {
        settings.warn(problem);
    }
}

/// The cluster, as long as we lead.
struct Kube {
    client: Client,
    leader: Leader,
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kube").finish_non_exhaustive()
    }
}

const NO_LEADER: &str = "this replica leads no more";

impl Kube {
    fn leads(&self) -> bool {
        self.leader.until().is_some_and(|until| Instant::now() < until)
    }
}

/// The same kind, as the client knows it.
fn of(resource: &Resource) -> signet_kube::Resource {
    signet_kube::Resource {
        group: resource.group.clone().into(),
        version: resource.version.clone().into(),
        plural: resource.plural.clone().into(),
        kind: resource.kind.clone().into(),
        namespaced: resource.namespaced,
    }
}

fn page_error(err: &KubeError) -> PageError {
    match err {
        err if err.is_gone() => PageError::Expired,
        err if err.is_not_found() || err.is_forbidden() => PageError::Refused(err.explain()),
        err => PageError::Away(err.explain()),
    }
}

impl Fleet for Kube {
    fn kinds(&self) -> Asked<'_, Result<Vec<Resource>, String>> {
        Box::pin(async move {
            let found = self.client.discover().await.map_err(|err| err.explain())?;
            // In the order of their names, so that of the versions of a kind the stable one comes first; a scan takes the first that a policy looks at.
            let listed = found
                .served
                .into_iter()
                .filter(|one| one.subresource.is_empty() && one.verbs.iter().any(|verb| verb == "list"));
            Ok(listed
                .map(|one| Resource::new(&one.group, &one.version, &one.plural, &one.kind.2, one.namespaced))
                .collect())
        })
    }

    fn page<'a>(
        &'a self,
        resource: &'a Resource,
        labels: &'a str,
        limit: u32,
        next: Option<String>,
    ) -> Asked<'a, Result<Page, PageError>> {
        Box::pin(async move {
            if !self.leads() {
                return Err(PageError::Away(NO_LEADER.to_owned()));
            }
            let labels = Some(labels.to_owned()).filter(|labels| !labels.is_empty());
            let options = ListOptions { limit, token: next, labels, ..ListOptions::default() };
            match self.client.list(&of(resource), None, &options).await {
                Ok(page) => Ok(Page { items: page.items, next: page.next }),
                Err(err) => Err(page_error(&err)),
            }
        })
    }

    fn apply<'a>(&'a self, resource: &'a Resource, object: &'a Value) -> Asked<'a, Result<(), String>> {
        Box::pin(async move {
            if !self.leads() {
                return Err(NO_LEADER.to_owned());
            }
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            let written = self.client.apply(&of(resource), namespace, name, object).await;
            written.map(|_| ()).map_err(|err| err.explain())
        })
    }

    fn delete<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: &'a str,
        name: &'a str,
    ) -> Asked<'a, Result<(), String>> {
        Box::pin(async move {
            if !self.leads() {
                return Err(NO_LEADER.to_owned());
            }
            let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            match self.client.delete(&of(resource), namespace, name).await {
                Ok(_) => Ok(()),
                Err(err) if err.is_not_found() => Ok(()),
                Err(err) => Err(err.explain()),
            }
        })
    }
}
