//! Which requests a rule is about: `match` and `exclude`.
//!
//! Inside one block everything given must hold, inside one list one entry must. Source: kyverno/kyverno:pkg/engine/utils/match.go,
//! pkg/utils/match/, pkg/utils/kube/kind.go (`ParseKindSelector`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::input::{Input, Operation, ResourceView};
use crate::wildcard;

/// `match` or `exclude`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Any(Vec<Block>),
    All(Vec<Block>),
    /// The older form: one block without `any` or `all`.
    One(Box<Block>),
}

/// One block. Empty lists ask for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    pub(crate) kinds: Vec<KindSelector>,
    pub(crate) name: Option<String>,
    pub(crate) names: Vec<String>,
    pub(crate) namespaces: Vec<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) selector: Option<Selector>,
    pub(crate) namespace_selector: Option<Selector>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) roles: Vec<String>,
    pub(crate) cluster_roles: Vec<String>,
    pub(crate) subjects: Vec<Subject>,
}

/// `group/version/Kind/subresource`, each a wildcard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KindSelector {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) subresource: String,
}

/// A user, a group or a service account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subject {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) expressions: Vec<Requirement>,
}

/// One entry of `matchExpressions`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requirement {
    pub(crate) key: String,
    pub(crate) operator: RequirementOperator,
    pub(crate) values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequirementOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What a filter is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Match,
    Exclude,
    Except,
}

impl Filter {
    /// Whether a request is meant by `match`. Subjects and roles are not asked for if nothing is known of the user (background, command line).
    pub(crate) fn includes(&self, input: &Input, view: &ResourceView<'_>) -> bool {
        let matches =
            |block: &Block| block.asks_for_something(input.user.is_none()) && block.matches(input, view, Use::Match);
        match self {
            Filter::Any(blocks) => blocks.iter().any(matches),
            Filter::All(blocks) => blocks.iter().all(matches),
            Filter::One(block) => matches(block),
        }
    }

    /// Whether a request is meant by an exception: as `match`, but what is asked of the user must be known to hold, and a kind does not stand
    /// for its subresources.
    pub(crate) fn excepts(&self, input: &Input, view: &ResourceView<'_>) -> bool {
        let matches = |block: &Block| block.asks_for_something(false) && block.matches(input, view, Use::Except);
        match self {
            Filter::Any(blocks) => blocks.iter().any(matches),
            Filter::All(blocks) => !blocks.is_empty() && blocks.iter().all(matches),
            Filter::One(block) => matches(block),
        }
    }

    /// Whether it looks at labels of the request's namespace.
    pub(crate) fn selects_namespaces(&self) -> bool {
        let selects = |block: &Block| block.namespace_selector.is_some();
        match self {
            Filter::Any(blocks) | Filter::All(blocks) => blocks.iter().any(selects),
            Filter::One(block) => selects(block),
        }
    }

    /// Whether some block asks for nothing but who asks. Where nobody knows that, it is taken for one that means nobody, as Kyverno's own tool does.
    pub(crate) fn selects_users_alone(&self) -> bool {
        let alone = |block: &Block| block.asks_for_something(false) && !block.asks_for_something(true);
        match self {
            Filter::Any(blocks) | Filter::All(blocks) => blocks.iter().any(alone),
            Filter::One(block) => alone(block),
        }
    }

    /// Whether some request of this kind, subresource and operation may be meant by `match`.
    pub(crate) fn may_concern(&self, input: &Input) -> bool {
        let may = |block: &Block| {
            (block.kinds.is_empty() || block.kinds.iter().any(|kind| kind.matches(input, Use::Match)))
                && (block.operations.is_empty() || block.operations.contains(&input.operation))
        };
        match self {
            Filter::Any(blocks) => blocks.iter().any(may),
            Filter::All(blocks) => blocks.iter().all(may),
            Filter::One(block) => may(block),
        }
    }

    /// Whether a request is left out by `exclude`.
    pub(crate) fn excludes(&self, input: &Input, view: &ResourceView<'_>) -> bool {
        let matches = |block: &Block| block.asks_for_something(false) && block.matches(input, view, Use::Exclude);
        match self {
            Filter::Any(blocks) => blocks.iter().any(matches),
            Filter::All(blocks) => !blocks.is_empty() && blocks.iter().all(matches),
            Filter::One(block) => matches(block),
        }
    }
}

impl Block {
    fn asks_for_something(&self, without_user: bool) -> bool {
        let user = !(self.roles.is_empty() && self.cluster_roles.is_empty() && self.subjects.is_empty());
        (user && !without_user)
            || !self.kinds.is_empty()
            || self.name.is_some()
            || !self.names.is_empty()
            || !self.namespaces.is_empty()
            || !self.annotations.is_empty()
            || self.selector.is_some()
            || self.namespace_selector.is_some()
            || !self.operations.is_empty()
    }

    fn matches(&self, input: &Input, view: &ResourceView<'_>, using: Use) -> bool {
        let one_of = |wanted: &[String], text: &str| {
            wanted.is_empty() || wanted.iter().any(|name| wildcard::matches(name, text))
        };
        if !self.kinds.is_empty() && !self.kinds.iter().any(|kind| kind.matches(input, using)) {
            return false;
        }
        if !self.operations.is_empty() && !self.operations.contains(&input.operation) {
            return false;
        }
        if self.name.as_ref().is_some_and(|name| !wildcard::matches(name, view.name)) || !one_of(&self.names, view.name)
        {
            return false;
        }
        let namespace = if view.kind == "Namespace" { view.name } else { view.namespace };
        if !one_of(&self.namespaces, namespace) {
            return false;
        }
        if !self.annotations.iter().all(|(key, wanted)| {
            view.annotations().any(|(name, value)| wildcard::matches(key, name) && wildcard::matches(wanted, value))
        }) {
            return false;
        }
        if self.selector.as_ref().is_some_and(|selector| !selector.matches(&view.labels().collect::<Vec<_>>())) {
            return false;
        }
        if let Some(selector) = &self.namespace_selector {
            let labels: Vec<(&str, &str)> =
                input.namespace_labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            // A namespace lies in none, whatever its own labels are.
            if view.kind == "Namespace" || (!view.kind.is_empty() && !selector.matches(&labels)) {
                return false;
            }
        }
        match &input.user {
            None => {
                using == Use::Match
                    || (self.roles.is_empty() && self.cluster_roles.is_empty() && self.subjects.is_empty())
            }
            Some(user) => {
                // Roles are names, not wildcards. What nobody looked up may be any of them where it makes a rule hold, and none where it lifts one.
                let any = |wanted: &[String], had: &[String]| {
                    wanted.is_empty()
                        || (user.roles_unknown && using == Use::Match)
                        || had.iter().any(|role| wanted.contains(role))
                };
                any(&self.roles, &user.roles)
                    && any(&self.cluster_roles, &user.cluster_roles)
                    && (self.subjects.is_empty()
                        || self.subjects.iter().any(|subject| subject.is(&user.username, &user.groups)))
            }
        }
    }
}

impl Subject {
    fn is(&self, username: &str, groups: &[String]) -> bool {
        match self.kind.as_str() {
            "ServiceAccount" => username
                .strip_prefix("system:serviceaccount:")
                .is_some_and(|account| wildcard::matches(&format!("{}:{}", self.namespace, self.name), account)),
            "Group" => groups.iter().any(|group| wildcard::matches(&self.name, group)),
            "User" => wildcard::matches(&self.name, username),
            _ => false,
        }
    }
}

impl KindSelector {
    /// Reads `Pod`, `apps/v1/Deployment`, `Pod/exec`, `Pod.status`, `*/*`. `None` if there are too many parts.
    pub(crate) fn parse(text: &str) -> Option<KindSelector> {
        let mut parts: Vec<&str> = text.split('/').collect();
        let last = parts.pop()?;
        parts.extend(last.split('.'));
        let lower = |part: &str| part.to_lowercase() == part;
        let (group, version, kind, subresource) = match parts.as_slice() {
            [kind] => ("*", "*", *kind, ""),
            ["*", "*"] | ["*", "*", "*"] => ("*", "*", "*", "*"),
            ["*", second] if lower(second) => ("*", "*", "*", *second),
            [first, second] if is_version(first) => ("*", *first, *second, ""),
            [kind, subresource] => ("*", "*", *kind, *subresource),
            ["*", "*", third] if lower(third) => ("*", "*", "*", *third),
            [first, second, third] if *first != "*" && is_version(first) => ("*", *first, *second, *third),
            [group, version, kind] if is_version(version) => (*group, *version, *kind, ""),
            ["*", kind, subresource] => ("*", "*", *kind, *subresource),
            [group, version, kind, subresource] => (*group, *version, *kind, *subresource),
            _ => return None,
        };
        Some(KindSelector {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            subresource: subresource.to_owned(),
        })
    }

    fn matches(&self, input: &Input, using: Use) -> bool {
        let kind = &input.kind;
        // The kind tells most of them apart.
        let of_object = wildcard::matches(&self.kind, &kind.kind)
            && wildcard::matches(&self.group, &kind.group)
            && wildcard::matches(&self.version, &kind.version);
        (of_object || self.means_parent(input))
            && (wildcard::matches(&self.subresource, &input.subresource)
                // A policy about Pods is about the containers that are added to a running one, though it does not say so.
                || (using != Use::Except
                    && kind.group.is_empty()
                    && kind.version == "v1" && kind.kind == "Pod" && input.subresource == "ephemeralcontainers"))
    }
}

impl KindSelector {
    /// Whether the kind is that whose subresource is asked for. The object of `rollouts/scale` is a `Scale` of another group, and which kind
    /// `rollouts` is only the API server knows, so the plural is compared with the ways in which the kind's may be spelt.
    fn means_parent(&self, input: &Input) -> bool {
        let Some(asked) = input.asked_for().filter(|_| !input.subresource.is_empty()) else { return false };
        wildcard::matches(&self.group, asked.group)
            && wildcard::matches(&self.version, asked.version)
            && crate::admission::kind_plurals(&self.kind).iter().any(|plural| wildcard::matches(plural, asked.plural))
    }
}

/// `^v\d((alpha|beta)\d)?|\*$`: what begins as a version, or ends with a star.
fn is_version(text: &str) -> bool {
    let mut letters = text.chars();
    (letters.next() == Some('v') && letters.next().is_some_and(|letter| letter.is_ascii_digit())) || text.ends_with('*')
}

impl Selector {
    /// Whether labels are as the selector says. Keys and values of `matchLabels` may be wildcards.
    pub(crate) fn matches(&self, labels: &[(&str, &str)]) -> bool {
        let value = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        self.labels.iter().all(|(key, wanted)| {
            if wildcard::is_pattern(key) || wildcard::is_pattern(wanted) {
                labels.iter().any(|(name, value)| wildcard::matches(key, name) && wildcard::matches(wanted, value))
            } else {
                value(key) == Some(wanted.as_str())
            }
        }) && self.expressions.iter().all(|requirement| {
            let found = value(&requirement.key);
            let listed = found.is_some_and(|value| requirement.values.iter().any(|wanted| wanted == value));
            match requirement.operator {
                RequirementOperator::In => listed,
                RequirementOperator::NotIn => !listed,
                RequirementOperator::Exists => found.is_some(),
                RequirementOperator::DoesNotExist => found.is_none(),
            }
        })
    }

    pub(crate) fn compile(value: &Value) -> Result<Selector, String> {
        let mut selector = Selector::default();
        if let Some(labels) = value.get("matchLabels").and_then(Value::as_object) {
            for (key, value) in labels {
                let value = value.as_str().ok_or_else(|| format!("the value of label `{key}` is no text"))?;
                selector.labels.insert(key.clone(), value.to_owned());
            }
        }
        for entry in value.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = entry.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            let operator = match entry.get("operator").and_then(Value::as_str).unwrap_or_default() {
                "In" => RequirementOperator::In,
                "NotIn" => RequirementOperator::NotIn,
                "Exists" => RequirementOperator::Exists,
                "DoesNotExist" => RequirementOperator::DoesNotExist,
                other => {
                    return Err(format!(
                        "`{other}` is no operator of a label selector; there are In, NotIn, Exists and DoesNotExist"
                    ));
                }
            };
            let values = entry.get("values").and_then(Value::as_array).into_iter().flatten();
            let values: Vec<String> = values.filter_map(Value::as_str).map(str::to_owned).collect();
            let listing = matches!(operator, RequirementOperator::In | RequirementOperator::NotIn);
            if listing && values.is_empty() {
                return Err(format!("the label selector for `{key}` needs `values`"));
            }
            if !listing && !values.is_empty() {
                return Err(format!("the label selector for `{key}` asks whether it exists, and takes no `values`"));
            }
            selector.expressions.push(Requirement { key, operator, values });
        }
        Ok(selector)
    }
}

/// Whether the labels of an object are as a label selector of JSON says. A selector that cannot be read selects nothing.
pub fn selects(selector: &str, object: &Value) -> bool {
    let read = serde_json::from_str::<Value>(selector).ok().and_then(|value| Selector::compile(&value).ok());
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<(&str, &str)> = labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
    read.is_some_and(|selector| selector.matches(&labels))
}
