//! `data.inventory`: other objects of the cluster, as policies see them.

use serde_json::{Map, Value as Json, json};

use crate::rego::Data;

/// Objects of the cluster, by namespace, version, kind and name.
#[derive(Clone, Debug)]
pub struct Inventory(pub(super) Data);

/// Objects of one inventory.
const MAX_OBJECTS: usize = 500_000;

impl Inventory {
    /// Of objects. An empty list is an inventory too: of a cluster that has none.
    ///
    /// Errors: an object without kind or name, or one that cannot be handed to a policy without loss.
    pub fn of(objects: &[Json]) -> Result<Inventory, String> {
        if objects.len() > MAX_OBJECTS {
            return Err(format!("an inventory holds at most {MAX_OBJECTS} objects"));
        }
        let (mut cluster, mut namespaces) = (json!({}), json!({}));
        for (index, object) in objects.iter().enumerate() {
            let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
            let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
            if version.is_empty() || kind.is_empty() || name.is_empty() {
                return Err(format!("object {index} of the inventory lacks `apiVersion`, `kind` or `metadata.name`"));
            }
            let place = match text("/metadata/namespace") {
                "" => enter(&mut cluster, &[version, kind]),
                namespace => enter(&mut namespaces, &[namespace, version, kind]),
            };
            if let Some(place) = place {
                place.insert(name.to_owned(), object.clone());
            }
        }
        let data = json!({"inventory": {"cluster": cluster, "namespace": namespaces}});
        Data::of(&data).map(Inventory).map_err(|err| err.to_string())
    }
}

fn enter<'v>(value: &'v mut Json, route: &[&str]) -> Option<&'v mut Map<String, Json>> {
    let mut entries = value.as_object_mut()?;
    for name in route {
        entries = entries.entry(*name).or_insert_with(|| json!({})).as_object_mut()?;
    }
    Some(entries)
}
