//! Images of Compose files.

use std::collections::BTreeMap;

use signet_model::UnexaminedKind;

use super::{COVERAGE, expand, image, own_file};
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `compose.yaml` and its older names.
pub(crate) static LEAF: Leaf = Leaf {
    id: "compose",
    claims: &[
        Claim::Name("compose.yaml"),
        Claim::Name("compose.yml"),
        Claim::Name("docker-compose.yaml"),
        Claim::Name("docker-compose.yml"),
    ],
    accepts: own_file,
    max_size: 4 << 20,
    read,
    coverage: COVERAGE,
};

/// Reads `services.*.image`, merge keys included. An image whose name depends on a variable without a default is decided by who runs it.
///
/// Errors: no YAML. Source: compose-spec, `05-services.md`, image.
fn read(input: &Input<'_>) -> Found {
    let limits = signet_yaml::Limits::default();
    let documents = match signet_yaml::parse(&syntax::text(input.bytes), &limits) {
        Ok(documents) => documents,
        Err(error) => {
            let kind = if error.too_large { UnexaminedKind::TooLarge } else { UnexaminedKind::Malformed };
            return Found::unexamined(input.unexamined(kind, error.to_string()));
        }
    };
    let mut found = Found::default();
    let services = documents.iter().filter_map(|document| document.root.get("services")?.as_map());
    for (_, service) in services.flatten().take(10_000) {
        let Some(node) = service.get("image") else { continue };
        if let Some(reference) = node.text().and_then(|text| expand(text, &BTreeMap::new())) {
            let line = node.span.line;
            found.packages.extend(image(input, &reference, (line, line)));
        }
    }
    found
}
