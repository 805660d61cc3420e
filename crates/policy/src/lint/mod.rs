//! What a policy silently does not do: regular expressions that match in the middle, registries without a slash behind them, containers and image
//! volumes that no rule looks at, identities that anybody has.
//!
//! ```text
//!   document ─▶ what it says wrongly (its own loader) ─▶ Remark { place, check, message, hint }
//!           └─▶ what it says and does not mean (one module per kind) ──┘
//! ```
//!
//! A document without remarks is not thereby a good policy; one with remarks may be meant as it is. Nothing is evaluated.

mod admission;
mod connaisseur;
mod gatekeeper;
mod image_policy;
mod kyverno;
mod patterns;
mod trust;

#[cfg(test)]
mod tests;

use signet_yaml::Node;

use crate::trust_policy::PolicyError;

/// How much a remark weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// Something passes that looks as if it would not.
    Warning,
    /// The document is no policy that can be loaded.
    Error,
}

impl Weight {
    /// As reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Error => "error",
        }
    }
}

/// One thing about a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// How much it weighs.
    pub weight: Weight,
    /// The check, as `unanchored-regexp`. Names do not change.
    pub check: &'static str,
    /// What passes, or what is wrong. One sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl From<PolicyError> for Remark {
    fn from(error: PolicyError) -> Remark {
        let PolicyError { line, column, message, hint } = error;
        Remark { line, column, weight: Weight::Error, check: "invalid", message, hint }
    }
}

/// The checks, with what each one finds.
pub const CHECKS: &[(&str, &str)] = &[
    ("anybody", "an identity that everybody has: any subject, or any issuer"),
    ("asks-nothing", "a section that asks for nothing"),
    ("audit", "failures are reported and refuse nothing"),
    ("containers-only", "init and ephemeral containers are not looked at"),
    ("count", "more attestors are asked for than there are, or none"),
    ("cue", "a policy in CUE, which is refused for each image that it matches"),
    ("engine", "a part of a template that is not used"),
    ("fails-open", "a request is admitted when the policy cannot be evaluated"),
    ("image-volumes", "image volumes are not looked at"),
    ("invalid", "the document cannot be loaded"),
    ("missing-slash", "a pattern of images that also matches another registry or repository"),
    ("no-log", "signatures count that no transparency log has seen"),
    ("not-kyverno", "Kyverno itself refuses this"),
    ("not-pinned", "a tag is judged, and may be another image when it is pulled"),
    ("not-verified", "images are matched and nothing is asked of them"),
    ("stale", "findings of any age count"),
    ("unanchored-regexp", "a regular expression that matches in the middle of a text"),
    ("undefined", "a negation that does not hold where what it asks for is missing"),
    ("unsealed", "evidence for which nobody vouches, or that can never count"),
    ("untagged", "an image without a tag passes, and is pulled as `latest`"),
];

/// Remarks on one document, in the order of their places; `None` for a document of a kind that is not known here.
pub fn lint(root: &Node) -> Option<Vec<Remark>> {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    let mut remarks = Vec::new();
    match (group, text("kind")) {
        ("kyverno.io", "ClusterPolicy" | "Policy") => kyverno::policy(root, &mut remarks),
        ("kyverno.io", "PolicyException") => kyverno::exception(root, &mut remarks),
        _ if admission::is_one(root) => admission::policy(root, &mut remarks),
        ("policy.sigstore.dev", "ClusterImagePolicy") => image_policy::policy(root, &mut remarks),
        ("policy.sigstore.dev", "TrustRoot") => image_policy::trust_root(root, &mut remarks),
        ("templates.gatekeeper.sh", "ConstraintTemplate") => gatekeeper::template(root, &mut remarks),
        ("constraints.gatekeeper.sh", _) => gatekeeper::constraint(root, &mut remarks),
        _ if crate::connaisseur::Config::is(root) => connaisseur::config(root, &mut remarks),
        ("signet.dev", "TrustPolicy") => trust::policy(root, &mut remarks),
        _ => return None,
    }
    remarks.sort_by(|one, other| (one.line, one.column, one.check).cmp(&(other.line, other.column, other.check)));
    remarks.dedup();
    Some(remarks)
}

/// A remark at a node.
fn remark(at: &Node, weight: Weight, check: &'static str, message: String, hint: &str) -> Remark {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Remark { line: at.span.line, column: at.span.column, weight, check, message, hint }
}

/// The items of a list below a node.
fn items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> + use<'n> {
    node.get(key).and_then(Node::as_seq).into_iter().flatten()
}

/// Each mapping below a node, the node included, with the key that it stands under.
fn mappings<'n>(node: &'n Node, key: &'n str, see: &mut dyn FnMut(&'n str, &'n Node)) {
    if node.as_map().is_some() {
        see(key, node);
    }
    for item in node.as_seq().into_iter().flatten() {
        mappings(item, key, see);
    }
    for (name, value) in node.as_map().into_iter().flatten() {
        mappings(value, name.text().unwrap_or_default(), see);
    }
}
