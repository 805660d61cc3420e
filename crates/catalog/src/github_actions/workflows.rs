//! Reusable workflows: `uses:` of jobs.

use super::uses::Uses;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads the jobs of workflows.
pub(crate) static LEAF: Leaf = Leaf {
    id: "github-workflows",
    claims: &[Claim::In(".github/workflows", ".yml"), Claim::In(".github/workflows", ".yaml")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads one workflow.
///
/// Shape: YAML; `jobs.NAME.uses` names a workflow of this or another repository: `OWNER/REPOSITORY/.github/workflows/FILE@REF`.
/// Errors: a `uses` that names nothing. What else is wrong with the file the leaf of the steps tells. Source: docs.github.com, "Reusing workflows".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let found = input.yaml_mapping(|root| {
        let mut uses = Uses::new(input, &text);
        root.members_of("jobs").iter().filter_map(|(_, job)| job.get("uses")).for_each(|node| uses.add(node));
        uses.finish()
    });
    // the file as a whole is told once
    let whole = |what: &signet_model::Unexamined| what.location.lines.is_none();
    if found.unexamined.iter().any(whole) { Found::default() } else { found }
}
