//! `generate` rules: which objects should be there because of a request.
//!
//! Objects are written out (`data`) or copied from others (`clone`, `cloneList`), which the caller hands in as the answer to [`Need::Objects`].
//! Nothing is made here, and nothing is kept up to date (`synchronize` is for whoever makes the objects).
//! Source: kyverno/kyverno:pkg/background/generate/{generate,data,clone}.go.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::conditions::Conditions;
use super::context::{Entry, Need, Snapshot};
use super::evaluate::{Response, Run, Status};
use super::exception::Exception;
use super::input::Input;
use super::policy::Policy;
use super::rule::{Body, entries, text};
use super::scope::{Given, QueryError, Scope};
use super::variables::{demands_kept, substitute, wildcards_kept};
use crate::jmespath::Surroundings;

/// Objects that one rule may make for one request.
const MAX_OBJECTS: usize = 10_000;
/// What belongs to the one object that was copied.
const OWN_METADATA: [&str; 7] =
    ["creationTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"];

/// `generate`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    one: Option<Object>,
    each: Vec<Foreach>,
}

/// What is made.
#[derive(Clone, Debug)]
struct Object {
    /// `apiVersion`, `kind`, `name`, `namespace` and one of `data`, `clone` and `cloneList`, with variables.
    written: Value,
}

/// The same for each element of a list.
#[derive(Clone, Debug)]
struct Foreach {
    list: String,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
    object: Object,
}

/// What all generate rules of a policy ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// One response for each rule that is about the request.
    pub responses: Vec<Response>,
    /// For each of them the objects that should be there.
    pub objects: Vec<Vec<Value>>,
    /// What must be fetched before the rules that ended in an error can be decided.
    pub needs: BTreeSet<Need>,
}

impl Generation {
    pub(crate) fn compile(value: &Value) -> Result<Generation, String> {
        let each = value.get("foreach").and_then(Value::as_array).into_iter().flatten();
        let each = each.map(Foreach::compile).collect::<Result<Vec<_>, _>>()?;
        let one = Object::compile(value)?;
        if one.is_some() != each.is_empty() {
            return Err("`generate` needs one of `data`, `clone`, `cloneList` and `foreach`".to_owned());
        }
        Ok(Generation { one, each })
    }
}

impl Object {
    /// `None`, if nothing is asked for here.
    fn compile(value: &Value) -> Result<Option<Object>, String> {
        let given = |key: &str| value.get(key).filter(|found| !found.is_null() && **found != json!({}));
        let sources: Vec<&str> =
            ["data", "clone", "cloneList"].into_iter().filter(|key| given(key).is_some()).collect();
        let [source] = sources.as_slice() else {
            return match sources.is_empty() {
                true => Ok(None),
                false => Err(format!("only one of {} is allowed in `generate`", sources.join(", "))),
            };
        };
        if *source != "cloneList" && (text(value, "kind").is_none() || text(value, "name").is_none()) {
            return Err("`generate` needs `kind` and `name`".to_owned());
        }
        let of_clone = value.pointer("/clone/name").and_then(Value::as_str).unwrap_or_default();
        if *source == "clone" && (of_clone.is_empty() || (of_clone.contains(['*', '?']) && !of_clone.contains("{{"))) {
            return Err("`clone` needs the `name` of one object".to_owned());
        }
        if *source == "cloneList" && !value.pointer("/cloneList/kinds").is_some_and(Value::is_array) {
            return Err("`cloneList` needs `kinds`".to_owned());
        }
        let keys = ["apiVersion", "kind", "name", "namespace", source];
        let written: Map<String, Value> =
            keys.iter().filter_map(|key| Some(((*key).to_owned(), given(key)?.clone()))).collect();
        Ok(Some(Object { written: Value::Object(written) }))
    }

    /// The objects that should be there.
    fn make(&self, run: &mut Run<'_>) -> Result<Vec<Value>, String> {
        let written = substitute(&self.written, &mut run.scope)
            .map_err(|err| format!("variable substitution failed: {err}"))?
            .into_owned();
        for key in ["apiVersion", "kind", "name", "namespace", "clone", "cloneList"] {
            let both = self.written.get(key).zip(written.get(key));
            both.map_or(Ok(()), |(policy, found)| {
                demands_kept(policy, found, key)?;
                wildcards_kept(policy, found, key)
            })?;
        }
        let part = |key: &str| text(&written, key).unwrap_or_default();
        let (kind, name) = (part("kind"), part("name"));
        // A policy of one namespace makes nothing in another.
        let namespace = match &run.policy.namespace {
            Some(own) if !part("namespace").is_empty() && part("namespace") != *own => {
                return Err(format!("a policy of namespace `{own}` makes nothing in `{}`", part("namespace")));
            }
            Some(own) => own.clone(),
            None => part("namespace"),
        };
        let version = if part("apiVersion").is_empty() { "v1".to_owned() } else { part("apiVersion") };
        if let Some(data) = written.get("data") {
            let object = data.clone();
            return Ok(vec![identified(object, &version, &kind, &name, &namespace)?]);
        }
        let of = |key: &str, part: &str| written.get(key).and_then(|of| text(of, part)).unwrap_or_default();
        let from = |list: &str| match &run.policy.namespace {
            Some(own) => own.clone(),
            None => of(list, "namespace"),
        };
        if written.get("clone").is_some() {
            let need = Need::Objects {
                api_version: version.clone(),
                kind: kind.clone(),
                namespace: from("clone"),
                name: of("clone", "name"),
                uid: String::new(),
                selector: String::new(),
            };
            let found = fetched(&need, run)?;
            let [source] = found.as_slice() else {
                return Err(format!("source resource {need} is not one object but {}", found.len()));
            };
            return Ok(vec![identified(copied(source), &version, &kind, &name, &namespace)?]);
        }
        let list = written.get("cloneList").unwrap_or(&Value::Null);
        let selector = list.get("selector").filter(|selector| !selector.is_null());
        let mut objects = Vec::new();
        for wanted in list.get("kinds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let (version, kind) = wanted.rsplit_once('/').unwrap_or(("v1", wanted));
            let need = Need::Objects {
                api_version: version.to_owned(),
                kind: kind.to_owned(),
                namespace: from("cloneList"),
                name: String::new(),
                uid: String::new(),
                selector: selector.map(Value::to_string).unwrap_or_default(),
            };
            for source in fetched(&need, run)? {
                let name = source.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                objects.push(identified(copied(&source), version, kind, &name, &namespace)?);
            }
        }
        Ok(objects)
    }
}

fn fetched(need: &Need, run: &mut Run<'_>) -> Result<Vec<Value>, String> {
    match run.scope.fetched(need) {
        Ok(Value::Array(objects)) if objects.len() <= MAX_OBJECTS => Ok(objects.clone()),
        Ok(Value::Array(_)) => Err(QueryError::TooLarge.to_string()),
        Ok(_) => Err(format!("the answer about {need} is no list")),
        Err(err) => Err(format!("failed to load the source: {err}")),
    }
}

/// What a copy of an object begins with.
fn copied(source: &Value) -> Value {
    let mut copy = source.clone();
    if let Some(object) = copy.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = copy.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OWN_METADATA.contains(&key.as_str()));
    }
    copy
}

/// The object under its own name, whatever its source calls itself.
fn identified(mut object: Value, version: &str, kind: &str, name: &str, namespace: &str) -> Result<Value, String> {
    let wrong = || "the data of the generated object is no mapping".to_owned();
    let entries = object.as_object_mut().ok_or_else(wrong)?;
    entries.insert("apiVersion".to_owned(), json!(version));
    entries.insert("kind".to_owned(), json!(kind));
    let metadata = entries.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    let metadata = metadata.as_object_mut().ok_or_else(wrong)?;
    metadata.insert("name".to_owned(), json!(name));
    match namespace {
        "" => metadata.remove("namespace"),
        namespace => metadata.insert("namespace".to_owned(), json!(namespace)),
    };
    Ok(object)
}

impl Foreach {
    fn compile(value: &Value) -> Result<Foreach, String> {
        let list = text(value, "list").filter(|list| !list.trim().is_empty()).ok_or("`foreach` needs a `list`")?;
        let object = Object::compile(value)?;
        Ok(Foreach {
            object: object.ok_or_else(|| format!("`foreach` over `{list}` makes nothing"))?,
            context: entries(value)?,
            preconditions: value
                .get("preconditions")
                .filter(|found| !found.is_null())
                .map(Conditions::compile)
                .transpose()?,
            list,
        })
    }

    fn make<'a>(&'a self, run: &mut Run<'a>, objects: &mut Vec<Value>) -> Result<(), String> {
        let elements = match run.scope.query(&self.list) {
            Ok(Value::Array(items)) => items,
            Ok(other) => vec![other],
            Err(err) => return Err(format!("failed to evaluate list {}: {err}", self.list)),
        };
        let mark = run.scope.mark();
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| !element.is_null()) {
            let made = self.element(run, index, element);
            run.scope.back_to(mark);
            objects.extend(made?);
            if objects.len() > MAX_OBJECTS {
                return Err(QueryError::TooLarge.to_string());
            }
        }
        Ok(())
    }

    fn element<'a>(&'a self, run: &mut Run<'a>, index: usize, element: &Value) -> Result<Vec<Value>, String> {
        run.scope.set_element(Arc::new(element.clone()), index, 0).map_err(|err| err.to_string())?;
        run.scope.declare(&self.context);
        if let Some(conditions) = &self.preconditions {
            match conditions.hold(&mut run.scope) {
                Ok((true, _)) => {}
                Ok((false, _)) => return Ok(Vec::new()),
                Err(err) => return Err(format!("failed to evaluate preconditions: {err}")),
            }
        }
        self.object.make(run)
    }
}

impl Policy {
    /// Whether any rule makes objects.
    pub fn generates(&self) -> bool {
        self.rules().iter().any(|rule| matches!(rule.body, Body::Generate(_)))
    }

    /// What all generate rules ask for because of a request. A deletion makes nothing.
    pub fn generate(
        &self,
        input: &Input,
        exceptions: &[Exception],
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Generated {
        let mut generated = Generated::default();
        let Some(object) = input.object() else { return generated };
        let view = input.view(object);
        if self.namespace.as_deref().is_some_and(|namespace| namespace != view.namespace) {
            return generated;
        }
        for rule in self.rules() {
            let Body::Generate(generation) = &rule.body else { continue };
            if !rule.is_about(input, &view) {
                continue;
            }
            let given = Given {
                expressions: &rule.expressions,
                snapshot,
                surroundings,
                extractors: &rule.extractors,
                namespace: self.namespace.as_deref(),
            };
            let request = input.request_for(&rule.name);
            let mut run = Run {
                policy: self,
                rule,
                input,
                scope: Scope::new(input, request, &rule.name, given),
                properties: std::collections::BTreeMap::new(),
            };
            let mut objects = Vec::new();
            let found = match run.prelude(exceptions) {
                Err(outcome) => outcome.map(|(status, message, _)| (status, message)),
                Ok(_) => {
                    let made = match &generation.one {
                        Some(one) => one.make(&mut run).map(|made| objects = made),
                        None => generation.each.iter().try_for_each(|each| each.make(&mut run, &mut objects)),
                    };
                    Some(match made {
                        Ok(()) if objects.is_empty() => (Status::Skip, "nothing is generated".to_owned()),
                        Ok(()) => (Status::Pass, "resource generated".to_owned()),
                        Err(message) => {
                            objects.clear();
                            (Status::Error, message)
                        }
                    })
                }
            };
            generated.needs.append(&mut run.scope.needs);
            let Some((status, message)) = found else { continue };
            let (rule, action) = (rule.name.clone(), self.failure_action);
            generated.responses.push(Response { rule, status, message, path: None, action, target: None });
            generated.objects.push(objects);
            if self.apply_one && status == Status::Pass {
                break;
            }
        }
        generated
    }
}

#[cfg(test)]
mod tests {
    use signet_yaml::{Limits, parse};

    use super::*;
    use crate::kyverno::Operation;

    fn policy(generate: &str) -> Result<Policy, String> {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Namespace]}}}}]}}\n    generate: {generate}"
        );
        let documents = parse(&text, &Limits::default()).expect("YAML");
        Policy::load(&documents[0].root).map_err(|problems| format!("{problems:?}"))
    }

    #[track_caller]
    fn check(generate: &str, answer: Option<Value>, want: Result<Value, &str>) {
        let policy = policy(generate).expect("a policy");
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"a": "b", "empty": "", "all": "*", "number": 7}}, "list": ["x", "y"]});
        let input = Input::of(object, Operation::Create);
        let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32]);
        let first = policy.generate(&input, &[], &Snapshot::new(), &surroundings);
        let snapshot: Snapshot = match answer {
            None => Snapshot::new(),
            Some(answer) => first.needs.iter().map(|need| (need.clone(), answer.clone())).collect(),
        };
        let found = policy.generate(&input, &[], &snapshot, &surroundings);
        match want {
            Ok(want) => {
                assert_eq!(found.responses[0].status, Status::Pass, "{}", found.responses[0].message);
                assert_eq!(json!(found.objects[0]), want);
            }
            Err(message) => {
                assert_eq!(found.responses[0].status, Status::Error);
                assert!(found.responses[0].message.contains(message), "{}", found.responses[0].message);
                assert_eq!(found.objects, [Vec::<Value>::new()]);
            }
        }
    }

    #[test]
    fn objects_are_written_out_or_copied() {
        let data = "{apiVersion: v1, kind: ConfigMap, name: c, namespace: '{{ request.object.metadata.name }}', synchronize: true, data: {data: {of: '{{ request.object.metadata.labels.a }}'}}}";
        let made = json!([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": {"of": "b"}}]);
        check(data, None, Ok(made));
        check(&data.replace("labels.a", "labels.none"), None, Err("variable substitution failed"));
        let source = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "from", "uid": "1", "labels": {"k": "v"}}, "data": {"d": "e"}, "status": {}});
        let clone = "{apiVersion: v1, kind: Secret, name: t, namespace: 'n', clone: {name: s, namespace: from}}";
        let copy = |name: &str| json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "n", "labels": {"k": "v"}}, "data": {"d": "e"}}]);
        check(clone, Some(json!([source])), Ok(copy("t")));
        check(clone, Some(json!([])), Err("is not one object but 0"));
        check(clone, None, Err("is needed and was not given"));
        let by_label = clone.replace("name: s", "name: '{{ request.object.metadata.labels.NAME }}'");
        check(&by_label.replace("NAME", "a"), Some(json!([source])), Ok(copy("t")));
        for (label, message) in [("empty", "an empty text"), ("all", "a wildcard"), ("number", "is no text")] {
            check(&by_label.replace("NAME", label), Some(json!([source])), Err(message));
        }
        let list =
            "{namespace: 'n', cloneList: {namespace: from, kinds: [v1/Secret], selector: {matchLabels: {k: v}}}}";
        check(list, Some(json!([source])), Ok(copy("s")));
        let each = "{foreach: [{list: request.object.list, apiVersion: v1, kind: ConfigMap, name: '{{ element }}', namespace: 'n', data: {data: {}}}]}";
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": {}});
        check(each, None, Ok(json!([named("x"), named("y")])));
        let unknown = each.replace(
            "apiVersion: v1",
            "preconditions: {all: [{key: '{{ request.object.none }}', operator: Equals, value: a}]}, apiVersion: v1",
        );
        check(&unknown, None, Err("failed to evaluate preconditions"));
    }

    #[test]
    fn what_is_wrong_is_refused_at_load() {
        for (generate, message) in [
            ("{kind: Secret, name: a}", "needs one of"),
            ("{kind: Secret, name: a, data: {a: 1}, clone: {name: b}}", "only one of"),
            ("{data: {a: 1}}", "needs `kind` and `name`"),
            ("{kind: Secret, name: a, clone: {namespace: b}}", "the `name` of one object"),
            ("{kind: Secret, name: a, clone: {name: '*', namespace: b}}", "the `name` of one object"),
            ("{kind: Secret, name: a, dat: {a: 1}}", "did you mean `data`?"),
        ] {
            let problems = policy(generate).expect_err("refused");
            assert!(problems.contains(message), "{problems}");
        }
    }
}
