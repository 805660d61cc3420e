//! GitHub's dependency snapshot: what its dependency submission API takes. Source: docs.github.com/rest/dependency-graph/dependency-submission;
//! the manifests are cut as Syft cuts them: one for each file in which packages were found.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use signet_model::{Directness, Inventory, RelationshipKind, Subject, Timestamp};

use crate::{TOOL, WriteOptions};

/// The inventory as a snapshot. Job, commit and reference stay empty: whoever submits it knows them. Packages that no purl can name are left
/// out. The scan time is required; without one in the options it is the Unix epoch.
pub fn write(subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> Vec<u8> {
    let purls: Vec<Option<String>> = inventory
        .packages
        .iter()
        .map(|package| package.purl(inventory.distro.as_ref()).map(|purl| purl.to_string()))
        .collect();
    let mut needs: Vec<Vec<&str>> = vec![Vec::new(); purls.len()];
    let mut needed = vec![false; purls.len()];
    for edge in inventory.relationships.iter().filter(|edge| edge.kind == RelationshipKind::DependsOn) {
        let to = purls.get(edge.to.get()).and_then(Option::as_deref);
        if let (Some(list), Some(to)) = (needs.get_mut(edge.from.get()), to) {
            list.push(to);
        }
        if let Some(flag) = needed.get_mut(edge.to.get()) {
            *flag = true;
        }
    }
    let mut manifests: BTreeMap<String, (Option<String>, Map<String, Value>)> = BTreeMap::new();
    let rows = inventory.packages.iter().zip(&purls).zip(needs.iter_mut().zip(&needed));
    for ((package, purl), (needs, needed)) in rows {
        let Some(purl) = purl else { continue };
        needs.sort_unstable();
        needs.dedup();
        let direct = match package.directness {
            Directness::Unknown => !needed,
            Directness::Indirect => false,
            Directness::Root | Directness::Workspace | Directness::Direct => true,
        };
        let mut entry = json!({
            "package_url": purl,
            "relationship": if direct { "direct" } else { "indirect" },
            "scope": if package.dev { "development" } else { "runtime" },
        });
        if !needs.is_empty() {
            entry["dependencies"] = needs.iter().map(|to| Value::from(*to)).collect();
        }
        let place = package.locations.first();
        let path = place.map(|place| format!("/{}", place.path)).unwrap_or_default();
        let image = subject.image.is_some() && !subject.name.is_empty();
        let name = if image { format!("{}:{path}", subject.name) } else { path };
        let manifest = manifests.entry(name).or_default();
        manifest.0 = manifest.0.take().or_else(|| Some(place?.layer?.to_string()));
        manifest.1.insert(purl.clone(), entry);
    }
    let manifests: Map<String, Value> = manifests
        .into_iter()
        .map(|(name, (layer, resolved))| {
            let mut manifest = json!({"name": name, "file": {"source_location": name}, "resolved": resolved});
            if let Some(layer) = layer {
                manifest["metadata"] = json!({"syft:filesystem": layer});
            }
            (name, manifest)
        })
        .collect();
    let mut document = json!({
        "version": 0,
        "job": {},
        "detector": {"name": TOOL, "url": "https://signet.dev", "version": options.tool_version},
        "manifests": manifests,
        "scanned": options.timestamp.unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
    });
    if let Some(distro) = &inventory.distro {
        let version = distro.version_id.as_deref().map(|version| format!("@{version}")).unwrap_or_default();
        document["metadata"] = json!({"syft:distro": format!("pkg:generic/{}{version}", distro.id)});
    }
    let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
