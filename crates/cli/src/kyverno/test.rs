//! `kyverno test`: runs suites and says which results are not as expected.
//!
//! As Kyverno's, but for one thing: where no rule answered, Kyverno counts a success ("Excluded") whatever was expected. Here that is a success
//! only where a skip was expected, and else a failure that says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use signet_policy::jmespath::Surroundings;

use super::args::TestArgs;
use super::judge::Verdict;
use super::objects::{self, Mismatch};
use super::suite::{Expected, Suite};
use crate::evidence::Outside;
use crate::foreign::columns;
use crate::output;

/// One compared result.
#[derive(Debug)]
struct Row {
    policy: String,
    rule: String,
    resource: String,
    passed: bool,
    skipped: bool,
    reason: String,
    message: String,
}

/// Runs the command. The code is 1 when a result is not as expected or a suite cannot be run.
pub(super) fn command(args: &TestArgs, surroundings: &Surroundings, registries: Option<&Outside>) -> Result<u8> {
    if args.directories.is_empty() {
        bail!("a directory is required");
    }
    let mut suites = Vec::new();
    for directory in &args.directories {
        find(directory, &args.file_name, 0, &mut suites)?;
    }
    suites.sort();
    let mut out = String::new();
    if suites.is_empty() {
        if args.require_tests {
            bail!("no tests found");
        }
        output::to_stdout(b"\nNo test yamls available\n")?;
        return Ok(0);
    }
    let selector = Selector::parse(&args.test_case_selector)?;
    let (mut passed, mut failed, mut broken) = (0_usize, 0_usize, 0_usize);
    let mut rows = Vec::new();
    for path in &suites {
        if args.output_format.is_none() && !args.responses {
            writeln!(out, "Loading test ( {} ) ...", path.display())?;
        }
        let outcome = Suite::read(path).and_then(|suite| Ok((suite.run(surroundings, registries)?, suite)));
        let (verdicts, suite) = match outcome {
            Ok(found) => found,
            Err(err) => {
                broken += 1;
                let err = err.context(format!("cannot run `{}`", path.display()));
                super::tell(&err);
                continue;
            }
        };
        if args.responses {
            for verdict in &verdicts {
                writeln!(out, "{}", verdict.to_json())?;
            }
            continue;
        }
        let found: Vec<Row> = suite
            .expected()
            .iter()
            .filter(|wanted| selector.selects(wanted))
            .flat_map(|wanted| compare(wanted, &verdicts))
            .collect();
        passed += found.iter().filter(|row| row.passed).count();
        failed += found.iter().filter(|row| !row.passed).count();
        if args.output_format.is_none() {
            table(&mut out, &suite.name, &found, args)?;
        }
        rows.extend(found);
    }
    match args.output_format.as_deref() {
        Some(format) => write_rows(&mut out, format, &rows)?,
        None if !args.responses => {
            let total = passed + failed;
            if args.fail_only {
                writeln!(out, "\nTest Summary: {failed} out of {total} tests failed\n")?;
            } else {
                writeln!(out, "\nTest Summary: {passed} tests passed and {failed} tests failed\n")?;
            }
        }
        None => {}
    }
    output::to_stdout(out.as_bytes())?;
    if failed > 0 {
        bail!("{failed} tests failed");
    }
    Ok(u8::from(broken > 0))
}

/// The suites below a directory, by the name of their file.
fn find(place: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_file() {
        found.push(place.to_owned());
        return Ok(());
    }
    if depth > 32 {
        bail!("`{}` lies too deep", place.display());
    }
    for entry in std::fs::read_dir(place).with_context(|| format!("cannot list `{}`", place.display()))? {
        let entry = entry.with_context(|| format!("cannot list `{}`", place.display()))?;
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        if kind.is_dir() {
            find(&entry.path(), name, depth + 1, found)?;
        } else if entry.file_name() == name {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The rows of one expected result: one for each response that it is about.
fn compare(wanted: &Expected, verdicts: &[Verdict]) -> Vec<Row> {
    let row = |verdict: Option<&Verdict>, passed: bool, reason: String, message: &str| Row {
        policy: wanted.policy.clone(),
        rule: wanted.rule.clone(),
        resource: match verdict {
            Some(verdict) => format!("{}/{}/{}", verdict.namespace, verdict.kind, verdict.resource),
            None => format!("{}/{}", wanted.kind, wanted.resource.as_deref().unwrap_or("*")),
        },
        passed,
        skipped: passed && wanted.result == "skip",
        reason,
        message: message.to_owned(),
    };
    let mut rows = Vec::new();
    let mut met = None;
    for verdict in verdicts.iter().filter(|verdict| wanted.is_of(verdict)) {
        let about = wanted.is_about(&verdict.namespace, &verdict.resource);
        met = met.or(about.then_some(verdict));
        for rule in verdict.rules.iter().filter(|rule| wanted.names(&rule.rule) || rule.rule.is_empty()) {
            let about_target = rule.target.as_ref().is_some_and(|target| {
                let text = |pointer: &str| target.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                wanted.is_about(text("/metadata/namespace"), text("/metadata/name"))
            });
            if !about && !about_target {
                continue;
            }
            let objects = match (&wanted.generated, &wanted.objects) {
                (None, None) => None,
                (Some(path), _) => Some(objects::compare_all(&rule.generated, path)),
                (None, Some(path)) => Some(objects::compare(rule.target.as_ref().or(verdict.patched.as_ref()), path)),
            };
            let evaluated = !rule.message.starts_with("not evaluated: ");
            let (passed, reason) = match objects {
                _ if !evaluated => (false, format!("Want {}, got {}", wanted.result, rule.status)),
                // Where a failure is expected of a rule that changes things, another object is one; a file that cannot be read and a rule that
                // was not decided are none.
                Some(Err(Mismatch::Differs(_))) if wanted.result == "fail" && rule.status != "error" => {
                    (true, "Ok".to_owned())
                }
                Some(Err(why)) => (false, format!("Resource diff: {why}")),
                _ if rule.status == wanted.result => (true, "Ok".to_owned()),
                _ => (false, format!("Want {}, got {}", wanted.result, rule.status)),
            };
            rows.push(row(Some(verdict), passed, reason, &rule.message));
        }
    }
    if rows.is_empty() {
        rows.push(match met {
            Some(verdict) => {
                let passed = wanted.result == "skip";
                let reason = if passed {
                    "Excluded".to_owned()
                } else {
                    format!("Excluded: want {}, and no rule is about the resource", wanted.result)
                };
                row(Some(verdict), passed, reason, "Excluded")
            }
            None => {
                row(None, false, "Not found".to_owned(), "no resource and policy of these names were loaded together")
            }
        });
    }
    rows
}

fn table(out: &mut String, suite: &str, rows: &[Row], args: &TestArgs) -> Result<()> {
    let shown: Vec<Vec<String>> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !args.fail_only || !row.passed)
        .map(|(index, row)| {
            let result = if row.passed { "Pass" } else { "Fail" };
            let mut cells = vec![
                (index + 1).to_string(),
                row.policy.clone(),
                row.rule.clone(),
                row.resource.clone(),
                result.to_owned(),
                row.reason.clone(),
            ];
            if args.detailed_results {
                cells.push(row.message.clone());
            }
            cells
        })
        .collect();
    if shown.is_empty() {
        return Ok(());
    }
    let mut titles = vec!["ID", "POLICY", "RULE", "RESOURCE", "RESULT", "REASON"];
    if args.detailed_results {
        titles.push("MESSAGE");
    }
    writeln!(out, "\n{suite}\n{}", columns::render(&titles, &shown))?;
    Ok(())
}

fn write_rows(out: &mut String, format: &str, rows: &[Row]) -> Result<()> {
    match format {
        "json" => {
            let rows: Vec<Value> = rows
                .iter()
                .enumerate()
                .map(|(index, row)| {
                    let result = if row.passed { "Pass" } else { "Fail" };
                    json!({"id": index + 1, "policy": row.policy, "rule": row.rule, "resource": row.resource, "result": result,
                           "reason": row.reason, "message": row.message, "skip": row.skipped})
                })
                .collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&rows).context("cannot write JSON")?)?;
        }
        "markdown" => {
            writeln!(out, "| ID | POLICY | RULE | RESOURCE | RESULT | REASON |\n|---|---|---|---|---|---|")?;
            for (index, row) in rows.iter().enumerate() {
                let result = if row.passed { "Pass" } else { "Fail" };
                let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
                writeln!(
                    out,
                    "| {} | {} | {} | {} | {result} | {} |",
                    index + 1,
                    cell(&row.policy),
                    cell(&row.rule),
                    cell(&row.resource),
                    cell(&row.reason)
                )?;
            }
        }
        "junit" => {
            let escape = |text: &str| {
                text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
            };
            let failed = rows.iter().filter(|row| !row.passed).count();
            writeln!(
                out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\" failures=\"{failed}\">",
                rows.len()
            )?;
            writeln!(out, "  <testsuite name=\"kyverno\" tests=\"{}\" failures=\"{failed}\">", rows.len())?;
            for row in rows {
                let name = format!("{} {} {}", row.policy, row.rule, row.resource);
                if row.passed {
                    writeln!(out, "    <testcase name=\"{}\"/>", escape(&name))?;
                } else {
                    writeln!(
                        out,
                        "    <testcase name=\"{}\"><failure message=\"{}\"/></testcase>",
                        escape(&name),
                        escape(&row.reason)
                    )?;
                }
            }
            writeln!(out, "  </testsuite>\n</testsuites>")?;
        }
        other => bail!("`{other}` is no output format; there are json, markdown and junit"),
    }
    Ok(())
}

/// `policy=*,rule=*,resource=*`
#[derive(Debug, Default)]
struct Selector {
    policy: Option<String>,
    rule: Option<String>,
    resource: Option<String>,
}

impl Selector {
    fn parse(text: &str) -> Result<Selector> {
        let mut selector = Selector::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((key, pattern)) = part.split_once('=') else {
                bail!("`{part}` of --test-case-selector is no KEY=PATTERN")
            };
            let place = match key.trim() {
                "policy" => &mut selector.policy,
                "rule" => &mut selector.rule,
                "resource" => &mut selector.resource,
                other => bail!("`{other}` of --test-case-selector is no key; there are policy, rule and resource"),
            };
            *place = Some(pattern.trim().to_owned());
        }
        Ok(selector)
    }

    fn selects(&self, wanted: &Expected) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| signet_policy::wildcard::matches(pattern, text))
        };
        fits(&self.policy, &wanted.policy)
            && fits(&self.rule, &wanted.rule)
            && fits(&self.resource, wanted.resource.as_deref().unwrap_or_default())
    }
}
