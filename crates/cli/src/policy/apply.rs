//! `signet policy apply`: the decision of every gate, on files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use signet_policy::engine::{Builder, Consequence, Decision, Exceptions, Known, Reason, Set, Stages};
use signet_policy::gatekeeper::Inventory;
use signet_policy::kyverno::{self, Input, User};
use signet_policy::report::{self, Api, Process, Scope, Style};

use super::args::{ApplyArgs, Operation};
use super::documents::{self, Resource};
use crate::evidence::{Bench, Outside};
use crate::exit::Exit;
use crate::foreign::yaml;
use crate::output;
use crate::report::table::printable;
use crate::settings::Settings;

/// A resource with what became of it.
struct Row<'r> {
    resource: &'r Resource,
    decision: Decision,
    changed: Option<Value>,
}

impl Row<'_> {
    /// `Pod default/web`.
    fn name(&self) -> String {
        let text = |pointer: &str| self.resource.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        let name = if name.is_empty() { text("/metadata/generateName") } else { name };
        if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
    }
}

pub(super) fn command(args: &ApplyArgs, settings: &Settings) -> Result<Exit> {
    let whose = match args.exception_namespaces.as_slice() {
        [] => Exceptions::Nobodys,
        namespaces => Exceptions::Of(namespaces.to_vec()),
    };
    let set = documents::policies(&args.policies, Builder::default().with_unbound().with_exceptions(whose))?;
    for name in set.exceptions_that_do_not_count() {
        settings.warn(format!(
            "PolicyException `{name}` excepts nothing: name its namespace by `--exception-namespace` if it should count"
        ));
    }
    let resources = documents::resources(&args.resources)?;
    if resources.is_empty() {
        settings.warn("no resource was found: each needs a `kind`");
        return Ok(Exit::Nothing);
    }
    let rows = judge(args, &set, &resources, settings)?;
    let text = match &args.policy_report {
        Some(api) => reports(&rows, &set, api, args, settings),
        None if args.output == "json" => json(&rows, &set),
        None => text(&rows, args),
    };
    output::to_stdout(text.as_bytes())?;
    let refused = rows.iter().filter(|row| !row.decision.allowed).count();
    settings.say(format!(
        "{}: {} admitted, {refused} refused, by {}",
        counted(rows.len(), "resource", "resources"),
        rows.len() - refused,
        counted(set.len(), "policy", "policies")
    ));
    Ok(if refused > 0 { Exit::Denied } else { Exit::Well })
}

fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn judge<'r>(args: &ApplyArgs, set: &Set, resources: &'r [Resource], settings: &Settings) -> Result<Vec<Row<'r>>> {
    let outside = Outside::new(&args.reach, args.trusted_root.clone(), settings)?;
    let bench = Bench::new(&outside, &args.database);
    // What Gatekeeper's policies see of the cluster: everything that was given.
    let objects: Vec<Value> = resources.iter().map(|resource| resource.object.clone()).collect();
    let inventory = Inventory::of(&objects).map_err(|why| anyhow!("the resources make no inventory: {why}"))?;
    let namespaces = namespaces(resources);
    let mut rows = Vec::new();
    for resource in resources {
        let mut input = Input::of(resource.object.clone(), operation(args.operation));
        let namespace = resource.object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        know(&mut input, namespaces.get(namespace).copied());
        if let Some(user) = &args.user {
            input = input.by(User {
                username: user.clone(),
                groups: args.groups.clone(),
                roles: args.roles.clone(),
                cluster_roles: args.cluster_roles.clone(),
                roles_unknown: args.roles.is_empty() && args.cluster_roles.is_empty(),
            });
        }
        let surroundings = crate::kyverno::surroundings(settings);
        // Each resource on its own: a tag may have moved since the one before.
        let mut known = Known { blocked: outside.blocked(), ..Known::default() };
        known.gatekeeper.inventory = Some(inventory.clone());
        let mut judged = outside.judge(&bench, set, &input, &mut known, &surroundings, Stages::All);
        if args.as_enforced {
            enforce(&mut judged.decision);
        }
        rows.push(Row { resource, decision: judged.decision, changed: judged.object });
    }
    Ok(rows)
}

/// Namespaces among the resources, by their names.
pub(super) fn namespaces(resources: &[Resource]) -> BTreeMap<&str, &Value> {
    resources
        .iter()
        .filter(|resource| resource.object.get("kind").and_then(Value::as_str) == Some("Namespace"))
        .filter_map(|resource| Some((resource.object.pointer("/metadata/name")?.as_str()?, &resource.object)))
        .collect()
}

/// Tells policies of the namespace, if it is known.
pub(super) fn know(input: &mut Input, namespace: Option<&Value>) {
    let Some(object) = namespace else { return };
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    input.namespace_labels =
        labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    input.namespace_object = Some(object.clone());
}

fn operation(operation: Operation) -> kyverno::Operation {
    match operation {
        Operation::Create => kyverno::Operation::Create,
        Operation::Update => kyverno::Operation::Update,
        Operation::Delete => kyverno::Operation::Delete,
        Operation::Connect => kyverno::Operation::Connect,
    }
}

/// What is only reported refuses.
pub(super) fn enforce(decision: &mut Decision) {
    for reason in decision.reasons.iter_mut().filter(|reason| reason.consequence == Consequence::Reported) {
        reason.consequence = Consequence::Denies;
        decision.allowed = false;
    }
}

fn text(rows: &[Row<'_>], args: &ApplyArgs) -> String {
    let mut out = String::new();
    for row in rows {
        let shown: Vec<&Reason> = row
            .decision
            .reasons
            .iter()
            .filter(|reason| args.detailed || reason.consequence != Consequence::Nothing)
            .collect();
        if shown.is_empty() && row.changed.is_none() && !args.detailed {
            continue;
        }
        let word = if row.decision.allowed { "admitted" } else { "refused" };
        let changed = if row.changed.is_some() { ", changed" } else { "" };
        let origin = &row.resource.origin;
        let _ =
            writeln!(out, "{word}{changed}: {} ({}:{})", printable(&row.name()), printable(&origin.file), origin.line);
        for reason in shown {
            let said = match reason.consequence {
                Consequence::Denies => "refused by",
                Consequence::Warns => "warned by",
                Consequence::Reported => "audited by",
                Consequence::Nothing => reason.status.as_str(),
            };
            let _ = writeln!(
                out,
                "  {said} {} ({}:{})",
                printable(&reason.name()),
                printable(&reason.origin.file),
                reason.origin.line
            );
            for line in reason.message.lines().filter(|line| !line.trim().is_empty()) {
                let _ = writeln!(out, "    {}", printable(line.trim_end()));
            }
        }
    }
    out
}

/// Reports as a cluster keeps them: YAML documents, or a list in JSON.
fn reports(rows: &[Row<'_>], set: &Set, api: &str, args: &ApplyArgs, settings: &Settings) -> String {
    let style = Style::signet(if api == "openreports" { Api::OpenReports } else { Api::PolicyReports });
    let seconds = settings.now.as_second();
    let mut all = Vec::new();
    for row in rows {
        let results = row.decision.reasons.iter().map(|reason| {
            let about = set.abouts().iter().find(|about| about.kind == reason.kind && about.key == reason.policy);
            report::Origin::said(about, reason, seconds, Process::Admission)
        });
        all.extend(style.pieces(&Scope::of(&row.resource.object), results.collect()));
    }
    if args.output == "json" {
        return format!("{:#}\n", json!({"apiVersion": "v1", "kind": "List", "items": all}));
    }
    all.iter().map(|report| format!("---\n{}", yaml::write(report))).collect()
}

fn json(rows: &[Row<'_>], set: &Set) -> String {
    let resources: Vec<Value> = rows
        .iter()
        .map(|row| {
            let text = |pointer: &str| row.resource.object.pointer(pointer).cloned().unwrap_or(Value::Null);
            json!({
                "file": &*row.resource.origin.file,
                "line": row.resource.origin.line,
                "kind": text("/kind"),
                "namespace": text("/metadata/namespace"),
                "name": text("/metadata/name"),
                "decision": row.decision.to_json(),
                "changed": row.changed,
            })
        })
        .collect();
    format!("{:#}\n", json!({"resources": resources, "policies": set.digest().to_string()}))
}
