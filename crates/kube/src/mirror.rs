//! The objects of one kind as they are: listed once, then followed by a watch.
//!
//! ```text
//!   Listing ── all pages ──▶ Following ── the watch ends ──▶ Following (from the last version)
//!      ▲  │                      │
//!      │  └─ 404 ─▶ Absent ──────┤ 410 Gone, or 404
//!      └────── after a while ────┘
//! ```
//!
//! What is shown is exchanged whole. A list that was not read to its end changes nothing, and while the API server is gone, what was known stays.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, seed};
use crate::client::{Client, ListOptions, WatchOptions, key_of};
use crate::error::KubeError;
use crate::resource::Resource;
use crate::stream::{Event, version_of};

/// Objects of one kind; more are a mistake, and no list that is shown in part.
const MAX_OBJECTS: usize = 50_000;
/// Objects of a page, where none of them is large.
const PAGE: u32 = 500;
/// The first pause after something failed, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a kind is looked for that is not installed.
const ABSENT: Duration = Duration::from_secs(10);
/// How often a kind that had objects must be missing before it is.
const ABSENCES: u32 = 3;

/// Objects by `namespace/name`.
pub type Objects = BTreeMap<String, Arc<Value>>;

/// Which objects are mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The kind, in the versions that are understood, the best one first. The first that is served is taken.
    pub versions: Vec<Resource>,
    /// Of this namespace alone.
    pub namespace: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// Names, labels and annotations alone.
    pub metadata_only: bool,
}

impl Selection {
    /// All objects of a kind.
    #[must_use]
    pub fn all(resource: Resource) -> Self {
        Self { versions: vec![resource], namespace: None, labels: None, fields: None, metadata_only: false }
    }

    /// One object.
    #[must_use]
    pub fn one(resource: Resource, namespace: &str, name: &str) -> Self {
        let namespace = resource.namespaced.then(|| namespace.to_owned());
        Self { namespace, fields: Some(format!("metadata.name={name}")), ..Self::all(resource) }
    }
}

/// How far a mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known yet.
    Unlisted,
    /// The API server has no such kind. It is looked for again.
    Absent,
    /// What is shown was read to its end, and is followed.
    Listed,
}

/// What a mirror shows.
#[derive(Clone, Debug)]
pub struct View {
    /// How far it is.
    pub standing: Standing,
    /// The objects; none where there is no such kind.
    pub objects: Arc<Objects>,
    /// The kind in the version that is served.
    pub resource: Option<Resource>,
    /// Since when nothing new could be read, and why.
    pub broken: Option<(Instant, String)>,
}

/// Tells whoever waits that something changed in one of many mirrors.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<watch::Sender<u64>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl Pulse {
    /// Something changed.
    pub fn beat(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whoever waits.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Objects of one kind as they are. It ends when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Mirror(Arc<Held>);

#[derive(Debug)]
struct Held {
    shown: Arc<RwLock<View>>,
    task: AbortHandle,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mirror {
    /// Begins. To be called where tokio runs.
    #[must_use]
    pub fn begin(client: &Client, selection: Selection, pulse: &Pulse) -> Self {
        let view = View { standing: Standing::Unlisted, objects: Arc::default(), resource: None, broken: None };
        let shown = Arc::new(RwLock::new(view));
        let keeper = Keeper { client: client.clone(), selection, shown: Arc::clone(&shown), pulse: pulse.clone() };
        let task = tokio::spawn(keeper.run()).abort_handle();
        Self(Arc::new(Held { shown, task }))
    }

    /// What it shows now.
    #[must_use]
    pub fn view(&self) -> View {
        self.0.shown.read().clone()
    }

    /// Whether it has been read to its end once.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.shown.read().standing != Standing::Unlisted
    }
}

struct Keeper {
    client: Client,
    selection: Selection,
    shown: Arc<RwLock<View>>,
    pulse: Pulse,
}

impl Keeper {
    async fn run(self) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, seed());
        let mut absences = 0_u32;
        loop {
            match self.list().await {
                Ok(Some((resource, objects, version))) => {
                    absences = 0;
                    backoff.reset();
                    self.show(Standing::Listed, objects, Some(resource.clone()));
                    self.follow(&resource, version, &mut backoff).await;
                }
                Ok(None) => {
                    absences = absences.saturating_add(1);
                    let had = !self.shown.read().objects.is_empty();
                    if had && absences < ABSENCES {
                        sleep(backoff.pause()).await;
                        continue;
                    }
                    backoff.reset();
                    self.show(Standing::Absent, Objects::new(), None);
                    sleep(ABSENT).await;
                }
                Err(err) => {
                    self.failed(&err);
                    sleep(after(&err, &mut backoff)).await;
                }
            }
        }
    }

    /// All objects, in the first version that is served; nothing if none is.
    async fn list(&self) -> Result<Option<(Resource, Objects, String)>, KubeError> {
        for resource in &self.selection.versions {
            match self.pages(resource).await {
                Ok((objects, version)) => return Ok(Some((resource.clone(), objects, version))),
                Err(err) if err.is_not_found() => {}
                Err(err) => return Err(err),
            }
        }
        Ok(None)
    }

    async fn pages(&self, resource: &Resource) -> Result<(Objects, String), KubeError> {
        let mut objects = Objects::new();
        let mut options = ListOptions {
            limit: PAGE,
            token: None,
            labels: self.selection.labels.clone(),
            fields: self.selection.fields.clone(),
            metadata_only: self.selection.metadata_only,
        };
        loop {
            let page = match self.client.list(resource, self.selection.namespace.as_deref(), &options).await {
                // Large objects: fewer at one time.
                Err(KubeError::TooLarge { .. }) if options.limit > 1 => {
                    options.limit = (options.limit / 8).max(1);
                    continue;
                }
                page => page?,
            };
            for item in page.items {
                objects.insert(key_of(&item), Arc::new(item));
            }
            if objects.len() > MAX_OBJECTS {
                return Err(KubeError::odd(
                    &format!("list {resource}"),
                    format!("there are more than {MAX_OBJECTS} objects"),
                ));
            }
            match page.next {
                Some(next) if options.token.as_ref() != Some(&next) => options.token = Some(next),
                Some(_) => return Err(KubeError::odd(&format!("list {resource}"), "its pages have no end")),
                None => return Ok((objects, page.resource_version)),
            }
        }
    }

    /// Follows from a version on, until there must be a new list.
    async fn follow(&self, resource: &Resource, mut version: String, backoff: &mut Backoff) {
        loop {
            let options = WatchOptions {
                resource_version: version.clone(),
                labels: self.selection.labels.clone(),
                fields: self.selection.fields.clone(),
                metadata_only: self.selection.metadata_only,
            };
            let begun = Instant::now();
            let mut watch = match self.client.watch(resource, self.selection.namespace.as_deref(), &options).await {
                Ok(watch) => watch,
                Err(err) if err.is_gone() || err.is_not_found() => return,
                Err(err) => {
                    self.failed(&err);
                    sleep(after(&err, backoff)).await;
                    continue;
                }
            };
            self.healed();
            let mut brought = false;
            let ended = loop {
                match watch.next().await {
                    Ok(Some(event)) => {
                        brought = true;
                        backoff.reset();
                        version = self.take(event);
                    }
                    Ok(None) => break None,
                    Err(err) => break Some(err),
                }
            };
            match ended {
                Some(err) if err.is_gone() => return,
                Some(err) => {
                    self.failed(&err);
                    sleep(after(&err, backoff)).await;
                }
                // A server that ends every watch at once would be asked without a pause.
                None if !brought && begun.elapsed() < Duration::from_secs(1) => sleep(backoff.pause()).await,
                None => {}
            }
        }
    }

    /// Takes an event into what is shown. The version that is known now.
    fn take(&self, event: Event) -> String {
        let (object, gone) = match event {
            Event::Bookmark(version) => return version,
            Event::Put(object) => (object, false),
            Event::Gone(object) => (object, true),
        };
        let (key, version) = (key_of(&object), version_of(&object).to_owned());
        {
            let mut shown = self.shown.write();
            let mut objects = (*shown.objects).clone();
            if gone {
                objects.remove(&key);
            } else {
                objects.insert(key, Arc::new(object));
            }
            shown.objects = Arc::new(objects);
        }
        self.pulse.beat();
        version
    }

    fn show(&self, standing: Standing, objects: Objects, resource: Option<Resource>) {
        {
            let mut shown = self.shown.write();
            let same = shown.standing == standing
                && shown.objects.len() == objects.len()
                && shown.objects.iter().zip(&objects).all(|(old, new)| {
                    old.0 == new.0 && version_of(old.1) == version_of(new.1) && !version_of(new.1).is_empty()
                });
            let healed = shown.broken.take().is_some();
            if same && !healed {
                return;
            }
            *shown = View { standing, objects: Arc::new(objects), resource, broken: None };
        }
        self.pulse.beat();
    }

    fn failed(&self, err: &KubeError) {
        {
            let mut shown = self.shown.write();
            let since = shown.broken.as_ref().map_or_else(Instant::now, |(since, _)| *since);
            let said = err.explain();
            if shown.broken.as_ref().is_some_and(|(_, known)| *known == said) {
                return;
            }
            shown.broken = Some((since, said));
        }
        self.pulse.beat();
    }

    fn healed(&self) {
        if self.shown.write().broken.take().is_some() {
            self.pulse.beat();
        }
    }
}

/// The pause after a failure: ours, or the API server's if it asks for a longer one.
fn after(err: &KubeError, backoff: &mut Backoff) -> Duration {
    let own = backoff.pause();
    match err {
        KubeError::Refused { retry_after: Some(seconds), .. } => {
            own.max(Duration::from_secs(*seconds).min(LONGEST_PAUSE))
        }
        _ => own,
    }
}
