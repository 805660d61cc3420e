//! The schema of a constraint's parameters (`openAPIV3Schema`): defaults, and what does not fit.
//!
//! As the API server does with a structural schema: defaults are filled in, fields that the schema does not know are dropped, everything else must
//! fit. Source: Kubernetes API v1.36, `JSONSchemaProps`; k8s.io/apiextensions-apiserver pkg/apiserver/{schema,validation}.

use regex::Regex;
use serde_json::{Map, Value as Json};

/// Levels of a schema.
const MAX_DEPTH: usize = 32;
/// Bytes of a compiled pattern.
const MAX_PATTERN: usize = 1 << 20;

/// A schema; the empty one lets everything pass as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema(Option<Box<Part>>);

#[derive(Clone, Debug, Default)]
struct Part {
    kind: String,
    /// Fields in the order of their names.
    fields: Vec<(String, Part)>,
    required: Vec<String>,
    items: Option<Box<Part>>,
    /// `additionalProperties` with a schema.
    others: Option<Box<Part>>,
    /// Fields that nobody knows are kept.
    open: bool,
    int_or_string: bool,
    nullable: bool,
    choices: Vec<Json>,
    pattern: Option<Regex>,
    /// `minimum`, `maximum`, and whether they are exclusive.
    range: (Option<f64>, Option<f64>, bool, bool),
    /// Of texts, lists and mappings.
    length: [(Option<u64>, Option<u64>); 3],
    all: Vec<Part>,
    any: Vec<Part>,
    one: Vec<Part>,
    not: Option<Box<Part>>,
    default: Option<Json>,
}

impl Schema {
    /// Errors: what is wrong with the schema, with its place in it.
    pub(super) fn compile(schema: Option<&Json>) -> Result<Schema, String> {
        match schema.filter(|schema| !schema.is_null()) {
            None => Ok(Schema::default()),
            Some(schema) => Ok(Schema(Some(Box::new(Part::compile(schema, "openAPIV3Schema", 0)?)))),
        }
    }

    /// Fills in defaults and drops what is not known, whose paths are given back. Errors: everything that does not fit.
    pub(super) fn apply(&self, parameters: &mut Json) -> Result<Vec<String>, Vec<String>> {
        let (mut dropped, mut problems) = (Vec::new(), Vec::new());
        if let Some(part) = &self.0 {
            part.complete(parameters, "spec.parameters", &mut dropped);
            part.check(parameters, "spec.parameters", &mut problems);
        }
        if problems.is_empty() { Ok(dropped) } else { Err(problems) }
    }
}

impl Part {
    fn compile(schema: &Json, place: &str, depth: usize) -> Result<Part, String> {
        if depth > MAX_DEPTH {
            return Err(format!("`{place}` lies more than {MAX_DEPTH} levels deep"));
        }
        let Some(entries) = schema.as_object() else { return Err(format!("`{place}` is no schema")) };
        let below = |schema: &Json, key: &str| Part::compile(schema, &format!("{place}.{key}"), depth + 1);
        let several = |key: &str| -> Result<Vec<Part>, String> {
            entries.get(key).and_then(Json::as_array).into_iter().flatten().map(|part| below(part, key)).collect()
        };
        let single = |key: &str| -> Result<Option<Box<Part>>, String> {
            entries.get(key).filter(|part| part.is_object()).map(|part| below(part, key).map(Box::new)).transpose()
        };
        let flag = |key: &str| entries.get(key).and_then(Json::as_bool).unwrap_or(false);
        let number = |key: &str| entries.get(key).and_then(Json::as_f64);
        let count = |key: &str| entries.get(key).and_then(Json::as_u64);
        let kind = entries.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        if !matches!(kind.as_str(), "" | "object" | "array" | "string" | "integer" | "number" | "boolean") {
            return Err(format!("`{kind}` at `{place}` is no type of a schema"));
        }
        let fields = entries.get("properties").and_then(Json::as_object).into_iter().flatten();
        let fields: Vec<(String, Part)> =
            fields.map(|(name, part)| Ok((name.clone(), below(part, name)?))).collect::<Result<_, String>>()?;
        let pattern = match entries.get("pattern").and_then(Json::as_str) {
            None => None,
            Some(text) => {
                let compiled = regex::RegexBuilder::new(text).size_limit(MAX_PATTERN).build();
                Some(compiled.map_err(|_| format!("`{text}` at `{place}` is no regular expression"))?)
            }
        };
        let required = entries.get("required").and_then(Json::as_array).into_iter().flatten();
        Ok(Part {
            // A schema that names no fields is about fields of any name.
            open: flag("x-kubernetes-preserve-unknown-fields")
                || entries.get("additionalProperties").and_then(Json::as_bool).unwrap_or(false)
                || (fields.is_empty() && !entries.contains_key("additionalProperties")),
            kind,
            fields,
            required: required.filter_map(Json::as_str).map(str::to_owned).collect(),
            items: single("items")?,
            others: single("additionalProperties")?,
            int_or_string: flag("x-kubernetes-int-or-string"),
            nullable: flag("nullable"),
            choices: entries.get("enum").and_then(Json::as_array).cloned().unwrap_or_default(),
            pattern,
            range: (number("minimum"), number("maximum"), flag("exclusiveMinimum"), flag("exclusiveMaximum")),
            length: [
                (count("minLength"), count("maxLength")),
                (count("minItems"), count("maxItems")),
                (count("minProperties"), count("maxProperties")),
            ],
            all: several("allOf")?,
            any: several("anyOf")?,
            one: several("oneOf")?,
            not: single("not")?,
            default: entries.get("default").filter(|found| !found.is_null()).cloned(),
        })
    }

    /// Defaults in, unknown fields out. What is null counts as left out, unless it may be.
    fn complete(&self, value: &mut Json, place: &str, dropped: &mut Vec<String>) {
        match value {
            Json::Object(entries) => self.complete_fields(entries, place, dropped),
            Json::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(part) = &self.items {
                        part.complete(item, &format!("{place}[{index}]"), dropped);
                    }
                }
            }
            _ => {}
        }
    }

    fn complete_fields(&self, entries: &mut Map<String, Json>, place: &str, dropped: &mut Vec<String>) {
        for (name, part) in &self.fields {
            if entries.get(name).is_some_and(Json::is_null) && !part.nullable {
                entries.remove(name);
            }
            if let Some(default) = part.default.as_ref().filter(|_| !entries.contains_key(name)) {
                entries.insert(name.clone(), default.clone());
            }
        }
        let known = |name: &str| self.fields.iter().find(|(known, _)| known == name).map(|(_, part)| part);
        let names: Vec<String> = entries.keys().cloned().collect();
        for name in names {
            let below = format!("{place}.{name}");
            let part = known(&name).or(self.others.as_deref());
            match (part, entries.get_mut(&name)) {
                (Some(part), Some(value)) => part.complete(value, &below, dropped),
                (None, _) if !self.open => {
                    entries.remove(&name);
                    dropped.push(below);
                }
                _ => {}
            }
        }
    }

    fn check(&self, value: &Json, place: &str, problems: &mut Vec<String>) {
        if problems.len() > 100 || (value.is_null() && self.nullable) {
            return;
        }
        let found = match value {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(number) if number.is_i64() || number.is_u64() => "integer",
            Json::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        };
        let fits = match self.kind.as_str() {
            _ if self.int_or_string => matches!(found, "integer" | "string"),
            "" => true,
            "number" => matches!(found, "number" | "integer"),
            kind => kind == found,
        };
        if !fits {
            let wanted = if self.int_or_string { "integer or string" } else { &self.kind };
            problems.push(format!("{place}: Invalid value: \"{found}\": {place} must be of type {wanted}"));
            return;
        }
        let mut wrong = |what: String| problems.push(format!("{place}: Invalid value: {what}"));
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let choices: Vec<String> = self.choices.iter().map(Json::to_string).collect();
            wrong(format!("supported values: {}", choices.join(", ")));
        }
        if let Some(number) = value.as_f64() {
            let (least, most, above, below) = &self.range;
            if least.is_some_and(|least| number < least || (*above && number <= least)) {
                wrong(format!("{number} should be at least {}", least.unwrap_or_default()));
            }
            if most.is_some_and(|most| number > most || (*below && number >= most)) {
                wrong(format!("{number} should be at most {}", most.unwrap_or_default()));
            }
        }
        if let (Some(text), Some(pattern)) = (value.as_str(), &self.pattern)
            && !pattern.is_match(text)
        {
            wrong(format!("it should match '{pattern}'"));
        }
        let [texts, lists, mappings] = &self.length;
        let (length, (least, most)) = match value {
            Json::String(text) => (text.chars().count(), *texts),
            Json::Array(items) => (items.len(), *lists),
            Json::Object(entries) => (entries.len(), *mappings),
            _ => (0, (None, None)),
        };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
            wrong(format!("its length is {length}, and it must lie within {least:?} and {most:?}"));
        }
        match value {
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(part) = &self.items {
                        part.check(item, &format!("{place}[{index}]"), problems);
                    }
                }
            }
            Json::Object(entries) => {
                for name in self.required.iter().filter(|name| !entries.contains_key(*name)) {
                    problems.push(format!("{place}.{name}: Required value"));
                }
                for (name, value) in entries {
                    let known = self.fields.iter().find(|(known, _)| known == name).map(|(_, part)| part);
                    if let Some(part) = known.or(self.others.as_deref()) {
                        part.check(value, &format!("{place}.{name}"), problems);
                    }
                }
            }
            _ => {}
        }
        self.check_parts(value, place, problems);
    }

    fn check_parts(&self, value: &Json, place: &str, problems: &mut Vec<String>) {
        let fits = |part: &Part| {
            let mut found = Vec::new();
            part.check(value, place, &mut found);
            found.is_empty()
        };
        for part in &self.all {
            part.check(value, place, problems);
        }
        if !self.any.is_empty() && !self.any.iter().any(fits) {
            problems.push(format!("{place}: Invalid value: it must validate at least one schema (anyOf)"));
        }
        if !self.one.is_empty() && self.one.iter().filter(|part| fits(part)).count() != 1 {
            problems.push(format!("{place}: Invalid value: it must validate one and only one schema (oneOf)"));
        }
        if self.not.as_ref().is_some_and(|part| fits(part)) {
            problems.push(format!("{place}: Invalid value: it must not validate the schema (not)"));
        }
    }
}
