//! `kyverno apply`: judges resources by policies and says what is wrong with them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_policy::jmespath::Surroundings;

use super::args::ApplyArgs;
use super::documents::{self, Policies};
use super::judge::{self, Verdict};
use super::objects;
use super::values::{Mocks, Values, user};
use crate::evidence::Outside;
use crate::foreign::{columns, yaml};
use crate::output;

/// How many rules ended how.
#[derive(Debug, Default)]
struct Counts {
    pass: usize,
    fail: usize,
    warn: usize,
    error: usize,
    skip: usize,
}

/// Runs the command. The code is that of Kyverno's tool.
pub(super) fn command(args: &ApplyArgs, surroundings: &Surroundings, registries: Option<&Outside>) -> Result<u8> {
    if args.policies.is_empty() {
        bail!("requires at least one policy");
    }
    if args.resources.is_empty() {
        bail!("resource file(s) or cluster required: name them by --resource; clusters are not read");
    }
    let mut policies = Policies::default();
    policies.read(&args.policies)?;
    policies.read(&args.exceptions)?;
    if policies.policies.is_empty() {
        bail!("no policies found in the given files");
    }
    let resources = documents::resources(&args.resources)?;
    // A slip in a path or in `kind` would pass every policy.
    anyhow::ensure!(
        !resources.is_empty() || args.resources.is_empty(),
        "no resource was found in the files of `--resource`: each needs a `kind`"
    );
    let mut values = Values::of(match &args.values_file {
        Some(path) => documents::value(path)?,
        None => Value::Null,
    });
    for pair in &args.set {
        let Some((path, value)) = pair.split_once('=') else { bail!("`{pair}` of --set is no KEY=VALUE") };
        values.set(path.trim(), Value::String(value.trim().to_owned()));
    }
    let user = match &args.userinfo {
        Some(path) => Some(user(&documents::value(path)?)),
        None => None,
    };
    let mut mocks = Mocks::default();
    if !args.targets.is_empty() {
        let targets = documents::resources(&args.targets)?;
        mocks.targets = Some(resources.iter().cloned().chain(targets).collect());
    }
    let given = judge::Given { values: &values, user: user.as_ref(), mocks: &mocks, surroundings, registries };
    let verdicts = judge::all(&policies, &resources, &given);
    let counts = count(&verdicts, args.audit_warn);
    let mut out = String::new();
    if let Some(place) = &args.output {
        write_mutated(&verdicts, place)?;
    }
    if args.policy_report {
        let report = report(&verdicts, &counts, args.audit_warn);
        match args.output_format.as_str() {
            "json" => writeln!(out, "{}", serde_json::to_string_pretty(&report).context("cannot write JSON")?)?,
            "yaml" => out.push_str(&yaml::write(&report)),
            other => bail!("`{other}` is no output format; there are json and yaml"),
        }
    } else {
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let rules: usize = policies
            .policies
            .iter()
            .map(|policy| match policy {
                documents::Loaded::Policy(policy) => policy.rules().len(),
                documents::Loaded::Admission(_) => 1,
                documents::Loaded::NotEvaluated { .. } => 0,
            })
            .sum();
        writeln!(out, "\nApplying {} to {}...", plural(rules, "policy rule"), plural(resources.len(), "resource"))?;
        if args.output.is_none() {
            print_mutated(&mut out, &verdicts)?;
        }
        if args.table {
            print_table(&mut out, &verdicts, args)?
        } else {
            print_plain(&mut out, &verdicts, args)?
        }
        writeln!(
            out,
            "\npass: {}, fail: {}, warn: {}, error: {}, skip: {} ",
            counts.pass, counts.fail, counts.warn, counts.error, counts.skip
        )?;
    }
    output::to_stdout(out.as_bytes())?;
    exit(&counts, args)
}

fn count(verdicts: &[Verdict], audit_warn: bool) -> Counts {
    let mut counts = Counts::default();
    for rule in verdicts.iter().flat_map(|verdict| &verdict.rules) {
        match rule.status {
            "pass" => counts.pass += 1,
            "fail" if audit_warn && rule.audit => counts.warn += 1,
            "fail" => counts.fail += 1,
            "warn" => counts.warn += 1,
            "skip" => counts.skip += 1,
            _ => counts.error += 1,
        }
    }
    counts
}

fn exit(counts: &Counts, args: &ApplyArgs) -> Result<u8> {
    if counts.fail > 0 {
        bail!("exit as there are policy violations");
    }
    if counts.error > 0 {
        bail!("exit as there are policy errors");
    }
    let warned = counts.warn > 0 || (args.warn_no_pass && counts.pass == 0);
    Ok(if warned { args.warn_exit_code } else { 0 })
}

fn place(verdict: &Verdict) -> String {
    format!("{}/{}/{}", verdict.namespace, verdict.kind, verdict.resource)
}

/// What mutate rules made, as Kyverno's tool prints it.
fn print_mutated(out: &mut String, verdicts: &[Verdict]) -> Result<()> {
    for verdict in verdicts {
        let targets: Vec<&Value> =
            verdict.rules.iter().filter(|rule| rule.status == "pass").filter_map(|rule| rule.target.as_ref()).collect();
        let Some(resource) = verdict.patched.as_ref().filter(|_| verdict.changed || !targets.is_empty()) else {
            continue;
        };
        writeln!(out, "\npolicy {} applied to {}:", verdict.policy, place(verdict))?;
        writeln!(out, "{}\n---", objects::yaml(resource))?;
        if !targets.is_empty() {
            writeln!(out, "patched targets: ")?;
        }
        for target in targets {
            writeln!(out, "\n{}\n---", objects::yaml(target))?;
        }
    }
    Ok(())
}

/// The same to files: all into one, or each resource into `NAME-mutated.yaml` of a directory. A resource that several policies change is
/// written as the last one left it.
fn write_mutated(verdicts: &[Verdict], place: &Path) -> Result<()> {
    let mut last: Vec<(&Verdict, &Value)> = Vec::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.changed) {
        let Some(resource) = &verdict.patched else { continue };
        let same = |other: &&mut (&Verdict, &Value)| {
            (&other.0.kind, &other.0.namespace, &other.0.resource)
                == (&verdict.kind, &verdict.namespace, &verdict.resource)
        };
        match last.iter_mut().find(same) {
            Some(found) => *found = (verdict, resource),
            None => last.push((verdict, resource)),
        }
    }
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write mutated resources to `{}`", path.display()))
    };
    if !place.is_dir() {
        let all: String = last.iter().map(|(_, resource)| format!("{}---\n", objects::yaml(resource))).collect();
        return write(place, &all);
    }
    for (verdict, resource) in last {
        // The name comes from a resource, and leads nowhere but into the directory.
        let name = verdict.resource.replace(['/', '\\'], "-");
        anyhow::ensure!(!name.is_empty(), "a mutated resource without a name cannot be written to a directory");
        write(&place.join(format!("{name}-mutated.yaml")), &objects::yaml(resource))?;
    }
    Ok(())
}

fn print_plain(out: &mut String, verdicts: &[Verdict], args: &ApplyArgs) -> Result<()> {
    for verdict in verdicts {
        let wrong: Vec<_> = verdict
            .rules
            .iter()
            .filter(|rule| !matches!(rule.status, "pass" | "skip") || args.detailed_results)
            .collect();
        if wrong.is_empty() {
            continue;
        }
        writeln!(
            out,
            "policy {} -> resource {} {}:",
            verdict.policy,
            place(verdict),
            if verdict.rules.iter().any(|rule| !matches!(rule.status, "pass" | "skip")) { "failed" } else { "passed" }
        )?;
        for (index, rule) in wrong.iter().enumerate() {
            writeln!(out, "{} - {} {}", index + 1, rule.rule, rule.message)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_table(out: &mut String, verdicts: &[Verdict], args: &ApplyArgs) -> Result<()> {
    let mut rows = Vec::new();
    for verdict in verdicts {
        for rule in &verdict.rules {
            let mut row = vec![
                (rows.len() + 1).to_string(),
                verdict.policy.clone(),
                rule.rule.clone(),
                place(verdict),
                rule.status.to_owned(),
            ];
            if args.detailed_results {
                row.push(rule.message.clone());
            }
            rows.push(row);
        }
    }
    let mut titles = vec!["ID", "POLICY", "RULE", "RESOURCE", "RESULT"];
    if args.detailed_results {
        titles.push("MESSAGE");
    }
    writeln!(out, "{}", columns::render(&titles, &rows))?;
    Ok(())
}

/// A `ClusterPolicyReport`. Source: wgpolicyk8s.io/v1alpha2.
fn report(verdicts: &[Verdict], counts: &Counts, audit_warn: bool) -> Value {
    let results: Vec<Value> = verdicts
        .iter()
        .flat_map(|verdict| verdict.rules.iter().map(move |rule| (verdict, rule)))
        .map(|(verdict, rule)| {
            json!({
                "message": rule.message,
                "policy": verdict.policy,
                "resources": [{"kind": verdict.kind, "name": verdict.resource, "namespace": verdict.namespace}],
                "result": if rule.status == "fail" && audit_warn && rule.audit { "warn" } else { rule.status },
                "rule": rule.rule,
                "scored": true,
                "source": "kyverno",
            })
        })
        .collect();
    json!({
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "ClusterPolicyReport",
        "metadata": {"name": "merged"},
        "results": results,
        "summary": {"error": counts.error, "fail": counts.fail, "pass": counts.pass, "skip": counts.skip, "warn": counts.warn},
    })
}
