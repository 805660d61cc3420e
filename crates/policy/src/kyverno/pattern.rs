//! A validation pattern against a resource.
//!
//! The pattern is compiled once into a tree whose keys are sorted as they are evaluated: anchors first, then what holds anchors inside, then the
//! rest. A walk that passes allocates nothing but the list of conditions that it met.
//! Source: kyverno/kyverno:pkg/engine/validate/validate.go, pkg/engine/anchor/handlers.go, pkg/engine/wildcards/wildcards.go.

use serde_json::{Map, Value};

use super::anchors::{self, Anchor};
use super::printed::{go_type, sprint};
use super::scalar::Scalar;
use crate::wildcard;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    Map(MapPattern),
    List(ListPattern),
    Scalar(Scalar, Value),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapPattern {
    /// In the order of evaluation.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// As written.
    raw: String,
    anchor: Option<Anchor>,
    key: String,
    /// The key is a wildcard over the labels or annotations of the resource.
    over_tags: bool,
    pattern: Pattern,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ListPattern {
    Empty,
    EachMap(MapPattern),
    EachScalar(Scalar, Value),
    Positions(Vec<Pattern>),
}

/// Why a resource is not as a pattern says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mismatch {
    pub(crate) kind: MismatchKind,
    /// Kyverno's own words.
    pub(crate) message: String,
    /// Where, as `/spec/containers/0/image/`. Empty if the place cannot be told.
    pub(crate) path: String,
}

/// What a mismatch means for the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MismatchKind {
    /// The resource is wrong.
    Fails,
    /// A forbidden key is there.
    Forbidden,
    /// A condition does not hold, so that the rule does not apply.
    Skips,
}

/// Where we are in the resource, without a text until one is asked for.
#[derive(Clone, Copy)]
struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    fn key(&'p self, key: &'p str) -> Place<'p> {
        Place { above: Some(self), step: Step::Key(key) }
    }

    fn index(&'p self, index: usize) -> Place<'p> {
        Place { above: Some(self), step: Step::Index(index) }
    }

    /// `/spec/containers/0/`
    fn text(&self) -> String {
        let mut text = self.above.map_or_else(|| "/".to_owned(), Place::text);
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                text.push_str(key);
                text.push('/');
            }
            Step::Index(index) => {
                text.push_str(&index.to_string());
                text.push('/');
            }
        }
        text
    }
}

/// The conditions met on the way, and whether their keys were ever there.
#[derive(Default)]
struct Seen<'p>(Vec<(&'p str, bool)>);

impl<'p> Seen<'p> {
    fn note(&mut self, raw: &'p str, there: bool) {
        match self.0.iter_mut().find(|(known, _)| *known == raw) {
            Some((_, found)) => *found |= there,
            None => self.0.push((raw, there)),
        }
    }
}

impl Pattern {
    /// Compiles a pattern. References and variables in it must have been resolved.
    pub(crate) fn compile(value: &Value) -> Pattern {
        compile(value, Within::Other)
    }

    /// Whether the resource is as the pattern says.
    pub(crate) fn check(&self, resource: &Value) -> Result<(), Mismatch> {
        let mut seen = Seen::default();
        let root = Place { above: None, step: Step::Root };
        self.walk(resource, &root, &mut seen).map_err(|mut mismatch| {
            // A condition whose key was never met: Kyverno cannot tell then whether the rule was meant, and reports an error, not a failure.
            // What a negation names should not be there, and says nothing.
            if mismatch.kind == MismatchKind::Skips
                || (mismatch.kind == MismatchKind::Fails
                    && seen.0.iter().any(|(raw, there)| !there && !raw.starts_with("X(")))
            {
                mismatch.path.clear();
            }
            mismatch
        })
    }

    fn walk<'p>(&'p self, resource: &Value, place: &Place<'_>, seen: &mut Seen<'p>) -> Result<(), Mismatch> {
        match self {
            Pattern::Map(pattern) => match resource {
                Value::Object(object) => pattern.walk(object, place, seen),
                other => {
                    let path = place.text();
                    let message = format!(
                        "pattern and resource have different structures. Path: {path}. Expected map[string]interface {{}}, found {}",
                        go_type(other)
                    );
                    Err(Mismatch { kind: MismatchKind::Fails, message, path })
                }
            },
            Pattern::List(pattern) => match resource {
                Value::Array(items) => pattern.walk(items, place, seen),
                _ => {
                    let path = place.text();
                    let message = format!(
                        "validation rule failed at path {path}, resource does not satisfy the expected overlay pattern"
                    );
                    Err(Mismatch { kind: MismatchKind::Fails, message, path })
                }
            },
            Pattern::Scalar(scalar, written) => check_scalar(scalar, written, resource, place),
        }
    }

    fn is_star(&self) -> bool {
        matches!(self, Pattern::Scalar(_, Value::String(text)) if text == "*")
    }

    fn has_anchors(&self) -> bool {
        match self {
            Pattern::Map(map) => map.entries.iter().any(|entry| {
                entry.anchor.is_some_and(|anchor| anchor != Anchor::AddIfAbsent) || entry.pattern.has_anchors()
            }),
            Pattern::List(ListPattern::EachMap(map)) => {
                map.entries.iter().any(|entry| entry.anchor.is_some() || entry.pattern.has_anchors())
            }
            Pattern::List(ListPattern::Positions(items)) => items.iter().any(Pattern::has_anchors),
            Pattern::List(_) | Pattern::Scalar(..) => false,
        }
    }
}

/// A scalar against a value; against a list, every element counts.
fn check_scalar(scalar: &Scalar, written: &Value, resource: &Value, place: &Place<'_>) -> Result<(), Mismatch> {
    let fits = match resource {
        Value::Array(items) => items.iter().all(|item| scalar.accepts(item)),
        other => scalar.accepts(other),
    };
    if fits {
        return Ok(());
    }
    let path = place.text();
    let message = format!("resource value '{}' does not match '{}' at path {path}", sprint(resource), sprint(written));
    Err(Mismatch { kind: MismatchKind::Fails, message, path })
}

/// Where a mapping stands, as far as wildcards in keys depend on it.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Other,
    Metadata,
    Tags,
}

fn compile(value: &Value, within: Within) -> Pattern {
    match value {
        Value::Object(object) => Pattern::Map(compile_map(object, within)),
        Value::Array(items) => Pattern::List(match items.first() {
            None => ListPattern::Empty,
            Some(Value::Object(object)) => ListPattern::EachMap(compile_map(object, Within::Other)),
            Some(first) => match Scalar::of(first) {
                Some(scalar) => ListPattern::EachScalar(scalar, first.clone()),
                None => ListPattern::Positions(items.iter().map(|item| compile(item, Within::Other)).collect()),
            },
        }),
        scalar => Pattern::Scalar(Scalar::of(scalar).unwrap_or(Scalar::Nothing), scalar.clone()),
    }
}

fn compile_map(object: &Map<String, Value>, within: Within) -> MapPattern {
    let mut first = Vec::new();
    let mut rest: Vec<Entry> = Vec::new();
    for (raw, value) in object {
        let (anchor, key) = match anchors::parse(raw) {
            Some((Anchor::AddIfAbsent, _)) | None => (None, raw.as_str()),
            Some((anchor, key)) => (Some(anchor), key),
        };
        let inside = match (within, key) {
            (Within::Metadata, "labels" | "annotations") => Within::Tags,
            (Within::Other | Within::Metadata, "metadata") => Within::Metadata,
            _ => Within::Other,
        };
        let pattern = match (anchor, value) {
            // Every mapping of the list counts here, not only the first.
            (Some(Anchor::Existence), Value::Array(items)) => {
                Pattern::List(ListPattern::Positions(items.iter().map(|item| compile(item, Within::Other)).collect()))
            }
            _ => compile(value, inside),
        };
        let over_tags = within == Within::Tags && wildcard::is_pattern(key);
        let entry = Entry { raw: raw.clone(), anchor, key: key.to_owned(), over_tags, pattern };
        match anchor {
            Some(Anchor::Condition | Anchor::Existence | Anchor::Equality | Anchor::Negation) => first.push(entry),
            _ if anchor == Some(Anchor::Global) || entry.pattern.has_anchors() => rest.insert(0, entry),
            _ => rest.push(entry),
        }
    }
    first.append(&mut rest);
    MapPattern { entries: first }
}

impl MapPattern {
    fn walk<'p>(&'p self, object: &Map<String, Value>, place: &Place<'_>, seen: &mut Seen<'p>) -> Result<(), Mismatch> {
        for entry in &self.entries {
            if matches!(entry.anchor, Some(Anchor::Condition | Anchor::Existence | Anchor::Negation)) {
                seen.note(&entry.raw, object.contains_key(entry.key_in(object)));
            }
        }
        self.entries.iter().try_for_each(|entry| entry.walk(object, place, seen))
    }
}

impl Entry {
    /// The key of the resource that is meant.
    fn key_in<'k>(&'k self, object: &'k Map<String, Value>) -> &'k str {
        if !self.over_tags {
            return &self.key;
        }
        object.keys().find(|key| wildcard::matches(&self.key, key)).map_or(&self.key, String::as_str)
    }

    fn walk<'p>(&'p self, object: &Map<String, Value>, place: &Place<'_>, seen: &mut Seen<'p>) -> Result<(), Mismatch> {
        if self.over_tags && matches!(self.anchor, Some(Anchor::Equality | Anchor::AddIfAbsent) | None) {
            // Every key that is meant, or one that sorts first would hide the others.
            let mut keys = object.keys().filter(|key| wildcard::matches(&self.key, key)).peekable();
            if keys.peek().is_some() {
                return keys.try_for_each(|key| self.walk_key(key, object, place, seen));
            }
        }
        self.walk_key(self.key_in(object), object, place, seen)
    }

    fn walk_key<'p>(
        &'p self,
        key: &str,
        object: &Map<String, Value>,
        place: &Place<'_>,
        seen: &mut Seen<'p>,
    ) -> Result<(), Mismatch> {
        let here = place.key(key);
        let value = object.get(key);
        match (self.anchor, value) {
            (Some(Anchor::Negation), Some(_)) => {
                let path = here.text();
                let message = format!("negation anchor matched in resource: {path} is not allowed");
                Err(Mismatch { kind: MismatchKind::Forbidden, message, path })
            }
            (Some(Anchor::Negation | Anchor::Equality | Anchor::Global | Anchor::Existence), None) => Ok(()),
            (Some(Anchor::Equality), Some(value)) => self.pattern.walk(value, &here, seen),
            (Some(Anchor::Condition), None) => Err(Mismatch {
                kind: MismatchKind::Skips,
                message: "conditional anchor mismatch: conditional anchor key doesn't exist in the resource".to_owned(),
                path: here.text(),
            }),
            (Some(Anchor::Condition), Some(value)) => {
                self.pattern.walk(value, &here, seen).map_err(|found| found.skipping("conditional"))
            }
            (Some(Anchor::Global), Some(value)) => {
                self.pattern.walk(value, &here, seen).map_err(|found| found.skipping("global"))
            }
            (Some(Anchor::Existence), Some(value)) => self.walk_existence(value, &here, seen),
            (Some(Anchor::AddIfAbsent) | None, value) => {
                let value = value.unwrap_or(&Value::Null);
                if !self.pattern.is_star() {
                    return self.pattern.walk(value, &here, seen);
                }
                if !value.is_null() {
                    return Ok(());
                }
                let path = place.text();
                Err(Mismatch { kind: MismatchKind::Fails, message: format!("{path}/{key} not found"), path })
            }
        }
    }

    /// Each mapping of the pattern's list must be met by one element at least.
    fn walk_existence<'p>(&'p self, value: &Value, here: &Place<'_>, seen: &mut Seen<'p>) -> Result<(), Mismatch> {
        let fails = |message: String| Err(Mismatch { kind: MismatchKind::Fails, message, path: here.text() });
        let Value::Array(items) = value else {
            return fails(format!(
                "invalid resource type {}: Existence ^ () anchor can be used only on list/array type resource",
                go_type(value)
            ));
        };
        let Pattern::List(ListPattern::Positions(patterns)) = &self.pattern else {
            return fails("invalid pattern type: Pattern has to be of list to compare against resource".to_owned());
        };
        for pattern in patterns {
            let Pattern::Map(wanted) = pattern else {
                return fails(
                    "invalid pattern type []interface {}: Pattern has to be of type map to compare against items in resource"
                        .to_owned(),
                );
            };
            let met = items.iter().enumerate().any(|(index, item)| match item {
                Value::Object(object) => wanted.walk(object, &here.index(index), seen).is_ok(),
                _ => false,
            });
            if !met {
                return fails(format!("existence anchor validation failed at path {}", here.text()));
            }
        }
        Ok(())
    }
}

impl Mismatch {
    fn skipping(self, anchor: &str) -> Mismatch {
        Mismatch {
            kind: MismatchKind::Skips,
            message: format!("{anchor} anchor mismatch: {}", self.message),
            path: self.path,
        }
    }
}

impl ListPattern {
    fn walk<'p>(&'p self, items: &[Value], place: &Place<'_>, seen: &mut Seen<'p>) -> Result<(), Mismatch> {
        match self {
            ListPattern::Empty => Err(Mismatch {
                kind: MismatchKind::Fails,
                message: "pattern Array empty".to_owned(),
                path: place.text(),
            }),
            ListPattern::EachScalar(scalar, written) => {
                items.iter().all(|item| scalar.accepts(item)).then_some(()).ok_or_else(|| {
                    let path = place.text();
                    let found = sprint(&Value::Array(items.to_vec()));
                    let message =
                        format!("resource value '{found}' does not match '{}' at path {path}", sprint(written));
                    Mismatch { kind: MismatchKind::Fails, message, path }
                })
            }
            ListPattern::EachMap(pattern) => {
                let each = items.iter().enumerate().map(|(index, item)| (index, item, None));
                walk_each(each, Some(pattern), place, seen)
            }
            ListPattern::Positions(patterns) => {
                if items.len() < patterns.len() {
                    let message = format!(
                        "validate Array failed, array length mismatch, resource Array len is {} and pattern Array len is {}",
                        items.len(),
                        patterns.len()
                    );
                    return Err(Mismatch { kind: MismatchKind::Fails, message, path: String::new() });
                }
                let each =
                    items.iter().zip(patterns).enumerate().map(|(index, (item, pattern))| (index, item, Some(pattern)));
                walk_each(each, None, place, seen)
            }
        }
    }
}

/// All elements; if conditions left every one of them out, the list is left out.
fn walk_each<'p, 'v>(
    each: impl Iterator<Item = (usize, &'v Value, Option<&'p Pattern>)>,
    map: Option<&'p MapPattern>,
    place: &Place<'_>,
    seen: &mut Seen<'p>,
) -> Result<(), Mismatch> {
    let mut applied = false;
    let mut skipped: Vec<String> = Vec::new();
    for (index, item, pattern) in each {
        let here = place.index(index);
        let result = match (pattern, map, item) {
            (Some(pattern), _, _) => pattern.walk(item, &here, seen),
            (None, Some(map), Value::Object(object)) => map.walk(object, &here, seen),
            (None, ..) => {
                let path = here.text();
                let message = format!(
                    "pattern and resource have different structures. Path: {path}. Expected map[string]interface {{}}, found {}",
                    go_type(item)
                );
                Err(Mismatch { kind: MismatchKind::Fails, message, path })
            }
        };
        match result {
            Ok(()) => applied = true,
            Err(found) if found.kind == MismatchKind::Skips => skipped.push(found.message),
            Err(found) => return Err(found),
        }
    }
    if applied || skipped.is_empty() {
        return Ok(());
    }
    Err(Mismatch { kind: MismatchKind::Skips, message: skipped.join("; "), path: place.text() })
}
