//! What expressions see while one rule is evaluated: the request, context entries loaded when they are first named, the elements of `foreach`.
//!
//! Nothing is copied that is not changed. What entries add is weighed, and capped as Kyverno caps a rule's context (CVE-2026-23881).

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::confines::Confines;
use super::context::{Entry, Need, Snapshot, Source, body};
use super::images::{self, Extractors};
use super::input::{Input, Operation};
use super::variables::{substitute, substitute_text};
use super::work::Work;
use crate::jmespath::{Expression, Limits, RootError, Roots, SearchError, Surroundings};

/// Bytes that context entries and elements of one rule may hold together.
const MAX_CONTEXT: usize = 2 << 20;
/// Names that every rule has, or may have.
const RESERVED: [&str; 7] =
    ["request", "images", "target", "element", "elementIndex", "serviceAccountName", "serviceAccountNamespace"];
/// Entries that load each other.
const MAX_DEPTH: usize = 32;

/// Expressions that were parsed when the policy was loaded, by their text.
pub(crate) type Expressions = HashMap<String, Arc<Expression>>;

/// Why an expression gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// A key is missing.
    #[error("failed to query {query}: {err}")]
    Unknown { query: String, err: SearchError },
    /// The expression cannot be read, or a function refused its arguments.
    #[error("{0}")]
    Wrong(String),
    /// Something must be fetched first.
    #[error("{0} is needed and was not given")]
    Needs(Box<Need>),
    /// A limit was reached.
    #[error(
        "the rule takes more work or memory for this request than one rule may take (2 MiB of values, 4 million steps)"
    )]
    TooLarge,
}

impl QueryError {
    /// Whether nothing is wrong but that a value is not there.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, QueryError::Unknown { .. })
    }
}

/// The state of one rule's evaluation.
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Input,
    request: Cow<'a, Value>,
    rule: &'a str,
    expressions: &'a Expressions,
    snapshot: &'a Snapshot,
    surroundings: &'a Surroundings,
    extractors: &'a Extractors,
    confines: Option<Confines<'a>>,
    /// Shared with what they were made of: an element of a list has two names.
    values: Vec<(String, Arc<Value>)>,
    pending: Vec<Pending<'a>>,
    images: OnceCell<Result<Value, String>>,
    weight: usize,
    depth: usize,
    queries: u64,
    /// What the rule may still take.
    pub(crate) work: Work,
    /// What was asked for in vain.
    pub(crate) needs: BTreeSet<Need>,
}

struct Pending<'a> {
    entry: &'a Entry,
    /// Where its value stands, once it is loaded.
    at: Option<usize>,
    loading: bool,
}

/// A state to come back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    values: usize,
    pending: usize,
    weight: usize,
}

/// What evaluation is given besides the rule and the input.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) expressions: &'a Expressions,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) extractors: &'a Extractors,
    /// The namespace of the policy, if it lies in one: it may look nowhere else.
    pub(crate) namespace: Option<&'a str>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(input: &'a Input, request: Cow<'a, Value>, rule: &'a str, given: Given<'a>) -> Scope<'a> {
        Scope {
            input,
            request,
            rule,
            expressions: given.expressions,
            snapshot: given.snapshot,
            surroundings: given.surroundings,
            extractors: given.extractors,
            confines: Confines::of(given.namespace, &input.request),
            values: Vec::new(),
            pending: Vec::new(),
            images: OnceCell::new(),
            weight: 0,
            depth: 0,
            queries: 0,
            work: Work::default(),
            needs: BTreeSet::new(),
        }
    }

    /// Announces entries. Each is loaded when an expression first names it.
    pub(crate) fn declare(&mut self, entries: &'a [Entry]) {
        self.pending.extend(entries.iter().map(|entry| Pending { entry, at: None, loading: false }));
    }

    /// Sets the target of a rule that changes other resources.
    pub(crate) fn set_target(&mut self, target: Value) -> Result<(), QueryError> {
        self.push("target".to_owned(), target)
    }

    /// Sets a value of an attestation under a name. A name that means something already is an error: who makes the attestation would say what
    /// the policy's own context is.
    pub(crate) fn set_named(&mut self, name: &str, value: &Value) -> Result<(), QueryError> {
        let known = RESERVED.contains(&name)
            || self.pending.iter().any(|pending| pending.entry.name == name)
            || self.values.iter().any(|(known, _)| known == name);
        if known {
            return Err(QueryError::Wrong(format!(
                "`{}` of an attestation is the name of something else in this rule",
                name.escape_debug()
            )));
        }
        self.push(name.to_owned(), value.clone())
    }

    /// The same for each field of a predicate.
    pub(crate) fn set_all(&mut self, fields: &Map<String, Value>) -> Result<(), QueryError> {
        fields.iter().try_for_each(|(name, value)| self.set_named(name, value))
    }

    /// What was fetched for a need; one that nobody answered yet is noted.
    pub(crate) fn fetched(&mut self, need: &Need) -> Result<&'a Value, QueryError> {
        if let Some(confines) = &self.confines {
            confines.allow(need).map_err(QueryError::Wrong)?;
        }
        let snapshot = self.snapshot;
        match snapshot.get(need) {
            Some(found) => Ok(found),
            None => {
                self.needs.insert(need.clone());
                Err(QueryError::Needs(Box::new(need.clone())))
            }
        }
    }

    /// What is mutated so far takes the place of the request's object.
    pub(crate) fn set_object(&mut self, object: Value) {
        if let Some(request) = self.request.to_mut().as_object_mut() {
            request.insert("object".to_owned(), object);
        }
        self.images = OnceCell::new();
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { values: self.values.len(), pending: self.pending.len(), weight: self.weight }
    }

    /// Forgets everything since the mark. Entries that were loaded since are loaded again when they are named again.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.values.truncate(mark.values);
        self.pending.truncate(mark.pending);
        self.weight = mark.weight;
        for pending in &mut self.pending {
            if pending.at.is_some_and(|at| at >= mark.values) {
                pending.at = None;
            }
        }
    }

    /// Sets the element of a `foreach`, and what was handed in for it.
    pub(crate) fn set_element(&mut self, element: Arc<Value>, index: usize, nesting: usize) -> Result<(), QueryError> {
        if let Some(handed) = self.input.elements_of(self.rule) {
            for (name, values) in handed {
                if let Some(value) = values.get(index) {
                    self.push(name.clone(), value.clone())?;
                }
            }
        }
        self.push("element".to_owned(), Arc::clone(&element))?;
        self.push(format!("element{nesting}"), element)?;
        self.push("elementIndex".to_owned(), Value::from(index))?;
        self.push(format!("elementIndex{nesting}"), Value::from(index))
    }

    fn push(&mut self, name: String, value: impl Into<Arc<Value>>) -> Result<(), QueryError> {
        let value = value.into();
        let weight = name.len().saturating_add(weigh(&value));
        self.work.bytes(weight)?;
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_CONTEXT {
            return Err(QueryError::TooLarge);
        }
        self.values.push((name, value));
        Ok(())
    }

    /// Evaluates a rule that is written in CEL. `namespace`: that of its policy, if it lies in one.
    pub(crate) fn cel(
        &mut self,
        cel: &crate::admission::CelRule,
        namespace: Option<&str>,
    ) -> (super::Status, String, Option<String>) {
        let ((status, message), needs) = cel.check(self.rule, namespace, self.input, self.snapshot, self.surroundings);
        self.needs.extend(needs);
        (status, message, None)
    }

    /// Whether the request deletes: then what policies call `request.object` is the old object.
    pub(crate) fn deleting(&self) -> bool {
        self.input.operation == Operation::Delete
    }

    /// What `{{ @ }}` means at a place of a pattern.
    pub(crate) fn current(&self, path: &str) -> String {
        let root = if self.handed_in("target").is_some() { "target" } else { "request.object" };
        let mut expression = root.to_owned();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let part = part.replace(super::variables::SLASH, "/");
            let part = super::anchors::bare(&part);
            if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
                expression.push_str(&format!("[{part}]"));
            } else {
                expression.push_str(&format!(".{}", Value::String(part.to_owned())));
            }
        }
        expression
    }

    /// Evaluates an expression.
    pub(crate) fn query(&mut self, text: &str) -> Result<Value, QueryError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QueryError::Wrong("invalid query (nil)".to_owned()));
        }
        self.work.steps((1 + text.len() / 64).saturating_mul(1 + self.pending.len()))?;
        self.load_named(text)?;
        let expression = match self.expressions.get(text) {
            Some(expression) => Arc::clone(expression),
            None => Arc::new(
                Expression::parse(text).map_err(|err| QueryError::Wrong(format!("incorrect query {text}: {err}")))?,
            ),
        };
        self.queries += 1;
        let mut surroundings = self.surroundings.clone();
        // Each search draws its own randomness.
        for (byte, count) in surroundings.seed.iter_mut().zip(self.queries.to_le_bytes()) {
            *byte ^= count;
        }
        surroundings.limits = granted(&surroundings.limits, &self.work);
        let (found, left) = expression.search_within(self, &surroundings);
        let found = found.map(Cow::into_owned).map_err(|err| failed(text, err));
        self.paid(&surroundings.limits, &left, found)
    }

    /// Pays for a search, and for the copy of what it found.
    fn paid(&mut self, had: &Limits, left: &Limits, found: Result<Value, QueryError>) -> Result<Value, QueryError> {
        self.work.steps = self.work.steps.saturating_sub(had.steps.saturating_sub(left.steps));
        self.work.bytes = self.work.bytes.saturating_sub(had.bytes.saturating_sub(left.bytes));
        match &found {
            Ok(value) => self.work.bytes(weigh(value))?,
            Err(QueryError::TooLarge) => self.work.end(),
            Err(_) => {}
        }
        found
    }

    fn load_named(&mut self, text: &str) -> Result<(), QueryError> {
        for index in 0..self.pending.len() {
            let Some(pending) = self.pending.get_mut(index) else { break };
            if pending.at.is_some() || pending.loading || !names(text, &pending.entry.name) {
                continue;
            }
            let entry = pending.entry;
            pending.loading = true;
            let value = if self.depth >= MAX_DEPTH {
                Err(QueryError::TooLarge)
            } else {
                self.depth += 1;
                let value = self.load(entry);
                self.depth -= 1;
                value
            };
            if let Some(pending) = self.pending.get_mut(index) {
                pending.loading = false;
            }
            let Some(value) = value? else { continue };
            self.push(entry.name.clone(), value)?;
            let at = self.values.len() - 1;
            if let Some(pending) = self.pending.get_mut(index) {
                pending.at = Some(at);
            }
        }
        Ok(())
    }

    /// The value of an entry; `None` if one was handed in under its name.
    fn load(&mut self, entry: &Entry) -> Result<Option<Value>, QueryError> {
        let wrong = |err: super::variables::Unresolved| match *err.err {
            QueryError::Needs(need) => QueryError::Needs(need),
            QueryError::TooLarge => QueryError::TooLarge,
            QueryError::Unknown { .. } | QueryError::Wrong(_) => {
                QueryError::Wrong(format!("failed to load context entry {}: {err}", entry.name))
            }
        };
        if let Source::Variable { value, path, default } = &entry.source {
            return self.load_variable(&entry.name, value.as_ref(), path.as_deref(), default.as_ref()).map(Some);
        }
        if self.stands_for(&entry.name) {
            return Ok(None);
        }
        let text = |text: &str, scope: &mut Scope<'_>| -> Result<String, QueryError> {
            Ok(match substitute_text(text, scope).map_err(wrong)? {
                Value::String(text) => text,
                other => other.to_string(),
            })
        };
        let (need, path, default) = match &entry.source {
            Source::ConfigMap { name, namespace } => {
                (Need::ConfigMap { namespace: text(namespace, self)?, name: text(name, self)? }, None, None)
            }
            Source::Api { url_path, url, method, data, path, default } => {
                let mut resolved = Vec::with_capacity(data.len());
                for (key, value) in data {
                    resolved.push((key.clone(), substitute(value, self).map_err(wrong)?.into_owned()));
                }
                let body = if method == "GET" { String::new() } else { body(&resolved).to_string() };
                let method = method.clone();
                let need = match (url_path, url) {
                    (Some(url_path), _) => Need::Api { method, url_path: text(url_path, self)?, body },
                    (None, url) => Need::Service {
                        method,
                        url: text(url.as_deref().unwrap_or_default(), self)?,
                        headers: BTreeMap::new(),
                        body,
                    },
                };
                (need, path.as_deref(), default.as_ref())
            }
            Source::Image { reference, path } => {
                (Need::Image { reference: text(reference, self)? }, path.as_deref(), None)
            }
            Source::Global { name, path } => {
                (Need::Global { name: text(name, self)?, projection: String::new() }, path.as_deref(), None)
            }
            Source::Variable { .. } => return Ok(None),
        };
        let found = self.fetched(&need)?;
        let Some(path) = path else { return Ok(Some(found.clone())) };
        let path = text(path, self)?;
        match (self.search_in(found, &path), default) {
            // No default stands for what was too dear to look at.
            (Err(QueryError::TooLarge), _) => Err(QueryError::TooLarge),
            (Ok(value), None) => Ok(Some(value)),
            (Ok(value), Some(_)) if !value.is_null() => Ok(Some(value)),
            (Err(err), None) => Err(err),
            (_, Some(default)) => Ok(Some(substitute(default, self).map_err(wrong)?.into_owned())),
        }
    }

    fn load_variable(
        &mut self,
        name: &str,
        value: Option<&Value>,
        path: Option<&str>,
        default: Option<&Value>,
    ) -> Result<Value, QueryError> {
        let resolved = |err: super::variables::Unresolved| match *err.err {
            QueryError::Needs(need) => QueryError::Needs(need),
            QueryError::TooLarge => QueryError::TooLarge,
            _ => QueryError::Wrong(format!("failed to substitute variables in context entry {name}: {err}")),
        };
        let path = match path {
            None => None,
            Some(path) => match substitute_text(path, self).map_err(resolved)? {
                Value::String(path) => Some(path),
                other => Some(other.to_string()),
            },
        };
        let found = match (value, path) {
            (Some(value), path) => {
                let value = substitute(value, self).map_err(resolved)?.into_owned();
                match path {
                    None => Ok(value),
                    Some(path) => self.search_in(&value, &path),
                }
            }
            (None, Some(path)) => {
                let path = if self.deleting() { path.replace("request.object", "request.oldObject") } else { path };
                self.query(&path)
            }
            (None, None) => Ok(Value::Null),
        };
        let found = match found {
            Err(err @ (QueryError::Needs(_) | QueryError::TooLarge)) => return Err(err),
            Ok(value) if !value.is_null() => return Ok(value),
            other => other,
        };
        match (found, default) {
            (_, Some(default)) => Ok(substitute(default, self).map_err(resolved)?.into_owned()),
            (Err(err), None) => Err(err),
            (Ok(_), None) => Err(QueryError::Wrong(format!(
                "failed to add context entry for variable {name} since it evaluated to nil"
            ))),
        }
    }

    fn search_in(&mut self, document: &Value, path: &str) -> Result<Value, QueryError> {
        let expression =
            Expression::parse(path).map_err(|err| QueryError::Wrong(format!("incorrect query {path}: {err}")))?;
        let mut surroundings = self.surroundings.clone();
        surroundings.limits = granted(&surroundings.limits, &self.work);
        let (found, left) = expression.search_document_within(document, &surroundings);
        let found = found.map(Cow::into_owned).map_err(|err| failed(path, err));
        self.paid(&surroundings.limits, &left, found)
    }

    /// Whether a value was handed in from outside in place of a context entry. What evaluation itself set under the name is none.
    fn stands_for(&self, name: &str) -> bool {
        self.input.roots_of(self.rule).is_some_and(|roots| roots.contains_key(name))
            || self.input.roots.contains_key(name)
            || (self.input.elements_of(self.rule).is_some_and(|elements| elements.contains_key(name))
                && self.values.iter().any(|(known, _)| known == name))
    }

    fn handed_in(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
            .or_else(|| self.input.roots_of(self.rule)?.get(name).filter(|_| name != "request"))
            .or_else(|| self.input.roots.get(name))
    }
}

impl Roots for Scope<'_> {
    fn get(&self, name: &str) -> Option<Result<&Value, RootError>> {
        if let Some(value) = self.handed_in(name) {
            return Some(Ok(value));
        }
        match name {
            "request" => Some(Ok(&self.request)),
            "images" => {
                let images = self.images.get_or_init(|| images::of(&self.request, self.extractors, self.surroundings));
                Some(images.as_ref().map_err(|message| RootError::from(message.clone())))
            }
            _ => None,
        }
    }
}

fn failed(query: &str, err: SearchError) -> QueryError {
    if matches!(err, SearchError::TooMuchWork | SearchError::TooLarge) {
        QueryError::TooLarge
    } else if err.is_unknown_key() {
        QueryError::Unknown { query: query.to_owned(), err }
    } else if let SearchError::Root { err: cause, .. } = &err {
        QueryError::Wrong(format!("failed to query {query}: {err}: {cause}"))
    } else {
        QueryError::Wrong(format!("failed to query {query}: {err}"))
    }
}

/// Whether an expression uses a name: as a word, not as a key behind a dot.
fn names(text: &str, name: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(|letter| word(letter) || letter == '.') && !after.is_some_and(word)
    })
}

/// The limits of one search: its own, and no more than the rule has left.
fn granted(limits: &Limits, work: &Work) -> Limits {
    Limits { steps: limits.steps.min(work.steps), bytes: limits.bytes.min(work.bytes) }
}

/// About how many bytes a value takes.
pub(crate) fn weigh(value: &Value) -> usize {
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weigh).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + weigh(value)).sum(),
        _ => 0,
    }
}
