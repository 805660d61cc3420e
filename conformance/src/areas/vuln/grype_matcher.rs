//! `vuln/grype-matcher`: Grype's own matcher tests, through the real binary: the records of a case are compiled with `signet db build`, and a
//! Syft SBOM of its one package is scanned.
//!
//! The cases were taken out of Go source mechanically; what that lost is put back below, from the notes on the set: modularity labels, which
//! cases switch an option on, and cases that run several times with different packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json as value};

use crate::areas::sbom::Scratch;
use crate::set::{Case, Judged, Verdict, files, json, judge};
use crate::signet;

/// One run of the program.
#[derive(Clone, Debug)]
struct Run {
    artifact: Value,
    distro: Value,
    flags: Vec<&'static str>,
}

#[derive(Debug)]
struct Input {
    records: Vec<PathBuf>,
    runs: Vec<Run>,
}

/// What one run must give.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    matches: BTreeSet<String>,
    ignores: BTreeSet<String>,
    /// Whether the matches were found directly, by source package or by product; empty: not said.
    details: BTreeSet<String>,
}

/// Ids by which something was found, each finding with all its names.
#[derive(Clone, Debug, Default)]
struct Found {
    matches: Vec<BTreeSet<String>>,
    ignores: Vec<BTreeSet<String>>,
    details: BTreeSet<String>,
}

pub(crate) fn evaluate(folder: &Path) -> Result<Vec<Judged>> {
    signet::program()?;
    let scratch = Scratch::new("grype-matcher")?;
    let mut cases = Vec::new();
    for path in files(folder)?.into_iter().filter(|path| path.ends_with("EXPECT.json")) {
        let fixture = path.parent().context("a file lies in a folder")?;
        for stated in json(&path)?.as_array().context("EXPECT.json is a list")? {
            let id = stated["id"].as_str().context("a case has an id")?;
            let room = stated["dir"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
            let (runs, expected): (Vec<Run>, Vec<Expected>) = runs(stated, id).into_iter().unzip();
            let input = Input { records: records(fixture, &stated["only_records"])?, runs };
            cases.push(Case::new(id, input, expected).within(room));
        }
    }
    let counter = std::cell::Cell::new(0);
    Ok(judge(
        cases,
        |input| {
            counter.set(counter.get() + 1);
            let room = scratch.path().join(counter.get().to_string());
            answer(input, &room).map_err(|err| format!("{err:#}"))
        },
        |input, answer, expected| match answer {
            _ if input.records.is_empty() => Verdict::Skipped("its records are not in the corpus".to_owned()),
            Ok(found) => compare(found, expected),
            Err(why) => Verdict::Failed(why.clone()),
        },
    ))
}

/// Every run of a case with what it must give.
fn runs(stated: &Value, id: &str) -> Vec<(Run, Expected)> {
    let package = &stated["package"];
    let set = |field: &str| -> BTreeSet<String> {
        stated[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut expected =
        Expected { matches: set("expect_matches"), ignores: set("expect_ignores"), details: set("detail_types") };
    let nothing = Expected::default();
    let mut run = Run { artifact: artifact(package, label(id)), distro: distro(package), flags: Vec::new() };
    // The one test that runs with the option and without it; which, its name tells, and nothing that it expects.
    let both = id.ends_with("CPEFallbackWhenEOL");
    if id.contains("LowerAlmaModuleBuild") {
        expected.ignores.extend(["ALSA-2021:1242", "CVE-2021-27928"].map(str::to_owned));
    }
    // The tests give a virtual machine by its CPE, which the extraction lost.
    if id.contains("JVMPackage") && package["cpe"].as_str().is_none_or(str::is_empty) {
        let version = package["version"].as_str().unwrap_or_default();
        let (version, update) = version.split_once('_').unwrap_or((version, ""));
        let update = if update.is_empty() { "*".to_owned() } else { format!("update{update}") };
        let name = package["name"].as_str().unwrap_or_default();
        run.artifact["cpes"] = value!([{"cpe": format!("cpe:2.3:a:oracle:{name}:{version}:{update}:*:*:*:*:*:*")}]);
    }
    if id.contains("DropMainPackage") {
        let module = package["name"].as_str().unwrap_or_default();
        let pseudo = "v0.0.0-20220606222826-f59ce19ec6b6";
        let with = |version: &str, main: &str, flags: Vec<&'static str>| {
            let mut artifact = run.artifact.clone();
            artifact["version"] = value!(version);
            artifact["purl"] = value!(format!("pkg:golang/{module}@{version}"));
            artifact["metadata"] = value!({"mainModule": main});
            Run { artifact, flags, ..run.clone() }
        };
        return vec![
            (with(pseudo, "example.com/other", vec![]), expected.clone()),
            (with(pseudo, module, vec![]), nothing.clone()),
            (with(pseudo, module, vec!["--go-main-pseudo-versions"]), expected),
            (with("(devel)", module, vec!["--go-main-pseudo-versions"]), nothing),
        ];
    }
    let on = id.contains("EOLDistroEnabled") || id.contains("FlagEnabled");
    if on || both {
        run.flags.push("--ended-by-cpe");
    }
    if both {
        let off = Run { flags: Vec::new(), ..run.clone() };
        return vec![(run, expected), (off, nothing)];
    }
    vec![(run, expected)]
}

/// Modularity labels that the tests give and the extraction lost.
fn label(id: &str) -> Option<&'static str> {
    Some(match id {
        "TestAlmaLinuxMatching_ModularVulnerable" | "TestAlmaLinuxMatching_ModularFixed" => "httpd:2.4:1234:5678",
        "TestAlmaLinuxMatching_ModularityMismatch" => "httpd:2.6:1234:5678",
        "TestRpmNotAffected_MinoredHostGetsSuppressingIgnore" => "mariadb:10.5:8060020220715055054:1e6a3387",
        id if id.contains("ModuleBuild") => "mariadb:10.3:1234:abcd",
        _ => return None,
    })
}

/// The package as Syft writes it.
fn artifact(package: &Value, label: Option<&str>) -> Value {
    let text = |field: &str| package[field].as_str().unwrap_or_default();
    let (name, mut version) = (text("name").to_owned(), text("version").to_owned());
    let epoch = package["epoch"].as_u64().filter(|epoch| *epoch > 0);
    if let Some(epoch) = epoch.filter(|_| !version.contains(':')) {
        version = format!("{epoch}:{version}");
    }
    let source = package["upstreams"].as_array().into_iter().flatten().next();
    let part = |place: usize| source.and_then(|source| source[place].as_str()).unwrap_or_default();
    let (source_name, source_version) = (part(0), part(1));
    let kind = text("type");
    // The versions of the tests' source packages state their epochs; a purl can say so, a source package's file name cannot.
    let upstream = match (source_name, source_version) {
        ("", _) => String::new(),
        (name, "") => format!("&upstream={name}"),
        (name, version) => format!("&upstream={name}@{version}"),
    };
    let (ty, purl) = match kind {
        "ApkPkg" => ("apk", format!("pkg:apk/alpine/{name}@{version}?arch=x86_64{upstream}")),
        "DebPkg" => ("deb", format!("pkg:deb/debian/{name}@{version}?arch=amd64{upstream}")),
        "RpmPkg" => ("rpm", format!("pkg:rpm/redhat/{name}@{version}?arch=x86_64{upstream}")),
        "GoModulePkg" => ("go-module", format!("pkg:golang/{name}@{version}")),
        "NpmPkg" => ("npm", format!("pkg:npm/{}@{version}", name.replace('@', "%40"))),
        "GemPkg" => ("gem", format!("pkg:gem/{name}@{version}")),
        "PythonPkg" => ("python", format!("pkg:pypi/{name}@{version}")),
        "JavaPkg" | "JenkinsPluginPkg" => ("java-archive", format!("pkg:maven/{}@{version}", name.replace(':', "/"))),
        "RustPkg" => ("rust-crate", format!("pkg:cargo/{name}@{version}")),
        "DotnetPkg" => ("dotnet", format!("pkg:nuget/{name}@{version}")),
        "PhpComposerPkg" => ("php-composer", format!("pkg:composer/{name}@{version}")),
        "BitnamiPkg" => ("bitnami", format!("pkg:bitnami/{name}@{version}")),
        "BinaryPkg" => ("binary", format!("pkg:generic/{name}@{version}")),
        "AlpmPkg" => ("alpm", format!("pkg:alpm/arch/{name}@{version}")),
        "HexPkg" => ("hex", format!("pkg:hex/{name}@{version}")),
        "CocoapodsPkg" => ("pod", format!("pkg:cocoapods/{name}@{version}")),
        "GithubActionPkg" => ("github-action", format!("pkg:github/{name}@{version}")),
        // Unknown ones, and those without an ecosystem.
        _ => ("unknown", format!("pkg:generic/{name}@{version}")),
    };
    let cpes: Vec<Value> =
        Some(text("cpe")).filter(|cpe| !cpe.is_empty()).map(|cpe| value!({"cpe": cpe})).into_iter().collect();
    let arch = Some(text("arch")).filter(|arch| !arch.is_empty());
    let mut metadata = value!({"architecture": arch.unwrap_or("x86_64")});
    if let Some(label) = label {
        metadata["modularityLabel"] = value!(label);
    }
    value!({
        "id": "1", "name": name, "version": version, "type": ty, "purl": purl, "cpes": cpes, "locations": [],
        "metadata": metadata,
    })
}

/// `dbtest.RHEL8`, `newEUSDistro("9.4")`, `distro.New(distro.RedHat, "8.6", "")`.
fn distro(package: &Value) -> Value {
    let text = package["distro"].as_str().unwrap_or_default();
    let quoted = || text.split('"').nth(1).unwrap_or_default().to_owned();
    let (name, version) = if text.contains("EUSDistro") {
        ("rhel".to_owned(), quoted() + "+eus")
    } else if text.contains("ESMDistro") {
        ("ubuntu".to_owned(), quoted() + "+esm")
    } else if let Some(symbol) = text.strip_prefix("dbtest.") {
        let digits = symbol.find(|c: char| c.is_ascii_digit()).unwrap_or(symbol.len());
        let (name, digits) = symbol.split_at(digits);
        // Alpine318, SLES156, Ubuntu2204: the last digits are the minor release.
        let version = match (name, digits.len()) {
            ("Alpine", 3..) => format!("{}.{}", &digits[..1], &digits[1..]),
            ("SLES", 3..) | ("Ubuntu", 4..) => format!("{}.{}", &digits[..2], &digits[2..]),
            _ => digits.to_owned(),
        };
        (name.to_owned(), version)
    } else {
        (text.split("distro.").last().unwrap_or_default().split(',').next().unwrap_or_default().to_owned(), quoted())
    };
    let id = match name.to_ascii_lowercase().as_str() {
        "rhel" | "redhat" => "rhel".to_owned(),
        "amazonlinux" | "amazon" => "amzn".to_owned(),
        "oraclelinux" | "oracle" => "ol".to_owned(),
        other => other.to_owned(),
    };
    value!({"id": id, "name": id, "versionID": version})
}

/// The files of the records to load.
fn records(fixture: &Path, only: &Value) -> Result<Vec<PathBuf>> {
    let wanted: Option<Vec<String>> = only
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).map(|text| text.to_ascii_lowercase()).collect());
    let mut found = Vec::new();
    for path in files(fixture)? {
        if !path.components().any(|part| part.as_os_str() == "results")
            || path.extension().is_none_or(|end| end != "json")
        {
            continue;
        }
        let identifier = json(&path)?["identifier"].as_str().unwrap_or_default().to_ascii_lowercase();
        let is_wanted = |wanted: &String| match (wanted.contains('/'), wanted.contains(':')) {
            (true, _) => identifier == *wanted,
            (false, true) => identifier.starts_with(wanted.as_str()),
            (false, false) => identifier.rsplit('/').next() == Some(wanted),
        };
        // The lifecycle of a release is no record about a package: the tests load it always.
        let lifecycle = path.components().any(|part| part.as_os_str() == "eol");
        if lifecycle || wanted.as_ref().is_none_or(|wanted| wanted.iter().any(is_wanted)) {
            found.push(path);
        }
    }
    Ok(found)
}

fn answer(input: &Input, room: &Path) -> Result<Vec<Found>> {
    let folder = room.join("records");
    std::fs::create_dir_all(&folder)?;
    for (n, path) in input.records.iter().enumerate() {
        std::fs::copy(path, folder.join(format!("{n}.json")))?;
    }
    let database = room.join("advisories.db").display().to_string();
    let build = ["db", "build", "--vunnel", "records", "-o", &database].map(str::to_owned);
    let built = signet::run(&build, room, room)?;
    ensure!(built.status.success(), "db build: {}", String::from_utf8_lossy(&built.stderr).trim());
    input.runs.iter().map(|run| scan(run, &database, room)).collect()
}

fn scan(run: &Run, database: &str, room: &Path) -> Result<Found> {
    let sbom = value!({
        "artifacts": [run.artifact], "artifactRelationships": [], "distro": run.distro,
        "source": {"id": "1", "name": "case", "version": "1", "type": "directory", "metadata": {"path": "."}},
        "descriptor": {"name": "syft", "version": "1.30.0"},
        "schema": {"version": "16.0.0", "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"},
    });
    std::fs::write(room.join("case.syft.json"), serde_json::to_vec(&sbom)?)?;
    let mut arguments: Vec<String> = [
        "scan",
        "sbom:case.syft.json",
        "--db",
        database,
        "--show-suppressed",
        "--allow-incomplete",
        "-o",
        "json=out.json",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(run.flags.iter().map(|flag| (*flag).to_owned()));
    let ended = signet::run(&arguments, room, room)?;
    ensure!(ended.status.success(), "scan: {}", String::from_utf8_lossy(&ended.stderr).trim());
    let report = json(&room.join("out.json"))?;
    let mut found = Found::default();
    for finding in report["findings"].as_array().context("a report has findings")? {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for field in ["aliases", "vendorIds"] {
            for name in finding[field].as_array().into_iter().flatten().filter_map(Value::as_str) {
                names.insert(name.to_owned());
            }
        }
        names.extend(finding["id"].as_str().map(str::to_owned));
        if finding["suppressed"].is_object() {
            found.ignores.push(names);
        } else {
            found.matches.push(names);
            found.details.insert(detail(finding));
        }
    }
    Ok(found)
}

/// How a finding came to be, in Grype's words.
fn detail(finding: &Value) -> String {
    let notes = finding["why"]["notes"].to_string();
    if notes.contains("matched by the CPE") {
        "CPEMatch".to_owned()
    } else if notes.contains("looked up by the source package") {
        "ExactIndirectMatch".to_owned()
    } else {
        "ExactDirectMatch".to_owned()
    }
}

/// Every expected id is there, and nothing else is reported; of the ignores each expected one is there.
fn compare(found: &[Found], expected: &[Expected]) -> Verdict {
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let has = |list: &[BTreeSet<String>], id: &String| list.iter().any(|names| names.contains(id));
        let missing: Vec<&String> = expected
            .matches
            .iter()
            .filter(|id| !has(&found.matches, id))
            .chain(expected.ignores.iter().filter(|id| !has(&found.ignores, id)))
            .collect();
        let more: Vec<_> = found.matches.iter().filter(|names| names.is_disjoint(&expected.matches)).collect();
        // One finding stands for all ways that lead to it, so each stated way need not show; one that is not stated must not.
        let ways: Vec<_> = found.details.difference(&expected.details).collect();
        let ways = if expected.details.is_empty() { Vec::new() } else { ways };
        if !missing.is_empty() || !more.is_empty() || !ways.is_empty() {
            return Verdict::Failed(format!(
                "run {}: missing {missing:?}, not wanted {more:?}, ways not wanted {ways:?}; ignores {:?}",
                n + 1,
                found.ignores
            ));
        }
    }
    Verdict::Passed
}
