//! `vuln/feeds`: feeds in their publishers' formats, through `signet db build --feed NAME=PATH --records FILE`.
//!
//! | tool | a case is | expected |
//! |---|---|---|
//! | vunnel | one recorded `snapshots/` record | id, stream, packages, ranges, fix states and versions, severity |
//! | trivy-db | a folder of a slice of vuln-list | read without a complaint; `sad` and `broken` ones are refused |
//! | claircore | a CSAF document, or an archive of them; a secdb file | read |
//! | go-vex | a VEX document | `signet scan --vex` takes it |
//!
//! A record whose input the corpus does not hold (no file of the provider names its id) is skipped, which is no pass.
//! Source: anchore/vunnel `tests/unit/providers/*/test_*.py`, `schema/`; aquasecurity/trivy-db `pkg/vulnsrc/*/*_test.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, json, judge};
use crate::signet;

/// Provider of vunnel, our feed, and the parts of its fixtures that its test reads.
const PROVIDERS: &[(&str, &str, &[&str])] = &[
    ("alma", "alma", &["osv-database", "input"]),
    ("alpine", "alpine", &["input"]),
    ("amazon", "amazon", &["input", "mock_html"]),
    ("arch", "arch", &["input"]),
    ("bitnami", "bitnami", &["vulndb"]),
    ("debian", "debian", &["input"]),
    ("eol", "eol", &["valid-eol-response.json"]),
    ("epss", "epss", &["example-1.csv"]),
    ("fedora", "fedora", &["input"]),
    ("govulndb", "govulndb", &["vulndb"]),
    ("mariner", "azure", &["."]),
    ("nvd", "nvd", &["single-entry.json", "full-page.json"]),
    ("oracle", "oracle", &["."]),
    ("photon", "photon", &["input"]),
    ("rhel", "redhat", &["input", "oval/input"]),
    ("rocky", "rocky", &["osv"]),
    ("sles", "suse", &["."]),
    ("ubuntu", "ubuntu", &["osv", "normalized-cve-data"]),
    ("wolfi", "wolfi", &["input"]),
    ("chainguard", "chainguard", &["input"]),
];

/// Source of trivy-db, our feed.
const SLICES: &[(&str, &str)] = &[
    ("alma", "alma"),
    ("amazon", "amazon"),
    ("aqua", "osv"),
    ("arch-linux", "arch"),
    ("azure", "azure"),
    ("bitnami", "bitnami"),
    ("bottlerocket", "bottlerocket"),
    ("bundler", "rubysec"),
    ("composer", "friendsofphp"),
    ("debian", "debian"),
    ("echo", "echo"),
    ("ghsa", "ghsa"),
    ("glad", "gitlab"),
    ("govulndb", "govulndb"),
    ("julia", "julia"),
    ("k8svulndb", "kubernetes"),
    ("node", "nodejs"),
    ("oracle-oval", "oracle"),
    ("osv", "osv"),
    ("photon", "photon"),
    ("redhat", "redhat"),
    ("redhat-csaf", "redhat"),
    ("redhat-oval", "redhat"),
    ("rocky", "rocky"),
    ("seal", "osv"),
    ("suse-cvrf", "suse"),
    ("ubuntu", "ubuntu"),
];

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    let scratch = Scratch::new("feeds")?;
    let mut judged = snapshots(&folder.join("vunnel"), scratch.path())?;
    judged.extend(documents(folder, scratch.path())?);
    judged.extend(vex(&folder.join("go-vex"), scratch.path())?);
    Ok(judged)
}

// === vunnel ===

/// The records of one build, by kind.
type Records = Vec<Value>;

fn snapshots(folder: &Path, scratch: &Path) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    for (provider, feed, parts) in PROVIDERS {
        let fixtures = folder.join("tests/unit/providers").join(provider).join("test-fixtures");
        let recorded = fixtures.join("snapshots");
        if !recorded.is_dir() {
            continue;
        }
        let mut records = Records::new();
        let mut inputs = String::new();
        for part in *parts {
            let path = fixtures.join(part);
            if !path.exists() {
                continue;
            }
            let staged = stage(&path, &recorded, &scratch.join(format!("{provider}-{}", part.replace('/', "-"))))?;
            for file in files(&staged)? {
                inputs += &String::from_utf8_lossy(&std::fs::read(&file)?).to_lowercase();
                // Some name the id by the file alone.
                inputs += &file.display().to_string().to_lowercase();
            }
            records.extend(build(feed, &staged, scratch)?.unwrap_or_default());
        }
        let mut cases = Vec::new();
        for path in files(&recorded)? {
            let name = path.strip_prefix(&recorded)?.display().to_string();
            let record = json(&path)?;
            let id = id_of(&record).to_lowercase();
            cases.push(Case::new(format!("vunnel/{provider}/{name}"), inputs.contains(&id), record).within("vunnel"));
        }
        judged.extend(judge(
            cases,
            |input| *input,
            |_, has_input, expected| {
                if *has_input {
                    compare(expected, &records)
                } else {
                    Verdict::Skipped("the corpus holds no input for this record".to_owned())
                }
            },
        ));
    }
    Ok(judged)
}

/// The id under which the input knows the record.
fn id_of(record: &Value) -> String {
    let item = &record["item"];
    for place in [&item["Vulnerability"]["Name"], &item["id"], &item["cve"]["id"], &item["cve"], &item["name"]] {
        if let Some(text) = place.as_str() {
            return text.to_owned();
        }
    }
    record["identifier"].as_str().unwrap_or_default().to_owned()
}

/// Copies the inputs without the recorded answers.
fn stage(from: &Path, without: &Path, to: &Path) -> Result<PathBuf> {
    if from.is_file() {
        std::fs::create_dir_all(to)?;
        let target = to.join(from.file_name().context("a file has a name")?);
        std::fs::copy(from, &target)?;
        return Ok(target);
    }
    for file in files(from)?.iter().filter(|file| !file.starts_with(without)) {
        let target = to.join(file.strip_prefix(from)?);
        std::fs::create_dir_all(target.parent().context("a file lies in a folder")?)?;
        std::fs::copy(file, &target)?;
    }
    std::fs::create_dir_all(to)?;
    Ok(to.to_owned())
}

/// What `signet` reads of a feed; the inner error is its refusal.
fn build(feed: &str, path: &Path, scratch: &Path) -> Result<Result<Records, String>> {
    let list = scratch.join("records.jsonl");
    let database = scratch.join("built.db");
    let arguments = [
        "db".to_owned(),
        "build".to_owned(),
        "--feed".to_owned(),
        format!("{feed}={}", path.display()),
        "--records".to_owned(),
        list.display().to_string(),
        "--output".to_owned(),
        database.display().to_string(),
        "--allow-rollback".to_owned(),
    ];
    let output = signet::run(&arguments, scratch, scratch)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(!said.contains("panicked"), "signet panicked: {said}");
    if !output.status.success() {
        return Ok(Err(said));
    }
    let text = std::fs::read_to_string(&list).context("no list of records was written")?;
    Ok(Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?))
}

fn compare(expected: &Value, records: &Records) -> Verdict {
    let item = &expected["item"];
    if item.get("Vulnerability").is_some() {
        distribution(&item["Vulnerability"], records)
    } else if item.get("affected").is_some() {
        osv(item, records)
    } else if item.get("product").is_some() {
        lifecycle(item, records)
    } else if item.get("epss").is_some() {
        let row = records.iter().find(|row| row["kind"] == "epss" && row["id"] == item["cve"]);
        let pair = |score: &Value, percentile: &Value| (score.as_f64(), percentile.as_f64());
        let answer = row.map(|row| pair(&row["score"], &row["percentile"]));
        Verdict::equal(&answer, &Some(pair(&item["epss"], &item["percentile"])))
    } else if item.get("cve").is_some() {
        nvd(&item["cve"], records)
    } else {
        Verdict::Failed("a kind of record that the evaluator does not know".to_owned())
    }
}

/// Package (with its module), state, fixed versions, range where the snapshot states one.
type Row = (String, String, BTreeSet<String>, Option<BTreeSet<String>>);

/// `0:1.2-3` and `1.2-3` are one version to RPM.
fn plain(version: &str) -> String {
    version.trim().strip_prefix("0:").unwrap_or(version.trim()).to_owned()
}

fn bounds(range: &str) -> BTreeSet<String> {
    let bound = |text: &str| {
        let text = text.replace(' ', "");
        let (operator, version) = text.split_at(text.len() - text.trim_start_matches(['<', '>', '=']).len());
        // The epoch `0:` alone, and not the end of `10:`.
        format!("{operator}{}", version.strip_prefix("0:").unwrap_or(version))
    };
    range.split(',').map(bound).filter(|bound| !bound.is_empty()).collect()
}

fn word(severity: &str) -> String {
    match severity.to_lowercase().as_str() {
        "negligible" => "low".to_owned(),
        "moderate" => "medium".to_owned(),
        "important" => "high".to_owned(),
        "" => "unknown".to_owned(),
        other => other.to_owned(),
    }
}

/// Our stream of a namespace of vunnel.
fn stream(namespace: &str) -> String {
    let (name, release) = namespace.split_once(':').unwrap_or((namespace, ""));
    match name {
        "rhel" => match release.split_once('+') {
            Some((release, channel)) => format!("Red Hat {release}-{}", channel.to_uppercase()),
            None => format!("Red Hat {release}"),
        },
        "sles" => format!("SUSE Linux Enterprise {release}"),
        "amzn" => format!("amazon linux {release}"),
        "ol" => format!("Oracle Linux {release}"),
        "photon" => format!("Photon OS {release}"),
        "mariner" => format!("CBL-Mariner {release}"),
        "azurelinux" => format!("Azure Linux {release}"),
        "arch" => "archlinux".to_owned(),
        "wolfi" | "chainguard" => name.to_owned(),
        other => format!("{other} {release}"),
    }
}

/// Advisories about this id in this stream, whatever id the finding would get.
fn about<'r>(id: &str, stream: &str, records: &'r Records) -> Vec<&'r Value> {
    let named = |row: &Value| {
        let vendors = row["vendorIds"].as_array().into_iter().flatten();
        row["id"] == id || vendors.into_iter().any(|vendor| vendor == id)
    };
    records.iter().filter(|row| row["kind"] == "advisory" && row["stream"] == stream && named(row)).collect()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn distribution(expected: &Value, records: &Records) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, namespace) = (text(&expected["Name"]), text(&expected["NamespaceName"]));
    let stream = stream(&namespace);
    let found = about(&id, &stream, records);
    let mut wanted: BTreeSet<Row> = BTreeSet::new();
    for fix in expected["FixedIn"].as_array().into_iter().flatten() {
        let name = match fix["Module"].as_str().filter(|module| !module.is_empty()) {
            Some(module) => format!("{module}::{}", text(&fix["Name"])),
            None => text(&fix["Name"]),
        };
        let wont = fix["VendorAdvisory"]["NoAdvisory"].as_bool().unwrap_or(false);
        let (state, versions) = match text(&fix["Version"]).as_str() {
            "0" => ("not_affected", BTreeSet::new()),
            "None" | "" if wont => ("wont_fix", BTreeSet::new()),
            "None" | "" => ("not_fixed", BTreeSet::new()),
            version => ("fixed", BTreeSet::from([plain(version)])),
        };
        let range = fix["VulnerableRange"].as_str().map(bounds);
        wanted.insert((name, state.to_owned(), versions, range));
    }
    // Debian's `no-dsa` counts as "will not fix" there, and its `end-of-life` as unfixed; we keep all of them apart, as the tracker does.
    let lenient = namespace.starts_with("debian:");
    let ranged = wanted.iter().any(|(.., range)| range.is_some());
    let answer: BTreeSet<Row> = found
        .iter()
        .map(|row| {
            let fixed: BTreeSet<String> = texts(&row["fixed"]).iter().map(|version| plain(version)).collect();
            let state = match row["status"].as_str().unwrap_or_default() {
                "not_affected" => "not_affected",
                "end_of_life" if lenient => "not_fixed",
                "will_not_fix" | "end_of_life" => "wont_fix",
                _ if !fixed.is_empty() => "fixed",
                "affected" | "fix_deferred"
                    if lenient
                        && wanted.iter().any(|(name, state, ..)| row["package"] == *name && state == "wont_fix") =>
                {
                    "wont_fix"
                }
                _ => "not_fixed",
            };
            let range = ranged.then(|| {
                row["vulnerable"].as_array().into_iter().flatten().filter_map(Value::as_str).flat_map(bounds).collect()
            });
            (text(&row["package"]), state.to_owned(), fixed, range)
        })
        .collect();
    // A statement that something else is not affected adds no vulnerability; vunnel leaves some of them out.
    let extra = |row: &Row| row.1 == "not_affected" && !wanted.iter().any(|known| known.0 == row.0);
    let answer: BTreeSet<Row> = answer.into_iter().filter(|row| !extra(row)).collect();
    if answer != wanted {
        return Verdict::Failed(format!("packages: expected {wanted:?}, got {answer:?}"));
    }
    // What is about several CVEs names all of them.
    let cves: BTreeSet<String> =
        expected["Metadata"]["CVE"].as_array().into_iter().flatten().map(|cve| text(&cve["Name"])).collect();
    if !id.starts_with("CVE-") && !cves.is_empty() {
        let ours: BTreeSet<String> = found.iter().map(|row| text(&row["id"])).collect();
        if ours != cves {
            return Verdict::Failed(format!("CVEs: expected {cves:?}, got {ours:?}"));
        }
    }
    let rank = |word: &str| ["unknown", "low", "medium", "high", "critical"].iter().position(|name| *name == word);
    let detail = records.iter().filter(|row| row["kind"] == "detail" && row["id"] == *id);
    let of_details = detail.flat_map(|row| row["severities"].as_object().into_iter().flat_map(|map| map.values()));
    let rated: Vec<String> = if found.is_empty() {
        if wanted.is_empty() && !records.iter().any(|row| row["kind"] == "stream" && row["stream"] == stream) {
            return Verdict::Failed(format!("the stream `{stream}` is not covered"));
        }
        of_details.filter_map(Value::as_str).map(str::to_owned).collect()
    } else {
        found.iter().filter_map(|row| row["severity"].as_str()).map(str::to_owned).collect()
    };
    let severity = rated.iter().max_by_key(|word| rank(word)).cloned().unwrap_or_else(|| "unknown".to_owned());
    match Verdict::equal(&severity, &word(&text(&expected["Severity"]))) {
        Verdict::Failed(why) => Verdict::Failed(format!("severity: {why}")),
        verdict => verdict,
    }
}

/// Our stream of an OSV ecosystem.
fn ecosystem(name: &str) -> String {
    let parts: Vec<&str> = name.split(':').collect();
    match parts.as_slice() {
        ["Ubuntu", "Pro", release, ..] => format!("ubuntu {release}-ESM"),
        ["Ubuntu", release, ..] => format!("ubuntu {release}"),
        ["Rocky Linux", release] => format!("rocky {release}"),
        ["AlmaLinux", release] => format!("alma {release}"),
        ["PyPI"] => "python".to_owned(),
        [name, ..] => name.to_lowercase(),
        [] => String::new(),
    }
}

fn osv(item: &Value, records: &Records) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = text(&item["id"]);
    if item["withdrawn"].is_string() {
        let gone = records.iter().any(|row| row["kind"] == "withdrawn" && row["id"] == *id);
        return Verdict::equal(&gone, &true);
    }
    type Part = (String, String, BTreeSet<String>, BTreeSet<String>, bool, Vec<(String, BTreeSet<String>)>);
    let mut wanted: BTreeSet<Part> = BTreeSet::new();
    let mut streams = BTreeSet::new();
    for part in item["affected"].as_array().into_iter().flatten() {
        let stream = ecosystem(&text(&part["package"]["ecosystem"]));
        let mut ranges = BTreeSet::new();
        let mut fixed = BTreeSet::new();
        for range in part["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT") {
            let mut from = String::new();
            let mut open = false;
            for event in range["events"].as_array().into_iter().flatten() {
                if let Some(version) = event["introduced"].as_str() {
                    from = if version == "0" { String::new() } else { format!(">= {version}") };
                    open = true;
                }
                if let Some(version) = event["fixed"].as_str() {
                    fixed.insert(version.to_owned());
                    ranges.insert(
                        [from.as_str(), &format!("< {version}")].join(", ").trim_start_matches(", ").to_owned(),
                    );
                    open = false;
                }
                if let Some(version) = event["last_affected"].as_str() {
                    ranges.insert(
                        [from.as_str(), &format!("<= {version}")].join(", ").trim_start_matches(", ").to_owned(),
                    );
                    open = false;
                }
            }
            if open {
                ranges.insert(from);
            }
        }
        let wont = part["database_specific"]["anchore"]["status"] == "wont-fix";
        let mut imports: Vec<(String, BTreeSet<String>)> = part["ecosystem_specific"]["imports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|import| (text(&import["path"]), texts(&import["symbols"])))
            .collect();
        imports.sort();
        wanted.insert((stream.clone(), text(&part["package"]["name"]), ranges, fixed, wont, imports));
        streams.insert(stream);
    }
    let mut answer: BTreeSet<Part> = BTreeSet::new();
    let mut severities = BTreeSet::new();
    for stream in &streams {
        for row in about(&id, stream, records) {
            let mut imports: Vec<(String, BTreeSet<String>)> = row["imports"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|import| (text(&import["path"]), texts(&import["symbols"])))
                .collect();
            imports.sort();
            let ranges = row["vulnerable"].as_array().into_iter().flatten().map(&text).collect();
            let wont = row["status"] == "will_not_fix";
            answer.insert((stream.clone(), text(&row["package"]), ranges, texts(&row["fixed"]), wont, imports));
            severities.extend(row["severity"].as_str().map(str::to_owned));
        }
    }
    if answer != wanted {
        return Verdict::Failed(format!("packages: expected {wanted:?}, got {answer:?}"));
    }
    let stated = item["severity"].as_array().into_iter().flatten().find(|row| row["type"] == "Ubuntu");
    let stated = stated
        .map(|row| text(&row["score"]))
        .or_else(|| item["database_specific"]["severity"].as_str().map(str::to_owned));
    if let Some(stated) = stated {
        let detail = records.iter().filter(|row| row["kind"] == "detail" && row["id"] == *id);
        severities.extend(detail.filter_map(|row| row["severity"].as_str()).map(str::to_owned));
        if !severities.contains(&word(&stated)) {
            return Verdict::Failed(format!("severity: expected {stated}, got {severities:?}"));
        }
    }
    Verdict::Passed
}

fn lifecycle(item: &Value, records: &Records) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", text(&item["product"]), text(&item["name"]));
    let row = records.iter().find(|row| row["kind"] == "lifecycle" && row["stream"] == *name);
    let day = |value: &Value| value.as_str().map(|time| time.chars().take(10).collect::<String>());
    let answer = row.map(|row| (day(&row["endOfLife"]), day(&row["endOfActiveSupport"])));
    Verdict::equal(&answer, &Some((day(&item["eolFrom"]), day(&item["eoasFrom"]))))
}

fn nvd(cve: &Value, records: &Records) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = text(&cve["id"]);
    let mut wanted: BTreeSet<(String, BTreeSet<String>)> = BTreeSet::new();
    let nodes = cve["configurations"].as_array().into_iter().flatten().flat_map(|row| row["nodes"].as_array());
    for found in nodes.flatten().flat_map(|node| node["cpeMatch"].as_array()).flatten() {
        if found["vulnerable"] != true {
            continue;
        }
        let criteria = text(&found["criteria"]).replace("\\", "");
        let parts: Vec<&str> = criteria.split(':').collect();
        let name = format!("{}:{}", parts.get(3).unwrap_or(&""), parts.get(4).unwrap_or(&""));
        let ends = [
            ("versionStartIncluding", ">="),
            ("versionStartExcluding", ">"),
            ("versionEndIncluding", "<="),
            ("versionEndExcluding", "<"),
        ];
        let range = ends.iter().filter_map(|(key, sign)| Some(format!("{sign}{}", found[*key].as_str()?))).collect();
        wanted.insert((name, range));
    }
    let rows = records.iter().filter(|row| row["kind"] == "advisory" && row["id"] == *id);
    let answer: BTreeSet<(String, BTreeSet<String>)> = rows
        .flat_map(|row| {
            let ranges = row["vulnerable"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
            let package = text(&row["package"]);
            ranges.into_iter().map(move |range| (package.clone(), bounds(&range)))
        })
        .collect();
    if answer != wanted {
        return Verdict::Failed(format!("products: expected {wanted:?}, got {answer:?}"));
    }
    let metrics = &cve["metrics"];
    let newest = ["cvssMetricV31", "cvssMetricV30"].iter().find_map(|name| metrics[*name].as_array()?.first());
    let stated = newest.map(|metric| word(&text(&metric["cvssData"]["baseSeverity"])));
    let detail = records.iter().find(|row| row["kind"] == "detail" && row["id"] == *id);
    Verdict::equal(&detail.map(|row| text(&row["severity"])), &Some(stated.unwrap_or_default()))
}

// === documents that must be read, or refused ===

#[derive(Debug)]
struct Document {
    feed: &'static str,
    path: PathBuf,
}

fn documents(folder: &Path, scratch: &Path) -> Result<Vec<Judged>> {
    let mut cases = Vec::new();
    for (source, feed) in SLICES {
        let data = folder.join("trivy-db/pkg/vulnsrc").join(source).join("testdata");
        let mut folders: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in if data.is_dir() { files(&data)? } else { Vec::new() } {
            let below = file.strip_prefix(&data)?;
            let mut parts = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
            let (Some(first), Some(second)) = (parts.next(), parts.next()) else { continue };
            // What a database would hold; the maps alone, without the documents that they are for.
            let lone_map = !files(&data.join(&first))?.iter().any(|file| !file.display().to_string().contains("/cpe/"));
            // Two slices have maps and tests but no definition: nothing is there to be read or refused.
            let bare = ["no-definitions", "no-repo-to-cpe"].contains(&first.as_str());
            if first == "fixtures" || bare || (lone_map && !first.starts_with("broken")) {
                continue;
            }
            // `sad` may hold several cases side by side; so may `happy` where a case is a folder of its own.
            let several =
                !second.starts_with("vuln-list") && parts.next().is_some_and(|third| third.starts_with("vuln-list"));
            if several {
                folders.insert(format!("{first}/{second}"), data.join(&first).join(&second));
            } else {
                folders.insert(first.clone(), data.join(&first));
            }
        }
        for (name, path) in folders {
            // The reference test wants an error for these as well.
            let refused =
                ["sad", "broken", "empty-cve", "no-vulnerabilities"].iter().any(|start| name.starts_with(start));
            let case =
                Case::new(format!("trivy-db/{source}/{name}"), Document { feed, path }, refused).within("trivy-db");
            cases.push(if refused { case.refused() } else { case });
        }
    }
    let claircore = folder.join("claircore");
    let lists = [
        ("redhat", claircore.join("rhel/vex/testdata"), &[".json", ".tar.zst"][..]),
        ("alpine", claircore.join("alpine/testdata/fetch"), &[".json"]),
    ];
    for (feed, data, endings) in lists {
        for path in if data.is_dir() { files(&data)? } else { Vec::new() } {
            let name = path.strip_prefix(&claircore)?.display().to_string();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                cases.push(Case::new(format!("claircore/{name}"), Document { feed, path }, false).within("claircore"));
            }
        }
    }
    Ok(judge(
        cases,
        |document| build(document.feed, &document.path, scratch).map_err(|err| format!("{err:#}")),
        |_, answer, refused| match (answer, refused) {
            (Err(why), _) => Verdict::Failed(why.clone()),
            (Ok(Ok(_)), false) | (Ok(Err(_)), true) => Verdict::Passed,
            (Ok(Ok(records)), true) => Verdict::Failed(format!("read as {} records", records.len())),
            (Ok(Err(why)), false) => Verdict::Failed(why.clone()),
        },
    ))
}

fn vex(folder: &Path, scratch: &Path) -> Result<Vec<Judged>> {
    let subject = scratch.join("vex-subject");
    std::fs::create_dir_all(&subject)?;
    std::fs::write(subject.join("README"), "nothing to find here\n")?;
    let mut cases = Vec::new();
    for path in if folder.is_dir() { files(folder)? } else { Vec::new() } {
        let name = path.strip_prefix(folder)?.display().to_string();
        cases.push(Case::new(format!("go-vex/{name}"), path, ()).within("go-vex"));
    }
    Ok(judge(
        cases,
        |path| {
            let arguments = [
                "scan".to_owned(),
                subject.display().to_string(),
                "--db".to_owned(),
                "builtin:sample".to_owned(),
                "--vex".to_owned(),
                path.display().to_string(),
            ];
            signet::run(&arguments, scratch, scratch).map_err(|err| format!("{err:#}"))
        },
        |_, answer, ()| match answer {
            Ok(output) if output.status.success() => Verdict::Passed,
            Ok(output) => Verdict::Failed(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(why) => Verdict::Failed(why.clone()),
        },
    ))
}
