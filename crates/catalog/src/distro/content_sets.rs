//! Content manifests of Red Hat's image builds: `root/buildinfo/content_manifests/NAME.json`.

use serde::Deserialize;
use signet_model::UnexaminedKind;

use crate::{Found, Input};

/// The one field that is read. Source: containerbuildsystem/atomic-reactor, `schemas/content_manifest.json`.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    content_sets: Option<Vec<String>>,
}

/// Gives the fact `content_set`: names of repositories, as written.
pub(super) fn read(input: &Input<'_>) -> Found {
    match serde_json::from_slice::<Manifest>(input.bytes) {
        Ok(manifest) => {
            let mut found = Found::default();
            if let Some(sets) = manifest.content_sets.filter(|sets| !sets.is_empty()) {
                found.facts.insert("content_set", sets);
            }
            found
        }
        Err(err) => {
            Found::unexamined(input.unexamined(UnexaminedKind::Malformed, format!("it is no content manifest: {err}")))
        }
    }
}
