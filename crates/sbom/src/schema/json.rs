//! JSON Schema, as far as the schemas of SBOM formats use it: draft-07 and 2020-12 without dynamic references.
//!
//! Source: json-schema.org/draft/2020-12/json-schema-core, -validation. `format` is asserted, as the formats' own validators do. A test holds
//! that no embedded schema uses a keyword that is not interpreted here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::formats;
use super::pattern::Pattern;
use crate::lint::Problem;

/// References and schemas inside each other: far more than any document of ours needs, and safe on a small stack.
const DEPTH: usize = 300;
/// Problems that are collected; the rest would tell nobody more.
const PROBLEMS: usize = 100;
/// Schemas that a node of the document is held against, on average. SPDX 3, whose schema has the most alternatives, takes some fifty.
const STEPS_PER_NODE: u64 = 2000;

/// The schema files that refer to each other, by name; the first is the one that documents follow.
pub(crate) struct Checker<'s> {
    files: &'s [(&'static str, Value)],
    patterns: RefCell<HashMap<&'s str, Option<Pattern>>>,
    /// The `type` member that a schema demands, by the schema's address.
    types: RefCell<HashMap<usize, Option<&'s str>>>,
    /// What [`Checker::nearest`] found for a list of alternatives and a value, by their addresses: alternatives inside alternatives would
    /// otherwise be tried anew on each level, a power of them altogether.
    known: RefCell<HashMap<(usize, usize), Vec<Problem>>>,
    /// Schemas that may still be looked at.
    steps: Cell<u64>,
}

/// Where a check stands.
#[derive(Clone, Copy)]
struct At<'s, 'p> {
    /// The file that references without a file name mean.
    file: &'s Value,
    path: &'p Path<'p>,
    depth: usize,
    /// Stop at the first problem: only whether there is one counts.
    quick: bool,
}

/// A place in the document as a linked list on the stack.
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(outer, key) => write!(f, "{outer}.{key}"),
            Path::Index(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

/// The members of an object that some schema spoke of.
type Seen<'v> = BTreeSet<&'v str>;

impl<'s> Checker<'s> {
    pub(crate) fn new(files: &'s [(&'static str, Value)]) -> Checker<'s> {
        Checker {
            files,
            patterns: RefCell::default(),
            types: RefCell::default(),
            known: RefCell::default(),
            steps: Cell::new(0),
        }
    }

    /// All problems of a document, at most a hundred.
    pub(crate) fn check(&self, document: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.known.borrow_mut().clear();
        self.steps.set(nodes(document).saturating_add(500).saturating_mul(STEPS_PER_NODE));
        if let Some((_, schema)) = self.files.first() {
            let at = At { file: schema, path: &Path::Root, depth: 0, quick: false };
            self.value(schema, document, at, &mut Seen::new(), &mut problems);
        }
        problems
    }

    fn holds<'v>(&self, schema: &'s Value, value: &'v Value, at: At<'s, '_>, seen: &mut Seen<'v>) -> bool {
        if self.is_of_another_type(schema, value, at.file) {
            return false;
        }
        let mut problems = Vec::new();
        let mut own = Seen::new();
        self.value(schema, value, At { quick: true, ..at }, &mut own, &mut problems);
        if problems.is_empty() {
            seen.extend(own);
        }
        problems.is_empty()
    }

    fn value<'v>(
        &self,
        schema: &'s Value,
        value: &'v Value,
        at: At<'s, '_>,
        seen: &mut Seen<'v>,
        problems: &mut Vec<Problem>,
    ) {
        let say = |problems: &mut Vec<Problem>, what: String| {
            if problems.len() < PROBLEMS {
                problems.push(Problem { at: at.path.to_string(), what });
            }
        };
        if at.depth > DEPTH {
            return say(problems, "nested too deeply to be checked".to_owned());
        }
        match self.steps.get().checked_sub(1) {
            Some(left) => self.steps.set(left),
            None => return say(problems, "too intricate to be checked".to_owned()),
        }
        let rules = match schema {
            Value::Bool(true) => return,
            Value::Object(rules) => rules,
            _ => return say(problems, "must not be there".to_owned()),
        };
        let before = problems.len();
        let deeper = At { depth: at.depth + 1, ..at };
        if let Some(reference) = rules.get("$ref").and_then(Value::as_str) {
            match self.resolve(at.file, reference) {
                Some((file, target)) => self.value(target, value, At { file, ..deeper }, seen, problems),
                None => say(problems, format!("the schema refers to `{reference}`, which is not there")),
            }
        }
        if let Some(ty) = rules.get("type") {
            let is = |name: &Value| name.as_str().is_some_and(|name| is_type(value, name));
            let fits = ty.as_array().map_or_else(|| is(ty), |list| list.iter().any(is));
            if !fits {
                return say(problems, format!("is {} and must be {}", type_name(value), names(ty)));
            }
        }
        if let Some(wanted) = rules.get("const")
            && wanted != value
        {
            say(problems, format!("is {} and must be {wanted}", short(value)));
        }
        if let Some(list) = rules.get("enum").and_then(Value::as_array)
            && !list.contains(value)
        {
            let listed: Vec<String> = list.iter().take(12).map(Value::to_string).collect();
            let more = if list.len() > 12 { ", ..." } else { "" };
            say(problems, format!("is {} and must be one of {}{more}", short(value), listed.join(", ")));
        }
        if at.quick && !problems.is_empty() {
            return;
        }
        match value {
            Value::Object(members) => self.object(rules, members, at, deeper, seen, problems),
            Value::Array(items) => self.array(rules, items, at, deeper, problems),
            Value::String(text) => {
                if let Some(what) = self.string(rules, text) {
                    say(problems, what);
                }
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                let bound = |name: &str| rules.get(name).and_then(Value::as_f64);
                if bound("minimum").is_some_and(|least| number < least)
                    || bound("maximum").is_some_and(|most| number > most)
                {
                    say(problems, format!("is {} and out of range", short(value)));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        if at.quick && !problems.is_empty() {
            return;
        }
        self.combined(rules, value, deeper, seen, problems);
        if rules.get("unevaluatedProperties") == Some(&Value::Bool(false))
            && problems.len() == before
            && let Value::Object(members) = value
        {
            for key in members.keys().filter(|key| !seen.contains(key.as_str())) {
                say(problems, format!("has a member `{key}` that the specification does not have"));
            }
            seen.extend(members.keys().map(String::as_str));
        }
    }

    fn combined<'v>(
        &self,
        rules: &'s serde_json::Map<String, Value>,
        value: &'v Value,
        at: At<'s, '_>,
        seen: &mut Seen<'v>,
        problems: &mut Vec<Problem>,
    ) {
        let say = |problems: &mut Vec<Problem>, what: &str| {
            if problems.len() < PROBLEMS {
                problems.push(Problem { at: at.path.to_string(), what: what.to_owned() });
            }
        };
        let list = |name: &str| rules.get(name).and_then(Value::as_array);
        for schema in list("allOf").into_iter().flatten() {
            self.value(schema, value, at, seen, problems);
            if at.quick && !problems.is_empty() {
                return;
            }
        }
        if let Some(branches) = list("anyOf") {
            let mut found = false;
            for schema in branches {
                found |= self.holds(schema, value, at, seen);
            }
            if !found {
                self.nearest(branches, value, at, problems);
            }
        }
        if let Some(branches) = list("oneOf") {
            match branches.iter().filter(|schema| self.holds(schema, value, at, seen)).count() {
                0 => self.nearest(branches, value, at, problems),
                1 => {}
                _ => say(problems, "fits more than one of the forms that exclude each other"),
            }
        }
        if let Some(schema) = rules.get("not")
            && self.holds(schema, value, at, &mut Seen::new())
        {
            say(problems, "has a form that is ruled out");
        }
        if let Some(condition) = rules.get("if") {
            let branch = if self.holds(condition, value, at, seen) { "then" } else { "else" };
            if let Some(schema) = rules.get(branch) {
                self.value(schema, value, at, seen, problems);
            }
        }
    }

    /// The problems of the form that comes closest: the one that fails deepest inside, and of these with the fewest problems.
    fn nearest<'v>(&self, branches: &'s [Value], value: &'v Value, at: At<'s, '_>, problems: &mut Vec<Problem>) {
        let mut best: Option<(usize, Vec<Problem>)> = None;
        let key = (std::ptr::from_ref(branches).addr(), std::ptr::from_ref(value).addr());
        if let Some(known) = self.known.borrow().get(&key).filter(|_| !at.quick) {
            problems.extend(known.iter().take(PROBLEMS.saturating_sub(problems.len()).max(1)).cloned());
            return;
        }
        if !at.quick {
            for schema in branches.iter().take(200) {
                if self.is_of_another_type(schema, value, at.file) {
                    continue;
                }
                let mut found = Vec::new();
                self.value(schema, value, at, &mut Seen::new(), &mut found);
                // A form whose `type` member differs is another thing altogether.
                let other = found
                    .iter()
                    .any(|problem| problem.what.contains(" and must be \"") || problem.at.ends_with(".type"));
                let depth = found.iter().map(|problem| problem.at.len()).max().unwrap_or_default();
                let score = if other { 0 } else { 1 + depth * 100 / (found.len().max(1)) };
                if best.as_ref().is_none_or(|(known, _)| score > *known) {
                    best = Some((score, found));
                }
            }
        }
        let own = Problem { at: at.path.to_string(), what: "has none of the allowed forms".to_owned() };
        let found = match best {
            Some((score, found)) if score > 0 && !found.is_empty() => found,
            _ => vec![own],
        };
        problems.extend(found.iter().take(PROBLEMS.saturating_sub(problems.len()).max(1)).cloned());
        if !at.quick {
            self.known.borrow_mut().insert(key, found);
        }
    }

    /// Whether the value's `type` is not the one that the schema demands: most alternatives of SPDX 3 are told apart by it.
    fn is_of_another_type(&self, schema: &'s Value, value: &Value, file: &'s Value) -> bool {
        let Some(own) = value.get("type").and_then(Value::as_str) else { return false };
        let key = std::ptr::from_ref(schema).addr();
        let known = self.types.borrow().get(&key).copied();
        let wanted = known.unwrap_or_else(|| {
            let found = self.wanted_type(schema, file, 0);
            self.types.borrow_mut().insert(key, found);
            found
        });
        wanted.is_some_and(|wanted| wanted != own)
    }

    /// The one text that `type` must be, where a schema demands one at its top, in a reference, or in a part that must hold.
    fn wanted_type(&self, schema: &'s Value, file: &'s Value, depth: usize) -> Option<&'s str> {
        if depth > 10 {
            return None;
        }
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| self.resolve(file, reference));
        if let Some(found) = referred.and_then(|(file, target)| self.wanted_type(target, file, depth + 1)) {
            return Some(found);
        }
        let own = schema.pointer("/properties/type");
        let one = |rule: &'s Value| match rule.get("oneOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([only]) => only.get("const").and_then(Value::as_str),
            _ => rule.get("const").and_then(Value::as_str),
        };
        own.and_then(one).or_else(|| {
            let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            parts.into_iter().find_map(|part| self.wanted_type(part, file, depth + 1))
        })
    }

    fn object<'v>(
        &self,
        rules: &'s serde_json::Map<String, Value>,
        members: &'v serde_json::Map<String, Value>,
        at: At<'s, '_>,
        deeper: At<'s, '_>,
        seen: &mut Seen<'v>,
        problems: &mut Vec<Problem>,
    ) {
        let say = |problems: &mut Vec<Problem>, what: String| {
            if problems.len() < PROBLEMS {
                problems.push(Problem { at: at.path.to_string(), what });
            }
        };
        for key in rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(key) {
                say(problems, format!("lacks `{key}`, which is required"));
            }
        }
        let known = rules.get("properties").and_then(Value::as_object);
        let patterns = rules.get("patternProperties").and_then(Value::as_object);
        let others = rules.get("additionalProperties");
        for (key, value) in members {
            if at.quick && !problems.is_empty() {
                return;
            }
            let path = Path::Key(at.path, key);
            let inside = At { path: &path, ..deeper };
            let mut spoken = false;
            if let Some(schema) = known.and_then(|known| known.get(key)) {
                spoken = true;
                self.value(schema, value, inside, &mut Seen::new(), problems);
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self.matches(pattern, key) {
                    spoken = true;
                    self.value(schema, value, inside, &mut Seen::new(), problems);
                }
            }
            if !spoken && let Some(schema) = others {
                spoken = true;
                match schema {
                    Value::Bool(false) => {
                        say(problems, format!("has a member `{key}` that the specification does not have"))
                    }
                    schema => self.value(schema, value, inside, &mut Seen::new(), problems),
                }
            }
            if spoken {
                seen.insert(key);
            }
        }
    }

    fn array(
        &self,
        rules: &'s serde_json::Map<String, Value>,
        items: &[Value],
        at: At<'s, '_>,
        deeper: At<'s, '_>,
        problems: &mut Vec<Problem>,
    ) {
        let say = |problems: &mut Vec<Problem>, what: String| {
            if problems.len() < PROBLEMS {
                problems.push(Problem { at: at.path.to_string(), what });
            }
        };
        let size = |name: &str| rules.get(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        if size("minItems").is_some_and(|least| items.len() < least)
            || size("maxItems").is_some_and(|most| items.len() > most)
        {
            say(problems, format!("has {} items, which is too few or too many", items.len()));
        }
        if rules.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut known = HashSet::with_capacity(items.len());
            if let Some(index) = items.iter().position(|item| !known.insert(item.to_string())) {
                say(problems, format!("item {index} is there twice"));
            }
        }
        if let Some(schemas) = rules.get("items") {
            for (index, item) in items.iter().enumerate() {
                // A list of schemas is one for each place (draft-07).
                let Some(schema) = schemas.as_array().map_or(Some(schemas), |list| list.get(index)) else { break };
                if problems.len() >= PROBLEMS || (at.quick && !problems.is_empty()) {
                    return;
                }
                let path = Path::Index(at.path, index);
                self.value(schema, item, At { path: &path, ..deeper }, &mut Seen::new(), problems);
            }
        }
    }

    fn string(&self, rules: &'s serde_json::Map<String, Value>, text: &str) -> Option<String> {
        let size = |name: &str| rules.get(name).and_then(Value::as_u64);
        let length = text.chars().count() as u64;
        if size("minLength").is_some_and(|least| length < least) || size("maxLength").is_some_and(|most| length > most)
        {
            return Some(format!("has {length} characters, which is too few or too many"));
        }
        if let Some(pattern) = rules.get("pattern").and_then(Value::as_str)
            && !self.matches(pattern, text)
        {
            return Some(format!("`{}` does not have the form `{pattern}`", cut(text)));
        }
        let format = rules.get("format").and_then(Value::as_str)?;
        (!formats::is(format, text)).then(|| format!("`{}` is no {format}", cut(text)))
    }

    /// Whether a pattern is found in the text. A pattern that we cannot read holds for nothing; a test reads all of them.
    fn matches(&self, pattern: &'s str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern).or_insert_with(|| Pattern::ecma(pattern));
        compiled.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    /// `FILE#/a/b`, with either part left out.
    fn resolve(&self, file: &'s Value, reference: &str) -> Option<(&'s Value, &'s Value)> {
        let (name, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = match name.rsplit('/').next().filter(|name| !name.is_empty()) {
            None => file,
            Some(name) => self.files.iter().find(|(known, _)| *known == name).map(|(_, file)| file)?,
        };
        Some((file, file.pointer(pointer)?))
    }
}

/// Values inside a value, and itself.
fn nodes(document: &Value) -> u64 {
    let (mut open, mut count) = (vec![document], 0u64);
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    count
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::String(_) => "a string",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Null => "null",
    }
}

fn names(ty: &Value) -> String {
    match ty {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn short(value: &Value) -> String {
    cut(&value.to_string())
}

/// The first characters of a text that nobody wants to see whole.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
