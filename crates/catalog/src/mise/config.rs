//! `mise.toml`.

use crate::syntax::{Node, Value};
use crate::{Claim, Found, Input, Leaf};

/// Reads `mise.toml` and mise's other configuration files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "mise-config",
    claims: &[
        Claim::Name("mise.toml"),
        Claim::Name(".mise.toml"),
        Claim::Name("mise.local.toml"),
        Claim::Name(".mise.local.toml"),
        Claim::Path("mise/config.toml"),
        Claim::Path(".mise/config.toml"),
        Claim::In(".config/mise/conf.d", ".toml"),
    ],
    accepts: crate::any_path,
    max_size: 1 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a configuration.
///
/// Shape: TOML; `[tools]` from a tool to a version, a list of versions, or a table with `version`. A tool without version is told with an empty one.
/// Errors: no TOML. Source: mise.jdx.dev/configuration.html.
fn read(input: &Input<'_>) -> Found {
    input.toml_table(|root| {
        let mut found = Found::default();
        for (name, node) in root.members_of("tools") {
            let alone = std::slice::from_ref(node);
            let versions = if matches!(node.value, Value::Array(_)) { node.items() } else { alone };
            found.packages.extend(versions.iter().map(|version| {
                let text = version.scalar().or_else(|| version.get("version").and_then(Node::scalar));
                super::tool(input, name, text.unwrap_or_default(), version.lines)
            }));
        }
        found
    })
}
