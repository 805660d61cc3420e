//! Policies over a signed statement, of the languages that `--policy` takes: Rego and CEL. CUE is refused.
//!
//! A statement is asked about after its signature was verified, and only by who asked for its type. Several policies must all allow it.

use signet_model::Timestamp;

use crate::cue::{self, CueRefused};
use crate::expr::{Activation, Environment, Key, Lookup, Outcome, Program, Type, Value, render_all};
use crate::rego::{self, RegoError};

/// Bytes of one CEL policy.
const MAX_CEL: usize = 64 << 10;

/// A file that is to be a policy.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name as the user wrote it; the ending says the language.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why files are no policies.
#[derive(Debug, thiserror::Error)]
pub enum StatementPolicyError {
    /// CUE.
    #[error(transparent)]
    Cue(#[from] Box<CueRefused>),
    /// Rego that cannot be read.
    #[error(transparent)]
    Rego(#[from] RegoError),
    /// CEL that cannot be read.
    #[error("`{name}` is no CEL expression over `statement`:\n{problems}")]
    Cel {
        /// The file.
        name: String,
        /// What is wrong, with the places.
        problems: String,
    },
    /// Another language.
    #[error("`{name}` is no policy that can be read: its name must end in `.rego` or `.cel`")]
    Language {
        /// The file.
        name: String,
    },
}

/// What one policy says of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The policy.
    pub policy: String,
    /// Why it does not allow the statement, if it does not.
    pub denied: Option<String>,
    /// What the user of the policy should know.
    pub warnings: Vec<String>,
}

/// Policies that were read once.
#[derive(Debug)]
pub struct StatementPolicies {
    rego: Vec<(String, rego::Policy)>,
    cel: Vec<(String, Program)>,
}

/// How Rego files belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// One policy, as Cosign takes them: of several rules `allow`, one suffices.
    AsOne,
    /// Each file of the package `signature` is a policy, and all must allow.
    Each,
}

impl StatementPolicies {
    /// Reads policies.
    ///
    /// # Errors
    /// When one of them cannot be read: then none is asked.
    pub fn read(sources: Vec<Source>, together: Together) -> Result<StatementPolicies, StatementPolicyError> {
        let mut modules = Vec::new();
        let mut cel = Vec::new();
        for Source { name, text } in sources {
            match ending(&name) {
                "cue" => return Err(Box::new(cue::refuse(&name, &text, 1)).into()),
                "rego" => modules.push(rego::Module { name, text }),
                "cel" => cel.push((name.clone(), compile(name, &text)?)),
                "yaml" | "yml" => return Err(typed(name, &text)),
                _ => return Err(StatementPolicyError::Language { name }),
            }
        }
        let limits = rego::Limits::default();
        let rego = match together {
            _ if modules.is_empty() => Vec::new(),
            Together::Each => rego::Policy::each(modules, &limits)?,
            Together::AsOne => {
                let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
                vec![(names.join(", "), rego::Policy::compile(modules, limits)?)]
            }
        };
        Ok(StatementPolicies { rego, cel })
    }

    /// Whether there is no policy at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rego.is_empty() && self.cel.is_empty()
    }

    /// Asks all of them about a statement, given as the JSON text that was signed.
    #[must_use]
    pub fn judge(&self, statement: &str, now: Timestamp) -> Vec<Judgement> {
        let mut judgements = Vec::new();
        for (name, policy) in &self.rego {
            let (denied, warnings) = match policy.evaluate(statement, now) {
                Ok(allowed) => (None, allowed.warnings),
                Err(denied) => (Some(denied.to_string()), Vec::new()),
            };
            judgements.push(Judgement { policy: name.clone(), denied, warnings });
        }
        if self.cel.is_empty() {
            return judgements;
        }
        let value = value_of(statement);
        for (name, program) in &self.cel {
            let denied = match &value {
                Ok(value) => outcome(&program.evaluate(&Data { statement: value, now })),
                Err(why) => Some(format!("the statement cannot be judged: {why}")),
            };
            judgements.push(Judgement { policy: name.clone(), denied, warnings: Vec::new() });
        }
        judgements
    }
}

fn ending(name: &str) -> &str {
    name.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or("", |(_, ending)| ending)
}

/// What expressions over a statement may name.
#[must_use]
pub fn environment() -> Environment {
    Environment::new()
        .variable("statement", Type::Dyn, "the in-toto statement: `_type`, `subject`, `predicateType`, `predicate`")
        .variable("now", Type::Timestamp, "the time of the verification")
}

fn compile(name: String, text: &str) -> Result<Program, StatementPolicyError> {
    if text.len() > MAX_CEL {
        let problems = format!("it has {} bytes, more than the {MAX_CEL} that are read", text.len());
        return Err(StatementPolicyError::Cel { name, problems });
    }
    Program::compile(text, &environment()).map_err(|problems| {
        let problems = render_all(&problems, text);
        StatementPolicyError::Cel { name, problems }
    })
}

/// A policy inside of a Kubernetes document. Those of `type: cue` are refused as files of CUE are.
fn typed(name: String, text: &str) -> StatementPolicyError {
    let documents = signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap_or_default();
    let found = documents.iter().find_map(|document| cue_in(&document.root, 0));
    match found {
        Some((data, line)) => Box::new(cue::refuse(&name, &data, line)).into(),
        None => StatementPolicyError::Language { name },
    }
}

/// The text of a policy of `type: cue`, and the line on which it begins.
fn cue_in(node: &signet_yaml::Node, depth: usize) -> Option<(String, usize)> {
    if depth > 64 {
        return None;
    }
    if node.get("type").and_then(signet_yaml::Node::as_str) == Some("cue") {
        let data = node.get("data");
        let at = data.unwrap_or(node);
        let line = usize::try_from(at.span.line).unwrap_or(1);
        return Some((data.and_then(signet_yaml::Node::text).unwrap_or_default().to_owned(), line));
    }
    let inside: Vec<&signet_yaml::Node> = match (node.as_map(), node.as_seq()) {
        (Some(members), _) => members.iter().map(|(_, value)| value).collect(),
        (_, Some(items)) => items.iter().collect(),
        _ => Vec::new(),
    };
    inside.into_iter().find_map(|node| cue_in(node, depth + 1))
}

struct Data<'a> {
    statement: &'a Value,
    now: Timestamp,
}

impl Activation for Data<'_> {
    fn lookup(&self, name: &str) -> Lookup {
        match name {
            "statement" => Lookup::Value(self.statement.clone()),
            "now" => Lookup::Value(Value::Timestamp(self.now)),
            other => Lookup::Missing(format!("`{other}` is not known here")),
        }
    }
}

/// Only a certain yes allows.
fn outcome(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::True => None,
        Outcome::False => Some("the expression is false".to_owned()),
        Outcome::Unknown(missing) => {
            let names: Vec<&str> = missing.iter().map(|missing| missing.name.as_str()).collect();
            Some(format!("the expression needs what is not there: {}", names.join(", ")))
        }
        Outcome::Error(err) => Some(format!("the expression cannot be evaluated: {}", err.message)),
    }
}

fn value_of(statement: &str) -> Result<Value, String> {
    let limit = rego::Limits::default().input_bytes;
    if statement.len() > limit {
        return Err(format!("it has {} bytes, more than the {limit} that are read", statement.len()));
    }
    if let Some(number) = rego::inexact(statement) {
        return Err(format!("its number {number} cannot be compared exactly"));
    }
    // Nesting is bounded by the reader (128).
    let json: serde_json::Value = serde_json::from_str(statement).map_err(|err| err.to_string())?;
    Ok(convert(&json))
}

fn convert(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => Value::Int(value),
            (None, Some(value), _) => Value::Uint(value),
            (None, None, value) => Value::Double(value.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::string(text),
        Json::Array(items) => Value::List(items.iter().map(convert).collect()),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (Key::String(name.as_str().into()), convert(value)));
            Value::Map(std::sync::Arc::new(members.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str = r#"{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://x/p",
        "predicate": {"Data": "foo", "n": 17, "Timestamp": "2022-04-12T00:00:00Z", "builder.id": "b"}}"#;

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.to_owned() }
    }

    fn judge(sources: &[(&str, &str)], together: Together) -> Vec<Judgement> {
        let sources = sources.iter().map(|(name, text)| source(name, text)).collect();
        StatementPolicies::read(sources, together).unwrap().judge(STATEMENT, "2026-01-16T00:00:00Z".parse().unwrap())
    }

    #[track_caller]
    fn check(cel: &str, allowed: bool) {
        let judgements = judge(&[("p.cel", cel)], Together::Each);
        assert_eq!(judgements.iter().all(|judgement| judgement.denied.is_none()), allowed, "{cel}: {judgements:?}");
        assert_eq!(judgements.len(), 1);
    }

    #[test]
    fn expressions_over_a_statement() {
        check("statement.predicateType == \"https://x/p\" && statement.predicate.n == 17", true);
        check("statement.predicate.n > 17", false);
        check("timestamp(statement.predicate.Timestamp) < timestamp(\"2022-04-15T17:10:27Z\")", true);
        check("timestamp(statement.predicate.Timestamp) + duration(\"24h\") < now", true);
        check("statement.predicate[\"builder.id\"] == \"b\"", true);
        // What is not there allows nothing, negated or not.
        check("statement.predicate.absent == 1", false);
        check("statement.predicate.absent != 1", false);
        check("!(statement.predicate.absent == 1)", false);
        check("statement.predicate.Data", false);
        for wrong in ["statement.", "nobody == 1", "1"] {
            let read = StatementPolicies::read(vec![source("p.cel", wrong)], Together::Each);
            assert!(matches!(read, Err(StatementPolicyError::Cel { .. })), "{wrong}");
        }
    }

    #[test]
    fn all_policies_must_allow() {
        let rego = |rule: &str| format!("package signature\nallow {{ {rule} }}");
        let (good, bad) = (rego("input.predicate.n == 17"), rego("input.predicate.n == 18"));
        let denied = |sources: &[(&str, &str)], together| {
            judge(sources, together)
                .into_iter()
                .filter(|judgement| judgement.denied.is_some())
                .map(|judgement| judgement.policy)
                .collect::<Vec<_>>()
        };
        assert_eq!(denied(&[("a.rego", &good), ("b.rego", &bad)], Together::Each), ["b.rego"]);
        assert_eq!(denied(&[("a.rego", &good), ("b.rego", &bad)], Together::AsOne), Vec::<String>::new());
        assert_eq!(denied(&[("a.rego", &good), ("c.cel", "false")], Together::Each), ["c.cel"]);
        assert_eq!(denied(&[("a.rego", &bad), ("c.cel", "true")], Together::Each), ["a.rego"]);
    }

    #[test]
    fn cue_is_refused_by_name_and_by_type() {
        let rego = "package signature\nallow { true }";
        let read = |name: &str, text: &str| {
            StatementPolicies::read(vec![source("a.rego", rego), source(name, text)], Together::AsOne)
        };
        let text = read("dir/p.cue", "predicateType: \"X\"").unwrap_err().to_string();
        assert!(text.contains("`dir/p.cue`, line 1: CUE policies are not evaluated"), "{text}");
        let document = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nspec:\n  authorities:\n  - name: a\n    attestations:\n    - policy:\n        type: cue\n        data: |\n          predicateType: \"X\"\n";
        let text = read("p.yaml", document).unwrap_err().to_string();
        assert!(text.contains("`p.yaml`, line 10: CUE") && text.contains("input.predicateType == \"X\""), "{text}");
        for name in ["p.json", "p", "p.yaml", "cue"] {
            assert!(matches!(read(name, "a: 1"), Err(StatementPolicyError::Language { .. })), "{name}");
        }
    }
}
