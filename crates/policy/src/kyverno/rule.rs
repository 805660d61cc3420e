//! A rule, compiled.

use std::sync::Arc;

use serde_json::{Value, json};

use super::conditions::Conditions;
use super::context::Entry;
use super::generate::Generation;
use super::images::Extractors;
use super::input::{Input, Operation, ResourceView};
use super::matching::{Block, Filter, KindSelector, Selector, Subject};
use super::mutate::Mutation;
use super::pattern::Pattern;
use super::podsecurity::PodSecurity;
use super::scope::Expressions;
use super::variables::{is_dynamic, resolve_references};
use super::verify_images::Verification;
use crate::jmespath::Expression;

/// One rule of a policy, or one that was made of it for Pod controllers.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name; what was made for controllers begins with `autogen-`.
    pub name: String,
    pub(crate) matches: Filter,
    pub(crate) excludes: Option<Filter>,
    pub(crate) context: Vec<Entry>,
    pub(crate) preconditions: Option<Conditions>,
    pub(crate) body: Body,
    /// What a failure means, if the rule says it itself.
    pub(crate) failure_action: Option<Action>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) allow_existing: bool,
    pub(crate) message: String,
    pub(crate) expressions: Arc<Expressions>,
    /// Where the images of custom kinds stand.
    pub(crate) extractors: Extractors,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The request is refused.
    Enforce,
    /// It is reported.
    #[default]
    Audit,
}

impl Action {
    pub(crate) fn parse(text: &str) -> Option<Action> {
        match text.to_lowercase().as_str() {
            "enforce" => Some(Action::Enforce),
            "audit" => Some(Action::Audit),
            _ => None,
        }
    }

    /// Enforce, if one of both is.
    pub(crate) fn stricter(self, other: Action) -> Action {
        if self == Action::Enforce { self } else { other }
    }
}

/// Another action in some namespaces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Override {
    pub(crate) action: Action,
    pub(crate) namespaces: Vec<String>,
    pub(crate) selector: Option<Selector>,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Validate(Check),
    PodSecurity(PodSecurity),
    Cel(Box<crate::admission::CelRule>),
    Mutate(Box<Mutation>),
    VerifyImages(Box<Verification>),
    Generate(Box<Generation>),
    /// A kind of rule that is not evaluated: its name.
    NotEvaluated(&'static str),
}

/// What is asked of a resource or of an element.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Pattern(Patterns),
    AnyPattern(Patterns),
    Deny(Conditions),
    Foreach(Vec<Foreach>),
}

/// Patterns, compiled at load if they hold no variables.
#[derive(Clone, Debug)]
pub(crate) enum Patterns {
    Ready(Vec<Pattern>),
    Dynamic(Vec<Value>),
    /// A reference in them leads nowhere; the message.
    Broken(String),
}

/// One `foreach`.
#[derive(Clone, Debug)]
pub(crate) struct Foreach {
    pub(crate) list: String,
    pub(crate) element_scope: Option<bool>,
    pub(crate) context: Vec<Entry>,
    pub(crate) preconditions: Option<Conditions>,
    pub(crate) check: Check,
}

impl Patterns {
    fn compile<'v>(values: impl Iterator<Item = &'v Value>) -> Patterns {
        let mut resolved = Vec::new();
        for value in values {
            match resolve_references(value) {
                Ok(value) => resolved.push(value.into_owned()),
                Err(message) => return Patterns::Broken(message),
            }
        }
        if resolved.iter().any(is_dynamic) {
            Patterns::Dynamic(resolved)
        } else {
            Patterns::Ready(resolved.iter().map(Pattern::compile).collect())
        }
    }
}

impl Rule {
    /// Whether it changes objects.
    pub fn mutates(&self) -> bool {
        matches!(self.body, Body::Mutate(_))
    }

    /// Whether it makes other objects.
    pub fn generates(&self) -> bool {
        matches!(self.body, Body::Generate(_))
    }

    /// Whether it is about images and who signed them.
    pub fn verifies_images(&self) -> bool {
        matches!(self.body, Body::VerifyImages(_))
    }

    /// Whether it changes other resources than the one that it is about. That is done behind the request, and refuses nothing.
    pub fn has_targets(&self) -> bool {
        matches!(&self.body, Body::Mutate(mutation) if mutation.has_targets())
    }

    /// Compiles a rule of JSON. The message says what is wrong with it.
    pub(crate) fn compile(rule: &Value) -> Result<Rule, String> {
        let name = text(rule, "name").unwrap_or_default();
        let matches =
            rule.get("match").filter(|found| !found.is_null()).ok_or_else(|| format!("rule `{name}` needs `match`"))?;
        let validate = present(rule, "validate");
        let mut failure_action = None;
        if let Some(action) = validate.and_then(|validate| text(validate, "failureAction")) {
            failure_action = Some(
                Action::parse(&action)
                    .ok_or_else(|| format!("`{action}` is no failure action; there are Audit and Enforce"))?,
            );
        }
        Ok(Rule {
            matches: filter(matches)?,
            excludes: present(rule, "exclude").map(filter).transpose()?,
            context: entries(rule)?,
            preconditions: present(rule, "preconditions").map(Conditions::compile).transpose()?,
            body: body(rule, &name)?,
            failure_action,
            overrides: overrides(validate.and_then(|validate| validate.get("failureActionOverrides")))?,
            allow_existing: validate
                .and_then(|validate| validate.get("allowExistingViolations"))
                .and_then(Value::as_bool)
                .unwrap_or(true),
            message: validate.and_then(|validate| text(validate, "message")).unwrap_or_default(),
            expressions: Arc::new(expressions(rule)),
            extractors: present(rule, "imageExtractors").map(Extractors::compile).transpose()?.unwrap_or_default(),
            name,
        })
    }
}

impl Rule {
    /// Whether the rule is about a request: matched, and not excluded.
    pub(super) fn is_about(&self, input: &Input, view: &ResourceView<'_>) -> bool {
        self.matches.includes(input, view) && !self.excludes.as_ref().is_some_and(|filter| filter.excludes(input, view))
    }

    /// Whether the rule is evaluated in a stage of its own.
    pub(crate) fn has_stage(&self) -> bool {
        matches!(self.body, Body::Mutate(_) | Body::VerifyImages(_) | Body::Generate(_))
    }
}

pub(crate) fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn present<'v>(of: &'v Value, key: &str) -> Option<&'v Value> {
    of.get(key).filter(|found| !found.is_null())
}

fn texts(of: &Value, key: &str) -> Vec<String> {
    of.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn entries(of: &Value) -> Result<Vec<Entry>, String> {
    of.get("context").and_then(Value::as_array).into_iter().flatten().map(Entry::compile).collect()
}

pub(crate) fn overrides(value: Option<&Value>) -> Result<Vec<Override>, String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .map(|item| {
            let action = text(item, "action").unwrap_or_default();
            Ok(Override {
                action: Action::parse(&action)
                    .ok_or_else(|| format!("`{action}` is no failure action; there are Audit and Enforce"))?,
                namespaces: texts(item, "namespaces"),
                selector: present(item, "namespaceSelector").map(Selector::compile).transpose()?,
            })
        })
        .collect()
}

/// Reads `match` or `exclude`.
pub(crate) fn filter(value: &Value) -> Result<Filter, String> {
    let list = |key: &str| value.get(key).and_then(Value::as_array).filter(|items| !items.is_empty());
    let blocks = |items: &Vec<Value>| items.iter().map(block).collect::<Result<Vec<_>, _>>();
    Ok(match (list("any"), list("all")) {
        (Some(items), _) => Filter::Any(blocks(items)?),
        (None, Some(items)) => Filter::All(blocks(items)?),
        (None, None) => Filter::One(Box::new(block(value)?)),
    })
}

fn block(value: &Value) -> Result<Block, String> {
    let resources = value.get("resources").unwrap_or(&Value::Null);
    let kinds = texts(resources, "kinds");
    let operations = texts(resources, "operations");
    let subjects = value.get("subjects").and_then(Value::as_array).into_iter().flatten();
    Ok(Block {
        kinds: kinds
            .iter()
            .map(|kind| {
                KindSelector::parse(kind)
                    .ok_or_else(|| format!("`{kind}` is no kind; write `Kind` or `group/version/Kind`"))
            })
            .collect::<Result<_, _>>()?,
        name: text(resources, "name").filter(|name| !name.is_empty()),
        names: texts(resources, "names"),
        namespaces: texts(resources, "namespaces"),
        annotations: present(resources, "annotations")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        selector: present(resources, "selector").map(Selector::compile).transpose()?,
        namespace_selector: present(resources, "namespaceSelector").map(Selector::compile).transpose()?,
        operations: operations
            .iter()
            .map(|name| {
                Operation::parse(name)
                    .ok_or_else(|| format!("`{name}` is no operation; there are CREATE, UPDATE, DELETE and CONNECT"))
            })
            .collect::<Result<_, _>>()?,
        roles: texts(value, "roles"),
        cluster_roles: texts(value, "clusterRoles"),
        subjects: subjects
            .map(|subject| Subject {
                kind: text(subject, "kind").unwrap_or_default(),
                namespace: text(subject, "namespace").unwrap_or_default(),
                name: text(subject, "name").unwrap_or_default(),
            })
            .collect(),
    })
}

fn body(rule: &Value, name: &str) -> Result<Body, String> {
    // Only one of them would be evaluated. Kyverno refuses them, too (`ValidateRuleType`).
    let kinds: Vec<&str> = ["validate", "mutate", "generate", "verifyImages"]
        .into_iter()
        .filter(|key| present(rule, key).is_some_and(|body| *body != json!({}) && *body != json!([])))
        .collect();
    if kinds.len() > 1 {
        let kinds = kinds.join("`, `");
        return Err(format!(
            "rule `{name}` has `{kinds}`; only one of them is allowed in a rule, write a rule for each"
        ));
    }
    let Some(validate) = present(rule, "validate") else {
        if let Some(mutate) = present(rule, "mutate") {
            let mutation = Mutation::compile(mutate).map_err(|message| format!("rule `{name}`: {message}"))?;
            return Ok(Body::Mutate(Box::new(mutation)));
        }
        if let Some(images) = present(rule, "verifyImages") {
            let verification = Verification::compile(images).map_err(|message| format!("rule `{name}`: {message}"))?;
            return Ok(Body::VerifyImages(Box::new(verification)));
        }
        if let Some(generate) = present(rule, "generate") {
            let generation = Generation::compile(generate).map_err(|message| format!("rule `{name}`: {message}"))?;
            return Ok(Body::Generate(Box::new(generation)));
        }
        return Err(format!(
            "rule `{name}` says nothing to do; it needs `validate`, `mutate`, `generate` or `verifyImages`"
        ));
    };
    if present(validate, "cel").is_some() {
        return crate::admission::CelRule::compile(rule).map(|cel| Body::Cel(Box::new(cel)));
    }
    for (key, kind) in [("manifests", "validate.manifests"), ("assert", "validate.assert")] {
        if present(validate, key).is_some() {
            return Ok(Body::NotEvaluated(kind));
        }
    }
    if let Some(podsecurity) = present(validate, "podSecurity") {
        return PodSecurity::compile(podsecurity).map(Body::PodSecurity);
    }
    match check(validate)? {
        Some(check) => Ok(Body::Validate(check)),
        None => Err(format!(
            "`validate` of rule `{name}` asks nothing; it needs `pattern`, `anyPattern`, `deny`, `foreach`, `podSecurity` or `cel`"
        )),
    }
}

fn check(value: &Value) -> Result<Option<Check>, String> {
    Ok(Some(if let Some(deny) = present(value, "deny") {
        Check::Deny(Conditions::compile(deny.get("conditions").unwrap_or(&Value::Null))?)
    } else if let Some(pattern) = present(value, "pattern") {
        Check::Pattern(Patterns::compile(std::iter::once(pattern)))
    } else if let Some(patterns) = present(value, "anyPattern") {
        let patterns = patterns.as_array().ok_or("`anyPattern` is a list")?;
        Check::AnyPattern(Patterns::compile(patterns.iter()))
    } else if let Some(Value::Array(items)) = present(value, "foreach") {
        Check::Foreach(items.iter().map(foreach).collect::<Result<_, _>>()?)
    } else if value.get("deny").is_some() {
        // `deny:` with nothing behind it.
        Check::Deny(Conditions::default())
    } else {
        return Ok(None);
    }))
}

fn foreach(value: &Value) -> Result<Foreach, String> {
    let list = text(value, "list").filter(|list| !list.trim().is_empty()).ok_or("`foreach` needs a `list`")?;
    Ok(Foreach {
        element_scope: value.get("elementScope").and_then(Value::as_bool),
        context: entries(value)?,
        preconditions: present(value, "preconditions").map(Conditions::compile).transpose()?,
        check: check(value)?.ok_or_else(|| format!("`foreach` over `{list}` asks nothing"))?,
        list,
    })
}

/// Every expression that can be told from the text alone, parsed. What cannot be parsed is left to the evaluation, which says so.
fn expressions(rule: &Value) -> Expressions {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                let mut rest = text.as_str();
                while let Some((_, behind)) = rest.split_once("{{") {
                    let Some((inner, after)) = behind.split_once("}}") else { break };
                    found.push(inner.trim().to_owned());
                    rest = after;
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(entries) => {
                for (key, item) in entries {
                    if let (true, Value::String(text)) = (matches!(key.as_str(), "list" | "jmesPath"), item) {
                        found.push(text.trim().to_owned());
                    }
                    walk(item, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(rule, &mut found);
    let parsed = |text: String| Some((text.clone(), Arc::new(Expression::parse(&text).ok()?)));
    found.into_iter().filter_map(parsed).collect()
}
