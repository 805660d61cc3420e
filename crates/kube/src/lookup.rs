//! What policies ask of a cluster, answered from mirrors: namespaces always, ConfigMaps and role bindings from the first time that somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::mirror::{Mirror, Pulse, Selection, Standing, View};
use crate::resource::{CLUSTER_ROLE_BINDINGS, CONFIG_MAPS, NAMESPACES, ROLE_BINDINGS, Resource};

/// Mirrors that were begun because somebody asked. More are not kept, and asked for one by one.
const MAX_ASKED: usize = 256;
/// How long a first list is waited for.
const FIRST_TIME: Duration = Duration::from_secs(8);
/// A mirror that could not be renewed for so long is asked past.
const STALE: Duration = Duration::from_secs(30);

/// What policies ask of a cluster.
#[derive(Debug)]
pub struct Lookup {
    client: Client,
    pulse: Pulse,
    namespaces: Mirror,
    asked: Mutex<BTreeMap<String, Mirror>>,
}

impl Lookup {
    /// Begins to follow namespaces. To be called where tokio runs.
    #[must_use]
    pub fn begin(client: &Client, pulse: &Pulse) -> Arc<Self> {
        // What is looked up is no policy, and its changes load none anew.
        let own = Pulse::default();
        let namespaces = Mirror::begin(client, Selection::all(NAMESPACES), pulse);
        Arc::new(Self { client: client.clone(), pulse: own, namespaces, asked: Mutex::default() })
    }

    /// The mirror of namespaces.
    #[must_use]
    pub fn namespaces(&self) -> &Mirror {
        &self.namespaces
    }

    /// A namespace. `Err`: why it is not known, in one sentence without a full stop.
    pub async fn namespace(&self, name: &str) -> Result<Value, String> {
        let view = self.namespaces.view();
        let stale = is_stale(&view);
        let known = view.objects.get(name);
        if let Some(known) = known.filter(|_| !stale) {
            return Ok((**known).clone());
        }
        // It may have been made a moment ago.
        match self.client.find(&NAMESPACES, None, name).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(format!("there is no namespace `{name}`")),
            Err(err) => known.map(|known| (**known).clone()).ok_or_else(|| err.explain()),
        }
    }

    /// A ConfigMap. `Err`: why it is not known.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Value, String> {
        let key = format!("{namespace}/{name}");
        let selection = Selection::one(CONFIG_MAPS, namespace, name);
        let view = self.asked(&format!("{CONFIG_MAPS} {key}"), selection).await?;
        let found = view.objects.get(&key).map(|found| (**found).clone());
        found.ok_or_else(|| format!("there is no ConfigMap `{key}`"))
    }

    /// All role bindings, or all cluster role bindings. `Err`: why they are not known.
    pub async fn role_bindings(&self, cluster: bool) -> Result<Vec<Value>, String> {
        let resource: Resource = if cluster { CLUSTER_ROLE_BINDINGS } else { ROLE_BINDINGS };
        let view = self.asked(&resource.to_string(), Selection::all(resource.clone())).await?;
        if view.standing == Standing::Absent {
            return Err(format!("the API server has no {resource}"));
        }
        Ok(view.objects.values().map(|object| (**object).clone()).collect())
    }

    /// What a mirror shows that is begun when it is asked for first.
    async fn asked(&self, key: &str, selection: Selection) -> Result<View, String> {
        let mirror = {
            let mut asked = self.asked.lock();
            match asked.get(key) {
                Some(mirror) => mirror.clone(),
                None => {
                    let mirror = Mirror::begin(&self.client, selection, &self.pulse);
                    // One that is not kept lives as long as this question.
                    if asked.len() < MAX_ASKED {
                        asked.insert(key.to_owned(), mirror.clone());
                    }
                    mirror
                }
            }
        };
        let mut changes = self.pulse.listen();
        let end = Instant::now().checked_add(FIRST_TIME).unwrap_or_else(Instant::now);
        loop {
            changes.mark_unchanged();
            let view = mirror.view();
            if view.standing != Standing::Unlisted {
                return Ok(view);
            }
            if let Some((_, why)) = view.broken {
                return Err(why);
            }
            if timeout_at(end, changes.changed()).await.is_err() {
                return Err(format!("the API server did not list it within {} s", FIRST_TIME.as_secs()));
            }
        }
    }
}

fn is_stale(view: &View) -> bool {
    view.broken.as_ref().is_some_and(|(since, _)| since.elapsed() > STALE)
}
