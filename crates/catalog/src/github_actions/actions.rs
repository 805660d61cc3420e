//! Actions: `uses:` of steps.

use super::uses::Uses;
use crate::syntax::{self, Node, Value};
use crate::{Claim, Found, Input, Leaf};

/// Reads the steps of workflows and of composite actions.
pub(crate) static LEAF: Leaf = Leaf {
    id: "github-actions",
    claims: &[
        Claim::In(".github/workflows", ".yml"),
        Claim::In(".github/workflows", ".yaml"),
        Claim::Name("action.yml"),
        Claim::Name("action.yaml"),
    ],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Not the actions that a runner fetched, whose own needs it fetched beside them.
fn accepts(path: &str) -> bool {
    !format!("/{path}").contains("/node_modules/")
}

/// Reads one file.
///
/// Shape: YAML; `jobs.NAME.steps[].uses` of a workflow, `runs.steps[].uses` of a composite action.
/// Errors: no YAML mapping; a workflow whose `jobs` are no mapping; a `uses` that names nothing. Source: docs.github.com, "Workflow syntax", "Metadata
/// syntax".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    input.yaml_mapping(|root| {
        let mut uses = Uses::new(input, &text);
        let jobs = root.members_of("jobs").iter().map(|(_, job)| job);
        for holder in jobs.chain(root.get("runs")) {
            let steps = holder.get("steps").map_or(&[][..], Node::items);
            steps.iter().filter_map(|step| step.get("uses")).for_each(|node| uses.add(node));
        }
        let mut found = uses.finish();
        if let Some(jobs) = root.get("jobs").filter(|jobs| !matches!(jobs.value, Value::Object(_) | Value::Null)) {
            found.unexamined.push(input.malformed_at(jobs.lines, "`jobs` is no mapping"));
        }
        found
    })
}
