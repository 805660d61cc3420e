//! `--format template`: the results under the user's own template, as those that Trivy's users have (`contrib/gitlab.tpl`, `junit.tpl`, `html.tpl`,
//! `asff.tpl`, `gitlab-codequality.tpl`) expect them: Go's structs, in which a field without a value is there and empty.
//!
//! Source: aquasecurity/trivy:pkg/report/template.go, contrib/.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use signet_model::Timestamp;

use super::wire::Report;
use crate::template::{Context, MOST_TEXT, Template};

/// Variables that a template may ask for: what findings for AWS Security Hub are addressed with.
const VARIABLES: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCOUNT_ID"];

const RESULT: &[&str] = &["Target", "Class", "Type"];
const LISTS: &[&str] = &["Packages", "Vulnerabilities", "Misconfigurations", "Secrets", "Licenses", "CustomResources"];
const VULNERABILITY: &[&str] = &[
    "VulnerabilityID",
    "PkgID",
    "PkgName",
    "PkgPath",
    "InstalledVersion",
    "FixedVersion",
    "Status",
    "SeveritySource",
    "PrimaryURL",
    "Title",
    "Description",
    "Severity",
];

/// Fills the template that `--template` names: text, or `@FILE`.
pub(super) fn render(report: &Report, template: Option<&str>, now: Timestamp) -> Result<Vec<u8>> {
    let template = template.filter(|text| !text.is_empty());
    let template = template.context("`--format template` needs `--template`: the template, or `@FILE`")?;
    let (name, text) = match template.strip_prefix('@') {
        Some(path) => {
            let context = || format!("error retrieving template from path: cannot read `{path}`");
            let size = std::fs::metadata(Path::new(path)).with_context(context)?.len();
            ensure!(size <= MOST_TEXT as u64, "the template `{path}` is larger than {MOST_TEXT} bytes");
            (path, std::fs::read_to_string(path).with_context(context)?)
        }
        None => ("template", template.to_owned()),
    };
    let values: Vec<(&str, String)> =
        VARIABLES.iter().map(|name| (*name, std::env::var(name).unwrap_or_default())).collect();
    let env: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let context = Context { now, app_version: env!("CARGO_PKG_VERSION"), env: &env };
    let filled = Template::parse(name, &text)?.render(&results(report)?, &context)?;
    Ok(filled.into_bytes())
}

/// What `.` is: the list of results.
fn results(report: &Report) -> Result<Value> {
    let mut value = serde_json::to_value(&report.results)?;
    for result in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        fill(result, RESULT, &json!(""));
        fill(result, LISTS, &json!([]));
        for found in objects(result.get_mut("Vulnerabilities")) {
            fill(found, VULNERABILITY, &json!(""));
            fill(found, &["References", "CweIDs", "VendorIDs"], &json!([]));
            fill(found, &["CVSS", "VendorSeverity", "Layer", "PkgIdentifier", "DataSource"], &json!({}));
            if let Some(cvss) = found.get_mut("CVSS").and_then(Value::as_object_mut) {
                // `(index .CVSS "nvd").V3Score` is 0 in Go where NVD has none, and no text at all would break the JSON that is written.
                cvss.entry("nvd").or_insert_with(|| json!({}));
                for scores in cvss.values_mut().filter_map(Value::as_object_mut) {
                    fill(scores, &["V2Score", "V3Score", "V40Score"], &json!(0));
                    fill(scores, &["V2Vector", "V3Vector", "V40Vector"], &json!(""));
                }
            }
        }
        for found in objects(result.get_mut("Misconfigurations")) {
            let names = [
                "Type",
                "ID",
                "AVDID",
                "Title",
                "Description",
                "Message",
                "Resolution",
                "Severity",
                "PrimaryURL",
                "Status",
            ];
            fill(found, &names, &json!(""));
            fill(found, &["References"], &json!([]));
            let cause = found.entry("CauseMetadata").or_insert_with(|| json!({}));
            if let Some(cause) = cause.as_object_mut() {
                fill(cause, &["StartLine", "EndLine"], &json!(0));
            }
            // Older templates know the cause by this name.
            let cause = found.get("CauseMetadata").cloned().unwrap_or_default();
            found.entry("IacMetadata").or_insert(cause);
        }
    }
    Ok(value)
}

fn objects(list: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn fill(fields: &mut Map<String, Value>, names: &[&str], with: &Value) {
    for name in names {
        fields.entry(*name).or_insert_with(|| with.clone());
    }
}
