//! Reports: written whole before the exit code says no, valid, and the same every time.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Room, golden};

const SCAN: &str = "scan --offline --db builtin:sample dir:shop";

#[test]
fn reports_are_on_disk_before_the_exit_code_says_no() {
    let room = Room::with_shop();
    let run = room.check(
        &format!("{SCAN} --fail-on true -o json=report.json -o sarif=report.sarif -o table"),
        11,
        &["4 at or above"],
    );
    assert!(run.out.contains("sample-tls"), "{run}");
    assert_eq!(room.json("report.json")["failOn"]["hits"].as_array().unwrap().len(), 4);
    assert_eq!(room.json("report.sarif")["version"], "2.1.0");
    // No temporary file stays, and a report that cannot be written is no success.
    let names: Vec<String> = std::fs::read_dir(room.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
    room.check(&format!("{SCAN} -o json=nowhere/report.json"), 1, &["cannot write the report `nowhere/report.json`"]);
}

#[test]
fn the_same_input_gives_the_same_report() {
    let room = Room::with_shop();
    for format in [
        "table",
        "json",
        "sarif",
        "cyclonedx-json",
        "spdx-json",
        "cosign-vuln",
        "junit",
        "markdown",
        "html",
        "gitlab",
        "github",
    ] {
        let first = room.check(&format!("{SCAN} -o {format}"), 0, &["sample-tls"]);
        let second = room.run(&format!("{SCAN} -o {format}"));
        assert!(first.out == second.out, "{format} differs between two runs");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let room = Room::with_shop();
    let mut child =
        room.command(&format!("{SCAN} -o json")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The contract of version 1: fields are added, never renamed or removed. The kept report is of the first release.
#[test]
fn json_version_1() {
    let room = Room::with_shop();
    room.file("policy.yaml", "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: { name: ours }\nspec:\n  vulnerabilities:\n    deny: 'kev'\n    exceptions: [{ id: CVE-2026-0001, until: 2026-12-31, owner: a, reason: r }]\n");
    let run = room.check(&format!("{SCAN} --policy policy.yaml --fail-on malicious -o json"), 11, &[]);
    let text = run.out.replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"[VERSION]\"");
    golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/golden/report-v1.json"), &text);
}

#[test]
fn json_reports_follow_their_schema() {
    let room = Room::with_shop();
    room.file(".trivyignore", "CVE-2026-0002\n");
    let schema: Value = serde_json::from_str(&room.check("schema report", 0, &[]).out).unwrap();
    let valid = |room: &Room, line: &str| {
        let report: Value = serde_json::from_str(&room.run(line).out).unwrap();
        let mut wrong = Vec::new();
        validate(&schema, &schema, &report, "$", &mut wrong);
        assert!(wrong.is_empty(), "signet {line}: {wrong:#?}");
        report
    };
    valid(&room, &format!("{SCAN} -o json --policy builtin:recommended --fail-on kev"));
    valid(&room, "sbom dir:shop -o json");
    let broken = Room::with_broken();
    valid(&broken, "sbom rootfs:broken -o json");
    let demo = Room::new();
    demo.check("demo --keep demo", 0, &[]);
    let report = valid(&demo, "sbom oci-dir:demo/shop -o json");
    assert_eq!(report["subject"]["image"]["layers"].as_array().unwrap().len(), 3);
    // The check itself can fail.
    let mut other = report;
    other["subject"]["kind"] = "planet".into();
    other["surprise"] = true.into();
    let mut wrong = Vec::new();
    validate(&schema, &schema, &other, "$", &mut wrong);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

/// The part of JSON Schema that the report's schema uses; a keyword that is not known here is an error of the schema.
fn validate(root: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                validate(root, root.pointer(pointer).unwrap(), value, place, wrong);
            }
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    other => panic!("unknown type {other}"),
                };
                if !fits {
                    wrong.push(format!("{place} is no {rule}"));
                }
            }
            "const" if rule != value => wrong.push(format!("{place} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                wrong.push(format!("{place}: {value} is none of {rule}"))
            }
            "const" | "enum" => {}
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        wrong.push(format!("{place} lacks {name}"));
                    }
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(name) {
                        validate(root, rule, inner, &format!("{place}.{name}"), wrong);
                    }
                }
            }
            "additionalProperties" => {
                let named = schema.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if named.is_some_and(|named| named.contains_key(name)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => wrong.push(format!("{place}.{name} is not in the schema")),
                        rule => validate(root, rule, inner, &format!("{place}.{name}"), wrong),
                    }
                }
            }
            "items" => {
                for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, inner, &format!("{place}[{at}]"), wrong);
                }
            }
            other => panic!("the check does not know the keyword {other}"),
        }
    }
}
