//! The controller's settings, the ConfigMap `config-policy-controller`.
//!
//! Source: sigstore/policy-controller:pkg/config/store.go.

use signet_yaml::{Node, to_json};

use crate::kyverno::schema::problem;
use crate::trust_policy::PolicyError;

/// What becomes of an image that no policy matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoMatch {
    /// It is refused.
    #[default]
    Deny,
    /// Who asks is warned.
    Warn,
    /// It passes.
    Allow,
}

/// Settings for all policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `no-match-policy`
    pub no_match: NoMatch,
    /// `fail-on-empty-authorities`: a policy without authorities does not load.
    pub fail_on_empty_authorities: bool,
    /// `enable-oci11`: signatures may be referrers.
    pub oci11: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { no_match: NoMatch::Deny, fail_on_empty_authorities: true, oci11: false }
    }
}

impl Settings {
    /// Whether a document is the ConfigMap.
    pub fn is(node: &Node) -> bool {
        node.get("kind").and_then(Node::as_str) == Some("ConfigMap")
            && node.path(&["metadata", "name"]).and_then(Node::as_str) == Some("config-policy-controller")
    }

    /// Reads the ConfigMap. What it does not say is as by default; a word that nobody knows for `no-match-policy` denies.
    ///
    /// Errors: a flag that is neither true nor false.
    pub fn load(node: &Node) -> Result<Settings, Vec<PolicyError>> {
        let json = to_json(node);
        let data = json.get("data");
        let at = |key: &str| node.path(&["data", key]).unwrap_or(node);
        let text = |key: &str| {
            let value = data.and_then(|data| data.get(key))?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let mut problems = Vec::new();
        let mut flag = |key: &str, default: bool| match text(key).as_deref() {
            None | Some("") => default,
            // As Go reads them.
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
            Some(other) => {
                let message =
                    format!("failed to parse \"{key}\": `{}` is neither true nor false", other.escape_debug());
                problems.push(problem(at(key), message, None));
                default
            }
        };
        let default = Settings::default();
        let settings = Settings {
            fail_on_empty_authorities: flag("fail-on-empty-authorities", default.fail_on_empty_authorities),
            oci11: flag("enable-oci11", default.oci11),
            no_match: match text("no-match-policy").as_deref() {
                Some("allow") => NoMatch::Allow,
                Some("warn") => NoMatch::Warn,
                _ => NoMatch::Deny,
            },
        };
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}
