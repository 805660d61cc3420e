//! Policies about Pods, made to hold for what makes Pods: paths into the object are rewritten to lead into its template.
//!
//! Source: kyverno/kyverno:pkg/cel/autogen, pkg/cel/policies/{vpol,mpol}/autogen.

use serde_json::Value as Json;

use super::matching::MatchResources;
use super::rule::list;

/// What makes Pods, with its group, and whether the template lies in a template of jobs.
const CONTROLLERS: [(&str, &str, bool); 6] = [
    ("apps", "daemonsets", false),
    ("apps", "deployments", false),
    ("batch", "jobs", false),
    ("apps", "replicasets", false),
    ("apps", "statefulsets", false),
    ("batch", "cronjobs", true),
];

const TEMPLATE: &str = "spec.template";
const JOB_TEMPLATE: &str = "spec.jobTemplate.spec.template";

/// The specifications that are made of one, with what each is about.
pub(super) fn made(spec: &Json, matches: &MatchResources, mutating: bool) -> Vec<(Json, MatchResources)> {
    if !matches.is_pods_only() {
        return Vec::new();
    }
    let wanted = spec.pointer("/autogen/podControllers/controllers").and_then(Json::as_array);
    let is_wanted = |resource: &str| match wanted {
        None => true,
        Some(names) => names.iter().filter_map(Json::as_str).any(|name| name == resource),
    };
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
    let text = replaced(text, "spec", route);
    replaced(&text, "metadata", route)
}

fn replaced(text: &str, part: &str, route: &str) -> String {
    let mut out = String::with_capacity(text.len() + route.len());
    let mut rest = text;
    // What was put in front of a path must not be taken for one again: `object.spec.template.spec` holds `object.spec` only at its head.
    let from = format!("bject.{part}");
    while let Some(at) = rest.find(&from) {
        let (before, behind) = (rest.get(..at).unwrap_or_default(), rest.get(at + from.len()..).unwrap_or_default());
        out.push_str(before);
        let named = before.ends_with('o') || before.ends_with("oldO");
        let own = [".namespace", ".name"].iter().any(|suffix| {
            behind
                .strip_prefix(suffix)
                .is_some_and(|next| !next.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'))
        });
        match named && !own {
            true => out.push_str(&format!("bject.{route}.{part}")),
            false => out.push_str(&from),
        }
        rest = behind;
    }
    out.push_str(rest);
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
    let mut text = text.to_owned();
    for part in ["spec", "metadata.labels", "metadata.annotations", "metadata.?labels", "metadata.?annotations"] {
        text = text.replace(&format!("bject.{part}"), &format!("bject.{route}.{part}"));
    }
    text.replace("Object.metadata{", &format!("Object.{route}.metadata{{"))
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
