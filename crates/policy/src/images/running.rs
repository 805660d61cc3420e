//! Which digests tags run as: what Pods name, and what their nodes say that they run.
//!
//! A tag is a name that anybody with a login can move. Where one runs as two digests, or as another than its registry serves now, the next Pod
//! that starts is another program than the one that runs.
//!
//! Source: Kubernetes API v1.36, `ContainerStatus.imageID`; kubelet and CRI runtimes write `REPOSITORY@DIGEST`, with `docker-pullable://` before it
//! in old clusters, and the bare digest of the configuration where an image was never pulled by a digest. The last one names no manifest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use signet_model::{Digest, ImageRef};

/// Tags that are looked after.
const MAX_TAGS: usize = 20_000;
/// Digests of one tag.
const MAX_DIGESTS: usize = 64;
/// Containers that are named for one digest; the others are counted.
const MAX_PLACES: usize = 5;
/// Where containers and what became of them stand in a Pod.
const LISTS: [(&str, &str); 3] = [
    ("/spec/containers", "/status/containerStatuses"),
    ("/spec/initContainers", "/status/initContainerStatuses"),
    ("/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
];

/// A container that runs an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its Pod.
    pub pod: String,
    /// The Pod's UID.
    pub uid: String,
    /// Its name.
    pub container: String,
}

/// Containers that run one digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many there are.
    pub count: u64,
    /// Some of them.
    pub some: Vec<Place>,
}

/// What a registry says of a tag now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its digest.
    pub digest: Digest,
    /// The manifests that an index names: a node may say which of them it runs.
    pub parts: Vec<Digest>,
}

/// A tag that runs as something else than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// `registry/repository:tag`
    pub tag: String,
    /// What runs.
    pub running: BTreeMap<Digest, Places>,
    /// What the registry serves, if it was asked and answered.
    pub served: Option<Digest>,
    /// It runs as more than one image.
    pub is_split: bool,
    /// Something else runs than the registry serves.
    pub is_moved: bool,
}

/// The tags of what runs.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    tags: BTreeMap<String, BTreeMap<Digest, Places>>,
    /// Containers that were left out, because there are too many tags or digests.
    left_out: u64,
    /// Containers of which nobody says which manifest they run.
    unknown: u64,
}

/// The digest in what a node calls an image.
fn digest_of(image_id: &str) -> Option<Digest> {
    image_id.rsplit_once('@')?.1.parse().ok()
}

impl Tags {
    /// Looks at a Pod. One that has ended runs nothing.
    pub fn add(&mut self, pod: &Value) {
        let text =
            |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        if matches!(text(pod, "/status/phase").as_str(), "Succeeded" | "Failed") {
            return;
        }
        for (containers, statuses) in LISTS {
            let all = |pointer: &str| pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let ids: BTreeMap<&str, &str> = all(statuses)
                .filter_map(|status| Some((status.get("name")?.as_str()?, status.get("imageID")?.as_str()?)))
                .filter(|(_, id)| !id.is_empty())
                .collect();
            for container in all(containers) {
                let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
                let Some(id) = ids.get(name) else { continue };
                let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
                let Ok(image) = image.parse::<ImageRef>() else { continue };
                // A digest without a tag claims nothing of any tag.
                if image.tag().is_none() && image.digest().is_some() {
                    continue;
                }
                let Some(digest) = image.digest().copied().or_else(|| digest_of(id)) else {
                    self.unknown = self.unknown.saturating_add(1);
                    continue;
                };
                let place = Place {
                    namespace: text(pod, "/metadata/namespace"),
                    pod: text(pod, "/metadata/name"),
                    uid: text(pod, "/metadata/uid"),
                    container: name.to_owned(),
                };
                self.put(format!("{}:{}", image.name(), image.tag_or_latest()), digest, place);
            }
        }
    }

    fn put(&mut self, tag: String, digest: Digest, place: Place) {
        if self.tags.len() >= MAX_TAGS && !self.tags.contains_key(&tag) {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let digests = self.tags.entry(tag).or_default();
        if digests.len() >= MAX_DIGESTS && !digests.contains_key(&digest) {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let places = digests.entry(digest).or_default();
        places.count = places.count.saturating_add(1);
        if places.some.len() < MAX_PLACES {
            places.some.push(place);
        }
    }

    /// The tags that were found, each once.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    /// Containers that are in none of them: those that were left out, and those of which nobody knows what they run.
    pub fn not_seen(&self) -> (u64, u64) {
        (self.left_out, self.unknown)
    }

    /// What drifted, by what registries say. A tag that no registry was asked about is compared with itself alone.
    pub fn drift(&self, served: &BTreeMap<String, Served>) -> Vec<Drift> {
        self.tags.iter().filter_map(|(tag, running)| drift(tag, running, served.get(tag))).collect()
    }
}

fn drift(tag: &str, running: &BTreeMap<Digest, Places>, served: Option<&Served>) -> Option<Drift> {
    // All parts of what is served are one image.
    let is_served =
        |digest: &Digest| served.is_some_and(|served| served.digest == *digest || served.parts.contains(digest));
    let images: BTreeSet<Option<&Digest>> =
        running.keys().map(|digest| if is_served(digest) { None } else { Some(digest) }).collect();
    let is_split = images.len() > 1;
    let is_moved = served.is_some() && images.iter().any(Option::is_some);
    (is_split || is_moved).then(|| Drift {
        tag: tag.to_owned(),
        running: running.clone(),
        served: served.map(|served| served.digest),
        is_split,
        is_moved,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::sha256(name.as_bytes())
    }

    /// A Pod with one container, and what its node says.
    fn pod(name: &str, image: &str, id: &str) -> Value {
        json!({
            "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}")},
            "spec": {"containers": [{"name": "app", "image": image}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "imageID": id}]},
        })
    }

    /// Rows of (image, imageID), what the registry serves for the first tag, and what drifted: split, moved.
    #[track_caller]
    fn check(pods: &[(&str, String)], served: Option<Served>, expected: &[(&str, bool, bool)]) -> Tags {
        let mut tags = Tags::default();
        for (number, (image, id)) in pods.iter().enumerate() {
            tags.add(&pod(&format!("p{number}"), image, id));
        }
        let served = served.and_then(|served| Some((tags.tags().next()?.to_owned(), served))).into_iter().collect();
        let found = tags.drift(&served);
        let found: Vec<(&str, bool, bool)> =
            found.iter().map(|drift| (drift.tag.as_str(), drift.is_split, drift.is_moved)).collect();
        assert_eq!(found, expected);
        tags
    }

    #[test]
    fn a_tag_that_runs_as_two_digests_is_found() {
        let (one, two) = (format!("docker.io/library/nginx@{}", digest("a")), format!("x.example/y@{}", digest("b")));
        let tag = "docker.io/library/nginx:1";
        check(&[("nginx:1", one.clone()), ("docker.io/library/nginx:1", one.clone())], None, &[]);
        let tags = check(&[("nginx:1", one.clone()), ("nginx:1", two.clone())], None, &[(tag, true, false)]);
        let found = tags.drift(&BTreeMap::new()).remove(0);
        let places = found.running.get(&digest("a")).expect("it runs");
        assert_eq!((places.count, places.some[0].pod.as_str()), (1, "p0"));
        // Old clusters, and what was pinned: the tag stays beside the digest.
        let old = format!("docker-pullable://nginx@{}", digest("b"));
        check(&[("nginx:1", one), (&format!("nginx:1@{}", digest("b")), old)], None, &[(tag, true, false)]);
        // No tag, no claim.
        check(&[(&format!("nginx@{}", digest("a")), two.clone()), ("nginx:1", two)], None, &[]);
    }

    #[test]
    fn a_tag_that_moved_in_its_registry_is_found() {
        let id = |name: &str| format!("nginx@{}", digest(name));
        let tag = "docker.io/library/nginx:latest";
        let served = |name: &str, parts: &[&str]| {
            Some(Served { digest: digest(name), parts: parts.iter().map(|part| digest(part)).collect() })
        };
        check(&[("nginx", id("a"))], served("a", &[]), &[]);
        check(&[("nginx", id("a"))], served("b", &[]), &[(tag, false, true)]);
        check(&[("nginx", id("a")), ("nginx", id("b"))], served("b", &[]), &[(tag, true, true)]);
        // Nodes of two architectures that run two parts of one index.
        check(&[("nginx", id("x")), ("nginx", id("y"))], served("index", &["x", "y"]), &[]);
        check(&[("nginx", id("x")), ("nginx", id("z"))], served("index", &["x", "y"]), &[(tag, true, true)]);
    }

    #[test]
    fn what_names_no_manifest_is_counted_and_not_guessed() {
        let config = digest("config").to_string();
        let tags = check(&[("nginx", config.clone()), ("nginx", config), ("Not An Image", String::new())], None, &[]);
        assert_eq!(tags.not_seen(), (0, 2));
        let mut tags = Tags::default();
        let mut ended = pod("p", "nginx", &format!("nginx@{}", digest("a")));
        ended["status"]["phase"] = json!("Succeeded");
        tags.add(&ended);
        tags.add(&json!({"spec": {"containers": 3}, "status": []}));
        assert_eq!(tags.tags().count(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tags = Tags::default();
        for number in 0..200 {
            tags.add(&pod("p", "nginx:1", &format!("nginx@{}", digest(&number.to_string()))));
            tags.add(&pod("p", "nginx:2", &format!("nginx@{}", digest("a"))));
        }
        let found = tags.drift(&BTreeMap::new()).remove(0);
        assert_eq!((found.running.len(), tags.not_seen().0), (MAX_DIGESTS, 200 - MAX_DIGESTS as u64));
        assert_eq!(tags.tags["docker.io/library/nginx:2"][&digest("a")].some.len(), MAX_PLACES);
    }
}
