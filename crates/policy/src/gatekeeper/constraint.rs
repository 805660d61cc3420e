//! A constraint: where a template's policy holds, with which parameters, and what follows.

use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use crate::kyverno::matching::Selector;
use crate::kyverno::schema::Shape::{self, Any, Fields, List, Text};
use crate::kyverno::schema::{SELECTOR, TEXT_LIST, check, problem};
use crate::kyverno::{Action, Input};
use crate::trust_policy::PolicyError;

static KINDS: Shape = Fields("kinds", &[("apiGroups", &TEXT_LIST), ("kinds", &TEXT_LIST)]);
static MATCH: Shape = Fields(
    "match",
    &[
        ("source", &Text),
        ("kinds", &List(&KINDS)),
        ("scope", &Text),
        ("namespaces", &TEXT_LIST),
        ("excludedNamespaces", &TEXT_LIST),
        ("labelSelector", &SELECTOR),
        ("namespaceSelector", &SELECTOR),
        ("name", &Text),
    ],
);
static SCOPED: Shape = Fields(
    "scopedEnforcementActions",
    &[("action", &Text), ("enforcementPoints", &List(&Fields("enforcementPoints", &[("name", &Text)])))],
);
static CONSTRAINT: Shape = Fields(
    "the constraint",
    &[
        ("apiVersion", &Text),
        ("kind", &Text),
        ("metadata", &Any),
        (
            "spec",
            &Fields(
                "spec",
                &[
                    ("enforcementAction", &Text),
                    ("scopedEnforcementActions", &List(&SCOPED)),
                    ("match", &MATCH),
                    ("parameters", &Any),
                ],
            ),
        ),
        ("status", &Any),
    ],
);
/// The points at which this program stands.
const POINTS: [&str; 2] = ["validation.gatekeeper.sh", "*"];

/// What follows of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// It is reported.
    DryRun,
    /// Who asks is warned.
    Warn,
    /// The request is refused.
    Deny,
}

impl Enforcement {
    fn parse(text: &str) -> Result<Enforcement, String> {
        match text {
            "deny" => Ok(Enforcement::Deny),
            "dryrun" => Ok(Enforcement::DryRun),
            "warn" => Ok(Enforcement::Warn),
            other => Err(format!("`{other}` is no `enforcementAction`; there are deny, dryrun, warn and scoped")),
        }
    }

    /// What a failure means for the request.
    pub fn action(self) -> Action {
        if self == Enforcement::Deny { Action::Enforce } else { Action::Audit }
    }
}

/// A constraint.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Its kind, which a template makes.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What follows of a violation at admission; `None` if nothing is asked there.
    pub enforcement: Option<Enforcement>,
    pub(super) parameters: Json,
    pub(super) line: u32,
    pub(super) column: u32,
    matches: Match,
}

#[derive(Clone, Debug, Default)]
struct Match {
    generated: bool,
    /// Groups and kinds.
    kinds: Vec<(Vec<String>, Vec<String>)>,
    scope: String,
    namespaces: Vec<String>,
    excluded: Vec<String>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    name: String,
}

fn texts(of: &Json, key: &str) -> Vec<String> {
    of.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

impl Constraint {
    /// Whether a document is a constraint of some template.
    pub fn is(node: &Node) -> bool {
        let version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        version.starts_with("constraints.gatekeeper.sh/")
    }

    /// Reads a constraint.
    ///
    /// Errors: everything that is wrong with it, with its place.
    pub fn load(node: &Node) -> Result<Constraint, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &CONSTRAINT, "the constraint", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let at = |route: &[&str]| node.path(route).unwrap_or(node);
        let json = to_json(node);
        let text = |pointer: &str| json.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        if kind.is_empty() || name.is_empty() {
            return Err(vec![problem(node, "the constraint needs a kind and a name".to_owned(), None)]);
        }
        let spec = json.get("spec").unwrap_or(&Json::Null);
        let enforcement =
            enforcement(spec).map_err(|message| vec![problem(at(&["spec", "enforcementAction"]), message, None)])?;
        let matches = Match::compile(spec.get("match").unwrap_or(&Json::Null))
            .map_err(|message| vec![problem(at(&["spec", "match"]), message, None)])?;
        let parameters = spec.get("parameters").filter(|found| !found.is_null()).cloned();
        let place = at(&["spec", "parameters"]);
        Ok(Constraint {
            kind,
            name,
            enforcement,
            parameters: parameters.unwrap_or_else(|| Json::Object(serde_json::Map::new())),
            line: place.span.line,
            column: place.span.column,
            matches,
        })
    }

    /// Whether it selects by labels of the request's namespace, and nobody knows them. Every namespace has some.
    pub(super) fn lacks_namespace(&self, input: &Input) -> Option<String> {
        let is_namespace = input.kind.group.is_empty() && input.kind.kind == "Namespace";
        let requested = input.request.get("namespace").and_then(Json::as_str).unwrap_or_default();
        let own = input.resource().and_then(|object| object.pointer("/metadata/namespace")).and_then(Json::as_str);
        let namespace = if requested.is_empty() { own.unwrap_or_default() } else { requested };
        let unknown = self.matches.namespace_labels.is_some()
            && !is_namespace
            && !namespace.is_empty()
            && input.namespace_labels.is_empty()
            && input.namespace_object.is_none();
        unknown.then(|| namespace.to_owned())
    }

    /// Whether it may be about objects of a kind, whatever their names and labels.
    pub(super) fn may_concern(&self, group: &str, kind: &str) -> bool {
        let any = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == "*" || one == name);
        let kinds = &self.matches.kinds;
        kinds.is_empty() || kinds.iter().any(|(groups, kinds)| any(groups, group) && any(kinds, kind))
    }

    /// Whether a request is meant: its object as it is or as it was.
    pub(super) fn includes(&self, input: &Input) -> bool {
        [input.object(), input.old_object()].into_iter().flatten().any(|object| self.matches.includes(object, input))
    }
}

/// The strictest action for this place.
fn enforcement(spec: &Json) -> Result<Option<Enforcement>, String> {
    let scoped = spec.get("scopedEnforcementActions").and_then(Json::as_array).into_iter().flatten();
    match spec.get("enforcementAction").and_then(Json::as_str) {
        None | Some("") => Ok(Some(Enforcement::Deny)),
        Some("scoped") => {
            let (mut found, mut any) = (None, false);
            for entry in scoped {
                any = true;
                let action = Enforcement::parse(entry.get("action").and_then(Json::as_str).unwrap_or_default())?;
                let points = entry.get("enforcementPoints").and_then(Json::as_array).into_iter().flatten();
                let mut names = points.filter_map(|point| point.get("name").and_then(Json::as_str));
                if names.any(|name| POINTS.contains(&name)) {
                    found = found.max(Some(action));
                }
            }
            if !any {
                return Err("`enforcementAction: scoped` needs `scopedEnforcementActions`".to_owned());
            }
            Ok(found)
        }
        Some(action) => Enforcement::parse(action).map(Some),
    }
}

impl Match {
    fn compile(value: &Json) -> Result<Match, String> {
        let text = |key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let selector = |key: &str| -> Result<Option<Selector>, String> {
            value.get(key).filter(|found| !found.is_null()).map(Selector::compile).transpose()
        };
        let scope = text("scope");
        if !matches!(scope.as_str(), "" | "*" | "Cluster" | "Namespaced") {
            return Err(format!("`{scope}` is no `scope`; there are *, Cluster and Namespaced"));
        }
        let source = text("source");
        if !matches!(source.as_str(), "" | "All" | "Original" | "Generated") {
            return Err(format!("`{source}` is no `source`; there are All, Original and Generated"));
        }
        let kinds = value.get("kinds").and_then(Json::as_array).into_iter().flatten();
        let found = Match {
            generated: source == "Generated",
            kinds: kinds.map(|entry| (texts(entry, "apiGroups"), texts(entry, "kinds"))).collect(),
            scope,
            namespaces: texts(value, "namespaces"),
            excluded: texts(value, "excludedNamespaces"),
            labels: selector("labelSelector")?,
            namespace_labels: selector("namespaceSelector")?,
            name: text("name"),
        };
        for name in found.namespaces.iter().chain(&found.excluded).chain(std::iter::once(&found.name)) {
            let inner = name.strip_prefix('*').unwrap_or(name);
            if inner.strip_suffix('*').unwrap_or(inner).contains('*') {
                return Err(format!("`{name}` has a `*` in its middle; it may stand at the ends only"));
            }
        }
        Ok(found)
    }

    fn includes(&self, object: &Json, input: &Input) -> bool {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let is_namespace = input.kind.group.is_empty() && input.kind.kind == "Namespace";
        let requested = input.request.get("namespace").and_then(Json::as_str).unwrap_or_default();
        let lies_in = if is_namespace {
            ""
        } else if requested.is_empty() {
            text("/metadata/namespace")
        } else {
            requested
        };
        // A namespace is meant by its own name and labels, and what lies in none by no name and any label.
        let namespace = if is_namespace { text("/metadata/name") } else { lies_in };
        let any = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == "*" || one == name);
        let labels = labels(object);
        !self.generated
            && (self.kinds.is_empty()
                || self
                    .kinds
                    .iter()
                    .any(|(groups, kinds)| any(groups, &input.kind.group) && any(kinds, &input.kind.kind)))
            && match self.scope.as_str() {
                "Cluster" => is_namespace || lies_in.is_empty(),
                "Namespaced" => !is_namespace && !lies_in.is_empty(),
                _ => true,
            }
            && (namespace.is_empty()
                || self.namespaces.is_empty()
                || self.namespaces.iter().any(|pattern| names(pattern, namespace)))
            && (namespace.is_empty() || !self.excluded.iter().any(|pattern| names(pattern, namespace)))
            && self.labels.as_ref().is_none_or(|selector| selects(selector, &labels))
            && self.namespace_labels.as_ref().is_none_or(|selector| {
                if is_namespace {
                    return selects(selector, &labels);
                }
                if namespace.is_empty() {
                    return true;
                }
                // Whoever asks finds out that they are not known ([`Constraint::lacks_namespace`]).
                if input.namespace_labels.is_empty() && input.namespace_object.is_none() {
                    return true;
                }
                let mut known: Vec<(&str, &str)> =
                    input.namespace_labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                if !known.iter().any(|(key, _)| *key == "kubernetes.io/metadata.name") {
                    known.push(("kubernetes.io/metadata.name", namespace));
                }
                selects(selector, &known)
            })
            && (self.name.is_empty() || names(&self.name, self.named(object, input)))
    }

    fn named<'v>(&self, object: &'v Json, input: &'v Input) -> &'v str {
        let own = object.pointer("/metadata/name").and_then(Json::as_str).filter(|name| !name.is_empty());
        own.or_else(|| object.pointer("/metadata/generateName").and_then(Json::as_str).filter(|name| !name.is_empty()))
            .or_else(|| input.request.get("name").and_then(Json::as_str))
            .unwrap_or_default()
    }
}

fn labels(object: &Json) -> Vec<(&str, &str)> {
    let labels = object.pointer("/metadata/labels").and_then(Json::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// A selector of Kubernetes: nothing in it is a wildcard.
fn selects(selector: &Selector, labels: &[(&str, &str)]) -> bool {
    let rest = Selector { labels: Default::default(), expressions: selector.expressions.clone() };
    selector.labels.iter().all(|(key, value)| labels.contains(&(key.as_str(), value.as_str()))) && rest.matches(labels)
}

/// A name, or one with `*` at its ends.
fn names(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => name.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(begin)) => name.starts_with(begin),
        (None, None) => name == pattern,
    }
}
