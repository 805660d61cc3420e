//! Which images a Kubernetes object names, and where: containers of every kind, image volumes, templates of controllers, and custom kinds.
//!
//! ```text
//!   object ─▶ its kind's routes ─▶ Named { pointer, role, text } ─▶ ImageRef (distribution grammar), or why not
//!              └ a kind that is not known: whatever looks like a Pod in it
//! ```
//!
//! What this module never does: leave something out in silence. What stands where an image belongs and is none is [`Named`] too, with the reason.
//! Sources: Kubernetes API v1.36 (`PodSpec`, `ImageVolumeSource`); Argo Rollouts and Workflows, Tekton v1, Knative Serving v1, KubeVirt v1.

pub(crate) mod host;
mod kinds;
pub mod running;
mod walk;

#[cfg(test)]
mod tests;

use serde_json::Value;
use signet_model::{ImageRef, ImageRefError};

/// Objects of a list, and lists of lists: as deep as this.
const MAX_LISTS: usize = 4;
/// Images of one object. An object of the largest size that an API server takes can hold more; who sends it wants to be refused.
pub const MAX_IMAGES: usize = 10_000;

/// Where in a Pod an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `spec.containers`
    Container,
    /// `spec.initContainers`
    InitContainer,
    /// `spec.ephemeralContainers`
    EphemeralContainer,
    /// `spec.volumes[].image.reference`
    ImageVolume,
    /// A place of a custom kind.
    Custom,
}

impl Role {
    /// As messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Container => "container",
            Role::InitContainer => "init container",
            Role::EphemeralContainer => "ephemeral container",
            Role::ImageVolume => "image volume",
            Role::Custom => "image",
        }
    }
}

/// An image that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Where it stands (RFC 6901), from the root of the object that was given.
    pub pointer: String,
    /// What it is for.
    pub role: Role,
    /// The name of the container or volume.
    pub name: Option<&'a str>,
    /// The text, or what stands there instead.
    pub text: Result<&'a str, NoText>,
}

/// Why there is no text where an image belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// A container without `image`, or with an empty one: a mutating webhook sees it before the API server refuses it.
    #[error("it names no image")]
    Missing,
    /// Something else than a text, or something else than a list of containers.
    #[error("what stands there is no text")]
    OtherType,
}

/// Why an image cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadImage {
    /// See [`NoText`].
    #[error(transparent)]
    NoText(#[from] NoText),
    /// It is no reference by the grammar of distribution.
    #[error(transparent)]
    Grammar(#[from] ImageRefError),
}

impl Named<'_> {
    /// The reference in its canonical form.
    pub fn reference(&self) -> Result<ImageRef, BadImage> {
        Ok(self.text?.parse::<ImageRef>()?)
    }

    /// "container `app`", for messages.
    pub fn label(&self) -> String {
        match self.name {
            Some(name) => format!("{} `{}`", self.role.name(), name.escape_debug()),
            None => format!("{} at `{}`", self.role.name(), self.pointer.escape_debug()),
        }
    }
}

/// Places of images in a custom kind: an API group, a kind, and routes of keys from the root, `*` for each entry of a list or mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extractor {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Routes such as `/spec/steps/*/image`.
    pub routes: Vec<String>,
}

/// More than [`MAX_IMAGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names more than {MAX_IMAGES} images, or nests deeper than Kubernetes does")]
pub struct TooMany;

/// Whether objects of a kind may name images: kinds that are known to, and everything that is not of Kubernetes itself.
pub fn may_name(group: &str, kind: &str) -> bool {
    kinds::known(group, kind).is_some() || (group.contains('.') && !group.ends_with(".k8s.io"))
}

/// Whether it is known where a kind keeps its images.
pub fn is_known(group: &str, kind: &str) -> bool {
    kinds::known(group, kind).is_some()
}

/// The images of an object, in the order of the routes of its kind. `extractors` go beside what is known of a kind, never in its place.
///
/// `Err` where there are too many to look at: nothing may be admitted then.
pub fn of<'a>(object: &'a Value, extractors: &[Extractor]) -> Result<Vec<Named<'a>>, TooMany> {
    let mut found = Vec::new();
    within(object, String::new(), 0, extractors, &mut found)?;
    Ok(found)
}

fn within<'a>(
    object: &'a Value,
    prefix: String,
    depth: usize,
    extractors: &[Extractor],
    found: &mut Vec<Named<'a>>,
) -> Result<(), TooMany> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    if group.is_empty() && kind.ends_with("List") && object.get("items").is_some_and(Value::is_array) {
        if depth >= MAX_LISTS {
            return Err(TooMany);
        }
        for (index, item) in object.get("items").and_then(Value::as_array).into_iter().flatten().enumerate() {
            within(item, format!("{prefix}/items/{index}"), depth + 1, extractors, found)?;
        }
        return Ok(());
    }
    match kinds::known(group, kind) {
        Some(places) => {
            for place in places {
                walk::place(object, &prefix, place, found)?;
            }
        }
        None => walk::anywhere(object, &prefix, found)?,
    }
    for extractor in extractors.iter().filter(|extractor| extractor.group == group && extractor.kind == kind) {
        for route in &extractor.routes {
            let before = found.len();
            walk::route(object, &prefix, route, Role::Custom, found)?;
            // What is known already is not named twice.
            let (known, new) = found.split_at(before);
            let new: Vec<Named<'_>> =
                new.iter().filter(|one| !known.iter().any(|other| other.pointer == one.pointer)).cloned().collect();
            found.truncate(before);
            found.extend(new);
        }
    }
    Ok(())
}
