//! What the expressions of `secrets` and `config` see of one finding.

use std::collections::BTreeMap;

use signet_model::Severity;

use crate::expr::{Activation, Environment, Lookup, Type, Value};

/// How sure a scanner is of a secret, least sure first.
pub const CONFIDENCES: [&str; 3] = ["low", "medium", "high"];

/// The variables of `secrets.deny` and `secrets.warn`.
#[must_use]
pub fn secret_environment() -> Environment {
    common().variable("verified", Type::Bool, "the secret was tried and works").choice(
        "confidence",
        &CONFIDENCES,
        "how sure the scanner is that it is a secret",
    )
}

/// The variables of `config.deny` and `config.warn`.
#[must_use]
pub fn config_environment() -> Environment {
    common().variable("type", Type::String, "kind of the file: `dockerfile`, `kubernetes`, ...")
}

fn common() -> Environment {
    let environment = Environment::new()
        .variable("severity", Type::Severity, "how bad: unknown < low < medium < high < critical")
        .variable("id", Type::String, "id of the rule that found it")
        .variable("title", Type::String, "what was found, in words")
        .variable("path", Type::String, "the file, from the root, without a leading slash")
        .variable("layer", Type::String, "diffID of the layer that brought the file")
        .variable("base", Type::Bool, "it comes from the base image");
    Severity::ALL.into_iter().fold(environment, |environment, severity| {
        environment.constant(severity.name(), Value::Severity(severity), "a severity")
    })
}

/// What is known of one secret or misconfiguration. `None` is "not known", and makes every term that needs it unknown.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are the variables of the environments above, which document them")]
pub struct CheckData {
    pub severity: Option<Severity>,
    pub id: Option<String>,
    pub title: Option<String>,
    pub path: Option<String>,
    pub layer: Option<String>,
    pub base: Option<bool>,
    pub verified: Option<bool>,
    pub confidence: Option<String>,
    pub kind: Option<String>,
    /// Why a variable is not known, by its name.
    pub missing: BTreeMap<String, String>,
}

impl CheckData {
    /// For people: the rule and the file. Never what was found, which may be a secret.
    pub(super) fn subject(&self) -> String {
        let id = self.id.as_deref().unwrap_or("a finding without id");
        self.path.as_deref().map_or_else(|| id.to_owned(), |path| format!("{id} in {path}"))
    }
}

impl Activation for CheckData {
    fn lookup(&self, name: &str) -> Lookup {
        if let Some(reason) = self.missing.get(name) {
            return Lookup::Missing(reason.clone());
        }
        let text = |text: &Option<String>| text.as_deref().map(Value::string);
        let value = match name {
            "severity" => self.severity.map(Value::Severity),
            "id" => text(&self.id),
            "title" => text(&self.title),
            "path" => text(&self.path),
            "layer" => text(&self.layer),
            "base" => self.base.map(Value::Bool),
            "verified" => self.verified.map(Value::Bool),
            // A word that the policy cannot have compared with would pass for "not high".
            "confidence" => self.confidence.as_deref().filter(|word| CONFIDENCES.contains(word)).map(Value::string),
            "type" => text(&self.kind),
            _ => None,
        };
        value.map_or_else(|| Lookup::Missing("the report does not say".to_owned()), Lookup::Value)
    }
}
