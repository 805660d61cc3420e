//! Policies about Pods, made to hold for what makes Pods: paths into the object are rewritten to lead into its template.
//!
//! Source: kyverno/kyverno:pkg/cel/autogen, pkg/cel/policies/{vpol,mpol}/autogen.

use serde_json::Value as Json;

use super::matching::MatchResources;
use super::rule::list;

/// What makes Pods, with its group, and whether the template lies in a template of jobs.
pub(super) const CONTROLLERS: [(&str, &str, bool); 6] = [
    ("apps", "daemonsets", false),
    ("apps", "deployments", false),
    ("batch", "jobs", false),
    ("apps", "replicasets", false),
    ("apps", "statefulsets", false),
    ("batch", "cronjobs", true),
];

const TEMPLATE: &str = "spec.template";
const JOB_TEMPLATE: &str = "spec.jobTemplate.spec.template";

/// Which resources something is made for.
pub(super) fn wanted(spec: &Json) -> Vec<String> {
    let wanted = spec.pointer("/autogen/podControllers/controllers").and_then(Json::as_array);
    let is_wanted = |resource: &str| match wanted {
        None => true,
        Some(names) => names.iter().filter_map(Json::as_str).any(|name| name == resource),
    };
    CONTROLLERS.iter().filter(|(_, resource, _)| is_wanted(resource)).map(|(_, name, _)| (*name).to_owned()).collect()
}

/// The specifications that are made of one, with what each is about.
pub(super) fn made(spec: &Json, matches: &MatchResources, mutating: bool) -> Vec<(Json, MatchResources)> {
    if !matches.is_pods_only() {
        return Vec::new();
    }
    let wanted = wanted(spec);
    let is_wanted = |resource: &str| wanted.iter().any(|name| name == resource);
    let mut found = Vec::new();
    for (route, jobs) in [(TEMPLATE, false), (JOB_TEMPLATE, true)] {
        let targets: Vec<(&str, &str)> = CONTROLLERS
            .iter()
            .filter(|(_, resource, of_jobs)| *of_jobs == jobs && is_wanted(resource))
            .map(|(group, resource, _)| (*group, *resource))
            .collect();
        if targets.is_empty() {
            continue;
        }
        let mut spec = spec.clone();
        if mutating {
            rewrite_mutations(&mut spec, route);
        } else {
            rewrite_texts(&mut spec, route);
        }
        found.push((spec, matches.about(&targets)));
    }
    found
}

fn rewrite_texts(value: &mut Json, route: &str) {
    match value {
        Json::String(text) => *text = rewritten(text, route),
        Json::Array(items) => items.iter_mut().for_each(|item| rewrite_texts(item, route)),
        Json::Object(entries) => entries.values_mut().for_each(|item| rewrite_texts(item, route)),
        _ => {}
    }
}

/// `object.spec` and `object.metadata` lead into the template, but for the object's own name and namespace.
fn rewritten(text: &str, route: &str) -> String {
    let own = |behind: &str| names_itself(behind);
    let text = replaced(text, "spec", route, own);
    replaced(&text, "metadata", route, own)
}

/// Whether a path goes on with the object's own name or namespace, however that is written.
fn names_itself(behind: &str) -> bool {
    ["namespace", "name"].iter().any(|name| {
        WAYS.iter().any(|(open, close)| {
            let next = behind.strip_prefix(open).and_then(|rest| rest.strip_prefix(name));
            next.and_then(|rest| rest.strip_prefix(close)).is_some_and(|next| !close.is_empty() || !goes_on(next))
        })
    })
}

/// How a field may be written behind what has it: what stands before its name, and behind it.
const WAYS: [(&str, &str); 6] = [(".", ""), (".?", ""), ("['", "']"), ("[\"", "\"]"), ("[?'", "']"), ("[?\"", "\"]")];

fn goes_on(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Whether a text that stands before `bject` ends in the beginning of `object`, `oldObject` or of the type `Object`. Not of `namespaceObject`.
fn begins_object(before: &str) -> bool {
    ["oldO", "o", "O"].iter().any(|begin| {
        before
            .strip_suffix(begin)
            .is_some_and(|rest| !rest.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'))
    })
}

/// The paths to a part of the object, each leading into the template. `own`: which of them stay as they are.
fn replaced(text: &str, part: &str, route: &str, own: impl Fn(&str) -> bool) -> String {
    WAYS.iter().fold(text.to_owned(), |text, (open, close)| {
        let optional = open.contains('?');
        let step = if optional { ".?" } else { "." };
        let way: String = route.split('.').flat_map(|name| [step, name]).collect();
        let field = format!("{open}{part}{close}");
        // What was put in front of a path must not be taken for one again: `object.spec.template.spec` holds `object.spec` only at its head.
        let from = format!("bject{field}");
        let mut out = String::with_capacity(text.len() + route.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&from) {
            let (before, behind) =
                (rest.get(..at).unwrap_or_default(), rest.get(at + from.len()..).unwrap_or_default());
            out.push_str(before);
            let whole = begins_object(&out) && (!close.is_empty() || !goes_on(behind));
            match whole && !own(behind) {
                true => out.push_str(&format!("bject{way}{field}")),
                false => out.push_str(&from),
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    })
}

/// An expression that hands on the object as a whole: what is asked of it then would be asked of the controller, which has no containers, and
/// might hold. Comparisons are no such thing.
pub(super) fn hands_on(spec: &Json) -> Option<&str> {
    match spec {
        Json::Array(items) => items.iter().find_map(hands_on),
        Json::Object(entries) => entries.iter().find_map(|(key, value)| match value {
            Json::String(text) if key.to_lowercase().ends_with("expression") => bare(text).then_some(text.as_str()),
            other => hands_on(other),
        }),
        _ => None,
    }
}

fn bare(expression: &str) -> bool {
    let plain = without_texts(expression);
    let mut rest = plain.as_str();
    let mut out = String::new();
    while let Some((before, behind)) = rest.split_once("bject") {
        out.push_str(before);
        let next = behind.trim_start();
        let used = next.starts_with(['.', '[', '{']) || next.starts_with("==") || next.starts_with("!=");
        let compared = ["==", "!="].iter().any(|sign| {
            let head = out.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric());
            head.trim_end().ends_with(sign)
        });
        let of_type = out.ends_with('O') && !out.ends_with("oldO");
        if begins_object(&out) && !of_type && !goes_on(behind) && !used && !compared {
            return true;
        }
        out.push_str("bject");
        rest = behind;
    }
    false
}

/// The expression with nothing in its quotes.
fn without_texts(expression: &str) -> String {
    let (mut out, mut quote, mut escaped) = (String::with_capacity(expression.len()), None, false);
    for letter in expression.chars() {
        match quote {
            None => {
                if matches!(letter, '\'' | '"') {
                    quote = Some(letter);
                }
                out.push(letter);
            }
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if open == letter => {
                quote = None;
                out.push(letter);
            }
            Some(_) => {}
        }
    }
    out
}

/// The expressions of a mutating policy: what they read, and the types that they build.
fn rewrite_mutations(spec: &mut Json, route: &str) {
    for key in ["matchConditions", "variables"] {
        for item in spec.get_mut(key).and_then(Json::as_array_mut).into_iter().flatten() {
            if let Some(Json::String(text)) = item.get_mut("expression") {
                *text = moved(text, route);
            }
        }
    }
    for item in spec.get_mut("mutations").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(Json::String(text)) = item.pointer_mut("/applyConfiguration/expression") {
            *text = wrapped(&moved(text, route), route);
        }
        if let Some(Json::String(text)) = item.pointer_mut("/jsonPatch/expression") {
            let pointer = route.replace('.', "/");
            let mut written = moved(text, route);
            for part in ["spec", "metadata/labels", "metadata/annotations"] {
                for quote in ['"', '\''] {
                    written = written.replace(&format!("{quote}/{part}"), &format!("{quote}/{pointer}/{part}"));
                }
            }
            *text = written;
        }
    }
}

fn moved(text: &str, route: &str) -> String {
    let text = replaced(text, "spec", route, |_| false);
    // Of the metadata it is labels and annotations that are the template's.
    let stays = |behind: &str| {
        !["labels", "annotations"].iter().any(|name| {
            WAYS.iter().any(|(open, _)| behind.strip_prefix(open).is_some_and(|rest| rest.starts_with(name)))
        })
    };
    replaced(&text, "metadata", route, stays).replace("Object.metadata{", &format!("Object.{route}.metadata{{"))
}

/// Each `Object{fields}` becomes the object whose template has these fields.
fn wrapped(text: &str, route: &str) -> String {
    let mut name = "Object".to_owned();
    let (mut open, mut close) = (String::from("Object{"), String::from("}"));
    for part in route.split('.') {
        name = format!("{name}.{part}");
        open.push_str(&format!("{part}: {name}{{"));
        close.push('}');
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, fields)) = rest.split_once("Object{") {
        let mut depth = 1_usize;
        let end = fields.char_indices().find(|(_, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        let Some((end, _)) = end else { break };
        let inner = fields.get(..end).unwrap_or_default();
        out.push_str(before);
        // Of nothing, nothing is set, and the template neither.
        match inner.trim() {
            "" => out.push_str("Object{}"),
            _ => out.push_str(&[&open, inner, &close].concat()),
        }
        rest = fields.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Whether any controller is asked for that nobody knows by this name: Kyverno then makes nothing for it, silently.
pub(super) fn unknown_controllers(spec: &Json) -> Vec<String> {
    let of = spec.pointer("/autogen/podControllers").cloned().unwrap_or_default();
    list(&of, "controllers")
        .filter_map(Json::as_str)
        .filter(|name| !CONTROLLERS.iter().any(|(_, known, _)| known == name))
        .map(str::to_owned)
        .collect()
}
